"""The detector as a user meets it: fitted to own texts, scoring files row by row, its card, mirror texts."""

import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_cli_audit import DATA, rows_of

from headwater.measure.detection import auroc
from headwater.schema import content_id
from headwater.store import store_folder
from headwater.store.generated import GeneratedLedger

pytestmark = pytest.mark.skipif(not (DATA / "human_vs_ai").is_dir(), reason="the data sets are not here")


@pytest.fixture(scope="module")
def essays(tmp_path_factory):
    """Essays: 60 human and 60 machine ones to learn from, 40 of each to test on, other prompts in each."""
    folder = tmp_path_factory.mktemp("essays")
    found = list(rows_of(DATA / "human_vs_ai" / "outfox_essays_en.jsonl.zst"))
    sides = {
        "human": [row for row in found if row["label"] == "human"],
        "ai": [row for row in found if row["generator"] == "flan_t5_xxl" or row["generator"] == "flan-t5-xxl"],
    }
    for name, rows in sides.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:60]))
    prompts = {row["pair"] for rows in sides.values() for row in rows[:60]}
    tested = [row for rows in sides.values() for row in [row for row in rows if row["pair"] not in prompts][:40]]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tested))
    return folder, [row["id"] for row in tested], np.array([row["label"] == "ai" for row in tested])


def scores_of(path):
    return np.array(pq.read_table(path)["score"].to_pylist(), dtype=float)


def test_fitting_to_own_texts_helps_on_a_generator_the_detector_knows_badly(essays, tmp_path, cli):
    folder, ids, is_machine = essays
    code, out, err = cli(
        "detector", "fit", "--human", folder / "human.jsonl", "--ai", folder / "ai.jsonl", "--group", "pair",
        "--out", tmp_path / "own", "-q", "--rejects", tmp_path / "r.jsonl",
    )  # fmt: skip
    assert code == 0, err
    assert "AUROC" in out
    for name, options in (("shipped", []), ("own", ["--detector", tmp_path / "own"])):
        code, out, err = cli(
            "detector", "score", folder / "test.jsonl", "--out", tmp_path / f"{name}.parquet", *options, "-q",
            "--rejects", tmp_path / "r.jsonl",
        )  # fmt: skip
        assert code == 0, err
    table = pq.read_table(tmp_path / "own.parquet")
    assert table["id"].to_pylist() == ids
    assert set(table["verdict"].to_pylist()) <= {"human-consistent", "undecided", "machine-like"}
    own = auroc(scores_of(tmp_path / "own.parquet")[~is_machine], scores_of(tmp_path / "own.parquet")[is_machine])
    assert own > 0.9
    code, out, err = cli(
        "detector", "fit", "--human", folder / "human.jsonl", "--ai", folder / "ai.jsonl", "--from", tmp_path / "own",
        "--out", tmp_path / "again", "-q", "--json", "--rejects", tmp_path / "r.jsonl",
    )  # fmt: skip
    assert code == 0, err
    (warning,) = json.loads(out)["warnings"]
    assert "120 of the 120 texts are texts that detector 'own' had learnt before" in warning
    assert json.loads((tmp_path / "again" / "card.json").read_text())["limits"][0] == warning
    assert (json.loads(out)["card"]["own_human"], json.loads(out)["card"]["own_machine"]) == (60, 60)
    code, out, err = cli("detector", "fit", "--human", "x", "--ai", "y", "--out", tmp_path / "own", "-q")
    assert code == 2
    assert "there is a detector" in err


def test_every_row_gets_a_row_in_order(tmp_path, cli):
    path = tmp_path / "odd.jsonl"
    text = "The committee met on Tuesday and agreed that the old bridge should be closed until it had been repaired. "
    path.write_bytes(
        b"".join(
            [
                json.dumps({"id": "a", "text": text * 4}).encode() + b"\n",
                json.dumps({"id": "b", "text": text * 4}).encode() + b"\n",
                b"no json\n",
                json.dumps({"id": "c", "text": ""}).encode() + b"\n",
                json.dumps({"id": "d", "text": "word"}).encode() + b"\n",
                json.dumps({"id": "e", "text": "\u6c49\u5b57" * 80}).encode() + b"\n",
            ]
        )
    )
    for suffix in ("parquet", "jsonl", "csv"):
        code, out, err = cli(
            "detector", "score", path, "--out", tmp_path / f"s.{suffix}", "-q", "--json", "--rejects",
            tmp_path / "r.jsonl",
        )  # fmt: skip
        assert code == 0, err
        assert json.loads(out)["rows"] == 6
    rows = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["a", "b", f"{path}:3", f"{path}:4", "d", "e"]
    assert rows[0]["score"] == rows[1]["score"]
    assert [row["score"] is None for row in rows] == [False, False, True, True, True, True]
    assert "Chinese" in rows[5]["not_judged"]
    assert rows[4]["not_judged"] == "too few words to tell"
    assert {row["verdict"] for row in rows[2:]} == {"undecided"}
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 7


def test_the_card_says_what_it_cannot_do(cli):
    code, out, err = cli("detector", "card")
    assert code == 0, err
    assert "English" in out
    assert "non-native" in out
    assert json.loads(cli("detector", "card", "--json")[1])["card"]["human"] > 1000


def test_mirror_texts_come_from_a_program_of_the_users(tmp_path, cli):
    human = tmp_path / "human.jsonl"
    human.write_text(
        "".join(json.dumps({"text": f"Report {i}. " + "It was dull. " * 20, "title": f"T{i}"}) + "\n" for i in range(9))
    )
    writer = tmp_path / "write.py"
    writer.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    row = json.loads(line)\n"
        "    print(json.dumps({'id': row['id'], 'text': 'On ' + row['prompt'].split()[-1] + ' we write. ' + 'So ' * 30}))\n"
        "print('slow today', file=sys.stderr)\n"
    )
    out_file = tmp_path / "ai.jsonl"
    code, out, err = cli(
        "detector", "mirror", "--human", human, "--out", out_file, "--command", f"{sys.executable} {writer}",
        "--count", "5", "--name", "writer", "--json", "-q", "--rejects", tmp_path / "r.jsonl", "-C", tmp_path,
    )  # fmt: skip
    assert code == 0, err
    assert "slow today" in err
    assert json.loads(out)["documents"] == 5
    rows = [json.loads(line) for line in out_file.read_text().splitlines()]
    assert {row["origin"] for row in rows} == {"machine"}
    assert all(row["text"].startswith("On T") and row["generator"] == "writer" for row in rows)
    (facts,) = [segment.facts for segment in GeneratedLedger(store_folder(tmp_path)).segments()]
    assert set(facts["generator"].to_pylist()) == {"writer"}
    assert sorted(facts["content"].to_pylist()) == sorted(content_id(row["text"]) for row in rows)
    for suffix, message in ((".doc", "unknown format"), (".jsonl", "read as input")):
        options = ("--out", human.with_suffix(suffix), "--recipe", "reword", "-q", "-C", tmp_path)
        code, out, err = cli("detector", "mirror", "--human", human, *options)
        assert (code, message in err) == (2, True)
    code, out, err = cli("detector", "mirror", "--human", human, "--out", out_file, "--recipe", "rewrod", "-q")
    assert code == 2
    assert "Did you mean 'reword'" in err


def test_scores_never_replace_what_they_are_read_from(tmp_path, cli):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"text": "Some words of a document that must stay."}\n', "utf-8")
    before = corpus.read_bytes()
    for arguments in ((corpus, "--out", corpus), (corpus, "--human", corpus, "--out", corpus)):
        code, _, err = cli("detector", "score", *arguments)
        assert code == 2
        assert "is read as input and would be replaced" in err
        assert corpus.read_bytes() == before
