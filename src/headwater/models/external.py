"""The user's own trainer as a learner: two commands, one that trains a model and one that scores documents with it.

    train    = "torchrun train.py --data {data} --out {model}"
    evaluate = "python score.py {model} {panel}"

No shell is involved: a command is split into arguments as a shell would split it, and the placeholders in each argument
are replaced. What the commands get and give:

``{data}``     JSON lines, a document each, in random order: ``id``, ``text``, ``origin``, ``recipe`` (null: human)
``{model}``    where the model belongs, a file or a folder; the command makes it. It is the same path after an
               interruption, so a trainer that finds its checkpoints there may go on from them
``{panel}``    JSON lines, a held-out document each: ``id``, ``text``. Only ``evaluate`` gets it, in a temporary folder
``{losses}``   a file that ``evaluate`` may write instead of printing
``{seed}``     a number; with it the command is run for several seeds, and losses are averaged
``{tokens}`` ``{epochs}`` ``{machine_share}``   the student's regime

``evaluate`` answers for each document with its total negative log probability in nats and the number of tokens it is
the sum of: one JSON object ``{"id": ..., "nats": ..., "tokens": ...}`` per line of standard output or of ``{losses}``,
or a Parquet file with these columns, or the samples that lm-evaluation-harness logs for a task of rolling log
likelihoods whose data set is ``{panel}``. Other lines of standard output are passed over; anything else that is amiss
(a document without a loss, one with two, a loss that is negative or no number) is an error, since a loss that is made
up would be evidence that is made up.

Everything is kept in a folder per training set, named by the command, the content of the files it names and that of the
data. A finished model is not trained again, and documents it has scored are not scored again.
"""

import contextlib
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from headwater.errors import ConfigError, InputError, did_you_mean
from headwater.models.learner import Losses, Tell
from headwater.schema import digest

NEEDED: Mapping[str, tuple[str, ...]] = {"train": ("data", "model"), "evaluate": ("model", "panel")}
"""Placeholders each command has to have."""
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "train": ("data", "model", "seed", "tokens", "epochs", "machine_share"),
    "evaluate": ("model", "panel", "losses", "seed"),
}
"""Placeholders each command may have."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_GRACE_SECONDS = 5.0
_SHOWN_BYTES = 2000
_SHOWN_IDS = 5
_MOST_LINE_BYTES = 1 << 20
_MOST_OUTPUT_BYTES = 4 << 30
_PARQUET = b"PAR1"
_LARGEST_SEED = 2**31
_LARGEST_HASHED_BYTES = 64 << 20
_MOST_TOKENS = 2**53
_COLUMNS = ("id", "nats", "tokens")


def command_faults(train: str, evaluate: str) -> list[str]:
    """Return one sentence for each thing that is wrong with two commands."""
    return [fault for name, command in (("train", train), ("evaluate", evaluate)) for fault in _faults(name, command)]


def _faults(name: str, command: str) -> list[str]:
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        return [f"{name} = {command!r}: cannot be split into arguments ({error}). Close every quotation mark"]
    if not arguments:
        return [f"{name} is empty: give the program and its arguments, with {_listed(NEEDED[name])}"]
    used = _PLACEHOLDER.findall(command)
    faults = [
        f"{name} = {command!r}: no placeholder is called {{{one}}}. Known: {_listed(ALLOWED[name])}."
        f"{did_you_mean(one, ALLOWED[name])}"
        for one in used
        if one not in ALLOWED[name]
    ]
    missing = [one for one in NEEDED[name] if one not in used]
    if missing:
        faults.append(f"{name} = {command!r}: {_listed(missing)} is missing, so the command could not know of it")
    return faults


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


@dataclass(frozen=True, slots=True)
class CommandLearner:
    """Trains by running a command.

    Raises:
        ConfigError: a command cannot be used; every fault is named.
    """

    train: str
    """Command that trains; see the module."""
    evaluate: str
    """Command that scores; see the module."""
    folder: Path
    """Where training data, models, logs and losses are kept."""
    timeout_seconds: float | None = None
    """How long one command may take; None: as long as it likes."""
    directory: Path | None = None
    """Folder the commands are run in; None: the current one."""
    wanted_seeds: int = 2
    """How many models to train and average where ``train`` has ``{seed}``."""
    regime: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Values of ``{tokens}``, ``{epochs}`` and ``{machine_share}``."""
    progress: Tell | None = field(default=None, compare=False, repr=False)
    """Told which command is running."""

    def __post_init__(self) -> None:
        faults = command_faults(self.train, self.evaluate)
        unset = [one for one in ("tokens", "epochs", "machine_share") if one not in self.regime]
        faults += [
            f"train = {self.train!r}: {{{one}}} has no value. Set trainer.{one}, or leave the placeholder out"
            for one in unset
            if f"{{{one}}}" in self.train
        ]
        if self.timeout_seconds is not None and self.timeout_seconds <= 0:
            faults.append(f"timeout_seconds = {self.timeout_seconds}: allowed are numbers above 0")
        if faults:
            raise ConfigError(faults, "the trainer's commands")

    @property
    def seeds(self) -> int:
        """How many models are averaged: one where the command takes no seed."""
        return self.wanted_seeds if "{seed}" in self.train else 1

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> "CommandModel":
        """Return the model that the command trains on the documents.

        Args:
            samples: a table with the columns ``id`` and ``text``, and ``origin`` and ``recipe`` where there are any.
            rng: gives ``{seed}``. A command without it sees the same data in the same order whatever the generator.

        Raises:
            InputError: the command cannot be started, fails, takes too long, or makes no model.
        """
        seed = int(rng.integers(_LARGEST_SEED)) if "{seed}" in self.train else None
        rows = _rows(samples)
        name = digest([self.train, self.files(self.train), seed, dict(self.regime), digest(sorted(rows))])
        place = self.folder / name
        model = place / "model"
        place.mkdir(parents=True, exist_ok=True)
        with _held(place) as lock:
            if (place / "done.json").exists():
                return CommandModel(self, model, seed)
            data = place / "data.jsonl"
            order = np.random.default_rng([int(name, 16), seed or 0]).permutation(len(rows))
            _write(data, "".join(rows[row] + "\n" for row in order))
            values = {"data": str(data), "model": str(model), "seed": str(seed), **self.regime}
            if self.progress is not None:
                self.progress(0, 0, f"training: {self.train}")
            self.run("train", self.train, values, place / "train.log", None, lock)
            if not model.exists():
                raise InputError(
                    f"The training command ended well but left nothing at {model}. It has to write its model to the "
                    f"path given as {{model}}. Its output: {place / 'train.log'}"
                )
            about = {"train": self.train, "seed": seed, "documents": len(rows)}
            _write(place / "done.json", json.dumps(about, indent=1) + "\n")
            data.unlink()  # it is in the project already, and a run trains on many such sets
        return CommandModel(self, model, seed)

    def files(self, command: str) -> list[str]:
        """Return a digest of each file that a command names: an edited program is another program.

        Very large files, such as a model to begin with, are told apart by size and time.
        """
        found = []
        for argument in shlex.split(command):
            path = (self.directory or Path()) / argument
            if _PLACEHOLDER.search(argument) or not path.is_file():
                continue
            about = path.stat()
            small = about.st_size <= _LARGEST_HASHED_BYTES
            content = hashlib.blake2b(path.read_bytes()).hexdigest() if small else [about.st_size, about.st_mtime_ns]
            found.append(digest([argument, content]))
        return found

    def run(
        self, what: str, command: str, values: Mapping[str, str], log: Path, output: BinaryIO | None, lock: int | None
    ) -> None:
        """Run a command; its output goes to a log, or standard output to a file of its own.

        Args:
            what: train or evaluate, for messages.
            command: the command with its placeholders.
            values: what the placeholders stand for.
            log: where its output goes.
            output: where its standard output goes instead.
            lock: a descriptor it is to keep open for as long as it lives.

        Raises:
            InputError: it cannot be started, fails, or takes too long.
        """
        arguments = [_PLACEHOLDER.sub(lambda found: values[found[1]], part) for part in shlex.split(command)]
        with log.open("wb") as said:
            try:
                # a session of its own, so that everything it starts can be ended with it
                process = subprocess.Popen(  # noqa: S603  (the user's own command, without a shell)
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=said if output is None else output,
                    stderr=said if output is not None else subprocess.STDOUT,
                    cwd=self.directory,
                    start_new_session=True,
                    # the lock is held for as long as anything of it lives, even where this process is killed
                    pass_fds=() if lock is None else (lock,),
                )
            except OSError as error:
                raise InputError(
                    f"Cannot start the {what} command {arguments[0]!r}: {error.strerror or error}. It is run in "
                    f"{(self.directory or Path()).resolve()} without a shell. Give a program that is found there or "
                    "on the search path."
                ) from error
            try:
                code = process.wait(self.timeout_seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                raise InputError(
                    f"The {what} command did not end within {self.timeout_seconds:g} seconds and was stopped, with "
                    f"everything it had started. Allow it more with timeout_seconds.{_last_lines(log)}"
                ) from None
            except BaseException:  # Ctrl-C must not leave a training behind
                _end(process)
                raise
        if code:
            how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise InputError(f"The {what} command {how}: {shlex.join(arguments)}{_last_lines(log)}")


@dataclass(frozen=True, slots=True, eq=False)
class CommandModel:
    """A model that a command trained."""

    learner: CommandLearner
    path: Path
    """What the command made: a file or a folder."""
    seed: int | None
    """Value of ``{seed}``."""

    def loss(self, samples: pa.Table) -> Losses:
        """Return what the command says about each document.

        Raises:
            InputError: the command fails, or its answer cannot be used; the message names documents.
        """
        if not samples.num_rows:
            return Losses(np.zeros(0), np.zeros(0, np.int64))
        ids = _distinct_ids(samples["id"].to_pylist())
        texts = samples["text"].to_pylist()
        learner = self.learner
        name = digest([learner.evaluate, learner.files(learner.evaluate), ids, texts])
        kept = self.path.parent / f"losses-{name}.parquet"
        with _held(self.path.parent) as lock:
            if not kept.exists():
                losses = self._evaluate(ids, texts, name, lock)
                _write_table(kept, pa.table({"id": ids, "nats": losses.nats, "tokens": losses.tokens}))
        table = pq.read_table(kept)
        return Losses(table["nats"].to_numpy(), table["tokens"].to_numpy())

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:  # noqa: ARG002
        """Commands train and score; they write nothing.

        Raises:
            InputError: always.
        """
        raise InputError(
            "A model that a command trained cannot write documents. Let another proxy write the loop's own output "
            '([model] kind = "ngram"), and give the command as [trainer].'
        )

    def _evaluate(self, ids: Sequence[str], texts: Sequence[str], name: str, lock: int | None) -> Losses:
        learner = self.learner
        if learner.progress is not None:
            learner.progress(0, 0, f"scoring {len(ids)} documents: {learner.evaluate}")
        # outside the folder of the model, and gone afterwards: a trainer must not find a panel beside its data
        with tempfile.TemporaryDirectory(prefix="headwater-panel-") as folder, tempfile.TemporaryFile() as printed:
            panel, written = Path(folder) / "panel.jsonl", Path(folder) / "losses"
            rows = ({"id": key, "text": text or ""} for key, text in zip(ids, texts, strict=True))
            panel.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
            log = self.path.parent / f"evaluate-{name}.log"
            values = {
                "model": str(self.path),
                "panel": str(panel),
                "losses": str(written),
                "seed": str(self.seed),
            }
            learner.run("evaluate", learner.evaluate, values, log, printed, lock)
            if "{losses}" not in learner.evaluate:
                printed.seek(0)
                return _checked(_answers(printed, strict=False), ids, "standard output", log)
            if not written.is_file():
                raise InputError(f"The evaluate command ended well but wrote no file {{losses}}.{_last_lines(log)}")
            with written.open("rb") as file:
                return _checked(_answers(file, strict=True), ids, "{losses}", log)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What a command said about documents, as it said it."""

    rows: Sequence[Mapping[str, Any]]
    other: Sequence[str]
    """The first lines that are no answers."""


def _answers(file: BinaryIO, *, strict: bool) -> _Answers:
    size = os.fstat(file.fileno()).st_size
    if size > _MOST_OUTPUT_BYTES:
        raise InputError(f"The evaluate command wrote {size} bytes of losses; at most {_MOST_OUTPUT_BYTES} are read.")
    if file.read(len(_PARQUET)) == _PARQUET:
        file.seek(0)
        try:
            table = pq.read_table(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"The evaluate command wrote a damaged Parquet file: {error}") from error
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise InputError(
                f"The evaluate command wrote a Parquet file without the column {missing[0]!r}. Its columns are "
                f"{', '.join(table.column_names)}; needed are {', '.join(_COLUMNS)}."
            )
        return _Answers(table.select(_COLUMNS).to_pylist(), ())
    file.seek(0)
    return _answer_lines(file, strict=strict)


def _answer_lines(file: BinaryIO, *, strict: bool) -> _Answers:
    rows: list[Mapping[str, Any]] = []
    other: list[str] = []
    for number, line in enumerate(_lines(file), 1):
        text = line.decode("utf-8", "replace").strip()
        if not text:
            continue
        if not text.startswith("{") and not strict:
            other += [text[:200]] if len(other) < _SHOWN_IDS else []
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            _refuse(f"line {number} is no JSON object: {text[:100]!r} ({error})")
        row = _of_lm_eval(row) if isinstance(row, dict) and "doc" in row else row
        if not isinstance(row, dict) or not all(name in row for name in _COLUMNS):
            _refuse(f"line {number} lacks one of {', '.join(_COLUMNS)}: {text[:100]!r}")
        rows.append(row)
    return _Answers(rows, other)


def _of_lm_eval(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample logged by lm-evaluation-harness as an answer: a metric that is log likelihood and weight."""
    pairs = [
        value for value in row.values() if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    ]
    if not isinstance(row["doc"], dict) or "id" not in row["doc"] or not pairs:
        return {}
    return {"id": row["doc"]["id"], "nats": -pairs[0][0], "tokens": pairs[0][1]}


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_MOST_LINE_BYTES):
        yield line


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"The evaluate command answered with something that cannot be used: {what}. It has to give one object "
        '{"id": ..., "nats": ..., "tokens": ...} per document.'
    )


def _checked(answers: _Answers, ids: Sequence[str], where: str, log: Path) -> Losses:
    """Return the losses in the order of the documents, each checked."""
    place = {key: row for row, key in enumerate(ids)}
    nats = np.full(len(ids), np.nan)
    tokens = np.zeros(len(ids), np.int64)
    seen = np.zeros(len(ids), bool)
    strangers, twice, faulty = [], [], []
    for answer in answers.rows:
        key = str(answer["id"])
        row = place.get(key)
        if row is None:
            strangers.append(key)
            continue
        if seen[row]:
            twice.append(key)
        seen[row] = True
        value, count = answer["nats"], answer["tokens"]
        if not _is_number(value) or not 0 <= value < float("inf"):
            faulty.append(f"{key} has nats = {value!r}")
        elif not _is_number(count) or not 1 <= count < _MOST_TOKENS or count != int(count):
            faulty.append(f"{key} has tokens = {count!r}")
        else:
            nats[row], tokens[row] = float(value), int(count)
    missing = [key for key, there in zip(ids, seen, strict=True) if not there]
    said = f" Other lines it printed: {' | '.join(answers.other)}." if answers.other else ""
    for count, what, which in (
        (len(missing), f"of {len(ids)} documents have no loss", missing),
        (len(twice), "documents have more than one loss", twice),
        (len(strangers), "losses belong to no document of the panel", strangers),
        (len(faulty), "losses cannot be used (allowed are finite nats from 0 on and at least 1 token)", faulty),
    ):
        if count:
            more = f" and {count - _SHOWN_IDS} more" if count > _SHOWN_IDS else ""
            raise InputError(
                f"The evaluate command answered ({where}), but {count} {what}: {', '.join(which[:_SHOWN_IDS])}{more}."
                f"{said if what.startswith('of') else ''} Nothing is decided on losses that are incomplete."
                f"{_last_lines(log)}"
            )
    return Losses(nats, tokens)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (not NaN)


def _distinct_ids(ids: Sequence[str]) -> list[str]:
    """Return the ids; one that was there before gets its row's number."""
    seen: set[str] = set()
    found = []
    for row, key in enumerate(ids):
        found.append(f"{key}#{row}" if key in seen else key)
        seen.add(key)
    return found


def _rows(samples: pa.Table) -> list[str]:
    """Return the training documents as lines of JSON."""
    columns = [name for name in ("id", "text", "origin", "recipe") if name in samples.column_names]
    return [json.dumps(row, ensure_ascii=False) for row in samples.select(columns).to_pylist()]


def _write(path: Path, text: str) -> None:
    """Write a file that is there as a whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _write_table(path: Path, table: pa.Table) -> None:
    partial = path.with_name(path.name + ".partial")
    pq.write_table(table, partial)
    partial.replace(path)


@contextlib.contextmanager
def _held(place: Path) -> Iterator[int | None]:
    """Hold a folder for one process and what it starts; yield the descriptor that holds it.

    Raises:
        InputError: another process holds it, or a command that outlived the process that started it.
    """
    if sys.platform == "win32":
        yield None
        return
    import fcntl

    descriptor = os.open(place / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{place} is in use: another process trains or scores this model, or a command still runs whose "
                "Headwater was killed. Wait until it ends, or end it; what it leaves is gone on from."
            ) from None
        yield descriptor
    finally:
        os.close(descriptor)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and everything it started: politely first, then not."""
    for sign, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _last_lines(log: Path) -> str:
    """Return the end of a log for a message."""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - _SHOWN_BYTES, 0))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()[-10:]
    said = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
    return f"\nThe last it said ({log}):\n{said}"
