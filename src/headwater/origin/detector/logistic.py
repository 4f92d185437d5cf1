"""Logistic regression with a Gaussian prior on every coefficient, on sparse features.

With the prior at zero it is ridge-penalised regression. With the prior at coefficients learnt before, and as its
precision the curvature of what they were learnt from, it is one step of online learning by the Laplace approximation
(Spiegelhalter and Lauritzen 1990; Kirkpatrick et al. 2017 call it elastic weight consolidation): new texts are learnt
without the old ones.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Coefficients and how firmly they are known."""

    weights: NDArray[np.float32]
    """Coefficients, shape (columns,)."""
    intercept: float
    """Constant term."""
    precision: NDArray[np.float32]
    """Diagonal of the curvature at the coefficients, the prior's included, shape (columns,)."""
    intercept_precision: float
    """The same for the constant term."""


def fit_logistic(
    features: "csr_array",
    is_machine: NDArray[np.bool_],
    weights: NDArray[np.float64],
    prior: Logistic,
    iterations: int = 100,
) -> Logistic:
    """Return the coefficients of highest posterior probability and the curvature there.

    Minimises sum_i w_i log(1 + exp(-y_i (x_i b + c))) + 1/2 sum_j precision_j (b_j - prior_j)^2 by L-BFGS.

    Args:
        features: shape (n, columns), float32.
        is_machine: labels, shape (n,).
        weights: how often each text counts, shape (n,).
        prior: mean and precision; coefficients of columns without a text stay at it.
        iterations: most steps. Fewer than convergence needs is a mild further regularisation, and harmless.
    """
    from scipy.optimize import minimize

    # Columns without a text keep their prior: the problem shrinks to those that occur.
    columns = features.shape[1]
    used = np.flatnonzero(np.bincount(features.indices, minlength=columns))
    rows = features[:, used]
    transposed = rows.T
    mean, precision = prior.weights[used], prior.precision[used]
    sign = np.where(is_machine, 1, -1).astype(np.float32)
    weight = weights.astype(np.float32)

    def objective(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        change, constant = point[:-1].astype(np.float32), np.float32(point[-1])
        margin = sign * (rows @ (mean + change) + np.float32(prior.intercept) + constant)
        slope = -weight * sign * _sigmoid(-margin)
        pull = precision * change
        value = np.dot(weight, np.logaddexp(np.float32(0), -margin).astype(np.float64)) + 0.5 * np.dot(
            pull.astype(np.float64), change
        )
        value += 0.5 * prior.intercept_precision * float(constant) ** 2
        constant_slope = slope.sum(dtype=np.float64) + prior.intercept_precision * float(constant)
        return float(value), np.append((transposed @ slope + pull).astype(np.float64), constant_slope)

    # Tolerances: beyond them the ranking of texts no longer changes, and sums are of single precision.
    options = {"maxiter": iterations, "ftol": 1e-7, "gtol": 1e-3, "maxcor": 6}
    point = minimize(objective, np.zeros(len(mean) + 1), jac=True, method="L-BFGS-B", options=options).x
    found = prior.weights.copy()
    found[used] += point[:-1].astype(np.float32)
    intercept = prior.intercept + float(point[-1])
    likely = _sigmoid(rows @ found[used] + np.float32(intercept))
    curvature = weight * likely * (1 - likely)
    curved = prior.precision.copy()
    curved[used] += rows.multiply(rows).T @ curvature
    return Logistic(found, intercept, curved, prior.intercept_precision + float(curvature.sum(dtype=np.float64)))


def ridge(columns: int, strength: float) -> Logistic:
    """Return the prior of ridge-penalised regression: zero, with the same precision for every coefficient."""
    zero = np.zeros(columns, dtype=np.float32)
    return Logistic(zero, 0.0, np.full(columns, strength, dtype=np.float32), 0.0)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    # By the hyperbolic tangent: the exponential of a large score would overflow.
    return (np.float32(0.5) * (np.tanh(np.float32(0.5) * values) + np.float32(1))).astype(np.float32)
