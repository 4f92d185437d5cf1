"""Estimators of the share against known answers, QuaPy, and their error on normal scores."""

import numpy as np
import pytest

from headwater.origin.share import (
    adjusted_count,
    calibrated_ratio,
    classify_and_count,
    dkw_bound,
    emq,
    exact_bound,
    hdy,
    kde_mix,
    word_mle,
)
from headwater.origin.share.histograms import Sample, exact_grid, score_grid
from headwater.origin.share.kde_mix import kernel_density

DISTANCE = 1.5
SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


def _log_ratio(scores):
    return DISTANCE * scores - DISTANCE**2 / 2


def _drawn(rng, share, documents=500, references=500, distance=DISTANCE):
    """Return scores of a corpus whose documents are machine-made with chance ``share``, and of references."""
    machine = rng.random(documents) < share
    corpus = rng.normal(size=documents) + distance * machine
    return corpus, rng.normal(size=references), rng.normal(distance, 1.0, references), machine.mean()


def test_errors_on_normal_scores_are_the_known_ones():
    """N(0, 1) and N(1.5, 1), 1000 references in all, corpora of 500 drawn at six shares; error against the share drawn at.

    Mean absolute error in points CC 16, PCC 22, ACC 3.2, PACC 2.9, EMQ with the exact posterior 1.7, each within .5.
    50 corpora per share: the standard error of the means is at most .16, and the expected values (6,000 corpora: 16.0,
    21.8, 3.06, 2.66, 1.77) are at most .24 away, so a correct implementation fails with chance .1 at worst over seeds.
    """
    rng = np.random.default_rng(0)
    errors = {}
    for share in SHARES:
        for _ in range(50):
            corpus, human, machine, _ = _drawn(rng, share)
            grid = score_grid(corpus, human, machine)
            c, h, a = (grid.counts(scores) for scores in (corpus, human, machine))
            posterior = 1.0 / (1.0 + np.exp(-_log_ratio(grid.support)))
            above = (posterior > 0.5).astype(float)
            found = {
                "CC": classify_and_count(c, above),
                "PCC": classify_and_count(c, posterior),
                "ACC": adjusted_count(c, h, a, above),
                "PACC": adjusted_count(c, h, a, posterior),
                "EMQ": emq(c, np.exp(_log_ratio(grid.support))),
            }
            for name, value in found.items():
                errors.setdefault(name, []).append(100 * abs(value[0] - share))
    known = {"CC": 16.0, "PCC": 22.0, "ACC": 3.2, "PACC": 2.9, "EMQ": 1.7}
    assert {name: np.mean(found) for name, found in errors.items()} == pytest.approx(known, abs=0.5)


def test_matched_references_that_separate_well_err_by_less_than_half_a_point():
    """650 references of each kind 3.75 sd apart (AUROC .996), corpora of 500: EMQ and KDE mix within .5 points.

    Expected .43 of the documents' own share (1,000 corpora); 66 corpora, error .05: false alarm .1 over seeds.
    """
    rng = np.random.default_rng(1)
    errors = []
    for share in (0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0):
        for _ in range(6):
            corpus, human, machine, made = _drawn(rng, share, references=650, distance=3.75)
            grid = score_grid(corpus, human, machine)
            c, h, a = (grid.counts(scores) for scores in (corpus, human, machine))
            ratio = calibrated_ratio(grid.support, h, a)
            errors.append([abs(emq(c, ratio)[0] - made), abs(kde_mix(grid.support, c, h, a)[0] - made)])
    assert np.mean(errors, axis=0).max() < 0.005


def test_counts_with_exact_answers():
    """Ten documents, six above the threshold; false-positive rate 1/5, true-positive rate 4/5."""
    corpus, human, machine = np.array([[4.0, 6.0]]), np.array([[4.0, 1.0]]), np.array([[1.0, 4.0]])
    above = np.array([0.0, 1.0])
    assert classify_and_count(corpus, above)[0] == pytest.approx(0.6)
    assert adjusted_count(corpus, human, machine, above)[0] == pytest.approx(2 / 3)
    assert emq(corpus, machine[0] / human[0])[0] == pytest.approx(2 / 3)  # the likelihood of a histogram agrees
    assert hdy(corpus, human, machine)[0] == pytest.approx(2 / 3, abs=1e-3)  # and a perfect match is the nearest
    assert adjusted_count(human, human, machine, above)[0] == 0.0
    assert emq(np.array([[5.0, 0.0]]), machine[0] / human[0])[0] == 0.0
    assert emq(np.array([[0.0, 5.0]]), machine[0] / human[0])[0] == 1.0
    assert np.isnan(adjusted_count(corpus, machine, human, above)[0])


def test_emq_is_the_fixed_point_of_the_iteration():
    """Saerens et al. (2002), equation 2.9, at a training prevalence of .3."""
    rng = np.random.default_rng(2)
    corpus, _, _, _ = _drawn(rng, 0.2)
    prevalence, share = 0.3, 0.5
    odds = np.exp(_log_ratio(corpus)) * prevalence / (1 - prevalence)
    posterior = odds / (1 + odds)
    for _ in range(5000):
        machine, human = share / prevalence * posterior, (1 - share) / (1 - prevalence) * (1 - posterior)
        share = np.mean(machine / (machine + human))
    grid = exact_grid(corpus)
    assert emq(grid.counts(corpus), np.exp(_log_ratio(grid.support)))[0] == pytest.approx(share, abs=1e-6)


def test_calibration_is_logistic_regression_with_balanced_classes():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    human, machine = rng.normal(size=300) * 2, rng.normal(3.0, 1.5, 50)
    grid = exact_grid(human, machine)
    found = np.log(calibrated_ratio(grid.support, grid.counts(human), grid.counts(machine))[0])
    model = linear_model.LogisticRegression(C=1e6, class_weight="balanced", tol=1e-10, max_iter=1000)
    model.fit(np.r_[human, machine][:, None], np.r_[np.zeros(300), np.ones(50)])
    assert found == pytest.approx(model.decision_function(grid.support[:, None]), abs=0.01)


def test_separated_references_have_a_finite_fit():
    grid = exact_grid([-1.0, -0.5], [0.5, 1.0])
    ratio = calibrated_ratio(grid.support, grid.counts([-1.0, -0.5]), grid.counts([0.5, 1.0]))
    assert np.isfinite(ratio).all()
    assert (np.diff(ratio[0]) > 0).all()


def test_kernel_density_is_scipys():
    """Gaussian kernels of the same width; a bin is a hundredth of a deviation wide."""
    stats = pytest.importorskip("scipy.stats")
    scores = np.random.default_rng(4).normal(size=500)
    grid = score_grid(scores, bins=800)
    density = kernel_density(grid.support, grid.counts(scores))[0] / np.diff(grid.support)[0]
    spread = min(scores.std(), np.subtract(*np.quantile(scores, (0.75, 0.25))) / 1.34)
    width = 0.9 * spread * 500**-0.2
    expected = stats.gaussian_kde(scores, bw_method=width / scores.std(ddof=1))(grid.support)
    middle = np.abs(grid.support) < 2
    assert density[middle] == pytest.approx(expected[middle], rel=0.03)


def test_a_bootstrap_row_is_the_estimate_on_that_sample():
    rng = np.random.default_rng(5)
    corpus, human, machine, _ = _drawn(rng, 0.3)
    grid = score_grid(corpus, human, machine)
    rows = [Sample.of(grid, scores).resample(3, rng) for scores in (corpus, human, machine)]
    together = emq(rows[0], calibrated_ratio(grid.support, rows[1], rows[2]))
    one_by_one = [
        emq(c[None], calibrated_ratio(grid.support, h[None], a[None]))[0] for c, h, a in zip(*rows, strict=True)
    ]
    assert together == pytest.approx(one_by_one, abs=1e-9)
    assert hdy(*rows) == pytest.approx([hdy(*(row[i : i + 1] for row in rows))[0] for i in range(3)])


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(6)
    grid = exact_grid(np.arange(4.0))
    drawn = Sample.of(grid, [0.0, 1.0, 2.0, 3.0], ["a", "a", "b", "b"]).resample(200, rng)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 2] == drawn[:, 3]).all()
    assert (drawn.sum(axis=1) == 4).all()
    assert set(drawn[:, 0]) == {0.0, 1.0, 2.0}


def test_the_dkw_bound_by_hand():
    """100 documents all above 100 references: (1 - e - e) / (1 - e) with e = sqrt(ln 40 / 200)."""
    error = np.sqrt(np.log(2 / 0.05) / 200)
    found = dkw_bound(np.full(100, 2.0), np.full(100, 1.0))
    assert found == pytest.approx((1 - 2 * error) / (1 - error))
    assert dkw_bound(np.full(100, 1.0), np.full(100, 2.0)) == 0.0
    assert dkw_bound([], [1.0]) == dkw_bound([1.0], []) == 0.0


@pytest.mark.parametrize(("share", "most"), [(0.0, 29), (0.05, 20)])
def test_the_exact_bound_holds(share, most):
    """300 corpora of 300 documents, 200 references, level .05; the bound above the documents' own share counts.

    Without machine text violations are binomial with a rate of .05 at most (plus .01 for 299 permutations): more than
    29 of 300 have chance .004. With it the rate is below .04: more than 20 have chance .01.
    """
    rng = np.random.default_rng(int(100 * share))
    violated = 0
    for _ in range(300):
        corpus, human, _, made = _drawn(rng, share, documents=300, references=200, distance=3.0)
        violated += exact_bound(corpus, human, rng, draws=299) > made
    assert violated <= most


def test_the_exact_bound_is_near_where_the_classes_are_far_apart():
    """AUROC .996, share 5 %, corpora of 500 and 300 references: mean gap at most 2 points (1.4; error .15 of 30)."""
    rng = np.random.default_rng(7)
    gaps = []
    for _ in range(30):
        made = np.arange(500) < 25
        corpus = rng.normal(size=500) + 3.75 * made
        gaps.append(0.05 - exact_bound(corpus, rng.normal(size=300), rng, draws=299))
    assert np.mean(gaps) < 0.02
    assert np.mean(gaps) < 0.05 - dkw_bound(corpus, rng.normal(size=300))


def test_the_exact_bound_of_groups_asks_for_more():
    """Ten documents of one author are one piece of evidence: copies do not sharpen the bound."""
    rng = np.random.default_rng(8)
    singles = np.r_[rng.normal(size=45), rng.normal(3.0, 1.0, 5)]
    corpus, groups = np.repeat(singles, 10), np.repeat(np.arange(50), 10)
    human = np.repeat(rng.normal(size=50), 10)
    own = [str(i) for i in range(500)]
    alone = exact_bound(corpus, human, rng, groups=(own, [f"h{i}" for i in own]))
    grouped = exact_bound(corpus, human, rng, groups=(groups, groups))
    assert grouped < alone


def test_word_mle_recovers_a_mixture_of_word_sources():
    """Sentences of independent words, as the method assumes: within 3 points (error 1 point)."""
    rng = np.random.default_rng(9)
    words = np.array([f"w{a}{b}" for a in "abcdefghij" for b in "abcdefghij"])

    def sentences(count, tilt):
        weights = np.exp(tilt * np.linspace(-1, 1, 100))
        drawn = rng.choice(words, size=(count, 12), p=weights / weights.sum())
        return [". ".join(" ".join(row) for row in part) for part in drawn.reshape(-1, 4, 12)]

    human, machine = sentences(8000, 0.0), sentences(8000, 1.2)
    corpus = sentences(6000, 0.0) + sentences(2000, 1.2)
    assert word_mle(corpus, human, machine) == pytest.approx(0.25, abs=0.03)
    assert word_mle(sentences(4000, 0.0), human, machine, least_z=3.0) < 0.03
    assert word_mle(corpus, human, machine, by_document=True) == pytest.approx(0.25, abs=0.03)


@pytest.fixture(scope="module")
def quapy():
    """QuaPy 0.2.3 (Moreo, Esuli, Sebastiani 2021), on the same posteriors."""
    return pytest.importorskip("quapy.method.aggregative")


@pytest.fixture(params=[0.05, 0.4])
def drawn(request):
    corpus, human, machine, _ = _drawn(np.random.default_rng(10), request.param, references=400)
    grid = exact_grid(corpus, human, machine)
    posterior = 1.0 / (1.0 + np.exp(-_log_ratio(grid.support)))
    return grid, posterior, corpus, human, machine


def _posteriors(scores):
    p = 1.0 / (1.0 + np.exp(-_log_ratio(scores)))
    return np.stack([1 - p, p], axis=1)


def test_emq_is_quapys(quapy, drawn):
    grid, _, corpus, _, _ = drawn
    theirs, _ = quapy.EMQ.EM(np.array([0.5, 0.5]), _posteriors(corpus), epsilon=1e-9)
    assert emq(grid.counts(corpus), np.exp(_log_ratio(grid.support)))[0] == pytest.approx(theirs[1], abs=1e-3)


@pytest.mark.parametrize("name", ["PACC", "ACC", "HDy", "KDEyML"])
def test_estimators_are_quapys(quapy, drawn, name):
    """Tolerances: the solver's, HDy's search by hundredths, and another kernel (on posteriors, width .1)."""
    grid, posterior, corpus, human, machine = drawn
    labels = np.r_[np.zeros(human.size, int), np.ones(machine.size, int)]
    known = _posteriors(np.r_[human, machine])
    linear_model = pytest.importorskip("sklearn.linear_model")
    # A classifier whose posterior is that of the scores, so that both see the same numbers.
    model = linear_model.LogisticRegression()
    model.coef_, model.intercept_ = np.array([[DISTANCE]]), np.array([-(DISTANCE**2) / 2])
    model.classes_ = np.array([0, 1])
    model.n_features_in_ = 1
    assert model.predict_proba(human[:, None]) == pytest.approx(known[: human.size])
    method = getattr(quapy, name)(model, fit_classifier=False, val_split=None)
    method.fit(np.r_[human, machine][:, None], labels)
    theirs = method.predict(corpus[:, None])[1]
    c, h, a = (grid.counts(scores) for scores in (corpus, human, machine))
    if name == "HDy":
        # Histograms of posteriors: the fine grid lies in [0, 1].
        fine = score_grid(np.array([0.0, 1.0]), bins=2640)
        edges = np.linspace(0.0, 1.0, 2641)[1:-1]
        fine = type(fine)((np.arange(2640) + 0.5) / 2640, edges)
        ours = hdy(*(fine.counts(_posteriors(scores)[:, 1]) for scores in (corpus, human, machine)))[0]
    else:
        ours = {
            "PACC": lambda: adjusted_count(c, h, a, posterior),
            "ACC": lambda: adjusted_count(c, h, a, (posterior > 0.5).astype(float)),
            "KDEyML": lambda: kde_mix(grid.support, c, h, a),
        }[name]()[0]
    tolerance = {"PACC": 1e-3, "ACC": 1e-3, "HDy": 0.02, "KDEyML": 0.05}[name]
    assert ours == pytest.approx(theirs, abs=tolerance)
