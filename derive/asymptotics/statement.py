"""The branches of a limit of a limit as text, as steps of a derivation and as LaTeX."""

from __future__ import annotations

from typing import Any

from sympy import Eq, Expr, Integer, Mul, oo

from ..latex_lines import aligned
from ..latex_statement import Statement, display, quantity_name
from ..steps_free import Step
from .balance import Branch

__all__ = ["balance_paragraph", "branch_steps", "branches_latex", "branches_text", "equations_of", "power_of"]


def equations_of(branch: Branch) -> list[Eq]:
    """The leading system of a branch, then the definitions that its limits use."""
    system = branch.shown
    return [*system.equations, *(Eq(s, e, evaluate=False) for s, e in system.definitions)]


def power_of(law: Any, exponent: Expr) -> Expr:
    """The small variable of the limit to a power, in the parameter."""
    s, target = law.parameter, law.target
    if target in (oo, -oo):
        return (s if target is oo else -s) ** (-exponent)
    return ((s - target) * law.direction) ** exponent


def _moves(law: Any, branch: Branch) -> list[tuple[Expr, Expr]]:
    return [(u, branch.leading[u] * power_of(law, a)) for u, a in branch.exponents.items() if a]


def branches_text(law: Any) -> str:
    """What ``repr`` shows."""
    lines = []
    for branch in law.branches:
        moves = "".join(f", {u} ~ {form}" for u, form in _moves(law, branch))
        lines.append(f"as {law.parameter} -> {law.target}{moves}:")
        lines += [f"  {e.lhs} = {e.rhs}" for e in equations_of(branch)]
        for name, value in branch.values.items():
            shown = "limit" if law.single else name
            order = branch.orders[name]
            if order < 0:
                lines.append(f"  {shown} ~ {Mul(branch.system.values[name], power_of(law, order))}, diverges")
            else:
                lines.append(f"  {shown} = {value}")
    return "AsymptoticLimit(\n  " + "\n  ".join(lines) + "\n)"


def branch_steps(law: Any) -> list[Step]:
    """One step per branch."""
    out = []
    for number, branch in enumerate(law.branches, 1):
        which = f", branch {number} of {len(law.branches)}" if len(law.branches) > 1 else ""
        sentence = (
            f"Let `{law.parameter}` tend to {_target(law)}. The lowest powers of the equations are the leading system, "
            f"whose Jacobian is regular, and further coefficients follow from linear equations."
        )
        rows = [Eq(u, form, evaluate=False) for u, form in _moves(law, branch)]
        out.append(Step(f"Dominant balance{which}", sentence, (*rows, *equations_of(branch))))
    return out


def _target(law: Any) -> str:
    return {oo: "infinity", -oo: "minus infinity"}.get(law.target, str(law.target))


def balance_paragraph(law: Any) -> str:
    """The last paragraph of a derivation."""
    symbol = Statement(law.law).printer.doprint(law.parameter)
    return (
        rf"\paragraph{{{len(law.source.steps) + 1}. Dominant balance.}} As ${symbol}$ tends to {_target(law)}, the "
        r"unknowns are formal series in a power of the small variable, and traces of inverses are expanded inside. "
        r"The lowest power of every equation gives the leading systems of the theorem; their Jacobians are regular, so "
        r"that further coefficients follow one after the other from linear equations, as many as the quantities need."
        "\n"
    )


def branches_latex(law: Any) -> str:
    """Paragraphs that follow the theorem of the limit that was expanded."""
    statement = Statement(law.law)
    tex = statement.printer.doprint
    arrow = rf"{tex(law.parameter)}\to {tex(law.target)}"
    if law.target not in (oo, -oo):
        arrow += r"^{+}" if law.direction > 0 else r"^{-}"
    several = len(law.branches) > 1
    parts = [rf"\emph{{Limit of the limit.}} Then let ${arrow}$."]
    parts[0] += " One of the following holds; the solution at small values decides which." if several else ""
    for number, branch in enumerate(law.branches, 1):
        rows = []
        for u, form in _moves(law, branch):
            rows += aligned(statement.printer, tex(u), r"\sim", form)
        for equation in equations_of(branch):
            rows += aligned(statement.printer, tex(equation.lhs), "=", statement.show(equation.rhs))
        for name, value in branch.values.items():
            left = "" if law.single else quantity_name(name, statement.names)
            left = left or r"\text{limit}"
            if branch.orders[name] < 0:
                # a diverging quantity is written with its rate
                form = Mul(branch.system.values[name], power_of(law, branch.orders[name]))
                rows += aligned(statement.printer, left, r"\sim", statement.show(form))
            else:
                rows += aligned(statement.printer, left, r"\to", statement.show(value if value != 0 else Integer(0)))
        parts.append((f"({number})" if several else "") + "\n" + display(rows, "."))
    definitions = [row for symbol, base in statement.returning.definitions
                   for row in aligned(statement.printer, tex(symbol), "=", base)]  # fmt: skip
    shown = "\n".join(parts)
    used = [row for row in definitions if row.split("&")[0].strip() in shown]
    return shown + ("\nHere\n" + display(used, ".") if used else "")
