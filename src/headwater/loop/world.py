"""Everything the arms of a run share: human parts, learners, panels, and how a model is measured.

A world is one modality: text (:mod:`headwater.loop.text_world`) or rows of numbers and categories
(:mod:`headwater.loop.table_world`). Gate and loop know this class alone, so a new modality is a new world and nothing
else: how documents get the columns its learners need, what writes, what tests, what is checked, and what is measured.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.decide import Rule, clip_bound, design_effect
from headwater.gate import Certifier, Checked, Gate, ScoringPanel, Selection, token_counts
from headwater.models import Losses
from headwater.models.learner import Learner, averaged, fitted
from headwater.store import Part, Split


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


class HardChecker(Protocol):
    """The hard checks of one world."""

    def apply(self, stream: pa.Table) -> Checked:
        """Return the stream with the first failed check of each document and the barred recipes."""
        ...


class World(ABC):
    """The shared ground of all arms."""

    settings: Settings
    learner: Any
    """Fits the loops' own models, which write and are retrained."""
    proxy: Learner[pa.Table]
    """Fits the models that test recipes."""
    split: Split
    """Human documents by part, with the columns the learners need."""
    removed: pa.Table | None
    """Copies of human documents, with the column ``repeats``: sealed with what they repeat."""
    work: Path
    """Where commands keep what they make."""
    tell: Callable[[str], None] | None
    """Told what a slow learner is doing."""

    @property
    def least_items(self) -> int:
        """Tokens (or rows) a recipe needs before it is tested."""
        return self.settings.gate.least_tokens

    @abstractmethod
    def encode(self, table: pa.Table) -> pa.Table:
        """Return documents with the column ``unit`` and what the learners need, as the human parts have them."""

    @abstractmethod
    def own_output(self, model: Any, size: int, rng: np.random.Generator, *, name: str, generation: int) -> pa.Table:
        """Return at least ``size`` tokens (or rows) of a model's, encoded, under a recipe's name."""

    @abstractmethod
    def slices(self, panel: ScoringPanel) -> Mapping[str, NDArray[np.bool_]]:
        """Return the documents of a panel that must not be hurt, by slice."""

    @abstractmethod
    def hard_checks(self) -> HardChecker:
        """Return the hard checks against the human training documents and all panels."""

    @abstractmethod
    def selections(self) -> tuple[Selection, ...]:
        """Return what the gate is compared with."""

    @abstractmethod
    def most_likely(self) -> Selection:
        """Return the selection of the filtered loop: what a model of the human documents finds most likely."""

    @abstractmethod
    def measure(self, arm: str, generation: int, model: Any, training_set: pa.Table) -> GenerationRecord:
        """Return the measures of a model and of the set it was trained on."""

    @abstractmethod
    def examples(self, arm: str, generation: int, model: Any) -> Sequence[SampleText]:
        """Return what a model writes, to be read; the same draws for every model."""

    @property
    def train(self) -> pa.Table:
        """Human training documents."""
        return self.split[Part.TRAIN]

    @property
    def final(self) -> ScoringPanel:
        """The panel that is only reported on."""
        return ScoringPanel(self.split[Part.FINAL])

    def held_out(self) -> tuple[list[pa.Table], list[pa.Table]]:
        """Return the documents of every panel, and copies of these that are in no part; both are sealed."""
        panels = [self.split[part] for part in (Part.STEERING, Part.CERTIFICATION, Part.FINAL)]
        if self.removed is None:
            return panels, []
        sealed = pa.concat_arrays([chunk for panel in panels for chunk in panel["id"].chunks])
        return panels, [self.removed.filter(pc.is_in(self.removed["repeats"], sealed))]

    @property
    def budget(self) -> int:
        """Tokens (or rows) of the human training documents."""
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

    def gate(self, *, gates: int, machine_share: float, rule: str | None = None) -> Gate:
        """Return a gate on this world's panels.

        Args:
            gates: how many gates share the error budget; each gets an even part of delta.
            machine_share: largest machine-made share of the training mix.
            rule: rule of the threshold; the settings' by default.
        """
        settings = self.settings.gate.model_copy(update={"least_tokens": self.least_items})
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
            slices=self.slices,
            seed=self.settings.seed,
        )
