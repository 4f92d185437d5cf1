"""A program of the user as a generator; see :class:`headwater.generate.Command` for what it reads and writes."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headwater.generate.batches import batched
from headwater.generate.command import Command
from headwater.generate.recipe_file import CommandSettings
from headwater.generate.request import Answer, Finish, Request
from headwater.schema import digest


@dataclass(frozen=True, slots=True)
class ProgramGenerator:
    """Hands requests to a program, ``batch_size`` at a time.

    Each line has ``id`` (the request's key), ``prompt``, ``words`` (the parents' length), and also ``system``,
    ``seed``, ``max_tokens``, ``parents`` and ``style``.
    """

    settings: CommandSettings

    @property
    def name(self) -> str:
        """Return the name documents carry."""
        return self.settings.name or Path(self.settings.command[0]).name

    @property
    def id(self) -> str:
        """Return the digest of the command and its version."""
        return digest(self.settings.identity())

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield the answers in the order of the requests.

        Raises:
            InputError: the program cannot be started, fails, or takes too long.
        """
        command = Command(self.settings.command, self.settings.timeout_seconds)
        for batch in batched(requests, self.settings.batch_size):
            start = time.monotonic()
            found = command.answer([_line(one) for one in batch])
            seconds = (time.monotonic() - start) / len(batch)
            for one in batch:
                text = found.texts.get(one.key, "")
                finish = Finish.UNKNOWN if text else Finish.NONE
                yield Answer(one.key, text, finish, model=self.name, seconds=seconds)


def _line(request: Request) -> dict[str, object]:
    return {
        "id": request.key,
        "prompt": request.prompt,
        "words": sum(len(text.split()) for text in request.texts),
        "system": request.system,
        "seed": request.seed,
        "max_tokens": request.max_tokens,
        "parents": list(request.parents),
        "style": request.style,
    }
