"""Splitting human documents, once and by group, into training text and sealed panels.

Documents of one group (article, author, site, module) are not independent, and documents that share long passages are
not either. Groups are therefore merged where their documents overlap, and a merged group goes to one part as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

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


def split_by_group(table: pa.Table, shares: dict[Part, float], rng: np.random.Generator) -> Split:
    """Return the documents split by merged group in proportion to the shares.

    Args:
        table: documents with the columns ``text`` and ``group``.
        shares: share of the groups, and on average of the tokens, each part is to get. They are scaled to sum to 1,
            so that no document is left over.
        rng: decides which group goes where; the same state gives the same split.

    Raises:
        NotEnoughData: a part gets fewer independent groups than it can work with; the message says how many documents
            or groups are needed.
    """
    from headwater.text.words import split_words  # compiles kernels; opening a store must not

    units = merge_overlapping(table["text"].to_pylist(), table["group"].to_pylist())
    merged = len(set(table["group"].to_pylist())) - len(set(units))
    table = table.append_column("unit", pa.array(units, pa.string()))
    names, codes = np.unique(np.asarray(units, dtype=object).astype(str), return_inverse=True)
    wanted = {part: share for part, share in shares.items() if share > 0}
    check_enough(len(names), wanted)
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
    document's group. Cost: one sort of all 8-gram hashes.
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
    pairs = []
    for length in range(2, _COMMON_GRAM + 1):
        block = starts[lengths == length]
        if len(block):
            members = owners[block[:, None] + np.arange(length)]
            # Each document is compared with the first that holds the gram: enough to connect a cluster.
            pairs.append(np.stack([np.repeat(members[:, 0], length - 1), members[:, 1:].ravel()], axis=1))
    known, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    links = _linked_groups(pairs, np.bincount(owners, minlength=len(texts)), codes, share)
    _, component = connected_components(coo_array((np.ones(len(links)), links.T), shape=(len(known), len(known))))
    first = {int(label): groups[i] for i, label in reversed(list(enumerate(component[codes])))}
    return [first[int(label)] for label in component[codes]]


def _linked_groups(
    pairs: list[NDArray[np.int64]], grams: NDArray[np.int64], codes: NDArray[np.int64], share: float
) -> NDArray[np.int64]:
    if not pairs:
        return np.zeros((0, 2), np.int64)
    documents, count = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    shorter = np.minimum(grams[documents[:, 0]], grams[documents[:, 1]])
    return codes[documents[count >= share * np.maximum(shorter, 1)]]


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
