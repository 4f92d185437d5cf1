"""What must hold for every panel."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headwater.decide import (
    Rule,
    Transcript,
    clip_differences,
    decide,
    design_effect,
    group_means,
    log_e_value,
    prove_harm,
)
from headwater.schema import Verdict

bounded = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1.0, 1.0))
differences = arrays(np.float64, st.integers(2, 60), elements=st.floats(-50.0, 50.0))


@given(bounded)
def test_never_evidence_for_gain_and_for_harm(u):
    # ln(1 + x) <= x, so ln E > 0 needs a positive sum; the slack is the rounding of the sum.
    gain, harm = log_e_value(u), log_e_value(-u)
    assert min(gain, harm) <= 1e-12
    assert gain <= 1e-12 or u.sum() > 0.0


@given(bounded, st.randoms(use_true_random=False))
def test_order_of_documents_does_not_matter(u, random):
    shuffled = u.copy()
    random.shuffle(shuffled)
    assert log_e_value(shuffled) == pytest.approx(log_e_value(u), abs=1e-10)


@given(bounded, st.data())
def test_a_better_document_never_lowers_the_evidence(u, data):
    index = data.draw(st.integers(0, u.size - 1))
    better = u.copy()
    better[index] = data.draw(st.floats(float(u[index]), 1.0))
    assert log_e_value(better) >= log_e_value(u) - 1e-12


@given(bounded)
def test_evidence_is_bounded_by_the_number_of_documents(u):
    assert u.size * np.log(0.1) - 1e-9 <= log_e_value(u) <= u.size * np.log(1.9) + 1e-9


@given(differences, st.floats(0.01, 100.0), st.floats(1.0, 20.0))
def test_clipped_differences_stay_in_range_and_keep_sign_and_order(d, bound, ratio):
    u = clip_differences(d, bound, bound * ratio)
    assert (np.abs(u) <= 1.0).all()
    assert (u * d >= 0.0).all()
    assert (np.diff(u[np.argsort(d)]) >= 0.0).all()
    inside = (d > -bound * ratio) & (d < bound)
    np.testing.assert_allclose(u[inside] * bound * ratio, d[inside], rtol=1e-12, atol=1e-300)


@given(differences, st.sampled_from([-60.0, 0.0, 60.0]), st.floats(0.1, 10.0), st.integers(0, 300), st.data())
def test_verdicts_of_the_two_panels_never_contradict(d, shift, clip, decisions, data):
    d = d + shift  # a shift of 60 makes every difference of one sign, so that all three verdicts occur
    transcript = Transcript(decisions, data.draw(st.integers(0, decisions)))
    rule = data.draw(st.sampled_from(Rule))
    certified = decide(d, clip=clip, transcript=transcript, rule=rule, delta=0.05)
    steered = prove_harm(d, clip=clip, k=1, delta=0.05)
    assert certified.verdict in {Verdict.ADMITTED, Verdict.QUARANTINED}
    assert steered.verdict in {Verdict.REJECTED, Verdict.QUARANTINED}
    assert not (certified.admitted and steered.verdict is Verdict.REJECTED)
    assert not certified.admitted or (certified.log_e >= certified.threshold and certified.mean > 0.0)
    assert certified.threshold > 0.0


@given(differences, st.floats(0.0, 60.0), st.floats(0.1, 10.0))
def test_strict_never_admits_what_plain_refuses(d, shift, clip):
    d = d + shift
    strict, plain, lond = (
        decide(d, clip=clip, transcript=Transcript(6, 2), rule=rule, delta=0.05)
        for rule in (Rule.STRICT, Rule.PLAIN, Rule.E_LOND)
    )
    assert strict.admitted <= plain.admitted <= lond.admitted


@given(differences)
def test_independent_units_have_no_design_effect(values):
    assume(np.ptp(values) > 1e-6)
    assert design_effect(values, np.arange(values.size)) == pytest.approx(1.0, rel=1e-9)


@given(differences, st.data())
def test_design_effect_ignores_names_shift_and_scale(values, data):
    assume(np.ptp(values) > 1e-3)
    codes = np.array(data.draw(st.lists(st.integers(0, 4), min_size=values.size, max_size=values.size)))
    assume(np.unique(codes).size > 1)
    names = np.array(["e", "d", "c", "b", "a"])[codes]
    effect = design_effect(values, codes)
    assert 0.0 <= effect <= 2.0 * values.size
    assert design_effect(3.0 * values + 1.0, names) == pytest.approx(effect, rel=1e-6, abs=1e-6)


@given(differences, st.data())
def test_group_means_keep_the_total(nats, data):
    tokens = np.array(data.draw(st.lists(st.integers(1, 1000), min_size=nats.size, max_size=nats.size)))
    groups = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=nats.size, max_size=nats.size)))
    means, labels = group_means(nats, tokens, groups)
    assert labels.tolist() == sorted(set(groups.tolist()))
    weights = np.array([tokens[groups == label].sum() for label in labels])
    assert means @ weights == pytest.approx(nats.sum(), abs=1e-8)
