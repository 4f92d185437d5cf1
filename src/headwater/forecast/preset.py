"""The published forecasts made again: 2022, 2024, and 2024 with what is known in 2026."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, did_you_mean
from headwater.forecast import stock_2022, stock_2024
from headwater.forecast.demand import (
    OVERTRAINING,
    ComputeText,
    Demand,
    Overtrained,
    Trend,
    WithDensity,
    compute_2022,
    growth_of_sets,
    image_compute_2022,
    image_trend_2022,
    mixed,
    text_compute_2024,
    text_trend_2022,
    text_trend_2024,
)
from headwater.forecast.facts import recent_training_sets, training_sets
from headwater.forecast.passage import Curve, as_published, clipped, first_passage, full_use, quantiles
from headwater.forecast.progress import Progress, silent
from headwater.forecast.quantities import Z90, log10_lognormal, normals
from headwater.forecast.result import LEVELS, Dot, Fan, Passage, PresetForecast, Rule, Scenario, Series, Step, Variant

Preset = Literal["2022", "2024", "2026"]
PRESETS: tuple[str, ...] = get_args(Preset)
RULES: tuple[str, ...] = get_args(Rule)
DRAWS = 100_000
HORIZONS: Mapping[str, float] = {"2022": 2100.0, "2024": 2050.0, "2026": 2050.0}
"""Last year looked at; the population projection ends in 2100."""
COMPUTE_SHIFTS: Mapping[str, float] = {"2022": 0.4, "2024": 1.0, "2026": 1.0}
"""Added to log10 FLOP of the compute table, so that published dates come out; see ``Compute``."""
FEWEST_DRAWS, MOST_DRAWS = 100, 10_000_000


@dataclass(frozen=True, slots=True)
class _Window:
    """The grid on which the rule of the original looks for a date."""

    first: float
    last: float
    per_year: int
    smoothing: int = 0

    @property
    def years(self) -> NDArray[np.float64]:
        years = np.linspace(self.first, self.last, round((self.last - self.first) * self.per_year) + 1)
        # in 2022 the size of the set is known, which is no density
        return years[years > 2022.0]


_WINDOWS: Mapping[tuple[str, Variant], _Window] = {
    ("low_quality_text", "trend"): _Window(2023, 2080, 5, 10),
    ("low_quality_text", "compute"): _Window(2022, 2060, 10, 50),
    ("high_quality_text", "trend"): _Window(2022, 2030, 20, 20),
    ("high_quality_text", "compute"): _Window(2022, 2030, 10, 10),
    ("images", "trend"): _Window(2022, 2070, 5),
    ("images", "compute"): _Window(2022, 2070, 5),
}


_TITLES = {"low_quality_text": "Low-quality text", "high_quality_text": "High-quality text", "images": "Images"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of data: its stock and what is asked of it."""

    name: Literal["low_quality_text", "high_quality_text", "images", "text"]
    unit: str
    stock: Curve
    demands: Mapping[Variant, tuple[Demand, str]]
    """Demand and its assumption in a sentence."""


def forecast(
    preset: str,
    rule: str = "first-passage",
    *,
    draws: int = DRAWS,
    seed: int = 0,
    horizon: float | None = None,
    compute_shift: float | None = None,
    compute_weight: float = 0.5,
    progress: Progress = silent,
) -> PresetForecast:
    """Return a published forecast, made again.

    Args:
        preset: ``2022`` (low- and high-quality text and images; Villalobos et al. 2022), ``2024`` (effective text;
            Villalobos et al. 2024), or ``2026``: the model of 2024 with the demand, permission and machine share of
            2026.
        rule: ``first-passage``: the first date at which demand reaches the stock. ``as-published``: the rule of the
            original, for comparison with its figures; see :func:`as_published` and :func:`clipped`.
        draws: paths; at least 100,000 for the published figures.
        seed: every random number follows from it. Scenarios share their draws.
        horizon: last year looked at, at most 2200; by default that of the preset.
        compute_shift: added to log10 FLOP of the compute table; by default that of the preset.
        compute_weight: share of the paths on which compute decides about demand, where both are mixed.
        progress: told how far it is.

    Raises:
        ConfigError: an argument is out of range; all faults are named.
    """
    _check(preset, rule, draws, seed, horizon, compute_shift, compute_weight)
    end = HORIZONS[preset] if horizon is None else float(horizon)
    shift = COMPUTE_SHIFTS[preset] if compute_shift is None else float(compute_shift)
    make = {"2022": _of_2022, "2024": _of_2024, "2026": _of_2026}[preset]
    return make(_Run(rule, draws, seed, end, shift, compute_weight, progress))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Run:
    """The arguments of a forecast, checked."""

    rule: Rule
    draws: int
    seed: int
    horizon: float
    shift: float
    weight: float
    progress: Progress


def _check(
    preset: str,
    rule: str,
    draws: int,
    seed: int,
    horizon: float | None,
    shift: float | None,
    weight: float,
) -> None:
    faults = []
    for name, value, known in (("preset", preset, PRESETS), ("rule", rule, RULES)):
        if value not in known:
            faults.append(f"{name}: unknown value {value!r}. Known: {', '.join(known)}.{did_you_mean(value, known)}")
    if not FEWEST_DRAWS <= draws <= MOST_DRAWS:
        faults.append(f"draws: must lie between {FEWEST_DRAWS} and {MOST_DRAWS:,} (given: {draws})")
    if seed < 0:
        faults.append(f"seed: must not be negative (given: {seed})")
    first = _starts(preset)
    if horizon is not None and not first < horizon <= 2200:
        faults.append(f"horizon: must lie after {first:g} and not after 2200 (given: {horizon:g})")
    if shift is not None and not -5 <= shift <= 5:
        faults.append(f"compute-shift: log10 FLOP, must lie between -5 and 5 (given: {shift:g})")
    if not 0 <= weight <= 1:
        faults.append(f"compute-weight: must lie between 0 and 1 (given: {weight:g})")
    if faults:
        raise ConfigError(faults, "the forecast")


def _starts(preset: str) -> float:
    return float(preset) if preset in PRESETS else 2022.0


def _of_2022(run: _Run) -> PresetForecast:
    seed, draws = run.seed, run.draws
    compute = compute_2022(seed, draws, run.shift)
    text_trend = (
        text_trend_2022(seed, draws),
        "The largest text set, 2e12 words in 2022, grows by 0.26 to 0.39 in log10 per year (90%), as sets did before.",
    )
    text_compute = (
        ComputeText(compute),
        "The largest text set has 20 tokens for each parameter that the compute of the largest run affords.",
    )
    image_trend = (
        image_trend_2022(seed, draws),
        "The largest image set, 3e9 images in 2022, grows by 0.10 to 0.23 in log10 per year (90%), as sets did before.",
    )
    image_compute = (
        image_compute_2022(seed, draws, run.shift),
        "The largest image set is what the compute of the largest run affords, at 100 to 1000 images less (90%).",
    )
    text: Mapping[Variant, tuple[Demand, str]] = {"trend": text_trend, "compute": text_compute}
    pictures: Mapping[Variant, tuple[Demand, str]] = {"trend": image_trend, "compute": image_compute}
    kinds = (
        _Kind("low_quality_text", "words", stock_2022.low_quality_text(seed, draws), text),
        _Kind("high_quality_text", "words", stock_2022.high_quality_text(seed, draws), text),
        _Kind("images", "images", stock_2022.images(seed, draws), pictures),
    )
    series = _all_series(run, kinds, 2022.0)
    later = stock_2022.low_quality_text_later(seed, draws)
    plain = ComputeText(compute_2022(seed, draws, 0.0))
    options = [
        (
            "Low-quality text, aggregate of the last commit",
            "Demand by trend; recorded speech in place of anything between the bounds. "
            "The published stock tables follow from it, the published dates do not.",
            later,
            text_trend[0],
        ),
        *(
            (
                f"{_TITLES[kind.name]}, compute table as it is",
                "Demand by compute, without the shift of the table.",
                kind.stock,
                plain if kind.unit == "words" else image_compute_2022(seed, draws, 0.0),
            )
            for kind in kinds
        ),
    ]
    return _forecast(
        run,
        "2022",
        series,
        scenarios=_scenarios(run, options, 2022.0),
        dots=_records(1.0),
        assumptions=(
            "Stocks grow with population, internet use and the economy; ranges are 90% ranges chosen by the authors.",
            "Low-quality text lies anywhere between Common Crawl and recorded speech with half of the weight.",
            "One word is one token; nothing is repeated, nothing is left out for quality or permission.",
            *_trend_note(),
        ),
        substituted=(_substituted(run.shift),),
        references=("villalobos2022", "besiroglu2022", "un2022"),
    )


def _of_2024(run: _Run) -> PresetForecast:
    seed, draws = run.seed, run.draws
    stock = stock_2024.web_stock(seed, draws)
    trend, compute = text_trend_2024(seed, draws), text_compute_2024(seed, draws, run.shift)
    both = mixed(seed, draws, trend, compute, run.weight)
    slope = growth_of_sets(seed)
    demands: Mapping[Variant, tuple[Demand, str]] = {
        "trend": (
            trend,
            f"The largest set, 3e12 to 13e12 tokens in 2024 (90%), grows by {slope.low:.2f} to {slope.high:.2f} in"
            " log10 per year (95%), the bootstrap of sets since 2010.",
        ),
        "compute": (compute, "The largest set has 20 tokens for each parameter that the largest run affords."),
        "mixture": (both, f"Compute decides on {run.weight:.0%} of the paths, the trend on the others."),
    }
    series = _all_series(run, [_Kind("text", "tokens", stock, demands)], 2024.0)
    options: list[tuple[str, str, Curve, Demand]] = [
        (
            f"{policy} overtrained, {of}",
            f"Models smaller than optimal, trained {policy} longer, to save at inference; demand by {by}.",
            stock,
            Overtrained(demand, policy),
        )
        for policy in OVERTRAINING
        for of, by, demand in (("mixture", "mixture", both), ("trend", "trend alone", trend))
    ]
    plain = mixed(seed, draws, trend, text_compute_2024(seed, draws, 0.0), run.weight)
    options.append(("Mixture, compute table as it is", "Without the shift of the compute table.", stock, plain))
    return _forecast(
        run,
        "2024",
        series,
        scenarios=_scenarios(run, options, 2024.0),
        waterfall=_web_waterfall(stock, 2024.0),
        dots=_records(0.8) + _recent(),
        assumptions=(
            "The stock is the indexed web, the part of it that survives cleaning (10% to 40%), read 2 to 5 times.",
            "Ranges of the stock are 95% ranges chosen by the authors; the quality factor is that of English web text.",
            f"Where trend and compute are mixed, compute has the weight {run.weight:g}; it moves the date by years.",
            *_trend_note(),
        ),
        substituted=(_substituted(run.shift),),
        references=("villalobos2024", "besiroglu2022", "muennighoff2023"),
    )


_REBASED = 2025.3
"""Date of the demand of 2026: the largest known sets of spring 2025."""


def _of_2026(run: _Run) -> PresetForecast:
    seed, draws = run.seed, run.draws
    stock = stock_2024.admissible_stock(seed, draws)
    slope = growth_of_sets(seed)
    base = log10_lognormal(30e12, 45e12, normals(seed, "2026 base", draws))
    z = normals(seed, "2026 growth of text sets", draws)
    old = Trend(base, _REBASED, slope.mean, slope.sd, z)
    slow = Trend(base, _REBASED, 0.225, (0.35 - 0.10) / (2 * Z90), z)
    both = mixed(seed, draws, old, slow, 0.5)
    demands: Mapping[Variant, tuple[Demand, str]] = {
        "trend": (
            old,
            f"The largest set, 30e12 to 45e12 tokens in spring 2025 (90%), grows by {slope.low:.2f} to {slope.high:.2f}"
            " in log10 per year (95%), as in the model of 2024.",
        ),
        "mixture": (
            both,
            "As the trend on half of the paths; on the others growth has slowed to 0.10 to 0.35 (90%, normal), as the"
            " largest open token counts since 2025 suggest. The slower range is our own assumption.",
        ),
    }
    series = _all_series(run, [_Kind("text", "tokens", stock, demands)], 2026.0)
    plain = stock_2024.admissible_stock(seed, draws, permission=False, dilution=False)
    allowed = stock_2024.admissible_stock(seed, draws, dilution=False)
    options = [
        (
            f"{growth}, {of}",
            f"Demand of 2026 {note}; {what}.",
            curve,
            demand,
        )
        for growth, note, demand in (
            ("Published growth", "grows as in the model of 2024", old),
            ("Slower growth", "grows by 0.10 to 0.35 in log10 per year", slow),
        )
        for of, what, curve in (
            ("stock of 2024", "the stock of the model of 2024", plain),
            ("with permission", "5% to 45% of the stock may not be used", allowed),
            ("with permission and machine text", "and pages since 2023 count with their human share", stock),
        )
    ]
    return _forecast(
        run,
        "2026",
        series,
        scenarios=_scenarios(run, options, 2026.0),
        waterfall=_web_waterfall(stock.stock, 2026.0, stock),
        dots=_records(0.8) + _recent(),
        assumptions=(
            "No newer estimate of the stock replaces that of 2024. It is taken with what has changed since:"
            " permission (5% to 45% of it may not be used) and machine-made pages.",
            "The machine-made share of new pages rises along a logistic from 2023 to a limit of 10% to 52% (uniform).",
            "Permission and machine share matter less for the whole web, which is mostly old, than for a team that"
            " lives on new text: forecast your own with --mine.",
            *_trend_note(),
        ),
        substituted=(),
        references=("villalobos2024", "longpre2024", "graphite2025", "muennighoff2023"),
    )


def _trend_note() -> tuple[str, ...]:
    return ("Demand is that of the largest training run, not of all training; no interval covers a wrong model.",)


def _substituted(shift: float) -> str:
    return (
        "The compute paths of the original cannot be had. The published table of their quantiles (Besiroglu et al.,"
        f" March 2022) stands in, shifted by {shift:+g} in log10 FLOP; without the shift the dates come out later."
    )


def _all_series(run: _Run, kinds: Sequence[_Kind], start: float) -> tuple[Series, ...]:
    years = _yearly(start, run.horizon)
    total = len(kinds) * len(years)
    found = []
    for number, kind in enumerate(kinds):
        stock = np.empty((len(years), len(LEVELS)))
        demand = {variant: np.empty((len(years), len(LEVELS))) for variant in kind.demands}
        reached = {variant: np.empty(len(years)) for variant in kind.demands}
        for place, year in enumerate(years.tolist()):
            run.progress(number * len(years) + place, total, "years")
            there = kind.stock(year)  # the paths of a year are drawn once for all that is asked of them
            stock[place] = quantiles(there)
            for variant, (curve, _) in kind.demands.items():
                wanted = curve(year)
                demand[variant][place] = quantiles(wanted)
                reached[variant][place] = np.mean(wanted >= there)
        for variant, (curve, assumption) in kind.demands.items():
            use = _passage(run, kind.name, variant, kind.stock, curve, years, reached[variant])
            found.append(
                Series(kind.name, variant, kind.unit, _fan(years, stock), _fan(years, demand[variant]), use, assumption)
            )
    run.progress(total, total, "years")
    return tuple(found)


def _scenarios(run: _Run, options: Sequence[tuple[str, str, Curve, Demand]], start: float) -> tuple[Scenario, ...]:
    """Return the dates of scenarios by first passage, whatever the rule of the series."""
    years = _yearly(start, run.horizon)
    reached = np.empty((len(options), len(years)))
    for place, year in enumerate(years.tolist()):
        run.progress(place, len(years), "scenarios")
        there = {id(stock): stock(year) for stock in {id(stock): stock for _, _, stock, _ in options}.values()}
        for number, (_, _, stock, demand) in enumerate(options):
            reached[number, place] = np.mean(demand(year) >= there[id(stock)])
    return tuple(
        Scenario(name, note, full_use(*_refined(partial(first_passage, stock, demand), years, reached[number])))
        for number, (name, note, stock, demand) in enumerate(options)
    )


def _passage(
    run: _Run,
    name: str,
    variant: Variant,
    stock: Curve,
    demand: Demand,
    years: NDArray[np.float64],
    reached: NDArray[np.float64],
) -> Passage:
    if run.rule == "first-passage":
        grid, probability = _refined(partial(first_passage, stock, demand), years, reached)
    elif (name, variant) in _WINDOWS and isinstance(demand, WithDensity):
        window = _WINDOWS[name, variant]
        grid = window.years
        probability = as_published(stock, demand.density, grid, smoothing=window.smoothing)
    else:
        grid, probability = clipped(stock, demand)
    return Passage(tuple(grid.tolist()), tuple(probability.tolist()), full_use(grid, probability))


def _refined(
    probability: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    years: NDArray[np.float64],
    coarse: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return dates and probabilities on a grid that is finer where the probability rises.

    A year in which it rises by more than a twentieth is cut into quarters, by more than a hundredth into halves: a date
    read off a straight line is then right to about 0.01 years.

    Args:
        probability: of full use by each of some dates.
        years: the coarse grid.
        coarse: the probabilities there.
    """
    rises = np.diff(np.maximum.accumulate(coarse))
    parts = np.where(rises > 0.05, 4, np.where(rises > 0.01, 2, 1))
    inner = [
        np.linspace(first, last, count + 1)[1:-1]
        for first, last, count in zip(years[:-1], years[1:], parts, strict=True)
    ]
    between = np.concatenate(inner)
    grid = np.concatenate([years, between])
    order = np.argsort(grid)
    found = np.concatenate([coarse, probability(between)])[order] if len(between) else coarse
    return grid[order], np.maximum.accumulate(found)


def _yearly(start: float, horizon: float) -> NDArray[np.float64]:
    years = np.arange(start, horizon + 1e-9)
    return years if years[-1] == horizon else np.append(years, horizon)


def _fan(years: NDArray[np.float64], log10: NDArray[np.float64]) -> Fan:
    return Fan(tuple(years.tolist()), *(tuple((10**column).tolist()) for column in log10.T))


def _web_waterfall(
    stock: stock_2024.WebStock, year: float, admissible: stock_2024.AdmissibleStock | None = None
) -> tuple[Step, ...]:
    log10 = stock.web + (year - stock_2024.START) * stock.growth
    steps = [_step("Indexed web", log10, "pages x bytes a page / bytes a token")]
    log10 = log10 + stock.quality
    steps.append(_step("Survives cleaning", log10, "10% to 40% of it"))
    if admissible is not None:
        log10 = log10 + admissible.permission
        steps.append(_step("May be used", log10, "5% to 45% is closed by robots rules or terms"))
        log10 = log10 + np.log10(admissible.human_share(year))
        steps.append(_step("Written by people", log10, "less machine-made pages since 2023"))
    steps.append(_step("Effective, repeated", log10 + stock.repetition, "2 to 5 times by repetition"))
    return tuple(steps)


def _step(name: str, log10: NDArray[np.float64], note: str) -> Step:
    p5, p50, p95 = (10 ** quantiles(log10, (0.05, 0.5, 0.95))).tolist()
    return Step(name, p5, p50, p95, note)


def _records(per_word: float) -> tuple[Dot, ...]:
    """Return the sets that were the largest when they came out."""
    largest, found = 0.0, []
    for one in sorted(training_sets(), key=lambda one: one.year):
        if one.size > largest:
            largest = one.size
            found.append(Dot(one.name, one.year, one.size * per_word, one.source))
    return tuple(found)


def _recent() -> tuple[Dot, ...]:
    return tuple(
        Dot(one.name if one.text_only else f"{one.name} (multimodal)", one.year, one.size, one.source)
        for one in sorted(recent_training_sets(), key=lambda one: one.year)
    )


def _forecast(
    run: _Run,
    preset: str,
    series: tuple[Series, ...],
    *,
    scenarios: tuple[Scenario, ...],
    dots: tuple[Dot, ...],
    assumptions: tuple[str, ...],
    substituted: tuple[str, ...],
    references: tuple[str, ...],
    waterfall: tuple[Step, ...] = (),
) -> PresetForecast:
    return PresetForecast(
        preset,
        run.rule,
        run.draws,
        run.seed,
        run.horizon,
        series,
        scenarios,
        waterfall,
        float(preset),
        dots,
        assumptions,
        substituted,
        references,
    )
