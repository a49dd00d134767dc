"""A convolution in the transformer's place: tokens back on their grid, all frames in one picture.

The control of the transformer: same tokens in and out, same words, same contract. Nothing in it
looks further than its neighbourhood, but in time: there all frames are channels of one picture.
"""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from minivid.convnet import ConvConfig, ConvNet
from minivid.flow import velocity_to
from minivid.layers import Condition
from minivid.tokens import Packing, patchify, unpatchify

AHEAD = 0.2  # of the road: nearer to its end, a guess's least error would be a velocity's large one


class Folded(nn.Module):
    """velocity = folded(x_t, t, given), all of tokens: x_t (B, N, D), t (B,).

    `packing` says how long the films are; wider or taller ones go through as well. The network
    inside answers with its clean guess: the noise of all frames is too much for a narrow one.
    """

    hidden = ConvNet.hidden  # matrices for Muon

    def __init__(self, packing: Packing, channels: int, text_width: int, width: int = 48):
        super().__init__()
        self.patch, self.channels, self.frames = packing.patch, channels, packing.grid[0]
        self.net = ConvNet(ConvConfig(self.frames * channels, width, 1, text_width))

    def grid(self, given: Condition) -> tuple[int, int, int]:
        """Patches in time, down and across, from the addresses of the first clip."""
        down, across = (len(given.layout.positions[0, :, axis].unique()) for axis in (1, 2))
        return self.frames, down, across

    def forward(self, x_t: Tensor, t: Tensor, given: Condition) -> Tensor:
        used = self.channels * self.patch**2  # numbers of a token that are not filling
        latents = unpatchify(x_t[..., :used].float(), self.grid(given), self.patch)
        guess = self.net(rearrange(latents, "b c f h w -> b (f c) h w"), t, given)
        guess = rearrange(guess, "b (f c) h w -> b c f h w", c=self.channels)
        velocity = velocity_to(patchify(guess, self.patch), x_t[..., :used], t, AHEAD)
        return F.pad(velocity, (0, x_t.shape[-1] - used))
