"""Are the modes of the human law still apart?"""

import numpy as np
from numpy.typing import NDArray


def separate_modes(density: NDArray[np.float64], valley: float = 0.9) -> NDArray[np.float64]:
    """Return the share of neighbouring human modes that a model still keeps apart, in [0, 1]; 1 = none has merged.

    Two modes are apart where, on the way from one to the other, the model's density falls below ``valley`` times the
    lower of its values at the two ends (a dip, as in Hartigan and Hartigan 1985, but at places that are known). A mode
    that the model has lost altogether is not apart from its neighbour.

    Args:
        density: the model's density along the way between neighbouring human modes, both ends included, shape
            (..., pairs, points).
        valley: share of the lower end that the density has to fall below, in (0, 1).
    """
    lower = np.minimum(density[..., 0], density[..., -1])
    return np.asarray((density.min(axis=-1) < valley * lower).mean(axis=-1), dtype=np.float64)
