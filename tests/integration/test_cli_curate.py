"""``headwater curate`` as scripts and people use it: the contract, the folder, exit codes, and every kind of mistake."""

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

SHORT = ["frequent_2_gram", "frequent_3_gram", "too_few_words", "too_few_alphabetic_words", "too_few_stop_words"]
STOPS = "The house of the people that have to be with it. "
MAIN = "import sys; from headwater.cli.main import main; sys.argv = ['headwater', *sys.argv[1:]]; main()"

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def texts(prose) -> list[str]:
    """Twenty texts that pass the rules of Gopher."""
    return [STOPS + prose(120, seed) for seed in range(20)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def rows_of(texts: list[str]) -> list[dict[str, Any]]:
    """Return good documents, two copies, one that is too short, one without a text."""
    rows: list[dict[str, Any]] = [
        {"id": f"d{i}", "text": text, "site": "ab"[i % 2], "n": i} for i, text in enumerate(texts)
    ]
    rows.append({"id": "copy", "text": texts[0], "site": "b", "n": 20})
    rows.append({"id": "near", "text": texts[1].replace(texts[1].split()[30], "x", 1), "site": "b", "n": 21})
    rows.append({"id": "short", "text": "Too short.", "site": "a", "n": 22})
    rows.append({"id": "none", "site": "a", "n": 23})
    return rows


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, texts) -> Path:
    return write(tmp_path_factory.mktemp("corpus") / "corpus.jsonl", rows_of(texts))


def rules(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Curate the corpus as a script would, in a process of its own."""
    out = tmp_path_factory.mktemp("finished") / "out"
    arguments = ["curate", str(corpus), "--out", str(out), "--rules", "gopher", "--source", "site", "--workers", "1"]
    run = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments, "--json"], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return out, run


def read(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("part-*.parquet"))])


def test_the_contract_for_scripts(finished, corpus):
    _, run = finished
    found = json.loads(run.stdout)  # one document and nothing else
    assert found["schema"] == 1
    assert found["documents"] == {"in": 24, "kept": 20, "dropped": 3, "bad": 1}
    dropped = {rule["rule"]: rule["dropped"] for rule in found["rules"]}
    assert all(type(rule["rule"]) is str and type(rule["dropped"]) is int for rule in found["rules"])
    assert {rule: count for rule, count in dropped.items() if count} == {
        **dict.fromkeys(SHORT, 1),
        "exact_duplicate": 1,
        "near_duplicate": 1,
    }
    assert found["bytes"] == corpus.stat().st_size
    kinds = {"bytes": int, "seconds": float, "cpu_seconds": float, "peak_rss_mb": float, "engine": str, "workers": int}
    assert {name: type(found[name]) for name in kinds} == kinds
    assert (found["engine"], found["workers"]) == ("embedded", 1)
    assert found["seconds"] > 0
    assert found["cpu_seconds"] > 0
    assert 50 < found["peak_rss_mb"] < 4000


def test_the_folder_holds_the_documents_with_reasons_and_values(finished):
    out, _ = finished
    assert {entry.name for entry in out.iterdir()} == {
        *("kept", "dropped", "signals", "pairs.parquet", "rejects.jsonl", "report.html", "curation.json", ".work"),
        *("kept.prov.json", "kept.croissant.json", "kept.provenance.json"),
    }
    assert [str(path.relative_to(out)) for path in (out / ".work").rglob("*") if path.is_file()] == [
        ".work/locks/curation.lock"
    ]
    kept, dropped = read(out / "kept"), read(out / "dropped")
    for table in (kept, dropped):
        assert {"id", "text", "site", "n", "reasons", "measured"} <= set(table.column_names)
        assert table.schema.field("reasons").type == pa.list_(pa.string())
        assert pa.types.is_struct(table.schema.field("measured").type)
    assert kept["n"].to_pylist() == list(range(20))
    assert set(map(tuple, kept["reasons"].to_pylist())) == {()}
    by_id = {row["id"]: row for row in dropped.to_pylist()}
    assert by_id["short"]["reasons"] == SHORT
    assert by_id["short"]["measured"]["words"] == 2
    assert (by_id["copy"]["reasons"], by_id["copy"]["duplicate_of"]) == (["exact_duplicate"], "d0")
    assert (by_id["near"]["reasons"], by_id["near"]["duplicate_of"]) == (["near_duplicate"], "d1")
    pairs = pq.read_table(out / "pairs.parquet").to_pylist()
    assert [(one["removed_id"], one["kept_id"], one["removed_line"]) for one in pairs] == [
        ("copy", "d0", 21),
        ("near", "d1", 22),
    ]
    (bad,) = [json.loads(line) for line in (out / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert (bad["line"], bad["kind"]) == (24, "missing_text")


def test_documents_as_json_lines_in_zstandard(corpus, tmp_path, cli):
    code, _, err = cli(
        *("curate", corpus, "-o", tmp_path / "out", "--rules", "gopher", "--format", "jsonl.zst", "--workers", 1, "-q")
    )
    assert code == 0, err
    assert {path.name for path in (tmp_path / "out" / "kept").iterdir()} == {"part-00000.jsonl.zst"}
    with (tmp_path / "out" / "dropped" / "part-00000.jsonl.zst").open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    rows = {row["id"]: row for row in map(json.loads, io.BytesIO(data))}
    assert rows["short"]["reasons"] == SHORT
    assert rows["copy"]["duplicate_of"] == "d0"
    assert rows["copy"]["measured"]["words"] > 100


def test_a_person_is_told_what_became_of_every_document(corpus, tmp_path, cli):
    code, out, err = cli(
        "curate", corpus, "-o", tmp_path / "out", "--rules", "gopher", "--source", "site", "--workers", 1
    )
    assert code == 0
    assert out.startswith("24 documents in = 20 kept (83.3%) + 3 dropped + 1 bad\n")
    assert "1 worker (embedded): " in out
    assert "1 missing_text; see rejects.jsonl" in out
    assert str(tmp_path / "out") in out
    assert "Traceback" not in err


def test_losses_above_the_limit_are_a_finding_only_with_check(corpus, tmp_path, cli):
    options = ("--rules", "gopher", "--set", "too_few_words=1000", "--workers", 1, "-q")
    assert cli("curate", corpus, "-o", tmp_path / "a", *options)[0] == 0
    assert cli("curate", corpus, "-o", tmp_path / "b", *options, "--check")[0] == 1
    assert cli("curate", corpus, "-o", tmp_path / "c", *options, "--check", "--most-lost", 1)[0] == 0
    assert cli("rethreshold", tmp_path / "a", "--check", "-q")[0] == 1
    assert cli("rethreshold", tmp_path / "a", "--check", "-q", "--set", "too_few_words=50")[0] == 0


def test_a_dry_run_prints_the_plan_and_writes_nothing(corpus, tmp_path, cli):
    code, out, _ = cli("curate", corpus, "-o", tmp_path / "out", "--rules", "gopher", "--set", "empty=off", "--dry-run")
    assert code == 0
    assert "1 file" in out
    assert "words is below 50" in out
    assert "characters is below 1" not in out
    assert str(tmp_path / "out") in out
    code, out, _ = cli("curate", corpus, "-o", tmp_path / "out", "--rules", "c4", "--dry-run", "--json")
    plan = json.loads(out)["plan"]
    assert (code, plan["files"], plan["bytes"]) == (0, [str(corpus)], corpus.stat().st_size)
    assert "curly_bracket" in {rule["rule"] for rule in plan["rules"]}
    assert not (tmp_path / "out").exists()


def test_every_option_has_an_environment_name(corpus, tmp_path, cli, monkeypatch):
    monkeypatch.setenv("HEADWATER_CURATE_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("HEADWATER_CURATE_RULES", "gopher")
    monkeypatch.setenv("HEADWATER_CURATE_SET", " ".join(f"{reason}=off" for reason in SHORT))
    monkeypatch.setenv("HEADWATER_CURATE_DEDUP", "exact")
    monkeypatch.setenv("HEADWATER_CURATE_JSON", "1")
    monkeypatch.setenv("HEADWATER_WORKERS", "1")
    code, out, err = cli("curate", corpus, "-q")
    assert code == 0, err
    assert json.loads(out)["documents"] == {"in": 24, "kept": 22, "dropped": 1, "bad": 1}
    assert json.loads(out)["workers"] == 1
    monkeypatch.setenv("HEADWATER_CURATE_SET", "too_few_wrods=1")
    code, _, err = cli("curate", corpus, "-q")
    assert code == 2
    assert "Did you mean 'too_few_words'" in err


def test_help_shows_an_example_and_every_environment_name():
    environ = {**os.environ, "COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
    for verb, options in (("curate", ("RULES", "DEDUP", "EVALUATION", "CHECK")), ("rethreshold", ("SET", "OUT"))):
        run = subprocess.run(
            [sys.executable, "-c", MAIN, verb, "--help"], check=False, capture_output=True, text=True, env=environ
        )
        assert run.returncode == 0
        assert f"Example: headwater {verb} " in run.stdout
        assert all(f"HEADWATER_{verb.upper()}_{option}" in run.stdout for option in options)


def test_rules_from_a_file(corpus, tmp_path, cli, texts):
    (tmp_path / "words.txt").write_text(f"{texts[3].split()[40]}\n")
    file = rules(
        tmp_path,
        """
        extends = "gopher"
        [thresholds]
        frequent_2_gram = false
        frequent_3_gram = false
        too_few_alphabetic_words = 0
        too_few_words = 10
        too_few_stop_words = false
        [duplicates]
        near = false
        [custom.seventh]
        sql = "id = 'd7'"
        [lists.words]
        file = "words.txt"
        """,
    )
    code, out, err = cli(
        "curate", corpus, "-o", tmp_path / "out", "--rules", file, "--set", "too_few_words=0", "--json", "--workers", 1
    )
    assert code == 0, err
    found = json.loads(out)
    assert {rule["rule"]: rule["dropped"] for rule in found["rules"] if rule["dropped"]} == {
        "exact_duplicate": 1,
        "custom:seventh": 1,
        "listed:words": 1,
    }
    assert next(rule["threshold"] for rule in found["rules"] if rule["rule"] == "too_few_words") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rule", "gopher"), ("No such option", "--rules")),
        (("--format", "csv"), ("'--format'", "): 'csv' is not one of 'parquet', 'jsonl.zst'.")),
        (("--rules", "finweb"), ("finweb", "fineweb, gopher, c4, none", "Did you mean 'fineweb'?")),
        (("--rules", "nowhere.toml"), ("nowhere.toml", "nor a file")),
        (("--set", "too_few_word=3"), ("too_few_word", "Did you mean 'too_few_words'?")),
        (("--set", "too_few_words=many"), ("too_few_words=many", "write a number, or off")),
        (("--set", "too_few_words"), ("write key=value",)),
        (("--set", "too_few_words=nan"), ("too_few_words", "nan")),
        (("--dedup", "nera"), ("'nera'", "exact, near, sentences, paragraphs", "Did you mean 'near'?")),
        (("--dedup", "sentences,paragraphs"), ("not both",)),
        (("--text", "texd"), ("'texd'", "id, text, site, n", "Did you mean 'text'?")),
        (("--id", "idd"), ("'idd'", "Did you mean 'id'?")),
        (("--source", "sit"), ("'sit'", "Did you mean 'site'?")),
        (("--personal-data", "hide"), ("personal_data.action", "find", "mask", "drop")),
        (("--prefer", "robots"), ("duplicates.prefer", "human", "machine")),
        (("--most-lost", "2"), ("--most-lost 2", "between 0 and 1")),
        (("--engine", "embeded"), ("'embeded'", "Did you mean 'embedded'?")),
        (("--evaluation", "nowhere.jsonl"), ("nowhere.jsonl",)),
        (("--against", "nowhere.jsonl"), ("nowhere.jsonl",)),
        (("--tokenizer", "nowhere.json"), ("nowhere.json",)),
        (("--reserve",), ("headwater reserve add",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and value[0].startswith("--") else "",
)
def test_a_mistake_is_named_with_what_is_allowed(corpus, tmp_path, cli, arguments, said):
    code, out, err = cli("curate", corpus, "-o", tmp_path / "out", *arguments, "--workers", 1, "-q", "-C", tmp_path)
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    for words in said:
        assert words in " ".join(err.replace("│", " ").split()), err


def test_mistakes_in_a_file_of_rules_are_all_named(corpus, tmp_path, cli):
    file = rules(
        tmp_path,
        """
        extend = "gopher"
        [duplicates]
        shingle = 0
        [langauges]
        keep = ["en"]
        [custom.both]
        sql = "true"
        python = "a:b"
        """,
    )
    code, out, err = cli("curate", corpus, "-o", tmp_path / "out", "--rules", file, "-q")
    assert (code, out) == (2, "")
    assert "4 faults in" in err
    for words in ("Did you mean 'extends'?", "shingle", "Did you mean 'languages'?", "either sql or python"):
        assert words in err
    assert not (tmp_path / "out").exists()
    file.write_text("extends = ")
    assert "no valid TOML" in cli("curate", corpus, "-o", tmp_path / "out", "--rules", file, "-q")[2]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[personal_data]\naction = 'mask'\nkinds = ['emials']", "personal_data"),
        ("[lists.some]\nfile = 'rules.toml'\nwhat = 'words'\naction = 'cut'", "lists.some"),
        ("[custom.own]\nsql = 'nothing > 3'", "custom.own"),
        ("[custom.own]\npython = 'rules.toml:no'", "custom.own"),
    ],
)
def test_faults_are_named_by_their_place_in_the_file(corpus, tmp_path, cli, text, place):
    code, _, err = cli("curate", corpus, "-o", tmp_path / "out", "--rules", rules(tmp_path, text), "-q")
    assert (code, f"1 fault in {place}:" in err) == (2, True), err


def test_what_is_not_there_or_no_data_is_named(tmp_path, cli):
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "utf16.jsonl").write_bytes(json.dumps({"text": "a"}).encode("utf-16"))
    (tmp_path / "latin.jsonl").write_bytes('{"text": "caf\xe9"}'.encode("latin-1"))
    (tmp_path / "array.jsonl").write_text('[{"text": "a"}, {"text": "b"}]')
    (tmp_path / "pretty.jsonl").write_text(json.dumps({"text": "a"}, indent=2))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    write(tmp_path / "body.jsonl", [{"body": "x"}])
    for name, said in (
        ("corpsu.jsonl", "there is no"),
        ("picture.png", "unknown format"),
        ("empty.jsonl", "no document can be read"),
        ("utf16.jsonl", "not UTF-8. Convert the file first: iconv"),
        ("latin.jsonl", "not UTF-8. Convert the file first: iconv"),
        ("array.jsonl", "a JSON array is no JSON lines: write an object a line"),
        ("pretty.jsonl", "none of its first lines is a JSON object; the first:"),
        ("body.jsonl", "has no column 'text'. Columns there: body."),
    ):
        code, out, err = cli("curate", tmp_path / name, "-o", tmp_path / "out", "-q")
        assert (code, out) == (2, "")
        assert said in err
        assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_columns_that_hold_no_text_are_named_before_anything_is_done(tmp_path, cli):
    text = ["The people have been here."]
    for name, table, options, said in (
        ("list", pa.table({"text": [text]}), (), "column 'text' of"),
        ("list", pa.table({"text": [text]}), (), "holds list<element: string>; text is needed"),
        ("object", pa.table({"text": [{"a": "b"}]}), (), "holds struct<a: string>; text is needed"),
        ("twice", pa.table([text, [1], [2]], names=["text", "a", "a"]), (), "has several columns 'a'"),
        ("id", pa.table({"text": text, "mine": [[1]]}), ("--id", "mine"), "holds list<element: int64>; text is needed"),
        ("source", pa.table({"text": text, "site": [["a"]]}), ("--source", "site"), "text or numbers are needed"),
    ):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        code, out, err = cli("curate", tmp_path / f"{name}.parquet", "-o", tmp_path / "out", *options, "-q")
        assert (code, out) == (2, "")
        assert said in err
    assert not (tmp_path / "out").exists()


def test_names_of_files_may_be_anything(tmp_path, texts, cli):
    folder = tmp_path / "corpus"
    folder.mkdir()
    names = [b"it's [1] *?.jsonl", "caf\u00e9 \u202e\u05d0.jsonl".encode(), b"latin \xe9\xff.jsonl"]
    for name, text in zip(names, texts, strict=False):
        row = json.dumps({"text": text}).encode()
        (folder / os.fsdecode(name)).write_bytes(row + b"\n" + row + b"\n{\n")
    out = tmp_path / "out [it's] *?"
    code, said, err = cli("curate", folder, "-o", out, "--rules", "none", "--json", "--workers", 1, "-q")
    assert code == 0, err
    found = json.loads(said)
    assert found["documents"] == {"in": 9, "kept": 3, "dropped": 3, "bad": 3}
    assert {Path(one["name"]).name for one in found["sources"]} == {
        *("it's [1] *?.jsonl", "caf\u00e9 \u202e\u05d0.jsonl", "latin \\xe9\\xff.jsonl")
    }
    pairs = pq.read_table(out / "pairs.parquet").to_pylist()
    assert [(one["removed_file"] == one["kept_file"], one["removed_line"], one["kept_line"]) for one in pairs] == [
        (True, 2, 1)
    ] * 3
    assert cli("curate", folder, "-o", tmp_path / "again", "--rules", "none", "--workers", 1, "-q")[0] == 0
    assert cli("rethreshold", out, "-o", tmp_path / "third [", "-q")[0] == 0


def test_what_is_no_file_that_stays_is_named(tmp_path, corpus, cli):
    (tmp_path / "link.jsonl").symlink_to("nowhere.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name, said in (
        ("link.jsonl", "is a link to nowhere.jsonl, which does not exist"),
        ("pipe.jsonl", "no file that stays"),
    ):
        code, _, err = cli("curate", tmp_path / name, "-o", tmp_path / "out", "-q")
        assert code == 2
        assert said in err
    code, _, err = cli("curate", corpus.parent, "-o", corpus.parent / "clean", "-q")
    assert code == 2
    assert "Give another folder, outside of it" in err  # or it would be read when it is gone on with
    assert not (corpus.parent / "clean").exists()


def test_files_that_break_off_lose_only_what_is_missing(texts, tmp_path, cli):
    rows = [json.dumps({"id": f"r{i}", "text": text}) for i, text in enumerate(texts)]
    blocks = [("\n".join(rows[i : i + 5]) + "\n").encode() for i in range(0, 20, 5)]
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jsonl.gz").write_bytes(b"".join(map(gzip.compress, blocks))[:-40])
    frames = b"".join(zstandard.ZstdCompressor().compress(block) for block in blocks)
    (folder / "b.jsonl.zst").write_bytes(frames[:-40])
    table = pa.table({"id": [f"p{i}" for i in range(20)], "text": texts})
    pq.write_table(table, folder / "c.parquet", row_group_size=5)
    whole = (folder / "c.parquet").read_bytes()
    (folder / "c.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "d.jsonl.gz").write_bytes(b"no gzip at all")
    (folder / "e.jsonl").write_bytes(rows[0].encode()[:200])  # cut in the middle of its only line
    code, out, err = cli(
        "curate", folder, "-o", tmp_path / "out", "--rules", "none", "--dedup", "off", "--json", "--workers", 1, "-q"
    )
    assert code == 0, err
    found = json.loads(out)
    counts = found["documents"]
    assert counts["in"] == counts["kept"] + counts["dropped"] + counts["bad"]
    assert (counts["kept"], counts["dropped"]) == (30, 0) or counts[
        "kept"
    ] > 30  # whole blocks, and lines before the cut
    assert found["bad_by_kind"] == {"truncated_file": 4, "invalid_json": 1}
    assert "in 4 places a file broke off" in found["warnings"][0]
    rejects = (tmp_path / "out" / "rejects.jsonl").read_text("utf-8").splitlines()
    files = {Path(json.loads(line)["file"]).name for line in rejects}
    assert files == {"a.jsonl.gz", "b.jsonl.zst", "c.parquet", "d.jsonl.gz", "e.jsonl"}


def test_files_that_grow_beyond_all_measure_are_given_up(texts, tmp_path, cli, monkeypatch):
    monkeypatch.setattr("headwater.sources.columnar._FREE_BYTES", 1 << 20)
    packed = zstandard.ZstdCompressor().compress(bytes(50 << 20))
    (tmp_path / "zeros.jsonl.zst").write_bytes(packed)
    command = ("--rules", "none", "--dedup", "off", "--json", "--workers", 1, "-q", "-o", tmp_path / "out")
    code, _, err = cli("curate", tmp_path / "zeros.jsonl.zst", *command)
    assert code == 2
    assert "it gives more than 500 times its size" in err  # found out at the first look already
    line = json.dumps({"text": texts[0]}) + "\n"
    frames = zstandard.ZstdCompressor().compress(line.encode()) + packed
    (tmp_path / "line-and-zeros.jsonl.zst").write_bytes(frames)
    code, out, err = cli("curate", tmp_path / "line-and-zeros.jsonl.zst", *command)
    assert code == 0, err
    assert json.loads(out)["documents"] == {"in": 2, "kept": 1, "dropped": 0, "bad": 1}
    assert json.loads(out)["bad_by_kind"] == {"expands_too_much": 1}
    assert "grew beyond all measure" in json.loads(out)["warnings"][0]


def test_encodings_nul_bytes_and_line_separators(tmp_path, texts, cli):
    good = json.dumps({"text": "caf\xe9 " + texts[0]}, ensure_ascii=False)
    lines = [
        good.encode("utf-8"),
        good.encode("latin-1"),
        good.encode("utf-16"),
        json.dumps({"id": "nul", "text": f"\0{texts[1]}\0", "source": "a\0b"}).encode(),
        b'{"text": "a raw \0 in it"}',
        b"\0\0\0",
        json.dumps({"text": f"\u202e{texts[2]}\u2028\x85\u2029" + "e\u0301\u0302" * 500}, ensure_ascii=False).encode(),
        b'{"text": "\\ud800 half a character"}',
        json.dumps({"text": "\U0001f600 " + texts[3]}).encode(),
    ]
    (tmp_path / "mixed.jsonl").write_bytes(b"\n".join(lines))
    code, out, err = cli("curate", tmp_path / "mixed.jsonl", "-o", tmp_path / "out", "--rules", "none", "--json", "-q",
                         "--workers", 1)  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    # UTF-16 has a line feed and a NUL of its own behind every line, which makes one bad line more of it.
    assert found["bad_by_kind"] == {"invalid_json": 2, "invalid_utf8": 3} or found["documents"]["bad"] >= 5
    assert found["documents"]["kept"] == 4
    assert found["documents"]["in"] == 4 + found["documents"]["bad"]
    kept = read(tmp_path / "out" / "kept")["text"].to_pylist()
    assert kept[1] == f"\0{texts[1]}\0"
    assert kept[2].startswith("\u202e")
    assert kept[3].startswith("\U0001f600")
    assert {one["name"] for one in found["sources"]} >= {"a\0b"}


def test_equal_ids_across_files_lose_nothing(tmp_path, texts, cli):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, part in (("a", texts[:10]), ("b", texts[10:])):
        write(folder / f"{name}.jsonl", [{"id": f"d{i}", "text": text} for i, text in enumerate(part)])
    code, out, _ = cli("curate", folder, "-o", tmp_path / "out", "--rules", "gopher", "--json", "--workers", 1, "-q")
    assert code == 0
    assert json.loads(out)["documents"] == {"in": 20, "kept": 20, "dropped": 0, "bad": 0}
    assert json.loads(out)["warnings"][0].startswith("20 documents have an id that another one has too.")
    assert sorted(read(tmp_path / "out" / "kept")["text"].to_pylist()) == sorted(texts)
    code, out, _ = cli("rethreshold", tmp_path / "out", "--set", "too_few_words=1000", "--json", "-q")
    assert json.loads(out)["documents"] == {"in": 20, "kept": 0, "dropped": 20, "bad": 0}


def test_long_documents_are_written_a_few_at_a_time(tmp_path, cli):
    line = json.dumps({"text": "ab " * 400_000}) + "\n"
    (tmp_path / "long.jsonl").write_text(line * 24)
    code, _, err = cli("curate", tmp_path / "long.jsonl", "-o", tmp_path / "out", "--rules", "none", "--dedup", "off", "-q",
                       "--workers", 1)  # fmt: skip
    assert code == 0, err
    (path,) = (tmp_path / "out" / "kept").iterdir()
    found = pq.ParquetFile(path).metadata
    rows = [found.row_group(group).num_rows for group in range(found.num_row_groups)]
    assert sum(rows) == 24
    assert max(rows) <= 10  # about 8 MB of text, not all of it
    code, _, err = cli("rethreshold", tmp_path / "out", "--out", tmp_path / "again", "-q")
    assert code == 0, err
    again = pq.ParquetFile(next((tmp_path / "again" / "kept").iterdir())).metadata
    assert [again.row_group(group).num_rows for group in range(again.num_row_groups)] == rows


def test_other_peoples_folders_are_left_alone(corpus, tmp_path, cli):
    mine = tmp_path / "mine"
    (mine / "kept").mkdir(parents=True)
    (mine / "kept" / "thesis.txt").write_text("x")
    for options in ((), ("--restart",)):
        code, _, err = cli("curate", corpus, "-o", mine, "--rules", "none", "-q", *options)
        assert code == 2
        assert "is not empty and no curation" in err
    assert [str(path.relative_to(mine)) for path in mine.rglob("*")] == ["kept", "kept/thesis.txt"]
    (tmp_path / "file").touch()
    code, _, err = cli("curate", corpus, "-o", tmp_path / "file", "--rules", "none", "-q")
    assert code == 2
    assert "is a file; a folder is needed" in err


def test_a_finished_curation_is_only_replaced_when_told_and_without_a_mistake(corpus, tmp_path, cli):
    out = tmp_path / "out"
    options = ("-o", out, "--rules", "none", "--dedup", "off", "--workers", 1, "-q")
    assert cli("curate", corpus, *options)[0] == 0
    before = (out / "curation.json").read_bytes()
    code, _, err = cli("curate", corpus, *options)
    assert code == 2
    assert "holds a finished curation" in err
    assert "--restart" in err
    code, _, err = cli("curate", corpus, *options, "--restart", "--set", "too_few_wrods=3")
    assert code == 2
    assert "no such rule" in err
    assert (out / "curation.json").read_bytes() == before
    code, _, err = cli("curate", corpus, "-o", out, "--rules", "gopher", "--workers", 1, "-q", "--restart")
    assert code == 0, err
    assert read(out / "kept").num_rows == 20


def test_rethresholding_as_scripts_use_it(finished, tmp_path, cli):
    folder, _ = finished
    off = [part for reason in SHORT for part in ("--set", f"{reason}=off")]
    code, out, _ = cli("rethreshold", folder, *off, "--json", "-q")
    assert code == 0
    assert json.loads(out)["documents"] == {"in": 24, "kept": 21, "dropped": 2, "bad": 1}
    code, out, _ = cli("rethreshold", folder, "--set", "too_few_words=1000", "-o", tmp_path / "again", "-q")
    assert code == 0
    assert out.startswith("24 documents in = 0 kept (0.0%) + 23 dropped + 1 bad; 20 fewer than the 20 kept before\n")
    assert read(tmp_path / "again" / "dropped").num_rows == 23
    assert (tmp_path / "again" / "report.html").exists()
    for arguments, said in (
        ((folder, "--set", "too_few_word=1"), "Did you mean 'too_few_words'?"),
        ((folder, "--set", "x"), "write key=value"),
        ((tmp_path,), "holds no finished curation"),
        ((folder, "-o", tmp_path / "again"), "holds a finished curation"),
        ((folder, "-o", folder), "holds a finished curation"),
    ):
        code, out, err = cli("rethreshold", *arguments, "-q")
        assert (code, out) == (2, "")
        assert said in err


def test_what_libraries_print_does_not_reach_standard_output(texts: list[str], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import os\ndef never(batch):\n    os.write(1, b'50% done')\n    return [False] * batch.num_rows\n"
    )
    (tmp_path / "rules.toml").write_text('extends = "none"\n[custom.never]\npython = "own.py:never"\n')
    data = write(tmp_path / "d.jsonl", [{"text": text} for text in texts])
    command = ["curate", data, "--out", tmp_path / "out", "--rules", tmp_path / "rules.toml", "--json", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, command), "--workers", "1"], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["documents"]["kept"] == 20
    assert "50% done" in done.stderr
