"""The engine of a cluster: the same tasks, carried out by Ray.

Plain Ray tasks, one per shard: Ray places and starts them, what is tried again and what is given up is decided here, as
for worker processes (``max_retries`` of Ray is 0, so that no repetition goes uncounted). Tasks write their files to a
path that every node sees and return what is small; nothing large goes through Ray's object store.
``docs/design/engine.md`` has the measurements that this was chosen by.
"""

import contextlib
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import headwater
from headwater.engine.attempt import Lost, Outcome, carried_out, packed, unpacked
from headwater.engine.embedded import available_cpus
from headwater.engine.engine import RETRIES, Done, Failed, ResultT, TaskT
from headwater.engine.progress import Standing
from headwater.engine.schedule import Pulse, carry_out
from headwater.engine.worker import ONE_THREAD
from headwater.errors import EngineError, MissingExtraError

_GRACE_SECONDS = 2.0
"""How long a task that is cancelled may take to remove what it has half written."""
_ANSWER_SECONDS = 60.0
"""How long a node may take to start a worker and say which version it has."""
_REACH_SECONDS = 10.0
"""How long the first answer of a cluster may take."""
# Results are small and inputs are files, so the object store is as small as Ray allows; by default it is 30% of memory.
_OBJECT_STORE_BYTES = 80 * 1024**2


def ray_module() -> Any:
    """Return the module ``ray``, imported with its reports home off.

    Raises:
        MissingExtraError: it is not installed.
    """
    # Ray reads these when it starts; Daft, which runs on it, reports on import unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # Ray announces a change of what tasks without an accelerator see; ours use none.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Running on Ray", "cluster") from error
    return ray


class RayEngine:
    """Carries out tasks on Ray: a cluster of its own on this machine, or one that exists.

    A cluster of its own ends with the engine. One that this process is already connected to is used and left as it is.
    Progress counts ended tasks; what running tasks have read is not known here.
    """

    name = "ray"

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        """Start a cluster on this machine, or join one.

        Args:
            address: of the cluster to join: ``auto`` (the one this machine belongs to), ``host:port``, or
                ``ray://host:port``. None starts a cluster of its own.
            workers: how many tasks run at once: by default one per processor of this machine, or of the cluster.

        Raises:
            MissingExtraError: Ray is not installed.
            EngineError: the cluster cannot be started or joined, or a node of it has another version of Headwater.
        """
        if workers is not None and workers < 1:
            raise EngineError(f"{workers} workers can do nothing. Give 1 or more, or no number: one per processor.")
        if address is not None:
            _show_token()
        self._ray = ray_module()
        self._connected = not self._ray.is_initialized()
        if not self._connected and address not in {None, "auto"}:
            raise EngineError(
                f"This process is connected to a Ray cluster already, so it cannot join {address}. Leave out the"
                " address to use that one, or call ray.shutdown() before."
            )
        try:
            if self._connected:
                with _uninterrupted():
                    self._connect(address, workers or available_cpus())
            self.workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            if address is not None or not self._connected:
                _check_nodes(self._ray)
        except BaseException:
            self.close()
            raise

    def _connect(self, address: str | None, workers: int) -> None:
        quiet = {"logging_level": "ERROR", "log_to_driver": False}
        own = {
            "num_cpus": workers,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_node_ip_address": "127.0.0.1",  # reachable from this machine only
        }
        _print_nothing(self._ray)
        try:
            if address is None:
                self._ray.init("local", **quiet, **own)  # without an address it would join what happens to run here
            else:
                _reach(address)
                self._ray.init(address, **quiet)
        except MissingExtraError:
            raise
        except Exception as error:  # Ray raises what its many parts raise
            if address is None:
                raise EngineError(f"Ray cannot be started here: {error}. Without it there is `embedded`.") from error
            raise EngineError(
                f"No Ray cluster can be joined at {address}: {error}. Start one with `ray start --head` and give `auto`"
                " on that machine, or ray://HOST:10001 on another; `ray` alone starts one here. Where the cluster wants"
                " a token, set RAY_AUTH_TOKEN to it."
            ) from error

    def map(
        self,
        function: Callable[[TaskT], ResultT],
        tasks: Sequence[TaskT],
        *,
        name: Callable[[TaskT], str] = str,
        size: Callable[[TaskT], int] | None = None,
        retries: int = RETRIES,
        tell: Callable[[Standing], None] | None = None,
    ) -> Iterator[Done[ResultT] | Failed]:
        """Yield how each task ended, as they end; see ``Engine.map``."""
        crew = _Tasks(self._ray, function, self.workers)
        return carry_out(crew, tasks, name=name, size=size, retries=retries, tell=tell)

    def rest(self) -> bool:
        """Do nothing: the memory of a cluster is Ray's business, which ends idle workers in its own time."""
        return False

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._connected:
            self._connected = False
            with _uninterrupted():
                self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Tasks:
    """Tasks of Ray."""

    def __init__(self, ray: Any, function: Callable[[Any], object], workers: int) -> None:
        self._ray = ray
        self.workers = workers
        self._code = ray.put((sys.path, packed(function, "The function")))
        self._remote = ray.remote(num_cpus=1, max_retries=0)(_carried_out)
        self._running: dict[Any, int] = {}

    def begin(self, index: int, task: Any) -> None:
        self._running[self._remote.remote(self._code, packed(task, f"Task {index}"))] = index

    def wait(self, seconds: float, pulse: Pulse) -> list[tuple[int, Outcome]]:  # noqa: ARG002  (nothing is known)
        ended, _ = self._ray.wait(list(self._running), timeout=seconds)
        return [(self._running.pop(one), self._outcome(one)) for one in ended]

    def _outcome(self, one: Any) -> Outcome:
        try:
            return unpacked(self._ray.get(one))
        except self._ray.exceptions.RayError as error:
            return Lost(_how(error, self._ray.exceptions))

    def stop(self) -> None:
        running, self._running = list(self._running), {}
        with contextlib.suppress(self._ray.exceptions.RayError, ConnectionError):  # the cluster itself may be gone
            for force in (False, True):
                for one in running:
                    self._ray.cancel(one, force=force)
                if running:
                    _, running = self._ray.wait(running, num_returns=len(running), timeout=_GRACE_SECONDS)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off until the end: in the middle of Ray's start or end it is swallowed, or the process crashes."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted
        return
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if asked:
            signal.raise_signal(signal.SIGINT)


def _show_token() -> None:
    """Have Ray show its token, where there is one, to a cluster it joins; for ``auto`` alone it does so by itself."""
    if "ray" in sys.modules:
        return  # it reads this when it is imported; later the setting would contradict what it has read
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    if named or (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _reach(address: str) -> None:
    """Raise an error at once where nothing answers, which Ray itself tries for minutes, or a part of Ray is missing."""
    if address.startswith("ray://"):
        try:
            import grpc  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(f"Joining {address}", "cluster") from error
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()


def _print_nothing(ray: Any) -> None:
    """Keep Ray from writing to standard output, where results are: it announces there that a worker died.

    No setting of Ray's does that (2.59: ``log_to_driver`` is about what workers print), and we report it ourselves.
    """
    ray._private.worker._worker_logs_enabled = False  # noqa: SLF001  (a test holds that it works)


def _carried_out(there: tuple[list[str], bytes], task: bytes) -> bytes:
    """Carry out a task in a process of Ray's, as a worker of ours would.

    Args:
        there: where the caller finds modules, and the function.
        task: what to do.
    """
    import pyarrow as pa

    os.environ.update(ONE_THREAD)
    pa.set_cpu_count(1)
    path, code = there
    sys.path += [folder for folder in path if folder not in sys.path]
    return carried_out(code, task)


def _how(error: Exception, kinds: Any) -> str:
    """Return how a task of Ray's was lost, in one sentence."""
    if isinstance(error, kinds.OutOfMemoryError):
        return "Ray ended its worker because memory ran out on its node."
    if isinstance(error, kinds.NodeDiedError):
        return "The node it ran on was lost."
    if isinstance(error, kinds.WorkerCrashedError):
        return "Its Ray worker died: it was killed, memory ran out, or compiled code crashed."
    return f"Ray lost it: {type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _check_nodes(ray: Any) -> None:
    """Check that every node that can work has this version of Headwater.

    Raises:
        EngineError: one has not.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ours = _version()
    asked = {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            remote = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(_version)
            asked[remote.remote()] = node["NodeManagerAddress"]
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS)
    faults = [f"{asked[one]}: no answer in {_ANSWER_SECONDS:.0f} seconds" for one in silent]
    for one in answered:
        try:
            theirs = ray.get(one)
        except ray.exceptions.RayError:
            theirs = "none that can be imported"
        if theirs != ours:
            faults.append(f"{asked[one]}: {theirs}")
    if faults:
        raise EngineError(
            f"Every node needs the version of Headwater that is here ({ours}). Other nodes have:\n  - "
            + "\n  - ".join(faults)
            + f"\nInstall it there: pip install 'headwater[cluster]=={headwater.__version__}'"
        )


def _version() -> str:
    return f"headwater {headwater.__version__} on Python {platform.python_version()}"
