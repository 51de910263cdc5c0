"""Time of ``limit(...)`` with its equations and value read, modules loaded, fresh symbols, nothing cached."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from derive import limit

from .cases import cases

__all__ = ["rows"]

_REPEATS = 15


def rows() -> Iterator[tuple[str, str, str]]:
    """(case, median milliseconds, spread)."""
    for name, case in cases():
        times = []
        for k in range(_REPEATS + 2):
            quantity, regime = case(f"_{k}")
            start = time.perf_counter()
            law = limit(quantity, regime)
            _ = law.equations, law.value
            times.append(1e3 * (time.perf_counter() - start))
        counted = times[2:]  # the first calls load what SymPy loads lazily
        yield name, f"{statistics.median(counted):.1f} ms", f"{min(counted):.1f} to {max(counted):.1f}"
