"""The run as a user starts it: the JSON contract, the files it leaves, and every kind of bad input."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from headwater.cli.main import main
from headwater.lineage import ancestors
from headwater.schema import DOCUMENT
from headwater.sources import read_documentation, read_table, write_documents
from headwater.store import Ledger, Table, lineage_table

ARMS = ["human-only", "ungated", "filtered", "gated", "gated-stream"]


@pytest.fixture(scope="session")
def library() -> pa.Table:
    """Documentation of the standard library, grouped by module."""
    return read_documentation(("stdlib",))


@pytest.fixture(scope="session")
def human_file(library: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("human") / "human.jsonl"
    write_documents(library, path)
    return path


def headwater(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line in this process and return its exit code."""
    monkeypatch.setattr("sys.argv", ["headwater", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def quickstart(project: Path) -> dict[str, object]:
    """One run without arguments, as `make run` does it."""
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open("w") as nowhere:
        patch.setattr("sys.stderr", nowhere)
        captured = project / "out.json"
        with captured.open("w") as out:
            patch.setattr("sys.stdout", out)
            assert headwater("run", "--json", "--project", project, monkeypatch=patch) == 0
    return json.loads(captured.read_text())


def test_json_has_the_promised_shape(quickstart: dict) -> None:
    assert quickstart["schema"] == 1
    assert isinstance(quickstart["run"], str)
    assert isinstance(quickstart["seconds"], float)
    assert Path(quickstart["report"]).is_file()
    assert [arm["name"] for arm in quickstart["arms"]] == ARMS
    kinds = {"generation": int, "loss_nats": float, "bits_per_byte": float, "rare_word_recall": float, "support": int,
             "distinct_2": float}  # fmt: skip
    for arm in quickstart["arms"]:
        assert [part["generation"] for part in arm["generations"]] == list(range(7))
        for part in arm["generations"]:
            assert {name: type(part[name]) for name in kinds} == kinds
    assert [part["arm"] for part in quickstart["stream"]] == [
        "admit-all", "random", "lowest-perplexity", "dsir", "discriminator", "headwater", "ceiling"
    ]  # fmt: skip
    for recipe in quickstart["recipes"]:
        assert recipe["verdict"] in {"admitted", "rejected", "quarantined"}
        assert {type(recipe["log_e"]), type(recipe["needed"])} <= {float, type(None)}
    assert set(quickstart["documents"]) >= {"read", "bad"}


def test_the_loops_show_collapse_and_its_prevention(quickstart: dict) -> None:
    """Directions hold on any version of the installed documentation; sizes are in the benchmarks."""
    last = {arm["name"]: arm["generations"][-1] for arm in quickstart["arms"]}
    line = last["human-only"]["loss_nats"]
    assert last["ungated"]["loss_nats"] >= line + 0.6
    assert last["filtered"]["rare_word_recall"] < 0.2 < last["ungated"]["rare_word_recall"]
    assert last["gated"]["loss_nats"] == pytest.approx(line, abs=0.005)
    assert last["gated-stream"]["loss_nats"] <= line - 0.1
    gains = {part["arm"]: part["gain_nats"] for part in quickstart["stream"]}
    assert gains["headwater"] >= 0.65 * gains["ceiling"]
    assert max(gains["admit-all"], gains["random"], gains["dsir"], gains["lowest-perplexity"]) < gains["headwater"]


def test_no_harmful_recipe_is_admitted_and_the_rewrites_are(quickstart: dict) -> None:
    verdicts = {recipe["recipe"]: (recipe["verdict"], recipe["reason"]) for recipe in quickstart["recipes"]}
    admitted = {name for name, (verdict, _) in verdicts.items() if verdict == "admitted"}
    assert admitted == {"question-answer", "restructure", "reword"}
    assert verdicts["panel-leak"] == ("rejected", "is_panel_document")
    assert verdicts["panel-paraphrase"] == ("rejected", "descends_from_panel")
    assert verdicts["near-copies"] == ("rejected", "training_copy")


def test_everything_opens_without_headwater(quickstart: dict, project: Path) -> None:
    run = project / ".headwater" / "runs" / quickstart["run"]
    assert json.loads((run / "manifest.json").read_text())["run"] == quickstart["run"]
    metrics = pq.read_table(run / "metrics.parquet")
    assert metrics.num_rows == len(ARMS) * 7
    kept = [json.loads(line) for line in _zstd_lines(run / "admitted.jsonl.zst")]
    assert kept
    assert all(row["recipe"] and row["parents"] and row["origin"] == "machine" for row in kept)
    assert [row["id"] for row in kept] == sorted(row["id"] for row in kept)


def test_every_document_of_the_stream_has_one_verdict(quickstart: dict, project: Path) -> None:
    store = project / ".headwater"
    verdicts = Ledger(store).verdicts(quickstart["run"], arm="stream")
    stream = next((store / "runs" / quickstart["run"] / "steps").glob("stream-*")) / "documents.parquet"
    ids = pq.read_table(stream, columns=["id"])["id"].to_pylist()
    found = Counter(key for key in verdicts["id"].to_pylist() if not key.startswith("recipe:"))
    assert found == Counter(ids)


def test_lineage_names_every_model_and_its_training_set(quickstart: dict, project: Path) -> None:
    events = lineage_table(project / ".headwater").read()
    nodes = set(events["node"].to_pylist())
    for arm in ARMS:
        for generation in range(7):
            assert f"{quickstart['run']}/{arm}/{generation}/model" in nodes
    named = {node for inputs in events["inputs"].to_pylist() for node in inputs}
    assert named <= nodes
    run = quickstart["run"]
    inputs = dict(zip(events["node"].to_pylist(), events["inputs"].to_pylist(), strict=True))
    assert inputs[f"{run}/stream/reword"] == [f"{run}/human/sources"]
    assert inputs[f"{run}/stream/panel-leak"] == [f"{run}/human/certification"]
    assert inputs[f"{run}/stream/own-output"] == [f"{run}/human-only/0/model"]
    assert {f"{run}/stream/collapsed-output/6/model", f"{run}/human"} <= ancestors(
        events, f"{run}/stream/collapsed-output"
    )


def test_documents_are_stored_under_the_tag_of_the_run(quickstart: dict, project: Path) -> None:
    table = Table(project / ".headwater" / "documents.lance", DOCUMENT, ("id",))
    assert f"run-{quickstart['run']}" in table.tags()
    assert table.check() == []


def test_gate_judges_the_example_stream(
    quickstart: dict, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "kept.parquet"
    arguments = [project / "example-stream.jsonl", "--human", project / "example-human.jsonl.zst", "--group", "group",
                 "--recipe-column", "recipe", "--json", "--out", out, "--report", tmp_path / "gate.html", "--check"]  # fmt: skip
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 1  # something was rejected
    answer = json.loads(capsys.readouterr().out)
    verdicts = {recipe["recipe"]: recipe["verdict"] for recipe in answer["recipes"]}
    assert verdicts["panel-leak"] == verdicts["near-copies"] == "rejected"
    assert "admitted" in verdicts.values()
    kept = pq.read_table(out)
    assert {verdicts[recipe] for recipe in kept["recipe"].to_pylist()} == {"admitted"}
    assert answer["documents"]["bad"] == 0
    assert (tmp_path / "gate.html").stat().st_size > 10_000


def test_a_large_stream_is_tested_by_sample_and_written_as_a_whole(
    quickstart: dict, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = project / "example-stream.jsonl"
    monkeypatch.setattr("headwater.loop.inputs.MAX_RECIPE_WORDS", 20_000)
    out = tmp_path / "kept.jsonl"
    arguments = [stream, "--human", project / "example-human.jsonl.zst", "--group", "group", "--id", "id",
                 "--recipe-column", "recipe", "--json", "--out", out]  # fmt: skip
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 0
    recipes = {recipe["recipe"]: recipe for recipe in json.loads(capsys.readouterr().out)["recipes"]}
    rows = [json.loads(line) for line in stream.read_text().splitlines()]
    offered = Counter(row["recipe"] for row in rows)
    assert recipes["restructure"]["documents"] < offered["restructure"]  # a sample was tested
    verdicts = pq.read_table(tmp_path / "kept.jsonl.verdicts.parquet")
    of_documents = [key for key in verdicts["id"].to_pylist() if not key.startswith("recipe:")]
    assert sorted(of_documents) == sorted(row["id"] for row in rows)  # every document has one verdict
    admitted = {row["id"] for row in map(json.loads, out.read_text().splitlines())}
    by_verdict = {key for key, verdict in zip(verdicts["id"].to_pylist(), verdicts["verdict"].to_pylist(), strict=True)
                  if verdict == "admitted" and not key.startswith("recipe:")}  # fmt: skip
    assert admitted == by_verdict
    of_admitted = Counter(row["recipe"] for row in rows if row["id"] in admitted)
    assert of_admitted
    for name, count in of_admitted.items():
        assert recipes[name]["verdict"] == "admitted"
        assert count > 0.9 * offered[name]


def test_sealed_numbers_stay_sealed(
    quickstart: dict, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [project / "example-stream.jsonl", "--human", project / "example-human.jsonl.zst", "--group", "group",
                 "--recipe-column", "recipe", "--json", "--out", tmp_path / "kept.jsonl"]  # fmt: skip
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 0
    open_ = json.loads(capsys.readouterr().out)["recipes"]
    shown = {f"{recipe['log_e']:.2f}" for recipe in open_ if recipe["log_e"] is not None}
    assert shown
    report = tmp_path / "gate.html"
    assert headwater("gate", *arguments, "--keep-sealed", "--report", report, monkeypatch=monkeypatch) == 0
    recipes = json.loads(capsys.readouterr().out)["recipes"]
    assert [recipe["verdict"] for recipe in recipes] == [recipe["verdict"] for recipe in open_]
    assert {recipe["log_e"] for recipe in recipes} == {recipe["needed"] for recipe in recipes} == {None}
    verdicts = pq.read_table(tmp_path / "kept.jsonl.verdicts.parquet")
    assert verdicts["log_e"].null_count == verdicts["decision"].null_count == verdicts.num_rows
    text = report.read_text()
    assert not [number for number in shown if number in text]


def test_a_panel_opened_by_another_run_is_warned_of(
    human_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        arguments = ["run", human_file, "--group", "group", "--generations", "1", "--run-id", name, "-C", tmp_path]
        assert headwater(*arguments, "--json", "-q", monkeypatch=monkeypatch) == 0
        warnings = json.loads(capsys.readouterr().out)["warnings"]
        assert any("opened before, by 1 other" in warning for warning in warnings) == (name == "second")


def test_ids_and_recipe_names_of_the_stream_may_be_anything(
    library: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row numbers as ids in both files, and a recipe called like the run's own."""
    texts = library["text"].to_pylist()
    human, stream = tmp_path / "human.jsonl", tmp_path / "stream.jsonl"
    kept = [{"id": i, "text": text, "group": group} for i, (text, group) in
            enumerate(zip(texts, library["group"].to_pylist(), strict=True)) if i % 5]  # fmt: skip
    made = [{"id": i, "text": text, "recipe": "own-output-1"} for i, text in enumerate(texts[::5], 1)]
    for path, rows in ((human, kept), (stream, made)):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["run", human, "--group", "group", "--id", "id", "--stream", stream, "--recipe", "recipe",
                 "--generations", "1", "-C", tmp_path, "--run-id", "r", "--json", "-q"]  # fmt: skip
    assert headwater(*arguments, monkeypatch=monkeypatch) == 0
    answer = json.loads(capsys.readouterr().out)
    (recipe,) = answer["recipes"]
    assert recipe["recipe"] == "stream:own-output-1"
    assert recipe["failed"].get("is_panel_document", 0) == 0
    assert any("prefix 'stream:'" in warning for warning in answer["warnings"])
    stored = Table(tmp_path / ".headwater" / "documents.lance", DOCUMENT, ("id",)).read(["recipe"])
    assert stored["recipe"].to_pylist().count("stream:own-output-1") == len(made)


def test_runs_list_and_show(
    quickstart: dict, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert headwater("runs", "list", "--project", project, "--json", monkeypatch=monkeypatch) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert (listed["run"], listed["state"]) == (quickstart["run"], "finished")
    assert headwater("runs", "show", "latest", "--project", project, "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out) == quickstart
    assert headwater("runs", "show", "20", "--project", project, monkeypatch=monkeypatch) == 0
    assert "gated-stream" in capsys.readouterr().out
    assert headwater("runs", "show", "nothing", "--project", project, monkeypatch=monkeypatch) == 2
    assert "nothing" in capsys.readouterr().err


def test_dry_run_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert headwater("run", "--dry-run", "--json", "-C", tmp_path, monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["settings"]["loop"]["generations"] == 6
    assert list(tmp_path.iterdir()) == []


def test_init_writes_settings_that_load(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert headwater("init", "-C", tmp_path, monkeypatch=monkeypatch) == 0
    assert headwater("run", "--dry-run", "-C", tmp_path, monkeypatch=monkeypatch) == 0
    assert headwater("init", "-C", tmp_path, monkeypatch=monkeypatch) == 2
    assert "exists already" in capsys.readouterr().err


def test_all_faults_of_the_settings_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "headwater.toml").write_text(
        'sead = 1\n[loop]\ngenerationz = 3\nmachine_share = 1.5\n[gate]\nrule = "x"\n'
    )
    assert headwater("run", "-C", tmp_path, monkeypatch=monkeypatch) == 2
    message = capsys.readouterr().err
    for part in ("4 faults", "sead (line 1)", "Did you mean 'seed'?", "loop.generationz (line 3)",
                 "Did you mean 'generations'?", "loop.machine_share (line 4)", "gate.rule (line 6)"):  # fmt: skip
        assert part in message


def test_too_few_groups_says_how_many_are_needed(
    library: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tmp_path / "few.jsonl"
    write_documents(library.slice(0, 30), few)
    assert headwater("run", few, "-C", tmp_path, "-q", monkeypatch=monkeypatch) == 2
    message = capsys.readouterr().err
    assert "groups, but" in message
    assert "are needed" in message


def test_a_missing_column_is_named_with_those_that_exist(
    human_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert headwater("run", human_file, "--text", "txt", "-C", tmp_path, "-q", monkeypatch=monkeypatch) == 2
    message = capsys.readouterr().err
    assert "'txt'" in message
    assert "Did you mean 'text'?" in message


def test_bad_rows_are_counted_kept_aside_and_stop_nothing(
    human_file: Path,
    quickstart: dict,
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = tmp_path / "stream.jsonl.gz"
    good = (project / "example-stream.jsonl").read_bytes().split(b"\n")[:400]
    separated = json.dumps({"id": "u2028", "recipe": "r", "text": "One\u2028two three."}, ensure_ascii=False).encode()
    bad = [b"{broken", b'{"id": "x1", "recipe": "r"}', b"\xff\xfe", b'["a", "list"]', good[0], separated, b""]
    with gzip.open(stream, "wb") as file:
        file.write(b"\n".join([*good, *bad]) + b"\n")
    rejects = tmp_path / "rejects.jsonl"
    arguments = [stream, "--human", human_file, "--group", "group", "--recipe-column", "recipe", "--id", "id", "--json",
                 "--rejects", rejects, "-q"]  # fmt: skip
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 0
    documents = json.loads(capsys.readouterr().out)["documents"]
    assert documents["bad"] == 5
    kept = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert {(row["kind"], row["line"]) for row in kept} == {
        ("invalid_json", 401), ("missing_text", 402), ("invalid_utf8", 403), ("not_an_object", 404), ("duplicate_id", 405)
    }  # fmt: skip


def test_a_stream_too_small_for_one_test_waits_in_quarantine(
    human_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = tmp_path / "tiny.jsonl"
    stream.write_text(json.dumps({"text": "A small machine document that says a little about nothing in particular."}))
    arguments = [stream, "--human", human_file, "--group", "group", "--json", "-q"]
    monkeypatch.chdir(tmp_path)
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 0
    (recipe,) = json.loads(capsys.readouterr().out)["recipes"]
    assert (recipe["recipe"], recipe["verdict"], recipe["reason"]) == ("tiny", "quarantined", "too_small")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no /proc")
def test_a_folder_that_cannot_be_written_is_one_clear_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert headwater("run", "-C", "/proc/headwater", "-q", monkeypatch=monkeypatch) == 2
    message = capsys.readouterr().err
    assert "/proc/headwater" in message
    assert "Traceback" not in message


def test_scripts_without_spaces_are_modelled_by_character(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        Path(__file__).resolve().parents[2].parent / "shared" / "data" / "crawl" / "cmrc2018_wikipedia_zh.jsonl.zst"
    )
    if not source.exists():
        pytest.skip("the Chinese paragraphs of the shared data are not here")
    table, _ = read_table(source)
    rng = np.random.default_rng(0)
    shuffled = ["".join(rng.permutation(list(text))) for text in table["text"].to_pylist()[:200]]
    stream = tmp_path / "zh.jsonl"
    stream.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in shuffled))
    monkeypatch.chdir(tmp_path)
    arguments = [stream, "--human", source, "--json", "-q", "--report", tmp_path / "zh.html"]
    assert headwater("gate", *arguments, monkeypatch=monkeypatch) == 0
    (recipe,) = json.loads(capsys.readouterr().out)["recipes"]
    assert recipe["passed"] > 150  # not taken for one endless word
    assert recipe["verdict"] != "admitted"


def _zstd_lines(path: Path) -> list[str]:
    with zstandard.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().rstrip("\n").split("\n")
