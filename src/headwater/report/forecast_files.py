"""A forecast as files: every chart as SVG and PNG, the numbers behind each as CSV, and everything as one JSON.

Nothing is written here; the caller decides where the files go.
"""

import csv
import io
import json
import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from headwater.forecast.result import (
    Dot,
    Fan,
    Forecast,
    FullUse,
    PresetForecast,
    Scenario,
    Step,
    TeamForecast,
)
from headwater.report.drawing import FONT, INK, MUTED, PAPER
from headwater.report.forecast_charts import Chart, forecast_charts
from headwater.report.text import printable
from headwater.schema import SCHEMA_VERSION

LEVEL_NAMES = ("p5", "p10", "p25", "p50", "p75", "p90", "p95")
"""Quantiles of every fan and date, in percent."""

_MARGIN, _TITLE, _LINE = 16, 34, 17
_LETTER = 6.1  # pixels of an average letter of the caption

Cell = str | float | int | None
Table = tuple[tuple[str, ...], list[tuple[Cell, ...]]]
"""Names of the columns, and the rows."""


def forecast_files(result: Forecast, drawn: Sequence[Chart] | None = None) -> Mapping[str, bytes]:
    """Return the files of a forecast by name: ``probability.svg``, ``.png`` and ``.csv`` and so on, ``forecast.json``.

    Numbers in CSV and JSON are those of the result, not rounded; an empty cell or null is a date beyond the horizon.

    Args:
        result: the forecast.
        drawn: its charts, where they are drawn already.
    """
    import vl_convert

    files: dict[str, bytes] = {}
    for chart in forecast_charts(result) if drawn is None else drawn:
        svg = framed(chart)
        files[f"{chart.name}.svg"] = svg.encode()
        files[f"{chart.name}.png"] = bytes(vl_convert.svg_to_png(svg, scale=2.0))
    files |= {f"{name}.csv": _csv(table) for name, table in forecast_tables(result).items()}
    document = {"schema": SCHEMA_VERSION, **forecast_document(result)}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    files["forecast.json"] = text.encode("utf-8", "replace") + b"\n"
    return files


def framed(chart: Chart) -> str:
    """Return a chart that stands alone: on paper, with its title above and its caption below."""
    head = re.match(r'<svg [^>]*? width="([\d.]+)" height="([\d.]+)"[^>]*>', chart.svg)
    assert head is not None
    width, height = float(head[1]), float(head[2])
    lines = textwrap.wrap(printable(chart.caption, 1200), max(int(width / _LETTER), 40))
    # a narrow chart is widened to what its title needs
    across = max(width, 9.0 * len(chart.title)) + 2 * _MARGIN
    down = _TITLE + height + _LINE * len(lines) + 2 * _MARGIN
    labels = re.search(r'aria-labelledby="([^"]*)"', head[0])
    size = f'width="{head[1]}" height="{head[2]}" viewBox="0 0 {head[1]} {head[2]}"'
    inner = f'<svg x="{_MARGIN}" y="{_TITLE + 8}" {size}>'
    first = _TITLE + height + 26
    caption = "".join(
        f'<text x="{_MARGIN}" y="{first + _LINE * i:.0f}" font-size="12" fill="{MUTED}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{labels[1] if labels else ""}" '
        f'width="{across:g}" height="{down:g}" viewBox="0 0 {across:g} {down:g}" font-family="{FONT}">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>'
        f'<text x="{_MARGIN}" y="28" font-size="17" font-weight="bold" fill="{INK}">{escape(chart.title)}</text>'
        f"{inner}{chart.svg[head.end() :]}{caption}</svg>"
    )


def forecast_tables(result: Forecast) -> Mapping[str, Table]:
    """Return the numbers behind the charts, by the name of the chart, and the dates, scenarios and inputs."""
    tables = _preset_tables(result) if isinstance(result, PresetForecast) else _team_tables(result)
    return {name: table for name, table in tables.items() if table[1]}


def _preset_tables(result: PresetForecast) -> dict[str, Table]:
    return {
        "probability": (
            ("series", "variant", "year", "probability"),
            [
                (one.name, one.variant, year, p)
                for one in result.series
                for year, p in zip(one.use.years, one.use.probability, strict=True)
            ],
        ),
        "dates": (
            ("series", "variant", *LEVEL_NAMES, "beyond_horizon"),
            [(one.name, one.variant, *_quantiles(one.use.date)) for one in result.series],
        ),
        "fan": (
            ("series", "variant", "quantity", "unit", "year", *LEVEL_NAMES),
            [
                (one.name, one.variant, quantity, one.unit, *row)
                for one in result.series
                for quantity, fan in (("stock", one.stock), ("demand", one.demand))
                for row in _fan_rows(fan)
            ],
        ),
        "dots": (
            ("name", "year", "value", "source"),
            [(dot.name, dot.year, dot.value, dot.source) for dot in result.dots],
        ),
        "waterfall": _waterfall(result.waterfall),
        "scenarios": _scenarios(result.scenarios),
    }


def _team_tables(result: TeamForecast) -> dict[str, Table]:
    fans = [*((plan.name, "supply", plan.supply) for plan in result.plans), ("", "need", result.need)]
    shares = (
        ("gate", result.contamination),
        ("ungated", result.contamination_ungated),
        ("stock", result.stock_contamination),
    )
    return {
        "probability": (
            ("plan", "year", "probability"),
            [
                (plan.name, year, p)
                for plan in result.plans
                for year, p in zip(plan.use.years, plan.use.probability, strict=True)
            ],
        ),
        "dates": (
            ("plan", *LEVEL_NAMES, "beyond_horizon", *(f"runway_years_{level}" for level in LEVEL_NAMES)),
            [
                (plan.name, *_quantiles(plan.use.date), *_quantiles(plan.runway_years)[:-1])
                for plan in result.plans
            ],
        ),
        "fan": (
            ("plan", "quantity", "unit", "year", *LEVEL_NAMES),
            [
                (plan, quantity, result.unit, *row)
                for plan, quantity, fan in [*fans, ("gate", "unique stock", result.stock)]
                for row in _fan_rows(fan)
            ],
        ),
        "waterfall": _waterfall(result.waterfall),
        "tornado": (
            (
                "key", "title", "low_value", "high_value", "low_date", "high_date", "low_probability",
                "high_probability", "rank_correlation",
            ),
            [
                (
                    one.key, one.title, one.low_value, one.high_value, one.low_date, one.high_date,
                    one.low_probability, one.high_probability, one.rank_correlation,
                )
                for one in result.tornado
            ],
        ),
        "contamination": (
            ("series", "year", *LEVEL_NAMES),
            [(name, *row) for name, fan in shares for row in _fan_rows(fan)],
        ),
        "intake": (("year", *LEVEL_NAMES), _fan_rows(result.clean_intake)),
        "scenarios": _scenarios(result.what_if),
        "inputs": (
            ("key", "value", "source", "meaning"),
            [(one.key, one.value, one.source, one.meaning) for one in result.inputs],
        ),
    }  # fmt: skip


def _waterfall(steps: Sequence[Step]) -> Table:
    return (
        ("step", "p5", "p50", "p95", "note"),
        [(step.name, step.p5, step.p50, step.p95, step.note) for step in steps],
    )


def _scenarios(scenarios: Sequence[Scenario]) -> Table:
    return (
        ("name", "note", *LEVEL_NAMES, "beyond_horizon"),
        [(one.name, one.note, *_quantiles(one.date)) for one in scenarios],
    )


def _fan_rows(fan: Fan) -> list[tuple[Cell, ...]]:
    return list(zip(fan.years, *_columns(fan), strict=True))


def _columns(fan: Fan) -> tuple[tuple[float, ...], ...]:
    return fan.p5, fan.p10, fan.p25, fan.p50, fan.p75, fan.p90, fan.p95


def _quantiles(found: FullUse) -> tuple[float | None, ...]:
    return (found.p5, found.p10, found.p25, found.p50, found.p75, found.p90, found.p95, found.beyond_horizon)


def _csv(table: Table) -> bytes:
    header, rows = table
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    # a lone surrogate, which no UTF-8 has, must not stop a report
    return text.getvalue().encode("utf-8", "replace")


def forecast_document(result: Forecast) -> dict[str, Any]:
    """Return a forecast as one JSON object, without the schema version; what is no finite number is null.

    A published forecast has ``preset``, ``rule``, ``series`` and ``seconds``; each series ``name``, ``variant``,
    ``date``, ``stock`` and ``demand``. A team's has ``plans`` with ``date`` and ``runway_years`` instead of series,
    ``need``, ``contamination``, ``tornado``, ``what_if`` and ``inputs``. Further keys may come with time.
    """
    return _preset(result) if isinstance(result, PresetForecast) else _team(result)


def _preset(result: PresetForecast) -> dict[str, Any]:
    return {
        "preset": result.preset,
        "rule": result.rule,
        "draws": result.draws,
        "seed": result.seed,
        "horizon": _finite(result.horizon),
        "series": [
            {
                "name": one.name,
                "variant": one.variant,
                "unit": one.unit,
                "assumption": one.assumption,
                "date": _date(one.use.date),
                "stock": _fan(one.stock),
                "demand": _fan(one.demand),
                "probability": _probability(one.use.years, one.use.probability),
            }
            for one in result.series
        ],
        "scenarios": _scenario_list(result.scenarios),
        "waterfall": _steps(result.waterfall),
        "waterfall_year": _finite(result.waterfall_year),
        "dots": [_dot(dot) for dot in result.dots],
        "assumptions": list(result.assumptions),
        "substituted": list(result.substituted),
        **_facts(result),
    }


def _team(result: TeamForecast) -> dict[str, Any]:
    return {
        "name": result.name,
        "rule": "first-passage",
        "draws": result.draws,
        "seed": result.seed,
        "start": _finite(result.start),
        "horizon": _finite(result.horizon),
        "unit": result.unit,
        "plans": [
            {
                "name": plan.name,
                "title": plan.title,
                "date": _date(plan.use.date),
                "runway_years": _date(plan.runway_years),
                "supply": _fan(plan.supply),
                "probability": _probability(plan.use.years, plan.use.probability),
            }
            for plan in result.plans
        ],
        "need": _fan(result.need),
        "stock": _fan(result.stock),
        "contamination": {
            "gate": _fan(result.contamination),
            "ungated": _fan(result.contamination_ungated),
            "stock": _fan(result.stock_contamination),
        },
        "clean_intake": _fan(result.clean_intake),
        "waterfall": _steps(result.waterfall),
        "tornado": [
            {
                "key": one.key,
                "title": one.title,
                "low_value": one.low_value,
                "high_value": one.high_value,
                "low_date": _finite(one.low_date),
                "high_date": _finite(one.high_date),
                "low_probability": _finite(one.low_probability),
                "high_probability": _finite(one.high_probability),
                "rank_correlation": _finite(one.rank_correlation),
            }
            for one in result.tornado
        ],
        "what_if": _scenario_list(result.what_if),
        "inputs": [
            {"key": one.key, "value": one.value, "source": one.source, "meaning": one.meaning} for one in result.inputs
        ],
        "assumptions": list(result.assumptions),
        "warnings": list(result.warnings),
        **_facts(result),
    }


def _facts(result: Forecast) -> dict[str, Any]:
    return {
        "references": list(result.references),
        "run": result.run or None,
        "created": result.created or None,
        "versions": dict(result.versions),
        "seconds": _finite(result.seconds) or 0.0,
    }


def _date(found: FullUse) -> dict[str, float | None]:
    names = (*LEVEL_NAMES, "beyond_horizon")
    return {name: _finite(value) for name, value in zip(names, _quantiles(found), strict=True)}


def _fan(fan: Fan) -> list[dict[str, float | None]]:
    names = ("year", *LEVEL_NAMES)
    return [
        {name: _finite(value) for name, value in zip(names, row, strict=True)}
        for row in zip(fan.years, *_columns(fan), strict=True)
    ]


def _probability(years: Iterable[float], probability: Iterable[float]) -> list[dict[str, float | None]]:
    return [{"year": _finite(year), "probability": _finite(p)} for year, p in zip(years, probability, strict=True)]


def _scenario_list(scenarios: Sequence[Scenario]) -> list[dict[str, Any]]:
    return [{"name": one.name, "note": one.note, "date": _date(one.date)} for one in scenarios]


def _steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "p5": _finite(one.p5), "p50": _finite(one.p50), "p95": _finite(one.p95), "note": one.note}
        for one in steps
    ]


def _dot(dot: Dot) -> dict[str, Any]:
    return {"name": dot.name, "year": _finite(dot.year), "value": _finite(dot.value), "source": dot.source}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
