"""A linear model retrained on targets of its own."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from headwater.lab import theory
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check
from headwater.lab.figures import curves
from headwater.lab.regimes import regime_named
from headwater.lab.result import Check
from headwater.measure import Scaling
from headwater.models.regression import Design, RegressionLearner, RegressionSource

_EXACT = ("human-only", "replace", "accumulate", "golden")
"""Regimes that use whole generations, whose normal equations have a law."""
_SCALES = (1, 2, 4, 8)
"""Training sizes of the scaling law, as multiples of the items."""


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=2000, ge=2, le=100_000, description="independent chains")
    generations: int = Field(default=19, ge=1, le=10_000, description="how often the model is retrained")
    items: int = Field(default=50, ge=3, le=100_000, description="rows of a training set")
    dimensions: int = Field(default=10, ge=1, le=1000, description="inputs; rows have to be at least 2 more")
    noise: float = Field(default=1.0, gt=0, le=1e6, description="standard deviation of the noise")
    inputs: Literal["fixed", "new"] = Field(
        default="fixed", description="every generation has the same inputs (fixed), as published, or new ones"
    )
    law: Literal["exact", "raw"] = Field(
        default="exact",
        description="draw the estimate from its law, or rows where raw; regimes that choose rows are raw",
    )
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")

    @model_validator(mode="after")
    def _rows(self) -> "Settings":
        if self.items < self.dimensions + 2:
            raise ValueError(
                f"items = {self.items} with dimensions = {self.dimensions}: the test error is finite from "
                f"{self.dimensions + 2} rows on"
            )
        return self


def run(settings: Settings, bench: Bench) -> Findings:
    """Retrain the model."""
    chosen = EXPERIMENT.chosen(settings)
    arms = [bench.run(_arm(name, settings, bench.seed)) for name in chosen]
    checks: list[Check] = []
    for arm in arms:
        if "risk" in arm.expected:
            checks += [
                series_check(f"{arm.name}: excess test error after {fits} fits", arm, "risk", generation=fits - 1)
                for fits in sorted({1, 5, 10, arm.generations + 1})
                if fits <= arm.generations + 1
            ]
    figures = [
        curves(arms, "risk", "Test error beyond the noise", "Excess of the mean squared error"),
        curves(arms, "risk", "Test error beyond the noise, logarithmic", "Excess of the mean squared error",
               log_x=True, log_y=True),
    ]  # fmt: skip
    scaling = {name: _scaling(name, settings, bench) for name in chosen if name in {"replace", "accumulate"}}
    notes = [
        "The error of least squares does not depend on the true coefficients; here they are 0.",
        "The regime accumulate stays below π²/6 of the first error: "
        f"{theory.ols_step(settings.items, settings.dimensions, settings.noise) * np.pi**2 / 6:.4g}.",
        "No inbreeding coefficient is computed: least squares does not reproduce the distribution of its inputs.",
    ]
    if settings.inputs == "new":
        notes.append("With new inputs the closed form of accumulate is an upper value and not drawn.")
    return Findings(arms, checks, figures, notes, scaling)


def _arm(name: str, settings: Settings, seed: int) -> Arm:
    n, d, noise = settings.items, settings.dimensions, settings.noise
    exact = settings.law == "exact" and name in _EXACT
    fixed = settings.inputs == "fixed"
    # one design per chain, so that all chains have to be carried at once
    rng = np.random.default_rng([seed, n, zlib.crc32(b"design")])
    design = Design.normal(settings.seeds, n, d, rng) if fixed and name != "gated" else None
    law: dict[str, Callable[[int], float]] = {
        "human-only": lambda fits: theory.ols_step(n, d, noise),
        "replace": lambda fits: theory.ols_replace(n, d, noise, fits),
    }
    if fixed:
        law["accumulate"] = lambda fits: theory.ols_accumulate(n, d, noise, fits)
    return Arm(
        name,
        RegressionLearner(noise, design, exact),
        RegressionSource(d, noise, design, exact),
        regime_named(name, share=settings.share),
        items=n,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle={"risk": law[name]} if name in law else {},
        width=d + 1,
        together=1 if name == "gated" else settings.seeds if fixed else None,
        computed_f=(),
    )


def _scaling(name: str, settings: Settings, bench: Bench) -> Scaling:
    sizes, arms = [], []
    for scale in _SCALES:
        sizes.append(settings.items * scale)
        larger = settings.model_copy(
            update={"items": sizes[-1], "seeds": min(settings.seeds, 500), "law": "exact", "inputs": "new"}
        )
        arm = _arm(name, larger, bench.seed)
        arms.append(bench.run(replace(arm, name=f"{name} at {sizes[-1]} rows")))
    risk = [arm.series["risk"] for arm in arms]
    return Scaling(
        np.array(sizes, dtype=np.float64),
        np.array([one.mean[0] for one in risk]),
        np.array([one.mean[-1] for one in risk]),
        np.array([one.se[0] for one in risk]),
        np.array([one.se[-1] for one in risk]),
    )


EXPERIMENT = Experiment(
    name="regression",
    title="A linear model retrained on targets of its own",
    summary="Least squares is fitted to human targets; the next model is fitted to targets that the first one "
    "predicts, with new noise, and so on. Replacing the data adds the error of one fit in every generation "
    "without end; keeping all data bounds the total by 1.64 times the first error.",
    settings=Settings,
    run=run,
    regimes=("replace", "accumulate", "subsample", "fresh"),
    more_regimes=("human-only", "reserve", "golden", "filtered", "gated"),
    quick={"seeds": 300},
    references=("gerstgrasser2024", "kazdan2024", "dey2024"),
)
