"""What a forecast leaves behind: the report, the files and the JSON are made from it and from nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
"""Quantiles of every fan: the median, and the ends of the 50%, 80% and 90% bands."""

Rule = Literal["first-passage", "as-published"]
Variant = Literal["trend", "compute", "mixture"]


@dataclass(frozen=True, slots=True)
class FullUse:
    """Quantiles of the date of full use, in calendar years; None where it lies beyond the horizon.

    One that equals the first date looked at means then or earlier.
    """

    p5: float | None
    p10: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None
    p95: float | None
    beyond_horizon: float
    """Probability that it does not happen before the last date looked at."""


@dataclass(frozen=True, slots=True)
class Fan:
    """Quantiles of an uncertain curve."""

    years: tuple[float, ...]
    p5: tuple[float, ...]
    p10: tuple[float, ...]
    p25: tuple[float, ...]
    p50: tuple[float, ...]
    p75: tuple[float, ...]
    p90: tuple[float, ...]
    p95: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """When something is used up."""

    years: tuple[float, ...]
    probability: tuple[float, ...]
    """Probability that it is used up by each date; never falls."""
    date: FullUse


@dataclass(frozen=True, slots=True)
class Dot:
    """A real data set beside a projection."""

    name: str
    year: float
    value: float
    """Tokens, words or images."""
    source: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a stock waterfall: what is left after it."""

    name: str
    p5: float
    p50: float
    p95: float
    note: str


@dataclass(frozen=True, slots=True)
class Series:
    """Stock and demand of one kind of data under one assumption about demand."""

    name: Literal["low_quality_text", "high_quality_text", "images", "text"]
    variant: Variant
    unit: str
    """``words``, ``tokens`` or ``images``."""
    stock: Fan
    demand: Fan
    use: Passage
    assumption: str
    """How demand is assumed to grow, in a sentence."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """The date of full use under another assumption, with the same draws."""

    name: str
    note: str
    date: FullUse


@dataclass(frozen=True, slots=True)
class PresetForecast:
    """A published forecast, made again."""

    preset: str
    """``2022``, ``2024`` or ``2026``."""
    rule: Rule
    draws: int
    seed: int
    horizon: float
    """Last date looked at."""
    series: tuple[Series, ...]
    scenarios: tuple[Scenario, ...]
    waterfall: tuple[Step, ...]
    """From the raw to the effective stock; empty where the model has no such steps."""
    waterfall_year: float
    dots: tuple[Dot, ...]
    assumptions: tuple[str, ...]
    """What the forecast assumes, in sentences."""
    substituted: tuple[str, ...]
    """What stands in for inputs of the original that cannot be had, in sentences."""
    references: tuple[str, ...]
    seconds: float = 0.0
    run: str = ""
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A team's own supply under one policy about machine text."""

    name: Literal["none", "gate", "ungated"]
    """No synthetic tokens, those that the gate admits, or all that is offered."""
    title: str
    supply: Fan
    """Effective tokens: what there is, repetition counted."""
    use: Passage
    runway_years: FullUse
    """The same quantiles as years from the start."""


@dataclass(frozen=True, slots=True)
class Swing:
    """How far one input moves the median date of full use."""

    key: str
    """Its key in the settings."""
    title: str
    low_value: str
    """The input's 10% point, written."""
    high_value: str
    """Its 90% point."""
    low_date: float | None
    """Median date with the input at its 10% point; None: beyond the horizon."""
    high_date: float | None
    low_probability: float
    """Probability of full use before the horizon with the input at its 10% point."""
    high_probability: float
    rank_correlation: float | None
    """Spearman's, of input and date over the draws; None where either is constant."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input as it was used."""

    key: str
    value: str
    """As written in the settings, or as measured."""
    source: str
    """``settings``, ``what if``, ``default``, or the run it was measured in."""
    meaning: str


@dataclass(frozen=True, slots=True)
class TeamForecast:
    """A team's own forecast."""

    name: str
    draws: int
    seed: int
    start: float
    """First date, a calendar year."""
    horizon: float
    unit: str
    plans: tuple[Plan, ...]
    need: Fan
    stock: Fan
    """Unique tokens that may be trained on, with the gate."""
    contamination: Fan
    """Machine share of what is admitted in each month, with the gate."""
    contamination_ungated: Fan
    """The same without the gate."""
    stock_contamination: Fan
    """Machine share of everything admitted so far, with the gate."""
    clean_intake: Fan
    """Admitted human tokens per month, with the gate."""
    waterfall: tuple[Step, ...]
    tornado: tuple[Swing, ...]
    """Largest swing first."""
    what_if: tuple[Scenario, ...]
    inputs: tuple[Input, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    references: tuple[str, ...]
    seconds: float = 0.0
    run: str = ""
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


Forecast = PresetForecast | TeamForecast
