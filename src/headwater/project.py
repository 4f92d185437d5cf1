"""A project folder bound to the verbs: it runs a job, renders its report, then closes the manifest."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa

from headwater.config import AuditSettings, Settings, commented_toml, load_settings
from headwater.curate import CurateResult, CurateSettings, curate_files, rethreshold_folder
from headwater.curation import held_by_project
from headwater.curation_records import write_curation_records
from headwater.engine import open_engine
from headwater.errors import InputError, StoreError
from headwater.forecast import (
    Forecast,
    Measured,
    PresetForecast,
    Quantity,
    TeamForecast,
    TeamSettings,
    forecast,
    forecast_team,
    plain_values,
)
from headwater.generate import PROMPT, Command, Mirrored, Plan, Recipe, RecipeFile, Verify, load_recipe, mirror_files
from headwater.generation import Generated, check_output, generate_files, plan_generation
from headwater.lab import LabResult, LabSettings, experiment, run_experiment, settings_of
from headwater.ledger import Reading, read_ledger
from headwater.lineage import Graph
from headwater.loop.explaining import Why, explain, find
from headwater.loop.inputs import Progress, content_digest, fingerprint
from headwater.loop.records import admitted_record
from headwater.loop.result import RunResult
from headwater.loop.revoking import Revocation, revoke
from headwater.loop.run import run_loop
from headwater.loop.saved import load, save
from headwater.loop.stream_gate import GateResult, judge_files
from headwater.loop.versions import used_versions
from headwater.models.payload import as_given
from headwater.origin import AuditResult, annotate, audit
from headwater.origin.exported import Described, inputs_of, mark_exported, record_names, write_described
from headwater.origin.inputs import check_inputs
from headwater.origin.own_output import record_generated
from headwater.origin.records import DataSetRecord
from headwater.report import (
    forecast_charts,
    forecast_files,
    render_audit_report,
    render_curate_report,
    render_forecast_report,
    render_gate_report,
    render_lab_report,
    render_report,
)
from headwater.schema import VERDICT, digest
from headwater.sources import WRITABLE, RejectLog, check_outputs, expand_paths
from headwater.store import (
    Ledger,
    RunFolder,
    lineage_table,
    list_runs,
    parquet_file,
    resolve,
    store_folder,
    write_bytes,
    write_parquet,
    write_text,
)
from headwater.store.generated import GeneratedLedger

CONFIG = "headwater.toml"
_EXPERIMENT = "experiment"  # in the settings of a run of the laboratory
_AUDITED = "audited"  # in the settings of an audit
_FORECAST = "forecast"  # in the settings of a forecast: the preset, or ``_TEAM``
_TEAM = "mine"
_MEASURED = "measured.json"
CHARTS = "charts"
"""Folder of a forecast's run with its charts as pictures and the numbers behind them."""
QUICKSTART_MACHINE_SHARE = 0.5

Result = RunResult | LabResult | AuditResult | PresetForecast | TeamForecast
"""What a run of a project can end with."""
_RESULTS = {
    "run": RunResult,
    "experiment": LabResult,
    "audit": AuditResult,
    "forecast": PresetForecast,
    "team forecast": TeamForecast,
}
Kind = Literal["run", "experiment", "audit", "forecast", "team forecast"]


def _silent(done: int, total: int, what: str) -> None:
    """Tell nobody."""


def _page_of_curation(folder: Path, report: Path | None = None) -> Callable[[CurateResult], None]:
    """Return what writes the records and the page of a curation into its folder, and a copy where one is wanted."""

    def write(result: CurateResult) -> None:
        write_curation_records(folder, result)
        page = render_curate_report(result)
        for path in (folder / "report.html", *((report,) if report is not None else ())):
            write_text(path, page)

    return write


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with settings, documents, verdicts, lineage and runs."""

    folder: Path

    @property
    def config(self) -> Path:
        """The project's settings file, which may not exist."""
        return self.folder / CONFIG

    def settings(self, overrides: dict[str, Any] | None = None) -> Settings:
        """Return the project's settings; see :func:`headwater.config.load_settings`.

        A run on the installed documentation may mix in more machine text than others unless the share is set: its human
        base is so small that a third of it is less than one recipe of the stream.
        """
        settings = load_settings(self.config, overrides)
        if settings.human.paths or settings.human.reserve or "machine_share" in settings.loop.model_fields_set:
            return settings
        return settings.model_copy(
            update={"loop": settings.loop.model_copy(update={"machine_share": QUICKSTART_MACHINE_SHARE})}
        )

    def init(self) -> Path:
        """Write a commented settings file and return its path.

        Raises:
            StoreError: there is one already.
        """
        if self.config.exists():
            raise StoreError(f"{self.config} exists already. Edit it, or remove it first.")
        write_text(self.config, commented_toml())
        return self.config

    def run(
        self,
        settings: Settings,
        progress: Progress = _silent,
        *,
        run_id: str | None = None,
        started: Callable[[RunFolder], None] = lambda folder: None,
    ) -> RunResult:
        """Carry out a new run, write its report and return its result.

        Args:
            settings: resolved settings.
            progress: told what is being done.
            run_id: name of the run; by default the time and a digest of the settings.
            started: told the run's folder before any work is done.
        """
        arrays = settings.human.modality != "text"
        for paths in (settings.human.paths, settings.stream.paths):
            if paths:
                expand_paths(paths, arrays=arrays)  # a mistyped path leaves no failed run behind
        folder = RunFolder.create(self.folder, settings.model_dump(exclude_none=True), run_id=run_id)
        started(folder)
        return self._finish(folder, settings, progress)

    def gate(
        self,
        settings: Settings,
        progress: Progress = _silent,
        *,
        rejects: Path = Path("rejects.jsonl"),
        out: Path | None = None,
        report: Path | None = None,
        reveal: bool = True,
    ) -> GateResult:
        """Judge a stream of files against human documents, of files or of the project's reserve; return the result.

        Beside the admitted documents a Parquet file holds the verdict on every document and recipe, and three records
        say where the documents come from (:func:`headwater.origin.exported.write_records`).

        Args:
            settings: resolved settings; ``human.paths`` and ``stream.paths`` name the files, ``human.reserve`` the
                reserve.
            progress: told what is being done.
            rejects: where rows that could not be used are kept.
            out: where to write the admitted documents; its suffix says the format.
            report: where to write a report.
            reveal: show the numbers of the certification panel. Sealing them does not make the panel reusable: a recipe
                that was changed because of a verdict needs human documents that are new.
        """
        formats = _formats(out, report)
        if out is not None and settings.human.modality != "text":
            formats[out] = (".parquet",)
        check_outputs((*settings.human.paths, *settings.stream.paths), formats)
        store = store_folder(self.folder)
        judgement = judge_files(settings, progress, rejects, reveal=reveal, store=store)
        result = judgement.result
        if out is not None and settings.human.modality != "text":
            batches = list(judgement.batches())
            write_parquet(
                out.with_name(f"{out.name}.verdicts.parquet"), pa.concat_tables([rows for _, rows in batches])
            )
            write_parquet(out, as_given(pa.concat_tables([documents for documents, _ in batches])))
        elif out is not None:
            inputs = inputs_of(settings.stream.paths)
            with parquet_file(out.with_name(f"{out.name}.verdicts.parquet"), VERDICT) as verdicts:

                def admitted() -> Iterator[pa.RecordBatch]:
                    for documents, rows in judgement.batches():
                        verdicts.write_table(rows)
                        yield from mark_exported(documents).to_batches()

                def record(found: Described) -> DataSetRecord:
                    return admitted_record(
                        found,
                        settings,
                        name=out.name,
                        created=result.created,
                        run=f"gate {result.run}",
                        inputs=inputs,
                        human=result.corpus.description,
                    )

                result = replace(result, admitted_documents=write_described(admitted(), out, record))
        if report is not None:
            write_text(report, render_gate_report(result))
        return result

    def audit(
        self,
        settings: Settings,
        progress: Progress = _silent,
        *,
        run_id: str | None = None,
        started: Callable[[RunFolder], None] = lambda folder: None,
        out: Path | None = None,
        report: Path | None = None,
    ) -> AuditResult:
        """Audit a corpus, write its report and return the result; see :func:`headwater.origin.audit`.

        The run's folder holds one row per document (``documents.parquet``) and everything found on them
        (``evidence.parquet``).

        Args:
            settings: resolved settings; the section ``audit`` says what and how.
            progress: told what is being done.
            run_id: name of the run; by default the time and a digest of the settings.
            started: told the run's folder before any work is done.
            out: where to write the documents with their origin and what it rests on; its suffix says the format.
            report: where to copy the report to.
        """
        corpus = settings.audit
        check_outputs((*corpus.paths, *corpus.human, *corpus.machine), _formats(out, report))
        check_inputs(corpus)  # a mistyped column leaves no failed run behind either
        kept = {_AUDITED: settings.audit.model_dump(mode="json", exclude_none=True), "seed": settings.seed}
        folder = RunFolder.create(self.folder, kept, run_id=run_id)
        started(folder)
        result = self._finish_audit(folder, settings.audit, settings.seed, progress)
        if out is not None:
            progress(0, 0, f"writing {out.name}")
            annotate(settings.audit, folder.path / "documents.parquet", out)
        if report is not None:
            write_bytes(report, self.report(folder.id).read_bytes())
        return result

    def curate(
        self,
        paths: Sequence[str],
        settings: CurateSettings,
        out: Path,
        progress: Progress = _silent,
        *,
        output_format: Literal["parquet", "jsonl.zst"] = "parquet",
        engine: str = "embedded",
        workers: int | None = None,
        report: Path | None = None,
        restart: bool = False,
    ) -> CurateResult:
        """Curate files into a folder, write the report there and return what was found.

        Args:
            paths: files, folders and glob patterns.
            settings: what is measured and decided; see :func:`headwater.curate.curate_settings`.
            out: the folder. An unfinished curation of the same files with the same settings is gone on with.
            progress: told what is being done.
            output_format: format of the kept and dropped documents.
            engine: ``embedded``, ``ray``, or the address of a Ray cluster.
            workers: processes; None: one per core.
            report: where to copy the report to.
            restart: throw away what an earlier curation left in the folder.
        """
        store = store_folder(self.folder)
        with open_engine(engine, workers) as running:
            return curate_files(
                paths,
                settings,
                out,
                running,
                progress,
                output_format=output_format,
                restart=restart,
                more=lambda working: held_by_project(settings, store, working),
                page=_page_of_curation(out, report),
            )

    def rethreshold(
        self,
        folder: Path,
        thresholds: Mapping[str, float | bool],
        out: Path | None = None,
        progress: Progress = _silent,
        *,
        output_format: Literal["parquet", "jsonl.zst"] = "parquet",
    ) -> CurateResult:
        """Decide again on a finished curation with other thresholds; see :func:`headwater.curate.rethreshold_folder`.

        Args:
            folder: the finished curation.
            thresholds: reason to number; False switches a rule off.
            out: folder for the documents as decided now, with a report; None: only count.
            progress: told what is being done.
            output_format: format of the documents in ``out``.
        """
        page = _page_of_curation(out) if out is not None else None
        return rethreshold_folder(folder, thresholds, out, progress, output_format=output_format, page=page)

    def mirror(
        self,
        human: Sequence[str],
        out: Path,
        generator: Command | Recipe,
        *,
        count: int = 100,
        name: str | None = None,
        prompt: str = PROMPT,
        text: str = "text",
        title: str = "title",
        group: str | None = None,
        rejects: RejectLog,
        seed: int = 0,
    ) -> Mirrored:
        """Have a generator write texts like human ones, record them in the generation ledger, and write them to a file.

        Args:
            human: files, folders, glob patterns of human documents.
            out: where the machine documents are written; its suffix says the format.
            generator: a program, or one of Headwater's own recipes.
            count: how many documents are asked for.
            name: what the generator is called; None: the program's name.
            prompt: what is asked, with ``{subject}`` and ``{words}``.
            text: column with the text.
            title: column with titles, taken where there is one.
            group: column with the unit of independence.
            rejects: where rows that cannot be used are kept.
            seed: decides which documents are chosen.

        Raises:
            InputError: nothing can be read, ``out`` cannot be written, or the program fails.
            StoreError: the ledger cannot be written.
        """
        check_outputs(human, _formats(out, None))
        ledger = GeneratedLedger(store_folder(self.folder))
        return mirror_files(
            tuple(human), out, generator, count=count, name=name, prompt=prompt, text=text, title=title, group=group,
            rejects=rejects, rng=np.random.default_rng(seed),
            record=lambda made: record_generated(ledger, made.documents, None, sources=made.originals),
        )  # fmt: skip

    def generate(
        self,
        recipe: RecipeFile | Path | str,
        parents: Sequence[str],
        out: Path,
        progress: Progress = _silent,
        *,
        rejects: RejectLog | None = None,
        limit: int | None = None,
        verify: Verify | None = None,
        folder: Path = Path(),
    ) -> Generated:
        """Carry a recipe out: ask for machine documents, record them in the generation ledger, write them to a file.

        Every request and answer is kept in the project, so that repeating the command, after a kill too, asks only for
        what was not answered. Beside the documents stand three records and the answers that are no document.

        Args:
            recipe: a recipe, or the path of a recipe file; see docs/generate.md.
            parents: files, folders, glob patterns of documents the prompts are made from.
            out: the file; its suffix says the format.
            progress: told what is being done.
            rejects: where rows of the parents that cannot be used are kept.
            limit: most requests; None: all.
            verify: says of documents why they do not pass, in place of the recipe's own verifiers.
            folder: where files that verifiers name start, where the recipe is no path.

        Raises:
            ConfigError: the recipe file has faults.
            InputError: the parents cannot be read, or the generator cannot work.
            StoreError: a file or the ledger cannot be written.
        """
        asked = recipe if isinstance(recipe, RecipeFile) else load_recipe(recipe)
        check_outputs(parents, _formats(out, None))
        check_output(out)
        log = rejects if rejects is not None else RejectLog()
        return generate_files(
            store_folder(self.folder),
            asked,
            parents,
            out,
            log,
            progress,
            limit=limit,
            verify=verify,
            folder=folder if isinstance(recipe, RecipeFile) else Path(recipe).parent,
        )

    def plan_generation(
        self, recipe: RecipeFile | Path | str, parents: Sequence[str], *, limit: int | None = None
    ) -> Plan:
        """Return what :meth:`generate` would ask and cost, with the first prompts; nothing is asked."""
        asked = recipe if isinstance(recipe, RecipeFile) else load_recipe(recipe)
        return plan_generation(store_folder(self.folder), asked, parents, RejectLog(), limit=limit)[0]

    def resume(
        self,
        run: str,
        progress: Progress = _silent,
        *,
        started: Callable[[RunFolder], None] = lambda folder: None,
    ) -> Result:
        """Go on with a run that was stopped; a finished one is returned as it is.

        Args:
            run: its id, the beginning of it, or ``latest``.
            progress: told what is being done.
            started: told the run's folder before any work is done.
        """
        folder = resolve(self.folder, run)
        if (folder.path / "manifest.json").exists():
            return self.result(folder.id)
        started(folder)
        kept = folder.settings()
        if _EXPERIMENT in kept:
            name = str(kept[_EXPERIMENT])
            return self._finish_lab(
                folder, name, settings_of(experiment(name), cast("dict[str, Any]", kept["settings"])), progress
            )
        if _AUDITED in kept:
            return self._finish_audit(
                folder, AuditSettings.model_validate(kept[_AUDITED]), cast("int", kept["seed"]), progress
            )
        if _FORECAST in kept:
            return self._resume_forecast(folder, progress)
        return self._finish(folder, Settings.model_validate(kept), progress)

    def lab(
        self,
        name: str,
        settings: LabSettings,
        progress: Progress = _silent,
        *,
        run_id: str | None = None,
        started: Callable[[RunFolder], None] = lambda folder: None,
    ) -> LabResult:
        """Carry out an experiment of the laboratory, write its report and return its result.

        Args:
            name: name of the experiment.
            settings: its settings; see :func:`headwater.lab.settings_of`.
            progress: told what is being done.
            run_id: name of the run; by default the time and a digest of the settings.
            started: told the run's folder before any work is done.
        """
        experiment(name).files(settings)  # a mistyped path leaves no failed run behind
        kept = {_EXPERIMENT: name, "settings": settings.model_dump(mode="json", exclude_none=True)}
        folder = RunFolder.create(self.folder, kept, run_id=run_id)
        started(folder)
        return self._finish_lab(folder, name, settings, progress)

    def forecast(
        self,
        preset: str,
        options: Mapping[str, Any],
        progress: Progress = _silent,
        *,
        run_id: str | None = None,
        out: Path | None = None,
    ) -> PresetForecast:
        """Make a published forecast again, write its report, charts and numbers, and return it.

        It takes seconds, so the run's folder is made when the numbers are there: bad options leave no run behind.

        Args:
            preset: see :func:`headwater.forecast.forecast`.
            options: its other arguments by name.
            progress: told what is being done.
            run_id: name of the run; by default the time and a digest of the options.
            out: folder to write the charts and numbers to as well.
        """
        start = time.monotonic()
        found = forecast(preset, **options, progress=progress)
        folder = RunFolder.create(self.folder, {_FORECAST: preset, "settings": dict(options)}, run_id=run_id)
        return cast("PresetForecast", self._finish_forecast(folder, found, start, progress, out))

    def forecast_team(
        self,
        settings: TeamSettings,
        measured: Measured,
        what_if: Mapping[str, str],
        progress: Progress = _silent,
        *,
        run_id: str | None = None,
        out: Path | None = None,
        notes: Sequence[str] = (),
    ) -> TeamForecast:
        """Forecast a team's own data, write the report, charts and numbers, and return the forecast.

        Args:
            settings: see :func:`headwater.forecast.read_team`.
            measured: what stands in for what the settings leave out; see :meth:`measured`.
            what_if: other values by dotted key, each a scenario; see :func:`headwater.forecast.plain_values`.
            progress: told what is being done.
            run_id: name of the run; by default the time and a digest of the settings.
            out: folder to write the charts and numbers to as well.
            notes: further warnings.
        """
        start = time.monotonic()
        found = forecast_team(settings, measured=measured, what_if=plain_values(what_if), progress=progress)
        found = replace(found, warnings=(*found.warnings, *notes))
        kept = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        kept = {_FORECAST: _TEAM, "settings": kept, "what_if": dict(what_if), "notes": list(notes)}
        folder = RunFolder.create(self.folder, kept, run_id=run_id)
        save(folder.path / _MEASURED, measured, Measured)
        return cast("TeamForecast", self._finish_forecast(folder, found, start, progress, out))

    def measured(self, tokens_per_word: Quantity | None = None) -> Reading:
        """Return what the project's finished audits and runs say about the inputs of its forecast.

        Args:
            tokens_per_word: of the team's tokenizer; see :data:`headwater.ledger.TOKENS_PER_WORD`.
        """
        finished = [
            folder
            for folder in self.runs()
            if (folder.path / "manifest.json").exists() and self.kind(folder) in {"run", "audit"}
        ]
        return read_ledger([cast("RunResult | AuditResult", self.result(one.id)) for one in finished], tokens_per_word)

    def result(self, run: str) -> Result:
        """Return the result of a finished run, experiment or audit.

        Raises:
            StoreError: there is no such run, it is not finished, or another version wrote it in another form.
        """
        folder = resolve(self.folder, run)
        folder.manifest()
        try:
            result: Result = load(folder.path / "result.json", _RESULTS[self.kind(folder)])
        except ValueError as error:  # pydantic's own error is one
            made_by = dict(cast("dict[str, str]", folder.manifest().get("versions", {}))).get("headwater", "unknown")
            raise StoreError(
                f"The result of run {folder.id} cannot be read by this version; Headwater {made_by} wrote it. "
                f"Its report opens without: {folder.path / 'report.html'}"
            ) from error
        return result

    def explain(self, name: str, run: str | None = None) -> Why:
        """Return why a document or a recipe was admitted or not.

        Args:
            name: a document's id, the beginning of one, or a recipe's name.
            run: id of a run, the beginning of it, or ``latest``; None: the latest that knows the name.

        Raises:
            StoreError: there is no such run, or nothing, or more than one, is meant.
        """
        folder = self._knowing(name, run)
        return explain(folder, name, self._finished(folder))

    def revoke(self, name: str, why: str, run: str | None = None, *, by: str) -> Revocation:
        """Withdraw an admission; see :func:`headwater.loop.revoking.revoke`.

        Args:
            name: a document's id, the beginning of one, or a recipe's name.
            why: the reason, in words.
            run: id of a run, the beginning of it, or ``latest``; None: the latest that knows the name.
            by: who withdraws it.

        Raises:
            StoreError: there is no such run, it is not finished, nothing is meant, or it was never admitted.
        """
        folder = self._knowing(name, run)
        result = self.result(folder.id)
        assert isinstance(result, RunResult)
        return revoke(folder, name, why, by, result)

    def _knowing(self, name: str, run: str | None) -> RunFolder:
        """Return the run that is asked for, or the latest whose ledger knows a name."""
        if run is not None and run != "latest":
            folder = resolve(self.folder, run)
            if self.kind(folder) != "run":
                raise InputError(f"Run {folder.id} has no verdicts: it is {self.kind(folder)}. Name a run of the loop.")
            return folder
        runs = [folder for folder in reversed(self.runs()) if self.kind(folder) == "run"]
        if not runs:
            raise StoreError(f"No run in {self.folder.resolve()} has verdicts yet. Start one with: headwater run")
        for folder in runs if run is None else ():
            try:
                find(Ledger(folder.store), folder.id, name)
            except StoreError:
                continue
            return folder
        return runs[0]

    def _finished(self, folder: RunFolder) -> RunResult | None:
        if not (folder.path / "manifest.json").exists():
            return None
        result = self.result(folder.id)
        return result if isinstance(result, RunResult) else None

    def family_tree(self, run: str = "latest", unit: str = "tokens") -> tuple[Graph, str]:
        """Return the family tree of a run from the ledger, and the run's id.

        Args:
            run: its id, the beginning of it, or ``latest``: the latest run that has one. Experiments have none.
            unit: count tokens or documents.

        Raises:
            StoreError: there is no such run.
            InputError: it has no lineage events.
        """
        events = lineage_table(store_folder(self.folder)).read()
        with_tree = set(events["run"].to_pylist())
        if run == "latest":
            known = [folder.id for folder in self.runs() if folder.id in with_tree]
            if not known:
                raise StoreError(
                    f"No run in {self.folder.resolve()} has a family tree yet. Start one with: headwater run"
                )
            run = known[-1]
        folder = resolve(self.folder, run)
        if self.kind(folder) == "experiment":
            raise InputError(
                f"Run {folder.id} is an experiment of the laboratory. It keeps no family tree; its report has the "
                "inbreeding coefficient of every generation."
            )
        if self.kind(folder) != "run":
            what = "an audit" if self.kind(folder) == "audit" else "a forecast"
            raise InputError(f"Run {folder.id} is {what}. Nothing was trained in it, so it has no family tree.")
        name = folder.id
        return Graph.from_events(events, cast("Literal['tokens', 'items']", unit), name), name

    @staticmethod
    def kind(run: RunFolder) -> Kind:
        """Return what a run of the project is."""
        settings = run.settings()
        if _FORECAST in settings:
            return "team forecast" if settings[_FORECAST] == _TEAM else "forecast"
        return "experiment" if _EXPERIMENT in settings else "audit" if _AUDITED in settings else "run"

    def runs(self) -> list[RunFolder]:
        """Return the runs of the project, oldest first."""
        return list_runs(self.folder)

    def report(self, run: str) -> Path:
        """Return the path of a run's report."""
        return resolve(self.folder, run).path / "report.html"

    def _finish(self, folder: RunFolder, settings: Settings, progress: Progress) -> RunResult:
        with folder.working():
            start = time.monotonic()
            result = run_loop(folder, settings, progress)
            for path in folder.path.glob("example-*"):
                write_bytes(self.folder / path.name, path.read_bytes())
            result = replace(result, seconds=round(time.monotonic() - start, 1))
            save(folder.path / "result.json", result, RunResult)
            write_text(folder.path / "report.html", render_report(result))
            folder.finish(
                {
                    "versions": dict(result.versions),
                    "seconds": result.seconds,
                    "tags": {"documents": f"run-{folder.id}", "verdicts": f"run-{folder.id}"},
                    "files": ["settings.toml", "metrics.parquet", "verdicts.parquet", "admitted.jsonl.zst",
                              *(["signals.parquet"] if (folder.path / "signals.parquet").exists() else []),
                              *record_names("admitted.jsonl.zst"), "result.json", "report.html"],
                }
            )  # fmt: skip
        return result

    def _finish_lab(self, folder: RunFolder, name: str, settings: LabSettings, progress: Progress) -> LabResult:
        with folder.working():
            start = time.monotonic()
            result = run_experiment(experiment(name), settings, tell=progress, steps=folder, run=folder.id)
            result = replace(result, created=folder.created, seconds=round(time.monotonic() - start, 2))
            save(folder.path / "result.json", result, LabResult)
            write_text(folder.path / "report.html", render_lab_report(result))
            folder.finish(
                {
                    "versions": dict(result.versions),
                    "seconds": result.seconds,
                    "files": ["settings.toml", "result.json", "report.html"],
                }
            )
        return result

    def _resume_forecast(self, folder: RunFolder, progress: Progress) -> Forecast:
        kept = cast("dict[str, Any]", folder.settings())
        start = time.monotonic()
        if kept[_FORECAST] != _TEAM:
            found: Forecast = forecast(str(kept[_FORECAST]), **kept["settings"], progress=progress)
        else:
            # a run that was killed before this file was written had nothing measured in it that anybody saw
            there = (folder.path / _MEASURED).exists()
            measured = load(folder.path / _MEASURED, Measured) if there else self.measured().measured
            found = forecast_team(
                TeamSettings.model_validate(kept["settings"]),
                measured=measured,
                what_if=plain_values(kept.get("what_if", {})),
                progress=progress,
            )
            found = replace(found, warnings=(*found.warnings, *kept.get("notes", ())))
        return self._finish_forecast(folder, found, start, progress, None)

    def _finish_forecast(
        self, folder: RunFolder, found: Forecast, start: float, progress: Progress, out: Path | None
    ) -> Forecast:
        with folder.working():
            result = replace(
                found,
                run=folder.id,
                created=folder.created,
                versions=used_versions(),
                seconds=round(time.monotonic() - start, 2),
            )
            kind = TeamForecast if isinstance(result, TeamForecast) else PresetForecast
            save(folder.path / "result.json", result, kind)
            progress(0, 0, "drawing")
            charts = forecast_charts(result)
            write_text(folder.path / "report.html", render_forecast_report(result, charts))
            files = forecast_files(result, charts)
            for place in (folder.path / CHARTS, *([out] if out is not None else [])):
                place.mkdir(parents=True, exist_ok=True)
                for name, content in files.items():
                    write_bytes(place / name, content)
            folder.finish(
                {
                    "versions": dict(result.versions),
                    "seconds": result.seconds,
                    "files": ["settings.toml", "result.json", "report.html", *(f"{CHARTS}/{name}" for name in files)],
                }
            )
        return result

    def _finish_audit(self, folder: RunFolder, settings: AuditSettings, seed: int, progress: Progress) -> AuditResult:
        with folder.working():
            start = time.monotonic()
            files = [fingerprint(paths) for paths in (settings.paths, settings.human, settings.machine) if paths]
            tools = content_digest(_files_of(settings.detector, settings.keys, settings.trust_anchors))
            key = digest([settings.model_dump(mode="json"), seed, files, tools, used_versions()])
            result = audit(settings, folder, key, np.random.default_rng([seed, 4]), progress)
            result = replace(
                result,
                run=folder.id,
                created=folder.created,
                versions=used_versions(),
                seconds=round(time.monotonic() - start, 2),
            )
            save(folder.path / "result.json", result, AuditResult)
            write_text(folder.path / "report.html", render_audit_report(result))
            folder.finish(
                {
                    "versions": dict(result.versions),
                    "seconds": result.seconds,
                    "files": ["settings.toml", "documents.parquet", "evidence.parquet", "result.json", "report.html"],
                }
            )
        return result


def _files_of(*places: str | None) -> list[Path]:
    """Return the files that settings name, those of folders among them."""
    found = [Path(place) for place in places if place is not None]
    inside = (sorted(place.iterdir()) if place.is_dir() else [place] for place in found)
    return [path for paths in inside for path in paths if path.is_file()]


def _formats(out: Path | None, report: Path | None) -> dict[Path, tuple[str, ...]]:
    """Return the outputs that were asked for with the suffixes they may have."""
    asked: dict[Path | None, tuple[str, ...]] = {out: WRITABLE, report: (".html",)}
    return {path: suffixes for path, suffixes in asked.items() if path is not None}


def open_project(folder: Path | str = ".") -> Project:
    """Return the project in a folder, which need not hold anything yet."""
    return Project(Path(folder))
