"""Why a document or a recipe was admitted or not: from the project's ledger and the folder of a run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.config import Settings
from headwater.errors import StoreError, did_you_mean
from headwater.gate import Card
from headwater.gate.diagnosis import SIGNALS, Near
from headwater.gate.diagnosis.nearest import beginning
from headwater.loop.result import RunResult
from headwater.origin.reserve import reserve_panels
from headwater.schema import REASON_SENTENCES, Origin, Reason, Stage, Verdict
from headwater.store import Ledger, Panel, Part, RunFolder, document_table, lineage_table, sql_text

RECIPE = "recipe:"
_SHOWN = 10
_SHORTEST_PREFIX = 4
_MOST_COMPARED = 20_000  # names compared with a mistyped one
_LEVELS = 3  # of parents
_OPEN_PARTS = (Part.TRAIN, Part.SOURCES)


@dataclass(frozen=True, slots=True)
class Standing:
    """One verdict of the ledger."""

    arm: str
    generation: int | None
    verdict: Verdict
    stage: Stage
    reason: Reason
    measured: float | None
    threshold: float | None
    log_e: float | None
    """ln e-value of the certification panel; None where it was not asked, or is sealed."""
    decision: int | None
    note: str | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Parent:
    """A document that another was made from."""

    id: str
    level: int
    """1 for parents, 2 for their parents."""
    origin: str
    """Its origin; ``not in the project`` where only its id is known."""
    recipe: str | None
    beginning: str | None
    """How it begins; None for documents of panels, which are never shown."""


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that is known about a verdict."""

    run: str
    id: str
    """Id of the document; ``recipe:NAME`` for a recipe."""
    recipe: str | None
    standing: tuple[Standing, ...]
    """The verdict that holds in each part of the run."""
    history: tuple[Standing, ...]
    """All verdicts, as they were given."""
    card: Card | None
    """Card of the recipe; None where the run has none, as for what its own models wrote."""
    would_change: str
    beginning: str | None
    parents: tuple[Parent, ...]
    ancestors: tuple[str, ...]
    """Nodes of the family tree behind the recipe."""
    signals: dict[str, float | None]
    """Signals on the document, which decide nothing."""
    nearest: tuple[Near, ...]
    """Nearest human training documents."""
    sealed: bool
    """Whether the numbers of the certification panel are sealed, because the panel is in use."""


def find(ledger: Ledger, run: str, name: str) -> str:
    """Return the id of the ledger that a user means: a recipe, a document, or the beginning of a document's id.

    Raises:
        StoreError: nothing or more than one is meant.
    """
    known = set(ledger.table.read(["id"], filter=f"run = {sql_text(run)}")["id"].to_pylist())
    for exact in (f"{RECIPE}{name}", name):
        if exact in known:
            return exact
    meant = sorted(key for key in known if len(name) >= _SHORTEST_PREFIX and key.startswith(name))
    if len(meant) == 1:
        return meant[0]
    if meant:
        more = f" and {len(meant) - _SHOWN} more" if len(meant) > _SHOWN else ""
        raise StoreError(
            f"{name!r} is the beginning of {len(meant)} ids of run {run}: {', '.join(meant[:_SHOWN])}{more}. Give more "
            "of the id."
        )
    recipes = sorted(key.removeprefix(RECIPE) for key in known if key.startswith(RECIPE))
    near = [*recipes, *(key for key in sorted(known) if key[:1] == name[:1])][:_MOST_COMPARED]
    raise StoreError(
        f"Run {run} has no verdict on {name!r}. Give a document's id, its beginning ({_SHORTEST_PREFIX} characters or "
        f"more), or a recipe: {', '.join(recipes[:_SHOWN]) or 'none'}.{did_you_mean(name, near)}"
    )


def explain(folder: RunFolder, name: str, result: RunResult | None) -> Why:
    """Return why a document or recipe of a run was admitted or not.

    Args:
        folder: the run.
        name: a document's id, the beginning of one, or a recipe's name.
        result: what the run found out; None where it is not finished.

    Raises:
        StoreError: nothing, or more than one, is meant.
    """
    store, run = folder.store, folder.id
    ledger = Ledger(store, run=run)
    key = find(ledger, run, name)
    rows = ledger.verdicts(run).filter(pc.field("id") == key).to_pylist()
    held = ledger.current(run).filter(pc.field("id") == key).to_pylist()
    sealed = panel_in_use(folder)
    recipe = next((row["recipe"] for row in rows if row["recipe"]), None)
    card = next((one for one in (result.cards if result else ()) if one.recipe == recipe), None)
    is_recipe = key.startswith(RECIPE)
    document = None if is_recipe else _documents(store, [key]).get(key)
    signals, nearest = ({}, ()) if is_recipe else _signals(folder, key)
    own = [] if document is None else document["parents"] or []
    standing = tuple(_standing(row, sealed=sealed) for row in held)
    return Why(
        run=run,
        id=key,
        recipe=recipe,
        standing=standing,
        history=tuple(_standing(row, sealed=sealed) for row in rows),
        card=card,
        would_change=_would_change(standing, card, is_recipe=is_recipe),
        beginning=beginning(document["text"]) if document is not None else None,
        parents=tuple(_parents(folder, own)),
        ancestors=tuple(_walk(store, _nodes(store, run, recipe), up=True)) if recipe else (),
        signals=signals,
        nearest=nearest,
        sealed=sealed,
    )


def panel_in_use(folder: RunFolder) -> bool:
    """Return whether a run's certification panel is still used: while the run is unfinished, or the reserve's current.

    A person who reads its numbers could steer by them, so they stay sealed until the panel is rotated out.
    """
    if not (folder.path / "manifest.json").exists():
        return True
    if not Settings.model_validate(folder.settings()).human.reserve:
        return False
    panels = reserve_panels(folder.store)
    current = max((one.rotation for one in panels.sealed if one.panel is Panel.CERTIFICATION), default=0)
    opened = {
        int(str(one["rotation"]))
        for one in panels.openings(Panel.CERTIFICATION)
        if str(one["why"]).startswith(f"run {folder.id}:")
    }
    return not opened or current in opened


def descendants(store: Path, run: str, key: str, recipe: str | None) -> tuple[list[str], list[str], list[str]]:
    """Return what was made from a document or a recipe: ids of documents, recipes of those, and models.

    Documents are followed by the parents they name; models by the family trees of all runs. The tree knows recipes, so
    a model that was trained on a document's recipe counts as one that may have been trained on the document.
    """
    children: dict[str, list[tuple[str, str | None]]] = {}
    start = {key}
    for batch in document_table(store).batches(["id", "parents", "recipe"]):
        columns = (batch[name].to_pylist() for name in ("id", "parents", "recipe"))
        for child, parents, made_by in zip(*columns, strict=True):
            if key.startswith(RECIPE) and made_by == recipe:
                start.add(child)
            for parent in parents or []:
                children.setdefault(parent, []).append((child, made_by))
    found: dict[str, str | None] = {}
    waiting = list(start)
    while waiting:
        for child, made_by in children.get(waiting.pop(), []):
            if child not in found and child not in start:
                found[child] = made_by
                waiting.append(child)
    recipes = sorted({name for name in found.values() if name is not None and name != recipe})
    nodes = [node for name in (recipe, *recipes) if name for node in _nodes(store, run, name)]
    return sorted(found), recipes, [node for node in _walk(store, nodes, up=False) if node.endswith("/model")]


def _documents(store: Path, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    listed = ", ".join(sql_text(one) for one in ids)
    if not listed:
        return {}
    table = document_table(store).read(["id", "text", "origin", "recipe", "parents"], filter=f"id IN ({listed})")
    return {row["id"]: row for row in table.to_pylist()}


def _parents(folder: RunFolder, ids: Sequence[str]) -> list[Parent]:
    """Return the parents of a document, and theirs, in levels; each once."""
    parts = _parts(folder)
    found: dict[str, Parent] = {}
    level, waiting = 1, list(dict.fromkeys(ids))
    while waiting and level <= _LEVELS:
        known = _documents(folder.store, waiting[:1000])
        following: list[str] = []
        for key in waiting[:1000]:
            row = known.get(key)
            if row is None:
                found[key] = Parent(key, level, "not in the project", None, None)
                continue
            open_text = row["origin"] != Origin.HUMAN or parts.get(key) in _OPEN_PARTS
            shown = beginning(row["text"]) if open_text else None
            found[key] = Parent(key, level, row["origin"] or Origin.UNKNOWN.value, row["recipe"], shown)
            following += row["parents"] or []
        waiting = [key for key in dict.fromkeys(following) if key not in found]
        level += 1
    return list(found.values())


def _parts(folder: RunFolder) -> dict[str, str]:
    """Return the part of each human document of the run."""
    found: dict[str, str] = {}
    for path in folder.path.glob("steps/split-*/parts.parquet"):
        table = pq.read_table(path)
        found |= dict(zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True))
    return found


def _signals(folder: RunFolder, key: str) -> tuple[dict[str, float | None], tuple[Near, ...]]:
    path = folder.path / "signals.parquet"
    if not path.exists():
        return {}, ()
    rows = pq.read_table(path, filters=[("id", "==", key)]).to_pylist()
    if not rows:
        return {}, ()
    texts = _documents(folder.store, [one["id"] for one in rows[0]["nearest"]])
    nearest = tuple(
        Near(one["id"], one["cosine"], beginning(texts[one["id"]]["text"] if one["id"] in texts else None))
        for one in rows[0]["nearest"]
    )
    return {name: rows[0][name] for name in SIGNALS}, nearest


def _standing(row: dict[str, Any], *, sealed: bool) -> Standing:
    certified = row["decision"] is not None
    return Standing(
        arm=row["arm"],
        generation=row["generation"],
        verdict=Verdict(row["verdict"]),
        stage=Stage(row["stage"]),
        reason=Reason(row["reason"]),
        measured=row["measured"],
        threshold=None if sealed and certified else row["threshold"],
        log_e=None if sealed else row["log_e"],
        decision=row["decision"],
        note=row["note"],
        by=row["by"],
    )


def _would_change(standing: Sequence[Standing], card: Card | None, *, is_recipe: bool) -> str:
    revoked = next((one for one in standing if one.reason is Reason.REVOKED and one.note), None)
    if revoked is not None:
        return "It was withdrawn by a person. Bring it without what was wrong with it, as another recipe, in a new run."
    last = standing[0] if standing else None
    if last is not None and not is_recipe and last.reason is not Reason.INHERITED:
        if last.stage is Stage.PROVENANCE:
            return "Make it from documents that are in no panel. There is no appeal through utility."
        if last.reason is Reason.FILTERED:
            return "Take the filter out of the settings ([gate.filter]); the report says what it costs."
        return f"Bring a document of which it is not true that {REASON_SENTENCES[last.reason]}."
    return card.would_change if card is not None else "Another batch of the recipe is judged anew."


def _nodes(store: Path, run: str, recipe: str) -> list[str]:
    """Return the nodes of a recipe in the family tree of a run."""
    events = lineage_table(store).read(["node"], filter=f"run = {sql_text(run)}")
    ends = (f"{run}/stream/{recipe}",)
    own = [
        node
        for node in events["node"].to_pylist()
        if node in ends or (recipe.startswith("own-output-") and node.endswith(f"/{recipe}"))
    ]
    return sorted(set(own))


def _walk(store: Path, start: Sequence[str], *, up: bool) -> list[str]:
    """Return what the nodes were made from, or what was made from them, nearest first, without the nodes."""
    near: dict[str, list[str]] = {}
    events: pa.Table = lineage_table(store).read(["node", "inputs"]) if start else pa.table({"node": [], "inputs": []})
    for node, inputs in zip(events["node"].to_pylist(), events["inputs"].to_pylist(), strict=True):
        for one in inputs or []:
            if up:
                near.setdefault(node, []).append(one)
            else:
                near.setdefault(one, []).append(node)
    found: dict[str, None] = {}
    waiting = list(start)
    while waiting:
        node = waiting.pop(0)
        for one in near.get(node, []):
            if one not in found and one not in start:
                found[one] = None
                waiting.append(one)
    return list(found)
