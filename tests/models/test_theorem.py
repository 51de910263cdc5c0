"""A theorem checks its values, in the user's symbols, before the engine sees them; a file becomes one by its path."""

from __future__ import annotations

import subprocess
import sys

import mpmath
import numpy as np
import pytest
from sympy import Interval, Rational, S, Symbol, erf, oo, symbols

import models
from derive import Gaussian, atomic, dimensions
from derive.errors import CertificationError, LawError, ParameterError, ResolventError
from models import Parameter, Theorem, accuracy
from models.catalogue import closest

USER_FILE = '''"""My own theorem.

More words.
"""
from sympy import Identity, Interval, Rational, Symbol, Trace, oo
from derive import Gaussian, dimensions
from models import Parameter, Theorem
n, p = dimensions("n p")
c = Symbol("c", positive=True)
Z = Gaussian("Z", p, n, variance=1 / n)
theorem = Theorem(
    quantities={"g": Trace((Z * Z.T + Identity(p)).I) / p},
    regime={p: c * n},
    parameters=[Parameter(c, Rational(1, 2), Interval.open(0, oo), "aspect ratio")],
    reference="none",
    axis=(c, 1, 2),
)
'''


@pytest.fixture
def user_file(tmp_path):
    path = tmp_path / "my_theorem.py"
    path.write_text(USER_FILE)
    return path


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("value", [-1, 0, "0", 1 + 1j, np.array([0.5, -2.0]), np.array([1 + 1j])])
def test_out_of_domain(value):
    with pytest.raises(ParameterError, match=r"^lambda = .* is outside its domain: lambda > 0 \(ridge\)$"):
        models.load("marchenko-pastur").resolve({"lambda": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", np.array([1.0, np.nan]), mpmath.mpf("nan")])
def test_not_finite(value):
    with pytest.raises(ParameterError, match="finite"):
        Parameter(Symbol("z"), 1, S.Complexes, "spectral parameter").check(value)


@pytest.mark.parametrize("value", [2, 0.5, "1/3", mpmath.mpf(2), Rational(1, 2), np.float64(1), np.array([[0.5], [1]])])
def test_in_domain(value):
    Parameter(Symbol("lambda"), 1, Interval.open(0, oo), "ridge").check(value)
    Parameter(Symbol("z"), 1, S.Complexes, "spectral parameter").check(value)


def test_a_bound_may_be_another_parameter():
    theorem = models.load("random-features")
    assert theorem.resolve(eta="1/4", zeta="1/4")[theorem.parameter("eta").symbol] == Rational(1, 4)
    with pytest.raises(ParameterError, match="eta = 1/5 is outside its domain: eta >= zeta, here eta >= 1/4"):
        theorem.resolve(eta="1/5")
    # and both may be arrays
    theorem.resolve(eta=np.array([0.3, 0.4]), zeta=np.array([0.3, 0.4]))
    with pytest.raises(ParameterError, match=r"eta = 0\.4 is outside its domain: eta >= zeta"):
        theorem.resolve(eta=np.array([0.3, 0.4]), zeta=np.array([0.3, 0.5]))


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Interval.open(0, oo), "x > 0"),
        (Interval(0, oo), "x >= 0"),
        (Interval.Ropen(0, 1), "0 <= x < 1"),
        (Interval.open(-oo, 0), "x < 0"),
        (S.Complexes, "x complex"),
        (S.Reals, "x real"),
    ],
)
def test_domains_read_well(domain, text):
    assert Parameter(Symbol("x"), S.Half, domain, "").domain_text == text


# ---------------------------------------------------------------- resolve


def test_values_by_name_by_symbol_and_as_text():
    theorem = models.load("marchenko-pastur")
    c, ridge = (theorem.parameter(name).symbol for name in ("c", "lambda"))
    assert theorem.resolve() == {c: Rational(1, 2), ridge: Rational(1, 10)}
    assert theorem.resolve({c: "1/3", "lambda": 2}) == theorem.resolve({"lambda": 2}, c=Rational(1, 3))


def test_unknown_names_suggest():
    with pytest.raises(ParameterError, match=r"marchenko-pastur has no parameter lamda; did you mean lambda\?"):
        models.load("marchenko-pastur").resolve(lamda=1)
    with pytest.raises(ParameterError, match=r"did you mean Sigma\?"):
        models.load("sample-covariance").resolve(sigma=atomic([1]))
    with pytest.raises(LawError, match=r"no matrix Sigma_3; did you mean Sigma_[12]\?"):
        models.load("two-sample-covariance").resolve({"Sigma_1,Sigma_3": atomic([(1, 2)])})


def test_replacing_one_of_two_joint_laws_asks_for_the_other():
    theorem = models.load("two-sample-covariance")
    with pytest.raises(LawError, match="Sigma_2 had a default law joint with Sigma_1: give the joint law"):
        theorem.resolve(Sigma_1=atomic([1, 2]))
    matrices = theorem.resolve(Sigma_1=[[1, 0], [0, 2]], Sigma_2=[[2, 1], [1, 2]])
    assert len(matrices) == len(theorem.parameters) + 2
    both = theorem.resolve({"Sigma_1,Sigma_2": atomic([(1, 2)])})
    assert list(both)[-1] == theorem.matrices("Sigma_1,Sigma_2")


# ---------------------------------------------------------------- observables


def test_observables_are_read_off_in_every_kind_of_number():
    theorem = models.load("lssvm")
    expected = float((1 + erf(1 / Symbol("s")) / 1).subs(Symbol("s"), 2**S.Half) / 2)
    one = theorem.read_off({"mean": 2.0, "variance": 4.0}, theorem.resolve())
    assert one["accuracy"] == pytest.approx(expected, abs=1e-15)
    many = theorem.read_off({"mean": np.array([2.0, 0.0]), "variance": np.array([4.0, 1.0])}, theorem.resolve())
    assert np.allclose(many["accuracy"], [expected, 0.5])
    digits = theorem.read_off({"mean": mpmath.mpf(2), "variance": mpmath.mpf(4)}, theorem.resolve(), digits=40)
    with mpmath.workdps(45):
        assert abs(digits["accuracy"] - mpmath.ncdf(1)) < mpmath.mpf(10) ** -40


def test_observables_may_read_parameters():
    theorem = models.load("ridge-regression")
    values = theorem.read_off({"bias": 1.0, "variance": 2.0}, theorem.resolve(s2="1/2"))
    assert values == {"risk": 3.0, "test_error": 3.5}


def test_accuracy_is_half_without_a_signal():
    assert accuracy(S.Zero, S(3)) == S.Half


# ---------------------------------------------------------------- spectra


def test_the_spectrum_takes_what_its_matrix_needs():
    theorem = models.load("fuss-catalan")
    assert theorem.spectral_params() == {}  # the ridge is not in J J'
    assert not theorem.is_spiked
    spiked = models.load("information-plus-noise")
    assert spiked.spectral_params(theta=3) == spiked.resolve(theta=3)
    assert spiked.is_spiked
    assert {m.name for m in spiked.letters} == {"A", "Z", "u", "v"}


def test_a_theorem_without_a_spectrum_says_so():
    with pytest.raises(ParameterError, match="lssvm names no matrix whose spectrum could be shown"):
        _ = models.load("lssvm").spectral_law


def test_eigenvalues_have_digits_and_no_certificate():
    theorem = models.load("spiked-wigner")
    assert str(theorem.evaluate(digits=30)["location"]) == "2.5"
    with pytest.raises(CertificationError, match="spiked-wigner: eigenvalues and alignments are not certified"):
        theorem.certify()


# ---------------------------------------------------------------- declarations


def declare(**changes):
    n, c = dimensions("n"), Symbol("c", positive=True)
    fields = {
        "quantities": {"g": (Gaussian("Z", 1, n) * Gaussian("Z", 1, n).T)},
        "regime": {},
        "parameters": [Parameter(c, 1, Interval.open(0, oo), "ratio")],
        "reference": "none",
        "axis": (c, 1, 2),
    }
    return Theorem(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axis": (Symbol("d"), 0, 1)}, "the axis d is not a parameter"),
        ({"observables": {"h": symbols("gg") + 1}}, "observable h reads gg, .* did you mean g?"),
        ({"observables": {"g": S.One}}, "g names a quantity and an observable"),
        (
            {"parameters": [Parameter(Symbol("c", positive=True), -1, Interval.open(0, oo), "ratio")]},
            "c = -1 is outside",
        ),
        ({"parameters": [Parameter(Symbol("c", positive=True), 1, S.Reals, "ratio")] * 2}, "same symbol"),
    ],
)
def test_a_wrong_declaration_is_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        declare(**changes)


# ---------------------------------------------------------------- files


def test_titles_cost_no_import():
    code = "import sys, models; models.titles(); sys.exit(any(m in sys.modules for m in ('sympy', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_user_file_is_a_theorem(user_file):
    theorem = models.load(user_file)
    assert (theorem.name, theorem.title) == ("my-theorem", "My own theorem")
    assert models.load(str(user_file)).parameters == theorem.parameters


def test_a_user_file_may_import_its_neighbours(user_file):
    (user_file.parent / "my_neighbour.py").write_text("ratio = 3\n")
    user_file.write_text("from my_neighbour import ratio\n" + USER_FILE.replace("Rational(1, 2)", "ratio"))
    assert models.load(user_file).parameters[0].default == 3
    assert str(user_file.parent) not in sys.path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\n", "defines no `theorem`; end the file with theorem = Theorem"),
        ("theorem = 3\n", "`theorem` is a int, not a Theorem"),
        ("x = 1\ny = (2\n", "line 2: '\\(' was never closed"),
        ("\n\nfoo\n", "line 3: NameError: name 'foo' is not defined"),
        ("from derive import dimensions\ndimensions('')\n", r"line 2: dimensions\(\) was given no name"),
        ("import a_module_that_is_not_there\n", "line 1: ModuleNotFoundError"),
    ],
)
def test_a_broken_user_file_is_reported_at_its_line(user_file, content, message):
    user_file.write_text(content)
    with pytest.raises(ResolventError, match=message):
        models.load(user_file)


def test_names_one_letter_off(user_file):
    with pytest.raises(ResolventError, match=r"no theorem is called semicirlce; did you mean semicircle\?"):
        models.load("semicirlce")
    with pytest.raises(ResolventError, match=r"my_theorm\.py does not exist; did you mean .*my_theorem\.py"):
        models.load(user_file.with_name("my_theorm.py"))
    with pytest.raises(ResolventError, match="is not a file"):
        models.load(str(user_file.parent) + "/")


def test_underscores_are_hyphens():
    assert models.load("free_sum").name == "free-sum"


def test_closest():
    assert closest("MARCHENKO_PASTUR", ["marchenko-pastur"]) == "did you mean marchenko-pastur?"
    assert closest("q", ["alpha", "beta"]) == "known: alpha, beta"
