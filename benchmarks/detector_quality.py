"""How does the shipped detector's recipe do on domains, generators and sources it never saw?

On the development texts of ``detector_train.py``; whatever is left out is left out of every model, with all texts that
share a group with it. Thresholds at 1% and 5% are those of the tested human texts, except for false positives, whose
threshold is fixed on held-out development texts before.

* one domain left out, beside TF-IDF on word pairs with logistic regression (C = 10), same texts, same groups;
* one generator left out: learnt from the training split, tested on the test split;
* both left out, and then adapted: half of the domain's groups give up to 75 human texts and up to 75 machine texts of
  the generators that are not tested, the other half is the test. Adapted is the detector there is; for comparison, the
  same models are retrained on all texts, the user's counting ten times;
* human texts of other sources.

    OMP_NUM_THREADS=1 python benchmarks/detector_quality.py [--data FOLDER] [--parts all|domains|adapt|human]

prints Markdown tables; about half an hour on one core.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from detector_train import Development, development, human_sources, leave_generators_out, train
from loops import markdown, versions
from numpy.typing import NDArray

from headwater.measure.detection import threshold_at_fpr
from headwater.origin.detector.card import Protocol, Quality, protocol, quality
from headwater.origin.detector.detector import Detector, default_detector
from headwater.origin.detector.evaluate import by_domain, false_positives
from headwater.origin.detector.fit import FOLDS, Material, fit_models, learn, model_scores, read_material
from headwater.origin.detector.folds import group_folds

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_RESERVE = 75
_WEIGHT = 10.0
_ESSAYS = "student_essay"


def _table(found: list[Protocol]) -> str:
    """Return protocols side by side: one line per cell, AUROC / TPR at 1% / at 5% of each."""
    lines = [
        [cells[0].name, str(cells[0].human), str(cells[0].machine), *(_figures(cell) for cell in cells)]
        for cells in zip(*((*one.cells, one.mean) for one in found), strict=True)
    ]
    return markdown(["", "human", "machine", *(one.name for one in found)], lines)


def _figures(cell: Quality) -> str:
    return f"{cell.auroc:.3f} / {cell.tpr_1:.3f} / {cell.tpr_5:.3f}"


def _tfidf(texts: list[str], is_machine: NDArray[np.bool_]) -> Callable[[list[str]], NDArray[np.float64]]:
    """Return the scores of the baseline, fitted."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    model = LogisticRegression(C=10, max_iter=1000).fit(vectors.fit_transform(texts), is_machine)
    return lambda tested: np.asarray(model.decision_function(vectors.transform(tested)))


def _baseline(dev: Development, texts: list[str]) -> NDArray[np.float64]:
    """Return the baseline's scores of each domain, left out."""
    scores = np.zeros(len(texts))
    for domain in np.unique(dev.domains):
        inside = dev.domains == domain
        kept = np.flatnonzero(~inside & ~np.isin(dev.groups, dev.groups[inside]))
        score = _tfidf([texts[row] for row in kept], dev.is_machine[kept])
        scores[inside] = score([texts[row] for row in np.flatnonzero(inside)])
    return scores


def _without_essays(found: Protocol) -> Protocol:
    return protocol(found.name, [cell for cell in found.cells if cell.name != _ESSAYS])


@dataclass(frozen=True)
class Adaptation:
    """One domain and generator, neither known, then the domain."""

    before: Quality
    adapted: Quality
    retrained: Quality
    held_out: Quality


def _adapt(
    dev: Development, material: Material, parts: NDArray[np.float64], domain: str, generator: str, seed: int
) -> Adaptation:
    rng = np.random.default_rng(seed)
    inside = dev.domains == domain
    half = np.isin(dev.groups, rng.permutation(np.unique(dev.groups[inside]))[::2])
    tested = inside & ~half & (~dev.is_machine | (dev.generators == generator))
    free = inside & half & (dev.generators != generator)
    reserve = np.concatenate(
        [rng.permutation(np.flatnonzero(free & (dev.is_machine == side)))[:_RESERVE] for side in (False, True)]
    )
    known = ~inside & (dev.generators != generator) & ~np.isin(dev.groups, dev.groups[inside])
    rows = np.flatnonzero(known)
    base = learn(
        material.rows(rows), dev.folds[rows], dev.groups[rows], content=np.zeros(len(rows), dtype=np.uint64), base=None,
        weight=1.0, name="base", parts=parts[rows],
    )  # fmt: skip
    groups = dev.groups[reserve]
    folds = group_folds(groups, dev.is_machine[reserve], FOLDS, rng)
    content = np.arange(1, len(reserve) + 1, dtype=np.uint64)
    adapted = learn(material.rows(reserve), folds, groups, content=content, base=base, weight=_WEIGHT, name="adapted")
    weights = known.astype(np.float64)
    weights[reserve] = _WEIGHT
    test = material.rows(np.flatnonzero(tested))
    cell = f"{domain}, {generator}"
    found = adapted.references.scores[-len(reserve) :]

    def tests(detector: Detector, scores: NDArray[np.float64]) -> Quality:
        return quality(cell, detector.stack.score(scores), test.is_machine)

    return Adaptation(
        tests(base, model_scores(base.models, test)),
        tests(adapted, model_scores(adapted.models, test)),
        tests(adapted, model_scores(fit_models(material, weights), test)),
        quality(cell, found, dev.is_machine[reserve]),
    )


def _human(data: Path, dev: Development) -> str:
    """Return false positives of the shipped detector and of the baseline at their own thresholds."""
    sources = human_sources(data)
    columns = [false_positives(one, sources) for one in (default_detector(), default_detector(thorough=True))]
    cut = [" ".join(text.split()[:250]) for text in dev.texts]
    folds = group_folds(dev.groups, dev.is_machine, 5, np.random.default_rng(0))
    scores = np.zeros(len(cut))
    for fold in range(5):
        kept, inside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        scores[inside] = _tfidf([cut[row] for row in kept], dev.is_machine[kept])([cut[row] for row in inside])
    threshold = threshold_at_fpr(scores[~dev.is_machine], 0.01)
    score = _tfidf(cut, dev.is_machine)
    lines: list[list[str]] = []
    totals = np.zeros(4)
    for number, (name, texts) in enumerate(sources.items()):
        flagged = [column[number].flagged for column in columns]
        flagged.append(int((score([" ".join(text.split()[:250]) for text in texts]) > threshold).sum()))
        totals += [len(texts), *flagged]
        lines.append([name, str(len(texts)), *(f"{count / len(texts):.2%}" for count in flagged)])
    lines.append(["pooled", str(int(totals[0])), *(f"{count / totals[0]:.2%}" for count in totals[1:])])
    recalls = []
    for detector in (default_detector(), default_detector(thorough=True)):
        references = detector.references
        recalls.append(float((references.scores[references.is_machine] > detector.threshold()).mean()))
    recalls.append(float((scores[dev.is_machine] > threshold).mean()))
    lines.append(["recall, held out by group", str(int(dev.is_machine.sum())), *(f"{one:.2%}" for one in recalls)])
    lines.append(["the 18F posts at a threshold that finds half", *_at_half(sources, score, scores[dev.is_machine])])
    return markdown(["flagged at the nominal 1%", "texts", "default", "thorough", "TF-IDF"], lines)


def _at_half(
    sources: dict[str, list[str]], score: Callable[[list[str]], NDArray[np.float64]], machine: NDArray[np.float64]
) -> list[str]:
    """Return how many of the dated posts are flagged where half of the held-out machine texts are found."""
    name = next(iter(sources))
    posts = sources[name]
    shares = []
    for detector in (default_detector(), default_detector(thorough=True)):
        references = detector.references
        half = np.median(references.scores[references.is_machine])
        shares.append(float((detector.score(posts) > half).mean()))
    shares.append(float((score([" ".join(text.split()[:250]) for text in posts]) > np.median(machine)).mean()))
    return [str(len(posts)), *(f"{share:.2%}" for share in shares)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--parts", choices=("all", "domains", "adapt", "human"), default="all")
    arguments = parser.parse_args()
    start = time.time()
    dev = development(arguments.data)
    if arguments.parts in {"all", "domains"}:
        material = read_material(dev.texts, dev.is_machine, thorough=True)
        detector = train(dev, material)
        cut = [" ".join(text.split()[:250]) for text in dev.texts]
        baseline = by_domain("TF-IDF", _baseline(dev, cut), dev.is_machine, dev.domains.tolist())
        print("## One domain left out: AUROC / TPR at 1% / TPR at 5%\n")
        fast = detector.fast().card.protocols
        found = [
            *(replace(one, name=f"{one.name}{form}")
              for form, ones in (("", fast), (", thorough", detector.card.protocols)) for one in ones),
            baseline,
        ]  # fmt: skip
        print(_table(found))
        print("\nWithout the essays:\n")
        print(_table([_without_essays(one) for one in found]))
        print(f"\nExpected calibration error, domain left out, half machine: {detector.card.calibration_error:.3f}\n")
        print("## One generator left out\n")
        left_out = leave_generators_out(dev, material, detector.memory.parts)
        generators_out = zip(("default", "thorough"), left_out, strict=True)
        print(_table([replace(one, name=form) for form, one in generators_out]), flush=True)
    if arguments.parts in {"all", "adapt"}:
        material = read_material(dev.texts, dev.is_machine, thorough=False)
        parts = default_detector().memory.parts
        generators = ("GPT-3-Turbo", "Llama-3-70B")
        domains = [name for name in dict.fromkeys(dev.domains.tolist()) if name != _ESSAYS]
        found = [
            _adapt(dev, material, parts[:, :3], domain, generator, number)
            for number, domain in enumerate(domains)
            for generator in generators
        ]
        columns = {
            "neither known": [one.before for one in found],
            "adapted": [one.adapted for one in found],
            "retrained": [one.retrained for one in found],
        }
        print(_table([protocol(name, cells) for name, cells in columns.items()]), flush=True)
        reserve = protocol("held-out scores of the reserve itself", [one.held_out for one in found]).mean
        print(f"\nHeld-out scores of the reserve itself (the other generator): {_figures(reserve)}")
    if arguments.parts in {"all", "human"}:
        print("\n## Human texts never seen\n")
        print(_human(arguments.data, dev))
    print(f"\n{versions()}; {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
