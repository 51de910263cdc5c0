"""Says how far a long simulation is: a bar on the terminal's error stream, or a function of the caller's."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Reporter"]

_PATIENCE = 1.0  # seconds after which work counts as long


class Reporter:
    """Counts trials done.

    Parameters
    ----------
    total : int
    progress : bool, callable or None
        True shows a bar, False nothing, None a bar on a terminal once the work has taken a second; a function is
        called with the number of trials done and the total.
    """

    def __init__(self, total: int, progress: bool | Callable[[int, int], None] | None):
        self.total, self.done, self.progress = total, 0, progress
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def advance(self, trials: int, label: str) -> None:
        """Count trials that were done."""
        self.done += trials
        if callable(self.progress):
            self.progress(self.done, self.total)
            return
        if self._bar is None and self._wanted():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            console = Console(file=sys.stderr)
            # a bar that was wanted in a file or a pipe is written there once, at the end
            self._bar = Progress(*columns, console=console, transient=console.is_terminal)
            self._bar.start()
            self._bar.add_task("simulating", total=self.total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, description=f"simulating {label}")

    def _wanted(self) -> bool:
        if self.progress is None:
            return sys.stderr.isatty() and time.monotonic() - self._started > _PATIENCE
        return bool(self.progress)

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()
