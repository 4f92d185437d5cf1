"""What people do today to choose machine-made data, kept here to be compared with the gate.

Each method takes the candidates that passed the hard checks and returns those it would train on.
"""

from headwater.gate.selection.base import Selection, take_tokens, token_counts
from headwater.gate.selection.discriminator import Discriminator
from headwater.gate.selection.dsir import DSIR
from headwater.gate.selection.perplexity import LowestPerplexity
from headwater.gate.selection.share import AdmitAll, RandomShare

__all__ = [
    "DSIR",
    "AdmitAll",
    "Discriminator",
    "LowestPerplexity",
    "RandomShare",
    "Selection",
    "take_tokens",
    "token_counts",
]
