"""Whole-process times of the command, from outside: interpreter start and imports included."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

__all__ = ["rows"]

_COMMANDS = (("list",), ("show", "marchenko-pastur"), ("solve", "marchenko-pastur", "--digits", "50", "--certify"))


def rows() -> Iterator[tuple[str, str, str]]:
    """(command, median seconds, spread)."""
    for arguments in _COMMANDS:
        times = []
        for _ in range(6):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "derive.entry", *arguments], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        counted = times[1:]
        name, middle = f"derive {' '.join(arguments)}", statistics.median(counted)
        yield name, f"{middle:.2f} s", f"{min(counted):.2f} to {max(counted):.2f}"
