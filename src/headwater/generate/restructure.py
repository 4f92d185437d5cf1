"""Rewrite a document by moving its sentences and clauses about."""

import re

import numpy as np

from headwater.generate.recipe import Rewrite
from headwater.generate.sentences import sentences

_OPENING = re.compile(r"^(For example|By default|In this case|In particular|In general), (.+)$", re.DOTALL)
_SUBORDINATE = re.compile(
    r"^(.{20,}?),? (because|since|while|unless|if|when|where|so that|although|after|before|until|as) (.{15,})$",
    re.DOTALL,
)
_COORDINATE = re.compile(r"^(.{20,}?), (?:and|but|or|so|which) (.{15,})$", re.DOTALL)


def rewrite(text: str, rng: np.random.Generator) -> str:
    """Return the text with neighbouring sentences exchanged and the clauses of long sentences turned about.

    Sentences are taken in pairs whose order is exchanged half of the time; of a sentence with two clauses the second
    comes first; an opening such as *For example* moves to the end. Roughly every tenth sentence is left out.
    """
    kept = [sentence for sentence in sentences(text) if rng.random() > 1 / 10]
    for i in range(0, len(kept) - 1, 2):
        if rng.random() < 1 / 2:
            kept[i], kept[i + 1] = kept[i + 1], kept[i]
    return " ".join(_turn(sentence) for sentence in kept)


def _turn(sentence: str) -> str:
    opening = _OPENING.match(sentence)
    if opening:
        return f"{_capital(opening[2].rstrip('.'))}, {opening[1].lower()}."
    subordinate = _SUBORDINATE.match(sentence)
    if subordinate:
        main, joint, clause = subordinate.groups()
        return f"{joint.capitalize()} {clause.rstrip('.')}, {main[:1].lower()}{main[1:]}."
    coordinate = _COORDINATE.match(sentence)
    if coordinate:
        return f"{_capital(coordinate[2].rstrip('.'))}. {coordinate[1]}."
    return sentence


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


restructure = Rewrite("restructure", rewrite)
