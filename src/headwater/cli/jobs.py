"""What the commands that carry out a job share: their common options, progress, and how to go on after a stop."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.errors import ConfigError

if TYPE_CHECKING:
    from headwater.store import RunFolder

ProjectFolder = Annotated[
    Path, typer.Option("--project", "-C", envvar="HEADWATER_PROJECT", help="Project folder.", show_default="here")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Seed = Annotated[int | None, typer.Option(help="Every random choice follows from it.")]
RunId = Annotated[str | None, typer.Option(help="Name of the run. Default: the time and a digest.")]


def carry_out(place: Any, job: Any, *, quiet: bool) -> Any:
    """Return what a job returns; a job that is interrupted says how to go on with it.

    Args:
        place: the project.
        job: takes a function to report progress with and one that is told the run's folder.
        quiet: report nothing.
    """
    from headwater.cli.progress import progress_on

    begun: list[str] = []

    def started(folder: "RunFolder") -> None:
        begun.append(folder.id)
        if not quiet:
            print(
                f"Run {folder.id}. If it is stopped, go on with: {_resume_command(place, folder.id)}", file=sys.stderr
            )

    try:
        with progress_on(sys.stderr.isatty(), quiet=quiet) as progress:
            return job(progress, started)
    except KeyboardInterrupt:
        if begun:
            print(f"Interrupted. Go on with: {_resume_command(place, begun[0])}", file=sys.stderr)
        raise typer.Exit(130) from None


def _resume_command(place: Any, run: str) -> str:
    where = [] if place.folder == Path() else ["--project", str(place.folder)]
    return shlex.join(["headwater", "runs", "resume", run, *where])


def pairs(given: list[str], option: str) -> dict[str, str]:
    """Return ``key=value`` arguments by key.

    Raises:
        ConfigError: an argument has no key or no equals sign; every one is named.
    """
    wrong = [f"{option} {one}: write key=value" for one in given if "=" not in one or not one.partition("=")[0].strip()]
    if wrong:
        raise ConfigError(wrong, "the command")
    return {key.strip(): value.strip() for key, value in (one.split("=", 1) for one in given)}
