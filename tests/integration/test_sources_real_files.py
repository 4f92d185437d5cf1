from pathlib import Path

import pyarrow.compute as pc
import pytest

from headwater.errors import InputError
from headwater.sources import OWN_COLUMNS, Columns, RejectKind, RejectLog, read_documents, read_table, write_documents

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data folder is not at {DATA}")


def test_rewrites_of_human_paragraphs_have_the_published_row_count(tmp_path: Path) -> None:
    rejects = RejectLog()
    table, report = read_table(DATA / "human_vs_ai/l2r_en.jsonl.zst", Columns(id="id", group="pair"), rejects)
    assert (report.rows, report.accepted, report.rejected) == (7154, 7154, {})
    out = tmp_path / "l2r.jsonl.zst"
    write_documents(table, out)
    again, _ = read_table(out, OWN_COLUMNS)
    assert again.equals(table)


def test_the_same_text_under_two_ids_is_counted_only_without_ids() -> None:
    rejects = RejectLog()
    _, report = read_table(DATA / "human_vs_ai/l2r_en.jsonl.zst", rejects=rejects)
    assert (report.rows, report.accepted) == (7154, 7152)
    assert rejects.by_kind == {RejectKind.DUPLICATE_TEXT: 2}


def test_novels_stream_by_chapter_grouped_by_book() -> None:
    stream = read_documents(DATA / "lm/novels_en.jsonl.zst", Columns(group="book"), origin="human", batch_bytes=4 << 20)
    groups: set[str] = set()
    for batch in stream:
        groups.update(batch.column("group").to_pylist())
        assert pc.all(pc.equal(batch.column("origin"), "human")).as_py()
    assert (stream.report.accepted, stream.report.bad_rows, len(groups)) == (2038, 0, 59)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("crawl/blog_18f_posts", 509), ("crawl/xquad_paragraphs_12lang", 2880), ("crawl/learnxinyminutes_docs", 876)],
)
def test_crawled_files_have_their_row_counts(name: str, rows: int) -> None:
    _, report = read_table(DATA / f"{name}.jsonl.zst")
    assert (report.rows, report.bad_rows) == (rows, 0)


def test_plain_books_are_one_document_each() -> None:
    table, report = read_table(f"{DATA}/lm/gutenberg/*.txt.gz", origin="human")
    assert report.accepted == 12
    assert all("Gutenberg" in text[:200] for text in table["text"].to_pylist())
    assert len(set(table["group"].to_pylist())) == 12


def test_a_spreadsheet_of_numbers_has_no_text() -> None:
    with pytest.raises(InputError, match=r"has a column 'text'\. Columns there: "):
        read_table(DATA / "tabular/california_housing.parquet")
