"""The table of limits the engine must derive, every row written down in several ways that mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import Identity, Inverse, MatAdd, MatMul, Rational, Symbol, Trace, Transpose, symbols

from derive import Deterministic, Gaussian, Limit, Wigner, atomic, dimensions, joint, limit
from tests.oracles import (
    marchenko_pastur,
    noncommuting,
    polynomials,
    random_features,
    ridge,
    sample_covariance,
    two_groups,
)

HALF = [0.5, 0.5]


@dataclass(frozen=True)
class Variant:
    """One spelling of a row: quantities, regime, parameters, and the values that are expected."""

    row: str
    spelling: str
    quantities: Mapping[str, Any]
    regime: Mapping[Any, Any]
    params: Mapping[Any, Any]
    expected: Mapping[str, float]
    declared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.row}-{self.spelling}"

    def law(self) -> Limit:
        return limit(self.quantities, self.regime, **self.declared)


def marchenko_pastur_rows() -> list[Variant]:
    n, d = dimensions("n d")
    f, l = symbols("f l", positive=True)
    I = Identity(d)
    params, expected = {f: 0.5, l: 0.1}, {"G": marchenko_pastur.SCALED_RESOLVENT}

    def variant(spelling, quantity, regime=None, params=params):
        return Variant("marchenko-pastur", spelling, {"G": quantity}, regime or {d: f * n}, params, expected)

    Z = Gaussian("Z", n, d, variance=1 / (n * l))
    wide = Gaussian("Z", d, n, variance=1 / (n * l))
    unit = Gaussian("Z", n, d)
    per_d = Gaussian("Z", n, d, variance=f / (d * l))
    a, b = dimensions("zeta_dim alpha_dim")
    ratio, size = symbols("A z", positive=True)
    other = Gaussian("Alpha", a, b, variance=1 / (a * size))
    return [
        variant("plain", Trace((I + Z.T * Z).I) / d),
        variant("reordered", Trace(Inverse(MatAdd(MatMul(Transpose(Z), Z), I, evaluate=False))) / d),
        variant("renamed", Trace((Identity(b) + other.T * other).I) / b, {b: ratio * a}, {ratio: 0.5, size: 0.1}),
        variant("other-base", Trace((I + Z.T * Z).I) / d, {n: d / f}),
        variant("transposed", Trace((I + wide * wide.T).I) / d),
        variant("ridge-outside", l * Trace((l * I + l * Z.T * Z).I) / d),
        variant("unit-entries", Trace((I + unit.T * unit / (n * l)).I) / d),
        variant("variance-per-d", Trace((I + per_d.T * per_d).I) / d),
        variant("twice-inverted", Trace(((I + Z.T * Z).I.I).I) / d),
        variant("by-the-complement", 1 - Trace((I + Z.T * Z).I * Z.T * Z) / d),
    ]


def anisotropic_rows() -> list[Variant]:
    n, d = dimensions("n d")
    f, l = symbols("f l", positive=True)
    I, regime = Identity(d), {d: f * n}
    S = Deterministic("S", d, d, symmetric=True)
    Sigma = Deterministic("Sigma", d, d, positive=True)
    Z = Gaussian("Z", n, d, variance=1 / n)
    root = Sigma ** Rational(1, 2)
    numbers = {f: 0.5, l: 0.3}
    by_s, by_sigma = {**numbers, S: atomic([1, 2])}, {**numbers, Sigma: atomic([1, 4])}
    array = {**numbers, S: np.diag([1.0, 2.0])}
    turned = {**numbers, Sigma: noncommuting.rotated(0.7, 1.0, 4.0)}

    def variant(spelling, quantity, params):
        expected = {"value": sample_covariance.SCALED_RESOLVENT}
        return Variant("anisotropic", spelling, {"value": quantity}, regime, params, expected)

    X, Y = Z * S, Z * root
    return [
        variant("plain", Trace(l * (l * I + S * Z.T * Z * S).I) / d, by_s),
        variant("by-X", l * Trace((l * I + X.T * X).I) / d, by_s),
        variant("array", l * Trace((X.T * X + l * I).I) / d, array),
        variant("square-root", l * Trace((l * I + Y.T * Y).I) / d, by_sigma),
        variant("rotated-array", l * Trace((l * I + Y.T * Y).I) / d, turned),
        # (l + S W S)^-1 = S^-1 (l S^-2 + W)^-1 S^-1
        variant("pulled-out", l * Trace(S.I * (l * S.I * S.I + Z.T * Z).I * S.I) / d, by_s),
        variant("sample-side", 1 - Trace(X * (l * I + X.T * X).I * X.T) / d, by_s),
    ]


def ridge_rows() -> list[Variant]:
    n, d = dimensions("n d")
    f, l = symbols("f l", positive=True)
    S, Theta = (Deterministic(name, d, d, symmetric=True) for name in ("S", "Theta"))
    B, A = (Deterministic(name, d, d, symmetric=True) for name in ("B", "A"))
    Z = Gaussian("Z", n, d, variance=1 / (n * l))
    expected = {"bias": ridge.BIAS, "variance": ridge.UNIT_VARIANCE}
    numbers = {f: 0.5, l: 0.3}
    law = joint({S: [1, 2], Theta: [2, 1]}, HALF)

    def quantities(S, Theta):
        R = (Identity(d) + S * Z.T * Z * S).I
        return {
            "bias": Trace(R * Theta * R * S * S) / d,
            "variance": Trace(R * S * Z.T * Z * S * R * S * S) / d,
        }

    R = (S * (Z.T * Z) * S + Identity(d)).I
    turned = {
        "variance": Trace(S**2 * R * (Z * S).T * Z * S * R) / d,
        "bias": Trace(R * S**2 * R * Theta) / d,
    }
    arrays = {**numbers, S: np.diag([1.0, 2.0]), Theta: np.diag([2.0, 1.0])}
    regime = {d: f * n}
    return [
        Variant("ridge", "plain", quantities(S, Theta), regime, arrays, expected),
        Variant("ridge", "joint-law", quantities(S, Theta), regime, {**numbers, (S, Theta): law}, expected),
        Variant(
            "ridge",
            "declared-family",
            quantities(S, Theta),
            regime,
            {**numbers, (S, Theta): atomic([(1, 2), (2, 1)])},
            expected,
            {"commuting": [(S, Theta)]},
        ),
        Variant("ridge", "rotated", turned, regime, arrays, expected),
        Variant(
            "ridge",
            "renamed",
            quantities(B, A),
            {n: d / f},
            {**numbers, B: np.diag([1.0, 2.0]), A: np.diag([2.0, 1.0])},
            expected,
        ),
        # R - R^2 = R (S Z'Z S) R
        Variant(
            "ridge",
            "variance-by-powers",
            {"bias": turned["bias"], "variance": Trace((R - R**2) * S**2) / d},
            regime,
            {**numbers, (S, Theta): law},
            expected,
        ),
    ]


def two_group_rows() -> list[Variant]:
    n, d, n1, n2 = dimensions("n d n1 n2")
    f, l, p1, p2 = symbols("f l p1 p2", positive=True)
    S1, S2 = (Deterministic(name, d, d, symmetric=True) for name in ("S1", "S2"))
    Z1, Z2 = Gaussian("Z1", n1, d, variance=1 / n), Gaussian("Z2", n2, d, variance=1 / n)
    regime = {d: f * n, n1: p1 * n, n2: p2 * n}
    numbers = {f: 0.5, l: 0.3, p1: 0.4, p2: 0.6}
    expected = {"value": two_groups.SCALED_RESOLVENT}
    first, second = S1 * Z1.T * Z1 * S1, S2 * Z2.T * Z2 * S2
    # written with the base d instead of n, variance and all
    based = {n: d / f, n1: p1 * n, n2: p2 * n}
    arrays = {**numbers, S1: np.diag([1.0, 2.0]), S2: np.diag([3**0.5, 0.5**0.5])}
    family = {**numbers, (S1, S2): atomic([(1, 3**0.5), (2, 0.5**0.5)], HALF)}

    def variant(spelling, matrix, params, regime=regime):
        return Variant("two-groups", spelling, {"value": l * Trace(matrix.I) / d}, regime, params, expected)

    I = l * Identity(d)
    return [
        variant("plain", first + second + I, arrays),
        variant("swapped", MatAdd(I, second, first, evaluate=False), arrays),
        variant("joint-law", second + (I + first), family),
        variant("other-base", first + second + I, family, based),
        variant("stacked", (Z1 * S1).T * (Z1 * S1) + (Z2 * S2).T * (Z2 * S2) + I, arrays),
    ]


def random_feature_rows() -> list[Variant]:
    n, d, m = dimensions("n d m")
    f, y, l, zeta, eta = symbols("f y l zeta eta", positive=True)
    X = Gaussian("X", d, n, variance=1 / d)
    W = Gaussian("W", m, d, variance=zeta / m)
    T = Gaussian("T", m, n, variance=(eta - zeta) / m)
    params = {f: 1.5, y: 0.8, l: 0.1, zeta: 0.25, eta: 0.5 - 1 / (2 * np.pi)}
    expected = {"t1": random_features.TAU_1, "t2": random_features.TAU_2}

    def variant(spelling, F, K, regime):
        quantities = {"t1": Trace(K) / n, "t2": Trace(X.T * X * K) / n}
        return Variant("random-features", spelling, quantities, regime, params, expected)

    F, I = W * X + T, l * Identity(n)
    expanded = X.T * W.T * W * X + T.T * T + X.T * W.T * T + T.T * W * X
    unit = Gaussian("U", m, d, variance=1 / m)
    G = zeta ** Rational(1, 2) * unit * X + T
    return [
        variant("plain", F, (F.T * F + I).I, {d: f * n, m: d / y}),
        variant("expanded", F, (expanded + I).I, {d: f * n, m: d / y}),
        variant("other-base", F, (I + F.T * F).I, {n: d / f, m: d / y}),
        variant("scaled-weights", G, (G.T * G + I).I, {d: f * n, m: f * n / y}),
    ]


def noncommuting_rows() -> list[Variant]:
    n, d = dimensions("n d")
    f = symbols("f", positive=True)
    A, B, C = (Deterministic(name, d, d, symmetric=True) for name in "ABC")
    Y, X, W = (Deterministic(name, d, d, symmetric=True) for name in "YXW")
    Z = Gaussian("Z", n, d, variance=1 / n)

    def params(A, B, C):
        return {f: "2/3", A: noncommuting.A, B: noncommuting.B, C: noncommuting.C}

    def variant(spelling, quantity, params):
        expected = {"value": noncommuting.VALUE}
        return Variant("noncommuting", spelling, {"value": quantity}, {d: f * n}, params, expected)

    K, L = (Z.T * Z + C).I, (W + Z.T * Z).I
    return [
        variant("plain", Trace(K * A * K * B) / d, params(A, B, C)),
        variant("rotated", Trace(K * B * K * A) / d, params(A, B, C)),
        variant("transposed", Trace(B * K.T * A * K) / d, params(A, B, C)),
        variant("renamed", Trace(L * Y * L * X) / d, params(Y, X, W)),
    ]


def anticommutator_rows() -> list[Variant]:
    n, z = dimensions("n"), Symbol("z")
    W1, W2 = Wigner("W1", n, variance=1 / n), Wigner("W2", n, variance=1 / n)
    V, U = Wigner("V", n, variance=1 / n), Wigner("U", n, variance=1 / n)
    I = Identity(n)
    point = 0.7 + 0.4j

    def variant(spelling, matrix):
        # (M - z)^-1 here, (z - M)^-1 in the source
        expected = {"value": -polynomials.anticommutator(point)}
        return Variant("anticommutator", spelling, {"value": Trace(matrix.I) / n}, {}, {z: point}, expected)

    plus, minus = V + U, V - U
    return [
        variant("plain", W1 * W2 + W2 * W1 - z * I),
        variant("swapped", -z * I + W2 * W1 + W1 * W2),
        variant("renamed", V * U + U * V - z * I),
        # (V + U)^2/2 - (V - U)^2/2
        variant("as-squares", (plus * plus - minus * minus) / 2 - z * I),
    ]


ROWS = {
    "marchenko-pastur": marchenko_pastur_rows(),
    "anisotropic": anisotropic_rows(),
    "ridge": ridge_rows(),
    "two-groups": two_group_rows(),
    "random-features": random_feature_rows(),
    "noncommuting": noncommuting_rows(),
    "anticommutator": anticommutator_rows(),
}
VARIANTS = [variant for rows in ROWS.values() for variant in rows]
