"""Declared source types, generator tags and disclosures in pages and metadata."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from credentials_example import batch

from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks import GeneratorTagReader, SourceTypeReader
from headwater.origin.marks.page import attributes, metadata
from headwater.origin.marks.source_type import origin_of_term, term_of
from headwater.schema import EvidenceKind, Origin

CV = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PAGES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "crawl" / "html_pages_cc.jsonl.zst"


def types(text: str, meta: str | None = None) -> list[Evidence]:
    return [one for _, one in SourceTypeReader().read(batch([text], meta=[meta]))]


def generators(text: str, meta: str | None = None) -> list[Evidence]:
    return [one for _, one in GeneratorTagReader().read(batch([text], meta=[meta]))]


def page(*head: str) -> str:
    return f"<!DOCTYPE html><html><head>{''.join(head)}</head><body><p>A harbour opened.</p></body></html>"


def linked(value: object) -> str:
    return page(f'<script type="application/ld+json">{json.dumps(value)}</script>')


@pytest.mark.parametrize(
    "value",
    [
        CV + "trainedAlgorithmicMedia",
        CV.replace("http:", "https:") + "trainedAlgorithmicMedia/",
        "digsrctype:trainedAlgorithmicMedia",
        "https://schema.org/TrainedAlgorithmicMediaDigitalSource",
        "TrainedAlgorithmicMediaDigitalSource",
        "TRAINED_ALGORITHMIC_MEDIA",
        " trainedAlgorithmicMedia ",
    ],
)
def test_a_term_is_known_in_all_its_spellings(value: str):
    assert term_of(value) == "trainedalgorithmicmedia"
    assert origin_of_term(value) == Origin.MACHINE


@pytest.mark.parametrize(
    ("term", "origin"),
    [
        ("trainedAlgorithmicMedia", Origin.MACHINE),
        ("algorithmicMedia", Origin.MACHINE),
        ("compositeWithTrainedAlgorithmicMedia", Origin.MIXED),
        ("compositeSynthetic", Origin.MIXED),
        ("digitalCreation", Origin.HUMAN),
        ("humanEdits", Origin.HUMAN),
        ("digitalCapture", Origin.UNKNOWN),
        ("algorithmicallyEnhanced", Origin.UNKNOWN),
        ("somethingNew", Origin.UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        '<script type="application/ld+json">{{"@type":"Article","digitalSourceType":"{}"}}</script>',
        '<script type=application/ld+json>[{{"@graph":[{{"@type":["WebPage"],"digitalSourceType":{{"@id":"{}"}}}}]}}]</script>',
        '<meta property="Iptc4xmpExt:DigitalSourceType" content="{}">',
        "<META content='{}' NAME='digital-source-type'/>",
        '<link itemprop="digitalSourceType" href="{}">',
        '<x:xmpmeta><rdf:RDF><rdf:Description Iptc4xmpExt:DigitalSourceType="{}"/></rdf:RDF></x:xmpmeta>',
        "<rdf:RDF><Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType></rdf:RDF>",
    ],
)
def test_every_place_that_declares_a_type(form: str, term: str, origin: Origin):
    (evidence,) = types(page(form.format(CV + term)))
    assert (evidence.kind, evidence.origin, evidence.status) == (EvidenceKind.SOURCE_TYPE, origin, Status.READ)
    assert term in evidence.detail
    assert ("no term" in evidence.detail) == (term == "somethingNew")


@pytest.mark.parametrize(
    "meta",
    [
        {"digitalSourceType": CV + "trainedAlgorithmicMedia"},
        {"iptc": {"digital_source_type": ["trainedAlgorithmicMedia"]}},
        {"xmp": [{"Iptc4xmpExt:DigitalSourceType": {"@id": "digsrctype:trainedAlgorithmicMedia"}}]},
    ],
)
def test_the_metadata_of_a_row_declare_a_type(meta: dict[str, object]):
    (evidence,) = types("A text.", json.dumps(meta))
    assert evidence.origin == Origin.MACHINE
    assert "metadata of the row" in evidence.detail


def test_the_type_of_a_picture_is_not_that_of_the_text():
    picture = {"@type": "ImageObject", "digitalSourceType": CV + "trainedAlgorithmicMedia"}
    for value in (
        picture,
        {"@type": "NewsArticle", "image": picture},
        {"@graph": [{"@type": "Article", "image": [picture]}]},
    ):
        (evidence,) = types(linked(value))
        assert (evidence.origin, evidence.usable) == (Origin.UNKNOWN, False)
        assert "picture" in evidence.detail


def test_writing_about_types_is_no_declaration():
    assert types("The field digitalSourceType: trainedAlgorithmicMedia marks pictures.") == []
    assert types("A text.", json.dumps({"title": "What digitalSourceType trainedAlgorithmicMedia means"})) == []


@pytest.mark.parametrize(
    ("head", "origin"),
    [
        ('<meta name="generator" content="ChatGPT">', Origin.MACHINE),
        ("<meta content='GPT-4o via Acme CMS' name='generator'>", Origin.MACHINE),
        ('<meta name="generator" content="Claude 3.5 Sonnet">', Origin.MACHINE),
        ('<meta name="generator" content="Google Gemini">', Origin.MACHINE),
        ('<meta name="author" content="ChatGPT (OpenAI)">', Origin.MACHINE),
        ('<meta name="author" content="Jane Doe and ChatGPT">', Origin.MIXED),
        ('<meta name="ai-disclosure" content="ai-generated">', Origin.MACHINE),
        ('<meta name="ai-generated" content="true">', Origin.MACHINE),
        ('<meta http-equiv="AI-Disclosure" content="mode=ai-modified; model=&quot;gpt-4&quot;">', Origin.MIXED),
        ('<meta name="ai-disclosure" content="none">', Origin.UNKNOWN),
    ],
)
def test_tags_that_name_a_writing_machine(head: str, origin: Origin):
    (evidence,) = generators(page(head))
    assert (evidence.kind, evidence.origin) == (EvidenceKind.GENERATOR_TAG, origin)


@pytest.mark.parametrize(
    "head",
    [
        '<meta name="generator" content="WordPress 6.5">',
        '<meta name="generator" content="Hugo 0.120; Gemini theme; Jasper">',
        '<meta name="generator" content="Elementor 3.2; features: gpt2ads-lazyload">',
        '<meta name="author" content="Claude Monet">',
        '<meta name="author" content="Jasper Johns, Gemini Smith">',
        '<meta name="author" content="OpenAI">',
        '<meta name="author" content="A reader of ChatGPT news at large">',
        '<meta name="description" content="Written with ChatGPT">',
        '<meta name="ai-disclosure" content="see our policy">',
        '<script type="application/ld+json">{"@type":"Article","author":"Claude"}</script>',
        '<script type="application/ld+json">{"@type":"Article","author":{"@type":"Organization","name":"Anthropic"}}</script>',
        '<script type="application/ld+json">{"@type":"Comment","author":"ChatGPT"}</script>',
        '<script type="application/ld+json">{"@type":"Article","about":{"@type":"Article","author":"ChatGPT"}}</script>',
    ],
)
def test_near_misses(head: str):
    assert generators(page(head)) == []


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ({"@type": "Article", "author": "ChatGPT"}, Origin.MACHINE),
        ({"@type": "BlogPosting", "author": [{"@type": "Person", "name": "GPT-4"}]}, Origin.MACHINE),
        ({"@type": "Article", "creator": {"@type": "SoftwareApplication", "name": "Our AI writer"}}, Origin.MACHINE),
        ({"@type": "Article", "author": ["ChatGPT", {"@type": "Person", "name": "Jane Doe"}]}, Origin.MIXED),
        ({"@graph": [{"@type": "NewsArticle", "generator": {"name": "Claude 3 Opus"}}]}, Origin.MACHINE),
    ],
)
def test_authors_in_json_ld(value: object, origin: Origin):
    (evidence,) = generators(linked(value))
    assert evidence.origin == origin


def test_a_disclosure_field_among_the_headers():
    (evidence,) = generators("x", json.dumps({"headers": {"AI-Disclosure": 'mode=ai-originated; model="m"'}}))
    assert evidence.origin == Origin.MACHINE


@pytest.mark.parametrize(
    "text",
    [
        '<script type="application/ld+json">{"digitalSourceType": ',
        '<script type="application/ld+json">' + "[" * 100_000 + '"digitalSourceType"</script>',
        "<meta name='generator' content='ChatGPT",
        '<meta name="digitalSourceType">',
        '<meta name="digitalSourceType" content="">',
        "<meta " * 1000 + "digitalSourceType",
    ],
)
def test_broken_pages_have_no_evidence(text: str):
    assert types(text) == generators(text) == []


def test_bytes_that_are_no_utf8_are_read():
    text = pa.array([b'\xff<meta name="generator" content="ChatGPT">']).cast(pa.binary()).view(pa.string())
    table = batch(["x"])
    damaged = table.set_column(table.schema.get_field_index("text"), "text", text)
    assert [one.origin for _, one in GeneratorTagReader().read(damaged)] == [Origin.MACHINE]


def test_rows_are_numbered_and_nulls_passed_over():
    documents = batch([None, "plain", page('<meta name="generator" content="ChatGPT">')], id=["a", "b", "c"])
    assert [row for row, _ in GeneratorTagReader().read(documents)] == [2]
    assert list(SourceTypeReader().read(batch([None], id=["a"]))) == []


def test_attributes_and_json_are_forgiving():
    assert attributes(""" a="1&amp;2" B='x' c=y a="second" """) == {"a": "1&2", "b": "x", "c": "y"}
    assert metadata("{") is None
    assert metadata("[" * 1_000_000) is None


@pytest.mark.skipif(not PAGES.exists(), reason="the shared crawl sample is not here")
def test_no_page_of_people_is_flagged():
    """57 real pages from 2023 and before, most with generator tags and JSON-LD; none was written by a machine."""
    lines = pa.input_stream(str(PAGES), compression="zstd").read().split(b"\n")
    documents = batch([json.loads(line)["html"] for line in lines if line])
    assert documents.num_rows == 57
    assert list(GeneratorTagReader().read(documents)) == []
    assert list(SourceTypeReader().read(documents)) == []
