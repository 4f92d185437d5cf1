"""Which of many hashes were seen before, and where first: in order, in bounded memory, with files for the rest.

Hashes are spread over files by their first bits. Each file is then gone through in the order in which its hashes came,
with a table of those seen so far; what is found goes to a file per shard. So memory is that of one such table, whatever
the corpus, and the outcome depends on nothing but the order of the hashes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.store import storage_errors

OCCURRENCE = np.dtype([("hash", "<u8"), ("document", "<i8"), ("place", "<i4")])
"""A hash, the number of its document, and its place there."""

REPEAT = np.dtype([("document", "<i8"), ("place", "<i4"), ("first", "<i8")])
"""A place of a document whose hash was seen before, and the document it was seen in first."""

_BITS = 8  # of a hash that choose its file
_TABLE_BYTES = 16 * 2  # per hash: two slots of a hash and a document
_CHUNK = 1 << 18  # occurrences read at a time


@dataclass(slots=True)
class Spool:
    """Records for several readers, kept in memory up to a bound and in a file per reader beyond it."""

    folder: Path
    """Where the files go. It belongs to the spool."""
    kind: np.dtype
    """Type of the records."""
    memory_bytes: int
    """Most bytes kept in memory."""
    counts: dict[int, int] = field(default_factory=dict)
    """Records of each reader."""
    _held: dict[int, list[NDArray[np.void]]] = field(default_factory=dict)
    _held_bytes: int = 0

    def add(self, readers: NDArray[np.integer], records: NDArray[np.void]) -> None:
        """Add records, each for one reader; those of a reader keep their order.

        Raises:
            StoreError: the disk is full, read-only or forbidden.
        """
        if not len(records):
            return
        order = np.argsort(readers, kind="stable")
        records, readers = records[order], readers[order]
        firsts = np.flatnonzero(np.diff(readers, prepend=-1))
        for first, last in zip(firsts, np.append(firsts[1:], len(readers)), strict=True):
            reader = int(readers[first])
            self._held.setdefault(reader, []).append(records[first:last])
            self.counts[reader] = self.counts.get(reader, 0) + int(last - first)
        self._held_bytes += records.nbytes
        if self._held_bytes > self.memory_bytes:
            self._spill()

    def read(self, reader: int) -> Iterator[NDArray[np.void]]:
        """Yield the records of a reader in the order in which they were added."""
        path = self._path(reader)
        if path.exists():
            with path.open("rb") as file:
                while block := file.read(_CHUNK * self.kind.itemsize):
                    yield np.frombuffer(block, dtype=self.kind)
        yield from self._held.get(reader, [])

    def drop(self, reader: int) -> None:
        """Forget the records of a reader."""
        self._path(reader).unlink(missing_ok=True)
        self._held_bytes -= sum(part.nbytes for part in self._held.pop(reader, []))

    def _path(self, reader: int) -> Path:
        return self.folder / f"{reader:06d}.records"

    def _spill(self) -> None:
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for reader, parts in self._held.items():
                with self._path(reader).open("ab") as file:
                    file.writelines(part.tobytes() for part in parts)
        self._held.clear()
        self._held_bytes = 0


def spool_of_hashes(folder: Path, memory_bytes: int) -> Spool:
    """Return an empty spool for ``add_hashes``."""
    return Spool(folder, OCCURRENCE, memory_bytes)


def add_hashes(
    spool: Spool, hashes: NDArray[np.uint64], documents: NDArray[np.int64], places: NDArray[np.int32]
) -> None:
    """Add hashes in the order in which they are to count as seen."""
    records = np.empty(len(hashes), dtype=OCCURRENCE)
    records["hash"], records["document"], records["place"] = hashes, documents, places
    spool.add((hashes >> np.uint64(64 - _BITS)).astype(np.uint8), records)


def repeats(spool: Spool, held: int, memory_bytes: int) -> Iterator[NDArray[np.void]]:
    """Yield what was seen before, as ``REPEAT`` records, and empty the spool.

    Args:
        spool: from ``spool_of_hashes``, filled with ``add_hashes``.
        held: documents of lower numbers are never repeats.
        memory_bytes: most bytes a table of hashes may have, about.
    """
    for reader in range(1 << _BITS):
        count = spool.counts.get(reader, 0)
        if not count:
            continue
        # A file with too many hashes for one table is gone through several times, each time for some of them.
        bits = max(0, (count * _TABLE_BYTES * 2 // max(memory_bytes, 1)).bit_length())
        for part in range(1 << bits):
            keys, firsts = np.zeros(1024, dtype=np.uint64), np.zeros(1024, dtype=np.int64)
            used = 0
            for records in spool.read(reader):
                for at in range(0, len(records), _CHUNK):
                    chunk = records[at : at + _CHUNK]
                    if bits:
                        chunk = chunk[(chunk["hash"] << np.uint64(_BITS)) >> np.uint64(64 - bits) == part]
                    while 2 * (used + len(chunk)) > len(keys):
                        keys, firsts = _grown(keys, firsts)
                    columns = [np.ascontiguousarray(chunk[name]) for name in ("hash", "document", "place")]
                    found, used = _seen(keys, firsts, used, *columns, held)
                    if len(found[0]):
                        out = np.empty(len(found[0]), dtype=REPEAT)
                        out["document"], out["place"], out["first"] = found
                        yield out
        spool.drop(reader)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _slot(keys, key):  # type: ignore[no-untyped-def]
    """Return where a key is in an open-addressing table, or the free slot where it belongs; 0 is no key."""
    mask = np.uint64(len(keys) - 1)
    # The first bits of the keys of a table are alike, the last ones are not.
    slot = ((key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@nb.njit(cache=True, nogil=True)
def _grown(keys, firsts):  # type: ignore[no-untyped-def]
    more_keys, more_firsts = np.zeros(2 * len(keys), dtype=np.uint64), np.zeros(2 * len(keys), dtype=np.int64)
    for i in range(len(keys)):
        if keys[i] != 0:
            slot = _slot(more_keys, keys[i])
            more_keys[slot], more_firsts[slot] = keys[i], firsts[i]
    return more_keys, more_firsts


@nb.njit(cache=True, nogil=True)
def _seen(keys, firsts, used, hashes, documents, places, held):  # type: ignore[no-untyped-def]
    """Enter hashes into a table with room for them; return those that were in it, and how many are in it now."""
    found_documents, found_places = np.empty(len(hashes), dtype=np.int64), np.empty(len(hashes), dtype=np.int32)
    found_firsts = np.empty(len(hashes), dtype=np.int64)
    found = 0
    for i in range(len(hashes)):
        slot = _slot(keys, hashes[i])
        if keys[slot] == 0:
            keys[slot], firsts[slot] = hashes[i], documents[i]
            used += 1
        elif documents[i] >= held:
            found_documents[found], found_places[found], found_firsts[found] = documents[i], places[i], firsts[slot]
            found += 1
    return (found_documents[:found], found_places[:found], found_firsts[:found]), used
