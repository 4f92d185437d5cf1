"""What a curation did, counted from its signals: losses by rule, source, language and origin.

The signals are one Parquet file per shard with a row for every document. DuckDB goes through them as a stream, so
memory does not grow with the corpus.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from headwater.curate.result import Loss

LARGE_LOSS = 0.5
"""A part of the corpus that loses more than this is always shown."""

_SHOWN = 200
_FEWEST = 20  # documents of a part, below which a large loss is no news
_REASONS = 5


class Signals:
    """The signals of a curation, to ask questions of."""

    def __init__(self, files: Sequence[Path], memory_mb: int = 512) -> None:
        """Open the files.

        Args:
            files: signals by shard.
            memory_mb: memory that the answers may take.
        """
        self._connection = duckdb.connect(":memory:", config={"memory_limit": f"{memory_mb}MB", "threads": 1})
        self._connection.execute("SET preserve_insertion_order = false")
        names = [str(file) for file in files]
        self._connection.execute(
            "CREATE VIEW signals AS SELECT * FROM read_parquet($1)".replace("$1", _sql_list(names))
        )

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def totals(self) -> tuple[int, int, int, int, int | None]:
        """Return documents, kept documents, characters, kept characters and tokens of the kept ones."""
        row = self._ask(
            "SELECT count(*), count(*) FILTER (kept), coalesce(sum(characters), 0), "
            "coalesce(sum(characters) FILTER (kept), 0), sum(tokens) FILTER (kept) FROM signals"
        )[0]
        return int(row[0]), int(row[1]), int(row[2]), int(row[3]), None if row[4] is None else int(row[4])

    def by_reason(self) -> dict[str, tuple[int, int]]:
        """Return for each reason the documents that have it, and those that have no other."""
        rows = self._ask(
            "SELECT reason, count(*), count(*) FILTER (alone) FROM "
            "(SELECT unnest(reasons) AS reason, len(reasons) = 1 AS alone FROM signals) GROUP BY reason ORDER BY reason"
        )
        return {str(reason): (int(count), int(alone)) for reason, count, alone in rows}

    def by(self, column: str) -> tuple[tuple[Loss, ...], int]:
        """Return the losses by ``source``, ``language`` or ``origin``, the largest parts first, and how many there are.

        All parts are counted; those shown are the largest, and those that lost more than ``LARGE_LOSS``.
        """
        if column not in {"source", "language", "origin"}:
            raise ValueError(f"losses are counted by source, language or origin, not by {column}")
        parts = f"""
            SELECT {column} AS part, count(*) AS documents, count(*) FILTER (kept) AS kept_documents,
                coalesce(sum(characters), 0) AS characters, coalesce(sum(characters) FILTER (kept), 0) AS kept_characters
            FROM signals WHERE {column} IS NOT NULL GROUP BY part
        """
        rows = self._ask(f"""
            WITH parts AS ({parts}), ranked AS (
                SELECT *, row_number() OVER (ORDER BY documents DESC, part) AS place,
                    row_number() OVER (ORDER BY
                        documents >= {_FEWEST} AND kept_documents < {1 - LARGE_LOSS} * documents DESC, documents DESC, part
                    ) AS alarm,
                    count(*) OVER () AS parts
                FROM parts
            )
            SELECT part, documents, kept_documents, characters, kept_characters, parts FROM ranked
            WHERE place <= {_SHOWN} OR (alarm <= {_SHOWN} AND documents >= {_FEWEST}
                AND kept_documents < {1 - LARGE_LOSS} * documents)
            ORDER BY documents DESC, part
        """)
        if not rows:
            return (), 0
        reasons = self._reasons(column, [str(row[0]) for row in rows])
        losses = tuple(
            Loss(str(part), int(documents), int(kept), int(characters), int(rest), reasons.get(str(part), {}))
            for part, documents, kept, characters, rest, _ in rows
        )
        return losses, int(rows[0][5])

    def _reasons(self, column: str, parts: Sequence[str]) -> dict[str, dict[str, int]]:
        rows = self._ask(
            f"""
            WITH counted AS (
                SELECT {column} AS part, unnest(reasons) AS reason, count(*) AS documents
                FROM signals WHERE {column} IN (SELECT unnest($parts)) GROUP BY part, reason
            )
            SELECT part, reason, documents FROM (
                SELECT *, row_number() OVER (PARTITION BY part ORDER BY documents DESC, reason) AS place FROM counted
            ) WHERE place <= {_REASONS} ORDER BY part, documents DESC, reason
            """,
            {"parts": list(parts)},
        )
        found: dict[str, dict[str, int]] = {}
        for part, reason, documents in rows:
            found.setdefault(str(part), {})[str(reason)] = int(documents)
        return found

    def _ask(self, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values or {}).fetchall()


def _sql_list(names: Sequence[str]) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"[{quoted}]"
