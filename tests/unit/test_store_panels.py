"""Sealed panels: what is barred from training, and that a sealed panel cannot change unnoticed."""

import json
import stat
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from headwater.errors import StoreError
from headwater.schema import documents
from headwater.store import Panel, open_panels, seal

SALT = bytes(range(32))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def human(*names):
    return documents(
        [f"Text of {name}, as  written" for name in names], id=list(names), group=[f"file {name[0]}" for name in names]
    )


def panels(steering="s", certification="c", final="f"):
    return {
        Panel.STEERING: human(*(f"{steering}{i}" for i in range(3))),
        Panel.CERTIFICATION: human(*(f"{certification}{i}" for i in range(4))),
        Panel.FINAL: human(*(f"{final}{i}" for i in range(2))),
    }


def test_panel_documents_are_barred_by_id_and_by_content(tmp_path):
    sealed = seal(tmp_path / "panels", panels(), salt=SALT)
    assert sealed.barred(["c0", "c4", "s2", "f1", "", "C0"]).tolist() == [True, False, True, True, False, False]
    texts = ["text  OF c0,\nas written ", "text of c0 as written", "\uff34ext of s1, as written", None]
    assert sealed.barred(["1", "2", "3", "4"], texts).tolist() == [True, False, True, False]
    assert sealed.barred([]).shape == (0,)


def test_what_a_panel_says_about_itself(tmp_path):
    seal(tmp_path / "panels", panels(), salt=SALT, now=NOON)
    one = open_panels(tmp_path / "panels").get(Panel.CERTIFICATION)
    assert (one.panel, one.rotation, one.documents, one.tokens) == (Panel.CERTIFICATION, 0, 4, 4 * 5)
    assert (one.groups, one.created, len(one.hash)) == (("file c",), "2026-11-22T12:00:00Z", 32)


def test_neither_ids_nor_texts_nor_guessable_hashes_are_written(tmp_path):
    folder = tmp_path / "panels"
    rows = documents(["A well known text"], group="file")  # its id is the unsalted hash of its content
    seal(folder, {Panel.FINAL: rows})
    stored = (folder / "rotation-0.json").read_text()
    assert "well known" not in stored
    assert rows["id"][0].as_py() not in stored
    assert stat.S_IMODE((folder / "salt").stat().st_mode) == 0o600


def test_the_salt_is_random_and_given_ones_reproduce_the_hashes(tmp_path):
    hashes = [
        seal(tmp_path / name / "panels", panels(), salt=salt).get(Panel.FINAL).hash
        for name, salt in (("a", SALT), ("b", SALT), ("c", None), ("d", None))
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    with pytest.raises(StoreError, match="holds another salt"):
        seal(tmp_path / "c" / "panels", panels(), salt=SALT)
    with pytest.raises(StoreError, match="The salt has 3 bytes"):
        seal(tmp_path / "e" / "panels", panels(), salt=b"abc")


def test_sealing_again_changes_nothing_whatever_the_order(tmp_path):
    folder = tmp_path / "panels"
    first = seal(folder, panels(), salt=SALT, now=NOON)
    before = (folder / "rotation-0.json").read_bytes()
    turned = {panel: rows.take(list(reversed(range(rows.num_rows)))) for panel, rows in reversed(panels().items())}
    assert seal(folder, turned) == first == open_panels(folder)
    assert (folder / "rotation-0.json").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows | {Panel.FINAL: human("f0")},
        lambda rows: {panel: table for panel, table in rows.items() if panel != Panel.STEERING},
        lambda rows: rows | {Panel.FINAL: rows[Panel.FINAL].set_column(1, "text", pa.array(["changed", "x"]))},
    ],
)
def test_other_documents_for_a_sealed_rotation_are_refused(tmp_path, change):
    seal(tmp_path / "panels", panels())
    with pytest.raises(StoreError, match=r"Rotation 0 .* sealed with other documents.* as rotation 1"):
        seal(tmp_path / "panels", change(panels()))


def test_panels_that_share_a_group_or_a_text_are_refused(tmp_path):
    shared = panels() | {Panel.FINAL: documents(["another"], id=["f9"], group="file s")}
    with pytest.raises(StoreError, match=r"share 1 groups \(first: file s\)"):
        seal(tmp_path / "panels", shared)
    copied = panels() | {Panel.FINAL: documents(["TEXT of s0, as written"], id=["f9"], group="file f")}
    with pytest.raises(StoreError, match="share 1 texts"):
        seal(tmp_path / "panels", copied)
    assert open_panels(tmp_path / "panels").sealed == ()


def test_documents_without_a_group_stand_alone(tmp_path):
    rows = documents(["one", "two"], id=["a", "b"])
    sealed = seal(tmp_path / "panels", {Panel.STEERING: rows.slice(0, 1), Panel.FINAL: rows.slice(1)})
    assert sealed.get(Panel.STEERING).groups != sealed.get(Panel.FINAL).groups


def test_a_rotation_certifies_on_fresh_documents_and_old_panels_stay_barred(tmp_path):
    folder = tmp_path / "panels"
    seal(folder, panels())
    for reused in ("c", "s", "f"):
        with pytest.raises(StoreError, match="certifies on documents that were in no panel before"):
            seal(folder, {Panel.CERTIFICATION: human(f"{reused}1", "n1")}, rotation=1)
    sealed = seal(folder, {**panels(), Panel.CERTIFICATION: human("n0", "n1")}, rotation=1)
    assert sealed.get(Panel.CERTIFICATION).rotation == 1
    assert sealed.get(Panel.CERTIFICATION, 0).documents == 4
    assert sealed.barred(["c0", "n0", "x"]).tolist() == [True, True, False]
    with pytest.raises(StoreError, match="no final panel of rotation 7"):
        sealed.get(Panel.FINAL, 7)


def test_descendants_are_barred_over_any_number_of_steps(tmp_path):
    sealed = seal(tmp_path / "panels", panels())
    parents = {
        "child": ["c0"],
        "grandchild": ["clean", "child"],
        "clean": ["human 7"],
        "clean child": ["clean"],
        "circle 1": ["circle 2"],
        "circle 2": ["circle 1"],
        "barred circle 1": ["barred circle 2"],
        "barred circle 2": ["barred circle 1", "grandchild"],
        "own parent": ["own parent"],
        "no parents": None,
        "s0": [],
    }
    rows = documents([f"text {name}" for name in parents], id=list(parents), parents=list(parents.values()))
    barred = {name for name, is_barred in zip(parents, sealed.bar_descendants(rows), strict=True) if is_barred}
    assert barred == {"child", "grandchild", "barred circle 1", "barred circle 2", "s0"}


def test_descendants_of_a_copy_of_a_panel_text_are_barred(tmp_path):
    sealed = seal(tmp_path / "panels", panels())
    rows = documents(["Text of c1, as written", "rewritten"], id=["copy", "rewrite"], parents=[[], ["copy"]])
    assert sealed.bar_descendants(rows).tolist() == [True, True]
    assert sealed.bar_descendants(rows.drop_columns("text")).tolist() == [False, False]


def test_a_chain_of_a_hundred_thousand_steps_is_followed(tmp_path):
    sealed = seal(tmp_path / "panels", panels())
    count = 100_000
    rows = pa.table(
        {"id": [f"d{i}" for i in range(count)], "parents": [["c0"]] + [[f"d{i}"] for i in range(count - 1)]}
    )
    assert sealed.bar_descendants(rows).all()


def test_openings_are_logged_in_order(tmp_path):
    sealed = seal(tmp_path / "panels", panels(), salt=SALT)
    sealed.record_opening(Panel.FINAL, "report of generation 0", now=NOON)
    sealed.record_opening(Panel.STEERING, "scores")
    sealed.record_opening(Panel.FINAL, "report of generation 1")
    again = open_panels(tmp_path / "panels")
    assert [one["why"] for one in again.openings(Panel.FINAL)] == ["report of generation 0", "report of generation 1"]
    assert len(again.openings()) == 3
    assert again.openings()[0] == {
        "time": "2026-11-22T12:00:00Z", "panel": "final", "rotation": 0, "hash": sealed.get(Panel.FINAL).hash,
        "why": "report of generation 0",
    }  # fmt: skip


def test_a_panel_that_was_tampered_with_is_refused(tmp_path):
    path = tmp_path / "panels" / "rotation-0.json"
    seal(tmp_path / "panels", panels())
    stored = json.loads(path.read_bytes())
    stored["panels"][0]["ids"].pop()
    path.write_text(json.dumps(stored))
    with pytest.raises(StoreError, match=r"certification panel .* is not as it was sealed"):
        open_panels(tmp_path / "panels")
    path.write_text(json.dumps(stored | {"schema": 99}))
    with pytest.raises(StoreError, match="newer Headwater"):
        open_panels(tmp_path / "panels")


def test_a_folder_without_panels_bars_nothing_silently(tmp_path):
    with pytest.raises(StoreError, match="No panels are sealed"):
        open_panels(tmp_path / "panels")


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\x00",
        b'{"schema": 1, "pan',
        b"[]",
        b"{}",
        b'{"schema": "one", "panels": []}',
        b'{"schema": 1, "panels": [{}]}',
        b'{"schema": 1, "panels": [{"panel": "other", "groups": [], "ids": [], "contents": []}]}',
        b'{"schema": 1, "panels": 3}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_rotation_is_named_with_what_to_do(tmp_path, damage):
    seal(tmp_path / "panels", panels(), salt=SALT)
    path = tmp_path / "panels" / "rotation-0.json"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"rotation-0.json is damaged: .*restore the file from a copy"):
        open_panels(tmp_path / "panels")


@pytest.mark.parametrize("damage", [b"", b"\xff\xff", b"no hexadecimal digits", b"00"])
def test_a_damaged_salt_is_named_with_what_to_do(tmp_path, damage):
    seal(tmp_path / "panels", panels(), salt=SALT)
    (tmp_path / "panels" / "salt").write_bytes(damage)
    for what in (lambda: open_panels(tmp_path / "panels"), lambda: seal(tmp_path / "panels", panels())):
        with pytest.raises(StoreError, match=r"salt is damaged: .*restore the file from a copy"):
            what()


def test_a_file_that_only_looks_like_a_rotation_is_named(tmp_path):
    seal(tmp_path / "panels", panels(), salt=SALT)
    (tmp_path / "panels" / "rotation-0 (copy).json").write_bytes(b"{}")
    with pytest.raises(StoreError, match=r"copy.*is no rotation of panels.*Move it elsewhere"):
        open_panels(tmp_path / "panels")
