"""Checks derived limits against Monte Carlo simulation of the same symbolic object, by another route."""

from .checking import check, simulate
from .decide import Comparison, Verdict
from .entries import EntryLaw, gaussian, rademacher, sparse, student
from .mutate import Mutant, MutationReport, mutants, mutation_report
from .outcome import Check, Row
from .store import Store

__all__ = [
    "Check",
    "Comparison",
    "EntryLaw",
    "Mutant",
    "MutationReport",
    "Row",
    "Store",
    "Verdict",
    "check",
    "gaussian",
    "mutants",
    "mutation_report",
    "rademacher",
    "simulate",
    "sparse",
    "student",
]
