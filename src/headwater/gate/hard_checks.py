"""Stages 0 and 1 for a stream: every document through every check, and whole recipes barred for leaks and copies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.config import GateSettings
from headwater.gate.checks import Check, Findings, run_checks
from headwater.gate.duplicates import duplicate_checks
from headwater.gate.form import NotText, Repetitive, TooShort, Truncated, endings_are_a_rule
from headwater.gate.overlap import RECIPE_SHARE, Overlap, panel_overlap, training_overlap
from headwater.gate.provenance import PanelDescendant, PanelDocument, Sealed
from headwater.schema import Reason, Stage
from headwater.text.overlap import GramIndex


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
    form: tuple[Check, ...]

    @classmethod
    def against(
        cls, train: pa.Table, panels: Sequence[pa.Table], settings: GateSettings, extra: Sequence[Check] = ()
    ) -> "HardChecks":
        """Return the hard checks for human training documents and sealed panels.

        Args:
            train: human training documents.
            panels: the documents of every panel.
            settings: settings of the gate.
            extra: further checks of the user's own, applied last.
        """
        texts = train["text"].to_pylist()
        form: list[Check] = [TooShort(settings.least_words), NotText(), Repetitive()]
        if endings_are_a_rule(texts):
            form.append(Truncated())
        held_out = [text for panel in panels for text in panel["text"].to_pylist()]
        return cls(
            panel_overlap(GramIndex.from_texts(held_out)),
            training_overlap(GramIndex.from_texts(texts)),
            Sealed.of(panels),
            (*form, *extra),
        )

    def apply(self, stream: pa.Table) -> Checked:
        """Return the stream with the first failed check of each document and the barred recipes.

        A recipe is barred when 10% of its blocks overlap too much with a panel or with training text, or 10% of its
        documents are panel documents or descend from them. Barring comes before any measurement of utility, because a
        leak makes a recipe look three to eight times as useful as it is.
        """
        provenance: list[Check] = [PanelDocument(self.sealed), PanelDescendant(self.sealed)]
        findings = run_checks(
            stream, [*provenance, *self.form, *duplicate_checks(stream), self.panels, self.training]
        )
        bars, overlaps = {}, {}
        origin = np.array([stage is Stage.PROVENANCE for stage in findings.stages], bool)
        names = np.asarray(stream["recipe"].to_pylist(), dtype=object)
        for name in pc.unique(stream["recipe"]).to_pylist():
            rows = np.flatnonzero(names == name)
            documents = stream.take(pa.array(rows))
            shares = {check.reason: check.block_shares(documents) for check in (self.panels, self.training)}
            overlaps[name] = RecipeOverlap(
                float(shares[self.panels.reason].mean()), float(shares[self.training.reason].mean())
            )
            barred = float(origin[rows].mean())
            if barred >= RECIPE_SHARE:
                reasons = [findings.reasons[i] for i in rows if origin[i]]
                worst = max(set(reasons), key=reasons.count) or Reason.DESCENDS_FROM_PANEL
                bars[name] = Bar(Stage.PROVENANCE, worst, barred)
                continue
            for check in (self.panels, self.training):
                failing = float(np.mean(shares[check.reason] > check.threshold))
                if failing >= RECIPE_SHARE:
                    bars[name] = Bar(Stage.CHECKS, check.reason, failing)
                    break
        return Checked(stream, findings, bars, overlaps)
