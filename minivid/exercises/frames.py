"""Lesson 03: smoothness, noise handed on from frame to frame, and going on with a film."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minivid import steady
from minivid.checks import Wrong, answer_of, draw, exercise, first_of, model_of
from minivid.flow import IdealDenoiser, add_noise
from minivid.sampling import sample

Tensor = torch.Tensor


@exercise
def smoothness(function: Callable) -> str | None:
    """smoothness(place): how alike each step is to the one before it, (B, F, 2) -> (B,)."""
    frame = torch.arange(8.0)
    line = torch.stack([0.05 * frame, 0.02 * frame], 1)
    still = torch.full((8, 2), 0.2)
    place = torch.stack([line, line[[3, 7, 0, 5, 2, 6, 1, 4]], draw(8, 2, seed=3), 0 * still])
    step = place[:, 1:] - place[:, :-1]
    size = (step[:, :-1] ** 2 + step[:, 1:] ** 2).sum((1, 2))
    apart = ((step[:, 1:] - step[:, :-1]) ** 2).sum((1, 2))
    alike = 2 * (step[:, 1:] * step[:, :-1]).sum((1, 2))
    spot = 2 * (place[:, 1:] * place[:, :-1]).sum((1, 2))
    spots = (place[:, 1:] ** 2 + place[:, :-1] ** 2).sum((1, 2))
    ratios = 2 * (step[:, 1:] * step[:, :-1]).sum(2) / (
        step[:, 1:] ** 2 + step[:, :-1] ** 2).sum(2)  # fmt: skip
    truth = steady.smoothness(place)
    faults = {
        "right, but 0 / 0 for a frozen film: let it be 0, for nothing moves there": alike / size,
        "a frozen film fools it: it gets 1, though nothing moves": torch.where(
            size > 0, alike / size, 1.0),
        "a line gets 0.5: twice the product, for below it stand two squares": torch.where(
            size > 0, alike / size / 2, 0.0),
        "that compares places; compare steps, place[:, 1:] - place[:, :-1]": torch.where(
            spots > 0, spot / spots, 0.0),
        "that is how unlike the steps are: a line should have 1, not 0": torch.where(
            size > 0, apart / size, 0.0),
        "one ratio for the whole film: sum above and sum below first, then divide":
            ratios.nan_to_num().mean(1),
        "one ratio for the whole film: sum first, then divide; and 0 where nothing moves":
            ratios.mean(1),
        "divide by the squares of the steps, so that fast and slow films count alike": alike,
    }  # fmt: skip
    answer = answer_of(function, place)
    return first_of(answer, truth, faults, "a straight path at constant speed has 1, there and "
                    "back again -1, a frozen film 0")


@exercise
def handed_on(function: Callable) -> str | None:
    """handed_on(own, rho): noise of which each frame is alike by rho to the one before, width 1.

    own (B, 3, F, H, W) is independent noise; the first frame keeps its own.
    """
    own = draw(2, 3, 5, 4, 4, seed=1)

    def chain(keep: float, add: float, last_made: bool = True) -> Tensor:
        made = [own[:, :, 0]]
        for f in range(1, 5):
            made.append(keep * (made[-1] if last_made else own[:, :, f - 1]) + add * own[:, :, f])
        return torch.stack(made, 2)

    for rho in (0.6, 0.0, 1.0):
        new, root, old = (1 - rho**2) ** 0.5, rho**0.5, (1 - rho) ** 0.5
        faults = {
            "the squares of the two shares must add up to 1, or the noise fades: rho**2 and the "
            "rest": chain(rho, 1 - rho),
            "right width, but a share of sqrt(rho) makes neighbours alike by sqrt(rho): take rho":
                chain(root, old),
            "the squares must add up to 1: the new noise gets sqrt(1 - rho**2)":
                chain(rho, old),
            "too wide: the new noise must shrink to sqrt(1 - rho**2)": chain(rho, 1.0),
            "hand on what was made for the frame before, not that frame's own noise":
                chain(rho, new, last_made=False),
            "all frames are alike to the first now, and to each other: hand on from the last":
                torch.cat([own[:, :, :1], rho * own[:, :, :1] + new * own[:, :, 1:]], 2),
            "that is one noise shared by all: hand on from the last, with a share of rho itself":
                torch.cat([own[:, :, :1], root * own[:, :, :1] + old * own[:, :, 1:]], 2),
            "that is one noise shared by all, the first too: it keeps its own, and hands it on":
                root * own[:, :, :1] + old * own,
            "hand on what was made, not the last one's own noise; and with a share of rho itself":
                chain(root, old, last_made=False),
        }  # fmt: skip
        fault = first_of(answer_of(function, own.clone(), rho), chain(rho, new), faults,
                         "at rho = 0 it is `own`, at rho = 1 the first frame's noise throughout; "
                         "in between the variance stays 1")
        if fault:
            return fault
    return None


@exercise
def going_on(function: Callable) -> str | None:
    """going_on(model, film, noise, known): a model that keeps the first `known` frames of film.

    Of those frames the road is known: its velocity leads from their noise to the film.
    """
    ideal = IdealDenoiser(draw(6, 3, 4, 2, 2, seed=4))

    def model(x: Tensor, t: Tensor, given: object = None) -> Tensor:
        if x.shape[1:] != (3, 4, 2, 2):
            raise Wrong("show the model all frames; then put film - noise into the first ones")
        return ideal(x, t)

    film, noise = draw(3, 3, 4, 2, 2, seed=5), draw(3, 3, 4, 2, 2, seed=6)
    mine = model_of(function, model, film, noise, 2)
    t = torch.full((3,), 0.4)
    x_t = add_noise(film, noise, t)

    def first(known: Tensor, k: int = 2) -> Tensor:
        return torch.cat([known[:, :, :k], model(x_t, t)[:, :, k:]], 2)

    truth = first(film - noise)
    faults = {
        "the velocity leads from noise to clean: film - noise": first(noise - film),
        "a velocity is asked for, not the frames themselves: film - noise": first(film),
        "from here on the way left is shorter: the velocity is film - noise at every t":
            first(film - x_t),
        "all frames follow the film now: only the first `known` should": film - noise,
        "the first frames are known, the last ones are made": torch.cat(
            [model(x_t, t)[:, :, :2], (film - noise)[:, :, 2:]], 2),
        "nothing is kept yet: put film - noise into the first frames": model(x_t, t),
    }  # fmt: skip
    answer = mine(x_t, t, None)
    fault = first_of(answer, truth, faults, "ask the model, then put film - noise in place of its "
                     "first `known` frames")
    if fault is None and not torch.allclose(sample(mine, noise)[:, :, :2], film[:, :, :2],
                                            atol=1e-4):
        fault = "sampled, the first frames should end as those of the film"
    return fault
