"""What languages, personal data, lists and tokens cost per document, beside other ways to the same result.

- Personal data: finding and masking beside datatrove's formatter (e-mail and IP addresses only) on the same texts; the
  addresses both find, and why not the others; precision and recall on made-up examples with hard negatives.
- Lists: words, strings and lines beside what one would write in Python.
- Tokens: a byte-level encoding trained on a part of the texts, beside the library's fastest batch call; with no piece
  known (cold) and with all (warm).
- Languages: documents a second (quality: ``benchmarks/language.py``).

Processor seconds of one thread, the best of three, texts in memory; kernels are compiled before the clock starts.

    OMP_NUM_THREADS=1 python benchmarks/curate_signals.py [--data FOLDER] [--megabytes 40]
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from loops import markdown, verdict_of, versions
from peers.environments import run_peer
from personal_examples import FINDS, NOTHING, examples
from shared_texts import SHARED, files
from shared_texts import texts as texts_of

from headwater.curate import PERSONAL_KINDS, Language, Listed, PersonalData, Tokens
from headwater.curate.warming import warm
from headwater.engine import Operator
from headwater.text.personal import find_personal
from headwater.text.utf8 import utf8_bytes

_ROWS = 500
_RESERVED = re.compile(
    r"(?:^|\.)example\.(?:com|net|org)$|\.(?:example|test|invalid|localhost|local|internal|lan)$", re.IGNORECASE
)
_TARGET = 40
Span = tuple[int, int]


def _texts(data: Path, megabytes: float) -> list[str]:
    """Return texts of all files, in turns, up to a size."""
    sources = [list(texts_of(path)) for path in files(data)]
    found: list[str] = []
    size = 0
    for turn in range(max(map(len, sources))):
        for texts in sources:
            if turn < len(texts):
                found.append(texts[turn][:200_000])
                size += len(found[-1].encode())
                if size >= megabytes * 1e6:
                    return found
    return found


def _best(work: Callable[[], object], repeats: int = 3) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def _apply(operator: Operator, batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    return [operator(batch) for batch in batches]


def _places(texts: list[str]) -> list[dict[str, set[Span]]]:
    """Return per text where each kind is found, in characters."""
    data, offsets = utf8_bytes(pa.array(texts, pa.large_string()))
    raw = data.tobytes()
    found: list[dict[str, set[Span]]] = [{kind: set() for kind in PERSONAL_KINDS} for _ in texts]
    places = find_personal(data, offsets)
    names = {int(kind): name for name, kind in PERSONAL_KINDS.items()}
    for row, begin, end, kind in zip(places.rows, places.begins, places.ends, places.kinds, strict=True):
        first = len(raw[offsets[row] : begin].decode())
        found[row][names[int(kind)]].add((first, first + len(raw[begin:end].decode())))
    return found


def _why(kind: str, text: str, span: Span, others: set[Span]) -> str:
    """Return why a place is found by one and not by the other."""
    begin, end = span
    if any(first < end and begin < last for first, last in others):
        return "another beginning or end"
    if kind == "ip_addresses":
        longer = re.search(r"[\d.]$", text[max(0, begin - 2) : begin]) or re.match(r"\.?\d", text[end : end + 2])
        return "part of a longer number" if longer else "version or file name"
    domain = text[begin:end].rpartition("@")[2]
    if _RESERVED.search(domain):
        return "reserved for examples and tests"
    return "no top-level domain" if not re.search(r"\.[A-Za-z]{2,}$", domain) else "other"


def _agreement(texts: list[str], theirs: list[list[list[Span]]]) -> Iterator[list[str]]:
    mine = _places(texts)
    for index, kind in enumerate(("emails", "ip_addresses")):
        both = 0
        reasons: Counter[str] = Counter()
        for text, ours, peer in zip(texts, mine, theirs, strict=True):
            found = {tuple(span) for span in peer[index]}
            both += len(ours[kind] & found)
            for span in ours[kind] - found:
                reasons[f"ours only: {_why(kind, text, span, found)}"] += 1
            for span in found - ours[kind]:
                reasons[f"datatrove's only: {_why(kind, text, span, ours[kind])}"] += 1
        yield [kind, "both", f"{both:,}"]
        yield from ([kind, reason, f"{count:,}"] for reason, count in reasons.most_common())


def _quality(each: int) -> Iterator[list[str]]:
    """Yield recall by kind, and what is found where nothing is."""
    made = list(examples(each, 1))
    found = _places([example.text for example in made])
    wrong: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    near: Counter[str] = Counter()
    for example, places in zip(made, found, strict=True):
        spans = {(kind, span) for kind, ones in places.items() for span in ones}
        if example.kind in FINDS:
            exact = (example.kind, (example.begin, example.end))
            hits[example.kind] += exact in spans
            near[example.kind] += any(kind == example.kind for kind, _ in spans)
            spans.discard(exact)
            spans = {(kind, span) for kind, span in spans if kind != example.kind}
        wrong.update((kind for kind, _ in spans))
        for kind, _ in spans:
            near[f"{kind}: {example.kind}"] += 1
    for kind in FINDS:
        taken = ", ".join(
            f"{name.partition(': ')[2]} {count}" for name, count in near.most_common() if name.startswith(f"{kind}: ")
        )
        precision = hits[kind] / max(hits[kind] + wrong[kind], 1)
        yield [kind, f"{hits[kind] / each:.1%}", f"{near[kind] / each:.1%}", f"{precision:.1%}", taken]


def _personal(texts: list[str], batches: list[pa.RecordBatch], size: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        peer = run_peer("datatrove", "personal", path, "3")
    theirs = min(peer["seconds"]["costs"])
    rows = [["datatrove, e-mail and IP, replaced", f"{size / theirs:,.1f}", "1.0"]]
    rates = {}
    for name, operator in (
        ("e-mail and IP, replaced", PersonalData("mask", ("emails", "ip_addresses"))),
        ("all kinds, counted", PersonalData()),
        ("all kinds, replaced", PersonalData("mask")),
    ):
        seconds = _best(lambda operator=operator: _apply(operator, batches))  # type: ignore[misc]
        rates[name] = size / seconds
        rows.append([name, f"{size / seconds:,.0f}", f"{theirs / seconds:.1f}"])
    print(markdown(["personal data", "MB/s", "times datatrove"], rows))
    print(f"At least {_TARGET} MB/s: {verdict_of(min(rates.values()) >= _TARGET)}.\n")
    print(markdown(["addresses in these texts", "found by", "places"], _agreement(texts, peer["seconds"]["places"])))
    each = 2000
    print(f"Made-up examples, {each:,} of each kind and of each of {len(NOTHING)} things that look like them:\n")
    print(
        markdown(["kind", "recall, exact place", "recall, any place", "precision", "wrongly found in"], _quality(each))
    )


def _lists(texts: list[str], batches: list[pa.RecordBatch], size: float) -> None:
    rng = random.Random(1)
    vocabulary = sorted({word for text in texts for word in re.findall(r"[a-z]{4,}", text)})
    lines = sorted({line.strip() for text in texts for line in text.split("\n") if line.strip()})
    rows = []
    for count in (100, 100_000):
        # A list shares few words with a text: one in ten of these occurs.
        words = rng.sample(vocabulary, min(count // 10, len(vocabulary)))
        made = (
            f"{a}{b}"
            for a, b in zip(rng.choices(vocabulary, k=2 * count), rng.choices(vocabulary, k=2 * count), strict=True)
        )
        entries = tuple(dict.fromkeys([*words, *made]))[:count]
        known = set(entries)
        listed = {line.lower() for line in rng.sample(lines, min(count, len(lines)))}

        def split(known: set[str] = known) -> list[int]:
            return [sum(word in known for word in re.findall(r"\w+", text.lower())) for text in texts]

        def by_line(listed: set[str] = listed) -> list[int]:
            return [sum(line.strip() in listed for line in text.lower().split("\n")) for text in texts]

        for what, chosen, python in (
            ("words", entries, split), ("substring", entries, None), ("lines", tuple(listed), by_line),
        ):  # fmt: skip
            operator = Listed("x", entries=chosen, what=what)
            operator(batches[0])
            seconds = _best(lambda operator=operator: _apply(operator, batches))  # type: ignore[misc]
            finds = sum(sum(batch["listed_x"].to_pylist()) for batch in _apply(operator, batches))
            other = _best(python, 1) if python else 0.0
            rows.append(
                [
                    what,
                    f"{len(chosen):,}",
                    f"{size / seconds:,.0f}",
                    f"{other / seconds:.1f}" if other else "",
                    f"{finds:,}",
                ]
            )
    print(markdown(["list of", "entries", "MB/s", "times Python", "finds"], rows))


def _tokens(texts: list[str], batches: list[pa.RecordBatch], size: float) -> None:
    import tokenizers

    from headwater.curate.tokens import _loaded

    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=50_000, show_progress=False, initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    )
    tokenizer.train_from_iterator(texts[::4], trainer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer.save(str(path))
        operator = Tokens(str(path))
        operator.check()
        _apply(operator, [batches[0].slice(0, 1)])
        _loaded.cache_clear()
        start = time.process_time()
        counts = np.concatenate([batch["tokens"].to_numpy() for batch in _apply(operator, batches)])
        cold = time.process_time() - start
        warmed = _best(lambda: _apply(operator, batches))
        pieces = _loaded(operator.file, operator.split, operator.digest)[1]
    some = [batch["text"].to_pylist() for batch in batches[:: max(1, len(batches) // 8)]]
    part = sum(len(text.encode()) for texts in some for text in texts) / 1e6
    expected: list[int] = []
    start = time.process_time()
    for batch in some:
        expected += [len(encoding) for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
    theirs = (time.process_time() - start) / part
    chosen = np.concatenate(
        [
            np.arange(i * _ROWS, i * _ROWS + batches[i].num_rows)
            for i in range(0, len(batches), max(1, len(batches) // 8))
        ]
    )
    total = int(counts.sum())
    rows = [
        [name, f"{1 / seconds:,.1f}", f"{total / size / seconds / 1e6:,.1f}", f"{theirs / seconds:.1f}"]
        for name, seconds in (("library, encode_batch_fast", theirs), ("cold", cold / size), ("warm", warmed / size))
    ]
    print(markdown(["tokens (50,000 entries)", "MB/s", "million tokens/s", "times the library"], rows))
    known = pieces.remembered if pieces is not None else 0
    differences = int((counts[chosen] != np.array(expected)).sum())
    print(f"{total:,} tokens, {known:,} pieces; {differences} of {len(expected):,} texts counted differently.\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--megabytes", type=float, default=40)
    arguments = parser.parse_args()
    warm()
    texts = _texts(arguments.data, arguments.megabytes)
    size = sum(len(text.encode()) for text in texts) / 1e6
    batches = [
        pa.record_batch({"text": pa.array(texts[i : i + _ROWS], pa.large_string())})
        for i in range(0, len(texts), _ROWS)
    ]
    print(f"{len(texts):,} documents, {size:.1f} MB.\n")
    seconds = _best(lambda: _apply(Language(), batches))
    print(f"Languages: {len(texts) / seconds:,.0f} documents/s, {size / seconds:,.0f} MB/s.\n")
    _personal(texts, batches, size)
    _lists(texts, batches, size)
    _tokens(texts, batches, size)
    print(versions())


if __name__ == "__main__":
    main()
