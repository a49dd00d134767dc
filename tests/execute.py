"""Run notebooks from top to bottom and store their outputs: what `make notebooks` calls.

As `jupyter execute --inplace`, but without times of day and widget state, which change each run.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def execute(path: Path) -> None:
    """Run one notebook in its own folder; it is written only if every cell ran."""
    book = nbformat.read(path, as_version=4)
    book.metadata.pop("widgets", None)
    NotebookClient(book, timeout=600, kernel_name="python3", record_timing=False,
                   store_widget_state=False,
                   resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(book, path)


if __name__ == "__main__":
    # what is stored is what a computer without a GPU shows
    os.environ |= {"MINIVID_PRESET": "laptop", "CUDA_VISIBLE_DEVICES": ""}
    for name in sys.argv[1:]:
        start = time.monotonic()
        execute(Path(name))
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
