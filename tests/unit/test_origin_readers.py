"""Readers of evidence: all that apply, strongest first, and the column in which a user says who made a document."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import ConfigError, StoreError
from headwater.origin.evidence import Evidence, EvidenceReader, Status, rule
from headwater.origin.exchange import PartyAttestations
from headwater.origin.marks import DateReader, TextCredentialReader
from headwater.origin.marks.attested import OriginColumnReader
from headwater.origin.marks.watermark import WatermarkReader
from headwater.origin.own_output import OwnOutputReader, record_generated
from headwater.origin.readers import evidence_readers
from headwater.schema import EvidenceKind, Origin, documents
from headwater.store.generated import GeneratedLedger

Prose = Callable[[int, int], str]


def names(readers: list[EvidenceReader]) -> list[str]:
    return [type(one).__name__ for one in readers]


def found(readers: list[EvidenceReader], table: pa.Table) -> dict[int, list[Evidence]]:
    by_row: dict[int, list[Evidence]] = {}
    [batch] = table.combine_chunks().to_batches()
    for reader in readers:
        for row, one in reader.read(batch):
            by_row.setdefault(row, []).append(one)
    return by_row


def test_the_readers_that_need_nothing_are_always_there(tmp_path: Path) -> None:
    assert names(evidence_readers(tmp_path)) == [
        "TextCredentialReader",
        "OwnOutputReader",
        "PartyAttestations",
        "DateReader",
        "SourceTypeReader",
        "GeneratorTagReader",
        "ChatResidueReader",
    ]
    assert not list(tmp_path.iterdir())  # looking leaves nothing behind


def test_a_named_column_and_keys_add_their_readers_in_their_place(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(
        '[[keys]]\nname = "ours"\nscheme = "green-list"\nkey = 15485863\ntokens = "ids"\nvocabulary = 500\n'
    )
    readers = evidence_readers(tmp_path, origin=True, attested_by="the desk", keys=keys, trust_anchors="PEM")
    assert [type(one) for one in readers[:5]] == [
        TextCredentialReader,
        WatermarkReader,
        OwnOutputReader,
        OriginColumnReader,
        PartyAttestations,
    ]
    assert readers[0] == TextCredentialReader("PEM")
    assert readers[3] == OriginColumnReader("the desk")


def test_keys_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        evidence_readers(tmp_path, keys=tmp_path / "none.toml")


def test_damaged_imports_are_told(tmp_path: Path) -> None:
    (tmp_path / "parties" / "0123").mkdir(parents=True)
    with pytest.raises(StoreError, match="Import the archive of that party again"):
        evidence_readers(tmp_path)


def test_dates_and_origins_are_attributed_to_whom_the_user_names(tmp_path: Path) -> None:
    readers = evidence_readers(tmp_path, dated_by="the crawl")
    assert DateReader("the crawl") in readers
    assert DateReader("the column 'written'") in evidence_readers(tmp_path, date_column="written")
    assert OriginColumnReader("the origin column") in evidence_readers(tmp_path, origin=True)


def test_an_origin_column_is_attestation_and_unknown_says_nothing() -> None:
    table = documents(
        ["a", "b", "c", "d", "e"], origin=["human", "machine", "mixed", "unknown", None], id=list("abcde")
    )
    by_row = found([OriginColumnReader("Ada")], table)
    assert {row: (one.origin, one.detail) for row, [one] in by_row.items()} == {
        0: (Origin.HUMAN, "human, says Ada"),
        1: (Origin.MACHINE, "machine, says Ada"),
        2: (Origin.MIXED, "mixed, says Ada"),
    }
    assert {(one.kind, one.status) for [one] in by_row.values()} == {(EvidenceKind.ATTESTATION, Status.READ)}


def test_of_all_evidence_on_a_document_the_strongest_decides(tmp_path: Path, prose: Prose) -> None:
    made = documents([prose(60, 1)], origin="machine", generator="us", recipe="r", generation=1)
    record_generated(GeneratedLedger(tmp_path), made, "run")
    text = made["text"][0].as_py()
    table = documents(
        [text, prose(60, 2), prose(60, 3) + " As an AI language model, I cannot judge this."],
        origin=["human", "human", "unknown"],
        created=["2019-05-01", None, "2019-05-01"],
        id=["made", "attested", "pasted"],
        meta=[json.dumps({"digitalSourceType": "trainedAlgorithmicMedia"})] * 3,
    )
    by_row = found(evidence_readers(tmp_path, origin=True, attested_by="Ada"), table)
    decided = [rule(by_row[row]) for row in range(3)]
    assert [one.decided_by.kind for one in decided if one.decided_by] == [
        EvidenceKind.GENERATION_LEDGER,
        EvidenceKind.ATTESTATION,
        EvidenceKind.FIRST_SEEN,
    ]
    assert [one.origin for one in decided] == [Origin.MACHINE, Origin.HUMAN, Origin.HUMAN]
    assert [one.kind for one in decided[2].contradicted_by] == [EvidenceKind.SOURCE_TYPE, EvidenceKind.CHAT_RESIDUE]
    for row in by_row.values():  # and they are read in the order of the precedence
        assert all(before.rank <= after.rank for before, after in pairwise(row))


def test_documents_without_marks_give_no_evidence(tmp_path: Path, prose: Prose) -> None:
    table = documents([prose(40, seed) for seed in range(50)])
    assert found(evidence_readers(tmp_path, origin=True), table) == {}
    assert np.all(table["origin"].is_null())
