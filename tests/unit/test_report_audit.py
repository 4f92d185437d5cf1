import math
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from audit_example import (
    BOUNDED,
    EXAMPLES,
    MONTHS,
    NO_REFERENCES,
    PLAIN,
    REFUSED,
    RESULT,
    SCORES,
    SOURCES,
    TOO_FEW,
    UNKNOWN,
    crowded,
    group,
    share,
)

from headwater.origin.result import Costs, Drift, Grade, GroupAudit, Histogram, LengthBucket, ShareEstimate
from headwater.report import audit_charts, audit_text, audit_verdict, page, render_audit_report
from headwater.report.audit import refusals
from headwater.report.drawing import BLUE, GREEN, MUTED, ORANGE, PAPER

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = '<script>alert(1)</script>"&\x00\x1b[31m\u202e'


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
        return " ".join(" ".join(" ".join(part) for part in chosen).split())


def marks(svg, kind):
    """Return the drawn elements of all marks of a kind, such as line, symbol, rect, rule, text, area."""
    found = []
    for one in ET.fromstring(svg).iter(f"{SVG}g"):
        if one.get("class", "").split()[:2] == [f"mark-{kind}", "role-mark"]:
            found += [part for part in one if part.tag.split("}")[1] in {"path", "line", "text"}]
    return found


def labels(svg):
    return [part.text for part in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def pages():
    return {name: render_audit_report(result) for name, result in EXAMPLES.items()}


# The page


def test_every_page_is_one_small_document_that_runs_and_loads_nothing(pages):
    for html in pages.values():
        assert len(html.encode()) <= page.MOST_BYTES
        read = Page(html)
        assert [tag for tag, _ in read.elements].count("h1") == 1
        levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert not read.all("script", "iframe", "object", "embed", "form", "base", "img")
        for _, attributes in read.elements:
            assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "action"}]
        for target in [anchor["href"] for anchor in read.all("a")]:
            known = r"#[a-z]+$|https://(doi\.org/10\.|arxiv\.org/abs/\d|spec\.c2pa\.org/|cv\.iptc\.org/)"
            assert re.match(known, target), target
        ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {one["href"][1:] for one in read.all("a") if one["href"].startswith("#")} <= set(ids)
        tags = [tag for tag, _ in read.elements]
        assert tags.count("caption") == tags.count("table")
        assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in read.all("svg"))


def test_sections_come_in_order_and_only_where_there_is_something(pages):
    both = [
        "warnings", "share", "time", "evidence", "permission", "documents", "scores", "costs", "reserve", "artefacts", "method",
        "limits", "facts", "references",
    ]  # fmt: skip
    assert [one["id"] for one in Page(pages["a"]).all("h2")] == both
    none = [one for one in both if one not in {"time", "artefacts"}]
    none.insert(none.index("share") + 1, "drift")
    assert [one["id"] for one in Page(pages["c"]).all("h2")] == none


def test_the_numbers_of_the_result_are_on_the_page(pages):
    read = Page(pages["a"])
    for section, texts in {
        "": ["between 8% and 11% are machine-made", "22 November 2026, 18:10 UTC", "2,356,000", "source and month"],
        "warnings": ["1 warning", "older than the corpus"],
        "share": ["graded A", "95% interval", "9.4% (8.0% to 10.8%)", "22.8% (20.0% to 25.6%)", "first 12 of 71 groups"],
        "evidence": ["2,614 documents are human", "a signed content credential (C2PA)", "2,210", "On 5 documents"],
        "permission": ["robots 1,204 9.7%", "content usage train ai n 88"],
        "documents": ["at most 5% of them", "50 to 99 words 2,100 60 0.0164 0.740", "200 words and more", "0.993 In conclusion"],
        "costs": [
            "a of 10.0% (stated by you)",
            "precision = a·t / (a·t + (1 − a)·f) = 0.1 × 0.5 / (0.1 × 0.5 + 0.9 × 0.01) = 84.7%",
            "1% 33.6% 1.5% 0.5%", "10% 84.7% 5.9% 5.3%", "50% 98.0% 25.5% 33.6%",
        ],
        "reserve": ["300 known human documents and 150 known machine-made", "0.953", "0.18", "near-copies of each other"],
        "artefacts": ["words glued at line ends 1.2% 31.0% 0.0% differ of themodel that", "encoding residue 0.4% 0.3% 0.6% alike"],
        "method": ["EMQ with bias-corrected temperature scaling"],
        "facts": ["3 rows could not be used", "not json 2", "scikit-learn 1.7.2", "detector/card.json", "fdr = 0.05"],
        "references": ["Adjusting the outputs of a classifier", "Binoculars", "SynthID", "Digital Source Type"],
    }.items():  # fmt: skip
        for text in texts:
            assert text in read.words(section), (section, text)


def test_the_limits_are_stated(pages):
    for html in pages.values():
        words = Page(html).words("limits")
        for text in (
            "probability",
            "Absence of marks proves nothing",
            "third class",
            "second language",
            "English only",
        ):
            assert text in words


# Where nothing can be known


def test_grade_c_and_refusals_become_no_number_whatever_the_estimate_holds(pages):
    leaky = ShareEstimate(Grade.C, 0.4242, 0.4141, 0.4343, None, "EMQ", 100, 0.4444)
    refused = ShareEstimate(Grade.A, 0.4242, 0.4141, 0.4343, "The reserve is too small.", "EMQ", 100, 0.4444)
    for estimate in (leaky, refused):
        assert audit_text.claim(estimate) is None
        one = replace(UNKNOWN.groups[0], estimate=estimate, drift=None)
        result = replace(
            UNKNOWN, corpus=replace(UNKNOWN.corpus, estimate=estimate), groups=(one, replace(one, group="b"))
        )
        html = render_audit_report(result)
        assert not re.search(r"4[1-4]\.?[1-4]?[1-4]?%|0\.4[1-4]", html)
        assert "No share is given, because none can be known." in html
        assert audit_charts.share_by_group(result, 30) == ""
    for name in ("c", "refused"):
        assert "%" not in re.sub(r"fdr|5%", "", Page(pages[name]).words("share"))
        assert "%" not in audit_verdict(EXAMPLES[name])


def test_a_refused_group_shows_its_reason_in_chart_and_table_nowhere_a_number(pages):
    words = Page(pages["a"]).words("share")
    assert f"{TOO_FEW} 1 12 forum · 2023-05" in words
    assert "forum · 2023-05 12 refused it has fewer than 30 documents" in words
    drawn = labels(audit_charts.share_by_group(RESULT, 100))
    assert "forum · 2023-04" in drawn
    assert "forum · 2023-05" not in drawn


def test_reasons_are_gathered_and_those_of_most_documents_come_first():
    result = crowded(40)
    rows = refusals([*result.groups, group("c", documents=9_999, estimate=share("C"))])
    assert [(row.reason, len(row.groups)) for row in rows] == [
        ("there are no human references", 1),
        ("it has fewer than 30 documents of at least 50 words", 4),
    ]
    assert rows[1].documents == sum(one.documents for one in result.groups[::10])


@pytest.mark.parametrize("broken", [math.nan, math.inf, None])
def test_no_point_without_an_interval(broken):
    assert audit_text.claim(ShareEstimate(Grade.A, 0.1, broken, 0.2, None, "", 9)) is None
    assert audit_text.claim(ShareEstimate(Grade.A, 0.1, 0.0, broken, None, "", 9)) is None
    assert audit_text.claim(ShareEstimate(Grade.B, 0.1, broken, 0.2, None, "", 9)) is None
    assert audit_text.reason(ShareEstimate(Grade.A, 0.1, broken, 0.2, None, "", 9)) == "the estimate has no interval"
    bound = audit_text.claim(ShareEstimate(Grade.B, 0.1, 0.05, broken, None, "", 9))
    assert (bound.share, bound.low, bound.high) == (None, 0.05, 1.0)  # never a point at grade B


# Sentences


def test_verdicts_say_what_is_known_and_what_is_not():
    assert audit_verdict(PLAIN) == (
        "Of 400 documents that can be judged (of 12,400 documents), between 8% and 11% are machine-made (best estimate 9.4%; grade A). "
        "350 are shown to be machine-made or mixed by marks or records alone."
    )
    assert "at least 6% are machine-made; at most 22% if it is like the machine text the detector knows (grade B" in (
        audit_verdict(BOUNDED)
    )
    everything = replace(PLAIN.corpus.estimate, documents=12_400)
    assert audit_verdict(replace(PLAIN, corpus=replace(PLAIN.corpus, estimate=everything))).startswith(
        "Of 12,400 documents, between"
    )
    assert audit_verdict(UNKNOWN).startswith(
        "How much of 12,400 documents is machine-made cannot be known: there are no human references."
    )
    assert "(AUROC 0.71, needed 0.75)" in audit_verdict(REFUSED)
    assert "The share is highest in news · 2023-12, 22.8%" in audit_verdict(RESULT)
    assert "for 1 of 72 groups it cannot be known" in audit_verdict(RESULT)
    zero = replace(PLAIN, corpus=replace(PLAIN.corpus, estimate=share("B", 0.02, 0.03)))
    assert "possibly none are machine-made, and at most 15% if" in audit_verdict(zero)
    assert audit_verdict(replace(PLAIN, corpus=replace(PLAIN.corpus, documents=0))) == "There was no document to audit."


def test_narrow_intervals_show_a_decimal():
    narrow = replace(PLAIN, corpus=replace(PLAIN.corpus, estimate=share("A", 0.031, 0.004)))
    assert "between 2.7% and 3.5%" in audit_verdict(narrow)


def test_the_arithmetic_of_isolation():
    found = {one.prevalence: one for one in audit_text.outcomes(RESULT.costs)}[0.1]
    assert found.precision == pytest.approx(0.847, abs=5e-4)
    assert found.isolated == pytest.approx(0.059)
    assert found.machine_left == pytest.approx(0.05 / 0.941)
    assert audit_text.outcomes(replace(RESULT.costs, tpr=math.nan)) == []
    nothing = render_audit_report(replace(PLAIN, costs=Costs(0.0, False, 0.0, 0.0, math.nan, 0.0, 0.0, 0.0)))
    assert "the estimate of this audit" in nothing
    assert "nan" not in Page(nothing).words("costs")


# Charts


def test_a_dot_and_a_line_for_every_group_with_a_point():
    svg = audit_charts.share_by_group(RESULT, 20)
    dots = [dot for dot in marks(svg, "symbol") if dot.get("fill") == BLUE]
    assert len(dots) == len(marks(svg, "rule")) == 21  # all documents, and the 20 with the largest share
    assert len(marks(svg, "text")) == 21
    places = [float(re.match(r"translate\(([\d.]+)", dot.get("transform"))[1]) for dot in dots]
    assert places[1:] == sorted(places[1:], reverse=True)
    assert {"0%", "Machine-made share of documents"} <= set(labels(svg))


def test_the_chart_of_shares_is_drawn_to_scale():
    groups = (group("a", estimate=share(value=0.2, half=0.1)), group("b", estimate=share(value=0.4, half=0.05)))
    svg = audit_charts.share_by_group(replace(PLAIN, groups=groups), 9)
    lengths = [float(rule.get("x2")) for rule in marks(svg, "rule")]
    assert lengths[2] / lengths[1] == pytest.approx(0.2 / 0.1, rel=0.01)
    dots = [float(re.match(r"translate\(([\d.]+)", dot.get("transform"))[1]) for dot in marks(svg, "symbol")]
    assert dots[1] / dots[2] == pytest.approx(0.4 / 0.2, rel=0.01)  # measured from zero


def test_a_bound_is_an_open_range_without_a_dot():
    svg = audit_charts.share_by_group(BOUNDED, 20)
    arrows = marks(svg, "symbol")
    assert len(arrows) == 21
    assert {arrow.get("fill") for arrow in arrows} == {PAPER}
    assert {rule.get("stroke-dasharray") for rule in marks(svg, "rule")} == {"4,3"}
    assert len(marks(svg, "rect")) == 21  # the bound itself
    assert all(re.fullmatch(r"at least [\d.]+%, at most [\d.]+%", mark.text) for mark in marks(svg, "text"))


def test_verdicts_are_stacked_to_whole_bars():
    result = replace(PLAIN, groups=(group("a", documents=200, extreme=0.25), group("b", documents=40, extreme=0.0)))
    svg = audit_charts.verdicts_by_group(result, 9)
    bars = marks(svg, "rect")
    assert len(bars) == 3 + 3 + 2  # no bar for no document
    widths = [float(re.match(r"M[\d.]+,[\d.]+h([\d.]+)", bar.get("d"))[1]) for bar in bars]
    assert sum(widths) == pytest.approx(3 * 560, abs=1)
    extreme = [width for width, bar in zip(widths, bars, strict=True) if bar.get("fill") == ORANGE]
    assert extreme[1] == pytest.approx(0.25 * 560, abs=0.5)
    assert [mark.text for mark in marks(svg, "text")] == ["992 of 12,400", "50 of 200", "0 of 40"]
    assert audit_charts.verdicts_by_group(replace(UNKNOWN, groups=()), 9) == ""


def test_scores_are_drawn_with_references_and_thresholds():
    svg = audit_charts.score_distributions(SCORES, RESULT.buckets)
    assert len(marks(svg, "line")) == 3
    assert len(marks(svg, "area")) == 1
    rules = marks(svg, "rule")
    assert len(rules) == 3
    places = sorted(float(re.match(r"translate\(([\d.]+)", rule.get("transform"))[1]) for rule in rules)
    assert places == pytest.approx([700 * score for score in (0.61, 0.66, 0.74)], abs=1)
    assert {"machine-like, 50 to 99 words", "human references", "machine references"} <= set(labels(svg))


def test_groups_are_added_up_to_the_corpus():
    scores = Histogram(0.0, 0.5, {"x": (1, 2), "y": (3, 4), "human references": (0, 5), "machine references": (0, 0)})
    assert audit_charts.score_series(scores) == {"corpus": (4, 6), "human references": (0, 5)}
    assert audit_charts.score_series(replace(scores, counts={"all": (9, 9), "x": (1, 2)})) == {"corpus": (9, 9)}
    assert audit_charts.score_distributions(replace(scores, counts={}), ()) == ""


def test_of_many_thresholds_the_lowest_and_the_highest_are_drawn():
    buckets = [LengthBucket(50 * i, 50 * i + 49, 9, 9, 0.5 + i / 100) for i in range(1, 9)]
    svg = audit_charts.score_distributions(SCORES, [*buckets, LengthBucket(500, None, 9, 9, None)])
    assert len(marks(svg, "rule")) == 2
    assert {"machine-like, 50 to 99 words", "machine-like, 400 to 449 words"} <= set(labels(svg))


# Time


def test_a_line_with_a_band_for_every_source_broken_where_there_is_no_number():
    lines = audit_charts.timelines_of(RESULT)
    assert {line.source for line in lines} == set(SOURCES)
    assert all(len(line.periods) == len(MONTHS) for line in lines)
    svg = audit_charts.share_over_time(lines)
    assert len(marks(svg, "line")) == 4  # the forum has two
    assert len(marks(svg, "area")) == 4
    symbols = marks(svg, "symbol")
    assert sum(mark.get("fill") == BLUE for mark in symbols) == 3 * 24 - 1
    assert sum(mark.get("fill") == MUTED for mark in symbols) == 1
    assert len(marks(svg, "rect")) == 3  # the control, in every strip
    assert "before ChatGPT: the control" in labels(svg)


def test_the_control_ends_where_it_should():
    svg = audit_charts.share_over_time(audit_charts.timelines_of(RESULT)[:1])
    width = float(re.search(r"h([\d.]+)", marks(svg, "rect")[0].get("d"))[1])
    assert width / 660 == pytest.approx((date(2022, 11, 30) - date(2022, 1, 1)).days / 730, abs=0.002)
    late = replace(RESULT, groups=tuple(one for one in RESULT.groups if one.keys["month"] > "2022-12"))
    assert not marks(audit_charts.share_over_time(audit_charts.timelines_of(late)), "rect")
    assert audit_charts.control_words(audit_charts.timelines_of(late)) == ""


def test_bounds_over_time_have_no_point():
    svg = audit_charts.share_over_time(audit_charts.timelines_of(BOUNDED))
    assert {mark.get("stroke") for mark in marks(svg, "line")} == {GREEN}
    assert {mark.get("stroke-dasharray") for mark in marks(svg, "line")} == {"5,3"}


def test_what_the_control_shows_is_said():
    lines = audit_charts.timelines_of(RESULT)
    assert audit_charts.control_words(lines) == "All 30 estimates from before include zero, as they should."
    early = replace(RESULT.groups[0], estimate=share("A", 0.09, 0.02))
    words = audit_charts.control_words(audit_charts.timelines_of(replace(RESULT, groups=(early, *RESULT.groups[1:]))))
    assert words.startswith("1 of 30 estimates from before exclude zero, by up to 7.0%")


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2023", date(2023, 1, 1), date(2023, 12, 31)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("2024/12", date(2024, 12, 1), date(2024, 12, 31)),
        ("2023-Q4", date(2023, 10, 1), date(2023, 12, 31)),
        ("2023-04-17T10:00:00Z", date(2023, 4, 17), date(2023, 4, 17)),
    ],
)
def test_periods(value, first, last):
    found = audit_charts.period_of(value)
    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize("value", ["", "2023-13", "2023-02-31", "23-01", "1492", "20230", "unknown", "2023-Q5", "٢٠٢٣"])
def test_what_is_no_period(value):
    assert audit_charts.period_of(value) is None


def test_four_digits_are_years_only_in_a_column_of_time():
    def by(column):
        groups = tuple(group(str(year), {column: str(year)}) for year in range(2019, 2025))
        return audit_charts.time_column(replace(RESULT, by=(column,), groups=groups))

    assert by("year") == "year"
    assert by("postcode") is None
    assert audit_charts.time_column(crowded(20)) is None


# Size and bad input


def test_long_lists_of_groups_are_folded_and_cut(pages):
    assert "300 groups as a table" in pages["crowded"]
    assert "<details>\n<summary>300 groups" in pages["crowded"]
    assert "<details open>\n<summary>3 groups" in pages["c"]
    words = Page(pages["crowded"]).words("share")
    assert "the first 30 of 270 groups" in words
    assert "and 24 more" in words
    huge = render_audit_report(crowded(3_000))
    assert len(huge.encode()) <= page.MOST_BYTES
    assert "further groups left out for the size of this page" in huge


def test_no_result_makes_a_page_too_large():
    long = "word " * 500
    groups = tuple(
        replace(one, group=f"{i} {long}", drift=Drift(long, 0.1, ((long, 0.1, 0.0),) * 50))
        for i, one in enumerate(crowded(400).groups)
    )
    result = replace(
        RESULT,
        paths=(long,) * 50,
        groups=groups,
        references=replace(RESULT.references, remarks=(long,) * 100),
        warnings=(long,) * 100,
        examples=((long, long, 1.0, long),) * 200,
        evidence={f"{i} {long}": {"read": 1} for i in range(200)},
        permissions={f"{i} {long}": 1 for i in range(200)},
        bad_kinds={f"{i} {long}": 1 for i in range(200)},
        versions={f"{i} {long}": long for i in range(200)},
        settings=long * 50,
    )
    assert len(render_audit_report(result).encode()) <= page.MOST_BYTES


def test_hostile_text_is_shown_and_does_nothing():
    def of(name, **changes):
        keys = {"source": f"{HOSTILE}{name}", "month": "2023-01" if name == "a" else "2023-02"}
        return group(f"{HOSTILE} · {name}", keys, estimate=share("A", 0.2, 0.1), **changes)

    bad = GroupAudit(
        **{key: getattr(of("c"), key) for key in GroupAudit.__slots__} | {"estimate": share("A", refused=HOSTILE)}
    )
    result = replace(
        RESULT,
        paths=(HOSTILE,),
        by=(HOSTILE, "month"),
        groups=(of("a", drift=Drift(HOSTILE, 0.1, ((HOSTILE, 0.2, 0.1),))), of("b"), bad),
        evidence={HOSTILE: {"read": 3, HOSTILE: 2}},
        permissions={HOSTILE: 3},
        bad_kinds={HOSTILE: 1},
        detector=HOSTILE,
        card=HOSTILE,
        artefacts=(replace(RESULT.artefacts[0], name=HOSTILE, share={HOSTILE: 0.5}, example=HOSTILE),),
        examples=((HOSTILE, HOSTILE, math.nan, HOSTILE),),
        references=replace(RESULT.references, remarks=(HOSTILE,)),
        warnings=(HOSTILE,),
        versions={HOSTILE: HOSTILE},
        settings=HOSTILE,
        created=HOSTILE,
    )
    html = render_audit_report(result)
    read = Page(html)
    assert not read.all("script")
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u202e]", html)
    for section in ("warnings", "share", "drift", "evidence", "permission", "documents", "artefacts", "facts"):
        assert "<script>alert(1)</script>" in read.words(section), section
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ET.fromstring(svg)


def test_an_empty_audit_is_a_page():
    empty = replace(group("all"), documents=0, words=0, short=0, verdicts={}, origins={}, known_machine=0)
    empty = replace(empty, estimate=share("C"))
    result = replace(
        UNKNOWN,
        corpus=empty,
        groups=(),
        evidence={},
        permissions={},
        contradictions=0,
        scores=None,
        examples=(),
        read=0,
    )
    words = Page(render_audit_report(result)).words()
    assert "There was no document to audit." in words
    assert NO_REFERENCES in words
    assert "That does not make them human." in words
