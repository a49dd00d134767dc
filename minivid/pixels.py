"""From pixels to areas: which place it is, and which colour lies over it where, by how much.

Everything a clip can hold is known (`paint`), so every pixel is explained as a background, a
colour laid over it with some alpha, or neither. Stars, drops and flakes belong to the background
wherever and whenever they are: a film may begin at any moment of the weather.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from . import paint as p

Tensor = torch.Tensor
BIKE, WALL = 6, 7  # classes of pixels after the six colours of actors
STRANGE = 0.18  # distance in RGB (0 to 1 each) at which a pixel is no longer what it should be
STRETCH = 32  # frames that are explained at once: more of a long film would fill the memory
DROP = torch.tensor([0.74, 0.99])  # grey of rain drops and snow flakes


@dataclass
class Pixels:
    """What each pixel of B clips is: place (B,); cls (B, F, H, W) the colour over the background,
    alpha (B, F, H, W) how much of it; off (B, F, H, W) distance of the pixel from the background.
    """

    place: Tensor
    cls: Tensor
    alpha: Tensor
    off: Tensor


@lru_cache(maxsize=16)
def _colours(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Per place: the bare place (4, 3, H, W), what stars, drops and flakes add (4, 3, H, W), and
    what the eight colours add to it (4, 8, 3, H, W), weather apart."""
    fmt = p.ClipFormat(height, width, 1)
    empty = p.background(fmt, weather=False)[:, :, 0]
    drop = p.background(fmt)[:, :, 0] - empty
    drop[2:] = DROP[:, None, None, None] - empty[2:]
    light = p.LIGHT[:, None, None]
    paints = torch.cat([p.PALETTE * light, p.BICYCLE[:, None], p.WALL * light], 1)  # (4, 8, 3)
    added = paints[..., None, None] - empty[:, None]
    return empty, drop, _without(added, drop[:, None], 2)


def _without(added: Tensor, drop: Tensor, dim: int) -> Tensor:
    """Take away as much of a drop as explains `added` best."""
    share = (added * drop).sum(dim, keepdim=True) / (drop * drop).sum(dim, keepdim=True).clamp(1e-6)
    return added - share.clamp(0, 1) * drop


def explain(video: Tensor) -> Pixels:
    """Which place, and which colour lies over it where: video (B, 3, F, H, W) in [-1, 1]."""
    empty, drop, colours = _colours(*video.shape[-2:])
    few = (video[:, :, :: max(1, video.shape[2] // 4)] + 1) / 2
    fit = []
    for e, d, wall in zip(empty, drop, p.WALL * p.LIGHT[:, None]):
        off = _without(few - e[:, None], d[None, :, None], 1).square_().sum(1)
        off = off.minimum((few - wall[..., None, None, None]).square_().sum(1))  # or a wall
        fit.append(off.clamp_(max=0.25**2).mean((1, 2, 3)))
    place = torch.stack(fit, 1).argmin(1)  # (B,)
    parts = (_laid_over(part, place) for part in video.split(STRETCH, 2))
    return Pixels(place, *(torch.cat(some, 1) for some in zip(*parts)))


def _laid_over(video: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`cls`, `alpha` and `off` of these frames in these places, as in `Pixels`."""
    empty, drop, colours = _colours(*video.shape[-2:])
    off = ((video + 1) / 2).sub_(empty[place][:, :, None])  # (B, 3, F, H, W)
    weather = (place > 0).nonzero()[:, 0]
    if len(weather):
        off[weather] = _without(off[weather], drop[place[weather]][:, :, None], 1)
    best = torch.zeros_like(off[:, 0])
    alpha, cls = torch.zeros_like(best), torch.zeros_like(best, dtype=torch.uint8)
    for k in range(8):  # the colour and alpha that take most away from the squared distance
        add = colours[:, k][place][:, :, None]  # (B, 3, 1, H, W)
        size = add.square().sum(1)
        along = (off[:, 0] * add[:, 0]).addcmul_(off[:, 1], add[:, 1])
        along.addcmul_(off[:, 2], add[:, 2])
        a = (along / size).clamp_(0, 1)
        gain = along.mul_(2).sub_(a * size).mul_(a)
        better = gain > best
        best = torch.where(better, gain, best)
        alpha = torch.where(better, a, alpha)
        cls.masked_fill_(better, k)
    off = off.square_().sum(1).sqrt_()
    return cls, alpha.mul_(off > 0.16), off


def find_walls(seen: Pixels) -> Tensor:
    """Left and right edge of a wall in each clip: (B, 2) in short sides, NaN for none."""
    height, width = seen.cls.shape[-2:]
    side = min(height, width)
    share = (seen.alpha * (seen.cls == WALL)).mean((1, 2))  # (B, W)
    wall = torch.full((len(share), 2), torch.nan)
    for b in (share > 0.75).any(1).nonzero()[:, 0].tolist():
        columns = share[b].tolist()
        solid = [c > 0.75 for c in columns]
        first, last = solid.index(True), width - 1 - solid[::-1].index(True)
        if last - first + 1 >= 0.1 * side and sum(solid) >= 0.9 * (last - first + 1):
            padded = [0.0, *columns, 0.0]  # the edges lie somewhere within the next columns
            wall[b, 0], wall[b, 1] = first - padded[first], last + 1 + padded[last + 2]
    return wall / side - width / side / 2
