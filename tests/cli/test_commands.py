"""What each subcommand does when all is well, as a person or a program sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import models
from derive.entry import main
from tests.oracles import lssvm, marchenko_pastur, ridge, semicircle

SMALL = ("--sizes", "20,40,80", "--trials", "200")


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder: status and standard output; nothing may go to standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    # the console is kept between calls; a test has a width of its own
    from derive import cli_output

    cli_output.console.cache_clear()

    def run(*args, expect=0):
        status = main(list(args))
        printed = capsys.readouterr()
        assert printed.err == ""
        assert status == expect
        return printed.out

    yield run
    cli_output.console.cache_clear()


# ---------------------------------------------------------------- list


def test_list_as_a_whole_process_is_quick_and_imports_no_algebra():
    code = (
        "import sys; from derive.entry import main; status = main(['list'])\n"
        "heavy = {'sympy', 'numpy', 'scipy', 'mpmath', 'rich', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(models.names())


def test_list_as_json(run):
    assert {t["name"]: t["title"] for t in json.loads(run("list", "--json"))} == models.titles()


# ---------------------------------------------------------------- show


@pytest.mark.parametrize("name", models.names())
def test_show_fits_the_terminal_and_says_all(run, name):
    text = run("show", name)
    assert max(map(len, text.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in text.splitlines())
    theorem = models.load(name)
    joined = " ".join(text.split())  # a long title is wrapped
    for word in (theorem.title, "Model", "Quantities", "Parameters", "Limit"):
        assert word in joined
    for parameter in theorem.parameters:
        assert parameter.domain_text in text


def test_show_steps_as_text_and_json(run):
    steps = models.load("semicircle").law.steps
    text = run("show", "semicircle", "--steps")
    record = json.loads(run("show", "semicircle", "--steps", "--json"))
    assert [s["title"] for s in record["steps"]] == [s.title for s in steps]
    for number, step in enumerate(steps, 1):
        assert f"Step {number}. {step.title}" in text
    assert record["limit"].keys() == {"stieltjes"}
    assert "steps" not in json.loads(run("show", "semicircle", "--json"))


def test_show_in_a_narrow_pipe_that_closes_early(tmp_path):
    code = "from derive.entry import main; import sys; sys.exit(main())"
    line = f"{sys.executable} -c '{code}' show ridge-regression | head -1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == models.load("ridge-regression").title + "\n"
    assert done.stderr == ""


# ---------------------------------------------------------------- solve


def test_solve(run):
    text = run("solve", "marchenko-pastur", "--set", "c=1/4", "--set", "lambda=0.3")
    header, line = text.splitlines()
    assert header == "marchenko-pastur: c = 1/4, lambda = 3/10"
    assert float(line.split()[1]) == pytest.approx(marchenko_pastur.resolvent(0.25, 0.3), rel=1e-11)


def test_solve_fifty_digits_are_strings(run):
    record = json.loads(run("solve", "marchenko-pastur", "--digits", "50", "--json"))
    value = record["values"]["resolvent"]
    assert record["parameters"] == {"c": "1/2", "lambda": "1/10"}
    assert len(value.replace(".", "")) == 50
    # the quadratic c l m^2 + (l + 1 - c) m - 1 = 0 in exact arithmetic, at the decimals that were printed
    from fractions import Fraction

    m, c, ridge_ = Fraction(value), Fraction(1, 2), Fraction(1, 10)
    assert abs(c * ridge_ * m**2 + (ridge_ + 1 - c) * m - 1) < Fraction(1, 10**48)


def test_solve_certified(run):
    record = json.loads(run("solve", "marchenko-pastur", "--certify", "--digits", "30", "--json"))
    ball = record["values"]["resolvent"]
    assert abs(float(ball["mid"]) - marchenko_pastur.resolvent(0.5, 0.1)) < 1e-14
    assert 0 <= float(ball["rad"]) < 1e-29
    assert "(proven)" in run("solve", "marchenko-pastur", "--certify")


@pytest.mark.parametrize("name", ["lssvm", "free-sum"])
def test_the_printed_ball_holds_the_value(run, name):
    """The decimal is rounded, so the radius must be that of a ball around the decimal."""
    import mpmath

    balls = json.loads(run("solve", name, "--certify", "--digits", "20", "--json"))["values"]
    for quantity, value in models.load(name).evaluate(digits=60).items():
        with mpmath.workdps(60):
            ball = {key: mpmath.mpf(number) for key, number in balls[quantity].items()}
            assert abs(value.real - ball["mid"]) <= ball["rad"] < mpmath.mpf(10) ** -20
            if "im_mid" in ball:
                assert abs(value.imag - ball["im_mid"]) <= ball["im_rad"] < mpmath.mpf(10) ** -20


def test_solve_with_observables_and_laws(run):
    record = json.loads(run("solve", "lssvm", "--set", "gamma=0.01", "--json"))
    assert record["values"]["accuracy"] == pytest.approx(lssvm.accuracy(0.5, 0.01, 0.9), rel=1e-12)
    law = "Sigma,Theta=(1,1):0.25,(2,3):0.75"
    record = json.loads(run("solve", "ridge-regression", "--law", law, "--json"))
    assert record["laws"] == {"Sigma,Theta": "(1,1):1/4,(2,3):3/4"}
    assert record["values"]["bias"] == pytest.approx(ridge.bias(0.3, 0.5, [1, 2], [1, 3], [0.25, 0.75]), rel=1e-12)


def test_solve_at_a_complex_point(run):
    record = json.loads(run("solve", "semicircle", "--set", "z=1+0.5j", "--json"))
    value = record["values"]["stieltjes"]
    assert complex(value["re"], value["im"]) == pytest.approx(semicircle.stieltjes(1 + 0.5j, 1.5), rel=1e-12)
    assert " i" in run("solve", "semicircle", "--set", "z=1+0.5j")


def test_solve_inside_the_bulk_names_the_interval(capsys):
    assert main(["solve", "semicircle", "--set", "z=1/2", "--set", "v=1"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "bulk" in error
    # the edges are -2 and 2
    assert "-2" in error
    assert "z" in error


def test_a_users_own_file(run, tmp_path):
    source = Path(models.__file__).parent.joinpath("semicircle.py").read_text()
    Path(tmp_path / "mine.py").write_text(source.replace("Semicircle law", "My law"))
    assert "My law" in run("show", "mine.py")
    assert json.loads(run("solve", "./mine.py", "--json"))["name"] == "mine"


# ---------------------------------------------------------------- latex


def test_latex_to_the_terminal_and_to_a_file(run, tmp_path):
    document = run("latex", "semicircle")
    assert "\\documentclass" in document
    assert run("latex", "semicircle", "-o", "a.tex") == "wrote a.tex\n"
    assert (tmp_path / "a.tex").read_text() == document
    statement = run("latex", "semicircle", "--theorem-only")
    assert "\\documentclass" not in statement
    assert [p.name for p in tmp_path.iterdir()] == ["a.tex"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_pdf(run, tmp_path):
    record = json.loads(run("latex", "semicircle", "--pdf", "a.pdf", "-o", "a.tex", "--json"))
    assert record["files"] == ["a.tex", "a.pdf"]
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.tex"]


# ---------------------------------------------------------------- plot


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_plot_formats(run, tmp_path, suffix, magic):
    assert run("plot", "marchenko-pastur", "-o", f"a.{suffix}") == f"wrote a.{suffix}\n"
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(magic)
    assert len(list(tmp_path.iterdir())) == 1


def test_plot_values_and_overlay(run):
    args = ("plot", "marchenko-pastur", "--sweep", "c=0.5:2:16", "--overlay-simulation", "--sizes", "60", "-o", "a.png")
    record = json.loads(run(*args, "--trials", "64", "--json"))
    oracle = [marchenko_pastur.resolvent(c, 0.1) for c in np.linspace(0.5, 2, 16)]
    assert np.allclose(record["curves"]["resolvent"], oracle, rtol=1e-10)
    points = record["simulation"]["resolvent"]
    assert points[0]["at"] == 0.5
    assert points[-1]["at"] == 2
    for point in points:
        # the finite size is worth a few percent here; a factor 2 would be seen
        assert point["mean"] == pytest.approx(marchenko_pastur.resolvent(point["at"], 0.1), rel=0.1)


def test_plot_only_and_unknown_quantity(run, capsys):
    record = json.loads(run("plot", "lssvm", "--only", "accuracy", "-o", "a.png", "--json"))
    assert list(record["curves"]) == ["accuracy"]
    assert main(["plot", "lssvm", "--only", "acuracy", "-o", "a.png"]) == 2
    assert "did you mean accuracy?" in capsys.readouterr().err


def test_plot_leaves_gaps_inside_the_bulk_and_says_so(capsys, tmp_path):
    args = ["plot", "semicircle", "--set", "v=1", "--sweep", "z=-3:3:12", "-o", str(tmp_path / "a.png"), "--json"]
    assert main(args) == 0
    printed = capsys.readouterr()
    values = json.loads(printed.out)["curves"]["stieltjes"]
    assert [v is None for v in values] == [abs(z) < 2 for z in np.linspace(-3, 3, 12)]
    assert printed.err.count("\n") == 1
    assert "8 of 12 points have no limit" in printed.err


def test_plot_without_a_single_point(capsys, tmp_path):
    args = ["plot", "semicircle", "--set", "v=1", "--sweep", "z=-1:1:5", "-o", str(tmp_path / "a.png")]
    assert main(args) == 2
    assert "none of the 5" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- verify and report


def test_verify_consistent(run):
    text = run("verify", "semicircle", *SMALL)
    assert "CONSISTENT" in text
    record = json.loads(run("verify", "semicircle", *SMALL, "--json"))
    assert [r["verdict"] for r in record] == ["consistent"]
    assert record[0]["sizes"] == [20, 40, 80]


def test_verify_refutes_a_wrong_theorem(run, monkeypatch):
    """A file whose limit is made wrong by one change of its derived system ends with status 1."""
    import verify

    theorem = models.load("semicircle")
    wrong = next(m for m in verify.mutants(theorem.law) if "twice" in m.description)
    monkeypatch.setattr(models, "load", lambda _: theorem)
    monkeypatch.setitem(theorem.__dict__, "law", wrong.law)
    assert "REFUTED" in run("verify", "semicircle", *SMALL, expect=1)


def test_verify_inconclusive(run):
    assert "INCONCLUSIVE" in run("verify", "lssvm", "--sizes", "20,40,80", "--trials", "8", expect=3)


def test_verify_resumes_from_its_store(run):
    first = json.loads(run("verify", "free-sum", *SMALL, "--store", "runs.sqlite", "--json"))
    start = time.perf_counter()
    second = json.loads(run("verify", "free-sum", *SMALL, "--store", "runs.sqlite", "--json"))
    assert time.perf_counter() - start < 30
    assert [r | {"seconds": 0} for r in first] == [r | {"seconds": 0} for r in second]


def test_report_is_one_line_per_theorem(run):
    text = run("report", "semicircle", "free-sum", *SMALL)
    lines = [line.split()[:2] for line in text.splitlines() if line.split()[:1] in (["semicircle"], ["free-sum"])]
    assert lines == [["semicircle", "consistent"], ["free-sum", "consistent"]]
    assert max(map(len, text.splitlines())) <= 80


def test_exit_status_of_several():
    from types import SimpleNamespace

    from derive.cli_verify import exit_status

    def outcomes(*verdicts):
        return [SimpleNamespace(check=SimpleNamespace(verdict=v)) for v in verdicts]

    assert exit_status(outcomes("consistent", "consistent")) == 0
    assert exit_status(outcomes("consistent", "inconclusive")) == 3
    assert exit_status(outcomes("inconclusive", "refuted", "consistent")) == 1
