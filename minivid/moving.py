"""Films of 8 small pictures in which one thing moves straight on, and the judge of their frames.

The smallest world in which frames can disagree: a ball or triangle in red, yellow or blue, on
16 x 16 pixels by day, goes left, right, up or down, always at the same speed and of one size. Each
frame is painted, and read back, as a picture by itself; `steady` says how well they agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from torch import Tensor
from torch.nn import functional as F

from minivid.dice import Dice
from minivid.grammar import COLOURS, SHAPES
from minivid.layers import Condition
from minivid.paint import ClipFormat
from minivid.pictures import PAINTED, Pictures, paint_things
from minivid.pictures import read as read_pictures
from minivid.steady import smoothness

FRAMES, FPS = 8, 8
DRAWN = ("ball", "triangle")
WAYS = ("right", "down", "left", "up")
WORDS = len(SHAPES) + len(COLOURS) + len(WAYS)  # by which films can be asked for
SMALL, LARGE = 0.16, 0.28  # radius of the thing, in picture heights
REACH = 0.22  # how far its middle may stray from that of the picture
FAR = 0.4  # how far it goes from the first frame to the last: 0.9 pixels a frame


@dataclass
class Films:
    """B films: video (B, 3, 8, 16, 16) in [-1, 1], and the truth about each.

    shape and colour are indices (B,), size (B,) is the thing's radius, place (B, 8, 2) its middle
    in each frame, as (y, x) from the middle of the picture; both in picture heights.
    """

    video: Tensor
    shape: Tensor
    colour: Tensor
    size: Tensor
    place: Tensor

    def caption(self, b: int) -> str:
        """What moves in film b, in words."""
        return Pictures.caption(self, b)


def films(seeds: Tensor | range, side: int = 16) -> Films:
    """Film the clips with these seeds (B,): the same on every machine, at `side` x `side` pixels.
    """
    dice = Dice(seeds)
    shape = torch.tensor([SHAPES.index(name) for name in DRAWN])[dice.choice(0, 2)[:, 0]]
    colour = torch.tensor([COLOURS.index(name) for name in PAINTED])[dice.choice(1, 3)[:, 0]]
    size, place = dice.uniform(5, SMALL, LARGE), straight(dice)
    where = rearrange(place, "b f yx -> (b f) 1 yx")  # each frame is painted by itself
    kinds = [repeat(kind, "b -> (b f) 1", f=FRAMES) for kind in (shape, colour)]
    day = torch.zeros(len(where), dtype=torch.long)
    radius, fmt = repeat(size, "b -> (b f) 1", f=FRAMES), ClipFormat(side, side, 1)
    pixels = paint_things(*kinds, day, where, radius, fmt)
    video = rearrange(pixels, "(b f) c h w -> b c f h w", f=FRAMES)
    return Films(video, shape, colour, size, place)


def straight(dice: Dice) -> Tensor:
    """Places (B, 8, 2) along a row or a column, the same distance from each frame to the next."""
    angle = dice.choice(2, 4)[:, 0].double() * torch.pi / 2  # right, down, left, up
    way = torch.stack([angle.sin(), angle.cos()], 1) * FAR  # (B, 2)
    room = REACH - way.abs() / 2  # how far the middle of the way may lie from that of the picture
    middle = torch.stack([dice.uniform(n, -1, 1) for n in (3, 4)], 1) * room
    share = torch.linspace(-0.5, 0.5, FRAMES, dtype=way.dtype)
    return middle[:, None] + share[:, None] * way[:, None]  # (B, 8, 2)


def way(place: Tensor) -> Tensor:
    """Where a thing at places (B, F, 2) goes, as indices into WAYS (B,); -1 where it cannot be told
    (NaN)."""
    step = place[:, -1] - place[:, 0]  # (B, 2): y, x
    quarter = (torch.atan2(step[:, 0], step[:, 1]) / (torch.pi / 2)).round() % 4
    return quarter.nan_to_num(-1).long()


def words(some: Films) -> Condition:
    """What films show, as three words a film, each one of WORDS: shape, colour, way."""
    first = (0, len(SHAPES), len(SHAPES) + len(COLOURS))
    ids = torch.stack([some.shape, some.colour, way(some.place)], 1) + torch.tensor(first)  # (B, 3)
    return Condition(F.one_hot(ids, WORDS).float(), torch.ones(ids.shape))


# ---------------------------------------------------------------- the judge


@dataclass
class Seen:
    """What the judge reads in each frame of B films, all (B, F), places (B, F, 2).

    shape and colour are indices, -1 where a frame cannot be read; size and place are as in `Films`,
    NaN where it cannot; unexplained is how far a frame is from any picture of the world, as
    brightness in [0, 1].
    """

    shape: Tensor
    colour: Tensor
    size: Tensor
    place: Tensor
    unexplained: Tensor
    readable: Tensor


def read(video: Tensor) -> Seen:
    """Read films (B, 3, F, H, H) in [-1, 1] frame by frame, each as if there were no other.

    Larger pictures than 16 x 16 are looked at from so far that they have 16 x 16 pixels.
    """
    pictures = F.adaptive_avg_pool2d(rearrange(video, "b c f h w -> (b f) c h w"), 16)
    each = read_pictures(pictures, reach=0.24, radii=(0.18, 0.22, 0.26))
    where = torch.where(each.readable[:, None], each.where, torch.nan)  # (B F, 3)
    seen = (each.shape, each.colour, where[:, 2], where[:, :2], each.unexplained, each.readable)
    return Seen(*(x.unflatten(0, (len(video), -1)) for x in seen))


def as_asked(video: Tensor, asked: Films) -> Tensor:
    """Whether films (B, 3, F, H, H) show what is asked for, (B,): in all frames the same thing of
    that shape and colour, which goes straight on (a smoothness of 0.8 or more) that way."""
    seen = read(video)
    right = (seen.shape == asked.shape[:, None]) & (seen.colour == asked.colour[:, None])
    straight_on = smoothness(seen.place) >= 0.8
    return right.all(1) & straight_on & (way(seen.place) == way(asked.place))
