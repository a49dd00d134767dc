"""Lesson 02: the exam of a link, away from what is unwanted, and guidance where all is known."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from minivid.checks import answer_of, draw, exercise, first_of, model_of

Tensor = torch.Tensor
WIDE = 0.7  # of each of the two bells, its standard deviation


@exercise
def retrieved(function: Callable) -> str | None:
    """retrieved(pictures, texts): the share of pictures (B, E) most like their own text (B, E)."""
    own = draw(12, 6, seed=1)
    pictures = F.normalize(own + 0.8 * draw(12, 6, seed=2), dim=1)
    texts = F.normalize(own + 0.8 * draw(12, 6, seed=3), dim=1)
    score, right = pictures @ texts.T, torch.arange(12)
    answer = torch.as_tensor(answer_of(function, pictures, texts)).float()
    share = (score.argmax(1) == right).float()
    faults = {
        "that is how many: divide by how many pictures there are (or take the mean)": share.sum(),
        "each picture looks for its text: take the largest in each row, argmax(1)":
            (score.argmax(0) == right).float().mean(),
        "that is how alike the pairs are; count for how many pictures the own text is most alike":
            score.diag().mean(),
        "the most alike, not the least": (score.argmin(1) == right).float().mean(),
        "that is the share of those that are wrong": 1 - share.mean(),
    }
    return first_of(answer, share.mean(), faults,
                    "compare every picture with every text, and see whether its own comes first")


@exercise
def away_from(function: Callable) -> str | None:
    """away_from(model, unwanted, scale): a model led from what is unwanted to what is given."""
    x_t, t = draw(3, 4, seed=4), torch.full((3,), 0.4)
    wanted, unwanted, untold = (draw(3, 4, seed=seed) for seed in (5, 6, 7))

    def model(x: Tensor, time: Tensor, given: object = None) -> Tensor:
        return {"wanted": wanted, "unwanted": unwanted}.get(given, untold)

    mine = model_of(function, model, "unwanted", 3.0)
    faults = {
        "that begins at the velocity without words: begin at the one for what is unwanted":
            untold + 3 * (wanted - untold),
        "that goes away from the words' absence: the arrow points from unwanted to given":
            wanted + 3 * (wanted - untold),
        "begin at the velocity for what is unwanted": wanted + 3 * (wanted - unwanted),
        "that is towards what is unwanted: exchange the two": wanted + 3 * (unwanted - wanted),
        "the arrow points from unwanted to given": unwanted + 3 * (unwanted - wanted),
        "that follows what is given as it is: nothing is avoided yet": wanted,
        "only the difference is scaled: add the velocity for what is unwanted":
            3 * (wanted - unwanted),
    }  # fmt: skip
    return first_of(mine(x_t, t, "wanted"), unwanted + 3 * (wanted - unwanted), faults,
                    "start + scale * (model(x_t, t, given) - start), and start is "
                    "model(x_t, t, unwanted)")


def best(x_t: Tensor, t: Tensor, mean: float) -> Tensor:
    """The mean of all clean numbers that could be behind x_t (B,), of a bell about `mean`."""
    share = t * WIDE**2 / ((1 - t) ** 2 + (t * WIDE) ** 2)
    return mean + share * (x_t - t * mean)


def log_odds(x_t: Tensor, t: Tensor, mean: float) -> Tensor:
    """Log of how likely a bell about `mean` is, seen x_t (B,), but for what all bells share."""
    return -((x_t - t * mean) ** 2) / (2 * ((1 - t) ** 2 + (t * WIDE) ** 2))


@exercise
def pushed_guess(function: Callable) -> str | None:
    """pushed_guess(x_t, t, scale): the guess of two bells about -1 and 1, pushed towards 1."""
    x_t, t = torch.linspace(-2, 2, 15), torch.linspace(0.1, 0.9, 15)
    low, high = best(x_t, t, -1), best(x_t, t, 1)
    logs = torch.stack([log_odds(x_t, t, mean) for mean in (-1, 1)])
    odds = logs.softmax(0)
    without, plain = (odds * torch.stack([low, high])).sum(0), (low + high) / 2
    for scale in (3.0, 1.0, 0.0):
        truth = without + scale * (high - without)
        faults = {
            "scale 1 must be the guess for +1 alone, and 0 the one without words":
                high + scale * (high - without),
            "without words both bells are there: weigh their guesses by how likely each is":
                low + scale * (high - low),
            "the two bells are not equally likely once x_t is seen: weigh by softmax":
                plain + scale * (high - plain),
            "softmax over the two bells, so that the two weights of each x_t add up to 1":
                (logs.softmax(1) * torch.stack([low, high])).sum(0) * (1 - scale) + scale * high,
            "the weights of each x_t must add up to 1: softmax over the two bells":
                (logs * torch.stack([low, high])).sum(0) * (1 - scale) + scale * high,
            "that is pushed towards -1": without + scale * (low - without),
            "the arrow points from without to with: exchange the two":
                without + scale * (without - high),
            "only the difference is scaled: add the guess without words":
                scale * (high - without),
            "that is the guess without words: now push it": without,
        }
        fault = first_of(answer_of(function, x_t, t, scale), truth, faults,
                         f"at scale {scale:g}: without + scale * (with - without), where `with` is "
                         "best(x_t, t, 1)")
        if fault:
            return fault
    return None
