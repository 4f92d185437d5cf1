"""``headwater audit``: how much of a corpus is machine-made, group by group and document by document."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, RunId, Seed, carry_out
from headwater.errors import ConfigError

if TYPE_CHECKING:
    from headwater.origin import AuditResult
    from headwater.project import Project


def audit(
    paths: Annotated[list[str], typer.Argument(help="Documents to audit: files, folders or globs.")],
    *,
    text: Annotated[str | None, typer.Option(help="Column with the text, of all files.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column with a unique id.")] = None,
    by: Annotated[
        str | None, typer.Option(help="Columns to group by, separated by commas. month and year come from the date.")
    ] = None,
    human: Annotated[
        list[str] | None, typer.Option(help="Known human text of this kind: files, folders or globs. Repeat it.")
    ] = None,
    reserve: Annotated[
        bool | None, typer.Option("--reserve", help="Take the project's own reserve as known human text.")
    ] = None,
    machine: Annotated[
        list[str] | None, typer.Option("--ai", help="Known machine text: files, folders or globs. Repeat it.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column naming the unit of independence: article, author, site.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Column with the date a document was first seen.")] = None,
    dated_by: Annotated[str | None, typer.Option(help="Who vouches for the dates.")] = None,
    origin: Annotated[str | None, typer.Option(help="Column saying human, machine, mixed or unknown.")] = None,
    attested_by: Annotated[str | None, typer.Option(help="Who vouches for the origin column.")] = None,
    detector: Annotated[str | None, typer.Option(help="Folder of a detector made by: headwater detector fit")] = None,
    thorough: Annotated[
        bool | None,
        typer.Option("--thorough", help="The slower form of the detector; compare: headwater detector card --thorough"),
    ] = None,
    lm: Annotated[
        str | None,
        typer.Option("--lm", hidden=True, help="Not taken here: language models come with a fitted detector."),
    ] = None,
    keys: Annotated[str | None, typer.Option(help="TOML file with the keys of watermarks to look for.")] = None,
    trust_anchors: Annotated[
        str | None, typer.Option(help="PEM file of certificates whose content credentials are trusted. None: nobody's.")
    ] = None,
    fdr: Annotated[
        float | None, typer.Option(help="Share of the machine-like verdicts that may be wrong. Default: 0.05.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Machine-made share the cost arithmetic assumes. None: as estimated.")
    ] = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the documents with their origin (.jsonl, .jsonl.gz, .jsonl.zst, .parquet)."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to copy the report to (.html).")] = None,
    run_id: RunId = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Annotated[
        float | None,
        typer.Option("--check", help="Exit with 1 when the machine-made share of a group may exceed this, 0 to 1."),
    ] = None,
) -> None:
    """Say how much of a corpus is machine-made, with an interval or the reason why that cannot be known."""
    from headwater.project import Project

    if lm is not None:
        raise ConfigError(
            [
                "--lm: an audit takes language models from a detector that was fitted with them, so that a card shows "
                "what they are worth on known texts before they count. First: headwater detector fit --human FILES "
                f"--ai FILES --lm {lm} --out FOLDER. Then: headwater audit PATHS --detector FOLDER"
            ]
        )
    if check is not None and not 0 <= check <= 1:
        raise ConfigError([f"--check {check:g}: a share lies between 0 and 1; write 0.2 for 20%"], "the command")
    place = Project(project)
    settings = place.settings(
        {
            "seed": seed,
            "audit.paths": absolute(paths),
            "audit.text": text,
            "audit.id": id_column,
            "audit.by": tuple(filter(None, map(str.strip, by.split(",")))) if by is not None else None,
            "audit.human": absolute(human),
            "audit.reserve": reserve,
            "audit.machine": absolute(machine),
            "audit.group": group,
            "audit.date": date,
            "audit.dated_by": dated_by,
            "audit.origin": origin,
            "audit.attested_by": attested_by,
            "audit.detector": detector and str(Path(detector).resolve()),
            "audit.thorough": thorough,
            "audit.keys": keys and str(Path(keys).resolve()),
            "audit.trust_anchors": trust_anchors and str(Path(trust_anchors).resolve()),
            "audit.fdr": fdr,
            "audit.prevalence": prevalence,
        }
    )
    result: AuditResult = carry_out(
        place,
        lambda progress, started: place.audit(
            settings, progress, run_id=run_id, started=started, out=out, report=report
        ),
        quiet=quiet,
    )
    print_audit(place, result, as_json=as_json)
    if check is not None and any(one.estimate.high is None or one.estimate.high > check for one in result.groups):
        raise typer.Exit(1)


def print_audit(place: "Project", result: "AuditResult", *, as_json: bool) -> None:
    """Print what an audit found."""
    from headwater.cli.audit_output import audit_json, audit_summary
    from headwater.cli.output import print_json

    page = str(place.report(result.run))
    if as_json:
        print_json(audit_json(result, page))
    else:
        print(audit_summary(result, page))


def absolute(paths: list[str] | None) -> tuple[str, ...] | None:
    """Return paths that mean the same in any folder, so that a run can be resumed from elsewhere."""
    return tuple(str(Path(path).absolute()) for path in paths) if paths else None
