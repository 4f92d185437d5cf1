"""The Curse of Recursion: a transformer language model, fine-tuned on what it wrote after human prompts."""

import math
import zlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from headwater.errors import NotEnoughData
from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, in_range, within_share
from headwater.lab.figures import curves
from headwater.lab.humans import FromRows
from headwater.lab.recursion import Keep, Step
from headwater.lab.regimes import regime_named
from headwater.lab.result import ArmResult, Check, Histogram, HistogramFigure, Line, Snapshot, TableFigure
from headwater.lab.threads import one_thread
from headwater.loop.regimes import Replace
from headwater.measure import rare_recall, rare_types, support
from headwater.models.learner import Tell
from headwater.models.samples import Points
from headwater.models.tokenizer import Tokenizer, hub_answers, load_tokenizer, train_tokenizer, unreachable
from headwater.models.transformer import (
    SIZES,
    TransformerLearner,
    TransformerModel,
    TransformerSettings,
    cut_blocks,
    load_transformer,
)
from headwater.models.transformer_compute import Blocks, Decoding
from headwater.sources import Columns, collect_documentation, expand_paths, read_documents

WIKITEXT2 = "wikitext2"
_WIKITEXT2_REPOSITORY, _WIKITEXT2_FOLDER = "Salesforce/wikitext", "wikitext-2-raw-v1"
_DOCUMENTATION = ("numpy", "sklearn", "stdlib", "scipy")  # shortest to read first
_CHARACTERS_PER_TOKEN = 5  # more than a trained tokenizer reaches, so that enough text is read
_TOKENIZER_CHARACTERS = 5_000_000  # merges of a few thousand tokens no longer change with more
_SNAPSHOTS = 12
_HISTOGRAM_BLOCKS = 2000
_BINS = 40
_SHOWN_PROMPT = 16  # tokens of the prompt shown before a continuation
_MOST_FRESH = 3  # a token used at most so often counts as rare
# Shumailov et al. 2024, as read by others: zero-shot, and generation 0 after fine-tuning. "From 20 to 28 perplexity
# points" lost without original data is ambiguous; 54 to 62 is the reading that an independent repetition meets (61.1).
_ZERO_SHOT, _GENERATION_0, _SPIKE = 115.0, 34.0, (54.0, 62.0)
_PUBLISHED_MODEL = "facebook/opt-125m"
_PUBLISHED: Mapping[str, Any] = {
    "data": WIKITEXT2, "seeds": 5, "generations": 9, "blocks": 0, "test_blocks": 0, "validation_blocks": 0,
    "learning_rate": 2e-5, "batch": 128,
}  # fmt: skip
_WITH_HUMAN_DATA = ("accumulate", "subsample", "fresh", "reserve")


class Settings(LabSettings):
    """Settings of the experiment. With a published model the defaults are those of the published run."""

    seeds: int = Field(default=1, ge=1, le=100, description="independent runs, each with its own human blocks")
    generations: int = Field(default=5, ge=1, le=1000, description="how often the model is retrained")
    model: str = Field(default="", description="published model, such as facebook/opt-125m, or a folder; empty: built")
    size: str = Field(default="tiny", description=f"size of a model that is built: {', '.join(SIZES)}")
    vocabulary: int = Field(default=0, ge=0, description="tokens of a trained tokenizer; 0: what suits the size")
    data: str = Field(default="", description="human text: a file, folder or pattern, or wikitext2; empty: installed")
    column: str = Field(default="text", description="where tables (JSON lines, CSV, Parquet) have their text")
    split: str = Field(default="", description="column that says train, valid or test; empty: documents are dealt out")
    block: int = Field(default=64, ge=4, le=1024, description="tokens of a training block, a prompt, a continuation")
    stride: int = Field(default=0, ge=0, description="tokens between windows of the perplexity; 0: separate blocks")
    blocks: int = Field(default=400, ge=0, description="training blocks of a generation; 0: all there are")
    test_blocks: int = Field(default=200, ge=0, description="blocks of test text; 0: all")
    validation_blocks: int = Field(default=60, ge=0, description="blocks that choose the epoch; 0: all")
    base_blocks: int = Field(default=2000, ge=2, description="blocks that a built base is trained on beforehand")
    base_epochs: int = Field(default=10, ge=1, description="passes over them")
    base_rate: float = Field(default=3e-3, gt=0, description="learning rate of a built base")
    start: Literal["base", "previous", "scratch"] = Field(
        default="base", description="weights each generation starts from; base: the same in all, as published"
    )
    epochs: int = Field(default=5, ge=1, description="passes of regimes without original data")
    epochs_kept: int = Field(default=10, ge=1, description="passes of regimes with original data")
    learning_rate: float = Field(default=1e-3, gt=0, description="learning rate of AdamW")
    floor_rate: float = Field(default=1e-6, ge=0, description="where the cosine schedule ends")
    schedule: Literal["cosine", "constant"] = Field(default="cosine", description="learning rate over the epochs")
    weight_decay: float = Field(default=0.01, ge=0, description="of AdamW")
    batch: int = Field(default=16, ge=1, description="blocks per step")
    keep: Literal["best", "last"] = Field(default="best", description="epoch whose weights are kept")
    share: float = Field(default=0.1, gt=0, le=1, description="share of a training set that is kept data")
    kept: Literal["original", "previous"] = Field(
        default="original", description="what reserve keeps: original blocks, or blocks of the previous training set"
    )
    prompts: Literal["original", "previous"] = Field(
        default="original", description="what is continued: the original blocks, or the newest training set"
    )
    decoding: Literal["beam", "sample"] = Field(default="beam", description="how the training sets are written")
    beams: int = Field(default=5, ge=1, description="width of the beam search")
    temperature: float = Field(default=1.0, gt=0, description="of sampling")
    top_p: float = Field(default=1.0, gt=0, le=1, description="of sampling")
    penalty: float = Field(default=1.0, gt=0, description="repetition penalty; 3.0 in the published script")
    ablation_penalty: float = Field(
        default=2.0, gt=0, description="penalty of a second arm without data; 1: no such arm"
    )
    ablation_sampling: bool = Field(
        default=True, description="add an arm without original data with the other decoding"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where to compute")
    precision: Literal["auto", "f32", "bf16"] = Field(default="auto", description="auto: bf16 on a GPU")

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, values: Any) -> Any:
        return {**_PUBLISHED, **values} if isinstance(values, dict) and values.get("model") else values

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.size not in SIZES:
            raise ValueError(f"size = {self.size}: allowed are {', '.join(SIZES)}")
        if self.stride > self.block:
            raise ValueError(f"stride = {self.stride}: at most block = {self.block}")
        if not self.model and 2 * self.block > SIZES[self.size].positions:
            raise ValueError(f"block = {self.block}: size {self.size} takes at most {SIZES[self.size].positions // 2}")
        if self.kept == "previous" and self.prompts != "previous":
            raise ValueError("kept = previous goes with prompts = previous: one set supplies both, as in the script")
        return self

    def decoding_of(self, arm: str) -> Decoding:
        """Return how an arm writes."""
        method = self.decoding
        if arm.endswith(_OTHER_DECODING):
            method = "sample" if method == "beam" else "beam"
        penalty = self.ablation_penalty if _PENALTY in arm else self.penalty
        return Decoding(method, self.beams, self.temperature, self.top_p, penalty, self.block)


_PENALTY, _OTHER_DECODING = ", penalty", ", other decoding"


@dataclass(frozen=True, slots=True, eq=False)
class _Ground:
    """What all arms of a run share."""

    tokenizer: Tokenizer
    base: TransformerModel | None
    train: Blocks
    validation: Blocks
    test: NDArray[np.int64]
    text: str
    """What was read, for people."""

    @property
    def test_blocks(self) -> Blocks:
        return cut_blocks(self.test, self.train.shape[1])


@dataclass(slots=True, eq=False)
class _Chain:
    """The models of one arm, seed by seed: it fits them, keeps them, and knows which came first and last."""

    learner: TransformerLearner
    settings: Settings
    bench: Bench
    arm: str
    seed: int = -1
    first: TransformerModel | None = None
    last: TransformerModel | None = None
    human: Blocks = field(default_factory=lambda: np.empty((0, 0), np.int64))
    limit: float = math.inf
    """Largest perplexity of a human test block under the first model."""

    def fit(self, samples: Points, rng: np.random.Generator) -> TransformerModel:
        """Return the model of the next generation."""
        if self.last is None:
            self.human = samples.values[0]
        learner = replace(
            self.learner,
            prompts=self.human if self.settings.prompts == "original" else None,
            progress=_progress(self.bench, self.arm),
        )
        return learner.fit(samples, rng, start=self.last if self.settings.start == "previous" else None)

    def model(self, generation: int, fit: Any) -> Any:
        """Return the model of a generation, from an earlier run where it is there."""
        if generation == 0:
            self.seed, self.first, self.last = self.seed + 1, None, None
        kept: Any = self._kept().model(generation, fit)
        self.last = replace(kept, decoding=self.learner.decoding, copied=self.learner.copied)
        if generation == 0:
            self.first = self.last
            self.human = kept.prompts  # generation 0 continues what it was trained on, whatever comes later
        return self.last

    def output(self, generation: int, sample: Any) -> Any:
        """Return what a generation wrote, from an earlier run where it is there."""
        return self._kept().output(generation, sample)

    def _kept(self) -> Keep:
        return self.bench.keep(f"{self.arm}-seed-{self.seed}", _save, lambda folder: _load(folder, self.settings))


def run(settings: Settings, bench: Bench) -> Findings:
    """Fine-tune the transformers."""
    with one_thread() if settings.size == "tiny" and not settings.model else nullcontext():
        return _fine_tune(settings, bench)


def _fine_tune(settings: Settings, bench: Bench) -> Findings:
    ground = _prepare(settings, bench)
    items = min(settings.blocks or len(ground.train), len(ground.train))
    regimes = EXPERIMENT.chosen(settings)
    names = list(regimes)
    if "replace" in regimes:
        names += [f"replace{_PENALTY} {settings.ablation_penalty:g}"] * (settings.ablation_penalty != settings.penalty)
        names += [f"replace{_OTHER_DECODING}"] * settings.ablation_sampling
    arms = [bench.run(*_arm(name, settings, ground, items, bench)) for name in names]
    zero_shot = None
    if ground.base is not None:
        zero_shot = ground.base.perplexity(ground.test, block=settings.block, stride=settings.stride or None)
    first = arms[0].series["perplexity"].mean
    published = []
    if settings.model == _PUBLISHED_MODEL and settings.data == WIKITEXT2:
        published = [Line("published generation 0", "published", (0.0, float(len(first) - 1)), (_GENERATION_0,) * 2)]
    conditions = f"Blocks of {settings.block}, stride {settings.stride or settings.block}; {ground.tokenizer.name}."
    return Findings(
        arms,
        _checks(arms, settings, zero_shot.value if zero_shot else None),
        [
            curves(arms, "perplexity", "Perplexity on human test text", "Perplexity", published=published,
                   note=conditions),
            *[_histograms(arm) for arm in arms],
            curves(arms, "tail", "Rare human tokens that are still written", "Share", note="Tokens that the human "
                   f"training set has at most {_MOST_FRESH} times."),
            curves(arms, "support", "Different tokens in the training set", "Tokens"),
            curves(arms, "heterozygosity", "Chance that two tokens of the training set differ", "1 − Σp²"),
            _continuations(arms),
        ],
        _notes(settings, ground, items, zero_shot.value if zero_shot else None),
    )  # fmt: skip


def _arm(name: str, settings: Settings, ground: _Ground, items: int, bench: Bench) -> tuple[Arm, Keep]:
    regime = name.partition(",")[0]
    keeps_previous = regime == "reserve" and settings.kept == "previous"
    chain = _Chain(
        TransformerLearner(
            _fine_tuning(settings, settings.epochs_kept if regime in _WITH_HUMAN_DATA else settings.epochs, ground),
            None if settings.start == "scratch" else ground.base,
            ground.validation,
            decoding=settings.decoding_of(name),
            copied=settings.share if keeps_previous else 0.0,
        ),
        settings,
        bench,
        name,
    )
    arm = Arm(
        name,
        chain,
        FromRows(ground.train, shuffled=items < len(ground.train)),
        Replace() if keeps_previous else regime_named(regime, share=settings.share),
        items=items,
        generations=settings.generations,
        replicates=settings.seeds,
        diversity="heterozygosity",
        together=1,
        measure=lambda step: _measures(step, chain, ground, settings),
        snapshot=lambda step: _snapshot(step, chain, ground),
        snapshots=tuple(sorted({round(g) for g in np.linspace(0, settings.generations, _SNAPSHOTS)})),
        uninformed_risk=math.log(ground.tokenizer.size),
    )
    return arm, chain


def _fine_tuning(settings: Settings, epochs: int, ground: _Ground | None = None) -> TransformerSettings:
    return TransformerSettings(
        settings.size,
        ground.tokenizer.size if ground and not settings.model else None,
        epochs,
        settings.learning_rate,
        settings.floor_rate,
        settings.schedule,
        settings.weight_decay,
        settings.batch,
        settings.keep,
        settings.device,
        settings.precision,
    )


def _prepare(settings: Settings, bench: Bench) -> _Ground:
    """Return text, tokenizer and base.

    Raises:
        InputError: text or model cannot be read.
        NotEnoughData: there is too little text.
    """
    train, validation, test, name = _texts(settings)
    wanted = settings.vocabulary or SIZES[settings.size].vocabulary
    tokenizer = load_tokenizer(settings.model) if settings.model else train_tokenizer(_first(train), wanted)
    ids = tokenizer.encode(train)
    block = settings.block
    base = None
    if settings.model:
        base = load_transformer(settings.model, device=settings.device, precision=settings.precision)
    else:
        # A base sees sequences of two blocks, so that it knows the positions behind a prompt; it sees other text than
        # the generations, as a published model does.
        size = settings.base_blocks // 2 * 2 * block
        before, ids = cut_blocks(ids[:size], 2 * block), ids[size:]
        if settings.start != "scratch":
            base = _built_base(settings, tokenizer, before, bench)
    held_out = tokenizer.encode(validation)[: settings.validation_blocks * block or None]
    tested = tokenizer.encode(test)[: settings.test_blocks * block or None]
    ground = _Ground(tokenizer, base, cut_blocks(ids, block), cut_blocks(held_out, block), tested, name)
    if min(len(ground.train), len(ground.validation), len(ground.test_blocks)) < 2:
        raise NotEnoughData(
            f"{name} leaves {len(ground.train)} training, {len(ground.validation)} validation and "
            f"{len(ground.test_blocks)} test blocks of {block} tokens. Give more text, or fewer base_blocks."
        )
    return ground


def _built_base(settings: Settings, tokenizer: Tokenizer, windows: Blocks, bench: Bench) -> TransformerModel:
    training = replace(
        _fine_tuning(settings, settings.base_epochs),
        vocabulary=tokenizer.size,
        learning_rate=settings.base_rate,
        schedule="cosine",
    )
    rng = np.random.default_rng([settings.seed, 30])
    bench.tell(0, 1, "base")
    made: Any = bench.keep("base", _save, lambda folder: _load(folder, settings)).model(
        0,
        lambda: TransformerLearner(training, progress=_progress(bench, "base")).fit(Points(windows[None]), rng),
    )
    return made


def _progress(bench: Bench, what: str) -> Tell:
    return lambda done, total, doing: bench.tell(done, total, f"{what}: {doing}")


def _texts(settings: Settings) -> tuple[list[str], list[str], list[str], str]:
    """Return human texts to train on, to choose epochs by and to test on, and what they are."""
    if settings.data == WIKITEXT2:
        return _wikitext2()
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    named = {"validation": "valid", "dev": "valid"}

    def deal(text: str, group: str) -> None:
        if settings.split:
            part = named.get(group, group)
        else:
            part = {0: "test", 1: "valid"}.get(zlib.crc32(group.encode()) % 8, "train")
        if part in parts:
            parts[part].append(" ".join(text.split()))

    if settings.data:
        name = settings.data
        for batch in read_documents(
            settings.data, Columns(text=settings.column, group=settings.split or None), paragraphs=True, batch_rows=64
        ):
            dealt = batch["group"] if settings.split else batch["id"]
            for text, group in zip(batch["text"].to_pylist(), dealt.to_pylist(), strict=True):
                deal(text, group)
    else:
        enough = (settings.base_blocks + settings.blocks) * settings.block * _CHARACTERS_PER_TOKEN
        packages: list[str] = []
        for package in _DOCUMENTATION:
            table = collect_documentation((package,)).table
            packages.append(package)
            for text, group in zip(table["text"].to_pylist(), table["group"].to_pylist(), strict=True):
                deal(text, group)
            if settings.blocks and sum(map(len, parts["train"])) >= enough:
                break
        name = f"the installed documentation of {', '.join(packages)}"
    for part in parts.values():
        np.random.default_rng([settings.seed, 31]).shuffle(part)  # base and generations see the same kinds of text
    return parts["train"], parts["valid"], parts["test"], name


def _wikitext2() -> tuple[list[str], list[str], list[str], str]:
    """Return the lines of WikiText-2 (raw) with text in them, from the hub."""
    import pyarrow.parquet as pq
    from huggingface_hub import hf_hub_download

    local = not hub_answers()
    parts = []
    for part in ("train", "validation", "test"):
        file = f"{_WIKITEXT2_FOLDER}/{part}-00000-of-00001.parquet"
        try:
            path = hf_hub_download(_WIKITEXT2_REPOSITORY, file, repo_type="dataset", local_files_only=local)
        except (OSError, ValueError) as error:
            raise unreachable("The data set", _WIKITEXT2_REPOSITORY, error) from error
        parts.append([text for text in pq.read_table(path)["text"].to_pylist() if text.strip()])
    return parts[0], parts[1], parts[2], "WikiText-2 (wikitext-2-raw-v1), line by line"


def _first(texts: Sequence[str]) -> list[str]:
    ends = np.cumsum([len(text) for text in texts])
    return list(texts[: int(np.searchsorted(ends, _TOKENIZER_CHARACTERS)) + 1])


def _save(folder: Path, value: Any) -> None:
    if isinstance(value, Points):
        np.save(folder / "blocks.npy", value.values)
        return
    value.save(folder)
    np.save(folder / "prompts.npy", value.prompts)


def _load(folder: Path, settings: Settings) -> Any:
    blocks = folder / "blocks.npy"
    if blocks.is_file():
        return Points(np.load(blocks, allow_pickle=False))
    model = load_transformer(str(folder), device=settings.device, precision=settings.precision)
    return replace(model, prompts=np.load(folder / "prompts.npy", allow_pickle=False))


def _measures(
    step: Step[Points], chain: _Chain, ground: _Ground, settings: Settings
) -> Mapping[str, NDArray[np.float64]]:
    model = chain.last
    assert model is not None
    found = model.perplexity(ground.test, block=settings.block, stride=settings.stride or None)
    size = ground.tokenizer.size
    tokens = step.training.values.ravel()
    human = chain.human.ravel()
    frequency = np.bincount(tokens, minlength=size) / len(tokens)
    written = _perplexities(chain.first, step.training)
    if step.generation == 0:  # the yardstick is the first model's, once per seed
        chain.limit = float(_perplexities(chain.first, Points(ground.test_blocks[None])).max())
    measures = {
        "perplexity": found.value,
        "risk": math.log(found.value),
        "written_perplexity": float(np.median(written)),
        "hallucinated": float((written > chain.limit).mean()),
        "heterozygosity": float(1 - np.square(frequency).sum()),
        "support": float(support(tokens, size)),
        "tail": rare_recall(tokens, rare_types(human, size, most=_MOST_FRESH), size),
    }
    return {name: np.array([value]) for name, value in measures.items()}


def _perplexities(model: TransformerModel | None, blocks: Points) -> NDArray[np.float64]:
    """Return the perplexity of each block."""
    assert model is not None
    return np.exp(model.loss(blocks).per_token[0])


def _snapshot(step: Step[Points], chain: _Chain, ground: _Ground) -> Snapshot:
    """Return the perplexities of the training set under generation 0, and one prompt continued in both ways."""
    assert chain.last is not None
    shown = Points(step.training.values[:, :_HISTOGRAM_BLOCKS])
    prompt = ground.test_blocks[:1]
    usual = chain.learner.decoding
    texts = [ground.tokenizer.decode(prompt[0, -_SHOWN_PROMPT:])]
    for method in ("beam", "sample"):
        rng = np.random.default_rng(step.generation)
        written = chain.last.continue_blocks(prompt, rng, replace(usual, method=method))
        texts.append(ground.tokenizer.decode(written[0]))
    return Snapshot(step.generation, (tuple(map(float, _perplexities(chain.first, shown))),), tuple(texts))


def _histograms(arm: ArmResult) -> HistogramFigure:
    values = {one.generation: np.log10(np.array(one.values[0])) for one in arm.snapshots}
    low, high = min(map(np.min, values.values())), max(map(np.max, values.values()))
    edges = np.linspace(low, max(high, low + 0.1), _BINS + 1)
    return HistogramFigure(
        f"Perplexity of each generation's training set under generation 0, {arm.name}",
        "Perplexity of a block",
        tuple(
            Histogram(
                "human" if generation == 0 else f"generation {generation}",
                tuple(float(edge) for edge in 10**edges),
                tuple(float(share) for share in np.histogram(one, edges)[0] / len(one)),
            )
            for generation, one in values.items()
        ),
        log_x=True,
        note="Mass moves left: more and more of what the first model finds likely. A tail on the right is what it "
        "would never write.",
    )


def _continuations(arms: Sequence[ArmResult]) -> TableFigure:
    rows = [
        (arm.name, str(shot.generation), "…" + shot.texts[0], shot.texts[1], shot.texts[2])
        for arm in arms
        for shot in (
            arm.snapshots if len(arm.snapshots) <= 3 else (arm.snapshots[0], arm.snapshots[1], arm.snapshots[-1])
        )
    ]
    return TableFigure(
        "What the models write", ("Regime", "Generation", "Prompt ends with", "Beam search", "Sampling"), tuple(rows)
    )


def _checks(arms: Sequence[ArmResult], settings: Settings, zero_shot: float | None) -> list[Check]:
    by_name = {arm.name: arm for arm in arms}
    checks = []
    lost = {name: arm.series["risk"].mean[-1] - arm.series["risk"].mean[0] for name, arm in by_name.items()}
    if "replace" in lost:
        checks.append(_above("nats per token lost without original data, last generation", lost["replace"], 0.0))
    if {"replace", "reserve"} <= set(lost) and settings.kept == "original":
        name = f"the same, less what is lost with {100 * settings.share:g}% original data"
        checks.append(_above(name, lost["replace"] - lost["reserve"], 0.0))
    if settings.model == _PUBLISHED_MODEL and settings.data == WIKITEXT2 and "replace" in by_name:
        perplexity = by_name["replace"].series["perplexity"].mean
        if zero_shot is not None:
            checks.append(within_share("zero-shot perplexity", _ZERO_SHOT, zero_shot, 0.1))
        checks.append(within_share("perplexity of generation 0", _GENERATION_0, perplexity[0], 0.1))
        checks.append(
            in_range("perplexity of generation 1 without original data", perplexity[1], *_SPIKE, reference=61.1)
        )
    return checks


def _above(name: str, observed: float, limit: float) -> Check:
    return Check(name, limit, observed, None, None, f"above {limit:g}", bool(observed > limit))


def _notes(settings: Settings, ground: _Ground, items: int, zero_shot: float | None) -> list[str]:
    size = SIZES[settings.size]
    notes = [
        f"Human text: {ground.text}; {items:,} training blocks of {settings.block} tokens, "
        f"{len(ground.validation):,} for validation, {len(ground.test_blocks):,} to test on. Tokenizer: "
        f"{ground.tokenizer.name}.",
        "A sentence in the paper, a loss “from 20 to 28 perplexity points”, can be read as a loss of 20 to 28 points "
        "or as a rise from 20 to 28. What is to be reproduced is the shape: a spike, then a plateau, and little of it "
        "with 10% original data.",
    ]
    if not settings.model:
        notes.append(
            f"Deviation from the published run: no published weights. The OPT architecture was built from a "
            f"configuration ({settings.size}: {size.layers} layers of width {size.width}) with a tokenizer trained on "
            "the human text."
        )
    if ground.base is not None:
        where = (
            "" if settings.model else f" {settings.base_blocks:,} other human blocks, {settings.base_epochs} epochs;"
        )
        starts = "every generation" if settings.start == "base" else "generation 0"
        notes.append(f"Base:{where} perplexity {zero_shot:.1f} on the test text. {starts.capitalize()} starts from it.")
    if settings.data != WIKITEXT2:
        notes.append("Deviation from the published run: other text than WikiText-2. White space runs are one space.")
    notes.append(
        "The schedule is one cosine over the epochs of a fit. The published files leave open whose share is kept and "
        f"whose blocks are the prompts; here kept = {settings.kept}, prompts = {settings.prompts}."
    )
    return notes


def _files(settings: Settings) -> list[Path]:
    """Return the files the settings name: text, and the weights of a model of the user's own."""
    texts = expand_paths([settings.data]) if settings.data not in {"", WIKITEXT2} else []
    model = Path(settings.model)
    weights = sorted(path for path in model.glob("*") if path.is_file()) if settings.model and model.is_dir() else []
    return [*texts, *weights]


EXPERIMENT = Experiment(
    name="opt",
    title="The Curse of Recursion: a transformer reads what it wrote",
    summary="A transformer language model is fine-tuned on human blocks of text, continues each block, and the same "
    "model is fine-tuned on the continuations, again and again. Its perplexity on human text jumps and stays high; "
    "with a tenth of the original data in every training set it loses less. What it writes becomes ever likelier and "
    "poorer.",
    settings=Settings,
    files=_files,
    run=run,
    regimes=("replace", "reserve"),
    more_regimes=("human-only", "accumulate", "subsample", "fresh"),
    quick={"generations": 3, "vocabulary": 500, "blocks": 100, "base_blocks": 240, "test_blocks": 80,
           "validation_blocks": 32, "learning_rate": 3e-3, "beams": 2, "ablation_penalty": 1.0,
           "ablation_sampling": False},
    references=("shumailov2024",),
    needs="train",
)  # fmt: skip
