"""What is sampled has the moments it was declared with; every test states its false-alarm rate.

A mean of T values is compared with its expectation at ``z`` standard errors, z = 5.3: about 1e-7 for each comparison.
"""

import array_api_strict
import numpy as np
import pytest
from sympy import Rational, Symbol

from derive.errors import ParameterError
from derive.laws import atomic
from derive.symbols import Deterministic, Gaussian, Signal, Wigner, dimensions
from verify.backend import numpy_backend, select_backend
from verify.entries import entry_law, gaussian, rademacher, sparse, student
from verify.inputs import Point
from verify.sample import Sampler, random_matrix
from verify.structured import Diagonal, Full, Kron

n, p = dimensions("n p")
LAWS = [gaussian(), rademacher(), sparse(), sparse(0.3), student(), student(9)]
FAR = 5.3


def close_to(values, expected):
    """The mean of independent values is the expected one, at ``FAR`` standard errors."""
    values = np.ravel(values)
    return abs(values.mean() - expected) <= FAR * values.std() / np.sqrt(values.size) + 1e-12


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_real_entries_are_centred_with_the_declared_variance(law, seed):
    Z = Gaussian("Z", p, n)
    x = random_matrix(Z, (300, 400), 0.25, law, np.random.default_rng(seed), np)
    assert x.shape == (300, 400)
    assert x.dtype == np.float64
    assert close_to(x, 0)
    assert close_to(x**2, 0.25)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_complex_entries_are_circular(law, seed):
    Z = Gaussian("Z", p, n, real=False)
    x = random_matrix(Z, (300, 400), 4.0, law, np.random.default_rng(seed), np)
    assert close_to(np.abs(x) ** 2, 4.0)
    assert close_to((x**2).real, 0)
    assert close_to((x**2).imag, 0)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("real", [True, False])
def test_wigner(law, real, seed):
    W = Wigner("W", n, real=real)
    draws = np.stack([random_matrix(W, (60, 60), 0.5, law, np.random.default_rng([seed, t]), np) for t in range(200)])
    np.testing.assert_array_equal(draws, np.conj(np.swapaxes(draws, 1, 2)))
    upper = draws[:, *np.triu_indices(60, 1)]
    diagonal = np.diagonal(draws, axis1=1, axis2=2)
    assert close_to(np.abs(upper) ** 2, 0.5)
    # twice the variance on the diagonal of a real matrix (GOE), the same on that of a complex one (GUE)
    assert close_to(np.abs(diagonal) ** 2, 1.0 if real else 0.5)
    if not real:
        assert close_to((upper**2).real, 0)
        assert np.all(diagonal.imag == 0)


def test_kinds_of_entries(seed):
    rng = np.random.default_rng(seed)
    shape = (400, 500)
    assert set(np.unique(rademacher().draw(rng, np, shape, 1)[0])) == {-1.0, 1.0}
    kept = sparse(0.1).draw(rng, np, shape, 2)
    np.testing.assert_array_equal(kept[0] == 0, kept[1] == 0)
    assert close_to(kept[0] != 0, 0.1)
    # the fourth moment of Student's law with nu degrees of freedom and unit variance is 3 (nu - 2) / (nu - 4)
    assert close_to(student(12).draw(rng, np, shape, 1)[0] ** 4, 3 * 10 / 8)


@pytest.mark.parametrize("bad", ["cauchy", 3, None, ""])
def test_unknown_entries(bad):
    with pytest.raises(ParameterError, match=r"entries must be 'gaussian', 'rademacher'.*got"):
        entry_law(bad)


@pytest.mark.parametrize(("make", "value"), [(sparse, 0), (sparse, 1.5), (student, 4), (student, float("inf"))])
def test_parameters_of_entries_are_checked(make, value):
    with pytest.raises(ParameterError):
        make(value)


# ---- all letters of a law ------------------------------------------------------------------------------------------
sigma2 = Symbol("sigma2", positive=True)
Z, W = Gaussian("Z", p, n, variance=sigma2 / n), Wigner("W", p, variance=1 / p)
S, A = Deterministic("S", p, p, positive=True), Deterministic("A", p, p)
R = Deterministic("R", p, n)
u = Signal("u", p, norm2=1)


def sampler(letters, entries="gaussian", **laws):
    from derive.laws import array_law

    all_laws = {(S,): atomic([1, 4]), (A,): array_law([[0, 1], [2, 3]]), (R,): atomic([5, 6])}
    point = Point({sigma2: Rational(2)}, {k: v for k, v in all_laws.items() if k[0] in letters})
    return Sampler(letters, {}, point, n, {n: 12, p: 8}, entry_law(entries))


def test_every_letter_has_its_shape_and_structure():
    drawn = sampler((Z, W, S, A, R, u)).draw(numpy_backend(), 0, range(5))
    assert drawn[Z].array.shape == (5, 8, 12)
    assert drawn[W].array.shape == (5, 8, 8)
    assert drawn[u].array.shape == (5, 8, 1)
    assert isinstance(drawn[S], Diagonal)
    assert isinstance(drawn[A], Kron)
    np.testing.assert_array_equal(drawn[S].vector, [1, 1, 1, 1, 4, 4, 4, 4])
    assert drawn[A].m == 4
    np.testing.assert_allclose(np.linalg.svd(drawn[R].array)[1], [6] * 4 + [5] * 4)


def test_variance_may_hold_parameters(seed):
    drawn = sampler((Z,)).draw(numpy_backend(), seed, range(800))
    assert close_to(drawn[Z].array ** 2, 2 / 12)


def test_a_trial_does_not_depend_on_its_batch_nor_on_the_other_letters():
    whole = sampler((Z, W, u)).draw(numpy_backend(), 3, range(6))
    later = sampler((Z, W, u)).draw(numpy_backend(), 3, [5, 2])
    alone = sampler((Z,)).draw(numpy_backend(), 3, range(6))
    for letter in (Z, W, u):
        np.testing.assert_array_equal(later[letter].array[0], whole[letter].array[5])
        np.testing.assert_array_equal(later[letter].array[1], whole[letter].array[2])
    np.testing.assert_array_equal(alone[Z].array, whole[Z].array)


def test_trials_letters_and_seeds_differ():
    other = Gaussian("Y", p, n, variance=sigma2 / n)
    drawn = sampler((Z, other)).draw(numpy_backend(), 3, range(2))
    again = sampler((Z,)).draw(numpy_backend(), 4, range(2))
    assert not np.any(drawn[Z].array[0] == drawn[Z].array[1])
    assert not np.any(drawn[Z].array == drawn[other].array)
    assert not np.any(drawn[Z].array == again[Z].array)


def test_seeds_are_those_of_seed_sequence_spawn():
    from zlib import crc32

    from verify.sample import seeds

    spawned = np.random.SeedSequence(7).spawn(3)[2]
    assert spawned.spawn_key == (2,)
    assert seeds(7, 100, 5, "Z").spawn_key == (100, 5, crc32(b"Z"))
    assert seeds(7, 100, 5, "Z").entropy == spawned.entropy


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_same_numbers_through_the_array_api(law):
    numpy_draw = sampler((Z, W, S, A, R, u), law).draw(numpy_backend(), 1, range(3))
    strict_draw = sampler((Z, W, S, A, R, u), law).draw(numpy_backend(array_api_strict), 1, range(3))
    for letter, matrix in numpy_draw.items():
        array, strict = next(iter(vars(matrix).values())), next(iter(vars(strict_draw[letter]).values()))
        np.testing.assert_allclose(np.asarray(strict), array, rtol=1e-15)


def test_devices():
    assert select_backend("cpu").name == "cpu"
    assert select_backend("auto").name in ("cpu", "gpu")
    with pytest.raises(ParameterError, match="device must be 'auto', 'cpu' or 'gpu', got 'tpu'"):
        select_backend("tpu")


def test_a_gpu_that_is_not_there_is_an_error():
    from verify.backend import _gpu_problem

    if _gpu_problem() is None:
        pytest.skip("there is a GPU")
    with pytest.raises(ParameterError, match=r"device='gpu' was asked for, but .*use device='cpu'"):
        select_backend("gpu")


@pytest.mark.gpu
def test_moments_on_a_gpu(seed):
    backend = select_backend("gpu")
    drawn = sampler((Z, W, S, A, R, u)).draw(backend, seed, range(400))
    assert isinstance(drawn[Z], Full)
    assert close_to(backend.to_host(drawn[Z].array) ** 2, 2 / 12)
    again = sampler((Z,)).draw(backend, seed, [7])
    np.testing.assert_array_equal(backend.to_host(again[Z].array[0]), backend.to_host(drawn[Z].array[7]))
