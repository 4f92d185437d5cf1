"""Which task is next, which again, which is given up: the same for every kind of worker."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from headwater.engine.attempt import Lost, Outcome, Returned
from headwater.engine.engine import Done, Failed
from headwater.engine.progress import Standing

WAIT_SECONDS = 0.5
"""The longest time between two looks at the clock; how long Ctrl-C may take to be seen by a caller's ``tell``."""


Pulse = Callable[[int, int], None]
"""Told the index of a running task and how many more bytes of it are done."""


class Crew(Protocol):
    """Workers that carry out one function."""

    @property
    def workers(self) -> int:
        """How many tasks may run at once."""

    def begin(self, index: int, task: Any) -> None:
        """Have a task carried out by a worker that is free."""

    def wait(self, seconds: float, pulse: Pulse) -> list[tuple[int, Outcome]]:
        """Return the tasks that ended, after about so many seconds at most where none does."""

    def stop(self) -> None:
        """Stop running tasks at once."""


def carry_out(
    crew: Crew,
    tasks: Sequence[Any],
    *,
    name: Callable[[Any], str],
    size: Callable[[Any], int] | None,
    retries: int,
    tell: Callable[[Standing], None] | None,
) -> Iterator[Done[Any] | Failed]:
    """Yield how each task ended; see ``Engine.map``."""
    waiting = deque(range(len(tasks)))
    running: set[int] = set()
    attempts = [0] * len(tasks)
    count = _Count([size(task) if size is not None else 0 for task in tasks], tell)
    try:
        while waiting or running:
            while waiting and len(running) < crew.workers:
                index = waiting.popleft()
                attempts[index] += 1
                running.add(index)
                crew.begin(index, tasks[index])
            for index, what in crew.wait(WAIT_SECONDS, count.advanced):
                running.discard(index)
                if isinstance(what, Returned):
                    count.ended(index, failed=False)
                    yield Done(index, name(tasks[index]), what.value, attempts[index], what.usage)
                    continue
                if not isinstance(what, Lost) and what.stops is not None:
                    raise what.stops
                may_pass = isinstance(what, Lost) or what.may_pass
                if may_pass and attempts[index] <= retries:
                    count.again(index)
                    waiting.append(index)
                    continue
                count.ended(index, failed=True)
                details, input_error = ("", False) if isinstance(what, Lost) else (what.details, what.input_error)
                yield Failed(index, name(tasks[index]), what.sentence, details, attempts[index], input_error)
            count.show()
    finally:
        if running:
            crew.stop()


class _Count:
    """Counts tasks and bytes, and shows them."""

    def __init__(self, sizes: list[int], tell: Callable[[Standing], None] | None) -> None:
        self._sizes = sizes
        self._tell = tell
        self._total = sum(sizes)
        self._ended_bytes = 0
        self._partly: dict[int, int] = {}
        self._done = self._failed = 0
        self._began = self._shown = time.monotonic()

    def advanced(self, index: int, size_bytes: int) -> None:
        self._partly[index] = self._partly.get(index, 0) + size_bytes
        # In this process no wait ends before the task does, so what it reports is the only occasion.
        if time.monotonic() - self._shown >= WAIT_SECONDS:
            self.show()

    def again(self, index: int) -> None:
        self._partly.pop(index, None)

    def ended(self, index: int, *, failed: bool) -> None:
        self._partly.pop(index, None)
        self._ended_bytes += self._sizes[index]
        if failed:
            self._failed += 1
        else:
            self._done += 1

    def show(self) -> None:
        if self._tell is None:
            return
        self._shown = time.monotonic()
        # A task may read more than was announced, such as what it decompresses; it is never more than done.
        partly = sum(min(size, self._sizes[index]) for index, size in self._partly.items())
        self._tell(
            Standing(
                done=self._done,
                failed=self._failed,
                total=len(self._sizes),
                done_bytes=self._ended_bytes + partly,
                total_bytes=self._total,
                seconds=self._shown - self._began,
            )
        )
