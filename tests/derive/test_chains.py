"""Products of many layers, with singular factors between them: one unknown, on the real axis, proven.

Source of the equation: multiplicativity of the S-transform, S = 1/(1 + u) for a square Gaussian matrix and
(1 + u)/(q + u) for a 0/1 mask that keeps a share q (Voiculescu; see also arXiv:2506.08764).
"""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Identity, Symbol, Trace

from derive import Deterministic, Gaussian, atomic, dimensions, limit

n, z = dimensions("n"), Symbol("z")
D = Deterministic("D", n, n, symmetric=True)


def jacobian(depth: int, masked: bool):
    J = Identity(n)
    for layer in range(depth):
        W = Gaussian(f"W_{layer}", n, n, variance=1 / n)
        J = J * W * D if masked else J * W
    return limit(Trace((J * J.T - z * Identity(n)).I) / n)


def residual(m: complex, at: complex, depth: int, masks: int, q: float) -> float:
    """chi(u) - 1/z at the moment series u = -1 - z m, relatively."""
    u = -1 - at * m
    chi = u / (1 + u) * (1 + u) ** -depth * ((1 + u) / (q + u)) ** masks
    return abs(chi * at - 1)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 3, 5, 10])
def test_one_unknown(depth, masked):
    law = jacobian(depth, masked)
    assert len(law.unknowns) == 1
    scale = 0.5**depth if masked else 1.0
    points = scale * np.array([1 + 0j, 2 + 0j, 2 + 1j])
    values = law.evaluate({z: points} | ({D: atomic([0, 1])} if masked else {}))
    assert np.all(values.imag > 0)
    for m, at in zip(values, points, strict=True):
        assert residual(m, at, depth, depth if masked else 0, 0.5) < 1e-11
    # a value that is off by a millionth does not pass
    assert residual(values[0] * (1 + 1e-6), points[0], depth, depth if masked else 0, 0.5) > 1e-9


def test_different_factors_keep_their_unknowns():
    """Only layers with the same factor share an unknown."""
    E = Deterministic("E", n, n, symmetric=True)
    W = [Gaussian(f"W_{k}", n, n, variance=1 / n) for k in range(2)]
    J = W[0] * D * W[1] * E
    law = limit(Trace((J * J.T - z * Identity(n)).I) / n)
    same = jacobian(2, True)
    assert len(law.unknowns) == 2
    params = {z: 0.4 + 0.1j, D: atomic([1, 2]), E: atomic([1, 2])}
    assert np.isclose(law.evaluate(params), same.evaluate({z: 0.4 + 0.1j, D: atomic([1, 2])}), rtol=1e-12)


@pytest.mark.parametrize("point", ["0.25+0j", "5"])
def test_singular_factors_are_certified(point):
    law = jacobian(3, True)
    params = {z: point, D: atomic([0, 1])}
    ball = law.certify(params, digits=30)
    assert abs(complex(ball.value) - law.evaluate(params)) < 1e-13
    at = complex(point)
    assert residual(complex(ball.value), at, 3, 3, 0.5) < 1e-12


def test_singular_arrays_agree_with_their_atoms():
    law = jacobian(2, True)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    array = rotation @ np.diag([0.0, 0.0, 1.0, 2.0]) @ rotation.T
    array = (array + array.T) / 2
    at = 0.8 + 0j
    from_atoms = law.evaluate({z: at, D: atomic([0, 1, 2], ["1/2", "1/4", "1/4"])})
    assert np.isclose(law.evaluate({z: at, D: array}), from_atoms, rtol=1e-9)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_masks_outside_leave_part_of_the_space_alone(depth):
    """D W ... D W: where the outer mask vanishes the resolvent is -1/z and real, inside the bulk too."""
    J = Identity(n)
    for layer in range(depth):
        J = D * Gaussian(f"W_{layer}", n, n, variance=2 / n) * J
    law = limit(Trace((J * J.T - z * Identity(n)).I) / n)
    points = np.array([1 + 0j, 2.5 + 0j, 1 + 1j])
    values = law.evaluate({z: points, D: atomic([0, 1])})
    for m, at in zip(values, points, strict=True):
        # the variances 2 scale z; the trace of J J' and of J' J agree
        assert residual(m * 2.0**depth, at / 2.0**depth, depth, depth, 0.5) < 1e-11
    ball = law.certify({z: "5/2+0j", D: atomic([0, 1])}, digits=20)
    assert abs(complex(ball.value) - values[1]) < 1e-13
