"""Blocks of whole lines out of a stream of bytes, cut at byte 0x0A only, in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headwater.sources.stream import BOM, HEAD_BYTES, DamagedFileError, Line


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines, one after the other."""

    data: bytes
    """The lines with their 0x0A; the last line of a file may lack it."""
    line: int
    """Number of the first line, from 1."""
    offset: int
    """Byte at which the first line starts in the decompressed file."""


def line_blocks(
    pieces: Iterable[bytes], *, block_bytes: int, max_line_bytes: int, line: int = 1, offset: int = 0
) -> Iterator[Block | Line]:
    """Yield the lines of a stream in blocks of about ``block_bytes``.

    A block may hold lines longer than ``max_line_bytes`` when blocks are larger than that. A line that is longer than
    both is never held: it comes by itself, as its beginning, with ``too_long`` set. A UTF-8 byte order mark before the
    first line of a file is dropped.

    Args:
        pieces: the bytes.
        block_bytes: a block ends with the first line end behind this size.
        max_line_bytes: longest line.
        line: number of the first line.
        offset: where it starts in the decompressed file.

    Raises:
        DamagedFileError: as the pieces raise it, with its place, after the whole lines before it were yielded.
    """
    held: list[bytes] = []
    size = 0  # of what is held, or of the long line that is passed over
    whole = False  # something held ends a line
    head = b""  # the beginning of a long line
    try:
        for piece in pieces:
            rest = piece
            if head:
                end = piece.find(b"\n")
                size += len(piece) if end < 0 else end
                if end < 0:
                    continue
                yield Line(line, offset, head, too_long=True)
                line, offset, head, size = line + 1, offset + size + 1, b"", 0
                rest = piece[end + 1 :]
            if not rest:
                continue
            held.append(rest)
            size += len(rest)
            whole = whole or b"\n" in rest
            if whole and size >= block_bytes:
                data = b"".join(held)
                cut = data.rfind(b"\n") + 1
                yield _block(data[:cut], line, offset)
                line, offset = line + data.count(b"\n", 0, cut), offset + cut
                held, size, whole = [data[cut:]], len(data) - cut, False
            if not whole and size > max(max_line_bytes, block_bytes):
                head = b"".join(held)[:HEAD_BYTES]
                head = head.removeprefix(BOM) if offset == 0 else head
                held.clear()
    except DamagedFileError as error:
        data = b"".join(held)
        cut = data.rfind(b"\n") + 1
        if cut:
            yield _block(data[:cut], line, offset)
        error.line, error.offset = line + data.count(b"\n", 0, cut), offset + cut
        raise
    if head:
        yield Line(line, offset, head, too_long=True)
    elif size:
        yield _block(b"".join(held), line, offset)


def _block(data: bytes, line: int, offset: int) -> Block:
    return Block(data.removeprefix(BOM) if offset == 0 else data, line, offset)
