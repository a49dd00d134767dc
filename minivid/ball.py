"""One ball, its film and its tone: the smallest world in which picture and sound can agree.

A ball falls, bounces and falls again on 8 x 8 pixels, and each time it meets the ground a bar is
struck. How high it flies, where, and when it first lands is drawn by the seed. The judge finds the
moments of contact in the picture by fitting the arc of a flight to where the ball is seen; `hear`
finds those in the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .dice import Dice
from .hear import find_hits
from .paint import ClipFormat
from .sounds import NOTES, RING, lay, strike
from .sync import Sync, paired

Tensor = torch.Tensor
FORMAT = ClipFormat(8, 8, 17, 8)
RADIUS = 1.3  # pixels
LOW, HIGH = 2.2, 5.2  # pixels that a ball may fly above the ground
HANG = 0.28  # seconds in the air, over the root of the height in pixels


@dataclass
class Balls:
    """B clips: video (B, 1, F, 8, 8) and audio (B, S) in [-1, 1], and of each the seconds at
    which the ball meets the ground."""

    video: Tensor
    audio: Tensor
    hits: list[list[float]]


def balls(seeds: Tensor | range) -> Balls:
    """Film balls with these seeds (B,): the same on every machine."""
    dice = Dice(seeds)
    top, phase, x = dice.uniform(0, LOW, HIGH), dice.uniform(1), dice.uniform(2, 2.5, 5.5)
    hits = contacts(top, phase)
    clip = torch.tensor([b for b, times in enumerate(hits) for _ in times], dtype=torch.long)
    audio = torch.zeros(len(top), round(FORMAT.seconds * FORMAT.sample_rate))
    seconds = torch.tensor([at for times in hits for at in times], dtype=torch.float64)
    note = torch.full((len(clip),), NOTES[2], dtype=torch.float64)
    lay(audio, clip, seconds, FORMAT.sample_rate, RING, lambda t: strike(t, note))
    return Balls(draw(heights(top, phase), x), audio, hits)


def heights(top: Tensor, phase: Tensor) -> Tensor:
    """How high (B, F) a ball is, in pixels above the ground, that flies up to `top` (B,) and has
    done a share `phase` (B,) of a flight when the film begins."""
    frame = torch.arange(FORMAT.frames, dtype=top.dtype) / FORMAT.fps
    part = (frame / flight(top)[..., None] + phase[..., None]) % 1
    return top[..., None] * 4 * part * (1 - part)


def flight(top: Tensor) -> Tensor:
    """Seconds from one contact to the next."""
    return HANG * top.sqrt()


def contacts(top: Tensor, phase: Tensor) -> list[list[float]]:
    """The seconds within the film at which each ball meets the ground."""
    lasts = flight(top)
    at = (torch.arange(1, 10) - phase[:, None]) * lasts[:, None]
    return [row[row < FORMAT.seconds].tolist() for row in at]


def draw(height: Tensor, x: Tensor) -> Tensor:
    """A white ball with soft edges on black, its lowest point at height (B, F), its middle at
    x (B,) from the left, all in pixels: (B, 1, F, 8, 8)"""
    pixel = torch.arange(FORMAT.height) + 0.5
    down = pixel[:, None] - (FORMAT.height - RADIUS - height[..., None, None])  # (B, F, 8, 1)
    right = pixel - x[:, None, None, None]
    cover = (RADIUS + 0.5 - (down**2 + right**2).sqrt()).clamp(0, 1)
    return (cover * 2 - 1)[:, None].float()


# ---------------------------------------------------------------- the judge


def agreement(video: Tensor, audio: Tensor) -> list[Sync]:
    """How the contacts seen in films (B, 1, F, 8, 8) and the tones of audio (B, S) fit each other.

    Where no ball bounces, nothing is seen: `seen` is 0.
    """
    films = zip(read(video), find_hits(audio, FORMAT.sample_rate))
    return [paired([(at, "ball") for at in seen], [(at, "ball") for at, *_ in heard],
                   FORMAT.fps, FORMAT.seconds) for seen, heard in films]


def read(video: Tensor) -> list[list[float]]:
    """When the ball meets the ground in each film (B, 1, F, 8, 8); never where it does not fly
    as balls do."""
    bright = ((video[:, 0].detach().double().cpu() + 1) / 2 - 0.2).clamp(min=0)  # (B, F, 8, 8)
    pixel = torch.arange(FORMAT.height).double() + 0.5
    down = (bright.sum(-1) * pixel).sum(-1) / bright.sum((-1, -2)).clamp(min=1e-6)
    seen = FORMAT.height - RADIUS - down  # (B, F)
    grid = torch.meshgrid(torch.linspace(LOW - 0.5, HIGH + 0.5, 66).double(),
                          torch.arange(48).double() / 48, indexing="ij")
    top, phase = (part.reshape(1, -1) for part in grid)
    for width in (None, (0.08, 0.02), (0.02, 0.005)):
        if width:  # look closer around the best so far
            step = torch.arange(-2, 3).double() / 2
            near = torch.cartesian_prod(step * width[0], step * width[1])
            top, phase = (best[:, None] + part for best, part in zip((top, phase), near.T))
        off = (heights(top, phase) - seen[:, None]).square().mean(-1)  # (B, K)
        best = off.argmin(1, keepdim=True)
        top, phase = (part.expand_as(off).gather(1, best)[:, 0] for part in (top, phase))
    found = contacts(top, phase % 1)
    flies = off.amin(1).sqrt() < seen.std(1) / 2  # a flight must explain most of how it moves
    return [times if sure else [] for times, sure in zip(found, flies.tolist())]
