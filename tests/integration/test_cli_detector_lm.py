"""Language models in the detector as a user meets them: fit, card, score, audit; what is refused and what to do."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("transformers", reason="needs the extra train")

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from lm_example import save_tiny, write_texts

from headwater.measure.detection import auroc

STATISTICS = ["lm_curvature", "lm_binoculars", "lm_log_likelihood"]


def _write(path: Path, texts: list[str]) -> Path:
    path.write_text(
        "".join(json.dumps({"id": f"{path.stem}-{row}", "text": one}) + "\n" for row, one in enumerate(texts))
    )
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny networks that learnt texts like the machine ones, a stranger, known texts, and a corpus."""
    place = tmp_path_factory.mktemp("lm")
    learnt = write_texts(150, 50, machine=True, noise=0)
    save_tiny(place / "performer", learnt, seed=1, steps=150)
    save_tiny(place / "observer", learnt, seed=2, steps=20)
    save_tiny(place / "stranger", learnt, seed=3)
    save_tiny(place / "foreign", ["zebra quagga zebra quagga zebra"] * 9)
    _write(place / "human.jsonl", write_texts(100, 1, machine=False, noise=0.25))
    _write(place / "ai.jsonl", write_texts(100, 2, machine=True, noise=0.25))
    corpus = [*write_texts(60, 3, machine=False, noise=0.25), *write_texts(60, 4, machine=True, noise=0.25), "", "word"]
    _write(place / "corpus.jsonl", corpus)
    return place


@pytest.fixture(scope="module")
def fitted(place: Path) -> Path:
    """Fit a detector with both models on the command line."""
    from typer.testing import CliRunner

    from headwater.cli.main import app

    result = CliRunner().invoke(
        app,
        ["detector", "fit", "--human", f"{place}/human.jsonl", "--ai", f"{place}/ai.jsonl", "--from", "none",
         "--lm", f"{place}/performer", "--lm-reference", f"{place}/observer", "--lm-device", "cpu",
         "--out", f"{place}/ours", "--rejects", f"{place}/r.jsonl", "-q"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (place / "card.md").write_text(result.stdout)
    return place / "ours"


def _score(cli, place, out, *options):  # type: ignore[no-untyped-def]
    code, said, err = cli(
        "detector", "score", place / "corpus.jsonl", "--out", out, *options, "-q", "--rejects", out.parent / "r.jsonl"
    )
    return code, said, err


def test_a_fit_names_its_models_in_the_card(fitted, place, cli):  # type: ignore[no-untyped-def]
    said = (place / "card.md").read_text()
    assert f"Language model, scoring: {place}/performer (fingerprint " in said
    assert f"Language model, reference: {place}/observer (fingerprint " in said
    assert "non-native writers" in said.rsplit("\n- ", 1)[1]
    card = json.loads(cli("detector", "card", fitted, "--json")[1])["card"]
    assert card["language_models"]["tokens"] == 512
    assert card["held_out"]["auroc"] > card["held_out_without"]["auroc"] - 0.01
    # The statistics themselves tell these texts apart: the model learnt machine text.
    with np.load(fitted / "weights.npz") as found:
        statistics, labels = found["memory_lm_statistics"], found["memory_is_machine"]
        assert found["lm"][2, 1:].max() > 0  # some weight on a statistic
    assert auroc(statistics[~labels, 0], statistics[labels, 0]) > 0.8
    assert auroc(statistics[~labels, 1], statistics[labels, 1]) > 0.8


def test_scores_carry_the_statistics_and_models_may_move(fitted, place, tmp_path, cli):  # type: ignore[no-untyped-def]
    code, said, err = _score(cli, place, tmp_path / "s.parquet", "--detector", fitted)
    assert code == 0, err
    table = pq.read_table(tmp_path / "s.parquet")
    assert table.column_names[-3:] == STATISTICS
    rows = table.to_pylist()
    assert len(rows) == 122
    assert all(np.isfinite(rows[row][name]) for row in range(120) for name in (*STATISTICS, "score"))
    assert [rows[-2][name] for name in (*STATISTICS, "score")] == [None] * 4  # an empty text
    assert rows[-1]["lm_curvature"] is not None  # a word is several tokens here, but no prose
    assert rows[-1]["score"] is None
    scores = np.array([row["score"] for row in rows[:120]])
    assert auroc(scores[:60], scores[60:]) > 0.8
    # The same models in other folders are the same models.
    for name in ("performer", "observer"):
        shutil.copytree(place / name, tmp_path / name)
    options = ("--lm", tmp_path / "performer", "--lm-reference", tmp_path / "observer")
    code, said, err = _score(cli, place, tmp_path / "m.csv", "--detector", fitted, *options)
    assert code == 0, err
    moved = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert list(moved[0])[-3:] == STATISTICS
    np.testing.assert_array_equal([float(row["score"]) for row in moved[:120]], scores)
    assert "columns only" not in said


def test_other_models_are_refused(fitted, place, tmp_path, cli):  # type: ignore[no-untyped-def]
    for options, message in (
        (("--lm", place / "performer"), "was fitted with the language models"),
        (("--lm", place / "stranger", "--lm-reference", place / "observer"), "was fitted with the language models"),
        (("--lm", place / "performer", "--lm-reference", place / "foreign"), "do not share a tokenizer"),
        (("--lm-reference", place / "observer"), "--lm-reference: needs --lm"),
        (("--lm", place / "nothing-here"), "cannot be used"),
    ):
        code, said, err = _score(cli, place, tmp_path / "s.parquet", "--detector", fitted, *options)
        assert (code, said) == (2, "")
        assert message in " ".join(err.split())
        assert not (tmp_path / "s.parquet").exists()
    again = ("--human", place / "human.jsonl", "--ai", place / "ai.jsonl", "--from", fitted, "--lm", place / "stranger")
    code, said, err = cli("detector", "fit", *again, "--out", tmp_path / "new", "-q", "--rejects", tmp_path / "r.jsonl")
    assert code == 2
    assert "was fitted with the language models" in " ".join(err.split())


def test_without_a_fit_the_statistics_are_columns_and_change_no_score(place, tmp_path, cli):  # type: ignore[no-untyped-def]
    code, said, err = _score(cli, place, tmp_path / "with.jsonl", "--lm", place / "performer")
    assert code == 0, err
    assert "are columns only" in said
    code, said, err = _score(cli, place, tmp_path / "without.jsonl")
    assert code == 0, err
    rows, plain = (
        [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in ("with", "without")
    )
    assert [{key: row[key] for key in plain[0]} for row in rows] == plain
    assert [key for key in rows[0] if key not in plain[0]] == STATISTICS
    curvature = np.array([row["lm_curvature"] for row in rows[:120]])
    assert auroc(curvature[:60], curvature[60:]) > 0.8


def test_an_audit_reads_the_models_its_detector_names(fitted, place, tmp_path, cli):  # type: ignore[no-untyped-def]
    code, said, err = cli(
        "audit", place / "corpus.jsonl", "--detector", fitted, "--project", tmp_path, "--out", tmp_path / "a.jsonl",
        "-q", "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(said)
    assert found["corpus"]["grade"] == "A"
    assert found["references"]["human"] == found["references"]["machine"] == 100
    low, high = (found["corpus"][end] for end in ("low", "high"))
    assert low <= 0.5 <= high  # half of the corpus is machine-made: wrong for 5 of 100 seeds, and this one is fixed
    code, said, err = cli("audit", place / "corpus.jsonl", "--lm", place / "performer", "--project", tmp_path, "-q")
    assert code == 2
    assert "headwater detector fit" in " ".join(err.split())
    assert "--detector" in err


def test_models_that_are_gone_are_named(fitted, place, tmp_path, cli):  # type: ignore[no-untyped-def]
    (place / "observer").rename(place / "away")
    try:
        code, _, err = cli("audit", place / "corpus.jsonl", "--detector", fitted, "--project", tmp_path, "-q")
    finally:
        (place / "away").rename(place / "observer")
    assert code == 2
    assert f"{place}/observer" in " ".join(err.split()).replace(" ", "")
    assert "cannot be used" in " ".join(err.split())


def test_without_the_extra_it_says_which(place, tmp_path, cli, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = _score(cli, place, tmp_path / "s.parquet", "--lm", place / "performer")
    assert code == 2
    assert "pip install 'headwater[train]'" in err
