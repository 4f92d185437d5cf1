"""Known human and known machine text: what an audit compares a corpus with."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from headwater.origin.columns import column_values
from headwater.schema import Origin, content_id
from headwater.sources import Columns, RejectLog, read_documents

MOST_REFERENCES = 20_000
"""Documents of each kind that are used at most; of more, a random sample. p-values resolve 1 / 20,001 with as many."""


@dataclass(frozen=True, slots=True)
class Known:
    """Texts of one known origin."""

    texts: tuple[str, ...]
    """Their content, no text twice."""
    ids: tuple[str, ...]
    """Content ids."""
    groups: tuple[str, ...]
    """Unit of independence of each."""
    read: int
    """Documents there were, repeated ones included."""
    kinds: tuple[str, ...] = ()
    """What each has in the grouping columns (:func:`kind_of`); empty where nobody asked."""

    def __len__(self) -> int:
        return len(self.texts)


NOTHING_KNOWN = Known((), (), (), 0)


def read_known(
    paths: Sequence[str],
    text: str,
    group: str | None,
    rejects: RejectLog,
    origin: Origin,
    tell: Callable[[str], None],
    by: Sequence[str] = (),
) -> Known:
    """Return the texts of files of one known origin.

    Args:
        paths: files, folders, glob patterns; none gives none.
        text: column with the text.
        group: column with the unit of independence, taken where a file has it.
        rejects: where rows that cannot be used are kept.
        origin: what they are known to be.
        tell: told how far the reading has come.
        by: columns a corpus is grouped by, taken where a file has them.

    Raises:
        InputError: nothing can be read.
    """
    if not paths:
        return NOTHING_KNOWN
    stream = read_documents(paths, Columns(text=text), rejects, origin=origin)

    def told() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            tell(f"{stream.report.accepted:,} {origin} references")
            yield batch

    return known_of(told(), group, by)


def read_references(
    human: Sequence[str],
    machine: Sequence[str],
    *,
    text: str,
    group: str | None,
    rejects: RejectLog,
    tell: Callable[[str], None],
    by: Sequence[str] = (),
) -> tuple[Known, Known]:
    """Return the texts of files known to be human and of files known to be machine-made; see :func:`read_known`."""
    return (
        read_known(human, text, group, rejects, Origin.HUMAN, tell, by),
        read_known(machine, text, group, rejects, Origin.MACHINE, tell, by),
    )


def known_of(batches: Iterable[pa.RecordBatch], group: str | None, by: Sequence[str] = ()) -> Known:
    """Return the texts of documents as references: each once, and at most ``MOST_REFERENCES``.

    A document without a value in the group column is its own group. The sample does not depend on the order.
    """
    kept: dict[str, tuple[str, str, str]] = {}
    limit = 2**64
    read = 0
    for batch in batches:
        groups = column_values(batch, group) if group else [None] * batch.num_rows
        columns = [column_values(batch, name) for name in by]
        kinds = [kind_of(row) for row in zip(*columns, strict=True)] if by else [""] * batch.num_rows
        read += batch.num_rows
        for text, own, kind in zip(batch["text"].to_pylist(), groups, kinds, strict=True):
            key = content_id(text)
            if _place(key) < limit:
                kept.setdefault(key, (text, own or key, kind))
        while len(kept) > MOST_REFERENCES:
            limit = limit * 4 // 5
            kept = {key: value for key, value in kept.items() if _place(key) < limit}
    rows = kept.values()
    texts, units = tuple(text for text, *_ in rows), tuple(own for _, own, _ in rows)
    return Known(texts, tuple(kept), units, read, tuple(kind for *_, kind in rows) if by else ())


def kind_of(values: Iterable[str | None]) -> str:
    """Return the values of the grouping columns as one name, empty where all are missing."""
    found = [value or "" for value in values]
    return "\x1f".join(found) if any(found) else ""


def without_shared(human: Known, machine: Known) -> tuple[Known, Known, int]:
    """Return both without the texts that are in both, and how many those were: a label that contradicts itself."""
    shared = set(human.ids) & set(machine.ids)
    return _without(human, shared), _without(machine, shared), len(shared)


def _without(known: Known, ids: set[str]) -> Known:
    if not ids:
        return known
    kept = [i for i, key in enumerate(known.ids) if key not in ids]
    return Known(
        tuple(known.texts[i] for i in kept),
        tuple(known.ids[i] for i in kept),
        tuple(known.groups[i] for i in kept),
        known.read,
        tuple(known.kinds[i] for i in kept) if known.kinds else (),
    )


def _place(key: str) -> int:
    """Return a number from 0 to 2^64 - 1 that decides whether a text is in the sample."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, person=b"references").digest(), "big")
