"""The theorem of a tensor limit in LaTeX: setting, conclusion, equations, and which solution is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sympy import Basic, Eq, Symbol

from ..latex import _PREAMBLE, _lines, _step
from ..latex_layout import LINE, width
from ..latex_lines import aligned
from ..latex_names import Names, escape, name_latex
from ..latex_printer import TheoremPrinter
from ..latex_setting import enumerated, inline
from ..latex_statement import columns, display, quantity_name
from ..symbols import Signal
from .abbreviate import Abbreviation, abbreviations, with_names
from .display import estimate_symbol, tensor_symbol
from .equations import Key, inner_product
from .kac_rice import kept_vectors
from .network import Estimate, Noise, TensorTerm, Vector
from .noiseless import dyson_keys
from .reading import value_symbol
from .telling import meaning

if TYPE_CHECKING:
    from .tensor_limit import TensorLimit

__all__ = ["TensorStatement", "tensor_document", "tensor_latex", "tensor_notebook"]

_CIRC = r"\circ "
# an aligned block does not break over pages
_TALL = 14


class TensorStatement:
    """What is printed about one tensor limit, and the names it is printed with."""

    def __init__(self, limit: TensorLimit):
        self.limit, self.read, self.derived = limit, limit.read, limit.derived
        given = {}
        signals = [v for v in limit.letters if isinstance(v, Signal)]
        taken = [*(v.name for v in signals), *(n.name for n in self.read.noises.values())]
        for i, v in enumerate(signals):
            for w in signals[i + 1 :]:
                a, b = sorted((v.name, w.name))
                given[f"inner_{a}_{b}"] = rf"\langle {name_latex(a)},{name_latex(b)}\rangle"
        for key, symbol in self.derived.symbols.items():
            if key.kind == "overlap" and isinstance(key.what[0], Signal):
                head, _, rest = symbol.name.partition(f"_{key.what[0].name}")
                index = ",".join([name_latex(key.what[0].name), *rest.strip("_").split("_")]).rstrip(",")
                given[symbol.name] = rf"{name_latex(head)}_{{{index}}}"
        for noise in self.read.noises.values():
            if noise.kept != 1:
                given[noise.name] = rf"{name_latex(noise.name[:-1])}'"
        scalars = sorted(s.name for s in limit.parameters if s.name not in given)
        self.names = Names([*taken, *scalars, *(u.name for u in limit.unknowns)], given)
        self.printer = TheoremPrinter(self.names, limit.unknowns)
        letter = self.names.fresh("h", "k", "a")
        self.abbreviations = abbreviations(
            limit.system.residuals, lambda e: width(self.tex(e)), lambda k: Symbol(f"{letter}_{k + 1}", real=True)
        )

    def tex(self, expr: Any) -> str:
        return self.printer.doprint(expr)

    def math(self, expr: Any) -> str:
        return f"${self.tex(expr)}$"

    def rows(self, equation: Basic) -> list[str]:
        assert isinstance(equation, Eq)
        return aligned(self.printer, self.tex(equation.lhs), "=", with_names(equation.rhs, self.abbreviations))

    # -- the tensors --------------------------------------------------------------------------------------------------
    def _product(self, term: TensorTerm) -> str:
        """``x \\circ y \\circ z``; a noise that leaves modes to vectors carries its modes as an index."""
        at = {k: mode for mode, k in enumerate(term.legs)}
        pieces: list[tuple[int, str]] = []
        inside = []
        for factor in term.factors:
            if isinstance(factor, Vector):
                name = self._vector(factor.what)
                if factor.leg in at:
                    pieces.append((at[factor.leg], name))
                else:
                    inside.append((factor.leg, name))
            elif isinstance(factor, Noise):
                modes = [at.get(k) for k in factor.legs]
                name = self.names[factor.name]
                held = dict(inside)
                if None in modes or any(k in held for k in factor.legs):
                    held_modes = zip(factor.legs, modes, strict=True)
                    ends = ",".join(held.get(k, r"\cdot") if m is None else r"\cdot" for k, m in held_modes)
                    name = f"{name}({ends})"
                known = [m for m in modes if m is not None]
                if known != list(range(known[0], known[0] + len(known))):
                    name = f"{name}^{{({','.join(str(m + 1) for m in known)})}}"
                pieces.append((known[0], name))
        free = [name for index, name in inside if sum(index == i for i, _ in inside) == 2]
        scalar = rf"\langle {','.join(free)}\rangle " if free else ""
        return scalar + _CIRC.join(name for _, name in sorted(pieces))

    def _vector(self, what: Any) -> str:
        return self.tex(estimate_symbol(self.read, what)) if isinstance(what, Estimate) else self.names[what.name]

    def tensor_rows(self) -> Iterator[str]:
        values = {value_symbol(k.step): s for k, s in self.derived.symbols.items() if k.kind == "value"}
        for step, terms in enumerate(self.read.terms, 1):
            parts = []
            spikes_first = sorted(terms, key=lambda t: any(isinstance(f, Noise) for f in t.factors))
            for term in spikes_first:
                negative, body = self.printer.product(term.coefficient.xreplace(values))
                scalar = "" if body == "1" else body + r"\,"
                parts.append(("-" if negative else "+", scalar + self._product(term)))
            row = f"{self.tex(tensor_symbol(self.read, step))} &= {parts[0][0].replace('+', '')}{parts[0][1]}"
            for sign, body in parts[1:]:
                if width(f"{row} {sign} {body}") > LINE:
                    yield row
                    row = rf"&\quad {sign} {body}"
                else:
                    row = f"{row} {sign} {body}"
            yield row

    # -- the statement ------------------------------------------------------------------------------------------------
    def body(self) -> str:
        law = self.limit
        tensors = display(list(self.tensor_rows()), ".")
        parts = [
            rf"\emph{{Setting.}} {self.growth()} Let" + "\n" + tensors + f"\n{self.mask()}Here\n" + self.items(),
            rf"\emph{{Conclusion.}} {self.estimators()} Above the threshold, almost surely,"
            + "\n" + _display(self.value_rows(), ",") + f"\nwhere {self.unknowns()} solve\n"
            + _display([r for e in law.system.equations for r in self.rows(e)], "," if self.abbreviations else ".")
            + ("\nwith\n" + _display(self.definitions(), ".") if self.abbreviations else ""),
            rf"\emph{{Which solution.}} {self.branch()}",
        ]  # fmt: skip
        return "\n\n".join(parts)

    def unknowns(self) -> str:
        """The unknowns by kind, so that a list of many can be read."""
        kinds: dict[str, list[str]] = {}
        for key, symbol in self.derived.symbols.items():
            kinds.setdefault("joint" if key.kind == "trace" and len(key.what) > 1 else key.kind, []).append(
                self.math(symbol)
            )
        said = {
            "value": "the singular value{s} {}",
            "overlap": "the overlap{s} {}",
            "noise": "the noise on the vectors {}",
            "trace": "the normalised trace{s} {} of the resolvent",
            "joint": "the joint trace{s} {}",
        }
        return enumerated([said[k].format(enumerated(v), s="s" if len(v) > 1 else "") for k, v in kinds.items()])

    def definitions(self) -> list[str]:
        """What the abbreviations of the equations stand for, each in terms of those before it."""
        known: list[Abbreviation] = []
        rows = []
        for one in self.abbreviations:
            rows += aligned(self.printer, self.tex(one.symbol), "=", with_names(one.value, known))
            known.append(one)
        return rows

    def growth(self) -> str:
        base = self.tex(self.limit.base)
        ratios = [
            rf"${self.tex(d)}/{base}\to {inline(self.printer, self.limit.ratios.growth(d)[0])}$"
            for d in dict.fromkeys(self.read.shape)
            if d != self.limit.base
        ]
        together = f" and let the dimensions grow in proportion, {enumerated(ratios)}" if ratios else ""
        return rf"Let ${base}\to\infty${together}."

    def mask(self) -> str:
        """What a mask does, where there is one."""
        kept = {noise.kept for noise in self.read.noises.values()} - {1}
        if not kept:
            return ""
        (probability,) = kept if len(kept) == 1 else (None,)
        with_what = f" ${self.tex(probability)}$" if probability is not None else " of its own"
        return (
            f"This is the tensor after a mask that keeps every entry independently, with probability{with_what}, and "
            "sets the others to $0$. On the spikes only the mean of the mask is written: for vectors whose entries are "
            rf"of order ${self.tex(self.limit.base)}^{{-1/2}}$ its fluctuations there are smaller than the noise. "
        )

    def items(self) -> str:
        items = []
        for noise in self.read.noises.values():
            dims = r"\times ".join(self.tex(d) for d in noise.shape)
            kind = "is symmetric, with" if noise.symmetric else "has"
            which = " at distinct indices" if noise.symmetric else ""
            masked = rf" (${name_latex(noise.name[:-1])}$ after the mask)"
            items.append(
                rf"${self.names[noise.name]}\in\mathbb{{R}}^{{{dims}}}$ {kind} independent centred Gaussian entries of "
                rf"variance ${inline(self.printer, noise.variance)}${which}{masked if noise.kept != 1 else ''}"
            )
        signals = [v for v in self.limit.letters if isinstance(v, Signal)]
        for v in signals:
            items.append(
                rf"${self.names[v.name]}\in\mathbb{{R}}^{{{self.tex(v.shape[0])}}}$ is deterministic with "
                rf"$\lVert {self.names[v.name]}\rVert^2={inline(self.printer, v.norm2)}$"
            )
        for (v, w), value in self.limit.inner.items():
            items.append(rf"$\langle {self.names[v.name]},{self.names[w.name]}\rangle={inline(self.printer, value)}$")
        return (
            "\\begin{itemize}\\setlength{\\itemsep}{0pt}\n"
            + "\n".join(rf"\item {i};" for i in items[:-1])
            + ("\n" if len(items) > 1 else "")
            + rf"\item {items[-1]}."
            + "\n\\end{itemize}"
        )

    def estimators(self) -> str:
        out = []
        for step in range(1, len(self.read.terms) + 1):
            blocks = [self._vector(Estimate(step, b)) for b in dict.fromkeys(self.read.blocks)]
            tensor = self.tex(tensor_symbol(self.read, step))
            kind = "symmetric " if self.read.symmetric else ""
            plural = "vector" if len(blocks) == 1 else "vectors"
            out.append(
                rf"Let ${', '.join(blocks)}$ be the unit {plural} of the {kind}best rank-one approximation of "
                rf"${tensor}$, or of the critical point near the spikes where that is not the global maximum."
            )
        return " ".join(out)

    def value_rows(self) -> list[str]:
        base = self.tex(self.limit.base)
        arrow = rf"\xrightarrow[{base}\to\infty]{{\text{{a.s.}}}}"
        shown = {s: meaning(self.derived, k) for k, s in self.derived.symbols.items()}
        rows = []
        for name, value in self.limit.system.values.items():
            left = self.tex(value.xreplace(shown))
            if not (name == "value" and len(self.limit.system.values) == 1) and not isinstance(value, Symbol):
                left = rf"{quantity_name(name, self.names)} = {left}"
            rows += aligned(self.printer, left, rf"\;{arrow}\;", value)
        return [row for group in columns([[row] for row in rows]) for row in group] if len(rows) > _TALL else rows

    def branch(self) -> str:
        level = self.math(self.derived.symbols[Key("value", 1, None)])
        traces = [self.math(self.derived.symbols[k]) for k in dyson_keys(self.derived, 1)]
        groups = [
            (
                [self.math(s) for s in self.limit.parameters if bool(s.is_positive) is sign],
                "positive" if sign else "real",
            )
            for sign in (True, False)
        ]
        domain = [f"{enumerated(names)} {kind}" for names, kind in groups if names]
        first = (
            (f"Let {enumerated(domain)} be given. " if domain else "") + "The solution is the one obtained by "
            "continuation when all noise variances are multiplied by $t$, from the best rank-one approximation of the "
            f"tensor without noise at $t=0$ to $t=1$; on it {enumerated(traces)} "
            f"{'are' if len(traces) > 1 else 'is'} negative and {level} lies above the spectrum of the contraction "
            "matrix. If it ends before, because the Jacobian of the system or that of the equations of the traces "
            "becomes singular, the parameters are below the threshold of existence of an informative critical point. "
        )
        return first + self.below() + (
            " Whether the informative critical point is the global maximum, and whether an algorithm finds it from a "
            "start that does not know the spikes, are other questions."
        )  # fmt: skip

    def below(self) -> str:
        """What is said of points below the threshold."""
        kept = kept_vectors(self.derived)
        level = self.math(self.derived.symbols[Key("value", 1, None)])
        seen: list[str] = []
        lost: list[str] = []
        for key, symbol in self.derived.symbols.items():
            if key.kind == "overlap" and key.step == 1 and isinstance(key.what[0], Signal):
                vectors = kept[key.what[1].block]
                together = any(inner_product(self.derived.inner, key.what[0], v) != 0 for v in vectors)
                (seen if together else lost).append(self.math(symbol))
        edge = f"{level} is the edge of that spectrum, where most local maxima lie"
        if not seen:
            return f"There {enumerated(lost)} {'are' if len(lost) > 1 else 'is'} $0$ and {edge}."
        gone = f"{enumerated(lost)} {'are' if len(lost) > 1 else 'is'} $0$, " if lost else ""
        return (
            f"There {gone}{edge}, and {enumerated(seen)} may remain: the value is then that at which the number of "
            "critical points at the edge is largest."
        )


def _display(rows: list[str], end: str) -> str:
    """As one block, or as rows that break over pages when there are many."""
    if len(rows) <= _TALL:
        return display(rows, end)
    return "\\begin{align*}\n" + _lines([*rows[:-1], rows[-1] + end]) + "\n\\end{align*}"


def tensor_latex(limit: TensorLimit) -> str:
    """The body of the theorem."""
    return TensorStatement(limit).body()


def tensor_document(limit: TensorLimit, title: str | None = None, steps: bool = True) -> str:
    """A complete document for pdflatex."""
    statement: Any = TensorStatement(limit)
    heading = rf"\begin{{center}}\Large {escape(title)}\end{{center}}" + "\n" if title else ""
    parts = [_PREAMBLE, "\\begin{document}\n" + heading]
    parts.append("\\begin{theorem}\n" + statement.body() + "\n\\end{theorem}\n")
    if steps:
        parts.append("\\section*{Derivation}\n")
        for number, step in enumerate(limit.steps, 1):
            same = list(step.equations) == limit.system.equations
            repeated = (
                rf"\paragraph{{{number}. {escape(step.title)}.}} {step.sentence} These are the equations above." + "\n"
            )
            parts.append(repeated if same else _step(statement, number, step))
    return "".join([*parts, "\\end{document}\n"])


def tensor_notebook(limit: TensorLimit) -> str:
    statement = TensorStatement(limit)
    rows = [*statement.value_rows(), *(row for e in limit.system.equations for row in statement.rows(e))]
    rows += statement.definitions()
    return f"$\\displaystyle \\begin{{aligned}}\n{_lines(rows)}\n\\end{{aligned}}$"
