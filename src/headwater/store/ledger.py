"""The ledger of verdicts: every decision of the gate, never overwritten."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from headwater import __version__
from headwater.errors import StoreError, did_you_mean
from headwater.schema import VERDICT, Reason, Verdict
from headwater.store.tables import Table, sql_text

# One decision. A revocation is a decision of its own: the reason, last in the table's key, tells it apart.
_DECISION = ("run", "arm", "generation", "id", "stage")


class Ledger:
    """The verdicts of a project.

    A verdict is given once per run, arm, generation, document (or recipe) and stage. Recording it again changes
    nothing; recording another outcome for it is refused; withdrawing an admission adds a row.
    """

    def __init__(self, store: Path, *, run: str = "") -> None:
        self.table = Table(store / "verdicts.lance", VERDICT, (*_DECISION, "reason"), run)

    def record(self, rows: pa.Table) -> int:
        """Append verdicts that are not recorded yet and return the version of the table.

        Raises:
            StoreError: a decision is recorded, or stands twice in ``rows``, with different outcomes.
            LockedError: another process is writing verdicts.
        """
        columns = [*_DECISION, "verdict", "reason"]
        rows = self.table.conform(rows)
        recorded = self.table.batches(columns, filter=f"reason <> '{Reason.REVOKED}'", batch_rows=1 << 18)
        same_id = [batch.filter(pc.is_in(batch["id"], value_set=rows["id"])) for batch in recorded]
        given = pa.Table.from_batches([*same_id, *rows.select(columns).to_batches()], rows.select(columns).schema)
        outcome = pc.binary_join_element_wise(given["verdict"], given["reason"], " ")
        outcomes = (
            given.append_column("outcome", outcome).group_by(_DECISION).aggregate([("outcome", "count_distinct")])
        )
        contradicted = outcomes.filter(pc.greater(outcomes["outcome_count_distinct"], 1))
        if contradicted.num_rows:
            first = " / ".join(str(contradicted[name][0]) for name in _DECISION)
            raise StoreError(
                f"{contradicted.num_rows} decisions would get a second outcome (first: {first}). A verdict is never "
                "overwritten: withdraw an admission with a revocation, and give different documents different ids."
            )
        return self.table.append(rows, skip_existing=True, wait_seconds=10)

    def revoke(
        self,
        run: str,
        name: str,
        *,
        arm: str | None = None,
        generation: int | None = None,
        measured: float | None = None,
        threshold: float | None = None,
        note: str | None = None,
        by: str | None = None,
    ) -> int:
        """Withdraw an admission by new rows and return how many were withdrawn.

        Withdrawing a recipe (``recipe:<name>``) withdraws all its documents that stand admitted.

        Args:
            run: run the admission belongs to.
            name: id of a document, or ``recipe:<name>``.
            arm: part of the run; all by default.
            generation: when it is withdrawn; the generation it was given in by default.
            measured: the number that led to it.
            threshold: what it was compared with.
            note: why, where a person withdraws it.
            by: who that is.

        Raises:
            StoreError: nothing of this name stands admitted in the run.
        """
        standing = [row for row in self.current(run, arm=arm).to_pylist() if row["verdict"] == Verdict.ADMITTED]
        withdrawn = [row for row in standing if name in (row["id"], f"recipe:{row['recipe']}")]
        if not withdrawn:
            known = {row["id"] for row in standing}
            raise StoreError(
                f"Nothing named {name!r} stands admitted in run {run!r}, so there is nothing to withdraw. "
                f"{len(known)} ids stand admitted there.{did_you_mean(name, known)}"
            )
        change: dict[str, object] = {"verdict": Verdict.REJECTED, "reason": Reason.REVOKED, "version": __version__}
        change |= {"measured": measured, "threshold": threshold, "log_e": None, "decision": None}
        change |= {"note": note, "by": by}
        rows = [row | change | ({} if generation is None else {"generation": generation}) for row in withdrawn]
        self.table.append(pa.Table.from_pylist(rows, schema=VERDICT), wait_seconds=10)
        return len(rows)

    def current(self, run: str, *, arm: str | None = None) -> pa.Table:
        """Return the verdict that holds for each id of each arm of a run, sorted by arm and id.

        The one of the highest generation holds; within a generation the one recorded last.
        """
        rows = self.table.read(filter=_of(run, arm))
        order = _sorted_places(rows, ["arm", "id", "generation"])
        rows = rows.take(order)
        names = pa.table({"arm": rows["arm"], "id": rows["id"], "place": pa.array(range(rows.num_rows), pa.int64())})
        last = names.group_by(["arm", "id"], use_threads=False).aggregate([("place", "max")])["place_max"]
        return rows.take(pc.take(last, pc.sort_indices(last)))

    def verdicts(self, run: str, *, arm: str | None = None) -> pa.Table:
        """Return every verdict of a run sorted by id, arm, generation and stage, then as recorded.

        The order does not depend on what was recorded when, so that a resumed run gives the bytes of an uninterrupted
        one.
        """
        rows = self.table.read(filter=_of(run, arm))
        return rows.take(_sorted_places(rows, ["id", "arm", "generation", "stage"]))


def _of(run: str, arm: str | None) -> str:
    return f"run = {sql_text(run)}" + ("" if arm is None else f" AND arm = {sql_text(arm)}")


def _sorted_places(rows: pa.Table, columns: list[str]) -> pa.Array:
    """Return the row numbers sorted by the columns, ties in the order of the table."""
    keyed = rows.select(columns).append_column("place", pa.array(range(rows.num_rows), pa.int64()))
    return pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in keyed.schema.names])
