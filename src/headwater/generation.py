"""A recipe carried out in a project: asked, kept, checked, recorded as generated, written with records."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from headwater.errors import InputError
from headwater.gate import run_checks
from headwater.gate.verifiers import verifiers_of
from headwater.generate import (
    REJECTED,
    Counts,
    Generator,
    Parents,
    Plan,
    Production,
    RecipeFile,
    RequestLedger,
    Spending,
    Verify,
    ask_through,
    generator_of,
    read_parents,
)
from headwater.generate.recipe_file import EndpointSettings, FilesSettings
from headwater.origin.exported import Described, inputs_of, mark_exported, record_of, write_described
from headwater.origin.own_output import record_generated
from headwater.origin.records import DataSetRecord, Purpose
from headwater.origin.reserve import reserve_folder
from headwater.sources import RejectLog, expand_paths
from headwater.store import open_panels
from headwater.store.generated import GeneratedLedger

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of a recipe."""

    out: str
    """File with the documents."""
    rejected: str
    """File with the answers that are no document."""
    recipes: tuple[str, ...]
    """Labels of the recipe, one per style, as the documents name them."""
    parents: int
    """Documents the prompts were made from."""
    passed_over: int
    """Documents that are too short for it, or belong to a sealed panel."""
    bad_rows: int
    """Rows of the parents that could not be used."""
    requests: int
    written: int
    refused: Mapping[str, int]
    """Answers that are no document, by reason."""
    verifiers: Mapping[str, int]
    """What verifiers said of those they did not pass."""
    failed: int
    failures: Mapping[str, int]
    """Requests without an answer, by what was said."""
    not_asked: int
    known: int
    """Requests that had been answered before."""
    answered: int
    """Answers of this run."""
    trimmed: int
    stopped: str
    """Why not everything was asked: ``budget``; empty: it was."""
    spent: Spending
    """Of the recipe in this project, this run and all before."""
    before: Spending
    """Of it, before this run."""
    currency: str
    seconds: float
    notes: tuple[str, ...]


def barring(store: Path) -> Callable[[pa.RecordBatch], pa.Array] | None:
    """Return what says which documents belong to sealed panels of a project, or None where nothing is sealed.

    Text made from them could never be used, so it is not paid for.
    """
    places = [one for one in (reserve_folder(store) / "panels", store / "panels") if one.is_dir()]
    panels = [open_panels(place) for place in places if any(place.iterdir())]
    if not panels:
        return None

    def barred(batch: pa.RecordBatch) -> pa.Array:
        ids, texts = batch["id"].to_pylist(), batch["text"].to_pylist()
        found = panels[0].barred(ids, texts)
        for one in panels[1:]:
            found |= one.barred(ids, texts)
        return pa.array(found)

    return barred


def plan_generation(
    store: Path, recipe: RecipeFile, paths: Iterable[str], rejects: RejectLog, *, limit: int | None = None
) -> tuple[Plan, Parents]:
    """Return what carrying a recipe out would ask and cost; nothing is asked, and no name is recorded.

    Raises:
        InputError: the parents cannot be read.
    """
    parents = read_parents(recipe, paths, rejects, barring(store))
    with RequestLedger(store, run="headwater generate --dry-run") as ledger:
        return Production(recipe, parents, generator_of(recipe, rejects), ledger, limit, named=False).plan(), parents


def generate_files(
    store: Path,
    recipe: RecipeFile,
    paths: Iterable[str],
    out: Path,
    rejects: RejectLog,
    progress: Progress,
    *,
    limit: int | None = None,
    verify: Verify | None = None,
    generator: Generator | None = None,
    folder: Path = Path(),
) -> Generated:
    """Carry a recipe out on documents in files, and write what it makes.

    Args:
        store: the project's store.
        recipe: the recipe.
        paths: files, folders, glob patterns of parents.
        out: the file; its suffix says the format.
        rejects: where rows of the parents that cannot be used are kept.
        progress: told what is being done.
        limit: most requests; None: all.
        verify: says why documents do not pass, in place of the recipe's own verifiers.
        generator: answers instead of the recipe's own.
        folder: where files that the recipe's verifiers name start.

    Raises:
        ConfigError: a verifier cannot be used.
        InputError: the parents cannot be read, or the generator cannot work.
        SandboxUnavailableError: a verifier is to run programs, and the system offers no isolation.
        StoreError: a file or the ledger cannot be written.
    """
    start = time.monotonic()
    named = tuple(paths)
    if isinstance(recipe.generator, FilesSettings):
        expand_paths(recipe.generator.paths)  # a mistyped path is said before anything is read
    progress(0, 0, "reading parents")
    parents = read_parents(recipe, named, rejects, barring(store))
    rejected = out.with_name(out.name + REJECTED)
    generated, counts = GeneratedLedger(store), Counts()
    with RequestLedger(store, run="headwater generate") as ledger:
        if verify is None and recipe.verify:
            verify = verifying(recipe, ask_through(recipe, ledger, generator), folder)  # faults are said before asking
        made = Production(recipe, parents, generator or generator_of(recipe, rejects), ledger, limit)
        notes = [*([ledger.repaired] if ledger.repaired else []), *made.notes]
        asked = made.ask(progress)
        batches = made.write(
            rejected,
            counts,
            verify=verify,
            failed=asked.failed_keys,
            record=lambda documents, sources: record_generated(generated, documents, None, sources=sources),
            progress=progress,
        )
        marked = (part for batch in batches for part in mark_exported(pa.Table.from_batches([batch])).to_batches())
        write_described(marked, out, lambda found: _record(found, recipe, named, out.name))
        spent = ledger.spending(recipe.asking_id)
    reading = parents.reading
    return Generated(
        out=str(out),
        rejected=str(rejected),
        recipes=tuple(made.labels.values()),
        parents=parents.count,
        passed_over=parents.passed_over,
        bad_rows=reading.bad_rows if reading is not None else 0,
        requests=counts.requests,
        written=counts.written,
        refused={str(kind): count for kind, count in counts.rejected.most_common()},
        verifiers=dict(counts.verifiers.most_common()),
        failed=counts.failed,
        failures=asked.failed,
        not_asked=counts.not_asked,
        known=counts.requests - counts.failed - counts.not_asked - asked.answered,
        answered=asked.answered,
        trimmed=counts.trimmed,
        stopped=asked.stopped,
        spent=spent,
        before=made.before,
        currency=recipe.budget.currency,
        seconds=round(time.monotonic() - start, 2),
        notes=tuple(notes),
    )


def verifying(recipe: RecipeFile, ask: Callable[[Sequence[str]], Sequence[str]], folder: Path) -> Verify:
    """Return what carries out a recipe's verifiers on its documents.

    Args:
        recipe: the recipe.
        ask: how a judge reaches a language model.
        folder: where relative file names start.

    Raises:
        ConfigError: a verifier cannot be used.
        SandboxUnavailableError: a verifier is to run programs, and the system offers no isolation.
    """
    known: dict[str, str] = {}
    checks = verifiers_of(recipe.verify, parents=known, ask=ask, folder=folder, where=f"recipe {recipe.name}")

    def verify(documents: pa.Table, parents: Mapping[str, str]) -> list[str | None]:
        known.clear()
        known.update(parents)
        return [None if reason is None else reason.value for reason in run_checks(documents, checks).reasons]

    return verify


def _record(found: Described, recipe: RecipeFile, paths: tuple[str, ...], name: str) -> DataSetRecord:
    settings = recipe.generator
    where = f" at {settings.base_url}" if isinstance(settings, EndpointSettings) else ""
    who = getattr(settings, "model", "") or getattr(settings, "name", "") or settings.kind
    return record_of(
        found,
        name=name,
        description=f"Machine documents of the recipe {recipe.name} (family {recipe.family}).",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        run=f"generate {recipe.id}",
        inputs=inputs_of(paths),
        processing=(
            f"asked {who}{where}, temperature {recipe.decoding.temperature:g}",
            "left out: answers that are empty, cut off, withheld, refusals, repetitions of the prompt, or in another "
            "language",
        ),
        purposes=(Purpose("candidates for a training set; see headwater gate", "ai-pre-training"),),
        limitations=("Nothing here has been judged: whether training on it helps is what the gate says.",),
    )


def check_output(out: Path) -> None:
    """Make sure a file of documents can be written there.

    Raises:
        InputError: its folder does not exist.
    """
    if not out.resolve().parent.is_dir():
        raise InputError(f"there is no folder {out.parent}. Create it first.")
