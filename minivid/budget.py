"""What a training's minutes buy: how many clips, how many steps, at what rate, compiled or not."""

from __future__ import annotations

import time
from collections import deque
from statistics import median_low

import torch

from . import distributed
from .train import Training, fewest_steps

ENCODED = {"cpu": 512, "cuda": 4096}  # clips, for each minute of a training: some 6 s on a CPU
TRIAL = (8, 24)  # steps to warm up, steps to time, when minutes become a number of steps
AGAIN = 50  # steps of a stretch, after which it is looked whether that number still fits
STRETCHES = 5  # that tell how fast steps are


def clips_in(minutes: float | None, pool: int, device: torch.device) -> int:
    """How many clips are encoded before a training: fewer than the preset's pool in a short one."""
    return pool if minutes is None else min(pool, max(1024, int(ENCODED[device.type] * minutes)))


def worth_compiling(minutes: float, steps: int | None) -> bool:
    """Whether a training on a GPU is long enough: to compile takes up to a minute of it."""
    return steps >= 5000 if steps else minutes > 3


def rate_for(recipe, steps: int | None, warm: bool) -> float:
    """How fast a training learns: the recipe's rate, and less where few steps shall improve what
    is there, for the rate must fall again before it has undone more than it brings."""
    return recipe.lr * min(1, (steps or recipe.long) / recipe.long if warm else 1)


def steps_in(recipe, seconds: float) -> int:
    """How many steps fit in that many seconds: a few are tried, and undone."""
    trial = Training(recipe.model, recipe.loss, 10_000, recipe.lr, ema=0)
    weights = {n: x.clone() for n, x in recipe.model.state_dict().items()}
    for _now in trial.fit(TRIAL[0]):
        pass
    begin = time.perf_counter()
    for _now in trial.fit(sum(TRIAL)):
        pass
    took = torch.tensor([time.perf_counter() - begin, seconds], device=trial.device)
    took, seconds = distributed.all_mean(took).tolist()  # all processes count alike
    recipe.model.load_state_dict(weights)
    return max(TRIAL[1], int(seconds / took * TRIAL[1]))


class Deadline:
    """The moment, by `time.perf_counter`, at which a training shall end.

    Its number of steps follows from how fast they turn out to be, until its rate begins to fall:
    up to there the rate is the same for any number. What other work makes slow for a while counts
    for little: a step takes what it took in the median of several stretches.
    """

    def __init__(self, moment: float):
        self.moment, self.mark = moment, None  # mark: the last step that was looked at, and when
        self.paces = deque(maxlen=STRETCHES)  # seconds for a step: first as planned, then measured

    def keep(self, run: Training) -> None:
        """Call it after every step; now and then it moves the end, `run.steps`."""
        if self.mark is None:
            self.mark = run.step, time.perf_counter()
            self.paces.append((self.moment - self.mark[1]) / max(1, run.steps - run.step))
        step, before = self.mark
        if run.step < step + AGAIN:
            return
        now = time.perf_counter()
        self.mark = run.step, now
        self.paces.append((now - before) / (run.step - step))
        left = (self.moment - now) / median_low(self.paces)
        left = int(distributed.all_mean(torch.tensor(left, device=run.device)))  # all count alike
        fewest = fewest_steps(run.step, run.cooldown)
        if run.steps > fewest:
            run.steps = max(run.step + left, fewest)
