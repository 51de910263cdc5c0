"""Mutants of a system: systematic, distinct, refuted, at no cost in simulation."""

import pytest
from sympy import Identity, Trace, symbols

import verify
from derive.errors import BranchError
from derive.symbols import Deterministic
from tests.verify.handmade import Law, System, c, constant, g, lam, marchenko_pastur, n, p
from verify import engine
from verify.mutate import mutants, mutation_report

POINT = {c: "1/2", lam: 1}
OPTIONS = {"sizes": (40, 60, 100), "trials": 200, "device": "cpu"}


def test_every_kind_of_change_of_every_part():
    law = marchenko_pastur()
    found = mutants(law)
    kinds = {m.name.split(": ")[1] for m in found}
    assert kinds == {"dropped term", "factor 2", "changed sign", "swapped ratio"}
    systems = [m.law.system for m in found]
    assert all((s.residuals, s.values) != (law.system.residuals, law.system.values) for s in systems)
    assert len({(s.residuals, tuple(s.values.items())) for s in systems}) == len(systems)
    residuals = {s.residuals[0] for s in systems}
    assert {
        c * lam * g**2 + (lam + 1 - c) * g,
        c * lam * g**2 + (lam + 1 - c) * g - 2,
        c * lam * g**2 + (lam + 1 + c) * g - 1,
        c * lam * g**2 + (lam - c) * g - 1,
        -c * lam * g**2 + (lam + 1 - c) * g - 1,
        lam * g**2 / c + (lam + 1 - 1 / c) * g - 1,
    } <= residuals
    assert {2 * g, -g} <= {s.values["value"] for s in systems}


def test_the_order_does_not_change():
    assert [m.description for m in mutants(marchenko_pastur())] == [m.description for m in mutants(marchenko_pastur())]


def test_a_multiple_of_an_equation_is_no_mutant():
    a, b = symbols("a b")
    system = System((a,), (a - b,), (), {"value": a})
    law = Law({"value": Trace(Identity(n)) / n}, {}, n, lambda law, params: 1.0, system)
    found = {m.law.system.residuals[0] for m in mutants(law)} - {a - b}
    assert found == {2 * a - b, a - 2 * b, -a - b, -b, a}  # and not a + b, which says the same as -a - b


def test_definitions_and_matrices_are_changed_too():
    h, kappa = symbols("h kappa")
    S = Deterministic("Sigma", p, p, positive=True)
    M = (S + kappa * Identity(p)).I
    system = System((kappa,), (kappa - lam - c * h,), ((h, Trace(S * M) / p),), {"value": 1 - h})
    law = Law({"value": Trace(S) / p}, {p: c * n}, n, lambda law, params: 1.0, system)
    found = mutants(law)
    definitions = {m.law.system.definitions[0][1] for m in found}
    assert 2 * Trace(S * M) / p in definitions
    # the terms of a changed MatAdd stay in the order of the tree, so compare as text
    texts = {str(d) for d in definitions}
    assert str(Trace(S * (2 * S + kappa * Identity(p)).I) / p) in texts
    assert str(Trace(S * (S + 2 * kappa * Identity(p)).I) / p) in texts
    assert any("definition of h" in m.description for m in found)
    assert {1 + h, 1 - 2 * h, -h, h - 1} <= {m.law.system.values["value"] for m in found}


def test_explicit_right_hand_sides_are_kept_in_step():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Explicit(System):
        right_hand_sides: tuple = ()

    system = Explicit((g,), (g - 1 / (lam + c * g),), (), {"value": g}, (1 / (lam + c * g),))
    law = Law({"value": Trace(Identity(n)) / n}, {p: c * n}, n, lambda law, params: 1.0, system)
    for mutant in mutants(law):
        changed = mutant.law.system
        assert (g - changed.residuals[0] - changed.right_hand_sides[0]).equals(0)


def test_all_mutants_of_marchenko_pastur_are_refuted(seed, monkeypatch):
    law = marchenko_pastur()
    check = verify.check(law, POINT, seed=seed, **OPTIONS, level=1e-3, resolution=0.03)
    assert check.verdict == "consistent"
    monkeypatch.setattr(engine, "run_batch", lambda *args: pytest.fail("a mutant was simulated"))
    report = mutation_report(law, POINT, check)
    assert report.survivors == ()
    assert len(report.refuted) >= 0.9 * (len(report.rows) - len(report.apart))
    assert len(report.rows) > 15


def test_mutants_that_say_nothing_are_counted_apart(seed):
    """At c = 1 a swapped ratio is the theorem itself; some changes leave no solution."""
    law = marchenko_pastur()
    point = {c: 1, lam: 1}
    check = verify.check(law, point, seed=seed, **OPTIONS, level=1e-3, resolution=0.03)
    rows = {r.description: r for r in mutation_report(law, point, check).rows}
    assert rows["equation 1: with c by 1/c"].outcome == "equal"
    assert rows["equation 1: with c by 1/c"].distance == pytest.approx(0)
    failing = constant(law.quantities, law.regime, n, {"value": 1}, system=law.system)

    def fail(law, params):
        raise BranchError("nothing there")

    failing = Law(law.quantities, law.regime, n, fail, law.system)
    report = mutation_report(failing, point, check)
    assert {r.outcome for r in report.rows} == {"no solution"}
    assert "nothing there" in str(report)


def test_a_check_that_sees_nothing_decides_nothing(seed):
    law = marchenko_pastur()
    noisy = verify.check(law, POINT, seed=seed, sizes=(8, 12, 16), trials=3, device="cpu")
    report = mutation_report(law, POINT, noisy)
    assert report.undecided


def test_report_as_text(seed):
    law = marchenko_pastur()
    check = verify.check(law, POINT, seed=seed, **OPTIONS)
    text = str(mutation_report(law, POINT, check))
    assert text.startswith("mutants: ")
    assert "equation 1: minus -c" in text
