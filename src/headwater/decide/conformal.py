"""Conformal p-values against known references, and the false discovery rate over many of them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError, NotEnoughData


def conformal_p_values(
    scores: ArrayLike, reference: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return (1 + #{reference >= s}) / (n + 1) for each score s: the chance of so high a score among the references.

    Valid at any n if a document from the population of the references could have been one of them (exchangeable; Vovk,
    Gammerman, Shafer 2005, "Algorithmic Learning in a Random World", proposition 2.4). With n references no p-value is
    below 1 / (n + 1): 99 support no claim below 1 %, 999 none below .1 %.

    With weights the share of reference weight at or above s, a new document counting like the heaviest reference:
    (w_max + sum of w over reference >= s) / (w_max + sum of w) (Tibshirani, Barber, Candès, Ramdas 2019, "Conformal
    prediction under covariate shift", equation 7, with the unknown weight of the document at its worst).

    Args:
        scores: shape (documents,), higher = further from the references.
        reference: shape (references,), not used to train what gives the scores.
        weights: likelihood ratio of each reference under the documents, shape (references,), not negative.

    Returns:
        p-values, shape (documents,), above 0 and at most 1. Not a number for a score that is not a number.

    Raises:
        NotEnoughData: no reference.
        InputError: a reference or weight is missing or infinite, or a weight is negative.
    """
    s, known = np.asarray(scores, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if not known.size:
        raise NotEnoughData("a p-value compares with references, and there is none; 99 support claims at the 1 % level")
    if not np.isfinite(known).all():
        raise InputError(f"{(~np.isfinite(known)).sum()} of {known.size} reference scores are missing or infinite")
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known[order], s, side="left")
    if weights is None:
        p = (1.0 + known.size - place) / (known.size + 1.0)
    else:
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != known.shape or not np.isfinite(w).all() or (w < 0).any():
            raise InputError(f"each of the {known.size} references needs a weight, 0 or more")
        if not w.any():
            raise NotEnoughData(f"all {known.size} references have weight 0")
        above = np.r_[np.cumsum(w[order][::-1])[::-1], 0.0]
        p = (w.max() + above[place]) / (w.max() + w.sum())
    return np.where(np.isnan(s), np.nan, p)


def bh_threshold(p_values: ArrayLike | Mapping[float, int], fdr: float, total: int | None = None) -> float:
    """Return the largest p-value that is a discovery, so that p <= it is the rule; 0 where there is no discovery.

    Benjamini and Hochberg (1995): the largest p with p * total <= fdr * #{p-values <= p}. For conformal p-values that
    share their references it still controls the false discovery rate (Bates, Candès, Lei, Romano, Sesia 2023, "Testing
    for outliers with conformal p-values", theorem 2).

    p-values of n references take n + 1 values, so counts of values say as much as a list as long as the corpus:
    a mapping of p-value to number of documents takes memory that does not grow, and mappings of parts add up.

    Args:
        p_values: shape (documents,), values that are not numbers (never tested) left out; or p-value to number.
        fdr: false discovery rate, between 0 and 1.
        total: number of tests; by default the number of p-values given. More where some are known to be 1.

    Raises:
        InputError: a p-value outside [0, 1], a negative number of documents, or a total below their number.
    """
    if not 0.0 < fdr < 1.0:
        raise ValueError(f"the false discovery rate must lie between 0 and 1, got {fdr}")
    if isinstance(p_values, Mapping):
        values = np.fromiter(p_values.keys(), np.float64, len(p_values))
        counts = np.fromiter(p_values.values(), np.int64, len(p_values))
        order = np.argsort(values)
        values, counts = values[order], counts[order]
    else:
        given = np.asarray(p_values, dtype=np.float64).reshape(-1)
        values, counts = np.unique(given[~np.isnan(given)], return_counts=True)
    if values.size and (values[0] < 0.0 or values[-1] > 1.0):
        raise InputError(f"p-values lie between 0 and 1, got {values[0]:g} to {values[-1]:g}")
    if (counts < 0).any():
        raise InputError(f"a p-value occurs a negative number of times: {counts.min()}")
    tests = int(counts.sum()) if total is None else total
    if tests < counts.sum():
        raise InputError(f"{counts.sum()} p-values, but only {tests} tests in all")
    discovered = (values * tests <= fdr * np.cumsum(counts)) & (counts > 0)
    return float(values[discovered].max(initial=0.0))
