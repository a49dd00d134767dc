"""A small autoencoder for films of 8 small pictures: 192 times fewer numbers, learnt in seconds.

As in `convnet`, frames are channels of one picture, which passes through convolutions on coarser
and coarser grids; but what comes out is as narrow as it can be, and a second network draws the film
from it. Each latent stands for 4 frames of 8 x 8 pixels.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from minivid.convnet import Conv

FRAMES, GROUP = 8, 4  # of a film, and of those in a latent frame


class SmallAutoencoder(nn.Module):
    """`encode`: video -> latents of about unit spread; `decode`: back again."""

    hidden = ("encoder", "decoder")  # the matrices that Muon trains

    def __init__(self, channels: int = 4, width: int = 64, cell: int = 8):
        super().__init__()
        wide, narrow, patch = 3 * FRAMES * (cell // 2) ** 2, channels * FRAMES // GROUP, cell // 2
        self.encoder = nn.Sequential(  # 32 x 32 pixels -> 8 x 8 -> 4 x 4
            nn.PixelUnshuffle(patch), Conv(wide, width, 1), nn.SiLU(), Conv(width, width),
            nn.SiLU(), nn.PixelUnshuffle(2), Conv(4 * width, 2 * width), nn.SiLU(),
            Conv(2 * width, narrow, 1))
        self.decoder = nn.Sequential(  # and back
            Conv(narrow, 2 * width), nn.SiLU(), Conv(2 * width, 4 * width), nn.SiLU(),
            nn.PixelShuffle(2), Conv(width, width), nn.SiLU(), Conv(width, width), nn.SiLU(),
            Conv(width, wide, 1), nn.PixelShuffle(patch))
        self.register_buffer("mean", torch.zeros(channels, 1, 1, 1))
        self.register_buffer("scale", torch.ones(channels, 1, 1, 1))

    def raw_encode(self, video: Tensor) -> Tensor:
        """As `encode`, before the latents are brought to mean 0 and spread 1."""
        narrow = self.encoder(rearrange(video, "b c f h w -> b (f c) h w"))
        return rearrange(narrow, "b (f c) h w -> b c f h w", f=FRAMES // GROUP)

    def raw_decode(self, raw: Tensor) -> Tensor:
        """The inverse of `raw_encode`, as near as the few numbers let it; not clamped."""
        wide = self.decoder(rearrange(raw, "b c f h w -> b (f c) h w"))
        return rearrange(wide, "b (f c) h w -> b c f h w", c=3)

    def forward(self, video: Tensor, noise: Tensor, strength: float | Tensor) -> Tensor:
        """There and back, with noise (as the latents) of a share of their spread added between."""
        raw = self.raw_encode(video)
        return self.raw_decode(raw + strength * raw.std((0, 2, 3, 4), keepdim=True) * noise)

    def encode(self, video: Tensor) -> Tensor:
        """video (B, 3, 8, H, W) in [-1, 1] -> latents (B, C, 2, H / 8, W / 8)"""
        return (self.raw_encode(video) - self.mean) / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, 2, h, w) -> video (B, 3, 8, 8 h, 8 w), clamped to [-1, 1]"""
        return self.raw_decode(latents * self.scale + self.mean).clamp(-1, 1)

    @torch.no_grad()
    def measure_scale(self, video: Tensor) -> None:
        """Set mean and spread of the latents from films (B, 3, 8, H, W)."""
        raw = self.raw_encode(video)
        self.mean.copy_(raw.mean((0, 2, 3, 4))[:, None, None, None])
        self.scale.copy_(raw.std((0, 2, 3, 4))[:, None, None, None])
