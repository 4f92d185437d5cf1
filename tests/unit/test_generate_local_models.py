"""Models on this machine: a tiny one of transformers made here, and vLLM by a stand-in with its own signatures."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from headwater.errors import InputError
from headwater.generate import Finish, VllmModel, generator_of, parents_of, recipe_of, requests_of
from headwater.schema import documents

TEXTS = ["the old mill", "a river runs by the town and the mill", "bread", "the sea broke through the wall in winter"]


def _requests(generator, model, texts=TEXTS, **decoding):
    recipe = recipe_of(
        {
            "name": "r",
            "generator": {**generator, "model": str(model)},
            "prompt": {"template": "{{ text }}", "system": ""},
            "decoding": {"max_tokens": 12, **decoding},
        }
    )
    return recipe, list(requests_of(recipe, parents_of(documents(texts), recipe), "g"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("tiny")
    words = sorted({word for text in TEXTS for word in text.split()})
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<end>", "<unk>", *words])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(vocabulary), n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=1,
        pad_token_id=0,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def _answers(tiny, batch_size, **decoding):
    recipe, requests = _requests({"kind": "transformers", "batch_size": batch_size, "device": "cpu"}, tiny, **decoding)
    return list(generator_of(recipe).answer(requests)), requests


def test_what_a_request_is_answered_does_not_depend_on_its_batch(tiny):
    alone, requests = _answers(tiny, 1)
    together, _ = _answers(tiny, 4)
    assert [one.key for one in together] == [one.key for one in requests]
    assert [one.text for one in alone] == [one.text for one in together]
    assert len({one.text for one in alone}) == len(TEXTS)
    assert all(one.prompt_tokens == len(text.split()) for one, text in zip(together, TEXTS, strict=True))
    assert all(one.finish is Finish.LENGTH or one.completion_tokens <= 12 for one in alone)


def test_temperature_zero_is_greedy_and_seeds_matter_otherwise(tiny):
    first, second = (_answers(tiny, 4, temperature=0, seed=seed)[0] for seed in (1, 2))
    assert [one.text for one in first] == [one.text for one in second]
    first, second = (_answers(tiny, 4, seed=seed)[0] for seed in (1, 2))
    assert [one.text for one in first] != [one.text for one in second]


def test_draws_follow_the_models_distribution():
    torch = pytest.importorskip("torch")
    from headwater.generate.local_model import _Draw
    from headwater.generate.recipe_file import DecodingSettings

    odds = torch.tensor([0.5, 0.3, 0.15, 0.05])
    drawn = _Draw(list(range(4000)), DecodingSettings())(None, odds.log().repeat(4000, 1)).argmax(dim=-1)
    shares = torch.bincount(drawn, minlength=4) / 4000
    assert (shares - odds).abs().max() < 0.04  # five standard errors of a half: wrongly broken once in a million
    top = _Draw(list(range(4000)), DecodingSettings(top_p=0.6))(None, odds.log().repeat(4000, 1)).argmax(dim=-1)
    assert set(top.tolist()) == {0, 1}


def test_a_prompt_that_does_not_fit_and_a_model_that_is_not_there_are_said(tiny, tmp_path):
    recipe, requests = _requests({"kind": "transformers"}, tiny, texts=["bread " * 60])
    with pytest.raises(InputError, match=r"60 tokens, the answer 12 at most.*has room for 64"):
        list(generator_of(recipe).answer(requests))
    recipe, requests = _requests({"kind": "transformers"}, tmp_path / "none")
    with pytest.raises(InputError, match=r"cannot be loaded.*Nothing is downloaded"):
        list(generator_of(recipe).answer(requests))


class _SamplingParams:
    def __init__(self, *, temperature=1.0, top_p=1.0, max_tokens=16, stop=None, seed=None):
        self.temperature, self.max_tokens, self.seed = temperature, max_tokens, seed


class _LLM:
    """Takes what ``vllm.LLM`` takes, by position and by name as there."""

    def __init__(self, model, *, tensor_parallel_size=1, chat_template=None):
        self.template = chat_template

    def get_tokenizer(self, lora_request=None):
        return SimpleNamespace(chat_template=self.template)

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None):
        return [self._output(f"plain: {one}", drawn) for one, drawn in zip(prompts, sampling_params, strict=True)]

    def chat(self, messages, sampling_params=None, use_tqdm=True, lora_request=None, chat_template=None):
        pairs = zip(messages, sampling_params, strict=True)
        return [self._output(f"chat: {one[-1]['content']}", drawn) for one, drawn in pairs]

    @staticmethod
    def _output(text, drawn):
        one = SimpleNamespace(text=f"{text} {drawn.seed}", token_ids=[1, 2, 3], finish_reason="length")
        return SimpleNamespace(prompt_token_ids=[1, 2], outputs=[one])


@pytest.mark.parametrize(("engine", "start"), [({}, "plain"), ({"chat_template": "x"}, "chat")])
def test_vllm_is_asked_with_a_seed_for_each_request(monkeypatch, engine, start):
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = _LLM, _SamplingParams
    monkeypatch.setitem(sys.modules, "vllm", module)
    recipe, requests = _requests({"kind": "vllm", "engine": engine, "batch_size": 3}, "m")
    found = list(generator_of(recipe).answer(requests))
    assert [one.text for one in found] == [f"{start}: {one.prompt} {one.seed}" for one in requests]
    assert {(one.finish, one.prompt_tokens, one.completion_tokens) for one in found} == {(Finish.LENGTH, 2, 3)}


def test_vllm_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    recipe, requests = _requests({"kind": "vllm"}, "m")
    assert isinstance(generator_of(recipe), VllmModel)
    with pytest.raises(InputError, match="pip install vllm"):
        list(generator_of(recipe).answer(requests))
