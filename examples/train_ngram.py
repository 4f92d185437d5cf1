"""A trainer of your own, as small as one can be: word pairs with back-off, in the standard library alone.

Headwater runs it as two commands, without a shell. In ``headwater.toml``:

    [trainer]
    train = "python examples/train_ngram.py train {data} {model}"
    evaluate = "python examples/train_ngram.py evaluate {model} {panel}"

``train`` reads JSON lines (``id``, ``text``, ``origin``, ``recipe``; no recipe: human) and writes its model to the path
given. ``evaluate`` prints a line of JSON per held-out document: its ``id``, the total negative log probability in
``nats``, and the number of ``tokens`` it is the sum of. Yours does the same with torchrun and a GPU.
"""

import json
import math
import sys
from collections import Counter
from pathlib import Path

START, END = "<s>", "</s>"
SMOOTHING = 0.4  # share of a pair's probability that is left to the single words


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, the end of the document as the last."""
    return [*text.lower().split(), END]


def read(path: str) -> list[dict[str, str]]:
    """Return the rows of a file of JSON lines."""
    with Path(path).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def train(data: str, model: str) -> None:
    """Count words and pairs of words, and write the counts."""
    single: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for row in read(data):
        words = words_of(row["text"])
        single.update(words)
        pairs.update(f"{before} {word}" for before, word in zip([START, *words], words, strict=False))
    Path(model).write_text(json.dumps({"single": single, "pairs": pairs}), encoding="utf-8")


def evaluate(model: str, panel: str) -> None:
    """Print the loss of each document."""
    counts = json.loads(Path(model).read_text(encoding="utf-8"))
    single, pairs = counts["single"], counts["pairs"]
    total, known = sum(single.values()), len(single) + 1
    after: Counter[str] = Counter()
    for pair, count in pairs.items():
        after[pair.split(" ", 1)[0]] += count
    for row in read(panel):
        words = words_of(row["text"])
        nats = 0.0
        for before, word in zip([START, *words], words, strict=False):
            alone = (single.get(word, 0) + 1) / (total + known)
            seen = after.get(before, 0)
            share = pairs.get(f"{before} {word}", 0) / seen if seen else 0.0
            nats -= math.log((1 - SMOOTHING) * share + SMOOTHING * alone if seen else alone)
        print(json.dumps({"id": row["id"], "nats": nats, "tokens": len(words)}))


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate}[sys.argv[1]](*sys.argv[2:])
