"""What every lesson uses: a banner, plots with words beside them, guesses looked back at."""

from __future__ import annotations

import gc
import io
import traceback

import torch

from minivid.cost import peak_memory
from minivid.page import Picture
from minivid.presets import best_device, choose_trained


def banner(lesson: str, minutes: float, on: str | None = None) -> torch.device:
    """Say what this runs on and about how long it takes; returns the device to use.

    `minutes` were measured on two CPU cores. `on` is the device, the best one here by default. The
    stored text is one machine's and not compared.
    """
    device = best_device(on)
    give_memory_back()
    threads = torch.get_num_threads()
    where = f"{threads} CPU thread{'s' if threads > 1 else ''}"
    if device.type == "cuda":
        free = torch.cuda.mem_get_info()[0] / 2**30
        where = f"{torch.cuda.get_device_name()}, {free:.1f} GiB free"
    held = peak_memory()
    held = f", {held / 2**30:.1f} GiB of memory held" if held else ""
    print(f"lesson {lesson} on {where}{held}; preset {choose_trained().name}; "
          f"about {minutes:g} minute{'s' * (minutes > 1)} on 2 CPU cores")  # fmt: skip
    return device


def give_memory_back(shell=None) -> None:
    """After running out of a GPU's memory, free it and say what to do, rather than hold on to it.

    A traceback keeps what it passed through; so none is kept, and the kernel can go on.
    """
    def handle(shell, kind, error, trace, **_):
        traceback.clear_frames(trace)
        error.__traceback__ = None
        gc.collect()
        torch.cuda.empty_cache()
        print("The GPU's memory was full, and is given back: run this again with a smaller batch, "
              "size or length, or on the CPU; other open notebooks hold memory too.")

    try:
        shell = shell or get_ipython()
    except NameError:  # not in a notebook
        return
    shell.set_custom_exc((torch.OutOfMemoryError,), handle)


def plot(figure, alt: str) -> Picture:
    """A matplotlib figure as a picture with words beside it; closes the figure."""
    from matplotlib import pyplot
    from PIL import Image

    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=80, bbox_inches="tight")
    pyplot.close(figure)
    return Picture(Image.open(data).convert("RGB"), alt)


def look_back(prediction: float | None, measured: float) -> None:
    """Hold a learner's guess against what was measured, which stays untold without one."""
    if prediction is None:
        print("no guess this time")
    else:
        away = abs(prediction - measured)
        print(f"you said {prediction:.0%}, it was {measured:.0%}: "
              f"{'well guessed' if away <= 0.1 else 'why did you expect otherwise?'}")  # fmt: skip


def yes(text: str, holds: bool) -> None:
    """Print one verdict line: the same each time, or it says NO."""
    print(f"{text}: {'yes' if holds else 'NO'}")
