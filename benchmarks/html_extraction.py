"""How well the text of web pages comes out, and how fast, beside trafilatura.

57 real pages (German, English, French) come with short phrases that belong to the text and others that do not (menus,
footers, notes on the author). Counted is how many of each are in the extracted text; all text, or none, fails one of
the two. The same pages were in sight when the few elements that Headwater passes over by itself were chosen, and
trafilatura's authors collected them to develop theirs: neither is measured on pages it has not seen. Intervals are
bootstrap ones over pages (95%).

    HEADWATER_PEERS=FOLDER python benchmarks/html_extraction.py [--no-peer] [--repeats 3]

prints Markdown tables; a minute on one core, most of it trafilatura's. Times are processor seconds of one process.
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers.environments import run_peer
from resiliparse.extract.html2text import extract_plain_text
from shared_texts import SHARED, records

from headwater import __version__
from headwater.sources import warm
from headwater.sources.html import page_text

PAGES = "crawl/html_pages_cc.jsonl.zst"
RESAMPLES = 2000


def hits(pages: Sequence[dict[str, Any]], texts: Sequence[str], key: str) -> np.ndarray:
    """Return, per page, how many of its phrases are in the text, and how many it has."""
    found = [
        (sum(phrase in text for phrase in page[key]), len(page[key])) for page, text in zip(pages, texts, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def share(found: np.ndarray) -> str:
    """Return a share of phrases with its interval over pages."""
    rng = np.random.default_rng(0)
    drawn = found[rng.integers(0, len(found), (RESAMPLES, len(found)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1), [0.025, 0.975])
    here, total = found.sum(axis=0).astype(int)
    return f"{here} of {total} ({100 * low:.0f}-{100 * high:.0f}%)"


def timed(
    extract: Callable[[str], str], pages: Sequence[dict[str, Any]], repeats: int
) -> tuple[list[str], list[float]]:
    """Return the texts and the processor seconds of each repeat."""
    seconds, texts = [], []
    for _ in range(repeats):
        begin = time.process_time()
        texts = [extract(page["html"]) for page in pages]
        seconds.append(time.process_time() - begin)
    return texts, seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="extraction of text from web pages")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    arguments = parser.parse_args()
    pages = list(records(SHARED / PAGES))
    warm()
    rows = {
        "Headwater": timed(page_text, pages, arguments.repeats),
        "resiliparse, main content": timed(
            lambda html: extract_plain_text(html, main_content=True), pages, arguments.repeats
        ),
        "resiliparse, all text": timed(extract_plain_text, pages, arguments.repeats),
    }
    versions = f"headwater {__version__}"
    if not arguments.no_peer:
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "pages.jsonl", Path(folder) / "texts.jsonl"
            given.write_text("".join(json.dumps(page["html"]) + "\n" for page in pages), "utf-8")
            told = run_peer("trafilatura", given, made, str(arguments.repeats))
            texts = [json.loads(line) for line in made.read_text("utf-8").splitlines()]
        for name, seconds in told["seconds"].items():
            rows[f"trafilatura, {name}"] = [text[name] for text in texts], seconds
        versions += f", trafilatura {told['version']}"
    size = sum(len(page["html"].encode()) for page in pages) / 1e6
    print(f"\n{len(pages)} pages, {size:.1f} MB of HTML; {versions}, Python {platform.python_version()}.\n")
    print(
        "| extraction | wanted phrases found | unwanted phrases found | pages/s | MB of text |\n|---|---|---|---|---|"
    )
    for name, (texts, seconds) in rows.items():
        rates = [len(pages) / each for each in seconds]
        text = sum(len(each.encode()) for each in texts) / 1e6
        wanted, unwanted = share(hits(pages, texts, "gold_with")), share(hits(pages, texts, "gold_without"))
        print(f"| {name} | {wanted} | {unwanted} | {min(rates):.0f}-{max(rates):.0f} | {text:.2f} |")


if __name__ == "__main__":
    main()
