"""Train the detector that comes with Headwater, and write its weights and card.

Learnt: twelve domains of paragraphs, human and as rewritten by GPT-3-Turbo and Llama-3-70B (l2r, CC BY 3.0), and
school essays, human and by gpt-3.5-turbo-0613 and Flan-T5-XXL (OUTFOX, Apache-2.0). Each domain is held out in turn,
with every text that shares a group with one of its own: from the scores of these texts the stack learns, and on them
the card reports. p-values are taken against scores held out by group alone, in five folds. Continuations by base models
(squad) are left out: word statistics are at chance there. Two runs give the same bytes.

    OMP_NUM_THREADS=1 python benchmarks/detector_train.py [--data FOLDER] [--out FOLDER]

takes some minutes on one core.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # sums in one order, before numpy is loaded

import io
import json

import numpy as np
import zstandard
from numpy.typing import NDArray

from headwater.origin.detector.card import Protocol, Source, protocol
from headwater.origin.detector.detector import Detector, content_id
from headwater.origin.detector.evaluate import by_domain, false_positives, leave_out
from headwater.origin.detector.fit import Material, learn, read_material
from headwater.origin.detector.folds import group_folds, joined_groups
from headwater.origin.detector.language import supported
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.stack import fit_stack
from headwater.origin.detector.tokens import tokenise

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_OUT = Path(__file__).resolve().parents[1] / "src" / "headwater" / "origin" / "detector" / "default"
LEARNT = {"l2r_en": "CC BY 3.0", "outfox_essays_en": "Apache-2.0"}
_BEFORE = "2022-11-30"


@dataclass(frozen=True)
class Development:
    """The development texts and what is read from them."""

    texts: list[str]
    is_machine: NDArray[np.bool_]
    domains: NDArray[np.str_]
    generators: NDArray[np.str_]
    test: NDArray[np.bool_]
    groups: NDArray[np.int64]
    sources: tuple[Source, ...]

    @property
    def folds(self) -> NDArray[np.int64]:
        """One fold per domain."""
        return np.unique(self.domains, return_inverse=True)[1].astype(np.int64)


def rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file, split on line feeds only: some texts hold other line separators."""
    with zstandard.open(file, "rb") as stream:
        for line in io.BufferedReader(stream):
            yield json.loads(line)


def development(data: Path) -> Development:
    """Return the development texts."""
    read = {name: list(rows(data / "human_vs_ai" / f"{name}.jsonl.zst")) for name in LEARNT}
    found = [row for part in read.values() for row in part]
    texts = [row["text"] for row in found]
    return Development(
        texts,
        np.array([row["label"] == "ai" for row in found]),
        np.array([row["domain"] for row in found]),
        np.array([row["generator"] for row in found]),
        np.array([row["split"] == "test" for row in found]),
        joined_groups(texts, [(row["source"], row["pair"]) for row in found]),
        tuple(Source(name, LEARNT[name], len(part)) for name, part in read.items()),
    )


def human_sources(data: Path) -> dict[str, list[str]]:
    """Return human texts of other sources, English prose of at least 50 words; novels as passages of 250 words."""
    found: dict[str, list[str]] = {
        "18F posts before 2022-11-30": [
            row["text"] for row in rows(data / "crawl" / "blog_18f_posts.jsonl.zst") if str(row["date"])[:10] < _BEFORE
        ]
    }
    for row in rows(data / "crawl" / "pile_open_subsets.jsonl.zst"):
        found.setdefault(row["subset"], []).append(row["text"])
    novels = []
    for row in rows(data / "lm" / "novels_en.jsonl.zst"):
        words = row["text"].split(" ")
        novels += [" ".join(words[start : start + 250]) for start in range(0, min(len(words) - 250, 5000), 1250)]
    found["novels 1840-1920, passages"] = novels
    return {name: _english(texts) for name, texts in found.items()}


def _english(texts: list[str]) -> list[str]:
    normalised = normalise(texts)
    kept = supported(tokenise(normalised)).english & (normalised.words >= 50)
    return [text for text, keep in zip(texts, kept, strict=True) if keep]


def leave_generators_out(dev: Development, material: Material, parts: NDArray[np.float64]) -> tuple[Protocol, Protocol]:
    """Return quality on the test split for each generator, learnt from the training split without it, of both forms."""
    cells = []
    for generator in dict.fromkeys(dev.generators[dev.is_machine]):
        domains = np.unique(dev.domains[dev.generators == generator])
        tested = dev.test & np.isin(dev.domains, domains) & (~dev.is_machine | (dev.generators == generator))
        learnt = ~dev.test & (dev.generators != generator)
        cells.append(leave_out(material, dev.groups, parts, tested, learnt, str(generator)))
    name = "leave one generator out"
    return protocol(name, [one for one, _ in cells]), protocol(name, [one for _, one in cells])


def domain_scores(dev: Development, parts: NDArray[np.float64], models: int) -> NDArray[np.float64]:
    """Return scores of the first models, each domain by models and a stack that did not learn it."""
    scores = np.empty(len(parts))
    for fold in np.unique(dev.folds):
        inside = dev.folds == fold
        kept = ~inside & ~np.isin(dev.groups, dev.groups[inside])
        stack = fit_stack(parts[kept, :models], dev.is_machine[kept], np.ones(int(kept.sum())))
        scores[inside] = stack.score(parts[inside, :models])
    return scores


def train(dev: Development, material: Material) -> Detector:
    """Return the detector, without the protocols that take further training in its card."""
    nothing = np.zeros(len(dev.texts), dtype=np.uint64)
    folds = group_folds(dev.groups, dev.is_machine, 5, np.random.default_rng(0))
    detector = learn(
        material, dev.folds, dev.groups, content=nothing, base=None, weight=1.0, name="default", reference_folds=folds
    )
    fast, thorough = (
        by_domain(
            "leave one domain out",
            domain_scores(dev, detector.memory.parts, models),
            dev.is_machine,
            dev.domains.tolist(),
        )
        for models in (3, 4)
    )
    assert detector.card.fast is not None  # it learnt four models
    card = replace(
        detector.card,
        sources=dev.sources,
        domains=tuple(dict.fromkeys(dev.domains.tolist())),
        generators=tuple(dict.fromkeys(dev.generators[dev.is_machine].tolist())),
        dates="human texts from before 2024, machine texts of 2023 and the first half of 2024",
        protocols=(thorough,),
        fast=replace(detector.card.fast, protocols=(fast,)),
    )
    return replace(detector, card=card)


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, default=_OUT)
    arguments = parser.parse_args()
    start = time.time()
    dev = development(arguments.data)
    material = read_material(dev.texts, dev.is_machine, thorough=True)
    detector = train(dev, material)
    fast, thorough = leave_generators_out(dev, material, detector.memory.parts)
    people = human_sources(arguments.data)
    card = detector.card
    assert card.fast is not None  # it learnt four models
    card = replace(
        card,
        protocols=(*card.protocols, thorough),
        false_positives=false_positives(detector, people),
        fast=replace(
            card.fast,
            protocols=(*card.fast.protocols, fast),
            false_positives=false_positives(detector.fast(), people),
        ),
    )
    for form, figures in (("default", card.fast), ("thorough", card)):
        for one in figures.protocols:
            print(f"{form}, {one.name}: {one.mean}", flush=True)
    replace(detector, card=card).save(arguments.out)
    # Fewest bytes: the strings are few, and the order is that of the detector's memory.
    content = np.array([content_id(text) for text in dev.texts], dtype=np.uint64)
    np.savez_compressed(arguments.out / "labels.npz", domain=dev.domains, generator=dev.generators, content=content)
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{arguments.out}: {size:,} bytes, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
