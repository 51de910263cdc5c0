"""A file is written whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from derive.cli_files import compile_pdf, replacing
from derive.entry import main
from derive.errors import ResolventError


def contents(folder):
    return {p.name: p.read_text(errors="replace") for p in folder.iterdir()}


@pytest.mark.parametrize("cause", [KeyboardInterrupt, ValueError, SystemExit])
def test_what_was_there_stays_on_interruption(tmp_path, cause):
    (tmp_path / "a.tex").write_text("old")

    def interrupted():
        with replacing(tmp_path / "a.tex") as sibling:
            sibling.write_text("ha")
            raise cause

    with pytest.raises(cause):
        interrupted()
    assert contents(tmp_path) == {"a.tex": "old"}


def test_permissions_are_the_usual_ones(tmp_path):
    (tmp_path / "usual").write_text("")
    with replacing(tmp_path / "a") as sibling:
        sibling.write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize(
    ("target", "message"), [("no/where.tex", "the folder .*no does not exist"), (".", "is a folder")]
)
def test_targets_that_cannot_be_written(tmp_path, target, message):
    with pytest.raises(ResolventError, match=message), replacing(tmp_path / target):
        pass


def test_without_pdflatex_one_line_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["latex", "semicircle", "--pdf", str(tmp_path / "a.pdf")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("derive: pdflatex was not found")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_document_that_does_not_compile(tmp_path):
    with pytest.raises(ResolventError, match="pdflatex stopped: Undefined control sequence"):
        compile_pdf(r"\documentclass{article}\begin{document}\nonsense\end{document}", tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_process_leaves_nothing(tmp_path, kill):
    """Interrupted while the file is half-written: the sibling goes, the status is 130."""
    code = (
        "import signal, sys, time; from derive import cli, cli_files, entry\n"
        # a job in the background of a shell starts with interrupts ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def run(argv):\n"
        "    with cli_files.replacing('a.tex') as sibling:\n"
        "        sibling.write_text('half'); time.sleep(60)\n"
        "cli.run = run; sys.exit(entry.main())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while "half" not in contents(tmp_path).values() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "half" in contents(tmp_path).values()
    process.send_signal(kill)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "derive: interrupted; nothing half-written was left behind\n"
    assert contents(tmp_path) == {}
