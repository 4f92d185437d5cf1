"""The columns operators add: described where they are defined, put on a batch in one way."""

import re

import pyarrow as pa

from headwater.errors import ConfigError


def measure_field(name: str, kind: pa.DataType, meaning: str, **more: str) -> pa.Field:
    """Return the field of a measured column with its meaning, and its unit or range."""
    return pa.field(name, kind, metadata={"meaning": meaning, **more})


def with_columns(batch: pa.RecordBatch, schema: pa.Schema, arrays: list[pa.Array]) -> pa.RecordBatch:
    """Return the batch with columns added at its end, or put in the place of those of the same name.

    Args:
        batch: the documents.
        schema: fields of the columns; where the batch has one of that name and both are text, it keeps its type.
        arrays: their values, in the order of the schema.
    """
    for field, array in zip(schema, arrays, strict=True):
        place = batch.schema.get_field_index(field.name)
        if place < 0:
            batch = batch.append_column(field, array)
        else:
            batch = batch.set_column(place, field.with_type(array.type), array)
    return batch


def check_rule_name(name: str, where: str) -> None:
    """Raise if a name the user gave to a rule or list cannot be part of a column's name.

    Raises:
        ConfigError: it is no small letter followed by small letters, digits and underscores, 40 at most.
    """
    if not re.fullmatch("[a-z][a-z0-9_]{0,39}", name):
        raise ConfigError(
            [
                f"the name {name!r} cannot be part of a column's name: allowed are small letters, digits and "
                "underscores, a letter first, 40 characters at most"
            ],
            where,
        )
