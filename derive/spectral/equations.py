"""The equations of an outlier and of an edge, written out: what a person reads, and what a changed system changes.

An outlier solves the bulk equations together with "the determinant of the master matrix vanishes"; its squared
alignments are minus the residues of the forms, which are explicit once the bulk unknowns are differentiated. An edge
solves the bulk equations together with "their Jacobian is singular".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sympy import Dummy, Expr, Matrix, Mul, Symbol, Trace

from ..field import Field
from ..system import System
from .differentiate import derivative
from .master import Form, Master

__all__ = [
    "alignment_expression",
    "edge_residual",
    "outlier_system",
    "slope_names",
    "system_factors",
    "tidy",
    "total_derivative",
]


def tidy(expr: Expr, numerator: bool = False) -> Expr:
    """One fraction in lowest terms, its numerator and denominator factored; or only its numerator."""
    # normalised traces stay together: tr(M)/n is one number, and the dimension does not wander into the fraction
    traces = sorted((t for t in expr.atoms(Trace) if t.arg.rows != 1), key=str)
    names = {t: t.arg.rows * Dummy() for t in traces}
    back = {name / t.arg.rows: t / t.arg.rows for t, name in names.items()}
    expr = expr.xreplace(names)
    field = Field([expr], spare=64)
    try:
        value = field.from_sympy(expr)
        return (field.poly_to_sympy(value.num) if numerator else field.to_sympy(value)).xreplace(back)
    except OverflowError:
        return expr.xreplace(back)


def slope_names(master: Master) -> dict[Symbol, Symbol]:
    """A name for the derivative of each bulk unknown by z: ``dg`` for ``g``."""
    system = master.law.system
    exprs = [*system.substituted(system.residuals), *(e for e, _ in system_factors(master))]
    taken = {s.name for e in exprs for s in e.free_symbols} | {s.name for s in system.unknowns}
    names: dict[Symbol, Symbol] = {}
    for u in system.unknowns:
        names[u] = Symbol(next(n for n in (f"d{u.name}", f"d{u.name}_z", f"d{u.name}_0") if n not in taken))
    return names


def total_derivative(expr: Expr, master: Master, names: Mapping[Symbol, Symbol]) -> Expr:
    """The derivative along the bulk solution: by z, and through the unknowns by their slopes."""
    return derivative(expr, master.z) + sum(derivative(expr, u) * slope for u, slope in names.items())


def _slopes(master: Master, bulk: Sequence[Expr]) -> tuple[dict[Symbol, Symbol], list[Expr], list[tuple[Symbol, Expr]]]:
    """Names for the slopes of the unknowns, and the equations or the definition that determine them."""
    names = slope_names(master)
    if len(names) == 1:
        ((u, slope),) = names.items()
        return names, [], [(slope, tidy(-derivative(bulk[0], master.z) / derivative(bulk[0], u)))]
    return names, [total_derivative(residual, master, names) for residual in bulk], []


def alignment_expression(master: Master, form: Form, slopes: Mapping[Symbol, Symbol]) -> Expr:
    """Minus the residue of the form at a zero of its denominator, as a squared alignment."""
    num, den = master.law.system.substituted(list(master.fraction(form)))
    value = -num / total_derivative(den, master, slopes)
    return tidy(value / master.z if form.right else value)


def outlier_system(master: Master, values: Mapping[str, Form | None]) -> System:
    """Unknowns: those of the bulk, z, and (for more than one bulk unknown) their slopes; ``values`` maps a name to a
    form, or to None for the location. In a model without signals z is an edge.
    """
    system, z = master.law.system, master.z
    bulk = system.substituted(system.residuals)
    if master.determinant:
        last = Mul(*[e for e, _ in system_factors(master)])
    else:
        # without signals there is no outlier: the eigenvalues asked for are at the ends of the support
        last = tidy(edge_residual(system.unknowns, bulk), numerator=True)
    names, rows, definitions = _slopes(master, bulk) if any(values.values()) else ({}, [], [])
    slopes = tuple(names.values()) if rows else ()
    unknowns = (*system.unknowns, z, *slopes)
    return System(
        unknowns,
        (*bulk, last, *rows),
        (*_explicit(system, bulk), None, *(None for _ in rows)),
        tuple(definitions),
        {name: z if form is None else alignment_expression(master, form, names) for name, form in values.items()},
        {},
    )


def _explicit(system: System, bulk: Sequence[Expr]) -> list[Expr | None]:
    """Right-hand sides ``unknown = ...`` with the definitions put in."""
    return [
        None if right is None else system.substituted([right])[0]
        for right in (system.right_hand_sides or [None] * len(bulk))
    ]


def system_factors(master: Master) -> list[tuple[Expr, int]]:
    """The determinant's factors in the unknowns alone."""
    return [(master.law.system.substituted([e])[0], count) for e, count in master.determinant]


def edge_residual(unknowns: Sequence[Symbol], bulk: Sequence[Expr]) -> Expr:
    """The Jacobian of the bulk equations by their unknowns: it vanishes at an edge."""
    return Matrix([[derivative(r, u) for u in unknowns] for r in bulk]).det(method="berkowitz")
