"""The end of a curation: everything is counted and checked, and what stands for the whole is written."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headwater import __version__
from headwater.curate.claim import clear_work, sweep
from headwater.curate.examples import merged_samples
from headwater.curate.finishing import Finished
from headwater.curate.outputs import Folder, OutputFormat
from headwater.curate.pairs import Resolved, pair_samples, write_copied, write_pairs
from headwater.curate.result import Counts, CurateResult, FailedShard
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.settings import CurateSettings
from headwater.curate.steps import Steps
from headwater.curate.summary import summarise
from headwater.errors import HeadwaterError, InputError, StoreError
from headwater.schema import SCHEMA_VERSION
from headwater.store import replaced_file, write_json


@dataclass(frozen=True, slots=True)
class Ended:
    """A curation whose shards are all through."""

    folder: Folder
    files: tuple[str, ...]
    """The input, by number of the file."""
    held_files: tuple[str, ...]
    held: tuple[Path, ...]
    """Signatures of what is held, in their order."""
    size_bytes: int
    settings: CurateSettings
    steps: Steps
    own_id: str | None
    """Name of the column with the user's ids."""
    output_format: OutputFormat
    copies: Resolved | None
    cuts: Path | None
    """Folder of what was cut out of the documents."""
    compared: tuple[int, ...]
    """Numbers of the shards in which copies were looked for, in order."""
    read: int
    bad: Mapping[str, int]
    finished: Mapping[int, Finished]
    """What became of each shard, by number."""
    failed: tuple[FailedShard, ...]
    warnings: tuple[str, ...]
    engine: str
    workers: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float


def conclude(ended: Ended, page: Callable[[CurateResult], None]) -> CurateResult:
    """Count a curation, write what stands for the whole of it, and return what was found.

    The manifest comes last. Where parts failed there is none, so that the same command takes them up again.

    Args:
        ended: the curation.
        page: writes the report.

    Raises:
        HeadwaterError: every part failed.
        StoreError: documents were lost or counted twice, which must never happen.
    """
    if not ended.finished:
        first = ended.failed[0]
        raise HeadwaterError(
            f"none of the {len(ended.failed)} parts could be worked on. The first, {first.part}: {first.error}"
        )
    folder, copies = ended.folder, ended.copies
    result = _counted(ended)
    signals = [folder.signals(number) if number in ended.finished else None for number in ended.compared]
    if copies is not None:
        write_pairs(copies, signals, ended.held, ended.files, ended.held_files, folder.pairs)
    if ended.cuts is not None:
        write_copied(ended.cuts, signals, ended.held, ended.files, ended.held_files, folder.copied)
    _join_rejects(ended)
    page(result)
    sweep(folder)
    if not ended.failed:
        write_json(folder.manifest, _manifest(ended, result))
        clear_work(folder)
    return result


def _counted(ended: Ended) -> CurateResult:
    finished = ended.finished
    counts = Counts(
        ended.read,
        sum(one.kept for one in finished.values()),
        sum(one.dropped for one in finished.values()),
        sum(ended.bad.values()),
    )
    summary = summarise(
        ended.folder,
        list(finished),
        ended.steps.rules,
        tokens=ended.steps.tokens is not None,
        copies=ended.copies is not None,
        own_ids=ended.own_id is not None,
    )
    if not counts.adds_up or (summary.documents, summary.kept) != (counts.kept + counts.dropped, counts.kept):
        raise StoreError(
            f"{counts.read} documents went in, but {counts.kept} were kept, {counts.dropped} dropped and {counts.bad} "
            f"bad; the signals count {summary.documents}, {summary.kept} of them kept. Do not use this output, and "
            "please report this as a defect."
        )
    shared = (
        [
            f"{summary.shared_ids:,} documents have an id that another one has too. Nothing is lost, but duplicate_of "
            "names more than one of them; pairs.parquet has their files and lines."
        ]
        if summary.shared_ids
        else []
    )
    samples = merged_samples(one.samples for one in finished.values())
    shown = {(number, place): one for number, part in finished.items() for place, one in part.shown.items()}
    return CurateResult(
        out=str(ended.folder.path),
        inputs=ended.files,
        documents=counts,
        bad_by_kind=ended.bad,
        rules=summary.rules,
        sources=summary.sources,
        n_sources=summary.n_sources,
        languages=summary.languages,
        origins=summary.origins,
        samples=tuple(one for rule in summary.rules for _, one in samples.get(rule.rule, [])),
        pairs=pair_samples(ended.copies, shown),
        n_pairs=ended.copies.found.removed if ended.copies is not None else 0,
        personal_data=summary.personal_data,
        tokens=summary.tokens,
        characters=summary.characters,
        kept_characters=summary.kept_characters,
        bytes=ended.size_bytes,
        seconds=ended.seconds,
        cpu_seconds=ended.cpu_seconds,
        peak_rss_mb=ended.peak_rss_mb,
        engine=ended.engine,
        workers=ended.workers,
        failed=ended.failed,
        warnings=tuple(dict.fromkeys((*ended.warnings, *shared))),
        settings=ended.settings.model_dump(mode="json"),
        versions={"headwater": __version__},
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _join_rejects(ended: Ended) -> None:
    """Write the bad records of all shards into one file, in their order; none where there are none."""
    folder = ended.folder
    parts = [path for path in map(folder.shard_rejects, ended.finished) if path.exists()]
    folder.rejects.unlink(missing_ok=True)
    if not parts:
        return
    with replaced_file(folder.rejects) as out:
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, out)


def _manifest(ended: Ended, result: CurateResult) -> dict[str, Any]:
    counts = result.documents
    return {
        "schema": SCHEMA_VERSION,
        "kind": "curation",
        "created": result.created,
        "versions": result.versions,
        "settings": result.settings,
        "rules": [asdict(rule) for rule in ended.steps.rules.rules],
        "rewrites": ended.steps.rewrites,
        "text": ended.settings.columns.text,
        "own_id": ended.own_id,
        "format": ended.output_format,
        "files": list(ended.files),
        "held_files": list(ended.held_files),
        "held": [str(path.relative_to(ended.folder.path)) for path in ended.held],
        "shards": list(ended.finished),
        "bytes": ended.size_bytes,
        "documents": {"in": counts.read, "kept": counts.kept, "dropped": counts.dropped, "bad": counts.bad},
        "bad_by_kind": dict(result.bad_by_kind),
        "warnings": list(result.warnings),
    }


def read_manifest(folder: Folder) -> dict[str, Any]:
    """Return what is on record of a finished curation.

    Raises:
        InputError: the folder holds none, or one of another version.
    """
    if not folder.manifest.is_file():
        raise InputError(
            f"{folder.path} holds no finished curation: there is no {folder.manifest.name}. Name a folder that "
            "headwater curate wrote, or finish it by giving its command again."
        )
    found: dict[str, Any] = json.loads(folder.manifest.read_bytes())
    if found.get("kind") != "curation" or found.get("schema") != SCHEMA_VERSION:
        raise InputError(
            f"{folder.manifest} is of schema {found.get('schema')!r}; this version reads {SCHEMA_VERSION}. "
            "Curate again."
        )
    return found


def rules_of(manifest: Mapping[str, Any]) -> RuleSet:
    """Return the rules of a curation from its record."""
    rules = tuple(
        Rule(
            **{
                **rule,
                "threshold": tuple(rule["threshold"]) if isinstance(rule["threshold"], list) else rule["threshold"],
            }
        )
        for rule in manifest["rules"]
    )
    return RuleSet(str(manifest["settings"]["extends"]), rules)
