"""Do the frames of a film agree? Flicker, identity switches, smoothness and drift, in numbers.

Each measure takes what a camera or a judge sees in B films of F frames. Low is good, but for
smoothness. Each can be fooled by itself: a frozen film flickers least of all.
"""

from __future__ import annotations

import torch
from torch import Tensor

STILL = 0.01  # picture heights: steps below this are a judge's unsteady hand


def flicker(video: Tensor) -> Tensor:
    """How much a pixel changes from a frame to the next, of all it could: (B, 3, F, H, W) -> (B,)

    The videos are in [-1, 1].
    """
    return (video[:, :, 1:] - video[:, :, :-1]).abs().mean((1, 2, 3, 4)) / 2


def switches(*kinds: Tensor) -> Tensor:
    """Of the steps from a frame to the next, the share in which a kind is another: (B, F) -> (B,)

    Kinds are what the thing is: its shape, its colour, as indices. A frame that cannot be read is
    -1, and a step to or from it is left out; NaN where none is left.
    """
    both = torch.stack([(kind[:, 1:] >= 0) & (kind[:, :-1] >= 0) for kind in kinds]).all(0)
    other = torch.stack([kind[:, 1:] != kind[:, :-1] for kind in kinds]).any(0)
    return (both & other).sum(1) / both.sum(1)


def drift(size: Tensor) -> Tensor:
    """How far the thing's size is from that in the first frame, as a share: (B, F) -> (B, F)

    NaN where either cannot be read (NaN).
    """
    return (size / size[:, :1] - 1).abs()


def smoothness(place: Tensor) -> Tensor:
    """How alike each step is to the one before it: places (B, F, 2) -> (B,) in [-1, 1]

    1 on a straight path at constant speed, about 0 where each step is new, below 0 where the thing
    jumps about; 0 also where it does not move or cannot be read. Steps to or from a frame that
    cannot be read (NaN) are left out.
    """
    step = place[:, 1:] - place[:, :-1]  # (B, F - 1, 2)
    before, after = step[:, :-1], step[:, 1:]
    alike = 2 * (before * after).sum(-1)  # (B, F - 2)
    size = (before**2 + after**2).sum(-1)
    pairs = (~size.isnan()).sum(1)
    moves = size.nansum(1) > pairs * 2 * STILL**2
    return torch.where(moves, alike.nansum(1) / size.nansum(1).clamp(min=1e-12), 0)
