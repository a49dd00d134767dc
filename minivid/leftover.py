"""What is left over: the area of a clip that nothing found in it accounts for."""

from __future__ import annotations

import torch

from . import paint as p
from . import shapes
from .pixels import STRANGE, Pixels
from .track import Actors

Tensor = torch.Tensor


def unexplained(video: Tensor, seen: Pixels, actors: Actors, saddle: Tensor,
                walls: Tensor) -> Tensor:
    """Area in each frame, in short sides squared, that nothing found accounts for: (B, F)

    Outside all that was found, what differs from the background; deep inside an actor, what is
    not of its colour; on a wall, what is not wall.
    """
    height, width = seen.off.shape[-2:]
    side = min(height, width)
    y, x = p.ClipFormat(height, width).grid()
    left = seen.off > STRANGE
    spoilt = torch.zeros_like(left)
    clear = ~((x >= walls[:, :1] - 1.2 / side) & (x <= walls[:, 1:] + 1.2 / side))  # (B, W)
    position = actors.position.masked_fill(actors.missing[..., None], 9.0)  # out of the picture
    for s in range(len(p.DRAW)):
        rows = (actors.shape == s).nonzero()[:, 0]
        if not len(rows):
            continue
        cover = p.coverage(s, position[rows], actors.radius[rows], y, x, side)  # (n, F, H, W)
        beside, core = near(cover > 0.3), ~near(cover < 0.9)
        if p.DRAW[s] is p.face:
            widest = torch.tensor([0.36, 0.60]).expand_as(position[rows])
            core &= p.mouth_coverage(widest, position[rows], actors.radius[rows], y, x, side) < 0.1
        for row, over, within in zip(rows.tolist(), beside, core):
            clip, colour = int(actors.clip[row]), actors.colour[row]
            left[clip] &= ~over
            wrong = (seen.cls[clip] != colour) | (seen.alpha[clip] < 0.6)
            spoilt[clip] |= within & wrong & clear[clip]
    for clip in (~saddle[:, :, 0].isnan()).any(1).nonzero()[:, 0].tolist():
        cover = p.bicycle_coverage(saddle[clip].nan_to_num(9.0), y, x, side)
        left[clip] &= ~near(cover > 0.3)
    for clip in (~walls[:, 0].isnan()).nonzero()[:, 0].tolist():
        inside = ((x > walls[clip, 0] + 1.2 / side) & (x < walls[clip, 1] - 1.2 / side))[0]
        wall = (p.WALL * p.LIGHT[seen.place[clip]])[:, None, None, None]
        wrong = ((video[clip] + 1) / 2 - wall).square().sum(0) > STRANGE**2  # (F, H, W)
        left[clip] = torch.where(clear[clip], left[clip], wrong & inside)
    return (left | spoilt).sum((2, 3)) / side**2


def near(mask: Tensor) -> Tensor:
    """Within two pixels (of a 48x48 film) of a mask (..., H, W) of bool."""
    return shapes.around(mask.float(), max(1, round(min(mask.shape[-2:]) / 24))) > 0.5
