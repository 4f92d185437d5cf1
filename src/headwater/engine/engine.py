"""What an engine is: it carries out one function for each of a list of tasks, and says how each of them ended.

A task is a unit of work that is repeated whole when it is lost: a shard. Its function writes what is large to files and
returns what is small. Tasks end in any order; whoever needs an order sorts by ``index``, which is how the bytes that
are written stay the same for any engine and number of workers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from headwater.engine.progress import Standing

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

RETRIES = 2
"""How often a task is repeated. A third death is taken for the task's own doing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What carrying out a task took."""

    worker: str
    """The process that did it: host and process number."""
    wall_seconds: float
    cpu_seconds: float
    """Processor seconds of all threads of the worker."""
    peak_bytes: int
    """The most memory that the worker had held up to then, shared pages included; 0 where the system does not say."""


@dataclass(frozen=True, slots=True)
class Done(Generic[ResultT]):
    """A task that was carried out."""

    index: int
    """Its place in the list of tasks."""
    name: str
    value: ResultT
    """What its function returned."""
    attempts: int
    """1 where nothing had to be repeated."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that was given up; the others went on."""

    index: int
    """Its place in the list of tasks."""
    name: str
    error: str
    """What went wrong, in one sentence."""
    details: str
    """The traceback of the worker; empty where the worker died and left none."""
    attempts: int
    input_error: bool
    """The task's input cannot be used (an ``InputError``), which is for the user to put right."""


class Engine(Protocol):
    """Carries out functions in a number of processes; a context manager that ends them."""

    @property
    def name(self) -> str:
        """Name of the engine: ``embedded`` or ``ray``."""

    @property
    def workers(self) -> int:
        """How many tasks are carried out at once."""

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
        """Yield how each task ended, as they end.

        A task is repeated when its worker dies or it raises an error that may pass (files, network, memory); not when
        the error lies in code or data. What is repeated goes behind all tasks not yet begun, so that a passing
        disturbance has passed.

        Args:
            function: what to do; it is sent to the workers, so it and what it returns can be pickled. Functions of the
                running script or of a notebook can.
            tasks: one argument of the function each.
            name: the name of a task, for messages.
            size: how much work a task is, in bytes; 0 where it is not given.
            retries: how often a task is repeated before it is given up.
            tell: called with the standing at least every half second while tasks run. May raise ``KeyboardInterrupt``.

        Raises:
            EngineError: workers cannot be started or reached, or something cannot be sent to them.
            HeadwaterError: a task met a fault that every task would meet (an extra is missing, settings are wrong, the
                disk is full); it is raised as itself and the rest of the work is stopped.
            KeyboardInterrupt: the work was interrupted; it is stopped.
        """

    def rest(self) -> bool:
        """Give back what idle workers hold, until the next ``map``, and return whether they hold nothing now.

        For work of the caller's own that takes memory.
        """

    def close(self) -> None:
        """End the workers. Tasks under way are stopped."""

    def __enter__(self) -> Self:
        """Return the engine."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""
