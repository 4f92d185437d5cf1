import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import zstandard

from headwater.errors import InputError, NotEnoughData
from headwater.lab.corpus import read_corpus

RNG = np.random.default_rng(0)
VERSE = "to be or not\nto be\n\n that  is\tthe question \u2028 é\n"
WORDS = VERSE.split()


def test_words_are_numbered_by_first_occurrence(tmp_path: Path) -> None:
    path = tmp_path / "verse.txt"
    path.write_text(VERSE, "utf-8")
    corpus = read_corpus([path], max_tokens=1000)
    assert corpus.tokens.dtype == np.int32
    assert corpus.tokens.tolist() == [0, 1, 2, 3, 0, 1, 4, 5, 6, 7, 8]
    assert corpus.words == tuple(dict.fromkeys(WORDS))
    assert corpus.text(corpus.tokens) == " ".join(WORDS)
    assert corpus.types == 9
    assert corpus.counts().tolist() == [2, 2, 1, 1, 1, 1, 1, 1, 1]
    assert corpus.counts(3).tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert corpus.name == "verse.txt"


def test_reading_stops_at_the_tokens_wanted(tmp_path: Path) -> None:
    path = tmp_path / "long.txt.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(" ".join(f"w{number}" for number in range(300_000)))  # one line of 2 MB, in several pieces
    whole = path.read_bytes()
    corpus = read_corpus([path], max_tokens=7)
    assert corpus.text(corpus.tokens) == "w0 w1 w2 w3 w4 w5 w6"
    assert corpus.types == 7
    everything = read_corpus([path], max_tokens=10**9)
    assert everything.tokens.tolist() == list(range(300_000))  # no word is cut between two pieces
    assert everything.words[-1] == "w299999"
    path.write_bytes(whole[: len(whole) // 2])
    assert read_corpus([path], max_tokens=7).text(range(7)) == corpus.text(range(7))
    with pytest.raises(InputError, match="is damaged"):
        read_corpus([path], max_tokens=10**9)


def test_all_formats_give_the_same_tokens(tmp_path: Path) -> None:
    first, second = VERSE.split("\n\n")
    (tmp_path / "a.md").write_text(VERSE, "utf-8-sig")
    (tmp_path / "b.txt.zst").write_bytes(zstandard.compress(VERSE.encode()))
    rows = "".join(json.dumps({"body": text}) + "\n" for text in (first, second))
    (tmp_path / "c.jsonl.zst").write_bytes(zstandard.compress(rows.encode()))
    for name in ("a.md", "b.txt.zst", "c.jsonl.zst"):
        corpus = read_corpus([tmp_path / name], max_tokens=100, column="body")
        assert corpus.text(corpus.tokens) == " ".join(WORDS)
    both = read_corpus([tmp_path / "a.md", tmp_path / "b.txt.zst"], max_tokens=100)
    assert both.text(both.tokens) == " ".join(WORDS + WORDS)
    assert both.name == "a.md, b.txt.zst"
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x", "utf-8")
    assert read_corpus([tmp_path / "?.txt"], max_tokens=100).name == "5 files from 0.txt to 4.txt"


def test_without_paths_the_installed_documentation_is_read() -> None:
    corpus = read_corpus(max_tokens=5000)
    assert len(corpus.tokens) == 5000
    assert 500 < corpus.types < 3000
    assert corpus.name.startswith("the documentation of Python 3.")
    assert "," not in corpus.name  # the first package was enough
    assert {"the", "a", "is", "of"} <= set(corpus.words)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("zeros.txt", b"\x7fELF\x02\x00\x00 abc", "zero bytes"),
        ("latin.txt", "caf\u00e9 au lait".encode("latin-1"), "not text in UTF-8"),
        ("cut.txt", "caf\u00e9".encode()[:-1], "not text in UTF-8"),
        ("empty.txt", b"", "no words in empty.txt"),
        ("blank.txt", b" \n\t\n", "no words in blank.txt"),
        ("glued.txt", b"x" * 600_000, "more than 65,536 characters"),
        ("binary.dat", b"\x00", "unknown format"),
        ("rows.jsonl", b'{"body": "x"}\n', "no row of .* has a column 'text'. Columns there: body"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_corpus([path], max_tokens=10)


def test_missing_files_and_impossible_sizes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE, "utf-8")
    with pytest.raises(InputError, match=r"there is no .*vers\.txt\. Did you mean 'verse\.txt'"):
        read_corpus([tmp_path / "vers.txt"], max_tokens=10)
    with pytest.raises(InputError, match="max_tokens = 0"):
        read_corpus([tmp_path / "verse.txt"], max_tokens=0)


def test_human_tokens_are_handed_out_once_in_order(tmp_path: Path) -> None:
    path = tmp_path / "verse.txt"
    path.write_text(VERSE, "utf-8")
    corpus = read_corpus([path], max_tokens=10)
    take = corpus.supply(3, RNG)
    assert take(4).values.tolist() == [[0, 1, 2, 3]] * 3
    assert take(0).values.shape == (3, 0)
    assert take(5).values.tolist() == [[0, 1, 4, 5, 6]] * 3
    with pytest.raises(NotEnoughData, match=r"2 more human tokens were asked for, and 1 of 10 in verse\.txt are left"):
        take(2)
    assert take(1).values.tolist() == [[7]] * 3
    assert corpus.supply(1, RNG)(10).items == 10  # each supply starts anew
