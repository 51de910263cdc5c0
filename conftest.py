"""What every test shares: reproducible seeds with an option to vary them, and a plotting back end without a screen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# child processes test the sources the tests are beside, installed or not
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))


def pytest_addoption(parser):
    parser.addoption(
        "--seed-offset",
        type=int,
        default=0,
        help="added to the fixed seed of every stochastic test: 0 (default) repeats the known run, others are fresh",
    )


@pytest.fixture
def seed(request) -> int:
    """The seed a stochastic test starts from; ``--seed-offset`` moves it, to look for luck in the fixed one."""
    return 20240801 + request.config.getoption("--seed-offset")


def pytest_configure(config):
    from hypothesis import settings

    # the same examples on every machine, unless fresh ones are asked for
    settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=50)
    settings.register_profile("fresh", derandomize=False, deadline=None, max_examples=50)
    settings.load_profile("fresh" if config.getoption("--seed-offset") else "fixed")


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu"):
        cupy = pytest.importorskip("cupy", reason="CuPy is not installed (extra `gpu`)", exc_type=ImportError)
        try:
            cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            pytest.skip(f"no usable GPU: {error}")
