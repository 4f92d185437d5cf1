"""Words in excess: how far a group's wording has moved from older text of the same source.

After Kobak, González-Márquez, Horvát, Lause (2025), "Delving into LLM-assisted writing in biomedical publications
through excess vocabulary": the share of documents that hold a word, less the share expected from earlier periods, is a
lower bound of the share of documents in which something put the word that was not there before. No machine text is
needed. What changed need not be a machine: a topic, an editor, a template move words as well.

A table of a period is counts and a sample, both bounded, and tables of parts add up to the table of the whole. Only the
first hundred words of documents that have as many are looked at: longer documents hold more words, and a change of
length is no change of wording. Documents are dealt to two halves by their text. Words are chosen on one half and
tested on the other, so that choosing among thousands costs nothing.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from headwater.origin.result import Drift

WINDOW = 100
"""Words of each document that are looked at; shorter documents are left out."""
MOST_WORDS = 50_000
"""Words a table keeps; of more, those in the most documents."""
SAMPLE = 4096
"""Documents of each half whose set of words is kept, to count the documents with any of several words."""
LEAST_DOCUMENTS = 200
"""Documents of each half a period needs."""
_CHOSEN = 30  # words that are combined at most: more add little but topics
_SHOWN = 12
_LEAST_SHARE = 0.002  # of documents that hold a word, so that its excess is no matter of a few of them
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_WITH_LENGTH = 12  # characters that are read per word of the window at most: bounds the time for one long line


@dataclass(frozen=True, slots=True)
class WordTable:
    """What is kept of the documents of one group and period."""

    documents: tuple[int, int]
    """Documents of each half."""
    words: tuple[Counter[str], Counter[str]]
    """Documents of each half that hold a word."""
    sample: tuple[tuple[tuple[int, frozenset[str]], ...], tuple[tuple[int, frozenset[str]], ...]]
    """Of each half the documents with the lowest hash: hash and words, ascending."""

    def __add__(self, other: "WordTable") -> "WordTable":
        """Return the table of both parts.

        A word that was dropped from a part for its rarity is counted too low by what was dropped.
        """
        return WordTable(
            (self.documents[0] + other.documents[0], self.documents[1] + other.documents[1]),
            (_frequent(self.words[0] + other.words[0]), _frequent(self.words[1] + other.words[1])),
            (_lowest(self.sample[0] + other.sample[0]), _lowest(self.sample[1] + other.sample[1])),
        )


EMPTY = WordTable((0, 0), (Counter(), Counter()), ((), ()))


def word_table(texts: Iterable[str | None]) -> WordTable:
    """Return the table of some texts of one group and period. A text that occurs again is counted again."""
    documents = [0, 0]
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    samples: tuple[list[tuple[int, frozenset[str]]], list[tuple[int, frozenset[str]]]] = ([], [])
    for text in texts:
        if text is None:
            continue
        found = _WORD.findall(text[: WINDOW * _WITH_LENGTH].lower())[:WINDOW]
        if len(found) < WINDOW:
            continue
        words = frozenset(found)
        digest = hashlib.blake2b(" ".join(found).encode("utf-8", "surrogatepass"), digest_size=8, person=b"drift")
        key = int.from_bytes(digest.digest(), "big")
        half, place = key & 1, key >> 1
        documents[half] += 1
        counts[half].update(words)
        samples[half].append((place, words))
        if len(samples[half]) >= 2 * SAMPLE:
            samples[half][:] = _lowest(samples[half])
    return WordTable(
        (documents[0], documents[1]),
        (_frequent(counts[0]), _frequent(counts[1])),
        (_lowest(samples[0]), _lowest(samples[1])),
    )


def drift(now: WordTable, before: Sequence[WordTable], since: str, confidence: float = 0.95) -> Drift | None:
    """Return the words in excess and a lower bound of the share of documents affected.

    Expected is the share in the last period before, carried on in a straight line from the one before it where the word
    was rising already; never less (Kobak et al.). With one period before, it is that period's share: what the source
    would have done by itself is then unknown, and counted as change.

    Words whose excess stands out on one half are joined, most telling first, as long as that half's own bound of the
    documents with any of them grows. The bound is taken on the other half: the excess of documents with any of the
    words, less ``confidence`` errors of the normal approximation (one-sided).

    Args:
        now: table of the group.
        before: tables of earlier periods of the same source, oldest first, all of equal length and adjoining; the last
            one or two are used.
        since: name of the period the group is compared with.
        confidence: of the lower bound.

    Returns:
        None where a period has fewer than 200 documents of at least 100 words in a half.
    """
    periods = [now, *reversed(before[-2:])]
    if len(periods) < 2 or min(min(table.documents) for table in periods) < LEAST_DOCUMENTS:
        return None
    z = NormalDist().inv_cdf(confidence)
    ranked = _excess_words(periods, 0)
    chosen = _join(periods, ranked[:_CHOSEN], z)
    low = (
        max(0.0, _bound([np.asarray(_holds(table, 1, chosen).any(axis=0)) for table in periods], z)) if chosen else 0.0
    )
    return Drift(since, low, tuple((word, *_shares(periods, 1, word)) for word in ranked[:_SHOWN]))


def _excess_words(periods: Sequence[WordTable], half: int) -> list[str]:
    """Return the words above expectation by more than 3 standard errors, the most documents in excess first."""
    found = []
    sizes = [table.documents[half] for table in periods]
    for word, count in periods[0].words[half].items():
        if count < _LEAST_SHARE * sizes[0]:
            continue
        shares = [table.words[half][word] / size for table, size in zip(periods, sizes, strict=True)]
        gap, error = _gap(shares, sizes)
        if gap > 3.0 * error:
            found.append((gap, word))
    return [word for _, word in sorted(found, key=lambda one: (-one[0], one[1]))]


def _join(periods: Sequence[WordTable], ranked: Sequence[str], z: float) -> list[str]:
    """Return the words that together give the largest bound on the first half, added one by one."""
    holds = [_holds(table, 0, ranked) for table in periods]
    any_of: list[NDArray[np.bool_]] = [np.zeros(held.shape[1], np.bool_) for held in holds]
    chosen: list[int] = []
    best = 0.0
    while len(chosen) < len(ranked):
        left = [i for i in range(len(ranked)) if i not in chosen]
        bounds = [_bound([np.asarray(a | held[i]) for a, held in zip(any_of, holds, strict=True)], z) for i in left]
        top = int(np.argmax(bounds))
        if bounds[top] <= best:
            break
        best = bounds[top]
        chosen.append(left[top])
        any_of = [np.asarray(found | held[left[top]]) for found, held in zip(any_of, holds, strict=True)]
    return [ranked[i] for i in chosen]


def _holds(table: WordTable, half: int, words: Sequence[str]) -> NDArray[np.bool_]:
    """Return which sampled documents hold which word, shape (words, documents)."""
    held = [[word in found for _, found in table.sample[half]] for word in words]
    return np.array(held, dtype=np.bool_).reshape(len(words), len(table.sample[half]))


def _bound(affected: Sequence[NDArray[np.bool_]], z: float) -> float:
    """Return the lower limit of the excess of documents that are marked, from samples of the periods, latest first."""
    gap, error = _gap([float(marked.mean()) for marked in affected], [marked.size for marked in affected])
    return gap - z * error


def _shares(periods: Sequence[WordTable], half: int, word: str) -> tuple[float, float]:
    """Return the share of documents with a word, and the share expected."""
    shares = [table.words[half][word] / table.documents[half] for table in periods]
    return shares[0], _expected(shares)


def _expected(shares: Sequence[float]) -> float:
    """Return the expected share from those of the periods before, the latest first after the present one."""
    if len(shares) < 3:
        return shares[1]
    return min(1.0, shares[1] + max(shares[1] - shares[2], 0.0))


def _gap(shares: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Return the excess over expectation and its standard error (of shares drawn in by two documents each way)."""
    drawn_in = [(share * size + 2) / (size + 4) for share, size in zip(shares, sizes, strict=True)]
    variances = [p * (1 - p) / (size + 4) for p, size in zip(drawn_in, sizes, strict=True)]
    rising = len(shares) > 2 and shares[1] > shares[2]  # then the expectation is 2 * last - the one before
    error = variances[0] + (4 * variances[1] + variances[2] if rising else variances[1])
    return shares[0] - _expected(shares), float(np.sqrt(error))


def _frequent(counts: Counter[str]) -> Counter[str]:
    """Return the counts of at most ``MOST_WORDS`` words; ties are broken by the word, so that order does not matter."""
    if len(counts) <= MOST_WORDS:
        return counts
    return Counter(dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_WORDS]))


def _lowest(
    sample: Iterable[tuple[int, frozenset[str]]],
) -> tuple[tuple[int, frozenset[str]], ...]:
    """Return the documents with the lowest hashes."""
    return tuple(sorted(sample, key=lambda one: one[0])[:SAMPLE])
