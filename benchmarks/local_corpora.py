"""Do loops collapse, and does the gate hold the line, on text that is not documentation?

Two corpora beside the embedded one, both of the kind the literature on collapse uses: English novels of 1840-1920
(split by author) and Wikipedia articles (WikiText-2 valid and test, split by article). Documents are paragraphs. The
model is trained on its own output (ungated), on the likeliest quarter of four times as much (filtered), and on human
text plus what the gate admits of its output (gated); each is compared with a model trained on the human text alone.

Of the novels, a random part of each author's paragraphs is taken, so that no author dominates and a run stays short.
There are 45 authors, far too few for a certification panel that could admit anything: the gate is honest there and
powerless. WikiText-2 has just enough articles for the package's own split.

    python benchmarks/local_corpora.py [--seeds 3] [--generations 10] [--words 12000] [--data FOLDER]

prints Markdown tables; about a minute on one core.
"""

import argparse
import gzip
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard
from loops import markdown, run_arm, split_by_units, split_table, verdict_of, versions

from headwater.config import Settings, SplitSettings
from headwater.loop.inputs import split_human
from headwater.loop.text_world import TextWorld
from headwater.loop.world import GenerationRecord
from headwater.models import warm
from headwater.schema import Origin, documents
from headwater.store import Part, Split

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
LEAST_WORDS = 20  # of a paragraph; shorter ones are headings and lines of dialogue
COLLAPSE_AT = 6
ARMS = ("human-only", "ungated", "filtered", "gated")
_TITLE = re.compile(r"^ = [^=]+ = $")
_JOINTS = ((" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), ("<unk>", "unk"))


def novels(data: Path, words: int, rng: np.random.Generator) -> pa.Table:
    """Return up to ``words`` words of random paragraphs of each author, the author as the group."""
    by_author: dict[str, list[str]] = {}
    with (data / "lm" / "novels_en.jsonl.zst").open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            row = json.loads(line)
            by_author.setdefault(row["author"], []).extend(_paragraphs(row["text"]))
    texts, authors = [], []
    for author, found in sorted(by_author.items()):
        order = rng.permutation(len(found)).tolist()
        kept = np.cumsum([len(found[i].split()) for i in order]) <= words
        texts += [found[i] for i, keep in zip(order, kept, strict=True) if keep]
        authors += [author] * int(kept.sum())
    return documents(texts, group=authors, origin=Origin.HUMAN.value, generation=0)


def wikipedia(data: Path) -> pa.Table:
    """Return the paragraphs of WikiText-2 valid and test, the article as the group."""
    texts, articles = [], []
    for part in ("valid", "test"):
        with gzip.open(data / "lm" / f"wikitext2_{part}.txt.gz", "rt", encoding="utf-8") as file:
            for article, paragraph in _articles(file.read()):
                texts.append(paragraph)
                articles.append(f"{part}-{article}")
    return documents(texts, group=articles, origin=Origin.HUMAN.value, generation=0)


def _articles(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of the article and the text of each paragraph."""
    article = 0
    for line in text.splitlines():
        article += _TITLE.match(line) is not None
        for joint, plain in _JOINTS:
            line = line.replace(joint, plain)  # noqa: PLW2901  (the same line, as it was written)
        yield from ((article, paragraph) for paragraph in _paragraphs(line))


def _paragraphs(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if len(line.split()) >= LEAST_WORDS and not line.startswith("=")]


def of_novels(human: pa.Table, settings: Settings) -> Split:
    """Return the novels split by author: 12 to train on, 8 steer, 15 certify, the other 10 only report."""
    units = {Part.TRAIN: 12, Part.STEERING: 8, Part.CERTIFICATION: 15, Part.FINAL: 0}
    return split_by_units(human, units, np.random.default_rng([settings.seed, 1]))


def of_wikipedia(human: pa.Table, settings: Settings) -> Split:
    """Return the articles split by the package, with the smallest panels it accepts."""
    shares = SplitSettings(train=0.20, sources=0.0, steering=0.18, certification=0.44, final=0.18)
    return split_human(human, settings.model_copy(update={"split": shares}))[0]


def carry_out(split: Split, settings: Settings, generations: int) -> dict[str, list[GenerationRecord]]:
    """Return the generations of every loop on one split."""
    world = TextWorld.on(split, settings)
    return {arm: run_arm(world, arm, generations)[0] for arm in ARMS}


def _above(loops: dict[str, list[GenerationRecord]], arm: str, generation: int) -> float:
    return loops[arm][generation].loss_nats - loops["human-only"][0].loss_nats


def _loop_table(trials: list[dict[str, list[GenerationRecord]]], generations: int) -> str:
    rows = []
    for arm in ARMS:
        for generation in sorted(
            {0 if arm == "human-only" else COLLAPSE_AT, 0 if arm == "human-only" else generations}
        ):
            records = [loops[arm][generation] for loops in trials]
            above = [_above(loops, arm, generation) for loops in trials]
            rows.append(
                [
                    arm,
                    str(generation),
                    f"{np.mean([record.loss_nats for record in records]):.3f}",
                    f"{np.mean(above):+.3f} ({min(above):+.3f} to {max(above):+.3f})",
                    f"{np.mean([record.rare_word_recall for record in records]):.0%}",
                    f"{np.mean([record.support for record in records]):,.0f}",
                    f"{np.mean([record.distinct_2 for record in records]):.3f}",
                ]
            )
    header = ["loop", "generation", "loss, nats/word", "above human-only", "rare words kept", "support", "distinct-2"]
    return markdown(header, rows)


def _target_table(trials: list[dict[str, list[GenerationRecord]]], generations: int) -> str:
    ungated = [_above(loops, "ungated", COLLAPSE_AT) for loops in trials]
    lost = [
        (loops["ungated"][COLLAPSE_AT].rare_word_recall, loops["filtered"][COLLAPSE_AT].rare_word_recall)
        for loops in trials
    ]
    gated = [abs(_above(loops, "gated", generation)) for loops in trials for generation in range(generations + 1)]
    lines = [
        ("ungated, 6 generations: at least +0.6 nats", f"lowest {min(ungated):+.3f}", min(ungated) >= 0.6),
        (
            "filtered loses rare words faster than ungated",
            "; ".join(f"{filtered:.0%} against {plain:.0%}" for plain, filtered in lost),
            all(filtered < plain for plain, filtered in lost),
        ),
        (
            f"gated within 0.005 nats of human-only in all {generations} generations",
            f"highest {max(gated):.4f}",
            max(gated) <= 0.005,
        ),
    ]
    return markdown(["target", "measured", ""], [(what, value, verdict_of(met)) for what, value, met in lines])


def main() -> None:
    """Carry out the loops on both corpora and print the tables."""
    parser = argparse.ArgumentParser(description="loops on novels and on Wikipedia articles")
    parser.add_argument("--seeds", type=int, default=3, help="splits of each corpus")
    parser.add_argument("--generations", type=int, default=10, help="generations of every loop")
    parser.add_argument("--words", type=int, default=12_000, help="words taken of each novelist")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with lm/")
    options = parser.parse_args()
    warm()
    start = time.process_time()
    corpora: dict[str, tuple[pa.Table, Callable[[pa.Table, Settings], Split]]] = {
        "Novels, by author": (novels(options.data, options.words, np.random.default_rng(0)), of_novels),
        "WikiText-2, by article": (wikipedia(options.data), of_wikipedia),
    }
    tables = []
    for name, (human, split_of) in corpora.items():
        splits = [split_of(human, Settings(seed=seed)) for seed in range(options.seeds)]
        trials = [carry_out(split, Settings(seed=seed), options.generations) for seed, split in enumerate(splits)]
        groups = len(set(human["group"].to_pylist()))
        tables += [
            f"### {name}\n",
            f"{human.num_rows:,} paragraphs in {groups} groups; the first of {len(trials)} splits:\n",
            split_table(splits[0]),
            _target_table(trials, options.generations),
            f"Loops (mean over {len(trials)} splits, lowest to highest):\n",
            _loop_table(trials, options.generations),
        ]
    print(
        f"`python benchmarks/local_corpora.py --seeds {options.seeds} --generations {options.generations} "
        f"--words {options.words}`: {time.process_time() - start:.0f} CPU seconds; {versions()}.\n"
    )
    print("\n".join(tables))


if __name__ == "__main__":
    main()
