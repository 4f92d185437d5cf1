"""Headwater's rules inside a pipeline of Ray Data: measure, decide, keep.

    pip install 'headwater[cluster]' 'ray[data]'
    python examples/curate_with_ray_data.py

An operator is a function of an Arrow table, so it is one more ``map_batches``. The documents are made up.
"""

import os

import pyarrow as pa

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports usage unless told not to
import ray

from headwater.curate import preset
from headwater.engine import as_table_function

RULES = preset("fineweb")
PROSE = (
    "The river was low that year, and the boats that used to pass the mill every morning stayed in the harbour. "
    "People said that it would rain before the end of the month. It did not, and by the time the leaves began to "
    "turn, the children could walk to the other side without getting their knees wet.\n"
    "Nobody could remember another summer like it, though the oldest of the fishermen said that they had seen worse. "
    "In October the first storm came. The miller stood at his door all night and listened to the water rise."
)
DOCUMENTS = [
    {"id": "prose", "text": PROSE},
    {"id": "menu", "text": "Home\nNews\nContact\n" * 20},
    {"id": "too short", "text": "Buy now!"},
]


def decide(table: pa.Table) -> pa.Table:
    """Add the reasons a document is dropped for: an empty list where it is kept."""
    return table.append_column("reasons", RULES.decide(table))


def main() -> None:
    """Curate the documents and print what became of each."""
    if not ray.is_initialized():
        ray.init("local", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    measure = as_table_function(*RULES.operators, errors="error")
    decided = (
        ray.data.from_items(DOCUMENTS)
        .map_batches(measure, batch_format="pyarrow")
        .map_batches(decide, batch_format="pyarrow")
    )
    for row in sorted(decided.take_all(), key=lambda row: str(row["id"])):
        print(f"{row['id']:<10} {row['words']:>4} words  {', '.join(row['reasons']) or 'kept'}")


if __name__ == "__main__":
    main()
