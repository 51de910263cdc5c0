"""Balls proven to contain a tensor limit's quantities.

Krawczyk's test proves that the system has one solution in a ball. That its traces are those of the resolvent outside
the spectrum of the contraction matrix is proven by a positive vector: with all g < 0, minus the derivative of the block
Dyson equation has no positive entry off its diagonal, and such a matrix that maps a positive vector to a positive one
has a positive inverse, which it has for the Stieltjes transform above the edge and for no other solution. That the
solution is the one that comes from infinitely strong spikes rests on the continuation, in double precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flint import arb

from ..bind import Binding
from ..errors import CertificationError, ParameterError
from ..lower.algebra import Algebra
from ..lower.balls import BallKind
from ..lower.program import compile_program
from ..numbers import check_digits
from ..solve.certify import Certificate, krawczyk, to_ball
from ..solve.linear import solve_dense
from .equations import TensorEquations
from .noiseless import dyson_keys
from .numeric import digits_of, flat, paths_of, systems_of, unknowns_of

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["certify_tensor"]

_STATEMENT = (
    "proven: the equations have one solution in the ball, and its traces are those of the resolvent above the spectrum "
    "of the contraction matrix (Krawczyk's test; a positive vector); that it is the informative one rests on "
    "continuation in double precision"
)


def certify_tensor(limit: TensorLimit, binding: Binding, digits: int) -> Certificate:
    """See :meth:`TensorLimit.certify`."""
    check_digits(digits)
    if limit.changed is not None:
        raise ParameterError("a changed system has no certificate")
    params = binding.exact()
    env, _, size = flat(limit, binding)
    paths = paths_of(limit, env, size)
    unknowns, status, _ = unknowns_of(limit, env, size, paths)
    if status[0] != 0:
        raise CertificationError(
            "there is no informative solution at this point; only one above the threshold is proven"
        )
    centre = digits_of(limit, binding, systems_of(limit), paths, unknowns, digits + 15)
    bits = int((digits + 15) * 3.3219281)
    kind = BallKind(bits + 64)
    with kind.context():
        numbers = {s: kind.number(v) for s, v in params.items()}
        names = list(limit.unknowns)
        program = compile_program(list(limit.system.residuals))
        algebra = Algebra(kind, {}, {})

        def system(x: Any) -> tuple[Any, Any]:
            return program.jacobian(numbers | dict(zip(names, x, strict=True)), algebra, names)

        start = [to_ball(centre[u]) for u in names]
        box = krawczyk(system, start, kind, arb(2) ** (-bits + 16))
        if box is None:
            raise CertificationError("Krawczyk's test did not succeed; the point may be at the threshold")
        known = dict(zip(names, box, strict=True))
        _, slopes = system(box)
        for step in range(1, len(limit.read.terms) + 1):
            _prove_outside(limit.derived, step, known, slopes, kind)
        values = compile_program(list(limit.system.values.values())).run(numbers | known, algebra)
    balls = dict(zip(limit.system.values, values, strict=True))
    return Certificate({"value": balls["value"]} if limit.single else balls, digits, _STATEMENT)


def _prove_outside(derived: TensorEquations, step: int, known: dict, slopes: Any, kind: BallKind) -> None:
    keys = list(derived.symbols)
    at = [keys.index(k) for k in dyson_keys(derived, step)]
    if not all(bool(known[derived.symbols[keys[k]]] < 0) for k in at):
        raise CertificationError("a trace of the resolvent is not proven to be negative")
    matrix = [[-slopes[i][j] for j in at] for i in at]
    if any(bool(matrix[i][j] > 0) for i in range(len(at)) for j in range(len(at)) if i != j):
        raise CertificationError("the block Dyson equation is not of the expected sign")
    middle = [[entry.mid() for entry in row] for row in matrix]
    try:
        vector = [v.mid() for v in solve_dense(kind, middle, [kind.one] * len(at))]
    except ZeroDivisionError:
        vector = []
    image = [sum((a * v for a, v in zip(row, vector, strict=False)), kind.zero) for row in matrix]
    if not vector or not all(bool(v > 0) for v in vector) or not all(bool(v > 0) for v in image):
        raise CertificationError(
            f"the singular value is not proven to lie above the spectrum of the contraction matrix (estimator {step})"
        )
