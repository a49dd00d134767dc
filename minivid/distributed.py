"""Several GPUs or machines: what `torchrun` says about this process, and two calls for training."""

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


def leave() -> None:
    """Leave the group, all together; call it at the end of a training.

    A wrapped model keeps the group's threads alive: let go of it before Python itself ends (as at
    the end of a function), or one of them may still hold a tensor then, and crash.
    """
    if world_size() > 1 and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def wrap(model: nn.Module) -> nn.Module:
    """The model with gradients averaged over all processes (DDP); itself where there is one.

    Li et al. 2020, arXiv 2006.15704.
    """
    if world_size() == 1:
        return model
    device = next(model.parameters()).device
    return nn.parallel.DistributedDataParallel(
        model, device_ids=[device] if device.type == "cuda" else None,
        find_unused_parameters=True)  # a silent clip leaves sound's matrices out


def all_mean(x: torch.Tensor) -> torch.Tensor:
    """The mean of `x`, any shape, over all processes; `x` itself where there is one. Gradients flow
    back to every process."""
    if world_size() == 1:
        return x
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x.clone()) / world_size()
