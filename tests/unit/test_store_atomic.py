"""Files appear whole or not at all, and faults of the disk are said in plain words."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.errors import StoreError
from headwater.store import (
    append_line,
    json_text,
    read_lines,
    replace_folder,
    storage_errors,
    write_bytes,
    write_json,
    write_parquet,
    write_text,
)


def test_a_written_file_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    write_text(path, "new")
    assert path.read_text() == "new"
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_keeps_the_old_content_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="disk is full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_is_named_as_such():
    with pytest.raises(StoreError, match=r"/dev/full: the disk is full\. Free some space"):
        append_line(Path("/dev/full"), {"a": 1})


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "may not write"),
        (errno.EFBIG, "largest size"),
        (errno.EIO, "reports a fault"),
    ],
)
def test_each_fault_of_the_disk_has_its_advice(number, words):
    with pytest.raises(StoreError, match=f"Cannot write /some/where: .*{words}"), storage_errors(Path("/some/where")):
        raise OSError(number, os.strerror(number))


def test_the_number_in_the_text_of_an_error_of_lance_is_understood():
    with pytest.raises(StoreError, match="disk is full"), storage_errors(Path("t")):
        raise OSError("LanceError(IO): No space left on device (os error 28), /rust/writer.rs:190:9")


def test_errors_that_are_not_of_the_disk_pass_unchanged():
    with pytest.raises(ConnectionResetError), storage_errors(Path("t")):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_errors_that_name_a_file_elsewhere_pass_unchanged(tmp_path):
    with pytest.raises(PermissionError), storage_errors(tmp_path / "output"):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/home/other/input.jsonl")


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path):
    # Permission bits do not bind root, a file in the way does.
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"file/below: a file is where a folder is needed"):
        write_bytes(tmp_path / "file" / "below", b"x")
    with pytest.raises(StoreError, match=r"deeper/below: a part of the path is a file"):
        write_bytes(tmp_path / "file" / "deeper" / "below", b"x")


def test_the_same_table_gives_the_same_parquet_bytes(tmp_path):
    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    write_parquet(tmp_path / "1.parquet", table)
    write_parquet(tmp_path / "2.parquet", table)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    assert pq.read_table(tmp_path / "1.parquet").equals(table)


def test_json_holds_what_other_programs_can_read(tmp_path):
    value = {
        "nan": float("nan"), "inf": np.float64("inf"), "float": np.float64(0.1), "int": np.int64(3),
        "array": np.arange(3), "path": Path("a/b"), "none": None, "true": np.bool_(True), "surrogate": "\udc80é",
    }  # fmt: skip
    write_json(tmp_path / "x.json", value)

    def refuse(word):
        raise AssertionError(word)

    read = json.loads((tmp_path / "x.json").read_bytes(), parse_constant=refuse)
    assert read == {
        "nan": None, "inf": None, "float": 0.1, "int": 3, "array": [0, 1, 2], "path": "a/b", "none": None, "true": True,
        "surrogate": "\udc80é",
    }  # fmt: skip
    assert list(read) == list(value)
    assert json_text({"b": 1, "a": [2]}) == '{"b": 1, "a": [2]}'


def test_lines_come_back_in_order_and_a_torn_one_spoils_only_itself(tmp_path):
    path = tmp_path / "log.jsonl"
    assert read_lines(path) == []
    append_line(path, {"n": 1})
    with path.open("ab") as file:
        file.write(b'{"n": 2, "text": "cut sh')
    assert read_lines(path) == [{"n": 1}]
    append_line(path, {"n": 3, "text": "line\nbreak\u2028"})
    append_line(path, {"n": 4}, sync=False)
    assert read_lines(path) == [{"n": 1}, {"n": 3, "text": "line\nbreak\u2028"}, {"n": 4}]


def test_a_folder_takes_its_place_whole(tmp_path):
    for name, content in (("temp", "new"), ("final", "old"), (".final.old", "left by a kill")):
        write_text(tmp_path / name / "sub" / "file", content)
    write_text(tmp_path / "final" / "only_old", "x")
    replace_folder(tmp_path / "temp", tmp_path / "final")
    assert [one.name for one in tmp_path.iterdir()] == ["final"]
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")) == [
        "final",
        "final/sub",
        "final/sub/file",
    ]
    assert (tmp_path / "final" / "sub" / "file").read_text() == "new"
