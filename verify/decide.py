"""Three verdicts from simulated means and a limit, with a declared rate of false alarms and a declared resolution.

- *refuted*: the limit is outside the confidence interval of the extrapolated value and further from it than the
  resolution, and on the same side of it for every form of the bias that the data do not contradict;
- *consistent*: the limit is inside the interval, and the data exclude a discrepancy as large as the resolution (an
  equivalence test), so that one of that size would have been seen;
- *inconclusive*: anything else, with the reason and what to do.

A limit that the quantity is never below, such as a squared alignment of 0, is consistent without extrapolation once the
mean at the largest size is within the resolution of it: such means are of order 1/N and very skewed.

A true limit is refuted with probability at most ``level``; a limit that is off by the resolution or more is called
consistent with probability at most ``level``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite

from scipy import stats

from .extrapolate import Fit, Sample, extrapolate

__all__ = ["Comparison", "Verdict", "candidate_exponents", "compare", "overall"]


class Verdict(StrEnum):
    """What a check says of a limit; compares equal to its text."""

    CONSISTENT = "consistent"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Comparison:
    """One real number against simulation.

    Parameters
    ----------
    quantity : str
        The name, with ``Re`` or ``Im`` in front for a part of a complex quantity.
    limit : float
    scale : float
        What relative errors are relative to: the modulus of the limit, or 1 for a limit of zero.
    samples : tuple of Sample
    fit : Fit
        The fit the verdict rests on.
    z : float
        ``(fit.limit - limit) / fit.error``, Student distributed with ``fit.degrees`` degrees of freedom.
    critical : float
        Beyond which ``|z|`` is significant, after correction for the number of comparisons.
    margin : float
        Relative distance from ``fit.limit`` beyond which the data exclude the true value, on one side.
    resolution : float
        Relative discrepancy the check declares itself able to see.
    verdict : Verdict
    reason : str
    """

    quantity: str
    limit: float
    scale: float
    samples: tuple[Sample, ...]
    fit: Fit
    z: float
    critical: float
    margin: float
    resolution: float
    verdict: Verdict
    reason: str

    @property
    def discrepancy(self) -> float:
        """Extrapolated value minus limit, relative."""
        return (self.fit.limit - self.limit) / self.scale

    @property
    def excluded(self) -> float:
        """The smallest relative discrepancy that the data exclude."""
        return abs(self.discrepancy) + self.margin

    def told(self, discrepancy: float) -> str:
        """A discrepancy in words: in percent where it is relative to the limit, as a plain number otherwise."""
        return f"{100 * discrepancy:.2g} %" if self.scale == abs(self.limit) else f"{discrepancy * self.scale:.2g}"


def candidate_exponents(exponent: float, sizes: int) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """The forms of the bias that a refutation must hold for, and more to try when the means follow none of these.

    Noise hides a bias of another power until trials are many, so half and twice the declared exponent stand beside it.
    With at least four sizes a second term in ``N^-2k`` can be told from the first.
    """
    near: list[tuple[float, ...]] = [(exponent,), (exponent / 2,), (2 * exponent,)]
    return near, [(exponent, 2 * exponent)] if sizes >= 4 else []


def compare(
    quantity: str,
    samples: Sequence[Sample],
    limit: float,
    *,
    scale: float | None = None,
    level: float = 0.01,
    resolution: float = 0.02,
    exponent: float = 1.0,
    comparisons: int = 1,
    floor: float | None = None,
) -> Comparison:
    """Compare simulated means with a limit.

    Parameters
    ----------
    quantity : str
    samples : sequence of Sample
        Three sizes or more.
    limit : float
    scale : float, optional
        What the resolution is relative to; default ``|limit|``, or 1 for a limit of zero.
    level : float
        Probability of refuting a true limit, over all comparisons; also of calling a good fit a misfit.
    resolution : float
        Relative discrepancy the check is to see; a smaller one is never a refutation.
    exponent : float
        ``k`` of the leading bias ``N^-k``; 1 for linear statistics.
    comparisons : int
        How many are made together; Sidak's correction.
    floor : float, optional
        What the quantity is never below, at any size. A limit that is this floor needs no extrapolation: it is
        consistent once the mean at the largest size is within the resolution of it.

    Examples
    --------
    >>> from verify.decide import compare
    >>> from verify.extrapolate import Sample
    >>> samples = [Sample(n, 64, 2 + 3 / n, 1e-3) for n in (100, 200, 400)]
    >>> str(compare("g", samples, 2.0).verdict), str(compare("g", samples, 2.1).verdict)
    ('consistent', 'refuted')
    """
    scale = scale or (abs(limit) if isfinite(limit) else 0.0) or 1.0
    single = -((1 - level) ** (1 / comparisons) - 1)
    near, more = candidate_exponents(exponent, len(samples))
    fits = [extrapolate(samples, form) for form in near]
    declared = chosen = fits[0]
    if chosen.goodness < level:
        fits += [extrapolate(samples, form) for form in more]
        chosen = max(fits, key=lambda fit: fit.goodness)
    # a form of the bias is out only when the data contradict it beyond doubt; until then it may save the limit
    plausible = [fit for fit in fits if fit.goodness >= level / 100] if chosen.goodness >= level else []
    z = (chosen.limit - limit) / chosen.error
    critical = float(stats.t.isf(single / 2, chosen.degrees))
    # a false "consistent" needs every comparison to pass, the wrong one too: no correction for their number here
    margin = float(stats.t.isf(level, chosen.degrees)) * chosen.error / scale
    made = Comparison(
        quantity, limit, scale, tuple(samples), chosen, z, critical, margin, resolution, Verdict.INCONCLUSIVE, ""
    )
    largest = max(samples, key=lambda s: s.size)
    above = _above(largest, floor, level) / scale if floor is not None and limit == floor else None
    verdict, reason = _judge(made, plausible, single, chosen is declared, above)
    return replace(made, verdict=verdict, reason=reason)


def _side(fit: Fit, made: Comparison, single: float) -> int:
    """+1 or -1 when the fit excludes the limit, above or below it; 0 when it does not."""
    distance = fit.limit - made.limit
    threshold = max(stats.t.isf(single / 2, fit.degrees) * fit.error, made.resolution * made.scale)
    return int(distance > threshold) - int(distance < -threshold)


def _above(sample: Sample, floor: float, level: float) -> float:
    """How far above its floor the mean at one size is at most."""
    return sample.mean - floor + float(stats.t.isf(level, sample.trials - 1)) * sample.error


def _judge(
    made: Comparison, plausible: list[Fit], single: float, declared: bool, above: float | None
) -> tuple[Verdict, str]:
    if not isfinite(made.limit):
        return Verdict.REFUTED, "the limit is not a finite number, the simulated means are"
    resolution, off = made.told(made.resolution), made.told(abs(made.discrepancy))
    sides = {_side(fit, made, single) for fit in plausible}
    if len(sides) == 1 and sides != {0}:
        return Verdict.REFUTED, f"off by {off}, |z| = {abs(made.z):.1f} > {made.critical:.1f}"
    if above is not None and above <= made.resolution:
        return Verdict.CONSISTENT, f"at the largest size no more than {made.told(above)}"
    if not plausible:
        return Verdict.INCONCLUSIVE, "no power of 1/N follows the means: take more or larger sizes, or another exponent"
    if abs(made.z) <= made.critical:
        if made.excluded <= made.resolution:
            return Verdict.CONSISTENT, f"an error of {made.told(made.excluded)} is excluded"
        return Verdict.INCONCLUSIVE, f"an error of {resolution} is not excluded: {_advice(made, declared)}"
    if abs(made.discrepancy) <= made.resolution:
        return (
            Verdict.INCONCLUSIVE,
            f"off by {off} (|z| = {abs(made.z):.1f}), less than the resolution of {resolution}: take larger sizes",
        )
    return Verdict.INCONCLUSIVE, f"off by {off}, but not for every power of 1/N that fits: take more trials or sizes"


def _advice(made: Comparison, declared: bool) -> str:
    if not declared:
        return "the means do not follow the declared power of 1/N; take larger sizes"
    # aim at a margin of half the resolution: the rest is room for the estimate to fall off the limit
    factor = (2 * made.margin / made.resolution) ** 2 if made.resolution else float("inf")
    trials = max(s.trials for s in made.samples) * max(factor, 1.2)
    return f"about {int(float(f'{trials:.2g}'))} trials would do" if trials < 1e7 else "take larger sizes"


def overall(comparisons: Sequence[Comparison]) -> Verdict:
    """Refuted if any comparison is, consistent if all are."""
    verdicts = {c.verdict for c in comparisons}
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.CONSISTENT if verdicts == {Verdict.CONSISTENT} else Verdict.INCONCLUSIVE
