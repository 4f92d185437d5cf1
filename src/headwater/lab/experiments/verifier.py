"""Selection by a verifier: what it gains at first, where it stops, and whose opinion the model ends with."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import norm

from headwater.errors import InputError
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check, within_share
from headwater.lab.figures import curves
from headwater.lab.recursion import Ground, Selecting, Step
from headwater.lab.result import ArmResult, Check, Figure, TableFigure
from headwater.loop.regimes import Filtered
from headwater.models.gaussian import GaussianLearner, GaussianSource
from headwater.models.samples import Points

_START = 0.7  # the first model's mean is seldom further off: three standard errors of 20 items
_ACCEPTED_AT_ALL = 0.05
"""A human item counts as covered when the verifier accepts it with at least this probability."""
_LEAST_COVERAGE = 0.95
"""A verifier that covers less of the human law than this gets no certificate."""


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=2000, ge=2, le=100_000, description="independent replicates")
    generations: int = Field(default=20, ge=1, le=1000, description="rounds of writing, verifying and retraining")
    human: int = Field(default=20, ge=2, le=10_000, description="human items the first model is trained on")
    items: int = Field(default=400, ge=2, le=100_000, description="verified items a later model is trained on")
    scale: float = Field(default=1.0, gt=0.3, le=100, description="how far from its centre a verifier accepts, in sd")
    error: float = Field(default=0.15, ge=0, le=1, description="sd of the imperfect verifier's centre over replicates")
    bias: float = Field(default=0.5, ge=0, le=1.5, description="centre of the biased verifier, in human sd")


@dataclass(frozen=True, slots=True)
class _Verifier:
    """Accepts an item x with probability exp(-(x - centre)^2 / (2 scale^2))."""

    centre: float
    spread: float
    """Standard deviation of the centre over replicates."""
    scale: float

    def acceptance(self) -> float:
        """Return the share of human items it accepts, with its centre two standard deviations from where it should be.

        That is where it accepts least: later items come closer to its centre.
        """
        a = self.scale**2 / (self.scale**2 + 1)
        apart = abs(self.centre) + 2 * self.spread + _START
        return math.sqrt(a) * math.exp(-(apart**2) / (2 * (1 + self.scale**2)))

    def coverage(self) -> float:
        """Return the share of human items it accepts with at least a stated probability."""
        reach = self.scale * float(np.sqrt(-2 * np.log(_ACCEPTED_AT_ALL)))
        sd = float(np.hypot(1, self.spread))
        return float(norm.cdf((self.centre + reach) / sd) - norm.cdf((self.centre - reach) / sd))


def run(settings: Settings, bench: Bench) -> Findings:
    """Let the verifiers choose."""
    verifiers = _verifiers(settings)
    arms = [bench.run(_arm(name, verifiers[name], settings)) for name in EXPERIMENT.chosen(settings)]
    checks = [check for arm in arms for check in _checks(arm, settings)]
    figures: list[Figure] = [
        curves(arms, "risk", "What is lost against human data", "Excess loss on human items, nats", log_y=True,
               note="A verifier sharpens an estimate made from few human items at once. Then its own error is learned: "
               "the curve stops falling, or turns."),
        curves(arms, "mean", "Where the model's mean goes", "Mean, in human standard deviations",
               note="The human mean is 0. With a biased verifier the model ends at the verifier's centre."),
        curves(arms, "variance", "Diversity", "Variance relative to human data", log_y=True,
               note="Where the spread is learned too, each round multiplies by the verifier's reference: variance "
               "falls like scale² / rounds, a power law, far faster than by chance."),
        _certificates(arms, verifiers),
    ]  # fmt: skip
    return Findings(arms, checks, figures, ("Acceptance is a Gaussian function of the item, which gives exact laws.",))


def _verifiers(settings: Settings) -> dict[str, _Verifier | None]:
    return {
        "none": None,
        "perfect": _Verifier(0.0, 0.0, settings.scale),
        "imperfect": _Verifier(0.0, settings.error, settings.scale),
        "biased": _Verifier(settings.bias, 0.0, settings.scale),
        "biased, spread learned": _Verifier(settings.bias, 0.0, settings.scale),
    }


def _arm(name: str, verifier: _Verifier | None, settings: Settings) -> Arm:
    learned = name.endswith("spread learned")
    return Arm(
        name,
        GaussianLearner(known_variance=None if learned else 1.0),
        GaussianSource(),
        Selecting(partial(_regime, verifier, settings)),
        items=settings.human,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle={"variance": partial(_variance, settings)} if learned else _laws(verifier, settings),
        width=max(1, 5 * settings.items // settings.human),
        measure=_measure,
    )


def _regime(verifier: _Verifier | None, settings: Settings, ground: Ground[Points]) -> Filtered:
    written = settings.items if verifier is None else math.ceil(1.5 * settings.items / verifier.acceptance())
    oversample = -(-written // settings.human)
    replicates = ground.human.replicates

    def choose(candidates: Points, items: int, rng: np.random.Generator) -> Points:  # noqa: ARG001
        if verifier is None:
            return Points(candidates.values[:, : settings.items])
        chance = np.exp(-np.square((candidates.values - centre) / verifier.scale) / 2)
        refused = rng.random(candidates.values.shape) >= chance
        if int((~refused).sum(axis=1).min()) < settings.items:
            raise InputError(
                f"The verifier accepted fewer than the {settings.items} items wanted of {candidates.items} written. "
                "Choose a larger scale, a smaller bias, or more human items."
            )
        # a stable sort puts the accepted first and keeps the order in which they were written
        return candidates.take(np.argsort(refused, axis=1, kind="stable")[:, : settings.items])

    if verifier is not None:
        centre = verifier.centre + verifier.spread * ground.rng.standard_normal((replicates, 1))
    return Filtered(choose, oversample)


def _measure(step: Step[Points]) -> Mapping[str, NDArray[np.float64]]:
    found = step.model.statistics()
    return {**found, "mean": step.model.mean}  # type: ignore[attr-defined]


def _laws(verifier: _Verifier | None, settings: Settings) -> dict[str, Callable[[int], float]]:
    """Return the exact means of a model with known spread: an autoregression towards the verifier's centre.

    Accepted items of N(mu, 1) are N(a mu + (1 - a) c, a) with a = scale^2 / (scale^2 + 1), so the mean of n of them
    moves to a mu + (1 - a) c with variance a / n.
    """
    a = 1.0 if verifier is None else verifier.scale**2 / (verifier.scale**2 + 1)
    centre, spread = (0.0, 0.0) if verifier is None else (verifier.centre, verifier.spread)

    def mean(fits: int) -> float:
        return centre * (1 - a ** (fits - 1))

    def squared(fits: int) -> float:
        rounds = fits - 1
        noise = a / settings.items * (rounds if a == 1 else (1 - a ** (2 * rounds)) / (1 - a * a))
        return mean(fits) ** 2 + (spread * (1 - a**rounds)) ** 2 + a ** (2 * rounds) / settings.human + noise

    return {"mean": mean, "mean_squared": squared, "risk": lambda fits: squared(fits) / 2}


def _variance(settings: Settings, fits: int) -> float:
    """Return the variance where the spread is learned too: 1/v' = 1/v + 1/scale^2, times 1 - 1/n of the fit.

    It holds to first order in 1/n.
    """
    value = 1 - 1 / settings.human
    for _ in range(fits - 1):
        value = (1 - 1 / settings.items) / (1 / value + 1 / settings.scale**2)
    return value


def _checks(arm: ArmResult, settings: Settings) -> list[Check]:
    if "mean_squared" not in arm.expected:
        last = arm.series["variance"]
        name = f"{arm.name}: variance after {settings.generations} rounds"
        return [within_share(name, arm.expected["variance"][-1], last.mean[-1], 0.05, last.se[-1])]
    rounds = sorted({1, arm.generations})
    return [
        *(
            series_check(f"{arm.name}: squared error of the mean, round {one}", arm, "mean_squared", generation=one)
            for one in rounds
        ),
        series_check(f"{arm.name}: mean, round {arm.generations}", arm, "mean"),
    ]


def _certificates(arms: list[ArmResult], verifiers: Mapping[str, _Verifier | None]) -> TableFigure:
    rows = []
    for arm in arms:
        verifier = verifiers[arm.name]
        if verifier is None:
            continue
        coverage = verifier.coverage()
        given = "given" if coverage >= _LEAST_COVERAGE else f"refused, below {_LEAST_COVERAGE:.0%}"
        risk = arm.series["risk"].mean
        rows.append((arm.name, f"{coverage:.1%}", given, f"{risk[0]:.4f}", f"{min(risk):.4f}", f"{risk[-1]:.4f}"))
    return TableFigure(
        "Coverage of each verifier's reference",
        ("verifier", "human items it can accept", "certificate", "risk before", "lowest risk", "risk at the end"),
        tuple(rows),
        "A verifier is a reference set, and what its reference does not cover is bred out. Coverage is the share of "
        f"human items accepted with a probability of at least {_ACCEPTED_AT_ALL:.0%}. It is necessary, not sufficient: "
        "a certificate says nothing about a verifier's centre.",
    )


EXPERIMENT = Experiment(
    name="verifier",
    title="Selection by a perfect, an imperfect and a biased verifier",
    summary="A model made from few human items writes many, a verifier chooses among them, and the model is retrained "
    "on its choice. A verifier that is nearly right helps at first. Then the gain stops, and the model converges to "
    "what the verifier believes: a biased one makes it worse than it was, and where the spread is learned too, "
    "diversity falls as a power law.",
    settings=Settings,
    run=run,
    regimes=("none", "perfect", "imperfect", "biased", "biased, spread learned"),
    quick={"seeds": 400},
    references=("yi2025", "feng2024", "ferbach2024"),
)
