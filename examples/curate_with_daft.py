"""Headwater's rules inside a query of Daft: measure, decide, keep.

    pip install headwater daft
    python examples/curate_with_daft.py

The operators become one function of the column of texts; the columns they add stand beside the others. The same query
runs on Ray after ``daft.set_runner_ray()``. The documents are made up.
"""

from headwater.curate import preset
from headwater.engine import as_daft_function

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


def main() -> None:
    """Curate the documents and print what became of each."""
    measure = as_daft_function(*RULES.operators, errors="error")  # before Daft is imported: it turns its reports off
    import daft

    frame = daft.from_pydict(DOCUMENTS)
    # These rules rewrite the text (C4 takes lines out), so the old column is not selected.
    measured = frame.select("id", measure(frame["text"])).to_arrow()
    decided = measured.append_column("reasons", RULES.decide(measured)).sort_by("id")
    for row in decided.select(["id", "words", "reasons"]).to_pylist():
        print(f"{row['id']:<10} {row['words']:>4} words  {', '.join(row['reasons']) or 'kept'}")


if __name__ == "__main__":
    main()
