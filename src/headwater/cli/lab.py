"""``headwater lab``: list the experiments, run one, or run all."""

import glob
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, RunId, Seed, carry_out, pairs
from headwater.errors import HeadwaterError, MissingExtraError

if TYPE_CHECKING:
    from headwater.lab import LabResult

Check = Annotated[bool, typer.Option("--check", help="Exit with 1 when a check fails.")]

lab_app = typer.Typer(help="Run collapse experiments beside their closed forms.", no_args_is_help=True)


@lab_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the experiments."""
    from headwater.cli.output import print_json
    from headwater.lab import experiment, names

    found = [experiment(name) for name in names()]
    if as_json:
        print_json({"experiments": [_described(one) for one in found]})
        return
    for one in found:
        needs = f"  (needs headwater[{one.needs}])" if one.needs else ""
        print(f"{one.name:<12}{one.title}{needs}")


@lab_app.command(epilog="Example: headwater lab run gaussian --regime accumulate --seeds 5000 --set items=50")
def run(
    name: Annotated[str, typer.Argument(help="Experiment; see headwater lab list.")],
    *,
    seeds: Annotated[int | None, typer.Option(help="Independent replicates.")] = None,
    generations: Annotated[int | None, typer.Option(help="How often the model is retrained.")] = None,
    regime: Annotated[str | None, typer.Option(help="Run this regime alone.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="Another setting, key=value. Repeat it.")] = None,
    seed: Seed = None,
    model: Annotated[str | None, typer.Option(help="The same as --set model=NAME.")] = None,
    data: Annotated[str | None, typer.Option(help="The same as --set data=NAME.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The small form: seconds instead of minutes.")] = False,
    run_id: RunId = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the settings and do nothing.")] = False,
    check: Check = False,
) -> None:
    """Run one experiment and write its report."""
    from headwater.cli.output import print_json
    from headwater.lab import experiment, settings_of
    from headwater.project import Project

    one = experiment(name)
    given = {"seeds": seeds, "generations": generations, "regime": regime, "seed": seed, "model": model, "data": data}
    chosen = {**pairs(changes or [], "--set"), **{key: value for key, value in given.items() if value is not None}}
    settings = settings_of(one, _anchored(chosen), quick=quick)
    if dry_run:
        if as_json:
            print_json({"experiment": name, "settings": settings.model_dump(mode="json")})
            return
        for key, value in settings.model_dump(mode="json").items():
            print(f"{key} = {json.dumps(value, ensure_ascii=False)}  # {one.settings.model_fields[key].description}")
        return
    place = Project(project)
    result: LabResult = carry_out(
        place,
        lambda progress, started: place.lab(name, settings, progress, run_id=run_id, started=started),
        quiet=quiet,
    )
    print_result(place, result, as_json=as_json)
    exit_with_checks(result, check=check)


@lab_app.command("all", epilog="Example: headwater lab all --quick")
def all_(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="The small form of each: about a minute on two cores.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Experiments at a time. Default: the cores, at most 4.")
    ] = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Check = False,
) -> None:
    """Run every experiment, each with its report."""
    from headwater.cli.output import lab_json, print_json
    from headwater.lab import experiment, names
    from headwater.project import Project

    place = Project(project)
    done: list[tuple[LabResult, str]] = []
    left_out: list[dict[str, str]] = []
    failed = False
    # those that need an extra take longest, so they begin
    order = sorted(names(), key=lambda name: not experiment(name).needs)
    for name, outcome in _outcomes(place, order, quick=quick, jobs=jobs or min(os.cpu_count() or 1, 4), quiet=quiet):
        if not outcome.run:  # one experiment that cannot be run does not keep the others from it
            left_out.append({"experiment": name, "reason": outcome.reason})
            failed |= not outcome.missing
            continue
        result = cast("LabResult", place.result(outcome.run))
        done.append((result, str(place.report(outcome.run))))
        if not as_json:
            passed = sum(one.ok for one in result.checks)
            print(f"{name:<12}{passed:>3} of {len(result.checks):>3} checks  {result.seconds:6.1f} s  {done[-1][1]}")
    if as_json:
        print_json({"experiments": [lab_json(*one) for one in done], "left_out": left_out})
    else:
        for skipped in left_out:
            print(f"{skipped['experiment']:<12}left out: {skipped['reason']}")
    if failed:
        raise typer.Exit(2)
    for result, _ in done:
        exit_with_checks(result, check=check)


def _outcomes(place: Any, order: list[str], *, quick: bool, jobs: int, quiet: bool) -> Iterator[tuple[str, "_Outcome"]]:
    """Yield each experiment as it ends; they run in processes of their own."""
    from multiprocessing import TimeoutError as NotYet
    from multiprocessing import get_context

    from headwater.cli.progress import progress_on

    work = [(place.folder, name, quick) for name in order]
    try:
        # leaving the pool ends the processes that are still at work
        with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, get_context("spawn").Pool(jobs) as pool:
            ended = pool.imap_unordered(_run_one, work)
            for finished in range(len(order)):
                while True:
                    progress(finished, len(order), "experiments")
                    try:
                        outcome = ended.next(timeout=0.5)
                        break
                    except NotYet:
                        continue
                yield outcome.experiment, outcome
    except KeyboardInterrupt:
        print("Interrupted. What was begun is listed by: headwater runs list", file=sys.stderr)
        raise typer.Exit(130) from None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How an experiment ended."""

    experiment: str
    run: str = ""
    """Id of its finished run; empty where there is none."""
    reason: str = ""
    """Why there is none."""
    missing: bool = False
    """An extra is not installed."""


def _run_one(work: tuple[Path, str, bool]) -> _Outcome:
    """Carry out one experiment in a process of its own, where whatever goes wrong stays."""
    import signal

    from headwater.lab import experiment, settings_of
    from headwater.project import Project

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its children
    folder, name, quick = work
    try:
        return _Outcome(name, Project(folder).lab(name, settings_of(experiment(name), {}, quick=quick)).run)
    except HeadwaterError as error:
        return _Outcome(name, reason=str(error), missing=isinstance(error, MissingExtraError))
    except Exception as error:
        return _Outcome(name, reason=f"{type(error).__name__}: {error}")


def print_result(place: Any, result: "LabResult", *, as_json: bool) -> None:
    """Print the result of an experiment."""
    from headwater.cli.output import lab_json, lab_summary, print_json

    report = str(place.report(result.run))
    if as_json:
        print_json(lab_json(result, report))
    else:
        print(lab_summary(result, report))


def exit_with_checks(result: "LabResult", *, check: bool) -> None:
    """Exit with 1 where that was asked for and a check of the experiment failed."""
    if check and not all(one.ok for one in result.checks):
        raise typer.Exit(1)


def _described(one: Any) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "summary": one.summary,
        "needs": one.needs or None,
        "regimes": list(one.regimes),
        "more_regimes": list(one.more_regimes),
        "settings": {
            key: {"default": field.default, "description": field.description}
            for key, field in one.settings.model_fields.items()
        },
    }


def _anchored(given: dict[str, Any]) -> dict[str, Any]:
    """Return settings whose paths mean the same when the run is resumed from another folder; other names stay."""
    paths = {key: str(given[key]) for key in ("data", "model") if given.get(key)}
    there = {key: path for key, path in paths.items() if glob.glob(path)}  # noqa: PTH207  (a pattern is no path yet)
    return {**given, **{key: os.path.abspath(path) for key, path in there.items()}}  # noqa: PTH100
