"""Lower bounds of the share that need no machine text: only the corpus and known human text.

Whatever machine text scores, at most alpha of a corpus is machine-made text above a threshold, and the rest of what is
there is human text that scores so high. Two forms: one that follows from the Dvoretzky-Kiefer-Wolfowitz inequality in a
line, and a sharper one that is exact at any size. Both assume that the corpus' human documents could have been drawn
like the references; neither assumes anything of machine text.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.origin.share.histograms import finite, named

Floats = NDArray[np.float64]
_FIRST = 4
"""Documents above the highest threshold that is looked at."""
_STEP = 1.25
"""Ratio of the ranks of neighbouring thresholds: finer steps raise the critical value and find no more."""


def dkw_bound(corpus: ArrayLike, human: ArrayLike, delta: float = 0.05) -> float:
    """Return max over t of [(G(t) - e_c) - (G_H(t) + e_h)] / [1 - (G_H(t) + e_h)], and 0.

    G is the share above t and e = sqrt(ln(2 / delta) / (2 n)) of each sample (one-sided Dvoretzky-Kiefer-Wolfowitz with
    Massart's constant, delta split in two), so the bound holds at all t at once. Safe and loose: 7 to 12 points short
    at 500 documents and 300 references.

    Args:
        corpus: scores, shape (documents,).
        human: scores of known human documents, shape (references,).
        delta: chance that the share the corpus was drawn with is below the bound.

    Returns:
        The bound, 0 to 1; 0 with no documents or no references.
    """
    c, h = np.sort(finite(corpus)), np.sort(finite(human))
    if not c.size or not h.size:
        return 0.0
    e_c, e_h = (np.sqrt(np.log(2 / delta) / (2 * one.size)) for one in (c, h))
    above = np.arange(c.size, 0, -1) / c.size  # share of the corpus at or above each of its scores
    human_above = 1.0 - np.searchsorted(h, c, side="left") / h.size + e_h
    room = 1.0 - human_above
    clear = room > 0.05
    return float(max(0.0, ((above - e_c - human_above)[clear] / room[clear]).max(initial=0.0)))


def exact_bound(
    corpus: ArrayLike,
    human: ArrayLike,
    rng: np.random.Generator,
    delta: float = 0.05,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
    draws: int = 999,
) -> float:
    """Return a share that the machine-made share of *these* documents is below with probability at most ``delta``.

    If no more than k documents are machine-made, then without its k highest scores the corpus scores no higher than
    human text does. "No higher" is tested by permutation of corpus and references, which is exact at any size: the
    statistic (largest one-sided Berk-Jones deviation over thresholds at ranks 4, 5, 6, 8, ... of the pooled scores,
    Berk and Jones 1979) rises with every score of the corpus, and taking the k highest away leaves scores that are
    no higher, rank by rank, than those of any n - k human documents in it. The bound is the smallest k that stands.

    Args:
        corpus: scores, shape (documents,).
        human: scores of known human documents the detector was not trained on, shape (references,).
        rng: source of the permutations.
        delta: error probability.
        groups: units of independence of corpus and references; they are permuted as wholes. None: each document is one.
        draws: permutations; the error of the critical value is about 2 / sqrt(draws * delta) of a standard deviation.

    Returns:
        The bound k / documents, 0 to 1; 0 with no documents or no references.
    """
    c, h = finite(corpus), finite(human)
    if not c.size or not h.size:
        return 0.0
    units = None if groups is None else _units(groups, c.size, h.size)
    order = np.argsort(-c, kind="stable")
    c = c[order]
    if units is not None:
        units = (units[0][order], units[1])
    low, critical = 0, _critical(c, h, 0, units, rng, delta, draws)
    # The critical value hardly depends on k, so it is renewed only where the search with the last one ended.
    for _ in range(3):
        stands = _smallest(c, h, critical)
        if stands == low:
            break
        low, critical = stands, _critical(c, h, stands, units, rng, delta, draws)
    return low / c.size


def _smallest(c: Floats, h: Floats, critical: float) -> int:
    """Return the smallest k whose statistic is not above the critical value (``c`` descending), by bisection."""
    if _observed(c, h, 0) <= critical:
        return 0
    low, high = 0, c.size
    while high - low > 1:
        middle = (low + high) // 2
        if _observed(c, h, middle) <= critical:
            high = middle
        else:
            low = middle
    return high


def _observed(c: Floats, h: Floats, k: int) -> float:
    """Return the statistic without the k highest scores; of equal scores those of the references count as higher."""
    rest = c[k:]
    if not rest.size:
        return 0.0
    ranks = _ranks(rest.size + h.size)
    high_first = np.lexsort((np.r_[np.ones(rest.size), np.zeros(h.size)], -np.r_[rest, h]))
    above = np.cumsum(high_first < rest.size)[ranks - 1]
    return float(_deviation(above[None, :], np.array([[rest.size]]), ranks, rest.size + h.size)[0])


def _critical(
    c: Floats,
    h: Floats,
    k: int,
    units: tuple[NDArray[np.intp], NDArray[np.intp]] | None,
    rng: np.random.Generator,
    delta: float,
    draws: int,
) -> float:
    """Return the value that the statistic of permuted scores exceeds with probability ``delta``."""
    rest = c[k:]
    total = rest.size + h.size
    if not rest.size:
        return 0.0
    ranks = _ranks(total)
    if units is None:
        between = np.diff(np.r_[0, ranks, total])
        drawn = rng.multivariate_hypergeometric(between, rest.size, size=draws, method="marginals")
        statistics = _deviation(np.cumsum(drawn, axis=1)[:, :-1], np.full((draws, 1), rest.size), ranks, total)
    else:
        from scipy.sparse import coo_array

        places = np.empty(total, np.intp)
        places[np.argsort(-np.r_[rest, h], kind="stable")] = np.arange(total)
        # A unit that is in both samples is two units: its parts are permuted apart.
        own, codes = np.unique(np.r_[units[0][k:] * 2, units[1] * 2 + 1], return_inverse=True)
        counts = coo_array(
            (np.ones(total), (codes, np.searchsorted(ranks, places, side="right"))), shape=(own.size, ranks.size + 1)
        ).tocsr()
        in_corpus = np.unique(units[0][k:]).size
        statistics = np.empty(draws)
        for i in range(draws):
            chosen = np.zeros(own.size)
            chosen[rng.permutation(own.size)[:in_corpus]] = 1.0
            drawn = (chosen @ counts)[None, :]
            size = drawn.sum(axis=1, keepdims=True)
            statistics[i] = _deviation(np.cumsum(drawn, axis=1)[:, :-1], size, ranks, total)[0]
    # With the observed one the draws + 1 statistics are exchangeable, so this order statistic is exact.
    place = int(np.ceil((draws + 1) * (1 - delta))) - 1
    return float(np.sort(statistics)[min(place, draws - 1)])


def _ranks(total: int) -> NDArray[np.intp]:
    """Return the pooled ranks of the thresholds, from the fourth highest score to the middle."""
    last = max(total // 2, 1)
    steps = int(np.log(max(last / _FIRST, 1.0)) / np.log(_STEP)) + 1
    return np.unique(np.minimum(np.round(_FIRST * _STEP ** np.arange(steps)).astype(np.intp), last))


def _deviation(above: NDArray[np.generic], size: NDArray[np.generic], ranks: NDArray[np.intp], total: int) -> Floats:
    """Return the largest deviance of "corpus above the threshold as often as references" where it is above more often.

    Args:
        above: corpus documents among the ``ranks`` highest, shape (draws, thresholds).
        size: corpus documents, shape (draws, 1).
        ranks: shape (thresholds,).
        total: documents of both samples.
    """
    a = np.asarray(above, np.float64)
    n = np.asarray(size, np.float64)
    b, m = ranks - a, total - n

    def part(count: Floats, expected: Floats) -> Floats:
        return np.asarray(count * np.log(np.where(count > 0, count / np.maximum(expected, 1e-300), 1.0)))

    rate = ranks / total
    deviance = part(a, n * rate) + part(n - a, n * (1 - rate)) + part(b, m * rate) + part(m - b, m * (1 - rate))
    return np.asarray(np.where(a > n * rate, deviance, 0.0).max(axis=1))


def _units(
    groups: tuple[ArrayLike, ArrayLike], documents: int, references: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the groups of both samples as numbers, or None where every document is its own."""
    names = [named(one, size).astype(np.str_) for one, size in zip(groups, (documents, references), strict=True)]
    codes = np.unique(np.concatenate(names), return_inverse=True)[1]
    first, second = codes[: names[0].size], codes[names[0].size :]
    if np.unique(first).size == documents and np.unique(second).size == references:
        return None
    return first, second
