"""Lists on any text: what regular expressions and plain Python find."""

import re

import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headwater.curate import Listed

texts = st.lists(st.text(alphabet="abAB .-'\n\té中ÅK", max_size=30), max_size=3)
words = st.text(alphabet="abAé", min_size=1, max_size=3)
phrases = st.lists(st.lists(words, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=6, unique=True)
strings = st.lists(
    st.text(alphabet="abA. é中", min_size=1, max_size=7).filter(str.strip), min_size=1, max_size=8, unique=True
)


def small(text: str) -> str:
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def measured(batch: list[str], entries: list[str], **settings: object) -> pa.RecordBatch:
    operator = Listed("x", entries=tuple(entries), **settings)  # type: ignore[arg-type]
    return operator(pa.record_batch({"text": pa.array(batch, pa.string())}))


@given(texts, phrases)
@settings(max_examples=500, deadline=None)
def test_words_are_those_of_a_regular_expression(batch: list[str], entries: list[str]) -> None:
    longest = sorted((small(entry) for entry in entries), key=lambda entry: (-entry.count(" "), -len(entry)))
    one = "|".join(r"[\s-]+".join(map(re.escape, entry.split())) for entry in longest)
    # A character of a script without spaces is a word by itself, so it bounds the words beside it.
    pattern = re.compile(rf"(?<![abékå])(?:{one})(?![abékå])")
    found = measured(batch, entries)
    assert found["listed_x"].to_pylist() == [len(pattern.findall(small(text))) for text in batch]


@given(texts, strings, st.booleans())
@settings(max_examples=500, deadline=None)
def test_strings_are_those_of_a_regular_expression(batch: list[str], entries: list[str], ignore_case: bool) -> None:
    fold = small if ignore_case else str
    pattern = re.compile("|".join(re.escape(entry) for entry in sorted(map(fold, entries), key=len, reverse=True)))
    found = measured(batch, entries, what="substring", ignore_case=ignore_case)
    matches = [pattern.findall(fold(text)) for text in batch]
    assert found["listed_x"].to_pylist() == [len(one) for one in matches]
    shares = [len("".join(one)) / max(len(text), 1) for one, text in zip(matches, batch, strict=True)]
    assert found["listed_x_share"].to_pylist() == shares


@given(
    st.lists(st.text(alphabet="abA \n\t\r\u2028é", max_size=20), max_size=3),
    st.lists(st.text(alphabet="abé ", min_size=1, max_size=3), min_size=1),
)
@settings(max_examples=500, deadline=None)
def test_lines_are_those_of_plain_python(batch: list[str], entries: list[str]) -> None:
    assume(all(map(str.strip, entries)))
    wanted = {small(entry.strip()) for entry in entries}
    found = measured(batch, entries, what="lines", action="cut")
    lines = [text.split("\n") for text in batch]
    kept = ["\n".join(line for line in text if small(line.strip()) not in wanted) for text in lines]
    assert found["text"].to_pylist() == kept
    assert found["listed_x"].to_pylist() == [sum(small(line.strip()) in wanted for line in text) for text in lines]
    assert measured(kept, entries, what="lines")["listed_x"].to_pylist() == [0] * len(batch)


@given(
    st.lists(st.text(max_size=20), max_size=3),
    st.lists(st.characters(exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp")), min_size=1),
)
@settings(max_examples=200, deadline=None)
def test_characters_are_counted_one_by_one(batch: list[str], entries: list[str]) -> None:
    found = measured(batch, entries, what="characters")
    assert found["listed_x"].to_pylist() == [sum(letter in entries for letter in text) for text in batch]


@given(st.lists(st.text(max_size=30), max_size=3), st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_text_and_any_entry(batch: list[str], entries: list[str]) -> None:
    entries = [entry for entry in entries if entry.strip()]
    assume(entries)
    found = measured(batch, entries, what="substring")
    assert all(0 <= share <= 1 for share in found["listed_x_share"].to_pylist())
    worded = [entry for entry in entries if any(map(str.isalnum, entry)) and entry.isascii()]
    if worded:
        inside = measured([*batch, *worded], worded)
        assert all(count >= 1 for count in inside["listed_x"].to_pylist()[len(batch) :])  # an entry is in itself
        assert all(0 <= share <= 1 for share in inside["listed_x_share"].to_pylist())
