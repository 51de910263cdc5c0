"""What a simulation reads of a tensor limit: the tensors, their dimensions and the quantities, never the equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Symbol

from derive.symbols import Signal
from derive.tensors.reading import PlantedTensor
from derive.tensors.tensor_limit import TensorLimit

__all__ = ["Defined", "TensorDefinition"]


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


@dataclass(frozen=True)
class Defined:
    """What every specification of planted tensors has of its definition."""

    definition: TensorDefinition

    @property
    def quantities(self) -> Mapping[str, Expr]:
        return self.definition.quantities

    @property
    def base(self) -> Symbol:
        return self.definition.base

    @property
    def numbers(self) -> Mapping[Symbol, Expr]:
        return self.definition.numbers
