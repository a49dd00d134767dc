"""Three ways to make the frames of a film: each alone, each from the last, or all at once.

Each takes a network that knows only pictures, `net(x_t, t)` of (B, C, H, W), and makes a model that
honours `velocity = model(x_t, t, given)`: so one loss and one sampler serve all three. The network
answers with its guess of the clean picture: the noise of many frames would be too much to pass
through a narrow one, their picture is not (Li and He, arXiv 2511.13720).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from minivid.flow import velocity_to
from minivid.sampling import sample


def each_alone(net: Callable) -> Callable:
    """A model of films (B, 3, F, H, W) whose every frame is a picture that knows of no other."""

    def velocity(x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        pictures = rearrange(x_t, "b c f h w -> (b f) c h w")
        guess = net(pictures, t.repeat_interleave(x_t.shape[2]))
        return velocity_to(rearrange(guess, "(b f) c h w -> b c f h w", b=len(x_t)), x_t, t)

    return velocity


def all_at_once(net: Callable) -> Callable:
    """A model of films (B, 3, F, H, W): one picture with 3 F channels, so all frames meet.

    Or of latents (B, C, f, h, w), and C f channels. What is given, if anything, the net is told.
    """

    def velocity(x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        told = () if given is None else (given,)
        guess = net(rearrange(x_t, "b c f h w -> b (f c) h w"), t, *told)
        return velocity_to(rearrange(guess, "b (f c) h w -> b c f h w", c=x_t.shape[1]), x_t, t)

    return velocity


def from_last(net: Callable) -> Callable:
    """A model of one frame (B, 3, H, W) that is given the frame before it, clean, as (B, 3, H, W).

    The net takes both, 6 channels, and of its answer the half that is about the new one counts.
    """

    def velocity(x_t: Tensor, t: Tensor, given: Tensor) -> Tensor:
        guess = net(torch.cat([given, x_t], 1), t)[:, x_t.shape[1] :]  # (B, 3, H, W)
        return velocity_to(guess, x_t, t)

    return velocity


def in_turn(model: Callable, noise: Tensor, steps: int = 24) -> Tensor:
    """A film as `noise` (B, 3, F, H, W), frame after frame: each made clean, given the last.

    `model` is as `from_last`; before the first frame comes a grey one, all 0.
    """
    made = [torch.zeros_like(noise[:, :, 0])]
    for x in noise.unbind(2):
        made.append(sample(model, x, made[-1], steps))
    return torch.stack(made[1:], 2)


def before(video: Tensor) -> Tensor:
    """For each frame of films (B, 3, F, H, W) the one before it, grey (all 0) before the first."""
    return torch.cat([torch.zeros_like(video[:, :, :1]), video[:, :, :-1]], 2)
