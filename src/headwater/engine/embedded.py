"""The engine of one machine: this process alone, or a number of worker processes of its own.

Why not ``concurrent.futures``: there the death of one worker breaks the pool, and what the others were doing is lost
with it. Here each worker has a socket of its own, and the death of one is the end of its own task only. Workers are
started afresh, not forked: Arrow, Lance and Numba have threads, which a forked process lacks but waits for. They do not
import the running script either, so that it needs no ``if __name__ == "__main__"``.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from headwater.engine.attempt import Lost, Outcome, attempt, packed, unpacked
from headwater.engine.engine import RETRIES, Done, Failed, ResultT, TaskT
from headwater.engine.progress import Standing, advances_to
from headwater.engine.schedule import Crew, Pulse, carry_out
from headwater.engine.worker import ADVANCED, FUNCTION, ONE_THREAD, OUTCOME, READY, TASK
from headwater.errors import EngineError

_GRACE_SECONDS = 2.0
"""How long a worker that is told to end may take to remove what it has half written."""
_FAILED_STARTS = 3
"""Workers that die before they begin to work, in a row, until it is taken for a rule."""


def available_cpus() -> int:
    """Return how many processors this process may use: its affinity, and the share of its container."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        count = min(count, max(1, round(int(quota) / int(period))))  # "max" stands for no limit: a ValueError
    return count


class EmbeddedEngine:
    """Carries out tasks on this machine: in this process with one worker, else in processes that it starts.

    Workers use one thread each, write what they print to standard error, and are gone when this process is, however it
    ends. They are kept from one ``map`` to the next, with what they have loaded.
    """

    name = "embedded"

    def __init__(self, workers: int | None = None) -> None:
        """Choose the number of workers: all processors where none is given."""
        count = available_cpus() if workers is None else workers
        if count < 1:
            raise EngineError(
                f"{count} workers can do nothing. Give 1 or more; without a number it is one per processor."
            )
        self.workers = count
        self._processes: list[_Worker] = []

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
        crew: Crew = _Here(function)
        if self.workers > 1:
            crew = _Processes(function, self._processes, min(self.workers, len(tasks)))
        return carry_out(crew, tasks, name=name, size=size, retries=retries, tell=tell)

    def rest(self) -> bool:
        """End the workers, where none is at work; the next ``map`` starts others, which takes about a second."""
        if all(one.index is None for one in self._processes):
            _end_all(self._processes)
        return not self._processes

    def close(self) -> None:
        """End the workers. Tasks under way are stopped."""
        _end_all(self._processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Here:
    """One worker: this process."""

    workers = 1

    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function
        self._next: tuple[int, Any] | None = None

    def begin(self, index: int, task: Any) -> None:
        self._next = index, task

    def wait(self, seconds: float, pulse: Pulse) -> list[tuple[int, Outcome]]:  # noqa: ARG002  (it takes what it takes)
        assert self._next is not None
        index, task = self._next
        with advances_to(lambda size_bytes: pulse(index, size_bytes)):
            return [(index, attempt(lambda: self._function(task)))]

    def stop(self) -> None:
        self._next = None


class _Processes:
    """Workers that are processes."""

    def __init__(self, function: Callable[[Any], object], processes: "list[_Worker]", workers: int) -> None:
        if any(one.index is not None for one in processes):
            raise EngineError(
                "This engine is at work. Take what its first map yields to the end, or use another engine."
            )
        self._code = packed(function, "The function")
        self._processes = processes
        self.workers = workers
        self._failed_starts = 0

    def begin(self, index: int, task: Any) -> None:
        data = packed(task, f"Task {index}")
        for one in [one for one in self._processes if one.died()]:  # while nobody was looking
            self._processes.remove(one)
        free = next((one for one in self._processes if one.index is None), None)
        if free is None:
            free = _Worker()
            self._processes.append(free)
        free.give(index, self._code, data)

    def wait(self, seconds: float, pulse: Pulse) -> list[tuple[int, Outcome]]:
        busy = [one for one in self._processes if one.index is not None]
        ended: list[tuple[int, Outcome]] = []
        speaking = set(wait([one.link for one in busy], seconds))
        for one in busy:
            if one.link not in speaking:
                continue
            index = one.index
            assert index is not None
            try:
                message = one.link.recv_bytes()
            except (EOFError, OSError):
                ended += self._lost(one, index)
                continue
            if message[:1] == READY:
                self._failed_starts = 0
                one.begin()
            elif message[:1] == ADVANCED:
                pulse(index, int(message[1:]))
            else:
                assert message[:1] == OUTCOME
                one.index = None
                ended.append((index, unpacked(message[1:])))
        return ended

    def _lost(self, one: "_Worker", index: int) -> list[tuple[int, Outcome]]:
        """Take leave of a worker that died; one that never began took no task with it."""
        self._processes.remove(one)
        how = one.death()
        if one.ready:
            return [(index, Lost(f"Its worker {how}."))]
        self._failed_starts += 1
        if self._failed_starts >= _FAILED_STARTS:
            raise EngineError(
                f"Worker processes end before they begin to work: the last one {how}. What it said stands above."
                " With one worker none is needed."
            )
        again = _Worker()
        self._processes.append(again)
        again.index, again.code, again.task = one.index, one.code, one.task
        return []

    def stop(self) -> None:
        _end_all(self._processes)


class _Worker:
    """One worker process and the socket to it."""

    def __init__(self) -> None:
        self.index: int | None = None
        """The task that it was given and has not ended."""
        self.ready = False
        self.code = self.task = b""
        self._has = b""  # the function it was sent
        self.link, theirs = Pipe()
        script = (
            f"import sys; sys.path[:] = {sys.path!r}; sys.argv[:] = {sys.argv!r};"
            f" from headwater.engine.worker import main; main({theirs.fileno()}, {os.getpid()})"
        )
        # What is started while Ctrl-C is blocked begins with it blocked, and so gets through its first second.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(  # noqa: S603  (this interpreter)
                [sys.executable, "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output belongs to the result
                pass_fds=[theirs.fileno()],
                env={**os.environ, **ONE_THREAD},
            )
        except OSError as error:
            raise EngineError(f"No worker process can be started: {error}. Use fewer workers.") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def give(self, index: int, code: bytes, task: bytes) -> None:
        """Give it a task; it begins when it is ready."""
        self.index, self.code, self.task = index, code, task
        if self.ready:
            self._send()

    def begin(self) -> None:
        """Note that it is ready, and send it its task."""
        self.ready = True
        self._send()

    def _send(self) -> None:
        # One that has died meanwhile is found out by the next look at its socket.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self._has is not self.code:
                self.link.send_bytes(FUNCTION + self.code)
                self._has = self.code
            self.link.send_bytes(TASK + self.task)

    def died(self) -> bool:
        """Return whether it died while it had nothing to do."""
        return self.index is None and self._process.poll() is not None

    def death(self) -> str:
        """Return how it died, once it has closed its socket."""
        self.end(time.monotonic() + _GRACE_SECONDS)
        code = self._process.returncode
        if code >= 0:
            return f"ended by itself with exit code {code}"
        said = signal.Signals(-code).name if -code in {int(one) for one in signal.Signals} else f"signal {-code}"
        why = {
            "SIGKILL": "; the system does so when memory runs out",
            "SIGSEGV": " (it used memory that is not its own: a fault in compiled code)",
        }
        return f"was killed by {said}{why.get(said, '')}"

    def tell_to_end(self) -> None:
        """Tell it to end: an idle one by closing its socket, a busy one by a signal."""
        self.link.close()
        if self.index is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for its end until a time, then kill it."""
        self.link.close()
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _end_all(processes: list[_Worker]) -> None:
    """End workers, all at the same time."""
    ending, processes[:] = list(processes), []
    for one in ending:
        one.tell_to_end()
    deadline = time.monotonic() + _GRACE_SECONDS
    for one in ending:
        one.end(deadline)
