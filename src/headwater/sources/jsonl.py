"""JSON lines: one object per line, whatever else the file holds."""

import json
from collections.abc import Iterator
from pathlib import Path

from headwater.sources.rejects import Reject, RejectKind
from headwater.sources.rows import Row, damage, sample_of
from headwater.sources.stream import DamagedFileError, Line, lines


def read_jsonl(path: Path, max_line_bytes: int) -> Iterator[Row | Reject | None]:
    """Yield a row per good line, a reject per bad one and ``None`` per empty one.

    One trailing 0x0D is stripped. ``NaN`` and ``Infinity``, which Python writes and JSON does not know, are read as
    null.
    """
    try:
        for line in lines(path, max_line_bytes):
            yield json_row(str(path), line, max_line_bytes)
    except DamagedFileError as error:
        yield damage(path, error)


def json_row(file: str, line: Line, max_line_bytes: int) -> Row | Reject | None:
    """Return the row of one line, the reject it is, or ``None`` for white space."""

    def reject(kind: RejectKind, detail: str) -> Reject:
        return Reject(file, line.number, line.offset, kind, detail, sample_of(line.data))

    if line.too_long:
        return reject(RejectKind.LINE_TOO_LONG, f"longer than {max_line_bytes:,} bytes")
    data = line.data.removesuffix(b"\r")
    if not data.strip():
        return None
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        encoding = "; it looks like UTF-16, convert it with iconv" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        return reject(RejectKind.INVALID_UTF8, f"byte {error.start} of the line is not UTF-8{encoding}")
    except ValueError as error:
        return reject(RejectKind.INVALID_JSON, str(error))
    except RecursionError:
        return reject(RejectKind.INVALID_JSON, "nested too deeply")
    if not isinstance(value, dict):
        hint = "; write one object per line, as with: jq -c '.[]'" if isinstance(value, list) else ""
        return reject(RejectKind.NOT_AN_OBJECT, f"a {type(value).__name__}, not an object{hint}")
    return Row(line.number, line.offset, value)


def _no_number(_: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_constant=_no_number)
