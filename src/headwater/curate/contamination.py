"""Leaks of evaluation sets: documents that share a run of words with an item of one, and the words they share.

The index is one Arrow file, made once and mapped into the memory of every worker. It holds the words of the items
themselves, so a match is compared word for word and can be shown; keep it where the evaluation sets may be kept.

How it differs from datatrove 0.10.1, whose 12 words are the default here too: a match is verified, numbers are not
all made equal (there, 12 numbers in a row match any 12 others), an apostrophe does not split a word, items of 8 to 11
words are found as a whole (there, not at all), and questions count as well as answers (there, a question only where it
runs into its answer; here that is what ``context`` is for).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.curate.evaluation_sets import EvaluationItem
from headwater.errors import ConfigError, InputError
from headwater.store import replaced_file
from headwater.text.folding import folding_digest
from headwater.text.gram_table import GramTable, build_gram_table

INDEX_VERSION = 1
"""Version of the file."""

NGRAM = 12
"""Words of a sequence: datatrove's default. GPT-3 used 8 to 13 (Brown et al. 2020, appendix C), most others 8 or 13."""

SHORTEST = 8
"""Words of the shortest item that is looked for: GPT-3's lower bound, below which common phrases match."""

_SHOWN = 200  # characters of a match
_EXAMPLES = 5
_KIND = b"headwater.evaluation_index"
_ARRAYS = ("text", "keys", "places", "words", "items", "spread", "buckets", "filter", "anchors", "lengths")


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What is in an index of evaluation sets."""

    items: Mapping[str, int]
    """Items of each set."""
    sequences: int
    """Word sequences."""
    too_short: int
    """Items with too few words to be found."""
    short_examples: tuple[str, ...]
    """The first of them, as ``set:id``."""
    common: int
    """Sequences left out because too many items have them."""
    ignored: int
    """Sequences left out because they stand in texts to be ignored."""


def write_evaluation_index(
    path: Path | str,
    items: Iterable[EvaluationItem],
    *,
    n: int = NGRAM,
    shortest: int = SHORTEST,
    most_items: int | None = None,
    ignored: Sequence[str] = (),
) -> IndexFacts:
    """Write the word sequences of evaluation items as an index for ``EvaluationOverlap``, and return what is in it.

    The texts of an item are read one after the other. Memory: about 100 bytes per word of the items while it is built;
    the file has about 45 bytes per word.

    Args:
        path: the file; one that is there is replaced.
        items: from ``read_evaluation_set``.
        n: words per sequence.
        shortest: an item, or one of its texts, of fewer than ``n`` but at least so many words is looked for as a whole.
        most_items: sequences that more items have are no sign of a leak (a prompt, a licence) and are left out; by
            default all count.
        ignored: texts whose sequences are no sign of a leak.

    Raises:
        ConfigError: a number is out of range.
        InputError: no item is long enough to be found.
    """
    faults = []
    if n < 1 or shortest < 1:
        faults.append(f"n = {n}, shortest = {shortest}: allowed are 1 and more")
    if most_items is not None and most_items < 1:
        faults.append(f"most_items = {most_items}: allowed are 1 and more, or None")
    if faults:
        raise ConfigError(faults, "the index of evaluation sets")
    texts: list[str] = []
    owners: list[int] = []
    context: list[bool] = []
    sets: list[str] = []
    ids: list[str] = []
    for number, item in enumerate(items):
        sets.append(item.set)
        ids.append(_encodable(item.id))
        for text, before in chain(((text, True) for text in item.context), ((text, False) for text in item.parts)):
            texts.append(_encodable(text))
            owners.append(number)
            context.append(before)
    built = build_gram_table(
        pa.array(texts, pa.large_string()),
        np.array(owners, dtype=np.int32),
        np.array(context, dtype=np.bool_),
        n=n,
        shortest=shortest,
        most_items=most_items,
        ignored=[_encodable(text) for text in ignored],
    )
    if not len(built.table):
        raise InputError(
            f"none of the {len(ids)} evaluation items can be found: they have fewer than {shortest} words, or all they "
            "have is ignored. Name the columns that hold their texts, or look for shorter ones."
        )
    names = list(dict.fromkeys(sets))
    number_of = {name: number for number, name in enumerate(names)}
    # Items without any text come after the last that has some.
    short = np.union1d(built.too_short, np.setdiff1d(np.arange(len(ids)), np.array(owners, dtype=np.int64)))
    _write(Path(path), built.table, names, [number_of[name] for name in sets], ids)
    return IndexFacts(
        dict(Counter(sets)),
        len(built.table),
        len(short),
        tuple(f"{sets[one]}:{ids[one]}" for one in short[:_EXAMPLES]),
        built.common,
        built.ignored,
    )


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationIndex:
    """An opened index, mapped into memory."""

    table: GramTable
    """Its word sequences."""
    sets: pa.Array
    """Name of the set of each item."""
    ids: pa.Array
    """Id of each item."""
    digest: str
    """Names its content."""


def open_evaluation_index(path: Path | str) -> EvaluationIndex:
    """Return an index that ``write_evaluation_index`` wrote.

    Raises:
        InputError: there is none, it is damaged, or it was written by another version.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no index of evaluation sets {file}. Make one with write_evaluation_index.")
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(file)))
        facts = {key: value.decode() for key, value in (reader.schema.metadata or {}).items()}
        if facts.get(_KIND) != str(INDEX_VERSION):
            raise InputError(f"{file} is no index of evaluation sets of version {INDEX_VERSION}. {_AGAIN}")
        if facts[b"folding"] != folding_digest():
            raise InputError(f"{file} was made with another Unicode database, by another Python. {_AGAIN}")
        batch = reader.get_batch(0)
        arrays = {name: batch[name].values.to_numpy(zero_copy_only=True) for name in _ARRAYS}
        names, ids = batch["sets"].values, batch["ids"].values
        sets = pa.DictionaryArray.from_arrays(batch["item_sets"].values, names).dictionary_decode()
        table = GramTable(int(facts[b"n"]), int(facts[b"shortest"]), 64, **arrays)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise InputError(f"the index of evaluation sets {file} is damaged: {error}. {_AGAIN}") from error
    return EvaluationIndex(table, sets, ids, facts[b"digest"])


_AGAIN = "Make it again with write_evaluation_index."


@dataclass(frozen=True, slots=True)
class EvaluationOverlap:
    """Finds what documents share with evaluation sets.

    Case, accents, punctuation and white space do not count. Of the shared passages the longest is shown, and the item
    that has the rarest of its word sequences; of passages of one length the first.

    A match of ``n`` words is a leak by default. A looser rule is one on ``evaluation_words`` or ``evaluation_share``:
    long documents on common subjects share titles of laws, prayers and song lines with evaluation sets by chance.
    """

    index: str
    """Path of an index that ``write_evaluation_index`` wrote; it must stay while the operator is used."""
    content: str = field(default="", kw_only=True)
    """Digest of the index, read from it."""

    name: ClassVar[str] = "evaluation_overlap"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", str(self.index))
        object.__setattr__(self, "content", self.content or open_evaluation_index(self.index).digest)

    @property
    def adds(self) -> pa.Schema:
        """How much is shared, with which item, and the words."""
        return pa.schema(
            [
                measure_field("evaluation_ngrams", pa.int32(), "word sequences of evaluation items in the document"),
                measure_field(
                    "evaluation_share", pa.float64(), "share of its words that are part of one", range="0 to 1"
                ),
                measure_field("evaluation_words", pa.int32(), "words of the longest shared passage", unit="words"),
                measure_field("evaluation_set", pa.string(), "evaluation set that passage is from; null without one"),
                measure_field("evaluation_id", pa.string(), "id of the item in that set"),
                measure_field("evaluation_match", pa.string(), f"the passage, its first {_SHOWN} characters"),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with what each text shares with the index.

        Raises:
            InputError: the index is gone, damaged or another one.
        """
        index = _opened(self.index, self.content)
        texts = batch["text"]
        found = index.table.find(texts)
        rarest = pa.array(found.entries, mask=found.entries < 0)
        item = pa.array(index.table.items).take(rarest)
        columns = [
            pa.array(found.sequences),
            pa.array(found.shared / np.maximum(found.words, 1)),
            pa.array(found.longest),
            index.sets.take(item),
            index.ids.take(item),
            found.shown(texts, _SHOWN),
        ]
        return with_columns(batch, self.adds, columns)


@lru_cache(maxsize=4)
def _opened(path: str, content: str) -> EvaluationIndex:
    index = open_evaluation_index(path)
    if index.digest != content:
        raise InputError(f"the index of evaluation sets {path} is another one than when the work began. Begin again.")
    return index


def _encodable(text: str) -> str:
    """Return the text with half characters, which JSON can spell and UTF-8 cannot, replaced."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _write(path: Path, table: GramTable, names: list[str], item_sets: list[int], ids: list[str]) -> None:
    """Write the arrays as a file of one row, in which each is a list: so Arrow maps them from the file as they are."""
    arrays: dict[str, pa.Array] = {name: pa.array(_array(table, name)) for name in _ARRAYS}
    arrays |= {
        "sets": pa.array(names, pa.string()),
        "item_sets": pa.array(item_sets, pa.int32()),
        "ids": pa.array(ids, pa.string()),
    }
    content = hashlib.blake2b(f"{table.n} {table.shortest}".encode(), digest_size=8)
    for name, array in arrays.items():
        content.update(name.encode())
        for buffer in array.buffers():
            content.update(buffer or b"")
    facts = {
        _KIND: str(INDEX_VERSION),
        b"n": str(table.n),
        b"shortest": str(table.shortest),
        b"folding": folding_digest(),
        b"digest": content.hexdigest(),
    }
    lists = [pa.LargeListArray.from_arrays([0, len(array)], array) for array in arrays.values()]
    schema = pa.schema([pa.field(name, one.type) for name, one in zip(arrays, lists, strict=True)], metadata=facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(lists, schema=schema))


def _array(table: GramTable, name: str) -> NDArray[np.generic]:
    array: NDArray[np.generic] = getattr(table, name)
    return array
