"""What can be asked of a limit further: its own limit in a parameter, and the best value of a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Expr, Symbol

from .optimum import Optimum

__all__ = ["Further"]


class Further:
    """The questions that a :class:`derive.Limit` and the limit of one have in common."""

    @property
    def law(self) -> Any:
        """The limit in which only dimensions have grown: itself, unless it is the limit of a limit."""
        return self

    def limit(self, parameter: Symbol, target: Any, direction: str = "+") -> Any:
        """What the limit tends to as one of its parameters tends to 0, to infinity or to a number.

        Parameters
        ----------
        parameter : Symbol
            One of :attr:`parameters`.
        target : number, oo or -oo
            Where it tends to.
        direction : {"+", "-"}
            From which side a finite target is approached.

        Returns
        -------
        AsymptoticLimit
            With the branches that occur, each with its equations and values, and the same ``evaluate``.

        Raises
        ------
        ParameterError
            No such parameter, or a target outside its domain.

        Notes
        -----
        Dominant balance on the reduced system: the unknowns are formal series in a power of the small parameter, and
        traces of resolvents are expanded with them. Which branch holds at given numbers is decided by this limit's own
        solution at small values; the numbers come from the equations of the branch. The limits are taken one after the
        other: the dimensions grow first.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Gaussian, dimensions, limit
        >>> (n, p), c, lam = dimensions("n p"), Symbol("c", positive=True), Symbol("lambda", positive=True)
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
        >>> law.limit(lam, 0).evaluate({c: "1/3"}, digits=20)
        mpf('1.5')
        """
        from .asymptotics.asymptotic_limit import limit_of_limit

        return limit_of_limit(self, parameter, target, direction)

    def minimise(
        self,
        over: Symbol,
        at: Mapping | None = None,
        *,
        of: Any = None,
        bounds: tuple[Any, Any] | None = None,
        digits: int | None = None,
    ) -> Optimum:
        """The value of one parameter at which a quantity is smallest.

        Parameters
        ----------
        over : Symbol
            The parameter that is varied.
        at : mapping
            The other parameters, as for :meth:`evaluate`; arrays broadcast, and every element has its own optimum.
        of : str or Expr, optional
            Which quantity, or an expression in the names of the quantities, where there are several.
        bounds : pair of numbers, optional
            Where the parameter is varied; 1e-4 to 1e4 when it is positive.
        digits : int, optional
            One optimum to this many significant digits.

        Returns
        -------
        Optimum
            ``at``, ``value``, and the ``status``: a stationary point, a bound, or where the limit jumps or ends.

        Raises
        ------
        ParameterError
            An unknown parameter or quantity, bounds outside the domain.
        BranchError
            There is no limit anywhere between the bounds.

        Notes
        -----
        The derivative is that of the solution of the equations (implicit function theorem). A scan of 33 points, spaced
        geometrically between positive bounds, finds the brackets: two minima closer than that are not told apart.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Gaussian, dimensions, limit
        >>> (n, p), phi, lam = dimensions("n p"), Symbol("phi", positive=True), Symbol("lambda", positive=True)
        >>> M = Gaussian("Z", p, n, variance=1/n); M = M*M.T
        >>> R = (M + lam*Identity(p)).I
        >>> error = limit({"bias": lam**2*Trace(R*R)/p, "variance": Trace(R*R*M)/n}, {p: phi*n})
        >>> best = error.minimise(lam, {phi: 0.5}, of=Symbol("bias") + Symbol("variance")/4)
        >>> round(best.at, 12), best.status.name
        (0.125, 'STATIONARY')
        """
        from .optimise import optimise

        return optimise(self, over, at, of, bounds, digits, largest=False)

    def maximise(
        self,
        over: Symbol,
        at: Mapping | None = None,
        *,
        of: Any = None,
        bounds: tuple[Any, Any] | None = None,
        digits: int | None = None,
    ) -> Optimum:
        """The value of one parameter at which a quantity is largest; see :meth:`minimise`.

        Examples
        --------
        >>> from sympy import Identity, Symbol, Trace
        >>> from derive import Gaussian, dimensions, limit
        >>> (n, p), phi, lam = dimensions("n p"), Symbol("phi", positive=True), Symbol("lambda", positive=True)
        >>> Z = Gaussian("Z", p, n, variance=1/n)
        >>> law = limit(lam*Trace(((Z*Z.T + lam*Identity(p)).I)**2)/p, {p: phi*n})
        >>> round(law.maximise(lam, {phi: 0.5}).at, 6)
        0.312815
        """
        from .optimise import optimise

        return optimise(self, over, at, of, bounds, digits, largest=True)

    def slopes(self, of: Expr, over: Symbol) -> Any:
        """The derivative of an expression in the quantities along the solutions of the system."""
        from .optimise import Slopes

        return Slopes(self, of, over)
