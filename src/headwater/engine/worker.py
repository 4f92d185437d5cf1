"""The process of a worker: it gets a function, then one task after the other, and says how each of them ended.

It talks to its parent over one socket. It ends when the parent closes the socket, is told to (SIGTERM), or dies.
"""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NoReturn

READY, FUNCTION, TASK, ADVANCED, OUTCOME = b"r", b"f", b"t", b"a", b"o"
"""The first byte of a message."""

# Libraries that start a thread per processor unless told otherwise; a pool of such workers would run each processor
# many times over. What is read at import must be in the environment before.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "LANCE_CPU_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

_SECONDS_BETWEEN_REPORTS = 0.25
_PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int) -> None:
    """Work until the parent has no more to do.

    Args:
        descriptor: the socket to the parent.
        parent: its process number.
    """
    # The parent sees Ctrl-C too, and ends its workers; it blocked the signal for as long as nobody could ignore it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _end)
    faulthandler.enable()
    _die_with(parent)

    # What takes time to import comes after what must not come late.
    import pyarrow as pa

    from headwater.engine.attempt import carried_out
    from headwater.engine.progress import advances_to

    pa.set_cpu_count(1)
    link = Connection(descriptor)
    code = b""
    try:
        link.send_bytes(READY)
        while True:
            message = link.recv_bytes()
            if message[:1] == FUNCTION:
                code = message[1:]
                continue
            with advances_to(_Report(link)):
                outcome = carried_out(code, message[1:])
            link.send_bytes(OUTCOME + outcome)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent needs no more, or is gone


class _Report:
    """Passes on how far a task has come, a few times a second."""

    def __init__(self, link: "Connection[Any, Any]") -> None:
        self._link = link
        self._bytes = 0
        self._last = time.monotonic()

    def __call__(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_REPORTS:
            self._link.send_bytes(ADVANCED + str(self._bytes).encode())
            self._bytes, self._last = 0, now


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End this process by way of its ``finally`` clauses, so that files half written are removed."""
    raise SystemExit(128 + number)


def _die_with(parent: int) -> None:
    """Have this process killed when its parent dies, even while a compiled function holds the interpreter."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before it could be asked for
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
