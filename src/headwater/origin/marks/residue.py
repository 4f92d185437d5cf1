"""Evidence reader: what chat assistants leave behind in text that was copied from them. High precision, low recall.

Four families:

- *self-description*: a sentence in which the writer calls itself a language model and speaks of itself in the first
  person, in ten languages;
- *citation marks* of assistants, which nobody types: ``:contentReference[oaicite:0]``, ``turn0search1``, ``[cite: 2]``;
- *links* that were copied from an assistant: ``utm_source=chatgpt.com``. They show that one took part, not that it
  wrote the text, so they speak for mixed;
- *openings* such as "Certainly! Here is", which people write as well: reported, and they decide nothing.

People write *about* assistants and quote them. What stands in quotation marks, in block quotes, in code or after the
name of an assistant is passed over; a document that is about the marks can still be taken for one that has them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from headwater.origin.evidence import Evidence
from headwater.origin.marks.page import candidates
from headwater.schema import EvidenceKind, Origin

_MODEL = (
    r"(?:(?:an? )?(?:AI|artificial intelligence|A\.I\.)[- ](?:powered |based |driven )?"
    r"(?:text[- ]based |large |conversational )?(?:language )?(?:model|assistant|chatbot)"
    r"|(?:an? )?(?:large |text[- ]based |machine[- ]learning )?language model(?: AI)?)"
)
_LEAD = (
    r"(?:(?:I(?:'m| am|’m) )?(?:very |so |truly )?sorry,? (?:but )?|I apologi[sz]e,? (?:but )?|unfortunately,? "
    r"|however,? |please note that,? |but,? |while,? |also,? )?"
)
# What the sentence begins with, and what must follow in it. The first is also the filter over the column (RE2).
_SELF_DESCRIPTIONS = (
    (
        rf"as {_MODEL}\b",
        r",?[^.!?\n\"“”]{0,120}?\b(?:I(?:'m|’m|'ve|’ve| am| do| don| can| cannot| have| must| was| will| would)|my)\b",
    ),
    (rf"I(?:'m|’m| am) (?:just |only )?{_MODEL}\b", ""),
    (r"I(?:'m|’m| am) ChatGPT\b", ""),
    (r"I(?:'m|’m| am| was) (?:trained|developed|created|made) by (?:OpenAI|Anthropic|Google DeepMind)\b", ""),
    (
        r"(?:as of|up to|until|since) my (?:last |latest |most recent )?"
        r"(?:knowledge|training)(?: data)?(?: update| cut-?off)\b",
        "",
    ),
    (r"my (?:knowledge|training data) (?:cut-?off|(?:only )?(?:goes|extends) (?:up )?to)\b", ""),
    (
        r"als (?:KI|AI|künstliche Intelligenz|großes)[- ]?(?:basiertes )?(?:Sprachmodell|Assistent(?:in)?|Modell)",
        r"\b,?[^.!?\n\"“”„]{0,60}?\b(?:ich|mir|meine)\b",
    ),
    (
        r"en tant (?:que (?:grand )?modèle (?:de langage|linguistique)"
        r"|qu[’'](?:IA|intelligence artificielle|assistant IA))",
        r"\b,?[^.!?\n\"“”«»]{0,60}?\bje\b",
    ),
    (
        r"como (?:un |um )?(?:gran )?modelo de (?:lenguaje|linguagem)",
        r"(?: de (?:IA|inteligencia artificial|inteligência artificial)"
        r"|, (?:no (?:puedo|tengo)|não (?:posso|tenho)))\b",
    ),
    (
        r"(?:come|in quanto) (?:grande )?modello linguistico",
        r"(?: di intelligenza artificiale| AI|, non (?:posso|ho))\b",
    ),
    (r"作为(?:一个|一款|一名)?(?:AI|人工智能|大型|基于人工智能的)(?:大型|大)?(?:语言模型|助手)", r"[，,]我"),
    (r"(?:AI|人工知能)(?:言語モデル|アシスタント)として", r"、私"),
    (r"как (?:языковая модель|ИИ-модель|искусственный интеллект), я", r"\b"),
)
_CITATION_MARKS = (
    r"\[?oaicite:\s?\d{1,4}|\[oai_citation:\d{1,3}|oai_citation_attribution"
    r"|turn\d{1,3}(?:search|news|view|image|file|fetch|video|reddit|academia|forecast|finance|product|maps)\d{1,3}"
    r"|\"?attributableIndex\"?\s?:\s?\"|【\d{1,3}(?::\d{1,3})?†[^】\n]{1,80}】"
    r"|\[cite_start\]|\[cite:\s?\d{1,3}(?:,\s?\d{1,3}){0,20}\]|\[span_\d{1,3}\]\((?:start|end)_span\)"
    r"|grok_render_citation_card_json|<grok-card\b|ppl-ai-file-upload|\]\(sandbox:/mnt/data/"
)
_SELF = re.compile(f"{_LEAD}(?:{'|'.join(head + rest for head, rest in _SELF_DESCRIPTIONS)})", re.IGNORECASE)
# "turn0search1" stands alone or after the name of a private-use mark; within a word (return0file1) it is code.
_CITATION = re.compile(
    _CITATION_MARKS.replace("|turn", "|(?:(?<![a-z0-9])|(?<=cite)|(?<=list))turn"),
    re.IGNORECASE,
)
_LINK_MARK = (
    r"[?&;](?:utm_source|referrer)=(?:chatgpt(?:\.com)?|chat\.openai\.com|openai(?:\.com)?"
    r"|copilot\.(?:com|microsoft\.com)|perplexity(?:\.ai)?|claude\.ai|gemini\.google\.com|grok\.com"
    r"|chat\.deepseek\.com|deepseek)"
)
_LINK = re.compile(_LINK_MARK + r"(?![\w-]|\.\w)", re.IGNORECASE)
_OPENING_MARK = (
    r"[\s#*>_]{0,20}(?:certainly|sure(?: thing)?|absolutely|of course|great question)[!.,][\s*]{1,3}"
    r"(?:here(?:'s|’s| is| are)|below (?:is|are)|I(?:'d|’d| would) be (?:happy|glad))"
)
_SENTENCE_START = re.compile(r"(?:\A|[\n.!?;:>*)\]。！？]|--|—|[-•]\s)[\s*_]{0,4}\Z")
_SPEAKER = re.compile(
    r"(?:say|said|saying|write|wrote|answer|respond|repl(?:y|ie[sd])|response|output|phrase|prompt|example|sentence|text|"
    r"chat-?gpt|gpt-?\d\S{0,6}|bard|claude|copilot|gemini|assistant|bot|ai)\w{0,3}\W{0,6}\Z",
    re.IGNORECASE,
)
_LOOK_BACK = 1_000
_MOST_HITS = 50
# Pattern, the part of it that serves as a filter over the column (RE2: one quick pass), origin, and what a hit is.
_FAMILIES = (
    (
        _SELF,
        "|".join(head for head, _ in _SELF_DESCRIPTIONS),
        Origin.MACHINE,
        "a sentence of an assistant about itself",
    ),
    (_CITATION, _CITATION_MARKS, Origin.MACHINE, "a citation mark of an assistant"),
    (_LINK, _LINK_MARK, Origin.MIXED, "a link copied from an assistant"),
)


@dataclass(frozen=True, slots=True)
class ChatResidueReader:
    """Reads what chat assistants leave behind."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``chat_residue``; see :class:`headwater.origin.evidence.EvidenceReader`."""
        sources = documents.column("source")
        for family, hint, origin, words in _FAMILIES:
            for row, text in candidates(documents, "text", f"(?i){hint}"):
                hits = [hit for hit in islice(family.finditer(text), _MOST_HITS) if _meant(text, hit, family)]
                # A page fetched through such a link carries it in its own address, which its author did not write.
                if not hits or (family is _LINK and _LINK.search(sources[row].as_py() or "")):
                    continue
                first = " ".join(hits[0].group().split())[:100]
                times = f", and {len(hits) - 1} more" if len(hits) > 1 else ""
                detail = f"{words} at character {hits[0].start()}: {first!r}{times}"
                yield row, Evidence(EvidenceKind.CHAT_RESIDUE, origin, detail)
        for row, text in candidates(documents, "text", f"(?i)\\A{_OPENING_MARK}"):
            detail = f"it opens like an answer of an assistant, as people's answers can: {text.lstrip()[:40]!r}"
            yield row, Evidence(EvidenceKind.CHAT_RESIDUE, Origin.UNKNOWN, detail)


def _meant(text: str, hit: re.Match[str], family: re.Pattern[str]) -> bool:
    """Return whether a hit is the writer's own: no quotation, no code, and a sentence of its own where it is one."""
    before = text[max(0, hit.start() - _LOOK_BACK) : hit.start()]
    if family is _LINK:
        tag = before.rpartition("<")[2] if _is_html(text) else None
        return tag is None or tag[:2].lower() == "a "
    line = before.rpartition("\n")[2]
    fences = before.count("```") if len(before) < _LOOK_BACK else text.count("```", 0, hit.start())
    quoted = (
        line.count("`") % 2
        or line.count('"') % 2
        or line.rfind("“") > line.rfind("”")
        or line.rfind("«") > line.rfind("»")
        or line.rfind("「") > line.rfind("」")
        or line.lstrip().startswith(">")
        or line.rstrip().endswith(("<code>", "<kbd>", "‘", "'", "„"))
        or fences % 2
    )
    if quoted:
        return False
    return family is not _SELF or bool(
        _SENTENCE_START.search(before) and not _SPEAKER.search(line[-60:].rstrip(" :—-"))
    )


def _is_html(text: str) -> bool:
    head = text[:1000].lower()
    return "<html" in head or "<!doctype html" in head
