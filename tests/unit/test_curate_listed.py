"""Lists: what an entry is found in, what it is not found in, and what is said of files that are no lists."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.curate import Listed
from headwater.engine import operator_key
from headwater.errors import ConfigError, InputError


def counts(texts: list[str | None], *entries: str, **settings: object) -> list[int]:
    listed = Listed("x", entries=entries, **settings)  # type: ignore[arg-type]
    return listed(pa.record_batch({"text": pa.array(texts, pa.string())}))["listed_x"].to_pylist()


def test_words_are_whole() -> None:
    texts = ["Hell!", "hello", "he'll go", "shell", "HELL-hell hell", "go to hell.", "hell_", "hell2", "", None]
    assert counts(texts, "hell") == [1, 0, 0, 0, 3, 1, 1, 0, 0, 0]
    assert counts(["Hell hell"], "hell", ignore_case=False) == [1]
    assert counts(["año ano ANO AÑO"], "ano") == [2]
    assert counts(["he\u00adll and he\u200bll"], "hell") == [2]  # invisible characters do not hide a word


def test_phrases_are_sequences_of_words() -> None:
    texts = ["The  end", "the-end", "the\nend", "the, end", "then end", "the endless", "theend", "the end of the end"]
    assert counts(texts, "the end") == [1, 1, 1, 0, 0, 0, 0, 2]
    assert counts(["don't don’t dont don t"], "don't") == [1]


def test_the_longest_entry_counts_once() -> None:
    assert counts(["new york city in new york by new roads"], "new", "new york", "york", "new york city") == [3]
    listed = Listed("x", entries=("new", "new york city", "city"))
    measured = listed(pa.record_batch({"text": ["new york city, new york", "no", ""]}))
    assert measured["listed_x"].to_pylist() == [2, 0, 0]
    assert measured["listed_x_share"].to_pylist() == [4 / 5, 0, 0]
    # The beginning of a longer entry that does not follow is no find.
    assert counts(["new york by night"], "new york city", "york by") == [1]


def test_signs_of_an_entry_count() -> None:
    texts = ["c++ rules", "c rules", "C++, C", "f*ck", "f ck", "@ss ss", "x@ss"]
    assert counts(texts, "c++", "f*ck", "@ss") == [1, 0, 1, 1, 0, 1, 1]
    assert counts(["c and c++ and c#"], "c", "c++") == [3]
    assert counts(["ss"], "@ss") == [0]


def test_scripts_without_spaces_have_no_word_boundaries() -> None:
    assert counts(["这是色情网站", "色 情", "หนังโป๊ออนไลน์"], "色情", "โป๊") == [1, 0, 1]


def test_strings_are_found_anywhere() -> None:
    texts = ["abcabc", "ABCd", "xab", "é É", "", None]
    listed = Listed("x", entries=("abc", "abcd", "é", "b"), what="substring")
    measured = listed(pa.record_batch({"text": pa.array(texts)}))
    assert measured["listed_x"].to_pylist() == [2, 1, 1, 2, 0, 0]
    assert measured["listed_x_share"].to_pylist() == [1, 1, 1 / 3, 2 / 3, 0, 0]
    assert counts(["É e\u0301"], "é", what="substring", ignore_case=False) == [0]
    assert counts(["a b", "ab"], " b", what="substring") == [1, 0]  # white space belongs to a string
    assert counts(["abab"], "aba", "bab", what="substring") == [1]


def test_lines_are_counted_and_cut() -> None:
    texts = [
        "Share this!\nText\n  SHARE THIS!\t\n\nend",
        "share this! now",
        "Share this!",
        "a\nb",
        "",
        "x\nShare this!",
    ]
    operator = Listed("x", entries=("share this!", "never"), what="lines", action="cut")
    measured = operator(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert measured["listed_x"].to_pylist() == [2, 0, 1, 0, 0, 1]
    assert measured["listed_x_share"].to_pylist() == [2 / 4, 0, 1, 0, 0, 1 / 2]
    assert measured["text"].to_pylist() == ["Text\n\nend", "share this! now", "", "a\nb", "", "x"]
    assert measured.schema.field("text").type == pa.large_string()
    assert operator.adds.names == ["listed_x", "listed_x_share", "text"]
    assert operator(measured)["text"] == measured["text"]
    assert counts(["ÜBER UNS\u3000\r\nx"], "\u00a0über uns", what="lines") == [1]
    assert counts(["Über uns"], "über uns", what="lines", ignore_case=False) == [0]
    kelvin = "\u212a"  # its small letter is an ASCII k
    assert (
        counts([kelvin, f"{kelvin}x", f"x{kelvin}", f"{kelvin}{kelvin}"], "k", "kx", "xk", "kk", what="lines")
        == [1] * 4
    )


def test_characters_are_counted() -> None:
    listed = Listed("symbols", entries=("#", "…", "€"), what="characters")
    measured = listed(pa.record_batch({"text": ["# one… #", "10 €", "", "plain"]}))
    assert measured["listed_symbols"].to_pylist() == [3, 1, 0, 0]
    assert measured["listed_symbols_share"].to_pylist() == [3 / 8, 1 / 4, 0, 0]


def test_a_list_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(b"\xef\xbb\xbf# words nobody wants\r\nhell\r\n\r\n#metoo\nbloody hell \n  hell\n# end\n")
    listed = Listed("bad", str(path))
    batch = pa.record_batch({"text": ["Bloody hell #metoo metoo hell words"]})
    assert listed(batch)["listed_bad"].to_pylist() == [3]
    symbols = tmp_path / "symbols.txt"
    symbols.write_text("#\n# a remark\n*\n")
    assert Listed("s", str(symbols), what="characters")(batch)["listed_s"].to_pylist() == [1]
    # The same entries are the same list, wherever they stand; other entries are another.
    key = operator_key(listed)
    assert pickle.loads(pickle.dumps(listed)) == listed
    path.write_text("heaven\n")
    assert operator_key(Listed("bad", str(path))) != key
    late = pickle.loads(pickle.dumps(Listed("late", str(path))))
    path.write_text("earth\n")
    with pytest.raises(InputError, match=r"bad\.txt was changed since the work began"):
        late(batch)


def test_long_lists_and_no_batch_changes_anything() -> None:
    entries = tuple(f"w{number} end" for number in range(20_000)) + tuple(f"v{number}" for number in range(20_000))
    texts = ["w17 end", "w17 and v19999 v20000 w19999-end", "nothing", ""]
    whole = pa.record_batch({"text": texts})
    for what, expected in (("words", [1, 2, 0, 0]), ("substring", [1, 2, 0, 0]), ("lines", [1, 0, 0, 0])):
        listed = Listed("x", entries=entries, what=what)  # type: ignore[arg-type]
        found = listed(whole)["listed_x"].to_pylist()
        assert found[:1] + found[2:] == expected[:1] + expected[2:], what
        assert [listed(whole.slice(row, 1))["listed_x"][0].as_py() for row in range(4)] == found
        assert listed(whole.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"list": "Bad"}, "the name 'Bad' cannot be part of a column's name"),
        ({"list": "a_share"}, "ends in _share, as the column of shares does"),
        ({"entries": ()}, "a list has either a file or entries"),
        ({"file": "x.txt"}, "a list has either a file or entries"),
        ({"what": "word"}, "what = 'word': allowed are words, lines, substring, characters"),
        ({"action": "drop"}, "action = 'drop': allowed are 'find' and 'cut'"),
        ({"action": "cut"}, "action = 'cut' removes lines, so it needs what = 'lines', not 'words'"),
        ({"entries": ("ok", "***")}, r"entry 2: '\*\*\*' has no letter or digit, so it is no word"),
        ({"entries": ("ok", " ")}, "entry 2: an entry is empty"),
        ({"entries": ("ab",), "what": "characters"}, "entry 1: 'ab' is 2 characters; put one on each line"),
        ({"entries": ("a\nb",), "what": "lines"}, "entry 1: 'a.*b' is more than one line"),
    ],
)
def test_settings_that_are_wrong(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Listed(**{"list": "x", "entries": ("a",), **settings})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ok\ncaf\xe9\n", r"list\.txt, line 2: byte 4 is not UTF-8\. Convert the list with iconv"),
        (b"# only remarks\n\n", r"list\.txt, line 1: there is no entry"),
        (b"ok\n--\nfine\n!\n", r"list\.txt, line 2: '--' has no letter or digit.*\n.*line 4: '!' has no letter"),
        (b"-\n" * 30, r"line 10: .*\n  and 20 more"),
    ],
)
def test_files_that_are_no_lists(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Listed("x", str(path))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"The list nowhere\.txt cannot be read: No such file"):
        Listed("x", "nowhere.txt")
