"""What is already held: only its signatures are needed, so that a new document which repeats it is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from headwater.curate.measuring import ids
from headwater.engine import Operator, advance
from headwater.sources import FILE, ROW, Layout, RejectLog, Shard, read_shard
from headwater.store import parquet_file


@dataclass(frozen=True, slots=True)
class HeldTask:
    """The signatures of one shard of what is held."""

    shard: Shard
    layout: Layout
    own_id: str | None
    """Name of the column with the user's ids."""
    operators: tuple[Operator, ...]
    """What copies are found by."""
    out: Path


def held_schema(operators: Sequence[Operator]) -> pa.Schema:
    """Return the columns of the signatures of held documents."""
    fields = [("file", pa.int32()), ("line", pa.int64()), ("id", pa.string()), ("characters", pa.int64())]
    return pa.schema(
        [
            *(pa.field(name, kind) for name, kind in fields),
            *(field for operator in operators for field in operator.adds),
        ]
    )


def hold_shard(task: HeldTask) -> int:
    """Write the signatures of a shard and return how many documents it has. What is no document repeats nothing."""
    schema = held_schema(task.operators)
    task.out.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with parquet_file(task.out, schema) as writer:
        for read in read_shard(task.shard, task.layout, RejectLog()):
            text = read[task.layout.settings.text]
            signed = pa.RecordBatch.from_pydict({"text": text})
            for operator in task.operators:
                signed = operator(signed)
            known = {
                "file": read[FILE],
                "line": read[ROW],
                "id": ids(read, task.layout.settings.text, task.own_id),
                "characters": pc.cast(pc.utf8_length(text), pa.int64()),
            }
            columns = [known[field.name] if field.name in known else signed[field.name] for field in schema]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            count += read.num_rows
            advance(text.nbytes)
    return count
