"""Leaks of sealed panels: documents that are one, or that share too much with one, found without showing any of it.

A project keeps of its panels salted hashes of ids and of whole texts, so a copy of a whole document is found without
opening anything. Passages are found with an index of their 8-word sequences, which is made once by whoever may read the
panels and holds hashes under the panels' secret salt. It gives away no text, and neither does the operator: what is
shared is counted, never shown.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import InputError
from headwater.store import Panels, open_panels, replaced_file
from headwater.text.folding import folding_digest
from headwater.text.keyed_grams import BLOCK_WORDS, KeyedGrams, build_keyed_grams

PANEL_NGRAM = 8
"""Words of a sequence, as in the gate."""

_VERSION = 1
_KIND = b"headwater.panel_index"
_ARRAYS = ("keys", "buckets", "filter")
_AGAIN = "Make it again with write_panel_index."


def write_panel_index(path: Path | str, panels: Panels, documents: Iterable[pa.RecordBatch | pa.Table]) -> int:
    """Write the word sequences of panel documents as an index for ``PanelOverlap``, and return how many there are.

    Args:
        path: the file; one that is there is replaced.
        panels: the sealed panels, whose salt keys the index.
        documents: the documents of all of them, with the column ``text``; the caller may read them.

    Raises:
        StoreError: the file cannot be written.
    """
    grams = build_keyed_grams((batch["text"] for batch in documents), _key(panels), PANEL_NGRAM)
    facts = {
        _KIND: str(_VERSION),
        b"n": str(grams.n),
        b"folding": folding_digest(),
        b"panels": _digest(panels),
        b"digest": hashlib.blake2b(grams.keys.tobytes(), digest_size=8).hexdigest(),
    }
    arrays = [pa.array(getattr(grams, name)) for name in _ARRAYS]
    lists = [pa.LargeListArray.from_arrays([0, len(array)], array) for array in arrays]
    schema = pa.schema([pa.field(name, one.type) for name, one in zip(_ARRAYS, lists, strict=True)], metadata=facts)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(Path(path)) as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(lists, schema=schema))
    return len(grams)


@dataclass(frozen=True, slots=True)
class PanelOverlap:
    """Finds documents that are in a sealed panel, and how much the others share with one.

    As in the gate, the share is that of the worst block of 200 words: a bar on the share of the whole document misses
    a passage in a long one and hits honest texts that share boilerplate. The gate's bar is 0.30.
    """

    panels: str
    """Folder of the panels; every process needs to see it, for its salt."""
    index: str = ""
    """Path of an index that ``write_panel_index`` wrote; without one only whole documents are found."""
    content: str = field(default="", kw_only=True)
    """Digest of panels and index, read from them."""

    name: ClassVar[str] = "panel_overlap"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "panels", str(self.panels))
        object.__setattr__(self, "index", str(self.index or ""))
        object.__setattr__(self, "content", self.content or _load(self.panels, self.index)[2])

    @property
    def adds(self) -> pa.Schema:
        """Whether it is a panel document, and how much it shares with one."""
        return pa.schema(
            [
                measure_field(
                    "panel_document", pa.bool_(), "whether its id or whole text is that of a sealed document"
                ),
                measure_field(
                    "panel_ngrams", pa.int32(), f"its {PANEL_NGRAM}-word sequences that stand in a sealed panel"
                ),
                measure_field(
                    "panel_share",
                    pa.float64(),
                    f"largest share of such sequences in a block of {BLOCK_WORDS} words",
                    range="0 to 1",
                ),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with what each document shares with the panels.

        Raises:
            InputError: the index is gone, damaged, or no longer that of these panels.
            StoreError: the panels cannot be read.
        """
        sealed, grams = _opened(self.panels, self.index, self.content)
        rows = batch.num_rows
        texts = batch["text"]
        shared, worst = np.zeros(rows, dtype=np.int32), np.zeros(rows)
        whole = np.ones(rows, dtype=np.bool_)  # texts whose hash as a whole is compared
        if grams is not None:
            found = grams.find(texts, _key(sealed))
            shared, worst = found.sequences, found.worst
            # A copy of a whole text shares every sequence, so only the suspects cost a hash of the text.
            whole = (found.worst == 1) | (found.words < PANEL_NGRAM)
        documents = np.zeros(rows, dtype=np.bool_)
        if "id" in batch.schema.names:
            documents |= sealed.barred(["" if one is None else str(one) for one in batch["id"].to_pylist()])
        asked = np.flatnonzero(whole)
        suspects = texts.take(pa.array(asked)).to_pylist()
        # The id of no document: the ids were asked for above.
        documents[asked] |= sealed.barred([""] * len(asked), suspects)
        return with_columns(batch, self.adds, [pa.array(documents), pa.array(shared), pa.array(worst)])


def _key(panels: Panels) -> bytes:
    return hashlib.blake2b(digest_size=16, key=panels.salt, person=b"sequences").digest()


def _digest(panels: Panels) -> str:
    """Return a digest that changes with every rotation."""
    return hashlib.blake2b("".join(one.hash for one in panels.sealed).encode(), digest_size=8).hexdigest()


def _load(folder: str, index: str) -> tuple[Panels, KeyedGrams | None, str]:
    sealed = open_panels(Path(folder))
    if not index:
        return sealed, None, _digest(sealed)
    if not Path(index).is_file():
        raise InputError(f"there is no index of panels {index}. Make one with write_panel_index.")
    try:
        reader = pa.ipc.open_file(pa.memory_map(index))
        facts = {key: value.decode() for key, value in (reader.schema.metadata or {}).items()}
        if facts.get(_KIND) != str(_VERSION):
            raise InputError(f"{index} is no index of panels of version {_VERSION}. {_AGAIN}")
        if facts[b"folding"] != folding_digest():
            raise InputError(f"{index} was made with another Unicode database, by another Python. {_AGAIN}")
        if facts[b"panels"] != _digest(sealed):
            raise InputError(f"{index} is not of the panels in {folder}: others were sealed since. {_AGAIN}")
        batch = reader.get_batch(0)
        arrays = {name: batch[name].values.to_numpy(zero_copy_only=True) for name in _ARRAYS}
        grams = KeyedGrams(int(facts[b"n"]), **arrays)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise InputError(f"the index of panels {index} is damaged: {error}. {_AGAIN}") from error
    return sealed, grams, f"{facts[b'panels']} {facts[b'digest']}"


@lru_cache(maxsize=4)
def _opened(folder: str, index: str, content: str) -> tuple[Panels, KeyedGrams | None]:
    sealed, grams, found = _load(folder, index)
    if found != content:
        raise InputError(f"the panels in {folder} are others than when the work began. Begin again.")
    return sealed, grams
