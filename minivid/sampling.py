"""From noise to clean: follow the velocity in a few steps, watching the guess at each.

The samplers know nothing of pictures, sounds or tokens: `noise` is (B, ...), and `t` is one
number per sample (B,) or per token (B, N). Order of accuracy and the corrected step are those of
Karras et al., arXiv 2206.00364, algorithm 1, on a straight road.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from minivid.errors import MinividError
from minivid.flow import clean_guess, go_back, shifted, spread


@dataclass(frozen=True)
class Step:
    """One moment of sampling: flow time `t`, where we are, and what the model guesses is clean."""

    t: Tensor
    x_t: Tensor
    guess: Tensor


def times(steps: int, shift: float = 1.0) -> Tensor:
    """The clock: steps + 1 moments from 0 to 1, dwelling near 0 when `shift` > 1."""
    if steps < 1:
        raise MinividError(f"sampling needs at least 1 step, not {steps}")
    return shifted(torch.linspace(0, 1, steps + 1), shift)


def clocks(noise: Tensor, start: Tensor | None, pace: Tensor | None) -> Callable:
    """How each sample's or token's t follows the shared clock s: start + (1 - start) * s**pace.

    `start` in [0, 1] is where each begins (1: it is given, and stays); `pace` < 1 leads, > 1 lags.
    """
    if start is None:
        start = torch.zeros(len(noise) if pace is None else pace.shape, device=noise.device)
    if pace is None:
        pace = torch.ones_like(start)
    start, pace = spread(start, pace), spread(pace, start)  # one per sample: for all its tokens
    return lambda s: start + (1 - start) * s**pace


def move(x_t: Tensor, velocity: Tensor, dt: Tensor) -> Tensor:
    """Go along `velocity` for a time `dt`; where no time passes, nothing moves, bit for bit."""
    dt = spread(dt, x_t)
    return torch.where(dt == 0, x_t, x_t + dt * velocity)


@torch.no_grad()
def euler(
    model: Callable,
    noise: Tensor,
    given: object = None,
    steps: int = 24,
    start: Tensor | None = None,
    pace: Tensor | None = None,
    shift: float = 1.0,
    fresh: Callable[[], Tensor] | None = None,
    back: float = 1.0,
) -> Iterator[Step]:
    """Follow the model's velocity from `noise` (B, ...) to clean: ask, go a little way, ask again.

    Yields a `Step` before each of the `steps` moves, and a last one at t = 1 with the result.
    Where `start` is 1, `noise` must already hold the clean values; they are kept. With `fresh`,
    which gives noise as `noise`, each step but the first goes back before it goes on, `back` times
    as far as the clock goes on: see `churn`.
    """
    t_at, x_t, clock = clocks(noise, start, pace), noise, times(steps, shift).tolist()
    for s, s_next in zip(clock[:-1], clock[1:], strict=True):
        t, t_next = t_at(s), t_at(s_next)
        if fresh and s:  # with back = 1 as far back as forward, in proportion
            now, t = t, t_at(s * (s / s_next) ** back)
            x_t = go_back(x_t, now, t, fresh())
        velocity = model(x_t, t, given)
        yield Step(t, x_t, clean_guess(x_t, velocity, t))
        x_t = move(x_t, velocity, t_next - t)
    yield Step(t_next, x_t, x_t)


@torch.no_grad()
def heun(
    model: Callable,
    noise: Tensor,
    given: object = None,
    steps: int = 24,
    start: Tensor | None = None,
    pace: Tensor | None = None,
    shift: float = 1.0,
) -> Iterator[Step]:
    """As `euler`, but look ahead: go with the mean of the velocity here and where it would lead.

    Two calls of the model a step, an error that shrinks with steps**2. The last step is Euler's:
    at t = 1 nothing is left to ask.
    """
    t_at, x_t, clock = clocks(noise, start, pace), noise, times(steps, shift).tolist()
    for s, s_next in zip(clock[:-1], clock[1:], strict=True):
        t, t_next = t_at(s), t_at(s_next)
        velocity = model(x_t, t, given)
        yield Step(t, x_t, clean_guess(x_t, velocity, t))
        if s_next < 1:
            ahead = model(move(x_t, velocity, t_next - t), t_next, given)
            velocity = (velocity + ahead) / 2
        x_t = move(x_t, velocity, t_next - t)
    yield Step(t_next, x_t, x_t)


def churn(
    model: Callable,
    noise: Tensor,
    *args: object,
    fresh: Callable[[], Tensor] | None = None,
    **options: object,
) -> Iterator[Step]:
    """As `euler`, but two steps forward, one back: before each step, `fresh()` noise undoes one, or
    `back` of them, and the step leads over them again.

    So what was decided wrongly can be decided again, knowing more (Karras et al., arXiv
    2206.00364, algorithm 2).
    """
    fresh = fresh or (lambda: torch.randn_like(noise))
    return euler(model, noise, *args, fresh=fresh, **options)


METHODS = {"euler": euler, "heun": heun, "churn": churn}


def sampler(method: str) -> Callable:
    """The sampler of that name. Raises `MinividError` for none."""
    if method not in METHODS:
        raise MinividError(f"sampling knows {', '.join(METHODS)}, not {method!r}")
    return METHODS[method]


def sample(
    model: Callable,
    noise: Tensor,
    given: object = None,
    steps: int = 24,
    method: str = "euler",
    **options: object,
) -> Tensor:
    """The end of the road alone: clean samples, as `noise` (B, ...). Options as for `euler`."""
    for step in sampler(method)(model, noise, given, steps, **options):
        result = step.x_t
    return result
