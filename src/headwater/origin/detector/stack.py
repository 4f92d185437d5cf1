"""The components' scores, put together to one.

A logistic regression on standardised scores that the components gave to texts they had not learnt from (stacked
generalisation, Wolpert 1992). Coefficients cannot be negative: a component that only helps turned around helps by
accident of the texts at hand (Breiman 1996).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STRENGTH = 1.0  # of the ridge penalty; with thousands of texts and a handful of columns it hardly matters


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Weights of the components."""

    centre: NDArray[np.float64]
    """Mean of each component's scores, shape (k,)."""
    scale: NDArray[np.float64]
    """Their standard deviation, shape (k,)."""
    weights: NDArray[np.float64]
    """Coefficients of the standardised scores, none negative, shape (k,)."""
    intercept: float
    """Constant term."""

    def score(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log odds of machine text, shape (n,), from the components' scores, shape (n, k)."""
        return ((parts - self.centre) / self.scale) @ self.weights + self.intercept


def fit_stack(parts: NDArray[np.float64], is_machine: NDArray[np.bool_], weights: NDArray[np.float64]) -> Stack:
    """Return the stack for components' held-out scores.

    Both classes count the same in total, so that 0 is where a text is as likely under either.

    Args:
        parts: shape (n, k).
        is_machine: labels, shape (n,); both must occur.
        weights: how often each text counts, shape (n,).
    """
    from scipy.optimize import minimize

    share = np.where(is_machine, weights[is_machine].sum(), weights[~is_machine].sum())
    weight = weights / share * weights.sum() / 2
    centre = np.average(parts, axis=0, weights=weight)
    scale = np.sqrt(np.average((parts - centre) ** 2, axis=0, weights=weight))
    scale = np.where(scale > 0, scale, 1.0)
    standard = (parts - centre) / scale
    sign = np.where(is_machine, 1.0, -1.0)

    def objective(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (standard @ point[:-1] + point[-1])
        slope = -weight * sign * 0.5 * (1 - np.tanh(margin / 2))
        value = weight @ np.logaddexp(0, -margin) + 0.5 * _STRENGTH * point[:-1] @ point[:-1]
        return float(value), np.append(standard.T @ slope + _STRENGTH * point[:-1], slope.sum())

    bounds = [(0.0, None)] * parts.shape[1] + [(None, None)]
    start = np.zeros(parts.shape[1] + 1)
    point = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-6}).x
    return Stack(centre, scale, point[:-1], float(point[-1]))
