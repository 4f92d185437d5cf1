"""Record batches as lines of JSON, column by column and without a step of Python per row."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.sources.schemas import JSON, holds
from headwater.sources.values import json_value

_SPARE = 8  # headwater.text.json_columns.SPARE, which is not imported here: it loads the compiler


class _Cells(NamedTuple):
    """The values of a column as JSON."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]  # before the start for a null


def json_text(batch: pa.RecordBatch) -> NDArray[np.uint8]:
    """Return the rows of a batch as JSON, one object per line, in UTF-8.

    Nulls are left out of the rows, not out of what is nested in them. Columns of JSON text become the values they
    stand for. Numbers that JSON does not know (NaN, infinity) become null; dates and times become strings.
    """
    from headwater.text import json_writing

    names = [f"{json.dumps(name)}:".encode() for name in batch.schema.names]
    cells = [_cells(column, field) for column, field in zip(batch.columns, batch.schema, strict=True)]
    together = _together(cells)
    valid = np.ones(batch.num_rows, dtype=np.uint8)
    size = len(together.data) + batch.num_rows * (sum(map(len, names)) + len(names) + 3) + _SPARE
    out, offsets = np.empty(size, dtype=np.uint8), np.empty(batch.num_rows + 1, dtype=np.int64)
    used = json_writing.write_objects(
        together.data,
        together.starts.reshape(len(cells), -1),
        together.stops.reshape(len(cells), -1),
        *_joined(names),
        valid,
        True,
        True,
        out,
        offsets,
    )
    return out[:used]


def _joined(names: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    joined = np.frombuffer(b"".join(names) or b"\0", dtype=np.uint8)
    return joined, np.cumsum([0, *map(len, names)]).astype(np.int32)


def _together(parts: Sequence[_Cells]) -> _Cells:
    """Return the cells of several columns in one buffer, column by column."""
    if not parts:
        empty = np.empty(0, dtype=np.int64)
        return _Cells(np.zeros(1, dtype=np.uint8), empty, empty)
    shifts = np.cumsum([0, *(len(part.data) for part in parts)])
    return _Cells(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.starts + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
        np.concatenate([part.stops + shift for part, shift in zip(parts, shifts[:-1], strict=True)]),
    )


def _cells(array: pa.Array, field: pa.Field) -> _Cells:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _sliced(array) if holds(field) == JSON else _quoted(array)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _sliced(array.cast(pa.string()))
    if pa.types.is_floating(kind):
        return _numbers(array)
    if pa.types.is_temporal(kind):
        return _quoted(_temporal(array))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(array)
    if pa.types.is_struct(kind) and kind.num_fields:
        return _objects(array)
    # What is left is rare: bytes, maps, views of lists.
    written = [None if value is None else json_value(value) for value in array.to_pylist()]
    return _sliced(pa.array(written, pa.string()))


def _temporal(array: pa.Array) -> pa.Array:
    try:
        return array.cast(pa.string())
    except pa.ArrowException:  # a duration, or a time zone nobody knows
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())


def _sliced(array: pa.Array) -> _Cells:
    """Return the bytes of strings as they stand."""
    data, offsets, valid = _strings(array)
    starts, stops = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    return _Cells(data, starts, np.where(valid != 0, stops, starts - 1))


def _quoted(array: pa.Array) -> _Cells:
    from headwater.text import json_writing

    data, offsets, valid = _strings(array)
    out = np.empty(json_writing.quoted_size(data, offsets, valid) + _SPARE, dtype=np.uint8)
    ends = np.empty(len(valid) + 1, dtype=np.int64)
    json_writing.quote(data, offsets, valid, out, ends)
    return _Cells(out[: ends[-1]], ends[:-1], np.where(valid != 0, ends[1:], ends[:-1] - 1))


def _strings(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.uint8]]:
    """Return the bytes, offsets and validity of strings as the kernels take them."""
    array = array.cast(pa.string())
    if not len(array):
        return np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int32), np.empty(0, dtype=np.uint8)
    _, buffer, data = array.buffers()
    offsets = np.frombuffer(buffer, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    values = np.frombuffer(data or b"", dtype=np.uint8)[: offsets[-1]]
    if offsets[0]:
        values, offsets = values[offsets[0] :], offsets - offsets[0]
    values.flags.writeable = offsets.flags.writeable = False  # whose buffers they are is nothing to compile anew for
    return values, offsets, _valid(array)


def _valid(array: pa.Array) -> NDArray[np.uint8]:
    if not array.null_count:
        return np.ones(len(array), dtype=np.uint8)
    valid: NDArray[np.uint8] = array.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8)
    return valid


def _numbers(array: pa.Array) -> _Cells:
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    finite = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
    text = finite.cast(pa.string())
    # Arrow writes 1.0 as 1, which would be read as an integer.
    whole = pc.match_substring_regex(text, r"^-?\d+$")
    return _sliced(pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text))


def _lists(array: pa.Array) -> _Cells:
    from headwater.text import json_writing

    part = _cells(array.flatten(), array.type.value_field)
    lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    size = len(part.data) + 5 * len(part.starts) + 2 * len(lengths) + _SPARE
    out, offsets = np.empty(size, dtype=np.uint8), np.empty(len(lengths) + 1, dtype=np.int64)
    used = json_writing.write_lists(part.data, part.starts, part.stops, lengths, out, offsets)
    return _Cells(out[:used], offsets[:-1], np.where(lengths >= 0, offsets[1:], offsets[:-1] - 1))


def _objects(array: pa.StructArray) -> _Cells:
    from headwater.text import json_writing

    fields = [array.type.field(place) for place in range(array.type.num_fields)]
    names = [f"{json.dumps(field.name)}:".encode() for field in fields]
    cells = [_cells(column, field) for column, field in zip(array.flatten(), fields, strict=True)]
    together = _together(cells)
    valid = _valid(array)
    size = len(together.data) + len(array) * (sum(map(len, names)) + 5 * len(names) + 2) + _SPARE
    out, offsets = np.empty(size, dtype=np.uint8), np.empty(len(array) + 1, dtype=np.int64)
    used = json_writing.write_objects(
        together.data,
        together.starts.reshape(len(cells), -1),
        together.stops.reshape(len(cells), -1),
        *_joined(names),
        valid,
        False,
        False,
        out,
        offsets,
    )
    return _Cells(out[:used], offsets[:-1], np.where(valid != 0, offsets[1:], offsets[:-1] - 1))
