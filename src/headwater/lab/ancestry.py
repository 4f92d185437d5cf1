"""The family tree of an arm, drawn from the parts its regime names, and the inbreeding that follows from it alone."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from headwater.lab.recursion import Selecting
from headwater.lineage import Graph, Node, drift, inbreeding
from headwater.loop.regimes import Accumulate, HumanOnly, Part, Regime, Replace, Source, Subsample, counts

_MOST_GENERATIONS = 300
"""Longer trees are followed by their closed form where one is known, and up to here where none is."""


def inbreeding_of(regime: Regime | Selecting, items: int, generations: int, reserve: int) -> tuple[float, ...]:
    """Return the inbreeding coefficient of each generation's model, for learners that reproduce what they are given.

    Args:
        regime: how training sets are made; of one that selects, the tree it would have if it chose at random.
        items: items of a training set.
        generations: retrainings.
        reserve: items of the human reserve beside the training set; 0: the training set itself.

    Returns:
        F by generation; shorter than asked for where the tree is too large and no closed form is known, and empty where
        there is no tree.
    """
    if isinstance(regime, Selecting):
        if regime.neutral is None:
            return ()
        regime = regime.neutral
    if generations > _MOST_GENERATIONS and (law := _LAWS.get(type(regime))) is not None:
        fits = np.arange(1, generations + 2)
        return tuple(float(value) for value in law(items, fits))
    return _of_parts(tuple(regime.parts), items, min(generations, _MOST_GENERATIONS), reserve)


# The recursion gives the same numbers to 1e-12, at a cost that grows with the square of the generations.
_LAWS: dict[type, Callable[[int, Any], Any]] = {
    HumanOnly: lambda n, fits: np.full(len(fits), 1 / n),
    Replace: drift.replace,
    Accumulate: drift.accumulate,
    Subsample: drift.subsample,
}


@lru_cache(maxsize=64)
def _of_parts(parts: tuple[Part, ...], items: int, generations: int, reserve: int) -> tuple[float, ...]:
    graph = family_tree(parts, items, generations, reserve)
    f = inbreeding(graph).f
    return tuple(f[f"model-{generation}"] for generation in range(generations + 1))


def family_tree(parts: tuple[Part, ...], items: int, generations: int, reserve: int = 0) -> Graph:
    """Return the family tree of an arm: its human sets, its models and what they wrote.

    Args:
        parts: the parts of every training set after the first.
        items: items of a training set.
        generations: retrainings.
        reserve: items of the human reserve beside the training set; 0: the training set itself is the reserve.
    """
    nodes = [Node("human", "human", "founder", items, (), 0)]
    if reserve:
        nodes.append(Node("reserve", "human", "founder", reserve, (), 0))
    nodes.append(Node("model-0", "model", "trained", None, (("human", 1.0),), 0))
    pool = [("human", float(items))]
    for generation in range(1, generations + 1):
        new, inputs = _generation(parts, items, generation, "reserve" if reserve else "human", pool)
        nodes += [*new, Node(f"model-{generation}", "model", "trained", None, inputs, generation)]
    return Graph(tuple(nodes))


def _generation(
    parts: tuple[Part, ...], items: int, generation: int, reserve: str, pool: list[tuple[str, float]]
) -> tuple[list[Node], tuple[tuple[str, float], ...]]:
    """Return the nodes of one generation's training set and the weights they are trained on with."""
    before = f"model-{generation - 1}"
    chances = [(reserve, part.share or 0.0) for part in parts if part.by_chance]
    written = ((before, 1 - sum(share for _, share in chances)), *chances)
    nodes: list[Node] = []
    inputs: list[tuple[str, float]] = []
    for number, (part, taken) in enumerate(zip(parts, counts(parts, items), strict=True)):
        if part.by_chance:
            continue
        count = items if taken is None else taken
        if not count:
            continue
        name = f"{part.source}-{generation}-{number}"
        if part.source is Source.HUMAN:
            name = "human"
            count = items
        elif part.source is Source.FRESH:
            nodes.append(Node(name, "human", "founder", count, (), generation))
        elif part.source is Source.NEWEST:
            nodes.append(Node(name, "synthetic", "sampled", count, written, generation))
        elif part.source is Source.RESERVE:
            nodes.append(Node(name, "human", "subsampled", count, ((reserve, 1.0),), generation))
        else:  # everything: the newest output joins the pool first
            output = f"newest-{generation}"
            nodes.append(Node(output, "synthetic", "sampled", items, written, generation))
            pool.append((output, float(items)))
            total = sum(weight for _, weight in pool)
            if part.share is None:
                inputs += pool
                continue
            shares = tuple((one, weight / total) for one, weight in pool)
            nodes.append(Node(name, "synthetic", "subsampled", count, shares, generation))
        inputs.append((name, float(count) if part.weight is None else part.weight))
    total = sum(weight for _, weight in inputs)
    return nodes, tuple((one, weight / total) for one, weight in inputs)
