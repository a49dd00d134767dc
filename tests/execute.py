"""Run notebooks from top to bottom and store their outputs: what `make notebooks` calls.

As `jupyter execute --inplace`, but without times of day and widget state, which change each run.
"""

import base64
import io
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image, ImageSequence


def execute(path: Path) -> None:
    """Run one notebook in its own folder; it is written only if every cell ran."""
    book = nbformat.read(path, as_version=4)
    book.metadata.pop("widgets", None)
    NotebookClient(book, timeout=600, kernel_name="python3", record_timing=False,
                   store_widget_state=False,
                   resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    refresh_opening(book)
    nbformat.write(book, path)


def refresh_opening(book) -> None:
    """The picture at the top of a lesson is the first row of what its "opening" cell made.

    It is stored in the first cell, its last frame as the one that stands still elsewhere.
    """
    shown = [cell for cell in book.cells if "opening" in cell.metadata.get("tags", [])]
    for output in shown[0].outputs if shown else []:
        film = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
        side = film.width // 8
        frames, lasts = zip(*[  # equal frames are stored as one that lasts longer
            (frame.convert("RGB").crop((0, 0, film.width, side + 5)).quantize(128),
             frame.info.get("duration", 125)) for frame in ImageSequence.Iterator(film)])
        data = io.BytesIO()
        frames[-1].save(data, "PNG", save_all=True, append_images=frames, default_image=True,
                        duration=lasts, loop=0)
        png = base64.b64encode(data.getvalue()).decode()
        book.cells[0].attachments = {"opening.png": {"image/png": png}}


if __name__ == "__main__":
    # what is stored is what a computer without a GPU shows
    os.environ |= {"MINIVID_PRESET": "laptop", "CUDA_VISIBLE_DEVICES": ""}
    for name in sys.argv[1:]:
        start = time.monotonic()
        execute(Path(name))
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
