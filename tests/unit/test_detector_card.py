"""The card of a detector: kept as JSON, read back, refused when damaged or newer, printed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from headwater.errors import InputError
from headwater.origin.detector.card import (
    Card,
    FalsePositives,
    Lengths,
    Source,
    card_from_json,
    card_markdown,
    card_to_json,
    lengths,
    protocol,
    quality,
)

_SCORES = np.array([-2.0, -1.0, 0.5, 0.2, 1.0, 3.0])
_MACHINE = np.array([False, False, False, True, True, True])


def _card() -> Card:
    cell = quality("Sports", _SCORES, _MACHINE)
    return Card(
        name="own",
        version="1",
        created="2026-11-01",
        base="default",
        sources=(Source("letters", "CC0", 6),),
        human=3,
        machine=3,
        own_human=2,
        own_machine=1,
        weight=10.0,
        domains=("Sports",),
        generators=("a", "b"),
        dates="2020",
        human_words=Lengths(50, 100.5, 300),
        machine_words=Lengths(0, 0, 0),
        features=("style",),
        held_out=cell,
        protocols=(protocol("leave one domain out", [cell, replace(cell, auroc=0.5)]),),
        false_positives=(FalsePositives("posts", 200, 3),),
        calibration_error=0.031,
    )


def test_a_card_comes_back_from_json_as_it_was() -> None:
    card, sha256 = card_from_json(card_to_json(_card(), 1, "ab" * 32), 1, "card.json")
    assert card == _card()
    assert sha256 == "ab" * 32


def test_quality_and_mean_are_those_of_the_scores() -> None:
    cell = quality("x", _SCORES, _MACHINE)
    assert (cell.human, cell.machine) == (3, 3)
    assert cell.auroc == pytest.approx(8 / 9)
    assert cell.tpr_1 == pytest.approx(2 / 3)
    mean = protocol("p", [cell, replace(cell, auroc=0.5)]).mean
    assert mean.auroc == pytest.approx((8 / 9 + 0.5) / 2)
    assert mean.human == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no schema number"),
        ('{"schema": 7}', "Update headwater"),
        ('{"schema": 1}', "damaged: Field required at name"),
    ],
)
def test_what_is_no_card_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        card_from_json(text, 1, "card.json")


def test_a_wrong_value_is_named() -> None:
    found = json.loads(card_to_json(_card(), 1, ""))
    found["held_out"]["auroc"] = "high"
    with pytest.raises(InputError, match=r"at held_out\.auroc"):
        card_from_json(json.dumps(found), 1, "card.json")


def test_the_printed_card_holds_numbers_and_limits() -> None:
    text = card_markdown(_card())
    assert "Learnt from 3 human and 3 machine texts (2 and 1 of them the user's, weight 10)." in text
    assert "| Sports | 3 | 3 | 0.889 | 0.667 | 0.667 |" in text
    assert "| posts | 200 | 3 | 1.50% |" in text
    assert "non-native writers" in text
    assert "no generator later than mid-2024" in text


def test_lengths_are_percentiles() -> None:
    assert lengths(np.arange(101)) == Lengths(5, 50, 95)
    assert lengths(np.zeros(0, dtype=np.int64)) == Lengths(0, 0, 0)
