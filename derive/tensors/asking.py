"""From the quantities that are asked to the unknowns they are, and to a :class:`TensorLimit`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sympy import Expr, Symbol, preorder_traversal, sympify

from ..errors import DimensionError, ParameterError
from ..numbers import exact
from ..regime import read_regime
from ..symbols import Signal
from .equations import Key, derive_equations, functional_key, inner_product
from .noiseless import gram_matrices
from .reading import PlantedTensor, read_tensor
from .symbols import BestRankOne, Overlap, SingularVector, TensorFunctional
from .tensor_limit import TensorLimit

__all__ = ["tensor_limit"]


def _everything(estimator: BestRankOne) -> dict[str, Expr]:
    """The value and the overlaps with every signal and every earlier singular vector."""
    read = read_tensor(estimator.tensor)
    out: dict[str, Expr] = {"value": estimator.value}
    for mode in range(1 if read.symmetric else read.order):
        vector = SingularVector(estimator.tensor, mode + 1)
        for signal in read.vectors(mode):
            alone = read.symmetric or len(read.modes_of(signal)) == 1
            out[signal.name if alone else f"{signal.name}_{mode + 1}"] = Overlap(signal, vector)
        for step, earlier in enumerate(read.expressions[:-1], 1):
            out[f"u{step}_{mode + 1}"] = Overlap(SingularVector(earlier, mode + 1), vector)
    return out


def tensor_limit(quantities: Mapping[str, Any], single: bool, regime: Mapping | None, inner: Mapping | None) -> Any:
    """What :func:`derive.limit` does with quantities of best rank-one approximations."""
    if single and isinstance(quantities["value"], BestRankOne):
        return tensor_limit(_everything(quantities["value"]), False, regime, inner)
    for name, expr in quantities.items():
        if isinstance(expr, BestRankOne):
            raise ParameterError(f"{name}: ask for its .value or .overlap(x) when there are several quantities")
    functionals = [f for e in quantities.values() for f in e.atoms(TensorFunctional) if not _inside(f, e)]
    tensors = list(dict.fromkeys(f.tensor for f in functionals))
    tensors += [
        v.tensor for f in functionals if isinstance(f, Overlap) for v in [f.vector] if isinstance(v, SingularVector)
    ]
    read = max((read_tensor(t) for t in tensors), key=lambda r: len(r.terms))
    dims = {s for d in read.shape for s in d.free_symbols}
    found = read_regime(regime or {}, dims)
    wanted = [functional_key(read, f) for f in functionals]
    keys = [k for k in wanted if isinstance(k, Key)]
    keys += [Key("value", step, None) for step in range(1, len(read.terms) + 1)]
    declared = _declared(inner or {}, read, wanted)
    _check_strengths(read, {*dims, found.base})
    taken = {s.name for e in (*read.expressions, *found.ratios.values(), *declared.values()) for s in _symbols(e)}
    derived = derive_equations(read, found, {k: _expr(v) for k, v in declared.items()}, keys, taken)
    result = TensorLimit(quantities, single, derived)
    _check_constant_gram(result)
    return result


def _declared(inner: Mapping, read: PlantedTensor, wanted: Sequence[Any]) -> dict[tuple[Signal, Signal], Any]:
    """The inner products that were given, each between two signals that can meet."""
    known = {v for k in range(read.order) for v in read.vectors(k)}
    known |= {k.what[0] for k in wanted if isinstance(k, Key) and k.kind == "overlap"}
    out: dict[tuple[Signal, Signal], Any] = {}
    for pair, value in inner.items():
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(v, Signal) for v in pair)):
            raise ParameterError(f"inner maps pairs of signals to numbers, such as {{(x1, x2): alpha}}; got {pair}")
        v, w = pair
        if v.shape != w.shape:
            raise DimensionError(
                f"the inner product of {v} and {w} was given, but {v} has dimension {v.shape[0]} and {w} {w.shape[0]}"
            )
        if v == w:
            raise ParameterError(f"the inner product of {v} with itself is its norm2, declared with the signal")
        if out.get((w, v), value) != value:
            raise ParameterError(f"the inner product of {v} and {w} was given twice, as {out[w, v]} and as {value}")
        for stranger in {v, w} - known:
            names = ", ".join(sorted(x.name for x in known if isinstance(x, Signal)))
            raise ParameterError(f"an inner product of {stranger} was given, which does not occur; there are {names}")
        out[pair] = value
    return out


def _check_strengths(read: PlantedTensor, dims: Collection[Symbol]) -> None:
    for term in (t for terms in read.terms for t in terms):
        grown = sorted((s for s in term.coefficient.free_symbols if s in dims), key=str)
        if grown:
            raise DimensionError(
                f"a term of the tensor has the strength {term.coefficient}, which changes with {grown[0]}; "
                "with entries of variance of order 1/dimension, the limit is for strengths of order one"
            )


def _inside(functional: TensorFunctional, expr: Expr) -> bool:
    """Whether it only occurs inside the tensor of another functional."""
    others = [f for f in expr.atoms(TensorFunctional) if f != functional and f.has(functional)]
    return bool(others) and not expr.xreplace({f: Symbol("_") for f in others}).has(functional)


def _symbols(expr: Any) -> set[Symbol]:
    return {s for s in preorder_traversal(sympify(expr)) if isinstance(s, Symbol)}


def _expr(value: Any) -> Expr:
    return value if isinstance(value, Expr) else exact(value, "an inner product")


def _check_constant_gram(limit: TensorLimit) -> None:
    """Inner products that are numbers can be judged before anything is evaluated."""
    exprs = [inner_product(limit.inner, v, w) for k in range(limit.read.order) for v in limit.read.vectors(k)
             for w in limit.read.vectors(k)]  # fmt: skip
    if all(e.is_number for e in exprs):
        gram_matrices(limit.derived, {}, 1)
