"""Checks from the command line: a campaign over theorems, its tables, and the exit status."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .cli_output import emit
from .cli_values import read_settings, read_sizes

if TYPE_CHECKING:
    from models.theorem import Theorem
    from verify import Check

__all__ = ["Outcome", "campaign", "exit_status", "print_outcomes", "print_report", "record", "simulation_arguments"]


@dataclass(frozen=True)
class Outcome:
    """A theorem, what its check said, and the seconds it took."""

    theorem: Theorem
    check: Check
    seconds: float


def simulation_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as arguments of :func:`verify.check`; the theorem's own fill the rest."""
    arguments = {key: value for key, value in options.items() if value is not None}
    if (sizes := read_sizes(arguments.pop("sizes", None))) is not None:
        arguments["sizes"] = sizes
    return arguments


def campaign(
    names: Iterable[str], settings: Sequence[str], laws: Sequence[str], options: Mapping[str, Any]
) -> Iterable[Outcome]:
    """Check the theorems one after the other; input is read in full before the first simulation starts."""
    import models

    arguments = simulation_arguments(options)
    theorems = [models.load(name) for name in names]
    points = [read_settings(theorem, settings, laws) for theorem in theorems]
    return _run(theorems, points, arguments)


def _run(theorems: Sequence[Theorem], points: Sequence[Any], arguments: Mapping[str, Any]) -> Iterable[Outcome]:
    for theorem, params in zip(theorems, points, strict=True):
        start = time.perf_counter()
        check = theorem.verify(params, **arguments)
        yield Outcome(theorem, check, time.perf_counter() - start)


def exit_status(outcomes: Iterable[Outcome]) -> int:
    """0 when all are consistent, 1 when one is refuted, 3 otherwise."""
    verdicts = {str(outcome.check.verdict) for outcome in outcomes}
    if "refuted" in verdicts:
        return 1
    return 3 if "inconclusive" in verdicts else 0


def record(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Return the checks as plain data."""
    return [{"name": o.theorem.name, **o.check.record(), "seconds": round(o.seconds, 3)} for o in outcomes]


def rounding_note(check: Check, sizes: Sequence[int] | None) -> str:
    """Say which sizes were simulated in place of those asked for; nothing where they are the same."""
    used = tuple(check.plan.sizes)
    if sizes is None or used == tuple(sorted(sizes)):
        return ""
    asked = ", ".join(map(str, sorted(sizes)))
    return (
        f"simulated at {check.plan.base} = {', '.join(map(str, used))}, the nearest sizes to {asked} at which all "
        f"dimensions and multiplicities are whole numbers"
    )


def print_outcomes(outcomes: Iterable[Outcome], sizes: Sequence[int] | None = None) -> list[Outcome]:
    """Print each check in full, as soon as it is there; ``sizes`` are those that were asked for."""
    from rich.text import Text

    seen: list[Outcome] = []
    for outcome in outcomes:
        if seen:
            print()
        emit(Text(outcome.theorem.title, "bold"))
        emit(Text(f"{outcome.theorem.name}, {outcome.seconds:.1f} s", "dim"))
        emit(outcome.check)
        if note := rounding_note(outcome.check, sizes):
            emit(Text(note, "dim"))
        seen.append(outcome)
    return seen


def print_report(outcomes: Iterable[Outcome], sizes: Sequence[int] | None = None) -> list[Outcome]:
    """Print one line per theorem, and below the table which sizes were rounded."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("theorem", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for head in ("numbers", "largest |z|", "critical", "excluded error", "seconds"):
        table.add_column(head, justify="right")
    colours = {"consistent": "green", "refuted": "bold red", "inconclusive": "yellow"}
    seen: list[Outcome] = []
    for outcome in outcomes:
        verdict, made = str(outcome.check.verdict), outcome.check.comparisons
        worst = max(made, key=lambda c: abs(c.z) / c.critical)
        table.add_row(
            outcome.theorem.name,
            Text(verdict, colours[verdict]),
            str(len(made)),
            f"{abs(worst.z):.2f}",
            f"{worst.critical:.2f}",
            f"{100 * max(c.excluded for c in made):.2g} %",
            f"{outcome.seconds:.1f}",
        )
        seen.append(outcome)
    emit(table)
    for outcome in seen:
        if note := rounding_note(outcome.check, sizes):
            emit(Text(f"{outcome.theorem.name}: {note}", "dim"))
    return seen
