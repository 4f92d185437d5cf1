"""Transformers of the laboratory: small real networks on the CPU."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("transformers", reason="needs the extra train")

from headwater.errors import ConfigError, HeadwaterError, InputError, NotEnoughData  # noqa: E402
from headwater.models import transformer_compute  # noqa: E402
from headwater.models.samples import Points  # noqa: E402
from headwater.models.tokenizer import END_OF_TEXT, hub_answers, load_tokenizer, train_tokenizer  # noqa: E402
from headwater.models.transformer import (  # noqa: E402
    SIZES,
    Decoding,
    Size,
    TransformerLearner,
    TransformerModel,
    TransformerSettings,
    cut_blocks,
    load_transformer,
)
from headwater.models.transformer_compute import gradients  # noqa: E402

VOCABULARY = 20
BLOCK = 8


@pytest.fixture(scope="module", autouse=True)
def tiny_size() -> Any:
    """One layer of width 32 for 24 positions, as a size of its own."""
    SIZES["test"] = Size(1, 32, 2, VOCABULARY, 24)
    yield
    del SIZES["test"]


def _settings(**more: Any) -> TransformerSettings:
    return TransformerSettings(**{"size": "test", "device": "cpu", "epochs": 2, "batch": 8, **more})


def _blocks(count: int, seed: int = 0) -> np.ndarray:
    """Return blocks in which each token follows its neighbour, from random beginnings: easy to learn."""
    start = np.random.default_rng(seed).integers(0, VOCABULARY, (count, 1))
    return (start + np.arange(BLOCK)) % VOCABULARY


def _fit(count: int = 48, seed: int = 0, blocks: np.ndarray | None = None, **more: Any) -> TransformerModel:
    given = _blocks(count) if blocks is None else blocks
    learner = TransformerLearner(_settings(**more), decoding=Decoding(new_tokens=BLOCK))
    return learner.fit(Points(given[None]), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def model() -> TransformerModel:
    return _fit(epochs=20, learning_rate=1e-2)


def _fixed(probabilities: np.ndarray) -> TransformerModel:
    """Return a network whose next token has the same probabilities whatever came before."""
    made = _fit(epochs=0)
    decoder = made.module.model.decoder
    with torch.no_grad():
        decoder.final_layer_norm.weight.zero_()
        decoder.final_layer_norm.bias.zero_()
        decoder.final_layer_norm.bias[0] = 1.0
        decoder.embed_tokens.weight[:, 0] = torch.log(torch.as_tensor(probabilities, dtype=torch.float32)).clamp(
            min=-80
        )
    return made


def _drawn(probabilities: np.ndarray, n: int = 400, **decoding: Any) -> np.ndarray:
    """Return how often each token was drawn by such a network."""
    written = _fixed(probabilities).continue_blocks(
        _blocks(n), np.random.default_rng(1), Decoding(new_tokens=10, **decoding)
    )
    return np.bincount(written.ravel(), minlength=VOCABULARY)


LAW = np.array([0.4, 0.3, 0.2, 0.05, 0.05, *[0.0] * (VOCABULARY - 5)])


# Training.


def test_training_lowers_the_loss_and_learns_the_rule(model: TransformerModel) -> None:
    losses = [epoch.training_loss for epoch in model.training]
    assert losses[0] > math.log(VOCABULARY) / 2
    assert losses[-1] < losses[0] / 3
    prompts = _blocks(5, seed=9)
    beam = model.continue_blocks(prompts, np.random.default_rng(0), Decoding("beam", new_tokens=BLOCK))
    np.testing.assert_array_equal(beam, (prompts + BLOCK) % VOCABULARY)


def test_the_same_generator_gives_the_same_model_and_text() -> None:
    state = torch.get_rng_state()
    first, again, other = _fit(seed=3), _fit(seed=3), _fit(seed=4)
    texts = [one.sample(10, np.random.default_rng(5)).values for one in (first, again, other)]
    np.testing.assert_array_equal(texts[0], texts[1])
    assert (texts[0] != texts[2]).any()
    for left, right in zip(first.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(left, right)
    assert torch.equal(state, torch.get_rng_state())  # torch's own generator is left alone


def test_a_fit_starts_from_the_base_and_leaves_it_as_it_is(model: TransformerModel) -> None:
    before = [weight.clone() for weight in model.module.parameters()]
    learner = TransformerLearner(_settings(epochs=0), base=model)
    unchanged = learner.fit(Points(_blocks(4)[None]), np.random.default_rng(0))
    assert unchanged.loss(Points(_blocks(9)[None])).mean == model.loss(Points(_blocks(9)[None])).mean
    trained = dataclasses.replace(learner, settings=_settings()).fit(Points(_blocks(8)[None]), np.random.default_rng(0))
    fresh = _fit(epochs=0)
    started = learner.fit(Points(_blocks(4)[None]), np.random.default_rng(0), start=fresh)
    assert started.loss(Points(_blocks(9)[None])).mean == fresh.loss(Points(_blocks(9)[None])).mean
    for was, now, other in zip(before, model.module.parameters(), trained.module.parameters(), strict=True):
        assert torch.equal(was, now)
        assert not torch.equal(was, other)


def test_the_best_epoch_on_the_validation_blocks_is_kept(model: TransformerModel) -> None:
    # Reversed blocks break the rule the base has learnt: every epoch on them makes the validation loss worse.
    harmful, validation = Points(_blocks(40)[None, :, ::-1]), _blocks(20, seed=2)
    fits = {}
    for keep in ("best", "last"):
        learner = TransformerLearner(_settings(keep=keep, epochs=3), base=model, validation=validation)
        fits[keep] = learner.fit(harmful, np.random.default_rng(0))
    by_epoch = [epoch.validation_loss for epoch in fits["best"].training]
    assert by_epoch[0] == min(by_epoch) < by_epoch[-1]  # type: ignore[type-var]
    assert fits["best"].loss(Points(validation[None])).mean == pytest.approx(by_epoch[0], rel=1e-6)
    assert fits["last"].loss(Points(validation[None])).mean == pytest.approx(by_epoch[-1], rel=1e-6)


def test_rates_follow_the_schedule() -> None:
    cosine = _settings(epochs=4, learning_rate=1.0, floor_rate=0.2)
    assert [cosine.rate(epoch) for epoch in range(4)] == pytest.approx(
        [1.0, 0.2 + 0.4 * (1 + 0.5**0.5), 0.6, 0.317157], abs=1e-6
    )
    assert {_settings(schedule="constant").rate(epoch) for epoch in range(9)} == {2e-3}


def test_weights_count_like_repeated_blocks() -> None:
    model = _fit(epochs=0)
    blocks = torch.as_tensor(_blocks(3))
    repeated, _ = gradients(model.module, "f32", blocks[[0, 0, 0, 1, 2, 2]])
    wanted = [weight.grad.clone() for weight in model.module.parameters()]
    weighted, _ = gradients(model.module, "f32", blocks, torch.tensor([3.0, 1.0, 2.0]) / 2)
    assert weighted == pytest.approx(repeated, rel=1e-6)
    for one, other in zip(wanted, model.module.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad, rtol=1e-4, atol=1e-7)


class _SmallMemory(torch.nn.Module):
    """A network on a machine that has room for so many blocks."""

    def __init__(self, module: Any, room: int) -> None:
        super().__init__()
        self.inner, self.room, self.device, self.config = module, room, module.device, module.config

    def forward(self, input_ids: Any, **more: Any) -> Any:
        if len(input_ids) > self.room:
            raise torch.OutOfMemoryError("no room")
        return self.inner(input_ids=input_ids, **more)


def test_a_step_that_does_not_fit_is_summed_up_from_parts() -> None:
    model, blocks = _fit(epochs=0), torch.as_tensor(_blocks(10))
    whole, _ = gradients(model.module, "f32", blocks)
    wanted = [weight.grad.clone() for weight in model.module.parameters()]
    loss, part = gradients(_SmallMemory(model.module, 3), "f32", blocks)
    assert part == 2  # 10, 5 and then 2
    assert loss == pytest.approx(whole, rel=1e-6)
    for one, other in zip(wanted, model.module.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad, rtol=1e-4, atol=1e-7)
    with pytest.raises(HeadwaterError, match=r"One block of 8 tokens does not fit.*smaller size"):
        gradients(_SmallMemory(model.module, 0), "f32", blocks)


def test_scoring_and_writing_shrink_their_batches_to_the_memory(model: TransformerModel) -> None:
    small = dataclasses.replace(model, module=_SmallMemory(model.module, 3))
    blocks = _blocks(10, seed=4)
    np.testing.assert_allclose(small.loss(Points(blocks[None])).nats, model.loss(Points(blocks[None])).nats, rtol=1e-5)
    texts = [one.continue_blocks(blocks, np.random.default_rng(6)) for one in (small, model)]
    np.testing.assert_array_equal(*texts)


def test_a_loss_that_is_no_number_stops_the_fit() -> None:
    broken = _fit(epochs=0)
    with torch.no_grad():
        broken.module.model.decoder.embed_tokens.weight[3] = torch.nan
    learner = TransformerLearner(_settings(), base=broken)
    with pytest.raises(HeadwaterError, match=r"loss is nan in epoch 1 of 2, step 1, at learning rate 0.002"):
        learner.fit(Points(_blocks(40)[None]), np.random.default_rng(0))


# Scoring.


@pytest.mark.parametrize("batch", [1, 7, 128])
def test_the_loss_is_the_cross_entropy_of_each_block(model: TransformerModel, batch: int) -> None:
    blocks = _blocks(15, seed=3)[:, ::-1]
    found = dataclasses.replace(model, batch=batch).loss(Points(blocks[None]))
    with torch.no_grad():
        logits = model.module(input_ids=torch.as_tensor(blocks.copy())).logits.double().numpy()
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    wanted = [-sum(logs[row, at, block[at + 1]] for at in range(BLOCK - 1)) for row, block in enumerate(blocks)]
    np.testing.assert_allclose(found.nats[0], wanted, rtol=1e-5)
    np.testing.assert_array_equal(found.tokens, np.full((1, 15), BLOCK - 1))


def test_half_precision_stays_close(model: TransformerModel) -> None:
    blocks = Points(_blocks(15, seed=3)[None, :, ::-1])
    half = dataclasses.replace(model, precision="bf16").loss(blocks).mean
    assert half != model.loss(blocks).mean
    assert half == pytest.approx(model.loss(blocks).mean, rel=0.02)


@pytest.mark.parametrize(("block", "stride", "tokens"), [(6, 6, 25), (6, 2, 27), (6, 1, 27), (6, 5, 25)])
def test_perplexity_predicts_each_token_of_the_windows_once(
    model: TransformerModel, block: int, stride: int, tokens: int
) -> None:
    ids = np.random.default_rng(2).integers(0, VOCABULARY, 30 if stride == 6 else 28)
    found = model.perplexity(ids, block=block, stride=stride)
    total = count = 0.0
    reached = 0  # tokens up to here are predicted, by definition the very first one
    for first in range(0, len(ids) - block + 1, stride):
        with torch.no_grad():
            logits = model.module(input_ids=torch.as_tensor(ids[None, first : first + block])).logits[0].double()
        logs = torch.log_softmax(logits, dim=-1).numpy()
        for at in range(max(first + 1, reached), first + block):
            total -= logs[at - first - 1, ids[at]]
            count += 1
        reached = first + block
    assert found.tokens == count == tokens
    assert found.value == pytest.approx(math.exp(total / count), rel=1e-5)
    assert (found.block, found.stride) == (block, stride)


def test_a_uniform_model_has_the_vocabulary_as_its_perplexity() -> None:
    uniform = _fixed(np.full(VOCABULARY, 1 / VOCABULARY))
    found = uniform.perplexity(np.arange(100) % VOCABULARY, block=10)
    assert found.value == pytest.approx(VOCABULARY, rel=1e-5)
    assert (found.tokens, found.stride) == (90, 10)


def test_perplexity_needs_a_window_and_a_stride(model: TransformerModel) -> None:
    with pytest.raises(ConfigError, match="block = 8, stride = 9: allowed are"):
        model.perplexity(np.zeros(99, np.int64), block=8, stride=9)
    with pytest.raises(NotEnoughData, match="7 tokens do not fill a window of 8"):
        model.perplexity(np.zeros(7, np.int64), block=8)


# Writing.


def test_draws_follow_the_distribution() -> None:
    counts = _drawn(LAW)
    assert counts[5:].sum() == 0
    # 4,000 independent draws; the sum of squares is chi-square with 4 degrees of freedom, above 23.5 once in 10,000
    assert (np.square(counts[:5] - 4000 * LAW[:5]) / (4000 * LAW[:5])).sum() < 23.5


def test_temperature_and_nucleus_change_the_distribution() -> None:
    cold = _drawn(LAW, temperature=0.5)
    wanted = 4000 * LAW[:5] ** 2 / np.square(LAW).sum()
    assert (np.square(cold[:5] - wanted) / wanted).sum() < 23.5  # as above
    nucleus = _drawn(LAW, top_p=0.7)  # 0.4 + 0.3 reach it, up to rounding; the third may then belong to it
    assert nucleus[3:].sum() == 0
    assert _drawn(LAW, top_p=0.65)[2:].sum() == 0
    assert _drawn(LAW, top_p=0.01)[0] == 4000


def test_a_number_next_to_one_draws_a_token_that_has_probability() -> None:
    probabilities = torch.tensor([[0.5, 0.5, 0.0]])
    drawn = transformer_compute._invert(probabilities, torch.tensor([[1.0]]), 1.0)
    assert int(drawn) == 1


def test_the_repetition_penalty_avoids_what_was_there() -> None:
    # A log probability is negative, so a penalty of 3 makes it three times as large: 0.4 becomes 0.4^3.
    prompts, decoding = np.zeros((4000, 2), np.int64), Decoding(new_tokens=1, repetition_penalty=3.0)
    drawn = _fixed(LAW).continue_blocks(prompts, np.random.default_rng(2), decoding)
    share = 0.4**3 / (0.4**3 + 0.6)
    # 4,000 independent draws; 4 standard errors are exceeded six times in 100,000
    assert abs(float((drawn == 0).mean()) - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    beams = [
        _fixed(LAW).continue_blocks(
            np.full((1, 2), 7), np.random.default_rng(0), Decoding("beam", new_tokens=4, repetition_penalty=penalty)
        )
        for penalty in (1.0, 5.0)
    ]
    assert set(beams[0].ravel()) == {0}
    assert len(set(beams[1].ravel())) > 1


def test_beams_and_draws_have_the_shape_asked_for_and_every_token_is_new(model: TransformerModel) -> None:
    prompts = _blocks(11, seed=5)
    rng = np.random.default_rng(0)
    for decoding in (Decoding(new_tokens=5), Decoding("beam", beams=3, new_tokens=5)):
        written = model.continue_blocks(prompts, rng, decoding)
        assert written.shape == (11, 5)
        assert written.dtype == np.int64
        assert model.continue_blocks(prompts[:0], rng, decoding).shape == (0, 5)
    # one beam is the greedy choice, token by token
    greedy = model.continue_blocks(prompts[:2], rng, Decoding("beam", beams=1, new_tokens=3))
    with torch.no_grad():
        first = model.module(input_ids=torch.as_tensor(prompts[:2])).logits[:, -1].argmax(-1)
    np.testing.assert_array_equal(greedy[:, 0], first.numpy())


def test_the_end_of_text_of_a_published_model_is_never_written() -> None:
    published = _fixed(LAW)
    published.module.config.eos_token_id = published.module.generation_config.eos_token_id = 0
    for decoding in (Decoding(new_tokens=6), Decoding("beam", new_tokens=6)):
        written = published.continue_blocks(_blocks(20), np.random.default_rng(0), decoding)
        assert written.shape == (20, 6)
        assert 0 not in written


def test_sampling_continues_the_training_set_or_the_prompts_in_order() -> None:
    model = _fit(epochs=20, learning_rate=1e-2)
    decoding = Decoding("beam", new_tokens=4)
    blocks = _blocks(48)
    drawn = dataclasses.replace(model, decoding=decoding).sample(50, np.random.default_rng(0)).values
    assert drawn.shape == (1, 50, 4)
    np.testing.assert_array_equal(drawn[0], (blocks[np.arange(50) % 48, -1:] + np.arange(1, 5)) % VOCABULARY)
    others = _blocks(3, seed=8)
    learner = TransformerLearner(_settings(), prompts=others)
    np.testing.assert_array_equal(learner.fit(Points(blocks[None]), np.random.default_rng(0)).prompts, others)


def test_a_share_of_the_prompts_is_copied() -> None:
    prompts = _blocks(40)[:, ::-1].copy()  # nothing the model would write
    learner = TransformerLearner(_settings(epochs=1), prompts=prompts, decoding=Decoding(new_tokens=BLOCK), copied=0.25)
    drawn = (
        learner.fit(Points(_blocks(16)[None]), np.random.default_rng(0)).sample(40, np.random.default_rng(1)).values[0]
    )
    assert int((drawn == prompts).all(axis=1).sum()) == 10
    short = dataclasses.replace(learner, decoding=Decoding(new_tokens=3))
    with pytest.raises(InputError, match="Prompts of 8 tokens cannot be copied among blocks of 3 new ones"):
        short.fit(Points(_blocks(16)[None]), np.random.default_rng(0)).sample(4, np.random.default_rng(1))


# Saving and loading.


def test_a_saved_model_is_the_same_model(model: TransformerModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    again = load_transformer(str(tmp_path), device="cpu")
    blocks = Points(_blocks(20, seed=3)[None])
    np.testing.assert_array_equal(again.loss(blocks).nats, model.loss(blocks).nats)
    assert (again.vocabulary, again.positions, again.parameters) == (VOCABULARY, 24, model.parameters)
    with pytest.raises(InputError, match="no prompts"):
        again.sample(1, np.random.default_rng(0))


def test_a_published_model_is_loaded_by_folder_with_its_tokenizer(tmp_path: Path, prose: Any) -> None:
    # The files a hub would hand out, for a network that is no OPT.
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = train_tokenizer([prose(200, 1)], 300)
    GPT2LMHeadModel(
        GPT2Config(vocab_size=300, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    ).save_pretrained(tmp_path)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").rename(tmp_path / "vocabulary.json")
    with pytest.raises(InputError, match="The tokenizer of model"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "vocabulary.json").rename(tmp_path / "tokenizer.json")
    loaded = load_transformer(str(tmp_path), device="cpu", decoding=Decoding(new_tokens=5))
    ids = load_tokenizer(str(tmp_path)).encode([prose(100, 2)])
    np.testing.assert_array_equal(ids, tokenizer.encode([prose(100, 2)]))
    learner = TransformerLearner(_settings(epochs=1, learning_rate=1e-2), base=loaded, decoding=Decoding(new_tokens=5))
    tuned = learner.fit(Points(cut_blocks(ids, 16)[None]), np.random.default_rng(0))
    assert tuned.perplexity(ids, block=16).value < loaded.perplexity(ids, block=16).value
    assert tuned.sample(4, np.random.default_rng(0)).values.shape == (1, 4, 5)
    assert tuned.source == str(tmp_path)


def test_a_hub_out_of_reach_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"Model 'nobody/nothing' cannot be loaded") as fault:
        load_transformer("nobody/nothing", device="cpu")
    assert '--set model=""' in str(fault.value)
    # A name that no machine has: the answer comes at once, not after the client's many attempts.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    for proxy in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    assert not hub_answers()
    with pytest.raises(InputError, match=r"The tokenizer of model 'nobody/nothing' cannot be loaded"):
        load_tokenizer("nobody/nothing")


# The tokenizer.


def test_the_tokenizer_gives_every_text_back(prose: Any, tmp_path: Path) -> None:
    texts = [prose(300, seed) for seed in range(4)]
    tokenizer, again = train_tokenizer(texts, 400), train_tokenizer(iter(texts), 400)
    assert tokenizer.size == 400
    assert tokenizer.backend.to_str() == again.backend.to_str()
    strange = "Größe — \U0001f600\n  naïve\t" + texts[0]
    ids = tokenizer.encode([strange, texts[1]])
    assert tokenizer.decode(ids) == strange + END_OF_TEXT + texts[1] + END_OF_TEXT
    assert len(ids) < len((strange + texts[1]).encode()) * 0.7
    tokenizer.save(tmp_path)
    np.testing.assert_array_equal(load_tokenizer(str(tmp_path)).encode([strange]), tokenizer.encode([strange]))
    assert len(tokenizer.encode([])) == 0


def test_a_tokenizer_needs_text_and_room_for_the_bytes() -> None:
    with pytest.raises(ConfigError, match="vocabulary = 256: allowed are 257 and more"):
        train_tokenizer(["text"], 256)
    with pytest.raises(NotEnoughData, match="no text"):
        train_tokenizer([""], 300)


def test_blocks_are_cut_one_after_another() -> None:
    np.testing.assert_array_equal(cut_blocks(np.arange(11), 4), [[0, 1, 2, 3], [4, 5, 6, 7]])


# Mistakes.


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"size": "huge"}, "size = 'huge': allowed are tiny, small, medium, opt-125m"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: allowed are numbers above 0"),
        ({"schedule": "linear"}, "schedule = 'linear'"),
        ({"keep": "first"}, "keep = 'first': allowed are best, last"),
    ],
)
def test_settings_out_of_range(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as found:
        TransformerSettings(**fault)
    assert message in str(found.value)


def test_decoding_out_of_range() -> None:
    with pytest.raises(ConfigError, match="2 faults in the decoding") as found:
        Decoding(top_p=0.0, beams=0)
    assert "top_p = 0.0: allowed are numbers above 0, up to 1" in str(found.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"device = cuda: torch .* sees no GPU here; allowed are auto, cpu"):
        _fit(device="cuda")


def test_data_that_cannot_be_used(model: TransformerModel) -> None:
    learner, rng = TransformerLearner(_settings()), np.random.default_rng(0)
    with pytest.raises(InputError, match=r"shape \(2, 3, 8\)\. A transformer carries one replicate"):
        learner.fit(Points(np.zeros((2, 3, 8), np.int64)), rng)
    with pytest.raises(NotEnoughData, match="0 blocks of 8 tokens"):
        learner.fit(Points(np.zeros((1, 0, 8), np.int64)), rng)
    with pytest.raises(
        InputError, match="Tokens 0 to 20 do not all belong to the vocabulary, whose tokens are 0 to 19"
    ):
        learner.fit(Points(np.arange(21)[None, None]), rng)
    with pytest.raises(InputError, match="Blocks of 25 tokens do not fit the 24 positions"):
        learner.fit(Points(np.zeros((1, 2, 25), np.int64)), rng)
    with pytest.raises(InputError, match="Blocks of 25 tokens are longer than the 24 positions"):
        model.loss(Points(np.zeros((1, 2, 25), np.int64)))
    with pytest.raises(InputError, match="8 tokens and 17 new ones are longer than the 24 positions"):
        model.continue_blocks(_blocks(1), rng, Decoding(new_tokens=17))
