"""Curating documents in memory: any Arrow data in, tables of kept and dropped documents out."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.config import merged
from headwater.curate.job import curate_files
from headwater.curate.pairs import PAIRS
from headwater.curate.result import CurateResult
from headwater.curate.settings import CurateSettings, curate_settings
from headwater.engine import EmbeddedEngine
from headwater.errors import InputError, did_you_mean


@dataclass(frozen=True, slots=True)
class Curated:
    """Documents after a curation."""

    kept: pa.Table
    """The documents that stay: the input's columns with the text as curated, ``id``, ``reasons`` and ``measured``."""
    dropped: pa.Table
    """Those that do not, with the text as it was, and ``duplicate_of``: the id of the document that stands for it."""
    pairs: pa.Table
    """Removed duplicates with the documents that stand for them."""
    result: CurateResult
    """The counts, losses and examples."""


def curate(
    documents: Any,
    rules: str | CurateSettings = "fineweb",
    *,
    text: str = "text",
    workers: int = 1,
    **changes: Any,
) -> Curated:
    """Curate documents in memory and return what stays, what does not, and why.

    For corpora that do not fit into memory use :func:`curate_files` or ``headwater curate``.

    Args:
        documents: anything that gives Arrow data (``__arrow_c_stream__``): tables and record batch readers of pyarrow,
            data frames of polars and pandas, relations of DuckDB, data sets of Hugging Face ``datasets``; or a mapping
            of column name to values.
        rules: a named set (``fineweb``, ``gopher``, ``c4``, ``none``), a TOML file, or settings.
        text: column with the text.
        workers: processes.
        **changes: settings over those of ``rules``, with two underscores for a dot: ``duplicates__near=False``,
            ``thresholds__too_few_words=30``.

    Raises:
        InputError: the data gives no Arrow, or has no such column.
        ConfigError: settings are wrong.

    Example:
        >>> curate({"text": ["Too short."]}, rules="gopher").dropped["reasons"][0].as_py()[:1]
        ['frequent_2_gram']
    """
    dotted = {"columns.text": text, **{name.replace("__", "."): value for name, value in changes.items()}}
    if isinstance(rules, CurateSettings):
        settings = CurateSettings.model_validate(merged(rules.model_dump(), dotted))
    else:
        settings = curate_settings(rules, dotted)
    table = _table(documents, text)
    with tempfile.TemporaryDirectory(prefix="headwater-curate-") as name, EmbeddedEngine(workers) as engine:
        data, out = Path(name) / "documents.parquet", Path(name) / "out"
        pq.write_table(table, data, compression="none", row_group_size=65_536)
        try:
            result = curate_files([data], settings, out, engine)
        except InputError as error:
            raise type(error)(str(error).replace(str(data), "the table")) from error
        found = out / "pairs.parquet"
        pairs = pq.read_table(found) if found.exists() else PAIRS.empty_table()
        for column in ("removed_file", "kept_file"):
            place = pairs.schema.get_field_index(column)
            named = pc.replace_substring(pairs[column], str(data), _TABLE)
            pairs = pairs.set_column(place, pairs.schema.field(column), named)
        # The files are gone when this returns.
        result = replace(_renamed(result, str(data)), out="")
        return Curated(_read(out / "kept"), _read(out / "dropped"), pairs, result)


_TABLE = "table"
"""What the documents are called where a file would be named."""


def _renamed(value: Any, path: str) -> Any:
    """Return a result with the name of the table for that of the file it was written to for a while."""
    if isinstance(value, str):
        return value.replace(path, _TABLE)
    if isinstance(value, tuple):
        return tuple(_renamed(one, path) for one in value)
    if isinstance(value, Mapping):
        return {key: _renamed(one, path) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _renamed(getattr(value, one.name), path) for one in fields(value)})
    return value


def _table(documents: Any, text: str) -> pa.Table:
    if isinstance(documents, Mapping):
        documents = pa.table(dict(documents))
    if not hasattr(documents, "__arrow_c_stream__"):
        inner = getattr(documents, "data", None)  # Hugging Face datasets hold an Arrow table of their own
        documents = getattr(inner, "table", inner) if inner is not None else documents
    if not isinstance(documents, pa.Table):
        if not hasattr(documents, "__arrow_c_stream__"):
            raise InputError(
                f"a {type(documents).__name__} gives no Arrow data. Give a pyarrow table, a polars or pandas data "
                "frame, a DuckDB relation, a data set of datasets, or a dict of columns."
            )
        documents = pa.table(documents)
    if text not in documents.column_names:
        there = ", ".join(documents.column_names)
        raise InputError(
            f"the documents have no column {text!r}. Columns: {there}.{did_you_mean(text, documents.column_names)}"
        )
    place = documents.column_names.index(text)
    return documents.set_column(place, text, pc.cast(documents[text], pa.string()))


def _read(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))])
