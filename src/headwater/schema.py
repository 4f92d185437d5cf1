"""The Arrow schemas that cross every boundary, and the ids that tie them together.

Three tables are written to disk and promised to later versions: documents, verdicts, lineage events. Field metadata
says what each column means; ``SCHEMA_VERSION`` is stored with every table and file.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1


class Origin(StrEnum):
    """Who made a document."""

    HUMAN = "human"
    MACHINE = "machine"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class EvidenceKind(StrEnum):
    """What an origin can rest on, strongest first: the order of the members is the precedence."""

    CONTENT_CREDENTIAL = "content_credential"
    WATERMARK = "watermark"
    GENERATION_LEDGER = "generation_ledger"
    ATTESTATION = "attestation"
    FIRST_SEEN = "first_seen"
    SOURCE_TYPE = "source_type"
    GENERATOR_TAG = "generator_tag"
    CHAT_RESIDUE = "chat_residue"
    DETECTOR = "detector"


EVIDENCE_SENTENCES: Mapping[EvidenceKind, str] = {
    EvidenceKind.CONTENT_CREDENTIAL: "a signed content credential (C2PA)",
    EvidenceKind.WATERMARK: "a keyed watermark",
    EvidenceKind.GENERATION_LEDGER: "it was generated here, or by a party whose ledger was imported",
    EvidenceKind.ATTESTATION: "a named party vouches for it",
    EvidenceKind.FIRST_SEEN: "it was seen before machine text was common",
    EvidenceKind.SOURCE_TYPE: "unsigned metadata declare how it was made",
    EvidenceKind.GENERATOR_TAG: "its page names a generator",
    EvidenceKind.CHAT_RESIDUE: "it contains what chat assistants leave behind",
    EvidenceKind.DETECTOR: "the detector finds it unlike the human reference",
}


class Verdict(StrEnum):
    """The outcome of the gate for a document or a recipe."""

    ADMITTED = "admitted"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


class Stage(StrEnum):
    """The part of the gate that decided."""

    PROVENANCE = "provenance"
    CHECKS = "checks"
    UTILITY = "utility"
    SLICES = "slices"


class Reason(StrEnum):
    """Why a verdict was given. The list is closed and its values are stable."""

    USEFUL = "useful"
    PROVEN_HARMFUL = "proven_harmful"
    UNDECIDED = "undecided"
    NO_GAIN = "no_gain"
    TOO_SMALL = "too_small"
    SLICE_HARMED = "slice_harmed"
    PANEL_EXHAUSTED = "panel_exhausted"
    INHERITED = "inherited"
    DESCENDS_FROM_PANEL = "descends_from_panel"
    IS_PANEL_DOCUMENT = "is_panel_document"
    PANEL_CONTAMINATION = "panel_contamination"
    TRAINING_COPY = "training_copy"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    TOO_SHORT = "too_short"
    TRUNCATED = "truncated"
    REPETITIVE = "repetitive"
    NOT_TEXT = "not_text"
    INVALID_VALUE = "invalid_value"
    WRONG_ANSWER = "wrong_answer"
    WRONG_ARITHMETIC = "wrong_arithmetic"
    SCHEMA_VIOLATED = "schema_violated"
    TESTS_FAILED = "tests_failed"
    UNFAITHFUL = "unfaithful"
    JUDGED_BAD = "judged_bad"
    OWN_CHECK = "own_check"
    IMPOSSIBLE_MOTION = "impossible_motion"
    FROZEN_CHANNEL = "frozen_channel"
    CHECK_FAILED = "check_failed"
    REVOKED = "revoked"
    DEMOTED = "demoted"
    FILTERED = "filtered"


REASON_SENTENCES: Mapping[Reason, str] = {
    Reason.USEFUL: "training on it measurably lowers the loss on sealed human documents",
    Reason.PROVEN_HARMFUL: "training on it measurably raises the loss on human documents",
    Reason.UNDECIDED: "the evidence neither proves it useful nor harmful",
    Reason.NO_GAIN: "even the upper bound of its gain is not positive, so it is not tested any further",
    Reason.TOO_SMALL: "it has too few tokens for one test",
    Reason.PANEL_EXHAUSTED: "the certification panel has decided too often to see any effect a recipe can have",
    Reason.SLICE_HARMED: "it helps on average but hurts a slice of the human documents",
    Reason.INHERITED: "the verdict of its recipe applies to it",
    Reason.DESCENDS_FROM_PANEL: "it was made from a sealed panel document, or belongs to its group",
    Reason.IS_PANEL_DOCUMENT: "it is a sealed panel document",
    Reason.PANEL_CONTAMINATION: "too many of its 8-word sequences occur in a sealed panel",
    Reason.TRAINING_COPY: "too many of its 8-word sequences occur in the human training text",
    Reason.EXACT_DUPLICATE: "the same text was seen before",
    Reason.NEAR_DUPLICATE: "almost the same text was seen before",
    Reason.TOO_SHORT: "it has fewer words than a document needs",
    Reason.TRUNCATED: "it stops in mid-sentence",
    Reason.REPETITIVE: "it repeats itself",
    Reason.NOT_TEXT: "it consists mostly of symbols or control characters",
    Reason.INVALID_VALUE: "a value is missing, of the wrong kind, or outside of what human rows have",
    Reason.WRONG_ANSWER: "its answer is not the expected one",
    Reason.WRONG_ARITHMETIC: "a calculation in it is wrong",
    Reason.SCHEMA_VIOLATED: "its JSON is missing, broken or not of the schema",
    Reason.TESTS_FAILED: "its program fails the tests",
    Reason.UNFAITHFUL: "it leaves out or makes up numbers, names or dates of the document it was made from",
    Reason.JUDGED_BAD: "a language model that judges found it bad",
    Reason.OWN_CHECK: "it fails a check of the user's own",
    Reason.IMPOSSIBLE_MOTION: "it changes faster or more abruptly than anything in the human recordings",
    Reason.FROZEN_CHANNEL: "a channel stands still that hardly ever does in the human recordings",
    Reason.CHECK_FAILED: "a check could not be carried out, which counts as not passed",
    Reason.REVOKED: "an earlier admission was withdrawn",
    Reason.DEMOTED: "the student trained with it is worse on the final panel than the one trained without",
    Reason.FILTERED: "a filter on a signal drops it, as the settings ask",
}


OPTIONAL = b"headwater.optional"
"""Marks a field that tables of earlier versions lack; it is null in their rows."""


def _field(name: str, kind: pa.DataType, meaning: str, *, optional: bool = False) -> pa.Field:
    return pa.field(name, kind, metadata={b"meaning": meaning.encode(), **({OPTIONAL: b"1"} if optional else {})})


def is_optional(field: pa.Field) -> bool:
    """Return whether tables of earlier versions lack the field."""
    return OPTIONAL in (field.metadata or {})


def _schema(kind: str, fields: Sequence[pa.Field]) -> pa.Schema:
    return pa.schema(fields, metadata={"headwater.kind": kind, "headwater.schema": str(SCHEMA_VERSION)})


DOCUMENT = _schema(
    "document",
    [
        _field("id", pa.string(), "32 hexadecimal digits, hash of the text; or the user's own id"),
        _field("text", pa.string(), "the content, as read"),
        _field("origin", pa.string(), "human, machine, mixed or unknown"),
        _field("evidence", pa.string(), "what the origin rests on"),
        _field("source", pa.string(), "file, package or address it was read from"),
        _field("created", pa.string(), "ISO 8601 date of creation where known"),
        _field("author", pa.string(), "who wrote it, where known"),
        _field("group", pa.string(), "the unit of independence: article, file, author, module"),
        _field("generator", pa.string(), "program or model that made it, null for human documents"),
        _field("recipe", pa.string(), "generator + prompt + decoding: the unit that is admitted"),
        _field("parents", pa.list_(pa.string()), "ids of the documents it was made from"),
        _field("generation", pa.int32(), "0 for human data, g for the output of the model of generation g - 1"),
        _field("licence", pa.string(), "licence where known"),
        _field("permission", pa.string(), "permission signal where known"),
        _field("meta", pa.string(), "everything else the row carried, as one JSON object"),
    ],
)

VERDICT = _schema(
    "verdict",
    [
        _field("id", pa.string(), "document id, or recipe:<name> for a verdict on a recipe"),
        _field("recipe", pa.string(), "recipe the document belongs to"),
        _field("verdict", pa.string(), "admitted, rejected or quarantined"),
        _field("stage", pa.string(), "part of the gate that decided"),
        _field("reason", pa.string(), "reason code"),
        _field("measured", pa.float64(), "the number that was compared"),
        _field("threshold", pa.float64(), "what it was compared with"),
        _field("log_e", pa.float64(), "natural logarithm of the e-value (certification panel)"),
        _field("decision", pa.int64(), "running number of the decision on this panel, null for hard checks"),
        _field("arm", pa.string(), "part of the run the verdict belongs to"),
        _field("generation", pa.int32(), "generation in which it was given"),
        _field("version", pa.string(), "version of Headwater"),
        _field("run", pa.string(), "run id"),
        _field("note", pa.string(), "why a person gave the verdict, in their words", optional=True),
        _field("by", pa.string(), "who gave it, where it was a person", optional=True),
    ],
)

LINEAGE = _schema(
    "lineage",
    [
        _field("event", pa.string(), "data_set_made, model_trained or data_set_sampled"),
        _field("node", pa.string(), "the data set or model that came into being"),
        _field("inputs", pa.list_(pa.string()), "nodes it was made from"),
        _field("weights", pa.list_(pa.float64()), "share of each input; sums to 1 where there are inputs"),
        _field("items", pa.int64(), "documents in the data set, or trained on"),
        _field("tokens", pa.int64(), "tokens in the data set, or trained on"),
        _field("generation", pa.int32(), "generation"),
        _field("arm", pa.string(), "part of the run"),
        _field("run", pa.string(), "run id"),
    ],
)


EVIDENCE = _schema(
    "evidence",
    [
        _field("id", pa.string(), "document id"),
        _field("kind", pa.string(), "kind of evidence"),
        _field("origin", pa.string(), "origin it speaks for: human, machine or mixed; unknown where it says nothing"),
        _field("status", pa.string(), "verified, read, damaged or invalid; the last two decide nothing"),
        _field("p_value", pa.float64(), "p-value where the evidence is a test, corrected for the keys tried"),
        _field("detail", pa.string(), "what was found, in words"),
    ],
)


def content_id(text: str) -> str:
    """Return the id of a text: 32 hexadecimal digits of its BLAKE2b hash (128 bits)."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits that name a JSON-serialisable value, whatever the order of its keys."""
    packed = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.blake2b(packed.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def table_of(schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table of the schema; columns a row does not name are null."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def documents(texts: Sequence[str], **columns: Any) -> pa.Table:
    """Return a document table.

    Args:
        texts: the content, one per document.
        **columns: further columns of ``DOCUMENT``, each a sequence of the same length or one value for all. Without
            ``id`` the content ids are used; without ``parents`` every list is empty.

    Raises:
        KeyError: a column is not part of the schema.
    """
    count = len(texts)
    unknown = set(columns) - set(DOCUMENT.names)
    if unknown:
        raise KeyError(f"not a document column: {', '.join(sorted(unknown))}")
    if "id" not in columns:
        columns["id"] = [content_id(text) for text in texts]
    columns.setdefault("parents", [[]] * count)
    arrays = []
    for field in DOCUMENT:
        value = texts if field.name == "text" else columns.get(field.name)
        if value is None:
            arrays.append(pa.nulls(count, field.type))
        elif isinstance(value, str | int):
            arrays.append(pa.repeat(pa.scalar(value, field.type), count))
        elif isinstance(value, pa.Array | pa.ChunkedArray):
            arrays.append(value.cast(field.type))
        else:
            arrays.append(pa.array(value, field.type))
    return pa.table(arrays, schema=DOCUMENT)
