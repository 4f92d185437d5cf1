"""The machine-made share of a corpus: a number with an interval, a bound with a range, or the reason why there is none.

Grade A, known human and known machine text of the corpus' kind: the mean of EMQ (bias-corrected temperature scaling)
and KDE mix, with a bootstrap over corpus and references, by group.

Grade B, known human text only: what machine text would score here is unknown. The lower bound assumes nothing of it.
The upper end assumes that it stands as far above human text as in one of the development domains, one estimate per
domain and generator; the range ends where four fifths of them would end.

Grade C, neither: no number, whatever the scores.

**The share is that of the documents at hand**, not of a population they were drawn from: a corpus of 500 in which 50
are machine-made has a share of 10 %, though another draw might have had 60. This is what an audit is asked. It makes
the interval less than half as wide as the usual bootstrap's, which adds the chance of drawing (references of 650, AUROC
.996, corpora of 500: 2.0 points wide and 95 % coverage against 5.0 points and 100 %).

Intervals hold for references drawn like the corpus. No test on the scores tells whether they were: a generator unlike
the references that writes like the reserve is invisible by construction.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headwater.decide.groups import design_effect
from headwater.measure.detection import auroc
from headwater.origin.result import Grade, ShareEstimate
from headwater.origin.share.bound import exact_bound
from headwater.origin.share.development import DevelopmentScores
from headwater.origin.share.emq import calibrated_ratio, emq
from headwater.origin.share.histograms import Sample, finite, named, score_grid
from headwater.origin.share.kde_mix import kernel_density, kernel_ratio

Floats: TypeAlias = NDArray[np.float64]

LEAST_AUROC = 0.75
"""Below it scores say too little about the classes."""
MOST_SHIFT = 0.4
"""Kolmogorov-Smirnov distance of human references to human development texts, above which the mean error without
machine references was 16 points."""
LEAST_DOCUMENTS = 30
LEAST_HUMAN = 50
LEAST_MACHINE = 25
SPREAD = 1.6
"""Factor on the bootstrap's errors. Where scores are divided at random into references and corpus, 1 holds in 93 %. But
texts of one source are alike in ways that no group names: over left-out domains, and domains left out with a generator,
95 % took 1.55 with all machine references and 1.75 with 50, without any one source 1.3 to 1.7 and 1.5 to 1.8
(benchmarks/RESULTS.md)."""
ENVELOPE = 0.8
"""Share of the development clusters that the range of grade B takes in (``benchmarks/audit_share.py``: at shares of up
to 25 % the range held in 97 % of 384 corpora of three left-out sources that were not refused, and was 15 wide)."""
_BOUND_DELTA = 0.05
METHOD_A = "mean of EMQ (bias-corrected temperature scaling) and KDE mix"
METHOD_B = "exact lower bound; range and point by KDE mix over development clusters"


@dataclass(frozen=True, slots=True)
class _Others:
    """Documents whose origin is known without the detector."""

    machine: int
    human: int

    def share(self, share: float, scored: int) -> float:
        """Return the share of all documents, given that of the scored ones."""
        return (self.machine + share * scored) / (self.machine + self.human + scored)


def estimate_share(
    corpus: ArrayLike,
    human: ArrayLike,
    machine: ArrayLike | None = None,
    *,
    development: DevelopmentScores,
    rng: np.random.Generator,
    corpus_groups: ArrayLike | None = None,
    human_groups: ArrayLike | None = None,
    machine_groups: ArrayLike | None = None,
    short: int = 0,
    known_machine: int = 0,
    known_human: int = 0,
    confidence: float = 0.95,
    replicates: int = 500,
) -> ShareEstimate:
    """Return the machine-made share of a corpus.

    Scores are log-odds of one detector, of texts with at least 50 words: shorter ones add more error than knowledge
    (mean error with matched references 2.0 points with them, 1.8 without) and are reported as a number only. Reference
    scores are held out: of texts the detector was not trained on.

    Args:
        corpus: scores of the documents whose origin nothing stronger decides, shape (documents,).
        human: scores of known human texts of the same kind, shape (references,); empty where there are none.
        machine: scores of known machine-made texts of the same kind; None or fewer than 25 where there are none.
        development: what is known of other domains, for grade B.
        rng: source of the bootstrap and permutations.
        corpus_groups: unit of independence of each document, such as its author; None where each is its own.
        human_groups: likewise.
        machine_groups: likewise.
        short: documents that were left out as too short.
        known_machine: documents, not among the scores, that stronger evidence shows to be machine-made. They count.
        known_human: documents, not among the scores, that stronger evidence shows to be human. They count.
        confidence: of the interval; a lower bound of grade B holds with .95.
        replicates: bootstrap samples.

    Returns:
        The estimate. Where a point or range is refused although human references exist, ``low`` still holds the bound.
        Grade C holds no number.
    """
    c, h = finite(corpus), finite(human)
    a = finite(machine) if machine is not None else np.empty(0)
    others = _Others(known_machine, known_human)
    documents = c.size + known_machine + known_human
    if h.size < LEAST_HUMAN:
        return _refusal(Grade.C, documents, _no_references(h.size))
    grade = Grade.A if a.size >= LEAST_MACHINE else Grade.B
    if c.size < LEAST_DOCUMENTS:
        return _refusal(
            grade,
            documents,
            f"{c.size} documents of at least 50 words without other evidence; {LEAST_DOCUMENTS} are needed",
        )
    if short > c.size:
        return _refusal(
            grade, documents, f"{short} of {short + c.size} documents have fewer than 50 words: too short to tell"
        )
    groups = None
    if corpus_groups is not None or human_groups is not None:
        groups = (_or_own(corpus_groups, c.size, "c"), _or_own(human_groups, h.size, "h"))
    bound = others.share(exact_bound(c, h, rng, _BOUND_DELTA, groups), c.size)
    reason = _why_not(h, a if grade == Grade.A else development.machine_scores, development, grade)
    if reason:
        return _refusal(grade, documents, reason, bound)
    if grade == Grade.A:
        sides = (c, corpus_groups), (h, human_groups), (a, machine_groups)
        share, low, high = (others.share(x, c.size) for x in _with_both(sides, rng, confidence, replicates))
        return ShareEstimate(grade, share, low, high, None, METHOD_A, documents)
    clusters = development.clusters()
    point, high = _with_human(
        (c, corpus_groups), (h, human_groups), clusters, rng, 1 - (1 - confidence) / 2, min(replicates, 200)
    )
    high = max(others.share(high, c.size), bound)
    return ShareEstimate(grade, None, bound, high, None, METHOD_B, documents, others.share(point, c.size))


_Scored: TypeAlias = tuple[Floats, ArrayLike | None]
"""Scores and their groups."""


def _with_both(
    sides: tuple[_Scored, _Scored, _Scored], rng: np.random.Generator, confidence: float, replicates: int
) -> tuple[float, float, float]:
    """Return point, low and high from corpus, human and machine-made scores.

    The error of a replicate is its estimate less the share of the documents it drew: the sum of their posteriors, and
    the noise of the labels given the scores. Subtracting it leaves the error of estimating the share of *these*
    documents; the variance falls by alpha (1 - alpha) / n against the plain bootstrap. The interval is normal, with the
    root of the mean square of these errors: near 0 and 1 they are skewed the wrong way (a share of 0 is never found too
    small), and quantiles of them held less often and were wider.
    """
    grid = score_grid(*(scores for scores, _ in sides))
    corpus, human, machine = (Sample.of(grid, scores, groups) for scores, groups in sides)
    support = grid.support

    def both(c: Floats, h: Floats, a: Floats) -> tuple[Floats, Floats]:
        """Return the estimates of each row, and the posterior of each bin."""
        ratios = calibrated_ratio(support, h, a), kernel_ratio(support, h, a)
        shares = [emq(c, ratio) for ratio in ratios]
        posteriors = [
            share[:, None] * ratio / (1.0 - share[:, None] + share[:, None] * ratio)
            for share, ratio in zip(shares, ratios, strict=True)
        ]
        return (shares[0] + shares[1]) / 2, (posteriors[0] + posteriors[1]) / 2

    estimate, posterior = both(corpus.counts, human.counts, machine.counts)
    drawn = corpus.resample(replicates, rng)
    replicated, _ = both(drawn, human.resample(replicates, rng), machine.resample(replicates, rng))
    p = posterior[0]
    # Labels within a group go together as far as its posteriors do.
    together = 1.0 if corpus.units is None else max(1.0, design_effect(p[corpus.bins], corpus.units))
    size = drawn.sum(axis=1)
    labels = drawn @ p / size + rng.normal(size=replicates) * np.sqrt(together * (drawn @ (p * (1 - p)))) / size
    point = float(estimate[0])
    reach = SPREAD * NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt(np.mean((replicated - labels) ** 2)))
    return point, max(0.0, point - reach), min(1.0, point + reach)


def _with_human(
    corpus: _Scored,
    human: _Scored,
    clusters: tuple[Floats, ...],
    rng: np.random.Generator,
    level: float,
    replicates: int,
) -> tuple[float, float]:
    """Return a point and the upper end of the range without machine-made references.

    Each cluster's machine scores, set off from the human references as they were from their domain's human texts, give
    an estimate and its upper limit at ``level``. The point is the median of the estimates.
    """
    (scores, corpus_groups), (known, human_groups) = corpus, human
    middle = float(np.median(known))
    grid = score_grid(scores, known, *(middle + cluster for cluster in clusters))
    sample, references = Sample.of(grid, scores, corpus_groups), Sample.of(grid, known, human_groups)
    drawn = sample.resample(replicates, rng)
    once = kernel_density(grid.support, references.counts)
    often = kernel_density(grid.support, references.resample(replicates, rng))
    points, ends = [], []
    for cluster in clusters:
        machine = kernel_density(grid.support, grid.counts(middle + cluster))
        points.append(float(emq(sample.counts, machine / once)[0]))
        ends.append(float(np.quantile(emq(drawn, machine / often), level)))
    return float(np.median(points)), float(np.quantile(ends, ENVELOPE))


def _why_not(human: Floats, machine: Floats, development: DevelopmentScores, grade: Grade) -> str | None:
    """Return why the scores carry no share, or None."""
    separation = auroc(human, machine)
    if separation < LEAST_AUROC:
        whose = "known machine-made" if grade == Grade.A else "development machine-made"
        return (
            f"the detector hardly tells the human references from {whose} text (AUROC {separation:.2f}, "
            f"{LEAST_AUROC} is needed)"
        )
    if grade == Grade.B:
        shift = ks_distance(human, development.human_scores)
        if shift > MOST_SHIFT:
            return (
                f"the human references score too unlike the human texts the detector learnt from (Kolmogorov-Smirnov "
                f"distance {shift:.2f}, at most {MOST_SHIFT}); known machine-made text of the same kind would settle it"
            )
    return None


def ks_distance(one: ArrayLike, other: ArrayLike) -> float:
    """Return the largest difference of the two distribution functions, 0 to 1 (Kolmogorov-Smirnov)."""
    a, b = np.sort(finite(one)), np.sort(finite(other))
    at = np.concatenate([a, b])
    below = [np.searchsorted(values, at, side="right") / values.size for values in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def _no_references(human: int) -> str:
    have = "no known human text" if not human else f"only {human} known human texts"
    return f"{have} of this kind to compare with; {LEAST_HUMAN} of at least 50 words each are needed for any number"


def _refusal(grade: Grade, documents: int, reason: str, bound: float | None = None) -> ShareEstimate:
    return ShareEstimate(grade, None, bound, None, reason, "", documents)


def _or_own(groups: ArrayLike | None, size: int, name: str) -> NDArray[np.str_]:
    """Return the groups as text, or one group for each."""
    if groups is not None:
        return named(groups, size).astype(np.str_)
    return np.array([f"\0{name}{i}" for i in range(size)], dtype=np.str_)
