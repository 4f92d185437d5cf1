"""The containers a content credential is kept in: JUMBF boxes (ISO 19566-5) and CBOR (RFC 8949), read within bounds.

Only reading, only what a manifest store needs, and nothing in the data can make it run long, nest deep or take more
memory than a small multiple of its own size, or of ``MOST_UNPACKED`` bytes where it is compressed. Whatever does not
fit raises :class:`DamagedBox` with the place.
"""

import struct
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

MOST_BOXES = 4096
"""Boxes in one store. Stores in the wild have tens."""
DEEPEST_BOX = 12
"""Superboxes within one another; a manifest store needs four."""
MOST_ITEMS = 100_000
"""Values in one CBOR item."""
DEEPEST_VALUE = 32
"""Arrays and maps within one another in one CBOR item."""


MOST_UNPACKED = 8 << 20
"""Bytes that the compressed boxes of one store may unpack to, together."""


class DamagedBox(ValueError):  # noqa: N818  (it is what was found)
    """The bytes are no boxes, or no values, of the form the standard gives; the message says where."""


@dataclass(frozen=True, slots=True)
class Box:
    """One superbox: its description, what it holds itself, and the superboxes in it."""

    label: str
    """Label of its description box, such as ``c2pa.assertions``; empty where it has none."""
    kind: bytes
    """First four bytes of its type, such as ``b"c2ma"`` or ``b"cbor"``."""
    contents: tuple[tuple[bytes, bytes], ...]
    """Box type and payload of its content boxes."""
    children: tuple["Box", ...]
    """The superboxes in it, in their order."""

    def find(self, label: str) -> "Box | None":
        """Return the first superbox in this one with the label, or None."""
        return next((child for child in self.children if child.label == label), None)

    def content(self, kind: bytes) -> bytes | None:
        """Return the payload of its first content box of a type, or None."""
        return next((payload for name, payload in self.contents if name == kind), None)


def read_superbox(data: bytes) -> Box:
    """Return the first superbox of the data; bytes after it are ignored.

    Raises:
        DamagedBox: a length does not fit, a description is missing, or there are too many boxes or levels.
    """
    budget = [MOST_BOXES]
    kind, start, end = _header(memoryview(data), 0, len(data))
    if kind != b"jumb":
        raise DamagedBox(f"it begins with a box of type {kind!r}, not with a JUMBF superbox")
    return _superbox(memoryview(data), start, end, DEEPEST_BOX, budget)


def unpacked(payload: bytes, most: int) -> bytes:
    """Return the superbox that a ``brob`` box of C2PA ("Compressed boxes") holds, packed with Brotli (RFC 7932).

    Unlike the box of that name in JPEG XL, after which it is made, it holds the whole superbox with its header and
    names no type before it.

    Args:
        payload: payload of the ``brob`` box.
        most: bytes it may unpack to.

    Raises:
        DamagedBox: it is not compressed so, or unpacks to more.
    """
    try:
        with pa.CompressedInputStream(pa.BufferReader(payload), "brotli") as stream:
            data: bytes = stream.read(most + 1)
    except OSError as error:
        raise DamagedBox(f"a compressed box cannot be unpacked: {error}") from None
    if len(data) > most:
        raise DamagedBox(f"compressed boxes unpack to more than {MOST_UNPACKED:,} bytes")
    return data


def _header(data: memoryview, at: int, limit: int) -> tuple[bytes, int, int]:
    """Return type, start and end of the payload of the box at a place (ISO 19566-5, B.1: LBox, TBox, XLBox)."""
    if limit - at < 8:
        raise DamagedBox(f"a box header is cut off at byte {at}")
    length, kind = struct.unpack_from(">I4s", data, at)
    start = at + 8
    if length == 1:
        if limit - at < 16:
            raise DamagedBox(f"a box header is cut off at byte {at}")
        (length,) = struct.unpack_from(">Q", data, at + 8)
        start = at + 16
    elif length == 0:
        length = limit - at
    if length < start - at or length > limit - at:
        raise DamagedBox(f"the box at byte {at} states {length} bytes where {limit - at} are left")
    return kind, start, at + length


def _superbox(data: memoryview, at: int, end: int, levels: int, budget: list[int]) -> Box:
    if levels == 0:
        raise DamagedBox(f"boxes are nested more than {DEEPEST_BOX} deep at byte {at}")
    label, type_ = "", b""
    described = False
    contents: list[tuple[bytes, bytes]] = []
    children: list[Box] = []
    while at < end:
        budget[0] -= 1
        if budget[0] < 0:
            raise DamagedBox(f"more than {MOST_BOXES} boxes")
        kind, start, stop = _header(data, at, end)
        if kind == b"jumd" and not described:
            described = True
            label, type_ = _description(data[start:stop])
        elif kind == b"jumb":
            children.append(_superbox(data, start, stop, levels - 1, budget))
        else:
            contents.append((kind, bytes(data[start:stop])))
        at = stop
    if not described:
        raise DamagedBox(f"the superbox that ends at byte {end} has no description")
    return Box(label, type_, tuple(contents), tuple(children))


def _description(payload: memoryview) -> tuple[str, bytes]:
    """Return label and type of a description box: type (16 bytes), toggles (1), then what the toggles announce."""
    if len(payload) < 17:
        raise DamagedBox("a description box is cut off")
    if not payload[16] & 2:
        return "", bytes(payload[:4])
    label, closed, _ = bytes(payload[17 : 17 + 1024]).partition(b"\0")
    if not closed:
        raise DamagedBox("a label has no end")
    return label.decode("utf-8", "replace"), bytes(payload[:4])


def read_cbor(data: bytes) -> Any:
    """Return the first CBOR item as Python values: tags are dropped, keys that cannot be hashed become their text.

    Raises:
        DamagedBox: the item is cut off or ill-formed, nested too deep or has too many values.
    """
    return _Cbor(data).item(DEEPEST_VALUE)


class _Cbor:
    """A place in a CBOR text, and how many more values it may hold."""

    __slots__ = ("at", "budget", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.budget = MOST_ITEMS

    def item(self, levels: int) -> Any:
        """Return the next item; the break code of an indefinite length is ``_BREAK``."""
        self.budget -= 1
        if levels == 0 or self.budget < 0:
            raise DamagedBox(f"a CBOR item is nested too deep or has too many values at byte {self.at}")
        first = self._take(1)[0]
        major, short = first >> 5, first & 31
        if major == 7:
            return self._simple(short)
        size = self._size(short)
        if major in {0, 1}:
            if size is None:
                raise DamagedBox(f"a number without an end at byte {self.at}")
            return size if major == 0 else -1 - size
        if major in {2, 3}:
            parts = [self._take(size)] if size is not None else self._pieces(major, levels)
            joined = b"".join(parts)
            return joined if major == 2 else joined.decode("utf-8", "replace")
        if major == 4:
            return list(self._items(size, levels))
        if major == 5:
            flat = list(self._items(None if size is None else 2 * size, levels))
            if len(flat) % 2:
                raise DamagedBox(f"a map with a key and no value at byte {self.at}")
            return {
                key if _hashable(key) else str(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)
            }
        return self.item(levels - 1)  # a tag: the value itself follows

    def _take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise DamagedBox(f"a CBOR item is cut off at byte {self.at}")
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def _size(self, short: int) -> int | None:
        if short < 24:
            return short
        if short < 28:
            return int.from_bytes(self._take(1 << (short - 24)), "big")
        if short == 31:
            return None
        raise DamagedBox(f"a reserved CBOR length at byte {self.at}")

    def _simple(self, short: int) -> Any:
        if short in {20, 21}:
            return short == 21
        if short in {25, 26, 27}:
            form = {25: ">e", 26: ">f", 27: ">d"}[short]
            return struct.unpack(form, self._take(1 << (short - 24)))[0]
        if short == 31:
            return _BREAK
        if short == 24:
            self._take(1)
        return None  # null, undefined and the simple values nobody assigned

    def _pieces(self, major: int, levels: int) -> list[bytes]:
        parts: list[bytes] = []
        for part in self._items(None, levels):
            if not isinstance(part, bytes if major == 2 else str):
                raise DamagedBox(f"a string with a foreign part at byte {self.at}")
            parts.append(part if isinstance(part, bytes) else part.encode())
        return parts

    def _items(self, count: int | None, levels: int) -> list[Any]:
        items: list[Any] = []
        while count is None or len(items) < count:
            value = self.item(levels - 1)
            if value is _BREAK:
                if count is None:
                    return items
                raise DamagedBox(f"a CBOR item ends too early at byte {self.at}")
            items.append(value)
        return items


_BREAK = object()


def _hashable(value: Any) -> bool:
    return not isinstance(value, list | dict)
