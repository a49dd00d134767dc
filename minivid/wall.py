"""Films in which a thing goes behind a wall and comes out again, and the judge of what comes out.

The smallest world that asks for memory: a ball or triangle in one of six colours comes to stand
beside a wall, by day, at night or in the rain; it is seen for three frames, goes behind the wall,
is hidden for 1 to 10, comes out on the other side, is seen for three, and is gone. No other frame
tells what it is. The three frames from its return on, or up to its hiding, are to be made, given
all others. Each frame is cut into four strips, its patches.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from minivid.dice import Dice
from minivid.grammar import COLOURS, PLACES, SHAPES
from minivid.paint import Scene, paint
from minivid.pictures import FORMAT
from minivid.pictures import read as read_pictures

FRAMES, FPS = 16, 8
STRIPS = 4  # patches of a frame, each 16 pixels high and 4 wide
DRAWN = ("ball", "triangle")
LIGHTS = PLACES[:3]  # by day, at night, in the rain
LONGEST, MADE = 10, 3  # frames that a thing can be hidden; that are to be made
SHOWN = 3  # frames in which it is seen on either side of the wall
RADIUS, ASIDE, HEIGHT = 0.15, 0.335, 0.04  # its size; how far off the middle, aside and up
WIDE = 0.17  # half the width of the wall; all in picture heights


@dataclass
class Films:
    """B films: video (B, 3, 16, 16, 16) in [-1, 1], and the truth about each.

    shape, colour and place are indices (B,); way (B,) is 1 to the right and -1 to the left; hides
    (B,) is the first frame in which nothing of the thing is seen any more, and returns (B,) the
    first in which something is again: it is seen in the SHOWN frames before the one, and in those
    from the other on. `last` (B,) is True where the last three frames are to be made, from its
    return on; else the first three are, up to its hiding.
    """

    video: Tensor
    shape: Tensor
    colour: Tensor
    place: Tensor
    way: Tensor
    hides: Tensor
    returns: Tensor
    last: Tensor

    def caption(self, b: int) -> str:
        """What is in film b, in words."""
        return f"{COLOURS[self.colour[b]]} {SHAPES[self.shape[b]]} {LIGHTS[self.place[b]]}"

    def given(self) -> Tensor:
        """1 for each patch that is given, 0 for those of the three frames to be made: (B, 64)"""
        frame = torch.arange(FRAMES).repeat_interleave(STRIPS)
        return torch.where(self.last[:, None], frame < FRAMES - MADE, frame >= MADE).float()

    def visible(self) -> Tensor:
        """1 for each patch in which something of the thing is seen, 0 for the others: (B, 64)"""
        nobody = (empty_places()[self.place] * 2 - 1)[:, :, None].expand_as(self.video)
        return ((cut(self.video) - cut(nobody)).abs().amax(2) > 0.2).float()

    def asked(self) -> Tensor:
        """Of the frames to be made, the middle one; in it the thing is whole: (B,)"""
        return torch.where(self.last, FRAMES - 2, 1)

    def asked_patch(self) -> Tensor:
        """Of the patches of that frame, the one that holds most of the thing: (B,)"""
        right = (self.way > 0) == self.last
        return self.asked() * STRIPS + torch.where(right, STRIPS - 1, 0)


def films(seeds: Tensor | range, hidden: int | None = None, last: bool | None = None) -> Films:
    """Film the clips with these seeds (B,), the same on every machine.

    `hidden` is for how many frames, 1 to 10, nothing is seen of the thing, and `last` whether the
    end is to be made, or the beginning; each is drawn by the seed if left out.
    """
    dice = Dice(seeds)
    shape = torch.tensor([SHAPES.index(name) for name in DRAWN])[dice.choice(0, 2)[:, 0]]
    colour, place = dice.choice(1, len(COLOURS))[:, 0], dice.choice(2, len(LIGHTS))[:, 0]
    hidden = dice.choice(3, LONGEST)[:, 0] + 1 if hidden is None else torch.full_like(shape, hidden)
    last = dice.choice(4, 2)[:, 0] > 0 if last is None else torch.full_like(shape, last).bool()
    hides = torch.where(last, FRAMES - MADE - hidden, MADE)
    way = dice.choice(5, 2)[:, 0] * 2 - 1
    looks = _painted(shape, colour, place, way, dice.uniform(6, -HEIGHT, HEIGHT))
    returns = hides + hidden
    stage = sum((torch.arange(FRAMES) >= at[:, None]).long() for at in  # (B, 16), 0 to 6
                (hides - SHOWN, hides - 1, hides, returns, returns + 1, returns + SHOWN))
    video = looks[torch.arange(len(shape))[:, None], :, stage].transpose(1, 2)
    return Films(video, shape, colour, place, way, hides, returns, last)


def _painted(shape: Tensor, colour: Tensor, place: Tensor, way: Tensor, height: Tensor) -> Tensor:
    """Its looks: not there yet, beside the wall, half behind it, hidden, half out, beside it on the
    other side, gone."""
    aside = way[:, None] * torch.tensor([0, -1, -0.5, 0, 0.5, 1, 0]) * ASIDE  # (B, 7)
    where = torch.stack([height[:, None].expand_as(aside), aside], -1)
    seen = torch.tensor([False, True, True, False, True, True, False])
    kinds = [torch.where(seen, kind[:, None], -1).reshape(-1, 1) for kind in (shape, colour)]
    scene = Scene(*kinds, place.repeat_interleave(7), rearrange(where, "b s yx -> (b s) 1 1 yx"),
                  torch.full((len(where) * 7, 1, 1, 2), RADIUS), *_around(len(where) * 7))
    return rearrange(paint(scene, FORMAT)[:, :, 0], "(b s) c h w -> b c s h w", s=7)


def _around(n: int) -> tuple[Tensor, Tensor]:
    """No bicycle, and a wall in the middle, n times."""
    return torch.full((n, 1, 2), torch.nan), torch.tensor([[-WIDE, WIDE]]).expand(n, -1)


def cut(video: Tensor) -> Tensor:
    """Films into patches, one a row, frame after frame: (B, 3, F, 16, 16) -> (B, 4 F, 192)"""
    return rearrange(video, "b c f h (s w) -> b (f s) (c h w)", s=STRIPS)


def join(patches: Tensor) -> Tensor:
    """The inverse of `cut`."""
    return rearrange(patches, "b (f s) (c h w) -> b c f h (s w)", s=STRIPS, c=3, h=FORMAT.height)


def addresses(frames: int = FRAMES) -> Tensor:
    """The frame and the strip of each patch: (1, 4 F, 2)"""
    return torch.cartesian_prod(torch.arange(frames), torch.arange(STRIPS)).float()[None]


# ---------------------------------------------------------------- the judge


@dataclass
class Seen:
    """What the judge reads in each frame of B films: shape, colour and place as indices (B, F).

    shape and colour are -1 where nothing, or nothing that can be named, is beside the wall; place
    is -1 where the frame is like none of the three.
    """

    shape: Tensor
    colour: Tensor
    place: Tensor

    def kept(self) -> Tensor:
        """Films in which a thing is seen, is not, and is seen again, and no other ever: (B,)"""
        kind = torch.where(self.shape >= 0, self.shape * len(COLOURS) + self.colour, -1)
        same = (kind == kind.amax(1, keepdim=True)) | (kind < 0)
        before = torch.full_like(kind[:, :1], -1)
        comes = (kind >= 0) & (torch.cat([before, kind[:, :-1]], 1) < 0)
        return same.all(1) & (comes.sum(1) >= 2)

    def steady(self) -> Tensor:
        """Films that are in one place from the first frame to the last: (B,)"""
        return (self.place == self.place[:, :1]).all(1) & (self.place[:, 0] >= 0)


def read(video: Tensor) -> Seen:
    """Read films (B, 3, F, 16, 16) in [-1, 1] frame by frame, each as if there were no other."""
    pictures = rearrange(video.detach().float().cpu(), "b c f h w -> (b f) c h w")
    empty = empty_places()
    off = ((pictures[:, None] + 1) / 2 - empty).abs().sum(2).flatten(2).median(-1).values
    place = off.argmin(1)  # (B F,)
    each = read_pictures(pictures, empty[place], reach=0.36, radii=(RADIUS,))
    known = each.readable & torch.isin(each.shape, torch.tensor([SHAPES.index(s) for s in DRAWN]))
    kinds = (torch.where(known, kind, -1) for kind in (each.shape, each.colour))
    place = torch.where(off.amin(1) < 0.15, place, -1)
    return Seen(*(x.unflatten(0, (len(video), -1)) for x in (*kinds, place)))


def empty_places() -> Tensor:
    """The three places with the wall and nobody there: (3, 3, 16, 16) in [0, 1]"""
    n = len(LIGHTS)
    nobody, middle = torch.full((n, 1), -1), torch.zeros(n, 1, 1, 2)
    scene = Scene(nobody, nobody, torch.arange(n), middle, middle, *_around(n))
    return (paint(scene, FORMAT)[:, :, 0] + 1) / 2
