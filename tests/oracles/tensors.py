"""Published values and formulas for planted tensors, typed from the project's theorem notes (``theorems/tensors.md``).

Sources: spiked tensor, Seddik, Guillaud, Couillet, arXiv:2112.12348; nested matrix-tensor, arXiv:2305.19992; deflation,
arXiv:2211.09004 (as printed, and completed with the joint-resolvent traces); orthogonalised deflation, arXiv:2302.05798
(completed); symmetric deflation, GRETSI 2023 (completed). Nothing here imports the engine.
"""

from math import sqrt

THIRD = 1 / 3

# (c, beta) -> singular value, alignments
SPIKED = [
    ((THIRD, THIRD, THIRD), 1.5, 1.848660913151581, (0.905064842567710,) * 3),
    ((THIRD, THIRD, THIRD), 2.0, 2.255806309926372, (0.953020613871423,) * 3),
    ((THIRD, THIRD, THIRD), 3.0, 3.168281310132, (0.980550408441834,) * 3),
    ((1 / 6, 1 / 3, 1 / 2), 2.0, 2.25396907, (0.97474594, 0.95328722, 0.93463236)),
    ((0.2, 0.3, 0.5), 1.3, 1.7043998, (0.90078136, 0.86893355, 0.82118642)),
    ((0.2, 0.3, 0.5), 2.0, 2.2542867, (0.97015663, 0.95728475, 0.93456914)),
    ((0.1, 0.1, 0.8), 1.5, 1.824709, (0.96828657, 0.96828657, 0.8438067)),
    ((0.25, 0.25, 0.25, 0.25), 2.0, 2.2590293, (0.96297396,) * 4),
    ((0.3, 0.7), 1.0, 1.4866069, (0.77954622, 0.68169339)),
]

# c -> threshold of existence, edge of the contraction matrix
SPIKED_THRESHOLDS = [
    ((THIRD, THIRD, THIRD), 2 / sqrt(3), 2 * sqrt(2 / 3)),
    ((0.2, 0.3, 0.5), 1.1235, 1.607779),
    ((0.1, 0.1, 0.8), 0.93835161, 1.4568738),
    ((0.25, 0.25, 0.25, 0.25), 1.29903811, 1.7320508),
    ((0.3, 0.7), 0.67694724, 1.3843826),
]

# c, beta_T, beta_M -> singular value, alignments
NESTED = [
    ((THIRD, THIRD, THIRD), 2.0, 3.0, 6.41538265, (0.96700923, 0.96700923, 0.99579702)),
    ((THIRD, THIRD, THIRD), 1.0, 3.0, 3.33187915, (0.95188321, 0.95188321, 0.9825688)),
    ((1 / 6, 11 / 24, 3 / 8), 2.0, 2.0, 4.612414, (0.95551762, 0.90065299, 0.99052372)),
    ((1 / 6, 11 / 24, 3 / 8), 2.0, 1.2, 3.3935491, (0.84735464, 0.74034227, 0.98082823)),
    ((1 / 6, 11 / 24, 3 / 8), 1.0, 1.5, 2.1380385, (0.85814735, 0.753863, 0.93409994)),
    ((0.29411765, 0.58823529, 0.11764706), 1.5, 1.5, 2.9598726, (0.87012092, 0.80384231, 0.9910777)),
    ((0.42857143, 0.21428571, 0.35714286), 1.0, 2.5, 2.8950428, (0.91357746, 0.95035347, 0.97392734)),
]

# c, beta_T -> critical beta_M, singular value and squared alignments there
NESTED_JUMPS = [
    ((1 / 6, 11 / 24, 3 / 8), 1.0, 0.98819672, 1.922536, (0.21460644, 0.13575365, 0.76280788)),
    ((1 / 6, 11 / 24, 3 / 8), 2.0, 0.72339533, 3.0248275, (0.019017851, 0.011511986, 0.94533036)),
    ((THIRD, THIRD, THIRD), 0.7, 1.4986729, 1.7697639, (0.3163368, 0.3163368, 0.65693668)),
    ((5 / 17, 10 / 17, 2 / 17), 1.5, 0.822858, 2.4999956, (0.023981068, 0.01701756, 0.96380694)),
    ((3 / 7, 3 / 14, 5 / 14), 1.0, 1.0184101, 1.9500388, (0.14215399, 0.19477292, 0.77584798)),
]

# c, beta_T, beta_M -> traces g, gamma = beta_T^2 alpha_3^2/(c_1 + c_2)
NESTED_TRACES = [
    ((1 / 6, 11 / 24, 3 / 8), 2.0, 2.0, (-0.044627759, -0.10903737, -0.08410431), 6.2792783),
    ((1 / 6, 11 / 24, 3 / 8), 2.0, 1.2, (-0.081035854, -0.17011577, -0.11933564), 6.1569537),
    ((1 / 6, 11 / 24, 3 / 8), 1.0, 1.5, (-0.13540465, -0.28736072, -0.21862408), 1.3960683),
    ((THIRD, THIRD, THIRD), 0.7, 3.0, (-0.16493307, -0.16493307, -0.1568469), 0.68075491),
    ((5 / 17, 10 / 17, 2 / 17), 1.5, 1.5, (-0.14277087, -0.24369808, -0.04571652), 2.5046992),
    ((3 / 7, 3 / 14, 5 / 14), 1.0, 2.5, (-0.16920643, -0.091551707, -0.13557489), 1.475498),
]

# Below the critical beta_M the notes give alpha_3 at the critical point itself (alpha_3^2 in NESTED_JUMPS), with a
# simulation that agrees at beta_T = 2. There the noise beyond what Stein's lemma gives is all put into Z. In the most
# frequent critical points it is shared with W in the ratio of the variances; a simulation at smaller beta_T shows it:
# (c, beta_T) -> simulated alpha_3 and its error, beta_T Z(u_1, u_2)/W(u_1, u_2, z) of the notes and its simulation
NESTED_BELOW_SIMULATED = (0.97248, 0.0006)  # c = (1/6, 11/24, 3/8), beta_T = 2
NESTED_BELOW_RATIO = {"beta_T": 0.7, "notes": 1.2577, "simulated": (0.7351, 0.0046)}  # c = 1/3 each, N = 240, 400 runs

# ground state of the spherical spin glass of order d (Auffinger, Ben Arous, Cerny), and the threshold of the maximum
GROUND_STATES = [(3, 1.65699836, 1.20655573), (4, 1.79408503, 1.40566892)]

# beta, alpha, c -> lambda_1, rho_11, rho_21 (mode 1), lambda_2, rho_12, rho_22 (mode 1), eta (mode 1)
DEFLATION_COMPLETED = [
    ((4, 3), 0.5, (THIRD,) * 3, 4.7796905, 0.94512052, 0.73414744, 2.2848315, 0.19300586, 0.90818055, 0.46497023),
    ((5, 4), 0.5, (THIRD,) * 3, 6.0312582, 0.93539372, 0.76204735, 2.7883885, 0.17848069, 0.91940864, 0.49253669),
    ((6, 3.5), 0.6, (THIRD,) * 3, 7.1856372, 0.96914953, 0.76760128, 2.3588712, 0.26313907, 0.89711411, 0.46980605),
    ((6, 4), 0.5, (THIRD,) * 3, 6.8955225, 0.96514683, 0.69695174, 3.070852, 0.23342252, 0.94099702, 0.46078571),
    ((4, 2), 0.3, (THIRD,) * 3, 4.1926949, 0.98791679, 0.35254469, 2.1997934, 0.22654539, 0.94769508, 0.27787325),
    ((4, 3), 0.5, (0.20833333, 0.33333333, 0.45833333), 4.7796133, 0.94785481, 0.73627137, 2.2838391, 0.19156689,
     0.92067207, 0.46970412),
    ((10, 8), 0.7, (THIRD,) * 3, 14.211786, 0.94639842, 0.8913042, 3.1886564, 0.2487732, 0.85291055, 0.53995901),
]  # fmt: skip

# as printed, without the joint traces; simulation refutes it (rho_12 = .19292 +- .00088 at n = 110 per mode)
DEFLATION_PRINTED = {"rho_12": 0.201933, "eta": 0.47266508, "lambda_2": 2.2976047}
DEFLATION_SIMULATED = {"rho_12": (0.19292, 0.00088), "eta": (0.46432, 0.00066), "lambda_2": (2.2785, 0.0043)}

# beta, alpha, gamma -> lambda_2, (ru1, ru2), (rv1, rv2), eta_u, eta_v
ORTHOGONALISED = [
    ((5, 3.5), 0.5, 1.0, 2.4398252, (-0.25568736, 0.67772293), (0.31786473, 0.94564864), 0.0, 0.54824827),
    ((5, 3.5), 0.5, 0.8, 2.5032632, (-0.029350972, 0.82378419), (0.3455258, 0.95495107), 0.22967731, 0.57404139),
    ((6, 4), 0.6, 0.8, 2.3760175, (0.06085781, 0.80805981), (0.4114545, 0.94462847), 0.32415562, 0.63584293),
    ((4, 3), 0.5, 0.6, 2.3207585, (0.21227619, 0.92192363), (0.42536603, 0.96468318), 0.48730999, 0.66849871),
    ((5, 4), 0.4, 0.9, 3.1434374, (-0.16799909, 0.81849978), (0.28276185, 0.97342661), 0.08798033, 0.5171446),
]

# symmetric order 3: beta, alpha -> lambda_1, rho_11, lambda_2, rho_21, rho_22, eta
SYMMETRIC_DEFLATION = [
    ((4, 3), 0.5, 4.7796905, 0.94512052, 2.2848315, 0.19300586, 0.90818055, 0.46497023),
    ((3.5, 2), 0.3, 3.7133194, 0.98389643, 2.1945176, 0.22228191, 0.94706796, 0.28430788),
    ((8, 6), 0.5, 9.3980785, 0.9507095, 4.2100235, 0.20637281, 0.9420332, 0.49047115),
]


def spiked_order_3(beta: float) -> tuple[float, float]:
    """Singular value and alignment at c = 1/3 each, in radicals (arXiv:2112.12348, corollary 3)."""
    root = sqrt(3) * sqrt((3 * beta**2 - 4) ** 3)
    value = sqrt(beta**2 / 2 + 2 + root / (18 * beta))
    alignment = (sqrt(9 * beta**2 - 12 + root / beta) + sqrt(9 * beta**2 + 36 + root / beta)) / (6 * sqrt(2) * beta)
    return value, alignment


def spiked_curve(c: tuple[float, ...], s: float) -> tuple[float, float, tuple[float, ...]]:
    """beta, singular value and alignments as functions of s = lambda + g (arXiv:2112.12348)."""
    g = [(s - sqrt(s**2 + 4 * ci)) / 2 for ci in c]
    q = [sqrt(-gi * s / ci) for gi, ci in zip(g, c, strict=True)]
    product = 1.0
    for qi in q:
        product *= qi
    return s / product, s - sum(g), tuple(q)


def bbp(beta: float, c1: float, c2: float) -> tuple[float, float, float]:
    """Singular value, squared alignments of beta x y' + Z, Var Z = 1/N, n_i = c_i N (Benaych-Georges, Nadakuditi)."""
    value2 = beta**2 + c1 + c2 + c1 * c2 / beta**2
    return (
        sqrt(value2),
        1 - c1 * (beta**2 + c2) / (beta**2 * (beta**2 + c1)),
        1 - c2 * (beta**2 + c1) / (beta**2 * (beta**2 + c2)),
    )


def masked_residuals(
    c: tuple[float, ...], epsilon: float, beta: float, value: float, g: list[float], q: list[float]
) -> list[float]:
    """The masked tensor: g_i = -c_i/(eps (g - g_i) + z), q_i^2 = 1 - eps g_i^2/c_i, beta = (lambda/eps + g)/prod q."""
    total = sum(g)
    out = [gi + ci / (epsilon * (total - gi) + value) for gi, ci in zip(g, c, strict=True)]
    out += [qi**2 - 1 + epsilon * gi**2 / ci for qi, gi, ci in zip(q, g, c, strict=True)]
    product = 1.0
    for qi in q:
        product *= qi
    return [*out, beta * product - value / epsilon - total]


def nested_below_residuals(
    c: tuple[float, ...], beta_t: float, value: float, alpha: float, g: tuple[float, ...]
) -> list[float]:
    """Marginal critical points of ``beta_T Z o z + W`` by the two-time equations of their dynamics.

    At long times every noise contributes an excess X times its correlation, beyond the response at equal times:
    lambda = -g - gamma (g_1 + g_2) + X (1 + gamma) and lambda = (1 + gamma_0) (X - g_1 - g_2) from the overlap with z;
    g solves the block Dyson equation, whose derivative is singular at the edge. gamma = gamma_0 alpha^2.
    """
    gamma_0 = beta_t**2 / (c[0] + c[1])
    gamma = gamma_0 * alpha**2
    excess = value / (1 + gamma_0) + g[0] + g[1]
    v = [[0, 1 + gamma, 1], [1 + gamma, 0, 1], [1, 1, 0]]
    h = [value + sum(a * b for a, b in zip(row, g, strict=True)) for row in v]
    m = [[h[i] * (i == j) + g[i] * v[i][j] for j in range(3)] for i in range(3)]
    minors = [m[1][(k + 1) % 3] * m[2][(k + 2) % 3] - m[1][(k + 2) % 3] * m[2][(k + 1) % 3] for k in range(3)]
    return [
        value + sum(g) + gamma * (g[0] + g[1]) - excess * (1 + gamma),
        *(gi * hi + ci for gi, hi, ci in zip(g, h, c, strict=True)),
        sum(a * b for a, b in zip(m[0], minors, strict=True)),
    ]
