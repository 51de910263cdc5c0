"""Checks a derived limit against simulation of the finite model, end to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr

from derive.errors import BranchError, ParameterError
from derive.functionals import Agreement

from .asked import finite_model
from .edges import evaluated
from .engine import run_campaign
from .entries import EntryLaw
from .networks import Dependent
from .observables import read_observables
from .outcome import Check, Settings, with_observables
from .plan import FEWEST_SIZES, Plan
from .specification import Request, Specification
from .store import Store
from .tensor_campaign import PowerIteration

if TYPE_CHECKING:
    from derive.result import Limit
    from derive.spectral.spectral_limit import SpectralLimit
    from derive.tensors.tensor_limit import TensorLimit

__all__ = ["check", "simulate"]


def check(
    law: Limit | SpectralLimit | TensorLimit,
    params: Mapping[Any, Any],
    sizes: Sequence[int] | None = None,
    trials: int | Sequence[int] = 64,
    seed: int = 0,
    entries: str | EntryLaw | None = None,
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
    start: str | PowerIteration | None = None,
    measured: Mapping[str, Expr] | None = None,
) -> Check:
    """Check a limit against simulation of the finite model.

    The quantities are evaluated as they were written, on sampled matrices, at several sizes; means are extrapolated in
    1/N and compared with ``law.evaluate(params)``. Of the law only the quantities, the regime, the declared inner
    products and the letters are read for it: the equations take no part in the simulation.

    Parameters
    ----------
    law : Limit, SpectralLimit or TensorLimit
        From :func:`derive.limit`: traces and forms, eigenvalues and alignments, or singular values and overlaps of the
        best rank-one approximation of a tensor.
    params : mapping
        As for ``law.evaluate``, at one point: numbers (``0.5``, ``"1/3"``) and laws of deterministic matrices.
    sizes : sequence of int
        Three or more values of the base dimension ``law.base``; the nearest ones are taken at which all dimensions
        are integers. Costs grow with the cube of the largest dimension, for a tensor with the product of all of them.
        By default (200, 400, 800), for a tensor the sizes at which it has about 10,000 to 160,000 entries.
    trials : int or sequence of int
        Independent draws per size; a sequence gives one number per size, in increasing order of size.
    seed : int
        Same seed, same numbers, whatever the batches, workers and order (per kind of device).
    entries : str or EntryLaw
        ``"gaussian"`` (the default, and all there is for tensors), ``"rademacher"``, ``"sparse"``, ``"student"``, or
        for example ``sparse(density=0.2)``: the law of the entries of all random matrices, of the same variance.
    device : str
        ``"auto"`` takes a GPU where CuPy finds one; ``"cpu"``; ``"gpu"``.
    store : Store or path, optional
        Results are kept there, and not simulated again.
    scheduler : str or Executor, optional
        Address of a dask scheduler, or any executor of ``concurrent.futures``.
    observables : mapping of str to Expr or callable, optional
        What is read off the quantities: an expression in symbols named like them and in the parameters, or a function
        with arguments named like them. Checked too, by the jackknife.
    measured : mapping of str to Expr, optional
        By name, the observables that are measured on the samples themselves, such as a :class:`derive.Agreement`, and
        not computed from the simulated quantities; the formula in ``observables`` is their limit only.
    progress : bool or callable, optional
        A bar on standard error; by default on a terminal when the work is long. A function gets (done, total).
    workers : int, optional
        Processes on this machine.
    level : float
        Probability of refuting a true limit (over all comparisons), and of calling consistent one that is off by
        ``resolution`` or more.
    resolution : float
        Relative discrepancy that the check must be able to see; a smaller one is never refuted. Absolute for a squared
        alignment, which is between 0 and 1, for an overlap of unit vectors and for a limit of 0.
    exponent : float or mapping of str to float, optional
        ``k`` of the leading bias ``N^-k``, for all or by quantity. By default 2/3 for an eigenvalue or a singular value
        at the edge of the bulk, 1/2 for an overlap whose limit is 0, and 1 for all else: traces, bilinear forms,
        outliers and alignments.
    memory : int or str, optional
        Budget for the arrays of one batch: bytes, or text such as ``"2GB"``. Default 1 GiB, on a GPU half of what is
        free.
    dependent : Dependent, optional
        Letters that depend on the others at finite size, such as the masks of a :class:`verify.Network`.
    start : {"planted", "unfolding", "random"} or PowerIteration, optional
        For tensors: where the power iteration starts. From the planted vectors (the default) it finds the critical
        point that the limit is about wherever there is one; from an unfolding or at random it may not.

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
    for name in measured or {}:
        if name not in (observables or {}):
            raise ParameterError(
                f"measured: {name} is no observable; declare what its limit is, observables={{{name!r}: ...}}"
            )
    spec, plan = specify(
        law, params, sizes, trials, seed, entries, measured=measured, dependent=dependent, start=start
    )  # fmt: skip
    names = tuple(name for name in spec.quantities if name not in (measured or {}))
    limit, natural = evaluated(law, params)
    functions = read_observables(observables, names, spec.numbers)
    limits = with_observables(_limits(limit, names), functions)
    natural |= _inherited(observables, natural)
    # signs that agree by chance: half of them, with a fluctuation of N^(-1/2) of which the larger side is taken
    counted = [name for name, statistic in (measured or {}).items() if isinstance(statistic, Agreement)]
    natural |= {name: 1 / 2 for name in counted if limits[name] == 1 / 2}
    exponents = natural | _exponents(exponent, (*names, *(observables or {})))
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
    law: Limit | SpectralLimit | TensorLimit,
    params: Mapping[Any, Any],
    size: int,
    trials: int = 64,
    seed: int = 0,
    entries: str | EntryLaw | None = None,
    dependent: Dependent | None = None,
    start: str | PowerIteration | None = None,
    measured: Mapping[str, Expr] | None = None,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Simulate the quantities of a law at one size, without judging.

    Parameters
    ----------
    law, params, trials, seed, entries, dependent, start, measured
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
    spec, plan = specify(
        law, params, (size,), trials, seed, entries, fewest=1, measured=measured, dependent=dependent, start=start
    )
    values = run_campaign(spec, plan.sizes, plan.trials, **options)
    return {name: by_size[plan.sizes[0]] for name, by_size in values.items()}


def specify(
    law: Any,
    params: Mapping[Any, Any],
    sizes: Sequence[int] | None,
    trials: Any,
    seed: int,
    entries: Any = None,
    fewest: int = FEWEST_SIZES,
    measured: Mapping[str, Expr] | None = None,
    **options: Any,
) -> tuple[Specification, Plan]:
    """The finite model of a law and its sizes, without simulating; arguments as for :func:`check`."""
    return finite_model(
        law, Request(params, sizes, trials, seed, fewest, {"entries": entries, **options}, measured or {})
    )


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


def _inherited(observables: Mapping[str, Any] | None, natural: Mapping[str, float]) -> dict[str, float]:
    """An observable converges like the slowest of the quantities that its formula reads."""
    read = {
        name: [natural[s.name] for s in expr.free_symbols if getattr(s, "name", "") in natural]
        for name, expr in (observables or {}).items()
        if isinstance(expr, Expr)
    }
    return {name: min(found) for name, found in read.items() if found}


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
