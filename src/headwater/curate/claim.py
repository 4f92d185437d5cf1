"""Taking a folder for a curation: one process at a time, never over somebody else's files, nothing half written left.

What a killed process leaves is either complete or has a hidden name that ends in ``.tmp``; the latter is removed when
the folder is taken the next time, and before a curation is called finished.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from headwater.curate.outputs import DOCUMENTS, Folder
from headwater.errors import StoreError
from headwater.schema import SCHEMA_VERSION
from headwater.store import storage_errors, write_json, writer_lock

Kind = Literal["curation", "rethreshold"]

_LOCKS = "locks"


@contextmanager
def claimed(folder: Folder, kind: Kind, *, restart: bool = False) -> Iterator[None]:
    """Hold a folder that is new, empty, or has an unfinished piece of work; :func:`check_same` says whether it is ours.

    Args:
        folder: the folder; made where it is missing.
        kind: what it is wanted for.
        restart: what is there is to be replaced, finished or not. Only working files are removed yet.

    Raises:
        LockedError: another process writes to it.
        StoreError: it holds something else, or cannot be written.
    """
    _check_ours(folder)  # before the lock, which would leave its trace in somebody else's folder
    who = "headwater curate" if kind == "curation" else "headwater rethreshold"
    with writer_lock(folder.work / _LOCKS, "curation", run=who, shown=str(folder.path)):
        _check_ours(folder)
        sweep(folder)
        if folder.manifest.exists() and not restart:
            clear_work(folder)
            instead = ", or replace it with --restart" if kind == "curation" else ""
            raise StoreError(f"{folder.path} holds a finished curation. Choose another folder with --out{instead}.")
        if restart:
            clear_work(folder, state=False)
        yield


def check_same(folder: Folder, kind: Kind, key: str, *, restart: bool = False) -> None:
    """Make sure that what an earlier run left in a folder is of the same work, and note for later ones what it is.

    Args:
        folder: the folder, which is held.
        kind: what is done there.
        key: names everything the outcome depends on.
        restart: remove what an earlier curation wrote, whatever it was. Until here a fault costs nothing of it.

    Raises:
        StoreError: it is of another.
    """
    if restart:
        _remove(folder)
    if not folder.state.exists():
        write_json(folder.state, {"schema": SCHEMA_VERSION, "kind": kind, "key": key})
        return
    found = json.loads(folder.state.read_bytes())
    if (found["kind"], found["key"]) != (kind, key):
        what = "curation of other files or with other settings" if found["kind"] == "curation" else "rethresholding"
        raise StoreError(
            f"{folder.path} holds an unfinished {what}. Go on with that one by giving its command again, choose "
            "another folder with --out, or start anew with --restart."
        )


def begin_anew(folder: Folder) -> None:
    """Note that a folder, which is held, is rethresholded; what a stopped one left there is removed, it is soon made.

    Raises:
        StoreError: what is there is a curation.
    """
    ours = folder.state.exists() and json.loads(folder.state.read_bytes())["kind"] == "rethreshold"
    if ours:
        clear_work(folder, state=False)
    check_same(folder, "rethreshold", "", restart=ours)


def _remove(folder: Folder) -> None:
    """Remove what a curation wrote besides working files; stopped in the middle, the rest is known for what it is."""
    if not (folder.manifest.exists() or folder.state.exists()):
        return
    with storage_errors(folder.path):
        write_json(folder.state, {"schema": SCHEMA_VERSION, "kind": "curation", "key": "removed"})
        folder.manifest.unlink(missing_ok=True)
        for part in DOCUMENTS:
            if (folder.path / part).exists():
                shutil.rmtree(folder.path / part)
        for file in (folder.pairs, folder.copied, folder.rejects, folder.report, *folder.records):
            file.unlink(missing_ok=True)
        folder.state.unlink()


def clear_work(folder: Folder, *, state: bool = True) -> None:
    """Remove what a stopped run would go on from; with ``state`` also the note of what it was, last of all."""
    with storage_errors(folder.work):
        for entry in folder.work.iterdir() if folder.work.exists() else ():
            if entry.name != _LOCKS and entry != folder.state:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)
        if state:
            folder.state.unlink(missing_ok=True)


def sweep(folder: Folder) -> None:
    """Remove what killed processes left half written. Nobody may be writing there."""
    places = [folder.path, *(folder.path / part for part in DOCUMENTS), folder.work]
    with storage_errors(folder.path):
        for place in places:
            found = place.rglob if place == folder.work else place.glob
            for file in found(".*.tmp") if place.is_dir() else ():
                file.unlink(missing_ok=True)


def _check_ours(folder: Folder) -> None:
    """Make sure that a folder is missing, empty, or a curation.

    Raises:
        StoreError: it holds something else.
    """
    path = folder.path
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file; a folder is needed. Choose another folder with --out.")
    ours = folder.manifest.exists() or folder.state.exists()
    if not ours and path.exists() and any(entry.name != folder.work.name for entry in path.iterdir()):
        raise StoreError(f"{path} is not empty and no curation. Choose an empty or a new folder with --out.")
