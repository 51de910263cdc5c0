"""Text of the command line becomes exact values; what is printed can be read back."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import I, Rational

import models
from derive import atomic
from derive.cli_notation import plain
from derive.cli_output import law_text, number_record, number_text
from derive.cli_values import read_law, read_settings, read_sizes, read_sweep
from derive.errors import ParameterError


@pytest.mark.parametrize(
    ("name", "text", "law"),
    [
        ("Sigma", "1:0.5,4:0.5", atomic([1, 4])),
        ("Sigma", "1, 4", atomic([1, 4])),
        ("Sigma", " 1/3 : 1/4 , 1e-2 : 0.75 ", atomic(["1/3", "1/100"], ["1/4", "3/4"])),
        ("Sigma", "2", atomic([2])),
        ("A,B", "(1,3):1/2,(4,1/2):1/2", atomic([(1, 3), (4, "1/2")])),
        ("A, B", "( 1 , 3 ), (4, 0.5)", atomic([(1, 3), (4, "1/2")])),
    ],
)
def test_laws(name, text, law):
    assert read_law(name, text) == law
    assert read_law(name, law_text(law)) == law


def test_matrices_as_laws():
    matrix = read_law("A", "[[2, -1/2], [-1/2, 1e1]]")
    assert matrix == [[2, Rational(-1, 2)], [Rational(-1, 2), 10]]
    assert read_law("A", law_text(matrix)) == matrix


def test_settings_are_exact():
    theorem = models.load("sample-covariance")
    params = read_settings(theorem, ["z = 1+0.5j", "c=1/3"], ["Sigma=2"])
    assert list(params.values()) == [Rational(1, 3), 1 + I / 2, atomic([2])]


def test_sweeps():
    theorem = models.load("sample-covariance")
    parameter, values = read_sweep(theorem, "c=1/2:3:6")
    assert parameter.name == "c"
    assert np.array_equal(values, np.linspace(0.5, 3, 6))
    assert len(read_sweep(theorem, "c=1:2")[1]) == 61
    assert np.array_equal(read_sweep(theorem, "z=1+1j:2+1j:3")[1], [1 + 1j, 1.5 + 1j, 2 + 1j])
    assert read_sweep(theorem, None)[0].symbol == theorem.axis[0]
    # spelled complex it asks for the boundary value, which a real number does not
    assert np.iscomplexobj(read_sweep(theorem, "z=1+0j:2+0j:3")[1])
    assert not np.iscomplexobj(read_sweep(theorem, "c=1+0j:2:3")[1])
    for text in ("c=1:2:3:4", "c=1:2:-3", "c=1:2:1e3", "c=1:two:3"):
        with pytest.raises(ParameterError):
            read_sweep(theorem, text)


def test_sizes():
    assert read_sizes(None) is None
    assert read_sizes("100,200 , 400") == (100, 200, 400)
    for text in ("", "0,1", "-5", "1.5", "100;200"):
        with pytest.raises(ParameterError, match="whole numbers"):
            read_sizes(text)


def test_numbers_as_text_and_as_json():
    from mpmath import mp, mpc, mpf

    assert number_text(1 / 3) == "0.333333333333"
    assert number_text(-1.5 - 0.25j) == "-1.5 - 0.25 i"
    assert number_text(np.float64(2)) == "2"
    with mp.workdps(60):
        third, point = mpf(1) / 3, mpc(mpf(1) / 3, -2)
        assert number_text(third, 50) == "0." + "3" * 50
        assert number_record(third, 50) == "0." + "3" * 50
        assert number_record(point, 20) == {"re": "0." + "3" * 20, "im": "-2." + "0" * 19}
    assert number_record(0.5) == 0.5
    assert number_record(0.5 + 1j) == {"re": 0.5, "im": 1.0}


@pytest.mark.parametrize("name", models.names())
def test_every_quantity_of_the_catalogue_reads_well(name):
    for expr in models.load(name).quantities.values():
        text = plain(expr)
        assert not any(code in text for code in ("**", "Trace", ".T", "MatMul", "Inverse"))
