"""Linear regression by ordinary least squares, for all replicates at once.

A data set is either its rows (``Points`` whose last column is the target), or ``Equations``: the least-squares estimate
and the Gram matrix of the inputs, which is all that least squares is fitted to. The estimate from n rows of a known
model with given inputs has the law N(coefficients, noise^2 (X^T X)^-1); drawing from it is the exact-law mode.

The human law is y = noise N(0, 1) with inputs x from N(0, I): its coefficients are 0, which loses nothing, since
the errors of least squares do not depend on them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.gaussian import bartlett
from headwater.models.learner import Losses
from headwater.models.samples import Points

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Inputs that every generation uses again."""

    rows: Floats
    """Shape (replicates, n, d)."""
    gram: Floats
    """X^T X, shape (replicates, d, d)."""
    root: Floats
    """Upper triangular A with A A^T = (X^T X)^-1, shape (replicates, d, d)."""

    @classmethod
    def normal(cls, replicates: int, n: int, dimensions: int, rng: np.random.Generator) -> "Design":
        """Return standard normal inputs for each replicate; ``n`` is at least ``dimensions``."""
        rows = rng.standard_normal((replicates, n, dimensions))
        gram = np.swapaxes(rows, 1, 2) @ rows
        return cls(rows, gram, np.ascontiguousarray(_inverse_root(np.asarray(np.linalg.cholesky(gram)))))


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """The normal equations of a data set, of every replicate, solved."""

    items: int
    """Rows of each replicate."""
    estimate: Floats
    """Least-squares coefficients, shape (replicates, d)."""
    gram: Floats
    """X^T X of the inputs up to ``scale``, shape (replicates, d, d)."""
    scale: float = 1.0
    """Factor on ``gram``."""

    def join(self, other: "Equations") -> "Equations":
        """Return both data sets together, at a cost that does not depend on their sizes.

        Data sets of one design share its Gram matrix; their estimates are then simply averaged.
        """
        items, scale = self.items + other.items, self.scale + other.scale
        if self.gram is other.gram:
            apart = other.estimate - self.estimate
            return Equations(items, self.estimate + apart * (other.scale / scale), self.gram, scale)
        gram = self.scale * self.gram + other.scale * other.gram
        moment = self.scale * _times(self.gram, self.estimate) + other.scale * _times(other.gram, other.estimate)
        return Equations(items, np.asarray(np.linalg.solve(gram, moment[..., None])[..., 0]), gram)

    def draw(self, items: int, rng: np.random.Generator) -> "Equations":  # noqa: ARG002
        """Return the whole data set, where that is what was asked for.

        Raises:
            NotImplementedError: fewer rows were asked for; normal equations cannot tell their rows apart.
        """
        if items < self.items:
            raise NotImplementedError(
                f"{items} of {self.items} rows cannot be drawn from their normal equations alone; use raw rows (Points)"
            )
        return self

    def blend(self, other: "Equations", share: float, rng: np.random.Generator) -> "Equations":
        """Raise, as normal equations cannot tell their rows apart.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("rows cannot be exchanged where only normal equations are kept; use raw rows")

    def weighted(self, weight: float) -> "Equations":
        """Return the same rows, each with an equal part of ``weight``."""
        return replace(self, scale=self.scale * weight / self.items)


@dataclass(frozen=True, slots=True, eq=False)
class RegressionModel:
    """A linear model with normal noise, of each replicate."""

    coefficients: Floats
    """Shape (replicates, d); those of the human law are 0."""
    noise: float
    """Standard deviation of the target around the model, known to it."""
    design: Design | None = None
    """Inputs that are used again; None draws new ones."""
    exact: bool = False
    """Write normal equations drawn from their law instead of rows."""

    def sample(self, n: int, rng: np.random.Generator) -> Points | Equations:
        """Return ``n`` rows of each replicate, or their normal equations in the exact-law mode.

        Raises:
            InputError: the model's design has another number of replicates, or normal equations of a part of it were
                asked for.
        """
        design = self.design
        if design is not None and len(design.rows) != len(self.coefficients):
            raise InputError(
                f"A design of {len(design.rows)} replicates was given to {len(self.coefficients)}. Run all at once."
            )
        return self._equations(n, rng) if self.exact else self._rows(n, rng)

    def loss(self, samples: Points) -> Losses:
        """Return minus the log density of each target given its inputs in nats, shape (replicates, rows).

        Raises:
            InputError: only the normal equations of the rows are known.
        """
        if isinstance(samples, Equations):
            raise InputError("Normal equations have no loss row by row. Use raw rows (law = raw).")
        inputs, target = samples.values[..., :-1], samples.values[..., -1]
        apart = (target - (inputs @ self.coefficients[..., None])[..., 0]) / self.noise
        nats = (np.square(apart) + math.log(2 * math.pi * self.noise**2)) / 2
        return Losses(nats, np.ones(nats.shape, np.int64))

    def statistics(self) -> Mapping[str, Floats]:
        """Return ``risk``, the test error beyond that of the human law, and ``test_error``, arrays (replicates,).

        Test inputs are standard normal, so that the excess is the squared error of the coefficients.
        """
        risk = np.einsum("ri,ri->r", self.coefficients, self.coefficients)
        return {"risk": risk, "test_error": risk + self.noise**2}

    def _rows(self, n: int, rng: np.random.Generator) -> Points:
        replicates, d = self.coefficients.shape
        rows = np.empty((replicates, n, d + 1))
        if self.design is None:
            rows[..., :-1] = rng.standard_normal((replicates, n, d))
        else:  # a part of the design, or the design again and again
            whole = np.tile(self.design.rows, (1, -(-n // self.design.rows.shape[1]), 1))
            rows[..., :-1] = whole if n == whole.shape[1] else Points(whole).draw(n, rng).values
        target = rng.standard_normal((replicates, n)) * self.noise
        rows[..., -1] = target + (rows[..., :-1] @ self.coefficients[..., None])[..., 0]
        return Points(rows)

    def _equations(self, n: int, rng: np.random.Generator) -> Equations:
        replicates, d = self.coefficients.shape
        normals = rng.standard_normal((replicates, d))
        if self.design is not None:
            if n != self.design.rows.shape[1]:
                raise InputError(f"{n} of {self.design.rows.shape[1]} rows have no exact law here. Use raw rows.")
            inverse, gram = self.design.root, self.design.gram
        else:
            root = bartlett(replicates, d, n, rng)  # inputs are N(0, I), so X^T X has Wishart's law
            inverse, gram = np.ascontiguousarray(_inverse_root(root)), root @ np.swapaxes(root, 1, 2)
        return Equations(n, _moved(self.coefficients, self.noise, inverse, normals), gram)


@dataclass(frozen=True, slots=True, eq=False)
class RegressionLearner:
    """Fits the coefficients by ordinary least squares.

    Raises:
        ConfigError: the noise is not positive.
    """

    noise: float = 1.0
    """Standard deviation of the noise, of the human law and of what the models write."""
    design: Design | None = None
    """Inputs of every generation; None: new ones each time."""
    exact: bool = False
    """The models write normal equations drawn from their law instead of rows."""

    def __post_init__(self) -> None:
        if self.noise <= 0:
            raise ConfigError([f"noise = {self.noise}: allowed are values above 0"], "the regression learner")

    def fit(self, samples: Points | Equations, rng: np.random.Generator) -> RegressionModel:  # noqa: ARG002
        """Return the model of each replicate.

        Raises:
            NotEnoughData: there are fewer rows than coefficients.
        """
        estimate = samples.estimate if isinstance(samples, Equations) else _least_squares(samples)
        return RegressionModel(estimate, self.noise, self.design, self.exact)


@dataclass(frozen=True, slots=True, eq=False)
class RegressionSource:
    """The human law; it never runs out."""

    dimensions: int
    noise: float = 1.0
    design: Design | None = None
    """Inputs of the human items too; None: new ones each time."""
    exact: bool = False

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Points | Equations]:
        """Return a function that draws rows for each replicate."""
        human = RegressionModel(np.zeros((replicates, self.dimensions)), self.noise, self.design, self.exact)
        return lambda items: human.sample(items, rng)


def _least_squares(samples: Points) -> Floats:
    inputs, target = samples.values[..., :-1], samples.values[..., -1]
    if samples.items < inputs.shape[2]:
        raise NotEnoughData(
            f"{inputs.shape[2]} coefficients cannot be fitted to {samples.items} rows. Give at least as many rows."
        )
    weighted = np.swapaxes(inputs, 1, 2)
    if samples.weights is not None:
        weighted = weighted * samples.weights
    estimate: Floats = np.linalg.solve(weighted @ inputs, weighted @ target[..., None])[..., 0]
    return estimate


def _inverse_root(lower: Floats) -> Floats:
    """Return L^-T, for which L^-T (L^-T)^T = (L L^T)^-1."""
    return np.swapaxes(np.linalg.inv(lower), 1, 2)


def _times(matrices: Floats, vectors: Floats) -> Floats:
    """Return the product of each replicate's matrix with its vector."""
    product: Floats = np.einsum("rij,rj->ri", matrices, vectors)
    return product


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _moved(coefficients: Floats, noise: float, roots: Floats, normals: Floats) -> Floats:
    """Return coefficients + noise * root @ normals of each replicate, for upper triangular roots."""
    moved = np.empty_like(coefficients)
    replicates, d = coefficients.shape
    for r in range(replicates):
        for i in range(d):
            total = 0.0
            for j in range(i, d):
                total += roots[r, i, j] * normals[r, j]
            moved[r, i] = coefficients[r, i] + noise * total
    return moved
