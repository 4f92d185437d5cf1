"""A hundred throws of a fair die, and the die rebuilt from them, again and again."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.lab import theory
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check, within_share
from headwater.lab.figures import curves, inbreeding
from headwater.lab.recursion import Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check
from headwater.lineage import drift
from headwater.models.categorical import CategoricalLearner, CategoricalSource
from headwater.models.samples import Counts

_DIFFUSION = 50
"""Throws from which the law of the time until one side is left, a diffusion approximation, is good to 3%."""
_SETTLED = 300
"""Generations after which every regime but replace has come to rest."""


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=4000, ge=1, le=1_000_000, description="independent dice")
    generations: int = Field(default=1500, ge=1, le=100_000, description="how often the die is rebuilt")
    sides: int = Field(default=6, ge=2, le=1000, description="sides of the die")
    throws: int = Field(default=100, ge=2, le=1_000_000, description="throws the die is rebuilt from")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")


def run(settings: Settings, bench: Bench) -> Findings:
    """Throw the dice."""
    arms = [bench.run(_arm(name, settings)) for name in EXPERIMENT.chosen(settings)]
    checks = [
        series_check(f"{arm.name}: heterozygosity after {early + 1} fits", arm, "heterozygosity", generation=early)
        for arm in arms
        if arm.expected
        for early in [min(settings.throws - 1, arm.generations)]
    ]
    checks += [check for arm in arms if arm.name == "replace" and (check := _fixation(arm, settings))]
    figures = [
        curves(arms, "support", "Sides the die still has", "Sides with positive probability", log_x=True),
        curves(arms, "heterozygosity", "Chance that two throws differ", "1 − Σp²", log_x=True),
        inbreeding(arms),
    ]
    return Findings(arms, checks, figures)


def _arm(name: str, settings: Settings) -> Arm:
    n, fair = settings.throws, np.full(settings.sides, 1 / settings.sides)
    human = 1 - 1 / settings.sides
    inbred = {"human-only": lambda fits: drift.replace(n, 1), "replace": lambda fits: drift.replace(n, fits),
              "accumulate": lambda fits: drift.accumulate(n, fits)}.get(name)  # fmt: skip
    return Arm(
        name,
        CategoricalLearner(settings.sides, fair),
        CategoricalSource(fair),
        regime_named(name, share=settings.share),
        items=n,
        generations=settings.generations if name == "replace" else min(settings.generations, _SETTLED),
        replicates=settings.seeds,
        oracle={} if inbred is None else {"heterozygosity": lambda fits: human * (1 - float(inbred(fits)))},
        diversity="heterozygosity",
        human_diversity=human,
        width=settings.sides,
        together=1 if name == "gated" else None,
        measure=_measure,
    )


def _measure(step: Step[Counts]) -> Mapping[str, NDArray[np.float64]]:
    found = step.model.statistics()
    return {**found, "fixed": (found["support"] == 1).astype(np.float64)}


def _fixation(arm: ArmResult, settings: Settings) -> Check | None:
    """Return the check of the mean number of fits until one side is left; None where some dice still have two."""
    open_ = 1 - np.array(arm.series["fixed"].mean)
    if open_[-1] > 0 or settings.throws < _DIFFUSION:
        return None
    mean, se = theory.mean_wait(open_.tolist(), arm.replicates)
    wanted = drift.fixation_time(settings.throws, settings.sides)
    # the law is a diffusion approximation, good to 3%; with few dice chance moves the mean further than that
    return within_share("replace: mean fits until one side is left", wanted, mean, max(0.03, 4 * se / wanted), se)


EXPERIMENT = Experiment(
    name="dice",
    title="Throwing a die that was rebuilt from its own throws",
    summary="A fair die is thrown, a new die is made with the frequencies seen, and so on. Nothing favours any side, "
    "yet sides vanish one after the other and in the end a single one is left: chance alone removes what is rare. "
    "It is the simplest model retrained on its own output.",
    settings=Settings,
    run=run,
    regimes=("replace", "accumulate", "fresh", "reserve"),
    more_regimes=("human-only", "subsample", "filtered", "gated"),
    quick={"seeds": 500},
    references=("seddik2024", "kazdan2024", "suresh2025"),
)
