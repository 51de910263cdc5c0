"""Bad input ends with status 2 and one line on standard error that says what is wrong and what to do."""

from __future__ import annotations

import pytest

from derive.entry import main

MP = ("solve", "marchenko-pastur")
SC = ("solve", "sample-covariance")
TWO = ("solve", "two-sample-covariance")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        # numbers
        ((*MP, "--set", "c=__import__('os')"), "c: expected a number such as 1/2"),
        ((*MP, "--set", "c=2**3"), "c: expected a number"),
        ((*MP, "--set", "c=nan"), "c: expected a finite number, got nan"),
        ((*MP, "--set", "c=1e400000"), "c: the exponent"),
        ((*MP, "--set", "c=1e400"), "c must be a number that double precision can hold, got 1.00000e+400\n"),
        ((*MP, "--set", "c=1e-400"), "c must be a number that double precision can hold, got 1.00000e-400\n"),
        ((*MP, "--set", "c=-1e400"), "c = -1.00000e+400 is outside its domain"),
        ((*MP, "--set", "c=1/3", "--set", "c=2"), "--set c=2: c is set twice, to 1/3 before"),
        ((*MP, "--set", "c=-1"), "c = -1 is outside its domain: c > 0 (aspect ratio p/n)"),
        ((*MP, "--set", "c=1+1j"), "c = 1 + I is outside its domain: c > 0"),
        (("solve", "random-features", "--set", "eta=1/5"), "eta >= zeta, here eta >= 1/4"),
        # names
        ((*MP, "--set", "lamda=1"), "has no parameter lamda; did you mean lambda?"),
        ((*MP, "--set", "c"), "--set c: expected NAME=VALUE"),
        ((*MP, "--set", "=3"), "expected NAME=VALUE"),
        (("solve", "marchenko-pasteur"), "no theorem is called marchenko-pasteur; did you mean marchenko-pastur?"),
        (("sovle", "semicircle"), "no subcommand is called sovle; did you mean solve?"),
        ((*MP, "--digit", "3"), "--digit"),
        ((*MP, "--stat", "3"), "No such option '--stat'"),
        (("solve",), "Missing argument 'NAME'"),
        ((*MP, "--digits", "0"), "--digits"),
        ((*MP, "--digits", "many"), "'many' is not a valid int"),
        # files
        (("show", "nowhere/mine.py"), "nowhere/mine.py does not exist"),
        (("show", "nowhere/"), "nowhere does not exist"),
        # laws
        ((*SC, "--law", "Sgma=1,4"), "sample-covariance has no matrix Sgma; did you mean Sigma?"),
        ((*SC, "--law", "Sigma=1", "--law", "Sigma=2"), "--law Sigma=2: the law of Sigma is given twice"),
        ((*SC, "--law", "Sigma=1:0.5,4:0.6"), "must sum to 1, they sum to 11/10"),
        ((*SC, "--law", "Sigma=1:0.5,4"), "give a weight to every atom, or to none"),
        ((*SC, "--law", "Sigma=1:0.5,,4:0.5"), "cannot read ,4:0.5; write atoms and weights as Sigma=1:0.5,4:0.5"),
        ((*SC, "--law", "Sigma=one,two"), "Sigma: expected a number"),
        ((*SC, "--law", "c=1,2"), "c is a number, not a matrix; write --set c=VALUE"),
        ((*SC, "--set", "Sigma=1,2"), "Sigma is a matrix, not a number; write --law Sigma=1:0.5,4:0.5"),
        ((*TWO, "--law", "Sigma_1=1,4"), "Sigma_2 had a default law joint with Sigma_1: give the joint law of"),
        ((*TWO, "--law", "Sigma_1,Sigma_2=(1,2,3)"), "every atom needs 2 values, one per matrix"),
        ((*TWO, "--law", "Sigma_1=[[1,2],[3"), "a matrix is written by rows"),
        # plots
        (("plot", "semicircle", "-o", "a.gif"), "-o a.gif: the name of a plot must end in .png, .svg or .pdf"),
        (("plot", "semicircle"), "Missing option '-o'"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "v"), "--sweep v: expected NAME=VALUE"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "v=1"), "expected NAME=START:STOP:COUNT"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "v=1:2:1"), "at least 2, got 1"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "v=1:1:5"), "START and STOP are the same"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "w=1:2:3"), "semicircle has no parameter w"),
        (("plot", "semicircle", "-o", "a.png", "--sweep", "v=0:2:3"), "v = 0.0 is outside its domain: v > 0"),
        # checks
        (("verify",), "give the NAME of one theorem, or --all"),
        (("verify", "semicircle", "--all"), "give the NAME of one theorem, or --all"),
        (("verify", "--all", "--set", "c=1"), "--set and --law need the NAME of one theorem"),
        (("verify", "semicircle", "--sizes", "100,many"), "--sizes 100,many: expected whole numbers"),
        (("verify", "semicircle", "--sizes", "100,100"), "a size is given twice"),
        (("verify", "semicircle", "--trials", "1"), "--trials"),
        (("verify", "semicircle", "--entries", "cauchy"), "'cauchy' is not one of"),
    ],
)
def test_one_clear_line(args, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status = main(list(args))
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("derive: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not list(tmp_path.iterdir())


def test_a_crash_is_neither_bad_input_nor_a_refutation(capsys, monkeypatch):
    import models

    monkeypatch.setattr(models, "titles", lambda: 1 / 0)
    assert main(["list"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err
