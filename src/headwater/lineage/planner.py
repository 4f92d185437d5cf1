"""How many fresh human items a loop needs: the closed forms turned round, and what-if lines on a real family tree.

Two questions with two answers. Keeping the bulk of the diversity takes a number of fresh items per generation that does
not depend on the size of the generation, about (1/F - 1)/2. Keeping a rare type takes about 1/p of them: far more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.lineage import drift
from headwater.lineage.graph import Graph, Node
from headwater.lineage.kinship import inbreeding

_DIFFUSION = 0.1
"""Share of fresh items up to which the stationary tail formula holds (see ``drift.tail_presence``)."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one target takes."""

    what: str
    """The target in words."""
    items: int | None
    """Smallest number of human items per generation that reaches it; None where no number does."""
    reached: float
    """F, or the chance of presence, with that number; the best that is possible where no number is enough."""
    note: str = ""
    """Why it is impossible and what would do, or how far the number can be trusted; may be empty."""

    @property
    def sentence(self) -> str:
        """Return the answer as one sentence."""
        answer = f"{self.items:,} per generation (gives {self.reached:.4g})" if self.items is not None else "impossible"
        return f"{self.what}: {answer}{'; ' + self.note if self.note else ''}."


@dataclass(frozen=True, slots=True)
class Plan:
    """Human items per generation that keep inbreeding below a target and rare types alive."""

    n: int
    """Items of a training set, human ones included."""
    short: float
    """Fresh items per generation by the short form, (1/F - 1)/2, whatever n is."""
    bulk: Need
    """Fresh items, exactly so many in each training set, for F below the target in the long run."""
    tail: Need | None
    """Fresh items for a type of the tail frequency to be present; None where no tail was asked for."""
    reserve_bulk: Need | None
    """As ``bulk``, from one fixed reserve that is used again and again, so many on average."""
    reserve_tail: Need | None
    """As ``tail``, from the reserve."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the answers as sentences, in the order bulk, tail, reserve."""
        needs = (self.bulk, self.tail, self.reserve_bulk, self.reserve_tail)
        return tuple(need.sentence for need in needs if need is not None)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """F of a node if every generation had had more fresh human data."""

    node: str
    """Data set or model."""
    fresh: int
    """Fresh human items added to each generation."""
    f: float
    """F with them."""
    before: float
    """F as it is."""

    @property
    def sentence(self) -> str:
        """Return the finding as one sentence."""
        return (
            f"add {self.fresh:,} fresh human item{'s' * (self.fresh != 1)} per generation: F of {self.node} "
            f"{self.before:.4g} -> {self.f:.4g}"
        )


def plan(
    target_f: float,
    *,
    n: int,
    tail_frequency: float | None = None,
    survival: float = 0.9,
    reserve: int | None = None,
) -> Plan:
    """Return how many human items per generation a loop needs that otherwise trains on its own output.

    For F the exact recursion with fresh items is inverted. For the tail it is the larger of two chances: the stationary
    formula, which was too low wherever it was compared with simulation, and that of the generation's human items alone.
    Assumes a neutral plug-in learner and the long run.

    Args:
        target_f: F is to stay below it, in (0, 1).
        n: items of a training set, human ones included.
        tail_frequency: natural frequency of the rarest type to keep, in (0, 1).
        survival: probability with which that type is to be present in a training set, in (0, 1).
        reserve: size R of a fixed human reserve to answer the same questions for.

    Raises:
        InputError: a number is out of range, or a target cannot be reached even with nothing but fresh human data.
    """
    if not 0 < target_f < 1:
        raise InputError(f"The target for F is {target_f}. It must be above 0 and below 1.")
    for what, share in (("tail frequency", tail_frequency), ("survival probability", survival)):
        if share is not None and not 0 < share < 1:
            raise InputError(f"The {what} is {share}. It must be between 0 and 1.")
    for what, count in (("n", n), ("the reserve", reserve)):
        if count is not None and count < 1:
            raise InputError(f"{what} has {count} items. It must have at least 1.")
    return Plan(
        n,
        (1 / target_f - 1) / 2,
        _fresh_bulk(target_f, n),
        None if tail_frequency is None else _fresh_tail(tail_frequency, survival, n),
        None if reserve is None else _reserve_bulk(target_f, n, reserve),
        None if reserve is None or tail_frequency is None else _reserve_tail(tail_frequency, survival, n, reserve),
    )


def what_if(graph: Graph, node: str, fresh: Sequence[int]) -> tuple[WhatIf, ...]:
    """Return F of a node if every generation behind it had had so many fresh human items in addition.

    A generation is a model among the node and its ancestors that was trained on anything machine-made. Each gets a
    human set of its own, added to its training set item for item: its old parts keep n/(n + r) of the weight. n is what
    the model was trained on, or else the items of its parts.

    Args:
        graph: the family tree.
        node: data set or model.
        fresh: numbers of items, each at least 0.

    Raises:
        InputError: the node is unknown, a number is negative, or the items of a training set are unknown.
    """
    if any(count < 0 for count in fresh):
        raise InputError(f"The numbers of fresh items are {list(fresh)}. None of them can be negative.")
    behind = graph.restricted([node])
    before = inbreeding(behind).f[node]
    return tuple(
        WhatIf(node, count, inbreeding(_with_fresh(behind, count)).f[node] if count else before, before)
        for count in fresh
    )


def _with_fresh(graph: Graph, fresh: int) -> Graph:
    of_machines: set[str] = set()  # nodes with machine-made data in them
    nodes: list[Node] = []
    for node in graph.nodes:
        inherits = any(name in of_machines for name in node.inputs)
        if node.kind == "synthetic" or inherits:
            of_machines.add(node.id)
        if node.how != "trained" or not inherits:
            nodes.append(node)
            continue
        n = node.n or sum(_known(graph, node, name) for name in node.inputs)
        added = Node(f"{node.id} + {fresh} fresh human items", "human", "founder", fresh)
        old = tuple((name, weight * n / (n + fresh)) for name, weight in node.parts)
        nodes += [added, changed(node, parts=(*old, (added.id, fresh / (n + fresh))))]
    return Graph(tuple(nodes), graph.overlaps)


def _known(graph: Graph, model: Node, name: str) -> int:
    size = graph.items[name]
    if size is None:
        raise InputError(
            f"How many items model {model.id!r} was trained on is unknown, because {name!r} has no number of items. "
            f"Give n for {model.id!r}."
        )
    return size


def _fresh_bulk(target: float, n: int) -> Need:
    if 1 / n >= target:
        raise InputError(
            f"F below {target:g} is impossible with {n} items per generation: even all of them fresh give F = 1/n = "
            f"{1 / n:g}. Train on more than {math.floor(1 / target)} items, or raise the target."
        )
    items = _smallest(lambda r: float(drift.fresh_exact(n, r)) < target, n)
    assert items is not None
    return Need(f"fresh human items for F below {target:g}", items, float(drift.fresh_exact(n, items)))


def _fresh_tail(p: float, survival: float, n: int) -> Need:
    def presence(r: int) -> float:
        of_human_items = -math.expm1(r * math.log1p(-p))
        return max(of_human_items, float(drift.tail_presence(n, r / n, p)) if r else 0.0)

    items = _smallest(lambda r: presence(r) >= survival, n)
    if items is None:
        needed = math.ceil(math.log1p(-survival) / math.log1p(-p))
        raise InputError(
            f"A type of frequency {p:g} cannot be present with probability {survival:g} in {n} items: all of them "
            f"fresh give {presence(n):.4g}. Train on at least {needed} items, or accept a lower probability."
        )
    return Need(_tail_words("fresh human items", p, survival), items, presence(items), _trust(items, n))


def _reserve_bulk(target: float, n: int, R: int) -> Need:
    def f(r: int) -> float:
        return drift.reserve(n, r / n, R) if r else 1.0

    items = _smallest(lambda r: f(r) < target, n)
    what = f"items from a reserve of {R:,} for F below {target:g}"
    if items is not None:
        return Need(what, items, f(items))
    # 1 - F = (1 - 1/R)(1 - F of fresh items), and the latter is at best 1/n, which is below the target.
    enough = math.floor(1 / (1 - (1 - target) / (1 - 1 / n))) + 1
    why = f"F cannot fall below 1/R = {1 / R:.4g}" if target <= 1 / R else f"at best F = {f(n):.4g} with n = {n:,}"
    return Need(what, None, f(n), f"{why}; a reserve of {enough:,} items or fresh ones would do")


def _reserve_tail(p: float, survival: float, n: int, R: int) -> Need:
    # Copies of the type in the reserve: binomial(R, p), from 1 to where nothing is left of it.
    x = np.arange(1, min(R, math.ceil(R * p + 12 * math.sqrt(R * p) + 40)) + 1)
    odds = _binomial(x, R, p)

    def presence(r: int) -> float:
        if not r:
            return 0.0
        m, q = r / n, x / R
        of_human_items = 1 - (1 - m * q) ** n
        return float(odds @ np.maximum(of_human_items, drift.tail_presence(n, m, q)))

    what = _tail_words(f"items from a reserve of {R:,}", p, survival)
    items = _smallest(lambda r: presence(r) >= survival, n)
    if items is not None:
        return Need(what, items, presence(items), _trust(items, n))
    inside = -math.expm1(R * math.log1p(-p))
    needed = math.ceil(math.log1p(-survival) / math.log1p(-p))
    why = (
        f"the reserve itself has the type with probability {inside:.4g} only; it needs at least {needed:,} items"
        if inside < survival
        else f"with n = {n:,} items at best {presence(n):.4g}; train on more, or use fresh items"
    )
    return Need(what, None, presence(n), why)


def _tail_words(items: str, p: float, survival: float) -> str:
    return f"{items} for a type of frequency {p:g} to be present with probability {survival:g}"


def _trust(items: int, n: int) -> str:
    if items <= _DIFFUSION * n:
        return ""
    return f"an upper value, since the stationary formula is exact enough only up to {_DIFFUSION:.0%} of n"


def _binomial(x: NDArray[np.int64], R: int, p: float) -> NDArray[np.float64]:
    from scipy.special import gammaln, xlog1py, xlogy

    log = gammaln(R + 1) - gammaln(x + 1) - gammaln(R - x + 1) + xlogy(x, p) + xlog1py(R - x, -p)
    return np.asarray(np.exp(log), dtype=np.float64)


def _smallest(enough: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest number from 0 to ``most`` that is enough, by bisection; None if ``most`` is not."""
    if not enough(most):
        return None
    low, high = -1, most  # low is not enough, high is
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high
