"""Evaluation sets as files hold them: items of one or several texts, with a name by which a leak is reported."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import InputError, did_you_mean
from headwater.sources import expand_paths, format_of
from headwater.sources.delimited import read_delimited
from headwater.sources.jsonl import read_jsonl
from headwater.sources.parquet import read_parquet
from headwater.sources.plain import read_plain
from headwater.sources.rejects import Reject
from headwater.sources.rows import Row

_LINE_BYTES = 64 << 20
_BATCH_ROWS = 1024
_SHOWN_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class EvaluationItem:
    """One question, prompt or document of an evaluation set."""

    set: str
    """Name of the set."""
    id: str
    """Its id in the set."""
    parts: tuple[str, ...]
    """Its texts, in the order in which they are read one after the other."""
    context: tuple[str, ...] = ()
    """Texts read before these that are no leak by themselves, such as the passage a question is about."""


def read_evaluation_set(
    paths: Iterable[str | Path] | str | Path,
    columns: Sequence[str] = (),
    *,
    context: Sequence[str] = (),
    id_column: str | None = None,
    name: str | None = None,
) -> Iterator[EvaluationItem]:
    """Yield the items of an evaluation set: a row of jsonl, parquet, csv or tsv files, a paragraph of text files.

    Args:
        paths: files, folders, glob patterns.
        columns: columns with texts, in the order in which they belong together, such as ``("question", "answer")``. A
            value may be text, a number, or a list or object of such; ``"choices.text"`` names an entry of an object.
            None named means every column that holds text.
        context: columns whose text comes before these and counts only together with them, such as ``("passage",)``.
        id_column: column with ids; the line number is the id otherwise.
        name: name of the set; by default the path of each file, without the folder it was found in and its suffixes.

    Raises:
        InputError: a path cannot be used, a row cannot be read, or a column is in none of a file's rows. What cannot be
            read cannot be kept out of a corpus, so nothing is passed over.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    named = [*columns, *context, *([id_column] if id_column else [])]
    for file, found_in in _files(given):
        plain = format_of(file) == "text"
        missing = {} if plain else dict.fromkeys(named)
        known: dict[str, None] = {}
        rows = 0
        for row in _rows(file):
            if isinstance(row, Reject):
                raise InputError(
                    f"{row.place}: {row.kind}: {row.detail}. Evaluation sets are read whole or not at all: put the row "
                    "right, or leave it out."
                )
            if row is None:
                continue
            rows += 1
            for column in list(missing):
                if _value(row.values, column) is not None:
                    del missing[column]
            if len(known) < _SHOWN_COLUMNS:
                known.update(dict.fromkeys(row.values))
            own = _value(row.values, id_column) if id_column else None
            yield EvaluationItem(
                name or _name(file, found_in),
                str(row.line if own is None else own),
                tuple(_chosen(row.values, ["text"] if plain else columns, {*context, id_column})),
                tuple(text for column in context for text in _texts(_value(row.values, column))),
            )
        if missing and rows:
            column = next(iter(missing))
            raise InputError(
                f"no row of {file} has a column {column!r} with a value. Columns there: {', '.join(known)}."
                f"{did_you_mean(column, known)}"
            )


def _files(paths: Sequence[str | Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each file with the folder it was found in."""
    seen: set[Path] = set()
    for path in paths:
        for file in expand_paths([path]):
            if file not in seen:
                seen.add(file)
                yield file, Path(path) if Path(path).is_dir() else file.parent


def _rows(file: Path) -> Iterator[Row | Reject | None]:
    match format_of(file):
        case "parquet":
            return read_parquet(file, _BATCH_ROWS, _LINE_BYTES)
        case "csv":
            return read_delimited(file, ",", _LINE_BYTES)
        case "tsv":
            return read_delimited(file, "\t", _LINE_BYTES)
        case "text":
            return read_plain(file, _LINE_BYTES, paragraphs=True)
        case _:
            return read_jsonl(file, _LINE_BYTES)


def _name(file: Path, folder: Path) -> str:
    plain = file.relative_to(folder).as_posix()
    for suffix in (".gz", ".zst"):
        plain = plain.removesuffix(suffix)
    return str(Path(plain).with_suffix("").as_posix())


def _chosen(values: Mapping[str, object], columns: Sequence[str], apart: set[str | None]) -> Iterator[str]:
    if columns:
        for column in columns:
            yield from _texts(_value(values, column))
        return
    for column, value in values.items():
        if column not in apart and not isinstance(value, int | float):
            yield from _texts(value)


def _value(values: Mapping[str, object], column: str) -> object:
    """Return the value of a column, or of an entry of one that holds objects."""
    if column in values:
        return values[column]
    first, _, rest = column.partition(".")
    inner = values.get(first)
    return _value(inner, rest) if rest and isinstance(inner, Mapping) else None


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a value, however deep they are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)
