"""An audit of made files as a sceptical user tries it: mistyped names, odd rows, contradictory evidence."""

import json
from pathlib import Path

import pytest

SENTENCE = "The committee met on Tuesday and agreed that the old bridge should be closed until it had been repaired. "


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Forty documents of 57 words in two sites."""
    return write(
        tmp_path / "corpus.jsonl",
        [{"id": f"d{i}", "text": f"Note {i}. {SENTENCE * 3}", "site": "ab"[i % 2]} for i in range(40)],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--by", "siet"), "no document has a value in column 'siet'. Columns there: id, site, source. Did you mean 'site'?"),
        (("--group", "siet"), "no document has a value in column 'siet'"),
        (("--date", "dat"), "no document has a value in column 'dat'"),
        (("--text", "body"), "has a column 'body'"),
        (("--detector", "nowhere"), "card.json is missing"),
        (("--keys", "nowhere.toml"), "nowhere.toml"),
        (("--trust-anchors", "nowhere.pem"), "nowhere.pem"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_before_a_run_is_begun(corpus, tmp_path, cli, options, message):
    code, out, err = cli("audit", corpus, *options, "-q", "-C", tmp_path)
    assert (code, out) == (2, "")
    assert message in err
    assert json.loads(cli("runs", "list", "--json", "-C", tmp_path)[1])["runs"] == []


def test_the_group_may_be_named_in_the_references_only(corpus, tmp_path, cli):
    human = write(tmp_path / "human.jsonl", [{"text": f"Memo {i}. {SENTENCE}", "author": "x"} for i in range(3)])
    code, _, err = cli("audit", corpus, "--human", human, "--group", "author", "-q", "-C", tmp_path)
    assert code == 0, err
    assert cli("audit", corpus, "--human", human, "--group", "autor", "-q", "-C", tmp_path)[0] == 2


def test_texts_under_several_labels_are_reported(tmp_path, cli):
    rows = [{"id": f"d{i}", "text": f"Note {i % 30}. {SENTENCE * 3}", "site": "ab"[i < 30]} for i in range(40)]
    corpus = write(tmp_path / "corpus.jsonl", rows)
    human = write(tmp_path / "human.jsonl", [{"text": row["text"]} for row in rows[:5]])
    code, out, err = cli(
        "audit", corpus, "--by", "site", "--id", "id", "--human", human, "--json", "-q", "-C", tmp_path
    )
    assert code == 0, err
    found = json.loads(out)
    assert any(
        warning.startswith("20 documents have a text that also stands under another group")
        for warning in found["warnings"]
    )
    (shared,) = [one for one in found["artefacts"] if one["name"] == "identical text in another series"]
    assert shared["share"] == {"corpus": 10 / 40, "human references": 1.0}


def test_rows_that_could_not_be_used_are_said_to_be_where_they_are(corpus, tmp_path, cli):
    with corpus.open("a") as file:
        file.write("no json\n")
        file.write(json.dumps({"text": "\u6c49\u5b57" * 80}) + "\n")
    code, out, err = cli("audit", corpus, "-q", "-C", tmp_path)
    assert code == 0, err
    place = out.split("1 invalid json (")[1].split(")")[0]
    assert json.loads(Path(place).read_text())["kind"] == "invalid_json"
    assert "1 of 41 documents is no English prose" in out
