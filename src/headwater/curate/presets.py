"""The published sets of rules, with their published thresholds."""

from collections.abc import Callable, Mapping

from headwater.curate.c4 import C4Lines
from headwater.curate.language import Language, check_languages
from headwater.curate.reasons import Reason
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.statistics import TextStatistics
from headwater.errors import ConfigError, did_you_mean

GOPHER_REPETITION = (
    Rule(Reason.EMPTY, "characters", "below", 1, "gopher_repetition"),
    Rule(Reason.REPEATED_PARAGRAPHS, "repeated_paragraph_share", "above", 0.3, "gopher_repetition"),
    Rule(Reason.REPEATED_PARAGRAPH_CHARACTERS, "repeated_paragraph_character_share", "above", 0.2, "gopher_repetition"),
    Rule(Reason.REPEATED_LINES, "repeated_line_share", "above", 0.3, "gopher_repetition"),
    Rule(Reason.REPEATED_LINE_CHARACTERS, "repeated_line_character_share", "above", 0.2, "gopher_repetition"),
    Rule(Reason.FREQUENT_2_GRAM, "frequent_2_gram_share", "above", 0.20, "gopher_repetition"),
    Rule(Reason.FREQUENT_3_GRAM, "frequent_3_gram_share", "above", 0.18, "gopher_repetition"),
    Rule(Reason.FREQUENT_4_GRAM, "frequent_4_gram_share", "above", 0.16, "gopher_repetition"),
    Rule(Reason.REPEATED_5_GRAMS, "repeated_5_gram_share", "above", 0.15, "gopher_repetition"),
    Rule(Reason.REPEATED_6_GRAMS, "repeated_6_gram_share", "above", 0.14, "gopher_repetition"),
    Rule(Reason.REPEATED_7_GRAMS, "repeated_7_gram_share", "above", 0.13, "gopher_repetition"),
    Rule(Reason.REPEATED_8_GRAMS, "repeated_8_gram_share", "above", 0.12, "gopher_repetition"),
    Rule(Reason.REPEATED_9_GRAMS, "repeated_9_gram_share", "above", 0.11, "gopher_repetition"),
    Rule(Reason.REPEATED_10_GRAMS, "repeated_10_gram_share", "above", 0.10, "gopher_repetition"),
)
"""Repetition inside a document (Rae et al. 2021, arXiv 2112.11446, table A1)."""

GOPHER_QUALITY = (
    Rule(Reason.TOO_FEW_WORDS, "words", "below", 50, "gopher_quality"),
    Rule(Reason.TOO_MANY_WORDS, "words", "above", 100_000, "gopher_quality"),
    Rule(Reason.WORDS_TOO_SHORT, "mean_word_length", "below", 3, "gopher_quality"),
    Rule(Reason.WORDS_TOO_LONG, "mean_word_length", "above", 10, "gopher_quality"),
    Rule(Reason.TOO_MANY_HASHES, "hashes_per_token", "above", 0.1, "gopher_quality"),
    Rule(Reason.TOO_MANY_ELLIPSES, "ellipses_per_token", "above", 0.1, "gopher_quality"),
    Rule(Reason.TOO_MANY_BULLET_LINES, "bullet_line_share", "above", 0.9, "gopher_quality"),
    Rule(Reason.TOO_MANY_ELLIPSIS_LINES, "ellipsis_line_share", "above", 0.3, "gopher_quality"),
    Rule(Reason.TOO_FEW_ALPHABETIC_WORDS, "alphabetic_token_share", "below", 0.8, "gopher_quality"),
    Rule(Reason.TOO_FEW_STOP_WORDS, "stop_words", "below", 2, "gopher_quality"),
)
"""Quality heuristics (Rae et al. 2021, arXiv 2112.11446, appendix A1.1)."""

FINEWEB_QUALITY = (
    Rule(Reason.NO_LINES, "filled_lines", "below", 1, "fineweb"),
    Rule(Reason.TOO_FEW_ENDED_LINES, "ended_line_share", "below", 0.12, "fineweb"),
    Rule(Reason.TOO_MANY_SHORT_LINES, "short_line_share", "above", 0.67, "fineweb"),
    Rule(Reason.TOO_MANY_REPEATED_CHARACTERS, "repeated_character_share", "above", 0.01, "fineweb"),
    Rule(Reason.TOO_MANY_LINE_BREAKS, "line_feeds_per_token", "above", 0.3, "fineweb"),
)
"""FineWeb's own filters (Penedo et al. 2024, arXiv 2406.17557, section 3.6, with the values of its published code)."""


C4 = (
    Rule(Reason.LOREM_IPSUM, "lorem_ipsum_lines", "above", 0, "c4"),
    Rule(Reason.CURLY_BRACKET, "curly_bracket_lines", "above", 0, "c4"),
    Rule(Reason.TOO_FEW_SENTENCES, "sentences", "below", 5, "c4"),
    Rule(Reason.TOO_FEW_LONG_PARAGRAPHS, "third_longest_line", "below", None, "c4"),
)
"""C4 (Raffel et al. 2020, JMLR 21, 20-074, section 2.2). The last rule is of mC4 (Xue et al. 2021, arXiv 2010.11934,
which asks for 200 characters) and off."""


def language_rules(keep: tuple[str, ...] = ("en",), least_score: float = 0.65) -> tuple[Rule, ...]:
    """Return the rules about language: FineWeb keeps English that is told with a probability of 0.65 or more.

    Raises:
        ConfigError: a code is none the model knows.
    """
    if set(keep) != {"en"}:  # which needs no model to be known
        check_languages(keep)
    return (
        Rule(Reason.OTHER_LANGUAGE, "language", "outside", keep, "language"),
        Rule(Reason.UNSURE_LANGUAGE, "language_score", "below", least_score, "language"),
    )


def _gopher() -> RuleSet:
    measured = TextStatistics(("gopher_repetition", "gopher_quality"))
    return RuleSet("gopher", (*GOPHER_REPETITION, *GOPHER_QUALITY), (measured,))


def _c4() -> RuleSet:
    return RuleSet("c4", C4, (C4Lines(),))


def _fineweb() -> RuleSet:
    """Return the pipeline FineWeb was made with; its own rules look at the text that C4 leaves."""
    gopher = _gopher()
    return RuleSet(
        "fineweb",
        (*language_rules(), *gopher.rules, *C4, *FINEWEB_QUALITY),
        (Language(), *gopher.operators, C4Lines(require_end_punctuation=False), TextStatistics(("fineweb",))),
    )


_PRESETS: Mapping[str, Callable[[], RuleSet]] = {"fineweb": _fineweb, "gopher": _gopher, "c4": _c4}
PRESETS = tuple(_PRESETS)
"""Names of the published sets of rules."""


def preset(name: str) -> RuleSet:
    """Return a published set of rules by its name.

    Raises:
        ConfigError: there is no such set.
    """
    if name not in _PRESETS:
        raise ConfigError(
            [f"{name!r} is no set of rules. Known: {', '.join(PRESETS)}.{did_you_mean(name, PRESETS)}"], "rules"
        )
    return _PRESETS[name]()
