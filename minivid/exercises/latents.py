"""Lesson 05: how many times fewer numbers, PSNR, and 64 numbers well spent."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch.nn.functional import avg_pool3d

from minivid import moving
from minivid.checks import Wrong, answer_of, draw, exercise, first_of
from minivid.linear import LinearAutoencoder

Tensor = torch.Tensor
BUDGET = 64
KINDS = ("one thing moves", "each frame is of another film", "each quarter is of another film")


@exercise
def times_fewer(function: Callable) -> str | None:
    """times_fewer(frames, height, width, group, cell, channels): a film's numbers over its
    latents'."""
    sizes = [(17, 48, 48, 4, 6, 11), (81, 480, 832, 4, 8, 16), (9, 64, 32, 8, 16, 7),
             (4, 8, 16, 1, 2, 5)]
    frames, height, width, group, cell, channels = torch.tensor(sizes, dtype=torch.float64).T
    film, cells = 3 * frames * height * width, height / cell * width / cell
    truth = film / (channels * (1 + (frames - 1) / group) * cells)
    whole = torch.floor(frames / group)  # frames // group
    faults = {
        "upside down: the film's numbers above, the latents' below": 1 / truth,
        "those are the latents' numbers: divide the film's by them": film / truth,
        "each pixel is three numbers: red, green, blue": truth / 3,
        "each latent is `channels` numbers": truth * channels,
        "`cell` divides both sides, the height and the width": truth / cell,
        "the first frame has a latent frame of its own: 1 + (frames - 1) / group":
            film / (channels * (frames - 1) / group * cells),
        "nearly, as if the film were endless: but the first frame has a latent frame of its own, "
        "1 + (frames - 1) / group": 3 * group * cell**2 / channels,
        "the first frame is counted twice: 1 + (frames - 1) / group":
            film / (channels * (1 + frames / group) * cells),
        "the first frame is counted twice: 1 + (frames - 1) // group":
            film / (channels * (1 + whole) * cells),
        "`frames // group` forgets that the first frame has a latent frame of its own: "
        "1 + (frames - 1) // group": film / (channels * whole * cells),
        "frames come in groups, which share a latent frame": film / (channels * frames * cells),
        "do not round: divide with / at the end": truth.round(),
        "do not round: divide with /, not // at the end": truth.floor(),
    }  # fmt: skip
    answers = [float(answer_of(function, *case)) for case in sizes]
    return first_of(torch.tensor(answers) / truth, torch.ones_like(truth),
                    {hint: wrong / truth for hint, wrong in faults.items()},
                    "3 numbers a pixel, divided by channels * latent frames * rows * columns")


@exercise
def decibels(function: Callable) -> str | None:
    """decibels(made, real): the PSNR of each film (B, 3, F, H, W) in [-1, 1]: (B,)."""
    real = draw(3, 3, 4, 6, 6, seed=1).clamp(-1, 1)
    made = real + torch.tensor([0.05, 0.2, 0.4]).view(3, 1, 1, 1, 1) * draw(3, 3, 4, 6, 6, seed=2)
    off = made - real
    square, size = off.square().mean((1, 2, 3, 4)), off.abs().mean((1, 2, 3, 4))
    truth = 10 * (4 / square).log10()
    faults = {
        "from -1 to 1 the most that a pixel can be off is 2: 2**2 above, not 1":
            10 * (1 / square).log10(),
        "2 must be squared as the error is: 4 above": 10 * (2 / square).log10(),
        "pixels here go from -1 to 1, not to 255": 10 * (255**2 / square).log10(),
        "turn it round: the error stands below, so that more is better": -truth,
        "decibels count in tens: log10, not log": 10 * (4 / square).log(),
        "decibels count in tens: 10 * log10": (4 / square).log10(),
        "20 * log10 is for the root of the mean square; here 10": 2 * truth,
        "the mean of squares, not of sizes": 10 * (4 / size**2).log10(),
        "the mean of the *squared* error, not of its size": 10 * (4 / size).log10(),
        "both squared: 2 is the most, and the mean is of squares, not of sizes":
            10 * (2 / size).log10(),
        "one mean over all frames of a film, not the mean of its frames' PSNR":
            10 * (4 / off.square().mean((1, 3, 4))).log10().mean(1),
        "no root: the *square* of 2 over the mean *square*": 10 * (4 / square.sqrt()).log10(),
        "the mean of the squares over pixels, not their sum":
            10 * (4 / off.square().sum((1, 2, 3, 4))).log10(),
    }  # fmt: skip
    answer = answer_of(function, made, real)
    if isinstance(answer, float) or (isinstance(answer, Tensor) and answer.ndim == 0):
        raise Wrong("one figure for each film: mean over all axes but the first, (1, 2, 3, 4)")
    return first_of(answer, truth, faults, "10 * log10(4 / mean of the squared error), for each "
                    "film by itself")


# ---------------------------------------------------------------- 64 numbers


def layouts() -> list[tuple[int, int, int]]:
    """All (frames, side, channels) that write a film of 8 frames of 16 x 16 in BUDGET numbers."""
    found = []
    for frames in (1, 2, 4, 8):
        for side in (2, 4, 8, 16):
            blocks = 8 // frames * (16 // side) ** 2
            if BUDGET % blocks == 0:
                found.append((frames, side, BUDGET // blocks))
    return found


def lost(films: Tensor, layout: tuple[int, int, int], *others: Tensor) -> list[float]:
    """Mean squared error on each of `others` of the linear autoencoder fitted to `films`."""
    frames, side, channels = layout
    linear = LinearAutoencoder(films, channels, frames, side)
    return [(linear.decode(linear.encode(x)) - x).square().mean().item() for x in others]


@lru_cache(maxsize=1)
def worlds() -> list[tuple]:
    """Films to fit to, unseen ones, and what each layout loses of the unseen and of the first."""
    known, new = (moving.films(seeds).video for seeds in (range(120), range(10**6, 10**6 + 60)))
    dice = torch.Generator().manual_seed(5)

    def others(x: Tensor) -> Tensor:
        return x[torch.randperm(len(x), generator=dice)]

    mixed = [torch.stack([others(x)[:, :, f] for f in range(8)], 2) for x in (known, new)]
    quilt = [torch.cat([torch.cat([avg_pool3d(others(x), (1, 2, 2)) for _ in range(2)], 3)
                        for _ in range(2)], 4) for x in (known, new)]
    return [(a, b, *zip(*(lost(a, one, b, a) for one in layouts())))
            for a, b in ((known, new), mixed, quilt)]


@exercise
def spend(function: Callable) -> str | None:
    """spend(films, unseen): (frames, side, channels) of the blocks, 64 numbers a film, that lose
    the least of `unseen`."""
    for name, (films, unseen, errors, fitted) in zip(KINDS, worlds()):
        try:
            answer = answer_of(function, films, unseen)
        except TypeError as error:
            if "slice indices must be integers" in str(error):
                raise Wrong("LinearAutoencoder takes whole numbers, and / gives a fraction: divide "
                            "with //") from None
            raise
        if not (isinstance(answer, tuple | list) and len(answer) == 3):
            raise Wrong("return three whole numbers: (frames, side, channels)")
        frames, side, channels = layout = tuple(int(n) for n in answer)
        if layout not in layouts() and sorted(layout) in map(sorted, layouts()):
            return "in the order frames, side, channels"
        if 8 % frames or 16 % side:
            return "blocks must fill the film: frames divides 8, side divides 16"
        spent = 8 // frames * (16 // side) ** 2 * channels
        if spent != BUDGET:
            return (f"({frames}, {side}, {channels}) spends {spent} numbers: 8 / frames times "
                    f"(16 / side)**2 blocks, `channels` each, must be {BUDGET}")
        loss = errors[layouts().index(layout)]
        if loss > 1.001 * min(errors):
            worse = (f"where {name}, it loses {loss / min(errors):.1f} times as much of `unseen` "
                     "as the best")
            if loss == errors[min(range(len(errors)), key=fitted.__getitem__)]:
                return (f"{worse}: try every `frames` and `side`; if you did, measure on "
                        "`unseen`, not `films`, which patterns may learn by heart")
            return f"{worse}: try every `frames` and `side`, and keep the best"
    return None
