"""The README says what its script prints; here it is run, as a user would: from a file."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NUMBER = re.compile(r"-?\d+\.\d+")
_BRACKETS = str.maketrans({"[": " ", "]": " ", "(": " ", ")": " ", ",": " ", "a": " ", "n": " ", "d": " "})


def test_the_script_prints_what_the_readme_shows(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script, shown = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", text, re.S).groups()
    assert len([line for line in script.splitlines() if line.strip()]) <= 20
    path = tmp_path / "own.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{script}", encoding="utf-8")
    run = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, encoding="utf-8", check=True)
    printed = [line.rstrip() for line in run.stdout.strip().splitlines()]
    expected = [line.rstrip() for line in shown.strip().splitlines()]
    simulated = next(k for k, line in enumerate(expected) if line.startswith("CONSISTENT"))
    assert printed[:simulated] == expected[:simulated]
    # simulated digits depend on the linear algebra library in the last place shown
    assert [NUMBER.sub("#", line) for line in printed] == [NUMBER.sub("#", line) for line in expected]


def test_the_gallery_script_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = re.search(r"## Gallery.*?```python\n(.*?)```", text, re.S).group(1)
    path = tmp_path / "gallery.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{script}", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, encoding="utf-8", check=True, cwd=tmp_path
    )
    shown = [float(x) for x in re.search(r"two intervals, (.*)", script).group(1).translate(_BRACKETS).split()]
    printed = [float(x) for x in run.stdout.translate(_BRACKETS).split()]
    assert [round(x, 4) for x in printed] == shown
    assert (tmp_path / "two-population-covariance.png").stat().st_size > 5000
    for picture in re.findall(r"\]\((docs/gallery/[^)]*)\)", text):
        assert (ROOT / picture).exists()
