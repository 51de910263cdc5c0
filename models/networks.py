"""What theorems on deep networks share: the ReLU, and what their checks simulate: networks and sparse weights."""

from __future__ import annotations

from sympy import Expr, Max, Symbol

from verify.entries import sparse
from verify.networks import Network

__all__ = ["Network", "relu", "sparse"]

relu: Expr = Max(0, Symbol("h"))
