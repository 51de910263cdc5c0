"""Read an expression as a linear system ``L w = b x``, ``F = c L^-1 b``: the pencil.

Fourth stage. ``y = F x`` is read as instructions on an unknown block vector, from right to left: an inverse introduces
one unknown and one equation; a deterministic factor multiplies a coefficient; a random factor is applied directly if
the coefficients are free of randomness, otherwise the value is named first; a factor with finitely many rows names its
result (the cut that makes low-rank signals finite-dimensional). The same operator on the same value is named once.
Invariant out: every block of L is affine in the random matrices, b and c are deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import DimensionError
from .nodes import Eye, Inv, Letter, Node, Prod, Sum, sort_key
from .regime import Space
from .ring import Poly, Ring

__all__ = ["Block", "Coefficient", "Output", "Pencil", "RandomTerm", "build_pencil"]

Source = int | Space  # an unknown, or the input of a space


@dataclass(frozen=True)
class RandomTerm:
    """``left * matrix * right`` with deterministic polynomials on both sides."""

    left: Poly
    matrix: Letter
    right: Poly


@dataclass(frozen=True)
class Coefficient:
    """A block of the pencil: a deterministic part and terms linear in one random matrix each."""

    fixed: Poly
    random: tuple[RandomTerm, ...] = ()

    @property
    def key(self) -> str:
        parts = [f"{t.left.key}<{t.matrix.key}>{t.right.key}" for t in self.random]
        return f"{self.fixed.key}|{'+'.join(sorted(parts))}"


Value = dict[Source, Coefficient]


@dataclass(frozen=True)
class Block:
    """One unknown of the pencil; ``kind`` is inverse, named or cut; ``meaning`` is the node it came from."""

    space: Space
    kind: str
    meaning: Node | None


@dataclass(frozen=True)
class Output:
    """``F = sum_i coefficients[i] w_i + direct x`` for the input ``x`` of one space."""

    input: Space
    coefficients: Mapping[int, Poly]
    direct: Poly


@dataclass(frozen=True)
class Pencil:
    """``blocks[i]`` is the i-th unknown; ``rows[i][j]`` the block (i, j) of L; ``inputs[i][space]`` the block of b."""

    blocks: tuple[Block, ...]
    rows: tuple[Mapping[int, Coefficient], ...]
    inputs: tuple[Mapping[Space, Poly], ...]
    outputs: tuple[Output, ...]


def build_pencil(ring: Ring, nodes: list[Node]) -> Pencil:
    """One pencil for all the nodes, sharing unknowns."""
    builder = _Builder(ring)
    outputs = tuple(builder.output(node) for node in nodes)
    return Pencil(tuple(builder.blocks), tuple(builder.rows), tuple(builder.inputs), outputs)


def is_deterministic(node: Node) -> bool:
    """Free of random matrices and of finite-dimensional cuts."""
    if isinstance(node, Letter):
        return not node.is_random and not node.is_signal
    if isinstance(node, Eye):
        return not node.rows.finite
    if isinstance(node, Prod):
        return all(is_deterministic(f) for f in node.factors)
    if isinstance(node, Sum):
        return all(is_deterministic(t) for t in node.terms)
    return is_deterministic(node.arg)


def _touched(value: Value) -> bool:
    """A random matrix cannot be applied directly: a coefficient is random already, or the input would be."""
    return any(not isinstance(s, int) or c.random for s, c in value.items())


def _starts_random(node: Node) -> bool:
    """The factor that is applied first is a random matrix."""
    if isinstance(node, Prod):
        return _starts_random(node.factors[-1])
    if isinstance(node, Sum):
        return any(_starts_random(t) for t in node.terms)
    return isinstance(node, Letter) and node.is_random


class _Builder:
    def __init__(self, ring: Ring):
        self.ring = ring
        self.blocks: list[Block] = []
        self.rows: list[Mapping[int, Coefficient]] = []
        self.inputs: list[Mapping[Space, Poly]] = []
        self._memo: dict[str, int] = {}

    # -- values ---------------------------------------------------------------------------------------------------
    def _key(self, value: Value) -> str:
        # unknown number 1 and the input of a one-dimensional space would both read "1"
        names = {f"w{s}" if isinstance(s, int) else f"x{s}": c for s, c in value.items()}
        return ";".join(f"{name}:{names[name].key}" for name in sorted(names))

    def _single(self, index: int) -> Value:
        return {index: Coefficient(self.ring.identity(self.blocks[index].space))}

    def _left(self, a: Poly, value: Value) -> Value:
        out: Value = {}
        for source, c in value.items():
            random = tuple(RandomTerm(self.ring.mul(a, t.left), t.matrix, t.right) for t in c.random)
            new = Coefficient(self.ring.mul(a, c.fixed), tuple(t for t in random if t.left))
            if new.fixed or new.random:
                out[source] = new
        return out

    def _plus(self, a: Coefficient, b: Coefficient) -> Coefficient:
        merged: dict[str, RandomTerm] = {}
        for term in (*a.random, *b.random):
            key = f"{term.matrix.key}|{term.right.key}"
            if key in merged:
                term = RandomTerm(self.ring.add(merged[key].left, term.left), term.matrix, term.right)
            merged[key] = term
        return Coefficient(self.ring.add(a.fixed, b.fixed), tuple(t for t in merged.values() if t.left))

    def _add(self, a: Value, b: Value) -> Value:
        out = dict(a)
        for source, c in b.items():
            total = self._plus(out[source], c) if source in out else c
            if total.fixed or total.random:
                out[source] = total
            else:
                del out[source]
        return out

    def _minus(self, value: Value) -> Value:
        return {
            s: Coefficient(
                self.ring.neg(c.fixed), tuple(RandomTerm(self.ring.neg(t.left), t.matrix, t.right) for t in c.random)
            )
            for s, c in value.items()
        }

    # -- unknowns -------------------------------------------------------------------------------------------------
    def _open(self, block: Block) -> int:
        self.blocks.append(block)
        self.rows.append({})
        self.inputs.append({})
        return len(self.blocks) - 1

    def _close(self, index: int, row: Value) -> None:
        """Write the equation ``row = 0``; inputs go to the right-hand side."""
        unknowns = {s: c for s, c in row.items() if isinstance(s, int)}
        for s, c in row.items():
            if not isinstance(s, int):
                assert not c.random, "an input is named before a random matrix touches it"
        self.rows[index] = dict(sorted(unknowns.items()))
        self.inputs[index] = {s: self.ring.neg(c.fixed) for s, c in row.items() if not isinstance(s, int)}

    def _name(self, value: Value, space: Space, kind: str, meaning: Node | None) -> int:
        key = f"{kind}:{space.size}:{self._key(value)}"
        if key not in self._memo:
            index = self._memo[key] = self._open(Block(space, kind, meaning))
            self._close(index, self._add(self._single(index), self._minus(value)))
        return self._memo[key]

    def _named(self, value: Value, space: Space, meaning: Node) -> Value:
        """The value under a name; a deterministic factor in front of it stays outside: ``S v`` with ``v = Z' w``.

        So ``Z S Z' w`` becomes ``Z S v``, whose noise mirrors that of v up to S; naming ``S Z' w`` would hide that.
        """
        lefts = {t.left.key: t.left for c in value.values() for t in c.random}
        plain = all(isinstance(s, int) and not c.fixed for s, c in value.items())
        if plain and len(lefts) == 1:
            (left,) = lefts.values()
            if left.scalar() is None:
                one = self.ring.identity(left.cols)
                inner: Value = {
                    s: Coefficient(
                        self.ring.zero(left.cols, c.fixed.cols),
                        tuple(RandomTerm(one, t.matrix, t.right) for t in c.random),
                    )
                    for s, c in value.items()
                }
                return self._left(left, self._single(self._name(inner, left.cols, "named", meaning)))
        return self._single(self._name(value, space, "named", meaning))

    # -- instructions ---------------------------------------------------------------------------------------------
    def apply(self, node: Node, value: Value) -> Value:
        if not value:
            return {}
        if isinstance(node, Letter):
            return self._letter(node, value)
        if isinstance(node, Eye):
            return self._left(self.ring.identity(node.rows, self.ring.field.from_sympy(node.coeff)), value)
        if isinstance(node, Sum):
            if _touched(value) and any(_starts_random(t) for t in node.terms):
                # one term needs the value named: name it for all, so that A + Z acts on the same vector
                value = self._named(value, node.cols, node)
            total: Value = {}
            for term in node.terms:
                total = self._add(total, self.apply(term, value))
            return total
        if isinstance(node, Prod):
            for factor in reversed(node.factors):
                value = self.apply(factor, value)
            if node.coeff != 1:
                value = self._left(self.ring.identity(node.rows, self.ring.field.from_sympy(node.coeff)), value)
            return value
        return self._inverse(node, value)

    def _letter(self, letter: Letter, value: Value) -> Value:
        if letter.is_random:
            if _touched(value):
                value = self._named(value, letter.cols, letter)
            identity = self.ring.identity(letter.rows)
            zero = self.ring.zero
            return {
                s: Coefficient(
                    zero(letter.rows, self._space_of(s)),
                    (RandomTerm(identity, letter, c.fixed),),
                )
                for s, c in value.items()
            }
        if letter.rows.finite and not letter.cols.finite:
            return self._single(self._name(self._left(self.ring.letter(letter), value), letter.rows, "cut", letter))
        return self._left(self.ring.letter(letter), value)

    def _space_of(self, source: Source) -> Space:
        return self.blocks[source].space if isinstance(source, int) else source

    def _inverse(self, node: Inv, value: Value) -> Value:
        if is_deterministic(node):
            return self._left(self.ring.inverse(self.poly(node.arg)), value)
        key = f"inverse:{sort_key(node)}:{self._key(value)}"
        if key not in self._memo:
            index = self._memo[key] = self._open(Block(node.rows, "inverse", node))
            self._close(index, self._add(self.apply(node.arg, self._single(index)), self._minus(value)))
        return self._single(self._memo[key])

    def poly(self, node: Node) -> Poly:
        """A deterministic node as an element of the ring."""
        if isinstance(node, Letter):
            return self.ring.letter(node)
        if isinstance(node, Eye):
            return self.ring.identity(node.rows, self.ring.field.from_sympy(node.coeff))
        if isinstance(node, Inv):
            return self.ring.inverse(self.poly(node.arg))
        if isinstance(node, Prod):
            total = self.ring.identity(node.rows, self.ring.field.from_sympy(node.coeff))
            for factor in node.factors:
                total = self.ring.mul(total, self.poly(factor))
            return total
        total = self.poly(node.terms[0])
        for term in node.terms[1:]:
            total = self.ring.add(total, self.poly(term))
        return total

    # -- output ---------------------------------------------------------------------------------------------------
    def output(self, node: Node) -> Output:
        start: Value = {node.cols: Coefficient(self.ring.identity(node.cols))}
        row: Letter | None = None
        coeff = None
        if isinstance(node, Prod) and isinstance(node.factors[0], Letter) and node.rows.finite:
            # a form u' M v reads u' off the value, unless the cut u' w exists already
            row, rest, coeff = node.factors[0], node.factors[1:], node.coeff
            value = self.apply(Prod(rest) if len(rest) > 1 else rest[0], start) if rest else start
            key = f"cut:{row.rows.size}:{self._key(self._left(self.ring.letter(row), value))}"
            if any(c.random for c in value.values()) or key in self._memo:
                value = self.apply(row, value)
            else:
                value = self._left(self.ring.letter(row), value)
            if coeff != 1:
                value = self._left(self.ring.identity(node.rows, self.ring.field.from_sympy(coeff)), value)
        else:
            value = self.apply(node, start)
        if any(c.random for c in value.values()):
            value = self._single(self._name(value, node.rows, "named", node))
        direct = self.ring.zero(node.rows, node.cols)
        coefficients: dict[int, Poly] = {}
        for source, c in value.items():
            if isinstance(source, int):
                coefficients[source] = c.fixed
            else:
                direct = c.fixed
        if not value and not node.rows.finite:
            raise DimensionError("the expression is identically zero")
        return Output(node.cols, coefficients, direct)
