"""Questions asked of a tensor limit the other way round: which parameters are best, which ones gave the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sympy import Symbol

if TYPE_CHECKING:
    from ..optimum import Optimum
    from .estimation import Estimation

__all__ = ["InverseQuestions"]


class InverseQuestions:
    """Methods of :class:`.tensor_limit.TensorLimit`."""

    def minimise(
        self: Any,
        over: Symbol,
        at: Mapping | None = None,
        of: str | None = None,
        bounds: tuple[Any, Any] | None = None,
        digits: int | None = None,
    ) -> Optimum:
        """The value of one parameter at which a quantity is smallest.

        Parameters
        ----------
        over : Symbol
            The parameter that is varied.
        at : mapping
            Numbers or arrays for the others; one optimum per point.
        of : str, optional
            The quantity, where there are several.
        bounds : tuple, optional
            Lowest and highest value of the parameter; for a positive one (0.01, 100) unless given.
        digits : int, optional
            At one point, a stationary optimum to this many digits.

        Returns
        -------
        Optimum
            ``.at``, ``.value`` and ``.status``: a stationary point, a bound, a jump from one solution to another, or
            the end of the informative solution. Points without an informative solution do not count.

        Notes
        -----
        Derivatives come from the implicit function theorem; every value is that of the solution followed from
        infinitely strong spikes, on which the search rests as much as ``evaluate`` does. The scan has 33 points.

        Examples
        --------
        >>> from sympy import symbols
        >>> from derive import Signal, dimensions, limit
        >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
        >>> N, p, n = dimensions("N p n")
        >>> beta, c = symbols("beta c", positive=True)
        >>> x, y, z = Signal("x", p, norm2=1), Signal("y", n, norm2=1), Signal("z", n, norm2=1)
        >>> T = beta*Outer(x, y, z) + GaussianTensor("W", p, n, n, variance=1/N)
        >>> law = limit(best_rank_one(T), {p: c*N, n: (1 - c)*N/2})
        >>> best = law.maximise(over=c, at={beta: 2}, of="value", bounds=(0.1, 0.9))
        >>> round(best.at, 9), round(best.value, 9), best.note
        (0.333333333, 2.25580631, 'a stationary point inside the bounds')
        >>> law.minimise(over=c, at={beta: 2}, of="value", bounds=(0.1, 0.9)).note
        'at one of the bounds'
        """
        from .optimise import optimise

        return optimise(self, over, at, of, bounds, digits, largest=False)

    def maximise(
        self: Any,
        over: Symbol,
        at: Mapping | None = None,
        of: str | None = None,
        bounds: tuple[Any, Any] | None = None,
        digits: int | None = None,
    ) -> Optimum:
        """The value of one parameter at which a quantity is largest; as :meth:`minimise`."""
        from .optimise import optimise

        return optimise(self, over, at, of, bounds, digits, largest=True)

    def estimate(
        self: Any,
        observed: Mapping[str, Any],
        unknown: Symbol | Sequence[Symbol],
        at: Mapping | None = None,
        within: Mapping | None = None,
    ) -> Estimation:
        """The parameters at which the limit has observed values, and the quantities that follow.

        Parameters
        ----------
        observed : mapping of str to number or array
            Quantities of the limit, as measured; arrays broadcast to a batch. At least as many as unknown parameters;
            more are fitted by least squares.
        unknown : Symbol or sequence of Symbol
        at : mapping
            Numbers for the other parameters.
        within : mapping of Symbol to (low, high), optional
            Where the search starts. By default inner products up to 1 and strengths up to 1.5 times the largest
            observed singular value.

        Returns
        -------
        Estimation
            ``.parameters``, ``.values`` (all quantities there, the alignments among them), ``.residual``, ``.status``.

        Raises
        ------
        BranchError
            One point with impossible data: below the threshold, or no solution. In a batch such points are NaN.

        Notes
        -----
        Exchanging two spikes may give the data as well; of several solutions that fit equally, the one whose first
        unknown is largest is returned.

        Examples
        --------
        >>> from sympy import Symbol
        >>> from derive import Signal, dimensions, limit
        >>> from derive.tensors.symbols import GaussianTensor, Outer, best_rank_one
        >>> n, beta = dimensions("n"), Symbol("beta", positive=True)
        >>> x = Signal("x", n, norm2=1)
        >>> T = beta*Outer(x, x, x) + GaussianTensor("W", n, n, n, variance=1/(6*n), symmetric=True)
        >>> found = limit(best_rank_one(T)).estimate({"value": 2.255806309926}, unknown=beta)
        >>> round(found.parameters[beta], 9), round(found.values["x"], 9)
        (2.0, 0.953020614)
        """
        from .estimation import estimate_parameters

        return estimate_parameters(self, observed, unknown, at or {}, within or {})
