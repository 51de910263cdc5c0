"""Expressions of every kind the engine reads, with a sampler of the finite model each of them describes.

A sampler builds one realisation of size N with NumPy alone; nothing of the engine is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.linalg import inv
from sympy import I as imaginary
from sympy import Identity, Rational, Symbol, Trace, symbols
from sympy.matrices.expressions import Adjoint

from derive import Deterministic, Gaussian, Signal, Wigner, atomic, dimensions, joint

n, p, m = dimensions("n p m")
c, b, l = symbols("c b l", positive=True)
z, w = Symbol("z"), Symbol("w")
rho = Symbol("rho", real=True)
In, Ip = Identity(n), Identity(p)
P = {p: c * n}

X = Gaussian("X", p, n, variance=1 / n)
XC = Gaussian("X", p, n, variance=1 / n, real=False)
Y = Gaussian("Y", n, m, variance=1 / m)
Y2 = Gaussian("Y", p, n, variance=1 / n)
Z, Z2 = Gaussian("Z", n, n, variance=1 / n), Gaussian("Z2", n, n, variance=1 / n)
W, W2 = Wigner("W", n, variance=1 / n), Wigner("W2", n, variance=1 / n)
WC = Wigner("W", n, variance=1 / n, real=False)
A, B, T = (Deterministic(name, n, n, symmetric=True) for name in "ABT")
C = Deterministic("C", p, p)
H, J = (Deterministic(name, n, n, hermitian=True, real=False) for name in "HJ")
HP = Deterministic("H", p, p, hermitian=True, real=False)
R = Deterministic("R", p, n)
S = Deterministic("S", p, p, symmetric=True)
Sigma = Deterministic("Sigma", p, p, positive=True)
root = Sigma ** Rational(1, 2)
u, v = Signal("u", n, norm2=1), Signal("v", n, norm2=1)
mu, y = Signal("mu", p), Signal("y", n, norm2=n)


# -- sampling ---------------------------------------------------------------------------------------------------------


def gauss(rng, rows, cols, variance, cplx=False):
    if cplx:
        return np.sqrt(variance / 2) * (rng.standard_normal((rows, cols)) + 1j * rng.standard_normal((rows, cols)))
    return np.sqrt(variance) * rng.standard_normal((rows, cols))


def wigner(rng, N, cplx=False):
    g = gauss(rng, N, N, 1 / N, cplx)
    return (g + g.conj().T) / np.sqrt(2)


def pair(rng, N, overlap):
    """Two delocalised unit vectors with the given inner product."""
    q = np.linalg.qr(rng.standard_normal((N, 2)))[0]
    return q[:, 0], q @ [overlap, np.sqrt(1 - overlap**2)]


def blow_up(small, N):
    """small (x) identity, N rows."""
    return np.kron(small, np.eye(N // len(small)))


def atoms(values, N):
    return np.diag(np.repeat(np.asarray(values, float), N // len(values)))


def half(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values)) @ vectors.conj().T


def tr(matrix):
    return np.trace(matrix) / len(matrix)


# -- cases ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A quantity, where to evaluate it, and one sample of it at size N."""

    quantity: Any
    regime: Mapping[Any, Any]
    params: Mapping[Any, Any]
    sample: Callable[[np.random.Generator, int], complex]
    declared: Mapping[str, Any] = field(default_factory=dict)


H2 = np.array([[1, 0.5j], [-0.5j, 2]])
J2 = np.array([[0, 1], [1, 0.3]])
S2 = np.array([[2, 0.7], [0.7, 1]])
B2 = np.array([[1, 0.3], [0.3, -1]])
C2 = np.array([[1, 0.5], [-0.2, 0.7]])


def covariance(rng, N, ratio, left=None):
    x = gauss(rng, int(ratio * N), N, 1 / N)
    return x if left is None else left @ x


def _xyyx(rng, N):
    x, g = gauss(rng, N // 2, N, 1 / N), gauss(rng, N, 4 * N // 5, 1.25 / N)
    return tr(inv(x @ g @ g.T @ x.T + 0.3 * np.eye(N // 2)))


def _nested(rng, N):
    x, d = covariance(rng, N, 0.5), atoms([1, 2], N)
    return tr(inv(0.3 * np.eye(N // 2) + x @ inv(d + x.T @ x) @ x.T))


def _rectangle(N):
    a = np.zeros((N // 2, N))
    np.fill_diagonal(a, np.repeat([1.0, 2.0], N // 4))
    return a


def _information(rng, N):
    x = covariance(rng, N, 0.5) + _rectangle(N)
    return tr(inv(x @ x.T + 0.4 * np.eye(N // 2)))


def _information_cross(rng, N):
    a = _rectangle(N)
    x = covariance(rng, N, 0.5) + a
    return tr(inv(x @ x.T + 0.4 * np.eye(N // 2)) @ a @ x.T)


def _complex(rng, N):
    x, h = gauss(rng, N // 2, N, 1 / N, True), blow_up(H2, N // 2)
    return tr(inv(x @ x.conj().T + h + 0.3 * np.eye(N // 2)) @ h)


def _complex_wigner(rng, N):
    h, j = blow_up(H2, N), blow_up(J2, N)
    q = inv(wigner(rng, N, True) + h - 3j * np.eye(N))
    return tr(q @ j @ q @ h)


def _transposed(cplx):
    def sample(rng, N):
        h = blow_up(H2, N)
        q = inv(wigner(rng, N, cplx) + h - 3j * np.eye(N))
        return tr(q @ h @ q.T @ h)

    return sample


def _square_sum(rng, N):
    g = gauss(rng, N, N, 1 / N)
    return tr(inv(g + g.T + atoms([1, 2], N) + 5 * np.eye(N)))


def _shifted_square(rng, N):
    g = gauss(rng, N, N, 1 / N) + 2 * np.eye(N)
    return tr(inv(g @ g.T + 0.3 * np.eye(N)))


def _square_form(rng, N):
    g = gauss(rng, N, N, 1 / N)
    return tr(g @ inv(g + 3 * np.eye(N)) @ inv(g.T + 3 * np.eye(N)) @ g.T)


def _two_squares(rng, N):
    g = gauss(rng, N, N, 1 / N) @ gauss(rng, N, N, 1 / N)
    return tr(inv(g + g.T - 4j * np.eye(N)))


def _cube(rng, N):
    g = wigner(rng, N)
    return tr(inv(g @ g @ g - 3j * np.eye(N)))


def _dressed(rng, N):
    g, a = wigner(rng, N), atoms([1, -2], N)
    return tr(inv(g @ a @ g + a - 3j * np.eye(N)))


def _two_points(rng, N):
    g = wigner(rng, N)
    return tr(inv(g - 3 * np.eye(N)) @ g @ inv(g + 2.5 * np.eye(N)) @ g)


def _both_sides(rng, N):
    x = covariance(rng, N, 0.5)
    return tr(inv(x @ x.T + 0.3 * np.eye(N // 2)) @ x @ inv(x.T @ x + 0.7 * np.eye(N)) @ x.T)


def _square_root(rng, N):
    s = atoms([1, 4], N // 2)
    x = covariance(rng, N, 0.5, half(s))
    return tr(inv(x @ x.T + 0.3 * np.eye(N // 2)) @ s @ half(s))


def _square_root_array(rng, N):
    s, r = blow_up(S2, N // 2), blow_up(half(S2), N // 2)
    x = covariance(rng, N, 0.5, r)
    q = inv(x @ x.T + 0.3 * np.eye(N // 2))
    return tr(q @ blow_up(B2, N // 2) @ inv(q @ s @ q + np.eye(N // 2)))


def _general(rng, N):
    k = blow_up(C2, N // 2)
    x = covariance(rng, N, 0.5, k)
    return tr(inv(x @ x.T + 0.3 * np.eye(N // 2)) @ k)


def _weights(rng, N):
    x, t = covariance(rng, N, 0.5, half(atoms([1, 4], N // 2))), atoms([1, -0.5, 2], N)
    # the signs are mixed over the samples: order does not matter, as the columns are exchangeable
    return tr(inv(x @ t @ x.T - 3j * np.eye(N // 2)))


def _fisher(rng, N):
    x, g = covariance(rng, N, 0.5), covariance(rng, N, 0.5)
    return tr(inv(inv(g @ g.T + 0.2 * np.eye(N // 2)) @ x @ x.T + np.eye(N // 2)))


def _commutator(rng, N):
    a, d = wigner(rng, N), wigner(rng, N)
    return tr(inv(1j * (a @ d - d @ a) - 3j * np.eye(N)))


def _family(rng, N):
    s = np.repeat([1.0, 4.0], N // 4)
    t = np.repeat([2.0, 0.5], N // 4)
    x = covariance(rng, N, 0.5, np.diag(np.sqrt(s)))
    q = inv(x @ x.T + np.diag(t))
    return tr(q @ np.diag(s * t) @ q)


def spiked(rng, N, beta=1.5, point=3.5, overlap=0.6):
    g, (a, d) = wigner(rng, N), pair(rng, N, overlap)
    return g, a, d, inv(g + beta * np.outer(a, a) - point * np.eye(N))


def _spike(rng, N):
    _, a, _, q = spiked(rng, N)
    return a @ q @ a


def _other_direction(rng, N):
    _, _, d, q = spiked(rng, N)
    return d @ q @ q @ d


def _noise_inside(rng, N):
    g, _, d, q = spiked(rng, N)
    return d @ q @ g @ q @ d


def _rank_one_trace(rng, N):
    _, a, d, q = spiked(rng, N)
    return np.trace(q @ np.outer(a, d) @ q)


def _product_of_forms(rng, N):
    _, a, d, q = spiked(rng, N)
    return (a @ q @ a) * (a @ q @ d)


def _two_spikes(rng, N):
    g, (a, d) = wigner(rng, N), pair(rng, N, 0.6)
    low_rank = 1.5 * np.outer(a, a) - np.outer(d, d) + 0.5 * (np.outer(a, d) + np.outer(d, a))
    return a @ inv(g + low_rank - 4 * np.eye(N)) @ d


def _bulk_of_a_spike(rng, N):
    _, a, _, q = spiked(rng, N)
    return tr(q @ (atoms([1, 2], N) + np.outer(a, a)))


def _labels(rng, N):
    labels, mean = rng.choice([-1.0, 1.0], N), rng.standard_normal(N // 2)
    mean *= 0.9 / np.linalg.norm(mean)
    x = np.outer(mean, labels) + rng.standard_normal((N // 2, N))
    return mean, labels, x, inv(x @ x.T / N + 0.5 * np.eye(N // 2))


def _score_mean(rng, N):
    mean, labels, x, q = _labels(rng, N)
    return mean @ q @ x @ labels / N


def _score_second(rng, N):
    _, labels, x, q = _labels(rng, N)
    return labels @ x.T @ q @ q @ x @ labels / N**2


def _labels_dual(rng, N):
    _, labels, x, _ = _labels(rng, N)
    return labels @ inv(x.T @ x / N + 0.5 * np.eye(N)) @ labels / N


def _aligned(rng, N):
    s = np.repeat([1.0, 4.0], N // 4)
    x = covariance(rng, N, 0.5, np.diag(np.sqrt(s)))
    direction = np.where(s == 1.0, 1.0, 0.0) / np.sqrt(N // 4)
    q = inv(x @ x.T + 0.3 * np.eye(N // 2))
    return direction @ q @ np.diag(s) @ q @ direction


def _master_inverse(rng, N):
    g, (a, _) = wigner(rng, N), pair(rng, N, 0.6)
    value = a @ inv(g - 3 * np.eye(N)) @ a
    return a @ inv(g + np.outer(a, a) / value - 3 * np.eye(N)) @ a


Qu = (W + b * u * u.T - z * In).I
QX = (root * X * X.T * root + l * Ip).I
XL = mu * y.T + Gaussian("X", p, n)
QL = (XL * XL.T / n + l * Ip).I
SPIKE = {b: 1.5, z: 3.5, rho: 0.6}
OVERLAP = {"inner": {(v, u): rho}}
LABELS = {c: 0.5, l: 0.5, "norm2_mu": 0.81}
TWO = Rational(3, 2) * u * u.T - v * v.T + (u * v.T + v * u.T) / 2

CASES = {
    "product": Case(Trace((X * Y * Y.T * X.T + l * Ip).I) / p, {**P, m: b * n}, {c: 0.5, b: 0.8, l: 0.3}, _xyyx),
    "nested": Case(Trace((l * Ip + X * (B + X.T * X).I * X.T).I) / p, P, {c: 0.5, l: 0.3, B: atomic([1, 2])}, _nested),
    "information": Case(
        Trace(((R + X) * (R + X).T + l * Ip).I) / p, P, {c: 0.5, l: 0.4, R: atomic([1, 2])}, _information
    ),
    "information-array": Case(
        Trace(((R + X) * (R + X).T + l * Ip).I) / p,
        P,
        {c: 0.5, l: 0.4, R: [[1, 0, 0, 0], [0, 2, 0, 0]]},
        _information,
    ),
    "information-cross": Case(
        Trace(((R + X) * (R + X).T + l * Ip).I * R * (R + X).T) / p,
        P,
        {c: 0.5, l: 0.4, R: atomic([1, 2])},
        _information_cross,
    ),
    "complex-gaussian": Case(Trace((XC * Adjoint(XC) + HP + l * Ip).I * HP) / p, P, {c: 0.5, l: 0.3, HP: H2}, _complex),
    "complex-wigner": Case(
        Trace((WC + H - z * In).I * J * (WC + H - z * In).I * H) / n, {}, {z: 3j, H: H2, J: J2}, _complex_wigner
    ),
    "transpose-of-complex": Case(
        Trace((WC + H - z * In).I * H * (WC + H - z * In).I.T * H) / n, {}, {z: 3j, H: H2}, _transposed(True)
    ),
    "transpose-of-real-noise": Case(
        Trace((W + H - z * In).I * H * (W + H - z * In).I.T * H) / n, {}, {z: 3j, H: H2}, _transposed(False)
    ),
    "square-sum": Case(Trace((Z + Z.T + A + 5 * In).I) / n, {}, {A: atomic([1, 2])}, _square_sum),
    "shifted-square": Case(Trace(((Z + 2 * In) * (Z + 2 * In).T + l * In).I) / n, {}, {l: 0.3}, _shifted_square),
    "square-form": Case(Trace(Z * (Z + 3 * In).I * (Z.T + 3 * In).I * Z.T) / n, {}, {}, _square_form),
    "two-squares": Case(Trace((Z * Z2 + Z2.T * Z.T - z * In).I) / n, {}, {z: 4j}, _two_squares),
    "cube": Case(Trace((W**3 - z * In).I) / n, {}, {z: 3j}, _cube),
    "dressed": Case(Trace((W * A * W + A - z * In).I) / n, {}, {z: 3j, A: atomic([1, -2])}, _dressed),
    "two-points": Case(Trace((W - z * In).I * W * (W - w * In).I * W) / n, {}, {z: 3, w: -2.5}, _two_points),
    "both-sides": Case(
        Trace((X * X.T + l * Ip).I * X * (X.T * X + b * In).I * X.T) / p, P, {c: 0.5, l: 0.3, b: 0.7}, _both_sides
    ),
    "square-root": Case(
        Trace(QX * Sigma ** Rational(3, 2)) / p, P, {c: 0.5, l: 0.3, Sigma: atomic([1, 4])}, _square_root
    ),
    "square-root-array": Case(
        Trace(QX * S * (QX * Sigma * QX + Ip).I) / p, P, {c: 0.5, l: 0.3, Sigma: S2, S: B2}, _square_root_array
    ),
    "general-deterministic": Case(Trace((C * X * X.T * C.T + l * Ip).I * C) / p, P, {c: 0.5, l: 0.3, C: C2}, _general),
    "weighted-samples": Case(
        Trace((root * X * T * X.T * root - z * Ip).I) / p,
        P,
        {c: 0.5, z: 3j, Sigma: atomic([1, 4]), T: atomic([1, "-1/2", 2])},
        _weights,
    ),
    "fisher": Case(Trace(((Y2 * Y2.T + Ip / 5).I * X * X.T + Ip).I) / p, P, {c: 0.5}, _fisher),
    "commutator": Case(Trace((imaginary * (W * W2 - W2 * W) - z * In).I) / n, {}, {z: 3j}, _commutator),
    "commuting-family": Case(
        Trace((root * X * X.T * root + S).I * S * Sigma * (root * X * X.T * root + S).I) / p,
        P,
        {c: 0.5, (Sigma, S): joint({Sigma: [1, 4], S: [2, "1/2"]})},
        _family,
        {"commuting": [(Sigma, S)]},
    ),
    "spike": Case(u.T * Qu * u, {}, {b: 1.5, z: 3.5}, _spike),
    "other-direction": Case(v.T * Qu * Qu * v, {}, SPIKE, _other_direction, OVERLAP),
    "other-direction-undeclared": Case(v.T * Qu * Qu * v, {}, {b: 1.5, z: 3.5, "inner_u_v": 0.6}, _other_direction),
    "noise-inside": Case(v.T * Qu * W * Qu * v, {}, SPIKE, _noise_inside, OVERLAP),
    "rank-one-trace": Case(Trace(Qu * u * v.T * Qu), {}, SPIKE, _rank_one_trace, OVERLAP),
    "product-of-forms": Case(u.T * Qu * u * u.T * Qu * v, {}, SPIKE, _product_of_forms, OVERLAP),
    "two-spikes": Case(u.T * (W + TWO - z * In).I * v, {}, {z: 4, rho: 0.6}, _two_spikes, OVERLAP),
    "bulk-of-a-spike": Case(Trace(Qu * (A + u * u.T)) / n, {}, {b: 1.5, z: 3.5, A: atomic([1, 2])}, _bulk_of_a_spike),
    "inverse-of-a-form": Case(
        u.T * (W + u * (u.T * (W - z * In).I * u).I * u.T - z * In).I * u, {}, {z: 3}, _master_inverse
    ),
    "score-mean": Case(mu.T * QL * XL * y / n, P, LABELS, _score_mean),
    "score-second": Case(y.T * XL.T * QL * QL * XL * y / n**2, P, LABELS, _score_second),
    "labels-dual": Case(y.T * (XL.T * XL / n + l * In).I * y / n, P, LABELS, _labels_dual),
    "aligned-signal": Case(
        mu.T * QX * Sigma * QX * mu,
        P,
        {c: 0.5, l: 0.3, (Sigma, mu): joint({Sigma: [1, 4], mu: [2**0.5, 0]})},
        _aligned,
    ),
    "aligned-signal-array": Case(
        mu.T * QX * Sigma * QX * mu, P, {c: 0.5, l: 0.3, Sigma: np.diag([1, 4]), mu: [1, 0]}, _aligned
    ),
}
