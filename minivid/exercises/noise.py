"""Lesson 01: the noise behind, another clock, variations, and the perfect guess."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minivid.checks import answer_of, draw, exercise, first_of, model_of
from minivid.flow import IdealDenoiser, add_noise, spread, velocity_of
from minivid.sampling import euler, sample

Tensor = torch.Tensor


@exercise
def noise_behind(function: Callable) -> str | None:
    """noise_behind(x_t, velocity, t): the noise from which the road through x_t started."""
    clean, noise = draw(5, 3, 4, 4, seed=0), draw(5, 3, 4, 4, seed=1)
    t = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0])
    x_t, velocity, level = add_noise(clean, noise, t), velocity_of(clean, noise), spread(t, clean)
    faults = {
        "that is where the road ends (the clean guess); go back, not on": clean,
        "that goes on by t; the start lies t behind: subtract": x_t + level * velocity,
        "that goes back by 1 - t; at t = 0 you already are at the noise":
            x_t - (1 - level) * velocity,
        "the velocity points from noise to clean: go back t times the velocity": x_t - velocity,
        "right, but 0 / 0 where t = 1: find the way that does not divide":
            (x_t - level * clean) / (1 - level),
    }  # fmt: skip
    answer = answer_of(function, x_t, velocity, t)
    return first_of(answer, noise, faults, "at t = 0 it is x_t itself, at t = 1 x_t - velocity")


@exercise
def translated(function: Callable) -> str | None:
    """translated(friend): a network with the other clock and sign, made to honour our contract.

    friend(x, s) has s = 1 at pure noise, and returns noise - clean.
    """
    ideal = IdealDenoiser(draw(4, 2, seed=2))

    def friend(x: Tensor, s: Tensor) -> Tensor:
        return -ideal(x, 1 - s)

    model = model_of(function, friend)
    x_t, t = draw(6, 2, seed=3), torch.linspace(0.1, 0.8, 6)
    faults = {
        "the friend's clock still runs the other way: at our t its clock says 1 - t":
            -friend(x_t, t),
        "the friend's arrow points from clean to noise, ours from noise to clean":
            friend(x_t, 1 - t),
        "neither clock nor sign is translated yet": friend(x_t, t),
    }  # fmt: skip
    return first_of(model(x_t, t, None), ideal(x_t, t), faults,
                     "ask the friend once, at its own time, and turn its arrow round")  # fmt: skip


@exercise
def perfect_guess(function: Callable) -> str | None:
    """perfect_guess(points, x_t, t): the mean of all points that could be behind x_t."""
    points, x_t, t = draw(6, 2, seed=4), draw(9, 2, seed=5), torch.linspace(0, 0.9, 9)
    truth = IdealDenoiser(points).guess(x_t, t)

    def mean(offset: Tensor, width: Tensor) -> Tensor:
        return (-((offset) ** 2).sum(-1) / (2 * width)).softmax(1) @ points

    level, apart = t[:, None], x_t[:, None] - points  # (9, 1), (9, 6, 2)
    reach = x_t[:, None] - level[..., None] * points  # (9, 6, 2)
    sharp = (1 - level) ** 2
    far = (reach**2).sum(-1) / (2 * sharp)  # (9, 6)
    odds = (-far).exp()
    faults = {
        "the nearest point alone is too sure: weigh all points by how likely each is":
            points[(reach**2).sum(-1).argmin(1)],
        "the nearest point alone is too sure; and at time t a point has moved to t * point":
            points[(apart**2).sum(-1).argmin(1)],
        "at time t a point has moved to t * point: measure the distance from there":
            mean(apart, sharp),
        "the noise at time t is (1 - t) wide, so divide by 2 (1 - t)^2": mean(reach, 1 - level),
        "divide the squared distance by 2 (1 - t)^2: the 2 is missing": mean(reach, sharp / 2),
        "the weights of one x_t must add up to 1: divide by their sum (or use softmax)":
            odds @ points,
        "softmax does exp by itself: give it the exponent": odds.softmax(1) @ points,
        "softmax over the points (the last axis), not over the batch":
            (-far).softmax(0) @ points,
        "a minus is missing: the nearer the point, the likelier": far.softmax(1) @ points,
        "brackets: divide by all of (2 * (1 - t)**2), not by 2 alone":
            (-far * sharp**2).softmax(1) @ points,
        "the distance must be squared":
            (-reach.norm(dim=-1) / (2 * sharp)).softmax(1) @ points,
    }  # fmt: skip
    answer = answer_of(function, points, x_t, t)
    return first_of(answer, truth, faults,
                     "near t = 1 the guess is the nearest point, at t = 0 the plain mean")


@exercise
def variations(function: Callable) -> str | None:
    """variations(model, clean, noise, t): damage `clean` to level t (B,), and finish from there."""
    points = draw(40, 2, seed=6)
    model = IdealDenoiser(points)
    clean, noise = points[:8], draw(8, 2, seed=7)

    def ends(start_from: Tensor, start: Tensor | None) -> Tensor:
        return sample(model, start_from, start=start)

    t = torch.full((8,), 0.6)
    answer = answer_of(function, model, clean, noise, t)
    truth = ends(add_noise(clean, noise, t), t)
    faults = {
        "that starts from pure noise: mix it with `clean` first (add_noise)": ends(noise, None),
        "noise and clean are exchanged: add_noise(clean, noise, t)":
            ends(add_noise(noise, clean, t), t),
        "you start at x_t but tell the sampler t = 0: pass start=t":
            ends(add_noise(clean, noise, t), None),
        "that is the damaged picture: now let the sampler finish it": add_noise(clean, noise, t),
        "nothing was damaged: mix `clean` with `noise` at level t": clean,
        "one guess is not the whole road: use sample":
            next(euler(model, add_noise(clean, noise, t), start=t)).guess,
    }  # fmt: skip
    return first_of(answer, truth, faults,
                     "add noise up to t, then sample with start=t, in the usual 24 steps")
