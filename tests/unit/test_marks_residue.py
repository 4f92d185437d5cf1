"""Chat residue: what assistants leave behind, and what people write that looks like it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from credentials_example import batch

from headwater.origin.evidence import Evidence
from headwater.origin.marks import ChatResidueReader
from headwater.schema import EvidenceKind, Origin

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def found(text: str, source: str | None = None) -> list[Evidence]:
    return [one for _, one in ChatResidueReader().read(batch([text], source=[source]))]


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I cannot visit the harbour.",
        "The harbour is old. I'm sorry, but as an AI language model, I don't have opinions.",
        "Tides matter.\n\nAs a large language model, my answers rest on what I was trained on.",
        "<p>Unfortunately, as an AI assistant I can't browse.</p>",
        "I am an AI language model and have no family.",
        "I'm ChatGPT, a large language model.",
        "Harbours are old. I was trained by OpenAI to be helpful.",
        "As of my last knowledge update in September 2021, the bridge was closed.",
        "Als KI-Sprachmodell habe ich keine Meinung.",
        "En tant que modèle de langage, je ne peux pas voyager.",
        "Como modelo de lenguaje de IA, no tengo opiniones.",
        "作为一个AI语言模型，我没有个人观点。",
        "AI言語モデルとして、私は意見を持ちません。",
    ],
)
def test_an_assistant_about_itself(text: str):
    (evidence,) = found(text)
    assert (evidence.kind, evidence.origin) == (EvidenceKind.CHAT_RESIDUE, Origin.MACHINE)
    assert "about itself" in evidence.detail


@pytest.mark.parametrize(
    "text",
    [
        'It answered: "As an AI language model, I cannot visit the harbour."',
        "It wrote “I'm sorry. As an AI language model, I do not have opinions” and stopped.",
        "> As an AI language model, I cannot visit the harbour.",
        "The phrase `As an AI language model, I` gives them away.",
        "ChatGPT: As an AI language model, I cannot visit the harbour.",
        "The bot replied: As an AI assistant, I cannot help.",
        "```\nAs an AI language model, I cannot.\n```",
        "We use BERT as a language model, and my results are in table 2.",
        "She trained as an assistant, and I met her later.",
        "As a language model, BERT has been outperformed.",
        "Como modelo de lenguaje usamos BERT.",
        "Als Sprachmodell dient ein n-Gramm-Modell.",
        "As of my last update in May 2015 the bridge was closed.",
        "As an AI, I was built to guard this ship.",
        "My training was hard; my knowledge is small.",
    ],
)
def test_people_about_assistants(text: str):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "It opened in 1904 :contentReference[oaicite:3]{index=3}.",
        "It opened in 1904 [oai_citation:1‡harbour.example](https://harbour.example).",
        "It opened in 1904 citeturn0search1turn0search4.",
        "It opened in 1904 \ue200cite\ue202turn0search1\ue201.",
        'It opened in 1904 ({attribution:{"attributableIndex":"9-1"}}).',
        "It opened in 1904【5†source】.",
        "It opened in 1904【4:0†harbour.pdf】.",
        "[cite_start]It opened in 1904.[cite: 1, 12]",
        "It opened in 1904[span_1](start_span).",
        "It opened in 1904 [](grok_render_citation_card_json={}).",
        "[Download](sandbox:/mnt/data/harbour.csv)",
    ],
)
def test_citation_marks(text: str):
    (evidence,) = found(text)
    assert evidence.origin == Origin.MACHINE
    assert "citation mark" in evidence.detail


@pytest.mark.parametrize(
    "text",
    [
        "Remove marks such as `oaicite:0` and `[cite: 1]` before you publish.",
        "def f():\n    return0file1 = 3",
        "Smith 1904† and Jones【注】.",
        "turn 0 search 1; saturn5image2x",
        "```\n[cite_start]\n```",
        "See [citation needed] and [cite: Smith].",
    ],
)
def test_what_only_looks_like_a_citation_mark(text: str):
    assert found(text) == []


def test_links_show_that_an_assistant_took_part():
    (evidence,) = found("See https://a.example/x?utm_source=chatgpt.com and https://b.example/?a=1&utm_source=openai.")
    assert evidence.origin == Origin.MIXED
    assert evidence.detail.endswith("and 1 more")
    page = '<html><a href="https://a.example/?x=1&amp;utm_source=perplexity">x</a></html>'
    assert [one.origin for one in found(page)] == [Origin.MIXED]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ('<html><link rel="canonical" href="https://a.example/?utm_source=chatgpt.com"></html>', None),
        ("Share https://a.example/?utm_source=chatgpt.com", "https://a.example/?utm_source=chatgpt.com"),
        ("https://a.example/?utm_source=chatgpt.company", None),
        ("https://a.example/?utm_source=newsletter", None),
        ("Set utm_source=chatgpt.com to count visits.", None),
    ],
)
def test_links_that_are_not_the_writers(text: str, source: str | None):
    assert found(text, source) == []


def test_an_opening_decides_nothing():
    for text in (
        "Certainly! Here is an overview of harbours.",
        "**Sure!** Here's a list.",
        "Of course! Below is a draft.",
    ):
        (evidence,) = found(text)
        assert (evidence.origin, evidence.usable) == (Origin.UNKNOWN, False)
    assert found("He nodded. Certainly! Here is the key.") == []


def _texts(name: str, key: str) -> Iterator[dict[str, str]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the shared sample {name} is not here")
    for line in pa.input_stream(str(path), compression="zstd").read().split(b"\n"):
        if line:
            row = json.loads(line)
            yield {**row, "text": row[key]}


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("crawl/blog_18f_posts.jsonl.zst", 483),
        ("crawl/pile_open_subsets.jsonl.zst", 4_000),
        ("crawl/xquad_paragraphs_12lang.jsonl.zst", 2_800),
        ("lm/novels_fr.jsonl.zst", 500),
    ],
)
def test_no_text_of_people_is_flagged(name: str, least: int):
    """Dated posts before 30 November 2022, and text collections made before: not one hit, strong or weak."""
    texts = [row["text"] for row in _texts(name, "text") if row.get("date", "") < "2022-11-30"]
    assert len(texts) >= least
    assert list(ChatResidueReader().read(batch(texts))) == []


def test_hits_on_labelled_texts_are_all_on_machine_text():
    """3,722 human and 6,699 machine texts: high precision, low recall."""
    rows = [
        row
        for file in ("l2r_en", "outfox_essays_en", "squad_wikipedia_en")
        for row in _texts(f"human_vs_ai/{file}.jsonl.zst", "text")
    ]
    hits = [(rows[row]["label"], one) for row, one in ChatResidueReader().read(batch([row["text"] for row in rows]))]
    assert {label for label, _ in hits} == {"ai"}
    assert sum(one.usable for _, one in hits) >= 5
