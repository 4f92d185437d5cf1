"""E-values and thresholds against closed forms and hand-computed values."""

import math
from itertools import product

import numpy as np
import pytest

from headwater.decide import (
    LAMBDA_GRID,
    Rule,
    Transcript,
    e_lond_threshold,
    generation_delta,
    log_e_value,
    log_e_values,
    plain_threshold,
    strict_threshold,
    strict_threshold_with_harm,
)

DELTA = 0.05


def test_one_document_fully_in_favour():
    # E = 1 + mean(lambda): the nine shares sum to 2.105.
    assert log_e_value([1.0]) == pytest.approx(math.log(1.0 + 2.105 / 9.0), rel=1e-14)
    assert math.exp(log_e_value([1.0])) == pytest.approx(1.233889, abs=5e-7)


@pytest.mark.parametrize(("u", "expected"), [(0.1, 6.485327), (-0.1, -0.795415), (0.0, 0.0)])
def test_a_hundred_equal_documents(u, expected):
    assert log_e_value(np.full(100, u)) == pytest.approx(expected, abs=1e-6)


def test_no_document_is_no_evidence():
    assert log_e_value([]) == 0.0


def test_equals_the_mean_of_products():
    u = np.random.default_rng(3).uniform(-1.0, 1.0, size=(4, 30))
    products = [[math.prod(1.0 + share * x for x in row) for share in LAMBDA_GRID] for row in u]
    expected = [math.log(sum(row) / len(row)) for row in products]
    np.testing.assert_allclose(log_e_values(u), expected, rtol=0, atol=1e-12)


def test_survives_panels_whose_products_overflow():
    n = 10_000  # 1.9 ** 10,000 is beyond a double
    assert log_e_value(np.ones(n)) == pytest.approx(n * math.log(1.9) - math.log(9.0), rel=1e-12)


def test_expectation_is_exactly_one_at_the_edge_of_the_null():
    """All outcomes of six documents with values -1, 0, 1/2 and mean 0: E[E] = 1, and less once the mean is negative."""
    values, fair, worse = np.array([-1.0, 0.0, 0.5]), np.array([0.2, 0.4, 0.4]), np.array([0.25, 0.4, 0.35])
    outcomes = np.array(list(product(range(3), repeat=6)))
    e = np.exp(log_e_values(values[outcomes]))
    assert e @ fair[outcomes].prod(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert e @ worse[outcomes].prod(axis=1) < 1.0


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, 3.689), (2, 4.787), (5, 6.397), (10, 7.696), (50, 10.840), (100, 12.216), (200, 13.597), (1000, 16.812)],
)
def test_plain_thresholds(k, expected):
    assert plain_threshold(k, DELTA) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("k", "a", "expected"),
    [(1, 0, 4.382), (100, 10, 47.48), (300, 14, 74.19)]
    + [
        (10, a, x)
        for a, x in enumerate([8.389, 11.685, 13.765, 15.123, 15.934, 16.270, 16.152, 15.556, 14.393, 12.397])
    ],
)
def test_strict_thresholds(k, a, expected):
    assert strict_threshold(k, a, DELTA) == pytest.approx(expected, abs=5e-3 if k > 10 else 5e-4)


def test_strict_threshold_with_a_third_symbol():
    assert strict_threshold_with_harm(10, 3, 2, DELTA) == pytest.approx(20.316, abs=5e-4)
    # Coding "no harm so far" costs ln 2 and nothing else.
    assert strict_threshold_with_harm(10, 3, 0, DELTA) == pytest.approx(
        strict_threshold(10, 3, DELTA) + math.log(2.0), abs=1e-12
    )


@pytest.mark.parametrize(("k", "a"), [(1, 0), (7, 6), (60, 25), (5000, 1234)])
def test_strict_threshold_equals_integer_arithmetic(k, a):
    ways = math.comb(k - 1, a) * (a + 1) * (a + 2) * k * (k + 1)  # exact, of any size
    assert strict_threshold(k, a, DELTA) == pytest.approx(math.log(ways) - math.log(DELTA), rel=1e-12)


def test_e_lond_is_plain_relieved_by_admissions():
    assert e_lond_threshold(10, 0, DELTA) == plain_threshold(10, DELTA)
    assert e_lond_threshold(10, 3, DELTA) == pytest.approx(7.696 - math.log(4.0), abs=5e-4)


def test_plain_spends_delta_over_an_unbounded_number_of_decisions():
    k_max = 2000
    spent = sum(math.exp(-plain_threshold(k, DELTA)) for k in range(1, k_max + 1))
    assert spent == pytest.approx(DELTA * (1.0 - 1.0 / (k_max + 1)), rel=1e-10)  # telescoping


def test_strict_spends_at_most_delta_over_all_transcripts():
    """Every bit sequence a generator could have seen, spelled out: the union bound over them stays below delta."""
    spent = 0.0
    for k in range(1, 11):
        for bits in product([False, True], repeat=k - 1):
            transcript = Transcript()
            for bit in bits:
                transcript = transcript.next(bit)
            spent += math.exp(-transcript.threshold(Rule.STRICT, DELTA))
    # sum over k of (1 - 1/(k+1)) / (k (k+1)): the weights of a length sum to k / (k + 1).
    assert spent == pytest.approx(DELTA * sum(1.0 / (k + 1) ** 2 for k in range(1, 11)), rel=1e-10)
    assert spent < DELTA


def test_three_symbols_spend_at_most_delta_at_every_length():
    for k in (1, 2, 5, 9):
        spent = sum(
            math.exp(-strict_threshold_with_harm(k, bits.count(1), bits.count(-1), DELTA))
            for bits in product([-1, 0, 1], repeat=k - 1)
        )
        assert spent < DELTA / (k * (k + 1))


def test_rotations_share_delta():
    assert [generation_delta(DELTA, g) for g in (1, 2, 3)] == pytest.approx([0.025, 0.05 / 6, 0.05 / 12])
    assert sum(generation_delta(DELTA, g) for g in range(1, 5000)) < DELTA
