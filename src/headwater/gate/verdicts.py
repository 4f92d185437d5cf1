"""Verdicts as rows of the ledger: one per document and recipe, none overwritten."""

from typing import Any

import pyarrow as pa

from headwater import __version__
from headwater.decide import Decision
from headwater.gate.hard_checks import Checked
from headwater.gate.judge import GateState
from headwater.schema import VERDICT, Reason, Stage, Verdict, table_of


def verdict_rows(
    documents: Checked,
    before: GateState,
    after: GateState,
    *,
    run: str,
    arm: str,
    generation: int,
    reveal: bool = True,
) -> pa.Table:
    """Return the verdicts that a batch brought, in the verdict schema, sorted by id.

    Every document of the batch gets one: rejected by the check it failed, else the verdict of its recipe. Documents
    that waited in quarantine get one more when their recipe is admitted or rejected, and a recipe whenever its standing
    changed.

    Args:
        documents: the batch after the hard checks.
        before: the gate before the batch.
        after: the gate after it.
        run: run id.
        arm: part of the run.
        generation: generation of the batch.
        reveal: write down the numbers of the certification panel; not where it stays sealed.
    """
    same: dict[str, Any] = {"version": __version__, "run": run, "arm": arm, "generation": generation}
    rows = [{**row, **same} for row in (*_documents(documents, after), *_released(documents, before, after))]
    rows += [{**row, **same} for row in _recipes(before, after, reveal=reveal)]
    return table_of(VERDICT, sorted(rows, key=lambda row: row["id"]))


def _documents(batch: Checked, state: GateState) -> list[dict[str, Any]]:
    rows = []
    found = batch.findings
    columns = (batch.documents["id"].to_pylist(), batch.documents["recipe"].to_pylist())
    for i, (key, recipe) in enumerate(zip(*columns, strict=True)):
        row: dict[str, Any] = {"id": key, "recipe": recipe}
        reason, stage = found.reasons[i], found.stages[i]
        if reason is not None and stage is not None:
            row |= {"verdict": Verdict.REJECTED.value, "stage": stage.value, "reason": reason.value}
            row |= {"measured": float(found.measured[i]), "threshold": float(found.thresholds[i])}
        elif recipe in batch.bars:
            bar = batch.bars[recipe]
            row |= {"verdict": Verdict.REJECTED.value, "stage": bar.stage.value, "reason": Reason.INHERITED.value}
            row |= {"measured": bar.measured, "threshold": bar.threshold}
        else:
            status = state.statuses[recipe]
            row |= {"verdict": status.verdict.value, "stage": status.stage.value, "reason": Reason.INHERITED.value}
        rows.append(row)
    return rows


def _released(batch: Checked, before: GateState, after: GateState) -> list[dict[str, Any]]:
    """Return rows for documents of earlier batches that are admitted, withdrawn or rejected now."""
    here = set(batch.documents["id"].to_pylist())
    was = dict(zip(before.admitted["id"].to_pylist(), before.admitted["recipe"].to_pylist(), strict=True))
    now = dict(zip(after.admitted["id"].to_pylist(), after.admitted["recipe"].to_pylist(), strict=True))
    released = [(key, recipe, Verdict.ADMITTED, Reason.INHERITED) for key, recipe in now.items() if key not in was]
    withdrawn = [(key, recipe, *_withdrawn(after, recipe)) for key, recipe in was.items() if key not in now]
    waiting = zip(before.quarantine["id"].to_pylist(), before.quarantine["recipe"].to_pylist(), strict=True)
    withdrawn += [
        (key, recipe, Verdict.REJECTED, Reason.INHERITED)
        for key, recipe in waiting
        if after.statuses[recipe].verdict is Verdict.REJECTED
    ]
    return [
        {"id": key, "recipe": recipe, "verdict": verdict.value, "stage": Stage.UTILITY.value, "reason": reason.value}
        for key, recipe, verdict, reason in (*released, *withdrawn)
        if key not in here
    ]


def _withdrawn(state: GateState, recipe: str) -> tuple[Verdict, Reason]:
    """Return what became of an admitted document that is admitted no longer."""
    if state.statuses[recipe].reason is Reason.DEMOTED:
        return Verdict.QUARANTINED, Reason.DEMOTED
    return Verdict.REJECTED, Reason.REVOKED


def _recipes(before: GateState, after: GateState, *, reveal: bool) -> list[dict[str, Any]]:
    decisions: dict[str, Decision] = {sealed.recipe: sealed.decision for sealed in after.sealed[len(before.sealed) :]}
    rows = []
    for name, status in after.statuses.items():
        if before.statuses.get(name) == status:
            continue
        decision = decisions.get(name) if reveal else None
        rows.append(
            {
                "id": f"recipe:{name}",
                "recipe": name,
                "verdict": status.verdict.value,
                "stage": status.stage.value,
                "reason": status.reason.value,
                "measured": status.measured,
                "threshold": decision.threshold if decision else status.threshold,
                "log_e": decision.log_e if decision else None,
                "decision": decision.k if decision else None,
            }
        )
    return rows
