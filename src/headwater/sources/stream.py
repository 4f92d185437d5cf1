r"""Files as streams: bytes decompressed piece by piece, lines cut at byte 0x0A only.

Text-mode line splitting breaks documents: U+2028, U+2029 and U+0085 occur inside them. Nothing here holds more than a
few pieces and one line, whatever the size of the file and of its lines.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard

from headwater.errors import InputError

_PIECE_BYTES = 1 << 18
# A run-length block of 4 bytes of Zstandard data stands for 128 KiB, so that 4 KiB can grow to 128 MiB; text grows 3 to
# 30 times. Reading starts small and goes back to small pieces where data expand like that.
_ZSTD_PIECES_BYTES = (1 << 6, 1 << 12)
_EXPANDED_BYTES = 1 << 21
_ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # a frame to be skipped by who does not know it
_MOST_DICTIONARY_BYTES = 16 << 20
HEAD_BYTES = 1024
BOM = b"\xef\xbb\xbf"


class DamagedFileError(Exception):
    """A compressed file ends early or holds damaged data; what came before it has been handed out."""

    line = 1
    """Number of the line the damage cuts off."""
    offset = 0
    """Byte at which that line starts in the decompressed file."""


class ExpansionError(DamagedFileError):
    """A compressed file gives more than anybody would have packed."""


@dataclass(slots=True)
class Line:
    """One line of a file, without its line end."""

    number: int
    """From 1."""
    offset: int
    """Byte at which it starts in the decompressed file."""
    data: bytes
    """The line without 0x0A; only its beginning where it is too long."""
    too_long: bool = False
    """The line exceeds the limit and was skipped."""


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the decompressed bytes of a plain, ``.gz`` or ``.zst`` file, piece by piece.

    Raises:
        InputError: the file cannot be opened or read.
        DamagedFileError: a compressed file is truncated or damaged, after everything before the damage was yielded.
    """
    try:
        with path.open("rb") as file:
            yield from decompressed(file, path.suffix.lower())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def decompressed(file: BinaryIO, suffix: str) -> Iterator[bytes]:
    """Yield the bytes of an open file piece by piece: decompressed for ``.gz`` and ``.zst``, else as they are.

    Raises:
        OSError: the file cannot be read.
        DamagedFileError: as for :func:`pieces`.
    """
    match suffix:
        case ".gz":
            yield from _gzip_pieces(file)
        case ".zst":
            yield from _zstd_pieces(file)
        case _:
            while piece := file.read(_PIECE_BYTES):
                yield piece


def _gzip_pieces(packed: BinaryIO) -> Iterator[bytes]:
    with gzip.open(packed, "rb") as file:
        try:
            # read1 asks the decompressor once: read would lose what it had collected when the data end early.
            while piece := file.read1(_PIECE_BYTES):
                yield piece
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedFileError(str(error)) from error


def _zstd_pieces(file: BinaryIO) -> Iterator[bytes]:
    # The library's stream reader ends a truncated file without a word; its decompression object knows the frame's end.
    smallest, largest = _ZSTD_PIECES_BYTES
    size = smallest
    data = file.read(size)
    shared = None
    if data[:4] == _ZSTD_DICTIONARY:
        shared, data = _zstd_dictionary(data, file)
        data = data or file.read(size)
    decompressor = zstandard.ZstdDecompressor(dict_data=shared, max_window_size=1 << 31)
    frame = None
    while data:
        size = min(2 * size, largest)
        while data:
            frame = frame or decompressor.decompressobj()
            try:
                piece = frame.decompress(data)
            except zstandard.ZstdError as error:
                raise DamagedFileError(str(error)) from error
            if len(piece) > _EXPANDED_BYTES:
                size = smallest
            if piece:
                yield piece
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
        data = file.read(size)
    if frame is not None:
        raise DamagedFileError("the file ends in the middle of a Zstandard frame")


def _zstd_dictionary(data: bytes, file: BinaryIO) -> tuple[zstandard.ZstdCompressionDict, bytes]:
    """Return the dictionary in front of the frames, as .warc.zst files may have one, and what follows it."""
    size = int.from_bytes(data[4:8], "little")
    if size > _MOST_DICTIONARY_BYTES:
        raise DamagedFileError(f"its dictionary would have {size:,} bytes")
    data += file.read(max(0, 8 + size - len(data)))
    content = data[8 : 8 + size]
    try:
        if content[:4] == _ZSTD_FRAME:
            # Never larger than that: what is left over is cut off, and no frame fits what remains.
            content = zstandard.ZstdDecompressor().stream_reader(content).read(_MOST_DICTIONARY_BYTES)
        return zstandard.ZstdCompressionDict(content), data[8 + size :]
    except zstandard.ZstdError as error:
        raise DamagedFileError(f"its dictionary is damaged: {error}") from error


def lines(path: Path, max_line_bytes: int) -> Iterator[Line]:
    """Yield the lines of a file; see :func:`lines_of`."""
    return lines_of(pieces(path), max_line_bytes)


def lines_of(source: Iterable[bytes], max_line_bytes: int, number: int = 1, offset: int = 0) -> Iterator[Line]:
    """Yield the lines of a stream, cut at byte 0x0A only; a UTF-8 byte order mark before line 1 is dropped.

    The stream may begin in the middle of a file, at a line and offset.

    A line of more than ``max_line_bytes`` bytes comes as its beginning with ``too_long`` set; it is never held whole.

    Raises:
        InputError, DamagedFileError: see :func:`pieces`. A line cut off by the damage is not yielded.
    """
    size = 0
    held: list[bytes] = []

    def finish(last: bytes) -> Line:
        whole = b"".join([*held, last]) if held else last
        too_long = size > max_line_bytes
        data = whole[:HEAD_BYTES] if too_long else whole
        return Line(number, offset, data.removeprefix(BOM) if offset == 0 else data, too_long)

    try:
        for piece in source:
            parts = piece.split(b"\n")
            for part in parts[:-1]:
                size += len(part)
                yield finish(part)
                number, offset, size = number + 1, offset + size + 1, 0
                held.clear()
            size += len(parts[-1])
            held.append(parts[-1])
            if size > max_line_bytes:
                held[:] = _head(held)
    except DamagedFileError as error:
        error.line, error.offset = number, offset
        raise
    if size:
        yield finish(b"")


def _head(parts: Iterable[bytes]) -> list[bytes]:
    head = b""
    for part in parts:
        head += part[: HEAD_BYTES - len(head)]
    return [head]
