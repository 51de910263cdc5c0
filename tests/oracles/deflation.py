"""Deflation of two correlated spikes in order 3: reference values. The systems are in :mod:`.deflation_systems`.

Sources: Hotelling's deflation, arXiv:2211.09004 and arXiv:2310.18717; symmetric, GRETSI 2023; orthogonalised with a
weight gamma, arXiv:2302.05798. *Published* is the system as printed, in which the second estimate depends on the noise
only directly; *completed* adds the joint-resolvent traces tau through which it also depends on it by way of the first.
The rows are those of the project's theorem notes (``theorems/tensors.md``, section 8).

``rho_step1[i][k]`` is the overlap of spike i with the estimate in mode k, ``eta[k]`` that of the two estimates.
"""

from __future__ import annotations

from typing import NamedTuple

BALANCED = (1 / 3, 1 / 3, 1 / 3)

Triple = tuple[float, float, float]


class Hotelling(NamedTuple):
    """One row: both steps, every mode."""

    beta: tuple[float, float]
    alpha: float | Triple
    c: Triple
    lambda_1: float
    lambda_2: float
    rho_step1: tuple[Triple, Triple]
    rho_step2: tuple[Triple, Triple]
    eta: Triple


class Symmetric(NamedTuple):
    """One row of the symmetric tensor of order 3; ``rho_12`` is the overlap of the first estimate with spike 2."""

    beta: tuple[float, float]
    alpha: float
    lambda_1: float
    rho_11: float
    rho_12: float
    lambda_2: float
    rho_21: float
    rho_22: float
    eta: float


class Orthogonalised(NamedTuple):
    """One row at c = 1/3 each: ``ru``, ``rv``, ``rw`` the overlaps of the second estimate with both spikes."""

    beta: tuple[float, float]
    alpha: float | Triple
    gamma: float
    lambda_1: float
    lambda_2: float
    ru: tuple[float, float]
    rv: tuple[float, float]
    rw: tuple[float, float]
    eta: Triple
    kappa: float


COMPLETED = [
    Hotelling(
        (4, 3),
        0.5,
        BALANCED,
        4.7796905,
        2.2848315,
        ((0.94512052,) * 3, (0.73414744,) * 3),
        ((0.19300586,) * 3, (0.90818055,) * 3),
        (0.46497023,) * 3,
    ),
    Hotelling(
        (5, 4),
        0.5,
        BALANCED,
        6.0312582,
        2.7883885,
        ((0.93539372,) * 3, (0.76204735,) * 3),
        ((0.17848069,) * 3, (0.91940864,) * 3),
        (0.49253669,) * 3,
    ),
    Hotelling(
        (6, 3.5),
        0.6,
        BALANCED,
        7.1856372,
        2.3588712,
        ((0.96914953,) * 3, (0.76760128,) * 3),
        ((0.26313907,) * 3, (0.89711411,) * 3),
        (0.46980605,) * 3,
    ),
    Hotelling(
        (6, 4),
        0.5,
        BALANCED,
        6.8955225,
        3.070852,
        ((0.96514683,) * 3, (0.69695174,) * 3),
        ((0.23342252,) * 3, (0.94099702,) * 3),
        (0.46078571,) * 3,
    ),
    Hotelling(
        (4, 2),
        0.3,
        BALANCED,
        4.1926949,
        2.1997934,
        ((0.98791679,) * 3, (0.35254469,) * 3),
        ((0.22654539,) * 3, (0.94769508,) * 3),
        (0.27787325,) * 3,
    ),
    Hotelling(
        (4, 3),
        0.5,
        (5 / 24, 1 / 3, 11 / 24),
        4.7796133,
        2.2838391,
        ((0.94785481, 0.94512126, 0.94244149), (0.73627137, 0.73414802, 0.73206644)),
        ((0.19156689, 0.19308705, 0.19460945), (0.92067207, 0.90832575, 0.89723728)),
        (0.46970412, 0.46508685, 0.461029),
    ),
    Hotelling(
        (10, 8),
        0.7,
        BALANCED,
        14.211786,
        3.1886564,
        ((0.94639842,) * 3, (0.8913042,) * 3),
        ((0.2487732,) * 3, (0.85291055,) * 3),
        (0.53995901,) * 3,
    ),
]

PUBLISHED = [
    Hotelling(
        (4, 3),
        0.5,
        BALANCED,
        4.7796905,
        2.2976047,
        ((0.94512052,) * 3, (0.73414744,) * 3),
        ((0.20193312,) * 3, (0.90968905,) * 3),
        (0.47266508,) * 3,
    ),
    Hotelling(
        (5, 4),
        0.5,
        BALANCED,
        6.0312582,
        2.8004699,
        ((0.93539372,) * 3, (0.76204735,) * 3),
        ((0.18443904,) * 3, (0.92024275,) * 3),
        (0.49739068,) * 3,
    ),
    Hotelling(
        (6, 3.5),
        0.6,
        BALANCED,
        7.1856372,
        2.3713441,
        ((0.96914953,) * 3, (0.76760128,) * 3),
        ((0.27116476,) * 3, (0.89884676,) * 3),
        (0.47680125,) * 3,
    ),
    Hotelling(
        (6, 4),
        0.5,
        BALANCED,
        6.8955225,
        3.0790304,
        ((0.96514683,) * 3, (0.69695174,) * 3),
        ((0.23762361,) * 3, (0.94145156,) * 3),
        (0.46442954,) * 3,
    ),
    Hotelling(
        (4, 2),
        0.3,
        BALANCED,
        4.1926949,
        2.2015224,
        ((0.98791679,) * 3, (0.35254469,) * 3),
        ((0.22988199,) * 3, (0.94771062,) * 3),
        (0.28119848,) * 3,
    ),
    Hotelling(
        (4, 3),
        0.5,
        (5 / 24, 1 / 3, 11 / 24),
        4.7796133,
        2.2966083,
        ((0.94785481, 0.94512126, 0.94244149), (0.73627137, 0.73414802, 0.73206644)),
        ((0.20520375, 0.20191886, 0.19899328), (0.92419915, 0.90979684, 0.89679099)),
        (0.48169852, 0.47269256, 0.4645552),
    ),
    Hotelling(
        (10, 8),
        0.7,
        BALANCED,
        14.211786,
        3.2031986,
        ((0.94639842,) * 3, (0.8913042,) * 3),
        ((0.25347955,) * 3, (0.85424846,) * 3),
        (0.54355526,) * 3,
    ),
]

SYMMETRIC_COMPLETED = [
    Symmetric((4, 3), 0.5, 4.7796905, 0.94512052, 0.73414744, 2.2848315, 0.19300586, 0.90818055, 0.46497023),
    Symmetric((5, 4), 0.5, 6.0312582, 0.93539372, 0.76204735, 2.7883885, 0.17848069, 0.91940864, 0.49253669),
    Symmetric((3.5, 2), 0.3, 3.7133194, 0.98389643, 0.36335094, 2.1945176, 0.22228191, 0.94706796, 0.28430788),
    Symmetric((6, 3.5), 0.6, 7.1856372, 0.96914953, 0.76760128, 2.3588712, 0.26313907, 0.89711411, 0.46980605),
    Symmetric((8, 6), 0.5, 9.3980785, 0.9507095, 0.73848883, 4.2100235, 0.20637281, 0.9420332, 0.49047115),
]

SYMMETRIC_PUBLISHED = [
    Symmetric((4, 3), 0.5, 4.7796905, 0.94512052, 0.73414744, 2.2976047, 0.20193312, 0.90968905, 0.47266508),
    Symmetric((5, 4), 0.5, 6.0312582, 0.93539372, 0.76204735, 2.8004699, 0.18443904, 0.92024275, 0.49739068),
    Symmetric((3.5, 2), 0.3, 3.7133194, 0.98389643, 0.36335094, 2.1964445, 0.22587229, 0.94709427, 0.28788957),
    Symmetric((6, 3.5), 0.6, 7.1856372, 0.96914953, 0.76760128, 2.3713441, 0.27116476, 0.89884676, 0.47680125),
    Symmetric((8, 6), 0.5, 9.3980785, 0.9507095, 0.73848883, 4.2172809, 0.20871793, 0.94227308, 0.49239208),
]

ORTHOGONALISED = [
    Orthogonalised(
        (5, 3.5),
        0.5,
        1,
        5.8313287,
        2.4398252,
        (-0.25568736, 0.67772293),
        (0.31786473, 0.94564864),
        (0.31786473, 0.94564864),
        (0.0, 0.54824827, 0.54824827),
        2.7272765,
    ),
    Orthogonalised(
        (5, 3.5),
        0.5,
        0.8,
        5.8313287,
        2.5032632,
        (-0.029350972, 0.82378419),
        (0.3455258, 0.95495107),
        (0.3455258, 0.95495107),
        (0.22967731, 0.57404139, 0.57404139),
        2.8747138,
    ),
    Orthogonalised(
        (6, 4),
        0.6,
        0.8,
        7.4245434,
        2.3760175,
        (0.06085781, 0.80805981),
        (0.4114545, 0.94462847),
        (0.4114545, 0.94462847),
        (0.32415562, 0.63584293, 0.63584293),
        3.8509972,
    ),
    Orthogonalised(
        (4, 3),
        0.5,
        0.6,
        4.7796905,
        2.3207585,
        (0.21227619, 0.92192363),
        (0.42536603, 0.96468318),
        (0.42536603, 0.96468318),
        (0.48730999, 0.66849871, 0.66849871),
        2.827322,
    ),
    Orthogonalised(
        (5, 4),
        0.4,
        0.9,
        5.5676604,
        3.1434374,
        (-0.16799909, 0.81849978),
        (0.28276185, 0.97342661),
        (0.28276185, 0.97342661),
        (0.08798033, 0.5171446, 0.5171446),
        2.7656066,
    ),
]

# n = 110 per mode, 150 runs, beta = (4, 3), alpha = .5: mean and standard error, averaged over the modes
SIMULATED = {"rho_12": (0.19292, 0.00088), "eta": (0.46432, 0.00066), "lambda_2": (2.2785, 0.0043)}

# beta = (5, 3.5), alpha = .5, c = 1/3 each: the weight at which the second estimate, projected, forgets spike 1, and
# the overlap with spike 2 there; that overlap for a single spike; its value at gamma = 1 and its largest value
FORGETTING = {"gamma": 0.581413, "rho_v2": 0.980071, "single_spike": 0.985903}
IMPROVED = {"at gamma = 1": 0.9456, "best": 0.982}
