"""The records of a WARC file (ISO 28500), found again behind whatever is damaged.

Libraries stop at the first record that is not in its place, and take a file that breaks off for one that ends. Here a
record is only believed when it ends where it says and no other one begins within it; otherwise it is one bad record
and the next is looked for from its beginning on. What is inside a record is read with FastWARC.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from headwater.sources.stream import DamagedFileError

_START = re.compile(rb"WARC/[01]\.\d+[ \t]*\r?\n")
_WITHIN = re.compile(rb"\r\n\r\n" + _START.pattern + rb"WARC-")
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^warc-type[ \t]*:[ \t]*([a-z-]{1,40})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_MOST_HEADER_BYTES = 1 << 18
_START_BYTES = 16  # the longest beginning that has to be seen to know it is one


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record as it stands in the file."""

    number: int
    """Counts the records of a file from 1, bad ones too."""
    offset: int
    """Byte at which it starts in the decompressed file."""
    kind: str
    """Its WARC-Type in lower case."""
    data: bytes
    """Header and content; empty where the record is not wanted or too long."""
    problem: str | None = None
    """What is wrong with it."""
    too_long: bool = False
    """Its content is longer than the limit and was passed over."""
    cut_off: bool = False
    """The file ends within it."""


class _Window:
    """A stream of bytes of which some are held."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.held = b""
        self.offset = 0  # of the first byte held
        self.damage: DamagedFileError | None = None
        self._done = False

    def fill(self, size: int) -> bool:
        """Hold at least as many bytes, if there are as many."""
        if len(self.held) >= size:
            return True
        parts = [self.held]
        have = len(self.held)
        while have < size and not self._done:
            try:
                piece = next(self._pieces)
            except StopIteration:
                self._done = True
            except DamagedFileError as error:
                self._done, self.damage = True, error
            else:
                parts.append(piece)
                have += len(piece)
        self.held = b"".join(parts)
        return have >= size

    def drop(self, size: int) -> int:
        """Let go of the next bytes without ever holding them; return how many there were."""
        left = size
        while left > 0 and (self.held or self.fill(1)):
            gone = min(left, len(self.held))
            self.held = self.held[gone:]
            left -= gone
        self.offset += size - left
        return size - left


def warc_records(
    pieces: Iterable[bytes], *, wanted: Callable[[str], bool], max_content_bytes: int
) -> Iterator[WarcRecord]:
    """Yield the records of a file, each held whole, those that are not wanted or too long without their content.

    Args:
        pieces: the decompressed bytes.
        wanted: says by a record's type (``response``, ``conversion``, ...) whether it is wanted.
        max_content_bytes: longest content.

    Raises:
        DamagedFileError: as the pieces raise it, with the number and place of the record it cuts off, after all whole
            records before it.
    """
    window = _Window(pieces)
    number = 1
    while True:
        record = _next(window, number, wanted, max_content_bytes)
        if record is None or (record.cut_off and window.damage is not None):
            break
        yield record
        number += 1
    if window.damage is not None:
        window.damage.line, window.damage.offset = number, window.offset if record is None else record.offset
        raise window.damage


def _next(window: _Window, number: int, wanted: Callable[[str], bool], limit: int) -> WarcRecord | None:
    while window.fill(1) and window.held[:1] in b"\r\n":  # two line ends stand between records
        window.drop(len(window.held) - len(window.held.lstrip(b"\r\n")))
    if not window.fill(1):
        return None
    offset = window.offset
    window.fill(_START_BYTES)
    if not _START.match(window.held):
        return _resumed(window, number, offset, "no record begins here")
    size = _header_end(window)
    if size < 0:
        cut_off = not window.fill(_MOST_HEADER_BYTES)
        return _resumed(window, number, offset, "its header does not end", cut_off=cut_off)
    header = window.held[:size]
    length, kind = _LENGTH.search(header), _TYPE.search(header)
    if length is None or kind is None:
        return _resumed(window, number, offset, "its header names no length or type")
    content, name = int(length.group(1)), kind.group(1).decode().lower()
    if not wanted(name) or content > limit:
        too_long = wanted(name)
        if window.drop(size + content) < size + content:
            return WarcRecord(number, offset, name, header, "the file ends within it", too_long, cut_off=True)
        return WarcRecord(number, offset, name, header if too_long else b"", too_long=too_long)
    whole = window.fill(size + content)
    if not whole or not _ends(window, size + content):
        problem = "the file ends within it" if not whole else "its length is not what it says"
        return _resumed(window, number, offset, problem, cut_off=not whole)
    data = window.held[: size + content]
    window.drop(size + content)
    return WarcRecord(number, offset, name, data)


def _header_end(window: _Window) -> int:
    """Return the size of the header that begins here, with the empty line behind it; -1 when it does not end."""
    size = 1 << 12
    while True:
        enough = window.fill(size)
        ends = [at + len(end) for end in (b"\r\n\r\n", b"\n\n") if (at := window.held.find(end, 0, size)) >= 0]
        if ends:
            return min(ends)
        if not enough or size >= _MOST_HEADER_BYTES:
            return -1
        size *= 4


def _ends(window: _Window, size: int) -> bool:
    """Say whether a record of this size ends there: at the end of the file, before another record, or at two line ends.

    The last is only believed when no other record begins within it.
    """
    more = window.fill(size + 8 + _START_BYTES)
    end = window.held[size : size + 8 + _START_BYTES]
    behind = end.lstrip(b"\r\n")
    if not behind or _START.match(behind) or (not more and behind.startswith(b"WARC/"[: len(behind)])):
        return True
    return end.startswith(b"\r\n\r\n") and _WITHIN.search(window.held, 0, size) is None


def _resumed(window: _Window, number: int, offset: int, problem: str, *, cut_off: bool = False) -> WarcRecord:
    """Go to the next line that looks like a record's first, and return what is passed over as one bad record."""
    sample = window.held[:1024]
    window.drop(1)
    while True:
        at = window.held.find(b"WARC/")
        while at >= 0:
            if at + _START_BYTES > len(window.held):
                window.fill(at + _START_BYTES)
            before = window.held[at - 1 : at] if at else b""
            if before in {b"\n", b"\r"} and _START.match(window.held, at):
                window.drop(at)
                return WarcRecord(number, offset, "", sample, problem)
            at = window.held.find(b"WARC/", at + 1)
        window.drop(max(len(window.held) - _START_BYTES, 0))
        if not window.fill(_START_BYTES + 1):
            window.drop(len(window.held))
            return WarcRecord(number, offset, "", sample, problem, cut_off=cut_off)
