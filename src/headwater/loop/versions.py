"""Versions of what computes a result; they are part of every result and of the key of every step."""

import platform
from importlib.metadata import version

from headwater import __version__

_PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "pyarrow")


def used_versions() -> dict[str, str]:
    """Return the version of Headwater, Python and the packages that compute results."""
    return {
        "headwater": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
