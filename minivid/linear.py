"""The best linear autoencoder: of each patch of a film, its shares in a few fixed patterns.

A patch is a block of frames and pixels, as many numbers as it holds. Of all ways to write patches
as so many weighted sums, and to draw them again as weighted sums, principal components lose the
least, as squared error (Eckart and Young, 1936): the directions in which patches vary most.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from .errors import FormatError


def patches(video: Tensor, frames: int, side: int) -> Tensor:
    """Cut videos (B, 3, F, H, W) into blocks of frames x side x side: (B, f, h, w, D)

    Where F is 1 + k * frames, the first frame is repeated until it fills a block of its own.
    Raises `FormatError` for sizes that blocks cannot fill.
    """
    count, height, width = video.shape[2:]
    if count % frames == 1:
        first = video[:, :, :1].expand(-1, -1, frames - 1, -1, -1)
        video = torch.cat([first, video], 2)
    if video.shape[2] % frames or height % side or width % side:
        raise FormatError(f"{count} frames of {width}x{height} do not make whole blocks of "
                          f"{frames} frames of {side}x{side}.")
    return rearrange(video, "b c (f t) (h p) (w q) -> b f h w (t c p q)", t=frames, p=side, q=side)


def joined(blocks: Tensor, frames: int, side: int, count: int) -> Tensor:
    """The inverse of `patches`, for films of `count` frames: (B, f, h, w, D) -> (B, 3, F, H, W)"""
    video = rearrange(blocks, "b f h w (t c p q) -> b c (f t) (h p) (w q)", t=frames, p=side,
                      q=side)
    return video[:, :, video.shape[2] - count :]


class LinearAutoencoder:
    """`encode`: video -> latents, `channels` numbers for each patch; `decode`: back again.

    Fitted to the films `video` (B, 3, F, H, W) once, in closed form. Latents of fewer channels are
    its first ones: the patterns are sorted, those that matter most come first.
    """

    def __init__(self, video: Tensor, channels: int, frames: int = 4, side: int = 6):
        self.frames, self.side = frames, side
        self.alone = video.shape[2] % frames == 1  # the first frame has blocks to itself
        rows = patches(video, frames, side).flatten(0, 3)  # (n, D)
        self.mean = rows.mean(0)
        self.patterns = torch.linalg.svd(rows - self.mean, full_matrices=False)[2][:channels]

    def encode(self, video: Tensor) -> Tensor:
        """video (B, 3, F, H, W) -> latents (B, C, f, h, w)"""
        shares = (patches(video, self.frames, self.side) - self.mean) @ self.patterns.T
        return shares.movedim(-1, 1)

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, f, h, w), C at most `channels` -> video (B, 3, F, H, W) in [-1, 1]"""
        shares = latents.movedim(1, -1)  # (B, f, h, w, C)
        blocks = shares @ self.patterns[: shares.shape[-1]] + self.mean
        count = blocks.shape[1] * self.frames - self.alone * (self.frames - 1)
        return joined(blocks, self.frames, self.side, count).clamp(-1, 1)
