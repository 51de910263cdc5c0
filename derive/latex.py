"""LaTeX of a limit: a theorem to paste into a paper, a document with its derivation, a cell of a notebook.

Last stage. Nothing is typed in: objects, equations and steps are those of the limit, printed.
"""

from __future__ import annotations

import re
from typing import Any

from .latex_names import Names, escape
from .latex_statement import TALL, Statement, columns
from .steps import Step

__all__ = ["document_latex", "notebook_latex", "theorem_latex"]

_PREAMBLE = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb,amsthm}
\usepackage[a4paper,margin=2.5cm]{geometry}
\allowdisplaybreaks
\theoremstyle{definition}
\newtheorem{theorem}{Theorem}
"""


def theorem_latex(law: Any) -> str:
    """The body of a theorem: setting, every assumption, the conclusion, its equations and their branch.

    Parameters
    ----------
    law : Limit
        A limit or a deterministic equivalent.

    Returns
    -------
    str
        LaTeX source that needs amsmath and amssymb; put it between ``\\begin{theorem}`` and ``\\end{theorem}``.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> print(law.latex().splitlines()[0])
    \\emph{Setting.} Let $n\\to\\infty$.
    """
    return Statement(law).body()


def document_latex(law: Any, title: str | None = None, steps: bool = True) -> str:
    """A complete document for pdflatex: the theorem, then the derivation with the equations of every step.

    Parameters
    ----------
    law : Limit
    title : str, optional
        Plain text; characters that are special to LaTeX are escaped.
    steps : bool
        Whether the derivation follows the theorem.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> source = law.document(title="50% of a theorem")
    >>> source.splitlines()[0], "50\\\\% of a theorem" in source
    ('\\\\documentclass[11pt]{article}', True)
    """
    statement = Statement(law)
    parts = [_PREAMBLE]
    heading = ""
    if title:
        heading = rf"\begin{{center}}\Large {escape(title)}\end{{center}}" + "\n"
    parts.append("\\begin{document}\n" + heading)
    parts.append("\\begin{theorem}\n" + statement.body() + "\n\\end{theorem}\n")
    if steps:
        parts.append("\\section*{Derivation}\n")
        parts += [_step(statement, number, step) for number, step in enumerate(law.steps, 1)]
    return "".join([*parts, "\\end{document}\n"])


def _step(statement: Statement, number: int, step: Step) -> str:
    text = f"\\paragraph{{{number}. {escape(step.title)}.}} {_sentence(step.sentence, statement.names)}\n"
    groups: list[list[list[str]]] = []
    kind = None
    for equation in step.equations:
        # a table of K does not run on into a table of tau
        previous, kind = kind, re.sub(r"_.*", "", str(equation.lhs)) if equation.lhs.is_symbol else "other"
        if not groups or kind != previous:
            groups.append([])
        groups[-1].append(statement.rows(equation))
    blocks = [[row for rows in columns(group) for row in rows] for group in groups]
    if all(row.count("&") == 1 for block in blocks for row in block):
        blocks = [[row for block in blocks for row in block]]
    if len(blocks) == 1 or max(map(len, blocks)) > TALL:
        return text + "".join(f"\\begin{{align*}}\n{_lines(block)}\n\\end{{align*}}\n" for block in blocks)
    body = _lines([f"\\begin{{aligned}}\n{_lines(block)}\n\\end{{aligned}}" for block in blocks])
    return f"{text}\\begin{{gather*}}\n{body}\n\\end{{gather*}}\n"


def _lines(rows: list[str]) -> str:
    return " \\\\\n".join(rows)


def _sentence(text: str, names: Names) -> str:
    """Plain text in LaTeX; names between backquotes become formulas."""
    parts = re.split(r"`([^`]*)`", text)
    return "".join(f"${names[part]}$" if k % 2 else escape(part) for k, part in enumerate(parts))


def notebook_latex(law: Any) -> str:
    """The equations and the value, for the ``_repr_latex_`` of a notebook.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> law._repr_latex_().startswith("$\\\\displaystyle")
    True
    """
    statement = Statement(law)
    return f"$\\displaystyle \\begin{{aligned}}\n{_lines(statement.notebook_rows())}\n\\end{{aligned}}$"
