"""Lesson 08: one clock for picture and sound, four tasks, and how far each follows the other."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minivid.checks import answer_of, draw, exercise, first_of, model_of
from minivid.layers import Condition

Tensor = torch.Tensor


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
        "a moment lasts seconds / moments: 1 / 16 s in our films, not in every one":
            joined(frame / fps, (moment + 0.5) / 16),
        "a moment lasts seconds / moments, not moments / seconds":
            joined(frame / fps, (moment + 0.5) / long),
        "those are moments as shares of the whole: multiply by seconds":
            joined(frame / fps, (moment + 0.5) / moments),
        "frame k comes k / fps seconds in: divide by fps, do not multiply":
            joined(frame * fps, (moment + 0.5) * long),
        "those are the ends of the moments: their middles come half a moment earlier":
            joined(frame / fps, (moment + 1) * long),
        "the middle of a moment lies half a moment, not half a second, after its beginning":
            joined(frame / fps, moment * long + 0.5),
        "the first middle is half a moment from the start, and the last as far from the end":
            joined(frame / fps, torch.linspace(0, seconds, moments)),
        "those are the beginnings of the moments: their middles come half a moment later":
            joined(frame / fps, moment * long),
        "a frame is one instant, not a stretch: frame k is at k / fps":
            joined((frame + 0.5) / fps, (moment + 0.5) * long),
        "the picture comes first in the row": joined((moment + 0.5) * long, frame / fps),
    }  # fmt: skip
    answer = answer_of(function, frames, fps, moments, seconds)
    return first_of(answer, truth, faults,
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
            "for both nothing is given: all of it starts at 0" if task == "both" else
            "t = 1 is clean, 0 is noise: what is given starts at 1": 1 - clean,
        }
        if task == "go on":
            faults |= {"going on, the sound of the first second is given as well":
                       clean * (kind == 0),
                       "going on, the picture of the first second is given as well":
                       clean * (kind == 1),
                       "only what lies before 1 s is given; the frame at 1 s is made":
                       (at <= 1).float(),
                       "ask `at`, when each token is, not its place in the row":
                       (torch.arange(len(at)) < clean.sum()).float()}
        fault = first_of(answer, clean, faults, f'for "{task}", say of each token whether it is '
                          "given: 1, or made: 0")
        if fault:
            return fault
    return None


@exercise
def coupled(function: Callable) -> str | None:
    """coupled(model, scale): a model that follows the other kind `scale` times as far."""
    x_t, t = draw(3, 6, 2, seed=8), torch.full((3, 6), 0.4)
    given = Condition(draw(3, 1, 4, seed=9), torch.ones(3, 1, dtype=torch.bool))
    seeing, alone, wordless = (draw(3, 6, 2, seed=seed) for seed in (10, 11, 12))

    def model(x: Tensor, time: Tensor, told: Condition) -> Tensor:
        hidden, silent = (y[:, None, None] for y in (told.apart, ~told.text_mask.any(1)))
        with_all, without, unread = (y.repeat(len(x) // 3, 1, 1) for y in (seeing, alone, wordless))
        return torch.where(silent, unread, torch.where(hidden, without, with_all))

    mine = model_of(function, model, 3.0)
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
    return first_of(mine(x_t, t, given), alone + 3 * (seeing - alone), faults,
                     "alone + scale * (with - alone)")
