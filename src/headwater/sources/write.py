"""Write documents to JSON lines or Parquet: atomically, and the same bytes for the same documents."""

import errno
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from headwater.errors import InputError, StoreError
from headwater.files import replaced
from headwater.schema import DOCUMENT
from headwater.sources.json_text import json_text

WRITABLE = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_ROWS_AT_ONCE = 4096
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "no permission; choose another folder or change its permissions",
    errno.EPERM: "no permission; choose another folder or change its permissions",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "the folder is a file; choose another folder",
    errno.EISDIR: "it is a folder; name a file",
}
# json leaves these three line separators as they are, and naive readers split lines at them.
_SEPARATORS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def write_documents(data: pa.Table | Iterable[pa.RecordBatch], path: Path | str) -> int:
    """Write documents to ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet`` and return how many there were.

    The file appears whole or not at all: it is written beside its place, synced and renamed. All columns are kept. In
    JSON nulls and empty lists are left out, and ``meta`` is the object it stands for. The same batches give the same
    bytes. :data:`headwater.sources.OWN_COLUMNS` reads it back.

    Raises:
        InputError: the suffix is none of the four.
        StoreError: the file cannot be written, with what to do about it.
    """
    target = Path(path)
    if not target.name.endswith(WRITABLE):
        raise InputError(f"unknown format of {target}. Documents are written to {', '.join(WRITABLE)}.")
    schema = data.schema if isinstance(data, pa.Table) else DOCUMENT
    batches = data.to_batches(max_chunksize=1024) if isinstance(data, pa.Table) else data
    with _replacing(target) as file:
        if target.name.endswith(".parquet"):
            return _write_parquet(batches, schema, file)
        return _write_jsonl(batches, target.suffix, file)


@contextmanager
def document_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """Yield a function that writes batches of any columns to a file, one after the other.

    The file appears whole or not at all, and the same batches give the same bytes. In JSON nulls are left out, parts of
    columns are objects and lists, and columns of JSON text become the values they stand for.

    Args:
        path: the file; its suffix says the format: ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``.
        schema: schema of the batches.

    Raises:
        StoreError: the file cannot be written, with what to do about it.
    """
    with _replacing(path) as file:
        if path.name.endswith(".parquet"):
            with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                yield writer.write_batch
        else:
            with _compressing(file, path.suffix) as out:
                yield lambda batch: _write_rows(batch, out)


def _write_rows(batch: pa.RecordBatch, out: BinaryIO) -> None:
    for begin in range(0, batch.num_rows, _ROWS_AT_ONCE):
        text = json_text(batch.slice(begin, _ROWS_AT_ONCE))
        out.write(text.data)


def _write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: BinaryIO) -> int:
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _write_jsonl(batches: Iterable[pa.RecordBatch], suffix: str, file: BinaryIO) -> int:
    count = 0
    with _compressing(file, suffix) as out:
        for batch in batches:
            rows = batch.to_pylist()
            out.write("".join(map(_line, rows)).encode())
            count += len(rows)
    return count


def _line(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if value is not None and value != []}
    meta = kept.get("meta")
    if isinstance(meta, str):
        with suppress(ValueError):  # somebody's own text under meta stays text
            kept["meta"] = json.loads(meta)
    return json.dumps(kept, ensure_ascii=False).translate(_SEPARATORS) + "\n"


@contextmanager
def _compressing(file: BinaryIO, suffix: str) -> Iterator[Any]:
    if suffix == ".gz":
        # No name and no time in the header: they would make equal contents differ.
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as out:
            yield out
    elif suffix == ".zst":
        with zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False) as out:
            yield out
    else:
        yield file


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the target's place once it is complete and on disk."""
    try:
        with replaced(target) as file:
            yield file
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise StoreError(f"cannot write {target}: {reason}") from error
