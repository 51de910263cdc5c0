"""Real networks: the matrices of a Jacobian that depend on its weights.

In the Jacobian of a network the diagonal matrices ``D_l = diag(phi'(h_l))`` are functions of the weights and of the
input, while the limit takes them to be independent of the weights. A :class:`Network` runs the forward pass on the
sampled weights, so that a check compares the limit with the network itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sympy import Expr, MatAdd, MatMul, MatrixExpr, Symbol
from sympy.matrices.expressions import Transpose

from derive.errors import ParameterError
from derive.pieces import cut, on_array
from derive.symbols import Deterministic, MatrixLetter

from .backend import Backend
from .structured import Diagonal, Full, Matrix, Workspace

__all__ = ["Dependent", "Network"]


class Dependent(Protocol):
    """Letters that are functions of the other letters at finite size; part of what a simulation depends on."""

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        """The letters it draws: they are not sampled from their laws."""

    @property
    def key(self) -> tuple[Any, ...]:
        """Expressions and letters that say what is drawn: part of the key of stored results."""

    def draw(
        self,
        drawn: Mapping[MatrixLetter, Matrix],
        numbers: Mapping[Symbol, Expr],
        generators: Callable[[str], list[np.random.Generator]],
        backend: Backend,
    ) -> dict[MatrixLetter, Matrix]:
        """Its letters, given the others; ``generators`` makes one generator per trial for a stream of that name."""


@dataclass(frozen=True)
class Network:
    """A fully connected network with a random input: ``h_l = W_l phi(h_{l-1}) + b_l`` and ``D_l = diag(phi'(h_l))``.

    Parameters
    ----------
    activation : Expr
        ``phi``, a SymPy expression in one symbol, continuous.
    layers : sequence of pairs ``(W_l, D_l)``
        From the input to the output. A weight is a letter or an expression in letters (``Z + theta*u*u.T``); the
        mask is the letter that stands for it in the Jacobian, a symmetric Deterministic.
    bias_variance : number or Expr
        Of the entries of ``b_l``; may contain parameters of the model.
    input_length : number or Expr
        ``|x|^2/n`` of the input, which points in a random direction. The first preactivations have variance
        ``sigma_w^2 input_length + sigma_b^2``.

    Notes
    -----
    Passed to :func:`verify.check` as ``dependent=``; the quantities are those of the law, on the sampled weights and
    the masks that these give. Without it the masks are independent of the weights, with the same law.

    Examples
    --------
    >>> import verify
    >>> from sympy import Max, Symbol, Trace
    >>> from derive import Deterministic, Gaussian, atomic, dimensions, limit
    >>> n = dimensions("n")
    >>> W, D = Gaussian("W", n, n, variance=2/n), Deterministic("D", n, n, symmetric=True)
    >>> law = limit(Trace(D*W*W.T*D)/n)
    >>> relu = verify.Network(Max(0, Symbol("h")), [(W, D)])
    >>> values = verify.simulate(law, {D: atomic([0, 1])}, size=100, trials=200, dependent=relu)["value"]
    >>> bool(abs(values.mean() - 1) < 0.05), bool(values.std() > 0.05)  # the masks fluctuate
    (True, True)
    """

    activation: Expr
    layers: tuple[tuple[MatrixExpr, Deterministic], ...]
    bias_variance: Any = 0
    input_length: Any = 1

    def __post_init__(self) -> None:
        try:
            layers = tuple((weight, mask) for weight, mask in self.layers)
        except (TypeError, ValueError):
            raise ParameterError(f"the layers are pairs (weight, mask), got {self.layers!r}") from None
        object.__setattr__(self, "layers", layers)
        cut(self.activation).derivative()  # a jump is an error here
        for weight, mask in layers:
            if not isinstance(weight, MatrixExpr):
                raise ParameterError(f"the weights of a layer must be a matrix expression, got {weight!r}")
            if not isinstance(mask, Deterministic) or mask.shape != (weight.rows, weight.rows):
                raise ParameterError(
                    f"the mask of {weight} must be a Deterministic letter, {weight.rows} x {weight.rows}, got {mask!r}"
                )
        if not layers or len({mask for _, mask in layers}) < len(layers):
            raise ParameterError("a network needs at least one layer, and one mask letter per layer")

    @property
    def letters(self) -> tuple[Deterministic, ...]:
        return tuple(mask for _, mask in self.layers)

    @property
    def key(self) -> tuple[Any, ...]:
        return ("network", self.activation, self.layers, self.bias_variance, self.input_length)

    def draw(
        self,
        drawn: Mapping[MatrixLetter, Matrix],
        numbers: Mapping[Symbol, Expr],
        generators: Callable[[str], list[np.random.Generator]],
        backend: Backend,
    ) -> dict[MatrixLetter, Matrix]:
        xp, work = backend.xp, Workspace(backend.xp)
        phi = cut(self.activation)
        slope = phi.derivative()
        bias = _number(self.bias_variance, numbers, "the bias variance")
        rngs = generators("input and biases")
        width = _width(self.layers[0][0], drawn, work)
        directions = np.stack([rng.standard_normal(width) for rng in rngs])
        scale = np.sqrt(_number(self.input_length, numbers, "the input length") * width)
        values = directions / np.linalg.norm(directions, axis=-1, keepdims=True) * scale
        masks: dict[MatrixLetter, Matrix] = {}
        for weight, mask in self.layers:
            image = work.full(_apply(weight, Full(xp.asarray(values[..., None])), drawn, numbers, work))
            # activations are few numbers: on the host, where every function of SymPy has its counterpart
            h = backend.to_host(image)[..., 0]
            if bias:
                h = h + np.sqrt(bias) * np.stack([rng.standard_normal(h.shape[-1]) for rng in rngs])
            masks[mask] = Diagonal(xp.asarray(on_array(slope, h)))
            values = on_array(phi, h)
        return masks


def _apply(
    expr: MatrixExpr,
    vector: Matrix,
    drawn: Mapping[MatrixLetter, Matrix],
    numbers: Mapping[Symbol, Expr],
    work: Workspace,
) -> Matrix:
    """A weight times a vector, without forming the weight."""
    if expr in drawn:
        return work.multiply(drawn[expr], vector)
    if isinstance(expr, Transpose) and expr.arg in drawn:
        return work.multiply(work.transpose(drawn[expr.arg]), vector)
    if isinstance(expr, MatAdd):
        terms = [_apply(term, vector, drawn, numbers, work) for term in expr.args]
        total = terms[0]
        for term in terms[1:]:
            total = work.add(total, term)
        return total
    if isinstance(expr, MatMul):
        coefficient, factors = expr.as_coeff_matrices()
        for factor in reversed(factors):
            vector = _apply(factor, vector, drawn, numbers, work)
        if coefficient == 1:
            return vector
        return work.scale(work.xp.asarray(_number(coefficient, numbers, "a coefficient", signed=True)), vector)
    raise ParameterError(f"a weight is a sum of products of letters of the model, and {expr} is none of its letters")


def _width(expr: MatrixExpr, drawn: Mapping[MatrixLetter, Matrix], work: Workspace) -> int:
    """Columns of a weight."""
    while isinstance(expr, MatAdd | MatMul):
        expr = expr.args[-1]
    transposed = isinstance(expr, Transpose)
    letter = expr.arg if transposed else expr
    if letter not in drawn:
        raise ParameterError(f"{letter} is a weight of the network and no letter of the model")
    return int(work.full(drawn[letter]).shape[-2 if transposed else -1])


def _number(value: Any, numbers: Mapping[Symbol, Expr], name: str, signed: bool = False) -> float:
    expr = value.subs(dict(numbers)) if isinstance(value, Expr) else value
    if isinstance(expr, Expr) and expr.free_symbols:
        missing = ", ".join(sorted(map(str, expr.free_symbols)))
        raise ParameterError(f"{name} {value} needs a value for {missing}")
    number = float(expr)
    if number < 0 and not signed:
        raise ParameterError(f"{name} must not be negative, got {value}")
    return number
