"""The generation ledger on disk: what is recorded stays, once, and damage is said."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError, LockedError, StoreError
from headwater.schema import content_id
from headwater.store import generated as module
from headwater.store.generated import GENERATED, SKETCH, GeneratedLedger, content_hashes, shared_with
from headwater.store.lock import writer_lock
from headwater.text.fingerprints import FINGERPRINT_VERSION, fingerprints

KEY = b"a key of more than sixteen bytes"
Prose = Callable[[int, int], str]


def facts(texts: list[str], **columns: object) -> pa.Table:
    rows = [
        {"id": f"id-{i}", "content": content_id(text), "generator": "g", "recipe": "r", "run": "run", **columns}
        for i, text in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=GENERATED)


def add(ledger: GeneratedLedger, texts: list[str]) -> int:
    return ledger.add(facts(texts), fingerprints(texts))


def exact(ledger: GeneratedLedger, texts: list[str]) -> list[bool]:
    found = np.zeros(len(texts), bool)
    for shared in shared_with(ledger.segments(), fingerprints(texts), content_hashes(texts), 1):
        found |= shared.exact >= 0
    return found.tolist()


def shares(ledger: GeneratedLedger, text: str, least: int = 1) -> list[tuple[str, str, int]]:
    """Return party, id and number of shared fingerprints of the documents a text has something in common with."""
    found = []
    for shared in shared_with(ledger.segments(), fingerprints([text]), content_hashes([text]), least):
        ids = shared.segment.facts["id"].to_pylist()
        for pair, document in enumerate(shared.documents.tolist()):
            found.append((shared.segment.party, ids[document], int(shared.starts[pair + 1] - shared.starts[pair])))
    return found


@pytest.fixture
def texts(prose: Prose) -> list[str]:
    return [prose(60, seed) for seed in range(40)]


def test_a_new_ledger_is_empty(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    assert ledger.segments() == []
    assert ledger.count() == 0
    assert ledger.parties() == ()
    assert ledger.check() == []
    assert list(ledger.sketches()) == []
    assert add(ledger, []) == 0
    assert not any(exact(ledger, texts))


def test_every_document_is_found_with_all_its_fingerprints(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    for first in range(0, 40, 7):  # several segments, some of them merged
        part = texts[first : first + 7]
        ids = pa.array([f"id-{first + i}" for i in range(len(part))])
        assert ledger.add(facts(part).set_column(0, "id", ids), fingerprints(part)) == len(part)
    assert ledger.count() == 40
    assert ledger.check() == []
    assert all(exact(ledger, texts))
    counts = np.diff(fingerprints(texts).offsets).tolist()
    for i, text in enumerate(texts):
        assert ("", f"id-{i}", counts[i]) in shares(ledger, text)
    assert exact(ledger, [texts[0] + " ", texts[1].lower(), ""]) == [False, False, False]


def test_segments_are_merged_so_that_they_stay_few(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    for text in texts:
        add(ledger, [text])
    segments = ledger.segments()
    assert len(segments) <= 4  # each at least three times the next: log3(40) = 3.4
    assert sum(map(len, segments)) == 40
    on_disk = {path.name for path in (ledger.folder / "own").iterdir() if path.is_dir()}
    assert len(on_disk) == len(segments)
    assert [row["content"] for segment in segments for row in segment.facts.to_pylist()] == [
        content_id(text) for text in texts
    ]


def test_recording_again_changes_nothing(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    assert add(ledger, texts[:20]) == 20
    before = {path: path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file()}
    assert add(ledger, texts[:20]) == 0
    assert {path: path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file()} == before
    assert add(ledger, [*texts[10:30], texts[25], texts[25]]) == 10
    assert ledger.count() == 30


def test_a_document_is_found_among_very_many_that_share_most_of_it(tmp_path: Path, prose: Prose) -> None:
    ledger = GeneratedLedger(tmp_path)
    common = prose(100, 1)
    texts = [f"{common} {prose(15, 10 + i)}" for i in range(3000)]
    add(ledger, texts)
    for i in (0, 1500, 2999):
        counts = {name: count for _, name, count in shares(ledger, texts[i], 6)}
        assert counts[f"id-{i}"] == max(counts.values()) == len(fingerprints([texts[i]]).hashes)
    # What is the same in all is found in as many as are looked at.
    assert len(shares(ledger, common, 6)) == 64


def test_a_sequence_taken_from_a_source_is_marked_and_never_shared(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    prints = fingerprints(texts[:2])
    taken = np.zeros(len(prints.hashes), bool)
    taken[3] = taken[-1] = True
    ledger.add(facts(texts[:2]), prints, taken)
    found = next(shared_with(ledger.segments(), prints, content_hashes(texts[:2]), 1))
    assert found.texts.tolist() == found.documents.tolist() == [0, 1]
    assert found.places.tolist() == [2 * i + int(taken[i]) for i in range(len(taken))]
    table = pa.Table.from_batches(ledger.sketches(), SKETCH)
    assert set(table["fingerprints"].combine_chunks().flatten().to_pylist()) == set(prints.hashes[~taken].tolist())


def test_sketches_hold_everything_but_the_text(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path / "a")
    add(ledger, texts[:25])
    add(ledger, texts[25:])
    table = pa.Table.from_batches(ledger.sketches(rows=7), SKETCH)
    prints = fingerprints(texts)
    assert table["content"].to_pylist() == [content_id(text) for text in texts]
    assert table["bound"].to_pylist() == prints.bounds.tolist()
    assert table["fingerprints"].to_pylist() == [
        sorted(prints.hashes[a:b].tolist()) for a, b in zip(prints.offsets[:-1], prints.offsets[1:], strict=True)
    ]
    assert set(table["fingerprint_version"].to_pylist()) == {FINGERPRINT_VERSION}
    assert set(table["generator"].to_pylist()) == {"g"}


@pytest.mark.parametrize("key", [None, KEY], ids=["open", "keyed"])
def test_another_party_recognises_the_documents_from_sketches(
    tmp_path: Path, texts: list[str], key: bytes | None
) -> None:
    theirs, ours = GeneratedLedger(tmp_path / "theirs"), GeneratedLedger(tmp_path / "ours")
    add(theirs, texts[:20])
    table = pa.Table.from_batches(theirs.sketches(key), SKETCH)
    assert ours.add_sketches(table.slice(0, 15), "Ann & Co", key) == 15
    assert ours.add_sketches(table, "Ann & Co", key) == 5
    add(ours, texts[20:])
    assert ours.parties() == ("Ann & Co",)
    assert (ours.count(), ours.count("Ann & Co"), ours.count("nobody")) == (20, 20, 0)
    assert all(exact(ours, texts))
    count = len(fingerprints(texts[:1]).hashes)
    assert ("Ann & Co", table["content"][0].as_py(), count) in shares(ours, texts[0])
    if key is not None:
        prints = set(fingerprints(texts).hashes.tolist())
        assert not prints & set(table["fingerprints"].combine_chunks().flatten().to_pylist())
        assert content_id(texts[0]) not in table["content"].to_pylist()
        folder = next((ours.folder / "parties").iterdir())
        assert (folder / "ledger.json").stat().st_mode & 0o077 == 0


def test_a_wrong_key_recognises_nothing(tmp_path: Path, texts: list[str]) -> None:
    theirs, ours = GeneratedLedger(tmp_path / "theirs"), GeneratedLedger(tmp_path / "ours")
    add(theirs, texts)
    table = pa.Table.from_batches(theirs.sketches(KEY), SKETCH)
    ours.add_sketches(table, "open", None)
    ours.add_sketches(table, "other", b"another key of sixteen bytes")
    assert not any(exact(ours, texts))
    assert all(not shares(ours, text) for text in texts)
    with pytest.raises(InputError, match="with a key before and now come with none"):
        ours.add_sketches(table, "other")
    with pytest.raises(InputError, match="has 3 bytes; at least 16"):
        ours.add_sketches(table, "third", b"abc")


def sketches(texts: list[str], **columns: object) -> pa.Table:
    rows = [
        {"content": content_id(text), "fingerprints": [1, 2], "fingerprint_version": FINGERPRINT_VERSION, **columns}
        for text in texts
    ]
    return pa.Table.from_pylist(rows, schema=SKETCH)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (sketches(["a"], fingerprint_version=7), "fingerprints of version 7; this Headwater compares version 1"),
        (sketches(["a"], fingerprint_version=None), "fingerprints of version None"),
        (sketches(["a"], content="short"), "cannot be read"),
        (sketches(["a"], content="ab"), "not 32 hexadecimal digits"),
        (sketches(["a"], content=None), "cannot be read"),
        (sketches(["a"]).drop_columns("fingerprints"), "lack the column fingerprints"),
        (sketches(["a"]).set_column(1, "fingerprints", pa.array(["x"])), "cannot be read"),
    ],
)
def test_what_is_no_sketch_is_refused_by_name(tmp_path: Path, table: pa.Table, says: str) -> None:
    ledger = GeneratedLedger(tmp_path)
    with pytest.raises(InputError, match=says) as error:
        ledger.add_sketches(table, "Bob")
    assert "'Bob'" in str(error.value)
    assert ledger.parties() == ()


def test_sketches_without_fingerprints_or_bounds_are_taken(tmp_path: Path) -> None:
    ledger = GeneratedLedger(tmp_path)
    assert ledger.add_sketches(sketches(["a b", "c"], fingerprints=None).drop_columns("bound"), "Bob") == 2
    assert exact(ledger, ["c", "d"]) == [True, False]
    with pytest.raises(InputError, match="name of the party"):
        ledger.add_sketches(sketches(["e"]), " ")


@pytest.mark.parametrize("name", module._FILES)
def test_a_damaged_segment_is_named(tmp_path: Path, texts: list[str], name: str) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts)
    path = ledger.folder / "own" / "00000000" / name
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(StoreError, match=f"damaged at .*00000000.*{name}"):
        ledger.segments()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=f"damaged at .*00000000.*{name}.*[Rr]estore"):
        ledger.segments()
    path.write_bytes(whole[:-70] + bytes(70))
    assert any(name in problem for problem in ledger.check())
    path.write_bytes(whole)
    assert ledger.check() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"headwater.generated": 1, "fingerprint_version": 1}'])
def test_a_damaged_list_of_segments_is_named(tmp_path: Path, texts: list[str], content: bytes) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts)
    path = ledger.folder / "own" / "ledger.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged at .*ledger\.json"):
        ledger.segments()
    assert len(ledger.check()) == 1


def test_codes_beyond_the_documents_are_passed_over(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts)
    path = ledger.folder / "own" / "00000000" / "codes.npy"
    codes = np.load(path)
    np.save(path, np.full_like(codes, 2**32 - 2))
    assert not any(exact(ledger, texts))
    assert shares(ledger, texts[0]) == []


def test_a_newer_format_asks_for_an_update(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts)
    path = ledger.folder / "own" / "ledger.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "headwater.generated": 2}))
    with pytest.raises(StoreError, match=r"format 2 .*Update it"):
        ledger.segments()


def test_leftovers_of_a_killed_writer_do_not_count_and_are_removed(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts[:10])
    for name in ("00000001", ".00000001.partial", ".00000007.old"):
        (ledger.folder / "own" / name).mkdir()
    assert len(ledger.segments()) == 1
    assert ledger.check() == []
    assert add(ledger, texts) == 30
    assert ledger.count() == 40
    assert all(exact(ledger, texts))
    assert ledger.check() == []
    assert {path.name for path in (ledger.folder / "own").iterdir()} == {
        "ledger.json",
        *(entry.name for entry in module._manifest(ledger.folder / "own").segments),  # type: ignore[union-attr]
    }


def test_an_open_ledger_outlives_a_merge(tmp_path: Path, texts: list[str]) -> None:
    ledger = GeneratedLedger(tmp_path)
    add(ledger, texts[:10])
    opened = ledger.segments()
    add(ledger, texts[10:20])
    found = next(shared_with(opened, fingerprints(texts[:20]), content_hashes(texts[:20]), 6))
    assert (found.exact >= 0).tolist() == [True] * 10 + [False] * 10


def test_a_second_writer_waits_and_then_says_who_writes(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.2)
    with (
        writer_lock(tmp_path / "locks", "generated", run="the-other"),
        pytest.raises(LockedError, match="run the-other"),
    ):
        add(GeneratedLedger(tmp_path), texts)


WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from headwater.schema import content_id
from headwater.store.generated import GENERATED, GeneratedLedger
from headwater.text.fingerprints import fingerprints
ledger = GeneratedLedger(Path(sys.argv[1]), run=sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    texts = [f"{line.strip()} part {j} " + " ".join(f"w{j}x{k}" for k in range(30)) for j in range(5)]
    rows = [{"id": text[:9], "content": content_id(text)} for text in texts]
    print(ledger.add(pa.Table.from_pylist(rows, schema=GENERATED), fingerprints(texts)), flush=True)
"""


def writer(folder: Path, name: str) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_two_writers_at_once_lose_and_repeat_nothing(tmp_path: Path) -> None:
    children = [writer(tmp_path, name) for name in ("one", "two")]
    outs = [child.communicate("".join(f"batch {i}\n" for i in range(8)))[0] for child in children]
    new = [int(line) for out in outs for line in out.split()]
    assert len(new) == 16
    assert sum(new) == 40
    ledger = GeneratedLedger(tmp_path)
    assert ledger.count() == 40
    assert ledger.check() == []
    contents = [row["content"] for segment in ledger.segments() for row in segment.facts.to_pylist()]
    assert len(set(contents)) == 40


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_writer_leaves_whole_batches(tmp_path: Path) -> None:
    rng = random.Random(20261122)
    acknowledged = 0
    for attempt in range(int(os.environ.get("HEADWATER_KILLS", "3"))):
        child = writer(tmp_path, f"try-{attempt}")
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("".join(f"batch {i}\n" for i in range(acknowledged, acknowledged + 200)))
        child.stdin.flush()
        child.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate()
        acknowledged += 1 + rest.count("\n")
        ledger = GeneratedLedger(tmp_path)
        assert ledger.check() == []
        # What was acknowledged is there; of the batch under way, all or nothing.
        assert ledger.count() in (5 * acknowledged, 5 * (acknowledged + 1))
    assert acknowledged >= 3
