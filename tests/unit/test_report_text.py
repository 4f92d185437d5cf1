import math
import unicodedata

import pytest

from headwater.report import REFERENCES, Topic, bibtex, references, text
from headwater.report.bibliography import Reference


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0.0, "±0.000"), (-0.0001, "±0.000"), (0.15, "+0.150"), (-0.15, "−0.150"), (None, "–"), (math.nan, "–")],
)
def test_signed(value, wanted):
    assert text.signed(value) == wanted


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.0, "0%"), (0.001, "<1%"), (0.07, "7%"), (0.93, "93%"), (0.999, ">99%"), (1.0, "100%"), (math.nan, "–")],
)
def test_a_share_is_nothing_or_all_only_if_it_is(share, wanted):
    assert text.percent(share) == wanted


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0.0, ""), (0.3, "0.3 s"), (41.3, "41 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 5 min"), (math.nan, "")],
)
def test_duration(seconds, wanted):
    assert text.duration(seconds) == wanted


def test_date():
    assert text.date("2026-11-02T08:05:00Z") == "2 November 2026, 08:05 UTC"
    assert text.date("yesterday") == "yesterday"


def test_names_are_one_short_printable_line():
    assert text.name("a\nb\t c") == "a b c"
    assert text.name("x" * 100) == "x" * 59 + "…"
    assert text.name("\x00\ud800") == "\N{REPLACEMENT CHARACTER}" * 2
    assert text.name("") == "(no name)"


def test_counts_and_lists():
    assert text.plural(1, "recipe") == "1 recipe"
    assert text.plural(1200, "recipe") == "1,200 recipes"
    assert [text.listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert text.number(-0.0) == "0.000"
    assert text.number(math.inf) == "∞"


def test_references_have_unique_keys_and_can_be_found():
    assert len({entry.key for entry in REFERENCES}) == len(REFERENCES)
    for entry in REFERENCES:
        assert entry.link.startswith(("https://doi.org/10.", "https://arxiv.org/abs/")) or entry.kind in {
            "book",
            "misc",
        }
        assert entry.link.startswith("https://") or entry.kind == "book"
        assert str(entry.year) in entry.key
        plain = unicodedata.normalize("NFKD", entry.authors[0].split(",")[0].lower())
        assert entry.key.startswith(plain.encode("ascii", "ignore").decode())
    assert {entry.topic for entry in references([Topic.MODEL])} == {Topic.MODEL}


def test_bibtex_is_balanced_and_holds_every_entry():
    file = bibtex(REFERENCES)
    assert file.count("{") == file.count("}")
    assert file.count("@") == len(REFERENCES)
    assert "  author = {Vovk, Vladimir and Wang, Ruodu}," in file
    assert "  journal = {" in file


def test_a_reference_is_escaped():
    entry = Reference("x2000", Topic.MODEL, ("<b>, A & B",), "<i>", 2000, '"', "", doi='10.1/"><script>')
    assert "<i>" not in entry.html()
    assert "<script>" not in entry.html()
    assert entry.html().startswith("A &amp; B &lt;b&gt; (2000). <a href=")
