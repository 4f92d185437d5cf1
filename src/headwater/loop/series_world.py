"""The world of windows of series: a mixture that writes them, and a forecast or classifier that says if they help."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.gate import RowChecks, ScoringPanel
from headwater.gate.window_checks import FrozenChannel, ImpossibleMotion, InvalidWindow, Limits
from headwater.generate import machine_rows
from headwater.loop.learners import WORK
from headwater.loop.row_world import RowWorld
from headwater.loop.world import GenerationRecord, SampleText
from headwater.models.window_classifier import WindowClassifierLearner
from headwater.models.window_forecast import WindowForecastLearner
from headwater.models.window_mixture import WindowMixtureLearner, WindowMixtureModel
from headwater.models.windows import LABEL, WINDOW, WindowForm, window_texts
from headwater.schema import DOCUMENT
from headwater.store import Split

_CUTS = np.r_[0.01, np.arange(1, 20) / 20, 0.99]  # the outermost hundredths are bins of their own: tails go first
_RARE_SHARE = 0.01
_SHOWN_STEPS = 5


@dataclass(frozen=True)
class SeriesWorld(RowWorld):
    """The shared ground of all arms that write windows of series."""

    settings: Settings
    form: WindowForm
    split: Split
    """Human windows by part, with the columns ``value.window``, ``value.label`` and ``unit``."""
    removed: pa.Table | None = None
    work: Path = Path(".headwater") / WORK
    tell: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    limits: Limits = field(init=False, compare=False, repr=False)
    """What a window may be; that of the human training windows with a margin."""
    learner: WindowMixtureLearner = field(init=False, compare=False)
    proxy: WindowForecastLearner | WindowClassifierLearner = field(init=False, compare=False)

    def __post_init__(self) -> None:
        parts = {part: self.encode(table) for part, table in self.split.parts.items()}
        object.__setattr__(self, "split", replace(self.split, parts=parts))
        object.__setattr__(self, "limits", Limits.of(self.form, self.train))
        object.__setattr__(self, "learner", WindowMixtureLearner(self.form))
        kind = WindowClassifierLearner if self.form.labels else WindowForecastLearner
        object.__setattr__(self, "proxy", kind.tuned(self.form, self.train))

    def encode(self, table: pa.Table) -> pa.Table:
        """Return windows with the column ``unit``: their segment."""
        unit = table["unit"] if "unit" in table.column_names else table["group"]
        found = table.select(DOCUMENT.names).cast(DOCUMENT).append_column("unit", unit.cast(pa.string()))
        return found.append_column(WINDOW, table[WINDOW]).append_column(LABEL, table[LABEL])

    def own_output(
        self, model: WindowMixtureModel, size: int, rng: np.random.Generator, *, name: str, generation: int
    ) -> pa.Table:
        """Return ``size`` windows of a model's."""
        return self.made(model.sample(size, rng), name=name, generation=generation)

    def made(
        self, values: pa.Table, *, name: str, generation: int = 1, parents: list[list[str]] | None = None
    ) -> pa.Table:
        """Return windows as machine documents of a recipe, encoded."""
        texts = window_texts(values, self.form.channels)
        return self.encode(machine_rows(values, texts, recipe=name, generation=generation, parents=parents))

    def slices(self, panel: ScoringPanel) -> Mapping[str, NDArray[np.bool_]]:
        """Return the windows of each label, and those with the most motion that is rare in the human windows."""
        labels = np.asarray(panel.documents[LABEL].to_pylist(), object)
        found: dict[str, NDArray[np.bool_]] = {f"label {name}": labels == name for name in self.form.labels}
        rare = np.sum([np.isin(bins, ones) for bins, ones in zip(self._bins(panel.documents), self._rare, strict=True)],
                      axis=0)  # fmt: skip
        found["much rare motion"] = (rare > 0) & (rare >= np.quantile(rare, 0.75)) if len(rare) else rare > 0
        return panel.large_enough(found)

    def hard_checks(self) -> RowChecks:
        """Return the hard checks against the human training windows and all panels: values, motion, labels, copies."""
        panels, copies = self.held_out()
        validity = [kind(self.form, self.limits) for kind in (InvalidWindow, ImpossibleMotion, FrozenChannel)]
        return RowChecks.against(self.train, panels, self.vectors, validity, copies=copies, seed=self.settings.seed)

    def vectors(self, table: pa.Table) -> NDArray[np.float32]:
        """Return windows as points: every value in standard deviations of its channel."""
        return self.form.standard(table).astype(np.float32)

    def measure(
        self,
        arm: str,
        generation: int,
        model: WindowMixtureModel,  # noqa: ARG002  (what it writes shows in the next generation's training set)
        training_set: pa.Table,
    ) -> GenerationRecord:
        """Return the measures of a training set: what is learnt from it, and which human motion it still holds.

        Mean and largest step of each channel are counted in bins of the human windows; a bin that at most one in a
        hundred human windows is in is rare.
        """
        return self.record_of_bins(arm, generation, training_set, self._bins(training_set), self._rare)

    def examples(self, arm: str, generation: int, model: WindowMixtureModel) -> Sequence[SampleText]:
        """Return the first steps of three windows that a model writes; the same draws for every model."""
        table = model.sample(3, np.random.default_rng([self.settings.seed, 13]))
        shown = []
        for i, (steps, label) in enumerate(zip(self.form.steps(table), table[LABEL].to_pylist(), strict=True)):
            lines = [
                f"{name}: {' '.join(f'{x:.3g}' for x in steps[:_SHOWN_STEPS, k])} …"
                for k, name in enumerate(self.form.channels)
            ]
            named = f"window {i + 1}" if label is None else f"window {i + 1}, label {label}"
            shown.append(SampleText(arm, generation, named, "\n".join(lines)))
        return shown

    def _statistics(self, table: pa.Table) -> NDArray[np.float64]:
        """Return mean and largest step of each channel, shape (windows, 2 * channels)."""
        steps = self.form.steps(table)
        return np.concatenate([steps.mean(axis=1), np.abs(np.diff(steps, axis=1)).max(axis=1)], axis=1)

    def _bins(self, table: pa.Table) -> list[NDArray[np.int64]]:
        found = self._statistics(table)
        return [np.searchsorted(edges, found[:, i]) for i, edges in enumerate(self._edges)]

    @cached_property
    def _edges(self) -> list[NDArray[np.float64]]:
        return [np.unique(np.quantile(column, _CUTS)) for column in self._statistics(self.train).T]

    @cached_property
    def _rare(self) -> list[list[int]]:
        """Bins of each statistic that at most a hundredth of the human training windows are in."""
        found = []
        for bins in self._bins(self.train):
            names, counts = np.unique(bins, return_counts=True)
            found.append(names[counts <= np.ceil(_RARE_SHARE * len(bins))].tolist())
        return found
