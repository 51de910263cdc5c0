"""Every error a user can meet, one class per cause.

All derive from :class:`ResolventError` (a ``ValueError``), so that a caller can catch one class and print one line.
A message names the object in the user's own symbols, says what was expected and got, and what to do.
"""

__all__ = [
    "BranchError",
    "CertificationError",
    "CommutationError",
    "DimensionError",
    "LawError",
    "NotRationalError",
    "ParameterError",
    "RegimeError",
    "ResolventError",
]


class ResolventError(ValueError):
    """Base class of everything the library raises on bad input or an impossible request."""


class DimensionError(ResolventError):
    """Shapes that do not match, or a quantity whose size diverges or vanishes in the regime."""


class RegimeError(ResolventError):
    """The regime does not say how every dimension grows."""


class NotRationalError(ResolventError):
    """The expression is not a rational function of its matrices."""


class CommutationError(ResolventError):
    """A trace of matrices that were not declared to commute was asked for from separate laws."""


class LawError(ResolventError):
    """The law given for a deterministic matrix or signal is missing or malformed."""


class ParameterError(ResolventError):
    """A parameter is missing, unknown, not a number or out of its domain."""


class BranchError(ResolventError):
    """The limit does not exist at the point asked for (inside the bulk, not invertible)."""


class CertificationError(ResolventError):
    """A proof could not be completed; nothing is claimed."""
