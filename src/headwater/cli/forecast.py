"""``headwater forecast``: when human data runs out, the world's and the team's own."""

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, RunId, Seed, pairs
from headwater.errors import ConfigError, InputError

if TYPE_CHECKING:
    from headwater.forecast import Forecast
    from headwater.project import Project

_WORLD_ONLY = ("--preset", "--rule", "--horizon", "--draws", "--compute-shift", "--compute-weight", "--seed")
_TEAM_ONLY = ("--set", "--what-if", "--ledger", "--tokens-per-word")


def forecast(
    *,
    preset: Annotated[
        str | None, typer.Option(help="Published model: 2022, 2024 or 2026. Default: 2026, unless --mine.")
    ] = None,
    mine: Annotated[
        Path | None, typer.Option(help="Your own data instead: a TOML file; --init writes an example.")
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Write a commented example for --mine to this file.")] = None,
    rule: Annotated[
        str | None, typer.Option(help="first-passage, or as-published to compare with the papers' dates.")
    ] = None,
    horizon: Annotated[float | None, typer.Option(help="Last year looked at.")] = None,
    draws: Annotated[int | None, typer.Option(help="Paths. Default: 100,000.")] = None,
    compute_shift: Annotated[
        float | None, typer.Option(help="Added to log10 FLOP of the compute table. Default: 0.4 in 2022, 1.0 in 2024.")
    ] = None,
    compute_weight: Annotated[
        float | None, typer.Option(help="Share of the paths on which compute decides about demand. Default: 0.5.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Another value for --mine, key=value. Repeat it.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option("--what-if", help="A value to compare with that of --mine, key=value. Repeat it."),
    ] = None,
    ledger: Annotated[
        bool | None,
        typer.Option(
            "--ledger/--no-ledger",
            help="Take what --mine leaves out from the project's own audits and runs; without --mine and with --set, "
            "everything that is not set.",
        ),
    ] = None,
    tokens_per_word: Annotated[
        str | None, typer.Option(help="Of your tokenizer, for words an audit counted. Default: 1.2..1.5.")
    ] = None,
    seed: Seed = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the charts and numbers to as well.")] = None,
    run_id: RunId = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Annotated[
        float | None,
        typer.Option("--check", help="Exit with 1 when full use before this year is more likely than not."),
    ] = None,
) -> None:
    """Say when training will have used all human data there is: the world's, or your own."""
    from headwater.project import Project

    place = Project(project)
    if init is not None:
        _write_example(init, as_json=as_json)
        return
    world = dict(zip(_WORLD_ONLY, (preset, rule, horizon, draws, compute_shift, compute_weight, seed), strict=True))
    team = dict(zip(_TEAM_ONLY, (changes, what_if, ledger, tokens_per_word), strict=True))
    own = mine is not None or ledger is True
    _check_options(world if own else team, mine=own)
    _check_folder(out)
    from headwater.cli.progress import progress_on

    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, _told():
        if not own:
            options = {
                "rule": rule,
                "horizon": horizon,
                "draws": draws,
                "compute_shift": compute_shift,
                "compute_weight": compute_weight,
                "seed": seed,
            }
            asked = {key: value for key, value in options.items() if value is not None}
            result: Forecast = place.forecast(preset or "2026", asked, progress, run_id=run_id, out=out)
        else:
            found = _team(place, mine, changes or [], ledger=ledger is not False, tokens_per_word=tokens_per_word)
            settings, measured, notes = found
            other = pairs(what_if or [], "--what-if")
            result = place.forecast_team(settings, measured, other, progress, run_id=run_id, out=out, notes=notes)
    print_forecast(place, result, as_json=as_json)
    if check is not None and _likely_before(result, check):
        raise typer.Exit(1)


@contextmanager
def _told() -> Iterator[None]:
    """Say what is left of a forecast that is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        print("Interrupted. A forecast takes seconds and keeps nothing before it writes; repeat it.", file=sys.stderr)
        raise


def print_forecast(place: "Project", result: "Forecast", *, as_json: bool) -> None:
    """Print a forecast."""
    from headwater.cli.forecast_output import forecast_json, forecast_summary
    from headwater.cli.output import print_json

    page = str(place.report(result.run))
    if as_json:
        print_json(forecast_json(result, page))
    else:
        print(forecast_summary(result, page))


def _team(
    place: "Project", path: Path | None, changes: list[str], *, ledger: bool, tokens_per_word: str | None
) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the settings of a team, what the project measured, and what could not be taken from it.

    Raises:
        ConfigError: the file or an option is at fault.
    """
    from headwater.forecast import Measured, parse, plain_values, read_team, team_settings

    try:
        per_word = parse(tokens_per_word) if tokens_per_word is not None else None
    except ValueError as error:
        raise ConfigError([f"--tokens-per-word: {error}"], "the command") from None
    if per_word is not None and (per_word.kind not in {"constant", "range"} or per_word.parameters[0] <= 0):
        raise ConfigError([f"--tokens-per-word {tokens_per_word}: a positive number or range is needed"], "the command")
    reading = place.measured(per_word) if ledger else None
    measured = reading.measured if reading is not None else Measured()
    today = dt.datetime.now(tz=dt.UTC).date()
    given = plain_values(pairs(changes, "--set"))
    if path is None:
        settings = team_settings({}, today=today, measured=measured, changes=given, where="the command")
    else:
        settings = read_team(path, today=today, measured=measured, changes=given)
    return settings, measured, reading.notes if reading is not None else ()


def _write_example(path: Path, *, as_json: bool) -> None:
    from headwater.cli.output import print_json
    from headwater.forecast import commented_team_toml
    from headwater.store import write_text

    if path.exists():
        raise InputError(f"{path} exists already. Edit it, or choose another name.")
    _check_folder(path)
    write_text(path, commented_team_toml())
    if as_json:
        print_json({"settings": str(path)})
    else:
        print(f"{path}\nSet your own numbers in it, then: headwater forecast --mine {path}")


def _check_options(others: dict[str, Any], *, mine: bool) -> None:
    """Find options that belong to the other kind of forecast.

    Raises:
        ConfigError: there are some.
    """
    given = [name for name, value in others.items() if value not in (None, [])]
    if mine and "--preset" in given:
        raise ConfigError(["--preset and --mine: a forecast is the world's or your own; leave one out"], "the command")
    if given and mine:
        where = "set team.draws, team.seed and team.horizon in its file or with --set"
        raise ConfigError([f"{name}: belongs to a preset; with --mine {where}" for name in given], "the command")
    if given:
        where = "name its file with --mine, or use --ledger"
        raise ConfigError([f"{name}: belongs to a forecast of your own; {where}" for name in given], "the command")


def _check_folder(out: Path | None) -> None:
    """Find out before any work whether the results can be written.

    Raises:
        InputError: the folder above is missing, or the place is a file.
    """
    if out is None:
        return
    if not out.resolve().parent.is_dir():
        raise InputError(f"there is no folder {out.resolve().parent} to write {out.name} into. Make it first.")
    if out.is_file():
        raise InputError(f"{out} is a file. Name a folder.")


def _likely_before(result: "Forecast", year: float) -> bool:
    """Return whether full use before a year is more likely than not: of any series, or of the plan with the gate."""
    from headwater.forecast import TeamForecast

    if isinstance(result, TeamForecast):
        medians = [plan.use.date.p50 for plan in result.plans if plan.name == "gate"]
    else:
        medians = [one.use.date.p50 for one in result.series]
    return any(median is not None and median < year for median in medians)
