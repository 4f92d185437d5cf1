"""What the first minute costs: the run without arguments and the help, on one core.

Nothing is compared with here: the question is whether a new user's first run fits into a minute on one core and into a
laptop's memory. The kernels are compiled beforehand, as the set-up does.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loops import markdown, versions


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """Return wall seconds, CPU seconds and peak memory in MB of one command, its children not included."""
    start = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "headwater.cli.main", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"headwater {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    subprocess.run([sys.executable, "-m", "headwater.cli.main", "warm"], check=True)
    rows = []
    for name, arguments in (("headwater --help", ["--help"]), ("headwater run", ["run", "--quiet"])):
        results = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                place = ["--project", str(Path(folder) / "project")] if arguments[0] == "run" else []
                results.append(measured([*arguments, *place]))
        for label, values in zip(("wall seconds", "CPU seconds", "peak MB"), zip(*results, strict=True), strict=True):
            if label == "peak MB" and arguments[0] == "--help":
                continue  # the kernel counts the parent's memory for a child smaller than it
            rows.append([name, label, f"{min(values):.2f}", f"{max(values):.2f}"])
    print(f"`python benchmarks/quickstart.py --repeats {repeats}`: one core; {versions()}.\n")
    print(markdown(["command", "measure", "lowest", "highest"], rows))


if __name__ == "__main__":
    main()
