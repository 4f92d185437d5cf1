"""Everything the arms of a run share: human parts, learner, panels, and how a model is measured."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.decide import Rule, clip_bound, design_effect
from headwater.gate import Certifier, Gate, HardChecks, ScoringPanel, token_counts
from headwater.lineage import heterozygosity
from headwater.loop.learners import WORK, proxy_of
from headwater.measure import bits_per_byte, distinct_n, rare_recall, rare_types, support
from headwater.models import Learner, Losses, NgramLearner, NgramModel
from headwater.models.learner import averaged, fitted
from headwater.store import Part, Split
from headwater.text import END, Vocabulary, encode_table, token_arrays

PROMPT_WORDS = 6


@dataclass(frozen=True, slots=True)
class GenerationRecord:
    """Measures of one generation of one arm."""

    arm: str
    generation: int
    loss_nats: float
    """Nats per word on the final panel, averaged over groups."""
    bits_per_byte: float
    """Bits per byte on the final panel, unknown words spelled."""
    rare_word_recall: float
    """Share of the rare words of the human base that the training set still holds."""
    support: int
    """Distinct words in the training set."""
    distinct_2: float
    """Distinct word pairs of the training set divided by all its word pairs."""
    training_tokens: int
    machine_share: float
    """Share of the training tokens that are machine-made."""
    heterozygosity: float = math.nan
    """Chance that two words of the training set differ; NaN in results of versions that did not measure it."""


@dataclass(frozen=True, slots=True)
class SampleText:
    """A prompt continued by the model of a generation."""

    arm: str
    generation: int
    prompt: str
    continuation: str


@dataclass(frozen=True)
class World:
    """The shared ground of all arms."""

    settings: Settings
    vocabulary: Vocabulary
    learner: NgramLearner
    """Fits the loops' own models, which write and are retrained."""
    split: Split
    """Human documents by part, encoded."""
    prompts: tuple[str, ...]
    removed: pa.Table | None = None
    """Near-duplicates of human documents, with the column ``repeats``: sealed with what they repeat."""
    proxy: Learner[pa.Table] = field(init=False, compare=False)
    """Fits the models that test recipes; the loops' own learner unless the settings name another."""
    work: Path = Path(".headwater") / WORK
    """Where commands keep what they make."""
    tell: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    """Told what a slow proxy is doing."""

    def __post_init__(self) -> None:
        proxy: Learner[pa.Table] = self.learner
        if self.settings.model.kind != "ngram":
            proxy = proxy_of(self.settings, self.vocabulary, self.train, self.budget, self.work, self.tell)
        object.__setattr__(self, "proxy", proxy)

    @classmethod
    def on(
        cls,
        split: Split,
        settings: Settings,
        removed: pa.Table | None = None,
        *,
        work: Path | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> "World":
        """Return the world of a split of human documents.

        The vocabulary is that of the human training text, so that nothing about the panels or the stream enters it
        and all arms are compared on the same one.

        Args:
            split: human documents by part.
            settings: resolved settings.
            removed: near-duplicates of human documents.
            work: where commands keep what they make; the current folder's project by default.
            tell: told what a slow proxy is doing.
        """
        train = split[Part.TRAIN]
        vocabulary = Vocabulary.from_texts(
            train["text"].to_pylist(), settings.model.min_count, settings.model.max_vocabulary
        )
        parts = {part: encode_table(table, vocabulary) for part, table in split.parts.items()}
        learner = NgramLearner(vocabulary, order=settings.model.order, discount=settings.model.discount)
        final = split[Part.FINAL]["text"].to_pylist()
        rng = np.random.default_rng([settings.seed, 7])
        long_enough = [text for text in final if len(text.split()) >= 3 * PROMPT_WORDS] or final
        chosen = rng.permutation(len(long_enough))[:3].tolist()
        prompts = tuple(" ".join(long_enough[i].split()[:PROMPT_WORDS]) for i in chosen)
        place = cls.work if work is None else work
        return cls(settings, vocabulary, learner, replace(split, parts=parts), prompts, removed, place, tell)

    @property
    def train(self) -> pa.Table:
        """Human training documents."""
        return self.split[Part.TRAIN]

    @property
    def final(self) -> ScoringPanel:
        """The panel that is only reported on."""
        return ScoringPanel(self.split[Part.FINAL])

    @property
    def budget(self) -> int:
        """Tokens of the human training text."""
        return int(token_counts(self.train).sum())

    @cached_property
    def human_losses(self) -> Losses:
        """Losses on the final panel of the model of the human training text: what every arm is compared with."""
        return self.final_losses(self.train)

    def final_losses(self, training_set: pa.Table) -> Losses:
        """Return the losses on the final panel of the proxy of a training set, averaged over its seeds."""
        models = fitted(self.proxy, training_set, [self.settings.seed])
        return averaged([model.loss(self.final.documents) for model in models])

    @cached_property
    def rare(self) -> NDArray[np.int64]:
        """Token ids of the words that are rare in the human training text."""
        return rare_types(token_arrays(self.train, self.vocabulary)[0], len(self.vocabulary), first=END + 1)

    def encode(self, table: pa.Table) -> pa.Table:
        """Return a document table with this world's tokens and the column ``unit``, as the human parts have them."""
        if "unit" not in table.column_names:
            at = table.column_names.index("meta") + 1
            table = table.add_column(at, "unit", table["group"])
        return encode_table(table, self.vocabulary)

    @cached_property
    def null_differences(self) -> tuple[pa.Table, NDArray[np.float64], NDArray[np.float64]]:
        """Return the steering panel and what two human-only proxies differ by on it, per document and per unit.

        The pair is trained on two random halves of the human training text. Without a steering panel a third of its
        groups takes that place and is not trained on: on documents that one of the pair has seen they differ tenfold.
        """
        rng = np.random.default_rng([self.settings.seed, 11])
        order = rng.permutation(self.train.num_rows)
        panel = ScoringPanel(self.split[Part.STEERING])
        if not panel.documents.num_rows:
            units = ScoringPanel(self.train).units
            names = np.unique(units)
            held = np.isin(units, rng.permutation(names)[: len(names) // 3])
            panel = ScoringPanel(self.train.filter(pa.array(held)))
            order = order[~held[order]]
        half = len(order) // 2
        first, second = (
            averaged(
                [
                    model.loss(panel.documents)
                    for model in fitted(self.proxy, self.train.take(pa.array(rows)), [self.settings.seed, 11])
                ]
            )
            for rows in (order[:half], order[half:])
        )
        return panel.documents, first.per_token - second.per_token, panel.gains(first, second)

    def clip(self) -> float:
        """Return the clip bound: a multiple of the standard deviation of the human-only differences per unit."""
        return clip_bound(self.null_differences[2], self.settings.gate.clip_multiple)

    def design_effect(self) -> float:
        """Return the design effect of documents within groups of the steering panel."""
        documents, differences, _ = self.null_differences
        return design_effect(differences, documents["unit"].to_pylist())

    def hard_checks(self) -> HardChecks:
        """Return the hard checks against the human training text and all panels."""
        panels = [self.split[part] for part in (Part.STEERING, Part.CERTIFICATION, Part.FINAL)]
        copies = []
        if self.removed is not None:
            sealed = pa.concat_arrays([chunk for panel in panels for chunk in panel["id"].chunks])
            copies = [self.removed.filter(pc.is_in(self.removed["repeats"], sealed))]
        return HardChecks.against(self.train, panels, self.settings.gate, copies=copies)

    def gate(self, *, gates: int, machine_share: float, rule: str | None = None) -> Gate:
        """Return a gate on this world's panels.

        Args:
            gates: how many gates share the error budget; each gets an even part of delta.
            machine_share: largest machine-made share of the training mix.
            rule: rule of the threshold; the settings' by default.
        """
        settings = self.settings.gate
        rare = np.zeros(len(self.vocabulary), bool)
        rare[self.rare] = True
        steering = self.split[Part.STEERING]
        return Gate(
            learner=self.proxy,
            human=self.train,
            steering=ScoringPanel(steering) if steering.num_rows else None,
            certifier=Certifier(
                ScoringPanel(self.split[Part.CERTIFICATION]),
                self.clip(),
                Rule(rule or settings.rule),
                settings.delta / gates,
            ),
            settings=settings,
            machine_share=machine_share,
            rare=rare,
            seed=self.settings.seed,
        )

    def measure(self, arm: str, generation: int, model: NgramModel, training_set: pa.Table) -> GenerationRecord:
        """Return the measures of a model and of the set it was trained on."""
        panel = self.final
        losses = model.loss(panel.documents)
        tokens, offsets = token_arrays(training_set, self.vocabulary)
        counts = token_counts(training_set)
        machine = np.array([recipe is not None for recipe in training_set["recipe"].to_pylist()], bool)
        size = len(self.vocabulary)
        return GenerationRecord(
            arm=arm,
            generation=generation,
            loss_nats=panel.mean_loss(losses),
            bits_per_byte=bits_per_byte(
                losses.nats,
                panel.documents["spelling_nats"].to_numpy(),
                panel.documents["coded_bytes"].to_numpy(),
            ),
            rare_word_recall=rare_recall(tokens, self.rare, size),
            support=support(tokens, size, first=END + 1),
            distinct_2=distinct_n(tokens, offsets, 2),
            training_tokens=int(counts.sum()),
            machine_share=float(counts[machine].sum() / max(int(counts.sum()), 1)),
            heterozygosity=heterozygosity(np.bincount(tokens, minlength=size)[END + 1 :]),
        )

    def continue_prompts(self, arm: str, generation: int, model: NgramModel, words: int = 40) -> Sequence[SampleText]:
        """Return the world's prompts continued by a model; the same draws for every model."""
        return [
            SampleText(
                arm,
                generation,
                prompt,
                model.continue_text(prompt, words, np.random.default_rng([self.settings.seed, 13, i])),
            )
            for i, prompt in enumerate(self.prompts)
        ]
