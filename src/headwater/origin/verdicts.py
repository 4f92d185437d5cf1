"""Verdicts on single documents: p-values against human text of the same length, and three answers.

Scores of short texts spread more than those of long ones, so a threshold that is right for whole articles flags
excerpts. A document is therefore compared with references of its own length. No document of fewer than fifty words is
called anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.decide.conformal import conformal_p_values
from headwater.origin.result import DocumentVerdict

SHORT_WORDS = 50
"""Documents of fewer words are undecided, whatever their score: AUROC there is little above chance."""
LENGTH_EDGES = (50, 100, 150, 250)
"""Words at which a new bucket of lengths begins; the detector looks at the first 250."""
LEAST_REFERENCES = 99
"""Human references a bucket needs to support a claim at the 1% level; those with fewer are merged with a neighbour."""
ORDINARY = 0.1
"""p-value from which on a score is ordinary: a tenth of the human references score at least as high."""


@dataclass(frozen=True, slots=True, eq=False)
class LengthBuckets:
    """Human references by length."""

    edges: tuple[int, ...]
    """Fewest words of each bucket, ascending; the first is 0."""
    references: tuple[NDArray[np.float64], ...]
    """Scores of the references of each bucket."""

    @classmethod
    def of(
        cls,
        scores: NDArray[np.float64],
        words: NDArray[np.int64],
        edges: Sequence[int] = LENGTH_EDGES,
        least: int = LEAST_REFERENCES,
    ) -> "LengthBuckets":
        """Return references in buckets of at least ``least`` of them each, or in one bucket where there are fewer.

        A bucket with too few joins the neighbour with fewer references.

        Args:
            scores: scores of human references, shape (references,), without missing ones.
            words: their words, shape (references,).
            edges: words at which a bucket begins.
            least: references a bucket needs.
        """
        bounds = [0, *edges]
        groups = [scores[(words >= low) & (words < high)] for low, high in pairwise([*bounds, np.inf])]
        while len(groups) > 1 and min(map(len, groups)) < least:
            small = min(range(len(groups)), key=lambda i: len(groups[i]))
            beside = [i for i in (small - 1, small + 1) if 0 <= i < len(groups)]
            other = min(beside, key=lambda i: len(groups[i]))
            first = min(small, other)
            groups[first : first + 2] = [np.concatenate(groups[first : first + 2])]
            del bounds[first + 1]
        return cls(tuple(bounds), tuple(groups))

    def __len__(self) -> int:
        return len(self.edges)

    def of_words(self, words: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the bucket of each document by its words."""
        return np.searchsorted(np.asarray(self.edges), np.asarray(words), side="right") - 1

    def p_values(self, scores: NDArray[np.float64], words: ArrayLike) -> NDArray[np.float64]:
        """Return the p-value of each score among the references of its length; not a number without a score."""
        p = np.full(len(scores), np.nan)
        bucket = self.of_words(words)
        for number, known in enumerate(self.references):
            chosen = bucket == number
            if chosen.any() and len(known):
                p[chosen] = conformal_p_values(scores[chosen], known)
        return p

    def limits(self, threshold: float) -> list[float | None]:
        """Return for each bucket the score above which the p-value is at most the threshold; None where none is."""
        found: list[float | None] = []
        for known in self.references:
            above = int(np.floor(threshold * (len(known) + 1) + 1e-9)) - 1  # references that may score as high
            found.append(float(np.sort(known)[-(above + 1)]) if 0 <= above < len(known) else None)
        return found

    def rate(self, threshold: float, words: ArrayLike) -> float:
        """Return the share of human documents of these lengths whose p-value is at most the threshold.

        Expected, if they are exchangeable with the references: floor(t (n + 1)) / (n + 1) with n references. Not a
        number without documents.
        """
        sizes = np.array([len(known) for known in self.references])
        rates = np.floor(threshold * (sizes + 1) + 1e-9) / (sizes + 1)
        bucket = self.of_words(words)
        return float(np.minimum(rates, 1.0)[bucket].mean()) if len(bucket) else float("nan")

    def describe(self) -> list[tuple[int, int | None, int]]:
        """Return fewest words, most words and number of references of each bucket."""
        ends: list[int | None] = [*(edge - 1 for edge in self.edges[1:]), None]
        return [(low, high, len(known)) for low, high, known in zip(self.edges, ends, self.references, strict=True)]


def verdicts(p_values: NDArray[np.float64], words: ArrayLike, threshold: float) -> list[DocumentVerdict]:
    """Return the verdict on each document.

    Args:
        p_values: shape (documents,); not a number for documents that were not scored.
        words: shape (documents,).
        threshold: largest p-value that is a discovery (:func:`headwater.decide.bh_threshold`); 0: none is.
    """
    judged = (np.asarray(words) >= SHORT_WORDS) & ~np.isnan(p_values)
    machine = judged & (p_values <= threshold)
    ordinary = judged & (p_values >= ORDINARY) & ~machine
    answers = np.where(machine, DocumentVerdict.MACHINE_LIKE, DocumentVerdict.UNDECIDED)
    return [DocumentVerdict(one) for one in np.where(ordinary, DocumentVerdict.HUMAN_CONSISTENT, answers).tolist()]
