"""Pages from the web: WARC files as crawlers write them, and single files of HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from headwater.sources.columnar import Reading
from headwater.sources.html import PageError, decoded, page_text
from headwater.sources.inputs import InputFile, input_pieces
from headwater.sources.layout import Found, Part, ReadSettings
from headwater.sources.rejects import RejectKind
from headwater.sources.rows import sample_of
from headwater.sources.stream import DamagedFileError
from headwater.sources.warc_records import WarcRecord, warc_records

# What a WARC file says of a page besides its text.
_PAGE = pa.schema(
    [
        pa.field("url", pa.string()),
        pa.field("date", pa.string()),
        pa.field("status", pa.int64()),
        pa.field("mime", pa.string()),
        pa.field("record_id", pa.string()),
    ]
)
_WANTED = frozenset({"response", "resource", "conversion"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PAGES = _HTML | {"text/plain", "text/markdown"}
_DECODE: tuple[Literal["all", "transfer", "none"], ...] = ("all", "transfer", "none")


def look_at_warc(file: InputFile, number: int, settings: ReadSettings) -> Found:
    """Return the columns of a page; a file is read in one go."""
    schema = pa.schema([*([] if settings.text in _PAGE.names else [pa.field(settings.text, pa.string())]), *_PAGE])
    if settings.id is not None and settings.id not in schema.names:
        schema = schema.append(pa.field(settings.id, pa.string()))
    return Found(schema, (Part(file, number, 0, file.size_bytes, 1, file.size_bytes),))


def look_at_html(file: InputFile, number: int, settings: ReadSettings) -> Found:
    """Return the only column of a page in a file."""
    names = [settings.text] if settings.id is None else [settings.text, settings.id]
    parts = (Part(file, number, 0, file.size_bytes, 1, file.size_bytes),)
    return Found(pa.schema([pa.field(name, pa.string()) for name in names]), parts)


def read_html_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the text of a page in a file as one document; its id is the file's path."""
    file, settings = reading.file, reading.layout.settings
    data = b""
    for piece in reading.expanding(input_pieces(file)):
        data += piece
        if len(data) > settings.max_document_bytes:
            detail = f"longer than {settings.max_document_bytes:,} bytes"
            reading.reject(1, RejectKind.LINE_TOO_LONG, detail, sample_of(data[:1024]), 0)
            return
    if not data.strip():
        return
    try:
        values = {settings.text: page_text(decoded(data))}
    except PageError as error:
        reading.reject(1, RejectKind.UNREASONABLE_HTML, str(error), sample_of(data[:1024]), 0)
        return
    if settings.id is not None:
        values[settings.id] = file.path
    batch = pa.RecordBatch.from_pylist([values], pa.schema([pa.field(name, pa.string()) for name in values]))
    yield from reading.conform(batch, np.ones(1, dtype=np.int64))


def read_warc_columns(reading: Reading) -> Iterator[pa.RecordBatch]:
    """Yield the pages of a WARC file: answers with HTML or plain text, and texts that were extracted before (WET).

    What is no page (requests, images, answers other than success) is counted as passed over. The row number counts
    records.
    """
    limit = reading.layout.settings.max_document_bytes
    pieces = reading.expanding(input_pieces(reading.file))
    held = _Pages(reading)
    damage: DamagedFileError | None = None
    records = warc_records(pieces, wanted=_WANTED.__contains__, max_content_bytes=limit)
    while True:
        try:
            record = next(records, None)
        except DamagedFileError as error:
            damage = error
            break
        if record is None:
            break
        yield from held.add(record)
    yield from held.rest()
    if damage is not None:
        raise damage


@dataclass(frozen=True, slots=True)
class _Page:
    mime: str
    status: int | None
    charset: str | None
    body: bytes
    headers: Any


class _RecordError(Exception):
    """A record is no page although it should be one."""

    def __init__(self, kind: RejectKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class _Pages:
    """Collects pages into batches."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.settings = reading.layout.settings
        self.rows: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.size = 0
        self.schema = look_at_warc(reading.file, 0, self.settings).schema

    def add(self, record: WarcRecord) -> Iterator[pa.RecordBatch]:
        """Read a record; yield a batch when enough are there."""
        row = self._row(record)
        if row is None:
            return
        self.rows.append(row)
        self.numbers.append(record.number)
        self.size += len(row[self.settings.text])
        if len(self.rows) >= self.reading.batch_rows or self.size >= self.reading.batch_bytes:
            yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Yield what has been collected."""
        if self.rows:
            batch = pa.RecordBatch.from_pylist(self.rows, self.schema)
            numbers = np.array(self.numbers, dtype=np.int64)
            self.rows, self.numbers, self.size = [], [], 0
            yield from self.reading.conform(batch, numbers)

    def _row(self, record: WarcRecord) -> dict[str, Any] | None:
        """Return a page's columns; what is no page is counted, what is bad set aside."""
        try:
            page = _page(record, self.settings.max_document_bytes)
            if page is None:
                self.reading.counts.passed_over += 1
                return None
            text = decoded(page.body, page.charset)
            text = page_text(text) if page.mime in _HTML else text
        except _RecordError as error:
            self._bad(record, error.kind, str(error))
            return None
        except PageError as error:
            self._bad(record, RejectKind.UNREASONABLE_HTML, str(error))
            return None
        known = {
            "url": page.headers.get("WARC-Target-URI"),
            "date": page.headers.get("WARC-Date"),
            "status": page.status,
            "mime": page.mime,
            "record_id": (page.headers.get("WARC-Record-ID") or "").strip("<>") or None,
        }
        if self.settings.id is not None:
            known.setdefault(self.settings.id, known["record_id"])
        return known | {self.settings.text: text}

    def _bad(self, record: WarcRecord, kind: RejectKind, detail: str) -> None:
        self.reading.reject(record.number, kind, detail, sample_of(record.data[:1024]), record.offset)


def _page(record: WarcRecord, limit: int) -> _Page | None:
    """Return the page in a record, or None where it is none.

    Raises:
        _RecordError: the record is bad.
    """
    if record.problem is not None:
        kind = RejectKind.TRUNCATED_FILE if record.cut_off else RejectKind.UNREADABLE_ROW
        raise _RecordError(kind, f"no valid record: {record.problem}")
    if record.too_long:
        raise _RecordError(RejectKind.LINE_TOO_LONG, f"longer than {limit:,} bytes")
    if not record.data:
        return None
    problem = ""
    # Some crawlers unpack an answer and leave the header that says it is packed: then it is taken as it is.
    for decode in _DECODE:
        try:
            page = _opened(record, limit, decode)
        except (OSError, ValueError) as error:
            problem = problem or str(error)
            continue
        if page is not None and len(page.body) > limit:
            raise _RecordError(RejectKind.LINE_TOO_LONG, f"longer than {limit:,} bytes once it is unpacked")
        return page
    raise _RecordError(RejectKind.UNREADABLE_ROW, f"no valid answer of a server: {problem}")


def _opened(record: WarcRecord, limit: int, decode: Literal["all", "transfer", "none"]) -> _Page | None:
    from fastwarc.warc import ArchiveIterator

    found = next(ArchiveIterator(BytesIO(record.data), parse_http=False, stream_detect=False, quirks_mode=True), None)
    if found is None:
        raise ValueError("the record is not understood")
    content = found.headers.get("Content-Type") or ""
    if record.kind != "response":
        mime = content.partition(";")[0].strip().lower()
        return _Page(mime, None, None, found.reader.read(limit + 1), found.headers) if mime in _PAGES else None
    if content and not content.lower().startswith("application/http"):
        return None  # an answer by another protocol: a name service, a file transfer
    found.parse_http(auto_decode=decode, quirks_mode=True)
    status = found.http_headers.status_code if found.http_headers is not None else None
    if status is None:
        raise ValueError("its first line is no status")
    mime = (found.http_content_type or found.headers.get("WARC-Identified-Payload-Type") or "").lower()
    if not 200 <= status < 300 or (mime and mime not in _PAGES):
        return None
    body = found.reader.read(limit + 1)
    if not mime and body[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        mime = "text/html"
    return _Page(mime, status, found.http_charset, body, found.headers) if mime else None
