"""A ball proven to contain the limit: existence, uniqueness and the branch, all in ball arithmetic.

1. A Krawczyk test on the reduced system proves that one solution exists in a ball and no other in a larger one.
2. The same test on the unreduced Dyson equation of every component encloses its unknowns, and the branch is proven
   there:
   with ``A = P L`` accretive, a solution with ``Re G > 0`` at which the derivative ``I - D Phi`` is invertible is the
   only one (fixed points of a holomorphic self-map of a hyperbolic convex domain form a connected manifold). At a
   real point, where ``Re G = 0``, it suffices that Re G grows when the point is lifted off the axis.
3. The image of that enclosure in the reduced unknowns lies in the ball of step 1, so both are the same solution.

If any step fails nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from flint import acb, arb, ctx, fmpz
from sympy import Symbol

from ..bind import Binding
from ..errors import CertificationError
from ..lower.balls import BallKind
from ..lower.digits import MpKind
from ..numbers import check_digits, exact
from ..pipeline import Derivation
from ..ring import Ring
from ..system import System
from .branch import solve_component
from .component import Component, Unknown, components_of
from .digits import as_mp, evaluate_digits, numbers_at, origin_values, refine_component
from .evaluate import Batch, evaluate_batch, finish, reduced_jacobian
from .hermitian import definiteness, hermitian_part, is_definite
from .linear import identity_minus, solve_dense, solve_small
from .matrix_equation import MatrixEquation, Numbers
from .rotation import multipliers, rotated, rotations
from .status import Status

__all__ = ["Certificate", "certify"]

_WRONG_BRANCH = (
    "this solution of the equations is not the limit: the resolvent it belongs to is not the limit of one with "
    "positive "
    "imaginary part (the branch proof failed)"
)


@dataclass(frozen=True)
class Certificate:
    """Balls proven to contain the values of the limit; with a single quantity it can be used like the ball itself.

    Attributes
    ----------
    value : arb or acb, or a dict of them
        python-flint balls.
    midpoint, radius : str, or a dict of them
        Decimal strings; ``midpoint +- radius`` is an enclosure as printed, the rounding of the midpoint included.
    statement : str
        What was proven.

    Examples
    --------
    >>> from sympy import Identity, Symbol, Trace
    >>> from derive import Wigner, dimensions, limit
    >>> n, z = dimensions("n"), Symbol("z")
    >>> law = limit(Trace((Wigner("W", n, variance=1/n) - z*Identity(n)).I)/n)
    >>> ball = law.certify({z: "5/2"}, digits=20)
    >>> ball.midpoint, float(ball), ball.contains("-0.5")
    ('-0.50000000000000000000', -0.5, True)
    """

    balls: Mapping[str, Any]
    digits: int
    statement: str

    def _single(self, out: dict[str, Any]) -> Any:
        return out["value"] if list(out) == ["value"] else out

    @property
    def value(self) -> Any:
        """The ball, or a dict of balls."""
        return self._single(dict(self.balls))

    @property
    def midpoint(self) -> Any:
        """The midpoint, rounded to ``digits`` significant digits."""
        return self._single({k: decimal(v, self.digits) for k, v in self.balls.items()})

    @property
    def radius(self) -> Any:
        """A radius that covers the ball and the rounding of the midpoint."""
        return self._single({k: printed_radius(v, self.digits) for k, v in self.balls.items()})

    def mid(self) -> Any:
        """The exact midpoint, a ball of radius zero."""
        return self._single({k: _mid(v) for k, v in self.balls.items()})

    def rad(self) -> Any:
        """The radius, a ball of radius zero."""
        return self._single({k: radius(v) for k, v in self.balls.items()})

    def contains(self, number: Any) -> bool:
        """Whether a number (decimal string, rational, mpmath number, ball) lies within ``midpoint +- radius``."""
        ball = acb(self._only())
        kind = BallKind(int(self.digits * 3.4) + 128)
        with kind.context():
            side = arb(0, arb(printed_radius(ball, self.digits)).upper())
            enclosure = acb(ball.real + side, ball.imag + side)
            if isinstance(number, mpmath.mpf | mpmath.mpc):
                number = to_ball(number)
            # a rational such as 1/3 is a ball itself, far smaller than the one that was proven
            point = acb(number if isinstance(number, arb | acb) else kind.number(exact(number, "number")))
            return bool(enclosure.overlaps(point))

    def _only(self) -> Any:
        if len(self.balls) != 1:
            raise CertificationError(f"several quantities were certified ({', '.join(self.balls)}); take one of .value")
        return next(iter(self.balls.values()))

    def __float__(self) -> float:
        return float(acb(self._only()).real.mid())

    def __complex__(self) -> complex:
        return complex(float(acb(self._only()).real.mid()), float(acb(self._only()).imag.mid()))

    def __str__(self) -> str:
        lines = [f"{k} = {decimal(v, self.digits)} +/- {printed_radius(v, self.digits)}" for k, v in self.balls.items()]
        return "\n".join([*lines, self.statement])


def decimal(ball: Any, digits: int) -> str:
    """The midpoint as a decimal string, ``a + b*I`` when complex."""
    if isinstance(ball, arb):
        return ball.mid().str(digits, radius=False)
    real, imag = decimal(ball.real, digits), decimal(ball.imag, digits)
    return f"{real} {'-' if imag.startswith('-') else '+'} {imag.lstrip('-')}*I"


def printed_radius(ball: Any, digits: int) -> str:
    """An upper bound, as a decimal string, on the distance from the printed midpoint to any point of the ball."""
    if isinstance(ball, acb):
        parts = [arb(printed_radius(part, digits)) for part in (ball.real, ball.imag)]
        return _rounded_up((parts[0] ** 2 + parts[1] ** 2).sqrt())
    with ctx.workprec(int(digits * 3.4) + 128):
        return _rounded_up(abs(ball - arb(ball.mid().str(digits, radius=False))).upper())


def _rounded_up(x: arb) -> str:
    """Three digits, not below x."""
    return (x.upper() * arb("1.01")).str(3, radius=False)


def radius(ball: Any) -> arb:
    return ball.rad() if isinstance(ball, arb) else ball.real.rad() + ball.imag.rad()


def to_ball(value: Any) -> Any:
    """The ball of radius zero at an mpmath number."""
    if isinstance(value, mpmath.mpc):
        return acb(to_ball(value.real), to_ball(value.imag))
    sign, mantissa, exponent, _ = value._mpf_
    size = arb(fmpz(int(mantissa))) * arb(2) ** int(exponent)
    return -size if sign else size


def widen(ball: Any, r: arb) -> Any:
    """The ball with ``[-r, r]`` (and ``[-r, r] i``) added."""
    side = arb(0, r)
    return ball + side if isinstance(ball, arb) else acb(ball.real + side, ball.imag + side)


def inside(inner: Any, outer: Any) -> bool:
    """inner lies in the interior of outer."""
    if isinstance(outer, acb):
        inner = acb(inner)
        return bool(outer.real.contains_interior(inner.real) and outer.imag.contains_interior(inner.imag))
    return isinstance(inner, arb) and bool(outer.contains_interior(inner))


Map = Callable[[Sequence[Any]], tuple[Sequence[Any], Sequence[Sequence[Any]]]]


def krawczyk(f: Map, centre: Sequence[Any], kind: BallKind, r: arb) -> list[Any] | None:
    """The image of the box of radius ``r`` under Krawczyk's operator, if it proves a unique zero of f in it, else
    None.
    """
    n = len(centre)
    if n == 0:
        return []
    box = [widen(x, r) for x in centre]
    at_centre, slope = f(list(centre))
    _, slopes = f(box)
    try:
        inverse = _inverse([[_mid(x) for x in row] for row in slope], kind)
    except ZeroDivisionError:
        return None
    out = []
    for i in range(n):
        total = centre[i]
        for j in range(n):
            total = total - inverse[i][j] * at_centre[j]
        for k in range(n):
            factor = kind.one if i == k else kind.zero
            for j in range(n):
                factor = factor - inverse[i][j] * slopes[j][k]
            total = total + factor * (box[k] - centre[k])
        out.append(total)
    return out if all(inside(a, b) for a, b in zip(out, box, strict=True)) else None


def _scale(centre: Sequence[Any]) -> arb:
    """The size of a solution, 1 where it vanishes."""
    largest = max((abs(x).mid() for x in centre), default=arb(1))
    return largest if largest > 0 else arb(1)


def _mid(x: Any) -> Any:
    return x.mid() if isinstance(x, arb) else acb(x.real.mid(), x.imag.mid())


def _inverse(matrix: list[list[Any]], kind: BallKind) -> list[list[Any]]:
    n = len(matrix)
    columns = [solve_dense(kind, matrix, [kind.one if i == j else kind.zero for i in range(n)]) for j in range(n)]
    return [[_mid(columns[j][i]) for j in range(n)] for i in range(n)]


def certify(
    derivation: Derivation,
    system: System,
    binding: Binding,
    digits: int,
    start: Mapping[Symbol, Any] | None = None,
    tau: Mapping[str, complex] | None = None,
) -> Certificate:
    """See the module's docstring; ``start`` and ``tau`` (double precision) override the solution that is certified."""
    import array_api_compat.numpy as xp

    check_digits(digits)
    if start is None:
        solution = evaluate_batch(derivation, system, binding, xp)
        if solution.status[0] != 0:
            raise CertificationError(Status(int(solution.status[0])).message)
        start = {u: v[0] for u, v in solution.unknowns.items()}
    bits = int(digits * 3.3219281) + 64
    for _ in range(3):
        refined = evaluate_digits(derivation, system, binding, start, int(bits / 3.32) + 8)
        balls = _attempt(derivation, system, binding, refined.unknowns, bits, tau)
        goal = arb(10) ** (-digits)
        # a value that is 0, or as good as, is enclosed to an absolute 10**-digits
        if all(bool(radius(b) <= goal * (abs(_mid(b)) if abs(_mid(b)) > goal else 1)) for b in balls.values()):
            statement = (
                "proven: a solution exists in the ball, it is the only one there, and it is the limit "
                "(Krawczyk's test; branch by positivity in ball arithmetic)"
            )
            return Certificate(balls, digits, statement)
        bits += bits // 2
    raise CertificationError(f"the enclosure could not be made smaller than 1e-{digits}; ask for fewer digits")


def _attempt(
    derivation: Derivation,
    system: System,
    binding: Binding,
    unknowns: Mapping[Symbol, Any],
    bits: int,
    tau: Mapping[str, complex] | None,
) -> dict[str, Any]:
    kind = BallKind(bits + 64)
    numbers = numbers_at(derivation, binding, kind)
    with kind.context():
        names = list(system.unknowns)
        centre = [to_ball(unknowns[u]) for u in names]
        if any(isinstance(x, acb) for x in centre):
            centre = [acb(x) for x in centre]

        def reduced(x: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
            return reduced_jacobian(system, dict(zip(names, x, strict=True)), numbers.env, numbers.algebra)

        size = _scale(centre)
        tight = krawczyk(reduced, centre, kind, size * arb(2) ** (-bits))
        if tight is None:
            raise CertificationError(
                "Krawczyk's test could not prove that a solution exists near the computed one; the point may be "
                "at an edge"
            )
        wide = None
        for power in (6, 10, 16, 24, 32, 48, bits // 2):
            r = size * arb(2) ** (-power)
            if krawczyk(reduced, centre, kind, r) is not None:
                wide = [widen(x, r) for x in centre]
                break
        if wide is None and names:
            raise CertificationError("Krawczyk's test could not prove that the solution is isolated")
    proven: dict[Symbol, Any] = {}
    for component in components_of(derivation.ring, derivation.equation, derivation.elimination):
        try:
            proven |= prove_component(derivation, binding, component.balanced or component, bits, tau)
        except CertificationError:
            if component.balanced is None:
                raise
            proven |= prove_component(derivation, binding, component, bits, tau)
    with kind.context():
        images = origin_values(system, proven, numbers)
        for k, name in enumerate(names):
            if wide is None or not _overlap_inside(images[name], wide[k]):
                raise CertificationError(_WRONG_BRANCH)
        values = finish(system, dict(zip(names, tight, strict=True)), numbers.env, numbers)
    return values


def _overlap_inside(image: Any, box: Any) -> bool:
    if isinstance(box, arb) and isinstance(image, acb):
        # a complex enclosure of a real solution
        return bool(image.imag.contains(0)) and bool(box.contains(image.real))
    if isinstance(box, acb):
        image = acb(image)
        return bool(box.real.contains(image.real) and box.imag.contains(image.imag))
    return bool(box.contains(image))


def prove_component(
    derivation: Derivation, binding: Binding, component: Component, bits: int, tau: Mapping[str, complex] | None
) -> dict[Symbol, Any]:
    """Enclose the unknowns of one component and prove that they are the limit's."""
    import array_api_compat.numpy as xp

    ring, regime = derivation.ring, derivation.problem.regime
    batch = Batch(derivation, binding, xp)
    names = [name or "" for name in component.names]
    if tau is None:
        solved = solve_component(ring, regime, component, batch.numbers, 1, batch.boundary)
        if solved.status[0] != 0:
            raise CertificationError(
                "the branch of the limit was not found in double precision, so there is nothing to prove"
            )
        start = [complex(np.ravel(solved.tau[n])[0]) for n in names]
    else:
        start = [complex(tau[n]) for n in names]
    sharp = MpKind(bits + 64)
    rough = numbers_at(derivation, binding, sharp)
    with sharp.context():
        scale = max((abs(x) for x in start), default=1.0)
        clean = [x.real if abs(x.imag) < 1e-12 * scale else x for x in start]
        real = all(isinstance(x, float) for x in clean) and not _complex_parameters(binding)
        guess = [as_mp(x) for x in (clean if real else start)]
        equation = MatrixEquation(rough, component, regime)
        guess = refine_component(equation, guess, 4 + max(0, (bits // 40).bit_length()))
    kind = BallKind(bits + 64)
    numbers = numbers_at(derivation, binding, kind)
    with kind.context():
        equation = MatrixEquation(numbers, component, regime)
        centre = [to_ball(x) for x in guess]
        if not real:
            centre = [acb(x) for x in centre]

        def dyson(t: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
            G = equation.inverse(equation.K(t))
            rows = identity_minus(kind, equation.derivative(G, t))
            return [a - b for a, b in zip(t, equation.traces(G, t), strict=True)], rows

        size = _scale(centre)
        tight = krawczyk(dyson, centre, kind, size * arb(2) ** (-bits + 8))
        if tight is None:
            raise CertificationError("Krawczyk's test failed on the unreduced equation; the point may be at an edge")
        accretive, proven = _branch_proven(ring, equation, numbers, component, tight)
        if not accretive:
            raise CertificationError(
                "no form of the equation was found in which positivity proves the branch (this happens when the matrix "
                "that is inverted is not self-adjoint); the limit was followed in double precision, but not certified"
            )
        if not proven:
            raise CertificationError(_WRONG_BRANCH)
        return {Symbol(n): t for n, t in zip(names, tight, strict=True) if n}


def _complex_parameters(binding: Binding) -> bool:
    return any(not v.is_real for v in binding.exact().values())


def _branch_proven(
    ring: Ring, equation: MatrixEquation, numbers: Numbers, component: Component, tau: Sequence[Any]
) -> tuple[bool, bool]:
    """(some rotation makes A0 accretive, and one of them shows Re G > 0, or Re G = 0 and rising)."""
    accretive = False
    kind = numbers.algebra.kind
    # those of free elements follow the traces
    exact_tau = [_real_trace(u, t) for u, t in zip(component.unknowns, tau, strict=False)]
    exact_tau += tau[len(component.unknowns) :]
    real = all(isinstance(t, arb) for t in exact_tau)
    for rotation in rotations(ring, component):
        for p in multipliers(rotation, numbers):
            weights = [acb(x) for x in p]
            equation.rotate([(i, s) for i, s in enumerate(rotation.order)], weights)
            part = hermitian_part(ring, component, numbers, rotation.order, weights)
            if part is None:
                # not visible by structure: a strictly accretive A0 can still be proven numerically
                if not is_definite(equation, rotated(numbers.algebra, rotation.order, weights, equation.plain)):
                    continue
            elif not definiteness(equation, part)[0]:
                continue
            accretive = True
            K = equation.K(list(tau))
            turned = rotated(numbers.algebra, rotation.order, weights, K)
            if equation.elements:
                turned |= equation.subordinations(equation.inverse(K), list(tau))
            if is_definite(equation, turned):
                return True, True
            if part or not real or part is None:
                continue
            # A0 is exactly anti-Hermitian and the solution real: Re G = 0, so look at its growth with the lift
            G = equation.inverse(equation.K(exact_tau))
            lift = solve_small(kind, equation.derivative(G, exact_tau), equation.source(G, exact_tau))
            rising = rotated(numbers.algebra, rotation.order, weights, equation.slope(lift))
            rising |= equation.subordinations_lifted(G, exact_tau, lift)
            if is_definite(equation, rising):
                return True, True
    return accretive, False


def _real_trace(unknown: Unknown, t: Any) -> Any:
    """Of a Hermitian pencil, the trace of a diagonal block is real.

    The adjoint of the solution solves the equation too, lies in the same ball (which is symmetric about the real
    axis), and there is only one.
    """
    if isinstance(t, acb) and unknown.k == unknown.l and unknown.weight is None and t.imag.contains(0):
        return t.real
    return t
