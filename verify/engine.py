"""Runs a campaign: every trial at every size, in this process, in others, or on a cluster, resuming from a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from derive.errors import ParameterError

from .backend import Backend, select_backend
from .plan import memory_bytes
from .progress import Reporter
from .specification import Specification, run_batch, simulator
from .store import Store

__all__ = ["Means", "run_campaign"]

# values of one quantity by size, one entry per trial
Means = dict[str, dict[int, np.ndarray]]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class _Batch:
    size: int
    trials: tuple[int, ...]


def run_campaign(
    spec: Specification,
    sizes: Sequence[int],
    trials: Sequence[int],
    *,
    device: str = "auto",
    memory: int | str | None = None,
    store: Store | str | Path | None = None,
    scheduler: str | Executor | None = None,
    workers: int | None = None,
    progress: bool | Callable[[int, int], None] | None = None,
) -> Means:
    """Simulate; parameters as for :func:`verify.check`. Values are in the order of the trials, whatever ran where."""
    backend = select_backend(device)
    budget = backend.free_memory() if memory is None else memory_bytes(memory)
    with ExitStack() as stack:
        # every resource is opened before work starts, so that a mistake costs nothing
        opened = stack.enter_context(_open_store(store))
        pool = stack.enter_context(_executor(scheduler, workers))
        found, missing = _stored(spec, sizes, trials, opened, backend)
        batches = list(_batches(spec, missing, backend, budget))
        reporter = stack.enter_context(Reporter(sum(len(b.trials) for b in batches), progress))
        for batch, values in _results(spec, batches, pool, backend):
            for name, array in values.items():
                found[name][batch.size].update(zip(batch.trials, array.tolist(), strict=True))
            if opened is not None:
                opened.save_all(
                    {
                        spec.key(name, batch.size, backend.stream): dict(zip(batch.trials, array.tolist(), strict=True))
                        for name, array in values.items()
                    }
                )
            reporter.advance(len(batch.trials), f"{spec.base} = {batch.size}")
    return {
        name: {size: np.array([by_size[size][t] for t in sorted(by_size[size])]) for size in sizes}
        for name, by_size in found.items()
    }


def _stored(
    spec: Specification, sizes: Sequence[int], trials: Sequence[int], store: Store | None, backend: Backend
) -> tuple[dict[str, dict[int, dict[int, Any]]], dict[int, list[int]]]:
    """What the store holds, and the trials that some quantity still lacks."""
    found: dict[str, dict[int, dict[int, Any]]] = {name: {} for name in spec.quantities}
    missing: dict[int, list[int]] = {}
    for size, count in zip(sizes, trials, strict=True):
        for name in spec.quantities:
            key = spec.key(name, size, backend.stream)
            found[name][size] = {} if store is None else store.load(key, range(count))
        missing[size] = [t for t in range(count) if any(t not in found[name][size] for name in spec.quantities)]
    return found, missing


def _batches(spec: Specification, missing: Mapping[int, list[int]], backend: Backend, budget: int) -> Iterator[_Batch]:
    # the largest size first: with several workers the long batches must not come last
    for size in sorted(missing, reverse=True):
        if missing[size]:
            length = simulator(spec, size, backend.name).batch_size(budget)
            for start in range(0, len(missing[size]), length):
                yield _Batch(size, tuple(missing[size][start : start + length]))


def _results(
    spec: Specification, batches: Sequence[_Batch], pool: Executor | None, backend: Backend
) -> Iterator[tuple[_Batch, dict[str, np.ndarray]]]:
    if pool is None:
        for batch in batches:
            yield batch, run_batch(spec, batch.size, batch.trials, backend.name)
        return
    futures = {pool.submit(run_batch, spec, b.size, b.trials, backend.name): b for b in batches}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


# ---- resources -------------------------------------------------------------------------------------------------------
@contextmanager
def _open_store(store: Store | str | Path | None) -> Iterator[Store | None]:
    if store is None or isinstance(store, Store):
        yield store
    else:
        with Store(store) as opened:
            yield opened


@contextmanager
def _executor(scheduler: str | Executor | None, workers: int | None) -> Iterator[Executor | None]:
    if scheduler is not None and workers is not None:
        raise ParameterError("give workers (on this machine) or a scheduler, not both")
    if isinstance(scheduler, str):
        with _cluster(scheduler) as pool:
            yield pool
    elif scheduler is not None:
        if not hasattr(scheduler, "submit"):
            raise ParameterError(f"scheduler must be the address of a dask scheduler or an executor, got {scheduler!r}")
        yield scheduler
    elif workers is not None:
        with _processes(workers) as pool:
            yield pool
    else:
        yield None


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise ParameterError(
            f"scheduler={address!r} needs dask.distributed, which is not installed: pip install 'resolvent[cluster]'"
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ParameterError(f"no dask scheduler answers at {address}: {error}") from None
    with client:
        yield client.get_executor()


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ParameterError(f"workers must be a positive whole number, got {workers!r}")
    # the workers share the cores: each one's linear algebra gets its part, set before the processes start
    share = str(max(1, (os.cpu_count() or 1) // workers))
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update({name: share for name, value in before.items() if value is None})
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
