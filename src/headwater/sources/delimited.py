"""Comma- and tab-separated values with a header line; fields may hold quoted line ends."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from headwater.errors import InputError
from headwater.sources.rejects import Reject, RejectKind
from headwater.sources.rows import Row, damage, sample_of
from headwater.sources.stream import DamagedFileError, Line, lines_of, pieces

_BETWEEN_QUOTES = {delimiter: re.compile(f'[^"{delimiter}]+') for delimiter in ",\t"}


class _TooLongError(Exception):
    """A line is too long to be parsed at all."""


class _Feed:
    """Text lines for the CSV parser; remembers the lines of the record that is being parsed."""

    def __init__(
        self, source: Iterable[bytes], delimiter: str, max_record_bytes: int, line: int = 1, offset: int = 0
    ) -> None:
        self.record: list[Line] = []
        self.utf8 = True
        self.too_long = False
        self._between_quotes = _BETWEEN_QUOTES[delimiter]
        self._size = 0
        self._limit = max_record_bytes
        self._lines = lines_of(source, max_record_bytes, line, offset)
        self._again: deque[Line] = deque()

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.record.append(line)
        self._size += len(line.data)
        if line.too_long:
            self.too_long = True
            raise _TooLongError
        try:
            text = line.data.decode("utf-8") + "\n"
        except UnicodeDecodeError:
            self.utf8 = False
            text = line.data.decode("utf-8", "backslashreplace") + "\n"
        if self._size > self._limit:
            # From here on only the quotation marks matter: they tell the parser where the record ends.
            self.too_long = True
            del self.record[1:]
            text = self._between_quotes.sub("x", text)
        return text

    def start_record(self) -> None:
        self.record, self._size, self.utf8, self.too_long = [], 0, True, False

    def retry_from_second_line(self) -> None:
        """Hand out the record's lines again except the first: a quotation mark in it may have swallowed good rows."""
        self._again.extendleft(reversed(self.record[1:]))


def read_delimited(
    path: Path,
    delimiter: str,
    max_record_bytes: int,
    source: Iterable[bytes] | None = None,
    *,
    header: list[str] | None = None,
    line: int = 1,
    offset: int = 0,
) -> Iterator[Row | Reject | None]:
    """Yield a row per good record, a reject per bad one and ``None`` per empty line. All values are strings.

    A record whose quotation mark is closed wrongly or never costs that one line: reading resumes on the next. One that
    grows beyond the limit on the way is skipped as a whole. The bytes come from ``source`` where it is given, else from
    the file. A source may begin in the middle of a file, at a line and offset, when the header is known.

    Raises:
        InputError: the header cannot be read.
    """
    file = str(path)
    feed = _Feed(pieces(path) if source is None else source, delimiter, max_record_bytes, line, offset)
    parser = _parser(feed, delimiter)
    while True:
        feed.start_record()
        kind, detail = RejectKind.UNREADABLE_ROW, ""
        cells: list[str] = []
        # The module's limit is one for the whole process and smaller than a long document; it is lifted for this call.
        limit = csv.field_size_limit(max_record_bytes)
        try:
            cells = next(parser)
        except StopIteration:
            return
        except DamagedFileError as error:
            yield damage(path, error)
            return
        except _TooLongError:
            parser = _parser(feed, delimiter)
        except csv.Error as error:
            detail = f"no valid record: {error}"
            feed.retry_from_second_line()
            parser = _parser(feed, delimiter)
        finally:
            csv.field_size_limit(limit)
        first = feed.record[0]
        if feed.too_long:
            kind = RejectKind.LINE_TOO_LONG
            detail = f"longer than {max_record_bytes:,} bytes, or a quotation mark in it is not closed"
        elif detail:
            pass
        elif not cells:
            yield None
            continue
        elif header is None:
            header = cells
            continue
        elif not feed.utf8:
            kind, detail = RejectKind.INVALID_UTF8, "the record holds bytes that are not UTF-8"
        elif len(cells) != len(header):
            detail = f"{len(cells)} fields where the header has {len(header)}"
        if header is None:
            raise InputError(f"the header of {file} cannot be read: {detail}. The first line must name the columns.")
        if detail:
            yield Reject(file, first.number, first.offset, kind, detail, sample_of(first.data))
        else:
            yield Row(first.number, first.offset, dict(zip(header, cells, strict=True)))


def _parser(feed: _Feed, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(feed, delimiter=delimiter, strict=True)
