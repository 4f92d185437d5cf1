"""The engine of one machine: every task ends once, faults stay with the task that has them."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.engine import Done, EmbeddedEngine, Failed, Standing, advance, available_cpus
from headwater.errors import ConfigError, EngineError, InputError, MissingExtraError, StoreError


def double(number: int) -> int:
    return 2 * number


def pid(_: int) -> int:
    time.sleep(0.05)  # long enough that each worker gets one
    return os.getpid()


def fails_at_first(path: Path) -> int:
    tries = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (tries + 1))
    if tries < 2:
        raise ConnectionError("the server did not answer")
    return tries


def raises(error: Exception) -> None:
    raise error


def span(_: int) -> tuple[float, float]:
    begin = time.monotonic()
    time.sleep(0.05)
    return begin, time.monotonic()


def advances(size: int) -> int:
    for _ in range(4):
        time.sleep(0.15)
        advance(size // 4)
    return size


@pytest.fixture(scope="module", params=[1, 2])
def engine(request: pytest.FixtureRequest):
    with EmbeddedEngine(request.param) as engine:
        yield engine


@pytest.fixture(scope="module")
def two():
    with EmbeddedEngine(2) as engine:
        yield engine


def test_every_task_ends_once_with_what_its_function_returned(engine):
    ended = list(engine.map(double, range(9), name=lambda number: f"shard {number}"))
    assert sorted((one.index, one.name, one.value, one.attempts) for one in ended) == [
        (number, f"shard {number}", 2 * number, 1) for number in range(9)
    ]
    assert all(one.usage.wall_seconds >= 0 and one.usage.peak_bytes > 1e6 for one in ended)


def test_no_task_is_no_work(engine):
    assert list(engine.map(double, [])) == []


def test_functions_and_classes_that_no_module_has_are_carried_out(engine):
    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    outside = 5
    ended = list(engine.map(lambda number: Local(number + outside), [1, 2]))
    assert sorted(one.value.value for one in ended) == [6, 7]
    assert all(isinstance(one.value, Local) for one in ended)


def test_what_may_pass_is_tried_again(engine, tmp_path):
    ended = list(engine.map(fails_at_first, [tmp_path / "a", tmp_path / "b"]))
    assert [(one.value, one.attempts) for one in ended] == [(2, 3), (2, 3)]


def test_what_does_not_pass_is_given_up_and_named_while_the_others_go_on(engine, tmp_path):
    tasks = [OSError("no answer"), tmp_path / "x"]

    def work(task):
        return raises(task) if isinstance(task, Exception) else double(4)

    ended = {one.index: one for one in engine.map(work, tasks, name=lambda task: repr(task)[:7], retries=1)}
    assert ended[1].value == 8
    failed = ended[0]
    assert isinstance(failed, Failed)
    assert (failed.name, failed.error, failed.attempts) == ("OSError", "OSError: no answer", 2)
    assert "in raises" in failed.details  # the worker's traceback
    assert not failed.input_error


@pytest.mark.parametrize("error", [KeyError("bug"), ValueError("bad value"), ZeroDivisionError(), ImportError("no")])
def test_what_lies_in_the_code_is_not_tried_again(engine, error):
    (failed,) = engine.map(raises, [error])
    assert isinstance(failed, Failed)
    assert failed.attempts == 1
    assert failed.error.startswith(type(error).__name__)
    assert not failed.error.endswith(": ")


def test_input_that_cannot_be_used_is_a_failed_task_with_its_own_words(engine):
    (failed,) = engine.map(raises, [InputError("line 7 of a.jsonl is cut off")])
    assert failed.input_error
    assert failed.attempts == 1
    assert failed.error == "line 7 of a.jsonl is cut off"


@pytest.mark.parametrize(
    "error",
    [MissingExtraError("Counting tokens", "tokens"), ConfigError(["a", "b"], "rules.toml"), StoreError("read-only")],
)
def test_what_every_task_would_meet_is_raised_as_itself(engine, error):
    with pytest.raises(type(error)) as raised:
        list(engine.map(raises, [error] * 3))
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)
    assert [one.value for one in engine.map(double, [1])] == [2]  # and the engine can go on


def test_a_full_disk_stops_the_work(engine):
    with pytest.raises(StoreError, match=r"No space left.*\. Free some space"):
        list(engine.map(raises, [OSError(28, "No space left on device")]))


def test_what_is_printed_goes_to_standard_error(capfd):
    with EmbeddedEngine(2) as two:
        list(two.map(lambda number: print("said by a worker"), [1]))
    said = capfd.readouterr()
    assert said.out == ""
    assert "said by a worker" in said.err


def test_no_more_tasks_at_once_than_workers_and_no_fewer(two):
    spans = [one.value for one in two.map(span, range(8))]
    most = max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
    assert most == 2


def test_workers_use_one_thread(two):
    import_first = "numpy scipy pyarrow"
    (one,) = two.map(lambda names: [__import__(name) for name in names.split()] and pa.cpu_count(), [import_first])
    assert one.value == 1
    (one,) = two.map(lambda name: os.environ[name], ["OMP_NUM_THREADS"])
    assert one.value == "1"


def test_workers_stay_from_one_map_to_the_next(two):
    first = {one.value for one in two.map(pid, range(8))}
    second = {one.value for one in two.map(pid, range(8))}
    assert first == second
    assert len(first) == 2
    assert os.getpid() not in first


def test_resting_ends_idle_workers_and_the_next_map_starts_others():
    with EmbeddedEngine(2) as two:
        first = {one.value for one in two.map(pid, range(8))}
        assert two.rest()
        assert not any(Path(f"/proc/{one}").exists() for one in first)
        assert {one.value for one in two.map(pid, range(8))}.isdisjoint(first)


def test_resting_stops_no_work():
    with EmbeddedEngine(2) as two:
        at_work = two.map(pid, range(8))
        next(at_work)
        assert not two.rest()
        assert len(list(at_work)) == 7


def test_what_cannot_be_sent_is_said():
    lock = threading.Lock()
    with EmbeddedEngine(2) as two:
        with pytest.raises(
            EngineError, match=r"^The function cannot be sent to another process: .*inside the function"
        ):
            two.map(lambda number: lock.locked(), [1])
        with pytest.raises(EngineError, match=r"^Task 0 cannot be sent"):
            list(two.map(double, [lock]))
        with pytest.raises(EngineError, match=r"^The result cannot be sent .*'generator'"):
            list(two.map(lambda number: (print(x) for x in [number]), [1]))


def test_progress_counts_tasks_and_bytes_and_is_told_while_tasks_run(engine, monkeypatch):
    monkeypatch.setattr("headwater.engine.schedule.WAIT_SECONDS", 0.1)
    told: list[Standing] = []
    ended = list(engine.map(advances, [400, 800], size=lambda size: size, tell=told.append))
    assert sorted(one.value for one in ended) == [400, 800]
    assert told[-1].done_bytes == told[-1].total_bytes == 1200
    assert (told[-1].done, told[-1].failed, told[-1].total, told[-1].seconds_left) == (2, 0, 2, 0.0)
    counted = [one.done_bytes for one in told]
    assert counted == sorted(counted)
    assert set(counted) - {0, 400, 800, 1200}  # parts of tasks


def test_time_left_is_a_rule_of_three():
    half = Standing(done=1, failed=1, total=4, done_bytes=30, total_bytes=90, seconds=10.0)
    assert half.bytes_per_second == 3.0
    assert half.seconds_left == 20.0
    assert Standing(done=1, failed=1, total=4, done_bytes=0, total_bytes=0, seconds=10.0).seconds_left == 10.0
    assert Standing(done=0, failed=0, total=4, done_bytes=0, total_bytes=90, seconds=1.0).seconds_left is None


def test_whoever_is_told_can_interrupt(engine):
    def stop(standing: Standing) -> None:
        if standing.done >= 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(engine.map(double, range(50), tell=stop))
    assert len(list(engine.map(double, range(3)))) == 3


def test_leaving_the_loop_stops_the_work():
    with EmbeddedEngine(2) as two:
        (child,) = {one.value for one in two.map(pid, [0])}
        mapped = two.map(lambda number: time.sleep(60 * number), [0, 1])
        assert next(mapped).index == 0
        mapped.close()
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_one_map_at_a_time():
    with EmbeddedEngine(2) as two:
        mapped = two.map(lambda number: time.sleep(60 * number), [0, 1])
        assert next(mapped).index == 0
        with pytest.raises(EngineError, match="at work"):
            two.map(double, [1])


def test_workers_that_never_begin_are_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with EmbeddedEngine(2) as two, pytest.raises(EngineError, match=r"end before they begin .* exit code 1"):
        list(two.map(double, range(3)))


def test_the_number_of_workers():
    assert EmbeddedEngine().workers == available_cpus() >= 1
    with pytest.raises(EngineError, match="0 workers can do nothing"):
        EmbeddedEngine(0)


def test_a_worker_is_not_charged_the_memory_of_its_parent():
    ballast = bytearray(300_000_000)
    with EmbeddedEngine(2) as two:
        (one,) = two.map(double, [1])
    assert len(ballast) > one.usage.peak_bytes


def test_importing_the_engines_loads_nothing_heavy():
    code = "import sys, headwater.engine; print(sorted({n.split('.')[0] for n in sys.modules} & set(sys.argv[1:])))"
    heavy = ["ray", "daft", "numba", "lance", "duckdb", "sklearn", "torch", "polars", "datasets"]
    found = subprocess.run([sys.executable, "-c", code, *heavy], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_outcomes_are_values(two):
    (one,) = two.map(double, [1])
    assert isinstance(one, Done)
    with pytest.raises(AttributeError):
        one.value = 3
