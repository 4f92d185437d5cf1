"""What an experiment is: settings, arms of the one loop, and an oracle. Each is one file in ``lab/experiments``.

A file defines ``EXPERIMENT``. Nothing else has to be edited to add one: the folder is the list.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headwater.errors import ConfigError, did_you_mean
from headwater.lab.bench import Bench
from headwater.lab.result import ArmResult, Check, Figure
from headwater.measure import Scaling


class LabSettings(BaseModel):
    """Settings every experiment has; each adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = Field(default=0, ge=0, description="every random choice follows from it")
    seeds: int = Field(default=100, ge=1, le=1_000_000, description="independent replicates")
    generations: int = Field(default=50, ge=1, le=100_000, description="how often the model is retrained")
    regime: str = Field(default="", description="run this regime alone; empty: all of the experiment's")


T = TypeVar("T", bound=LabSettings)

_FEW = 100
"""Fewer replicates leave the standard error itself uncertain."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What an experiment's own function returns."""

    arms: Sequence[ArmResult]
    checks: Sequence[Check] = ()
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    scaling: Mapping[str, Scaling] = field(default_factory=dict)
    """Risk by training size, of arms that were run at several sizes."""


@dataclass(frozen=True, slots=True)
class Experiment(Generic[T]):
    """One experiment of the laboratory."""

    name: str
    title: str
    summary: str
    """What it is and what it shows, for a reader who does not know the paper."""
    settings: type[T]
    run: Callable[[T, Bench], Findings]
    regimes: tuple[str, ...] = ("replace",)
    """Regimes it runs; ``--regime`` chooses one, of these or of ``more_regimes``."""
    more_regimes: tuple[str, ...] = ()
    """Further regimes it can run."""
    quick: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the quick form."""
    references: tuple[str, ...] = ()
    """Keys of the bibliography."""
    files: Callable[[T], Sequence[Path]] = lambda settings: ()
    """Files the settings name: a run that is resumed never goes on with files that have changed. Raises InputError
    where a name stands for none."""
    needs: str = ""
    """Extra it needs, such as ``train``; empty: the bare installation."""

    def chosen(self, settings: LabSettings) -> tuple[str, ...]:
        """Return the regimes to run."""
        return (settings.regime,) if settings.regime else self.regimes


@cache
def names() -> tuple[str, ...]:
    """Return the names of all experiments."""
    package = importlib.import_module("headwater.lab.experiments")
    return tuple(sorted(one.name for one in pkgutil.iter_modules(package.__path__)))


def experiment(name: str) -> Experiment[Any]:
    """Return an experiment by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in names():
        raise ConfigError(
            [f"no experiment is called {name!r}.{did_you_mean(name, names())} Known: {', '.join(names())}"],
            "the command",
        )
    found: Experiment[Any] = importlib.import_module(f"headwater.lab.experiments.{name}").EXPERIMENT
    return found


def settings_of(one: Experiment[T], given: Mapping[str, Any], *, quick: bool = False) -> T:
    """Return an experiment's settings: defaults, then its quick form where asked for, then what was given.

    Args:
        one: the experiment.
        given: values by name, as text or as values; None is ignored.
        quick: use the quick form.

    Raises:
        ConfigError: names or values are wrong; every fault at once.
    """
    values = {**(one.quick if quick else {}), **{key: value for key, value in given.items() if value is not None}}
    faults: list[str] = []
    settings: T | None = None
    try:
        settings = one.settings.model_validate(values)
    except ValidationError as error:
        known = list(one.settings.model_fields)
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                faults.append(f"{key}: unknown setting.{did_you_mean(key, known)} Known: {', '.join(known)}")
            else:
                given_value = f" (given: {fault['input']!r})" if fault["loc"] else ""
                message = fault["msg"].removeprefix("Value error, ")
                faults.append(f"{key + ': ' if key else ''}{message}{given_value}")
    regime = str(values.get("regime", ""))
    known_regimes = (*one.regimes, *one.more_regimes)
    if regime and regime not in known_regimes:
        faults.append(
            f"regime: {one.name} has no regime {regime!r}.{did_you_mean(regime, known_regimes)} "
            f"Known: {', '.join(known_regimes)}"
        )
    if faults or settings is None:
        raise ConfigError(faults, f"the settings of {one.name}")
    return settings


def series_check(
    name: str, arm: ArmResult, measure: str, *, limit: float = 4.0, generation: int = -1, expected: float | None = None
) -> Check:
    """Return whether a measure's mean lies within ``limit`` standard errors of its closed form.

    Args:
        name: what is checked, for a reader.
        arm: the arm.
        measure: name of the measure.
        limit: standard errors allowed.
        generation: which generation; the last by default.
        expected: the number to meet; the arm's closed form by default.
    """
    series = arm.series[measure]
    wanted = arm.expected[measure][generation] if expected is None else expected
    mean, se = series.mean[generation], series.se[generation]
    return within_errors(name, wanted, mean, se, limit=limit, replicates=arm.replicates)


def within_errors(
    name: str, expected: float, observed: float, se: float, *, limit: float = 4.0, replicates: int | None = None
) -> Check:
    """Return whether two numbers agree within ``limit`` standard errors.

    With few replicates the standard error is itself uncertain. The limit is then Student's, which is passed by chance
    as rarely as ``limit`` is by a normal number.
    """
    if replicates is not None and 1 < replicates < _FEW:
        from scipy.stats import norm, t

        limit = float(t.isf(norm.sf(limit), replicates - 1))
    z = (observed - expected) / se if se > 0 else (0.0 if observed == expected else float("inf"))
    return Check(name, expected, observed, se, z, f"within {limit:.3g} standard errors", bool(abs(z) <= limit))


def within_share(name: str, expected: float, observed: float, share: float, se: float | None = None) -> Check:
    """Return whether two numbers agree within a share of the expected one."""
    z = (observed - expected) / se if se else None
    ok = bool(abs(observed - expected) <= share * abs(expected))
    return Check(name, expected, observed, se, z, f"within {100 * share:.2g}%", ok)


def within(name: str, expected: float, observed: float, margin: float, se: float | None = None) -> Check:
    """Return whether two numbers agree within an absolute margin."""
    z = (observed - expected) / se if se else None
    return Check(name, expected, observed, se, z, f"within {margin:g}", bool(abs(observed - expected) <= margin))


def in_range(name: str, observed: float, low: float, high: float, *, reference: float) -> Check:
    """Return whether a number lies in a range; ``reference`` is the single value the range was set around."""
    return Check(name, reference, observed, None, None, f"{low:g} to {high:g}", bool(low <= observed <= high))
