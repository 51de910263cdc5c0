"""The theorems about tensors: every printed number, other orders, and simulation on both sides of the transition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sympy import Rational

import models
import verify
from derive import limit
from derive.cli import run
from derive.errors import CertificationError, ParameterError
from derive.tensors.symbols import Overlap
from models.spiked_tensor import spiked_tensor
from models.spiked_tensor_symmetric import spiked_tensor_symmetric
from tests.oracles import tensor_curves
from tests.oracles import tensors as printed
from verify import PowerIteration

NAMES = ("spiked-tensor", "spiked-tensor-symmetric", "masked-tensor", "nested-matrix-tensor")


def exactly(c):
    """Ratios that are printed to eight digits, as the fractions they are."""
    return [Rational(x).limit_denominator(60) for x in c]


def named(theorem, c, **values):
    ratios = [p.name for p in theorem.parameters if p.name.startswith("c_")]
    return {**values, **dict(zip(ratios, exactly(c), strict=False))}


# ---- printed numbers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("c", "beta", "value", "alignments"), printed.SPIKED)
def test_spiked_rows(c, beta, value, alignments):
    theorem = spiked_tensor(len(c))
    found = list(theorem.evaluate(named(theorem, c, beta=beta)).values())
    assert found == pytest.approx([value, *alignments], abs=1e-7)


@pytest.mark.parametrize(("c", "beta_t", "beta_m", "value", "alignments"), printed.NESTED)
def test_nested_rows(c, beta_t, beta_m, value, alignments):
    theorem = models.load("nested-matrix-tensor")
    found = list(theorem.evaluate(named(theorem, c, beta_T=beta_t, beta_M=beta_m)).values())
    assert found == pytest.approx([value, *alignments], abs=1e-7)


@pytest.mark.parametrize(("c", "beta_t", "critical", "value", "squares"), printed.NESTED_JUMPS)
def test_nested_jumps(c, beta_t, critical, value, squares):
    """The first-order transition: just above it the printed numbers, below it 0 and a constant.

    The notes extend the end of the informative branch to all weaker signals. That is right for strong beta_T only: the
    vector z of the noise must be lost when beta_T vanishes.
    """
    theorem = models.load("nested-matrix-tensor")
    above, below, far = (
        list(theorem.evaluate(named(theorem, c, beta_T=beta_t, beta_M=critical * side)).values())
        for side in (1 + 1e-7, 1 - 1e-7, 0.1)
    )
    assert above == pytest.approx([value, *(q**0.5 for q in squares)], abs=2e-3)
    assert below[1:3] == [0, 0]
    assert below == pytest.approx(far, abs=1e-9)
    if beta_t >= 2:
        assert below == pytest.approx([value, 0, 0, squares[2] ** 0.5], abs=1e-3)


@pytest.mark.slow
def test_the_extension_of_the_notes_below_the_transition_is_refuted(seed):
    """beta_T = 0.7, equal dimensions: the notes' 1.7698 and 0.8105, against simulation from the planted vectors."""
    theorem = models.load("nested-matrix-tensor")
    point = {"beta_T": "7/10", "beta_M": "1/100", "c_p": "1/3", "c_n": "1/3"}
    options = {"sizes": (48, 96, 192), "trials": 300, "resolution": 0.03, "device": "cpu", "progress": False}
    check = theorem.verify(point, seed=seed, start=PowerIteration(tolerance=1e-5), **options)
    by_name = {c.quantity: c for c in check.comparisons}
    assert by_name["singular_value"].verdict != "refuted", str(check)
    assert by_name["alignment_z"].verdict != "refuted", str(check)
    value, alignments = tensor_curves.nested(0.7, 0.01, (1 / 3, 1 / 3, 1 / 3))
    wrong = check.judge({**check.limits, "singular_value": value, "alignment_z": alignments[2]})
    assert {c.quantity: c.verdict for c in wrong.comparisons}["alignment_z"] == "refuted", str(wrong)


@pytest.mark.parametrize(("c", "threshold", "edge"), printed.SPIKED_THRESHOLDS)
def test_spiked_thresholds(c, threshold, edge):
    theorem = spiked_tensor(len(c))
    found = theorem.evaluate(named(theorem, c, beta=threshold * (1 - 1e-7)))
    assert list(found.values()) == pytest.approx([edge, *[0] * len(c)], abs=1e-6)
    assert theorem.evaluate(named(theorem, c, beta=threshold * (1 + 1e-6)))["alignment_1"] > (0.5 if len(c) > 2 else 0)


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6])
def test_any_order(order):
    """Unequal dimensions, above the threshold, and the edge below, against the explicit curve."""
    theorem = spiked_tensor(order)
    shares = tuple(2 * k / order / (order + 1) for k in range(1, order + 1))
    assert len(theorem.parameters) == order
    for beta in (0.5, 1.6, 3):
        value, alignments = tensor_curves.spiked(beta, shares)
        assert list(theorem.evaluate(beta=beta).values()) == pytest.approx([value, *alignments], abs=1e-9)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_any_symmetric_order(order):
    for beta in (0.5, 1.6, 3):
        found = list(spiked_tensor_symmetric(order).evaluate(beta=beta).values())
        assert found == pytest.approx(list(tensor_curves.spiked_symmetric(beta, order)), abs=1e-9)


def test_equal_dimensions_and_symmetry_have_one_limit_at_order_3():
    balanced = spiked_tensor(3).evaluate(beta=2, c_1="1/3", c_2="1/3")
    symmetric = spiked_tensor_symmetric(3).evaluate(beta=2)
    assert balanced["singular_value"] == pytest.approx(symmetric["singular_value"], abs=1e-13)
    assert balanced["alignment_1"] == pytest.approx(symmetric["alignment"], abs=1e-13)


# ---- simulation ------------------------------------------------------------------------------------------------------
def below(name, point, start, sizes, trials, resolution, seed, exponent=None):
    """A check with squares of the overlaps that vanish: their bias is 1/N where that of the overlaps is N^(-1/2)."""
    theorem = models.load(name)
    limits = theorem.evaluate(point)
    quantities = {
        q: e**2 if isinstance(e, Overlap) and limits[q] == 0 else e for q, e in theorem.quantities.items()
    }  # fmt: skip
    law = limit(quantities, dict(theorem.regime))
    options = {"sizes": sizes, "trials": trials, "resolution": resolution, "level": 1e-6, "exponent": exponent}
    return verify.check(law, theorem.resolve(point), seed=seed, start=start, device="cpu", progress=False, **options)


# a random start, as it forgets the signal faster; where the rest of the tensor is seen, it is found from there too
FORGETFUL = PowerIteration("random", starts=1, tolerance=1e-5)
THIRDS = {"c_1": "1/3", "c_2": "1/3"}
BELOW = {
    "spiked-tensor": ({"beta": "1/2", **THIRDS}, (24, 48, 96), 300, 0.05),
    "spiked-tensor-symmetric": ({"beta": "1/2"}, (16, 28, 44), 350, 0.07),
    "masked-tensor": ({"beta": "3/4", "epsilon": "4/5", **THIRDS}, (48, 84, 120), 250, 0.07),
    "nested-matrix-tensor": ({"beta_M": "1/4", "beta_T": 2}, (48, 72, 120), 300, 0.1),
}


@pytest.mark.parametrize("name", BELOW)
def test_below_the_threshold_a_simulation_is_consistent_too(name, request):
    """The edge, and alignments 0; a true limit fails this with probability 1e-6, an informative one would be seen."""
    point, sizes, trials, resolution = BELOW[name]
    check = below(name, point, FORGETFUL, sizes, trials, resolution, 3 + request.config.getoption("--seed-offset"))
    assert 0 in check.limits.values()
    assert check.verdict == "consistent", str(check)
    wrong = {q: 0.7 * value if value else 0.5 for q, value in check.limits.items()}
    assert all(c.verdict == "refuted" for c in check.judge(wrong).comparisons)


@pytest.mark.slow
@pytest.mark.parametrize("name", BELOW)
def test_below_the_threshold_the_signal_is_forgotten_even_from_the_planted_vectors(name, seed):
    """Squared overlaps fall like N^(-3/4) from there (measured, N up to 192), and not at all above a threshold."""
    point, sizes, trials, _ = BELOW[name]
    planted = PowerIteration("planted", tolerance=1e-5)
    sizes = tuple(2 * size for size in sizes)
    zero = [q for q, value in models.load(name).evaluate(point).items() if value == 0]
    check = below(name, point, planted, sizes, trials, 0.1, seed, dict.fromkeys(zero, 0.75))
    assert check.verdict == "consistent", str(check)


# with the resolution that the sizes and trials of the theorem have: few sizes are small enough at a high order
HIGHER = {
    "4": (spiked_tensor(4), 0.03),
    "5": (spiked_tensor(5), 0.05),
    "symmetric 4": (spiked_tensor_symmetric(4), 0.05),
    "symmetric 5": (spiked_tensor_symmetric(5), 0.1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HIGHER)
def test_higher_orders_agree_with_simulation(name, seed):
    theorem, resolution = HIGHER[name]
    check = theorem.verify(seed=seed, level=1e-6, resolution=resolution, device="cpu", progress=False)
    assert check.verdict == "consistent", str(check)


def test_order_4_agrees_with_simulation(request):
    seed = 1 + request.config.getoption("--seed-offset")
    check = spiked_tensor(4).verify(
        seed=seed, sizes=(40, 50, 60), trials=500, level=1e-6, resolution=0.06, device="cpu", progress=False
    )
    assert check.verdict == "consistent", str(check)


def test_a_start_that_does_not_know_the_signal_finds_it_far_above_the_threshold():
    """At small sizes an unfolding is a good enough start: the same critical point is reached."""
    theorem = models.load("spiked-tensor")
    known, found = (
        verify.simulate(theorem.law, theorem.resolve(beta=4), 66, 20, start=start, device="cpu")
        for start in ("planted", "unfolding")
    )
    for name in known:
        assert found[name] == pytest.approx(known[name], abs=1e-5)


def test_the_bias_of_the_mask_is_declared_above_the_threshold_only():
    theorem = models.load("masked-tensor")
    options = {"sizes": (24, 36, 48), "trials": 4, "device": "cpu"}
    assert set(theorem.verify(**options).settings.exponents.values()) == {2}
    assert theorem.verify({"beta": "1/2"}, **options).settings.exponents["singular_value"] == 2 / 3
    assert theorem.verify(exponent=1, **options).settings.exponents["singular_value"] == 1


# ---- bad input -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("spiked-tensor", {"beta": -1}, "beta = -1 is outside its domain: beta >= 0"),
        ("spiked-tensor", {"c_1": "2/3", "c_2": "1/3"}, "c_1 = 2/3 is outside its domain: 0 < c_1 < 1 - c_2"),
        ("masked-tensor", {"epsilon": 0}, "epsilon = 0 is outside its domain"),
        ("nested-matrix-tensor", {"beta_N": 1}, "did you mean beta_"),
    ],
)
def test_values_outside_their_domains(name, values, words):
    with pytest.raises(ParameterError) as caught:
        models.load(name).evaluate(values)
    assert words in str(caught.value)


def test_below_the_threshold_there_is_no_proof_but_a_note():
    theorem = models.load("spiked-tensor")
    with pytest.raises(CertificationError, match="no informative solution"):
        theorem.certify(beta="1/2")
    assert theorem.note() == ""
    assert theorem.note({"beta": "1/2"}).startswith("below the threshold")


# ---- the command -----------------------------------------------------------------------------------------------------
def test_show_names_the_tensor(capsys):
    assert run(["show", "nested-matrix-tensor", "--steps"]) == 0
    text = capsys.readouterr().out
    for words in ("T   beta_T (beta_M x y' + Z) o z + W", "lambda(T)", "<z, u_3>", "p x n x m, independent", "Step 5"):
        assert words in text
    assert run(["show", "masked-tensor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tensors"] == {"T": "Masked(beta*Outer(x, y, z) + W, epsilon)"}


def test_solve_tells_a_point_below_the_threshold(capsys):
    assert run(["solve", "spiked-tensor", "--set", "beta=1/2"]) == 0
    shown = capsys.readouterr()
    assert "alignment_1     0\n" in shown.out
    assert shown.err.startswith("derive: below the threshold")
    assert run(["solve", "spiked-tensor", "--certify", "--digits", "25"]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("(proven)") == 4
    assert shown.err == ""
    assert run(["solve", "spiked-tensor", "--certify", "--set", "beta=1/2"]) == 2


def test_plot_marks_the_threshold_and_breaks_the_line_there(capsys, tmp_path):
    output = str(tmp_path / "plot.png")
    options = ["--sweep", "beta=0.5:3:11", "--overlay-simulation", "--sizes", "36", "--trials", "4", "--device", "cpu"]
    assert run(["plot", "spiked-tensor", *options, "-o", output, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert Path(output).stat().st_size > 10_000
    assert [a is not None and a > 0.6 for a in record["curves"]["alignment_1"]] == [False] * 3 + [True] * 8
    assert len(record["simulation"]["alignment_1"]) == 7
    (threshold,) = record["breaks"]
    assert threshold == pytest.approx(1.1135, abs=2e-3)


def test_verify_takes_a_start_and_says_which(capsys):
    options = ["--sizes", "24,36,48", "--trials", "3", "--device", "cpu"]
    assert run(["verify", "spiked-tensor", *options, "--start", "unfolding", "--json"]) in (0, 3)
    assert json.loads(capsys.readouterr().out)[0]["start"] == "unfolding"
    assert run(["verify", "spiked-tensor", *options, "--entries", "student"]) == 2
    assert "entries='student' does not apply" in capsys.readouterr().err
    assert run(["verify", "semicircle", "--start", "random"]) == 2
    assert "start='random' does not apply" in capsys.readouterr().err
