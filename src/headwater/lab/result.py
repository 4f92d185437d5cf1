"""What an experiment leaves behind: the report and the JSON are drawn from it and from nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from headwater.measure import Finding, Phases


@dataclass(frozen=True, slots=True)
class Series:
    """A measure by generation over the replicates."""

    mean: tuple[float, ...]
    se: tuple[float, ...]
    """Standard error of the mean over replicates; 0 where there is one replicate."""
    median: tuple[float, ...]
    low: tuple[float, ...]
    """Quantile 0.05 over replicates (at most 1,000 of them)."""
    high: tuple[float, ...]
    """Quantile 0.95 over replicates."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a generation looked like: points, texts or pixels of one replicate."""

    generation: int
    values: tuple[tuple[float, ...], ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One regime of an experiment, all replicates together."""

    name: str
    items: int
    replicates: int
    generations: int
    """Retrainings that were reached."""
    series: Mapping[str, Series]
    expected: Mapping[str, tuple[float, ...]]
    """Closed form of the mean of a measure by generation; NaN where none is known."""
    computed_f: tuple[float, ...]
    """Inbreeding coefficient of each generation's model, from the family tree alone."""
    diversity: str
    """Measure whose lost share is the observed inbreeding coefficient; empty where there is none."""
    human_diversity: float | None
    """Its value for the human source; None: the first generation's stands in."""
    finals: Mapping[str, tuple[float, ...]]
    """Each measure at the last generation, by replicate (at most 1,000)."""
    snapshots: tuple[Snapshot, ...]
    least_risk: float
    """Lowest possible value of the measure ``risk``."""
    uninformed_risk: float | None
    """``risk`` of a model that has learnt nothing, where it is known."""
    seconds: float
    stopped: str = ""
    """Why it ended before its last generation; empty where it did not."""

    @property
    def observed_f(self) -> tuple[float, ...]:
        """Return the lost share of diversity by generation; empty where no measure of diversity is named."""
        if not self.diversity:
            return ()
        mean = self.series[self.diversity].mean
        human = mean[0] if self.human_diversity is None else self.human_diversity
        return tuple(1 - value / human for value in mean)


@dataclass(frozen=True, slots=True)
class Check:
    """A simulated number beside the number it has to be."""

    name: str
    expected: float
    observed: float
    se: float | None
    """Standard error of the observed number."""
    z: float | None
    """Distance in standard errors."""
    tolerance: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a figure."""

    name: str
    """Arm it belongs to, or its own name."""
    role: Literal["simulated", "expected", "published", "human"]
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    """Lower edge of the band over replicates."""
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LineFigure:
    """Curves."""

    title: str
    x_title: str
    y_title: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False
    note: str = ""
    kind: Literal["lines"] = "lines"


@dataclass(frozen=True, slots=True)
class ScatterPanel:
    """Points of one generation."""

    title: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    ellipses: tuple[tuple[float, float, float, float, float], ...] = ()
    """One-sigma ellipses of the model: centre x, centre y, half axes, angle in degrees."""


@dataclass(frozen=True, slots=True)
class ScatterFigure:
    """Points of several generations side by side, on the same axes."""

    title: str
    panels: tuple[ScatterPanel, ...]
    note: str = ""
    kind: Literal["scatter"] = "scatter"


@dataclass(frozen=True, slots=True)
class Histogram:
    """One distribution."""

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    """Share of each bin; one fewer than the edges."""


@dataclass(frozen=True, slots=True)
class HistogramFigure:
    """Distributions of several generations beneath each other, on the same axis."""

    title: str
    x_title: str
    histograms: tuple[Histogram, ...]
    log_x: bool = False
    note: str = ""
    kind: Literal["histograms"] = "histograms"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """Pictures of one generation."""

    name: str
    images: tuple[tuple[tuple[int, ...], ...], ...]
    """Grey values 0 to 255, rows of pixels."""


@dataclass(frozen=True, slots=True)
class ImageFigure:
    """Pictures generation by generation."""

    title: str
    rows: tuple[ImageRow, ...]
    note: str = ""
    kind: Literal["images"] = "images"


@dataclass(frozen=True, slots=True)
class TableFigure:
    """A table of numbers or texts."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    kind: Literal["table"] = "table"


Figure = LineFigure | ScatterFigure | HistogramFigure | ImageFigure | TableFigure


@dataclass(frozen=True, slots=True)
class ArmVerdicts:
    """What the eight definitions say of one arm."""

    arm: str
    findings: tuple[Finding, ...]
    phases: Phases


@dataclass(frozen=True, slots=True)
class LabResult:
    """Everything an experiment found out."""

    run: str
    created: str
    """ISO 8601, UTC."""
    seconds: float
    experiment: str
    title: str
    summary: str
    """What the experiment is and what it shows."""
    settings: Mapping[str, str | float | int | bool | tuple[str, ...] | None]
    arms: tuple[ArmResult, ...]
    checks: tuple[Check, ...]
    verdicts: tuple[ArmVerdicts, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    """Deviations from the published setting, limits, what was left out and why."""
    references: tuple[str, ...]
    """Keys of the bibliography."""
    versions: Mapping[str, str]
