"""The inbreeding coefficient of data sets and models, computed from their family tree alone.

K(A, B) is the chance that a random item of A and a random item of B are copies of the same human item. For a learner
that reproduces the distribution of its training set (counts of words, n-grams per context) or its first two moments
(a Gaussian by maximum likelihood), training in a loop is a haploid Wright-Fisher population, and K of a node with
itself, F, is exactly the expected loss of heterozygosity, of variance, and the squared error of the mean in units of
the human variance (Wright 1931; Malecot 1948; Seddik et al. 2024, arXiv:2404.05090, for the single chain). F is
haploid: a set of n items costs 1/n, not 1/(2n).

Exact for neutral learners only. Decoding at low temperature, gates and smoothing are not in it; what they do is the
difference between observed and computed F (``observed.py``). Sequence models obey it per context, with n the count of
the context.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.lineage.graph import Graph, Node

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inbreeding:
    """Kinships of all nodes of a graph."""

    graph: Graph
    """The family tree."""
    coefficients: Matrix
    """K of all pairs in the order of ``graph.nodes``, shape (nodes, nodes), symmetric, in [0, 1]."""
    same_item: NDArray[np.float64]
    """Chance that two draws from a node are one item of its newest draws, shape (nodes,); see ``effective_size``."""

    @property
    def f(self) -> Mapping[str, float]:
        """Return F of every node by name, in [0, 1]; 0 is the human source, 1 a single item repeated for ever.

        For a model it is the expected share of the human heterozygosity (or variance) it has lost, for a data set the
        same of its plug-in distribution.
        """
        return dict(zip(self.graph.position, self.coefficients.diagonal().tolist(), strict=True))

    def kinship(self, a: str, b: str) -> float:
        """Return K(a, b) of two nodes, in [0, 1]: what two models have in common beyond the human source."""
        return float(self.coefficients[self._at(a), self._at(b)])

    def matrix(self, names: Sequence[str] | None = None) -> Matrix:
        """Return the kinships of some nodes, by default of all models, shape (names, names)."""
        at = [self._at(name) for name in (self.graph.models if names is None else names)]
        return self.coefficients[np.ix_(at, at)]

    def founders(self, name: str) -> float:
        """Return 1 / F: so many independent human items would make a data set as diverse as this node."""
        f = self.kinship(name, name)
        return 1 / f if f > 0 else math.inf

    def effective_size(self, name: str) -> float | None:
        """Return the effective number of items N_e = 1 / sum w_i^2 that a node stands on, or None for unlimited ones.

        i runs over the items of the newest draws: those of the founder and sampled sets that the node was put together
        from without another draw in between, each with the total weight it has in the node however it got there. A
        sampled item counts as one item, whatever its source. So it is n of a founder or sampled set, effective_n where
        that was given, and 1 / sum_k (w_k^2 / n_k) of a mixture of disjoint sets. Only founder models without a size
        and models distilled from models alone have None.
        """
        node = self.graph[name]
        if node.how in {"founder", "sampled"} and node.draws is not None:
            return float(node.draws)  # not 1 / (1 / n), which may be off in the last digit
        same = float(self.same_item[self._at(name)])
        return 1 / same if same > 0 else None

    def _at(self, name: str) -> int:
        return self.graph.position[self.graph[name].id]


def inbreeding(graph: Graph) -> Inbreeding:
    """Return the kinships of all nodes of a graph.

    Nodes are added parents first. The new node is independent of all older ones given its parents, so its kinship with
    each older one is the weighted mean of its parents' kinships; with itself, the chance of hitting one item twice is
    added::

        K(D, D) = 1/n + (1 - 1/n) * K of two draws from the source      (founder: 0, the human source)
        K(D, E) = sum_k w_k K(D_k, E)                                    (E older than D)
        F(M)    = sum_kl w_k w_l K(D_k, D_l)

    A subsample of b of a pool of N has 1/b + (1 - 1/b) k, k the mean kinship of two different items of the pool.
    Two founders with s items in common have K = s / (n_D n_E) (derived, not simulated).

    Args:
        graph: the family tree.

    Returns:
        Kinships; memory is 8 nodes^2 bytes, time grows with nodes times edges.
    """
    return Inbreeding(graph, _identity(graph, newest=False), _identity(graph, newest=True).diagonal().copy())


def _identity(graph: Graph, *, newest: bool) -> Matrix:
    """Return the chance that two draws from two nodes are copies of one item, shape (nodes, nodes).

    Args:
        graph: the family tree.
        newest: count items of sampled sets as items of their own, not as copies of human ones, and what a model was
            distilled from another model as unlimited.
    """
    # Founders first: what two of them share must be known before anything is made from either.
    nodes = sorted(graph.nodes, key=lambda node: node.how != "founder")
    place = {node.id: at for at, node in enumerate(nodes)}
    K = np.zeros((len(nodes), len(nodes)))
    for (a, b), shared in graph.overlaps.items():
        K[place[a], place[b]] = K[place[b], place[a]] = shared / ((graph[a].n or 1) * (graph[b].n or 1))
    for i, node in enumerate(nodes):
        if node.how == "founder" or (newest and node.how == "sampled"):
            K[i, i] = 0.0 if node.draws is None else 1 / node.draws
            continue
        parts = [(name, weight) for name, weight in node.parts if not (newest and graph[name].kind == "model")]
        at = np.array([place[name] for name, _ in parts], dtype=np.intp)
        weights = np.array([weight for _, weight in parts])
        row = weights @ K[at, :i]  # (older nodes,)
        K[i, :i] = K[:i, i] = row
        own = K[at, at]
        K[i, i] = _with_itself(node, float(row[at] @ weights), weights, own, [graph.items[name] for name, _ in parts])
    back = [place[node.id] for node in graph.nodes]
    return K[np.ix_(back, back)]


def _with_itself(
    node: Node, pair: float, weights: NDArray[np.float64], own: NDArray[np.float64], items: Sequence[int | None]
) -> float:
    """Return the kinship of a new node with itself.

    Args:
        node: the new node.
        pair: mean kinship of two draws from its parts.
        weights: weights of its parts, shape (parts,).
        own: kinship of each part with itself, shape (parts,).
        items: number of items of each part.
    """
    if node.how == "sampled":
        assert node.draws is not None
        return 1 / node.draws + (1 - 1 / node.draws) * pair
    if node.how == "subsampled":
        assert node.n is not None
        return 1 / node.n + (1 - 1 / node.n) * _of_different_items(pair, sum(size or 0 for size in items))
    if node.how == "mixed" and node.n is not None:
        for weight, k, size in zip(weights.tolist(), own.tolist(), items, strict=True):
            taken = max(weight * node.n, 1.0)  # a share of less than one item is still an item
            if size is not None and taken < size:
                different = _of_different_items(k, size)
                pair += weight**2 * (1 / taken + (1 - 1 / taken) * different - k)
        return max(pair, 1 / node.n)
    return pair


def _of_different_items(k: float, size: int) -> float:
    """Return the mean kinship of two different items of a set, given that of two draws with replacement."""
    return (k - 1 / size) / (1 - 1 / size) if size > 1 else 1.0
