"""The derivation, stage by stage, as a person would tell it: each equation is read off the object its pass returned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sympy import Basic, Eq, Expr, Identity, MatAdd, MatMul, MatrixExpr, MatrixSymbol, S, Symbol, Trace, ZeroMatrix

from .free import FreeElement
from .pencil import Coefficient
from .pipeline import Derivation, field_symbols
from .regime import Space
from .ring import Poly, Ring, letter_to_sympy
from .steps_free import Step, free_step

__all__ = ["Step", "derivation_steps"]


def derivation_steps(derivation: Derivation) -> tuple[Step, ...]:
    """All steps of a derivation."""
    return tuple(_Teller(derivation).steps())


class _Teller:
    def __init__(self, derivation: Derivation):
        self.d = derivation
        self.ring: Ring = derivation.ring
        self.blocks = derivation.pencil.blocks
        self.names: dict[Symbol, Symbol] = dict(derivation.system.names)
        taken = {m.name for m in derivation.problem.letters} | {s.name for s in field_symbols(derivation)}
        taken |= {s.name for s in self.names.values()}
        bases = {_base(name) for name in taken}

        def free(*candidates: str) -> str:
            return next(c for c in (*candidates, *(c + "0" for c in candidates)) if c not in bases)

        self.unknown, self.input, self.output = free("w", "v", "q"), free("x", "s", "e"), free("y", "o", "r")
        self.noise, self.inverse = free("eta", "Xi", "Upsilon"), free("G", "H", "R")
        self.subordination, self.trace = free("omega", "varpi", "Omega"), free("gamma", "theta", "Gamma")
        self.operator, self.finite = free("K", "L", "N"), free("M", "D", "E")

    def _rename(self, expr: Basic) -> Basic:
        # only shifts are renamed before the last step: tau_k stay tau_k until the reduced unknowns are introduced
        shifts = self._shifts()
        return expr.xreplace({old: new for old, new in self.names.items() if old in shifts})

    def _vector(self, index: int) -> MatrixSymbol:
        return MatrixSymbol(f"{self.unknown}_{index + 1}", self.blocks[index].space.label, 1)

    def _pair(self, i: int, j: int) -> str:
        return f"{i + 1}{j + 1}" if len(self.blocks) < 10 else f"{i + 1},{j + 1}"

    def _matrix(self, name: str, i: int, j: int) -> MatrixSymbol:
        return MatrixSymbol(f"{name}_{self._pair(i, j)}", self.blocks[i].space.label, self.blocks[j].space.label)

    def _poly(self, poly: Poly) -> MatrixExpr:
        return self._rename(self.ring.to_sympy(poly)) if poly else ZeroMatrix(poly.rows.label, poly.cols.label)

    def _times(self, *factors: Poly | MatrixExpr) -> MatrixExpr:
        """A product that ends in a vector or a block, its scalars in front; multiples of the identity are scalars."""
        scalar: Expr = S.One
        kept: list[MatrixExpr] = []
        for factor in factors:
            matrix = self._poly(factor) if isinstance(factor, Poly) else factor
            parts = matrix.args if isinstance(matrix, MatMul) else (matrix,)
            for part in parts:
                if not isinstance(part, MatrixExpr):
                    scalar = scalar * part
                elif not isinstance(part, Identity):
                    kept.append(part)
        if scalar != 1:
            return MatMul(scalar, *kept)
        return MatMul(*kept) if len(kept) > 1 else kept[0]

    def _row(self, index: int, coefficients: dict[int, Coefficient]) -> MatrixExpr:
        terms = []
        for j, c in sorted(coefficients.items(), key=lambda item: (item[0] != index, item[0])):
            w = self._vector(j)
            if c.fixed:
                terms.append(self._times(c.fixed, w))
            for t in c.random:
                terms.append(self._times(t.left, letter_to_sympy(t.matrix), t.right, w))
        return MatAdd(*terms) if len(terms) > 1 else terms[0]

    def _input(self, space: Space) -> MatrixSymbol:
        return MatrixSymbol(self.input, space.label, 1)

    def steps(self) -> Iterator[Step]:
        yield self._pencil()
        yield from self._pairing()
        yield self._dyson()
        yield from self._free()
        yield from self._merged()
        yield from self._elimination()
        yield from self._scalars()
        yield from self._reduction()
        yield self._limit()

    def _pencil(self) -> Step:
        pencil = self.d.pencil
        equations = []
        for i, (row, inputs) in enumerate(zip(pencil.rows, pencil.inputs, strict=True)):
            right = [self._times(b, self._input(space)) for space, b in inputs.items()]
            rhs = MatAdd(*right) if len(right) > 1 else right[0] if right else ZeroMatrix(self.blocks[i].space.label, 1)
            equations.append(Eq(self._row(i, dict(row)), rhs, evaluate=False))
        for k, output in enumerate(pencil.outputs):
            terms = [self._times(c, self._vector(i)) for i, c in output.coefficients.items()]
            if output.direct:
                terms.append(self._times(output.direct, self._input(output.input)))
            if terms:
                name = MatrixSymbol(f"{self.output}_{k + 1}", terms[0].shape[0], 1)
                equations.append(Eq(name, MatAdd(*terms) if len(terms) > 1 else terms[0], evaluate=False))
        count = len(self.blocks)
        sizes = ", ".join(f"`{b.space}`" for b in self.blocks)
        rows = f"{count} block rows, of sizes {sizes}," if count > 1 else f"one block row, of size {sizes},"
        outputs = "the output" if len(pencil.outputs) == 1 else "each output"
        return Step(
            "Linear pencil",
            f"The quantity is read as a linear system of {rows} that is affine in the random matrices: every "
            f"inverse, and "
            f"every value that a second random matrix is applied to, becomes an unknown `{self.unknown}_i`; {outputs} "
            f"`{self.output}_k` is the matrix inside the quantity applied to `{self.input}`.",
            tuple(equations),
        )

    def _pairing(self) -> Iterator[Step]:
        paired, field = self.d.paired, self.ring.field
        eta: dict[tuple[int, int], Poly] = {}
        for p in paired.pairings:
            term = self.ring.scale(field.generator(paired.taus[p.tau].position), p.element)
            eta[p.i, p.j] = self.ring.add(eta[p.i, p.j], term) if (p.i, p.j) in eta else term
        equations = tuple(
            Eq(self._matrix(self.noise, i, j), self._poly(poly), evaluate=False)
            for (i, j), poly in sorted(eta.items())
            if poly
        )
        if equations:
            yield Step(
                "Pairing of the noise",
                "Each random matrix is paired with its adjoint, which leaves one normalised trace per pair. Pairings "
                "of lower order, "
                "traces through a finite-dimensional block and blocks that vanish by structure are left out; the "
                "other blocks of "
                f"`{self.noise}` are zero.",
                equations,
            )

    def _dyson(self) -> Step:
        paired = self.d.paired
        equations: list[Basic] = [
            Eq(self._matrix(self.operator, i, j), self._poly(poly), evaluate=False)
            for (i, j), poly in sorted(paired.K.items())
        ]
        for tau in paired.taus:
            block = self._matrix(self.inverse, tau.row, tau.col)
            weighted = block
            if tau.weight:
                weighted = self._times(self.ring.word_to_sympy(tau.weight, tau.weight[0].rows), block)
            equations.append(Eq(tau.symbol, Trace(weighted) / self.blocks[tau.col].space.label, evaluate=False))
        free = ", plus the contributions of the free matrices" if paired.free else ""
        unknowns = "; its unknowns are the normalised traces below." if paired.taus else "."
        return Step(
            "Dyson equation",
            f"The inverse of the pencil has the deterministic equivalent `{self.inverse}`, the inverse of "
            f"`{self.operator}`: the "
            f"deterministic part of the pencil minus the paired noise{free}{unknowns}",
            tuple(equations),
        )

    def _free(self) -> Iterator[Step]:
        """One step per free matrix: the traces over its places, and the subordination that closes them."""
        for element in self.d.paired.free:
            yield free_step(element, self._place, (self.subordination, self.trace))

    def _place(self, element: FreeElement, r: int, s: int) -> Expr:
        """``tr b_r G a_s / n``."""
        grows = [not block.space.finite for block in self.blocks]
        dim = element.letter.rows.label
        total: Expr = S.Zero
        for k, i, b, a in element.probes(r, s, grows):
            total = total + Trace(self._times(b, self._matrix(self.inverse, k, i), a)) / dim
        return total

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
                "Equal blocks of the pencil have equal solutions, and so have unknowns whose equations become the "
                "same.",
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
            Eq(self._matrix(self.inverse, i, j), self._poly(poly), evaluate=False)
            for (i, j), poly in sorted(elimination.bulk.items())
            if (i, j) in wanted
        ]
        shown = set().union(*(e.free_symbols for e in equations)) if equations else set()
        equations += [
            Eq(self._rename(s.symbol), self._rename(self.ring.field.to_sympy(s.value)), evaluate=False)
            for s in self.ring.shifts.values()
            if self._rename(s.symbol) in shown
        ]
        yield Step(
            "Elimination",
            f"Block elimination over the ring of deterministic matrices, growing blocks first, gives the blocks of "
            f"`{self.inverse}` "
            "that are used; matrices keep their order.",
            tuple(equations),
        )
        if elimination.master:
            field = self.ring.field
            master: list[Basic] = []
            for (i, j), poly in sorted(elimination.master.items()):
                scalar = poly.scalar()
                assert scalar is not None
                master.append(
                    Eq(
                        Symbol(f"{self.finite}_{self._pair(i, j)}"),
                        self._rename(field.to_sympy(scalar)),
                        evaluate=False,
                    )
                )
            yield Step(
                "Master matrix",
                "The finite-dimensional blocks that remain after the growing ones are eliminated; its determinant "
                "gives outliers and "
                "its inverse alignments.",
                tuple(master),
            )

    def _scalars(self) -> Iterator[Step]:
        field = self.ring.field
        equations = [
            Eq(self._rename(field.meaning(v)), self._rename(field.to_sympy(rhs)), evaluate=False)
            for v, rhs in self.d.unreduced.items()
        ]
        if equations:
            yield Step("Scalar system", "The traces of these blocks close the system.", tuple(equations))

    def _reduction(self) -> Iterator[Step]:
        field, system = self.ring.field, self.d.system
        equations: list[Basic] = []
        named: dict[Basic, Expr] = {}
        shifts = {self._rename(s) for s in self._shifts()}
        for unknown, origin in system.origin.items():
            named[self._rename(origin)] = unknown
            if unknown not in shifts:  # those were introduced with the elimination
                equations.append(Eq(unknown, self._rename(origin), evaluate=False))
        for v, e in self.d.reduced.definitions:
            symbol = field.meaning(v)
            value = self._all(field.to_sympy(e))
            # kappa = tau_1 was just said
            if symbol not in self.names and named.get(symbol) != value:
                equations.append(Eq(symbol, value, evaluate=False))
        for old, new in self.names.items():
            if any(new == s for s, _ in system.definitions) and old not in self._shifts():
                equations.append(Eq(new, old, evaluate=False))
        equations += system.equations
        equations += [Eq(s, e, evaluate=False) for s, e in system.definitions]
        if equations:
            kept = (
                "One unknown is"
                if len(system.unknowns) == 1
                else "Few unknowns are"
                if system.unknowns
                else "No unknown is"
            )
            yield Step(
                "Reduction",
                f"{kept} kept and the others are explicit; what is affine in its unknowns is solved.",
                tuple(equations),
            )

    def _shifts(self) -> set[Symbol]:
        return {s.symbol for s in (*self.ring.shifts.values(), *self.ring.entries.values())}

    def _all(self, expr: Expr) -> Expr:
        return expr.xreplace(dict(self.names))

    def _limit(self) -> Step:
        system = self.d.system
        if self.d.is_matrix:
            expr = next(iter(self.d.quantities.values()))
            equations: tuple[Basic, ...] = (Eq(expr, self.d.matrix, evaluate=False),)
            return Step(
                "Deterministic equivalent", "In traces and bilinear forms, the matrix may be replaced by", equations
            )
        asked = [(self.d.quantities[name], v) for name, v in system.values.items() if name in self.d.quantities]
        equations = tuple(Eq(quantity, value, evaluate=False) for quantity, value in asked)
        return Step(
            "Limit",
            "Almost surely, as the dimensions grow, "
            + ("the quantities tend to" if len(equations) > 1 else "the quantity tends to"),
            equations,
        )


def _base(name: str) -> str:
    """The name without its index: tau of tau_1."""
    return re.sub(r"_?[\d,]+\Z", "", name)
