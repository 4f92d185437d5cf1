"""How far the work has come: counted from what tasks report, without a clock of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_sink: ContextVar[Callable[[int], None] | None] = ContextVar("_sink", default=None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a list of tasks has come."""

    done: int
    """Tasks that were carried out."""
    failed: int
    """Tasks that were given up."""
    total: int
    """All tasks."""
    done_bytes: int
    """Bytes of ended tasks and what running tasks report to have read."""
    total_bytes: int
    """Bytes of all tasks; 0 where nobody knows."""
    seconds: float
    """Wall time since the first task began."""

    @property
    def bytes_per_second(self) -> float:
        """The mean rate so far; 0 at the beginning."""
        return self.done_bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The time the rest takes at the mean rate so far; ``None`` where it cannot be told."""
        ended = self.done + self.failed
        if self.done_bytes and self.total_bytes:
            return max(0.0, self.seconds * (self.total_bytes - self.done_bytes) / self.done_bytes)
        if ended and not self.total_bytes:
            return self.seconds * (self.total - ended) / ended
        return None


def advance(size_bytes: int) -> None:
    """Report, from within a task, that so many more bytes of it are done. Does nothing outside of a task."""
    sink = _sink.get()
    if sink is not None:
        sink(size_bytes)


@contextmanager
def advances_to(sink: Callable[[int], None]) -> Iterator[None]:
    """Have what a task reports go to a function."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)
