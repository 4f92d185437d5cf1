"""Signals: right where the answer is known, blind where the page says so, and never deciding."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from headwater.config import FilterRule, FilterSettings
from headwater.gate import Bar, Checked, Findings
from headwater.gate.diagnosis import (
    HumanSide,
    Importance,
    Nearest,
    Perplexity,
    apply_filters,
    diagnose,
    discriminate,
    expected_support,
    words,
)
from headwater.gate.diagnosis.discriminator import features
from headwater.measure import auroc, likeness, rare_types
from headwater.models import NgramLearner
from headwater.schema import Reason, Stage, documents
from headwater.text import END, Vocabulary, encode_table, token_arrays

Language = Callable[..., list[str]]


def encoded(texts: list[str], vocabulary: Vocabulary, recipe: str | None = None, first: int = 0) -> pa.Table:
    ids = [f"{recipe or 'human'}-{first + i}" for i in range(len(texts))]
    table = documents(texts, id=ids, group=ids, recipe=[recipe] * len(texts))
    return encode_table(table.append_column("unit", table["group"]), vocabulary)


@pytest.fixture(scope="module")
def vocabulary(language: Language) -> Vocabulary:
    return Vocabulary.from_texts(language(400), 1)


@pytest.fixture(scope="module")
def human(language: Language, vocabulary: Vocabulary) -> HumanSide:
    train = encoded(language(120, seed=1), vocabulary)
    reference = encoded(language(120, seed=2), vocabulary, first=1000)
    rare = rare_types(token_arrays(train, vocabulary)[0], len(vocabulary), first=END + 1)
    return HumanSide(train, reference, NgramLearner(vocabulary), len(vocabulary), rare)


def about(topics: range, count: int, seed: int) -> list[str]:
    """Return texts about topics in turn: 20 of the 40 words of the topic, 20 of 30 that all topics share."""
    rng = np.random.default_rng(seed)
    texts = []
    for topic in (topics[i % len(topics)] for i in range(count)):
        own, common = rng.permutation(40)[:20], rng.permutation(30)[:20]
        texts.append(" ".join(rng.permutation([*(f"t{topic}w{i}" for i in own), *(f"c{i}" for i in common)])))
    return texts


@pytest.fixture(scope="module")
def world() -> Vocabulary:
    return Vocabulary.from_texts(about(range(40), 400, 0), 1)


@pytest.fixture(scope="module")
def people(world: Vocabulary) -> HumanSide:
    train, reference = encoded(about(range(20), 120, 1), world), encoded(about(range(20), 120, 2), world, first=1000)
    rare = rare_types(token_arrays(train, world)[0], len(world), first=END + 1)
    return HumanSide(train, reference, NgramLearner(world), len(world), rare)


def stream(*batches: pa.Table) -> Checked:
    table = pa.concat_tables(batches)
    n = table.num_rows
    nothing = np.full(n, np.nan)
    return Checked(table, Findings([None] * n, [None] * n, nothing, nothing), {}, {}, np.zeros(n))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_unseen_human_text_is_not_told_from_human_text(
    language: Language, vocabulary: Vocabulary, human: HumanSide
) -> None:
    """The areas of ten independent batches average 0.5; beyond 4 standard errors with probability 6e-5."""
    areas = [
        discriminate(encoded(language(100, seed=10 + i), vocabulary, "same"), human, _rng()).auc for i in range(10)
    ]
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas, ddof=1) / np.sqrt(10)


def test_another_language_is_told_apart_and_too_few_documents_are_not_judged(
    language: Language, vocabulary: Vocabulary, human: HumanSide
) -> None:
    other = encoded(language(100, language=1), vocabulary, "other")
    found = discriminate(other, human, _rng())
    assert found is not None
    assert found.auc > 0.99
    assert discriminate(other.slice(0, 9), human, _rng()) is None


def test_the_classifier_is_as_good_as_logistic_regression(
    language: Language, vocabulary: Vocabulary, human: HumanSide
) -> None:
    """On a mixture that is told apart in part; both areas have a standard error of about 0.03."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    mixed = [
        a if i % 2 else b for i, (a, b) in enumerate(zip(language(100, seed=5), language(100, language=1), strict=True))
    ]
    batch = encoded(mixed, vocabulary, "mixed")
    inputs = features(pa.concat_tables([batch, human.reference]))
    labels = np.r_[np.ones(100), np.zeros(120)]
    scores = cross_val_predict(
        LogisticRegression(C=10.0, class_weight="balanced"), inputs, labels, cv=5, method="decision_function"
    )
    found = discriminate(batch, human, _rng())
    assert found is not None
    assert abs(found.auc - auroc(scores[labels == 0], scores[labels == 1])) < 0.06


def test_documents_of_one_group_are_in_one_fold(language: Language, vocabulary: Vocabulary, human: HumanSide) -> None:
    """Ten copies of each of ten human-like texts: spread over the folds they would be recognised by heart."""
    texts = language(10, seed=7)
    table = documents(texts * 10, id=[str(i) for i in range(100)], group=[str(i % 10) for i in range(100)])
    apart = documents(texts * 10, id=[str(i) for i in range(100)], group=[str(i) for i in range(100)])
    areas = [
        discriminate(encode_table(one.append_column("unit", one["group"]), vocabulary), human, _rng()).auc
        for one in (table, apart)
    ]
    assert areas[1] > 0.99
    assert areas[0] < areas[1] - 0.1


def test_perplexity_is_ranked_among_unseen_human_documents(
    language: Language, vocabulary: Vocabulary, human: HumanSide
) -> None:
    signal = Perplexity(human)
    own = signal.columns(human.reference)["loss_rank"]
    assert own.mean() == pytest.approx(0.5)
    assert signal.columns(encoded(language(30, language=1), vocabulary, "x"))["loss_rank"].min() > 0.99


def test_importance_is_higher_for_human_text(language: Language, vocabulary: Vocabulary, human: HumanSide) -> None:
    both = pa.concat_tables(
        [encoded(language(20, seed=3), vocabulary, "same"), encoded(language(20, language=1), vocabulary, "other")]
    )
    values = Importance(human).columns(both)["dsir"]
    assert values[:20].mean() > 0 > values[20:].mean()
    assert auroc(values[20:], values[:20]) > 0.9


def test_rarefaction_by_hand_and_by_drawing() -> None:
    """Two of three words a, a, b: {a, a}, {a, b}, {a, b}."""
    assert expected_support(np.array([2, 1, 0]), 2) == pytest.approx(5 / 3)
    assert expected_support(np.array([2, 1, 0]), 5) == 2
    counts = np.array([50, 20, 5, 2, 1, 1, 1])
    pool = np.repeat(np.arange(7), counts)
    drawn = [len(np.unique(np.random.default_rng(i).permutation(pool)[:30])) for i in range(2000)]
    assert abs(np.mean(drawn) - expected_support(counts, 30)) < 4 * np.std(drawn) / np.sqrt(2000)


def test_words_of_a_collapsed_recipe_are_few(vocabulary: Vocabulary, human: HumanSide) -> None:
    text = human.train["text"][0].as_py()
    found = words(encoded([text] * 50, vocabulary, "same"), human)
    assert found.support == len(set(token_arrays(human.train.slice(0, 1), vocabulary)[0]) - {0, 1})
    assert found.richness < found.richness_human / 2


def test_the_nearest_human_document_of_a_copy_is_the_original(world: Vocabulary, people: HumanSide) -> None:
    nearest = Nearest(people)
    copies = encoded(people.train["text"].to_pylist()[:25], world, "copies")
    found = nearest.rows(copies)
    assert [one[0][0] for one in found] == list(range(25))
    assert all(one[0][1] == pytest.approx(1) for one in found)
    assert all(len(one) == 3 and one[0][1] >= one[1][1] >= one[2][1] for one in found)


def test_nearest_documents_by_a_second_way(world: Vocabulary, people: HumanSide) -> None:
    nearest = Nearest(people)
    batch = encoded(about(range(20), 20, 4), world, "new")
    dense = (nearest.vectors(batch) @ nearest.vectors(people.train).T).toarray()
    for row, one in enumerate(nearest.rows(batch)):
        assert [place for place, _ in one] == np.argsort(-dense[row], kind="stable")[:3].tolist()
    assert nearest.columns(batch)["nearest_cosine"] == pytest.approx(dense.max(axis=1))


def test_blocks_of_similarities_change_nothing(
    world: Vocabulary, people: HumanSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = encoded(about(range(20), 20, 4), world, "new")
    whole = Nearest(people).rows(batch)
    monkeypatch.setattr("headwater.gate.diagnosis.nearest._CELLS", 240)
    assert Nearest(people).rows(batch) == whole


def test_a_stream_is_diagnosed_recipe_by_recipe(world: Vocabulary, people: HumanSide) -> None:
    same = encoded(about(range(20), 60, 3), world, "same")
    other = encoded(about(range(3), 60, 5), world, "other")
    panel = set(people.reference["id"].to_pylist())
    found = diagnose(stream(same, other), people)
    assert list(found.recipes) == ["other", "same"]
    assert found.recipes["same"].cloud.coverage > found.recipes["other"].cloud.coverage
    assert found.documents["id"].to_pylist() == same["id"].to_pylist() + other["id"].to_pylist()
    shown = {near["id"] for row in found.documents["nearest"].to_pylist() for near in row}
    shown |= {pair.human.id for one in found.recipes.values() for pair in one.nearest_pairs}
    assert shown
    assert not shown & panel
    assert shown <= set(people.train["id"].to_pylist())


def test_nothing_known_is_said_as_such(vocabulary: Vocabulary, human: HumanSide) -> None:
    found = diagnose(stream(encoded(["", "???"], vocabulary, "odd")), human).recipes["odd"]
    assert found.discriminator is found.cloud is None
    assert found.nearest_pairs == ()


# Clipped density and coverage.


@pytest.mark.parametrize("measure", ["clipped_density", "clipped_coverage"])
def test_they_fall_in_proportion_to_the_share_of_bad_points(measure: str) -> None:
    """Salvy et al. 2025: with a share s of good points, the others far away, both are s.

    1,000 points in 4 dimensions, 8 replicates; the tolerance is 4 standard errors of a mean plus 0.02 for the
    edges of neighbourhoods.
    """
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        rng = np.random.default_rng(3)
        human = rng.standard_normal((8, 1000, 4))
        model = rng.standard_normal((8, 1000, 4))
        model[:, round(1000 * share) :] += 100
        values = getattr(likeness(model, human), measure)
        assert abs(values.mean() - share) < 0.02 + 4 * values.std(ddof=1) / np.sqrt(8), share


def test_copies_of_one_point_cover_little() -> None:
    rng = np.random.default_rng(4)
    human = rng.standard_normal((500, 4))
    assert likeness(np.repeat(human[:1], 500, axis=0), human).clipped_coverage[0] < 0.1


# Filters.


def test_a_filter_drops_what_it_says_and_nothing_that_failed_before(
    vocabulary: Vocabulary, human: HumanSide, language: Language
) -> None:
    given = stream(
        encoded(language(20, seed=3), vocabulary, "same"), encoded(language(20, language=1), vocabulary, "other")
    )
    given.findings.reasons[0], given.findings.stages[0] = Reason.TOO_SHORT, Stage.CHECKS
    found = diagnose(given, human)
    kept = apply_filters(given, found, FilterSettings(perplexity=FilterRule(keep_lowest=0.5)))
    passed = kept.findings.passed
    assert passed.sum() == 20  # the ceiling of half of 39
    assert kept.findings.reasons[0] is Reason.TOO_SHORT
    perplexity = np.exp(found.documents["loss_nats"].to_numpy())
    dropped = np.array([reason is Reason.FILTERED for reason in kept.findings.reasons])
    assert perplexity[dropped].min() >= perplexity[passed].max()
    assert kept.findings.measured[dropped] == pytest.approx(perplexity[dropped])
    assert given.findings.reasons.count(None) == 39, "the stream itself is unchanged"


def test_bounds_and_barred_recipes(vocabulary: Vocabulary, human: HumanSide, language: Language) -> None:
    batch = encoded(language(20, seed=3), vocabulary, "same")
    given = stream(batch)
    found = diagnose(given, human)
    values = found.documents["dsir"].to_numpy()
    middle = float(np.median(values))
    kept = apply_filters(given, found, FilterSettings(dsir=FilterRule(min=middle)))
    assert (kept.findings.passed == (values >= middle)).all()
    barred = Checked(batch, given.findings, {"same": Bar(Stage.CHECKS, Reason.TRAINING_COPY, 1.0)}, {}, given.copied)
    untouched = apply_filters(barred, found, FilterSettings(dsir=FilterRule(min=middle)))
    assert untouched.findings.reasons == given.findings.reasons


def test_a_filter_needs_a_bound() -> None:
    with pytest.raises(ValueError, match="needs min, max, keep_lowest or keep_highest"):
        FilterRule()
    with pytest.raises(ValueError, match="nothing would be kept"):
        FilterRule(min=2, max=1)
