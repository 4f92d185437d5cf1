"""Lineage events: rows of the schema, shares that sum to one, ancestors over any number of steps."""

import pyarrow as pa
import pytest

from headwater.errors import InputError
from headwater.lineage.events import ancestors, data_set_made, data_set_sampled, model_trained
from headwater.schema import LINEAGE

COUNTS = {"items": 10, "tokens": 100, "generation": 1, "arm": "gated", "run": "r"}


def test_an_event_is_one_row_of_the_schema():
    event = data_set_made("mix", ["human", "machine"], [0.75, 0.25], **COUNTS)
    assert event.schema.equals(LINEAGE, check_metadata=True)
    assert event.to_pylist() == [
        {"event": "data_set_made", "node": "mix", "inputs": ["human", "machine"], "weights": [0.75, 0.25], **COUNTS}
    ]
    assert model_trained("m", ["mix"], [1], **COUNTS)["event"].to_pylist() == ["model_trained"]
    assert data_set_sampled("s", ["m"], [1], **COUNTS)["event"].to_pylist() == ["data_set_sampled"]


def test_only_a_data_set_can_be_a_founder():
    assert data_set_made("human", [], [], **COUNTS)["inputs"].to_pylist() == [[]]
    for build in (model_trained, data_set_sampled):
        with pytest.raises(InputError, match="nothing"):
            build("m", [], [], **COUNTS)


@pytest.mark.parametrize("weights", [[0.5, 0.5 + 2e-9], [0.6, 0.6], [1.5, -0.5], [float("nan"), 1.0], [0.0, 0.0]])
def test_weights_that_are_no_shares_are_refused(weights):
    with pytest.raises(InputError, match="Weights are shares"):
        data_set_made("mix", ["a", "b"], weights, **COUNTS)


def test_rounding_of_shares_is_allowed():
    weights = [1 / 7] * 7
    assert sum(weights) != 1
    assert data_set_made("mix", list("abcdefg"), weights, **COUNTS)["weights"].to_pylist() == [weights]


@pytest.mark.parametrize(
    ("inputs", "weights", "counts", "words"),
    [
        (["a"], [0.5, 0.5], {}, "1 inputs and 2 weights"),
        (["mix"], [1.0], {}, "its own input"),
        (["a"], [1.0], {"items": -1}, "-1 items"),
        (["a"], [1.0], {"generation": -2}, "generation -2"),
    ],
)
def test_other_faults_are_named(inputs, weights, counts, words):
    with pytest.raises(InputError, match=words):
        data_set_made("mix", inputs, weights, **(COUNTS | counts))


def test_ancestors_are_found_over_any_number_of_steps():
    events = [data_set_made("human", [], [], **COUNTS)]
    for g in range(3000):
        mix = ["human", f"out{g - 1}"] if g else ["human"]
        events += [
            data_set_made(f"mix{g}", mix, [1 / len(mix)] * len(mix), **COUNTS),
            model_trained(f"model{g}", [f"mix{g}"], [1.0], **COUNTS),
            data_set_sampled(f"out{g}", [f"model{g}"], [1.0], **COUNTS),
        ]
    table = pa.concat_tables(events)
    assert ancestors(table, "model1") == {"mix1", "human", "out0", "model0", "mix0"}
    assert len(ancestors(table, "out2999")) == 1 + 3 * 3000 - 1
    assert ancestors(table, "human") == ancestors(table, "unknown") == frozenset()


def test_a_circle_ends_the_search():
    events = pa.concat_tables([data_set_made(a, [b], [1.0], **COUNTS) for a, b in (("a", "b"), ("b", "a"))])
    assert ancestors(events, "a") == {"a", "b"}
