"""What an audit finds, as values that are saved, reported and printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How well a corpus share can be known."""

    A = "A"
    """Known human and known machine text of the same kind: a point with an interval."""
    B = "B"
    """Known human text only: a lower bound and a range."""
    C = "C"
    """Neither: no number, only drift against older text of the same source."""


class DocumentVerdict(StrEnum):
    """What the detector can say about one document."""

    HUMAN_CONSISTENT = "human-consistent"
    """Its score is ordinary among known human texts. That does not make it human."""
    UNDECIDED = "undecided"
    """Too short, or neither ordinary nor extreme enough for the error rate that was asked for."""
    MACHINE_LIKE = "machine-like"
    """Unlike the known human texts, at the false discovery rate that was asked for over the whole corpus."""


@dataclass(frozen=True, slots=True)
class ShareEstimate:
    """The machine-made share of a group of documents, or the reason why there is none. Shares are 0 to 1."""

    grade: Grade
    """What the references allow to say."""
    share: float | None
    """Point estimate; grade A only."""
    low: float | None
    """Lower end of the interval (A), or the lower bound (B)."""
    high: float | None
    """Upper end of the interval (A), or of the range (B)."""
    refused: str | None
    """Why there is no number, or None."""
    method: str
    """Estimator, such as ``EMQ with bias-corrected temperature scaling``; empty where refused."""
    documents: int
    """Documents it rests on."""
    point: float | None = None
    """Grade B: an estimate for small print only, which unseen generators can put far off."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Words a group uses in excess of older text of the same source (Kobak et al. 2025)."""

    since: str
    """Period of the older text the group is compared with."""
    low: float
    """Lower bound of the share of documents affected by whatever changed, 0 to 1: not the share of machine text."""
    words: tuple[tuple[str, float, float], ...]
    """The words with the largest excess: word, share of documents now, share expected."""


@dataclass(frozen=True, slots=True)
class GroupAudit:
    """One group of the corpus."""

    group: str
    """Its name: the values of the grouping columns, separated by `` · ``; ``all`` without grouping."""
    keys: Mapping[str, str]
    """Grouping column to value."""
    documents: int
    """Documents in it."""
    words: int
    """Words in it."""
    short: int
    """Documents of fewer than 50 words, on which nothing is said one by one."""
    verdicts: Mapping[str, int]
    """Document verdict to number of documents."""
    origins: Mapping[str, int]
    """Origin to number of documents, by the evidence that decides."""
    known_machine: int
    """Documents shown to be machine-made or mixed by something stronger than the detector."""
    estimate: ShareEstimate
    """The machine-made share."""
    drift: Drift | None = None
    """Change of wording, where there is older text of the same source."""


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """What is known about the reference texts and how the detector does on them."""

    human: int
    """Known human documents."""
    machine: int
    """Known machine-made documents."""
    auroc: float | None
    """How well scores separate the user's human from machine text (the development machine text where the user has
    none); None without human references."""
    shift: float | None
    """Kolmogorov-Smirnov distance of the human references' scores to those of the human texts the detector learnt
    from."""
    remarks: tuple[str, ...] = ()
    """What looks wrong with them, such as a human reserve with machine-like texts in it."""


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """Human references of one range of lengths, against which p-values are taken."""

    least_words: int
    """Fewest words (after normalisation, before the cut)."""
    most_words: int | None
    """Most words; None without limit."""
    references: int
    """Human references in it. With n of them no p-value below 1 / (n + 1) exists."""
    documents: int
    """Documents of the corpus in it."""
    threshold: float | None = None
    """Lowest score of a machine-like document of this length; None where no score would have been high enough."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Scores counted in bins of equal width."""

    low: float
    """Where the first bin begins."""
    width: float
    """Width of a bin."""
    counts: Mapping[str, tuple[int, ...]]
    """Series (a group, ``human references``, ``machine references``) to counts per bin."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What isolating the machine-like documents is expected to cost, at one prevalence."""

    prevalence: float
    """Machine-made share the arithmetic assumes."""
    assumed: bool
    """Whether the user stated it; otherwise it is the estimate of the audit."""
    fpr: float
    """False-positive rate of the verdict on the references."""
    tpr: float
    """True-positive rate of the verdict on the references."""
    precision: float
    """Share of the isolated documents that are machine-made: a t / (a t + (1 - a) f)."""
    isolated: float
    """Share of the corpus that is isolated."""
    human_lost: float
    """Share of the human documents that is isolated."""
    machine_left: float
    """Share of what is kept that is machine-made."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """Damage of a text that can give a class away without being its style."""

    name: str
    """What it is, such as ``words glued at line ends``."""
    share: Mapping[str, float]
    """Series (corpus, human references, machine references) to the share of documents affected."""
    differs: bool
    """Whether the series differ by more than chance (two-proportion test, corrected for the artefacts tried)."""
    example: str = ""
    """A short excerpt."""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Everything an audit found."""

    paths: tuple[str, ...]
    """What was audited."""
    by: tuple[str, ...]
    """Grouping columns."""
    corpus: GroupAudit
    """All documents together."""
    groups: tuple[GroupAudit, ...]
    """The groups, sorted by keys."""
    references: ReferenceFacts
    """The references."""
    detector: str
    """Name of the detector and its version."""
    card: str
    """Path of its card."""
    fdr: float
    """False discovery rate of the machine-like verdicts over the corpus."""
    buckets: tuple[LengthBucket, ...]
    """Length buckets of the p-values."""
    evidence: Mapping[str, Mapping[str, int]]
    """Kind of evidence to status to number of documents."""
    contradictions: int
    """Documents on which usable pieces of evidence disagree."""
    permissions: Mapping[str, int]
    """Permission signal to number of documents: may it be used, whoever wrote it."""
    costs: Costs | None
    """Cost arithmetic, where true- and false-positive rates are known."""
    scores: Histogram | None
    """Score distributions."""
    artefacts: tuple[Artefact, ...]
    """Artefacts found."""
    examples: tuple[tuple[str, str, float, str], ...]
    """Documents with the highest scores: id, group, score, beginning of the text."""
    read: int
    """Rows that could be used."""
    bad: int
    """Rows that could not."""
    bad_kinds: Mapping[str, int]
    """Rows that could not be used, by kind."""
    warnings: tuple[str, ...]
    """What the reader should know."""
    versions: Mapping[str, str]
    """Versions of what was used."""
    run: str = ""
    """Run id."""
    created: str = ""
    """When it was made."""
    seconds: float = 0.0
    """How long it took."""
    settings: str = ""
    """Settings it was made with, as TOML."""
    level: float = 0.95
    """Level of the intervals, the ranges and the lower bounds."""
