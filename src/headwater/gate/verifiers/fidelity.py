"""Fidelity to the human parent: numbers, dates, names and quotations that are kept, and none that are made up.

A rewrite may change every sentence, but what it states must be what its parent stated. What can be compared without
understanding: numbers, and names (capitalised words that do not merely begin a sentence). Rules, not a model: fast,
explainable, and wrong in known ways (a name that is translated counts as lost, one spelled otherwise as made up).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.verifiers.numbers import numbers_in
from headwater.schema import Reason, Stage

_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")
_SENTENCE_END = re.compile(r"[.!?:;\n\"\u201c\u201d(\[*#-]\s*$")
_SMALL_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12,
}  # fmt: skip


@dataclass(frozen=True)
class Fidelity:
    """Fails documents that lose too much of what their parents state, or state too much that these do not.

    Documents without a parent that is known have not passed.
    """

    parents: Mapping[str, str] = field(hash=False)
    """Text by id of the documents that others are made from."""
    kept: float = 0.3
    """Least share of the parent's numbers and names that must be kept, in [0, 1]."""
    made_up: float = 0.5
    """Largest share of the document's numbers and names that its parents need not have, in [0, 1]."""
    reason: Reason = Reason.UNFAITHFUL
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return by how much the worse of both shares misses its bound (0: neither does), NaN without a parent."""
        rows = zip(documents["text"].to_pylist(), documents["parents"].to_pylist(), strict=True)
        return np.array([self._miss(text, named or []) for text, named in rows], np.float64)

    def _miss(self, text: str, named: list[str]) -> float:
        sources = [self.parents[key] for key in named if key in self.parents]
        if not sources:
            return float("nan")
        kept, made_up = shares(text, "\n".join(sources))
        return max(self.kept - kept, made_up - self.made_up, 0.0)


def shares(text: str, source: str) -> tuple[float, float]:
    """Return the share of the source's facts that a text keeps, and the share of the text's that the source has not.

    1 and 0 where there is nothing to keep or nothing that could be made up.
    """
    theirs, ours = facts(source), facts(text)
    # Words that the other text has in lower case are no names there: they merely began a sentence here.
    known = {word.casefold() for word in _WORD.findall(source)} | theirs
    said = {word.casefold() for word in _WORD.findall(text)} | ours
    kept = sum(one in said for one in theirs) / len(theirs) if theirs else 1.0
    made_up = sum(one not in known for one in ours) / len(ours) if ours else 0.0
    return kept, made_up


def facts(text: str) -> set[str]:
    """Return the numbers of a text, and its names in lower case."""
    found = {str(number) for number in numbers_in(text)}
    for match in _WORD.finditer(text):
        word = match.group()
        if word.casefold() in _SMALL_NUMBERS:
            found.add(str(_SMALL_NUMBERS[word.casefold()]))
        elif (
            word[0].isupper()
            and len(word) > 1
            and match.start()
            and not _SENTENCE_END.search(text[max(match.start() - 4, 0) : match.start()])
        ):
            found.add(word.casefold().removesuffix("'s").removesuffix("\u2019s"))
    return found
