"""A small autoencoder for films of 8 small pictures: 192 times fewer numbers, learnt in seconds.

As in `convnet`, frames are channels of one picture, which passes through convolutions on coarser
and coarser grids; but what comes out is as narrow as it can be, and a second network draws the film
from it. Each latent stands for 4 frames of 8 x 8 pixels.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn

from minivid.autoencoder import UnitSpread
from minivid.convnet import Conv

FRAMES, GROUP = 8, 4  # of a film, and of those in a latent frame


class SmallAutoencoder(UnitSpread):
    """`encode`: video (B, 3, 8, H, W) -> latents (B, C, 2, H / 8, W / 8); `decode`: back again."""

    hidden = ("encoder", "decoder")  # the matrices that Muon trains

    def __init__(self, channels: int = 4, width: int = 64, cell: int = 8):
        super().__init__(channels)
        wide, narrow, patch = 3 * FRAMES * (cell // 2) ** 2, channels * FRAMES // GROUP, cell // 2
        self.encoder = nn.Sequential(  # 32 x 32 pixels -> 8 x 8 -> 4 x 4
            nn.PixelUnshuffle(patch), Conv(wide, width, 1), nn.SiLU(), Conv(width, width),
            nn.SiLU(), nn.PixelUnshuffle(2), Conv(4 * width, 2 * width), nn.SiLU(),
            Conv(2 * width, narrow, 1))
        self.decoder = nn.Sequential(  # and back
            Conv(narrow, 2 * width), nn.SiLU(), Conv(2 * width, 4 * width), nn.SiLU(),
            nn.PixelShuffle(2), Conv(width, width), nn.SiLU(), Conv(width, width), nn.SiLU(),
            Conv(width, wide, 1), nn.PixelShuffle(patch))

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
