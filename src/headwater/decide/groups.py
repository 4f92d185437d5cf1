"""Independent units: how far blocks of one article fall short of being independent, and how to make units that are."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.errors import InputError, NotEnoughData


def design_effect(values: ArrayLike, groups: ArrayLike) -> float:
    """Return the variance of the mean, allowing for dependence within groups, over its value for independent units.

    Var = G/(G-1) * sum_g (sum_{i in g} (x_i - mean))^2 / n^2, divided by s^2 / n: the linearised variance of a mean
    under cluster sampling over the naive one (Kish 1965, "Survey Sampling", section 8.2). Exactly 1 when
    every unit is its own group, about m when groups are m copies. Below 1 the groups are more mixed than chance.

    A panel whose units show more than 1.2 has to be tested by group (``group_means``): ignoring a design effect of 3
    raises the chance of a false admission in 200 decisions from .001 to .2. The estimate itself varies by about
    sqrt(2 / (groups - 1)) of its size; with fewer than some 50 groups a value near 1 proves little.

    Args:
        values: one number per unit, shape (units,): the differences of a human-only null pair.
        groups: article, author, module or cluster of each unit, shape (units,), integer codes or strings.

    Returns:
        The design effect, 0 or more; 1 for values that are all the same, which cannot depend on anything.

    Raises:
        NotEnoughData: fewer than two groups.
        InputError: lengths differ, a group or value is missing.
    """
    x = np.asarray(values, dtype=np.float64)
    labels, codes = _codes(groups, x.size)
    if not np.isfinite(x).all():
        raise InputError(f"{(~np.isfinite(x)).sum()} of {x.size} values are missing or infinite")
    if labels.size < 2:
        raise NotEnoughData(f"the design effect compares groups, and there is only {labels.size}; 2 are needed")
    if np.ptp(x) == 0.0:
        return 1.0
    residuals = x - x.mean()
    totals = np.bincount(codes, weights=residuals, minlength=labels.size)
    between = labels.size / (labels.size - 1) * float(totals @ totals) / x.size**2
    naive = float(residuals @ residuals) / (x.size - 1) / x.size
    return between / naive


def group_means(
    nats_difference: ArrayLike, tokens: ArrayLike, groups: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
    """Return the mean difference per token of each group, and the group labels in ascending order.

    Args:
        nats_difference: total nats without - total nats with, per document, shape (documents,).
        tokens: number of tokens of each document, shape (documents,), 0 or more.
        groups: group of each document, shape (documents,), integer codes or strings.

    Returns:
        Nats per token, shape (groups,), every token of a group weighing the same; and labels, shape (groups,).
        A group without a token counts as no difference.

    Raises:
        InputError: lengths differ, a group is missing, or a number of tokens is negative.
    """
    nats = np.asarray(nats_difference, dtype=np.float64)
    counts = np.asarray(tokens)
    labels, codes = _codes(groups, nats.size)
    if counts.shape != nats.shape or (counts < 0).any():
        raise InputError(f"each of the {nats.size} documents needs a number of tokens, 0 or more")
    total_nats = np.bincount(codes, weights=nats, minlength=labels.size)
    total_tokens = np.bincount(codes, weights=counts, minlength=labels.size)
    return total_nats / np.maximum(total_tokens, 1), labels


def _codes(groups: ArrayLike, units: int) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    """Return the sorted labels and, for each unit, the index of its label."""
    names = np.asarray(groups)
    if names.shape != (units,):
        raise InputError(f"each of the {units} units needs one group, got an array of shape {names.shape}")
    if names.dtype == object and any(name is None for name in names):
        raise InputError(
            f"{sum(name is None for name in names)} of {units} units have no group; give a unit that is independent "
            "of all others a group of its own, for example its id"
        )
    labels, codes = np.unique(names, return_inverse=True)
    return labels, codes
