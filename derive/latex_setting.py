"""The setting of a theorem in words: every object with what is assumed about it, and nothing that is not used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sympy import Add, Basic, Expr, Mul, Symbol, Trace, fraction

from .latex_printer import TheoremPrinter
from .laws import AtomicLaw, DensityLaw
from .symbols import Deterministic, Free, FreeMatrix, Haar, MatrixLetter, RandomMatrix, Signal, Wigner

__all__ = ["enumerated", "inline", "setting_latex"]


def enumerated(items: Sequence[str], word: str = "and") -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def inline(printer: TheoremPrinter, expr: Expr) -> str:
    """A scalar on one line, fractions with a slash."""
    above, below = fraction(expr)
    if below == 1:
        return printer.doprint(expr)
    top = printer.doprint(above)
    bottom = printer.doprint(below)
    top = f"({top})" if isinstance(above, Add) else top
    return f"{top}/({bottom})" if isinstance(below, Add | Mul) else f"{top}/{bottom}"


def setting_latex(law: Any, printer: TheoremPrinter, used: Iterable[Basic]) -> list[str]:
    """Paragraphs of the setting; ``used`` are the expressions of the conclusion."""
    return list(_Setting(law, printer, list(used)).paragraphs())


class _Setting:
    def __init__(self, law: Any, printer: TheoremPrinter, used: list[Basic]):
        self.law, self.printer, self.used = law, printer, used
        self.letters: Sequence[MatrixLetter] = law.letters
        self.random = [m for m in self.letters if isinstance(m, RandomMatrix)]
        self.free = [m for m in self.letters if isinstance(m, FreeMatrix)]
        self.deterministic = [m for m in self.letters if isinstance(m, Deterministic)]
        self.signals = [m for m in self.letters if isinstance(m, Signal)]

    def tex(self, expr: Any) -> str:
        return self.printer.doprint(expr)

    def math(self, expr: Any) -> str:
        return f"${self.tex(expr)}$"

    def paragraphs(self) -> Iterator[str]:
        yield self.growth()
        items = [self.random_item(m) for m in self.random]
        items += [self.free_item(m) for m in self.free]
        items += [self.deterministic_item(m) for m in self.deterministic]
        items += [self.signal_item(m) for m in self.signals]
        body = "\n".join(rf"\item {item};" for item in items[:-1]) + "\n" * (len(items) > 1) + rf"\item {items[-1]}."
        yield "\\begin{itemize}\\setlength{\\itemsep}{0pt}\n" + body + "\n\\end{itemize}"
        yield " ".join([*self.independence(), *self.laws(), *self.products(), *self.scalars()])

    def growth(self) -> str:
        base = self.law.base
        ratios = [
            rf"${self.tex(d)}/{self.tex(base)}\to {inline(self.printer, r / base)}$" for d, r in self.law.regime.items()
        ]
        together = f" in proportion, {enumerated(ratios)}" if ratios else ""
        return rf"Let ${self.tex(base)}\to\infty$" + (f" and let the dimensions grow{together}." if ratios else ".")

    def space(self, letter: MatrixLetter, real: bool) -> str:
        rows, cols = (self.tex(d) for d in letter.shape)
        shape = rows if letter.shape[1] == 1 else rf"{rows}\times {cols}"
        return rf"${self.tex(letter)}\in\mathbb{{{'R' if real else 'C'}}}^{{{shape}}}$"

    def random_item(self, letter: RandomMatrix) -> str:
        real, name, variance = letter.is_real_matrix, self.tex(letter), inline(self.printer, letter.variance)
        head = self.space(letter, real)
        name = f"({name})" if "_" in name else name
        if isinstance(letter, Wigner):
            kind = "real symmetric" if real else "complex Hermitian"
            second = "" if real else rf" and $\mathbb{{E}}\,{name}_{{ij}}^2=0$"
            return (
                rf"{head} is a {kind} Wigner matrix: its entries on and above the diagonal are independent, centred "
                rf"and "
                rf"Gaussian, with $\mathbb{{E}}\,\lvert {name}_{{ij}}\rvert^2={variance}$ for $i\neq j$ and a "
                rf"diagonal of "
                rf"the same order{second.replace(' and ', ', and ', 1) + ' off the diagonal' if second else ''}"
            )
        if real:
            return rf"{head} has independent centred real Gaussian entries of variance ${variance}$"
        return (
            rf"{head} has independent centred complex Gaussian entries with "
            rf"$\mathbb{{E}}\,\lvert {name}_{{ij}}\rvert^2={variance}$ and $\mathbb{{E}}\,{name}_{{ij}}^2=0$"
        )

    def free_item(self, letter: FreeMatrix) -> str:
        real, n = letter.is_real_matrix, self.tex(letter.shape[0])
        if isinstance(letter, Haar):
            group = rf"orthogonal group $O({n})$" if real else rf"unitary group $U({n})$"
            return f"{self.space(letter, real)} is Haar distributed on the {group}"
        assert isinstance(letter, Free)
        kind = ("real symmetric" if real else "complex Hermitian") + (
            " and positive semidefinite" if letter.is_positive_matrix else ""
        )
        group = "orthogonal" if real else "unitary"
        return (
            f"{self.space(letter, real)} is {kind} with {self.spectrum(letter)}; its eigenvectors form a "
            f"Haar-distributed {group} matrix"
        )

    def spectrum(self, letter: Free) -> str:
        """The law of a free matrix in words."""
        law = letter.law
        if isinstance(law, AtomicLaw):
            atoms = [
                f"{inline(self.printer, x)}$ (mass ${inline(self.printer, w)}$)"
                for x, w in zip(law.points, law.weights, strict=True)
            ]
            plural = len(atoms) > 1
            listed = enumerated([f"${atom}" for atom in atoms])
            return f"the limiting spectral law with {'atoms' if plural else 'the atom'} {listed}"
        if isinstance(law, DensityLaw):
            density = self.tex(law.expr)
            ends = ", ".join(inline(self.printer, end) for end in (law.lower, law.upper))
            return f"the limiting spectral density ${density}$ on $[{ends}]$"
        return "a limiting spectral law"

    def deterministic_item(self, letter: Deterministic) -> str:
        real = letter.is_real_matrix
        kind = []
        if letter.is_symmetric_matrix:
            kind.append("symmetric")
        elif letter.is_hermitian_matrix:
            kind.append("Hermitian")
        if letter.is_positive_matrix:
            kind.append("positive semidefinite")
        if not kind:
            kind.append("of no particular symmetry" if letter.shape[0] == letter.shape[1] else "rectangular")
        return f"{self.space(letter, real)} is deterministic, {' and '.join(kind)}, of bounded operator norm"

    def signal_item(self, letter: Signal) -> str:
        name, norm2 = self.tex(letter), letter.norm2
        place = " in generic position to every deterministic matrix" if letter.is_generic else ""
        head = f"{self.space(letter, True)} is a deterministic vector{place}{',' if place else ''}"
        if norm2 == Symbol(f"norm2_{letter.name}", positive=True):
            return rf"{head} whose squared norm converges to a limit, denoted by $\lVert {name}\rVert^2$ again"
        return rf"{head} with $\lVert {name}\rVert^2={inline(self.printer, norm2)}$"

    def independence(self) -> Iterator[str]:
        names = [self.math(m) for m in (*self.random, *self.free)]
        if len(names) > 1:
            yield f"The matrices {enumerated(names)} are independent."
        if self.free:
            free = enumerated([self.math(m) for m in self.free])
            others = "the others" if len(self.letters) > len(self.free) or len(self.free) > 1 else "deterministic ones"
            yield f"Hence {free} {'are' if len(self.free) > 1 else 'is'} asymptotically free from {others}."
        if not self.random:
            return
        names = names[: len(self.random)]
        plural = "these variances" if len(names) > 1 else "this variance"
        yield (
            f"The Gaussian law is not essential: independent centred entries of {plural} suffice if their fourth "
            f"moments "
            "stay bounded after scaling to variance one."
        )

    def laws(self) -> Iterator[str]:
        for group in self.groups():
            names = [self.math(m) for m in group]
            rectangular = [m for m in group if m.shape[0] != m.shape[1]]
            if len(group) == 1:
                what = "singular values" if rectangular or not group[0].is_hermitian_matrix else "eigenvalues"
                if not rectangular and not group[0].is_hermitian_matrix:
                    yield f"The normalised traces of products of {names[0]} and its adjoint converge."
                else:
                    yield f"The empirical distribution of the {what} of {names[0]} converges weakly."
                continue
            families = [tuple(m for m in f if m in group) for f in self.law.commuting]
            families = [f for f in families if len(f) > 1]
            for family in families:
                listed = enumerated([self.math(m) for m in family])
                yield (
                    f"The matrices {listed} commute, and the joint empirical distribution of their eigenvalues "
                    f"converges weakly."
                )
            if not families or set(families[0]) != set(group):
                free = "apart from this, " if families else ""
                sentence = (
                    f"{free}the matrices {enumerated(names)} are not assumed to commute; the normalised traces of "
                    f"products of "
                    "them converge."
                )
                yield sentence[0].upper() + sentence[1:]
        if any(t.arg.shape[0] != 1 for e in self.used for t in e.atoms(Trace)) and self.deterministic:
            yield "A normalised trace of deterministic matrices below stands for its limit."

    def groups(self) -> list[list[Deterministic]]:
        """Deterministic matrices that act on a common space."""
        regime = self.law.derivation.problem.regime
        groups: list[tuple[set[Any], list[Deterministic]]] = []
        for m in self.deterministic:
            spaces = {regime.space(d).size for d in m.shape}
            joined = [g for g in groups if g[0] & spaces]
            groups = [g for g in groups if not g[0] & spaces]
            groups.append((spaces.union(*(g[0] for g in joined)), [*(x for g in joined for x in g[1]), m]))
        return [members for _, members in groups]

    def products(self) -> Iterator[str]:
        for (u, v), value in self.law.inner.items():
            yield (
                rf"The inner product ${self.tex(u)}^{{\top}}{self.tex(v)}$ is ${inline(self.printer, value)}$ (or "
                rf"converges to it)."
            )
        symbols = {s.name for e in self.used for s in e.free_symbols if isinstance(s, Symbol)}
        names = sorted(m.name for m in self.signals)
        for k, a in enumerate(names):
            for b in names[k + 1 :]:
                if f"inner_{a}_{b}" in symbols:
                    inner = self.printer.names[f"inner_{a}_{b}"]
                    yield (
                        f"The inner product of ${self.printer.names[a]}$ and ${self.printer.names[b]}$, scaled to "
                        f"order one, "
                        f"converges to a limit denoted by ${inner}$."
                    )
        forms = [t for e in self.used for t in e.atoms(Trace) if t.arg.shape[0] == 1]
        if forms:
            scaled = [
                m
                for m in self.signals
                if self.law.derivation.problem.regime.growth(m.norm2)[1] and any(f.has(m) for f in forms)
            ]
            also = "".join(rf", with ${self.tex(m)}$ scaled by ${self.tex(self.law.base)}^{{-1/2}}$" for m in scaled)
            yield f"The bilinear forms in deterministic matrices below converge, and stand for their limits{also}."

    def scalars(self) -> Iterator[str]:
        found = set(self.law.parameters)
        for e in (*self.law.quantities.values(), *self.law.regime.values()):
            found |= {s for s in e.free_symbols if isinstance(s, Symbol)}
        declared = [m.variance for m in self.random] + [m.norm2 for m in self.signals] + list(self.law.inner.values())
        for e in declared:
            found |= {s for s in e.free_symbols if isinstance(s, Symbol)}
        hidden = tuple(f"{kind}_" for kind in ("norm2", "inner"))
        shown = [
            s for s in sorted(found, key=lambda s: s.name) if s not in self.law.dims and not s.name.startswith(hidden)
        ]
        phrases = []
        for test, text in (
            (lambda s: s.is_positive, "{}>0"),
            (lambda s: s.is_nonnegative and not s.is_positive, r"{}\ge 0"),
            (lambda s: s.is_real and not s.is_nonnegative, r"{}\in\mathbb{{R}}"),
            (lambda s: not s.is_real, r"{}\in\mathbb{{C}}"),
        ):
            members = [self.tex(s) for s in shown if test(s)]
            if members:
                comma = ", " if len(members) < 4 else r", \allowbreak "
                phrases.append(f"${text.format(comma.join(members))}$")
        if phrases:
            several = len(phrases) > 1 or "," in phrases[0]
            yield f"The parameter{'s are' if several else ' is'} {enumerated(phrases)}."
