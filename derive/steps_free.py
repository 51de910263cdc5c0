"""The step of the transcript that says how a free matrix enters; see ``free.py`` and ``subordination.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Basic, Eq, Expr, Identity, Inverse, MatAdd, MatMul, MatrixSymbol, S, Symbol, Trace

from .free import FreeElement

__all__ = ["Step", "free_step"]


@dataclass(frozen=True)
class Step:
    """One stage: a title, a sentence that says what was done and why it is allowed, and its equations."""

    title: str
    sentence: str
    equations: tuple[Basic, ...]

    def __str__(self) -> str:
        lines = [self.title, "  " + self.sentence]
        return "\n".join([*lines, *(f"    {e.lhs} = {e.rhs}" for e in self.equations)])


def free_step(element: FreeElement, place: Callable[[FreeElement, int, int], Expr], names: tuple[str, str]) -> Step:
    """The traces ``gamma_rs`` over the places of a free matrix, and what its unknowns ``rho_rs`` are of them."""
    name, count = element.letter.name, len(element.slots)
    omega, gamma = (f"{base}_{name}" for base in names)

    def trace(r: int, s: int) -> Symbol:
        return Symbol(gamma if count == 1 else f"{gamma}_{r + 1}{s + 1}")

    equations: list[Basic] = [Eq(trace(r, s), place(element, r, s), evaluate=False) for r, s in element.rho]
    title = "Haar matrix" if element.is_haar else "Free element"
    if count == 1:
        sentence, closing = _scalar(element, omega, trace(0, 0))
    elif element.is_haar:
        sentence, closing = _haar(element, trace, gamma)
    else:
        sentence, closing = _matrix(element, omega, gamma)
    return Step(title, sentence, (*equations, *closing))


def _scalar(element: FreeElement, omega: str, gamma: Symbol) -> tuple[str, list[Basic]]:
    letter, kappa, dim = element.letter, Symbol(omega), element.letter.rows.label
    ((rho, _),) = element.rho.values() or ((S.Zero, 0),)
    shifted = MatAdd(MatMul(kappa, Identity(dim)), letter.matrix)
    sentence = (
        f"`{letter.name}` is free from everything else, so it enters through one scalar: with the subordination "
        f"function `{omega}` the trace over its place is that of a shifted `{letter.name}`."
    )
    closing = [
        Eq(Trace(Inverse(shifted)) / dim, gamma, evaluate=False),
        Eq(rho, 1 / gamma - kappa, evaluate=False),
    ]
    return sentence, closing


def _haar(element: FreeElement, trace: Callable[[int, int], Symbol], gamma: str) -> tuple[str, list[Basic]]:
    name = element.letter.name
    sentence = (
        f"`{name}` is free from everything else and couples the places of `{name}` with those of its adjoint only; "
        f"averaging over its phase gives its unknowns as rational functions of the traces `{gamma}`."
    )
    if len(element.slots) > 2 or len(element.rho) != 2:
        count = len(element.slots)
        g, rho = (MatrixSymbol(base, count, count) for base in (gamma, f"rho_{name}"))
        inner = Inverse(MatAdd(Identity(count), MatMul(-1, rho, g)))
        return sentence + f" The entries of `rho_{name}` are the unknowns.", [
            Eq(rho, MatMul(-1, g, inner), evaluate=False)
        ]
    forth, back = element.rho[0, 1][0], element.rho[1, 0][0]
    closing: list[Basic] = [
        Eq(forth, -trace(0, 1) / (1 - back * trace(0, 1)), evaluate=False),
        Eq(back, -trace(1, 0) / (1 - forth * trace(1, 0)), evaluate=False),
    ]
    return sentence, closing


def _matrix(element: FreeElement, omega: str, gamma: str) -> tuple[str, list[Basic]]:
    name, count = element.letter.name, len(element.slots)
    g, kappa, rho = (MatrixSymbol(base, count, count) for base in (gamma, omega, f"rho_{name}"))
    sentence = (
        f"`{name}` is free from everything else and stands in {count} places, so it enters through a matrix "
        f"`rho_{name}` of scalars, whose entries are the unknowns row by row. The subordination function `{omega}` is "
        f"a matrix too: the mean of the inverse of `{omega}` plus an eigenvalue of `{name}` is the matrix `{gamma}` of "
        "traces over the places."
    )
    return sentence, [Eq(rho, MatAdd(Inverse(g), MatMul(-1, kappa)), evaluate=False)]
