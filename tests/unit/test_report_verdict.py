from dataclasses import replace

import pytest
from report_example import CARDS, GATE, LOSSES, RESULT, card, generations, rounds

from headwater.loop.comparison import StreamRecord
from headwater.report import gate_verdict, run_verdict
from headwater.schema import Reason, Verdict


def with_losses(**changes):
    losses = {**LOSSES, **{arm.replace("_", "-"): slope for arm, slope in changes.items()}}
    return replace(RESULT, generations=generations(losses=losses))


def test_a_run_that_went_well():
    assert run_verdict(RESULT) == (
        "Retraining on its own output cost 0.600 nats per word in 3 generations; filtering its output by perplexity cost "
        "0.900 and lost 90% of the rare words; the gated loop held the line (0.000 from human only) and, offered the "
        "stream, ended 0.150 below it, admitting 3 of 6 recipes and none of the 3 made to do harm."
    )


def test_a_gate_that_did_not_hold_the_line_is_not_praised():
    sentence = run_verdict(with_losses(gated=0.1, gated_stream=0.2))
    assert "the gated loop did not hold the line and ended 0.300 above human only" in sentence
    assert "offered the stream, ended 0.600 above human only" in sentence
    assert "held the line" not in sentence


def test_a_gate_that_admits_what_it_must_not_is_told():
    cards = tuple(
        card("own-output", Verdict.ADMITTED, Reason.USEFUL) if one.recipe == "own-output" else one for one in CARDS
    )
    sentence = run_verdict(replace(RESULT, cards=cards, rounds=rounds(cards)))
    assert sentence.endswith("admitting 4 of 6 recipes, 1 of them made to do harm (own-output).")


def test_the_loop_is_told_by_its_own_admissions_not_by_those_on_the_whole_stream():
    undecided = tuple(replace(one, verdict=Verdict.QUARANTINED) for one in CARDS)
    sentence = run_verdict(replace(RESULT, rounds=rounds(undecided)))
    assert sentence.endswith("admitting none of 6 recipes.")


def test_of_a_users_stream_it_is_not_known_what_is_harmful():
    cards = tuple(replace(one, recipe=f"mine-{i}") for i, one in enumerate(CARDS))
    sentence = run_verdict(replace(RESULT, cards=cards, rounds=rounds(cards)))
    assert sentence.endswith("admitting 3 of 6 recipes.")


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"ungated": 0.0}, "retraining on its own output for 3 generations cost next to nothing (0.000 nats per word)"),
        ({"ungated": -0.1}, "retraining on its own output for 3 generations gained 0.300 nats per word"),
        ({"filtered": 0.0}, "filtering its output by perplexity cost next to nothing and kept 100% of the rare words"),
        ({"filtered": -0.1}, "filtering its output by perplexity gained 0.300 and kept 100% of the rare words"),
        ({"filtered": 0.012}, "filtering its output by perplexity cost 0.036 but kept 96% of the rare words"),
        ({"gated": -0.1}, "the gated loop ended 0.300 below human only"),
        ({"gated_stream": 0.0}, "offered the stream, ended level with it"),
        ({"gated": 0.1, "gated_stream": 0.0}, "offered the stream, ended level with human only"),
    ],
)
def test_every_outcome_has_its_words(changes, wanted):
    assert wanted.lower() in run_verdict(with_losses(**changes)).lower()


def test_loops_that_did_not_run_are_not_mentioned():
    only = run_verdict(replace(RESULT, generations=generations(losses={"human-only": 0.0, "gated": 0.0})))
    assert "retraining" not in only.lower()
    assert only.startswith("The gated loop held the line")
    assert "the gate judged the stream, admitting 3 of 6 recipes" in only
    assert only.endswith("for a gain of 0.226 nats per word on unseen human text.")


def test_a_stream_that_gained_nothing_is_told():
    lost = (StreamRecord("headwater", -0.1, 0.01, 10, 0.0),)
    sentence = run_verdict(replace(RESULT, generations=(), stream=lost))
    assert sentence.endswith("for a loss of 0.100 nats per word on unseen human text.")
    nothing = run_verdict(replace(RESULT, generations=(), stream=(), rounds=(), cards=()))
    assert nothing == "The run has no generation and no recipe to report on."


def test_without_human_only_the_line_is_where_the_loops_start():
    losses = {arm: slope for arm, slope in LOSSES.items() if arm != "human-only"}
    assert "cost 0.600 nats per word" in run_verdict(replace(RESULT, generations=generations(losses=losses)))


def test_the_verdict_of_a_gate():
    assert gate_verdict(GATE) == (
        "The gate admitted 3 of 6 recipes (question-answer, restructure and reword), rejected 2 and left 1 undecided; "
        "training on what was admitted lowers the loss on unseen human text by 0.200 nats per word."
    )
    worse = replace(GATE, gain=StreamRecord("headwater", -0.2, 0.02, 10, 0.0))
    assert "raises the loss" in gate_verdict(worse)
    refused = tuple(one for one in CARDS if one.verdict is Verdict.REJECTED)
    assert (
        gate_verdict(replace(GATE, cards=refused, gain=None)) == "The gate admitted none of 2 recipes and rejected 2."
    )
