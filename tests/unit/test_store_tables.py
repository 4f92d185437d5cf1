"""Tables: appended to in whole commits, no key twice, readable by tag."""

import subprocess
import sys

import pyarrow as pa
import pytest

from headwater.errors import LockedError, StoreError
from headwater.schema import DOCUMENT, LINEAGE, SCHEMA_VERSION, documents, table_of
from headwater.store import Table, document_table, lineage_table, sql_text, writer_lock


def docs(*texts):
    return documents(list(texts), id=[f"id-{text}" for text in texts], origin="human", generation=0)


@pytest.fixture
def table(tmp_path):
    return document_table(tmp_path, run="run-1")


def test_a_table_that_was_never_written_reads_as_empty(table):
    assert (table.version, table.count(), table.tags(), table.check()) == (0, 0, {}, [])
    assert table.read().equals(DOCUMENT.empty_table())
    assert table.read(["id", "text"]).column_names == ["id", "text"]
    assert not table.path.exists()


def test_rows_come_back_as_they_were_appended(table):
    first = documents(["b", "a\u2028\U0001f600"], parents=[["p", "q"], []], generation=3, group="g")
    assert table.append(first) == 1
    assert table.append(docs("c")) == 2
    assert table.read().equals(pa.concat_tables([first, docs("c")]), check_metadata=True)
    assert table.read(["text", "id"]).to_pydict() == {
        "text": ["b", "a\u2028\U0001f600", "c"],
        "id": [*first["id"].to_pylist(), "id-c"],
    }
    assert table.count() == 3
    assert [batch.num_rows for batch in table.batches(["id"], batch_rows=1)] == [1, 1, 1]


def test_a_filter_takes_any_text_as_a_value(table):
    name = 'it\'s 100% "odd"; --'
    table.append(documents(["a", "b"], source=[name, "plain"]))
    assert table.read(["text"], filter=f"source = {sql_text(name)}")["text"].to_pylist() == ["a"]
    assert table.count(filter="source = 'plain'") == 1


def test_a_key_that_is_stored_is_refused_and_named(table):
    table.append(docs("a", "b"))
    with pytest.raises(StoreError, match=r"1 of 2 rows repeat a key \(id\) of table documents, for instance id-b\."):
        table.append(docs("c", "b"))
    assert (table.version, table.count()) == (1, 2)


def test_a_key_that_stands_twice_in_the_new_rows_is_refused(table):
    with pytest.raises(StoreError, match=r"3 of 5 rows repeat .* id-a; id-a; id-b\."):
        table.append(docs("a", "b", "a", "a", "b"))
    with pytest.raises(StoreError, match=r"id-a; id-b; id-c ..."):
        table.append(docs(*"abcd", *"abcd"))
    assert table.version == 0


def test_skipping_appends_the_first_of_each_new_key_and_repeating_it_makes_no_version(table):
    table.append(docs("a", "b"))
    rows = docs("c", "a", "d", "c")
    assert table.append(rows, skip_existing=True) == 2
    assert table.append(rows, skip_existing=True) == 2
    assert table.read(["text"])["text"].to_pylist() == ["a", "b", "c", "d"]


def test_appending_no_rows_makes_an_empty_table_once(table):
    assert table.append(docs()) == 1
    assert table.append(docs()) == 1
    assert table.read().equals(DOCUMENT.empty_table())


def test_stored_keys_are_found_across_many_batches_and_fragments(table, monkeypatch):
    monkeypatch.setattr("headwater.store.tables._BATCH_ROWS", 7)
    for start in range(0, 60, 20):
        table.append(docs(*map(str, range(start, start + 20))))
    for known in ("0", "19", "20", "59"):
        with pytest.raises(StoreError, match=rf"id-{known}\."):
            table.append(docs("new", known))
    assert table.append(docs(*map(str, range(70))), skip_existing=True) == 4
    assert table.count() == 70


def test_keys_of_several_columns_tell_null_from_text_and_where_a_value_ends(tmp_path):
    schema = pa.schema(
        [pa.field("a", pa.string()), pa.field("b", pa.string()), pa.field("n", pa.int32())], DOCUMENT.metadata
    )
    table = Table(tmp_path / "t.lance", schema, ("a", "b", "n"))
    rows = [("a", "bc", 1), ("ab", "c", 1), ("a", "bc", 11), (None, "-", 1), ("-", None, 1), (None, None, None), ("", None, 1),
            (None, "", 1), ("1:a", "", 1)]  # fmt: skip
    table.append(table_of(schema, [dict(zip("abn", row, strict=True)) for row in rows]))
    assert table.count() == len(rows)
    for row in rows:
        with pytest.raises(StoreError, match="1 of 1 rows repeat"):
            table.append(table_of(schema, [dict(zip("abn", row, strict=True))]))
    assert table.check() == []


def test_many_small_commits_leave_few_fragments_and_every_row_in_its_place(table, monkeypatch):
    import lance

    monkeypatch.setattr("headwater.store.tables._SMALL_FRAGMENTS", 4)
    monkeypatch.setattr("headwater.store.tables._SMALL_ROWS", 30)
    texts, fragments = [], []
    for commit, rows in enumerate([1] * 9 + [40] + [2] * 9 + [50] + [1] * 9):
        texts += (new := [f"{commit}-{i}" for i in range(rows)])
        before = table.version
        assert table.append(docs(*new), expect_version=before) > before
        assert table.tag(f"t{commit}") == table.version
        fragments.append(len(lance.dataset(str(table.path)).get_fragments()))
    assert table.read(["text"])["text"].to_pylist() == texts
    assert table.read(["text"], tag="t11")["text"].to_pylist() == texts[: 9 + 40 + 4]
    assert max(fragments) <= 3 * 4 + 2
    assert table.check() == []


def test_a_row_without_its_key_is_refused(table):
    with pytest.raises(StoreError, match="1 rows for table documents have no id"):
        table.append(documents(["a", "b"], id=["x", None]))


def test_columns_that_do_not_fit_are_named(table):
    with pytest.raises(StoreError, match="documents: column meta is missing, column mta is unknown"):
        table.append(docs("a").rename_columns(["mta" if name == "meta" else name for name in DOCUMENT.names]))
    with pytest.raises(StoreError, match=r"documents: .*not in range"):
        table.append(docs("a").set_column(11, "generation", pa.array([2**40])))
    with pytest.raises(StoreError, match="do not fit table documents: Unsupported cast"):
        table.append(docs("a").set_column(1, "text", pa.array([["not", "a", "text"]])))
    assert table.append(docs("a").select(sorted(DOCUMENT.names))) == 1  # any order
    assert table.read().equals(docs("a"))


def test_a_changed_table_is_refused_when_a_version_is_expected(table):
    assert table.append(docs("a"), expect_version=0) == 1
    with pytest.raises(StoreError, match="is at version 1, not 0"):
        table.append(docs("b"), expect_version=0)
    assert table.append(docs("b"), expect_version=1) == 2


def test_a_table_is_not_written_while_another_holds_its_lock(table):
    with writer_lock(table.path.parent / "locks", "documents", run="other"):
        with pytest.raises(LockedError, match="run other"):
            table.append(docs("a"))
        with pytest.raises(LockedError, match="run other"):
            table.tag("x")
        assert table.read().num_rows == 0  # readers never lock
    assert table.append(docs("a")) == 1


def test_a_tag_keeps_its_version(table):
    with pytest.raises(StoreError, match="nothing was written"):
        table.tag("early")
    table.append(docs("a"))
    assert table.tag("run-1") == 1
    table.append(docs("b"))
    assert table.tag("run-2") == 2
    assert table.tag("run-1", 1) == 1
    with pytest.raises(StoreError, match="already names version 1, not 2"):
        table.tag("run-1")
    assert table.tags() == {"run-1": 1, "run-2": 2}
    assert table.read(["text"], tag="run-1")["text"].to_pylist() == ["a"]
    assert table.count(tag="run-2") == 2
    with pytest.raises(StoreError, match=r"no tag 'run-3'. It has: run-1, run-2. Did you mean 'run-"):
        table.read(tag="run-3")
    assert table.check() == []


@pytest.mark.parametrize("written", [True, False])
def test_an_unknown_column_is_named(table, written):
    if written:
        table.append(docs("a"))
    with pytest.raises(StoreError, match=r"no column 'txt'.*Did you mean 'text'"):
        table.read(["txt"])


def test_attached_columns_are_read_by_name_and_do_not_disturb_appending(table):
    import lance

    table.append(docs("a"))
    lance.dataset(str(table.path)).add_columns(pa.table({"score": [0.5]}).to_reader())
    table.append(docs("b"))
    assert table.read().equals(docs("a", "b"))
    assert table.read(["id", "score"])["score"].to_pylist() == [0.5, None]


def test_a_table_of_a_newer_schema_is_refused(table):
    metadata = DOCUMENT.metadata | {b"headwater.schema": str(SCHEMA_VERSION + 1).encode()}
    import lance

    lance.write_dataset(docs("a").replace_schema_metadata(metadata), str(table.path))
    for use in (table.read, table.count, table.tags, lambda: table.append(docs("b"))):
        with pytest.raises(
            StoreError, match=rf"newer Headwater \(schema {SCHEMA_VERSION + 1}; .* pip install --upgrade"
        ):
            use()
    assert "newer Headwater" in table.check()[0]


def test_a_foreign_table_is_refused(table):
    import lance

    lance.write_dataset(pa.table({"id": ["a"]}), str(table.path))
    with pytest.raises(StoreError, match="not a table of Headwater: it lacks the columns text, origin"):
        table.read()


def test_check_finds_keys_that_a_writer_without_the_lock_let_through(table):
    import lance

    table.append(docs("a", "b", "c"))
    lance.write_dataset(docs("a", "c"), str(table.path), mode="append")
    assert table.check() == ["Table documents stores 2 keys more than once, for instance id-a; id-c."]


def test_a_damaged_table_is_reported(table):
    table.append(docs("a"))
    table.append(docs("b"))
    for data in table.path.glob("data/*"):
        data.write_bytes(b"")
    assert table.check()[0].startswith("Table documents cannot be read:")
    for manifest in table.path.glob("_versions/*.manifest"):
        manifest.write_bytes(b"no manifest")
    with pytest.raises(StoreError, match=r"Cannot open .*documents.lance"):
        table.read()


@pytest.mark.parametrize("conflicts", [2, 6])
def test_a_commit_conflict_is_tried_again_five_times(table, monkeypatch, conflicts):
    import lance

    table.append(docs("a"))
    monkeypatch.setattr("headwater.store.tables._PAUSES_SECONDS", (0, 0, 0, 0, 0))
    write, calls = lance.write_dataset, []

    def conflicting(*args, **kwargs):
        calls.append(1)
        if len(calls) <= conflicts:
            raise OSError("Retryable commit conflict for version 2: This Append transaction was preempted")
        return write(*args, **kwargs)

    monkeypatch.setattr(lance, "write_dataset", conflicting)
    if conflicts == 2:
        assert table.append(docs("b")) == 2
        assert len(calls) == 3
    else:
        with pytest.raises(StoreError, match="another program keeps changing it"):
            table.append(docs("b"))
        assert len(calls) == 6
    monkeypatch.undo()
    assert table.check() == []
    assert table.count() == (2 if conflicts == 2 else 1)


def test_a_writer_that_ignores_the_lock_is_noticed(table, monkeypatch):
    import lance

    table.append(docs("a"))
    write = lance.write_dataset

    def crowded(*args, **kwargs):
        write(docs("x"), args[1], mode="append")
        return write(*args, **kwargs)

    monkeypatch.setattr(lance, "write_dataset", crowded)
    with pytest.raises(StoreError, match="has 3 rows where 2 were expected: another program writes to it"):
        table.append(docs("b"))


def test_lineage_events_are_stored_once_per_node_and_run(tmp_path):
    table = lineage_table(tmp_path)
    rows = table_of(
        LINEAGE, [{"event": "data_set_made", "node": "human", "inputs": [], "weights": [], "run": run} for run in "ab"]
    )
    table.append(rows, skip_existing=True)
    table.append(rows, skip_existing=True)
    assert table.read().equals(rows)


def test_importing_the_store_imports_neither_lance_nor_duckdb():
    code = "import sys, headwater.store; print(sorted({'lance', 'duckdb', 'numba', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
