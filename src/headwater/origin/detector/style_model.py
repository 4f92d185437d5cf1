"""Gradient-boosted trees on style, as plain arrays.

The trees are grown by scikit-learn's histogram gradient boosting (after Ke et al. 2017) and then kept as arrays of
nodes, which are saved without pickling and predicted by a kernel of their own, equal to scikit-learn's to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """A sum of regression trees. A node's children come after it; a leaf has no left child (0)."""

    roots: NDArray[np.int32]
    """Node at which each tree begins."""
    features: NDArray[np.int32]
    """Column a node asks about."""
    thresholds: NDArray[np.float64]
    """Values up to it go left."""
    left: NDArray[np.int32]
    """Left child; 0 for a leaf."""
    right: NDArray[np.int32]
    """Right child."""
    values: NDArray[np.float64]
    """What a leaf adds to the score."""
    baseline: float
    """Score before the first tree: log odds of the training texts."""

    def score(self, style: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log odds of machine text, shape (n,), for style measures of shape (n, columns), all finite."""
        rows = np.ascontiguousarray(style, dtype=np.float32)
        return _sums(
            rows, self.roots, self.features, self.thresholds, self.left, self.right, self.values, self.baseline
        )


def fit_trees(
    style: NDArray[np.float32],
    is_machine: NDArray[np.bool_],
    weights: NDArray[np.float64],
    trees: int = 150,
    bins: int = 63,
) -> Trees:
    """Return trees grown on style measures.

    Small trees and a third of the columns per split: what a domain shares with another is spread over many weak signs,
    and a few strong ones belong to a topic or a page layout.

    Args:
        style: shape (n, columns), finite.
        is_machine: labels, shape (n,).
        weights: how often each text counts, shape (n,).
        trees: how many.
        bins: values that are told apart in a column. Where no column has more, nothing is lost, and growing is several
            times faster: scikit-learn finds weighted quantiles slowly.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=trees,
        max_leaf_nodes=8,
        min_samples_leaf=15,
        l2_regularization=1.0,
        max_features=0.3,
        max_bins=bins,
        early_stopping=False,
        random_state=0,
    )
    # One thread: sums in one order, and on a busy machine several threads wait for each other most of the time.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(style, is_machine, sample_weight=weights)
    return trees_of(model)


def trees_of(model: object) -> Trees:
    """Return the trees of a fitted two-class ``HistGradientBoostingClassifier`` without categorical columns."""
    # scikit-learn has no public way to its trees.
    grown = [stage[0].nodes for stage in model._predictors]  # type: ignore[attr-defined]  # noqa: SLF001
    sizes = np.array([len(nodes) for nodes in grown])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    nodes = np.concatenate(grown)
    start = np.repeat(roots, sizes)
    inner = ~nodes["is_leaf"].astype(bool)
    return Trees(
        roots.astype(np.int32),
        np.where(inner, nodes["feature_idx"], 0).astype(np.int32),
        np.where(inner, nodes["num_threshold"], 0.0),
        np.where(inner, nodes["left"] + start, 0).astype(np.int32),
        np.where(inner, nodes["right"] + start, 0).astype(np.int32),
        np.where(inner, 0.0, nodes["value"]),
        float(model._baseline_prediction.ravel()[0]),  # type: ignore[attr-defined]  # noqa: SLF001
    )


def mean_trees(grown: Sequence[Trees]) -> Trees:
    """Return trees whose score is the mean of the scores of all given, to rounding."""
    starts = np.cumsum([0, *(len(one.left) for one in grown)])

    def moved(nodes: list[NDArray[np.int32]], keep: int = -1) -> NDArray[np.int32]:
        # A leaf's 0 is no node and stays.
        return np.concatenate(
            [np.where(own == keep, keep, own + start) for own, start in zip(nodes, starts[:-1], strict=True)]
        ).astype(np.int32)

    return Trees(
        moved([one.roots for one in grown]),
        np.concatenate([one.features for one in grown]),
        np.concatenate([one.thresholds for one in grown]),
        moved([one.left for one in grown], keep=0),
        moved([one.right for one in grown], keep=0),
        np.concatenate([one.values for one in grown]) / len(grown),
        float(np.mean([one.baseline for one in grown])),
    )


# Numba infers the types of the kernel's arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _sums(style, roots, features, thresholds, left, right, values, baseline):  # type: ignore[no-untyped-def]
    out = np.empty(len(style), dtype=np.float64)
    for row in range(len(style)):
        total = baseline
        for root in roots:
            node = root
            while left[node]:
                node = left[node] if style[row, features[node]] <= thresholds[node] else right[node]
            total += values[node]
        out[row] = total
    return out
