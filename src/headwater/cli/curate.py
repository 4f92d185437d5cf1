"""``headwater curate`` and ``headwater rethreshold``: clean a corpus, and decide again from what was measured."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from headwater.cli.environment import with_environment_names
from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, pairs
from headwater.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from headwater.curate.result import Counts, CurateResult
    from headwater.curate.settings import CurateSettings

Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the documents and the report.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A threshold, as in: --set too_few_words=30, or --set curly_bracket=off. Repeat it."),
]
Format = Annotated[
    Literal["parquet", "jsonl.zst"], typer.Option("--format", help="Format of the kept and dropped documents.")
]
Check = Annotated[bool, typer.Option("--check", help="Exit with 1 when a source lost more than --most-lost.")]
MostLost = Annotated[
    float, typer.Option("--most-lost", help="Share of its documents a source may lose before it is named, 0 to 1.")
]


@with_environment_names("curate")
def curate(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Documents: files, folders or globs of jsonl (.gz, .zst), parquet, csv, text, html, WARC; Lance "
            "tables; folders saved by Hugging Face datasets; hf://datasets/OWNER/NAME/…"
        ),
    ],
    *,
    out: Out,
    rules: Annotated[str, typer.Option(help="fineweb, gopher, c4, none, or a TOML file.")] = "fineweb",
    thresholds: Set = None,
    text: Annotated[str | None, typer.Option(help="Column with the text.")] = None,
    id_column: Annotated[
        str | None, typer.Option("--id", help="Column with a unique id. Default: id, or a hash of the text.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Column that losses are counted by. Default: source, or the file.")
    ] = None,
    html: Annotated[str | None, typer.Option(help="Column with HTML pages to extract the text from.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Languages to keep, by ISO code: en,de; any: all of them.")
    ] = None,
    dedup: Annotated[
        str | None,
        typer.Option(help="Which copies to remove: exact, near, sentences, paragraphs, or off. Default: exact,near."),
    ] = None,
    one_per_source: Annotated[
        bool | None, typer.Option("--one-per-source", help="Keep one of each cluster of near copies for every source.")
    ] = None,
    prefer: Annotated[
        str | None, typer.Option(help="Origin that stays where documents are copies of each other: human or machine.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="What is held already: documents that repeat it are dropped. Repeat it."),
    ] = None,
    reserve: Annotated[
        bool | None, typer.Option("--reserve", help="Also drop what repeats the project's human reserve.")
    ] = None,
    generated: Annotated[
        bool | None, typer.Option("--generated", help="Also drop what the project generated itself.")
    ] = None,
    evaluation: Annotated[
        list[str] | None, typer.Option(help="Evaluation sets no document may share 12 words in a row with. Repeat it.")
    ] = None,
    panels: Annotated[
        bool | None, typer.Option("--panels", help="Also drop what overlaps with the project's sealed panels.")
    ] = None,
    personal_data: Annotated[
        str | None, typer.Option(help="E-mail and IP addresses, phone and card numbers…: find, mask or drop.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="Count tokens of the kept documents: tokenizer.json or a .tiktoken file.")
    ] = None,
    output_format: Format = "parquet",
    engine: Annotated[
        str,
        typer.Option(help="embedded (processes of this machine), ray, or ray://ADDRESS.", envvar="HEADWATER_ENGINE"),
    ] = "embedded",
    workers: Annotated[
        int | None, typer.Option(help="Processes. Default: one per core.", min=1, envvar="HEADWATER_WORKERS")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to copy the report to (.html).")] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away what an earlier run left in the folder.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Check = False,
    most_lost: MostLost = 0.5,
) -> None:
    """Clean a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons.

    Stopped, it goes on where it was when the same command is given again.
    """
    from headwater.curate.settings import curate_settings
    from headwater.project import Project

    copies = _copies(dedup)
    settings = curate_settings(
        rules,
        {
            **{f"thresholds.{reason}": value for reason, value in thresholds_of(thresholds or []).items()},
            "columns.text": text,
            "columns.id": id_column,
            "columns.source": source,
            "columns.html": html,
            "languages.keep": _languages(language),
            **{f"duplicates.{kind}": kind in copies for kind in _COPIES if copies is not None},
            "duplicates.one_per_source": one_per_source,
            "duplicates.prefer": prefer,
            "held.paths": against,
            "held.reserve": reserve,
            "held.generated": generated,
            "evaluation.paths": evaluation,
            "evaluation.panels": panels,
            "personal_data.action": personal_data,
            "tokenizer": tokenizer,
        },
    )
    _check_share(most_lost)
    place = Project(project)
    if dry_run:
        _print_plan(paths, settings, out, as_json=as_json)
        return
    # Gone on with, it must not throw away what there is.
    resume = shlex.join(["headwater", *(word for word in sys.argv[1:] if word != "--restart")])
    result = _carried_out(
        lambda progress: place.curate(
            paths,
            settings,
            out,
            progress,
            output_format=output_format,
            engine=engine,
            workers=workers,
            report=report,
            restart=restart,
        ),
        f"Interrupted. Finished parts are kept; go on with: {resume}",
        quiet=quiet,
    )
    _print(result, as_json=as_json, most_lost=most_lost)
    _exit(result, check=check, most_lost=most_lost)


@with_environment_names("rethreshold")
def rethreshold(
    folder: Annotated[Path, typer.Argument(help="Folder that headwater curate wrote.")],
    *,
    thresholds: Set = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the documents decided anew. Default: only say what would change."),
    ] = None,
    output_format: Format = "parquet",
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Check = False,
    most_lost: MostLost = 0.5,
) -> None:
    """Decide again with other thresholds, from the stored values, without reading or measuring any text."""
    from headwater.curate.again import counts_before
    from headwater.project import Project

    changes = thresholds_of(thresholds or [])
    _check_share(most_lost)
    before = counts_before(folder)
    result = _carried_out(
        lambda progress: Project(Path()).rethreshold(folder, changes, out, progress, output_format=output_format),
        "Interrupted. The curation in the folder is as it was; what was begun is made anew by the same command.",
        quiet=quiet,
    )
    _print_again(result, before, out, as_json=as_json, most_lost=most_lost)
    _exit(result, check=check, most_lost=most_lost)


def thresholds_of(given: list[str]) -> dict[str, float | bool]:
    """Return ``reason=value`` arguments as thresholds; ``off`` is False.

    Raises:
        ConfigError: a value is neither a number nor ``off``; every fault is named.
    """
    found: dict[str, float | bool] = {}
    faults = []
    for reason, value in pairs(given, "--set").items():
        if value.lower() in {"off", "false", "none"}:
            found[reason] = False
            continue
        try:
            found[reason] = float(value)
        except ValueError:
            faults.append(f"--set {reason}={value}: write a number, or off")
    if faults:
        raise ConfigError(faults, "the command")
    return found


_COPIES = ("exact", "near", "sentences", "paragraphs")


def _copies(given: str | None) -> frozenset[str] | None:
    if given is None:
        return None
    names = {name.strip() for name in given.split(",") if name.strip()}
    if names == {"off"}:
        return frozenset()
    unknown = sorted(names - set(_COPIES))
    if unknown or not names:
        wrong = unknown[0] if unknown else given
        known = ", ".join(_COPIES)
        raise ConfigError(
            [f"--dedup {given}: {wrong!r} is none of {known}, or off.{did_you_mean(wrong, _COPIES)}"], "the command"
        )
    return frozenset(names)


def _languages(given: str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    codes = tuple(code.strip().lower() for code in given.split(",") if code.strip())
    return () if codes == ("any",) else codes


def _check_share(most_lost: float) -> None:
    if not 0 <= most_lost <= 1:
        raise ConfigError(
            [f"--most-lost {most_lost:g}: a share lies between 0 and 1; write 0.5 for half"], "the command"
        )


def _carried_out(job: Any, interrupted: str, *, quiet: bool) -> Any:
    from headwater.cli.progress import progress_on

    try:
        with _standard_output_kept(), progress_on(sys.stderr.isatty(), quiet=quiet) as progress:
            return job(progress)
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        raise typer.Exit(130) from None


@contextmanager
def _standard_output_kept() -> Iterator[None]:
    """Have what libraries print go to standard error: standard output carries the result and nothing else."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _exit(result: "CurateResult", *, check: bool, most_lost: float) -> None:
    """End with 2 where a part could not be worked on, with 1 where a source lost too much and that is asked for."""
    from headwater.cli.curate_output import alarming

    if result.failed:
        raise typer.Exit(2)
    if check and alarming(result, most_lost):
        raise typer.Exit(1)


def _print_plan(paths: list[str], settings: "CurateSettings", out: Path, *, as_json: bool) -> None:
    from headwater.cli.curate_output import plan_json, plan_summary
    from headwater.cli.output import print_json
    from headwater.curate import plan_curation
    from headwater.curate.job import foreseen_steps

    steps, plan = foreseen_steps(settings), plan_curation(paths, settings)
    if as_json:
        print_json({"plan": plan_json(plan, steps, settings, out)})
    else:
        print(plan_summary(plan, steps, settings, out))


def _print(result: "CurateResult", *, as_json: bool, most_lost: float) -> None:
    from headwater.cli.curate_output import curate_json, curate_summary
    from headwater.cli.output import print_json

    if as_json:
        print_json(curate_json(result))
    else:
        print(curate_summary(result, most_lost))


def _print_again(
    result: "CurateResult", before: "Counts", out: Path | None, *, as_json: bool, most_lost: float
) -> None:
    from headwater.cli.curate_output import curate_json, rethreshold_summary
    from headwater.cli.output import print_json

    if as_json:
        print_json({**curate_json(result), "out": None if out is None else str(out), "kept_before": before.kept})
    else:
        print(rethreshold_summary(result, before, out, most_lost))
