"""Stages 0 and 1 for a stream: every document through every check, and whole recipes barred for leaks and copies."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.config import GateSettings
from headwater.gate.blocks import blocks_of
from headwater.gate.checks import Check, Findings, run_checks
from headwater.gate.duplicates import duplicate_checks
from headwater.gate.form import NotText, Repetitive, TooShort, Truncated, endings_are_a_rule, repeated_shares
from headwater.gate.grouping import rows_by_recipe
from headwater.gate.overlap import RECIPE_SHARE, Overlap, panel_overlap, training_overlap
from headwater.gate.provenance import PanelDescendant, PanelDocument, Sealed
from headwater.schema import Reason, Stage
from headwater.text import GramIndex, word_hashes


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a whole recipe is barred."""

    stage: Stage
    reason: Reason
    measured: float
    """Share of its blocks (or documents) that fail."""
    threshold: float = RECIPE_SHARE


@dataclass(frozen=True, slots=True)
class RecipeOverlap:
    """Mean share of a recipe's 8-word sequences that occur in human text, for the report."""

    panels: float
    training: float


@dataclass(frozen=True, slots=True)
class Checked:
    """A stream after the hard checks."""

    documents: pa.Table
    findings: Findings
    bars: Mapping[str, Bar]
    """Barred recipes by name."""
    overlaps: Mapping[str, RecipeOverlap]
    copied: NDArray[np.float64] | None = None
    """Share of 8-word sequences in the human training text, of the worst block of each document; None: not measured."""

    @property
    def passed(self) -> pa.Table:
        """Documents that passed every check and whose recipe is not barred."""
        open_recipe = np.array([recipe not in self.bars for recipe in self.documents["recipe"].to_pylist()], bool)
        return self.documents.filter(pa.array(self.findings.passed & open_recipe))


@dataclass(frozen=True)
class HardChecks:
    """The hard checks of one gate, with the human texts they compare with."""

    panels: Overlap
    training: Overlap
    sealed: Sealed
    truncation: bool
    """Whether a document that stops in mid-sentence was cut off: only where human documents practically never do."""
    settings: GateSettings
    extra: tuple[Check, ...] = ()
    """Further checks of the user's own, applied last."""

    @classmethod
    def against(
        cls,
        train: pa.Table,
        panels: Sequence[pa.Table],
        settings: GateSettings,
        extra: Sequence[Check] = (),
        *,
        copies: Sequence[pa.Table] = (),
    ) -> "HardChecks":
        """Return the hard checks for human training documents and sealed panels.

        Args:
            train: human training documents.
            panels: the documents of every panel.
            settings: settings of the gate.
            extra: further checks of the user's own, applied last.
            copies: near-duplicates of panel documents that are in no panel themselves; sealed like these.
        """
        texts = train["text"].to_pylist()
        held_out = [text for panel in panels for text in panel["text"].to_pylist()]
        return cls(
            panel_overlap(GramIndex.from_texts(held_out)),
            training_overlap(GramIndex.from_texts(texts)),
            Sealed.of([*panels, *copies]),
            endings_are_a_rule(texts),
            settings,
            tuple(extra),
        )

    def apply(self, stream: pa.Table) -> Checked:
        """Return the stream with the first failed check of each document and the barred recipes.

        A recipe is barred when 10% of its blocks overlap too much with a panel or with training text: where so much was
        copied, more was copied in ways that overlap does not show. It is also barred when 10% of its documents descend
        from panels and some do not say what they were made from; where all do, descendants are known one by one and
        cost only themselves. Barring comes before any measurement of utility, because a leak makes a recipe look
        three to eight times as useful as it is.
        """
        words = word_hashes(stream["text"].to_pylist())
        blocks = blocks_of(words)
        too_short = TooShort(self.settings.least_words)
        shares = {check.reason: blocks.shares(check.index) for check in (self.panels, self.training)}
        checks: list[Check] = [
            PanelDocument(self.sealed),
            PanelDescendant(self.sealed),
            _Known.of(too_short, -np.diff(words.offsets).astype(np.float64)),
            NotText(),
            _Known.of(Repetitive(), repeated_shares(words)),
            *([Truncated()] if self.truncation else []),
            *duplicate_checks(stream, words),
            *(_Known.of(check, blocks.worst(shares[check.reason], stream.num_rows)) for check in self._overlap),
            *self.extra,
        ]
        findings = run_checks(stream, checks)
        bars, overlaps = {}, {}
        origin = np.array([stage is Stage.PROVENANCE for stage in findings.stages], bool)
        nameless = _say_nothing_of_their_origin(stream)
        for name, rows in rows_by_recipe(stream).items():
            inside = blocks.of_documents(rows)
            of_recipe = {reason: values[inside] for reason, values in shares.items()}
            overlaps[name] = RecipeOverlap(*(_mean(of_recipe[check.reason]) for check in self._overlap))
            bar = _all_failed(findings, rows) if origin[rows].all() else None
            descended = float(origin[rows].mean())
            if bar is None and nameless[rows].any() and descended >= RECIPE_SHARE:
                bar = Bar(Stage.PROVENANCE, Reason.DESCENDS_FROM_PANEL, descended)
            for check in self._overlap:
                failing = _mean(of_recipe[check.reason] > check.threshold)
                if bar is None and failing >= RECIPE_SHARE:
                    bar = Bar(Stage.CHECKS, check.reason, failing)
            bar = bar or _all_failed(findings, rows)
            if bar is not None:
                bars[name] = bar
        return Checked(stream, findings, bars, overlaps, blocks.worst(shares[self.training.reason], stream.num_rows))

    @property
    def _overlap(self) -> tuple[Overlap, Overlap]:
        return self.panels, self.training


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _say_nothing_of_their_origin(stream: pa.Table) -> NDArray[np.bool_]:
    """Say for each document whether it names neither parents nor a group but itself."""
    columns = (stream[name].to_pylist() for name in ("id", "group", "parents"))
    return np.array([not parents and group in {key, None} for key, group, parents in zip(*columns, strict=True)], bool)


def _all_failed(findings: Findings, rows: NDArray[np.int64]) -> Bar | None:
    """Return the commonest failure of a recipe none of whose documents passed, or None where one did."""
    failures = Counter((findings.stages[i], findings.reasons[i]) for i in rows)
    if (None, None) in failures:
        return None
    (stage, reason), _ = failures.most_common(1)[0]
    assert stage is not None
    assert reason is not None
    return Bar(stage, reason, 1.0)


@dataclass(frozen=True, slots=True)
class _Known:
    """A check whose values were computed for the stream as a whole, one per document in its order."""

    values: NDArray[np.float64]
    reason: Reason
    stage: Stage
    threshold: float

    @classmethod
    def of(cls, check: Check, values: NDArray[np.float64]) -> "_Known":
        return cls(values, check.reason, check.stage, check.threshold)

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:  # noqa: ARG002
        """Return the value of each document."""
        return self.values
