"""Latents to tokens and back: patches of space and time in one row, each with its address."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import rearrange

from .errors import FormatError
from .layers import PICTURE, SOUND, Layout
from .paint import ClipFormat

Tensor = torch.Tensor
MOST = 4096  # tokens of picture: attention looks from each at each, and more than this fill 3 GB


def patchify(latents: Tensor, patch: int) -> Tensor:
    """Cut video latents into patches: (B, C, f, h, w) -> (B, f h/p w/p, C p p)"""
    if latents.shape[-2] % patch or latents.shape[-1] % patch:
        raise FormatError(f"Latents of {tuple(latents.shape[-2:])} cannot be cut into patches "
                          f"of {patch}x{patch}.")
    return rearrange(latents, "b c f (h p) (w q) -> b (f h w) (c p q)", p=patch, q=patch)


def unpatchify(tokens: Tensor, grid: tuple[int, int, int], patch: int) -> Tensor:
    """The inverse of `patchify`, for a grid of (f, h/p, w/p) patches."""
    size = dict(zip("fhwpq", (*grid, patch, patch)))
    return rearrange(tokens, "b (f h w) (c p q) -> b c f (h p) (w q)", **size)


@dataclass(frozen=True)
class Packing:
    """How a clip of a format becomes one row of tokens: first the picture's, then the sound's.

    cell: pixels that a patch is wide and high; group: frames in a latent frame; sound: tokens of
    sound (0 for silent); dim: numbers in a token, the shorter kind is filled up with zeros; shift:
    latents by which all patches are moved to the left. Where the outer ones reach beyond the frame
    then, zeros stand for what is not there.
    """

    fmt: ClipFormat
    cell: int = 12
    patch: int = 2
    group: int = 4
    dim: int = 40
    sound: int = 0
    shift: int = 0

    def __post_init__(self):
        if self.fmt.height % self.cell or self.fmt.width % self.cell:
            width, height = (self.cell * max(1, round(side / self.cell))
                             for side in (self.fmt.width, self.fmt.height))
            raise FormatError(
                f"A film of {self.fmt.width}x{self.fmt.height} pixels cannot be made: both sides "
                f"must be multiples of {self.cell}. Nearest: {width}x{height}."
            )
        if self.pictures > MOST:
            raise FormatError(
                f"A film of {self.fmt.width}x{self.fmt.height} pixels and {self.fmt.frames} frames "
                f"cannot be made: it takes {self.pictures} tokens, more than {MOST}. Make it "
                "smaller."
            )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Patches in time, down and across."""
        f, h, w = self.latents
        return f, h // self.patch, -(-(w + self.shift) // self.patch)

    @property
    def latents(self) -> tuple[int, int, int]:
        """Latents in time, down and across."""
        frames, side = 1 + (self.fmt.frames - 1) // self.group, self.cell // self.patch
        return frames, self.fmt.height // side, self.fmt.width // side

    @property
    def pictures(self) -> int:
        f, h, w = self.grid
        return f * h * w

    @lru_cache(maxsize=64)
    def layout(self, batch: int, device=None) -> Layout:
        """The address and kind of every token; times are those of the frames that it stands for.

        A layout of one clip does for a batch of any size.
        """
        f, h, w = self.grid
        unit, hy, hx = self.fmt.side, *self.fmt.half
        step = torch.arange(f, dtype=torch.float32)
        seconds = (step * self.group - (self.group - 1) / 2).clamp(min=0) / self.fmt.fps
        y = (torch.arange(h) + 0.5) * self.cell / unit - hy
        x = (torch.arange(w) + 0.5 - self.shift / self.patch) * self.cell / unit - hx
        picture = torch.stack(torch.meshgrid(seconds, y, x, indexing="ij"), -1).reshape(-1, 3)
        ear = torch.zeros(self.sound, 3)  # sound is heard at the centre
        if self.sound:
            ear[:, 0] = (torch.arange(self.sound) + 0.5) * self.fmt.seconds / self.sound
        kind = torch.tensor([PICTURE] * len(picture) + [SOUND] * self.sound)
        extent = torch.tensor([self.fmt.seconds, 2 * hy, 2 * hx])
        place = torch.cat([picture, ear])
        return Layout(*(x.to(device).expand(batch, *x.shape) for x in (place, kind, extent)))

    def pack(self, latents: Tensor, sound: Tensor | None = None) -> Tensor:
        """Video latents (B, C, f, h, w) and sound latents (B, C', s) to one row: (B, N, dim)"""
        beyond = -(latents.shape[-1] + self.shift) % self.patch
        tokens = patchify(F.pad(latents, (self.shift, beyond)), self.patch)
        rows = [tokens] if sound is None else [tokens, sound.transpose(1, 2)]
        return torch.cat([F.pad(row, (0, self.dim - row.shape[-1])) for row in rows], 1)

    def unpack(self, tokens: Tensor, channels: int, sound_channels: int = 0):
        """The inverse of `pack`: video latents, sound latents or None."""
        picture = tokens[:, : self.pictures, : channels * self.patch**2]
        sound = tokens[:, self.pictures :, :sound_channels].transpose(1, 2) if self.sound else None
        latents = unpatchify(picture, self.grid, self.patch)
        return latents[..., self.shift : self.shift + self.latents[2]], sound

    @lru_cache(maxsize=64)
    def used(self, channels: int, sound_channels: int = 0) -> Tensor:
        """Which numbers of each token mean something, 1, and which only fill it up, 0: (N, dim)"""
        return self.pack(torch.ones(1, channels, *self.latents),
                         torch.ones(1, sound_channels, self.sound))[0]

    def beginning(self, frames: int, samples: int = 0, rate: int = 8000) -> Tensor:
        """Which tokens hold the first so many frames (1 + 4k, or none) and samples: (N,) of bool"""
        f, h, w = self.grid
        shown = -(-frames // self.group)  # latent frames
        heard = int(samples / rate / self.fmt.seconds * self.sound + 1e-6) if self.sound else 0
        first = [torch.arange(n) < given for n, given in
                 ((f * h * w, shown * h * w), (self.sound, heard))]
        return torch.cat(first)
