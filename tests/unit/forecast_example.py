"""Forecasts made by formulas, for the tests of the report, of the files and of the command line."""

import math
from dataclasses import replace
from statistics import NormalDist

from headwater.forecast.result import (
    LEVELS,
    Dot,
    Fan,
    FullUse,
    Input,
    Passage,
    Plan,
    PresetForecast,
    Scenario,
    Series,
    Step,
    Swing,
    TeamForecast,
)

NORMAL = NormalDist()


def grid(first, last, step):
    return tuple(round(first + i * step, 6) for i in range(round((last - first) / step) + 1))


def lognormal_fan(years, log10_median, log10_sd):
    """A fan of lognormal values: log10 median and standard deviation as functions of the date."""
    columns = [tuple(10 ** (log10_median(t) + NORMAL.inv_cdf(level) * log10_sd(t)) for t in years) for level in LEVELS]
    return Fan(years, *columns)


def share_fan(years, median, half):
    """A fan of shares: symmetric, within 0 and 1."""
    columns = [tuple(min(max(median(t) + NORMAL.inv_cdf(level) * half, 0.0), 1.0) for t in years) for level in LEVELS]
    return Fan(years, *columns)


def passage(years, median, sd, most=1.0):
    """Full use at a normal date, with ``most`` of the mass at all."""
    probability = tuple(most * NORMAL.cdf((t - median) / sd) for t in years)
    quantiles = []
    for level in LEVELS:
        at = median + sd * NORMAL.inv_cdf(level / most) if level < most else math.inf
        quantiles.append(max(at, years[0]) if at <= years[-1] else None)
    return Passage(years, probability, FullUse(*quantiles, beyond_horizon=1 - probability[-1]))


QUARTERS = grid(2023, 2050, 0.25)


def series(name, variant, unit, stock, demand, use, years=QUARTERS):
    """Stock and demand grow evenly; each is log10 at the start, growth per year and standard deviation."""
    start = years[0]
    fans = [
        lognormal_fan(years, lambda t, m=m, g=g: m + g * (t - start), lambda t, s=s, w=w: s + w * (t - start))
        for m, g, s, w in (stock, demand)
    ]
    return Series(name, variant, unit, *fans, passage(years, *use), f"Demand follows the {variant}.")


DOTS = (
    Dot("Llama 3", 2024.3, 1.5e13, "vendor statement"),
    Dot("DBRX", 2024.24, 1.2e13, "vendor statement"),
    Dot("Llama 3.1 405B", 2024.56, 1.56e13, "secondary listing"),
    Dot("DeepSeek-V3", 2024.98, 1.48e13, "technical report"),
    Dot("Qwen3", 2025.32, 3.6e13, "vendor statement"),
    Dot("Llama 4 Scout", 2025.26, 4.0e13, "vendor statement"),
    Dot("GLM-4.5", 2025.57, 2.3e13, "vendor statement"),
    Dot("GLM-5", 2026.12, 2.85e13, "vendor statement"),
    Dot("Nemotron 3 Super", 2026.19, 2.5e13, "technical report"),
)
TEXT_STOCK = (14.49, 0.032, 0.36, 0.004)

PRESET = PresetForecast(
    preset="2024",
    rule="first-passage",
    draws=100_000,
    seed=7,
    horizon=2050.0,
    series=(
        series("text", "trend", "tokens", TEXT_STOCK, (12.80, 0.372, 0.19, 0.02), (2029.0, 1.5)),
        series("text", "compute", "tokens", TEXT_STOCK, (12.9, 0.31, 0.19, 0.05), (2029.9, 2.9, 0.96)),
        series("text", "mixture", "tokens", TEXT_STOCK, (12.85, 0.34, 0.19, 0.04), (2029.1, 2.2, 0.97)),
    ),
    scenarios=(
        Scenario("5x overtraining", "Data sets five times as large as is optimal.", passage(QUARTERS, 2027.6, 1.8).date),
        Scenario("100x overtraining", "An artefact of clipping in the original.", passage(QUARTERS, 2025.1, 1.6).date),
    ),
    waterfall=(
        Step("Indexed web", 1.6e14, 5.1e14, 1.7e15, "Pages times their length, in tokens."),
        Step("After quality filters", 2.8e13, 1.0e14, 4.0e14, "A tenth to four tenths survive cleaning."),
        Step("With repetition", 8.4e13, 3.2e14, 1.28e15, "Two to five epochs count in full."),
    ),
    waterfall_year=2024.0,
    dots=DOTS,
    assumptions=("Demand is half trend, half compute.", "Growth of the stock is drawn once per path."),
    substituted=("The compute samples are not public; a published table of quantiles stands in, raised by 1.0.",),
    references=("villalobos2024", "besiroglu2022", "muennighoff2023"),
    seconds=0.31,
    run="20261122-181000-f0f0f0",
    created="2026-11-22T18:10:00.000Z",
    versions={"headwater": "0.1.0", "numpy": "2.4.6"},
)  # fmt: skip

_LOW, _HIGH, _IMAGES = grid(2022, 2081, 0.5), grid(2022, 2031, 0.1), grid(2022, 2071, 0.5)
PRESET_2022 = replace(
    PRESET,
    preset="2022",
    horizon=2081.0,
    series=(
        series("low_quality_text", "trend", "words", (14.86, 0.02, 0.8, 0), (12.3, 0.328, 0.02, 0.0386), (2031.4, 3.4), _LOW),
        series("low_quality_text", "compute", "words", (14.86, 0.02, 0.8, 0), (12.1, 0.2, 0.05, 0.03), (2035.2, 6.2, 0.98), _LOW),
        series("high_quality_text", "trend", "words", (12.9, 0.017, 0.15, 0), (12.3, 0.328, 0.02, 0.0386), (2024.1, 0.6), _HIGH),
        series("high_quality_text", "compute", "words", (12.9, 0.017, 0.15, 0), (12.1, 0.3, 0.05, 0.05), (2024.3, 0.8), _HIGH),
        series("images", "trend", "images", (12.6, 0.03, 0.35, 0), (9.5, 0.165, 0.01, 0.0418), (2045.5, 8.5), _IMAGES),
        series("images", "compute", "images", (12.6, 0.03, 0.35, 0), (8.9, 0.25, 0.3, 0.03), (2039.4, 6.0, 0.99), _IMAGES),
    ),
    scenarios=(),
    waterfall=(),
    dots=(),
    references=("villalobos2022", "besiroglu2022", "un2022", "itu2023"),
)  # fmt: skip

MONTHS = grid(2026, 2041, 1 / 12)


def plan(name, title, level, use):
    supply = lognormal_fan(MONTHS, lambda t: level + 0.03 * (t - 2026), lambda t: 0.12 + 0.004 * (t - 2026))
    found = passage(MONTHS, *use)
    dates = [getattr(found.date, f"p{round(100 * p)}") for p in LEVELS]
    runway = FullUse(*(None if d is None else d - 2026 for d in dates), beyond_horizon=found.date.beyond_horizon)
    return Plan(name, title, supply, found, runway)


TEAM = TeamForecast(
    name="Harbour legal models",
    draws=20_000,
    seed=11,
    start=2026.0,
    horizon=2041.0,
    unit="tokens",
    plans=(
        plan("none", "No machine text", 11.2, (2029.4, 1.3)),
        plan("gate", "Machine text that the gate admits", 11.45, (2030.9, 2.2, 0.93)),
        plan("ungated", "All machine text", 11.3, (2030.0, 1.7)),
    ),
    need=lognormal_fan(MONTHS, lambda t: 10.5 + 0.2 * (t - 2026), lambda t: 0.05 + 0.03 * (t - 2026)),
    stock=lognormal_fan(MONTHS, lambda t: 10.7 + 0.04 * (t - 2026), lambda t: 0.1),
    contamination=share_fan(MONTHS, lambda t: 0.052 / (1 + math.exp(-1.2 * (t - 2027))), 0.012),
    contamination_ungated=share_fan(MONTHS, lambda t: 0.42 / (1 + math.exp(-1.2 * (t - 2026.5))), 0.06),
    stock_contamination=share_fan(MONTHS, lambda t: 0.022 * (1 - math.exp(-(t - 2026) / 4)), 0.004),
    clean_intake=lognormal_fan(MONTHS, lambda t: 8.6 - 0.01 * (t - 2026), lambda t: 0.1),
    waterfall=(
        Step("Collected", 4.1e10, 6.2e10, 9.4e10, "What is in the stores."),
        Step("Permitted", 3.1e10, 5.1e10, 8.1e10, "Permission of 0.55 to 0.95."),
        Step("Human", 2.9e10, 4.8e10, 7.7e10, "Less the machine share that the audit found."),
        Step("With repetition", 1.2e11, 1.9e11, 2.8e11, "Four epochs."),
    ),
    tornado=(
        Swing("forecast.growth", "Growth of need per year", "1.4", "2.2", 2034.6, 2029.1, 0.8, 1.0, -0.81),
        Swing("forecast.epochs", "Epochs at most", "2", "16", 2028.3, None, 1.0, 0.41, 0.52),
        Swing("forecast.stock", "Stock today", "41B", "94B", 2030.1, 2031.8, 0.97, 0.9, 0.33),
        Swing("forecast.permission", "Permission", "0.55", "0.95", 2030.3, 2031.3, 0.95, 0.92, 0.2),
        Swing("forecast.value", "Worth of a machine token", "0.1", "0.9", 2030.6, 2031.2, 0.94, 0.92, 0.11),
        Swing("forecast.fpr", "False positives of the gate", "0.01", "0.05", 2030.9, 2030.8, 0.93, 0.93, None),
    ),
    what_if=(Scenario("permission=0.5", "permission = 0.5 instead of 0.55..0.95", passage(MONTHS, 2030.0, 2.0, 0.96).date),),
    inputs=(
        Input("forecast.stock", "41B..94B", "settings", "Tokens in the stores today."),
        Input("forecast.machine_share", "0.12..0.18", "audit 20261101-101500-aaaaaa", "Machine share of new text."),
        Input("forecast.epochs", "2..16", "default", "How often a token is used at most."),
    ),
    assumptions=("Need grows evenly.", "The gate's error rates stay as measured."),
    warnings=("The growth of need rests on two runs.",),
    references=("muennighoff2023", "longpre2024", "kang2025", "graphite2025"),
    seconds=1.4,
    run="20261122-181500-a0a0a0",
    created="2026-11-22T18:15:00.000Z",
    versions={"headwater": "0.1.0", "numpy": "2.4.6"},
)  # fmt: skip

NEVER = passage(QUARTERS, 2090.0, 3.0)
"""Full use beyond the horizon in every draw."""

BEYOND = replace(PRESET, series=tuple(replace(one, use=NEVER) for one in PRESET.series))
ONE_YEAR = replace(
    PRESET,
    horizon=2026.0,
    dots=(),
    series=tuple(
        series("text", variant, "tokens", TEXT_STOCK, (13.0, 0.3, 0.2, 0.0), (2026.0, 0.4), (2026.0,))
        for variant in ("trend", "mixture")
    ),
)
HUGE = replace(
    PRESET,
    series=(series("images", "trend", "images", (140.0, 0.1, 5.0, 0.1), (120.0, 1.0, 3.0, 0.2), (2043.0, 2.0)),),
    dots=(Dot("everything", 2024.0, 1e120, "nowhere"),),
    waterfall=(Step("All", 1e100, 1e140, 1e145, ""), Step("Some", 1e2, 1e3, 1e90, "")),
)
_MEDIAN = TEAM.plans[1].use.date.p50
STILL = replace(
    TEAM,
    tornado=tuple(replace(one, low_date=_MEDIAN, high_date=_MEDIAN) for one in TEAM.tornado),
)
"""No input moves the date."""
TEAM_BEYOND = replace(
    TEAM,
    plans=tuple(replace(one, use=passage(MONTHS, 2080.0, 3.0)) for one in TEAM.plans),
    tornado=tuple(replace(one, low_date=None, high_date=None, low_probability=0.0, high_probability=0.0) for one in TEAM.tornado),
)  # fmt: skip
EMPTY = replace(PRESET, series=(), scenarios=(), waterfall=(), dots=(), assumptions=(), substituted=(), references=())


def hostile(text):
    """Both forecasts with this text wherever a text can stand."""
    preset = replace(
        PRESET,
        preset=text,
        dots=tuple(replace(dot, name=text, source=text) for dot in DOTS),
        scenarios=tuple(replace(one, name=text, note=text) for one in PRESET.scenarios),
        waterfall=tuple(replace(step, name=text, note=text) for step in PRESET.waterfall),
        series=tuple(replace(one, assumption=text, unit=text) for one in PRESET.series),
        assumptions=(text,), substituted=(text,), references=(text,), run=text, created=text, versions={text: text},
    )  # fmt: skip
    team = replace(
        TEAM,
        name=text, unit=text, run=text, created=text, versions={text: text},
        plans=tuple(replace(one, title=text) for one in TEAM.plans),
        waterfall=tuple(replace(step, name=text, note=text) for step in TEAM.waterfall),
        tornado=tuple(replace(one, key=text, title=text, low_value=text, high_value=text) for one in TEAM.tornado),
        what_if=(replace(TEAM.what_if[0], name=text, note=text),),
        inputs=(Input(text, text, text, text),),
        assumptions=(text,), warnings=(text,), references=(text,),
    )  # fmt: skip
    return preset, team


EXAMPLES = {
    "2024": PRESET, "2022": PRESET_2022, "team": TEAM, "beyond": BEYOND, "one-year": ONE_YEAR, "huge": HUGE,
    "still": STILL, "team-beyond": TEAM_BEYOND, "empty": EMPTY,
    "published": replace(PRESET_2022, rule="as-published"),
}  # fmt: skip
