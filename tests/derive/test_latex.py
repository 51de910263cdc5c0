"""The printed theorem: complete, safe to compile, inside the margins, and different when the model is."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from sympy import Identity, MatMul, Rational, Symbol, Trace, sqrt, symbols

from derive import Deterministic, Gaussian, Signal, Wigner, deterministic_equivalent, dimensions, limit
from derive.latex_layout import width
from derive.latex_names import Names, name_latex
from derive.latex_printer import TheoremPrinter

n, p, d, m, n1, n2 = dimensions("n p d m n1 n2")
c, lam, f, l, b, y, zeta, eta, p1, p2 = symbols("c lambda f l b y zeta eta p1 p2", positive=True)
z = Symbol("z")


def marchenko_pastur(real: bool = True):
    Z = Gaussian("Z", p, n, variance=1 / n, real=real)
    return limit(Trace((Z * Z.adjoint() + lam * Identity(p)).I) / p, {p: c * n})


def ridge():
    Z = Gaussian("Z", n, d, variance=1 / (n * l))
    S, T = (Deterministic(name, d, d, symmetric=True) for name in ("S", "Theta"))
    R = (Identity(d) + S * Z.T * Z * S).I
    return limit(
        {"bias": Trace(R * T * R * S**2) / d, "variance": Trace(R * S * Z.T * Z * S * R * S**2) / d}, {d: f * n}
    )


def two_groups(commuting=True):
    S1, S2 = (Deterministic(name, d, d, symmetric=True) for name in ("S1", "S2"))
    Z1, Z2 = Gaussian("Z1", n1, d, variance=1 / n), Gaussian("Z2", n2, d, variance=1 / n)
    M = S1 * Z1.T * Z1 * S1 + S2 * Z2.T * Z2 * S2
    regime = {d: f * n, n1: p1 * n, n2: p2 * n}
    return limit(l * Trace((l * Identity(d) + M).I) / d, regime, commuting=[(S1, S2)] if commuting else None)


def random_features():
    X, W = Gaussian("X", d, n, variance=1 / d), Gaussian("W", m, d, variance=zeta / m)
    F = W * X + Gaussian("T", m, n, variance=(eta - zeta) / m)
    K = (F.T * F + l * Identity(n)).I
    return limit({"tau1": Trace(K) / n, "tau2": Trace(X.T * X * K) / n}, {d: f * n, m: d / y})


def noncommuting():
    Z = Gaussian("Z", n, d, variance=1 / n)
    A, B, C = (Deterministic(name, d, d, symmetric=True) for name in "ABC")
    K = (Z.T * Z + C).I
    return limit(Trace(K * A * K * B) / d, {d: f * n})


def equivalent():
    Z = Gaussian("Z", n, d, variance=1 / n)
    A, C = (Deterministic(name, d, d, symmetric=True) for name in "AC")
    K = (Z.T * Z + C).I
    return deterministic_equivalent(K * A * K, {d: f * n})


def classifier():
    mu, labels, Z = Signal("mu", p), Signal("y", n, norm2=n), Gaussian("Z", p, n)
    X = mu * labels.T + Z
    Q = (X * X.T / n + lam * Identity(p)).I
    return limit({"mean": mu.T * Q * X * labels / n, "second": labels.T * X.T * Q * Q * X * labels / n**2}, {p: c * n})


def information_plus_noise():
    X = Deterministic("A", p, n) + Gaussian("Z", p, n, variance=1 / n)
    return limit(Trace((X * X.T - z * Identity(p)).I) / p, {p: c * n})


def complex_deformed():
    W, H = Wigner("W", n, variance=1 / n, real=False), Deterministic("H", n, n, hermitian=True, real=False)
    return limit(Trace((W + H - z * Identity(n)).I) / n)


def alignments(rho=None):
    Sigma, Z = Deterministic("Sigma", p, p, positive=True), Gaussian("Z", p, n, variance=1 / n)
    X, v, w = Sigma ** Rational(1, 2) * Z, Signal("v", p, norm2=1), Signal("w_star", p)
    Q = (X * X.T + lam * Identity(p)).I
    inner = {(v, w): rho} if rho is not None else None
    return limit({"overlap": v.T * Q * w, "self": v.T * Q * v}, {p: c * n}, inner=inner)


MODELS = [
    marchenko_pastur, ridge, two_groups, random_features, noncommuting, equivalent, classifier, information_plus_noise,
    complex_deformed, alignments,
]  # fmt: skip


def compiled(source: str, folder) -> str:
    """The log of pdflatex; no PDF is a failure."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed")
    (folder / "t.tex").write_text(source, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    log = (folder / "t.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith("!")]
    assert (folder / "t.pdf").stat().st_size > 10_000
    return log


def overfull(log: str) -> list[float]:
    return [float(x) for x in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_document_compiles_inside_the_margins(model, tmp_path):
    log = compiled(model().document(title=f"{model.__name__}: 100% & more"), tmp_path)
    assert [x for x in overfull(log) if x > 10] == []
    assert "Missing character" not in log


def test_an_unbroken_line_would_be_seen(tmp_path):
    source = noncommuting().document()
    assert source.count("\\\\\n&\\quad") >= 2
    log = compiled(source.replace("\\\\\n&\\quad", "").replace("\\\\\n  &\\quad", ""), tmp_path)
    assert max(overfull(log)) > 10


def test_the_theorem_alone_compiles(tmp_path):
    body = ridge().latex()
    preamble = r"\documentclass{article}\usepackage{amsmath,amssymb,amsthm}\newtheorem{theorem}{Theorem}"
    source = f"{preamble}\\begin{{document}}\\begin{{theorem}}\n{body}\n\\end{{theorem}}\n\\end{{document}}\n"
    compiled(source, tmp_path)


@pytest.mark.parametrize(
    ("model", "mentions"),
    [
        (marchenko_pastur, [r"p/n\to c", r"\mathbb{R}^{p\times n}", "variance $1/n$", "fourth moments", r"c, \lambda>0",
                            r"Q = (Z Z^{\top} + \lambda I)^{-1}", "$g>0$"]),
        (ridge, [r"\Theta\in", "symmetric", "bounded operator norm", "not assumed to commute", r"\text{bias}",
                 r"\text{variance}", r"\kappa>0", "1/(l n)"]),
        (two_groups, ["are independent", "commute, and the joint empirical distribution", r"n_{1}/n\to p_{1}",
                      r"\bar{Q}"]),
        (random_features, [r"m/n\to f/y", r"(\eta - \zeta)/m", r"F = T + W X", r"\text{tau1}"]),
        (noncommuting, ["not assumed to commute", "smallest singular value"]),
        (equivalent, ["deterministic equivalent", r"\overline{F}", "unit vectors"]),
        (classifier, [r"\lVert y\rVert^2=n", r"\lVert \mu\rVert", "deterministic vector", r"X = \mu y^{\top} + Z"]),
        (information_plus_noise, ["rectangular", "singular values", r"(M-z I)^{-1}", r"\operatorname{Im} z>0",
                                  "analytic continuation"]),
        (complex_deformed, [r"\mathbb{C}^{n\times n}", "complex Hermitian Wigner", "Hermitian, of", r"_{ij}^2=0"]),
        (alignments, ["positive semidefinite", r"w_{\star}", "bilinear forms", r"\Sigma^{1/2}"]),
    ],
    ids=lambda x: x.__name__ if callable(x) else "",
)  # fmt: skip
def test_every_assumption_is_stated(model, mentions):
    body = model().latex()
    assert [word for word in mentions if word not in body] == []
    assert "almost surely" in body.lower()
    assert "trace without normalisation" in body


def test_the_statement_follows_the_model():
    real, complex_ = marchenko_pastur().latex(), marchenko_pastur(real=False).latex()
    assert "real Gaussian" in real
    assert "complex Gaussian" in complex_
    assert r"Z^{\top}" in real
    assert r"Z Z^{*}" in complex_
    assert "commute" in two_groups(commuting=True).latex()
    assert "not assumed to commute" not in two_groups(commuting=True).latex()
    assert "not assumed to commute" in two_groups(commuting=False).latex()
    rho = Symbol("rho", real=True)
    assert r"is $\rho$" in alignments(rho).latex()
    assert "inner product" not in alignments().latex()


def test_an_undeclared_inner_product_is_explained():
    u, v, W = Signal("u", n, norm2=1), Signal("v", n, norm2=1), Wigner("W", n, variance=1 / n)
    body = limit(u.T * (W - z * Identity(n)).I * v).latex()
    assert r"\langle u,v\rangle" in body
    assert "inner_" not in body


def test_the_branch_is_stated_for_what_it_is():
    positive, off_axis, neither = marchenko_pastur().latex(), information_plus_noise().latex(), noncommuting().latex()
    assert "positive real part" in positive
    assert r"\operatorname{Im}" not in positive
    assert "positive real part" not in off_axis + neither
    assert "smallest singular value" in neither
    Z = Gaussian("Z", n, n, variance=1 / n)
    assert "smallest singular value" in limit(Trace((Z - z * Identity(n)).I) / n).latex()


def test_a_changed_system_is_printed_as_it_is():
    law = marchenko_pastur()
    system = law.system
    value = {name: 2 * v for name, v in system.values.items()}
    changed = law.with_system(type(system)(**{**vars(system), "values": value}))
    assert "2 g," in changed.latex()
    assert "2 g," not in law.latex()


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("lambda", r"\lambda"),
        ("Σ", r"\Sigma"),
        ("S1", "S_{1}"),
        ("tau_12", r"\tau_{12}"),
        ("w_star", r"w_{\star}"),
        ("noise_level", r"\mathrm{noise}_{\mathrm{level}}"),
        (r"\input{secret}", r"\text{\textbackslash{}input\{secret\}}"),
        ("a$b%c", r"\text{a\$b\%c}"),
        ("漢", r"\text{U+6F22}"),
    ],
)
def test_names_are_safe(name, latex):
    assert name_latex(name) == latex


def test_two_names_never_look_alike():
    names = Names(["S1", "S_1", "lambda", "λ"], {})
    assert len({names[x] for x in ("S1", "S_1", "lambda", "λ")}) == 4


def test_odd_names_compile(tmp_path):
    dim, rows = dimensions("n_samples N_1")
    ratio, noise, odd = (
        Symbol("aspect ratio", positive=True),
        Symbol("σ_noise", positive=True),
        Symbol("x%^&y", positive=True),
    )
    Z = Gaussian("Z#1", rows, dim, variance=noise / dim)
    law = limit({"my_value": odd * Trace((Z * Z.T + lam * Identity(rows)).I) / rows}, {rows: ratio * dim})
    log = compiled(law.document(title="$x^2$ {of} \\undefined"), tmp_path)
    assert [x for x in overfull(log) if x > 10] == []


def printed(expr, late=()):
    return TheoremPrinter(Names([], {}), late).doprint(expr)


def test_formulas_read_as_people_write_them():
    g, kappa, u, v = Symbol("g"), Symbol("kappa"), Signal("u", d), Signal("v", d)
    S, T = Deterministic("S", d, d, symmetric=True), Deterministic("T", d, d)
    inverse = (S**2 + kappa * Identity(d)).I
    trace = Trace(S**2 * inverse) / d
    assert (
        printed(l + f * kappa * trace, [kappa])
        == r"l + f \kappa\,\frac{1}{d}\operatorname{tr} S^{2} (\kappa I + S^{2})^{-1}"
    )
    assert printed(Trace(u.T * inverse * v)) == r"u^{\top} (\kappa I + S^{2})^{-1} v"
    assert printed(-1 / (g - z), [g]) == r"\frac{1}{z - g}"
    assert printed(-(1 + c * g) / (c * g * z + z - 1), [g]) == r"\frac{1 + c g}{1 - z - c z g}"
    assert printed(MatMul(-1, T.T, S)) == r"-T^{\top} S"
    assert printed(MatMul(l + g, Identity(d))) == r"(g + l) I_{d}"
    assert printed(kappa**2 * trace / (1 - f * trace)).startswith(r"\frac{\kappa^{2}\,\frac{1}{d}\operatorname{tr}")
    assert printed(sqrt(2) * g) == r"\sqrt{2} g"
    assert printed(trace**2).endswith(r"\right)^{2}")
    assert "cdot" not in printed(MatMul(1, S, T))


def test_width_grows_with_what_is_seen():
    assert width(r"\frac{a + b}{c}") < width("a + b + c")
    assert width(r"x_{1}^{2}") < width("x_{1} 2")
    assert width(r"\operatorname{tr} A") < width(r"\operatorname{tr} A B")


def test_notebooks_get_the_equations_and_the_value():
    for model in MODELS:
        cell = model()._repr_latex_()
        assert cell.startswith(r"$\displaystyle \begin{aligned}")
        assert cell.count(r"\begin") == cell.count(r"\end") == 1
