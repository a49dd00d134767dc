"""Break the package on purpose, and see that the lesson notices: each mutant is caught.

    python tests/mutants.py            all of them (minutes: each re-runs a notebook)
    python tests/mutants.py velocity   those whose name holds this word

Not collected by pytest: `make mutants` runs it before a release.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LESSON = "course/01_noise.ipynb"
MUTANTS = {  # name: (file, what is there, what it becomes)
    "the velocity has the wrong sign": (
        "minivid/flow.py", "return clean - noise", "return noise - clean"),
    "the sampler runs time backwards": (
        "minivid/sampling.py", "velocity = model(x_t, t, given)",
        "velocity = model(x_t, 1 - t, given)"),
    "red is painted blue": (
        "minivid/paint.py", "colour = PALETTE.to(device)[scene.colour[who, a]]",
        "colour = PALETTE[[4, 1, 2, 3, 4, 5]].to(device)[scene.colour[who, a]]"),
}


def run(mutant: str | None) -> bool:
    """Whether the lesson passes, in a copy of the project with this mutation (None: with none)."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("minivid", "course", "data", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        if mutant:
            file, old, new = MUTANTS[mutant]
            text = (Path(folder) / file).read_text()
            assert old in text, f"{file} no longer says {old!r}"
            (Path(folder) / file).write_text(text.replace(old, new))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--nbval", "--nbval-current-env",
             "--nbval-cell-timeout=300", "--nbval-sanitize-with", "tests/sanitize.cfg", LESSON],
            cwd=folder, env={**os.environ, "PYTHONPATH": folder}, capture_output=True, text=True)
    return done.returncode == 0


if __name__ == "__main__":
    chosen = [name for name in MUTANTS if all(word in name for word in sys.argv[1:])]
    missed = [name for name in chosen if run(name)]
    for name in chosen:
        print(f"{'MISSED' if name in missed else 'caught'}: {name}", flush=True)
    if not missed and not run(None):
        sys.exit("The lesson fails without any mutation too: that proves nothing.")
    sys.exit(bool(missed))
