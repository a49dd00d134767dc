"""A film in other forms, as bytes: in a zip, in a film file; and with one bit of them flipped."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from torch import Tensor

from . import decode, media
from .errors import MediaError


def pixels_of(video: Tensor) -> np.ndarray:
    """A video (3, F, H, W) in [-1, 1] as bytes (F, H, W, 3), 0 to 255."""
    return media.to_bytes(video.movedim(1, 0))


def zipped(pixels: np.ndarray) -> bytes:
    """A zip file that holds these bytes."""
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("film", pixels.tobytes())
    return box.getvalue()


def unzipped(data: bytes) -> bytes | None:
    """What is in a zip file of ours; None where it cannot be unpacked, or its checksum is wrong."""
    try:
        return zipfile.ZipFile(io.BytesIO(data)).read("film")
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, NotImplementedError,
            RuntimeError, ValueError):
        return None


def opened(data: bytes) -> Tensor | None:
    """The film (3, F, H, W) in the bytes of an MP4 file; None where there is none to be found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        path.write_bytes(data)
        try:
            return decode.read_film(path)[0][0]
        except MediaError:
            return None


def flipped(data: bytes, at: int) -> bytes:
    """The same with the lowest bit of byte `at` flipped."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
