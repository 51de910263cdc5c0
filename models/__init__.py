"""The catalogue: one file per theorem, each saying what its model is and never what its limit is.

Importing this package costs nothing: names and titles are read from the files with :mod:`ast`, and SymPy comes in
only when a theorem is loaded.
"""

from __future__ import annotations

from .catalogue import load, names, titles

__all__ = ["Network", "Parameter", "Theorem", "accuracy", "load", "names", "relu", "sparse", "titles"]


def __getattr__(name: str):
    # lazily: `derive list` must not pay for SymPy
    if name == "Parameter":
        from .parameter import Parameter

        return Parameter
    if name == "Theorem":
        from .theorem import Theorem

        return Theorem
    if name == "accuracy":
        from .observables import accuracy

        return accuracy
    if name in ("Network", "relu", "sparse"):
        from . import networks

        return getattr(networks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
