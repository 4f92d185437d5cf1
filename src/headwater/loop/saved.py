"""Values of the loop on disk: JSON for what is small, Parquet for documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.decide import Transcript
from headwater.gate import GateState, RecipeStatus, SealedDecision
from headwater.loop.arms import GatedState
from headwater.store import write_parquet, write_text


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def save(path: Path, value: Any, kind: Any) -> None:
    """Write a dataclass, or a list of them, as JSON; what is no finite number becomes text such as ``"Infinity"``.

    Args:
        path: the file.
        value: what to write.
        kind: its type, such as ``list[StreamRecord]``.
    """
    from pydantic_core import to_json

    plain = _adapter(kind).dump_python(value)
    write_text(path, to_json(plain, indent=1, inf_nan_mode="strings").decode() + "\n")


def load(path: Path, kind: Any) -> Any:
    """Return what ``save`` wrote; it is validated against the type."""
    return _adapter(kind).validate_json(path.read_bytes())


@dataclass(frozen=True)
class _Memory:
    """The small part of a gated state."""

    statuses: dict[str, RecipeStatus]
    transcript: Transcript
    sealed: tuple[SealedDecision, ...]
    steering_tests: int
    trainings: int
    gains: dict[str, float]
    taken: dict[str, int]
    share: float | None = None


def save_gated(folder: Path, state: GatedState) -> None:
    """Write the state of a gated arm into a folder."""
    gate = state.gate
    memory = _Memory(
        dict(gate.statuses),
        gate.transcript,
        gate.sealed,
        gate.steering_tests,
        gate.trainings,
        dict(state.gains),
        dict(state.taken),
        state.share,
    )
    save(folder / "state.json", memory, _Memory)
    write_parquet(folder / "admitted.parquet", gate.admitted)
    write_parquet(folder / "quarantine.parquet", gate.quarantine)


def load_gated(folder: Path) -> GatedState:
    """Return what ``save_gated`` wrote."""
    memory: _Memory = load(folder / "state.json", _Memory)
    return GatedState(
        GateState(
            memory.statuses,
            load_table(folder / "admitted.parquet"),
            load_table(folder / "quarantine.parquet"),
            memory.transcript,
            memory.sealed,
            memory.steering_tests,
            memory.trainings,
        ),
        memory.gains,
        memory.taken,
        memory.share,
    )


def load_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a Parquet file, or some of its columns, as a table, the metadata of the columns included."""
    return pq.read_table(path, columns=None if columns is None else list(columns))
