"""Rewrite a document in other words: common phrases are exchanged for phrases of the same meaning."""

import re

import numpy as np

from headwater.generate.recipe import Rewrite
from headwater.generate.sentences import sentences

# Pairs work both ways. They are chosen among words frequent in technical prose, so that a sentence of average length
# meets one or two of them; written for this file.
_PAIRS = (
    ("for example", "for instance"), ("however", "nevertheless"), ("therefore", "hence"), ("because", "since"),
    ("is used to", "serves to"), ("are used to", "serve to"), ("must be", "has to be"), ("should be", "ought to be"),
    ("can be", "may be"), ("returns", "gives back"), ("return", "give back"), ("contains", "holds"),
    ("contain", "hold"), ("specified", "given"), ("in order to", "so as to"), ("if", "in case"),
    ("such as", "like"), ("the same", "an identical"), ("different", "distinct"), ("number of", "count of"),
    ("otherwise", "else"), ("whether", "if"), ("only", "solely"), ("also", "too"), ("use", "employ"),
    ("used", "employed"), ("using", "by means of"), ("creates", "makes"), ("create", "make"),
    ("all of", "every one of"),
    ("note that", "observe that"), ("this means", "that implies"), ("does not", "fails to"), ("has been", "was"),
    ("called", "named"), ("passed", "handed"), ("shows", "displays"), ("raised", "thrown"), ("new", "fresh"),
    ("first", "initial"), ("large", "big"), ("small", "little"), ("allows", "permits"), ("needed", "required"),
    ("and then", "after which"), ("by default", "unless told otherwise"), ("when", "whenever"), ("of the", "of that"),
    ("in the", "within the"), ("to the", "onto the"), ("on the", "upon the"), ("with the", "along with the"),
)  # fmt: skip
_OTHER = {**dict(_PAIRS), **{right: left for left, right in _PAIRS if right not in dict(_PAIRS)}}
_PHRASE = re.compile(r"\b(" + "|".join(sorted(map(re.escape, _OTHER), key=len, reverse=True)) + r")\b", re.IGNORECASE)


def rewrite(text: str, rng: np.random.Generator) -> str:
    """Return the text with three in four of the known phrases exchanged and some neighbouring sentences swapped."""
    pieces = sentences(text)
    for i in range(0, len(pieces) - 1, 2):
        if rng.random() < 1 / 4:
            pieces[i], pieces[i + 1] = pieces[i + 1], pieces[i]

    def exchange(match: re.Match[str]) -> str:
        if rng.random() > 3 / 4:
            return match.group(0)
        found = match.group(0)
        other = _OTHER[found.lower()]
        return other[:1].upper() + other[1:] if found[:1].isupper() else other

    return " ".join(_PHRASE.sub(exchange, piece) for piece in pieces)


reword = Rewrite("reword", rewrite)
