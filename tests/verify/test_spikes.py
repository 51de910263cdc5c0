"""Eigenvalues and alignments checked end to end, on both sides of the threshold.

Declared in every check here: a false alarm with probability at most 1e-6, an error of the stated resolution is seen.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sympy import symbols

import verify
from derive import Alignment, Deterministic, Eigenvalue, Gaussian, Signal, Wigner, atomic, dimensions, limit, spectrum
from derive.errors import DimensionError, ParameterError
from tests.oracles import spikes
from tests.verify.handmade import Law, constant
from verify.decide import compare
from verify.edges import EDGE_EXPONENT, evaluated
from verify.extrapolate import Sample

n, p = dimensions("n p")
c, theta, eta = symbols("c theta eta", positive=True)
W, H = Wigner("W", n, variance=1 / n), Wigner("H", n, variance=1 / n, real=False)
Z = Gaussian("Z", p, n, variance=1 / n)
C = Gaussian("C", p, n, variance=1 / n, real=False)
u, w = Signal("u", n, norm2=1), Signal("w", n, norm2=1)
x = Signal("x", p, norm2=2)
M = W + theta * u * u.T
STRICT = {"level": 1e-6, "device": "cpu"}


class Spiked(Law):
    """A handmade law of eigenvalues: what `verify` reads of a derived one is the value and the outliers."""

    def evaluate(self, params, full_output=False):
        value, sides = self.solve(self, params)
        if not full_output:
            return value
        return SimpleNamespace(value=value, outliers=[SimpleNamespace(side=s, multiplicity=1) for s in sides])


def handmade(quantities, values, sides, regime=None):
    return Spiked(quantities, regime or {}, n, lambda law, params: (values, sides), parameters=(theta,))


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(("strength", "sides"), [("2", [1]), ("1/4", [])], ids=["above", "below"])
def test_published_limits_are_consistent_and_wrong_ones_refuted(strength, sides, seed):
    location, alignment = spikes.wigner(eval_number(strength))
    law = handmade({"top": Eigenvalue(M), "squared": Alignment(M, u)}, {"top": location, "squared": alignment}, sides)
    options = {"sizes": (50, 100, 200), "trials": 500, "seed": seed, **STRICT}
    check = verify.check(law, {theta: strength}, resolution=0.04, **options)
    assert check.verdict == "consistent", str(check)
    assert check.settings.exponents == ({} if sides else {"top": EDGE_EXPONENT})
    wrong = check.judge({"top": 1.15 * location, "squared": alignment + 0.08})
    assert [str(k.verdict) for k in wrong.comparisons] == ["refuted", "refuted"]


def eval_number(text):
    first, _, second = text.partition("/")
    return float(first) / float(second or 1)


def spiked_complex():
    N = H + theta * u * u.T
    return limit({"top": Eigenvalue(N), "squared": Alignment(N, u)}), {theta: 2}


def two_spikes():
    N = W + theta * u * u.T - eta * w * w.T
    quantities = {"top": Eigenvalue(N), "bottom": Eigenvalue(N, -1), "up": Alignment(N, u), "down": Alignment(N, w, -1)}
    return limit(quantities, inner={(u, w): 0}), {theta: 2, eta: "3/2"}


def second_spike():
    N = W + theta * u * u.T + eta * w * w.T
    quantities = {"second": Eigenvalue(N, 2), "first": Alignment(N, u), "other": Alignment(N, u, 2)}
    return limit(quantities, inner={(u, w): "1/2"}), {theta: 3, eta: 2}


def complex_rectangular():
    Y = theta * x * w.T + C
    quantities = {"left": Alignment(Y * Y.adjoint(), x), "right": Alignment(Y.adjoint() * Y, w)}
    return limit(quantities, {p: c * n}), {theta: "3/2", c: "1/2"}


def spread():
    """A function of two eigenvalues, one of them at the edge."""
    return limit({"spread": Eigenvalue(M) - Eigenvalue(M, 2) + theta}), {theta: 2}


LAWS = {f.__name__: f for f in (spiked_complex, two_spikes, second_spike, complex_rectangular, spread)}


@pytest.mark.parametrize("name", LAWS)
def test_a_derived_law_is_consistent_and_its_mutants_are_refuted(name, seed):
    law, point = LAWS[name]()
    check = verify.check(law, point, sizes=(48, 96, 144), trials=600, seed=seed, resolution=0.1, **STRICT)
    assert check.verdict == "consistent", str(check)
    report = verify.mutation_report(law, point, check)
    assert report.survivors == (), str(report)
    assert len(report.refuted) > 5 * len(report.undecided), str(report)


@pytest.mark.parametrize("entries", ["rademacher", verify.sparse(0.3)])
def test_universality(entries, seed):
    law, point = LAWS["complex_rectangular"]()
    options = {"sizes": (60, 120, 180), "trials": 500, "seed": seed, "resolution": 0.08, **STRICT}
    assert verify.check(law, point, entries=entries, **options).verdict == "consistent"


@pytest.mark.slow
@pytest.mark.parametrize("strength", ["2", "1/4"], ids=["above", "below"])
def test_a_true_theorem_is_refuted_at_most_20_times_in_200(strength, seed):
    """At 5 % and with a resolution that excuses nothing; P(more than 20) is 1e-3 at a true rate of 0.05."""
    law = limit({"top": Eigenvalue(M), "squared": Alignment(M, u)})
    options = {"sizes": (24, 48, 96), "trials": 12, "level": 0.05, "resolution": 1e-12, "device": "cpu"}
    verdicts = [verify.check(law, {theta: strength}, seed=seed + k, **options).verdict for k in range(200)]
    assert verdicts.count(verify.Verdict.REFUTED) <= 20


# ---------------------------------------------------------------- bias and resolution


def test_the_edge_of_the_bulk_has_its_own_exponent():
    outlier = SimpleNamespace(side=1, multiplicity=2)
    quantities = {f"l{k}": Eigenvalue(W, k) for k in (1, 2, 3, -1)} | {"a": Alignment(W, u, 3)}
    value, exponents = evaluated(SimpleNamespace(quantities=quantities, evaluate=_evaluate([outlier])), {})
    assert value == 5
    assert exponents == {"l3": EDGE_EXPONENT, "l-1": EDGE_EXPONENT}


def _evaluate(outliers):
    return lambda params, full_output: SimpleNamespace(value=5, outliers=outliers)


def test_a_declared_exponent_wins(seed):
    law = handmade({"top": Eigenvalue(M)}, {"top": 2.0}, [])
    options = {"sizes": (20, 40, 60), "trials": 8, "seed": seed, "device": "cpu"}
    assert verify.check(law, {theta: "1/2"}, exponent=1, **options).settings.exponents == {"top": 1}
    assert verify.check(law, {theta: "1/2"}, **options).settings.exponents == {"top": 2 / 3}


def test_the_resolution_of_an_alignment_is_absolute(seed):
    quantities = {"top": Eigenvalue(M), "squared": Alignment(M, u), "both": Eigenvalue(M) * Alignment(M, u)}
    law = handmade(quantities, {"top": 2.0, "squared": 0.0, "both": 0.0}, [])
    check = verify.check(law, {theta: "1/4"}, sizes=(20, 40, 60), trials=8, seed=seed, device="cpu")
    assert [check.scale(name) for name in quantities] == [2, 1, 1]
    assert check.judge({"top": 4.0, "squared": 0.25, "both": 0.25}).scale("squared") == 1
    assert check.judge({"top": 4.0, "squared": 0.25, "both": 0.25}).scale("both") == 0.25


def test_an_error_is_told_in_the_unit_of_its_resolution():
    samples = [Sample(size, 400, 0.4 / size, 1e-4) for size in (50, 100, 200)]
    assert compare("squared", samples, 0.0, scale=1).reason.startswith("an error of 0.000")
    assert compare("squared", samples, 0.1, scale=1).reason.startswith("off by 0.1, |z|")
    assert "off by 1e+02 %" in compare("trace", samples, 0.1).reason


# ---------------------------------------------------------------- all eigenvalues


def test_all_eigenvalues_of_a_sample():
    wide = spectrum(Z * Z.T, {p: c * n})
    found = verify.eigenvalues(wide, {c: 2}, size=60, trials=2, seed=5)
    assert found.shape == (2, 120)
    # p = 2 n: half of the eigenvalues are 0, and the matrix is not replaced by the smaller Gram matrix
    np.testing.assert_allclose(found[:, :60], 0, atol=1e-12)
    assert np.all(np.diff(found, axis=1) >= -1e-12)
    assert not np.allclose(found[0], found[1])
    np.testing.assert_array_equal(found[:1], verify.eigenvalues(wide, {c: 2}, size=60, seed=5))
    law = constant({"mean": Eigenvalue(Z * Z.T, 1)}, {p: c * n}, n, {"mean": 1.0}, parameters=(c,))
    np.testing.assert_allclose(verify.simulate(law, {c: 2}, 60, 2, 5)["mean"], found[:, -1], rtol=1e-12)


def test_the_sample_follows_the_density(seed):
    """Kolmogorov's distance to the semicircle; eigenvalues are rigid, so 2/N is far beyond their fluctuation."""
    law = spectrum(W, {})
    sample = verify.eigenvalues(law, {}, size=300, seed=seed)[0]
    levels = law.cdf(np.clip(sample, -2, 2), {})
    assert np.max(np.abs(levels - (np.arange(300) + 0.5) / 300)) < 0.02


# ---------------------------------------------------------------- bad input


def test_more_eigenvalues_than_the_matrix_has():
    law = handmade({"top": Eigenvalue(M, 30)}, {"top": 2.0}, [])
    with pytest.raises(DimensionError, match="the matrix has 20 eigenvalues at n = 20"):
        verify.simulate(law, {theta: 1}, 20, 2)


def test_a_missing_strength():
    law = handmade({"top": Eigenvalue(M)}, {"top": 2.0}, [])
    with pytest.raises(ParameterError, match="theta"):
        verify.simulate(law, {}, 20, 2)


def test_signals_beside_a_rectangular_matrix():
    """Their law is over its min(p, n) singular vectors: nothing of them is in its kernel."""
    A, y, z = Deterministic("A", p, n), Signal("y", p, norm2=1), Signal("z", n, norm2=1)
    law = atomic([(1, 1, 1), (3, 1, -1)])
    quantity = {"form": y.T * A * z, "left": y.T * A * A.T * y, "right": z.T * A.T * A * z}
    for ratio in ("1/2", "2"):
        handed = constant(quantity, {p: c * n}, n, {}, parameters=(c,))
        values = verify.simulate(handed, {c: ratio, (A, y, z): law}, 40, 2)
        np.testing.assert_allclose([values["form"], values["left"], values["right"]], [[-1] * 2, [5] * 2, [5] * 2])
