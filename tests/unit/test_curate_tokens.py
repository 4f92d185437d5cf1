"""Token counts: those of the libraries, for any tokenizer in a file, and a clear word about files that are none."""

import base64
import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.curate import Tokens
from headwater.curate.token_files import SPLITS
from headwater.engine import operator_key
from headwater.errors import ConfigError, InputError, MissingExtraError

tokenizers = pytest.importorskip("tokenizers")
tiktoken = pytest.importorskip("tiktoken")

TEXTS = [
    "", " ", "The committee met on Tuesday, and it's agreed: they'll close the bridge.", "  two  spaces\n\n\nand lines \t\n",
    "1234567 and 3.14159", "Überraschung! Ça va? 漢字かな交じり文 и кириллица", "x" * 300, "def f(x):\n    return x**2  # ok\r\n",
    "<|end|> is a special token", "😀👍🏽 emoji\u00a0and\u2028separators", "I'M SHOUTING, WE'LL SEE",
]  # fmt: skip


def corpus() -> list[str]:
    sentence = "the committee met on tuesday and agreed that bridge had to be closed for repairs it's they'll 12 345"
    words = sentence.split()
    return [" ".join(words[i % len(words)] for i in range(start, start + 40)) for start in range(200)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level byte-pair encoding in a tokenizer.json, with settings that must not change a count."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|end|>"], show_progress=False,
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|end|> $A", special_tokens=[("<|end|>", 0)]
    )
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=50)
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def ranks(trained: Path) -> Path:
    """The same merges as a rank file of tiktoken."""
    vocabulary = json.loads(trained.read_text())["model"]["vocab"]
    spelt = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    assert len(spelt) == 256
    byte_of = {spelling: byte for byte, spelling in _spellings().items()}
    tokens = [bytes(byte_of[letter] for letter in token) for token in vocabulary if token != "<|end|>"]
    order = sorted(tokens, key=lambda token: vocabulary["".join(_spellings()[byte] for byte in token)])
    path = trained.with_name("ranks.tiktoken")
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(order)))
    return path


def _spellings() -> dict[int, str]:
    """Return how byte-level encodings spell each byte: printable Latin-1 as it is, the others from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


def counted(operator: Tokens, texts: list[str | None]) -> list[int]:
    measured = operator(pa.record_batch({"text": pa.array(texts, pa.string())}))
    assert measured.schema.names == ["text", "tokens"]
    assert measured.schema.field("tokens").type == pa.int32()
    return measured["tokens"].to_pylist()


def test_counts_are_the_library_s(trained: Path) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(trained))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    expected = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    assert counted(Tokens(str(trained)), [*TEXTS, None]) == [*expected, 0]
    assert expected[2] > 10  # neither cut nor filled up


@pytest.mark.parametrize("split", SPLITS)
def test_counts_of_rank_files(ranks: Path, split: str) -> None:
    import tiktoken_ext.openai_public as published

    table = tiktoken.load.load_tiktoken_bpe(str(ranks))
    pattern = {
        "gpt2": published.r50k_pat_str,
        # As in OpenAI's published description of the encoding, by another way of writing it.
        "cl100k": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    }.get(split, SPLITS[split])
    encoding = tiktoken.Encoding("test", pat_str=pattern, mergeable_ranks=table, special_tokens={})
    expected = [len(encoding.encode_ordinary(text)) for text in TEXTS]
    assert counted(Tokens(str(ranks), split), TEXTS) == expected


def changed(trained: Path, folder: Path, **settings: object) -> Path:
    """Return another tokenizer.json with some settings changed."""
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(trained.read_text()), **settings}))
    return path


def split_by(pattern: str, behavior: str = "Isolated") -> dict:
    cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": behavior == "Removed"}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [cut, level]}}


LONE_DIGITS = SPLITS["cl100k"].replace("{1,3}", "")
WAYS = {
    "gpt2": {},
    "cl100k": split_by(SPLITS["cl100k"]),
    "removed": split_by(SPLITS["cl100k"], "Removed"),
    "digits": split_by(LONE_DIGITS),
    "o200k": split_by(SPLITS["o200k"]),
    "composed": {**split_by(LONE_DIGITS), "normalizer": {"type": "NFC"}},
    # Ways that are not known here, so that every text is counted whole.
    "other split": split_by(r"\w+|\W"),
    "prefix": {
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    },
    "lower": {"normalizer": {"type": "Lowercase"}},
    "none": {"pre_tokenizer": None},
}


@pytest.mark.parametrize("way", WAYS)
def test_counts_are_the_library_s_however_text_is_cut(trained: Path, tmp_path: Path, way: str) -> None:
    from headwater.curate import tokens

    path = changed(trained, tmp_path, **WAYS[way])
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [
        *TEXTS,
        "A\u0300 l'e\u0301cole, e\u0301t\u00e9",
        "'ſ I'ſ",
        "new <|end|> text<|end|>",
        *corpus()[:20],
        "\U0001fae8 \u0378",
    ]
    expected = [len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]
    operator = Tokens(str(path))
    for _ in range(2):  # learning the pieces, and knowing them
        assert counted(operator, texts) == expected
    known = tokens._loaded(operator.file, operator.split, operator.digest)[1]
    assert (known is not None) == (way in {"gpt2", "cl100k", "removed", "digits", "o200k", "composed"})


def test_both_kinds_of_file_agree(trained: Path, ranks: Path) -> None:
    texts = [text for text in TEXTS if "<|" not in text]
    assert counted(Tokens(str(trained)), texts) == counted(Tokens(str(ranks), "gpt2"), texts)


def test_counts_depend_on_no_batch(trained: Path) -> None:
    operator = Tokens(str(trained))
    whole = pa.record_batch({"text": pa.array(TEXTS, pa.large_string())})
    expected = operator(whole)["tokens"].to_pylist()
    assert [operator(whole.slice(row, 1))["tokens"][0].as_py() for row in range(len(TEXTS))] == expected
    assert operator(whole.slice(0, 0)).num_rows == 0


def test_another_tokenizer_is_another_operator(trained: Path, ranks: Path, tmp_path: Path) -> None:
    copied = tmp_path / "tokenizer.json"
    copied.write_bytes(trained.read_bytes())
    operator = Tokens(str(copied))
    assert pickle.loads(pickle.dumps(operator)) == operator
    key = operator_key(operator)
    copied.write_text(trained.read_text().replace("<|end|>", "<|stop|>"))
    assert operator_key(Tokens(str(copied))) != key
    with pytest.raises(InputError, match=r"tokenizer\.json was changed since the work began"):
        operator.check()
    assert operator_key(Tokens(str(ranks), "gpt2")) != operator_key(Tokens(str(ranks), "cl100k"))


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("tokenizer.model", "", r"models of SentencePiece are not read\. Convert it once .*backend_tokenizer\.save"),
        ("tokenizer.bin", "", r"allowed are tokenizer\.json and files ending in \.tiktoken"),
        ("tokenizer.json", "gpt2", r"tokenizer\.json says itself how text is cut; leave it out"),
        ("ranks.tiktoken", "gtp2", r"split = 'gtp2': allowed are gpt2, cl100k, o200k\. Did you mean 'gpt2'\?"),
    ],
)
def test_settings_that_are_wrong(name: str, split: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Tokens(name, split)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", b"{}", r"is no tokenizer of the library tokenizers: .* Give the tokenizer\.json of a model"),
        ("ranks.tiktoken", b"IQ== 0\nnot base64! 1\n", r"ranks\.tiktoken, line 2: 'not base64! 1' is no token"),
        ("ranks.tiktoken", b"IQ== 0\nIg== one\n", r"line 2: 'Ig== one' is no token"),
        ("ranks.tiktoken", b"IQ== 0\n", r"255 of the 256 bytes have no rank"),
    ],
)
def test_files_that_are_no_tokenizers(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        Tokens(str(tmp_path / name)).check()


def test_a_rank_file_of_no_published_size_needs_a_split(ranks: Path) -> None:
    with pytest.raises(
        InputError, match=r"has 337 ranks, which no published file has.*split is one of gpt2, cl100k, o200k"
    ):
        Tokens(str(ranks)).check()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"The tokenizer .*tokenizer\.json cannot be read: No such file"):
        Tokens(str(tmp_path / "tokenizer.json"))


def test_the_extra_that_is_needed_is_named(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from headwater.curate import token_files, tokens

    tokens._loaded.cache_clear()
    monkeypatch.setattr(token_files, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headwater\[tokens\]'"):
        Tokens(str(trained)).check()
