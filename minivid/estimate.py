"""What a film will take, worked out before it is made: tokens, operations, joules and seconds.

Two things are asked of each token: to pass through all weights, and to look at all other tokens.
So a pass takes 2 * parameters * tokens + 4 * tokens**2 * width * layers operations, a film as many
passes as it has steps, twice that with guidance. Joules and seconds follow from what published
films took for each operation (`data/published.csv`).

The rule takes all parameters as weights that each token passes through. Some are for words or the
noise level alone, and words and decoder are left out: right to about a tenth for those systems.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch

from . import checkpoints, cost


@dataclass(frozen=True)
class System:
    """A transformer that makes films, by the sizes that its cost follows from.

    parameters: its weights; width: numbers in a token inside it; layers: its blocks; passes: how
    often it is asked at each step, 2 with guidance; cell: pixels that a token is wide and high;
    group: frames that it stands for (the first frame has tokens of its own).
    """

    parameters: float
    width: float
    layers: float
    passes: int = 2
    cell: int = 16
    group: int = 4

    @staticmethod
    def sized(parameters: float, **sizes: int) -> System:
        """One of so many parameters and usual proportions: 12 * width**2 of them in each layer
        (4 to look, 8 to think), and 128 numbers of width for each layer."""
        layers = (parameters / (12 * 128**2)) ** (1 / 3)
        return System(parameters, 128 * layers, layers, **sizes)

    def tokens(self, frames: int, height: int, width: int) -> int:
        """Tokens of a film of so many frames and pixels; what does not fill one is filled up."""
        across, down = -(-width // self.cell), -(-height // self.cell)
        return (1 + -(-(frames - 1) // self.group)) * across * down

    def flops(self, frames: int, height: int, width: int, steps: int) -> float:
        """Operations of the whole film; its decoder and the words are left out."""
        tokens = self.tokens(frames, height, width)
        once = pass_flops(tokens, self.parameters, self.width, self.layers)
        return steps * self.passes * once


def pass_flops(tokens: float, parameters: float, width: float, layers: float) -> float:
    """Operations of one pass: each token through all weights, and looking at all tokens."""
    through = 2 * parameters * tokens  # a multiplication and an addition for each weight
    looking = 4 * tokens**2 * width * layers  # each pair: compare (2 * width), take (2 * width)
    return through + looking


def overtaking(parameters: float, width: float, layers: float) -> float:
    """Tokens from which on looking takes more than all the rest: six times the width where a
    layer has 12 * width**2 parameters."""
    return parameters / (2 * width * layers)


def exact_flops(network: torch.nn.Module, tokens: int, words: int) -> int:
    """Operations of one pass of our own `Transformer`, for one clip, to the last one: matrices,
    each as often as rows pass through it, and attention to tokens and to words.

    For clips with sound and a noise level for each token; words: the longest caption's, and the
    null row.
    """
    size = {name: p.numel() for name, p in network.named_parameters()
            if p.ndim == 2 and not name.endswith(".own")}  # .own is added, not multiplied
    read = sum(n for name, n in size.items() if "read.key_value" in name)  # the words alone
    once = size["text_in.weight"]  # the caption as a whole
    through = 2 * (tokens * (sum(size.values()) - read - once) + words * read + once)
    looking = 4 * network.config.depth * network.config.width * tokens * (tokens + words)
    return through + looking


# ---------------------------------------------------------------- beside what was measured


def table(name: str) -> list[dict]:
    """Rows of a table in `data/`, as dicts of strings."""
    with open(checkpoints.shipped_dir() / f"{name}.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def published() -> list[dict]:
    """Published bills of large systems, each with its source, boundary and settings."""
    return table("published")


def system_of(row: dict) -> System:
    """The system of a row of `published()`."""
    sizes = {name: int(row[name]) for name in ("passes", "cell", "group")}
    return System(float(row["parameters"]), int(row["network width"]), int(row["layers"]), **sizes)


def settings_of(row: dict) -> tuple[int, int, int, int]:
    """The frames, height, width and steps of a row of `published()`."""
    return tuple(int(row[name]) for name in ("frames", "height", "width", "steps"))


def tokens_of(row: dict) -> int:
    """Tokens of the film of a row of `published()`."""
    return system_of(row).tokens(*settings_of(row)[:3])


def flops_of(row: dict) -> float:
    """Operations of the film of a row of `published()`."""
    return system_of(row).flops(*settings_of(row))


def rates(rows: Sequence[dict]) -> tuple[float, float]:
    """Joules for each operation, and operations a second: medians over published films.

    All rows must have one boundary and one hardware; raises ValueError otherwise.
    """
    if len({(row["hardware"], row["boundary"]) for row in rows}) != 1:
        raise ValueError("Rows of different hardware or boundary cannot be compared.")
    return (median(float(row["joules"]) / flops_of(row) for row in rows),
            median(flops_of(row) / float(row["seconds"]) for row in rows))


@dataclass(frozen=True)
class Estimate:
    """What a film will take; `joules` is None where nothing is known of the hardware's energy."""

    tokens: int
    flops: float
    seconds: float
    joules: float | None

    def words(self) -> str:
        """The estimate in one plain sentence."""
        return f"{self.tokens:,} tokens, {cost.Bill(self.seconds, self.flops, self.joules).words()}"


HARDWARE = ("H100", "this computer")


def estimate(system: System, frames: int, height: int, width: int, steps: int = 50,
             hardware: str = "H100", rows: Sequence[dict] | None = None) -> Estimate:
    """What a film will take on an H100, as the published ones did (joules: the card alone), or on
    "this computer", at the most that its processor reaches on products of matrices.
    """
    flops, joules = system.flops(frames, height, width, steps), None
    if hardware == "this computer":
        rate = cost.matmul_rate("cpu")
    else:
        each, rate = rates(rows or published())
        joules = flops * each
    return Estimate(system.tokens(frames, height, width), flops, flops / rate, joules)


def proportioned(row: dict) -> System:
    """As `system_of`, but width and layers are guessed from the parameters."""
    known = system_of(row)
    return System.sized(known.parameters, passes=known.passes, cell=known.cell, group=known.group)


def errors(rows: Sequence[dict], by: Callable[[dict], System] = system_of) -> dict[str, tuple]:
    """How wrong the estimate of each published film is when it is made from the others alone.

    By the system's name: (error of the joules, of the seconds), 0.1 for a tenth too much.
    """
    found = {}
    for row in rows:
        others = [other for other in rows if other is not row]
        guess = estimate(by(row), *settings_of(row), rows=others)
        found[row["system"]] = (guess.joules / float(row["joules"]) - 1,
                                guess.seconds / float(row["seconds"]) - 1)
    return found


def growth(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """The exponent a of y = c * x**a, and its standard error: least squares on the logarithms.

    Needs three points or more, all above 0. The error is what the points' distance from a
    straight line tells, the same way for chance and for a line that bends.
    """
    u, v = (torch.tensor([float(n) for n in axis], dtype=torch.float64).log() for axis in (x, y))
    if len(u) < 3 or not (u.isfinite().all() and v.isfinite().all()):
        raise ValueError("An exponent is fitted to three or more points, all above 0.")
    u, v = u - u.mean(), v - v.mean()
    slope = (u * v).sum() / (u**2).sum()
    spread = ((v - slope * u) ** 2).sum() / (len(u) - 2)
    return float(slope), float((spread / (u**2).sum()).sqrt())
