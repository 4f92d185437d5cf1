"""The eight published definitions of model collapse, each judged on its own, and the split into early and late.

Schaeffer et al. 2025 (arXiv:2503.03150) found eight definitions in use, some of which contradict each other: the same
run can show one and refute the next. So there is no overall verdict here. Each definition becomes a number with an
interval and a stated threshold: shown where the whole interval lies beyond the threshold, not shown where all of it
lies on the other side, undecided where the threshold is inside. The paper names the definitions; the thresholds
(``Thresholds``) are this module's and are parameters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Verdict(StrEnum):
    """What a run says about one definition of collapse."""

    SHOWN = "shown"
    NOT_SHOWN = "not shown"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """A measure by generation, as mean over replicates.

    Raises:
        ValueError: the shapes do not fit together, or a standard error is negative.
    """

    mean: NDArray[np.float64]
    """Shape (generations + 1,), generation 0 first. Infinite and missing values are allowed."""
    se: NDArray[np.float64]
    """Standard error of each mean, same shape. 0: the mean is exact. NaN: not known, as with a single replicate;
    whatever is compared then stays undecided."""
    values: NDArray[np.float64] | None = None
    """The replicates, shape (replicates, generations + 1). With them the error of a difference between generations is
    exact. Without them generations count as independent, which overstates it where they go up and down together."""

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or not len(self.mean) or self.se.shape != self.mean.shape:
            raise ValueError(
                f"mean and se have one entry per generation, got shapes {self.mean.shape} and {self.se.shape}"
            )
        if (self.se < 0).any():
            raise ValueError(f"a standard error cannot be negative, got {np.nanmin(self.se):g}")
        if self.values is not None and (self.values.ndim != 2 or self.values.shape[1] != len(self.mean)):
            raise ValueError(
                f"values must have shape (replicates, {len(self.mean)}) as the mean has {len(self.mean)} generations, "
                f"got {self.values.shape}"
            )

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Trend":
        """Return the arithmetic mean over replicates, shape (replicates, generations + 1)."""
        with np.errstate(invalid="ignore"):  # infinite replicates
            return cls(values.mean(axis=0), _standard_error(values), values)

    @classmethod
    def typical(cls, values: NDArray[np.float64]) -> "Trend":
        """Return the geometric mean over replicates, with the standard error of the logarithm carried over.

        The measure for a variance: with an unbiased estimator its mean stays 1 for ever although almost every path
        goes to 0, because rare unobserved paths carry the mean.

        Args:
            values: non-negative, shape (replicates, generations + 1); a single 0 makes the geometric mean exactly 0.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values)
            mean = np.exp(logs.mean(axis=0))
            return cls(mean, np.where(mean == 0.0, 0.0, mean * _standard_error(logs)))

    @property
    def generations(self) -> int:
        """Generations after generation 0."""
        return len(self.mean) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How risk falls with the number of training items, at generation 0 and at the last generation.

    Raises:
        ValueError: fewer than two different sizes, or an array of another length.
    """

    sizes: NDArray[np.float64]
    """Training items per generation, shape (sizes,), positive; three and more to be convincing."""
    first: NDArray[np.float64]
    """Risk of generation 0 at each size."""
    last: NDArray[np.float64]
    """Risk of the last generation at each size."""
    first_se: NDArray[np.float64]
    """Standard error of ``first``; 0: exact, NaN: not known."""
    last_se: NDArray[np.float64]
    """Standard error of ``last``."""

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.sizes, self.first, self.last, self.first_se, self.last_se)}
        if len(shapes) > 1 or self.sizes.ndim != 1 or len(np.unique(self.sizes)) < 2 or not (self.sizes > 0).all():
            raise ValueError(
                "a scaling law needs risks at two or more different positive sizes, all arrays of the same length, "
                f"got sizes {self.sizes.tolist()} and shapes {sorted(shapes)}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a run has measured; what is missing leaves its definitions "not measured"."""

    risk: Trend | None = None
    """Population risk on the human law, higher is worse: negative log-likelihood, KL, squared Wasserstein distance."""
    variance: Trend | None = None
    """Variance as a share of the human one; see ``Trend.typical``."""
    modes: Trend | None = None
    """Share of the real modes that are still separate."""
    tail: Trend | None = None
    """Share of the real tail that is still alive."""
    hallucinated: Trend | None = None
    """Share of the model's mass where humans have none, in [0, 1]."""
    reference_risk: Trend | None = None
    """Risk of the same learner on human data alone. Where it is given, "any increase" is an increase over it."""
    scaling: Scaling | None = None
    least_risk: float = 0.0
    """Risk of the human law itself: 0 for excess risks and distances, its entropy for a negative log-likelihood."""
    uninformed_risk: float | None = None
    """Risk of a model that has learnt nothing. To be given for a negative log-likelihood whose least value is not
    known, where a multiple of the risk means nothing."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a difference counts. The defaults are conventions; change them before the run, not after."""

    z: float = 2.0
    """Half-width of every interval in standard errors."""
    catastrophic: float = 10.0
    """Multiple of generation 0's excess risk: an order of magnitude. Keeping all data costs at most pi^2/6 = 1.6 of
    the first error (Gerstgrasser et al. 2024), replacing them passes 10 after about ten generations."""
    unlearnt: float = 0.5
    """With an uninformed model: share of what generation 0 knew that has to be lost."""
    negligible: float = 0.01
    """Share of generation 0's excess risk below which a change of risk counts as none."""
    settled: float = 0.1
    """Risk has flattened where the second half of the run adds less than this share of the whole increase. Linear
    growth adds half, and even logarithmic growth over 100 generations adds .15."""
    pace: float = 0.9
    """Risk diverges where it grows in the last quarter at no less than this multiple of the pace of the third."""
    scaling: float = 0.1
    """Change of the exponent of the scaling law."""
    variance: float = 0.5
    """Share of generation 0's variance below which it has collapsed."""
    modes: float = 0.5
    """Share of generation 0's separate modes."""
    tail: float = 0.5
    """Share of generation 0's tail."""
    hallucinated: float = 0.05
    """Mass where humans have none, beyond that of generation 0."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One definition of collapse, judged."""

    name: str
    """Stable code, such as ``catastrophic_risk``."""
    title: str
    """The definition in words."""
    verdict: Verdict
    value: float | None
    """The number that was judged; None where there is none or it is infinite."""
    low: float | None
    """Lower end of its interval; None where it has none (one replicate, or a ratio to what may be 0)."""
    high: float | None
    """Upper end."""
    rule: str
    """What was compared with what, in one sentence."""


@dataclass(frozen=True, slots=True)
class Phases:
    """When the two phases of collapse set in; None where they did not, or were not measured."""

    early: int | None
    """First generation that has lost half of the tail."""
    late: int | None
    """First generation that has lost half of the variance."""


DEFAULTS = Thresholds()


def definitions(evidence: Evidence, thresholds: Thresholds = DEFAULTS) -> tuple[Finding, ...]:
    """Return the eight definitions of collapse, in a fixed order, each judged on its own.

    The names are ``catastrophic_risk``, ``any_increase``, ``diverging_risk``, ``scaling_law``,
    ``collapsing_variance``, ``mode_entanglement``, ``tail_loss`` and ``hallucination``. Intervals are normal ones of
    ``thresholds.z`` standard errors; those of ratios are Fieller's (1954), the set of ratios that the data do not
    reject. Risk that is infinite or not a number counts as the worst risk there is: catastrophic, an increase and
    diverging, unless generation 0 has it already, which leaves nothing to compare with.

    Two limits. No finite run shows what happens asymptotically: a risk that saturates later than the run ends looks
    as if it diverged. And the metric decides: KL can rise and settle while the Wasserstein distance grows (Borji
    2024, arXiv:2410.12954), so judge more than one risk.
    """
    return (
        _catastrophic(evidence, thresholds),
        _any_increase(evidence, thresholds),
        _diverging(evidence, thresholds),
        _scaling_law(evidence, thresholds),
        _lost("collapsing_variance", evidence.variance, thresholds.variance, thresholds.z),
        _lost("mode_entanglement", evidence.modes, thresholds.modes, thresholds.z),
        _lost("tail_loss", evidence.tail, thresholds.tail, thresholds.z),
        _hallucination(evidence, thresholds),
    )


def phases(tail: Trend | None, variance: Trend | None, kept: float = 0.5) -> Phases:
    """Return the first generations whose mean tail and mean variance are at most ``kept`` of generation 0's.

    Early collapse is the loss of the tail, late collapse that of the bulk; under replacement with n items a type
    seen c times lives about 2c generations, the bulk about n to 2n.
    """
    return Phases(_first_below(tail, kept), _first_below(variance, kept))


TITLES = {
    "catastrophic_risk": "catastrophic increase of population risk",
    "any_increase": "any increase of population risk",
    "diverging_risk": "asymptotically diverging risk",
    "scaling_law": "a change of scaling law",
    "collapsing_variance": "collapsing variance",
    "mode_entanglement": "entanglement of real modes",
    "tail_loss": "disappearance of real tail data",
    "hallucination": "appearance of hallucinated data",
}


class _Interval(NamedTuple):
    value: float
    low: float
    """NaN where the interval is not known."""
    high: float


_UNKNOWN = _Interval(math.nan, math.nan, math.nan)


class _Points(NamedTuple):
    """Means of a few generations and the covariance of their errors."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def _catastrophic(evidence: Evidence, thresholds: Thresholds) -> Finding:
    name = "catastrophic_risk"
    risk = evidence.risk
    if risk is None or risk.generations == 0:
        return _not_measured(name, "risk by generation")
    points = _at(risk, (0, -1))
    if evidence.uninformed_risk is None:
        bound = thresholds.catastrophic
        rule = f"excess risk of the last generation divided by that of generation 0, against {bound:g}"
        interval = _ratio(points, (0.0, 1.0), (1.0, 0.0), thresholds.z, -evidence.least_risk, -evidence.least_risk)
    else:
        bound = thresholds.unlearnt
        rule = (
            "rise of risk from generation 0 to the last, as a share of the way to an uninformed model, "
            f"against {bound:g}"
        )
        interval = _ratio(points, (-1.0, 1.0), (-1.0, 0.0), thresholds.z, 0.0, evidence.uninformed_risk)
    if broken := _broken(points.mean):
        return _finding(name, broken, interval, rule)
    return _finding(name, _above(interval, bound), interval, rule)


def _any_increase(evidence: Evidence, thresholds: Thresholds) -> Finding:
    name = "any_increase"
    risk, reference = evidence.risk, evidence.reference_risk
    if risk is None or risk.generations == 0:
        return _not_measured(name, "risk by generation")
    if reference is None:
        points = _at(risk, (0, -1))
        against = "generation 0"
    else:
        points = _Points(
            np.array([reference.mean[-1], risk.mean[-1]]), np.diag([reference.se[-1] ** 2, risk.se[-1] ** 2])
        )
        against = "the last generation trained on human data alone"
    rule = f"risk of the last generation minus that of {against}, against 0"
    increase = _linear(points, (-1.0, 1.0), thresholds.z)
    if broken := _broken(points.mean):
        return _finding(name, broken, increase, rule)
    verdict = _above(increase, 0.0)
    if verdict is Verdict.UNDECIDED and increase.high <= _negligible(evidence, thresholds):
        verdict = Verdict.NOT_SHOWN
    return _finding(name, verdict, increase, rule)


def _diverging(evidence: Evidence, thresholds: Thresholds) -> Finding:
    """Judge the pace of the last quarter of the run against that of the quarter before.

    With increments that shrink like t^(a - 1) the ratio of the two depends on a alone: 1 for linear growth, .84 for
    the root of t, .71 for log t, .51 for the sum of 1/t^2. Logarithmic growth is the border: whatever slows down
    more is bounded. What slows down less, but does slow down, is left undecided.
    """
    name = "diverging_risk"
    risk = evidence.risk
    if risk is None or risk.generations == 0:
        return _not_measured(name, "risk by generation")
    end = risk.generations
    middle = end // 2
    between = (middle + end) // 2
    points = _at(risk, (0, middle, between, end))
    rule = (
        f"growth of risk per generation over the last quarter of the run (from {between} to {end}) divided by that "
        f"over the quarter before (from {middle}), against {thresholds.pace:g}"
    )
    if broken := _broken(points.mean):
        return _finding(name, broken, _UNKNOWN, rule)
    if end < 4 or not np.isfinite(points.mean).all():
        return _finding(name, Verdict.UNDECIDED, _UNKNOWN, rule)
    late, before = 1.0 / (end - between), 1.0 / (between - middle)
    pace = _ratio(points, (0.0, 0.0, -late, late), (0.0, -before, before, 0.0), thresholds.z)
    rise = _linear(points, (0.0, -1.0, 0.0, 1.0), thresholds.z)
    share = thresholds.settled
    beyond_settled = _linear(points, (share, -1.0, 0.0, 1.0 - share), thresholds.z)
    # Generation g rests on g + 1 fits, hence log(g + 1).
    logarithmic = late * math.log((end + 1) / (between + 1)) / (before * math.log((between + 1) / (middle + 1)))
    if rise.high <= _negligible(evidence, thresholds) or beyond_settled.high < 0.0:
        verdict = Verdict.NOT_SHOWN
    elif rise.low > 0.0 and pace.low > thresholds.pace:
        verdict = Verdict.SHOWN
    elif pace.high < logarithmic:
        verdict = Verdict.NOT_SHOWN
    else:
        verdict = Verdict.UNDECIDED
    return _finding(name, verdict, pace, rule)


def _scaling_law(evidence: Evidence, thresholds: Thresholds) -> Finding:
    name = "scaling_law"
    scaling = evidence.scaling
    if scaling is None:
        return _not_measured(name, "risk at several training sizes")
    rule = (
        "exponent of excess risk against training items at the last generation minus that at generation 0 "
        f"(least squares on logarithms), against {thresholds.scaling:g} in either direction"
    )
    centred = np.log(scaling.sizes) - np.log(scaling.sizes).mean()
    weights = centred / np.square(centred).sum()
    excess = np.stack([scaling.first, scaling.last]) - evidence.least_risk
    if not (np.isfinite(excess) & (excess > 0.0)).all():
        return _finding(name, Verdict.UNDECIDED, _UNKNOWN, rule)
    change = float(weights @ (np.log(excess[1]) - np.log(excess[0])))
    relative = np.stack([scaling.first_se, scaling.last_se]) / excess
    half = thresholds.z * float(np.sqrt(np.square(weights * relative).sum()))
    interval = _Interval(change, change - half, change + half)
    if interval.low > thresholds.scaling or interval.high < -thresholds.scaling:
        verdict = Verdict.SHOWN
    elif -thresholds.scaling <= interval.low and interval.high <= thresholds.scaling:
        verdict = Verdict.NOT_SHOWN
    else:
        verdict = Verdict.UNDECIDED
    return _finding(name, verdict, interval, rule)


def _lost(name: str, trend: Trend | None, kept: float, z: float) -> Finding:
    what = {"collapsing_variance": "variance", "mode_entanglement": "separate modes", "tail_loss": "tail"}[name]
    if trend is None or trend.generations == 0:
        return _not_measured(name, f"{what} by generation")
    interval = _ratio(_at(trend, (0, -1)), (0.0, 1.0), (1.0, 0.0), z)
    verdict = Verdict.UNDECIDED
    if interval.high < kept:
        verdict = Verdict.SHOWN
    elif interval.low >= kept:
        verdict = Verdict.NOT_SHOWN
    return _finding(
        name, verdict, interval, f"{what} of the last generation divided by that of generation 0, against {kept:g}"
    )


def _hallucination(evidence: Evidence, thresholds: Thresholds) -> Finding:
    name = "hallucination"
    trend = evidence.hallucinated
    if trend is None or trend.generations == 0:
        return _not_measured(name, "mass where humans have none, by generation")
    increase = _linear(_at(trend, (0, -1)), (-1.0, 1.0), thresholds.z)
    return _finding(
        name,
        _above(increase, thresholds.hallucinated),
        increase,
        f"mass where humans have none, at the last generation minus generation 0, against {thresholds.hallucinated:g}",
    )


def _finding(name: str, verdict: Verdict, interval: _Interval, rule: str) -> Finding:
    value, low, high = (number if math.isfinite(number) else None for number in interval)
    return Finding(name, TITLES[name], verdict, value, low, high, rule)


def _not_measured(name: str, needs: str) -> Finding:
    return _finding(name, Verdict.NOT_MEASURED, _UNKNOWN, f"needs {needs}")


def _broken(risks: NDArray[np.float64]) -> Verdict | None:
    """Return the verdict where the first or the last risk is no finite number, None where both are."""
    if not math.isfinite(risks[0]):
        return Verdict.UNDECIDED
    return None if math.isfinite(risks[-1]) else Verdict.SHOWN


def _negligible(evidence: Evidence, thresholds: Thresholds) -> float:
    assert evidence.risk is not None
    return thresholds.negligible * max(float(evidence.risk.mean[0]) - evidence.least_risk, 0.0)


def _above(interval: _Interval, bound: float) -> Verdict:
    if interval.low > bound:
        return Verdict.SHOWN
    return Verdict.NOT_SHOWN if interval.high <= bound else Verdict.UNDECIDED


def _at(trend: Trend, generations: Sequence[int]) -> _Points:
    index = list(generations)
    if trend.values is None or len(trend.values) < 2:
        return _Points(trend.mean[index], np.diag(np.square(trend.se[index])))
    with np.errstate(invalid="ignore"):  # infinite replicates
        return _Points(trend.mean[index], np.cov(trend.values[:, index], rowvar=False) / len(trend.values))


def _linear(points: _Points, weights: Sequence[float], z: float) -> _Interval:
    w = np.asarray(weights)
    with np.errstate(invalid="ignore"):
        value, half = float(w @ points.mean), z * math.sqrt(max(float(w @ points.covariance @ w), 0.0))
    return _Interval(value, value - half, value + half)


def _ratio(
    points: _Points,
    above: Sequence[float],
    below: Sequence[float],
    z: float,
    above_constant: float = 0.0,
    below_constant: float = 0.0,
) -> _Interval:
    """Return the ratio of two linear combinations of the points with Fieller's interval.

    The interval is not known where the denominator is not positive beyond its own error.
    """
    a, b = np.asarray(above), np.asarray(below)
    with np.errstate(invalid="ignore", over="ignore"):
        numerator, denominator = float(a @ points.mean) + above_constant, float(b @ points.mean) + below_constant
        if not (denominator > 0.0 and math.isfinite(numerator)):
            return _UNKNOWN
        a, b = a / denominator, b / denominator
        aa, ab, bb = (float(x @ points.covariance @ y) for x, y in ((a, a), (a, b), (b, b)))
    ratio = numerator / denominator
    rest = 1.0 - z * z * bb
    if not rest > 0.0:
        return _Interval(ratio, math.nan, math.nan)
    centre = (ratio - z * z * ab) / rest
    half = z / rest * math.sqrt(max(aa * rest - 2.0 * ratio * ab + ratio * ratio * bb + z * z * ab * ab, 0.0))
    return _Interval(ratio, centre - half, centre + half)


def _first_below(trend: Trend | None, kept: float) -> int | None:
    if trend is None or not trend.mean[0] > 0.0:
        return None
    below = trend.mean <= kept * trend.mean[0]
    return int(np.argmax(below)) if below.any() else None


def _standard_error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    return np.asarray(values.std(axis=0, ddof=1) / math.sqrt(len(values)))
