"""The words of a report for documents that are no texts.

Reports are written for texts. What differs for rows in a term is exchanged in the text that was made, so that no
template is written twice; what differs in substance is said apart in the template. Names of the user's own open what
stands between two tags, and a single word in that place is left as it is.
"""

import re
from collections.abc import Mapping

_PHRASES: Mapping[str, str] = {
    "nats per word": "nats per row",
    "nats per token": "nats per row",
    "nats for each word": "nats for each row",
    "gain per token": "gain per row",
    "Rare words": "Rare values",
    "rare words": "rare values",
    "Distinct words": "Distinct values",
    "distinct words": "distinct values",
    "Distinct word pairs": "Distinct rows",
    "Distinct-2, share of word pairs": "Distinct rows, share of all",
    "Distinct-2": "The share of distinct rows",
    "Distinct\N{NON-BREAKING HYPHEN}2": "Distinct rows",
    "Common words": "Common values",
    "fewer words": "fewer values",
    "human training text": "human training rows",
    "training text": "training rows",
    "human text": "human rows",
    "Human text": "Human rows",
    "8-word overlap": "Near copies",
    "too many of its 8-word sequences occur in a sealed panel": "it lies nearer to a sealed row than human rows do",
    "too many of its 8-word sequences occur in the human training text": "it lies nearer to a human row than others do",
    "overlap with human text must fall below the threshold": "the share of near copies must fall below the threshold",
    "filtering its output by perplexity": "keeping the likeliest of its output",
    "Lowest perplexity": "Likeliest rows",
    "because their documents share long passages": "because they hold equal rows",
    "that share long passages with others": "that are equal to others",
    "near-duplicates": "equal rows",
    "near-duplicate": "equal row",
    "the right word": "the right answer",
    "what a text adds": "what a row adds",
    "sealed panel document": "sealed panel row",
    "documents": "rows",
    "Documents": "Rows",
    "document": "row",
    "tokens": "rows",
    "Tokens": "Rows",
}
_OF_IMAGES: Mapping[str, str] = {
    "of the rare words": "of the coverage of human images",
    "of rare words kept": "of human images covered",
    "Rare words kept": "Human images covered",
    "Rare words still present": "Human images covered",
    "Distinct words": "Labels",
    "distinct words": "labels",
    "the right answer": "the right label",
    "the right answers": "the right labels",
}

_ALONE = r"(?<![\w./>-]){}(?![\w/-])"
"""A single word inside of a sentence."""


def in_words_of(modality: str, text: str) -> str:
    """Return a text in the words of a modality; texts themselves are as they were."""
    if modality == "text":
        return text
    phrases, found = _WORDS[modality]
    return found.sub(lambda match: phrases[" ".join(match[0].split())], text)


def _pattern(phrase: str) -> str:
    words = [re.escape(word) for word in phrase.split()]
    if len(words) == 1 and phrase.islower():
        return _ALONE.format(words[0])
    return r"(?<!\w)" + r"\s+".join(words) + r"(?!\w)"


def _compiled(phrases: Mapping[str, str]) -> tuple[Mapping[str, str], re.Pattern[str]]:
    return phrases, re.compile("|".join(_pattern(phrase) for phrase in sorted(phrases, key=len, reverse=True)))


def _named(noun: str, words: str) -> str:
    return re.sub(r"\brow(s?)\b", rf"{noun}\1", words).replace("Rows", f"{noun.capitalize()}s")


_WORDS = {
    "table": _compiled(_PHRASES),
    "image": _compiled({**{key: _named("image", value) for key, value in _PHRASES.items()}, **_OF_IMAGES}),
    "series": _compiled({key: _named("window", value) for key, value in _PHRASES.items()}),
}
