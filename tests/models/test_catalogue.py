"""The ladder every theorem of the catalogue climbs.

Its file is small and holds no solved formula; its limit is derived; it agrees with a published formula, in double
precision, to many digits and in a proven ball; its LaTeX compiles; a small simulation is consistent with it; and the
mutants of its equations are refuted by the same simulation.
"""

from __future__ import annotations

import ast
import shutil
from math import pi, sqrt
from pathlib import Path

import mpmath
import numpy as np
import pytest
from sympy import Pow

import models
from derive import atomic
from derive.cli_files import compile_pdf
from derive.functionals import SpectralFunctional
from tests.oracles import (
    deformed_wigner,
    free_convolutions,
    free_sum,
    fuss_catalan,
    information_plus_noise,
    jacobian,
    lssvm,
    marchenko_pastur,
    random_features,
    ridge,
    sample_covariance,
    semicircle,
    spikes,
    two_groups,
)

NAMES = models.names()
FORMULAS = {"sqrt", "root", "cbrt", "Eq", "solve", "solveset", "nsolve", "roots", "Piecewise", "Max", "Min", "Abs"}


def _ridge(v, law):
    sigma, theta, w = law
    bias = ridge.bias(v["lambda"], v["f"], sigma, theta, w)
    variance = ridge.variance(v["lambda"], v["f"], v["s2"], sigma, w)
    risk = bias + variance
    return {"bias": bias, "variance": variance, "risk": risk, "test_error": risk + v["s2"]}


def _lssvm(v, _):
    point = v["c"], v["gamma"], v["norm_mu"]
    return dict(zip(("mean", "variance"), lssvm.moments(*point), strict=True)) | {"accuracy": lssvm.accuracy(*point)}


def _sample_covariance(v, law):
    return {
        "stieltjes": sample_covariance.stieltjes(v["z"], v["c"], *law),
        "weighted": sample_covariance.weighted(v["z"], v["c"], *law),
    }


def _random_features(v, _):
    taus = random_features.solve(v["phi"], v["psi"], v["zeta"], v["eta"], v["lambda"])
    return dict(zip(("tau_1", "tau_2"), taus, strict=True))


def _two_groups(v, law):
    return {"resolvent": two_groups.resolvent((v["p_1"], v["p_2"]), v["f"], v["lambda"], *law)}


def _fuss_catalan(v, _):
    moments = {"second_moment": fuss_catalan.moment(2, 2), "third_moment": fuss_catalan.moment(2, 3)}
    return {"resolvent": fuss_catalan.resolvent(2, v["lambda"]), **moments}


def _spiked_wigner(v, _):
    scale = sqrt(v["v"])
    location, alignment = spikes.wigner(v["theta"] / scale)
    return {"location": scale * location, "alignment": alignment}


def _spiked_covariance(v, _):
    return dict(zip(LOCATED, spikes.covariance(v["s"] ** 2 - 1, v["c"]), strict=True))


def _spiked_rectangular(v, _):
    return dict(zip(("location", "left", "right"), spikes.rectangular(v["theta"], v["c"]), strict=True))


def _deformed_wigner(v, law):
    atoms, spread, weights = law
    assert np.allclose(np.square(spread), 1)  # u in general position to A
    return dict(zip(LOCATED, deformed_wigner.outlier(v["theta"], v["v"], atoms, weights), strict=True))


def _information_plus_noise(v, law):
    found = information_plus_noise.outlier(v["theta"], v["c"], *law)
    return dict(zip(LOCATED, found[:2], strict=True))


LOCATED = ("location", "alignment")

# theorem -> (values of its parameters, columns and weights of its law) -> what a published formula says
ORACLES = {
    "semicircle": lambda v, _: {"stieltjes": semicircle.stieltjes(v["z"], v["v"])},
    "marchenko-pastur": lambda v, _: {"resolvent": marchenko_pastur.resolvent(v["c"], v["lambda"])},
    "sample-covariance": _sample_covariance,
    "free-sum": lambda v, law: {"stieltjes": free_sum.stieltjes(v["z"], v["v"], *law)},
    "two-sample-covariance": _two_groups,
    "ridge-regression": _ridge,
    "random-features": _random_features,
    "lssvm": _lssvm,
    "wachter": lambda v, law: {"stieltjes": free_convolutions.projections(v["z"], law[1][1], law[3][1])},
    "free-convolution-sum": lambda v, law: {"stieltjes": free_convolutions.additive(v["z"], law[:2], law[2:])},
    "free-convolution-product": lambda v, law: {
        "stieltjes": free_convolutions.multiplicative(v["z"], law[:2], law[2:])
    },
    "fuss-catalan": _fuss_catalan,
    "spiked-wigner": _spiked_wigner,
    "spiked-covariance": _spiked_covariance,
    "spiked-rectangular": _spiked_rectangular,
    "deformed-wigner-outlier": _deformed_wigner,
    "information-plus-noise": _information_plus_noise,
    "jacobian-spectrum": lambda v, _: {"resolvent": jacobian.relu_resolvent(3, v["sigma2"], v["lambda"])},
    "jacobian-stability-sparse-correlated": lambda v, _: {
        "largest": jacobian.relu_layer_norm2(v["theta"], v["sigma2"] * (1 - v["s"]) * v["r"])
    },
}

# away from the defaults: other sides of 1 of every ratio, small and large ridges, both signs and both parts of z
POINTS = {
    "semicircle": [{"z": -2.5}, {"z": 0.3 + 0.2j}, {"v": 0.2, "z": 1 - 1j}],
    "marchenko-pastur": [{"c": 2}, {"lambda": 1e-4}, {"c": 0.05, "lambda": 30}, {"c": 1, "lambda": 0.01}],
    "sample-covariance": [{"z": 1.668, "Sigma": atomic([1, 5])}, {"z": 1 + 0.5j}, {"c": 3, "z": -0.01}, {"z": 20}],
    "free-sum": [{"z": 5}, {"z": -0.5 + 0.01j}, {"v": 2, "A": atomic([0, 1, 7], ["1/2", "1/4", "1/4"])}, {"z": -9}],
    "wachter": [
        {"z": -0.5},
        {"z": 1.05},
        {"z": 0.2 - 0.01j},
        {"P": atomic([0, 1], [0.5, 0.5]), "Q": atomic([0, 1], [0.25, 0.75])},
    ],
    "free-convolution-sum": [
        {"z": 5},
        {"z": -0.5 + 0.01j},
        {"A": atomic([0, 1, 7], ["1/2", "1/4", "1/4"]), "z": 3 - 1j},
        {"z": -9, "B": atomic([0, 1])},
    ],
    "free-convolution-product": [
        {"z": -0.5},
        {"z": 20},
        {"z": 5 - 0.02j},
        {"A": atomic([0, 2]), "B": atomic([1, 5, 9], ["1/2", "1/4", "1/4"])},
    ],
    "two-sample-covariance": [{"f": 4}, {"p_1": 1, "p_2": 2, "lambda": 0.01}, {"lambda": 10}],
    "ridge-regression": [{"s2": 0}, {"f": 3, "lambda": 0.02}, {"Sigma,Theta": atomic([(1, 1)]), "lambda": 0.1}],
    "random-features": [{"eta": 0.5 - 1 / (2 * pi)}, {"phi": 0.5, "psi": 2}, {"eta": 0.25, "lambda": 1}],
    "lssvm": [dict(zip(("c", "gamma", "norm_mu"), point, strict=True)) for point in lssvm.PRINTED],
    "fuss-catalan": [{"lambda": 2}, {"lambda": 1e-3}],
    "spiked-wigner": [{"theta": 0}, {"theta": 0.5}, {"theta": 1.01}, {"v": 4}, {"v": 0.3, "theta": 0.6}],
    "spiked-covariance": [{"s": 1}, {"s": 0.3}, {"s": 1.3}, {"c": 3}, {"c": 0.01, "s": 1.2}],
    "spiked-rectangular": [{"theta": 0}, {"theta": 0.8}, {"theta": 0.85}, {"c": 2}, {"c": 0.1, "theta": 1}],
    "deformed-wigner-outlier": [
        *({"theta": 0}, {"theta": 1.2}, {"theta": 1.21}, {"theta": 9, "v": 0.1}),
        {"A,u": atomic([(-3, 1), (0, -1), (1, 1)], ["1/2", "1/4", "1/4"]), "v": 0.5},
    ],
    "information-plus-noise": [
        *({"theta": 0}, {"theta": 0.62}, {"theta": 0.64}, {"c": 2}, {"c": 0.1, "theta": 2}),
        {"A,u,v": atomic([(0, 1, 1), (0, 1, -1), (2, 1, 1), (2, 1, -1)])},
    ],
    "jacobian-spectrum": [{"sigma2": 1}, {"sigma2": 5, "lambda": 0.01}, {"lambda": 20}],
    "jacobian-stability-sparse-correlated": [
        *({"theta": 0}, {"theta": 1.68}, {"theta": 1.69}, {"s": 0.9, "r": 10}, {"s": 0.7, "theta": 9})
    ],
}

# below their thresholds; the bias of an edge is N^(-2/3), so sizes are larger here
BELOW = {
    "spiked-wigner": {"theta": "1/4"},
    "spiked-covariance": {"s": "21/20"},
    "spiked-rectangular": {"theta": "1/4"},
    "deformed-wigner-outlier": {"theta": "1/5"},
    "information-plus-noise": {"theta": "1/10"},
}


def expected(theorem, params):
    """What the oracle says, from plain numbers."""
    values = {}
    for parameter in theorem.parameters:
        number = complex(params[parameter.symbol])
        values[parameter.name] = number if number.imag else number.real
    columns = []
    for key, law in params.items():
        if key not in theorem.defaults:
            columns += [[float(x) for x in law.column(i)] for i in range(law.width)] + [[float(w) for w in law.weights]]
    return ORACLES[theorem.name](values, columns)


def test_every_theorem_has_an_oracle():
    assert set(ORACLES) == set(POINTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_says_what_the_model_is_and_not_what_its_limit_is(name):
    path = Path(models.__file__).parent / f"{name.replace('-', '_')}.py"
    source = path.read_text()
    assert source.count("\n") < 80
    tree = ast.parse(source)
    words = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    words |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    words |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert not words & FORMULAS
    assert {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)} <= {"sympy", "derive", "models"}
    # a scalar root in a quantity would be a solved formula; roots of matrices are part of models
    for expr in models.load(name).quantities.values():
        assert all(power.exp.is_Integer for power in expr.atoms(Pow))


@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_its_oracle(name):
    theorem = models.load(name)
    for point in [{}, *POINTS[name]]:
        params = theorem.resolve(point)
        found, oracle = theorem.observe(point), expected(theorem, params)
        assert found.keys() == oracle.keys()
        for quantity, value in oracle.items():
            assert abs(found[quantity] - value) <= 1e-9 * abs(value), (point, quantity)


@pytest.mark.parametrize("name", NAMES)
def test_forty_digits_and_a_proof(name):
    theorem = models.load(name)
    double, many = theorem.evaluate(), theorem.evaluate(digits=40)
    more = theorem.evaluate(digits=60)
    # eigenvalues and alignments have digits, and no proof
    provable = hasattr(theorem.law, "certify")
    balls = theorem.law.certify(theorem.resolve(), digits=30).value if provable else {}
    for quantity, value in many.items():
        assert abs(complex(value) - double[quantity]) <= 1e-12 * abs(double[quantity])
        with mpmath.workdps(60):
            assert abs(value - more[quantity]) <= mpmath.mpf(10) ** -39 * abs(value)
        if not provable:
            continue
        ball = balls[quantity]
        assert abs(complex(ball.mid()) - double[quantity]) <= 1e-12 * abs(double[quantity])
        assert float(ball.rad()) < 1e-28


@pytest.mark.parametrize("name", NAMES)
def test_evaluates_arrays(name):
    theorem = models.load(name)
    symbol, start, stop = theorem.axis
    grid = np.linspace(float(start), float(stop), 5)
    together = theorem.observe({symbol: grid})
    for i, value in enumerate(grid):
        for quantity, alone in theorem.observe({symbol: float(value)}).items():
            assert np.isclose(together[quantity][i], alone, rtol=1e-10, atol=0)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_latex_compiles(name, tmp_path):
    compile_pdf(models.load(name).law.document(), tmp_path / "theorem.pdf")
    assert (tmp_path / "theorem.pdf").read_bytes().startswith(b"%PDF")


@pytest.fixture(scope="module")
def checks(request):
    """The simulation of each theorem, once: the verdict and the mutants are judged by the same numbers."""
    offset, made = request.config.getoption("--seed-offset"), {}

    def check(name):
        if name not in made:
            made[name] = models.load(name).verify(seed=1 + offset, device="cpu", progress=False, level=1e-6)
        return made[name]

    return check


@pytest.mark.parametrize("name", NAMES)
def test_a_small_simulation_is_consistent(name, checks):
    """A true theorem fails this with probability 1e-6; one that is off by 2 % would be seen."""
    check = checks(name)
    assert check.verdict == "consistent", str(check)


@pytest.mark.parametrize("name", BELOW)
def test_below_the_threshold_a_simulation_is_consistent_too(name, request):
    """The edge and alignment 0; declared as above."""
    theorem = models.load(name)
    sizes = tuple(2 * size for size in theorem.sizes)
    options = {"seed": 1 + request.config.getoption("--seed-offset"), "device": "cpu", "progress": False}
    check = theorem.verify(BELOW[name], sizes=sizes, trials=350, level=1e-6, **options)
    assert [check.limits[q] for q in check.limits if q != "location"] == [0] * (len(check.limits) - 1)
    assert check.verdict == "consistent", str(check)
    # an alignment of a few percent would be seen, and an edge that is off by more than a slower bias could explain
    wrong = {q: limit * 1.15 if q == "location" else limit + 0.05 for q, limit in check.limits.items()}
    assert all(c.verdict == "refuted" for c in check.judge(wrong).comparisons)


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_refuted(name, checks):
    """What is left of a mutant: refuted, or equal to the theorem here, or without a solution; most must be refuted."""
    import verify

    theorem = models.load(name)
    # a wrong variance may be zero or negative: its accuracy is NaN, which is as wrong as can be
    with np.errstate(invalid="ignore", divide="ignore"):
        report = verify.mutation_report(theorem.law, theorem.resolve(), checks(name))
    assert report.survivors == (), str(report)
    assert len(report.refuted) >= max(3, len(report.rows) // 2), str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_large_simulation_sees_one_percent(name, seed):
    """A true theorem fails this with probability 1e-6; one that is off by 1 % would be seen."""
    theorem = models.load(name)
    # these cost most; at four times the size the errors of eigenvalues are half as large, those of traces a quarter
    spiked = any(quantity.has(SpectralFunctional) for quantity in theorem.quantities.values())
    fewer = 2 if spiked else 4 if theorem.spectrum is not None else 1
    larger, trials = 4, theorem.trials // fewer
    if spiked and theorem.dependent is not None:
        # the masks of a network add to the fluctuations: many trials of half the size see more for the same work
        larger, trials = 2, 3 * theorem.trials
    sizes = tuple(larger * size for size in theorem.sizes)
    options = {"trials": trials, "device": "cpu", "progress": False}
    check = theorem.verify(seed=seed, sizes=sizes, level=1e-6, resolution=0.01, **options)
    assert check.verdict == "consistent", str(check)
