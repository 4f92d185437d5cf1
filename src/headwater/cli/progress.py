"""Progress on standard error: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from headwater.loop.inputs import Progress

_SECONDS_BETWEEN_LINES = 3.0


@contextmanager
def progress_on(stream_is_terminal: bool, *, quiet: bool) -> Iterator[Progress]:
    """Yield a function to report progress with.

    Args:
        stream_is_terminal: whether standard error is a terminal.
        quiet: report nothing.
    """
    if quiet:
        yield lambda done, total, what: None
    elif stream_is_terminal:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(bar_width=30), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=None)
            yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
    else:
        last = 0.0

        def line(done: int, total: int, what: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _SECONDS_BETWEEN_LINES:
                last = now
                print(f"[{done}/{total}] {what}", file=sys.stderr, flush=True)

        yield line
