"""Word frequencies re-estimated from their own samples: rare types go first, and how decoding hastens it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.lab import theory
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check, within, within_share
from headwater.lab.figures import curves, inbreeding
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check, Figure, TableFigure
from headwater.lineage import drift
from headwater.loop.regimes import Replace
from headwater.models.categorical import CategoricalLearner, CategoricalModel, CategoricalSource
from headwater.models.learner import Losses
from headwater.models.samples import Counts

Floats = NDArray[np.float64]

_ZIPF_CHECK = (5000, 20_000)
"""Types and items of the check of the number of types left."""
_CHECKED_FITS = (1, 2, 5, 10, 50, 100, 200)
_DECODING_TYPES, _DECODING_ITEMS, _DECODING_FITS = 1000, 20_000, 10
_DECODING_SEEDS = 100
"""Chains; the observed F of a single one spreads by 0.014 under temperature 0.95."""


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=20, ge=2, le=100_000, description="independent chains")
    generations: int = Field(default=99, ge=1, le=10_000, description="how often the frequencies are re-estimated")
    types: int = Field(default=5000, ge=2, le=1_000_000, description="types of the human source")
    items: int = Field(default=20_000, ge=2, le=10_000_000, description="items of a training set")
    exponent: float = Field(default=1.0, ge=0, le=5, description="exponent of the Zipf law of the human source")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")
    decoding: bool = Field(default=True, description="also show what temperature and top-p do")
    check_seeds: int = Field(
        default=4000, ge=0, le=1_000_000, description="chains of the checks at published settings; 0 leaves them out"
    )


def run(settings: Settings, bench: Bench) -> Findings:
    """Re-estimate the frequencies."""
    arms = [bench.run(_arm(name, settings)) for name in EXPERIMENT.chosen(settings)]
    checks = [check for arm in arms for check in _checks(arm, settings)]
    replaced = any(arm.name == "replace" for arm in arms)
    if replaced and settings.check_seeds:
        checks += [*_heterozygosity(bench, settings.check_seeds), *_fixation(bench, settings.check_seeds)]
    figures: list[Figure] = [
        curves(arms, "support", "Types that are left", "Types with positive probability", log_x=True, log_y=True),
        curves(
            arms, "tail", "Rare types that are left", "Share of the types of the rarer half of the mass", log_x=True
        ),
        curves(arms, "heterozygosity", "Chance that two items differ", "1 − Σp²", log_x=True),
        inbreeding(arms),
    ]
    if replaced and settings.decoding:
        decoded = [bench.run(_decoded_arm(name)) for name in _DECODERS]
        checks += _decoding_checks(decoded)
        figures += [
            curves(decoded, "support", "Types that are left, by decoding", "Types with positive probability",
                   log_x=True, log_y=True),
            _decoding_table(decoded),
        ]  # fmt: skip
        arms += decoded
    return Findings(arms, checks, figures, _NOTES)


def zipf(types: int, exponent: float = 1.0) -> Floats:
    """Return the probabilities of Zipf's law, proportional to rank ** -exponent, shape (types,)."""
    weights = np.arange(1, types + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def _arm(name: str, settings: Settings) -> Arm:
    n, human = settings.items, zipf(settings.types, settings.exponent)
    mixed = float(1 - np.square(human).sum())
    lost: dict[str, Callable[[int], float]] = {
        "human-only": lambda fits: 1 / n,
        "replace": lambda fits: float(drift.replace(n, fits)),
        "accumulate": lambda fits: float(drift.accumulate(n, fits)),
        "subsample": lambda fits: float(drift.subsample(n, fits)),
        "fresh": lambda fits: float(drift.fresh_exact(n, round(settings.share * n), fits)),
    }
    oracle: dict[str, Callable[[int], float]] = {}
    if name in lost:
        oracle["heterozygosity"] = lambda fits: mixed * (1 - lost[name](fits))
    if name == "replace":
        left = drift.survivors(n * human, settings.generations + 1)
        oracle["support"] = lambda fits: float(left[fits - 1])
    return Arm(
        name,
        CategoricalLearner(settings.types, human),
        CategoricalSource(human),
        regime_named(name, share=settings.share),
        items=n,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle=oracle,
        diversity="heterozygosity",
        human_diversity=mixed,
        together=1 if name == "gated" else max(1, min(settings.seeds, 2_000_000 // settings.types)),
    )


def _checks(arm: ArmResult, settings: Settings) -> list[Check]:
    checks = []
    if "heterozygosity" in arm.expected:
        checks.append(series_check(f"{arm.name}: heterozygosity at the end", arm, "heterozygosity"))
    if "support" in arm.expected and (settings.types, settings.items, settings.exponent) == (*_ZIPF_CHECK, 1.0):
        support = arm.series["support"]
        checks += [
            within_share(f"replace: types left after {fits} fits", arm.expected["support"][fits - 1],
                         support.mean[fits - 1], 0.02, support.se[fits - 1])
            for fits in _CHECKED_FITS
            if fits <= arm.generations + 1
        ]  # fmt: skip
    return checks


def _small_arm(name: str, types: int, items: int, fits: int, seeds: int, measure: Callable[[Any], Floats]) -> Arm:
    fair = np.full(types, 1 / types)
    return Arm(
        name,
        CategoricalLearner(types),
        CategoricalSource(fair),
        Replace(),
        items=items,
        generations=fits - 1,
        replicates=seeds,
        together=20_000 // types,
        measure=lambda step: {"measure": measure(step.model)},
        computed_f=(),
    )


def _heterozygosity(bench: Bench, seeds: int) -> list[Check]:
    arm = bench.run(_small_arm("heterozygosity n=50", 10, 50, 40, seeds, lambda model: model.heterozygosity / 0.9))
    return [series_check("replace, n=50: share of heterozygosity left after 40 fits", arm, "measure",
                         expected=1 - float(drift.replace(50, 40)))]  # fmt: skip


def _fixation(bench: Bench, seeds: int) -> list[Check]:
    types, items = 10, 100
    # the chance that a chain is still open falls by 1/n per fit: after 15 n fits none of some thousand is
    arm = bench.run(
        _small_arm(
            "fixation n=100", types, items, 15 * items, seeds, lambda model: (model.support > 1).astype(np.float64)
        )
    )
    mean, se = theory.mean_wait(arm.series["measure"].mean, seeds)
    wanted = drift.fixation_time(items, types)
    return [within_share("replace, K=10, n=100: mean fits until one type is left", wanted, mean, 0.03, se)]


# What decoding does beside drift: the same chain, but the model does not write what it has learnt.


def temperature(probabilities: Floats, degree: float) -> Floats:
    """Return p^(1/T), normalised, row by row."""
    weights = np.power(probabilities, 1 / degree)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def top_p(probabilities: Floats, mass: float) -> Floats:
    """Return the distribution over the fewest types that together reach ``mass``, normalised, row by row."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, 1)
    # a type is kept while the ones before it have not reached the mass, so at least one is
    kept = np.where(np.cumsum(ordered, axis=1) - ordered < mass, ordered, 0.0)
    nucleus = np.zeros_like(probabilities)
    np.put_along_axis(nucleus, order, kept, 1)
    return np.asarray(nucleus / nucleus.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class _Decoder:
    change: Callable[[Floats], Floats]
    measured_f: float
    """Observed inbreeding coefficient that this decoding led to when the check was set."""
    f_margin: float
    measured_types: float
    """Types left."""
    types_margin: float


_DECODERS: Mapping[str, _Decoder] = {
    "neutral": _Decoder(lambda p: p, 0.0012, 0.002, 650, 13),
    "temperature 0.95": _Decoder(lambda p: temperature(p, 0.95), 0.193, 0.01, 327, 10),
    "temperature 0.8": _Decoder(lambda p: temperature(p, 0.8), 0.987, 0.003, 3.75, 0.5),
    "top-p 0.95": _Decoder(lambda p: top_p(p, 0.95), 0.045, 0.004, 58.7, 3),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """A categorical model that writes with a decoding of its own."""

    model: CategoricalModel
    change: Callable[[Floats], Floats]

    def sample(self, n: int, rng: np.random.Generator) -> Counts:
        return CategoricalModel(self.change(self.model.probabilities)).sample(n, rng)

    def loss(self, samples: Counts) -> Losses:
        return self.model.loss(samples)

    def statistics(self) -> Mapping[str, Floats]:
        return self.model.statistics()


@dataclass(frozen=True, slots=True, eq=False)
class _DecodedLearner:
    learner: CategoricalLearner
    change: Callable[[Floats], Floats]

    def fit(self, samples: Counts, rng: np.random.Generator) -> _Decoded:
        return _Decoded(self.learner.fit(samples, rng), self.change)


def _decoded_arm(name: str) -> Arm:
    human = zipf(_DECODING_TYPES)
    return Arm(
        name,
        _DecodedLearner(CategoricalLearner(_DECODING_TYPES, human), _DECODERS[name].change),
        CategoricalSource(human),
        Replace(),
        items=_DECODING_ITEMS,
        generations=_DECODING_FITS - 1,
        replicates=_DECODING_SEEDS,
        diversity="heterozygosity",
        human_diversity=float(1 - np.square(human).sum()),
        together=2000,
    )


def _decoding_checks(arms: Sequence[ArmResult]) -> list[Check]:
    checks = []
    for arm in arms:
        decoder, support = _DECODERS[arm.name], arm.series["support"]
        checks += [
            within(f"{arm.name}: observed F after {_DECODING_FITS} fits", decoder.measured_f, arm.observed_f[-1],
                   decoder.f_margin),
            within(f"{arm.name}: types left", decoder.measured_types, support.mean[-1], decoder.types_margin,
                   support.se[-1]),
        ]  # fmt: skip
    return checks


def _decoding_table(arms: Sequence[ArmResult]) -> TableFigure:
    rows = tuple(
        (arm.name, f"{arm.computed_f[-1]:.4f}", f"{arm.observed_f[-1]:.4f}",
         f"{arm.observed_f[-1] - arm.computed_f[-1]:+.4f}", f"{arm.series['support'].mean[-1]:.1f}")
        for arm in arms
    )  # fmt: skip
    return TableFigure(
        f"Drift and decoding: {_DECODING_TYPES:,} Zipf types, {_DECODING_ITEMS:,} items, {_DECODING_FITS} fits",
        ("decoding", "computed F", "observed F", "difference", "types left"),
        rows,
        note="Computed F is what chance alone costs. A positive difference is selection: the decoding, not the amount "
        "of data, removes the diversity.",
    )


_NOTES = (
    "Risk is the total variation distance to the human source, which stays finite where types are lost.",
    "The number of types left is compared with the Poisson branching approximation (and lower bound) of Suresh et al.",
    "The decoding demonstration is a categorical toy: no neural language model stands behind its numbers.",
)


EXPERIMENT = Experiment(
    name="categorical",
    title="Word frequencies re-estimated from their own samples",
    summary="Types with Zipf frequencies are sampled, their frequencies estimated, and sampled again. Rare types "
    "vanish first, at a rate that their count alone decides, long before the diversity of the common ones suffers. A "
    "last part shows that temperature and top-p remove within ten generations what chance leaves nearly untouched.",
    settings=Settings,
    run=run,
    regimes=("replace", "accumulate", "fresh", "reserve"),
    more_regimes=("human-only", "subsample", "filtered", "gated"),
    quick={"seeds": 10, "generations": 19, "check_seeds": 0},
    references=("seddik2024", "suresh2025", "kazdan2024"),
)
