"""What a simulation reads of a tensor limit: the tensors, their dimensions and the quantities, never the equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Symbol

from derive.symbols import Signal
from derive.tensors.reading import PlantedTensor
from derive.tensors.tensor_limit import TensorLimit

__all__ = ["TensorDefinition"]


@dataclass(frozen=True)
class TensorDefinition:
    """The finite model of a tensor limit at one point, without a size; ``ratios`` are dimensions over the base."""

    quantities: Mapping[str, Expr]
    read: PlantedTensor
    letters: tuple[Any, ...]
    inner: Mapping[tuple[Signal, Signal], Expr]
    base: Symbol
    ratios: Mapping[Symbol, Expr]
    numbers: Mapping[Symbol, Expr]

    @classmethod
    def of(
        cls, law: TensorLimit, params: Mapping | None, measured: Mapping[str, Expr] | None = None
    ) -> TensorDefinition:
        """Of a law at one point; ``params`` as for ``law.evaluate``, ``measured`` more that is measured."""
        numbers = law.bind(params).exact()
        return cls(
            {**law.quantities, **(measured or {})},
            law.read,
            law.letters,
            law.inner,
            law.base,
            dict(law.ratios.ratios),
            numbers,
        )
