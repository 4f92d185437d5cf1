"""Files and folders that are either the old ones or the new ones, whatever happens in between.

A file is written under another name in the same folder, forced to the disk and then renamed; a reader never sees half
of it. Faults of the disk that a user can put right become one clear message.
"""

import errno
import io
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.errors import StoreError
from headwater.files import replaced, sync

_ADVICE = {
    errno.ENOSPC: "the disk is full. Free some space there",
    errno.EDQUOT: "your disk quota is used up. Free some space there, or ask for more",
    errno.EFBIG: "the file would exceed the largest size allowed here. Raise the limit (ulimit -f)",
    errno.EROFS: "the file system is read-only. Work on a copy, or mount it for writing",
    errno.EACCES: "you may not write there. Change the permissions, or choose another folder",
    errno.EPERM: "the system does not permit it. Change the permissions, or choose another folder",
    errno.EEXIST: "a file is where a folder is needed. Move it away, or choose another folder",
    errno.ENOTDIR: "a part of the path is a file where a folder is needed. Choose another folder",
    errno.EIO: "the disk reports a fault. Check it, and work on a copy",
}
# Lance raises OSError without errno; the number stands in its text: "LanceError(IO): ... (os error 28)".
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn faults of the disk (full, read-only, forbidden) into a ``StoreError`` that says what to do.

    Args:
        path: what is being written, for the message.

    Raises:
        StoreError: the body raised an ``OSError`` of a kind the user can put right. Others pass unchanged, and so do
            those that name a file in another place, such as an input that may not be read.
    """
    try:
        yield
    except OSError as error:
        named = _OS_ERROR.search(str(error))
        number = int(named[1]) if error.errno is None and named else error.errno
        if number not in _ADVICE or _elsewhere(error.filename, path):
            raise
        message = f"Cannot write {path}: {_ADVICE[number]}, then repeat the command."
        raise StoreError(f"{message} What was stored before is intact.") from error


def write_bytes(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file so that a reader, or a start after a kill, finds the old content or the new one.

    Args:
        path: the file; missing folders are made.
        data: its whole content.
        mode: permission bits, before the umask.

    Raises:
        StoreError: the disk is full, read-only or forbidden.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(temp, flags, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temp.replace(path)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, as ``write_bytes`` does; what is no Unicode is written as a backslash escape."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, as ``write_bytes`` does. See ``json_text`` for what is written."""
    write_text(path, json_text(value, indent=2) + "\n")


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, as ``write_bytes`` does; the same table gives the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to that takes its place when it is complete, for content too large to hold.

    Args:
        path: the file; an existing one is replaced.

    Raises:
        StoreError: the disk is full, read-only or forbidden.
    """
    with storage_errors(path), replaced(path) as file:
        yield file


@contextmanager
def parquet_file(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Yield a writer of a Parquet file, as ``replaced_file`` does.

    Args:
        path: the file; an existing one is replaced.
        schema: schema of the tables to write.
    """
    with replaced_file(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON, keys in the order given.

    NumPy values become numbers and lists, paths and other objects their text. JSON knows neither NaN nor infinity;
    both are written as null, so that every other program can read the file.
    """
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def append_line(path: Path, value: object, *, sync: bool = True) -> None:
    """Append one JSON line; a line that a kill cut short is closed first and stays apart from the new one.

    Args:
        path: the file; missing folders are made. One process writes to it at a time.
        value: what to write, see ``json_text``.
        sync: force it to the disk before returning. Without, the line outlives the process, not a loss of power.
    """
    line = (json_text(value) + "\n").encode("utf-8", "backslashreplace")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            if sync:
                os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, object]]:
    """Return the JSON objects of a file made by ``append_line``; none where there is no file.

    A line that does not parse is the trace of a writer that was killed: its call never returned, so it is left out.
    """
    entries = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def replace_folder(temp: Path, final: Path) -> None:
    """Put a finished folder in its place: all its files are forced to the disk, then it is renamed.

    ``final`` is never half there. Where it existed, it is moved aside first and then removed; a kill between the two
    renames leaves it missing, so the work is done again.

    Args:
        temp: the finished folder, on the same file system as ``final``.
        final: its name from now on.
    """
    with storage_errors(final):
        for folder, _, files in os.walk(temp):
            for name in files:
                sync(Path(folder, name))
            sync(Path(folder))
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        temp.rename(final)
        sync(final.parent)
        shutil.rmtree(old, ignore_errors=True)


def _elsewhere(filename: object, path: Path) -> bool:
    if not isinstance(filename, str):
        return False
    return not (Path(filename).is_relative_to(path.parent) or path.is_relative_to(filename))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    as_list = getattr(value, "tolist", None)  # NumPy scalars and arrays
    return _plain(as_list()) if as_list is not None else str(value)
