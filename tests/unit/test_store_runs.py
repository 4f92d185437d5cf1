"""Run folders: named, resumed, closed by a manifest."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from headwater.errors import LockedError, StoreError
from headwater.store import RunFolder, RunState, list_runs, resolve


def clock(start="2026-11-22T17:45:00"):
    ticks = count()
    return lambda: datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(seconds=next(ticks))


def names(folder):
    return sorted(one.name for one in folder.iterdir())


SETTINGS = {"seed": 7, "loop": {"generations": 3, "regimes": ["replace", "gated"], "cap": None}}


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path, SETTINGS, clock=clock())


def test_a_run_is_named_by_time_and_a_hash_of_what_it_does(tmp_path, run):
    assert run.id.startswith("20261122-174500-")
    assert run.path == tmp_path / ".headwater" / "runs" / run.id
    other = RunFolder.create(tmp_path, SETTINGS | {"seed": 8}, clock=clock())
    inputs = RunFolder.create(tmp_path, SETTINGS, inputs={"human.jsonl": "1f"}, clock=clock())
    again = RunFolder.create(tmp_path, SETTINGS, clock=clock())
    assert len({run.id, other.id, inputs.id}) == 3
    assert again.id == f"{run.id}-2"
    assert sorted(one.name for one in run.path.parent.iterdir()) == sorted(
        one.id for one in (run, other, inputs, again)
    )


def test_a_run_keeps_its_settings(tmp_path, run):
    expected = {"seed": 7, "loop": {"generations": 3, "regimes": ["replace", "gated"]}}
    assert RunFolder.open(tmp_path, run.id).settings() == expected


def test_a_name_can_be_given_once(tmp_path):
    assert RunFolder.create(tmp_path, {}, run_id="pilot.1").id == "pilot.1"
    with pytest.raises(StoreError, match=r"Run 'pilot.1' exists"):
        RunFolder.create(tmp_path, {}, run_id="pilot.1")
    for name in ("../x", ".hidden", "a/b", "a b", "-x"):
        with pytest.raises(StoreError, match="cannot name a run"):
            RunFolder.create(tmp_path, {}, run_id=name)
    with pytest.raises(StoreError, match=r"no run '../runs/pilot.1'"):
        RunFolder.open(tmp_path, "../runs/pilot.1")


def test_the_states_of_a_run(tmp_path, run):
    assert run.state == RunState.INTERRUPTED

    def fail():
        assert run.state == RunState.RUNNING
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError), run.working():
        fail()
    assert run.state == RunState.FAILED
    assert run.events()[-1] | {"time": ""} == {
        "time": "", "event": "failed", "error": "ZeroDivisionError", "message": "by nothing"
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt), run.working():
        raise KeyboardInterrupt
    assert run.state == RunState.INTERRUPTED
    with pytest.raises(StoreError, match="is interrupted, not finished"):
        run.manifest()
    with run.working():
        run.finish({"admitted": 3})
    assert RunFolder.open(tmp_path, run.id).state == RunState.FINISHED
    with pytest.raises(StoreError, match="is finished; there is nothing to resume"), run.working():
        pass


def test_one_process_works_on_a_run(run):
    with run.working(), pytest.raises(LockedError, match=f"run {run.id}"), RunFolder(run.path).working():
        pass


def test_the_manifest_says_what_was_done(run):
    run.finish({"admitted": 3, "share": 0.25})
    assert run.manifest() == {
        "run": run.id, "schema": 1, "created": "2026-11-22T17:45:01.000Z", "finished": "2026-11-22T17:45:03.000Z",
        "admitted": 3, "share": 0.25,
    }  # fmt: skip
    assert json.loads((run.path / "manifest.json").read_bytes()) == run.manifest()


def test_events_are_kept_in_order(run):
    run.event("generation_done", generation=1, loss=2.5)
    run.event("generation_done", generation=2, loss=float("nan"), sync=True)
    assert run.events() == [
        {"time": "2026-11-22T17:45:01.000Z", "event": "created", "run": run.id},
        {"time": "2026-11-22T17:45:02.000Z", "event": "generation_done", "generation": 1, "loss": 2.5},
        {"time": "2026-11-22T17:45:03.000Z", "event": "generation_done", "generation": 2, "loss": None},
    ]


def test_a_step_is_done_once_per_key(run):
    calls = []

    def produce(folder):
        calls.append(folder)
        (folder / "out.txt").write_text(f"attempt {len(calls)}")

    first = run.step("tokens", "ab12", produce)
    assert first == run.path / "steps" / "tokens-ab12"
    assert run.step("tokens", "ab12", produce) == first
    assert (first / "out.txt").read_text() == "attempt 1"
    assert run.step("tokens", "cd34", produce) != first
    assert len(calls) == 2
    with pytest.raises(StoreError, match="cannot name a step"):
        run.step("../x", "ab", produce)


def test_what_a_failed_attempt_wrote_is_never_seen(run):
    def fails(folder):
        (folder / "half.txt").write_text("half")
        raise RuntimeError("stop")

    def works(folder):
        assert list(folder.iterdir()) == []
        (folder / "whole.txt").write_text("whole")

    with pytest.raises(RuntimeError):
        run.step("tokens", "ab12", fails)
    assert not (run.path / "steps" / "tokens-ab12").exists()
    done = run.step("tokens", "ab12", works)
    assert names(done) == ["whole.txt"]
    assert names(done.parent) == [done.name]


STEPS = """
import os, signal, sys
from pathlib import Path
from headwater.store import RunFolder
run = RunFolder.open(Path(sys.argv[1]), sys.argv[2])
def produce(folder, stop):
    (folder / "a.txt").write_text("a")
    if stop:
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "b.txt").write_text("b")
with run.working():
    run.step("first", "1", lambda folder: produce(folder, False))
    run.step("second", "2", lambda folder: produce(folder, True))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_run_killed_within_a_step_resumes_at_that_step(tmp_path, run):
    child = subprocess.run([sys.executable, "-c", STEPS, str(tmp_path), run.id], check=False)
    assert child.returncode == -signal.SIGKILL
    assert run.state == RunState.INTERRUPTED
    assert [one.name for one in (run.path / "steps").glob("[!.]*")] == ["first-1"]

    produced = []

    def produce(folder):
        produced.append(folder.name)
        assert list(folder.iterdir()) == []
        (folder / "a.txt").write_text("a")
        (folder / "b.txt").write_text("b")

    with run.working():
        folders = [run.step("first", "1", produce), run.step("second", "2", produce)]
        run.finish({})
    assert len(produced) == 1
    assert [names(folder) for folder in folders] == [["a.txt", "b.txt"]] * 2
    assert names(run.path / "steps") == ["first-1", "second-2"]


def test_runs_are_listed_by_age_and_found_by_what_a_user_types(tmp_path):
    with pytest.raises(StoreError, match=r"There is no run in .*headwater run"):
        resolve(tmp_path, "latest")
    assert list_runs(tmp_path) == []
    made = [
        RunFolder.create(tmp_path, {"n": name}, run_id=name, clock=clock(f"2026-11-{day}T00:00:00"))
        for name, day in (("zebra", 20), ("20261121-a1", 21), ("20261121-b2", 22))
    ]
    assert [one.id for one in list_runs(tmp_path)] == [one.id for one in made]
    assert resolve(tmp_path, "latest").id == "20261121-b2"
    assert resolve(tmp_path, "zeb").id == "zebra"
    assert resolve(tmp_path, "20261121-a").id == "20261121-a1"
    with pytest.raises(StoreError, match="'2026' is the beginning of 2 runs: 20261121-a1, 20261121-b2"):
        resolve(tmp_path, "2026")
    with pytest.raises(StoreError, match="Did you mean 'zebra'"):
        resolve(tmp_path, "zebar")


def test_an_id_wins_over_ids_it_begins(tmp_path):
    for name in ("pilot", "pilot-2"):
        RunFolder.create(tmp_path, {}, run_id=name)
    assert resolve(tmp_path, "pilot").id == "pilot"
