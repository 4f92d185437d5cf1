"""A kernel density estimate of its own samples: the model that diffuses instead of collapsing."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.lab import theory
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check
from headwater.lab.figures import curves
from headwater.lab.recursion import Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check, Figure, LineFigure, ScatterFigure, ScatterPanel, Snapshot
from headwater.loop.regimes import Replace
from headwater.models.kde import KernelLearner, KernelModel, PointSource
from headwater.models.samples import Points

_CHECK_ITEMS, _CHECK_BANDWIDTH, _CHECK_FITS = 50, 0.3, 60


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=50, ge=2, le=100_000, description="independent chains")
    generations: int = Field(default=60, ge=1, le=10_000, description="how often the estimate is made again")
    items: int = Field(default=50, ge=2, le=100_000, description="points of a training set")
    bandwidth: float = Field(default=0.3, gt=0, le=100, description="standard deviation of the kernel")
    data: Literal["normal", "blobs"] = Field(default="normal", description="one normal cloud, or three clouds in 2-D")
    dimensions: int = Field(default=1, ge=1, le=50, description="dimensions of normal; blobs has 2")
    panel: int = Field(default=200, ge=10, le=100_000, description="human points the estimate is tested on")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")
    check_seeds: int = Field(
        default=4000, ge=0, le=1_000_000, description="chains of the check at published settings; 0 leaves it out"
    )


def run(settings: Settings, bench: Bench) -> Findings:
    """Make the estimates."""
    arms = [bench.run(_arm(name, settings)) for name in EXPERIMENT.chosen(settings)]
    checks: list[Check] = [
        series_check(f"{arm.name}: variance of the training set at the end", arm, "set_variance")
        for arm in arms
        if "set_variance" in arm.expected
    ]
    if settings.check_seeds and any(arm.name == "replace" for arm in arms):
        checks.append(_published(bench, settings.check_seeds))
    figures: list[Figure] = [
        curves(arms, "set_variance", "Variance of the training set", "Mean over coordinates", log_y=True,
               note="The kernel's noise adds more than chance removes, so that the estimate diffuses."),
        *_two_risks(arms),
    ]  # fmt: skip
    figures += [
        ScatterFigure(f"Points, {arm.name}", tuple(_panel(one) for one in arm.snapshots))
        for arm in arms
        if arm.snapshots
    ]
    return Findings(arms, checks, figures, _NOTES)


def _arm(name: str, settings: Settings) -> Arm:
    n, h = settings.items, settings.bandwidth
    source = PointSource(settings.data, settings.dimensions)
    panel = source.points(1, settings.panel, np.random.default_rng([settings.seed, 1]))[0]
    diffuses = name == "replace" and settings.data == "normal"
    last = settings.generations
    return Arm(
        name,
        KernelLearner(h, panel),
        source,
        regime_named(name, share=settings.share),
        items=n,
        generations=last,
        replicates=settings.seeds,
        oracle={"set_variance": lambda fits: theory.kde_variance(n, h, fits - 1)} if diffuses else {},
        width=panel.shape[1],
        together=1 if name == "gated" else None,
        snapshot=_points if panel.shape[1] == 2 else None,
        snapshots=tuple(sorted({0, last // 4, last // 2, last})),
        diversity="variance",
        human_diversity=1.0,
        least_risk=_entropy(panel) if settings.data == "normal" else 0.0,
    )


def _entropy(panel: NDArray[np.float64]) -> float:
    """Return the panel's loss under the normal law it is drawn from, the lowest there is, in nats per point."""
    return float((np.square(panel) + math.log(2 * math.pi)).sum(axis=1).mean() / 2)


def _published(bench: Bench, seeds: int) -> Check:
    arm = Arm(
        f"replace n={_CHECK_ITEMS}",
        KernelLearner(_CHECK_BANDWIDTH),
        PointSource(),
        Replace(),
        items=_CHECK_ITEMS,
        generations=_CHECK_FITS,
        replicates=seeds,
        computed_f=(),
    )
    wanted = theory.kde_variance(_CHECK_ITEMS, _CHECK_BANDWIDTH, _CHECK_FITS)
    name = f"replace, n={_CHECK_ITEMS}, h={_CHECK_BANDWIDTH}: variance after {_CHECK_FITS} generations"
    return series_check(name, bench.run(arm), "set_variance", expected=wanted)


def _two_risks(arms: Sequence[ArmResult]) -> list[LineFigure]:
    note = "The likelihood can settle while the Wasserstein distance grows: the metric decides, so look at both."
    return [
        curves(arms, "risk", "Loss on human points", "Nats per point", note=note),
        curves(
            arms, "w2", "Squared Wasserstein-2 distance to human points", "Along a direction", log_y=True, note=note
        ),
    ]


def _points(step: Step[Points]) -> Snapshot:
    model = step.model
    assert isinstance(model, KernelModel)
    return Snapshot(step.generation, tuple((float(x), float(y)) for x, y in model.points[0, -500:]))


def _panel(snapshot: Snapshot) -> ScatterPanel:
    x, y = zip(*snapshot.values, strict=True)
    return ScatterPanel(f"Generation {snapshot.generation}", tuple(x), tuple(y))


_NOTES = (
    "Risk is the mean loss on a fixed panel of human points; training and test points come from the same law.",
    "The kernel's noise is mutation: more variance is observed than the family tree says, up to (n − 1)h².",
    "The Wasserstein distance is between the model and the panel along fixed directions, by quantiles.",
)


EXPERIMENT = Experiment(
    name="kde",
    title="A kernel density estimate of its own samples",
    summary="Points are resampled with a little noise and resampled again. The noise outweighs what chance removes: "
    "replacing the data makes the estimate diffuse until its variance is (n − 1) times that of the kernel. It forgets "
    "the human law without losing variance, which a test on the variance alone would miss.",
    settings=Settings,
    run=run,
    regimes=("replace", "accumulate", "subsample", "fresh"),
    more_regimes=("human-only", "reserve", "golden", "filtered", "gated"),
    quick={"seeds": 20, "check_seeds": 0},
    references=("kazdan2024", "borji2024"),
)
