"""Captioned pictures: a thing of some size, colour and place, or two things; and the judge of both.

A picture is 16 x 16 pixels and its caption five words: "large red ball left day". Of two things
the first named stands on the left: "red ball blue box day". How high a thing hangs, and its exact
size, no caption tells: that is what remains free. Some pairs of words are kept from training.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from minivid.dice import Dice
from minivid.grammar import COLOURS, SIZES
from minivid.paint import background
from minivid.pictures import DRAWN, FORMAT, paint_things
from minivid.pictures import read as read_shapes

SIDES, PLACES = ("left", "middle", "right"), ("day", "night")
KINDS = (SIZES, COLOURS, DRAWN, SIDES, PLACES)  # a caption: one word of each
WORDS = ("", *(word for kind in KINDS for word in kind))  # 0 is no word
FIRST = torch.tensor([WORDS.index(kind[0]) for kind in KINDS])
NEVER = (("purple", "ball"), ("yellow", "box"), ("blue", "triangle"))  # not in training

RADII = torch.tensor([[0.16, 0.20], [0.27, 0.32]])  # least and most, small and large
APART, WANDER, HEIGHT = 0.18, 0.04, 0.16  # from side to side, and about it; up and down


def words_of(caption: str) -> Tensor:
    """A caption of words from WORDS, such as "red ball", as their numbers (5,), 0 after the end."""
    numbers = [WORDS.index(word) for word in caption.split()]
    return torch.tensor(numbers + [0] * (len(KINDS) - len(numbers)))


def caption(words: Tensor) -> str:
    """Numbers of words (5,) as text; "unreadable" where there are none."""
    return " ".join(WORDS[n] for n in words if n) or "unreadable"


def descriptions(which: str = "shown") -> Tensor:
    """Captions of one thing, (K, 5): the 116 that are "shown" in training; or 64 "never together"
    in training, though each two of their words are; or all 36 with a "never paired" two, NEVER.
    """
    every = torch.cartesian_prod(*(first + torch.arange(len(kind))
                                   for first, kind in zip(FIRST, KINDS)))  # (216, 5)
    odd = torch.tensor([any({*pair} <= {*caption(words).split()} for pair in NEVER)
                        for words in every])
    if which == "never paired":
        return every[odd]
    every = every[~odd]
    order = Dice(torch.arange(len(every))).integers(0)[:, 0].argsort()  # as if shuffled
    return every[order[:64]] if which == "never together" else every[order[64:].sort().values]


def draw(words: Tensor, seeds: Tensor | range) -> Tensor:
    """Paint captions (B, 5) of one thing each, in [-1, 1]: (B, 3, 16, 16). A seed for each, (B,).

    The seed settles what the caption leaves open, the same on every machine.
    """
    dice = Dice(seeds)
    size, colour, shape, side, place = (words - FIRST).unbind(1)
    radius = dice.uniform(1, *RADII[size].unbind(1))  # (B,)
    centre = torch.stack([dice.uniform(2, -HEIGHT, HEIGHT),
                          (side - 1) * APART + dice.uniform(3, -WANDER, WANDER)], 1)
    return paint_things(shape[:, None], colour[:, None], place, centre[:, None], radius[:, None])


def singles(seeds: Tensor | range, of: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, 16, 16) with these seeds (B,), and their captions (B, 5), drawn from `of`."""
    dice = Dice(seeds)
    words = of[dice.choice(0, len(of))[:, 0]]
    return draw(words, seeds), words


def pairs(seeds: Tensor | range) -> tuple[Tensor, Tensor]:
    """As `singles`, but of two small things that differ in colour and shape, the first named left.

    Only pairs of colour and shape that training shows, in both orders.
    """
    dice = Dice(seeds)
    shown = [(c, s) for c, s in product(range(6), range(3))
             if (COLOURS[c], DRAWN[s]) not in NEVER]
    both = torch.tensor([[*a, *b] for a, b in product(shown, shown)
                         if a[0] != b[0] and a[1] != b[1]
                         and {(a[0], b[1]), (b[0], a[1])} <= {*shown}])  # and so its swap
    colour, shape = both[dice.choice(0, len(both))[:, 0]].view(-1, 2, 2).unbind(2)
    place = dice.choice(4, 2)[:, 0]
    radius = torch.stack([dice.uniform(n, *RADII[0].tolist()) for n in (5, 6)], 1)
    centre = torch.stack([
        torch.stack([dice.uniform(7 + n, -HEIGHT, HEIGHT), dice.uniform(9 + n, 0.2, 0.26) * way], 1)
        for n, way in enumerate((-1, 1))], 1)  # (B, 2, 2)
    words = torch.stack([colour[:, 0] + FIRST[1], shape[:, 0] + FIRST[2],
                         colour[:, 1] + FIRST[1], shape[:, 1] + FIRST[2], place + FIRST[4]], 1)
    return paint_things(shape, colour, place, centre, radius), words


def swapped(words: Tensor) -> Tensor:
    """Captions of two things (B, 5) with their colours exchanged: the same words, other order."""
    return words[:, [2, 1, 0, 3, 4]]


def recoloured(words: Tensor) -> Tensor:
    """Captions of two things (B, 5) with the first one's colour replaced by one not in the picture.
    """
    first, second = (words[:, n] - FIRST[1] for n in (0, 2))
    step = torch.where((first + 1) % len(COLOURS) == second, 2, 1)
    other = words.clone()
    other[:, 0] = FIRST[1] + (first + step) % len(COLOURS)
    return other


# ---------------------------------------------------------------- the judge


def read(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """What is in pictures (B, 3, 16, 16) of one thing: words (B, 5), 0 where it cannot be read;
    and where the thing is, (B, 3): height, side and radius, in picture heights."""
    places = background(FORMAT)[:2, :, 0]  # (2, 3, 16, 16), day and night
    edge = torch.ones(FORMAT.height, FORMAT.width, dtype=torch.bool)
    edge[2:-2, 2:-2] = False
    seen = ((pixels.detach().float().cpu() + 1) / 2)[:, None, :, edge]  # (B, 1, 3, n)
    place = (seen - places[:, :, edge]).abs().sum(2).median(-1).values.argmin(1)  # (B,)
    seen = read_shapes(pixels, places[place], reach=0.24, radii=(0.18, 0.25, 0.30))
    where = seen.where
    size, side = (where[:, 2] > 0.235).long(), (where[:, 1] / APART).round().clamp(-1, 1).long() + 1
    words = torch.stack([size, seen.colour, seen.shape, side, place], 1) + FIRST
    known = seen.readable & (seen.shape < len(DRAWN))
    return words * known[:, None], where
