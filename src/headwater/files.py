"""Replacing a file whole: a reader, or a start after a kill, finds the old content or the new one."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside a path, which takes its place once it is complete and on the disk.

    Where the body raises nothing is left of it.

    Raises:
        OSError: the disk is full, read-only or forbidden; the caller knows what to say of it.
    """
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temp.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    if sys.platform == "win32":  # it opens no folder this way, and no file for reading only
        return
    with suppress(PermissionError):  # a folder one may write to need not be readable
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
