"""Edges with a proof: balls around algebraic numbers, and one certified point of the branch in every interval.

The edges are among the real roots of the discriminant and of the leading coefficient, which flint isolates. Between
two of them the density is positive throughout or zero throughout (``support.py``), and a certified boundary value at
one point, as a ball with a proof of its branch, decides which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flint import acb, arb, ctx

from ..errors import CertificationError
from ..solve.certify import Certificate, decimal, printed_radius
from .point import PointSpectrum

__all__ = ["EdgesCertificate", "certified_density", "certified_edges"]


@dataclass(frozen=True)
class EdgesCertificate:
    """Balls proven to contain the edges of the bulk.

    Attributes
    ----------
    intervals : tuple of (arb, arb)
        python-flint balls, one pair for each interval; infinite ends are None.
    points : tuple of (str, Certificate)
        The point of every interval between two critical points at which the branch was proven.
    """

    intervals: tuple[tuple[arb | None, arb | None], ...]
    points: tuple[tuple[str, Certificate], ...]
    digits: int
    statement: str

    @property
    def midpoints(self) -> list[tuple[str, str]]:
        """Decimal strings of ``digits`` digits."""
        return [(self._decimal(a, "-oo"), self._decimal(b, "oo")) for a, b in self.intervals]

    @property
    def radii(self) -> list[tuple[str, str]]:
        """Radii that cover the balls and the rounding of the midpoints."""
        return [(self._radius(a), self._radius(b)) for a, b in self.intervals]

    def _decimal(self, ball: arb | None, infinite: str) -> str:
        return infinite if ball is None else decimal(ball, self.digits)

    def _radius(self, ball: arb | None) -> str:
        return "0" if ball is None else printed_radius(ball, self.digits)

    def __str__(self) -> str:
        lines = [f"[{a} +/- {r}, {b} +/- {s}]" for (a, b), (r, s) in zip(self.midpoints, self.radii, strict=True)]
        return "\n".join([*lines, self.statement])


def certified_edges(point: PointSpectrum, digits: int) -> EdgesCertificate:
    """Prove the intervals of the support at one point of the parameters."""
    support = point.support
    if support.branch is None:
        raise CertificationError(
            "the edges are certified as algebraic numbers, and this law has no algebraic curve that could be computed: "
            "give atoms or arrays for the deterministic matrices"
        )
    proofs = []
    for x, inside in support.tests:
        # outside the bulk the resolvent has a real value at the point itself
        place = f"{x}+0j" if inside else str(x)
        proof = point.law.certify({**point.params, point.z: place}, digits=12)
        ball = acb(proof.value)
        if inside and not ball.imag > 0:
            raise CertificationError(f"the density at {x} could not be proven to be positive")
        if not inside and not ball.imag == 0:
            raise CertificationError(f"the density at {x} could not be proven to be zero")
        proofs.append((place, proof))
    bits = int(3.33 * digits) + 24
    intervals = tuple((_ball(i.ends[0], bits), _ball(i.ends[-1], bits)) for i in support.intervals)
    statement = (
        f"Edges are isolated roots of the discriminant and of the leading coefficient of the curve of degree "
        f"{point.curve.degree if point.curve else 0} in m; the sign of the density between them is proven at "
        f"{len(proofs)} points. The curve is the factor of an exact elimination on which the limit lies to 25 digits."
    )
    return EdgesCertificate(intervals, tuple(proofs), digits, statement)


def _ball(end: Any, bits: int) -> arb | None:
    return None if end is None else end.ball(bits)


def certified_density(point: PointSpectrum, x: Any, digits: int) -> Certificate:
    """A ball that contains the density at ``x``."""
    from ..numbers import exact

    place = exact(x, "x")
    proof = point.law.certify({**point.params, point.z: f"{place}+0j"}, digits=digits + 3)
    with ctx.workprec(int(3.33 * digits) + 64):
        ball = acb(proof.value).imag / arb.pi()
    return Certificate({"value": ball}, digits, proof.statement)
