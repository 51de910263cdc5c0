"""Readable names for the unknowns of a tensor limit, never a name of the user's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from sympy import Symbol

from .network import Estimate
from .reading import PlantedTensor

if TYPE_CHECKING:
    from .equations import Key

__all__ = ["name_unknowns"]


def name_unknowns(read: PlantedTensor, keys: Sequence[Key], taken: Collection[str]) -> dict[Key, Symbol]:
    """``lambda``, ``q_x``, ``g_1`` for one estimator; ``lambda_2``, ``q_x_2``, ``eta_1``, ``tau_12`` for more."""
    steps = len(read.terms)
    heads = {}
    for kind, candidates in {
        "value": ("lambda", "ell"),
        "signal": ("q", "rho", "r"),
        "estimate": ("eta", "zeta"),
        "trace": ("g", "m"),
        "joint": ("tau", "t"),
        "noise": ("w", "omega"),
    }.items():
        free = [c for c in candidates if not any(_head(name) == c for name in taken)]
        heads[kind] = free[0] if free else candidates[0] + "0"
    return {key: Symbol(_name(read, steps, heads, key), real=True) for key in keys}


def _head(name: str) -> str:
    return name.split("_")[0].rstrip("0123456789")


def _name(read: PlantedTensor, steps: int, heads: dict[str, str], key: Key) -> str:
    one = steps == 1
    if key.kind == "value":
        return heads["value"] + ("" if one else f"_{key.step}")
    if key.kind == "trace":
        blocks = "" if read.symmetric else "".join(str(b + 1) for _, b in key.what)
        if len(key.what) == 1:
            parts = [blocks] if one else [str(key.step), blocks]
            return "_".join([heads["trace"], *(p for p in parts if p)])
        chain = "" if steps == 2 else "".join(str(s) for s, _ in key.what)
        return "_".join([heads["joint"], *(p for p in (chain, blocks) if p)])
    if key.kind == "noise":
        name, *vectors = key.what
        steps_of = "".join(str(v.step) if isinstance(v, Estimate) else v.name for v in vectors)
        return f"{heads['noise']}_{steps_of}" if len(read.noises) == 1 else f"{heads['noise']}_{name}_{steps_of}"
    vector, estimate = key.what
    mode = "" if read.symmetric else str(estimate.block + 1)
    if isinstance(vector, Estimate):
        pair = "" if steps == 2 else f"{vector.step}{estimate.step}"
        return "_".join([heads["estimate"], *(p for p in (pair, mode) if p)])
    several = not read.symmetric and sum(_stands(read, vector, k) for k in range(read.order)) != 1
    parts = [vector.name, *([] if one else [str(key.step)]), *([mode] if several else [])]
    return "_".join([heads["signal"], *parts])


def _stands(read: PlantedTensor, vector: Any, mode: int) -> bool:
    return vector in read.vectors(mode)
