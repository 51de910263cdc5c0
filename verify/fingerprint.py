"""A content hash of what a simulated number depends on: the key under which it is stored.

Printing is not enough for a key (a matrix prints as its name, whatever its variance), so the tree is spelled out with
all arguments; terms of sums and factors of commutative products are sorted, so a re-ordered expression has the same
key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Add, Basic, Dummy, Mul, Number, Symbol
from sympy.core.symbol import Str
from sympy.matrices.expressions import MatAdd

from derive.activations import GaussianImage
from derive.law_argument import LawArgument
from derive.laws import ArrayLaw, AtomicLaw, DensityLaw

__all__ = ["fingerprint", "spell"]


def spell(obj: Any) -> Any:
    """Write anything a simulation depends on as JSON data: equal data for equal meaning."""
    if isinstance(obj, Dummy):
        raise TypeError(f"{obj} is a dummy symbol: it has no meaning outside its expression")
    if isinstance(obj, Symbol):
        return ["symbol", obj.name]
    if isinstance(obj, Str):
        return ["name", obj.name]
    if isinstance(obj, Number):
        return ["number", str(obj)]
    if isinstance(obj, LawArgument):
        return ["law", spell(obj.law)]
    if isinstance(obj, Basic):
        parts = [spell(a) for a in obj.args]
        if isinstance(obj, Add | Mul | MatAdd):
            parts.sort(key=json.dumps)
        return [type(obj).__name__, *parts]
    if isinstance(obj, AtomicLaw):
        return ["atoms", spell(obj.points), spell(obj.weights)]
    if isinstance(obj, DensityLaw):
        return ["density", *(spell(x) for x in (obj.expr, obj.variable, obj.lower, obj.upper))]
    if isinstance(obj, GaussianImage):
        pieces = [(p.lower, p.upper, p.expr) for p in obj.function.pieces]
        return ["gaussian image", spell(pieces), spell(obj.variance)]
    if isinstance(obj, ArrayLaw):
        return ["array", spell(np.asarray(obj.doubles).tolist())]
    if isinstance(obj, Mapping):
        return sorted(([spell(k), spell(v)] for k, v in obj.items()), key=json.dumps)
    if isinstance(obj, frozenset | set):
        return sorted((spell(x) for x in obj), key=json.dumps)
    if isinstance(obj, tuple | list):
        return [spell(x) for x in obj]
    if isinstance(obj, complex):
        return ["complex", obj.real.hex(), obj.imag.hex()]
    if isinstance(obj, float):
        return obj.hex()
    if obj is None or isinstance(obj, str | int | bool):
        return obj
    raise TypeError(f"no fingerprint for {type(obj).__name__}")


def fingerprint(*parts: Any) -> str:
    """SHA-256 of :func:`spell` of the parts, in hexadecimal."""
    return hashlib.sha256(json.dumps(spell(list(parts))).encode()).hexdigest()
