"""Tables read from files, in the form the loop works on: one document per row, its values in columns of their own."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.config import Settings
from headwater.errors import InputError, did_you_mean
from headwater.generate import machine_rows
from headwater.loop.inputs import HumanInput, StreamInput
from headwater.loop.result import CorpusFacts, ReadFacts
from headwater.models.table_form import TableForm, row_texts, value_columns
from headwater.schema import Origin, content_id, documents
from headwater.sources import expand_paths

MOST_ROWS = 50_000
"""Human rows that are used at most; of more a random part, by the hash of the row."""
MOST_RECIPE_ROWS = 50_000


def form_of(human: pa.Table, settings: Settings) -> TableForm:
    """Return the form of human rows that were read.

    Raises:
        InputError: the target is constant, has too many classes, or is missing in some rows.
    """
    assert settings.human.target is not None
    return TableForm.of(value_columns(human), settings.human.target)


def read_rows(settings: Settings) -> HumanInput:
    """Return the human rows of the settings, exact copies set apart.

    Raises:
        InputError: files cannot be read, or a column is missing or cannot be used.
    """
    wanted = settings.human
    table, bad = _read(wanted.paths)
    used = [name for name in (wanted.id, wanted.group, wanted.origin) if name is not None]
    _check(table, used, ", ".join(wanted.paths))
    remarks = []
    if wanted.origin is not None:
        human = pc.fill_null(pc.equal(table[wanted.origin].cast(pa.string()), Origin.HUMAN.value), False)
        left_out = table.num_rows - int(pc.sum(human).as_py() or 0)
        table = table.filter(human)
        if not table.num_rows:
            raise InputError(f"no row has origin 'human' in column {wanted.origin!r}.")
        if left_out:
            remarks.append(f"{left_out:,} rows that are not marked as human were left out.")
    assert wanted.target is not None
    form = TableForm.of(table.drop_columns(used), wanted.target)
    values = form.conform(table)
    texts = row_texts(values)
    named = _column(table, wanted.id) or [content_id(text) for text in texts]
    groups = _column(table, wanted.group) or named
    rows = documents(texts, id=named, group=groups, origin=Origin.HUMAN.value, source=", ".join(wanted.paths))
    for name in values.column_names:
        rows = rows.append_column(name, values[name])
    first: dict[str, int] = {}
    repeats = [first.setdefault(text, i) for i, text in enumerate(texts)]
    fresh = np.array([place == i for i, place in enumerate(repeats)], np.bool_)
    copies = np.flatnonzero(~fresh)
    repeated = pa.array([named[repeats[i]] for i in copies], pa.string())
    removed = rows.take(pa.array(copies)).append_column("repeats", repeated)
    rows = rows.filter(pa.array(fresh))
    if rows.num_rows > MOST_ROWS:
        share = MOST_ROWS / rows.num_rows
        rows = rows.filter(pa.array([_place(group) < share for group in rows["group"].to_pylist()]))
        remarks.append(f"The table has more than {MOST_ROWS:,} rows; a random {share:.1%} of its groups is used.")
    if wanted.group is None:
        remarks.append(
            "No group column was named, so every row counts as independent. If several rows come from one person, site "
            "or session, name that column with --group."
        )
    facts = CorpusFacts(
        ", ".join(wanted.paths),
        rows.num_rows,
        removed.num_rows,
        rows.num_rows,
        len(set(rows["group"].to_pylist())),
        {},
        grouped=wanted.group is not None,
    )
    return HumanInput(rows, facts, ReadFacts(table.num_rows, sum(bad.values()), bad), tuple(remarks), removed)


def read_row_stream(settings: Settings, form: TableForm) -> StreamInput:
    """Return the machine rows of the settings: the recipe of each is its column's, or else its file's name.

    Raises:
        InputError: files cannot be read, or share no column with the human table.
    """
    wanted = settings.stream
    tables, bad = [], Counter[str]()
    warnings: list[str] = []
    for path in expand_paths(wanted.paths):
        table, found = _read((str(path),))
        bad.update(found)
        named = [wanted.recipe] if wanted.recipe is not None else []
        _check(table, named, str(path))
        missing = [column.name for column in form.columns if column.name not in table.column_names]
        if len(missing) == len(form.columns):
            raise InputError(
                f"{path} has none of the human table's columns ({', '.join(column.name for column in form.columns)}), "
                f"but {', '.join(table.column_names)}. Rename them."
            )
        if missing:
            warnings.append(f"{path} lacks the columns {', '.join(missing)}; its rows fail the check of values.")
        values = form.conform(table)
        recipes = _column(table, wanted.recipe) or [path.name.split(".")[0]] * table.num_rows
        warnings += [
            f"Recipe {name} has {many:,} rows in {path}; the first {MOST_RECIPE_ROWS:,} are judged, the others are not."
            for name, many in Counter(recipes).items()
            if many > MOST_RECIPE_ROWS
        ]
        parents = _lists(table, wanted.parents or "parents")
        tables += [
            machine_rows(part, row_texts(part), recipe=name, parents=[parents[i] for i in rows])
            for name, rows, part in _by_recipe(values, recipes)
        ]
    stream = pa.concat_tables(tables)
    return StreamInput(
        stream, ", ".join(wanted.paths), ReadFacts(stream.num_rows, sum(bad.values()), dict(bad)), tuple(warnings)
    )


def _by_recipe(values: pa.Table, recipes: Sequence[str]) -> Iterator[tuple[str, list[int], pa.Table]]:
    names = np.asarray(recipes, object).astype(str)
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)[:MOST_RECIPE_ROWS]
        yield str(name), rows.tolist(), values.take(pa.array(rows))


def _read(paths: Sequence[str]) -> tuple[pa.Table, dict[str, int]]:
    """Return the rows of files of one table, and how many could not be used, by kind."""
    bad: Counter[str] = Counter()
    tables = [read_table_file(path, bad) for path in expand_paths(paths)]
    try:
        return pa.concat_tables(tables, promote_options="permissive"), dict(bad)
    except pa.ArrowInvalid as error:
        raise InputError(f"{', '.join(paths)} are not of one table: {error}") from error


def read_table_file(path: Path, bad: Counter[str]) -> pa.Table:
    """Return the rows of a file of a table; what could not be used is counted by kind in ``bad``.

    Raises:
        InputError: the file is of no kind that is read, damaged, or empty.
    """
    kinds: dict[str, Callable[[Path], pa.Table]] = {
        ".parquet": _parquet,
        ".csv": lambda one: _delimited(one, ",", bad),
        ".tsv": lambda one: _delimited(one, "\t", bad),
        ".jsonl": _json_lines,
    }
    suffixes = [suffix for suffix in path.suffixes if suffix not in {".gz", ".zst"}]
    read = kinds.get(suffixes[-1] if suffixes else "")
    if read is None:
        raise InputError(f"{path} is no table that can be read. Allowed are {', '.join(kinds)}, also with .gz or .zst.")
    try:
        table = read(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read as a table: {error}") from error
    if not table.num_rows:
        raise InputError(f"{path} has no rows.")
    return table


def _parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(path)


def _delimited(path: Path, delimiter: str, bad: Counter[str]) -> pa.Table:
    from pyarrow import csv

    def skip(_: Any) -> str:
        bad["wrong_number_of_values"] += 1
        return "skip"

    with pa.input_stream(str(path)) as file:
        return csv.read_csv(
            file,
            # A thread that still reads when an error ends the program takes it down with it.
            read_options=csv.ReadOptions(use_threads=False),
            parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True, null_values=["", "NA", "NaN", "nan", "null", "?"]
            ),
        )


def _json_lines(path: Path) -> pa.Table:
    from pyarrow import json

    with pa.input_stream(str(path)) as file:
        return json.read_json(file, read_options=json.ReadOptions(use_threads=False))


_MISSING = ["", "NA", "NaN", "nan", "null", "?"]


def _check(table: pa.Table, names: Sequence[str], where: str) -> None:
    for name in names:
        if name not in table.column_names:
            raise InputError(
                f"{where} has no column {name!r}. Columns: {', '.join(table.column_names)}."
                f"{did_you_mean(name, table.column_names)}"
            )


def _column(table: pa.Table, name: str | None) -> list[str] | None:
    return None if name is None else [str(value) for value in table[name].to_pylist()]


def _lists(table: pa.Table, name: str) -> list[list[str]]:
    if name not in table.column_names or not pa.types.is_list(table[name].type):
        return [[] for _ in range(table.num_rows)]
    return [[str(one) for one in value or []] for value in table[name].to_pylist()]


def _place(text: str) -> float:
    """Return a number in [0, 1) that is the same in every process."""
    return int(content_id(text)[:13], 16) / 16**13
