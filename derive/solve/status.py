"""What became of one point of a batch."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status"]


class Status(IntEnum):
    """Failure is a value; ``message`` says what it means.

    Examples
    --------
    >>> from derive import Status
    >>> Status(0).name
    'CONVERGED'
    """

    CONVERGED = 0
    INSIDE_BULK = 1
    NOT_INVERTIBLE = 2
    NOT_CONVERGED = 3
    INVALID = 4
    INDETERMINATE = 5
    POLE = 6

    @property
    def message(self) -> str:
        """What became of the point, in a sentence."""
        return _MESSAGES[self]


_MESSAGES = {
    Status.CONVERGED: "converged on the branch of the limit",
    Status.INSIDE_BULK: "the real point lies inside the bulk of the spectrum, where the resolvent has no limit; take a "
    "point with a positive imaginary part, or imaginary part +0 for the boundary value",
    Status.NOT_INVERTIBLE: "the matrix that is inverted has singular values arbitrarily close to 0 in the limit, "
    "so its inverse has no deterministic equivalent there, although the equations have a solution by continuation",
    Status.NOT_CONVERGED: "the iteration did not converge: the point is at or near an edge of the spectrum, or "
    "the matrix that is inverted is singular in the limit",
    Status.INDETERMINATE: "the formula is 0/0 at this point although the equations have their solution; the limit may "
    "still exist there, approach it along a sequence of points",
    Status.POLE: "the limit is infinite there: the point is a pole, such as an outlier or an atom",
    Status.INVALID: "a parameter is not a number there",
}
