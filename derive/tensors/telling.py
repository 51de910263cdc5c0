"""The derivation of a tensor limit as a person would tell it; every equation is read off the derived objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Add, Basic, Eq, Expr, Mul, S, Symbol

from ..steps import Step
from .display import (
    DOT,
    Contraction,
    Differential,
    Inner,
    Juxtaposed,
    contraction_symbol,
    estimate_symbol,
    resolvent_symbol,
    tensor_symbol,
    vector_symbol,
    word_trace,
)
from .equations import Equation, Key, TensorEquations, inner_product
from .network import Estimate, Noise, TensorTerm, Vector
from .reading import value_symbol

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["meaning", "tensor_steps"]


def tensor_steps(limit: TensorLimit) -> tuple[Step, ...]:
    """All steps of the derivation."""
    return tuple(_Teller(limit).steps())


def meaning(derived: TensorEquations, key: Key) -> Expr:
    """What an unknown stands for."""
    read = derived.read
    if key.kind == "value":
        blocks = [estimate_symbol(read, Estimate(key.step, b)) for b in read.blocks]
        return Contraction(tensor_symbol(read, key.step), *blocks)
    if key.kind == "overlap":
        return Inner(*(vector_symbol(read, v) for v in key.what))
    if key.kind == "noise":
        return Contraction(Symbol(key.what[0]), *(vector_symbol(read, v) for v in key.what[1:]))
    return word_trace(derived, key.what)


class _Teller:
    def __init__(self, limit: TensorLimit):
        self.limit, self.derived, self.read = limit, limit.derived, limit.read
        self.symbols = self.derived.symbols
        self.vectors = {Symbol(v.name) for k in range(self.read.order) for v in self.read.vectors(k)}
        steps, blocks = range(1, len(self.read.terms) + 1), set(self.read.blocks)
        self.vectors |= {estimate_symbol(self.read, Estimate(a, b)) for a in steps for b in blocks}
        self.values = {value_symbol(k.step): s for k, s in self.symbols.items() if k.kind == "value"}

    def steps(self) -> Iterator[Step]:
        yield self._critical_points()
        yield self._implicit()
        yield from self._stein("value", "Singular values")
        yield from self._stein("overlap", "Overlaps")
        yield from self._stein("noise", "Noise on the vectors")
        yield from self._traces()
        yield Step(
            "System",
            "Every equation is solved for its own unknown. The solution meant is the one that comes, without a jump, "
            "from spikes of infinite strength.",
            tuple(self.limit.system.equations),
        )

    # -- what the objects are -----------------------------------------------------------------------------------------
    def _contracted(self, term: TensorTerm, ends: dict[int, Any]) -> Expr:
        """A term of a tensor on vectors (or a dot) in its modes, before Stein's lemma."""
        at: dict[int, list[Any]] = {}
        for mode, leg in enumerate(term.legs):
            at.setdefault(leg, []).append(ends[mode])
        parts: list[Expr] = [term.coefficient.xreplace(self.values)]
        noises = []
        for factor in term.factors:
            if isinstance(factor, Vector):
                at.setdefault(factor.leg, []).append(factor.what)
            elif isinstance(factor, Noise):
                noises.append(factor)
        for noise in noises:
            parts.append(Contraction(Symbol(noise.name), *(self._show(at.pop(k)[0]) for k in noise.legs)))
        for pair in at.values():
            parts.append(self._pair(*pair))
        free = [p for p in parts if not isinstance(p, Inner) and (p.has(DOT) or p in self.vectors)]
        if not free:
            return Mul(*parts)
        scalar = Mul(*(p for p in parts if p not in free and not isinstance(p, Inner)))
        sign = S.NegativeOne if scalar.could_extract_minus_sign() else S.One
        scalar = sign * scalar
        shown = [*([] if scalar == 1 else [scalar]), *(p for p in parts if isinstance(p, Inner)), *free]
        return sign * (Juxtaposed(*shown) if len(shown) > 1 else shown[0])

    def _show(self, what: Any) -> Symbol:
        return DOT if what is None else vector_symbol(self.read, what)

    def _pair(self, v: Any, w: Any) -> Expr:
        if v is None or w is None:
            return self._show(w if v is None else v)
        if isinstance(v, Estimate) and v == w:
            return S.One
        return Inner(self._show(v), self._show(w))

    def _critical_points(self) -> Step:
        equations: list[Basic] = []
        for step, terms in enumerate(self.read.terms, 1):
            for mode in dict.fromkeys(self.read.blocks.index(b) for b in self.read.blocks):
                ends: dict[int, Any] = {k: Estimate(step, b) for k, b in enumerate(self.read.blocks)}
                ends[mode] = None
                parts = [self._contracted(t, ends) for t in terms]
                own = estimate_symbol(self.read, Estimate(step, self.read.blocks[mode]))
                value = self.symbols[Key("value", step, None)]
                equations.append(Eq(Juxtaposed(value, own), Add(*parts), evaluate=False))
        return Step(
            "Critical points",
            "A best rank-one approximation is a critical point of the tensor on unit spheres: contracted in all modes "
            "but one (the mode left free is marked by a dot), it is the singular value times the vector of that mode. "
            "Inner products with fixed vectors give one equation per overlap, with all vectors the singular value.",
            tuple(equations),
        )

    def _slots(self, step: int, free: set[int]) -> Contraction:
        """The tensor of a step on its vectors, dots in the free modes."""
        ends = [
            DOT if k in free else estimate_symbol(self.read, Estimate(step, b)) for k, b in enumerate(self.read.blocks)
        ]
        return Contraction(tensor_symbol(self.read, step), *ends)

    def _implicit(self) -> Step:
        first = {b: self.read.blocks.index(b) for b in self.read.blocks}
        equations: list[Basic] = []
        steps = range(1, len(self.read.terms) + 1)
        for step in steps:
            for row in first:
                for col in first:
                    modes = [k for k, b in enumerate(self.read.blocks) if b == col and k != first[row]]
                    if row > col or not modes:
                        continue
                    block = Add(*(self._slots(step, {first[row], k}) for k in modes[:1])) * len(modes)
                    equations.append(Eq(contraction_symbol(self.read, step, row, col), block, evaluate=False))
        for step in steps:
            here = estimate_symbol(self.read, Estimate(step, self.read.blocks[0]))
            parts = []
            for b, mode in first.items():
                change = self._slots(step, {mode})
                parts.append(
                    Juxtaposed(
                        resolvent_symbol(self.read, step, self.read.blocks[0], b),
                        change.func(Differential(change.args[0]), *change.args[1:]),
                    )
                )
            equations.append(Eq(Differential(here), -Add(*parts), evaluate=False))
        several = (
            " The change of the tensor of a later estimator contains that of the earlier estimators, through which "
            "products of different resolvents arise."
            if len(self.read.terms) > 1
            else ""
        )
        plane = (
            "; for order two it is an eigenvalue of the contraction matrix, whose resolvent is taken on the "
            "orthogonal complement of the singular vectors"
            if self.read.order == 2
            else ""
        )
        matrix = (
            "is `Phi` below" if self.read.symmetric else "has the blocks `Phi` below, their transposes, and 0 elsewhere"
        )
        alike = "" if self.read.symmetric else " (the other modes alike)"
        return Step(
            "Implicit derivative",
            f"The contraction matrix {matrix}; its resolvent at the singular value is the inverse of `Phi` "
            "less the singular value, called `R`. Differentiating the critical-point equations gives the response of "
            f"the vectors to a change dT of the tensor, to leading order as below{alike}; the "
            "derivative of the singular value itself is a product of entries of unit vectors and is left out, and so "
            f"is the change of the matrix through its vectors, which closes no trace{plane}.{several}",
            tuple(equations),
        )

    # -- Stein's lemma ------------------------------------------------------------------------------------------------
    def _stein(self, kind: str, title: str) -> Iterator[Step]:
        chosen = [e for e in self.derived.equations if e.key.kind == kind]
        if not chosen:
            return
        equations: list[Basic] = [Eq(self.symbols[e.key], meaning(self.derived, e.key), evaluate=False) for e in chosen]
        for e in chosen:
            value = self.symbols[Key("value", e.key.step, None)]
            left = value * self.symbols[e.key] if kind == "overlap" else self.symbols[e.key]
            if kind != "noise":
                equations.append(Eq(left, self._before(e.key), evaluate=False))
            equations.append(Eq(left, self._after(e), evaluate=False))
        yield Step(
            title,
            self._lemma(kind) + self._dropped(chosen),
            tuple(equations),
        )

    def _lemma(self, kind: str) -> str:
        if kind != "value":
            return "The same lemma is applied to the noise on a fixed vector and the vectors of the other modes; "
        return (
            "Stein's lemma (the mean of a centred Gaussian variable times a function of it is its variance times the "
            "mean of the derivative) trades every noise entry for a derivative of the vectors, which the implicit "
            "derivative gives. A closed chain of resolvent blocks is a trace, of order `" + str(self.limit.base) + "`, "
            "and pays for the variance, of order 1/`" + str(self.limit.base) + "`; "
        )

    def _before(self, key: Key) -> Expr:
        """The tensor on the vectors of an equation, noise and all."""
        ends: dict[int, Any] = {k: Estimate(key.step, b) for k, b in enumerate(self.read.blocks)}
        if key.kind == "overlap":
            vector, estimate = key.what
            ends[self.read.blocks.index(estimate.block)] = vector
        shown = {meaning(self.derived, k): s for k, s in self.symbols.items() if k.kind == "overlap"}
        inner = self.derived.inner
        for k in range(self.read.order):
            for v in self.read.vectors(k):
                for w in self.read.vectors(k):
                    shown[Inner(Symbol(v.name), Symbol(w.name))] = inner_product(inner, v, w)
        flipped = {Inner(*e.args[::-1]): s for e, s in shown.items()}
        return Add(*(self._contracted(t, ends).xreplace(flipped | shown) for t in self.read.terms[key.step - 1]))

    def _after(self, e: Equation) -> Expr:
        """The terms but the one that stands on the left."""
        value = Key("value", e.key.step, None)
        own = {
            "value": (e.key,),
            "noise": (e.key,),
            "overlap": tuple(sorted((value, e.key), key=str)),
            "trace": tuple(sorted((value, e.key), key=str)),
        }[e.key.kind]
        total = [Mul(c, *(self.symbols[k] for k in ks)) for c, ks in e.terms if ks != own]
        return Add(*total).xreplace(self.derived.weights)

    def _dropped(self, chosen: list[Equation]) -> str:
        total: Counter[int] = Counter()
        for e in chosen:
            total.update(e.record.dropped)
        kept = sum(e.record.kept for e in chosen)
        count = sum(total.values())
        if not count:
            return f"all {kept} terms are kept."
        return (
            f"of {kept + count} terms {kept} are kept, and in the other {count} the indices end at vectors, so that "
            "a bounded form stands where a trace would be needed: they are smaller by a factor of order "
            f"1/`{self.limit.base}`."
        )

    def _traces(self) -> Iterator[Step]:
        texts = (
            "Multiplying the resolvent by its inverse and applying Stein's lemma to the noise in the contraction "
            "matrix gives the block Dyson equation of its normalised traces; the spikes are of finite rank and do not "
            "count; ",
            "The same lemma on products of resolvents of different estimators, which depend on the same noise, gives "
            "linear equations for their joint traces. They are of order one; ",
        )
        for several, title in ((False, "Traces of the resolvent"), (True, "Joint traces")):
            text = texts[several]
            chosen = [e for e in self.derived.equations if e.key.kind == "trace" and (len(e.key.what) > 1) == several]
            if chosen:
                equations: list[Basic] = [
                    Eq(self.symbols[e.key], meaning(self.derived, e.key), evaluate=False) for e in chosen
                ]
                for e in chosen:
                    value = self.symbols[Key("value", e.key.what[0][0], None)]
                    equations.append(Eq(value * self.symbols[e.key], self._trace_after(e), evaluate=False))
                yield Step(title, text + self._dropped(chosen), tuple(equations))

    def _trace_after(self, e: Equation) -> Expr:
        own = tuple(sorted((Key("value", e.key.what[0][0], None), e.key), key=str))
        total = [Mul(c, *(self.symbols[k] for k in ks)) for c, ks in e.terms if ks != own]
        return Add(*total).xreplace(self.derived.weights)
