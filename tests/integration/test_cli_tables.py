"""Tables through the same commands: the loop and the gate on rows, from files to files."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

HEADWATER = [sys.executable, "-c", "from headwater.cli.main import main; main()"]


def rows(seed: int, count: int) -> pa.Table:
    """Return rows whose class follows from two numbers and a category, not monotonically."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, count))
    kind = rng.choice(["red", "green", "blue"], size=count)
    score = np.where(kind == "blue", -x * y, x * y) + 0.3 * rng.normal(size=count)
    return pa.table({"x": x, "y": y, "kind": kind, "label": np.where(score > 0, "yes", "no")})


def carried_out(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*HEADWATER, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("tables")
    pq.write_table(rows(0, 3000), folder / "human.parquet")
    done = carried_out("run", "human.parquet", "--target", "label", "--generations", "2", "--json", cwd=folder)
    return folder, json.loads(done.stdout)


def test_the_loop_on_a_table_shows_collapse_and_its_prevention(project: tuple[Path, dict]) -> None:
    _, result = project
    last = {arm["name"]: arm["generations"][-1] for arm in result["arms"]}
    # The class depends on a product, which a copula cannot keep: its rows teach nothing.
    assert last["ungated"]["loss_nats"] > last["human-only"]["loss_nats"] + 0.1
    assert last["gated"]["loss_nats"] == last["human-only"]["loss_nats"]
    assert last["human-only"]["rare_word_recall"] == 1
    verdicts = {card["recipe"]: card["verdict"] for card in result["recipes"]}
    assert verdicts["copies"] == verdicts["leak"] == "rejected"
    assert verdicts["own-output"] != "admitted"
    assert verdicts["collapsed-output"] != "admitted"


def test_what_is_admitted_goes_out_with_the_tables_own_columns(project: tuple[Path, dict]) -> None:
    folder, result = project
    run = folder / ".headwater" / "runs" / result["run"]
    admitted = pq.read_table(run / "admitted.parquet")
    assert admitted.column_names[:4] == ["x", "y", "kind", "label"]
    allowed = {card["recipe"] for card in result["recipes"] if card["verdict"] == "admitted"}
    assert set(admitted["headwater.recipe"].to_pylist()) <= allowed


def test_the_report_speaks_of_rows(project: tuple[Path, dict]) -> None:
    folder, result = project
    page = (folder / ".headwater" / "runs" / result["run"] / "report.html").read_text("utf-8")
    assert "nats per row" in page
    assert "nats per word" not in page
    assert "this proxy (gradient-boosted trees that predict label)" in page
    said = re.sub(
        r"<svg.*?</svg>|<pre>.*?</pre>",
        "",
        page.partition('<section aria-labelledby="references">')[0],
        flags=re.DOTALL,
    )
    said = re.sub(r"<[^>]*>", " ", said.partition("<body")[2])
    for word in ("word", "words", "token", "tokens", "documents", "Bits per byte", "vocabulary", "n-gram", "language"):
        assert not re.search(rf"\b{word}\b", said), word


def test_a_killed_run_on_a_table_resumes_to_the_same_numbers(project: tuple[Path, dict], tmp_path: Path) -> None:
    folder, whole = project
    pq.write_table(pq.read_table(folder / "human.parquet"), tmp_path / "human.parquet")
    arguments = ["run", "human.parquet", "--target", "label", "--generations", "2", "--run-id", "k", "--json"]
    process = subprocess.Popen(
        [*HEADWATER, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    steps = tmp_path / ".headwater" / "runs" / "k" / "steps"
    deadline = time.monotonic() + 120
    while not list(steps.glob("ungated-1-*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = json.loads(carried_out("runs", "resume", "k", "--json", cwd=tmp_path).stdout)
    for name in ("arms", "recipes", "stream"):
        assert again[name] == whole[name]


def test_the_gate_judges_files_of_rows(project: tuple[Path, dict], tmp_path: Path) -> None:
    folder, _ = project
    pyarrow.csv.write_csv(rows(5, 1500), tmp_path / "more.csv")  # more of the same law: new information
    shuffled = rows(6, 1500)
    order = pa.array(np.random.default_rng(0).permutation(1500))
    shuffled = shuffled.set_column(3, "label", shuffled["label"].take(order))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet")
    pq.write_table(pa.table({"x": ["many"] * 200, "kind": ["purple"] * 200}), tmp_path / "strange.parquet")
    done = carried_out(
        "gate", "more.csv", "shuffled.parquet", "strange.parquet", "--human", str(folder / "human.parquet"),
        "--target", "label", "--out", "admitted.parquet", "--report", "gate.html", "--json", cwd=tmp_path,
    )  # fmt: skip
    result = json.loads(done.stdout)
    verdicts = {card["recipe"]: (card["verdict"], card["reason"]) for card in result["recipes"]}
    assert verdicts["more"] == ("admitted", "useful")
    assert verdicts["shuffled"][0] != "admitted"
    assert verdicts["strange"] == ("rejected", "invalid_value")
    assert pq.read_table(tmp_path / "admitted.parquet")["headwater.recipe"].unique().to_pylist() == ["more"]
    assert (tmp_path / "admitted.parquet.verdicts.parquet").exists()
    assert any("lacks the columns" in warning for warning in result["warnings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["human.parquet", "--target", "lable"], "no column 'lable' to predict"),
        (["human.parquet", "--modality", "table"], "needs paths and a target"),
        (["--target", "label"], "needs paths and a target"),
        (["human.parquet", "--target", "label", "--group", "who"], "no column 'who'"),
        (["human.txt", "--target", "label"], "is no table that can be read"),
        (["broken.parquet", "--target", "label"], "cannot be read as a table"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_message(
    project: tuple[Path, dict], tmp_path: Path, arguments: list[str], said: str
) -> None:
    folder, _ = project
    (tmp_path / "human.parquet").write_bytes((folder / "human.parquet").read_bytes())
    (tmp_path / "human.txt").write_text("nothing")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    done = carried_out("run", *arguments, cwd=tmp_path, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gate_speaks_of_rows_and_says_what_it_leaves_out(project: tuple[Path, dict], tmp_path: Path) -> None:
    folder, _ = project
    few = rows(7, 600)
    many = few.take(pa.array(np.random.default_rng(1).integers(600, size=50_001)))
    pq.write_table(few, tmp_path / "few.parquet")
    pq.write_table(many, tmp_path / "many.parquet")
    done = carried_out(
        "gate", "few.parquet", "many.parquet", "--human", str(folder / "human.parquet"), "--target", "label",
        "--out", "admitted.parquet", cwd=tmp_path,
    )  # fmt: skip
    assert "nats per row" in done.stdout
    assert "admitted rows: admitted.parquet" in done.stdout
    assert "Recipe many has 50,001 rows in many.parquet; the first 50,000 are judged" in done.stdout
    assert not any(word in done.stdout for word in (" tokens", " per word", "documents"))
