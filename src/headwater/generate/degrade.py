"""Recipes whose output must never be admitted: they put a gate to the test.

They stand for what real streams carry: word salad, lightly edited copies of training text, and leaks of held-out
documents, verbatim or reworded.
"""

import re

import numpy as np

from headwater.generate import restructure
from headwater.generate.recipe import Rewrite

_SPACES = re.compile(r"(\s+)")


def _shuffle(text: str, rng: np.random.Generator) -> str:
    """Put the words in random order; the last one keeps the full stop, so that the form does not give it away."""
    words = text.rstrip(". \n").split()
    return " ".join(words[i] for i in rng.permutation(len(words))) + "."


def _edit_lightly(text: str, rng: np.random.Generator) -> str:
    """Leave out one word in forty."""
    pieces = _SPACES.split(text)
    return "".join(piece for i, piece in enumerate(pieces) if i % 2 or rng.random() > 1 / 40)


def _repeat_verbatim(text: str, rng: np.random.Generator) -> str:  # noqa: ARG001  (a Rewriter takes a generator)
    return text


shuffle = Rewrite("shuffled", _shuffle)
near_copy = Rewrite("near-copies", _edit_lightly)
leak = Rewrite("panel-leak", _repeat_verbatim)
paraphrased_leak = Rewrite("panel-paraphrase", restructure.rewrite)
