"""Video to latents and back: 33 times fewer numbers, causal in time.

A clip of 1 + 4k frames becomes 1 + k latent frames: the first stands for frame 0 alone (repeated,
so that it fills a group of four), each later one for four frames. The encoder looks at the past
only, so a picture and the beginning of a film encode alike; the decoder looks both ways, so that
groups of four join without a seam. It owns its latent scale: nobody else multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from .distributed import all_mean
from .errors import FormatError

Tensor = torch.Tensor
GROUP = 4  # frames in a latent frame


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of the autoencoder; widths in channels."""

    channels: int = 11  # in a latent, which stands for 4 frames of 6x6 pixels: 432 numbers
    width: int = 96  # of the blocks that see time
    frame_width: int = 64  # of the blocks that see one frame, on the latent's grid
    fine_width: int = 32  # of the blocks on a grid twice as fine
    depth: tuple[int, int, int] = (1, 2, 3)  # blocks: each frame, encoder in time, decoder in time

    @property
    def patch(self) -> int:
        """Pixels that a latent is wide and high: a fine cell of 3x3, doubled."""
        return 6


def shift(x: Tensor, frames: int) -> Tensor:
    """Each latent frame sees the one before (1) or after (-1); at the ends, itself: (B, f, ...)"""
    if frames > 0:
        return torch.cat([x[:, :1], x[:, :-1]], 1)
    return torch.cat([x[:, 1:], x[:, -1:]], 1)


class Conv(nn.Module):
    """A convolution whose weight is kept as a matrix (out, in k k), the shape that Muon takes."""

    def __init__(self, inside: int, out: int, size: int = 1, zero: bool = False):
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.randn(out, inside * size**2) / (inside * size**2) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(out))
        if zero:
            nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.unflatten(1, (-1, self.size, self.size))
        return F.conv2d(x, kernel, self.bias, padding=self.size // 2)  # (B, C, h, w)


class Block(nn.Module):
    """Look around in space (3x3) and to neighbours in time, add what was seen: (B, f, C, h, w)"""

    def __init__(self, width: int, looks: tuple[int, ...] = (), wider: int = 1):
        super().__init__()
        self.looks = looks
        self.space = Conv(width, wider * width, 3)
        self.time = Conv(len(looks) * width, wider * width) if looks else None
        self.out = Conv(wider * width, width, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.space(x.flatten(0, 1))  # (B f, 2C, h, w)
        if self.time:
            near = torch.cat([shift(x, n) for n in self.looks], 2)  # (B, f, 1|2 C, h, w)
            hidden = hidden + self.time(near.flatten(0, 1))
        return x + self.out(F.silu(hidden)).unflatten(0, x.shape[:2])


class Each(nn.Module):
    """Apply a layer for pictures to every frame: (B, f, C, h, w) -> (B, f, C', h', w')"""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class GroupFrames(nn.Module):
    """Four frames become channels of one: (B, 4f, C, h, w) -> (B, f, 4C, h, w)"""

    def forward(self, x: Tensor) -> Tensor:
        return rearrange(x, "b (f t) c h w -> b f (t c) h w", t=GROUP)


class SplitFrames(nn.Module):
    """The inverse of `GroupFrames`."""

    def forward(self, x: Tensor) -> Tensor:
        return rearrange(x, "b f (t c) h w -> b (f t) c h w", t=GROUP)


class UnitSpread(nn.Module):
    """An autoencoder, by its `raw_encode` and `raw_decode`, whose latents have mean 0 and spread 1
    for each channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1, 1))
        self.register_buffer("scale", torch.ones(channels, 1, 1, 1))

    def encode(self, video: Tensor) -> Tensor:
        """video (B, 3, F, H, W) in [-1, 1] -> latents (B, C, f, h, w)"""
        return (self.raw_encode(video) - self.mean) / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, f, h, w) -> video (B, 3, F, H, W), clamped to [-1, 1]"""
        return self.raw_decode(latents * self.scale + self.mean).clamp(-1, 1)

    @torch.no_grad()
    def measure_scale(self, video: Tensor) -> None:
        """Set mean and spread of the latents from clips (B, 3, F, H, W)."""
        raw = self.raw_encode(video).float()
        self.mean.copy_(raw.mean((0, 2, 3, 4))[:, None, None, None])
        self.scale.copy_(raw.std((0, 2, 3, 4))[:, None, None, None])


class Autoencoder(UnitSpread):
    """`encode`: video (B, 3, 1+4k, H, W) -> latents (B, C, 1+k, H/p, W/p); `decode`: back again."""

    hidden = (".space.", ".time.", ".out.")  # matrices for Muon

    def __init__(self, config: AutoencoderConfig = AutoencoderConfig()):
        super().__init__(config.channels)
        self.config = c = config
        frame, into_time, outof_time = c.depth
        self.encoder = nn.Sequential(
            Each(nn.PixelUnshuffle(3), Conv(27, c.fine_width, 3), nn.SiLU()),
            Each(nn.PixelUnshuffle(2), Conv(4 * c.fine_width, c.frame_width)),
            *[Block(c.frame_width) for _ in range(frame)],
            GroupFrames(),
            Each(Conv(GROUP * c.frame_width, c.width)),
            *[Block(c.width, (1,), 2) for _ in range(into_time)],
            Each(Conv(c.width, c.channels)),
        )
        self.decoder = nn.Sequential(
            Each(Conv(c.channels, c.width)),
            *[Block(c.width, (1, -1), 2) for _ in range(outof_time)],
            Each(Conv(c.width, GROUP * c.frame_width)),
            SplitFrames(),
            *[Block(c.frame_width) for _ in range(frame)],
            Each(Conv(c.frame_width, 4 * c.fine_width), nn.PixelShuffle(2)),
            Block(c.fine_width),
            Each(Conv(c.fine_width, 27), nn.PixelShuffle(3)),
        )

    def raw_encode(self, video: Tensor) -> Tensor:
        """As `encode`, before the latents are brought to mean 0 and spread 1.

        Raises `FormatError` for other than 1 + 4k frames, or sides that are no multiple of p.
        """
        frames, height, width = video.shape[2:]
        if frames % GROUP != 1 or height % self.config.patch or width % self.config.patch:
            raise FormatError(
                f"A clip of {frames} frames of {width}x{height} cannot be encoded: frames must be "
                f"1 + {GROUP}k, both sides multiples of {self.config.patch}."
            )
        first = video[:, :, :1].expand(-1, -1, GROUP - 1, -1, -1)
        video = torch.cat([first, video], 2).transpose(1, 2)  # (B, 4f, 3, H, W)
        return self.encoder(video).transpose(1, 2)  # (B, C, f, h, w)

    def raw_decode(self, raw: Tensor) -> Tensor:
        """The inverse of `raw_encode`, as near as the bottleneck lets it; not clamped."""
        video = self.decoder(raw.transpose(1, 2)).transpose(1, 2)  # (B, 3, 4f, H, W)
        return video[:, :, GROUP - 1 :]

    def forward(self, video: Tensor, noise: Tensor, strength: float | Tensor) -> Tensor:
        """There and back, with noise (as the latents) of a share of their spread added between:
        one share for all, or one a clip (B, 1, 1, 1, 1)."""
        raw = self.raw_encode(video)
        seen = raw.float()  # with its gradient: or else to grow would seem to outgrow the noise
        mean, square = (all_mean(x.mean((0, 2, 3, 4), keepdim=True)) for x in (seen, seen**2))
        spread = (square - mean**2).clamp(min=1e-12).sqrt()
        return self.raw_decode(raw + strength * spread * noise)


def autoencoder_loss(model: nn.Module, video: Tensor, empty: Tensor, noise: Tensor,
                     strength: float | Tensor, actors: float = 4.0) -> Tensor:
    """Mean absolute error, with more weight where the clip differs from a plain sky.

    video (B, 3, F, H, W); empty: the same places with nobody and no weather in them; noise as the
    latents, a `strength` of it teaches the decoder to forgive a denoiser's errors (2507.15856).
    """
    there = ((video - empty).abs().amax(1, keepdim=True) > 0.1).to(video)
    weight = 1 + actors * F.max_pool3d(there, (1, 3, 3), 1, (0, 1, 1))
    error = (model(video, noise, strength).float() - video).abs()
    return (error * weight).mean()
