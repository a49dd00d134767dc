"""One press of Make: what is asked, the film as it emerges, what is in it, and what it took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from . import cost, films, media
from .autoencoder import GROUP
from .errors import MinividError
from .estimate import published
from .generate import GUIDANCE, MEMORY, STEPS, Machine, extend, generate
from .paint import ClipFormat
from .sampling import Step
from .verify import Part
from .world import Clip

Tensor = torch.Tensor
MOST_STEPS, MOST_SECONDS, MOST_PIXELS = 64, 8, 108 * 84


class Stopped(Exception):
    """Someone asked for the work to end."""


@dataclass
class Wish:
    """What is asked: a sentence, and how the film is to be made.

    `frames` may be more than the format's: then it is continued. `given` holds what of the film is
    there already, as options of `generate`. `clip` is a film to be continued instead.
    Raises `MinividError` for more work than one press of a button should cause.
    """

    prompt: str
    fmt: ClipFormat
    frames: int
    seed: int = 0
    steps: int = STEPS
    guidance: float = GUIDANCE
    given: dict = field(default_factory=dict)
    clip: Clip | None = None

    def __post_init__(self):
        if not 1 <= self.steps <= MOST_STEPS:
            raise MinividError(f"A film takes 1 to {MOST_STEPS} steps here, not {self.steps}.")
        if self.frames > MOST_SECONDS * self.fmt.fps + 1:
            raise MinividError(f"A film lasts {MOST_SECONDS} seconds at most here.")
        if self.fmt.height * self.fmt.width > MOST_PIXELS:
            raise MinividError(f"{self.fmt.width}x{self.fmt.height} is larger than films are here.")

    @property
    def stretches(self) -> int:
        """How many times the network is asked for a film, each continuing the one before."""
        there = self.clip.video.shape[2] if self.clip else self.fmt.frames
        new = self.fmt.frames - min(MEMORY, self.fmt.frames - GROUP)
        return (self.clip is None) + max(0, -(-(self.frames - there) // new))

    def film(self, machine: Machine, steps: int | None = None,
             on_step: Callable[[int, Step], None] | None = None) -> Clip:
        """The film that is wished for."""
        options = {"steps": steps or self.steps, "guidance": self.guidance, "on_step": on_step}
        clip = self.clip or generate(machine, self.prompt, self.seed, fmt=self.fmt, **self.given,
                                     **options)
        if self.frames > clip.video.shape[2]:
            clip = extend(machine, clip, self.frames, self.seed, **options)
        return clip

    def flops(self, machine: Machine) -> int:
        """Operations that the film takes: each step costs what the second of two costs."""
        one, two = (cost.count_flops(lambda n=n: self.film(machine, n), machine.device)
                    for n in (1, 2))
        return one + (self.steps - 1) * (two - one)


@dataclass
class Take:
    """A film that was made: its clip, the moments of its (last) sampling, what was found in it."""

    wish: Wish
    clip: Clip
    moments: list[Step]
    bill: cost.Bill
    seen: list[Part]
    heard: list[Part]


def make(machine: Machine, wish: Wish, on_step: Callable[[Step], None]) -> Take:
    """Make the film; `on_step` is told each moment, and may raise `Stopped`.

    The bill's seconds are without those of `on_step`; its joules are of all that went on.
    """
    moments = []

    watched = 0.0  # seconds spent on watching: not the film's

    def remember(n: int, step: Step) -> None:
        nonlocal watched
        if n == 0:  # another stretch begins
            moments.clear()
        moments.append(step)
        begin = time.perf_counter()
        on_step(step)
        watched += time.perf_counter() - begin

    clip, bill = cost.measure(lambda: wish.film(machine, on_step=remember), machine.device)
    bill = replace(bill, seconds=bill.seconds - watched)
    with tempfile.TemporaryDirectory() as folder:
        path, rate = Path(folder) / "film.mp4", wish.fmt.sample_rate
        media.write_film(path, clip.video, clip.fps, clip.audio, rate)
        seen, heard = films.what_is_in(path, clip, wish.prompt, rate)
    return Take(wish, clip, moments, bill, seen, heard)


def beside(bill: cost.Bill, system: str = "Wan2.1-14B") -> str:
    """How a bill compares with a large system's, in words, with the source."""
    row = next(row for row in published() if row["system"] == system)
    seconds, joules = float(row["seconds"]), float(row["joules"])
    words = (f"A film by {system} ({row['width']}x{row['height']}, {row['frames']} frames, "
             f"{row['steps']} steps) takes {seconds:.0f} seconds and {joules:,.0f} joules on one "
             f"{row['hardware']} ({row['boundary']})")
    times = f": {seconds / bill.seconds:,.0f} times as long"
    if bill.joules:
        times += f" and {joules / bill.joules:,.0f} times the energy"
    return f"{words}{times}. Source: {row['source']}."
