"""Which documents share passages: pairs of texts and how many 8-word sequences they have in common.

One side is held as an index, the other streams past it in batches, so that a store of any size can be compared with
what fits into memory. Sequences found in very many documents are boilerplate and say nothing of dependence, as in
:func:`headwater.store.merge_overlapping`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.schema import content_id
from headwater.text import gram_hashes

COMMON = 20
"""A sequence in more documents than this is boilerplate."""

DEPENDENT = 0.3
"""Two documents that share this much of the shorter one's sequences are not independent."""


def normalised(text: str | None) -> str:
    """Return a text as it is compared: case, white space and Unicode compatibility forms do not count."""
    text = text or ""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(folded.casefold().split())


def same_text(text: str | None) -> str:
    """Return what equal texts have in common: the content id of the normalised text."""
    return content_id(normalised(text))


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of a streamed text and an indexed one that share sequences."""

    rows: NDArray[np.int64]
    """Number of the streamed text, counted over all batches."""
    owners: NDArray[np.int64]
    """Number of the indexed text."""
    shared: NDArray[np.int64]
    """Distinct 8-word sequences they share, boilerplate apart."""
    row_sizes: NDArray[np.int64]
    """Distinct sequences of the streamed text."""
    owner_sizes: NDArray[np.int64]
    """Distinct sequences of the indexed text."""

    @property
    def of_shorter(self) -> NDArray[np.float64]:
        """Share of the sequences of the one with fewer, 0 to 1."""
        return self.shared / np.maximum(np.minimum(self.row_sizes, self.owner_sizes), 1)

    @property
    def of_indexed(self) -> NDArray[np.float64]:
        """Share of the indexed text's sequences, 0 to 1."""
        return self.shared / np.maximum(self.owner_sizes, 1)

    def where(self, mask: NDArray[np.bool_]) -> "Pairs":
        """Return the pairs a mask selects."""
        return Pairs(
            self.rows[mask], self.owners[mask], self.shared[mask], self.row_sizes[mask], self.owner_sizes[mask]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """The 8-word sequences of a set of texts, and which text each is from."""

    grams: NDArray[np.uint64]
    """Sorted distinct hashes."""
    starts: NDArray[np.int64]
    """Where the owners of each hash begin; one entry more than there are hashes."""
    owners: NDArray[np.int64]
    """Numbers of the texts that hold each hash."""
    sizes: NDArray[np.int64]
    """Distinct sequences of each text."""

    @classmethod
    def of(cls, texts: Sequence[str | None], *, common: int = COMMON) -> "Passages":
        """Return the index of the texts, without sequences that more than ``common`` of them hold."""
        hashes, offsets = gram_hashes(texts)
        owners = np.repeat(np.arange(len(texts)), np.diff(offsets))
        order = np.argsort(hashes, kind="stable")  # owners stay ascending within a hash
        hashes, owners = hashes[order], owners[order]
        distinct = np.r_[True, (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])][: len(hashes)]
        hashes, owners = hashes[distinct], owners[distinct]
        sizes = np.bincount(owners, minlength=len(texts))
        first = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]][: len(hashes)])
        index = cls(hashes[first], np.r_[first, len(hashes)], owners, sizes)
        return index.without(np.diff(index.starts) > common)

    def without(self, places: NDArray[np.bool_]) -> "Passages":
        """Return the index without the sequences a mask selects; the sizes of the texts stay."""
        counts = np.diff(self.starts)
        kept = ~places
        return Passages(
            self.grams[kept],
            np.r_[0, np.cumsum(counts[kept])].astype(np.int64),
            self.owners[np.repeat(kept, counts)],
            self.sizes,
        )

    def compare(self, batches: Iterable[Sequence[str | None]], *, common: int | None = None) -> "Comparison":
        """Stream texts past the index and return what they share with it.

        Args:
            batches: the texts, batch by batch.
            common: leave out sequences that more documents than this hold, both sides together. None counts all: where
                a copy may have been repeated many times, it must not pass for boilerplate.

        Memory: the index, one batch, and the matches.
        """
        counts = np.diff(self.starts)
        frequency = counts.copy()
        seen = np.zeros(len(self.grams), np.bool_)
        rows, places, sizes = ([np.zeros(0, np.int64)] for _ in range(3))
        before = 0
        for texts in batches:
            found = self._matches(texts)
            if common is not None:
                found = found[:, frequency[found[1]] <= common]
            frequency += np.bincount(found[1], minlength=len(frequency))
            seen[found[1]] = True
            rows.append(found[0] + before)
            places.append(found[1])
            sizes.append(found[2])
            before += len(texts)
        row, place, size = (np.concatenate(parts) for parts in (rows, places, sizes))
        if common is not None:
            kept = frequency[place] <= common
            row, place, size = row[kept], place[kept], size[kept]
        return Comparison(self._pairs(row, place, size), seen)

    def _matches(self, texts: Sequence[str | None]) -> NDArray[np.int64]:
        """Return the distinct (row, place in the index, distinct sequences of the row), shape (3, matches)."""
        hashes, offsets = gram_hashes(texts)
        rows = np.repeat(np.arange(len(texts)), np.diff(offsets))
        if not len(self.grams) or not len(hashes):
            return np.zeros((3, 0), np.int64)
        place = np.minimum(np.searchsorted(self.grams, hashes), len(self.grams) - 1)
        held = self.grams[place] == hashes
        touched = np.zeros(len(texts), np.bool_)
        touched[rows[held]] = True
        # Only texts that share something are sorted: most share nothing.
        near = touched[rows]
        own_rows, own = rows[near], hashes[near]
        order = np.lexsort((own, own_rows))
        own_rows, own = own_rows[order], own[order]
        first = np.r_[True, (own_rows[1:] != own_rows[:-1]) | (own[1:] != own[:-1])][: len(own)]
        sizes = np.bincount(own_rows[first], minlength=len(texts))
        row, found = np.divmod(np.unique(rows[held] * len(self.grams) + place[held]), len(self.grams))
        return np.stack([row, found, sizes[row]])

    def _pairs(self, rows: NDArray[np.int64], places: NDArray[np.int64], sizes: NDArray[np.int64]) -> Pairs:
        counts = np.diff(self.starts)[places]
        first = np.repeat(self.starts[places] - np.r_[0, np.cumsum(counts)[:-1]][: len(counts)], counts)
        owners = self.owners[first + np.arange(int(counts.sum()))]
        many = max(len(self.sizes), 1)
        keys, at, shared = np.unique(np.repeat(rows, counts) * many + owners, return_index=True, return_counts=True)
        row, owner = keys // many, keys % many
        return Pairs(row, owner, shared, np.repeat(sizes, counts)[at], self.sizes[owner] if len(owner) else owner)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What streamed texts share with an index."""

    pairs: Pairs
    """The pairs that share sequences."""
    seen: NDArray[np.bool_]
    """For each sequence of the index whether any streamed text holds it."""
