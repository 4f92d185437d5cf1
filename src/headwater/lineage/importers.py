"""Family trees from files: this tool's own JSON form, and the run events of OpenLineage.

The JSON form names nodes and edges; ``graph_json`` writes it and ``read_graph`` reads it::

    {"nodes": [{"id": "books", "kind": "human", "n": 30}, {"id": "model", "kind": "model", "n": null}],
     "edges": [{"source": "books", "target": "model", "weight": 1.0}]}
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from headwater.errors import InputError
from headwater.lineage.graph import Graph, How, Kind, Node
from headwater.lineage.kinship import Inbreeding

Json = dict[str, Any]


def read_graph(path: str | Path) -> Graph:
    """Return the family tree of a JSON file.

    A node has ``id``, ``kind`` (human, synthetic or model), ``n`` and, where needed, ``how``, ``effective_size`` and
    ``generation``. An edge has ``source`` (or ``from``), ``target`` (or ``to``) and ``weight`` (or ``weights``), 1 if
    left out. ``overlaps`` is a list of ``{"a": id, "b": id, "items": count}``. Other keys are ignored.

    Without ``how`` a model is trained, a data set without inputs a founder, a data set with a model among its inputs
    sampled from the mixture of its inputs, and any other data set mixed from them. For founders and sampled sets
    ``effective_size`` is used in place of n; elsewhere it is computed, so it is ignored. A name that ends in ``.jsonl``
    or ``.ndjson`` is read as OpenLineage events.

    Raises:
        InputError: the file cannot be read or is not of this form; the message names the file and the node.
    """
    path = Path(path)
    if path.suffix in {".jsonl", ".ndjson"}:
        return read_open_lineage(path)
    try:
        document = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("nodes"), list):
        raise InputError(f'{path} is no family tree. It must be an object with the lists "nodes" and "edges".')
    try:
        return _graph(document)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def graph_json(graph: Graph, found: Inbreeding) -> Json:
    """Return a family tree with its F as a JSON object that ``read_graph`` reads back.

    Nodes have ``id``, ``kind``, ``n``, ``f`` and ``effective_size`` (null where unlimited), edges ``source``,
    ``target`` and ``weight``. ``how`` is added to nodes whose way of making does not follow from kind and edges,
    and ``overlaps`` where there are any.
    """
    kinds = {node.id: node.kind for node in graph.nodes}
    f = found.f
    nodes: list[Json] = []
    for node in graph.nodes:
        size = found.effective_size(node.id)
        row: Json = {"id": node.id, "kind": node.kind, "n": node.n, "f": f[node.id], "effective_size": size}
        if node.how != _how(node.kind, [kinds[name] for name in node.inputs]):
            row["how"] = node.how
        nodes.append(row)
    edges = [
        {"source": name, "target": node.id, "weight": weight} for node in graph.nodes for name, weight in node.parts
    ]
    document: Json = {"nodes": nodes, "edges": edges}
    if graph.overlaps:
        document["overlaps"] = [
            dict(zip(("a", "b", "items"), (*sorted(pair), shared), strict=True))
            for pair, shared in graph.overlaps.items()
        ]
    return document


def read_open_lineage(path: str | Path) -> Graph:
    """Return the family tree of OpenLineage run events, one JSON object per line.

    Mapping (https://openlineage.io, core specification 2-0-2). Only runs with a COMPLETE event count; what their other
    events say about inputs and outputs is added. A data set is named ``namespace/name``, with ``@version`` where its
    ``version`` facet is given, and is a model if its ``datasetType`` facet says ``MODEL``. The items of an output are
    the ``rowCount`` of its ``outputStatistics``, those of a founder the largest ``rowCount`` of ``inputStatistics`` or
    ``dataQualityMetrics``. If all data sets a run reads have such a count in that run, the counts are the weights, else
    the weights are equal. The last run that wrote a data set made it.

    - A data set that no run wrote, or a run without inputs, is a human founder, unless its kind is stated (below).
    - A run that reads a model and writes a data set sampled it from that model; data sets it also reads are prompts.
    - A run that reads data sets and writes a data set mixed them.
    - A run that writes a model trained it on the data sets it reads; models it also reads are starting points and do
      not count as data. A model that no run wrote is taken for the human source itself (F = 0).

    A dataset facet ``headwater`` with ``{"kind": "human" | "synthetic"}`` says who wrote a data set.

    Raises:
        InputError: a line is not a JSON object, an event lacks a name, a count is missing, or data sets form a circle
            (then their ``version`` facets are needed).
    """
    path = Path(path)
    runs: dict[str, _Run] = {}
    completed: list[_Run] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip():
            continue
        event = _event(path, number, line)
        if "run" not in event:
            continue  # events about a job or a data set alone say nothing about who was made from what
        try:
            run = runs.setdefault(str(event["run"]["runId"]), _Run())
            for side, seen in (("inputs", run.inputs), ("outputs", run.outputs)):
                for entry in event.get(side) or []:
                    _add(seen, entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f'{path}, line {number}: the event has no "run.runId", or an input or output no "namespace" or "name".'
            ) from error
        if event.get("eventType") == "COMPLETE" and run not in completed:
            completed.append(run)
    if not completed:
        raise InputError(f"{path} has no run event of type COMPLETE, so nothing in it was made.")
    try:
        return Graph(tuple(_nodes_of_runs(completed)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


@dataclass(eq=False, slots=True)
class _Run:
    """What the events of one run say: facets by data set."""

    inputs: dict[str, Json] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}. Give the path of a JSON file.") from error


def _graph(document: Json) -> Graph:
    listed = [_listed(entry, number) for number, entry in enumerate(document["nodes"], 1)]
    kinds = {str(entry["id"]): entry.get("kind") for entry in listed}
    parts: dict[str, list[tuple[str, float]]] = {name: [] for name in kinds}
    for number, edge in enumerate(_list(document, "edges"), 1):
        source, target, weight = _edge(edge, number)
        if target not in parts:
            raise InputError(
                f"Edge {number} leads from {source!r} to {target!r}, which is not among the nodes. Add it."
            )
        parts[target].append((source, weight))
    nodes = [_node(entry, parts[str(entry["id"])], kinds) for entry in listed]
    overlaps = {}
    for number, entry in enumerate(_list(document, "overlaps"), 1):
        if not isinstance(entry, dict) or not {"a", "b", "items"} <= entry.keys():
            raise InputError(f'Overlap {number} must be an object with "a", "b" and "items".')
        overlaps[frozenset((str(entry["a"]), str(entry["b"])))] = _whole(entry["items"], f"Overlap {number}", "items")
    return Graph(tuple(nodes), overlaps)


def _list(document: Json, key: str) -> list[Any]:
    value = document.get(key) or []
    if not isinstance(value, list):
        raise InputError(f'"{key}" must be a list, got {type(value).__name__}.')
    return value


def _listed(entry: object, number: int) -> Json:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        raise InputError(f'Node number {number} has no "id". Every node is an object with "id" and "kind".')
    return entry


def _edge(edge: object, number: int) -> tuple[str, str, float]:
    known = edge if isinstance(edge, dict) else {}
    source, target = known.get("source", known.get("from")), known.get("target", known.get("to"))
    if not isinstance(source, str) or not isinstance(target, str):
        raise InputError(f'Edge {number} must be an object with "source" and "target", both ids of nodes.')
    weight = known.get("weight", known.get("weights", 1.0))
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise InputError(f"Edge {number} from {source!r} to {target!r} has the weight {weight!r}. It must be a number.")
    return source, target, float(weight)


def _node(entry: Json, parts: list[tuple[str, float]], kinds: Mapping[str, Any]) -> Node:
    name, kind = entry["id"], entry.get("kind")
    how = entry.get("how", _how(kind, [kinds.get(source) for source, _ in parts]))
    if not isinstance(how, str):
        raise InputError(f"Node {name!r} has how = {how!r}. It must be a word, such as founder or sampled.")
    n, generation = (
        None if entry.get(key) is None else _whole(entry[key], f"Node {name!r}", key) for key in ("n", "generation")
    )
    effective = entry.get("effective_size")
    if how not in {"founder", "sampled"} or effective == n:
        effective = None
    if effective is not None and (isinstance(effective, bool) or not isinstance(effective, int | float)):
        raise InputError(f"Node {name!r} has effective_size = {effective!r}. It must be a number.")
    # Kind and how are checked by the graph, which knows what is allowed.
    return Node(name, cast("Kind", kind), cast("How", how), n, tuple(parts), generation, effective)


def _how(kind: object, inputs: list[Any]) -> How:
    """Return how a node was made if nobody says."""
    if kind == "model":
        return "trained"
    return "founder" if not inputs else "sampled" if "model" in inputs else "mixed"


def _whole(value: object, where: str, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise InputError(f"{where} has {key} = {value!r}. It must be a whole number.")
    return int(value)


def _event(path: Path, number: int, line: str) -> Json:
    try:
        event = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {number} is not JSON: column {error.colno}: {error.msg}.") from error
    if not isinstance(event, dict):
        raise InputError(f"{path}, line {number} is not a JSON object. Every line is one OpenLineage event.")
    return event


def _add(seen: dict[str, Json], entry: Json) -> None:
    """Add the facets of an input or output to what the run's other events said about it."""
    facets: Json = {}
    for key in ("facets", "inputFacets", "outputFacets"):
        facets |= entry.get(key) or {}
    version = (facets.get("version") or {}).get("datasetVersion")
    name = f"{entry['namespace']}/{entry['name']}" + (f"@{version}" if version else "")
    seen[name] = seen.get(name, {}) | {key: facet for key, facet in facets.items() if isinstance(facet, dict)}


def _nodes_of_runs(runs: list[_Run]) -> Iterator[Node]:
    made_by = {name: run for run in runs for name in run.outputs}  # the last one stays
    facets: dict[str, Json] = {}
    read: dict[str, int] = {}
    for run in runs:
        for name, known in (*run.inputs.items(), *run.outputs.items()):
            facets[name] = facets.get(name, {}) | known
        for name, known in run.inputs.items():
            read[name] = max(read.get(name, 0), _rows(known, "inputStatistics", "dataQualityMetrics") or 0)
    models = {name for name, known in facets.items() if (known.get("datasetType") or {}).get("datasetType") == "MODEL"}
    stated = {name: (known.get("headwater") or {}).get("kind") for name, known in facets.items()}
    human = {name for name in facets if name not in made_by and name not in models and stated[name] in {None, "human"}}
    for name in facets:
        if name in made_by:
            continue
        if name in models:
            yield Node(name, "model", "founder")
        else:
            kind: Kind = "human" if name in human else "synthetic"
            yield Node(name, stated[name] or kind, "founder", read.get(name) or None)
    for name, run in made_by.items():
        data = [source for source in run.inputs if source not in models]
        used = [source for source in run.inputs if source in models]
        if name in models:
            yield Node(name, "model", "trained", None, _parts(run, data or used))
            continue
        n = _rows(run.outputs[name], "outputStatistics")
        how: How = "sampled" if used else "mixed" if data else "founder"
        of_humans = stated[name] == "human" or (stated[name] is None and not used and human.issuperset(data))
        if of_humans:
            human.add(name)
        kind = "human" if of_humans else "synthetic"
        yield Node(name, stated[name] or kind, how, n, _parts(run, used or data))


def _parts(run: _Run, sources: list[str]) -> tuple[tuple[str, float], ...]:
    counts = [_rows(run.inputs[name], "inputStatistics") for name in sources]
    even = not all(counts)
    return tuple((name, 1.0 if even else float(count or 0)) for name, count in zip(sources, counts, strict=True))


def _rows(facets: Json, *names: str) -> int | None:
    counts = [count for name in names if (count := (facets.get(name) or {}).get("rowCount")) is not None]
    return max(_whole(count, "A facet", "rowCount") for count in counts) if counts else None
