import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from headwater.decide import (
    Rule,
    Transcript,
    decide,
    log_e_value,
    log_e_values,
    plain_threshold,
    prove_harm,
    strict_threshold,
)
from headwater.errors import InputError, NotEnoughData
from headwater.schema import Verdict

NOISE = np.random.default_rng(0).standard_normal(500)
NOISE -= NOISE.mean()


def _decide(d, transcript=None, **settings):
    settings = {"clip": 3.0, "rule": Rule.PLAIN, "delta": 0.05} | settings
    return decide(d, transcript=transcript or Transcript(), **settings)


def test_useful_batch_is_admitted_and_the_record_reproduces_it():
    d = NOISE + 0.5
    decision = _decide(d, Transcript(9, 3), rule=Rule.STRICT)
    assert decision.admitted
    assert decision.verdict is Verdict.ADMITTED
    assert (decision.k, decision.admissions_before) == (10, 3)
    assert decision.threshold == strict_threshold(10, 3, 0.05)
    assert decision.log_e == log_e_value(np.clip(d, -3.0, 3.0) / 3.0)
    assert decision.log_e_harm < 0.0
    assert decision.mean == pytest.approx(0.5)
    assert decision.effect_sd == pytest.approx(0.5 / NOISE.std(ddof=1))
    assert (decision.units, decision.clip, decision.harm_clip) == (500, 3.0, 3.0)


@pytest.mark.parametrize("effect", [0.0, -0.5])
def test_only_one_bit_leaves_even_where_harm_is_certain(effect):
    decision = _decide(NOISE + effect)
    assert decision.verdict is Verdict.QUARANTINED
    assert not decision.admitted


def test_the_same_evidence_passes_early_and_not_late():
    d = NOISE + 0.25
    assert 3.7 < _decide(d).log_e < plain_threshold(1000, 0.05)
    assert _decide(d).admitted
    assert not _decide(d, Transcript(999, 0)).admitted


def test_threshold_itself_is_enough():
    d = np.full(200, 0.3)
    delta = 2.0 * math.exp(-_decide(d).log_e)  # the threshold of k = 1 equals the evidence, but for rounding
    assert _decide(d, delta=delta * (1 + 1e-9)).admitted
    assert not _decide(d, delta=delta * (1 - 1e-9)).admitted


def test_a_gain_that_clipping_made_is_refused():
    d = np.r_[np.full(500, 0.5), -1000.0]  # one catastrophe outweighs 500 small gains
    decision = _decide(d, clip=1.0)
    assert decision.log_e > decision.threshold
    assert decision.mean < 0.0
    assert decision.verdict is Verdict.QUARANTINED


def test_harm_bound_makes_a_catastrophe_count():
    d = np.r_[np.full(100, 0.5), np.full(2, -20.0)]
    assert _decide(d, clip=1.0).admitted
    wide = _decide(d, clip=1.0, harm_clip=20.0)
    assert not wide.admitted
    assert wide.harm_clip == 20.0


def test_harm_is_proven_on_the_steering_panel():
    decision = prove_harm(NOISE - 0.5, clip=3.0, k=4, delta=0.05)
    assert decision.verdict is Verdict.REJECTED
    assert not decision.admitted
    assert decision.log_e_harm >= decision.threshold == plain_threshold(4, 0.05)
    assert decision.mean == pytest.approx(-0.5)


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_harm_is_not_proven_without_evidence(effect):
    assert prove_harm(NOISE + effect, clip=3.0, k=1, delta=0.05).verdict is Verdict.QUARANTINED


def test_harm_that_clipping_made_is_not_proven():
    d = np.r_[np.full(500, -0.5), 1000.0]
    decision = prove_harm(d, clip=1.0, k=1, delta=0.05)
    assert decision.log_e_harm > decision.threshold
    assert decision.verdict is Verdict.QUARANTINED


def test_effect_of_units_that_agree_exactly():
    assert _decide(np.zeros(5)).effect_sd == 0.0
    assert _decide(np.full(200, 0.3)).effect_sd == math.inf
    assert _decide(np.full(200, -0.3)).effect_sd == -math.inf


def test_transcript_counts_and_never_changes():
    start = Transcript()
    end = start.next(True).next(False).next(True)
    assert end == Transcript(3, 2)
    assert start == Transcript(0, 0)
    with pytest.raises(FrozenInstanceError):
        end.decisions = 1
    with pytest.raises(ValueError, match="0 to 2 positive verdicts"):
        Transcript(2, 3)


def test_rules_order_their_thresholds():
    transcript = Transcript(20, 5)
    thresholds = [transcript.threshold(rule, 0.05) for rule in (Rule.E_LOND, Rule.PLAIN, Rule.STRICT)]
    assert thresholds == sorted(set(thresholds))


@pytest.mark.parametrize("delta", [0.0, 1.0, 5.0, math.nan])
def test_delta_is_a_probability(delta):
    with pytest.raises(ValueError, match="delta is a probability"):
        plain_threshold(1, delta)


def test_decisions_are_numbered_from_one():
    with pytest.raises(ValueError, match="numbered from 1"):
        plain_threshold(0, 0.05)


def test_unusable_panels_are_refused_with_the_place():
    with pytest.raises(NotEnoughData, match="1 unit"):
        _decide([0.5])
    with pytest.raises(InputError, match="position 2"):
        _decide([0.5, 0.1, np.nan])
    with pytest.raises(InputError, match=r"shape \(2, 2\)"):
        _decide(np.zeros((2, 2)))


def test_e_value_refuses_what_was_not_clipped():
    with pytest.raises(InputError, match=r"got np.float64\(1.5\) \(1 of 2 values\)"):
        log_e_value([0.0, 1.5])
    with pytest.raises(InputError, match="nan"):
        log_e_values([[0.0, np.nan]])
    with pytest.raises(InputError, match="one panel"):
        log_e_value([[0.0], [0.1]])
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        log_e_value([0.0], grid=(0.5, 1.0))
