"""The planner: closed forms turned round."""

import math

import pytest

from headwater.errors import InputError
from headwater.lineage import Graph, Node, drift, plan, what_if


@pytest.mark.parametrize(("n", "target"), [(100, 0.3), (100, 0.05), (1000, 0.2005), (10, 0.15)])
def test_the_number_of_fresh_items_is_the_smallest(n: int, target: float) -> None:
    need = plan(target, n=n).bulk
    assert need.reached == float(drift.fresh_exact(n, need.items)) < target
    assert float(drift.fresh_exact(n, need.items - 1)) >= target


def test_the_short_form_does_not_know_n() -> None:
    assert plan(0.2, n=100).short == plan(0.2, n=10**6).short == pytest.approx(2)
    # Two fresh items give 0.2024 and 0.200002: just above.
    assert plan(0.2, n=100).bulk.items == plan(0.2, n=10**6).bulk.items == 3
    assert plan(0.203, n=100).bulk.items == 2


@pytest.mark.parametrize(("n", "p", "survival"), [(1000, 0.01, 0.9), (20_000, 0.001, 0.9), (1000, 0.01, 0.99)])
def test_tails_need_far_more(n: int, p: float, survival: float) -> None:
    found = plan(0.05, n=n, tail_frequency=p, survival=survival)
    r = found.tail.items
    assert found.tail.reached >= survival
    assert float(drift.tail_presence(n, (r - 1) / n, p)) < survival
    assert 1 - (1 - p) ** (r - 1) < survival
    assert r > 4 * found.bulk.items
    assert ("upper value" in found.tail.note) == (r > 0.1 * n)
    assert len(found.lines) == 2


def test_fresh_items_alone_are_enough_where_the_formula_is_too_low() -> None:
    # The stationary formula never reaches 0.6 at p = 0.001 and n = 1000; 916 human items do by themselves.
    assert float(drift.tail_presence(1000, 1.0, 0.001)) < 0.6
    found = plan(0.05, n=1000, tail_frequency=0.001, survival=0.6)
    assert found.tail.items == math.ceil(math.log(0.4) / math.log(0.999)) == 916


def test_impossible_targets_are_errors_that_say_what_would_do() -> None:
    with pytest.raises(InputError, match=r"F below 0.01 is impossible with 100 items.*Train on more than 100 items"):
        plan(0.01, n=100)
    assert plan(0.01, n=101).bulk.reached < 0.01
    with pytest.raises(InputError, match="Train on at least 2302 items"):
        plan(0.5, n=1000, tail_frequency=0.001)
    assert plan(0.5, n=2302, tail_frequency=0.001).tail.reached >= 0.9
    for bad in ({"target_f": 0.0, "n": 10}, {"target_f": 0.5, "n": 0}, {"target_f": 0.5, "n": 9, "tail_frequency": 1.0}, {"target_f": 0.5, "n": 9, "reserve": 0}):  # fmt: skip
        with pytest.raises(InputError):
            plan(**bad)


def test_a_reserve_takes_more_and_has_a_floor() -> None:
    found = plan(0.1, n=100, reserve=20)
    r = found.reserve_bulk.items
    assert r > found.bulk.items
    assert drift.reserve(100, r / 100, 20) < 0.1 <= drift.reserve(100, (r - 1) / 100, 20)
    too_small = plan(0.04, n=100, reserve=20)
    assert too_small.reserve_bulk.items is None
    assert "cannot fall below 1/R = 0.05" in too_small.reserve_bulk.sentence
    assert too_small.bulk.items is not None  # fresh items still do it
    # What it says would do, does, and one item less does not.
    enough = int(too_small.reserve_bulk.note.split("a reserve of ")[1].split(" ")[0])
    assert plan(0.04, n=100, reserve=enough).reserve_bulk.items is not None
    assert plan(0.04, n=100, reserve=enough - 1).reserve_bulk.items is None


def test_a_reserve_cannot_give_types_it_does_not_have() -> None:
    found = plan(0.3, n=1000, tail_frequency=0.01, reserve=100)
    assert found.reserve_tail.items is None
    assert f"{1 - 0.99**100:.4g}" in found.reserve_tail.note
    assert "at least 230 items" in found.reserve_tail.note
    big = plan(0.3, n=1000, tail_frequency=0.01, reserve=10**6)
    # A huge reserve is as good as fresh items, by chance instead of exactly so many.
    assert big.reserve_tail.items == pytest.approx(big.tail.items, rel=0.02)
    middling = plan(0.3, n=1000, tail_frequency=0.01, reserve=1000)
    assert middling.reserve_tail.items > big.reserve_tail.items
    assert len(middling.lines) == 4


def _chain(n: int, fits: int) -> Graph:
    nodes = [Node("D1", "human", "founder", n), Node("M1", "model", "trained", parts=(("D1", 1.0),))]
    for t in range(2, fits + 1):
        nodes.append(Node(f"D{t}", "synthetic", "sampled", n, ((f"M{t - 1}", 1.0),)))
        nodes.append(Node(f"M{t}", "model", "trained", parts=((f"D{t}", 1.0),)))
    return Graph(tuple(nodes))


def test_what_if_on_a_chain_is_the_closed_form_in_the_long_run() -> None:
    nothing, two, twenty = what_if(_chain(98, 400), "M400", [0, 2, 20])
    assert nothing.f == nothing.before == two.before == pytest.approx(float(drift.replace(98, 400)))
    assert two.f == pytest.approx(float(drift.fresh_exact(100, 2)), abs=1e-6)
    assert twenty.f == pytest.approx(float(drift.fresh_exact(118, 20)), abs=1e-6)
    assert two.sentence == "add 2 fresh human items per generation: F of M400 0.9835 -> 0.2024"


def test_what_if_leaves_generation_0_and_other_branches_alone() -> None:
    graph = _chain(50, 3)
    assert what_if(graph, "M1", [10])[0].f == pytest.approx(1 / 50)
    assert what_if(graph, "D2", [10])[0].f == pytest.approx(1 / 50 + (1 - 1 / 50) / 50)
    with pytest.raises(InputError, match="negative"):
        what_if(graph, "M3", [-1])
    unknown = Node("S", "synthetic", "sampled", None, (("M1", 1.0),), effective_n=7.5)
    last = Node("M", "model", "trained", parts=(("S", 1.0),))
    with pytest.raises(InputError, match="How many items model 'M' was trained on is unknown"):
        what_if(Graph((*graph.nodes, unknown, last)), "M", [1])
