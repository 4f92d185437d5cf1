"""Observed against computed inbreeding: what is left to explain after drift."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from headwater.errors import InputError

Cause = Literal["drift", "selection_or_truncation", "mutation"]

_MATERIAL = 0.01
"""A hundredth of the human diversity: less is not worth a cause. Neutral resampling of 1000 Zipf types (20,000 items,
10 generations) leaves .0012 for a computed .0005; nucleus sampling at .95, the mildest truncation in use, .045."""
_STANDARD_ERRORS = 2.0
_SPREAD = 0.5
"""Standard deviation of F between single neutral runs, as a share of F: 0.34 to 0.73 for 5 and 20 equal types, 100 and
1000 items, 5 to 100 generations (400 runs each); more for two types, or steep frequencies and little drift."""

_SENTENCES: dict[Cause, str] = {
    "drift": "what was lost is what finite samples lose; more data, or fresh human data, is the remedy",
    "selection_or_truncation": (
        "more was lost than finite samples lose: decoding (temperature, top-p), a gate or the model favours the common"
    ),
    "mutation": "less was lost than finite samples lose: noise, smoothing or hallucination puts new variety in",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model or data set has the diversity it has."""

    cause: Cause
    """``drift``: computed F explains it; ``selection_or_truncation``: too little diversity; ``mutation``: too much."""
    observed: float
    """F measured against human data."""
    computed: float
    """F of the family tree."""
    residual: float
    """Observed minus computed."""
    tolerance: float
    """A residual of at most this size counts as drift."""

    @property
    def sentence(self) -> str:
        """Return the finding as one sentence."""
        return (
            f"F observed {self.observed:.4f}, computed {self.computed:.4f}, difference {self.residual:+.4f} "
            f"(tolerance {self.tolerance:.4f}): {_SENTENCES[self.cause]}."
        )


def heterozygosity(counts: ArrayLike, *, unbiased: bool = False) -> float:
    """Return 1 - sum p^2, the chance that two draws differ (Gini-Simpson), in [0, 1].

    Args:
        counts: occurrences (or shares) of the types, shape (types,).
        unbiased: correct for the finite sample, n/(n-1); needs counts. Use it when the counts are a sample of a model
            whose own diversity is wanted: the plug-in value has one more generation of drift in it.

    Raises:
        InputError: a count is negative or missing, or there is nothing to count.
    """
    c = np.asarray(counts, dtype=np.float64)
    total = float(c.sum())
    if c.ndim != 1 or not np.all(np.isfinite(c)) or np.any(c < 0) or total <= 0:
        raise InputError("Counts of types are a list of numbers, none negative or missing, and not all 0.")
    if unbiased and total <= 1:
        raise InputError(f"The unbiased heterozygosity needs counts of at least 2 items, got {total:g}.")
    plug_in = 1 - float(np.square(c / total).sum())
    return plug_in * total / (total - 1) if unbiased else plug_in


def observed_f(observed: ArrayLike, human: ArrayLike) -> float:
    """Return F_obs = 1 - H_obs/H_human, at most 1; negative where there is more diversity than in the human data.

    Args:
        observed: heterozygosity (or variance) of the model or data set as a number, or its counts of types (tokens,
            n-grams, clusters) as a list.
        human: the same of the human data.

    Raises:
        InputError: the human data have no diversity, or counts cannot be used.
    """
    h_observed, h_human = _diversity(observed), _diversity(human)
    if h_human <= 0:
        raise InputError("The human data have a diversity of 0, so none can be lost. Count finer types.")
    return 1 - h_observed / h_human


def effective_size(observed: ArrayLike, human: ArrayLike, generations: int) -> float:
    """Return the size that explains the loss over some generations, N_e = 1/(1 - (H_t/H_0)^(1/t)).

    The temporal method of population genetics (Crow and Kimura 1970): a loop that behaves as if it had N_e items per
    generation. Infinite where nothing was lost. Arguments and errors as in :func:`observed_f`.
    """
    if generations < 1:
        raise InputError(f"The effective size needs at least 1 generation, got {generations}.")
    kept = 1 - observed_f(observed, human)
    if kept >= 1:
        return math.inf
    return 1 / -math.expm1(math.log(kept) / generations) if kept > 0 else 1.0


def explain(observed: float, computed: float, standard_error: float | None = None) -> Explanation:
    """Return which cause the difference of observed and computed F points to.

    The rule: a difference is drift unless it exceeds both two standard errors and 0.01, a hundredth of the human
    diversity. Without a standard error one of half the computed F is assumed, since single neutral runs scatter that
    much; so one run alone shows only large effects. A true difference of 0 gets another cause in about 5 % of cases at
    most, if the standard error is right.

    Args:
        observed: F_obs, for example the mean over runs.
        computed: F of the family tree, in [0, 1].
        standard_error: of ``observed``, over runs or documents.

    Raises:
        InputError: a number is missing, F above 1, or the standard error negative.
    """
    if not (math.isfinite(observed) and observed <= 1 and 0 <= computed <= 1):
        raise InputError(f"F is at most 1, and computed F at least 0; got observed {observed} and computed {computed}.")
    if standard_error is not None and not 0 <= standard_error < math.inf:
        raise InputError(f"A standard error is finite and not negative, got {standard_error}.")
    error = _SPREAD * computed if standard_error is None else standard_error
    tolerance = max(_MATERIAL, _STANDARD_ERRORS * error)
    residual = observed - computed
    cause: Cause = "drift"
    if abs(residual) > tolerance:
        cause = "selection_or_truncation" if residual > 0 else "mutation"
    return Explanation(cause, observed, computed, residual, tolerance)


def _diversity(value: ArrayLike) -> float:
    array = np.asarray(value, dtype=np.float64)
    return float(array) if array.ndim == 0 else heterozygosity(array)
