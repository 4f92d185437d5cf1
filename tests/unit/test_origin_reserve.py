"""The human reserve: what is let in, what is refused and why, and that a group's part never changes."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.errors import InputError, NotEnoughData, StoreError
from headwater.origin.evidence import Evidence, Status
from headwater.origin.passages import Passages
from headwater.origin.reserve import (
    Attestation,
    How,
    batch_records,
    list_reserve,
    reserve_documents,
    reserve_panels,
    reserve_table,
)
from headwater.origin.reserve_add import AddReport, Refusal, add_to_reserve, finish_interrupted
from headwater.origin.reserve_verify import verify_reserve
from headwater.schema import EvidenceKind, Origin, documents
from headwater.store import PANELS, Part, RunFolder, document_table, write_parquet

Prose = Callable[[int, int], str]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VOUCHED = Attestation("Ada Press", How.ATTESTATION, "2026-11-20", "our own archive")
SALT = bytes(range(32))


def rows(prose: Prose, numbers: range, words: int = 30, **columns: object) -> pa.Table:
    """Return documents in groups of one."""
    columns = {"group": [f"g{i}" for i in numbers], "origin": "human", **columns}
    return documents([prose(words, i) for i in numbers], **columns)


def add(store: Path, table: pa.Table, attestation: Attestation = VOUCHED, **options: object) -> AddReport:
    return add_to_reserve(store, table, attestation, rng=np.random.default_rng(0), salt=SALT, now=NOON, **options)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / ".headwater"


@pytest.fixture
def filled(store: Path, prose: Prose) -> Path:
    """A reserve of 220 documents in groups of one."""
    add(store, rows(prose, range(220)))
    return store


def parts(store: Path) -> dict[str, str]:
    table = reserve_table(store).read(["id", "part"])
    return dict(zip(table["id"].to_pylist(), table["part"].to_pylist(), strict=True))


class Reads:
    """Finds evidence on the documents whose text contains a word."""

    def __init__(self, word: str, kind: EvidenceKind, status: Status = Status.READ, origin: Origin = Origin.MACHINE):
        self.word, self.evidence = word, Evidence(kind, origin, f"{kind} with {word}", status)

    def read(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        for row, text in enumerate(batch["text"].to_pylist()):
            if self.word in (text or ""):
                yield row, self.evidence


# What comes in.


def test_a_first_batch_is_split_into_training_text_and_three_sealed_panels(filled: Path) -> None:
    facts = list_reserve(filled)
    counts = {row.part: row.groups for row in facts.rows}
    # 220 groups by shares .39 / .10 / .43 / .08; each part is within one group of its share.
    shares = {Part.TRAIN: 0.39, Part.STEERING: 0.10, Part.CERTIFICATION: 0.43, Part.FINAL: 0.08}
    assert {part: pytest.approx(220 * share, abs=1) for part, share in shares.items()} == counts
    assert facts.documents == 220
    assert sum(row.tokens for row in facts.rows) == 220 * 30
    sealed = reserve_panels(filled)
    assert {(one.panel.value, one.documents) for one in sealed.sealed} == {(str(p), counts[p]) for p in PANELS}
    assert sealed.salt == SALT


def test_each_row_says_who_vouches_and_for_what(filled: Path) -> None:
    row = next(reserve_documents(filled)).slice(0, 1).to_pylist()[0]
    said = [row[name] for name in ("attested_by", "attested_how", "attested_on", "attested_detail", "part")]
    assert said == ["Ada Press", "attestation", "2026-11-20", "our own archive", "train"]
    assert row["evidence"] == "attestation by Ada Press on 2026-11-20: our own archive"
    assert row["origin"] == "human"
    [batch] = list_reserve(filled).batches
    assert (batch.attestation, batch.documents, batch.groups, batch.words) == (VOUCHED, 220, 220, 6600)
    assert batch.created == "2026-11-22T12:00:00Z"


def test_the_same_seed_gives_the_same_split(tmp_path: Path, prose: Prose) -> None:
    for name in ("a", "b"):
        add(tmp_path / name, rows(prose, range(220)))
    assert parts(tmp_path / "a") == parts(tmp_path / "b")


@pytest.mark.parametrize(
    ("attestation", "fault"),
    [
        (("", How.ATTESTATION, "2026-11-20"), "nobody is named"),
        (("A", How.ATTESTATION, "20.11.2026"), "no date of the form"),
        (("A", How.ATTESTATION, "2026-13-01"), "no date of the form"),
        (("A", How.DATE, "2026-11-20"), "what dates the documents"),
        (("A", How.SIGNED_MANIFEST, "2026-11-20", " "), "which manifest"),
    ],
)
def test_an_attestation_without_a_name_a_day_or_a_source_is_refused(attestation: tuple, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Attestation(*attestation)


def test_too_few_groups_are_refused_with_the_number_that_is_needed(store: Path, prose: Prose) -> None:
    with pytest.raises(NotEnoughData, match="form 60 independent groups, but 200 are needed"):
        add(store, rows(prose, range(60)))
    assert reserve_table(store).version == 0
    assert list_reserve(store).documents == 0


# What is refused.


def test_machine_text_is_refused_one_by_one_and_kept_aside(store: Path, prose: Prose) -> None:
    table = rows(prose, range(230))
    texts = table["text"].to_pylist()
    texts[3] += " marked"
    texts[4] += " written"
    texts[5] += " residue"
    texts[6] = " \n"
    texts[7] = texts[8].upper()
    texts[9] += " damaged"
    origins = ["machine" if i == 1 else "human" for i in range(230)]
    generators = ["some model" if i == 2 else None for i in range(230)]
    table = documents(texts, group=table["group"], origin=origins, generator=generators)
    readers = [
        Reads("marked", EvidenceKind.CONTENT_CREDENTIAL),  # nobody verified it; still no candidate for the reserve
        Reads("written", EvidenceKind.GENERATION_LEDGER, Status.VERIFIED),
        Reads("residue", EvidenceKind.CHAT_RESIDUE),
        Reads("damaged", EvidenceKind.WATERMARK, Status.INVALID),
    ]
    report = add(store, table, readers=readers)
    assert report.refused == {
        Refusal.STATED_MACHINE: 2, Refusal.MARKED: 1, Refusal.GENERATED: 1, Refusal.EMPTY: 1, Refusal.DUPLICATE: 1,
    }  # fmt: skip
    assert (report.offered, report.added) == (230, 224)
    # Weaker evidence than the attestation is shown and decides nothing; a mark whose check failed says nothing.
    assert report.contradicted == 1
    assert report.contradictions[0].found == "chat_residue with residue"
    lines = [json.loads(line) for line in report.rejects.read_text().split("\n") if line]
    assert [(line["refused"], line["group"]) for line in lines] == [
        ("stated_machine", "g1"), ("stated_machine", "g2"), ("marked", "g3"), ("generated", "g4"), ("empty", "g6"),
        ("duplicate", "g8"),
    ]  # fmt: skip
    assert lines[1]["detail"] == "generator some model"
    assert lines[2]["text"].endswith("marked")


def test_an_attestation_outweighs_a_source_type_and_a_date_does_not_outweigh_a_mark(store: Path, prose: Prose) -> None:
    table = rows(prose, range(220), created="2019-05-01")
    dated = Attestation("Ada", How.DATE, "2026-11-20", "crawl of 2019")
    word = table["text"][0].as_py().split()[0]
    report = add(store, table, dated, readers=[Reads(word, EvidenceKind.SOURCE_TYPE)])
    assert report.refused == {}
    assert report.contradicted >= 1
    both = [Reads("", EvidenceKind.WATERMARK, Status.VERIFIED), Reads("", EvidenceKind.ATTESTATION)]
    for reader in both:
        report = add(store, rows(prose, range(300, 310), created="2019"), dated, readers=[reader])
        assert report.refused == {Refusal.MARKED: 10}
        assert (report.added, report.batch) == (0, "")


def test_a_date_must_be_there_and_be_old_enough(filled: Path, prose: Prose) -> None:
    days = [
        "2022-11-29",
        "2022-11-30",
        "2022",
        "2021",
        "2022-11",
        "2022-10",
        "2021-02-30",
        "soon",
        None,
        "2020-01-01T10:00:00Z",
    ]
    table = rows(prose, range(400, 410), created=days)
    report = add(filled, table, Attestation("Ada", How.DATE, "2026-11-20", "version control"))
    assert report.refused == {Refusal.NOT_DATED: 3, Refusal.DATED_TOO_LATE: 3}
    assert {one for one in parts(filled) if one in table["id"].to_pylist()} == {
        table["id"][i].as_py() for i in (0, 3, 5, 9)
    }


def test_what_is_in_the_reserve_is_refused_also_as_a_near_copy(filled: Path, prose: Prose) -> None:
    again = documents(
        [
            prose(30, 1).upper(),  # the same text
            prose(30, 2).replace(prose(30, 2).split()[15], "other"),  # one word in thirty changed
            f"{prose(30, 3)} {prose(30, 500)}",  # half of it is new: not a copy, but it depends on the old one
            prose(30, 501),
        ],
        group=["a", "b", "c", "d"],
        origin="human",
    )
    report = add(filled, again)
    assert report.refused == {Refusal.DUPLICATE: 1, Refusal.NEAR_DUPLICATE: 1}
    assert report.followed == 1
    table = reserve_table(filled).read(["text", "unit", "part"])
    unit = dict(
        zip(
            table["text"].to_pylist(),
            zip(table["unit"].to_pylist(), table["part"].to_pylist(), strict=True),
            strict=True,
        )
    )
    assert unit[again["text"][2].as_py()] == unit[prose(30, 3)]


def test_an_id_that_names_another_text_is_refused(filled: Path, prose: Prose) -> None:
    taken = reserve_table(filled).read(["id"])["id"][0].as_py()
    table = documents([prose(30, 600), prose(30, 601), prose(30, 602)], id=[taken, "own", "own"], group=["a", "b", "c"])
    assert add(filled, table).refused == {Refusal.ID_TAKEN: 2}


def test_near_copies_of_the_projects_machine_text_are_refused_but_not_what_it_was_made_from(
    store: Path, prose: Prose
) -> None:
    human = rows(prose, range(3))
    machine = documents(
        [prose(60, 900), prose(30, 0) + " " + prose(12, 901)],
        origin="machine", recipe="r", parents=[[], [human["id"][0].as_py()]],
    )  # fmt: skip
    document_table(store).append(pa.concat_tables([human, machine]))
    edited = prose(60, 900).split()
    edited[10] = edited[30] = edited[50] = "changed"
    offered = [prose(30, i) for i in range(220)] + [" ".join(edited), prose(60, 900)]
    report = add(store, documents(offered, group=[f"g{i}" for i in range(222)], origin="human"))
    assert report.refused == {Refusal.COPY_OF_MACHINE_TEXT: 2}
    assert human["id"][0].as_py() in parts(store)


# A group's part never changes.


def test_later_documents_follow_their_group_and_the_rest_fills_up_the_parts(filled: Path, prose: Prose) -> None:
    before = parts(filled)
    table = reserve_table(filled).read(["group", "part"])
    part_of = dict(zip(table["group"].to_pylist(), table["part"].to_pylist(), strict=True))
    # Two new documents of old groups in every part, and a hundred new groups.
    old = [next(g for g, p in part_of.items() if p == part) for part in ("train", "steering", "certification", "final")]
    more = documents(
        [prose(30, 700 + i) for i in range(108)], group=old * 2 + [f"n{i}" for i in range(100)], origin="human"
    )
    report = add(filled, more)
    after = parts(filled)
    assert {key: after[key] for key in before} == before
    ids = more["id"].to_pylist()
    assert [after[key] for key in ids[:8]] == ["train", "steering", "certification", "final"] * 2
    assert (report.followed, report.rotation) == (8, 1)
    counts = {row.part: row.groups for row in list_reserve(filled).rows}
    assert counts[Part.CERTIFICATION] == pytest.approx(320 * 0.43, abs=1.5)
    # The new rotation holds new groups only; later documents of sealed groups are kept apart and measure nothing.
    sealed = reserve_panels(filled)
    fresh = {group for one in sealed.sealed if one.rotation == 1 for group in one.groups}
    assert fresh <= {f"n{i}" for i in range(100)}
    assert list_reserve(filled).apart == 6
    assert not sealed.barred(ids[1:2]).any()


def test_a_document_that_joins_two_parts_is_refused(filled: Path) -> None:
    table = reserve_table(filled).read(["text", "part"])
    text = dict(zip(table["part"].to_pylist(), table["text"].to_pylist(), strict=True))
    words = {part: text[part].split() for part in ("train", "final")}
    bridge = " ".join(words["train"][:14] + words["final"][:14])  # 7 of its 21 sequences are in each
    report = add(filled, documents([bridge], group="x", origin="human"))
    assert report.refused == {Refusal.JOINS_PARTS: 1}
    assert "groups in final and train" in report.rejects.read_text()


def test_what_a_run_was_trained_on_never_gets_into_a_panel(tmp_path: Path, prose: Prose) -> None:
    folder = RunFolder.create(tmp_path, {}, run_id="early")
    trained = documents([prose(30, i) for i in range(40)], origin="human")
    human = folder.path / "steps" / "human-k"
    write_parquet(human / "documents.parquet", trained)
    write_parquet(human.with_name("split-k") / "parts.parquet", pa.table({"id": trained["id"], "part": ["train"] * 40}))
    store = tmp_path / ".headwater"
    report = add(store, rows(prose, range(260)))
    assert report.trained == 40
    assert {parts(store)[key] for key in trained["id"].to_pylist()} == {"train"}
    assert "40 groups went to the training text" in report.warnings[0]
    counts = {row.part: row.groups for row in report.rows}
    assert counts[Part.CERTIFICATION] == pytest.approx(260 * 0.43, abs=1)


def test_a_batch_of_trained_documents_only_fills_no_panel(tmp_path: Path, prose: Prose) -> None:
    folder = RunFolder.create(tmp_path, {}, run_id="early")
    write_parquet(folder.path / "steps" / "human-k" / "documents.parquet", rows(prose, range(220)))
    with pytest.raises(NotEnoughData, match="220 of the 220 groups were trained on"):
        add(tmp_path / ".headwater", rows(prose, range(220)))


def test_shares_are_settled_with_the_first_batch(filled: Path, prose: Prose) -> None:
    from headwater.config import SplitSettings

    report = add(filled, rows(prose, range(800, 820)), split=SplitSettings(certification=0.2))
    assert "do not apply" in report.warnings[0]


# What the detector says.


def test_a_contaminated_batch_is_reported_and_not_dropped(store: Path, prose: Prose) -> None:
    table = rows(prose, range(220))
    suspicious = set(table["text"].to_pylist()[:20])

    def looks(texts: list[str]) -> list[float]:
        return [0.001 if text in suspicious else 0.5 if i % 7 else float("nan") for i, text in enumerate(texts)]

    report = add(store, table, looks_machine=looks)
    assert report.added == 220
    found = report.suspicion
    assert (found.found, found.contaminated, len(found.examples)) == (20, True, 5)
    assert found.expected == pytest.approx(0.01 * found.documents)
    # P(Binomial(n, 0.01) >= 20) for n about 190 is below 1e-13.
    assert found.chance < 1e-12
    assert "20 of" in report.warnings[0]
    assert found.examples[0][2] in suspicious


def test_a_human_batch_is_not_called_contaminated(store: Path, prose: Prose) -> None:
    values = np.linspace(0.005, 1, 220)
    report = add(store, rows(prose, range(220)), looks_machine=lambda texts: values[: len(texts)].tolist())
    assert (report.suspicion.found, report.suspicion.contaminated, report.warnings) == (2, False, ())


# Kills and nothing.


@pytest.mark.parametrize("at", ["append", "seal"])
def test_an_addition_that_was_killed_is_finished_or_forgotten(
    store: Path, prose: Prose, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def killed(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    target = "headwater.store.Table.append" if at == "append" else "headwater.origin.reserve_add.seal"
    with monkeypatch.context() as patched:
        patched.setattr(target, killed)
        with pytest.raises(KeyboardInterrupt):
            add(store, rows(prose, range(220)))
    assert not batch_records(store)
    finish_interrupted(store, salt=SALT, now=NOON)
    if at == "append":
        assert not batch_records(store)
        assert add(store, rows(prose, range(220))).added == 220
    else:
        assert [one.documents for one in batch_records(store)] == [220]
        report = add(store, rows(prose, range(220)))
        assert report.refused == {Refusal.DUPLICATE: 220}
    assert len(reserve_panels(store).sealed) == 3
    assert not (store / "reserve" / "pending.json").exists()


def test_nothing_of_nothing(filled: Path) -> None:
    report = add(filled, documents([]))
    assert (report.offered, report.added, report.refused, report.rejects) == (0, 0, {}, None)
    assert len(batch_records(filled)) == 1


def test_a_damaged_record_is_said_to_be(filled: Path) -> None:
    path = filled / "reserve" / "batches.jsonl"
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {"attestation": {"by": "x"}}) + "\n")
    with pytest.raises(StoreError, match="damaged"):
        batch_records(filled)


# Shared passages.


def test_pairs_count_distinct_sequences_on_both_sides(prose: Prose) -> None:
    one, two = prose(40, 1), prose(40, 2)
    index = Passages.of([one, two, f"{one} {two}"])
    assert index.sizes.tolist() == [33, 33, 73]
    pairs = index.compare([["", None], [f"{one} {one}", prose(40, 3)], [two]]).pairs
    found = {
        (r, o): (s, rs, os)
        for r, o, s, rs, os in zip(
            *(getattr(pairs, name).tolist() for name in ("rows", "owners", "shared", "row_sizes", "owner_sizes")),
            strict=True,
        )
    }
    # The repeated text has 33 + 7 distinct sequences: those across the seam are new.
    assert found == {(2, 0): (33, 40, 33), (2, 2): (33, 40, 73), (4, 1): (33, 33, 33), (4, 2): (33, 33, 73)}


def test_boilerplate_counts_on_both_sides_together(prose: Prose) -> None:
    boilerplate = prose(30, 1)
    index = Passages.of([f"{boilerplate} {prose(20, 10 + i)}" for i in range(15)])
    for streamed, linked in ((5, 75), (6, 0)):
        texts = [f"{boilerplate} {prose(20, 50 + i)}" for i in range(streamed)]
        assert len(index.compare([texts], common=20).pairs.rows) == linked
        assert len(index.compare([texts]).pairs.rows) == streamed * 15


def test_an_index_of_nothing_matches_nothing() -> None:
    for texts in ([], ["", None]):
        assert len(Passages.of(texts).compare([["a text of some words", ""]]).pairs.rows) == 0
    assert len(Passages.of(["some words"]).compare([]).pairs.rows) == 0


@pytest.mark.parametrize("created", ["1970-01-01", "1900-01-01T00:00:00Z", "2019-05-01 or so", "2019-05-01-old", "201"])
def test_the_zero_points_of_clocks_and_what_only_begins_like_a_date_date_nothing(
    store: Path, prose: Prose, created: str
) -> None:
    dated = Attestation("an archive", How.DATE, "2026-11-20", "file times")
    report = add(store, rows(prose, range(230), created=["2019-05-01T10:00:00Z"] * 210 + [created] * 20), dated)
    assert (report.added, report.refused) == (210, {Refusal.NOT_DATED: 20})


@pytest.mark.parametrize("on", ["1970-01-01", "2026-11", " 2026-11  ", "2026-11-20T", "2026-02-30"])
def test_an_attestation_is_given_on_a_day(on: str) -> None:
    with pytest.raises(InputError, match="is no date of the form YYYY-MM-DD"):
        Attestation("an archive", How.ATTESTATION, on)


def test_documents_without_spaces_have_words_and_balance_the_split(store: Path) -> None:
    """Every tenth document is fifty times as long, which white space does not show: each part gets its share of them."""
    rng = np.random.default_rng(0)
    lengths = [1000 if i % 10 == 0 else 20 for i in range(300)]
    texts = ["".join(chr(0x4E00 + int(one)) for one in rng.integers(0, 8000, size)) for size in lengths]
    report = add(store, documents(texts, group=[f"g{i}" for i in range(300)]))
    assert sum(row.tokens for row in report.rows) == sum(lengths)
    assert sum(row.tokens for row in list_reserve(store).rows) == sum(lengths)
    for row in report.rows:
        assert row.tokens == pytest.approx(sum(lengths) * row.groups / 300, rel=0.25)


def test_documents_that_come_again_make_no_boilerplate_of_what_new_ones_share(store: Path, prose: Prose) -> None:
    """Eleven documents hold a passage, and come again with a twelfth: 12 hold it, not the 23 that were offered."""
    passage = prose(40, 1)  # 33 of 93 sequences of each
    texts = [f"{prose(60, 400 + i)} {passage}" for i in range(12)]
    old = documents([*texts[:11], *(prose(30, i) for i in range(500, 720))], group=[f"g{i}" for i in range(231)])
    add(store, old)
    report = add(store, documents([*texts, prose(30, 800)], group=[f"n{i}" for i in range(13)]))
    assert (report.refused, report.added, report.followed) == ({Refusal.DUPLICATE: 11}, 2, 1)
    assert verify_reserve(store).ok
