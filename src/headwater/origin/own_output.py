"""Our own output, recognised again: texts that are, or are made from, what the generation ledger holds.

A text of recorded content is recognised with certainty. A near copy, or a part, is recognised by its sampled sequences
of three and four words (:mod:`headwater.text.fingerprints`): in the order of the text, those that one generated
document has count +1 and those it lacks ``-_MISS``, and a passage is a stretch whose sum reaches ``_LEAST_SCORE``. That
is local alignment without gaps (Altschul, Gish, Miller, Myers and Lipman 1990), whose chance hits become exponentially
rarer with the score (Karlin and Altschul 1990). Unrelated text shares common phrases here and there, hence never a
stretch; a copy with every tenth word changed has 0.7 of the sequences everywhere. What the passages cover says how much
of a text was generated.

What a generated document took over from its human sources is no sign of it, so an original is not mistaken for its
rewrite: such sequences count neither for nor against.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.origin.evidence import Evidence, Status
from headwater.schema import EvidenceKind, Origin, content_id
from headwater.store.atomic import parquet_file
from headwater.store.generated import GENERATED, SKETCH, GeneratedLedger, Segment, Shared, content_hashes, shared_with
from headwater.text.fingerprints import ALL, Fingerprints, fingerprints

# Measured with benchmarks/own_output.py: below, hits on unrelated human text begin; above, short copies are missed.
_LEAST_SCORE = 6.0
_LEAST_WORDS = 12
_MISS = 0.4
_DROP = 4.0

_MOSTLY = 0.6
"""Share of a text from which on it is generated, not a text that quotes: pages half of which are copied stay below,
98% of the copies with every tenth word changed lie above."""
_QUOTES = 0.1
"""Share below which a passage says nothing about who wrote the text."""
_FEWEST_WORDS = 8
"""A text of fewer words may well be written twice independently."""

_SLICE = 8192  # documents looked up at once
_RECORDED = 1 << 15  # documents recorded at once; each time costs a dozen forced writes to the disk


class OwnOutputReader:
    """Looks documents up in the generation ledger, and in the sketches of other parties that were imported into it.

    The ledger is opened once; what is recorded later is not seen. Memory: the batch, and what the operating system
    keeps of the mapped ledger.
    """

    def __init__(self, *ledgers: GeneratedLedger) -> None:
        """Open one or several ledgers.

        Raises:
            StoreError: a ledger is damaged.
        """
        self._segments = tuple(segment for ledger in ledgers for segment in ledger.segments())

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) for the documents that are recognised.

        Exact copies are ``verified``, near copies ``read`` with the share of their word sequences that the generated
        document has. A text of which the passages cover less than 0.6 is ``mixed``, one of which they cover less than a
        tenth gives no evidence. A text of fewer than eight words is reported when it is the same and speaks for no
        origin.
        """
        if not self._segments:
            return
        texts = documents.column("text")
        for first in range(0, documents.num_rows, _SLICE):
            part = texts.slice(first, _SLICE).to_pylist()
            for row, evidence in self._read(part):
                yield first + row, evidence

    def _read(self, texts: Sequence[str | None]) -> Iterator[tuple[int, Evidence]]:
        prints = fingerprints(texts)
        covered = np.zeros(len(prints.hashes), dtype=np.bool_)
        exact: dict[int, tuple[Segment, int]] = {}
        best: dict[int, _Copied] = {}
        for shared in shared_with(self._segments, prints, content_hashes(texts), int(_LEAST_SCORE)):
            for row in np.flatnonzero(shared.exact >= 0).tolist():
                if texts[row]:
                    exact.setdefault(row, (shared.segment, int(shared.exact[row])))
            for row, copied in _copied(shared, prints, covered):
                if row not in best or copied.covered > best[row].covered:
                    best[row] = copied
        words = _covered_words(prints.positions, prints.offsets, prints.words, covered)
        for row in sorted(exact.keys() | best.keys()):
            if row in exact:
                yield row, _same(*exact[row], int(prints.words[row]))
                continue
            share = float(words[row] / prints.words[row])
            if share >= _QUOTES:
                yield row, _near(best[row], share)


def record_generated(
    ledger: GeneratedLedger, documents: pa.Table, run: str | None, *, sources: pa.Table | None = None
) -> int:
    """Record machine documents in the ledger and return how many were new; repeating it changes nothing.

    Documents of other origins in the table are left out, and so are those whose text is the text of a source. A model
    that recites its training text is taken at its word: name the recited documents as parents, or they are found to
    share passages with its output.

    Args:
        ledger: the project's ledger.
        documents: schema ``DOCUMENT``.
        run: run id; None for what was made outside a run.
        sources: human documents (columns ``id``, ``text``). What a document has in common with those it names as
            parents is not taken as its mark.

    Raises:
        LockedError: another process keeps writing to the ledger.
        StoreError: the ledger cannot be written.
    """
    documents = documents.select(["id", "text", "origin", "generator", "recipe", "parents", "generation", "created"])
    documents = documents.filter(pc.equal(documents["origin"], Origin.MACHINE.value))
    known = set() if sources is None else {content_id(text or "") for text in sources["text"].to_pylist()}
    contents = [content_id(text or "") for text in documents["text"].to_pylist()]
    first_of = {content: row for row, content in reversed(list(enumerate(contents))) if content not in known}
    rows = sorted(first_of.values())
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    added = 0
    for first in range(0, len(rows), _RECORDED):
        own = rows[first : first + _RECORDED]
        part = documents.take(pa.array(own, pa.int64()))
        facts = {
            "id": part["id"],
            "content": pa.array([contents[row] for row in own], pa.string()),
            "generator": part["generator"],
            "recipe": part["recipe"],
            "run": pa.repeat(pa.scalar(run, pa.string()), len(own)),
            "generation": part["generation"],
            "created": pc.fill_null(part["created"], now),
        }
        prints = fingerprints(part["text"].to_pylist())
        taken = None if sources is None else _taken(prints, part["parents"].to_pylist(), sources)
        added += ledger.add(pa.table(facts, schema=GENERATED), prints, taken)
    return added


def sketch_table(ledger: GeneratedLedger, key: bytes | None = None) -> pa.Table:
    """Return sketches of everything the project generated, schema ``SKETCH``: no text, only fingerprints and names.

    Who has them recognises the documents, whole, changed and in part. Without a key they also answer whether a guessed
    text, or a guessed sequence of three or four words, was generated here (about one sequence in twelve is in them, in
    no order): common phrases can be read out by trying. With a key only those who have it can ask. Names of
    generators and recipes, times and the lengths of texts are told in both cases.

    Args:
        ledger: the project's ledger.
        key: a secret of at least 16 bytes, shared with the parties that shall recognise the documents.

    Raises:
        InputError: the key is too short.
        StoreError: the ledger is damaged.
    """
    return pa.Table.from_batches(list(ledger.sketches(key)), SKETCH)


def export_sketches(ledger: GeneratedLedger, path: Path, key: bytes | None = None) -> int:
    """Write ``sketch_table`` into a Parquet file, in bounded memory, and return the number of documents.

    Raises:
        InputError: the key is too short.
        StoreError: the ledger is damaged, or the disk refuses.
    """
    count = 0
    with parquet_file(path, SKETCH) as writer:
        for batch in ledger.sketches(key):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def import_sketches(ledger: GeneratedLedger, path: Path, party: str, key: bytes | None = None) -> int:
    """Record the sketches of a Parquet file under the name of a party and return how many were new.

    Raises:
        InputError: the file holds no sketches, or sketches of another version, or the key differs from before.
        StoreError: the ledger cannot be written.
    """
    added = 0
    try:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            added += ledger.add_sketches(file.read_row_group(group), party, key)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"The sketches in {path} cannot be read: {error}. Ask {party!r} for a new export.") from error
    return added


@dataclass(frozen=True, slots=True)
class _Copied:
    """Passages that a text shares with one generated document."""

    segment: Segment
    document: int
    covered: int
    """Fingerprints of the text within the passages."""
    matched: int
    """Fingerprints of the text that the document has of its own."""
    compared: int
    """Fingerprints of the text that could have matched."""


def _copied(shared: Shared, prints: Fingerprints, covered: NDArray[np.bool_]) -> Iterator[tuple[int, _Copied]]:
    """Yield (text, passages) for the pairs that share any, and mark in ``covered`` what the passages cover."""
    if not len(shared.texts):
        return
    within, matched, compared = _passages(
        (prints.hashes, prints.positions, prints.offsets),
        (shared.texts, shared.documents, shared.starts, shared.places),
        shared.segment.bounds,
        _MISS,
        _DROP,
        _LEAST_SCORE,
        _LEAST_WORDS,
        covered,
    )
    for pair in np.flatnonzero(within).tolist():
        copied = _Copied(
            shared.segment, int(shared.documents[pair]), int(within[pair]), int(matched[pair]), int(compared[pair])
        )
        yield int(shared.texts[pair]), copied


def _same(segment: Segment, document: int, words: int) -> Evidence:
    detail = f"the same text was generated {_by(segment)}: {_named(segment, document)}"
    if words < _FEWEST_WORDS:
        detail += f"; {words} words are too few to tell who wrote them"
        return Evidence(EvidenceKind.GENERATION_LEDGER, Origin.UNKNOWN, detail, Status.VERIFIED)
    return Evidence(EvidenceKind.GENERATION_LEDGER, Origin.MACHINE, detail, Status.VERIFIED)


def _near(copied: _Copied, share: float) -> Evidence:
    named = _named(copied.segment, copied.document)
    contained = f"{copied.matched} of {copied.compared} sampled word sequences are in it"
    if share >= _MOSTLY:
        detail = f"a near copy of a document generated {_by(copied.segment)} ({contained}): {named}"
        return Evidence(EvidenceKind.GENERATION_LEDGER, Origin.MACHINE, detail)
    detail = f"about {share:.0%} of it was generated, most {_by(copied.segment)} ({contained}): {named}"
    return Evidence(EvidenceKind.GENERATION_LEDGER, Origin.MIXED, detail)


def _by(segment: Segment) -> str:
    return f"by {segment.party}" if segment.party else "here"


def _named(segment: Segment, document: int) -> str:
    facts = segment.facts.slice(document, 1).to_pylist()[0]
    told = [f"{name} {facts[name]}" for name in ("generator", "recipe", "run") if facts[name]]
    return ", ".join([*told, f"document {facts['id']}"])


def _taken(prints: Fingerprints, parents: Sequence[Sequence[str] | None], sources: pa.Table) -> NDArray[np.bool_]:
    """Return for each fingerprint whether one of the document's parents among the sources has that word sequence."""
    wanted = {parent for one in parents for parent in one or ()}
    known = sources.filter(pc.is_in(sources["id"], value_set=pa.array(sorted(wanted), pa.string())))
    of_source = fingerprints(known["text"].to_pylist(), fewest=ALL)
    place = {key: row for row, key in enumerate(known["id"].to_pylist())}
    lists = [[place[parent] for parent in one or () if parent in place] for one in parents]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    rows = np.array([row for one in lists for row in one], dtype=np.int64)
    return _marked(prints.hashes, prints.offsets, rows, offsets, of_source.hashes, of_source.offsets)


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _marked(hashes, offsets, parents, parent_offsets, source_hashes, source_offsets):  # type: ignore[no-untyped-def]
    """Return which fingerprints of each text one of its parents has."""
    taken = np.zeros(len(hashes), dtype=np.bool_)
    for text in range(len(offsets) - 1):
        for at in range(parent_offsets[text], parent_offsets[text + 1]):
            parent = parents[at]
            held = np.sort(source_hashes[source_offsets[parent] : source_offsets[parent + 1]])
            for place in range(offsets[text], offsets[text + 1]):
                found = np.searchsorted(held, hashes[place])
                if found < len(held) and held[found] == hashes[place]:
                    taken[place] = True
    return taken


@nb.njit(cache=True, nogil=True)
def _passages(prints, pairs, bounds, miss, drop, least, least_words, covered):  # type: ignore[no-untyped-def]
    """Find the passages of every pair of a text and a document; mark their fingerprints in ``covered``.

    Args:
        prints: hashes, positions and offsets of the texts' fingerprints.
        pairs: texts, documents, starts and places of the pairs, see ``Shared``.
        bounds: of the segment's documents.
        miss: what a sequence that the document lacks costs.
        drop: a stretch ends where its sum has fallen by so much.
        least: score of a passage.
        least_words: distinct words under its shared sequences.
        covered: per fingerprint; written.

    Returns:
        Per pair: fingerprints within passages, fingerprints the document has of its own, fingerprints compared.
    """
    hashes, positions, offsets = prints
    texts, documents, starts, places = pairs
    within = np.zeros(len(texts), dtype=np.int64)
    matched = np.zeros(len(texts), dtype=np.int64)
    compared = np.zeros(len(texts), dtype=np.int64)
    for pair in range(len(texts)):
        bound = np.uint64(bounds[documents[pair]])
        at, last = starts[pair], starts[pair + 1]
        begin, end = offsets[texts[pair]], offsets[texts[pair] + 1]
        first = -1  # where the stretch begins
        score = highest = 0.0
        top = begin
        words = words_at_top = reach = 0
        for place in range(begin, end + 1):
            closes = place == end
            if not closes:
                hit = at < last and places[at] >> 1 == place
                taken = hit and places[at] & 1 == 1
                at += hit
                if taken or (not hit and (hashes[place] & np.uint64(0xFFFFFFFF)) > bound):
                    continue
                compared[pair] += 1
                if hit:
                    matched[pair] += 1
                    if first < 0:
                        first, score, highest, words, reach = place, 0.0, 0.0, 0, 0
                    score += 1.0
                    words += max(positions[place] + 3 - max(reach, positions[place]), 0)
                    reach = max(reach, positions[place] + 3)
                    if score > highest:
                        highest, top, words_at_top = score, place, words
                elif first >= 0:
                    score -= miss
                    closes = score <= 0.0 or score <= highest - drop
            if closes and first >= 0:
                if highest >= least and words_at_top >= least_words:
                    within[pair] += top + 1 - first
                    covered[first : top + 1] = True
                first = -1
    return within, matched, compared


@nb.njit(cache=True, nogil=True)
def _covered_words(positions, offsets, words, covered):  # type: ignore[no-untyped-def]
    """Return how many words of each text lie within passages.

    Between two covered fingerprints all words do. A passage that begins with the first fingerprint of a text, or ends
    with the last, reaches to the end of the text: nothing was sampled beyond.
    """
    out = np.zeros(len(words), dtype=np.int64)
    for text in range(len(words)):
        begin, end = offsets[text], offsets[text + 1]
        for place in range(begin, end):
            if not covered[place]:
                continue
            if place == begin:
                out[text] += positions[place]
            if place + 1 == end:
                out[text] += words[text] - positions[place]
            else:
                gap = positions[place + 1] - positions[place]
                out[text] += gap if covered[place + 1] else min(gap, 3)
    return out
