"""Rows sorted into parts, on disk where they are more than one, read back part by part."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.store import storage_errors

_MOST_PARTS = 400  # each is an open file


class Spill:
    """Parts of a table, each small enough for the memory."""

    def __init__(self, folder: Path, parts: int) -> None:
        """Begin with nothing.

        Args:
            folder: where the parts are written; made when it is needed.
            parts: how many at least; a single part stays in memory.
        """
        self._folder = folder
        self._parts = min(max(parts, 1), _MOST_PARTS)
        self._batches: list[pa.RecordBatch] = []
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def __len__(self) -> int:
        return self._parts

    def add(self, batch: pa.RecordBatch, part: NDArray[np.integer]) -> None:
        """Add rows to the parts they belong to, in their order.

        Raises:
            StoreError: the disk is full, or the folder is not writable.
        """
        if self._parts == 1:
            self._batches.append(batch)
            return
        order = np.argsort(part, kind="stable")
        ordered = batch.take(pa.array(order))
        ends = np.searchsorted(part[order], np.arange(self._parts + 1))
        with storage_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
            for number in range(self._parts):
                if ends[number + 1] > ends[number]:
                    if number not in self._writers:
                        self._writers[number] = pa.ipc.new_stream(str(self._folder / f"{number}.arrow"), batch.schema)
                    self._writers[number].write(ordered.slice(ends[number], ends[number + 1] - ends[number]))

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the parts that have rows; they are gone afterwards."""
        if self._batches:
            table = pa.Table.from_batches(self._batches)
            self._batches = []
            yield table
        for number in sorted(self._writers):
            path = self._folder / f"{number}.arrow"
            self._writers.pop(number).close()
            with pa.OSFile(str(path)) as file:
                table = pa.ipc.open_stream(file).read_all()
            path.unlink()
            yield table
