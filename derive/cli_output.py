"""What the command prints: records for ``--json``, and the same things laid out for a terminal.

Widths follow the terminal; in a pipe there is no colour and lines are not cut. Numbers asked for with ``--digits``
are decimal strings in JSON, so that no reader rounds them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from models.theorem import Theorem

__all__ = [
    "ball_record",
    "columns",
    "console",
    "emit",
    "law_text",
    "number_record",
    "number_text",
    "print_json",
    "print_theorem",
    "print_values",
    "print_written",
    "theorem_record",
    "values_record",
]


@cache
def console() -> Console:
    """The terminal, or the pipe: 100 columns where nobody says how wide it is."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 100
    return Console(width=width, highlight=False, soft_wrap=False)


def print_json(record: Any) -> None:
    """Print a record; NaN and infinity have no place in JSON and would be a bug here."""
    print(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))


def print_written(files: Iterable[str]) -> None:
    """Say which files were written."""
    for file in files:
        print(f"wrote {file}")


# ---------------------------------------------------------------- numbers


def number_text(value: Any, digits: int | None = None) -> str:
    """Write a number for a person: 12 significant digits, or as many as were asked for.

    Examples
    --------
    >>> from derive.cli_output import number_text
    >>> number_text(1 / 3), number_text(0.5 - 2j)
    ('0.333333333333', '0.5 - 2 i')
    """
    real, imag = _parts(value)
    text = _real_text(real, digits)
    if imag is None:
        return text
    sign = "-" if imag < 0 else "+"
    return f"{text} {sign} {_real_text(abs(imag), digits)} i"


def _parts(value: Any) -> tuple[Any, Any]:
    """Real part, and imaginary part or None where the value is of a real type or its imaginary part is exactly 0."""
    imag = getattr(value, "imag", 0)
    return (value.real, imag) if imag != 0 else (getattr(value, "real", value), None)


def _real_text(value: Any, digits: int | None) -> str:
    if digits is None:
        return f"{float(value):.12g}"
    import mpmath

    with mpmath.workdps(digits + 5):
        return mpmath.nstr(mpmath.mpf(value), digits, strip_zeros=False)


def number_record(value: Any, digits: int | None = None) -> Any:
    """Return a number for JSON: a number, a decimal string when digits were asked for, re and im when complex."""
    real, imag = _parts(value)
    plain = (lambda x: float(x)) if digits is None else (lambda x: _real_text(x, digits))
    return plain(real) if imag is None else {"re": plain(real), "im": plain(imag)}


def ball_record(balls: Mapping[str, Any], digits: int) -> dict[str, Any]:
    """Return proven balls: by name, a decimal and how far the truth may be from that decimal."""
    return {name: _ball(ball, digits) for name, ball in balls.items()}


def _ball(ball: Any, digits: int) -> dict[str, str]:
    import flint

    with flint.ctx.workprec(int(3.33 * digits) + 128):
        if not isinstance(ball, flint.acb):
            return _interval(ball, digits, "mid", "rad")
        record = _interval(ball.real, digits, "mid", "rad")
        return record if ball.imag == 0 else record | _interval(ball.imag, digits, "im_mid", "im_rad")


def _interval(ball: Any, digits: int, mid: str, rad: str) -> dict[str, str]:
    import flint

    decimal = ball.mid().str(digits, radius=False)
    # what is proven must hold of the decimal that is printed, so its rounding counts; 1.06 outweighs two digits
    distance = abs(ball - flint.arb(decimal)).upper()
    return {mid: decimal, rad: (distance * flint.arb("1.06")).str(2, radius=False)}


# ---------------------------------------------------------------- records


def theorem_record(theorem: Theorem, steps: bool) -> dict[str, Any]:
    """Return a theorem and its derived limit as plain data; equations are SymPy text."""
    law = theorem.law
    record = {
        "name": theorem.name,
        "title": theorem.title,
        "reference": theorem.reference,
        "model": [{"name": m.name, "description": _letter(m)} for m in theorem.letters],
        "tensors": {name: str(tensor) for name, tensor in theorem.tensors.items()},
        "regime": {str(k): str(v) for k, v in theorem.regime.items()},
        "quantities": {k: str(v) for k, v in theorem.quantities.items()},
        "observables": {k: str(v) for k, v in theorem.observables.items()},
        "parameters": [
            {"name": p.name, "default": str(p.default), "domain": p.domain_text, "description": p.description}
            for p in theorem.parameters
        ],
        "laws": {_law_key(k): law_text(v) for k, v in theorem.laws.items()},
        "equations": [_equation_text(e) for e in law.system.equations],
        "definitions": [_equation_text(e) for e in law.definitions],
        "limit": {k: str(v) for k, v in law.value.items()},
    }
    if theorem.spectrum is not None:
        from .cli_spectrum import spectrum_record

        record["spectrum"] = spectrum_record(theorem, theorem.resolve())
    if steps:
        record["steps"] = [
            {"title": s.title, "sentence": s.sentence, "equations": [_equation_text(e) for e in s.equations]}
            for s in law.steps
        ]
    return record


def values_record(
    theorem: Theorem,
    params: Mapping[Any, Any],
    values: Mapping[str, Any],
    digits: int | None,
    spectrum: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return computed values, with the parameters and laws they were computed at."""
    record = {
        "name": theorem.name,
        "parameters": {p.name: str(params[p.symbol]) for p in theorem.parameters},
        "laws": {_law_key(k): law_text(v) for k, v in _laws(theorem, params).items()},
        "digits": digits,
        "values": {k: v if isinstance(v, dict) else number_record(v, digits) for k, v in values.items()},
    }
    return record if spectrum is None else record | {"spectrum": spectrum}


def _equation_text(equation: Any) -> str:
    from sympy import Equality

    return f"{equation.lhs} = {equation.rhs}" if isinstance(equation, Equality) else str(equation)


def _law_key(key: Any) -> str:
    return ",".join(m.name for m in key) if isinstance(key, tuple) else key.name


def law_text(law: Any) -> str:
    """Write a law as ``--law`` reads it.

    Examples
    --------
    >>> from derive.cli_output import law_text
    >>> from derive.laws import atomic
    >>> law_text(atomic([(1, 3), (4, "1/2")]))
    '(1,3):1/2,(4,1/2):1/2'
    """
    from .laws import AtomicLaw, DensityLaw, NodeLaw, as_law

    law = as_law(law, "the matrix")
    if isinstance(law, DensityLaw):
        return f"density {law.expr} on {law.variable} in [{law.lower}, {law.upper}]"
    if isinstance(law, NodeLaw):
        return str(law)
    if isinstance(law, AtomicLaw):
        points = [f"({','.join(map(str, p))})" if isinstance(p, tuple) else str(p) for p in law.points]
        return ",".join(f"{point}:{weight}" for point, weight in zip(points, law.weights, strict=True))
    return "[" + ",".join("[" + ",".join(map(str, row)) + "]" for row in law.rows) + "]"


def _laws(theorem: Theorem, params: Mapping[Any, Any]) -> dict[Any, Any]:
    scalars = {p.symbol for p in theorem.parameters}
    return {k: v for k, v in params.items() if k not in scalars}


def _letter(letter: Any) -> str:
    """Describe a matrix in words."""
    from .symbols import Gaussian, Labels, Signal, Wigner
    from .tensors.symbols import GaussianTensor

    if isinstance(letter, GaussianTensor):
        kind, where = ("symmetric, ", " at distinct indices") if letter.is_symmetric else ("", "")
        shape = " x ".join(map(str, letter.shape))
        return f"{shape}, {kind}independent centred Gaussian entries of variance {letter.variance}{where}"
    rows, cols = letter.shape
    if isinstance(letter, Labels):
        return f"labels of dimension {rows}: entries of one size and either sign, squared norm {letter.norm2}"
    if isinstance(letter, Signal):
        return f"vector of dimension {rows}, squared norm {letter.norm2}"
    shape = f"{rows} x {cols}"
    if isinstance(letter, Wigner):
        kind = "real symmetric" if letter.is_real_matrix else "complex Hermitian"
        return f"{shape}, {kind}, independent centred entries of variance {letter.variance}"
    if isinstance(letter, Gaussian):
        kind = "" if letter.is_real_matrix else "complex "
        return f"{shape}, independent centred {kind}Gaussian entries of variance {letter.variance}"
    kind = "symmetric" if letter.is_symmetric_matrix else "Hermitian" if letter.is_hermitian_matrix else ""
    if letter.is_positive_matrix:
        kind = "positive " + kind
    return f"{shape}, deterministic" + (f", {kind}" if kind else "")


# ---------------------------------------------------------------- the terminal


def print_theorem(theorem: Theorem, steps: bool) -> None:
    """Print a theorem: title, model, parameters, limit, and the derivation when asked for."""
    from rich.text import Text

    from .cli_notation import plain

    law = theorem.law
    emit(Text(theorem.title, "bold"))
    emit(Text(f"{theorem.name}. {theorem.reference}", "dim"))
    _heading("Model")
    rows = [(m.name, _letter(m)) for m in theorem.letters]
    if theorem.regime:
        rows.append(("regime", ", ".join(f"{k} = {v}" for k, v in theorem.regime.items()) + ", all growing"))
    columns(rows)
    names = {tensor: name for name, tensor in theorem.tensors.items()}
    if names:
        _heading("Tensors")
        columns([(name, plain(tensor, names)) for tensor, name in names.items()])
    _heading("Quantities")
    columns([(name, plain(expr, names)) for name, expr in theorem.quantities.items()])
    if theorem.observables:
        _heading("Observables")
        columns([(name, plain(expr)) for name, expr in theorem.observables.items()])
    _heading("Parameters and laws, with their defaults")
    columns(
        [(p.name, str(p.default), p.domain_text, p.description) for p in theorem.parameters]
        + [(_law_key(k), law_text(v), "", "atoms:weights") for k, v in theorem.laws.items()]
    )
    for number, step in enumerate(law.steps if steps else (), 1):
        _heading(f"Step {number}. {step.title}")
        emit(Text(step.sentence.strip()), indent=2)
        _equations(step.equations)
    _heading("Limit")
    if theorem.is_spiked and hasattr(law, "spectrum"):
        sentence = "At an outlier z outside the bulk; a d in front is the derivative in z. Where there is no outlier, "
        emit(Text(sentence + "the eigenvalue is the edge of the bulk and the alignment is 0."), indent=2)
    _equations([_limit_equation(name, value) for name, value in law.value.items()])
    for word, equations in (("with", law.definitions), ("where", law.system.equations)):
        if equations:
            emit(Text(word), indent=2)
            _equations(equations)
    if theorem.spectrum is not None:
        from .cli_spectrum import print_spectrum, spectrum_record

        _heading("Spectrum, at the default parameters")
        print_spectrum(theorem, spectrum_record(theorem, theorem.resolve()), indent=2)


def print_values(
    theorem: Theorem,
    params: Mapping[Any, Any],
    values: Mapping[str, Any],
    digits: int | None,
    spectrum: Mapping[str, Any] | None = None,
) -> None:
    """Print computed values under the parameters they were computed at."""
    from rich.text import Text

    from .bind import brief

    settings = [f"{p.name} = {brief(params[p.symbol])}" for p in theorem.parameters]
    settings += [f"{_law_key(k)} ~ {law_text(v)}" for k, v in _laws(theorem, params).items()]
    emit(Text(f"{theorem.name}: " + ", ".join(settings), "dim"))
    width = max(map(len, values))
    for name, value in values.items():
        text = _ball_text(value) if isinstance(value, dict) else number_text(value, digits)
        print(f"{name.ljust(width)}  {text}")  # plain print: a thousand digits stay on one line
    if spectrum is not None:
        from .cli_spectrum import print_spectrum

        print_spectrum(theorem, spectrum)


def _ball_text(record: Mapping[str, str]) -> str:
    text = f"{record['mid']} +/- {record['rad']}"
    return text + (f"  +  ({record['im_mid']} +/- {record['im_rad']}) i" if "im_mid" in record else "") + "  (proven)"


def _limit_equation(name: str, value: Any) -> Any:
    from sympy import Eq, Symbol

    return Eq(Symbol(name), value, evaluate=False)


def emit(renderable: Any, indent: int = 0) -> None:
    """Print through rich, without the blanks that it fills lines with: they are noise in a pipe."""
    from rich.padding import Padding

    out = console()
    with out.capture() as capture:
        out.print(Padding(renderable, (0, 0, 0, indent)))
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _heading(title: str) -> None:
    from rich.text import Text

    print()
    emit(Text(title, "bold cyan"))


def columns(rows: Sequence[Sequence[str]], indent: int = 2) -> None:
    """Lay rows out in columns; the last one wraps."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    for index in range(len(rows[0])):
        table.add_column(no_wrap=index < len(rows[0]) - 1, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, "bold" if i == 0 else "") for i, cell in enumerate(row)))
    emit(table, indent=indent)


def _equations(equations: Iterable[Any]) -> None:
    """Print equations in two dimensions; one that is wider than the terminal in one line of text, wrapped."""
    from rich.text import Text
    from sympy import Equality, MatrixSymbol, pretty

    from .cli_notation import plain
    from .symbols import MatrixLetter

    encoding = (sys.stdout.encoding or "ascii").lower()
    width = max(40, console().width - 4)
    for equation in equations:
        print()
        # SymPy prints powers of its own matrix symbols without parentheses
        names = {m: MatrixSymbol(m.name, *m.shape) for m in equation.atoms(MatrixLetter)}
        lines = pretty(equation.xreplace(names), use_unicode=encoding.startswith("utf"), wrap_line=False).splitlines()
        if max(map(len, lines)) <= width or not isinstance(equation, Equality):
            print("\n".join(("    " + line).rstrip() for line in lines))
        else:
            emit(Text(f"{plain(equation.lhs)}"), indent=4)
            emit(Text(f"= {plain(equation.rhs)}"), indent=6)
    print()
