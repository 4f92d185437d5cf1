"""A normal distribution refitted to its own samples: the case with a closed form for nearly everything."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from headwater.lab import theory
from headwater.lab.ancestry import inbreeding_of
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import (
    Experiment,
    Findings,
    LabSettings,
    series_check,
    within,
    within_share,
)
from headwater.lab.figures import curves, inbreeding
from headwater.lab.recursion import Step
from headwater.lab.regimes import AnyRegime, regime_named
from headwater.lab.result import ArmResult, Check, Figure, TableFigure
from headwater.lineage import drift
from headwater.loop.regimes import Accumulate, Fresh, Golden, Replace, Reserve, Subsample
from headwater.measure import Scaling
from headwater.models.gaussian import GaussianLearner, GaussianSource

_RAW = ("subsample", "reserve", "filtered", "gated")
"""Regimes that choose among items, so that the items themselves have to be drawn."""
_EXACT_TOGETHER = 20_000
"""Replicates carried at once in the exact-law mode; their moments stay in the processor's cache."""
_POOL = 4_000_000
"""Numbers that the pools of all replicates carried at once may hold where raw items accumulate (32 MB)."""
_SIZES = (30, 100, 300, 1000)
"""Training sizes of the scaling law."""
_PUBLISHED_SIZES = (100, 500, 1000, 10_000)
"""Training sizes of the figure in Shumailov et al. 2024."""
_ONE_STEP = ((10, 0.9206, 0.2212), (30, 0.9831, 0.1320), (100, 0.9916, 0.0676), (500, 0.9978, 0.0310),
             (1000, 0.9995, 0.0222), (10_000, 0.9997, 0.0073))  # fmt: skip
"""Published table of 1,000 repeats of one fit: items, mean of the standard deviation, its spread."""


_WORDS = {
    "variance": "variance", "mean_squared": "squared error of the mean", "sigma": "standard deviation",
    "log_variance": "log variance", "w2": "squared Wasserstein-2 distance",
}  # fmt: skip


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=2000, ge=2, le=1_000_000, description="independent chains")
    generations: int = Field(default=100, ge=1, le=2000, description="how often the distribution is refitted")
    items: int = Field(default=100, ge=4, le=1_000_000, description="items of a training set")
    dimensions: int = Field(default=1, ge=1, le=100, description="dimensions; items have to be more")
    estimator: Literal["ml", "unbiased"] = Field(
        default="ml", description="divide the scatter by the items (ml, numpy's ddof=0) or by one less (unbiased)"
    )
    law: Literal["exact", "raw"] = Field(
        default="exact", description="draw mean and scatter from their law, or the items themselves where raw"
    )
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")
    reserve_items: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="items of the human reserve; 0: the first training set is the reserve",
    )
    reserve_by_chance: bool = Field(
        default=False, description="each item comes from the reserve by chance instead of an exact share"
    )
    bias: float = Field(default=0.9, gt=0, le=1, description="variance factor of the sampling in the regime biased")
    bias_fresh: int = Field(default=10, ge=0, le=1_000_000, description="human items added in the regime biased")
    check_seeds: int = Field(
        default=40_000, ge=0, le=1_000_000, description="chains of the checks at published settings; 0 leaves them out"
    )

    @model_validator(mode="after")
    def _reserved(self) -> "Settings":
        wanted = round(self.share * self.items)
        if self.reserve_items and not self.reserve_by_chance and wanted > self.reserve_items:
            raise ValueError(
                f"reserve_items = {self.reserve_items}: share x items, {wanted}, are drawn from it without "
                "replacement. Give a larger reserve or a smaller share, or set reserve_by_chance"
            )
        return self


def run(settings: Settings, bench: Bench) -> Findings:
    """Refit the distribution."""
    chosen = EXPERIMENT.chosen(settings)
    arms = [bench.run(_arm(name, settings)) for name in chosen]
    checks = [check for arm in arms for check in _checks(arm)]
    if settings.check_seeds:
        for name in chosen:
            checks += _PUBLISHED.get(name, _nothing)(bench, settings.check_seeds)
    scaling = {name: _scaling(bench, name, settings) for name in chosen if name in {"replace", "accumulate"}}
    return Findings(arms, checks, _figures(bench, arms, settings), _notes(settings, chosen), scaling)


def _arm(name: str, settings: Settings) -> Arm:
    n, d = settings.items, settings.dimensions
    exact = settings.law == "exact" and name not in _RAW and n > d
    streamed = not exact and name not in _RAW
    regime = _regime(name, settings)
    return Arm(
        name,
        GaussianLearner(
            settings.estimator == "unbiased",
            exact=exact,
            bias=settings.bias if name == "biased" else 1.0,
            streamed=streamed,
        ),
        GaussianSource(d, exact, streamed),
        regime,
        items=n,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle=_oracle(name, regime, settings),
        diversity="variance",
        human_diversity=1.0,
        reserve=settings.reserve_items if name == "reserve" else 0,
        width=d,
        together=_together(name, exact, settings),
        # an estimator that corrects for the drift of one fit does not reproduce what it is given
        computed_f=None if settings.estimator == "ml" else (),
    )


def _together(name: str, exact: bool, settings: Settings) -> int | None:
    if name == "gated":
        return 1
    if exact:
        return max(_EXACT_TOGETHER // settings.dimensions**2, 1)
    if name == "subsample":  # everything so far is kept
        return max(_POOL // (settings.items * settings.dimensions * (settings.generations + 1)), 1)
    return None


def _regime(name: str, settings: Settings) -> AnyRegime:
    if name == "biased":
        return Fresh(settings.bias_fresh / settings.items, extra=True) if settings.bias_fresh else Replace()
    if name == "reserve":
        return Reserve(settings.share, settings.reserve_by_chance)
    return regime_named(name, share=settings.share)


def _oracle(name: str, regime: AnyRegime, settings: Settings) -> dict[str, Callable[[int], float]]:
    n, unbiased = settings.items, settings.estimator == "unbiased"
    if name == "replace":
        return _replace_oracle(n, settings.dimensions, unbiased)
    if unbiased or name in {"filtered", "gated"}:
        return {}
    if name == "biased":
        fresh, start = settings.bias_fresh, (1 / n, 1 - 1 / n)

        def both(fits: int) -> tuple[float, float]:
            return theory.biased_sampling(n, fresh, settings.bias, fits - 1, start)

        return {"variance": lambda fits: both(fits)[1], "mean_squared": lambda fits: both(fits)[0]}
    known: dict[str, Callable[[int], float]] = {
        "human-only": lambda fits: 1 / n,
        "accumulate": lambda fits: float(drift.accumulate(n, fits)),
        "subsample": lambda fits: float(drift.subsample(n, fits)),
        "fresh": lambda fits: float(drift.fresh_exact(n, round(settings.share * n), fits)),
    }
    reserve = settings.reserve_items if name == "reserve" else 0

    def from_tree(fits: int) -> float:
        computed = inbreeding_of(regime, n, settings.generations, reserve)
        return computed[fits - 1] if fits <= len(computed) else math.nan

    lost = known.get(name, from_tree)
    return {"variance": lambda fits: 1 - lost(fits), "mean_squared": lost}


def _replace_oracle(n: int, d: int, unbiased: bool) -> dict[str, Callable[[int], float]]:
    def law(fits: int) -> theory.GaussianReplace:
        return theory.gaussian_replace(n, fits, unbiased=unbiased)

    same: dict[str, Callable[[int], float]] = {
        "variance": lambda fits: law(fits).variance,
        "mean_squared": lambda fits: law(fits).mean_squared,
    }
    if d > 1:
        return {**same, "log_variance": lambda fits: theory.log_determinant(n, d, fits, unbiased=unbiased)}
    return {
        **same,
        "sigma": lambda fits: law(fits).sigma,
        "log_variance": lambda fits: law(fits).log_variance,
        "w2": lambda fits: law(fits).w2,
        "risk": lambda fits: law(fits).risk,
    }


def _checks(arm: ArmResult) -> list[Check]:
    """Return the checks of an arm's closed forms where their means are not carried by a few paths."""
    # beyond n/2 fits the spread of log sigma^2 passes 1 and the mean of the variance, more so of its inverse, is no
    # longer what a few thousand paths show; the logarithm is
    early = min(arm.generations, max(arm.items // 2, 1) - 1)
    checks = []
    for measure in arm.expected:
        if measure == "risk":
            continue
        at = arm.generations if measure in {"log_variance", "mean_squared"} else early
        if math.isfinite(arm.expected[measure][at]):
            checks.append(
                series_check(f"{arm.name}: {_WORDS[measure]} after {at + 1} fits", arm, measure, generation=at)
            )
    return checks


def _figures(bench: Bench, arms: Sequence[ArmResult], settings: Settings) -> list[Figure]:
    figures: list[Figure] = [
        curves(arms, "variance", "Variance", "Share of the human variance"),
        curves(arms, "log_variance", "Log variance", "Log of the variance (of the determinant of the covariance)",
               note="The mean of the log shows what the typical chain does; the mean variance is carried by a few."),
        curves(arms, "mean_squared", "Squared error of the mean", "Human variances", log_x=True, log_y=True),
        curves(arms, "w2", "Squared Wasserstein-2 distance", "Human variances", log_x=True, log_y=True),
        curves(arms, "risk", "Excess loss on human data", "Nats per item, median", log_x=True, log_y=True, median=True,
               note="It has no upper bound, while the Wasserstein distance has: which of the two is called the risk "
               "decides whether the risk diverges."),
        curves(arms, "tail", "Human tail that is still written", "Share of the mass beyond 2 standard deviations",
               log_x=True),
        inbreeding(arms),
    ]  # fmt: skip
    if settings.check_seeds and settings.dimensions == 1:
        figures += [_one_step(), *_published_figures(bench, [arm.name for arm in arms])]
    return figures


def _notes(settings: Settings, chosen: Sequence[str]) -> list[str]:
    notes = [
        "Risk is the Kullback-Leibler divergence of the model from the human law (the excess loss). Its mean over "
        "chains is carried by few of them once fits exceed about half the items of a set; the median is drawn.",
    ]
    forced = [name for name in chosen if name in _RAW and settings.law == "exact"]
    if forced:
        notes.append(f"Items were drawn, not their moments, for {', '.join(forced)}: these regimes choose among items.")
    if settings.estimator == "unbiased":
        notes.append(
            "With the unbiased estimator the mean variance stays 1 for ever although almost every chain loses it: look "
            "at the log variance."
        )
    return notes


# Checks at the settings of the published closed forms and figures, each in an arm of its own.


def _carry_out(
    bench: Bench,
    name: str,
    regime: AnyRegime,
    *,
    items: int,
    fits: int,
    seeds: int,
    learner: GaussianLearner | None = None,
    reserve: int = 0,
    measure: Callable[[Step[Any]], Mapping[str, NDArray[np.float64]]] | None = None,
) -> ArmResult:
    """Return an arm of ``fits`` fits; moments are drawn from their law if the learner's models do so."""
    learner = learner or GaussianLearner(exact=True)
    return bench.run(
        Arm(
            name,
            learner,
            GaussianSource(exact=learner.exact),
            regime,
            items=items,
            generations=fits - 1,
            replicates=seeds,
            reserve=reserve,
            together=_EXACT_TOGETHER if learner.exact else None,
            measure=measure or _few,
            computed_f=(),
        )
    )


def _few(step: Step[Any]) -> Mapping[str, NDArray[np.float64]]:
    """Return the measures of the checks, which need no more."""
    model: Any = step.model
    mean, variance = model.mean, model.covariance
    sigma, squared = np.sqrt(variance), np.square(mean)
    w2 = squared + np.square(sigma - 1)
    return {"variance": variance, "mean_squared": squared, "sigma": sigma, "log_variance": np.log(variance), "w2": w2}


def _nothing(bench: Bench, seeds: int) -> list[Check]:  # noqa: ARG001
    return []


def _published_replace(bench: Bench, seeds: int) -> list[Check]:
    checks = []
    for estimator, n, fits in (("ml", 100, 100), ("unbiased", 10, 10)):
        law = theory.gaussian_replace(n, fits, unbiased=estimator == "unbiased")
        learner = GaussianLearner(estimator == "unbiased", exact=True)
        arm = _carry_out(bench, f"replace {estimator}", Replace(), items=n, fits=fits, seeds=5 * seeds, learner=learner)
        checks += [
            series_check(f"replace, {estimator}, n={n}: {_WORDS[measure]} after {fits} fits", arm, measure,
                         expected=getattr(law, measure))
            for measure in ("variance", "mean_squared", "log_variance", "sigma", "w2")
        ]  # fmt: skip
    n, fits, number = 1000, 5, 25 * seeds
    arm = _carry_out(
        bench, "W2 leading order", Replace(), items=n, fits=fits, seeds=number,
        learner=GaussianLearner(unbiased=True, exact=True), measure=lambda step: {"w2": _few(step)["w2"]},
    )  # fmt: skip
    mean, variance = theory.w2_leading(n, fits)
    w2 = arm.series["w2"]
    return [
        *checks,
        within_share(f"replace, unbiased, n={n}: W2² after {fits} fits, leading order", mean, w2.mean[-1], 0.01,
                     w2.se[-1]),
        within_share(f"replace, unbiased, n={n}: variance of W2²", variance, w2.se[-1] ** 2 * number, 0.03),
    ]  # fmt: skip


def _published_accumulate(bench: Bench, seeds: int) -> list[Check]:
    arm = _carry_out(bench, "accumulate n=10", Accumulate(), items=10, fits=100, seeds=seeds)
    known = _carry_out(
        bench, "accumulate known variance", Accumulate(), items=100, fits=100, seeds=5 * seeds,
        learner=GaussianLearner(known_variance=1.0, exact=True),
        measure=lambda step: {"mean_squared": _few(step)["mean_squared"]},
    )  # fmt: skip
    error = known.series["mean_squared"]
    return [
        series_check("accumulate, n=10: variance after 100 fits", arm, "variance",
                     expected=1 - float(drift.accumulate(10, 100))),
        within_share("accumulate, known variance: n Var after 100 fits", theory.accumulated_mean(1, 100),
                     100 * error.mean[-1], 0.01, 100 * error.se[-1]),
    ]  # fmt: skip


def _published_subsample(bench: Bench, seeds: int) -> list[Check]:
    arm = _carry_out(
        bench, "subsample n=20", Subsample(), items=20, fits=60, seeds=max(seeds // 10, 2), learner=GaussianLearner()
    )
    wanted = 1 - float(drift.subsample(20, 60))
    return [series_check("subsample, n=20: variance after 60 fits", arm, "variance", expected=wanted)]


def _published_fresh(bench: Bench, seeds: int) -> list[Check]:
    # E[mu^2] = F too, and spreads less than the variance
    arm = _carry_out(bench, "fresh n=100 r=2", Fresh(0.02), items=100, fits=300, seeds=seeds)
    error = arm.series["mean_squared"]
    return [within("fresh, n=100, r=2: F in the long run", float(drift.fresh_exact(100, 2)), error.mean[-1], 0.005,
                   error.se[-1])]  # fmt: skip


def _published_reserve(bench: Bench, seeds: int) -> list[Check]:
    # kinship with the reserve settles by a factor 1 - m per fit only: 0.9^75 is 0.0004
    arm = _carry_out(
        bench, "reserve n=100 R=20", Reserve(0.1, by_chance=True), items=100, fits=75, seeds=seeds,
        learner=GaussianLearner(), reserve=20,
    )  # fmt: skip
    error = arm.series["mean_squared"]
    return [within("reserve, n=100, m=0.1, R=20: F in the long run", drift.reserve(100, 0.1, 20), error.mean[-1], 0.003,
                   error.se[-1])]  # fmt: skip


def _published_golden(bench: Bench, seeds: int) -> list[Check]:
    checks = [
        within("golden: best weight of the human part for k=1", (math.sqrt(5) - 1) / 2, drift.golden_weight(1.0), 1e-3)
    ]
    for weight in (None, 0.5, 1.0):
        regime = Golden(1.0, weight)
        arm = _carry_out(
            bench, f"golden weight {regime.human_weight:.3f}", regime, items=100, fits=15, seeds=5 * seeds,
            learner=GaussianLearner(known_variance=1.0, exact=True),
            measure=lambda step: {"mean_squared": _few(step)["mean_squared"]},
        )  # fmt: skip
        error = arm.series["mean_squared"]
        checks.append(
            within_share(f"golden: n Var of the mean in the long run, weight {regime.human_weight:.3f}",
                         drift.weighted_variance(1.0, regime.human_weight), 100 * error.mean[-1], 0.01,
                         100 * error.se[-1])
        )  # fmt: skip
    return checks


def _published_biased(bench: Bench, seeds: int) -> list[Check]:
    checks = []
    for machine, fresh, factor in ((100, 0, 0.9), (100, 10, 0.9), (100, 100, 0.9), (90, 10, 0.7), (100, 10, 1.0)):
        learner = GaussianLearner(exact=True, bias=factor)
        regime = Fresh(fresh / machine, extra=True) if fresh else Replace()
        arm = _carry_out(
            bench, f"biased {factor} {machine}+{fresh}", regime, items=machine, fits=41, seeds=seeds, learner=learner
        )
        # the chains begin with the model of the human items, not with the human law itself
        _, wanted = theory.biased_sampling(machine, fresh, factor, 40, (1 / machine, 1 - 1 / machine))
        name = f"biased, λ={factor:g}, {machine}+{fresh}: variance after 40 biased fits"
        checks.append(series_check(name, arm, "variance", expected=wanted))
    return checks


_PUBLISHED: dict[str, Callable[[Bench, int], list[Check]]] = {
    "replace": _published_replace,
    "accumulate": _published_accumulate,
    "subsample": _published_subsample,
    "fresh": _published_fresh,
    "reserve": _published_reserve,
    "golden": _published_golden,
    "biased": _published_biased,
}


def _published_figures(bench: Bench, chosen: Sequence[str]) -> list[Figure]:
    """Return the errors of mean and standard deviation by generation for four training sizes."""

    def errors(step: Step[Any]) -> Mapping[str, NDArray[np.float64]]:
        model: Any = step.model
        return {"mu": np.abs(model.mean), "sigma": np.abs(np.sqrt(model.covariance) - 1)}

    figures: list[Figure] = []
    for name, regime in (("replace", Replace()), ("accumulate", Accumulate())):
        if name not in chosen:
            continue
        arms = [
            _carry_out(bench, f"{name} {n:,} items", regime, items=n, fits=1000, seeds=500, measure=errors)
            for n in _PUBLISHED_SIZES
        ]
        figures += [
            curves(arms, "mu", f"Absolute error of the mean, {name}", "Human standard deviations",
                   log_x=True, log_y=True),
            curves(arms, "sigma", f"Absolute error of the standard deviation, {name}", "Human standard deviations",
                   log_x=True, log_y=True),
        ]  # fmt: skip
    return figures


def _one_step() -> TableFigure:
    rows = tuple(
        (f"{n:,}", f"{mean:.4f}", f"{theory.mean_sigma_ml(n):.4f}", f"{spread:.4f}", f"{theory.spread_sigma_ml(n):.4f}")
        for n, mean, spread in _ONE_STEP
    )
    return TableFigure(
        "One fit: the standard deviation of n standard normal items",
        ("items", "mean, published", "mean, exact", "spread, published", "spread, exact"),
        rows,
        note="Published: 1,000 repeats (Shumailov et al. 2023). At 30 items the published mean is 2 standard errors "
        "above the exact one.",
    )


def _scaling(bench: Bench, name: str, settings: Settings) -> Scaling:
    """Return the squared Wasserstein distance by training size; its mean is not carried by a few chains."""
    learner = GaussianLearner(settings.estimator == "unbiased", exact=True)
    arms = [
        _carry_out(bench, f"{name} at {n} items", regime_named(name), items=n, fits=settings.generations + 1,
                   seeds=min(settings.seeds, 2000), learner=learner, measure=lambda step: {"w2": _few(step)["w2"]})
        for n in _SIZES
    ]  # fmt: skip
    w2 = [arm.series["w2"] for arm in arms]

    def column(values: Sequence[float]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64)

    return Scaling(
        column(_SIZES),
        column([one.mean[0] for one in w2]),
        column([one.mean[-1] for one in w2]),
        column([one.se[0] for one in w2]),
        column([one.se[-1] for one in w2]),
    )


EXPERIMENT = Experiment(
    name="gaussian",
    title="A normal distribution refitted to its own samples",
    summary="Mean and variance are estimated from samples, new samples are drawn from the estimate, and so on. Trained "
    "on its own output alone, the distribution loses its tails, then its variance, and its mean wanders off; keeping "
    "all data, or a few fresh human items per generation, bounds the loss. Every curve has a closed form beside it.",
    settings=Settings,
    run=run,
    regimes=("replace", "accumulate", "subsample", "fresh", "reserve", "golden", "biased"),
    more_regimes=("human-only", "filtered", "gated"),
    quick={"seeds": 500, "check_seeds": 0},
    references=("shumailov2024", "kazdan2024", "gerstgrasser2024", "dey2024", "he2025", "alemohammad2023"),
)
