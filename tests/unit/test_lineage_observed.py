"""Observed inbreeding and what it points to."""

import math

import numpy as np
import pytest

from headwater.errors import InputError
from headwater.lineage import drift, effective_size, explain, heterozygosity, observed_f


def test_heterozygosity() -> None:
    assert heterozygosity([2, 2]) == 0.5
    assert heterozygosity([2, 2], unbiased=True) == pytest.approx(2 / 3)  # pairs of different items: 4 of 6
    assert heterozygosity([7, 0]) == 0
    assert heterozygosity([0.25] * 4) == 0.75
    for counts in ([], [0, 0], [1, -1], [math.nan, 1], [[1, 2]]):
        with pytest.raises(InputError, match="list of numbers"):
            heterozygosity(counts)
    with pytest.raises(InputError, match="at least 2 items"):
        heterozygosity([1.0], unbiased=True)


def test_observed_f_takes_numbers_and_counts() -> None:
    assert observed_f(0.45, 0.5) == pytest.approx(0.1)
    assert observed_f([3, 1], [2, 2]) == pytest.approx(0.25)
    assert observed_f([2, 2], 0.4) == pytest.approx(-0.25)
    with pytest.raises(InputError, match="diversity of 0"):
        observed_f(0.5, [4, 0])


def test_effective_size_of_a_loop_is_its_number_of_items() -> None:
    kept = 1 - float(drift.replace(80, 12))
    assert effective_size(kept * 0.9, 0.9, 12) == pytest.approx(80)
    assert effective_size(0.9, 0.9, 12) == math.inf
    assert effective_size([5, 0], 0.9, 3) == 1
    with pytest.raises(InputError, match="at least 1 generation"):
        effective_size(0.5, 0.9, 0)


# 1000 Zipf types, 20,000 items, 10 generations; the computed F is 0.0005 in all rows. Simulated values.
@pytest.mark.parametrize(
    ("observed", "cause"),
    [(0.0012, "drift"), (0.193, "selection_or_truncation"), (0.987, "selection_or_truncation"), (0.045, "selection_or_truncation")],
)  # fmt: skip
@pytest.mark.parametrize("error", [None, 0.0003])
def test_decoding_is_told_from_drift(observed: float, cause: str, error: float | None) -> None:
    computed = float(drift.replace(20_000, 10))
    found = explain(observed, computed, error)
    assert found.cause == cause
    assert found.residual == pytest.approx(observed - computed)
    assert f"{observed:.4f}" in found.sentence


def test_neutral_runs_are_called_drift() -> None:
    # 300 neutral runs of 20 types: the mean is drift; F of single runs scatters by about 0.4 of itself, so few single
    # runs are called anything else although no standard error is given.
    rng, n, t = np.random.default_rng(3), 100, 20
    p = np.full((300, 20), 0.05)
    for _ in range(t):
        p = rng.multinomial(n, p) / n
    f = 1 - (1 - (p**2).sum(1)) / 0.95
    computed = float(drift.replace(n, t))
    assert explain(f.mean(), computed, f.std(ddof=1) / math.sqrt(300)).cause == "drift"
    wrong = np.mean([explain(one, computed).cause != "drift" for one in f])
    assert wrong < 0.1


def test_the_rule_needs_both_significance_and_size() -> None:
    assert explain(0.205, 0.2, 0.0001).cause == "drift"  # significant, not material
    assert explain(0.25, 0.2, 0.03).cause == "drift"  # material, not significant
    assert explain(0.25, 0.2, 0.02).cause == "selection_or_truncation"
    assert explain(0.15, 0.2, 0.02).cause == "mutation"
    assert explain(-0.3, 0.2).cause == "mutation"
    assert explain(0.35, 0.2).cause == "drift"  # one run shows only large effects
    for bad in ((1.2, 0.1, None), (math.nan, 0.1, None), (0.1, -0.1, None), (0.1, 0.1, -1.0)):
        with pytest.raises(InputError):
            explain(*bad)
