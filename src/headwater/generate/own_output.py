"""A model's own output as a recipe: what a self-consuming loop trains on."""

from typing import Protocol

import numpy as np
import pyarrow as pa

from headwater.schema import DOCUMENT, Origin, content_id

OWN_MODEL = "own model"
"""Generator of documents that a model of the run wrote."""


class TextModel(Protocol):
    """A model that writes documents."""

    def sample_tokens(self, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return documents of at least ``n_tokens`` tokens together."""
        ...


def own_output(model: TextModel, n_tokens: int, rng: np.random.Generator, *, name: str, generation: int) -> pa.Table:
    """Return at least ``n_tokens`` tokens of the model's own writing as machine documents.

    Columns beyond the document schema (the model's tokens) are kept, so that training on the output does not depend on
    writing it out and reading it again.

    Args:
        model: the generator; a retrained one is a new recipe and needs a new name.
        n_tokens: tokens wanted; the last document may exceed it.
        rng: source of randomness.
        name: name of the recipe.
        generation: generation of the documents, one more than the model's.
    """
    table = model.sample_tokens(n_tokens, rng)
    count = table.num_rows
    # The place in the batch is part of the id, because a collapsed model writes the same text many times.
    ids = pa.array([content_id(f"{name}\n{i}\n{text}") for i, text in enumerate(table["text"].to_pylist())])
    values = {
        "id": ids,
        "group": ids,
        "origin": pa.repeat(pa.scalar(Origin.MACHINE.value), count),
        "evidence": pa.repeat(pa.scalar("own generation ledger"), count),
        "source": pa.repeat(pa.scalar(f"recipe {name}"), count),
        "generator": pa.repeat(pa.scalar(OWN_MODEL), count),
        "recipe": pa.repeat(pa.scalar(name), count),
        "generation": pa.repeat(pa.scalar(generation, pa.int32()), count),
    }
    for column, value in values.items():
        table = table.set_column(table.column_names.index(column), DOCUMENT.field(column), value)
    return table
