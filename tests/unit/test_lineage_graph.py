"""Family trees: what is refused, and how they come out of lineage events."""

import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.lineage import Graph, Node, data_set_made, data_set_sampled, inbreeding, model_trained

H = Node("H", "human", "founder", 10)
M = Node("M", "model", "trained", parts=(("H", 1.0),))


def _sample(name="S", n=20, source="M", **changes):
    return Node(name, "synthetic", "sampled", n, ((source, 1.0),), **changes)


def test_nodes_are_ordered_parents_first_and_weights_are_shares() -> None:
    graph = Graph((Node("T", "model", "trained", parts=(("S", 3), ("H", 0.5), ("H", 0.5))), _sample(), M, H))
    assert [node.id for node in graph.nodes] == ["H", "M", "S", "T"]
    assert graph["T"].parts == (("S", 0.75), ("H", 0.25))
    assert graph.models == ("M", "T")
    assert graph.ancestors("S") == {"H", "M"}
    assert [node.id for node in graph.restricted(["M"]).nodes] == ["H", "M"]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((H, H), "'H' is listed twice"),
        ((H, Node("M", "model", "trained", parts=(("h", 1.0),))), "'M' was made from 'h', which is not listed"),
        ((H, Node("M", "modle", "trained", parts=(("H", 1.0),))), "unknown kind 'modle'. Did you mean 'model'"),
        ((Node("H", "human", "foundr", 10),), "unknown how 'foundr'. Did you mean 'founder'"),
        ((Node("H", "human", "founder"),), "'H' has no number of items"),
        ((Node("H", "human", "founder", 0),), "n = 0. It must be at least 1"),
        ((Node("H", "human", "founder", 10, effective_n=11.0),), "effective_n = 11 of n = 10"),
        ((H, Node("X", "human", "founder", 10, (("H", 1.0),))), "A founder has no inputs"),
        ((Node("M", "model", "trained"),), "'M' is trained on nothing"),
        ((Node("M", "model", "sampled", 5, (("H", 1.0),)), H), "of kind 'model' and sampled"),
        ((H, Node("M", "model", "trained", parts=(("H", -0.1),))), "the weight -0.1 for 'H'"),
        ((H, Node("M", "model", "trained", parts=(("H", float("nan")),))), "the weight nan for 'H'"),
        ((H, Node("M", "model", "trained", parts=(("H", 0.0),))), "All weights of node 'M' are 0"),
        ((H, M, Node("X", "synthetic", "mixed", 5, (("M", 1.0),))), "mixed from the model 'M'"),
        ((H, M, Node("X", "human", "sampled", 5, (("M", 1.0),))), "from 'M', which is model"),
        ((H, Node("B", "human", "subsampled", 11, (("H", 1.0),))), "draws 11 items without replacement from a pool of 10"),
        ((H, Node("B", "human", "subsampled", None, (("H", 1.0),))), "subsample without a number"),
        (
            (H, _sample("S", 20, "H"), Node("B", "synthetic", "subsampled", 5, (("H", 0.7), ("S", 0.3)))),
            "the weights follow from the items",
        ),
        ((Node("H", "human", "founder", effective_n=4.5), Node("B", "human", "subsampled", 2, (("H", 1.0),))), "unknown: give n"),
    ],
)  # fmt: skip
def test_what_is_refused(nodes: tuple[Node, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Graph(nodes)
    assert message in str(caught.value)


def test_a_circle_is_named_without_what_only_leads_to_it() -> None:
    nodes = (
        H,
        Node("A", "model", "trained", parts=(("H", 0.5), ("Z", 0.5))),
        _sample("Z", 5, "B"),
        Node("B", "model", "trained", parts=(("A", 1.0),)),
        _sample("after", 5, "Z"),
    )
    with pytest.raises(InputError) as caught:
        Graph(nodes)
    circle = str(caught.value)
    assert all(name in circle for name in ("'A'", "'Z'", "'B'"))
    assert "'after'" not in circle
    assert "'H'" not in circle
    assert "'A' -> 'B'" in circle
    with pytest.raises(InputError, match="'X' -> 'X'"):
        Graph((Node("X", "synthetic", "sampled", 3, (("X", 1.0),)),))


@pytest.mark.parametrize(
    ("overlaps", "message"),
    [
        ({("A", "B"): 6}, "cannot share 6 items: 'B' has 5"),
        ({("A", "A"): 1}, "does not name two different nodes"),
        ({("A", "C"): 1}, "does not name two different nodes"),
        ({("A", "M"): 1}, "An overlap names 'M'"),
        ({frozenset("AW"): 1}, "An overlap names 'W'"),
    ],
)
def test_overlaps_that_cannot_be(overlaps, message: str) -> None:
    a, b, weighted = (Node(name, "human", "founder", 5 if name == "B" else 9) for name in "ABW")
    weighted = Node("W", "human", "founder", 9, effective_n=4.0)
    with pytest.raises(InputError) as caught:
        Graph((a, b, weighted, Node("M", "model", "trained", parts=(("A", 1.0),))), overlaps)
    assert message in str(caught.value)


def test_an_unknown_node_is_named_with_a_suggestion() -> None:
    graph = Graph((Node("human/train", "human", "founder", 5),))
    with pytest.raises(InputError, match=r"Unknown node 'human/trian'. Did you mean 'human/train'\?"):
        inbreeding(graph).kinship("human/train", "human/trian")


def test_items_of_a_mixed_set_without_a_count_are_those_of_its_parts() -> None:
    parts = (H, Node("G", "human", "founder", 30))
    whole = Node("W", "human", "mixed", parts=(("H", 0.25), ("G", 0.75)))
    uneven = Node("U", "human", "mixed", parts=(("H", 0.5), ("G", 0.5)))
    graph = Graph((*parts, whole, uneven))
    assert graph.items["W"] == 40
    assert graph.items["U"] is None
    found = inbreeding(graph)
    assert found.f["W"] == pytest.approx(1 / 40)
    assert found.effective_size("U") == pytest.approx(1 / (0.25 / 10 + 0.25 / 30))


def test_two_thousand_nodes_need_no_recursion() -> None:
    nodes = [H, M]
    for t in range(999):
        source = "M" if t == 0 else f"M{t - 1}"
        nodes += [_sample(f"S{t}", 50, source), Node(f"M{t}", "model", "trained", parts=((f"S{t}", 1.0),))]
    assert len(nodes) == 2000
    # The human set of 10 comes first.
    expected = 1 - (1 - 1 / 10) * (1 - 1 / 50) ** 999
    assert inbreeding(Graph(tuple(reversed(nodes)))).f["M998"] == pytest.approx(expected, abs=1e-12)


# Events


def _event(make, node, inputs=(), weights=(), *, count=100, generation=0, arm="", run="r"):
    size = {"items": count // 10, "tokens": count, "generation": generation, "arm": arm, "run": run}
    return make(f"{run}/{node}", [f"{run}/{name}" for name in inputs], list(weights), **size)


def _events(run="r"):
    return [
        _event(data_set_made, "human", run=run),
        _event(data_set_made, "stream/a", generation=1, count=50, run=run),
        _event(data_set_made, "stream/b", ["human"], [1.0], generation=1, count=40, run=run),
        _event(data_set_made, "loop/0/training", ["human"], [1.0], arm="loop", run=run),
        _event(model_trained, "loop/0/model", ["loop/0/training"], [1.0], arm="loop", run=run),
        _event(data_set_sampled, "loop/1/output", ["loop/0/model"], [1.0], generation=1, arm="loop", run=run),
        _event(
            data_set_made, "loop/1/training", ["human", "stream/a", "loop/1/output"], [0.25, 0.25, 0.5],
            generation=1, arm="loop", run=run,
        ),
        _event(model_trained, "loop/1/model", ["loop/1/training"], [1.0], generation=1, arm="loop", run=run),
        _event(data_set_made, "human-only/1/training", ["human"], [1.0], generation=1, arm="human-only", run=run),
    ]  # fmt: skip


def test_a_run_becomes_a_tree() -> None:
    graph = Graph.from_events(pa.concat_tables(_events()))
    assert {node.id: (node.kind, node.how, node.n) for node in graph.nodes} == {
        "r/human": ("human", "founder", 100),
        "r/stream/a": ("synthetic", "founder", 50),
        "r/stream/b": ("synthetic", "mixed", 40),
        "r/loop/0/training": ("human", "mixed", 100),
        "r/loop/0/model": ("model", "trained", 100),
        "r/loop/1/output": ("synthetic", "sampled", 100),
        "r/loop/1/training": ("synthetic", "mixed", 100),
        "r/loop/1/model": ("model", "trained", 100),
        "r/human-only/1/training": ("human", "mixed", 100),
    }
    found = inbreeding(graph)
    assert found.f["r/loop/0/model"] == pytest.approx(1 / 100)
    # 40 of the 100 human tokens were used for b; a selection of different items, related to them as they are.
    assert found.f["r/stream/b"] == pytest.approx(1 / 40)
    assert found.kinship("r/stream/b", "r/human") == pytest.approx(1 / 100)
    # 25 human tokens, 25 of the 50 of a, 50 of the 100 the model wrote.
    output = 1 / 50 + (1 - 1 / 50) / 100
    expected = 0.25**2 / 25 + 0.25**2 / 25 + 0.5**2 * output + 2 * 0.25 * 0.5 / 100
    assert found.f["r/loop/1/model"] == pytest.approx(expected, abs=1e-12)
    assert found.effective_size("r/loop/1/model") == pytest.approx(100)
    assert Graph.from_events(pa.concat_tables(_events()), unit="items").items["r/human"] == 10


def test_a_run_is_chosen_and_repeated_events_count_once() -> None:
    two = pa.concat_tables([*_events("a"), *_events("b"), *_events("b")])
    assert len(Graph.from_events(two, run="b").nodes) == 9
    with pytest.raises(InputError, match=r"of 2 runs. Name one of them: a, b"):
        Graph.from_events(two)
    with pytest.raises(InputError, match="No lineage events of run 'c'"):
        Graph.from_events(two, run="c")
    with pytest.raises(InputError, match="There are no lineage events"):
        Graph.from_events(two.slice(0, 0))
    with pytest.raises(InputError, match=r"Unknown unit 'token'. Did you mean 'tokens'"):
        Graph.from_events(two, unit="token", run="a")
    changed = pa.concat_tables([*_events(), _event(data_set_made, "human", count=90)])
    with pytest.raises(InputError, match="'r/human' is listed twice"):
        Graph.from_events(changed)


def test_empty_data_sets_are_left_out() -> None:
    events = [
        *_events()[:5],
        _event(data_set_sampled, "loop/1/output", ["loop/0/model"], [1.0], count=0, generation=1),
        _event(data_set_made, "loop/1/training", ["human", "loop/1/output"], [1.0, 0.0], generation=1),
    ]
    graph = Graph.from_events(pa.concat_tables(events))
    assert graph["r/loop/1/training"].inputs == ("r/human",)
    nothing = _event(data_set_made, "x", ["loop/1/output"], [1.0], generation=1)
    with pytest.raises(InputError, match="Everything that 'r/x' was made from has 0 tokens"):
        Graph.from_events(pa.concat_tables([*events, nothing]))
