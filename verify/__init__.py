"""Checks derived limits against Monte Carlo simulation of the same symbolic object, by another route."""

from . import tensor_specification, unfolded_specification  # noqa: F401  they make their kinds of laws known
from .checking import check, simulate
from .decide import Comparison, Verdict
from .entries import EntryLaw, gaussian, pruned, rademacher, sparse, student
from .mutate import Mutant, MutationReport, mutants, mutation_report
from .networks import Dependent, Network
from .outcome import Check, Row
from .sample_spectrum import eigenvalues
from .store import Store
from .tensor_campaign import PowerIteration

__all__ = [
    "Check",
    "Comparison",
    "Dependent",
    "EntryLaw",
    "Mutant",
    "MutationReport",
    "Network",
    "PowerIteration",
    "Row",
    "Store",
    "Verdict",
    "check",
    "eigenvalues",
    "gaussian",
    "mutants",
    "mutation_report",
    "pruned",
    "rademacher",
    "simulate",
    "sparse",
    "student",
]
