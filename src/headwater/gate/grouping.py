"""Rows of a table by recipe, found in one pass however many recipes there are."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def rows_by_recipe(table: pa.Table) -> dict[str, NDArray[np.int64]]:
    """Return the row numbers of each recipe, ascending; recipes by name."""
    names = table["recipe"].to_pylist()
    known = sorted(set(names))
    code = {name: i for i, name in enumerate(known)}
    codes = np.fromiter((code[name] for name in names), np.int64, len(names))
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(known)))
    return {
        name: order[end - count : end] for name, end, count in zip(known, ends, np.diff(ends, prepend=0), strict=True)
    }
