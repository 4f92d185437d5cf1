"""Signatures as datatrove's: its own on real texts, as hashes, and the arithmetic written down with whole numbers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from headwater.curate import Signatures
from headwater.text.hashing import xxhash32, xxhash64
from headwater.text.signatures_datatrove import datatrove_minhash

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
VARIANTS = (("xxhash", 64), ("xxhash", 32), ("sha1", 64), ("sha1", 32))

# Made with datatrove 0.10.1, spaCy 3.8.18 and xxhash 3.8.2 (benchmarks/peers/datatrove_minhash.py): the SHA-256 of the
# values, as uint64, of 25 texts of each file, for the four variants.
THEIRS = {
    "crawl/blog_18f_posts.jsonl.zst": "024cc2f10a0c 48390b356a22 e6cbd486026e 04f3ebb17a5f",
    "crawl/cmrc2018_wikipedia_zh.jsonl.zst": "707228487a4a f7e56b69f036 1593582265e6 f687da5aba4b",
    "crawl/commonvoice_sentences_multilang.jsonl.zst": "3d90c144a5b9 92bd67dffa8b 47eca7c5d3f9 066323ea5c89",
    "crawl/free_programming_books_lists.jsonl.zst": "56d6b422cf29 4818c986cd69 a16401dec074 d86a38db0287",
    "crawl/html_pages_cc.jsonl.zst": "935752d79eac c24dc288bc9e f48315997055 0f44c3362ff3",
    "crawl/learnxinyminutes_docs.jsonl.zst": "4bd73220fd72 111b9c1308e2 7387d152188d 246ffca0b3a4",
    "crawl/pile_open_subsets.jsonl.zst": "c8d32231fff4 ee779be40806 26251023090c b1ed7e63f08a",
    "crawl/tldr_common_pages.jsonl.zst": "3a96f3594594 687e53abf32d b5220a177bd7 c19caab511cd",
    "crawl/xquad_paragraphs_12lang.jsonl.zst": "a14deaddbef7 9dc681a58daf cdd859f904a4 8b07fa72080e",
    "human_vs_ai/l2r_en.jsonl.zst": "8c3de1f29739 1cd44817600f c38fe4526dca 019d46c79d23",
    "human_vs_ai/outfox_essays_en.jsonl.zst": "558f3fd06ed0 8e7742427ddd 0e4d71eea0be 8672a47f3762",
    "human_vs_ai/squad_wikipedia_en.jsonl.zst": "d9fb9d3f5f7d 772640fe25bb 6e10896531de 16896264b3e0",
    "lm/novels_de.jsonl.zst": "c708f1c32283 0d2567ac2416 00c1ff848e3f e1858e0bfa4f",
    "lm/novels_en.jsonl.zst": "f623856fb295 ea957f3626e0 a6a3d6216889 199780cd5cca",
    "lm/novels_fr.jsonl.zst": "73941fd45ee6 2633576ad72f b67e31c2344b aac8bee67852",
}
RARE = {
    "ΟΔΟΣ ΟΔΟΣΑ one two Σ": 2144922215707534556,
    "a≠b one≮two c≯": 617095428090553808,
    "\u037e semi\u1fefcolon one two more": 1229312081785184458,
    "\U0001d15e one two three four": 164597551837237403,
}
"""Texts with characters that no table of characters can fold, and the first value of each, by the same programs."""


def _some(name: str) -> list[str]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode()
    records = [json.loads(line) for line in raw.split("\n") if line]
    texts = [text for record in records if isinstance(text := record.get("text", record.get("html")), str)]
    return texts[:: max(len(texts) // 25, 1)][:25]


@pytest.mark.parametrize("name", THEIRS)
def test_signatures_of_real_texts_are_datatroves_bit_by_bit(name: str) -> None:
    texts = pa.array(_some(name))
    for (function, bits), expected in zip(VARIANTS, THEIRS[name].split(), strict=True):
        values = datatrove_minhash(texts, hash_function=function, bits=bits).values
        assert hashlib.sha256(values.astype(np.uint64).tobytes()).hexdigest()[:12] == expected


def _by_hand(words: list[str], function: str, bits: int, seed: int) -> list[int]:
    """Return the values with Python's whole numbers, which do not wrap by themselves."""
    draw = np.random.RandomState(seed)
    a = draw.randint(1, 2**61 - 1, dtype=np.uint64, size=(1, 112)).ravel().tolist()
    b = draw.randint(0, 2**61 - 1, dtype=np.uint64, size=(1, 112)).ravel().tolist()
    shingles = []
    for i in range(len(words) - 4):
        data = " ".join(words[i : i + 5]).encode()
        if function == "sha1":
            shingles.append(int.from_bytes(hashlib.sha1(data).digest()[: bits // 8], "little"))
        else:
            array, hashing, seed_of = (
                np.frombuffer(data, dtype=np.uint8),
                *((xxhash64, np.uint64(0)) if bits == 64 else (xxhash32, np.uint32(0))),
            )
            shingles.append(int(hashing(array, 0, len(data), seed_of)))
    wrapped = [
        [(x * one % 2**64 + two) % 2**64 % (2**61 - 1) % 2**bits for x in shingles]
        for one, two in zip(a, b, strict=True)
    ]
    return [min(values) for values in wrapped]


@pytest.mark.parametrize(("function", "bits"), VARIANTS)
def test_arithmetic(function: str, bits: int) -> None:
    text = "The 3 quick brown foxes, naïve and 12.5km away, don't jump over £5 fences; they cannot."
    words = str.split("the 0 quick brown foxes naive and 0 km away don t jump over £ 0 fences they can not")
    for seed in (1, 2):
        found = datatrove_minhash(
            pa.array([text, "four words only here"]), seed=seed, hash_function=function, bits=bits
        )
        assert found.values[0].tolist() == _by_hand(words, function, bits, seed)
        assert found.shingles.tolist() == [len(words) - 4, 0]


def test_arrow_arrays_of_every_kind() -> None:
    texts = ["ΟΔΟΣ ΟΔΟΣΑ one two Σ", None, "a≠b one≮two c≯"]
    kinds = [pa.string(), pa.large_string(), pa.string_view()]
    values = [datatrove_minhash(pa.array(["x", *texts], kind).slice(1)).values[[0, 2], 0].tolist() for kind in kinds]
    assert values == [[RARE[texts[0]], RARE[texts[2]]]] * 3


@pytest.mark.parametrize("text", RARE)
def test_texts_that_are_divided_in_python(text: str) -> None:
    texts = pa.array(["plain text of five words", text, None, "and one more of these"])
    found = datatrove_minhash(texts)
    assert found.values[1, 0] == RARE[text]
    assert found.shingles[[0, 2, 3]].tolist() == [1, 0, 1]
    for row in (0, 3):
        assert (found.values[row] == datatrove_minhash(texts.slice(row, 1)).values[0]).all()


def test_the_operator_has_both_modes() -> None:
    batch = pa.record_batch({"text": ["one two three four five six", "one two three four five six", "too short"]})
    fast, exact = Signatures()(batch), Signatures(mode="datatrove")(batch)
    assert fast.schema == exact.schema
    assert fast["text_hash"] == exact["text_hash"]
    assert fast["shingles"] == exact["shingles"]
    for found in (fast, exact):
        assert found["bands"][0] == found["bands"][1]
        assert found["bands"][2].as_py() is None
    assert fast["bands"][0] != exact["bands"][0]
    normal = Signatures(mode="datatrove", normalised=True)(pa.record_batch({"text": ["A, b", "a B!", "!", "?"]}))
    hashes = normal["text_hash"].to_pylist()
    assert [hashes.index(one) for one in hashes] == [0, 0, 2, 3]
