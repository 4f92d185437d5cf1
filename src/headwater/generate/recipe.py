"""What a recipe is: a way to make machine documents from parents, with full provenance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from headwater.schema import Origin, content_id, digest, documents


class Recipe(Protocol):
    """Generator + prompt + decoding: the unit that the gate admits or rejects."""

    @property
    def name(self) -> str:
        """Return the name users see."""
        ...

    @property
    def id(self) -> str:
        """Return the digest of everything that shapes the output; a changed id is a new recipe."""
        ...

    def make(self, parents: pa.Table, rng: np.random.Generator) -> pa.Table:
        """Return machine documents made from the parents, each naming its parents by id."""
        ...


Rewriter = Callable[[str, np.random.Generator], str]


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A recipe that turns each parent into one document by a function of its text."""

    name: str
    """The name users see."""
    rewrite: Rewriter
    """Function of the parent's text and a generator; an empty result makes no document."""
    version: int = 1
    """Raised whenever the function's output changes, which makes it a new recipe."""

    @property
    def id(self) -> str:
        """Return the digest of name and version."""
        return digest({"recipe": self.name, "version": self.version})

    def make(self, parents: pa.Table, rng: np.random.Generator) -> pa.Table:
        """Return one rewritten document per parent, in the order of the parents."""
        texts = [self.rewrite(text, rng) for text in parents["text"].to_pylist()]
        return machine_documents(texts, recipe=self.name, parents=[[key] for key in parents["id"].to_pylist()])


def machine_rows(
    values: pa.Table,
    texts: Sequence[str],
    *,
    recipe: str,
    parents: Sequence[Sequence[str]] | None = None,
    generator: str = "headwater",
    generation: int = 1,
) -> pa.Table:
    """Return rows of numbers and categories as machine documents: the document schema and then the values.

    Args:
        values: one row per document, in columns of names of their own.
        texts: each row as a person reads it; its id is made of it.
        recipe: name of the recipe.
        parents: ids of the rows each was made from.
        generator: program or model that made them.
        generation: generation of the rows.
    """
    origins = [list(named) for named in parents] if parents is not None else [[] for _ in texts]
    # The place in the batch is part of the id, because a collapsed model writes the same row many times.
    ids = [content_id(f"{recipe}\n{i}\n{text}") for i, text in enumerate(texts)]
    table = _recorded(texts, ids, origins, recipe, generator, generation)
    for name in values.column_names:
        table = table.append_column(name, values[name])
    return table


def machine_documents(
    texts: Sequence[str],
    *,
    recipe: str,
    parents: Sequence[Sequence[str]] | None = None,
    generator: str = "headwater",
    generation: int = 1,
) -> pa.Table:
    """Return machine documents in the document schema; empty texts are left out.

    The id names the content together with its recipe and parents, so that two documents that happen to be of the same
    words stay two documents.
    """
    kept = [i for i, text in enumerate(texts) if text.strip()]
    origins = [list(parents[i]) if parents is not None else [] for i in kept]
    ids = [
        content_id("\n".join([recipe, *(named or [str(i)]), texts[i]])) for i, named in zip(kept, origins, strict=True)
    ]
    return _recorded([texts[i] for i in kept], ids, origins, recipe, generator, generation)


def _recorded(
    texts: Sequence[str], ids: list[str], parents: list[list[str]], recipe: str, generator: str, generation: int
) -> pa.Table:
    return documents(
        texts,
        id=ids,
        origin=Origin.MACHINE.value,
        evidence="own generation ledger",
        source=f"recipe {recipe}",
        group=ids,
        generator=generator,
        recipe=recipe,
        parents=parents,
        generation=generation,
    )
