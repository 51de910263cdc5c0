"""Names in LaTeX: whatever a user called a symbol, its name is safe to typeset and no two names look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sympy.printing.latex import tex_greek_dictionary

__all__ = ["Names", "escape", "name_latex"]

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_{}"},
}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "pi", "varpi", "rho", "varrho", "sigma", "varsigma", "tau", "upsilon", "phi", "varphi",
    "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
}  # fmt: skip
_WORDS = {name: "\\" + name for name in _GREEK} | {"lamda": r"\lambda", "Lamda": r"\Lambda", "star": r"\star"}
_WORDS |= {"varkappa": r"\varkappa", "ell": r"\ell", "hbar": r"\hbar"}
_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
_SPELT = [
    "alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta",
    "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
]  # fmt: skip
_UNICODE = dict(zip(_LETTERS, _SPELT, strict=True))
# a letter or word, digits glued to it, then parts after underscores
_SHAPE = re.compile(r"([A-Za-z]+)(\d*)((?:_+[A-Za-z0-9,]+)*)\Z")


def escape(text: str) -> str:
    """Plain text as LaTeX text; a character pdflatex does not know is written by its number.

    Examples
    --------
    >>> from derive.latex_names import escape
    >>> print(escape("50% of R_1"))
    50\\% of R\\_1
    """
    out = []
    for c in text:
        if c in _UNICODE:
            out.append(f"$\\{_UNICODE[c]}$")
        elif ord(c) < 0x180 and (c.isprintable() or c == " "):
            out.append(_ESCAPES.get(c, c))
        else:
            out.append(f"U+{ord(c):04X}")
    return "".join(out)


def _piece(text: str) -> str:
    if text in _WORDS:
        return _WORDS[text]
    if text in tex_greek_dictionary:  # Alpha, Beta, ...: capitals that look Latin
        return tex_greek_dictionary[text]
    if len(text) == 4 and text.endswith("bar"):
        return rf"\bar{{{text[0]}}}"
    return text if len(text) == 1 or text.replace(",", "").isdigit() else rf"\mathrm{{{text}}}"


def name_latex(name: str) -> str:
    """A symbol's name in math mode.

    Examples
    --------
    >>> from derive.latex_names import name_latex
    >>> [name_latex(name) for name in ("lambda", "S1", "w_star", "alpha_train", "x%y")]
    ['\\\\lambda', 'S_{1}', 'w_{\\\\star}', '\\\\alpha_{\\\\mathrm{train}}', '\\\\text{x\\\\%y}']
    """
    spelt = "".join(_UNICODE.get(c, c) for c in name) if any(c in _UNICODE for c in name) else name
    match = _SHAPE.match(spelt)
    if not match:
        return rf"\text{{{escape(name)}}}"
    head, digits, rest = match.groups()
    below = [digits] * bool(digits) + [part for part in rest.split("_") if part]
    return _piece(head) + (rf"_{{{','.join(_piece(part) for part in below)}}}" if below else "")


class Names:
    """LaTeX of names, one to one: two names that would look alike (``S1`` and ``S_1``) are told apart."""

    def __init__(self, taken: Iterable[str], given: Mapping[str, str]):
        self._latex: dict[str, str] = {}
        self._owner: dict[str, str] = {}
        for name, latex in given.items():
            self._enter(name, latex)
        for name in taken:
            self[name]

    def _enter(self, name: str, latex: str) -> str:
        if latex in self._owner:
            latex = rf"\mathtt{{{escape(name)}}}"
        self._owner[latex] = name
        self._latex[name] = latex
        return latex

    def __getitem__(self, name: str) -> str:
        return self._latex[name] if name in self._latex else self._enter(name, name_latex(name))

    def fresh(self, *candidates: str) -> str:
        """The first candidate that is no name yet, nor starts an indexed one; taken from now on."""
        for name in (*candidates, *(c + "_0" for c in candidates)):
            prefix = _with_index(name)
            if not any(prefix.match(other) for other in self._latex):
                self[name]
                return name
        raise AssertionError("a fresh name exists")


def _with_index(name: str) -> re.Pattern[str]:
    """Matches a name and its numbered relatives: Q, Q1, Q_2."""
    return re.compile(rf"{re.escape(name)}(_?[\d,]+)?\Z")
