"""DuckDB with a bound on its memory, and a folder for what does not fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.errors import StoreError
from headwater.store import storage_errors

if TYPE_CHECKING:
    import duckdb


@contextmanager
def bounded_duckdb(temporary: Path, memory_mb: int) -> "Iterator[duckdb.DuckDBPyConnection]":
    """Yield a connection to a database in memory.

    Args:
        temporary: folder for what does not fit into memory; by default DuckDB would make one where the user happens
            to be.
        memory_mb: memory it may take.

    Raises:
        StoreError: it does not fit there either.
    """
    import duckdb

    with storage_errors(temporary):
        temporary.mkdir(parents=True, exist_ok=True)
    limits = {"memory_limit": f"{memory_mb}MB", "threads": 1, "temp_directory": str(temporary)}
    try:
        with duckdb.connect(":memory:", config=limits) as connection:
            # DuckDB draws a progress bar of its own where it takes the program for a session at the keyboard.
            connection.execute("SET enable_progress_bar = false")
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise StoreError(
            f"Cannot go on in {temporary}: {said}. Free some space there, then repeat the command; finished parts are "
            "kept."
        ) from error
