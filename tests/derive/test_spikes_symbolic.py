"""Spikes in closed form, the equations of an outlier, its steps, its LaTeX, and what is refused."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from sympy import Eq, Identity, Poly, Rational, Symbol, Trace, simplify, sqrt, symbols

import verify
from derive import Alignment, Deterministic, Eigenvalue, Gaussian, Signal, Wigner, atomic, dimensions, limit
from derive import spectrum as spectrum_of
from derive.errors import LawError, NotRationalError, ParameterError
from derive.spectral.differentiate import derivative

n, p = dimensions("n p")
c, theta, eta, l, alpha = symbols("c theta eta l alpha", positive=True)
t = Symbol("t", real=True)
W = Wigner("W", n, variance=1 / n)
Z = Gaussian("Z", p, n, variance=1 / n)
u, v = Signal("u", n, norm2=1), Signal("v", n, norm2=1)
a, b = Signal("a", p, norm2=1), Signal("b", n, norm2=1)
A = Deterministic("A", n, n, symmetric=True)
WIGNER = W + theta * u * u.T
FACTOR = Identity(p) + (sqrt(1 + l) - 1) * a * a.T
COVARIANCE = FACTOR * Z * Z.T * FACTOR
PLANTED = Z + theta * a * b.T
REGIME = {p: c * n}


def same(found, expected):
    return found is not None and simplify(found - expected) == 0


# ---- closed forms --------------------------------------------------------------------------------------------------
def test_spiked_wigner_in_closed_form():
    (spike,) = spectrum_of(WIGNER).spikes()
    assert same(spike.location, theta + 1 / theta)
    assert same(spike.alignments[u], 1 - 1 / theta**2)
    assert spike.thresholds == {theta: (1,)}
    z = Symbol("z")
    assert spike.curve == Poly(-z * theta + theta**2 + 1, z, theta)
    assert spike.equation.rhs == 0


def test_a_strength_of_either_sign_has_two_thresholds():
    (spike,) = spectrum_of(W + t * u * u.T).spikes()
    assert set(spike.thresholds[t]) == {1, -1}


def test_spiked_covariance_in_closed_form():
    (spike,) = spectrum_of(COVARIANCE, REGIME).spikes()
    assert same(spike.location, (1 + l) * (1 + c / l))
    assert same(spike.alignments[a], (1 - c / l**2) / (1 + c / l))
    assert spike.thresholds == {l: (sqrt(c),)}


def test_the_same_spike_without_a_square_root():
    """Y = (I + alpha a a')Z and Z'(I + l a a')Z are two more spellings of one model, l = (1 + alpha)^2 - 1."""
    Y = (Identity(p) + alpha * a * a.T) * Z
    (spike,) = spectrum_of(Y * Y.T, REGIME).spikes()
    strength = (1 + alpha) ** 2 - 1
    assert same(spike.location, (1 + strength) * (1 + c / strength))
    assert same(spike.alignments[a], (1 - c / strength**2) / (1 + c / strength))
    assert same(spike.thresholds[alpha][0], sqrt(1 + sqrt(c)) - 1)
    (other,) = spectrum_of(Z.T * (Identity(p) + l * a * a.T) * Z, REGIME).spikes()
    assert same(other.location, (1 + l) * (1 + c / l))
    assert other.thresholds == {l: (sqrt(c),)}


def test_rectangular_spike_in_closed_form():
    (spike,) = spectrum_of(PLANTED * PLANTED.T, REGIME).spikes()
    assert same(spike.location, (1 + theta**2) * (c + theta**2) / theta**2)
    assert same(spike.alignments[a], 1 - c * (1 + theta**2) / (theta**2 * (theta**2 + c)))
    assert same(spike.right_alignments[b], 1 - (c + theta**2) / (theta**2 * (theta**2 + 1)))
    assert spike.thresholds == {theta: (c ** Rational(1, 4),)}


def test_orthogonal_spikes_are_two_factors():
    first, second = spectrum_of(WIGNER + eta * v * v.T, inner={(u, v): 0}).spikes()
    for spike, strength, mine, other in ((first, theta, u, v), (second, eta, v, u)):
        assert same(spike.location, strength + 1 / strength)
        assert same(spike.alignments[mine], 1 - 1 / strength**2)
        assert spike.alignments[other] == 0
        assert spike.thresholds == {strength: (1,)}


def test_a_law_that_is_not_given_leaves_equations_only():
    (spike,) = spectrum_of(A + WIGNER).spikes()
    assert (spike.location, spike.curve, spike.thresholds) == (None, None, {})
    assert spike.equation.lhs.has(Trace)
    with pytest.raises(LawError, match="signal u needs a law"):
        spectrum_of(A + WIGNER).outliers({theta: 3, A: atomic([1, 2])})


def test_outlier_equation():
    z = Symbol("z")
    g = Symbol("g")
    bulk, determinant = spectrum_of(WIGNER).outlier_equation()
    assert bulk == Eq(g, -1 / (g + z), evaluate=False)
    assert determinant == Eq(g - theta + z, 0, evaluate=False)


def test_derivative_of_traces_of_inverses():
    k = Symbol("kappa")
    Q = (A + k * Identity(n)).I
    expr = k * Trace(A * Q * A * Q) / n + Trace(u.T * Q * u)
    numbers = {A: [[1, 0.5], [0.5, -1]], u: [0.6, 0.8], k: 3.0}
    import numpy as np

    from derive.lower.arrays import ArrayKind
    from derive.lower.program import compile_program
    from derive.lower.represent import represent

    kind = ArrayKind(np)
    algebra = represent({A: numbers[A], u: numbers[u]}, [A, u], {n: 1}, kind)
    (value,) = compile_program([derivative(expr, k)]).run({k: 3.0, n: 1.0}, algebra)
    _, ((tangent,),) = compile_program([expr]).jacobian({k: 3.0, n: 1.0}, algebra, [k])
    assert complex(value) == pytest.approx(complex(tangent), rel=1e-12)


# ---- the system and its mutants ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def rectangular():
    squared = PLANTED * PLANTED.T
    quantities = {"top": Eigenvalue(squared), "left": Alignment(squared, a), "right": Alignment(PLANTED.T * PLANTED, b)}
    return limit(quantities, REGIME)


def test_the_system_is_solved_by_the_evaluation(rectangular):
    point = {theta: 2, c: Rational(1, 2)}
    result = rectangular.evaluate(point, full_output=True)
    system = rectangular.system
    numbers = {**point, **dict(result.unknowns)}
    for residual in system.residuals:
        assert abs(complex(residual.subs(numbers))) < 1e-12
    values = system.substituted(list(system.values.values()))
    assert [float(x.subs(numbers)) for x in values] == pytest.approx(list(result.value.values()), rel=1e-12)


def test_every_equation_can_be_changed_and_changes_a_number(rectangular):
    point = {theta: 2, c: 0.5}
    true = rectangular.evaluate(point)
    moved: dict[str, int] = {}
    for mutant in verify.mutants(rectangular):
        where = mutant.description.split(":")[0]
        moved.setdefault(where, 0)
        try:
            value = mutant.law.evaluate(point)
        except ValueError:
            continue  # no solution
        moved[where] += max(abs(value[k] - true[k]) for k in true) > 1e-3
    assert set(moved) == {
        "equation of g", "equation 2", "definition of dg", "value top", "value left", "value right"
    }  # fmt: skip
    assert all(count > 0 for count in moved.values())


def test_the_unchanged_system_gives_the_same_numbers(rectangular):
    for strength in (2.0, 0.5):
        point = {theta: strength, c: 0.5}
        again = rectangular.with_system(rectangular.system).evaluate(point)
        assert again == pytest.approx(rectangular.evaluate(point), rel=1e-10, abs=1e-12)


def test_a_changed_bulk_moves_the_edge_below_the_threshold(rectangular):
    point = {theta: 0.2, c: 0.5}
    values = set()
    for mutant in verify.mutants(rectangular):
        if mutant.description.startswith("equation of g"):
            try:
                values.add(round(mutant.law.evaluate(point)["top"], 6))
            except ValueError:
                continue
    assert len(values) > 1


# ---- statement -----------------------------------------------------------------------------------------------------
def test_steps_end_with_outliers_residues_and_edges(rectangular):
    titles = [step.title for step in rectangular.steps]
    assert titles[0] == "Linear pencil"
    assert titles[-3:] == ["Outliers", "Residues", "Edges and thresholds"]
    assert "Master matrix" in titles


def test_latex_is_a_complete_statement(rectangular):
    text = rectangular.latex()
    for part in (
        "Setting",
        "Conclusion",
        "In closed form",
        "Which solution",
        r"\theta=c^{1/4}",
        "there is no such outlier",
    ):
        assert part in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_inside_the_margins(tmp_path, rectangular):
    w = Signal("w", p, norm2=1, generic=True)
    S = Deterministic("Sigma", p, p, positive=True)
    Y = (Identity(p) + alpha * w * w.T) * S ** Rational(1, 2) * Z
    both = WIGNER + eta * v * v.T
    laws = {
        "rectangular": rectangular,
        "population": limit({"top": Eigenvalue(Y * Y.T), "left": Alignment(Y * Y.T, w)}, REGIME),
        "two": limit({"first": Eigenvalue(both), "second": Eigenvalue(both, 2), "u": Alignment(both, u, 2)}),
        "deformed": limit(Eigenvalue(A + WIGNER)),
    }
    for name, law in laws.items():
        (tmp_path / f"{name}.tex").write_text(law.document(title=name), encoding="utf-8")
        run = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-2000:]
        assert "Overfull" not in run.stdout, [x for x in run.stdout.splitlines() if "Overfull" in x]


def test_a_generic_signal_is_said_to_be_one():
    w = Signal("w", n, norm2=1, generic=True)
    text = limit(Eigenvalue(A + W + theta * w * w.T)).latex()
    assert "in generic position to every deterministic matrix" in text
    assert w.func(*w.args) == w
    assert w != Signal("w", n, norm2=1)


def test_the_notebook_and_the_text(rectangular):
    assert rectangular._repr_latex_().startswith(r"$\displaystyle")
    assert "top = z" in repr(rectangular)


def test_without_signals_the_extreme_eigenvalues_are_the_edges():
    law = limit({"top": Eigenvalue(Z * Z.T), "low": Eigenvalue(Z * Z.T, -1)}, REGIME)
    assert law.evaluate({c: 0.25}) == pytest.approx({"top": 2.25, "low": 0.25})
    assert law.evaluate({c: 4})["low"] == 0
    assert "no signals: the eigenvalue is at the edge 2.25" in law.evaluate({c: 0.25}, full_output=True).note
    assert "the extreme eigenvalues converge to the ends" in law.latex()
    point = {c: 0.25}
    moved = {"equation of g": 0, "equation 2": 0, "value top": 0}
    for mutant in verify.mutants(law):
        where = mutant.description.split(":")[0]
        try:
            value = mutant.law.evaluate(point)
        except ValueError:
            continue
        if where in moved:
            moved[where] += abs(value["top"] - 2.25) > 1e-3
    assert all(moved.values())


# ---- what is refused -----------------------------------------------------------------------------------------------
def test_a_spike_below_threshold_says_so():
    law = limit({"top": Eigenvalue(WIGNER), "squared": Alignment(WIGNER, u)})
    result = law.evaluate({theta: 0.5}, full_output=True)
    assert result.note == "no outlier: the eigenvalue sticks to the edge 2, alignment 0"
    assert result.value == {"top": 2.0, "squared": 0.0}
    assert int(result.status) == 0
    assert result.outliers == ()


def test_an_outlier_that_does_not_exist():
    law = limit({"third": Eigenvalue(WIGNER, 3), "squared": Alignment(WIGNER, u, 3)})
    result = law.evaluate({theta: 4}, full_output=True)
    assert result.value == {"third": 2.0, "squared": 0.0}
    assert "no outlier" in result.note
    assert len(result.outliers) == 1


def test_not_self_adjoint():
    X = Gaussian("X", n, n, variance=1 / n)
    with pytest.raises(NotRationalError, match="not self-adjoint"):
        limit(Eigenvalue(X + theta * u * u.T))


def test_a_signal_that_is_not_in_the_model():
    with pytest.raises(ParameterError, match=r"v does not occur in .*its signals: u"):
        limit(Alignment(WIGNER, v))
    # with its inner product declared it has an alignment: that of its component along u
    law = limit({"u": Alignment(WIGNER, u), "v": Alignment(WIGNER, v)}, inner={(u, v): Rational(1, 2)})
    value = law.evaluate({theta: 2})
    assert value["v"] == pytest.approx(value["u"] / 4)


def test_missing_inner_product():
    law = limit(Eigenvalue(WIGNER + eta * v * v.T))
    with pytest.raises(ParameterError, match=r"inner product of u and v is not declared"):
        law.evaluate({theta: 2, eta: 3})


def test_mixed_questions():
    with pytest.raises(ParameterError, match="no eigenvalue and no alignment"):
        limit({"top": Eigenvalue(WIGNER), "trace": Trace(WIGNER**2) / n})
    with pytest.raises(ParameterError, match="mixes an eigenvalue"):
        limit(Eigenvalue(WIGNER) + Trace(WIGNER**2) / n)
    with pytest.raises(ParameterError, match="different matrices"):
        limit({"one": Eigenvalue(WIGNER), "two": Eigenvalue(W + eta * u * u.T)})
    with pytest.raises(ParameterError, match="limit of their own"):
        limit({"top": Eigenvalue(PLANTED * PLANTED.T), "low": Eigenvalue(PLANTED.T * PLANTED, -1)}, REGIME)


def test_parameters():
    law = limit(Eigenvalue(WIGNER))
    assert law.parameters == (theta,)
    with pytest.raises(ParameterError, match="missing value for theta"):
        law.evaluate({})
    with pytest.raises(ParameterError, match="spectral parameter"):
        law.evaluate({theta: 2, "z": 3})
    with pytest.raises(ParameterError, match="not a strength"):
        spectrum_of(COVARIANCE, REGIME).thresholds(c, {l: 1})
    with pytest.raises(ParameterError, match="one point of the parameters"):
        spectrum_of(WIGNER).outliers({theta: [2, 3]})
