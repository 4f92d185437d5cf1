import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models import NgramLearner, NgramModel
from headwater.schema import DOCUMENT, content_id, documents
from headwater.text import END, Vocabulary, encode_table, is_encoded, split_words, token_arrays

ORDERS = [1, 2, 3, 4, 5]


def _texts(count: int, words: int = 30, types: int = 40, seed: int = 0) -> list[str]:
    """Texts with Zipf frequencies and dependence between neighbours."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        numbers = np.minimum(rng.zipf(1.4, rng.integers(0, words)), types)
        numbers[1::2] = (numbers[: len(numbers) // 2 * 2 : 2] * 7 + rng.integers(0, 2, len(numbers) // 2)) % types
        texts.append(" ".join(f"w{number}" for number in numbers))
    return texts


def _fit(texts: list[str], vocabulary: Vocabulary | None = None, **settings: object) -> NgramModel:
    vocabulary = vocabulary or Vocabulary.from_texts(texts)
    return NgramLearner(vocabulary, **settings).fit(documents(texts), np.random.default_rng(0))


def test_a_bigram_by_hand() -> None:
    texts = ["a b", "a b", "a c"]
    model = _fit(texts, Vocabulary.from_texts(texts, min_count=1), order=2)
    a, b, c = (model.vocabulary.words.index(word) for word in "abc")
    # Distinct left neighbours: a 1, b 1, c 1, end 2; five in all, over four types; vocabulary of five.
    p1 = dict.fromkeys((a, b, c), 0.25 / 5 + 0.75 * 4 / 5 / 5)
    p1[END] = 1.25 / 5 + 0.75 * 4 / 5 / 5
    p1[0] = 0.75 * 4 / 5 / 5
    after_a = {word: 0.75 * 2 / 3 * p1[word] for word in p1}
    after_a[b] += 1.25 / 3
    after_a[c] += 0.25 / 3
    assert np.exp(model.log_probabilities([a])).tolist() == pytest.approx([after_a[word] for word in range(5)])
    # After an unknown word nothing was seen: the unigrams decide.
    assert np.exp(model.log_probabilities([0])).tolist() == pytest.approx([p1[word] for word in range(5)])
    assert model.word_counts.tolist() == [0, 3, 3, 2, 1]
    assert model.support == 3
    assert model.loss(documents(["a"])).nats[0] == pytest.approx(
        -np.log(2.25 / 3 + 0.75 / 3 * p1[a]) - np.log(after_a[END])
    )


def test_order_one_is_the_discounted_frequency() -> None:
    model = _fit(["a a b"], Vocabulary.from_texts(["a a b"], min_count=1), order=1)
    share = 0.75 * 3 / 4 / 4
    assert np.exp(model.log_probabilities([])).tolist() == pytest.approx(
        [share, 0.25 / 4 + share, 1.25 / 4 + share, 0.25 / 4 + share]
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("uniform", [True, False])
def test_probabilities_sum_to_one(order: int, uniform: bool) -> None:
    texts = _texts(60)
    model = _fit(texts, order=order, uniform=uniform)
    rng = np.random.default_rng(1)
    contexts = [rng.integers(0, len(model.vocabulary), length) for length in range(8) for _ in range(30)]
    tokens, offsets = token_arrays(documents(texts), model.vocabulary)
    contexts += [tokens[offsets[i] : offsets[i] + 1 + i % 6] for i in range(40)]
    for context in contexts:
        probabilities = np.exp(model.log_probabilities(context))
        assert probabilities.min() >= 0
        assert abs(probabilities.sum() - 1) < 1e-12


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("uniform", "discount"), [(True, 0.75), (False, 0.75), (True, 0.0), (True, 1.0)])
def test_loss_is_the_sum_over_the_full_distributions(order: int, uniform: bool, discount: float) -> None:
    model = _fit(_texts(60), order=order, uniform=uniform, discount=discount)
    held_out = documents(["", "w1", "never seen w1 w1", *_texts(15, seed=2)])
    losses = model.loss(held_out)
    tokens, offsets = token_arrays(held_out, model.vocabulary)
    for row in range(len(offsets) - 1):
        document = [*tokens[offsets[row] : offsets[row + 1]], END]
        nats = [-model.log_probabilities(document[:i])[token] for i, token in enumerate(document)]
        assert losses.nats[row] == pytest.approx(np.sum(nats), rel=1e-12)
        assert losses.tokens[row] == len(document)


def test_without_the_uniform_term_an_unseen_word_is_impossible() -> None:
    vocabulary = Vocabulary.from_texts(["a b c"], min_count=1)
    losses = _fit(["a b"], vocabulary, uniform=False).loss(documents(["a b", "c"]))
    assert np.isfinite(losses.nats).tolist() == [True, False]
    assert np.isfinite(_fit(["a b"], vocabulary).loss(documents(["a b", "c"])).nats).all()


def test_one_discount_per_length() -> None:
    texts = _texts(50)
    one = _fit(texts, order=3, discount=0.6)
    assert np.array_equal(
        one.log_probabilities([5, 6]), _fit(texts, order=3, discount=(0.6,) * 3).log_probabilities([5, 6])
    )
    other = _fit(texts, order=3, discount=(0.6, 0.6, 0.9))
    assert not np.array_equal(one.log_probabilities([2, 3]), other.log_probabilities([2, 3]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("uniform", [True, False])
def test_samples_follow_the_probabilities_that_are_scored(order: int, uniform: bool) -> None:
    """Chi-square over the next words of the most frequent contexts; fails by chance with probability 1e-6 per case."""
    vocabulary = Vocabulary.from_texts(_texts(40))
    # Fitted to a part, so that some words of the vocabulary are reached through the uniform term only.
    model = _fit(_texts(40)[:15], vocabulary, order=order, uniform=uniform, max_tokens=6)
    table = model.sample(40_000, np.random.default_rng(5))
    tokens, offsets = token_arrays(table, vocabulary)
    following: dict[tuple[int, ...], list[int]] = {}
    for row in range(table.num_rows):
        document = tokens[offsets[row] : offsets[row + 1]].tolist()
        if len(document) < model.max_tokens:
            document.append(END)
        for position, token in enumerate(document):
            following.setdefault(tuple(document[:position]), []).append(token)
    statistic, freedom = 0.0, 0
    for context in sorted(following, key=lambda context: -len(following[context]))[:40]:
        observed = np.bincount(following[context], minlength=len(vocabulary))
        expected = np.exp(model.log_probabilities(context)) * observed.sum()
        assert observed[expected == 0].sum() == 0
        frequent = expected >= 5
        observed = np.append(observed[frequent], observed[~frequent].sum())
        expected = np.append(expected[frequent], expected[~frequent].sum())
        if expected[-1] < 5:
            observed, expected = (np.append(part[:-2], part[-2:].sum()) for part in (observed, expected))
        statistic += float(((observed - expected) ** 2 / expected).sum())
        freedom += len(expected) - 1
    assert freedom > 20
    assert stats.chi2.sf(statistic, freedom) > 1e-6


def test_samples_are_complete_documents() -> None:
    texts = _texts(80, words=60)
    model = _fit(texts, max_tokens=20)
    table = model.sample(300, np.random.default_rng(0))
    assert table.num_rows == 300
    assert table.column_names[: len(DOCUMENT)] == DOCUMENT.names
    assert table.select(DOCUMENT.names).schema.types == DOCUMENT.types
    assert set(table["origin"].to_pylist()) == {"machine"}
    assert set(table["generator"].to_pylist()) == {"ngram"}
    assert table["id"].to_pylist() == [content_id(text) for text in table["text"].to_pylist()]
    lengths = table["tokens"].combine_chunks().value_lengths().to_numpy()
    assert lengths.max() == 20
    assert END not in table["tokens"].combine_chunks().flatten().to_pylist()
    # The text is the tokens, so encoding it again changes nothing (no unknown words here).
    known = [row for row in table.to_pylist() if 0 not in row["tokens"]]
    again = model.vocabulary.encode([row["text"] for row in known])
    assert again.tokens.tolist() == [token for row in known for token in row["tokens"]]
    assert len(known) > 100


def test_sampled_and_encoded_tables_can_be_concatenated_and_fitted() -> None:
    texts = _texts(30)
    model = _fit(texts)
    human = encode_table(documents(texts), model.vocabulary)
    machine = model.sample_tokens(500, np.random.default_rng(0))
    assert is_encoded(machine, model.vocabulary)
    both = pa.concat_tables([human, machine])
    assert is_encoded(both, model.vocabulary)
    together = NgramLearner(model.vocabulary).fit(both, np.random.default_rng(0))
    machine_alone = NgramLearner(model.vocabulary).fit(machine, np.random.default_rng(0))
    assert np.array_equal(together.word_counts, model.word_counts + machine_alone.word_counts)


@pytest.mark.parametrize("n_tokens", [0, 1, 1000, 300_000])
def test_sample_tokens_stops_at_the_first_document_that_reaches_the_number(n_tokens: int) -> None:
    model = _fit(_texts(30))
    lengths = model.loss(model.sample_tokens(n_tokens, np.random.default_rng(0))).tokens
    assert lengths.sum() >= n_tokens
    assert lengths[:-1].sum() < max(n_tokens, 1)


def test_a_model_of_empty_documents_can_be_used() -> None:
    model = _fit(["", ""], Vocabulary.from_texts(["a"], min_count=1))
    assert model.support == 0
    assert model.sample(3, np.random.default_rng(0)).num_rows == 3
    assert model.sample_tokens(50, np.random.default_rng(0)).num_rows > 0
    assert model.sample(0, np.random.default_rng(0)).num_rows == 0


def test_the_same_generator_state_gives_the_same_documents() -> None:
    model = _fit(_texts(50))
    tables = [model.sample_tokens(2000, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_the_order_of_documents_does_not_change_the_model() -> None:
    texts = _texts(50)
    vocabulary = Vocabulary.from_texts(texts)
    one, other = _fit(texts, vocabulary, order=4), _fit(texts[::-1], vocabulary, order=4)
    held_out = documents(_texts(10, seed=9))
    assert np.array_equal(one.loss(held_out).nats, other.loss(held_out).nats)


def test_continue_text_begins_with_the_prompt() -> None:
    model = _fit(["the cat sat. the cat ran."] * 5)
    text = model.continue_text("The cat", 30, np.random.default_rng(0))
    assert text.startswith("The cat ")
    assert 2 < len(split_words(text)) <= 32
    assert split_words(text)[2] in {"sat", "ran"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 0}, "order = 0: allowed are 1 to 5"),
        ({"order": 6}, "order = 6"),
        ({"discount": 1.5}, r"discount = 1.5: allowed are numbers from 0 to 1"),
        ({"discount": (0.5, 0.5)}, r"give one number, or 3"),
        ({"max_tokens": 0}, "max_tokens = 0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NgramLearner(Vocabulary.from_texts(["a a"]), **settings)


def test_no_documents_and_foreign_tokens_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="0 documents"):
        _fit([], Vocabulary.from_texts(["a"]))
    model = _fit(_texts(5))
    with pytest.raises(InputError, match="do not all belong to the vocabulary"):
        model.log_probabilities([len(model.vocabulary)])


def test_warm_compiles_everything_that_is_used_later() -> None:
    code = """
import numpy as np
from headwater.models import NgramLearner, ngram, warm
from headwater.schema import documents
from headwater.text import GramIndex, Vocabulary, encode_table, minhash, near_duplicates, overlap, vocabulary

def compiled():
    return {
        (module.__name__, name): len(kernel.signatures)
        for module in (ngram, minhash, overlap, vocabulary)
        for name, kernel in vars(module).items() if hasattr(kernel, "signatures")
    }

warm()
before = compiled()
texts = ["the cat sat on the mat", "", "a cat ran"] * 3
words = Vocabulary.from_texts(texts)
table = encode_table(documents(texts), words)
model = NgramLearner(words, order=4, discount=(0.5, 0.6, 0.7, 0.8)).fit(table, np.random.default_rng(0))
model.loss(model.sample_tokens(100, np.random.default_rng(0)).slice(1))
model.loss(model.sample(5, np.random.default_rng(0)))
model.continue_text("the", 5, np.random.default_rng(0))
near_duplicates(texts, 0.5, seed=3)
GramIndex.from_texts(texts).share(texts)
assert sum(before.values()) >= 12, before
assert compiled() == before, compiled()
"""
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
