"""Rules compare measured columns; thresholds are data."""

import pickle

import pyarrow as pa
import pytest

from headwater.curate.c4 import C4Lines
from headwater.curate.presets import PRESETS, language_rules, preset
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.statistics import TextStatistics
from headwater.engine import Operator, apply_operators, operator_key
from headwater.errors import ConfigError, InputError

RULES = RuleSet(
    "three",
    (
        Rule("too_few_words", "words", "below", 5, "size"),
        Rule("custom:long", "words", "above", 9, "mine"),
        Rule("other_language", "language", "outside", ("en", "de"), "language"),
    ),
)
MEASURED = pa.record_batch(
    {"words": pa.array([4, 5, 9, 10, None], pa.int64()), "language": ["fr", "en", "de", "", None]}
)


def test_comparisons_are_strict_and_what_was_not_measured_fails_nothing() -> None:
    expected = [["too_few_words", "other_language"], [], [], ["custom:long", "other_language"], []]
    assert RULES.decide(MEASURED).to_pylist() == expected
    assert RULES.decide(pa.table(MEASURED)).to_pylist() == expected
    assert RULES.decide(pa.StructArray.from_arrays(MEASURED.columns, MEASURED.schema.names)).to_pylist() == expected
    assert RULES.decide(MEASURED.slice(3)).to_pylist() == expected[3:]
    assert RULES.decide(MEASURED).type == pa.list_(pa.string())


def test_zero_is_a_threshold_and_none_is_off() -> None:
    assert RULES.changed({"too_few_words": 0}).decide(MEASURED).to_pylist()[0] == ["other_language"]
    off = RULES.changed({"too_few_words": None, "custom:long": False, "other_language": False})
    assert off.decide(MEASURED).to_pylist() == [[]] * 5
    assert off.measures == ()
    assert off.decide(pa.record_batch({"x": [1]})).to_pylist() == [[]]  # what no rule needs may be missing
    back = off.changed({"too_few_words": 5})
    assert back.measures == ("words",)
    assert back.decide(MEASURED).to_pylist()[0] == ["too_few_words"]


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"'too_few_words' needs the column 'words', which was not measured.*x"):
        RULES.decide(pa.record_batch({"x": [1]}))


def test_every_fault_of_thresholds_is_told_at_once() -> None:
    wrong = {"to_few_words": 3, "custom:long": "9", "other_language": 3, "too_few_words": float("nan")}
    with pytest.raises(ConfigError) as caught:
        RULES.changed(wrong, "rules.toml [thresholds]")
    first, second, third, fourth = caught.value.faults
    assert "to_few_words" in first
    assert "Did you mean 'too_few_words'?" in first
    assert "custom:long" in second
    assert "'9'" in second
    assert "compared with names" in third
    assert "nan" in fourth
    assert "rules.toml [thresholds]" in str(caught.value)
    with pytest.raises(ConfigError):
        RULES.changed({"too_few_words": True})


def test_a_reason_belongs_to_one_rule() -> None:
    with pytest.raises(ConfigError, match="two rules have the reason 'too_few_words'"):
        RULES.and_also([Rule("too_few_words", "x", "above", 1, "mine")])


def test_rules_are_told_in_words() -> None:
    assert [str(rule) for rule in RULES.rules] == [
        "words is below 5", "words is above 9", "language is none of en, de",
    ]  # fmt: skip
    assert str(RULES.changed({"too_few_words": False}).rules[0]) == "words: off"


@pytest.mark.parametrize("name", PRESETS)
def test_the_operators_of_a_set_measure_what_its_rules_look_at(name: str) -> None:
    rules = preset(name)
    texts = ["The cat and the dog have been to the sea.", "", "\u6f22\u5b57"]
    batch = pa.record_batch({"id": ["a", "b", "c"], "text": texts})
    measured, errors = apply_operators(rules.operators, batch)
    assert errors == ()
    added = [column for operator in rules.operators for column in operator.adds.names if column != "text"]
    assert len(set(added)) == len(added)
    assert set(rules.measures) <= set(added)
    assert {rule.measure for rule in rules.rules} <= set(added)
    assert len(rules.decide(measured)) == 3
    assert all(field.metadata[b"meaning"] for operator in rules.operators for field in operator.adds)
    for operator in rules.operators:
        assert isinstance(operator, Operator)
        assert pickle.loads(pickle.dumps(operator)) == operator


def test_the_pipeline_of_fineweb_looks_at_what_c4_left() -> None:
    web = preset("fineweb")
    assert web.families == ("language", "gopher_repetition", "gopher_quality", "c4", "fineweb")
    text = "\n".join([f"Sentence number {word} stands here and ends." for word in "abcdefghijkl"] + ["short"] * 3)
    measured, _ = apply_operators(web.operators, pa.record_batch({"text": [text]}))
    row = measured.to_pylist()[0]
    assert row["characters"] == len(text)
    assert row["few_word_lines"] == 3
    assert row["text"] == text.removesuffix("\nshort" * 3)
    assert row["filled_lines"] == 12
    assert web.of("c4", "fineweb").decide(measured).to_pylist() == [[]]
    assert web.decide(measured).to_pylist()[0][0] == "repeated_lines" if row["repeated_line_share"] > 0.3 else True


def test_unknown_names_are_told_with_what_is_known() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gopher'"):
        preset("gohper")
    with pytest.raises(ConfigError, match="Did you mean 'fineweb'"):
        TextStatistics(("finweb",))
    with pytest.raises(ConfigError, match="families is empty"):
        TextStatistics(())
    with pytest.raises(ConfigError, match=r"2 faults[\s\S]*min_words = 0[\s\S]*max_word_length = -1"):
        C4Lines(min_words=0, max_word_length=-1)


def test_settings_make_another_operator() -> None:
    assert operator_key(C4Lines()) != operator_key(C4Lines(require_end_punctuation=False))
    assert operator_key(TextStatistics()) == operator_key(TextStatistics())
    assert language_rules(("de",), 0.5)[0].threshold == ("de",)
