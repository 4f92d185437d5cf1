"""Versions of what computes a result; they are part of every result and of the key of every step."""

import platform
from importlib.metadata import PackageNotFoundError, version

from headwater import __version__

_PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "pyarrow")
_OF_PROXIES = {"neural": ("torch",), "transformer": ("torch", "transformers", "tokenizers", "peft")}


def used_versions(proxy: str = "ngram") -> dict[str, str]:
    """Return the version of Headwater, Python and the packages that compute results.

    Args:
        proxy: kind of the proxy; networks bring packages of their own, as far as they are installed.
    """
    more = {}
    for name in _OF_PROXIES.get(proxy, ()):
        try:
            more[name] = version(name)
        except PackageNotFoundError:  # an extra; the proxy says so where it is needed
            continue
    return {
        "headwater": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        **more,
    }
