"""What the gate is compared with: each method does what its paper says, within its budget."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from headwater.gate import DSIR, AdmitAll, Discriminator, LowestPerplexity, RandomShare, Selection, token_counts
from headwater.gate.selection import take_tokens
from headwater.models import NgramLearner
from headwater.schema import documents
from headwater.text import Vocabulary, encode_table

Language = Callable[..., list[str]]


@pytest.fixture(scope="module")
def vocabulary(language: Language) -> Vocabulary:
    return Vocabulary.from_texts(language(200), 1)


@pytest.fixture(scope="module")
def human(language: Language, vocabulary: Vocabulary) -> pa.Table:
    return encode_table(documents(language(80, seed=1)), vocabulary)


@pytest.fixture(scope="module")
def candidates(language: Language, vocabulary: Vocabulary) -> pa.Table:
    """Forty documents of the human language and as many of another, alternating."""
    texts = [text for pair in zip(language(40, seed=2), language(40, language=1), strict=True) for text in pair]
    return encode_table(documents(texts, recipe=["same", "other"] * 40), vocabulary)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _same(chosen: pa.Table) -> float:
    return float(np.mean([recipe == "same" for recipe in chosen["recipe"].to_pylist()]))


# Budgets.


def test_tokens_are_taken_in_order_until_the_budget_is_reached(human: pa.Table) -> None:
    counts = token_counts(human)
    order = np.arange(human.num_rows)[::-1]
    last_three = int(counts[-3:].sum())
    for budget, expected in ((last_three, 3), (last_three - 1, 3), (last_three + 1, 4), (1, 1), (0, 0), (-5, 0)):
        taken = take_tokens(human, order, budget)
        assert taken["id"].to_pylist() == human["id"].to_pylist()[::-1][:expected]
    assert take_tokens(human, order, 10**9).num_rows == human.num_rows
    assert take_tokens(human.slice(0, 0), np.zeros(0, np.int64), 10).num_rows == 0


SELECTIONS: dict[str, Callable[[Vocabulary], Selection]] = {
    "random": lambda vocabulary: RandomShare(),
    "lowest-perplexity": lambda vocabulary: LowestPerplexity(NgramLearner(vocabulary, order=2)),
    "dsir": lambda vocabulary: DSIR(),
    "discriminator": lambda vocabulary: Discriminator(features=2**12),
}


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("budget", [0, 1, 700, 10**6])
def test_budgets_are_respected(
    name: str, budget: int, candidates: pa.Table, human: pa.Table, vocabulary: Vocabulary
) -> None:
    selection = SELECTIONS[name](vocabulary)
    assert selection.name == name
    chosen = selection.choose(candidates, human, budget, _rng())
    counts = token_counts(chosen)
    supply = int(token_counts(candidates).sum())
    assert chosen.schema.equals(candidates.schema, check_metadata=True)
    ids = chosen["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    assert set(ids) <= set(candidates["id"].to_pylist())
    assert counts.sum() >= min(budget, supply)
    assert counts[:-1].sum() < max(budget, 1)  # without the last document it was too little


@pytest.mark.parametrize("name", SELECTIONS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_to_choose_from(
    name: str, count: int, candidates: pa.Table, human: pa.Table, vocabulary: Vocabulary
) -> None:
    chosen = SELECTIONS[name](vocabulary).choose(candidates.slice(0, count), human, 10**6, _rng())
    assert sorted(chosen["id"].to_pylist()) == sorted(candidates["id"].to_pylist()[:count])


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_same_generator_state_gives_the_same_choice(
    name: str, candidates: pa.Table, human: pa.Table, vocabulary: Vocabulary
) -> None:
    first, again = (SELECTIONS[name](vocabulary).choose(candidates, human, 700, _rng()) for _ in range(2))
    assert first.equals(again)


def test_admit_all_takes_everything_whatever_the_budget(candidates: pa.Table, human: pa.Table) -> None:
    assert AdmitAll().choose(candidates, human, 1, _rng()).equals(candidates)


def test_a_random_share_is_random(candidates: pa.Table, human: pa.Table) -> None:
    draws = [RandomShare().choose(candidates, human, 1200, np.random.default_rng(seed)) for seed in range(40)]
    taken = Counter(key for draw in draws for key in draw["id"].to_pylist())
    # 20 of 80 documents each time: a document is taken 10 times in 40, sd 2.7. The chance that any of the 80 is never
    # taken or more than 25 times is below 80 * (0.75^40 + 1e-6) < 0.001.
    assert len(taken) == 80
    assert max(taken.values()) <= 25


# Lowest perplexity.


def test_lowest_perplexity_takes_exactly_the_lowest(
    candidates: pa.Table, human: pa.Table, vocabulary: Vocabulary
) -> None:
    learner = NgramLearner(vocabulary, order=2)
    losses = learner.fit(human, _rng()).loss(candidates).per_token
    chosen = LowestPerplexity(learner).choose(candidates, human, 1200, _rng())
    expected = np.argsort(losses)[: chosen.num_rows]
    assert chosen["id"].to_pylist() == [candidates["id"].to_pylist()[i] for i in expected]
    assert 10 < chosen.num_rows < 40
    assert _same(chosen) == 1.0


def test_lowest_perplexity_is_drawn_to_the_most_predictable(
    candidates: pa.Table, human: pa.Table, vocabulary: Vocabulary
) -> None:
    """A text that repeats the commonest pair of words beats every human text: the reason why it collapses a loop."""
    pairs = Counter(pair for row in human["tokens"].to_pylist() for pair in pairwise(row))
    first, second = (vocabulary.words[token] for token in pairs.most_common(1)[0][0])
    dull = encode_table(documents([f"{first} {second}."], recipe="dull"), vocabulary)
    pool = pa.concat_tables([candidates, dull])
    chosen = LowestPerplexity(NgramLearner(vocabulary, order=1)).choose(pool, human, 1, _rng())
    assert chosen["recipe"].to_pylist() == ["dull"]


# DSIR.


def _log_weights(candidates: pa.Table, human: pa.Table) -> list[float]:
    """Return the weights of the paper with a dictionary of word 1- and 2-grams instead of hash buckets."""

    def grams(row: list[int]) -> list[tuple[int, ...]]:
        return [*((token,) for token in row), *pairwise(row)]

    def shares(table: pa.Table) -> dict[tuple[int, ...], float]:
        counts = Counter(gram for row in table["tokens"].to_pylist() for gram in grams(row))
        total = sum(counts.values())
        return {gram: count / total for gram, count in counts.items()}

    p, q = shares(human), shares(candidates)
    return [
        sum(np.log(p.get(gram, 0.0) + 1e-8) - np.log(q[gram] + 1e-8) for gram in grams(row))
        for row in candidates["tokens"].to_pylist()
    ]


def test_dsir_weights_are_those_of_a_dictionary(candidates: pa.Table, human: pa.Table) -> None:
    few, people = candidates.slice(0, 20), human.slice(0, 20)
    # In 2^21 buckets 800 distinct grams collide with probability 0.15; those of these texts do not.
    weights = DSIR(buckets=2**21).log_weights(few, people)
    assert weights == pytest.approx(_log_weights(few, people), rel=1e-9)


def test_dsir_counts_each_document_alone(candidates: pa.Table, human: pa.Table) -> None:
    """Pairs do not reach over the end of a document, and empty documents weigh nothing."""
    vocabulary = Vocabulary.from_texts(["a b c d"], 1)
    people, machine = (encode_table(documents(texts), vocabulary) for texts in (["a b", "c d"], ["a b", "", "c d"]))
    weights = DSIR(buckets=2**20).log_weights(machine, people)
    assert weights == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_dsir_hashes_evenly(human: pa.Table) -> None:
    words = [f"w{i}" for i in np.random.default_rng(0).permutation(20_000)]
    table = encode_table(documents([" ".join(words)]), Vocabulary.from_texts([" ".join(words)], 1))
    buckets = DSIR()._bucketed(table)[0]
    counts = np.bincount(buckets, minlength=10_000)
    # 39,999 distinct grams in 10,000 buckets: variance about the mean of 4, with an sd of the variance of 0.06.
    assert counts.var() == pytest.approx(4.0, abs=0.4)


def test_dsir_prefers_the_human_language_with_noise(candidates: pa.Table, human: pa.Table) -> None:
    weights = DSIR().log_weights(candidates, human)
    assert weights[::2].mean() > weights[1::2].mean() + 10
    assert _same(DSIR().choose(candidates, human, 1200, _rng())) == 1.0
    chosen = [
        tuple(DSIR().choose(candidates, human, 1200, np.random.default_rng(seed))["id"].to_pylist())
        for seed in range(3)
    ]
    assert len(set(chosen)) == 3


# Discriminator.


def test_the_discriminator_prefers_what_it_takes_for_human(candidates: pa.Table, human: pa.Table) -> None:
    assert _same(Discriminator().choose(candidates, human, 1200, _rng())) > 0.8


def test_a_discriminator_that_can_tell_nothing_chooses_at_random(language: Language, vocabulary: Vocabulary) -> None:
    """Candidates of the human language under two names: of 20 chosen, 10 are of each, sd 1.9 (hypergeometric)."""
    human, pool = (
        encode_table(documents(language(80, seed=seed), recipe=["same", "other"] * 40), vocabulary) for seed in (1, 2)
    )
    assert 3 <= 20 * _same(Discriminator().choose(pool, human, 1200, _rng())) <= 17
