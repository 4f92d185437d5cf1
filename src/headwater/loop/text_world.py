"""The world of text: words, an n-gram model that writes, and a proxy of the settings' choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.gate import (
    DSIR,
    AdmitAll,
    Discriminator,
    HardChecks,
    LowestPerplexity,
    RandomShare,
    ScoringPanel,
    Selection,
    token_counts,
)
from headwater.gate.checks import Check
from headwater.gate.verifiers import verifiers_of
from headwater.generate import own_output
from headwater.lineage import heterozygosity
from headwater.loop.learners import WORK, proxy_of
from headwater.loop.world import GenerationRecord, SampleText, World
from headwater.measure import bits_per_byte, distinct_n, rare_recall, rare_types, support
from headwater.models import NgramLearner, NgramModel
from headwater.models.learner import Learner
from headwater.store import Part, Split
from headwater.text import END, Vocabulary, encode_table, token_arrays

PROMPT_WORDS = 6


@dataclass(frozen=True)
class TextWorld(World):
    """The shared ground of all arms that write text."""

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
    ) -> "TextWorld":
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

    def hard_checks(self) -> HardChecks:
        """Return the hard checks against the human training text and all panels."""
        panels, copies = self.held_out()
        return HardChecks.against(self.train, panels, self.settings.gate, self._verifiers(), copies=copies)

    def _verifiers(self) -> tuple[Check, ...]:
        """Return the verifiers of the settings; parents of machine documents are human ones that are in no panel."""
        if not self.settings.gate.verify:
            return ()
        parts = [self.split[part] for part in (Part.TRAIN, Part.SOURCES)]
        texts: dict[str, str] = {}
        for table in parts:
            texts |= zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)
        return verifiers_of(self.settings.gate.verify, parents=texts, where="[[gate.verify]]")

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

    def examples(self, arm: str, generation: int, model: NgramModel, words: int = 40) -> Sequence[SampleText]:
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

    def own_output(
        self, model: NgramModel, size: int, rng: np.random.Generator, *, name: str, generation: int
    ) -> pa.Table:
        """Return at least ``size`` tokens of a model's writing."""
        return self.encode(own_output(model, size, rng, name=name, generation=generation))

    def slices(self, panel: ScoringPanel) -> Mapping[str, NDArray[np.bool_]]:
        """Return the documents of each source, and those with the most rare words."""
        rare = np.zeros(len(self.vocabulary), bool)
        rare[self.rare] = True
        return panel.slices(rare)

    def selections(self) -> tuple[Selection, ...]:
        """Return what the gate is compared with."""
        return AdmitAll(), RandomShare(), LowestPerplexity(self.learner), DSIR(), Discriminator()

    def most_likely(self) -> Selection:
        """Return the choice of lowest perplexity."""
        return LowestPerplexity(self.learner)
