"""The columns of documents that are no texts: what stands in them beside the document schema."""

import pyarrow as pa

from headwater.models.labelled_images import LABEL, PIXELS
from headwater.models.table_form import VALUE


def payload_columns(table: pa.Table) -> list[str]:
    """Return the names of the columns that hold the content of rows or images, in order."""
    return [name for name in table.column_names if name.startswith(VALUE) or name in {PIXELS, LABEL}]


def as_given(table: pa.Table) -> pa.Table:
    """Return documents as a table of the user's columns, with what is known of each in ``headwater.<column>``."""
    names = payload_columns(table)
    rows = table.select(names).rename_columns([name.removeprefix(VALUE) for name in names])
    for name in ("id", "recipe", "parents", "generation"):
        rows = rows.append_column(f"headwater.{name}", table[name])
    return rows
