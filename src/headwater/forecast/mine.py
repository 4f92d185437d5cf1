"""A team's own forecast: when its admissible human data is used up, with and without a gate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, did_you_mean
from headwater.forecast.contamination import contamination, machine_part
from headwater.forecast.passage import quantiles
from headwater.forecast.progress import Progress, silent
from headwater.forecast.quantities import Quantity, Schedule
from headwater.forecast.result import LEVELS, Fan, FullUse, Input, Passage, Plan, Scenario, Step, TeamForecast
from headwater.forecast.scaling import ScalingLaw
from headwater.forecast.sensitivity import SWING_DRAWS, date_quantile, tornado
from headwater.forecast.simulation import PLANS, Month, Uniforms, draw, gate_dates, path_of, simulate, spread
from headwater.forecast.supply import Passing
from headwater.forecast.team import (
    Given,
    Measured,
    TeamSettings,
    changed_settings,
    faults_of_team,
    inputs_of,
)

MOST_DATES = 101
"""Dates of a fan: a chart shows no more, and a sort of all paths at each is what costs time."""
STEP_DRAWS = 20_000
"""Paths of the steps from what is gathered to what it is worth: a median of theirs is known to about 0.3%."""
BEYOND_PUBLISHED_SHARE = 0.3
"""Synthetic share up to which rephrased text was found to help (Kang et al. 2025)."""
BEYOND_PUBLISHED_EPOCHS = 40.0

_TITLES = {
    "stock.tokens": "stock",
    "stock.permission": "permission, stock",
    "stock.contamination": "machine share, stock",
    "intake.tokens_per_month": "monthly intake",
    "intake.growth": "growth of intake",
    "intake.quality": "quality retention",
    "intake.permission": "permission, intake",
    "machine.share": "machine share of new text",
    "machine.limit": "machine share it levels out at",
    "machine.rate": "steepness of machine share",
    "machine.midpoint": "midpoint of machine share",
    "gate.recall": "recall of the gate",
    "gate.false_positive_rate": "false positives of the gate",
    "training.epochs": "epochs",
    "synthetic.tokens_per_month": "synthetic tokens made",
    "synthetic.admitted": "synthetic tokens admitted",
    "synthetic.share": "synthetic share of the mix",
    "synthetic.worth": "worth of a synthetic token",
    "synthetic.worth_ungated": "worth of ungated machine text",
    "need.tokens": "need",
    "need.growth": "growth of need",
    "need.parameters": "model size",
    "need.tokens_per_parameter": "tokens per parameter",
}
_PLAN_TITLES: Mapping[str, str] = {
    "none": "No synthetic tokens",
    "gate": "With the gate",
    "ungated": "Without the gate",
}
_FANS = ("need", "stock", "contamination", "contamination_ungated", "stock_contamination", "clean_intake")
REFERENCES = ("villalobos2024", "muennighoff2023", "graphite2025", "longpre2024", "kang2025")
"""Keys of the bibliography."""


def forecast_team(
    settings: TeamSettings,
    *,
    measured: Measured | None = None,
    what_if: Mapping[str, object] | None = None,
    progress: Progress = silent,
    swing_draws: int = SWING_DRAWS,
) -> TeamForecast:
    """Return when a team's admissible human data is used up, under three plans, and what would move that date.

    Section by section: the machine share of new text follows ``machine``; the gate keeps (1 - c)(1 - phi) of it as
    human; the stock grows by raw q p (1 - c)(1 - phi) a month; a token repeated up to ``training.epochs`` times is
    worth m(e) (Muennighoff et al. 2023); admitted synthetic tokens add v each, up to a share s of the mix. Full use is
    the first date at which the need reaches what there is. All inputs are independent of each other.

    The same settings give the same forecast; every scenario uses the same draws. Time grows with draws times months:
    100,000 times 300 take about a second, the swings of a dozen inputs about two more.

    Args:
        settings: from :func:`headwater.forecast.team.read_team` or ``team_settings``.
        measured: what the project's audits and runs measured; used where the settings say nothing.
        what_if: other values by dotted key, such as ``{"gate.recall": 0.95}``. Each is a scenario of its own; where
            there are several, one more has them all.
        progress: told what is being done.
        swing_draws: paths of each swing of the tornado, at most the settings' draws.

    Raises:
        ConfigError: the settings lack what a forecast needs or cannot be computed, or a what-if is at fault.
    """
    if faults := faults_of_team(settings, measured):
        raise ConfigError(faults)
    start, months, draws, law = settings.start, settings.months, settings.team.draws, settings.law
    inputs = inputs_of(settings, measured)
    scenarios = _scenarios(settings, measured, what_if or {})
    u = draw(inputs, settings.team.seed, draws)
    followed = _follow(inputs, u, draws, start, months, law, progress)
    dates = followed.dates["gate"]
    ordered = {plan: np.sort(found) for plan, found in followed.dates.items()}
    base = _full_use(ordered["gate"])
    compared = []
    for done, (name, changed, its_law) in enumerate(scenarios):
        progress(done, len(scenarios), f"what if: {name}")
        its_u = {**u, **draw({k: v for k, v in changed.items() if k not in u}, settings.team.seed, draws)}
        its_dates = gate_dates(changed, its_u, draws, start, months, its_law)
        date = _full_use(np.sort(its_dates))
        compared.append(Scenario(name, _compared(base, date), date))
    swings = tornado(
        inputs,
        u,
        dates,
        start=start,
        months=months,
        law=law,
        titles=_TITLES,
        draws=min(swing_draws, draws),
        progress=progress,
    )
    until = min(months, round(12 * ((base.p50 if base.p50 is not None else settings.horizon) - start)))
    progress(0, 0, "what the stock comes to")
    return TeamForecast(
        name=settings.team.name,
        draws=draws,
        seed=settings.team.seed,
        start=start,
        horizon=settings.horizon,
        unit="tokens",
        plans=tuple(_plan(plan, followed, ordered[plan], start) for plan in PLANS),
        need=followed.fans["need"],
        stock=followed.fans["stock"],
        contamination=followed.fans["contamination"],
        contamination_ungated=followed.fans["contamination_ungated"],
        stock_contamination=followed.fans["stock_contamination"],
        clean_intake=followed.fans["clean_intake"],
        waterfall=_waterfall(inputs, u, min(STEP_DRAWS, draws), start, until, law),
        tornado=swings,
        what_if=tuple(compared),
        inputs=tuple(Input(key, str(one.value), one.source, one.meaning) for key, one in inputs.items()),
        assumptions=_assumptions(inputs, u, min(swing_draws, draws)),
        warnings=_warnings(inputs, base, settings),
        references=REFERENCES,
    )


@dataclass(frozen=True)
class _Followed:
    """What is kept of the paths."""

    years: tuple[float, ...]
    dates: dict[str, NDArray[np.float64]]
    """Dates of full use by plan."""
    fans: dict[str, Fan] = field(default_factory=dict)


def _follow(
    inputs: Mapping[str, Given], u: Uniforms, draws: int, start: float, months: int, law: ScalingLaw, progress: Progress
) -> _Followed:
    passing = {plan: Passing(draws) for plan in PLANS}
    every = next((step for step in (1, 3, 6) if months // step < MOST_DATES), 12)
    years: list[float] = []
    shown: list[float] = []
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*_FANS, *PLANS)}
    for month in simulate(inputs, u, start, months, law):
        if month.number % 12 == 0:
            progress(month.number, months, "following the paths")
        years.append(month.year)
        need = spread(month.need, draws)
        for plan in PLANS:
            passing[plan].at(month.year, need, spread(month.supply[plan], draws))
        if month.number % every == 0 or month.number == months:
            shown.append(month.year)
            for name, values in _shown(month).items():
                rows[name].append(quantiles(values) if values.ndim else np.full(len(LEVELS), float(values)))
    fans = {name: _fan(shown, np.array(found)) for name, found in rows.items()}
    return _Followed(tuple(years), {plan: one.dates for plan, one in passing.items()}, fans)


def _shown(month: Month) -> dict[str, NDArray[np.float64]]:
    return {
        "need": month.need,
        "stock": month.stock,
        "contamination": contamination(month.machine_share, month.recall, month.false_positive_rate),
        "contamination_ungated": month.machine_share,
        "stock_contamination": machine_part(month.stock, month.stock_machine),
        "clean_intake": month.clean_intake,
        **month.supply,
    }


def _fan(years: list[float], rows: NDArray[np.float64]) -> Fan:
    return Fan(tuple(years), *(tuple(float(value) for value in column) for column in rows.T))


def _plan(plan: str, followed: _Followed, ordered: NDArray[np.float64], start: float) -> Plan:
    reached = np.searchsorted(ordered, np.asarray(followed.years), side="right") / len(ordered)
    name: Literal["none", "gate", "ungated"] = "none" if plan == "none" else "gate" if plan == "gate" else "ungated"
    return Plan(
        name=name,
        title=_PLAN_TITLES[plan],
        supply=followed.fans[plan],
        use=Passage(followed.years, tuple(float(value) for value in reached), _full_use(ordered)),
        runway_years=_full_use(ordered - start),
    )


def _full_use(ordered: NDArray[np.float64]) -> FullUse:
    p5, p10, p25, p50, p75, p90, p95 = (date_quantile(ordered, level) for level in LEVELS)
    return FullUse(p5, p10, p25, p50, p75, p90, p95, beyond_horizon=float(np.isinf(ordered).mean()))


def _scenarios(
    settings: TeamSettings, measured: Measured | None, what_if: Mapping[str, object]
) -> list[tuple[str, dict[str, Given], ScalingLaw]]:
    """Return name, inputs and law of each what-if; first that of new text without machine text."""
    known = [*_TITLES, "training.repeated_tokens"]
    unknown = [
        f"{key}: nothing that can be changed is called so.{did_you_mean(key, known)} Known: {', '.join(known)}"
        for key in what_if
        if key not in known
    ]
    sound = {key: value for key, value in what_if.items() if key in known}
    wanted: list[tuple[str, Mapping[str, object]]] = [
        (f"{key} = {_written(value)}", {key: value}) for key, value in sound.items()
    ]
    if len(what_if) > 1:
        wanted.append(("all of these", sound))
    faults = list(unknown)
    result = []
    for name, changes in [("no machine text in new material", {"machine.share": 0.0}), *wanted]:
        try:
            changed = changed_settings(settings, changes)
        except ConfigError as error:
            faults += [fault for fault in error.faults if fault not in faults]
        else:
            result.append((name, inputs_of(changed, measured, changes), changed.law))
    if faults:
        raise ConfigError(faults, "what if")
    return result


def _written(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {one}" for key, one in value.items()) + " }"
    return str(value)


def _compared(base: FullUse, other: FullUse) -> str:
    if base.p50 is None and other.p50 is None:
        moved = 100 * (base.beyond_horizon - other.beyond_horizon)
        return f"both medians lie beyond the horizon; used up before it with {moved:+.1f} points of probability"
    if other.p50 is None:
        return f"median beyond the horizon instead of {base.p50:.1f}"
    if base.p50 is None:
        return f"median {other.p50:.1f} instead of beyond the horizon"
    years = other.p50 - base.p50
    if abs(years) < 0.05:
        return f"median {other.p50:.1f}, as without the change"
    direction = "later" if years > 0 else "earlier"
    return f"median {other.p50:.1f} instead of {base.p50:.1f}, {abs(years):.1f} years {direction}"


def _waterfall(
    inputs: Mapping[str, Given], u: Uniforms, draws: int, start: float, until: int, law: ScalingLaw
) -> tuple[Step, ...]:
    """Return what is left of all that was gathered by a month, step by step, on the first ``draws`` paths."""
    u = {key: values[:draws] for key, values in u.items()}
    raw = permitted = usable = np.zeros(())
    for month in simulate(inputs, u, start, until, law):
        if month.number < until:
            raw, permitted, usable = raw + month.raw, permitted + month.permitted, usable + month.usable
    last = month
    tokens = path_of(inputs["stock.tokens"], u.get("stock.tokens"))(start)
    allowed = tokens * path_of(inputs["stock.permission"], u.get("stock.permission"))(last.year)
    steps = (
        ("gathered", tokens + raw, "stock and raw intake"),
        ("may be used", allowed + permitted, "permission"),
        ("good enough", allowed + usable, "quality filter of the intake"),
        ("written by people", last.human_ungated, "without the machine text in stock and intake"),
        ("kept by the gate", last.stock, "without the human text the gate turns away: the unique tokens"),
        ("repeated", last.supply["none"], "worth of the epochs"),
        ("with synthetic tokens", last.supply["gate"], "those that the gate admits"),
    )
    result = []
    for name, values, note in steps:
        found = quantiles(spread(values, draws), (0.05, 0.5, 0.95))
        p5, p50, p95 = (float(value) for value in found)
        result.append(Step(name, p5, p50, p95, f"{note}; by {last.year:.1f}"))
    return tuple(result)


def _assumptions(inputs: Mapping[str, Given], u: Uniforms, swing_draws: int) -> tuple[str, ...]:
    sentences = [
        "Inputs are independent of each other, and so are quality filter, permission and gate; the intake of a month "
        "is that of its middle.",
        "The stock of the start is not passed through the gate.",
        "Machine text that gets past the gate counts nothing; without the gate machine text, that of the team included"
        f", counts synthetic.worth_ungated ({inputs['synthetic.worth_ungated'].value}). What a gate keeps out shows in "
        "the contamination, and in the date only where ungated text does harm (a negative worth).",
        "Repeated tokens lose their worth as in Muennighoff et al. (2023), whose form saturates; beyond some tens of "
        "epochs real losses rise again.",
        "Full use is the first date at which the need reaches the supply; nothing before the start counts.",
        f"Each swing of the tornado uses the first {swing_draws:,} paths, the steps from what is gathered to what it "
        f"is worth at most {STEP_DRAWS:,}; all else uses all.",
    ]
    defaults = [key for key, one in inputs.items() if one.source == "default" and key in _GUESSES]
    if defaults:
        sentences.append(f"Assumed until an audit or a training run replaces it: {', '.join(defaults)}.")
    if "machine.limit" in inputs:
        sentences.append(
            "The machine share of new text follows a logistic curve whose steepness and midpoint were fitted to one "
            "series of English web articles; detectors and definitions differ, hence the wide limit."
        )
    if "synthetic.tokens_per_month" not in inputs:
        sentences.append("As many synthetic tokens are made as the mix takes, at any date.")
    clipped = []
    for key, one in inputs.items():
        if key in u and (share := _outside(one, u[key])) >= 5e-4:
            clipped.append(f"{key} ({share:.1%})")
    if clipped:
        sentences.append(f"Draws beyond what is possible were set to its limit: {', '.join(clipped)}.")
    return tuple(sentences)


_GUESSES = frozenset(
    {
        "stock.permission", "stock.contamination", "intake.quality", "intake.permission", "machine.limit",
        "gate.recall", "gate.false_positive_rate", "synthetic.admitted", "synthetic.worth",
    }
)  # fmt: skip


def _outside(given: Given, u: NDArray[np.float64]) -> float:
    """Return the share of the draws beyond the support, at the date where it is largest."""
    support = given.support
    quantities = given.value.values if isinstance(given.value, Schedule) else (given.value,)
    tails = [one for one in quantities if isinstance(one, Quantity) and one.kind in {"range", "normal"}]
    shares = []
    for one in tails:
        values = one.ppf(u)
        shares.append(float(((values < support.low) | (values > support.high)).mean()))
    return max(shares, default=0.0)


def _warnings(inputs: Mapping[str, Given], base: FullUse, settings: TeamSettings) -> tuple[str, ...]:
    found = []
    if base.beyond_horizon > 0:
        found.append(
            f"With probability {base.beyond_horizon:.2%} the need does not meet the supply (with the gate) before "
            f"{round(settings.horizon, 1):g}: beyond the horizon."
        )
    if base.p5 == settings.start:
        level = next((p for p, at in ((50, base.p50), (25, base.p25), (10, base.p10)) if at == settings.start), 5)
        found.append(f"With a probability of at least {level}% the need exceeds the supply at the start already.")
    found += [
        f"{key} is a factor: {inputs[key].value} more than halves it each year. For growth by 30% write 1.3."
        for key in ("intake.growth", "need.growth")
        if key in inputs and _middle(inputs[key]) < 0.5
    ]
    if _middle(inputs["synthetic.share"]) > BEYOND_PUBLISHED_SHARE + 1e-9:
        found.append(
            f"synthetic.share is {inputs['synthetic.share'].value}; published gains of rephrased text stop at about "
            f"{BEYOND_PUBLISHED_SHARE:.0%} of the mix (Kang et al. 2025)."
        )
    if _middle(inputs["training.epochs"]) > BEYOND_PUBLISHED_EPOCHS:
        found.append(
            f"training.epochs is {inputs['training.epochs'].value}; the law was fitted where tokens are repeated far "
            "less often, and says nothing of the harm beyond."
        )
    if _middle(inputs["synthetic.worth"]) > 1:
        found.append(
            f"synthetic.worth is {inputs['synthetic.worth'].value}: more than a human token each. Measure it in your "
            "own training."
        )
    return tuple(found)


def _middle(given: Given) -> float:
    value = given.value
    return max(one.quantile(0.5) for one in (value.values if isinstance(value, Schedule) else (value,)))
