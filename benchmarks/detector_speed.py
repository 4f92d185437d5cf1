"""How many documents does the detector score in a second on one core, beside a scikit-learn pipeline?

The development texts are cut to 190 words; shorter ones are joined with others until they have as many. Ours scores the
raw strings: normalising, splitting, all models and the stack. The pipeline is TF-IDF on words and word pairs with
logistic regression, and one on words with character 3- and 4-grams, on the same strings without any normalising. One
thread; processor seconds; the best of three runs. Kernels are compiled before the clock starts.

    OMP_NUM_THREADS=1 python benchmarks/detector_speed.py [--data FOLDER]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from detector_train import LEARNT, rows
from loops import markdown, verdict_of, versions

from headwater.origin.detector.detector import default_detector
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.style import style
from headwater.origin.detector.tokens import tokenise

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_WORDS = 190
_DOCUMENTS = 4000
_TARGETS = {"default": 3000, "thorough": 1000}


def _documents(data: Path) -> list[str]:
    words: list[str] = []
    found: list[str] = []
    for name in LEARNT:
        for row in rows(data / "human_vs_ai" / f"{name}.jsonl.zst"):
            words += row["text"].split()[:_WORDS]
            if len(words) >= _WORDS:
                found.append(" ".join(words[:_WORDS]))
                words = words[_WORDS:]
    return found[:_DOCUMENTS]


def _rate(work: Callable[[], object], documents: int) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return documents / best


def main() -> None:
    """Measure and print."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion, make_pipeline

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    texts = _documents(parser.parse_args().data)
    labels = [number % 2 for number in range(len(texts))]
    thorough = default_detector(thorough=True)
    detectors = {"default": thorough.fast(), "thorough": thorough}
    for detector in detectors.values():
        detector.score(texts[:50])
    lines = []
    for name, detector in detectors.items():
        rate = _rate(lambda chosen=detector: chosen.score(texts), len(texts))  # type: ignore[misc]
        lines.append([name, f"{rate:,.0f}", f"{_TARGETS[name]:,}: {verdict_of(rate >= _TARGETS[name])}"])
    normalised = normalise(texts)
    tokens = tokenise(normalised)
    style(normalised, tokens)
    lines += [
        ["- of these: normalise", f"{_rate(lambda: normalise(texts), len(texts)):,.0f}", ""],
        ["- tokens", f"{_rate(lambda: tokenise(normalised), len(texts)):,.0f}", ""],
        ["- style", f"{_rate(lambda: style(normalised, tokens), len(texts)):,.0f}", ""],
        ["- words", f"{_rate(lambda: thorough.models.words.score(normalised, tokens), len(texts)):,.0f}", ""],
    ]
    pairs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    characters = FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)),
            ("characters", TfidfVectorizer(analyzer="char", ngram_range=(3, 4), sublinear_tf=True, min_df=2)),
        ]
    )
    for name, vectors in (("scikit-learn, word pairs", pairs), ("scikit-learn, words and characters", characters)):
        pipeline = make_pipeline(vectors, LogisticRegression(max_iter=20, tol=0.1)).fit(texts[:1000], labels[:1000])
        rate = _rate(lambda chosen=pipeline: chosen.decision_function(texts), len(texts))  # type: ignore[misc]
        lines.append([name, f"{rate:,.0f}", ""])
    print(markdown([f"{len(texts):,} documents of {_WORDS} words", "documents/s", "target"], lines))
    print(versions())


if __name__ == "__main__":
    main()
