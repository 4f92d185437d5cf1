"""Signals beside every decision: shown, used to order and to explain, never to admit."""

from headwater.gate.diagnosis.base import Columns, HumanSide, Signal
from headwater.gate.diagnosis.copies import CopyRate
from headwater.gate.diagnosis.diagnose import SIGNALS, Diagnosed, Diagnosis, NearPair, Spread, diagnose
from headwater.gate.diagnosis.discriminator import Discriminated, discriminate
from headwater.gate.diagnosis.filters import HARM_ELSEWHERE, apply_filters, filter_rules, sentence_of
from headwater.gate.diagnosis.importance import Importance
from headwater.gate.diagnosis.likeness import Cloud, Space
from headwater.gate.diagnosis.nearest import Near, Nearest
from headwater.gate.diagnosis.perplexity import Perplexity
from headwater.gate.diagnosis.vocabulary import Words, expected_support, words

__all__ = [
    "HARM_ELSEWHERE",
    "SIGNALS",
    "Cloud",
    "Columns",
    "CopyRate",
    "Diagnosed",
    "Diagnosis",
    "Discriminated",
    "HumanSide",
    "Importance",
    "Near",
    "NearPair",
    "Nearest",
    "Perplexity",
    "Signal",
    "Space",
    "Spread",
    "Words",
    "apply_filters",
    "diagnose",
    "discriminate",
    "expected_support",
    "filter_rules",
    "sentence_of",
    "words",
]
