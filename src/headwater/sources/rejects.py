"""Rows that could not be used: what, where and why, counted and kept beside the data they were missing from."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from headwater.errors import StoreError

SAMPLE_CHARACTERS = 200
"""How much of a rejected line is kept."""


class RejectKind(StrEnum):
    """Why a row or file was set aside. The list is closed and its values are stable."""

    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_TEXT = "missing_text"
    EMPTY_TEXT = "empty_text"
    WRONG_TYPE = "wrong_type"
    LINE_TOO_LONG = "line_too_long"
    UNREADABLE_ROW = "unreadable_row"
    DUPLICATE_ID = "duplicate_id"
    DUPLICATE_TEXT = "duplicate_text"
    TRUNCATED_FILE = "truncated_file"
    EMPTY_FILE = "empty_file"
    CHANGED_FILE = "changed_file"
    OPERATOR_FAILED = "operator_failed"
    EXPANDS_TOO_MUCH = "expands_too_much"
    UNREASONABLE_HTML = "unreasonable_html"


HARMLESS = frozenset({RejectKind.DUPLICATE_TEXT, RejectKind.EMPTY_FILE})
"""Kinds that are counted but are no fault of a row: they never fail a read."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One row or file that was set aside."""

    file: str
    """Path as it was given."""
    line: int | None
    """Line (row, for Parquet) it starts at, from 1; null where the file as a whole is meant."""
    offset: int | None
    """Byte at which the line starts in the decompressed file, from 0; null for Parquet."""
    kind: RejectKind
    """What is wrong."""
    detail: str
    """What is wrong, in words."""
    sample: str = ""
    """The first ``SAMPLE_CHARACTERS`` characters of the line."""

    @property
    def place(self) -> str:
        """File and line, as editors understand them."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class RejectLog:
    """Counts rejects by file and kind, and appends them to a JSONL file where a path is given.

    The file comes into being with the first reject. Memory does not grow with the number of rejects, only with the
    number of files that have some.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.counts: Counter[tuple[str, RejectKind]] = Counter()
        self.first: dict[RejectKind, Reject] = {}
        self._file: TextIO | None = None

    def add(self, reject: Reject) -> None:
        """Count a reject and write it down.

        Raises:
            StoreError: the rejects file cannot be written.
        """
        self.counts[reject.file, reject.kind] += 1
        self.first.setdefault(reject.kind, reject)
        if self.path is None:
            return
        try:
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8", newline="\n")
            # Escaped to ASCII: a sample may hold half characters and line separators.
            self._file.write(json.dumps(asdict(reject)) + "\n")
        except OSError as error:
            raise StoreError(f"cannot write rejected rows to {self.path}: {error.strerror or error}") from error

    @property
    def by_kind(self) -> dict[RejectKind, int]:
        """Number of rejects of each kind that occurred, most frequent first."""
        kinds: Counter[RejectKind] = Counter()
        for (_, kind), count in self.counts.items():
            kinds[kind] += count
        return dict(kinds.most_common())

    def close(self) -> None:
        """Close the rejects file; adding another reject opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
