"""Rewrite a document as questions and answers about what it says."""

import re

import numpy as np

from headwater.generate.recipe import Rewrite
from headwater.generate.sentences import sentences

_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{3,}")
_SUBJECT_VERB = re.compile(
    r"^((?:The|This|A|An|These|Each|All)\s+[\w-]+(?:\s+[\w-]+){0,2}?)\s+(is|are|can|may|must|should|will|has|have)\s+(.+)$"
)
_OPENINGS = ("What about", "What is said of", "What should one know about", "And what of")


def rewrite(text: str, rng: np.random.Generator) -> str:
    """Return the text as question-answer pairs.

    A sentence of the form *subject verb rest* becomes the question *verb subject ...?* with the sentence's rest as the
    answer; any other sentence is asked for by its longest word. Roughly every twelfth sentence is left out.
    """
    lines = []
    for sentence in sentences(text):
        if rng.random() < 1 / 12:
            continue
        match = _SUBJECT_VERB.match(sentence)
        if match:
            subject, verb, rest = match.groups()
            lines.append(f"What {verb} {subject[0].lower()}{subject[1:]}? It {verb} {rest}")
            continue
        topic = max(_WORD.findall(sentence), key=len, default="")
        opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))]
        lines.append(f"{opening} {topic.lower()}? {sentence}" if topic else sentence)
    return "\n".join(lines)


question_answer = Rewrite("question-answer", rewrite)
