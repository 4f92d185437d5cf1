"""What does an engine cost: do two of its workers do as much as two processes on their own?

The work is ``headwater.curate.TextStatistics`` (Numba kernels, one thread) over the documentation installed with
Python, again and again for about half a second a task. "Alone" are two processes that share nothing, each with half of
the tasks, started and warmed, then let go at the same moment. They and the engines take turns; a turn of an engine is
one ``map`` of all tasks on warm workers, results collected. Reported is the wall time alone over that of an engine in
the same round, for a number of rounds: on a machine that others use, a single one says little.

Then what is paid once (the time from nothing to the first result of two workers that had all kernels in the cache) and
per task (a function that does nothing).

    python benchmarks/engine_overhead.py [--rounds 7] [--tasks 12] [--ray]

prints a Markdown table; about two minutes, with Ray one more.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache

import numba
import pyarrow as pa

from headwater.curate import TextStatistics
from headwater.engine import Done, Engine, open_engine
from headwater.sources import read_documentation

_REPEATS = 40


@lru_cache(maxsize=1)
def _batch() -> pa.RecordBatch:
    texts = read_documentation(("stdlib", "numpy")).select(["text"])
    return texts.combine_chunks().to_batches()[0]


def work(_: int) -> float:
    """Measure the texts again and again; returns processor seconds."""
    begin = time.process_time()
    for _ in range(_REPEATS):
        TextStatistics()(_batch())
    return time.process_time() - begin


def nothing(number: int) -> int:
    """Return the number."""
    return number


def _alone(tasks: int) -> None:
    """Be one of two processes: warm up, wait for the word, do half of the tasks, say when done."""
    work(0)
    print("ready", flush=True)
    for _ in sys.stdin:
        for number in range(tasks):
            work(number)
        print("done", flush=True)


class _Pair:
    """Two processes that share nothing."""

    def __init__(self, tasks: int) -> None:
        command = [sys.executable, __file__, "--alone", str(tasks // 2)]
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self.both = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread)
            for _ in range(2)
        ]
        self.heard()

    def heard(self) -> None:
        for one in self.both:
            one.stdout.readline()

    def turn(self) -> None:
        for one in self.both:
            one.stdin.write("go\n")
            one.stdin.flush()
        self.heard()

    def close(self) -> None:
        for one in self.both:
            one.stdin.close()
            one.wait()


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def _map(engine: Engine, function: Callable[[int], object], tasks: int) -> None:
    assert all(isinstance(one, Done) for one in engine.map(function, range(tasks)))


def _started(name: str) -> tuple[Engine, float]:
    from engine_overhead import nothing

    begin = time.perf_counter()
    engine = open_engine(name, workers=2)
    _map(engine, nothing, 2)
    return engine, time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--alone", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        _alone(arguments.alone)
        return
    # As a module, which workers import: the cache below `work` cannot be sent.
    from engine_overhead import nothing, work

    work(0)
    pair = _Pair(arguments.tasks)
    names = ["embedded", "ray"] if arguments.ray else ["embedded"]
    engines = {name: _started(name) for name in names}
    for engine, _ in engines.values():
        _map(engine, work, 4)
    ratios: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(arguments.rounds):
        alone = _seconds(pair.turn)
        for name in names:
            ratios[name].append(alone / _seconds(lambda name=name: _map(engines[name][0], work, arguments.tasks)))
    versions = f"python {platform.python_version()}, numba {numba.__version__}, pyarrow {pa.__version__}"
    load = os.getloadavg()[0]
    print(
        f"{arguments.rounds} rounds of {arguments.tasks} tasks of {work(0):.2f} CPU seconds, {os.cpu_count()} cores,"
        f" load {load:.1f}; {versions}.\n"
    )
    print("| engine | of two processes alone, median | lowest to highest | start, s | per task, ms |")
    print("|---|---|---|---|---|")
    for name in names:
        engine, start = engines[name]
        empty = 1000 * _seconds(lambda engine=engine: _map(engine, nothing, 500)) / 500
        middle, low, high = statistics.median(ratios[name]), min(ratios[name]), max(ratios[name])
        print(f"| {name} | {middle:.2f} | {low:.2f} to {high:.2f} | {start:.1f} | {empty:.2f} |")
        engine.close()
    pair.close()


if __name__ == "__main__":
    main()
