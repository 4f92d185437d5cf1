"""The versioned tables of a project: documents, verdicts and lineage events in Lance.

A table is only ever appended to, by one writer at a time, in one commit per call. A commit that returned survives a
kill at any moment, and no key is stored twice: Lance itself guarantees neither uniqueness (its ``merge_insert`` let
duplicates through in 15 of 15 rounds of two writers) nor a winner between concurrent changes, hence the lock and the
check under it. Tags name the versions that a run, a decision or a report refers to.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import StoreError, did_you_mean
from headwater.schema import DOCUMENT, LINEAGE, SCHEMA_VERSION, is_optional
from headwater.store.atomic import storage_errors
from headwater.store.lock import writer_lock

# Rows whose key columns are held in memory at once when new keys are compared with stored ones.
_BATCH_ROWS = 1 << 18
# A commit conflict means that another program writes without the lock; the work is checked and tried again.
_PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
_CONFLICT = "Retryable commit conflict"
# Every commit leaves a fragment, and every fragment costs each later append 0.5 ms (measured: two key columns, one row
# per commit). So many small ones in a row at the end of a table are put together; larger ones are never rewritten.
_SMALL_FRAGMENTS = 32
_SMALL_ROWS = 1 << 14
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A Lance table with a declared schema and, where it has one, a unique key.

    A table that was never written reads as empty. Reading never locks.
    """

    path: Path
    """Folder of the table, ``.headwater/<name>.lance``; its locks are in ``locks`` beside it."""
    schema: pa.Schema
    """Columns every row has. The stored table may have more (attached scores); they are read by name."""
    key: tuple[str, ...] = ()
    """Columns that together name a row; empty: rows have no name and may repeat."""
    run: str = ""
    """Run id or command, named to other writers while this one holds the lock."""

    @property
    def name(self) -> str:
        """Name of the table: ``documents`` for ``documents.lance``."""
        return self.path.stem

    @property
    def version(self) -> int:
        """Number of the latest version; 0 when nothing was ever written."""
        dataset = self._open()
        return 0 if dataset is None else int(dataset.version)

    def append(
        self,
        rows: pa.Table,
        *,
        skip_existing: bool = False,
        expect_version: int | None = None,
        wait_seconds: float = 0.0,
    ) -> int:
        """Append rows in one commit and return the new version.

        Costs one pass over the stored key columns, in bounded memory. When no row is left to append, no version is
        made.

        Args:
            rows: a table with the columns of the schema, in any order.
            skip_existing: leave out rows whose key is stored already, or came earlier in ``rows``: repeating a step
                after a kill then changes nothing. Without, such rows are an error.
            expect_version: refuse unless this is the latest version.
            wait_seconds: how long to wait for another writer.

        Raises:
            LockedError: another process is writing to the table.
            StoreError: keys repeat, columns do not fit, the table changed meanwhile, or the disk refuses.
        """
        rows = self.conform(rows)
        with writer_lock(self.path.parent / "locks", self.name, run=self.run, wait_seconds=wait_seconds):
            for pause in (*_PAUSES_SECONDS, None):
                try:
                    return self._commit(rows, skip_existing, expect_version)
                except (OSError, RuntimeError, ValueError) as error:
                    if _CONFLICT not in str(error):
                        raise
                    if pause is None:
                        raise StoreError(
                            f"Cannot write to {self.path}: another program keeps changing it without taking the lock. "
                            "End it, then repeat the command; nothing was written."
                        ) from error
                    time.sleep(pause)
        raise AssertionError("the loop returns or raises")

    def conform(self, rows: pa.Table) -> pa.Table:
        """Return rows with the columns of the schema in its order and types.

        Raises:
            StoreError: a column is missing, unknown or of another kind, or a row lacks the key.
        """
        missing = [name for name in self.schema.names if name not in rows.schema.names]
        unknown = [name for name in rows.schema.names if name not in self.schema.names]
        if missing or unknown:
            faults = [f"column {name} is missing" for name in missing] + [
                f"column {name} is unknown" for name in unknown
            ]
            raise StoreError(
                f"These rows do not fit table {self.name}: {', '.join(faults)}. Its columns are: "
                f"{', '.join(self.schema.names)}."
            )
        try:
            rows = rows.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise StoreError(f"These rows do not fit table {self.name}: {error}.") from error
        if len(self.key) == 1 and rows[self.key[0]].null_count:
            count = rows[self.key[0]].null_count
            raise StoreError(f"{count} rows for table {self.name} have no {self.key[0]}. Give each row one.")
        return rows

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        filter: str | None = None,  # noqa: A002
        tag: str | None = None,
    ) -> pa.Table:
        """Return rows in the order they were appended.

        Args:
            columns: names; the columns of the schema by default.
            filter: SQL condition such as ``run = 'x'``; put values in with ``sql_text``.
            tag: read the version of this name instead of the latest.

        Raises:
            StoreError: the table, the tag or a column cannot be read.
        """
        batches = list(self.batches(columns, filter=filter, tag=tag))
        if batches:
            return pa.Table.from_batches(batches)
        dataset = self._open(tag)
        return self._fields(self.schema if dataset is None else dataset.schema, columns).empty_table()

    def batches(
        self,
        columns: Sequence[str] | None = None,
        *,
        filter: str | None = None,  # noqa: A002
        tag: str | None = None,
        batch_rows: int = 8192,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``read`` in batches of at most ``batch_rows`` rows."""
        dataset = self._open(tag)
        if dataset is None:
            return
        fields = self._fields(dataset.schema, columns)
        stored = [name for name in fields.names if name in dataset.schema.names]
        for batch in dataset.scanner(columns=stored, filter=filter, batch_size=batch_rows).to_batches():
            if len(stored) == len(fields):
                yield batch
                continue
            values = [batch[one.name] if one.name in stored else pa.nulls(batch.num_rows, one.type) for one in fields]
            yield pa.RecordBatch.from_arrays(values, schema=fields)

    def count(self, *, filter: str | None = None, tag: str | None = None) -> int:  # noqa: A002
        """Return the number of rows, of all or of those that meet a condition."""
        dataset = self._open(tag)
        return 0 if dataset is None else int(dataset.count_rows(filter=filter))

    def tag(self, name: str, version: int | None = None) -> int:
        """Name a version, the latest by default, and return its number. A tagged version is kept for good.

        Args:
            name: letters, digits, ``.``, ``-`` and ``_``.
            version: number of a version.

        Raises:
            StoreError: the name is taken by another version, or there is nothing to name.
        """
        with writer_lock(self.path.parent / "locks", self.name, run=self.run):
            dataset = self._open()
            if dataset is None:
                raise StoreError(f"Cannot tag {self.path}: nothing was written to it yet.")
            wanted = int(dataset.version) if version is None else version
            taken = self.tags().get(name)
            if taken not in (None, wanted):
                raise StoreError(
                    f"Tag {name!r} of table {self.name} already names version {taken}, not {wanted}. A tag never "
                    "moves; choose another name."
                )
            if taken is None:
                with storage_errors(self.path):
                    dataset.tags.create(name, wanted)
            return wanted

    def tags(self) -> dict[str, int]:
        """Return the version each tag names, sorted by tag."""
        dataset = self._open()
        return {} if dataset is None else {name: tag["version"] for name, tag in sorted(dataset.tags.list().items())}

    def check(self) -> list[str]:
        """Return what is wrong with the table, one sentence each: unreadable rows, repeated keys, lost versions.

        Reads everything once; the search for repeated keys spills to disk when memory is short.
        """
        try:
            dataset = self._open()
            if dataset is None:
                return []
            rows = sum(batch.num_rows for batch in dataset.scanner(batch_size=1024).to_batches())
        except (StoreError, OSError, ValueError, RuntimeError) as error:
            return [f"Table {self.name} cannot be read: {error}"]
        problems = []
        if rows != dataset.count_rows():
            problems.append(f"Table {self.name} says it has {dataset.count_rows()} rows; {rows} can be read.")
        versions = {version["version"] for version in dataset.versions()}
        problems += [
            f"Tag {name!r} of table {self.name} names version {version}, which is gone."
            for name, version in self.tags().items()
            if version not in versions
        ]
        if self.key:
            repeated, examples = self._repeated(dataset)
            if repeated:
                problems.append(f"Table {self.name} stores {repeated} keys more than once, for instance {examples}.")
        return problems

    def _commit(self, rows: pa.Table, skip_existing: bool, expect_version: int | None) -> int:
        import lance

        dataset = self._open()
        version = 0 if dataset is None else int(dataset.version)
        if expect_version not in (None, version):
            raise StoreError(
                f"Table {self.name} is at version {version}, not {expect_version}: another run wrote to it meanwhile. "
                "Repeat the command, so that it starts from the latest version."
            )
        if self.key:
            rows = self._new_rows(rows, dataset, skip_existing)
        if dataset is not None and rows.num_rows == 0:
            return version
        before = 0 if dataset is None else dataset.count_rows()
        if dataset is not None:
            _compact_end(dataset, self.path)
        if dataset is not None:
            added = [one for one in self.schema if one.name not in dataset.schema.names]
            used = [one for one in added if rows[one.name].null_count < rows.num_rows]
            rows = rows.drop_columns([one.name for one in added if one not in used])
            with storage_errors(self.path):
                if used:  # the table is of a version that did not have them; its rows get nulls
                    dataset.add_columns(pa.schema(used))
        for field in [] if dataset is None else dataset.schema:
            if field.name not in rows.schema.names:  # an attached score; these rows do not have it yet
                rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
        with storage_errors(self.path):
            written = lance.write_dataset(rows, str(self.path), mode="create" if dataset is None else "append")
        if written.count_rows() != before + rows.num_rows:
            raise StoreError(
                f"Table {self.name} has {written.count_rows()} rows where {before + rows.num_rows} were expected: "
                "another program writes to it without taking the lock. End it and look for doubled rows (Table.check)."
            )
        return int(written.version)

    def _new_rows(self, rows: pa.Table, dataset: Any, skip_existing: bool) -> pa.Table:
        """Return the rows whose key is neither stored nor earlier in ``rows``; without ``skip_existing``, refuse."""
        keys = _key_text(rows, self.key)
        places = pa.table({"key": keys, "place": pa.array(range(rows.num_rows), pa.int64())})
        first = places.group_by("key", use_threads=False).aggregate([("place", "min")])["place_min"]
        stored = pa.chunked_array([] if dataset is None else self._stored(dataset, rows), keys.type)
        fresh = pc.and_(pc.is_in(places["place"], value_set=first), pc.invert(pc.is_in(keys, value_set=stored)))
        if skip_existing or pc.all(fresh).as_py() in (True, None):
            return rows.filter(fresh)
        repeated = rows.select(self.key).filter(pc.invert(fresh))
        raise StoreError(
            f"{repeated.num_rows} of {rows.num_rows} rows repeat a key ({', '.join(self.key)}) of table {self.name}, "
            f"for instance {_examples(repeated)}. A key is stored once; nothing was written. Leave those rows out, or "
            "give them their own ids."
        )

    def _stored(self, dataset: Any, rows: pa.Table) -> list[pa.Array]:
        """Return the keys of those stored rows that can be equal to one of ``rows``.

        The key column with the most values narrows them down: comparing one column costs a fortieth of writing out
        the whole key. Memory: one batch, and what may be equal.
        """
        narrowing = max(self.key, key=lambda name: pc.count_distinct(rows[name], mode="all").as_py())
        found: list[pa.Array] = []
        for batch in dataset.scanner(columns=list(self.key), batch_size=_BATCH_ROWS).to_batches():
            near = batch.filter(pc.is_in(batch[narrowing], value_set=rows[narrowing]))
            found += _key_text(pa.table(near), self.key).chunks
        return found

    def _repeated(self, dataset: Any) -> tuple[int, str]:
        import duckdb

        stored = dataset.scanner(columns=list(self.key), batch_size=_BATCH_ROWS).to_reader()
        names = ", ".join(f'"{name}"' for name in self.key)
        with duckdb.connect() as connection:
            connection.execute("SET enable_progress_bar = false")  # its own would be drawn in a notebook
            connection.register("stored", stored)
            repeated = connection.sql(
                f"SELECT {names} FROM stored GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL"  # noqa: S608
            ).to_arrow_table()
        return repeated.num_rows, _examples(repeated)

    def _open(self, tag: str | None = None) -> Any:
        """Return the Lance dataset, at a tag or the latest version; None where nothing was ever written."""
        if not (self.path / "_versions").is_dir():
            if tag is not None:
                raise self._unknown_tag(tag, {})
            return None
        import lance

        try:
            dataset = lance.dataset(str(self.path))
        except (OSError, RuntimeError, ValueError) as error:
            if "was not found" in str(error):  # a writer was killed in its first commit
                return None
            raise StoreError(f"Cannot open {self.path}: {error}. Restore the folder from a copy.") from error
        self._check_schema(dataset.schema)
        if tag is None:
            return dataset
        tags = dataset.tags.list()
        if tag not in tags:
            raise self._unknown_tag(tag, tags)
        return dataset.checkout_version(tag)

    def _unknown_tag(self, tag: str, known: Sequence[str] | dict[str, Any]) -> StoreError:
        shown = ", ".join(sorted(known)) or "none"
        return StoreError(f"Table {self.name} has no tag {tag!r}. It has: {shown}.{did_you_mean(tag, known)}")

    def _check_schema(self, stored: pa.Schema) -> None:
        metadata = stored.metadata or {}
        version = int(metadata.get(b"headwater.schema", b"0"))
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by a newer Headwater (schema {version}; this one knows up to "
                f"{SCHEMA_VERSION}). Update it: pip install --upgrade headwater"
            )
        missing = [one.name for one in self.schema if one.name not in stored.names and not is_optional(one)]
        if missing or version == 0:
            what = f"lacks the columns {', '.join(missing)}" if missing else "does not say which schema it has"
            raise StoreError(f"{self.path} is not a table of Headwater: it {what}. Move it away, or restore it.")

    def _fields(self, stored: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
        """Return the schema of the columns that are asked for."""
        names = list(self.schema.names if columns is None else columns)
        later = {one.name: one for one in self.schema if is_optional(one)}
        missing = [name for name in names if name not in stored.names and name not in later]
        if missing:
            raise StoreError(
                f"Table {self.name} has no column {missing[0]!r}. It has: {', '.join(stored.names)}."
                + did_you_mean(missing[0], stored.names)
            )
        fields = [stored.field(name) if name in stored.names else later[name] for name in names]
        return pa.schema(fields, metadata=stored.metadata)


def document_table(store: Path, *, run: str = "") -> Table:
    """Return the documents of the project whose store is the folder ``store``; one row per id."""
    return Table(store / "documents.lance", DOCUMENT, ("id",), run)


def lineage_table(store: Path, *, run: str = "") -> Table:
    """Return the lineage events of a project; one row per node of a run (see ``headwater.lineage.events``)."""
    return Table(store / "lineage.lance", LINEAGE, ("run", "node"), run)


def sql_text(value: str) -> str:
    """Return a text as an SQL literal for the ``filter`` of a read."""
    return "'" + value.replace("'", "''") + "'"


def _compact_end(dataset: Any, path: Path) -> None:
    """Put small fragments at the end of a table together, once there are enough of them.

    Only those at the end: Lance gives what it rewrites the last place, and rows keep their order only when they are
    there already. Tagged versions keep their own fragments.
    """
    fragments = dataset.get_fragments()
    if len(fragments) < _SMALL_FRAGMENTS:
        return
    from lance.optimize import Compaction

    tasks = Compaction.plan(dataset, {"target_rows_per_fragment": _SMALL_ROWS}).tasks
    if not tasks or len(tasks[-1].fragments) < _SMALL_FRAGMENTS:
        return
    if tasks[-1].fragments[-1].id == fragments[-1].fragment_id:
        with storage_errors(path):
            Compaction.commit(dataset, [tasks[-1].execute(dataset)])


def _key_text(rows: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """Return one text per row that is equal exactly where all key columns are equal (null equals null).

    Each value is written as length:value and null as ``-``, so that ("a", "bc") and ("ab", "c") differ.
    """
    columns = [rows[name].cast(pa.large_string()) for name in key]
    if len(columns) == 1 and not columns[0].null_count:
        return columns[0]
    parts = []
    for column in columns:
        length = pc.binary_length(column).cast(pa.large_string())
        parts.append(pc.fill_null(pc.binary_join_element_wise(length, column, pa.scalar(":", length.type)), "-"))
    return pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))


def _examples(keys: pa.Table) -> str:
    shown = [" / ".join(str(value) for value in row.values()) for row in keys.slice(0, _SHOWN).to_pylist()]
    return "; ".join(shown) + (" ..." if keys.num_rows > _SHOWN else "")
