"""How fast is one generation of a recursive loop on a bigram, beside NLTK's, on the same tokens in the same run?

The baseline, N9, is ``nltk.lm.MLE`` of order 2: fit to the first 11,298 white-space tokens of the WikiText-2 validation
text, generate as many as one chain. Ours is the plug-in chain of the laboratory, which fits and generates for all
replicates at once: one replicate, and a hundred. Both get tokens ready-made, NLTK as strings, ours as numbers. One
thread; processor seconds; ours the best of five runs, NLTK's the best of two. Kernels are compiled before the clock
starts.

The whole validation text, and order 3, are added without a baseline: the time per token grows where the text no longer
fits the processor's cache.

    python benchmarks/chain_speed.py [--data FOLDER]
"""

import argparse
import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import nltk
import numpy as np
from loops import markdown, verdict_of, versions
from nltk.lm import MLE
from nltk.util import everygrams

from headwater.models.chain import ChainLearner, Text

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_COMPARED_TOKENS = 11_298
_TARGET = 200  # times faster than N9


def _microseconds(work: Callable[[], object], tokens: int, repeats: int) -> float:
    """Return the least processor time of several runs, per token."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1e6 * best / tokens


def _baseline(words: list[str]) -> tuple[float, float]:
    """Return microseconds per token of fitting and of generating with NLTK."""
    model = MLE(2)

    def fit() -> None:
        nonlocal model
        model = MLE(2)
        model.fit([everygrams(words, max_len=2)], words)

    fitting = _microseconds(fit, len(words), 2)
    return fitting, _microseconds(lambda: model.generate(len(words), text_seed=words[:1], random_seed=0), len(words), 2)


def _ours(words: list[str], order: int, replicates: int) -> tuple[float, float]:
    """Return microseconds per token and replicate of fitting and of generating."""
    numbers: dict[str, int] = {}
    tokens = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int32)
    text = Text(np.repeat(tokens[None], replicates, axis=0))
    learner = ChainLearner(order, len(numbers))
    model = learner.fit(text, np.random.default_rng(0))
    model.sample(1, np.random.default_rng(0))  # compiles
    count = replicates * len(words)
    fitting = _microseconds(lambda: learner.fit(text, np.random.default_rng(0)), count, 5)
    return fitting, _microseconds(lambda: model.sample(len(words), np.random.default_rng(1)), count, 5)


def main() -> None:
    """Run the comparison and print it as a Markdown table."""
    parser = argparse.ArgumentParser(description="speed of the plug-in chain beside NLTK")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with lm/wikitext2_valid.txt.gz")
    data = parser.parse_args().data
    with gzip.open(data / "lm" / "wikitext2_valid.txt.gz", "rt", encoding="utf-8") as file:
        words = file.read().split()
    compared = words[:_COMPARED_TOKENS]
    slow = _baseline(compared)
    rows = [["N9: NLTK `MLE`, order 2", f"{len(compared):,}", "1", *(f"{part:,.1f}" for part in slow),
             f"{sum(slow):,.1f}", ""]]  # fmt: skip
    ratios = []
    for name, text, order, replicates, with_baseline in (
        ("Headwater, order 2", compared, 2, 1, True),
        ("Headwater, order 2", compared, 2, 100, True),
        ("Headwater, order 2", words, 2, 4, False),
        ("Headwater, order 3", words, 3, 4, False),
    ):
        fast = _ours(text, order, replicates)
        ratio = ""
        if with_baseline:
            ratios.append(sum(slow) / sum(fast))
            ratio = f"{ratios[-1]:,.0f}x"
        figures = [*(f"{part:.3f}" for part in fast), f"{sum(fast):.3f}", ratio]
        rows.append([name, f"{len(text):,}", f"{replicates}", *figures])
    print(
        f"`python benchmarks/chain_speed.py`: fit and generate, microseconds per token and replicate; one thread of "
        f"{os.cpu_count()} cores; {versions()}, nltk {nltk.__version__}.\n"
    )
    header = ["model", "tokens", "replicates", "fit", "generate", "one generation", "N9 / Headwater"]
    print(markdown(header, rows))
    print(f"Target: at least {_TARGET}x as fast as N9. {min(ratios):,.0f}x: {verdict_of(min(ratios) >= _TARGET)}.")


if __name__ == "__main__":
    main()
