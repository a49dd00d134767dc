"""Several GPUs or machines: what `torchrun` says about this process, and how training shares."""

import os

import torch
from torch import nn


def rank() -> int:
    """Which process this is, from 0; 0 where there is only one."""
    return int(os.environ.get("RANK", 0))


def world_size() -> int:
    """How many processes train together; 1 without `torchrun`."""
    return int(os.environ.get("WORLD_SIZE", 1))


def main_process() -> bool:
    """Whether this process is the one that prints and saves."""
    return rank() == 0


def init_from_env() -> torch.device:
    """Join the group that `torchrun` set up, if any; returns the device this process computes on.

    GPUs talk by NCCL, CPUs by gloo. `torchrun --nproc-per-node 2 -m minivid train transformer`.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if world_size() == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def anyone(yes: bool, device: torch.device | str) -> bool:
    """Whether any of the processes says yes; all of them have to ask."""
    return yes if world_size() == 1 else \
        bool(all_mean(torch.tensor(float(yes), device=device)) > 0)


def leave() -> None:
    """Leave the group, all together; call it at the end of a training."""
    if world_size() > 1 and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@torch.no_grad()
def share_weights(model: nn.Module) -> None:
    """Give every process the weights of the first."""
    if world_size() > 1:
        for x in model.state_dict().values():
            torch.distributed.broadcast(x, src=0)


@torch.no_grad()
def average_gradients(model: nn.Module) -> None:
    """Put the mean of all processes' gradients in place of each one's own, in a single message.

    One that no process has (a silent batch leaves sound's matrices out) stays None. torch's own
    DistributedDataParallel does this during the backward pass, bucket by bucket; our networks are
    too small to gain by it, and it keeps gloo's threads alive, which may crash Python as it ends.
    """
    if world_size() == 1:
        return
    weights = list(model.parameters())
    had = torch.tensor([w.grad is not None for w in weights], device=weights[0].device)
    parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights] + [had]
    message = torch.cat([part.flatten().float() for part in parts])
    *means, had = all_mean(message).split([part.numel() for part in parts])
    for weight, mean, some in zip(weights, means, had.tolist(), strict=True):
        if some:
            weight.grad = mean.view_as(weight).to(weight.dtype)


class Mean(torch.autograd.Function):
    """The mean over all processes; its gradient is the mean of theirs."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        total = x.clone()
        torch.distributed.all_reduce(total)
        return total / world_size()

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        return Mean.apply(grad)


def all_mean(x: torch.Tensor) -> torch.Tensor:
    """The mean of `x`, any shape, over all processes; `x` itself where there is one. Gradients flow
    back to every process."""
    return x if world_size() == 1 else Mean.apply(x)
