"""Closed forms, explicit curves, the two thresholds, certificates, LaTeX and bad input of planted tensors."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from flint import arb, ctx
from sympy import Rational, Symbol, simplify, sqrt, symbols

from derive import Deterministic, GaussianTensor, Masked, Outer, Signal, best_rank_one, dimensions, limit
from derive.errors import BranchError, DimensionError, NotRationalError, ParameterError, RegimeError, ResolventError
from derive.tensors.abbreviate import with_names
from derive.tensors.statement import TensorStatement
from tests.oracles import tensors as oracle

N = dimensions("N")
p, n, m = DIMS = dimensions("p n m")
BETA = Symbol("beta", positive=True)
C = symbols("c_1:4", positive=True)
REGIME = dict(zip(DIMS, (c * N for c in C), strict=True))
BALANCED = dict.fromkeys(C, "1/3")
x, y, z = (Signal(name, d, norm2=1) for name, d in zip("xyz", DIMS, strict=True))
W = GaussianTensor("W", p, n, m, variance=1 / N)
T = BETA * Outer(x, y, z) + W


@pytest.fixture(scope="module")
def law():
    return limit(best_rank_one(T), REGIME)


def test_radicals_are_derived(law):
    """Seddik, Guillaud and Couillet's corollary 3, as an expression."""
    root = sqrt(3) * sqrt((3 * BETA**2 - 4) ** 3) / (18 * BETA)
    assert law.closed_form("value", BALANCED, at={BETA: 2}) == sqrt(BETA**2 / 2 + 2 + root)
    alignment = law.closed_form("x", BALANCED, at={BETA: 2})
    for beta in (1.2, 1.5, 3.0):
        assert float(alignment.subs(BETA, beta)) == pytest.approx(oracle.spiked_order_3(beta)[1], rel=1e-12)


def test_bbp_is_derived_symbolically():
    law = limit(
        best_rank_one(BETA * Outer(x, y) + GaussianTensor("Z", p, n, variance=1 / N)), {p: C[0] * N, n: C[1] * N}
    )
    at = {BETA: 1.3, C[0]: 0.3, C[1]: 0.7}
    value, left = law.closed_form("value", at=at), law.closed_form("x", at=at)
    c1, c2 = C[:2]
    assert simplify(value**2 - (BETA**2 + c1 + c2 + c1 * c2 / BETA**2)) == 0
    assert simplify(left**2 - (1 - c1 * (BETA**2 + c2) / (BETA**2 * (BETA**2 + c1)))) == 0


def test_explicit_curve_is_derived(law):
    s = Symbol("s", positive=True)
    curve = law.explicit_curve(BETA, s)
    for point in (0.9, 2.5):
        c = (0.2, 0.3, 0.5)
        beta, value, alignments = oracle.spiked_curve(c, point)
        numbers = {**dict(zip(C, c, strict=True)), s: point}
        found = [float(curve[k].subs(numbers)) for k in ("beta", "value", "q_x", "q_y", "q_z")]
        assert found == pytest.approx([beta, value, *alignments], rel=1e-12)


def test_threshold_of_the_maximum(law):
    """Ground states 1.65699836 and 1.79408503 of the spherical spin glass; thresholds from the theorem notes."""
    end = law.threshold(BETA, BALANCED, of="maximum")
    assert (end.at, end.values["value"], end.values["x"]) == pytest.approx((1.20655573, 1.65699836, 0.803124), abs=6e-7)
    dims, c = dimensions("n1 n2 n3 n4"), symbols("c_1:5", positive=True)
    vectors = [Signal(f"x{k}", d, norm2=1) for k, d in enumerate(dims)]
    T4 = BETA * Outer(*vectors) + GaussianTensor("W", *dims, variance=1 / N)
    four = limit(best_rank_one(T4).value, dict(zip(dims, (r * N for r in c), strict=True)))
    end = four.threshold(BETA, dict.fromkeys(c, "1/4"), of="maximum")
    assert (end.at, end.values["value"]) == pytest.approx((1.40566892, 1.79408503), abs=1e-8)
    assert four.threshold(BETA, dict.fromkeys(c, "1/4")).at < end.at
    with pytest.raises(ParameterError, match="equal dimensions"):
        law.threshold(BETA, dict(zip(C, (0.2, 0.3, 0.5), strict=True)), of="maximum")


def test_symmetric_threshold_of_the_maximum():
    u = Signal("u", n, norm2=1)
    law = limit(
        best_rank_one(BETA * Outer(u, u, u) + GaussianTensor("W", n, n, n, variance=1 / (6 * n), symmetric=True))
    )
    assert law.threshold(BETA, of="maximum").at == pytest.approx(1.20655573, abs=1e-8)


def test_certificate(law):
    ball = law.certify({**BALANCED, BETA: 2}, digits=30)
    with ctx.workdps(120):
        exact = (4 + arb(3).sqrt() * arb(512).sqrt() / 36).sqrt()
        assert ball.value["value"].contains(exact)
    assert float(ball.value["value"].rad()) < 1e-29
    assert "informative" in ball.statement
    with pytest.raises(ResolventError, match="no informative solution"):
        law.certify({**BALANCED, BETA: 1})


def test_a_thousand_points_in_one_call(law):
    beta = np.linspace(0.5, 6, 1000)
    found = law.evaluate({**BALANCED, BETA: beta}, full_output=True)
    assert found.value["x"].shape == (1000,)
    np.testing.assert_array_equal(found.status == 0, beta > 2 / 3**0.5)
    assert np.nanmax(found.error) < 1e-11


def test_changed_system_changes_the_value(law):
    """What the mutants of the check rely on: a changed equation moves the solution."""
    from dataclasses import replace

    system = law.system
    changed = replace(system, residuals=(system.residuals[0] + Rational(1, 10), *system.residuals[1:]))
    moved = law.with_system(changed).evaluate({**BALANCED, BETA: 2})
    assert abs(moved["value"] - law.evaluate({**BALANCED, BETA: 2})["value"]) > 1e-2


def test_steps_say_what_was_dropped(law):
    text = "\n".join(map(str, law.steps))
    assert [step.title for step in law.steps] == [
        "Critical points", "Implicit derivative", "Singular values", "Overlaps", "Traces of the resolvent", "System"
    ]  # fmt: skip
    assert "of 10 terms 4 are kept, and in the other 6 the indices end at vectors" in text
    assert "lambda*q_x = beta*q_y*q_z + W(x, u_2, u_3)" in text
    assert "lambda*q_x = beta*q_y*q_z - g_2*q_x - g_3*q_x" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(law, tmp_path):
    one = best_rank_one(Masked(T, Symbol("epsilon", positive=True)))
    two = best_rank_one(one.tensor - one.value * Outer(*one.vectors))
    for k, shown in enumerate((law, limit(two, REGIME), deflated())):
        source = tmp_path / f"t{k}.tex"
        source.write_text(shown.document("A planted tensor & its limit"))
        run = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", source.name], cwd=tmp_path,
                             capture_output=True, text=True, check=False)  # fmt: skip
        assert run.returncode == 0, run.stdout[-2000:]
        assert "Overfull" not in run.stdout
    assert law._repr_latex_().startswith("$\\displaystyle")


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: GaussianTensor("W"), DimensionError, "noise on no mode"),
        (lambda: best_rank_one(BETA * Outer(x)), DimensionError, "order 1"),
        (lambda: limit(best_rank_one(BETA * Outer(x, y, z)), REGIME), ParameterError, "no noise"),
        (lambda: limit(best_rank_one(W), REGIME), ParameterError, "no spike"),
        (lambda: limit(best_rank_one(Outer(x, y, z) + GaussianTensor("W", p, n, m)), REGIME), DimensionError,
         "of order N"),
        (lambda: limit(best_rank_one(T), {p: N / 3, n: N / 3, m: N / 2}), RegimeError, "sum to 7/6"),
        (lambda: limit(best_rank_one(T), {p: n}), RegimeError, "grow together"),
        (lambda: Outer(x, y, modes=(1, 1)), DimensionError, "must use 1..2 once"),
        (lambda: best_rank_one(Outer(x, y, z) + Outer(x, z, y)), DimensionError, "one shape"),
        (lambda: best_rank_one(Outer(x, y) * Outer(x, y)), DimensionError, "Outer"),
        (lambda: best_rank_one(T).overlap(Signal("v", N)), ParameterError, "no mode"),
        (lambda: GaussianTensor("W", n, m, symmetric=True), DimensionError, "not all the same"),
        (lambda: limit(best_rank_one(Masked(T, 0.5) + W), REGIME), ParameterError, "masked and unmasked"),
        (lambda: limit(best_rank_one(Outer(x * x.T, x) + W), REGIME), DimensionError, "one shape"),
        (lambda: GaussianTensor("V", variance=1 / N), DimensionError, "noise on no mode"),
        (lambda: Masked(T, 1.5), ParameterError, r"probability in \(0, 1\], got 1.5"),
        (lambda: limit(best_rank_one(N * Outer(x, y, z) + W), REGIME), DimensionError, "the strength N, which changes"),
        (lambda: limit(best_rank_one(T), {p: "N/3", n: N / 3, m: N / 3}), RegimeError, "as text, 'N/3'"),
        (lambda: limit(best_rank_one(T), REGIME, inner={(x, y): 0.5}), DimensionError, "x has dimension p and y n"),
        (lambda: limit(best_rank_one(T), REGIME, inner={(x, x): 1}), ParameterError, "is its norm2"),
        (lambda: limit(best_rank_one(T), REGIME, inner={(x, Signal("v", p)): 0}), ParameterError, "does not occur"),
        (lambda: limit(best_rank_one(T + Outer(Signal("v", p), y, z)), REGIME,
                       inner={(x, Signal("v", p)): 0.5, (Signal("v", p), x): 0.3}), ParameterError, "given twice"),
        (lambda: limit(best_rank_one(T), REGIME).threshold(BETA, BALANCED, of="algorithmic"), ParameterError,
         "depends on the algorithm"),
    ],
)  # fmt: skip
def test_bad_input_is_named(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_inconsistent_inner_products_are_named():
    a, b, c = (Signal(k, p, norm2=1) for k in "abc")
    spikes = Outer(a, y, z) + Outer(b, y, z) + Outer(c, y, z)
    with pytest.raises(ParameterError, match=r"a, b, c are inconsistent.*positive semidefinite"):
        limit(best_rank_one(spikes + W), REGIME, inner={(a, b): 0.9, (b, c): 0.9, (a, c): -0.9})
    rho = Symbol("rho", real=True)
    law = limit(best_rank_one(BETA * spikes + W), REGIME, inner={(a, b): rho, (b, c): rho, (a, c): rho})
    with pytest.raises(ParameterError, match="positive semidefinite"):
        law.evaluate({**BALANCED, BETA: 3, rho: -0.9})


def test_ratios_are_checked_where_they_are_numbers(law):
    with pytest.raises(ParameterError, match=r"sum to 1; got 0.3 \+ 0.3 \+ 0.3"):
        law.evaluate({**dict.fromkeys(C, 0.3), BETA: 2})


def test_no_second_informative_solution_is_said_so():
    one = best_rank_one(T)
    two = best_rank_one(T - one.value * Outer(*one.vectors))
    law = limit({"first": one.value, "second": two.value}, REGIME)
    result = law.evaluate({**BALANCED, BETA: 2}, full_output=True)
    assert result.value["first"] == pytest.approx(oracle.spiked_order_3(2)[0], rel=1e-12)
    assert np.isnan(result.value["second"])
    assert "estimator 2" in result.note
    with pytest.raises(BranchError, match="estimator 2"):
        law.evaluate({**BALANCED, BETA: 2})
    with pytest.warns(RuntimeWarning, match="2 of 2 points"):
        law.evaluate({**BALANCED, BETA: [2, 3]})


def test_orthogonal_spikes_do_not_see_each_other():
    a, b, c = (Signal(name, d, norm2=1) for name, d in zip("abc", DIMS, strict=True))
    both = limit(best_rank_one(T + Outer(a, b, c)), REGIME, inner={(x, a): 0, (y, b): 0, (z, c): 0})
    found, alone = (law.evaluate({**BALANCED, BETA: 2}) for law in (both, limit(best_rank_one(T), REGIME)))
    assert found["value"] == pytest.approx(alone["value"], rel=1e-12)
    assert found["a"] == 0


def test_not_a_tensor():
    square = Deterministic("S", p, n)
    with pytest.raises(NotRationalError, match=r"S \(Deterministic\) is not part of a planted tensor"):
        limit(best_rank_one(Outer(x, y, z) + Outer(square, z) + W), REGIME)


def test_the_probability_of_a_mask_is_checked():
    epsilon = Symbol("epsilon", positive=True)
    law = limit(best_rank_one(Masked(T, epsilon)), REGIME)
    with pytest.raises(ParameterError, match=r"epsilon is the probability.* got 1.5"):
        law.evaluate({**BALANCED, BETA: 3, epsilon: 1.5})


def deflated():
    a, b, c = (Signal(name, d, norm2=1) for name, d in zip("abc", DIMS, strict=True))
    one = best_rank_one(T + Outer(a, b, c))
    two = best_rank_one(one.tensor - one.value * Outer(*one.vectors))
    inner = {(x, a): Rational(1, 2), (y, b): Rational(1, 2), (z, c): Rational(1, 2)}
    return limit({"first": one.value, "second": two.value}, REGIME, inner=inner)


def test_sums_that_return_are_named_in_the_statement():
    """The names stand for what they say, and the second step of deflation needs one per mode for each of two sums."""
    law = deflated()
    statement = TensorStatement(law)
    assert len(statement.abbreviations) == 6
    back = {}
    for one in statement.abbreviations:
        back[one.symbol] = one.value.xreplace(back)
    for residual in law.system.residuals:
        shown = with_names(residual.expand(), statement.abbreviations)
        assert (shown.xreplace(back) - residual).expand() == 0
    assert statement.body().count("with\n") == 1
    assert law.latex().count("h_{1}") > 2


def test_a_short_system_has_no_names(law):
    assert TensorStatement(law).abbreviations == ()


def test_the_statement_says_what_remains_below_the_threshold():
    V = GaussianTensor("V", p, n, variance=1 / N)
    text = limit(best_rank_one(T + Outer(V, z)), REGIME).latex()
    assert "$q_{x}$ and $q_{y}$ are $0$" in text
    assert "$q_{z}$ may remain" in text
