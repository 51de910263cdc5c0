"""Limits of limits: dominant balances against published tables, against the limit itself, and against a simulation."""

from __future__ import annotations

import warnings

import mpmath
import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, cancel, oo, symbols

from derive import (
    BranchError,
    Deterministic,
    Free,
    Gaussian,
    LawError,
    ParameterError,
    Signal,
    Status,
    Wigner,
    atomic,
    density,
    dimensions,
    joint,
    limit,
)
from derive.asymptotics.approach import CHECK, Observed, confirmed
from tests.oracles.ridgeless import isotropic, projected

n, p, m, n1, n2 = dimensions("n p m n_1 n_2")
c, lam, phi, gamma, p2 = symbols("c lambda phi gamma p_2", positive=True)
I = Identity(p)
Z = Gaussian("Z", p, n, variance=1 / n)
Z1, Z2 = Gaussian("Z_1", n1, p, variance=1 / n), Gaussian("Z_2", n2, p, variance=1 / n)
M1, M2 = Z1.T * Z1, Z2.T * Z2
SIZES = {p: phi * n, n1: (1 - p2) * n, n2: p2 * n}


@pytest.fixture(scope="module")
def resolvent():
    return limit(Trace((Z * Z.T + lam * I).I) / p, {p: c * n})


@pytest.fixture(scope="module")
def product():
    Y = Gaussian("Y", n, m, variance=1 / m)
    return limit(lam * Trace((Z * Y * Y.T * Z.T + lam * I).I) / p, {p: c * n, m: gamma * n}).limit(lam, 0)


@pytest.fixture(scope="module")
def ridge():
    R = (M1 + M2 + lam * I).I
    asked = {"B": lam**2 * Trace(R * R) / p, "V": Trace(R * R * (M1 + M2)) / n, "zeta": Trace(M2 * R * R * M2) / p}
    return limit(asked, SIZES)


@pytest.fixture(scope="module")
def projections():
    S = Gaussian("S", p, m, variance=1 / p)
    Q = S * (S.T * (M1 + M2) * S + lam * Identity(m)).I * S.T
    asked = {
        "B": Trace((I - Q * (M1 + M2)) * (I - Q * (M1 + M2)).T) / p,
        "V": Trace(Q * Q * (M1 + M2)) / n,
        "zeta": Trace(M2 * Q * Q * M2) / p,
    }
    return limit(asked, SIZES | {m: gamma * phi * n}).limit(lam, 0)


@pytest.fixture(scope="module")
def general():
    """Ridge with a general covariance A^2."""
    A, X = Deterministic("A", p, p, symmetric=True), Gaussian("X", n, p, variance=1 / n)
    R = (A * X.T * X * A + lam * I).I
    asked = {"B": lam**2 * Trace(R * A * A * R) / p, "V": Trace(R * A * A * R * A * X.T * X * A) / n}
    return A, limit(asked, {p: phi * n})


class TestInverseMoments:
    """Marchenko-Pastur: tr (ZZ')^-1 / p -> 1/(1 - c) for c < 1, lambda tr(...) -> 1 - 1/c for c > 1 (textbook)."""

    def test_the_branches(self, resolvent):
        branches = resolvent.limit(lam, 0).branches
        assert len(branches) == 2
        finite, infinite = sorted(branches, key=lambda b: -b.orders["value"])
        assert (finite.orders["value"], infinite.orders["value"]) == (0, -1)
        assert cancel(finite.values["value"] - 1 / (1 - c)) == 0
        assert cancel(infinite.system.values["value"] - (1 - 1 / c)) == 0
        assert infinite.values["value"] == oo

    def test_numbers_and_digits(self, resolvent):
        inverse = resolvent.limit(lam, 0)
        assert inverse.evaluate({c: 0.5}) == pytest.approx(2, rel=1e-14)
        assert np.allclose(inverse.evaluate({c: [0.1, 0.5, 0.9]}), [1 / 0.9, 2, 10], rtol=1e-13)
        with mpmath.workdps(45):
            assert abs(inverse.evaluate({c: "1/7"}, digits=40) - mpmath.mpf(7) / 6) < mpmath.mpf(10) ** -39

    @pytest.mark.parametrize(("ratio", "rate"), [(2.0, "0.5/lambda"), (1, "1/sqrt(lambda)")])
    def test_the_rate_of_the_divergence(self, resolvent, ratio, rate):
        with pytest.raises(BranchError, match="diverges like") as error:
            resolvent.limit(lam, 0).evaluate({c: ratio})
        assert rate in str(error.value)

    def test_a_batch_marks_the_points_that_diverge(self, resolvent):
        with pytest.warns(RuntimeWarning, match=r"2 of 3 points .* diverges"):
            values = resolvent.limit(lam, 0).evaluate({c: [0.5, 1, 2]})
        assert values[0] == pytest.approx(2)
        assert np.isnan(values[1:]).all()

    def test_close_to_the_change_of_branch(self, resolvent):
        assert resolvent.limit(lam, 0).evaluate({c: 0.9999}) == pytest.approx(1e4, rel=1e-9)

    def test_multiplied_by_its_rate(self):
        law = limit(lam * Trace((Z * Z.T + lam * I).I) / p, {p: c * n}).limit(lam, 0)
        assert np.allclose(law.evaluate({c: [0.5, 1, 2, 4]}), [0, 0, 0.5, 0.75], atol=1e-14)

    def test_the_second_inverse_moment(self):
        """tr (ZZ')^-2 / p -> 1/(1 - c)^3."""
        Q = (Z * Z.T + lam * I).I
        law = limit(Trace(Q * Q) / p, {p: c * n}).limit(lam, 0)
        assert np.allclose(law.evaluate({c: [0.2, 0.5]}), [0.8**-3, 8], rtol=1e-12)

    def test_a_fractional_power(self):
        """At c = 1 the trace grows like 1/sqrt(lambda), which no branch of a generic c shows."""
        law = limit(lam ** Rational(1, 2) * Trace((Z * Z.T + lam * I).I) / p, {p: c * n}).limit(lam, 0)
        assert np.allclose(law.evaluate({c: [0.5, 1]}), [0, 1], atol=1e-13)

    @pytest.mark.parametrize(("c_", "g_"), [(0.5, 0.7), (0.5, 0.3), (2, 3), (2, 1.5)])
    def test_the_rank_of_a_product(self, product, c_, g_):
        """lambda tr (ZYY'Z' + lambda)^-1 / p tends to the share of the kernel, 1 - min(1, 1/c, gamma/c)."""
        assert product.evaluate({c: c_, gamma: g_}) == pytest.approx(1 - min(1, 1 / c_, g_ / c_), abs=1e-12)

    def test_other_targets(self, resolvent):
        at = {lam: 0.5}
        assert resolvent.limit(c, 0).evaluate(at) == pytest.approx(1 / 1.5)
        assert resolvent.limit(c, oo).evaluate(at) == pytest.approx(2)
        assert resolvent.limit(lam, oo).evaluate({c: 0.3}) == 0
        assert resolvent.limit(lam, "1/2").evaluate({c: 0.3}) == pytest.approx(resolvent.evaluate({c: 0.3, lam: 0.5}))
        assert resolvent.limit(c, 1, "-").evaluate(at) == pytest.approx(resolvent.evaluate({c: 1, lam: 0.5}))

    def test_a_further_limit(self, resolvent):
        assert resolvent.limit(lam, 0).limit(c, 0).evaluate() == pytest.approx(1)


class TestRidgeless:
    @pytest.mark.parametrize("share", [0.1, 0.5])
    @pytest.mark.parametrize("ratio", [0.5, 0.9, 1.5, 4.0])
    def test_the_isotropic_table(self, ridge, ratio, share):
        found = ridge.limit(lam, 0).evaluate({phi: ratio, p2: share})
        for name, expected in isotropic(ratio, share).items():
            assert found[name] == pytest.approx(expected, rel=1e-12, abs=1e-13)

    def test_the_table_as_formulas(self, ridge):
        for branch in ridge.limit(lam, 0).branches:
            inside = branch.values["B"] == 0
            expected = phi / (1 - phi) if inside else 1 / (phi - 1)
            assert cancel(branch.values["V"] - expected) == 0

    def test_strong_collapse_is_a_floor(self, ridge):
        """phi -> 0 after lambda -> 0: zeta -> p2^2."""
        floor = ridge.limit(lam, 0).limit(phi, 0).evaluate({p2: 0.3})
        assert floor["zeta"] == pytest.approx(0.09, rel=1e-12)
        assert (floor["B"], floor["V"]) == (0, 0)

    def test_the_interpolation_threshold(self, ridge):
        with pytest.raises(BranchError, match=r"V diverges like 0\.5/sqrt\(lambda\)"):
            ridge.limit(lam, 0).evaluate({phi: 1, p2: 0.1})

    def test_a_changed_system_is_seen(self, ridge):
        """The comparison with the table can fail: a wrong equation gives another table."""
        system = ridge.system
        (g,) = system.unknowns
        from dataclasses import replace

        wrong = ridge.with_system(replace(system, residuals=(system.residuals[0] + g**2 * lam * phi / 4,)))
        found = wrong.limit(lam, 0).evaluate({phi: 2.0, p2: 0.1})
        assert abs(found["B"] - isotropic(2.0, 0.1)["B"]) > 0.01

    @pytest.mark.parametrize("ratio", [0.5, 2.0])
    def test_agrees_with_a_pseudo_inverse(self, ridge, ratio):
        """The estimator without a ridge is the pseudo-inverse: V = |X^+|_F^2, n = 300, spread about 2 per cent."""
        rng = np.random.default_rng(0)
        size, dim = 300, int(300 * ratio)
        variance = [np.sum(1 / np.linalg.svd(rng.normal(size=(size, dim)), compute_uv=False) ** 2) for _ in range(8)]
        found = ridge.limit(lam, 0).evaluate({phi: ratio, p2: 0.1})["V"]
        assert found == pytest.approx(np.mean(variance), rel=0.05)


class TestProjections:
    @pytest.mark.parametrize(
        ("ratio", "size", "share"), [(0.5, 0.5, 0.25), (0.75, 5 / 3, 0.5), (2.0, 1.5, 1 / 3), (3.0, 0.2, 0.4)]
    )
    def test_the_three_regimes(self, projections, ratio, size, share):
        found = projections.evaluate({phi: ratio, gamma: size, p2: share})
        for name, expected in projected(ratio, size, share).items():
            assert found[name] == pytest.approx(expected, rel=1e-11, abs=1e-12)

    def test_three_branches(self, projections):
        assert len(projections.branches) == 3

    def test_double_descent_diverges(self, projections):
        with pytest.raises(BranchError, match=r"diverges like .*/sqrt\(lambda\)"):
            projections.evaluate({phi: 2, gamma: "1/2", p2: "1/2"})


class TestMatrices:
    LAW = atomic([1, 2], [0.5, 0.5])

    @pytest.mark.parametrize("ratio", [0.4, 0.8, 1.3, 2.0, 3.0])
    def test_two_atoms(self, general, ratio):
        """Against the root of phi E[s/(s + kappa)] = 1 and the formulas of ridge regression at it."""
        A, law = general
        found = law.limit(lam, 0).evaluate({phi: ratio, A: self.LAW})
        s = np.array([1.0, 4.0])
        kappa = 0.0
        if ratio > 1:
            low, high = 0.0, 1e3
            for _ in range(200):
                kappa = (low + high) / 2
                low, high = (kappa, high) if ratio * np.mean(s / (s + kappa)) > 1 else (low, kappa)
        df2 = ratio * np.mean(s**2 / (s + kappa) ** 2)
        assert found["V"] == pytest.approx(df2 / (1 - df2), rel=1e-10)
        assert found["B"] == pytest.approx(kappa**2 * np.mean(s / (s + kappa) ** 2) / (1 - df2), rel=1e-10)

    def test_the_approach_is_linear(self, general):
        """The limit itself, at ridges that halve, comes closer by a factor of two."""
        A, law = general
        at = {phi: 1.6, A: self.LAW}
        goal = law.limit(lam, 0).evaluate(at)
        gaps = [abs(law.evaluate(at | {lam: 1e-3 / 2**k})["V"] - goal["V"]) for k in range(3)]
        assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.01)
        assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.01)

    def test_digits(self, general):
        A, law = general
        ridgeless = law.limit(lam, 0)
        exact = ridgeless.evaluate({phi: "3/2", A: self.LAW}, digits=40)
        doubles = ridgeless.evaluate({phi: 1.5, A: self.LAW})
        assert all(float(exact[k]) == pytest.approx(doubles[k], rel=1e-13) for k in exact)

    @pytest.mark.parametrize("law", [atomic([0, 2]), density(1, (Symbol("x"), 0, 1))])
    def test_a_law_that_reaches_zero(self, general, law):
        """kappa -> 0 needs the inverse of A: said, not computed from a quadrature that hides the divergence."""
        A, ridge = general
        with pytest.raises(LawError, match="reaches 0"):
            ridge.limit(lam, 0).evaluate({phi: 0.7, A: law})

    def test_a_density(self, general):
        """A law with a density away from 0, on both sides of the threshold and at it."""
        x = Symbol("x")
        A, law = general
        ridgeless, density_law = law.limit(lam, 0), density(x / 4, (x, 1, 3))
        found = ridgeless.evaluate({phi: [0.5, 2.0], A: density_law})
        near = law.evaluate({phi: [0.5, 2.0], lam: 1e-6, A: density_law})
        assert found["V"] == pytest.approx(near["V"], rel=1e-5)
        with pytest.raises(BranchError, match=r"V diverges like .*/sqrt\(lambda\)"):
            ridgeless.evaluate({phi: 1, A: density_law})

    def test_two_populations_that_do_not_commute(self):
        S, T = (Deterministic(name, p, p, symmetric=True, positive=True) for name in ("S", "T"))
        a, b = S ** Rational(1, 2), T ** Rational(1, 2)
        R = (a * Z1.T * Z1 * a + b * Z2.T * Z2 * b + lam * I).I
        law = limit({"trace": Trace(R) / p, "bias": lam**2 * Trace(R * S * R) / p}, SIZES)
        laws = {S: np.array([[2, 0.3], [0.3, 1]]), T: np.array([[1, -0.2], [-0.2, 3]]), p2: 0.6}
        ridgeless = law.limit(lam, 0)
        found = ridgeless.evaluate({phi: 0.5, **laws})
        assert found["trace"] == pytest.approx(law.evaluate({phi: 0.5, lam: 1e-7, **laws})["trace"], rel=1e-5)
        assert found["bias"] == 0
        with pytest.raises(BranchError, match=r"trace diverges like 0\.5/lambda"):
            ridgeless.evaluate({phi: 2.0, **laws})

    def test_forms(self):
        S, u = Deterministic("Sigma", p, p, symmetric=True, positive=True), Signal("u", p, norm2=1)
        root = S ** Rational(1, 2)
        law = limit(lam * u.T * (root * Z * Z.T * root + lam * I).I * u, {p: c * n})
        laws = {(S, u): joint({S: [1, 4], u: [1, 1]}, [0.5, 0.5])}
        found = law.limit(lam, 0).evaluate({c: [0.5, 2.0], **laws})
        assert found == pytest.approx([0, law.evaluate({c: 2.0, lam: 1e-8, **laws})], abs=1e-7)

    def test_a_strong_spike(self):
        """u'(ZZ' + beta uu' + lambda)^-1 u: 1/(1 - c + beta) without a ridge, and 1/beta where ZZ' is singular."""
        beta, u = Symbol("beta", positive=True), Signal("u", p, norm2=1)
        law = limit(u.T * (Z * Z.T + beta * u * u.T + lam * I).I * u, {p: c * n})
        assert np.allclose(law.limit(lam, 0).evaluate({c: [0.5, 2], beta: 2}), [0.4, 0.5], rtol=1e-12)
        assert law.limit(beta, oo).evaluate({c: 0.5, lam: 1}) == 0

    def test_a_free_matrix(self):
        s, z = symbols("s z", positive=True)
        X, W = Free("X", n), Wigner("W", n, variance=1 / n)
        law = limit(Trace((X + s * W * W + z * Identity(n)).I) / n).limit(s, 0)
        assert law.evaluate({z: 2, X: atomic([1, 3])}) == pytest.approx((1 / 3 + 1 / 5) / 2)

    def test_without_unknowns(self):
        law = limit(Trace(Z * Z.T * Z * Z.T) / p, {p: c * n})
        assert law.limit(c, 0).evaluate() == 1
        with pytest.raises(BranchError, match="diverges like c as c -> oo"):
            law.limit(c, oo).evaluate()

    def test_a_noise_that_vanishes(self):
        s, z = symbols("s z", positive=True)
        A, W = Deterministic("A", n, n, symmetric=True), Wigner("W", n, variance=1 / n)
        law = limit(Trace((A * A + s * W * W.T + z * Identity(n)).I) / n).limit(s, 0)
        assert law.evaluate({z: 0.5, A: atomic([1, 2])}) == pytest.approx((1 / 1.5 + 1 / 4.5) / 2)

    def test_a_declared_symbol_moves_with_the_parameter(self):
        """c lambda as a symbol of its own: the expansion and the derivative see through it."""
        x = Symbol("x", positive=True)
        plain = limit(lam * Trace((Z * Z.T + lam * (1 + lam) * I).I) / p, {p: c * n})
        law = limit(lam * Trace((Z * Z.T + x * I).I) / p, {p: c * n}, where={x: lam * (1 + lam)})
        assert law.limit(lam, 0).evaluate({c: 2}) == pytest.approx(0.5)
        best = law.maximise(lam, {c: 0.5}, bounds=(0.1, 10))
        assert best.at == pytest.approx(plain.maximise(lam, {c: 0.5}, bounds=(0.1, 10)).at, rel=1e-9)


class TestReading:
    def test_the_same_interface(self, ridge):
        law = ridge.limit(lam, 0)
        assert law.parameters == (p2, phi)
        assert dict(law.quantities) == dict(ridge.quantities)
        assert law.regime == ridge.regime
        assert len(law.equations) == len(law.value) == len(law.unknowns) == 2
        full = law.evaluate({phi: 0.5, p2: 0.2}, full_output=True)
        assert (full.status.name, full.value["V"]) == ("CONVERGED", pytest.approx(1))
        assert law.branch({phi: 2, p2: 0.2}).values["B"] != 0

    def test_steps_and_latex(self, general):
        _, law = general
        ridgeless = law.limit(lam, 0)
        assert [step.title for step in ridgeless.steps][-1] == "Dominant balance, branch 2 of 2"
        assert r"\lambda\to 0^{+}" in ridgeless.latex()
        assert ridgeless.document(title="Ridgeless").count(r"\end{theorem}") == 1
        assert "kappa ~ kappa_0*lambda" in repr(ridgeless)

    def test_a_diverging_quantity_is_written_with_its_rate(self, resolvent):
        assert "diverges" in repr(resolvent.limit(lam, 0))
        assert r"\sim" in resolvent.limit(lam, 0).latex()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda law: law.limit(Symbol("q"), 0), "q is no parameter of this limit; its parameters are c, lambda"),
        (lambda law: law.limit(lam, -1), "lambda is declared positive and cannot tend to -1 from above"),
        (lambda law: law.limit(lam, 0, "-"), "cannot tend to 0 from below"),
        (lambda law: law.limit(lam, 0, "left"), "direction must be"),
        (lambda law: law.limit(lam, "soon"), "the limit of lambda: expected a number"),
        (lambda law: law.limit(lam, 0).limit(lam, 0), "lambda is no parameter of this limit; its parameters are c"),
        (lambda law: law.limit(lam, 0).evaluate({c: 0.5, lam: 1}), "lambda tends to its limit and takes no value"),
        (lambda law: law.limit(lam, 0).evaluate({}), "missing value for c"),
        (lambda law: law.limit(lam, 0).evaluate({c: -1}), "c must be positive"),
        (lambda law: law.limit(lam, 0).evaluate({c: [0.5]}, digits=20), "one point at a time"),
    ],
)
def test_bad_input(resolvent, asked, message):
    with pytest.raises(ParameterError, match=message):
        asked(resolvent)


def test_inside_the_bulk_there_is_no_limit():
    z = Symbol("z")
    law = limit(Trace((Wigner("W", n, variance=1 / n) - z * Identity(n)).I) / n)
    with warnings.catch_warnings(), pytest.raises(BranchError, match="no dominant balance was found as z -> 1"):
        law.limit(z, 1).evaluate()


def test_the_way_to_the_target_may_leave_the_domain():
    """From 2 + 1/200 down to 2 - 1/200 the point enters the bulk: refused, although the start was outside."""
    z = Symbol("z")
    law = limit(Trace((Wigner("W", n, variance=1 / n) - z * Identity(n)).I) / n)
    with pytest.raises(BranchError, match="no dominant balance"):
        law.limit(z, "399/200").evaluate()
    assert law.limit(z, "5/2").evaluate() == pytest.approx(-0.5, rel=1e-12)


def test_a_path_that_left_the_solution_is_refused():
    """The comparison on the way: other unknowns there, or a point without a limit, and the path is not used."""
    there = Observed(np.zeros(3, dtype=int), [{Symbol("g"): np.array([1.0, 2.0, 3.0])}], np.zeros(3, dtype=int))
    seen = Observed(there.which, [{Symbol("g"): np.array([1.0, 2.1, 3.0])}], np.array([0, 0, Status.INSIDE_BULK]))
    (found,) = set(map(tuple, (o.status for o in confirmed({CHECK: there}, seen).values())))
    assert found == (0, Status.NOT_CONVERGED, Status.INSIDE_BULK)
