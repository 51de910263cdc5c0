"""Where a simulation runs: an array namespace, a generator of random numbers and the way back to the host.

Everything downstream is written against the array API, so this is the one place that knows NumPy from CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np

from derive.errors import ParameterError

__all__ = ["Backend", "numpy_backend", "select_backend"]


@dataclass(frozen=True)
class Backend:
    """An array namespace with what the array API leaves out.

    ``stream`` names the random bit generator: results are reproducible within one stream, so stored results carry it.
    """

    name: str
    xp: Any
    stream: str
    generator: Callable[[np.random.SeedSequence], Any]
    to_host: Callable[[Any], np.ndarray]
    free_memory: Callable[[], int]

    @property
    def real(self) -> Any:
        return self.xp.float64

    @property
    def complex(self) -> Any:
        return self.xp.complex128


def _numpy_generator(seeds: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seeds))


def _host_memory() -> int:
    # a default for the budget of one batch: enough to amortise calls, small enough to leave a shared machine usable
    return 1 << 30


def numpy_backend(xp: Any = None) -> Backend:
    """The CPU; ``xp`` may be another namespace that understands NumPy arrays (the tests pass array-api-strict)."""
    namespace = array_api_compat.array_namespace(np.empty(0)) if xp is None else xp
    return Backend("cpu", namespace, "pcg64", _numpy_generator, np.asarray, _host_memory)


def _cupy_backend() -> Backend:
    import cupy
    from array_api_compat import cupy as namespace

    def generator(seeds: np.random.SeedSequence) -> Any:
        # CuPy's bit generators hash an integer seed themselves; 64 bits of the spawned state keep streams apart
        return cupy.random.Generator(cupy.random.Philox4x3210(int(seeds.generate_state(1, np.uint64)[0])))

    def free_memory() -> int:
        return int(cupy.cuda.runtime.memGetInfo()[0]) // 2

    return Backend("gpu", namespace, "philox-cupy", generator, cupy.asnumpy, free_memory)


def _gpu_problem() -> str | None:
    """Why there is no GPU to use, or None."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed (pip install 'resolvent[gpu]')"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CUDA reports {error}"
    return None if count else "CUDA reports no device"


def select_backend(device: str = "auto") -> Backend:
    """Return the backend of ``device``: ``"cpu"``, ``"gpu"``, or ``"auto"`` (a GPU where CuPy finds one).

    Raises
    ------
    derive.errors.ParameterError
        An unknown device, or a GPU asked for where there is none.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ParameterError(f"device must be 'auto', 'cpu' or 'gpu', got {device!r}")
    if device == "cpu":
        return numpy_backend()
    problem = _gpu_problem()
    if problem is None:
        return _cupy_backend()
    if device == "gpu":
        raise ParameterError(f"device='gpu' was asked for, but {problem}; use device='cpu' or 'auto'")
    return numpy_backend()
