"""Parts that networks share: what they are told, rotary positions, attention, an MLP."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

Tensor = torch.Tensor
PICTURE, SOUND = 0, 1  # kinds of token


@dataclass(frozen=True)
class Layout:
    """Where and what each token is.

    positions (B, N, 3): seconds, y, x (short sides of the frame, from its centre); kind (B, N):
    PICTURE or SOUND; extent (B, 3): the clip's seconds, height, width in the same units.
    """

    positions: Tensor
    kind: Tensor
    extent: Tensor

    @cached_property
    def heard(self) -> bool:
        """Whether there is sound among the tokens. Asked once: a GPU has to be waited for."""
        return bool((self.kind == SOUND).any())


@dataclass(frozen=True)
class Condition:
    """What a network is given: text (B, L, E) with its mask (B, L), and the tokens' layout.

    `apart` (B,), on the CPU, marks samples whose kinds of token must not look at one another.
    """

    text: Tensor
    text_mask: Tensor
    layout: Layout | None = None
    apart: Tensor | None = None

    def __post_init__(self):
        if self.apart is None:
            object.__setattr__(self, "apart", torch.zeros(len(self.text), dtype=torch.bool))

    def without(self, what: str) -> Condition:
        """The same with the "text" gone, or with "sound" and picture hidden from each other."""
        if what == "text":
            return replace(self, text_mask=torch.zeros_like(self.text_mask))
        if what == "sound":
            return replace(self, apart=torch.ones_like(self.apart))
        raise ValueError(f"Nothing called {what!r} can be taken away; only 'text' or 'sound'.")


class Linear(nn.Linear):
    """A matrix without bias, uniform of variance 1/(3 in); zero where a branch begins shut."""

    def __init__(self, inside: int, out: int, zero: bool = False):
        super().__init__(inside, out, bias=False)
        bound = 0.0 if zero else inside**-0.5
        nn.init.uniform_(self.weight, -bound, bound)


def norm(x: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the last axis; no parameters (Ba et al., 1607.06450)."""
    return F.layer_norm(x, x.shape[-1:])


def waves(x: Tensor, frequencies: Tensor) -> Tensor:
    """Cosines and sines of x (...) at each frequency: (..., 2 * len(frequencies))"""
    angle = x[..., None] * frequencies
    return torch.cat([angle.cos(), angle.sin()], -1)


def spaced(low: float, high: float, n: int) -> Tensor:
    """n frequencies from low to high, evenly spaced in octaves."""
    return torch.logspace(math.log2(low), math.log2(high), n, base=2.0)


class Rotary(nn.Module):
    """Turns queries and keys by their positions, so that attention sees distances.

    RoFormer (2104.09864), here from real coordinates on several axes: `bands` gives for each axis
    the lowest and highest frequency in radians per unit, and how many pairs of channels turn by it.
    """

    def __init__(self, *bands: tuple[float, float, int]):
        super().__init__()
        table = torch.zeros(len(bands), sum(n for *_, n in bands))
        start = 0
        for axis, (low, high, n) in enumerate(bands):
            table[axis, start : start + n] = spaced(low, high, n)
            start += n
        self.register_buffer("table", table, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """positions (B, N, axes) -> cosines and sines (B, 1, N, pairs)"""
        # no matrix product: in bfloat16 an angle of 45 would be off by a tenth
        angle = (positions.float()[..., None] * self.table).sum(-2)[:, None]
        return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of channels of x (B, heads, N, d): the first half against the second."""
    cos, sin = turn[0].to(x.dtype), turn[1].to(x.dtype)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k) v: each query takes the values of the keys that it fits, (B, heads, N, d).

    mask (B, 1, N|1, M): False hides a key. One fused kernel does the same, and is faster: on a GPU
    always, on a CPU where nothing is hidden and no way back is needed, which is slower there.
    """
    if q.is_cuda or (mask is None and not torch.is_grad_enabled()):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    score = q @ k.mT  # (B, heads, N, M)
    if mask is not None:
        score = score.masked_fill(~mask, -torch.inf)
    return score.softmax(-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Every token looks at every other (or at `memory`) and takes what it finds.

    Queries and keys are normed (2010.04245), so that no score runs away in low precision.
    """

    def __init__(self, width: int, heads: int, memory_width: int | None = None):
        super().__init__()
        self.heads = heads
        self.query = Linear(width, width)
        self.key_value = Linear(memory_width or width, 2 * width)
        self.out = Linear(width, width, zero=True)
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), 2 * (width // heads) ** -0.5))

    def forward(self, x: Tensor, turn=None, mask: Tensor | None = None,
                memory: Tensor | None = None) -> Tensor:
        """x (B, N, d), memory (B, M, e), mask (B, 1, N|1, M) of bool -> (B, N, d)"""
        q = rearrange(self.query(x), "b n (h d) -> b h n d", h=self.heads)
        k, v = rearrange(self.key_value(x if memory is None else memory),
                         "b m (two h d) -> two b h m d", two=2, h=self.heads)
        q, k = norm(q) * self.sharpness.to(q.dtype), norm(k)
        if turn is not None:
            q, k = rotate(q, turn), rotate(k, turn)
        seen = attend(q, k, v, mask)
        return self.out(rearrange(seen, "b h n d -> b n (h d)"))


class MLP(nn.Module):
    """What each token makes of what it has seen, by itself."""

    def __init__(self, width: int, wider: float = 3):
        super().__init__()
        self.up = Linear(width, int(wider * width))
        self.down = Linear(int(wider * width), width, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.up(x)))
