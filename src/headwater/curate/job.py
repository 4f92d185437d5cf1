"""A curation of files: two passes over the shards of a corpus with the search for copies between them.

    plan        what is read in which shards; depends on the files and settings only
    measure     every shard by itself: read, measure, keep documents and values
    resolve     copies among all documents, and of what is already held
    finish      every shard by itself: decide, write kept, dropped and signals

Every shard is a task of an engine, written whole or not at all and noted when it is complete; a job that is stopped
goes on with the shards that have no note. Everything is ordered by shard and place, so that the bytes that come out
are the same for any engine and number of workers.
"""

import os
import resource
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from headwater import __version__
from headwater.curate.cautions import cautions
from headwater.curate.claim import check_same, claimed
from headwater.curate.concluding import Ended, conclude
from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.copies import held_span_batches, span_batches
from headwater.curate.evaluation_sets import read_evaluation_set
from headwater.curate.finishing import Finished, FinishTask, finish_shard, read_finished
from headwater.curate.held import HeldTask, hold_shard
from headwater.curate.measuring import Columns, Fault, Measured, MeasureTask, context_schema, measure_shard, read_note
from headwater.curate.outputs import Folder, OutputFormat
from headwater.curate.pairs import Resolved, find_copies, wanted_places
from headwater.curate.reasons import Reason
from headwater.curate.result import CurateResult, FailedShard
from headwater.curate.rules import Rule
from headwater.curate.sentences import resolve_spans
from headwater.curate.settings import CurateSettings
from headwater.curate.sql_rule import SqlRule
from headwater.curate.steps import Steps, named, section_of, steps_of
from headwater.curate.warming import compile_first, compiled
from headwater.engine import Done, Engine, Failed, Operator, Standing, operator_key
from headwater.engine.attempt import forget_peak, peak_bytes
from headwater.errors import InputError, StoreError
from headwater.schema import digest
from headwater.sources import RejectKind, ShardPlan, expand_paths, plan_shards

Progress = Callable[[int, int, str], None]
"""Told how much is done, of how much, and what is being done."""

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class More:
    """What documents are compared with, besides what the settings name."""

    held: tuple[Path, ...] = ()
    """Files with what is held already."""
    operators: tuple[Operator, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Rules on what these operators measure."""

    def and_also(self, other: "More") -> "More":
        """Return both together."""
        return More(self.held + other.held, self.operators + other.operators, self.rules + other.rules)


NOTHING_MORE = More()


@dataclass(frozen=True, slots=True)
class Finding:
    """A job as it goes on: what is read, what is done with it, and where it goes."""

    plan: ShardPlan
    held: ShardPlan | None
    """What is held already."""
    steps: Steps
    settings: CurateSettings
    columns: Columns
    folder: Folder
    output_format: OutputFormat


SHARD_BYTES = 32 << 20
"""Size of a shard on disk: a few seconds of work, so that workers share few files and little is done again."""

_LARGE_BYTES = 1 << 30
"""Input whose copies take so much memory to find that workers are ended meanwhile; starting them again is a second."""


def plan_curation(paths: Sequence[str | Path], settings: CurateSettings, shard_bytes: int = SHARD_BYTES) -> ShardPlan:
    """Return what a curation of files reads, in which shards.

    Raises:
        InputError: paths or columns that cannot be used.
    """
    columns = settings.columns
    return plan_shards(paths, text=columns.text, id=columns.id, html=columns.html, shard_bytes=shard_bytes)


def foreseen_steps(settings: CurateSettings) -> Steps:
    """Return the steps that settings ask for, without those that need an index of what documents are compared with.

    Raises:
        ConfigError: settings are wrong.
    """
    later = {Reason.EVALUATION_OVERLAP, Reason.PANEL_DOCUMENT, Reason.PANEL_OVERLAP}
    thresholds = {reason: value for reason, value in settings.thresholds.items() if reason not in later}
    return steps_of(settings.model_copy(update={"thresholds": thresholds}))


def curate_files(
    paths: Sequence[str | Path],
    settings: CurateSettings,
    out: Path,
    engine: Engine,
    progress: Progress = lambda done, total, what: None,
    *,
    output_format: OutputFormat = "parquet",
    restart: bool = False,
    shard_bytes: int = SHARD_BYTES,
    more: Callable[[Path], More] = lambda folder: NOTHING_MORE,
    page: Callable[[CurateResult], None] = lambda result: None,
) -> CurateResult:
    """Curate files into a folder and return what was found.

    Args:
        paths: files, folders and glob patterns.
        settings: what is measured and decided.
        out: the folder; what another curation left there unfinished is gone on with where it is the same one.
        engine: carries out the shards.
        progress: told what is being done.
        output_format: format of the kept and dropped documents.
        restart: throw away what an earlier curation left in the folder.
        shard_bytes: size of a shard on disk. It does not change what is decided, only how files are cut.
        more: makes what is compared with besides, in the folder for working files; called again on resuming.
        page: writes the report; a curation counts as finished only afterwards.

    Raises:
        InputError: paths or columns that cannot be used.
        StoreError: the folder cannot be written, or holds something else.
        LockedError: another curation is writing to the folder.
    """
    begun = time.monotonic()
    folder = Folder(out)
    progress(0, 0, "looking at the input")
    plan = plan_curation(paths, settings, shard_bytes)
    _check_apart(paths, plan, out)
    foreseen_steps(settings)  # a fault in the settings is found before anything is written or removed
    columns = Columns.of(plan.schema, settings.columns.text, settings.columns.id, settings.columns.source)
    with claimed(folder, "curation", restart=restart):
        added = _evaluation(settings, folder).and_also(more(folder.work))
        steps = steps_of(settings, added.operators, added.rules)
        held_paths: tuple[str | Path, ...] = (*settings.held.paths, *added.held)
        held = plan_shards(held_paths, text=settings.columns.text, shard_bytes=shard_bytes) if held_paths else None
        job = Finding(plan, held, steps, settings, columns, folder, output_format)
        _check_steps(steps, plan, columns)
        check_same(folder, "curation", _key(job), restart=restart)
        if not compiled():
            progress(0, 0, "compiling for this machine, once; about half a minute")
            compile_first(steps.operators)
        costs = _Costs()
        phase = _Phase(engine, progress, costs)
        held_signatures = _hold(job, phase)
        measured, failed = _measure(job, phase)
        progress(0, 0, "looking for copies")
        if plan.size_bytes > _LARGE_BYTES:
            phase.rest()
        copies = _resolve(job, measured, held_signatures)
        cuts = _resolve_spans(job, measured, held_signatures, copies)
        finished, also_failed = _finish(job, phase, measured, copies, cuts)
        failed.update(also_failed)
        progress(0, 0, "counting")
        phase.rest()

        def whole(result: CurateResult) -> CurateResult:
            """Return a result with what it took up to now: counting takes time and memory too."""
            seconds = time.monotonic() - begun
            return replace(result, seconds=seconds, cpu_seconds=costs.cpu_seconds, peak_rss_mb=costs.peak_mb)

        ended = _ended(job, engine, measured, finished, failed, copies, cuts, costs, begun)
        return whole(conclude(ended, lambda result: page(whole(result))))


def _check_apart(paths: Sequence[str | Path], plan: ShardPlan, out: Path) -> None:
    """Make sure that what is written is never read, not even when the curation is gone on with."""
    inside = out.resolve()
    for given in map(Path, paths):
        if given.is_dir() and inside.is_relative_to(given.resolve()):
            raise InputError(
                f"{out} lies in {given}, which is read, and so would be what is written there. Give another folder, "
                "outside of it, with --out."
            )
    for file in plan.files:
        path = Path(file.path)
        if path.exists() and path.resolve().is_relative_to(inside):
            raise InputError(
                f"{file.path} lies in {out}, where the curation is to be written. Give another folder with --out."
            )


def _check_steps(steps: Steps, plan: ShardPlan, columns: Columns) -> None:
    """Find what is wrong with rules of the user's and the tokenizer before anything is read.

    Raises:
        ConfigError, InputError, MissingExtraError: as they say it.
    """
    schema = context_schema(plan.schema, columns, steps)
    for operator in steps.operators:
        if isinstance(operator, SqlRule):
            with named(section_of(operator)):
                operator.check(schema)
        names = set(operator.adds.names)
        schema = pa.schema([*(field for field in schema if field.name not in names), *operator.adds])
    if steps.tokens is not None:
        steps.tokens.check()


def _evaluation(settings: CurateSettings, folder: Folder) -> More:
    """Return the search for leaks of evaluation sets, with their index made where it is not there yet."""
    sets = settings.evaluation
    if not sets.paths:
        return NOTHING_MORE
    # Named by the files as they are: an index of others would leave out leaks unseen.
    files = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in expand_paths(sets.paths)]
    index = folder.work / f"evaluation-{digest([files, sets.columns, sets.ngram])}.arrow"
    if not index.exists():
        write_evaluation_index(index, read_evaluation_set(sets.paths, sets.columns), n=sets.ngram)
    rule = Rule(Reason.EVALUATION_OVERLAP, "evaluation_ngrams", "above", 0, "leaks")
    return More(operators=(EvaluationOverlap(str(index)),), rules=(rule,))


def _key(job: Finding) -> str:
    return digest(
        [
            __version__,
            job.plan.key,
            job.held.key if job.held is not None else "",
            [operator_key(operator) for operator in job.steps.operators],
            job.settings.model_dump(mode="json"),
            job.output_format,
        ]
    )


class _Costs:
    """What the work took, in all processes."""

    def __init__(self) -> None:
        self._here = f"{socket.gethostname()}:{os.getpid()}"
        self._begun = time.process_time()
        self._others_seconds = 0.0
        self._peaks: dict[str, int] = {}
        self.gone_on_with = 0  # shards that an earlier run measured
        self._most = 0
        forget_peak()

    def add(self, done: Done[Any]) -> None:
        """Add what a task took; what was done in this process is counted with the rest of it."""
        worker = done.usage.worker
        if worker != self._here:
            self._others_seconds += done.usage.cpu_seconds
            self._peaks[worker] = max(self._peaks.get(worker, 0), done.usage.peak_bytes)

    def workers_rest(self) -> None:
        """Note that this process goes on alone: what is held at once are its own peak and that of no worker."""
        self._most = self._peak_bytes
        self._peaks.clear()
        forget_peak()

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of this process since the beginning, and of all tasks elsewhere."""
        return time.process_time() - self._begun + self._others_seconds

    @property
    def peak_mb(self) -> float:
        """The most that this process and its workers can have held at one moment, in MB."""
        return self._peak_bytes / 1e6

    @property
    def _peak_bytes(self) -> int:
        here = peak_bytes() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return max(self._most, here + sum(self._peaks.values()))


@dataclass(frozen=True, slots=True)
class _Phase:
    """How the tasks of a phase are carried out and followed."""

    engine: Engine
    progress: Progress
    costs: _Costs

    def map(
        self,
        function: Callable[[TaskT], ResultT],
        tasks: Sequence[TaskT],
        what: str,
        *,
        name: Callable[[TaskT], str],
        size: Callable[[TaskT], int],
    ) -> Iterator[Done[ResultT] | Failed]:
        """Yield how each task ended."""

        def tell(standing: Standing) -> None:
            self.progress(standing.done_bytes >> 20, standing.total_bytes >> 20, standing_words(what, standing))

        for outcome in self.engine.map(function, tasks, name=name, size=size, tell=tell):
            if isinstance(outcome, Done):
                self.costs.add(outcome)
            yield outcome

    def rest(self) -> None:
        """Give back what the workers hold: what follows is done here, and takes memory."""
        if self.engine.rest():
            self.costs.workers_rest()


def standing_words(what: str, standing: Standing) -> str:
    """Return how far a phase is, for a person: shards, rate and time left."""
    words = [what, f"{standing.done} of {standing.total} parts"]
    if standing.bytes_per_second:
        words.append(f"{standing.bytes_per_second / 1e6:,.1f} MB/s")
    left = standing.seconds_left
    if left is not None and standing.done < standing.total:
        words.append(f"{left:,.0f} s left" if left < 120 else f"{left / 60:,.0f} min left")
    if standing.failed:
        words.append(f"{standing.failed} failed")
    return ", ".join(words)


def _measure(job: Finding, phase: _Phase) -> tuple[dict[int, Measured], dict[int, FailedShard]]:
    """Return every shard after the first pass, and those that could not be worked on."""
    files = _names(job.plan)
    notes = {shard.number: job.folder.done("measured", shard.number) for shard in job.plan.shards}
    measured = {
        number: found
        for number, note in notes.items()
        if job.folder.measured(number).exists() and (found := read_note(note)) is not None
    }
    phase.costs.gone_on_with = len(measured)
    tasks = [
        MeasureTask(
            shard,
            files,
            job.plan.layout,
            job.steps,
            job.columns,
            job.folder.measured(shard.number),
            notes[shard.number],
            job.folder.shard_rejects(shard.number),
        )
        for shard in job.plan.shards
        if shard.number not in measured
    ]
    failed = {}
    name, size = (lambda task: str(task.shard)), (lambda task: task.shard.size_bytes)
    for outcome in phase.map(measure_shard, tasks, "measuring", name=name, size=size):
        shard = tasks[outcome.index].shard
        if isinstance(outcome, Failed):
            failed[shard.number] = FailedShard(_shown(shard.parts[0].file.path), _shown(str(shard)), outcome.error)
        else:
            measured[shard.number] = outcome.value
    return dict(sorted(measured.items())), failed


def _hold(job: Finding, phase: _Phase) -> list[Path]:
    """Return the signatures of everything that is held already, by shard.

    Raises:
        StoreError: a part of it cannot be read; without it, what repeats it would stay.
    """
    operators = tuple(one for one in (job.steps.signatures, job.steps.spans) if one is not None)
    if job.held is None or not operators:
        return []
    own_id = Columns.of(job.held.schema, job.held.layout.settings.text, None, None).id
    paths = [job.folder.held(shard.number) for shard in job.held.shards]
    tasks = [
        HeldTask(shard, job.held.layout, own_id, operators, path)
        for shard, path in zip(job.held.shards, paths, strict=True)
        if not path.exists()
    ]
    name, size = (lambda task: str(task.shard)), (lambda task: task.shard.size_bytes)
    for outcome in phase.map(hold_shard, tasks, "reading what is held", name=name, size=size):
        if isinstance(outcome, Failed):
            raise StoreError(
                f"what is held already cannot be read: {outcome.name}: {outcome.error} Put it right and give the same "
                "command again; finished parts are kept."
            )
    return paths


def _resolve(job: Finding, measured: Mapping[int, Measured], held: Sequence[Path]) -> Resolved | None:
    """Return the copies among all documents, or None where they are not looked for."""
    if job.steps.signatures is None:
        return None
    folder = job.folder
    shutil.rmtree(folder.temp, ignore_errors=True)  # of a run that was killed
    signals = [folder.measured(number) for number in measured]
    return find_copies(
        signals, list(measured), held, job.settings.duplicates, folder.work / "copies.parquet", folder.temp
    )


def _resolve_spans(
    job: Finding, measured: Mapping[int, Measured], held: Sequence[Path], copies: Resolved | None
) -> Path | None:
    """Find what earlier documents have of each, and return the folder where that is; None where nothing is cut."""
    if job.steps.spans is None:
        return None
    folder = job.folder.cuts
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed; its lists would be gone on with
    resolve_spans(
        (
            span_batches(job.folder.measured(number), copies.path if copies is not None else None, place)
            for place, number in enumerate(measured)
        ),
        folder,
        held=(held_span_batches(path) for path in held),
    )
    return folder


def _finish(
    job: Finding, phase: _Phase, measured: Mapping[int, Measured], copies: Resolved | None, cuts: Path | None
) -> tuple[dict[int, Finished], dict[int, FailedShard]]:
    """Return every shard after the second pass, and those that could not be worked on."""
    files = _names(job.plan)
    sizes = {shard.number: shard.size_bytes for shard in job.plan.shards}
    names = {shard.number: str(shard) for shard in job.plan.shards}
    wanted = wanted_places(copies)
    among = {number: place for place, number in enumerate(measured)}
    left_out = None if any(one.rest for one in measured.values()) else job.plan.layout.rest
    tasks = [
        FinishTask(
            number,
            files,
            job.folder,
            job.settings.columns.text,
            job.columns.id,
            job.steps,
            copies.path if copies is not None else None,
            cuts,
            among[number],
            job.output_format,
            wanted.get(number, ()),
            left_out,
        )
        for number in measured
    ]
    finished = {task.shard: found for task in tasks if (found := read_finished(task)) is not None}
    tasks = [task for task in tasks if task.shard not in finished]
    failed = {}
    name, size = (lambda task: names[task.shard]), (lambda task: sizes[task.shard])
    for outcome in phase.map(finish_shard, tasks, "deciding", name=name, size=size):
        number = tasks[outcome.index].shard
        if isinstance(outcome, Failed):
            shard = job.plan.shards[number]
            failed[number] = FailedShard(_shown(shard.parts[0].file.path), _shown(str(shard)), outcome.error)
        else:
            finished[number] = outcome.value
    return dict(sorted(finished.items())), failed


def _names(plan: ShardPlan) -> tuple[str, ...]:
    """Return the names of the files of a plan, by number, for tables and people."""
    return tuple(_shown(file.path) for file in plan.files)


def _shown(path: str) -> str:
    """Return a path as text: the bytes of a name that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _ended(
    job: Finding,
    engine: Engine,
    measured: Mapping[int, Measured],
    finished: Mapping[int, Finished],
    failed: Mapping[int, FailedShard],
    copies: Resolved | None,
    cuts: Path | None,
    costs: _Costs,
    begun: float,
) -> Ended:
    bad: Counter[str] = Counter()
    for number in finished:
        bad.update(measured[number].bad)
    return Ended(
        folder=job.folder,
        files=_names(job.plan),
        held_files=_names(job.held) if job.held is not None else (),
        held=tuple(job.folder.held(shard.number) for shard in job.held.shards) if job.held is not None else (),
        size_bytes=job.plan.size_bytes,
        settings=job.settings,
        steps=job.steps,
        own_id=job.columns.id,
        output_format=job.output_format,
        copies=copies,
        cuts=cuts,
        compared=tuple(measured),
        read=sum(measured[number].read for number in finished),
        bad=dict(bad.most_common()),
        finished=finished,
        failed=tuple(failed[number] for number in sorted(failed)),
        warnings=_warnings(job, failed, bad, [measured[number].faults for number in finished], costs),
        engine=engine.name,
        workers=engine.workers,
        seconds=time.monotonic() - begun,
        cpu_seconds=costs.cpu_seconds,
        peak_rss_mb=costs.peak_mb,
    )


_HALVED = {
    RejectKind.TRUNCATED_FILE: "broke off or could not be decoded",
    RejectKind.CHANGED_FILE: "vanished or changed while it was read",
    RejectKind.EXPANDS_TOO_MUCH: "grew beyond all measure when it was unpacked",
}


def _warnings(
    job: Finding,
    failed: Mapping[int, FailedShard],
    bad: Mapping[str, int],
    faults: Sequence[Mapping[str, Fault]],
    costs: _Costs,
) -> tuple[str, ...]:
    warnings = list(cautions(job.settings, job.steps.rules, origins=job.columns.origin is not None))
    warnings += job.plan.remarks
    warnings += [
        f"in {bad[kind]:,} place{'s' * (bad[kind] != 1)} a file {what}: what came before is in the output, how many "
        "documents are missing nobody knows. rejects.jsonl names the files."
        for kind, what in _HALVED.items()
        if bad.get(kind)
    ]
    warnings += _fault_words(faults)
    if costs.gone_on_with:
        warnings.append(
            f"gone on with: {costs.gone_on_with} of {len(job.plan.shards)} parts were measured by an earlier run. "
            "Seconds, CPU and memory are of this run alone, so the rate says nothing."
        )
    if failed:
        warnings.append(
            f"{len(failed)} of {len(job.plan.shards)} parts failed. Their documents are in no output and not counted; "
            "give the same command again to work on them."
        )
    return tuple(warnings)


def _fault_words(faults: Sequence[Mapping[str, Fault]]) -> list[str]:
    """Return what is said of operators that failed on documents."""
    found: dict[str, Fault] = {}
    for part in faults:
        for section, fault in part.items():
            found[section] = found[section] + fault if section in found else fault
    return [
        f"{section} failed on {one.documents:,} document{'s' * (one.documents != 1)}, which count as bad, neither kept "
        f"nor dropped. The first time with: {one.message}"
        for section, one in found.items()
    ]
