"""What one shard needs to know of the copies that were found over all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """The documents of a shard, or of a stretch of it, that are copies of others."""

    places: NDArray[np.int64]
    """Their places, from 0, ascending."""
    reasons: pa.Array
    """What kind of copy each is."""
    kept_ids: pa.Array
    """Ids of the documents that stand for them."""

    def within(self, begin: int, end: int) -> "Copies":
        """Return the copies of a stretch, with places that begin there."""
        first, last = np.searchsorted(self.places, [begin, end])
        return Copies(
            self.places[first:last] - begin,
            self.reasons.slice(first, last - first),
            self.kept_ids.slice(first, last - first),
        )

    def kept_id_by_row(self, rows: int) -> pa.Array:
        """Return for each of a number of rows the id of the document that stands for it; null for most."""
        index = np.full(rows, -1)
        index[self.places] = np.arange(len(self.places))
        return self.kept_ids.take(pa.array(index, mask=index < 0))


_BATCH = 2048

NO_COPIES = Copies(np.zeros(0, dtype=np.int64), pa.array([], pa.string()), pa.array([], pa.string()))


def read_copies(path: Path | None, shard: int) -> Copies:
    """Return the copies of one shard from the file of all of them (:func:`resolve_duplicates`)."""
    if path is None:
        return NO_COPIES
    columns = ["row", "reason", "kept_id"]
    found = pq.read_table(path, columns=columns, filters=[("shard", "=", shard)]).combine_chunks()
    places = found["row"].to_numpy().astype(np.int64)
    return Copies(places, _one(found["reason"]), _one(found["kept_id"]))


def with_copies(reasons: pa.ListArray, copies: Copies) -> pa.ListArray:
    """Return lists of reasons with that of each copy put behind its others."""
    if not len(copies.places):
        return reasons
    rows = pc.list_parent_indices(reasons).to_numpy()
    together = pa.concat_arrays([reasons.flatten(), copies.reasons.cast(pa.string())])
    of_row = np.concatenate([rows, copies.places])
    order = np.argsort(of_row, kind="stable")
    offsets = np.searchsorted(of_row[order], np.arange(len(reasons) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), together.take(pa.array(order)))


def span_batches(measured: Path, copies: Path | None, shard: int) -> Iterator[pa.RecordBatch]:
    """Yield the runs of a measured shard; documents that are dropped already take no part.

    Args:
        measured: the shard after the first pass.
        copies: file of all copies.
        shard: its number among the shards in which copies were looked for.
    """
    gone = read_copies(copies, shard)
    place = 0
    with pq.ParquetFile(measured) as file:
        for batch in file.iter_batches(_BATCH, columns=["span_hashes", "passing"]):
            part = batch["passing"].to_numpy(zero_copy_only=False).copy()
            part[gone.within(place, place + batch.num_rows).places] = False
            place += batch.num_rows
            yield pa.RecordBatch.from_pydict({"span_hashes": batch["span_hashes"], "takes_part": pa.array(part)})


def held_span_batches(signatures: Path) -> Iterator[pa.RecordBatch]:
    """Yield the runs of a shard of what is held already."""
    with pq.ParquetFile(signatures) as file:
        yield from file.iter_batches(_BATCH, columns=["span_hashes"])


def _one(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks).cast(pa.string()) if column.num_chunks else pa.array([], pa.string())
