"""What is read off the quantities, such as an accuracy: the same function of the limits and of the simulated means.

A function of means is not a mean: the jackknife removes its bias of order 1/trials and gives its standard error. Its
pseudo-values stand for trials in everything that follows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sympy import Expr, Symbol, lambdify

from derive.errors import ParameterError

__all__ = ["Observable", "pseudo_values", "read_observables"]

Observable = Callable[[Mapping[str, Any]], Any]


def read_observables(
    observables: Mapping[str, Any] | None, names: tuple[str, ...], numbers: Mapping[Symbol, Expr]
) -> dict[str, Observable]:
    """Turn expressions and functions into functions of a mapping from quantity names to numbers.

    Parameters
    ----------
    observables : mapping of str to Expr or callable, or None
        An expression in symbols named like the quantities and in the parameters, or a function whose arguments are
        named like quantities.
    names : tuple of str
        The quantities.
    numbers : mapping of Symbol to number

    Raises
    ------
    derive.errors.ParameterError
        An observable that reads something that is neither a quantity nor a parameter, or shares a quantity's name.
    """
    found = {}
    for name, definition in (observables or {}).items():
        if name in names:
            raise ParameterError(f"{name} names a quantity and an observable")
        if isinstance(definition, Expr):
            found[name] = _from_expression(name, definition, names, numbers)
        elif callable(definition):
            found[name] = _from_function(name, definition, names)
        else:
            raise ParameterError(f"the observable {name} must be an expression or a function, got {definition!r}")
    return found


def _from_expression(name: str, expr: Expr, names: tuple[str, ...], numbers: Mapping[Symbol, Expr]) -> Observable:
    symbols = sorted((s for s in expr.free_symbols if isinstance(s, Symbol)), key=lambda s: s.name)
    read = [s for s in symbols if s.name in names]
    for s in symbols:
        if s not in read and s not in numbers:
            raise ParameterError(
                f"the observable {name} reads {s}, neither a quantity ({', '.join(names)}) nor a given parameter"
            )
    names_read = [s.name for s in read]
    expr = expr.subs({s: numbers[s] for s in symbols if s not in read})
    function = lambdify(read, expr, modules=["scipy", "numpy"])

    def observable(values: Mapping[str, Any]) -> Any:
        arguments = [values[name] for name in names_read]
        # NumPy scalars: outside the domain of a function the result is not a number, and what follows says so
        scalars = [np.complex128(v) if np.iscomplexobj(v) else np.float64(v) for v in arguments]
        with np.errstate(all="ignore"):
            return function(*scalars)

    return observable


def _from_function(name: str, function: Callable[..., Any], names: tuple[str, ...]) -> Observable:
    wanted = list(inspect.signature(function).parameters)
    unknown = [w for w in wanted if w not in names]
    if unknown:
        raise ParameterError(f"the observable {name} takes {unknown[0]}, which is not a quantity ({', '.join(names)})")
    return lambda values: function(**{w: values[w] for w in wanted})


def pseudo_values(observable: Observable, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Jackknife pseudo-values of a function of means over trials.

    Parameters
    ----------
    observable : callable
    columns : mapping of str to array of shape (trials,)

    Returns
    -------
    array of shape (trials,)
        ``T f(mean) - (T - 1) f(mean without one)``; their mean is the estimate and their standard error its error.

    Examples
    --------
    >>> import numpy as np
    >>> from verify.observables import pseudo_values
    >>> x = np.array([1.0, 2.0, 4.0, 5.0])
    >>> bool(np.allclose(pseudo_values(lambda v: 2 * v["x"], {"x": x}), 2 * x))
    True
    """
    count = len(next(iter(columns.values())))
    sums = {name: values.sum() for name, values in columns.items()}
    whole = observable({name: total / count for name, total in sums.items()})
    left_out = [
        observable({name: (sums[name] - values[t]) / (count - 1) for name, values in columns.items()})
        for t in range(count)
    ]
    found = count * np.asarray(whole) - (count - 1) * np.asarray(left_out)
    if not np.isfinite(found).all():
        raise ParameterError("an observable is not finite at the simulated means; take more trials or larger sizes")
    return found
