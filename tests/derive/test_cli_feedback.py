"""What a user sees: messages that name the mistake, boundary values, proven observables, curves that look smooth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sympy import Determinant, Identity, Piecewise, Symbol, Trace, log, sqrt, symbols

import models
from derive import Deterministic, Wigner, atomic, deterministic_equivalent, dimensions, joint, limit
from derive.cli_curve import refined
from derive.cli_plot import Curves, draw, isolated, sweep
from derive.entry import main
from derive.errors import BranchError, CommutationError, DimensionError, LawError, NotRationalError, ResolventError
from tests.oracles import semicircle

n = dimensions("n")
z = Symbol("z")
A, B = (Deterministic(name, n, n, symmetric=True) for name in "AB")
W = Wigner("W", n, variance=1 / n)
RESOLVENT = (A + W - z * Identity(n)).I


# ---------------------------------------------------------------- the Python interface


@pytest.mark.parametrize("wrap", [lambda d: log(d) / n, lambda d: log(abs(d)) / n, lambda d: d])
def test_a_determinant_is_named_with_what_is_possible(wrap):
    with pytest.raises(NotRationalError, match=r"Determinant\(.*its logarithm.*Take the limit of such a trace"):
        limit(wrap(Determinant(W - z * Identity(n))))


def test_a_deterministic_equivalent_wants_a_matrix():
    with pytest.raises(DimensionError, match=r"wants a random matrix.*is a number.*limit\(\.\.\.\)"):
        deterministic_equivalent(Trace(RESOLVENT) / n)


def test_a_string_names_a_matrix_as_it_names_a_parameter():
    law = limit(Trace(RESOLVENT) / n)
    spectrum = atomic([1, -1])
    assert law.evaluate({"z": 4, "A": spectrum}) == law.evaluate({z: 4, A: spectrum})
    with pytest.raises(LawError, match="the law of A is given twice"):
        law.evaluate({z: 4, A: spectrum, "A": spectrum})
    with pytest.raises(LawError, match="W is random"):
        law.evaluate({z: 4, "W": spectrum})
    with pytest.raises(ResolventError, match=r"unknown parameter A,C; the parameters are z, the matrices A$"):
        law.evaluate({z: 4, "A,C": spectrum})


def test_a_string_names_a_joint_law():
    law = limit(Trace(B * RESOLVENT) / n, commuting=[(A, B)])
    both = atomic([(1, 2), (-1, 3)])
    assert law.evaluate({z: 4, "A, B": both}) == law.evaluate({z: 4, (A, B): both})


@pytest.mark.parametrize(
    "build",
    [
        lambda: atomic(5),
        lambda: atomic("15"),
        lambda: atomic(None),
        lambda: atomic({1: 0.5}),
        lambda: atomic([1, 4], 2),
        lambda: joint({A: 5}),
        lambda: joint({A: [5]}, 1),
    ],
)
def test_what_is_not_a_list_of_atoms(build):
    with pytest.raises(LawError, match="list"):
        build()


@pytest.mark.parametrize("commuting", [3, [3], A, [A], "AB", ["AB"], (A, B)])
def test_what_is_not_a_list_of_families(commuting):
    with pytest.raises(CommutationError, match=r"commuting=\[\(A, B\)\]"):
        limit(Trace(B * RESOLVENT) / n, commuting=commuting)


def test_inner_products_that_are_no_mapping():
    with pytest.raises(ResolventError, match="mapping"):
        limit(Trace(RESOLVENT) / n, inner=3)


@pytest.mark.parametrize("name", ["z", "n"])
def test_a_scalar_and_a_matrix_of_one_name(name):
    with pytest.raises(ResolventError, match=f"the name {name} has two definitions: a scalar and Deterministic"):
        limit(Trace((Deterministic(name, n, n, symmetric=True) + W - z * Identity(n)).I) / n)


# ---------------------------------------------------------------- boundary values


@pytest.mark.parametrize("extra", [(), ("--digits", "25"), ("--certify",)])
def test_a_value_spelled_with_an_imaginary_part_is_the_boundary_value(capsys, extra):
    assert main(["solve", "semicircle", "--set", "z=1/2+0j", "--set", "v=1", "--json", *extra]) == 0
    record = json.loads(capsys.readouterr().out)
    value = record["values"]["stieltjes"]
    found = complex(float(value.get("re", value.get("mid"))), float(value.get("im", value.get("im_mid"))))
    # the density at 1/2, times pi
    assert found == pytest.approx(-1 / 4 + 1j * np.sqrt(4 - 1 / 4) / 2, rel=1e-13)
    assert record["parameters"]["z"] == "1/2+0j"


def test_a_refusal_to_certify_names_the_interval(capsys):
    assert main(["solve", "semicircle", "--set", "z=1", "--set", "v=1", "--certify"]) == 2
    error = capsys.readouterr().err
    assert "z = 1 lies inside the bulk [-2, 2]" in error
    assert error.count("\n") == 1


# ---------------------------------------------------------------- proven observables


def with_observables(**observables):
    from dataclasses import replace

    return replace(models.load("semicircle"), observables=observables)


def test_certified_observables_hold_the_value():
    import mpmath

    theorem = models.load("lssvm")
    balls, refused = theorem.certify(digits=30)
    assert refused == {}
    with mpmath.workdps(60):
        for name, value in theorem.observe(digits=50).items():
            ball = balls[name]
            middle, rad = mpmath.mpf(ball.mid().str(60, radius=False)), mpmath.mpf(float(ball.rad()))
            assert abs(middle - value) <= rad + mpmath.mpf(10) ** -48
            assert rad < mpmath.mpf(10) ** -29


def test_an_observable_without_a_proof_is_named(capsys, monkeypatch):
    m, at = symbols("stieltjes z")
    theorem = with_observables(
        square=m**2 * at, kink=Piecewise((m, m > 0), (0, True)), pole=1 / ((m + 1) * (m - 1) - m**2 + 1)
    )
    monkeypatch.setattr(models, "load", lambda _: theorem)
    assert main(["solve", "semicircle", "--certify", "--json"]) == 0
    printed = capsys.readouterr()
    assert set(json.loads(printed.out)["values"]) == {"stieltjes", "square"}
    assert printed.err.startswith("derive: not certified: ")
    assert "kink" in printed.err
    assert "pole" in printed.err
    assert printed.err.count("\n") == 1


# ---------------------------------------------------------------- files of theorems


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"import sys\nsys.exit(3)\n", "line 2: the file ends the process (sys.exit)"),
        (b"exit()\n", "ends the process"),
        (b"\x00\x01\x02", "is not Python source text"),
        (b"\xff\xfe\x81 = 3", "line 1: (unicode error)"),
        (b"a = = 1\n", "line 1: invalid syntax"),
    ],
)
def test_files_that_are_no_theorem(capsys, tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_bytes(content)
    assert main(["show", "mine.py"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("derive: mine.py")
    assert message in error
    assert "None" not in error
    assert error.count("\n") == 1


def test_only_a_theorem_file_is_suggested(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conftest.py").write_text("x = 1\n")
    assert main(["show", "nofile.py"]) == 2
    assert capsys.readouterr().err == "derive: nofile.py does not exist\n"
    (tmp_path / "confile.py").write_text("theorem = 1\n")
    assert main(["show", "nofile.py"]) == 2
    assert "did you mean confile.py?" in capsys.readouterr().err


# ---------------------------------------------------------------- sizes


def test_rounded_sizes_are_said(capsys):
    args = ["sample-covariance", "--set", "c=1/3", "--trials", "8", "--sizes"]
    main(["verify", *args, "50,102,198"])
    assert "simulated at n = 48, 102, 198" in capsys.readouterr().out.replace("\n", " ")
    main(["verify", *args, "48,102,198"])
    assert "nearest sizes" not in capsys.readouterr().out


def test_an_overlay_says_the_size_it_simulated(capsys, tmp_path):
    args = ["--sweep", "z=-2:-1:3", "--set", "c=1/3", "--sizes", "50", "--trials", "4", "--overlay-simulation"]
    assert main(["plot", "sample-covariance", *args, "-o", str(tmp_path / "a.png"), "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["simulation"]["stieltjes"]
    assert {p["size"] for p in points} == {48}


# ---------------------------------------------------------------- curves


def corners(x, y):
    """Angles between neighbouring segments in a box of width 1.6 and height 1, where the curve is one."""
    dx, dy = 1.6 * np.diff(x) / np.ptp(x), np.diff(y) / np.nanmax(np.abs(y - np.nanmin(y)))
    long = np.hypot(dx, dy) > 0.01
    turns = np.abs(np.diff(np.arctan2(dy, dx)))
    return turns[long[:-1] & long[1:] & np.isfinite(turns)]


def test_refined_keeps_what_was_asked_for_and_bends_gently():
    def f(x):
        return {"y": np.exp(-50 * (x - 0.3) ** 2)}

    coarse = np.linspace(-1, 2, 7)
    fine, values = refined(f, coarse, f(coarse))
    assert set(coarse) <= set(fine)
    assert np.all(np.diff(fine) > 0)
    assert np.allclose(values["y"], f(fine)["y"])
    assert corners(fine, values["y"]).max() < 0.1
    # seven points would be a polygon
    assert corners(coarse, f(coarse)["y"]).max() > 0.5


def test_a_jump_does_not_ask_for_ever_more_points():
    def f(x):
        return {"y": np.where(x < 0.123, 0.0, 1.0)}

    coarse = np.linspace(0, 1, 5)
    fine, _ = refined(f, coarse, f(coarse))
    assert len(fine) < 200


def test_the_curve_reaches_the_edges_of_the_gap():
    theorem = models.load("semicircle")
    curves = sweep(theorem, theorem.resolve(v="3/2"), theorem.parameter("z"), np.linspace(-3, 3, 9), ())
    assert np.isfinite(curves.values["stieltjes"]).sum() == 2
    fine, lines = curves.line
    inside = np.isnan(lines["stieltjes"])
    assert np.max(fine[~inside & (fine < 0)]) == pytest.approx(-np.sqrt(6), abs=1e-4)
    assert np.min(fine[~inside & (fine > 0)]) == pytest.approx(np.sqrt(6), abs=1e-4)
    assert not isolated(lines["stieltjes"]).any()
    outside = fine[~inside]
    assert np.allclose(lines["stieltjes"][~inside], [semicircle.stieltjes(x, 1.5) for x in outside], rtol=1e-9)
    assert corners(fine, lines["stieltjes"]).max() < 0.2


def test_a_point_between_gaps_has_a_marker(tmp_path):
    from PIL import Image

    theorem = models.load("semicircle")
    grid = np.linspace(-3, 3, 3)
    alone = np.array([np.nan, 1.0, np.nan])

    def ink(values):
        path = tmp_path / "a.png"
        draw(theorem, theorem.parameter("z"), Curves(grid, {"y": values}, (grid, {"y": values})), None, str(path))
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        # the first colour of matplotlib, in the middle of the figure: away from the legend
        middle = pixels[:, pixels.shape[1] // 3 : pixels.shape[1] * 2 // 3]
        return int(np.sum(np.abs(middle - [31, 119, 180]).sum(axis=2) < 30))

    assert ink(alone) > 20


def test_a_curve_without_a_value_is_refused_with_the_reason():
    m = Symbol("stieltjes")
    theorem = with_observables(root=sqrt(-(m**2) - 1), half=m / 2)
    grid = np.linspace(3, 6, 5)
    with pytest.raises(BranchError, match="root has no finite value at any of the 5 points; plot the others"):
        sweep(theorem, theorem.resolve(), theorem.parameter("z"), grid, ())
    assert set(sweep(theorem, theorem.resolve(), theorem.parameter("z"), grid, ("half",)).values) == {"half"}
