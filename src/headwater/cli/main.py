"""The ``headwater`` command.

Standard output carries the result, standard error everything else. Exit codes: 0 fine, 1 something was rejected or a
limit was broken (only with ``--check``), 2 the command could not do its work, 130 interrupted.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater import __version__
from headwater.cli.audit import audit, print_audit
from headwater.cli.credentials import credentials
from headwater.cli.curate import curate, rethreshold
from headwater.cli.decide import decide
from headwater.cli.detector import detector_app
from headwater.cli.explain import explain, revoke
from headwater.cli.forecast import forecast, print_forecast
from headwater.cli.generate import generate
from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, RunId, Seed, carry_out
from headwater.cli.lab import exit_with_checks, lab_app, print_result
from headwater.cli.lineage import lineage_app
from headwater.cli.reserve import reserve_app
from headwater.errors import ConfigError, HeadwaterError

if TYPE_CHECKING:
    from headwater.config import Settings

app = typer.Typer(
    name="headwater",
    help="Decide which machine-made data a model may be trained on, and measure the effect.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs_app = typer.Typer(help="List, show and resume runs.", no_args_is_help=True)
app.add_typer(runs_app, name="runs")
app.command(
    epilog="Example: headwater audit crawl/*.jsonl.zst --human essays.jsonl --ai chatbot.jsonl --by source,month"
)(audit)
app.command(
    epilog="Example: headwater curate crawl/*.jsonl.zst --out clean --evaluation benchmarks/",
)(curate)
app.command(
    epilog="Example: headwater rethreshold clean --set too_few_words=30 --set curly_bracket=off --out clean-30",
)(rethreshold)
app.command(epilog="Example: headwater generate --recipe rephrase.toml --parents essays.jsonl --out machine.jsonl.zst")(
    generate
)
app.command(epilog="Example: headwater credentials photo.jpg report.pdf --trust-anchors our-agency.pem")(credentials)
app.command(epilog="Example: headwater decide before/samples_arc_easy.jsonl after/samples_arc_easy.jsonl --metric acc")(
    decide
)
app.command(epilog="Example: headwater explain reword --run latest")(explain)
app.command(epilog='Example: headwater revoke reword --why "its source was withdrawn"')(revoke)
app.add_typer(detector_app, name="detector")
app.add_typer(reserve_app, name="reserve")
app.add_typer(lab_app, name="lab")
app.add_typer(lineage_app, name="lineage")
app.command(epilog="Example: headwater forecast --mine team.toml --what-if gate.recall=0.95")(forecast)

Text = Annotated[str | None, typer.Option(help="Column with the text, of both.")]
Id = Annotated[str | None, typer.Option("--id", help="Column with a unique id, of both.")]
Modality = Annotated[str | None, typer.Option(help="What a document is: text, table (a row), image, or series.")]
Target = Annotated[
    str | None, typer.Option(help="Column to predict; of images the array or column with labels, of series the label.")
]
Time = Annotated[str | None, typer.Option(help="Series: column with the time in seconds. None: rows are steps.")]
Rate = Annotated[float | None, typer.Option(help="Series: steps per second.")]
Window = Annotated[int | None, typer.Option(help="Series: steps of a window.")]
Group = Annotated[str | None, typer.Option(help="Column naming the unit of independence of human documents.")]
HumanOrigin = Annotated[str | None, typer.Option(help="Column saying human, machine, mixed or unknown.")]
RecipeColumn = Annotated[
    str | None, typer.Option("--recipe-column", "--recipe", help="Column naming the recipe. None: each file is one.")
]
Parents = Annotated[str | None, typer.Option(help="Column with the ids a machine document was made from.")]
StreamGroup = Annotated[
    str | None, typer.Option(help="Column of the stream naming the human group a document was made from.")
]
Reserve = Annotated[
    bool, typer.Option("--reserve", help="Take the human documents from the project's reserve; see headwater reserve.")
]
Delta = Annotated[float | None, typer.Option(help="Chance of ever admitting something useless.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan and do nothing.")]
Check = Annotated[
    bool, typer.Option("--check", help="Exit with 1 when a recipe was rejected or over 1% of the rows are bad.")
]


def main() -> None:
    """Run the command line and exit."""
    try:
        code = app(standalone_mode=False)
    except HeadwaterError as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except OSError as error:
        if "--debug" in sys.argv or error.errno is None:
            raise
        where = f" {error.filename!r}" if error.filename else ""
        print(f"error: cannot use{where}: {error.strerror}. Check that it exists and may be written.", file=sys.stderr)
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        code = 130
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:  # click's usage errors know how to show themselves
        show = getattr(error, "show", None)
        if show is None:
            raise
        if isinstance(said := getattr(error, "message", None), str):
            error.message = said.replace("Value error, ", "")  # type: ignore[attr-defined]  # pydantic's own beginning
        show()
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is being done.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Decide which machine-made data a model may be trained on, and measure the effect."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING, stream=sys.stderr
    )
    if version:
        print(__version__)
        raise typer.Exit


@app.command(epilog="Example: headwater run essays/*.jsonl --group author --stream generated.jsonl.zst")
def run(
    human: Annotated[
        list[str] | None,
        typer.Argument(help="Human documents: files, folders or globs. None: the documentation installed with Python."),
    ] = None,
    *,
    reserve: Reserve = False,
    stream: Annotated[
        list[str] | None, typer.Option(help="Machine documents to judge. None: recipes made from the human documents.")
    ] = None,
    text: Text = None,
    id_column: Id = None,
    group: Group = None,
    origin: HumanOrigin = None,
    modality: Modality = None,
    target: Target = None,
    time: Time = None,
    rate: Rate = None,
    window: Window = None,
    recipe: RecipeColumn = None,
    parents: Parents = None,
    stream_group: StreamGroup = None,
    generations: Annotated[int | None, typer.Option(help="How often the model is retrained.")] = None,
    delta: Delta = None,
    machine_share: Annotated[float | None, typer.Option(help="Largest machine-made share of a training set.")] = None,
    seed: Seed = None,
    run_id: RunId = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    check: Check = False,
) -> None:
    """Run the closed loop: generate, gate, train, measure, generation after generation, and write a report."""
    from headwater.project import Project

    place = Project(project)
    settings = place.settings(
        {
            "seed": seed,
            **_human_base(_absolute(human), reserve=reserve),
            "stream.paths": tuple(_absolute(stream)) or None,
            **_columns(text, id_column, group, origin, recipe, parents, stream_group),
            "loop.generations": generations,
            "loop.machine_share": machine_share,
            "gate.delta": delta,
            "human.modality": modality or ("table" if target else None),
            "human.target": target,
            "human.time": time,
            "human.rate": rate,
            "human.window": window,
        }
    )
    if dry_run:
        _print_plan(settings, [project.resolve() / ".headwater"], as_json=as_json)
        return
    _carry_out(place, lambda progress, started: place.run(settings, progress, run_id=run_id, started=started),
               as_json=as_json, quiet=quiet, check=check)  # fmt: skip


@app.command(
    epilog="Example: headwater gate generated.jsonl --human essays.jsonl --recipe-column prompt --out kept.jsonl.zst"
)
def gate(
    stream: Annotated[list[str], typer.Argument(help="Machine documents: files, folders or globs.")],
    *,
    human: Annotated[
        list[str] | None, typer.Option(help="Human documents to judge against: files, folders or globs. Repeat it.")
    ] = None,
    reserve: Reserve = False,
    text: Text = None,
    id_column: Id = None,
    group: Group = None,
    origin: HumanOrigin = None,
    modality: Modality = None,
    target: Target = None,
    time: Time = None,
    rate: Rate = None,
    window: Window = None,
    recipe: RecipeColumn = None,
    parents: Parents = None,
    stream_group: StreamGroup = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the admitted documents (.jsonl, .jsonl.gz, .jsonl.zst, .parquet)."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write a report (.html).")] = None,
    rejects: Annotated[Path, typer.Option(help="Where to keep rows that could not be used.")] = Path("rejects.jsonl"),
    rule: Annotated[
        str | None,
        typer.Option(
            help="plain: a stream judged once (default here). strict: it depends on earlier verdicts. e-lond."
        ),
    ] = None,
    delta: Delta = None,
    verify: Annotated[
        Path | None, typer.Option(help="TOML file with verifiers, one table [[verify]] each; see docs/verifiers.md.")
    ] = None,
    keep_sealed: Annotated[
        bool, typer.Option("--keep-sealed", help="Do not show the certification panel's numbers.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Decides how the reserve is split.")] = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    check: Check = False,
) -> None:
    """Judge a stream of machine documents: admitted, rejected or quarantined, recipe by recipe, with the reason."""
    from headwater.project import Project

    place = Project(project)
    settings = place.settings(
        {
            "seed": seed,
            **_human_base(human or [], reserve=reserve),
            "stream.paths": tuple(stream),
            **_columns(text, id_column, group, origin, recipe, parents, stream_group),
            "gate.delta": delta,
            "human.modality": modality or ("table" if target else None),
            "human.target": target,
            "human.time": time,
            "human.rate": rate,
            "human.window": window,
            "gate.rule": rule,
            "gate.verify": None if verify is None else _verifiers_in(verify),
        }
    )
    if not settings.human.paths and not settings.human.reserve:
        raise ConfigError(["a stream is judged against human documents: name them with --human, or use --reserve"])
    if settings.stream.group is not None and settings.human.group is None and not settings.human.reserve:
        raise ConfigError(["--stream-group needs --group, the column of the human documents with the same names"])
    if "rule" not in settings.gate.model_fields_set:  # a fixed stream judged once needs no more
        settings = settings.model_copy(update={"gate": settings.gate.model_copy(update={"rule": "plain"})})
    if dry_run:
        _print_plan(settings, [path for path in (out, report, rejects) if path], as_json=as_json, loops=False)
        return
    from headwater.cli.output import documents_json, print_json, recipes_json, recipes_summary, remarks, training_json
    from headwater.cli.progress import progress_on
    from headwater.report.wording import in_words_of

    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress:
        judged = place.gate(settings, progress, rejects=rejects, out=out, report=report, reveal=not keep_sealed)
    if as_json:
        print_json(
            {
                "recipes": recipes_json(judged.cards),
                "documents": documents_json(judged.reading),
                **training_json(judged),
                "warnings": list(judged.warnings),
            }
        )
    else:
        lines = recipes_summary(judged.cards)
        if out is not None:
            lines += ["", f"{judged.admitted_documents:,} admitted documents: {out}"]
        if report is not None:
            lines.append(f"Report: {report}")
        lines += remarks(judged.reading, judged.warnings, str(rejects))
        print(in_words_of(judged.modality, "\n".join(lines)))
    _exit_with_findings(judged, check=check)


@app.command()
def init(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Write a commented headwater.toml with every setting at its default."""
    from headwater.project import Project

    path = str(Project(project).init())
    if as_json:
        from headwater.cli.output import print_json

        print_json({"settings": path})
    else:
        print(path)


@runs_app.command("list")
def list_(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """List the runs of a project, oldest first."""
    from headwater.cli.output import print_json
    from headwater.project import Project

    found = [
        {
            "run": run.id,
            "state": run.state.value,
            "created": run.created,
            "kind": Project.kind(run),
            "experiment": run.settings().get("experiment"),
        }
        for run in Project(project).runs()
    ]
    if as_json:
        print_json({"runs": found})
        return
    width = max((len(str(one["run"])) for one in found), default=0)
    for one in found:
        print(f"{one['run']:<{width}}  {one['state']:<11}  {one['created']}  {one['experiment'] or one['kind']}")
    if not found:
        print(f"No runs in {project.resolve()}. Start one with: headwater run", file=sys.stderr)


@runs_app.command()
def show(
    run: Annotated[str, typer.Argument(help="Run id, the beginning of one, or latest.")] = "latest",
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Show the result of a finished run again."""
    from headwater.project import Project

    place = Project(project)
    _print_run(place, place.result(run), as_json=as_json)


@runs_app.command()
def resume(
    run: Annotated[str, typer.Argument(help="Run id, the beginning of one, or latest.")] = "latest",
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Check = False,
) -> None:
    """Go on with a run that was stopped. The result is the same as if it never had been."""
    from headwater.project import Project

    place = Project(project)
    _carry_out(place, lambda progress, started: place.resume(run, progress, started=started),
               as_json=as_json, quiet=quiet, check=check)  # fmt: skip


@app.command(hidden=True)
def warm() -> None:
    """Compile and cache the numeric kernels, so that the first run does not have to."""
    from headwater.curate.warming import warm as warm_curate
    from headwater.models import warm as warm_models
    from headwater.origin.warming import warm as warm_origin

    warm_models()
    warm_origin()
    warm_curate()


def _carry_out(place: Any, job: Any, *, as_json: bool, quiet: bool, check: bool) -> None:
    result = carry_out(place, job, quiet=quiet)
    _print_run(place, result, as_json=as_json)
    _exit_with_findings(result, check=check)


def _print_run(place: Any, result: Any, *, as_json: bool) -> None:
    from headwater.cli.output import print_json, run_json, run_summary
    from headwater.forecast import PresetForecast, TeamForecast
    from headwater.lab import LabResult
    from headwater.origin import AuditResult

    if isinstance(result, PresetForecast | TeamForecast):
        print_forecast(place, result, as_json=as_json)
        return
    if isinstance(result, LabResult):
        print_result(place, result, as_json=as_json)
        return
    if isinstance(result, AuditResult):
        print_audit(place, result, as_json=as_json)
        return
    report = str(place.report(result.run))
    if as_json:
        print_json(run_json(result, report))
    else:
        print(run_summary(result, report))


_BAD_ROWS = 0.01  # more than this share of unusable rows is a finding


def _exit_with_findings(result: Any, *, check: bool) -> None:
    from headwater.lab import LabResult
    from headwater.loop.result import RunResult
    from headwater.loop.stream_gate import GateResult

    if isinstance(result, LabResult):
        exit_with_checks(result, check=check)
        return
    if not isinstance(result, RunResult | GateResult):
        return  # audits and forecasts have no limit of their own; --check of their commands names one
    rejected = any(card.verdict.value == "rejected" for card in result.cards)
    reading = result.reading
    if check and (rejected or reading.bad > _BAD_ROWS * (reading.read + reading.bad)):
        raise typer.Exit(1)


def _print_plan(settings: "Settings", writes: list[Path], *, as_json: bool, loops: bool = True) -> None:
    from headwater.cli.output import print_json
    from headwater.sources import expand_paths

    rows = settings.human.modality != "text"
    human = [str(path) for path in expand_paths(settings.human.paths, arrays=rows)] if settings.human.paths else []
    stream = [str(path) for path in expand_paths(settings.stream.paths, arrays=rows)] if settings.stream.paths else []
    base = "the human reserve of the project" if settings.human.reserve else "the documentation installed with Python"
    plan = {
        "human": human or [base],
        "stream": stream or ["recipes made from the human documents"],
        "writes": [str(path) for path in writes],
    }
    if as_json:
        print_json({"plan": {**plan, "settings": settings.model_dump(mode="json")}})
        return
    for name, values in plan.items():
        print(f"{name.capitalize()}:")
        for one in values:
            print(f"  {one}")
    if loops:
        print(f"Arms: {', '.join(settings.loop.arms)}, {settings.loop.generations} generations each")
    print(f"Gate: rule {settings.gate.rule}, delta {settings.gate.delta}, seed {settings.seed}")


def _verifiers_in(path: Path) -> list[Any]:
    """Return the tables ``[[verify]]`` of a file, with the files they name starting in its folder."""
    import tomllib

    from headwater.config import verifiers_from

    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path} cannot be read as TOML: {error}"], "--verify") from error
    found = values.get("verify")
    if set(values) != {"verify"} or not isinstance(found, list):
        raise ConfigError([f"{path} must hold tables [[verify]] and nothing else"], "--verify")
    return verifiers_from(path.parent, found)


def _columns(
    text: str | None,
    id_column: str | None,
    group: str | None,
    origin: str | None,
    recipe: str | None,
    parents: str | None,
    stream_group: str | None,
) -> dict[str, str | None]:
    """Return what the options that name columns set; text and id are those of both sides."""
    return {
        "human.text": text,
        "human.id": id_column,
        "human.group": group,
        "human.origin": origin,
        "stream.text": text,
        "stream.id": id_column,
        "stream.recipe": recipe,
        "stream.parents": parents,
        "stream.group": stream_group,
    }


def _human_base(paths: list[str], *, reserve: bool) -> dict[str, Any]:
    """Return what --human and --reserve set; either takes the place of the other in the settings file.

    Raises:
        ConfigError: both are given.
    """
    if paths and reserve:
        raise ConfigError(["human documents come from files or from the reserve: leave out the files, or --reserve"])
    if not paths and not reserve:
        return {}
    return {"human.paths": tuple(paths), "human.reserve": reserve}


def _absolute(paths: list[str] | None) -> list[str]:
    """Return paths that mean the same when a run is resumed from another folder."""
    return [os.path.abspath(path) for path in paths or []]  # noqa: PTH100  (a glob is no path yet)


if __name__ == "__main__":
    main()
