"""The derivation, stage by stage, as a person would tell it: every equation is read off the object its pass returned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sympy import Basic, Eq, Expr, Identity, MatAdd, MatMul, MatrixExpr, MatrixSymbol, Symbol, Trace, ZeroMatrix

from .pencil import Coefficient
from .regime import Space
from .ring import Poly, Ring, letter_to_sympy

if TYPE_CHECKING:
    from .pipeline import Derivation

__all__ = ["Step", "derivation_steps"]


@dataclass(frozen=True)
class Step:
    """One stage: a title, a sentence that says what was done and why it is allowed, and its equations."""

    title: str
    sentence: str
    equations: tuple[Basic, ...]

    def __str__(self) -> str:
        lines = [self.title, "  " + self.sentence]
        return "\n".join([*lines, *(f"    {e.lhs} = {e.rhs}" for e in self.equations)])


def derivation_steps(derivation: Derivation) -> tuple[Step, ...]:
    """All steps of a derivation."""
    return tuple(_Teller(derivation).steps())


class _Teller:
    def __init__(self, derivation: Derivation):
        self.d = derivation
        self.ring: Ring = derivation.ring
        self.blocks = derivation.pencil.blocks
        self.names: dict[Symbol, Symbol] = dict(derivation.system.names)

    def _rename(self, expr: Basic) -> Basic:
        # only shifts are renamed before the last step: tau_k stay tau_k until the reduced unknowns are introduced
        shifts = {s.symbol for s in self.ring.shifts.values()}
        return expr.xreplace({old: new for old, new in self.names.items() if old in shifts})

    def _vector(self, index: int) -> MatrixSymbol:
        return MatrixSymbol(f"w_{index + 1}", self.blocks[index].space.label, 1)

    def _matrix(self, name: str, i: int, j: int) -> MatrixSymbol:
        rows, cols = self.blocks[i].space.label, self.blocks[j].space.label
        return MatrixSymbol(
            f"{name}_{i + 1}{j + 1}" if len(self.blocks) < 10 else f"{name}_{i + 1},{j + 1}", rows, cols
        )

    def _poly(self, poly: Poly) -> MatrixExpr:
        return self._rename(self.ring.to_sympy(poly)) if poly else ZeroMatrix(poly.rows.label, poly.cols.label)

    def _times(self, *factors: MatrixExpr) -> MatrixExpr:
        kept = [f for f in factors if not isinstance(f, Identity)]
        return MatMul(*kept) if len(kept) > 1 else kept[0]

    def _row(self, coefficients: dict[int, Coefficient]) -> MatrixExpr:
        terms = []
        for j, c in coefficients.items():
            w = self._vector(j)
            if c.fixed:
                terms.append(self._times(self._poly(c.fixed), w))
            for t in c.random:
                terms.append(self._times(self._poly(t.left), letter_to_sympy(t.matrix), self._poly(t.right), w))
        return MatAdd(*terms) if len(terms) > 1 else terms[0]

    def _input(self, space: Space) -> MatrixSymbol:
        return MatrixSymbol("x", space.label, 1)

    def steps(self) -> Iterator[Step]:
        yield self._pencil()
        yield from self._pairing()
        yield self._dyson()
        yield from self._merged()
        yield from self._elimination()
        yield from self._scalars()
        yield from self._reduction()
        yield self._limit()

    def _pencil(self) -> Step:
        pencil = self.d.pencil
        equations = []
        for i, (row, inputs) in enumerate(zip(pencil.rows, pencil.inputs, strict=True)):
            right = [self._times(self._poly(b), self._input(space)) for space, b in inputs.items()]
            rhs = MatAdd(*right) if len(right) > 1 else right[0] if right else ZeroMatrix(self.blocks[i].space.label, 1)
            equations.append(Eq(self._row(dict(row)), rhs, evaluate=False))
        for k, output in enumerate(pencil.outputs):
            terms = [self._times(self._poly(c), self._vector(i)) for i, c in output.coefficients.items()]
            if output.direct:
                terms.append(self._times(self._poly(output.direct), self._input(output.input)))
            if terms:
                name = MatrixSymbol(f"y_{k + 1}", terms[0].shape[0], 1)
                equations.append(Eq(name, MatAdd(*terms) if len(terms) > 1 else terms[0], evaluate=False))
        sizes = ", ".join(str(b.space) for b in self.blocks)
        return Step(
            "Pencil",
            f"The quantity is read as a linear system of {len(self.blocks)} block rows (of sizes {sizes}) that is affine in the "
            "random matrices: every inverse, and every value that a second random matrix is applied to, is one unknown.",
            tuple(equations),
        )

    def _pairing(self) -> Iterator[Step]:
        paired = self.d.paired
        eta: dict[tuple[int, int], list[MatrixExpr]] = {}
        for p in paired.pairings:
            term = MatMul(paired.taus[p.tau].symbol if p.tau < len(paired.taus) else 0, self._poly(p.element))
            eta.setdefault((p.i, p.j), []).append(term)
        equations = tuple(
            Eq(self._matrix("eta", i, j), MatAdd(*terms) if len(terms) > 1 else terms[0], evaluate=False)
            for (i, j), terms in sorted(eta.items())
        )
        if equations:
            yield Step(
                "Pairing of the noise",
                "Each random matrix is paired with its adjoint; pairings of lower order, traces through a finite-dimensional "
                "block and blocks that vanish structurally are left out.",
                equations,
            )

    def _dyson(self) -> Step:
        paired = self.d.paired
        equations: list[Basic] = [
            Eq(self._matrix("K", i, j), self._poly(poly), evaluate=False) for (i, j), poly in sorted(paired.K.items())
        ]
        for tau in paired.taus:
            block = self._matrix("G", tau.row, tau.col)
            weighted = block
            if tau.weight:
                weighted = self._times(self.ring.word_to_sympy(tau.weight, tau.weight[0].rows), block)
            equations.append(Eq(tau.symbol, Trace(weighted) / self.blocks[tau.col].space.label, evaluate=False))
        return Step(
            "Dyson equation",
            "The deterministic equivalent G of the inverse of the pencil solves G = K^(-1), where K is the deterministic part minus "
            "the paired noise; its unknowns are the normalised traces below.",
            tuple(equations),
        )

    def _merged(self) -> Iterator[Step]:
        field, equations = self.ring.field, []
        for old, new in self.d.merged.items():
            equations.append(Eq(field.meaning(old), field.meaning(new), evaluate=False))
        for v, r in sorted(self.d.reduced.classes.items()):
            if v != r:
                equations.append(Eq(field.meaning(v), field.meaning(r), evaluate=False))
        for v in sorted(self.d.reduced.zeros):
            equations.append(Eq(field.meaning(v), 0, evaluate=False))
        if equations:
            yield Step(
                "Equal unknowns",
                "Equal blocks of the pencil have equal solutions, and so have unknowns whose equations become the same.",
                tuple(equations),
            )

    def _elimination(self) -> Iterator[Step]:
        elimination = self.d.elimination
        wanted = {(t.row, t.col) for t in self.d.equation.taus}
        for output in self.d.pencil.outputs:
            for i in output.coefficients:
                for j, inputs in enumerate(self.d.pencil.inputs):
                    if output.input in inputs:
                        wanted.add((i, j))
        equations = [
            Eq(self._matrix("G", i, j), self._poly(poly), evaluate=False)
            for (i, j), poly in sorted(elimination.bulk.items())
            if (i, j) in wanted
        ]
        yield Step(
            "Elimination",
            "Block elimination over the ring of deterministic matrices, growing blocks first; matrices keep their order.",
            tuple(equations),
        )
        if elimination.master:
            field = self.ring.field
            master: list[Basic] = []
            for (i, j), poly in sorted(elimination.master.items()):
                scalar = poly.scalar()
                assert scalar is not None
                master.append(Eq(Symbol(f"M_{i + 1}{j + 1}"), self._rename(field.to_sympy(scalar)), evaluate=False))
            yield Step(
                "Master matrix",
                "The finite-dimensional blocks that remain after the growing ones are eliminated; its determinant gives outliers and "
                "its inverse alignments.",
                tuple(master),
            )

    def _scalars(self) -> Iterator[Step]:
        field = self.ring.field
        equations = [
            Eq(field.meaning(v), self._rename(field.to_sympy(rhs)), evaluate=False)
            for v, rhs in self.d.unreduced.items()
        ]
        if equations:
            yield Step("Scalar system", "Traces of the blocks close the system.", tuple(equations))

    def _reduction(self) -> Iterator[Step]:
        field, system = self.ring.field, self.d.system
        equations: list[Basic] = []
        for unknown, origin in system.origin.items():
            equations.append(Eq(unknown, self._rename(origin), evaluate=False))
        for v, e in self.d.reduced.definitions:
            symbol = field.meaning(v)
            if symbol not in self.names:
                equations.append(Eq(symbol, self._all(field.to_sympy(e)), evaluate=False))
        equations += system.equations
        equations += [Eq(s, e, evaluate=False) for s, e in system.definitions]
        if equations:
            yield Step(
                "Reduction",
                "Few unknowns are kept, the others are explicit; what is affine in its unknowns is solved.",
                tuple(equations),
            )

    def _all(self, expr: Expr) -> Expr:
        return expr.xreplace(dict(self.names))

    def _limit(self) -> Step:
        system = self.d.system
        if self.d.is_matrix:
            expr = next(iter(self.d.quantities.values()))
            equations: tuple[Basic, ...] = (Eq(expr, self.d.matrix, evaluate=False),)
            return Step(
                "Deterministic equivalent", "In traces and bilinear forms the matrix may be replaced by", equations
            )
        equations = tuple(Eq(self.d.quantities[name], value, evaluate=False) for name, value in system.values.items())
        return Step("Limit", "Almost surely, as the dimensions grow,", equations)
