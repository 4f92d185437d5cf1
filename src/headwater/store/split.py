"""Splitting human documents, once and by group, into training text and sealed panels.

Documents of one group (article, author, site, module) are not independent, and documents that share long passages are
not either. Groups are therefore merged where their documents overlap, and a merged group goes to one part as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import NotEnoughData


class Part(StrEnum):
    """What a human document may be used for."""

    TRAIN = "train"
    SOURCES = "sources"
    STEERING = "steering"
    CERTIFICATION = "certification"
    FINAL = "final"


PANELS = (Part.STEERING, Part.CERTIFICATION, Part.FINAL)

# The smallest number of independent groups a part can do its work with. Certification: with fewer than 50 units even
# an effect of 0.8 sd is not admitted at the first decision (decide.detectable_effect). The others only report.
LEAST_GROUPS = {Part.TRAIN: 10, Part.SOURCES: 10, Part.STEERING: 20, Part.CERTIFICATION: 50, Part.FINAL: 10}

_COMMON_GRAM = 20  # an 8-word sequence in more documents than this is boilerplate and says nothing of dependence
_PAIRS_AT_ONCE = 1 << 21  # pairs of documents sorted at once: about 100 MB


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One line of the split table."""

    part: Part
    documents: int
    groups: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Split:
    """Human documents by what they may be used for."""

    parts: dict[Part, pa.Table]
    """Documents of each part, with the column ``unit`` naming the merged group."""
    rows: tuple["SplitRow", ...]
    """The split table: documents, independent groups and tokens per part."""
    merged: int
    """How many groups were merged into another because their documents overlap."""

    def __getitem__(self, part: Part) -> pa.Table:
        """Return the documents of a part; an empty table where the split has none."""
        return self.parts[part]


def split_by_group(
    table: pa.Table, shares: dict[Part, float], rng: np.random.Generator, *, texts: bool = True
) -> Split:
    """Return the documents split by merged group in proportion to the shares.

    Args:
        table: documents with the columns ``text`` and ``group``.
        shares: share of the groups, and on average of the tokens, each part is to get. They are scaled to sum to 1,
            so that no document is left over.
        rng: decides which group goes where; the same state gives the same split.
        texts: documents are texts, whose overlap joins groups and whose words are counted; else rows that count 1 each.

    Raises:
        NotEnoughData: a part gets fewer independent groups than it can work with; the message says how many documents
            or groups are needed.
    """
    from headwater.text.words import split_words  # compiles kernels; opening a store must not

    groups = table["group"].to_pylist()
    units = merge_overlapping(table["text"].to_pylist(), groups) if texts else groups
    merged = len(set(table["group"].to_pylist())) - len(set(units))
    table = table.append_column("unit", pa.array(units, pa.string()))
    names, codes = np.unique(np.asarray(units, dtype=object).astype(str), return_inverse=True)
    wanted = {part: share for part, share in shares.items() if share > 0}
    check_enough(len(names), wanted)
    counts = np.ones(table.num_rows, np.int64)
    if texts:
        counts = np.array([len(split_words(text)) for text in table["text"].to_pylist()], np.int64)
    sizes = np.bincount(codes, weights=counts, minlength=len(names)).astype(np.float64)
    assigned = deal(sizes, list(wanted.values()), rng)
    parts, rows = {}, []
    for part in Part:
        number = list(wanted).index(part) if part in wanted else -1
        chosen = assigned[codes] == number
        parts[part] = table.filter(pa.array(chosen))
        groups = int(np.count_nonzero(assigned == number))
        rows.append(SplitRow(part, int(chosen.sum()), groups, int(counts[chosen].sum())))
    return Split(parts, tuple(rows), merged)


def merge_overlapping(texts: Sequence[str], groups: Sequence[str], share: float = 0.3) -> list[str]:
    """Return a group per document such that documents sharing many 8-word sequences are in one group.

    Two documents are joined when they share at least ``share`` of the distinct 8-word sequences of the one with fewer;
    sequences found in more than 20 documents are boilerplate and do not count. A merged group has the name of its first
    document's group. Cost: one sort of all 8-gram hashes, and at most 190 pairs of documents per sequence, counted in
    bounded pieces.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from headwater.text.overlap import gram_hashes

    hashes, offsets = gram_hashes(texts)
    owner = np.repeat(np.arange(len(texts)), np.diff(offsets))
    order = np.argsort(hashes, kind="stable")
    grams, owners = hashes[order], owner[order]
    # The sort is stable, so owners ascend within a gram: what a document repeats stands side by side and counts once.
    distinct = np.r_[True, (grams[1:] != grams[:-1]) | (owners[1:] != owners[:-1])][: len(grams)]
    grams, owners = grams[distinct], owners[distinct]
    starts = np.flatnonzero(np.r_[True, grams[1:] != grams[:-1]]) if len(grams) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(grams)])
    known, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    pairs, shared = _counted(_pairs_of(owners, starts, lengths, codes))
    one, other = np.divmod(pairs, max(len(texts), 1))
    sizes = np.bincount(owners, minlength=len(texts))
    near = shared / np.maximum(np.minimum(sizes[one], sizes[other]), 1) >= share
    links = codes[np.stack([one[near], other[near]], axis=1)]
    _, component = connected_components(coo_array((np.ones(len(links)), links.T), shape=(len(known), len(known))))
    first = {int(label): groups[i] for i, label in reversed(list(enumerate(component[codes])))}
    return [first[int(label)] for label in component[codes]]


def _pairs_of(
    owners: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64], codes: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Yield every two documents of different groups that hold a sequence, once per sequence, as one number each.

    All pairs count, not only those with the first document of a sequence: three documents of which two share much and
    the third a little of the same would otherwise hide the two from each other.
    """
    for length in range(2, _COMMON_GRAM + 1):
        block = starts[lengths == length]
        first, second = np.triu_indices(length, 1)
        step = max(_PAIRS_AT_ONCE // len(first), 1)
        for at in range(0, len(block), step):
            members = owners[block[at : at + step, None] + np.arange(length)]
            one, other = members[:, first].ravel(), members[:, second].ravel()
            apart = codes[one] != codes[other]
            yield one[apart] * len(codes) + other[apart]


def _counted(pieces: Iterable[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct numbers of all pieces, sorted, and how often each occurs.

    Memory: about four times the distinct numbers and a piece.
    """
    values, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    held: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    waiting = 0
    for piece in chain(pieces, [None]):
        if piece is not None:
            held.append(np.unique(piece, return_counts=True))
            waiting += len(held[-1][0])
        # Put together when as much waits as is there: every number is then sorted a few times, not once per piece.
        if piece is None or waiting > max(len(values), _PAIRS_AT_ONCE):
            every = np.concatenate([values, *(one for one, _ in held)])
            many = np.concatenate([counts, *(one for _, one in held)])
            values, place = np.unique(every, return_inverse=True)
            counts = np.zeros(len(values), np.int64)
            np.add.at(counts, place, many)
            held, waiting = [], 0
    return values, counts


def check_enough(groups: int, wanted: Mapping[Part, float]) -> None:
    """Refuse to split too few groups.

    Raises:
        NotEnoughData: a part would get fewer groups than it can work with; the message says how many are needed.
    """
    total = sum(wanted.values())
    needed = max(int(np.ceil(LEAST_GROUPS[part] * total / share)) for part, share in wanted.items())
    if groups < needed:
        parts = ", ".join(f"{part.value} {LEAST_GROUPS[part]}" for part in wanted)
        raise NotEnoughData(
            f"the human documents form {groups} independent groups, but {needed} are needed so that every part gets "
            f"its least number of groups ({parts}). Add human documents, or name a finer group column if documents of "
            "one group are really independent."
        )


def deal(
    sizes: NDArray[np.float64], shares: Sequence[float], rng: np.random.Generator, held: Sequence[int] | None = None
) -> NDArray[np.int64]:
    """Return the number of the part each group goes to.

    Groups are dealt out by size, shuffled among neighbours in size, each to the part furthest behind its share of
    groups. Every part thus gets its share of groups and of tokens, and the same mix of large and small ones: dealing
    by tokens alone would fill the largest panel with a few large groups, and evidence counts groups.

    Args:
        sizes: tokens of each group.
        shares: share of the groups each part is to have, above 0.
        rng: decides which group goes where.
        held: groups each part has already, dealt earlier; none by default.

    Returns:
        Shape (groups,): index into ``shares``.
    """
    wanted = np.asarray(shares, np.float64) / float(np.sum(shares))
    filled = np.zeros(len(wanted)) if held is None else np.asarray(held, np.float64)
    before = float(filled.sum())
    assigned = np.zeros(len(sizes), np.int64)
    for dealt, group in enumerate(_shuffled_by_size(sizes, max(2, round(2 / wanted.min())), rng), 1):
        part = int(np.argmax(wanted * (before + dealt) - filled))
        assigned[group] = part
        filled[part] += 1
    return assigned


def _shuffled_by_size(sizes: NDArray[np.float64], window: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return group numbers from large to small, in random order within windows of neighbours."""
    tie_break = rng.random(len(sizes))
    order = np.lexsort((tie_break, -sizes))
    if not len(order):
        return order
    return np.concatenate([rng.permutation(order[i : i + window]) for i in range(0, len(order), window)])
