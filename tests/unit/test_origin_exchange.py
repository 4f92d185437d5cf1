"""Signed exchange: what is given away, what is taken over, and what is refused."""

import hashlib
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("cryptography")

import headwater.origin.exchange as exchange
from headwater.errors import InputError, StoreError
from headwater.origin.evidence import Status
from headwater.origin.exchange import (
    HUMAN,
    HUMAN_SET,
    MANIFEST,
    SIGNATURE,
    SKETCHES,
    ExportReport,
    ImportReport,
    PartyAttestations,
    export_reserve,
    import_exchange,
    trusted_parties,
)
from headwater.origin.reserve import Attestation, How, list_reserve, reserve_panels, reserve_table
from headwater.origin.reserve_add import Refusal, add_to_reserve
from headwater.origin.signing import SigningKey, canonical_json, create_key
from headwater.schema import documents
from headwater.store import PANELS, Part

Prose = Callable[[int, int], str]

PARTY = "Ada Press"


class Sketches:
    """A ledger of sketches: the ones it has, and the ones it was given."""

    def __init__(self, count: int = 0) -> None:
        self.count, self.given = count, list[tuple[pa.Table, str, bytes | None]]()

    def sketches(self, key: bytes | None = None) -> Iterator[pa.RecordBatch]:
        for first in range(0, self.count, 10):
            rows = range(first, min(first + 10, self.count))
            columns = {"content": [f"{i:032x}" for i in rows], "fingerprints": [[i, i + 1] for i in rows]}
            yield pa.RecordBatch.from_pydict(columns)

    def add_sketches(self, table: pa.Table, party: str, key: bytes | None = None) -> int:
        self.given.append((table, party, key))
        return table.num_rows


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return create_key(tmp_path_factory.mktemp("keys") / "sender.pem")


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory, prose: Prose) -> Path:
    """A store with a reserve of 220 documents."""
    store = tmp_path_factory.mktemp("sender") / ".headwater"
    table = documents([prose(30, i) for i in range(220)], group=[f"g{i}" for i in range(220)], origin="human",
                      author="somebody", source="novel.txt")  # fmt: skip
    attestation = Attestation("an archive", How.ATTESTATION, "2026-11-01")
    add_to_reserve(store, table, attestation, rng=np.random.default_rng(0))
    return store


@pytest.fixture(scope="module")
def packed(sender: Path, key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with texts and sketches, as a folder."""
    path = tmp_path_factory.mktemp("out") / "export"
    give(sender, path, key, with_texts=True, ledger=Sketches(25))
    return path


@pytest.fixture
def archive(packed: Path, tmp_path: Path) -> Path:
    shutil.copytree(packed, tmp_path / "export")
    return tmp_path / "export"


@pytest.fixture
def receiver(tmp_path: Path) -> Path:
    return tmp_path / "receiver" / ".headwater"


def give(store: Path, path: Path, key: SigningKey, **options: Any) -> ExportReport:
    options = {"party": PARTY, "statement": "We know who wrote them.", "licence": "CC-BY-4.0", **options}
    return export_reserve(store, path, key, **options)


def take(store: Path, path: Path, key: SigningKey | None = None, **options: Any) -> ImportReport:
    keys = () if key is None else (key.public,)
    return import_exchange(store, path, keys, rng=np.random.default_rng(1), **options)


def enough(store: Path, prose: Prose) -> None:
    """Give the receiver a reserve of its own, so that a few more texts find a place."""
    table = documents([prose(30, 5000 + i) for i in range(205)], group=[f"g{i}" for i in range(205)])
    add_to_reserve(store, table, Attestation("us", How.ATTESTATION, "2026-11-01"), rng=np.random.default_rng(2))


def resign(path: Path, key: SigningKey, **changes: Any) -> None:
    """Change the manifest and sign it again, as an attacker with a key of its own does."""
    value = json.loads((path / MANIFEST).read_bytes()) | {"key": key.public.text} | changes
    for entry in value["files"]:
        if (path / entry["name"]).exists():
            data = (path / entry["name"]).read_bytes()
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (path / MANIFEST).write_bytes(canonical_json(value))
    signature = {"key": key.public.text, "signature": key.sign("manifest", value).hex()}
    (path / SIGNATURE).write_text(json.dumps(signature))


def zipped(path: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w") as file:
        for one in path.iterdir():
            file.write(one, one.name)
    return to


# What is given away.


def test_an_export_without_texts_gives_neither_texts_nor_panels_away(
    sender: Path, key: SigningKey, tmp_path: Path
) -> None:
    report = give(sender, tmp_path / "out.zip", key)
    with zipfile.ZipFile(report.path) as file:
        assert set(file.namelist()) == {MANIFEST, SIGNATURE, HUMAN}
        everything = b"".join(file.read(name) for name in file.namelist())
    rows = reserve_table(sender).read()
    for text in rows["text"].to_pylist()[:50]:
        assert text.split(".")[0].encode() not in everything
    for key_ in rows["id"].to_pylist():
        assert key_.encode() not in everything
    assert b"novel.txt" not in everything
    table = pq.read_table(_unzip(report.path, tmp_path) / HUMAN)
    assert table.schema.remove_metadata().equals(HUMAN_SET.remove_metadata())
    parts = table["part"].to_pylist()
    facts = {row.part: row.documents for row in list_reserve(sender).rows}
    assert (parts.count("train"), parts.count("sealed")) == (facts[Part.TRAIN], 220 - facts[Part.TRAIN])
    sealed = table.filter(pa.array([part == "sealed" for part in parts]))
    for name in ("text", "group", "source", "author", "attested_by"):
        assert sealed[name].null_count == sealed.num_rows
    assert table["hash"].to_pylist() == sorted(table["hash"].to_pylist())


def _unzip(path: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unzipped")
    return tmp_path / "unzipped"


def test_two_exports_cannot_be_linked_by_their_hashes(sender: Path, key: SigningKey, tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        give(sender, tmp_path / name, key)
        hashes.append(set(pq.read_table(tmp_path / name / HUMAN)["hash"].to_pylist()))
    assert not hashes[0] & hashes[1]


def test_texts_are_given_only_of_the_parts_that_were_asked_for(archive: Path, sender: Path) -> None:
    table = pq.read_table(archive / HUMAN)
    for part, text in zip(table["part"].to_pylist(), table["text"].to_pylist(), strict=True):
        assert (text is not None) == (part == "train")
    train = reserve_table(sender).read(["text"], filter="part = 'train'")["text"].to_pylist()
    assert sorted(filter(None, table["text"].to_pylist())) == sorted(train)


def test_giving_a_panel_away_is_written_down_as_an_opening(sender: Path, key: SigningKey, tmp_path: Path) -> None:
    before = len(reserve_panels(sender).openings())
    give(sender, tmp_path / "hashes", key, parts=[Part.TRAIN, Part.FINAL])
    assert len(reserve_panels(sender).openings()) == before
    report = give(sender, tmp_path / "texts", key, parts=[Part.TRAIN, Part.FINAL], with_texts=True)
    assert reserve_panels(sender).openings()[-1]["why"] == f"export to texts by {PARTY}"
    assert report.manifest.counts.keys() == {"train", "final", "sealed"}


def test_the_manifest_says_who_when_what_and_under_which_licence(archive: Path, key: SigningKey) -> None:
    value = json.loads((archive / MANIFEST).read_bytes())
    assert (value["party"], value["licence"], value["statement"]) == (PARTY, "CC-BY-4.0", "We know who wrote them.")
    assert value["tool"].startswith("headwater ")
    assert value["counts"]["sketches"] == 25
    assert value["key"] == key.public.text
    for entry in value["files"]:
        data = (archive / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_serial_numbers_grow_even_when_the_clock_does_not(sender: Path, key: SigningKey, tmp_path: Path) -> None:
    early = datetime(2020, 1, 1, tzinfo=UTC)
    first = give(sender, tmp_path / "a", key).manifest.serial
    assert give(sender, tmp_path / "b", key, now=early).manifest.serial == first + 1


def test_exports_that_make_no_sense_are_refused(sender: Path, receiver: Path, key: SigningKey, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to export"):
        give(receiver, tmp_path / "x", key)
    with pytest.raises(InputError, match="name of who signs"):
        give(sender, tmp_path / "x", key, party=" ")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="exists already"):
        give(sender, tmp_path / "there", key)

    class Leaky(Sketches):
        def sketches(self, key: bytes | None = None) -> Iterator[pa.RecordBatch]:
            yield pa.RecordBatch.from_pydict({"text": ["secret"]})

    with pytest.raises(StoreError, match="hold texts"):
        give(sender, tmp_path / "leak", key, ledger=Leaky())
    assert {one.name for one in tmp_path.iterdir()} == {"there"}


# What is taken over.


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_texts_sketches_and_hashes_are_taken_over_under_the_partys_name(
    sender: Path, receiver: Path, key: SigningKey, prose: Prose, tmp_path: Path, form: str
) -> None:
    enough(receiver, prose)
    archive = tmp_path / "export"
    give(sender, archive, key, with_texts=True, ledger=Sketches(25), sketch_key=b"k" * 16)
    path = archive if form == "folder" else zipped(archive, tmp_path / "export.zip")
    ledger = Sketches()
    report = take(receiver, path, key, ledger=ledger, sketch_key=b"k" * 16)
    counts = report.manifest.counts
    assert (report.first, report.sketches, report.attested, report.sealed) == (True, 25, 220, counts["sealed"])
    assert report.added.added == counts["train"]
    assert {(party, given) for _, party, given in ledger.given} == {(PARTY, b"k" * 16)}
    assert sum(table.num_rows for table, _, _ in ledger.given) == 25
    batch = list_reserve(receiver).batches[-1]
    assert (batch.attestation.by, batch.attestation.how) == (PARTY, How.SIGNED_MANIFEST)
    assert key.public.fingerprint in batch.attestation.detail
    rows = reserve_table(receiver).read(["unit", "licence", "author"], filter=f"batch = '{batch.batch}'")
    # Groups of the same name here and there are not the same groups.
    assert all(unit.startswith(f"{PARTY}: g") for unit in rows["unit"].to_pylist())
    assert set(rows["licence"].to_pylist()) == {"CC-BY-4.0"}
    assert set(rows["author"].to_pylist()) == {"somebody"}
    assert not list(receiver.glob(".incoming*"))


def test_documents_another_party_vouches_for_are_recognised_by_their_hash(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path, prose: Prose
) -> None:
    give(sender, tmp_path / "out", key)
    report = take(receiver, tmp_path / "out", key)
    assert (report.added, reserve_table(receiver).version) == (None, 0)
    part = dict(zip(*reserve_table(sender).read(["text", "part"]).to_pydict().values(), strict=True))
    train, panel = (next(text for text, p in part.items() if (p in PANELS) == apart) for apart in (False, True))
    texts = [prose(30, 8000), train.upper(), "", panel, None]
    reader = PartyAttestations.of(receiver)
    found = dict(reader.read(documents(texts, id=list("abcde")).to_batches()[0]))
    assert found.keys() == {1, 3}
    assert all(one.status == Status.VERIFIED and one.origin == "human" for one in found.values())
    assert "do not train on it" in found[3].detail
    assert "do not train" not in found[1].detail
    assert PARTY in found[1].detail
    assert "text" not in pq.read_schema(next(receiver.glob("parties/*")) / HUMAN).names


def test_what_is_known_to_be_machine_made_here_is_not_taken_over(
    archive: Path, receiver: Path, key: SigningKey, prose: Prose
) -> None:
    from headwater.store import document_table

    enough(receiver, prose)
    text = next(filter(None, pq.read_table(archive / HUMAN)["text"].to_pylist()))
    document_table(receiver).append(documents([text], origin="machine"))
    assert take(receiver, archive, key, ledger=Sketches()).added.refused == {Refusal.COPY_OF_MACHINE_TEXT: 1}


def test_texts_too_few_to_start_a_reserve_wait_and_the_rest_is_taken_over(
    sender: Path, archive: Path, receiver: Path, key: SigningKey, prose: Prose, tmp_path: Path
) -> None:
    give(sender, tmp_path / "old", key)
    resign(tmp_path / "old", key, serial=json.loads((archive / MANIFEST).read_bytes())["serial"] - 1)
    ledger = Sketches()
    report = take(receiver, archive, key, ledger=ledger)
    assert (report.added, report.sketches, len(list(receiver.glob("parties/*")))) == (None, 25, 1)
    assert reserve_table(receiver).version == 0
    [warning] = report.warnings
    for part in ("texts were not added", "no reserve here yet", "200 are needed", "documents of your own first"):
        assert part in warning
    # What is older stays refused; this one may come again, once.
    with pytest.raises(InputError, match="an older one"):
        take(receiver, tmp_path / "old")
    enough(receiver, prose)
    assert take(receiver, archive, ledger=ledger).added.added == report.manifest.counts["train"]
    with pytest.raises(InputError, match="imported already"):
        take(receiver, archive, ledger=ledger)


@pytest.mark.parametrize(
    ("theirs", "ours", "why"),
    [
        (b"k" * 16, None, "are keyed with a secret, and none was given.*--sketch-key"),
        (None, b"k" * 16, "are not keyed, and a secret was given.*Leave --sketch-key out"),
        (b"k" * 16, b"l" * 16, "secret given is not the one .*--sketch-key"),
        (b"k" * 100, b"k" * 99, "secret given is not the one"),
    ],
    ids=["missing", "not called for", "another", "long"],
)
def test_sketches_that_would_never_match_are_refused_before_anything_is_written(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path, theirs: bytes | None, ours: bytes | None, why: str
) -> None:
    give(sender, tmp_path / "out", key, ledger=Sketches(5), sketch_key=theirs)
    ledger = Sketches()
    with pytest.raises(InputError, match=why):
        take(receiver, tmp_path / "out", key, ledger=ledger, sketch_key=ours)
    assert (ledger.given, trusted_parties(receiver), list(receiver.glob("*.json")) + list(receiver.glob("parties/*"))) == (
        [], (), [],
    )  # fmt: skip
    assert take(receiver, tmp_path / "out", key, ledger=ledger, sketch_key=theirs).sketches == 5


def test_the_check_value_of_a_secret_differs_from_export_to_export_and_old_exports_have_none(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path
) -> None:
    secret = b"k" * 16
    checks = {
        give(sender, tmp_path / name, key, ledger=Sketches(5), sketch_key=secret).manifest.sketch_check
        for name in ("a", "b")
    }
    assert len(checks) == 2
    assert give(sender, tmp_path / "c", key, ledger=Sketches(5)).manifest.sketch_check == ""
    value = json.loads((tmp_path / "a" / MANIFEST).read_bytes())
    del value["sketch_check"]
    (tmp_path / "a" / MANIFEST).write_bytes(canonical_json(value))
    signature = {"key": key.public.text, "signature": key.sign("manifest", value).hex()}
    (tmp_path / "a" / SIGNATURE).write_text(json.dumps(signature))
    assert take(receiver, tmp_path / "a", key, ledger=Sketches(), sketch_key=secret).sketches == 5


def test_a_name_with_an_ending_that_is_no_form_of_an_export_is_refused(
    sender: Path, key: SigningKey, tmp_path: Path
) -> None:
    for name in ("export.tar", "export.zip.gz", "to-bell.7z"):
        with pytest.raises(InputError, match=r"no form of an export. Name a file ending in .zip, or a folder"):
            give(sender, tmp_path / name, key)
    assert not list(tmp_path.iterdir())


def test_an_import_that_was_killed_can_be_repeated(
    archive: Path, receiver: Path, key: SigningKey, prose: Prose, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough(receiver, prose)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(exchange, "_keep_hashes", killed)
        with pytest.raises(KeyboardInterrupt):
            take(receiver, archive, key, ledger=Sketches())
    report = take(receiver, archive, key, ledger=Sketches())
    assert report.added.refused == {Refusal.DUPLICATE: report.manifest.counts["train"]}
    assert trusted_parties(receiver)[0].serial == report.manifest.serial


def test_without_a_ledger_the_sketches_are_left_out_with_a_warning(
    archive: Path, receiver: Path, key: SigningKey, prose: Prose
) -> None:
    enough(receiver, prose)
    assert any("25 sketches were left out" in one for one in take(receiver, archive, key).warnings)


# Whom to trust.


def test_an_unknown_key_is_refused_unless_it_is_trusted_from_now_on(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path
) -> None:
    give(sender, tmp_path / "a", key)
    with pytest.raises(InputError, match=f"{key.public.fingerprint}, which is not trusted"):
        take(receiver, tmp_path / "a")
    assert not (receiver / "trusted.json").exists()
    report = take(receiver, tmp_path / "a", trust=True)
    assert key.public.fingerprint in report.warnings[0]
    assert [(one.party, one.fingerprint) for one in trusted_parties(receiver)] == [(PARTY, key.public.fingerprint)]
    give(sender, tmp_path / "b", key)
    assert not take(receiver, tmp_path / "b").first


def test_an_archive_that_someone_else_signed_is_refused_even_on_first_use_of_that_key(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path
) -> None:
    give(sender, tmp_path / "a", key)
    take(receiver, tmp_path / "a", key)
    other = create_key(tmp_path / "other.pem")
    give(sender, tmp_path / "b", key)
    resign(tmp_path / "b", other)
    for options in ({}, {"trust": True}):
        with pytest.raises(InputError, match="someone else signed it"):
            take(receiver, tmp_path / "b", **options)
    give(sender, tmp_path / "c", key, party="Another name")
    with pytest.raises(InputError, match=f"is that of '{PARTY}'"):
        take(receiver, tmp_path / "c")


def test_an_archive_is_imported_once_and_never_after_a_newer_one(
    sender: Path, receiver: Path, key: SigningKey, tmp_path: Path
) -> None:
    for name in ("old", "new"):
        give(sender, tmp_path / name, key)
    take(receiver, tmp_path / "new", key)
    with pytest.raises(InputError, match="imported already"):
        take(receiver, tmp_path / "new")
    with pytest.raises(InputError, match="an older one"):
        take(receiver, tmp_path / "old")


# What is refused.


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("how", [_append, _cut, _flip, Path.unlink])
@pytest.mark.parametrize("name", [MANIFEST, SIGNATURE, HUMAN, SKETCHES])
def test_a_changed_file_is_found_before_anything_is_imported(
    archive: Path, receiver: Path, key: SigningKey, how: Callable[[Path], None], name: str
) -> None:
    how(archive / name)
    ledger = Sketches()
    with pytest.raises(InputError):
        take(receiver, archive, key, ledger=ledger)
    assert (ledger.given, reserve_table(receiver).version) == ([], 0)
    assert not (receiver / "trusted.json").exists()


@pytest.mark.parametrize(
    "name", ["../escape.txt", "/etc/escape", "sub/human.parquet", "more.txt", "C:\\x", "human.parquet/"]
)
def test_names_that_are_no_part_of_an_export_are_refused(
    archive: Path, receiver: Path, key: SigningKey, tmp_path: Path, name: str
) -> None:
    path = zipped(archive, tmp_path / "export.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, b"x")
    with pytest.raises(InputError, match="holds a file named"):
        take(receiver, path, key)
    assert not (tmp_path / "escape.txt").exists()


def test_a_file_twice_in_one_archive_is_refused(archive: Path, receiver: Path, key: SigningKey, tmp_path: Path) -> None:
    path = zipped(archive, tmp_path / "export.zip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "a") as file:
            file.write(archive / HUMAN, HUMAN)
    with pytest.raises(InputError, match="a file twice"):
        take(receiver, path, key)


def test_a_link_in_a_folder_is_not_followed(archive: Path, receiver: Path, key: SigningKey, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.parquet"
    (archive / HUMAN).rename(real)
    (archive / HUMAN).symlink_to(real)
    with pytest.raises(InputError, match="no plain file"):
        take(receiver, archive, key)


def test_a_file_that_unpacks_to_more_than_it_says_is_cut_off(
    archive: Path, receiver: Path, key: SigningKey, tmp_path: Path
) -> None:
    """64 MB of zeros packed to 64 kB, under the name of a file that is said to be small."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in (MANIFEST, SIGNATURE, SKETCHES):
            file.write(archive / name, name)
        file.writestr(HUMAN, bytes(64 << 20))
    with pytest.raises(InputError, match="not the file that was signed"):
        take(receiver, path, key)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(SIGNATURE, b" " * (64 << 20))
    with pytest.raises(InputError, match="larger than 1,048,576 bytes"):
        take(receiver, path, key)


def test_a_table_that_would_expand_beyond_all_bounds_is_refused(
    archive: Path, receiver: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_MOST_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match="would expand to"):
        take(receiver, archive, key, ledger=Sketches())


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_said_to_be_none(receiver: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as an export"):
        take(receiver, tmp_path / "x.zip")


def test_a_missing_path_and_an_empty_folder_are_said_to_be(receiver: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        take(receiver, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="cannot be read as an export"):
        take(receiver, tmp_path / "empty")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "has version 2 of the exchange format"),
        ({"format": "a card"}, "no exchange of reserves"),
        ({"serial": 0}, "serial"),
        ({"created": "yesterday"}, "created"),
        ({"salt": "00"}, "salt"),
        ({"more": 1}, "more"),
        ({"party": ""}, "party"),
        ({"files": []}, "does not hold the files"),
        ({"counts": {"train": 1}}, "the manifest says"),
        ({"texts": False}, "a text that is not the one"),
        ({"salt": "0" * 64}, "a text that is not the one"),
    ],
)
def test_a_manifest_with_faults_is_refused_even_from_a_trusted_key(
    archive: Path, receiver: Path, key: SigningKey, changes: dict, message: str
) -> None:
    resign(archive, key, **changes)
    with pytest.raises(InputError, match=message):
        take(receiver, archive, key, ledger=Sketches())


def test_a_human_set_with_other_columns_or_rows_is_refused(archive: Path, receiver: Path, key: SigningKey) -> None:
    table = pq.read_table(archive / HUMAN)
    for changed, message in (
        (table.append_column("more", pa.nulls(table.num_rows)), "columns of a human set"),
        (table.slice(1), "rows, the manifest says"),
        (table.set_column(2, HUMAN_SET.field("part"), pa.array(["any"] * table.num_rows)), "none of a human set"),
        (table.set_column(0, HUMAN_SET.field("hash"), pa.array(["../.."] * table.num_rows)), "none of a human set"),
    ):
        pq.write_table(changed, archive / HUMAN)
        resign(archive, key)
        with pytest.raises(InputError, match=message):
            take(receiver, archive, key, ledger=Sketches())


def test_a_damaged_list_of_trusted_keys_trusts_nobody(archive: Path, receiver: Path, key: SigningKey) -> None:
    receiver.mkdir(parents=True)
    (receiver / "trusted.json").write_text('{"parties": [{"party": 1}]}')
    with pytest.raises(StoreError, match="damaged"):
        take(receiver, archive, key)
