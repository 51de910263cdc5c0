"""Every row of the table comes out of the plain expression, however it is written, with its value and its equations."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from sympy import Identity, Poly, Symbol, Trace, cancel, diag, resultant, symbols

from derive import Deterministic, Gaussian, Wigner, atomic, deterministic_equivalent, dimensions, joint, limit
from tests.derive.rows import ROWS, VARIANTS
from tests.oracles import (
    marchenko_pastur,
    noncommuting,
    polynomials,
    random_features,
    ridge,
    sample_covariance,
    two_groups,
)

n, d, m = dimensions("n d m")
f, l = symbols("f l", positive=True)


def plain(row: str):
    return ROWS[row][0]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_value(variant):
    found = variant.law().evaluate(variant.params, full_output=True)
    assert found.status == 0
    # the reduced system and the unreduced equation agree: the polishing step is of rounding size
    assert found.error < 1e-11
    for name, expected in variant.expected.items():
        assert abs(found.value[name] - expected) <= 1e-12 * abs(expected)


@pytest.mark.parametrize("row", ROWS)
def test_every_spelling_needs_the_same_number_of_unknowns(row):
    assert len({len(variant.law().system.unknowns) for variant in ROWS[row]}) == 1


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.id)
def test_a_changed_equation_gives_another_number(variant):
    """What the values above can see: the first equation with its right-hand side 5 % larger."""
    law = variant.law()
    system = law.system
    unknown, residual = system.unknowns[0], system.residuals[0]
    # u - F(u) -> u - 1.05 F(u), up to the same factor
    changed = replace(system, residuals=(residual + (residual - unknown) / 20, *system.residuals[1:]))
    found = law.with_system(changed).evaluate(variant.params, full_output=True)
    gaps = [abs(found.value[k] / x - 1) for k, x in variant.expected.items()]
    assert found.status != 0 or max(gaps) > 1e-4


# block rows of the pencil (random features with one quantity: W X w is named once)
@pytest.mark.parametrize(
    ("row", "name", "count"),
    [
        ("marchenko-pastur", "G", 2),
        ("anisotropic", "value", 2),
        ("two-groups", "value", 3),
        ("ridge", "bias", 4),
        ("random-features", "t1", 4),
        ("noncommuting", "value", 4),
        ("anticommutator", "value", 3),
    ],
)
def test_pencils_stay_small(row, name, count):
    variant = plain(row)
    assert len(limit(variant.quantities[name], variant.regime).derivation.pencil.blocks) == count


# -- the published equations ------------------------------------------------------------------------------------------


def same_curve(found: Poly, published) -> bool:
    """Proportional polynomials, as fractions of each other."""
    ratio = cancel(found.as_expr() / published)
    return not ratio.free_symbols and ratio != 0


def test_curve_of_marchenko_pastur():
    G = Symbol("G")
    published = f * G**2 + (l + 1 - f) * G - l
    for variant in ROWS["marchenko-pastur"]:
        if variant.spelling != "renamed":
            curve = limit(variant.quantities["G"], variant.regime).curve()
            assert same_curve(curve, published), variant.id
            assert not same_curve(curve, f * G**2 + (l + 1 + f) * G - l)


def test_curve_of_the_anticommutator():
    variant = plain("anticommutator")
    law = limit(variant.quantities["value"])
    G, z = Symbol("G"), Symbol("z")
    # the source has (z - M)^-1, so g = -G
    assert same_curve(law.curve(), z * (-G) * (1 - G**2) - (1 + G**2))
    assert law.curve().degree(G) == 3


def test_equations_of_random_features():
    """(S67), (S68) hold at 40 digits, and the curve of tau_1 is their resultant up to other factors."""
    variant = plain("random-features")
    law = variant.law()
    zeta, eta, y = symbols("zeta eta y", positive=True)
    for shift in range(3):
        point = {f: 1.5 + shift, y: 0.8 - 0.3 * shift, l: 0.1 + shift, zeta: 0.25, eta: 0.34 + 0.1 * shift}
        found = law.evaluate(point, digits=40)
        with mpmath.workdps(45):
            t1, t2, *rest = (mpmath.mpf(str(x)) for x in (found["t1"], found["t2"], *(point[s] for s in (f, y))))
            numbers = [mpmath.mpf(str(point[s])) for s in (zeta, eta, l)]
            assert max(abs(r) for r in random_features.residuals(t1, t2, *rest, *numbers)) < mpmath.mpf(10) ** -35
            # the wrong aspect ratio is seen
            wrong = random_features.residuals(t1, t2, rest[0], 2 * rest[1], *numbers)
            assert max(abs(r) for r in wrong) > 1e-3
    t1, t2 = symbols("G t2")
    first, second = random_features.residuals(t1, t2, f, y, zeta, eta, l)
    eliminated = Poly(resultant(first, second, t2), t1)
    curve = limit(variant.quantities["t1"], variant.regime).curve()
    assert eliminated.rem(Poly(curve.as_expr(), t1)).is_zero


def test_kappa_of_the_anisotropic_row():
    variant = plain("anisotropic")
    law = variant.law()
    (kappa,) = law.system.unknowns
    found = law.evaluate(variant.params, full_output=True).unknowns[kappa]
    assert str(kappa) == "kappa"
    assert abs(found - sample_covariance.KAPPA) < 1e-14


# -- the published formulas at other points ---------------------------------------------------------------------------


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def test_marchenko_pastur_over_a_grid():
    variant = plain("marchenko-pastur")
    fs, ls = np.meshgrid(np.geomspace(0.05, 20, 9), np.geomspace(1e-3, 30, 9))
    found = variant.law().evaluate({f: fs, l: ls})["G"]
    assert np.allclose(found, np.vectorize(marchenko_pastur.scaled_resolvent)(fs, ls), rtol=1e-11)


def test_ridge_at_random_laws(rng):
    law = plain("ridge").law()
    S, Theta = (Deterministic(name, d, d, symmetric=True) for name in ("S", "Theta"))
    for _ in range(4):
        sigma, theta = rng.uniform(0.2, 4, 3), rng.uniform(-1, 3, 3)
        w = rng.dirichlet(np.ones(3))
        ratio, lam = rng.uniform(0.2, 3), rng.uniform(0.05, 2)
        found = law.evaluate({f: ratio, l: lam, (S, Theta): joint({S: np.sqrt(sigma), Theta: theta}, w)})
        assert np.isclose(found["bias"], ridge.bias(lam, ratio, sigma, theta, w), rtol=1e-11)
        assert np.isclose(found["variance"], ridge.unit_variance(lam, ratio, sigma, w), rtol=1e-11)


def test_two_groups_that_do_not_commute(rng):
    law = plain("two-groups").law()
    S1, S2 = (Deterministic(name, d, d, symmetric=True) for name in ("S1", "S2"))
    p1, p2 = symbols("p1 p2", positive=True)
    for _ in range(3):
        a, b = (x @ x.T + np.eye(3) / 5 for x in rng.standard_normal((2, 3, 3)))
        params = {f: 0.8, l: 0.2, p1: 0.3, p2: 0.9, S1: a, S2: b}
        expected = 0.2 * two_groups.resolvent_of_matrices((0.3, 0.9), 0.8, 0.2, a @ a, b @ b)
        assert np.isclose(law.evaluate(params)["value"], expected, rtol=1e-10)


def test_noncommuting_at_random_matrices(rng):
    law = plain("noncommuting").law()
    A, B, C = (Deterministic(name, d, d, symmetric=True) for name in "ABC")
    for _ in range(3):
        a, b, c = rng.standard_normal((3, 3, 3))
        a, b, c = a + a.T, b + b.T, c @ c.T + np.eye(3) / 4
        found = law.evaluate({f: 0.7, A: a, B: b, C: c})["value"]
        assert np.isclose(found, noncommuting.two_resolvents(0.7, a, b, c), rtol=1e-10)


def test_a_commuting_shortcut_is_another_number():
    variant = plain("noncommuting")
    A, B, C = (Deterministic(name, d, d, symmetric=True) for name in "ABC")
    shortcut = {**variant.params, C: np.diag([5, 0.3])}
    assert abs(variant.law().evaluate(shortcut)["value"] - noncommuting.VALUE) > 0.1
    family = {f: "2/3", (A, B, C): atomic([(3, 0, 5), (0, 2, 0.3)])}
    assert abs(variant.law().evaluate(family)["value"] - noncommuting.VALUE) > 0.1


def test_the_ordered_deterministic_equivalent():
    """``K A K`` keeps its order, and its trace against B is the row's value; another order is another matrix."""
    Z = Gaussian("Z", n, d, variance=1 / n)
    A, C = (Deterministic(name, d, d, symmetric=True) for name in "AC")
    K = (Z.T * Z + C).I
    found = deterministic_equivalent(K * A * K, {d: f * n})
    matrix = found.evaluate({f: "2/3", A: noncommuting.A, C: noncommuting.C})
    assert abs(np.trace(matrix @ noncommuting.B) / 2 - noncommuting.VALUE) < 1e-13
    (kappa,) = found.system.unknowns
    atom = (kappa * Identity(d) + C).I
    assert any(term == atom * A * atom for term in found.matrix.args)
    scrambled = np.linalg.inv(noncommuting.C + 0.5 * np.eye(2))
    assert np.linalg.norm(scrambled @ scrambled @ noncommuting.A - scrambled @ noncommuting.A @ scrambled) > 0.1


@pytest.mark.parametrize("z", [0.3j, 1 + 0.2j, 4.0, -5.5, 2 - 1j])
def test_anticommutator_off_the_bulk(z):
    variant = plain("anticommutator")
    assert abs(variant.law().evaluate({Symbol("z"): z})["value"] + polynomials.anticommutator(z)) < 1e-12


# -- identity of systems ----------------------------------------------------------------------------------------------


def test_signature_does_not_see_names():
    def law(names, regime_first=True):
        a, b = dimensions(names)
        x, y = symbols(f"{names[0]}x {names[0]}y", positive=True)
        Z = Gaussian(f"{names[0]}Z", a, b, variance=1 / (a * y))
        return limit(Trace((Identity(b) + Z.T * Z).I) / b, {b: x * a} if regime_first else {a: b / x})

    first = law("n d").system.signature
    assert law("s t").system.signature == first
    assert law("n d", regime_first=False).system.signature == first
    Z = Gaussian("Z", n, d, variance=1 / (n * l))
    other = limit(Trace((2 * Identity(d) + Z.T * Z).I) / d, {d: f * n})
    assert other.system.signature != first


def test_the_resolvent_of_a_sum_does_not_depend_on_the_order_of_its_terms():
    W1, W2 = Wigner("W1", n, variance=1 / n), Wigner("W2", n, variance=1 / n)
    A, z = Deterministic("A", n, n, symmetric=True), Symbol("z")
    I = z * Identity(n)
    laws = [limit(Trace(M.I) / n) for M in (W1 * A * W1 + W2 - I, -I + W2 + W1 * A * W1, W2 - I + (W1 * A) * W1)]
    assert len({law.system.signature for law in laws}) == 1
    values = [law.evaluate({z: 1 + 2j, A: diag(1, -2)}) for law in laws]
    assert len(set(values)) == 1
