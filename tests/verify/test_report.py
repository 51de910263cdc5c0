"""Tables and plots: readable, complete, and written whole."""

import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import verify
from derive.errors import ParameterError
from tests.verify.handmade import c, lam, marchenko_pastur
from verify.figures import draw_check
from verify.report import format_number


@pytest.fixture(scope="module")
def result():
    return verify.check(marchenko_pastur(), {c: "1/4", lam: -1 - 0.5j}, sizes=(40, 60, 100), trials=30, device="cpu")


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.148331, 0.00021, "0.14833(21)"),
        (12.3, 4.0, "12.3(40)"),
        (1234.5, 123.0, "1234(123)"),
        (2.0, 0.0, "2"),
        (-1.5, 0.0999, "-1.50(10)"),
        (1e-6, 2e-8, "0.000001000(20)"),
        (1.0, float("nan"), "1"),
    ],
)
def test_numbers_with_errors(mean, error, text):
    assert format_number(mean, error) == text


def test_text_holds_every_number(result):
    text = str(result)
    assert text.split()[0] == str(result.verdict).upper()
    for word in ("Re value", "Im value", "trials", "limit", "gaussian entries", "seed 0"):
        assert word in text
    for size in (40, 60, 100):
        assert re.search(rf"\b{size}\s+30\s", text)
    assert all(c.reason.split(":")[0].split()[0] in text for c in result.comparisons)
    assert max(len(line) for line in text.splitlines()) <= 110
    assert "\x1b" not in text


def test_rich_and_html(result):
    console = Console(record=True, width=100, file=StringIO())
    console.print(result)
    assert "Re value" in console.export_text()
    html = result._repr_html_()
    assert html.startswith("<pre")
    assert "Re value" in html


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot_is_written(result, suffix, tmp_path):
    path = tmp_path / f"plot.{suffix}"
    figure = result.plot(path)
    assert path.stat().st_size > 5000
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    assert [a.get_title(loc="left") for a in figure.axes] == ["Re value", "Im value"]


def test_plot_shows_what_was_measured(result):
    axis = result.plot().axes[0]
    comparison = result.comparisons[0]
    measured, extrapolated = axis.containers
    np.testing.assert_allclose(measured.lines[0].get_ydata(orig=False), [s.mean for s in comparison.samples])
    np.testing.assert_allclose(measured.lines[0].get_xdata(orig=False), [1 / 40, 1 / 60, 1 / 100])
    np.testing.assert_allclose(extrapolated.lines[0].get_ydata(orig=False), [comparison.fit.limit])
    limit_line = next(line for line in axis.lines if line.get_label() == "derived limit")
    np.testing.assert_allclose(limit_line.get_ydata(orig=False), comparison.limit)
    low, high = axis.get_ylim()
    assert low < min(comparison.limit, comparison.fit.limit) <= max(comparison.limit, comparison.fit.limit) < high


def test_nothing_global_is_touched(result):
    import matplotlib
    import matplotlib.pyplot as pyplot

    before = dict(matplotlib.rcParams)
    result.plot()
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_an_interrupted_plot_leaves_nothing(result, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def interrupted(self, path):
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        result.plot(tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(result, tmp_path):
    with pytest.raises(ParameterError, match="cannot be written: No such file"):
        result.plot(tmp_path / "no" / "plot.png")


@pytest.mark.parametrize("path", ["plot.jpeg", "plot"])
def test_other_formats_are_refused(result, path, tmp_path):
    with pytest.raises(ParameterError, match=r"must end in .png, .svg or .pdf"):
        draw_check(result, tmp_path / path)
    assert list(tmp_path.iterdir()) == []
