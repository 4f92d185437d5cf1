"""What a curation found, as values: the counts, the losses and the examples that its page and its JSON show."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the documents. Every record that was read is in exactly one of the last three."""

    read: int
    """Records of the input that are no empty lines."""
    kept: int
    dropped: int
    bad: int
    """Records that are no documents, or that could not be measured; set aside with their place and what is wrong."""

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost and nothing counted twice."""
        return self.read == self.kept + self.dropped + self.bad


@dataclass(frozen=True, slots=True)
class RuleLoss:
    """What one rule dropped."""

    rule: str
    """Its reason code."""
    family: str
    """The published filter, or the step, it belongs to."""
    sentence: str
    """What it means for a document to fail it."""
    measure: str
    """The column of ``measured`` it looks at; empty where it looks at other documents."""
    threshold: float | tuple[str, ...] | None
    """What the measured value is compared with: a number, or the names it has to be one of."""
    dropped: int
    """Documents that failed it, whatever else they failed."""
    alone: int
    """Documents that failed nothing else: what would come back if the rule were off."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a part of the corpus (a source, a language, an origin) lost."""

    name: str
    documents: int
    kept: int
    characters: int
    """Unicode code points of all its documents."""
    kept_characters: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """The commonest reasons, with the documents that failed each."""

    @property
    def lost_share(self) -> float:
        """Share of its documents that were dropped, 0 to 1."""
        return 1 - self.kept / max(self.documents, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A document that a rule dropped, as an example."""

    reason: str
    id: str
    place: str
    """File and line."""
    measured: float | str | None
    text: str
    """Its beginning."""
    source: str = ""
    """The source it counts for; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class PairSample:
    """A removed document and the one that stands for it, as an example."""

    reason: str
    removed_id: str
    removed_place: str
    removed_text: str
    kept_id: str
    kept_place: str
    kept_text: str
    similarity: float | None
    """Estimated Jaccard index of their word sequences; 1 for equal texts, null where it is not known."""
    cluster_size: int
    """Documents in the cluster."""
    source: str = ""
    """The source that the removed document counts for; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class PersonalFound:
    """Personal data that were found, and masked where that was asked for."""

    documents: int
    """Documents with any."""
    kept: int
    """Kept documents with any; masked, they hold placeholders."""
    finds: Mapping[str, int]
    """Kind to finds."""


@dataclass(frozen=True, slots=True)
class FailedShard:
    """A part of the input that could not be worked on; its documents are in neither output."""

    file: str
    part: str
    """Which part of the file, in words."""
    error: str


@dataclass(frozen=True, slots=True)
class CurateResult:
    """A finished curation."""

    out: str
    """The folder with the documents."""
    inputs: tuple[str, ...]
    documents: Counts
    bad_by_kind: Mapping[str, int]
    rules: tuple[RuleLoss, ...]
    """Every rule that was applied, in the order of its set."""
    sources: tuple[Loss, ...]
    """The largest sources, and all that lost more than half; the largest first."""
    n_sources: int
    languages: tuple[Loss, ...]
    origins: tuple[Loss, ...]
    samples: tuple[Sample, ...]
    pairs: tuple[PairSample, ...]
    n_pairs: int
    personal_data: PersonalFound | None
    """Personal data of all documents, kept or not; None where they were not looked for."""
    tokens: int | None
    """Tokens of the kept documents, where a tokenizer was given."""
    characters: int
    """Code points read."""
    kept_characters: int
    bytes: int
    """Size of the input files on disk."""
    seconds: float
    cpu_seconds: float
    """CPU time of all processes."""
    peak_rss_mb: float
    """Peak resident memory: that of this process plus the largest of each worker."""
    engine: str
    workers: int
    failed: tuple[FailedShard, ...]
    warnings: tuple[str, ...]
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    created: str
    """When it was finished, ISO 8601, UTC."""
