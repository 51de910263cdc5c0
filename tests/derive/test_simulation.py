"""Limits against direct simulation of the finite model, for every kind of expression.

Each check compares the mean of independent samples at size N with the limit. It fails when they differ by more than a
Student quantile of the standard error plus BIAS/N of the value (finite-size bias). False-alarm rate: 1e-7 per real or
imaginary part, below 1e-5 for the file. What it sees: a tolerance wider than RESOLUTION of the value fails as well, so
that a value wrong by a factor 1.5 never passes; most cases see 3 %.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student
from sympy import Trace

from derive import limit
from tests.derive.zoo import CASES, Case

N = 180
BIAS = 4.0
RESOLUTION = 0.3
FALSE_ALARM = 1e-7


def samples(case: Case, seed: int) -> np.ndarray:
    # a bilinear form fluctuates by 1/sqrt(N), a trace by 1/N
    children = np.random.SeedSequence(seed).spawn(24 if case.quantity.has(Trace) else 240)
    return np.array([complex(case.sample(np.random.default_rng(child), N)) for child in children])


def gap(found: np.ndarray, theory: complex) -> tuple[float, float]:
    """(largest excess over the tolerance, tolerance), over real and imaginary part."""
    excess, widest = -np.inf, 0.0
    for part in (np.real, np.imag):
        x = part(found)
        quantile = student.ppf(1 - FALSE_ALARM / 2, len(x) - 1)
        tolerance = quantile * x.std(ddof=1) / np.sqrt(len(x)) + BIAS / N * abs(theory)
        excess = max(excess, abs(x.mean() - part(theory)) - tolerance)
        widest = max(widest, tolerance)
    return excess, widest


@pytest.mark.parametrize("name", CASES)
def test_limit_agrees_with_simulation(name, seed):
    case = CASES[name]
    law = limit(case.quantity, case.regime, **case.declared)
    result = law.evaluate(case.params, full_output=True)
    assert result.status == 0
    assert result.error < 1e-10
    found = samples(case, seed)
    excess, tolerance = gap(found, result.value)
    assert excess <= 0
    assert tolerance < RESOLUTION * abs(result.value), "the check could not have failed"


@pytest.mark.parametrize(
    "name", ["product", "transpose-of-complex", "noise-inside", "score-second", "information-cross"]
)
def test_a_wrong_pairing_is_seen(name, seed):
    """The model with the noise of one equation 30 % stronger is another model, and the same samples refute it."""
    case = CASES[name]
    law = limit(case.quantity, case.regime, **case.declared)
    system = law.system
    unknown, residual = system.unknowns[0], system.residuals[0]
    changed = replace(system, residuals=(residual + 3 * (residual - unknown) / 10, *system.residuals[1:]))
    wrong = law.with_system(changed).evaluate(case.params)
    assert gap(samples(case, seed), wrong)[0] > 0
