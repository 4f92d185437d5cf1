"""C4's cleaning: the lines of a document that are no prose are dropped, what is left is its text."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError
from headwater.text.c4_lines import LineRules, clean_lines
from headwater.text.chunks import divide_texts, english_table, remember
from headwater.text.utf8 import text_array

_COUNTS = {
    "sentences": "sentences of the lines that are kept",
    "lorem_ipsum_lines": "lines with filler text",
    "curly_bracket_lines": "lines with an opening curly bracket",
    "kept_lines": "lines that are kept",
    "long_word_lines": "lines dropped for a word that is too long",
    "unended_lines": "lines dropped because they do not end in terminal punctuation",
    "few_word_lines": "lines dropped for too few words",
    "javascript_lines": "lines dropped because they speak of JavaScript",
    "policy_lines": "lines dropped because they speak of terms of use, cookies or privacy policies",
    "citation_marks": "citation marks taken out of kept lines",
    "third_longest_line": "characters of the third longest line before anything was dropped; 0 for fewer lines",
}


@dataclass(frozen=True, slots=True)
class C4Lines:
    """Rewrites ``text`` by C4's rules for lines, and measures what C4's rules for documents look at.

    The rules are those of Raffel et al. 2020 (JMLR 21, 20-074, section 2.2) as datatrove 0.10.1 implements them; its
    text comes out the same. A line is dropped for the first of the rules it fails, in the order of the settings; a
    document is never dropped here, so its text is what C4 would leave of it whatever the thresholds are. Sentences are
    those of spaCy's rule-based splitter.

    The list of bad words in the paper is not part of it.
    """

    max_word_length: int = 1000
    """Characters; a line with a longer word is dropped."""
    remove_citations: bool = True
    """Take out ``[1]``, ``[]``, ``[edit]`` and ``[citation needed]``."""
    require_end_punctuation: bool = True
    """Drop lines that do not end in ``.``, ``?``, ``!`` or a straight quotation mark. FineWeb does not ask for it."""
    min_words: int = 3
    """Words a line needs, divided at white space."""
    remove_javascript: bool = True
    """Drop lines with the word JavaScript, in any case."""
    remove_policies: bool = True
    """Drop lines about terms of use, cookies and privacy policies."""

    name: ClassVar[str] = "c4_lines"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value}: allowed are {least} and more"
            for name, value, least in (("min_words", self.min_words, 1), ("max_word_length", self.max_word_length, 1))
            if value < least
        ]
        if faults:
            raise ConfigError(faults, "C4Lines")

    @property
    def adds(self) -> pa.Schema:
        """The text as it is then, and a column per count."""
        text = measure_field("text", pa.string(), "the text without the lines that C4 drops")
        return pa.schema([text, *(measure_field(name, pa.int64(), meaning) for name, meaning in _COUNTS.items())])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with its text rewritten and the counts added; unchanged texts are not copied."""
        column = batch["text"]
        rules = LineRules(
            self.require_end_punctuation,
            self.remove_citations,
            self.min_words,
            self.max_word_length,
            self.remove_javascript,
            self.remove_policies,
        )
        cleaned, outcome = clean_lines(divide_texts(column), rules, english_table())
        if cleaned is not None:
            offsets = np.concatenate([np.zeros(1, dtype=np.int64), cleaned.ends])
            column = text_array(cleaned.data, offsets, column.type)
            remember(column, cleaned)
        return with_columns(batch, self.adds, [column, *map(pa.array, outcome)])
