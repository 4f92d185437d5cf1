"""The sealed panels: human documents that measure and are never trained on.

What is written says which documents are sealed without giving them away: salted hashes of their ids and of their
content, the groups they belong to, and a log of every time a panel was opened. The texts themselves stay in the
documents table. A rotation is sealed once; afterwards it can be repeated, not changed.
"""

import hashlib
import json
import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.errors import StoreError
from headwater.schema import SCHEMA_VERSION
from headwater.store.atomic import append_line, read_lines, write_bytes, write_json
from headwater.store.lock import writer_lock


class Panel(StrEnum):
    """What sealed human documents may be used for."""

    STEERING = "steering"
    """Its scores may be shown and may steer what is generated."""
    CERTIFICATION = "certification"
    """It decides; only admitted or not ever leaves it."""
    FINAL = "final"
    """It is looked at once per generation, for the report, and never decides."""


@dataclass(frozen=True, slots=True)
class SealedPanel:
    """One panel of one rotation, as it was sealed."""

    panel: Panel
    """What it may be used for."""
    rotation: int
    """Running number of the set of panels it belongs to."""
    documents: int
    """Number of documents."""
    tokens: int
    """Number of words (runs of characters between white space) in them."""
    groups: tuple[str, ...]
    """Units of independence in it, sorted. A document without a group is its own, named by its salted hash."""
    ids: tuple[str, ...]
    """Salted hashes of the ids, sorted."""
    contents: tuple[str, ...]
    """Salted hashes of the normalised texts, sorted."""
    hash: str
    """32 hexadecimal digits over everything above: the same panel has the same hash."""
    created: str
    """When it was sealed, ISO 8601, UTC. Not part of the hash."""


@dataclass(frozen=True, slots=True)
class Panels:
    """The sealed panels of a folder, all rotations: a document that was ever sealed stays barred from training."""

    folder: Path
    """Where they are."""
    salt: bytes
    """Key of the hashes."""
    sealed: tuple[SealedPanel, ...]
    """Every panel, by rotation, then name."""

    def get(self, panel: Panel, rotation: int | None = None) -> SealedPanel:
        """Return a panel of a rotation, the latest by default.

        Raises:
            StoreError: it was never sealed.
        """
        found = [one for one in self.sealed if one.panel == panel and rotation in (None, one.rotation)]
        if not found:
            known = ", ".join(f"{one.panel} of rotation {one.rotation}" for one in self.sealed) or "none"
            raise StoreError(f"There is no {panel} panel of rotation {rotation} in {self.folder}. Sealed are: {known}.")
        return found[-1]

    def barred(self, ids: Iterable[str], texts: Iterable[str | None] | None = None) -> NDArray[np.bool_]:
        """Return which documents are panel documents, by id or, where texts are given, by content.

        Args:
            ids: document ids.
            texts: their texts in the same order. Contents match when they differ only in case, white space and
                Unicode compatibility forms.

        Returns:
            Shape (documents,): True where training on the document is barred.
        """
        barred = _members([_salted(one, self.salt, b"id") for one in ids], (one.ids for one in self.sealed))
        if texts is not None:
            contents = [_salted(_normalised(text), self.salt, b"content") for text in texts]
            barred |= _members(contents, (one.contents for one in self.sealed))
        return barred

    def bar_descendants(self, documents: pa.Table) -> NDArray[np.bool_]:
        """Return which documents are panel documents or were made from one, over any number of steps.

        Args:
            documents: columns ``id`` and ``parents``, and ``text`` where content is to be compared too. A chain of
                parents is followed through the rows of this table; circles do no harm.

        Returns:
            Shape (documents,): True where training on the document is barred.
        """
        ids = documents["id"].to_pylist()
        texts = documents["text"].to_pylist() if "text" in documents.schema.names else None
        barred = self.barred(ids, texts)
        # A document is barred wherever its id is: another row with the same id shares its parents' fate.
        children: defaultdict[str, list[str]] = defaultdict(list)
        for one, parents in zip(ids, documents["parents"].to_pylist(), strict=True):
            for parent in parents or []:
                children[parent].append(one)
        sources = list(children)
        waiting = [one for one, is_barred in zip(sources, self.barred(sources), strict=True) if is_barred]
        waiting += [one for one, is_barred in zip(ids, barred, strict=True) if is_barred]
        reached = set(waiting)
        while waiting:
            new = set(children.get(waiting.pop(), ())) - reached
            reached |= new
            waiting += new
        return np.fromiter((one in reached for one in ids), np.bool_, len(ids))

    def record_opening(
        self, panel: Panel, why: str, *, rotation: int | None = None, now: datetime | None = None
    ) -> None:
        """Write down that a panel's documents are looked at, before they are.

        Args:
            panel: which one.
            why: what for, such as ``"report of generation 3, run 20261122-174500-3f9a1c"``.
            rotation: of which rotation; the latest by default.
            now: the time; the clock's by default.
        """
        sealed = self.get(panel, rotation)
        entry = {"time": _stamp(now), "panel": panel, "rotation": sealed.rotation, "hash": sealed.hash, "why": why}
        with writer_lock(self.folder.parent / "locks", "panels", wait_seconds=10):
            append_line(self.folder / "opened.jsonl", entry)

    def openings(self, panel: Panel | None = None) -> list[dict[str, object]]:
        """Return the log of openings, oldest first, of one panel or all: time, panel, rotation, hash, why."""
        return [one for one in read_lines(self.folder / "opened.jsonl") if panel in (None, one.get("panel"))]


def seal(
    folder: Path,
    assignments: Mapping[Panel, pa.Table],
    *,
    salt: bytes | None = None,
    rotation: int = 0,
    now: datetime | None = None,
) -> Panels:
    """Seal human documents into panels and return all panels of the folder.

    Sealing the same documents again changes nothing. A new rotation needs certification documents that were in no
    panel before: reusing seen ones would restart the count of decisions on the same evidence (the guarantee of the
    gate is per panel, over all decisions ever made on it).

    Args:
        folder: ``.headwater/panels`` of the project.
        assignments: the documents of each panel. A null group means that the document stands alone.
        salt: 16 to 64 bytes that key the hashes; by default the folder's own, drawn at random at the first sealing.
            Give one to reproduce hashes elsewhere.
        rotation: running number of this set of panels.
        now: the time of sealing; the clock's by default.

    Raises:
        StoreError: panels share a group or a document, the rotation was sealed with other documents, or certification
            documents were used before.
    """
    with writer_lock(folder.parent / "locks", "panels", wait_seconds=10):
        key = _folder_salt(folder, salt)
        new = [
            _sealed(panel, documents, key, rotation, _stamp(now)) for panel, documents in sorted(assignments.items())
        ]
        earlier = open_panels(folder).sealed
        same_rotation = {one.panel: one.hash for one in earlier if one.rotation == rotation}
        if same_rotation:
            if same_rotation != {one.panel: one.hash for one in new}:
                raise StoreError(
                    f"Rotation {rotation} in {folder} is sealed with other documents. A sealed panel never changes: "
                    f"go on with the documents it was sealed with, or seal these as rotation "
                    f"{earlier[-1].rotation + 1}."
                )
            return open_panels(folder)
        for one, other in combinations(new, 2):
            _refuse_shared(one, other, "Split by group, after removing exact duplicates.")
        for one in new:
            for other in earlier if one.panel == Panel.CERTIFICATION else ():
                _refuse_shared(one, other, "A new rotation certifies on documents that were in no panel before.")
        # One file for all panels of a rotation: it is sealed whole or not at all, and none can go missing alone.
        panels = [asdict(one) for one in new]
        write_json(folder / f"rotation-{rotation}.json", {"schema": SCHEMA_VERSION, "panels": panels})
        return open_panels(folder)


def open_panels(folder: Path) -> Panels:
    """Return the sealed panels of a folder.

    Raises:
        StoreError: there are none, or they are not as they were sealed.
    """
    path = folder / "salt"
    if not path.exists():
        raise StoreError(f"No panels are sealed in {folder}. Split and seal the human documents first.")
    salt = _read_salt(path)
    rotations = sorted(folder.glob("rotation-*.json"), key=_number)
    return Panels(folder, salt, tuple(panel for rotation in rotations for panel in _read(rotation)))


def _number(path: Path) -> int:
    number = path.stem.removeprefix("rotation-")
    if not (number.isascii() and number.isdigit()):
        raise StoreError(f"{path} is no rotation of panels: its name should end in a number. Move it elsewhere.")
    return int(number)


def _read_salt(path: Path) -> bytes:
    try:
        salt = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. {_WITHOUT_SALT}") from error
    if not 16 <= len(salt) <= 64:
        raise StoreError(f"{path} is damaged: it holds {len(salt)} bytes, and a salt has 16 to 64. {_WITHOUT_SALT}")
    return salt


_WITHOUT_SALT = "Without it no document is recognised as sealed; restore the file from a copy."


def _sealed(panel: Panel, documents: pa.Table, salt: bytes, rotation: int, created: str) -> SealedPanel:
    ids, texts = documents["id"].to_pylist(), documents["text"].to_pylist()
    hashes = [_salted(one, salt, b"id") for one in ids]
    groups = [group or f"document:{own}" for group, own in zip(documents["group"].to_pylist(), hashes, strict=True)]
    words = pc.sum(pc.count_substring_regex(documents["text"], r"\S+")).as_py() or 0
    contents = [_salted(_normalised(text), salt, b"content") for text in texts]
    groups, hashes, contents = (sorted(set(names)) for names in (groups, hashes, contents))
    one = SealedPanel(panel, rotation, len(ids), words, tuple(groups), tuple(hashes), tuple(contents), "", created)
    return replace(one, hash=_panel_hash(one))


def _panel_hash(one: SealedPanel) -> str:
    parts = [one.panel, one.rotation, one.documents, one.tokens, one.groups, one.ids, one.contents]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _refuse_shared(one: SealedPanel, other: SealedPanel, advice: str) -> None:
    for what, mine, theirs in (
        ("groups", one.groups, other.groups),
        ("ids", one.ids, other.ids),
        ("texts", one.contents, other.contents),
    ):
        shared = sorted(set(mine) & set(theirs))
        if shared:
            raise StoreError(
                f"The {one.panel} panel of rotation {one.rotation} and the {other.panel} panel of rotation "
                f"{other.rotation} share {len(shared)} {what} (first: {shared[0]}). {advice}"
            )


def _read(path: Path) -> list[SealedPanel]:
    try:
        stored = json.loads(path.read_bytes())
        newer = stored["schema"] > SCHEMA_VERSION
        panels = [] if newer else [_panel_of(entry) for entry in stored["panels"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreError(
            f"{path} is damaged: {why}. What was decided on its panels cannot be relied on, and nothing can be trained "
            "on while it is not known what is sealed; restore the file from a copy."
        ) from error
    if newer:
        raise StoreError(
            f"{path} was written by a newer Headwater (schema {stored['schema']}; this one knows up to "
            f"{SCHEMA_VERSION}). Update it: pip install --upgrade headwater"
        )
    for one in panels:
        if _panel_hash(one) != one.hash:
            raise StoreError(
                f"The {one.panel} panel in {path} is not as it was sealed: its hash is no longer {one.hash}. What was "
                "decided on it cannot be relied on; restore the file from a copy."
            )
    return panels


def _panel_of(entry: dict[str, Any]) -> SealedPanel:
    lists = {name: tuple(entry[name]) for name in ("groups", "ids", "contents")}
    return SealedPanel(**entry | lists | {"panel": Panel(entry["panel"])})


def _folder_salt(folder: Path, given: bytes | None) -> bytes:
    path = folder / "salt"
    stored = _read_salt(path) if path.exists() else None
    if given is not None and not 16 <= len(given) <= 64:
        raise StoreError(f"The salt has {len(given)} bytes. It needs 16 to 64.")
    if stored is not None and given not in (None, stored):
        raise StoreError(f"{path} holds another salt. Panels of one folder share one; leave the salt out.")
    salt = stored or given or secrets.token_bytes(32)
    if stored is None:
        write_bytes(path, salt.hex().encode() + b"\n", mode=0o600)
    return salt


def _salted(text: str, salt: bytes, kind: bytes) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16, key=salt, person=kind).hexdigest()


def _normalised(text: str | None) -> str:
    text = text or ""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return " ".join(folded.casefold().split())


def _members(hashes: Sequence[str], sealed: Iterable[Sequence[str]]) -> NDArray[np.bool_]:
    known: set[str] = set().union(*sealed)
    return np.fromiter((one in known for one in hashes), np.bool_, len(hashes))


def _stamp(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
