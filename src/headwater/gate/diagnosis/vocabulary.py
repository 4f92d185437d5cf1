"""How many words a recipe uses, and how many of the rare ones of the human text."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from headwater.gate.diagnosis.base import HumanSide, tokens_of
from headwater.measure import rare_recall, support
from headwater.text import END, UNKNOWN


@dataclass(frozen=True)
class Words:
    """The words of a batch."""

    support: int
    """Distinct words of the human vocabulary that it uses."""
    support_share: float
    """Share of the distinct words of the human training text that it uses; grows with its size."""
    compared_words: int
    """Words of random parts of equal size: all of the batch, or all of the human reference where that is smaller."""
    richness: float
    """Distinct words in such a part of the batch, on average."""
    richness_human: float
    """Distinct words in such a part of unseen human documents, on average."""
    rare_recall: float
    """Share of the rare human words that it uses; grows with its size."""
    unknown: float
    """Share of its tokens that the human vocabulary does not have."""


def words(documents: pa.Table, human: HumanSide) -> Words:
    """Return what words a batch uses."""
    tokens = tokens_of(documents)
    size = human.vocabulary_size
    counts, people = (np.bincount(one, minlength=size)[END + 1 :] for one in (tokens, tokens_of(human.reference)))
    compared = int(min(counts.sum(), people.sum()))
    used = support(tokens, size, first=END + 1)
    return Words(
        used,
        used / max(int(np.count_nonzero(human.counts[END + 1 :])), 1),
        compared,
        expected_support(counts, compared),
        expected_support(people, compared),
        rare_recall(tokens, human.rare, human.vocabulary_size),
        float((tokens == UNKNOWN).mean()) if len(tokens) else 0.0,
    )


def expected_support(counts: np.ndarray[tuple[int], np.dtype[np.int64]], draws: int) -> float:
    """Return how many types a random part of a text holds on average (Hurlbert 1971); all beyond the text's size.

    Args:
        counts: how often each type occurs in the text.
        draws: words drawn without replacement.
    """
    from scipy.special import gammaln

    total = int(counts.sum())
    present = counts[counts > 0]
    if draws >= total:
        return float(len(present))
    rest = total - present
    possible = rest >= draws
    lacking = np.zeros(len(present))
    lacking[possible] = np.exp(
        gammaln(rest[possible] + 1)
        - gammaln(rest[possible] - draws + 1)
        - gammaln(total + 1)
        + gammaln(total - draws + 1)
    )
    return float((1 - lacking).sum())
