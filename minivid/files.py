"""Files written whole or not at all: a full disk never costs the old one."""

import errno
import os
import tempfile
import threading
from pathlib import Path

FILM_SUFFIXES = (".mp4", ".gif", ".png", ".apng")  # what films are written as
_ASKING = threading.Lock()


def write_whole(path: str | Path, data: bytes, error: type[Exception]) -> Path:
    """Write `data` to `path` through a temporary file beside it, then rename.

    Folders on the way are made. Readers see the old file or the new one, never a part: rename is
    atomic (POSIX) once the bytes are on disk (fsync). Raises `error`, with one line for the user,
    when the disk is full or the place cannot be written; nothing temporary is left behind.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as problem:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise error(_advice(path, problem)) from problem
    except BaseException:  # an interrupt leaves nothing behind either
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise
    return path


def check_writable(path: str | Path, error: type[Exception]) -> None:
    """Raise `error` where `write_whole` could not write, before the work that leads up to it."""
    folder = next(p for p in Path(path).absolute().parents if os.path.exists(p))
    try:
        if os.path.isdir(path):
            raise OSError("it is a folder")
        with tempfile.TemporaryFile(dir=folder):  # only a trial tells it of every file system
            pass
    except OSError as problem:
        raise error(f"Cannot write {path}: choose a file in a folder you can write to."
                    ) from problem


def check_readable(path: str | Path, what: str, error: type[Exception]) -> None:
    """Raise `error` where there is no such file (`what` it should hold), or it may not be read."""
    if not os.path.isfile(path):
        raise error(f"There is no {what} at {path}. Check the name.")
    if not os.access(path, os.R_OK):
        raise error(f"Cannot read {path}: you are not allowed to.")


def _umask() -> int:
    """The process's umask, which can only be read by setting it; mkstemp ignores it (0600)."""
    with _ASKING:  # two threads at once would take each other's 0 for it
        mask = os.umask(0)
        os.umask(mask)
    return mask


def _advice(path: Path, problem: OSError) -> str:
    """One line that names the file, what went wrong, and what to do."""
    kept = " The file that was there is untouched." if path.exists() else ""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Cannot write {path}: the disk is full.{kept} Free some space and run it again."
    reason = (problem.strerror or str(problem)).lower()
    return f"Cannot write {path}: {reason}.{kept} Choose a place you can write to."
