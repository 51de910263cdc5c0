"""Every printed equation of a derivation holds in numbers, by an evaluation of the SymPy trees of our own.

Deterministic matrices are small arrays: ``A (x) I`` has the normalised traces of ``A``, so a k x k array stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sympy import Add, Eq, Identity, MatAdd, MatMul, MatPow, MatrixSymbol, Mul, Pow, Rational, Symbol, Trace, symbols
from sympy.matrices.expressions import Adjoint, Transpose, ZeroMatrix

from derive import Deterministic, Gaussian, Signal, Wigner, dimensions, limit
from derive.solve.component import components_of
from derive.solve.evaluate import Batch, namespace, solve_component
from derive.steps import Step
from derive.symbols import MatrixLetter, RandomMatrix

n, p, d, m, n1, n2 = dimensions("n p d m n1 n2")
c, lam, f, l, b, y, zeta, eta, p1, p2 = symbols("c lambda f l b y zeta eta p1 p2", positive=True)
z = Symbol("z")

TOLERANCE = 1e-10


def value(expr: Any, env: Mapping[str, Any]) -> Any:
    """A SymPy tree in numbers; ``env`` maps names of symbols, matrices and dimensions."""
    if isinstance(expr, MatrixLetter | MatrixSymbol | Symbol):
        return env[str(expr.args[0]) if expr.args else expr.name]
    if isinstance(expr, Identity):
        return np.eye(int(value(expr.shape[0], env)))
    if isinstance(expr, ZeroMatrix):
        return 0.0
    if isinstance(expr, Trace):
        return np.trace(value(expr.arg, env))
    if isinstance(expr, Transpose | Adjoint):
        array = value(expr.arg, env)
        return array.T if isinstance(expr, Transpose) else array.conj().T
    if isinstance(expr, MatPow):
        base = value(expr.base, env)
        if expr.exp == Rational(1, 2):
            return sqrtm(base)
        return np.linalg.matrix_power(np.atleast_2d(base), int(expr.exp))
    if isinstance(expr, Add | MatAdd):
        return sum(value(a, env) for a in expr.args)
    if isinstance(expr, Mul | MatMul):
        out: Any = 1.0
        for a in expr.args:
            x = value(a, env)
            out = out @ x if np.ndim(out) == 2 and np.ndim(x) == 2 else out * x
        return out
    if isinstance(expr, Pow):
        return value(expr.base, env) ** value(expr.exp, env)
    return complex(expr) if not expr.is_real else float(expr)


@dataclass(frozen=True)
class Case:
    """A limit, its parameters, the size of the small array of each space (1 elsewhere)."""

    law: Any
    params: dict[Any, Any]
    sizes: dict[Symbol, int]


def _symmetric(rng: np.random.Generator, shift: float = 0.0) -> np.ndarray:
    a = rng.normal(size=(2, 2))
    return a @ a.T / 2 + shift * np.eye(2)


def marchenko_pastur(rng):
    Z = Gaussian("Z", p, n, variance=1 / n)
    return Case(limit(Trace((Z * Z.T + lam * Identity(p)).I) / p, {p: c * n}), {c: 0.4, lam: rng.uniform(0.1, 1)}, {})


def ridge(rng):
    Z = Gaussian("Z", n, d, variance=1 / (n * l))
    S, T = (Deterministic(name, d, d, symmetric=True) for name in ("S", "Theta"))
    R = (Identity(d) + S * Z.T * Z * S).I
    law = limit(
        {"bias": Trace(R * T * R * S**2) / d, "variance": Trace(R * S * Z.T * Z * S * R * S**2) / d}, {d: f * n}
    )
    return Case(law, {f: 0.7, l: rng.uniform(0.2, 1), S: _symmetric(rng), T: _symmetric(rng)}, {d: 2})


def two_groups(rng):
    S1, S2 = (Deterministic(name, d, d, symmetric=True) for name in ("S1", "S2"))
    Z1, Z2 = Gaussian("Z1", n1, d, variance=1 / n), Gaussian("Z2", n2, d, variance=1 / n)
    M = S1 * Z1.T * Z1 * S1 + S2 * Z2.T * Z2 * S2
    law = limit(l * Trace((l * Identity(d) + M).I) / d, {d: f * n, n1: p1 * n, n2: p2 * n})
    return Case(law, {f: 0.5, l: 0.3, p1: 0.4, p2: 0.6, S1: _symmetric(rng), S2: _symmetric(rng)}, {d: 2})


def random_features(rng):
    X, W = Gaussian("X", d, n, variance=1 / d), Gaussian("W", m, d, variance=zeta / m)
    F = W * X + Gaussian("T", m, n, variance=(eta - zeta) / m)
    K = (F.T * F + l * Identity(n)).I
    law = limit({"first": Trace(K) / n, "second": Trace(X.T * X * K) / n}, {d: f * n, m: d / y})
    return Case(law, {f: 1.5, y: 0.8, l: rng.uniform(0.1, 1), zeta: 0.25, eta: 0.4}, {})


def noncommuting(rng):
    Z = Gaussian("Z", n, d, variance=1 / n)
    A, B, C = (Deterministic(name, d, d, symmetric=True) for name in "ABC")
    K = (Z.T * Z + C).I
    law = limit(Trace(K * A * K * B) / d, {d: f * n})
    return Case(law, {f: 2 / 3, A: _symmetric(rng), B: _symmetric(rng), C: _symmetric(rng, 0.3)}, {d: 2})


def anticommutator(rng):
    V, W = Wigner("V", n, variance=1 / n), Wigner("W", n, variance=1 / n)
    return Case(limit(Trace((V * W + W * V - z * Identity(n)).I) / n), {z: rng.uniform(-1, 1) + 0.5j}, {})


def spiked(rng):
    W, u = Wigner("W", n, variance=1 / n), Signal("u", n, norm2=1)
    law = limit(u.T * (W + b * u * u.T - z * Identity(n)).I * u)
    return Case(law, {z: rng.uniform(2.5, 3.5), b: rng.uniform(0.2, 2)}, {})


def classifier(rng):
    mu, labels, Z = Signal("mu", p), Signal("y", n, norm2=n), Gaussian("Z", p, n)
    X = mu * labels.T + Z
    Q = (X * X.T / n + lam * Identity(p)).I
    law = limit({"mean": mu.T * Q * X * labels / n, "second": labels.T * X.T * Q * Q * X * labels / n**2}, {p: c * n})
    return Case(law, {c: 0.3, lam: rng.uniform(0.1, 1), Symbol("norm2_mu", positive=True): 0.81}, {})


CASES: list[Callable[[np.random.Generator], Case]] = [
    marchenko_pastur, ridge, two_groups, random_features, noncommuting, anticommutator, spiked, classifier,
]  # fmt: skip


def steps_by_title(law: Any) -> dict[str, Step]:
    return {step.title: step for step in law.steps}


def dyson_unknowns(case: Case) -> dict[str, complex]:
    """The unknowns of the irreducible components, from the unreduced matrix equation."""
    derivation = case.law.derivation
    batch = Batch(derivation, case.law.bind(case.params), namespace("cpu"))
    found: dict[str, complex] = {}
    for component in components_of(derivation.ring, derivation.equation, derivation.elimination):
        solved = solve_component(
            derivation.ring, derivation.problem.regime, component, batch.numbers, batch.count, batch.boundary
        )
        found |= {name: complex(x[0]) for name, x in solved.tau.items()}
    return found


def numbers(case: Case) -> dict[str, Any]:
    """Parameters, small arrays, sizes, reduced unknowns and, as far as components give them, Dyson unknowns."""
    solution = case.law.evaluate(case.params, full_output=True)
    assert solution.status == 0
    env: dict[str, Any] = {str(s): case.sizes.get(s, 1) for s in case.law.dims}
    env |= {(k.name): v for k, v in case.params.items()}
    env |= {u.name: x for u, x in solution.unknowns.items()}
    env |= dyson_unknowns(case)
    return env


TITLES = ("Reduction", "Equal unknowns", "Elimination", "Scalar system")


def scalar_equations(steps: Mapping[str, Step]) -> list[tuple[str, Any]]:
    found = [(title, e) for title in TITLES if title in steps for e in steps[title].equations]
    return [(title, e) for title, e in found if isinstance(e.lhs, Symbol)]


def complete(steps: Mapping[str, Step], env: dict[str, Any]) -> dict[str, Any]:
    """Give every symbol that an explicit equation introduces its value."""
    env, pending = dict(env), [e for _, e in scalar_equations(steps)]
    for _ in pending:
        for e in pending:
            if e.lhs.name not in env and all(s.name in env for s in e.rhs.free_symbols):
                env[e.lhs.name] = value(e.rhs, env)
    return env


def broken(steps: Mapping[str, Step], env: dict[str, Any]) -> list[str]:
    """The scalar equations that fail."""
    env, out = complete(steps, env), []
    for title, e in scalar_equations(steps):
        left, right = value(e.lhs, env), value(e.rhs, env)
        if abs(left - right) > TOLERANCE * max(1.0, abs(left)):
            out.append(f"{title}: {e.lhs} = {e.rhs}: {left} and {right}")
    return out


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_reduced_and_unreduced_systems_agree(make, seed):
    case = make(np.random.default_rng(seed))
    steps = steps_by_title(case.law)
    assert steps["Scalar system"].equations
    assert broken(steps, numbers(case)) == []


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_a_factor_of_two_in_any_equation_is_seen(make, seed):
    case = make(np.random.default_rng(seed))
    steps, env = steps_by_title(case.law), numbers(case)
    for title in ("Scalar system", "Reduction"):
        for k, e in enumerate(steps[title].equations):
            if e.rhs == 0:
                continue
            mutant = Eq(e.lhs, 2 * e.rhs, evaluate=False)
            equations = (*steps[title].equations[:k], mutant, *steps[title].equations[k + 1 :])
            changed = {**steps, title: replace(steps[title], equations=equations)}
            assert broken(changed, env), f"{title}: {mutant} passes"


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_blocks_of_g_are_the_inverse_of_k_and_give_the_unknowns(make, seed):
    case = make(np.random.default_rng(seed))
    steps = steps_by_title(case.law)
    env = complete(steps, numbers(case))
    dims = set(case.law.dims)
    blocks = case.law.derivation.pencil.blocks
    growing = [k for k, block in enumerate(blocks) if block.space.label in dims]
    size = {k: case.sizes.get(blocks[k].space.label, 1) for k in growing}
    start = {k: sum(size[i] for i in growing if i < k) for k in growing}
    at = {k: slice(start[k], start[k] + size[k]) for k in growing}
    K = np.zeros((sum(size.values()),) * 2, dtype=complex)
    wide = len(blocks) >= 10

    def place(symbol):
        index = symbol.name.partition("_")[2]
        i, j = index.split(",") if wide else (index[0], index[1])
        return int(i) - 1, int(j) - 1

    for e in steps["Dyson equation"].equations:
        if isinstance(e.lhs, MatrixSymbol):
            i, j = place(e.lhs)
            if i in at and j in at:
                K[at[i], at[j]] = value(e.rhs, env)
    G = np.linalg.inv(K)
    for i in growing:
        for j in growing:
            env[f"G_{i + 1},{j + 1}" if wide else f"G_{i + 1}{j + 1}"] = G[at[i], at[j]]
    checked = 0
    for e in steps["Elimination"].equations:
        if isinstance(e.lhs, MatrixSymbol):
            np.testing.assert_allclose(value(e.rhs, env) * np.ones((1, 1)), env[e.lhs.name], rtol=1e-9, atol=1e-10)
            checked += 1
    for e in steps["Dyson equation"].equations:
        if isinstance(e.lhs, Symbol):
            assert value(e.rhs, env) == pytest.approx(env[e.lhs.name], rel=1e-9, abs=1e-10)
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize("make", [marchenko_pastur, ridge, two_groups, random_features, noncommuting, anticommutator])
def test_the_pencil_computes_the_quantity_at_finite_size(make, seed):
    """Solve the printed linear system with sampled matrices: its outputs have the traces that were asked for."""
    rng = np.random.default_rng(seed)
    case = make(rng)
    sizes = {str(s): k for s, k in zip(case.law.dims, (4, 6, 5, 3), strict=False)}
    env: dict[str, Any] = sizes | {k.name: v for k, v in case.params.items() if isinstance(k, Symbol)}
    for letter in case.law.letters:
        array = rng.normal(size=[sizes[str(s)] for s in letter.shape])
        symmetric = isinstance(letter, Wigner) or not isinstance(letter, RandomMatrix)
        env[letter.name] = array + array.T if symmetric else array
    pencil, count = steps_by_title(case.law)["Linear pencil"].equations, len(case.law.derivation.pencil.blocks)
    rows, outputs = pencil[:count], pencil[count:]
    heights = [sizes[str(e.lhs.shape[0])] for e in rows]
    total = sum(heights)
    unit = np.eye(total)
    ends = np.cumsum(heights)
    for k, end in enumerate(ends):
        env[f"w_{k + 1}"] = unit[end - heights[k] : end]
    L = np.vstack([value(e.lhs, env) for e in rows])
    inputs = [e.rhs for e in rows if e.rhs.atoms(MatrixSymbol)]
    env["x"] = np.eye(sizes[str(next(iter(inputs[0].atoms(MatrixSymbol))).shape[0])])
    width = len(env["x"])
    right = np.vstack([np.broadcast_to(value(e.rhs, env), (h, width)) for e, h in zip(rows, heights, strict=True)])
    solution = np.linalg.solve(L, right)
    for k, end in enumerate(ends):
        env[f"w_{k + 1}"] = solution[end - heights[k] : end]
    assert len(outputs) == len(case.law.quantities)
    for functional, output in zip(case.law.derivation.functionals, outputs, strict=True):
        expected = value(functional.source, env)
        assert np.trace(value(output.rhs, env)) == pytest.approx(expected, rel=1e-9)


def test_multiples_of_the_identity_are_scalars():
    steps = steps_by_title(marchenko_pastur(np.random.default_rng(0)).law)
    assert "I" not in str(steps["Linear pencil"].equations)
    eta22 = steps["Pairing of the noise"].equations[1]
    assert eta22.rhs == MatMul(-c * Symbol("tau_2"), Identity(n))


def test_names_of_the_user_are_not_reused():
    G, K = Gaussian("G", p, n, variance=1 / n), Deterministic("K", p, p, symmetric=True)
    w, x = symbols("w x", positive=True)
    law = limit(w * Trace((G * G.T + x * K**2 + Identity(p)).I) / p, {p: c * n})
    taken = {"G", "K", "w", "x"}
    for step in law.steps:
        for e in step.equations:
            blocks = {s.name.partition("_")[0] for s in e.atoms(MatrixSymbol) if not isinstance(s, MatrixLetter)}
            assert not blocks & taken


def test_the_limit_step_holds_the_quantity_and_its_value():
    law = ridge(np.random.default_rng(0)).law
    last = law.steps[-1].equations
    assert [e.lhs for e in last] == list(law.quantities.values())
    assert [e.rhs for e in last] == list(law.value.values())


def test_every_reduced_equation_is_the_system_s_own():
    law = two_groups(np.random.default_rng(0)).law
    shown = steps_by_title(law)["Reduction"].equations
    assert all(e in shown for e in law.equations)
