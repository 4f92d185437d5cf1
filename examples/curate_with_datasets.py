"""Headwater's rules inside a pipeline of Hugging Face ``datasets``: measure, decide, keep.

    pip install 'headwater[hub]'
    python examples/curate_with_datasets.py

With the format "arrow" a mapped function gets tables, which is what operators take. The documents are made up.
"""

import datasets
import pyarrow as pa

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
DOCUMENTS = {
    "id": ["prose", "menu", "too short"],
    "text": [PROSE, "Home\nNews\nContact\n" * 20, "Buy now!"],
}


def decide(table: pa.Table) -> pa.Table:
    """Add the reasons a document is dropped for: an empty list where it is kept."""
    return table.append_column("reasons", RULES.decide(table))


def main() -> None:
    """Curate the documents and print what became of each."""
    datasets.disable_progress_bars()
    measure = as_table_function(*RULES.operators, errors="error")
    arrow = datasets.Dataset.from_dict(DOCUMENTS).with_format("arrow")
    decided = arrow.map(measure, batched=True).map(decide, batched=True).with_format(None)
    for row in sorted(decided, key=lambda row: row["id"]):
        print(f"{row['id']:<10} {row['words']:>4} words  {', '.join(row['reasons']) or 'kept'}")


if __name__ == "__main__":
    main()
