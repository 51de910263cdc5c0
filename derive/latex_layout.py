"""How wide a formula is, before TeX sets it: enough to decide where to break a line."""

from __future__ import annotations

import re

__all__ = ["LINE", "width"]

# the text width of the document, in em, less a margin for what the estimate gets wrong
LINE = 36.0

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|.", re.DOTALL)
_SPACES = {r"\,": 0.17, r"\:": 0.22, r"\;": 0.28, r"\!": -0.17, r"\quad": 1.0, r"\qquad": 2.0, " ": 0.0, "&": 0.0}
_RELATIONS = set("+-=<>") | {r"\to", r"\in", r"\pm", r"\cdot", r"\le", r"\ge"}
_DELIMITERS = [rf"\{size}{side}" for size in ("big", "Big", "bigg") for side in "lr"]
_INVISIBLE = {r"\left", r"\right", r"\displaystyle", "{", "}", *_DELIMITERS}
_GROUPED = {rf"\{name}" for name in ("operatorname", "mathrm", "mathbb", "mathtt", "text", "bar", "overline")}
_NARROW = set("()[],.|;:!'")


def width(latex: str) -> float:
    """Estimated width in em; good to about ten per cent.

    Examples
    --------
    >>> from derive.latex_layout import width
    >>> width("a+b") < width("a+b+c") < width(r"\\frac{a+b+c+d}{2}")
    True
    """
    return _Reader(_TOKEN.findall(latex)).run()


class _Reader:
    def __init__(self, tokens: list[str]):
        self.tokens, self.at = tokens, 0

    def run(self) -> float:
        total, script = 0.0, 0.0
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            token = self.tokens[self.at]
            self.at += 1
            if token in "^_":
                # a subscript and a superscript stand one above the other
                size = 0.75 * self._argument()
                total += max(0.0, size - script)
                script = max(size, script)
                continue
            script = 0.0
            total += self._one(token)
        return total

    def _argument(self) -> float:
        while self.at < len(self.tokens) and self.tokens[self.at] == " ":
            self.at += 1
        if self.at >= len(self.tokens):
            return 0.0
        token = self.tokens[self.at]
        self.at += 1
        return self._group() if token == "{" else self._one(token)

    def _group(self) -> float:
        size = self.run()
        self.at += 1
        return size

    def _option(self) -> float:
        if self.at < len(self.tokens) and self.tokens[self.at] == "[":
            end = self.tokens.index("]", self.at)
            inner = _Reader(self.tokens[self.at + 1 : end]).run()
            self.at = end + 1
            return inner
        return 0.0

    def _one(self, token: str) -> float:
        if token in (r"\frac", r"\tfrac"):
            return max(self._argument(), self._argument()) + 0.25
        if token == "{":
            return self._group()
        if token == r"\sqrt":
            return self._argument() + 0.9
        if token == r"\xrightarrow":
            return max(0.75 * self._option(), 0.75 * self._argument()) + 1.2
        if token in _GROUPED:
            return self._argument() + (0.17 if token == r"\operatorname" else 0.0)
        if token in _SPACES:
            return _SPACES[token]
        if token in _INVISIBLE:
            return 0.0
        if token in _RELATIONS:
            return 1.3
        if token in _NARROW:
            return 0.4
        return 0.75 if token[-1].isupper() or token.lstrip("\\")[:1].isupper() else 0.56
