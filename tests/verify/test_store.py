"""The store keeps numbers exactly, whole transactions only, under keys that say what the numbers depend on."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Identity, Rational, Symbol, Trace

from derive.errors import ParameterError
from derive.laws import array_law, atomic, density, joint
from derive.symbols import Deterministic, Gaussian, Signal, Wigner, dimensions
from verify.fingerprint import fingerprint
from verify.store import Store

n, p = dimensions("n p")
x = Symbol("x")
S = Deterministic("S", p, p, positive=True)


@given(
    st.dictionaries(st.integers(0, 99), st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False), max_size=9)
)
def test_numbers_come_back_exactly(values):
    with Store(":memory:") as store:
        store.save("key", values)
        found = store.load("key", range(100))
    assert found == values
    assert all(type(found[t]) is type(values[t]) for t in values)


def test_a_file_is_shared_and_resumed(tmp_path):
    path = tmp_path / "results.sqlite"
    with Store(path) as first, Store(path) as second:
        first.save_all({"a": {0: 1.0, 1: 2.0}, "b": {0: 3.0}})
        assert second.load("a", [1, 5]) == {1: 2.0}
        second.save("a", {1: 9.0, 2: 4.0})
        assert first.load("a", range(9)) == {0: 1.0, 1: 2.0, 2: 4.0}
        assert len(first) == 4
    assert [f.name for f in tmp_path.iterdir()] == ["results.sqlite"]


def test_a_failed_batch_leaves_nothing(tmp_path):
    with Store(tmp_path / "s") as store:
        with pytest.raises(TypeError):
            store.save_all({"a": {0: 1.0}, "b": {0: object()}})
        with pytest.raises(sqlite3.Error):
            store.save_all({"a": {0: 1.0, None: 2.0}})
        assert len(store) == 0


def test_values_are_json_text(tmp_path):
    with Store(tmp_path / "s") as store:
        store.save("key", {0: 0.1, 1: 1 + 2j})
    rows = sqlite3.connect(tmp_path / "s").execute("SELECT value FROM results ORDER BY trial").fetchall()
    assert rows == [("0.1",), ("[1.0, 2.0]",)]


def test_other_files_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("these are my notes, not a database " * 20)
    with pytest.raises(ParameterError, match=r"notes.txt cannot be used as a store"):
        Store(text)
    assert text.read_text().startswith("these are my notes")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    with pytest.raises(ParameterError, match="not a store of this version"):
        Store(other)
    with pytest.raises(ParameterError, match="cannot be used as a store"):
        Store(tmp_path / "no" / "folder")


# ---- keys -----------------------------------------------------------------------------------------------------------
def test_a_key_sees_what_printing_hides():
    keys = [
        fingerprint(Trace(matrix))
        for matrix in (
            Gaussian("Z", p, p, variance=1 / p),
            Gaussian("Z", p, p, variance=2 / p),
            Gaussian("Z", p, p, variance=1 / p, real=False),
            Wigner("Z", p, variance=1 / p),
            Deterministic("Z", p, p),
            Deterministic("Z", p, p, symmetric=True),
        )
    ]
    assert len(set(keys)) == len(keys)
    assert fingerprint(Signal("u", p, norm2=1)) != fingerprint(Signal("u", p, norm2=2))


def test_a_key_does_not_see_order():
    Z, W = Gaussian("Z", p, p), Wigner("W", p)
    one = Identity(p)
    assert fingerprint(Trace(Z + W + x * one)) == fingerprint(Trace(x * one + W + Z))
    assert fingerprint(Trace(Z * W)) != fingerprint(Trace(W * Z * Z))
    assert fingerprint({x: 1, n: 2}) == fingerprint({n: 2, x: 1})


def test_laws_have_keys():
    laws = [
        atomic([1, 4]),
        atomic([1, "4.5"]),
        atomic([1, 4], ["1/3", "2/3"]),
        density(x / x, (x, 0, 1)),
        array_law([[1, 0], [0, 1]]),
        array_law(np.array([[1, 0], [0, 1j]])),
        joint({S: [1, 4]}),
    ]
    assert len({fingerprint(law) for law in laws}) == len(laws)
    assert fingerprint(atomic([1, 4])) == fingerprint(atomic([Rational(1), "4"], [0.5, "1/2"]))


def test_what_has_no_key_is_an_error():
    with pytest.raises(TypeError, match="no fingerprint for object"):
        fingerprint(object())
