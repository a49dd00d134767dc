"""The optimizer of hidden matrices: a step that turns all of a matrix's directions alike.

K. Jordan and others, 2024, with the step's size of Liu and others (2502.16982). PyTorch has one of
its own, one matrix after another and always in bfloat16: on a CPU that was not made for bfloat16
that takes several times as long as the rest of a training step.
"""

from __future__ import annotations

from collections import defaultdict

import torch

Tensor = torch.Tensor


def orthogonal(x: Tensor, rounds: int = 5) -> Tensor:
    """Every singular value of each matrix of x (n, rows, columns) brought near 1: 0.7 to 1.2.

    A Newton-Schulz iteration; its coefficients are Jordan's, chosen to lift small values fast.
    """
    if x.shape[-2] > x.shape[-1]:
        return orthogonal(x.mT, rounds).mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        square = torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, square, x, beta=3.4445)  # 3.4445 x - 4.7750 xx'x + 2.0315 xx'xx'x
    return x


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal, for matrices only.

    The step's root mean square is 0.2 lr whatever the matrix's size, as AdamW's is, so that both
    take the same lr. `dtype` is what orthogonal works in: bfloat16 where that is fast.
    Raises ValueError for a parameter that is no matrix.
    """

    def __init__(self, matrices, lr: float = 1e-3, weight_decay: float = 0.01,
                 momentum: float = 0.95, dtype: torch.dtype = torch.float32):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype = dtype
        for group in self.param_groups:
            if bad := [tuple(p.shape) for p in group["params"] if p.ndim != 2]:
                raise ValueError(f"Muon takes matrices only, not {bad[0]}.")

    @torch.no_grad()
    def step(self) -> None:
        """One step for every matrix that has a gradient."""
        for group in self.param_groups:
            alike = defaultdict(list)  # matrices of one shape go through together
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append(p)
            for shape, matrices in alike.items():
                ahead = torch.stack(self.look_ahead(matrices, group["momentum"]))
                turned = orthogonal(ahead.to(self.dtype)).to(ahead.dtype)
                size = 0.2 * max(shape) ** 0.5 * group["lr"]
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_sub_(matrices, list(turned), alpha=size)

    def look_ahead(self, matrices: list[Tensor], momentum: float) -> list[Tensor]:
        """The running mean of each gradient, and where it will be a step on (Nesterov)."""
        for p in matrices:
            if "momentum_buffer" not in self.state[p]:
                self.state[p]["momentum_buffer"] = torch.zeros_like(p)
        grads = [p.grad for p in matrices]
        means = [self.state[p]["momentum_buffer"] for p in matrices]
        torch._foreach_lerp_(means, grads, 1 - momentum)
        return torch._foreach_lerp(grads, means, momentum)
