"""Rules of the eight definitions, one by one, at and around their thresholds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headwater.measure import Evidence, Finding, Phases, Scaling, Thresholds, Trend, Verdict, definitions, phases

NAMES = (
    "catastrophic_risk",
    "any_increase",
    "diverging_risk",
    "scaling_law",
    "collapsing_variance",
    "mode_entanglement",
    "tail_loss",
    "hallucination",
)


def trend(*mean: float, se: float = 0.0) -> Trend:
    return Trend(np.array(mean), np.full(len(mean), se))


def find(name: str, evidence: Evidence, thresholds: Thresholds | None = None) -> Finding:
    findings = definitions(evidence) if thresholds is None else definitions(evidence, thresholds)
    return findings[NAMES.index(name)]


def verdict(name: str, evidence: Evidence, thresholds: Thresholds | None = None) -> Verdict:
    return find(name, evidence, thresholds).verdict


def test_nothing_measured_gives_eight_times_not_measured() -> None:
    for evidence in (Evidence(), Evidence(risk=trend(1.0), variance=trend(1.0), hallucinated=trend(0.0))):
        findings = definitions(evidence)
        assert tuple(finding.name for finding in findings) == NAMES
        assert {finding.verdict for finding in findings} == {Verdict.NOT_MEASURED}
        assert all(finding.value is None and finding.rule.startswith("needs ") for finding in findings)
    assert [finding.title for finding in definitions(Evidence())] == [
        "catastrophic increase of population risk",
        "any increase of population risk",
        "asymptotically diverging risk",
        "a change of scaling law",
        "collapsing variance",
        "entanglement of real modes",
        "disappearance of real tail data",
        "appearance of hallucinated data",
    ]


sizes_of_numbers = st.floats(1e-60, 1e60) | st.sampled_from([0.0, math.inf, math.nan])
numbers = st.builds(math.copysign, sizes_of_numbers, st.sampled_from([1.0, -1.0]))
trends = st.none() | st.integers(1, 9).flatmap(
    lambda n: st.builds(
        Trend, arrays(np.float64, n, elements=numbers), arrays(np.float64, n, elements=sizes_of_numbers)
    )
)


evidences = st.builds(
    Evidence,
    risk=trends,
    variance=trends,
    tail=trends,
    hallucinated=trends,
    reference_risk=trends,
    uninformed_risk=st.none() | st.floats(-9, 9),
)


@given(evidences)
def test_no_number_whatever_stops_the_judgement(evidence: Evidence) -> None:
    findings = definitions(evidence)
    found = phases(evidence.tail, evidence.variance)
    assert tuple(finding.name for finding in findings) == NAMES
    for finding in findings:
        interval = (finding.low, finding.value, finding.high)
        assert all(number is None or math.isfinite(number) for number in interval)
        if None not in interval:
            assert finding.low <= finding.high
    assert found.early is None or (evidence.tail is not None and found.early <= evidence.tail.generations)


def test_verdicts_are_stable_words() -> None:
    assert [str(word) for word in Verdict] == ["shown", "not shown", "undecided", "not measured"]


# Population risk.


def test_catastrophic_is_a_multiple_of_the_first_excess_risk() -> None:
    finding = find("catastrophic_risk", Evidence(risk=trend(0.1, 3.0, 1.2)))
    assert finding.verdict is Verdict.SHOWN
    assert finding.value == finding.low == finding.high == pytest.approx(12.0)
    assert verdict("catastrophic_risk", Evidence(risk=trend(0.1, 3.0, 0.9))) is Verdict.NOT_SHOWN
    assert verdict("catastrophic_risk", Evidence(risk=trend(0.1, 0.9)), Thresholds(catastrophic=5)) is Verdict.SHOWN
    # Nats over an entropy of 3: the excess grows by 11, the loss itself by less than half.
    assert verdict("catastrophic_risk", Evidence(risk=trend(3.1, 4.1))) is Verdict.NOT_SHOWN
    assert verdict("catastrophic_risk", Evidence(risk=trend(3.1, 4.1), least_risk=3.0)) is Verdict.SHOWN


def test_catastrophic_against_an_uninformed_model() -> None:
    """Generation 0 knows 4 nats of a uniform model's 8; losing more than 2 of them is catastrophic."""
    known = Evidence(risk=trend(4.0, 6.1), uninformed_risk=8.0)
    finding = find("catastrophic_risk", known)
    assert (finding.verdict, finding.value) == (Verdict.SHOWN, pytest.approx(2.1 / 4.0))
    assert verdict("catastrophic_risk", replace(known, risk=trend(4.0, 5.9))) is Verdict.NOT_SHOWN
    assert verdict("catastrophic_risk", replace(known, risk=trend(4.0, 6.1, se=0.1))) is Verdict.UNDECIDED
    # Nothing was learnt in the first place.
    assert verdict("catastrophic_risk", replace(known, risk=trend(8.0, 9.0))) is Verdict.UNDECIDED


def test_any_increase_is_counted_from_generation_0_or_from_humans_alone() -> None:
    risk = trend(1.0, 1.2, 1.1)
    finding = find("any_increase", Evidence(risk=risk))
    assert (finding.verdict, finding.value) == (Verdict.SHOWN, pytest.approx(0.1))
    human = Evidence(risk=risk, reference_risk=trend(1.0, 1.1, 1.2))
    assert verdict("any_increase", human) is Verdict.NOT_SHOWN
    assert find("any_increase", human).value == pytest.approx(-0.1)
    assert "human data alone" in find("any_increase", human).rule
    assert verdict("any_increase", Evidence(risk=trend(1.0, 0.9))) is Verdict.NOT_SHOWN


@pytest.mark.parametrize(
    ("last", "se", "expected"),
    [
        (1.0, 0.0, Verdict.NOT_SHOWN),
        (1.1, 0.03, Verdict.SHOWN),  # .1 - 2 * .042 > 0
        (1.1, 0.04, Verdict.UNDECIDED),
        (1.0, 0.003, Verdict.NOT_SHOWN),  # at most .0085, below 1 % of the risk
        (1.0, 0.004, Verdict.UNDECIDED),
    ],
)
def test_any_increase_at_its_thresholds(last: float, se: float, expected: Verdict) -> None:
    assert verdict("any_increase", Evidence(risk=trend(1.0, 1.0, last, se=se))) is expected


@pytest.mark.parametrize("worst", [math.inf, math.nan])
def test_a_risk_beyond_all_numbers_is_the_worst_there_is(worst: float) -> None:
    for se in (0.0, math.nan):
        findings = definitions(Evidence(risk=trend(1.0, 2.0, 3.0, 4.0, worst, se=se)))
        assert [finding.verdict for finding in findings[:3]] == [Verdict.SHOWN] * 3
        assert findings[0].value is None
    uninformed = Evidence(risk=trend(1.0, worst), uninformed_risk=2.0)
    assert verdict("catastrophic_risk", uninformed) is Verdict.SHOWN
    # Already there at generation 0: nothing to compare with.
    findings = definitions(Evidence(risk=trend(worst, 2.0, 3.0, 4.0, worst)))
    assert [finding.verdict for finding in findings[:3]] == [Verdict.UNDECIDED] * 3


GENERATIONS = np.arange(101)
FITS = GENERATIONS + 1.0


@pytest.mark.parametrize(
    ("curve", "pace", "expected"),
    [
        (FITS, 1.0, Verdict.SHOWN),
        (FITS**1.5, 1.181, Verdict.SHOWN),
        (np.sqrt(FITS), 0.844, Verdict.UNDECIDED),
        (10 + np.log(FITS), 0.712, Verdict.UNDECIDED),
        (10 + FITS**-0.5, None, Verdict.NOT_SHOWN),  # falls
        (10 - FITS**-0.5, None, Verdict.NOT_SHOWN),  # bounded
        (np.cumsum(FITS**-2), None, Verdict.NOT_SHOWN),
        (np.ones(101), None, Verdict.NOT_SHOWN),
        (1 - np.exp(-FITS / 5), None, Verdict.NOT_SHOWN),  # has flattened
        (1 - np.exp(-FITS / 50), 0.607, Verdict.NOT_SHOWN),  # slows down faster than any unbounded law
        (1 - np.exp(-FITS / 100), 0.779, Verdict.UNDECIDED),  # slows down, but how far?
        (np.where(GENERATIONS < 60, 1.0, FITS - 59), 1.5625, Verdict.SHOWN),  # nothing, then growth
        (np.where(GENERATIONS < 80, 1.0, FITS - 79), None, Verdict.UNDECIDED),  # too late to have a pace
    ],
)
def test_diverging_is_growth_that_keeps_its_pace(curve: np.ndarray, pace: float | None, expected: Verdict) -> None:
    finding = find("diverging_risk", Evidence(risk=Trend(curve, np.zeros(101))))
    assert finding.verdict is expected
    if pace is not None:
        assert finding.value == pytest.approx(pace, abs=0.005)


def test_diverging_needs_four_generations_and_a_visible_rise() -> None:
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, 3, 4))) is Verdict.UNDECIDED
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, 3, 4, 5))) is Verdict.SHOWN
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, 3, 4, 5, 6))) is Verdict.SHOWN  # quarters of 1 and 2
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, 3, 4, 5, se=0.5))) is Verdict.UNDECIDED
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, 3, 4, 5, se=5.0))) is Verdict.UNDECIDED
    assert verdict("diverging_risk", Evidence(risk=trend(1, 2, math.inf, 4, 5))) is Verdict.UNDECIDED


# Scaling.


def _scaling(last: np.ndarray, se: float = 0.0) -> Evidence:
    sizes = np.array([100.0, 1000.0, 10_000.0])
    return Evidence(scaling=Scaling(sizes, 1 / sizes, last, se / sizes, se * last if se else np.zeros(3)))


def test_scaling_law_changes_with_its_exponent_not_with_its_constant() -> None:
    sizes = np.array([100.0, 1000.0, 10_000.0])
    assert verdict("scaling_law", _scaling(30 / sizes)) is Verdict.NOT_SHOWN
    finding = find("scaling_law", _scaling(1 / sizes**0.7))
    assert (finding.verdict, finding.value) == (Verdict.SHOWN, pytest.approx(0.3))
    assert verdict("scaling_law", _scaling(1 / sizes**1.3)) is Verdict.SHOWN
    assert verdict("scaling_law", _scaling(1 / sizes + 0.01)) is Verdict.SHOWN  # a floor
    assert verdict("scaling_law", _scaling(1 / sizes**0.7, se=0.5)) is Verdict.UNDECIDED
    assert verdict("scaling_law", _scaling(1 / sizes, se=0.5)) is Verdict.UNDECIDED
    for impossible in (0.0, -1.0, math.inf, math.nan):
        assert verdict("scaling_law", _scaling(np.array([0.1, 0.01, impossible]))) is Verdict.UNDECIDED


def test_scaling_interval_is_that_of_least_squares() -> None:
    """Relative errors of 1 % on six risks, two decades: the slope's s.e. is .01 sqrt(2) / sqrt(2 ln(10)^2)."""
    finding = find("scaling_law", _scaling(np.array([0.1, 0.01, 0.001]), se=0.01))
    assert finding.high == pytest.approx(2 * 0.01 / math.log(10), rel=1e-9)
    shifted = find(
        "scaling_law", replace(_scaling(np.array([0.1, 0.01, 0.001])), least_risk=-1.0)
    )  # excess over a lower floor hardly scales at all, at either generation alike
    assert shifted.value is not None
    assert abs(shifted.value) < 0.1


# Variance, modes, tail, hallucination.


@pytest.mark.parametrize(
    ("name", "field"), [("collapsing_variance", "variance"), ("mode_entanglement", "modes"), ("tail_loss", "tail")]
)
def test_what_loses_half_is_lost(name: str, field: str) -> None:
    def judge(*mean: float, se: float = 0.0) -> Verdict:
        return verdict(name, Evidence(**{field: trend(*mean, se=se)}))

    assert judge(0.8, 0.1, 0.39) is Verdict.SHOWN  # half of generation 0, not of 1
    assert judge(0.8, 0.1, 0.41) is Verdict.NOT_SHOWN
    assert judge(0.8, 1.5) is Verdict.NOT_SHOWN
    assert judge(0.8, 0.2, se=0.02) is Verdict.SHOWN
    assert judge(0.8, 0.39, se=0.02) is Verdict.UNDECIDED
    assert judge(0.8, 0.7, se=0.02) is Verdict.NOT_SHOWN
    assert judge(0.8, 0.0, se=math.nan) is Verdict.UNDECIDED  # a single replicate
    assert judge(0.0, 0.0) is Verdict.UNDECIDED  # there was nothing to lose
    assert verdict(name, Evidence(**{field: trend(1, 0.8)}), Thresholds(**{field: 0.9})) is Verdict.SHOWN


def test_hallucination_is_mass_that_generation_0_did_not_have() -> None:
    assert verdict("hallucination", Evidence(hallucinated=trend(0.01, 0.2, 0.07))) is Verdict.SHOWN
    assert verdict("hallucination", Evidence(hallucinated=trend(0.1, 0.14))) is Verdict.NOT_SHOWN
    assert verdict("hallucination", Evidence(hallucinated=trend(0.01, 0.07, se=0.01))) is Verdict.UNDECIDED
    assert find("hallucination", Evidence(hallucinated=trend(0.01, 0.11))).value == pytest.approx(0.1)


def test_phases_are_the_first_generations_at_half() -> None:
    tail, variance = trend(0.9, 0.5, 0.45, 0.1), trend(1.0, 0.9, 0.8, 0.4)
    assert phases(tail, variance) == Phases(early=2, late=3)
    assert phases(tail, None) == Phases(early=2, late=None)
    assert phases(variance, trend(1.0, 1.0)) == Phases(early=3, late=None)
    assert phases(trend(0.0, 0.0), trend(math.nan, 0.0)) == Phases(early=None, late=None)
    assert phases(tail, variance, kept=0.9) == Phases(early=1, late=1)


# Trends.


def test_trend_of_replicates() -> None:
    values = np.array([[1.0, 2.0], [3.0, 8.0]])
    arithmetic, geometric = Trend.of(values), Trend.typical(values)
    assert arithmetic.mean.tolist() == [2.0, 5.0]
    assert arithmetic.se == pytest.approx([1.0, 3.0])
    assert geometric.mean == pytest.approx([math.sqrt(3), 4.0])
    assert geometric.se == pytest.approx([math.sqrt(3) * math.log(3) / 2, 4.0 * math.log(4) / 2])
    assert np.isnan(Trend.of(values[:1]).se).all()
    assert Trend.typical(np.array([[1.0, 0.0], [2.0, 5.0]])).mean[1] == 0.0
    assert Trend.typical(np.array([[1.0, 0.0], [2.0, 5.0]])).se[1] == 0.0
    assert arithmetic.generations == 1


def test_infinite_replicates_make_an_infinite_risk() -> None:
    values = np.ones((5, 6))
    values[3, -1] = np.inf
    findings = definitions(Evidence(risk=Trend.of(values)))
    assert [finding.verdict for finding in findings[:3]] == [Verdict.SHOWN] * 3


def test_one_replicate_decides_nothing() -> None:
    values = np.array([[1.0, 20.0, 40.0, 60.0, 80.0]])
    evidence = Evidence(risk=Trend.of(values), variance=Trend.of(1 / values), hallucinated=Trend.of(values / 100))
    for finding in definitions(evidence):
        assert finding.verdict in {Verdict.UNDECIDED, Verdict.NOT_MEASURED}
        assert finding.low is None


def test_replicates_that_move_together_are_compared_within_themselves() -> None:
    """Replicates differ by 10, their increase by .01: seen with the replicates, hidden in the two means."""
    rng = np.random.default_rng(0)
    start = rng.normal(100, 10, size=(50, 1))
    values = start + np.array([0.0, 0.05]) + rng.normal(0, 0.01, size=(50, 2))
    paired = Trend.of(values)
    assert verdict("any_increase", Evidence(risk=paired)) is Verdict.SHOWN
    assert verdict("any_increase", Evidence(risk=Trend(paired.mean, paired.se)), Thresholds(negligible=0)) is (
        Verdict.UNDECIDED
    )


def test_interval_of_a_ratio_is_the_set_of_ratios_not_rejected() -> None:
    """Fieller: theta belongs to it iff |y - theta x| <= 2 s.e.(y - theta x); unknown where x may be 0."""
    finding = find("collapsing_variance", Evidence(variance=Trend(np.array([1.0, 0.6]), np.array([0.1, 0.05]))))
    for theta in (finding.low, finding.high):
        assert abs(0.6 - theta) == pytest.approx(2 * math.hypot(0.05, theta * 0.1), rel=1e-9)
    assert finding.verdict is Verdict.UNDECIDED
    loose = find("collapsing_variance", Evidence(variance=Trend(np.array([1.0, 0.01]), np.array([0.6, 0.0]))))
    assert (loose.verdict, loose.value, loose.low) == (Verdict.UNDECIDED, 0.01, None)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        Trend(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="one entry per generation"):
        Trend(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="negative, got -1"):
        Trend(np.zeros(2), np.array([math.nan, -1.0]))
    with pytest.raises(ValueError, match=r"\(replicates, 3\)"):
        Trend(np.zeros(3), np.zeros(3), np.zeros((5, 2)))
    for sizes in ([10.0, 10.0], [0.0, 10.0], [10.0, 20.0, 30.0]):
        with pytest.raises(ValueError, match="two or more different positive sizes"):
            Scaling(np.array(sizes), *np.ones((4, 2)))
