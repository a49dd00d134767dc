"""Balls smaller and faster than any actor, and how much of them is left; one thing, or ghosts."""

from __future__ import annotations

import torch
from torch import Tensor

from . import verify
from .grammar import COLOURS
from .paint import ClipFormat, Scene, background, paint

FORMAT = ClipFormat()  # 17 frames of 48 x 48


def balls(pixels: float, speed: float = 0.0, count: int = 24, seed: int = 3) -> Tensor:
    """Films (count, 3, 17, 48, 48) in [-1, 1] by day of one ball each, in all colours in turn.

    It is so many pixels wide, and moves `speed` pixels a frame, each in a direction of its own:
    through the middle of the picture, or about it, half-way. One that stands still does so anywhere
    not too near the edge.
    """
    dice = torch.Generator().manual_seed(seed)
    angle = 2 * torch.pi * torch.rand(count, generator=dice)
    way = torch.stack([angle.sin(), angle.cos()], 1) * speed / FORMAT.side  # (B, 2): y, x
    middle = (torch.rand(count, 2, generator=dice) - 0.5) * (0.2 if speed else 0.6)
    frame = torch.arange(FORMAT.frames) - FORMAT.frames // 2
    centre = middle[:, None] + frame[:, None] * way[:, None]  # (B, F, 2)
    radius = torch.full((count, 1, FORMAT.frames, 2), pixels / 2 / FORMAT.side)
    day, nowhere = torch.zeros(count, dtype=torch.long), torch.full_like(centre, torch.nan)
    colour = torch.arange(count) % len(COLOURS)
    return paint(Scene(day[:, None], colour[:, None], day, centre[:, None], radius, nowhere,
                       nowhere[:, 0]), FORMAT)


def left(video: Tensor, made: Tensor) -> float:
    """How much of what stands out from an empty day in `video` is still there in `made`, both
    (B, 3, 17, 48, 48): 1 all of it, 0 nothing."""
    empty = background(FORMAT)[0] * 2 - 1
    thing, found = video - empty, made - empty
    return float((thing * found).sum() / thing.square().sum())


def one_thing(video: Tensor) -> float:
    """In which share of films (B, 3, F, H, W) the judge sees one actor, in every frame in which it
    should be seen, and nothing else."""
    readings = verify.read(video)
    return sum(r.description is not None and len(r.description.actors) == 1 and r.presence == 1
               and r.extras == 0 for r in readings) / len(readings)
