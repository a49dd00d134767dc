"""`minivid reset`: a lesson as it was, and what a learner made of it kept under a dated name."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path

from .checkpoints import shipped_dir
from .errors import MinividError
from .files import write_whole

ASIDE = "set_aside"  # the folder beside the lessons for what is replaced


def lesson(number: str, course: Path) -> Path:
    """The notebook of a lesson: "8" or "08" is course/08_sound.ipynb.

    Raises `MinividError` for a number that there is none of, and names those that there are.
    """
    at_hand = {path.name.split("_")[0]: path for path in sorted(originals(course))}
    wanted = number.zfill(2)
    if wanted not in at_hand:
        raise MinividError(f"There is no lesson {number}; there are {', '.join(at_hand)}.")
    return at_hand[wanted]


def git(course: Path, *command: str) -> bytes:
    """What git says in the folder of lessons. Raises `MinividError` where it says nothing."""
    try:
        return subprocess.run(["git", "-C", str(course), *command], check=True,
                              capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as problem:
        why = (getattr(problem, "stderr", None) or b"git is missing").decode().strip()
        raise MinividError(f"The lessons as they were are kept by git, and it says: {why}. "
                           "Clone the project again, into another folder.") from problem


def originals(course: Path) -> list[Path]:
    """The lessons that git knows."""
    if not course.is_dir():
        raise MinividError(f"There are no lessons at {course}. Clone the project to have them.")
    names = git(course, "ls-tree", "--name-only", "HEAD", "./").decode().splitlines()
    return [course / name for name in names if name.endswith(".ipynb")]


def reset(number: str, course: Path | None = None) -> str:
    """Bring a lesson back as it was; returns what was done, in words.

    A changed one is not lost: it lies in course/set_aside under its name and the time of now.
    Raises `MinividError` for a lesson that there is none of, or where git is missing.
    """
    path = lesson(number, course or shipped_dir().parent / "course")
    original = git(path.parent, "show", f"HEAD:./{path.name}")
    before = path.read_bytes() if path.exists() else None
    if before is not None and before.replace(b"\r\n", b"\n") == original:
        return f"{path.name} is as in the last commit: nothing to do."
    said = f"{path.name} is as in the last commit again"
    if before is not None:
        moment = f"{datetime.now():%Y-%m-%d %H.%M.%S}"
        aside = path.parent / ASIDE / f"{path.stem} {moment}.ipynb"
        aside.parent.mkdir(exist_ok=True)
        os.replace(path, aside)
        said += f"; yours is kept as {path.parent.name}/{ASIDE}/{aside.name}"
    write_whole(path, original, MinividError)
    return f"{said}."
