"""The six expressions whose derivation is timed, with fresh symbols on every call so that nothing is cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sympy import Identity, Symbol, Trace

from derive import Deterministic, Gaussian, dimensions

__all__ = ["cases"]

Case = Callable[[str], tuple[Any, dict]]


def _frame(tag: str) -> tuple[Any, ...]:
    n, d = dimensions(f"n{tag} d{tag}")
    f, l = Symbol(f"f{tag}", positive=True), Symbol(f"l{tag}", positive=True)
    S = Deterministic(f"S{tag}", d, d, symmetric=True)
    return n, d, f, l, S


def marchenko_pastur(tag: str) -> tuple[Any, dict]:
    n, d, f, l, _ = _frame(tag)
    Z = Gaussian(f"Z{tag}", n, d, variance=1 / (n * l))
    return Trace((Identity(d) + Z.T * Z).I) / d, {d: f * n}


def anisotropic(tag: str) -> tuple[Any, dict]:
    n, d, f, l, S = _frame(tag)
    X = Gaussian(f"Z{tag}", n, d, variance=1 / n) * S
    return Trace(l * (l * Identity(d) + X.T * X).I) / d, {d: f * n}


def _ridge(tag: str) -> tuple[Any, ...]:
    n, d, f, l, S = _frame(tag)
    X = Gaussian(f"Z{tag}", n, d, variance=1 / (n * l)) * S
    return n, d, f, S, X, (Identity(d) + X.T * X).I


def ridge_bias(tag: str) -> tuple[Any, dict]:
    n, d, f, S, _, R = _ridge(tag)
    Theta = Deterministic(f"Theta{tag}", d, d, symmetric=True)
    return Trace(R * Theta * R * S**2) / d, {d: f * n}


def ridge_variance(tag: str) -> tuple[Any, dict]:
    n, d, f, S, X, R = _ridge(tag)
    return Trace(R * X.T * X * R * S**2) / d, {d: f * n}


def two_groups(tag: str) -> tuple[Any, dict]:
    n, d, f, l, _ = _frame(tag)
    n1, n2 = dimensions(f"n1{tag} n2{tag}")
    p1, p2 = Symbol(f"p1{tag}", positive=True), Symbol(f"p2{tag}", positive=True)
    M = l * Identity(d)
    for size, k in ((n1, 1), (n2, 2)):
        X = Gaussian(f"Z{k}{tag}", size, d, variance=1 / n) * Deterministic(f"S{k}{tag}", d, d, symmetric=True)
        M += X.T * X
    return l * Trace(M.I) / d, {d: f * n, n1: p1 * n, n2: p2 * n}


def random_features(tag: str) -> tuple[Any, dict]:
    n, d, f, l, _ = _frame(tag)
    m = dimensions(f"m{tag}")
    y, zeta, eta = (Symbol(f"{s}{tag}", positive=True) for s in ("y", "zeta", "eta"))
    X = Gaussian(f"X{tag}", d, n, variance=1 / d)
    W = Gaussian(f"W{tag}", m, d, variance=zeta / m)
    T = Gaussian(f"T{tag}", m, n, variance=(eta - zeta) / m)
    F = W * X + T
    K = (F.T * F + l * Identity(n)).I
    return {"tau1": Trace(K) / n, "tau2": Trace(X.T * X * K) / n}, {d: f * n, m: d / y}


def cases() -> Iterator[tuple[str, Case]]:
    yield "Marchenko-Pastur resolvent", marchenko_pastur
    yield "anisotropic sample covariance", anisotropic
    yield "ridge bias", ridge_bias
    yield "ridge variance", ridge_variance
    yield "two groups", two_groups
    yield "linearised random features", random_features
