"""The checks of the lessons' exercises: each says "not yet", "right", or what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from minivid import grammar as g
from minivid.course import Wrong, answer_of, exercise
from minivid.errors import PromptError
from minivid.flow import IdealDenoiser, add_noise, spread, velocity_of
from minivid.layers import Condition
from minivid.sampling import euler, sample


def _draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _same(answer: object, expected: Tensor) -> bool:
    if not isinstance(answer, Tensor):
        raise Wrong(f"it should return a tensor, not a {type(answer).__name__}")
    if answer.shape != expected.shape:
        raise Wrong(f"its shape is {tuple(answer.shape)}, not {tuple(expected.shape)}")
    return torch.allclose(answer.to(expected.dtype), expected, atol=1e-3, equal_nan=True)


def _first_of(answer: object, truth: Tensor, faults: dict[str, Tensor], otherwise: str) -> str:
    """None when right; else the hint of the fault that gives the same answer."""
    if _same(answer, truth):
        return None
    return next((hint for hint, wrong in faults.items() if _same(answer, wrong)), otherwise)


# ---------------------------------------------------------------- 00 press the button


@exercise
def new_sentence(function: Callable) -> str | None:
    """new_sentence(): what can be said in this world, and was never shown in training."""
    sentence = answer_of(function)
    if not isinstance(sentence, str):
        raise Wrong(f"it should return a sentence, not a {type(sentence).__name__}")
    try:
        unknown = g.words_of(sentence)[1]
    except PromptError as problem:
        return str(problem)
    if unknown:
        return f"this world has no word {next(iter(unknown))!r}"
    told = g.parse(sentence)
    if not told.actors or told.actors[0].shape is None:
        return "say who is in it: a ball, a box, ..."
    if told.actors[0].shape == "cat" and told.actors[0].action == "rides a bicycle":
        return "that is the one of above; there are more"
    if not any(g.novelty(actor, told.place) for actor in told.actors):
        return "films of that were shown in training; data/README.md says what was kept from it"
    return None


@exercise
def joules_a_frame(function: Callable) -> str | None:
    """joules_a_frame(systems): from rows of the table to {system: joules for each frame}."""
    rows = [{"system": "one", "joules": "300", "frames": "60", "steps": "50", "seconds": "7"},
            {"system": "two", "joules": "90", "frames": "9", "steps": "25", "seconds": "3"}]
    answer = answer_of(function, rows)
    if not isinstance(answer, dict) or set(answer) != {"one", "two"}:
        raise Wrong("it should return a dict with a number for each system, by its name")
    faults = {"that is for each step; a film has frames, and each takes all steps": (6, 3.6),
              "upside down: that is frames for each joule": (0.2, 0.1),
              "that is for each second of waiting, so watts": (300 / 7, 30)}
    found = torch.tensor([float(answer["one"]), float(answer["two"])])
    faults = {hint: torch.tensor(wrong) for hint, wrong in faults.items()}
    return _first_of(found, torch.tensor([5.0, 10.0]), faults, "divide joules by frames")


# ---------------------------------------------------------------- 01 noise


@exercise
def noise_behind(function: Callable) -> str | None:
    """noise_behind(x_t, velocity, t): the noise from which the road through x_t started."""
    clean, noise = _draw(5, 3, 4, 4, seed=0), _draw(5, 3, 4, 4, seed=1)
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
    return _first_of(answer, noise, faults, "at t = 0 it is x_t itself, at t = 1 x_t - velocity")


@exercise
def translated(function: Callable) -> str | None:
    """translated(friend): a network with the other clock and sign, made to honour our contract.

    friend(x, s) has s = 1 at pure noise, and returns noise - clean.
    """
    ideal = IdealDenoiser(_draw(4, 2, seed=2))

    def friend(x: Tensor, s: Tensor) -> Tensor:
        return -ideal(x, 1 - s)

    model = answer_of(function, friend)
    x_t, t = _draw(6, 2, seed=3), torch.linspace(0.1, 0.8, 6)
    if not callable(model):
        return "return a function model(x_t, t, given=None), not its value"
    faults = {
        "the friend's clock still runs the other way: at our t its clock says 1 - t":
            -friend(x_t, t),
        "the friend's arrow points from clean to noise, ours from noise to clean":
            friend(x_t, 1 - t),
        "neither clock nor sign is translated yet": friend(x_t, t),
    }  # fmt: skip
    return _first_of(model(x_t, t, None), ideal(x_t, t), faults,
                     "ask the friend once, at its own time, and turn its arrow round")  # fmt: skip


@exercise
def perfect_guess(function: Callable) -> str | None:
    """perfect_guess(points, x_t, t): the mean of all points that could be behind x_t."""
    points, x_t, t = _draw(6, 2, seed=4), _draw(9, 2, seed=5), torch.linspace(0, 0.9, 9)
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
    return _first_of(answer, truth, faults,
                     "near t = 1 the guess is the nearest point, at t = 0 the plain mean")


@exercise
def variations(function: Callable) -> str | None:
    """variations(model, clean, noise, t): damage `clean` to level t (B,), and finish from there."""
    points = _draw(40, 2, seed=6)
    model = IdealDenoiser(points)
    clean, noise = points[:8], _draw(8, 2, seed=7)

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
    return _first_of(answer, truth, faults,
                     "add noise up to t, then sample with start=t, in the usual 24 steps")


# ---------------------------------------------------------------- 08 sound


@exercise
def addresses(function: Callable) -> str | None:
    """addresses(frames, fps, moments, seconds): when each frame is, and the middle of each moment.

    One tensor (frames + moments,) in seconds.
    """
    frames, fps, moments, seconds = 9, 4, 15, 3.0
    frame, moment = torch.arange(frames), torch.arange(moments)
    long = seconds / moments

    def joined(picture: Tensor, sound: Tensor) -> Tensor:
        return torch.cat([picture.float(), sound.float()])

    truth = joined(frame / fps, (moment + 0.5) * long)
    faults = {
        "those are places in the row: divide frames by fps, and give moments their seconds too":
            joined(frame, moment),
        "sound has its own pace: a moment lasts seconds / moments, whatever fps is":
            joined(frame / fps, moment / fps),
        "sound has its own pace: a moment lasts seconds / moments, not 1 / fps":
            joined(frame / fps, (moment + 0.5) / fps),
        "those are the beginnings of the moments: their middles come half a moment later":
            joined(frame / fps, moment * long),
        "a frame is one instant, not a stretch: frame k is at k / fps":
            joined((frame + 0.5) / fps, (moment + 0.5) * long),
        "the picture comes first in the row": joined((moment + 0.5) * long, frame / fps),
    }  # fmt: skip
    answer = answer_of(function, frames, fps, moments, seconds)
    return _first_of(answer, truth, faults,
                     "frame k is at k / fps; moments follow one another without a gap")


@exercise
def start_of(function: Callable) -> str | None:
    """start_of(task, kind, at): where each token's t starts, 1 for what is given.

    kind (N,) is 0 for picture and 1 for sound, at (N,) seconds; tasks: "both", "sound", "picture"
    (what is made) and "go on".
    """
    kind = torch.tensor([0] * 5 + [1] * 4)
    at = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 0.25, 0.75, 1.25, 1.75])
    given = {"both": kind < 0, "sound": kind == 0, "picture": kind == 1, "go on": at < 1}
    for task, clean in given.items():
        answer, clean = answer_of(function, task, kind, at), clean.float()
        faults = {
            f'"{task}" is what is made: it starts at 0, the other is given, at 1'
            if task in ("sound", "picture") else
            "t = 1 is clean, 0 is noise: what is given starts at 1": 1 - clean,
        }
        if task == "go on":
            faults |= {"going on, the sound of the first second is given as well":
                       clean * (kind == 0),
                       "going on, the picture of the first second is given as well":
                       clean * (kind == 1),
                       "only what lies before 1 s is given; the frame at 1 s is made":
                       (at <= 1).float()}
        fault = _first_of(answer, clean, faults, f'for "{task}", say of each token whether it is '
                          "given: 1, or made: 0")
        if fault:
            return fault
    return None


@exercise
def coupled(function: Callable) -> str | None:
    """coupled(model, scale): a model that follows the other kind `scale` times as far."""
    x_t, t = _draw(3, 6, 2, seed=8), torch.full((3, 6), 0.4)
    given = Condition(_draw(3, 1, 4, seed=9), torch.ones(3, 1, dtype=torch.bool))
    seeing, alone, wordless = (_draw(3, 6, 2, seed=seed) for seed in (10, 11, 12))

    def model(x: Tensor, time: Tensor, told: Condition) -> Tensor:
        hidden, silent = (y[:, None, None] for y in (told.apart, ~told.text_mask.any(1)))
        with_all, without, unread = (y.repeat(len(x) // 3, 1, 1) for y in (seeing, alone, wordless))
        return torch.where(silent, unread, torch.where(hidden, without, with_all))

    mine = answer_of(function, model, 3.0)
    if not callable(mine):
        return "return a function velocity(x_t, t, given), not its value"
    faults = {
        'that takes the words away: given.without("sound") hides the kinds from each other':
            wordless + 3 * (seeing - wordless),
        "begin from the velocity with the kinds hidden, and go scale times as far":
            seeing + 3 * (seeing - alone),
        "the arrow points from hidden to seeing: the model with `given` less the one without":
            alone + 3 * (alone - seeing),
        "that is the other way: away from what the kinds tell each other":
            seeing + 3 * (alone - seeing),
        "add the velocity with the kinds hidden: only the difference is scaled":
            3 * (seeing - alone),
        "scale the difference alone, not the whole velocity": 3 * seeing,
        "that follows what is given as it is: the scale is not used yet": seeing,
        "that is the velocity with the kinds hidden: now go on towards the other": alone,
    }  # fmt: skip
    return _first_of(mine(x_t, t, given), alone + 3 * (seeing - alone), faults,
                     "alone + scale * (with - alone)")
