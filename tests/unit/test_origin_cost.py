"""The arithmetic of isolating."""

import math

import pytest

from headwater.errors import InputError
from headwater.origin.cost import break_even, costs, precision


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


def test_isolating_pays_while_a_lost_document_costs_less_than_the_break_even():
    """Of a thousand, 100 machine: 50 of them found, 9 of 900 human ones lost."""
    arithmetic = costs(0.1, 0.5, 0.01, assumed=True)
    assert break_even(arithmetic) == pytest.approx(50 / 9)
    for price, pays in ((5.5, True), (5.6, False)):
        kept, isolated = 100 * 1.0, 50 * 1.0 + 9 * price
        assert (isolated < kept) == pays == (price < break_even(arithmetic))
    assert break_even(costs(0.3, 0.5, 0.0, assumed=True)) == math.inf
    assert break_even(costs(0.3, 0.0, 0.0, assumed=True)) == 0.0


@pytest.mark.parametrize("values", [(1.2, 0.5, 0.1), (0.1, -0.1, 0.1), (0.1, 0.5, math.nan)])
def test_shares_outside_0_and_1_are_refused(values):
    with pytest.raises(InputError, match="between 0 and 1"):
        precision(*values)
