"""Pictures generation by generation, as small greyscale images inside the page."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.lab.result import ImageRow
from headwater.report.text import printable

_SHADES = 15
"""Shades of grey; with one index left for what is transparent, two pixels fit a byte."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Pictures of one generation as one image."""

    name: str
    source: str
    """Address with the whole image in it."""
    width: int
    height: int
    count: int


def strip(row: ImageRow, most: int) -> Strip:
    """Return pictures side by side as one image."""
    images = [image for image in row.images if image and image[0]][:most]
    tall, wide = max(map(len, images)), max(len(line) for image in images for line in image)
    pixels: list[list[int]] = [[] for _ in range(tall)]
    for y, line in enumerate(pixels):
        for number, image in enumerate(images):
            grey = image[y] if y < len(image) else ()
            shades = [round(min(max(value, 0), 255) * (_SHADES - 1) / 255) for value in grey]
            line.extend([*[_SHADES] * 2 * (number > 0), *shades, *[_SHADES] * (wide - len(shades))])
    source = "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
    return Strip(printable(" ".join(row.name.split()) or "–", 40), source, len(pixels[0]), tall, len(images))


def png(pixels: Sequence[Sequence[int]]) -> bytes:
    """Return shades 0 (black) to 14 (white), and 15 for transparent, as a PNG with a palette of sixteen.

    Args:
        pixels: rows of equal length.
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    palette = b"".join(bytes([round(255 * i / (_SHADES - 1))] * 3) for i in range(_SHADES)) + b"\x80\x80\x80"
    lines = []
    for row in pixels:
        even = [*row, *([_SHADES] * (len(row) % 2))]
        lines.append(b"\x00" + bytes(a << 4 | b for a, b in zip(even[::2], even[1::2], strict=True)))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 4, 3, 0, 0, 0)),
            chunk(b"PLTE", palette),
            chunk(b"tRNS", b"\xff" * _SHADES + b"\x00"),
            chunk(b"IDAT", zlib.compress(b"".join(lines), 9)),
            chunk(b"IEND", b""),
        ]
    )
