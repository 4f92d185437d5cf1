"""What the rules of Gopher and FineWeb look at, measured for each document in one pass over its text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError, did_you_mean
from headwater.text.chunks import divide_texts
from headwater.text.lines import SHORT_LINE, LineCounts, line_counts
from headwater.text.repetition import DUPLICATED, FREQUENT, repeated_sequences
from headwater.text.word_counts import WordCounts, word_counts

FAMILIES = ("gopher_repetition", "gopher_quality", "fineweb")
"""The published filters whose statistics can be measured."""

_Values = NDArray[np.int64] | NDArray[np.float64]


def _share(name: str, meaning: str) -> pa.Field:
    return measure_field(name, pa.float64(), meaning, range="0 to 1")


def _number(name: str, meaning: str) -> pa.Field:
    return measure_field(name, pa.int64(), meaning)


_FIELDS: dict[str, tuple[pa.Field, ...]] = {
    "gopher_repetition": (
        _number("characters", "Unicode code points of the text"),
        _share("repeated_paragraph_share", "share of paragraphs that repeat an earlier one"),
        _share("repeated_paragraph_character_share", "characters of repeated paragraphs, of all characters"),
        _share("repeated_line_share", "share of lines that repeat an earlier one"),
        _share("repeated_line_character_share", "characters of repeated lines, of all characters"),
        *(
            measure_field(
                f"frequent_{n}_gram_share",
                pa.float64(),
                f"characters of the most frequent {n} words, times how often they occur, over all characters",
                range="0 and more; above 1 where its occurrences overlap",
            )
            for n in FREQUENT
        ),
        *(
            _share(f"repeated_{n}_gram_share", f"characters of runs of {n} words that came before, of all characters")
            for n in DUPLICATED
        ),
    ),
    "gopher_quality": (
        _number("word_tokens", "tokens of the English word rules, punctuation included"),
        _number("words", "tokens that are more than punctuation"),
        measure_field("mean_word_length", pa.float64(), "mean length of words", unit="characters"),
        measure_field("hashes_per_token", pa.float64(), "number signs, per token", range="0 and more"),
        measure_field("ellipses_per_token", pa.float64(), "ellipses (three full stops, or one character), per token"),
        _share("bullet_line_share", "share of lines that begin with a bullet or hyphen"),
        _share("ellipsis_line_share", "share of lines that end in an ellipsis"),
        _share("alphabetic_token_share", "share of tokens that have a letter"),
        measure_field(
            "stop_words", pa.int64(), "different words among: the, be, to, of, and, that, have, with", range="0 to 8"
        ),
    ),
    "fineweb": (
        _number("filled_lines", "lines that are more than white space"),
        _share("ended_line_share", "share of these lines whose last character is terminal punctuation"),
        _share("short_line_share", f"share of these lines with at most {SHORT_LINE} characters"),
        _share("repeated_character_share", "characters of those that repeat an earlier one, of all but line feeds"),
        measure_field("line_feeds_per_token", pa.float64(), "line feeds, per token", range="0 and more"),
    ),
}


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """Measures what the rules of Gopher and FineWeb look at; decides nothing.

    The rules are those of Rae et al. 2021 (arXiv 2112.11446, table A1) and of FineWeb (Penedo et al. 2024), as
    datatrove 0.10.1 implements them; words are the tokens of spaCy's English tokenizer. Every value is always
    measured, whatever a document fails. A share of nothing (of the lines of a text without lines) is null.

    English thresholds only: in languages without spaces the words are no words.
    """

    families: tuple[str, ...] = FAMILIES
    """Filters whose statistics are measured, of ``FAMILIES``."""

    name: ClassVar[str] = "text_statistics"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        faults = [
            f"families: {family!r} is unknown. Known: {', '.join(FAMILIES)}.{did_you_mean(family, FAMILIES)}"
            for family in self.families
            if family not in FAMILIES
        ]
        if faults or not self.families:
            raise ConfigError(faults or [f"families is empty. Allowed: {', '.join(FAMILIES)}"], "TextStatistics")

    @property
    def adds(self) -> pa.Schema:
        """A column per measured value."""
        return pa.schema([field for family in FAMILIES if family in self.families for field in _FIELDS[family]])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the statistics of its texts."""
        texts = divide_texts(batch["text"])
        lines = line_counts(texts.data, texts.begins, texts.ends)
        words = word_counts(texts)
        values: list[_Values] = []
        if "gopher_repetition" in self.families:
            values += _repetition(lines, *repeated_sequences(texts))
        if "gopher_quality" in self.families:
            values += _quality(lines, words)
        if "fineweb" in self.families:
            values += _fineweb(lines, words)
        schema = self.adds
        arrays = [_column(value, field) for value, field in zip(values, schema, strict=True)]
        return with_columns(batch, schema, arrays)


def _repetition(lines: LineCounts, frequent: NDArray[np.int64], duplicated: NDArray[np.int64]) -> Iterator[_Values]:
    yield lines.characters
    yield _ratio(lines.repeated_paragraphs, lines.paragraphs)
    yield _ratio(lines.repeated_paragraph_characters, lines.characters)
    yield _ratio(lines.repeated_lines, lines.lines)
    yield _ratio(lines.repeated_line_characters, lines.characters)
    for counts in (*frequent.T, *duplicated.T):
        yield _ratio(counts, lines.characters)


def _quality(lines: LineCounts, words: WordCounts) -> Iterator[_Values]:
    yield words.tokens
    yield words.words
    yield _ratio(words.word_characters, words.words)
    yield _ratio(lines.hashes, words.tokens)
    yield _ratio(lines.ellipses, words.tokens)
    yield _ratio(lines.bullet_lines, lines.split_lines)
    yield _ratio(lines.ellipsis_lines, lines.split_lines)
    yield _ratio(words.alphabetic, words.tokens)
    yield words.stop_words


def _fineweb(lines: LineCounts, words: WordCounts) -> Iterator[_Values]:
    yield lines.filled_lines
    yield _ratio(lines.ended_lines, lines.filled_lines)
    yield _ratio(lines.short_lines, lines.filled_lines)
    yield _ratio(lines.repeated_filled_characters, lines.characters - lines.line_feeds)
    yield _ratio(lines.line_feeds, words.tokens)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return shares; not a number where the whole is nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _column(values: _Values, field: pa.Field) -> pa.Array:
    """Return values as a column, null where they are no number."""
    return pa.array(values, field.type, from_pandas=True)
