"""Text of the command line -> values. Numbers only: nothing is ever evaluated as code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import LawError, ParameterError

if TYPE_CHECKING:
    from models.parameter import Parameter
    from models.theorem import Theorem

__all__ = ["read_law", "read_settings", "read_sizes", "read_sweep"]


def read_settings(theorem: Theorem, settings: Iterable[str], laws: Iterable[str]) -> dict[Any, Any]:
    """Return the values of all parameters and laws, from ``--set`` and ``--law`` over the theorem's defaults.

    Examples
    --------
    >>> import models
    >>> from derive.cli_values import read_settings
    >>> read_settings(models.load("marchenko-pastur"), ["c=1/3"], [])
    {c: 1/3, lambda: 1/10}
    """
    given: dict[Any, Any] = {}
    for text in settings:
        name, value = _split(text, "--set", "c=1/2")
        if name in given:
            raise ParameterError(f"--set {text}: {name} is set twice, to {given[name]} before")
        if name in (m.name for m in theorem.letters):
            raise LawError(f"--set {text}: {name} is a matrix, not a number; write --law {name}=1:0.5,4:0.5")
        theorem.parameter(name)  # an unknown name is worth its own message before its value is read
        given[name] = value
    for text in laws:
        name, value = _split(text, "--law", "Sigma=1:0.5,4:0.5")
        if name in (p.name for p in theorem.parameters):
            raise LawError(f"--law {text}: {name} is a number, not a matrix; write --set {name}=VALUE")
        matrices = theorem.matrices(name)
        twice = {m for key in given if isinstance(key, tuple) for m in key} & set(matrices)
        if twice:
            raise LawError(f"--law {text}: the law of {', '.join(sorted(m.name for m in twice))} is given twice")
        given[matrices] = read_law(name, value)
    return theorem.resolve(given)


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise ParameterError(f"{option} {text}: expected NAME=VALUE, for example {option} {example}")
    return name, value


def read_law(name: str, text: str) -> Any:
    """Return the law written ``1:0.5,4:0.5``.

    Weights may be left out (equal atoms). A joint law has tuples for points, ``(1,3):1/2,(4,0.5):1/2``; a small matrix
    stands for itself, ``[[2,1],[1,2]]``.

    Examples
    --------
    >>> from derive.cli_values import read_law
    >>> read_law("A", "[[2, 1/2], [1/2, 3]]")
    [[2, 1/2], [1/2, 3]]
    """
    from derive import atomic
    from derive.numbers import exact

    if text.startswith("["):
        rows = re.fullmatch(r"\[\s*(\[[^][]*\](?:\s*,\s*\[[^][]*\])*)\s*\]", text)
        if not rows:
            raise LawError(f"--law {name}: a matrix is written by rows, for example {name}=[[2,1],[1,2]]")
        return [[exact(v, name) for v in row.split(",")] for row in re.findall(r"\[([^][]*)\]", rows[1])]
    points: list[Any] = []
    weights: list[Any] = []
    rest = text
    while rest:
        atom = re.match(r"\s*(?:\(([^()]*)\)|([^,:()]+))\s*(?::\s*([^,:()]+))?\s*(,(?=.)|$)", rest)
        if not atom:
            raise LawError(
                f"--law {name}={text}: cannot read {rest.strip()}; write atoms and weights as {name}=1:0.5,4:0.5, or "
                f'"{name},B=(1,3):0.5,(4,2):0.5" for a joint law'
            )
        joint, single, weight, _ = atom.groups()
        points.append(tuple(exact(v.strip(), name) for v in joint.split(",")) if joint else exact(single.strip(), name))
        if weight:
            weights.append(exact(weight.strip(), f"a weight of {name}"))
        rest = rest[atom.end() :]
    if weights and len(weights) != len(points):
        raise LawError(f"--law {name}={text}: give a weight to every atom, or to none (equal weights)")
    expected = len(name.split(","))
    if any((len(p) if isinstance(p, tuple) else 1) != expected for p in points):
        raise LawError(f"--law {name}={text}: every atom needs {expected} value{'s' * (expected > 1)}, one per matrix")
    return atomic(points, weights or None)


def read_sweep(theorem: Theorem, text: str | None) -> tuple[Parameter, Any]:
    """Return the parameter and values of ``--sweep beta=0:3:61`` (start, stop, count), or of the theorem's own axis."""
    import numpy as np

    from derive.numbers import exact

    if text is None:
        symbol, start, stop = theorem.axis
        return theorem.parameter(symbol), np.linspace(float(start), float(stop), 61)
    name, value = _split(text, "--sweep", "c=0.1:3:61")
    parameter = theorem.parameter(name)
    parts = value.split(":")
    if len(parts) not in (2, 3):
        raise ParameterError(f"--sweep {text}: expected NAME=START:STOP:COUNT, for example --sweep c=0.1:3:61")
    start, stop = (complex(exact(part.strip(), name)) for part in parts[:2])
    if start == stop:
        raise ParameterError(
            f"--sweep {text}: START and STOP are the same; for one point use derive solve --set {name}"
        )
    count = parts[2].strip() if len(parts) == 3 else "61"
    if not count.isdecimal() or not 2 <= int(count) <= 100_000:
        raise ParameterError(f"--sweep {text}: COUNT must be a whole number of points, at least 2, got {count}")
    values = np.linspace(start, stop, int(count))
    # 1+0j:2+0j asks for the boundary value, as --set z=1+0j does
    boundary = parameter.is_complex and any(part.strip()[-1:] in ("i", "j", "I", "J") for part in parts[:2])
    return parameter, values if boundary or np.any(values.imag) else values.real


def read_sizes(text: str | None) -> tuple[int, ...] | None:
    """Return the sizes of ``--sizes 200,400,800``.

    Examples
    --------
    >>> from derive.cli_values import read_sizes
    >>> read_sizes("200, 400")
    (200, 400)
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ParameterError(f"--sizes {text}: expected whole numbers separated by commas, for example 200,400,800")
    sizes = tuple(int(part) for part in parts)
    if len(set(sizes)) < len(sizes):
        raise ParameterError(f"--sizes {text}: a size is given twice")
    return sizes
