"""Which answers become documents, and why the others do not.

Refused are answers that are empty, cut off, withheld, no answer in the protocol, in another language than asked for,
refusals, repetitions of the prompt, or without the fields that were asked for.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.generate.recipe_file import RecipeFile
from headwater.generate.request import Answer, Finish, Request
from headwater.generate.templates import render_fields
from headwater.text.language_model import shipped_language_model
from headwater.text.languages import identify
from headwater.text.utf8 import utf8_bytes


class Bad(StrEnum):
    """Why an answer is no document. The list is closed and its values are stable."""

    NO_TEXT = "no_text"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    CUT_STREAM = "cut_stream"
    MALFORMED = "malformed"
    FILTERED = "content_filter"
    REFUSAL = "refusal"
    ECHO = "prompt_echo"
    LANGUAGE = "wrong_language"
    MALFORMED_JSON = "malformed_json"
    VERIFIER = "verifier"


BAD_SENTENCES: Mapping[Bad, str] = {
    Bad.NO_TEXT: "the generator had no text for it",
    Bad.EMPTY: "the answer is empty",
    Bad.TRUNCATED: "the answer reached the most tokens allowed and stops in the middle",
    Bad.CUT_STREAM: "the connection ended in the middle of the answer, on every attempt",
    Bad.MALFORMED: "the endpoint sent something that is no answer, on every attempt",
    Bad.FILTERED: "the endpoint withheld the answer",
    Bad.REFUSAL: "the model refused",
    Bad.ECHO: "the answer repeats its prompt",
    Bad.LANGUAGE: "the answer is in another language",
    Bad.MALFORMED_JSON: "the answer is not the JSON that was asked for",
    Bad.VERIFIER: "a verifier did not pass it",
}

_BY_FINISH = {
    Finish.NONE: Bad.NO_TEXT,
    Finish.CUT: Bad.CUT_STREAM,
    Finish.MALFORMED: Bad.MALFORMED,
    Finish.FILTERED: Bad.FILTERED,
}
# Openings of refusals. An apology or a limitation has to come first: a text about refusals is none.
_REFUSAL = re.compile(
    r"""^\W*(?:
      (?:i['’]?m|i\s+am|we['’]?re|we\s+are)\s+(?:very\s+|so\s+|really\s+)?(?:sorry|afraid)\b.{0,60}?
        \b(?:can(?:no|['’])?t|unable|not\s+able|won['’]?t|not\s+(?:allowed|permitted))
    | (?:sorry|apologies|my\s+apologies|unfortunately)\b.{0,40}?\b(?:i|we)\s+
        (?:can(?:no|['’])?t|am\s+unable|am\s+not\s+able|won['’]?t|are\s+unable)
    | i\s+(?:can(?:no|['’])t|won['’]t|am\s+unable\s+to|['’]m\s+unable\s+to|am\s+not\s+able\s+to|must\s+decline)\s+
        (?:to\s+)?(?:help|assist|provide|fulfil|fulfill|comply|create|generate|write|do\s+that|continue|answer)
    | as\s+an?\s+(?:ai|artificial\s+intelligence|large\s+language\s+model|language\s+model)\b
    | es\s+tut\s+mir\s+leid,?\s+(?:aber\s+)?(?:ich|dabei|das)\b.{0,30}?\bnicht
    | (?:je\s+suis\s+désolée?|désolée?),?\s+(?:mais\s+)?je\s+ne\s+(?:peux|suis)\s+pas
    | lo\s+siento,?\s+(?:pero\s+)?no\s+(?:puedo|me\s+es\s+posible)
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_THOUGHT = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?。！？]['\"”’)\]]*(?=\s|$)|[。！？]")
_ECHO_WORDS = 8
_MOST_INSTRUCTIONS = 0.3
"""Share of an answer's sequences that may stand in the recipe's own instructions, which no text has a reason to say."""
_LEAST_WORDS = 12
"""Words from which on the language of a text is looked at: single lines are mistaken too often."""
_LEAST_SCORE = 0.5
"""Probability from which on another language is believed."""
_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an answer."""

    text: str
    """The document's text; of an answer that is refused, what came."""
    bad: Bad | None
    """Why it is no document; None: it is one."""
    detail: str = ""
    """What was found, in words."""
    trimmed: bool = False
    """It was cut back to its last sentence."""
    fields: Mapping[str, str] | None = None
    """The fields, where some were asked for."""


def judge_answers(recipe: RecipeFile, pairs: Sequence[tuple[Request, Answer]]) -> list[Judged]:
    """Return what becomes of answers; the same answers give the same judgement.

    Args:
        recipe: says what is asked for.
        pairs: requests with their answers.
    """
    found = [_one(recipe, request, answer) for request, answer in pairs]
    if recipe.answer.languages == "any":
        return found
    wrong = _wrong_languages(recipe, [request for request, _ in pairs], found)
    return [
        Judged(one.text, Bad.LANGUAGE, wrong[i]) if i in wrong and one.bad is None else one
        for i, one in enumerate(found)
    ]


def echo_share(text: str, source: str, words: int = _ECHO_WORDS) -> float:
    """Return the share of a text's word sequences that occur in a source, 0 to 1; shorter texts use shorter ones.

    Words are compared in small letters and without punctuation. A text of one word has no sequence and shares nothing.
    """
    mine = [one.lower() for one in _WORD.findall(text)]
    length = min(words, max(len(mine) // 2, 2))
    if len(mine) < length:
        return 0.0
    theirs = [one.lower() for one in _WORD.findall(source)]
    known = {tuple(theirs[i : i + length]) for i in range(len(theirs) - length + 1)}
    sequences = [tuple(mine[i : i + length]) for i in range(len(mine) - length + 1)]
    return sum(one in known for one in sequences) / len(sequences)


def _one(recipe: RecipeFile, request: Request, answer: Answer) -> Judged:
    text = answer.text
    if answer.finish in _BY_FINISH:
        return Judged(text, _BY_FINISH[answer.finish], answer.error)
    text = _THOUGHT.sub("", text, count=1).strip()
    if text.startswith("<think>"):
        return Judged(text, Bad.TRUNCATED, "it ends within its own considerations")
    if not _WORD.search(text):
        return Judged(text, Bad.EMPTY)
    if _REFUSAL.match(text[:400]):
        return Judged(text, Bad.REFUSAL, text[:120])
    trimmed = False
    if answer.finish is Finish.LENGTH and recipe.truncated != "keep":
        ends = [one.end() for one in _SENTENCE_END.finditer(text)] if recipe.truncated == "trim" else []
        if not ends:
            return Judged(text, Bad.TRUNCATED, f"it reached {request.max_tokens:,} tokens")
        text, trimmed = text[: ends[-1]], True
    fields: dict[str, str] | None = None
    if recipe.answer.fields:
        fields, fault = _fields(text, recipe.answer.fields)
        if fields is None:
            return Judged(text, Bad.MALFORMED_JSON, fault)
        text = render_fields(recipe.answer.render, fields)
    shared = echo_share(text, f"{request.system}\n{request.prompt}")
    own = echo_share(text, request.instructions)
    if shared > recipe.answer.most_echo:
        return Judged(text, Bad.ECHO, f"{shared:.0%} of its word sequences stand in the prompt")
    if own > _MOST_INSTRUCTIONS:
        return Judged(text, Bad.ECHO, f"{own:.0%} of its word sequences stand in the instructions")
    return Judged(text, None, "", trimmed, fields)


def _fields(text: str, names: Sequence[str]) -> tuple[dict[str, str] | None, str]:
    fenced = _FENCE.match(text)
    try:
        value: Any = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        return None, f"it is no JSON: {error}"
    if not isinstance(value, dict):
        return None, "it is JSON, but no object"
    missing = [name for name in names if not isinstance(value.get(name), str) or not value[name].strip()]
    if missing:
        return None, f"it has no text in {', '.join(missing)}"
    return {name: value[name] for name in names}, ""


def _wrong_languages(recipe: RecipeFile, requests: Sequence[Request], found: Sequence[Judged]) -> dict[int, str]:
    """Return which answers are in another language than allowed, by their number, and which."""
    asked = [i for i, one in enumerate(found) if one.bad is None and len(one.text.split()) >= _LEAST_WORDS]
    codes, scores = _languages([found[i].text for i in asked])
    allowed: list[set[str] | None]
    if recipe.answer.languages == "same":
        if recipe.family == "fill":
            return {}
        parents = [" ".join(requests[i].texts) for i in asked]
        theirs, sure = _languages(parents)
        allowed = [
            {code} if score >= _LEAST_SCORE and len(text.split()) >= _LEAST_WORDS else None
            for code, score, text in zip(theirs, sure, parents, strict=True)
        ]
    else:
        allowed = [set(recipe.answer.languages)] * len(asked)
    return {
        i: f"it is in {code!r} ({score:.2f}), not in {' or '.join(sorted(fine))!r}"
        for i, code, score, fine in zip(asked, codes, scores, allowed, strict=True)
        if fine is not None and code not in fine and score >= _LEAST_SCORE
    }


def _languages(texts: Sequence[str]) -> tuple[list[str], list[float]]:
    if not texts:
        return [], []
    model, labels = shipped_language_model()
    codes, scores = identify(*utf8_bytes(pa.array(texts, pa.string())), model, _CHARACTERS)
    names = labels.to_pylist()
    return [names[int(code) % len(names)] for code in codes], np.asarray(scores, dtype=float).tolist()
