"""What is written beside a data file: where its documents come from, in the forms other tools read.

Documents are counted batch by batch while they are written, so memory does not grow with them: of sources, recipes,
licences and permission signals the most frequent are kept by name. What is counted becomes one record of the data set,
which is written as W3C PROV, as Croissant and in the fields of the Data Provenance Standards.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from headwater import __version__
from headwater.origin.records import (
    ColumnMeaning,
    DataFile,
    DataSetRecord,
    Input,
    Party,
    Purpose,
    Recipe,
    canonical_json,
    croissant,
    data_provenance,
    identifier_of,
    prov_json,
)
from headwater.schema import DOCUMENT, EvidenceKind, Origin
from headwater.sources import expand_paths, write_documents
from headwater.sources.marking import mark_machine
from headwater.sources.rows import DECLARED
from headwater.store import write_bytes

RECORDS: Mapping[str, Callable[[DataSetRecord], dict[str, Any]]] = {
    ".prov.json": prov_json,
    ".croissant.json": croissant,
    ".provenance.json": data_provenance,
}
"""What follows the name of the data file in the name of a record, and the form of the record."""

MOST_NAMED = 100
"""Sources, recipes, licences, signals and input files that a record names; the others are one number."""

_KEPT = 1024  # different values counted by name, ten times those that are named
_LONGEST_NAME = 300
_OTHERS = "others"
_NOT_STATED = "not stated"
_MACHINE = (Origin.MACHINE.value, Origin.MIXED.value)
# Days and their parts; what is no date would be the oldest or the youngest of them by mistake.
_DATE = r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?($|T| )"
# What is said about an origin without naming a kind of evidence.
_PLAIN_EVIDENCE = {
    "own generation ledger": EvidenceKind.GENERATION_LEDGER.value,
    DECLARED: "declared",
}
_KINDS = pa.array([kind.value for kind in EvidenceKind])
# Weaker than a declared type: a declaration that rests on them would be taken for more than it is.
_WEAK = tuple(EvidenceKind)[tuple(EvidenceKind).index(EvidenceKind.SOURCE_TYPE) + 1 :]

_Key = TypeVar("_Key", str, tuple[str, str])


@dataclass(slots=True)
class Tally(Generic[_Key]):
    """How often values occur, in bounded memory: exact up to 1,024 different ones.

    Beyond, each count is too small by at most 1/1,025 of all, and what is missing is among the others (Misra and Gries
    1982; that the summaries of parts merge without losing the bound: Agarwal et al. 2012).
    """

    counts: Counter[_Key] = field(default_factory=Counter)
    """Value to how often it occurs, at least."""
    others: int = 0
    """Occurrences that are not in the counts."""

    def add(self, found: Mapping[_Key, int]) -> None:
        """Count further values."""
        self.counts.update(found)
        if len(self.counts) > _KEPT:
            before = self.counts.total()
            least = sorted(self.counts.values(), reverse=True)[_KEPT]
            self.counts = Counter({key: count - least for key, count in self.counts.items() if count > least})
            self.others += before - self.counts.total()

    def merge(self, other: "Tally[_Key]") -> None:
        """Add what was counted elsewhere."""
        self.others += other.others
        self.add(other.counts)

    def most(self) -> tuple[list[tuple[_Key, int]], int]:
        """Return the most frequent values with their counts, at most 100, and how often any other occurs."""
        ranked = sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))
        return ranked[:MOST_NAMED], self.others + sum(count for _, count in ranked[MOST_NAMED:])


@dataclass(slots=True)
class Described:
    """What a record says about documents, gathered batch by batch; parts merge."""

    rows: int = 0
    """Documents."""
    size_bytes: int = 0
    """Bytes of their texts in UTF-8."""
    origins: Counter[str] = field(default_factory=Counter)
    """Origin to documents."""
    evidence: Counter[str] = field(default_factory=Counter)
    """Kind of evidence of origin to documents: those of :class:`headwater.schema.EvidenceKind`; ``declared`` for a
    whole file, by a ``column``, or ``other``."""
    recipes: Tally[tuple[str, str]] = field(default_factory=Tally)
    """(recipe, generator) to machine-made documents."""
    sources: Tally[str] = field(default_factory=Tally)
    """Source to documents; what is made here has a recipe and no source."""
    licences: Tally[str] = field(default_factory=Tally)
    """Licence to documents; those without one are not counted."""
    permissions: Tally[str] = field(default_factory=Tally)
    """Permission signal to documents; those without one are not counted."""
    oldest: str = ""
    """Earliest date of a document, ISO 8601; empty without dates."""
    youngest: str = ""
    """Latest date of a document."""

    def add(self, documents: pa.Table | pa.RecordBatch) -> None:
        """Count documents with the columns of ``DOCUMENT``."""
        self.rows += documents.num_rows
        self.size_bytes += pc.sum(pc.binary_length(documents["text"])).as_py() or 0
        self.origins.update(_counted(pc.fill_null(documents["origin"], Origin.UNKNOWN.value)))
        for text, count in _counted(_kinds(documents["evidence"])).items():
            self.evidence[text] += count
        for tally, texts in (
            (self.sources, _sources(documents)),
            (self.licences, documents["licence"]),
            (self.permissions, documents["permission"]),
        ):
            tally.add(_counted(pc.utf8_slice_codeunits(texts, 0, _LONGEST_NAME)))
        self.recipes.add(_made_by(documents))
        days = documents["created"]
        days = pc.utf8_slice_codeunits(days.filter(pc.match_substring_regex(days, _DATE)), 0, len("YYYY-MM-DD"))
        found = pc.min_max(days).as_py()
        if found["min"] is not None:
            self._span(found["min"], found["max"])

    def merge(self, other: "Described") -> None:
        """Add what was gathered elsewhere."""
        self.rows += other.rows
        self.size_bytes += other.size_bytes
        self.origins.update(other.origins)
        self.evidence.update(other.evidence)
        self.recipes.merge(other.recipes)
        self.sources.merge(other.sources)
        self.licences.merge(other.licences)
        self.permissions.merge(other.permissions)
        if other.oldest:
            self._span(other.oldest, other.youngest)

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield batches as they are, and count them."""
        for batch in batches:
            self.add(batch)
            yield batch

    def _span(self, first: str, last: str) -> None:
        self.oldest = min(self.oldest or first, first)
        self.youngest = max(self.youngest, last)


def record_of(
    found: Described,
    *,
    name: str,
    description: str,
    created: str,
    run: str = "",
    inputs: Sequence[Input] = (),
    processing: Sequence[str] = (),
    purposes: Sequence[Purpose] = (),
    limitations: Sequence[str] = (),
    columns: Sequence[ColumnMeaning] | None = None,
) -> DataSetRecord:
    """Return the record of documents that were counted; its files are not known yet, see :func:`write_records`.

    Who issues the data is not known to the program and is said to be not stated.

    Args:
        found: what was counted.
        name: name of the data set.
        description: what it contains and how it came about.
        created: when it was made, ISO 8601 with time zone.
        run: id of the run that made it.
        inputs: what it was made from.
        processing: steps it went through, in order.
        purposes: what it is meant for.
        limitations: what it must not be taken for.
        columns: columns of its files; None: those of ``DOCUMENT``.
    """
    recipes, more_recipes = found.recipes.most()
    sources, more_sources = found.sources.most()
    licences, more_licences = found.licences.most()
    permissions, more_permissions = found.permissions.most()
    origins = {origin.value: found.origins[origin] for origin in Origin if found.origins[origin]}
    by_origin = ", ".join(f"{count:,} of origin {origin}" for origin, count in origins.items())
    size = f", {found.size_bytes:,} bytes of text" if found.size_bytes or not found.rows else ""
    counted = f"{found.rows:,} documents{size}"
    told = [description, f"{counted}: {by_origin}." if by_origin else f"{counted}."]
    if more_sources:
        told.append(f"The {len(sources)} most frequent sources are named; {more_sources:,} documents have others.")
    one_licence = len(licences) == 1 and licences[0][1] == found.rows
    terms = [*licences, *([(_OTHERS, more_licences)] if more_licences else [])]
    return DataSetRecord(
        name=name,
        description=" ".join(told),
        identifier="",
        creator=Party(_NOT_STATED),
        created=created,
        tool=f"headwater {__version__}",
        files=(),
        columns=_COLUMNS if columns is None else tuple(columns),
        origins=origins,
        licence=licences[0][0] if one_licence else "",
        evidence=dict(found.evidence),
        permissions=dict([*permissions, *([(_OTHERS, more_permissions)] if more_permissions else [])]),
        recipes=(
            *(Recipe(recipe or _NOT_STATED, made_by or _NOT_STATED, count) for (recipe, made_by), count in recipes),
            *([Recipe(_OTHERS, _OTHERS, more_recipes)] if more_recipes else []),
        ),
        sources=tuple(source for source, _ in sources),
        inputs=tuple(inputs),
        processing=tuple(processing),
        run=run,
        oldest=found.oldest,
        youngest=found.youngest,
        purposes=tuple(purposes),
        limitations=tuple(limitations),
        copyrights=() if one_licence else tuple(f"{one}: {count:,} documents" for one, count in terms),
    )


def record_names(data: str) -> list[str]:
    """Return the names of the records of a data file."""
    return [data + ending for ending in RECORDS]


def write_records(data: Path, record: DataSetRecord) -> list[Path]:
    """Write the records of a data file beside it and return their paths; the same file and record give the same bytes.

    They hold the SHA-256 of the file and its number of documents, and are named after it.

    Args:
        data: the file, complete.
        record: what is known about it; ``files`` are this one, and an empty ``identifier`` follows from its content.

    Raises:
        StoreError: the disk is full, read-only or forbidden.
    """
    return write_folder_records(data, {data: sum(record.origins.values())}, record)


def write_folder_records(data: Path, files: Mapping[Path, int], record: DataSetRecord) -> list[Path]:
    """Write the records of a folder of data files beside it, as :func:`write_records` does for one file.

    Args:
        data: the folder.
        files: its data files, complete, each with its number of documents.
        record: what is known about them together.

    Raises:
        StoreError: the disk is full, read-only or forbidden.
    """
    parts = tuple(
        DataFile(_shown(file.relative_to(data.parent).as_posix()), _sha256(file), file.stat().st_size, rows)
        for file, rows in files.items()
    )
    whole = replace(record, files=parts, identifier=record.identifier or identifier_of(parts))
    written = []
    for name, form in zip(record_names(data.name), RECORDS.values(), strict=True):
        written.append(data.with_name(name))
        write_bytes(written[-1], canonical_json(form(whole)))
    return written


def write_described(
    documents: Iterable[pa.RecordBatch], path: Path, record: Callable[[Described], DataSetRecord]
) -> int:
    """Write documents to a file and their records beside it, in one pass, and return how many there were.

    Args:
        documents: batches with the schema ``DOCUMENT``.
        path: the file; its suffix says the format.
        record: makes the record of what was counted.

    Raises:
        InputError: the suffix names no format that can be written.
        StoreError: a file cannot be written.
    """
    found = Described()
    count = write_documents(found.watch(documents), path)
    write_records(path, record(found))
    return count


def inputs_of(paths: Iterable[str]) -> tuple[Input, ...]:
    """Return the files that paths stand for as inputs of a record, by their content; beyond 100 only their number.

    Content is what joins records: the output of one command is named the same where another reads it.

    Raises:
        InputError: a path stands for nothing.
    """
    return inputs_named([_shown(str(file)) for file in expand_paths(paths, arrays=True)])


def inputs_named(names: Sequence[str]) -> tuple[Input, ...]:
    """Return files by their names as inputs of a record; what is no file here, such as a table, has only its name."""
    named = []
    for name in names[:MOST_NAMED]:
        file = Path(name)
        beside = (place.with_name(f"{place.name}.prov.json") for place in (file, file.absolute().parent))
        known = next((_shown(str(record)) for record in beside if record.is_file()), "")
        named.append(Input(name, sha256=_sha256(file) if file.is_file() else "", record=known))
    if len(names) > MOST_NAMED:
        named.append(Input(f"{len(names) - MOST_NAMED:,} further files"))
    return tuple(named)


def mark_exported(documents: pa.Table) -> pa.Table:
    """Return documents as they are written for others: machine-made ones declare themselves (:func:`mark_machine`).

    A document that is taken for machine-made only because of what a detector, a page or chat residue says stays
    unmarked: read again, the mark would be stronger evidence than what it rests on.
    """
    weak = pc.fill_null(pc.is_in(_kinds(documents["evidence"]), value_set=pa.array([str(one) for one in _WEAK])), False)
    if not pc.any(weak, min_count=0).as_py():
        return mark_machine(documents)
    place = documents.schema.get_field_index("origin")
    origins, kind = documents["origin"], documents.schema.field("origin")
    masked = pc.if_else(weak, pa.scalar(None, pa.string()), origins)
    return mark_machine(documents.set_column(place, kind, masked)).set_column(place, kind, origins)


def _columns() -> Iterator[ColumnMeaning]:
    for one in DOCUMENT:
        kind = "integer" if pa.types.is_integer(one.type) else "text"
        yield ColumnMeaning(one.name, kind, one.metadata[b"meaning"].decode(), pa.types.is_list(one.type))


_COLUMNS = tuple(_columns())


def _kinds(evidence: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the kind of evidence each text names; null where there is none."""
    first = pc.list_element(pc.split_pattern(evidence, ":", max_splits=1), 0)
    for text, kind in _PLAIN_EVIDENCE.items():
        first = pc.if_else(pc.equal(first, text), kind, first)
    first = pc.if_else(pc.starts_with(first, "column "), "column", first)
    known = pc.is_in(first, value_set=pa.concat_arrays([_KINDS, pa.array(["declared", "column"])]))
    return pc.if_else(pc.or_(known, pc.is_null(evidence)), first, "other")


def _sources(documents: pa.Table | pa.RecordBatch) -> pa.Array | pa.ChunkedArray:
    """Return the sources of documents, but for those that only name the recipe again."""
    again = pc.equal(documents["source"], pc.binary_join_element_wise("recipe", documents["recipe"], " "))
    return documents["source"].filter(pc.invert(pc.fill_null(again, False)))


def _counted(values: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Return how often each value occurs; nulls and empty texts do not count."""
    pairs = pc.value_counts(values).to_pylist()
    return {one["values"]: one["counts"] for one in pairs if one["values"]}


def _made_by(documents: pa.Table | pa.RecordBatch) -> dict[tuple[str, str], int]:
    """Return the documents of each (recipe, generator) among the machine-made ones that name either."""
    rows = documents.filter(pc.is_in(documents["origin"], value_set=pa.array(_MACHINE)))
    named = [
        pc.fill_null(pc.utf8_slice_codeunits(rows[name], 0, _LONGEST_NAME), "").to_pylist()
        for name in ("recipe", "generator")
    ]
    counts = Counter(zip(*named, strict=True))
    del counts["", ""]
    return dict(counts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(name: str) -> str:
    """Return a file's name as text; bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
