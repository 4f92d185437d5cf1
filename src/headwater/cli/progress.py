"""Progress on standard error: a bar on a terminal, a line every few seconds elsewhere."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from headwater.loop.inputs import Progress

_SECONDS_BETWEEN_LINES = 3.0
_SECONDS_BETWEEN_EQUAL_LINES = 30.0


@contextmanager
def progress_on(stream_is_terminal: bool, *, quiet: bool) -> Iterator[Progress]:
    """Yield a function to report progress with; it is also where Ctrl-C takes effect.

    The first Ctrl-C stops the work at its next report, between two steps: raised in the middle of compiled code it can
    come out as another error. The second stops it at once.

    Args:
        stream_is_terminal: whether standard error is a terminal.
        quiet: report nothing.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.default_int_handler(number, frame)
        asked = True
        os.write(2, b"Stopping at the next step; Ctrl-C again stops at once.\n")  # print may not be entered twice

    with _shown(stream_is_terminal, quiet=quiet) as show:

        def report(done: int, total: int, what: str) -> None:
            if asked:
                raise KeyboardInterrupt
            show(done, total, what)

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield report
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _shown(stream_is_terminal: bool, *, quiet: bool) -> Iterator[Progress]:
    """Yield a function that shows progress."""
    if quiet:
        yield lambda done, total, what: None
    elif stream_is_terminal:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)
            # A total of 0: nobody knows how much there is, and the bar only shows that something is done.
            yield lambda done, total, what: bar.update(task, completed=done, total=total or None, description=what)
    else:
        last = -_SECONDS_BETWEEN_EQUAL_LINES
        said = ""

        def line(done: int, total: int, what: str) -> None:
            nonlocal last, said
            now = time.monotonic()
            words = f"[{done}/{total}] {what}" if total else what
            if now - last >= (_SECONDS_BETWEEN_EQUAL_LINES if words == said else _SECONDS_BETWEEN_LINES):
                last, said = now, words
                print(words, file=sys.stderr, flush=True)

        yield line
