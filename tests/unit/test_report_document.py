import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from report_example import CARDS, GATE, RESULT, card, generations, rounds

from headwater.loop.comparison import StreamRecord
from headwater.loop.result import CorpusFacts, ReadFacts
from headwater.loop.world import SampleText
from headwater.report import REFERENCES, Topic, drawing, render_gate_report, render_report
from headwater.schema import Reason, Stage, Verdict
from headwater.store import Part, SplitRow

BARE = replace(RESULT, generations=(), stream=(), rounds=())
"""Without charts, which take most of the time."""
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page in order, their text, and whether they nest."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.stack, self.text = [], [], []
        self.feed(html)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def html():
    return render_report(RESULT)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_one_document_with_one_heading_of_the_first_order(page):
    assert [tag for tag, _ in page.elements].count("h1") == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert dict(page.elements)["html"]["lang"] == "en"


def test_the_page_runs_nothing_and_loads_nothing(html, page):
    assert not page.all("script", "iframe", "object", "embed", "form", "base", "img")
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "srcset", "action"}]
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    for target in [anchor["href"] for anchor in page.all("a")]:
        assert re.match(r"#[a-z]+$|https://doi\.org/10\.|https://arxiv\.org/abs/\d", target), target
    assert not re.search(r"@import|url\(|javascript:", html)
    policy = next(meta["content"] for meta in page.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")


def test_anchors_lead_somewhere_and_ids_are_unique(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for anchor in page.all("a"):
        assert not anchor["href"].startswith("#") or anchor["href"][1:] in ids
    for _, attributes in page.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(key, "").split()) <= set(ids)


def test_tables_and_charts_can_be_heard(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table") > 8
    assert all(header.get("scope") in {"row", "col"} for header in page.all("th"))
    assert len(page.all("svg")) == 7
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in page.all("svg"))


def test_every_section_is_there_in_order(page):
    wanted = [
        "warnings", "loops", "inbreeding", "samples", "stream", "recipes", "parents", "feedback", "panels", "guarantee", "method",
        "facts", "references",
    ]  # fmt: skip
    assert [attributes["id"] for attributes in page.all("h2")] == wanted


def test_the_numbers_of_the_result_are_on_the_page(page):
    words = page.words
    for text in (
        "1 warning", "The panel is small.", "22 November 2026, 18:10 UTC", "41 s",
        "+0.600", "+0.900", "−0.150", "±0.000",  # against human only, by loop
        "+0.265", "−0.130", "37%",  # the stream
        "85% of it",  # 0.226 of 0.265
        "ln e = 40.16", "5.77",  # evidence against what it needed
        "14 too short, 36 truncated", "0.4% with panels, 0.0% with training text",
        "3,888 documents with 484,144 words in 907 groups", "88 groups were merged",
        "gains of at least 0.048 nats per word with probability 0.8 at the first decision, and of at least 0.071",
        "design effect is 1.23", "at most 5%", "its 4 gates share", "±0.51 nats",
        "2 rows could not be used", "1.3 trainings", "scipy", "1.17.1",
        "It was rejected 3 times.",
        "selection or truncation",  # the filtered loop lost more diversity than chance takes
    ):  # fmt: skip
        assert text in words, text


def test_verdicts_are_told_by_words_not_by_colour_alone(html):
    badges = re.findall(r'<span class="badge (\w+)">(.*?)</span>', html)
    assert len(badges) == 2 * len(CARDS) + 2  # table, cards, and both sides of the one that changes
    assert all(kind in text for kind, text in badges)


def test_samples_stand_beside_generation_0(page):
    assert "as in generation 0, in every generation" in page.words
    assert "ungated wrote this in 1" in page.words
    assert "Return the sum of ungated" not in page.words  # the prompt is told once


def test_a_prompt_is_cut_off_where_the_model_repeats_it_with_unknown_words():
    samples = tuple(
        SampleText("ungated", g, "Convert a string, using engineering, notation", wrote)
        for g, wrote in enumerate(
            ("Convert a <unk>, using <unk>, notation of old", "convert a string, using <unk>, notation, and more")
        )
    )
    words = Page(render_report(replace(BARE, samples=samples))).words
    assert "notation of old" in words  # after the prompt itself
    assert "using <unk>" not in words
    assert ", and more" in words


HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)></style></table>{{ 7 * 7 }}{% raw %}&amp;\x00\x1b\u202e"
)


def hostile_result():
    bad = card(HOSTILE, Verdict.REJECTED, Reason.PROVEN_HARMFUL)
    worst = replace(bad.worst_slice, name=HOSTILE)
    bad = replace(bad, worst_slice=worst, sentence=HOSTILE, would_change=HOSTILE, failed={"too_short": 3})
    admitted = card(HOSTILE + "2", Verdict.ADMITTED, Reason.USEFUL)
    cards = (bad, admitted)
    return replace(
        RESULT,
        run=HOSTILE,
        created=HOSTILE,
        corpus=CorpusFacts(HOSTILE, 1, 1, 1, 1, {HOSTILE: HOSTILE}, False),
        stream_description=HOSTILE,
        reading=ReadFacts(1, 1, {HOSTILE: 1}),
        warnings=(HOSTILE,),
        generations=generations(losses={"human-only": 0.0, HOSTILE: 0.1}),
        samples=tuple(SampleText(HOSTILE, g, HOSTILE, f"{g} {HOSTILE}") for g in range(3)),
        stream=(StreamRecord(HOSTILE, 0.1, 0.01, 10, 0.5),),
        cards=cards,
        cards_without_parents=(replace(bad, reason=Reason.TRAINING_COPY, stage=Stage.CHECKS), admitted),
        rounds=rounds(cards),
        settings=HOSTILE,
        versions={HOSTILE: HOSTILE, "headwater": HOSTILE},
    )


@pytest.mark.parametrize("render", [render_report, lambda r: render_gate_report(hostile_gate(r))])
def test_nothing_a_user_wrote_becomes_markup(render):
    html = render(hostile_result())
    page = Page(html)
    assert not page.all("script", "img")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.words  # as text
    assert "{{ 7 * 7 }}" in page.words
    assert "\x00" not in html
    assert "\u202e" not in html
    assert [tag for tag, _ in page.elements].count("style") == 1
    html.encode()


def hostile_gate(result):
    return replace(
        GATE,
        run=result.run,
        created=result.created,
        corpus=result.corpus,
        stream_description=result.stream_description,
        cards=result.cards,
        warnings=result.warnings,
        settings=result.settings,
        versions=result.versions,
    )


def test_the_page_stays_below_200_kilobytes_whatever_the_run():
    many = tuple(
        card(f"recipe {i} " + "long " * 50, verdict, reason, failed={r.value: 1 for r in Reason})
        for i in range(500)
        for verdict, reason in ((Verdict.ADMITTED, Reason.USEFUL), (Verdict.REJECTED, Reason.PROVEN_HARMFUL))
    )
    result = replace(
        RESULT,
        generations=generations(1000),
        samples=tuple(
            SampleText(arm, g, f"prompt {p} " * 20, f"{arm} {g} " * 500)
            for arm in ("human-only", "ungated", "filtered", "gated", "gated-stream")
            for g in (0, 1, 500, 1000)
            for p in range(3)
        ),
        cards=many,
        cards_without_parents=tuple(replace(one, reason=Reason.TOO_SMALL) for one in many),
        rounds=rounds(many[:60], 300),
        warnings=tuple(f"warning {i} " * 50 for i in range(100)),
        reading=ReadFacts(1, 10**6, {f"kind {i}": i for i in range(500)}),
        settings="key = 1\n" * 10_000,
        versions={f"package {i}": "1" for i in range(1000)},
    )
    html = render_report(result)
    assert len(html.encode()) <= 200_000
    words = Page(html).words
    assert re.search(r"the first \d+ of 1000; the others are in the verdicts file", words)
    assert re.search(r"and \d\d more", words)


def test_a_usual_number_of_recipes_is_shown_in_full():
    cards = tuple(card(f"recipe-{i}", Verdict.ADMITTED, Reason.USEFUL) for i in range(30))
    html = render_report(replace(BARE, cards=cards))
    assert html.count('<article class="card">') == 30
    assert "the others are in the verdicts file" not in Page(html).words


EMPTY = {
    "generations": (), "inbreeding": (), "samples": (), "stream": (), "cards": (), "cards_without_parents": (), "rounds": (),
    "warnings": (), "versions": {}, "split": (), "settings": "", "seconds": 0.0, "created": "",
}  # fmt: skip


@pytest.mark.parametrize("missing", [*([name] for name in EMPTY), list(EMPTY)], ids="+".join)
def test_a_report_without_a_part_leaves_the_part_out(missing):
    whole = RESULT if set(missing) & {"generations", "stream", "rounds"} else BARE
    html = render_report(replace(whole, **{name: EMPTY[name] for name in missing}))
    page = Page(html)
    anchors = {anchor["href"][1:] for anchor in page.all("a") if anchor["href"].startswith("#")}
    assert anchors <= {attributes.get("id") for _, attributes in page.elements}
    assert re.search(r'<p class="verdict">\w.+\.</p>', html)
    gone = {
        "generations": "loops",
        "samples": "samples",
        "stream": "stream",
        "cards": "recipes",
        "warnings": "warnings",
    }
    ids = {attributes.get("id") for _, attributes in page.elements}
    for name in missing:
        assert gone.get(name) not in ids or name not in gone


def test_a_users_stream_has_no_ceiling_and_says_so():
    stream = tuple(record for record in RESULT.stream if record.arm != "ceiling")
    words = Page(render_report(replace(RESULT, stream=stream))).words
    assert "There is no ceiling here" in words
    assert "dashed bar" not in words


def test_numbers_that_could_not_be_measured_are_dashes():
    nan = float("nan")
    power = replace(RESULT.power, design_effect=nan, detectable_first=0.2, detectable_tenth=float("inf"))
    words = Page(render_report(replace(BARE, power=power))).words
    assert "The design effect is" not in words
    assert "at the tenth, after three admissions, it can no longer be counted on" in words
    small = replace(power, detectable_first=float("inf"))
    words = Page(render_report(replace(BARE, power=small))).words
    assert "too small to detect a gain of any size" in words
    assert "nan" not in words.lower().split()


def test_dependence_that_is_not_known_is_said():
    corpus = replace(RESULT.corpus, grouped=False)
    words = Page(render_report(replace(BARE, corpus=corpus))).words
    assert "No group column was given, so every document counts as independent" in words
    assert "taken on trust" in words


def test_a_run_without_steering_panel_says_so():
    split = (*RESULT.split[:2], SplitRow(Part.STEERING, 0, 0, 0), *RESULT.split[3:])
    words = Page(render_report(replace(BARE, split=split))).words
    assert "There is no steering panel" in words
    assert "its scores may be shown" not in words


def test_the_guarantee_follows_the_rule():
    strict = Page(render_report(BARE)).words
    plain = Page(render_report(replace(BARE, power=replace(RESULT.power, rule="plain")))).words
    lond = Page(render_report(replace(BARE, power=replace(RESULT.power, rule="e-lond")))).words
    assert "nothing but admit or not may flow back" in strict
    assert "must not depend on earlier verdicts" in plain
    assert "at most 5% are expected not to help" in lond
    for words in (strict, plain, lond):
        assert "fresh panel documents" in words


def test_verdicts_with_and_without_parent_ids_stand_side_by_side(html, page):
    rows = re.search(r'<h2 id="parents">.*?</section>', html, re.DOTALL)[0]
    assert rows.count('<th scope="row"') == 1
    assert "made from a sealed panel document" in rows
    assert "too many of its 8-word sequences occur in a sealed panel" in rows
    assert "Only provenance finds such leaks" in page.words
    same = Page(render_report(replace(BARE, cards_without_parents=RESULT.cards))).words
    assert "Every recipe is judged alike" in same


def test_charts_take_their_colours_from_the_page(html):
    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert not re.findall(r'="(#[0-9a-f]{6})"', drawn)
    assert "var(--blue)" in drawn
    for role, (light, dark) in drawing.PALETTE.items():
        assert f"--{role}: {light};" in html
        assert f"--{role}: {dark};" in html


def contrast(one, other):
    """Return the contrast of two colours as WCAG 2 defines it, from 1 to 21."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    a, b = sorted((luminance(one), luminance(other)))
    return (b + 0.05) / (a + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_page(theme):
    colours = {role: pair[theme] for role, pair in drawing.PALETTE.items()}
    for role in ("ink", "muted", "orange", "purple", "blue", "green"):
        assert contrast(colours[role], colours["paper"]) >= 4.5, role


def test_the_gate_report_has_the_shared_sections_and_its_own():
    page = Page(render_gate_report(GATE))
    assert [attributes["id"] for attributes in page.all("h2")] == [
        "effect", "recipes", "panels", "guarantee", "method", "facts", "references",
    ]  # fmt: skip
    assert "793 documents with 126,155 tokens were admitted" in page.words
    assert "by −0.200 nats per word (±0.040, two standard errors)" in page.words
    assert "ln e = 40.16" in page.words


def test_sealed_numbers_stay_sealed():
    cards = tuple(replace(one, log_e=None, needed=None) for one in CARDS)
    page = Page(render_gate_report(replace(GATE, cards=cards, revealed=False)))
    assert "40.1" not in page.words
    assert "are sealed, because the panel is still in use" in page.words
    assert page.words.count("sealed sealed") == 3


def test_a_gate_that_admits_nothing_says_so():
    cards = tuple(one for one in CARDS if one.verdict is not Verdict.ADMITTED)
    page = Page(render_gate_report(replace(GATE, cards=cards, gain=None, admitted_documents=0)))
    assert "No document was admitted" in page.words


def test_all_references_of_a_run_are_listed(html):
    elsewhere = {Topic.CURATION, Topic.LAB, Topic.DETECTION, Topic.CONFORMAL, Topic.SHARE, Topic.MARKS, Topic.FORECAST}
    elsewhere.add(Topic.ROWS)
    shown = sum(one.topic not in elsewhere for one in REFERENCES)
    assert html.count("Here: ") == shown + 1  # and where the inbreeding coefficient comes from
