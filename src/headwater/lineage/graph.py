"""The family tree of data sets and models: what was made from what, by which kind of draw, with which weights.

Five things can make a node, and the draw is what costs diversity:

==============  =====================================================================================================
``founder``     nobody's child: n items drawn independently from the human source
``sampled``     n items drawn independently (with replacement) from a mixture of models and data sets
``mixed``       data sets put together by weight; no draw, unless there is less room than a part has items
``subsampled``  n items drawn without replacement from the pool of some data sets
``trained``     a model that reproduces the weighted mixture of its data sets
==============  =====================================================================================================
"""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import pyarrow as pa

from headwater.errors import InputError, did_you_mean

Kind = Literal["human", "synthetic", "model"]
How = Literal["founder", "sampled", "mixed", "subsampled", "trained"]
Overlaps = Mapping[frozenset[str], int] | Mapping[tuple[str, str], int]

# Weights that users round to a few digits still mean "in proportion to the items".
_PROPORTIONAL = 1e-3
# Shares of a whole set are quotients of counts; a part that is whole but for rounding is whole.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Node:
    """A data set or a model."""

    id: str
    """Name, unique in its graph."""
    kind: Kind
    """Who wrote the items; a model has none of its own."""
    how: How
    """How it was made."""
    n: int | None = None
    """Items in the data set, each position counted (tokens or documents, but the same in the whole graph).

    Founders, sampled and subsampled sets need it. A mixed set may give it: a part whose share of n is less than its
    items then entered as a random selection of them. For a model it is what it was trained on, for information."""
    parts: tuple[tuple[str, float], ...] = ()
    """Nodes it was made from and their weights; the graph divides the weights by their sum."""
    generation: int | None = None
    """Generation, where known; for display."""
    effective_n: float | None = None
    """1 / sum w_i^2 over the weights w_i of the different items, for sets with duplicates or item weights (founders and
    sampled sets). Used in place of n where the chance counts that two draws hit the same item."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the names of the nodes it was made from."""
        return tuple(name for name, _ in self.parts)

    @property
    def draws(self) -> float | None:
        """Return the effective number of items of a founder or sampled set; None where nothing is known."""
        return self.effective_n if self.effective_n is not None else self.n


@dataclass(frozen=True, slots=True)
class Graph:
    """A family tree that has been checked: every input is known, nothing descends from itself.

    Raises:
        InputError: two nodes share a name; an input is unknown; nodes form a circle; a count is missing, below 1 or
            larger than the pool; a weight is negative or all are 0; a kind and the way it was made do not go together;
            an overlap is not between two founders or exceeds one of them.
    """

    nodes: tuple[Node, ...]
    """All nodes, every one after those it was made from; otherwise in the order given. Weights sum to 1."""
    overlaps: Overlaps = field(default_factory=dict)
    """Number of items that two founder sets share, by pair of names; pairs that are not named are disjoint."""
    position: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Where each node stands in ``nodes``."""
    items: Mapping[str, int | None] = field(init=False, repr=False, compare=False)
    """Items of each node: n, or for a mixed set without it the sum of its parts' items. None where that is unknown: a
    part's is, or its weights are not in proportion to the items, so that its positions do not weigh the same."""

    def __post_init__(self) -> None:
        named: dict[str, Node] = {}
        for node in self.nodes:
            if node.id in named:
                raise InputError(f"Node {node.id!r} is listed twice. Give every data set and model its own name.")
            named[node.id] = _checked(node)
        for node in named.values():
            _check_inputs(node, named)
        ordered = _parents_first(tuple(named.values()))
        items: dict[str, int | None] = {}
        for node in ordered:
            named[node.id] = _by_items(node, items) if node.how == "subsampled" else node
            items[node.id] = _items(node, items)
        object.__setattr__(self, "nodes", tuple(named[node.id] for node in ordered))
        object.__setattr__(self, "position", {node.id: place for place, node in enumerate(ordered)})
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "overlaps", _checked_overlaps(self.overlaps, named))

    def __getitem__(self, name: str) -> Node:
        """Return the node of a name.

        Raises:
            InputError: there is none.
        """
        if name not in self.position:
            known = ", ".join(list(self.position)[:10]) + (", ..." if len(self.position) > 10 else "")
            raise InputError(f"Unknown node {name!r}.{did_you_mean(name, self.position)} Known: {known}.")
        return self.nodes[self.position[name]]

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of all models, in order."""
        return tuple(node.id for node in self.nodes if node.kind == "model")

    def ancestors(self, name: str) -> frozenset[str]:
        """Return the names of everything a node was made from, directly or through others, without itself."""
        found: set[str] = set()
        waiting = list(self[name].inputs)
        while waiting:
            new = waiting.pop()
            if new not in found:
                found.add(new)
                waiting += self[new].inputs
        return frozenset(found)

    def restricted(self, names: Iterable[str]) -> "Graph":
        """Return the graph of some nodes and all their ancestors; their kinships are the same as in the whole."""
        keep = set(names)
        for name in tuple(keep):
            keep |= self.ancestors(name)
        pairs = {frozenset(pair): count for pair, count in self.overlaps.items() if keep.issuperset(pair)}
        return Graph(tuple(node for node in self.nodes if node.id in keep), pairs)

    @classmethod
    def from_events(
        cls, events: pa.Table, unit: Literal["tokens", "items"] = "tokens", run: str | None = None
    ) -> "Graph":
        """Return the family tree of one run from its lineage events.

        A data set made without inputs is a founder, with inputs a mixture whose parts may have entered in part only; a
        sampled data set is a draw from the mixture of its inputs, models or data sets.

        Assumptions: a founder of generation 0 is human. A founder of a later generation is machine-made text of unknown
        ancestry (a stream's recipe that names no parents); it counts as its own founder, unrelated to everything else
        and neutral, so its part of F is a lower bound. What is made of human data in generation 0, or by an arm from
        human data alone, is human; all else is synthetic. Nodes with a count of 0 are left out.

        Args:
            events: rows of the lineage schema.
            unit: count tokens or documents. Weights of the events are shares, of whatever the run counted.
            run: run id; may be left out where the events are of one run (names are unique within a run only).

        Raises:
            InputError: no such run, several runs to choose from, or the events do not make a graph.
        """
        if unit not in {"tokens", "items"}:
            raise InputError(f"Unknown unit {unit!r}.{did_you_mean(unit, ('tokens', 'items'))} Known: tokens, items.")
        rows = events.to_pylist()
        runs = sorted({row["run"] for row in rows})
        if run is None and len(runs) > 1:
            raise InputError(f"The events are of {len(runs)} runs. Name one of them: {', '.join(map(str, runs))}.")
        chosen = [row for row in rows if run is None or row["run"] == run]
        if not chosen:
            if not runs:
                raise InputError("There are no lineage events. A run writes them: headwater run.")
            hint = did_you_mean(str(run), runs)
            raise InputError(f"No lineage events of run {run!r}.{hint} Known: {', '.join(map(str, runs))}.")
        return cls(tuple(_nodes_of_events(chosen, unit)))


def _nodes_of_events(rows: Sequence[Mapping[str, Any]], unit: str) -> list[Node]:
    """Return the nodes of one run's events; an event that was recorded twice, word for word, counts once."""
    distinct: list[Mapping[str, Any]] = []
    seen: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if seen.get(row["node"]) != row:
            distinct.append(row)
            seen[row["node"]] = row
    empty = {row["node"] for row in distinct if row["event"] != "model_trained" and not row[unit]}
    human: set[str] = set()
    nodes = []
    # Ancestors have lower generations or come earlier, so who is human is known when it is asked.
    for row in distinct:
        if row["node"] in empty:
            continue
        parts = tuple((name, weight) for name, weight in zip(row["inputs"], row["weights"], strict=True))
        parts = tuple((name, weight) for name, weight in parts if name not in empty)
        if row["inputs"] and not parts:
            raise InputError(f"Everything that {row['node']!r} was made from has 0 {unit}. Count in the other unit.")
        if row["event"] == "model_trained":
            nodes.append(Node(row["node"], "model", "trained", row[unit] or None, parts, row["generation"]))
            continue
        sampled = row["event"] == "data_set_sampled"
        of_humans = not sampled and all(name in human for name, _ in parts)
        if of_humans and (row["generation"] == 0 or (parts and row["arm"])):
            human.add(row["node"])
        kind: Kind = "human" if row["node"] in human else "synthetic"
        how: How = "sampled" if sampled else "mixed" if parts else "founder"
        nodes.append(Node(row["node"], kind, how, row[unit], parts, row["generation"]))
    return nodes


def _checked(node: Node) -> Node:
    """Return the node with weights that sum to 1, one per input."""
    name = repr(node.id)
    for what, value, known in (("kind", node.kind, get_args(Kind)), ("how", node.how, get_args(How))):
        if value not in known:
            hint = did_you_mean(str(value), known)
            raise InputError(f"Node {name} has the unknown {what} {value!r}.{hint} Known: {', '.join(known)}.")
    if (node.how == "trained") != (node.kind == "model") and not (node.kind == "model" and node.how == "founder"):
        raise InputError(
            f"Node {name} is of kind {node.kind!r} and {node.how}. A model is trained (or a founder), a data set is a "
            "founder, sampled, mixed or subsampled."
        )
    for what, count in (("n", node.n), ("effective_n", node.effective_n)):
        if count is not None and not 1 <= count < math.inf:
            raise InputError(f"Node {name} has {what} = {count}. It must be at least 1 and finite.")
    if node.effective_n is not None and node.how not in {"founder", "sampled"}:
        raise InputError(
            f"Node {name} is {node.how}: its effective size follows from its parts. Leave effective_n out."
        )
    if node.n is not None and (node.effective_n or 0) > node.n * (1 + _ROUNDING):
        raise InputError(
            f"Node {name} has effective_n = {node.effective_n:g} of n = {node.n} items; it cannot be more."
        )
    if node.how in {"founder", "sampled"} and node.kind != "model" and node.draws is None:
        raise InputError(f"Data set {name} has no number of items. Give n (or effective_n for weighted items).")
    if node.how == "subsampled" and node.n is None:
        raise InputError(f"Data set {name} is a subsample without a number of items. Give n.")
    if node.how == "founder":
        if node.parts:
            raise InputError(f"Node {name} is a founder and was made from {node.inputs[0]!r}. A founder has no inputs.")
        return node
    if not node.parts:
        hint = "trained on nothing" if node.how == "trained" else f"{node.how} from nothing"
        raise InputError(f"Node {name} is {hint}. Name what it was made from, or make it a founder with n items.")
    return replace(node, parts=_shares(node))


def _shares(node: Node) -> tuple[tuple[str, float], ...]:
    merged: dict[str, float] = {}
    for name, weight in node.parts:
        if not (weight >= 0 and math.isfinite(weight)):
            raise InputError(
                f"Node {node.id!r} has the weight {weight} for {name!r}. Weights are finite and not negative."
            )
        merged[name] = merged.get(name, 0.0) + float(weight)
    total = math.fsum(merged.values())
    if total <= 0:
        raise InputError(f"All weights of node {node.id!r} are 0. At least one input must have a positive weight.")
    return tuple((name, weight / total) for name, weight in merged.items())


def _check_inputs(node: Node, named: Mapping[str, Node]) -> None:
    for name in node.inputs:
        if name not in named:
            raise InputError(
                f"Node {node.id!r} was made from {name!r}, which is not listed.{did_you_mean(name, named)} "
                "Add it, as a founder if nothing is known about where it comes from."
            )
        source = named[name]
        if source.kind == "model" and node.how in {"mixed", "subsampled"}:
            raise InputError(
                f"Data set {node.id!r} is {node.how} from the model {name!r}. A model has no items to take: sample a "
                "data set from it first, and use that."
            )
        if node.kind == "human" and source.kind != "human":
            raise InputError(
                f"Data set {node.id!r} is said to be human and was made from {name!r}, which is {source.kind}. "
                "Make its kind 'synthetic'."
            )


def _parents_first(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the nodes with parents before children, else in the order given (Kahn's algorithm)."""
    place = {node.id: at for at, node in enumerate(nodes)}
    children: dict[str, list[int]] = {node.id: [] for node in nodes}
    for at, node in enumerate(nodes):
        for name in node.inputs:
            children[name].append(at)
    missing = [len(node.inputs) for node in nodes]
    ready = [at for at, count in enumerate(missing) if not count]
    ordered = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        ordered.append(node)
        for child in children[node.id]:
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, child)
    if len(ordered) == len(nodes):
        return tuple(ordered)
    # Every node left over has an input that is left over, so following those must come back to where it was.
    left = {node.id for node in nodes} - {node.id for node in ordered}
    walk = [next(node.id for node in nodes if node.id in left)]
    while walk[-1] not in walk[:-1]:
        walk.append(next(name for name in nodes[place[walk[-1]]].inputs if name in left))
    circle = walk[walk.index(walk[-1]) :]
    raise InputError(
        f"Nodes descend from themselves: {' -> '.join(map(repr, reversed(circle)))}. Give each version of a data "
        "set or model its own name."
    )


def _items(node: Node, items: Mapping[str, int | None]) -> int | None:
    if node.n is not None or node.how != "mixed":
        return node.n
    known = [size for name in node.inputs if (size := items[name]) is not None]
    total = sum(known)
    if len(known) < len(node.parts):
        return None
    even = all(abs(w - size / total) <= _PROPORTIONAL for (_, w), size in zip(node.parts, known, strict=True))
    return total if even else None


def _by_items(node: Node, items: Mapping[str, int | None]) -> Node:
    """Return a subsample with weights in proportion to the items of its parts: every item of a pool has one chance."""
    assert node.n is not None
    sizes = []
    for name in node.inputs:
        size = items[name]
        if size is None:
            raise InputError(
                f"Data set {node.id!r} is a subsample of {name!r}, whose number of items is unknown: give n."
            )
        sizes.append(size)
    total = sum(sizes)
    if node.n > total:
        raise InputError(
            f"Data set {node.id!r} draws {node.n} items without replacement from a pool of {total}. Draw at most "
            f"{total}, or make it 'sampled', which draws with replacement."
        )
    given = [weight for _, weight in node.parts]
    unstated = max(given) - min(given) <= _ROUNDING
    if not unstated and any(abs(w - size / total) > _PROPORTIONAL for w, size in zip(given, sizes, strict=True)):
        raise InputError(
            f"The weights of subsample {node.id!r} are {given} and its parts have {sizes} items. In a pool the weights "
            "follow from the items: leave them out, or mix the parts by weight and subsample the mixture."
        )
    return replace(node, parts=tuple((name, size / total) for name, size in zip(node.inputs, sizes, strict=True)))


def _checked_overlaps(overlaps: Overlaps, named: Mapping[str, Node]) -> dict[frozenset[str], int]:
    checked: dict[frozenset[str], int] = {}
    for pair, shared in overlaps.items():
        names = sorted(set(pair))
        if len(names) != 2 or not set(names) <= named.keys():
            raise InputError(f"The overlap {sorted(pair)} does not name two different nodes of the graph.")
        for name in names:
            node = named[name]
            if node.how != "founder" or node.kind == "model" or node.n is None or node.effective_n is not None:
                raise InputError(
                    f"An overlap names {name!r}. Only founder sets with n equally weighted items share items that the "
                    "graph does not know of."
                )
            if not 0 <= shared <= node.n:
                raise InputError(f"The sets {names} cannot share {shared} items: {name!r} has {node.n}.")
        checked[frozenset(names)] = int(shared)
    return checked
