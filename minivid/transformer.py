"""The diffusion transformer: it looks at all tokens of a clip at once and says their velocity.

DiT (2212.09748) with one modulation shared by all blocks (PixArt, 2310.00426), queries and keys
normed, rotary positions in seconds and space, cross-attention to the words, and a noise level for
each token (Diffusion Forcing, 2407.01392).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from .layers import MLP, Attention, Condition, Layout, Linear, Rotary, norm, spaced, waves

Tensor = torch.Tensor


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the transformer. Its width is 32 numbers a head, one head more than blocks."""

    dim: int = 44  # numbers in a token
    text_width: int = 96
    depth: int = 5  # the one dial: width and heads follow
    kinds: int = 2
    reach: float | None = None  # short sides from which on an edge is too far to be felt

    @property
    def width(self) -> int:
        return max(64, 32 * (self.depth + 1))

    @property
    def heads(self) -> int:
        return self.width // 32


class Block(nn.Module):
    """Look at the other tokens, look at the words, think: each as large as t lets it be."""

    def __init__(self, width: int, heads: int, text_width: int):
        super().__init__()
        self.look, self.think = Attention(width, heads), MLP(width)
        self.read = Attention(width, heads, text_width)
        self.own = nn.Parameter(torch.zeros(5, width))  # this block's part of the modulation

    def forward(self, x: Tensor, level: Tensor, turn, mask, text, text_mask) -> Tensor:
        see, take, ask, dwell, keep = (level + self.own.to(level.dtype)).unbind(-2)  # (B, N|1, d)
        x = x + take * self.look(norm(x) * (1 + see), turn, mask)
        x = x + self.read(norm(x) * (1 + ask), None, text_mask, text)
        return x + keep * self.think(norm(x) * (1 + dwell))  # (B, N, d)


class Transformer(nn.Module):
    """velocity = model(x_t, t, given), all of tokens: x_t (B, N, D), t (B,) or (B, N).

    | weights | begin as |
    |---|---|
    | into and out of a branch | uniform, variance 1 / (3 inputs); the branch's last matrix zero |
    | modulation | gates 1, scales 0 |
    | outof | zero: the first velocity is 0 |
    """

    hidden = ("blocks.",)  # matrices for Muon

    def __init__(self, config: TransformerConfig = TransformerConfig()):
        super().__init__()
        self.config = c = config
        d, e, pairs = c.width, c.text_width, 16
        self.into = nn.ModuleList([Linear(c.dim, d) for _ in range(c.kinds)])
        self.outof = nn.ModuleList([Linear(d, c.dim, zero=True) for _ in range(c.kinds)])
        self.kind = nn.Parameter(torch.zeros(c.kinds, d))
        self.walls = Linear(8 * 2 * 6, d)
        self.level_in = nn.Linear(2 * 16, 64)
        self.text_in = Linear(e, 64)
        self.level_out = nn.Linear(64, 5 * d)
        nn.init.zeros_(self.level_out.weight)
        with torch.no_grad():
            gates = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0])
            self.level_out.bias.copy_(gates[:, None].expand(5, d).reshape(-1))
        self.null = nn.Parameter(torch.randn(1, 1, e) * 0.5)  # always there to be read
        self.rotary = Rotary((0.8, 25.0, pairs - 10), (0.8, 14.0, 5), (0.8, 14.0, 5))
        self.blocks = nn.ModuleList([Block(d, c.heads, e) for _ in range(c.depth)])
        self.register_buffer("t_waves", spaced(0.5, 60.0, 16), persistent=False)
        self.register_buffer("wall_waves", spaced(0.4, 14.0, 6), persistent=False)

    def forward(self, x_t: Tensor, t: Tensor, given: Condition) -> Tensor:
        layout = given.layout
        text, text_mask, pooled = self.words(given)
        level = self.level(t if t.ndim == 2 else t[:, None], pooled)  # (B, N|1, 5, d)
        x = self.by_kind(self.into, x_t, layout)
        # no self.kind[layout.kind]: on a GPU its way back takes as long as the rest of the step
        kind = F.one_hot(layout.kind, len(self.kind)).float() @ self.kind
        x = x + (kind + self.address(layout)).to(x.dtype)  # (B, N, d)
        turn, mask = self.rotary(layout.positions), self.mask(given)
        for block in self.blocks:
            x = block(x, level, turn, mask, text, text_mask)
        return self.by_kind(self.outof, norm(x), layout)  # (B, N, D)

    def words(self, given: Condition) -> tuple[Tensor, Tensor, Tensor]:
        """The words with the null row before them, their mask, and their mean."""
        null = self.null.expand(len(given.text), -1, -1).to(given.text.dtype)
        mask = F.pad(given.text_mask, (1, 0), value=True)  # (B, 1 + L)
        text = torch.cat([null, given.text], 1)  # (B, 1 + L, E)
        weight = mask[..., None].to(text.dtype)
        return text, mask[:, None, None], (text * weight).sum(1) / weight.sum(1)

    def level(self, t: Tensor, pooled: Tensor) -> Tensor:
        """Noise level of each token, and what the text is about, as scales and gates."""
        hidden = self.level_in(waves(t, self.t_waves)) + self.text_in(pooled)[:, None]
        return self.level_out(F.silu(hidden)).unflatten(-1, (5, -1))

    def address(self, layout: Layout) -> Tensor:
        """How far to the clip's start, end, four edges and centre: rotation alone cannot see it.

        Where edges are felt nearby only, what stands in the middle of a frame is learnt from the
        centre, and stands there in frames of any width.
        """
        half = layout.extent[:, None] / 2  # (B, 1, 3): time is measured from the start, not centre
        place = layout.positions - F.pad(half[..., :1], (0, 2))
        ends = torch.stack([half + place, half - place])
        if self.config.reach:
            ends[..., 1:] = ends[..., 1:].clamp(max=self.config.reach)
        far = torch.cat([*ends, place[..., 1:]], -1)  # (B, N, 8)
        return self.walls(waves(far, self.wall_waves).flatten(-2))

    @staticmethod
    def by_kind(layers: nn.ModuleList, x: Tensor, layout: Layout) -> Tensor:
        """Each token through the matrix of its kind."""
        if not layout.heard:  # pictures only
            return layers[0](x)
        outs = [layer(x) * (layout.kind == k)[..., None] for k, layer in enumerate(layers)]
        return sum(outs)

    @staticmethod
    def mask(given: Condition) -> Tensor | None:
        """Who may look at whom, None for everyone at everyone: (B, 1, N, N)"""
        if not given.apart.any():
            return None
        kind = given.layout.kind
        same = kind[:, :, None] == kind[:, None, :]
        return (same | ~given.apart.to(kind.device)[:, None, None])[:, None]
