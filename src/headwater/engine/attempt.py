"""One attempt at a task: how it ends, and whether it is worth another one.

Whatever a task raises is looked at in the process that raised it. Across to the caller go sentences and tracebacks,
never foreign exception objects, which may not survive pickling.
"""

import contextlib
import errno
import os
import pickle
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from headwater.engine.engine import Usage
from headwater.errors import EngineError, HeadwaterError, InputError, StoreError

# Errors of code and data: a pure function meets them again however often it is called. All others (files, network,
# memory, what libraries raise for a server that did not answer) may pass.
_COME_AGAIN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)
# Every task would meet these, and repeating them writes to a full disk.
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Returned:
    """The function returned."""

    value: Any
    usage: Usage


@dataclass(frozen=True, slots=True)
class Raised:
    """The function raised an error."""

    sentence: str
    """The error in one sentence."""
    details: str
    """Its traceback."""
    may_pass: bool
    """Another attempt may succeed."""
    input_error: bool
    """The input of the task cannot be used."""
    stops: HeadwaterError | None
    """What to raise instead of carrying on, where every task would meet the same fault."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker died."""

    sentence: str
    """How it died."""


Outcome = Returned | Raised | Lost


def attempt(work: Callable[[], object]) -> Returned | Raised:
    """Return how a piece of work ends; only what is meant to end the process (Ctrl-C, SIGTERM) is let through."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        value = work()
    except Exception as error:  # whatever goes wrong in a task is the task's outcome
        return raised(error)
    used = Usage(
        worker=f"{socket.gethostname()}:{os.getpid()}",
        wall_seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        peak_bytes=peak_bytes(),
    )
    return Returned(value, used)


def raised(error: Exception) -> Raised:
    """Return what is to be known of an error."""
    input_error = isinstance(error, InputError)
    stops: HeadwaterError | None = None
    if isinstance(error, HeadwaterError) and not input_error:
        stops = error
    elif isinstance(error, OSError) and error.errno in _DISK_FULL:
        stops = StoreError(f"{error}. Free some space there, or choose another folder, then repeat the command.")
    return Raised(
        sentence=one_sentence(error),
        details="".join(traceback.format_exception(error)),
        may_pass=not isinstance(error, (HeadwaterError, *_COME_AGAIN)),
        input_error=input_error,
        stops=stops,
    )


def one_sentence(error: Exception) -> str:
    """Return an error as a sentence: ours are written for users, others need their kind."""
    text = str(error).strip()
    return text if isinstance(error, HeadwaterError) else f"{type(error).__name__}: {text}".removesuffix(": ")


def packed(value: object, what: str) -> bytes:
    """Return a value as bytes; classes and functions of the running script or notebook go with their code.

    Raises:
        EngineError: it cannot be pickled.
    """
    import cloudpickle

    try:
        return cloudpickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # pickling runs the code of whatever it is given
        raise EngineError(
            f"{what} cannot be sent to another process: {type(error).__name__}: {error}. Open files, connections and"
            " locks cannot: make them inside the function. With one worker nothing is sent."
        ) from error


def unpacked(data: bytes) -> Any:
    """Return the value of ``packed``. Bytes come from this program's own processes only."""
    return pickle.loads(data)  # noqa: S301


def carried_out(code: bytes, task: bytes) -> bytes:
    """Carry out a task, both it and the function as bytes, and return how it ended as bytes."""
    outcome = attempt(lambda: _function(code)(unpacked(task)))
    try:
        return packed(outcome, "The result")
    except EngineError as error:
        return packed(raised(error), "The error")


@lru_cache(maxsize=2)
def _function(code: bytes) -> Callable[[Any], object]:
    """Return a function that came as bytes; what it has loaded stays loaded from task to task."""
    return unpacked(code)


def peak_bytes() -> int:
    """Return the most memory this process has held, in bytes.

    The kernel's ``ru_maxrss`` will not do: a process starts with that of the one it was started from.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> None:
    """Have ``peak_bytes`` speak of what comes from now on, where the system allows it (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")
