"""The split of human documents: by group, once, the same every time."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

import headwater.store.split as split_module
from headwater.errors import NotEnoughData
from headwater.schema import documents
from headwater.store import PANELS, Part, Split, merge_overlapping, split_by_group

Prose = Callable[[int, int], str]

SHARES = {Part.TRAIN: 0.15, Part.SOURCES: 0.24, Part.STEERING: 0.10, Part.CERTIFICATION: 0.43, Part.FINAL: 0.08}


@pytest.fixture(scope="module")
def corpus(prose: Prose) -> pa.Table:
    """600 short documents in 300 groups of one to three, sizes between 10 and 60 words."""
    sizes = np.random.default_rng(0).integers(10, 60, 600)
    groups = [f"g{(i * 7) % 300}" if i % 3 else f"g{i % 300}" for i in range(600)]
    groups[:300] = [f"g{i}" for i in range(300)]
    return documents([prose(int(size), i) for i, size in enumerate(sizes)], group=groups, origin="human")


def _split(corpus: pa.Table, seed: int = 0, shares: dict[Part, float] | None = None) -> Split:
    return split_by_group(corpus, shares or SHARES, np.random.default_rng(seed))


def test_no_group_is_in_two_parts(corpus: pa.Table) -> None:
    split = _split(corpus)
    where: dict[str, Part] = {}
    for part, table in split.parts.items():
        for group in set(table["group"].to_pylist()):
            assert where.setdefault(group, part) is part
    assert len(where) == 300


def test_every_document_is_in_exactly_one_part_as_it_was(corpus: pa.Table) -> None:
    split = _split(corpus)
    ids = [key for part in Part for key in split[part]["id"].to_pylist()]
    assert sorted(ids) == sorted(corpus["id"].to_pylist())
    for part in Part:
        assert split[part].drop_columns(["unit"]).schema.equals(corpus.schema, check_metadata=True)
        inside = set(split[part]["id"].to_pylist())
        assert split[part]["id"].to_pylist() == [key for key in corpus["id"].to_pylist() if key in inside]


def test_parts_get_their_shares_of_groups_and_tokens(corpus: pa.Table) -> None:
    rows = {row.part: row for row in _split(corpus).rows}
    assert list(rows) == list(Part)
    tokens = sum(row.tokens for row in rows.values())
    for part, share in SHARES.items():
        assert rows[part].groups == pytest.approx(300 * share, abs=1)
        assert rows[part].tokens == pytest.approx(tokens * share, rel=0.2)
    assert sum(row.documents for row in rows.values()) == 600


def test_the_table_counts_what_is_there(corpus: pa.Table) -> None:
    split = _split(corpus)
    for row in split.rows:
        assert row.documents == split[row.part].num_rows
        assert row.groups == len(set(split[row.part]["unit"].to_pylist()))


def test_the_same_seed_gives_the_same_split_and_another_seed_another(corpus: pa.Table) -> None:
    first, again, other = (_split(corpus, seed)[Part.TRAIN]["id"].to_pylist() for seed in (1, 1, 2))
    assert first == again
    assert set(first) != set(other)


def test_every_group_has_a_chance_at_every_part(corpus: pa.Table) -> None:
    """Over 40 seeds a group is in the certification panel 17 times on average, never all or none of the time.

    The chance that one of 300 groups is never there is below 300 * 0.57^40 < 1e-7.
    """
    counts: dict[str, int] = {}
    for seed in range(40):
        for group in set(_split(corpus, seed)[Part.CERTIFICATION]["group"].to_pylist()):
            counts[group] = counts.get(group, 0) + 1
    assert len(counts) == 300
    assert max(counts.values()) < 40


def test_a_few_large_groups_do_not_fill_a_panel(prose: Prose) -> None:
    """Evidence counts groups: parts get their shares of groups whatever the sizes, and each some of the large ones."""
    sizes = [1500 if i % 10 == 0 else 20 for i in range(300)]
    texts = [prose(size, i) for i, size in enumerate(sizes)]
    split = _split(documents(texts, group=[f"g{i}" for i in range(300)]))
    for row in split.rows:
        assert row.groups == pytest.approx(300 * SHARES[row.part], abs=2)
        large = sum(len(text.split()) == 1500 for text in split[row.part]["text"].to_pylist())
        assert large == pytest.approx(30 * SHARES[row.part], abs=2)


def test_shares_are_scaled_to_use_everything(corpus: pa.Table) -> None:
    half = _split(corpus, shares={part: share / 2 for part, share in SHARES.items()})
    assert half.rows == _split(corpus).rows


def test_a_part_without_a_share_is_empty_and_keeps_its_columns(corpus: pa.Table) -> None:
    split = _split(corpus, shares={part: share for part, share in SHARES.items() if part is not Part.STEERING})
    assert split[Part.STEERING].num_rows == 0
    assert split[Part.STEERING].column_names == split[Part.TRAIN].column_names
    zero = _split(corpus, shares={**SHARES, Part.STEERING: 0.0})
    assert [row.groups for row in zero.rows] == [row.groups for row in split.rows]


def test_panels_are_what_is_sealed() -> None:
    assert set(Part) - set(PANELS) == {Part.TRAIN, Part.SOURCES}


# Too little data.


def _few(prose: Prose, groups: int) -> pa.Table:
    return documents([prose(20, i) for i in range(groups)], group=[f"g{i}" for i in range(groups)])


def test_too_few_groups_says_how_many_there_are_and_are_needed(prose: Prose) -> None:
    with pytest.raises(NotEnoughData) as stop:
        _split(_few(prose, 199))
    # The steering panel's 20 groups are 10% of 200.
    assert "form 199 independent groups, but 200 are needed" in str(stop.value)
    assert "steering 20" in str(stop.value)
    assert "group column" in str(stop.value)


def test_with_exactly_enough_groups_every_part_gets_its_least(prose: Prose) -> None:
    least = {Part.TRAIN: 10, Part.SOURCES: 10, Part.STEERING: 20, Part.CERTIFICATION: 50, Part.FINAL: 10}
    for seed in range(5):
        groups = {row.part: row.groups for row in _split(_few(prose, 200), seed).rows}
        assert all(groups[part] >= count for part, count in least.items())


def test_many_documents_in_few_groups_are_few(prose: Prose) -> None:
    table = documents([prose(20, i) for i in range(1000)], group=[f"author {i % 4}" for i in range(1000)])
    with pytest.raises(NotEnoughData, match="form 4 independent groups"):
        _split(table)


# Documents that are not independent although their groups differ.


def test_groups_whose_documents_share_passages_are_merged(prose: Prose) -> None:
    passage = prose(40, 1)
    texts = [f"{prose(60, 2)} {passage}", f"{passage} {prose(60, 3)}", prose(100, 4), f"{prose(160, 5)} {passage}"]
    # Of the shorter document's 93 sequences 33 (35%) are shared.
    assert merge_overlapping(texts, ["b", "a", "c", "d"]) == ["b", "b", "c", "b"]
    longer = f"{prose(82, 6)} {passage}"  # 33 of 115 (29%)
    assert merge_overlapping([longer, f"{passage} {prose(82, 7)}"], ["a", "b"]) == ["a", "b"]


def test_merging_goes_over_groups_and_chains(prose: Prose) -> None:
    texts = [prose(50, 1), prose(50, 2), prose(50, 2), prose(50, 3), prose(50, 3), prose(50, 4)]
    groups = ["one", "one", "two", "two", "three", "four"]
    assert merge_overlapping(texts, groups) == ["one"] * 5 + ["four"]


def test_boilerplate_in_more_than_twenty_documents_says_nothing(prose: Prose) -> None:
    boilerplate = prose(60, 1)
    for count, merged in ((20, 1), (21, 21)):
        texts = [f"{boilerplate} {prose(30, 10 + i)}" for i in range(count)]
        assert len(set(merge_overlapping(texts, [f"g{i}" for i in range(count)]))) == merged


def test_what_a_document_repeats_counts_once(prose: Prose) -> None:
    """A slogan repeated thirty times is one shared passage: neither boilerplate of thirty documents nor thirty passages."""
    slogan = "we take your privacy very seriously here indeed"
    twice = [" ".join([slogan] * 30), " ".join([slogan] * 30)]
    assert len(set(merge_overlapping(twice, ["a", "b"]))) == 1
    apart = [f"{slogan} {prose(100, 1)}", f"{' '.join([slogan] * 30)} {prose(100, 2)}"]
    assert len(set(merge_overlapping(apart, ["a", "b"]))) == 2


def test_merged_groups_stay_together_and_are_counted(corpus: pa.Table) -> None:
    texts, groups = corpus["text"].to_pylist(), corpus["group"].to_pylist()
    long = [i for i, text in enumerate(texts[:300]) if len(text.split()) > 40]
    pair = long[0], long[1]
    texts[pair[1]] = f"{texts[pair[0]]} Postscript."
    table = documents(texts, group=groups)
    split = _split(table)
    assert split.merged == 1
    homes = {part for part in Part for group in split[part]["group"].to_pylist() if group in {groups[i] for i in pair}}
    assert len(homes) == 1
    assert sum(row.groups for row in split.rows) == 299


def test_texts_too_short_for_a_sequence_of_eight_words_are_compared_whole() -> None:
    assert merge_overlapping(["to be", "not to be", "to be"], ["a", "b", "c"]) == ["a", "b", "a"]
    assert merge_overlapping([], []) == []
    assert merge_overlapping(["", ""], ["a", "b"]) == ["a", "b"]


def test_every_two_documents_are_compared_not_only_each_with_the_first(prose: Prose) -> None:
    """The first holds a little of what the two others share: it belongs to neither, and hides neither from the other."""
    passage = prose(40, 1)
    first = f"{prose(200, 2)} {passage}"
    one, other = (f"{passage} {prose(60, seed)}" for seed in (3, 4))  # 33 of 93 sequences (35%)
    long = f"{prose(100, 5)} {passage}"
    assert merge_overlapping([long, one], ["a", "b"]) == ["a", "a"]
    start = passage.split()[:24]
    little = f"{prose(60, 6)} {' '.join(start)}"  # 17 of 77 sequences (22%)
    assert merge_overlapping([little, one], ["a", "b"]) == ["a", "b"]
    assert merge_overlapping([little, one, other], ["a", "b", "c"]) == ["a", "b", "b"]
    assert merge_overlapping([little, one, other, first], ["a", "b", "c", "d"]) == ["a", "b", "b", "b"]


def test_pairs_are_counted_the_same_in_pieces_of_any_size(prose: Prose, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve documents of overlapping windows of one text, in random order: who belongs together hangs by single counts."""
    words = prose(400, 1).split()
    starts = np.random.default_rng(0).permutation(12) * 27
    texts = [f"{prose(30, 10 + i)} {' '.join(words[at : at + 60])}" for i, at in enumerate(starts.tolist())]
    whole = merge_overlapping(texts, [f"g{i}" for i in range(12)])
    monkeypatch.setattr(split_module, "_PAIRS_AT_ONCE", 1)
    assert merge_overlapping(texts, [f"g{i}" for i in range(12)]) == whole
