"""The duplicate pairs of a curation: found over all shards, written for the user, and a few of them as examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.curate.bounded_duckdb import bounded_duckdb
from headwater.curate.duplicates import Duplicates, resolve_duplicates
from headwater.curate.result import PairSample
from headwater.curate.sentences import first_copies, read_cuts
from headwater.curate.settings import DuplicateSettings
from headwater.store import parquet_file

_SAMPLES = 5
"""Examples per reason and source shown; every source has some, so that its own losses can be looked at."""
_MOST_SAMPLES = 60

PAIRS = pa.schema(
    [
        pa.field("reason", pa.string(), metadata={"meaning": "exact_duplicate, near_duplicate or held_duplicate"}),
        pa.field("removed_id", pa.string(), metadata={"meaning": "the removed document"}),
        pa.field("removed_file", pa.string(), metadata={"meaning": "file it was read from"}),
        pa.field("removed_line", pa.int64(), metadata={"meaning": "its line or row there, from 1"}),
        pa.field("kept_id", pa.string(), metadata={"meaning": "the document that stands for it"}),
        pa.field("kept_file", pa.string(), metadata={"meaning": "file that was read from"}),
        pa.field("kept_line", pa.int64(), metadata={"meaning": "its line or row there, from 1"}),
        pa.field("cluster", pa.int64(), metadata={"meaning": "number of the cluster"}),
        pa.field("cluster_size", pa.int64(), metadata={"meaning": "documents of the cluster"}),
        pa.field("similarity", pa.float32(), metadata={"meaning": "estimated similarity", "range": "0 to 1"}),
    ]
)
"""The columns of ``pairs.parquet``."""

COPIED = pa.schema(
    [
        pa.field("id", pa.string(), metadata={"meaning": "a document that something was cut out of"}),
        pa.field("file", pa.string(), metadata={"meaning": "file it was read from"}),
        pa.field("line", pa.int64(), metadata={"meaning": "its line or row there, from 1"}),
        pa.field("first_id", pa.string(), metadata={"meaning": "the document that has the first copy of it"}),
        pa.field("first_file", pa.string(), metadata={"meaning": "file that was read from"}),
        pa.field("first_line", pa.int64(), metadata={"meaning": "its line or row there, from 1"}),
        pa.field("runs", pa.int64(), metadata={"meaning": "runs of sentences, or paragraphs, they share"}),
    ]
)
"""The columns of ``copied.parquet``."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair that is shown as an example."""

    reason: str
    removed: tuple[int, int]
    """Shard and place in it."""
    kept: tuple[int, int]
    removed_id: str
    kept_id: str
    similarity: float | None
    cluster_size: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A document that is shown in an example."""

    text: str
    """Its beginning."""
    place: str
    """File and line."""
    source: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The copies of a corpus."""

    path: Path
    """The file of removed documents."""
    found: Duplicates
    shards: tuple[int, ...]
    """Number in the plan of each shard that took part."""
    examples: tuple[Pair, ...]


def find_copies(
    signals: Sequence[Path],
    shards: Sequence[int],
    held: Sequence[Path],
    settings: DuplicateSettings,
    out: Path,
    temporary: Path,
) -> Resolved:
    """Find the copies among measured documents and write them to a file.

    Args:
        signals: measured shards, in order.
        shards: their numbers, in the plan; some may be missing.
        held: signatures of what is held already.
        settings: which copies are removed.
        out: the file.
        temporary: folder for what does not fit into memory.
    """
    temporary.mkdir(parents=True, exist_ok=True)
    found = resolve_duplicates(
        signals,
        out,
        held=held,
        near=settings.near,
        one_per_source=settings.one_per_source,
        verify_from=settings.verify_from,
        least_similarity=settings.least_similarity,
        temporary=temporary,
    )
    return Resolved(out, found, tuple(shards), _examples(out))


def wanted_places(copies: Resolved | None) -> dict[int, tuple[int, ...]]:
    """Return for each shard of the plan the places of the documents whose text is shown in an example."""
    wanted: dict[int, set[int]] = {}
    for pair in copies.examples if copies is not None else ():
        for shard, place in (pair.removed, pair.kept):
            if copies is not None and shard < len(copies.shards):
                wanted.setdefault(copies.shards[shard], set()).add(place)
    return {shard: tuple(sorted(places)) for shard, places in wanted.items()}


def pair_samples(copies: Resolved | None, shown: Mapping[tuple[int, int], Shown]) -> tuple[PairSample, ...]:
    """Return the examples of pairs with their texts; a document that is held already has no text here.

    Args:
        copies: the copies.
        shown: the wanted documents by shard and place.
    """
    samples = []
    for pair in copies.examples if copies is not None else ():
        assert copies is not None
        removed = shown.get((copies.shards[pair.removed[0]], pair.removed[1]))
        inside = pair.kept[0] < len(copies.shards)
        kept = shown.get((copies.shards[pair.kept[0]], pair.kept[1])) if inside else Shown("", "held already", "")
        if removed is None or kept is None:  # in a shard that failed
            continue
        samples.append(
            PairSample(
                reason=pair.reason,
                removed_id=pair.removed_id,
                removed_place=removed.place,
                removed_text=removed.text,
                kept_id=pair.kept_id,
                kept_place=kept.place,
                kept_text=kept.text,
                similarity=pair.similarity,
                cluster_size=pair.cluster_size,
                source=removed.source,
            )
        )
    return tuple(samples)


def write_pairs(
    copies: Resolved,
    signals: Sequence[Path | None],
    held: Sequence[Path],
    files: Sequence[str],
    held_files: Sequence[str],
    out: Path,
) -> None:
    """Write all pairs with the files and lines of their documents, in the order of the removed ones.

    Args:
        copies: the copies.
        signals: signals of the shards that took part, in their order; none of a shard that failed since, whose pairs
            are left out.
        held: signatures of what is held, in their order.
        files: names of the files by number.
        held_files: names of the held files by number.
        out: the file.
    """
    places = _Places(signals, held, files, held_files, copies.path.parent / "temp")
    places.write(_PAIRS.replace("REMOVED", _quoted(str(copies.path))), PAIRS, out)


def write_copied(
    cuts: Path,
    signals: Sequence[Path | None],
    held: Sequence[Path],
    files: Sequence[str],
    held_files: Sequence[str],
    out: Path,
) -> None:
    """Write which documents have the first copies of what was cut out of which, in the order of the latter.

    Args:
        cuts: folder that :func:`resolve_spans` wrote.
        signals: as for :func:`write_pairs`.
        held: signatures of what is held, in their order.
        files: names of the files by number.
        held_files: names of the held files by number.
        out: the file.
    """
    found = cuts / "first.parquet"
    with parquet_file(found, _FIRST) as writer:
        for shard in range(len(signals)):
            table = first_copies(read_cuts(cuts, shard))
            # Held sets are counted on after the shards.
            first = pc.add(table["first_shard"], pc.if_else(table["first_held"], len(signals), 0)).cast(pa.int32())
            numbers = pa.array(np.full(table.num_rows, shard), pa.int32())
            columns = [numbers, table["row"], first, table["first_row"], table["runs"].cast(pa.int64())]
            writer.write_table(pa.table(columns, schema=_FIRST))
    _Places(signals, held, files, held_files, cuts.parent / "temp").write(
        _COPIED.replace("FOUND", _quoted(str(found))), COPIED, out
    )


class _Places:
    """Where every document stands in the files it was read from, to join with."""

    def __init__(
        self,
        signals: Sequence[Path | None],
        held: Sequence[Path],
        files: Sequence[str],
        held_files: Sequence[str],
        temp: Path,
    ) -> None:
        self._temp = temp
        self._names = pa.table(
            {
                "held": [False] * len(files) + [True] * len(held_files),
                "number": pa.array([*range(len(files)), *range(len(held_files))], pa.int32()),
                "name": pa.array([*files, *held_files], pa.string()),
            }
        )
        numbered = [(number, path) for number, path in enumerate([*signals, *held]) if path is not None]
        self._shards = pa.table(
            {
                "path": [str(path) for _, path in numbered],
                "shard": pa.array([number for number, _ in numbered], pa.int32()),
                "held": [number >= len(signals) for number, _ in numbered],
            }
        )
        # Held files have fewer columns, so each kind is read by itself.
        self._parts = " UNION ALL ".join(
            _PLACE.replace("FILES", ", ".join(_quoted(str(path)) for path in paths))
            for paths in ([path for path in signals if path is not None], held)
            if paths
        )

    def write(self, query: str, schema: pa.Schema, out: Path) -> None:
        """Write the answer to a query that names ``places`` (shard, place, id, name, line)."""
        with bounded_duckdb(self._temp, _MEMORY_MB) as connection, parquet_file(out, schema) as writer:
            connection.register("names", self._names)
            connection.register("shards", self._shards)
            connection.execute(f"CREATE VIEW places AS {_NAMED.replace('PLACES', self._parts)}")
            for batch in connection.sql(query).to_arrow_reader(10_000):
                writer.write_batch(batch.cast(schema))


_MEMORY_MB = 400
_PLACE = """
    SELECT filename, file_row_number AS place, id, file, line
    FROM read_parquet([FILES], filename = true, file_row_number = true)
"""
_NAMED = """
    SELECT shard, place, id, name, line FROM (PLACES) AS found
    JOIN shards ON shards.path = found.filename
    JOIN names ON shards.held = names.held AND found.file = names.number
"""
_PAIRS = """
    SELECT reason, removed.id AS removed_id, lost.name AS removed_file, lost.line AS removed_line,
        kept_id, stays.name AS kept_file, stays.line AS kept_line, cluster, cluster_size, similarity
    FROM read_parquet(REMOVED) AS removed
    JOIN places AS lost ON lost.shard = removed.shard AND lost.place = removed.row
    JOIN places AS stays ON stays.shard = removed.kept_shard AND stays.place = removed.kept_row
    ORDER BY removed.shard, removed.row
"""
_COPIED = """
    SELECT cut.id, cut.name AS file, cut.line, firsts.id AS first_id, firsts.name AS first_file,
        firsts.line AS first_line, runs
    FROM read_parquet(FOUND) AS found
    JOIN places AS cut ON cut.shard = found.shard AND cut.place = found.row
    JOIN places AS firsts ON firsts.shard = found.first_shard AND firsts.place = found.first_row
    ORDER BY found.shard, found.row, found.first_shard, found.first_row
"""
_FIRST = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("first_shard", pa.int32()),
        ("first_row", pa.int64()),
        ("runs", pa.int64()),
    ]
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _examples(path: Path) -> tuple[Pair, ...]:
    """Return a few pairs of each reason: of near copies the least alike, where mistakes would be."""
    chosen: list[dict[str, Any]] = []
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for reason in pc.unique(batch["reason"]).to_pylist():
                those = batch.filter(pc.equal(batch["reason"], reason))
                order = [("similarity", "ascending"), ("shard", "ascending"), ("row", "ascending")]
                chosen += those.take(pc.sort_indices(those, sort_keys=order)[: _MOST_SAMPLES // 3]).to_pylist()
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(
        chosen, key=lambda row: (row["similarity"] if row["similarity"] is not None else 2.0, row["shard"], row["row"])
    ):
        by_reason.setdefault(row["reason"], []).append(row)
    return tuple(
        Pair(
            reason,
            (row["shard"], row["row"]),
            (row["kept_shard"], row["kept_row"]),
            row["id"],
            row["kept_id"],
            row["similarity"],
            row["cluster_size"],
        )
        for reason, rows in sorted(by_reason.items())
        for row in rows[: _MOST_SAMPLES // 3]
    )
