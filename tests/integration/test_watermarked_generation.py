"""Text marked while transformers generates it is found again by its key, in its words and by no other key."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from headwater.origin.marks.green_list import GreenListKey, green_list_tests
from headwater.origin.marks.synthid import SynthIdKey, synthid_tests
from headwater.origin.marks.watermark import WatermarkReader, load_keys, watermarking_config
from headwater.schema import Origin, documents

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

_VOCABULARY = 1200
_DOCUMENTS, _TOKENS = 4, 160
_KEYS = """
[[keys]]
name = "left"
scheme = "green-list"
key = 15485863
seeding = "lefthash"
gamma = 0.25
vocabulary = 1200
tokenizer = "tokenizer.json"

[[keys]]
name = "self"
scheme = "green-list"
key = 40960001
seeding = "selfhash"
context_width = 3
gamma = 0.25
bias = 4.0
vocabulary = 1200
tokenizer = "tokenizer.json"

[[keys]]
name = "half"
scheme = "green-list"
key = 33554467
gamma = 0.5
vocabulary = 1200
tokenizer = "tokenizer.json"

[[keys]]
name = "synth"
scheme = "synthid-text"
keys = [654, 400, 836, 123, 340, 443, 597, 160, 57, 29, 590, 639, 13, 715, 468, 990, 966, 226, 324, 585]
ngram_len = 5
tokenizer = "tokenizer.json"
"""


@dataclass(frozen=True)
class _Marked:
    folder: Path
    keys: tuple[GreenListKey | SynthIdKey, ...]
    tokens: dict[str, np.ndarray]
    """Name of a key, or ``plain``, to generated tokens, one row per document."""

    def texts(self, name):
        return [" ".join(f"w{token}" for token in row) for row in self.tokens[name].tolist()]


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> _Marked:
    """Generate with a tiny untrained model.

    Its weights are spread so that half the probability lies on some thirty tokens: selfhash marks only among the 40
    most probable.
    """
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("watermarks")
    vocabulary = {f"w{i}": i for i in range(_VOCABULARY)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "keys.toml").write_text(_KEYS, encoding="utf-8")
    keys = load_keys(folder / "keys.toml")
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=_VOCABULARY,
            n_positions=256,
            n_embd=16,
            n_layer=1,
            n_head=1,
            bos_token_id=0,
            eos_token_id=None,
            pad_token_id=0,
            initializer_range=0.5,
        )
    ).eval()
    prompt = torch.randint(1, _VOCABULARY, (_DOCUMENTS, 8))
    tokens = {}
    for name, config in [(key.name, watermarking_config(key)) for key in keys] + [("plain", None)]:
        torch.manual_seed(1)
        out = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            watermarking_config=config,
            do_sample=True,
            top_k=0,
            max_new_tokens=_TOKENS,
            min_new_tokens=_TOKENS,
        )
        tokens[name] = out[:, prompt.shape[1] :].numpy()
    return _Marked(folder, keys, tokens)


@pytest.mark.parametrize("name", ["left", "self", "half", "synth"])
def test_marked_text_is_found_by_its_own_key_alone(marked, name):
    """Sixteen documents and other keys at level 3e-5 in all: false alarm below 5e-4."""
    batch = documents(marked.texts(name)).to_batches()[0]
    found = list(WatermarkReader(marked.keys).read(batch))
    assert [row for row, _ in found] == list(range(_DOCUMENTS))
    for _, evidence in found:
        assert evidence.origin == Origin.MACHINE
        assert repr(name) in evidence.detail
        assert evidence.p_value < 1e-9


def test_unmarked_text_says_nothing(marked):
    """Four documents, four keys, level 3e-5: false alarm 2e-4."""
    batch = documents(marked.texts("plain")).to_batches()[0]
    assert list(WatermarkReader(marked.keys).read(batch)) == []


def test_token_ids_say_the_same_as_the_text(marked):
    batches = []
    for key_update in ({}, {"tokenizer": None, "tokens": "ids"}):
        keys = [key.model_copy(update=key_update) for key in marked.keys]
        meta = [json.dumps({"ids": row}) for row in marked.tokens["self"].tolist()]
        table = documents(marked.texts("self"), meta=meta)
        batches.append(list(WatermarkReader(keys).read(table.to_batches()[0])))
    assert batches[0] == batches[1]
    assert len(batches[0]) == _DOCUMENTS


def test_counts_agree_with_the_detector_of_transformers(marked):
    config = transformers.GPT2Config(vocab_size=_VOCABULARY, bos_token_id=0, eos_token_id=None)
    for key in marked.keys[:3]:
        detector = transformers.WatermarkDetector(config, "cpu", watermarking_config(key), ignore_repeated_ngrams=True)
        for row in marked.tokens[key.name]:
            theirs = detector(torch.tensor(row)[None], return_dict=True)
            ours = green_list_tests([row], key)[0][0]
            if key.seeding == "lefthash":
                assert (ours.tested, ours.green) == (theirs.num_tokens_scored[0], theirs.num_green_tokens[0])
                assert ours.z == pytest.approx(theirs.z_score[0], rel=1e-6)
            else:  # several windows share their least hash, hence seed and list: they are one piece of evidence
                assert ours.tested <= theirs.num_tokens_scored[0]
                assert ours.green <= theirs.num_green_tokens[0]


def test_keys_that_were_not_used_find_nothing_beyond_chance(marked):
    """Exact binomial tests that P(p <= a) <= a over 150 keys each, two levels and two schemes: false alarm 4e-4."""
    rng = np.random.default_rng(2)
    left, synth = marked.keys[0], marked.keys[3]
    row = marked.tokens["left"][0]
    green, mean = [], []
    for _ in range(150):
        other = GreenListKey.model_validate(
            left.model_dump() | {"key": int(rng.integers(1, 2**40)), "tokenizer": None, "tokens": "ids"}
        )
        green.append(green_list_tests([row], other)[0][0].p_value)
        others = SynthIdKey.model_validate(
            synth.model_dump() | {"keys": rng.integers(1, 2**40, 20).tolist(), "tokenizer": None, "tokens": "ids"}
        )
        mean.append(synthid_tests(row, others)[1].p_value)
    for found in (green, mean):
        for level in (0.02, 0.2):
            assert binom.sf((np.array(found) <= level).sum() - 1, 150, level) > 1e-4


def test_a_generator_set_to_another_share_is_reported(marked):
    half = marked.keys[2].model_copy(update={"gamma": 0.25})
    found = list(WatermarkReader([half]).read(documents(marked.texts("half")).to_batches()[0]))
    assert len(found) == _DOCUMENTS
    assert all("fits gamma 0.5 better than the 0.25" in evidence.detail for _, evidence in found)


def test_a_few_marked_sentences_within_plain_text_are_still_found(marked):
    """Half the words of each document come from the unmarked run."""
    mixed = np.concatenate(
        [marked.tokens["plain"][:, : _TOKENS // 2], marked.tokens["self"][:, : _TOKENS // 2]], axis=1
    )
    texts = [" ".join(f"w{token}" for token in row) for row in mixed.tolist()]
    found = list(WatermarkReader(marked.keys).read(documents(texts).to_batches()[0]))
    assert [row for row, _ in found] == list(range(_DOCUMENTS))
