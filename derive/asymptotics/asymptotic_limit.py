"""The limit of a limit: its branches, and which of them holds at given parameters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sympy import Expr, S, Symbol, oo, sympify

from ..bind import Binding, bind
from ..errors import BranchError, ParameterError
from ..evaluation import Evaluation
from ..further import Further
from ..numbers import check_digits, exact
from ..solve.status import Status
from ..steps_free import Step
from ..symbols import MatrixLetter
from ..system import System
from ..where import values_where
from .approach import LEVELS, parameter_at
from .branch import Branch
from .branch_slopes import BranchSlopes
from .selection import Found, branches_of
from .statement import balance_paragraph, branch_steps, branches_latex, branches_text, equations_of

if TYPE_CHECKING:
    from ..result import Limit

__all__ = ["AsymptoticLimit", "limit_of_limit"]


class AsymptoticLimit(Further):
    """What a :class:`derive.Limit` tends to as one of its parameters tends to 0, to infinity or to a number.

    Attributes
    ----------
    branches : tuple of Branch
        The dominant balances that occur. Each has ``exponents`` (unknown -> power of the small parameter), ``system``
        (equations of the leading coefficients), ``values`` (limits; 0 and infinity included) and ``orders`` (the power
        with which a quantity moves, the coefficient being in ``system.values``).
    equations, value, unknowns :
        Of the only branch; a tuple with one entry per branch where there are several.
    parameters : tuple of Symbol
        What :meth:`evaluate` needs.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Gaussian, dimensions, limit
    >>> (n, p), c, lam = dimensions("n p"), Symbol("c", positive=True), Symbol("lambda", positive=True)
    >>> Z = Gaussian("Z", p, n, variance=1/n)
    >>> law = limit(Trace((Z*Z.T + lam*Identity(p)).I)/p, {p: c*n})
    >>> ridgeless = law.limit(lam, 0)
    >>> sorted(str(branch.values["value"]) for branch in ridgeless.branches)
    ['1/(1 - c)', 'oo']
    >>> ridgeless.evaluate({c: 0.5})
    2.0
    """

    statuses = Status

    def __init__(self, source: Limit | AsymptoticLimit, parameter: Symbol, target: Expr, direction: int):
        self.source, self.parameter, self.target, self.direction = source, parameter, target, direction
        self._law: Limit = source.law
        self._moved: tuple[tuple[Symbol, Expr, int], ...] = (
            *(source._moved if isinstance(source, AsymptoticLimit) else ()),
            (parameter, target, direction),
        )

    @property
    def law(self) -> Limit:
        """The limit in which only dimensions have grown."""
        return self._law

    # -- what was asked -----------------------------------------------------------------------------------------------
    @property
    def derivation(self) -> Any:
        return self.law.derivation

    @property
    def quantities(self) -> Mapping[str, Expr]:
        """What was asked, as it was written."""
        return self.law.quantities

    @property
    def regime(self) -> dict[Symbol, Expr]:
        """How the dimensions grow."""
        return self.law.regime

    @property
    def letters(self) -> tuple[MatrixLetter, ...]:
        return self.law.letters

    @property
    def single(self) -> bool:
        """Whether one quantity was asked for, without a name."""
        return list(self.law.quantities) == ["value"]

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """The symbols that evaluation needs a number for."""
        moved = {s for s, _, _ in self._moved}
        return tuple(s for s in self.law.parameters if s not in moved)

    # -- what was derived ---------------------------------------------------------------------------------------------
    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(branches_of(self))

    def _each(self, what: Any) -> Any:
        out = tuple(what(branch) for branch in self.branches)
        return out[0] if len(out) == 1 else out

    @property
    def system(self) -> Any:
        """The leading system of the only branch, or of each."""
        return self._each(lambda branch: branch.shown)

    @property
    def equations(self) -> Any:
        return self._each(equations_of)

    @property
    def unknowns(self) -> Any:
        return self._each(lambda branch: branch.system.unknowns)

    @property
    def value(self) -> Any:
        """The limit in terms of unknowns and parameters (a dict when several quantities were asked for)."""
        return self._each(lambda b: b.values["value"] if self.single else b.values)

    def __repr__(self) -> str:
        return branches_text(self)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the limit that was expanded, then one per branch."""
        return (*self.source.steps, *branch_steps(self))

    def latex(self) -> str:
        """The theorem of the limit that was expanded, then its branches."""
        return self.source.latex() + "\n\n" + branches_latex(self)

    def document(self, title: str | None = None, steps: bool = True) -> str:
        """A LaTeX document that compiles with pdflatex."""
        whole = self.source.document(title=title, steps=steps)
        whole = whole.replace("\n\\end{theorem}", "\n\n" + branches_latex(self) + "\n\\end{theorem}", 1)
        return whole.replace("\\end{document}", balance_paragraph(self) + "\\end{document}") if steps else whole

    def slopes(self, of: Expr, over: Symbol) -> BranchSlopes:
        """The derivative of an expression in the quantities along the solutions of the leading systems."""
        return BranchSlopes(self, of, over)

    # -- numbers ------------------------------------------------------------------------------------------------------
    def bind(self, params: Mapping, t: float = LEVELS[0]) -> Binding:
        """Check the parameters of an evaluation; the moving parameters are at ``t``."""
        moved = {s.name for s, _, _ in self._moved}
        for key in params if isinstance(params, Mapping) else ():
            if getattr(key, "name", key) in moved:
                raise ParameterError(f"{key} tends to its limit and takes no value")
        needed, optional = self.law._known
        left = [s for s in needed if s.name not in moved]
        checked = bind(params, left, [s for s in optional if s.name not in moved], self.letters)
        scalars = {**checked.scalars, **self._at(t)}
        return Binding({**scalars, **values_where(self.law.where, scalars)}, checked.laws)

    def _at(self, t: float) -> dict[Symbol, Expr]:
        return {s: parameter_at(target, direction, t) for s, target, direction in self._moved}

    def evaluate(
        self,
        params: Mapping | None = None,
        *,
        digits: int | None = None,
        full_output: bool = False,
        device: str = "cpu",
    ) -> Any:
        """The limit in numbers; as :meth:`derive.Limit.evaluate`.

        Parameters
        ----------
        params : mapping
            As for the limit that was expanded, without the parameter that moves.
        digits : int, optional
            Compute one point to this many significant digits.
        full_output : bool
            Return an :class:`derive.result.Evaluation`; its unknowns are those of the leading systems.
        device : {"cpu"}
            Where double precision is computed.

        Raises
        ------
        BranchError
            The quantity diverges at the point; the message says at which rate and with which coefficient.
        LawError
            A matrix has to be invertible in the limit, and its law reaches 0.
        """
        if device != "cpu":
            raise ParameterError(f"device must be 'cpu' for the limit of a limit, got {device!r}")
        params = dict(params or {})
        binding = self.bind(params)
        if digits is not None:
            check_digits(digits)
            Binding({s: v for s, v in binding.scalars.items() if s in self.parameters}, {}).exact()
        found = Found(self, params, binding)
        if digits is None:
            values, error = found.values(), np.where(found.status == 0, 1e-14, np.nan)
        else:
            values, error = found.digits(digits)
        if not full_output:
            self._complain(found, binding.shape)
        shape = binding.shape
        if shape == () and digits is None:
            values = {k: v[0].item() for k, v in values.items()}
        elif digits is None:
            values = {k: v.reshape(shape) for k, v in values.items()}
        value = values["value"] if self.single else values
        if not full_output:
            return value
        status = Status(int(found.status[0])) if shape == () else found.status.reshape(shape)
        unknowns = {v: (x[0].item() if shape == () else x.reshape(shape)) for v, x in found.unknowns().items()}
        error = error[0].item() if shape == () and digits is None else error.reshape(shape) if digits is None else error
        return Evaluation(value, status, error, unknowns)

    def branch(self, params: Mapping | None = None) -> Branch:
        """The branch that holds at one point."""
        binding = self.bind(dict(params or {}))
        if binding.shape != ():
            raise ParameterError("branch() takes one point")
        found = Found(self, dict(params or {}), binding)
        if found.branch[0] is None:
            raise BranchError(found.why[0] or Status.NOT_CONVERGED.message)
        return found.branch[0]

    def _complain(self, found: Found, shape: tuple[int, ...]) -> None:
        bad = np.flatnonzero(found.status != 0)
        if not bad.size:
            return
        why = found.reason(int(bad[0]))
        if shape == ():
            raise BranchError(why)
        warnings.warn(
            f"{bad.size} of {found.status.size} points have no limit (NaN), the first because {why}",
            RuntimeWarning,
            stacklevel=3,
        )

    # -- as the source of a further limit -----------------------------------------------------------------------------
    @property
    def systems(self) -> list[System]:
        """Leading systems with the limits as values (the coefficient where a quantity diverges)."""
        return [
            replace(b.system, values={k: S.Zero if b.orders[k] > 0 else v for k, v in b.system.values.items()})
            for b in self.branches
        ]


def limit_of_limit(source: Any, parameter: Any, target: Any, direction: str = "+") -> AsymptoticLimit:
    """See :meth:`derive.Limit.limit`."""
    names = {s.name: s for s in source.parameters}
    name = getattr(parameter, "name", str(parameter))
    if name not in names:
        raise ParameterError(f"{name} is no parameter of this limit; its parameters are {', '.join(names) or 'none'}")
    symbol = names[name]
    if direction not in ("+", "-"):
        raise ParameterError(f"direction must be '+' (from above) or '-' (from below), got {direction!r}")
    if isinstance(target, str) and target.strip() in ("oo", "-oo"):
        target = sympify(target.strip())
    goal = target if target in (oo, -oo) else oo if target == float("inf") else exact(target, f"the limit of {name}")
    step = 1 if direction == "+" else -1
    if not goal.is_extended_real:
        raise ParameterError(f"{name} tends to a real number, oo or -oo; got {target}")
    trial = parameter_at(goal, step, LEVELS[0])
    if (symbol.is_positive and trial <= 0) or (symbol.is_negative and trial >= 0):
        sign = "positive" if symbol.is_positive else "negative"
        raise ParameterError(
            f"{name} is declared {sign} and cannot tend to {goal} from {'above' if step > 0 else 'below'}"
        )
    return AsymptoticLimit(source, symbol, goal, step)
