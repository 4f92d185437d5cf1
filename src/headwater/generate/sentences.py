"""Sentences of a text: the unit that the programmatic rewrites move about."""

import re

_END = re.compile(r"(?<=[.!?;:])\s+(?=[A-Z`'\"(\[])|(?<=[\u3002\uff01\uff1f\uff1b])|\n+")


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, without surrounding white space.

    Splits at line ends, after the full stops of Chinese and Japanese, and at ``. ! ? ; :`` before a capital, quote or
    bracket. A rule of thumb: abbreviations before
    a name split too early, which costs a rewrite nothing.
    """
    return [piece.strip() for piece in _END.split(text) if piece.strip()]
