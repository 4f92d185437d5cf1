"""The three causes of collapse apart: finite samples, a family that is too poor, and fits that are not finished."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check, within_share
from headwater.lab.figures import curves
from headwater.lab.humans import FromLaw
from headwater.lab.recursion import Step
from headwater.lab.result import ArmResult, Check, TableFigure
from headwater.loop.regimes import Replace
from headwater.measure import separate_modes
from headwater.models.mixture import HumanReference, MixtureLearner, MixtureModel
from headwater.models.samples import Points

_CAUSES = ("sampling", "family", "fitting")
_NONE = "no cause"
_WAY = 41  # places between two modes where the density is looked at


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=20, ge=2, le=10_000, description="independent replicates")
    generations: int = Field(default=20, ge=1, le=1000, description="how often the model is refitted")
    items: int = Field(default=200, ge=20, le=100_000, description="items where samples are finite")
    plenty: int = Field(default=10_000, ge=1000, le=1_000_000, description="items where sampling is to play no part")
    blur: float = Field(default=0.02, gt=0, le=1, description="variance an unfinished fit adds, in human variances")
    steps: int = Field(default=2, ge=1, le=1000, description="EM steps of an unfinished fit")


def run(settings: Settings, bench: Bench) -> Findings:
    """Run every combination of causes."""
    law = _human()
    panel = Points(law.sample(20_000, np.random.default_rng([settings.seed, 21])).values)
    entropy = float(law.loss(panel).nats.mean())
    wanted = [settings.regime] if settings.regime else list(EXPERIMENT.regimes)
    arms = [bench.run(_arm(name, settings, law, panel, entropy)) for name in wanted]
    checks = [
        series_check(f"{arm.name}: variance after {arm.generations + 1} fits", arm, "variance")
        for arm in arms
        if "variance" in arm.expected
    ]
    checks += [check for arm in arms if arm.name == "family" for check in [_projection(arm, law, panel, entropy)]]
    singles = [arm for arm in arms if arm.name in {_NONE, *_CAUSES, "sampling + family + fitting"}]
    figures = [
        curves(singles, "risk", "Loss by cause", "Excess loss on human items, nats per item"),
        curves(singles, "variance", "Variance by cause", "Variance relative to human data"),
    ]
    shares = [_shares(arms)] if len(arms) == len(EXPERIMENT.regimes) else []
    notes = (
        f"Finite sampling: {settings.items} items instead of {settings.plenty:,}. Too poor a family: one Gaussian for "
        f"a law of three. Unfinished fit: EM stops after {settings.steps} steps and {settings.blur:g} human variances "
        "stay unlearnt as blur.",
    )
    return Findings(arms, checks, [*figures, *shares], notes)


def _human() -> MixtureModel:
    """Return the human law: three Gaussians on a line, one of them small and far out, with mean 0 and variance 1."""
    weights, means, sds = np.array([0.55, 0.35, 0.1]), np.array([-0.8, 0.6, 3.0]), np.array([0.45, 0.6, 0.4])
    means = means - weights @ means
    scale = np.sqrt(weights @ (means**2 + sds**2))
    return MixtureModel(weights[None], (means / scale)[None, :, None], np.square(sds / scale)[None, :, None, None])


def _arm(name: str, settings: Settings, law: MixtureModel, panel: Points, entropy: float) -> Arm:
    causes = _causes(name)
    components = 1 if "family" in causes else 3
    items = settings.items if "sampling" in causes else settings.plenty
    learner = MixtureLearner(components, tolerance=1e-5, human=HumanReference(panel, law))
    blur = 0.0
    if "fitting" in causes:
        blur = settings.blur
        learner = replace(learner, max_iterations=settings.steps, regularisation=blur)

    def variance(fits: int) -> float:
        """Return E[variance] of one Gaussian: each fit loses a share 1/n and adds the blur (1e-6 without)."""
        value = 1.0
        for _ in range(fits):
            value = (1 - 1 / items) * value + max(blur, learner.regularisation)
        return value

    return Arm(
        name,
        learner,
        FromLaw(partial(_draw, law)),
        Replace(),
        items=items,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle={"variance": variance} if components == 1 else {},
        diversity="variance",
        human_diversity=1.0,
        measure=partial(_measure, law, entropy),
    )


def _draw(law: MixtureModel, replicates: int, items: int, rng: np.random.Generator) -> Points:
    return Points(law.sample(replicates * items, rng).values.reshape(replicates, items, 1))


def _measure(law: MixtureModel, entropy: float, step: Step[Points]) -> Mapping[str, NDArray[np.float64]]:
    found = dict(step.model.statistics())
    found["risk"] = found["risk"] - entropy
    cut = float(law.means[0, 2, 0]) - 1.0  # the small part lies beyond; nothing else of the law does
    centres = np.sort(law.means[0, :, 0])
    ways = np.linspace(centres[:-1], centres[1:], _WAY, axis=1)
    nats = step.model.loss(Points(ways.reshape(1, -1, 1))).nats
    found["modes"] = separate_modes(np.exp(-nats).reshape(len(nats), *ways.shape))
    found["tail"] = (step.training.values[:, :, 0] > cut).mean(axis=1) / law.weights[0, 2]
    return found


def _projection(arm: ArmResult, law: MixtureModel, panel: Points, entropy: float) -> Check:
    """Return the check that a poor family loses once: the best Gaussian, refitted to itself, stays."""
    values = panel.values[0, :, 0]
    best = MixtureModel(np.ones((1, 1)), np.zeros((1, 1, 1)), law.covariance[:, None])
    expected = float(best.loss(Points(values[None, :, None])).nats.mean()) - entropy
    last = arm.series["risk"]
    return within_share("family: loss of the best Gaussian", expected, last.mean[-1], 0.05, last.se[-1])


def _shares(arms: list[ArmResult]) -> TableFigure:
    """Return each cause's share of the loss: its mean marginal effect over all orders (Shapley 1953)."""
    loss = {frozenset(_causes(arm.name)): arm.series["risk"].mean[-1] for arm in arms}
    whole = loss[frozenset(_CAUSES)] - loss[frozenset()]
    rows = []
    for cause in _CAUSES:
        others = [one for one in _CAUSES if one != cause]
        share = sum(
            factorial(size)
            * factorial(2 - size)
            / factorial(3)
            * (loss[frozenset([*some, cause])] - loss[frozenset(some)])
            for size in range(3)
            for some in combinations(others, size)
        )
        alone = loss[frozenset([cause])] - loss[frozenset()]
        without = loss[frozenset(_CAUSES)] - loss[frozenset(others)]
        rows.append((cause, f"{alone:.4f}", f"{without:.4f}", f"{share:.4f}", f"{share / whole:.0%}"))
    rows.append(("all three", "", "", f"{whole:.4f}", "100%"))
    return TableFigure(
        "What each cause costs",
        ("cause", "alone", "added last", "mean over all orders", "share of the loss"),
        tuple(rows),
        "Excess loss on human items at the last generation, nats per item, above the run with no cause. The order-free "
        "share is Shapley's value. A negative share protects: what is fitted coarsely follows the accidents of a small "
        "sample less.",
    )


def _causes(name: str) -> tuple[str, ...]:
    return () if name == _NONE else tuple(name.split(" + "))


EXPERIMENT = Experiment(
    name="errors",
    title="Three causes of collapse, apart and together",
    summary="A loop can lose the human law because samples are finite (statistical error), because the family cannot "
    "express it (expressivity error), or because the fit is not finished (approximation error). Each cause is switched "
    "on alone and with the others, and its share of the loss is measured.",
    settings=Settings,
    run=run,
    regimes=(_NONE, *(" + ".join(some) for size in (1, 2, 3) for some in combinations(_CAUSES, size))),
    quick={"plenty": 4000, "generations": 12},
    references=("shumailov2024",),
)
