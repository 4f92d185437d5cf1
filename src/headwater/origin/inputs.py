"""What is wrong with the settings of an audit, found before any work is done and before a run is begun."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from headwater.config import AuditSettings
from headwater.errors import InputError
from headwater.origin.columns import check_columns, column_values
from headwater.origin.detector.detector import load_detector
from headwater.origin.marks.watermark import load_keys
from headwater.sources import Columns, read_documents

_DATE = str(AuditSettings.model_fields["date"].default)


def check_inputs(settings: AuditSettings) -> None:
    """Find the mistakes that can be found without judging a document: files that cannot be used, columns nowhere.

    A column is looked for until a document has a value in it, which is soon; only a mistyped one costs reading all.

    Raises:
        InputError: a file cannot be read, or no document has a value in a column that was named.
        ConfigError: the watermark keys cannot be used.
        MissingExtraError: a key needs a package that is not installed.
    """
    if settings.detector:
        load_detector(Path(settings.detector))
    if settings.keys:
        load_keys(Path(settings.keys))
    if settings.trust_anchors and not Path(settings.trust_anchors).is_file():
        raise InputError(f"there is no file {settings.trust_anchors} with the trust anchors. Name a PEM file.")
    columns = Columns(text=settings.text, id=settings.id, created=settings.date, origin=settings.origin)
    wanted = {*settings.by, *([settings.group] if settings.group else [])}
    missing, first = _missing(settings.paths, columns, wanted)
    if settings.group in missing:  # the references may name their groups where the corpus does not
        for paths in (settings.human, settings.machine):
            if paths and not _missing(paths, Columns(text=settings.text), {settings.group})[0]:
                missing.discard(settings.group)
                break
    check_columns([*settings.by, *([settings.group] if settings.group else [])], wanted - missing, first)
    if settings.date not in (None, _DATE) and _missing(settings.paths, columns, {"created"})[0]:
        check_columns([str(settings.date)], [], first)


def _missing(paths: Sequence[str], columns: Columns, names: set[str]) -> tuple[set[str], pa.RecordBatch]:
    """Return which columns no document has a value in, and the first documents."""
    left = set(names)
    first: pa.RecordBatch | None = None
    for batch in read_documents(paths, columns):
        first = batch if first is None else first
        left -= {name for name in left if any(value is not None for value in column_values(batch, name))}
        if not left:
            break
    assert first is not None  # an empty stream has raised
    return left, first
