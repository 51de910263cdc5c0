"""Where the informative solution starts: the best rank-one approximation of the tensor without its noise.

The fixed vectors of a mode are coordinates in the space they span, from their Gram matrix; the tensor is then a small
one, and alternating maximisation from every spike finds its maxima. Batched over parameter points (first axis).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from ..errors import ParameterError
from ..lower.algebra import Algebra
from ..lower.arrays import ArrayKind
from ..lower.program import compile_program
from .equations import Key, TensorEquations, inner_product
from .network import Estimate, Noise, TensorTerm, Vector
from .reading import value_symbol

__all__ = ["Noiseless", "gram_matrices", "numbers_of"]

_SWEEPS = 400
_SETTLED = 1e-14


def numbers_of(exprs: list[Expr], env: Mapping[Symbol, Any], size: int) -> list[np.ndarray]:
    """Expressions of the parameters as arrays over the batch."""
    values = compile_program(exprs).run(dict(env), Algebra(ArrayKind(np), {}, {}))
    return [np.broadcast_to(np.asarray(v, dtype=float), (size,)) for v in values]


def gram_matrices(equations: TensorEquations, env: Mapping[Symbol, Any], size: int) -> list[tuple[tuple, np.ndarray]]:
    """Per block the fixed vectors and their Gram matrices (batch, k, k); not positive semidefinite is an error."""
    out = []
    read = equations.read
    for block in sorted(set(read.blocks)):
        found = dict.fromkeys(v for k, b in enumerate(read.blocks) if b == block for v in read.vectors(k))
        for key in equations.keys_of("overlap"):
            vector, estimate = key.what
            if estimate.block == block and not isinstance(vector, Estimate):
                found[vector] = None
        vectors = tuple(found)
        flat = numbers_of([inner_product(equations.inner, v, w) for v in vectors for w in vectors], env, size)
        gram = np.stack(flat, axis=-1).reshape(size, len(vectors), len(vectors))
        lowest = np.linalg.eigvalsh(gram)
        if np.any(lowest[:, 0] < -1e-9 * np.maximum(lowest[:, -1], 1e-300)):
            worst = int(np.argmin(lowest[:, 0]))
            names = ", ".join(v.name for v in vectors)
            raise ParameterError(
                f"the inner products of {names} are inconsistent: their Gram matrix {gram[worst].tolist()} is not "
                f"positive semidefinite (its smallest eigenvalue is {lowest[worst, 0]:.6g})"
            )
        out.append((vectors, gram))
    return out


class Noiseless:
    """Critical points of the tensors without noise, in coordinates."""

    def __init__(self, equations: TensorEquations, env: Mapping[Symbol, Any], size: int):
        self.equations, self.env, self.size = equations, dict(env), size
        self.read = equations.read
        self.coordinates: dict[tuple[int, Any], np.ndarray] = {}
        self.width: dict[int, int] = {}
        for block, (vectors, gram) in enumerate(gram_matrices(equations, env, size)):
            values, frame = np.linalg.eigh(gram)
            rows = frame * np.sqrt(np.maximum(values, 0))[:, None, :]
            self.width[block] = len(vectors)
            for k, v in enumerate(vectors):
                self.coordinates[block, v] = rows[:, k, :]

    @property
    def starts(self) -> int:
        return len(self.read.spikes)

    def _terms(self, step: int) -> list[tuple[np.ndarray, TensorTerm]]:
        terms = [t for t in self.read.terms[step - 1] if not any(isinstance(f, Noise) for f in t.factors)]
        values = numbers_of([t.coefficient for t in terms], self.env, self.size)
        return list(zip(values, terms, strict=True))

    def _vector(self, what: Any, block: int) -> np.ndarray:
        return self.coordinates[block, what]

    def _block(self, mode: int) -> int:
        return self.read.blocks[mode]

    def _compiled(self, step: int) -> list[tuple[np.ndarray, list[np.ndarray]]]:
        """Terms as weights and one vector per mode; vectors that meet inside a term are in the weight."""
        out = []
        for value, term in self._terms(step):
            ends: dict[int, list[Any]] = {}
            for factor in term.factors:
                assert isinstance(factor, Vector)
                ends.setdefault(factor.leg, []).append(factor.what)
            vectors = [self._vector(ends.pop(leg)[0], self._block(mode)) for mode, leg in enumerate(term.legs)]
            for pair in ends.values():
                blocks = [w.block for w in pair if isinstance(w, Estimate)]
                if blocks:
                    block = blocks[0]
                else:
                    block = next(b for b in self.width if (b, pair[0]) in self.coordinates)
                value = value * np.sum(self._vector(pair[0], block) * self._vector(pair[1], block), axis=-1)
            out.append((value, vectors))
        return out

    def solve(self, step: int, start: int) -> np.ndarray:
        """Estimator ``step`` from spike ``start``; its value and vectors are remembered, and the value returned."""
        compiled = self._compiled(step)
        blocks = sorted(set(self.read.blocks))
        first = {b: self.read.blocks.index(b) for b in blocks}
        spike = self.read.spikes[start]
        seeds = {leg.leg: leg.what for leg in spike.factors if isinstance(leg, Vector)}
        u = {b: _unit(self._vector(seeds[spike.legs[first[b]]], b)) for b in blocks}
        value = np.zeros(self.size)
        for _ in range(_SWEEPS):
            before = value
            for b in blocks:
                total = np.zeros((self.size, self.width[b]))
                for weight, vectors in compiled:
                    part = weight
                    for mode, v in enumerate(vectors):
                        if mode != first[b]:
                            part = part * np.sum(v * u[self._block(mode)], axis=-1)
                    total = total + part[:, None] * vectors[first[b]]
                value = np.linalg.norm(total, axis=-1)
                u[b] = total / np.maximum(value, 1e-300)[:, None]
            if np.all(np.abs(value - before) <= _SETTLED * (1 + value)):
                break
        self._orient(u, first)
        for b in blocks:
            self.coordinates[b, Estimate(step, b)] = u[b]
        self.env[value_symbol(step)] = value
        return value

    def _orient(self, u: dict[int, np.ndarray], first: Mapping[int, int]) -> None:
        """Signs are free in pairs of modes: the overlaps with the spike that is nearest are made positive."""
        overlaps = []
        for spike in self.read.spikes:
            seeds = {f.leg: f.what for f in spike.factors if isinstance(f, Vector)}
            overlaps.append(
                np.stack([np.sum(self._vector(seeds[spike.legs[m]], b) * u[b], axis=-1) for b, m in first.items()], -1)
            )
        stacked = np.stack(overlaps)
        nearest = np.argmax(np.abs(np.prod(stacked, axis=-1)), axis=0)
        signs = np.where(stacked[nearest, np.arange(self.size)] < 0, -1.0, 1.0)
        if self.read.symmetric:
            signs = signs if self.read.order % 2 == 0 else np.ones_like(signs)
        else:
            signs[:, -1] *= np.prod(signs, axis=-1)
        for k, b in enumerate(first):
            u[b] = u[b] * signs[:, k, None]

    def unknowns(self, steps: int) -> dict[Symbol, np.ndarray]:
        """The unknowns of the first steps; joint traces are left at 0, they are linear in the rest."""
        out: dict[Symbol, np.ndarray] = {}
        sizes = {}
        for block in set(self.read.blocks):
            dim = self.read.shape[self.read.blocks.index(block)]
            (sizes[block],) = numbers_of([self.equations.regime.growth(dim)[0]], self.env, self.size)
        for key, symbol in self.equations.symbols.items():
            if key.step > steps:
                continue
            if key.kind == "value":
                out[symbol] = self.env[value_symbol(key.step)]
            elif key.kind == "overlap":
                v, estimate = key.what
                pair = self._vector(v, estimate.block), self._vector(estimate, estimate.block)
                out[symbol] = np.sum(pair[0] * pair[1], axis=-1)
            elif key.kind == "trace" and len(key.what) == 1:
                with np.errstate(divide="ignore"):
                    out[symbol] = -sizes[key.what[0][1]] / self.env[value_symbol(key.step)]
            else:
                out[symbol] = np.zeros(self.size)
        return out


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-300)


def dyson_keys(equations: TensorEquations, step: int) -> tuple[Key, ...]:
    """The traces of one resolvent of one step: the unknowns of its block Dyson equation."""
    return tuple(k for k in equations.keys_of("trace", step) if len(k.what) == 1)
