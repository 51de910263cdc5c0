"""Checks a derived limit against simulation of the finite model, end to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, Symbol

from derive.errors import BranchError, ParameterError
from derive.symbols import MatrixLetter

from .edges import evaluated
from .engine import run_campaign
from .entries import EntryLaw, entry_law
from .finite_model import Specification
from .inputs import read_point
from .networks import Dependent
from .observables import read_observables
from .outcome import Check, Settings, with_observables
from .plan import FEWEST_SIZES, Plan, make_plan
from .store import Store

if TYPE_CHECKING:
    from derive.result import Limit
    from derive.spectral.spectral_limit import SpectralLimit

__all__ = ["check", "simulate"]


def check(
    law: Limit | SpectralLimit,
    params: Mapping[Any, Any],
    sizes: Sequence[int] = (200, 400, 800),
    trials: int | Sequence[int] = 64,
    seed: int = 0,
    entries: str | EntryLaw = "gaussian",
    device: str = "auto",
    store: Store | str | Path | None = None,
    scheduler: str | Executor | None = None,
    observables: Mapping[str, Any] | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
    *,
    workers: int | None = None,
    level: float = 0.01,
    resolution: float = 0.02,
    exponent: float | Mapping[str, float] | None = None,
    memory: int | str | None = None,
    dependent: Dependent | None = None,
) -> Check:
    """Check a limit against simulation of the finite model.

    The quantities are evaluated as they were written, on sampled matrices, at several sizes; means are extrapolated in
    1/N and compared with ``law.evaluate(params)``. Of the law only the quantities, the regime, the declared inner
    products and the letters are read for it: the equations take no part in the simulation.

    Parameters
    ----------
    law : Limit or SpectralLimit
        From :func:`derive.limit`: traces and forms, or eigenvalues and alignments.
    params : mapping
        As for ``law.evaluate``, at one point: numbers (``0.5``, ``"1/3"``) and laws of deterministic matrices.
    sizes : sequence of int
        Three or more values of the base dimension ``law.base``; the nearest ones are taken at which all dimensions
        are integers. Costs grow with the cube of the largest dimension.
    trials : int or sequence of int
        Independent draws per size; a sequence gives one number per size, in increasing order of size.
    seed : int
        Same seed, same numbers, whatever the batches, workers and order (per kind of device).
    entries : str or EntryLaw
        ``"gaussian"``, ``"rademacher"``, ``"sparse"``, ``"student"``, or for example ``sparse(density=0.2)``: the law
        of the entries of all random matrices, of the same variance.
    device : str
        ``"auto"`` takes a GPU where CuPy finds one; ``"cpu"``; ``"gpu"``.
    store : Store or path, optional
        Results are kept there, and not simulated again.
    scheduler : str or Executor, optional
        Address of a dask scheduler, or any executor of ``concurrent.futures``.
    observables : mapping of str to Expr or callable, optional
        What is read off the quantities: an expression in symbols named like them and in the parameters, or a function
        with arguments named like them. Checked too, by the jackknife.
    progress : bool or callable, optional
        A bar on standard error; by default on a terminal when the work is long. A function gets (done, total).
    workers : int, optional
        Processes on this machine.
    level : float
        Probability of refuting a true limit (over all comparisons), and of calling consistent one that is off by
        ``resolution`` or more.
    resolution : float
        Relative discrepancy that the check must be able to see; a smaller one is never refuted. Absolute for a squared
        alignment, which is between 0 and 1, and for a limit of 0.
    exponent : float or mapping of str to float, optional
        ``k`` of the leading bias ``N^-k``, for all or by quantity. By default 2/3 for an eigenvalue at the edge of the
        bulk, 1 for all else: traces, bilinear forms, outliers and alignments.
    memory : int or str, optional
        Budget for the arrays of one batch: bytes, or text such as ``"2GB"``. Default 1 GiB, on a GPU half of what is
        free.
    dependent : Dependent, optional
        Letters that depend on the others at finite size, such as the masks of a :class:`verify.Network`.

    Returns
    -------
    Check

    Raises
    ------
    derive.errors.ResolventError
        Bad input, in one line; a limit or a finite model that does not exist at these parameters.

    Notes
    -----
    A matrix known by its law is diagonal at finite size. One known by an array A is ``A (x) I``. Signals point in new
    random directions in every trial, with the declared norms and products.

    Examples
    --------
    >>> import verify
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions, limit
    >>> n, p = dimensions("n p")
    >>> c, lam = Symbol("c", positive=True), Symbol("lambda", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
    >>> result = verify.check(law, {c: "1/2", lam: 1}, sizes=(20, 40, 80), trials=100)
    >>> str(result.verdict)
    'consistent'
    """
    _check_numbers(level, resolution, seed)
    spec, plan = specify(law, params, sizes, trials, seed, entries, dependent=dependent)
    names = tuple(spec.quantities)
    limit, natural = evaluated(law, params)
    exponents = natural | _exponents(exponent, (*names, *(observables or {})))
    functions = read_observables(observables, names, spec.point.numbers)
    limits = with_observables(_limits(limit, names), functions)
    for name, limit in limits.items():
        if not np.isfinite(limit):
            raise BranchError(
                f"{name} is not a finite number at the limits of the quantities; there is nothing to check"
            )
    values = run_campaign(
        spec,
        plan.sizes,
        plan.trials,
        device=device,
        memory=memory,
        store=store,
        scheduler=scheduler,
        workers=workers,
        progress=progress,
    )
    return Check(plan, spec, limits, values, functions, Settings(level, resolution, exponents))


def simulate(
    law: Limit | SpectralLimit,
    params: Mapping[Any, Any],
    size: int,
    trials: int = 64,
    seed: int = 0,
    entries: str | EntryLaw = "gaussian",
    dependent: Dependent | None = None,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Simulate the quantities of a law at one size, without judging.

    Parameters
    ----------
    law, params, trials, seed, entries, dependent
        As for :func:`check`.
    size : int
        Of the base dimension; the nearest one is taken at which all dimensions are integers.
    **options
        ``device``, ``memory``, ``store``, ``scheduler``, ``workers``, ``progress`` as for :func:`check`.

    Returns
    -------
    dict of str to array of shape (trials,)

    Examples
    --------
    >>> import verify
    >>> from sympy import Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n = dimensions("n")
    >>> W = Wigner("W", n, variance=1/n)
    >>> values = verify.simulate(limit(Trace(W*W)/n, {}), {}, size=50, trials=8)
    >>> values["value"].shape
    (8,)
    """
    spec, plan = specify(law, params, (size,), trials, seed, entries, fewest=1, dependent=dependent)
    values = run_campaign(spec, plan.sizes, plan.trials, **options)
    return {name: by_size[plan.sizes[0]] for name, by_size in values.items()}


def specify(
    law: Any,
    params: Mapping[Any, Any],
    sizes: Sequence[int],
    trials: Any,
    seed: int,
    entries: Any,
    fewest: int = FEWEST_SIZES,
    dependent: Dependent | None = None,
) -> tuple[Specification, Plan]:
    quantities = dict(getattr(law, "quantities", {}))
    if not quantities:
        raise ParameterError(f"a check needs a law of scalars from derive.limit(...), got {type(law).__name__}")
    letters: tuple[MatrixLetter, ...] = tuple(sorted(law.letters, key=lambda m: m.name))
    point = read_point(params, letters, _symbols(law))
    plan = make_plan(law.base, law.regime, law.dims, letters, point, sizes, trials, fewest)
    inner = dict(law.inner or {})
    drawn = entry_law(entries).at(point.numbers)
    unknown = [m.name for m in (dependent.letters if dependent else ()) if m not in letters]
    if unknown:
        raise ParameterError(
            f"dependent= draws {unknown[0]}, which is no letter of the law; those are {_names(letters)}"
        )
    spec = Specification(quantities, letters, inner, point, law.base, plan.ratios, drawn, seed, dependent)
    return spec, plan


def _names(letters: Sequence[MatrixLetter]) -> str:
    return ", ".join(letter.name for letter in letters)


def _symbols(law: Limit | SpectralLimit) -> set[Symbol]:
    exprs: list[Expr] = [*law.quantities.values(), *law.regime.values(), *(law.inner or {}).values(), *law.letters]
    return {s for e in exprs for s in e.free_symbols if isinstance(s, Symbol)} | set(law.parameters)


def _limits(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    found = dict(value) if isinstance(value, Mapping) else {names[0]: value}
    for name, limit in found.items():
        if np.ndim(limit) > 0:
            raise ParameterError(f"{name} has {np.size(limit)} values; a check is made at one point")
        if not np.isfinite(complex(limit)):
            raise BranchError(f"the limit of {name} has no value at these parameters, so there is nothing to check")
    return found


def _check_numbers(level: float, resolution: float, seed: int) -> None:
    if not 0 < level < 0.5:
        raise ParameterError(f"level must be between 0 and 0.5, got {level}")
    if not 0 <= resolution < float("inf"):
        raise ParameterError(f"resolution must not be negative, got {resolution}")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ParameterError(f"seed must be a whole number, 0 or more, got {seed!r}")


def _exponents(exponent: float | Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    if exponent is None:
        return {}
    found = dict(exponent) if isinstance(exponent, Mapping) else dict.fromkeys(names, exponent)
    for name, k in found.items():
        if name not in names:
            raise ParameterError(f"exponent: {name} is not a quantity or observable ({', '.join(names)})")
        if not 0 < k < float("inf"):
            raise ParameterError(f"the exponent of {name} must be positive, got {k}")
    return {name: float(k) for name, k in found.items()}
