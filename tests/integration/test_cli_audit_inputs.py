"""An audit of made files as a sceptical user tries it: mistyped names, odd rows, contradictory evidence."""

import json
import random
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
    assert "1 of 41 documents is no English prose, or too few words to tell" in out


def test_the_contract_of_the_scores_for_scripts(tmp_path, cli):
    """Folders of references, a detector of one's own, one row per input row in order, higher = more machine-like."""
    random.seed(5)
    kinds = {"human": ["the", "old", "mill", "by", "a", "river", "was", "sold", "at", "noon", "and", "we", "all", "walked", "home", "in", "rain"],
             "ai": ["moreover", "it", "is", "essential", "that", "robust", "insights", "underscore", "a", "vibrant", "and", "crucial", "tapestry"]}  # fmt: skip

    def sentence(kind):
        return " ".join(random.choices(kinds[kind], k=12)).capitalize() + "."

    def text(kind):
        return " ".join(sentence(kind) for _ in range(8))

    for kind in kinds:
        (tmp_path / kind).mkdir()
        for part in range(2):
            rows = "".join(json.dumps({"text": text(kind)}) + "\n" for _ in range(30))
            (tmp_path / kind / f"{part}.jsonl").write_text(rows)
    references = ("--human", tmp_path / "human", "--ai", tmp_path / "ai")
    own = tmp_path / "own"
    code, out, err = cli("detector", "fit", *references, "--out", own, "-q", "--rejects", tmp_path / "r.jsonl")
    assert code == 0, err
    wanted = [("human", f"h{i}") for i in range(15)] + [("ai", f"a{i}") for i in range(15)]
    random.shuffle(wanted)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"id": key, "text": text(kind), "site": kind}) + "\n" for kind, key in wanted))
    scores = tmp_path / "scores.jsonl"
    code, out, err = cli(
        "detector", "score", corpus, "--detector", own, "--out", scores, "-q", "--rejects", tmp_path / "r.jsonl"
    )
    assert code == 0, err
    rows = [json.loads(line) for line in scores.read_text().splitlines()]
    assert [row["id"] for row in rows] == [key for _, key in wanted]
    assert all({"id", "score", "p_value", "verdict"} <= set(row) for row in rows)
    sides = {
        kind: [row["score"] for row, (own_kind, _) in zip(rows, wanted, strict=True) if own_kind == kind]
        for kind in kinds
    }
    assert min(sides["ai"]) > max(sides["human"])
    assert all(0 < row["p_value"] <= 1 for row in rows)
    code, out, err = cli("audit", corpus, *references, "--by", "site", "--json", "-q", "-C", tmp_path)
    assert code == 0, err
    found = json.loads(out)
    assert found["schema"] == 1
    assert [one["group"] for one in found["groups"]] == ["ai", "human"]
    kinds_of = {"group": str, "documents": int, "grade": str, "share": float | None, "low": float | None,
                "high": float | None, "refused": str | None}  # fmt: skip
    for one in found["groups"]:
        assert all(isinstance(one[name], kind) for name, kind in kinds_of.items())
        assert one["grade"] == "A"
    assert isinstance(found["detector"]["auroc_reserve"], float)
    assert Path(found["detector"]["card"]).is_file()
    assert isinstance(found["seconds"], float)
    code, out, err = cli("audit", corpus, "--detector", own, "--json", "-q", "-C", tmp_path)
    assert code == 0, err
    assert json.loads(out)["detector"]["card"] == str(own / "card.json")


def test_keys_that_find_no_tokens_are_said_to_have_seen_nothing(corpus, tmp_path, cli):
    keys = tmp_path / "keys.toml"
    keys.write_text(
        '[[keys]]\nname = "bot"\nscheme = "green-list"\nkey = 7\nseeding = "lefthash"\ncontext_width = 1\n'
        'gamma = 0.25\nvocabulary = 100\ntokens = "token_ids"\n'
    )
    for column, warned in (("tokens", True), ("token_ids", False)):
        rows = [json.loads(line) for line in corpus.read_text().splitlines()]
        write(corpus, [{**row, column: [1, 2, 3]} for row in rows])
        code, out, err = cli("audit", corpus, "--keys", keys, "--json", "-q", "-C", tmp_path)
        assert code == 0, err
        assert any("looked at for the watermarks of 'bot'" in one for one in json.loads(out)["warnings"]) == warned
