"""Spiked, masked and nested tensors as explicit curves in one variable, inverted for the strength of the signal.

Sources: spiked tensor, Seddik, Guillaud, Couillet, arXiv:2112.12348; nested matrix-tensor, arXiv:2305.19992; symmetric,
Goulart, Couillet, Comon, J. Mach. Learn. Res. 23 (2022). Curves as in the project's theorem notes
(``theorems/tensors.md``, section 9; MATHEMATICS.md, section 12, for the mask). Below the threshold: the edge of the
contraction matrix, and overlaps 0 with the signal; for the nested model the end of the informative branch, which the
notes extend there and simulation refutes where beta_T is weak. Nothing here imports the engine.
"""

from math import prod, sqrt

from scipy.optimize import brentq

_FAR = 1e4


def _root(function, low, high):
    return brentq(function, low, high, xtol=1e-15, rtol=1e-15, maxiter=1000)


def masked(beta: float, epsilon: float, c: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
    """Singular value and alignments of a tensor whose entries are kept with probability epsilon, by s = z + eps g.

    ``g_i = -c_i/(eps (g - g_i) + z)``, ``q_i^2 = 1 - eps g_i^2/c_i``, ``beta = (z/eps + g)/prod q``.
    """

    def at(s):
        g = [(s - sqrt(s * s + 4 * epsilon * ci)) / (2 * epsilon) for ci in c]
        q = [sqrt(max(0.0, 1 - epsilon * gi**2 / ci)) for gi, ci in zip(g, c, strict=True)]
        return s - epsilon * sum(g), q, s / epsilon

    # dz/ds = 0: the edge of the spectrum of the contraction matrix, s = 0 for a matrix
    edge = (
        _root(lambda s: sum(1 - s / sqrt(s * s + 4 * epsilon * ci) for ci in c) / 2 - 1, 0, _FAR) if len(c) > 2 else 0
    )
    value, q, strength = at(edge)
    threshold = strength / prod(q) if edge else prod(c) ** 0.25 / sqrt(epsilon)
    if beta <= threshold:
        return value, (0.0,) * len(c)
    s = _root(lambda s: at(s)[2] - beta * prod(at(s)[1]), edge * (1 + 1e-12) or 1e-9, _FAR)
    value, q, _ = at(s)
    return value, tuple(q)


def spiked(beta: float, c: tuple[float, ...]) -> tuple[float, tuple[float, ...]]:
    """Singular value and alignments of ``beta x_1 o ... o x_d + W``, Var W = 1/N, n_i = c_i N."""
    return masked(beta, 1.0, c)


def spiked_symmetric(beta: float, d: int) -> tuple[float, float]:
    """The same for a symmetric tensor, distinct entries of variance 1/(d! n): ``l + g/(d-1) = beta q^d`` and
    ``l + g/d = beta q^(d-2)``, g the Stieltjes transform at l/(d-1) of the semicircle of radius 2/sqrt(d (d-1))."""
    radius = 2 / sqrt(d * (d - 1))

    def at(value):
        z = value / (d - 1)
        g = 2 / radius**2 * (sqrt(max(0.0, z * z - radius**2)) - z)
        return value + g / (d - 1), value + g / d

    def strength(value):
        f, h = at(value)
        return h / (f / h) ** ((d - 2) / 2)

    edge = (d - 1) * radius
    if beta <= strength(edge):
        return edge, 0.0
    value = _root(lambda v: strength(v) - beta, edge, _FAR)
    f, h = at(value)
    return value, sqrt(f / h)


def nested(beta_t: float, beta_m: float, c: tuple[float, float, float]) -> tuple[float, tuple[float, float, float]]:
    """Singular value and alignments of ``beta_T (beta_M x y' + Z) o z + W``, by s = lambda + g."""

    def at(s):
        g3 = (s - sqrt(s * s + 4 * c[2])) / 2
        third = 1 - g3**2 / c[2]
        gamma = beta_t**2 * third / (c[0] + c[1])
        product = 0.0
        for _ in range(10_000):  # from 0 up: the smallest root, where there is one
            r = [sqrt(s * s + 4 * (ci + gamma * product)) for ci in c[:2]]
            g = [(s - ri) / 2 for ri in r]
            last, product = product, g[0] * g[1]
            if product > 1e6 or abs(product - last) <= 1e-17:
                break
        slopes = [(1 - s / ri) / 2 for ri in r]
        pull = [-gamma / ri for ri in r]
        room = 1 - pull[0] * g[1] - g[0] * pull[1]
        change = (slopes[0] * g[1] + g[0] * slopes[1]) / room
        total = sum(slopes) + sum(pull) * change + (1 - s / sqrt(s * s + 4 * c[2])) / 2
        n = s + gamma * sum(g)
        squares = [-gi * n / ci for gi, ci in zip(g, c, strict=False)]
        strength = sqrt(c[0] * c[1] / product) / (beta_t * sqrt(third))
        inside = product > 1e6 or room <= 0 or abs(product - last) > 1e-12
        return s - sum(g) - g3, [*squares, third], strength, 2.0 if inside else total

    # the edge: the derivative of lambda along s at fixed gamma vanishes
    edge = _root(lambda s: at(s)[3] - 1, 1e-6, _FAR)
    value, squares, strength, _ = at(edge)
    if beta_m <= strength:
        return value, (0.0, 0.0, sqrt(squares[2]))
    value, squares, _, _ = at(_root(lambda s: at(s)[2] - beta_m, edge, _FAR))
    return value, tuple(sqrt(q) for q in squares)
