"""Lesson 04: tokens of a film, operations of attention, an exponent, and where looking wins."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minivid.checks import answer_of, exercise, first_of

Tensor = torch.Tensor


def row(answers: list[object]) -> Tensor:
    """Numbers that a learner gave back, side by side."""
    return torch.tensor([float(answer) for answer in answers], dtype=torch.float64)


def same_ratio(answers: list[object], truth: Tensor, faults: dict[str, Tensor],
               otherwise: str) -> str | None:
    """As `first_of`, for numbers of any size: by how many times each is off counts."""
    return first_of(row(answers) / truth, torch.ones_like(truth),
                    {hint: wrong / truth for hint, wrong in faults.items()}, otherwise)


@exercise
def film_tokens(function: Callable) -> str | None:
    """film_tokens(frames, height, width, cell, group): tokens of a film."""
    sizes = torch.tensor([[81, 480, 832, 16, 4], [17, 48, 72, 12, 4], [33, 96, 64, 32, 8],
                          [1, 64, 64, 8, 4], [5, 32, 32, 8, 1]], dtype=torch.float64)  # fmt: skip
    frames, height, width, cell, group = sizes.T
    times, places = 1 + (frames - 1) / group, height / cell * width / cell
    faults = {
        "the first frame has tokens of its own: 1 + (frames - 1) / group in time":
            (frames - 1) / group * places,
        "the first frame is alone, the others are in groups: 1 + (frames - 1) / group":
            frames / group * places,
        "the first frame is counted twice: 1 + (frames - 1) / group in time":
            (1 + frames / group) * places,
        "that is for each frame by itself: groups of frames share their tokens": frames * places,
        "a token is cell pixels wide *and* cell high: divide both sides":
            times * height * width / cell,
        "those are pixels: divide both sides by cell": times * height * width,
        "that counts a group's frames: divide by group, do not multiply":
            (1 + (frames - 1) * group) * places,
    }  # fmt: skip
    answers = [answer_of(function, *map(int, case)) for case in sizes.tolist()]
    return same_ratio(answers, times * places, faults,
                      "groups in time, with the first frame alone, times places down and across")


@exercise
def attention_flops(function: Callable) -> str | None:
    """attention_flops(tokens, width): operations of one attention layer, its matrices and all."""
    cases = [(100, 64), (5000, 32), (7, 256)]
    n, d = torch.tensor(cases, dtype=torch.float64).T
    matrices, looking = 8 * n * d**2, 4 * n**2 * d
    faults = {
        "a multiplication *and* an addition: twice that": (matrices + looking) / 2,
        "the matrices multiply and add too: 2 for each weight": matrices / 2 + looking,
        "looking multiplies and adds too: 2 * width to compare, 2 * width to take":
            matrices + looking / 2,
        "that is the matrices alone: now each token looks at each": matrices,
        "that is the looking alone: the four matrices are missing": looking,
        "there are four matrices, not three: what was found goes through `out`":
            6 * n * d**2 + looking,
        "there are four matrices, and each token goes through all": 2 * n * d**2 + looking,
        "each looks at each: tokens * tokens pairs": matrices + 4 * n * d,
        "the matrices take that for each of the tokens": 8 * d**2 + looking,
        "each pair is compared in all `width` numbers": matrices + 4 * n**2,
    }  # fmt: skip
    answers = [answer_of(function, *case) for case in cases]
    return same_ratio(answers, matrices + looking, faults,
                      "2 for each weight and token, and 4 * width for each pair")


@exercise
def exponent(function: Callable) -> str | None:
    """exponent(x, y): the slope of log y over log x, by least squares."""
    x = torch.tensor([1.0, 2.0, 5.0, 12.0, 40.0])
    y = 3 * x**1.7 * torch.tensor([1.1, 0.9, 1.05, 0.92, 1.04])
    u, v = x.log(), y.log()

    def slope(a: Tensor, b: Tensor) -> Tensor:
        a, b = a - a.mean(), b - b.mean()
        return (a * b).sum() / (a**2).sum()

    faults = {
        "that is the slope of y itself: take the logarithms of both first": slope(x, y),
        "take the logarithm of x as well": slope(x, v),
        "take the logarithm of y as well": slope(u, y),
        "upside down: how much log y changes for each of log x": slope(v, u),
        "that is a line through 0: take the means of the logarithms away first":
            (u * v).sum() / (u**2).sum(),
        "that uses the first and the last point alone: all of them count":
            (v[-1] - v[0]) / (u[-1] - u[0]),
        "that is how well they go together: divide by the sum of squares of log x alone":
            torch.corrcoef(torch.stack([u, v]))[0, 1],
    }  # fmt: skip
    answer = row([answer_of(function, x, y)])[0]
    return first_of(answer, slope(u, v), faults,
                    "fit one line through all the logarithms: for y = x**2 its slope is 2")


@exercise
def crossing(function: Callable) -> str | None:
    """crossing(width, wider): from how many tokens on looking takes more than the matrices."""
    cases = [(64, 4), (100, 3), (5120, 2.7)]
    d, wider = torch.tensor(cases, dtype=torch.float64).T
    truth = (2 + wider) * d
    faults = {
        "to think takes two matrices: there and back": (2 + wider / 2) * d,
        "attention has four matrices": (wider + 0.5) * d,
        "attention has four matrices, not three": (1.5 + wider) * d,
        "the four matrices of attention count as well": wider * d,
        "the two matrices that think count as well": 2 * d,
        "looking takes 4 * tokens**2 * width: to compare, and to take": 2 * truth,
        "the matrices multiply and add: 2 operations for each weight": truth / 2,
        "divide by width once: looking has one too": truth * d,
        "six times the width holds where `wider` is 4": 6 * d,
    }  # fmt: skip
    answers = [answer_of(function, *case) for case in cases]
    return same_ratio(answers, truth, faults,
                      "set 4 * N**2 * width equal to 2 * N * (all weights), and solve for N")
