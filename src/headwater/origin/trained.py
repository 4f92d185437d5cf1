"""What the runs of a project were trained on, as far as it is kept.

A run keeps the training set of every generation of its loops without a gate, the admitted documents of its gated loops
and of the stream, its human documents, and which part each of those was in. What it does not keep is named, so that
nobody takes silence for proof.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.errors import StoreError
from headwater.store import PANELS, RunFolder, RunState, list_runs, open_panels

BATCH_ROWS = 4096
COLUMNS = ("id", "text", "origin", "parents")
_HUMAN_PARTS = "split"  # step with the part of every human document; see loop/run.py
_OUTSIDE = "Training outside Headwater is not seen: whether another trainer was given panel documents cannot be told."
_MEASURING = (
    "Models that only measure (the proxies of the gate and the ways to choose a run compares) are trained on what is "
    "being tested and thrown away; their training sets are not part of this check."
)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Documents that a run trained on, or had admitted for training."""

    run: str
    """Run id."""
    name: str
    """Which part of the run: ``ungated-2``, ``human``."""
    path: Path
    """Parquet file it is kept in."""
    parts: Path | None = None
    """For human documents: Parquet file with the part of each; panel documents are not counted as trained on."""
    panels: Path | None = None
    """For human documents without that file: folder of the panels the run sealed."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the documents in batches with the columns of ``COLUMNS``.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            kept = self._kept_apart()
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(COLUMNS)):
                    yield batch if kept is None else batch.filter(kept(batch))
        except (OSError, pa.ArrowException, KeyError) as error:
            raise StoreError(f"{self.path} cannot be read: {error}. Restore the run's folder from a copy.") from error

    def _kept_apart(self) -> Callable[[pa.RecordBatch], pa.Array] | None:
        """Return what says which human documents of a batch were not set apart, or None where all count."""
        if self.parts is not None:
            table = pq.read_table(self.parts, columns=["id", "part"])
            panels = {str(part) for part in PANELS}
            rows = zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True)
            apart = {key for key, part in rows if part in panels}
            return lambda batch: pa.array([key not in apart for key in batch["id"].to_pylist()], pa.bool_())
        if self.panels is not None:
            sealed = open_panels(self.panels)
            return lambda batch: pa.array(~sealed.barred(batch["id"].to_pylist()), pa.bool_())
        return None


def training_sets(store: Path) -> tuple[list[TrainingSet], list[str]]:
    """Return the training sets the runs of a project keep, and one sentence for each thing that is not known.

    Args:
        store: the folder ``.headwater`` of the project.
    """
    found: list[TrainingSet] = []
    unknown = [_OUTSIDE]
    sealed_by = _panels_of_runs(store)
    for run in list_runs(store.parent):
        if "experiment" in run.settings():
            unknown.append(f"Run {run.id} is an experiment of the laboratory; it does not keep what it trained on.")
            continue
        if run.state is not RunState.FINISHED:
            unknown.append(f"Run {run.id} is not finished; what it has kept so far was checked.")
        sets = _of_run(run, sealed_by.get(run.id))
        if not any(one.name == "human" for one in sets):
            unknown.append(f"Run {run.id} does not keep its human documents, so what it started from was not checked.")
        if any(one.name == "human" and one.parts is None for one in sets):
            unknown.append(
                f"Run {run.id} does not say which human documents it trained on: all that its own panels do not hold "
                "were counted as trained on."
            )
        found += sets
    if found:
        unknown.append(_MEASURING)
    return found, unknown


def _of_run(run: RunFolder, panels: Path | None) -> list[TrainingSet]:
    sets = []
    for step in sorted(path for path in (run.path / "steps").glob("*-*") if not path.name.startswith(".")):
        name, _, key = step.name.rpartition("-")
        if name == "human" and (step / "documents.parquet").is_file():
            parts = step.with_name(f"{_HUMAN_PARTS}-{key}") / "parts.parquet"
            known = parts if parts.is_file() else None
            sets.append(TrainingSet(run.id, name, step / "documents.parquet", known, None if known else panels))
        sets += [
            TrainingSet(run.id, name, step / file)
            for file in ("training.parquet", "admitted.parquet")
            if (step / file).is_file()
        ]
    return sets


def _panels_of_runs(store: Path) -> dict[str, Path]:
    """Return the folder of the panels each run opened, by run id; openings name the run."""
    found = {}
    for path in sorted((store / "panels").glob("*/opened.jsonl")):
        try:
            openings = open_panels(path.parent).openings()
        except (StoreError, ValueError):  # damaged panels of a run say nothing; its documents then all count
            continue
        for one in openings:
            words = str(one.get("why", "")).split()
            if len(words) > 1 and words[0] == "run":
                found[words[1].removesuffix(":")] = path.parent
    return found
