"""``team.toml``: what a team says about its data, with ranges for what it does not know.

Every fault of a file is named at once, with its line, what is allowed and the nearest known name. Nothing here reads
the clock: today's date is passed in.
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationError

from headwater.config import Section, faults_of, merged, place_of
from headwater.errors import ConfigError
from headwater.forecast.quantities import ALLOWED, Z90, Quantity, Schedule, parse, schedule, written
from headwater.forecast.scaling import MUENNIGHOFF, ScalingLaw, epoch_multiplier

Value = Quantity | Schedule
"""What stands for an input: a number, a distribution, or either at several dates."""

LONGEST_HORIZON = 100.0
"""Years."""
LARGEST_LOG10 = 300.0
"""Token counts stay below ten to this power, on every path: numbers end at 1.8e308."""
_FIRST_YEAR, _LAST_YEAR = 1900.0, 2400.0
_ALMOST_SURE = 1 - 2**-53  # the largest uniform number a path can have
_MONTH = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


class Support(NamedTuple):
    """Where an input may lie."""

    low: float = -math.inf
    high: float = math.inf
    open_below: bool = False
    """Whether the lower end itself is not allowed."""

    def __str__(self) -> str:
        if self.high == math.inf:
            return "must be positive" if self.open_below else "must not be negative"
        return f"must lie within {'above ' if self.open_below else ''}{self.low:g}..{self.high:g}"


SHARE = Support(0, 1)
_AMOUNT = Support(0)
_POSITIVE = Support(0, open_below=True)


def plausible(value: Quantity) -> tuple[float, float]:
    """Return the points between which a quantity is said to lie: its ends, or its 5% and 95% points."""
    match value.kind:
        case "normal":
            mean, deviation = value.parameters
            return mean - Z90 * deviation, mean + Z90 * deviation
        case _:
            return value.parameters[0], value.parameters[-1]


def _within(value: Quantity, support: Support, where: str = "") -> None:
    low, high = plausible(value)
    if low < support.low or high > support.high or (support.open_below and low <= support.low):
        what = "" if value.certain else f", and so must its {'5% and 95% points' if _has_tails(value) else 'ends'}"
        raise ValueError(f"{where}{value}: it {support}{what}")


def _has_tails(value: Quantity) -> bool:
    return value.kind in {"range", "normal"}


def _one(support: Support) -> Callable[[object], Quantity]:
    """Return what reads an input that does not change with time."""

    def read(value: object) -> Quantity:
        if isinstance(value, Mapping | list | tuple | Schedule):
            raise ValueError(f"this input does not change with time; write {ALLOWED}")  # noqa: TRY004
        found = value if isinstance(value, Quantity) else parse(value)
        _within(found, support)
        return found

    return read


def _either(support: Support) -> Callable[[object], Value]:
    """Return what reads an input that may be a table of dates."""

    def read(value: object) -> Value:
        if isinstance(value, Mapping | list | tuple):
            value = schedule([(_date(year), one) for year, one in _points(value)])
        if isinstance(value, Schedule):
            for year, one in zip(value.years, value.values, strict=True):
                if not _FIRST_YEAR <= year <= _LAST_YEAR:
                    raise ValueError(f"{year:g} is no year between {_FIRST_YEAR:g} and {_LAST_YEAR:g}")
                _within(one, support, f"at {year:g}, ")
            return value
        found = value if isinstance(value, Quantity) else parse(value)
        _within(found, support)
        return found

    return read


def _points(table: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    """Yield year and value; a bare key 2028.5 is a table within a table to TOML."""
    if not isinstance(table, Mapping):
        for point in table:
            if not isinstance(point, list | tuple) or len(point) != 2:
                raise ValueError("a table needs pairs of a year and a value, such as { 2025 = 0.3, 2028 = 0.4 }")
            yield point[0], point[1]
        return
    for key, one in table.items():
        if isinstance(one, Mapping):
            yield from ((f"{key}.{inner}", value) for inner, value in one.items())
        else:
            yield key, one


def _plain(value: Value) -> Any:
    """Return a value as TOML has it."""
    if isinstance(value, Schedule):
        return {f"{year:.10g}": _plain(one) for year, one in zip(value.years, value.values, strict=True)}
    return value.text or written(value)


def year_of(day: date) -> float:
    """Return a date as a calendar year: 2026-07-02 is 2026.5."""
    length = date(day.year + 1, 1, 1) - date(day.year, 1, 1)
    return day.year + (day - date(day.year, 1, 1)).days / length.days


def _date(value: object) -> float | None:
    """Return a date as a calendar year; an empty text stands for none."""
    if value is None or value == "":
        return None
    if isinstance(value, date):
        # TOML has dates with a time of day, which are dates to Python and cannot be subtracted from one
        return year_of(value.date() if isinstance(value, datetime) else value)
    text = str(value).strip()
    if found := _MONTH.fullmatch(text):
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        try:
            exact = year_of(date(year, month, day))
        except ValueError:
            raise ValueError(f"{text} is no date; write 2027, 2027.5, 2027-06 or 2027-06-30") from None
        return exact if found[3] else year + (month - 1) / 12
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{text!r} is no date; write 2027, 2027.5, 2027-06 or 2027-06-30")
    return number


def _horizon(value: object) -> float:
    found = _date(value)
    if found is None:
        raise ValueError("write the years to look ahead, such as 25, or the last date, such as 2050")
    return found


_Date = Annotated[float | None, BeforeValidator(_date)]
_AS_TOML = PlainSerializer(_plain)
_Share = Annotated[Quantity, PlainValidator(_one(SHARE)), _AS_TOML]
_ShareOverTime = Annotated[Value, PlainValidator(_either(SHARE)), _AS_TOML]
_Tokens = Annotated[Quantity, PlainValidator(_one(_AMOUNT)), _AS_TOML]
_TokensOverTime = Annotated[Value, PlainValidator(_either(_AMOUNT)), _AS_TOML]
_Positive = Annotated[Quantity, PlainValidator(_one(_POSITIVE)), _AS_TOML]
_PositiveOverTime = Annotated[Value, PlainValidator(_either(_POSITIVE)), _AS_TOML]
_Rate = Annotated[Quantity, PlainValidator(_one(Support(0, 50))), _AS_TOML]
_Year = Annotated[Quantity, PlainValidator(_one(Support(1990, 2200))), _AS_TOML]
_Epochs = Annotated[Value, PlainValidator(_either(Support(1, 1000))), _AS_TOML]
_SyntheticShare = Annotated[Quantity, PlainValidator(_one(Support(0, 0.9))), _AS_TOML]
_Worth = Annotated[Quantity, PlainValidator(_one(Support(-10, 10))), _AS_TOML]


class AboutSettings(Section):
    """The forecast as a whole."""

    name: str = Field(default="our data", description="what the report calls it")
    start: _Date = Field(default=None, description='first date: 2027, 2027.5, "2027-06" or 2027-06-30; none: today')
    horizon: Annotated[float, BeforeValidator(_horizon)] = Field(
        default=25.0, description="years to look ahead, or the last date (2050)"
    )
    draws: Annotated[int, Field(ge=1_000, le=1_000_000)] = Field(
        default=100_000, description="paths drawn; 100,000 know a probability to within 0.003"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="every random choice follows from it")


class StockSettings(Section):
    """What the team has today."""

    tokens: _Tokens | None = Field(default=None, description="tokens gathered so far, in the team's own tokenizer")
    permission: _ShareOverTime = Field(
        default=parse("0.55..0.95"), description="share of the stock that may be trained on; a table where it will fall"
    )
    contamination: _Share = Field(
        default=parse(0), description="machine share already in the stock, by tokens; an audit measures it"
    )


class IntakeSettings(Section):
    """What comes in."""

    tokens_per_month: _TokensOverTime | None = Field(
        default=None, description="raw tokens gathered per month, before any filter"
    )
    growth: _Positive = Field(default=parse(1), description="factor by which the intake grows a year: 1.05 is 5% more")
    quality: _ShareOverTime = Field(
        default=parse("0.1..0.4"), description="share of the raw intake that the quality filter keeps"
    )
    permission: _ShareOverTime = Field(
        default=parse("0.55..0.95"), description="share of it that may be trained on; a table where it will fall"
    )


class MachineSettings(Section):
    """The machine share of new text: a table or number of the team's own, or a logistic curve."""

    share: _ShareOverTime | None = Field(
        default=None, description="machine share of the intake by tokens, as audited; replaces the three below"
    )
    limit: _Share = Field(default=parse("uniform(0.10, 0.52)"), description="share at which the curve levels out")
    rate: _Rate = Field(default=parse(3.35), description="steepness of the curve, per year")
    midpoint: _Year = Field(default=parse(2023.56), description="year in which half the limit is reached")


class GateSettings(Section):
    """What recognises machine text in the intake."""

    recall: _ShareOverTime = Field(
        default=parse("uniform(0.7, 0.95)"), description="share of the machine text it recognises, by tokens"
    )
    false_positive_rate: _ShareOverTime = Field(
        default=parse("uniform(0.01, 0.05)"), description="share of the human text it turns away, by tokens"
    )


class TrainingSettings(Section):
    """How often a token may be repeated, and what that is worth."""

    epochs: _Epochs = Field(default=parse(4), description="most passes over the human tokens")
    repeated_tokens: Annotated[float, Field(ge=0.1, le=1000)] = Field(
        default=MUENNIGHOFF.repeated_tokens,
        description="epochs after which repetition has lost 63% of its worth (R_D* of the scaling law); refit it",
    )


class SyntheticSettings(Section):
    """Text the team makes itself."""

    tokens_per_month: _TokensOverTime | None = Field(
        default=None, description="synthetic tokens made per month; none: as many as the share allows"
    )
    admitted: _ShareOverTime = Field(
        default=parse("uniform(0.2, 0.8)"), description="share of them that the gate admits; needs tokens_per_month"
    )
    share: _SyntheticShare = Field(
        default=parse(0.3), description="largest synthetic share of a training mix, by tokens; 0: none is made"
    )
    worth: _Worth = Field(
        default=parse("uniform(0, 1)"), description="human tokens that an admitted synthetic token is worth"
    )
    worth_ungated: _Worth = Field(
        default=parse(0), description="the same for machine text that no gate has seen; negative where it does harm"
    )


class NeedSettings(Section):
    """What training takes, in effective tokens: what unique human tokens would do."""

    tokens: _PositiveOverTime | None = Field(
        default=None, description="effective tokens a training run needs at the start; or a table with the plan"
    )
    growth: _Positive | None = Field(
        default=None, description="factor by which the need grows a year: 2 doubles it, 1 keeps it; not with a table"
    )
    parameters: _PositiveOverTime | None = Field(
        default=None, description="parameters of the model at the start, instead of tokens; or a table with the plan"
    )
    tokens_per_parameter: _Positive = Field(
        default=parse(20), description="effective tokens per parameter; used with parameters only"
    )


class TeamSettings(Section):
    """A team's forecast."""

    team: AboutSettings = AboutSettings()
    stock: StockSettings = StockSettings()
    intake: IntakeSettings = IntakeSettings()
    machine: MachineSettings = MachineSettings()
    gate: GateSettings = GateSettings()
    training: TrainingSettings = TrainingSettings()
    synthetic: SyntheticSettings = SyntheticSettings()
    need: NeedSettings = NeedSettings()

    @property
    def start(self) -> float:
        """First date, a calendar year."""
        if self.team.start is None:
            raise ConfigError(["team.start: no date is set; settings made by read_team or team_settings have one"])
        return self.team.start

    @property
    def months(self) -> int:
        """Months to look ahead."""
        return max(1, math.ceil(12 * (last_date(self.start, self.team.horizon) - self.start) - 1e-6))

    @property
    def horizon(self) -> float:
        """Last date, a whole number of months after the start."""
        return self.start + self.months / 12

    @property
    def law(self) -> ScalingLaw:
        """Constants of the worth of repetition."""
        return ScalingLaw(repeated_tokens=self.training.repeated_tokens)


def last_date(start: float, horizon: float) -> float:
    """Return the last date of a horizon given in years or as a date."""
    return horizon if horizon >= _FIRST_YEAR else start + horizon


@dataclass(frozen=True, slots=True)
class Measurement:
    """One input as the project's own audits and runs measured it."""

    value: Value
    run: str
    """Run it was measured in."""
    note: str = ""
    """How, where a reader should know."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a project's own ledger says about the inputs of a forecast; None where it says nothing.

    Measured values are defaults: what the settings state wins.
    """

    stock_tokens: Measurement | None = None
    """Tokens of the audited stock."""
    stock_permission: Measurement | None = None
    stock_contamination: Measurement | None = None
    """Machine share of the audited stock."""
    machine_share: Measurement | None = None
    """Machine share of new text: by month, or of the last audit. Replaces the three of the curve."""
    machine_limit: Measurement | None = None
    machine_rate: Measurement | None = None
    machine_midpoint: Measurement | None = None
    gate_recall: Measurement | None = None
    gate_false_positive_rate: Measurement | None = None
    synthetic_admitted: Measurement | None = None
    """Share of the synthetic tokens offered that the gate admitted."""
    synthetic_worth: Measurement | None = None

    def by_key(self) -> dict[str, Measurement]:
        """Return what was measured, by the key it stands for."""
        found = {name.replace("_", ".", 1): getattr(self, name) for name in self.__dataclass_fields__}
        return {key: one for key, one in found.items() if one is not None}


@dataclass(frozen=True, slots=True)
class Given:
    """One input with where it is from."""

    value: Value
    source: str
    """``settings``, ``what if``, ``default``, or the run it was measured in."""
    support: Support
    meaning: str


_CURVE = ("machine.limit", "machine.rate", "machine.midpoint")
_SUPPORTS = {
    **dict.fromkeys(
        (
            "stock.permission", "stock.contamination", "intake.quality", "intake.permission", "machine.share",
            "machine.limit", "gate.recall", "gate.false_positive_rate", "synthetic.admitted",
        ),
        SHARE,
    ),
    **dict.fromkeys(("stock.tokens", "intake.tokens_per_month", "synthetic.tokens_per_month"), _AMOUNT),
    # Draws are kept off 0, where a quotient or a logarithm has no value.
    **dict.fromkeys(("need.tokens", "need.parameters", "need.tokens_per_parameter"), Support(1e-9)),
    **dict.fromkeys(("intake.growth", "need.growth"), Support(1e-3)),
    "machine.rate": Support(0, 50),
    "machine.midpoint": Support(1900, 2300),
    "training.epochs": Support(1, 1000),
    "synthetic.share": Support(0, 0.9),
    "synthetic.worth": Support(-10, 10),
    "synthetic.worth_ungated": Support(-10, 10),
}  # fmt: skip


def inputs_of(
    settings: TeamSettings, measured: Measured | None = None, changed: Mapping[str, object] | None = None
) -> dict[str, Given]:
    """Return the inputs a forecast uses, by dotted key: stated, else measured, else the default.

    Inputs that another one replaces, such as the curve where ``machine.share`` is known, are left out.

    Args:
        settings: the team's settings.
        measured: what the project measured.
        changed: keys that a what-if set.
    """
    ledger = (measured or Measured()).by_key()
    stated = _stated(settings)
    if stated & set(_CURVE):
        ledger.pop("machine.share", None)
    found: dict[str, Given] = {}
    for key, support in _SUPPORTS.items():
        section, name = key.split(".")
        model = getattr(settings, section)
        value, source = getattr(model, name), "default"
        if key in (changed or {}):
            source = "what if"
        elif key in stated:
            source = "settings"
        elif key in ledger:
            value, source = ledger[key].value, ledger[key].run
        if value is not None:
            note = ledger[key].note if key in ledger and source == ledger[key].run else ""
            meaning = type(model).model_fields[name].description or ""
            found[key] = Given(value, source, support, f"{meaning} ({note})" if note else meaning)
    for key in _replaced(found):
        found.pop(key, None)
    return found


def _stated(settings: TeamSettings) -> set[str]:
    """Return the dotted keys that were given a value."""
    return {
        f"{section}.{name}"
        for section in TeamSettings.model_fields
        for name in getattr(settings, section).model_fields_set
        if getattr(getattr(settings, section), name) is not None
    }


def _replaced(found: Mapping[str, Given]) -> list[str]:
    keys: list[str] = []
    if "machine.share" in found:
        keys += _CURVE
    if "need.parameters" not in found:
        keys.append("need.tokens_per_parameter")
    if "synthetic.tokens_per_month" not in found:
        keys.append("synthetic.admitted")
    return keys


def read_team(
    path: Path,
    *,
    today: date | float,
    measured: Measured | None = None,
    changes: Mapping[str, object] | None = None,
) -> TeamSettings:
    """Return the settings of a ``team.toml``; see :func:`team_settings`.

    Raises:
        ConfigError: there is no such file, it is no TOML, or keys or values are wrong; every fault is named.
    """
    try:
        text = path.read_text("utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(
            [f"{path} does not exist; write an example with: headwater forecast --init {path}"], str(path)
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        kind = "cannot be read" if isinstance(error, OSError) else "not valid TOML"
        raise ConfigError([f"{kind}: {error}"], str(path)) from error
    return team_settings(values, today=today, measured=measured, changes=changes, text=text, where=str(path))


def team_settings(
    values: Mapping[str, Any],
    *,
    today: date | float,
    measured: Measured | None = None,
    changes: Mapping[str, object] | None = None,
    text: str = "",
    where: str = "settings",
) -> TeamSettings:
    """Return settings from values by section, with the start filled in.

    Args:
        values: sections with their keys, as TOML has them.
        today: today's date; the start may not lie before its month.
        measured: what the project measured; it may stand in for what the settings leave out.
        changes: values by dotted key that replace those of the file.
        text: the file, to name lines.
        where: what the faults are in.

    Raises:
        ConfigError: keys or values are wrong or missing; every fault is named.
    """
    now = year_of(today) if isinstance(today, date) else float(today)
    asked = {key: value for key, value in (changes or {}).items() if value is not None}
    origins = dict.fromkeys(asked, "command line")
    given = merged(values, asked)
    settings, faults, broken = _validated(given, text, origins)
    faults += _unsound(settings, now, measured, broken, text, origins)
    if faults:
        raise ConfigError(faults, where)
    start = settings.team.start if settings.team.start is not None else now
    return settings.model_copy(update={"team": settings.team.model_copy(update={"start": start})})


def plain_values(texts: Mapping[str, str]) -> dict[str, object]:
    """Return values by dotted key as a command line gives them: a table or list is TOML, everything else stays text.

    Raises:
        ConfigError: a table or list is no TOML; every such key is named.
    """
    values: dict[str, object] = {}
    faults = []
    for key, text in texts.items():
        if not text.lstrip().startswith(("{", "[")):
            values[key] = text.strip()
            continue
        try:
            values[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            faults.append(
                f"{key}: {text} is no table of dates ({error}); write '{{ 2026 = 0.35, 2028 = \"0.3..0.5\" }}'"
            )
    if faults:
        raise ConfigError(faults, "the command")
    return values


def changed_settings(settings: TeamSettings, changes: Mapping[str, object]) -> TeamSettings:
    """Return settings with other values by dotted key; of keys that exclude each other the new one stays.

    Raises:
        ConfigError: keys or values are wrong.
    """
    values: dict[str, Any] = {
        section: {
            name: getattr(getattr(settings, section), name) for name in getattr(settings, section).model_fields_set
        }
        for section in TeamSettings.model_fields
    }
    for key in changes:
        for other in _EXCLUDES.get(key, ()):
            section, name = other.split(".")
            if other not in changes:
                values[section].pop(name, None)
    origins = dict.fromkeys(changes, "what if")
    result, faults, broken = _validated(merged(values, changes), "", origins)
    if isinstance(result.need.tokens or result.need.parameters, Schedule) and "need.growth" not in changes:
        result = result.model_copy(update={"need": result.need.model_copy(update={"growth": None})})
    faults += _unsound(result, None, None, broken, "", origins, complete=False)
    if faults:
        raise ConfigError(faults, "what if")
    return result


def faults_of_team(settings: TeamSettings, measured: Measured | None = None) -> list[str]:
    """Return what keeps settings from being forecast: what is missing, excludes itself or cannot be computed."""
    if settings.team.start is None:
        return ["team.start: no date is set; settings made by read_team or team_settings have one"]
    return _unsound(settings, None, measured, set(), "", {})


_EXCLUDES = {
    "machine.share": _CURVE,
    **dict.fromkeys(_CURVE, ("machine.share",)),
    "need.tokens": ("need.parameters", "need.tokens_per_parameter"),
    "need.parameters": ("need.tokens",),
}


def _validated(
    values: Mapping[str, Any], text: str, origins: Mapping[str, str]
) -> tuple[TeamSettings, list[str], set[str]]:
    """Return the settings without the keys at fault, the faults, and these keys."""
    try:
        return TeamSettings.model_validate(dict(values)), [], set()
    except ValidationError as error:
        faults = faults_of(error, TeamSettings, text, origins)
        broken = {".".join(str(part) for part in fault["loc"][:2]) for fault in error.errors()}
    sound = {}
    for section, entries in values.items():
        if section in TeamSettings.model_fields and section not in broken and isinstance(entries, Mapping):
            sound[section] = {key: value for key, value in entries.items() if f"{section}.{key}" not in broken}
    return TeamSettings.model_validate(sound), faults, broken


def _unsound(
    settings: TeamSettings,
    now: float | None,
    measured: Measured | None,
    broken: set[str],
    text: str,
    origins: Mapping[str, str],
    *,
    complete: bool = True,
) -> list[str]:
    """Return what is wrong with settings whose values are sound one by one."""
    faults: list[str] = []

    def add(key: str, message: str) -> None:
        faults.append(f"{place_of(key, text, origins)}: {message}")

    stated = _stated(settings)
    start = settings.team.start if settings.team.start is not None else now
    timed = start is not None and not broken & {"team", "team.start", "team.horizon"}
    if (
        now is not None
        and settings.team.start is not None
        and settings.team.start < math.floor(12 * now + 1e-6) / 12 - 1e-6
    ):
        add(
            "team.start",
            f"{settings.team.start:.10g} lies in the past; allowed: from this month ({now:.2f}) on. Leave it out to "
            "start today",
        )
    if timed and start is not None:
        ahead = last_date(start, settings.team.horizon) - start
        if not ahead > 0:
            timed = False
            add(
                "team.horizon",
                f"{settings.team.horizon:g} is not after the start ({start:.2f}); write the years to look ahead, such "
                "as 25, or a later date",
            )
        elif ahead > LONGEST_HORIZON:
            timed = False
            add("team.horizon", f"looks {ahead:.0f} years ahead; allowed: up to {LONGEST_HORIZON:g}")
    if complete:
        _missing(settings, (measured or Measured()).by_key(), broken, add)
    if {"need.tokens", "need.parameters"} <= stated:
        add("need.parameters", "need.tokens is set too; the need is stated by one of them")
    need = settings.need.tokens if settings.need.tokens is not None else settings.need.parameters
    if isinstance(need, Schedule) and "need.growth" in stated:
        add("need.growth", "the need is a table, which is the plan itself; leave one of them out")
    if "machine.share" in stated:
        for key in sorted(stated & set(_CURVE)):
            add(key, "machine.share is set, which replaces the curve; leave one of them out")
    if timed and start is not None:
        _overflowing(settings, last_date(start, settings.team.horizon) - start, measured, add)
    return faults


_NEEDED = {
    "stock.tokens": "how many tokens have been gathered so far, such as 20B or 15B..25B",
    "intake.tokens_per_month": "how many raw tokens come in a month, such as 500M; 0 for none",
}


def _missing(settings: TeamSettings, ledger: Mapping[str, Measurement], broken: set[str], add: Any) -> None:
    known = _stated(settings) | set(ledger) | broken
    for key, what in _NEEDED.items():
        if key not in known and key.split(".")[0] not in broken:
            add(key, f"missing; say {what}")
    if "need" in broken:
        return
    if not known & {"need.tokens", "need.parameters"}:
        add("need.tokens", "missing; say how many tokens a training run needs, or set need.parameters")
    need = settings.need.tokens if settings.need.tokens is not None else settings.need.parameters
    if "need.growth" not in known and not isinstance(need, Schedule):
        add("need.growth", "missing; say by which factor the need grows a year, such as 1.5..3; 1 keeps it as it is")


def _overflowing(settings: TeamSettings, years: float, measured: Measured | None, add: Any) -> None:
    """Add a fault for each product that numbers cannot hold, on the most extreme path."""
    ledger = (measured or Measured()).by_key()

    def top(key: str, value: Value | None) -> float:
        value = ledger[key].value if value is None and key in ledger else value
        return _log10_top(value)

    room = LARGEST_LOG10 - math.log10(float(epoch_multiplier(1000.0, settings.law)) * 10 * LONGEST_HORIZON * 12)
    need = settings.need
    size = top("need.tokens", need.tokens)
    if need.parameters is not None:
        size = top("need.parameters", need.parameters) + top("need.tokens_per_parameter", need.tokens_per_parameter)
    monthly = top("intake.tokens_per_month", settings.intake.tokens_per_month)
    sums = (
        ("need", "need.tokens" if need.tokens is not None else "need.parameters", size, need.growth),
        ("intake", "intake.tokens_per_month", monthly, settings.intake.growth),
        ("stock", "stock.tokens", top("stock.tokens", settings.stock.tokens), None),
        ("synthetic", "synthetic.tokens_per_month", top("", settings.synthetic.tokens_per_month), None),
    )
    for section, key, tokens, growth in sums:
        grown = 0.0 if growth is None else max(0.0, years * _log10_top(growth))
        if tokens > room:
            add(key, f"too large: up to 10^{tokens:.0f} in its upper tail; allowed: up to 10^{room:.0f}")
        elif tokens + grown > room:
            most = 10 ** min(300.0, (room - tokens) / years)
            add(
                f"{section}.growth",
                f"grows to 10^{tokens + grown:.0f} tokens in {years:.0f} years in its upper tail, more than numbers "
                f"hold; allowed: a factor below {most:.3g} a year even there, or a nearer horizon",
            )


def _log10_top(value: Value | None) -> float:
    if value is None:
        return -math.inf
    quantities = value.values if isinstance(value, Schedule) else (value,)
    largest = -math.inf
    for one in quantities:
        with np.errstate(over="ignore"):
            high = one.quantile(_ALMOST_SURE)
        if high > 0:
            # beyond what numbers hold the lognormal's own logarithm is not needed: it is a fault either way
            largest = max(largest, math.log10(high) if math.isfinite(high) else 400.0)
    return largest


def commented_team_toml() -> str:
    """Return a ``team.toml`` to start from: what a team must give with examples, everything else at its default."""
    lines = [
        "# A team's own forecast: when is its admissible human data used up? Run it with",
        "#     headwater forecast --mine team.toml",
        "# Replace the examples by your own numbers. Lines with a # show defaults; remove the # to change one.",
        "#",
        "# A value that is not known is written as a range that holds it with 90% probability, or as a distribution:",
        '#     20e9   "20B"   "15B..25B"   "normal(0.9, 0.02)"   "uniform(0.1, 0.5)"   "triangular(1, 2, 5)"   "35%"',
        "# and one that changes with time as a table of dates, linear between them and constant beyond them:",
        '#     { 2026 = 0.35, 2027-06 = "0.3..0.5" }',
    ]
    for section, field in TeamSettings.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        lines += ["", f"# {(kind.__doc__ or '').strip()}", f"[{section}]"]
        for name, spec in kind.model_fields.items():
            example = _EXAMPLES.get(f"{section}.{name}")
            lines.append(f"# {spec.description}")
            if example is not None:
                lines.append(f"{name} = {example}")
            else:
                shown = _SHOWN.get(f"{section}.{name}") or _toml(spec.default)
                lines.append(f"# {name} = {shown}")
    return "\n".join(lines) + "\n"


_EXAMPLES = {
    "stock.tokens": '"15B..25B"',
    "intake.tokens_per_month": '"400M..800M"',
    "need.tokens": '"30B"',
    "need.growth": '"1.3..2.0"',
}
_SHOWN = {
    "team.start": '""  # today',
    "machine.share": '{ 2026 = 0.35, 2028 = "0.3..0.5" }  # none: the curve below',
    "synthetic.tokens_per_month": '"200M"  # none: as many as the share allows',
    "need.parameters": '"1.5B"  # instead of tokens',
}


def _toml(value: object) -> str:
    if isinstance(value, Quantity):
        value = _plain(value)
    return f'"{value}"' if isinstance(value, str) else f"{value:.10g}" if isinstance(value, float) else str(value)
