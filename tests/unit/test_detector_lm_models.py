"""Language models a user names: loading, recognising, refusing, and reading texts with them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
transformers = pytest.importorskip("transformers", reason="needs the extra train")

from lm_example import save_tiny  # noqa: E402

from headwater.errors import ConfigError, InputError, MissingExtraError  # noqa: E402
from headwater.origin.detector import lm_models  # noqa: E402
from headwater.origin.detector.lm_models import LanguageModels, load_language_models  # noqa: E402

TEXTS = [
    "The bridge was closed on Tuesday.",
    "It stayed closed until the old piers had been looked at again by divers, which took longer than anyone thought.",
    "No.",
    "caf\u00e9 \u2014 \u6865, 3.14",
]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks the hub."""
    monkeypatch.setattr("headwater.models.tokenizer.hub_answers", lambda: False)
    monkeypatch.setattr(lm_models, "hub_answers", lambda: False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, prose: Callable[[int, int], str]) -> tuple[Path, Path]:
    """Two networks with one tokenizer."""
    place = tmp_path_factory.mktemp("models")
    texts = [*TEXTS, prose(300, 1)]
    return save_tiny(place / "performer", texts, seed=1), save_tiny(place / "observer", texts, seed=2)


@pytest.fixture(scope="module")
def pair(folders: tuple[Path, Path]) -> LanguageModels:
    return load_language_models(str(folders[0]), str(folders[1]), device="cpu")


def _plainly(models: LanguageModels, text: str) -> list[float]:
    """Return the statistics of one text: one forward pass of each model, float64, no chunks, no padding."""
    ids = torch.tensor([models.tokenizer.backend.encode(text).ids[: models.pair.tokens]])
    with torch.no_grad():
        log_p = models.scoring(ids).logits[0, :-1].double().log_softmax(-1)
        q = (models.reference or models.scoring)(ids).logits[0, :-1].double().softmax(-1)
    found = log_p.gather(1, ids[0, 1:, None]).sum()
    mean = (q * log_p).sum(-1)
    variance = ((q * log_p**2).sum(-1) - mean**2).sum()
    mean = mean.sum()
    return [float((found - mean) / variance.sqrt()), float(-found / mean), float(found / (len(ids[0]) - 1))]


def test_statistics_are_those_of_each_text_read_alone(pair: LanguageModels, prose: Callable[[int, int], str]) -> None:
    texts = [*TEXTS, prose(40, 2), prose(9, 3)]
    found = pair.read(texts)
    np.testing.assert_allclose(found, [_plainly(pair, text) for text in texts], rtol=1e-4, atol=1e-4)
    alone = np.concatenate([pair.read([text]) for text in texts])
    np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-5)
    twice = pair.read([texts[1], texts[4], texts[1]])
    np.testing.assert_array_equal(twice[0], twice[2])


def test_one_model_may_take_both_parts(folders: tuple[Path, Path]) -> None:
    one = load_language_models(str(folders[0]), device="cpu")
    assert one.pair.scoring == one.pair.reference
    assert one.reference is None
    np.testing.assert_allclose(one.read(TEXTS), [_plainly(one, text) for text in TEXTS], rtol=1e-4, atol=1e-4)
    named_twice = load_language_models(str(folders[0]), str(folders[0]), device="cpu")
    assert named_twice.reference is None
    assert named_twice.pair == one.pair


def test_batches_are_bounded_and_hold_every_text_once(
    pair: LanguageModels, monkeypatch: pytest.MonkeyPatch, prose: Callable[[int, int], str]
) -> None:
    lengths = [5, 0, 3, 1, 9, 9, 2, 400]
    monkeypatch.setattr(lm_models, "_BATCH_LOGITS", 200)
    batches = lm_models._batches(lengths, 10)
    assert sorted(row for batch in batches for row in batch) == [0, 2, 4, 5, 6, 7]
    assert all(len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) * 10 <= 200 for batch in batches)
    assert batches[0] == [6, 2, 0]  # 3 * 5 * 10: as many as go in
    texts = [*TEXTS, prose(40, 2)]
    small = pair.read(texts)
    monkeypatch.undo()
    np.testing.assert_allclose(small, pair.read(texts), rtol=1e-4, atol=1e-5)


def test_a_text_of_no_or_one_token_has_no_statistics(pair: LanguageModels) -> None:
    found = pair.read(["", "a", "Two words, at least."])
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2]).all()
    assert pair.read([]).shape == (0, 3)


def test_only_the_first_tokens_are_read(pair: LanguageModels, tmp_path: Path, prose: Callable[[int, int], str]) -> None:
    assert pair.pair.tokens == lm_models.TOKENS
    text = prose(900, 4)
    ids = pair.tokenizer.backend.encode(text).ids
    assert len(ids) > lm_models.TOKENS
    np.testing.assert_allclose(pair.read([text])[0], _plainly(pair, text), rtol=1e-4)
    # A model with fewer positions reads fewer.
    short = load_language_models(str(save_tiny(tmp_path / "short", TEXTS, n_positions=12)), device="cpu")
    assert short.pair.tokens == 12
    begins_alike = [TEXTS[1], TEXTS[1][:60] + " and more."]
    assert short.read(begins_alike)[0].tolist() == short.read(begins_alike)[1].tolist()


def test_models_that_do_not_share_a_tokenizer_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    other = save_tiny(tmp_path / "other", ["zebra zebra quagga zebra quagga"] * 9)
    with pytest.raises(InputError, match=r"do not share a tokenizer .* --lm-reference"):
        load_language_models(str(folders[0]), str(other), device="cpu")
    # The same tokens, split in another way.
    shutil.copytree(folders[1], tmp_path / "split")
    place = tmp_path / "split" / "tokenizer.json"
    settings = json.loads(place.read_text())
    settings["pre_tokenizer"]["add_prefix_space"] = True
    place.write_text(json.dumps(settings))
    with pytest.raises(InputError, match=r"the same tokens, but .* split differently"):
        load_language_models(str(folders[0]), str(tmp_path / "split"), device="cpu")


def test_a_model_is_recognised_wherever_it_lies_and_another_is_not(folders: tuple[Path, Path], tmp_path: Path) -> None:
    known = load_language_models(str(folders[0]), device="cpu").pair
    moved = load_language_models(str(shutil.copytree(folders[0], tmp_path / "moved")), device="cpu").pair
    assert moved.same_models(known)
    assert moved.scoring.source != known.scoring.source
    assert not load_language_models(str(folders[1]), device="cpu").pair.same_models(known)
    # Trained further: the same settings, files and sizes.
    trained = shutil.copytree(folders[0], tmp_path / "trained")
    model = transformers.AutoModelForCausalLM.from_pretrained(trained)
    with torch.no_grad():
        model.transformer.h[0].mlp.c_fc.weight += 1e-3
    model.save_pretrained(trained)
    assert not load_language_models(str(trained), device="cpu").pair.same_models(known)
    # A setting that changes what is computed, but no tensor.
    settings = json.loads((tmp_path / "moved" / "config.json").read_text())
    (tmp_path / "moved" / "config.json").write_text(json.dumps({**settings, "activation_function": "relu"}))
    assert not load_language_models(str(tmp_path / "moved"), device="cpu").pair.same_models(known)
    (tmp_path / "moved" / "config.json").write_text(json.dumps({**settings, "transformers_version": "0"}))
    assert load_language_models(str(tmp_path / "moved"), device="cpu").pair.same_models(known)


def test_what_would_run_code_or_guess_weights_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'nowhere/at-all' cannot be used: its tokenizer"):
        load_language_models("nowhere/at-all", device="cpu")
    # Pickled weights only.
    pickled = shutil.copytree(folders[0], tmp_path / "pickled")
    module = transformers.AutoModelForCausalLM.from_pretrained(pickled)
    (pickled / "model.safetensors").unlink()
    torch.save(module.state_dict(), pickled / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"cannot be loaded .*safetensors"):
        load_language_models(str(pickled), device="cpu")
    # Code of its own.
    coded = shutil.copytree(folders[0], tmp_path / "coded")
    settings = json.loads((coded / "config.json").read_text())
    code = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
    (coded / "config.json").write_text(json.dumps({**settings, "model_type": "own", "auto_map": code}))
    (coded / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_language_models(str(coded), device="cpu")
    assert not (tmp_path / "ran").exists()
    # A layer more than there are weights for would be filled with random numbers.
    partial = shutil.copytree(folders[0], tmp_path / "partial")
    (partial / "config.json").write_text(json.dumps({**settings, "n_layer": 2}))
    with pytest.raises(InputError, match=r"of its tensors are not in its files, such as transformer\.h\.1"):
        load_language_models(str(partial), device="cpu")
    # A damaged file.
    broken = shutil.copytree(folders[0], tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_language_models(str(broken), device="cpu")


def test_a_model_that_reads_both_ways_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    both_ways = tmp_path / "bert"
    size = load_language_models(str(folders[0]), device="cpu")._size
    settings = transformers.BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertLMHeadModel(settings).save_pretrained(both_ways)
    shutil.copy(folders[0] / "tokenizer.json", both_ways)
    with pytest.raises(InputError, match="no causal model"):
        load_language_models(str(both_ways), device="cpu")


def test_a_tokenizer_with_more_tokens_than_the_network_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    small = save_tiny(tmp_path / "small", TEXTS)
    shutil.copy(folders[0] / "tokenizer.json", small)
    settings = json.loads((small / "tokenizer.json").read_text())
    settings["added_tokens"].append(
        {"id": 5000, "content": "<|x|>", "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
    )  # fmt: skip
    (small / "tokenizer.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match=r"the token id \d+, and the network only"):
        load_language_models(str(small), device="cpu")


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_without_the_extra_it_says_which(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headwater\[train\]'"):
        load_language_models("anything", device="cpu")


def test_a_gpu_that_is_not_there_is_refused(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="sees no GPU"):
        load_language_models(str(folders[0]), device="cuda")
