"""Known answers: for every reason a document that has it, and a near miss that has not."""

from itertools import count

import pyarrow as pa
import pytest

from headwater.curate.presets import C4, FINEWEB_QUALITY, GOPHER_QUALITY, GOPHER_REPETITION, PRESETS, preset
from headwater.curate.reasons import DATATROVE_REASONS, SENTENCES, Reason, sentence_of
from headwater.curate.rules import RuleSet
from headwater.engine import apply_operators

FAMILIES = {
    "gopher_repetition": RuleSet("gopher_repetition", GOPHER_REPETITION, preset("gopher").operators),
    "gopher_quality": RuleSet("gopher_quality", GOPHER_QUALITY, preset("gopher").operators),
    "c4": RuleSet("c4", C4, preset("c4").operators),
    "fineweb": RuleSet("fineweb", FINEWEB_QUALITY, preset("fineweb").operators[-1:]),
}


def reasons(family: str, text: str, **thresholds: float | bool) -> list[str]:
    rules = FAMILIES[family].changed(thresholds)
    measured, errors = apply_operators(rules.operators, pa.record_batch({"text": [text]}))
    assert errors == ()
    return rules.decide(measured).to_pylist()[0]


def fresh(start: int = 0):
    """Yield words of six letters, each once."""
    for number in count(start):
        yield "".join(chr(97 + number // 26**place % 26) for place in range(6))


def unique(words: int, start: int = 0) -> str:
    source = fresh(start)
    return " ".join(next(source) for _ in range(words))


def lines(*counts: int, separator: str = "\n") -> str:
    """Return lines of so many words, all different."""
    return separator.join(unique(words, 1000 * number) for number, words in enumerate(counts, 1))


def runs(n: int, repeated: int, words: int) -> str:
    """Return ``words`` words, among them as many runs of ``n`` that came before as asked for, each once."""
    source = fresh()
    parts: list[str] = []
    for _ in range(repeated):
        run = [next(source) for _ in range(n)]
        parts += [*run, next(source), *run, next(source)]
    parts += [next(source) for _ in range(words - len(parts))]
    return " ".join(parts)


def spaced(phrase: str, times: int, words: int) -> str:
    source = fresh()
    parts = [f"{phrase} {next(source)}" for _ in range(times)]
    return " ".join([*parts, *(next(source) for _ in range(words))])


REPETITION = [
    ("", ["empty"], "x", []),
    # Paragraphs: three of ten are repeats, four of ten are more than 0.3; the lines inside them are many.
    (
        "\n\n".join([lines(*[3] * 40), *(unique(1, 9000 + i) for i in range(5)), *["a"] * 5]),
        ["repeated_paragraphs"],
        "\n\n".join([lines(*[3] * 40), *(unique(1, 9000 + i) for i in range(5)), *["a"] * 4, "b"]),
        [],
    ),
    # The same four lines stand twice: repeated paragraph, lines and words all at once.
    (
        "\n\n".join([lines(4, 4, 4, 4), unique(28, 5000), lines(4, 4, 4, 4)]).replace("\n\n", "\n\n", 1),
        [
            "repeated_paragraphs", "repeated_paragraph_characters", "repeated_lines", "repeated_line_characters",
            *(f"repeated_{n}_grams" for n in range(5, 11)),
        ],
        lines(4, 4, 4, 4) + "\n\n" + unique(28, 5000),
        [],
    ),
    (
        "\n".join([unique(200), *["a b"] * 4, *(unique(1, 500 + i) for i in range(4))]),
        ["repeated_lines"],
        "\n".join([unique(200), *["a b"] * 4, *(unique(1, 500 + i) for i in range(5))]),
        [],
    ),
    (spaced("gamma delta", 22, 112), ["frequent_2_gram"], spaced("gamma delta", 22, 114), []),
    (spaced("ga de om", 40, 160), ["frequent_3_gram"], spaced("ga de om", 40, 164), []),
    (spaced("ga de om psi", 30, 230), ["frequent_4_gram"], spaced("ga de om psi", 30, 240), []),
    # Runs of n words, one of them in each place: just above the limit, and just below it with more words around.
    *(
        (runs(n, repeated, words), [f"repeated_{n}_grams"], runs(n, repeated, words + 14), [])
        for n, repeated, words in ((5, 10, 278), (6, 10, 364), (7, 10, 456), (8, 10, 566), (9, 10, 695), (10, 10, 850))
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "near", "expected_near"), REPETITION)
def test_gopher_repetition(text: str, expected: list[str], near: str, expected_near: list[str]) -> None:
    assert reasons("gopher_repetition", text) == expected
    assert reasons("gopher_repetition", near) == expected_near


def test_paragraph_and_line_characters_are_told_apart() -> None:
    # One long line stands twice among many short ones: few lines, many characters.
    text = "\n".join([unique(20), *(unique(2, 300 + 10 * i) for i in range(12)), unique(20)])
    near = "\n".join([unique(8), *(unique(2, 300 + 10 * i) for i in range(30)), unique(8)])
    grams = [f"repeated_{n}_grams" for n in range(5, 11)]
    assert reasons("gopher_repetition", text) == ["repeated_line_characters", *grams]
    assert reasons("gopher_repetition", near, **dict.fromkeys(grams, False)) == []
    # A blank line with a space makes one paragraph of two lines of different length.
    long = f"{unique(20)}\n \n{unique(20, 300)}"
    paragraphs = "\n\n".join([long, *(unique(2, 900 + 10 * i) for i in range(9)), long])
    assert reasons("gopher_repetition", paragraphs, **dict.fromkeys(grams, False))[:1] == [
        "repeated_paragraph_characters"
    ]


# A text that passes every rule of quality: ten lines of six words.
PLAIN = "\n".join(f"the {unique(2, 100 * i)} and {unique(2, 100 * i + 50)}" for i in range(10))


def with_lines(change, share: float) -> str:
    parts = PLAIN.split("\n")
    changed = round(share * len(parts))
    return "\n".join([*map(change, parts[:changed]), *parts[changed:]])


QUALITY = [
    ("too_few_words", unique(47) + " the and", unique(48) + " the and"),
    ("too_many_words", unique(99_999) + " the and", unique(99_998) + " the and"),
    ("words_too_short", "the and " + "ab " * 98 + "a", "the and " + "abc " * 98),
    ("words_too_long", "the and " + "abcdefghijk " * 98, "the and " + "abcdefghij " * 98),
    ("too_many_hashes", PLAIN + "\n" + "# " * 7, PLAIN + "\n" + "# " * 6),
    ("too_many_ellipses", PLAIN + " ... \u2026" * 4, PLAIN + " ... \u2026" * 3),
    ("too_many_bullet_lines", with_lines("\u2022 {}".format, 1), with_lines(" - {}".format, 0.9)),
    ("too_many_ellipsis_lines", with_lines("{}... ".format, 0.4), with_lines("{}\u2026\t".format, 0.3)),
    ("too_few_alphabetic_words", PLAIN + " 7" * 16, PLAIN + " 7" * 15),
    ("too_few_stop_words", PLAIN.replace("and", "und").replace("the", "The"), PLAIN.replace("and", "with")),
]


@pytest.mark.parametrize(("reason", "text", "near"), QUALITY)
def test_gopher_quality(reason: str, text: str, near: str) -> None:
    assert reasons("gopher_quality", text) == [reason]
    assert reasons("gopher_quality", near) == []


SENTENCE = "This line is a sentence that stays."
C4_TEXTS = [
    ("lorem_ipsum", "\n".join([SENTENCE] * 5 + ["Here is Lorem Ipsum text."]), "\n".join([SENTENCE] * 5 + ["Lorem."])),
    ("curly_bracket", "\n".join([SENTENCE] * 5 + ["Here is a {."]), "\n".join([SENTENCE] * 5 + ["A {."])),
    ("too_few_sentences", "\n".join([SENTENCE] * 4 + ["no end here"]), "\n".join([SENTENCE] * 3 + ["Oh? So one is."])),
]


@pytest.mark.parametrize(("reason", "text", "near"), C4_TEXTS)
def test_c4(reason: str, text: str, near: str) -> None:
    assert reasons("c4", text) == [reason]
    assert reasons("c4", near) == []


def test_long_paragraphs_are_asked_for_only_where_the_rule_is_on() -> None:
    text = "\n".join([SENTENCE] * 5 + ["x" * 200] * 2 + ["x" * 199])
    assert reasons("c4", text) == []
    assert reasons("c4", text, too_few_long_paragraphs=200) == ["too_few_long_paragraphs"]
    assert reasons("c4", text + "x", too_few_long_paragraphs=200) == []
    two_lines = text.replace("\n", " ", 6)
    assert reasons("c4", two_lines, too_few_long_paragraphs=1, too_few_sentences=False) == ["too_few_long_paragraphs"]


WEB = [" ".join([unique(10, 100 * i), "end."]) for i in range(10)]
FINEWEB_TEXTS = [
    ("no_lines", "\n \n", "\n.\n x y z w v u t"),
    ("too_few_ended_lines", "\n".join(line[:-1] for line in WEB), "\n".join([line + " " for line in WEB[2:]] + WEB[:2])),
    ("too_many_short_lines", "\n".join([*WEB[:3], *(unique(4, 2000 + 9 * i) + "." for i in range(7))]),
     "\n".join([*WEB[:4], *(unique(4, 2000 + 9 * i) + "." for i in range(6))])),
    ("too_many_repeated_characters", "\n".join([*WEB, "abcd efg", "abcd efg"]), "\n".join([*WEB, "abc def", "abc def"])),
    ("too_many_line_breaks", "\n\n\n\n\n".join(WEB), "\n\n\n\n".join(WEB)),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "text", "near"), FINEWEB_TEXTS)
def test_fineweb(reason: str, text: str, near: str) -> None:
    assert reasons("fineweb", text) == [reason]
    assert reason not in reasons("fineweb", near)


def test_every_reason_of_the_published_filters_has_a_known_answer() -> None:
    known = {reason for _, expected, _, _ in REPETITION for reason in expected}
    known |= {reason for reason, _, _ in [*QUALITY, *C4_TEXTS, *FINEWEB_TEXTS]} | {"too_few_long_paragraphs"}
    assert known == {rule.reason for rules in FAMILIES.values() for rule in rules.rules}


def test_every_reason_has_a_sentence_of_its_own_and_its_name_in_datatrove() -> None:
    assert set(SENTENCES) == set(Reason)
    published = {rule.reason for name in PRESETS for rule in preset(name).rules} - {"other_language", "unsure_language"}
    assert set(DATATROVE_REASONS) == published
    assert sentence_of("custom:shouting") == "the rule 'shouting' drops it"
    assert sentence_of("near_duplicate") == SENTENCES[Reason.NEAR_DUPLICATE]
