"""``headwater reserve``: what the commands do with good and bad input, and what they say."""

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from headwater.cli import reserve as commands
from headwater.cli.reserve import reserve_app
from headwater.errors import ConfigError, InputError, NotEnoughData, StoreError
from headwater.origin.exchange import trusted_parties
from headwater.origin.own_output import record_generated
from headwater.origin.reserve import reserve_documents, reserve_table
from headwater.schema import documents
from headwater.store import Part
from headwater.store.generated import GeneratedLedger

Prose = Callable[[int, int], str]


class Said:
    """What a command printed and its exit code; errors are raised as the library raised them."""

    def __init__(self, project: Path, *arguments: object) -> None:
        places = [] if arguments[0] == "key" else ["-C", str(project)]
        result = CliRunner().invoke(reserve_app, [*map(str, arguments), *places])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert value["schema"] == 1
        return dict(value)


def write(path: Path, rows: Iterable[dict[str, object] | str]) -> Path:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture(scope="session")
def essays(tmp_path_factory: pytest.TempPathFactory, prose: Prose) -> Path:
    """A file of 440 documents of 220 authors, a quarter of them dated early."""
    rows = [
        {"body": prose(20, 10_000 + i), "writer": f"a{i // 2}", "day": "2019-05-01" if i < 110 else "2024-05-01"}
        for i in range(440)
    ]
    return write(tmp_path_factory.mktemp("essays") / "essays.jsonl", rows)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, prose: Prose) -> Path:
    """A project with a reserve of 210 documents."""
    project = tmp_path_factory.mktemp("made")
    rows = [{"text": prose(30, 1000 + i), "author": f"b{i}"} for i in range(210)]
    file = write(project / "human.jsonl", rows)
    Said(project, "add", file, "--attested-by", "Ada Press", "--group", "author", "-q")
    return project


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "project"))


def generate(project: Path, texts: list[str]) -> None:
    table = documents(texts, origin="machine", generator="our model", recipe="r", generation=1)
    record_generated(GeneratedLedger(project / ".headwater"), table, "run")


# Adding.


def test_what_became_of_a_file_is_said(essays: Path, tmp_path: Path) -> None:
    lines = [*essays.read_text().splitlines()[:404], '{"body": 3}', "no json", '{"body": " "}', '{"other": "a"}']
    lines.append(lines[0])
    file = write(tmp_path / "in.jsonl", lines)
    columns = ("--text", "body", "--group", "writer", "--date", "day")
    said = Said(tmp_path, "add", file, "--attested-by", "Ada", "--statement", "our archive", *columns, "--json").json
    assert (said["offered"], said["added"], said["refused"], said["rejects"]) == (404, 404, {}, [])
    assert [one["part"] for one in said["parts"]] == ["train", "steering", "certification", "final"]
    assert sum(one["documents"] for one in said["parts"]) == 404
    assert sum(one["groups"] for one in said["parts"]) == 202
    assert sum(one["words"] for one in said["parts"]) == 404 * 20
    bad = {"wrong_type": 1, "invalid_json": 1, "empty_text": 1, "missing_text": 1, "duplicate_text": 1}
    assert said["documents"] == {"read": 404, "bad": 4, "by_kind": bad}
    kept = [json.loads(line) for line in Path(said["bad_rows"]).read_text().splitlines()]
    assert [one["line"] for one in kept] == [405, 406, 407, 408, 409]
    assert said["warnings"] == []
    row = next(reserve_documents(tmp_path / ".headwater")).slice(0, 1).to_pylist()[0]
    assert (row["attested_by"], row["attested_detail"], row["created"]) == ("Ada", "our archive", "2019-05-01")
    [batch] = Said(tmp_path, "list", "--json").json["batches"]
    assert (batch["batch"], batch["documents"], batch["attested_by"]) == (said["batches"][0], 404, "Ada")
    assert (batch["first"], batch["last"]) == ("2019-05-01", "2024-05-01")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_are_read_by_their_columns(project: Path, prose: Prose, kind: str) -> None:
    texts, who = [prose(30, i) for i in range(12)], [f"w{i // 3}" for i in range(12)]
    file = project / f"more.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"body": texts, "who": who}), file)
    else:
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([("body", "who"), *zip(texts, who, strict=True)])
    said = Said(project, "add", file, "--attested-by", "Ada", "--text", "body", "--group", "who", "--json").json
    assert (said["added"], sum(one["groups"] for one in said["parts"])) == (12, 4)
    assert reserve_table(project / ".headwater").count() == 222


def test_documents_that_stand_alone_are_warned_of(project: Path, prose: Prose) -> None:
    file = write(project / "in.jsonl", [{"text": prose(30, i)} for i in range(4)])
    [warning] = Said(project, "add", file, "--attested-by", "Ada", "--json").json["warnings"]
    assert "--group" in warning


def test_of_an_origin_column_only_human_rows_come_in(project: Path, prose: Prose) -> None:
    origins = ["human", "unknown", "machine", "mixed", "AI"]
    rows = [{"text": prose(30, i), "who": f"w{i}", "label": one} for i, one in enumerate(origins)]
    file = write(project / "in.jsonl", rows)
    said = Said(project, "add", file, "--attested-by", "A", "--group", "who", "--origin", "label", "--json").json
    assert (said["offered"], said["added"], said["not_human"]) == (4, 1, 1)
    assert said["refused"] == {"stated_machine": 2}
    assert said["documents"]["by_kind"] == {"wrong_type": 1}  # AI is no origin
    assert "1 documents are unknown" in said["warnings"][0]


def test_with_a_date_only_what_is_older_comes_in(project: Path, essays: Path) -> None:
    dated = ("--how", "date", "--dated-by", "the web archive", "--date", "day", "--text", "body", "--group", "writer")
    said = Said(project, "add", essays, "--attested-by", "Ada", *dated, "--statement", "WARC of 2021", "--json").json
    assert (said["added"], said["refused"]) == (110, {"dated_too_late": 330})
    [detail] = {one["attested_detail"] for one in Said(project, "list", "--json").json["batches"]} - {""}
    assert detail == "the web archive: WARC of 2021"


@pytest.mark.parametrize("options", [("--how", "date"), ("--dated-by", "the archive")])
def test_a_date_and_what_gave_it_go_together(project: Path, essays: Path, options: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="--how date and --dated-by NAME go together"):
        Said(project, "add", essays, "--attested-by", "Ada", "--text", "body", *options)


def test_a_mistyped_date_column_is_told_before_anything_is_added(project: Path, essays: Path) -> None:
    with pytest.raises(InputError, match=r"no document has a value in column 'dya'.*Did you mean 'day'"):
        Said(project, "add", essays, "--attested-by", "Ada", "--text", "body", "--date", "dya")
    assert reserve_table(project / ".headwater").count() == 210


def test_nobody_and_nothing_are_refused(tmp_path: Path, essays: Path, prose: Prose) -> None:
    with pytest.raises(InputError, match="nobody is named"):
        Said(tmp_path, "add", essays, "--attested-by", " ", "--text", "body")
    with pytest.raises(InputError, match=r"there is no .*essay.jsonl. Did you mean 'essays.jsonl'"):
        Said(tmp_path, "add", essays.with_name("essay.jsonl"), "--attested-by", "A")
    with pytest.raises(InputError, match=r"no document could be read.*empty_file"):
        Said(tmp_path, "add", write(tmp_path / "none.jsonl", []), "--attested-by", "A")
    few = write(tmp_path / "few.jsonl", [{"text": prose(30, i)} for i in range(9)])
    with pytest.raises(NotEnoughData, match="form 9 independent groups, but 200 are needed"):
        Said(tmp_path, "add", few, "--attested-by", "A")
    assert Said(tmp_path, "list").err.startswith("No reserve in ")
    assert Said(tmp_path, "list", "--json").json["documents"] == 0


def test_the_same_files_again_are_refused_and_no_error(project: Path) -> None:
    said = Said(project, "add", project / "human.jsonl", "--attested-by", "Ada", "--group", "author")
    assert said.code == 0
    assert said.out.startswith("0 of 210 documents are now in the reserve, vouched for by Ada.")
    [rejects] = [Path(line.rpartition(" in ")[2]) for line in said.out.splitlines() if line.startswith("Each with")]
    assert Counter(json.loads(line)["refused"] for line in rejects.read_text().splitlines()) == {"duplicate": 210}


def test_text_that_was_generated_here_is_refused_with_its_copies(project: Path, prose: Prose) -> None:
    texts = [prose(80, 5000 + i) for i in range(6)]
    generate(project, texts)
    edited = [" ".join("other" if i % 12 == 5 else word for i, word in enumerate(one.split())) for one in texts[3:]]
    pasted = prose(40, 6000) + " As an AI language model, I cannot judge this."
    rows = [{"text": one} for one in [*texts[:3], *edited, pasted, prose(40, 6001)]]
    file = write(project / "in.jsonl", rows)
    said = Said(project, "add", file, "--attested-by", "Mallory", "--json").json
    assert (said["added"], said["refused"]) == (2, {"generated": 6})
    assert said["contradicted"] == 1  # an attestation is stronger than a phrase
    assert "assistant" in said["contradictions"][0]["found"]
    assert Said(project, "verify", "--check").code == 0


def test_what_the_detector_finds_is_shown_and_decides_nothing(
    project: Path, prose: Prose, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(project / "in.jsonl", [{"text": prose(30, i), "who": f"w{i}"} for i in range(40)])
    monkeypatch.setattr("headwater.origin.judge.machine_p_values", lambda texts: [0.001] * len(texts))
    options = (file, "--attested-by", "Ada", "--group", "who")
    skipped = Said(Path(shutil.copytree(project, project.parent / "other")), "add", *options, "--no-detector", "--json")
    assert skipped.json["suspicions"] == []
    said = Said(project, "add", *options)
    assert "40 of 40 documents look machine-made (p <= 0.01); 0.4 of as many human ones would" in said.out
    assert "Warning: The detector finds this batch contaminated" in said.out
    assert "40 of 40 documents are now in the reserve" in said.out


def test_batches_end_with_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_BATCH_DOCUMENTS", 10)
    sizes = [4, 4, 4, 1, 25, 3]
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    table = documents([f"text {i}" for i in range(len(groups))], group=groups).combine_chunks()
    [batch] = table.to_batches()
    cut = list(commands._whole_groups(batch.slice(at, 3) for at in range(0, len(batch), 3)))
    # Only g4, which alone is larger than the bound, is cut.
    assert pa.concat_tables(cut).equals(table)
    ends = {one["group"][-1].as_py(): next_["group"][0].as_py() for one, next_ in pairwise(cut)}
    assert {end for end, start in ends.items() if end == start} == {"g4"}
    assert max(one.num_rows for one in cut) < 10 + 3
    monkeypatch.setattr(commands, "_BATCH_BYTES", 60)
    assert len(list(commands._whole_groups(batch.slice(at, 3) for at in range(0, len(batch), 3)))) > len(cut)


def test_a_large_collection_comes_in_several_batches(
    project: Path, prose: Prose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_BATCH_DOCUMENTS", 1024)
    rows = [{"text": prose(12, 20_000 + i), "who": f"w{i // 8}"} for i in range(1800)]
    file = write(project / "in.jsonl", rows)
    said = Said(project, "add", file, "--attested-by", "Ada", "--group", "who", "--json").json
    assert (said["added"], len(said["batches"]), said["followed"]) == (1800, 2, 0)
    assert sum(one["groups"] for one in said["parts"]) == 225
    # Where the first batch alone is too small for a split, more is taken.
    alone = Said(project.parent / "alone", "add", file, "--attested-by", "Ada", "--group", "who", "--json").json
    assert (alone["added"], len(alone["batches"])) == (1800, 1)
    assert Said(project, "verify", "--check").code == 0


def test_an_error_on_the_way_says_what_stays(project: Path, prose: Prose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_BATCH_DOCUMENTS", 1024)
    files = [
        write(project / "1.jsonl", [{"text": prose(9, 20_000 + i), "who": f"w{i}"} for i in range(2000)]),
        write(project / "2.jsonl", [{"text": prose(9, 30_000 + i)} for i in range(9)]),
    ]
    arguments = ["add", *map(str, files), "--attested-by", "A", "--group", "who", "-C", str(project)]
    result = CliRunner().invoke(reserve_app, arguments)
    assert isinstance(result.exception, InputError)
    assert "no row of" in str(result.exception)
    assert "1,023 documents were added before" in result.stderr
    assert reserve_table(project / ".headwater").count() == 210 + 1023


# Verifying.


def test_verification_finds_what_was_changed(project: Path) -> None:
    held = Said(project, "verify", "--check")
    assert (held.code, held.out.splitlines()[0]) == (0, "OK: the reserve holds.")
    assert "Not proven:" in held.out
    lance.dataset(project / ".headwater" / "reserve.lance").update({"text": "'changed'"}, where="part = 'final'")
    found = Said(project, "verify", "--json").json
    assert found["ok"] is False
    assert {"table", "seal"} <= {one["check"] for one in found["faults"]}
    assert Said(project, "verify").code == 0
    assert Said(project, "verify", "--check").code == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("pending.json", "{"), ("pending.json", '{"batch": "0002"}'), ("reserve.json", "[]"),
     ("reserve.json", '{"shares": {"trian": 1}}')],
)  # fmt: skip
def test_damaged_notes_are_one_clear_message(project: Path, prose: Prose, name: str, content: str) -> None:
    place = project / ".headwater" / "reserve" / name
    place.write_text(content)
    more = write(project / "more.jsonl", [{"text": prose(30, 5)}])
    with pytest.raises(StoreError, match=rf"{name} is damaged.* Restore it from a copy"):
        Said(project, "add", more, "--attested-by", "Ada Press", "-q")
    said = Said(project, "verify", "--check")
    assert said.code == 1
    assert f"{name} is damaged" in said.out


def test_another_trainers_files_are_looked_at(project: Path) -> None:
    store = project / ".headwater"
    train, final = (
        [text for batch in reserve_documents(store, (part,)) for text in batch["text"].to_pylist()]
        for part in (Part.TRAIN, Part.FINAL)
    )
    fine = write(project / "fine.jsonl", [{"content": one} for one in train])
    leaked = write(project / "leaked.jsonl", [{"content": one} for one in [*train[:3], *final[:2]]])
    asked = ("verify", "--check", "--text", "content", "--trained-on")
    assert Said(project, *asked, fine).code == 0
    said = Said(project, *asked, leaked, "--trained-on", fine, "--json")
    [fault] = said.json["faults"]
    assert (said.code, fault["check"], fault["count"]) == (1, "trained_on", 2)
    assert "leaked.jsonl" in fault["where"]
    with pytest.raises(InputError, match=r"there is no .*finer.jsonl. Did you mean 'fine.jsonl'"):
        Said(project, *asked, project / "finer.jsonl")


def test_without_a_reserve_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no reserve"):
        Said(tmp_path, "verify")


# Exchange.


@pytest.fixture
def key(project: Path) -> Path:
    pytest.importorskip("cryptography")
    Said(project, "key", project / "our.key")
    return project / "our.key"


@pytest.fixture
def secret(project: Path) -> Path:
    path = project / "shared.key"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    path.chmod(0o600)
    return path


SIGNED = ("--party", "Ada Press", "--statement", "Edited by us.")


def test_a_key_is_made_once_and_shown_again(key: Path, project: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    said = Said(project, "key", key, "--show", "--json").json
    assert said["key"].startswith("ed25519:")
    assert said["fingerprint"] in Said(project, "key", key, "--show").out
    with pytest.raises(StoreError, match="exists already and is not replaced"):
        Said(project, "key", key)


def test_what_one_exports_another_imports(project: Path, key: Path, secret: Path, made: Path, prose: Prose) -> None:
    generated = [prose(80, 7000 + i) for i in range(3)]
    generate(project, generated)
    out = project / "out.zip"
    options = ("--key", key, *SIGNED, "--with-texts", "--sketch-key", secret, "--licence", "CC-BY-4.0")
    said = Said(project, "export", out, *options, "--json").json
    assert (said["counts"]["sketches"], said["keyed_sketches"], said["parts"]) == (3, True, ["train"])
    assert said["warnings"] == []
    bell = project.parent / "bell"
    rows = [{"text": prose(30, 9000 + i), "author": f"c{i}"} for i in range(210)]
    bell.mkdir()
    Said(bell, "add", write(bell / "h.jsonl", rows), "--attested-by", "Bell", "--group", "author")
    with pytest.raises(InputError, match="not trusted"):
        Said(bell, "import", out)
    public = write(bell / "ada.pub", [Said(project, "key", key, "--show", "--json").json["key"]])
    got = Said(bell, "import", out, "--trust-key", public, "--sketch-key", secret, "--json").json
    assert (got["party"], got["first"], got["sketches"], got["licence"]) == ("Ada Press", True, 3, "CC-BY-4.0")
    assert got["attested"] == 210
    assert got["added"]["added"] == said["counts"]["train"] == got["attested"] - got["sealed"]
    [party] = Said(bell, "list", "--json").json["parties"]
    assert (party["party"], party["fingerprint"], party["serial"]) == (
        "Ada Press",
        said["fingerprint"],
        said["serial"],
    )
    assert "Trusted parties:" in Said(bell, "list").out
    file = write(bell / "in.jsonl", [{"text": one} for one in generated])
    assert Said(bell, "add", file, "--attested-by", "M", "--json").json["refused"] == {"generated": 3}
    with pytest.raises(InputError, match="was imported already"):
        Said(bell, "import", out, "--sketch-key", secret)


def test_sketches_without_a_secret_and_open_panels_are_warned_of(project: Path, key: Path, prose: Prose) -> None:
    generate(project, [prose(40, 7000)])
    said = Said(project, "export", project / "out", "--key", key, *SIGNED, "--with-texts", "--parts", "train,final")
    assert "Warning: The sketches have no key" in said.out
    assert "gives away texts of sealed panels (final)" in said.out
    assert Said(project, "list", "--json").json["openings"] == 1


def test_an_export_names_its_faults(project: Path, key: Path, secret: Path) -> None:
    out = project / "out.zip"
    with pytest.raises(ConfigError, match=r"no part 'fnal'.*Did you mean 'final'"):
        Said(project, "export", out, "--key", key, *SIGNED, "--parts", "train,fnal")
    with pytest.raises(ConfigError, match="names none"):
        Said(project, "export", out, "--key", key, *SIGNED, "--parts", ",")
    with pytest.raises(InputError, match="cannot be read"):
        Said(project, "export", out, "--key", project / "none.key", *SIGNED)
    with pytest.raises(InputError, match="cannot be read"):
        Said(project, "export", out, "--key", key, *SIGNED, "--sketch-key", project / "none")
    secret.write_text("short")
    with pytest.raises(InputError, match="has 5 bytes"):
        Said(project, "export", out, "--key", key, *SIGNED, "--sketch-key", secret)
    assert not out.exists()


@pytest.mark.skipif(os.name == "nt", reason="no such permissions there")
def test_a_secret_that_others_can_read_is_refused(project: Path, key: Path, secret: Path) -> None:
    secret.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        Said(project, "export", project / "out.zip", "--key", key, *SIGNED, "--sketch-key", secret)


def test_an_import_takes_nothing_that_was_changed_or_is_no_key(project: Path, key: Path, tmp_path: Path) -> None:
    out, other = project / "out.zip", tmp_path / "bell"
    Said(project, "export", out, "--key", key, *SIGNED)
    with pytest.raises(InputError, match="holds a private key") as error:
        Said(other, "import", out, "--trust-key", key)
    assert key.read_text().splitlines()[1] not in str(error.value)
    with pytest.raises(InputError, match="'zz' is no public key"):
        Said(other, "import", out, "--trust-key", "zz")
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged|changed"):
        Said(other, "import", out, "--trust")
    assert trusted_parties(other / ".headwater") == ()


def test_what_others_write_cannot_steer_the_terminal(project: Path, key: Path, tmp_path: Path) -> None:
    out = project / "out.zip"
    Said(project, "export", out, "--key", key, "--party", "Eve", "--statement", "all\x1b[2J\nfine\x07")
    said = Said(tmp_path / "bell", "import", out, "--trust")
    assert "\x1b" not in said.out
    assert "\x07" not in said.out
    assert "statement: all\ufffd[2J fine\ufffd" in said.out
    assert "trusted from now on" in said.out
