"""Sets of characters written as ranges of code points."""

from collections.abc import Iterator


def code_point_ranges(ranges: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last code point of each range of ``ranges``.

    ``ranges`` is hexadecimal and separated by white space: ``"0041-005A 00B7"`` is the capital letters and the middle
    dot.
    """
    for entry in ranges.split():
        first, _, last = entry.partition("-")
        yield int(first, 16), int(last or first, 16)


def characters(ranges: str) -> frozenset[str]:
    """Return the characters of ``ranges``, written as for :func:`code_point_ranges`."""
    return frozenset(chr(point) for first, last in code_point_ranges(ranges) for point in range(first, last + 1))


def pattern_class(ranges: str) -> str:
    """Return ``ranges`` as the inside of a character class of a regular expression."""
    return "".join(
        f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}"
        for first, last in code_point_ranges(ranges)
    )
