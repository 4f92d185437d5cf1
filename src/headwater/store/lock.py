"""One writer per table.

The lock is the operating system's (``flock``), held on an open file: the kernel releases it when the process ends,
however it ends, so that a killed writer blocks nobody. The file itself stays and names its holder. Readers never lock.

On some network file systems such a lock does not reach other machines; let one machine write there.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from headwater.errors import LockedError
from headwater.store.atomic import storage_errors

# A look at the lock (``lock_holder``) holds it for microseconds; a writer that meets one must not give up.
_SHORTEST_WAIT_SECONDS = 0.1

if sys.platform == "win32":
    import msvcrt

    # Windows keeps other processes from reading locked bytes; one byte far behind the text leaves that readable.
    _BYTE = 1 << 30

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        # Said explicitly: closing alone would leave the lock with a forked child that still has the file open.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock."""

    run: str
    """Run id or command, as the holder gave it; may be empty."""
    host: str
    """Name of the machine."""
    process: int
    """Process number on that machine."""
    since: str
    """When it was taken, ISO 8601, UTC."""

    def __str__(self) -> str:
        process = f"process {self.process} on {self.host}, since {self.since}"
        return f"run {self.run} ({process})" if self.run else process


@contextmanager
def writer_lock(
    folder: Path, name: str, *, run: str = "", wait_seconds: float = 0.0, shown: str = ""
) -> Iterator[None]:
    """Hold the lock ``name`` while the body runs.

    Args:
        folder: the folder of locks; made where it is missing.
        name: what is locked, a file name.
        run: run id or command, shown to whoever is refused.
        wait_seconds: how long to wait for another holder; 0 refuses at once (after a tenth of a second).
        shown: what is locked, in the user's words, for the message; default: the name.

    Raises:
        LockedError: another process, or another thread of this one, holds it. The message names the holder.
        StoreError: the folder cannot be written.
    """
    path = folder / f"{name}.lock"
    with storage_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        # Python opens files non-inheritable (O_CLOEXEC): a started program never keeps the lock.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(descriptor, shown or name, wait_seconds)
        try:
            with storage_errors(path):
                _write_holder(descriptor, Holder(run, socket.gethostname(), os.getpid(), _now()))
            yield
        finally:
            _write_holder(descriptor, None)
            _unlock(descriptor)
    finally:
        os.close(descriptor)


def lock_holder(folder: Path, name: str) -> Holder | None:
    """Return who holds the lock ``name`` at this moment, or None when nobody does."""
    path = folder / f"{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:  # never locked, or a store that nobody here can write to
        return None
    try:
        if _try_lock(descriptor):
            _unlock(descriptor)
            return None
        return _read_holder(descriptor) or Holder("", "unknown", 0, "unknown")
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, name: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + max(wait_seconds, _SHORTEST_WAIT_SECONDS)
    pause = 0.01
    while not _try_lock(descriptor):
        if time.monotonic() + pause > deadline:
            holder = _read_holder(descriptor)
            raise LockedError(
                f"Cannot write to {name}: {holder or 'another process'} is writing to it. One process writes at a "
                "time. Wait until it has finished, or end it: the lock of an ended process is free at once."
            )
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def _write_holder(descriptor: int, holder: Holder | None) -> None:
    os.ftruncate(descriptor, 0)
    if holder is not None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(asdict(holder)).encode())


def _read_holder(descriptor: int) -> Holder | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        return Holder(**json.loads(os.read(descriptor, 4096)))
    except (ValueError, TypeError):  # the holder has the lock and has not yet written its name
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
