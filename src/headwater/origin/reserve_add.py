"""Adding to the human reserve: what is let in, what is refused and why, and which part it goes to."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.config import SplitSettings
from headwater.errors import NotEnoughData, StoreError
from headwater.origin.evidence import Evidence, EvidenceReader, rule
from headwater.origin.marks.dates import latest_day
from headwater.origin.passages import COMMON, DEPENDENT, Passages, same_text
from headwater.origin.reserve import (
    RESERVE,
    Attestation,
    BatchRecord,
    How,
    batch_digest,
    batch_records,
    part_rows,
    pending_record,
    reserve_folder,
    reserve_table,
    settled_shares,
    word_counts,
)
from headwater.origin.trained import training_sets
from headwater.schema import DOCUMENT, SCHEMA_VERSION, EvidenceKind, Origin, content_id, digest
from headwater.store import (
    PANELS,
    Panel,
    Part,
    SplitRow,
    append_line,
    document_table,
    json_text,
    merge_overlapping,
    seal,
    write_json,
    write_text,
    writer_lock,
)
from headwater.store.split import LEAST_GROUPS, check_enough, deal
from headwater.text import near_duplicates

LooksMachine = Callable[[Sequence[str]], Sequence[float]]
"""Returns a p-value per text: how likely a human text scores as machine-like; NaN where nothing can be said."""

FIRST_MACHINE_TEXT = date(2022, 11, 30)
"""Documents first seen before this day count as dated: chat models were public from then on. GPT-2 and GPT-3 text and
spun text are older, so a date is weaker than an attestation."""

COPY = 0.5
"""A document of whose 8-word sequences this share stands in one other document is a near copy of it. With one word in
twelve changed about half of them are left."""

_LEAST_SHARED = 3  # shared sequences from which on two documents belong together (at least ten words in a row)
_EXAMPLES = 5
_ALPHA = 0.01


class Refusal(StrEnum):
    """Why a document was not let into the reserve. The list is closed and its values are stable."""

    EMPTY = "empty"
    STATED_MACHINE = "stated_machine"
    MARKED = "marked"
    GENERATED = "generated"
    COPY_OF_MACHINE_TEXT = "copy_of_machine_text"
    NOT_DATED = "not_dated"
    DATED_TOO_LATE = "dated_too_late"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    ID_TAKEN = "id_taken"
    JOINS_PARTS = "joins_parts"


REFUSAL_SENTENCES: Mapping[Refusal, str] = {
    Refusal.EMPTY: "it has no words",
    Refusal.STATED_MACHINE: "its own row says that a machine made it",
    Refusal.MARKED: "it carries a mark or stronger evidence that a machine made it",
    Refusal.GENERATED: "it was generated here, or by a party whose ledger was imported",
    Refusal.COPY_OF_MACHINE_TEXT: "it is, or nearly is, a machine-made document of this project",
    Refusal.NOT_DATED: "it has no date, and a date is what this batch rests on",
    Refusal.DATED_TOO_LATE: "it is dated after machine text became common",
    Refusal.DUPLICATE: "the same text is in the reserve or earlier in the batch",
    Refusal.NEAR_DUPLICATE: "almost the same text is in the reserve or earlier in the batch",
    Refusal.ID_TAKEN: "another text of the reserve has its id",
    Refusal.JOINS_PARTS: "it belongs to groups in different parts, which must stay apart",
}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What the detector says about a batch."""

    documents: int
    """Documents it could say something about."""
    threshold: float
    """p-value below which a document was counted."""
    found: int
    """Documents counted."""
    expected: float
    """Documents that would be counted if all were human."""
    chance: float
    """Chance of as many if all were human (binomial)."""
    examples: tuple[tuple[str, float, str], ...]
    """The most machine-like: id, p-value, beginning of the text."""

    @property
    def contaminated(self) -> bool:
        """Whether there are more than chance explains (1%)."""
        return self.chance < _ALPHA


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Evidence that speaks for a machine on a document that was let in all the same, because it is the weaker."""

    id: str
    """Document id."""
    found: str
    """What was found, in words."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of a batch."""

    batch: str
    """Its id; empty where no document was let in."""
    offered: int
    """Documents it had."""
    added: int
    """Documents that are now in the reserve."""
    refused: Mapping[Refusal, int]
    """Documents that are not, by reason."""
    rejects: Path | None
    """File with the refused documents and the reason for each; None where none was refused."""
    rows: tuple[SplitRow, ...]
    """Documents, groups and words of the batch by part."""
    rotation: int | None
    """Rotation of the panels it sealed; None where all went to training text or followed earlier groups."""
    followed: int
    """Documents that followed a group of the reserve into its part."""
    trained: int
    """Documents that had to go to the training text, because a run was trained on them or on near copies."""
    suspicion: Suspicion | None
    """What the detector says; None without one."""
    contradicted: int
    """Documents let in although weaker evidence speaks for a machine."""
    contradictions: tuple[Contradiction, ...]
    """Some of them."""
    warnings: tuple[str, ...]
    """What the user should know."""


def add_to_reserve(
    store: Path,
    documents: pa.Table,
    attestation: Attestation,
    *,
    rng: np.random.Generator,
    readers: Sequence[EvidenceReader] = (),
    looks_machine: LooksMachine | None = None,
    split: SplitSettings | None = None,
    before: date = FIRST_MACHINE_TEXT,
    salt: bytes | None = None,
    now: datetime | None = None,
) -> AddReport:
    """Add a batch of documents to the reserve and say what became of each.

    A document that cannot be let in is refused with its reason and kept in a file; the others go in. The detector never
    refuses: what it finds is reported.

    Args:
        store: the folder ``.headwater`` of the project.
        documents: a table in the ``DOCUMENT`` schema; a null group means that the document stands alone. It is held in
            memory; a large collection is added batch by batch.
        attestation: why they are believed to be human. It covers the whole batch.
        rng: decides which group goes to which part.
        readers: readers of evidence, the generation ledger's among them.
        looks_machine: the detector, as p-values.
        split: shares of the parts; the share of ``sources`` goes to the training text. They hold from the first batch
            on; later ones are ignored with a warning.
        before: with ``How.DATE``, the day before which documents must be dated.
        salt: key of the panels' hashes; see :func:`headwater.store.seal`.
        now: the time; the clock's by default.

    Raises:
        NotEnoughData: the first batch has too few groups for a split into training text and panels.
        StoreError: the project folder cannot be written.
        LockedError: another process is adding to the reserve.
    """
    folder = reserve_folder(store)
    with writer_lock(store / "locks", "reserve-add", run="reserve add", wait_seconds=10):
        finish_interrupted(store)
        documents = _plain(documents)
        sieve = _Sieve(documents)
        _refuse_by_row(sieve, attestation, before)
        inputs = human_inputs(store, documents)
        contradictions = _refuse_by_evidence(sieve, attestation, readers, inputs)
        _refuse_machine_copies(sieve, store, inputs)
        kept = sieve.kept()
        units, parts_of_groups, follows = _place(sieve, store, kept)
        trained = _trained_on(sieve, store, kept, units, parts_of_groups)
        kept = sieve.kept()
        shares, warnings = _shares(store, split)
        placed, sealed_parts = _deal(documents, kept, units, parts_of_groups, trained, shares, rng)
        suspicion = _suspicion(documents, kept, looks_machine)
        rows = documents.take(pa.array(kept, pa.int64()))
        units_kept = [units[row] for row in kept]
        fresh = [one not in parts_of_groups for one in units_kept]
        rotation = _next_rotation(store) if any(sealed_parts) else None
        rotations = [rotation if new and part in PANELS else None for new, part in zip(fresh, placed, strict=True)]
        created = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        number = len(batch_records(store)) + 1
        name = f"{number:04d}-{digest([sorted(rows['id'].to_pylist()), asdict(attestation), created])[:6]}"
        table = _as_reserve(rows, attestation, units_kept, placed, rotations, name)
        rejects = sieve.write(folder / "refused" / f"{name}.jsonl") if sieve.refused else None
        if rows.num_rows:
            names = tuple(type(one).__name__ for one in readers)
            record = BatchRecord(name, attestation, created, len(kept), rotation, batch_digest(table), names)
            if not (folder / "reserve.json").exists():
                write_json(
                    folder / "reserve.json",
                    {"schema": SCHEMA_VERSION, "created": created, "shares": {str(k): v for k, v in shares.items()}},
                )
            # The line is put down first: an addition that is killed is finished, or forgotten, by the next.
            write_text(folder / "pending.json", json_text(record.as_line()) + "\n")
            reserve_table(store).append(table, wait_seconds=10)
            finish_interrupted(store, salt=salt, now=now)
        let_in = set(kept)
        contradictions = [one for one in contradictions if one[0] in let_in]
        ids = documents["id"]
        return AddReport(
            batch=name if rows.num_rows else "",
            offered=documents.num_rows,
            added=rows.num_rows,
            refused=sieve.counts(),
            rejects=rejects,
            rows=part_rows(table),
            rotation=rotation,
            followed=sum(row in follows for row in kept),
            trained=sum(unit in trained and new for unit, new in zip(units_kept, fresh, strict=True)),
            suspicion=suspicion,
            contradicted=len({row for row, _ in contradictions}),
            contradictions=tuple(Contradiction(ids[row].as_py(), text) for row, text in contradictions[:_EXAMPLES]),
            warnings=(*warnings, *_remarks(suspicion, trained)),
        )


def finish_interrupted(store: Path, *, salt: bytes | None = None, now: datetime | None = None) -> None:
    """Seal and record a batch whose rows are written; forget one whose rows are not.

    Adding does this at its end, and at its beginning for an addition that was killed.
    """
    folder = reserve_folder(store)
    record = pending_record(store)
    if record is None:
        return
    rows = reserve_table(store).read(filter=f"batch = '{record.batch}'")
    if rows.num_rows:
        if record.rotation is not None:
            sealed = rows.filter(pc.equal(rows["rotation"], record.rotation))
            assignments = {
                panel: sealed.filter(pc.equal(sealed["part"], str(panel)))
                .select(["id", "text", "unit"])
                .rename_columns(["id", "text", "group"])
                for panel in Panel
            }
            filled = {panel: table for panel, table in assignments.items() if table.num_rows}
            seal(folder / "panels", filled, salt=salt, rotation=record.rotation, now=now)
        if record.batch not in {one.batch for one in batch_records(store)}:
            append_line(folder / "batches.jsonl", record.as_line())
    (folder / "pending.json").unlink()


_MARKS = frozenset({EvidenceKind.CONTENT_CREDENTIAL, EvidenceKind.WATERMARK, EvidenceKind.GENERATION_LEDGER})


def against(found: Sequence[Evidence], attestation: Evidence) -> tuple[Evidence | None, tuple[Evidence, ...]]:
    """Return the evidence that keeps a document out of the reserve, if any, and all that speaks for a machine.

    The precedence decides, with one exception: a mark keeps a document out even where nobody verified its signature.
    """
    machine = tuple(one for one in found if one.usable and one.origin in {Origin.MACHINE, Origin.MIXED})
    ruling = rule([*found, attestation])
    if ruling.origin != Origin.HUMAN:
        return ruling.decided_by, machine
    return next((one for one in machine if one.kind in _MARKS), None), machine


def human_inputs(store: Path, documents: pa.Table) -> set[str]:
    """Return the ids of those documents that the project's table holds as human, with the same text.

    They were human input of a run: machine text of this project that resembles them was made from them, so the
    resemblance says nothing about who wrote them.
    """
    texts = dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True))
    found: set[str] = set()
    for batch in document_table(store).batches(["id", "text"], filter="origin = 'human'"):
        near = batch.filter(pc.is_in(batch["id"], value_set=documents["id"].combine_chunks()))
        pairs = zip(near["id"].to_pylist(), near["text"].to_pylist(), strict=True)
        found.update(key for key, text in pairs if texts[key] == text)
    return found


def machine_texts(store: Path, *, skip_damaged: bool = False) -> Iterator[list[str | None]]:
    """Yield the texts of machine-made documents of the project in batches: of its table, and what its runs kept.

    Args:
        store: the folder ``.headwater`` of the project.
        skip_damaged: pass over training sets that cannot be read, where they are reported anyway.

    Raises:
        StoreError: a training set cannot be read.
    """
    for batch in document_table(store).batches(["text"], filter="origin IN ('machine', 'mixed')"):
        yield batch["text"].to_pylist()
    for one in training_sets(store)[0]:
        if one.name == "human":
            continue
        try:
            for batch in one.batches():
                yield batch.filter(pc.not_equal(batch["origin"], Origin.HUMAN.value))["text"].to_pylist()
        except StoreError:
            if not skip_damaged:
                raise


class _Sieve:
    """The documents of a batch and why some of them are refused; the first reason of a document holds."""

    def __init__(self, documents: pa.Table) -> None:
        self.documents = documents
        self.texts: list[str | None] = documents["text"].to_pylist()
        self.ids: list[str] = documents["id"].to_pylist()
        self.refused: dict[int, tuple[Refusal, str]] = {}

    def refuse(self, row: int, why: Refusal, detail: str = "") -> None:
        self.refused.setdefault(row, (why, detail))

    def kept(self) -> list[int]:
        return [row for row in range(self.documents.num_rows) if row not in self.refused]

    def counts(self) -> dict[Refusal, int]:
        return dict(Counter(why for why, _ in self.refused.values()).most_common())

    def write(self, path: Path) -> Path:
        rows = self.documents.take(pa.array(sorted(self.refused), pa.int64())).to_pylist()
        lines = []
        for number, row in zip(sorted(self.refused), rows, strict=True):
            why, detail = self.refused[number]
            because = {"refused": why, "because": REFUSAL_SENTENCES[why], "detail": detail}
            lines.append(json.dumps(because | {key: value for key, value in row.items() if value not in (None, [])}))
        write_text(path, "\n".join(lines) + "\n")
        return path


def _plain(documents: pa.Table) -> pa.Table:
    """Return the documents in the ``DOCUMENT`` schema, with an id and a group each."""
    table = documents.select(DOCUMENT.names).cast(DOCUMENT).combine_chunks()
    texts = table["text"].to_pylist()
    ids = [key or content_id(text or "") for key, text in zip(table["id"].to_pylist(), texts, strict=True)]
    groups = [group or f"document:{key}" for group, key in zip(table["group"].to_pylist(), ids, strict=True)]
    for name, values in (("id", ids), ("group", groups)):
        table = table.set_column(table.column_names.index(name), DOCUMENT.field(name), pa.array(values, pa.string()))
    return table


def _refuse_by_row(sieve: _Sieve, attestation: Attestation, before: date) -> None:
    table = sieve.documents
    columns = [table[name].to_pylist() for name in ("origin", "generator", "recipe", "generation", "created")]
    for row, (origin, generator, recipe, generation, created) in enumerate(zip(*columns, strict=True)):
        text = sieve.texts[row]
        if not text or not text.strip():
            sieve.refuse(row, Refusal.EMPTY)
        elif origin in {Origin.MACHINE, Origin.MIXED} or generator or recipe or (generation or 0) > 0:
            stated = {"origin": origin, "generator": generator, "recipe": recipe, "generation": generation}
            said = ", ".join(f"{key} {value}" for key, value in stated.items() if value not in (None, "human", 0, ""))
            sieve.refuse(row, Refusal.STATED_MACHINE, said)
        elif attestation.how is How.DATE:
            day = latest_day(created or "")
            if day is None:
                sieve.refuse(row, Refusal.NOT_DATED, f"created is {created!r}")
            elif day >= before:
                sieve.refuse(row, Refusal.DATED_TOO_LATE, f"{created} is not before {before}")


def _refuse_by_evidence(
    sieve: _Sieve, attestation: Attestation, readers: Sequence[EvidenceReader], inputs: set[str]
) -> list[tuple[int, str]]:
    """Refuse what a mark, the ledger or stronger evidence says a machine made; return weaker contradictions."""
    own = attestation.as_evidence()
    contradictions = []
    for row, found in evidence_of(sieve.documents.to_batches(), readers):
        barred, machine = against(found, own)
        if barred is not None and barred.kind is EvidenceKind.GENERATION_LEDGER and sieve.ids[row] in inputs:
            rest = [one for one in found if one.kind is not EvidenceKind.GENERATION_LEDGER]
            barred, _ = against(rest, own)
        if barred is not None:
            ledger = barred.kind is EvidenceKind.GENERATION_LEDGER
            sieve.refuse(row, Refusal.GENERATED if ledger else Refusal.MARKED, barred.detail)
        else:
            contradictions += [(row, one.detail) for one in machine]
    return contradictions


def evidence_of(
    batches: Iterable[pa.RecordBatch], readers: Sequence[EvidenceReader]
) -> Iterator[tuple[int, list[Evidence]]]:
    """Yield row number, counted over all batches, and evidence of the documents on which something was found."""
    before = 0
    for batch in batches:
        found: dict[int, list[Evidence]] = defaultdict(list)
        for reader in readers:
            for row, one in reader.read(batch):
                found[row].append(one)
        for row in sorted(found):
            yield before + row, found[row]
        before += batch.num_rows


def _refuse_machine_copies(sieve: _Sieve, store: Path, inputs: set[str]) -> None:
    """Refuse near copies of machine text; human input of a run is what such text was made from, and is spared."""
    rows = [row for row in sieve.kept() if sieve.ids[row] not in inputs]
    for row, share in copies_of(machine_texts(store), [sieve.texts[row] for row in rows]):
        sieve.refuse(
            rows[row], Refusal.COPY_OF_MACHINE_TEXT, f"{share:.0%} of its 8-word sequences stand in one of them"
        )


def copies_of(batches: Iterable[Sequence[str | None]], texts: Sequence[str | None]) -> list[tuple[int, float]]:
    """Return which texts are near copies of streamed ones, and their largest share of sequences in one of them.

    Three tenths of a text's sequences in one document, at least three, or the same text, make a near copy.
    """
    streamed = iter(batches)
    first = next(streamed, None)
    if first is None or not texts:  # the index is not worth making
        return []
    keys: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        keys[same_text(text)].append(row)
    found: dict[int, float] = {}

    def watched() -> Iterator[Sequence[str | None]]:
        for batch in chain([first], streamed):
            for text in batch:
                for row in keys.get(same_text(text), ()):
                    found[row] = 1.0
            yield batch

    pairs = Passages.of(texts).compare(watched()).pairs
    near = (pairs.of_indexed >= DEPENDENT) & (pairs.shared >= _LEAST_SHARED)
    for owner, share in zip(pairs.owners[near].tolist(), pairs.of_indexed[near].tolist(), strict=True):
        found[owner] = max(found.get(owner, 0.0), share)
    return sorted(found.items())


def _place(sieve: _Sieve, store: Path, rows: list[int]) -> tuple[dict[int, str], dict[str, Part], set[int]]:
    """Refuse repeated documents; find the unit of each other one and the parts of units that are decided.

    Returns:
        Unit by row; part by unit, for units of the reserve; rows that follow a unit of the reserve.
    """
    rows = _refuse_repeats(sieve, rows)
    texts = [sieve.texts[row] for row in rows]
    groups = sieve.documents["group"].to_pylist()
    keys = {same_text(text): row for text, row in zip(texts, rows, strict=True)}
    ids = {sieve.ids[row]: row for row in rows}
    stored_units: list[str] = []
    stored_parts: list[str] = []
    unit_of_group: dict[str, str] = {}

    def stored() -> Iterator[list[str | None]]:
        for batch in reserve_table(store).batches(["id", "text", "group", "unit", "part"]):
            columns = [batch[name].to_pylist() for name in ("id", "text", "group", "unit", "part")]
            for key, text, group, unit, part in zip(*columns, strict=True):
                stored_units.append(unit)
                stored_parts.append(part)
                unit_of_group[group] = unit
                same = keys.get(same_text(text))
                if same is not None:
                    sieve.refuse(same, Refusal.DUPLICATE, f"of {key}")
                if key in ids:
                    sieve.refuse(ids[key], Refusal.ID_TAKEN)
            yield columns[1]

    pairs = Passages.of(texts).compare(stored(), common=COMMON).pairs
    for owner, share in zip(pairs.owners.tolist(), pairs.of_indexed.tolist(), strict=True):
        if share >= COPY:
            sieve.refuse(rows[owner], Refusal.NEAR_DUPLICATE, f"{share:.0%} of its 8-word sequences stand in one")
    kept = [row for row in rows if row not in sieve.refused]
    if len(kept) < len(rows):
        # What is refused must not make boilerplate of what the others share with the reserve, as when files come again.
        again = (batch["text"].to_pylist() for batch in reserve_table(store).batches(["text"]))
        pairs = Passages.of([sieve.texts[row] for row in kept]).compare(again, common=COMMON).pairs
    part_of = {unit: Part(part) for unit, part in zip(stored_units, stored_parts, strict=True)}
    near = pairs.where(pairs.of_shorter >= DEPENDENT)
    linked: dict[int, set[str]] = defaultdict(set)
    for row, owner in zip(near.rows.tolist(), near.owners.tolist(), strict=True):
        linked[kept[owner]].add(stored_units[row])
    own = merge_overlapping([sieve.texts[row] or "" for row in kept], [groups[row] for row in kept])
    members: dict[str, list[int]] = defaultdict(list)
    for row, unit in zip(kept, own, strict=True):
        members[unit].append(row)
    units: dict[int, str] = {}
    follows: set[int] = set()
    for unit, inside in members.items():
        known = {unit_of_group[groups[row]] for row in inside if groups[row] in unit_of_group}
        known |= {one for row in inside for one in linked[row]}
        parts = sorted({str(part_of[one]) for one in known})
        if len(parts) > 1:
            for row in inside:
                sieve.refuse(row, Refusal.JOINS_PARTS, f"groups in {' and '.join(parts)}")
            continue
        units |= dict.fromkeys(inside, min(known) if known else unit)
        follows |= set(inside) if known else set()
    return units, part_of, follows


def _refuse_repeats(sieve: _Sieve, rows: list[int]) -> list[int]:
    """Refuse documents that repeat an earlier one of the batch, and ids that come twice."""
    seen: dict[str, int] = {}
    ids: set[str] = set()
    for row in rows:
        first = seen.setdefault(same_text(sieve.texts[row]), row)
        if first != row:
            sieve.refuse(row, Refusal.DUPLICATE, f"of {sieve.ids[first]}")
        elif sieve.ids[row] in ids:
            sieve.refuse(row, Refusal.ID_TAKEN)
        ids.add(sieve.ids[row])
    rows = [row for row in rows if row not in sieve.refused]
    for place, first in enumerate(near_duplicates([sieve.texts[row] for row in rows]).tolist()):
        if first != place:
            sieve.refuse(rows[place], Refusal.NEAR_DUPLICATE, f"of {sieve.ids[rows[first]]}")
    return [row for row in rows if row not in sieve.refused]


def _trained_on(
    sieve: _Sieve, store: Path, kept: list[int], units: dict[int, str], part_of: Mapping[str, Part]
) -> set[str]:
    """Return the units with a document that a run was trained on; they may go to the training text only.

    A document of a sealed group that was trained on is refused.
    """
    sets = training_sets(store)[0]
    kept = [row for row in kept if row not in sieve.refused]
    if not sets or not kept:
        return set()
    index = Passages.of([sieve.texts[row] for row in kept])
    places = {sieve.ids[row]: place for place, row in enumerate(kept)}
    found: set[int] = set()

    def trained() -> Iterator[list[str | None]]:
        for one in sets:
            for batch in one.batches():
                found.update(places[key] for key in batch["id"].to_pylist() if key in places)
                yield batch["text"].to_pylist()

    pairs = index.compare(trained()).pairs
    found |= set(pairs.owners[pairs.of_shorter >= DEPENDENT].tolist())
    reached = set()
    for place in sorted(found):
        row = kept[place]
        part = part_of.get(units[row], Part.TRAIN)
        if part in PANELS:
            sieve.refuse(row, Refusal.JOINS_PARTS, f"a run was trained on it, and its group is in the {part} panel")
        else:
            reached.add(units[row])
    return reached


def _shares(store: Path, split: SplitSettings | None) -> tuple[dict[Part, float], list[str]]:
    asked = split or SplitSettings()
    wanted = {part: float(getattr(asked, part.value)) for part in Part}
    wanted[Part.TRAIN] += wanted.pop(Part.SOURCES)
    wanted = {part: share for part, share in wanted.items() if share > 0}
    stored = settled_shares(store)
    if stored is None:
        return wanted, []
    if split is not None and stored != wanted:
        return stored, ["The shares of the reserve were settled with its first batch; the ones given now do not apply."]
    return stored, []


def _deal(
    documents: pa.Table,
    kept: list[int],
    units: Mapping[int, str],
    part_of: Mapping[str, Part],
    trained: set[str],
    shares: Mapping[Part, float],
    rng: np.random.Generator,
) -> tuple[list[Part], list[bool]]:
    """Return the part of each kept document, and for each whether it is new in a panel.

    Raises:
        NotEnoughData: the first batch is too small for a split.
    """
    fresh = [row for row in kept if units[row] not in part_of]
    texts = documents["text"].take(pa.array(fresh, pa.int64())).to_pylist()
    sizes: dict[str, float] = defaultdict(float)
    for row, words in zip(fresh, word_counts(texts), strict=True):
        sizes[units[row]] += words
    new = sorted(sizes)
    free = [unit for unit in new if unit not in trained]
    names = list(shares)
    held = Counter(part_of.values())
    held[Part.TRAIN] += len(new) - len(free)
    if not part_of and kept:
        check_enough(len(new), shares)
    dealt = deal(np.array([sizes[unit] for unit in free]), list(shares.values()), rng, [held[part] for part in names])
    chosen = dict.fromkeys(trained - set(part_of), Part.TRAIN)
    chosen |= {unit: names[number] for unit, number in zip(free, dealt.tolist(), strict=True)}
    if not part_of and kept:
        counts = Counter(chosen.values())
        short = [part for part in names if counts[part] < LEAST_GROUPS[part]]
        if short:
            raise NotEnoughData(
                f"{len(new) - len(free)} of the {len(new)} groups were trained on by earlier runs and can only be "
                f"training text; the others do not fill the {short[0]} panel ({counts[short[0]]} of at least "
                f"{LEAST_GROUPS[short[0]]} groups). Add human documents that no run has used."
            )
    return (
        [part_of.get(units[row]) or chosen[units[row]] for row in kept],
        [units[row] not in part_of and chosen[units[row]] in PANELS for row in kept],
    )


def _next_rotation(store: Path) -> int:
    rotations = [one.rotation for one in batch_records(store) if one.rotation is not None]
    return max(rotations, default=-1) + 1


def _suspicion(documents: pa.Table, kept: list[int], looks_machine: LooksMachine | None) -> Suspicion | None:
    if looks_machine is None or not kept:
        return None
    from scipy.stats import binom

    rows = documents.select(["id", "text"]).take(pa.array(kept, pa.int64()))
    texts = rows["text"].to_pylist()
    values: NDArray[np.float64] = np.asarray(looks_machine(texts), np.float64)
    known = np.flatnonzero(np.isfinite(values))
    found = int((values[known] <= _ALPHA).sum())
    order = known[np.argsort(values[known], kind="stable")][:_EXAMPLES]
    examples = [(rows["id"][i].as_py(), float(values[i]), texts[i][:200]) for i in order.tolist()]
    chance = float(binom.sf(found - 1, len(known), _ALPHA)) if found else 1.0
    return Suspicion(len(known), _ALPHA, found, _ALPHA * len(known), chance, tuple(examples))


def _remarks(suspicion: Suspicion | None, trained: set[str]) -> list[str]:
    remarks = []
    if suspicion is not None and suspicion.contaminated:
        remarks.append(
            f"The detector finds this batch contaminated: {suspicion.found} of {suspicion.documents} documents look "
            f"machine-made where {suspicion.expected:.1f} human ones would (chance {suspicion.chance:.2g}). They are "
            "in the reserve, because a detector proves nothing about one document: read the examples, and ask whoever "
            "vouches for them."
        )
    if trained:
        remarks.append(
            f"{len(trained)} groups went to the training text because earlier runs were trained on them, or on near "
            "copies: a document that was trained on can never be in a panel."
        )
    return remarks


def _as_reserve(
    rows: pa.Table,
    attestation: Attestation,
    units: Sequence[str],
    parts: Sequence[Part],
    rotations: Sequence[int | None],
    batch: str,
) -> pa.Table:
    count = rows.num_rows
    rests = attestation.as_evidence().detail
    for name, value in (("origin", Origin.HUMAN.value), ("evidence", rests)):
        values = pa.repeat(pa.scalar(value, pa.string()), count)
        rows = rows.set_column(rows.column_names.index(name), DOCUMENT.field(name), values)
    columns: dict[str, Sequence[str | int | None]] = {
        "attested_by": [attestation.by] * count,
        "attested_how": [str(attestation.how)] * count,
        "attested_on": [attestation.on] * count,
        "attested_detail": [attestation.detail] * count,
        "unit": units,
        "part": [str(part) for part in parts],
        "rotation": rotations,
        "batch": [batch] * count,
    }
    for name, more in columns.items():
        rows = rows.append_column(RESERVE.field(name), pa.array(more, RESERVE.field(name).type))
    return rows.cast(RESERVE)
