"""Self-adjoint matrices whose spectra the tests ask for, with parameters at which they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sympy import Identity, MatrixExpr, Rational, Symbol, symbols

from derive import Deterministic, Gaussian, Spectrum, Wigner, atomic, dimensions, spectrum

n, p, r = dimensions("n p r")
c, b = symbols("c b", positive=True)
x = Symbol("x")
X = Gaussian("X", p, n, variance=1 / n)
Y = Gaussian("Y", n, r, variance=1 / r)
V, W = (Wigner(name, n, variance=1 / n) for name in "VW")
U = Wigner("U", p, variance=1 / p)
A = Deterministic("A", n, n, symmetric=True)
B = Deterministic("B", p, p, symmetric=True)
D = Deterministic("D", n, n, symmetric=True)
S = Deterministic("Sigma", p, p, positive=True)
SQUARE = tuple(Gaussian(f"G_{k}", n, n, variance=1 / n) for k in (1, 2, 3))
HALF = Rational(1, 2)
ROOT = S**HALF


@dataclass(frozen=True)
class Model:
    matrix: MatrixExpr
    regime: dict[Any, Any] = field(default_factory=dict)
    params: dict[Any, Any] = field(default_factory=dict)

    def law(self) -> Spectrum:
        return spectrum(self.matrix, self.regime)


G1, G2, G3 = SQUARE
MODELS = {
    "semicircle": Model(W),
    "marchenko-pastur": Model(X * X.T, {p: c * n}, {c: HALF}),
    "companion": Model(X.T * X, {p: c * n}, {c: HALF}),
    "marchenko-pastur-wide": Model(X * X.T, {p: c * n}, {c: 2}),
    "marchenko-pastur-square": Model(X * X.T, {p: c * n}, {c: 1}),
    "two-atoms": Model(ROOT * X * X.T * ROOT, {p: c * n}, {c: HALF, S: atomic([1, 5])}),
    "two-atoms-companion": Model(X.T * S * X, {p: c * n}, {c: HALF, S: atomic([1, 5])}),
    "anticommutator": Model(V * W + W * V),
    "fuss-catalan-2": Model(G1 * G2 * G2.T * G1.T),
    "fuss-catalan-3": Model(G1 * G2 * G3 * G3.T * G2.T * G1.T),
    "inverse-wishart": Model((X * X.T).I, {p: c * n}, {c: HALF}),
    "law-plus-wishart": Model(B + X * X.T, {p: c * n}, {c: HALF, B: atomic([1, 5])}),
    "law-plus-wigner": Model(A + W, {}, {A: atomic([-2, -1, 1], ["1/2", "1/4", "1/4"])}),
    "wigner-plus-wishart": Model(U + X * X.T, {p: c * n}, {c: HALF}),
    "wishart-times-wishart": Model(X * Y * Y.T * X.T, {p: c * n, r: b * n}, {c: HALF, b: "3/2"}),
    "one-mask": Model(G1 * D * G2 * G2.T * D * G1.T, {}, {D: atomic([0, 1])}),
    "two-masks": Model(D * G1 * D * G2 * G2.T * D * G1.T * D, {}, {D: atomic([0, 1])}),
    "inverse-of-a-wigner": Model(W.I),
    "smoother": Model((X.T * X + Identity(n)).I * X.T * X, {p: c * n}, {c: HALF}),
}
