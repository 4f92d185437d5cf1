"""What choosing samples by a reward does to a distribution, in the limit of perfect choice."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def curated(probabilities: Array, reward: Array) -> Array:
    """Return p e^r / E[e^r]: what one generation of curation by a reward makes of a distribution.

    The limit of keeping the best of many candidates under a Bradley-Terry model (Ferbach et al. 2024,
    arXiv:2407.09499).

    Args:
        probabilities: of each type, shape (..., types), each row summing to 1.
        reward: of each type, shape (..., types) or (types,), finite.
    """
    chosen = probabilities * np.exp(reward - reward.max(axis=-1, keepdims=True))
    return np.asarray(chosen / chosen.sum(axis=-1, keepdims=True))


def fisher_gain(probabilities: Array, reward: Array) -> Array:
    """Return Var(e^r) / E[e^r], which is how much E[e^r] grows by one generation of ``curated``.

    Fisher's fundamental theorem with fitness e^r. The gain lives on diversity: it is 0 where all that is left has the
    same reward.

    Args:
        probabilities: of each type, shape (..., types), each row summing to 1.
        reward: of each type, shape (..., types) or (types,), finite.

    Returns:
        Shape (...), 0 or more.
    """
    fitness = np.exp(reward)
    mean = (probabilities * fitness).sum(axis=-1)
    return np.asarray((probabilities * np.square(fitness - mean[..., None])).sum(axis=-1) / mean)
