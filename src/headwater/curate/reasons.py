"""Why a document was dropped: a closed list of codes, each with the sentence that explains it.

The codes are stable and say what is the matter with the document, never the name of a threshold. A rule of the user's
own has the code ``custom:`` and its name.
"""

from collections.abc import Mapping
from enum import StrEnum

CUSTOM = "custom:"
"""How the code of a user's own rule begins."""

LISTED = "listed:"
"""How the code of a rule on a list begins."""


class Reason(StrEnum):
    """Why a document was dropped."""

    EMPTY = "empty"
    REPEATED_PARAGRAPHS = "repeated_paragraphs"
    REPEATED_PARAGRAPH_CHARACTERS = "repeated_paragraph_characters"
    REPEATED_LINES = "repeated_lines"
    REPEATED_LINE_CHARACTERS = "repeated_line_characters"
    FREQUENT_2_GRAM = "frequent_2_gram"
    FREQUENT_3_GRAM = "frequent_3_gram"
    FREQUENT_4_GRAM = "frequent_4_gram"
    REPEATED_5_GRAMS = "repeated_5_grams"
    REPEATED_6_GRAMS = "repeated_6_grams"
    REPEATED_7_GRAMS = "repeated_7_grams"
    REPEATED_8_GRAMS = "repeated_8_grams"
    REPEATED_9_GRAMS = "repeated_9_grams"
    REPEATED_10_GRAMS = "repeated_10_grams"

    TOO_FEW_WORDS = "too_few_words"
    TOO_MANY_WORDS = "too_many_words"
    WORDS_TOO_SHORT = "words_too_short"
    WORDS_TOO_LONG = "words_too_long"
    TOO_MANY_HASHES = "too_many_hashes"
    TOO_MANY_ELLIPSES = "too_many_ellipses"
    TOO_MANY_BULLET_LINES = "too_many_bullet_lines"
    TOO_MANY_ELLIPSIS_LINES = "too_many_ellipsis_lines"
    TOO_FEW_ALPHABETIC_WORDS = "too_few_alphabetic_words"
    TOO_FEW_STOP_WORDS = "too_few_stop_words"

    LOREM_IPSUM = "lorem_ipsum"
    CURLY_BRACKET = "curly_bracket"
    TOO_FEW_SENTENCES = "too_few_sentences"
    TOO_FEW_LONG_PARAGRAPHS = "too_few_long_paragraphs"

    NO_LINES = "no_lines"
    TOO_FEW_ENDED_LINES = "too_few_ended_lines"
    TOO_MANY_SHORT_LINES = "too_many_short_lines"
    TOO_MANY_REPEATED_CHARACTERS = "too_many_repeated_characters"
    TOO_MANY_LINE_BREAKS = "too_many_line_breaks"

    OTHER_LANGUAGE = "other_language"
    UNSURE_LANGUAGE = "unsure_language"
    PERSONAL_DATA = "personal_data"

    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    COPIED_SENTENCES = "copied_sentences"
    FEW_SENTENCES_LEFT = "few_sentences_left"
    HELD_DUPLICATE = "held_duplicate"
    EVALUATION_OVERLAP = "evaluation_overlap"
    GENERATED_DUPLICATE = "generated_duplicate"
    PANEL_DOCUMENT = "panel_document"
    PANEL_OVERLAP = "panel_overlap"


_GRAMS = {
    **{Reason(f"frequent_{n}_gram"): f"its most frequent {n} words make up too much of it" for n in (2, 3, 4)},
    **{
        Reason(f"repeated_{n}_grams"): f"runs of {n} words that came before make up too much of it"
        for n in range(5, 11)
    },
}

SENTENCES: Mapping[Reason, str] = {
    Reason.EMPTY: "it has no text",
    Reason.REPEATED_PARAGRAPHS: "too many of its paragraphs repeat an earlier one",
    Reason.REPEATED_PARAGRAPH_CHARACTERS: "repeated paragraphs make up too much of it",
    Reason.REPEATED_LINES: "too many of its lines repeat an earlier one",
    Reason.REPEATED_LINE_CHARACTERS: "repeated lines make up too much of it",
    **_GRAMS,
    Reason.TOO_FEW_WORDS: "it has too few words",
    Reason.TOO_MANY_WORDS: "it has too many words",
    Reason.WORDS_TOO_SHORT: "its words are too short on average",
    Reason.WORDS_TOO_LONG: "its words are too long on average",
    Reason.TOO_MANY_HASHES: "it has too many number signs for its words",
    Reason.TOO_MANY_ELLIPSES: "it has too many ellipses for its words",
    Reason.TOO_MANY_BULLET_LINES: "too many of its lines begin with a bullet or hyphen",
    Reason.TOO_MANY_ELLIPSIS_LINES: "too many of its lines end in an ellipsis",
    Reason.TOO_FEW_ALPHABETIC_WORDS: "too few of its tokens have a letter",
    Reason.TOO_FEW_STOP_WORDS: "it has too few of the commonest words of English",
    Reason.LOREM_IPSUM: "it contains filler text (lorem ipsum)",
    Reason.CURLY_BRACKET: "it contains a curly bracket, so it is likely program code",
    Reason.TOO_FEW_SENTENCES: "too few sentences are left after its bad lines were removed",
    Reason.TOO_FEW_LONG_PARAGRAPHS: "it has fewer than three long lines",
    Reason.NO_LINES: "it has no line that is more than white space",
    Reason.TOO_FEW_ENDED_LINES: "too few of its lines end in punctuation",
    Reason.TOO_MANY_SHORT_LINES: "too many of its lines are short",
    Reason.TOO_MANY_REPEATED_CHARACTERS: "repeated lines make up too much of it",
    Reason.TOO_MANY_LINE_BREAKS: "it has too many line breaks for its words, as a list has",
    Reason.OTHER_LANGUAGE: "it is in a language that is not wanted",
    Reason.UNSURE_LANGUAGE: "its language is too uncertain",
    Reason.PERSONAL_DATA: "it contains personal data",
    Reason.EXACT_DUPLICATE: "an earlier document has the same text",
    Reason.NEAR_DUPLICATE: "another document has almost the same text",
    Reason.FEW_SENTENCES_LEFT: "too few sentences are left after what an earlier document has was cut out of it",
    Reason.COPIED_SENTENCES: "too little is left without the sentences that earlier documents have",
    Reason.HELD_DUPLICATE: "it repeats what is already held",
    Reason.EVALUATION_OVERLAP: "it overlaps an evaluation set",
    Reason.GENERATED_DUPLICATE: "it is, or is made from, a document the project generated",
    Reason.PANEL_DOCUMENT: "it is a document of a sealed panel of the project",
    Reason.PANEL_OVERLAP: "it overlaps a sealed panel of the project",
}
"""What each code means, as the second half of "it was dropped because ..."."""

DATATROVE_REASONS: Mapping[Reason, str] = {
    Reason.EMPTY: "empty",
    Reason.REPEATED_PARAGRAPHS: "dup_para_frac",
    Reason.REPEATED_PARAGRAPH_CHARACTERS: "dup_para_char_frac",
    Reason.REPEATED_LINES: "dup_line_frac",
    Reason.REPEATED_LINE_CHARACTERS: "dup_line_char_frac",
    **{Reason(f"frequent_{n}_gram"): f"top_{n}_gram" for n in (2, 3, 4)},
    **{Reason(f"repeated_{n}_grams"): f"duplicated_{n}_n_grams" for n in range(5, 11)},
    Reason.TOO_FEW_WORDS: "gopher_short_doc",
    Reason.TOO_MANY_WORDS: "gopher_long_doc",
    Reason.WORDS_TOO_SHORT: "gopher_below_avg_threshold",
    Reason.WORDS_TOO_LONG: "gopher_above_avg_threshold",
    Reason.TOO_MANY_HASHES: "gopher_too_many_hashes",
    Reason.TOO_MANY_ELLIPSES: "gopher_too_many_ellipsis",
    Reason.TOO_MANY_BULLET_LINES: "gopher_too_many_bullets",
    Reason.TOO_MANY_ELLIPSIS_LINES: "gopher_too_many_end_ellipsis",
    Reason.TOO_FEW_ALPHABETIC_WORDS: "gopher_below_alpha_threshold",
    Reason.TOO_FEW_STOP_WORDS: "gopher_enough_stop_words",
    Reason.LOREM_IPSUM: "lorem_ipsum",
    Reason.CURLY_BRACKET: "curly_bracket",
    Reason.TOO_FEW_SENTENCES: "too_few_sentences",
    Reason.TOO_FEW_LONG_PARAGRAPHS: "< 3 paragraphs",
    Reason.NO_LINES: "empty",
    Reason.TOO_FEW_ENDED_LINES: "line_punct_ratio",
    Reason.TOO_MANY_SHORT_LINES: "short_line_ratio",
    Reason.TOO_MANY_REPEATED_CHARACTERS: "char_dup_ratio",
    Reason.TOO_MANY_LINE_BREAKS: "list_ratio",
}
"""What datatrove 0.10.1 calls the same: to compare decisions with it."""


def sentence_of(reason: str) -> str:
    """Return what a code means; also of a user's own rule or list."""
    if reason.startswith(CUSTOM):
        return f"the rule {reason.removeprefix(CUSTOM)!r} drops it"
    if reason.startswith(LISTED):
        return f"it contains what is on the list {reason.removeprefix(LISTED)!r}"
    return SENTENCES[Reason(reason)]
