"""The statement of a theorem: setting, quantity, conclusion, equations, and which of their solutions is meant."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from sympy import Basic, Eq, MatrixExpr, Symbol

from .latex_abbreviations import Abbreviations, deterministic_abbreviations, random_abbreviations
from .latex_branch import branch_latex
from .latex_layout import LINE, width
from .latex_lines import aligned
from .latex_names import Names, escape, name_latex
from .latex_printer import TheoremPrinter
from .latex_setting import enumerated, setting_latex
from .symbols import Signal

__all__ = ["Statement", "columns", "display"]

_ARROW = r"\xrightarrow[{}\to\infty]{{\text{{a.s.}}}}"


# of a line: a wider quantity leaves no room for its limit beside it
_WIDE = 0.55
# an aligned block does not break over pages; a longer one is set as align
TALL = 14


class Statement:
    """What is printed about one limit, and the names it is printed with."""

    def __init__(self, law: Any):
        self.law = law
        self.matrix = isinstance(law.value, MatrixExpr)
        equation = law.derivation.equation
        paired = law.derivation.paired
        given = {}
        signals = [m for m in law.letters if isinstance(m, Signal)]
        for m in signals:
            given[f"norm2_{m.name}"] = rf"\lVert {name_latex(m.name)}\rVert^{{2}}"
        for a in signals:
            for b in signals:
                if a.name < b.name:
                    given[f"inner_{a.name}_{b.name}"] = rf"\langle {name_latex(a.name)},{name_latex(b.name)}\rangle"
        taus = [t.symbol for t in (*paired.taus, *equation.taus)]
        own = [*law.unknowns, *(e.lhs for e in law.definitions), *taus]
        scalars = {s.name for e in (*law.quantities.values(), *law.regime.values()) for s in e.free_symbols
                   if isinstance(s, Symbol)}  # fmt: skip
        taken = [*(m.name for m in law.letters), *sorted(scalars), *(s.name for s in own)]
        self.names = Names(taken, given)
        self.printer = TheoremPrinter(self.names, own)

    # -- the pieces -----------------------------------------------------------------------------------------------
    @property
    def values(self) -> dict[str, Any]:
        value = self.law.value
        return dict(value) if isinstance(value, dict) else {"value": value}

    @cached_property
    def named(self) -> Abbreviations:
        """Names for the random resolvents of the quantities."""
        return random_abbreviations(list(self.law.quantities.values()), self.names)

    @cached_property
    def returning(self) -> Abbreviations:
        """Names for deterministic inverses."""
        exprs = [e.rhs for e in self.law.equations] + list(self.values.values())
        return deterministic_abbreviations(exprs, self.names, self.printer)

    def show(self, expr: Any) -> Any:
        """An expression with every abbreviation of the statement."""
        return self.returning.apply(self.named.apply(expr))

    def tex(self, expr: Any) -> str:
        return self.printer.doprint(expr)

    def rows(self, equation: Basic) -> list[str]:
        """An equation of the derivation or the statement as rows of an ``aligned`` block."""
        assert isinstance(equation, Eq)
        left, right = self.show(equation.lhs), self.show(equation.rhs)
        return aligned(self.printer, self.tex(left), "=", right)

    # -- the body -------------------------------------------------------------------------------------------------
    def body(self) -> str:
        law = self.law
        used = [*(e.rhs for e in law.equations), *self.values.values()]
        setting = "\n".join(setting_latex(law, self.printer, used))
        parts = [rf"\emph{{Setting.}} {setting}"]
        parts.append(
            "\n".join(p for p in (rf"\emph{{Conclusion.}} {self.quantity()}", self.conclusion(), self.equations()) if p)
        )
        branch = branch_latex(law.derivation, self.printer, law.unknowns)
        if branch:
            parts.append(rf"\emph{{Which solution.}} {branch}" if law.unknowns else branch)
        return "\n\n".join(p for p in parts if p)

    def quantity(self) -> str:
        traced = r" Here $\operatorname{tr}$ is the trace without normalisation and $I$ the identity."
        rows = [
            row for symbol, base in self.named.definitions for row in aligned(self.printer, self.tex(symbol), "=", base)
        ]
        if not rows:
            return f"{traced.strip()} Almost surely,"
        if len(rows) < 3 and width(", ".join(rows)) < LINE / 2:
            return "Put " + enumerated([f"${row.replace('&', '')}$" for row in rows]) + f".{traced} Almost surely,"
        return f"Put\n{display(rows, '.')}\n{traced.strip()} Almost surely,"

    def conclusion(self) -> str:
        return self.equivalent() if self.matrix else display(self.value_rows(), self.stop)

    def value_rows(self) -> list[str]:
        arrow = rf"\;{_ARROW.format(self.tex(self.law.base))}\;"
        sides = []
        for name, quantity in self.law.quantities.items():
            left = self.tex(self.show(quantity))
            if not (name == "value" and len(self.values) == 1):
                left = rf"{quantity_name(name, self.names)} = {left}"
            sides.append((left, self.show(self.values[name])))
        if max(width(left) for left, _ in sides) < _WIDE * LINE:
            return [row for left, right in sides for row in aligned(self.printer, left, arrow, right)]
        # a long quantity has a line of its own, and its limit the next ones
        return [
            row for left, right in sides for row in (f"&{left}", *aligned(self.printer, "", rf"\quad{arrow}", right))
        ]

    def notebook_rows(self) -> list[str]:
        """Definitions, value, equations: what a notebook shows."""
        rows = [
            row for symbol, base in self.named.definitions for row in aligned(self.printer, self.tex(symbol), "=", base)
        ]
        if self.matrix:
            (quantity,) = self.law.quantities.values()
            rows += aligned(
                self.printer, self.tex(self.show(quantity)), r"\;\longleftrightarrow\;", self.show(self.law.value)
            )
        else:
            rows += self.value_rows()
        return [*rows, *(row for e in self.law.system.equations for row in self.rows(e)), *self.with_rows]

    @property
    def stop(self) -> str:
        return "," if self.law.equations else "."

    def equivalent(self) -> str:
        (quantity,) = self.law.quantities.values()
        dim = self.tex(quantity.shape[0])
        square = quantity.shape[0] == quantity.shape[1]
        big, left, right = (self.names.fresh(*c) for c in (("B", "T", "E"), ("a", "u", "p"), ("b", "v", "q")))
        bar = rf"\overline{{{self.names.fresh('F', 'T', 'H')}}}"
        gap = rf"\bigl({self.tex(self.show(quantity))}-{bar}\bigr)"
        rows = aligned(self.printer, bar, "=", self.show(self.law.value))
        trace = rf"\frac{{1}}{{{dim}}}\operatorname{{tr}} {big}\,{gap}\to 0"
        form = rf"{left}^{{*}}{gap}\,{right}\to 0"
        meaning = f"${trace}$ and ${form}$" if square else f"${form}$"
        return (
            f"${self.tex(self.show(quantity))}$ has the deterministic equivalent\n{display(rows, self.stop)}\n"
            f"in the sense that {meaning} for deterministic "
            f"{f'${big}$ of bounded operator norm and ' if square else ''}"
            f"unit vectors ${left}$, ${right}$" + ("," if self.law.equations else ".")
        )

    def equations(self) -> str:
        law = self.law
        rows = []
        for e in law.system.equations:
            rows += self.rows(e)
        if not rows and not law.definitions:
            return ""
        text = []
        if rows:
            unknowns = [f"${self.tex(u)}$" for u in law.unknowns]
            verb = "solves" if len(unknowns) == 1 else "solve"
            text.append(f"where {enumerated(unknowns)} {verb}\n" + display(rows, "," if self.with_rows else "."))
        if self.with_rows:
            text.append(("with" if rows else "where") + "\n" + display(self.with_rows, "."))
        return "\n".join(text)

    @cached_property
    def with_rows(self) -> list[str]:
        rows = [row for e in self.law.definitions for row in self.rows(e)]
        for symbol, base in self.returning.definitions:
            rows += aligned(self.printer, self.tex(symbol), "=", base)
        return rows


def quantity_name(name: str, names: Names) -> str:
    """The key of a mapping, as a word."""
    if len(name) == 1:
        return names[name]
    return rf"\text{{{escape(name.replace('_', ' '))}}}"


def display(rows: list[str], end: str = "") -> str:
    """Rows of a displayed ``aligned`` block; ``end`` closes the last one."""
    body = " \\\\\n  ".join([*rows[:-1], rows[-1] + end])
    if len(rows) > TALL:
        return "\\begin{align*}\n  " + body + "\n\\end{align*}"
    return "\\[\n\\begin{aligned}\n  " + body + "\n\\end{aligned}\n\\]"


def columns(equations: list[list[str]]) -> list[list[str]]:
    """Short equations side by side: groups of at most three that fit on a line."""
    if any(len(rows) > 1 for rows in equations) or len(equations) < 4:
        return list(equations)
    widest = max(width(rows[0]) for rows in equations)
    count = next((k for k in (3, 2) if k * (widest + 2) <= LINE + 2), 1)
    return [[" & \\quad ".join(r[0] for r in equations[k : k + count])] for k in range(0, len(equations), count)]
