"""The engine of a cluster ends tasks as the embedded one does, on two nodes, one of which is lost in the end.

The nodes are processes of this machine (``ray.cluster_utils``): joined like any cluster, with a process each to place
tasks and watch over the other. What needs a network between them is not tested.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("ray", reason="needs the extra cluster")

from headwater.engine import Done, EmbeddedEngine, Failed, open_engine
from headwater.engine.ray import RayEngine, ray_module
from headwater.errors import ConfigError, EngineError, InputError, MissingExtraError

_STORE = 80 * 1024**2


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    ray_module()
    from ray.cluster_utils import Cluster

    # A lost node is noticed after seconds instead of a quarter of a minute.
    watchful = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": _STORE, "_system_config": watchful}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.second = cluster.add_node(num_cpus=1, object_store_memory=_STORE)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def engine(cluster) -> Iterator[RayEngine]:
    with open_engine(cluster.address) as engine:
        yield engine


def written(task: tuple[str, int]) -> int:
    """Write a shard and return its rows."""
    folder, number = task
    table = pa.table({"text": [f"{number} {row}" for row in range(100 * number)]})
    pq.write_table(table, Path(folder) / f"{number:05}.parquet")
    return len(table)


def flaky(path: Path) -> int:
    tries = len(path.read_text()) if path.exists() else 0
    path.write_text("x" * (tries + 1))
    if tries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if tries == 1:
        raise TimeoutError("the server did not answer")
    return tries


def raises(error: Exception) -> None:
    raise error


def waits(folder: Path) -> None:
    (folder / f"{os.getpid()}.begun").touch()
    try:
        while True:
            time.sleep(0.01)  # Ray cancels between two steps of the interpreter
    finally:
        (folder / f"{os.getpid()}.ended").touch()


def where(task: tuple[Path, int]) -> str:
    """Return the node, after long enough for it to be lost."""
    import ray

    folder, number = task
    node = ray.get_runtime_context().get_node_id()
    (folder / f"{node}-{number}.begun").touch()
    time.sleep(1)
    (folder / f"{node}-{number}.ended").touch()
    return node


def test_the_engines_write_the_same_bytes(engine, tmp_path):
    assert (engine.name, engine.workers) == ("ray", 2)
    bytes_of = {}
    for one in (EmbeddedEngine(1), EmbeddedEngine(2), engine):
        folder = tmp_path / f"{one.name}-{one.workers}"
        folder.mkdir()
        ended = list(one.map(written, [(str(folder), number) for number in range(5)], name=lambda task: str(task[1])))
        assert sorted((end.index, end.name, end.value) for end in ended) == [(n, str(n), 100 * n) for n in range(5)]
        assert all(end.usage.peak_bytes > 0 for end in ended)
        bytes_of[folder.name] = [path.read_bytes() for path in sorted(folder.iterdir())]
        if one is not engine:
            one.close()
    assert len({tuple(files) for files in bytes_of.values()}) == 1


def test_a_killed_worker_and_a_passing_error_are_repeated(engine, tmp_path, capfd):
    ended = list(engine.map(flaky, [tmp_path / "a", tmp_path / "b"]))
    assert [(one.value, one.attempts) for one in ended] == [(2, 3), (2, 3)]
    (failed,) = engine.map(flaky, [tmp_path / "c"], retries=0)
    assert isinstance(failed, Failed)
    assert failed.error.startswith("Its Ray worker died")
    said = capfd.readouterr()
    assert said.out == ""  # Ray's own report of it would stand in the middle of a result


def test_errors_come_back_as_they_do_from_the_embedded_engine(engine):
    tasks = [KeyError("bug"), InputError("line 7 is cut off"), OSError("no answer")]
    with EmbeddedEngine(2) as embedded:
        by_engine = [
            {one.index: (one.error, one.attempts, one.input_error) for one in some.map(raises, tasks, retries=1)}
            for some in (engine, embedded)
        ]
    assert by_engine[0] == by_engine[1]
    assert by_engine[0][0] == ("KeyError: 'bug'", 1, False)
    for error in (MissingExtraError("Counting tokens", "tokens"), ConfigError(["a", "b"], "rules.toml")):
        with pytest.raises(type(error)) as raised:
            list(engine.map(raises, [error] * 3))
        assert str(raised.value) == str(error)
        assert vars(raised.value) == vars(error)


def test_workers_use_one_thread(engine):
    (one,) = engine.map(lambda _: (pa.cpu_count(), os.environ["NUMBA_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]), [0])
    assert one.value == (1, "1", "1")


def test_an_interrupted_map_stops_its_tasks(engine, tmp_path):
    def stop(_):
        if len(list(tmp_path.glob("*.begun"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(engine.map(waits, [tmp_path] * 5, tell=stop))
    assert len(list(tmp_path.glob("*.begun"))) == len(list(tmp_path.glob("*.ended"))) == 2
    assert [one.value for one in engine.map(len, ["ab"])] == [2]


def test_a_connection_of_the_caller_is_used_and_kept(engine):
    with RayEngine() as second:
        assert second.workers == 2
        assert [one.value for one in second.map(len, ["abc"])] == [3]
    assert [one.value for one in engine.map(len, ["ab"])] == [2]
    with pytest.raises(EngineError, match=r"connected to a Ray cluster already, so it cannot join ray://other:10001"):
        RayEngine("ray://other:10001")


def test_nodes_with_another_version_are_refused(engine, monkeypatch):
    monkeypatch.setattr("headwater.__version__", "9.9.9")
    with pytest.raises(EngineError, match=r"needs the version .*headwater 9\.9\.9 on Python") as raised:
        RayEngine("auto")
    assert str(raised.value).count("headwater 0.") == 2  # both nodes
    assert "pip install 'headwater[cluster]==9.9.9'" in str(raised.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_the_example_of_ray_data_runs(engine, capsys):
    examples = Path(__file__).parents[2] / "examples"
    runpy.run_path(str(examples / "curate_with_ray_data.py"), run_name="__main__")
    said = capsys.readouterr().out.splitlines()
    assert [line.split("words")[0].split() for line in said] == [["menu", "60"], ["prose", "97"], ["too", "short", "2"]]
    assert said[1].endswith("97 words  kept")
    assert "repeated_lines" in said[0]


SCRIPT = """
import json, os, signal, sys, time
from headwater.engine import open_engine

def work(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    print("said by a task")
    return os.getppid()

try:
    with open_engine("ray", workers=2) as engine:
        ended = list(engine.map(work, range(4), retries=0))
        parents = sorted({one.value for one in ended if hasattr(one, "value")})
        print(json.dumps({"failed": [one.index for one in ended if not hasattr(one, "value")], "raylet": parents}), flush=True)
        list(engine.map(lambda _: time.sleep(60), range(4)))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_leaves_no_process_and_standard_output_is_the_result_alone():
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        said = json.loads(child.stdout.readline())
        assert said["failed"] == [1]
        time.sleep(1)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
    assert (child.returncode, out, err) == (130, "", "")
    (raylet,) = said["raylet"]
    with pytest.raises(ProcessLookupError):
        os.kill(raylet, 0)


def test_a_lost_node_costs_its_tasks_an_attempt(cluster, engine, tmp_path):
    lost = cluster.second.node_id
    removed = []

    def remove(_):
        at_work = len(list(tmp_path.glob(f"{lost}-*.begun"))) - len(list(tmp_path.glob(f"{lost}-*.ended")))
        if at_work and not removed:
            removed.extend(path.stem for path in tmp_path.glob(f"{lost}-*.begun"))
            cluster.remove_node(cluster.second, allow_graceful=False)

    ended = list(engine.map(where, [(tmp_path, number) for number in range(6)], tell=remove))
    assert removed
    assert all(isinstance(one, Done) for one in ended)
    assert sorted(one.index for one in ended) == list(range(6))
    again = [one for one in ended if one.attempts > 1]
    assert 1 <= len(again) <= 2  # what ran there, and what Ray placed there before it noticed
    assert all(one.value != lost for one in again)
