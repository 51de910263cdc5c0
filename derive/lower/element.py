"""One deterministic matrix in numbers: a multiple of the identity, a function on nodes, or a small matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ARRAYS", "Element", "Family"]


@dataclass(frozen=True, eq=False)
class Family:
    """Letters that live together: one joint law, or all the arrays. Products are formed inside a family only.

    ``weights[dim]`` are the masses of the nodes in a normalised trace over the space `dim`, ``masses`` those of the
    law itself (bilinear forms). A rectangular law has one more node, for the directions of the larger space that the
    matrix maps to zero; ``absent[dim]`` says where that node does not exist (a bool, or an array over the batch).
    """

    letters: tuple[Any, ...]
    weights: dict[Any, Any] = field(default_factory=dict)
    masses: Any = None
    absent: dict[Any, Any] = field(default_factory=dict)
    conjugated: Family | None = None  # the complex conjugates: another family, they do not commute with the letters

    @property
    def names(self) -> str:
        return ", ".join(letter.name for letter in self.letters)


ARRAYS = Family(letters=())


@dataclass(frozen=True, eq=False, slots=True)
class Element:
    """``data`` is a scalar (family None: that multiple of the identity), node values or a small matrix.

    ``rows`` and ``cols`` are the user's dimensions; a vector has 1 in one of them.
    """

    rows: Any
    cols: Any
    data: Any
    family: Family | None = None
