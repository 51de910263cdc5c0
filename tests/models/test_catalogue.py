"""The ladder every theorem of the catalogue climbs.

Its file is small and holds no solved formula; its limit is derived; it agrees with a published formula, in double
precision, to many digits and in a proven ball; its LaTeX compiles; a small simulation is consistent with it; and the
mutants of its equations are refuted by the same simulation.

Oracles and points are in the ``*_cases.py`` files beside this one. ``ORACLES`` maps a theorem to a function of the
values of its parameters and of the columns of its law; ``POINTS`` to points away from its defaults; ``BELOW``, which is
optional, to a point below its threshold, for eigenvalues and alignments.
"""

from __future__ import annotations

import ast
import shutil
from importlib import import_module
from pathlib import Path

import mpmath
import numpy as np
import pytest
from sympy import MatrixSymbol, Pow

import models
from derive import Unfolded
from derive.cli_files import compile_pdf
from derive.functionals import SpectralFunctional

NAMES = models.names()
CASES = [import_module(f"tests.models.{path.stem}") for path in sorted(Path(__file__).parent.glob("*_cases.py"))]
ORACLES = {name: oracle for cases in CASES for name, oracle in cases.ORACLES.items()}
POINTS = {name: points for cases in CASES for name, points in cases.POINTS.items()}
BELOW = {name: point for cases in CASES for name, point in getattr(cases, "BELOW", {}).items()}
MUTANTS = 120  # judged of a theorem that has more
FORMULAS = {"sqrt", "root", "cbrt", "Eq", "solve", "solveset", "nsolve", "roots", "Piecewise", "Max", "Min", "Abs"}


def expected(theorem, params):
    """What the oracle says, from plain numbers."""
    values = {}
    for parameter in theorem.parameters:
        number = complex(params[parameter.symbol])
        values[parameter.name] = number if number.imag else number.real
    columns = []
    for key, law in params.items():
        if key not in theorem.defaults:
            columns += _columns(law)
    return ORACLES[theorem.name](values, columns)


def _columns(law):
    """The atoms of each matrix and their weights, or a small array as it is."""
    if isinstance(law, list):
        return [np.array(law, dtype=float)]
    return [[float(x) for x in law.column(i)] for i in range(law.width)] + [[float(w) for w in law.weights]]


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
    # a scalar root in a quantity would be a solved formula; roots of matrices are part of models, those of dimensions
    # too, and so is how a tensor is made
    for expr in models.load(name).quantities.values():
        powers = expr.xreplace({t: MatrixSymbol("T", *t.shape) for t in expr.atoms(Unfolded)}).atoms(Pow)
        assert all(power.exp.is_Integer or all(s.is_integer for s in power.base.free_symbols) for power in powers)


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
        report = verify.mutation_report(theorem.law, theorem.resolve(), checks(name), most=MUTANTS)
    assert report.survivors == (), str(report)
    # a large system has many small terms, whose changes are below the resolution
    judged = len(report.rows) - (len(report.apart) if len(theorem.quantities) > 10 else 0)
    assert len(report.refuted) >= max(3, judged // 2), str(report)


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
    resolution = 0.01
    if theorem.resolution is not None:
        # a bias of N^(-1/2): size helps little, trials of twice the size see half of what was seen
        larger, trials, resolution = 2, 2 * theorem.trials, theorem.resolution / 2
    sizes = tuple(larger * size for size in theorem.sizes)
    options = {"trials": trials, "device": "cpu", "progress": False}
    check = theorem.verify(seed=seed, sizes=sizes, level=1e-6, resolution=resolution, **options)
    assert check.verdict == "consistent", str(check)
