"""Models that no document lists, against power iteration from the planted vectors (NumPy, nothing of the library)."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import symbols

from derive import GaussianTensor, Outer, Signal, best_rank_one, dimensions, limit


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def correlated(rng, trials, n, rho):
    """Unit vectors with inner product rho, per trial."""
    x = unit(rng.standard_normal((trials, n)))
    y = rng.standard_normal((trials, n))
    y = unit(y - np.sum(x * y, axis=-1, keepdims=True) * x)
    return x, rho * x + np.sqrt(1 - rho**2) * y


def dot(x, y):
    return np.sum(x * y, axis=-1, keepdims=True)


def test_order_4_two_noises_on_overlapping_modes_two_spikes_sharing_a_component():
    """``b1 a.y1.z1.w1 + b2 a.y2.z2.w2 + V.e + a.W``, V on modes 1-3, W on modes 2-4, all inner products declared.

    60 trials at N = 240; means against the limit within 4 standard errors plus 2/N for the bias (false alarm about 5e-4
    for the six comparisons). A wrong sign of either noise term moves the singular value by 20 standard errors.
    """
    n = dimensions("n1 n2 n3 n4")
    a, e = Signal("a", n[0], norm2=1), Signal("e", n[3], norm2=1)
    y1, y2 = (Signal(k, n[1], norm2=1) for k in ("y1", "y2"))
    z1, z2 = (Signal(k, n[2], norm2=1) for k in ("z1", "z2"))
    w1, w2 = (Signal(k, n[3], norm2=1) for k in ("w1", "w2"))
    b1, b2, rho = symbols("beta_1 beta_2 rho", positive=True)
    V = GaussianTensor("V", *n[:3], variance=1 / sum(n))
    W = GaussianTensor("W", *n[1:], variance=1 / sum(n))
    T = b1 * Outer(a, y1, z1, w1) + b2 * Outer(a, y2, z2, w2) + Outer(V, e) + Outer(a, W)
    inner = {(y1, y2): rho, (z1, z2): 0.5, (w1, w2): 0, (w1, e): 0.6, (w2, e): 0.3}
    first = best_rank_one(T)
    quantities = {"value": first.value} | {v.name: first.overlap(v) for v in (a, y1, y2, z1, w1, e)}
    shape = (48, 60, 72, 60)
    law = limit(quantities, {n[0]: n[1] * 4 / 5, n[2]: n[1] * 6 / 5, n[3]: n[1]}, inner=inner)
    wanted = law.evaluate({b1: 3, b2: 2, rho: 0.4})

    rng, trials, total = np.random.default_rng(20250), 60, sum(shape)
    A = unit(rng.standard_normal((trials, shape[0])))
    (Y1, Y2), (Z1, Z2) = correlated(rng, trials, shape[1], 0.4), correlated(rng, trials, shape[2], 0.5)
    basis = np.linalg.qr(rng.standard_normal((trials, shape[3], 3)))[0]
    W1, W2, E = basis[..., 0], basis[..., 1], basis @ np.array([0.6, 0.3, np.sqrt(1 - 0.45)])
    v = rng.standard_normal((trials, *shape[:3])) / np.sqrt(total)
    w = rng.standard_normal((trials, *shape[1:])) / np.sqrt(total)
    u = [A, Y1, Z1, W1]
    for _ in range(60):
        u1, u2, u3, u4 = u
        s = lambda p, q: dot(p, q)  # noqa: E731
        u1 = unit(3 * s(Y1, u2) * s(Z1, u3) * s(W1, u4) * A + 2 * s(Y2, u2) * s(Z2, u3) * s(W2, u4) * A
                  + s(E, u4) * np.einsum("tijk,tj,tk->ti", v, u2, u3, optimize=True)
                  + A * np.einsum("tjkl,tj,tk,tl->t", w, u2, u3, u4, optimize=True)[:, None])  # fmt: skip
        u2 = unit(s(A, u1) * (3 * s(Z1, u3) * s(W1, u4) * Y1 + 2 * s(Z2, u3) * s(W2, u4) * Y2
                  + np.einsum("tjkl,tk,tl->tj", w, u3, u4, optimize=True))
                  + s(E, u4) * np.einsum("tijk,ti,tk->tj", v, u1, u3, optimize=True))  # fmt: skip
        u3 = unit(s(A, u1) * (3 * s(Y1, u2) * s(W1, u4) * Z1 + 2 * s(Y2, u2) * s(W2, u4) * Z2
                  + np.einsum("tjkl,tj,tl->tk", w, u2, u4, optimize=True))
                  + s(E, u4) * np.einsum("tijk,ti,tj->tk", v, u1, u2, optimize=True))  # fmt: skip
        last = (s(A, u1) * (3 * s(Y1, u2) * s(Z1, u3) * W1 + 2 * s(Y2, u2) * s(Z2, u3) * W2
                + np.einsum("tjkl,tj,tk->tl", w, u2, u3, optimize=True))
                + E * np.einsum("tijk,ti,tj,tk->t", v, u1, u2, u3, optimize=True)[:, None])  # fmt: skip
        value, u4 = np.linalg.norm(last, axis=-1), unit(last)
        u = [u1, u2, u3, u4]
    found = {"value": value, "a": s(A, u[0]), "y1": s(Y1, u[1]), "y2": s(Y2, u[1]), "z1": s(Z1, u[2]),
             "w1": s(W1, u[3]), "e": s(E, u[3])}  # fmt: skip
    for name, sample in found.items():
        mean, error = np.mean(sample), np.std(sample) / np.sqrt(trials)
        assert abs(mean - wanted[name]) < 4 * error + 2 / total, (name, mean, error, wanted[name])


@pytest.mark.slow
def test_third_step_of_deflation():
    """Three spikes, three steps: the chain of three resolvents is derived by the rules of the second step."""
    n = dimensions("n1 n2 n3")
    betas = symbols("beta_1:4", positive=True)
    spikes = [[Signal(f"x{r}{k}", n[k], norm2=1) for k in range(3)] for r in range(3)]
    rho = 0.4
    inner = {(spikes[r][k], spikes[s][k]): rho for r in range(3) for s in range(r) for k in range(3)}
    T = sum(b * Outer(*x) for b, x in zip(betas, spikes, strict=True)) + GaussianTensor("W", *n, variance=1 / sum(n))
    quantities, steps = {}, []
    for step in range(3):
        estimator = best_rank_one(T)
        steps.append(estimator)
        quantities[f"lambda_{step + 1}"] = estimator.value
        quantities |= {f"rho_{r + 1}{step + 1}": estimator.overlap(spikes[r][0]) for r in range(3)}
        T = T - estimator.value * Outer(*estimator.vectors)
    quantities["eta_13"] = steps[2].overlap(steps[0].vectors[0])
    quantities["eta_23"] = steps[2].overlap(steps[1].vectors[0])
    law = limit(quantities, {n[1]: n[0], n[2]: n[0]}, inner=inner)
    beta = (8.0, 6.0, 4.0)
    wanted = law.evaluate(dict(zip(betas, beta, strict=True)))

    rng, size, trials = np.random.default_rng(7), 80, 60
    root = np.linalg.cholesky(np.full((3, 3), rho) + (1 - rho) * np.eye(3))
    samples: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(trials):
        X = [root @ np.linalg.qr(rng.standard_normal((size, 3)))[0].T for _ in range(3)]
        T = np.einsum("r,ri,rj,rk->ijk", beta, *X) + rng.standard_normal((size,) * 3) / np.sqrt(3 * size)
        vectors = []
        for step in range(3):
            best = (-1.0, None)
            for start in range(3):
                u = [x[start] for x in X]
                for _ in range(200):
                    u[0] = unit(np.einsum("ijk,j,k->i", T, u[1], u[2], optimize=True))
                    u[1] = unit(np.einsum("ijk,i,k->j", T, u[0], u[2], optimize=True))
                    last = np.einsum("ijk,i,j->k", T, u[0], u[1], optimize=True)
                    u[2] = unit(last)
                if np.linalg.norm(last) > best[0]:
                    best = (np.linalg.norm(last), u)
            value, u = best
            T = T - value * np.einsum("i,j,k->ijk", *u)
            flip = np.sign([X[k][step] @ u[k] for k in range(3)])
            u = [f * v for f, v in zip(flip, u, strict=True)]
            vectors.append(u)
            samples[f"lambda_{step + 1}"].append(value)
            for r in range(3):
                samples[f"rho_{r + 1}{step + 1}"].append(X[0][r] @ u[0])
        samples["eta_13"].append(vectors[0][0] @ vectors[2][0])
        samples["eta_23"].append(vectors[1][0] @ vectors[2][0])
    for name, sample in samples.items():
        mean, error = np.mean(sample), np.std(sample) / np.sqrt(trials)
        assert abs(mean - wanted[name]) < 4 * error + 2 / (3 * size), (name, mean, error, wanted[name])
