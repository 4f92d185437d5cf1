"""The first reading of a corpus: what each document shows by itself, batch by batch, before anything is decided."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.origin.artefacts import ARTEFACTS, artefact_flags
from headwater.origin.columns import NO_VALUE, column_values
from headwater.origin.detector.detector import Detector, content_id
from headwater.origin.detector.language import supported
from headwater.origin.evidence import EvidenceReader
from headwater.origin.permission import Permission, read_permissions
from headwater.schema import EVIDENCE, table_of

EXAMINED = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("content", pa.uint64()),
        pa.field("unit", pa.uint64()),
        pa.field("keys", pa.list_(pa.string())),
        pa.field("words", pa.int32()),
        pa.field("score", pa.float64()),
        pa.field("not_judged", pa.string()),
        pa.field("permission", pa.string()),
    ]
)
"""A document after the first reading: ``content`` is a hash of its text, ``unit`` one of its unit of independence,
``keys`` are the values of the grouping columns, ``not_judged`` says why the detector has no score."""

MOST_EXAMPLES = 20
TOO_FEW_WORDS = "too few words to tell"
_FEW_WORDS = 10  # of so many words of English prose one in twenty times none is a frequent one
_BEGINNING_CHARACTERS = 300


@dataclass(slots=True)
class Counts:
    """What is counted over documents; counts of parts add up."""

    documents: int = 0
    """Documents looked at."""
    columns: set[str] = field(default_factory=set)
    """Columns to group by, or that readers need, in which some document has a value."""
    artefacts: Counter[str] = field(default_factory=Counter)
    """Artefact to documents that have it."""
    artefact_examples: dict[str, str] = field(default_factory=dict)
    """Artefact to the beginning of a document that has it."""
    permissions: Counter[str] = field(default_factory=Counter)
    """Permission signal to documents that have it."""
    examples: list[tuple[float, str, tuple[str, ...], str]] = field(default_factory=list)
    """Documents with the highest scores: score, id, values of the grouping columns, beginning of the text."""

    def add(self, other: "Counts") -> None:
        """Add the counts of other documents."""
        self.documents += other.documents
        self.columns |= other.columns
        self.artefacts.update(other.artefacts)
        for name, text in other.artefact_examples.items():
            self.artefact_examples.setdefault(name, text)
        self.permissions.update(other.permissions)
        self.examples = sorted([*self.examples, *other.examples], reverse=True)[:MOST_EXAMPLES]

    def to_json(self) -> dict[str, object]:
        """Return the counts as JSON has them."""
        return {
            "documents": self.documents,
            "columns": sorted(self.columns),
            "artefacts": dict(self.artefacts),
            "artefact_examples": self.artefact_examples,
            "permissions": dict(self.permissions),
            "examples": self.examples,
        }

    @classmethod
    def from_json(cls, data: bytes) -> "Counts":
        """Return what ``to_json`` gave."""
        stored = json.loads(data)
        return cls(
            stored["documents"],
            set(stored["columns"]),
            Counter(stored["artefacts"]),
            stored["artefact_examples"],
            Counter(stored["permissions"]),
            [(score, key, tuple(keys), text) for score, key, keys, text in stored["examples"]],
        )


@dataclass(frozen=True, slots=True)
class Examiner:
    """What is looked at in each document."""

    detector: Detector
    """Scores the documents."""
    known: Mapping[int, float]
    """Held-out scores of texts the detector was fitted to: their own score would flatter it."""
    readers: Sequence[EvidenceReader]
    """Readers of evidence."""
    by: tuple[str, ...] = ()
    """Grouping columns."""
    group: str | None = None
    """Column with the unit of independence."""
    needed: tuple[str, ...] = ()
    """Columns that readers need: whether some document has them is counted."""

    def examine(self, documents: pa.RecordBatch, counts: Counts) -> tuple[pa.Table, pa.Table]:
        """Return the documents (``EXAMINED``) and the evidence on them (``EVIDENCE``), and add to the counts.

        Nothing here depends on other documents, and no document raises.
        """
        texts, ids = documents["text"].to_pylist(), documents["id"].to_pylist()
        words, scores, refused = scored(self.detector, texts, self.known)
        keys = [column_values(documents, name) for name in self.by]
        groups = column_values(documents, self.group) if self.group else [None] * len(ids)
        permissions: dict[int, list[Permission]] = {}
        for row, one in read_permissions(documents):
            permissions.setdefault(row, []).append(one)
        needed = {name for name in self.needed if any(value is not None for value in column_values(documents, name))}
        self._count(counts, ids, texts, scores, keys, permissions, needed)
        examined = [
            ids,
            list(map(content_id, texts)),
            [_unit(group or key) for group, key in zip(groups, ids, strict=True)],
            [[value or NO_VALUE for value in row] for row in zip(*keys, strict=True)] if keys else [[]] * len(ids),
            words,
            pa.array(scores, from_pandas=True),  # not a number: no score
            refused,
            [_answer(permissions[row]) if row in permissions else None for row in range(len(ids))],
        ]
        found = [
            {"id": ids[row], "kind": one.kind, "origin": one.origin, "status": one.status, "p_value": one.p_value,
             "detail": one.detail}
            for reader in self.readers
            for row, one in reader.read(documents)
        ]  # fmt: skip
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, kind.type)
            for column, kind in zip(examined, EXAMINED, strict=True)
        ]
        return pa.table(arrays, schema=EXAMINED), table_of(EVIDENCE, found)

    def _count(
        self,
        counts: Counts,
        ids: Sequence[str],
        texts: Sequence[str],
        scores: NDArray[np.float64],
        keys: Sequence[Sequence[str | None]],
        permissions: Mapping[int, Sequence[Permission]],
        needed: Iterable[str],
    ) -> None:
        counts.documents += len(texts)
        for name, values in zip(self.by, keys, strict=True):
            if any(value is not None for value in values):
                counts.columns.add(name)
        counts.columns.update(needed)
        flags = artefact_flags(texts)
        for name, column in zip(ARTEFACTS, flags.T, strict=True):
            if column.any():
                counts.artefacts[name] += int(column.sum())
                counts.artefact_examples.setdefault(name, texts[int(column.argmax())][:_BEGINNING_CHARACTERS])
        for signals in permissions.values():
            counts.permissions.update({f"{one.signal}: {_said(one)}" for one in signals})
        best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[:MOST_EXAMPLES].tolist()
        counts.examples += [
            (
                float(scores[row]),
                ids[row],
                tuple(values[row] or NO_VALUE for values in keys),
                texts[row][:_BEGINNING_CHARACTERS],
            )
            for row in best
            if not np.isnan(scores[row])
        ]
        counts.examples = sorted(counts.examples, reverse=True)[:MOST_EXAMPLES]


def scored(
    detector: Detector,
    texts: Sequence[str],
    known: Mapping[int, float],
    statistics: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[str | None]]:
    """Return words, score and the reason for no score of each text.

    Args:
        detector: the detector.
        texts: the texts.
        known: held-out score of texts the detector was fitted to, by the detector's content id.
        statistics: the texts' statistics of language models, shape (texts, 3), where they are known already.

    Returns:
        Words before the cut, shape (texts,); scores, not a number where the text cannot be judged; what it is instead.
    """
    words, scores = np.zeros(len(texts), np.int64), np.full(len(texts), np.nan)
    refused: list[str | None] = []
    held_out = np.full(len(texts), np.nan)
    if known:
        held_out = np.array([known.get(int(content_id(text)), np.nan) for text in texts])
    for normalised, tokens, first in replace(detector, lm=None).read(texts):
        judged = supported(tokens)
        rows = slice(len(refused), len(refused) + len(first))
        words[rows] = normalised.words
        if detector.lm is not None:
            # Language models cost more than all the rest: only what they can change is read.
            wanted = judged.english & np.isnan(held_out[rows])
            own = detector.lm.read(normalised, wanted) if statistics is None else statistics[rows]
            scores[rows] = detector.lm.score(first, own, thorough=detector.thorough)
        else:
            scores[rows] = first
        scores[rows][~judged.english] = np.nan
        few = normalised.words < _FEW_WORDS
        reasons = [None if english else judged.refusal(row, normalised) for row, english in enumerate(judged.english)]
        refused += [
            TOO_FEW_WORDS if short and reason in ("not English", "not prose") else reason
            for reason, short in zip(reasons, few.tolist(), strict=True)
        ]
    scores = np.where(np.isnan(scores) | np.isnan(held_out), scores, held_out)
    return words, scores, refused


def _answer(signals: Sequence[Permission]) -> str:
    """Return what the signals on one document amount to: one that forbids is enough."""
    return max(map(_said, signals), key=("states terms", "allows training", "forbids training").index)


def _said(signal: Permission) -> str:
    return {True: "allows training", False: "forbids training", None: "states terms"}[signal.allowed]


def _unit(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
