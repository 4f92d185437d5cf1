"""The neural proxy: a small real network on a small language, on the CPU."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from headwater.errors import ConfigError, Diverged, InputError, NotEnoughData  # noqa: E402
from headwater.gate.pairing import Pair  # noqa: E402
from headwater.gate.panel import ScoringPanel  # noqa: E402
from headwater.models import NeuralLearner, NeuralModel, NeuralSettings  # noqa: E402
from headwater.models.learner import Losses, averaged, fitted, seeds_of  # noqa: E402
from headwater.models.neural import _known_tokens, _packed, _Pieces, _stream  # noqa: E402
from headwater.schema import documents  # noqa: E402
from headwater.text import END, UNKNOWN, Vocabulary, encode_table  # noqa: E402

Language = Callable[..., list[str]]
SMALL = {"vocabulary": 200, "width": 24, "updates": 40, "batch": 8, "piece": 12, "check_every": 10}


@pytest.fixture(scope="module")
def vocabulary(language: Language) -> Vocabulary:
    return Vocabulary.from_texts(language(60, seed=1), 1)


@pytest.fixture(scope="module")
def human(language: Language, vocabulary: Vocabulary) -> pa.Table:
    return _table(language(60, seed=1), vocabulary)


def _table(texts: list[str], vocabulary: Vocabulary, name: str = "human", recipe: str | None = None) -> pa.Table:
    ids = [f"{name}-{i}" for i in range(len(texts))]
    table = documents(texts, id=ids, group=ids, recipe=recipe, origin="human" if recipe is None else "machine")
    return encode_table(table.append_column("unit", table["group"]), vocabulary)


def _fit(words: Vocabulary, table: pa.Table, seed: int = 0, **more: Any) -> NeuralModel:
    learner = NeuralLearner(words, NeuralSettings(**{**SMALL, **more}))
    return learner.fit(table, np.random.default_rng(seed))


def test_the_defaults_are_a_quarter_of_a_million_parameters() -> None:
    words = ("<unk>", "</s>", *(f"w{i}" for i in range(2500)))
    table = _table(["w1 w2"] * 20, Vocabulary(words))
    model = _fit(Vocabulary(words), table, vocabulary=2000, width=96, updates=1)
    assert model.size == 2000
    assert model.parameters == 2000 * 96 + 2000 + 6 * 96 * 96 + 6 * 96
    assert 0.245e6 < model.parameters < 0.255e6


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(vocabulary: Vocabulary, human: pa.Table) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = _fit(vocabulary, human).loss(human).nats
        torch.set_num_threads(2)
        torch.manual_seed(123)  # the global state of torch plays no part
        two = _fit(vocabulary, human).loss(human).nats
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert one.tobytes() == two.tobytes()
    assert _fit(vocabulary, human, seed=1).loss(human).nats.tobytes() != one.tobytes()


def test_training_does_not_touch_the_random_state_of_torch(vocabulary: Vocabulary, human: pa.Table) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _fit(vocabulary, human, updates=2)
    assert torch.equal(torch.rand(3), expected)


def test_it_learns_the_language(vocabulary: Vocabulary, human: pa.Table, language: Language) -> None:
    unseen = _table(language(40, seed=2), vocabulary)
    early = _fit(vocabulary, human, updates=1).loss(unseen).mean
    late = _fit(vocabulary, human, updates=200, learning_rate=1e-2).loss(unseen).mean
    counts = np.bincount(np.concatenate(human["tokens"].to_pylist()), minlength=len(vocabulary)) + 1e-9
    entropy = -float((counts / counts.sum()) @ np.log(counts / counts.sum()))
    assert early > entropy
    assert late < entropy  # better than word frequencies alone


def test_losses_are_those_of_the_network_word_by_word(vocabulary: Vocabulary, human: pa.Table) -> None:
    model = _fit(vocabulary, human)
    table = pa.concat_tables([human.slice(0, 5), _table([""], vocabulary, "empty"), human.slice(7, 3)])
    tokens, offsets = _known_tokens(table, vocabulary, model.size)
    expected = []
    with torch.inference_mode():
        for row in range(table.num_rows):
            ids = [END, *tokens[offsets[row] : offsets[row + 1]].tolist(), END]
            states, _ = model.network.gru(model.network.embedding(torch.tensor([ids[:-1]])))
            found = torch.log_softmax(model.network.logits(states[0]), dim=-1)
            expected.append(-float(found[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].double().sum()))
    losses = model.loss(table)
    assert losses.nats == pytest.approx(expected, rel=1e-5)
    assert losses.tokens.tolist() == (np.diff(offsets) + 1).tolist()


def test_probabilities_of_the_next_word_sum_to_one(vocabulary: Vocabulary, human: pa.Table) -> None:
    model = _fit(vocabulary, human)
    one_word = [_table([word], vocabulary) for word in vocabulary.words[2 : model.size]]
    first = model.loss(_table([""], vocabulary)).nats[0]  # the end at once
    assert len(one_word) + 2 == model.size
    with torch.inference_mode():
        states, _ = model.network.gru(model.network.embedding(torch.tensor([[END]])))
        found = torch.softmax(model.network.logits(states[0, -1]).double(), dim=-1)
    assert float(found.sum()) == pytest.approx(1)
    assert float(found[END]) == pytest.approx(math.exp(-first), rel=1e-5)


def test_pieces_hold_every_word_once_and_begin_with_the_word_before(vocabulary: Vocabulary, human: pa.Table) -> None:
    pieces = _Pieces.of(human, vocabulary, len(vocabulary), NeuralSettings(**SMALL))
    tokens, offsets = _known_tokens(human, vocabulary, len(vocabulary))
    predicted = np.concatenate([pieces.starts + 1 + k for k in range(12)])
    inside = np.concatenate([k < pieces.lengths for k in range(12)])
    assert sorted(predicted[inside].tolist()) == list(range(1, len(tokens) + len(offsets)))
    assert pieces.lengths.max() == 12
    assert pieces.lengths.min() >= 1
    packed, targets, row = _packed(pieces.stream, pieces.starts[:9], pieces.lengths[:9])
    for number in range(9):
        at = slice(pieces.starts[number], pieces.starts[number] + pieces.lengths[number] + 1)
        mine = pieces.stream[at].tolist()
        assert packed.data[torch.from_numpy(row == number)].tolist() == mine[:-1]
        assert targets[torch.from_numpy(row == number)].tolist() == mine[1:]
    assert int(packed.batch_sizes.sum()) == pieces.lengths[:9].sum()


def test_a_stream_ends_and_begins_documents_with_one_token() -> None:
    stream, begins = _stream(np.array([5, 6, 7], np.int32), np.array([0, 2, 2, 3]))
    assert stream.tolist() == [END, 5, 6, END, END, 7, END]
    assert begins.tolist() == [0, 3, 4, 6]


@pytest.mark.parametrize(("machine", "share"), [(60, 0.25), (5, None)])
def test_an_update_has_its_machine_share_by_weight(
    machine: int, share: float | None, vocabulary: Vocabulary, human: pa.Table, language: Language
) -> None:
    mixed = pa.concat_tables([human, _table(language(machine, seed=3), vocabulary, "machine", "r")])
    pieces = _Pieces.of(mixed, vocabulary, len(vocabulary), NeuralSettings(**{**SMALL, "machine_share": 0.25}))
    natural = pieces.lengths[pieces.machine].sum() / pieces.lengths.sum()
    expected = natural if share is None else share
    assert natural < 0.25 if share is None else natural > 0.25
    updates = pieces.updates(8, np.random.default_rng(0))
    seen: list[int] = []
    for _ in range(200):
        rows, weights = next(updates)
        each = pieces.lengths[rows] * weights
        assert each.sum() == pytest.approx(1, rel=1e-5)
        assert each[pieces.machine[rows]].sum() == pytest.approx(expected, rel=1e-5)
        seen += rows[~pieces.machine[rows]].tolist()
    # every human piece comes as often as any other, but for the pass that is under way
    counts = np.bincount(seen, minlength=len(pieces.lengths))[~pieces.machine]
    assert counts.max() - counts.min() <= 1


def test_machine_text_alone_is_trained_on_as_a_whole(vocabulary: Vocabulary, language: Language) -> None:
    alone = _table(language(20, seed=3), vocabulary, "machine", "r")
    pieces = _Pieces.of(alone, vocabulary, len(vocabulary), NeuralSettings(**SMALL))
    assert pieces.share == 1
    assert len(_fit(vocabulary, alone).history) == 4


def test_what_is_held_out_is_the_same_with_and_without_a_batch(
    vocabulary: Vocabulary, human: pa.Table, language: Language
) -> None:
    learner = NeuralLearner(vocabulary, NeuralSettings(**SMALL))
    batch = _table(language(30, seed=3), vocabulary, "machine", "r")
    training, held = learner._parts(human, np.random.default_rng(4))
    mixed, also_held = learner._parts(pa.concat_tables([human, batch]), np.random.default_rng(4))
    assert held is not None
    assert also_held is not None
    assert held["id"].to_pylist() == also_held["id"].to_pylist()
    assert held.num_rows == 6
    assert not set(held["id"].to_pylist()) & set(training["id"].to_pylist())
    assert mixed.num_rows == training.num_rows + 30


def test_the_best_update_is_kept(vocabulary: Vocabulary, language: Language) -> None:
    few = _table(language(12, seed=1), vocabulary)
    unseen = _table(language(60, seed=2), vocabulary, "unseen")
    losses = {}
    for keep in ("best", "last"):
        settings = NeuralSettings(**{**SMALL, "updates": 400, "learning_rate": 2e-2, "dropout": 0.0, "keep": keep})
        model = NeuralLearner(vocabulary, settings, validation=unseen).fit(few, np.random.default_rng(0))
        losses[keep] = model.loss(unseen).mean
        history = [check.loss for check in model.history]
    assert min(history) < history[-1]  # it is trained for too long
    assert losses["best"] == pytest.approx(min(history))
    assert losses["last"] == pytest.approx(history[-1])


def test_rare_words_are_one_word_to_the_network(vocabulary: Vocabulary, human: pa.Table) -> None:
    model = _fit(vocabulary, human, vocabulary=50)
    rare = [word for word in vocabulary.words[50:] if word.isalpha()][:2]
    assert model.size == 50
    first, second = model.loss(_table(rare, vocabulary)).nats
    assert first == second
    assert model.loss(_table(["notaword"], vocabulary)).nats[0] == first
    tokens, _ = _known_tokens(_table(rare, vocabulary), vocabulary, 50)
    assert set(tokens.tolist()) == {UNKNOWN}


def test_samples_follow_the_generator_and_look_like_the_language(vocabulary: Vocabulary, human: pa.Table) -> None:
    model = _fit(vocabulary, human, updates=200, learning_rate=1e-2)
    drawn = model.sample(50, np.random.default_rng(3))
    assert drawn["text"].to_pylist() == model.sample(50, np.random.default_rng(3))["text"].to_pylist()
    assert drawn["text"].to_pylist() != model.sample(50, np.random.default_rng(4))["text"].to_pylist()
    enough = model.sample_tokens(1000, np.random.default_rng(0))
    lengths = [len(tokens) + 1 for tokens in enough["tokens"].to_pylist()]
    assert sum(lengths) >= 1000 > sum(lengths[:-1])
    # its own text is as likely to it as unseen text of the language, within a third
    assert model.loss(enough).mean == pytest.approx(model.loss(human).mean, rel=1 / 3)
    prompt = " ".join(human["text"][0].as_py().split()[:3])
    longer = model.continue_text(prompt, 5, np.random.default_rng(0))
    assert longer.lower().startswith(prompt.lower()[:3])
    assert len(longer) > len(prompt)


def test_faults_are_named_together() -> None:
    with pytest.raises(ConfigError, match=r"(?s)3 faults.*vocabulary = 2.*updates = 0.*keep = 'worst'"):
        NeuralSettings(vocabulary=2, updates=0, keep="worst")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="seeds = 0"):
        NeuralLearner(Vocabulary(("<unk>", "</s>")), seeds=0)


def test_too_little_and_too_fast(vocabulary: Vocabulary, human: pa.Table) -> None:
    with pytest.raises(NotEnoughData, match="0 documents"):
        _fit(vocabulary, human.slice(0, 0))
    with pytest.raises(NotEnoughData, match="1 groups are too few"):
        _fit(vocabulary, human.slice(0, 1))
    assert _fit(vocabulary, human.slice(0, 1), keep="last").history == ()
    with pytest.raises(Diverged, match="Lower learning_rate"):
        _fit(vocabulary, human, learning_rate=1e30)


# Pairs of noisy learners.


class _Noisy:
    """Losses that are the number of documents plus noise of the seed; counts what it is asked."""

    def __init__(self, seeds: int) -> None:
        self.seeds = seeds
        self.asked: list[float] = []

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> "_Noisy":
        fit = _Noisy(1)
        noise = float(rng.normal())
        self.asked.append(noise)
        fit.level = 100.0 - samples.num_rows + noise
        return fit

    level: float

    def loss(self, samples: pa.Table) -> Losses:
        return Losses(np.full(samples.num_rows, self.level), np.ones(samples.num_rows, np.int64))

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        raise NotImplementedError


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_pair_averages_the_seeds_its_learner_asks_for(
    seeds: int, vocabulary: Vocabulary, human: pa.Table, language: Language
) -> None:
    learner = _Noisy(seeds)
    panel = ScoringPanel(_table(language(10, seed=5), vocabulary, "panel"))
    pair = Pair(learner, lambda admitted: pa.concat_tables([human, admitted]), panel, panel, (7, 1))
    batch = _table(language(4, seed=6), vocabulary, "machine", "r")
    found = pair.losses(human.slice(0, 0), batch)
    assert pair.taken() == 2 * seeds
    assert learner.asked[:seeds] == learner.asked[seeds:]  # the same seeds without and with the batch
    assert len(set(learner.asked)) == seeds
    without, with_ = found.certification
    assert without.nats == pytest.approx(100 - human.num_rows + np.mean(learner.asked[:seeds]))
    assert (without.nats - with_.nats) == pytest.approx(4)  # the noise of the seeds cancels
    pair.losses(batch, human.slice(0, 0))
    assert pair.taken() == 0  # known from the test before


def test_the_first_model_is_the_one_of_the_seed_alone() -> None:
    learner = _Noisy(2)
    fitted(learner, pa.table({"a": [1]}), [3, 4])
    assert learner.asked[0] == float(np.random.default_rng([3, 4]).normal())
    assert learner.asked[1] == float(np.random.default_rng([3, 4, 1]).normal())
    assert seeds_of(object()) == 1
    assert seeds_of(NeuralLearner(Vocabulary(("<unk>", "</s>")))) == 2


def test_models_that_count_tokens_differently_are_not_compared(vocabulary: Vocabulary, human: pa.Table) -> None:
    panel = ScoringPanel(human.slice(0, 2))
    one, two = (Losses(np.ones(2), np.array(tokens)) for tokens in ([3, 4], [3, 5]))
    with pytest.raises(InputError, match=r"1 panel documents differently \(human-1: 4 and 5\)"):
        panel.gains(one, two)


def test_averaging_is_document_by_document() -> None:
    tokens = np.array([2, 3])
    mean = averaged([Losses(np.array([1.0, 5.0]), tokens), Losses(np.array([3.0, 6.0]), tokens)])
    assert mean.nats.tolist() == [2.0, 5.5]
    assert mean.tokens.tolist() == [2, 3]
