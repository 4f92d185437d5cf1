"""Every request and every answer of a project, kept so that nothing is paid for twice.

``.headwater/requests/`` holds numbered segments. The last is a log of JSON lines, appended to and forced to the disk
before anything in it counts; a log that has grown to 64 MiB is written once as Parquet, with its keys sorted beside it
(``.keys``) and its sums (``.json``, written last). Opening reads one log and the sums; a key is found in the sorted
files, which are mapped and not read, so neither time nor memory grows with the answers that are held. Answers stay in
the order they came in, so that a run that is repeated finds its answers side by side.

A line that a kill cut short is removed when the ledger is next opened, and said. One process writes at a time.
"""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from headwater.errors import StoreError
from headwater.files import sync
from headwater.generate.budget import Cost, Spending
from headwater.generate.request import Answer, Finish, Request
from headwater.store import (
    append_line,
    parquet_file,
    read_lines,
    replaced_file,
    storage_errors,
    write_json,
    writer_lock,
)

REQUESTS = "requests"
"""Folder in the project's store."""

_LOG_BYTES = 64 << 20
_GROUP_ROWS = 1024
_HELD_GROUPS = 4  # row groups that are kept unpacked: repeated runs read them one after another

_COLUMNS: Mapping[str, tuple[pa.DataType, str]] = {
    "event": (
        pa.string(),
        "asked, answered, failed (may be asked again), lost (outcome unknown) or released (not sent)",
    ),
    "key": (pa.string(), "digest of the generator and everything that is sent; the idempotency key"),
    "recipe": (pa.string(), "recipe that asked"),
    "book": (pa.string(), "what the cost is counted under: digest of everything that shapes what is asked"),
    "generator": (pa.string(), "generator that was asked"),
    "time": (pa.string(), "when, ISO 8601, UTC"),
    "system": (pa.string(), "instructions before the prompt"),
    "prompt": (pa.string(), "the prompt"),
    "parents": (pa.list_(pa.string()), "ids of the documents it was made from"),
    "style": (pa.string(), "name of the prompt among the recipe's styles"),
    "sample": (pa.int32(), "number of the answer to the same prompt, from 0"),
    "seed": (pa.int64(), "seed that was sent"),
    "max_tokens": (pa.int64(), "most tokens of the answer"),
    "text": (pa.string(), "the answer as it came"),
    "finish": (pa.string(), "how it ended"),
    "prompt_tokens": (pa.int64(), "tokens of the prompt that are paid for"),
    "completion_tokens": (pa.int64(), "tokens of the answer that are paid for"),
    "counted": (pa.bool_(), "whether the generator counted the tokens; else they are the most they can be"),
    "pico": (pa.int64(), "what it cost, in 10^-12 of the currency"),
    "most_prompt": (pa.int64(), "prompt tokens that were reserved"),
    "most_completion": (pa.int64(), "answer tokens that were reserved"),
    "most_pico": (pa.int64(), "money that was reserved, in 10^-12 of the currency"),
    "model": (pa.string(), "model as the generator named it"),
    "attempts": (pa.int32(), "attempts of the run that got the answer"),
    "seconds": (pa.float64(), "time the last attempt took"),
    "error": (pa.string(), "why there is no answer"),
}
EVENTS = pa.schema(
    [pa.field(name, kind, metadata={"meaning": meaning}) for name, (kind, meaning) in _COLUMNS.items()],
    metadata={"headwater.kind": "request", "headwater.schema": "1"},
)
"""Columns of the sealed segments, and keys of the lines."""

_ANSWER = ("key", "text", "finish", "prompt_tokens", "completion_tokens", "model", "attempts", "seconds", "time")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was kept."""

    answer: Answer
    time: str
    """When it came, ISO 8601."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A segment that is finished."""

    path: Path
    high: NDArray[np.uint64]
    """First half of the keys of its answers, ascending; mapped."""
    low: NDArray[np.uint64]
    row: NDArray[np.uint32]
    """Row of each key's answer."""
    spending: Mapping[str, Spending]

    def rows(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the row of each key's answer, -1 where there is none."""
        found = np.full(len(high), -1, dtype=np.int64)
        at = np.searchsorted(self.high, high)
        todo = np.arange(len(high))
        while len(todo):  # more than once only where the first halves of two keys agree
            todo = todo[at[todo] < len(self.high)]
            todo = todo[self.high[at[todo]] == high[todo]]
            same = self.low[at[todo]] == low[todo]
            found[todo[same]] = self.row[at[todo[same]]]
            todo = todo[~same]
            at[todo] += 1
        return found


@dataclass(slots=True)
class _Log:
    """A segment that is written to, or waits to be sealed."""

    path: Path
    places: dict[bytes, tuple[int, int]]
    """Place and length of the line with the answer to each key."""
    spending: dict[str, Spending]
    size: int = 0
    rows: int = 0


class RequestLedger:
    """The requests of a project; opened for writing by one process at a time.

    Threads may share it. Use it as a context manager.
    """

    def __init__(self, store: Path, *, run: str = "", log_bytes: int = _LOG_BYTES) -> None:
        """Name the ledger of a store; it is opened by entering the context.

        Args:
            store: the project's store.
            run: shown to another process that is refused.
            log_bytes: size from which a log is sealed.
        """
        self.folder = store / REQUESTS
        self.repaired = ""
        """What was repaired when it was opened, in a sentence; empty: nothing."""
        self._lock = writer_lock(store / "locks", REQUESTS, run=run, shown="the ledger of requests")
        self._log_bytes = log_bytes
        self._guard = threading.RLock()
        self._sealed: list[_Sealed] = []
        self._logs: list[_Log] = []
        self._file: BinaryIO | None = None
        self._sealing: threading.Thread | None = None
        self._trouble: BaseException | None = None
        self._unpacked: OrderedDict[tuple[Path, int], list[dict[str, Any]]] = OrderedDict()
        self._files: dict[Path, tuple[pq.ParquetFile, NDArray[np.int64]]] = {}

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            self._open()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._sealing is not None:
                self._sealing.join()
            if self._file is not None:
                self._file.close()
            for file, _ in self._files.values():
                file.close()
        finally:
            self._lock.__exit__(kind, error, trace)

    # What is written.

    def asked(
        self, requests: Sequence[tuple[Request, Cost]], *, recipe: Mapping[str, str], book: str, generator: str
    ) -> None:
        """Record requests that are about to be sent, with what is reserved for them.

        Args:
            requests: each with its reservation.
            recipe: label of the recipe by style.
            book: what the cost is counted under.
            generator: name of the generator.

        Raises:
            StoreError: the disk refuses.
        """
        now = _now()
        self._append(
            [
                {"event": "asked", "key": one.key, "recipe": recipe[one.style], "book": book, "generator": generator,
                 "time": now, "system": one.system, "prompt": one.prompt, "parents": list(one.parents),
                 "style": one.style, "sample": one.sample, "seed": one.seed, "max_tokens": one.max_tokens,
                 **_most(cost)}
                for one, cost in requests
            ]
        )  # fmt: skip

    def answered(self, answers: Sequence[tuple[Answer, Cost, Cost]], *, book: str) -> None:
        """Record answers, each with its reservation and what it cost. They count once this returns.

        Raises:
            StoreError: the disk refuses.
        """
        now = _now()
        self._append(
            [
                {"event": "answered", "key": one.key, "book": book, "time": now, "text": _whole(one.text),
                 "finish": one.finish.value, "prompt_tokens": cost.prompt_tokens,
                 "completion_tokens": cost.completion_tokens, "pico": cost.pico,
                 "counted": one.prompt_tokens is not None and one.completion_tokens is not None, "model": one.model,
                 "attempts": one.attempts, "seconds": round(one.seconds, 3), **_most(most)}
                for one, most, cost in answers
            ]
        )  # fmt: skip

    def ended(self, event: str, ends: Sequence[tuple[str, Cost, str]], *, book: str) -> None:
        """Record requests that failed, attempts that were lost, or requests that were released without being sent.

        Args:
            event: ``failed``, ``lost`` or ``released``.
            ends: key, reservation and error of each.
            book: what the cost is counted under.

        Raises:
            StoreError: the disk refuses.
        """
        now = _now()
        self._append(
            [{"event": event, "key": key, "book": book, "time": now, "error": error, **_most(most)}
             for key, most, error in ends]
        )  # fmt: skip

    def name_recipe(self, recipe_id: str, name: str) -> tuple[str, str]:
        """Return the name a recipe goes by, and what is to be said about it; the first name it was used under stays.

        Raises:
            StoreError: the disk refuses.
        """
        path = self.folder / "recipes.jsonl"
        known = read_lines(path)
        mine = next((one for one in known if one.get("id") == recipe_id), None)
        if mine is not None:
            first = str(mine["name"])
            if first == name:
                return first, ""
            return first, (
                f"{name} is the recipe that was first used as {first} ({mine['first_used']}): nothing that shapes its "
                f"output differs. Its documents go on being named {first}."
            )
        said = ""
        if any(one.get("name") == name for one in known):
            said = (
                f"{name} has changed since it was last used, which makes it a new recipe ({recipe_id}): what was "
                "admitted of it before does not cover it."
            )
        append_line(path, {"id": recipe_id, "name": name, "first_used": _now()})
        return name, said

    # What is read.

    def spending(self, book: str) -> Spending:
        """Return what was spent under a name; requests that were under way when a process ended are still reserved."""
        total = Spending()
        with self._guard:
            for sums in [*(one.spending for one in self._sealed), *(one.spending for one in self._logs)]:
                if book in sums:
                    total.merge(sums[book])
        return total

    def known(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        """Say which requests are answered."""
        return np.array([place is not None for place in self._places(keys)], dtype=np.bool_)

    def answers(self, keys: Sequence[str]) -> list[Kept | None]:
        """Return the kept answers; None where a request has none.

        Raises:
            StoreError: the ledger is damaged.
        """
        with self._guard:
            return [None if place is None else self._kept(place) for place in self._places(keys)]

    @property
    def rows(self) -> int:
        """Events that are held."""
        with self._guard:
            return sum(self._file_of(one.path)[0].metadata.num_rows for one in self._sealed) + sum(
                one.rows for one in self._logs
            )

    def _places(self, keys: Sequence[str]) -> list[tuple[_Log | _Sealed, Any] | None]:
        packed = b"".join(map(bytes.fromhex, keys))
        halves = np.frombuffer(packed, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        found: list[tuple[_Log | _Sealed, Any] | None] = [None] * len(keys)
        with self._guard:
            for log in self._logs:
                for i in range(len(keys)):
                    place = log.places.get(packed[16 * i : 16 * i + 16])
                    if place is not None and found[i] is None:
                        found[i] = (log, place)
            open_rows = np.flatnonzero([one is None for one in found])
            for segment in self._sealed:
                if not len(open_rows):
                    break
                rows = segment.rows(halves[open_rows, 0], halves[open_rows, 1])
                for i, row in zip(open_rows[rows >= 0].tolist(), rows[rows >= 0].tolist(), strict=True):
                    found[i] = (segment, row)
                open_rows = open_rows[rows < 0]
        return found

    def _kept(self, place: tuple[_Log | _Sealed, Any]) -> Kept:
        segment, where = place
        if isinstance(segment, _Log):
            with segment.path.open("rb") as file:
                file.seek(where[0])
                row = json.loads(file.read(where[1]))
        else:
            row = self._row(segment, where)
        counted = row.get("counted", True)
        answer = Answer(
            row["key"],
            row["text"],
            Finish(row["finish"]),
            row["prompt_tokens"] if counted else None,
            row["completion_tokens"] if counted else None,
            row["model"] or "",
            row["attempts"],
            row["seconds"],
        )
        return Kept(answer, row["time"])

    def _row(self, segment: _Sealed, row: int) -> dict[str, Any]:
        file, starts = self._file_of(segment.path)
        group = int(np.searchsorted(starts, row, side="right")) - 1
        place = (segment.path, group)
        rows = self._unpacked.get(place)
        if rows is None:
            rows = file.read_row_group(group, columns=[*_ANSWER, "counted"]).to_pylist()
            self._unpacked[place] = rows
            if len(self._unpacked) > _HELD_GROUPS:
                self._unpacked.popitem(last=False)
        else:
            self._unpacked.move_to_end(place)
        return rows[row - int(starts[group])]

    def _file_of(self, path: Path) -> tuple[pq.ParquetFile, NDArray[np.int64]]:
        if path not in self._files:
            try:
                file = pq.ParquetFile(path)
            except (pa.ArrowException, OSError) as error:
                raise StoreError(f"the ledger of requests is damaged: {path} cannot be read ({error}).") from error
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            self._files[path] = (file, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)[:-1])
        return self._files[path]

    # How it is kept.

    def _append(self, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        lines = [(json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace") for row in rows]
        with self._guard:
            if self._trouble is not None:
                raise self._trouble
            log = self._logs[-1]
            if self._file is None:
                raise StoreError("the ledger of requests is not open.")
            with storage_errors(log.path):
                self._file.write(b"".join(lines))
                self._file.flush()
                os.fsync(self._file.fileno())
            for row, line in zip(rows, lines, strict=True):
                _count(log, row, len(line))
            if log.size >= self._log_bytes:
                self._begin(self._number(log.path) + 1)
                self._seal_behind()

    def _seal_behind(self) -> None:
        """Seal all logs but the last, beside the work; they can be read meanwhile."""
        if self._sealing is not None and self._sealing.is_alive():
            return

        def work() -> None:
            try:
                while len(self._logs) > 1:
                    self._seal(self._logs[0])
            except BaseException as error:
                self._trouble = error

        self._sealing = threading.Thread(target=work, name="sealing requests", daemon=False)
        self._sealing.start()

    def _seal(self, log: _Log) -> None:
        with storage_errors(log.path):
            _write_segment(log)
        sealed = _mapped(log.path.with_suffix(".parquet"))
        with self._guard:
            self._sealed.append(sealed)
            self._logs.remove(log)
        log.path.unlink()

    def _open(self) -> None:
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        logs: list[_Log] = []
        said: list[str] = []
        numbers = sorted({self._number(path) for path in self.folder.iterdir() if path.stem.isdigit()})
        for number in numbers:
            log = self.folder / f"{number:06}.jsonl"
            if log.with_suffix(".json").exists():
                self._sealed.append(_mapped(log.with_suffix(".parquet")))
                log.unlink(missing_ok=True)
                continue
            for suffix in (".parquet", ".keys"):
                log.with_suffix(suffix).unlink(missing_ok=True)
            if log.exists():
                one, repaired = _scanned(log)
                logs.append(one)
                said += repaired
        self._logs = logs
        if not logs or logs[-1].size >= self._log_bytes:
            self._begin(numbers[-1] + 1 if numbers else 1)
        else:
            self._file = logs[-1].path.open("ab")
        while len(self._logs) > 1:
            self._seal(self._logs[0])
        self.repaired = " ".join(said)

    def _begin(self, number: int) -> None:
        path = self.folder / f"{number:06}.jsonl"
        if self._file is not None:
            self._file.close()
        with storage_errors(path):
            self._file = path.open("ab")
            sync(self.folder)
        self._logs.append(_Log(path, {}, {}))

    @staticmethod
    def _number(path: Path) -> int:
        return int(path.stem)


def _count(log: _Log, row: Mapping[str, Any], length: int) -> None:
    log.spending.setdefault(row["book"], Spending()).add(row)
    if row["event"] == "answered":
        log.places.setdefault(bytes.fromhex(row["key"]), (log.size, length))
    log.size += length
    log.rows += 1


def _scanned(path: Path) -> tuple[_Log, list[str]]:
    """Return a log as it stands, without what a kill cut short; what was removed is said."""
    log, said, damaged = _Log(path, {}, {}), list[str](), 0
    with storage_errors(path), path.open("r+b") as file:
        for line in file:
            row = None
            if line.endswith(b"\n"):
                with suppress(ValueError):
                    row = json.loads(line)
            if isinstance(row, dict) and "event" in row:
                _count(log, row, len(line))
            elif line.endswith(b"\n"):
                damaged += 1
                log.size += len(line)
            else:
                said.append(
                    f"The last line of {path.name} in the ledger of requests was cut short and is removed; what it was "
                    "about is asked again."
                )
        file.truncate(log.size)
        file.flush()
        os.fsync(file.fileno())
    if damaged:
        said.append(f"{damaged:,} lines of {path.name} in the ledger of requests are damaged and passed over.")
    return log, said


def _rows_of(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and "event" in row:
                    yield row


def _write_segment(log: _Log) -> None:
    """Write a log as Parquet with its keys and sums; the sums last, which makes it count."""
    keys: dict[bytes, int] = {}
    with parquet_file(log.path.with_suffix(".parquet"), EVENTS) as writer:
        number = 0
        for group in _grouped(_rows_of(log.path), _GROUP_ROWS):
            for row in group:
                if row["event"] == "answered":
                    keys.setdefault(bytes.fromhex(row["key"]), number)
                number += 1
            writer.write_table(pa.Table.from_pylist(group, schema=EVENTS), row_group_size=_GROUP_ROWS)
    ordered = sorted(keys)
    halves = np.frombuffer(b"".join(ordered), dtype=">u8").reshape(-1, 2).astype("<u8")
    with replaced_file(log.path.with_suffix(".keys")) as file:
        file.write(np.ascontiguousarray(halves[:, 0]).tobytes())
        file.write(np.ascontiguousarray(halves[:, 1]).tobytes())
        file.write(np.array([keys[key] for key in ordered], dtype="<u4").tobytes())
    sums = {book: one.plain() for book, one in log.spending.items()}
    write_json(log.path.with_suffix(".json"), {"answers": len(ordered), "rows": number, "spending": sums})


def _mapped(path: Path) -> _Sealed:
    try:
        facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
        count = facts["answers"]
        keys = path.with_suffix(".keys")
        if keys.stat().st_size != 20 * count:
            raise ValueError(f"{keys.name} has another size")  # noqa: TRY301
        spending = {book: Spending.of_plain(one) for book, one in facts["spending"].items()}
        if not count:
            none = np.zeros(0, dtype=np.uint64)
            return _Sealed(path, none, none, np.zeros(0, dtype=np.uint32), spending)
        high = np.memmap(keys, dtype="<u8", mode="r", offset=0, shape=(count,))
        low = np.memmap(keys, dtype="<u8", mode="r", offset=8 * count, shape=(count,))
        row = np.memmap(keys, dtype="<u4", mode="r", offset=16 * count, shape=(count,))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"the ledger of requests is damaged at {path}: {error}. Restore the folder from a copy, or move it away; "
            "what it held would then be asked, and paid for, again."
        ) from error
    return _Sealed(path, high, low, row, spending)


def _grouped(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _most(cost: Cost) -> dict[str, int]:
    return {"most_prompt": cost.prompt_tokens, "most_completion": cost.completion_tokens, "most_pico": cost.pico}


def _whole(text: str) -> str:
    """Return a text with U+FFFD for half characters, which JSON can spell and no file of text can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
