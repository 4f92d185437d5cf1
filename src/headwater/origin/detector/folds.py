"""Which texts belong together, and folds that keep them so.

Texts of one group id, or that share at least three sequences of eight words, are one group: neighbouring paragraphs of
one source, versions of one text, quotations of one assignment. A group split between learning and testing makes a
detector look better than it is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from headwater.text import gram_hashes

_SHARED = 3
_MOST_HOLDERS = 100  # a sequence that more texts hold is boilerplate; all pairs among them would not fit in memory


def joined_groups(texts: Sequence[str | None], groups: Sequence[object]) -> NDArray[np.int64]:
    """Return a group number for every text, 0 up, after joining groups whose texts share three 8-word sequences."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(texts)
    numbers: dict[object, int] = {}
    first = np.array([numbers.setdefault(group, row) for row, group in enumerate(groups)], dtype=np.int64)
    hashes, offsets = gram_hashes(texts, 8)
    holders = np.repeat(np.arange(count), np.diff(offsets))
    held = np.unique(np.stack([hashes, holders.astype(np.uint64)], axis=1), axis=0)
    starts = np.flatnonzero(np.append(True, held[1:, 0] != held[:-1, 0])) if len(held) else np.zeros(0, dtype=np.int64)
    left: list[NDArray[np.int64]] = []
    right: list[NDArray[np.int64]] = []
    ends = np.append(starts[1:], len(held))
    for k in np.flatnonzero((ends - starts > 1) & (ends - starts <= _MOST_HOLDERS)):
        members = held[starts[k] : ends[k], 1].astype(np.int64)
        one, other = np.triu_indices(len(members), 1)
        left.append(members[one])
        right.append(members[other])
    edges = [np.stack([first, np.arange(count)])]
    if left:
        pairs, shared = np.unique(np.stack([np.concatenate(left), np.concatenate(right)]), axis=1, return_counts=True)
        edges.append(pairs[:, shared >= _SHARED])
    one, other = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def group_folds(
    groups: NDArray[np.int64], is_machine: NDArray[np.bool_], folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a fold for every text, 0 up: whole groups, with about as many texts of each class in every fold.

    Groups are dealt largest first, in random order among equals, each to the fold that has the fewest texts of the
    group's more frequent class. There are no more folds than groups.
    """
    names, which = np.unique(groups, return_inverse=True)
    sizes = np.stack([np.bincount(which, ~is_machine, len(names)), np.bincount(which, is_machine, len(names))])
    folds = min(folds, len(names))
    held = np.zeros((2, folds))
    fold_of = np.zeros(len(names), dtype=np.int64)
    order = rng.permutation(len(names))
    for name in order[np.argsort(-sizes.sum(axis=0)[order], kind="stable")]:
        side = int(sizes[1, name] > sizes[0, name])
        fold = int(np.lexsort((held.sum(axis=0), held[side]))[0])
        fold_of[name] = fold
        held[:, fold] += sizes[:, name]
    return fold_of[which]
