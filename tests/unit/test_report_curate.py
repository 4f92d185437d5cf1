import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from curate_example import CLEAN, EMPTY, EXAMPLES, ONE_SOURCE, PAIRS, READ, RESULT, RULES, SAMPLES, WRONG, crowded, loss
from hypothesis import given
from hypothesis import strategies as st

from headwater.curate.result import Counts, FailedShard, RuleLoss
from headwater.report import curate_charts, curate_text, curate_verdict, page, render_curate_report
from headwater.report.curate import alarms_of, examples_by_rule
from headwater.report.drawing import INK, ORANGE, PALE

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}
HOSTILE = '<script>alert(1)</script>"&\x00\x1b[31m\u202e'
WIDTH = 430  # pixels of the bars


class Page(HTMLParser):
    """The elements of a page in order, their text by section, and whether they nest."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.stack, self.sections, self.section = [], [], {"": []}, ""
        self.feed(html)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["aria-labelledby"]
            self.sections[self.section] = []
        if tag not in VOID:
            self.stack.append(tag)
        if tag != "wbr":
            self.sections[self.section].append(" ")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag
        if tag == "section":
            self.section = ""

    def handle_data(self, data):
        if "style" not in self.stack:
            self.sections[self.section].append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    def words(self, section=None):
        chosen = self.sections.values() if section is None else [self.sections[section]]
        return " ".join(" ".join("".join(part) for part in chosen).split())


def marks(svg, kind):
    """Return the drawn elements of all marks of a kind, such as line, symbol, rect, rule, text, area."""
    found = []
    for one in ET.fromstring(svg).iter(f"{SVG}g"):
        if one.get("class", "").split()[:2] == [f"mark-{kind}", "role-mark"]:
            found += [part for part in one if part.tag.split("}")[1] in {"path", "line", "text"}]
    return found


def width(bar):
    return float(re.match(r"M[\d.]+,[\d.]+h([\d.]+)", bar.get("d"))[1])


@pytest.fixture(scope="module")
def pages():
    return {name: render_curate_report(result) for name, result in EXAMPLES.items()}


# The page


def test_every_page_is_one_small_document_that_runs_and_loads_nothing(pages):
    for html in pages.values():
        assert len(html.encode()) <= page.MOST_BYTES
        read = Page(html)
        assert [tag for tag, _ in read.elements].count("h1") == 1
        levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert not read.all("script", "iframe", "object", "embed", "form", "base", "img")
        for _, attributes in read.elements:
            assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "action"}]
        for target in [anchor["href"] for anchor in read.all("a")]:
            assert re.match(r"#[a-z]+$|https://(doi\.org/10\.|arxiv\.org/abs/\d)", target), target
        ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {one["href"][1:] for one in read.all("a") if one["href"].startswith("#")} <= set(ids)
        tags = [tag for tag, _ in read.elements]
        assert tags.count("caption") == tags.count("table")
        assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in read.all("svg"))


def test_sections_come_in_order_and_none_is_blank(pages):
    everything = [
        "warnings", "counts", "rules", "sources", "languages", "origins", "samples", "pairs", "bad", "run", "limits", "thresholds",
        "references",
    ]  # fmt: skip
    assert [one["id"] for one in Page(pages["result"]).all("h2")] == everything
    least = [one for one in everything if one not in {"warnings", "languages", "origins"}]
    assert [one["id"] for one in Page(pages["empty"]).all("h2")] == least
    for html in pages.values():
        read = Page(html)
        headings = {one: words for one in read.sections if one and (words := read.words(one))}
        assert all(len(words.split()) >= 8 for words in headings.values()), headings
        assert not re.search(r"\b(nan|None|inf|Undefined)\b", read.words())


def test_the_numbers_of_the_result_are_on_the_page(pages):
    read = Page(pages["result"])
    for section, texts in {
        "": ["41,203 of 59,158 documents were kept (69.6%)", "22 November 2026, 18:10 UTC", "48.2 MB", "embedded, 2 workers"],
        "counts": [
            "59,158 in = 41,203 kept + 17,914 dropped + 41 bad adds up",
            "Kept 41,203 69.6% 110,170,400 77.6% 21,840,112",
            "Dropped 17,914 30.3% 31,710,400 22.4%",
            "1 part of the input could not be worked on.",
            "3 sources of 7 lost more than half of their documents: hotels.example 98%, shop.example 68%, blog.example 88%",
        ],
        "rules": [
            "Of 17,914 dropped documents, 14,131 failed one rule only and 3,783 several.",
            "too_few_words gopher quality It has fewer words than this. 50 4,120 7.0% 2,604",
            "near_duplicate duplicates Another document is almost the same and stands for it. – 6,020 10.2% 3,344",
            "2 rules that dropped nothing",
        ],
        "sources": [
            "3 sources lost more than half of their documents, 1 of them more than 95%.",
            "hotels.example 2,150 98.1% 98.1% near_duplicate 2,090, too_many_repeated_characters 640",
            "news.example 24,300 19,806 18.5% 12.2% too_few_words 1,844, near_duplicate 1,602",
        ],
        "languages": ["de 3,310 120 96.4% 96.4% too_few_stop_words 2,204, other_language 1,604"],
        "origins": ["machine 4,110 1,208 70.6% 70.6%"],
        "samples": ["0.412 > 0.3 Home ↵ News ↵ Home", "12 < 50 404 – the page", "0.1504 > 0.15", "crawl/part-02.jsonl.zst:733"],
        "pairs": ["7,139 removed documents have another", "similarity 0.74 ± 0.04, cluster of 1,204 documents", "equal texts"],
        "bad": ["41 records", "not json 31", "crawl/part-04.jsonl.zst whole file The file ends"],
        "run": ["74.9 s in all processes", "1.17 MB/s, 0.644 MB per CPU second", "812 MB", "duckdb 1.4.2", "duplicates.near = true"],
        "limits": ["English", "style, not falsehood", "close to a coin flip", "found with probability 65%"],
        "thresholds": ["headwater rethreshold curated --set too_few_words=50", "--set too_few_words=off", "2,604 documents fail nothing else"],
        "references": ["2112.11446", "Journal of Machine Learning Research 21(140)", "Broder", "1612.03651"],
    }.items():  # fmt: skip
        for text in texts:
            assert text in read.words(section) + " " + pages["result"] * (section == "references"), (section, text)


def test_counts_that_do_not_add_up_are_an_alarm(pages):
    words = Page(pages["wrong"]).words("counts")
    assert "does not add up" in words
    assert "7 documents missing." in words
    assert "does not add up" not in Page(pages["result"]).words()
    twice = replace(RESULT, documents=Counts(10, 6, 5, 0))
    assert "1 document too many." in Page(render_curate_report(twice)).words("counts")


def test_an_empty_corpus_and_one_that_lost_nothing_say_so(pages):
    empty = Page(pages["empty"])
    assert "There was no document to curate." in empty.words("")
    for section, text in {
        "counts": "0 in = 0 kept + 0 dropped + 0 bad adds up",
        "rules": "No rule dropped a document.",
        "sources": "No document belongs to a source.",
        "samples": "Nothing was dropped",
        "pairs": "No document was removed as a duplicate.",
        "bad": "No record was read.",
        "run": "not measured",
    }.items():
        assert text in empty.words(section), section
    clean = Page(pages["clean"])
    assert "All 59,117 documents were kept." in clean.words("")
    assert "No source of at least 20 documents lost more than half" in clean.words("sources")
    bare = Page(render_curate_report(replace(EMPTY, rules=(), inputs=(), out="")))
    assert "No rule was applied." in bare.words("rules")
    assert "headwater rethreshold DIR --set REASON=VALUE" in bare.words("thresholds")


def test_one_source_is_no_chart_and_says_what_cannot_be_seen(pages):
    read = Page(pages["one_source"])
    assert "All documents come from one source, crawl.jsonl." in read.words("sources")
    assert "crawl.jsonl 59,117 41,203 30.3%" in read.words("sources")
    assert len(read.all("svg")) == 3  # rules, origins and the probability; no source and no language
    assert len(Page(pages["result"]).all("svg")) == 5


def test_near_duplicates_that_were_not_looked_for_have_no_chart():
    settings = {**RESULT.settings, "duplicates": {"near": False}}
    words = Page(render_curate_report(replace(RESULT, settings=settings))).words("limits")
    assert "coin flip" not in words
    assert "English" in words


# Over-deletion


def test_sources_that_lost_much_are_named_with_what_they_lost():
    found = alarms_of(RESULT)
    assert [one.loss.name for one in found] == ["hotels.example", "shop.example", "blog.example"]
    assert [len(one.pairs) for one in found] == [2, 0, 0]
    assert [one.reason for one in found[1].samples] == ["repeated_lines", "repeated_5_grams", "custom:shouting"]
    words = Page(render_curate_report(RESULT)).words("sources")
    assert re.search(r"What hotels.example lost near_duplicate similarity 0.74.*Hotel Adler.*Hotel Krone", words)
    assert re.search(r"What shop.example lost.*repeated_lines 0.412 > 0.3", words)
    assert "What blog.example lost" not in words  # there is no example of it


def test_half_is_no_alarm_and_few_documents_are_none():
    sources = [loss("half", 1_000, 500), loss("more", 1_000, 499), loss("few", 19, 0), loss("enough", 20, 0)]
    assert [one.name for one in curate_text.alarms(sources)] == ["enough", "more"]


# Samples and pairs


def test_samples_stand_in_the_order_of_the_rules_five_at_most():
    many = tuple(replace(SAMPLES[2], id=f"{i:032}", text=f"Text number {i} of them.") for i in range(9))
    other = replace(SAMPLES[0], reason="unheard_of")
    result = replace(RESULT, samples=(other, *reversed(SAMPLES), *many))
    assert [one.reason for one in examples_by_rule(result)] == [
        *[rule.rule for rule in RULES if rule.rule in {one.reason for one in SAMPLES}],
        "unheard_of",
    ]
    words = Page(render_curate_report(replace(RESULT, samples=many))).words("samples")
    assert words.count("Text number") == 5


@pytest.mark.parametrize(
    ("measured", "threshold", "wanted"),
    [
        (12, 50, "12 < 50"),
        (0.412, 0.3, "0.412 > 0.3"),
        (0.30001, 0.3, "0.30001 > 0.3"),
        (250_000, 100_000, "250,000 > 100,000"),
        (1, 1, "1 = 1"),
        (0.5, None, "0.5"),
        (None, 0.5, "–"),
        (math.nan, 0.5, "– = 0.5"),
        ("fr", ("en", "de"), "fr, none of en, de"),
    ],
)
def test_a_measured_value_stands_beside_its_threshold(measured, threshold, wanted):
    assert curate_text.against_threshold(measured, threshold) == wanted


def test_words_that_only_one_text_has_are_marked():
    left, right = curate_text.differences("the cat sat\non the mat", "the dog sat\non a mat", 100)
    assert [one.text for one in left if one.differs] == ["cat", "the"]
    assert [one.text for one in right if one.differs] == ["dog", "a"]
    assert "".join(one.text for one in left) == "the cat sat ↵ on the mat"
    html = render_curate_report(RESULT)
    assert "<mark>Adler</mark>" in html
    assert "<mark>Krone</mark>" in html


def test_what_lies_beyond_the_cut_is_not_called_different():
    left, right = curate_text.differences("one two three " * 30, "one two three", 40)
    assert not [one for one in (*left, *right) if one.differs]


@given(st.text(max_size=60), st.text(max_size=60), st.integers(5, 80))
def test_marking_never_changes_a_text(removed, kept, limit):
    left, right = curate_text.differences(removed, kept, limit)
    assert "".join(one.text for one in left) == curate_text.line(removed, limit)
    assert "".join(one.text for one in right) == curate_text.line(kept, limit)
    if removed == kept:
        assert not [one for one in (*left, *right) if one.differs]


def test_how_alike_two_documents_are():
    assert curate_text.similarity_words(PAIRS[0]) == "similarity 0.74 ± 0.04"
    assert curate_text.similarity_words(PAIRS[2]) == "equal texts"
    assert curate_text.similarity_words(replace(PAIRS[0], similarity=None)) == "not estimated"
    assert curate_text.similarity_words(replace(PAIRS[0], similarity=1.0)) == "similarity 1.00 ± 0.00"


# Words


def test_the_verdict():
    assert curate_verdict(RESULT) == (
        "41,203 of 59,158 documents were kept (69.6%), with 77.6% of the characters and 21,840,112 tokens; "
        "17,914 were dropped, most often for near_duplicate (6,020), and 41 records were bad; "
        "1 part of the input could not be worked on."
    )
    assert curate_verdict(WRONG).endswith("; the counts do not add up.")
    assert curate_verdict(CLEAN) == "All 59,117 documents were kept."
    nothing = replace(RESULT, documents=Counts(READ, 0, READ, 0), failed=(), tokens=None, kept_characters=0)
    assert (
        curate_verdict(nothing)
        == "None of 59,158 documents was kept; 59,158 were dropped, most often for near_duplicate (6,020)."
    )
    single = replace(CLEAN, documents=Counts(1, 0, 0, 1))
    assert curate_verdict(single) == "None of 1 document was kept; 1 record was bad."
    for result in EXAMPLES.values():
        assert curate_verdict(result).count(". ") == 0


def test_the_command_to_change_a_threshold_can_be_pasted():
    def command(out, reason="custom:a b"):
        return curate_text.rethreshold_command(out, reason, "0.5")

    assert command("out", "empty") == "headwater rethreshold out --set empty=0.5"
    assert command("my out; rm -rf") == "headwater rethreshold 'my out; rm -rf' --set 'custom:a b'=0.5"
    for unusable in ("", "a\nb", "a\x00b", "x" * 400):
        assert command(unusable, unusable) == "headwater rethreshold DIR --set REASON=0.5"
    order = curate_text.rethresholdable(RULES)
    assert order[0].rule == "too_few_words"
    assert not {"near_duplicate", "other_language"} & {rule.rule for rule in order}


def test_settings_are_lines_of_dotted_keys():
    lines = curate_text.settings_lines(RESULT.settings)
    assert "duplicates.bands = 14" in lines
    assert "thresholds.curly_bracket = false" in lines
    assert 'languages.keep = ["en"]' in lines
    assert all(json.loads(line.split(" = ", 1)[1]) is not None for line in lines)


def test_bands_come_from_the_settings():
    assert curate_text.bands_and_rows({"duplicates": {"bands": 20, "rows": 5, "near": True}}) == (20, 5)
    assert curate_text.bands_and_rows({}) == (14, 8)
    assert curate_text.bands_and_rows({"duplicates": {"near": False}}) is None
    assert curate_text.bands_and_rows({"duplicates": {"bands": "many", "rows": 0}}) == (14, 8)


# 1 - (1 - s^8)^14, to three decimals.
@pytest.mark.parametrize(
    ("similarity", "wanted"), [(0.5, 0.053), (0.6, 0.211), (0.7, 0.565), (0.75, 0.772), (0.8, 0.924), (0.85, 0.988), (1, 1)]
)  # fmt: skip
def test_the_probability_that_a_near_duplicate_is_found(similarity, wanted):
    found = curate_text.found_probability(similarity)
    assert found == pytest.approx(wanted, abs=5e-4)
    assert curate_text.similarity_at(found) == pytest.approx(similarity)


# Charts


def test_a_bar_in_two_shades_and_a_label_for_every_rule_that_dropped_something():
    svg = curate_charts.loss_by_rule(RULES, READ, 30)
    dropping = [rule for rule in RULES if rule.dropped]
    bars = marks(svg, "rect")
    assert len(bars) == 2 * len(dropping)
    assert {bar.get("fill") for bar in bars} == {ORANGE}
    pale = [bar for bar in bars if bar.get("opacity") == "0.38"]
    assert len(pale) == len(dropping)
    told = [mark.text for mark in marks(svg, "text")]
    assert told[0] == "6,020 (10.2%), alone 3,344"
    assert len(told) == len(dropping)
    assert "too_many_words" not in svg  # dropped nothing


def test_rules_are_drawn_to_scale_the_largest_first():
    rules = [
        RuleLoss(name, "", "", "m", 1.0, dropped, alone) for name, dropped, alone in [("a", 100, 100), ("b", 400, 100)]
    ]
    bars = marks(curate_charts.loss_by_rule(rules, 1_000, 9), "rect")
    lengths = {(round(width(bar) / WIDTH, 3), bar.get("opacity") or "1") for bar in bars}
    assert lengths == {(0.25, "1"), (0.75, "0.38")}  # 100 of b alone, 300 with others; 100 of a
    assert len(bars) == 3
    assert [mark.text for mark in marks(curate_charts.loss_by_rule(rules, 1_000, 1), "text")] == [
        "400 (40.0%), alone 100"
    ]


def test_bars_of_parts_are_whole_and_ticks_are_characters():
    parts = [
        loss("a", 200, 150, characters=1_000, kept_characters=900),
        loss("b", 100, 0),
        loss("c", 50, 50, characters=0),
        loss("d", 0, 0),
    ]
    svg = curate_charts.loss_by_part(parts, "source", 9)
    shapes = marks(svg, "rect")
    bars = [bar for bar in shapes if bar.get("fill") in {ORANGE, PALE}]
    assert sum(width(bar) for bar in bars) == pytest.approx(3 * WIDTH, abs=1)
    assert [round(width(bar)) for bar in bars if bar.get("fill") == ORANGE] == [round(0.25 * WIDTH), WIDTH]
    ticks = [bar for bar in shapes if bar.get("fill") == INK]
    places = [float(re.match(r"M([\d.]+)", tick.get("d"))[1]) + 1 for tick in ticks]
    assert places == pytest.approx([0.1 * WIDTH, WIDTH], abs=0.6)  # none of c, which has no character
    assert sorted(mark.text for mark in marks(svg, "text")) == ["0% of 50", "100% of 100", "25% of 200"]
    bold = [mark.text for mark in marks(svg, "text") if mark.get("font-weight") == "bold"]
    assert bold == ["100% of 100"]
    assert len(marks(svg, "rule")) == 1  # half


def test_nothing_to_draw_is_an_empty_string():
    assert curate_charts.loss_by_rule(CLEAN.rules, 10, 9) == ""
    assert curate_charts.loss_by_rule((), 0, 9) == ""
    assert curate_charts.loss_by_part(ONE_SOURCE.sources, "source", 9) == ""
    assert curate_charts.loss_by_part((), "origin", 9) == ""


def test_the_probability_is_drawn_with_its_points_and_where_chance_decides():
    svg = curate_charts.near_duplicate_probability(14, 8)
    assert len(marks(svg, "line")) == 1
    assert len(marks(svg, "symbol")) == 6
    told = [mark.text for mark in marks(svg, "text")]
    assert {"0.70: 56%", "0.80: 92%", "chance decides"} <= set(told)
    zone = width(marks(svg, "rect")[0]) / 560
    assert zone == pytest.approx(curate_text.similarity_at(0.9) - curate_text.similarity_at(0.1), abs=0.003)
    for odd in ((1, 1), (64, 1), (1, 32), (64, 32)):
        ET.fromstring(curate_charts.near_duplicate_probability(*odd))


def test_names_that_look_alike_keep_their_own_bars():
    long = "https://www.example.org/archive/of/everything/"
    parts = [loss(f"{long * 3}{i}", 10, 5) for i in range(3)]
    assert len(marks(curate_charts.loss_by_part(parts, "source", 9), "rect")) == 3 * 3


def test_specifications_are_valid_vega_lite(monkeypatch):
    import altair as alt
    import vl_convert

    drawn = []
    original = vl_convert.vegalite_to_svg
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda spec, **o: (drawn.append(spec), original(spec, **o))[1])
    render_curate_report(RESULT)
    assert len(drawn) == 5
    for spec in drawn:
        alt.Chart.from_dict(spec, validate=True)


# Size and bad input


def test_many_sources_and_rules_are_cut_and_said_to_be(pages):
    words = Page(pages["crowded"]).words("sources")
    assert re.search(r"[\d,]+ further sources left out for the size of this page", words)
    assert "largest of 10,000" in words
    assert "of 60." in Page(pages["crowded"]).words("rules")
    # Every rule keeps a sample: texts are cut before rules are.
    few = Page(render_curate_report(crowded(sources=3, samples=5)))
    assert len(re.findall(r"rule_\d\d, \d+ dropped", few.words("samples"))) >= 40


def test_no_result_makes_a_page_too_large():
    long = "wörd<&>\n" * 500
    result = crowded(2_000, rules=400, samples=6)
    result = replace(
        result,
        out=long,
        inputs=(long,) * 50,
        bad_by_kind={f"{i} {long}": 1 for i in range(300)},
        rules=tuple(replace(one, rule=f"{one.rule} {long}", sentence=long, family=long) for one in result.rules),
        sources=tuple(replace(one, name=f"{one.name} {long}", reasons={long: 3, long[1:]: 2}) for one in result.sources),
        languages=tuple(loss(f"{i} {long}", 50, 3, {long: 4}) for i in range(300)),
        origins=tuple(loss(f"{i} {long}", 50, 3, {long: 4}) for i in range(300)),
        samples=tuple(
            replace(one, reason=f"{one.reason} {long}", text=long, place=long, id=long, source=f"{one.source} {long}")
            for one in result.samples
        ),
        pairs=tuple(
            replace(one, removed_text=long, kept_text="a <b> " * 300, removed_place=long, kept_place=long, source=f"{one.source} {long}")
            for one in result.pairs
        ),
        failed=(FailedShard(long, long, long),) * 300,
        warnings=(long,) * 300,
        versions={f"{i} {long}": long for i in range(300)},
        settings={f"key {i}": long for i in range(300)},
        created=long,
        engine=long,
    )  # fmt: skip
    html = render_curate_report(result)
    assert len(html.encode()) <= page.MOST_BYTES
    assert Page(html).words("samples")


def test_hostile_text_is_shown_and_does_nothing():
    parts = tuple(loss(f"{HOSTILE}{i}", 30, 2, {HOSTILE: 9}) for i in range(2))
    result = replace(
        RESULT,
        out=HOSTILE,
        inputs=(HOSTILE,),
        bad_by_kind={HOSTILE: 41},
        rules=(RuleLoss(HOSTILE, HOSTILE, HOSTILE, "m", 0.5, 9, 3), RuleLoss(f"{HOSTILE}0", HOSTILE, HOSTILE, "", None, 0, 0)),
        sources=parts,
        n_sources=2,
        languages=parts,
        origins=parts,
        samples=(replace(SAMPLES[0], reason=HOSTILE, id=HOSTILE, place=HOSTILE, text=HOSTILE, source=f"{HOSTILE}0"),),
        pairs=(
            replace(
                PAIRS[0], reason=HOSTILE, removed_id=HOSTILE, removed_place=HOSTILE, removed_text=HOSTILE, kept_id=HOSTILE,
                kept_place=HOSTILE, kept_text=f"other {HOSTILE}", similarity=math.nan, source=f"{HOSTILE}0",
            ),
        ),
        failed=(FailedShard(HOSTILE, HOSTILE, HOSTILE),),
        warnings=(HOSTILE,),
        settings={HOSTILE: {HOSTILE: HOSTILE}, "extends": HOSTILE},
        versions={HOSTILE: HOSTILE},
        engine=HOSTILE,
        created=HOSTILE,
    )  # fmt: skip
    html = render_curate_report(result)
    read = Page(html)
    assert not read.all("script")
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u202e]", html)
    for section in (
        "",
        "warnings",
        "counts",
        "rules",
        "sources",
        "languages",
        "origins",
        "samples",
        "pairs",
        "bad",
        "run",
    ):
        assert "<script>alert(1)</script>" in read.words(section), section
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ET.fromstring(svg)


def test_names_are_shown_as_thresholds():
    named = tuple(replace(one, threshold=("en", "de")) if one.rule == "other_language" else one for one in RULES)
    read = Page(render_curate_report(replace(RESULT, rules=named)))
    assert "other_language language Its language is none of those to keep. en, de 2,204" in read.words("rules")
    assert "--set other_language" not in read.words("thresholds")


def test_origins_are_shown_where_one_is_known():
    unknown = tuple(one for one in RESULT.origins if one.name == "unknown")
    html = render_curate_report(replace(RESULT, origins=unknown))
    assert 'id="origins"' not in html
    assert "#origins" not in html


def test_personal_data_are_told_with_what_was_done():
    for action, end in (
        ("mask", "Placeholders stand for them in the kept text."),
        ("drop", "Documents with any were dropped."),
    ):
        settings = {**RESULT.settings, "personal_data": {"action": action}}
        words = Page(render_curate_report(replace(RESULT, settings=settings))).words("counts")
        assert f"in 412 documents, 307 of them kept: 388 emails and 97 phone numbers. {end}" in words
    assert "Personal data" not in Page(render_curate_report(CLEAN)).words("counts")
