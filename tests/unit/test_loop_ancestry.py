"""Computed and observed inbreeding of the loops of a run, from the events it writes down."""

import math

import pyarrow as pa
import pytest

from headwater.lineage import data_set_made, data_set_sampled, drift, model_trained
from headwater.loop.ancestry import inbreeding_records
from headwater.loop.world import GenerationRecord

RUN = "r1"
SIZES = {"items": 10, "tokens": 200, "run": RUN}


def _record(arm: str, generation: int, heterozygosity: float) -> GenerationRecord:
    return GenerationRecord(arm, generation, 5.0, 2.0, 1.0, 100, 0.5, 200, 0.0, heterozygosity)


def _chain(arm: str, generations: int) -> list[pa.Table]:
    """The events of a loop that trains on its own output of 200 tokens."""
    human, before, events = f"{RUN}/human", "", []
    for generation in range(generations + 1):
        place = {**SIZES, "arm": arm, "generation": generation}
        data = human
        if generation:
            data = f"{RUN}/{arm}/{generation}/output"
            events.append(data_set_sampled(data, [before], [1.0], **place))
        training, before = (f"{RUN}/{arm}/{generation}/{kind}" for kind in ("training", "model"))
        events += [data_set_made(training, [data], [1.0], **place), model_trained(before, [training], [1.0], **place)]
    return events


EVENTS = pa.concat_tables(
    [
        data_set_made(f"{RUN}/human", [], [], **SIZES, generation=0, arm=""),
        *_chain("human-only", 0),
        *_chain("ungated", 3),
    ]
)


def test_f_of_a_loop_on_its_own_output_is_that_of_a_chain() -> None:
    measured = [_record("human-only", 0, 0.9), *(_record("ungated", g, 0.9 - g / 100) for g in range(4))]
    found = inbreeding_records(EVENTS, RUN, measured)
    assert [(one.arm, one.generation) for one in found] == [
        ("human-only", 0), ("ungated", 0), ("ungated", 1), ("ungated", 2), ("ungated", 3),
    ]  # fmt: skip
    assert [one.computed for one in found[1:]] == pytest.approx(drift.replace(200, [1, 2, 3, 4]), abs=1e-12)
    assert [one.observed for one in found[1:]] == pytest.approx([0, 1 / 90, 2 / 90, 3 / 90])


def test_what_was_not_measured_is_not_observed() -> None:
    found = inbreeding_records(EVENTS, RUN, [_record("human-only", 0, math.nan)])
    assert math.isnan(found[0].observed)
    assert found[0].computed == pytest.approx(1 / 200)
