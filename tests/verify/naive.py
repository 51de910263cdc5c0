"""The plainest evaluation of a SymPy matrix tree: dense NumPy matrices, explicit inverses, one trial, no sharing."""

from __future__ import annotations

from functools import reduce

import numpy as np
from sympy import Add, Identity, MatrixExpr, Mul, Pow, Trace
from sympy.matrices.expressions import Adjoint, Inverse, MatAdd, MatMul, MatPow, Transpose

from derive.symbols import MatrixLetter


def evaluate(expr, matrices, numbers):
    """A scalar or a dense matrix; ``numbers`` holds the dimensions and parameters."""

    def go(e):
        if isinstance(e, MatrixLetter):
            return matrices[e]
        if isinstance(e, Identity):
            return np.eye(int(e.shape[0].subs(numbers)))
        if isinstance(e, MatAdd | Add):
            return reduce(np.add, [go(a) for a in e.args])
        if isinstance(e, MatMul):
            scalars = [go(a) for a in e.args if not isinstance(a, MatrixExpr)]
            return np.prod(scalars) * reduce(np.matmul, [go(a) for a in e.args if isinstance(a, MatrixExpr)])
        if isinstance(e, Transpose):
            return go(e.arg).T
        if isinstance(e, Adjoint):
            return go(e.arg).conj().T
        if isinstance(e, Inverse):
            return np.linalg.inv(go(e.arg))
        if isinstance(e, MatPow):
            base, power = go(e.base), e.exp
            if power.is_Integer:
                return np.linalg.matrix_power(base, int(power))
            values, vectors = np.linalg.eigh(base)
            return (vectors * values ** float(power)) @ vectors.conj().T
        if isinstance(e, Trace):
            return np.trace(go(e.arg))
        if isinstance(e, Mul):
            return reduce(np.multiply, [np.squeeze(go(a)) for a in e.args])
        if isinstance(e, Pow):
            return np.squeeze(go(e.base)) ** complex(go(e.exp))
        value = complex(e.subs(numbers))
        return value.real if value.imag == 0 else value

    return np.squeeze(go(expr))
