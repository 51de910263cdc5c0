"""How many threads the linear algebra uses while a batch runs.

Many small factorisations, one after the other, gain nothing from several threads, and on a machine that does other work
the threads of BLAS wait for one another at a cost of ten times the work itself.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

__all__ = ["few_threads"]

_LARGE = 1000  # from this dimension on, two threads finish one factorisation sooner than one does


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def few_threads(dimension: int) -> AbstractContextManager[Any]:
    """One BLAS thread for matrices up to a thousand rows; larger ones keep what the environment says."""
    return nullcontext() if dimension >= _LARGE else _controller().limit(limits=1, user_api="blas")
