"""The plug-in chain against its own definition, computed the slow way."""

from collections import Counter
from math import inf, log

import numpy as np
import pytest
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.chain import PASSAGE, ChainLearner, ChainModel, Text

RNG = np.random.default_rng(0)


def _text(*rows: list[int]) -> Text:
    return Text(np.array(rows, dtype=np.int32))


def _random(replicates: int, items: int, types: int, seed: int) -> Text:
    return Text(np.random.default_rng(seed).integers(types, size=(replicates, items)).astype(np.int32))


def _grams(row: NDArray[np.int32], length: int) -> list[tuple[int, ...]]:
    """Return the n-gram that ends at each position of a circular text."""
    return [tuple(int(row[(end - back) % len(row)]) for back in range(length - 1, -1, -1)) for end in range(len(row))]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_loss_is_minus_log_of_the_observed_share(order: int) -> None:
    train, other = _random(3, 200, 4, seed=1), _random(3, 57, 4, seed=2)
    losses = ChainLearner(order, 4).fit(train, RNG).loss(other)
    assert losses.nats.shape == losses.tokens.shape == (3, 57)
    for replicate in range(3):
        of_gram = Counter(_grams(train.values[replicate], order))
        of_context = Counter(gram[:-1] for gram in _grams(train.values[replicate], order))
        grams = _grams(other.values[replicate], order)
        expected = [log(of_context[gram[:-1]] / of_gram[gram]) if of_gram[gram] else inf for gram in grams]
        assert losses.nats[replicate].tolist() == pytest.approx(expected, abs=1e-12)
    assert (losses.tokens == 1).all()


def test_loss_of_one_text_under_all_replicates() -> None:
    train, other = _random(2, 300, 3, seed=3), _random(1, 20, 3, seed=4)
    model = ChainLearner(2, 3).fit(train, RNG)
    both = model.loss(Text(np.repeat(other.values, 2, axis=0))).nats
    assert np.array_equal(model.loss(other).nats, both)
    assert not np.array_equal(both[0], both[1])


def test_the_training_text_never_loses() -> None:
    train = _random(2, 50, 20, seed=5)
    assert np.isfinite(ChainLearner(3, 20).fit(train, RNG).loss(train).nats).all()


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_samples_hold_only_n_grams_of_the_training_text(order: int) -> None:
    train = _random(3, 60, 5, seed=6)
    out = ChainLearner(order, 5).fit(train, RNG).sample(500, np.random.default_rng(7)).values
    assert out.shape == (3, 500)
    for replicate in range(3):
        known = set(_grams(train.values[replicate], order))
        inside = _grams(out[replicate], order)[order - 1 :]  # the first ones would reach around the circle
        assert set(inside) <= known
        assert len(set(inside)) > 0.6 * len(known)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_samples_have_the_frequencies_of_the_training_text(order: int) -> None:
    """Chi-squared of the tokens after each context, given the context: 4 sigma above its mean, false alarms 1e-4."""
    train = _random(1, 40, 3, seed=8)
    out = ChainLearner(order, 3).fit(train, RNG).sample(200_000, np.random.default_rng(9)).values[0]
    expected = Counter(_grams(train.values[0], order))
    contexts = Counter(gram[:-1] for gram in _grams(train.values[0], order))
    found = Counter(_grams(out, order)[order - 1 :])
    visits = Counter(gram[:-1] for gram in _grams(out, order)[order - 1 :])
    statistic = freedom = 0.0
    for gram, count in expected.items():
        mean = visits[gram[:-1]] * count / contexts[gram[:-1]]
        if count < contexts[gram[:-1]]:
            statistic += (found[gram] - mean) ** 2 / mean
    for context in contexts:
        freedom += len({gram for gram in expected if gram[:-1] == context}) - 1
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5 + 4


def test_a_text_of_one_token_and_a_fixed_circle() -> None:
    learner = ChainLearner(3, 4)
    assert learner.fit(_text([2]), RNG).sample(5, RNG).values.tolist() == [[2] * 5]
    out = ChainLearner(2, 4).fit(_text([0, 1, 2, 3]), RNG).sample(9, RNG).values[0]
    assert (np.diff(out) % 4 == 1).all()
    assert learner.fit(_text([2, 0]), RNG).sample(0, RNG).values.shape == (1, 0)


def test_replicates_never_mix_and_start_at_different_places() -> None:
    texts = Text(np.array([[0, 1, 2] * 40, [3, 4, 5] * 40], dtype=np.int32))
    model = ChainLearner(2, 6).fit(texts, RNG)
    assert set(model.sample(300, np.random.default_rng(1)).values[1].tolist()) == {3, 4, 5}
    starts = {int(model.sample(1, np.random.default_rng(seed)).values[0, 0]) for seed in range(60)}
    assert starts == {0, 1, 2}  # one is missed with probability 3 * (2/3)^60 = 8e-11


def test_the_generator_decides() -> None:
    model = ChainLearner(2, 50).fit(_random(2, 2000, 50, seed=10), RNG)
    first, again, other = (model.sample(500, np.random.default_rng(seed)).values for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    rng = np.random.default_rng(1)
    assert not np.array_equal(model.sample(500, rng).values, model.sample(500, rng).values)


def test_read_only_and_wide_tokens_are_taken() -> None:
    values = np.broadcast_to(np.array([0, 1, 0, 2]), (3, 4))
    model = ChainLearner(2, 3).fit(Text(values), RNG)  # type: ignore[arg-type]
    assert model.sample(10, RNG).values.dtype == np.int32
    assert model.statistics()["support"].tolist() == [3, 3, 3]


# Decoding.


def _shares(model: ChainModel, types: int, n: int = 200_000) -> NDArray[np.float64]:
    return np.bincount(model.sample(n, np.random.default_rng(3)).values[0], minlength=types) / n


def test_temperature_raises_probabilities_to_a_power() -> None:
    """Shares of 4 types among 200,000 draws, each within 5 standard errors: false alarms 2e-6."""
    counts = np.array([50, 30, 15, 5])
    text = Text(np.repeat(np.arange(4), counts)[None].astype(np.int32))
    for temperature in (0.5, 0.8, 2.0):
        wanted = counts ** (1 / temperature)
        wanted = wanted / wanted.sum()
        found = _shares(ChainLearner(1, 4, temperature=temperature).fit(text, RNG), 4)
        assert (np.abs(found - wanted) < 5 * np.sqrt(wanted / 200_000)).all()


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.5, 1), (0.51, 2), (0.8, 2), (0.81, 3), (0.96, 4), (1.0, 4)])
def test_the_nucleus_is_the_smallest_set_that_reaches_its_mass(top_p: float, kept: int) -> None:
    counts = np.array([5, 50, 15, 30])
    text = Text(np.repeat(np.arange(4), counts)[None].astype(np.int32))
    found = _shares(ChainLearner(1, 4, top_p=top_p).fit(text, RNG), 4)
    assert set(np.flatnonzero(found)) == set(np.argsort(-counts)[:kept])
    wanted = np.where(found > 0, counts, 0) / counts[found > 0].sum()
    assert (np.abs(found - wanted) < 5 * np.sqrt(wanted / 200_000) + 1e-12).all()  # false alarms 2e-6 per row


def test_of_equally_likely_tokens_the_smaller_stays() -> None:
    found = _shares(ChainLearner(1, 3, top_p=0.5).fit(_text([2, 1, 0, 2, 1, 0]), RNG), 3)
    assert set(np.flatnonzero(found)) == {0, 1}


def test_the_nucleus_is_taken_within_each_context() -> None:
    # After 0 comes 1 three times of four, after 1 and 2 always 0.
    text = _text([0, 1, 0, 1, 0, 1, 0, 2])
    out = ChainLearner(2, 3, top_p=0.7).fit(text, RNG).sample(100, np.random.default_rng(2)).values[0]
    assert set(out[2:].tolist()) == {0, 1}
    longer = ChainLearner(3, 3, top_p=0.9).fit(_random(1, 500, 3, seed=11), RNG)
    grams = Counter(_grams(longer.values[0], 3))
    assert set(_grams(longer.sample(2000, RNG).values[0], 3)[2:]) <= set(grams)


def test_near_zero_temperature_takes_the_likeliest_and_does_not_overflow() -> None:
    text = Text(np.repeat(np.arange(3), [200, 199, 1])[None].astype(np.int32))
    assert _shares(ChainLearner(1, 3, temperature=1e-5).fit(text, RNG), 3).tolist() == [1, 0, 0]


# Measures.


def test_measures_by_hand() -> None:
    human = np.array([4, 2, 1, 1, 0])
    model = ChainLearner(2, 5, human=human, rare=2).fit(_text([0, 1, 0, 2], [0, 0, 0, 0]), RNG)
    found = model.statistics()
    assert found["support"].tolist() == [3, 1]
    assert found["heterozygosity"] == pytest.approx([1 - (0.25 + 0.0625 + 0.0625), 0])
    assert found["context_heterozygosity"] == pytest.approx([0.5 * 0.5, 0])  # half the tokens follow 0: 1 or 2
    assert found["tail"] == pytest.approx([2 / 3, 0])
    assert found["alive_1"] == pytest.approx([1 / 2, 0])
    assert found["alive_2_to_3"].tolist() == [1, 0]
    assert found["alive_4_to_9"].tolist() == [1, 1]
    assert "alive_10_and_more" not in found
    assert found["risk"] == pytest.approx([0.5 * (0 + 0 + 0.125 + 0.125), 0.5])
    assert found["variance"] == pytest.approx(found["heterozygosity"] / (1 - (0.25 + 0.0625 + 2 * 0.015625)))
    assert set(ChainLearner(2, 5).fit(_text([0]), RNG).statistics()) == {
        "support", "heterozygosity", "context_heterozygosity",
    }  # fmt: skip


def test_tokens_that_follow_a_context() -> None:
    model = ChainLearner(3, 3).fit(_text([0, 1, 0, 2], [1, 1, 1, 2]), RNG)
    assert model.following([0]).tolist() == [[0, 1, 1], [0, 0, 0]]
    assert model.following([2, 0]).tolist() == [[0, 1, 0], [0, 0, 0]]
    assert model.following([]).tolist() == [[2, 1, 1], [0, 3, 1]]


@pytest.mark.parametrize("order", [2, 3])
def test_a_context_loses_one_in_n_of_its_heterozygosity_per_generation(order: int) -> None:
    """E[H after a context of n occurrences] = (1 - 1/n) H, within 4 standard errors: false alarms 6e-5 each.

    The text is a real chain of order 3 over 6 types; the context is one that occurs often. 5,000 replicates.
    """
    odds = np.random.default_rng(12).dirichlet(np.full(6, 0.7), size=(6, 6))
    rng = np.random.default_rng(13)
    row = [0, 1]
    for _ in range(998):
        row.append(int(rng.choice(6, p=odds[row[-2], row[-1]])))
    text = np.array(row, dtype=np.int32)
    context = [3] if order == 2 else [int(token) for token in Counter(_grams(text, 2)).most_common(1)[0][0]]
    model = ChainLearner(order, 6).fit(Text(np.repeat(text[None], 5_000, axis=0)), RNG)
    before = model.following(context)[0]
    n = int(before.sum())
    assert 30 < n < 400
    after = ChainLearner(order, 6).fit(model.sample(1000, rng), rng).following(context)
    visits = after.sum(axis=1, keepdims=True)
    assert visits.min() > 0
    shares = after / visits
    found = 1 - np.square(shares).sum(axis=1)
    expected = (1 - 1 / n) * (1 - np.square(before / n).sum())
    assert abs(found.mean() - expected) < 4 * found.std() / len(found) ** 0.5


def test_accumulated_text_never_loses_a_type_and_replaced_text_never_gains_one() -> None:
    human = _random(4, 3000, 800, seed=14)
    learner = ChainLearner(2, 800)
    rng = np.random.default_rng(15)
    replaced = everything = human
    supports = [learner.fit(human, rng).statistics()["support"]]
    for _ in range(6):
        replaced = learner.fit(replaced, rng).sample(3000, rng)
        supports.append(learner.fit(replaced, rng).statistics()["support"])
        everything = everything.join(learner.fit(everything, rng).sample(3000, rng))
        assert learner.fit(everything, rng).statistics()["support"].tolist() == supports[0].tolist()
    assert everything.items == 7 * 3000
    assert (np.diff(supports, axis=0) <= 0).all()
    assert (supports[-1] < 0.9 * supports[0]).all()


# Text as a data set.


@pytest.mark.parametrize(("items", "drawn"), [(1000, 640), (1000, 100), (100, 99), (100, 65), (1000, 7), (130, 128)])
def test_drawn_text_keeps_the_order_of_its_passages(items: int, drawn: int) -> None:
    text = Text(np.repeat(np.arange(items, dtype=np.int32)[None], 50, axis=0))
    found = text.draw(drawn, np.random.default_rng(16)).values
    assert found.shape == (50, drawn)
    for row in found:
        assert len(set(row.tolist())) == drawn  # without replacement
        steps = np.diff(row) % items
        seams = int((steps != 1).sum())
        assert seams <= max(drawn // PASSAGE, items - drawn)
        assert int(steps.sum()) < items  # once around the circle at most


def test_every_token_is_drawn_equally_often() -> None:
    """Counts of 200 tokens in 4,000 draws of 70 of them: largest deviation below 5 sigma; false alarms 1e-4."""
    text = Text(np.repeat(np.arange(200, dtype=np.int32)[None], 4000, axis=0))
    counts = np.bincount(text.draw(70, np.random.default_rng(17)).values.ravel(), minlength=200)
    assert np.abs(counts - 1400).max() < 5 * (4000 * 0.35 * 0.65) ** 0.5
    assert text.draw(200, RNG) is text
    assert text.draw(300, RNG) is text


def test_blended_text_exchanges_whole_passages() -> None:
    """Share exchanged of 50 * 16 passages, 5 sigma; false alarms 6e-7."""
    first = Text(np.zeros((50, 1000), dtype=np.int32))
    second = Text(np.repeat(np.arange(1, 301, dtype=np.int32)[None], 50, axis=0))
    found = first.blend(second, 0.3, np.random.default_rng(18)).values
    assert found.shape == (50, 1000)
    exchanged = found[:, ::PASSAGE] > 0
    assert abs(exchanged.mean() - 0.3) < 5 * (0.3 * 0.7 / exchanged.size) ** 0.5
    for row in found:
        for begin in range(0, 1000, PASSAGE):
            passage = row[begin : begin + PASSAGE]
            if passage[0]:
                assert (np.diff(passage) % 300 == 1).all()
            else:
                assert not passage.any()
    assert np.array_equal(first.blend(second, 0.0, RNG).values, first.values)
    assert (first.blend(second, 1.0, RNG).values > 0).all()


def test_joined_text_and_its_size() -> None:
    joined = _text([1, 2], [3, 4]).join(_text([5], [6]))
    assert joined.values.tolist() == [[1, 2, 5], [3, 4, 6]]
    assert (joined.items, joined.replicates) == (3, 2)
    with pytest.raises(InputError, match=r"weight 0\.5"):
        joined.weighted(0.5)


# What is refused.


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.array([[0, 3]]), InputError, "allowed are 0 to 2"),
        (np.array([[-1, 0]]), InputError, "from -1 to 0"),
        (np.array([0, 1]), InputError, r"shape \(2,\)"),
        (np.array([[0.0, 1.0]]), InputError, "float64"),
        (np.zeros((2, 0), np.int32), NotEnoughData, r"shape \(2, 0\)"),
        (np.zeros((0, 2), np.int32), NotEnoughData, r"shape \(0, 2\)"),
    ],
)
def test_unusable_tokens_are_refused(values: NDArray[np.int32], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ChainLearner(2, 3).fit(Text(values), RNG)


def test_texts_to_score_must_fit_the_replicates() -> None:
    model = ChainLearner(2, 3).fit(_text([0], [1], [2]), RNG)
    with pytest.raises(InputError, match="2 texts cannot be scored by 3"):
        model.loss(_text([0], [1]))
    assert model.loss(Text(np.zeros((1, 0), np.int32))).nats.shape == (3, 0)


def test_every_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError) as found:
        ChainLearner(0, 0, temperature=0, top_p=1.5, human=np.ones(3, np.int64), rare=0)
    assert len(found.value.faults) == 6
    with pytest.raises(ConfigError, match="top_p = 0"):
        ChainLearner(2, 5, top_p=0)
    with pytest.raises(ConfigError, match="not all 0"):
        ChainLearner(2, 2, human=np.zeros(2, np.int64))
