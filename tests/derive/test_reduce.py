"""The reduced system against the unreduced Dyson equation, at random parameters.

The reference program (``solve/matrix_equation.py``) shares the pencil with the symbolic passes, but neither their block
elimination over the ring, nor the merging, nor the reduction: it inverts blocks of numbers.
"""

from __future__ import annotations

import array_api_compat.numpy as xp
import numpy as np
import pytest
from sympy import Identity, Symbol, Trace

from derive import Deterministic, Gaussian, Limit, Wigner, atomic, dimensions, limit
from derive.lower.program import compile_program
from derive.solve.branch import solve_component
from derive.solve.component import _component, components_of
from derive.solve.evaluate import Batch
from derive.solve.matrix_equation import MatrixEquation
from tests.derive.rows import ROWS
from tests.derive.zoo import CASES


def law_of(name: str) -> tuple[Limit, dict]:
    if name in ROWS:
        variant = ROWS[name][0]
        return variant.law(), dict(variant.params)
    case = CASES[name]
    return limit(case.quantity, case.regime, **case.declared), dict(case.params)


def shaken(law: Limit, params: dict, rng: np.random.Generator) -> dict:
    """The scalars moved by up to 20 %, laws and overlaps left alone."""
    out = {}
    for key, value in params.items():
        fixed = (
            isinstance(key, tuple) or not isinstance(value, int | float | complex) or str(key) in ("inner_u_v", "rho")
        )
        # an aspect ratio is tied to the shape of a rectangular array
        fixed = fixed or (str(key) == "c" and any(m.shape[0] != m.shape[1] for m in law.letters if m.args[0] == "R"))
        out[key] = value if fixed else value * (1 + 0.2 * rng.uniform(-1, 1))
    return out


def reference(law: Limit, params: dict) -> tuple[dict, object]:
    """Every Dyson unknown from the numerical equation before merging, as an environment, and the algebra."""
    derivation = law.derivation
    ring, regime, paired = derivation.ring, derivation.problem.regime, derivation.paired
    batch = Batch(derivation, law.bind(params), xp)
    numbers = batch.numbers()
    core = {}
    for component in components_of(ring, derivation.equation, derivation.elimination):
        solved = solve_component(ring, regime, component, batch.numbers, batch.count, batch.boundary)
        assert np.all(solved.status == 0)
        core |= {name: value[0] for name, value in solved.tau.items()}
    # the core fixes the branch; the rest (two-resolvent unknowns) is affine over it: Newton needs a step or two
    whole = _component(ring, paired, paired.pencil, paired.growing())
    position = {tau.symbol.name: tau.position for tau in paired.taus}
    names = {position[name]: value for name, value in core.items()}
    unknowns = [u.name for u in whole.unknowns]
    merged = derivation.merged
    tau = np.array([names.get(merged.get(position[x], position[x]), 0.0) for x in unknowns], complex)
    equation = MatrixEquation(numbers, whole, regime)
    place = {b: k for k, b in enumerate(paired.growing())}
    equation.rotate([(place[i], place[j]) for i, j in derivation.elimination.pivots], [1.0] * len(place))
    for _ in range(8 if unknowns else 0):
        G = equation.inverse(equation.K(list(tau)))
        gap = np.array([complex(np.ravel(x)[0]) for x in equation.traces(G)]) - tau
        slope = np.array([[complex(np.ravel(x)[0]) for x in row] for row in equation.derivative(G)])
        tau = tau + np.linalg.solve(np.eye(len(tau)) - slope.reshape(len(tau), len(tau)), gap)
    env = dict(numbers.env)
    env |= {Symbol(name): value for name, value in zip(unknowns, tau, strict=True)}
    for old, new in merged.items():
        assert np.isclose(env[ring.field.meaning(old)], env[ring.field.meaning(new)], rtol=1e-9)
    return env, numbers.algebra


def run(exprs, env, algebra) -> list[np.ndarray]:
    return [np.ravel(x) for x in compile_program(list(exprs)).run(env, algebra)]


NAMES = [*ROWS, *(name for name in CASES if name != "information-array")]


@pytest.mark.parametrize("name", NAMES)
def test_unreduced_equations_hold(name, seed):
    law, params = law_of(name)
    env, algebra = reference(law, shaken(law, params, np.random.default_rng(seed)))
    field, ring = law.derivation.ring.field, law.derivation.ring
    for shift in ring.shifts.values():
        (env[shift.symbol],) = run([field.to_sympy(shift.value)], env, algebra)
    equations = law.derivation.unreduced
    taus = [env[field.meaning(v)] for v in equations]
    for tau, rhs in zip(taus, run([field.to_sympy(e) for e in equations.values()], env, algebra), strict=True):
        assert np.allclose(tau, rhs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_reduced_residuals_vanish(name, seed):
    law, params = law_of(name)
    params = shaken(law, params, np.random.default_rng(seed + 1))
    env, algebra = reference(law, params)
    system = law.system
    unknowns = list(system.unknowns)
    env |= dict(zip(unknowns, run([system.origin[x] for x in unknowns], env, algebra), strict=True))
    for symbol, expr in system.definitions:
        (env[symbol],) = run([expr], env, algebra)
    if not unknowns:
        return
    residuals = run(system.residuals, env, algebra)
    assert max(np.max(np.abs(r)) for r in residuals) < 1e-9
    # and a point next to the solution is not one
    env[unknowns[0]] = env[unknowns[0]] * 1.01 + 0.01
    assert max(np.max(np.abs(r)) for r in run(system.residuals, env, algebra)) > 1e-5
    # the value of the slow reference and of evaluate are one number
    found = law.evaluate(params, full_output=True)
    assert np.max(found.error) < 1e-10


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("both-sides", 2),
        ("two-points", 2),
        ("score-second", 1),
        ("square-root-array", 5),
        ("product", 2),
        ("dressed", 2),
    ],
)
def test_systems_stay_small(name, count):
    law, _ = law_of(name)
    assert len(law.system.unknowns) <= count


def test_equal_resolvents_share_their_unknown():
    """Q A Q needs no more fixed points than Q."""
    n, z = dimensions("n"), Symbol("z")
    W, A = Wigner("W", n, variance=1 / n), Deterministic("A", n, n, symmetric=True)
    Q = (A + W - z * Identity(n)).I
    single, double = limit(Trace(Q) / n), limit(Trace(Q * A * Q * A * Q) / n)
    assert len(double.system.unknowns) == len(single.system.unknowns) == 1
    assert len(double.derivation.equation.taus) > 1
    # no more work than the nesting asks for: powers of one resolvent stay functions of (A + kappa)^-1
    high = limit(Trace(Q**4) / n)
    assert len(high.system.unknowns) == 1
    assert len(str(high.value)) < 400


def test_definitions_are_explicit():
    """Each definition only uses what is above it."""
    for name in NAMES:
        law, _ = law_of(name)
        known = set(law.system.unknowns) | set(law.parameters) | set(law.dims)
        hidden = {s for s, _ in law.system.definitions}
        for symbol, expr in law.system.definitions:
            assert not (expr.free_symbols & hidden - known), name
            known.add(symbol)


@pytest.mark.parametrize("taken", ["g", "kappa", "h", "tau_1", "tau", "G", "g_1", "_x"])
def test_names_of_the_user_are_not_taken(taken):
    """Unknowns never share a name with a parameter, and the value is right whatever the parameter is called."""
    n, p = dimensions("n p")
    for symbol in (Symbol(taken), Symbol(taken, positive=True)):
        W, A = Wigner("W", n, variance=1 / n), Deterministic("A", n, n, symmetric=True)
        law = limit(Trace((A + W + symbol * Identity(n)).I) / n)
        own = {s.name for s in law.system.unknowns} | {s.name for s, _ in law.system.definitions}
        assert taken not in own
        value = law.evaluate({symbol: 3.0, A: atomic([0])})
        assert abs(value - (3 - 5**0.5) / 2) < 1e-13
        Z = Gaussian("Z", n, p, variance=1 / n)
        law = limit(Trace((Z.T * Z + Identity(p)).I) / p, {p: symbol * n})
        assert abs(law.evaluate({symbol: 1.0}) - (5**0.5 - 1) / 2) < 1e-13


def test_a_closed_form_needs_no_equation():
    n = dimensions("n")
    W = Wigner("W", n, variance=1 / n)
    catalan = [1, 2, 5, 14]
    for k, number in enumerate(catalan, start=1):
        law = limit(Trace(W ** (2 * k)) / n)
        assert not law.system.unknowns
        assert law.value == number
    assert limit(Trace(W**3) / n).value == 0
