"""A mixture of Gaussians over the directions in which windows vary: the series' own generator.

Per label the windows are projected on the principal directions that hold all but a ten-thousandth of their variance, a
mixture is fitted there, and what the other directions hold becomes noise (probabilistic principal components, Tipping
and Bishop 1999). What is drawn stays within the range of what was fitted to, as a sensor saturates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.windows import Floats, WindowForm

_HELD = 0.9999  # share of the variance the directions hold
_LEAST_ROWS = 10
_ROWS_PER_DIRECTION = 5
_ROWS_PER_COMPONENT = 60
_MOST_COMPONENTS = 6
_LEAST_VARIANCE = 1e-6  # of a channel's variance, so that no density is infinite


@dataclass(frozen=True, slots=True)
class _Part:
    """The windows of one label."""

    weight: float
    centre: Floats
    directions: Floats
    """Shape (directions, size)."""
    noise: float
    """Variance in every other direction."""
    mixture: Any

    @classmethod
    def of(cls, rows: Floats, weight: float, rng: np.random.Generator) -> "_Part":
        from sklearn.mixture import GaussianMixture

        centre = rows.mean(axis=0)
        _, singular, directions = np.linalg.svd(rows - centre, full_matrices=False)
        variance = np.square(singular) / len(rows)
        held = np.cumsum(variance) / max(float(variance.sum()), np.finfo(float).tiny)
        most = max(1, min(len(rows) // _ROWS_PER_DIRECTION, rows.shape[1] - 1))
        kept = min(int(np.searchsorted(held, _HELD)) + 1, most)
        noise = max(float(variance[kept:].sum()) / (rows.shape[1] - kept), _LEAST_VARIANCE)
        mixture = GaussianMixture(
            n_components=int(np.clip(len(rows) // _ROWS_PER_COMPONENT, 1, _MOST_COMPONENTS)),
            reg_covar=_LEAST_VARIANCE,
            random_state=int(rng.integers(2**31)),
        ).fit((rows - centre) @ directions[:kept].T)
        return cls(weight, centre, directions[:kept], noise, mixture)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        which = rng.choice(len(self.mixture.weights_), size=count, p=self.mixture.weights_)
        roots = np.linalg.cholesky(self.mixture.covariances_)
        places = rng.standard_normal((count, len(self.directions)))
        places = self.mixture.means_[which] + np.einsum("nij,nj->ni", roots[which], places)
        noise = math.sqrt(self.noise) * rng.standard_normal((count, len(self.centre)))
        noise -= (noise @ self.directions.T) @ self.directions
        return np.asarray(self.centre + places @ self.directions + noise)

    def log_density(self, rows: Floats) -> Floats:
        away = rows - self.centre
        places = away @ self.directions.T
        rest = np.maximum(np.square(away).sum(axis=1) - np.square(places).sum(axis=1), 0.0)
        others = rows.shape[1] - len(self.directions)
        outside = -0.5 * (rest / self.noise + others * math.log(2 * math.pi * self.noise))
        return np.asarray(self.mixture.score_samples(places) + outside)


@dataclass(frozen=True, slots=True)
class WindowMixtureModel:
    """A fitted mixture per label."""

    form: WindowForm
    parts: tuple[_Part | None, ...]
    """One per label of the form; None for a label that died out."""
    low: Floats
    high: Floats
    """Range of each channel, in standard deviations."""

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` windows as columns ``value.window`` and ``value.label``, in random order."""
        weights = np.array([0.0 if part is None else part.weight for part in self.parts])
        counts = rng.multinomial(n, weights / weights.sum())
        drawn = [part.draw(int(count), rng) for part, count in zip(self.parts, counts, strict=True) if part is not None]
        names: Sequence[str | None] = self.form.labels or (None,)
        labels = [name for name, count in zip(names, counts, strict=True) for _ in range(count)]
        order = rng.permutation(n)
        steps = np.concatenate(drawn)[order].reshape(n, self.form.length, -1)
        return self.form.values(np.clip(steps, self.low, self.high), [labels[i] for i in order])

    def loss(self, samples: pa.Table) -> Losses:
        """Return minus the log density of each window and its label in nats, one token each."""
        rows, codes = self.form.standard(samples), self.form.codes(samples)
        nats = np.full(len(rows), np.inf)
        for i, part in enumerate(self.parts):
            chosen = codes == i
            if part is not None and chosen.any():
                nats[chosen] = -math.log(part.weight) - part.log_density(rows[chosen])
        return Losses(nats, np.ones(len(rows), np.int64))


@dataclass(frozen=True, slots=True)
class WindowMixtureLearner:
    """Fits a mixture to the windows of each label."""

    form: WindowForm

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> WindowMixtureModel:
        """Return the mixtures of some windows.

        Raises:
            NotEnoughData: no label has ten windows.
        """
        rows, codes = self.form.standard(samples), self.form.codes(samples)
        counts = np.bincount(codes[codes >= 0], minlength=max(len(self.form.labels), 1))
        used: NDArray[np.bool_] = counts >= _LEAST_ROWS
        if not used.any():
            raise NotEnoughData(f"a generator of windows needs {_LEAST_ROWS} windows of a label, got {counts.max()}.")
        total = int(counts[used].sum())
        parts = [_Part.of(rows[codes == i], counts[i] / total, rng) if used[i] else None for i in range(len(counts))]
        steps = rows.reshape(-1, len(self.form.channels))
        return WindowMixtureModel(self.form, tuple(parts), steps.min(axis=0), steps.max(axis=0))
