"""A team's supply and need month by month, all paths at once.

Each input has uniform numbers of its own that belong to its name. A scenario or a swing replaces an input or its
uniforms and leaves those of all others as they are. Memory is a few vectors over the paths, whatever the horizon.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.forecast.machine_share import machine_share
from headwater.forecast.quantities import Schedule, uniforms
from headwater.forecast.scaling import ScalingLaw
from headwater.forecast.supply import Passing, by_author, capacity, synthetic_limit, through_gate
from headwater.forecast.team import Given

Vector = NDArray[np.float64]
"""One number per path, shape (draws,); or a single one where all paths agree, shape ()."""
Uniforms = Mapping[str, Vector]
PLANS = ("none", "gate", "ungated")

HALF_MONTH = 1 / 24


@dataclass(frozen=True, slots=True)
class Month:
    """The state at one date, and the rates of the month that begins with it."""

    number: int
    year: float
    raw: Vector
    """Raw intake of the month, tokens."""
    permitted: Vector
    """Of it, what may be used."""
    usable: Vector
    """Of that, what the quality filter keeps, whoever wrote it."""
    clean_intake: Vector
    """Human tokens admitted in the month, with the gate."""
    machine_share: Vector
    """Machine share of the month's intake."""
    recall: Vector
    """Recall of the gate in the month."""
    false_positive_rate: Vector
    stock: Vector
    """Unique human tokens that may be trained on, with the gate."""
    stock_machine: Vector
    """Machine tokens among what was admitted, with the gate; followed with the plan ``ungated`` only."""
    human_ungated: Vector
    """Unique human tokens, without the gate; followed with the plan ``ungated`` only."""
    need: Vector
    """Effective tokens needed."""
    supply: Mapping[str, Vector]
    """Effective tokens by plan."""


def draw(inputs: Mapping[str, Given], seed: int, draws: int) -> dict[str, Vector]:
    """Return the uniform numbers of each uncertain input, by key."""
    return {key: uniforms(seed, key, draws) for key, given in inputs.items() if not given.value.certain}


def path_of(given: Given, u: Vector | None) -> Callable[[float], Vector]:
    """Return the value of an input by date; draws beyond its support are set to the end of it."""
    support = given.support
    at = np.array(0.5) if u is None else u  # a certain input has the same value at every quantile

    def clipped(values: Vector) -> Vector:
        return np.clip(values, support.low, support.high)

    value = given.value
    if not isinstance(value, Schedule):
        drawn = clipped(value.ppf(at))
        return lambda year: drawn
    years, knots = value.years, [clipped(one.ppf(at)) for one in value.values]

    def changing(year: float) -> Vector:
        place = int(np.searchsorted(years, year, side="right")) - 1
        if place < 0:
            return knots[0]
        if place >= len(years) - 1:
            return knots[-1]
        share = (year - years[place]) / (years[place + 1] - years[place])
        return np.asarray((1 - share) * knots[place] + share * knots[place + 1])

    return changing


def simulate(
    inputs: Mapping[str, Given],
    u: Uniforms,
    start: float,
    months: int,
    law: ScalingLaw,
    plans: tuple[str, ...] = PLANS,
) -> Iterator[Month]:
    """Yield the state at the start and after each month, ``months`` + 1 in all.

    The intake of a month is that of its middle. The stock of the start is not passed through the gate. Machine text
    that gets past the gate counts nothing; without the gate it counts ``synthetic.worth_ungated``.

    Args:
        inputs: inputs by key.
        u: uniform numbers of the uncertain ones, shape (draws,).
        start: first date.
        months: how many.
        law: constants of the worth of repetition.
        plans: plans whose supply is wanted.
    """
    path = {key: path_of(given, u.get(key)) for key, given in inputs.items()}
    zero, one = np.array(0.0), np.array(1.0)

    def at(key: str, year: float, absent: Vector = zero) -> Vector:
        return path[key](year) if key in path else absent

    def share(year: float) -> Vector:
        if "machine.share" in path:
            return at("machine.share", year)
        return machine_share(year, at("machine.limit", year), at("machine.rate", year), at("machine.midpoint", year))

    growth = at("intake.growth", start, one)
    per_month = growth ** (1 / 12)
    raw_factor = growth**HALF_MONTH
    need_per_month = at("need.growth", start, one) ** (1 / 12)
    need_factor = one
    first, dirty = at("stock.tokens", start), at("stock.contamination", start)
    clean_first, machine_first = first * (1 - dirty), first * dirty
    human, machine, human_all, machine_all, offered, accepted = (zero,) * 6
    limited = "synthetic.tokens_per_month" in path
    everything = "ungated" in plans

    for number in range(months + 1):
        year = start + number / 12
        middle = year + HALF_MONTH
        epochs, permission = at("training.epochs", year), at("stock.permission", year)
        stock = clean_first * permission + human
        open_human = clean_first * permission + human_all if everything else zero
        supply: dict[str, Vector] = {}
        if "none" in plans:
            supply["none"] = capacity(stock, epochs, law=law)
        if "gate" in plans:
            made = synthetic_limit(stock, epochs, at("synthetic.share", year))
            made = np.minimum(made, accepted) if limited else made
            supply["gate"] = capacity(stock, epochs, made, at("synthetic.worth", year), law)
        if everything:
            worth = at("synthetic.worth_ungated", year)
            made = synthetic_limit(open_human, epochs, at("synthetic.share", year))
            made = np.minimum(made, offered) if limited else made
            unique = open_human + worth * (machine_first * permission + machine_all)
            supply["ungated"] = capacity(np.maximum(unique, 0.0), epochs, made, worth, law)
        raw = at("intake.tokens_per_month", middle) * raw_factor
        permitted = raw * at("intake.permission", middle)
        usable = permitted * at("intake.quality", middle)
        c, rho, phi = share(middle), at("gate.recall", middle), at("gate.false_positive_rate", middle)
        written = by_author(usable, c)
        kept = through_gate(written, rho, phi)
        yield Month(
            number=number,
            year=year,
            raw=raw,
            permitted=permitted,
            usable=usable,
            clean_intake=kept.human,
            machine_share=c,
            recall=rho,
            false_positive_rate=phi,
            stock=stock,
            stock_machine=machine_first * permission + machine if everything else zero,
            human_ungated=open_human,
            need=_need(at, year, need_factor),
            supply=supply,
        )
        human = human + kept.human
        if everything:
            machine = machine + kept.machine
            human_all, machine_all = human_all + written.human, machine_all + written.machine
        if limited:
            new = at("synthetic.tokens_per_month", middle)
            offered, accepted = offered + new, accepted + new * at("synthetic.admitted", middle)
        raw_factor, need_factor = raw_factor * per_month, need_factor * need_per_month


def _need(at: Callable[..., Vector], year: float, factor: Vector) -> Vector:
    tokens = at("need.tokens", year)
    return (tokens + at("need.parameters", year) * at("need.tokens_per_parameter", year)) * factor


def gate_dates(
    inputs: Mapping[str, Given], u: Uniforms, draws: int, start: float, months: int, law: ScalingLaw
) -> NDArray[np.float64]:
    """Return the dates of full use with the gate, shape (draws,); infinite beyond the horizon.

    Once few paths are left they are followed by themselves: a path depends on its own uniforms and on nothing else.
    """
    passing = Passing(draws)
    for month in simulate(inputs, u, start, months, law, ("gate",)):
        passing.at(month.year, spread(month.need, draws), spread(month.supply["gate"], draws))
        left = np.flatnonzero(np.isinf(passing.dates))
        if not len(left):
            break
        if len(left) < draws / 8 and month.number < months:
            fewer = {key: values[left] if values.ndim else values for key, values in u.items()}
            passing.dates[left] = gate_dates(inputs, fewer, len(left), start, months, law)
            break
    return passing.dates


def spread(values: Vector, draws: int) -> NDArray[np.float64]:
    """Return one number per path, shape (draws,)."""
    return np.broadcast_to(values, (draws,))
