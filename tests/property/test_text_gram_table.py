"""Passages found through hashes, filters and blocks are those that comparing all words with all words finds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text.folding import folded_texts
from headwater.text.gram_table import BuiltTable, GramTable, build_gram_table

Item = tuple[list[str], list[str]]  # context, parts


def _build(items: Sequence[Item], **options: object) -> BuiltTable:
    texts = [text for context, parts in items for text in [*context, *parts]]
    owners = [number for number, (context, parts) in enumerate(items) for _ in [*context, *parts]]
    before = [flag for context, parts in items for flag in [True] * len(context) + [False] * len(parts)]
    return build_gram_table(
        pa.array(texts, pa.large_string()), np.array(owners, np.int32), np.array(before, np.bool_), **options
    )


def _table(items: Sequence[Item], **options: object) -> GramTable:
    return _build(items, **options).table


# The oracle: lists of words in dictionaries.


def _words(text: str) -> tuple[str, ...]:
    return tuple(folded_texts(pa.array([text]))[0].split(" ")[:-1])


def _halves(words: Sequence[str]) -> int:
    return sum(1 if "\u3000" <= word[0] <= "\u9fff" else 2 for word in words)


@dataclass
class _Oracle:
    n: int
    shortest: int
    sequences: dict[tuple[str, ...], list[int]]
    wholes: dict[tuple[str, ...], list[int]]

    @classmethod
    def of(
        cls, items: Sequence[Item], n: int, shortest: int, most_items: int | None, ignored: Sequence[str]
    ) -> "_Oracle":
        sequences: dict[tuple[str, ...], list[int]] = {}
        wholes: dict[tuple[str, ...], list[int]] = {}
        for number, (context, parts) in enumerate(items):
            before = [word for text in context for word in _words(text)]
            rest = [word for text in parts for word in _words(text)]
            every = tuple(before + rest)
            if _halves(every) >= 2 * n:
                for first in range(len(every) - n + 1):
                    if first + n > len(before):
                        sequences.setdefault(every[first : first + n], []).append(number)
            for words in [*map(_words, parts), *([every] if parts else [])]:
                if 2 * shortest <= _halves(words) < 2 * n:
                    wholes.setdefault(words, []).append(number)
        bad = {
            words[first : first + length]
            for words in map(_words, ignored)
            for first in range(len(words))
            for length in range(1, len(words) - first + 1)
        }
        for known in (sequences, wholes):
            for words, numbers in list(known.items()):
                if words in bad or (most_items is not None and len(set(numbers)) > most_items):
                    del known[words]
        return cls(n, shortest, sequences, wholes)

    def find(self, text: str) -> tuple[int, int, int, int, set[int]]:
        """Return words, sequences, shared words, longest passage, and the items that may be named for it."""
        words = _words(text)
        at = [first for first in range(len(words)) if words[first : first + self.n] in self.sequences]
        passages: list[tuple[int, int, set[int]]] = []
        count = 0
        while at:
            run = [at.pop(0)]
            while at and at[0] == run[-1] + 1:
                run.append(at.pop(0))
            first, last = run[0], run[-1] + self.n
            if _halves(words[first:last]) >= 2 * self.n:
                count += len(run)
                found = [self.sequences[words[one : one + self.n]] for one in run]
                rarest = min(len(set(numbers)) for numbers in found)
                passages.append((first, last, {min(numbers) for numbers in found if len(set(numbers)) == rarest}))
        for first in range(len(words)):
            for last in range(first + 1, len(words) + 1):
                if words[first:last] in self.wholes:
                    count += 1
                    passages.append((first, last, {min(self.wholes[words[first:last]])}))
        covered = {word for first, last, _ in passages for word in range(first, last)}
        longest = max((_halves(words[first:last]) for first, last, _ in passages), default=0)
        named = set().union(*(items for first, last, items in passages if _halves(words[first:last]) == longest))
        return len(words), count, len(covered), longest // 2, named


def _check(items: Sequence[Item], texts: Sequence[str], n: int, shortest: int, bits: int = 64, **options) -> None:
    table = _table(items, n=n, shortest=shortest, bits=bits, **options)
    oracle = _Oracle.of(items, n, shortest, options.get("most_items"), options.get("ignored", ()))
    assert len(table) == len(oracle.sequences) + len(oracle.wholes)
    column = pa.array(texts)
    found = table.find(column)
    shown = found.shown(column, 10_000).to_pylist()
    for row, text in enumerate(texts):
        words, sequences, shared, longest, named = oracle.find(text)
        assert (found.words[row], found.sequences[row]) == (words, sequences)
        assert (found.shared[row], found.longest[row]) == (shared, longest)
        entry = found.entries[row]
        assert (entry >= 0) == bool(named)
        if named:
            assert int(table.items[entry]) in named
            assert shown[row] in text
            assert _halves(_words(shown[row])) // 2 == longest
        else:
            assert shown[row] is None


WORDS = st.sampled_from(
    ["the", "The,", "cat", "sat", "on", "a", "mat", "Café", "cafe\u0301", "漢", "字", "12", "—", "it's"]
)
TEXTS = st.lists(WORDS, max_size=24).map(" ".join)
ITEMS = st.lists(st.tuples(st.lists(TEXTS, max_size=1), st.lists(TEXTS, max_size=3)), max_size=6)


@settings(max_examples=300, deadline=None)
@given(ITEMS, st.lists(TEXTS, max_size=5), st.integers(1, 6), st.integers(1, 6), st.sampled_from([64, 64, 4, 1]))
def test_passages_are_those_of_the_oracle(items, texts, n, shortest, bits) -> None:
    _check(items, texts, n, shortest, bits)


@settings(max_examples=150, deadline=None)
@given(
    ITEMS, st.lists(TEXTS, max_size=4), st.integers(2, 5), st.none() | st.integers(1, 3), st.lists(TEXTS, max_size=2)
)
def test_common_and_ignored_sequences_are_no_sign(items, texts, n, most_items, ignored) -> None:
    _check(items, texts, n, 2, most_items=most_items, ignored=ignored)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(1, 8))
def test_nothing_depends_on_the_batch(texts, size) -> None:
    table = _table([([], ["the cat sat on a mat", "a cafe 12"])], n=3, shortest=2)
    column = pa.array(texts)
    whole = table.find(column)
    parts = [table.find(column[at : at + size]) for at in range(0, len(texts), size)]
    for name in ("words", "sequences", "shared", "longest", "entries", "begins", "ends"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts])), name


def _prose(count: int, seed: int) -> list[str]:
    return [f"w{number}" for number in np.random.default_rng(seed).integers(0, 10**9, count)]


@pytest.mark.parametrize("n", [8, 12, 13])
def test_a_leak_is_found_at_every_position(n: int) -> None:
    leak = _prose(n, 1)
    table = _table([([], [" ".join([*_prose(5, 2), *leak, *_prose(5, 3)])])], n=n)
    around = _prose(60, 4)
    texts = [" ".join([*around[:at], *leak, *around[at:]]) for at in range(61)]
    found = table.find(pa.array(texts))
    assert found.sequences.tolist() == [1] * 61
    assert found.shown(pa.array(texts), 1000).to_pylist() == [" ".join(leak)] * 61
    # One word less is none, wherever it is missing; a word in between neither.
    for gone in range(n):
        less = [*leak[:gone], *leak[gone + 1 :]]
        split = [*leak[:gone], "between", *leak[gone:]] if gone else less
        near = [" ".join([*around[:at], *words, *around[at:]]) for words in (less, split) for at in (0, 7, 60)]
        assert not table.find(pa.array(near)).sequences.any()


@pytest.mark.parametrize("at", [0, 1, 8180, 8185, 8191, 8192, 8193, 16384, 30000])
def test_a_leak_across_the_blocks_of_a_long_text_is_found(at: int) -> None:
    leak, short = _prose(40, 5), _prose(9, 6)
    table = _table([([], [" ".join(leak)]), ([], [" ".join(short)])])
    around = _prose(30_000, 7)
    texts = pa.array([" ".join([*around[:at], *inner, *around[at:]]) for inner in (leak, short, leak[:11])])
    found = table.find(texts)
    assert found.sequences.tolist() == [29, 1, 0]
    assert found.shared.tolist() == [40, 9, 0]
    assert found.longest.tolist() == [40, 9, 0]
    assert found.words.tolist() == [30_040, 30_009, 30_011]
    assert found.shown(texts, 10_000).to_pylist() == [" ".join(leak), " ".join(short), None]


def test_scripts_without_spaces_need_a_passage_of_as_many_words() -> None:
    item = "".join(chr(0x4E00 + 7 * number) for number in range(40))
    table = _table([([], [item])])
    texts = pa.array([item[3:26], item[3:27], "x" + item + "y", item[:20] + "中" + item[20:]])
    found = table.find(texts)
    assert (found.sequences > 0).tolist() == [False, True, True, False]
    assert found.longest.tolist() == [0, 12, 20, 0]


def test_context_is_no_leak_by_itself() -> None:
    context, answer = _prose(30, 8), _prose(3, 9)
    table = _table([([" ".join(context)], [" ".join(answer)])])
    texts = pa.array([" ".join(words) for words in (context, context + answer, context[:20], context[-9:] + answer)])
    assert table.find(texts).sequences.tolist() == [0, 3, 0, 1]


def test_what_is_left_out_is_counted() -> None:
    prompt = " ".join(_prose(14, 10))
    items = [([], [f"{prompt} {' '.join(_prose(12, seed))}"]) for seed in (11, 12, 13)] + [([], ["too short"])]
    assert _build(items).too_short.tolist() == [3]
    common = _build(items, most_items=2)
    assert (common.common, common.ignored) == (3, 0)
    ignored = _build(items, ignored=[prompt])
    assert (ignored.common, ignored.ignored) == (0, 3)
    assert not common.table.find(pa.array([prompt])).sequences.any()
    assert not ignored.table.find(pa.array([prompt])).sequences.any()
    assert _table(items).spread.max() == 3


def test_nothing_to_look_for_finds_nothing() -> None:
    table = _table([])
    assert len(table) == 0
    assert table.find(pa.array(["a b c", None])).sequences.tolist() == [0, 0]
    assert len(_table([([], ["one two three " * 8])]).find(pa.array([], pa.string())).words) == 0
