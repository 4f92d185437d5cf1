"""Family trees from files."""

import json

import pytest

from headwater.errors import InputError
from headwater.lineage import Graph, Node, graph_json, inbreeding, read_graph

TREE = {
    "nodes": [
        {"id": "books", "kind": "human", "n": 30},
        {"id": "first", "kind": "model", "n": None},
        {"id": "wrote", "kind": "synthetic", "n": 20},
        {"id": "both", "kind": "synthetic"},
        {"id": "second", "kind": "model"},
    ],
    "edges": [
        {"source": "books", "target": "first", "weight": 1.0},
        {"from": "first", "to": "wrote"},
        {"source": "books", "target": "both", "weights": 3},
        {"source": "wrote", "target": "both", "weight": 2},
        {"source": "both", "target": "second"},
    ],
}


def _file(tmp_path, content, name="tree.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_a_tree_is_read_and_written(tmp_path) -> None:
    graph = read_graph(_file(tmp_path, TREE))
    assert [(node.id, node.how) for node in graph.nodes] == [
        ("books", "founder"), ("first", "trained"), ("wrote", "sampled"), ("both", "mixed"), ("second", "trained"),
    ]  # fmt: skip
    found = inbreeding(graph)
    written = graph_json(graph, found)
    assert set(written) == {"nodes", "edges"}
    assert all(set(node) == {"id", "kind", "n", "f", "effective_size"} for node in written["nodes"])
    assert all(set(edge) == {"source", "target", "weight"} for edge in written["edges"])
    assert written["nodes"][2] == {
        "id": "wrote",
        "kind": "synthetic",
        "n": 20,
        "f": found.f["wrote"],
        "effective_size": 20,
    }
    assert {"source": "books", "target": "both", "weight": 0.6} in written["edges"]
    again = read_graph(_file(tmp_path, written))
    assert again.nodes == graph.nodes
    assert graph_json(again, inbreeding(again)) == written


def test_what_does_not_follow_from_the_edges_is_written_too(tmp_path) -> None:
    graph = Graph(
        (
            Node("A", "human", "founder", 49),
            Node("B", "human", "founder", 30),
            Node("W", "human", "founder", 50, effective_n=27.71),
            Node("half", "human", "subsampled", 25, (("A", 1.0),)),
            Node("again", "human", "sampled", 25, (("B", 1.0),)),
            Node("base", "model", "founder"),
        ),
        {("A", "B"): 7},
    )
    found = inbreeding(graph)
    written = graph_json(graph, found)
    assert {node["id"]: node.get("how") for node in written["nodes"]} == {
        "A": None, "B": None, "W": None, "half": "subsampled", "again": "sampled", "base": "founder",
    }  # fmt: skip
    assert written["overlaps"] == [{"a": "A", "b": "B", "items": 7}]
    assert written["nodes"][-1]["effective_size"] is None
    again = read_graph(_file(tmp_path, written))
    assert again == graph
    assert (inbreeding(again).coefficients == found.coefficients).all()


def _changed(node=None, edge=None, **keys):
    tree = json.loads(json.dumps(TREE)) | keys
    tree["nodes"] += [node] if node is not None else []
    tree["edges"] += [edge] if edge is not None else []
    return tree


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"nodes": [\n  {"id": "a",}\n]}', "is not JSON: line 2"),
        ("[]", "is no family tree"),
        ({"edges": []}, "is no family tree"),
        (_changed(node={"id": "x", "kind": "humann", "n": 3}), "'x' has the unknown kind 'humann'. Did you mean 'human'"),
        (_changed(node={"id": "x", "n": 3}), "'x' has the unknown kind None"),
        (_changed(node={"kind": "human", "n": 3}), 'Node number 6 has no "id"'),
        (_changed(node={"id": "x", "kind": "human"}), "'x' has no number of items"),
        (_changed(node={"id": "x", "kind": "human", "n": 2.5}), "'x' has n = 2.5. It must be a whole number"),
        (_changed(node={"id": "x", "kind": "human", "n": "9"}), "'x' has n = '9'"),
        (_changed(node={"id": "x", "kind": "human", "n": 3, "how": "sampeld"}), "Did you mean 'sampled'"),
        (_changed(node={"id": "x", "kind": "human", "effective_size": "many"}), "effective_size = 'many'"),
        (_changed(node={"id": "books", "kind": "human", "n": 3}), "'books' is listed twice"),
        (_changed(node={"id": "x", "kind": "model"}), "'x' is trained on nothing"),
        (_changed(edge={"source": "boks", "target": "second"}), "from 'boks', which is not listed. Did you mean 'books'"),
        (_changed(edge={"source": "books", "target": "third"}), "to 'third', which is not among the nodes"),
        (_changed(edge={"source": "books"}), 'Edge 6 must be an object with "source" and "target"'),
        (_changed(edge={"source": "books", "target": "second", "weight": -1}), "'second' has the weight -1.0 for 'books'"),
        (_changed(edge={"source": "books", "target": "second", "weight": "1"}), "has the weight '1'"),
        (_changed(edge={"source": "second", "target": "first"}), "'second' -> 'first'"),
        (_changed(edges=[]), "is trained on nothing"),
        (_changed(overlaps=[{"a": "books"}]), 'Overlap 1 must be an object with "a", "b" and "items"'),
        (_changed(overlaps={"a": "books"}), '"overlaps" must be a list, got dict'),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_file(tmp_path, content, message: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_graph(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path) -> None:
    with pytest.raises(InputError, match=r"missing.json cannot be read: No such file"):
        read_graph(tmp_path / "missing.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match="not UTF-8"):
        read_graph(tmp_path / "bytes.json")


# OpenLineage


def _set(name, rows=None, facet="outputStatistics", side="outputFacets", **facets):
    return {
        "namespace": "lake",
        "name": name,
        "facets": facets,
        **({side: {facet: {"rowCount": rows}}} if rows is not None else {}),
    }


def _read(name, rows=None, **facets):
    return _set(name, rows, "inputStatistics", "inputFacets", **facets)


def _run(run, inputs, outputs, state="COMPLETE"):
    return {
        "eventType": state,
        "eventTime": "2025-01-01T00:00:00Z",
        "run": {"runId": run},
        "job": {"namespace": "jobs", "name": run},
        "inputs": inputs,
        "outputs": outputs,
    }


MODEL = {"datasetType": {"datasetType": "MODEL"}}


def _lines(tmp_path, *events):
    return _file(tmp_path, "\n".join(map(json.dumps, events)) + "\n\n", "events.jsonl")


def test_run_events_of_another_tool(tmp_path) -> None:
    path = _lines(
        tmp_path,
        _run("train", [_read("books", 30)], [], "START"),
        _run("train", [], [_set("model", **MODEL)]),
        _run("write", [_read("model", **MODEL), _read("prompts", 5)], [_set("wrote", 20)]),
        _run("failed", [_read("books", 90)], [_set("wrote", 7)], "FAIL"),
        _run("mix", [_read("books", 30), _read("wrote", 10)], [_set("mixed", 40)]),
        _run("ingest", [], [_set("news", 15)]),
        {"eventTime": "2025-01-01T00:00:00Z", "dataset": _set("about a data set alone")},
        _run("tune", [_read("model", **MODEL), _read("mixed")], [_set("tuned", **MODEL)]),
    )
    graph = read_graph(path)
    assert {node.id: (node.kind, node.how, node.n, node.inputs) for node in graph.nodes} == {
        "lake/books": ("human", "founder", 30, ()),
        "lake/prompts": ("human", "founder", 5, ()),
        "lake/news": ("human", "founder", 15, ()),
        "lake/model": ("model", "trained", None, ("lake/books",)),
        "lake/wrote": ("synthetic", "sampled", 20, ("lake/model",)),
        "lake/mixed": ("synthetic", "mixed", 40, ("lake/books", "lake/wrote")),
        "lake/tuned": ("model", "trained", None, ("lake/mixed",)),
    }
    assert graph["lake/mixed"].parts == (("lake/books", 0.75), ("lake/wrote", 0.25))


def test_stated_kinds_versions_and_models_from_elsewhere(tmp_path) -> None:
    said = {"headwater": {"kind": "synthetic"}}
    graph = read_graph(
        _lines(
            tmp_path,
            _run("1", [_read("base", **MODEL)], [_set("web", 50, version={"datasetVersion": "1"})]),
            _run("2", [_read("web", version={"datasetVersion": "1"}), _read("forum", 9, **said)], [_set("web", version={"datasetVersion": "2"})]),
        )
    )  # fmt: skip
    assert graph["lake/base"].how == "founder"
    assert graph["lake/forum"].kind == "synthetic"
    assert graph["lake/web@2"].inputs == ("lake/web@1", "lake/forum")
    assert graph["lake/web@2"].parts[0][1] == 0.5  # not all counts are known, so the weights are equal
    assert inbreeding(graph).f["lake/web@1"] == pytest.approx(1 / 50)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([_run("1", [], [_set("a", 3)], "START")], "no run event of type COMPLETE"),
        ([_run("1", [_read("a", 5)], [_set("a", 5)])], "'lake/a' -> 'lake/a'"),
        ([_run("1", [_read("a")], [_set("b", 5)])], "'lake/a' has no number of items"),
        ([_run("1", [{"name": "a"}], [])], 'line 1: the event has no "run.runId"'),
        ([_run("1", [_read("a", "many")], [_set("b")])], "rowCount = 'many'"),
        ([[1]], "line 1 is not a JSON object"),
    ],
)
def test_events_that_cannot_be_used(tmp_path, events, message: str) -> None:
    path = _lines(tmp_path, *events)
    with pytest.raises(InputError) as caught:
        read_graph(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_broken_line_is_named(tmp_path) -> None:
    good = json.dumps(_run("1", [], [_set("a", 3)]))
    with pytest.raises(InputError, match=r"events.jsonl, line 2 is not JSON"):
        read_graph(_file(tmp_path, good + "\n{\n", "events.jsonl"))
