"""Numbers from a seed: integer hashes, the same on every machine and in a batch of any size."""

from __future__ import annotations

import torch

Tensor = torch.Tensor


class Dice:
    """Numbers that depend on nothing but (seed, field): splitmix-like, in 32-bit integers."""

    def __init__(self, seeds: Tensor | range):
        seeds = list(seeds) if isinstance(seeds, range) else seeds
        self.seeds = torch.as_tensor(seeds).to(torch.int64).cpu()

    def integers(self, field: int, rounds: int = 1) -> Tensor:
        """(B, rounds) in [0, 2^32)"""
        z = (self.seeds[:, None] & 0xFFFFFFFF) * 0x9E3779B1 + (self.seeds[:, None] >> 32)
        z = z + field * 0x85EBCA77 + torch.arange(rounds) * 0xC2B2AE3D
        for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97), (15, 0x21F0AAAD)):
            z = z & 0xFFFFFFFF
            z = ((z ^ (z >> shift)) * factor) & 0xFFFFFFFF
        return z ^ (z >> 16)

    def uniform(self, field: int, low: Tensor | float = 0.0, high: Tensor | float = 1.0) -> Tensor:
        """(B,) in [low, high)"""
        return low + (high - low) * (self.integers(field)[:, 0].double() / 2**32)

    def choice(self, field: int, n: int, rounds: int = 1) -> Tensor:
        """(B, rounds) in {0, ..., n-1}"""
        return self.integers(field, rounds) * n >> 32
