"""Signed exchange between organisations: attested human text, and sketches of machine text, without giving it away.

An export is a folder, or one ``.zip`` file, with ``manifest.json`` (who, when, what, hashes of the other files),
``signature.json``, ``human.parquet`` (the reserve: keyed hashes; texts only where they were asked for) and
``sketches.parquet`` (of everything generated: nothing of its text). Whoever imports it recognises the sender's machine
text, knows of its own documents which the sender vouches for, and takes over texts that came along, with the
attestation "signed manifest of X".

An import trusts nothing before the signature of a known key was checked on it: names, sizes and counts are bounded,
nothing is unpacked into the file system under a name the archive chose, nothing in it is executed. A key is bound to
the name of its party at its first use; a serial number must grow, so that an old archive cannot be played back.
"""

import hashlib
import hmac
import json
import secrets
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headwater import __version__
from headwater.config import SplitSettings
from headwater.errors import InputError, NotEnoughData, StoreError
from headwater.origin.evidence import Evidence, EvidenceReader, Status
from headwater.origin.passages import normalised
from headwater.origin.reserve import Attestation, How, reserve_panels, reserve_table, word_counts
from headwater.origin.reserve_add import AddReport, LooksMachine, add_to_reserve
from headwater.origin.signing import PublicKey, SigningKey, canonical_json, verified
from headwater.schema import EvidenceKind, Origin, content_id, documents
from headwater.store import (
    PANELS,
    Panel,
    Part,
    append_line,
    json_text,
    parquet_file,
    read_lines,
    replace_folder,
    storage_errors,
    write_bytes,
    write_json,
    writer_lock,
)

FORMAT = "headwater exchange"
VERSION = 1
MANIFEST, SIGNATURE, HUMAN, SKETCHES = "manifest.json", "signature.json", "human.parquet", "sketches.parquet"

SEALED = "sealed"
"""Stands for the panel in an export that does not give it away."""

_MOST_MANIFEST_BYTES = 1 << 20
_MOST_FILE_BYTES = 4 << 30
_MOST_EXPANDED_BYTES = 16 << 30  # all columns of a file, as its own metadata say
_MOST_GROUP_BYTES = 1 << 30  # one row group is held in memory
_MOST_TEXT_BYTES = 2 << 30  # texts that are added to the reserve at once
_BLOCK = 1 << 20
_ROWS = 8192

HUMAN_SET = pa.schema(
    [
        pa.field("hash", pa.string(), metadata={"meaning": "keyed hash of the normalised text; key: salt in manifest"}),
        pa.field("words", pa.int32(), metadata={"meaning": "words; a character of an unspaced script is one"}),
        pa.field("part", pa.string(), metadata={"meaning": "train, a panel, or sealed: in one of the panels"}),
        pa.field("text", pa.string(), metadata={"meaning": "the content; null unless texts were asked for"}),
        pa.field("group", pa.string(), metadata={"meaning": "unit of independence; null without the text"}),
        pa.field("source", pa.string(), metadata={"meaning": "where it was read; null without the text"}),
        pa.field("author", pa.string(), metadata={"meaning": "who wrote it; null without the text"}),
        pa.field("created", pa.string(), metadata={"meaning": "ISO 8601 date; null without the text"}),
        pa.field("licence", pa.string(), metadata={"meaning": "its licence; null without the text"}),
        pa.field("attested_by", pa.string(), metadata={"meaning": "who vouches; null for sealed documents"}),
        pa.field("attested_how", pa.string(), metadata={"meaning": "what it rests on; null for sealed documents"}),
        pa.field("attested_on", pa.string(), metadata={"meaning": "date of it; null for sealed documents"}),
    ]
)


class SketchLedger(Protocol):
    """The generation ledger, as far as it is exchanged."""

    def sketches(self, key: bytes | None = None) -> Iterator[pa.RecordBatch]:
        """Yield sketches of what was generated here; without any text."""
        ...

    def add_sketches(self, table: pa.Table, party: str, key: bytes | None = None) -> int:
        """Record what another party shared and return how many were new."""
        ...


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str
    bytes: int = Field(ge=0, le=_MOST_FILE_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int = Field(ge=0)


class Manifest(BaseModel):
    """What an export says about itself, under its signature."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    format: str
    version: int
    tool: str = Field(max_length=100)
    party: str = Field(min_length=1, max_length=200)
    key: str
    serial: int = Field(ge=1, lt=2**53)
    created: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    licence: str = Field(max_length=2000)
    statement: str = Field(max_length=10_000)
    salt: str = Field(pattern=r"^[0-9a-f]{64}$")
    texts: bool
    parts: list[str]
    counts: dict[str, int]
    keyed_sketches: bool
    files: list[_Entry] = Field(max_length=2)
    sketch_check: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Tells whether a secret is that of the sketches; empty without one."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported."""

    path: Path
    manifest: Manifest
    fingerprint: str
    """Of the key it is signed with."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was imported."""

    manifest: Manifest
    fingerprint: str
    """Of the key that signed it."""
    first: bool
    """Whether the party was not known before."""
    sketches: int
    """Sketches that are new here."""
    attested: int
    """Documents the party vouches for, known by their hashes from now on."""
    sealed: int
    """Those of them that are in its sealed panels."""
    added: AddReport | None
    """What became of the texts; None where none came along, or where they were too few to start a reserve."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustedParty:
    """A party whose signature is known."""

    party: str
    key: str
    """Public key, as text."""
    since: str
    """When it was first trusted."""
    serial: int = 0
    """Of the latest archive that was imported, or one less where its texts are still to be added; 0 for none."""
    manifest: str = ""
    """SHA-256 of that archive's manifest."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of its key."""
        return PublicKey.from_text(self.key).fingerprint


def trusted_parties(store: Path) -> tuple[TrustedParty, ...]:
    """Return the parties whose keys are trusted.

    Raises:
        StoreError: ``trusted.json`` is damaged.
    """
    path = store / "trusted.json"
    if not path.exists():
        return ()
    try:
        return tuple(TrustedParty(**one) for one in json.loads(path.read_bytes())["parties"])
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path} is damaged: {error}. Restore it from a copy.") from error


def export_reserve(
    store: Path,
    path: Path,
    key: SigningKey,
    *,
    party: str,
    statement: str,
    licence: str = "",
    with_texts: bool = False,
    parts: Sequence[Part] = (Part.TRAIN,),
    ledger: SketchLedger | None = None,
    sketch_key: bytes | None = None,
    now: datetime | None = None,
) -> ExportReport:
    """Write a signed export of the reserve, and of sketches of everything generated.

    Args:
        store: the folder ``.headwater`` of the project.
        path: a file ending in ``.zip``, or a folder, whose name has no ending; it must not exist.
        key: signs it.
        party: name under which the receivers know the sender.
        statement: what the sender attests, in its own words.
        licence: under which the receivers may use what is in it.
        with_texts: put the texts in, not only their hashes.
        parts: parts whose documents are named. Documents of panels that are not among them appear as hashes only,
            without saying of which panel.
        ledger: the generation ledger; None exports no sketches.
        sketch_key: a secret shared with the receivers; see ``GeneratedLedger.sketches``.
        now: the time; the clock's by default.

    Raises:
        InputError: there is nothing to export, or the path cannot be used.
        StoreError: the disk refuses.
    """
    if not party.strip() or not statement.strip():
        raise InputError("An export needs the name of who signs it and a statement of what is attested. Give both.")
    if path.suffix not in {"", ".zip"}:
        raise InputError(
            f"{path} ends in {path.suffix!r}, which is no form of an export. Name a file ending in .zip, or a folder "
            "without an ending."
        )
    if path.exists():
        raise InputError(f"{path} exists already. Export to another place, or remove it first.")
    if not reserve_table(store).version and ledger is None:
        raise InputError(f"There is neither a reserve nor anything generated in {store}, so nothing to export.")
    time = (now or datetime.now(UTC)).astimezone(UTC)
    salt = secrets.token_bytes(32)
    with writer_lock(store / "locks", "exchange", run="reserve export", wait_seconds=10), storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            counts, files = {}, []
            if reserve_table(store).version:
                _open_panels(store, parts, with_texts=with_texts, why=f"export to {path.name} by {party}")
                counts = _write_human(store, temp / HUMAN, salt, set(parts), with_texts=with_texts)
                files.append(_entry(temp / HUMAN))
            if ledger is not None:
                counts["sketches"] = _write_sketches(ledger, temp / SKETCHES, sketch_key)
            if counts.get("sketches"):
                files.append(_entry(temp / SKETCHES))
            # The clock as serial number outlives the loss of the project folder; the log keeps it growing regardless.
            earlier = [int(str(one.get("serial", 0))) for one in read_lines(store / "exports.jsonl")]
            manifest = Manifest(
                format=FORMAT,
                version=VERSION,
                tool=f"headwater {__version__}",
                party=party,
                key=key.public.text,
                serial=max([int(time.timestamp()), *(one + 1 for one in earlier)]),
                created=time.isoformat(timespec="seconds").replace("+00:00", "Z"),
                licence=licence,
                statement=statement,
                salt=salt.hex(),
                texts=with_texts,
                parts=sorted(str(part) for part in parts),
                counts=counts,
                keyed_sketches=sketch_key is not None,
                files=files,
                sketch_check=_sketch_check(sketch_key, salt),
            )
            _write_signed(temp, manifest, key)
            if path.suffix == ".zip":
                _zip(temp, path)
            else:
                temp.chmod(0o755)  # a temporary folder is its owner's alone; an export is to be passed on
                replace_folder(temp, path)
        finally:
            shutil.rmtree(temp, ignore_errors=True)
        append_line(store / "exports.jsonl", {"serial": manifest.serial, "path": path.name, "party": party})
    return ExportReport(path, manifest, key.public.fingerprint)


def import_exchange(
    store: Path,
    path: Path,
    trusted_keys: Sequence[PublicKey] = (),
    *,
    rng: np.random.Generator,
    trust: bool = False,
    ledger: SketchLedger | None = None,
    sketch_key: bytes | None = None,
    readers: Sequence[EvidenceReader] = (),
    looks_machine: LooksMachine | None = None,
    split: SplitSettings | None = None,
    now: datetime | None = None,
) -> ImportReport:
    """Check an export of another party and take over what it holds.

    Everything is checked before anything is written. Repeating an import that was killed changes nothing twice. Texts
    that would start a reserve and are too few for one are left out, with a warning; the archive can be imported again.

    Args:
        store: the folder ``.headwater`` of the project.
        path: the folder or ``.zip`` file.
        trusted_keys: keys that are trusted besides those in ``trusted.json``.
        rng: decides in which part of the reserve a group of the texts goes.
        trust: trust the key of this archive, whoever it is, from now on (trust on first use).
        ledger: where sketches go; None leaves them out, with a warning.
        sketch_key: the secret the sender keyed its sketches with.
        readers: readers of evidence for the texts; see ``add_to_reserve``.
        looks_machine: the detector; see ``add_to_reserve``.
        split: shares of the parts where the reserve is new.
        now: the time; the clock's by default.

    Raises:
        InputError: the archive is damaged, forged, played back, of another version, its key is not trusted, or the
            secret of its sketches is missing or another one.
        StoreError: the disk refuses.
    """
    stamp = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    with writer_lock(store / "locks", "exchange", run="reserve import", wait_seconds=10), ExitStack() as stack:
        archive = stack.enter_context(_opened(path))
        manifest, packed, key = _signed_manifest(archive, path)
        party, first = _trusted(store, manifest, key, trusted_keys, stamp, trust=trust)
        _refuse_replay(party, manifest, packed)
        names = {entry.name for entry in manifest.files}
        if SKETCHES in names and ledger is not None:
            _check_sketch_key(manifest, sketch_key)
        with storage_errors(store):
            store.mkdir(parents=True, exist_ok=True)
            temp = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".incoming-", dir=store)))
        for entry in manifest.files:
            _take(archive, entry, temp, path)
        human = _human_file(temp / HUMAN, manifest, path) if HUMAN in names else None
        sketches = _parquet(temp / SKETCHES, manifest, path) if SKETCHES in names else None
        warnings, added, whole = [], None, True
        if first and trust:
            warnings.append(
                f"The key of {manifest.party!r} is trusted from now on. Read its fingerprint to each other before you "
                f"rely on it: {key.fingerprint}."
            )
        if human is not None and manifest.texts:
            table = _texts(human, manifest)
            rests = (
                f"manifest {hashlib.sha256(packed).hexdigest()[:16]} of serial {manifest.serial}, key {key.fingerprint}"
            )
            attestation = Attestation(manifest.party, How.SIGNED_MANIFEST, manifest.created[:10], rests)
            try:
                added = add_to_reserve(
                    store, table, attestation,
                    rng=rng, readers=readers, looks_machine=looks_machine, split=split, now=now,
                )  # fmt: skip
                warnings += added.warnings
            except NotEnoughData as error:
                whole = False
                warnings.append(
                    f"The {table.num_rows:,} texts were not added, everything else was: there is no reserve here yet, "
                    f"and they are too few to start one: {error} Add documents of your own first (headwater reserve "
                    "add), then import this archive again."
                )
        new = 0
        if sketches is not None and ledger is None:
            warnings.append(
                f"{sketches.metadata.num_rows:,} sketches were left out: there is no ledger to put them in."
            )
        elif sketches is not None and ledger is not None:
            for table in _groups(sketches, path):
                new += ledger.add_sketches(table, manifest.party, sketch_key)
        if human is not None:
            _keep_hashes(store, key, packed, human)
        _remember(store, party, manifest, packed, whole=whole)
    sealed = manifest.counts.get(SEALED, 0)
    attested = sum(count for name, count in manifest.counts.items() if name != "sketches")
    return ImportReport(manifest, key.fingerprint, first, new, attested, sealed, added, tuple(warnings))


@dataclass(frozen=True, slots=True)
class PartyAttestations:
    """Recognises documents that another party vouches for, by the keyed hash of their text: a reader of evidence."""

    known: tuple[tuple[str, str, bytes, dict[bytes, str]], ...]
    """Party, fingerprint of its key, salt, and hash to part."""

    @classmethod
    def of(cls, store: Path) -> "PartyAttestations":
        """Return the reader of everything that was imported into a project.

        Raises:
            StoreError: what was imported is damaged.
        """
        known = []
        for folder in sorted((store / "parties").glob("*")):
            try:
                manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
                table = pq.read_table(folder / HUMAN, columns=["hash", "part"])
            except (OSError, ValidationError, pa.ArrowException) as error:
                raise StoreError(f"{folder} is damaged: {error}. Import the archive of that party again.") from error
            rows = zip(table["hash"].to_pylist(), table["part"].to_pylist(), strict=True)
            hashes = {bytes.fromhex(value): part for value, part in rows}
            known.append((manifest.party, folder.name, bytes.fromhex(manifest.salt), hashes))
        return cls(tuple(known))

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield the attestations of other parties for the documents of a batch."""
        if not self.known:
            return
        for row, text in enumerate(documents["text"].to_pylist()):
            if not text:
                continue
            plain = normalised(text).encode("utf-8", "surrogatepass")
            for party, fingerprint, salt, hashes in self.known:
                part = hashes.get(_keyed(plain, salt))
                if part is not None:
                    barred = "" if part == Part.TRAIN else "; it is in a sealed panel there: do not train on it"
                    detail = f"signed manifest of {party}, key {fingerprint}{barred}"
                    yield row, Evidence(EvidenceKind.ATTESTATION, Origin.HUMAN, detail, Status.VERIFIED)


# Writing.


def _open_panels(store: Path, parts: Sequence[Part], *, with_texts: bool, why: str) -> None:
    """Write down that panels are given away, before they are."""
    opened = [part for part in parts if part in PANELS] if with_texts else []
    for part in opened:
        reserve_panels(store).record_opening(Panel(part.value), why)


def _write_human(store: Path, path: Path, salt: bytes, parts: set[Part], *, with_texts: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    columns = [
        "text",
        "unit",
        "source",
        "author",
        "created",
        "licence",
        "part",
        "attested_by",
        "attested_how",
        "attested_on",
    ]
    with parquet_file(path, HUMAN_SET) as writer:
        for batch in reserve_table(store).batches(columns, batch_rows=_ROWS):
            named = [Part(part) in parts for part in batch["part"].to_pylist()]
            shown = pa.array(named, pa.bool_())
            full = shown if with_texts else pa.repeat(pa.scalar(value=False), len(shown))
            texts = batch["text"].to_pylist()
            part = pc.if_else(shown, batch["part"], SEALED)
            for name in part.to_pylist():
                counts[name] = counts.get(name, 0) + 1
            keyed = [_keyed(normalised(text).encode("utf-8", "surrogatepass"), salt).hex() for text in texts]
            told = {
                name: pc.if_else(full, batch[name], None) for name in ("text", "source", "author", "created", "licence")
            }
            vouched = {name: pc.if_else(shown, batch[name], None) for name in columns[-3:]}
            rows = {
                "hash": pa.array(keyed),
                "words": pa.array(word_counts(texts), pa.int32()),
                "part": part,
                "group": pc.if_else(full, batch["unit"], None),
                **told,
                **vouched,
            }
            # Sorted by hash: the order in which documents came in says which belong together.
            table = pa.table({field.name: rows[field.name] for field in HUMAN_SET}).cast(HUMAN_SET)
            writer.write_table(table.sort_by("hash"))
    return counts


def _write_sketches(ledger: SketchLedger, path: Path, key: bytes | None) -> int:
    """Write sketches batch by batch and return how many; the first batch says the columns. Without any, no file.

    Raises:
        StoreError: the ledger hands out texts.
    """
    batches = ledger.sketches(key)
    first = next(batches, None)
    if first is None:
        return 0
    if "text" in first.schema.names:
        raise StoreError("The ledger's sketches hold texts. They are not exported; nothing was written.")
    count = 0
    with parquet_file(path, first.schema) as writer:
        for batch in (first, *batches):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _entry(path: Path) -> _Entry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _Entry(name=path.name, bytes=path.stat().st_size, sha256=digest, rows=pq.read_metadata(path).num_rows)


def _write_signed(folder: Path, manifest: Manifest, key: SigningKey) -> None:
    value = manifest.model_dump()
    write_bytes(folder / MANIFEST, canonical_json(value))
    signature = {"key": key.public.text, "signature": key.sign("manifest", value).hex()}
    write_json(folder / SIGNATURE, signature)


def _zip(folder: Path, path: Path) -> None:
    temp = folder / "archive.zip"
    with zipfile.ZipFile(temp, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed already
        for name in (MANIFEST, SIGNATURE, HUMAN, SKETCHES):
            if (folder / name).exists():
                archive.write(folder / name, name)
    temp.replace(path)


def _sketch_check(key: bytes | None, salt: bytes) -> str:
    """Return what tells whether a secret is the right one, without telling it; another one in every export."""
    return "" if key is None else hmac.new(key, b"headwater sketch key" + salt, hashlib.sha256).hexdigest()


def _keyed(text: bytes, salt: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16, key=salt, person=b"exchange").digest()


# Reading what others wrote.


class _Archive(Protocol):
    def open(self, name: str) -> IO[bytes]:
        """Open a file of the archive for reading."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """Names of all files in it."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in self.path.iterdir())

    def open(self, name: str) -> IO[bytes]:
        path = self.path / name
        if not stat.S_ISREG(path.lstat().st_mode):
            raise InputError(f"{path} is no plain file. An export holds plain files only; it was refused.")
        return path.open("rb")


@dataclass(frozen=True, slots=True)
class _Zip:
    file: zipfile.ZipFile

    @property
    def names(self) -> frozenset[str]:
        return frozenset(one.filename for one in self.file.infolist())

    def open(self, name: str) -> IO[bytes]:
        return self.file.open(name)


_ALLOWED = frozenset({MANIFEST, SIGNATURE, HUMAN, SKETCHES})


@contextmanager
def _opened(path: Path) -> Iterator[_Archive]:
    """Open an export and refuse names that cannot be part of one; what goes wrong while it is read is said as one."""
    broken = "It is damaged or cut short, or was changed: ask for it again."
    try:
        if path.is_dir():
            _refuse_names(path, sorted(_Folder(path).names))
            yield _Folder(path)
            return
        if not path.is_file():
            raise InputError(f"There is no file or folder {path} to import.")
        with zipfile.ZipFile(path) as file:
            _refuse_names(path, [one.filename for one in file.infolist()])
            if any(one.flag_bits & 1 for one in file.infolist()):
                raise InputError(f"{path} is encrypted. Exports are not; it was refused.")
            yield _Zip(file)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, FileNotFoundError) as error:
        raise InputError(f"{path} cannot be read as an export: {error}. {broken}") from error


def _refuse_names(path: Path, names: Sequence[str]) -> None:
    odd = [name for name in names if name not in _ALLOWED]
    if odd or len(set(names)) < len(names):
        what = f"a file named {odd[0][:100]!r}" if odd else "a file twice"
        raise InputError(f"{path} holds {what}. An export holds {', '.join(sorted(_ALLOWED))}; it was refused.")


def _signed_manifest(archive: _Archive, path: Path) -> tuple[Manifest, bytes, PublicKey]:
    """Return the manifest, its bytes and the key that signed it."""
    packed = _bounded(archive, SIGNATURE, path)
    try:
        signature = json.loads(packed)
        key, signed = PublicKey.from_text(signature["key"]), bytes.fromhex(signature["signature"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: {SIGNATURE} is no signature ({error}). Ask for the export again.") from error
    packed = _bounded(archive, MANIFEST, path)
    value = verified("manifest", packed, signed, key)
    if value.get("format") != FORMAT:
        raise InputError(f"{path} is signed, but is no exchange of reserves. Name the file that was exported for you.")
    if value.get("version") != VERSION:
        raise InputError(
            f"{path} has version {value.get('version')} of the exchange format; this Headwater knows {VERSION}. Update "
            "the older of the two."
        )
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"{path}: the manifest cannot be used: {where}: {error.errors()[0]['msg']}.") from error
    names = [entry.name for entry in manifest.files]
    if manifest.key != key.text or set(names) - {HUMAN, SKETCHES} or len(set(names)) < len(names):
        raise InputError(f"{path}: the manifest names another key or other files than an export has. It was refused.")
    if {*names, MANIFEST, SIGNATURE} != archive.names:
        raise InputError(f"{path} does not hold the files its manifest names. Ask for the export again.")
    return manifest, packed, key


def _bounded(archive: _Archive, name: str, path: Path) -> bytes:
    with archive.open(name) as file:
        data = file.read(_MOST_MANIFEST_BYTES + 1)
    if len(data) > _MOST_MANIFEST_BYTES:
        raise InputError(f"{path}: {name} is larger than {_MOST_MANIFEST_BYTES:,} bytes. It was refused.")
    return data


def _trusted(
    store: Path, manifest: Manifest, key: PublicKey, keys: Sequence[PublicKey], now: str, *, trust: bool
) -> tuple[TrustedParty, bool]:
    """Return the party of a key and whether it is new.

    Raises:
        InputError: the key is not trusted, or is that of another party, or the party is known with another key.
    """
    parties = trusted_parties(store)
    known = next((one for one in parties if one.key == key.text), None)
    if known is not None and known.party != manifest.party:
        raise InputError(
            f"The key {key.fingerprint} is that of {known.party!r}, and this archive says it is from "
            f"{manifest.party!r}. A key has one name; ask the sender."
        )
    if known is not None:
        return known, False
    namesake = next((one for one in parties if one.party == manifest.party), None)
    if namesake is not None:
        raise InputError(
            f"{manifest.party!r} is known with key {namesake.fingerprint}, and this archive is signed with "
            f"{key.fingerprint}: someone else signed it, or the party has a new key. Ask it; if the key is new, remove "
            f"the old one from {store / 'trusted.json'} first."
        )
    if not trust and key not in keys:
        raise InputError(
            f"The archive is signed with key {key.fingerprint}, which is not trusted; it says it is from "
            f"{manifest.party!r}. Ask that party for the fingerprint of its key. If it is this one, repeat the import "
            "with --trust."
        )
    return TrustedParty(manifest.party, key.text, now), True


def _refuse_replay(party: TrustedParty, manifest: Manifest, packed: bytes) -> None:
    if manifest.serial > party.serial:
        return
    if hmac.compare_digest(hashlib.sha256(packed).hexdigest(), party.manifest):
        raise InputError(f"This archive of {party.party!r} (serial {manifest.serial}) was imported already.")
    raise InputError(
        f"This archive of {party.party!r} has serial {manifest.serial}, and {party.serial} was imported already: it is "
        "an older one. Ask for the latest export."
    )


def _check_sketch_key(manifest: Manifest, key: bytes | None) -> None:
    """Refuse a secret that is missing, not called for or another one: the sketches would never match anything."""
    if manifest.keyed_sketches and key is None:
        raise InputError(
            f"The sketches of {manifest.party!r} are keyed with a secret, and none was given, so nothing would ever be "
            "recognised by them; nothing was imported. Ask the party for its secret and give it with --sketch-key."
        )
    if key is not None and not manifest.keyed_sketches:
        raise InputError(
            f"The sketches of {manifest.party!r} are not keyed, and a secret was given, so nothing would ever be "
            "recognised by them; nothing was imported. Leave --sketch-key out."
        )
    # Exports of earlier versions have no check value.
    check = manifest.sketch_check
    if check and not hmac.compare_digest(_sketch_check(key, bytes.fromhex(manifest.salt)), check):
        raise InputError(
            f"The secret given is not the one {manifest.party!r} keyed its sketches with, so nothing would ever be "
            "recognised by them; nothing was imported. Ask the party for its secret and give it with --sketch-key."
        )


def _take(archive: _Archive, entry: _Entry, folder: Path, path: Path) -> None:
    """Copy a file out of the archive, bounded by what the manifest says, and compare its hash."""
    digest = hashlib.sha256()
    left = entry.bytes
    with archive.open(entry.name) as source, (folder / entry.name).open("wb") as target:
        while block := source.read(min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                break
            digest.update(block)
            target.write(block)
    if left != 0 or digest.hexdigest() != entry.sha256:
        raise InputError(
            f"{path}: {entry.name} is not the file that was signed: it was changed or cut short. Ask for the export "
            "again; nothing was imported."
        )


def _parquet(path: Path, manifest: Manifest, of: Path) -> pq.ParquetFile:
    """Open a Parquet file that claims to expand to no more than can be handled.

    Raises:
        InputError: it does not, or it is none.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{of}: {path.name} cannot be read: {error}. Ask for the export again.") from error
    groups = [file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)]
    rows = next(entry.rows for entry in manifest.files if entry.name == path.name)
    if file.metadata.num_rows != rows:
        raise InputError(f"{of}: {path.name} has {file.metadata.num_rows} rows, the manifest says {rows}.")
    if sum(groups) > _MOST_EXPANDED_BYTES or max(groups, default=0) > _MOST_GROUP_BYTES:
        raise InputError(
            f"{of}: {path.name} would expand to {sum(groups):,} bytes ({max(groups):,} at once); allowed are "
            f"{_MOST_EXPANDED_BYTES:,} ({_MOST_GROUP_BYTES:,} at once). It was refused."
        )
    return file


def _human_file(path: Path, manifest: Manifest, of: Path) -> pq.ParquetFile:
    """Open the human set and check its columns, hashes, parts and counts."""
    file = _parquet(path, manifest, of)
    if not file.schema_arrow.remove_metadata().equals(HUMAN_SET.remove_metadata()):
        raise InputError(f"{of}: {HUMAN} does not have the columns of a human set. Ask for a new export.")
    salt = bytes.fromhex(manifest.salt)
    counts: dict[str, int] = {}
    text_bytes = 0
    parts = {*(str(part) for part in Part), SEALED}
    for batch in _batches(file, of):
        for value, part, text in zip(*(batch[name].to_pylist() for name in ("hash", "part", "text")), strict=True):
            hashed = isinstance(value, str) and len(value) == 32 and set(value) <= set("0123456789abcdef")
            if not hashed or part not in parts:
                raise InputError(f"{of}: {HUMAN} holds a row that is none of a human set. It was refused.")
            counts[part] = counts.get(part, 0) + 1
            if text is None:
                continue
            plain = normalised(text).encode("utf-8", "surrogatepass")
            text_bytes += len(plain)
            if not manifest.texts or part == SEALED or _keyed(plain, salt).hex() != value:
                raise InputError(f"{of}: {HUMAN} holds a text that is not the one its hash names. It was refused.")
            if text_bytes > _MOST_TEXT_BYTES:
                raise InputError(f"{of}: the texts exceed {_MOST_TEXT_BYTES:,} bytes. Ask for an export in parts.")
    stated = {name: count for name, count in manifest.counts.items() if name != "sketches"}
    if counts != stated:
        raise InputError(f"{of}: {HUMAN} holds {counts}, the manifest says {stated}. Ask for the export again.")
    return file


def _batches(file: pq.ParquetFile, of: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(_ROWS)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{of}: {HUMAN} cannot be read: {error}. Ask for the export again.") from error


def _groups(file: pq.ParquetFile, of: Path) -> Iterator[pa.Table]:
    """Yield the sketches, a bounded number at a time."""
    for number in range(file.num_row_groups):
        try:
            yield file.read_row_group(number)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{of}: {SKETCHES} cannot be read: {error}. Ask for the export again.") from error


def _texts(file: pq.ParquetFile, manifest: Manifest) -> pa.Table:
    """Return the texts as documents; groups are put under the party's name, not to be taken for one's own."""
    columns = ["text", "group", "source", "author", "created", "licence"]
    schema = pa.schema([HUMAN_SET.field(name) for name in columns])
    batches = [batch.cast(schema) for batch in file.iter_batches(_ROWS, columns=columns)]
    rows = pa.Table.from_batches(batches, schema)
    rows = rows.filter(pc.is_valid(rows["text"]))
    texts = rows["text"].to_pylist()
    groups = rows["group"].to_pylist()
    return documents(
        texts,
        group=[f"{manifest.party}: {group or content_id(text)}" for group, text in zip(groups, texts, strict=True)],
        origin=Origin.HUMAN.value,
        source=rows["source"],
        author=rows["author"],
        created=rows["created"],
        licence=pc.coalesce(rows["licence"], pa.scalar(manifest.licence or None, pa.string())),
    )


def _keep_hashes(store: Path, key: PublicKey, packed: bytes, file: pq.ParquetFile) -> None:
    """Keep what the party vouches for, without the texts, in place of what it said before."""
    final = store / "parties" / key.fingerprint
    with storage_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        temp = Path(tempfile.mkdtemp(prefix=f".{key.fingerprint}-", dir=final.parent))
        try:
            kept = pa.schema([HUMAN_SET.field(name) for name in ("hash", "words", "part")])
            with parquet_file(temp / HUMAN, kept) as writer:
                for batch in file.iter_batches(_ROWS, columns=kept.names):
                    writer.write_batch(batch.cast(kept))
            write_bytes(temp / MANIFEST, packed)
            replace_folder(temp, final)
        finally:
            shutil.rmtree(temp, ignore_errors=True)


def _remember(store: Path, party: TrustedParty, manifest: Manifest, packed: bytes, *, whole: bool) -> None:
    """Write down the key, the serial number and the manifest of what was imported: the last act of an import.

    An archive whose texts are still to be added may come again, older ones may not.
    """
    kept = [one for one in trusted_parties(store) if one.key != party.key]
    serial, seen = (manifest.serial, hashlib.sha256(packed).hexdigest()) if whole else (manifest.serial - 1, "")
    newest = TrustedParty(party.party, party.key, party.since, serial, seen)
    rows: list[dict[str, Any]] = [asdict(one) for one in (*kept, newest)]
    write_bytes(store / "trusted.json", (json_text({"parties": rows}, indent=2) + "\n").encode(), mode=0o600)
