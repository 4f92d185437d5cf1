"""The errors a caller may want to tell apart.

    HeadwaterError            anything the user can put right; its message says how
    ├── InputError            a file, row or column cannot be used
    │   └── NotEnoughData     there is too little of it for the test that was asked for
    ├── ConfigError           settings are wrong; every fault is listed at once
    ├── StoreError            the project folder cannot be read or written
    │   └── LockedError       another process is writing to the same table
    ├── MissingExtraError     an optional dependency is not installed
    ├── EngineError           workers or a cluster cannot be used, or an operator does not keep its contract
    └── Diverged              the loss of a model is no number any more

A message has four parts: what was wrong with which value, where, what is allowed, what to do next. Outcomes that are
no mistakes (a rejected document, an undecided recipe) are values, never exceptions.
"""

import difflib
from collections.abc import Iterable


class HeadwaterError(Exception):
    """Root of everything the user can put right."""

    def __reduce__(self) -> tuple[object, ...]:
        # Pickled by its message: a worker's error must reach the caller as it is, whatever its class is made from.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: type[HeadwaterError], args: tuple[object, ...]) -> HeadwaterError:
    """Return an error of a class with its arguments as they are, without calling what would make a message of them."""
    return kind.__new__(kind, *args)


class InputError(HeadwaterError):
    """A file, row or column cannot be used."""


class NotEnoughData(InputError):  # noqa: N818  (the name says what is the matter)
    """There is too little data for the test that was asked for; the message says how much is needed."""


class ConfigError(HeadwaterError):
    """Settings are wrong. ``faults`` holds one sentence per fault."""

    def __init__(self, faults: Iterable[str], where: str = "settings") -> None:
        self.faults = tuple(faults)
        lines = "\n".join(f"  - {fault}" for fault in self.faults)
        count = len(self.faults)
        super().__init__(f"{count} fault{'s' if count != 1 else ''} in {where}:\n{lines}")


class StoreError(HeadwaterError):
    """The project folder cannot be read or written."""


class LockedError(StoreError):
    """Another process is writing to the same table."""


class MissingExtraError(HeadwaterError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency. Install it with: pip install 'headwater[{extra}]'")


class EngineError(HeadwaterError):
    """Workers or a cluster cannot be used, or an operator does not keep its contract."""


class Diverged(HeadwaterError):  # noqa: N818  (it is what happened; a loop keeps what it reached before)
    """The loss of a model is no number any more; the message says when."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest known word, or an empty string."""
    close = difflib.get_close_matches(word, [str(one) for one in known], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
