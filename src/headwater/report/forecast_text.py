"""What a forecast says, in words: the verdict, the names of its series, dates and amounts as a reader meets them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.forecast.result import (
    Forecast,
    FullUse,
    Passage,
    Plan,
    PresetForecast,
    Series,
    TeamForecast,
)
from headwater.report.text import listed, name, number, percent

KINDS: Mapping[str, str] = {
    "low_quality_text": "low-quality text",
    "high_quality_text": "high-quality text",
    "images": "images",
    "text": "text",
}
"""Kinds of data in sentences."""

PLANS: Mapping[str, str] = {
    "none": "without synthetic tokens",
    "gate": "with the gate",
    "ungated": "without the gate",
}
"""Policies of a team about machine text, in sentences."""

_RULES: Mapping[str, str] = {
    "": "first passage, the share of the draws in which demand has reached the stock by a date",
    "2022": "a density of equality smoothed and normalised over its window, which puts nothing beyond it",
    "2024": (
        "the date of a grid of a quarter of a year, from 2015 to 2039, before the share of demand beyond the stock "
        "passes a level"
    ),
}
"""How a date comes out of two curves, by the year the rule was published in."""

_MAIN = ("mixture", "trend", "compute")


@dataclass(frozen=True, slots=True)
class Use:
    """One line of a forecast: something that is used up."""

    label: str
    """Its name, different from all others of the forecast."""
    key: str
    """Which colour it has: the kind of data, the variant or the plan."""
    dashes: str
    """Which dashes it has."""
    passage: Passage

    @property
    def date(self) -> FullUse:
        """Return the quantiles of the date of full use."""
        return self.passage.date

    @property
    def horizon(self) -> str:
        """Return the last date that was looked at, as it is written."""
        return until(self.passage.years[-1] if self.passage.years else None)


def uses(result: Forecast) -> list[Use]:
    """Return what is used up: the series of a published forecast, or the plans of a team."""
    if isinstance(result, TeamForecast):
        return [Use(capital(name(plan.title) or plan.name), plan.name, plan.name, plan.use) for plan in result.plans]
    labels = series_names(result.series)
    one_kind = len({series.name for series in result.series}) < 2
    return [
        Use(label, series.variant if one_kind else series.name, series.variant, series.use)
        for label, series in zip(labels, result.series, strict=True)
    ]


def published_in(result: Forecast) -> str:
    """Return the year in which the rule of the dates was published: 2022 or 2024; empty where it is first passage.

    The model of 2026 was never published; it takes the rule of 2024, whose stock it has.
    """
    if isinstance(result, TeamForecast) or result.rule == "first-passage":
        return ""
    return "2022" if result.preset == "2022" else "2024"


def rule_name(result: Forecast) -> str:
    """Return what the rule of the dates is called."""
    published = published_in(result)
    return f"as published in {published}" if published else "first passage"


def rule_words(result: Forecast) -> str:
    """Return how the dates come out of the curves, as it stands in every caption."""
    published = published_in(result)
    return f"date rule: {f'as published in {published}, ' if published else ''}{_RULES[published]}"


def looked_until(result: Forecast) -> str:
    """Return the last date looked at, or the first and last of them where each series has a window of its own."""
    ends = sorted({line.passage.years[-1] for line in uses(result) if line.passage.years})
    if len(ends) < 2:
        return until(ends[0] if ends else result.horizon)
    return f"{until(ends[0])} to {until(ends[-1])}, by series"


def scenario_name(text: str) -> str:
    """Return what a scenario is called in a table; a key of the settings keeps its small letter."""
    return name(text) if re.match(r"[a-z]+\.[a-z_]+ = ", text) else capital(name(text))


def series_names(series: Sequence[Series]) -> list[str]:
    """Return a name for each series: its kind, and its variant where a kind has several."""
    many = {one.name for one in series if sum(other.name == one.name for other in series) > 1}
    return [capital(KINDS[one.name]) + (f", {one.variant}" if one.name in many else "") for one in series]


def main_series(series: Sequence[Series]) -> list[Series]:
    """Return for each kind of data the series that speaks for it: the mixture, else the trend."""
    kinds = list(dict.fromkeys(one.name for one in series))
    return [
        min((one for one in series if one.name == kind), key=lambda one: _MAIN.index(one.variant)) for kind in kinds
    ]


def amount(value: float | None) -> str:
    """Return a count of tokens, words or images with three digits: ``300T``, ``15B``, ``2M``, ``850``."""
    if value is None or not math.isfinite(value):
        return number(value)
    size = abs(value)
    if size >= 1e18 or 0 < size < 1e-3:
        return f"{value:.3g}".replace("e+", "e").replace("-", "−")
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        # what rounds up to the next unit is written in it
        if float(f"{size:.2e}") >= unit:
            scaled = float(f"{value / unit:.3g}")
            return f"{scaled:,.6g}".replace("-", "−") + letter
    return f"{value:.3g}".replace("-", "−")


def date(value: float | None, horizon: str) -> str:
    """Return a date for a table, ``2029.4``, or that it is beyond the horizon."""
    return f"beyond {horizon}" if value is None else f"{value:.1f}"


def year(value: float | None) -> str:
    """Return the calendar year a date lies in: 2028.9 is late in 2028.

    The date is taken as tables show it, with one decimal, so that 2032.0 there is 2032 here.
    """
    if value is None or not math.isfinite(value):
        return "–"
    return str(math.floor(round(value, 1)))


def until(value: float | None) -> str:
    """Return the last date looked at: ``2050``, or ``2041.9`` where it is not the turn of a year."""
    if value is None or not math.isfinite(value):
        return "the horizon"
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"


def interval_words(found: FullUse, horizon: str) -> str:
    """Return ``2029.0 (80%: 2027.3 to 2035.2)``: the median and the 80% interval, decimals for labels and tables."""
    if found.p10 is None:
        return f"beyond {horizon}"
    low, high = date(found.p10, horizon), date(found.p90, horizon)
    return f"{date(found.p50, horizon)} (80%: {low} to {high})"


def beyond_words(found: FullUse, horizon: str) -> str:
    """Return the probability that is left at the horizon: ``3% not before 2050``."""
    if found.beyond_horizon <= 0:
        return f"all before {horizon}"
    return f"{percent(found.beyond_horizon)} not before {horizon}"


def forecast_verdict(result: Forecast) -> str:
    """Return what a forecast comes to, in at most three sentences; plain years, and what lies beyond the horizon."""
    return _preset_verdict(result) if isinstance(result, PresetForecast) else _team_verdict(result)


def _preset_verdict(result: PresetForecast) -> str:
    chosen = main_series(result.series)
    if not chosen:
        return f"The {name(result.preset)} model has no series to forecast."
    model = f"Under the {name(result.preset)} model"
    if len(chosen) == 1:
        horizon = Use("", "", "", chosen[0].use).horizon
        return f"{model} {_used(KINDS[chosen[0].name], chosen[0].use, horizon)}"
    parts = [f"{KINDS[one.name]} {_when(one.use)}" for one in chosen]
    rest = [one for one in result.series if one not in chosen and one.use.date.p50 is not None]
    others = [one for one in rest if one.variant == "compute"]
    sentence = f"{model} the stock is fully used for {listed(parts)}."
    if others:
        told = listed([f"{KINDS[one.name]} in {year(one.use.date.p50)}" for one in others])
        sentence += f" Where compute sets the size of data sets: {told}."
    late = max(chosen, key=lambda one: one.use.date.beyond_horizon)
    if (beyond := late.use.date.beyond_horizon) > 0:
        horizon = Use("", "", "", late.use).horizon
        sentence += f" The chance that {KINDS[late.name]} last{'' if late.name == 'images' else 's'} beyond {horizon} "
        sentence += f"is {percent(beyond)}."
    return sentence


def _team_verdict(result: TeamForecast) -> str:
    plan = main_plan(result)
    if plan is None:
        return "There is no plan to forecast."
    found = plan.use.date
    horizon = Use("", "", "", plan.use).horizon
    sentence = f"{capital(PLANS[plan.name])} " + _used("the team's data", plan.use, horizon)
    runway = plan.runway_years.p50
    if runway is not None and found.p50 is not None:
        sentence = sentence[:-1] + f"; the median runway is {number(runway, 1)} years."
    rest = [other for other in result.plans if other is not plan]
    if rest:
        told = "; ".join(f"{PLANS[other.name]}: {_when(other.use)}" for other in rest)
        sentence += f" {capital(told)}."
    return sentence


def main_plan(result: TeamForecast) -> Plan | None:
    """Return the plan that speaks for a team, and that its sensitivities are about: the one with the gate."""
    return next((plan for plan in result.plans if plan.name == "gate"), result.plans[0] if result.plans else None)


def _used(what: str, passage: Passage, horizon: str) -> str:
    """Return ``text is fully used in 2029 (80%: 2027 to 2035); 3% chance ...``, as a sentence."""
    found = passage.date
    verb = "are" if what in {"images", "the team's data"} else "is"
    if found.p50 is None:
        before = 1 - found.beyond_horizon
        chance = f"the chance of full use before then is {percent(before)}" if before > 0 else "no draw is used up then"
        return f"{what} {verb} more likely than not to last beyond {horizon}; {chance}."
    if passage.years and found.p90 == passage.years[0]:
        return f"{what} {verb} fully used already by {year(passage.years[0])}, the first date looked at."
    sentence = f"{what} {verb} fully used {_when(passage)}"
    if found.beyond_horizon > 0:
        sentence += f"; {percent(found.beyond_horizon)} chance that it does not happen before {horizon}"
    return f"{sentence}."


def _when(passage: Passage) -> str:
    """Return ``in 2029 (80%: 2027 to 2035)``, or that it is more likely than not to come after the horizon."""
    found = passage.date
    horizon = Use("", "", "", passage).horizon
    if found.p50 is None:
        return f"not before {horizon} (more likely than not)"
    low = year(found.p10)
    high = year(found.p90) if found.p90 is not None else f"beyond {horizon}"
    return f"in {year(found.p50)} (80%: {low} to {high})" if low != high else f"in {low} (80% within that year)"


def capital(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]
