"""A forecast on standard output: one JSON document, or a summary for people."""

from collections.abc import Sequence
from typing import Any

from headwater.cli.output import _aligned
from headwater.forecast.result import Forecast, FullUse, PresetForecast, Scenario, TeamForecast
from headwater.report.forecast_files import forecast_document
from headwater.report.forecast_text import (
    amount,
    capital,
    date,
    forecast_verdict,
    looked_until,
    rule_name,
    scenario_name,
    until,
    uses,
    year,
)
from headwater.report.text import name, number, percent, printable

_MOST_ROWS = 25
_STATED = frozenset({"settings", "what if", "default"})
"""Sources of inputs that are no run."""
_NOTE = 90  # characters of a note in a table; the whole of it is in the report and in the JSON


def forecast_json(result: Forecast, report: str = "") -> dict[str, Any]:
    """Return a forecast as the JSON contract for scripts has it; a date beyond the horizon is null."""
    return {**forecast_document(result), "report": report or None}


def forecast_summary(result: Forecast, page: str) -> str:
    """Return a forecast in a few lines for a person: the verdict, the dates, the steps, and what to know."""
    lines = [forecast_verdict(result), "", *_dates(result)]
    if result.waterfall:
        at = f", {year(result.waterfall_year)}" if isinstance(result, PresetForecast) else ""
        rows = [("", "5%", "median", "95%")]
        rows += [
            (capital(name(s.name)), amount(s.p5), amount(s.p50), amount(s.p95)) for s in result.waterfall[:_MOST_ROWS]
        ]
        lines += ["", f"Stock after each step{at} (90%):", *_columns(rows)]
    if isinstance(result, TeamForecast):
        lines += _from_ledger(result)
        lines += _sensitivity(result)
        lines += _scenarios("What if", result.what_if, result)
    else:
        lines += _scenarios("Other assumptions, by first passage", result.scenarios, result)
        if result.substituted:
            lines += ["", *(f"In place of the original: {_line(one)}" for one in result.substituted)]
    lines += ["", f"Report: {page}"] if page else []
    if isinstance(result, TeamForecast):
        lines += [f"Warning: {_line(warning)}" for warning in result.warnings]
    return "\n".join(lines)


def _dates(result: Forecast) -> list[str]:
    """Return the dates as a table, and for a team the runway in years."""
    team = isinstance(result, TeamForecast)
    rows = [("", "5%", "10%", "median", "90%", "95%", "beyond", *(["runway, years"] if team else []))]
    for number_, line in enumerate(uses(result)):
        found = line.date
        cells = [date(value, line.horizon) for value in (found.p5, found.p10, found.p50, found.p90, found.p95)]
        runway = [_runway(result.plans[number_].runway_years)] if isinstance(result, TeamForecast) else []
        rows.append((name(line.label), *cells, percent(found.beyond_horizon, 1), *runway))
    head = f"Full use ({rule_name(result)}; {result.draws:,} draws, looked at until {looked_until(result)}):"
    return [head, *_columns(rows)] if len(rows) > 1 else [head, "  nothing"]


def _runway(found: FullUse) -> str:
    if found.p50 is None:
        return "beyond"
    high = "beyond" if found.p90 is None else number(found.p90, 1)
    return f"{number(found.p50, 1)} (80%: {number(found.p10, 1)} to {high})"


def _from_ledger(result: TeamForecast) -> list[str]:
    """Return which inputs were measured in which run of the project; empty without any."""
    runs: dict[str, list[str]] = {}
    for one in result.inputs:
        if one.source not in _STATED:
            runs.setdefault(one.source, []).append(f"{name(one.key)} = {name(one.value)}")
    if not runs:
        return []
    lines = [f"  {name(run)}: {'; '.join(found)}" for run, found in runs.items()]
    return ["", "Taken from the project's own runs (--no-ledger leaves them out):", *lines]


def _sensitivity(result: TeamForecast) -> list[str]:
    if not result.tornado:
        return []
    horizon = until(result.horizon)
    rows = [("", "at 10%", "date", "at 90%", "date")]
    rows += [
        (
            capital(name(s.title)),
            name(s.low_value),
            date(s.low_date, horizon),
            name(s.high_value),
            date(s.high_date, horizon),
        )
        for s in result.tornado[:_MOST_ROWS]
    ]
    return ["", "What moves the median date, largest first:", *_columns(rows)]


def _scenarios(title: str, scenarios: Sequence[Scenario], result: Forecast) -> list[str]:
    if not scenarios:
        return []
    horizon = until(result.horizon)
    rows: list[tuple[str, ...]] = [("", "10%", "median", "90%", "beyond")]
    rows += [
        (
            scenario_name(one.name),
            *(date(value, horizon) for value in (one.date.p10, one.date.p50, one.date.p90)),
            percent(one.date.beyond_horizon, 1),
        )
        for one in scenarios[:_MOST_ROWS]
    ]
    lines = ["", f"{capital(title)}:", *_columns(rows)]
    if len(scenarios) > _MOST_ROWS:
        lines.append(f"  ... and {len(scenarios) - _MOST_ROWS:,} more; --json and the report have them.")
    return lines


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a table whose numbers are aligned at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = _aligned(
        [(row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))) for row in rows]
    )
    return [line.rstrip() for line in aligned]


def _line(text: str) -> str:
    return printable(" ".join(text.split()), 4 * _NOTE)
