"""From a reading to the program that runs: which inverses are formed, solves that share a matrix, peak memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from derive.symbols import MatrixLetter

from .costs import FULL, Structure, solve_cost
from .schedule import Operand, Program, Scheduler, Step
from .tree import Reading

__all__ = ["compile_program", "last_uses", "peak_entries"]


def compile_program(reading: Reading, structures: Mapping[MatrixLetter, Structure]) -> Program:
    """The cheapest program found for ``reading``.

    Every inverse that is applied by solving is tried formed instead, one after the other, and stays so where that is
    cheaper (four thin solves at different levels cost more than one inverse).
    """
    formed: frozenset[int] = frozenset()
    best, candidates = _compiled(reading, structures, formed)
    for node in sorted(candidates):
        trial, _ = _compiled(reading, structures, formed | {node})
        if trial.cost < best.cost:
            best, formed = trial, formed | {node}
    return best


def _compiled(
    reading: Reading, structures: Mapping[MatrixLetter, Structure], formed: frozenset[int]
) -> tuple[Program, set[int]]:
    scheduler = Scheduler(reading, structures, formed)
    return share_factorisations(scheduler.program()), scheduler.solved


def share_factorisations(program: Program) -> Program:
    """Join solves with the same matrix, none of which waits for another, into one with all their columns.

    The level of a step is the number of solves on the longest way to it. It grows along every dependency through a
    solve, so joining solves of one level cannot close a circle.
    """
    levels: list[int] = []
    groups: dict[tuple[Operand, int], list[int]] = defaultdict(list)
    for index, step in enumerate(program.steps):
        level = max((levels[i.step] for i in step.inputs), default=0)
        if step.op == "solve":
            groups[step.inputs[0], level].append(index)
            level += 1
        levels.append(level)
    member = {index: group for group in groups.values() if len(group) > 1 for index in group}
    return _reordered(program, member)


def _reordered(program: Program, member: Mapping[int, list[int]]) -> Program:
    steps: list[Step] = []
    place: dict[int, int] = {}

    def moved(operand: Operand) -> Operand:
        return replace(operand, step=visit(operand.step))

    def append(step: Step) -> int:
        steps.append(step)
        return len(steps) - 1

    def visit(index: int) -> int:
        if index not in place:
            if index in member:
                join(member[index])
            else:
                step = program.steps[index]
                inputs = tuple(moved(i) for i in step.inputs)
                place[index] = append(replace(step, inputs=inputs))
        return place[index]

    def join(group: list[int]) -> None:
        first = program.steps[group[0]]
        matrix = moved(first.inputs[0])
        blocks = tuple(moved(program.steps[i].inputs[1]) for i in group)
        widths = [program.steps[i].cols for i in group]
        n, total = first.rows, sum(widths)
        joined = append(Step("join", blocks, None, n, total, FULL, float(n * total)))
        solved = append(Step("solve", (matrix, Operand(joined)), None, n, total, FULL, solve_cost(n, total)))
        start = 0
        for index, width in zip(group, widths, strict=True):
            payload = (start, start + width)
            place[index] = append(Step("columns", (Operand(solved),), payload, n, width, FULL, 0.0))
            start += width

    outputs = {name: moved(operand) for name, operand in program.outputs.items()}
    return Program(tuple(steps), outputs)


def last_uses(program: Program) -> list[list[int]]:
    """For every step, the earlier steps whose values are not needed after it."""
    last: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        last[index] = index
        for operand in step.inputs:
            last[operand.step] = index
    for operand in program.outputs.values():
        last[operand.step] = len(program.steps)
    dead: list[list[int]] = [[] for _ in program.steps]
    for index, end in last.items():
        if end < len(program.steps):
            dead[end].append(index)
    return dead


def peak_entries(program: Program) -> int:
    """Matrix entries alive at the worst moment, for one trial: an estimate, for the memory budget."""
    dead = last_uses(program)
    alive = peak = 0
    for index, step in enumerate(program.steps):
        size = _entries(step)
        # LAPACK works on a copy of the matrix; sums and contractions make one temporary
        scratch = max((_entries(program.steps[i.step]) for i in step.inputs), default=0)
        alive += size
        peak = max(peak, alive + scratch)
        alive -= sum(_entries(program.steps[i]) for i in dead[index])
    return peak


def _entries(step: Step) -> int:
    scalar = step.op in ("scalar", "trace", "contract", "eigenvalue", "alignment")
    return 0 if scalar or step.structure != FULL else step.rows * step.cols
