"""Does the client keep an endpoint busy, and does its ledger stay usable at a million rows?

The server is a process of its own on this machine that answers each request after a fixed time. Beside Headwater runs
the bare official client: the same requests through ``AsyncOpenAI`` with as many tasks, nothing written down. The
ideal is concurrency divided by latency.

    python benchmarks/endpoint.py [--latency 0.05 0.25 1.0] [--seconds 10] [--rows 1000000]
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from headwater.generate import (
    Answer,
    Cost,
    Finish,
    Production,
    Request,
    RequestLedger,
    generator_of,
    parents_of,
    recipe_of,
)
from headwater.generate.request import request_key
from headwater.schema import documents

SERVER = Path(__file__).parents[1] / "tests" / "openai_server.py"
WORDS = [
    "the",
    "harbour",
    "of",
    "old",
    "town",
    "was",
    "rebuilt",
    "after",
    "storm",
    "when",
    "sea",
    "broke",
    "through",
    "northern",
    "wall",
    "and",
    "drowned",
    "market",
]


def texts(count: int, words: int = 120) -> list[str]:
    """Return made-up texts."""
    rng = np.random.default_rng(0)
    return [" ".join(row) for row in rng.choice(WORDS, (count, words)).tolist()]


class Server:
    """A server in its own process."""

    def __init__(self, folder: Path, latency: float) -> None:
        (folder / "server.json").write_text(json.dumps({"latency": latency}))
        arguments = [sys.executable, str(SERVER), "0", str(folder / "server.json"), str(folder / "billed.jsonl")]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stats(self) -> dict[str, float]:
        """Return what the server counted."""
        with urllib.request.urlopen(f"{self.url}/stats") as answer:
            return json.load(answer)

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def bare(url: str, prompts: list[str], concurrency: int) -> None:
    """Ask with the official client alone."""
    import openai

    async def work() -> None:
        waiting = iter(prompts)
        async with openai.AsyncOpenAI(api_key="none", base_url=f"{url}/v1", max_retries=0) as client:

            async def one() -> None:
                for prompt in waiting:
                    await client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": prompt}], max_tokens=1024, temperature=1.0
                    )

            await asyncio.gather(*(one() for _ in range(concurrency)))

    asyncio.run(work())


def headwater(url: str, prompts: list[str], concurrency: int, folder: Path) -> None:
    """Ask with a recipe, everything kept in a ledger."""
    recipe = recipe_of(
        {
            "name": "bench",
            "generator": {"kind": "endpoint", "base_url": f"{url}/v1", "model": "m"},
            "prompt": {"template": "{{ text }}", "system": ""},
            "limits": {"concurrency": concurrency},
        }
    )
    parents = parents_of(documents(prompts, id=[f"d{i}" for i in range(len(prompts))]), recipe)
    with RequestLedger(folder / "store") as ledger:
        asked = Production(recipe, parents, generator_of(recipe), ledger).ask(lambda done, total, what: None)
    assert asked.answered == len(prompts)


def saturation(latencies: list[float], seconds: float, concurrency: int = 64) -> None:
    """Print how busy both keep the server."""
    print(
        "| latency | client | requests | mean under way at the server | of 64 | requests/s | of the ideal "
        "| CPU ms per request |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for latency in latencies:
        count = max(int(min(concurrency / latency, 400) * seconds), 4 * concurrency)
        prompts = texts(count)
        for name in ("bare openai client", "headwater"):
            with tempfile.TemporaryDirectory() as place:
                server = Server(Path(place), latency)
                before = time.process_time()
                try:
                    if name == "headwater":
                        headwater(server.url, prompts, concurrency, Path(place))
                    else:
                        bare(server.url, prompts, concurrency)
                    used = time.process_time() - before
                    stats = server.stats()
                finally:
                    server.stop()
            rate = stats["requests"] / stats["seconds"]
            print(
                f"| {latency * 1000:.0f} ms | {name} | {count:,} | {stats['mean']:.1f} | "
                f"{stats['mean'] / concurrency:.0%} | "
                f"{rate:,.0f} | {rate / (concurrency / latency):.0%} | {1000 * used / count:.2f} |",
                flush=True,
            )


def ledger(rows: int) -> None:
    """Print what a ledger of so many rows costs."""
    pairs = rows // 2
    text = texts(997)
    cost = Cost(300, 1024, 10)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        start = time.monotonic()
        with RequestLedger(Path(place)) as kept:
            for first in range(0, pairs, 64):
                part = range(first, min(first + 64, pairs))
                made = [
                    Request(request_key("bench", i), text[i % 997], "You write.", "", i, 1024, (f"d{i}",)) for i in part
                ]
                kept.asked([(one, cost) for one in made], recipe={"": "bench@1"}, book="b", generator="m")
                kept.answered(
                    [(Answer(one.key, text[-i % 997], Finish.STOP, 150, 160, "m"), cost, cost)
                     for i, one in zip(part, made, strict=True)], book="b",
                )  # fmt: skip
        seconds = time.monotonic() - start
        size = sum(one.stat().st_size for one in (Path(place) / "requests").iterdir())
        print(f"\n{rows:,} rows ({pairs:,} requests and their answers), forced to the disk 64 rows at a time")
        print("\n| measure | value |\n|---|---|")
        print(f"| appended, rows/s (sealing included) | {rows / seconds:,.0f} |")
        print(f"| size, MB | {size / 1e6:,.0f} |")
        code = f"""
import time
from pathlib import Path
from headwater.generate import RequestLedger
from headwater.generate.request import request_key
def held(): return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
base = held()
start = time.monotonic()
with RequestLedger(Path({place!r})) as kept:
    opened, grown_open = time.monotonic() - start, held() - base
    keys = [request_key("bench", i) for i in range(0, {pairs}, max({pairs} // 20000, 1))]
    more = [request_key("other", i) for i in range(len(keys))]
    start = time.monotonic(); found = kept.known(keys + more); looked = time.monotonic() - start
    assert found[: len(keys)].all() and not found[len(keys) :].any()
    order = [request_key("bench", i) for i in range(20480)]
    start = time.monotonic(); got = [one for i in range(0, 20480, 512) for one in kept.answers(order[i : i + 512])]
    read = time.monotonic() - start
    assert all(got)
    spent = kept.spending("b").spent.pico
    assert spent == 10 * {pairs}
    grown = held() - base
print(f"| opened, seconds | {{opened:.2f}} |")
print(f"| looked up, keys/s (half of them unknown) | {{2 * len(keys) / looked:,.0f}} |")
print(f"| answers read in the order of the requests, per second | {{20480 / read:,.0f}} |")
print(f"| memory once open, MB | {{grown_open / 1e6:.0f}} |")
print(f"| memory after all of it, mapped files included, MB | {{grown / 1e6:.0f}} |")
"""
        subprocess.run([sys.executable, "-c", code], check=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.05, 0.25, 1.0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    saturation(options.latency, options.seconds)
    if options.rows:
        ledger(options.rows)
    print(f"\npeak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
