"""Campaigns: the same numbers whatever the batches, the order, the workers and the interruptions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sympy import Identity, Trace

import verify
from derive.errors import BranchError, ParameterError
from derive.symbols import Gaussian, Signal
from tests.verify.handmade import c, constant, lam, marchenko_pastur, n, p
from verify import checking, engine, specification
from verify.store import Store

POINT = {c: "1/2", lam: 1}
OPTIONS = {"sizes": (20, 40, 60), "trials": 6, "device": "cpu"}


def run(law=None, point=POINT, **options):
    return verify.check(law or marchenko_pastur(), point, **{**OPTIONS, **options}).values


def same(a, b, **tolerance):
    for name, by_size in a.items():
        for size, values in by_size.items():
            np.testing.assert_allclose(b[name][size], values, **(tolerance or {"rtol": 1e-12}))


@pytest.fixture
def bilinear():
    Z, u = Gaussian("Z", p, n, variance=1 / n, real=False), Signal("u", p, norm2=1)
    Q = (Z * Z.adjoint() + (lam + 1j) * Identity(p)).I
    return constant({"trace": Trace(Q) / p, "form": u.T * Q * Q.adjoint() * u}, {p: c * n}, n, {"trace": 1, "form": 1})


def test_values_do_not_depend_on_the_memory(bilinear):
    whole = run(bilinear)
    assert whole["form"][20].shape == (6,)
    same(whole, run(bilinear, memory=1))
    same(whole, run(bilinear, memory="1GB"))


def test_memory_limits_the_batch():
    law = marchenko_pastur()
    spec, plan = checking.specify(law, POINT, (50, 100, 200), 8, 0, "gaussian")
    simulator = specification.simulator(spec, plan.sizes[-1], "cpu")
    # Z, its Gram matrix and its inverse, with a copy, in complex entries at most
    assert simulator.batch_size(10 * 16 * 200 * 100) in range(2, 6)
    assert simulator.batch_size(1) == 1


def test_values_depend_on_the_seed_and_on_the_entries():
    values = [run()["value"][20], run(seed=1)["value"][20], run(entries="rademacher")["value"][20]]
    assert not np.any(values[0] == values[1])
    assert not np.any(values[0] == values[2])
    np.testing.assert_array_equal(values[0], run()["value"][20])


def test_more_trials_contain_fewer():
    same({"value": {s: v[:6] for s, v in run(trials=9)["value"].items()}}, run())


def test_an_executor_gives_the_same(bilinear):
    with ThreadPoolExecutor(2) as pool:
        same(run(bilinear), run(bilinear, scheduler=pool, memory=1))


@pytest.mark.slow
def test_processes_give_the_same(bilinear):
    same(run(bilinear), run(bilinear, workers=2))


def test_a_specification_travels(bilinear):
    """What dask sends to other machines: the specification survives serialisation."""
    from multiprocessing.reduction import ForkingPickler

    spec, _ = checking.specify(bilinear, POINT, (20, 40, 60), 6, 0, verify.sparse(0.3))
    loads = ForkingPickler.loads
    copy = loads(ForkingPickler.dumps(spec))
    assert copy.key("form", 20, "pcg64") == spec.key("form", 20, "pcg64")
    same({"form": {20: spec_run(spec)}}, {"form": {20: spec_run(copy)}})


def spec_run(spec):
    return specification.run_batch(spec, 20, range(3), "cpu")["form"]


# ---- store and interruptions ----------------------------------------------------------------------------------------
@pytest.fixture
def counted(monkeypatch):
    """How many trials were simulated."""
    done = []
    true = engine.run_batch
    monkeypatch.setattr(engine, "run_batch", lambda *args: done.extend(args[2]) or true(*args))
    return done


def test_stored_results_are_not_simulated_again(tmp_path, counted):
    first = run(store=tmp_path / "s")
    assert len(counted) == 18
    same(first, run(store=tmp_path / "s"))
    assert len(counted) == 18
    run(store=tmp_path / "s", trials=8)
    assert len(counted) == 24
    for changed in ({"seed": 1}, {"entries": "rademacher"}, {"point": {c: "1/2", lam: 2}}, {"sizes": (24, 44, 64)}):
        before = len(counted)
        run(store=tmp_path / "s", **changed)
        assert len(counted) == before + 18, changed


def test_complex_results_are_stored(tmp_path, bilinear):
    first = run(bilinear, store=tmp_path / "s")
    again = run(bilinear, store=tmp_path / "s")
    assert np.iscomplexobj(first["trace"][20])
    same(first, again, rtol=0)


def test_an_interrupted_campaign_resumes(tmp_path, monkeypatch):
    true, calls = engine.run_batch, []

    def interrupted(*args):
        calls.append(args[1])
        if len(calls) == 5:
            raise KeyboardInterrupt
        return true(*args)

    monkeypatch.setattr(engine, "run_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(store=tmp_path / "s", memory=1)
    with Store(tmp_path / "s") as store:
        assert len(store) == 4
    assert [f.name for f in tmp_path.iterdir()] == ["s"]
    resumed = run(store=tmp_path / "s", memory=1)
    assert len(calls) == 5 + 18 - 4
    monkeypatch.undo()
    same(resumed, run())


def test_an_interrupt_cancels_what_waits():
    class Stop(KeyboardInterrupt):
        pass

    def progress(done, total):
        raise Stop

    with ThreadPoolExecutor(1) as pool, pytest.raises(Stop):
        run(scheduler=pool, memory=1, progress=progress)


def test_progress_is_told():
    seen = []
    run(progress=lambda done, total: seen.append((done, total)), memory=1)
    assert seen[0] == (1, 18)
    assert seen[-1] == (18, 18)


def test_a_bar_is_shown_on_standard_error(capsys):
    run(progress=True)
    captured = capsys.readouterr()
    assert "simulating" in captured.err
    assert captured.out == ""
    run()
    assert capsys.readouterr().err == ""


# ---- errors ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"scheduler": "tcp://127.0.0.1:1"}, "dask"),
        ({"scheduler": 3}, "scheduler must be the address"),
        ({"workers": 0}, "workers must be a positive whole number"),
        ({"workers": 2, "scheduler": "tcp://x"}, "not both"),
        ({"device": "tpu"}, "device must be"),
        ({"memory": "much"}, "memory must be"),
    ],
)
def test_bad_resources(options, text):
    with pytest.raises(ParameterError, match=text):
        run(**options)


def test_a_singular_finite_model_is_an_error():
    Z = Gaussian("Z", p, n, variance=1 / n)
    law = constant(
        {"value": Trace((Z.T * Z * 0 + Z.T * Z - Z.T * Z + 0 * Identity(n) + Z.T * Z).I) / n},
        {p: c * n},
        n,
        {"value": 1},
    )
    with pytest.raises(BranchError, match=r"simulation at n = .*(singular|not finite)"):
        run(law, {c: "1/2"}, sizes=(20, 40, 60), entries="sparse")


@pytest.mark.slow
def test_a_cluster_gives_the_same(bilinear):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (extra `cluster`)")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        same(run(bilinear), run(bilinear, scheduler=cluster.scheduler_address, memory=1))
