"""The transformer proxy: tiny networks made here, trained from scratch, fine-tuned, and through adapters."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("transformers", reason="needs the extra train")

from headwater.errors import ConfigError, Diverged, InputError, NotEnoughData  # noqa: E402
from headwater.models.text_transformer import (  # noqa: E402
    TextTransformer,
    TextTransformerModel,
    TextTransformerSettings,
    text_transformer,
)
from headwater.models.transformer import TransformerModel  # noqa: E402
from headwater.schema import documents  # noqa: E402

Language = Callable[..., list[str]]
SMALL: dict[str, Any] = {"updates": 30, "batch": 8, "block": 16, "vocabulary": 300, "device": "cpu"}


def _table(texts: list[str], name: str = "human", recipe: str | None = None) -> pa.Table:
    origin = "human" if recipe is None else "machine"
    return documents(texts, id=[f"{name}-{i}" for i in range(len(texts))], recipe=recipe, origin=origin)


@pytest.fixture(scope="module")
def human(language: Language) -> pa.Table:
    return _table(language(40, seed=1))


def _learner(human: pa.Table, **more: Any) -> TextTransformer:
    return text_transformer(TextTransformerSettings(**{**SMALL, **more}), human["text"].to_pylist())


@pytest.fixture(scope="module")
def model(human: pa.Table) -> TextTransformerModel:
    return _learner(human, updates=60, learning_rate=5e-3).fit(human, np.random.default_rng(0))


@pytest.fixture(scope="module")
def published(model: TextTransformerModel, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a trained network and its tokenizer, as a published model would be."""
    folder = tmp_path_factory.mktemp("published")
    TransformerModel(model.module, "made here").save(folder)
    model.tokenizer.save(folder)
    return str(folder)


def test_it_learns_the_language(model: TextTransformerModel, human: pa.Table, language: Language) -> None:
    unseen = _table(language(30, seed=2))
    untrained = _learner(human, updates=1, learning_rate=1e-9).fit(human, np.random.default_rng(0))
    assert untrained.loss(unseen).mean == pytest.approx(math.log(model.tokenizer.size), rel=0.1)
    assert model.loss(unseen).mean < 0.8 * untrained.loss(unseen).mean
    assert len(model.training) == 60


def test_losses_are_those_of_the_network_token_by_token(model: TextTransformerModel, human: pa.Table) -> None:
    table = pa.concat_tables([human.slice(0, 3), _table(["", "x"], "short")])
    losses = model.loss(table)
    for row, text in enumerate(table["text"].to_pylist()):
        ids = [*model.tokenizer.backend.encode(text, add_special_tokens=False).ids, model.start]
        stream = [model.start, *ids]
        nats = 0.0
        for first in range(0, len(ids), model.block):
            window = torch.tensor([stream[first : first + model.block + 1]])
            with torch.inference_mode():
                logits = model.module(input_ids=window).logits[0, :-1]
            found = torch.log_softmax(logits.double(), dim=-1)
            nats -= float(found[torch.arange(len(found)), window[0, 1:]].sum())
        assert losses.tokens[row] == len(ids)
        assert losses.nats[row] == pytest.approx(nats, rel=1e-4)


def test_the_same_seed_gives_the_same_model(human: pa.Table) -> None:
    learner = _learner(human, updates=3)
    one, two, other = (learner.fit(human, np.random.default_rng(seed)).loss(human).nats for seed in (0, 0, 1))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != other.tobytes()


def test_every_token_is_in_one_block_and_kinds_are_apart(human: pa.Table, language: Language) -> None:
    learner = _learner(human)
    mixed = pa.concat_tables([human, _table(language(20, seed=3), "machine", "r")])
    blocks, machine, share = learner._blocks(mixed, 0)
    ids = [[*row.ids, 0] for row in learner.tokenizer.backend.encode_batch(mixed["text"].to_pylist())]
    for kind, rows in ((False, ids[:40]), (True, ids[40:])):
        stream = [0, *(token for row in rows for token in row)]
        mine = blocks[machine == kind]
        predicted = mine[:, 1:].flatten().tolist()
        assert predicted == stream[1 : len(predicted) + 1]
        assert len(stream) - 1 - len(predicted) < 16
        assert (mine[1:, 0] == mine[:-1, -1]).all()
    assert share == pytest.approx(1 / 3, abs=0.02)
    assert learner._blocks(human, 0)[2] == 0


def test_adapters_leave_the_base_as_it_is_and_train_little(published: str, human: pa.Table, language: Language) -> None:
    pytest.importorskip("peft", reason="needs the extra lora")
    other = _table(language(40, language=1, seed=4))
    learner = _learner(human, base=published, lora_rank=4, updates=100, learning_rate=1e-2)
    assert learner.base is not None
    before = {name: value.clone() for name, value in learner.base.module.state_dict().items()}
    untouched = _learner(human, base=published, updates=1, learning_rate=1e-12).fit(other, np.random.default_rng(0))
    fitted = learner.fit(other, np.random.default_rng(0))
    trained = sum(weight.numel() for weight in fitted.module.parameters() if weight.requires_grad)
    assert 0 < trained < 0.1 * sum(weight.numel() for weight in fitted.module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in learner.base.module.state_dict().items())
    frozen = {name: value for name, value in fitted.module.named_parameters() if not value.requires_grad}
    assert any(
        torch.equal(frozen[f"base_model.model.{name}"], before[name])
        for name in before
        if f"base_model.model.{name}" in frozen
    )
    unseen = _table(language(30, language=1, seed=5))
    gains = untouched.loss(unseen).per_token - fitted.loss(unseen).per_token
    assert gains.mean() > 5 * gains.std(ddof=1) / np.sqrt(len(gains))


def test_a_published_model_is_fine_tuned_from_where_it_stands(
    published: str, model: TextTransformerModel, human: pa.Table, language: Language
) -> None:
    learner = _learner(human, base=published, updates=1, learning_rate=1e-12)
    found = learner.fit(human, np.random.default_rng(0))
    assert found.loss(human).nats == pytest.approx(model.loss(human).nats, rel=1e-4)
    assert found.tokenizer.size == model.tokenizer.size


def test_samples_are_documents(model: TextTransformerModel) -> None:
    drawn = model.sample(5, np.random.default_rng(0))
    assert drawn.num_rows == 5
    assert set(drawn["origin"].to_pylist()) == {"machine"}
    assert drawn["text"].to_pylist() == model.sample(5, np.random.default_rng(0))["text"].to_pylist()
    assert all("<|end|>" not in text for text in drawn["text"].to_pylist())


def test_what_cannot_be_fitted_says_why(human: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)2 faults.*updates = 0.*lora_rank = 4: adapters are trained beside"):
        TextTransformerSettings(updates=0, lora_rank=4)
    with pytest.raises(NotEnoughData, match="do not fill a block of 16"):
        _learner(human).fit(_table(["a"]), np.random.default_rng(0))
    with pytest.raises(ConfigError, match="block = 500: the network takes 128 tokens"):
        _learner(human, block=500).fit(human, np.random.default_rng(0))
    with pytest.raises(Diverged, match="Lower learning_rate"):
        _learner(human, learning_rate=1e12).fit(human, np.random.default_rng(0))
    with pytest.raises(InputError, match="cannot be loaded"):
        _learner(human, base=str(tmp_path / "nothing"))
