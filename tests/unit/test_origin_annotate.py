"""An audited corpus written again: in step with the audit's rows, with nothing of the documents lost."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.config import AuditSettings, Settings
from headwater.errors import InputError
from headwater.loop.inputs import stream_batches
from headwater.origin import AUDITED
from headwater.origin.annotate import annotate
from headwater.origin.exported import record_names
from headwater.schema import content_id
from headwater.sources import OWN_COLUMNS, Columns, read_table

_LINES: list[dict[str, Any]] = [
    {"body": "The river rose in spring.", "posted": "2019-05-01", "site": "a", "recipe": "own recipe", "group": "g1"},
    {"body": "As a model I cannot swim.", "posted": "2025-01-01", "site": "b", "evidence": "the editor's word"},
    {"body": "Nothing is known of this.", "permission": "noai", "licence": "CC0-1.0", "parents": ["x"]},
    {"body": "\u2028 An odd line, with \u0085 in it.", "meta": {"kept": 1}, "audit": "somebody's own column"},
]


def _row(number: int, **values: Any) -> dict[str, Any]:
    return {"id": content_id(_LINES[number]["body"]), "keys": [], "words": 5, "origin": "unknown",
            "verdict": "undecided", **values}  # fmt: skip


_AUDITED = [
    _row(0, origin="human", evidence="first_seen: 2019-05-01", score=-1.5, p_value=0.7, verdict="human-consistent"),
    _row(1, origin="machine", evidence="chat_residue: As a model", score=4.25, p_value=0.001, verdict="machine-like",
         contradicted_by="first_seen: 2019", permission="forbids training"),
    _row(2, permission="allows training", not_judged="too short"),
    _row(3),
]  # fmt: skip


def _write(folder: Path, lines: list[dict[str, Any]] = _LINES, rows: list[dict[str, Any]] = _AUDITED,
           row_group: int = 2) -> tuple[AuditSettings, Path]:  # fmt: skip
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    audited = folder / "the-run" / "documents.parquet"
    audited.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=AUDITED), audited, row_group_size=row_group)
    return AuditSettings(paths=(str(corpus),), text="body", date="posted"), audited


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_every_document_gets_its_origin_and_keeps_the_rest(tmp_path: Path, suffix: str):
    settings, audited = _write(tmp_path)
    out = tmp_path / f"out{suffix}"
    assert annotate(settings, audited, out) == 4
    rows = read_table(out, OWN_COLUMNS)[0].to_pylist()
    metas = [json.loads(row["meta"]) for row in rows]
    assert [row["text"] for row in rows] == [line["body"] for line in _LINES]
    assert [row["id"] for row in rows] == [row["id"] for row in _AUDITED]
    assert [row["origin"] for row in rows] == ["human", "machine", "unknown", "unknown"]
    assert [row["evidence"] for row in rows] == ["first_seen: 2019-05-01", "chat_residue: As a model", None, None]
    assert [row["created"] for row in rows] == ["2019-05-01", "2025-01-01", None, None]
    # What the file said comes before what the signals amount to.
    assert [row["permission"] for row in rows] == [None, "forbids training", "noai", None]
    # The name of the file is no recipe of documents that name another, or none.
    assert [row["recipe"] for row in rows] == ["own recipe", None, None, None]
    assert [row["group"] for row in rows] == ["g1", *(row["id"] for row in _AUDITED[1:])]
    assert (rows[2]["licence"], rows[2]["parents"]) == ("CC0-1.0", ["x"])
    assert [meta["audit"] for meta in metas] == [
        {"score": -1.5, "p_value": 0.7, "verdict": "human-consistent"},
        {"score": 4.25, "p_value": 0.001, "verdict": "machine-like", "contradicted_by": "first_seen: 2019",
         "evidence_before": "the editor's word"},
        {"verdict": "undecided", "not_judged": "too short"},
        {"verdict": "undecided"},
    ]  # fmt: skip
    assert [meta.get("site") for meta in metas] == ["a", "b", None, None]
    assert metas[3]["kept"] == 1
    # An audit finds; it does not put a declaration into somebody's document.
    assert not any("digitalSourceType" in meta for meta in metas)


def test_records_stand_beside_it(tmp_path: Path):
    settings, audited = _write(tmp_path)
    annotate(settings, audited, tmp_path / "out.jsonl")
    prov, croissant, _ = (json.loads((tmp_path / name).read_bytes()) for name in record_names("out.jsonl"))
    (data,) = (one for one in prov["entity"].values() if "headwater:documents.human" in one)
    assert data["headwater:documents.machine"]["$"] == "1"
    assert next(iter(prov["activity"].values()))["prov:label"] == "the-run"
    assert croissant["prov:wasDerivedFrom"][0]["prov:label"] == str(tmp_path / "corpus.jsonl")


def test_batches_and_row_groups_need_not_agree(tmp_path: Path):
    lines = [{"body": f"Sentence number {i} of the corpus."} for i in range(2500)]
    rows = [
        {"id": content_id(line["body"]), "keys": [], "words": 6, "score": float(i), "verdict": "undecided",
         "origin": "human" if i % 3 else "machine"}
        for i, line in enumerate(lines)
    ]  # fmt: skip
    settings, audited = _write(tmp_path, lines, rows, row_group=700)
    assert annotate(settings, audited, tmp_path / "out.parquet") == 2500
    table = read_table(tmp_path / "out.parquet", OWN_COLUMNS)[0]
    assert table["text"].to_pylist() == [line["body"] for line in lines]
    assert table["origin"].to_pylist() == [row["origin"] for row in rows]
    scores = [json.loads(meta)["audit"]["score"] for meta in table["meta"].to_pylist()]
    assert scores == [row["score"] for row in rows]


@pytest.mark.parametrize("change", ["text", "fewer documents", "more documents", "order"])
def test_files_that_changed_since_the_audit_are_refused_and_nothing_is_written(tmp_path: Path, change: str):
    lines = [dict(line) for line in _LINES]
    match change:
        case "text":
            lines[1]["body"] += " Indeed."
        case "fewer documents":
            lines.pop()
        case "more documents":
            lines.append({"body": "One sentence more."})
        case _:
            lines.reverse()
    settings, audited = _write(tmp_path, lines)
    with pytest.raises(InputError, match=r"corpus\.jsonl are not those that were audited.*Repeat the audit"):
        annotate(settings, audited, tmp_path / "out.jsonl")
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.jsonl", "the-run"}


def test_bad_rows_are_passed_over_as_the_audit_did(tmp_path: Path):
    settings, audited = _write(tmp_path)
    corpus = Path(settings.paths[0])
    first, *rest = corpus.read_bytes().split(b"\n")
    corpus.write_bytes(b"\n".join([first, b"{broken", b"", first, *rest]))
    assert annotate(settings, audited, tmp_path / "out.jsonl") == 4


def test_a_document_found_to_be_machine_made_is_no_longer_of_generation_0(tmp_path: Path):
    lines = [{"body": f"Words {i}.", "who": "human"} for i in range(3)]
    found = ["human", "machine", "unknown"]
    rows = [
        {"id": content_id(line["body"]), "keys": [], "words": 2, "verdict": "undecided", "origin": origin}
        for line, origin in zip(lines, found, strict=True)
    ]
    settings, audited = _write(tmp_path, lines, rows)
    annotate(settings.model_copy(update={"origin": "who"}), audited, tmp_path / "out.jsonl")
    table = read_table(tmp_path / "out.jsonl", OWN_COLUMNS)[0]
    assert table["generation"].to_pylist() == [0, None, 0]
    # How a column was read is no evidence worth keeping beside what the audit found.
    assert not any("evidence_before" in meta for meta in table["meta"].to_pylist())


def test_the_human_part_can_be_read_by_its_column(tmp_path: Path):
    settings, audited = _write(tmp_path)
    annotate(settings, audited, tmp_path / "out.jsonl")
    table = read_table(tmp_path / "out.jsonl", Columns(id="id", origin="origin"))[0]
    assert table["origin"].to_pylist() == ["human", "machine", "unknown", "unknown"]
    assert table["evidence"][0].as_py() == "first_seen: 2019-05-01"


def test_a_stream_keeps_the_origin_that_the_audit_found(tmp_path: Path):
    settings, audited = _write(tmp_path)
    annotate(settings, audited, tmp_path / "out.jsonl")
    stream = Settings.model_validate({"stream": {"paths": (str(tmp_path / "out.jsonl"),)}})
    table = pa.concat_tables(stream_batches(stream))
    assert table["origin"].to_pylist() == ["human", "machine", "unknown", "unknown"]
    assert table["evidence"].to_pylist() == [
        "first_seen: 2019-05-01", "chat_residue: As a model", None, None,
    ]  # fmt: skip
    assert not any("origin" in json.loads(meta) for meta in table["meta"].to_pylist())


def test_an_origin_column_of_another_meaning_stays_as_it_is(tmp_path: Path):
    corpus = tmp_path / "stream.jsonl"
    lines = [
        {"text": "From a forum.", "origin": "forum"},
        {"text": "From nowhere."},
        {"text": "Odd.", "origin": ["human"]},
    ]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    table = pa.concat_tables(stream_batches(Settings.model_validate({"stream": {"paths": (str(corpus),)}})))
    assert table["origin"].to_pylist() == ["machine"] * 3
    assert set(table["evidence"].to_pylist()) == {"declared for the whole file"}
    assert [json.loads(meta or "{}").get("origin") for meta in table["meta"].to_pylist()] == ["forum", None, ["human"]]
