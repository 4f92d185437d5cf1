"""A bigram model of human text, retrained on what it writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from headwater.errors import NotEnoughData
from headwater.lab.bench import Arm, Bench
from headwater.lab.corpus import Corpus, read_corpus
from headwater.lab.experiment import Experiment, Findings, LabSettings, series_check, within, within_share
from headwater.lab.figures import curves, inbreeding
from headwater.lab.gated import PANELS
from headwater.lab.recursion import Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import (
    ArmResult,
    Check,
    Figure,
    Histogram,
    HistogramFigure,
    Line,
    LineFigure,
    Snapshot,
    TableFigure,
)
from headwater.lineage import drift
from headwater.models.chain import FREQUENCY_CLASSES, PASSAGE, RARE, ChainLearner, ChainModel, Text
from headwater.sources import expand_paths

_LEAST_TOKENS = 100
_CHECKED_TOKENS = 10_000
"""Training sets above this size meet the closed form within 3% (on smaller ones chance alone moves more)."""
_CHECKED_ORDER = 3
"""Longer contexts copy whole stretches and lose more words than the closed form says; it is drawn, not checked."""
_SHOWN_WORDS = 40
_BINS = 30
_CLASS_NAMES = {"alive_1": "used once", "alive_2_to_3": "2 to 3 times", "alive_4_to_9": "4 to 9 times",
                "alive_10_and_more": "10 times and more"}  # fmt: skip


class ChainSettings(LabSettings):
    """Settings of the experiments on plug-in n-gram models."""

    seeds: int = Field(default=10, ge=1, le=10_000, description="independent replicates, all on the same human text")
    generations: int = Field(default=10, ge=1, le=1000, description="how often the model is retrained")
    tokens: int = Field(
        default=50_000, ge=_LEAST_TOKENS, le=100_000_000, description="words of a training set, at most"
    )
    data: str = Field(default="", description="human text: a file, folder or pattern; empty: installed documentation")
    column: str = Field(default="text", description="where tables (JSON lines, CSV, Parquet) have their text")
    share: float = Field(default=0.1, gt=0, le=1, description="human share of the regimes fresh and reserve")
    temperature: float = Field(default=1.0, gt=0, le=100, description="sampling temperature; 1: as fitted")
    top_p: float = Field(default=1.0, gt=0, le=1, description="sample from the likeliest words of this mass; 1: all")

    @property
    def neutral(self) -> bool:
        """Whether texts are sampled as the model was fitted, so that chance alone is at work."""
        return self.temperature == 1 and self.top_p == 1


class Settings(ChainSettings):
    """Settings of the experiment."""


def run(settings: Settings, bench: Bench) -> Findings:
    """Retrain bigrams on their own output."""
    return retrain_chains(settings, bench, EXPERIMENT.chosen(settings), order=2)


def retrain_chains(settings: ChainSettings, bench: Bench, regimes: Sequence[str], *, order: int) -> Findings:
    """Return what happens to plug-in chains of an order under each regime.

    Args:
        settings: settings.
        bench: runs the arms.
        regimes: names of the regimes.
        order: length of the n-grams.

    Raises:
        InputError: the text cannot be read, or there is too little of it.
    """
    corpus, items = _text_for(settings, regimes)
    human = corpus.counts(items)
    ground = _Ground.of(corpus, items, order)
    arms = [bench.run(_arm(name, settings, ground)) for name in regimes]
    checks = [check for arm in arms for check in _checks(arm, settings, ground)]
    decoded = "" if settings.neutral else " Words are chosen by decoding too, so no closed form applies."
    figures: list[Figure] = [
        curves(arms, "support", "Different words", "Words the model can still write",
               note="Dots are the closed form Σ(1 − exp(−c s)) for words of count c." + decoded),
        *_by_frequency(arms),
        curves(arms, "known", f"Human {_gram(order)}s the model still knows", f"Share of the text's {_gram(order)}s"),
        curves(arms, "heterozygosity", "Chance that two words differ", "1 − Σp²"),
        inbreeding(arms),
        _perplexities(arms),
        _samples(arms),
    ]  # fmt: skip
    notes = [
        f"Human text: the first {items:,} words of {corpus.name}, {int(np.count_nonzero(human)):,} different ones; "
        "the same in every replicate.",
        "The model knows no smoothing, so human text has an infinite loss as soon as one of its word sequences is "
        "lost; risk is the total variation distance of word frequencies instead.",
        f"Regimes that take part of a text take passages of {PASSAGE} words; word sequences across a seam are new.",
    ]
    if items < settings.tokens:
        notes.append(f"There is not enough text for training sets of {settings.tokens:,} words; they have {items:,}.")
    if items <= _CHECKED_TOKENS:
        notes.append(f"Survival is checked against its closed form on more than {_CHECKED_TOKENS:,} words only.")
    if order > _CHECKED_ORDER:
        notes.append(
            f"With {order - 1} words of context whole stretches are copied or lost together: fewer words survive than "
            "the closed form says, which is drawn for comparison and not checked."
        )
    return Findings(arms, checks, figures, notes)


def _text_for(settings: ChainSettings, regimes: Sequence[str]) -> tuple[Corpus, int]:
    """Return the text and the size of the training sets it is enough for."""
    per_token = 1 + settings.generations * settings.share * ("fresh" in regimes) + PANELS * ("gated" in regimes)
    paths = [settings.data] if settings.data else []
    wanted = int(settings.tokens * per_token) + settings.generations  # each share is rounded on its own
    corpus = read_corpus(paths, max_tokens=wanted, column=settings.column)
    items = min(settings.tokens, int(max(len(corpus.tokens) - settings.generations, 0) / per_token))
    if not {"fresh", "gated"} & set(regimes):
        items = min(settings.tokens, len(corpus.tokens))
    if items < _LEAST_TOKENS:
        raise NotEnoughData(
            f"{corpus.name} has {len(corpus.tokens):,} words, enough for training sets of {items:,}; at least "
            f"{_LEAST_TOKENS} are needed. Give more text, fewer generations, or neither fresh nor gated."
        )
    return corpus, items


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """The human text and what is known of it."""

    corpus: Corpus
    items: int
    order: int
    first: ChainModel
    """The model of generation 0."""
    context: tuple[int, ...]
    """The most frequent context."""
    after: tuple[float, float]
    """Heterozygosity of the word after that context in the human text, and after one generation."""

    @classmethod
    def of(cls, corpus: Corpus, items: int, order: int) -> "_Ground":
        text = Text(corpus.tokens[None, :items])
        first = ChainLearner(order, corpus.types).fit(text, np.random.default_rng(0))
        number = int(np.argmax(np.bincount(first.context[0])))
        end = int(np.argmax(first.context[0] == number))
        context = tuple(int(corpus.tokens[(end - back) % items]) for back in range(order - 2, -1, -1))
        times = int(first.following(context)[0].sum())
        diversity = float(_diversity_after(first, context)[0])
        return cls(corpus, items, order, first, context, (diversity, diversity * (1 - 1 / times)))


def _arm(name: str, settings: ChainSettings, ground: _Ground) -> Arm:
    human = ground.corpus.counts(ground.items)
    learner = ChainLearner(
        ground.order, ground.corpus.types, temperature=settings.temperature, top_p=settings.top_p, human=human
    )

    def measure(step: Step[Text]) -> Mapping[str, NDArray[np.float64]]:
        model: Any = step.model
        lost = np.isinf(model.loss(Text(ground.first.values)).nats).mean(axis=1)
        return {**model.statistics(), "known": 1 - lost, "after_context": _diversity_after(model, ground.context)}

    def snapshot(step: Step[Text]) -> Snapshot:
        rng = np.random.default_rng([settings.seed, step.generation])
        text = ground.corpus.text(step.model.sample(_SHOWN_WORDS, rng).values[0])
        return Snapshot(step.generation, (_block_perplexities(ground.first, step.training),), (text,))

    return Arm(
        name,
        learner,
        ground.corpus,
        regime_named(name, share=settings.share),
        items=ground.items,
        generations=settings.generations,
        replicates=settings.seeds,
        oracle=_oracle(name, settings, human),
        diversity="heterozygosity",
        human_diversity=float(1 - np.square(human / ground.items).sum()),
        measure=measure,
        snapshot=snapshot,
        snapshots=tuple(sorted({0, 1, settings.generations // 2, settings.generations})),
        together=1 if name == "gated" else None,
    )


def _oracle(name: str, settings: ChainSettings, human: NDArray[np.int64]) -> Mapping[str, Callable[[int], float]]:
    """Return the expected number of words, and the share of each class of them, after a number of fits."""
    present = human[human > 0]
    groups = {"support": present, "tail": present[present <= RARE]}
    for key, (least, most) in FREQUENCY_CLASSES.items():
        groups[key] = present[(present >= least) & (present <= (np.inf if most is None else most))]
    groups = {key: counts for key, counts in groups.items() if len(counts)}
    if name in {"human-only", "accumulate"}:  # nothing is ever lost, whatever the decoding
        alive = {key: np.full(settings.generations + 1, float(len(counts))) for key, counts in groups.items()}
    elif name == "replace" and settings.neutral:
        alive = {
            key: np.append(float(len(counts)), drift.survivors(counts, settings.generations))
            for key, counts in groups.items()
        }
    else:
        return {}
    return {key: _by_fits(law if key == "support" else law / law[0]) for key, law in alive.items()}


def _by_fits(law: NDArray[np.float64]) -> Callable[[int], float]:
    """Return a curve by generation as a function of the number of fits."""
    return lambda fits: float(law[fits - 1])


def _diversity_after(model: ChainModel, context: Sequence[int]) -> NDArray[np.float64]:
    """Return 1 - sum p^2 of the word after a context, 0 where it does not occur, shape (replicates,)."""
    counts = model.following(context)
    times = counts.sum(axis=1)
    squares = np.square(counts / np.maximum(times, 1)[:, None]).sum(axis=1)
    return np.where(times > 0, 1 - squares, 0.0)


def _block_perplexities(first: ChainModel, text: Text) -> tuple[float, ...]:
    """Return the perplexity of the first replicate's text under generation 0, block by block.

    Word sequences that the model does not know (the seams of passages and fresh human text) are left out.
    """
    nats = first.loss(Text(text.values[:1])).nats[0]
    blocks = np.array_split(nats, max(len(nats) // PASSAGE, 1))
    known = [block[np.isfinite(block)] for block in blocks]
    return tuple(float(np.exp(block.mean())) for block in known if len(block))


def _checks(arm: ArmResult, settings: ChainSettings, ground: _Ground) -> list[Check]:
    support = arm.series["support"]
    if arm.name == "accumulate":
        whole = arm.expected["support"][-1]
        return [within("accumulate: words at the end, none lost", whole, support.mean[-1], 0, support.se[-1])]
    if arm.name != "replace":
        return []
    grown = int(np.count_nonzero(np.diff(support.mean) > 0))
    checks = [within("replace: generations with more words than the one before", 0, grown, 0)]
    if not settings.neutral:
        return checks
    if ground.items > _CHECKED_TOKENS and ground.order <= _CHECKED_ORDER:
        checks += [
            within_share(f"replace: words alive after {k} generation{'s' if k > 1 else ''}",
                         arm.expected["support"][k], support.mean[k], 0.03, support.se[k])
            for k in sorted({1, arm.generations // 2, arm.generations} - {0})
        ]  # fmt: skip
    if arm.replicates >= 10 and arm.series["after_context"].se[1] > 0:  # fewer give no standard error
        after = f" after {ground.corpus.text(ground.context)!r}" if ground.context else ""
        name = f"replace: chance that two words{after} differ, 1 generation on"
        checks.append(series_check(name, arm, "after_context", generation=1, expected=ground.after[1]))
    return checks


def _by_frequency(arms: Sequence[ArmResult]) -> list[Figure]:
    """Return the figure of the words still alive by how often humans used them, of the first arm that loses any."""
    arm = next((arm for arm in arms if arm.name == "replace"), arms[0])
    x = tuple(float(generation) for generation in range(arm.generations + 1))
    lines = []
    for key, name in _CLASS_NAMES.items():
        if (series := arm.series.get(key)) is None:
            continue
        band = (series.low, series.high) if arm.replicates > 1 else ((), ())
        lines.append(Line(name, "simulated", x, series.mean, *band))
        if key in arm.expected:
            lines.append(Line(name, "expected", x, arm.expected[key]))
    title = f"Words still alive under {arm.name}, by how often humans used them"
    note = "Rare words go first: a word used c times lives about 2c generations. Dots are 1 − exp(−c s), averaged."
    return [LineFigure(title, "Generation", "Share of the words alive", tuple(lines), note=note)] if lines else []


def _perplexities(arms: Sequence[ArmResult]) -> HistogramFigure:
    """Return what the model of generation 0 thinks of every later training set, as Shumailov et al. 2024 draw it."""
    arm = next((arm for arm in arms if arm.name == "replace"), arms[0])
    logs = {shot.generation: np.log(shot.values[0]) for shot in arm.snapshots if shot.values[0]}
    low, high = (float(np.quantile(np.concatenate(list(logs.values())), q)) for q in (0.001, 0.999))
    edges = np.linspace(low, max(high, low + 1e-6), _BINS + 1)
    histograms = tuple(
        Histogram(
            f"generation {generation}",
            tuple(float(edge) for edge in np.exp(edges)),
            tuple(float(share) for share in np.histogram(np.clip(values, low, high), edges)[0] / len(values)),
        )
        for generation, values in logs.items()
    )
    return HistogramFigure(
        f"Perplexity of the training sets under the first model ({arm.name})",
        f"Perplexity of {PASSAGE} words",
        histograms,
        log_x=True,
        note="One replicate. The outermost bins hold everything beyond them.",
    )


def _samples(arms: Sequence[ArmResult]) -> TableFigure:
    rows = [(arm.name, str(shot.generation), shot.texts[0]) for arm in arms for shot in arm.snapshots]
    return TableFigure("What the models write", ("Regime", "Generation", "Text"), tuple(rows))


def _gram(order: int) -> str:
    return {1: "word", 2: "word pair", 3: "word triple"}.get(order, f"sequence of {order} word")


EXPERIMENT = Experiment(
    name="bigram",
    title="A bigram model reads what it wrote",
    summary="A model that knows how often each word follows each other is trained on human text, writes as much text, "
    "and is trained on that. Which words are lost, and when, follows from their counts alone: a word used once is gone "
    "after about two generations. Keeping the earlier texts keeps every word.",
    settings=Settings,
    files=lambda settings: expand_paths([settings.data]) if settings.data else [],
    run=run,
    regimes=("replace", "accumulate", "fresh", "reserve"),
    more_regimes=("human-only", "subsample", "filtered", "gated"),
    quick={"seeds": 10, "tokens": 15_000},
    references=("suresh2025", "seddik2024", "shumailov2024"),
)
