"""From scanned lines of JSON to Arrow columns: what :mod:`headwater.text.json_lines` notes, and what becomes of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.json as paj
from numpy.typing import NDArray

from headwater.sources.schemas import JSON, MIXED, holds

_LEFTOVERS = 1 << 15

# By kind of value (see headwater.text.json_lines): what is written into a text column besides strings.
_NOTHING = np.zeros(10, dtype=np.uint8)
_INTEGERS = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0], dtype=np.uint8)
_BARE = np.array([0, 0, 1, 1, 1, 1, 0, 0, 0, 1], dtype=np.uint8)
_WRAPPING = np.frombuffer(b'{"v":', dtype=np.uint8)
_ANY = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1], dtype=np.uint8)


class ScannedLines(NamedTuple):
    """What the scan noted of some lines; the arrays are written again by the next scan."""

    data: NDArray[np.uint8]
    kinds: NDArray[np.uint8]  # (column, line)
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    line_starts: NDArray[np.int64]  # (line)
    line_stops: NDArray[np.int64]
    states: NDArray[np.uint8]
    rest: NDArray[np.int64]  # (member, 5)


@dataclass
class _Names:
    """Column names as the kernels need them: one after the other, and where each begins."""

    names: NDArray[np.uint8]
    offsets: NDArray[np.int32]

    @classmethod
    def of(cls, names: Sequence[bytes]) -> "_Names":
        joined = np.frombuffer(b"".join(names) or b"\0", dtype=np.uint8)
        return cls(joined, np.cumsum([0, *map(len, names)]).astype(np.int32))


class Scanner:
    """Scans blocks of lines for the values of some columns; holds the room the scan writes into."""

    def __init__(self, names: Sequence[str], *, rows: int, size_bytes: int) -> None:
        """Make room.

        Args:
            names: the columns.
            rows: most lines that are noted at once.
            size_bytes: about as many bytes of lines are scanned at once.
        """
        self._names = _Names.of([name.encode() for name in names])
        self._size_bytes = size_bytes
        columns = len(names)
        self._kinds = np.empty((columns, rows), dtype=np.uint8)
        self._starts = np.empty((columns, rows), dtype=np.int64)
        self._stops = np.empty((columns, rows), dtype=np.int64)
        self._line_starts = np.empty(rows, dtype=np.int64)
        self._line_stops = np.empty(rows, dtype=np.int64)
        self._states = np.empty(rows, dtype=np.uint8)
        self._rest = np.empty((_LEFTOVERS, 5), dtype=np.int64)

    def lines(self, data: bytes, *, escaped_names: bool) -> Iterator[ScannedLines]:
        """Yield what the scan notes, some lines at a time.

        Args:
            data: whole lines.
            escaped_names: a name with a backslash is none of the columns'; otherwise it makes its line odd.
        """
        from headwater.text import json_lines

        array = np.frombuffer(data, dtype=np.uint8)
        at = 0
        while at < len(array):
            end = data.find(b"\n", min(at + self._size_bytes, len(data))) + 1 or len(data)
            self._kinds[:] = json_lines.MISSING
            rows, at, others = json_lines.scan(
                array,
                at,
                end,
                self._names.names,
                self._names.offsets,
                escaped_names,
                self._kinds,
                self._starts,
                self._stops,
                self._line_starts,
                self._line_stops,
                self._states,
                self._rest,
            )
            if rows == 0:
                self._rest = np.empty((2 * len(self._rest), 5), dtype=np.int64)
                continue
            yield ScannedLines(
                array,
                self._kinds[:, :rows],
                self._starts[:, :rows],
                self._stops[:, :rows],
                self._line_starts[:rows],
                self._line_stops[:rows],
                self._states[:rows],
                self._rest[:others],
            )


def columns_of(
    lines: ScannedLines,
    rows: NDArray[np.int64],
    fields: Sequence[pa.Field],
    names: Sequence[str],
    number_text: int | None,
) -> tuple[list[pa.Array], pa.Array]:
    """Return the columns of some lines, and a column of JSON objects for the values that are in none of them.

    Args:
        lines: what the scan noted.
        rows: the lines that are wanted.
        fields: the columns, as the scan numbers them.
        names: what each is called in the lines.
        number_text: the text column that takes integers too, as they are written.
    """
    columns = []
    misfits: list[tuple[int, NDArray[np.int64]]] = []
    for place, field in enumerate(fields):
        array, fits = _Column(lines, place, rows).read(field, integers=place == number_text)
        present = lines.kinds[place, rows] > 1  # neither missing nor null
        odd = np.flatnonzero(present & ~fits)
        if len(odd):
            misfits.append((place, odd))
        columns.append(array)
    return columns, _leftovers(lines, rows, names, misfits)


def _leftovers(
    lines: ScannedLines, rows: NDArray[np.int64], names: Sequence[str], misfits: Sequence[tuple[int, NDArray[np.int64]]]
) -> pa.Array:
    from headwater.text import json_columns

    if not misfits and not len(lines.rest):
        return pa.nulls(len(rows), pa.string())
    written = _Names.of([json.dumps(name, ensure_ascii=False).encode() for name in names])
    place_of = np.full(len(lines.states), -1, dtype=np.int64)
    place_of[rows] = np.arange(len(rows))
    members = [lines.rest[place_of[lines.rest[:, 0]] >= 0]]
    members[0][:, 0] = place_of[members[0][:, 0]]
    for place, odd in misfits:
        more = np.empty((len(odd), 5), dtype=np.int64)
        more[:, 0], more[:, 1], more[:, 2] = odd, -place - 1, 0
        more[:, 3], more[:, 4] = lines.starts[place, rows[odd]], lines.stops[place, rows[odd]]
        members.append(more)
    together = np.concatenate(members)
    together = together[np.argsort(together[:, 0], kind="stable")]
    longest = int(np.diff(written.offsets).max(initial=0))
    size = int((together[:, 4] - together[:, 3]).sum() + (together[:, 2] - together[:, 1]).clip(longest).sum())
    out = np.empty(size + 3 * len(together) + 2 * len(rows) + json_columns.SPARE, dtype=np.uint8)
    offsets = np.empty(len(rows) + 1, dtype=np.int32)
    valid = np.empty(len(rows), dtype=np.uint8)
    used = json_columns.fill_objects(
        together, lines.data, written.names, written.offsets, len(rows), out, offsets, valid
    )
    return _text_array(out[:used], offsets, valid)


class _Column:
    """One column of some lines."""

    def __init__(self, lines: ScannedLines, place: int, rows: NDArray[np.int64]) -> None:
        self.lines, self.place, self.rows = lines, place, rows
        self.kinds, self.starts, self.stops = lines.kinds[place], lines.starts[place], lines.stops[place]

    def read(self, field: pa.Field, *, integers: bool) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Return the column, and where its values are of its type."""
        from headwater.text import json_lines

        kept = holds(field)
        if kept == JSON:
            return self._text(_ANY, raw_strings=True)
        if kept == MIXED:
            return self._text(_BARE)
        if pa.types.is_string(field.type):
            return self._text(_INTEGERS if integers else _NOTHING)
        if pa.types.is_boolean(field.type):
            kinds = self.kinds[self.rows]
            valid = (kinds == json_lines.TRUE) | (kinds == json_lines.FALSE)
            return pa.array(kinds == json_lines.TRUE, mask=~valid), valid
        if pa.types.is_int64(field.type):
            return self._integers()
        if pa.types.is_float64(field.type):
            return self._numbers()
        return self._by_arrow(field.type)

    def _text(self, as_written: NDArray[np.uint8], *, raw_strings: bool = False) -> tuple[pa.Array, NDArray[np.bool_]]:
        from headwater.text import json_columns

        lines, rows = self.lines, self.rows
        present = rows[self.kinds[rows] > 1]
        size = int((self.stops[present] - self.starts[present]).sum())
        out = np.empty(size + json_columns.SPARE, dtype=np.uint8)
        offsets = np.empty(len(rows) + 1, dtype=np.int32)
        valid = np.empty(len(rows), dtype=np.uint8)
        used = json_columns.fill_text(
            lines.data,
            self.kinds,
            self.starts,
            self.stops,
            rows,
            as_written,
            raw_strings,
            out,
            offsets,
            valid,
        )
        return _text_array(out[:used], offsets, valid), valid != 0

    def _integers(self) -> tuple[pa.Array, NDArray[np.bool_]]:
        from headwater.text import json_columns, json_lines

        out, valid = np.empty(len(self.rows), dtype=np.int64), np.empty(len(self.rows), dtype=np.uint8)
        json_columns.fill_integers(self.lines.data, self.kinds, self.starts, self.stops, self.rows, out, valid)
        for place in np.flatnonzero((valid == 0) & (self.kinds[self.rows] == json_lines.INTEGER)):
            value = int(self._raw(place))
            if -(1 << 63) <= value < 1 << 63:
                out[place], valid[place] = value, 1
        return pa.array(out, mask=valid == 0), valid != 0

    def _numbers(self) -> tuple[pa.Array, NDArray[np.bool_]]:
        from headwater.text import json_columns, json_lines

        out, valid = np.empty(len(self.rows), dtype=np.float64), np.empty(len(self.rows), dtype=np.uint8)
        json_columns.fill_numbers(self.lines.data, self.kinds, self.starts, self.stops, self.rows, out, valid)
        kinds = self.kinds[self.rows]
        # The longer ones are left to Arrow, which rounds right too.
        long = np.flatnonzero((valid == 0) & (kinds == json_lines.NUMBER))
        if len(long):
            text, _ = _Column(self.lines, self.place, self.rows[long])._text(_BARE)  # noqa: SLF001
            out[long] = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
            valid[long] = np.isfinite(out[long])
        for place in np.flatnonzero((valid == 0) & (kinds == json_lines.INTEGER)):
            value = float(self._raw(place))
            if np.isfinite(value) and int(value) == int(self._raw(place)):
                out[place], valid[place] = value, 1
        return pa.array(out, mask=valid == 0), valid != 0

    def _by_arrow(self, kind: pa.DataType) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Read values with parts, and other types that JSON does not know, with Arrow's own parser.

        Where they do not fit they are read half by half, until the odd ones stand alone.
        """
        fits = np.ones(len(self.rows), dtype=bool)
        return pa.concat_arrays(list(self._parsed(0, len(self.rows), kind, fits))), fits

    def _parsed(self, begin: int, end: int, kind: pa.DataType, fits: NDArray[np.bool_]) -> Iterator[pa.Array]:
        from headwater.text import json_columns

        rows = self.rows[begin:end]
        if not len(rows):
            yield pa.nulls(0, kind)
            return
        out = np.empty(
            int((self.stops[rows] - self.starts[rows])[self.kinds[rows] > 1].sum())
            + 16 * len(rows)
            + json_columns.SPARE,
            np.uint8,
        )
        used = json_columns.wrap_values(self.lines.data, self.kinds, self.starts, self.stops, rows, _WRAPPING, out)
        try:
            table = paj.read_json(
                pa.BufferReader(pa.py_buffer(out[:used])),
                paj.ReadOptions(use_threads=False, block_size=used),
                paj.ParseOptions(explicit_schema=pa.schema([pa.field("v", kind)]), unexpected_field_behavior="error"),
            )
            if len(table) == len(rows):
                yield from table["v"].chunks
                return
        except pa.ArrowException:
            pass
        if len(rows) == 1:
            fits[begin] = False
            yield pa.nulls(1, kind)
            return
        half = (begin + end) // 2
        yield from self._parsed(begin, half, kind, fits)
        yield from self._parsed(half, end, kind, fits)

    def _raw(self, place: np.int64) -> bytes:
        row = self.rows[place]
        return self.lines.data[self.starts[row] : self.stops[row]].tobytes()


def _text_array(data: NDArray[np.uint8], offsets: NDArray[np.int32], valid: NDArray[np.uint8]) -> pa.Array:
    missing = len(valid) - int(np.count_nonzero(valid))
    bits = pa.py_buffer(np.packbits(valid, bitorder="little")) if missing else None
    return pa.StringArray.from_buffers(len(valid), pa.py_buffer(offsets), pa.py_buffer(data), bits, missing)
