"""A check that is a function of the user's: ``module:name`` or ``file.py:name``."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError
from headwater.schema import Reason, Stage


@dataclass(frozen=True)
class OwnCheck:
    """Fails documents for which a function returns False, or a number above a threshold.

    The function takes one document as a dictionary (``id``, ``text``, ``parents``, ``recipe``, ``meta`` …). What
    it raises costs that document alone, and counts as not passed.
    """

    function: Callable[[dict[str, Any]], bool | float] = field(hash=False)
    threshold: float = 0.0
    reason: Reason = Reason.OWN_CHECK
    stage: Stage = Stage.CHECKS

    @classmethod
    def of(cls, name: str, threshold: float, folder: Path) -> "OwnCheck":
        """Return the check of a function by its name.

        Args:
            name: ``module:name`` or ``file.py:name``.
            threshold: largest number that passes.
            folder: where a relative file name starts.

        Raises:
            ConfigError: there is no such function.
        """
        place, _, attribute = name.rpartition(":")
        if not place:
            raise ConfigError([f"{name!r} names no function; write module:name or file.py:name"], "a verifier")
        try:
            module = _loaded(folder / place) if place.endswith(".py") else importlib.import_module(place)
            found = getattr(module, attribute)
        except Exception as error:  # importing runs the user's code, which may raise anything
            fault = f"the function {name!r} cannot be loaded: {type(error).__name__}: {error}"
            raise ConfigError([fault], "a verifier") from error
        if not callable(found):
            raise ConfigError([f"{name!r} is no function"], "a verifier")
        return cls(found, threshold)

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return what the function says: 0 for True, 1 for False, or its number."""
        return np.array([self._value(row) for row in documents.to_pylist()], np.float64)

    def _value(self, row: dict[str, Any]) -> float:
        said = self.function(row)
        if isinstance(said, bool | np.bool_):
            return self.threshold + float(not said)
        return float(said)


def _loaded(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
