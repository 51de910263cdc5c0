"""Which solution of the equations is the limit, in words that fit the expression at hand.

The general rule is continuation in the noise. Two shapes of the quantity allow more to be said: resolvents
``(M + lambda I)^-1`` of a nonnegative ``M``, where unknowns are positive, and those of a self-adjoint ``M`` at a
complex point.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Identity, MatAdd, MatMul, MatPow, MatrixExpr, S, Symbol

from .field import Fraction
from .latex_abbreviations import adjoint_tree, inverted_in
from .latex_printer import TheoremPrinter, flat_product
from .nodes import Letter
from .pipeline import Derivation
from .ring import Word
from .symbols import Deterministic, Free, FreeMatrix, RandomMatrix

__all__ = ["branch_latex", "positive_unknowns"]


def branch_latex(derivation: Derivation, printer: TheoremPrinter, unknowns: Sequence[Symbol]) -> str:
    """The sentences that say which solution is meant, and where the statement holds."""
    bases = {b for q in derivation.quantities.values() for b in inverted_in(q) if b.atoms(RandomMatrix, FreeMatrix)}
    shifts = [_shift(b) for b in sorted(bases, key=str)]
    several = len(bases) > 1
    points = sorted({s for s, _ in shifts for s in s.free_symbols if not s.is_real}, key=str)
    positive = bool(shifts) and all(s.is_positive and is_nonnegative(m) for s, m in shifts)
    hermitian = bool(shifts) and all(m == 0 or is_hermitian(m) for _, m in shifts)
    if not unknowns:
        if positive:
            return ""
        return _off_axis(printer, points, shifts) if hermitian and points else _bounded(several) + "."
    t = printer.names.fresh("t", "s", "h")
    free = any(isinstance(m, FreeMatrix) for m in derivation.problem.letters)
    scaled = "every random matrix" if free else "the variance of every random matrix"
    follow = (
        f"The equations may have other solutions. Multiply {scaled} by ${t}$: at ${t}=0$ "
        f"there is no "
        f"noise and {_are(printer, unknowns)} explicit; the limit is the value at ${t}=1$ of the solution continued "
        f"from there. "
    )
    if positive:
        found = positive_unknowns(derivation)
        signs = ", ".join(printer.doprint(u) for u in unknowns if u in found)
        claim = f", and ${signs}>0$" if signs else ""
        matrix = "the inverted matrices are" if several else "the inverted matrix is"
        return (
            f"{follow}No singularity is met on the way, since {matrix} bounded below by a positive multiple of the "
            f"identity; "
            f"along it the deterministic equivalent of the resolvent has a positive real part{claim}."
        )
    if hermitian and points:
        return follow + _off_axis(printer, points, shifts)
    return f"{follow}{_bounded(several)}, at every ${t}$ between $0$ and $1$."


def _are(printer: TheoremPrinter, unknowns: Sequence[Symbol]) -> str:
    listed = [f"${printer.doprint(u)}$" for u in unknowns]
    if len(listed) == 1:
        return listed[0] + " is"
    return ", ".join(listed[:-1]) + f" and {listed[-1]} are"


def _off_axis(printer: TheoremPrinter, points: Sequence[Symbol], shifts: Sequence[tuple[Expr, MatrixExpr]]) -> str:
    names = ", ".join(printer.doprint(z) for z in points)
    holds = " and ".join(rf"$\operatorname{{Im}} {printer.doprint(z)}>0$" for z in points)
    text = (
        f"The statement holds for {holds}, where nothing singular is met, and by analytic continuation at real "
        f"${names}$ "
        "outside the limiting spectrum."
    )
    z = points[0]
    if len(points) == 1 and any(s == -z for s, _ in shifts):
        z_latex = printer.doprint(z)
        matrix, transform = printer.names.fresh("M", "N", "L"), printer.names.fresh("m", "r", "s")
        text += (
            rf" Sign convention: the resolvent of ${matrix}$ is $({matrix}-{z_latex} I)^{{-1}}$, whose normalised "
            rf"trace "
            rf"${transform}({z_latex})$ has $\operatorname{{Im}} {transform}({z_latex})>0$ for $\operatorname{{Im}} "
            rf"{z_latex}>0$."
        )
    return text


def _bounded(several: bool) -> str:
    subject, matrix = (
        ("inverses exist", "each inverted matrix") if several else ("inverse exists", "the inverted matrix")
    )
    return (
        f"It is assumed that the {subject}: the smallest singular value of {matrix} stays away from $0$ as the "
        "dimensions grow"
    )


def _shift(base: MatrixExpr) -> tuple[Expr, MatrixExpr]:
    """``(s, M)`` with ``base = M + s I``."""
    terms = base.args if isinstance(base, MatAdd) else [base]
    shift, rest = S.Zero, []
    for term in terms:
        scalar, factors = flat_product(term)
        if all(isinstance(f, Identity) for f in factors):
            shift = shift + scalar
        else:
            rest.append(term)
    return shift, MatAdd(*rest) if len(rest) > 1 else rest[0] if rest else S.Zero


def _same(a: MatrixExpr, b: MatrixExpr) -> bool:
    if isinstance(a, MatAdd) and isinstance(b, MatAdd):
        return set(a.args) == set(b.args)
    if isinstance(a, MatPow) and isinstance(b, MatPow):
        return a.exp == b.exp and _same(a.base, b.base)
    return a == b


def _mirrored(factors: Sequence[MatrixExpr]) -> bool:
    return all(_same(adjoint_tree(a), b) for a, b in zip(factors, reversed(factors), strict=True))


def is_hermitian(expr: MatrixExpr) -> bool:
    """Self-adjoint by its form (scalars that may be complex are not)."""
    if isinstance(expr, MatAdd):
        pending = [t for t in expr.args if not is_hermitian(t)]
        flipped = [adjoint_tree(t) for t in pending]
        return set(pending) == set(flipped) and all(flat_product(t)[0].is_real for t in pending)
    scalar, factors = flat_product(expr)
    return bool(scalar.is_real) and _mirrored(factors)


def is_nonnegative(expr: MatrixExpr) -> bool:
    """Positive semidefinite by its form: sums and products ``B N B*``."""
    if isinstance(expr, MatAdd):
        return all(is_nonnegative(t) for t in expr.args)
    scalar, factors = flat_product(expr)
    if not scalar.is_positive or not _mirrored(factors):
        return False
    if len(factors) % 2 == 0:
        return True
    middle = factors[len(factors) // 2]
    if isinstance(middle, MatPow):
        if middle.exp.is_even and middle.exp.is_positive:
            return is_hermitian(middle.base)
        shift, rest = _shift(middle.base)
        return (bool(shift.is_positive) and rest != 0 and is_nonnegative(rest)) or _is_positive_letter(middle.base)
    return _is_positive_letter(middle) or (isinstance(middle, MatAdd | MatMul) and is_nonnegative(middle))


def _is_positive_letter(expr: MatrixExpr) -> bool:
    return isinstance(expr, Deterministic | Free) and expr.is_positive_matrix


def positive_unknowns(derivation: Derivation) -> set[Symbol]:
    """Reduced unknowns that are positive when every inverse of the quantity is bounded, by form alone.

    A trace of a diagonal block of a resolvent with a nonnegative weight is positive; so is what the scalar system makes
    of positive quantities with positive coefficients only.
    """
    field, equation, system = derivation.ring.field, derivation.equation, derivation.system
    blocks = equation.pencil.blocks
    known = {
        t.position
        for t in equation.taus
        if t.row == t.col and blocks[t.row].kind == "inverse" and _nonnegative_word(derivation, t.weight)
    }

    def positive(value: Fraction) -> bool:
        if not value or not all(g in known or field.meaning(g).is_positive for g in value.generators()):
            return False
        return all(int(c) > 0 for poly in (value.num, value.den) for c in poly.coeffs())

    shifts = {s.position: s.value for s in derivation.ring.shifts.values()}
    rules = dict(derivation.unreduced) | shifts
    while True:
        new = {v for v, value in rules.items() if v not in known and positive(value)}
        if not new:
            break
        known |= new
    meanings = {field.meaning(v) for v in known}
    return {new for old, new in system.names.items() if old in meanings}


def _nonnegative_word(derivation: Derivation, word: Word) -> bool:
    if derivation.ring.transpose(word) != word or not all(isinstance(f, Letter) for f in word):
        return False
    middle = word[len(word) // 2] if len(word) % 2 else None
    return middle is None or (isinstance(middle, Letter) and (middle.root or _is_positive_letter(middle.matrix)))
