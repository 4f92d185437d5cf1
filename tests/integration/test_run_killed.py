"""A run that is killed, stopped or contended ends in the same bytes as one that was left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from headwater.sources import read_documentation, write_documents

KILLS = int(os.environ.get("HEADWATER_RUN_KILLS", "4"))
NAME = "the-run"
RESULTS = ("metrics.parquet", "verdicts.parquet", "admitted.jsonl.zst")


@pytest.fixture(scope="module")
def human(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("human") / "human.jsonl"
    write_documents(read_documentation(("stdlib",)), path)
    return path


def command(human: Path, project: Path) -> list[str]:
    arguments = ["run", str(human), "--group", "group", "--generations", "2", "--run-id", NAME, "--json"]
    return [sys.executable, "-m", "headwater.cli.main", *arguments, "--project", str(project)]


def resume(project: Path) -> list[str]:
    return [sys.executable, "-m", "headwater.cli.main", "runs", "resume", NAME, "--json", "--project", str(project)]


@pytest.fixture(scope="module")
def untouched(human: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    project = tmp_path_factory.mktemp("untouched")
    start = time.monotonic()
    subprocess.run(command(human, project), check=True, capture_output=True)
    return project / ".headwater" / "runs" / NAME, time.monotonic() - start


def test_killed_again_and_again_then_resumed(human: Path, untouched: tuple[Path, float], tmp_path: Path) -> None:
    reference, seconds = untouched
    rng = np.random.default_rng(20261122)
    run = tmp_path / ".headwater" / "runs" / NAME
    killed_at_work = 0
    for attempt in range(KILLS):
        begun = (run / "settings.toml").exists()
        child = subprocess.Popen(
            resume(tmp_path) if begun else command(human, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        # Early kills fall into start-up and reading, later ones anywhere between the first step and the last commit.
        time.sleep(float(rng.uniform(0.3, 1.0)) * seconds * (attempt + 1) / KILLS)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        steps = list(run.glob("steps/*"))
        killed_at_work += child.returncode == -signal.SIGKILL and bool(steps) and not (run / "manifest.json").exists()
    assert killed_at_work, "no kill found the run between its first and its last step"
    begun = (run / "settings.toml").exists()
    done = subprocess.run(resume(tmp_path) if begun else command(human, tmp_path), check=True, capture_output=True)
    assert json.loads(done.stdout)["run"] == NAME
    for name in RESULTS:
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    assert not list(run.glob("steps/.*partial"))


def test_a_changed_file_never_meets_steps_made_from_the_old_one(human: Path, tmp_path: Path) -> None:
    own = tmp_path / "human.jsonl"
    lines = human.read_bytes().splitlines(keepends=True)
    own.write_bytes(b"".join(lines))
    run = tmp_path / "a" / ".headwater" / "runs" / NAME
    child = subprocess.Popen(command(own, tmp_path / "a"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(run.glob("steps/gated-1-*")):
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not (run / "manifest.json").exists()
    own.write_bytes(b"".join(lines[:-40]))
    subprocess.run(resume(tmp_path / "a"), check=True, capture_output=True)
    subprocess.run(command(own, tmp_path / "b"), check=True, capture_output=True)
    for name in RESULTS:
        fresh = tmp_path / "b" / ".headwater" / "runs" / NAME / name
        assert (run / name).read_bytes() == fresh.read_bytes(), name


def test_ctrl_c_ends_with_130_and_the_command_to_go_on(human: Path, tmp_path: Path) -> None:
    child = subprocess.Popen(command(human, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    events = tmp_path / ".headwater" / "runs" / NAME / "events.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (events.exists() and "started" in events.read_text()):
        time.sleep(0.05)
    second = subprocess.run(resume(tmp_path), check=False, capture_output=True, text=True)
    child.send_signal(signal.SIGINT)
    _, message = child.communicate(timeout=60)
    assert child.returncode == 130, message
    assert f"headwater runs resume {NAME}" in message
    assert "Traceback" not in message
    assert json.loads(events.read_text().splitlines()[-1])["event"] == "interrupted"
    # The second process found the first at work: one clear message, nothing done.
    assert second.returncode == 2
    assert NAME in second.stderr
    assert "Traceback" not in second.stderr
