import errno
import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from headwater.errors import InputError, StoreError
from headwater.schema import DOCUMENT, documents
from headwater.sources import write_documents

SUFFIXES = [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"]
TABLE = documents(
    ["one\u2028two", "three\nfour\u0085"],
    origin="machine",
    group=["g", None],
    parents=[["p"], []],
    meta=['{"deep": {"er": [1, null]}}', None],
)


def unpacked(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(raw)
    return zstandard.ZstdDecompressor().stream_reader(raw).read() if path.suffix == ".zst" else raw


@pytest.mark.parametrize("suffix", SUFFIXES[:3])
def test_json_leaves_out_nulls_and_never_holds_a_bare_line_separator(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write_documents(TABLE, path) == 2
    raw = unpacked(path).decode()
    lines = raw.splitlines()  # splits at U+2028 and U+0085 too
    assert len(lines) == 2
    assert [json.loads(line) for line in lines] == [
        {
            "id": TABLE["id"][0].as_py(), "text": "one\u2028two", "origin": "machine", "group": "g", "parents": ["p"],
            "meta": {"deep": {"er": [1, None]}},
        },
        {"id": TABLE["id"][1].as_py(), "text": "three\nfour\u0085", "origin": "machine"},
    ]  # fmt: skip


def test_parquet_keeps_schema_and_its_metadata(tmp_path: Path) -> None:
    write_documents(TABLE, tmp_path / "out.parquet")
    read = pq.read_table(tmp_path / "out.parquet")
    assert read.equals(TABLE)
    assert read.schema.metadata[b"headwater.kind"] == b"document"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_documents_give_the_same_bytes_and_nothing_else_is_left(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / name / f"out{suffix}" for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        write_documents(TABLE.to_batches(), path)
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EROFS, "the file system is read-only; choose another folder"),
        (errno.EACCES, "no permission; choose another folder"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_says_why(tmp_path: Path, suffix: str, code: int, says: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"old")

    def batches():
        yield TABLE.to_batches()[0]
        raise OSError(code, os.strerror(code))

    with pytest.raises(StoreError, match=says):
        write_documents(batches(), path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The temporary file becomes a link to the full device: the write itself fails, as on a full disk.
    real_open = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, mode="r", **kw: (
            real_open(Path("/dev/full"), "wb") if mode == "xb" else real_open(self, mode, **kw)
        ),
    )
    with pytest.raises(StoreError, match=r"cannot write .*out\.jsonl: the disk is full"):
        write_documents(TABLE, tmp_path / "out.jsonl")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses new files")
def test_a_folder_that_takes_no_files_is_explained() -> None:
    with pytest.raises(StoreError, match=r"cannot write /proc/out\.parquet: .*(folder|permission)"):
        write_documents(TABLE, "/proc/out.parquet")


def test_a_missing_folder_and_an_unknown_suffix_are_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the folder does not exist; create it first"):
        write_documents(TABLE, tmp_path / "no" / "out.jsonl")
    with pytest.raises(
        InputError, match=r"unknown format of .*out\.csv\. .*\.jsonl, \.jsonl\.gz, \.jsonl\.zst, \.parquet"
    ):
        write_documents(TABLE, tmp_path / "out.csv")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="the folder is a file"):
        write_documents(TABLE, tmp_path / "file" / "out.jsonl")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_written_as_a_valid_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write_documents(iter(()), path) == 0
    if suffix == ".parquet":
        assert pq.read_table(path).equals(pa.Table.from_batches([], schema=DOCUMENT))
    else:
        assert unpacked(path) == b""
