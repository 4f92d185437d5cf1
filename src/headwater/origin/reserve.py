"""The human reserve: attested human documents, split once by group into training text and sealed panels.

It is a table that only grows. A document gets in with an attestation, a date or a signed manifest, and only where no
mark, no record of generation and no known machine text speaks against it. The part of a group is decided when its
first document comes in and never changes: later documents of the group, or documents that share passages with it,
follow. Each batch seals a new rotation of the panels, which holds only groups that were in none before.

On disk, under ``.headwater``: ``reserve.lance`` (documents, who vouches for them, their part) and ``reserve/`` with
``reserve.json`` (shares of the split), ``batches.jsonl`` (one line per batch, with a digest of its rows), ``panels/``
(salted hashes) and ``refused/`` (documents that were not let in, with the reason).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from headwater.errors import InputError, StoreError
from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks.dates import latest_day
from headwater.schema import DOCUMENT, SCHEMA_VERSION, EvidenceKind, Origin, content_id, digest
from headwater.store import (
    PANELS,
    Panels,
    Part,
    SplitRow,
    Table,
    open_panels,
    read_lines,
)

_EXAMPLES = 5


def _more(name: str, kind: pa.DataType, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"meaning": meaning})


RESERVE = pa.schema(
    [
        *DOCUMENT,
        _more("attested_by", pa.string(), "who vouches that a human wrote it"),
        _more("attested_how", pa.string(), "attestation, date or signed manifest"),
        _more("attested_on", pa.string(), "ISO 8601 date of the attestation"),
        _more("attested_detail", pa.string(), "what the attestation rests on"),
        _more("unit", pa.string(), "merged group: groups that share passages are one"),
        _more("part", pa.string(), "train, steering, certification or final; the same for a whole unit, for good"),
        _more("rotation", pa.int32(), "rotation it is sealed in; null for training text and for later documents of a "
              "sealed group, which are kept apart but measure nothing"),
        _more("batch", pa.string(), "batch it came in with"),
    ],
    metadata={"headwater.kind": "reserve", "headwater.schema": str(SCHEMA_VERSION)},
)  # fmt: skip


class How(StrEnum):
    """What a document's place in the reserve rests on."""

    ATTESTATION = "attestation"
    """A named party vouches for it."""
    DATE = "date"
    """A source says that it was there before machine text was common."""
    SIGNED_MANIFEST = "signed manifest"
    """Another organisation signed for it."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """Why a batch is believed to be human."""

    by: str
    """Who vouches: a person or an organisation."""
    how: How
    """What it rests on."""
    on: str
    """Date on which it was given, ``YYYY-MM-DD``."""
    detail: str = ""
    """What dates the documents (crawl, archive, version control), or which manifest was signed; else anything."""

    def __post_init__(self) -> None:
        faults = []
        if not self.by.strip():
            faults.append("nobody is named who vouches for the documents")
        if str(latest_day(self.on)) != self.on:
            faults.append(f"{self.on!r} is no date of the form YYYY-MM-DD")
        if self.how is not How.ATTESTATION and not self.detail.strip():
            what = "what dates the documents" if self.how is How.DATE else "which manifest was signed"
            faults.append(f"it does not say {what}")
        if faults:
            raise InputError(
                f"The attestation cannot be used: {'; '.join(faults)}. Human documents come into the reserve with the "
                "name of who vouches, the day, and the source of the date or the manifest where it rests on one."
            )

    def as_evidence(self) -> Evidence:
        """Return it as evidence of origin."""
        kind = EvidenceKind.FIRST_SEEN if self.how is How.DATE else EvidenceKind.ATTESTATION
        status = Status.VERIFIED if self.how is How.SIGNED_MANIFEST else Status.READ
        rests = f": {self.detail}" if self.detail else ""
        return Evidence(kind, Origin.HUMAN, f"{self.how} by {self.by} on {self.on}{rests}", status)


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One batch of the reserve."""

    batch: str
    attestation: Attestation
    created: str
    documents: int
    words: int
    groups: int
    first: str
    """Earliest date of a document; empty without dates."""
    last: str
    """Latest date of a document; empty without dates."""
    sources: tuple[tuple[str, int], ...]
    """Most frequent sources and their documents."""


@dataclass(frozen=True, slots=True)
class ReserveFacts:
    """What is in the reserve."""

    batches: tuple[BatchFacts, ...]
    rows: tuple[SplitRow, ...]
    """Documents, groups and words by part."""
    apart: int
    """Documents of sealed groups that came later: kept from training, not measured on."""
    rotations: int
    """Rotations of the panels."""
    openings: int
    """How often a panel was opened."""

    @property
    def documents(self) -> int:
        """Documents in the reserve."""
        return sum(row.documents for row in self.rows)


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A line of ``batches.jsonl``."""

    batch: str
    attestation: Attestation
    created: str
    documents: int
    rotation: int | None
    digest: str
    """Digest of ids, texts, units and parts of its rows."""
    readers: tuple[str, ...]
    """Readers of evidence it was checked with."""

    @classmethod
    def of(cls, line: Mapping[str, object]) -> "BatchRecord":
        """Return the record of a line.

        Raises:
            StoreError: the line is damaged.
        """
        try:
            given = dict(line)
            attestation = dict(given.pop("attestation"))  # type: ignore[call-overload]
            attestation["how"] = How(attestation["how"])
            given["readers"] = tuple(given["readers"])  # type: ignore[arg-type]
            return cls(attestation=Attestation(**attestation), **given)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise StoreError(f"A line of reserve/batches.jsonl is damaged: {error}. Restore it from a copy.") from error

    def as_line(self) -> dict[str, object]:
        """Return the line."""
        return asdict(self)


def reserve_table(store: Path) -> Table:
    """Return the table of the reserve; one row per document id."""
    return Table(store / "reserve.lance", RESERVE, ("id",), "reserve")


def reserve_folder(store: Path) -> Path:
    """Return the folder beside the table."""
    return store / "reserve"


def reserve_panels(store: Path) -> Panels:
    """Return the sealed panels of the reserve.

    Raises:
        StoreError: there are none, or they are not as they were sealed.
    """
    return open_panels(reserve_folder(store) / "panels")


def reserve_documents(store: Path, parts: Iterable[Part] = (Part.TRAIN,)) -> Iterator[pa.RecordBatch]:
    """Yield the documents of some parts, in the order they came in, with the columns of ``RESERVE``."""
    names = ", ".join(f"'{part}'" for part in parts)
    yield from reserve_table(store).batches(filter=f"part IN ({names})")


def batch_records(store: Path) -> list[BatchRecord]:
    """Return the batches of the reserve, oldest first.

    Raises:
        StoreError: a line is damaged.
    """
    return [BatchRecord.of(line) for line in read_lines(reserve_folder(store) / "batches.jsonl")]


def pending_record(store: Path) -> BatchRecord | None:
    """Return the batch whose addition was interrupted, if any: its rows may be there, sealed and recorded or not.

    Raises:
        StoreError: what is noted of it is damaged.
    """
    path = reserve_folder(store) / "pending.json"
    if not path.exists():
        return None
    try:
        return BatchRecord.of(json.loads(path.read_bytes()))
    except (ValueError, RecursionError, StoreError) as error:
        raise StoreError(
            f"{path} is damaged: it names the batch whose addition was interrupted, and cannot be read. Restore it "
            "from a copy. Without one, remove it if 'headwater reserve verify' names no rows of a batch that is not "
            "recorded; if it does, restore the folder .headwater."
        ) from error


def settled_shares(store: Path) -> dict[Part, float] | None:
    """Return the shares of the split, which were settled with the first batch; None before.

    Raises:
        StoreError: the file that holds them is damaged.
    """
    path = reserve_folder(store) / "reserve.json"
    if not path.exists():
        return None
    try:
        return {Part(name): float(share) for name, share in json.loads(path.read_bytes())["shares"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{path} is damaged: it holds the shares of the split, and cannot be read ({error}). Restore it from a "
            "copy; another split would not fit the documents that are there."
        ) from error


def batch_digest(rows: pa.Table) -> str:
    """Return a digest of what must not change in the rows of a batch, whatever their order."""
    columns = [rows[name].to_pylist() for name in ("id", "text", "unit", "part", "rotation")]
    packed = sorted([key, content_id(text), *rest] for key, text, *rest in zip(*columns, strict=True))
    return digest(packed)


def list_reserve(store: Path) -> ReserveFacts:
    """Return what is in the reserve: batches, who vouches for them, documents, groups and words by part.

    Raises:
        StoreError: the table or the panels cannot be read.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    units: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    dates: dict[str, tuple[str, str]] = {}
    apart = 0
    for batch in reserve_table(store).batches(["text", "source", "created", "unit", "part", "rotation", "batch"]):
        words = word_counts(batch["text"].to_pylist())
        columns = [batch[name].to_pylist() for name in ("batch", "part", "unit", "source", "created", "rotation")]
        for name, part, unit, source, created, rotation, size in zip(*columns, words, strict=True):
            for key in (f"batch {name}", f"part {part}"):
                counts[key]["documents"] += 1
                counts[key]["words"] += size
                units[key].add(unit)
            sources[name][source or ""] += 1
            apart += part in PANELS and rotation is None
            if created:
                first, last = dates.get(name, (created, created))
                dates[name] = min(first, created), max(last, created)
    panels = reserve_panels(store) if (reserve_folder(store) / "panels" / "salt").exists() else None
    return ReserveFacts(
        batches=tuple(
            BatchFacts(
                batch=one.batch,
                attestation=one.attestation,
                created=one.created,
                documents=counts[f"batch {one.batch}"]["documents"],
                words=counts[f"batch {one.batch}"]["words"],
                groups=len(units[f"batch {one.batch}"]),
                first=dates.get(one.batch, ("", ""))[0],
                last=dates.get(one.batch, ("", ""))[1],
                sources=tuple(sources[one.batch].most_common(_EXAMPLES)),
            )
            for one in batch_records(store)
        ),
        rows=tuple(
            SplitRow(part, counts[key]["documents"], len(units[key]), counts[key]["words"])
            for part in Part
            if (key := f"part {part}") in counts
        ),
        apart=apart,
        rotations=len({one.rotation for one in panels.sealed}) if panels else 0,
        openings=len(panels.openings()) if panels else 0,
    )


def part_rows(table: pa.Table) -> tuple[SplitRow, ...]:
    """Return documents, groups and words of a table of the reserve by part; parts without documents are left out."""
    found = []
    for part in Part:
        rows = table.filter(pc.equal(table["part"], str(part)))
        if rows.num_rows:
            words = sum(word_counts(rows["text"].to_pylist()))
            found.append(SplitRow(part, rows.num_rows, pc.count_distinct(rows["unit"]).as_py(), words))
    return tuple(found)


def word_counts(texts: Iterable[str | None]) -> list[int]:
    """Return the number of words of each text, without punctuation.

    A character of a script written without spaces counts as a word, so that no language looks short.
    """
    from headwater.text.words import split_words  # compiles kernels; opening a store must not

    return [len(split_words(text, punctuation=False)) if text else 0 for text in texts]
