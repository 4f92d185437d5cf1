"""Which documents of a cluster stay, and which of those stands for each of the others."""

from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

_PER_BUCKET = 32  # kept documents of a band key that a document is compared with; more only cost time


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Documents of whole clusters, in any order."""

    numbers: NDArray[np.uint32]
    """The documents."""
    clusters: NDArray[np.uint32]
    """Name of the cluster of each."""
    held: NDArray[np.bool_]
    """Whether it is held already, and so never removed."""
    priority: NDArray[np.int64]
    """The higher, the rather it stays."""
    length: NDArray[np.int64]
    """Characters of its text."""
    sources: NDArray[np.uint64]
    """Hash of its source."""
    texts: NDArray[np.uint64]
    """Hash of its text, shape (members, 2)."""
    sketches: NDArray[np.uint8]
    """Shape (members, permutations); zeros where it has none."""
    bands: NDArray[np.uint64]
    """Keys of the bands, shape (members, bands)."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What became of members, in order of cluster and preference. Places are those in the arrays here."""

    order: NDArray[np.int64]
    """The place of each among the ``Members`` that were given."""
    keepers: NDArray[np.int64]
    """The one that stands for it: its own place where it stays."""
    similarity: NDArray[np.float32]
    """Estimated similarity to that one."""
    same: NDArray[np.int64]
    """The first with the same text."""
    sizes: NDArray[np.int64]
    """Documents of its cluster."""
    across_sources: int
    """Documents that stay only because what they resemble is of another source."""
    different: int
    """Documents of verified clusters that stay because nothing that stays is similar enough."""


def choose(members: Members, *, per_source: bool, verify_from: int, least: float) -> Choice:
    """Return which members stay. See ``resolve_duplicates`` for the rules.

    Args:
        members: documents of whole clusters.
        per_source: one document for every source of a cluster.
        verify_from: size from which a cluster is verified.
        least: similarity from which on documents of a verified cluster are copies.
    """
    order = np.lexsort((members.numbers, -members.length, -members.priority, ~members.held, members.clusters))
    clusters = members.clusters[order]
    begins = np.flatnonzero(np.concatenate([[True], clusters[1:] != clusters[:-1]])) if len(order) else order
    lengths = np.diff(np.append(begins, len(order)))
    sizes = np.repeat(lengths, lengths)
    first = np.repeat(begins, lengths)
    verified = sizes >= verify_from
    buckets, n_buckets = _buckets(members.bands[order[verified]])
    texts = members.texts[order]
    keepers, similarity, across, different = _choose(
        first,
        members.held[order],
        _first_equal(texts[:, 0], texts[:, 1]),
        _first_equal(first, members.sources[order]) if per_source else first,
        members.sketches[order],
        np.cumsum(verified) - 1,
        verified,
        buckets,
        n_buckets,
        per_source,
        least,
    )
    return Choice(order, keepers, similarity, _first_equal(texts[:, 0], texts[:, 1]), sizes, across, different)


def _first_equal(*columns: NDArray[np.generic]) -> NDArray[np.int64]:
    """Return for each row the first one with equal values."""
    order = np.lexsort(columns)  # stable: equal rows stay in their order
    new = np.zeros(len(order), dtype=np.bool_)
    new[:1] = True
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return first


def _buckets(bands: NDArray[np.uint64]) -> tuple[NDArray[np.int64], int]:
    """Return a number for each band key of each document, and how many there are."""
    buckets = np.empty(bands.shape, dtype=np.int64)
    count = 0
    for band in range(bands.shape[1]):
        distinct, buckets[:, band] = np.unique(bands[:, band], return_inverse=True)
        buckets[:, band] += count
        count += len(distinct)
    return buckets, count


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _alike(sketches, a, b):  # type: ignore[no-untyped-def]
    """Return the estimated similarity of two documents: see ``sketch_similarity``."""
    width = sketches.shape[1]
    equal = np.int32(0)
    for i in range(width):
        equal += np.int32(sketches[a, i] == sketches[b, i])
    return max((equal / width - 1 / 256) / (1 - 1 / 256), 0.0) if width else 0.0


@nb.njit(cache=True, nogil=True)
def _choose(first, held, same, own, sketches, place, verified, buckets, n_buckets, per_source, least):  # type: ignore[no-untyped-def]
    """Go through the members in order; each is compared with those that stay before it."""
    count = len(first)
    bands = buckets.shape[1]
    keepers = np.arange(count)
    similarity = np.ones(count, dtype=np.float32)
    of_source = np.full(count, -1, dtype=np.int64)  # the first that stays of each source of a cluster
    # Of each band key the first that stay, as a list: its head, its end, its length, and what follows each in it.
    head = np.full(n_buckets, -1, dtype=np.int64)
    last = np.full(n_buckets, -1, dtype=np.int64)
    length = np.zeros(n_buckets, dtype=np.int64)
    following = np.full(buckets.shape, -1, dtype=np.int64)
    compared = np.full(count, -1, dtype=np.int64)
    across = different = 0
    for member in range(count):
        keeper = member
        if held[member] or first[member] == member:
            pass
        elif same[member] < member:
            keeper = keepers[same[member]]
            similarity[member] = similarity[same[member]]
        elif not verified[member]:
            keeper = first[member]
            if per_source and not held[keeper]:
                keeper = of_source[own[member]]
                if keeper < 0:
                    keeper = member
                    across += 1
            if keeper != member:
                similarity[member] = _alike(sketches, member, keeper)
        else:
            best = -1.0
            elsewhere = False
            for band in range(bands + 1):
                # At last the representative, which need not share a band.
                other = first[member] if band == bands else head[buckets[place[member], band]]
                while other >= 0:
                    if compared[other] != member:
                        compared[other] = member
                        likeness = _alike(sketches, member, other)
                        allowed = not per_source or held[other] or own[other] == own[member]
                        if allowed and (likeness > best or (likeness == best and other < keeper)):
                            best = likeness
                            keeper = other
                        elsewhere |= not allowed and likeness >= least
                    other = -1 if band == bands else following[place[other], band]
            if best < least:
                keeper = member
                across += elsewhere
                different += not elsewhere
            else:
                similarity[member] = best
        keepers[member] = keeper
        if keeper != member:
            continue
        if of_source[own[member]] < 0:
            of_source[own[member]] = member
        if verified[member]:
            for band in range(bands):
                bucket = buckets[place[member], band]
                if length[bucket] == _PER_BUCKET:
                    continue
                length[bucket] += 1
                if head[bucket] < 0:
                    head[bucket] = member
                else:
                    following[place[last[bucket]], band] = member
                last[bucket] = member
    return keepers, similarity, across, different
