"""Rules of the user's own, written in Python."""

import ast
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.curate.columns import check_rule_name, measure_field, with_columns
from headwater.errors import ConfigError, EngineError, did_you_mean

Judge = Callable[[pa.RecordBatch], Any]


@dataclass(frozen=True, slots=True)
class PythonRule:
    """Asks a function of the user's which documents to drop, or for a number to set a threshold on.

    The function gets a ``pyarrow.RecordBatch`` with ``text``, ``id`` and everything measured before, and returns one
    value per row: an Arrow array, a NumPy array or a list. True drops the document; a null or None does not. It must
    give the same value for the same row whatever other rows are in the batch. If it raises, the batch is cut until only
    the rows it cannot take are left; those are set aside as bad records, not kept and not dropped.

    The function is code that is run: name only files and modules you trust. Names come from the user's settings, never
    from data.
    """

    rule: str
    """Name of the rule; the column is ``custom_<rule>``."""
    target: str
    """``package.module:function``, or ``path/file.py:function``."""
    measures: bool = False
    """Whether the function returns numbers instead of decisions."""
    digest: str = field(init=False, default="")
    """Of the source of the module, so that other code is another rule; imports of it are not followed."""

    version = 1

    def __post_init__(self) -> None:
        check_rule_name(self.rule, "PythonRule")
        source, function = _split(self.target)
        code = _source_of(self.target, source)
        if function not in (names := _functions(self.target, code)):
            there_are = ", ".join(names) or "none"
            raise _fault(
                self.target, f"it has no function {function!r}, but: {there_are}.{did_you_mean(function, names)}"
            )
        object.__setattr__(self, "digest", blake2b(code, digest_size=8).hexdigest())

    @property
    def name(self) -> str:
        """Name of the operator and of its column."""
        return f"custom_{self.rule}"

    @property
    def adds(self) -> pa.Schema:
        """The decision, or the number."""
        if self.measures:
            return pa.schema([measure_field(self.name, pa.float64(), f"what {self.target} returns")])
        return pa.schema([measure_field(self.name, pa.bool_(), f"whether {self.target} drops the document")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the function's values.

        Raises:
            EngineError: the function returned something else than a value per row.
            Exception: what the function raised.
        """
        kind = self.adds.field(0).type
        returned = _load(self.target, self.digest)(batch)
        try:
            values = returned.combine_chunks() if isinstance(returned, pa.ChunkedArray) else pa.array(returned)
            values = values.cast(kind) if kind != pa.bool_() or pa.types.is_null(values.type) else values
        except (pa.ArrowException, TypeError, ValueError):
            values = None
        if values is None or values.type != kind or len(values) != len(batch):
            what = type(returned).__name__ if values is None else f"{len(values):,} values of type {values.type}"
            raise EngineError(
                f"The rule {self.rule!r} ({self.target}) returned {what} for {len(batch):,} rows; it must return a "
                f"{'number' if self.measures else 'boolean'} per row."
            )
        return with_columns(batch, self.adds, [values if self.measures else pc.fill_null(values, False)])


def _fault(target: str, fault: str) -> ConfigError:
    return ConfigError(
        [f"{target!r}: {fault} Write package.module:function, or path/file.py:function"], "a rule in Python"
    )


def _split(target: str) -> tuple[str, str]:
    source, colon, function = target.rpartition(":")
    if not colon or not source or not function.isidentifier():
        raise _fault(target, "this names no function.")
    return source, function


def _is_file(source: str) -> bool:
    return source.endswith(".py") or "/" in source or "\\" in source


def _source_of(target: str, source: str) -> bytes:
    """Return the source of the module or file."""
    if _is_file(source):
        path = Path(source)
    else:
        try:
            spec = find_spec(source)
        except (ImportError, ValueError) as error:
            raise _fault(target, f"the module cannot be found: {error}.") from error
        if spec is None or not spec.has_location or spec.origin is None:
            raise _fault(target, f"no module {source!r} can be imported from here; name its file instead.")
        path = Path(spec.origin)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _fault(target, f"{path} cannot be read: {error.strerror or error}.") from error


def _functions(target: str, code: bytes) -> list[str]:
    """Return the names a module binds at its top, without running it."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise _fault(
            target, f"this is no Python{f' (line {line})' if line else ''}: {getattr(error, 'msg', error)}."
        ) from error
    names: dict[str, None] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name, None) for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update((target.id, None) for target in node.targets if isinstance(target, ast.Name))
    return list(names)


@cache
def _load(target: str, digest: str) -> Judge:
    """Return the function, its module loaded once in each process."""
    source, function = _split(target)
    if _is_file(source):
        code = _source_of(target, source)
        if blake2b(code, digest_size=8).hexdigest() != digest:
            raise _fault(target, f"{source} was changed since the work began; begin anew.")
        module_name = f"headwater_rule_{digest}"
        spec = spec_from_file_location(module_name, source)
        if spec is None or spec.loader is None:
            raise _fault(target, f"{source} cannot be loaded.")
        module = module_from_spec(spec)
        sys.modules[module_name] = module  # what the file defines can then be pickled
        spec.loader.exec_module(module)
    else:
        module = import_module(source)
    found = getattr(module, function, None)
    if not callable(found):
        raise _fault(target, f"{function!r} is no function.")
    return found
