"""What a curation did, counted from its signals: losses by rule, source, language and origin.

The signals are one Parquet file per shard with a row for every document. DuckDB goes through them as a stream, so
memory does not grow with the corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from headwater.curate.bounded_duckdb import bounded_duckdb
from headwater.curate.outputs import Folder
from headwater.curate.personal import PERSONAL_KINDS
from headwater.curate.reasons import sentence_of
from headwater.curate.result import Loss, PersonalFound, RuleLoss
from headwater.curate.rules import RuleSet

if TYPE_CHECKING:
    import duckdb

# The largest parts, and of those with enough documents for a large loss to be news the largest that had one.
_LOSSES = """
    WITH parts AS (
        SELECT $column AS part, count(*) AS documents, count(*) FILTER (kept) AS stayed,
            coalesce(sum(characters), 0) AS characters, coalesce(sum(characters) FILTER (kept), 0) AS rest
        FROM signals WHERE $column IS NOT NULL GROUP BY part
    ), judged AS (SELECT *, documents >= 20 AND stayed < 0.5 * documents AS alarming FROM parts),
    ranked AS (
        SELECT *, row_number() OVER (ORDER BY documents DESC, part) AS place,
            row_number() OVER (PARTITION BY alarming ORDER BY documents DESC, part) AS place_among,
            count(*) OVER () AS n
        FROM judged
    )
    SELECT part, documents, stayed, characters, rest, n FROM ranked
    WHERE place <= 200 OR (alarming AND place_among <= 200) ORDER BY documents DESC, part
"""
_REASONS = """
    WITH counted AS (
        SELECT $column AS part, unnest(reasons) AS reason, count(*) AS documents
        FROM signals WHERE $column IN (SELECT unnest($parts)) GROUP BY part, reason
    )
    SELECT part, reason, documents FROM (
        SELECT *, row_number() OVER (PARTITION BY part ORDER BY documents DESC, reason) AS place FROM counted
    ) WHERE place <= 5 ORDER BY part, documents DESC, reason
"""


_SHARED_IDS = """
    SELECT coalesce(sum(documents), 0) FROM (
        SELECT count(*) AS documents FROM signals GROUP BY hash(id) HAVING count(*) > 1
    )
"""
_MEMORY_MB = 512

COPY_REASONS = ("exact_duplicate", "near_duplicate", "held_duplicate")
"""Reasons that come from other documents, not from a measured value."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A curation in numbers."""

    documents: int
    kept: int
    characters: int
    kept_characters: int
    tokens: int | None
    """Tokens of the kept documents; null where they were not counted."""
    rules: tuple[RuleLoss, ...]
    sources: tuple[Loss, ...]
    n_sources: int
    languages: tuple[Loss, ...]
    origins: tuple[Loss, ...]
    personal_data: PersonalFound | None
    shared_ids: int
    """Documents whose id another one has as well; 0 where they are hashes of the texts."""


def summarise(
    folder: Folder, shards: Sequence[int], rules: RuleSet, *, tokens: bool, copies: bool, own_ids: bool = False
) -> Summary:
    """Return a curation in numbers, counted from its signals.

    Args:
        folder: the folder of the curation.
        shards: the shards that have signals.
        rules: the rules that were applied.
        tokens: tokens were counted.
        copies: copies were looked for.
        own_ids: ids are the user's, and so may be given twice.
    """
    with bounded_duckdb(folder.temp, _MEMORY_MB) as connection:
        signals = Signals([folder.signals(number) for number in shards], connection, tokens=tokens)
        documents, kept, characters, kept_characters, n_tokens = signals.totals()
        by_reason = signals.by_reason()
        sources, n_sources = signals.by("source")
        languages, origins = signals.by("language")[0], signals.by("origin")[0]
        shared_ids = signals.shared_ids() if own_ids else 0
        personal_data = signals.personal_data()
    losses = [
        RuleLoss(
            str(rule.reason),
            rule.family,
            rule.sentence,
            rule.measure,
            rule.threshold,
            *by_reason.get(str(rule.reason), (0, 0)),
        )
        for rule in rules.rules
        if rule.threshold is not None
    ]
    losses += [
        RuleLoss(reason, "copies", sentence_of(reason), "", None, *by_reason.get(reason, (0, 0)))
        for reason in COPY_REASONS
        if copies
    ]
    return Summary(
        documents,
        kept,
        characters,
        kept_characters,
        n_tokens,
        tuple(losses),
        sources,
        n_sources,
        languages,
        origins,
        personal_data,
        shared_ids,
    )


class Signals:
    """The signals of a curation, to ask questions of."""

    def __init__(self, files: Sequence[Path], connection: "duckdb.DuckDBPyConnection", *, tokens: bool = False) -> None:
        """Open the files.

        Args:
            files: signals by shard.
            connection: answers the questions.
            tokens: they hold the tokens of the kept documents.
        """
        self._connection = connection
        self._tokens = tokens
        self._connection.execute("SET preserve_insertion_order = false")
        measured = pq.read_schema(files[0]).field("measured").type
        self._measured = {measured.field(place).name for place in range(measured.num_fields)}
        names = [str(file) for file in files]
        self._connection.execute(
            "CREATE VIEW signals AS SELECT * FROM read_parquet($1)".replace("$1", _sql_list(names))
        )

    def totals(self) -> tuple[int, int, int, int, int | None]:
        """Return documents, kept documents, characters, kept characters and tokens of the kept ones."""
        row = self._ask(
            "SELECT count(*), count(*) FILTER (kept), coalesce(sum(characters), 0), "
            "coalesce(sum(characters) FILTER (kept), 0), TOKENS FROM signals".replace(
                "TOKENS", "sum(measured.tokens) FILTER (kept)" if self._tokens else "NULL"
            )
        )[0]
        return int(row[0]), int(row[1]), int(row[2]), int(row[3]), None if row[4] is None else int(row[4])

    def by_reason(self) -> dict[str, tuple[int, int]]:
        """Return for each reason the documents that have it, and those that have no other."""
        rows = self._ask(
            "SELECT reason, count(*), count(*) FILTER (alone) FROM "
            "(SELECT unnest(reasons) AS reason, len(reasons) = 1 AS alone FROM signals) GROUP BY reason ORDER BY reason"
        )
        return {str(reason): (int(count), int(alone)) for reason, count, alone in rows}

    def personal_data(self) -> PersonalFound | None:
        """Return the personal data that were found, or None where they were not looked for."""
        kinds = [kind for kind in PERSONAL_KINDS if kind in self._measured]
        if "personal_data" not in self._measured or not kinds:
            return None
        sums = ", ".join(f"coalesce(sum(measured.{kind}), 0)" for kind in kinds)
        found = "measured.personal_data > 0"
        row = self._ask(
            f"SELECT count(*) FILTER ({found}), count(*) FILTER ({found} AND kept), {sums} FROM signals"  # noqa: S608
        )[0]
        return PersonalFound(int(row[0]), int(row[1]), dict(zip(kinds, map(int, row[2:]), strict=True)))

    def shared_ids(self) -> int:
        """Return how many documents have an id that another one has as well."""
        # Hashes of 64 bits, so that long ids take no memory; among ten million documents two are equal by chance once
        # in 370,000 times.
        return int(self._ask(_SHARED_IDS)[0][0])

    def by(self, column: str) -> tuple[tuple[Loss, ...], int]:
        """Return the losses by ``source``, ``language`` or ``origin``, the largest parts first, and how many there are.

        All parts are counted; those shown are the largest, and those that lost more than half.
        """
        if column not in {"source", "language", "origin"}:
            raise ValueError(f"losses are counted by source, language or origin, not by {column}")
        rows = self._ask(_LOSSES.replace("$column", column))
        if not rows:
            return (), 0
        reasons = self._reasons(column, [str(row[0]) for row in rows])
        losses = tuple(
            Loss(str(part), int(documents), int(kept), int(characters), int(rest), reasons.get(str(part), {}))
            for part, documents, kept, characters, rest, _ in rows
        )
        return losses, int(rows[0][5])

    def _reasons(self, column: str, parts: Sequence[str]) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for part, reason, documents in self._ask(_REASONS.replace("$column", column), {"parts": list(parts)}):
            found.setdefault(str(part), {})[str(reason)] = int(documents)
        return found

    def _ask(self, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values or {}).fetchall()


def _sql_list(names: Sequence[str]) -> str:
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    return f"[{quoted}]"
