"""Run the benchmarks and print the tables of ``benchmarks/README.md``."""

from __future__ import annotations

import argparse
import os
import platform
import resource
from collections.abc import Iterable

from . import derivation, simulation, solving, spectra, startup, tensors


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    print(f"\n## {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="run the SciPy loop over all 100,000 points")
    parser.add_argument("--only", choices=("derivation", "solving", "simulation", "spectra", "tensors", "startup"))
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if options.only in (None, "derivation"):
        _table("Derivation (budget 50 ms each)", ("expression", "median", "range (ms)"), derivation.rows())
    if options.only in (None, "solving"):
        head = ("equation", "batched", "loop over scipy.optimize.root", "ratio")
        _table("Solving 100,000 points (asked: ratio 100)", head, solving.rows(options.full))
    if options.only in (None, "simulation"):
        head = ("expression", "engine", "bare LAPACK", "ratio")
        _table("Simulation without sampling (asked: ratio at most 1.2)", head, simulation.rows())
    if options.only in (None, "spectra"):
        head = ("task", "this library", "point by point", "ratio")
        _table("Spectra (asked: ratio 10 for the density)", head, spectra.rows())
    if options.only in (None, "tensors"):
        head = ("task", "this library", "compared with", "ratio")
        _table("Planted tensors (budgets: order 3 in 200 ms, a sweep within 1.3 of its products)", head, tensors.rows())
    if options.only in (None, "startup"):
        _table("Whole processes (budgets 0.3 s and 1.5 s)", ("command", "median", "range (s)"), startup.rows())
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
