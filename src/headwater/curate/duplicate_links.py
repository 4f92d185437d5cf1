"""Which documents belong together: those that share a text hash or the key of a band, and those they share one with.

Keys are written to files by band and by their highest bits, so that each file fits the memory; in each file equal keys
are found and their documents joined (union-find, the smallest number of a set being its name). The outcome is the set
of connected components, whatever the order of files and documents. In memory stays one number of 4 bytes per document.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.store import storage_errors

_BYTES_PER_KEY = 64  # what finding equal keys takes at its highest: file, filter, keys, order
_AT_HAND = 1 << 20  # keys whose filter fits a core's own cache; the whole takes half the time that way
_NEAR, _EXACT = 3, 5  # 32-bit numbers of a record: a key of 8 or 16 bytes, and the document


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of some documents."""

    numbers: NDArray[np.uint32]
    """The documents."""
    hashes: NDArray[np.uint32]
    """Hash of each text, shape (documents, 4)."""
    near: NDArray[np.uint32]
    """The documents that have bands."""
    bands: NDArray[np.uint32]
    """Keys of their bands, shape (documents, 2 x bands)."""


def link(
    batches: Iterable[Keys], documents: int, bands: int, folder: Path, memory: int
) -> tuple[NDArray[np.uint32], int]:
    """Return the name of each document's cluster, the smallest number of a document in it, and how many take part.

    Args:
        batches: keys of all documents that take part, in any order.
        documents: how many numbers there are; below 2^32.
        bands: bands per document; 0: only equal texts count.
        folder: where the keys are written; emptied again.
        memory: bytes that may be used beside 4 per document.

    Raises:
        StoreError: the disk is full, or the folder is not writable.
    """
    bits = max(_doublings(documents * _BYTES_PER_KEY / max(memory, 1)), min(_doublings(documents / _AT_HAND), 4))
    parents = np.arange(documents, dtype=np.uint32)
    took_part = 0
    with storage_errors(folder):
        for batch in batches:
            took_part += len(batch.numbers)
            _write(folder, "text", _records(batch.hashes, batch.numbers, bits), _EXACT)
            for band in range(bands):
                keys = np.ascontiguousarray(batch.bands[:, 2 * band : 2 * band + 2])
                _write(folder, f"band{band}", _records(keys, batch.near, bits), _NEAR)
        for path in sorted(folder.glob("*.keys")):
            width = _EXACT if path.name.startswith("text") else _NEAR
            records = np.fromfile(path, dtype=np.uint32).reshape(-1, width)
            path.unlink()
            _join(records, parents)
    _name(parents)
    return parents, took_part


def in_clusters(clusters: NDArray[np.uint32]) -> tuple[NDArray[np.bool_], int]:
    """Return which documents share their cluster with others, and the number of such clusters."""
    return _in_clusters(clusters)


def _doublings(ratio: float) -> int:
    return max(math.ceil(math.log2(max(ratio, 1))), 0)


def _write(folder: Path, name: str, parts: tuple[NDArray[np.uint32], NDArray[np.int64]], width: int) -> None:
    records, ends = parts
    for part in range(len(ends) - 1):
        if ends[part + 1] > ends[part]:
            # Files are opened for every batch: there can be more of them than a process may hold open.
            with (folder / f"{name}-{part}.keys").open("ab") as file:
                file.write(records[width * ends[part] : width * ends[part + 1]].data)


def _join(records: NDArray[np.uint32], parents: NDArray[np.uint32]) -> None:
    records = records[_maybe_repeated(records)]
    width = records.shape[1] - 1
    keys = records[:, 0].astype(np.uint64) | records[:, 1].astype(np.uint64) << np.uint64(32)
    order = np.argsort(keys)
    if width == 4:  # equal texts have 16 equal bytes
        rest = records[:, 2].astype(np.uint64) | records[:, 3].astype(np.uint64) << np.uint64(32)
        order = np.lexsort((rest, keys))
    _unite(records[order], parents)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _records(keys, numbers, bits):  # type: ignore[no-untyped-def]
    """Return keys with their documents, by the highest bits of the keys, and where each part of them ends."""
    parts = 1 << bits
    width = keys.shape[1] + 1
    ends = np.zeros(parts + 1, dtype=np.int64)
    shift = np.uint64(32 - bits)
    for i in range(len(keys)):
        ends[np.int64(np.uint64(keys[i, 1]) >> shift) + 1] += 1
    ends = np.cumsum(ends)
    place = ends[:-1].copy()
    records = np.empty(len(keys) * width, dtype=np.uint32)
    for i in range(len(keys)):
        part = np.int64(np.uint64(keys[i, 1]) >> shift)
        at = place[part] * width
        for j in range(width - 1):
            records[at + j] = keys[i, j]
        records[at + width - 1] = numbers[i]
        place[part] += 1
    return records, ends


@nb.njit(cache=True, nogil=True)
def _maybe_repeated(records):  # type: ignore[no-untyped-def]
    """Return the places of the records whose key may occur twice: most occur once, and need no sorting.

    Two bits are kept per slot, eight to sixteen slots per record.
    """
    size = 64
    while size < 8 * len(records):
        size *= 2
    once = np.zeros(size // 8, dtype=np.uint8)
    twice = np.zeros(size // 8, dtype=np.uint8)
    places = np.empty(len(records), dtype=np.int64)
    count = 0
    for i in range(len(records)):
        slot = np.int64(records[i, 0]) & (size - 1)
        bit = np.uint8(1 << (slot & 7))
        twice[slot >> 3] |= once[slot >> 3] & bit
        once[slot >> 3] |= bit
    for i in range(len(records)):
        slot = np.int64(records[i, 0]) & (size - 1)
        places[count] = i
        count += (twice[slot >> 3] >> np.uint8(slot & 7)) & 1
    return places[:count].copy()


@nb.njit(cache=True, nogil=True)
def _root(parents, number):  # type: ignore[no-untyped-def]
    while parents[number] != number:
        parents[number] = parents[parents[number]]  # the path is halved on the way
        number = parents[number]
    return number


@nb.njit(cache=True, nogil=True)
def _unite(records, parents):  # type: ignore[no-untyped-def]
    """Join the documents of neighbouring records with equal keys."""
    last = records.shape[1] - 1
    for i in range(1, len(records)):
        equal = True
        for j in range(last):
            equal &= records[i, j] == records[i - 1, j]
        if equal:
            a, b = _root(parents, records[i - 1, last]), _root(parents, records[i, last])
            parents[max(a, b)] = min(a, b)


@nb.njit(cache=True, nogil=True)
def _in_clusters(clusters):  # type: ignore[no-untyped-def]
    shared = np.zeros(len(clusters), dtype=np.bool_)
    count = 0
    for number in range(len(clusters)):
        first = clusters[number]
        if first != number:
            count += not shared[first]
            shared[first] = shared[number] = True
    return shared, count


@nb.njit(cache=True, nogil=True)
def _name(parents):  # type: ignore[no-untyped-def]
    """Replace every document's parent by the root of its set. A parent is never larger than its child."""
    for number in range(len(parents)):
        parents[number] = parents[parents[number]]
