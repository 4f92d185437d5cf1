"""Share from the words of sentences, without a detector (Liang et al. 2024).

Liang et al. (2024), "Monitoring AI-modified content at scale", section 3. Treats sentences, and words within them, as
independent draws, which they are not: biased high at alpha 0 and low at alpha 1. Here as a baseline.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.origin.share.emq import emq

Floats: TypeAlias = NDArray[np.float64]
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 3
"""Words a sentence needs."""
_LEAST_COUNT = 5
"""Reference units a word must be in: the estimate of its probability is too rough otherwise."""


def word_mle(
    corpus: Sequence[str],
    human: Sequence[str],
    machine: Sequence[str],
    *,
    by_document: bool = False,
    least_z: float = 0,
) -> float:
    """Return the alpha that maximises sum over sentences of log[(1 - alpha) P(x) + alpha Q(x)], 0 to 1.

    P(x) is the product over words of p(w) where the word is present and 1 - p(w) where it is absent, p(w) the share of
    human reference sentences with it; Q likewise of machine-made ones.

    Args:
        corpus: texts.
        human: known human texts.
        machine: known machine-made texts.
        by_document: whether a text is one unit instead of its sentences.
        least_z: only words whose two probabilities differ by so many standard errors.

    Raises:
        NotEnoughData: no sentence among the corpus or the references of a kind.
    """
    units, known_human, known_machine = (list(_units(texts, by_document)) for texts in (corpus, human, machine))
    if not (units and known_human and known_machine):
        raise NotEnoughData("the word estimator needs sentences of the corpus and of both kinds of references")
    inside, outside = (Counter(word for unit in known for word in unit) for known in (known_machine, known_human))
    words = sorted(word for word in inside | outside if inside[word] + outside[word] >= _LEAST_COUNT)
    q, p = _probabilities(words, inside, len(known_machine)), _probabilities(words, outside, len(known_human))
    error = np.sqrt(q * (1 - q) / len(known_machine) + p * (1 - p) / len(known_human))
    kept = np.abs(q - p) >= least_z * error
    absent = float((np.log1p(-q) - np.log1p(-p))[kept].sum())
    present = np.log(q / (1 - q)) - np.log(p / (1 - p))
    weight = {word: float(present[i]) for i, word in enumerate(words) if kept[i]}
    log_ratio = np.array([absent + sum(weight.get(word, 0.0) for word in unit) for unit in units])
    ratio = np.exp(np.clip(log_ratio, -500.0, 500.0))
    return float(emq(np.ones((1, ratio.size)), ratio)[0])


def _units(texts: Iterable[str], by_document: bool) -> Iterable[frozenset[str]]:
    for text in texts:
        for part in [text] if by_document else _SENTENCE.split(text):
            words = _WORD.findall(part.lower())
            if len(words) >= _LEAST_WORDS:
                yield frozenset(words)


def _probabilities(words: Sequence[str], counts: Counter[str], units: int) -> Floats:
    """Return the probability of each word, drawn in by half a unit on either side."""
    return (np.array([counts[word] for word in words], dtype=np.float64) + 0.5) / (units + 1.0)
