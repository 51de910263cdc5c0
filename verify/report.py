"""A check as a table: for the terminal, as text, as HTML."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from .decide import Comparison, Verdict

if TYPE_CHECKING:
    from .outcome import Check

__all__ = ["as_html", "as_text", "format_number", "renderable"]

STYLES = {Verdict.CONSISTENT: "green", Verdict.REFUTED: "bold red", Verdict.INCONCLUSIVE: "yellow"}
_WIDTH = 110


def format_number(mean: float, error: float) -> str:
    """A mean with its standard error in the last two digits, ``0.14833(21)``.

    Examples
    --------
    >>> from verify.report import format_number
    >>> format_number(0.148331, 0.00021), format_number(12.3, 4.0), format_number(2.0, 0.0)
    ('0.14833(21)', '12.3(40)', '2')
    """
    if not 0 < error < float("inf"):
        return f"{mean:.10g}"
    digits = 0
    while round(error * 10**digits) < 10 and digits < 15:
        digits += 1
    return f"{mean:.{digits}f}({round(error * 10**digits)})"


def _exponents(c: Comparison, base: str) -> str:
    powers = ["1" if k == 1 else f"{k:.3g}" for k in c.fit.exponents]
    return " + ".join(f"1/{base}" if k == "1" else f"{base}^-{k}" for k in powers)


def _measurements(check: Check) -> Table:
    base = check.plan.base.name
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("quantity")
    table.add_column(base, justify="right")
    for head in ("trials", "mean", "limit", "z"):
        table.add_column(head, justify="right")
    for c in check.comparisons:
        for k, s in enumerate(c.samples):
            name = c.quantity if k == 0 else ""
            table.add_row(name, str(s.size), str(s.trials), format_number(s.mean, s.error), "", "")
        limit, z = f"{c.limit:.8g}", f"{c.z:+.2f}"
        table.add_row("", "oo", "", Text(format_number(c.fit.limit, c.fit.error), "bold"), limit, z, end_section=True)
    return table


def _verdicts(check: Check) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    for c in check.comparisons:
        fit = f"fit in {_exponents(c, check.plan.base.name)}, p = {c.fit.goodness:.2g}"
        table.add_row(c.quantity, Text(str(c.verdict), STYLES[c.verdict]), c.reason, fit)
    return table


def renderable(check: Check) -> Any:
    """What rich prints: means by size with their errors, extrapolated values against limits, and the verdicts."""
    s = check.settings
    method = ", ".join(f"{words} {option}" for option, words in check.spec.method.items())
    heading = Text.assemble(
        (str(check.verdict).upper(), STYLES[check.verdict]),
        f"   level {s.level:g}, resolution {100 * s.resolution:g} %, {method}, seed {check.spec.seed}",
    )
    return Group(heading, _measurements(check), _verdicts(check))


def _console(**options: Any) -> Console:
    return Console(file=StringIO(), width=_WIDTH, legacy_windows=False, **options)


def as_text(check: Check) -> str:
    """The same as plain text."""
    console = _console(color_system=None, force_terminal=False)
    console.print(renderable(check))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def as_html(check: Check) -> str:
    """The same as an HTML fragment, for notebooks."""
    console = _console(record=True, force_terminal=True)
    console.print(renderable(check))
    fragment = '<pre style="line-height:1.2;font-family:Menlo,Consolas,monospace">{code}</pre>'
    return console.export_html(inline_styles=True, code_format=fragment)
