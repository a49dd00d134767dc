"""A small convolutional denoiser for pictures: look closely, then from further away, and back.

The network of the first lessons, before attention arrives: each patch's velocity is worked out
from its neighbourhood, told the noise level and, if it is to, words: as a bag, for their vectors
are averaged, whatever their order. A U-Net (Ronneberger et al., arXiv 1505.04597) of two floors,
with the level as scale and shift in each block (Dhariwal and Nichol, arXiv 2105.05233).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minivid.layers import Condition


@dataclass(frozen=True)
class ConvConfig:
    """`channels` of the picture, `width` above (below: twice), blocks a stair; `text_width`: how
    many numbers the vector of a word has, 0 for a network that is told none."""

    channels: int = 3
    width: int = 32
    depth: int = 2
    text_width: int = 0


def embed_t(t: Tensor, width: int) -> Tensor:
    """Flow time (B,) as `width` waves of periods from 2 down to 1/32, (B, width)."""
    rates = math.pi * torch.logspace(0, 6, width // 2, base=2, device=t.device)
    angles = t[:, None] * rates  # (B, width / 2)
    return torch.cat([angles.cos(), angles.sin()], 1)


class Conv(nn.Linear):
    """A convolution whose weight is kept as a matrix (out, in * size * size), as Muon wants it."""

    def __init__(self, before: int, after: int, size: int = 3):
        super().__init__(before * size**2, after)
        self.kernel = (after, before, size, size)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.view(self.kernel), self.bias, padding=self.kernel[-1] // 2)


class Block(nn.Module):
    """Two convolutions beside a shortcut, between them the noise level."""

    def __init__(self, width: int, width_t: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1, self.conv2 = Conv(width, width), Conv(width, width)
        self.level = nn.Linear(width_t, 2 * width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.level(level)[:, :, None, None].chunk(2, 1)  # (B, width, 1, 1) twice
        hidden = self.conv1(F.silu(self.norm1(x)))  # (B, width, h, w)
        hidden = self.norm2(hidden) * (1 + scale) + shift
        return x + self.conv2(F.silu(hidden))


class ConvNet(nn.Module):
    """velocity = net(x_t, t, given): x_t (B, C, H, W), H and W divisible by 4, t (B,). Of what is
    given, the text is used, and only by a network with a `text_width`.

    | weights                     | start as                                             |
    |-----------------------------|------------------------------------------------------|
    | the last convolution        | zero: an untrained network says "stay where you are" |
    | each block's second         | zero: an untrained block is its shortcut             |
    | all others                  | PyTorch's own                                        |
    """

    hidden = ("enter", "conv1", "conv2", "down", "up", "leave")  # the matrices that Muon trains

    def __init__(self, config: ConvConfig = ConvConfig()):
        super().__init__()
        self.config = config
        channels, width, depth = 4 * config.channels, config.width, config.depth
        self.embed = nn.Sequential(nn.Linear(32, 4 * width), nn.SiLU())
        told = config.text_width
        self.words = nn.Linear(told, 4 * width, bias=False) if told else None
        self.enter, self.leave = Conv(channels, width), Conv(width, channels)
        self.down, self.up = Conv(4 * width, 2 * width, 1), Conv(2 * width, 4 * width, 1)
        self.before = nn.ModuleList(Block(width, 4 * width) for _ in range(depth))
        self.below = nn.ModuleList(Block(2 * width, 4 * width) for _ in range(depth))
        self.after = nn.ModuleList(Block(width, 4 * width) for _ in range(depth))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def heard(self, given: Condition | None) -> Tensor | float:
        """What the words say together, (B, 4 width); 0 where nothing is said."""
        if self.words is None or given is None:
            return 0.0
        share = given.text_mask / given.text_mask.sum(1, keepdim=True).clamp(min=1)  # (B, L)
        return self.words((given.text * share[..., None]).sum(1))

    @torch.autocast("cpu", enabled=False)  # on a CPU small convolutions are slower in bfloat16
    def forward(self, x_t: Tensor, t: Tensor, given: Condition | None = None) -> Tensor:
        level = self.embed(embed_t(t, 32)) + self.heard(given)  # (B, 4 width)
        x = self.enter(F.pixel_unshuffle(x_t, 2))  # (B, width, H/2, W/2)
        for block in self.before:
            x = block(x, level)
        below = self.down(F.pixel_unshuffle(x, 2))  # (B, 2 width, H/4, W/4)
        for block in self.below:
            below = block(below, level)
        x = x + F.pixel_shuffle(self.up(below), 2)  # (B, width, H/2, W/2)
        for block in self.after:
            x = block(x, level)
        return F.pixel_shuffle(self.leave(F.silu(x)), 2)  # (B, C, H, W)
