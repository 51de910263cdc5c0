"""The picture of a spectrum: what is drawn where."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from derive import Deterministic, Free, atomic, dimensions, spectrum
from tests.derive.spectra_models import MODELS, c
from tests.oracles import spectra

matplotlib.use("Agg")


def eigenvalues(count=400, ratio=2):
    rng = np.random.default_rng(5)
    Z = rng.standard_normal((count, count // ratio)) / np.sqrt(count // ratio)
    return np.linalg.eigvalsh(Z @ Z.T)


def test_density_atom_and_histogram(tmp_path):
    law = MODELS["marchenko-pastur"].law()
    figure = law.plot({c: 2}, eigenvalues())
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "eigenvalue"
    assert axes.get_ylabel() == "density"
    assert "c = 2" in axes.get_title()
    labels = axes.get_legend_handles_labels()[1]
    assert set(labels) == {"400 eigenvalues", "limit", "atom (mass)"}
    assert [text.get_text() for text in axes.texts] == ["1/2"]
    (line,) = (one for one in axes.get_lines() if one.get_label() == "limit")
    x, y = line.get_data()
    # edges and all: the line starts and ends on the axis, and is the density of the bulk in between
    assert np.allclose(y, spectra.marchenko_pastur_density(x, 2.0), atol=1e-9)
    assert (y[0], y[-1]) == (0, 0)
    # the eigenvalues of the atom are not in the histogram, and the others have their share of the mass
    (stairs,) = axes.patches
    heights, limits, _ = stairs.get_data()
    assert np.sum(heights * np.diff(limits)) == pytest.approx(0.5)
    assert limits[0] > 0.1
    figure.savefig(tmp_path / "spectrum.png")
    assert (tmp_path / "spectrum.png").stat().st_size > 5000


@pytest.mark.parametrize("name", ["two-atoms", "anticommutator", "fuss-catalan-2", "two-masks", "inverse-of-a-wigner"])
def test_the_frame_fits(name):
    model = MODELS[name]
    law = model.law()
    (axes,) = law.plot(model.params).axes
    lower, upper = axes.get_ylim()
    assert lower == 0
    # most of the mass lies under the top of the frame, and the frame is not empty above it
    inside = law.quantiles(np.linspace(0.31, 0.97, 9) if name != "two-masks" else [0.8, 0.9, 0.97], model.params)
    heights = law.density(inside, model.params)
    assert np.mean(heights < upper) > 0.7
    assert np.max(heights) > 0.05 * upper
    low, high = axes.get_xlim()
    edges = [e for pair in law.edges(model.params) for e in pair if np.isfinite(e)]
    assert low < min(edges)
    assert high > max(edges)


def test_on_axes_of_the_user():
    figure = Figure()
    axes = figure.add_subplot()
    assert MODELS["semicircle"].law().plot(axes=axes, title="Wigner") is figure
    assert axes.get_title() == "Wigner"


def test_a_line_touches_the_axis_at_edges_only():
    """Where two series meet inside an interval the density is not 0."""
    n = dimensions("n")
    A, B = Deterministic("A", n, n, symmetric=True), Free("B", n)
    law = spectrum(A + B)
    params = {A: atomic([-2, -1, 1], ["1/2", "1/4", "1/4"]), B: atomic([-1, 2], ["2/3", "1/3"])}
    (axes,) = law.plot(params).axes
    zeros = {x for line in axes.lines for x, y in zip(*line.get_data(), strict=True) if y == 0}
    edges = [e for interval in law.edges(params) for e in interval]
    atoms = [float(a) for a in law.atoms(params)]
    assert len(zeros) == len(edges) + len(atoms)
    assert all(min(abs(x - e) for e in (*edges, *atoms)) < 1e-9 for x in zeros)
