"""The spectrum of a theorem's matrix on the command line: its density as a plot; its edges, atoms and outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .cli_files import replacing

if TYPE_CHECKING:
    from models.theorem import Theorem

__all__ = ["draw_spectrum", "print_spectrum", "spectrum_record"]


def spectrum_record(theorem: Theorem, params: Mapping[Any, Any], digits: int | None = None) -> dict[str, Any]:
    """Return the edges, atoms, outliers and thresholds of the theorem's matrix as plain data.

    Examples
    --------
    >>> import models
    >>> from derive.cli_spectrum import spectrum_record
    >>> theorem = models.load("spiked-wigner")
    >>> record = spectrum_record(theorem, theorem.resolve())
    >>> [round(x, 10) for x in record["edges"][0]], [round(o["location"], 10) for o in record["outliers"]]
    ([-2.0, 2.0], [2.5])
    >>> record["thresholds"]
    [{'parameter': 'theta', 'value': 1.0, 'edge': 2.0}]
    """
    from .cli_output import number_record
    from .spectral.outliers import bulk_params, outliers

    law, here = theorem.spectral_law, theorem.spectral_params(params)
    bulk = bulk_params(law, here)
    return {
        "matrix": str(law.matrix),
        "edges": [[number_record(x, digits) for x in pair] for pair in law.edges(bulk, digits=digits)],
        "atoms": [{"location": str(x), "mass": str(mass)} for x, mass in law.atoms(bulk).items()],
        "outliers": [
            {
                "location": number_record(outlier.location, digits),
                "alignments": {
                    u.name: number_record(outlier.alignments[u], digits)
                    for u in sorted(outlier.alignments, key=lambda u: u.name)
                },
                "multiplicity": outlier.multiplicity,
            }
            for outlier in (outliers(law, here, digits=digits) if theorem.is_spiked else ())
        ],
        "thresholds": _thresholds(theorem, here, digits) if theorem.is_spiked else [],
    }


def _thresholds(theorem: Theorem, here: Mapping[Any, Any], digits: int | None) -> list[dict[str, Any]]:
    """Where an outlier meets an edge, in the parameter of the theorem's axis if that is a strength of its signals."""
    from .cli_output import number_record
    from .spectral.outliers import master_of
    from .spectral.thresholds import strengths, thresholds

    law, strength = theorem.spectral_law, theorem.axis[0]
    if strength not in strengths(master_of(law)):
        return []
    others = {k: v for k, v in here.items() if k != strength}
    return [
        {
            "parameter": strength.name,
            "value": number_record(found.value, digits),
            "edge": number_record(found.edge, digits),
        }
        for found in thresholds(law, strength, others, digits=digits or 15)
    ]


def print_spectrum(theorem: Theorem, record: Mapping[str, Any], indent: int = 0) -> None:
    """Print a record of :func:`spectrum_record` for a person."""
    from rich.text import Text

    from .cli_notation import plain
    from .cli_output import columns, emit

    rows = [("bulk", ", ".join(f"[{_text(a)}, {_text(b)}]" for a, b in record["edges"]) or "none: atoms only")]
    rows += [("atom", f"at {a['location']}, mass {a['mass']}") for a in record["atoms"]]
    rows += [("outlier", _outlier(o)) for o in record["outliers"]]
    if theorem.is_spiked and not record["outliers"]:
        rows.append(("outlier", "none: every signal is below its threshold"))
    rows += [
        ("threshold", f"{t['parameter']} = {_text(t['value'])} at the edge {_text(t['edge'])}")
        for t in record["thresholds"]
    ]
    emit(Text(f"spectrum of {plain(theorem.spectrum)}", "dim"), indent=indent)
    columns(rows, indent=indent)


def _outlier(record: Mapping[str, Any]) -> str:
    aligned = ", ".join(f"{_text(a)} with {name}" for name, a in record["alignments"].items())
    times = f", {record['multiplicity']}-fold" if record["multiplicity"] > 1 else ""
    return f"{_text(record['location'])}{times}" + (f", squared alignment {aligned}" if aligned else "")


def _text(number: Any) -> str:
    return number if isinstance(number, str) else f"{number:.12g}"


def draw_spectrum(
    theorem: Theorem, params: Mapping[Any, Any], size: int | None, options: Mapping[str, Any], output: str
) -> dict[str, Any]:
    """Write the density to ``output``, with the eigenvalues of one sampled matrix behind it where a size is given."""
    import numpy as np

    from .spectral.outliers import bulk_params

    law, here = theorem.spectral_law, theorem.spectral_params(params)
    bulk = bulk_params(law, here)
    record = spectrum_record(theorem, params)
    sample = np.empty(0)
    if size is not None:
        import verify

        given = {key: options[key] for key in ("seed", "entries", "device") if options[key] is not None}
        sample = verify.eigenvalues(law, here, size, **theorem.finite_model(params) | given)[0]
    figure = law.plot(bulk, sample=sample if sample.size else None, title=theorem.title)
    stray = []
    if theorem.is_spiked and sample.size:
        ends = np.array(record["edges"], dtype=float).reshape(-1, 2)
        # the place of the first eigenvalue, on average: eigenvalues at an edge fluctuate by about half of that distance
        first = law.quantiles(np.clip(law.cdf(ends, bulk) + np.array([1, -1]) / sample.size, 0, 1), bulk)
        stray = _stray(sample, ends, 1.5 * np.abs(first - ends), [float(x) for x in law.atoms(bulk)])
    _mark(figure.axes[0], [outlier["location"] for outlier in record["outliers"]], stray)
    with replacing(output) as sibling:
        figure.savefig(sibling, dpi=160, metadata={"Date": None} if output.endswith((".svg", ".pdf")) else None)
    return record | ({} if size is None else {"sample": sample.tolist()})


def _stray(sample: Any, ends: Any, slack: Any, atoms: Sequence[float]) -> list[float]:
    """The eigenvalues of a sample that belong to no interval, widened by ``slack``, and to no atom."""
    import numpy as np

    low, high = ends[:, 0] - slack[:, 0], ends[:, 1] + slack[:, 1]
    held = ((sample[:, None] >= low) & (sample[:, None] <= high)).any(axis=1)
    for atom in atoms:
        held |= np.abs(sample - atom) <= 1e-8 * (1 + abs(atom))
    found: list[float] = sample[~held].tolist()
    return found


def _mark(axes: Any, outliers: Sequence[float], stray: Sequence[float]) -> None:
    """Add the outliers of the limit as lines, and the eigenvalues of the sample off the bulk as points."""
    top = axes.get_ylim()[1]
    for number, place in enumerate(outliers):
        style = {"color": "C1", "lw": 1.4, "ls": "--", "zorder": 2}
        axes.plot([place] * 2, [0, 0.97 * top], label=None if number else "outlier, limit", **style)
    if stray:
        axes.plot(stray, [0.02 * top] * len(stray), "o", ms=5, color="0.35", zorder=4, label="outlier, sample")
    if outliers or stray:
        low, high = axes.get_xlim()
        places = [*outliers, *stray]
        margin = 0.04 * (max(high, *places) - min(low, *places))
        axes.set_xlim(min(low, min(places) - margin), max(high, max(places) + margin))
        axes.set_ylim(top=1.25 * top)  # room for the legend
        axes.legend(frameon=False, ncols=2, loc="upper center")
