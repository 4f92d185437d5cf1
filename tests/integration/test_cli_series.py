"""Recordings through the same commands: windows of series in the loop and the gate, from files to files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

HEADWATER = [sys.executable, "-c", "from headwater.cli.main import main; main()"]
SERIES = ["--modality", "series", "--time", "t", "--group", "drive", "--window", "12"]


def drives(seed: int, count: int, steps: int = 24, sign: float = 1.0) -> pa.Table:
    """Return drives whose speed follows from the push, which changes slowly; ``sign`` is that of the push shown."""
    rng = np.random.default_rng(seed)
    push, speed = np.zeros((count, steps)), np.zeros((count, steps))
    for t in range(1, steps):
        push[:, t] = 0.9 * push[:, t - 1] + 0.3 * rng.normal(size=count)
        speed[:, t] = 0.95 * speed[:, t - 1] + push[:, t - 1] + 0.05 * rng.normal(size=count)
    return pa.table(
        {
            "drive": np.repeat([f"d{seed}-{i}" for i in range(count)], steps),
            "t": np.tile(np.arange(steps) / 10, count),
            "speed": speed.ravel(),
            "push": sign * push.ravel(),
        }
    )


def carried_out(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*HEADWATER, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("series")
    pyarrow.csv.write_csv(drives(0, 300), folder / "human.csv")
    done = carried_out("run", "human.csv", *SERIES, "--generations", "2", "--json", cwd=folder)
    return folder, json.loads(done.stdout)


def test_the_loop_on_series_shows_collapse_and_its_prevention(project: tuple[Path, dict]) -> None:
    _, result = project
    last = {arm["name"]: arm["generations"][-1] for arm in result["arms"]}
    assert last["ungated"]["loss_nats"] > last["human-only"]["loss_nats"]
    assert last["filtered"]["loss_nats"] > last["human-only"]["loss_nats"] + 0.02
    assert last["gated"]["loss_nats"] <= last["human-only"]["loss_nats"]
    assert last["filtered"]["rare_word_recall"] < last["human-only"]["rare_word_recall"] == 1
    verdicts = {card["recipe"]: card["verdict"] for card in result["recipes"]}
    assert verdicts["copies"] == verdicts["leak"] == "rejected"
    assert verdicts["simulator-sign"] != "admitted"
    assert verdicts["collapsed-output"] != "admitted"


def test_the_report_speaks_of_windows(project: tuple[Path, dict]) -> None:
    folder, result = project
    page = (folder / ".headwater" / "runs" / result["run"] / "report.html").read_text("utf-8")
    assert "nats per window" in page
    assert "linear forecast of the end of a window" in page
    assert not any(words in page for words in ("nats per word", "nats per row", "human image", "pixels"))


def test_the_gate_judges_recordings(project: tuple[Path, dict], tmp_path: Path) -> None:
    folder, _ = project
    parts = {"train": 0.08, "sources": 0.02, "steering": 0.1, "certification": 0.7, "final": 0.1}
    (tmp_path / "headwater.toml").write_text(f"[split]\n{chr(10).join(f'{name} = {x}' for name, x in parts.items())}\n")
    pyarrow.csv.write_csv(drives(5, 400), tmp_path / "right.csv")  # more of the same law: new information
    pq.write_table(drives(6, 400, sign=-1.0), tmp_path / "sign.parquet")
    jumps = drives(7, 400)
    speed = jumps["speed"].to_numpy().copy()
    speed[::5] += 40
    pq.write_table(jumps.set_column(2, "speed", pa.array(speed)), tmp_path / "jumps.parquet")
    stuck = drives(8, 400)
    pq.write_table(stuck.set_column(3, "push", pa.array(np.zeros(stuck.num_rows))), tmp_path / "stuck.parquet")
    done = carried_out(
        "gate", "right.csv", "sign.parquet", "jumps.parquet", "stuck.parquet", "--human", str(folder / "human.csv"),
        *SERIES, "--out", "admitted.parquet", "--report", "gate.html", "--json", cwd=tmp_path,
    )  # fmt: skip
    result = json.loads(done.stdout)
    verdicts = {card["recipe"]: (card["verdict"], card["reason"]) for card in result["recipes"]}
    assert verdicts["right"] == ("admitted", "useful")
    assert verdicts["sign"][0] != "admitted"
    assert verdicts["jumps"][0] == "rejected"
    assert verdicts["jumps"][1] in {"invalid_value", "impossible_motion"}
    assert verdicts["stuck"] == ("rejected", "frozen_channel")
    admitted = pq.read_table(tmp_path / "admitted.parquet")
    assert admitted.column_names[:2] == ["window", "label"]
    assert admitted["headwater.recipe"].unique().to_pylist() == ["right"]


def test_signals_with_clocks_of_their_own_are_brought_to_one(tmp_path: Path) -> None:
    table = drives(0, 1, steps=12_000)
    t, speed, push = (table[name].to_numpy() for name in ("t", "speed", "push"))
    fine = np.linspace(t[0], t[-1], 3 * len(t))
    np.savez(
        tmp_path / "drive.npz", speed__t=t, speed__value=speed[:, None],
        push__t=fine, push__value=np.interp(fine, t, push), still__t=t, still__value=np.zeros(len(t)),
    )  # fmt: skip
    result = json.loads(
        carried_out(
            "run", "drive.npz", "--modality", "series", "--rate", "10", "--window", "12", "--generations", "1",
            "--json", cwd=tmp_path,
        ).stdout
    )  # fmt: skip
    assert any("channels speed, push;" in warning for warning in result["warnings"])
    assert any("one recording" in warning for warning in result["warnings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--modality", "series"], "needs paths"),
        (["human.csv", "--modality", "series", "--time", "clock"], "no column 'clock'"),
        (["human.csv", *SERIES[:-1], "5000"], "holds no window"),
        (["pickled.npz", "--modality", "series"], "cannot be read as arrays"),
        (["empty.npz", "--modality", "series"], "no pair of arrays"),
        (["empty.npz"], "unknown format"),
        (["words.csv", "--modality", "series"], "no column of numbers"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_message(
    project: tuple[Path, dict], tmp_path: Path, arguments: list[str], said: str
) -> None:
    folder, _ = project
    (tmp_path / "human.csv").write_bytes((folder / "human.csv").read_bytes())
    (tmp_path / "words.csv").write_text("a,b\nx,y\n")
    np.savez(tmp_path / "empty.npz", other=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", a__t=np.array([{}, 1], object), a__value=np.zeros(2))
    done = carried_out("run", *arguments, cwd=tmp_path, code=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
