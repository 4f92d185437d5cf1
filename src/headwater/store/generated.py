"""The generation ledger: fingerprints of everything that was generated here, and what other parties shared of theirs.

Laid out as a log-structured merge tree. A segment holds documents in the order they were recorded: their fingerprints
as one sorted list, memory-mapped, with a table of where each prefix begins; content hashes; and a table of facts. Each
call adds segments and merges neighbours of like size, so there are few. A segment is never changed. Which ones count is
said by ``ledger.json``, replaced as the last act: after a kill at any moment the ledger is the old one or the new one.
"""

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from headwater.errors import InputError, StoreError
from headwater.schema import digest
from headwater.store.atomic import json_text, replace_folder, storage_errors, write_bytes
from headwater.store.generated_kernels import bucket_starts, forward, look_up, merge
from headwater.store.lock import writer_lock
from headwater.text.fingerprints import FINGERPRINT_VERSION, Fingerprints, keyed

LEDGER_VERSION = 1
"""Version of the files."""

GENERATED = pa.schema(
    [
        pa.field("id", pa.string(), metadata={"meaning": "id of the document; its content hash where imported"}),
        pa.field("content", pa.string(), metadata={"meaning": "32 hexadecimal digits, hash of the text"}),
        pa.field("generator", pa.string(), metadata={"meaning": "program or model that made it"}),
        pa.field("recipe", pa.string(), metadata={"meaning": "generator + prompt + decoding"}),
        pa.field("run", pa.string(), metadata={"meaning": "run that made it; null outside a run and where imported"}),
        pa.field("generation", pa.int32(), metadata={"meaning": "generation of the document"}),
        pa.field("created", pa.string(), metadata={"meaning": "when it was recorded, ISO 8601"}),
    ]
)
"""Facts kept of every generated document."""

SKETCH = pa.schema(
    [
        pa.field("content", pa.string(), metadata={"meaning": "32 hexadecimal digits; keyed where a key was given"}),
        pa.field("fingerprints", pa.list_(pa.uint64()), metadata={"meaning": "ascending; keyed where a key was given"}),
        pa.field("bound", pa.uint32(), metadata={"meaning": "rank up to which every sequence of the text is there"}),
        pa.field("generator", pa.string(), metadata={"meaning": "program or model that made it"}),
        pa.field("recipe", pa.string(), metadata={"meaning": "generator + prompt + decoding"}),
        pa.field("created", pa.string(), metadata={"meaning": "when it was recorded, ISO 8601"}),
        pa.field("fingerprint_version", pa.int32(), metadata={"meaning": "version of the hashes"}),
    ]
)
"""What is shared of a document: nothing of its text."""

_SLICE = 1 << 16  # documents per new segment; bounds the memory of one call
_RATIO = 3  # neighbours are merged unless the earlier one has this many times as many postings
_KEYS_PER_BUCKET = 8  # one cache line
_READ_BYTES = 1 << 22
_TRIES = 5
_WAIT_SECONDS = 60.0
_FEWEST_KEY_BYTES = 16
_FILES = ("keys.npy", "codes.npy", "starts.npy", "contents.npy", "bounds.npy", "facts.arrow")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What ``ledger.json`` says of a segment."""

    name: str
    documents: int
    postings: int
    checksums: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Manifest:
    """``ledger.json``."""

    party: str
    secret: bytes | None
    next: int
    segments: tuple[_Entry, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What texts share with the documents of one segment."""

    segment: "Segment"
    """The segment."""
    exact: NDArray[np.int64]
    """Per text: the document of the same content, -1 without one."""
    texts: NDArray[np.int64]
    """Pairs that share enough: the text, ascending,"""
    documents: NDArray[np.int64]
    """its document,"""
    starts: NDArray[np.int64]
    """and where the pair's entries in ``places`` begin; one entry more than there are pairs."""
    places: NDArray[np.int64]
    """Shared fingerprints, ascending within a pair: twice the place in the texts' fingerprints, plus one where the
    document took the sequence over from a source."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Documents of a ledger, memory-mapped."""

    party: str
    """Who generated them; empty for this project."""
    secret: bytes | None
    """Key of their fingerprints, if any."""
    keys: NDArray[np.uint64]
    """Fingerprints and first halves of content hashes, ascending."""
    codes: NDArray[np.uint32]
    """Twice the number of the document, plus one where it took the sequence over from a source."""
    starts: NDArray[np.uint32]
    """Where the keys of each prefix begin."""
    contents: NDArray[np.uint64]
    """Content hashes, shape (documents, 2)."""
    bounds: NDArray[np.uint32]
    """Rank up to which all sequences of each document are kept."""
    facts: pa.Table
    """Facts, schema ``GENERATED``."""

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def bits(self) -> int:
        """Bits of the prefixes."""
        return (len(self.starts) - 1).bit_length() - 1


class GeneratedLedger:
    """Everything this project generated, and what other parties imported of theirs."""

    def __init__(self, store: Path, *, run: str = "") -> None:
        self.folder = store / "generated"
        self.run = run
        self._locks = store / "locks"

    def add(self, facts: pa.Table, prints: Fingerprints, taken: NDArray[np.bool_] | None = None) -> int:
        """Record generated documents and return how many were new; those recorded before, by content, change nothing.

        Memory is bounded by ``facts`` and 65,536 documents.

        Args:
            facts: schema ``GENERATED``, a row per document.
            prints: their fingerprints.
            taken: per fingerprint, whether the document took that word sequence over from a source; it is then no sign
                that a text which has it was generated.

        Raises:
            LockedError: another process keeps writing to the ledger.
            StoreError: the disk refuses, or the ledger is damaged.
        """
        marks = np.zeros(len(prints.hashes), dtype=np.bool_) if taken is None else taken
        return self._record(self.folder / "own", _Manifest("", None, 0, ()), facts, prints, marks)

    def add_sketches(self, table: pa.Table, party: str, key: bytes | None = None) -> int:
        """Record what another party shared of its generated documents, and return how many were new.

        Args:
            table: schema ``SKETCH``; ``bound`` may be missing. Other columns are left aside.
            party: who generated them, as it shall be named.
            key: the shared secret, at least 16 bytes, where the party used one. It is kept beside the sketches,
                readable by the owner of the files only.

        Raises:
            InputError: the table does not hold sketches, they are of another version, or the party is known with
                another key.
            StoreError: as for ``add``.
        """
        if not party.strip():
            raise InputError("Sketches need the name of the party that shares them. Give one.")
        secret = _secret(key)
        facts, prints = _of_sketches(table, party)
        folder = self.folder / "parties" / digest(party)
        known = _manifest(folder)
        if known is not None and known.secret != secret:
            raise InputError(
                f"The sketches of {party!r} were imported with {'a' if known.secret else 'no'} key before and now come "
                f"with {'another' if known.secret and secret else 'one' if secret else 'none'}. Give the same key, or "
                "give the new sketches a party name of their own."
            )
        taken = np.zeros(len(prints.hashes), dtype=np.bool_)
        return self._record(folder, _Manifest(party, secret, 0, ()), facts, prints, taken)

    def segments(self) -> list[Segment]:
        """Open the ledger as it is now, this project's documents first. Reading never locks; the files are mapped.

        Raises:
            StoreError: the ledger is damaged or of another version.
        """
        return [segment for folder in self._shelves() for segment in _open(folder)]

    def count(self, party: str = "") -> int:
        """Return the number of documents of this project, or of a party."""
        manifest = _manifest(self.folder / "parties" / digest(party) if party else self.folder / "own")
        return 0 if manifest is None else sum(entry.documents for entry in manifest.segments)

    def parties(self) -> tuple[str, ...]:
        """Return the names of the parties whose sketches were imported, sorted."""
        return tuple(
            sorted(manifest.party for folder in self._shelves() if (manifest := _manifest(folder)) and manifest.party)
        )

    def sketches(self, key: bytes | None = None, *, rows: int = _SLICE) -> Iterator[pa.RecordBatch]:
        """Yield sketches of this project's documents, schema ``SKETCH``, at most ``rows`` at a time.

        Word sequences that a document took over from a source are left out.

        Args:
            key: a secret of at least 16 bytes shared with those who shall recognise the documents. Without one, whoever
                has the sketches can tell of a guessed text, or of a guessed sequence of three or four words, whether
                it was generated here.
            rows: documents per batch.
        """
        secret = _secret(key)
        for segment in _open(self.folder / "own"):
            for first in range(0, len(segment), rows):
                last = min(first + rows, len(segment))
                hashes, starts = forward(segment.keys, segment.codes, segment.contents, first, last)
                contents = segment.contents[first:last]
                if secret is not None:
                    hashes = keyed(hashes, secret)
                    contents = _keyed_contents(contents, secret)
                lists = [np.sort(hashes[a:b]) for a, b in pairwise(starts.tolist())] if secret is not None else [hashes]
                facts = segment.facts.slice(first, last - first).combine_chunks()
                count = last - first
                columns = {
                    "content": pa.array(_content_texts(contents)),
                    "fingerprints": pa.ListArray.from_arrays(
                        pa.array(starts.astype(np.int32)), pa.array(np.concatenate(lists, dtype=np.uint64))
                    ),
                    "bound": pa.array(np.asarray(segment.bounds[first:last])),
                    **{name: facts[name].combine_chunks() for name in ("generator", "recipe", "created")},
                    "fingerprint_version": pa.repeat(pa.scalar(FINGERPRINT_VERSION, pa.int32()), count),
                }
                yield pa.RecordBatch.from_arrays([columns[name] for name in SKETCH.names], schema=SKETCH)

    def check(self) -> list[str]:
        """Return what is wrong with the ledger, one sentence each. Reads every byte once."""
        problems = []
        for folder in self._shelves():
            try:
                _open(folder)
                manifest = _manifest(folder)
            except StoreError as error:
                problems.append(str(error))
                continue
            for entry in manifest.segments if manifest else ():
                at = folder / entry.name
                problems += [
                    str(_damaged(at, f"the content of {name} is not what was written"))
                    for name, checksum in entry.checksums.items()
                    if _checksum(at / name) != checksum
                ]
        return problems

    def _shelves(self) -> list[Path]:
        """Return the folders of the ledger: this project's, then the parties'."""
        parties = self.folder / "parties"
        found = sorted(parties.iterdir()) if parties.is_dir() else []
        return [self.folder / "own", *(folder for folder in found if folder.is_dir())]

    def _record(
        self, folder: Path, new: _Manifest, facts: pa.Table, prints: Fingerprints, taken: NDArray[np.bool_]
    ) -> int:
        if not facts.num_rows == len(prints) or len(taken) != len(prints.hashes):
            raise ValueError("facts, fingerprints and marks are not of the same documents")
        facts = facts.select(GENERATED.names).cast(GENERATED)
        added = 0
        with writer_lock(self._locks, "generated", run=self.run, wait_seconds=_WAIT_SECONDS), storage_errors(folder):
            for first in range(0, facts.num_rows, _SLICE):
                last = min(first + _SLICE, facts.num_rows)
                added += _append(folder, new, facts, prints, taken, first, last)
        return added


def shared_with(
    segments: Sequence[Segment], prints: Fingerprints, contents: NDArray[np.uint64], least: int
) -> Iterator[Shared]:
    """Yield what texts share with each segment.

    Args:
        segments: of a ledger.
        prints: fingerprints of the texts.
        contents: their content hashes, from ``content_hashes``.
        least: fingerprints a text and a document must share to be a pair, at least 1.
    """
    under: dict[bytes | None, tuple[NDArray[np.uint64], NDArray[np.uint64]]] = {None: (prints.hashes, contents)}
    for segment in segments:
        secret = segment.secret
        if secret is not None and secret not in under:
            under[secret] = (keyed(prints.hashes, secret), _keyed_contents(contents, secret))
        hashes, wanted = under[secret]
        found = look_up(
            segment.keys, segment.codes, segment.starts, segment.bits, segment.contents, hashes, prints.offsets, wanted,
            least,
        )  # fmt: skip
        yield Shared(segment, *found)


def content_hashes(texts: Iterable[str | None]) -> NDArray[np.uint64]:
    """Return the content hash of each text as two numbers, shape (texts, 2): the same bits as ``content_id``."""
    digests = [
        hashlib.blake2b((text or "").encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts
    ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64).reshape(-1, 2)


def _content_texts(contents: NDArray[np.uint64]) -> list[str]:
    packed = contents.astype("<u8").tobytes().hex()
    return [packed[at : at + 32] for at in range(0, len(packed), 32)]


def _keyed_contents(contents: NDArray[np.uint64], secret: bytes) -> NDArray[np.uint64]:
    packed = contents.astype("<u8").tobytes()
    digests = [
        hashlib.blake2b(packed[at : at + 16], digest_size=16, key=secret).digest() for at in range(0, len(packed), 16)
    ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64).reshape(-1, 2)


def _secret(key: bytes | None) -> bytes | None:
    """Return the 16 bytes that are used of a key."""
    if key is None:
        return None
    if len(key) < _FEWEST_KEY_BYTES:
        raise InputError(
            f"The key of the sketches has {len(key)} bytes; at least {_FEWEST_KEY_BYTES} are needed. Make one with: "
            "python -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return hashlib.blake2b(key, digest_size=16, person=b"headwater sketch").digest()


def _of_sketches(table: pa.Table, party: str) -> tuple[pa.Table, Fingerprints]:
    """Return facts and fingerprints of shared sketches."""
    optional = {"bound"}
    missing = [name for name in SKETCH.names if name not in table.column_names and name not in optional]
    if missing:
        raise InputError(
            f"The sketches of {party!r} lack the column {missing[0]}. Needed are: "
            f"{', '.join(name for name in SKETCH.names if name not in optional)}. Ask for a new export."
        )
    try:
        columns = {
            field.name: table[field.name].cast(field.type).combine_chunks()
            for field in SKETCH
            if field.name in table.column_names
        }
        packed = bytes.fromhex("".join(columns["content"].to_pylist()))
        whole = all(len(content) == 32 for content in columns["content"].to_pylist())
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"The sketches of {party!r} cannot be read: {error}. Ask for a new export.") from error
    if not whole or len(packed) != 16 * table.num_rows:
        raise InputError(
            f"The sketches of {party!r} have contents that are not 32 hexadecimal digits. Ask for a new export."
        )
    versions = set(columns["fingerprint_version"].to_pylist()) - {FINGERPRINT_VERSION}
    if versions:
        raise InputError(
            f"The sketches of {party!r} have fingerprints of version {', '.join(map(str, sorted(versions, key=str)))}; "
            f"this Headwater compares version {FINGERPRINT_VERSION}. Update the older of the two and export again."
        )
    lists = columns["fingerprints"]
    lengths = np.array([len(one) if one.is_valid else 0 for one in lists], dtype=np.int64)
    count = table.num_rows
    bounds = columns.get("bound")
    prints = Fingerprints(
        lists.flatten().fill_null(0).to_numpy(),
        np.zeros(int(lengths.sum()), dtype=np.int32),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]),
        np.full(count, 0xFFFFFFFF, np.uint32) if bounds is None else bounds.fill_null(0xFFFFFFFF).to_numpy(),
        np.zeros(count, dtype=np.int32),
    )
    facts = {name: columns.get(name, pa.nulls(count, GENERATED.field(name).type)) for name in GENERATED.names}
    return pa.table({**facts, "id": columns["content"]}, schema=GENERATED), prints


def _append(
    folder: Path,
    new: _Manifest,
    facts: pa.Table,
    prints: Fingerprints,
    taken: NDArray[np.bool_],
    first: int,
    last: int,
) -> int:
    """Add the documents ``first`` up to ``last`` that are new as one segment; merge what is of like size."""
    manifest = _manifest(folder) or new
    _remove_strays(folder, manifest)
    facts = facts.slice(first, last - first)
    contents = np.frombuffer(bytes.fromhex("".join(facts["content"].to_pylist())), dtype="<u8").astype(np.uint64)
    contents = contents.reshape(-1, 2)
    fresh = _fresh(_open(folder), contents)
    if not len(fresh):
        return 0
    begins, ends = prints.offsets[first:last][fresh], prints.offsets[first + 1 : last + 1][fresh]
    numbers = np.repeat(np.arange(len(fresh), dtype=np.uint32), ends - begins)
    places = np.concatenate([np.arange(a, b) for a, b in zip(begins.tolist(), ends.tolist(), strict=True)])
    places = places.astype(np.int64)
    keys = np.concatenate([prints.hashes[places], contents[fresh, 0]])
    codes = np.concatenate([2 * numbers + taken[places], 2 * np.arange(len(fresh), dtype=np.uint32)]).astype(np.uint32)
    order = np.argsort(keys, kind="stable")
    part = _Part(
        keys[order], codes[order], contents[fresh], prints.bounds[first:last][fresh], facts.take(pa.array(fresh))
    )
    manifest = _with_segment(folder, manifest, [part], replaced=0)
    while len(manifest.segments) > 1 and manifest.segments[-2].postings < _RATIO * manifest.segments[-1].postings:
        parts = [_part(segment) for segment in _open(folder)[-2:]]
        manifest = _with_segment(folder, manifest, parts, replaced=2)
    _remove_strays(folder, manifest)
    return len(fresh)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Documents to be written into a segment."""

    keys: NDArray[np.uint64]
    codes: NDArray[np.uint32]
    contents: NDArray[np.uint64]
    bounds: NDArray[np.uint32]
    facts: pa.Table


def _part(segment: Segment) -> _Part:
    return _Part(segment.keys, segment.codes, segment.contents, segment.bounds, segment.facts)


def _fresh(segments: Sequence[Segment], contents: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return which documents are neither recorded nor the repetition of an earlier one, ascending."""
    fresh = np.unique(contents, axis=0, return_index=True)[1]
    nothing = Fingerprints(
        np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(len(contents) + 1, np.int64),
        np.zeros(len(contents), np.uint32), np.zeros(len(contents), np.int32),
    )  # fmt: skip
    known = np.zeros(len(contents), dtype=np.bool_)
    # Contents of a shelf are compared as they are stored: an imported one under its party's key.
    for shared in shared_with([replace(segment, secret=None) for segment in segments], nothing, contents, 1):
        known |= shared.exact >= 0
    return np.sort(fresh[~known[fresh]])


def _with_segment(folder: Path, manifest: _Manifest, parts: Sequence[_Part], *, replaced: int) -> _Manifest:
    """Write one or two parts as one segment in place of the last ``replaced``, and return the new manifest."""
    name = f"{manifest.next:08d}"
    temp = folder / f".{name}.partial"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    postings = _write_postings(temp, parts)
    documents = sum(len(part.bounds) for part in parts)
    contents = open_memmap(temp / "contents.npy", mode="w+", dtype="<u8", shape=(documents, 2))
    bounds = open_memmap(temp / "bounds.npy", mode="w+", dtype="<u4", shape=(documents,))
    np.concatenate([part.contents for part in parts], out=contents)
    np.concatenate([part.bounds for part in parts], out=bounds)
    del contents, bounds
    with pa.OSFile(str(temp / "facts.arrow"), "wb") as sink, pa.ipc.new_file(sink, GENERATED) as writer:
        for part in parts:
            for batch in part.facts.to_batches(max_chunksize=_SLICE):
                writer.write_batch(batch)
    checksums = {file: _checksum(temp / file) for file in _FILES}
    replace_folder(temp, folder / name)
    kept = manifest.segments[: len(manifest.segments) - replaced]
    manifest = replace(manifest, next=manifest.next + 1, segments=(*kept, _Entry(name, documents, postings, checksums)))
    _write_manifest(folder, manifest)
    return manifest


def _write_postings(temp: Path, parts: Sequence[_Part]) -> int:
    first, second = parts[0], parts[-1] if len(parts) > 1 else None
    keys_b = np.zeros(0, np.uint64) if second is None else second.keys
    codes_b = np.zeros(0, np.uint32) if second is None else second.codes
    length = len(first.keys) + len(keys_b)
    keys = open_memmap(temp / "keys.npy", mode="w+", dtype="<u8", shape=(length,))
    codes = open_memmap(temp / "codes.npy", mode="w+", dtype="<u4", shape=(length,))
    merge(first.keys, first.codes, keys_b, codes_b, 2 * len(first.bounds), keys, codes)
    bits = max((length // _KEYS_PER_BUCKET).bit_length(), 1)
    np.save(temp / "starts.npy", bucket_starts(keys, bits), allow_pickle=False)
    return length


def _open(folder: Path) -> list[Segment]:
    """Open the segments of a shelf; a writer may replace them meanwhile, then the newer ones are opened."""
    for attempt in range(_TRIES):
        manifest = _manifest(folder)
        if manifest is None:
            return []
        try:
            return [_segment(folder / entry.name, entry, manifest) for entry in manifest.segments]
        except FileNotFoundError as error:
            if attempt == _TRIES - 1 or _manifest(folder) == manifest:
                raise _damaged(Path(str(error.filename)).parent, f"{error.filename} is missing") from error
    raise AssertionError("the loop returns or raises")


def _segment(path: Path, entry: _Entry, manifest: _Manifest) -> Segment:
    if not path.is_dir():
        raise FileNotFoundError(2, "no such segment", str(path / "keys.npy"))
    shapes = {
        "keys": ("<u8", (entry.postings,)),
        "codes": ("<u4", (entry.postings,)),
        "starts": ("<u4", None),
        "contents": ("<u8", (entry.documents, 2)),
        "bounds": ("<u4", (entry.documents,)),
    }
    arrays = {}
    for name, (kind, shape) in shapes.items():
        try:
            array = np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise _damaged(path, f"{name}.npy cannot be read ({error})") from error
        if array.dtype != np.dtype(kind) or (shape is not None and array.shape != shape):
            raise _damaged(path, f"{name}.npy has {array.shape} values of type {array.dtype}")
        arrays[name] = np.asarray(array)  # a plain view of the mapped file: numba knows no memmap
    starts = arrays["starts"]
    buckets = len(starts) - 1
    if starts.ndim != 1 or buckets < 2 or buckets & (buckets - 1) or starts[0] != 0 or starts[-1] != entry.postings:
        raise _damaged(path, "starts.npy does not fit keys.npy")
    if np.any(starts[1:] < starts[:-1]):
        raise _damaged(path, "starts.npy is not in order")
    try:
        facts = pa.ipc.open_file(pa.memory_map(str(path / "facts.arrow"))).read_all()
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(2, str(error), str(path / "facts.arrow")) from error
        raise _damaged(path, f"facts.arrow cannot be read ({error})") from error
    if facts.num_rows != entry.documents or not facts.schema.equals(GENERATED):
        raise _damaged(path, f"facts.arrow has {facts.num_rows} rows of other columns or another number")
    return Segment(
        manifest.party, manifest.secret, arrays["keys"], arrays["codes"], starts, arrays["contents"],
        arrays["bounds"], facts,
    )  # fmt: skip


def _manifest(folder: Path) -> _Manifest | None:
    """Return what ``ledger.json`` says, None where nothing was ever written."""
    path = folder / "ledger.json"
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path, f"it is no JSON ({error})") from error
    try:
        versions = (int(said["headwater.generated"]), int(said["fingerprint_version"]))
        if versions != (LEDGER_VERSION, FINGERPRINT_VERSION):
            raise StoreError(
                f"{path} has format {versions[0]} with fingerprints of version {versions[1]}; this Headwater reads "
                f"format {LEDGER_VERSION} with version {FINGERPRINT_VERSION}. Update it: pip install -U headwater"
            )
        key = said["key"]
        entries = tuple(
            _Entry(Path(str(one["name"])).name, int(one["documents"]), int(one["postings"]), dict(one["checksums"]))
            for one in said["segments"]
        )
        return _Manifest(str(said["party"]), None if key is None else bytes.fromhex(key), int(said["next"]), entries)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"it lacks or garbles an entry ({error})") from error


def _write_manifest(folder: Path, manifest: _Manifest) -> None:
    said = {
        "headwater.generated": LEDGER_VERSION,
        "fingerprint_version": FINGERPRINT_VERSION,
        "party": manifest.party,
        "key": None if manifest.secret is None else manifest.secret.hex(),
        "next": manifest.next,
        "segments": [asdict(entry) for entry in manifest.segments],
    }
    # It may hold a shared secret.
    write_bytes(folder / "ledger.json", json_text(said, indent=2).encode(), mode=0o600 if manifest.secret else 0o666)


def _remove_strays(folder: Path, manifest: _Manifest) -> None:
    """Remove segments that do not count: merged ones, and what a killed writer left. Only under the lock."""
    counted = {entry.name for entry in manifest.segments}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name not in counted:
            shutil.rmtree(path, ignore_errors=True)


def _checksum(path: Path) -> int:
    checksum = 0
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                checksum = zlib.crc32(block, checksum)
    except FileNotFoundError:
        return -1
    return checksum


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(
        f"The generation ledger is damaged at {path}: {what}. Restore {path.parent} from a copy, or move it "
        "away: what is generated from then on is recorded, and recording a run again adds its documents."
    )
