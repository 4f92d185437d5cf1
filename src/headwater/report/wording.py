"""The words of a report for documents that are no texts.

Reports are written for texts. What differs for rows is a few terms, all of them ours; they are exchanged in the text
that was made, so that no template is written twice. Text of the user's own never holds these phrases as markup does,
and one that did would lose nothing but a word.
"""

from collections.abc import Mapping

_ROWS: Mapping[str, str] = {
    "nats per word": "nats per row",
    "nats for each word": "nats for each row",
    "Rare words": "Rare values",
    "rare words": "rare values",
    "Distinct words": "Distinct values",
    "distinct words": "distinct values",
    "Distinct word pairs": "Distinct rows",
    "human training text": "human training rows",
    "human text": "human rows",
    "Human text": "Human rows",
    "human documents": "human rows",
    "sealed human documents": "sealed human rows",
    "8-word overlap": "Near copies",
    "too many of its 8-word sequences occur in a sealed panel": "it lies nearer to a sealed row than human rows do",
    "too many of its 8-word sequences occur in the human training rows": "it lies nearer to a human row than others do",
    "independent human words": "independent human values",
    "Human-equivalent words": "Human-equivalent values",
    " tokens": " rows",
    "The right word gets": "the right class gets",
    "the right word": "the right class",
}


def in_words_of(modality: str, text: str) -> str:
    """Return a text in the words of a modality; texts themselves are as they were."""
    if modality == "text":
        return text
    for phrase, other in _ROWS.items():
        text = text.replace(phrase, other)
    return text
