"""The statistics of the verdict, on synthetic data whose truth is known.

False-alarm rates: a verdict at level 0.01 that is wrong by luck has probability at most 0.01 per comparison; seeds are
fixed, and ``--seed-offset`` varies them.
"""

import numpy as np
import pytest

from verify.decide import Verdict, compare, overall
from verify.extrapolate import Sample, extrapolate, summarise

SIZES = (200, 400, 800)
TRUTH = 1.0


def synthetic(rng, trials=64, sizes=SIZES, bias=lambda n: 1 / n, noise=lambda n: 1 / n, draw=None):
    draw = draw or (lambda count: rng.standard_normal(count))
    return [summarise(n, TRUTH + bias(n) + noise(n) * draw(trials)) for n in sizes]


def exact(bias, error=1e-4, sizes=SIZES, trials=64):
    return [Sample(n, trials, TRUTH + bias(n), error) for n in sizes]


# ---- the fit --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("exponents", [(1.0,), (0.5,), (2 / 3,), (1.0, 2.0)])
def test_a_bias_of_the_fitted_form_is_removed(exponents):
    sizes = (100, 200, 400, 800)
    fit = extrapolate(exact(lambda n: sum((k + 1) * n**-k for k in exponents), sizes=sizes), exponents)
    assert fit.limit == pytest.approx(TRUTH, abs=1e-12)
    assert fit.coefficients == pytest.approx([k + 1 for k in exponents])
    assert fit.predict(np.inf) == pytest.approx(fit.limit)
    assert fit.goodness > 0.999


def test_the_standard_error_is_that_of_the_estimate(seed):
    """Over 2000 repetitions; the ratio of a standard deviation to its expectation is 1 +- 1/63, five of these."""
    rng = np.random.default_rng(seed)
    for noise in (lambda n: 1 / n, lambda n: n**-0.5):
        fits = [extrapolate(synthetic(rng, noise=noise)) for _ in range(2000)]
        ratio = np.std([f.limit for f in fits]) / np.sqrt(np.mean([f.error**2 for f in fits]))
        assert abs(ratio - 1) < 5 / 63


@pytest.mark.parametrize("trials", [5, 64])
@pytest.mark.parametrize("sizes", [SIZES, (100, 200, 300, 500, 800)])
def test_the_goodness_of_a_good_fit_is_uniform(trials, sizes, seed):
    """The share of 2000 below 0.05, to five standard deviations of 0.005; for few trials 0.01 more."""
    rng = np.random.default_rng(seed)
    below = np.mean([extrapolate(synthetic(rng, trials, sizes)).goodness < 0.05 for _ in range(2000)])
    assert abs(below - 0.05) < 5 * 0.005 + (0.01 if trials < 10 else 0)


def test_sizes_of_any_scale(seed):
    small = extrapolate(exact(lambda n: 3 / n, sizes=(2, 4, 8)))
    assert small.limit == pytest.approx(TRUTH)
    assert extrapolate(exact(lambda n: 3e6 / n, sizes=(2e6, 4e6, 8e6))).limit == pytest.approx(TRUTH)


def test_a_quantity_that_does_not_fluctuate():
    samples = [summarise(n, np.full(8, 2.5)) for n in SIZES]
    assert compare("q", samples, 2.5).verdict == Verdict.CONSISTENT
    assert compare("q", samples, 2.6).verdict == Verdict.REFUTED


# ---- the verdict ----------------------------------------------------------------------------------------------------
def test_a_true_limit_is_consistent(seed):
    assert compare("q", synthetic(np.random.default_rng(seed)), TRUTH).verdict == Verdict.CONSISTENT


@pytest.mark.parametrize("factor", [0.97, 1.03])
def test_a_limit_wrong_by_three_percent_is_refuted(factor, seed):
    found = [compare("q", synthetic(np.random.default_rng([seed, k])), factor).verdict for k in range(50)]
    assert found.count(Verdict.REFUTED) >= 48


def test_a_wrong_limit_is_not_called_consistent(seed):
    """Off by the resolution at noise for which that is hard to see: P(consistent) <= 0.05, 10 expected, sd 3.1."""
    noise = {"noise": lambda n: 0.8 * n**-0.5}
    samples = [synthetic(np.random.default_rng([seed, k]), **noise) for k in range(200)]
    found = [compare("q", s, TRUTH / 1.05, level=0.05, resolution=0.05).verdict for s in samples]
    assert found.count(Verdict.CONSISTENT) <= 10 + 5 * 3.1
    right = [compare("q", s, TRUTH, level=0.05, resolution=0.05).verdict for s in samples]
    assert right.count(Verdict.CONSISTENT) > 100


def test_noise_that_hides_the_resolution_is_inconclusive(seed):
    made = compare("q", synthetic(np.random.default_rng(seed), noise=lambda n: 10 * n**-0.5), TRUTH)
    assert made.verdict == Verdict.INCONCLUSIVE
    assert "trials would do" in made.reason


def test_the_advice_is_enough(seed):
    """Over 40 repetitions of what was advised; at least 32, where a good fit alone is called a misfit once in 100."""

    def noisy(rng, trials):
        return compare("q", synthetic(rng, trials, noise=lambda n: 2 * n**-0.5), TRUTH)

    reasons = [noisy(np.random.default_rng([seed, k]), 64).reason for k in range(5)]
    needed = int(next(r for r in reasons if "about " in r).split("about ")[1].split()[0])
    rng = np.random.default_rng([seed, 99])
    assert [noisy(rng, needed).verdict for _ in range(40)].count(Verdict.CONSISTENT) >= 32


def test_a_discrepancy_below_the_resolution_is_no_refutation():
    made = compare("q", exact(lambda n: 1 / n, error=1e-6), TRUTH * 1.01, resolution=0.02)
    assert abs(made.z) > 100
    assert made.verdict == Verdict.INCONCLUSIVE
    assert "less than the resolution" in made.reason
    assert compare("q", exact(lambda n: 1 / n, error=1e-6), TRUTH * 1.01, resolution=0.005).verdict == Verdict.REFUTED


BIASES = {
    "1/n + 30/n^2": lambda n: 1 / n + 30 / n**2,
    "n^-2/3": lambda n: 3 * n ** (-2 / 3),
    "n^-1/2": lambda n: n**-0.5,
    "log": lambda n: 3 * np.log(n) / n,
    "terms of opposite sign": lambda n: 10 / n - 1000 / n**2,
}


@pytest.mark.parametrize("trials", [64, 1000, 30000])
@pytest.mark.parametrize("name", BIASES)
def test_a_bias_of_another_form_does_not_refute_in_a_long_run(name, trials, seed):
    """At 1 % per check: of 40, more than 5 false refutations have probability below 1e-5."""
    rng = np.random.default_rng(seed)
    for noise in (lambda n: 1 / n, lambda n: n**-0.5):
        found = [compare("q", synthetic(rng, trials, bias=BIASES[name], noise=noise), TRUTH).verdict for _ in range(40)]
        assert found.count(Verdict.REFUTED) <= 5


def test_a_misfit_is_inconclusive_however_far_off():
    made = compare("q", exact(lambda n: 0.3 * (n == 400), error=1e-5), TRUTH + 1)
    assert made.verdict == Verdict.INCONCLUSIVE
    assert "no power of 1/N follows the means" in made.reason


def test_another_power_is_found_when_the_declared_one_does_not_fit():
    made = compare("q", exact(lambda n: 2 * n**-0.5, error=1e-5), TRUTH)
    assert made.fit.exponents == (0.5,)
    assert made.verdict == Verdict.CONSISTENT
    two_terms = compare("q", exact(lambda n: 4 / n - 300 / n**2, error=1e-6, sizes=(100, 200, 400, 800, 1600)), TRUTH)
    assert two_terms.fit.exponents == (1.0, 2.0)
    assert two_terms.verdict == Verdict.CONSISTENT


def test_the_declared_exponent_is_used():
    made = compare("q", exact(lambda n: 2 * n**-0.5, error=1e-5), TRUTH, exponent=0.5)
    assert made.fit.exponents == (0.5,)
    assert made.fit.coefficients == pytest.approx([2])


def test_more_comparisons_need_more_evidence():
    samples = exact(lambda n: 1 / n)
    assert compare("q", samples, 1, comparisons=20).critical > compare("q", samples, 1).critical + 0.5


def test_a_limit_of_zero_has_an_absolute_resolution():
    samples = [Sample(s.size, s.trials, s.mean - TRUTH, s.error) for s in exact(lambda n: 1 / n)]
    assert compare("q", samples, 0.0).verdict == Verdict.CONSISTENT
    assert compare("q", samples, 0.0).scale == 1


def test_overall():
    samples = exact(lambda n: 1 / n)
    good, bad = compare("a", samples, TRUTH), compare("b", samples, 2 * TRUTH)
    unclear = compare("c", exact(lambda n: 1 / n, error=1), TRUTH)
    assert overall([good, good]) == "consistent"
    assert overall([good, unclear]) == "inconclusive"
    assert overall([unclear, bad]) == "refuted"


# ---- calibration ----------------------------------------------------------------------------------------------------
LAWS = {
    "normal": lambda rng, count: rng.standard_normal(count),
    "skewed": lambda rng, count: rng.standard_exponential(count) - 1,
    "heavy": lambda rng, count: rng.standard_t(5, count),
}


def refutations(rng, law, repetitions=200, **options):
    """Of a true limit at 5 %, with a resolution so fine that it excuses nothing."""
    count = 0
    for _ in range(repetitions):
        samples = synthetic(rng, draw=lambda trials: LAWS[law](rng, trials), **options)
        count += compare("q", samples, TRUTH, level=0.05, resolution=1e-12).verdict == Verdict.REFUTED
    return count


@pytest.mark.parametrize("noise", [0.5, 1.0])
@pytest.mark.parametrize("trials", [8, 64])
@pytest.mark.parametrize("law", LAWS)
def test_a_true_limit_is_refuted_at_most_20_times_in_200(law, trials, noise, seed):
    """At a true rate of 0.05, P(more than 20 of 200) is 1e-3; the rate is below 0.05, as neighbours must agree."""
    assert refutations(np.random.default_rng(seed), law, trials=trials, noise=lambda n: n**-noise) <= 20


def test_the_calibration_could_fail(seed):
    """The same data against a limit off by three standard errors of the extrapolated value: most are refuted."""
    rng = np.random.default_rng(seed)
    found = [
        compare("q", synthetic(rng, noise=lambda n: n**-0.5), 1.05, level=0.05, resolution=1e-12).verdict
        for _ in range(200)
    ]
    assert found.count(Verdict.REFUTED) > 100


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.5, 1.0])
@pytest.mark.parametrize("trials", [4, 16, 64])
@pytest.mark.parametrize("sizes", [SIZES, (100, 150, 200, 300, 400)])
def test_rate_of_false_refutations(sizes, trials, noise, seed):
    """20000 repetitions; 0.05 plus five standard deviations of 0.0015."""
    rng = np.random.default_rng(seed)
    count = refutations(rng, "normal", 20000, trials=trials, sizes=sizes, noise=lambda n: n**-noise)
    assert count / 20000 <= 0.05 + 5 * 0.0015


def test_a_limit_at_the_floor_needs_no_extrapolation():
    """A squared alignment of order 1/N, whose means follow no power well: skewed, few trials."""
    samples = [Sample(100, 200, 0.0128, 0.0013), Sample(200, 200, 0.0099, 0.0008), Sample(400, 200, 0.0036, 0.0003)]
    assert compare("squared", samples, 0.0, scale=1).verdict == "inconclusive"
    found = compare("squared", samples, 0.0, scale=1, floor=0.0)
    assert found.verdict == "consistent"
    assert found.reason.startswith("at the largest size no more than 0.004")
    # the rule is for that limit alone, and only as fine as the resolution
    assert compare("squared", samples, 0.1, scale=1, floor=0.0).verdict == "refuted"
    assert compare("squared", samples, 0.0, scale=1, floor=0.0, resolution=0.004).verdict == "inconclusive"
    large = [Sample(s.size, 200, 0.05 + s.mean, s.error) for s in samples]
    assert compare("squared", large, 0.0, scale=1, floor=0.0).verdict == "refuted"
