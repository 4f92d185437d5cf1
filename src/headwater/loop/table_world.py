"""The world of tables: a copula that writes rows, and boosted trees that say whether they help to predict a column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.config import Settings
from headwater.gate import RowChecks, ScoringPanel
from headwater.generate import machine_rows
from headwater.loop.learners import WORK
from headwater.loop.row_world import RowWorld
from headwater.loop.world import GenerationRecord, SampleText
from headwater.models import BoostingLearner, CopulaLearner, CopulaModel
from headwater.models.table_form import VALUE, TableForm, row_texts
from headwater.schema import DOCUMENT, Reason, Stage
from headwater.store import Split

_BINS = 20  # numbers are counted by twentieths of the human distribution
_RARE_SHARE = 0.01
_MARGIN = 0.1  # of the human range, by which a number may lie outside


@dataclass(frozen=True)
class TableWorld(RowWorld):
    """The shared ground of all arms that write rows of a table."""

    settings: Settings
    form: TableForm
    split: Split
    """Human rows by part, with the columns ``value.<column>`` and ``unit``."""
    removed: pa.Table | None = None
    work: Path = Path(".headwater") / WORK
    tell: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    learner: CopulaLearner = field(init=False, compare=False)
    proxy: BoostingLearner = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "learner", CopulaLearner(self.form))
        object.__setattr__(self, "proxy", BoostingLearner(self.form))

    def encode(self, table: pa.Table) -> pa.Table:
        """Return rows with the column ``unit``: their group."""
        unit = table["unit"] if "unit" in table.column_names else table["group"]
        found = table.select(DOCUMENT.names).cast(DOCUMENT).append_column("unit", unit.cast(pa.string()))
        for column in self.form.columns:
            found = found.append_column(VALUE + column.name, table[VALUE + column.name])
        return found

    def own_output(
        self, model: CopulaModel, size: int, rng: np.random.Generator, *, name: str, generation: int
    ) -> pa.Table:
        """Return ``size`` rows of a model's."""
        return self.made(model.sample(size, rng), name=name, generation=generation)

    def made(
        self, values: pa.Table, *, name: str, generation: int = 1, parents: list[list[str]] | None = None
    ) -> pa.Table:
        """Return values as machine rows of a recipe, encoded."""
        return self.encode(machine_rows(values, row_texts(values), recipe=name, generation=generation, parents=parents))

    def slices(self, panel: ScoringPanel) -> Mapping[str, NDArray[np.bool_]]:
        """Return the rows of each class, and those with the most values that are rare in the human rows."""
        found: dict[str, NDArray[np.bool_]] = {}
        target = self.form.target_column
        if target.categories is not None:
            classes = np.asarray(panel.documents[VALUE + target.name].to_pylist(), object)
            found |= {f"{target.name} {name}": classes == name for name in target.categories}
        rare = self._rare_values(panel.documents)
        found["many rare values"] = (rare > 0) & (rare >= np.quantile(rare, 0.75)) if len(rare) else rare > 0
        return panel.large_enough(found)

    def hard_checks(self) -> RowChecks:
        """Return the hard checks against the human training rows and all panels."""
        panels, copies = self.held_out()
        return RowChecks.against(
            self.train, panels, self.vectors, [InvalidValue(self.form)], copies=copies, seed=self.settings.seed
        )

    def vectors(self, table: pa.Table) -> NDArray[np.float32]:
        """Return rows as points: numbers by their place in the human distribution, categories one dimension each."""
        codes = self.form.codes(table)
        parts: list[NDArray[np.float64]] = []
        for i, column in enumerate(self.form.columns):
            absent = np.isnan(codes[:, i])
            if column.categories is None:
                places = np.interp(np.where(absent, 0, codes[:, i]), *self._places[column.name])
                parts += [np.where(absent, 0.5, places)[:, None], absent[:, None].astype(float)]
            else:
                one_hot = codes[:, [i]] == np.arange(len(column.categories))
                parts.append(one_hot / np.sqrt(2))  # two different categories lie 1 apart
        return np.concatenate(parts, axis=1).astype(np.float32)

    def measure(
        self,
        arm: str,
        generation: int,
        model: CopulaModel,  # noqa: ARG002  (what it writes shows in the next generation's training set)
        training_set: pa.Table,
    ) -> GenerationRecord:
        """Return the measures of a training set: what is predicted from it, and which human values it still holds."""
        held = [self._bins(training_set, i) for i in range(len(self.form.columns))]
        return self.record_of_bins(arm, generation, training_set, held, self._rare)

    def examples(self, arm: str, generation: int, model: CopulaModel) -> Sequence[SampleText]:
        """Return three rows that a model writes; the same draws for every model."""
        rows = row_texts(model.sample(3, np.random.default_rng([self.settings.seed, 13])))
        return [SampleText(arm, generation, f"row {i + 1}", row) for i, row in enumerate(rows)]

    @cached_property
    def _places(self) -> Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Values of each column of numbers in the human training rows, and their place in [0, 1]."""
        codes = self.form.codes(self.train)
        found = {}
        for i, column in enumerate(self.form.columns):
            if column.numeric:
                values = np.unique(codes[~np.isnan(codes[:, i]), i])
                found[column.name] = (values, np.linspace(0, 1, len(values)))
        return found

    def _bins(self, table: pa.Table, i: int) -> NDArray[np.int64]:
        """Return the bin of each row in a column: its category, or its twentieth of the human rows; -1 for missing."""
        column = self.form.columns[i]
        values = self.form.codes(table.select([VALUE + column.name]), [column.name])[:, 0]
        absent = np.isnan(values)
        if column.numeric:
            values = np.searchsorted(self._edges[i], values).astype(float)
        return np.where(absent, -1, np.where(absent, 0, values)).astype(np.int64)

    @cached_property
    def _edges(self) -> list[NDArray[np.float64]]:
        codes = self.form.codes(self.train)
        # The outermost hundredths are bins of their own: the tails go first.
        cuts = np.unique(np.r_[0.01, np.arange(1, _BINS) / _BINS, 0.99])
        return [
            np.unique(np.nanquantile(codes[:, i], cuts)) if column.numeric else np.zeros(0)
            for i, column in enumerate(self.form.columns)
        ]

    @cached_property
    def _rare(self) -> list[list[int]]:
        """Bins of each column that at most a hundredth of the human training rows are in."""
        found = []
        for i in range(len(self.form.columns)):
            bins = self._bins(self.train, i)
            names, counts = np.unique(bins[bins >= 0], return_counts=True)
            found.append(names[counts <= np.ceil(_RARE_SHARE * len(bins))].tolist())
        return found

    def _rare_values(self, table: pa.Table) -> NDArray[np.int64]:
        return np.sum(
            [np.isin(self._bins(table, i), ones) for i, ones in enumerate(self._rare)], axis=0, dtype=np.int64
        )


def table_world(
    human: Split, settings: Settings, form: TableForm, removed: pa.Table | None, work: Path | None
) -> TableWorld:
    """Return the world of a split of human rows."""
    world = TableWorld(settings, form, human, removed, TableWorld.work if work is None else work)
    return replace(world, split=replace(human, parts={part: world.encode(rows) for part, rows in human.parts.items()}))


@dataclass(frozen=True, slots=True)
class InvalidValue:
    """Fails rows with a value that no human row could have: unknown categories, numbers far outside, gaps."""

    form: TableForm
    reason: Reason = Reason.INVALID_VALUE
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return how many values of each row are invalid."""
        codes = self.form.codes(documents)
        bad = np.zeros(documents.num_rows)
        for i, column in enumerate(self.form.columns):
            absent = np.isnan(codes[:, i])
            if column.categories is None:
                margin = _MARGIN * (column.high - column.low)
                outside = (codes[:, i] < column.low - margin) | (codes[:, i] > column.high + margin)
                bad += outside & ~absent
                bad += absent & (not column.missing)
            else:
                # A category nobody knows has no code; a missing one has no text either.
                null = pc.is_null(documents[VALUE + column.name]).to_numpy(zero_copy_only=False)
                bad += (absent & ~null) | (null & (not column.missing))
        return bad
