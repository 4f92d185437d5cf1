"""The report of a forecast: when the human data is fully used, how sure that is, and what it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.forecast.result import Forecast, PresetForecast, TeamForecast
from headwater.report import forecast_text as words
from headwater.report import text
from headwater.report.bibliography import bibtex, cited
from headwater.report.forecast_charts import Chart, forecast_charts
from headwater.report.page import figure, fitting


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is shown of what has no bound of its own."""

    rows: int
    """Rows of a table."""
    notes: int
    """Sentences of a list."""
    text: int
    """Characters of a sentence."""
    warnings: int


_LIMITS = (
    Limits(200, 60, 800, 30),
    Limits(80, 30, 500, 15),
    Limits(30, 15, 300, 10),
    Limits(10, 8, 150, 6),
)


def render_forecast_report(result: Forecast, drawn: Sequence[Chart] | None = None) -> str:
    """Return the report of a forecast as HTML, at most 200 KB for any number of series, scenarios and inputs.

    Args:
        result: the forecast.
        drawn: its charts, where they are drawn already.
    """
    entries, unknown = cited(result.references)
    charts = {chart.name: chart for chart in (forecast_charts(result) if drawn is None else drawn)}
    return fitting(
        "forecast.html",
        _steps(),
        result=result,
        version=result.versions.get("headwater", ""),
        title=_title(result),
        verdict=words.forecast_verdict(result),
        team=isinstance(result, TeamForecast),
        charts=charts,
        drawings={name: figure(chart.svg) for name, chart in charts.items()},
        rule=words.rule_name(result),
        published=words.published_in(result),
        lines=words.uses(result),
        scenarios=result.scenarios if isinstance(result, PresetForecast) else result.what_if,
        assumptions=_assumptions(result),
        warnings=getattr(result, "warnings", ()),
        amount=words.amount,
        date_words=words.date,
        horizon=words.until(result.horizon),
        looked_until=words.looked_until(result),
        capital=words.capital,
        scenario_name=words.scenario_name,
        entries=entries,
        unknown=unknown,
        bibtex=bibtex(entries),
    )


def _title(result: Forecast) -> str:
    """Return what the forecast is of."""
    if isinstance(result, PresetForecast):
        return f"Forecast, model of {text.name(result.preset)}"
    return f"Forecast: {text.name(result.name)}"


def _assumptions(result: Forecast) -> list[str]:
    """Return what a forecast assumes, with how the demand of each series grows, each sentence once."""
    demand = [one.assumption for one in result.series] if isinstance(result, PresetForecast) else []
    return list(dict.fromkeys(sentence for sentence in (*result.assumptions, *demand) if sentence.strip()))


def _steps() -> Iterator[Mapping[str, Any]]:
    for limits in _LIMITS:
        yield {"limits": limits}
