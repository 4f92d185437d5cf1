"""A generator that is somebody's program: prompts go in as JSON lines, texts come out as JSON lines."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from headwater.errors import InputError

_SHOWN_ERROR_BYTES = 500
_MOST_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Answers:
    """What a program wrote."""

    texts: dict[str, str]
    """Text by id of the prompt."""
    empty: int
    """Prompts that were answered without a text."""
    strange: int
    """Lines of output that answer no prompt."""
    complaints: str
    """The end of what it wrote to standard error."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program that answers prompts.

    It is started once, without a shell. Standard input has one JSON object per line, ``{"id": ..., "prompt": ...,
    "words": ...}``; for each it writes one line ``{"id": ..., "text": ...}`` to standard output, in any order. Lines
    that are something else are counted and passed over; an id without an answer has none.
    """

    arguments: tuple[str, ...]
    """Program and arguments."""
    timeout_seconds: float | None = None
    """How long it may take for all prompts; None: as long as it likes."""

    def answer(self, prompts: Sequence[Mapping[str, object]]) -> Answers:
        """Return what the program answers.

        Raises:
            InputError: the program cannot be started, fails, or takes too long.
        """
        named = " ".join(self.arguments)
        # Files and not pipes: a program that writes much before it has read all would block both.
        with (
            tempfile.TemporaryFile() as asked,
            tempfile.TemporaryFile() as answered,
            tempfile.TemporaryFile() as complaints,
        ):
            asked.write("".join(json.dumps(dict(prompt), ensure_ascii=False) + "\n" for prompt in prompts).encode())
            asked.seek(0)
            try:
                code = subprocess.run(  # noqa: S603  (the user's own command, without a shell)
                    self.arguments,
                    stdin=asked,
                    stdout=answered,
                    stderr=complaints,
                    timeout=self.timeout_seconds,
                    check=False,
                ).returncode
            except OSError as error:
                raise InputError(f"cannot start {named!r}: {error.strerror}. Check the command.") from error
            except subprocess.TimeoutExpired:
                raise InputError(
                    f"{named!r} did not end within {self.timeout_seconds:g} seconds. Ask for fewer texts, or allow it "
                    "more time."
                ) from None
            complaints.seek(0, 2)
            complaints.seek(max(complaints.tell() - _SHOWN_ERROR_BYTES, 0))
            said = complaints.read().decode("utf-8", "replace").strip()
            if code:
                raise InputError(f"{named!r} ended with exit code {code}: {said or 'it said nothing'}")
            answered.seek(0)
            return _answers(answered, {str(prompt["id"]) for prompt in prompts}, said)


def _answers(lines: BinaryIO, asked: set[str], complaints: str) -> Answers:
    texts: dict[str, str] = {}
    empty: set[str] = set()
    strange = 0
    while line := lines.readline(_MOST_LINE_BYTES):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        key = str(row.get("id")) if isinstance(row, dict) else ""
        text = row.get("text", 0) if isinstance(row, dict) else None
        if key in asked and isinstance(text, str) and text.strip():
            texts.setdefault(key, text)
        elif key in asked and (text is None or isinstance(text, str)):
            empty.add(key)
        else:
            strange += 1
    return Answers(texts, len(empty - texts.keys()), strange, complaints)
