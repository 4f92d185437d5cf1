"""Statistics of language models in the detector's stack: learnt, held out, kept, refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lm_example import Told, write_texts

from headwater.errors import InputError, NotEnoughData
from headwater.measure.detection import auroc
from headwater.origin.detector.card import card_from_json, card_markdown, card_to_json
from headwater.origin.detector.detector import SCHEMA, Detector, card_path, load_detector
from headwater.origin.detector.fit import Fitted, fit_detector
from headwater.origin.detector.lm_columns import FEATURE, fit_lm_columns
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.stack import fit_stack
from headwater.origin.examine import scored
from headwater.origin.judge import Judge, judge_of
from headwater.origin.references import NOTHING_KNOWN, Known

HUMAN, MACHINE = write_texts(40, 1, machine=False), write_texts(40, 2, machine=True)
_MADE = {normalise([text]).text(0) for text in (*MACHINE, *write_texts(60, 4, machine=True))}


def informative(text: str) -> float:
    """Return a statistic that knows the answer, but for noise of its own that depends on the text alone."""
    return 1.5 * (text in _MADE) + float(np.random.default_rng(list(text.encode()[:40])).normal())


@pytest.fixture(scope="module")
def base() -> Detector:
    """A detector that learnt texts without statistics, as the shipped one did, and is faster to start from."""
    texts = write_texts(100, 21, machine=False), write_texts(100, 22, machine=True)
    return fit_detector(*texts, base=None, rng=np.random.default_rng(0), folds=2).detector


def _fit(base: Detector, reader: Told | None, texts: tuple[list[str], list[str]] | None = None) -> Fitted:
    human, machine = texts or (HUMAN, MACHINE)
    return fit_detector(human, machine, base=base, rng=np.random.default_rng(0), folds=3, language_models=reader)


@pytest.fixture(scope="module")
def plain(base: Detector) -> Fitted:
    return _fit(base, None)


@pytest.fixture(scope="module")
def reading(base: Detector) -> Fitted:
    return _fit(base, Told(informative))


def test_a_statistic_that_tells_is_trusted_and_held_out(plain: Fitted, reading: Fitted) -> None:
    lm = reading.detector.lm
    assert lm is not None
    assert lm.stack.weights.shape == (3,)
    assert lm.stack.weights[1:].max() > 0.3
    assert auroc(reading.human_scores, reading.machine_scores) > auroc(plain.human_scores, plain.machine_scores)
    assert np.isfinite(lm.statistics).all(axis=1).tolist() == [False] * 200 + [True] * 80
    new = [write_texts(60, 3, machine=False), write_texts(60, 4, machine=True)]
    with_lm, without = (auroc(*(one.detector.score(texts) for texts in new)) for one in (reading, plain))
    assert with_lm > without


def test_a_statistic_that_says_nothing_or_the_contrary_gets_little_weight_or_none() -> None:
    """2,000 texts: the standard error of a standardised coefficient is about .07, so .4 is a false alarm of 1e-8."""
    rng = np.random.default_rng(7)
    labels = np.arange(2000) % 2 == 1
    first = np.stack([labels + rng.normal(size=2000), np.full(2000, np.nan)], axis=1)
    columns = np.stack([rng.normal(size=2000), rng.normal(size=2000) - labels], axis=1)
    lm = fit_lm_columns(first, columns, labels, np.ones(2000), np.arange(2000) % 5, Told(informative))
    assert lm.stack.weights[0] > 0.5
    assert lm.stack.weights[1] < 0.4
    assert lm.stack.weights[2] == 0
    assert lm.thorough_stack is None
    assert np.isnan(lm.scores[:, 1]).all()


def test_held_out_scores_are_those_of_a_stack_that_had_not_seen_the_side() -> None:
    rng = np.random.default_rng(8)
    labels = rng.random(300) < 0.5
    sides = np.concatenate([np.full(100, -1), np.arange(200) % 4])
    first = np.tile((labels + rng.normal(size=300))[:, None], 2)
    columns = labels[:, None] + rng.normal(size=(300, 2))
    columns[::10] = np.nan
    lm = fit_lm_columns(first, columns, labels, np.ones(300), sides, Told(informative))
    usable = np.isfinite(columns[:, 0])
    parts = np.column_stack([first[:, 0], columns])
    for side in range(4):
        kept, inside = usable & (sides != side), usable & (sides == side)
        other = fit_stack(parts[kept], labels[kept], np.ones(int(kept.sum())))
        np.testing.assert_allclose(lm.scores[inside, 0], other.score(parts[inside]), rtol=1e-9)
    early = usable & (sides < 0)
    np.testing.assert_array_equal(lm.scores[early, 0], lm.stack.score(parts[early]))
    assert np.isnan(lm.scores[~usable]).all()


def test_the_models_below_are_those_of_a_fit_without(plain: Fitted, reading: Fitted) -> None:
    texts = write_texts(5, 9, machine=True)
    silent = replace(reading.detector, lm=None)
    np.testing.assert_array_equal(silent.score(texts), plain.detector.score(texts))
    np.testing.assert_array_equal(silent.memory.scores, plain.detector.memory.scores)
    assert reading.detector.card.held_out_without is not None
    assert plain.detector.card.held_out is not None
    assert reading.detector.card.held_out_without.auroc == plain.detector.card.held_out.auroc


def test_a_text_without_statistics_has_the_score_without_them(plain: Fitted, reading: Fitted) -> None:
    texts = ["word", "", *write_texts(2, 5, machine=True)]
    found = reading.detector.with_language_models(Told(lambda text: np.nan)).score(texts)
    np.testing.assert_array_equal(found, plain.detector.score(texts))
    assert np.isnan(found[1])


def test_only_what_a_score_hangs_on_is_read(reading: Fitted) -> None:
    reader = Told(informative)
    detector = reading.detector.with_language_models(reader)
    fresh = write_texts(1, 6, machine=False)[0]
    german = "Der alte Mann ging langsam durch die Stadt und sah sich die H\u00e4user an, die er kannte. " * 5
    known = {int(key): 1.0 for key in detector.references.content[-1:]}
    _, scores, refused = scored(detector, [fresh, german, MACHINE[-1]], known)
    assert reader.seen == [normalise([fresh]).text(0)]
    assert refused[1] is not None
    assert scores[2] == 1.0


def test_a_saved_detector_remembers_its_models(reading: Fitted, tmp_path: Path) -> None:
    reading.detector.save(tmp_path)
    loaded = load_detector(tmp_path)
    assert loaded.card == reading.detector.card
    assert json.loads((tmp_path / "card.json").read_text())["schema"] == SCHEMA == 2
    np.testing.assert_array_equal(loaded.references.scores, reading.detector.references.scores)
    texts = write_texts(4, 7, machine=True)
    with pytest.raises(InputError, match="reads language models, which are not loaded"):
        loaded.score(texts)
    with pytest.raises(InputError, match=r"fitted with the language models told \(.*not with other \("):
        loaded.with_language_models(Told(informative, "other"))
    np.testing.assert_array_equal(
        loaded.with_language_models(Told(informative)).score(texts), reading.detector.score(texts)
    )
    said = card_markdown(loaded.card)
    assert "Language model, scoring: told" in said
    assert "non-native writers" in said.split("## Limits")[1].rsplit("\n- ", 1)[1]
    assert "| the same without the language models | 40 | 40 |" in said


def test_card_and_weights_must_agree_on_language_models(plain: Fitted, reading: Fitted, tmp_path: Path) -> None:
    replace(plain.detector, card=reading.detector.card).save(tmp_path)
    with pytest.raises(InputError, match="do not agree on whether language models are read"):
        load_detector(tmp_path)


def test_a_detector_without_is_kept_as_before(plain: Fitted, tmp_path: Path) -> None:
    plain.detector.save(tmp_path / "plain")
    card = json.loads((tmp_path / "plain" / "card.json").read_text())
    shipped = json.loads(card_path(None).read_text())
    assert card["schema"] == 1
    assert list(card) == list(shipped)
    with np.load(tmp_path / "plain" / "weights.npz") as found:
        names = set(found.files)
    with np.load(card_path(None).parent / "weights.npz") as found:
        assert names == {name for name in found.files if not name.startswith(("characters", "thorough"))}
    text = card_path(None).read_text()
    assert card_to_json(*_with_schema(text)) == text
    with pytest.raises(InputError, match="was fitted without language models"):
        plain.detector.with_language_models(Told(informative))


def _with_schema(text: str) -> tuple:  # type: ignore[type-arg]
    card, weights = card_from_json(text, 1, "the shipped card")
    return card, 1, weights


def test_learning_more_keeps_the_statistics_of_the_texts_before(reading: Fitted) -> None:
    more = write_texts(30, 11, machine=False), write_texts(30, 4, machine=True)[:30]
    reader = Told(informative)
    again = _fit(reading.detector.with_language_models(reader), None, more)
    lm = again.detector.lm
    assert lm is not None
    assert reading.detector.lm is not None
    assert len(reader.seen) == 60  # the new ones only
    assert np.isfinite(lm.statistics).all(axis=1).tolist() == [False] * 200 + [True] * 140
    np.testing.assert_array_equal(lm.statistics[: -len(reader.seen)], reading.detector.lm.statistics)
    with pytest.raises(InputError, match="not with other"):
        _fit(reading.detector, Told(informative, "other"), more)
    with pytest.raises(InputError, match="not loaded"):
        _fit(replace(reading.detector, lm=replace(reading.detector.lm, reader=None)), None, more)


def test_too_few_texts_with_statistics_are_refused(base: Detector) -> None:
    some = {normalise([text]).text(0) for text in (*HUMAN[:30], *MACHINE[:20])}
    with pytest.raises(NotEnoughData, match="30 human and 20 machine texts have statistics"):
        _fit(base, Told(lambda text: 1.0 if text in some else np.nan))


def test_a_thorough_detector_has_both_forms_of_the_second_stack() -> None:
    human, machine = write_texts(100, 23, machine=False), write_texts(100, 4, machine=True)
    reader = Told(informative)
    fitted = fit_detector(
        human, machine, base=None, thorough=True, rng=np.random.default_rng(0), folds=2, language_models=reader
    )
    detector = fitted.detector
    assert detector.lm is not None
    assert detector.lm.thorough_stack is not None
    fast = detector.fast()
    assert detector.card.fast is not None
    for card, form in ((detector.card, 1), (fast.card, 0)):
        assert card.features[-1] == FEATURE
        assert card.held_out is not None
        assert card.held_out_without is not None
        scores, labels = detector.lm.scores[:, form], detector.memory.is_machine
        assert card.held_out.auroc == auroc(scores[~labels], scores[labels])
        before = detector.memory.scores[:, form]
        assert card.held_out_without.auroc == auroc(before[~labels], before[labels])
    texts = write_texts(5, 12, machine=True)
    assert (fast.score(texts) != detector.score(texts)).all()
    own = detector.references.own
    assert np.isfinite(detector.lm.scores[own]).all()
    assert (fast.references.scores[own] == detector.lm.scores[own, 0]).all()
    assert (detector.references.scores[own] == detector.lm.scores[own, 1]).all()


def _known(texts: list[str]) -> Known:
    return Known(tuple(texts), tuple(texts), tuple(texts), len(texts))


def test_missing_references_are_those_the_detector_was_fitted_to(reading: Fitted, tmp_path: Path) -> None:
    """Scores of texts learnt without statistics lie on another scale: they are compared with nothing here."""
    reading.detector.save(tmp_path)

    def judge(human: Known, machine: Known) -> Judge:
        return judge_of(
            human, machine, detector=tmp_path, thorough=False, rng=np.random.default_rng(0),
            language_models=Told(informative),
        )  # fmt: skip

    alone = judge(NOTHING_KNOWN, NOTHING_KNOWN)
    assert (len(alone.human), len(alone.machine)) == (40, 40)
    others = write_texts(30, 13, machine=False)
    mine = judge(_known(others), NOTHING_KNOWN)
    assert (len(mine.human), len(mine.machine)) == (30, 40)
    np.testing.assert_array_equal(np.sort(mine.machine.scores), np.sort(reading.machine_scores))
    assert any("the machine texts the detector was fitted to stand for them" in one for one in mine.facts.remarks)
    assert mine.facts.shift is None
    few = judge(NOTHING_KNOWN, _known(write_texts(10, 4, machine=True)))
    assert (len(few.human), len(few.machine)) == (40, 40)
