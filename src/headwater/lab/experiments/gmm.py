"""The Curse of Recursion: two Gaussians fitted to one blob, and to what they drew, for two thousand generations."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, in_range
from headwater.lab.figures import curves, inbreeding
from headwater.lab.humans import FromLaw
from headwater.lab.recursion import Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check, Figure, Line, ScatterFigure, ScatterPanel, Snapshot
from headwater.models.mixture import HumanReference, MixtureLearner, isotropic
from headwater.models.samples import Points

_PANELS = (0, 50, 100, 150, 200, 350, 2000)
_SHOWN = 400  # points of a panel
_FAR = 2.0  # radius of the human tail; exp(-2) of the human points lie beyond
_NEVER = 4.0  # radius beyond which one human point in 3,000 lies
# The stored run of the authors' notebook ends with components of 0.0100 and 0.0112 and a squared L2 distance of 536.3;
# the ranges are those of repeated runs of the same settings, and single runs differ by an order of magnitude.
_PUBLISHED_SIGMA, _SIGMA_RANGE = 0.0106, (0.005, 0.08)
_PUBLISHED_L2, _L2_RANGE = 536.3, (40.0, 550.0)


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=8, ge=1, le=10_000, description="independent replicates")
    generations: int = Field(default=2050, ge=1, le=100_000, description="how often the mixture is refitted")
    items: int = Field(default=1000, ge=2, le=1_000_000, description="points of a generation")
    components: int = Field(default=2, ge=1, le=100, description="Gaussians fitted to one human Gaussian")
    tolerance: float = Field(default=1e-5, gt=0, description="EM stops when the mean log density changes by less")
    max_iterations: int = Field(default=2000, ge=1, description="most EM steps of a fit")
    regularisation: float = Field(default=1e-6, ge=0, description="added to the diagonal of every covariance")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")

    @model_validator(mode="after")
    def _enough(self) -> "Settings":
        if self.components > self.items:
            raise ValueError(f"components = {self.components}: at most one per point, items = {self.items}")
        return self


def run(settings: Settings, bench: Bench) -> Findings:
    """Refit the mixtures."""
    law = isotropic(2)
    panel = Points(np.random.default_rng([settings.seed, 20]).standard_normal((1, 4000, 2)))
    learner = MixtureLearner(
        settings.components,
        settings.tolerance,
        settings.max_iterations,
        settings.regularisation,
        HumanReference(panel, law),
    )
    arms = [
        bench.run(
            Arm(
                name,
                learner,
                FromLaw(lambda replicates, items, rng: Points(rng.standard_normal((replicates, items, 2)))),
                regime_named(name, share=settings.share),
                items=settings.items,
                generations=settings.generations,
                replicates=settings.seeds,
                diversity="variance",
                human_diversity=1.0,
                width=2,
                together=1 if name == "gated" else None,
                measure=partial(_measure, float(law.loss(panel).nats.mean())),
                snapshot=_snapshot,
                snapshots=_PANELS,
            )
        )
        for name in EXPERIMENT.chosen(settings)
    ]
    replaced = [arm for arm in arms if arm.name == "replace"]
    rule = [_rule_of_thumb(arm, settings) for arm in replaced]
    figures: list[Figure] = [
        *[_panels(arm) for arm in arms],
        curves(arms, "component_sigma", "Typical component", "Standard deviation of a part", log_y=True, median=True,
               published=rule, note="Median and band over seeds. Rule of thumb: exp(−t / items per component)."),
        curves(arms, "squared_l2", "Distance of the densities", "Squared L2 distance to the human law", log_y=True,
               median=True, note="The published run ends at 536."),
        curves(arms, "sigma", "The whole mixture", "Standard deviation", median=True,
               note="A mixture may split before it collapses: the whole can widen while each part shrinks."),
        inbreeding(arms),
    ]  # fmt: skip
    checks = [check for arm in replaced for check in _checks(arm, settings)]
    note = "Judge the range over seeds, never one run: the published single run lies at the edge of it."
    return Findings(arms, checks, figures, (note,))


def _measure(entropy: float, step: Step[Points]) -> Mapping[str, NDArray[np.float64]]:
    radius = np.sqrt(np.square(step.training.values).sum(axis=2))
    tail = (radius > _FAR).mean(axis=1) / math.exp(-_FAR * _FAR / 2)
    found = step.model.statistics()
    excess = {"risk": found["risk"] - entropy, "tail": tail, "hallucinated": (radius > _NEVER).mean(axis=1)}
    return {**found, **excess}


def _snapshot(step: Step[Points]) -> Snapshot:
    return Snapshot(step.generation, tuple((float(x), float(y)) for x, y in step.training.values[0][:_SHOWN]))


def _panels(arm: ArmResult) -> ScatterFigure:
    panels = tuple(
        ScatterPanel(
            f"generation {one.generation}",
            tuple(point[0] for point in one.values),
            tuple(point[1] for point in one.values),
        )
        for one in arm.snapshots
    )
    return ScatterFigure(f"What was trained on, {arm.name}, first seed", panels)


def _rule_of_thumb(arm: ArmResult, settings: Settings) -> Line:
    generations = range(0, arm.generations + 1, max(1, arm.generations // 60))
    each = settings.items / settings.components
    return Line(
        "rule of thumb", "expected", tuple(map(float, generations)), tuple(math.exp(-g / each) for g in generations)
    )


def _checks(arm: ArmResult, settings: Settings) -> list[Check]:
    late, early = 2000, 50
    sigma, l2 = arm.series["component_sigma"].median, arm.series["squared_l2"].median
    ratio = sigma[-1] / math.exp(-arm.generations * settings.components / settings.items)
    thumb = in_range("component std at the end over the rule of thumb, median", ratio, 0.2, 5.0, reference=1.0)
    if arm.generations < late or (settings.items, settings.components) != (1000, 2):
        return [thumb]
    return [
        thumb,
        in_range(f"component std at generation {late}, median", sigma[late], *_SIGMA_RANGE, reference=_PUBLISHED_SIGMA),
        in_range(f"squared L2 at generation {late}, median", l2[late], *_L2_RANGE, reference=_PUBLISHED_L2),
        in_range("growth of squared L2 since generation 50", l2[late] / l2[early], 1e3, math.inf, reference=1e4),
    ]


EXPERIMENT = Experiment(
    name="gmm",
    title="The Curse of Recursion: two Gaussians on one blob",
    summary="A mixture of two Gaussians is fitted to a thousand points of one Gaussian, draws a thousand points, is "
    "fitted to those, and so on for two thousand generations. It drifts, splits, and shrinks to a point: the picture "
    "of model collapse that made the term known.",
    settings=Settings,
    run=run,
    regimes=("replace",),
    more_regimes=("human-only", "accumulate", "subsample", "fresh", "reserve", "filtered", "gated"),
    quick={"seeds": 4, "generations": 350, "items": 500},
    references=("shumailov2024", "suresh2025"),
)
