"""Finding theorems: the files of this package, and a user's own file.

A theorem file is a Python file that assigns ``theorem`` at module level. Its name is the file's, with hyphens; its
title is the first line of its docstring. Only :func:`load` executes a file.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .theorem import Theorem

__all__ = ["closest", "load", "names", "titles"]

_HERE = Path(__file__).parent


def closest(name: str, known: Iterable[str]) -> str:
    """Return the sentence that helps with a mistyped name: the nearest known one, or all of them.

    Examples
    --------
    >>> from models.catalogue import closest
    >>> closest("lamda", ["c", "lambda"])
    'did you mean lambda?'
    >>> closest("x", ["c", "lambda"])
    'known: c, lambda'
    """
    known = [str(k) for k in known]
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower().replace("_", "-"), [k.replace("_", "-") for k in lowered], 1, 0.6)
    if near:
        return f"did you mean {next(v for k, v in lowered.items() if k.replace('_', '-') == near[0])}?"
    return "known: " + ", ".join(known) if known else "none is known"


def titles() -> Mapping[str, str]:
    """Return the title of every theorem of the catalogue, in alphabetical order, without importing any of them.

    Examples
    --------
    >>> import models
    >>> models.titles()["semicircle"]
    'Semicircle law: the resolvent of a Wigner matrix'
    """
    found = {}
    for path in sorted(_HERE.glob("*.py")):
        tree = ast.parse(path.read_bytes(), str(path))
        if any(isinstance(node, ast.Assign) and _assigns_theorem(node) for node in tree.body):
            found[path.stem.replace("_", "-")] = _title(ast.get_docstring(tree))
    return found


def _assigns_theorem(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "theorem" for target in node.targets)


def _defines_theorem(path: Path) -> bool:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, OSError):
        return False
    return any(isinstance(node, ast.Assign) and _assigns_theorem(node) for node in tree.body)


def _title(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0].rstrip(".")


def names() -> tuple[str, ...]:
    """Return the names of the theorems of the catalogue.

    Examples
    --------
    >>> import models
    >>> "marchenko-pastur" in models.names()
    True
    """
    return tuple(titles())


def load(name: str | os.PathLike[str]) -> Theorem:
    """Load a theorem of the catalogue by its name, or a user's own by the path of its file.

    Parameters
    ----------
    name : str or path
        ``"marchenko-pastur"``, or the path of a Python file (it ends in ``.py`` or holds a separator). Loading a
        path runs that file.

    Returns
    -------
    Theorem

    Raises
    ------
    derive.errors.ResolventError
        The name is unknown (the nearest one is suggested), the file does not exist, does not run, or does not
        define ``theorem``.

    Examples
    --------
    >>> import models
    >>> models.load("marchenko-pastur").name
    'marchenko-pastur'
    >>> models.load("marchenko-pasture")
    Traceback (most recent call last):
        ...
    derive.errors.ResolventError: no theorem is called marchenko-pasture; did you mean marchenko-pastur?
    """
    from derive.errors import ResolventError

    text = os.fspath(name)
    if text.endswith(".py") or os.sep in text:
        path = Path(text).expanduser()
        module = _run(path)
        label = path.stem.replace("_", "-")
    else:
        known = names()
        label = text.replace("_", "-")
        if label not in known:
            own = f"; to use your own file, write its path: {text}.py" if Path(f"{text}.py").is_file() else ""
            raise ResolventError(f"no theorem is called {text}; {closest(text, known)}{own}")
        module = importlib.import_module(f"models.{label.replace('-', '_')}")
    return _named(module, label, text)


def _named(module: ModuleType, label: str, text: str) -> Theorem:
    from dataclasses import replace

    from derive.errors import ResolventError

    from .theorem import Theorem

    found = getattr(module, "theorem", None)
    if not isinstance(found, Theorem):
        what = "defines no `theorem`" if found is None else f"`theorem` is a {type(found).__name__}, not a Theorem"
        raise ResolventError(f"{text}: {what}; end the file with theorem = Theorem(quantities=..., regime=..., ...)")
    return replace(found, name=found.name or label, title=found.title or _title(module.__doc__) or label)


def _run(path: Path) -> ModuleType:
    """Run a user's own file as a module; what goes wrong in it is reported at its line."""
    from derive.errors import ResolventError

    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, 3, 0.6)
        # a neighbour that is no theorem file (conftest.py) was not meant
        meant = [name for name in near if _defines_theorem(path.parent / name)]
        hint = f"; did you mean {path.parent / meant[0]}?" if meant else ""
        kind = "is not a file" if path.exists() else "does not exist"
        raise ResolventError(f"{path} {kind}{hint}")
    spec = importlib.util.spec_from_file_location(f"_theorem_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ResolventError(f"{path} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by its name
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)  # as `python FILE` does: a user's file may import its neighbours
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        if error.lineno is None or "\0" in path.read_text(encoding="utf-8", errors="replace"):
            raise ResolventError(f"{path} is not Python source text: {error.msg}") from error
        raise ResolventError(f"{path}, line {error.lineno}: {error.msg}") from error
    except SystemExit as error:
        line = _line_in(path, error)
        raise ResolventError(f"{path}{line}: the file ends the process (sys.exit) instead of defining a theorem") from (
            error
        )
    except Exception as error:
        kind = "" if isinstance(error, ResolventError) else f"{type(error).__name__}: "
        raise ResolventError(f"{path}{_line_in(path, error)}: {kind}{error}") from error
    finally:
        sys.path.remove(folder)
    return module


def _line_in(path: Path, error: BaseException) -> str:
    """The place in the user's file that an error went through last, as ``, line 7``."""
    whole = path.resolve()
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == whole]
    return f", line {lines[-1]}" if lines else ""
