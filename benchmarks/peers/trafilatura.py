"""What trafilatura extracts, and how long it takes. Runs in its own environment, which has nothing of Headwater.

    python peers/trafilatura.py PAGES.jsonl TEXTS.jsonl REPEATS

A line of PAGES is a JSON string, a page. A line of TEXTS is a JSON object: the text of the page by way of extraction.
Prints the versions and, for each way, the processor seconds of each repeat.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

# Else ``import trafilatura`` finds this file.
if sys.path and sys.path[0].endswith("peers"):
    del sys.path[0]

import trafilatura

WAYS = {
    "default": {},
    "without comments": {"include_comments": False},
    "precision": {"favor_precision": True, "include_comments": False},
    "recall": {"favor_recall": True, "include_comments": False},
    "fast": {"fast": True, "include_comments": False},
}


def main(pages_path, texts_path, repeats):
    """Extract all pages in every way."""
    with Path(pages_path).open(encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    texts = [{} for _ in pages]
    seconds = {}
    for name, options in WAYS.items():
        seconds[name] = []
        for _ in range(int(repeats)):
            begin = time.process_time()
            found = [trafilatura.extract(page, **options) or "" for page in pages]
            seconds[name].append(time.process_time() - begin)
        for text, extracted in zip(texts, found, strict=True):
            text[name] = extracted
    with Path(texts_path).open("w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps(text) + "\n")
    print(json.dumps({"version": version("trafilatura"), "seconds": seconds}))


main(*sys.argv[1:])
