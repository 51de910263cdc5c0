"""Free elements and Haar matrices: slots, the derivation, and limits against published values."""

from __future__ import annotations

import copy

import mpmath
import numpy as np
import pytest
from sympy import Identity, Rational, Symbol, Trace, pi, sqrt, symbols

from derive import (
    BranchError,
    Deterministic,
    DimensionError,
    Free,
    Gaussian,
    Haar,
    LawError,
    NotRationalError,
    ParameterError,
    ResolventError,
    Signal,
    Status,
    Wigner,
    atomic,
    density,
    dimensions,
    joint,
    limit,
)
from tests.oracles import free_convolutions, marchenko_pastur

n, p = dimensions("n p")
z, x = Symbol("z"), Symbol("x")
v = Symbol("v", positive=True)
In = Identity(n)
A, B = (Deterministic(name, n, n, symmetric=True) for name in "AB")
P = Deterministic("P", n, n, positive=True)
W = Wigner("W", n, variance=1 / n)
U, V, C = Haar("U", n), Haar("V", n), Haar("C", n, real=False)
X, Y = Free("X", n), Free("Y", n)
THREE = atomic([-2, -1, 1], ["1/2", "1/4", "1/4"])
SEMICIRCLE = density(sqrt(4 - x**2) / (2 * pi), (x, -2, 2))
SIGNS = atomic([-1, 1])
HALF = atomic([0, 1])


def resolvent(M, point=z):
    return (M - point * In).I


def stieltjes(M):
    return limit(Trace(resolvent(M)) / n)


# -- the letters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "letter", [X, Free("A", SIGNS), Free("B", n, SEMICIRCLE, positive=False), U, C, Free("F", n, real=False)]
)
def test_sympy_rebuilds_the_letters(letter):
    assert letter.func(*letter.args) == letter
    assert copy.deepcopy(letter) == letter
    assert letter + X == letter.func(*letter.args) + X
    assert letter.shape == (n, n)


def test_a_law_is_not_reached_by_substitution():
    S = Free("S", n, SEMICIRCLE)
    assert S.free_symbols == {n}
    assert (S - x * In).xreplace({x: Rational(1, 2)}) == S - In / 2
    assert Free("S", n, SIGNS) != S


def test_adjoints():
    assert X.T == X
    assert X.adjoint() == X
    assert U.adjoint() == U.T != U
    assert C.adjoint() != C.T
    F = Free("F", n, real=False)
    assert F.adjoint() == F != F.T


@pytest.mark.parametrize("M", [U.T * U, U * A * U.T * U * U.T, U.I * U, U**-1 * U, (U * V) * (V.T * U.T)])
def test_a_haar_matrix_times_its_adjoint_is_read_as_the_identity(M):
    law = limit(Trace(resolvent(M + X)) / n)
    assert len(law.derivation.pencil.blocks) <= (3 if M.has(A) else 1)


def test_one_slot_for_one_value():
    """X applied to one vector is one slot, however many equations and terms it stands in."""
    law = limit({"a": Trace(resolvent(X + A)) / n, "b": Trace(X * resolvent(X + A)) / n})
    (element,) = law.derivation.paired.free
    assert len(element.slots) == 1
    two = limit(Trace(resolvent(X * A * X)) / n).derivation.paired.free[0]
    assert len(two.slots) == 2
    assert len(two.rho) == 4
    haar = limit(Trace(resolvent(U * A * U.T + B)) / n).derivation.paired.free[0]
    assert [s.letter.op for s in haar.slots] == ["", "T"]
    assert set(haar.rho) == {(0, 1), (1, 0)}


def test_resolvents_of_one_matrix_share_their_unknowns():
    Q = resolvent(X * A * X)
    once, twice = limit(Trace(Q) / n).derivation, limit(Trace(Q * A * Q) / n).derivation
    kept = {position for _, position in twice.equation.free[0].rho.values()}
    assert len(once.equation.free[0].rho) == 4
    assert len(kept) == 8  # four of the resolvent and four between the two


# -- published values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("M", "laws"),
    [
        (A + W, {A: THREE}),
        (X + W, {X: THREE}),
        (X + Y, {X: THREE, Y: SEMICIRCLE}),
        (A + Y, {A: THREE, Y: SEMICIRCLE}),
        (Free("D", n, THREE) + Free("S", n, SEMICIRCLE), {}),
        (U * A * U.T + W, {A: THREE}),
        (U * A * U.T + V * Y * V.T, {A: THREE, Y: SEMICIRCLE}),
    ],
    ids=str,
)
def test_semicircle_and_three_atoms(M, laws):
    """The density of the row of the table, whichever matrix is Gaussian, free, rotated or deterministic."""
    points = np.array(list(free_convolutions.SEMICIRCLE_AND_ATOMS))
    found = stieltjes(M).evaluate({z: points + 0j, **laws}).imag / np.pi
    assert np.allclose(found, list(free_convolutions.SEMICIRCLE_AND_ATOMS.values()), atol=5e-8)


def test_pasturs_equation_comes_out():
    S = Wigner("S", n, variance=v / n)
    (equation,) = limit(Trace(resolvent(X + S)) / n).system.equations
    kappa = equation.lhs
    assert equation.rhs == -z - v * Trace((kappa * In + X).I) / n


def test_subordination_of_a_sum():
    law = stieltjes(A + X)
    first, second = law.unknowns
    traces = {first: Trace((first * In + A).I) / n, second: Trace((second * In + X).I) / n}
    assert {e.lhs: e.rhs for e in law.system.equations} == {
        first: 1 / traces[second] - second - z,
        second: 1 / traces[first] - first - z,
    }
    assert law.value == traces[first]


@pytest.mark.parametrize("point", [0.3 + 0.2j, -1.5 + 0.001j, 2 - 1j, 4.5, -3.9, 100.0])
def test_free_sum(point):
    laws = ([-2, -1, 1], [0.5, 0.25, 0.25]), ([-1, 2], [2 / 3, 1 / 3])
    expected = free_convolutions.additive(point, *laws)
    for M in (X + Y, A + Y, U * A * U.T + Y, U * A * U.T + V * B * V.T, C * A * C.adjoint() + B):
        named = {
            m: atomic(*law)
            for m, law in zip(((X, Y) if M.has(X) else (A, Y) if M.has(Y) else (A, B)), laws, strict=True)
        }
        assert abs(stieltjes(M).evaluate({z: point, **named}) - expected) < 1e-11 * abs(expected)


@pytest.mark.parametrize("point", [0.5 + 0.2j, 5 - 1j, -1.0, 25.0])
def test_free_product(point):
    a, b = ([1, 4], [0.5, 0.5]), ([1, 3], [0.75, 0.25])
    expected = free_convolutions.multiplicative(point, a, b)
    R, S = Free("R", n, positive=True), Free("S", n, positive=True)
    half = Rational(1, 2)
    spelt = {
        P**half * X * P**half: (P, X),
        R**half * S * R**half: (R, S),
        P**half * U * B * U.T * P**half: (P, B),
        R * S: (R, S),  # not self-adjoint: through the hermitised pair
    }
    for M, (first, second) in spelt.items():
        if M == R * S and point in (0.5 + 0.2j,):
            continue
        found = stieltjes(M).evaluate({z: point, first: atomic(*a), second: atomic(*b)})
        assert abs(found - expected) < 1e-10 * abs(expected), M


def test_arcsine_laws():
    grid = np.linspace(-1.9, 1.9, 40)
    for M, laws in ((U + U.T, {}), (C + C.adjoint(), {}), (X + Y, {X: SIGNS, Y: SIGNS}), (A + U * A * U.T, {A: SIGNS})):
        found = stieltjes(M).evaluate({z: grid + 0j, **laws}).imag / np.pi
        assert np.allclose(found, [free_convolutions.arcsine(t) for t in grid], rtol=1e-10)


def test_kestens_law():
    grid = np.linspace(-3.4, 3.4, 15)
    found = stieltjes(U + U.T + V + V.T).evaluate({z: grid + 0j}).imag / np.pi
    assert np.allclose(found, [free_convolutions.semicircle_plus_haar(t) for t in grid], rtol=1e-10)


def test_projections():
    """Wachter's law: the product of two projections, and the compression of a Haar matrix (a truncated one)."""
    alpha, beta = 0.25, 1 / 3
    low, high = free_convolutions.wachter_edges(alpha, beta)
    grid = np.linspace(low, high, 12)[1:-1]
    Q = Deterministic("Q", n, n, positive=True)
    laws = {P: atomic([0, 1], ["3/4", "1/4"]), Q: atomic([0, 1], ["2/3", "1/3"])}
    law = stieltjes(P * U * Q * U.T * P)
    found = law.evaluate({z: grid + 0j, **laws}).imag / np.pi
    assert np.allclose(found, [free_convolutions.wachter_density(t, alpha, beta) for t in grid], rtol=1e-10)
    for point in (-0.7, 1.05, 0.5 + 0.3j):
        assert abs(law.evaluate({z: point, **laws}) - free_convolutions.projections(point, alpha, beta)) < 1e-12
    M = P * U * P
    truncated = stieltjes(M * M.T).evaluate({z: -0.7, P: atomic([0, 1], ["3/4", "1/4"])})
    assert abs(truncated - free_convolutions.projections(-0.7, alpha, alpha)) < 1e-12


def test_a_product_of_haar_matrices_is_one():
    """The singular values of U A V are those of A."""
    M = U * A * V
    found = stieltjes(M * M.T).evaluate({z: 0.4 + 0.1j, A: THREE})
    assert abs(found - np.dot([0.5, 0.25, 0.25], 1 / (np.array([4, 1, 1]) - 0.4 - 0.1j))) < 1e-13


def test_a_gaussian_times_a_free_matrix():
    """tr (Z X Z' - z)^-1 with X a projection of trace 1/2: Marchenko-Pastur with twice the ratio, scaled by 1/2."""
    c = Symbol("c", positive=True)
    Z = Gaussian("Z", p, n, variance=1 / n)
    law = limit(Trace((Z * X * Z.T - z * Identity(p)).I) / p, {p: c * n})
    found = law.evaluate({z: -0.3, c: 0.4, X: HALF})
    assert abs(found - 2 * marchenko_pastur.resolvent(0.8, 0.6)) < 1e-12


# -- polynomials in several slots -------------------------------------------------------------------------------------


def moments(law):
    points, weights = np.array(law.points, dtype=float), np.array(law.weights, dtype=float)
    return [float(weights @ points**k) for k in range(1, 5)]


def test_moments_of_words():
    first, second = atomic([-1, 0, 3], ["1/2", "1/4", "1/4"]), atomic([1, 2, 5], ["1/4", "1/2", "1/4"])
    a, b = moments(first), moments(second)
    fourth = free_convolutions.alternating_fourth(a[0], a[1], b[0], b[1])
    sixth = free_convolutions.alternating_sixth(a[:3], b[:3])
    for M, N, laws in (
        (X, A, {X: first, A: second}),
        (X, Y, {X: first, Y: second}),
        (U * A * U.T, B, {A: first, B: second}),
    ):
        assert limit(Trace(M * N * M * N) / n).evaluate(laws) == pytest.approx(fourth, rel=1e-12)
        assert limit(Trace(M * N * M * N * M * N) / n).evaluate(laws) == pytest.approx(sixth, rel=1e-12)
    assert abs(sixth / (a[2] * b[0] ** 3) - 1) > 0.1  # the free cumulants matter


def test_the_anticommutator_of_free_elements():
    """The resolvent of XY + YX at a large point is the series of its moments."""
    first, second = atomic([-1, 0, 3], ["1/2", "1/4", "1/4"]), atomic([1, 2])
    a, b = moments(first), moments(second)
    mean = 2 * a[0] * b[0]
    square = 2 * free_convolutions.alternating_fourth(a[0], a[1], b[0], b[1]) + 2 * a[1] * b[1]
    M, laws = X * Y + Y * X, {X: first, Y: second}
    assert limit(Trace(M) / n).evaluate(laws) == pytest.approx(mean)
    assert limit(Trace(M * M) / n).evaluate(laws) == pytest.approx(square)
    point = mpmath.mpf(10) ** 6
    m = stieltjes(M).evaluate({z: 10**6, **laws}, digits=40)
    with mpmath.workdps(40):
        tail = -(m * point**3 + point**2 + mean * point)
        assert abs(tail - square) < 1e-3


def test_several_slots_reduce_to_one_where_they_can():
    """X^2 is a function of X: its resolvent in the law of X, and Pastur's equation with it."""
    laws = {X: atomic([-1, 0, 3], ["1/2", "1/4", "1/4"])}
    squared = atomic([1, 0, 9], ["1/2", "1/4", "1/4"])
    for point in (0.3 + 0.4j, -1.0):
        for M, other in ((X**2 + W, Y + W), (X * X + A, Y + A)):
            extra = {A: SIGNS} if M.has(A) else {}
            params = {z: point if not M.has(W) or point != -1.0 else -9.0, **extra}
            assert (
                abs(stieltjes(M).evaluate({**params, **laws}) - stieltjes(other).evaluate({**params, Y: squared}))
                < 1e-12
            )


# -- two resolvents ---------------------------------------------------------------------------------------------------

MODELS = [X + A, U * A * U.T + X, U + U.T + A, X * A * X, X + W + A]


@pytest.mark.parametrize("M", MODELS, ids=str)
def test_divided_differences(M):
    """Q(z) Q(w) = (Q(z) - Q(w))/(z - w), and Q(z)^2 is the derivative: identities of matrices."""
    w = Symbol("w")
    laws = {m: law for m, law in {X: THREE, A: atomic([1, 3])}.items() if M.has(m)}
    point, other = 0.4 + 0.7j, -0.2 + 0.3j
    single = stieltjes(M)
    values = [single.evaluate({z: t, **laws}) for t in (point, other)]
    two = limit(Trace(resolvent(M) * resolvent(M, w)) / n).evaluate({z: point, w: other, **laws})
    assert abs(two - (values[0] - values[1]) / (point - other)) < 1e-11
    square = limit(Trace(resolvent(M) * resolvent(M)) / n).evaluate({z: point, **laws})
    step = 1e-4
    near = [single.evaluate({z: point + s * step, **laws}) for s in (-2, -1, 1, 2)]
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
    assert abs(square - slope) < 1e-9


def test_the_resolvent_identity_with_words():
    """(X + A - z) Q = 1, term by term, and the same with a second resolvent in between."""
    Q, laws = resolvent(X + A), {z: 0.3 + 0.5j, X: THREE, A: SIGNS}
    parts = limit({"x": Trace(X * Q) / n, "a": Trace(A * Q) / n, "q": Trace(Q) / n}).evaluate(laws)
    assert abs(parts["x"] + parts["a"] - laws[z] * parts["q"] - 1) < 1e-13
    inner = limit(
        {
            "x": Trace(Q * X * Q * A) / n,
            "a": Trace(Q * A * Q * A) / n,
            "q": Trace(Q * Q * A) / n,
            "one": Trace(Q * A) / n,
        }
    )
    found = inner.evaluate(laws)
    assert abs(found["x"] + found["a"] - laws[z] * found["q"] - found["one"]) < 1e-12


# -- digits, proofs, branches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("M", "laws", "point"),
    [
        (X + A, {X: THREE, A: SIGNS}, "1/2+1j"),
        (X + A, {X: THREE, A: SIGNS}, 6),
        (U * A * U.T + W, {A: THREE}, "1/3+1/10*j"),
        (U + U.T + A, {A: SIGNS}, -9),
        (X * A * X, {X: THREE, A: SIGNS}, "1/2+1j"),
        (P * U * P * U.T * P, {P: HALF}, 2),
    ],
    ids=str,
)
def test_digits_and_proof(M, laws, point):
    law = stieltjes(M)
    point = "1/3+1/10j" if point == "1/3+1/10*j" else point
    double = law.evaluate({z: point, **laws})
    many, more = (law.evaluate({z: point, **laws}, digits=d) for d in (40, 60))
    assert abs(complex(many) - double) < 1e-12
    with mpmath.workdps(60):
        assert abs(many - more) < mpmath.mpf(10) ** -39
    ball = law.certify({z: point, **laws}, digits=30)
    assert ball.contains(more)
    assert not ball.contains(more * (1 + mpmath.mpf(10) ** -20))


def test_a_density_law_is_not_certified():
    with pytest.raises(ResolventError, match="is a density and cannot be certified"):
        stieltjes(X + A).certify({z: 5, X: SEMICIRCLE, A: SIGNS})


def test_status_says_where_the_bulk_is():
    alpha, beta = 0.25, 1 / 3
    low, high = free_convolutions.wachter_edges(alpha, beta)
    Q = Deterministic("Q", n, n, positive=True)
    law = stieltjes(P * U * Q * U.T * P)
    laws = {P: atomic([0, 1], ["3/4", "1/4"]), Q: atomic([0, 1], ["2/3", "1/3"])}
    grid = np.array([-0.5, low - 1e-4, low + 1e-4, 0.4, high - 1e-4, high + 1e-4, 0.9, 3.0])
    found = law.evaluate({z: grid, **laws}, full_output=True)
    inside = (grid > low) & (grid < high)
    assert np.array_equal(found.status == Status.INSIDE_BULK, inside)
    assert np.array_equal(found.status == Status.CONVERGED, ~inside)


@pytest.mark.parametrize("M", [X + A, X + Y, U * A * U.T + X, X * A * X, X * Y + Y * X], ids=str)
def test_herglotz_and_tail(M):
    laws = {m: law for m, law in {X: THREE, Y: atomic([1, 2]), A: SIGNS}.items() if M.has(m)}
    law = stieltjes(M)
    points = np.array([0.1 + 0.01j, -2 + 0.3j, 1.5 + 2j, 3 + 1e-3j])
    values = law.evaluate({z: points, **laws})
    assert np.all(values.imag > 0)
    assert np.allclose(law.evaluate({z: points.conj(), **laws}), values.conj(), rtol=1e-12)
    assert abs(law.evaluate({z: 1e7j, **laws}) * 1e7j + 1) < 1e-5


def test_a_unitary_matrix_alone():
    """(U - z)^-1: -1/z outside the circle; on it the inverse does not exist; inside nothing is claimed."""
    law = stieltjes(U)
    assert law.evaluate({z: 2}) == pytest.approx(-0.5)
    with pytest.raises(BranchError):
        law.evaluate({z: 1})
    with pytest.raises(BranchError):
        law.evaluate({z: 0.5})


def test_a_spike_on_a_free_matrix():
    """u'(X + theta u u' - z)^-1 u = T/(1 + theta T), T the transform of X: u is in general position to X."""
    u, theta = Signal("u", n, norm2=1), Symbol("theta", positive=True)
    law = limit(u.T * resolvent(X + theta * u * u.T) * u)
    point = 0.3 + 0.5j
    T = np.dot([0.5, 0.25, 0.25], 1 / (np.array([-2, -1, 1]) - point))
    assert abs(law.evaluate({z: point, theta: 2, X: THREE}) - T / (1 + 2 * T)) < 1e-13


# -- what is said -----------------------------------------------------------------------------------------------------


def test_steps_and_latex():
    law = stieltjes(U * A * U.T + X)
    titles = [s.title for s in law.steps]
    assert titles.count("Haar matrix") == 1
    assert titles.count("Free element") == 1
    text = str(next(s for s in law.steps if s.title == "Free element"))
    assert "subordination" in text
    assert "omega_X" in text
    latex = law.latex()
    for phrase in ("Haar distributed on the orthogonal group", "asymptotically free", "limiting spectral law"):
        assert phrase in latex
    assert "unitary group" in stieltjes(C * A * C.adjoint() + B).latex()
    assert "atoms $-2$ (mass $1/2$)" in stieltjes(Free("D", n, THREE) + W).latex()
    assert "variance" not in latex


def test_the_transcript_of_several_slots():
    law = stieltjes(X * A * X)
    (step,) = [s for s in law.steps if s.title == "Free element"]
    assert "2 places" in step.sentence
    assert len(step.equations) == 5
    assert "_omega" not in "".join(map(str, law.steps))


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Free("F", n, [1, 2]), LawError, "the law of F must be its spectral law"),
        (lambda: Free("F", n, atomic([1, 2], [0.5, 0.6])), LawError, "must sum to 1"),
        (lambda: Free("F", n, atomic([(1, 2), (3, 4)])), LawError, "joint law"),
        (lambda: Free("F", n, SIGNS, positive=True), LawError, "declared positive"),
        (lambda: Free("F", n, n, SIGNS), DimensionError, "one dimension"),
        (lambda: Haar("U", n, p), DimensionError, "one dimension"),
        (lambda: stieltjes(X + A).evaluate({z: 5, X: THREE}), LawError, "no law was given for A"),
        (lambda: stieltjes(X + A).evaluate({z: 5, A: THREE}), LawError, "no law was given for X"),
        (lambda: stieltjes(X + A).evaluate({z: 5, (X, A): joint({X: [1], A: [2]})}), LawError, "free from every other"),
        (lambda: stieltjes(U * A * U.T + B).evaluate({z: 5, U: THREE}), LawError, "Haar matrix"),
        (
            lambda: stieltjes(Free("D", n, SIGNS) + A).evaluate({z: 5, A: SIGNS, "D": THREE}),
            LawError,
            "declared with its law",
        ),
        (
            lambda: limit(Trace(resolvent(X ** Rational(1, 2) + A)) / n),
            NotRationalError,
            r"Free\('X', ..., positive=True\)",
        ),
        (lambda: stieltjes(X + A).evaluate({z: 5, Y: THREE}), ParameterError, "Y does not occur"),
        (
            lambda: limit(Trace(resolvent(X + A)) / n, commuting=[(X, A)]),
            ResolventError,
            "only symmetric Deterministic",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_one_name_has_one_law():
    with pytest.raises(ResolventError, match="two definitions"):
        stieltjes(Free("D", n, SIGNS) + U * Free("D", n, THREE) * U.T)


def test_parameters_may_be_batched():
    law = limit(Trace((X + v * A - z * In).I) / n)
    grid = np.linspace(0.5, 2, 7)
    found = law.evaluate({z: 0.5 + 1j, v: grid, X: THREE, A: SIGNS})
    assert np.allclose(found, [law.evaluate({z: 0.5 + 1j, v: t, X: THREE, A: SIGNS}) for t in grid], rtol=1e-12)
    c, d = symbols("c d", positive=True)
    scaled = limit(Trace((c * X + d * W - z * In).I) / n)
    value = scaled.evaluate({z: 3j, c: 2, d: 2, X: THREE})
    assert abs(value - stieltjes(X + W).evaluate({z: 1.5j, X: THREE}) / 2) < 1e-13
