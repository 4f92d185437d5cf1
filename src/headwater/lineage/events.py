"""The events a family tree is built from: which data set or model was made from what, with which weights.

A node is named once per run. Three kinds of event make one: a data set is mixed from other data sets (or is a founder
and has no inputs), a model is trained on data sets, a data set is sampled from a model.
"""

import math
from collections.abc import Sequence

import pyarrow as pa

from headwater.errors import InputError
from headwater.schema import LINEAGE, table_of

# Shares are computed by dividing counts; their sum is off by rounding only.
_TOLERANCE = 1e-9


def data_set_made(
    node: str,
    inputs: Sequence[str],
    weights: Sequence[float],
    *,
    items: int,
    tokens: int,
    generation: int,
    arm: str,
    run: str,
) -> pa.Table:
    """Return the event of a data set mixed from others; without inputs it is a founder, such as a human corpus.

    Args:
        node: name of the new data set.
        inputs: names of the data sets it was drawn from.
        weights: share of its items that came from each; they sum to 1.
        items: documents in it.
        tokens: tokens in it.
        generation: 0 for human data, g for what was made from the model of generation g - 1.
        arm: part of the run.
        run: run id.

    Returns:
        One row of the lineage schema.

    Raises:
        InputError: the weights do not match the inputs or do not sum to 1, or a count is negative.
    """
    return _event(
        "data_set_made", node, inputs, weights, items=items, tokens=tokens, generation=generation, arm=arm, run=run
    )


def model_trained(
    node: str,
    inputs: Sequence[str],
    weights: Sequence[float],
    *,
    items: int,
    tokens: int,
    generation: int,
    arm: str,
    run: str,
) -> pa.Table:
    """Return the event of a model trained on data sets; arguments and errors as in ``data_set_made``.

    ``items`` and ``tokens`` count what it was trained on. A model has at least one input.
    """
    if not inputs:
        raise InputError(f"Model {node!r} was trained on nothing. Name the data sets it was trained on.")
    return _event(
        "model_trained", node, inputs, weights, items=items, tokens=tokens, generation=generation, arm=arm, run=run
    )


def data_set_sampled(
    node: str,
    inputs: Sequence[str],
    weights: Sequence[float],
    *,
    items: int,
    tokens: int,
    generation: int,
    arm: str,
    run: str,
) -> pa.Table:
    """Return the event of a data set sampled from models; arguments and errors as in ``data_set_made``.

    A rewriter has two inputs, the model and the data set it rewrote. A sampled data set has at least one input.
    """
    if not inputs:
        raise InputError(f"Data set {node!r} was sampled from nothing. Name the model it was sampled from.")
    return _event(
        "data_set_sampled", node, inputs, weights, items=items, tokens=tokens, generation=generation, arm=arm, run=run
    )


def ancestors(events: pa.Table, node: str) -> frozenset[str]:
    """Return all nodes that ``node`` was made from, directly or through others.

    Args:
        events: lineage events of one run (names are unique within a run only).
        node: a data set or model; an unknown one has no ancestors.

    Returns:
        Names of the ancestors, founders included; ``node`` itself only where the events form a circle.
    """
    made_from: dict[str, list[str]] = {}
    for name, inputs in zip(events["node"].to_pylist(), events["inputs"].to_pylist(), strict=True):
        made_from.setdefault(name, []).extend(inputs or [])
    found: set[str] = set()
    waiting = [node]
    while waiting:
        new = set(made_from.get(waiting.pop(), [])) - found
        found |= new
        waiting += new
    return frozenset(found)


def _event(
    event: str,
    node: str,
    inputs: Sequence[str],
    weights: Sequence[float],
    *,
    items: int,
    tokens: int,
    generation: int,
    arm: str,
    run: str,
) -> pa.Table:
    if len(inputs) != len(weights):
        raise InputError(
            f"Node {node!r} has {len(inputs)} inputs and {len(weights)} weights. Give one weight per input."
        )
    if inputs and not (min(weights) >= 0 and abs(math.fsum(weights) - 1) <= _TOLERANCE):
        raise InputError(
            f"The weights of node {node!r} are {list(weights)} with the sum {math.fsum(weights)}. Weights are shares: "
            "none is negative and they sum to 1. Divide each by their sum."
        )
    if node in inputs:
        raise InputError(f"Node {node!r} is named as its own input. Give the new node another name.")
    if min(items, tokens, generation) < 0:
        raise InputError(
            f"Node {node!r} has {items} items, {tokens} tokens, generation {generation}. None of them can be negative."
        )
    row = {
        "event": event,
        "node": node,
        "inputs": list(inputs),
        "weights": [float(weight) for weight in weights],
        "items": int(items),
        "tokens": int(tokens),
        "generation": int(generation),
        "arm": arm,
        "run": run,
    }
    return table_of(LINEAGE, [row])
