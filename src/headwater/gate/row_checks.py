"""Stages 0 and 1 for rows of numbers: tables, images, windows of series.

What overlap of word sequences is for text, distance is for rows. A machine row is a copy when it lies nearer to a human
row than all but one in a hundred of other human rows do: a rule that asks the human data how near is near. Where human
rows repeat each other exactly (a table of few categories), nearness proves nothing, and only descent does.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.checks import Check, Findings, run_checks
from headwater.gate.grouping import rows_by_recipe
from headwater.gate.hard_checks import Bar, Checked, RecipeOverlap
from headwater.gate.overlap import RECIPE_SHARE
from headwater.gate.provenance import PanelDescendant, PanelDocument, Sealed
from headwater.schema import Reason, Stage

Vectors = Callable[[pa.Table], NDArray[np.float32]]
"""Returns rows as points whose distance means likeness, shape (rows, dimensions); never NaN."""

HUMAN_SHARE = 0.01
"""Share of human rows that lie as near to another human row as a copy does."""
_MOST_ROWS = 20_000
_AT_ONCE = 1024


@dataclass(frozen=True)
class NearRow:
    """Fails rows that lie nearer to a set of human rows than other human rows do."""

    points: NDArray[np.float32]
    """The human rows."""
    near: float
    """Distance at which one in a hundred human rows lies; 0 where human rows repeat each other, and nothing fails."""
    vectors: Vectors
    reason: Reason
    stage: Stage = Stage.CHECKS

    @classmethod
    def of(
        cls, rows: pa.Table, others: pa.Table, vectors: Vectors, reason: Reason, rng: np.random.Generator
    ) -> "NearRow":
        """Return the check for some human rows.

        Args:
            rows: what must not be copied.
            others: human rows that are none of them: how near human rows come to each other by chance.
            vectors: makes points of rows.
            reason: why a row fails.
            rng: chooses among more than 20,000 rows.
        """
        points, apart = (_some(vectors(table), rng) for table in (rows, others))
        distances = nearest(apart, points)
        near = float(np.quantile(distances, HUMAN_SHARE)) if len(distances) else 0.0
        return cls(points, near, vectors, reason)

    @property
    def threshold(self) -> float:
        """Return the largest value that passes: nearness is measured as a share of ``near``, negated."""
        return -1.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return minus the distance to the nearest human row, in units of how near human rows come."""
        if self.near <= 0 or not len(self.points):
            return np.full(documents.num_rows, -np.inf)
        return -nearest(self.vectors(documents), self.points) / self.near


@dataclass(frozen=True)
class RowChecks:
    """The hard checks of a gate on rows, with the human rows they compare with."""

    panels: NearRow
    training: NearRow
    sealed: Sealed
    validity: tuple[Check, ...] = ()
    """What a row of this kind must be: values allowed, physical limits, rules of the user's own."""

    @classmethod
    def against(
        cls,
        train: pa.Table,
        panels: Sequence[pa.Table],
        vectors: Vectors,
        validity: Sequence[Check] = (),
        *,
        copies: Sequence[pa.Table] = (),
        seed: int = 0,
    ) -> "RowChecks":
        """Return the hard checks for human training rows and sealed panels.

        Args:
            train: human training rows.
            panels: the rows of every panel.
            vectors: makes points of rows.
            validity: what a row of this kind must be, checked first.
            copies: exact copies of panel rows that are in no panel themselves; sealed like these.
            seed: chooses among more than 20,000 rows.
        """
        rng = np.random.default_rng([seed, 17])
        held = pa.concat_tables(panels)
        return cls(
            NearRow.of(held, train, vectors, Reason.PANEL_CONTAMINATION, rng),
            NearRow.of(train, held, vectors, Reason.TRAINING_COPY, rng),
            Sealed.of([*panels, *copies]),
            tuple(validity),
        )

    def apply(self, stream: pa.Table) -> Checked:
        """Return the stream with the first failed check of each row and the barred recipes.

        A recipe is barred when a tenth of its rows are copies: chance makes a hundredth. It is also barred when a tenth
        of its rows descend from panels and some do not say what they were made from.
        """
        distance = [_Known.of(check, stream) for check in (self.panels, self.training)]
        checks: list[Check] = [
            PanelDocument(self.sealed),
            PanelDescendant(self.sealed),
            *self.validity,
            _Repeated(),
            *distance,
        ]
        findings = run_checks(stream, checks)
        origin = np.array([stage is Stage.PROVENANCE for stage in findings.stages], bool)
        silent = np.array([not parents for parents in stream["parents"].to_pylist()], bool)
        bars, overlaps = {}, {}
        for name, rows in rows_by_recipe(stream).items():
            near = [float(check.failing[rows].mean()) for check in distance]
            overlaps[name] = RecipeOverlap(*near)
            bar = _bar(findings, rows, origin, silent)
            for check, share in zip(distance, near, strict=True):
                if bar is None and share >= RECIPE_SHARE:
                    bar = Bar(Stage.CHECKS, check.reason, share)
            if bar is not None:
                bars[name] = bar
        return Checked(stream, findings, bars, overlaps)


def nearest(rows: NDArray[np.float32], points: NDArray[np.float32], *, apart: bool = False) -> NDArray[np.float64]:
    """Return the Euclidean distance of each row to the nearest point; infinite where there is none.

    Args:
        rows: shape (rows, dimensions).
        points: shape (points, dimensions).
        apart: the points are the rows themselves, and none is its own neighbour.
    """
    found = np.full(len(rows), np.inf)
    if not len(points):
        return found
    squares = np.square(points).sum(axis=1)
    for at in range(0, len(rows), _AT_ONCE):
        block = rows[at : at + _AT_ONCE]
        distances = squares - 2 * (block @ points.T)
        if apart:
            places = np.arange(len(block))
            distances[places, at + places] = np.inf
        best = distances.argmin(axis=1)
        # The formula above loses digits where two points are close, which is where it matters.
        found[at : at + _AT_ONCE] = np.linalg.norm((block - points[best]).astype(np.float64), axis=1)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A check with its values, computed for the stream as a whole."""

    values: NDArray[np.float64]
    reason: Reason
    stage: Stage
    threshold: float

    @classmethod
    def of(cls, check: NearRow, stream: pa.Table) -> "_Known":
        return cls(check.measure(stream), check.reason, check.stage, check.threshold)

    @property
    def failing(self) -> NDArray[np.bool_]:
        return self.values > self.threshold

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        return self.values[: documents.num_rows]


@dataclass(frozen=True, slots=True)
class _Repeated:
    """Fails rows whose values an earlier row of the same recipe has."""

    reason: Reason = Reason.EXACT_DUPLICATE
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        seen: set[tuple[str, str]] = set()
        values = np.zeros(documents.num_rows)
        pairs = zip(documents["recipe"].to_pylist(), documents["text"].to_pylist(), strict=True)
        for i, pair in enumerate(pairs):
            values[i] = pair in seen
            seen.add(pair)
        return values


def _some(points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if len(points) <= _MOST_ROWS:
        return points
    return points[np.sort(rng.choice(len(points), _MOST_ROWS, replace=False))]


def _bar(
    findings: Findings, rows: NDArray[np.int64], origin: NDArray[np.bool_], silent: NDArray[np.bool_]
) -> Bar | None:
    descended = float(origin[rows].mean())
    if descended >= RECIPE_SHARE and silent[rows].any() and descended < 1:
        return Bar(Stage.PROVENANCE, Reason.DESCENDS_FROM_PANEL, descended)
    failures = Counter((findings.stages[i], findings.reasons[i]) for i in rows)
    if (None, None) in failures:
        return None
    (stage, reason), _ = failures.most_common(1)[0]
    assert stage is not None
    assert reason is not None
    return Bar(stage, reason, 1.0)
