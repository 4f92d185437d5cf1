"""Workers that are killed, a user who interrupts, a parent that dies: no task is lost and no process left."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.engine import Done, EmbeddedEngine, Failed

# Run by a process of its own: says when its workers are at work, then goes on for a minute.
SCRIPT = """
import os, sys, time
from collections import deque
from itertools import repeat
from pathlib import Path
from headwater.engine import EmbeddedEngine

def work(how):
    Path(sys.argv[1], str(os.getpid())).touch()
    try:
        if how == "sleeps":
            time.sleep(60)
        else:
            deque(repeat(0), maxlen=0)  # compiled code that never gives the interpreter back
    finally:
        Path(sys.argv[1], "cleaned").touch()

try:
    with EmbeddedEngine(2) as engine:
        for one in engine.map(work, [sys.argv[2]] * 6):
            print(one)
except KeyboardInterrupt:
    sys.exit(130)
"""


def killed_at_first(task: tuple[Path, int, int]) -> int:
    """Kill the own worker in the attempts before the last."""
    folder, number, deaths = task
    tries = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tries}").touch()
    if tries < deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def crashes(number: int) -> int:
    if number == 1:
        ctypes.string_at(0)
    return number


def test_a_killed_worker_costs_its_own_task_one_attempt(tmp_path):
    deaths = [0, 1, 0, 2, 0, 3, 0, 0]
    with EmbeddedEngine(2) as engine:
        ended = list(engine.map(killed_at_first, [(tmp_path, *pair) for pair in enumerate(deaths)]))
    assert sorted(one.index for one in ended) == list(range(8))
    by_index = {one.index: one for one in ended}
    for number, died in enumerate(deaths):
        one = by_index[number]
        assert one.attempts == min(died, 2) + 1
        assert len(list(tmp_path.glob(f"{number}-*"))) == one.attempts  # nothing else was repeated
        if died <= 2:
            assert isinstance(one, Done)
            assert one.value == number
        else:
            assert isinstance(one, Failed)
            assert one.error.startswith("Its worker was killed by SIGKILL; the system does so when memory runs out")


def test_a_crash_in_compiled_code_is_named_and_shown(capfd):
    with EmbeddedEngine(2) as engine:
        ended = {one.index: one for one in engine.map(crashes, range(4), retries=1)}
    assert [number for number, one in ended.items() if isinstance(one, Failed)] == [1]
    assert "SIGSEGV" in ended[1].error
    assert ended[1].attempts == 2
    assert "in crashes" in capfd.readouterr().err  # where it happened


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_a_worker_killed_while_idle_costs_nothing():
    with EmbeddedEngine(2) as engine:
        workers = {one.value for one in engine.map(lambda _: (time.sleep(0.05), os.getpid())[1], range(6))}
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(gone(pid) for pid in workers))
        ended = list(engine.map(crashes, [0, 2, 4]))
    assert sorted((one.value, one.attempts) for one in ended) == [(0, 1), (2, 1), (4, 1)]


@pytest.fixture
def begun(tmp_path):
    """Return a function that starts the script and waits for its workers."""
    started: list[subprocess.Popen[str]] = []

    def start(how: str, wait: bool = True) -> tuple[subprocess.Popen[str], list[int]]:
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path), how],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(child)
        if not wait:
            return child, []
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        return child, [int(path.name) for path in tmp_path.iterdir()]

    yield start
    for child in started:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"  # dead, and nobody has asked how it died


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("how", ["sleeps", "computes"])
def test_ctrl_c_ends_everything_without_a_word(begun, tmp_path, how):
    child, workers = begun(how)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, "", "")
    assert all(gone(pid) for pid in workers)
    assert (tmp_path / "cleaned").exists() == (how == "sleeps")  # who can be told to end, ends tidily


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.7])
def test_ctrl_c_while_workers_start_is_as_quiet(begun, seconds):
    child, _ = begun("sleeps", wait=False)
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    until(lambda: len(children.read_text().split()) == 2)
    workers = [int(pid) for pid in children.read_text().split()]
    time.sleep(seconds / 5)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, "", "")
    assert all(gone(pid) for pid in workers)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.parametrize("how", ["sleeps", "computes"])
def test_no_worker_outlives_a_killed_parent(begun, how):
    child, workers = begun(how)
    child.kill()
    child.wait()
    until(lambda: all(gone(pid) for pid in workers), seconds=5)
