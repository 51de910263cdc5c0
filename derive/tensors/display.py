"""Expressions that are only shown: contractions of a tensor, inner products, normalised traces of resolvent blocks."""

from __future__ import annotations

from typing import Any

from sympy import Expr, Symbol
from sympy.printing.pretty.stringpict import prettyForm

from .equations import TensorEquations
from .network import Estimate, Word
from .reading import PlantedTensor

__all__ = [
    "DOT",
    "BlockTrace",
    "Contraction",
    "Differential",
    "Inner",
    "Juxtaposed",
    "contraction_symbol",
    "estimate_symbol",
    "resolvent_symbol",
    "tensor_symbol",
    "vector_symbol",
    "word_trace",
]

DOT = Symbol("_dot")


class Contraction(Expr):
    """``T(u, v, w)``: a tensor on vectors; a dot leaves a mode free."""

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        inner = ", ".join("." if a == DOT else printer._print(a) for a in self.args[1:])
        return f"{printer._print(self.args[0])}({inner})"

    def _latex(self, printer: Any) -> str:
        inner = ",".join(r"\cdot" if a == DOT else printer._print(a) for a in self.args[1:])
        return f"{printer._print(self.args[0])}({inner})"


class Inner(Expr):
    """``<v, w>``."""

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        return f"<{printer._print(self.args[0])}, {printer._print(self.args[1])}>"

    def _latex(self, printer: Any) -> str:
        return rf"\langle {printer._print(self.args[0])},{printer._print(self.args[1])}\rangle"


class BlockTrace(Expr):
    """``tr(A B ...)/N``: ``args[0]`` is N, the others the blocks."""

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        return f"tr({' '.join(map(printer._print, self.args[1:]))})/{printer._print(self.args[0])}"

    def _latex(self, printer: Any) -> str:
        blocks = r"\,".join(map(printer._print, self.args[1:]))
        return rf"\frac{{1}}{{{printer._print(self.args[0])}}}\operatorname{{tr}} {blocks}"


class Differential(Expr):
    """``dT``: the change of something."""

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        return f"d{printer._print(self.args[0])}"

    def _pretty(self, printer: Any) -> prettyForm:
        # SymPy's printer has a method for another class of this name
        return prettyForm(f"d{printer._print(self.args[0])}")

    def _latex(self, printer: Any) -> str:
        return rf"\mathrm{{d}}{printer._print(self.args[0])}"


class Juxtaposed(Expr):
    """Factors in the order given: scalars, inner products, then a vector."""

    is_commutative = True

    def _sympystr(self, printer: Any) -> str:
        return "*".join(printer.parenthesize(a, 50) for a in self.args)

    def _latex(self, printer: Any) -> str:
        return r"\,".join(printer._print(a) for a in self.args)


def tensor_symbol(read: PlantedTensor, step: int) -> Symbol:
    return Symbol("T" if len(read.terms) == 1 else f"T_{step}")


def estimate_symbol(read: PlantedTensor, estimate: Estimate) -> Symbol:
    """``u_1``, and ``u_2,1`` for block 1 of a second estimator."""
    parts = [] if len(read.terms) == 1 else [str(estimate.step)]
    parts += [] if read.symmetric else [str(estimate.block + 1)]
    return Symbol("_".join(["u", ",".join(parts)]) if parts else "u")


def vector_symbol(read: PlantedTensor, what: Any) -> Symbol:
    return estimate_symbol(read, what) if isinstance(what, Estimate) else Symbol(what.name)


def resolvent_symbol(read: PlantedTensor, step: int, row: int, col: int) -> Symbol:
    parts = [] if len(read.terms) == 1 else [str(step)]
    parts += [] if read.symmetric else [f"{row + 1}{col + 1}"]
    return Symbol("_".join(["R", ",".join(parts)]) if parts else "R")


def contraction_symbol(read: PlantedTensor, step: int, row: int, col: int) -> Symbol:
    """``Phi_12``, and ``Phi_2,12`` for a second estimator."""
    parts = [] if len(read.terms) == 1 else [str(step)]
    parts += [] if read.symmetric else [f"{row + 1}{col + 1}"]
    return Symbol("_".join(["Phi", ",".join(parts)]) if parts else "Phi")


def word_trace(derived: TensorEquations, word: Word) -> BlockTrace:
    blocks = [
        resolvent_symbol(derived.read, step, row, word[(k + 1) % len(word)][1]) for k, (step, row) in enumerate(word)
    ]
    return BlockTrace(derived.regime.base, *blocks)
