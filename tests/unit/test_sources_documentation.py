import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from headwater.errors import InputError
from headwater.schema import DOCUMENT, content_id, digest
from headwater.sources import DocumentationCorpus, collect_documentation, documentation


@pytest.fixture(scope="module")
def corpus() -> DocumentationCorpus:
    return collect_documentation()


@pytest.fixture(scope="module")
def numpy_only() -> DocumentationCorpus:
    calls: list[tuple[int, int]] = []
    corpus = collect_documentation(("numpy",), lambda done, of: calls.append((done, of)))
    assert calls[-1] == (corpus.files, corpus.files)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert 50 <= len(calls) <= 210
    return corpus


def paragraphs(docstring: str) -> list[str]:
    return documentation._prose(docstring)


def test_the_corpus_is_large_enough_for_a_first_run(corpus: DocumentationCorpus) -> None:
    table = corpus.table
    words = sum(len(text.split()) for text in table["text"].to_pylist())
    assert table.schema.equals(DOCUMENT, check_metadata=True)
    assert table.num_rows > 2000
    assert words > 250_000
    assert len(set(table["group"].to_pylist())) > 700
    assert (list(corpus.packages), corpus.skipped) == (["stdlib", "numpy", "scipy", "sklearn"], 0)
    assert corpus.files > 1000


def test_every_document_says_where_it_comes_from(corpus: DocumentationCorpus) -> None:
    version = f"python {sys.version.split()[0]}"
    for row in corpus.table.to_pylist():
        meta = json.loads(row["meta"])
        assert set(meta) == {"path", "object", "line"}
        assert meta["path"].endswith(".py")
        assert meta["line"] >= 1
        assert row["origin"] == "human"
        assert row["evidence"] == "installed documentation"
        assert row["generation"] == 0
        stdlib = row["source"].startswith("python ")
        assert row["licence"] == ("PSF-2.0" if stdlib else "BSD-3-Clause")
        assert row["source"] == version if stdlib else row["group"].startswith(row["source"].split()[0])
        assert row["id"] == content_id(row["text"])
    sources = {source.split()[0] for source in corpus.table["source"].to_pylist()}
    assert sources == {"python", "numpy", "scipy", "sklearn"}


def test_ids_are_unique_and_no_paragraph_occurs_twice(corpus: DocumentationCorpus) -> None:
    ids = corpus.table["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    counts = Counter(part for text in corpus.table["text"].to_pylist() for part in text.split("\n\n"))
    assert [part for part, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    "markup",
    [
        r">>>", r":\w+:`", r"`", r"::", r"https?:", r"\$", r"\\", r"[=\-~*]{3}", r"\[\d+\]_", r"\.\. ", r"\*\*", r"\|",
        r"[{}<>]", r"\n(?!\n)(?<!\n\n)",
    ],
)  # fmt: skip
def test_no_markup_is_left(corpus: DocumentationCorpus, markup: str) -> None:
    assert [text[:300] for text in corpus.table["text"].to_pylist() if re.search(markup, text)] == []


def test_paragraphs_are_sentences(corpus: DocumentationCorpus) -> None:
    for text in corpus.table["text"].to_pylist():
        assert len(text.split()) >= documentation.MIN_WORDS
        for part in text.split("\n\n"):
            assert re.match(r"[\"'(]?[A-Z0-9]", part), part
            assert re.search(r"[.!?][\"')\]]?$", part), part


def test_documents_are_in_order(corpus: DocumentationCorpus) -> None:
    rows = corpus.table.select(["group", "meta"]).to_pylist()
    keys = [(row["group"], json.loads(row["meta"])["path"], json.loads(row["meta"])["line"]) for row in rows]
    assert keys == sorted(keys)


def test_nothing_is_imported_and_another_process_reads_the_same(numpy_only: DocumentationCorpus) -> None:
    program = (
        "import sys\n"
        "from headwater.schema import digest\n"
        "from headwater.sources.documentation import read_documentation\n"
        "try:\n"
        "    import pandas\n"  # pyarrow imports it, and with it parts of numpy, where it is installed
        "except ImportError:\n"
        "    pass\n"
        "before = set(sys.modules)\n"
        "numpy = read_documentation(('numpy',))\n"
        "read_documentation(('sklearn',))\n"
        "new = set(sys.modules) - before\n"
        "print([name for name in new if name.split('.')[0] in ('numpy', 'sklearn')])\n"
        "print('sklearn' in sys.modules, 'scipy' in sys.modules)\n"
        "print(digest(numpy.to_pylist()))\n"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split("\n")
    assert out[:3] == ["[]", "False False", digest(numpy_only.table.to_pylist())]


def test_language_reference_topics_are_groups(corpus: DocumentationCorpus) -> None:
    topics = {group for group in corpus.table["group"].to_pylist() if group.startswith("topics:")}
    assert len(topics) > 30
    assert "topics:import" in topics


def test_unknown_packages_get_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"unknown documentation package 'skleran'. Known: .* Did you mean 'sklearn'"):
        collect_documentation(("skleran",))


def test_a_file_that_cannot_be_parsed_is_counted_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    prose = "This module holds one long sentence which is repeated to make a document of it. " * 4
    (tmp_path / "good.py").write_text(f'"""{prose}"""\n')
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "null.py").write_bytes(b"x = '\x00'\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f'"""Not this. {prose}"""\n')
    monkeypatch.setattr(documentation, "_root", lambda package: tmp_path)
    with caplog.at_level("WARNING"):
        corpus = collect_documentation(("numpy",))
    assert (corpus.files, corpus.skipped, corpus.table["group"].to_pylist()) == (3, 2, ["numpy.good"])
    assert [Path(record.file).name for record in caplog.records] == ["broken.py", "null.py"]


NUMPYDOC = """
    Return the weighted :func:`~numpy.mean` of *a*, as described in [1]_.

    The result is a ``float64`` array unless `dtype` says otherwise [2]_. It is
    computed in one pass. See https://example.org/mean for the details.

    Parameters
    ----------
    a, b : array_like
        The values that are averaged along the given axis of the array.
    mode : {'fast', 'slow',
            'exact'}, optional
        Skipped, since nobody can tell where its type ends in a run of lines.
    axis : int
        The axis along which the values are averaged, or all of them.

    Returns
    -------
    ndarray
        The averages, in an array of the same type as the values were.

    Notes
    -----
    The mean is :math:`\\frac{1}{n} \\sum x_i` by its definition. This sentence
    stays because there is no formula to be found in it.

    .. math:: x = y

        This is part of the formula and goes away with all of it.

    .. note:: An admonition is prose as much as any other paragraph here.

    .. versionadded:: 1.0
        The version in which this came does not interest any reader.

    =====  =======================
    Code   The meaning of the code in a table
    =====  =======================

    Use it like this, which is the usual way of doing it::

        with open("x") as file: this is a block of code and not prose at all

    Examples
    --------
    The mean of a few numbers is computed in the following manner.

    >>> mean([1, 2])
    The output of an example is not a sentence of the documentation.

    References
    ----------
    .. [1] Somebody, "A paper with a title as long as a sentence", 1999.
       Another line of the reference that looks like a sentence of prose.
"""


def test_prose_is_told_from_everything_else() -> None:
    assert paragraphs(NUMPYDOC) == [
        "The result is a float64 array unless dtype says otherwise. It is computed in one pass.",
        "The values that are averaged along the given axis of the array.",
        "The axis along which the values are averaged, or all of them.",
        "The averages, in an array of the same type as the values were.",
        "This sentence stays because there is no formula to be found in it.",
        "An admonition is prose as much as any other paragraph here.",
        "The mean of a few numbers is computed in the following manner.",
    ]


def test_a_docstring_that_is_mostly_something_else_is_left_out() -> None:
    sentence = "There are a few sentences of prose in here that one could keep. " * 4
    table = "x = 1 and y = 2 and z = 3 so that a = b for every k = 1 and all. " * 10
    assert paragraphs(sentence) != []
    assert paragraphs(f"{sentence}\n\n{table}") == []


def test_compiled_functions_are_documented_by_calls() -> None:
    tree = ast.parse(
        'add_newdoc("mod", "thing", ("attr", """Text of it."""))\nif x:\n    def f():\n        "Doc of f."\n'
    )
    assert list(documentation._docstrings(tree.body, ())) == [
        ("mod.thing.attr", 1, "Text of it."),
        ("f", 4, "Doc of f."),
    ]
