"""Columns of text as what kernels read: their UTF-8 bytes and where each text begins, without a copy."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def utf8_bytes(texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the UTF-8 of a column of text and its offsets; a null counts as empty.

    Text ``i`` is ``data[offsets[i]:offsets[i + 1]]``. The bytes are those Arrow holds, read-only, and may begin before
    the first text. Nothing is copied but the offsets, and nulls filled in.

    Args:
        texts: strings, large strings or string views.

    Returns:
        Bytes, uint8, and offsets, int64, one more than there are texts.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.cast(pa.large_string()).combine_chunks()
    if texts.type not in {pa.string(), pa.large_string()}:
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    _, places, characters = texts.buffers()
    width = np.int32 if texts.type == pa.string() else np.int64
    if places is None or len(texts) == 0:
        offsets = np.zeros(1, dtype=np.int64)
    else:
        offsets = np.frombuffer(places, dtype=width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(characters or b"", dtype=np.uint8)
    data.flags.writeable = False  # one type for the kernels, whoever owns the memory
    return data, offsets


def text_array(data: NDArray[np.uint8], offsets: NDArray[np.int64], kind: pa.DataType) -> pa.Array:
    """Return a column of text over bytes that are known to be UTF-8, without a copy where ``kind`` is large.

    Args:
        data: the texts one after another.
        offsets: where each begins; one more than there are texts, the first 0.
        kind: ``pa.string()`` or ``pa.large_string()``.
    """
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    return texts if kind == pa.large_string() else texts.cast(kind)
