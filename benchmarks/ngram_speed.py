"""How fast is the n-gram model, beside NLTK's, on the same tokens in the same run?

Two comparisons on the first 11,298 white-space tokens of the WikiText-2 validation text, one thread each:

* a plain maximum-likelihood bigram: fit, generate as many tokens as the text has as one chain, score the text
  (``nltk.lm.MLE`` against ``NgramLearner(order=2, discount=0, uniform=False)``, which is the same model);
* an interpolated Kneser-Ney trigram (``nltk.lm.KneserNeyInterpolated`` against ``NgramLearner(order=3)``). NLTK
  searches all contexts for every probability, so it scores and generates a few tokens only; the time per token is
  compared. Its generator draws among the words seen after the context only, ours from the full distribution.

Both get the text as tokens; NLTK reads them as strings, ours as numbers. The time to turn strings into numbers is
counted into our fit, the time to write the drawn tokens as text into our sampling. Our own times are then repeated on a
million words of novels. Each row runs in a process of its own, with all kernels compiled before the clock starts. Times
are processor seconds; ours are the best of five runs, NLTK's the best of two where two are affordable. "Memory" is how
far the process grows during the first fit.

    python benchmarks/ngram_speed.py [--data FOLDER]
"""

import argparse
import gzip
import io
import json
import os
import platform
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nltk
import numba
import numpy as np
import psutil
import pyarrow as pa
import zstandard
from nltk.lm import MLE, KneserNeyInterpolated
from nltk.util import everygrams

from headwater.models import NgramLearner, warm
from headwater.text import Vocabulary, token_columns

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_COMPARED_TOKENS = 11_298
_LARGE_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds per token of one model on one text."""

    name: str
    fit: float
    sample: float
    score: float
    megabytes: float


def _seconds(work: Callable[[], object], repeats: int = 1) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def _peak_megabytes(work: Callable[[], object]) -> float:
    """Return by how much the memory of this process rises above its present size while ``work`` runs."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = work()
    done.set()
    watcher.join()
    peak = max(peak, process.memory_info().rss)
    del result
    return (peak - before) / 2**20


def _nltk(name: str, tokens: list[str], order: int, sampled: int, scored: int) -> Row:
    model: Any = MLE(2) if order == 2 else KneserNeyInterpolated(order, discount=0.75)

    def fit() -> object:
        model.fit([everygrams(tokens, max_len=order)], tokens)
        return model

    seconds_fit = float("nan")

    def timed_fit() -> None:
        nonlocal seconds_fit
        seconds_fit = _seconds(fit)

    megabytes = _peak_megabytes(timed_fit)
    repeats = 2 if order == 2 else 1
    seconds_sample = _seconds(lambda: model.generate(sampled, text_seed=tokens[: order - 1], random_seed=0), repeats)
    contexts = [tuple(tokens[i : i + order - 1]) for i in range(scored)]
    seconds_score = _seconds(
        lambda: [model.logscore(tokens[i + order - 1], context) for i, context in enumerate(contexts)]
    )
    return Row(name, seconds_fit / len(tokens), seconds_sample / sampled, seconds_score / scored, megabytes)


def _encode(words: list[str], vocabulary: Vocabulary, ids: dict[str, int], max_tokens: int) -> pa.Table:
    tokens = np.fromiter(map(ids.__getitem__, words), dtype=np.int32, count=len(words))
    offsets = np.append(np.arange(0, len(words), max_tokens), len(words))
    columns = token_columns(vocabulary.encoded(tokens, offsets), vocabulary)
    return pa.table([values for _, values in columns], schema=pa.schema([field for field, _ in columns]))


def _ours(name: str, words: list[str], max_tokens: int, **settings: Any) -> Row:
    vocabulary = Vocabulary(("<unk>", "</s>", *sorted(set(words) - {"<unk>", "</s>"})))
    ids = {word: token for token, word in enumerate(vocabulary.words)}
    learner = NgramLearner(vocabulary, max_tokens=max_tokens, **settings)
    warm()
    rng = np.random.default_rng(0)

    def fit() -> object:
        return learner.fit(_encode(words, vocabulary, ids, max_tokens), rng)

    megabytes = _peak_megabytes(fit)
    seconds_fit = _seconds(fit, 5)
    table = _encode(words, vocabulary, ids, max_tokens)
    model = learner.fit(table, rng)
    sampled = int(model.loss(model.sample_tokens(len(words), np.random.default_rng(1))).tokens.sum())
    seconds_sample = _seconds(lambda: model.sample_tokens(len(words), np.random.default_rng(1)), 5)
    seconds_score = _seconds(lambda: model.loss(table), 5)
    return Row(name, seconds_fit / len(words), seconds_sample / sampled, seconds_score / len(words), megabytes)


def _apart(measure: Callable[..., Row], *arguments: Any, **settings: Any) -> Row:
    """Return what ``measure`` returns, measured in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments, **settings).result()


def _novel_words(data: Path, count: int) -> list[str]:
    with (data / "lm" / "novels_en.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        return list(islice((word for line in lines for word in json.loads(line)["text"].split()), count))


def _line(row: Row, baseline: Row | None) -> str:
    ratio = ""
    if baseline is not None:
        parts = [baseline.fit / row.fit, baseline.sample / row.sample, baseline.score / row.score]
        both = (baseline.fit + baseline.sample) / (row.fit + row.sample)
        ratio = f"{' / '.join(f'{part:,.0f}x' for part in parts)}; fit + sample {both:,.0f}x"
    rates = " | ".join(f"{1 / seconds:,.0f}" for seconds in (row.fit, row.sample, row.score))
    return f"| {row.name} | {rates} | {row.megabytes:.0f} | {ratio} |"


def main() -> None:
    """Run the comparison and print it as a Markdown table."""
    parser = argparse.ArgumentParser(description="n-gram speed beside NLTK")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with lm/wikitext2_valid.txt.gz")
    data = parser.parse_args().data
    with gzip.open(data / "lm" / "wikitext2_valid.txt.gz", "rt", encoding="utf-8") as file:
        tokens = file.read().split()[:_COMPARED_TOKENS]
    novels = _novel_words(data, _LARGE_TOKENS)
    # One chain, as in NLTK: the text is one document, and documents are drawn until the number of tokens is reached.
    one = len(tokens)
    plain = {"order": 2, "discount": 0.0, "uniform": False}
    nltk_bigram = _apart(_nltk, "NLTK bigram, maximum likelihood", tokens, 2, one, one - 1)
    bigram = _apart(_ours, "Headwater bigram, maximum likelihood", tokens, one, **plain)
    nltk_trigram = _apart(_nltk, "NLTK trigram, Kneser-Ney", tokens, 3, 100, 300)
    trigram = _apart(_ours, "Headwater trigram, Kneser-Ney", tokens, one, order=3)
    large = [
        _apart(_ours, f"Headwater order {order}, Kneser-Ney, {len(novels):,} words of novels", novels, 512, order=order)
        for order in (2, 3, 4)
    ]
    print(
        f"`python benchmarks/ngram_speed.py`: {one:,} white-space tokens of WikiText-2 valid where no other text is "
        f"named; one thread of {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}, NLTK {nltk.__version__}.\n"
    )
    print("| model | fit, tokens/s | sample, tokens/s | score, tokens/s | memory of fitting, MiB | NLTK / Headwater |")
    print("|---|---|---|---|---|---|")
    print(_line(nltk_bigram, None))
    print(_line(bigram, nltk_bigram))
    print(_line(nltk_trigram, None))
    print(_line(trigram, nltk_trigram))
    for row in large:
        print(_line(row, None))


if __name__ == "__main__":
    main()
