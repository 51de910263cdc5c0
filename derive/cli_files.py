"""Files the command writes: whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ResolventError

__all__ = ["compile_pdf", "replacing"]


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary sibling of ``target`` to write to; it takes the place of ``target`` when the block succeeds.

    On any exception, Ctrl-C included, the sibling is removed and an older ``target`` stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> from derive.cli_files import replacing
    >>> folder = Path(tempfile.mkdtemp())
    >>> with replacing(folder / "a.txt") as sibling:
    ...     _ = sibling.write_text("whole")
    >>> [(f.name, f.read_text()) for f in folder.iterdir()]
    [('a.txt', 'whole')]
    """
    path = Path(target)
    if path.is_dir():
        raise ResolventError(f"{path} is a folder; give the name of a file")
    try:
        # the suffix stays: matplotlib and others choose the format by it
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except FileNotFoundError:
        raise ResolventError(f"cannot write {path}: the folder {path.parent} does not exist") from None
    except OSError as error:
        raise ResolventError(f"cannot write {path}: {error.strerror}") from error
    sibling = Path(name)
    try:
        yield sibling
        umask = os.umask(0)
        os.umask(umask)
        sibling.chmod(0o666 & ~umask)  # mkstemp's own mode is private
        os.replace(sibling, path)
    finally:
        sibling.unlink(missing_ok=True)


def compile_pdf(source: str, target: str | os.PathLike[str]) -> None:
    """Run ``pdflatex`` on ``source`` in a temporary folder and put the PDF at ``target``."""
    program = shutil.which("pdflatex")
    if program is None:
        raise ResolventError(
            "pdflatex was not found, so no PDF was written; install TeX Live, or write the source with -o FILE.tex"
        )
    with replacing(target) as sibling, tempfile.TemporaryDirectory(prefix="derive-") as folder:
        (Path(folder) / "theorem.tex").write_text(source, encoding="utf-8")
        command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "theorem.tex"]
        for _ in range(2):  # the second pass settles the references
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
            if done.returncode:
                log = done.stdout.decode("utf-8", "replace").splitlines()
                first = next((line.lstrip("! ") for line in log if line.startswith("!")), "no message")
                raise ResolventError(f"pdflatex stopped: {first}; write the source with -o FILE.tex to look at it")
        shutil.copyfile(Path(folder) / "theorem.pdf", sibling)
