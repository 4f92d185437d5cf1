"""What a run leaves behind, as one value: the report and the JSON are drawn from it and from nothing else."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from headwater.gate import Card
from headwater.loop.comparison import StreamRecord
from headwater.loop.diagnosing import FilterEffect
from headwater.loop.regimen import Regimen
from headwater.loop.student import StudentRecord
from headwater.loop.world import GenerationRecord, SampleText
from headwater.store import SplitRow


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """Where the human documents came from."""

    description: str
    """One phrase: "the documentation installed with Python", or the user's paths."""
    documents: int
    """Documents after near-duplicates were removed."""
    near_duplicates: int
    """Documents removed as near-duplicates."""
    words: int
    groups: int
    versions: Mapping[str, str]
    """Version of each package read; empty for the user's own files."""
    grouped: bool
    """Whether a group column was given; without one every document counts as independent."""


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """How reading went, human documents and stream together."""

    read: int
    """Documents accepted."""
    bad: int
    """Rows that could not be used; they are in ``rejects.jsonl``."""
    by_kind: Mapping[str, int]
    """Bad rows by kind."""

    def __add__(self, other: "ReadFacts") -> "ReadFacts":
        """Return the counts of two readings together."""
        kinds = Counter(self.by_kind) + Counter(other.by_kind)
        return ReadFacts(self.read + other.read, self.bad + other.bad, dict(kinds))


@dataclass(frozen=True, slots=True)
class PowerFacts:
    """What the certification panel can and cannot see."""

    units: int
    """Independent groups of the certification panel."""
    documents: int
    clip: float
    """Clip bound, nats per word."""
    design_effect: float
    """Variance of a mean over groups divided by its value if documents were independent (human-only null pair)."""
    detectable_first: float
    """Smallest gain admitted with probability 0.8 at the first decision, nats per word."""
    detectable_tenth: float
    """The same at the tenth decision after three admissions."""
    delta: float
    """Chance of ever admitting something useless, over the whole run."""
    gates: int
    """Gates that share delta."""
    rule: str
    target_sd: float = 0.3
    """Effect, in standard deviations of a group, that a panel is wanted to see: rewrites measured 0.4 to 0.6."""
    needed_first: int | None = None
    """Groups that show an effect of ``target_sd`` with probability 0.8 at the first decision; None: not computed."""
    needed_tenth: int | None = None
    """The same at the tenth decision after three admissions."""


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """What happened to one recipe in one generation of a gated arm."""

    arm: str
    generation: int
    recipe: str
    tokens: int
    """Tokens taken of it in this generation."""
    verdict: str
    reason: str
    gain: float | None
    """Gain on the steering panel at its last test, nats per word."""
    machine_share: float | None = None
    """Largest machine-made share of the generation's mix where it is adapted; None: ``loop.machine_share``."""


@dataclass(frozen=True, slots=True)
class InbreedingRecord:
    """Inbreeding of one generation of one arm: the share of diversity that was lost, computed and observed."""

    arm: str
    generation: int
    computed: float
    """F of the generation's model from the family tree alone, counted in tokens."""
    observed: float
    """Lost share of the chance that two words of the training set differ, against the human training text."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything a run found out."""

    run: str
    created: str
    """ISO 8601, UTC."""
    seconds: float
    seed: int
    corpus: CorpusFacts
    stream_description: str
    reading: ReadFacts
    warnings: tuple[str, ...]
    """Sentences the reader must see: dependence unknown, too little data for feedback, and the like."""
    split: tuple[SplitRow, ...]
    merged_groups: int
    power: PowerFacts
    generations: tuple[GenerationRecord, ...]
    samples: tuple[SampleText, ...]
    stream: tuple[StreamRecord, ...]
    cards: tuple[Card, ...]
    cards_without_parents: tuple[Card, ...]
    """The same stream judged as if no document named its parents."""
    rounds: tuple[RoundRecord, ...]
    trainings_per_test: float
    """Proxies trained per recipe test."""
    settings: str
    """The resolved settings as TOML."""
    versions: Mapping[str, str]
    """Versions of Headwater, Python and the packages that computed the result."""
    inbreeding: tuple[InbreedingRecord, ...] = ()
    """By arm and generation; empty in results of versions that did not compute it."""
    students: tuple[StudentRecord, ...] = ()
    """What each gated generation's mix did to the user's own model, where a trainer is set."""
    modality: str = "text"
    """What a document is: a text, or the row of a table."""
    regimens: tuple[Regimen, ...] = ()
    """How proxy and student are trained."""
    filter_effect: FilterEffect | None = None
    """What the filters of the settings did; None where there are none."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms in the order they ran."""
        return tuple(dict.fromkeys(record.arm for record in self.generations))

    def of_arm(self, arm: str) -> tuple[GenerationRecord, ...]:
        """Return the generations of one arm."""
        return tuple(record for record in self.generations if record.arm == arm)
