"""Input-output Jacobians of deep networks: published formulas and reference numbers.

Sources: J. Pennington, S. Schoenholz, S. Ganguli, The emergence of spectral universality in deep networks, AISTATS
(2018), and Resurrecting the sigmoid in deep learning through dynamical isometry, NIPS (2017), for the S-transforms
``S_{W W'}(z) = 1/(sigma^2 (1 + z))`` and ``S_{D^2}(z) = (1 + z)/(q + z)`` of a 0/1 mask; N. Alexeev, F. Goetze, A.
Tikhomirov, On the singular spectrum of powers and products of random matrices (2010), for the Fuss-Catalan case;
arXiv:2506.08764 for stability under sparsity and correlations. The moment series of the product follows by Lagrange
inversion, its norm by the maximum of the inverse function.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, e, erf, exp, pi, sin, sqrt
from statistics import NormalDist

# n_weights, n_masks, q (fraction kept by a mask), sigma2 -> m1, m2, m3, m4, largest singular value
ROWS = (
    (1, 0, Fraction(1), Fraction(1), (1, 2, 5, 14), 2),
    (2, 0, Fraction(1), Fraction(1), (1, 3, 12, 55), 2.5980762),
    (3, 0, Fraction(1), Fraction(1), (1, 4, 22, 140), 3.0792014),
    (2, 2, Fraction(1, 2), Fraction(2), (1, 5, 33, 249), 3.3301907),
    (4, 4, Fraction(1, 2), Fraction(2), (1, 9, 113, 1649), 4.6752807),
    (3, 2, Fraction(3, 10), Fraction(10, 3), (3.3333333, 96.296296, 3724.2798, 165605.85), 8.1160986),
    (5, 5, Fraction(4, 5), Fraction(5, 4), (1, 7.25, 74.4375, 892.01563), 4.2463203),
)
# largest singular values by depth: Gaussian weights alone, and ReLU networks at the initialisation of He
GAUSSIAN_NORMS = (2, 2.598076, 3.079201, 3.493856, 3.863925, 4.201355)
RELU_NORMS = (2.414214, 3.330191, 4.056816, 4.675281, 5.222334, 5.717911)
# sparsity -> variance that magnitude pruning leaves to Gaussian weights
MAGNITUDE_PRUNING = {
    Fraction(1, 10): 0.99947475,
    Fraction(3, 10): 0.98544463,
    Fraction(1, 2): 0.92867408,
    Fraction(7, 10): 0.78330708,
    Fraction(9, 10): 0.43928606,
}


def moment(k: int, weights: int, masks: int, q: Fraction, sigma2: Fraction) -> Fraction:
    """``lim tr (J J')^k / n = sigma^(2 m_W k)/k [z^(k-1)] (1 + z)^(k (m_W + 1 - m_D)) (q + z)^(k m_D)``.

    >>> [int(moment(k, 2, 2, Fraction(1, 2), Fraction(2))) for k in (1, 2, 3, 4)]
    [1, 5, 33, 249]
    """
    first, second = k * (weights + 1 - masks), k * masks
    coefficient = sum(
        _binomial(first, j) * comb(second, k - 1 - j) * Fraction(q) ** (second - k + 1 + j)
        for j in range(k)
        if k - 1 - j <= second
    )
    return Fraction(sigma2) ** (weights * k) * coefficient / k


def _binomial(n: int, k: int) -> Fraction:
    """``[z^k] (1 + z)^n``, for negative n too."""
    value = Fraction(1)
    for i in range(k):
        value = value * (n - i) / (i + 1)
    return value


def orthogonal_moment(k: int, masks: int, q: Fraction) -> Fraction:
    """The same for orthogonal weights, whose S-transform is 1: a product of free projections.

    Pennington, Schoenholz and Ganguli (2017), section 2.4.

    >>> orthogonal_moment(1, 2, Fraction(1, 2)), orthogonal_moment(2, 1, Fraction(1, 2))
    (Fraction(1, 4), Fraction(1, 2))
    """
    return moment(k, 0, masks, q, Fraction(1))


def spectral_norm(weights: int, masks: int, q: float, sigma2: float) -> float:
    """Largest singular value, where ``1/z + (m_D - m_W - 1)/(1 + z) - m_D/(q + z) = 0``.

    >>> round(spectral_norm(2, 0, 1.0, 1.0), 7)
    2.5980762
    """
    q, sigma2 = float(q), float(sigma2)

    def slope(z: float) -> float:
        return 1 / z + (masks - weights - 1) / (1 + z) - masks / (q + z)

    low, high = 1e-12, 1.0
    while slope(high) > 0:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    z = (low + high) / 2
    return sqrt(sigma2**weights * (1 + z) ** (weights + 1 - masks) * (q + z) ** masks / z)


def variance(depth: int, fourth: float, second: float, sigma2: float) -> float:
    """Variance of the squared singular values of depth layers ``D W``, from ``m_2 = m_1^2 (1 + L E D^4/(E D^2)^2)``.

    The S-transform expands as ``S = m_1^-1 (1 - (m_2/m_1^2 - 1) z + ...)`` and is multiplicative: the relative
    variances of the factors add up, 1 for a square Gaussian and ``E D^4/(E D^2)^2 - 1`` for a mask (Pennington et al.
    2017, eq. 22).
    """
    return (sigma2 * second) ** (2 * depth) * depth * fourth / second**2


def polynomial_growth(depth: int, q: float) -> float:
    """``sqrt(e L / q)``, the growth of the norm on the critical line (leading order in the depth)."""
    return sqrt(e * depth / q)


def fuss_catalan_density(layers: int, angle: float) -> tuple[float, float]:
    """Point and density of the squared singular values of a product of Gaussians, by the angle in (0, pi/(L + 1))."""
    up, down = sin((layers + 1) * angle), sin(layers * angle)
    x = up ** (layers + 1) / (sin(angle) * down**layers)
    return x, sin(angle) ** 2 * down ** (layers - 1) / (pi * up**layers)


def relu_norm(layers: int) -> float:
    """ReLU at He's initialisation: ``L z^2 + (L - 1) z - 1/2 = 0``.

    >>> [round(relu_norm(k), 6) for k in (1, 2, 6)]
    [2.414214, 3.330191, 5.717911]
    """
    z = (-(layers - 1) + sqrt((layers - 1) ** 2 + 2 * layers)) / (2 * layers)
    return sqrt(2**layers * (1 + z) * (0.5 + z) ** layers / z)


def pruned_variance(sparsity: float) -> float:
    """``2 (t phi(t) + 1 - Phi(t))`` with ``t = Phi^-1((1 + s)/2)``: what magnitude pruning leaves of the variance.

    >>> round(pruned_variance(0.7), 8)
    0.78330708
    """
    t = NormalDist().inv_cdf((1 + sparsity) / 2)
    return 2 * (t * exp(-t * t / 2) / sqrt(2 * pi) + (1 - erf(t / sqrt(2))) / 2)


def rank_one_norm(theta: float) -> float:
    """Norm of ``Z + theta u v'`` for a square Gaussian Z: 2 up to theta = 1, then ``theta + 1/theta``."""
    return 2.0 if theta <= 1 else theta + 1 / theta


def relu_layer_norm2(theta: float, sigma2: float) -> float:
    """Largest squared singular value of ``D (Z + theta u u')``: half of the rows of a square matrix plus rank one.

    F. Benaych-Georges and R. Nadakuditi, J. Multivariate Anal. 111 (2012), section 3.1, with aspect ratio c = 1/2 and
    the strength ``theta |D u|/sigma``: ``(1 + t^2)(c + t^2)/t^2`` above ``t = c^(1/4)``.

    >>> round(relu_layer_norm2(3, 2), 9), round(relu_layer_norm2(1, 2), 9)
    (7.944444444, 5.828427125)
    """
    c, t2 = 0.5, theta**2 / (2 * sigma2)
    return sigma2 * ((1 + t2) * (c + t2) / t2 if t2 > sqrt(c) else (1 + sqrt(c)) ** 2)


def relu_resolvent(layers: int, sigma2: float, ridge: float) -> float:
    """``lim tr (J J' + ridge)^-1 / n`` of a ReLU network with a mask after every weight, from its S-transform.

    ``psi(w) = sum of m_k w^k`` inverts ``chi(z) = z/(1 + z) S(z)`` with ``S = (sigma2 (1/2 + z))^-L``; the resolvent at
    ``-ridge`` is ``(1 + psi(-1/ridge))/ridge``.

    >>> round(relu_resolvent(3, 2.0, 1.0), 10)
    0.8090169944
    """
    low, high = -0.5, 0.0  # psi falls from 0 to minus the mass away from zero
    for _ in range(200):
        z = (low + high) / 2
        chi = z / (1 + z) * (sigma2 * (0.5 + z)) ** -layers if z > -0.5 else -float("inf")
        low, high = (z, high) if chi < -1 / ridge else (low, z)
    return (1 + (low + high) / 2) / ridge


def erf_length(q: float, sigma2: float) -> float:
    """One step of the length recursion for erf: ``sigma_w^2 (2/pi) asin(2 q/(1 + 2 q))`` (Williams 1997)."""
    from math import asin

    return sigma2 * 2 / pi * asin(2 * q / (1 + 2 * q))


def erf_chi(q: float, sigma2: float) -> float:
    """``sigma_w^2 (4/pi) / sqrt(1 + 4 q)``."""
    return sigma2 * 4 / pi / sqrt(1 + 4 * q)
