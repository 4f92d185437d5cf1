"""The whole run: read, split, seal, make or read the stream, check, loop, compare, and keep everything.

The run is a chain of steps. Each writes its output into a folder named after the settings and inputs it depends on,
and the folder appears only when it is complete. A killed run that is resumed therefore skips what is done and ends
with the same bytes as one that was never stopped: every step draws from its own source of randomness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.config import Settings
from headwater.gate import Card, Checked, cards, verdict_rows
from headwater.gate.diagnosis import Diagnosed, Diagnosis
from headwater.loop.ancestry import Ancestry, inbreeding_records
from headwater.loop.arms import GatedState, gated_round, next_training_set, regime_of, start_gated
from headwater.loop.comparison import StreamRecord, compare, judge_stream
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
    HumanInput,
    Progress,
    StreamInput,
    fingerprint,
    reserve_version,
    split_human,
)
from headwater.loop.learners import WORK, check_commands, student_of
from headwater.loop.power import exhausted_warning, panel_warnings, power_facts
from headwater.loop.quickstart import make_example
from headwater.loop.records import admitted_record, human_inputs
from headwater.loop.regimen import regimen_warnings, regimens, student_share
from headwater.loop.result import CorpusFacts, ReadFacts, RoundRecord, RunResult
from headwater.loop.saved import load, load_gated, load_table, save, save_gated
from headwater.loop.sealing import open_panels_for, panels_of, sealed_in_reserve
from headwater.loop.student import StudentRecord, heed_student, student_warnings
from headwater.loop.text_world import TextWorld
from headwater.loop.versions import used_versions
from headwater.loop.world import GenerationRecord, HardChecker, SampleText, World
from headwater.loop.worlds import human_of, made_stream, stream_of, world_of
from headwater.models.payload import as_given, payload_columns
from headwater.origin.exported import Described, inputs_of, mark_exported, record_of, write_described
from headwater.origin.own_output import record_generated
from headwater.origin.records import DataSetRecord, Input
from headwater.schema import DOCUMENT, LINEAGE, VERDICT, digest
from headwater.store import (
    Ledger,
    Part,
    RunFolder,
    document_table,
    lineage_table,
    seal,
    toml_text,
    write_bytes,
    write_parquet,
    write_text,
)
from headwater.store.generated import GeneratedLedger

STREAM_ARM = "stream"
_WITHOUT_PARENTS = "stream-without-parents"


@dataclass(frozen=True)
class _Generation:
    """What one generation of one arm leaves."""

    record: GenerationRecord
    samples: list[SampleText]
    rounds: list[RoundRecord]
    lineage: list[dict[str, Any]]
    student: StudentRecord | None = None


@dataclass(frozen=True)
class _Judged:
    """What the comparison on the stream leaves, apart from tables."""

    stream: list[StreamRecord]
    cards: list[Card]
    cards_without_parents: list[Card]
    trainings: int
    tests: int
    filter_effect: FilterEffect | None


def run_loop(folder: RunFolder, settings: Settings, progress: Progress) -> RunResult:
    """Carry out a run, or what is left of it, and return its result; ``seconds`` is left at 0.

    Args:
        folder: the run's folder; complete steps in it are not repeated.
        settings: resolved settings.
        progress: told what is being done.

    Raises:
        InputError: documents cannot be used, or there are too few.
        StoreError: the project folder cannot be written.
    """
    return _Run(folder, settings, progress).carry_out()


class _Run:
    def __init__(self, folder: RunFolder, settings: Settings, progress: Progress) -> None:
        self.folder = folder
        self.settings = settings
        self._progress = progress
        inputs = [fingerprint(paths) if paths else "" for paths in (settings.human.paths, settings.stream.paths)]
        if settings.human.reserve:
            inputs.append(reserve_version(folder.store))
        self._key = digest([settings.model_dump(), inputs, used_versions(settings.model.kind)])
        self._ancestry = Ancestry(folder.id)
        self._done = 0
        self._what = ""
        loop = settings.loop
        self._total = 6 + len(loop.arms) * (loop.generations + 1)

    def carry_out(self) -> RunResult:
        check_commands(self.settings)
        human = self._human()
        split, split_warnings = split_human(human.table, self.settings)
        world = world_of(split, self.settings, human, self.folder.store / WORK, self._tell_detail)
        split_warnings = [*split_warnings, *self._seal(world)]
        stream = self._stream(world, human)
        check_filters(world, sampled=stream.sampled)
        self._tell("checking the stream")
        checks = world.hard_checks()
        checked = checks.apply(stream.table)
        nameless = _without_parents(stream.table)
        also = checks.apply(nameless) if nameless is not None else None
        diagnosed = self._diagnose(world, checked)
        unfiltered, checked = checked, filtered(world, checked, diagnosed)
        also = filtered(world, also, diagnosed) if also is not None else None
        gates = 1 + sum(arm.startswith("gated") for arm in self.settings.loop.arms) + (also is not None)
        gates += filters_set(world)
        generations = [
            part for arm in self.settings.loop.arms for part in self._arm(world, arm, checks, checked, gates)
        ]
        judged = self._judge(world, checked, also, gates, unfiltered, diagnosed)
        self._example(world, human, stream.table)
        self._tell("writing down verdicts and documents")
        events = self._keep(world, human, stream.table, generations)
        result = self._result(world, human, stream, split_warnings, gates, generations, judged)
        return replace(result, inbreeding=inbreeding_records(events, self.folder.id, result.generations))

    def _tell(self, what: str) -> None:
        self._progress(self._done, self._total, what)
        self._what = what
        self._done += 1

    def _tell_detail(self, detail: str) -> None:
        self._progress(self._done - 1, self._total, f"{self._what}: {detail}")

    def _step(self, name: str, produce: Any) -> Path:
        return self.folder.step(name, self._key, produce)

    def _human(self) -> HumanInput:
        self._tell("reading human documents")

        def produce(path: Path) -> None:
            found = human_of(self.settings, path / "rejects.jsonl", self._tell_detail, self.folder.store)
            write_parquet(path / "documents.parquet", found.table)
            write_parquet(path / "removed.parquet", found.removed)
            save(path / "facts.json", (found.facts, found.reading, found.warnings), _HUMAN_FACTS)

        path = self._step("human", produce)
        facts, reading, warnings = load(path / "facts.json", _HUMAN_FACTS)
        table, removed = (load_table(path / f"{name}.parquet") for name in ("documents", "removed"))
        return HumanInput(table, facts, reading, tuple(warnings), removed)

    def _seal(self, world: World) -> list[str]:
        """Seal the panels, and return what is to be said where they were opened before."""
        panels = panels_of(world)
        self._step("split", lambda path: write_parquet(path / "parts.parquet", _parts(world)))
        if self.settings.human.reserve:
            sealed = sealed_in_reserve(self.folder.store, panels)
        else:
            # One folder per split: another seed or other documents are other panels.
            name = digest([self.settings.seed, *(sorted(table["id"].to_pylist()) for table in panels.values())])
            sealed = seal(self.folder.store / "panels" / name, panels)
        return open_panels_for(sealed, f"run {self.folder.id}")

    def _stream(self, world: World, human: HumanInput) -> StreamInput:
        self._tell("reading the stream" if self.settings.stream.paths else "making the stream")

        def produce(path: Path) -> None:
            if self.settings.stream.paths:
                found = stream_of(world, self.settings, path / "rejects.jsonl", self._tell_detail, human)
                table, about = found.table, (found.description, found.reading, found.warnings)
            else:
                table = made_stream(world)
                about = ("recipes made from the human documents", ReadFacts(0, 0, {}), ())
            write_parquet(path / "documents.parquet", table)
            save(path / "facts.json", about, _STREAM_FACTS)

        path = self._step("stream", produce)
        description, reading, warnings = load(path / "facts.json", _STREAM_FACTS)
        return StreamInput(load_table(path / "documents.parquet"), description, reading, tuple(warnings))

    def _arm(self, world: World, arm: str, checks: HardChecker, stream: Checked, gates: int) -> list[_Generation]:
        regime = regime_of(arm, world)
        if regime is None:
            return self._gated_arm(world, arm, checks, stream if arm == "gated-stream" else None, gates)
        generations: list[_Generation] = []
        model: Any = None
        training = world.train
        for generation in range(self.settings.loop.generations + 1):
            self._tell(f"{arm}, generation {generation}")

            def produce(path: Path, generation: int = generation) -> None:
                nonlocal model, training
                if generation:
                    before = model or world.learner.fit(training, np.random.default_rng(0))
                    training = next_training_set(world, regime, arm, generation, before)
                    write_parquet(path / "training.parquet", training)
                model = world.learner.fit(training, np.random.default_rng(0))
                events = self._ancestry.of_regime(arm, generation, training)
                save(
                    path / "generation.json",
                    self._measured(world, arm, generation, model, training, [], events),
                    _Generation,
                )

            before_step = model
            path = self._step(f"{arm}-{generation}", produce)
            if model is before_step:  # the step was complete already
                model = None
                training = load_table(path / "training.parquet") if generation else world.train
            generations.append(load(path / "generation.json", _Generation))
        return generations

    def _gated_arm(
        self, world: World, arm: str, checks: HardChecker, stream: Checked | None, gates: int
    ) -> list[_Generation]:
        # A loop's batches depend on earlier verdicts, whatever rule the stream is judged by.
        rule = "strict" if self.settings.gate.rule == "plain" else self.settings.gate.rule
        gate = world.gate(gates=gates, machine_share=student_share(self.settings), rule=rule)
        student = student_of(self.settings, world.work, self._tell_detail)
        state = start_gated(gate, self.settings.loop.machine_share_start)
        generations: list[_Generation] = []
        for generation in range(self.settings.loop.generations + 1):
            self._tell(f"{arm}, generation {generation}")

            def produce(path: Path, generation: int = generation) -> None:
                nonlocal state
                rounds: list[RoundRecord] = []
                asked: StudentRecord | None = None
                if generation:
                    before = state
                    model = world.learner.fit(state.in_force(gate).mix(state.gate.admitted), np.random.default_rng(0))
                    done = gated_round(world, gate, checks, arm, generation, model, state, stream)
                    judged, asked = heed_student(
                        world, student, done.state.in_force(gate), done.state.gate, arm, generation
                    )
                    state = replace(done.state, gate=judged)
                    batches = [done.own, *([_part(stream, done.offered)] if stream is not None else [])]
                    verdicts = [
                        verdict_rows(batch, before.gate, state.gate, run=self.folder.id, arm=arm, generation=generation)
                        for batch in batches
                    ]
                    write_parquet(path / "verdicts.parquet", _distinct(pa.concat_tables(verdicts)))
                    write_parquet(path / "output.parquet", _written(done.own.documents))
                    rounds = _rounds(arm, generation, done.budgets, state)
                save_gated(path, state)
                training = state.in_force(gate).mix(state.gate.admitted)
                model = world.learner.fit(training, np.random.default_rng(0))
                own = f"own-output-{generation}" if generation else None
                status = state.gate.statuses.get(own or "")
                sizes = (status.documents, status.tokens) if status else (0, 0)
                events = self._ancestry.of_gate(arm, generation, training, own, *sizes)
                save(
                    path / "generation.json",
                    replace(self._measured(world, arm, generation, model, training, rounds, events), student=asked),
                    _Generation,
                )

            path = self._step(f"{arm}-{generation}", produce)
            state = load_gated(path)
            generations.append(load(path / "generation.json", _Generation))
        return generations

    def _measured(
        self,
        world: World,
        arm: str,
        generation: int,
        model: Any,
        training: pa.Table,
        rounds: list[RoundRecord],
        events: list[dict[str, Any]],
    ) -> _Generation:
        return _Generation(
            world.measure(arm, generation, model, training),
            list(world.examples(arm, generation, model)),
            rounds,
            events,
        )

    def _diagnose(self, world: World, stream: Checked) -> Diagnosed | None:
        """Return the signals on the stream, which decide nothing."""
        self._tell("looking at the stream")

        def produce(path: Path) -> None:
            found = diagnose_stream(world, stream)
            save(path / "recipes.json", dict(found.recipes) if found is not None else None, _DIAGNOSES)
            if found is not None:
                write_parquet(path / "signals.parquet", found.documents)

        path = self._step("diagnosis", produce)
        recipes = load(path / "recipes.json", _DIAGNOSES)
        return Diagnosed(recipes, load_table(path / "signals.parquet")) if recipes is not None else None

    def _judge(
        self,
        world: World,
        checked: Checked,
        also: Checked | None,
        gates: int,
        unfiltered: Checked,
        diagnosed: Diagnosed | None,
    ) -> _Judged:
        self._tell("judging the stream beside other ways to choose")

        def produce(path: Path) -> None:
            share = self.settings.trainer.machine_share
            gate = world.gate(gates=gates, machine_share=1.0 if share is None else share)
            state = judge_stream(gate, checked)
            start = gate.start()
            run = self.folder.id
            verdicts = [verdict_rows(checked, start, state, run=run, arm=STREAM_ARM, generation=1)]
            trainings, tests = state.trainings, state.steering_tests or len(state.sealed)
            second: list[Card] = []
            diagnoses = diagnosed.recipes if diagnosed is not None else None
            reveal = not self.settings.human.reserve  # a panel of the reserve is in use until it is rotated out
            if also is not None:
                other = judge_stream(gate, also)
                verdicts.append(verdict_rows(also, start, other, run=run, arm=_WITHOUT_PARENTS, generation=1))
                second = cards(also, other, reveal=reveal)
            write_parquet(path / "verdicts.parquet", _distinct(pa.concat_tables(verdicts)))
            write_parquet(path / "admitted.parquet", _written(state.admitted))
            save(
                path / "judged.json",
                _Judged(
                    compare(world, checked, state, self._ceiling(world)),
                    cards(checked, state, reveal=reveal, diagnoses=diagnoses),
                    second,
                    trainings,
                    tests,
                    filter_effect(world, gate, unfiltered, checked, state),
                ),
                _Judged,
            )

        path = self._step("comparison", produce)
        judged: _Judged = load(path / "judged.json", _Judged)
        return judged

    def _ceiling(self, world: World) -> pa.Table | None:
        """Return the human originals of the rewrites, where the run made them itself."""
        return None if self.settings.stream.paths else world.split[Part.SOURCES]

    def _example(self, world: World, human: HumanInput, stream: pa.Table) -> None:
        """Keep a stream and a reserve to try the gate on, where the run made its stream itself."""
        if self.settings.stream.paths or not isinstance(world, TextWorld):
            return

        def produce(path: Path) -> None:
            inputs = human_inputs(self.settings, self.folder.store, human.facts.description)
            described = ("A stream of machine documents to try the gate on.", "Human documents to judge a stream by.")
            names = ("example-stream.jsonl", "example-human.jsonl.zst")
            for table, name, about in zip(make_example(world, stream), names, described, strict=True):
                self._write(table, path / name, self._recorded(name, about, inputs))

        self._step("example", produce)

    def _recorded(self, name: str, about: str, inputs: Sequence[Input]) -> Callable[[Described], DataSetRecord]:
        created, run = self.folder.created, self.folder.id
        return lambda found: record_of(found, name=name, description=about, created=created, run=run, inputs=inputs)

    @staticmethod
    def _write(documents: pa.Table, path: Path, record: Callable[[Described], DataSetRecord]) -> None:
        """Write documents for others: machine-made ones marked, with records beside the file."""
        marked = mark_exported(documents.select(DOCUMENT.names).cast(DOCUMENT))
        write_described(marked.to_batches(max_chunksize=1024), path, record)

    def _keep(self, world: World, read: HumanInput, stream: pa.Table, generations: list[_Generation]) -> pa.Table:
        """Write documents, verdicts and lineage into the project's tables; repeating it changes nothing.

        Returns:
            The events of the family tree.
        """
        store, run = self.folder.store, self.folder.id
        steps = self.folder.path / "steps"
        human = pa.concat_tables([world.split[part].select(DOCUMENT.names) for part in Part])
        outputs = [
            load_table(path).select(DOCUMENT.names) for path in sorted(steps.glob(f"gated*-{self._key}/output.parquet"))
        ]
        documents = document_table(store, run=run)
        everything = pa.concat_tables([human, stream.select(DOCUMENT.names), *outputs])
        documents.append(mark_exported(everything.cast(DOCUMENT)), skip_existing=True, wait_seconds=30)
        documents.tag(f"run-{run}")
        if self.settings.human.modality == "text":
            self._record_generated(human, stream, outputs)
        found = [load_table(path).cast(VERDICT) for path in sorted(steps.glob(f"*-{self._key}/verdicts.parquet"))]
        verdicts = pa.concat_tables(found).sort_by(
            [(name, "ascending") for name in ("id", "arm", "generation", "stage")]
        )
        write_parquet(self.folder.path / "verdicts.parquet", verdicts)
        ledger = Ledger(store, run=run)
        ledger.record(verdicts)
        ledger.table.tag(f"run-{run}")
        rows = [row for generation in generations for row in generation.lineage]
        events = pa.concat_tables(
            [
                self._ancestry.founders({part.value: world.split[part] for part in Part}, stream),
                pa.Table.from_pylist(rows, schema=LINEAGE),
            ]
        )
        lineage_table(store, run=run).append(events, skip_existing=True, wait_seconds=30)
        rejects = [path.read_text("utf-8") for path in sorted(steps.glob(f"*-{self._key}/rejects.jsonl"))]
        if rejects:
            write_text(self.folder.path / "rejects.jsonl", "".join(rejects))
        for path in steps.glob(f"example-{self._key}/example-*"):
            write_bytes(self.folder.path / path.name, path.read_bytes())
        for path in steps.glob(f"diagnosis-{self._key}/signals.parquet"):
            write_bytes(self.folder.path / path.name, path.read_bytes())
        self._export(steps, read)
        metrics = pa.Table.from_pylist([_plain(generation.record) for generation in generations])
        write_parquet(self.folder.path / "metrics.parquet", metrics)
        return events

    def _record_generated(self, human: pa.Table, stream: pa.Table, outputs: list[pa.Table]) -> None:
        """Record every text this run made in the project's generation ledger; a stream that was brought is not ours."""
        steps = self.folder.path / "steps"
        made = [] if self.settings.stream.paths else [stream]
        paths = sorted(steps.glob(f"*-{self._key}/training.parquet"))
        trained_on = [load_table(path, DOCUMENT.names) for path in paths]
        parts = [table.select(DOCUMENT.names).cast(DOCUMENT) for table in (*made, *outputs, *trained_on)]
        ledger = GeneratedLedger(self.folder.store, run=self.folder.id)
        record_generated(ledger, pa.concat_tables([DOCUMENT.empty_table(), *parts]), self.folder.id, sources=human)

    def _export(self, steps: Path, read: HumanInput) -> None:
        """Write the documents the run admitted, sorted by id: those of the loop with the stream where there is one."""
        arms = self.settings.loop.arms
        last = f"gated-stream-{self.settings.loop.generations}" if "gated-stream" in arms else "comparison"
        admitted = load_table(steps / f"{last}-{self._key}" / "admitted.parquet")
        human = read.facts.description
        inputs = [
            *human_inputs(self.settings, self.folder.store, human),
            *(inputs_of(self.settings.stream.paths) if self.settings.stream.paths else ()),
        ]

        def record(found: Described) -> DataSetRecord:
            return admitted_record(
                found,
                self.settings,
                name=f"admitted by run {self.folder.id}",
                created=self.folder.created,
                run=self.folder.id,
                inputs=inputs,
                human=human,
            )

        admitted = admitted.sort_by("id")
        if self.settings.human.modality == "text":
            self._write(admitted, self.folder.path / "admitted.jsonl.zst", record)
            return
        write_parquet(self.folder.path / "admitted.parquet", as_given(admitted))

    def _result(
        self,
        world: World,
        human: HumanInput,
        stream: StreamInput,
        split_warnings: Sequence[str],
        gates: int,
        generations: list[_Generation],
        judged: _Judged,
    ) -> RunResult:
        students = tuple(part.student for part in generations if part.student is not None)
        trained = regimens(self.settings, world.budget)
        power = power_facts(world, gates)
        notes = [filter_warning(judged.filter_effect)] if judged.filter_effect is not None else []
        return RunResult(
            run=self.folder.id,
            created=self.folder.created,
            seconds=0.0,
            seed=self.settings.seed,
            corpus=human.facts,
            stream_description=stream.description,
            reading=human.reading + stream.reading,
            warnings=(
                *human.warnings,
                *split_warnings,
                *stream.warnings,
                *panel_warnings(world, power, self.folder.store if self.settings.human.reserve else None),
                *regimen_warnings(trained),
                *student_warnings(students),
                *exhausted_warning(
                    [*(card.reason for card in judged.cards), *(r.reason for part in generations for r in part.rounds)]
                ),
                *notes,
            ),
            split=world.split.rows,
            merged_groups=world.split.merged,
            power=power,
            generations=tuple(part.record for part in generations),
            samples=tuple(sample for part in generations for sample in part.samples),
            stream=tuple(judged.stream),
            cards=tuple(judged.cards),
            cards_without_parents=tuple(judged.cards_without_parents),
            rounds=tuple(record for part in generations for record in part.rounds),
            trainings_per_test=judged.trainings / max(judged.tests, 1),
            settings=toml_text(self.settings.model_dump(exclude_none=True)),
            versions=used_versions(self.settings.model.kind),
            students=students,
            modality=self.settings.human.modality,
            regimens=trained,
            filter_effect=judged.filter_effect,
        )


_DIAGNOSES = dict[str, Diagnosis] | None
_HUMAN_FACTS = tuple[CorpusFacts, ReadFacts, tuple[str, ...]]
_STREAM_FACTS = tuple[str, ReadFacts, tuple[str, ...]]


def _written(table: pa.Table) -> pa.Table:
    """Return documents as they are written down: the document's columns, and the values of rows."""
    return table.select([*DOCUMENT.names, *payload_columns(table)])


def _parts(world: World) -> pa.Table:
    """Return the part of every human document, so that it can be told later what was trained on."""
    ids = [world.split[part]["id"] for part in Part]
    names = [pa.repeat(pa.scalar(part.value), len(column)) for part, column in zip(Part, ids, strict=True)]
    return pa.table({"id": pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()),
                     "part": pa.chunked_array(names)})  # fmt: skip


def _without_parents(stream: pa.Table) -> pa.Table | None:
    """Return the stream as if no document named its parents, or None where none does."""
    if not any(stream["parents"].to_pylist()):
        return None
    at = stream.column_names.index("parents")
    return stream.set_column(at, DOCUMENT.field("parents"), pa.array([[]] * stream.num_rows, pa.list_(pa.string())))


def _part(stream: Checked, offered: pa.Table) -> Checked:
    """Return the part of a checked stream that was offered."""
    ids = set(offered["id"].to_pylist())
    rows = np.array([key in ids for key in stream.documents["id"].to_pylist()], bool)
    found = stream.findings
    index = np.flatnonzero(rows)
    return replace(
        stream,
        documents=stream.documents.filter(pa.array(rows)),
        copied=None if stream.copied is None else stream.copied[index],
        findings=replace(
            found,
            reasons=[found.reasons[i] for i in index],
            stages=[found.stages[i] for i in index],
            measured=found.measured[index],
            thresholds=found.thresholds[index],
        ),
    )


def _distinct(verdicts: pa.Table) -> pa.Table:
    """Return verdicts once each: two batches of a round both report the recipes whose standing changed."""
    rows = {(row["id"], row["arm"], row["generation"], row["stage"]): row for row in verdicts.to_pylist()}
    return pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=VERDICT)


def _rounds(arm: str, generation: int, spent: Any, state: GatedState) -> list[RoundRecord]:
    return [
        RoundRecord(
            arm,
            generation,
            name,
            int(spent.get(name, 0)),
            status.verdict.value,
            status.reason.value,
            status.evidence.gain if status.evidence else None,
            state.share,
        )
        for name, status in sorted(state.gate.statuses.items())
    ]


def _plain(record: GenerationRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
