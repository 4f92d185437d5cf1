"""What does a whole curation cost: reading, measuring, copies and writing, on files, in worker processes and on Ray?

Parts, chosen with ``--parts``:

- ``workers``: the job with 1 and with 2 workers, and two independent copies of the job with 1 worker each at the same
  time: what the machine gives two processes that share nothing. Also whether all wrote the same bytes.
- ``ray``: the job on a Ray cluster of this machine, beside the embedded engine; also whether the bytes are the same.
- ``memory``: peak memory on a generated input and on one twice as large (``--gigabytes`` is the larger).
- ``again``: deciding again from stored values, beside the curation.

The input is put together from paragraphs of real English (posts, encyclopedia, essays, novels), shuffled anew for every
document, so that it has the vocabulary of real text at any size.

    python benchmarks/curate_job.py [--parts workers,ray,memory,again] [--gigabytes 5] [--megabytes 150] [--data FOLDER]
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from loops import markdown, versions
from shared_texts import SHARED, texts

_FILES = (
    "crawl/blog_18f_posts.jsonl.zst",
    "crawl/pile_open_subsets.jsonl.zst",
    "human_vs_ai/l2r_en.jsonl.zst",
    "human_vs_ai/outfox_essays_en.jsonl.zst",
    "lm/novels_en.jsonl.zst",
)
_FILE_BYTES = 256 << 20


def main() -> None:
    """Carry out the parts and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="workers,ray,again,memory")
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--megabytes", type=float, default=150.0)
    parser.add_argument("--data", type=Path, default=SHARED)
    options = parser.parse_args()
    print(versions())
    paragraphs = list(_paragraphs(options.data))
    for name in options.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="curate-job-") as folder:
            print(f"\n### {name}\n")
            _PARTS[name](Path(folder), paragraphs, options)


def _workers(folder: Path, paragraphs: list[str], options: argparse.Namespace) -> None:
    size = options.megabytes * 1e6
    data = _generate(folder / "data", paragraphs, size, seed=1, file_bytes=int(size / 8))
    rows = []
    one = _curate(data, folder / "one", "--workers", "1")
    two = _curate(data, folder / "two", "--workers", "2")
    rows += [_row("1 worker", one), _row("2 workers", two)]
    begun = time.monotonic()
    copies = [_start(data, folder / f"copy{number}", "--workers", "1") for number in range(2)]
    outcomes = [_outcome(process) for process in copies]
    wall = time.monotonic() - begun
    rows.append(("two copies of 1 worker", f"{2 * size / 1e6 / wall:.1f}", f"{wall:.1f}", "", ""))
    print(markdown(("run", "MB of JSON lines/s", "seconds", "CPU seconds", "peak MB"), rows))
    together = 2 * size / max(one_["seconds"] for one_ in outcomes)
    print(f"\n2 workers reach {size / two['seconds'] / together:.2f} of what two independent copies reach together.")
    print(f"Same bytes with 1 and 2 workers: {_digest(folder / 'one') == _digest(folder / 'two')}")


def _ray(folder: Path, paragraphs: list[str], options: argparse.Namespace) -> None:
    size = options.megabytes * 1e6
    data = _generate(folder / "data", paragraphs, size, seed=2, file_bytes=int(size / 8))
    embedded = _curate(data, folder / "embedded", "--workers", "2")
    begun = time.monotonic()
    on_ray = _curate(data, folder / "ray", "--engine", "ray", "--workers", "2")
    wall = time.monotonic() - begun
    rows = [_row("embedded, 2 workers", embedded), _row("Ray, 2 workers", on_ray)]
    print(markdown(("engine", "MB of JSON lines/s", "seconds", "CPU seconds", "peak MB"), rows))
    print(f"\nRay takes {on_ray['seconds'] - embedded['seconds']:.1f} s more ({wall:.1f} s with start and end).")
    print(f"Same bytes on both engines: {_digest(folder / 'embedded') == _digest(folder / 'ray')}")


def _again(folder: Path, paragraphs: list[str], options: argparse.Namespace) -> None:
    data = _generate(folder / "data", paragraphs, options.megabytes * 1e6, seed=3)
    first = _curate(data, folder / "out", "--workers", "1")
    command = [*_HEADWATER, "rethreshold", str(folder / "out"), "--set", "too_few_words=200", "--json", "--quiet"]
    counted = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    written = [*command, "--out", str(folder / "again")]
    again = json.loads(subprocess.run(written, check=True, capture_output=True, text=True).stdout)
    rows = [
        ("curate", f"{first['seconds']:.1f}", f"{first['documents']['kept']:,}"),
        ("rethreshold, counted", f"{counted['seconds']:.1f}", f"{counted['documents']['kept']:,}"),
        ("rethreshold, written", f"{again['seconds']:.1f}", f"{again['documents']['kept']:,}"),
    ]
    print(markdown(("what", "seconds", "documents kept"), rows))


def _memory(folder: Path, paragraphs: list[str], options: argparse.Namespace) -> None:
    rows = []
    for share in (0.5, 1.0):
        size = share * options.gigabytes * 1e9
        data = _generate(folder / f"data{share}", paragraphs, size, seed=4)
        process = _start(data, folder / f"out{share}", "--workers", "2")
        with _watched(process.pid) as most:
            result = _outcome(process)
        counts = result["documents"]
        assert counts["in"] == counts["kept"] + counts["dropped"] + counts["bad"]
        at_once = tuple(f"{most[kind]:,.0f}" for kind in ("rss", "pss"))
        rows.append(
            (f"{size / 1e9:.1f} GB", *_row("", result)[1:], *at_once, f"{counts['in']:,}", f"{counts['kept']:,}")
        )
        for path in sorted(data.iterdir()):
            path.unlink()
    head = ("input", "MB/s", "seconds", "CPU seconds", "peak as reported, MB")
    at_once = ("most at one moment, MB", "the same, shared pages counted once", "documents", "kept")
    print(markdown((*head, *at_once), rows))


_PARTS = {"workers": _workers, "ray": _ray, "again": _again, "memory": _memory}
_HEADWATER = [sys.executable, "-c", "from headwater.cli.main import main; main()"]


def _row(name: str, result: dict[str, Any]) -> tuple[str, str, str, str, str]:
    rate = result["bytes"] / 1e6 / result["seconds"]
    return (
        name,
        f"{rate:.1f}",
        f"{result['seconds']:.1f}",
        f"{result['cpu_seconds']:.1f}",
        f"{result['peak_rss_mb']:,.0f}",
    )


def _start(data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [*_HEADWATER, "curate", str(data), "--out", str(out), "--json", "--quiet", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextmanager
def _watched(pid: int) -> Iterator[dict[str, float]]:
    """Yield the most memory that a process and those it started held at one moment, in MB, looked at every 0.2 s."""
    most = {"rss": 0.0, "pss": 0.0}
    ended = threading.Event()

    def look() -> None:
        root = psutil.Process(pid)
        while not ended.wait(0.2):
            held = {"rss": 0.0, "pss": 0.0}
            with suppress(psutil.NoSuchProcess):
                for process in (root, *root.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        found = process.memory_full_info()
                        held = {kind: amount + getattr(found, kind) / 1e6 for kind, amount in held.items()}
            most.update({kind: max(most[kind], amount) for kind, amount in held.items()})

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()


def _outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the curation ended with exit code {process.returncode}")
    result: dict[str, Any] = json.loads(said)
    return result


def _curate(data: Path, out: Path, *more: str) -> dict[str, Any]:
    return _outcome(_start(data, out, *more))


def _digest(folder: Path) -> str:
    """Return a hash of everything a curation wrote that does not say when."""
    found = hashlib.blake2b()
    for part in ("kept", "dropped", "signals", "pairs.parquet"):
        root = folder / part
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def _paragraphs(data: Path) -> Iterator[str]:
    for name in _FILES:
        for text in texts(data / name):
            yield from (paragraph for paragraph in text.split("\n\n") if 80 < len(paragraph) < 4000)


def _generate(folder: Path, paragraphs: list[str], size: float, seed: int, file_bytes: int = _FILE_BYTES) -> Path:
    """Write documents of shuffled paragraphs as JSON lines, about ``size`` bytes in all, and return the folder."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    encoded = [json.dumps(paragraph + "\n\n")[1:-1] for paragraph in paragraphs]
    written = number = 0
    while written < size:
        with (folder / f"part-{number:04d}.jsonl").open("w", encoding="utf-8") as file:
            in_file = 0
            while in_file < file_bytes and written + in_file < size:
                counts = rng.integers(3, 12, 1000)
                chosen = rng.integers(0, len(encoded), counts.sum())
                at = 0
                lines = []
                for document, count in enumerate(counts.tolist()):
                    body = "".join([encoded[one] for one in chosen[at : at + count].tolist()])
                    lines.append(f'{{"text": "{body}", "source": "s{document % 7}", "n": {document}}}\n')
                    at += count
                block = "".join(lines)
                file.write(block)
                in_file += len(block)
        written += in_file
        number += 1
    return folder


if __name__ == "__main__":
    main()
