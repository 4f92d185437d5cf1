"""The parts of the detector: solver, trees, n-gram pair, stack, folds, language; learning, adapting, saving."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from headwater.errors import InputError, NotEnoughData
from headwater.origin.detector.detector import Detector, content_id, load_detector
from headwater.origin.detector.fit import (
    fit_detector,
    fit_models,
    held_out_parts,
    mean_models,
    model_scores,
    read_material,
)
from headwater.origin.detector.folds import group_folds, joined_groups
from headwater.origin.detector.language import supported
from headwater.origin.detector.logistic import fit_logistic, ridge
from headwater.origin.detector.ngram_pair import empty_pair
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.stack import fit_stack
from headwater.origin.detector.style_model import trees_of
from headwater.origin.detector.tokens import tokenise

_PLACES = ("harbour", "market", "valley", "station", "orchard", "bridge", "library", "workshop", "meadow", "quay")
_HUMAN = (
    "I went to the {0} early and, honestly, nobody was there yet.",
    "The {0}? Closed again - third time this month!",
    "We walked past the {0}, got lost near the {1}, and gave up.",
    "My aunt swears the {0} was bigger when she was a girl.",
    "Rain came in sideways; the {0} smelled of wet dog.",
    "So he says to me, forget the {0}, try the {1}.",
    "It cost me nine pounds and a good pair of shoes.",
)
_MACHINE = (
    "The {0} plays a crucial role in fostering a sense of community.",
    "Additionally, the {0} offers visitors a variety of enriching experiences.",
    "Overall, the {0} and the {1} highlight the importance of preservation.",
    "Furthermore, it is essential to consider the impact of the {0}.",
    "By embracing innovation, the {0} ensures a sustainable future for residents.",
    "In conclusion, the {0} stands as a testament to collaborative effort.",
    "The {1} provides numerous benefits, ensuring accessibility for everyone.",
)


def _texts(sentences: tuple[str, ...], count: int, seed: int, noise: float = 0.3) -> list[str]:
    """Return paragraphs of eight sentences; a share of them are of the other kind, so that nothing is certain."""
    rng = np.random.default_rng(seed)
    other = _MACHINE if sentences is _HUMAN else _HUMAN
    found = []
    for _ in range(count):
        lines = []
        for _ in range(8):
            kind = other if rng.random() < noise else sentences
            lines.append(kind[rng.integers(len(kind))].format(*rng.choice(_PLACES, 2, replace=False)))
        found.append(" ".join(lines))
    return found


@pytest.fixture(scope="module")
def learnt() -> Detector:
    human, machine = _texts(_HUMAN, 120, 1), _texts(_MACHINE, 120, 2)
    ids = [list(range(120)), list(range(120, 240))]
    return _fit(human, machine, ids).detector


def _fit(human: list[str], machine: list[str], ids: list[list[int]], base: Detector | None = None):  # type: ignore[no-untyped-def]
    # Sentences come from one short list, so every text shares eight-word sequences with others: with ids alone.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headwater.origin.detector.folds._SHARED", 10**9)
        return fit_detector(
            human, machine, human_groups=ids[0], machine_groups=ids[1], base=base, rng=np.random.default_rng(0), folds=3
        )


def test_logistic_regression_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 8)).astype(np.float32)
    labels = rng.random(300) < 1 / (1 + np.exp(-features @ np.arange(8) / 4 - 0.5))
    weights = rng.integers(1, 4, 300).astype(np.float64)
    found = fit_logistic(csr_array(features), labels, weights, ridge(8, 2.0), iterations=500)
    model = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(features, labels, sample_weight=weights)
    np.testing.assert_allclose(found.weights, model.coef_[0], atol=5e-3)
    assert found.intercept == pytest.approx(model.intercept_[0], abs=5e-3)
    likely = model.predict_proba(features)[:, 1]
    curvature = 2.0 + (weights * likely * (1 - likely)) @ (features.astype(np.float64) ** 2)
    np.testing.assert_allclose(found.precision, curvature, rtol=0.01)


def test_a_laplace_step_moves_what_is_loosely_known_and_leaves_the_rest() -> None:
    rng = np.random.default_rng(1)
    old = np.zeros((200, 3), dtype=np.float32)
    old[:, 0] = rng.normal(size=200)
    likely = rng.random(200) < 1 / (1 + np.exp(-2 * old[:, 0]))
    known = fit_logistic(csr_array(old), likely, np.ones(200), ridge(3, 0.1))
    new = np.tile(np.array([[-1, 1, 0]], dtype=np.float32), (6, 1))
    step = fit_logistic(csr_array(new), np.ones(6, dtype=bool), np.ones(6), known)
    assert step.weights[2] == known.weights[2] == 0
    assert step.weights[1] > 1
    assert 0 < known.weights[0] - step.weights[0] < step.weights[1] / 5


def test_trees_predict_what_scikit_learn_predicts() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(2)
    features = rng.normal(size=(500, 6)).astype(np.float32)
    labels = features[:, 0] * features[:, 1] + features[:, 2] > rng.normal(size=500)
    unseen = rng.normal(size=(400, 6)).astype(np.float32) * 2
    with threadpool_limits(1, user_api="openmp"):
        model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=9, random_state=0).fit(features, labels)
    np.testing.assert_allclose(trees_of(model).score(unseen), model.decision_function(unseen), rtol=1e-12, atol=1e-12)


def test_the_pair_of_models_is_the_formula() -> None:
    """One token x, human "x x" and machine "x y": all probabilities can be written down."""
    from headwater.origin.detector import ngram_pair

    x, y = np.uint64(11), np.uint64(22)
    tokens, offsets = np.array([x, x, x, y]), np.array([0, 2, 4])
    pair = empty_pair().with_texts(tokens, offsets, np.array([False, True]), np.ones(2))
    k, big = ngram_pair.PRIOR, 20 * ngram_pair.PRIOR
    both_x, both_y = (3 + 1) / (4 + 1e5), (1 + 1) / (4 + 1e5)
    human_x, machine_x = (2 + big * both_x) / (2 + big), (1 + big * both_x) / (2 + big)
    human_y, machine_y = (0 + big * both_y) / (2 + big), (1 + big * both_y) / (2 + big)
    after_human, after_machine = k * human_y / (2 + k), (1 + k * machine_y) / (1 + k)
    expected = (np.log(machine_x / human_x) + np.log(after_machine / after_human)) / 2
    np.testing.assert_allclose(pair.score(np.array([x, y]), np.array([0, 2, 2])), [expected, 0.0], rtol=1e-6)


def test_the_pair_learns_in_any_order_and_counts_weights() -> None:
    rng = np.random.default_rng(3)
    tokens, offsets = rng.integers(0, 50, 400).astype(np.uint64), np.arange(0, 401, 20)
    labels = rng.random(20) < 0.5
    first = np.arange(20) < 8
    whole = empty_pair().with_texts(tokens, offsets, labels, np.where(first, 3.0, 1.0))
    steps = empty_pair().with_texts(tokens, offsets, labels, np.where(first, 0.0, 1.0))
    steps = steps.with_texts(tokens, offsets, labels, np.where(first, 3.0, 0.0))
    np.testing.assert_array_equal(whole.pairs, steps.pairs)
    np.testing.assert_array_equal(whole.singles, steps.singles)


def test_the_stack_trusts_the_better_part_and_never_a_reversed_one() -> None:
    rng = np.random.default_rng(4)
    labels = rng.random(2000) < 0.3
    good, reversed_, noise = (sign * labels * 2 + rng.normal(size=2000) for sign in (1, -1, 0))
    stack = fit_stack(np.stack([good, reversed_, noise], axis=1), labels, np.ones(2000))
    assert stack.weights[0] > 1
    assert stack.weights[1] == 0
    assert abs(stack.weights[2]) < 0.2
    # Both classes count the same: the halfway point of the good part scores about 0 (standard error about 0.1).
    assert abs(stack.score(np.array([[1.0, reversed_.mean(), 0.0]]))[0]) < 0.5


def test_texts_that_share_three_sequences_of_eight_words_are_one_group() -> None:
    shared = "one two three four five six seven eight nine ten"
    texts = [
        f"{shared} alpha beta",
        f"gamma delta {shared}",
        "one two three four five six seven eight other",
        None,
        "x",
    ]
    groups = joined_groups(texts, [0, 1, 2, 3, 3])
    assert groups[0] == groups[1]
    assert groups[3] == groups[4]
    assert len(set(groups.tolist())) == 3


def test_folds_keep_groups_whole_and_classes_spread() -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 40, 300)
    labels = rng.random(300) < 0.5
    folds = group_folds(groups, labels, 5, rng)
    assert all(len(set(folds[groups == group].tolist())) == 1 for group in np.unique(groups))
    assert all(np.bincount(folds[labels == side], minlength=5).min() > 15 for side in (False, True))
    assert len(set(group_folds(np.zeros(4, dtype=np.int64), np.ones(4, dtype=bool), 5, rng).tolist())) == 1


def test_held_out_means_neither_fold_nor_group_was_seen() -> None:
    texts = _texts(_HUMAN, 12, 6) + _texts(_MACHINE, 12, 7)
    labels = np.arange(24) >= 12
    material = read_material(texts, labels, thorough=False)
    folds = np.arange(24) % 3
    groups = np.where(np.arange(24) < 2, 0, np.arange(24))  # texts 0 and 1: one group, two folds
    seen: list[np.ndarray] = []

    def fit(kept: np.ndarray):  # type: ignore[no-untyped-def]
        seen.append(kept)
        return fit_models(material, kept.astype(np.float64))

    held_out_parts(material, folds, groups, fit)
    for fold, kept in enumerate(seen):
        assert not kept[folds == fold].any()
    assert not seen[0][1]
    assert not seen[1][0]
    assert seen[2][:2].all()


def test_the_trees_may_not_see_new_rows_where_the_rest_differs(learnt: Detector) -> None:
    """Scores of one text do not depend on its neighbours in the batch."""
    texts = _texts(_HUMAN, 5, 8) + _texts(_MACHINE, 5, 9)
    together = learnt.score(texts)
    # One row and many may go through different kernels of the linear algebra library: the last bit is the processor's.
    np.testing.assert_allclose(together, [learnt.score([text])[0] for text in texts], rtol=1e-13)
    assert together[5:].min() > together[:5].min()


def test_a_learnt_detector_tells_its_kinds_apart_on_new_text(learnt: Detector) -> None:
    from headwater.measure.detection import auroc

    human, machine = learnt.score(_texts(_HUMAN, 60, 10)), learnt.score(_texts(_MACHINE, 60, 11))
    assert auroc(human, machine) > 0.9
    assert learnt.card.held_out is not None
    assert learnt.card.held_out.auroc > 0.9
    assert (learnt.card.human, learnt.card.machine, learnt.card.base) == (120, 120, "")
    assert (learnt.card.own_human, learnt.card.own_machine) == (120, 120)


def test_held_out_scores_are_on_the_scale_of_new_text(learnt: Detector) -> None:
    """Means differ by less than 5 standard errors (false alarms below 1e-6) and less than a third of the spread."""
    references = learnt.references
    old = references.scores[~references.is_machine]
    new = learnt.score(_texts(_HUMAN, 200, 12))
    error = np.sqrt(old.var() / len(old) + new.var() / len(new))
    assert abs(old.mean() - new.mean()) < max(5 * error, 0.33 * new.std())


def test_adapting_learns_the_users_texts_and_keeps_their_held_out_scores(learnt: Detector) -> None:
    """The user's human texts are written like machine text to the base: after adapting they no longer are."""
    human, machine = _texts(_MACHINE, 40, 13, noise=0.2), _texts(_MACHINE, 40, 14, noise=0.2)
    human = [text.replace(".", " indeed, mate.") for text in human]
    ids = [list(range(40)), list(range(40, 80))]
    fitted = _fit(human, machine, ids, base=learnt)
    new = [text.replace(".", " indeed, mate.") for text in _texts(_MACHINE, 40, 15, noise=0.2)]
    assert np.median(fitted.detector.score(new)) < np.median(learnt.score(new)) - 1
    assert np.median(fitted.human_scores) < np.median(fitted.machine_scores)
    assert fitted.human_scores.shape == fitted.machine_scores.shape == (40,)
    references = fitted.detector.references
    assert references.own.sum() == 320
    assert references.scores[references.content == content_id(human[3])].tolist() == [fitted.human_scores[3]]
    card = fitted.detector.card
    assert (card.own_human, card.own_machine, card.human, card.base) == (40, 40, 160, "own")


def test_the_mean_of_trees_and_of_linear_models_has_their_mean_score() -> None:
    material = read_material([*_texts(_HUMAN, 60, 20), *_texts(_MACHINE, 60, 21)], np.arange(120) >= 60, thorough=True)
    parts = [np.arange(120) % 3 != fold for fold in range(3)]
    learnt = [fit_models(material, kept.astype(np.float64)) for kept in parts]
    # Adapted models weigh n-grams alike, so here they must too.
    learnt = [
        replace(
            one,
            words=replace(one.words, idf=learnt[0].words.idf),
            characters=replace(one.characters, idf=learnt[0].characters.idf),
        )
        for one in learnt
        if one.characters is not None and learnt[0].characters is not None
    ]
    apart = np.mean([model_scores(one, material) for one in learnt], axis=0)
    together = model_scores(mean_models(learnt), material)
    columns = [0, 2, 3]
    np.testing.assert_allclose(together[:, columns], apart[:, columns], rtol=1e-4, atol=1e-4)
    # The pair is no linear model; the counts are those of all texts at two thirds.
    whole = empty_pair().with_texts(material.shapes, material.offsets, material.is_machine, np.full(120, 2 / 3))
    np.testing.assert_allclose(mean_models(learnt).pair.pairs, whole.pairs, rtol=1e-5)


def test_an_adapted_detector_knows_each_text_as_the_models_of_the_folds_do(learnt: Detector) -> None:
    """Three folds: two of three models have learnt a text, so new text meets two thirds of its weight of ten.

    Were it learnt whole, held-out scores of the references would lie nearer together than scores of new text.
    """
    human, machine = _texts(_HUMAN, 30, 22), _texts(_MACHINE, 30, 23)
    fitted = _fit(human, machine, [list(range(30)), list(range(30, 60))], base=learnt).detector
    material = read_material([*human, *machine], np.arange(60) >= 30, thorough=False)
    expected = learnt.models.pair.with_texts(
        material.shapes, material.offsets, material.is_machine, np.full(60, 10 * 2 / 3)
    )
    np.testing.assert_allclose(fitted.models.pair.pairs, expected.pairs, rtol=1e-5)
    assert len(fitted.models.trees.roots) == 3 * len(learnt.models.trees.roots)


def test_a_saved_detector_scores_the_same_and_the_same_fit_gives_the_same_bytes(
    learnt: Detector, tmp_path: Path
) -> None:
    learnt.save(tmp_path / "one")
    loaded = load_detector(tmp_path / "one")
    texts = _texts(_HUMAN, 5, 16)
    np.testing.assert_array_equal(loaded.score(texts), learnt.score(texts))
    assert loaded.card == learnt.card
    np.testing.assert_array_equal(loaded.references.scores, learnt.references.scores)
    human, machine = _texts(_HUMAN, 120, 1), _texts(_MACHINE, 120, 2)
    _fit(human, machine, [list(range(120)), list(range(120, 240))]).detector.save(tmp_path / "two")
    for name in ("card.json", "weights.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_damaged_folders_are_refused(learnt: Detector, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"card\.json is missing"):
        load_detector(tmp_path)
    learnt.save(tmp_path)
    weights, card = tmp_path / "weights.npz", tmp_path / "card.json"
    packed = weights.read_bytes()
    weights.write_bytes(packed[:-100])
    with pytest.raises(InputError, match="SHA-256 differs"):
        load_detector(tmp_path)
    weights.write_bytes(packed)
    found = json.loads(card.read_text())
    card.write_text(json.dumps({**found, "schema": 99}))
    with pytest.raises(InputError, match="Update headwater"):
        load_detector(tmp_path)


def test_trees_that_would_never_end_are_refused(learnt: Detector, tmp_path: Path) -> None:
    trees = learnt.models.trees
    circular = replace(trees, left=np.where(trees.left > 0, 1, 0).astype(np.int32))
    replace(learnt, models=replace(learnt.models, trees=circular)).save(tmp_path)
    with pytest.raises(InputError, match="no trees"):
        load_detector(tmp_path)


def test_bad_texts_are_values(learnt: Detector) -> None:
    scored = learnt.measure([None, "", "\x00\ud800" * 3, "word", "🙂" * 500])
    assert np.isnan(scored.scores[:3]).all()
    assert np.isfinite(scored.scores[3:]).all()
    assert scored.words[:4].tolist() == [0, 0, 0, 1]
    assert learnt.score([]).shape == (0,)


def test_too_little_is_refused_with_a_number(learnt: Detector) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(NotEnoughData, match="at least 100"):
        fit_detector(["one text", "two texts"], ["a b c"], base=None, rng=rng)
    with pytest.raises(NotEnoughData, match="two groups"):
        fit_detector(["one text"], ["a b c"], base=learnt, rng=rng)
    with pytest.raises(InputError, match="no fourth model"):
        fit_detector(["one text", "two texts"], ["a b c"], base=learnt, thorough=True, rng=rng)
    with pytest.raises(InputError, match="1 groups for 2 human texts"):
        fit_detector(["one text", "two texts"], ["a b c"], human_groups=[1], base=learnt, rng=rng)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It was not that we had been told, but there are those who would say so of their own.", None),
        ("Der alte Mann ging langsam durch die Stadt und sah sich die Häuser an, die er kannte.", "not English"),
        ("Старик медленно шёл по городу и смотрел на дома, которые он знал.", "Cyrillic"),
        ("老人慢慢地走过城市,看着他认识的房子。", "Chinese (Han)"),
        ("for (int i = 0; i < n; ++i) { a[i] += b[i] * c[i]; } return a; // 1", "not prose"),
        ("", "no words"),
    ],
)
def test_what_is_no_english_prose_is_refused_by_name(text: str, name: str | None) -> None:
    normalised = normalise([text])
    found = supported(tokenise(normalised))
    assert found.english[0] == (name is None)
    assert found.refusal(0, normalised) == name
