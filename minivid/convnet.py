"""A small convolutional denoiser for pictures: look at full size, then at half size, and back.

The network of the first lessons, before attention arrives: each pixel's velocity is worked out
from its neighbourhood, told the noise level. A U-Net (Ronneberger et al., arXiv 1505.04597) of two
floors, with the level as scale and shift in each block (Dhariwal and Nichol, arXiv 2105.05233).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class ConvConfig:
    """`channels` of the picture, `width` of the full-size floor (half size has twice), blocks."""

    channels: int = 3
    width: int = 32
    depth: int = 2


def embed_t(t: Tensor, width: int) -> Tensor:
    """Flow time (B,) as `width` waves of periods from 2 down to 1/32, (B, width)."""
    rates = math.pi * torch.logspace(0, 6, width // 2, base=2, device=t.device)
    angles = t[:, None] * rates  # (B, width / 2)
    return torch.cat([angles.cos(), angles.sin()], 1)


class Block(nn.Module):
    """Two convolutions beside a shortcut, between them the noise level."""

    def __init__(self, width: int, width_t: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.level = nn.Linear(width_t, 2 * width)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        scale, shift = self.level(level)[:, :, None, None].chunk(2, 1)  # (B, width, 1, 1) twice
        hidden = self.conv1(F.silu(self.norm1(x)))  # (B, width, H, W)
        hidden = self.norm2(hidden) * (1 + scale) + shift
        return x + self.conv2(F.silu(hidden))


class ConvNet(nn.Module):
    """velocity = net(x_t, t, given): x_t (B, C, H, W) with H and W even, t (B,), given ignored.

    | weights              | start as                                            |
    |----------------------|-----------------------------------------------------|
    | last convolution     | zero: an untrained network says "stay where you are" |
    | each block's second  | zero: an untrained block is its shortcut             |
    | all others           | PyTorch's own                                       |
    """

    def __init__(self, config: ConvConfig = ConvConfig()):
        super().__init__()
        self.config = config
        width = config.width
        self.embed = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU())
        self.enter = nn.Conv2d(config.channels, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.leave = nn.Conv2d(width, config.channels, 3, padding=1)
        full, half = (width, 2 * width), (2 * width, 2 * width)
        self.before = nn.ModuleList(Block(*full) for _ in range(config.depth))
        self.middle = nn.ModuleList(Block(*half) for _ in range(config.depth))
        self.after = nn.ModuleList(Block(*full) for _ in range(config.depth))
        for block in (*self.before, *self.middle, *self.after):
            nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        level = self.embed(embed_t(t, self.config.width))  # (B, 2 width)
        x = self.enter(x_t)  # (B, width, H, W)
        for block in self.before:
            x = block(x, level)
        half = self.down(x)  # (B, 2 width, H/2, W/2)
        for block in self.middle:
            half = block(half, level)
        x = x + self.up(half)  # (B, width, H, W)
        for block in self.after:
            x = block(x, level)
        return self.leave(F.silu(x))  # (B, C, H, W)
