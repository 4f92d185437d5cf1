import json
from pathlib import Path

import pytest

from headwater.errors import StoreError
from headwater.sources import Reject, RejectKind, RejectLog


def test_rejects_are_counted_by_file_and_kind_and_appended(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    one = Reject("a.jsonl", 3, 40, RejectKind.INVALID_JSON, "broken", "{\ud800\u2028")
    two = Reject("b.jsonl", None, None, RejectKind.EMPTY_FILE, "empty")
    with RejectLog(path) as log:
        assert not path.exists()
        for reject in (one, two, one):
            log.add(reject)
    assert log.counts == {("a.jsonl", RejectKind.INVALID_JSON): 2, ("b.jsonl", RejectKind.EMPTY_FILE): 1}
    assert list(log.by_kind.items()) == [(RejectKind.INVALID_JSON, 2), (RejectKind.EMPTY_FILE, 1)]
    assert log.first[RejectKind.INVALID_JSON] is one
    assert (one.place, two.place) == ("a.jsonl:3", "b.jsonl")

    with RejectLog(path) as more:
        more.add(two)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["invalid_json", "empty_file", "invalid_json", "empty_file"]
    assert rows[0] == {
        "file": "a.jsonl", "line": 3, "offset": 40, "kind": "invalid_json", "detail": "broken", "sample": "{\ud800\u2028"
    }  # fmt: skip


def test_a_rejects_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    log = RejectLog(tmp_path / "no such folder" / "rejects.jsonl")
    with pytest.raises(StoreError, match="cannot write rejected rows"):
        log.add(Reject("a", 1, 0, RejectKind.EMPTY_TEXT, "empty"))
