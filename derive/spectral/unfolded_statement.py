"""How an unfolding becomes a matrix model, as a reader sees it: its steps and its LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Eq, Expr, Identity, MatAdd, MatMul, MatrixSymbol, Symbol

from ..latex_lines import aligned
from ..latex_setting import enumerated, inline
from ..latex_statement import display
from ..steps import Step
from ..symbols import Signal
from ..tensors.network import Noise, TensorTerm, Vector
from .contraction import Product
from .statement import SpectralStatement, document_of
from .unfolded_tensor import UnfoldedTensor, free_name

if TYPE_CHECKING:
    from .unfolded_limit import UnfoldedLimit

__all__ = ["contraction_steps", "unfolded_document", "unfolded_latex"]


class _Letters:
    """Names for the unfoldings of T, of its noise and of the rest, and for centre and scale."""

    def __init__(self, tensor: UnfoldedTensor):
        taken = {x.name for x in tensor.letters} | {s.name for s in (*tensor.parameters, *tensor.dims)}
        rows, cols = tensor.unfolded.shape
        self.whole, self.noise, self.rest = (
            MatrixSymbol(free_name(taken, *names), rows, cols) for names in (("Y", "F"), ("V", "N"), ("S", "P"))
        )
        self.centre, self.scale = (Symbol(free_name(taken, *names)) for names in (("mu", "m"), ("sigma", "s")))
        self.limit = MatrixSymbol(free_name(taken, "M", "H"), rows, rows)


def contraction_steps(tensor: UnfoldedTensor) -> Iterator[Step]:
    """The contraction, the law of the noise, what is dropped, the equivalent matrix."""
    n = _Letters(tensor)
    k, short = tensor.unfolded.mode, tensor.gram.short
    yield Step(
        "Unfolding",
        f"`{n.whole}` is the unfolding along mode {k}: its rows are that mode, its columns all others together. The "
        f"noise on all modes unfolds to `{n.noise}`, every other term of the tensor to `{n.rest}`, and products of two "
        "of them are sums over the indices of the other modes.",
        (
            Eq(n.whole, MatAdd(n.rest, n.noise), evaluate=False),
            Eq(
                MatMul(n.whole, n.whole.T),
                MatAdd(
                    MatMul(n.noise, n.noise.T),
                    MatMul(n.rest, n.rest.T),
                    MatMul(n.rest, n.noise.T),
                    MatMul(n.noise, n.rest.T),
                ),
                evaluate=False,
            ),
        ),
    )
    yield Step(
        "Noise",
        f"`{n.noise}` has many more columns than rows. By Wick's rule its Gram matrix has mean `{n.centre}` on the "
        f"diagonal, and about that entries of variance `{n.scale}` squared over `{short}`; it is invariant under "
        f"rotations of mode {k} and independent of the other terms. Less the mean and divided by `{n.scale}` it is a "
        "Wigner matrix in the limit, free from the rest.",
        (Eq(n.centre, tensor.centre, evaluate=False), Eq(n.scale, tensor.scale, evaluate=False)),
    )
    kept = (
        [MatMul(tensor.weight, tensor.planted, tensor.planted.T)]
        if tensor.planted is not None and all(p in tensor.kept for p in tensor.products if p.right is not None)
        else [MatMul(p.number, p.matrix) for p in tensor.kept]
    )
    listed = ", ".join(f"`{s}`" for s in tensor.units)
    units = f" Here and below {listed} counts in the unit that makes the spike critical." if listed else ""
    yield Step(
        "Planted terms",
        f"Contracted over the other modes: inner products of vectors, and closed sums of noise by their means.{units}"
        + _dropped(tensor, n),
        (Eq(MatMul(n.rest, n.rest.T), kept[0] if len(kept) == 1 else MatAdd(*kept), evaluate=False),),
    )
    yield Step(
        "Equivalent matrix",
        f"Up to terms of smaller norm than `{n.scale}`, and with the Wigner matrix in the place of the fluctuation: "
        f"the Gram matrix, less `{n.centre}` and divided by `{n.scale}`, has the spectral distribution of `{n.limit}`, "
        f"its eigenvalues outside the bulk and their alignments in the limit.",
        (
            Eq(
                MatMul(n.whole, n.whole.T),
                MatAdd(MatMul(n.centre, Identity(short)), MatMul(n.scale, n.limit)),
                evaluate=False,
            ),
            Eq(n.limit, tensor.equivalent, evaluate=False),
        ),
    )


def _dropped(tensor: UnfoldedTensor, n: _Letters) -> str:
    listed = list(dict.fromkeys(_order(p, tensor, n) for p in tensor.dropped))
    if not listed:
        return ""
    return (
        f" The fluctuation `{n.scale}` has order {_power(tensor.scale, tensor)}, and terms of smaller norm are "
        "dropped: "
        + "; ".join(listed)
        + ". A product of independent Gaussian arrays has a norm of the order of the root of its dimension times the "
        "root mean square of an entry, one of rank one that of its Frobenius norm."
    )


def _order(p: Product, tensor: UnfoldedTensor, n: _Letters) -> str:
    what = f"the product of {_words(p.left, n)} and " + ("itself" if p.left == p.right else _words(p.right, n))
    return f"{what} has order {_power(p.size, tensor)}"


def _power(expr: Expr, tensor: UnfoldedTensor) -> str:
    power = tensor.power(expr)
    return "1" if power == 0 else f"`{tensor.base}`" if power == 1 else f"`{tensor.base}` to the power {power}"


def _words(term: TensorTerm | None, n: _Letters) -> str:
    if term is None:
        return f"`{n.noise}`"
    names = [str(getattr(f.what, "name", f.what)) if isinstance(f, Vector) else f.name for f in term.factors]  # type: ignore[union-attr]
    kind = "the term in" if any(isinstance(f, Noise) for f in term.factors) else "the spike"
    return f"{kind} " + ", ".join(f"`{name}`" for name in names)


# ---- LaTeX ----------------------------------------------------------------------------------------------------------
class UnfoldedStatement(SpectralStatement):
    """The tensor and its unfolding, then the theorem of the equivalent matrix."""

    law: UnfoldedLimit

    def body(self) -> str:
        return "\n\n".join([self.tensor_part(), super().body()])

    def tensor_part(self) -> str:
        tensor = self.law.tensor
        read, k = tensor.read, tensor.unfolded.mode
        base = self.tex(tensor.base)
        ratios = [
            rf"${self.tex(d)}/{base}\to {inline(self.printer, tensor.ratios.ratios[d])}$"
            for d in dict.fromkeys(read.shape)
            if d != tensor.base
        ]
        dims = r"\times ".join(self.tex(d) for d in read.shape)
        together = f" in proportion, {enumerated(ratios)}" if ratios else ""
        main = [f.name for t in read.terms[0] for f in t.factors if len(t.factors) == 1 and isinstance(f, Noise)]
        noise = read.noises[main[0]]
        name, whole = self.names[noise.name], rf"\mathcal{{T}}_{{({k})}}"
        symmetric = ", symmetric," if noise.symmetric else ""
        rows = [self._row(tensor)]
        centre = aligned(self.printer, r"\mu", "=", tensor.centre) + aligned(self.printer, r"\sigma", "=", tensor.scale)
        long = self.tex(tensor.gram.long)
        others = [
            v for m in range(read.order) for v in read.vectors(m) if isinstance(v, Signal) and v not in self.law.letters
        ]
        norms = "".join(
            rf", ${self.names[v.name]}\in\mathbb{{R}}^{{{self.tex(v.shape[0])}}}$ with "
            rf"$\lVert {self.names[v.name]}\rVert^2={inline(self.printer, v.norm2)}$"
            for v in dict.fromkeys(others)
        )
        return (
            rf"\emph{{Tensor.}} Let ${base}\to\infty$ and let the dimensions of the modes grow{together}. Let "
            rf"$\mathcal{{T}}\in\mathbb{{R}}^{{{dims}}}$ be" + "\n" + display(rows, ",") + "\n"
            rf"where ${name}$ has{symmetric} independent centred Gaussian entries of variance "
            rf"${inline(self.printer, noise.variance)}$, independent of all else{norms}. "
            rf"Let ${whole}\in\mathbb{{R}}^{{{self.tex(tensor.gram.short)}\times {long}}}$ be its unfolding along mode "
            rf"{k}, and" + "\n" + display(centre, ".") + "\n"
            rf"The largest eigenvalues of $({whole}{whole}^\top-\mu I)/\sigma$ and the alignments of their "
            "eigenvectors have the limits of those of the following matrix of order one."
        )

    def _row(self, tensor: UnfoldedTensor) -> str:
        parts = []
        spikes_first = sorted(tensor.read.terms[0], key=lambda t: any(isinstance(f, Noise) for f in t.factors))
        for term in spikes_first:
            # a strength whose growth was left open is written with its unit
            coefficient = term.coefficient.subs({s: s * unit for s, unit in tensor.units.items()})
            negative, body = self.printer.product(coefficient)
            parts.append(("-" if negative else "+", ("" if body == "1" else body + r"\,") + self._product(term)))
        first = parts[0][0].replace("+", "") + parts[0][1]
        return r"\mathcal{T} &= " + first + "".join(f" {sign} {body}" for sign, body in parts[1:])

    def _product(self, term: TensorTerm) -> str:
        at = {leg: mode for mode, leg in enumerate(term.legs)}
        pieces: list[tuple[int, str]] = []
        for factor in term.factors:
            if isinstance(factor, Vector):
                what: Any = factor.what
                pieces.append((at.get(factor.leg, -1), self.names[what.name]))
            elif isinstance(factor, Noise):
                modes = [at.get(leg, -1) for leg in factor.legs]
                name = self.names[factor.name]
                if modes != list(range(modes[0], modes[0] + len(modes))):
                    name = f"{name}^{{({','.join(str(m + 1) for m in modes)})}}"
                pieces.append((modes[0], name))
        return r"\circ ".join(name for _, name in sorted(pieces))


def unfolded_latex(law: UnfoldedLimit) -> str:
    """The body of the theorem."""
    return UnfoldedStatement(law).body()


def unfolded_document(law: UnfoldedLimit, title: str | None = None, steps: bool = True) -> str:
    """A complete document for pdflatex."""
    return document_of(UnfoldedStatement(law), title, steps)
