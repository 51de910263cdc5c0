"""The master matrix of a self-adjoint model with low-rank signals: one derivation for all that its spikes move.

The passes run once on the Stieltjes transform, on the bilinear forms of all signals with the resolvent, and on the
determinant of the master matrix, so that everything is a function of the same bulk unknowns. Outliers are the zeros of
the determinant, squared alignments minus the residues of the forms there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Expr, Identity, MatMul, MatrixExpr, S, Symbol, Trace

from ..dyson import DysonEquation
from ..eliminate import Elimination
from ..errors import ResolventError
from ..field import Fraction
from ..nodes import adjoint_of
from ..pipeline import Problem, derive_scalars, read_problem
from ..read import Reader
from ..result import Limit
from ..ring import Ring
from ..scan import square_roots
from ..symbols import Signal

__all__ = ["Form", "Master", "companion_of", "derive_master"]

STIELTJES, DETERMINANT = "stieltjes", "determinant"


@dataclass(frozen=True)
class Form:
    """``u' (M - z)^-1 u / |u|^2`` for a signal of M's space; for one of the other space of ``M = Y Y'`` the value under
    ``name`` is ``v' Y' (M - z)^-1 Y v / |v|^2``, which is ``1 + z v' (Y'Y - z)^-1 v / |v|^2``.
    """

    signal: Signal
    name: str
    right: bool


@dataclass(frozen=True, eq=False)
class Master:
    """What was derived for one matrix: ``law`` has the values ``stieltjes``, ``determinant`` and one per form."""

    matrix: MatrixExpr
    z: Symbol
    factors: tuple[MatrixExpr, MatrixExpr] | None
    forms: tuple[Form, ...]
    law: Limit

    @property
    def companion(self) -> MatrixExpr | None:
        """``Y'Y`` where the matrix is ``Y Y'``: the same eigenvalues, the right singular vectors."""
        return None if self.factors is None else MatMul(self.factors[1], self.factors[0]).doit(deep=False)

    @cached_property
    def determinant(self) -> tuple[tuple[Expr, int], ...]:
        """The irreducible factors of the determinant's numerator that contain an unknown or z, with multiplicities."""
        ring, system = self.law.derivation.ring, self.law.system
        fraction = self.law.derivation.reduced.values[f"_V_{DETERMINANT}"]
        names = dict(system.names)
        out = []
        for factor, count in fraction.num.factor()[1]:
            expr = ring.field.poly_to_sympy(factor).xreplace(names)
            if len(factor.monoms()) > 1 or expr.has(*system.unknowns, self.z):
                out.append((-expr if expr.could_extract_minus_sign() else expr, int(count)))
        return tuple(out)

    def form(self, signal: Signal, right: bool = False) -> Form | None:
        """The form of a signal, or None."""
        return next((f for f in self.forms if f.signal == signal and f.right == right), None)

    def fraction(self, form: Form) -> tuple[Expr, Expr]:
        """Numerator and denominator of a form in the reduced unknowns, in lowest terms."""
        ring, names = self.law.derivation.ring, dict(self.law.system.names)
        value = self.law.derivation.reduced.values[f"_V_{form.name}"]
        num, den = (ring.field.poly_to_sympy(p).xreplace(names) for p in (value.num, value.den))
        return num, den


def _determinant(ring: Ring, equation: DysonEquation, elimination: Elimination) -> dict[str, Fraction]:
    """The determinant over the cuts that the resolvent of the first output runs through: other outputs repeat them."""
    pencil, field = equation.pencil, ring.field
    seen: set[int] = set()
    pending = list(pencil.outputs[0].coefficients)
    while pending:
        i = pending.pop()
        if i not in seen:
            seen.add(i)
            pending.extend(pencil.rows[i])
    index = [i for i in equation.finite() if i in seen]
    rows = []
    for i in index:
        row = {}
        for j in index:
            if (i, j) in elimination.master:
                value = elimination.master[i, j].scalar()
                if value is None:
                    raise ResolventError(
                        "the master matrix has a block that is not a number; use one Signal per column"
                    )
                row[j] = value
        rows.append(row)
    total = field.one
    for k, j in enumerate(index):
        # the pivot with the fewest terms keeps the fractions small
        candidates = [m for m in range(k, len(rows)) if rows[m].get(j)]
        if not candidates:
            return {DETERMINANT: field.zero}
        pivot = min(candidates, key=lambda m: len(rows[m][j].num.monoms()) + len(rows[m][j].den.monoms()))
        if pivot != k:
            rows[k], rows[pivot] = rows[pivot], rows[k]
            total = -total
        total = total * rows[k][j]
        for m in range(k + 1, len(rows)):
            if rows[m].get(j):
                factor = rows[m].pop(j) / rows[k][j]
                for l, value in rows[k].items():
                    if l != j:
                        rows[m][l] = rows[m].get(l, field.zero) - factor * value
    return {DETERMINANT: total}


def companion_of(matrix: MatrixExpr, problem: Problem) -> tuple[MatrixExpr, MatrixExpr] | None:
    """``(Y, Y')`` with ``matrix = Y Y'``, a scalar in front put to the first, or None."""
    if not isinstance(matrix, MatMul):
        return None
    scalars = [a for a in matrix.args if not isinstance(a, MatrixExpr)]
    factors = [a for a in matrix.args if isinstance(a, MatrixExpr)]
    reader = Reader(problem.regime, square_roots([matrix]))
    for k in range(1, len(factors)):
        left, right = (MatMul(*part) if len(part) > 1 else part[0] for part in (factors[:k], factors[k:]))
        if left.rows == right.cols and adjoint_of(reader.matrix(left)[0], "H") == reader.matrix(right)[0]:
            return (MatMul(*scalars, left) if scalars else left), right
    return None


def derive_master(
    matrix: MatrixExpr,
    z: Symbol,
    regime: Mapping | None = None,
    *,
    inner: Mapping | None = None,
    commuting: Iterable[Iterable] | None = None,
    signals: Iterable[Signal] = (),
) -> Master:
    """Derive the Stieltjes transform, the forms of all signals and the master determinant together.

    Parameters
    ----------
    matrix : MatrixExpr
        Self-adjoint; ``Y*Y.adjoint()`` gives the right singular vectors too.
    z : Symbol
        The spectral parameter.
    regime, inner, commuting
        As for :func:`derive.limit`.
    signals : iterable of Signal, optional
        Further vectors whose alignment is wanted although they do not occur in the matrix.

    Returns
    -------
    Master

    Examples
    --------
    >>> from sympy import Symbol
    >>> from derive import Signal, Wigner, dimensions
    >>> from derive.spectral.master import derive_master
    >>> n, z, theta = dimensions("n"), Symbol("z"), Symbol("theta", positive=True)
    >>> u = Signal("u", n, norm2=1)
    >>> master = derive_master(Wigner("W", n, variance=1/n) + theta*u*u.T, z, {})
    >>> master.determinant
    ((g - theta + z, 1),)
    """
    n = matrix.rows
    Q = (matrix - z * Identity(n)).I
    first = {STIELTJES: Trace(Q) / n}
    problem = read_problem([first[STIELTJES], *signals], regime or {}, inner, commuting)
    factors = companion_of(matrix, problem)
    found = [s for s in problem.letters if isinstance(s, Signal)]
    forms: list[Form] = []
    quantities: dict[str, Expr] = dict(first)
    for right in (False, True):
        if right and factors is None:
            continue
        space = n if not right else factors[0].cols  # type: ignore[index]
        for signal in found:
            if signal.shape[0] != space:
                continue
            form = Form(signal, f"{'right' if right else 'left'}_{signal.name}", right)
            inside: list[Any] = [signal.T, Q, signal]
            if right:
                assert factors is not None
                inside = [signal.T, factors[1], Q, factors[0], signal]
            norm = signal.norm2
            quantities[form.name] = MatMul(*([1 / norm] if norm != S.One else []), *inside)
            forms.append(form)
    derivation = derive_scalars(quantities, problem, _determinant)
    return Master(matrix, z, factors, tuple(forms), Limit(derivation, False))
