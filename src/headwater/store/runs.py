"""The folder of a run: settings, events, steps that are done once, and a manifest that closes it.

A run that was killed goes on where it stopped: a step's folder is there when the step is complete and never otherwise.
"""

import re
import shutil
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from json import loads
from os import getpid
from pathlib import Path

from headwater.errors import StoreError, did_you_mean
from headwater.schema import SCHEMA_VERSION, digest
from headwater.store.atomic import append_line, read_lines, replace_folder, storage_errors, write_json, write_text
from headwater.store.lock import lock_holder, writer_lock
from headwater.store.toml import toml_text

# What is safe as a file name on every system and as a tag of a table.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """A process is working on it."""
    FINISHED = "finished"
    """Its manifest is written."""
    FAILED = "failed"
    """It stopped with an error; it can be resumed once the cause is removed."""
    INTERRUPTED = "interrupted"
    """It was stopped or killed, or has not begun; it can be resumed."""


def utc_now() -> datetime:
    """Return the time in UTC: the clock of a run unless another is given."""
    return datetime.now(UTC)


def store_folder(project: Path) -> Path:
    """Return the folder of a project that holds everything Headwater stores."""
    return project / ".headwater"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run of a project."""

    path: Path
    """``.headwater/runs/<run id>``."""
    clock: Callable[[], datetime] = utc_now
    """Gives the time of events."""

    @classmethod
    def create(
        cls,
        project: Path,
        settings: Mapping[str, object],
        *,
        inputs: object = None,
        run_id: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> "RunFolder":
        """Make the folder of a new run, with its settings in it.

        Args:
            project: folder of the project.
            settings: resolved settings; keys with the value None are left out of ``settings.toml``.
            inputs: what else the run depends on (hashes of its input files), for its id; JSON-serialisable.
            run_id: name of the run; by default the time and six digits of a hash of settings and inputs.
            clock: gives the time.

        Raises:
            StoreError: the id is taken or no file name, or the disk refuses.
        """
        runs = store_folder(project) / "runs"
        name = run_id or f"{clock():%Y%m%d-%H%M%S}-{digest({'settings': settings, 'inputs': inputs})[:6]}"
        if not _NAME.fullmatch(name):
            raise StoreError(
                f"{name!r} cannot name a run. Use letters, digits, '.', '-' and '_'; not '.' or '-' first."
            )
        for attempt in range(1, 100):
            run = cls(runs / (name if attempt == 1 else f"{name}-{attempt}"), clock)
            if run._settle(settings):
                return run
            if run_id is not None:
                raise StoreError(f"Run {run_id!r} exists in {project.resolve()}. Choose another name, or resume it.")
        raise StoreError(f"A hundred runs named {name} exist in {project}. Repeat the command in a second.")

    @classmethod
    def open(cls, project: Path, run_id: str, *, clock: Callable[[], datetime] = utc_now) -> "RunFolder":
        """Return an existing run by its full id.

        Raises:
            StoreError: the project has no such run.
        """
        path = store_folder(project) / "runs" / run_id
        if not _NAME.fullmatch(run_id) or not (path / "settings.toml").is_file():
            raise _unknown_run(project, run_id)
        return cls(path, clock)

    @property
    def id(self) -> str:
        """The run id."""
        return self.path.name

    @property
    def store(self) -> Path:
        """The folder with the tables of the project."""
        return self.path.parents[1]

    @property
    def created(self) -> str:
        """When the run was made, ISO 8601, UTC; empty where its events were lost."""
        return next((str(event["time"]) for event in self.events()), "")

    @property
    def state(self) -> RunState:
        """How the run stands, from its manifest, its lock and its last event."""
        if (self.path / "manifest.json").exists():
            return RunState.FINISHED
        if lock_holder(self.store / "locks", self._lock) is not None:
            return RunState.RUNNING
        last = [one["event"] for one in self.events() if one.get("event") in ("started", "failed", "interrupted")]
        return RunState.FAILED if last and last[-1] == "failed" else RunState.INTERRUPTED

    def settings(self) -> dict[str, object]:
        """Return the settings the run was made with."""
        return tomllib.loads((self.path / "settings.toml").read_text(encoding="utf-8"))

    def manifest(self) -> dict[str, object]:
        """Return the manifest.

        Raises:
            StoreError: the run is not finished.
        """
        path = self.path / "manifest.json"
        if not path.exists():
            raise StoreError(f"Run {self.id} is {self.state}, not finished: it has no manifest yet. Resume it first.")
        return dict(loads(path.read_bytes()))

    def event(self, name: str, *, sync: bool = False, **fields: object) -> None:
        """Append one event to ``events.jsonl``: the time, its name and fields.

        Args:
            name: short constant word, such as ``generation_done``.
            sync: force it to the disk; without, it outlives the process but not a loss of power.
            **fields: what belongs to it.
        """
        append_line(self.path / "events.jsonl", {"time": self._time(), "event": name, **fields}, sync=sync)

    def events(self) -> list[dict[str, object]]:
        """Return the events, oldest first."""
        return read_lines(self.path / "events.jsonl")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work on the run: one process at a time, with its start and how it ended among the events.

        Raises:
            LockedError: another process is working on it.
            StoreError: the run is finished.
        """
        with writer_lock(self.store / "locks", self._lock, run=self.id):
            if (self.path / "manifest.json").exists():
                raise StoreError(f"Run {self.id} is finished; there is nothing to resume. Start a new run.")
            self.event("started", process=getpid(), host=socket.gethostname())
            try:
                yield
            except BaseException as error:
                # The error itself is what the user must see, even where a full disk takes no event any more.
                with suppress(StoreError):
                    stopped = not isinstance(error, Exception)
                    self.event("interrupted" if stopped else "failed", error=type(error).__name__, message=str(error))
                raise

    def step(self, name: str, key: str, produce: Callable[[Path], None]) -> Path:
        """Return the folder of a step's output, produced now unless it is complete already.

        Args:
            name: name of the step.
            key: hash of everything its output depends on: settings, inputs, versions.
            produce: writes the output into the empty folder it is given. What a killed attempt left is thrown away.

        Raises:
            StoreError: name or key are no file names, or the disk refuses.
        """
        final = self.path / "steps" / f"{name}-{key}"
        if not _NAME.fullmatch(f"{name}-{key}"):
            raise StoreError(f"{name}-{key} cannot name a step. Use letters, digits, '.', '-' and '_'.")
        if final.exists():
            return final
        temp = final.with_name(f".{final.name}.partial")
        with storage_errors(temp):
            shutil.rmtree(temp, ignore_errors=True)
            temp.mkdir(parents=True)
            produce(temp)
        replace_folder(temp, final)
        return final

    def finish(self, manifest: Mapping[str, object]) -> None:
        """Close the run: write ``manifest.json``, the last file of a run.

        Args:
            manifest: what to keep: versions, counts, tags, results. Run id, schema and time are added.
        """
        self.event("finished", sync=True)
        closed = {"run": self.id, "schema": SCHEMA_VERSION, "created": self.created, "finished": self._time()}
        write_json(self.path / "manifest.json", {**closed, **manifest})

    @property
    def _lock(self) -> str:
        return f"run-{self.id}"

    def _time(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _settle(self, settings: Mapping[str, object]) -> bool:
        """Make the folder with settings and first event in one rename; False where the id is taken."""
        temp = RunFolder(self.path.with_name(f".{self.id}.{getpid()}.partial"), self.clock)
        with storage_errors(self.path):
            write_text(temp.path / "settings.toml", toml_text(settings))
            temp.event("created", run=self.id)
            try:
                temp.path.rename(self.path)  # fails where the other folder exists and is not empty
            except OSError:
                shutil.rmtree(temp.path)
                if self.path.exists():
                    return False
                raise
        return True


def list_runs(project: Path) -> list[RunFolder]:
    """Return the runs of a project, oldest first."""
    runs = store_folder(project) / "runs"
    found = [RunFolder(path.parent) for path in runs.glob("*/settings.toml") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda run: (run.created, run.id))


def resolve(project: Path, reference: str) -> RunFolder:
    """Return the run a user means: its id, an unambiguous beginning of it, or ``latest``.

    Raises:
        StoreError: no run, or more than one, is meant.
    """
    runs = list_runs(project)
    if reference == "latest" and runs:
        return runs[-1]
    meant = [run for run in runs if run.id == reference] or [run for run in runs if run.id.startswith(reference)]
    if not meant:
        raise _unknown_run(project, reference)
    if len(meant) > 1:
        shown = ", ".join(run.id for run in meant[:5])
        raise StoreError(f"{reference!r} is the beginning of {len(meant)} runs: {shown}. Give more of the id.")
    return meant[0]


def _unknown_run(project: Path, reference: str) -> StoreError:
    known = [run.id for run in list_runs(project)]
    if not known:
        return StoreError(f"There is no run in {project.resolve()}. Start one: headwater run")
    return StoreError(
        f"There is no run {reference!r} in {project.resolve()}. The latest are: {', '.join(known[-3:])}."
        f"{did_you_mean(reference, known)}"
    )
