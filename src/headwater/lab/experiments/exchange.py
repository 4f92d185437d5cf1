"""Several models that train on each other's output: kinship between them rises as the family tree says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, within_errors
from headwater.lab.result import ArmResult, Line, LineFigure
from headwater.lineage import Graph, Node, inbreeding
from headwater.loop.regimes import Replace
from headwater.models.categorical import CategoricalModel
from headwater.models.learner import Losses
from headwater.models.samples import Counts


class Settings(LabSettings):
    """Settings of the experiment."""

    seeds: int = Field(default=2000, ge=2, le=1_000_000, description="independent replicates")
    generations: int = Field(default=30, ge=1, le=200, description="how often the models are retrained")
    models: int = Field(default=3, ge=2, le=8, description="models that feed each other")
    items: int = Field(default=60, ge=10, le=100_000, description="items each model is trained on")
    types: int = Field(default=20, ge=2, le=10_000, description="equally frequent human types")
    exchanged: float = Field(default=0.3, gt=0, le=1, description="share of a training set that other models wrote")
    human: float = Field(default=0.1, gt=0, lt=1, description="fresh human share, of the regime fresh")

    @model_validator(mode="after")
    def _fits(self) -> "Settings":
        if self.exchanged + self.human > 1:
            raise ValueError(f"exchanged + human = {self.exchanged + self.human:g}: together at most 1")
        if round(self.exchanged * self.items) < self.models - 1:
            raise ValueError("exchanged x items must leave at least one item per other model")
        if round(self.exchanged * self.items) + round(self.human * self.items) > self.items:
            raise ValueError(f"exchanged and human, each rounded to whole items, are more than items = {self.items}")
        return self


@dataclass(frozen=True, slots=True)
class _Diet:
    """What every model is given: ``takes[i][j]`` items of what model j wrote, and fresh human items."""

    takes: tuple[tuple[int, ...], ...]
    human: int
    types: int

    @property
    def models(self) -> int:
        return len(self.takes)


@dataclass(frozen=True, slots=True, eq=False)
class _Colony:
    """The models of one generation; row r * models + i is model i of replicate r."""

    model: CategoricalModel
    diet: _Diet

    def sample(self, n: int, rng: np.random.Generator) -> Counts:
        """Return the next training set of every model."""
        diet = self.diet
        written = self.model.sample(n, rng).counts.reshape(-1, diet.models, diet.types)
        sets = np.zeros_like(written)
        for i, row in enumerate(diet.takes):
            for j, take in enumerate(row):
                if take:
                    sets[:, i] += Counts(written[:, j]).draw(take, rng).counts
        if diet.human:
            sets += rng.multinomial(diet.human, np.full(diet.types, 1 / diet.types), size=sets.shape[:2])
        return Counts(sets.reshape(-1, diet.types))

    def loss(self, samples: Counts) -> Losses:
        """Return the losses of every model on its own items."""
        return self.model.loss(samples)

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return the share of heterozygosity lost within each model and between each two of them."""
        diet = self.diet
        p = self.model.probabilities.reshape(-1, diet.models, diet.types)
        alike = np.einsum("rik,rjk->rij", p, p)
        lost = 1 - (1 - alike) / (1 - 1 / diet.types)
        found = {f"{i + 1}-{j + 1}": lost[:, i, j] for i, j in _pairs(diet.models)}
        within = lost.diagonal(axis1=1, axis2=2).mean(axis=1)
        between = (lost.sum(axis=(1, 2)) / diet.models - within) / (diet.models - 1)
        return {**found, "within": within, "between": between, "variance": 1 - within}


@dataclass(frozen=True, slots=True)
class _ColonyLearner:
    diet: _Diet

    def fit(self, samples: Counts, rng: np.random.Generator) -> _Colony:  # noqa: ARG002  (nothing is random)
        """Return every model fitted to its own set."""
        return _Colony(CategoricalModel(samples.counts / samples.items), self.diet)


@dataclass(frozen=True, slots=True)
class _Humans:
    """Every model starts on human items of its own."""

    diet: _Diet

    def supply(self, replicates: int, rng: np.random.Generator) -> Callable[[int], Counts]:
        """Return a function that draws items for every model of every replicate."""
        even = np.full(self.diet.types, 1 / self.diet.types)
        return lambda items: Counts(rng.multinomial(items, even, size=replicates * self.diet.models))


def run(settings: Settings, bench: Bench) -> Findings:
    """Let the models feed each other."""
    arms, checks, lines = [], [], []
    for name in EXPERIMENT.chosen(settings):
        diet = _diet(name, settings)
        expected = _kinships(diet, settings)
        arm = bench.run(
            Arm(
                name,
                _ColonyLearner(diet),
                _Humans(diet),
                Replace(),
                items=settings.items,
                generations=settings.generations,
                replicates=settings.seeds,
                oracle={pair: partial(_at, curve) for pair, curve in expected.items()},
                width=settings.models * settings.types,
                diversity="variance",
                human_diversity=1.0,
                computed_f=expected["within"],
            )
        )
        arms.append(arm)
        checks += [
            within_errors(f"{name}: {_meaning(pair)}", curve[-1], arm.series[pair].mean[-1], arm.series[pair].se[-1])
            for pair, curve in expected.items()
        ]
        lines += _lines(arm)
    figure = LineFigure(
        "Kinship between models, and inbreeding within",
        "Generation",
        "Share of diversity lost",
        tuple(lines),
        note="Lines are observed, dots follow from the family tree alone. Models that feed each other lose less each, "
        "but become the same: where the lines meet, more models add no diversity.",
    )
    return Findings(arms, checks, [figure])


def _diet(name: str, settings: Settings) -> _Diet:
    human = round(settings.human * settings.items) if name == "fresh" else 0
    others = 0 if name == "isolated" else round(settings.exchanged * settings.items) // (settings.models - 1)
    own = settings.items - human - others * (settings.models - 1)
    rows = tuple(tuple(own if i == j else others for j in range(settings.models)) for i in range(settings.models))
    return _Diet(rows, human, settings.types)


def _kinships(diet: _Diet, settings: Settings) -> dict[str, list[float]]:
    """Return what the family tree says of every pair, by generation."""
    models, n = diet.models, settings.items
    nodes: list[Node] = []
    for i in range(models):
        nodes += [
            Node(f"human-{i}", "human", "founder", n),
            Node(f"m-0-{i}", "model", "trained", None, ((f"human-{i}", 1),)),
        ]
    for g in range(1, settings.generations + 1):
        nodes += [Node(f"s-{g}-{j}", "synthetic", "sampled", n, ((f"m-{g - 1}-{j}", 1),), g) for j in range(models)]
        for i in range(models):
            meal: list[tuple[str, float]] = []
            for j, take in enumerate(diet.takes[i]):
                if take:
                    nodes.append(Node(f"d-{g}-{i}-{j}", "synthetic", "subsampled", take, ((f"s-{g}-{j}", 1),), g))
                    meal.append((f"d-{g}-{i}-{j}", take))
            if diet.human:
                nodes.append(Node(f"h-{g}-{i}", "human", "founder", diet.human, (), g))
                meal.append((f"h-{g}-{i}", diet.human))
            nodes.append(Node(f"m-{g}-{i}", "model", "trained", None, tuple(meal), g))
    known = inbreeding(Graph(tuple(nodes)))
    generations = range(settings.generations + 1)
    curves = {
        f"{i + 1}-{j + 1}": [known.kinship(f"m-{g}-{i}", f"m-{g}-{j}") for g in generations] for i, j in _pairs(models)
    }
    within = [curve for pair, curve in curves.items() if len(set(pair.split("-"))) == 1]
    between = [curve for pair, curve in curves.items() if len(set(pair.split("-"))) > 1]
    mean = {"within": np.mean(within, axis=0), "between": np.mean(between, axis=0)}
    return {**curves, **{name: [float(value) for value in curve] for name, curve in mean.items()}}


def _at(curve: Sequence[float], fits: int) -> float:
    return curve[fits - 1]


def _lines(arm: ArmResult) -> list[Line]:
    x = tuple(float(g) for g in range(arm.generations + 1))
    lines = []
    for part in ("within", "between"):
        name = f"{arm.name}, {part}"
        lines += [
            Line(name, "simulated", x, arm.series[part].mean),
            Line(name, "expected", x, arm.expected[part]),
        ]
    return lines


def _meaning(pair: str) -> str:
    if "-" not in pair:
        return f"mean {pair} models"
    i, j = pair.split("-")
    return f"inbreeding of model {i}" if i == j else f"kinship of models {i} and {j}"


def _pairs(models: int) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(models), 2))


EXPERIMENT = Experiment(
    name="exchange",
    title="Models that feed each other",
    summary="Several models start on human data of their own and then train on each other's output. Each loses "
    "diversity more slowly than alone, and all become the same model: kinship between them rises until a second model "
    "adds nothing a first does not have. Both follow from the family tree.",
    settings=Settings,
    run=run,
    regimes=("isolated", "exchange", "fresh"),
    quick={"seeds": 1000, "generations": 20},
    references=("vu2025", "wright1931"),
)
