"""The spectrum of a theorem's matrix and its spikes on the command line, as a person or a program sees them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from derive.cli_notation import plain
from derive.cli_spectrum import _stray
from derive.entry import main
from tests.oracles import fuss_catalan, spikes


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*args, expect=0):
        status = main(list(args))
        printed = capsys.readouterr()
        assert printed.err == ""
        assert status == expect
        return printed.out

    return run


def test_solve_prints_bulk_outliers_and_thresholds(run):
    lines = run("solve", "spiked-wigner").splitlines()
    assert lines[1].split() == ["location", "2.5"]
    assert lines[2].split() == ["alignment", "0.75"]
    assert lines[3] == "spectrum of theta u u' + W"
    assert lines[4].split(maxsplit=1) == ["bulk", "[-2, 2]"]
    assert lines[5].split(maxsplit=1) == ["outlier", "2.5, squared alignment 0.75 with u"]
    assert lines[6].split(maxsplit=1) == ["threshold", "theta = 1 at the edge 2"]
    below = run("solve", "spiked-wigner", "--set", "theta=1/2")
    assert "none: every signal is below its threshold" in below


def test_solve_as_json(run):
    record = json.loads(run("solve", "spiked-rectangular", "--set", "c=2", "--set", "theta=2", "--json"))["spectrum"]
    location, left, right = spikes.rectangular(2, 2)
    assert np.allclose(record["edges"], [[(1 - 2**0.5) ** 2, (1 + 2**0.5) ** 2]], rtol=1e-10)
    assert record["atoms"] == [{"location": "0", "mass": "1/2"}]
    (outlier,) = record["outliers"]
    assert outlier["location"] == pytest.approx(location, rel=1e-10)
    assert outlier["alignments"] == pytest.approx({"u": left, "v": right}, rel=1e-10)
    assert record["thresholds"][0]["value"] == pytest.approx(2**0.25, rel=1e-10)


def test_digits_of_a_spectrum_are_strings(run):
    record = json.loads(run("solve", "spiked-wigner", "--digits", "30", "--json"))
    assert record["values"]["location"] == "2." + "5".ljust(29, "0")
    assert record["spectrum"]["edges"] == [["-2." + "0" * 29, "2." + "0" * 29]]
    assert record["spectrum"]["outliers"][0]["alignments"]["u"] == "0.75" + "0" * 28


def test_show_has_the_spectrum_at_the_defaults(run):
    text = run("show", "fuss-catalan")
    assert "Spectrum, at the default parameters" in text
    assert f"[0, {fuss_catalan.edge(2):g}]" in text
    record = json.loads(run("show", "spiked-covariance", "--json"))
    assert record["limit"]["location"] == "z"
    assert np.allclose(record["spectrum"]["edges"], [[0.25, 2.25]])


def test_plot_a_density_with_a_sample(run, tmp_path):
    args = ("plot", "spiked-rectangular", "--spectrum", "--set", "c=1/2", "--sample", "200", "-o", "a.png", "--json")
    record = json.loads(run(*args, "--seed", "3"))
    assert record["files"] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1
    sample = np.array(record["sample"])
    assert sample.shape == (100,)
    # 98 % of the eigenvalues are near the bulk, the largest is near the outlier: five standard deviations
    assert sample[-1] == pytest.approx(record["outliers"][0]["location"], abs=1.3)
    assert np.mean((sample > 0.05) & (sample < 3.1)) >= 0.98
    assert json.loads(run(*args, "--seed", "3"))["sample"] == record["sample"]
    assert json.loads(run(*args, "--seed", "4"))["sample"] != record["sample"]


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_plot_a_density_in_other_formats(run, tmp_path, suffix):
    assert run("plot", "fuss-catalan", "--spectrum", "-o", f"a.{suffix}") == f"wrote a.{suffix}\n"
    assert (tmp_path / f"a.{suffix}").stat().st_size > 5000


def test_sweep_over_the_transition_with_simulated_points(run):
    sweep = ("--sweep", "theta=0:3:7", "--overlay-simulation", "--sizes", "100", "--trials", "40")
    record = json.loads(run("plot", "spiked-wigner", *sweep, "-o", "a.png", "--json"))
    expected = [spikes.wigner(theta) for theta in np.linspace(0, 3, 7)]
    assert np.allclose(record["curves"]["location"], [e[0] for e in expected], rtol=1e-10)
    assert np.allclose(record["curves"]["alignment"], [e[1] for e in expected], rtol=1e-10)
    for name, column in (("location", 0), ("alignment", 1)):
        points = record["simulation"][name]
        assert [p["at"] for p in points] == [0, 0.5, 1, 1.5, 2, 2.5, 3]
        # the finite size is worth most at the transition
        for point, exact in zip(points, expected, strict=True):
            assert abs(point["mean"] - exact[column]) < 0.2 + 5 * point["standard_error"]


def test_eigenvalues_off_the_bulk():
    ends, slack = np.array([[0.0, 1.0], [2.0, 4.0]]), np.array([[0.1, 0.02], [0.03, 0.03]])
    sample = np.concatenate([[-1.0], np.linspace(0, 1, 500), [1.5, 1.98], np.linspace(2, 4, 497), [4.02, 5.0]])
    assert _stray(sample, ends, slack, []) == [-1.0, 1.5, 5.0]
    assert _stray(sample, ends, slack, [5.0]) == [-1.0, 1.5]
    assert _stray(sample, ends, 0 * slack, []) == [-1.0, 1.5, 1.98, 4.02, 5.0]


def test_functionals_in_plain_text():
    from derive import Alignment, Eigenvalue, Signal, Wigner, dimensions

    n = dimensions("n")
    W, u = Wigner("W", n), Signal("u", n, norm2=4)
    assert plain(Eigenvalue(W, -1)) == "lambda_min(W)"
    assert plain(Eigenvalue(W * W)) == "lambda_1(W^2)"
    assert plain(2 * Eigenvalue(W, -2)) == "2*lambda_min,2(W)"
    assert plain(Alignment(W, u, 2)) == "<u, v_2(W)>^2/|u|^2"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("plot", "lssvm", "--spectrum", "-o", "a.png"), "lssvm names no matrix whose spectrum could be shown"),
        (("plot", "spiked-wigner", "--sample", "100", "-o", "a.png"), "--sample is for --spectrum"),
        (("plot", "spiked-wigner", "--spectrum", "--sample", "3", "-o", "a.png"), "--sample"),
        (("plot", "spiked-wigner", "--spectrum", "--sweep", "v=1:2", "-o", "a.png"), "--spectrum draws one density"),
        (("plot", "spiked-wigner", "--spectrum", "--only", "location", "-o", "a.png"), "--spectrum draws one density"),
        (("plot", "spiked-wigner", "--spectrum", "--set", "v=0", "-o", "a.png"), "v = 0 is outside its domain: v > 0"),
        (("plot", "spiked-wigner", "--spectrum", "--trials", "3", "-o", "a.png"), "--spectrum draws one density"),
        (("solve", "spiked-wigner", "--certify"), "eigenvalues and alignments are not certified"),
        (("solve", "spiked-wigner", "--set", "theta=-1"), "theta = -1 is outside its domain: theta >= 0"),
        (("plot", "spiked-covariance", "--spectrum", "--set", "c=0.3183", "--sample", "9", "-o", "a.png"), "multiple"),
    ],
)
def test_bad_input_is_one_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status = main(list(args))
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("derive: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not list(tmp_path.iterdir())
