"""Sentences, lines or paragraphs that an earlier document has: found by hash over the whole corpus, and cut out.

As C4 did (Raffel et al. 2020, section 2.2: of any three-sentence span that occurs more than once, all but one are
discarded), in three steps: ``SpanHashes`` measures, ``resolve_spans`` finds which runs were seen before in the order
of shards and rows, ``cut_copies`` takes them out of the text. The first occurrence stays, later ones are cut, in the
same document too. A document of which too little is left fails with ``copied_sentences``.

Where the first occurrence is in a document that is itself dropped for having too little left, the run is gone from the
corpus; runs that overlap are looked at one by one, so such a loss is at most a few sentences long.

Not for program code, tables and verse, where lines are alike without being copied.

A run is known by 64 bits of the hash of its words. Among a billion different runs two share a hash with a probability
of 3%; then one of them would be cut wrongly.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.curate.first_seen import REPEAT, Spool, add_hashes, repeats, spool_of_hashes
from headwater.errors import ConfigError
from headwater.store import write_parquet
from headwater.text.sentences import LINES, PARAGRAPHS, SENTENCES
from headwater.text.spans import count_pieces, cut_spans, find_spans

Unit = Literal["sentences", "lines", "paragraphs"]
"""What a run consists of."""

FEWEST_WORDS = 50
"""Words a document must have left once something was cut out of it: datatrove's default."""

FEWEST_SENTENCES = 3
"""Sentences it must have left: datatrove's default, and what C4 asks of every page."""

_KINDS: dict[str, int] = {"sentences": SENTENCES, "lines": LINES, "paragraphs": PARAGRAPHS}
_SPANS = {"sentences": 3, "lines": 1, "paragraphs": 1}
_WORDS = 9  # three times the fewest words of a line that C4's rules let through
_MEMORY_BYTES = 512 << 20

CUTS = pa.schema(
    [
        measure_field("row", pa.int64(), "row of the document in its shard"),
        measure_field("runs", pa.list_(pa.int32()), "numbers of its runs that were seen before, ascending"),
        measure_field("first_held", pa.list_(pa.bool_()), "whether each was first seen in a held set"),
        measure_field("first_shard", pa.list_(pa.int32()), "shard, or held set, it was first seen in"),
        measure_field("first_row", pa.list_(pa.int64()), "row there"),
    ]
)
"""What is to be cut out of the documents of a shard; documents of which nothing is cut are left out."""


@dataclass(frozen=True, slots=True)
class SpanHashes:
    """Measures the runs of sentences, lines or paragraphs of each document, for ``resolve_spans``.

    Case, accents, punctuation and white space do not count. What a sentence is, ``text/sentences.py`` says.
    """

    unit: Unit = "sentences"
    """What a run consists of."""
    span: int | None = None
    """How many: three sentences, one line or paragraph by default."""
    words: int = _WORDS
    """Words of the shortest run that is compared: short ones ("Yes. No. Yes.") occur again without being copied."""

    name: ClassVar[str] = "span_hashes"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        faults = []
        if self.unit not in _KINDS:
            faults.append(f"unit = {self.unit!r}: allowed are {', '.join(_KINDS)}")
        if self.length < 1 or self.words < 1:
            faults.append(f"span = {self.span}, words = {self.words}: allowed are 1 and more")
        if faults:
            raise ConfigError(faults, "SpanHashes")

    @property
    def length(self) -> int:
        """Units of a run."""
        return _SPANS.get(self.unit, 1) if self.span is None else self.span

    @property
    def adds(self) -> pa.Schema:
        """Hashes and places."""
        return pa.schema(
            [
                measure_field(
                    "span_hashes",
                    pa.list_(pa.uint64()),
                    f"hash of the words of every run of {self.length} {self.unit}; 0 for one with too few words",
                ),
                measure_field(
                    "span_places",
                    pa.list_(pa.int32()),
                    f"where each of the {self.unit} begins, and the end of the last",
                    unit="bytes of the text",
                ),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the runs of each text."""
        found = find_spans(batch["text"], _KINDS[self.unit], self.length, self.words)
        lists = [
            pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))
            for offsets, values in ((found.hash_offsets, found.hashes), (found.place_offsets, found.places))
        ]
        return with_columns(batch, self.adds, lists)


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """What was found."""

    documents: int
    """Documents that were compared."""
    runs: int
    """Runs of theirs."""
    repeated: int
    """Runs that were seen before."""
    cut: int
    """Documents that have some."""


def resolve_spans(
    shards: Iterable[Iterable[pa.RecordBatch]],
    folder: Path,
    *,
    held: Iterable[Iterable[pa.RecordBatch]] = (),
    memory_bytes: int = _MEMORY_BYTES,
) -> SpanCounts:
    """Find the runs that were seen before and write per shard what is to be cut, for ``read_cuts``.

    The order is that of held sets, shards, rows and runs, and nothing else matters to the outcome. Memory is about
    ``memory_bytes``; what does not fit goes to files in the folder, 20 bytes per run, removed at the end.

    Args:
        shards: for each shard its batches, with the column ``span_hashes`` of ``SpanHashes`` and, where documents are
            not to take part (they are dropped for another reason), a boolean column ``takes_part``.
        folder: where the files of cuts go.
        held: sets that are kept already: what they have is cut from the shards, and nothing from them.
        memory_bytes: most memory to use, about.

    Raises:
        StoreError: the disk is full, read-only or forbidden.
    """
    spool = spool_of_hashes(folder / "hashes", memory_bytes // 4)
    firsts_held: list[int] = []
    firsts: list[int] = []
    document = documents = runs = 0
    for sources, begins in ((held, firsts_held), (shards, firsts)):
        for batches in sources:
            begins.append(document)
            for batch in batches:
                hashes, rows, places, took_part = _runs(batch)
                add_hashes(spool, hashes, rows + document, places)
                document += batch.num_rows
                if begins is firsts:
                    documents += took_part
                    runs += len(hashes)
    begin = firsts[0] if firsts else document
    cuts = Spool(folder / "repeats", REPEAT, memory_bytes // 4)
    repeated = 0
    for found in repeats(spool, begin, memory_bytes // 2):
        cuts.add(np.searchsorted(firsts, found["document"], side="right") - 1, found)
        repeated += len(found)
    cut = 0
    starts = np.array([*firsts_held, *firsts], dtype=np.int64)
    for shard, first in enumerate(firsts):
        table = _cuts(list(cuts.read(shard)), first, starts, len(firsts_held))
        write_parquet(_path(folder, shard), table)
        cuts.drop(shard)
        cut += table.num_rows
    for spent in (spool.folder, cuts.folder):
        if spent.is_dir():
            spent.rmdir()
    return SpanCounts(documents, runs, repeated, cut)


def read_cuts(folder: Path, shard: int) -> pa.Table:
    """Return what is to be cut from a shard, schema ``CUTS``, by row."""
    return pq.read_table(_path(folder, shard), schema=CUTS)


def first_copies(cuts: pa.Table) -> pa.Table:
    """Return which documents have the first copies of what is cut.

    Returns:
        ``row``, ``first_held``, ``first_shard``, ``first_row`` and the number of ``runs`` they share, a row for every
        two documents, in this order. A document that repeats itself is its own first copy.
    """
    keys = ("first_held", "first_shard", "first_row")
    parents = pc.list_parent_indices(cuts["runs"])
    flat = pa.table({"row": cuts["row"].take(parents), **{key: pc.list_flatten(cuts[key]) for key in keys}})
    counted = flat.group_by(["row", *keys]).aggregate([([], "count_all")]).rename_columns(["row", *keys, "runs"])
    order = [("row", "ascending"), ("first_held", "descending"), *((key, "ascending") for key in keys[1:])]
    return counted.sort_by(order)


def cut_copies(batch: pa.RecordBatch, cuts: pa.Table, span: int, first_row: int = 0) -> pa.RecordBatch:
    """Return the batch with what was seen before cut out of its texts, and what is left of those texts.

    Args:
        batch: documents with ``text`` and the column ``span_places`` of ``SpanHashes``.
        cuts: from ``read_cuts``, of the whole shard or a part.
        span: units of a run, ``SpanHashes.length``.
        first_row: row of the shard the batch begins with.

    Returns:
        ``text`` replaced, and ``copied_runs``, ``words_left``, ``sentences_left`` added; the last two are null where
        nothing was cut. To decide: fewer than ``FEWEST_WORDS`` or ``FEWEST_SENTENCES`` is ``copied_sentences``.
    """
    rows = cuts["row"].to_numpy()
    low, high = np.searchsorted(rows, [first_row, first_row + batch.num_rows])
    mine = cuts.slice(low, high - low).combine_chunks()
    counts = np.zeros(batch.num_rows, dtype=np.int32)
    words = sentences = pa.nulls(batch.num_rows, pa.int64())
    if mine.num_rows:
        changed = rows[low:high] - first_row
        lengths = pc.list_value_length(mine["runs"]).to_numpy()
        runs = pc.list_flatten(mine["runs"]).to_numpy()
        counts[changed] = lengths
        places = batch["span_places"]
        base = np.repeat(places.offsets.to_numpy()[changed], lengths)
        values = places.values.to_numpy()
        begins, ends = values[base + runs].astype(np.int64), values[base + runs + span].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        texts = cut_spans(batch["text"], begins, ends, starts)
        place = batch.schema.get_field_index("text")
        batch = batch.set_column(place, batch.schema.field(place).with_type(texts.type), texts)
        left = count_pieces(texts.take(pa.array(changed)))
        words, sentences = (_scattered(values, changed, batch.num_rows) for values in left)
    return with_columns(batch, LEFT, [pa.array(counts), words, sentences])


LEFT = pa.schema(
    [
        measure_field("copied_runs", pa.int32(), "runs of sentences, lines or paragraphs that an earlier document has"),
        measure_field("words_left", pa.int64(), "words left without them; null where there are none", unit="words"),
        measure_field("sentences_left", pa.int64(), "sentences left without them; null where there are none"),
    ]
)
"""What ``cut_copies`` adds."""


def _scattered(values: NDArray[np.int64], rows: NDArray[np.int64], count: int) -> pa.Array:
    column, missing = np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.bool_)
    column[rows], missing[rows] = values, False
    return pa.array(column, mask=missing)


def _runs(batch: pa.RecordBatch) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32], int]:
    """Return the hashes of the documents that take part, their row and place, and how many documents these are."""
    lists = batch["span_hashes"]
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)
    hashes = pc.list_flatten(lists).to_numpy()
    rows = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(hashes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    wanted = hashes != 0
    count = batch.num_rows
    if "takes_part" in batch.schema.names:
        part = np.asarray(pc.fill_null(batch["takes_part"], False), dtype=np.bool_)
        wanted &= part[rows]
        count = int(part.sum())
    return hashes[wanted], rows[wanted], places[wanted].astype(np.int32), count


def _path(folder: Path, shard: int) -> Path:
    return folder / f"cuts-{shard:06d}.parquet"


def _cuts(found: Sequence[NDArray[np.void]], first: int, starts: NDArray[np.int64], held: int) -> pa.Table:
    records = np.concatenate([np.zeros(0, dtype=REPEAT), *found])
    records = records[np.lexsort((records["place"], records["document"]))]
    rows, counts = np.unique(records["document"], return_counts=True)
    sources = np.searchsorted(starts, records["first"], side="right") - 1
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    columns: Iterator[NDArray[np.generic]] = iter(
        (
            records["place"],
            sources < held,
            np.where(sources < held, sources, sources - held).astype(np.int32),
            records["first"] - starts[sources],
        )
    )
    lists = [pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values))) for values in columns]
    return pa.table([pa.array(rows - first), *lists], schema=CUTS)
