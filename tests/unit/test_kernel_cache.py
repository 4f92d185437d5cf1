"""Compiled kernels follow everything they were made from."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

import headwater
from headwater import kernel_cache
from headwater.kernel_cache import KernelLocator
from headwater.text.lines import __file__ as lines
from headwater.text.repetition import LARGEST_KERNEL

CALLER = """
import numba as nb
from headwater.other import FACTOR, inner

@nb.njit(cache=True)
def outer(x):
    return inner(x) * FACTOR
"""
INNER = """
import numba as nb
from headwater.{constants} import FACTOR

@nb.njit(cache=True)
def inner(x):
    return x + {summand}
"""
PROGRAM = """
import headwater.kernel_cache
from headwater.caller import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of this name with two kernels, one of which calls the other."""
    folder = tmp_path / "headwater"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shutil.copy(kernel_cache.__file__, folder)
    (folder / "caller.py").write_text(CALLER)
    (folder / "other.py").write_text(INNER.format(constants="constants", summand=1))
    (folder / "constants.py").write_text("FACTOR = 10\n")
    return folder


def _run(package: Path) -> tuple[int, int]:
    """Return what the outer kernel gives for 1, and whether it came out of the cache."""
    environment = {"PYTHONPATH": str(package.parent), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    value, hits = done.stdout.split()
    return int(value), int(hits)


def test_a_kernel_follows_what_it_calls_and_the_constants_of_others(package: Path) -> None:
    assert [_run(package), _run(package)] == [(20, 0), (20, 1)]
    (package / "other.py").write_text(INNER.format(constants="constants", summand=2))
    assert [_run(package), _run(package)] == [(30, 0), (30, 1)]
    (package / "constants.py").write_text("FACTOR = 100\n")
    assert [_run(package), _run(package)] == [(300, 0), (300, 1)]


def test_kernels_of_this_package_alone_are_looked_after() -> None:
    assert isinstance(LARGEST_KERNEL._cache._impl.locator, KernelLocator)
    assert KernelLocator.from_function(_run, __file__) is None


def test_every_kernel_is_looked_after() -> None:
    root = Path(headwater.__file__).parent
    files = [file for file in root.rglob("*.py") if "@nb.njit(cache=True" in file.read_text()]
    assert len(files) > 50
    for file in files:
        module = importlib.import_module(".".join(("headwater", *file.relative_to(root).with_suffix("").parts)))
        kernels = [
            one
            for one in vars(module).values()
            if isinstance(one, Dispatcher) and isinstance(one._cache, FunctionCache)
        ]
        assert kernels, file
        assert {type(one._cache._impl.locator) for one in kernels} == {KernelLocator}, file


def test_a_digest_covers_direct_and_further_imports() -> None:
    root = Path(headwater.__file__).parent
    imported = {file.relative_to(root).as_posix() for file in kernel_cache._imported(Path(lines))}
    assert imported
    assert all((root / name).is_file() for name in imported)
    assert len(kernel_cache.sources_digest(Path(lines))) == 16
