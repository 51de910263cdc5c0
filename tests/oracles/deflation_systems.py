"""Deflation of two correlated spikes in order 3: the published system, and the systems completed, solved by SciPy.

Sources as for :mod:`.deflation`; the completed systems are those of ``theorems/tensors.md``, section 8, with an inner
product of the spikes for every mode. Nothing here imports the engine.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, root

from .deflation import BALANCED, Hotelling, Orthogonalised, Triple

OTHERS = np.array([[1, 2], [0, 2], [0, 1]])


def traces(z: float, c: Triple) -> np.ndarray:
    """g_k(z) of one noise on all modes: g_k**2 - (g + z) g_k - c_k = 0, from s = z + g above the edge."""
    c = np.asarray(c)

    def g(s: float) -> np.ndarray:
        return (s - np.sqrt(s**2 + 4 * c)) / 2

    lowest = brentq(lambda s: np.sum(1 - s / np.sqrt(s**2 + 4 * c)) - 2, 0, 10)
    return g(brentq(lambda s: s - np.sum(g(s)) - z, lowest, z, xtol=1e-15))


def hotelling_residuals(row: Hotelling, *, joint: bool) -> np.ndarray:
    """Residuals of step 1 and of step 2, with the joint-resolvent traces (completed) or without (published)."""
    gram = _grams(row.alpha)
    one = _step_1(np.array([row.lambda_1, *np.ravel(row.rho_step1)]), row.beta, gram, row.c)
    unknowns = np.concatenate([[row.lambda_2], *row.rho_step2, row.eta])
    first = _First(row.lambda_1, np.array(row.rho_step1), traces(row.lambda_1, row.c))
    return np.concatenate([one, _step_2(unknowns, first, row.beta, gram, row.c, joint)])


def hotelling(beta: tuple[float, float], alpha: float | Triple, c: Triple, *, joint: bool) -> Hotelling:
    """Solve the published (``joint=False``) or the completed system, from the tensor without noise."""
    gram, frames, tensor = _noiseless(beta, alpha)
    value, u = _best(tensor, frames)
    second, v = _best(tensor - value * np.einsum("a,b,c->abc", *u), frames)
    first = _first(beta, gram, c, value, frames, u)
    begin = np.array([second, *_overlaps(frames, v).ravel(), *(a @ b for a, b in zip(u, v, strict=True))])
    found = _solved(lambda x: _step_2(x, first, beta, gram, c, joint), begin)
    parts = [tuple(found[a:b]) for a, b in pairwise((1, 4, 7, 10))]
    rho = tuple(map(tuple, first.rho))
    return Hotelling(beta, alpha, c, first.value, found[0], rho, (parts[0], parts[1]), parts[2])


def orthogonalised(
    beta: tuple[float, float], alpha: float | Triple, gamma: float, c: Triple = BALANCED
) -> tuple[Orthogonalised, np.ndarray]:
    """Solve the completed system of the orthogonalised deflation; with it the overlaps of step 1, (spikes, modes)."""
    gram, frames, tensor = _noiseless(beta, alpha)
    value, u = _best(tensor, frames)
    first = _first(beta, gram, c, value, frames, u)
    weight = np.eye(2) - gamma * np.outer(u[0], u[0])
    second, v = _best(np.einsum("da,abc->dbc", weight, tensor), frames)
    kappa = np.einsum("abc,a,b,c", tensor, u[0], v[1], v[2])
    eta = [a @ b for a, b in zip(u, v, strict=True)]
    begin = np.array([second, kappa, *_overlaps(frames, v).ravel(), *eta, *(-np.asarray(c) / second)])
    x = _solved(lambda x: _projected(x, first, beta, gram, gamma, c), begin)
    rho = x[2:8].reshape(2, 3)
    pairs = [tuple(rho[:, k]) for k in range(3)]
    return Orthogonalised(beta, alpha, gamma, first.value, x[0], *pairs, tuple(x[8:11]), x[1]), first.rho


class _First(NamedTuple):
    """Step 1, solved: the singular value, the overlaps (spikes, modes) and the traces at the singular value."""

    value: float
    rho: np.ndarray
    g: np.ndarray


def _grams(alpha: float | Triple) -> np.ndarray:
    """The Gram matrices of the spikes, (modes, 2, 2)."""
    return np.array([[[1, a], [a, 1]] for a in np.broadcast_to(alpha, 3)])


def _noiseless(beta, alpha):
    gram = _grams(alpha)
    frames = np.linalg.cholesky(gram)
    return gram, frames, np.einsum("i,ia,ib,ic->abc", beta, *frames)


def _overlaps(frames: np.ndarray, u) -> np.ndarray:
    return np.stack([frame @ v for frame, v in zip(frames, u, strict=True)], axis=1)


def _best(tensor: np.ndarray, frames: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The best rank-one approximation, from every spike; overlaps with the nearest spike positive."""
    found = []
    for spike in (0, 1):
        u = [frame[spike] for frame in frames]
        for _ in range(1000):
            for mode, letters in enumerate(("abc,b,c->a", "abc,a,c->b", "abc,a,b->c")):
                v = np.einsum(letters, tensor, *(w for k, w in enumerate(u) if k != mode))
                value = float(np.linalg.norm(v))
                u[mode] = v / value
        found.append((value, u))
    value, u = max(found, key=lambda pair: pair[0])
    rho = _overlaps(frames, u)
    nearest = np.sign(rho[np.argmax(np.abs(np.prod(rho, axis=1)))])
    return value, [s * v for s, v in zip(nearest, u, strict=True)]


def _first(beta, gram, c, value: float, frames: np.ndarray, u) -> _First:
    begin = np.array([value, *_overlaps(frames, u).ravel()])
    x = _solved(lambda x: _step_1(x, beta, gram, c), begin)
    return _First(x[0], x[1:].reshape(2, 3), traces(x[0], c))


def _solved(function, begin: np.ndarray) -> np.ndarray:
    found = root(function, begin, tol=1e-13)
    residual = np.max(np.abs(function(found.x)))
    if residual > 1e-9:
        raise ArithmeticError(f"the system was not solved: residual {residual:.2g}")
    return found.x


def _others(x: np.ndarray) -> np.ndarray:
    """Per mode, the product over the two other modes."""
    return np.prod(x[..., OTHERS], axis=-1)


def _step_1(x, beta, gram, c) -> np.ndarray:
    value, rho = x[0], x[1:].reshape(2, 3)
    beta, g = np.asarray(beta), traces(value, c)
    lhs = (value + np.sum(g) - g) * rho
    rhs = np.einsum("i,mki,im->km", beta, gram, _others(rho))
    return np.concatenate([[value + np.sum(g) - np.sum(beta * np.prod(rho, axis=-1))], (lhs - rhs).ravel()])


def _step_2(x, first: _First, beta, gram, c, joint: bool) -> np.ndarray:
    value, rho, eta = x[0], x[1:7].reshape(2, 3), x[7:]
    beta, g = np.asarray(beta), traces(value, c)
    pi = _others(eta)
    exchange = np.array([[0, eta[2], eta[1]], [eta[2], 0, eta[0]], [eta[1], eta[0], 0]])
    tau = np.linalg.inv(np.diag(np.asarray(c) / (first.g * g)) - exchange)
    theta = tau @ pi if joint else np.zeros(3)
    push, others = pi + exchange @ theta, _others(rho)
    h = value + np.sum(g) - g
    top = value + np.sum(g) + first.value * (np.prod(eta) + pi @ theta) - np.sum(beta * np.prod(rho, axis=-1))
    overlaps = h * rho + first.value * first.rho * push - np.einsum("i,mki,im->km", beta, gram, others)
    between = h * eta + first.g * pi + first.value * push - np.einsum("i,im,im->m", beta, first.rho, others)
    return np.concatenate([[top], overlaps.ravel(), between])


def _projected(x, first: _First, beta, gram, gamma: float, c) -> np.ndarray:
    """Residuals in (lambda_2, kappa, rho, eta, g)."""
    value, kappa, rho, eta, g = x[0], x[1], x[2:8].reshape(2, 3), x[8:11], x[11:]
    beta, c = np.asarray(beta), np.asarray(c)
    (ru, rv, rw), (su, sv, sw) = rho.T, first.rho.T
    (eu, ev, ew), (f1, f2, f3), (g1, g2, g3) = eta, first.g, g
    nu = 1 - 2 * gamma * eu**2 + gamma**2 * eu**2
    omega, rest = kappa + eu * value, ru - gamma * eu * su
    exchange = np.array([[0, ew, ev], [ew, 0, (1 - gamma) * eu], [ev, (1 - gamma) * eu, 0]])
    tau = np.linalg.inv(np.diag(c / (first.g * g)) - exchange)
    cross = ew * tau[1, 0] + ev * tau[2, 0]
    side_v = tau[0, 0] * ew + (1 - gamma) * eu * tau[2, 0]
    side_w = tau[0, 0] * ev + (1 - gamma) * eu * tau[1, 0]
    top = np.sum(beta * rest * rv * rw) - g1 - nu * (g2 + g3)
    top -= gamma * omega * (tau[0, 0] * ev * ew + (1 - gamma) * eu * cross) + value
    in_u = np.einsum("ki,i->k", gram[0] - gamma * np.outer(su, su), beta * rv * rw)
    in_u -= (g2 + g3) * (ru - gamma * (2 - gamma) * eu * su) - gamma * su * f1 * ev * ew
    in_u -= gamma * omega * (1 - gamma) * su * cross + value * ru
    in_v = gram[1] @ (beta * rest * rw) - (g1 + nu * g3) * rv - gamma * omega * sv * side_v - value * rv
    in_w = gram[2] @ (beta * rest * rv) - (g1 + nu * g2) * rw - gamma * omega * sw * side_w - value * rw
    between = [
        (1 - gamma) * kappa - value * eu,
        np.sum(beta * su * rv * rw) - f1 * ev * ew - (1 - gamma) * eu * (g2 + g3) - gamma * omega * cross - kappa,
        np.sum(beta * rest * sv * rw)
        - (1 - gamma) * f2 * eu * ew
        - (g1 + nu * g3) * ev
        - gamma * omega * side_v
        - value * ev,
        np.sum(beta * rest * sw * rv)
        - (1 - gamma) * f3 * eu * ev
        - (g1 + nu * g2) * ew
        - gamma * omega * side_w
        - value * ew,
    ]
    bulk = [
        g1 * (value + g2 + g3) + c[0],
        g2 * (value + g1 + nu * g3) + c[1],
        g3 * (value + g1 + nu * g2) + c[2],
    ]
    return np.array([top, *in_u, *in_v, *in_w, *between, *bulk])
