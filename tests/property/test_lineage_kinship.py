"""Facts about kinships that hold in every family tree."""

import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.lineage import Graph, Node, graph_json, inbreeding, read_graph

_WEIGHTS = st.floats(0.05, 1.0)
_ROUNDING = 1e-12


@st.composite
def graphs(draw: st.DrawFn, *, pools: bool = True, overlaps: bool = True) -> Graph:
    """Return a family tree of up to 15 nodes; ``pools`` allows draws without replacement, ``overlaps`` common items."""
    nodes = [Node(f"H{i}", "human", "founder", draw(st.integers(1, 60))) for i in range(draw(st.integers(1, 3)))]
    # Two sets share items of the first; a third would need a pattern that real sets can have.
    most = min(node.n or 0 for node in nodes[:2])
    shared = {("H0", "H1"): draw(st.integers(0, most))} if overlaps and len(nodes) > 1 else {}
    nodes.append(Node("M", "model", "trained", parts=(("H0", 1.0),)))
    for i in range(draw(st.integers(0, 11))):
        how = draw(st.sampled_from(["trained", "sampled", "mixed", *(["subsampled"] if pools else [])]))
        models = how in {"trained", "sampled"}
        sources = [node.id for node in nodes if models or node.kind != "model"]
        chosen = draw(st.lists(st.sampled_from(sources), min_size=1, max_size=4, unique=True))
        parts = tuple((name, draw(_WEIGHTS)) for name in chosen)
        if how == "trained":
            nodes.append(Node(f"M{i}", "model", "trained", parts=parts))
        elif how == "sampled":
            nodes.append(Node(f"S{i}", "synthetic", "sampled", draw(st.integers(1, 60)), parts))
        elif how == "mixed":
            n = draw(st.integers(1, 60)) if pools else None
            nodes.append(Node(f"X{i}", "synthetic", "mixed", n, parts))
        else:
            pool = sum(node.n or 0 for node in nodes if node.id in chosen)
            even = tuple((name, 1.0) for name in chosen)
            nodes.append(Node(f"B{i}", "synthetic", "subsampled", draw(st.integers(1, pool)), even))
    return Graph(tuple(nodes), shared)


@given(graphs())
def test_kinships_are_chances_symmetric_and_positive_semidefinite(graph: Graph) -> None:
    found = inbreeding(graph)
    K = found.coefficients
    assert np.array_equal(K, K.T)
    assert K.min() >= -_ROUNDING
    assert K.max() <= 1 + _ROUNDING
    assert np.linalg.eigvalsh(K).min() >= -1e-9
    for name, f in found.f.items():
        assert found.kinship(name, name) == f
        assert found.founders(name) == 1 / f
        # Nothing is more diverse than the items of its newest draws would be if they were unrelated.
        size = found.effective_size(name)
        if size is not None:
            assert f >= 1 / size - _ROUNDING


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_listing_does_not_matter(graph: Graph, random: Random) -> None:
    nodes = list(graph.nodes)
    random.shuffle(nodes)
    found, again = inbreeding(graph), inbreeding(Graph(tuple(nodes), graph.overlaps))
    for a in graph.position:
        for b in graph.position:
            assert again.kinship(a, b) == pytest.approx(found.kinship(a, b), abs=_ROUNDING)


@given(graphs(), st.data())
def test_other_branches_do_not_matter(graph: Graph, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(graph.position)))
    alone = inbreeding(graph.restricted([name]))
    assert alone.f[name] == pytest.approx(inbreeding(graph).f[name], abs=_ROUNDING)


# F can only fall. Both statements are about trees without draws from a finite pool, where every kinship is an increasing
# function of every other; in a pool, more items of one part also change its weight.


@given(graphs(pools=False, overlaps=False), st.integers(0, 2), st.integers(1, 100))
def test_more_items_of_a_human_set_never_raise_f_of_any_node(graph: Graph, which: int, more: int) -> None:
    founders = [node for node in graph.nodes if node.how == "founder"]
    grown = founders[which % len(founders)]
    nodes = tuple(replace(node, n=(node.n or 0) + more) if node is grown else node for node in graph.nodes)
    before, after = inbreeding(graph).f, inbreeding(Graph(nodes)).f
    assert all(after[name] <= before[name] + _ROUNDING for name in before)
    assert after[grown.id] < before[grown.id]


@given(graphs(pools=False, overlaps=False), st.data())
def test_adding_a_human_set_that_is_large_enough_never_raises_f_of_any_node(graph: Graph, data: st.DataObject) -> None:
    # F' = (1-w)^2 F + w^2/n is at most F for any weight w as soon as n >= 1/F; its descendants follow.
    name = data.draw(st.sampled_from(graph.models))
    before = inbreeding(graph)
    n = int(np.ceil(before.founders(name))) + data.draw(st.integers(0, 50))
    weight = data.draw(_WEIGHTS)
    old = graph[name]
    parts = (*((part, share * (1 - weight)) for part, share in old.parts), ("new", weight))
    nodes = tuple(replace(node, parts=parts) if node is old else node for node in graph.nodes)
    after = inbreeding(Graph((Node("new", "human", "founder", n), *nodes))).f
    assert all(after[node] <= f + _ROUNDING for node, f in before.f.items())


@given(graphs(pools=False, overlaps=False), st.data())
def test_pooling_any_number_of_fresh_human_items_never_raises_f(graph: Graph, data: st.DataObject) -> None:
    # r items join the n of a training set item for item: F' = (n^2 F + r)/(n + r)^2 <= F, since F >= 1/n.
    sets = [node for node in graph.nodes if node.kind != "model" and graph.items[node.id]]
    chosen = data.draw(st.sampled_from(sets))
    n, r = graph.items[chosen.id], data.draw(st.integers(1, 80))
    model = Node("model", "model", "trained", parts=((chosen.id, 1.0),))
    fresh = Node("fresh", "human", "founder", r)
    wider = replace(model, parts=((chosen.id, n / (n + r)), ("fresh", r / (n + r))))
    before = inbreeding(Graph((*graph.nodes, model))).f["model"]
    assert inbreeding(Graph((*graph.nodes, fresh, wider))).f["model"] <= before + _ROUNDING


@settings(max_examples=50)
@given(graph=graphs())
def test_what_is_written_as_json_reads_back(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tree") / "tree.json"
    found = inbreeding(graph)
    path.write_text(json.dumps(graph_json(graph, found)))
    again = read_graph(path)
    assert [(node.id, node.kind, node.how, node.n) for node in again.nodes] == [
        (node.id, node.kind, node.how, node.n) for node in graph.nodes
    ]
    assert inbreeding(again).coefficients == pytest.approx(found.coefficients, abs=_ROUNDING)
