"""How far off is the machine-made share of a corpus, and does its interval hold it?

Corpora are drawn from material the detector knows nothing of: three of the twelve l2r domains at a time (so that a
reserve of 300 human texts exists), and the school essays, are left out of training in turn. The groups of the left-out
texts are halved: references come from one half, corpora of 500 (or what the half holds) from the other, at eleven
shares of machine-made text. Only texts of at least 50 words take part (``--least-words``).

- matched: up to 300 human texts and all machine-made texts of the reserve half; the detector learns them too (weight
  10), references are scored out of fold, corpora by the mean of the folds' models;
- 50 machine: the same with 50 machine-made texts (one in twelve);
- human only: the detector that left the source out; scores of the other domains, each held out in turn, stand for
  development;
- nothing: must be refused.

``ideal`` is the error of an estimator that knows both densities, which no method can beat by much: sqrt(2 / pi) times
the standard error of the maximum-likelihood share of the documents at hand, with densities by kernels on all texts.

``--by generator`` leaves out, with the domains, one of their generators at a time: nobody has seen either, and the
references and corpora are of that generator alone.

    OMP_NUM_THREADS=1 python benchmarks/audit_share.py [--by generator] [--draws 2] [--splits 3] [--human-splits 16]
        [--cache FOLDER] [--gaussian]

prints Markdown tables. The scores of a source and split take half a minute on one core and are kept in the cache;
``--gaussian`` needs no data and takes a minute.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from detector_train import Development, development
from numpy.typing import NDArray

from headwater.measure.detection import auroc
from headwater.origin.detector.detector import Detector, default_detector
from headwater.origin.detector.fit import FOLDS, Material, learn, model_scores, read_material
from headwater.origin.detector.folds import group_folds
from headwater.origin.detector.stack import fit_stack
from headwater.origin.share import DevelopmentScores, dkw_bound, estimate_share
from headwater.origin.share.counting import adjusted_count, classify_and_count
from headwater.origin.share.emq import calibrated_ratio, emq
from headwater.origin.share.hellinger import hdy
from headwater.origin.share.histograms import score_grid
from headwater.origin.share.kde_mix import kde_mix, kernel_density

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SHARES = (0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0)
DOCUMENTS = 500
HUMAN = 300
FEW = 50
LEAST_WORDS = 50
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Half:
    """Scores of some texts."""

    scores: Floats
    machine: NDArray[np.bool_]
    groups: NDArray[np.int64]
    words: NDArray[np.int64]

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Half":
        """Return some of them."""
        return Half(self.scores[chosen], self.machine[chosen], self.groups[chosen], self.words[chosen])

    def long(self, least: int) -> "Half":
        """Return those of at least so many words."""
        return self.of(self.words >= least)

    @property
    def auroc(self) -> float:
        """How well the scores tell the classes apart."""
        return auroc(self.scores[~self.machine], self.scores[self.machine])


@dataclass(frozen=True)
class Setting:
    """References and the half that corpora are drawn from."""

    source: str
    references: str
    known: Half
    unseen: Half
    development: DevelopmentScores

    @property
    def shifts(self) -> tuple[float, float]:
        """By how much references score above unseen text, in its standard deviations: human, machine-made."""
        found = []
        for kind in (False, True):
            known, unseen = (one.scores[one.machine == kind] for one in (self.known, self.unseen))
            found.append(float((known.mean() - unseen.mean()) / unseen.std()) if len(known) else np.nan)
        return found[0], found[1]


@dataclass(frozen=True)
class Outcome:
    """One corpus: its share, what each estimator says, and the interval."""

    source: str
    share: float
    points: dict[str, float]
    low: float | None
    high: float | None
    refused: str | None
    ideal: float
    dkw: float


def sources(dev: Development, by: str) -> Iterator[tuple[list[str], str | None]]:
    """Yield domains that are left out together, and the generator that is left out with them, if any.

    The generators of the essays wrote nothing else, so leaving out the essays leaves them out too.
    """
    names = [str(name) for name in np.unique(dev.domains)]
    l2r = [name for name in names if name != "student_essay"]
    sets = [[name] for name in names] if by == "domain" else [*(l2r[k::4] for k in range(4)), ["student_essay"]]
    for domains in sets:
        made = np.unique(dev.generators[dev.is_machine & np.isin(dev.domains, domains)])
        for generator in map(str, made) if by == "generator" else (None,):
            yield domains, generator


@dataclass(frozen=True)
class TextWorld:
    """The development texts, what models learn from them, and where scores are kept."""

    dev: Development
    cache: Path
    least_words: int

    @cached_property
    def material(self) -> Material:
        """What models learn from; read only where the cache does not hold the scores."""
        return read_material(self.dev.texts, self.dev.is_machine, thorough=False)


@dataclass(frozen=True)
class LeftOut:
    """A source that the detector knows nothing of."""

    world: TextWorld
    domains: list[str]
    generator: str | None

    @property
    def name(self) -> str:
        """What is left out."""
        return ", ".join(self.domains) + (f"; {self.generator}" if self.generator else "")

    @cached_property
    def here(self) -> NDArray[np.int64]:
        """Its texts; with a generator those of people and of this generator."""
        dev = self.world.dev
        return np.flatnonzero(
            np.isin(dev.domains, self.domains)
            & (~dev.is_machine | (self.generator is None) | (dev.generators == self.generator))
        )

    @cached_property
    def rest(self) -> NDArray[np.int64]:
        """The others, without those that share a group with one of its own."""
        dev = self.world.dev
        return np.flatnonzero(
            ~np.isin(dev.domains, self.domains)
            & ~np.isin(dev.groups, dev.groups[self.here])
            & (dev.generators != (self.generator or ""))
        )

    @cached_property
    def base(self) -> Detector:
        """A detector that learnt the others.

        Its stack's held-out scores are the shipped detector's: the models that gave them had learnt texts of this
        source, which a stack of three numbers cannot hand on.
        """
        dev, rest = self.world.dev, self.rest
        return learn(
            self.world.material.rows(rest),
            np.unique(dev.domains[rest], return_inverse=True)[1].astype(np.int64),
            dev.groups[rest],
            content=np.zeros(len(rest), np.uint64),
            base=None,
            weight=1.0,
            name="left out",
            parts=default_detector().memory.parts[rest, :3],
        )

    @cached_property
    def development(self) -> DevelopmentScores:
        """Scores of the others, each domain held out in turn."""
        dev, memory, rest = self.world.dev, default_detector().memory, self.rest
        stack = fit_stack(memory.parts[rest, :3], memory.is_machine[rest], np.ones(len(rest)))
        scores = DevelopmentScores(
            stack.score(memory.parts[rest, :3]), memory.is_machine[rest], dev.domains[rest], dev.generators[rest]
        )
        return scores.of(memory.words[rest] >= self.world.least_words)

    @cached_property
    def texts(self) -> Half:
        """Its texts, scored by the base."""
        dev = self.world.dev
        scores = self.cached("base", lambda: _score(self.base, self.world.material, self.here))
        return Half(
            scores, dev.is_machine[self.here], dev.groups[self.here], default_detector().memory.words[self.here]
        )

    def settings(self, split: int, adapt: bool) -> Iterator[Setting]:
        """Yield the settings of one way to halve it."""
        order = np.random.default_rng(split).permutation(np.unique(self.texts.groups))
        reserve = np.isin(self.texts.groups, order[: len(order) // 2])
        least = self.world.least_words
        usable, unseen = np.flatnonzero(reserve & (self.texts.words >= least)), self.texts.of(~reserve)
        known = self.texts.of(_reserve(self.texts, usable, 0, split))
        yield Setting(self.name, "human only", known, unseen, self.development)
        for references, few in (("matched", None), (f"{FEW} machine", FEW)) if adapt else ():
            chosen = _reserve(self.texts, usable, few, split)
            both = self.cached(
                f"{split}-{few}-{least}", lambda chosen=chosen: self.adapted(chosen, np.flatnonzero(~reserve))
            )
            known = replace(self.texts.of(chosen), scores=both[: len(chosen)])
            yield Setting(self.name, references, known, replace(unseen, scores=both[len(chosen) :]), self.development)

    def adapted(self, chosen: NDArray[np.int64], unseen: NDArray[np.int64]) -> Floats:
        """Return held-out scores of the chosen references, and scores of the unseen half once they are learnt."""
        known, groups = self.world.material.rows(self.here[chosen]), self.texts.groups[chosen]
        detector = learn(
            known,
            group_folds(groups, known.is_machine, FOLDS, np.random.default_rng(0)),
            groups,
            content=np.ones(len(chosen), np.uint64),
            base=self.base,
            weight=10.0,
            name="own",
        )
        held_out = detector.references.scores[-len(chosen) :]
        return np.concatenate([held_out, _score(detector, self.world.material, self.here[unseen])])

    def cached(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """Return scores, computed once."""
        file = self.world.cache / f"{self.domains[0]}-{len(self.domains)}-{self.generator or 'all'}-{name}.npz"
        if not file.exists():
            np.savez(file, scores=compute())
        with np.load(file) as kept:
            return np.asarray(kept["scores"])


def _score(detector: Detector, material: Material, rows: NDArray[np.int64]) -> Floats:
    return np.asarray(detector.stack.score(model_scores(detector.models, material.rows(rows))))


def _reserve(half: Half, rows: NDArray[np.int64], few: int | None, seed: int) -> NDArray[np.int64]:
    """Return up to 300 human texts and the machine-made ones that may be known."""
    rng = np.random.default_rng(seed)
    human = rng.permutation(rows[~half.machine[rows]])[:HUMAN]
    machine = rng.permutation(rows[half.machine[rows]])[:few]
    return np.concatenate([human, machine])


def draw(unseen: Half, share: float, rng: np.random.Generator) -> Half:
    """Return a corpus of 500 documents, or as many as the half holds, with that share of machine-made ones."""
    human, machine = np.flatnonzero(~unseen.machine), np.flatnonzero(unseen.machine)
    size = min(
        DOCUMENTS,
        int(len(human) / (1 - share)) if share < 1 else DOCUMENTS,
        int(len(machine) / share) if share else DOCUMENTS,
    )
    made = min(round(size * share), len(machine))
    return unseen.of(
        np.concatenate([rng.choice(human, size - made, replace=False), rng.choice(machine, made, replace=False)])
    )


def estimators(corpus: Floats, human: Floats, machine: Floats) -> dict[str, float]:
    """Return every estimator's share."""
    grid = score_grid(corpus, human, machine)
    c, h, a = (grid.counts(scores) for scores in (corpus, human, machine))
    ratio = calibrated_ratio(grid.support, h, a)
    posterior = ratio / (1 + ratio)
    above = (posterior > 0.5).astype(np.float64)
    return {
        "CC": float(classify_and_count(c, above)[0]),
        "PCC": float(classify_and_count(c, posterior)[0]),
        "ACC": float(adjusted_count(c, h, a, above)[0]),
        "PACC": float(adjusted_count(c, h, a, posterior)[0]),
        "EMQ": float(emq(c, ratio)[0]),
        "HDy": float(hdy(c, h, a)[0]),
        "KDE mix": float(kde_mix(grid.support, c, h, a)[0]),
    }


def ideal_error(corpus: Half, unseen: Half) -> float:
    """Return the mean absolute error of a maximum-likelihood estimate with known densities, for these documents."""
    grid = score_grid(unseen.scores)
    f_h, f_a = (
        kernel_density(grid.support, grid.counts(unseen.scores[unseen.machine == kind]))[0] for kind in (False, True)
    )
    share = float(corpus.machine.mean())
    mixed = (1 - share) * f_h + share * f_a
    information = float(((f_a - f_h) ** 2 / mixed).sum())
    variance = max(0.0, 1 / information - share * (1 - share)) / len(corpus.scores)
    return float(np.sqrt(2 / np.pi * variance))


def outcome(setting: Setting, share: float, rng: np.random.Generator) -> Outcome:
    """Return what is said of one corpus."""
    corpus = draw(setting.unseen, share, rng)
    known = setting.known
    human, machine = known.of(~known.machine), known.of(known.machine)
    estimate = estimate_share(
        corpus.scores,
        human.scores,
        machine.scores,
        development=setting.development,
        rng=rng,
        corpus_groups=corpus.groups,
        human_groups=human.groups,
        machine_groups=machine.groups,
        replicates=300,
    )
    point = estimate.share if estimate.share is not None else estimate.point
    stand_in = machine.scores if len(machine.scores) else setting.development.machine_scores
    points = {"reported": np.nan if point is None else point} | estimators(corpus.scores, human.scores, stand_in)
    return Outcome(
        setting.source,
        float(corpus.machine.mean()),
        points,
        estimate.low,
        estimate.high,
        estimate.refused,
        ideal_error(corpus, setting.unseen),
        dkw_bound(corpus.scores, human.scores),
    )


def report(name: str, outcomes: list[Outcome]) -> str:
    """Return the tables of one kind of references."""
    lines = [f"### {name}", "", "| shares | corpora | " + " | ".join(outcomes[0].points) + " | ideal |"]
    lines.append("|---" * (len(outcomes[0].points) + 3) + "|")
    for label, most in (("all", 1.0), ("to 25%", 0.255), ("to 5%", 0.055)):
        some = [one for one in outcomes if one.share <= most]
        errors = [
            100 * np.nanmean([abs(one.points[key] - one.share) for one in some]) for key in outcomes[0].points
        ] + [100 * np.mean([one.ideal for one in some])]
        lines.append(f"| {label} | {len(some)} | " + " | ".join(f"{error:.1f}" for error in errors) + " |")
    lines += ["", "| source, shares | error | holds | width | bound violated | gap at 5% | DKW gap at 5% | refused |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    names = dict.fromkeys(one.source for one in outcomes)
    cells = [("all", outcomes), ("to 25%", [one for one in outcomes if one.share <= 0.255])]
    cells += [(source, [one for one in outcomes if one.source == source]) for source in names]
    for label, some in cells:
        given = [one for one in some if one.low is not None and one.high is not None]
        five = [one for one in given if abs(one.share - 0.05) < 0.006]
        if not given:
            lines.append(f"| {label} | | | | | | | {len(some)} of {len(some)} |")
            continue
        lines.append(
            f"| {label} | {100 * np.nanmean([abs(one.points['reported'] - one.share) for one in given]):.1f} "
            f"| {np.mean([one.low <= one.share + 1e-9 and one.share <= one.high + 1e-9 for one in given]):.0%} "
            f"| {100 * np.mean([one.high - one.low for one in given]):.1f} "
            f"| {np.mean([one.low > one.share + 1e-9 for one in given]):.1%} "
            f"| {100 * np.mean([one.share - one.low for one in five]):.1f} "
            f"| {100 * np.mean([one.share - one.dkw for one in five]):.1f} "
            f"| {sum(one.refused is not None for one in some)} of {len(some)} |"
        )
    return "\n".join(lines) + "\n"


def gaussian(draws: int, rng: np.random.Generator) -> Iterator[tuple[str, list[Outcome]]]:
    """Yield outcomes on normal scores, where everything but the estimate is known."""
    none = DevelopmentScores(np.zeros(2), np.array([False, True]), np.array(["", ""]), np.array(["", ""]))
    for distance, humans, machines in ((3.75, 650, 650), (2.4, 300, 600), (3.75, 300, 50), (2.4, 300, 50)):
        outcomes = []
        for share in SHARES:
            for _ in range(draws):
                made = np.r_[np.zeros(4000), np.ones(4000)].astype(np.bool_)
                scores = rng.normal(size=8000) + distance * made
                half = Half(scores, made, np.arange(8000), np.full(8000, 100))
                labels = np.arange(humans + machines) >= humans
                known = rng.normal(size=humans + machines) + distance * labels
                reference = Half(known, labels, np.arange(humans + machines) + 8000, np.full(humans + machines, 100))
                outcomes.append(outcome(Setting("normal", "", reference, half, none), share, rng))
        yield f"normal scores {distance} apart, {humans} human + {machines} machine references", outcomes


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "headwater-audit-share")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--human-splits", type=int, default=16, help="for human references only")
    parser.add_argument("--by", choices=("source", "domain", "generator"), default="source", help="what is left out")
    parser.add_argument("--least-words", type=int, default=LEAST_WORDS, help="of references and documents")
    parser.add_argument("--gaussian", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    start = time.time()
    if arguments.gaussian:
        for name, outcomes in gaussian(10 * arguments.draws, rng):
            print(report(name, outcomes), flush=True)
        return
    arguments.cache.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Outcome]] = {}
    shifts: dict[str, list[tuple[float, float]]] = {}
    refused = 0
    world = TextWorld(development(arguments.data), arguments.cache, arguments.least_words)
    for domains, generator in sources(world.dev, arguments.by):
        left_out = LeftOut(world, domains, generator)
        for split in range(max(arguments.splits, arguments.human_splits)):
            for setting in left_out.settings(split, split < arguments.splits):
                if setting.references == "human only" and split >= arguments.human_splits:
                    continue
                unseen = setting.unseen.long(arguments.least_words)
                human = int((~setting.known.machine).sum())
                print(
                    f"{setting.references}, {setting.source}: {human} human and {len(setting.known.scores) - human} "
                    f"machine references, AUROC of the unseen half {unseen.auroc:.3f}",
                    flush=True,
                )
                drawn = replace(setting, unseen=unseen)
                shifts.setdefault(setting.references, []).append(drawn.shifts)
                found.setdefault(setting.references, []).extend(
                    outcome(drawn, share, rng) for share in SHARES for _ in range(arguments.draws)
                )
                if setting.references == "human only":
                    for share in SHARES:
                        corpus = draw(unseen, share, rng).scores
                        nothing = estimate_share(corpus, [], development=setting.development, rng=rng)
                        assert nothing.refused, "a number without references"
                        refused += 1
    print(f"\nwithout references: refused in {refused} of {refused}\n")
    for name, outcomes in found.items():
        print(report(name, outcomes), flush=True)
        human, machine = np.mean(shifts[name], axis=0)
        also = "" if np.isnan(machine) else f", machine ones by {machine:+.2f}"
        print(f"Human references score above unseen human text by {human:+.2f} standard deviations{also}.\n")
    print(f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
