"""The theorem about outliers and alignments as a reader sees it: its steps and its LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from sympy import Basic, Eq, Expr, MatMul, MatrixExpr, MatrixSymbol, Symbol
from sympy.matrices.expressions import Adjoint, Transpose

from ..functionals import SpectralFunctional
from ..latex import _PREAMBLE, _lines, _step
from ..latex_abbreviations import Abbreviations, random_abbreviations
from ..latex_branch import branch_latex
from ..latex_layout import LINE, width
from ..latex_lines import aligned
from ..latex_names import escape
from ..latex_setting import enumerated, setting_latex
from ..latex_statement import Statement, display, quantity_name
from ..steps import Step, derivation_steps
from ..symbols import MatrixLetter
from .equations import edge_residual, slope_names, tidy

if TYPE_CHECKING:
    from .spectral_limit import SpectralLimit

__all__ = ["document_of", "spectral_document", "spectral_latex", "spectral_notebook", "spectral_steps"]


# ---- steps ---------------------------------------------------------------------------------------------------------
def spectral_steps(law: SpectralLimit) -> tuple[Step, ...]:
    """The derivation of resolvent and forms, then outliers, residues and the edge."""
    return (*derivation_steps(law.derivation), *_outlier_steps(law))


def _outlier_steps(law: SpectralLimit) -> Iterator[Step]:
    master, system = law.master, law.derived
    bulk = list(master.law.system.unknowns)
    names = {s.name for e in (*system.residuals, *system.values.values()) for s in e.free_symbols}
    if not master.determinant:
        yield _edge_step(law, bulk)
        return
    delta = Symbol(next(n for n in ("Delta", "Phi", "Omega", "Delta_0") if n not in names))
    (value,) = master.law.system.substituted([master.law.system.values["determinant"]])
    yield Step(
        "Outliers",
        f"The resolvent has a pole outside the bulk exactly where the determinant `{delta}` of the master matrix "
        f"vanishes at a real point `{master.z}` off the support of the bulk; the order of the zero is the multiplicity "
        f"of the eigenvalue.",
        (Eq(delta, value, evaluate=False), *law.system.equations[len(bulk) : len(bulk) + 1]),
    )
    slopes = slope_names(master)
    if any(form is not None for form in law.parts.values()):
        listed = ", ".join(f"`{s}`" for s in slopes.values())
        differentiated = f" The bulk equations, differentiated by `{master.z}`, give {listed}." if listed else ""
        rows = [*law.definitions, *law.system.equations[len(bulk) + 1 :]]
        values = [Eq(quantity, law.system.values[name], evaluate=False) for name, quantity in law.quantities.items()]
        yield Step(
            "Residues",
            "The squared alignment of a signal with the eigenvector is minus the residue at the outlier of the "
            f"signal's form with the resolvent, divided by its squared norm.{differentiated}",
            (*rows, *values),
        )
    if bulk:
        yield _edge_step(law, bulk)


def _edge_step(law: SpectralLimit, bulk: list[Symbol]) -> Step:
    system = law.master.law.system
    residual = tidy(edge_residual(bulk, system.substituted(system.residuals)), True)
    return Step(
        "Edges and thresholds",
        "At an edge of the bulk the Jacobian of its equations is singular. The threshold of a spike is where its "
        "outlier meets an edge: there the determinant of the master matrix vanishes too.",
        (Eq(residual, 0, evaluate=False),),
    )


# ---- LaTeX ---------------------------------------------------------------------------------------------------------
class SpectralStatement(Statement):
    """Setting, conclusion at an outlier, conclusion below the threshold, closed forms."""

    law: SpectralLimit

    def __init__(self, law: SpectralLimit):
        super().__init__(law)
        given = {slope.name: self.names[u.name] + "'" for u, slope in slope_names(law.master).items()}
        for name, latex in given.items():
            self.names._latex[name] = latex
            self.names._owner[latex] = name

    @cached_property
    def named(self) -> Abbreviations:
        """Names for the resolvent and for sums of random matrices that return; the statement needs none of them."""
        return random_abbreviations(list(self.law.derivation.quantities.values()), self.names)

    @property
    def resolvent_rows(self) -> list[str]:
        """The names that the derivation uses."""
        pairs = self.named.definitions
        return [row for short, node in pairs for row in aligned(self.printer, self.tex(short), "=", node)]

    @cached_property
    def short(self) -> tuple[list[tuple[MatrixExpr, MatrixExpr]], dict[MatrixExpr, MatrixExpr]]:
        """Names for the matrix (or for its factor Y) with their definitions, and how the matrices are written."""
        master = self.law.master
        if master.factors is not None:
            left, _ = master.factors
            if isinstance(left, MatrixLetter):
                return [], {}
            known = [short for short, node in self.named.definitions if node == left]
            symbol = known[0] if known else MatrixSymbol(self.names.fresh("Y", "X", "F"), *left.shape)
            real = all(m.is_real_matrix for m in master.law.letters)
            flipped = Transpose(symbol) if real else Adjoint(symbol)
            table = {master.matrix: MatMul(symbol, flipped)}
            for functional in self.law.parts:
                if functional.matrix != master.matrix:
                    table[functional.matrix] = MatMul(flipped, symbol)
            return [(symbol, left)], table
        symbol = MatrixSymbol(self.names.fresh("M", "X", "F"), *master.matrix.shape)
        return [(symbol, master.matrix)], {master.matrix: symbol}

    def quantity_of(self, expr: Expr) -> Expr:
        """A quantity with the matrix abbreviated."""
        _, table = self.short
        rules = {f: f.func(table.get(f.matrix, f.matrix), *f.args[1:]) for f in expr.atoms(SpectralFunctional)}
        return expr.xreplace(rules)

    def body(self) -> str:
        law, master = self.law, self.law.master
        system = master.law.system
        used: list[Basic] = [*law.system.residuals, *law.system.values.values(), *(e.rhs for e in law.definitions)]
        setting = "\n".join(setting_latex(law, self.printer, used))
        z, base = self.tex(master.z), self.tex(law.base)
        bulk = law.system.equations[: len(system.unknowns)]
        determinant = law.system.equations[len(system.unknowns)]
        rows = [row for symbol, expr in self.short[0] for row in aligned(self.printer, self.tex(symbol), "=", expr)]
        matrix = self.tex(self.short[1].get(master.matrix, master.matrix))
        put = "Put\n" + display(rows, ".") + "\n" if rows else ""
        parts = [rf"\emph{{Setting.}} {setting}", put + self._bulk(bulk)]
        if master.determinant:
            parts.append(
                rf"\emph{{Conclusion.}} Almost surely, as ${base}\to\infty$, the eigenvalues of ${matrix}$ that stay "
                f"away from the support converge to the real numbers ${z}$ outside the support with\n"
                f"{display(self.rows(determinant), ',')}\ncounted with multiplicity. Eigenvalues are numbered in "
                f"decreasing order. If the one asked for is such an outlier, at ${z}$,\n"
                f"{display(self._values(), self._end())}\n{self._with()}{self._below()}"
            )
        else:
            parts.append(
                rf"\emph{{Conclusion.}} Almost surely, as ${base}\to\infty$, the extreme eigenvalues converge to the "
                f"ends of the support,\n{display(self._values(), ',')}\nwhere ${z}$ is an end of the support: an atom, "
                f"or a real number with\n{display(self.rows(determinant), '.')}"
            )
        closed = self._closed()
        if closed:
            parts.append(closed)
        branch = branch_latex(law.derivation, self.printer, system.unknowns)
        if branch:
            parts.append(rf"\emph{{Which solution.}} {branch}" if system.unknowns else branch)
        return "\n\n".join(parts)

    def rows(self, equation: Basic) -> list[str]:
        assert isinstance(equation, Eq)
        if equation.rhs == 0 and width(self.tex(self.show(equation.lhs))) > LINE / 2:
            return aligned(self.printer, "0", "=", self.show(equation.lhs))  # a left-hand side cannot be broken
        if equation.lhs.has(SpectralFunctional):
            left = self.tex(self.quantity_of(equation.lhs))
            return aligned(self.printer, left, "=", self.show(equation.rhs))
        return super().rows(equation)

    def _bulk(self, bulk: list[Eq]) -> str:
        if not bulk:
            return ""
        unknowns = [f"${self.tex(u)}$" for u in self.law.master.law.system.unknowns]
        verb = "solve" if len(unknowns) > 1 else "solves"
        rows = [row for e in bulk for row in self.rows(e)]
        stieltjes = self.law.master.law.system.substituted([self.law.master.law.system.values["stieltjes"]])[0]
        transform = self.names.fresh("m", "s", "r")
        z = self.tex(self.law.master.z)
        rows += aligned(self.printer, rf"{self.names[transform]}({z})", "=", self.show(stieltjes))
        matrix = self.short[1].get(self.law.master.matrix, self.law.master.matrix)
        subject = rf"For real ${z}$ outside the support of the limiting spectral distribution of ${self.tex(matrix)}$,"
        return (
            f"{subject} {enumerated(unknowns)} {verb}\n{display(rows, ',')}\n"
            "where the last line is the Stieltjes transform of that distribution."
        )

    def _values(self) -> list[str]:
        arrow = rf"\xrightarrow[{self.tex(self.law.base)}\to\infty]{{\text{{a.s.}}}}"
        rows = []
        for name, quantity in self.law.quantities.items():
            left = self.tex(self.quantity_of(quantity))
            if not self.law.single:
                left = rf"{quantity_name(name, self.names)} = {left}"
            rows += aligned(self.printer, left, rf"\;{arrow}\;", self.show(self.law.system.values[name]))
        return rows

    def _slope_rows(self) -> list[str]:
        count = len(self.law.master.law.system.unknowns)
        equations = [*self.law.definitions, *self.law.system.equations[count + 1 :]]
        rows = [row for e in equations for row in self.rows(e)]
        for symbol, base in self.returning.definitions:
            rows += aligned(self.printer, self.tex(symbol), "=", base)
        return rows

    def _end(self) -> str:
        return "," if self._slope_rows() else "."

    def _with(self) -> str:
        rows = self._slope_rows()
        if not rows:
            return ""
        slopes = [self.tex(s) for s in slope_names(self.law.master).values()]
        z = self.tex(self.law.master.z)
        what = f"where a prime is the derivative by ${z}$ along the solution" if slopes else "where"
        return f"{what},\n{display(rows, '.')}\n"

    def _below(self) -> str:
        sides = {f.index > 0 for f in self.law.parts}
        end = "upper end" if sides == {True} else "lower end" if sides == {False} else "end on its side"
        vectors = any(form is not None for form in self.law.parts.values())
        return f"If there is no such outlier, the eigenvalue converges to the {end} of the support" + (
            ", and the squared alignments with its eigenvector converge to $0$." if vectors else "."
        )

    def _closed(self) -> str:
        """Closed forms, for one spike whose alignments are those asked for."""
        spikes = self.law.spikes
        if len(spikes) != 1 or spikes[0].location is None:
            return ""
        (spike,) = spikes
        if spike.curve is None or spike.curve.degree(self.law.master.z) != 1:
            return ""  # several outliers solve one equation
        rows = aligned(self.printer, self.tex(self.law.master.z), "=", spike.location)
        for functional, form in self.law.parts.items():
            if form is None:
                continue
            value = (spike.right_alignments if form.right else spike.alignments).get(form.signal)
            if value is not None:
                rows += aligned(self.printer, self.tex(self.quantity_of(functional)), r"\;\to\;", value)
        text = f"\\emph{{In closed form.}} The outlier is\n{display(rows, '.')}"
        if len(spike.thresholds) == 1:
            ((strength, values),) = spike.thresholds.items()
            limits = [f"${self.tex(strength)}={self.tex(value)}$" for value in values]
            if limits:
                text += f"\nIt meets an edge of the bulk at {enumerated(limits, 'or')}."
        return text

    def notebook_rows(self) -> list[str]:
        rows = [row for e in self.law.system.equations for row in self.rows(e)]
        return [*self._values(), *rows, *(row for e in self.law.definitions for row in self.rows(e))]


def spectral_latex(law: SpectralLimit) -> str:
    """The body of the theorem."""
    return SpectralStatement(law).body()


def spectral_document(law: SpectralLimit, title: str | None = None, steps: bool = True) -> str:
    """A complete document for pdflatex."""
    return document_of(SpectralStatement(law), title, steps)


def document_of(statement: SpectralStatement, title: str | None, steps: bool) -> str:
    """The document of a statement, with the steps of its law."""
    heading = rf"\begin{{center}}\Large {escape(title)}\end{{center}}" + "\n" if title else ""
    parts = [_PREAMBLE, "\\begin{document}\n" + heading]
    parts.append("\\begin{theorem}\n" + statement.body() + "\n\\end{theorem}\n")
    if steps:
        parts.append("\\section*{Derivation}\n")
        if statement.resolvent_rows:
            parts.append(f"Put\n{display(statement.resolvent_rows, '.')}\n")
        parts += [_step(statement, number, step) for number, step in enumerate(statement.law.steps, 1)]
    return "".join([*parts, "\\end{document}\n"])


def spectral_notebook(law: SpectralLimit) -> str:
    """The equations and values, for a notebook."""
    return f"$\\displaystyle \\begin{{aligned}}\n{_lines(SpectralStatement(law).notebook_rows())}\n\\end{{aligned}}$"
