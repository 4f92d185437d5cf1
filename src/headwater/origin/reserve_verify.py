"""Proving that the reserve is what it claims to be: sealed, human, and its panels never trained on.

Everything is looked at anew, with what is known today. What cannot be proven is said.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.errors import InputError, StoreError
from headwater.origin.evidence import EvidenceReader
from headwater.origin.own_output import OwnOutputReader
from headwater.origin.passages import COMMON, DEPENDENT, Pairs, Passages, same_text
from headwater.origin.reserve import (
    Attestation,
    BatchRecord,
    How,
    batch_digest,
    batch_records,
    pending_record,
    reserve_folder,
    reserve_panels,
    reserve_table,
    settled_shares,
)
from headwater.origin.reserve_add import against, copies_of, evidence_of, human_inputs, machine_texts
from headwater.origin.trained import TrainingSet, training_sets
from headwater.schema import DOCUMENT, EvidenceKind, Origin
from headwater.store import PANELS, Part, document_table

_PANEL_NAMES = frozenset(str(part) for part in PANELS)
_EXAMPLES = 5
_MOST_FAULTS = 20  # kinds of evidence listed one by one
# Fewer shared sequences than these (fifteen words in a row) happen by chance between texts of one kind, and a small
# model reproduces stock phrases of its training text. A longer passage, found in the panels only, does not.
_LEAST_SHARED = 8
_CHUNK_BYTES = 12 << 20  # text of the reserve indexed at once, about two million English words: about 100 MB


class Check(StrEnum):
    """What a finding is about."""

    SEAL = "seal"
    """The panels are not as they were sealed."""
    TRAINED_ON = "trained_on"
    """A run was trained on a panel document, a near copy or a descendant."""
    SYNTHETIC = "synthetic"
    """A document of the reserve is machine-made."""
    ATTESTATION = "attestation"
    """Nobody vouches for a document, or a record is missing."""
    SPLIT = "split"
    """A group, or one passage, is in two parts."""
    TABLE = "table"
    """Rows were changed, lost or doubled."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong."""

    check: Check
    """What it is about."""
    what: str
    """What is wrong, in one sentence."""
    where: str
    """Where: panel, batch, or run and training set."""
    count: int
    """How many documents are concerned."""
    examples: tuple[str, ...]
    """Ids of some of them."""
    advice: str
    """What to do."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What the verification of a reserve found."""

    faults: tuple[Fault, ...]
    """What is wrong; none if the reserve holds."""
    proven: tuple[str, ...]
    """What was looked at and found in order, in sentences with numbers."""
    remarks: tuple[str, ...]
    """What is worth knowing and no fault."""
    unproven: tuple[str, ...]
    """What could not be looked at."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with what could be looked at."""
        return not self.faults


@dataclass
class _Findings:
    faults: list[Fault]
    proven: list[str]
    remarks: list[str]
    unproven: list[str]

    def fault(self, check: Check, what: str, where: str, ids: Iterable[str], advice: str, count: int = 0) -> None:
        examples = sorted(set(ids))
        self.faults.append(Fault(check, what, where, count or len(examples), tuple(examples[:_EXAMPLES]), advice))


def _to_nobody(what: str) -> None:
    """Tell nobody."""


def verify_reserve(
    store: Path,
    readers: Sequence[EvidenceReader] = (),
    *,
    extra: Sequence[TrainingSet] = (),
    tell: Callable[[str], None] = _to_nobody,
) -> VerifyReport:
    """Look at the whole reserve again and at everything the runs of the project were trained on.

    Args:
        store: the folder ``.headwater`` of the project.
        readers: readers of evidence, with today's generation ledger among them.
        extra: training sets kept elsewhere, such as those of another trainer.
        tell: told what is being looked at.

    Raises:
        InputError: there is no reserve.
    """
    table = reserve_table(store)
    if not table.version:
        raise InputError(f"there is no reserve in {store}. Add human documents first: headwater reserve add")
    found = _Findings([], [], [], [])
    tell("the table")
    _check_table(store, found)
    tell("the seals")
    _check_seals(store, found)
    tell("the split")
    index, panels = _check_split(store, found)
    tell("what runs were trained on")
    copied = _check_training(store, index, panels, extra, found)
    tell("evidence of machine text")
    _check_synthetic(store, readers, copied, found)
    return VerifyReport(tuple(found.faults), tuple(found.proven), tuple(found.remarks), tuple(found.unproven))


def _check_table(store: Path, found: _Findings) -> None:
    """Look at attestations, ids, repeated texts, and whether the rows of each batch are those that were added."""
    table = reserve_table(store)
    faults = len(found.faults)
    for problem in table.check():
        found.fault(Check.TABLE, problem, "reserve.lance", (), "Restore the folder .headwater from a copy.", 1)
    try:
        settled_shares(store)
    except StoreError as error:
        found.fault(Check.TABLE, str(error), "reserve/reserve.json", (), "Restore the file from a copy.", 1)
    pending = _pending(store, found)
    if pending is not None:
        advice = "Add any batch, or repeat the one that was killed: it finishes what was begun."
        found.fault(Check.SEAL, "Adding a batch was interrupted before it was sealed.", "the last batch", (), advice, 1)
    records = _records(store, found)
    incomplete: dict[str, list[str]] = defaultdict(list)
    texts: dict[str, str] = {}
    repeated: list[str] = []
    rows = 0
    for batch in table.batches():
        columns = ("id", "text", "batch", "attested_by", "attested_how", "attested_on", "attested_detail", "origin")
        for key, text, name, *said, origin in zip(*(batch[one].to_pylist() for one in columns), strict=True):
            if not _attested(said) or origin != Origin.HUMAN:
                incomplete[name or "no batch"].append(key)
            first = texts.setdefault(same_text(text), key)
            if first != key:
                repeated.append(key)
        rows += batch.num_rows
    for name, ids in incomplete.items():
        advice = "Rows were changed by hand, or written by another program: restore the table from a copy."
        found.fault(Check.ATTESTATION, "Documents without a complete attestation.", f"batch {name}", ids, advice)
    if repeated:
        advice = "Restore the table from a copy of before: adding refuses repeated texts."
        found.fault(Check.TABLE, "The same text stands in the reserve twice.", "reserve.lance", repeated, advice)
    for record in records:
        part = table.read(filter=f"batch = '{record.batch}'")
        if part.num_rows != record.documents or batch_digest(part) != record.digest:
            what = f"The rows of the batch are not those that were added ({part.num_rows} of {record.documents} rows)."
            advice = "Restore the table from a copy of before."
            found.fault(Check.TABLE, what, f"batch {record.batch}", (), advice, max(part.num_rows, 1))
    recorded = {one.batch for one in (*records, pending) if one is not None}
    for name in sorted(_batches(table.batches(["batch"])) - recorded):
        ids = table.read(["id"], filter=f"batch = '{name}'")["id"].to_pylist()
        advice = "They were not added by this program. Take them out by restoring the table from a copy."
        found.fault(Check.ATTESTATION, "Rows of a batch that is not recorded.", f"batch {name}", ids, advice)
    if len(found.faults) == faults:
        found.proven.append(
            f"{rows:,} documents in {len(records)} batches: each attested, no id and no text twice, every row as added."
        )


def _pending(store: Path, found: _Findings | None = None) -> BatchRecord | None:
    """Return the batch whose addition was interrupted, if any; that it cannot be read is a fault."""
    try:
        return pending_record(store)
    except StoreError as error:
        if found is not None:
            found.fault(Check.SEAL, str(error), "reserve/pending.json", (), "Restore the file from a copy.", 1)
        return None


def _batches(batches: Iterable[pa.RecordBatch]) -> set[str]:
    return {name for batch in batches for name in pc.unique(batch["batch"]).to_pylist()}


def _records(store: Path, found: _Findings) -> list[BatchRecord]:
    try:
        return batch_records(store)
    except StoreError as error:
        found.fault(Check.TABLE, str(error), "reserve/batches.jsonl", (), "Restore the file from a copy.", 1)
        return []


def _attested(said: Sequence[str | None]) -> bool:
    try:
        by, how, on, detail = said
        Attestation(by or "", How(how or ""), on or "", detail or "")
    except (InputError, ValueError):
        return False
    return True


def _check_seals(store: Path, found: _Findings) -> None:
    """Look whether the rows of every rotation are those that were sealed, and the seals unbroken."""
    table = reserve_table(store)
    faults = len(found.faults)
    advice = "What was decided on this panel since cannot be relied on. Restore reserve/ and reserve.lance from a copy."
    rotations = {value for batch in table.batches(["rotation"]) for value in pc.unique(batch["rotation"]).to_pylist()}
    pending = _pending(store)
    rotations -= {None, pending and pending.rotation}  # an interrupted addition is a fault of its own
    if pending is not None and not rotations and not (reserve_folder(store) / "panels" / "salt").exists():
        return
    try:
        panels = reserve_panels(store)
    except (StoreError, OSError) as error:
        found.fault(Check.SEAL, str(error), "reserve/panels", (), advice, 1)
        return
    for number in sorted(rotations - {one.rotation for one in panels.sealed}):
        found.fault(Check.SEAL, "A rotation of the panels has no seal.", f"rotation {number}", (), advice, 1)
    documents = 0
    for one in panels.sealed:
        rows = table.read(["id", "text", "unit"], filter=f"rotation = {one.rotation} AND part = '{one.panel}'")
        alone = replace(panels, sealed=(one,))
        ids = rows["id"].to_pylist()
        by_id = alone.barred(ids)
        by_text = alone.barred([""] * len(ids), rows["text"].to_pylist())
        where = f"{one.panel} panel, rotation {one.rotation}"
        _seal_fault(found, "Documents stand in a panel they were not sealed in.", where, ids, ~by_id, advice)
        _seal_fault(found, "Texts of panel documents were changed.", where, ids, by_id & ~by_text, advice)
        missing = len(one.ids) - len({key for key, known in zip(ids, by_id, strict=True) if known})
        if missing > 0:
            found.fault(Check.SEAL, "Sealed documents are missing from the table.", where, (), advice, missing)
        documents += one.documents
    if len(found.faults) == faults:
        found.proven.append(
            f"{len(panels.sealed)} panels of {len({one.rotation for one in panels.sealed})} rotations with "
            f"{documents:,} documents are as they were sealed. Panels were opened {len(panels.openings())} times."
        )


def _seal_fault(
    found: _Findings,
    what: str,
    where: str,
    ids: Sequence[str],
    wrong: NDArray[np.bool_],
    advice: str,
) -> None:
    if wrong.any():
        found.fault(Check.SEAL, what, where, [key for key, bad in zip(ids, wrong, strict=True) if bad], advice)


@dataclass(frozen=True, slots=True)
class _PanelDocuments:
    """The panel documents of the reserve."""

    ids: list[str]
    texts: list[str]
    parts: list[str]


def _check_split(store: Path, found: _Findings) -> tuple[Passages, _PanelDocuments]:
    """Look whether groups and passages keep to their parts; return what only the panels say."""
    table = reserve_table(store)
    faults = len(found.faults)
    rows = table.read(["id", "text", "part"], filter=_in_panels())
    panels = _PanelDocuments(*(rows[name].to_pylist() for name in ("id", "text", "part")))
    parts_of: dict[str, set[str]] = defaultdict(set)
    known = {str(part) for part in Part}
    misplaced = []
    for batch in table.batches(["id", "unit", "part"]):
        for key, unit, part in zip(*(batch[name].to_pylist() for name in ("id", "unit", "part")), strict=True):
            parts_of[unit].add(part)
            if part not in known:
                misplaced.append(key)
    advice = "Rows were changed after they were added: restore reserve.lance from a copy."
    torn = [unit for unit, parts in parts_of.items() if len(parts) > 1]
    if torn:
        found.fault(Check.SPLIT, "Groups stand in more than one part.", "reserve.lance", torn, advice)
    if misplaced:
        found.fault(Check.SPLIT, "Documents stand in no known part.", "reserve.lance", misplaced, advice)
    index = Passages.of(panels.texts)
    train_ids: list[str] = []

    def training_text() -> Iterator[list[str | None]]:
        for batch in table.batches(["id", "text"], filter=f"part = '{Part.TRAIN}'"):
            train_ids.extend(batch["id"].to_pylist())
            yield batch["text"].to_pylist()

    compared = index.compare(training_text(), common=COMMON)
    # Whole short documents are one sequence; what is equal was looked for already.
    near = compared.pairs.where((compared.pairs.of_shorter >= DEPENDENT) & (compared.pairs.shared > 1))
    if len(near.rows):
        ids = [panels.ids[owner] for owner in near.owners.tolist()]
        found.fault(Check.SPLIT, "Panel documents share passages with training text.", "reserve.lance", ids, advice)
    if len(found.faults) == faults:
        found.proven.append(
            f"{len(parts_of):,} groups, each in one part; no panel document shares passages with the training text."
        )
    # What the reserve's own training text says too may be learnt from there.
    return index.without(compared.seen), panels


def _in_panels() -> str:
    return "part IN (" + ", ".join(f"'{name}'" for name in sorted(_PANEL_NAMES)) + ")"


def _check_training(
    store: Path, index: Passages, panels: _PanelDocuments, extra: Sequence[TrainingSet], found: _Findings
) -> set[str]:
    """Look for panel documents, near copies and descendants in everything that was trained on.

    Returns:
        Ids of the panel documents that were trained on as they are or as a near copy.
    """
    sets, unknown = training_sets(store)
    sets = [*sets, *extra]
    found.unproven += unknown
    faults = len(found.faults)
    place_of = {key: place for place, key in enumerate(panels.ids)}
    place_of_text = {same_text(text): place for place, text in enumerate(panels.texts)}
    trained: dict[tuple[str, str], list[str]] = {}
    children: dict[str, set[str]] = defaultdict(set)
    for batch in document_table(store).batches(["id", "parents"]):
        _note_children(children, batch)
    copies: set[str] = set()
    originals: set[str] = set()
    chance = documents = 0
    for one in sets:
        where = f"run {one.run}, {one.name} ({one.path.parent.name}/{one.path.name})"
        ids: list[str] = []
        human: list[bool] = []
        same: dict[str, str] = {}

        def texts(
            one: TrainingSet = one, ids: list[str] = ids, human: list[bool] = human, same: dict[str, str] = same
        ) -> Iterator[list[str | None]]:
            for batch in one.batches():
                _note_children(children, batch)
                columns = (batch[name].to_pylist() for name in ("id", "text", "origin"))
                for key, text, origin in zip(*columns, strict=True):
                    place = place_of.get(key)
                    if place is None and len((text or "").split()) >= _LEAST_SHARED:
                        place = place_of_text.get(same_text(text))
                    if place is not None:
                        same[key] = panels.ids[place]
                    ids.append(key)
                    human.append(origin == Origin.HUMAN)
                yield batch["text"].to_pylist()

        try:
            pairs = index.compare(texts()).pairs
        except StoreError as error:
            found.unproven.append(f"{where}: {error}")
            continue
        documents += len(ids)
        trained[one.run, where] = ids
        near = _near(pairs, human)
        chance += int((pairs.of_shorter >= DEPENDENT).sum()) - len(near.rows)
        copied = {
            ids[row]: panels.ids[owner] for row, owner in zip(near.rows.tolist(), near.owners.tolist(), strict=True)
        }
        _training_fault(found, "was trained on panel documents", where, same, panels, place_of)
        copied = {key: value for key, value in copied.items() if key not in same}
        _training_fault(found, "was trained on near copies of panel documents", where, copied, panels, place_of)
        copies |= copied.keys() | same.keys()
        originals |= {*copied.values(), *same.values()}
    reached = _descendants(children, {*panels.ids, *copies}) - copies - set(panels.ids)
    for (_, where), ids in trained.items():
        made = {key for key in ids if key in reached}
        if made:
            what = "A run was trained on documents that were made from panel documents."
            found.fault(Check.TRAINED_ON, what, where, made, _ADVICE)
    if chance:
        found.remarks.append(
            f"{chance:,} pairs of a panel document and a training document share fewer than {_LEAST_SHARED} sequences "
            "that are much of the shorter one: stock phrases, too short to tell a copy from chance."
        )
    if len(found.faults) == faults:
        found.proven.append(
            f"{documents:,} documents in {len(sets)} training sets of {len({one.run for one in sets})} runs: none is "
            f"one of {len(panels.ids):,} panel documents, a near copy, or made from one."
        )
    return originals


_ADVICE = (
    "Do not use the models of this run, nor what was decided on these panels since. Find out how the documents got "
    "there, train again without them, and add human documents that are new for a fresh rotation."
)


def _near(pairs: Pairs, human: Sequence[bool]) -> Pairs:
    """Return the pairs that are near copies: much of the shorter one, and more than chance brings about."""
    is_human = np.asarray(human, np.bool_)[pairs.rows] if len(pairs.rows) else np.zeros(0, np.bool_)
    whole = (pairs.shared == np.minimum(pairs.row_sizes, pairs.owner_sizes)) & is_human
    return pairs.where((pairs.of_shorter >= DEPENDENT) & ((pairs.shared >= _LEAST_SHARED) | whole))


def _training_fault(
    found: _Findings, what: str, where: str, copied: dict[str, str], panels: _PanelDocuments, place_of: dict[str, int]
) -> None:
    if not copied:
        return
    parts = Counter(panels.parts[place_of[key]] for key in copied.values())
    of = ", ".join(f"{count} of {part}" for part, count in parts.most_common())
    found.fault(Check.TRAINED_ON, f"A run {what} ({of}).", where, copied, _ADVICE)


def _note_children(children: dict[str, set[str]], batch: pa.RecordBatch) -> None:
    lengths = pc.fill_null(pc.list_value_length(batch["parents"]), 0)
    with_parents = batch.select(["id", "parents"]).filter(pc.greater(lengths, 0))
    for key, parents in zip(with_parents["id"].to_pylist(), with_parents["parents"].to_pylist(), strict=True):
        for parent in parents:
            children[parent].add(key)


def _descendants(children: dict[str, set[str]], start: set[str]) -> set[str]:
    reached = set(start)
    waiting = list(start)
    while waiting:
        new = children.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def _check_synthetic(store: Path, readers: Sequence[EvidenceReader], copied: set[str], found: _Findings) -> None:
    """Look for machine text in the reserve, with today's readers, ledger and documents.

    Of panel documents that were copied into a training set it is known already why machine text resembles them.
    """
    table = reserve_table(store)
    faults = len(found.faults)
    checked_by = {one.batch: one.readers for one in _records(store, _Findings([], [], [], []))}
    today = tuple(type(one).__name__ for one in readers)
    barred: dict[str, list[str]] = defaultdict(list)
    explained: list[str] = []
    for rows in _chunks(table.batches()):
        inputs = human_inputs(store, rows)
        details: dict[str, str] = {}
        columns = ("id", "batch", "attested_by", "attested_how", "attested_on", "attested_detail")
        said = list(zip(*(rows[name].to_pylist() for name in columns), strict=True))
        for row, evidence in evidence_of(rows.select(DOCUMENT.names).to_batches(), readers):
            key, batch, *attested = said[row]
            if not _attested(attested):
                continue  # a fault of its own
            by, how, on, detail = attested
            own = Attestation(by, How(how), on, detail or "").as_evidence()
            why, _ = against(evidence, own)
            if why is not None and why.kind is EvidenceKind.GENERATION_LEDGER and key in inputs:
                # It was in the reserve before, and looked up in the ledger then: what resembles it was made from it.
                rest = [one for one in evidence if one.kind is not EvidenceKind.GENERATION_LEDGER]
                if OwnOutputReader.__name__ in checked_by.get(batch, ()):
                    explained.append(key)
                    why, _ = against(rest, own)
            if why is not None:
                details[key] = why.detail
        ids, texts = rows["id"].to_pylist(), rows["text"].to_pylist()
        others = [place for place, key in enumerate(ids) if key not in inputs | copied]
        for place, share in copies_of(machine_texts(store, skip_damaged=True), [texts[place] for place in others]):
            details.setdefault(
                ids[others[place]], f"{share:.0%} of it stand in a machine-made document of this project"
            )
        for key, detail in details.items():
            barred[detail].append(key)
    advice = (
        "Ask whoever vouches for them. The reserve only grows: start a new one without these documents, from the files "
        "it was made of."
    )
    ordered = sorted(barred.items(), key=lambda one: (-len(one[1]), one[0]))
    for detail, ids in ordered[:_MOST_FAULTS]:
        what = f"Documents of the reserve are machine-made: {detail}."
        found.fault(Check.SYNTHETIC, what, "reserve.lance", ids, advice)
    further = [key for _, ids in ordered[_MOST_FAULTS:] for key in ids]
    if further:
        what = "More documents of the reserve are machine-made, each by other evidence."
        found.fault(Check.SYNTHETIC, what, "reserve.lance", further, advice)
    if explained:
        found.remarks.append(
            f"{len(explained):,} documents resemble machine text that was generated here after they were let in and a "
            f"run had used them, for instance {', '.join(sorted(explained)[:_EXAMPLES])}: it was made from them."
        )
    if not readers:
        found.unproven.append("No readers of evidence were given, so marks and the generation ledger were not read.")
    if len(found.faults) == faults:
        used = ", ".join(today) or "none"
        found.proven.append(
            f"No document of the reserve is known to be machine-made (readers: {used}; and the machine documents of "
            "this project)."
        )


def _chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the rows in tables of a bounded size."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch["text"].nbytes
        if size >= _CHUNK_BYTES:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)
