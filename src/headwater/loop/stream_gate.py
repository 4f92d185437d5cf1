"""The gate alone, on the user's stream and the user's human reserve."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from headwater.config import Settings
from headwater.gate import Card, Checked, GateState, HardChecks, SeenBefore, cards, verdict_rows
from headwater.loop.comparison import StreamRecord, gain_of, judge_stream
from headwater.loop.diagnosing import (
    FilterEffect,
    check_filters,
    diagnose_stream,
    filter_effect,
    filter_warning,
    filtered,
    filters_set,
)
from headwater.loop.inputs import (
    Progress,
    fingerprint,
    reserve_version,
    split_human,
    stream_batches,
)
from headwater.loop.learners import WORK, check_commands, student_of
from headwater.loop.power import exhausted_warning, panel_warnings, power_facts
from headwater.loop.regimen import Regimen, regimen_warnings, regimens
from headwater.loop.result import CorpusFacts, PowerFacts, ReadFacts
from headwater.loop.sealing import open_panels_for, panels_of, sealed_in_reserve
from headwater.loop.student import StudentRecord, heed_student, student_warnings
from headwater.loop.versions import used_versions
from headwater.loop.world import HardChecker
from headwater.loop.worlds import human_of, stream_of, world_of
from headwater.models.payload import payload_columns
from headwater.schema import DOCUMENT, Verdict, digest
from headwater.sources import expand_paths
from headwater.store import SplitRow, toml_text


@dataclass(frozen=True, slots=True)
class GateResult:
    """What judging a stream found out."""

    run: str
    """Name of the judgement: a digest of settings, versions and the content of all files."""
    created: str
    seconds: float
    seed: int
    corpus: CorpusFacts
    stream_description: str
    reading: ReadFacts
    warnings: tuple[str, ...]
    split: tuple[SplitRow, ...]
    merged_groups: int
    power: PowerFacts
    cards: tuple[Card, ...]
    gain: StreamRecord | None
    """What training on the admitted documents does on the final panel; None where nothing was admitted."""
    admitted_documents: int
    """Documents admitted among those tested."""
    revealed: bool
    """Whether the numbers of the certification panel are shown."""
    settings: str
    versions: Mapping[str, str]
    students: tuple[StudentRecord, ...] = ()
    """What the admitted documents did to the user's own model, where a trainer is set."""
    modality: str = "text"
    """What a document is: a text, or the row of a table."""
    regimens: tuple[Regimen, ...] = ()
    """How proxy and student are trained."""
    filter_effect: FilterEffect | None = None
    """What the filters of the settings did; None where there are none."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on every recipe of a stream, ready to be applied to every document."""

    result: GateResult
    settings: Settings
    checks: HardChecker
    before: GateState
    after: GateState
    tested: Checked
    """The documents that were tested: all of them, or a sample."""
    sampled: bool
    signals: pa.Table | None
    """The signals on each tested document; None where they are no text."""
    prefix: str
    """What stands before the ids of the stream; empty unless they are those of human documents too."""

    def batches(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield the admitted documents and the verdicts, batch by batch.

        A stream that was tested as a whole is one batch, sorted by id. A larger one is read again, in its own order, in
        bounded memory: each document passes the hard checks and then has the verdict of its recipe. Near copies are
        then found within a batch only, exact ones everywhere; a chain of parents is followed within a batch.
        """
        run = self.result.run
        reveal = self.result.revealed
        verdicts = verdict_rows(self.tested, self.before, self.after, run=run, arm="gate", generation=1, reveal=reveal)
        if not self.sampled:
            yield _documents(self.after.admitted).sort_by("id"), verdicts
            return
        of_recipes = pc.starts_with(verdicts["id"], "recipe:")
        yield _documents(self.after.admitted.slice(0, 0)), verdicts.filter(of_recipes)
        assert isinstance(self.checks, HardChecks)  # rows are tested as a whole
        checks = replace(self.checks, extra=(*self.checks.extra, SeenBefore()))
        for batch in stream_batches(self.settings, prefix=self.prefix):
            checked = replace(checks.apply(batch), bars=self.tested.bars)
            rows = verdict_rows(checked, self.after, self.after, run=run, arm="gate", generation=1)
            admitted = rows.filter(pc.equal(rows["verdict"], Verdict.ADMITTED.value))
            kept = pc.is_in(checked.documents["id"], admitted["id"].combine_chunks())
            yield _documents(checked.documents.filter(kept)), rows


def judge_files(
    settings: Settings, progress: Progress, rejects: Path, *, reveal: bool = True, store: Path | None = None
) -> Judgement:
    """Return the verdict on a stream of files, judged against human documents of files or of the project's reserve.

    A judgement on the reserve opens its panels, which is written down there.

    Args:
        settings: resolved settings; ``human.paths`` and ``stream.paths`` name the files, ``human.reserve`` the reserve.
        progress: told what is being done.
        rejects: where rows that could not be used are kept.
        reveal: show the numbers of the certification panel.
        store: the folder ``.headwater`` with the reserve; needed only for it.

    Raises:
        InputError: documents cannot be used, or there are too few.
        StoreError: the panels of the reserve are not as they were sealed.
    """
    start = time.monotonic()
    check_commands(settings)
    files = [paths for paths in (settings.human.paths, settings.stream.paths) if paths]
    for paths in files:
        expand_paths(paths, arrays=settings.human.modality != "text")  # a mistyped path is found first
    rejects.unlink(missing_ok=True)  # those of an earlier call
    progress(0, 4, "reading human documents")
    human = human_of(settings, rejects, lambda detail: progress(0, 4, f"reading human documents: {detail}"), store)
    split, split_warnings = split_human(human.table, settings)
    work = None if store is None else store / WORK
    world = world_of(split, settings, human, work, lambda detail: progress(3, 4, f"measuring utility: {detail}"))
    progress(1, 4, "reading the stream")
    stream = stream_of(world, settings, rejects, lambda detail: progress(1, 4, f"reading the stream: {detail}"), human)
    check_filters(world, sampled=stream.sampled)
    progress(2, 4, "checking the stream")
    checks = world.hard_checks()
    checked = checks.apply(stream.table)
    inputs = [fingerprint(paths) for paths in files]
    reserve = store if settings.human.reserve else None
    if reserve is not None:
        inputs.append(reserve_version(reserve))
    run = digest([used_versions(settings.model.kind), settings.model_dump(), *inputs])
    if reserve is not None:
        split_warnings += open_panels_for(sealed_in_reserve(reserve, panels_of(world)), f"gate {run}")
    progress(3, 4, "measuring utility")
    share = settings.trainer.machine_share
    gates = 1 + filters_set(world)
    gate = world.gate(gates=gates, machine_share=1.0 if share is None else share)
    diagnosed = diagnose_stream(world, checked)
    unfiltered, checked = checked, filtered(world, checked, diagnosed)
    state = judge_stream(gate, checked)
    effect = filter_effect(world, gate, unfiltered, checked, state)
    notes = [filter_warning(effect)] if effect is not None else []
    student = student_of(settings, world.work, world.tell)
    state, record = heed_student(world, student, gate, state, "gate", 1)
    students = () if record is None else (record,)
    trained = regimens(settings, world.budget)
    power = power_facts(world, gates=gates)
    result = GateResult(
        run=run,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=round(time.monotonic() - start, 1),
        seed=settings.seed,
        corpus=human.facts,
        stream_description=stream.description,
        reading=human.reading + stream.reading,
        warnings=(
            *human.warnings,
            *split_warnings,
            *stream.warnings,
            *exhausted_warning(status.reason for status in state.statuses.values()),
            *panel_warnings(world, power, reserve),
            *regimen_warnings(trained),
            *student_warnings(students),
            *notes,
        ),
        split=split.rows,
        merged_groups=split.merged,
        power=power,
        cards=tuple(cards(checked, state, reveal=reveal, diagnoses=diagnosed.recipes if diagnosed else None)),
        gain=gain_of(world, "headwater", state.admitted) if state.admitted.num_rows else None,
        admitted_documents=state.admitted.num_rows,
        revealed=reveal,
        settings=toml_text(settings.model_dump(exclude_none=True)),
        versions=used_versions(settings.model.kind),
        students=students,
        modality=settings.human.modality,
        regimens=trained,
        filter_effect=effect,
    )
    signals = diagnosed.documents if diagnosed is not None else None
    return Judgement(result, settings, checks, gate.start(), state, checked, stream.sampled, signals, stream.prefix)


def _documents(table: pa.Table) -> pa.Table:
    """Return the documents without the columns of the vocabulary, with the values of rows."""
    documents = table.select(DOCUMENT.names).cast(DOCUMENT)
    for name in payload_columns(table):
        documents = documents.append_column(name, table[name])
    return documents
