"""Single pictures of the world, one large shape each, and the judge that reads them back.

The first lessons need pictures small enough to learn in half a minute: 16 x 16 pixels, a ball, box
or triangle in red, yellow or blue, by day. They are painted by `paint`, as all clips are.
The judge works backwards, by synthesis: it tries shapes, positions and sizes until one explains the
picture, and gives up ("unreadable") when a part of the picture stays unexplained. It names colours
by hue, as people do, not by looking into the painter's palette.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from minivid.dice import Dice
from minivid.grammar import COLOURS, SHAPES
from minivid.paint import ClipFormat, Scene, background, coverage, paint

FORMAT = ClipFormat(height=16, width=16, frames=1)
DRAWN = ("ball", "box", "triangle")
PAINTED = ("red", "yellow", "blue")
RADIUS, WANDER = 0.32, 0.1  # of a shape, and of its centre about the middle, in picture heights
HUES = {"red": 0, "yellow": 50, "green": 137, "cyan": 184, "blue": 227, "purple": 285}  # degrees
NEAR_HUE, UNEXPLAINED = 14, 0.12  # degrees off; brightness off, of 1, over 3 x 3 pixels


@dataclass
class Pictures:
    """B pictures (B, 3, 16, 16) in [-1, 1] and what is asked for in each, as indices (B,)."""

    pixels: Tensor
    shape: Tensor
    colour: Tensor

    def caption(self, b: int) -> str:
        """Picture b in words."""
        return f"a {COLOURS[self.colour[b]]} {SHAPES[self.shape[b]]}"


def pictures(seeds: Tensor | range) -> Pictures:
    """Paint the pictures with these seeds (B,): the same on every machine."""
    dice = Dice(seeds)
    shape = torch.tensor([SHAPES.index(name) for name in DRAWN])[dice.choice(0, 3)[:, 0]]
    colour = torch.tensor([COLOURS.index(name) for name in PAINTED])[dice.choice(1, 3)[:, 0]]
    centre = torch.stack([dice.uniform(n, -WANDER, WANDER) for n in (2, 3)], 1)  # (B, 2)
    radius, day = torch.full((len(shape), 1), RADIUS), torch.zeros_like(shape)
    pixels = paint_things(shape[:, None], colour[:, None], day, centre[:, None], radius)
    return Pictures(pixels, shape, colour)


def paint_things(shape: Tensor, colour: Tensor, place: Tensor, centre: Tensor,
                 radius: Tensor, fmt: ClipFormat = FORMAT) -> Tensor:
    """Pictures (B, 3, H, W) of A things each, 16 x 16 if not of another format: shape, colour and
    radius (B, A), centre (B, A, 2); place (B,)."""
    nowhere = torch.full((len(shape), 1, 2), torch.nan)  # neither bicycle nor wall
    scene = Scene(shape, colour, place, centre[:, :, None],
                  radius[:, :, None, None].expand(-1, -1, 1, 2), nowhere, nowhere[:, 0])
    return paint(scene, fmt)[:, :, 0]


# ---------------------------------------------------------------- the judge


@dataclass
class Reading:
    """What the judge sees in B pictures: indices (B,), -1 for unreadable; and what it missed.

    unexplained (B,): the largest error of the best explanation, as brightness in [0, 1];
    where (B, 3): the best explanation's (y, x) from the middle, and its radius, in picture heights.
    """

    shape: Tensor
    colour: Tensor
    unexplained: Tensor
    readable: Tensor
    where: Tensor

    def caption(self, b: int) -> str:
        """Picture b in words, or "unreadable"."""
        return Pictures.caption(self, b) if self.readable[b] else "unreadable"

    def share(self) -> float:
        """How many of the pictures can be read, 0 to 1."""
        return self.readable.float().mean().item()


def _covers(shape: int, where: Tensor) -> Tensor:
    """Coverage of each pixel by a shape at where (..., 3) = y, x, radius: (..., 256)"""
    y, x = FORMAT.grid()
    radius = where[..., 2:].expand(*where.shape[:-1], 2)
    return coverage(shape, where[..., :2], radius, y, x, FORMAT.side).flatten(-2)


def _explain(picture: Tensor, under: Tensor, cover: Tensor) -> tuple[Tensor, Tensor]:
    """Lay covers (B, K, 256) in their best colours over `under` (B, 3, 256), to match `picture`.

    Returns what is left of the picture (B, K, 3, 256), and the colours (B, K, 3): least squares
    of picture - (1 - cover) under = cover colour.
    """
    cover = cover[:, :, None]  # (B, K, 1, 256)
    rest = picture[:, None] - (1 - cover) * under[:, None]  # (B, K, 3, 256)
    colour = (rest * cover).sum(-1) / (cover**2).sum(-1).clamp(min=1e-6)  # (B, K, 3)
    return rest - cover * colour[..., None], colour


def _first_look(picture: Tensor, under: Tensor, cover: Tensor) -> Tensor:
    """The squared error of `_explain` for many covers (K, 256) alike: (B, K)"""
    apart, square = picture - under, cover**2  # (B, 3, 256), (K, 256)
    rest = ((apart * under) @ cover.T * 2 + (under**2) @ square.T).sum(1)  # (B, K)
    fits = (apart @ cover.T + under @ square.T) ** 2 / square.sum(1)  # (B, 3, K)
    return (apart**2).sum((1, 2))[:, None] + rest - fits.sum(1)


def _look_closer(picture: Tensor, under: Tensor, shape: int, where: Tensor) -> Tensor:
    """Shift and resize a shape at where (B, 3) until it explains the picture best."""
    moves = torch.cat([torch.zeros(1, 3), torch.eye(3), -torch.eye(3)])  # (7, 3)
    for step in (0.03, 0.03, 0.015, 0.015, 0.007, 0.007, 0.003, 0.003):
        near = where[:, None] + step * moves  # (B, 7, 3)
        left, _ = _explain(picture, under, _covers(shape, near))  # (B, 7, 3, 256)
        best = (left**2).sum((-1, -2)).argmin(1)
        where = near[torch.arange(len(near)), best]
    return where


def colour_name(colour: Tensor) -> Tensor:
    """Index into COLOURS of colours (B, 3) in [0, 1]: by hue alone; -1 if pale, dark or between."""
    high, low = colour.amax(1), colour.amin(1)
    red, green, blue = colour.unbind(1)
    hue = torch.rad2deg(torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue))
    named = torch.tensor([float(HUES[name]) for name in COLOURS])
    off = ((hue[:, None] - named + 180) % 360 - 180).abs()  # (B, 6) degrees
    vivid = (high - low > 0.5 * high) & (high > 0.4)
    return torch.where(vivid & (off.amin(1) < NEAR_HUE), off.argmin(1), -1)


def read(pixels: Tensor, empty: Tensor | None = None, reach: float = 0.2,
         radii: tuple[float, ...] = (0.30, 0.34)) -> Reading:
    """Say what is in pictures (B, 3, 16, 16) in [-1, 1], or that they cannot be read.

    `empty` (B or 1, 3, 16, 16) in [0, 1] is the place with nothing in it, by day if left out. It
    looks for shapes of about those radii, whose middle is at most about `reach` off the centre.
    """
    picture = ((pixels.detach().float().cpu() + 1) / 2).flatten(2)  # (B, 3, 256)
    under = (background(FORMAT)[:1, :, 0] if empty is None else empty).flatten(2)
    ticks = torch.linspace(-reach, reach, 2 * round(reach / 0.04) + 1)
    spots = torch.cartesian_prod(ticks, ticks, torch.tensor(radii))  # (K, 3)
    lefts, colours, places = [], [], []
    for shape in range(len(SHAPES)):
        look = _first_look(picture, under, _covers(shape, spots))  # (B, K)
        where = _look_closer(picture, under, shape, spots[look.argmin(1)])
        left, colour = _explain(picture, under, _covers(shape, where)[:, None])
        lefts.append(left), colours.append(colour), places.append(where)
    lefts, colours = torch.cat(lefts, 1), torch.cat(colours, 1)  # (B, 7, 3, 256), (B, 7, 3)
    shape = (lefts**2).sum((2, 3)).argmin(1)  # (B,)
    left, colour, where = (found[torch.arange(len(shape)), shape]
                           for found in (lefts, colours, torch.stack(places, 1)))
    left = left.abs().mean(1).view(-1, 1, FORMAT.height, FORMAT.width)
    unexplained = F.avg_pool2d(left, 3, stride=1).amax((1, 2, 3))
    colour = colour_name(colour)
    readable = (unexplained < UNEXPLAINED) & (colour >= 0)
    shape, colour = (torch.where(readable, found, -1) for found in (shape, colour))
    return Reading(shape, colour, unexplained, readable, where)
