"""Is everything that was generated recognised again, and nothing else?

A ledger of a million documents: real machine texts, and texts of about 190 words that continue the last two words (with
probability 0.3 the last one only) as real text does, so that common phrases are as common as in real text. Of the real
machine texts, copies: the same, with 5 to 30% of the words changed at random places (a third each replaced by a random
word, deleted, followed by an inserted one), with sentences in random order, the first half, a page whose other half is
human, and a quotation of 60 words in 240 human ones. Beside it the same copies by the Jaccard index of 5-word shingles
(MinHash-LSH, threshold 0.8 as for near duplicates, and 0.5).

False hits: human text that nothing was generated from, human text of the very sources and prompts the machine texts are
of, and human text with a legal notice that a hundred machine texts also end with.

Speed: fingerprints, content hash and look-up of documents of 190 words, on one core, of human text and of copies.

    python benchmarks/own_output.py [--documents 1000000] [--folder FOLDER] [--data FOLDER]

prints Markdown tables; about eight minutes on one core, 1 GB of disk in FOLDER (a temporary one by default).
"""

import argparse
import json
import platform
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numba as nb
import numpy as np
import pyarrow as pa
import zstandard
from numpy.typing import NDArray

from headwater import __version__
from headwater.origin.own_output import OwnOutputReader, record_generated, sketch_table
from headwater.schema import DOCUMENT, Origin, documents
from headwater.store.generated import GeneratedLedger
from headwater.text import near_duplicates
from headwater.text.fingerprints import fingerprints

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
NOTICE = (
    "This text is provided as it is, without warranty of any kind, either expressed or implied. In no event shall the "
    "author be liable for any claim, damages or other liability arising from the use of it. Reproduction is permitted "
    "for private purposes if this notice is kept with every copy."
)
WORDS = 190


def main() -> None:
    """Build the ledger, look copies and unrelated text up, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    machine, human = labelled(arguments.data)
    books = lines(arguments.data / "lm" / "novels_en.jsonl.zst", "text")
    pages = lines(arguments.data / "crawl" / "pile_open_subsets.jsonl.zst", "text")
    novels, web = pieces(books[1::2]), pieces(pages[1::2])
    noticed = [f"{text} {NOTICE}" for text in machine[:100]]
    with tempfile.TemporaryDirectory() as temporary:
        ledger = GeneratedLedger(arguments.folder or Path(temporary))
        chain = Chain([*books[::2], *pages[::2], *machine])
        build(ledger, chain, [*machine, *noticed], arguments.documents, rng)
        before = memory()
        started = time.perf_counter()
        reader = OwnOutputReader(ledger)
        opened = time.perf_counter() - started
        print(f"opened {ledger.count():,} documents in {opened:.2f} s, {len(ledger.segments())} segments\n")
        copies(reader, machine, human, rng)
        unrelated(
            reader,
            {
                "novels": novels,
                "open web": web,
                "dated posts": pieces(lines(arguments.data / "crawl" / "blog_18f_posts.jsonl.zst", "text")),
                "Chinese encyclopedia": lines(arguments.data / "crawl" / "cmrc2018_wikipedia_zh.jsonl.zst", "text"),
                "twelve languages": lines(arguments.data / "crawl" / "xquad_paragraphs_12lang.jsonl.zst", "text"),
                **{f"same source: {name}": texts for name, texts in human.items()},
                "with the notice": [f"{text} {NOTICE}" for text in novels[:1000]],
            },
        )
        sources(arguments.data, rng)
        speed(reader, novels, chain.texts(20_000, rng), before)
        started = time.perf_counter()
        rows = sketch_table(ledger).num_rows if arguments.documents <= 100_000 else 0
        if rows:
            print(f"\nsketches of {rows:,} documents in {time.perf_counter() - started:.1f} s")
    print(
        f"\nHeadwater {__version__}, Python {platform.python_version()}, numpy {np.__version__}, numba {nb.__version__}"
    )


def lines(path: Path, field: str) -> list[str]:
    """Return a field of every object of a compressed JSON lines file."""
    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    return [json.loads(line)[field] for line in data.decode().split("\n") if line]


def labelled(data: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the distinct machine texts of the labelled files, shuffled, and the human ones by file."""
    machine: dict[str, None] = {}
    human: dict[str, list[str]] = {}
    for name in ("l2r_en", "outfox_essays_en", "squad_wikipedia_en"):
        with (data / "human_vs_ai" / f"{name}.jsonl.zst").open("rb") as file:
            rows = zstandard.ZstdDecompressor().stream_reader(file).read().decode().split("\n")
        for row in map(json.loads, filter(None, rows)):
            if row["label"] == "human":
                human.setdefault(name, []).append(row["text"])
            else:
                machine[row["text"]] = None
    texts = list(machine)
    return [texts[i] for i in np.random.default_rng(1).permutation(len(texts))], human


def pieces(texts: Sequence[str], words: int = WORDS) -> list[str]:
    """Cut texts into pieces of so many words; the rest of each is left out."""
    split = (text.split() for text in texts)
    return [" ".join(one[at : at + words]) for one in split for at in range(0, len(one) - words + 1, words)]


class Chain:
    """Writes text whose every word follows the last two, or the last one, somewhere in real text."""

    def __init__(self, texts: Sequence[str]) -> None:
        encoded = pa.array([word for text in texts for word in text.split()]).dictionary_encode()
        self.vocabulary = np.array(encoded.dictionary.to_pylist(), dtype=object)
        self.words = encoded.indices.to_numpy().astype(np.int64)
        pairs = np.concatenate([[0], self.words[:-1] * len(self.vocabulary) + self.words[1:]])
        self.after_one = occurrences(self.words)
        self.after_two = occurrences(pairs)

    def texts(self, count: int, rng: np.random.Generator) -> list[str]:
        """Return so many texts of 150 to 230 words."""
        lengths = rng.integers(WORDS - 40, WORDS + 41, count)
        places = walk(*self.after_one, *self.after_two, rng.random((int(lengths.sum()), 3)))
        words = self.vocabulary[self.words[places]]
        ends = np.cumsum(lengths)
        return [" ".join(words[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def occurrences(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return places sorted by key, and for each place where those of its key begin and how many they are."""
    order = np.argsort(keys, kind="stable")
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return order, (np.cumsum(counts) - counts)[inverse], counts[inverse]


@nb.njit(cache=True)
def walk(order1, start1, count1, order2, start2, count2, draws):  # type: ignore[no-untyped-def]
    """Return the places of a random walk over the words of the text, one per row of three uniform numbers."""
    places = np.empty(len(draws), dtype=np.int64)
    at = np.int64(draws[0, 0] * len(order1))
    for i in range(len(draws)):
        places[i] = at
        if draws[i, 1] < 0.7:
            like = order2[start2[at] + np.int64(draws[i, 2] * count2[at])]
        else:
            like = order1[start1[at] + np.int64(draws[i, 2] * count1[at])]
        at = (like + 1) % len(order1)
    return places


def build(ledger: GeneratedLedger, chain: Chain, real: Sequence[str], count: int, rng: np.random.Generator) -> None:
    """Record the real texts and enough written ones; a ledger that has them is left as it is."""
    if ledger.count() >= count:
        return
    seconds = 0.0
    step = 20_000
    for first in range(0, count, step):
        texts = chain.texts(min(step, count - first), rng)
        if first == 0:
            texts[: len(real)] = real
        table = documents(texts, origin=Origin.MACHINE.value, generator="generator", recipe=f"recipe-{first}")
        started = time.perf_counter()
        record_generated(ledger, table, "run")
        seconds += time.perf_counter() - started
    size = sum(path.stat().st_size for path in ledger.folder.rglob("*") if path.is_file())
    print(f"recorded {count:,} documents in {seconds:.0f} s ({count / seconds:,.0f}/s), {size / 1e6:,.0f} MB on disk")


def changed(text: str, share: float, rng: np.random.Generator, vocabulary: Sequence[str]) -> str:
    """Return the text with a share of its words (at least one) replaced, deleted or followed by an inserted word."""
    words = text.split()
    for place in rng.choice(len(words), max(round(share * len(words)), 1), replace=False):
        other = vocabulary[rng.integers(len(vocabulary))]
        words[place] = [other, "", f"{words[place]} {other}"][rng.integers(3)]
    return " ".join(filter(None, words))


def shuffled(text: str, rng: np.random.Generator) -> str:
    """Return the text with its sentences in random order."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    return " ".join(sentences[i] for i in rng.permutation(len(sentences)))


def copies(
    reader: OwnOutputReader, machine: Sequence[str], human: dict[str, list[str]], rng: np.random.Generator
) -> None:
    """Print how many copies are recognised, by kind of change and by length."""
    texts = list(machine)
    vocabulary = " ".join(texts[:2000]).split()
    people = [" ".join(text.split()[:WORDS]) for text in human["outfox_essays_en"] if len(text.split()) >= 240]
    lengths = np.array([len(text.split()) for text in texts])
    kinds = {"same": texts}
    kinds |= {
        f"{share:.0%} of words": [changed(text, share, rng, vocabulary) for text in texts]
        for share in (0.05, 0.1, 0.2, 0.3)
    }
    kinds["sentences shuffled"] = [shuffled(text, rng) for text in texts]
    kinds["first half"] = [" ".join(text.split()[: len(text.split()) // 2]) for text in texts]
    long = [text for text in texts if len(text.split()) >= 100]
    half = [" ".join(text.split()[:100]) for text in long]
    kinds["half of a page"] = [f"{one} {' '.join(people[i % len(people)].split()[:100])}" for i, one in enumerate(half)]
    kinds["60 words of 300"] = [
        " ".join(
            people[i % len(people)].split()[:120] + one.split()[20:80] + people[(i + 1) % len(people)].split()[:120]
        )
        for i, one in enumerate(half)
    ]
    print(
        "| copy | texts | recognised | verified | machine | mixed | 20-49 words | 50-99 | 100 + | Jaccard 0.8 | 0.5 |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for kind, made in kinds.items():
        found = look(reader, made)
        origins = Counter(origin for origin, _ in found.values())
        verified = sum(status == "verified" for _, status in found.values())
        hit = np.zeros(len(made), bool)
        hit[[row for row, (origin, _) in found.items() if origin != Origin.UNKNOWN]] = True
        by_length = ["-"] * 3
        if len(made) == len(texts):
            ranges = ((20, 50), (50, 100), (100, 10**9))
            by_length = [f"{hit[(lengths >= low) & (lengths < high)].mean():.2%}" for low, high in ranges]
        sample = range(0, len(made), max(len(made) // 1000, 1))
        originals = texts if len(made) == len(texts) else long
        jaccard = [
            f"{jaccard_recall([originals[i] for i in sample], [made[i] for i in sample], t):.1%}" for t in (0.8, 0.5)
        ]
        cells = [f"{hit.mean():.2%}", f"{verified / len(made):.2%}"]
        cells += [f"{origins[one] / len(made):.2%}" for one in (Origin.MACHINE, Origin.MIXED)]
        print(f"| {kind} | {len(made):,} | " + " | ".join([*cells, *by_length, *jaccard]) + " |")


def jaccard_recall(originals: Sequence[str], copied: Sequence[str], threshold: float) -> float:
    """Return the share of copies that near-duplicate search groups with their original."""
    bands, rows = (14, 8) if threshold > 0.6 else (32, 3)
    found = [
        near_duplicates(pair, threshold, bands=bands, rows=rows)[1] == 0 for pair in zip(originals, copied, strict=True)
    ]
    return float(np.mean(found))


def unrelated(reader: OwnOutputReader, groups: dict[str, list[str]]) -> None:
    """Print the hits on human text."""
    print("\n| human text | texts | machine | mixed | hits per 100,000 |")
    print("|---|---|---|---|---|")
    for name, texts in groups.items():
        found = look(reader, texts)
        origins = Counter(origin for origin, _ in found.values())
        rate = 1e5 * (origins[Origin.MACHINE] + origins[Origin.MIXED]) / len(texts)
        print(f"| {name} | {len(texts):,} | {origins[Origin.MACHINE]} | {origins[Origin.MIXED]} | {rate:,.0f} |")


def sources(data: Path, rng: np.random.Generator) -> None:
    """Print what naming the human sources of rewrites and continuations changes, on ledgers of these alone."""
    print("\n| file | sources | human sources hit | copies with 10% of words changed recognised |")
    print("|---|---|---|---|")
    for name in ("l2r_en", "squad_wikipedia_en"):
        with (data / "human_vs_ai" / f"{name}.jsonl.zst").open("rb") as file:
            found = zstandard.ZstdDecompressor().stream_reader(file).read().decode().split("\n")
        rows = [json.loads(line) for line in found if line]
        people = [row for row in rows if row["label"] == "human"]
        made = [row for row in rows if row["label"] != "human"]
        of_pair: dict[str, list[str]] = {}
        for row in people:
            of_pair.setdefault(row["pair"], []).append(row["id"])
        texts = [row["text"] for row in made]
        parents = [of_pair.get(row["pair"], []) for row in made]
        vocabulary = " ".join(texts).split()
        copied = [changed(text, 0.1, rng, vocabulary) for text in texts]
        known = pa.table({"id": [row["id"] for row in people], "text": [row["text"] for row in people]})
        for named, given in (("not named", None), ("named", known)):
            with tempfile.TemporaryDirectory() as folder:
                ledger = GeneratedLedger(Path(folder))
                record_generated(ledger, documents(texts, origin="machine", parents=parents), "run", sources=given)
                reader = OwnOutputReader(ledger)
                hits = len(look(reader, known["text"].to_pylist())) / len(people)
                print(f"| {name} | {named} | {hits:.2%} | {len(look(reader, copied)) / len(copied):.2%} |")


def batches(texts: Sequence[str], rows: int = 4096) -> Iterator[pa.RecordBatch]:
    """Yield documents in batches."""
    for first in range(0, len(texts), rows):
        part = texts[first : first + rows]
        columns = [
            pa.array(part) if name == "text" else pa.nulls(len(part), DOCUMENT.field(name).type)
            for name in DOCUMENT.names
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)


def look(reader: OwnOutputReader, texts: Sequence[str]) -> dict[int, tuple[Origin, str]]:
    """Return origin and status of the texts for which there is evidence."""
    found = {}
    for number, batch in enumerate(batches(texts)):
        for row, evidence in reader.read(batch):
            found[4096 * number + row] = (evidence.origin, str(evidence.status))
    return found


def speed(reader: OwnOutputReader, human: Sequence[str], written: Sequence[str], before: dict[str, float]) -> None:
    """Print documents per second and memory."""
    print("\n| documents of 190 words | documents/s | of which fingerprints |")
    print("|---|---|---|")
    ascii_only = [text for text in human if text.isascii()][:20_000]
    other = [text for text in human if not text.isascii()][:20_000]
    for name, texts in (
        ("human, ASCII", ascii_only),
        ("human, beyond ASCII", other),
        ("written like the ledger's", written),
    ):
        made = list(batches(texts))
        rates = []
        for _ in range(3):
            started = time.process_time()
            for batch in made:
                for _ in reader.read(batch):
                    pass
            rates.append(len(texts) / (time.process_time() - started))
        started = time.process_time()
        fingerprints(texts)
        print(f"| {name} | {max(rates):,.0f} | {len(texts) / (time.process_time() - started):,.0f} |")
    after = memory()
    grown = {name: after[name] - before[name] for name in after}
    print(f"\nmemory since before opening: {grown['RssAnon']:,.0f} MB own, {grown['RssFile']:,.0f} MB of mapped files")


def memory() -> dict[str, float]:
    """Return the resident memory of this process in MB: its own, and mapped files (Linux)."""
    said = Path("/proc/self/status").read_text("utf-8")
    return {name: int(re.search(rf"{name}:\s+(\d+)", said)[1]) / 1024 for name in ("RssAnon", "RssFile")}  # type: ignore[index]


if __name__ == "__main__":
    main()
