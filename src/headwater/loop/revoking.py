"""Withdrawing an admission by hand: a new row of the ledger, an export without it, and what was made from it."""

import io
import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import zstandard

from headwater.config import Settings
from headwater.errors import StoreError
from headwater.loop.explaining import RECIPE, descendants, find
from headwater.loop.records import admitted_record, human_inputs
from headwater.loop.result import RunResult
from headwater.origin.exported import Described, write_records
from headwater.origin.records import Input
from headwater.schema import REASON_SENTENCES, Reason, Verdict
from headwater.store import Ledger, RunFolder, append_line, document_table, write_bytes

EXPORT = "admitted.jsonl.zst"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What withdrawing an admission changed, and what it concerns."""

    run: str
    id: str
    """Id of the document; ``recipe:NAME`` for a recipe."""
    withdrawn: int
    """Verdicts withdrawn now; 0 where it was withdrawn before."""
    why: str
    by: str
    before: tuple[str, str] | None
    """Why and by whom it was withdrawn before; None where it is new."""
    removed: int
    """Documents taken out of the run's export now."""
    left: int
    """Documents left in it."""
    export: str
    documents: tuple[str, ...]
    """Documents that were made from what was withdrawn. They are not withdrawn with it."""
    recipes: tuple[str, ...]
    """Recipes of those documents."""
    models: tuple[str, ...]
    """Models trained on the recipe, or on what was made from it."""


def revoke(folder: RunFolder, name: str, why: str, by: str, result: RunResult) -> Revocation:
    """Withdraw the admission of a document or a recipe of a finished run; repeating it changes nothing.

    Args:
        folder: the run.
        name: a document's id, the beginning of one, or a recipe's name.
        why: the reason, in words.
        by: who withdraws it.
        result: what the run found out.

    Raises:
        StoreError: nothing, or more than one, is meant, or it was never admitted.
    """
    store, run = folder.store, folder.id
    ledger = Ledger(store, run=run)
    key = find(ledger, run, name)
    current = ledger.current(run).to_pylist()
    mine = [row for row in current if row["id"] == key]
    concerned = [row for row in current if key in (row["id"], f"{RECIPE}{row['recipe']}")]
    gone = [row for row in concerned if row["reason"] == Reason.REVOKED]
    if not any(row["verdict"] == Verdict.ADMITTED for row in concerned) and not gone:
        last = mine[0]
        raise StoreError(
            f"{key} was never admitted in run {run}, so there is nothing to withdraw: it is {last['verdict']}, because "
            f"{REASON_SENTENCES[Reason(last['reason'])]}."
        )
    withdrawn = 0
    if any(row["verdict"] == Verdict.ADMITTED for row in concerned):
        withdrawn = ledger.revoke(run, key, note=why, by=by)
        folder.event("revoked", id=key, why=why, by=by)
    ids = {row["id"] for row in concerned if row["verdict"] == Verdict.ADMITTED or row["reason"] == Reason.REVOKED}
    recipe = next((row["recipe"] for row in mine if row["recipe"]), None)
    removed, left = _without(folder, ids, result)
    documents, recipes, models = descendants(store, run, key, recipe)
    earlier = next(((row["note"] or "", row["by"] or "") for row in gone), None)
    return Revocation(
        run, key, withdrawn, why, by, earlier if not withdrawn else None, removed, left, str(folder.path / EXPORT),
        tuple(documents), tuple(recipes), tuple(models),
    )  # fmt: skip


def _without(folder: RunFolder, ids: set[str], result: RunResult) -> tuple[int, int]:
    """Write the run's export and the records beside it without some documents; return how many went and stayed."""
    path = folder.path / EXPORT
    kept: list[bytes] = []
    removed = 0
    if not path.exists():
        return 0, 0
    with path.open("rb") as file:
        for line in io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file)):
            if json.loads(line)["id"] in ids:
                removed += 1
            else:
                kept.append(line)
    if not removed:
        return 0, len(kept)
    write_bytes(path, zstandard.ZstdCompressor().compress(b"".join(kept)))
    names = pa.array([json.loads(line)["id"] for line in kept], pa.string())
    found = Described()
    for batch in document_table(folder.store).batches():
        found.add(batch.filter(pc.is_in(batch["id"], value_set=names)))
    settings = Settings.model_validate(folder.settings())
    human = result.corpus.description
    inputs = (*human_inputs(settings, folder.store, human), *(Input(one) for one in settings.stream.paths))
    record = admitted_record(
        found, settings, name=f"admitted by run {folder.id}, after a revocation", created=folder.created,
        run=folder.id, inputs=inputs, human=human,
    )  # fmt: skip
    write_records(path, record)
    append_line(folder.path / "revoked.jsonl", {"ids": sorted(ids), "removed": removed, "left": len(kept)})
    return removed, len(kept)
