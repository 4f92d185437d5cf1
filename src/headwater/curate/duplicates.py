"""Duplicates of a whole corpus: which documents are copies of others, which of them stays, which is removed for which.

Input: one Parquet file (or table) of signals per shard, in the order of the shards, with the columns

    text_hash   binary(16)    as the operator ``Signatures`` adds it
    bands       binary(8 b)   likewise; null for documents that have no near copies (too short)
    sketch      binary(p)     likewise
    id          string        optional
    row         int64         optional: the document's row in its shard; default: its place in the file
    passing     bool          optional: whether it passed the filters; those that did not take no part
    held        bool          optional: held already, never removed, always stays before others
    priority    int           optional: the higher, the rather it stays; default 0
    characters  int           optional: length of the text; default 0
    source      string        optional: needed for one document per source

Output: one Parquet file, a row for each removed document, sorted by shard and row (``REMOVED``).

Equal texts and documents that share a band are joined; a cluster is what hangs together, chains included. Of a cluster
the first stays, in this order: held documents, higher priority, longer text, smaller shard and row. Every other one
is removed, and the one that stays is named beside it, with three exceptions:

- Held documents all stay.
- In large clusters (from ``verify_from`` documents on) a document is only removed where one that stays before it has
  an estimated similarity of ``least_similarity`` at least, whatever chain of documents leads to it; otherwise it stays
  and stands for others. Pages made from one template, with different content, hang together through chains: one
  published corpus lost 743,779 documents to a single cluster. Compared are the representative and, for each band key,
  the first 32 that stay; the most similar is named.
- With ``one_per_source`` the first of each source stays. Equal texts are removed all the same, and copies of held ones.

The reason of a removed document is ``held_duplicate`` where what stays for it is held; otherwise ``exact_duplicate``
where a document before it (in the order above) has the same text, so that removing equal texts alone would have
removed it too; otherwise ``near_duplicate``.

The outcome depends on the documents and their order alone, neither on batches nor on memory. Memory is five bytes per
document, some 300 MB of libraries and buffers, and ``memory_mb``, which only a single cluster of more than about 800
documents per megabyte can exceed. Keys go to temporary files: 12 bytes per document and band, 20 per document more.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.curate.duplicate_choice import choose
from headwater.curate.duplicate_links import in_clusters, link
from headwater.curate.duplicate_signals import keys, member_batches, members, open_shards
from headwater.curate.duplicate_spill import Spill
from headwater.errors import ConfigError
from headwater.store import replaced_file, storage_errors

REMOVED = pa.schema(
    [
        pa.field("shard", pa.int32(), metadata={"meaning": "shard of the removed document, counted from 0"}),
        pa.field("row", pa.int64(), metadata={"meaning": "its row"}),
        pa.field("id", pa.string(), metadata={"meaning": "its id"}),
        pa.field("reason", pa.string(), metadata={"meaning": "exact_duplicate, near_duplicate or held_duplicate"}),
        pa.field(
            "kept_shard",
            pa.int32(),
            metadata={"meaning": "shard of the document that stays; held sets are counted on after the shards"},
        ),
        pa.field("kept_row", pa.int64(), metadata={"meaning": "its row"}),
        pa.field("kept_id", pa.string(), metadata={"meaning": "its id"}),
        pa.field("cluster", pa.int64(), metadata={"meaning": "number of the cluster's first document in the corpus"}),
        pa.field(
            "cluster_size", pa.int64(), metadata={"meaning": "documents of the cluster, those that stay included"}
        ),
        pa.field(
            "similarity",
            pa.float32(),
            metadata={"meaning": "estimated Jaccard index of the two documents' word sequences", "range": "0 to 1"},
        ),
    ]
)
"""What is known of each removed document."""

VERIFY_FROM = 100
LEAST_SIMILARITY = 0.5

_NEVER = 1 << 62
_MEMBER_BYTES = 1200  # memory per document of a cluster while that is decided, as measured
_REMOVED_BYTES = 400  # memory per removed document while they are sorted
_ROW_GROUP = 1 << 16
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many duplicates were found."""

    path: Path
    """The file of removed documents."""
    documents: int
    """Documents that took part."""
    exact: int
    """Removed as ``exact_duplicate``."""
    near: int
    """Removed as ``near_duplicate``."""
    held: int
    """Removed as ``held_duplicate``."""
    clusters: int
    """Clusters of more than one document."""
    largest_cluster: int
    """Documents of the largest; 0 where there is none."""
    kept_across_sources: int
    """Documents that stay only because their copies are of other sources."""
    kept_as_different: int
    """Documents of large clusters that stay because nothing that stays is similar enough."""

    @property
    def removed(self) -> int:
        """Documents that were removed."""
        return self.exact + self.near + self.held


def resolve_duplicates(
    signals: Sequence[Path | str | pa.Table],
    out: Path,
    *,
    held: Sequence[Path | str | pa.Table] = (),
    near: bool = True,
    one_per_source: bool = False,
    verify_from: int = VERIFY_FROM,
    least_similarity: float = LEAST_SIMILARITY,
    temporary: Path | None = None,
    memory_mb: int = 512,
) -> Duplicates:
    """Find the duplicates among documents by their signals and write which are removed, and for which.

    Columns, rules and output: see the module.

    Args:
        signals: one file or table per shard, in the order of the shards.
        out: the Parquet file to write; replaced when it is complete.
        held: signals of sets that are held already, none of which is removed; they are shards too, after the others.
        near: look for near copies; otherwise only for equal texts.
        one_per_source: keep one document of a cluster for every source.
        verify_from: size of the clusters whose members have to be similar to what stays; 0: none has to.
        least_similarity: what similar means there, 0 to 1.
        temporary: folder for temporary files, made where it is missing; default: the system's.
        memory_mb: memory to work in, beside five bytes per document.

    Returns:
        What was found.

    Raises:
        ConfigError: a setting is out of range.
        InputError: a file lacks a column, or columns do not fit together.
        StoreError: the output or the temporary folder cannot be written.
    """
    _check(verify_from, least_similarity, memory_mb)
    shards = open_shards(signals, held, near)
    total = shards[-1].end if shards else 0
    memory = memory_mb << 20
    with storage_errors(temporary or out):
        if temporary is not None:
            temporary.mkdir(parents=True, exist_ok=True)
    with storage_errors(temporary or out), tempfile.TemporaryDirectory(prefix="duplicates-", dir=temporary) as name:
        folder = Path(name)
        bands = shards[0].bands // 8 if shards else 0
        clusters, documents = link(keys(shards), total, bands, folder, memory)
        clustered, n_clusters = in_clusters(clusters)
        count = int(np.count_nonzero(clustered))
        groups = Spill(folder / "groups", -(-count * _MEMBER_BYTES // memory))
        for batch in member_batches(shards, clusters, clustered):
            hashes = batch["cluster"].to_numpy().astype(np.uint64) * _GOLDEN >> np.uint64(32)
            groups.add(batch, hashes % np.uint64(len(groups)))
        del clusters, clustered
        ranges = Spill(folder / "ranges", -(-count * _REMOVED_BYTES // memory))
        found = np.zeros(6, dtype=np.int64)
        for table in groups:
            removed, counts = _resolved(table, one_per_source, verify_from or _NEVER, least_similarity)
            ranges.add(removed, removed["number"].to_numpy().astype(np.int64) * len(ranges) // max(total, 1))
            found[:5] += counts[:5]
            found[5] = max(found[5], counts[5])
        with replaced_file(out) as file, pq.ParquetWriter(file, REMOVED, compression="zstd") as writer:
            for rows in _regrouped(ranges):
                writer.write_table(rows)
    exact, near_, held_, across, different, largest = found.tolist()
    return Duplicates(out, documents, exact, near_, held_, n_clusters, largest, across, different)


def _check(verify_from: int, least_similarity: float, memory_mb: int) -> None:
    faults = []
    if verify_from < 0:
        faults.append(f"verify_from = {verify_from}: allowed are 0 (never) and more")
    if not 0 <= least_similarity <= 1:
        faults.append(f"least_similarity = {least_similarity}: allowed are 0 to 1")
    if memory_mb < 1:
        faults.append(f"memory_mb = {memory_mb}: allowed are 1 and more")
    if faults:
        raise ConfigError(faults, "resolve_duplicates")


def _resolved(
    table: pa.Table, per_source: bool, verify_from: int, least: float
) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
    """Return what is removed of whole clusters, with the numbers of the documents, and the counts of ``Duplicates``."""
    choice = choose(members(table), per_source=per_source, verify_from=verify_from, least=least)
    gone = np.flatnonzero(choice.keepers != np.arange(len(choice.keepers)))
    kept = choice.keepers[gone]
    table = table.select(["number", "cluster", "shard", "row", "id", "held"])
    lost, stays = table.take(choice.order[gone]), table.take(choice.order[kept])
    held = stays["held"].to_numpy()
    exact = ~held & (choice.same[gone] < gone)
    kinds = pa.array(["near_duplicate", "exact_duplicate", "held_duplicate"])
    reasons = kinds.take(pa.array(np.where(held, 2, exact)))
    removed = pa.table(
        {
            "number": lost["number"],
            "shard": lost["shard"],
            "row": lost["row"],
            "id": lost["id"],
            "reason": reasons,
            "kept_shard": stays["shard"],
            "kept_row": stays["row"],
            "kept_id": stays["id"],
            "cluster": lost["cluster"],
            "cluster_size": choice.sizes[gone],
            "similarity": choice.similarity[gone],
        }
    )
    near = len(gone) - int(held.sum()) - int(exact.sum())
    largest = int(choice.sizes.max(initial=0))
    counts = [exact.sum(), near, held.sum(), choice.across_sources, choice.different, largest]
    return removed.combine_chunks().to_batches()[0] if len(gone) else _none(removed), np.array(counts, dtype=np.int64)


def _regrouped(ranges: Spill) -> Iterator[pa.Table]:
    """Yield the removed documents in order, in row groups that do not depend on how memory cut them."""
    rest = REMOVED.empty_table()
    for table in ranges:
        rest = pa.concat_tables([rest, table.sort_by("number").select(REMOVED.names).cast(REMOVED)])
        whole = rest.num_rows // _ROW_GROUP * _ROW_GROUP
        for begin in range(0, whole, _ROW_GROUP):
            yield rest.slice(begin, _ROW_GROUP).combine_chunks()
        rest = rest.slice(whole)
    if rest.num_rows:
        yield rest.combine_chunks()


def _none(removed: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in removed.schema], schema=removed.schema)
