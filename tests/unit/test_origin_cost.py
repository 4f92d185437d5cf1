"""The arithmetic of isolating."""

import math

import pytest

from headwater.errors import InputError
from headwater.origin.cost import costs, isolation, precision


def test_precision_of_the_worked_example():
    assert precision(0.1, 0.5, 0.01) == pytest.approx(0.847, abs=5e-4)
    assert precision(0.0, 0.5, 0.01) == 0.0
    assert precision(1.0, 0.5, 0.01) == 1.0
    assert math.isnan(precision(0.1, 0.0, 0.0))


def test_costs_count_a_corpus_of_a_thousand():
    """200 machine, 800 human documents; 150 and 8 of them flagged."""
    found = costs(0.2, 0.75, 0.01, assumed=True)
    assert found.assumed
    assert found.isolated == pytest.approx(158 / 1000)
    assert found.precision == pytest.approx(150 / 158)
    assert found.human_lost == pytest.approx(8 / 800)
    assert found.machine_left == pytest.approx(50 / 842)


def test_nothing_is_left_where_everything_is_flagged():
    assert math.isnan(costs(0.5, 1.0, 1.0, assumed=False).machine_left)


def test_isolating_pays_above_the_break_even_prevalence():
    arithmetic = costs(0.1, 0.5, 0.01, assumed=True)
    found = isolation(arithmetic, machine_kept=1.0, human_lost=10.0)
    assert found.keep == pytest.approx(0.1)
    assert found.isolate == pytest.approx(0.1 * 0.5 + 0.9 * 0.01 * 10)
    assert not found.worthwhile
    assert found.break_even == pytest.approx(0.1 / (0.5 + 0.1))
    at_break_even = isolation(costs(found.break_even, 0.5, 0.01, assumed=True), 1.0, 10.0)
    assert at_break_even.keep == pytest.approx(at_break_even.isolate)
    assert isolation(costs(0.3, 0.5, 0.01, assumed=True), 1.0, 10.0).worthwhile
    assert isolation(costs(0.3, 0.0, 0.0, assumed=True), 1.0, 10.0).break_even == 1.0


@pytest.mark.parametrize("values", [(1.2, 0.5, 0.1), (0.1, -0.1, 0.1), (0.1, 0.5, math.nan)])
def test_shares_outside_0_and_1_are_refused(values):
    with pytest.raises(InputError, match="between 0 and 1"):
        precision(*values)


def test_costs_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="human document that is lost"):
        isolation(costs(0.1, 0.5, 0.01, assumed=True), 1.0, -1.0)
