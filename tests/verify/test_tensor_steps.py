"""Every printed equation of a tensor derivation, evaluated on sampled tensors by an interpreter of our own.

Critical points, definitions and equations that still hold the noise are identities at any size; what Stein's lemma
makes of them holds on average as the size grows. The unknowns are measured as the steps define them, so the limit takes
no part; the response of the vectors to a change of the tensor is compared with what the estimator does.
"""

from __future__ import annotations

from itertools import permutations
from math import prod

import numpy as np
import pytest
from sympy import Add, Eq, Integer, Mul, Pow, Rational, Symbol

from derive import Gaussian, GaussianTensor, Outer, Signal, best_rank_one, dimensions, limit
from derive.tensors.display import BlockTrace, Contraction, Differential, Inner, Juxtaposed
from verify.backend import numpy_backend
from verify.decide import compare
from verify.extrapolate import summarise
from verify.tensor_estimators import power_iteration
from verify.tensor_sample import Product, TensorSample, TensorSampler

beta, beta_2, beta_M = (Symbol(k, positive=True) for k in ("beta", "beta_2", "beta_M"))
p, n, m, N = dimensions("p n m N")
x, y, z = (Signal(k, d, norm2=1) for k, d in zip("xyz", (p, n, m), strict=True))
v, w, t = (Signal(k, d, norm2=1) for k, d in zip("vwt", (p, n, m), strict=True))
W = GaussianTensor("W", p, n, m, variance=1 / (p + n + m))
SPLIT = {p: N / 4, n: N / 4, m: N / 2}


def spiked():
    return limit(best_rank_one(beta * Outer(x, y, z) + W), SPLIT), {beta: 3}


def symmetric():
    u = Signal("x", n, norm2=1)
    noise = GaussianTensor("W", n, n, n, variance=1 / (6 * n), symmetric=True)
    return limit(best_rank_one(beta * Outer(u, u, u) + noise)), {beta: 3}


def nested():
    Z = Gaussian("Z", p, n, variance=1 / (p + n))
    return limit(best_rank_one(beta * Outer(beta_M * x * y.T + Z, z) + W), SPLIT), {beta: 2, beta_M: 3}


def deflated():
    first = best_rank_one(beta * Outer(x, y, z) + beta_2 * Outer(v, w, t) + W)
    second = best_rank_one(first.tensor - first.value * Outer(*first.vectors))
    quantities = {"l1": first.value, "l2": second.value}
    for estimator, name in ((first, "1"), (second, "2")):
        quantities |= {f"{s}{name}": estimator.overlap(s) for s in (x, y, z, v, w, t)}
    quantities |= {f"u{k + 1}": second.overlap(first.vectors[k]) for k in range(3)}
    inner = {(x, v): Rational(1, 2), (y, w): Rational(1, 2), (z, t): Rational(1, 2)}
    return limit(quantities, SPLIT, inner=inner), {beta: 8, beta_2: 6}


MODELS = {f.__name__: f for f in (spiked, symmetric, nested, deflated)}


# ---- samples ---------------------------------------------------------------------------------------------------------
def samples(law, params, size, trials, seed):
    """Per trial: arrays by the names that the steps print, and the dense tensors and vectors of every step."""
    read, sampler = law.read, TensorSampler(law, params, size)
    letters = sampler.draw(numpy_backend(), seed, range(trials))
    values, vectors, tensors = {}, {}, []
    for step in range(1, len(read.terms) + 1):
        tensor = sampler.sample(step, letters, values, vectors)
        spike = read.spikes[step - 1]
        start = [letters.signals[f.what] for f in sorted(spike.factors, key=lambda f: spike.legs.index(f.leg))]
        found = power_iteration(tensor, start, tolerance=1e-13, sweeps=3000)
        values[step] = found.value
        tensors.append((tensor.dense(), found.vectors))
        vectors |= {(step, b): found.vectors[read.blocks.index(b)] for b in set(read.blocks)}
        # an Estimate is a named tuple: the sampler finds it under the plain pair
    for trial in range(trials):
        env = {str(s): a[trial] for s, a in letters.signals.items()}
        env |= {name: a[trial] for name, a in letters.noises.items()}
        env |= {str(s): float(value) for s, value in sampler.numbers.items()} | {
            str(s): k for s, k in sampler.dims.items()
        }
        for step, (tensor, found) in enumerate(tensors, 1):
            add_step(env, law, step, tensor[trial], [u[trial] for u in found])
        yield env


def add_step(env, law, step, tensor, vectors):
    """The tensor, its vectors, and the blocks of the resolvent of its contraction matrix."""
    read = law.read
    several, order = len(read.terms) > 1, read.order
    env[f"T_{step}" if several else "T"] = tensor
    blocks = [0] if read.symmetric else range(order)

    def named(head, *indices):
        parts = [str(step)] * several + [*indices] * (not read.symmetric)
        return "_".join([head, ",".join(parts)]) if parts else head

    value = contracted(tensor, vectors)
    shape = [tensor.shape[b] for b in blocks]
    ends = np.cumsum([0, *shape])
    phi = np.zeros((ends[-1], ends[-1]))
    for b in blocks:
        env[named("u", str(b + 1))] = vectors[b]
        for c in blocks:
            if b < c or read.symmetric:
                block = contracted(tensor, [None if k in (b, c) or (read.symmetric and k < 2) else vectors[k]
                                            for k in range(order)])  # fmt: skip
                block = (order - 1) * block if read.symmetric else block
                env[named("Phi", f"{b + 1}{c + 1}")] = block
                phi[ends[b] : ends[b + 1], ends[c] : ends[c + 1]] = block
                phi[ends[c] : ends[c + 1], ends[b] : ends[b + 1]] = block.T
    resolvent = np.linalg.inv(phi - value * np.eye(len(phi)))
    for b in blocks:
        for c in blocks:
            env[named("R", f"{b + 1}{c + 1}")] = resolvent[ends[b] : ends[b + 1], ends[c] : ends[c + 1]]


def contracted(tensor, vectors):
    """A tensor on vectors, None leaving a mode free."""
    for mode in range(tensor.ndim - 1, -1, -1):
        if vectors[mode] is not None:
            tensor = np.tensordot(tensor, vectors[mode], axes=(mode, 0))
    return tensor


# ---- the interpreter -------------------------------------------------------------------------------------------------
def value_of(expr, env):
    if isinstance(expr, Symbol):
        return None if expr.name == "_dot" else env[expr.name]
    if isinstance(expr, Contraction):
        return contracted(value_of(expr.args[0], env), [value_of(a, env) for a in expr.args[1:]])
    if isinstance(expr, Inner):
        return float(np.dot(*(value_of(a, env) for a in expr.args)))
    if isinstance(expr, BlockTrace):
        size, *matrices = (value_of(a, env) for a in expr.args)
        return float(np.trace(np.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0])) / size
    if isinstance(expr, Differential):
        return env[f"d{expr.args[0].name}"]
    if isinstance(expr, Juxtaposed):
        *first, last = (value_of(a, env) for a in expr.args)
        for factor in reversed(first):
            last = factor @ last if np.ndim(factor) == 2 else factor * last
        return last
    if isinstance(expr, Add):
        return sum(value_of(a, env) for a in expr.args)
    if isinstance(expr, Mul):
        return prod(value_of(a, env) for a in expr.args)
    if isinstance(expr, Pow):
        return value_of(expr.base, env) ** value_of(expr.exp, env)
    return float(expr)


def is_measured(expr):
    return expr.has(Contraction, Inner, BlockTrace)


def definitions(law):
    """The equations that say what an unknown is: measured, and alone on their left side."""
    found = [e for s in law.steps[2:-1] for e in s.equations if isinstance(e.lhs, Symbol) and is_measured(e.rhs)]
    return {e.lhs.name: e for e in reversed(found)}


def measured(law, params, size, trials, seed=0):
    for env in samples(law, params, size, trials, seed):
        for name, equation in definitions(law).items():
            env[name] = value_of(equation.rhs, env)
        yield env


def residual(equation, env):
    return value_of(equation.lhs, env) - value_of(equation.rhs, env)


# ---- tests -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", MODELS)
def test_what_holds_at_any_size_holds(name):
    law, params = MODELS[name]()
    exact = [e for s in law.steps[:-1] for e in s.equations if is_measured(e.rhs) and not e.has(Differential)]
    for env in measured(law, params, 16, 2):
        for equation in exact:
            assert np.max(np.abs(residual(equation, env))) < 1e-8, equation
            if isinstance(equation.rhs, Add):
                # a dropped term is seen
                mutant = Eq(equation.lhs, Add(*equation.rhs.args[1:]), evaluate=False)
                assert np.max(np.abs(residual(mutant, env))) > 1e-4, mutant


@pytest.mark.parametrize("name", MODELS)
def test_what_the_lemma_gives_holds_on_average(name):
    """Every equation without noise, by the rules of a check: level 1e-6, resolution 0.03; a dropped term fails."""
    law, params = MODELS[name]()
    equations = [e for s in law.steps[2:] for e in s.equations if not is_measured(e.rhs)]
    assert len(equations) >= 2 * len(law.unknowns)
    sizes, trials = ((12, 20, 32), 120) if law.read.symmetric else ((32, 48, 72), 100)
    found = {size: list(measured(law, params, size, trials)) for size in sizes}

    def judged(equation):
        columns = [summarise(size, np.array([residual(equation, env) for env in found[size]])) for size in sizes]
        return compare("", columns, 0.0, level=1e-6, resolution=0.03, comparisons=len(equations))

    kept, dropped = 0, []
    for equation in equations:
        made = judged(equation)
        assert made.verdict != "refuted", (equation, made)
        assert abs(made.z) < 5, (equation, made)
        terms = equation.rhs.args if isinstance(equation.rhs, Add) else ()
        for k, term in enumerate(terms):
            kept += 1
            size = abs(np.mean([value_of(term, env) for env in found[sizes[-1]]]))
            # what the trials can see: the singular values fluctuate most
            if size > max(0.1, 12 * made.fit.error):
                rest = Add(*(a for i, a in enumerate(terms) if i != k))
                dropped.append(judged(Eq(equation.lhs, rest, evaluate=False)))
    assert len(dropped) >= kept // 5
    assert {made.verdict for made in dropped} == {"refuted"}, [made for made in dropped if made.verdict != "refuted"]


@pytest.mark.parametrize("name", ["spiked", "symmetric", "nested"])
def test_the_response_of_the_vectors_is_the_one_derived(name):
    """Against the estimator on a tensor that is changed a little; to leading order, so the error falls with size."""
    law, params = MODELS[name]()
    (equation,) = (e for e in law.steps[1].equations if e.has(Differential))
    errors = {}
    for size in (24, 96):
        rng, found = np.random.default_rng(size), []
        for env in measured(law, params, size, 6):
            tensor, u = env["T"], [env[k] for k in sorted(env) if k == "u" or k.startswith("u_")]
            u = u * tensor.ndim if law.read.symmetric else u
            change = rng.standard_normal(tensor.shape) / np.sqrt(sum(tensor.shape))
            if law.read.symmetric:
                change = sum(np.transpose(change, turn) for turn in permutations(range(3)))
            env["dT"] = change
            forward, back = (estimate(tensor + s * 1e-5 * change, u, law.read.symmetric) for s in (1, -1))
            moved = (forward - back) / 2e-5
            env["du" if law.read.symmetric else "du_1"] = moved
            found.append(np.linalg.norm(residual(equation, env)) / np.linalg.norm(moved))
        errors[size] = np.mean(found)
    assert errors[96] < 0.25
    assert errors[96] < 0.75 * errors[24]


def estimate(tensor, start, is_symmetric):
    sample = TensorSample(np, tensor.shape, (Product(np.ones(1), ((tensor[None], (0, 1, 2)),)),), is_symmetric)
    return power_iteration(sample, [s[None] for s in start], tolerance=1e-13, sweeps=3000).vectors[0][0]


def test_the_interpreter_knows_a_wrong_equation():
    law, params = spiked()
    g = law.unknowns[-1]
    (env,) = measured(law, params, 16, 1)
    wrong = Eq(g, 2 * definitions(law)[g.name].rhs, evaluate=False)
    assert abs(residual(wrong, env)) > 0.05
    assert value_of(Integer(2) * g, env) == 2 * env[g.name]
