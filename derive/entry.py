"""The process behind the command ``derive``: what ends it, and with which exit status.

0 success, 1 a theorem was refuted, 2 bad input (one line on standard error), 3 a check was inconclusive, 130
interrupted. A crash exits with 70 and its traceback: Python's own 1 would read as a refutation.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``derive`` and return its exit status.

    Examples
    --------
    >>> from derive.entry import main
    >>> main(["solve", "marchenko-pastur", "--set", "c=two"])
    2
    """
    # a polite kill must clean up as Ctrl-C does; signal handlers can be set from the main thread only
    if argv is None:
        signal.signal(signal.SIGTERM, _stop)
    try:
        from .cli import run

        return run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        print("derive: interrupted; nothing half-written was left behind", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has left (`derive show ... | head`); Python would complain once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        import traceback

        traceback.print_exc()
        print("derive: this is a fault of the program, not of your input; please report it", file=sys.stderr)
        return 70


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
