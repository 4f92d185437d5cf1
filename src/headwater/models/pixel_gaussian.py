"""A Gaussian of few directions for images: what a class of small pictures looks like, fitted in milliseconds.

Probabilistic principal components (Tipping and Bishop 1999, J. R. Stat. Soc. B 61, 611): the covariance is W W' + s I
with the leading components of the sample covariance, and s the mean of the variance that is left, the maximum
likelihood fit in closed form. Samples are clipped to [0, 1], so that what it writes are images. Like every learner
fitted to its own samples it narrows: the variance of a direction shrinks by a factor of 1 - 1/n with each generation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.errors import NotEnoughData
from headwater.models.learner import Losses
from headwater.models.samples import Points

Floats = NDArray[np.float64]
_LEAST_VARIANCE = 1e-4  # of a pixel in [0, 1]: a fifth of one step of 1/16, so that blank borders have a density


@dataclass(frozen=True, slots=True, eq=False)
class PixelGaussianModel:
    """A fitted Gaussian."""

    shape: tuple[int, ...]
    """Shape of one image."""
    mean: Floats
    """Shape (pixels,)."""
    directions: Floats
    """Orthonormal, shape (components, pixels)."""
    variances: Floats
    """Of each direction, the rest included, shape (components,)."""
    rest: float
    """Variance of every other direction."""

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return ``n`` images clipped to [0, 1], shape (1, n, *shape)."""
        noise = rng.standard_normal((n, len(self.mean))) * math.sqrt(self.rest)
        scale = np.sqrt(np.maximum(self.variances - self.rest, 0.0))
        scores = rng.standard_normal((n, len(scale))) * scale
        images = np.clip(self.mean + noise + scores @ self.directions, 0.0, 1.0)
        return Points(images.reshape(1, n, *self.shape))

    def loss(self, samples: Points) -> Losses:
        """Return minus the log density of each image in nats, before clipping, shape (1, n); one token each."""
        centred = _flat(samples) - self.mean
        scores = centred @ self.directions.T
        outside = np.maximum(np.square(centred).sum(axis=1) - np.square(scores).sum(axis=1), 0.0)
        others = len(self.mean) - len(self.variances)
        nats = 0.5 * (
            len(self.mean) * math.log(2 * math.pi)
            + np.log(self.variances).sum()
            + others * math.log(self.rest)
            + (np.square(scores) / self.variances).sum(axis=1)
            + outside / self.rest
        )
        return Losses(nats[None], np.ones((1, len(nats)), np.int64))


@dataclass(frozen=True, slots=True)
class PixelGaussianLearner:
    """Fits the leading directions of a set of images."""

    components: int = 12
    """Directions with a variance of their own; fewer where there are fewer images."""

    def fit(self, samples: Points, rng: np.random.Generator) -> PixelGaussianModel:  # noqa: ARG002  (not random)
        """Return the Gaussian of the images of the one replicate.

        Raises:
            NotEnoughData: there are fewer than two images.
        """
        values = _flat(samples)
        count, pixels = values.shape
        if count < 2:
            raise NotEnoughData(f"a Gaussian of images needs two at least, got {count}.")
        mean = values.mean(axis=0)
        _, singular, directions = np.linalg.svd(values - mean, full_matrices=False)
        variances = np.square(singular) / count
        kept = min(self.components, count - 1, pixels - 1)
        rest = max(float(variances[kept:].sum()) / (pixels - kept), _LEAST_VARIANCE)
        return PixelGaussianModel(
            samples.values.shape[2:], mean, directions[:kept], np.maximum(variances[:kept], rest), rest
        )


def _flat(samples: Points) -> Floats:
    values = np.asarray(samples.values[0], np.float64)
    return values.reshape(len(values), -1)
