"""Plain text and Markdown: one document per file, or one per paragraph."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from headwater.sources.rejects import Reject, RejectKind
from headwater.sources.rows import Row, damage, sample_of
from headwater.sources.stream import DamagedFileError, Line, lines_of, pieces


def read_plain(
    path: Path, max_bytes: int, *, paragraphs: bool, source: Iterable[bytes] | None = None
) -> Iterator[Row | Reject | None]:
    """Yield the file as one row, or with ``paragraphs`` one row per run of lines between empty lines.

    Rows have the columns ``text`` and ``group``, the file. Line ends are kept as they are within a document, but for a
    0x0D before each and the empty lines around it. The bytes come from ``source`` where it is given, else from the
    file.
    """
    file = str(path)
    held: list[Line] = []
    size = 0
    try:
        for line in lines_of(pieces(path) if source is None else source, max_bytes):
            if line.data.strip():
                size += len(line.data) + 1
            elif paragraphs:
                if held:
                    yield _row(file, held, size, max_bytes)
                yield None
                held, size = [], 0
                continue
            else:
                size += 1
            if size <= max_bytes + 1 or not held:
                held.append(line)
        if held:
            yield _row(file, held, size, max_bytes)
    except DamagedFileError as error:
        if held:
            yield _row(file, held, size, max_bytes)
        yield damage(path, error)


def _row(file: str, held: list[Line], size: int, max_bytes: int) -> Row | Reject:
    first = held[0]
    if size > max_bytes + 1 or any(line.too_long for line in held):
        detail = f"longer than {max_bytes:,} bytes; read it paragraph by paragraph, or raise the limit"
        return Reject(file, first.number, first.offset, RejectKind.LINE_TOO_LONG, detail, sample_of(first.data))
    try:
        text = b"\n".join(line.data.removesuffix(b"\r") for line in held).decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} of the document is not UTF-8"
        return Reject(file, first.number, first.offset, RejectKind.INVALID_UTF8, detail, sample_of(first.data))
    return Row(first.number, first.offset, {"text": text.strip("\n"), "group": file})
