import os
import subprocess
import sys

import numpy as np
import pytest

from headwater.text import GramIndex, gram_hashes

NINE = "one two three four five six seven eight nine"


def test_hashes_per_text() -> None:
    hashes, offsets = gram_hashes([NINE, "one two", "", None, "!?"])
    assert np.diff(offsets).tolist() == [2, 1, 0, 0, 0]
    assert hashes.dtype == np.uint64
    assert len(set(hashes.tolist())) == 3


def test_case_punctuation_and_spaces_do_not_count_but_order_does() -> None:
    hashes, _ = gram_hashes(["The cat; sat (down).", "the  CAT sat\ndown", "cat the sat down"], n=4)
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


def test_a_short_text_matches_only_as_a_whole() -> None:
    index = GramIndex.from_texts(["one two three"])
    assert index.share(["one two three", "one two", "zero one two three"]).tolist() == [1, 0, 0]


def test_share_counts_sequences() -> None:
    index = GramIndex.from_texts([NINE])
    # Ten words give three sequences; the first two are those of the indexed text.
    assert index.share([NINE + " ten", NINE, "x " * 20]).tolist() == pytest.approx([2 / 3, 1, 0])
    assert GramIndex.from_texts([]).share([NINE, ""]).tolist() == [0, 0]


def test_merge_is_the_index_of_both() -> None:
    one, two = GramIndex.from_texts([NINE], n=3), GramIndex.from_texts(["six seven eight nine ten"], n=3)
    both = GramIndex.from_texts([NINE, "six seven eight nine ten"], n=3)
    assert np.array_equal(one.merge(two).hashes, both.hashes)
    assert len(both) == 7 + 3 - 2
    with pytest.raises(ValueError, match="cannot be merged"):
        one.merge(GramIndex.from_texts([NINE], n=4))


def test_hashes_are_the_same_in_every_process() -> None:
    code = "from headwater.text import gram_hashes; print(gram_hashes(['the cat sat on the mat'], 5)[0].tolist())"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    here = gram_hashes(["the cat sat on the mat"], 5)[0].tolist()
    assert printed.strip() == str(here)
    # Pinned: indexes of sealed panels are kept on disk.
    assert here == [12028292536567334559, 12087245484746001653]
