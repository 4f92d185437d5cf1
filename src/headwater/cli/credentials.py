"""``headwater credentials``: the content credentials of files."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.jobs import AsJson


def credentials(
    paths: Annotated[list[Path], typer.Argument(help="Files: images, PDF and office documents, audio, video.")],
    *,
    trust_anchors: Annotated[
        Path | None, typer.Option(help="PEM file of certificates whose signatures are trusted. None: nobody's are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the content credentials (C2PA) of files: who made them how, by whose signature."""
    from headwater.cli.output import print_json
    from headwater.origin.marks import read_file_credentials
    from headwater.sources import format_of

    anchors = trust_anchors.read_text("utf-8") if trust_anchors else ""
    found = [(path, read_file_credentials(path, trust_anchors=anchors)) for path in paths]
    if as_json:
        rows = [
            {
                "file": str(path),
                "credentials": [
                    {"origin": one.origin.value, "status": one.status.value, "detail": one.detail} for one in evidence
                ],
            }
            for path, evidence in found
        ]
        print_json({"files": rows})
        return
    for path, evidence in found:
        for one in evidence:
            print(f"{path}: {one.origin.value} ({one.status.value}) - {one.detail}")
        if not evidence and format_of(path) is None:
            print(f"{path}: no content credential, which proves nothing")
        elif not evidence:
            asked = shlex.join(["headwater", "audit", str(path)])
            print(f"{path}: holds documents; the credentials and marks in their text are read by: {asked}")
