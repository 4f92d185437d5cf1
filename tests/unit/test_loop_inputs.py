"""What the loop works on: read, sampled and split, with everything said that a reader must know."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import headwater.loop.inputs as inputs
from headwater.config import Settings
from headwater.errors import InputError, NotEnoughData
from headwater.loop.inputs import fingerprint, read_human, read_stream, split_human, without_near_duplicates
from headwater.loop.text_world import TextWorld
from headwater.schema import documents
from headwater.sources import read_documentation
from headwater.store import PANELS, Part

Prose = Callable[[int, int], str]


def _write(path: Path, rows: list[dict]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def _human(path: Path, **columns: str) -> Settings:
    return Settings.model_validate({"human": {"paths": (str(path),), **columns}})


def _stream(*paths: Path, **columns: str) -> Settings:
    return Settings.model_validate({"stream": {"paths": tuple(map(str, paths)), **columns}})


def test_only_human_rows_are_human(tmp_path: Path, prose: Prose) -> None:
    origins = ["human", "machine", "mixed", "human", "unknown"]
    rows = [{"text": prose(30, i), "who": origin, "by": f"author {i}"} for i, origin in enumerate(origins)]
    found = read_human(_human(_write(tmp_path / "a.jsonl", rows), origin="who", group="by"), tmp_path / "rejects.jsonl")
    assert found.table["group"].to_pylist() == ["author 0", "author 3"]
    assert found.warnings == ("3 documents that are not marked as human were left out of the human base.",)
    assert (found.facts.documents, found.facts.groups, found.facts.grouped) == (2, 2, True)
    assert found.facts.words == 60


def test_no_human_row_at_all_says_what_was_looked_for(tmp_path: Path, prose: Prose) -> None:
    path = _write(tmp_path / "a.jsonl", [{"text": prose(30, 1), "who": "machine"}])
    with pytest.raises(InputError, match="none of the 1 documents has origin 'human' in column 'who'"):
        read_human(_human(path, origin="who"), tmp_path / "rejects.jsonl")


def test_without_a_group_column_dependence_is_unknown_and_said_to_be(tmp_path: Path, prose: Prose) -> None:
    path = _write(tmp_path / "a.jsonl", [{"text": prose(30, i)} for i in range(5)])
    found = read_human(_human(path), tmp_path / "rejects.jsonl")
    assert not found.facts.grouped
    assert "name that column with --group" in found.warnings[0]


def test_near_copies_of_human_documents_are_counted_once(tmp_path: Path, prose: Prose) -> None:
    rows = [{"text": prose(100, 1)}, {"text": f"{prose(100, 1)} Postscript."}, {"text": prose(100, 2)}]
    found = read_human(_human(_write(tmp_path / "a.jsonl", rows)), tmp_path / "rejects.jsonl")
    assert (found.facts.documents, found.facts.near_duplicates) == (2, 1)
    table, removed = without_near_duplicates(documents([prose(100, 1)] * 3))
    assert table.num_rows == 1
    assert removed["repeats"].to_pylist() == table["id"].to_pylist() * 2


def test_what_was_made_from_a_removed_copy_of_a_panel_document_descends_from_the_panel(tmp_path: Path) -> None:
    """The copy is known by another id and another group than the document that is sealed."""
    corpus = read_documentation(("stdlib",))
    texts, groups = corpus["text"].to_pylist(), corpus["group"].to_pylist()
    rows = [
        {"key": f"a{i}", "text": text, "by": group} for i, (text, group) in enumerate(zip(texts, groups, strict=True))
    ]
    copies = [{"key": f"b{i}", "text": row["text"] + " Indeed.", "by": f"copy {i}"} for i, row in enumerate(rows)]
    found = read_human(_human(_write(tmp_path / "a.jsonl", rows + copies), group="by", id="key"), tmp_path / "r")
    assert found.facts.near_duplicates > 0.9 * len(copies)
    settings = Settings()
    split, _ = split_human(found.table, settings)
    world = TextWorld.on(split, settings, found.removed)
    sealed = [key for part in PANELS for key in split[part]["id"].to_pylist()]
    removed = dict(zip(found.removed["repeats"].to_pylist(), found.removed.to_pylist(), strict=True))
    of_panel = next(removed[key] for key in sealed if key in removed)
    of_train = next(removed[key] for key in split[Part.TRAIN]["id"].to_pylist() if key in removed)
    made = documents(
        ["made from one", "made from another", "by group", "by another group"],
        id=list("wxyz"),
        parents=[[of_panel["id"]], [of_train["id"]], [], []],
        group=["w", "x", of_panel["group"], of_train["group"]],
    )
    assert world.hard_checks().sealed.descend(made).tolist() == [True, False, True, False]


def test_provenance_that_matches_nothing_is_said(tmp_path: Path, prose: Prose) -> None:
    human = documents([prose(30, i) for i in range(4)], id=list("abcd"), group=list("ABCD"))
    path = _write(tmp_path / "s.jsonl", [{"text": prose(30, 9 + i), "of": key} for i, key in enumerate("abxy")])
    half = read_stream(_stream(path, parents="of"), tmp_path / "r", human=human)
    assert half.warnings == ()  # half of it is found
    for options in ({"group": "of"}, {"parents": "recipe_of"}):
        settings = _stream(
            _write(tmp_path / "t.jsonl", [{"text": prose(30, 20), "of": "q", "recipe_of": "q"}]), **options
        )
        (warning,) = read_stream(settings, tmp_path / "r", human=human).warnings
        assert ", 0% are among the human documents" in warning
    nobody = _write(tmp_path / "u.jsonl", [{"text": prose(30, 21)}])
    with pytest.raises(InputError, match="names a parent in column 'nope'"):
        read_stream(_stream(nobody, parents="nope"), tmp_path / "r")


def test_bad_rows_are_set_aside_and_counted(tmp_path: Path, prose: Prose) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{json.dumps({"text": prose(30, 1)})}\n{{broken\n{{"text": 3}}\n', "utf-8")
    found = read_human(_human(path), tmp_path / "rejects.jsonl")
    assert (found.reading.read, found.reading.bad) == (1, 2)
    assert sum(found.reading.by_kind.values()) == 2
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == 2


# More than fits.


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_HUMAN_WORDS", 2000)
    monkeypatch.setattr(inputs, "MAX_RECIPE_WORDS", 1000)


@pytest.mark.usefixtures("small_limits")
def test_a_large_reserve_is_sampled_by_whole_groups_in_any_order(tmp_path: Path, prose: Prose) -> None:
    rows = [{"text": prose(30, i), "by": f"author {i % 40}"} for i in range(200)]
    found = [
        read_human(_human(_write(tmp_path / name, some), group="by"), tmp_path / "rejects.jsonl")
        for name, some in (("a.jsonl", rows), ("b.jsonl", rows[::-1]))
    ]
    one, other = (part.table for part in found)
    assert sorted(one["id"].to_pylist()) == sorted(other["id"].to_pylist())
    assert 0 < found[0].facts.words <= 2000
    groups = one["group"].to_pylist()
    assert {groups.count(group) for group in groups} == {5}
    assert any("% of their groups is used" in warning for warning in found[0].warnings)
    assert found[0].facts.words > 800  # not much emptier than it must be


@pytest.mark.usefixtures("small_limits")
def test_one_group_that_is_too_large_is_no_reserve(tmp_path: Path, prose: Prose) -> None:
    rows = [{"text": prose(30, i), "site": "one"} for i in range(100)]
    with pytest.raises(NotEnoughData, match="form one group of more than 2,000 words"):
        read_human(_human(_write(tmp_path / "a.jsonl", rows), group="site"), tmp_path / "rejects.jsonl")


@pytest.mark.usefixtures("small_limits")
def test_scripts_without_spaces_fill_memory_too(tmp_path: Path) -> None:
    rows = [{"text": chr(0x4E00 + i) * 600} for i in range(100)]
    found = read_human(_human(_write(tmp_path / "a.jsonl", rows)), tmp_path / "rejects.jsonl")
    assert found.table.num_rows <= 20


@pytest.mark.usefixtures("small_limits")
def test_a_large_recipe_is_sampled_and_a_small_one_is_not(tmp_path: Path, prose: Prose) -> None:
    large = _write(tmp_path / "large.jsonl", [{"text": prose(30, i)} for i in range(100)])
    little = _write(tmp_path / "little.jsonl", [{"text": prose(30, 500 + i)} for i in range(10)])
    found = read_stream(_stream(large, little), tmp_path / "rejects.jsonl")
    recipes = found.table["recipe"].to_pylist()
    assert recipes.count("little") == 10
    assert 0 < recipes.count("large") <= 33
    assert found.sampled
    assert any("1 large recipes" in warning and "large" in warning for warning in found.warnings)
    assert not read_stream(_stream(little), tmp_path / "rejects.jsonl").sampled


# The stream.


def test_a_stream_says_whether_it_knows_its_parents(tmp_path: Path, prose: Prose) -> None:
    plain = _write(tmp_path / "plain.jsonl", [{"text": prose(30, 1)}])
    named = _write(tmp_path / "named.jsonl", [{"text": prose(30, 2), "made_from": ["x"], "article": "g"}])
    assert "does not say what its documents were made from" in read_stream(_stream(plain), tmp_path / "r").warnings[0]
    with_parents = read_stream(_stream(named, parents="made_from"), tmp_path / "r")
    assert with_parents.warnings == ()
    assert with_parents.table["parents"].to_pylist() == [["x"]]
    assert read_stream(_stream(named, group="article"), tmp_path / "r").warnings == ()


def test_recipes_are_named_by_their_column_or_their_file(tmp_path: Path, prose: Prose) -> None:
    path = _write(tmp_path / "made.jsonl", [{"text": prose(30, i), "prompt": f"p{i % 2}"} for i in range(3)])
    assert set(read_stream(_stream(path), tmp_path / "r").table["recipe"].to_pylist()) == {"made"}
    by_column = read_stream(_stream(path, recipe="prompt"), tmp_path / "r").table
    assert sorted(by_column["recipe"].to_pylist()) == ["p0", "p0", "p1"]
    assert set(by_column["origin"].to_pylist()) == {"machine"}


def test_a_stream_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", [{"text": ""}])
    with pytest.raises(InputError, match="no document could be read"):
        read_stream(_stream(path), tmp_path / "r")


def test_a_fingerprint_changes_with_the_content_and_the_set_of_files(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("a.txt", "b.txt"))
    first.write_text("one")
    before = fingerprint((str(tmp_path),))
    assert fingerprint((str(tmp_path),)) == before
    second.write_text("two")
    both = fingerprint((str(tmp_path),))
    first.write_text("eno")
    assert len({before, both, fingerprint((str(tmp_path),))}) == 3


# The split.


def _corpus(prose: Prose, groups: int) -> pa.Table:
    return documents([prose(20, i) for i in range(groups)], group=[f"g{i}" for i in range(groups)], origin="human")


def test_with_a_stream_of_ones_own_the_sources_train(prose: Prose) -> None:
    corpus = _corpus(prose, 300)
    split, warnings = split_human(corpus, _stream(Path("made.jsonl")))
    assert warnings == []
    assert split[Part.SOURCES].num_rows == 0
    default, _ = split_human(corpus, Settings())
    shares = Settings().split
    assert default[Part.SOURCES].num_rows == pytest.approx(300 * shares.sources, abs=1.5)
    assert split[Part.TRAIN].num_rows == pytest.approx(300 * (shares.train + shares.sources), abs=1.5)


def test_too_few_groups_for_a_steering_panel_go_without_and_say_so(prose: Prose) -> None:
    settings = Settings.model_validate(
        {"split": {"train": 0.2, "sources": 0.1, "steering": 0.05, "certification": 0.45, "final": 0.2}}
    )
    split, warnings = split_human(_corpus(prose, 150), settings)  # steering alone would need 400
    assert split[Part.STEERING].num_rows == 0
    assert split[Part.CERTIFICATION].num_rows >= 50
    assert "too few human groups for a steering panel" in warnings[0]


def test_too_few_groups_for_anything_name_what_the_whole_split_needs(prose: Prose) -> None:
    with pytest.raises(NotEnoughData, match="form 40 independent groups, but 200 are needed"):
        split_human(_corpus(prose, 40), Settings())
