"""Compiled kernels that are compiled anew when anything they were made from changed, not their own file alone.

Numba keeps a compiled function until the file it stands in is another one. What the function calls is compiled into it,
and so are constants of other modules: after an upgrade that changes only those, the old machine code would go on being
used, silently. Here the stamp of a kernel covers every module of the package that its module imports, directly or not.

Importing this module is all it takes; every folder with kernels does, before the first of them is made.
"""

import re
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from numba.core.caching import CacheImpl, InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator

_ROOT = Path(__file__).resolve().parent
# Only imports at the beginning of a line: what is imported within a function is no global of a kernel.
_FROM = re.compile(rf"^from {_ROOT.name}([\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_PLAIN = re.compile(rf"^import {_ROOT.name}([\w.]*)", re.MULTILINE)
_WHERE = (UserProvidedCacheLocator, InTreeCacheLocator, UserWideCacheLocator)  # the order is Numba's


class KernelLocator:
    """Where the compiled form of a kernel of this package is kept, and what it was compiled from.

    It has the methods Numba asks of a locator; places are those Numba would choose.
    """

    def __init__(self, place: Any, file: Path) -> None:
        self._place = place
        self._file = file

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "KernelLocator | None":
        """Return the locator of a function, or None for functions of others, which are Numba's business."""
        file = Path(py_file).resolve()
        if not file.is_relative_to(_ROOT):
            return None
        found = (kind.from_function(py_func, py_file) for kind in _WHERE)
        place = next((one for one in found if one is not None), None)
        return None if place is None else cls(place, file)

    def ensure_cache_path(self) -> None:
        """Make sure that the folder exists and can be written."""
        self._place.ensure_cache_path()

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._place.get_cache_path())

    def get_source_stamp(self) -> tuple[Any, str]:
        """Return what names the sources; compiled code with another stamp is not used."""
        return self._place.get_source_stamp(), sources_digest(self._file)

    def get_disambiguator(self) -> str:
        """Return what tells functions of one name in one file apart."""
        return str(self._place.get_disambiguator())


@cache
def sources_digest(file: Path) -> str:
    """Return 16 hexadecimal digits that name the content of a module and of all it imports from this package."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += _imported(one)
    hashed = blake2b(digest_size=8)
    for one in sorted(found):
        content = _content(one)
        hashed.update(f"{one.relative_to(_ROOT)}:{len(content)}:".encode() + content)
    return hashed.hexdigest()


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


@cache
def _imported(file: Path) -> tuple[Path, ...]:
    """Return the files of this package that a module imports from."""
    code = _content(file).decode()
    found = _PLAIN.findall(code)
    for module, names in _FROM.findall(code):
        found += [module, *(f"{module}.{name}" for name in re.findall(r"\w+", names))]
    stems = [_ROOT.joinpath(*module.strip(".").split(".")) for module in dict.fromkeys(found)]
    places = [place for stem in stems for place in (stem.with_suffix(".py"), stem / "__init__.py")]
    return tuple(place for place in places if place.is_file())


if KernelLocator not in CacheImpl._locator_classes:  # noqa: SLF001  (Numba, whose version is pinned, has no public place for it)
    CacheImpl._locator_classes.insert(0, KernelLocator)  # noqa: SLF001
