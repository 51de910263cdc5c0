"""Unfolded planted tensors in a campaign: eigenvalues and eigenvectors of the Gram matrix of a sampled tensor.

Importing this module teaches :func:`verify.asked.finite_model` and :func:`verify.edges.evaluated` about unfoldings. Of
the law only the tensor and what was asked of it are read; the contraction and its rescaling take no part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from sympy import Expr, Rational, Symbol

from derive.errors import ParameterError
from derive.functionals import Agreement, Alignment, Eigenvalue, Eigenvector, SpectralFunctional
from derive.lower.algebra import Algebra
from derive.lower.arrays import ArrayKind
from derive.lower.program import compile_program
from derive.spectral.unfolded_limit import UnfoldedLimit
from derive.spectral.unfolded_symbol import gram_of

from .asked import finite_model
from .backend import Backend
from .edges import evaluated
from .entries import entry_law
from .fingerprint import fingerprint
from .inputs import read_point
from .plan import Plan, make_plan
from .specification import Request
from .tensor_campaign import bytes_of
from .tensor_definition import Defined, TensorDefinition
from .tensor_estimators import unfolding_gram
from .tensor_sample import Letters, TensorSampler, fraction_agreeing
from .threads import few_threads

__all__ = ["ASPECT_EXPONENT", "UnfoldedSimulator", "UnfoldedSpecification"]

# raised when the same seed gives other numbers than before: stored results of older versions are then left alone
_SAMPLING_VERSION = 1
_SIZES = (60, 120, 240)
_SECONDS_PER_BATCH = 1.0
_OPERATIONS_PER_SECOND = {"cpu": 2e9, "gpu": 2e12}

# per order beyond two: the sides of an unfolding of order d have the ratio N^(2 - d), and the limit is approached like
# its square root, or 1/N where that is smaller (arXiv:2402.10677, for order 3)
ASPECT_EXPONENT = 1 / 2

_GAUSSIAN = "the noise of a planted tensor is Gaussian, and its unfolding needs no start"


@dataclass(frozen=True)
class UnfoldedSpecification(Defined):
    """A finite planted tensor and the mode along which it is unfolded: all that the measured numbers depend on."""

    mode: int  # from 0
    lengths: Mapping[Symbol, Rational]
    seed: int

    @property
    def method(self) -> dict[str, str]:
        return {"unfolding": f"mode {self.mode + 1}"}

    def key(self, name: str, size: int, stream: str) -> str:
        """The key of one quantity's trials at one size; ``stream`` names the generator of the device."""
        own = self.definition
        return fingerprint(
            "unfolding",
            _SAMPLING_VERSION,
            self.quantities[name],
            own.letters,
            own.read.expressions,
            own.inner,
            own.numbers,
            {d: int(r * size) for d, r in self.lengths.items()},
            self.seed,
            stream,
        )

    def simulator(self, size: int, backend: Backend) -> UnfoldedSimulator:
        return UnfoldedSimulator(self, size, backend)


class UnfoldedSimulator:
    """Planted tensors at one size on one device, unfolded."""

    def __init__(self, spec: UnfoldedSpecification, size: int, backend: Backend):
        self.spec, self.backend = spec, backend
        self.sampler = TensorSampler(spec.definition, None, size)

    def batch_size(self, memory: int) -> int:
        shape = self.sampler.shape
        operations = 2 * shape[self.spec.mode] * prod(shape)
        quick = _SECONDS_PER_BATCH * _OPERATIONS_PER_SECOND[self.backend.name] / operations
        return int(max(1, min(memory // bytes_of(self.sampler), quick)))

    def run(self, trials: Sequence[int]) -> dict[str, np.ndarray]:
        """The quantities of the Gram matrix, by trial."""
        sampler, backend, xp = self.sampler, self.backend, self.backend.xp
        with few_threads(max(sampler.shape)):
            letters = sampler.draw(backend, self.spec.seed, trials)
            gram = unfolding_gram(sampler.sample(1, letters, {}, {}), self.spec.mode)
            values, vectors = xp.linalg.eigh(gram)
        return self._measured(letters, values, vectors)

    def _measured(self, letters: Letters, values: Any, vectors: Any) -> dict[str, np.ndarray]:
        sampler, xp = self.sampler, self.backend.xp
        quantities = self.spec.quantities
        env: dict[Symbol, Any] = dict(sampler.numbers)
        placed: dict[Expr, Expr] = {}
        functionals = {f for e in quantities.values() for f in e.atoms(SpectralFunctional)}
        for index, functional in enumerate(sorted(functionals, key=str)):
            place = _place(functional.index)
            if isinstance(functional, Eigenvalue):
                array = values[:, place]
            else:
                assert isinstance(functional, Alignment)
                signal = letters.signals[functional.signal]
                array = xp.sum(signal * vectors[:, :, place], axis=-1) ** 2 / xp.sum(signal * signal, axis=-1)
            placed[functional] = Symbol(f"_q{index}", real=True)
            env[placed[functional]] = self.backend.to_host(array)
        for index, agreement in enumerate(
            sorted({a for e in quantities.values() for a in e.atoms(Agreement)}, key=str)
        ):
            estimate = agreement.estimate
            assert isinstance(estimate, Eigenvector)
            vector = vectors[:, :, _place(estimate.index)]
            placed[agreement] = Symbol(f"_a{index}", real=True)
            counted = fraction_agreeing(xp, letters.signals[agreement.labels], vector)
            env[placed[agreement]] = self.backend.to_host(counted)
        exprs = [e.xreplace(placed).xreplace(dict(sampler.dims)) for e in quantities.values()]
        found = compile_program(exprs).run(env, Algebra(ArrayKind(np), {}, {}))
        return {
            name: np.broadcast_to(np.asarray(v, dtype=float), (letters.trials,)).copy()
            for name, v in zip(quantities, found, strict=True)
        }


def _place(index: int) -> int:
    """Of the k-th largest (or smallest) among eigenvalues in increasing order."""
    return -index if index > 0 else -index - 1


@finite_model.register
def _(law: UnfoldedLimit, request: Request) -> tuple[UnfoldedSpecification, Plan]:
    (entries,) = request.take("entries", reason=_GAUSSIAN)
    if entries is not None and entry_law(entries).name != "gaussian":
        raise ParameterError(f"entries={entries!r} does not apply: {_GAUSSIAN}")
    tensor = law.tensor
    known = {s for e in tensor.ratios.ratios.values() for s in e.free_symbols} | set(tensor.parameters)
    for name, statistic in request.measured.items():
        if any(gram_of(a.estimate.matrix) != law.tensor.unfolded if isinstance(a.estimate, Eigenvector) else True
               for a in statistic.atoms(Agreement)):  # fmt: skip
            raise ParameterError(
                f"{name} measures {statistic}; of this law an Eigenvector of {law.gram} can be measured"
            )
    point = read_point(request.params, (), known)
    # strengths that the limit counts in units are multiplied by them
    definition = TensorDefinition(
        {**law.asked, **request.measured},
        tensor.sampled,
        tensor.letters,
        tensor.inner,
        tensor.base,
        dict(tensor.ratios.ratios),
        tensor.bind(dict(point.numbers)).exact(),
    )
    regime = {d: r * tensor.base for d, r in tensor.ratios.ratios.items() if d != tensor.base}
    sizes = request.sizes_or(_SIZES)
    plan = make_plan(tensor.base, regime, tensor.dims, (), point, sizes, request.trials, request.fewest)
    return UnfoldedSpecification(definition, law.mode - 1, plan.ratios, request.seed), plan


@evaluated.register
def _(law: UnfoldedLimit, params: Mapping[Any, Any]) -> tuple[Any, dict[str, float]]:
    found = law.evaluate(dict(params), full_output=True)
    values = found.value if isinstance(found.value, Mapping) else {next(iter(law.quantities)): found.value}
    aspect = min(1.0, (law.tensor.read.order - 2) * ASPECT_EXPONENT)
    # the squared alignment of a vector that knows nothing of the signal is 1/N
    return found.value, {
        name: 1.0 if isinstance(expr, Alignment) and values[name] == 0 else aspect for name, expr in law.asked.items()
    }
