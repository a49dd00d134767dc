"""The road between noise and clean: mix them, name the velocity, take the loss on one level.

Everything the networks learn hangs on three lines:

    x_t      = (1 - t) * noise + t * clean        t = 0 is pure noise, t = 1 is clean
    velocity = clean - noise                      the direction of the road, what a network predicts
    guess    = x_t + (1 - t) * velocity           where the road would end: the clean signal

Other codebases run the clock the other way (Flux, SD3, LTX: 1 is noise).
Flow matching: Lipman et al., arXiv 2210.02747; rectified flow: Liu et al., arXiv 2209.03003.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from minivid.distributed import all_mean
from minivid.errors import MinividError


def spread(t: Tensor, like: Tensor) -> Tensor:
    """Give `t` the trailing axes of `like`: (B,) or (B, N) becomes (B, 1, ...) or (B, N, 1, ...).

    `t` (or a scale, a weight) holds one number per sample or per token of `like` (B, ...).
    """
    return t.reshape(t.shape + (1,) * (like.ndim - t.ndim))


def add_noise(clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Mix `clean` and `noise`, any one shape (B, ...), at flow time `t` in [0, 1]; returns x_t."""
    t = spread(t, clean)
    return (1 - t) * noise + t * clean


def go_back(x_t: Tensor, t: Tensor, earlier: Tensor, noise: Tensor) -> Tensor:
    """From x_t to the noisier x at an `earlier` time, as if more `noise` had been mixed in.

    What was clean of x_t shrinks to its share at `earlier`, and fresh noise fills up the rest.
    """
    t, earlier = spread(t, x_t), spread(earlier, x_t)
    share = torch.where(t > 0, earlier / t, 1.0)
    missing = (1 - earlier) ** 2 - (share * (1 - t)) ** 2  # variances add
    return share * x_t + missing.clamp(min=0).sqrt() * noise


def velocity_of(clean: Tensor, noise: Tensor) -> Tensor:
    """The direction from `noise` to `clean`, the same at every t of their road; any one shape."""
    return clean - noise


def clean_guess(x_t: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
    """Where the road through `x_t` ends if it goes on straight: the guess of the clean signal."""
    return x_t + (1 - spread(t, x_t)) * velocity


def velocity_to(guess: Tensor, x_t: Tensor, t: Tensor, least: float = 0.02) -> Tensor:
    """The direction from `x_t` to a `guess` of the clean signal: `clean_guess` solved for it.

    For networks that answer with the guess. Within `least` of t = 1 the way left counts as `least`:
    what is asked for there is how the signal looks so far ahead.
    """
    return (guess - x_t) / (1 - spread(t, x_t)).clamp(min=least)


def shifted(t: Tensor, shift: float = 1.0) -> Tensor:
    """Bend [0, 1] onto itself: `shift` > 1 dwells near noise (t = 0), 1 changes nothing.

    More tokens need more time near noise (Esser et al., arXiv 2403.03206, section 5.3.2).
    """
    return t / (t + shift * (1 - t))


def sample_t(
    batch: int,
    generator: torch.Generator | None = None,
    kind: str = "logit_normal",
    shift: float = 1.0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw one random flow time per example, (B,) in (0, 1).

    "uniform", or "logit_normal": mostly middling levels, where there is most to learn, with a
    tenth of the draws uniform so that no level is forgotten (arXiv 2403.03206).
    """
    if kind not in ("logit_normal", "uniform"):
        raise MinividError(f"sample_t knows 'logit_normal' and 'uniform', not {kind!r}")
    uniform = torch.rand(batch, generator=generator, device=device)  # (B,)
    if kind == "uniform":
        return shifted(uniform, shift)
    middling = torch.randn(batch, generator=generator, device=device).sigmoid()
    is_uniform = torch.rand(batch, generator=generator, device=device) < 0.1
    return shifted(torch.where(is_uniform, uniform, middling), shift)


def flow_loss(
    model: Callable,
    clean: Tensor,
    given: object = None,
    t: Tensor | None = None,
    noise: Tensor | None = None,
    weight: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mean squared error of the model's velocity on `clean` (B, ...), each at one random level.

    `t` is (B,) or (B, N); it and the noise are drawn with `generator` where they are not given.
    What is at t = 1 is already clean: it is shown to the network but
    asks nothing of it. `weight`, one per sample or token, is how much each counts.
    Returns a scalar.
    """
    where = generator.device if generator else clean.device
    if t is None:
        t = sample_t(len(clean), generator, device=where).to(clean.device)
    if noise is None:
        noise = torch.randn(clean.shape, generator=generator, device=where).to(clean.device)
    x_t = add_noise(clean, noise, t)
    error = (model(x_t, t, given) - velocity_of(clean, noise)) ** 2  # (B, ...)
    counts = spread((t < 1).to(error), error)
    if weight is not None:
        counts = counts * spread(weight, error)
    counts = counts.expand_as(error)
    total = all_mean(counts.sum())  # several processes share a batch: each number counts alike
    return (error * counts).sum() / total.clamp(min=1e-8)


class IdealDenoiser:
    """The best possible denoiser of a data set of K points, (K, ...), in closed form.

    Given x_t, each point is as likely as the noise it would take to get from it to x_t; the best
    guess is their mean, so weighted. No network can have a lower loss on these points.
    Honours the contract: velocity = denoiser(x_t, t, given), with `given` ignored.
    """

    nearly_clean = 1e-3  # 1 - t is kept above this: at t = 1 the likelihood is a spike

    def __init__(self, points: Tensor):
        self.points = points.flatten(1)  # (K, P)

    def odds(self, x_t: Tensor, t: Tensor) -> Tensor:
        """How likely each point is behind `x_t` (B, ...): (B, K), rows sum to 1."""
        level = spread(t, x_t).expand_as(x_t).flatten(1)  # (B, P)
        variance = (1 - level).clamp(min=self.nearly_clean) ** 2
        # -|x_t - t * point|^2 / (2 variance), less the part that is the same for every point
        log_odds = (level / variance * x_t.flatten(1)) @ self.points.T  # (B, K)
        log_odds = log_odds - (level**2 / variance / 2) @ (self.points**2).T
        return log_odds.softmax(1)

    def guess(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The mean of all points that could be behind `x_t`, as x_t."""
        return (self.odds(x_t, t) @ self.points).view_as(x_t)

    def __call__(self, x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        left = (1 - spread(t, x_t)).clamp(min=self.nearly_clean)
        return (self.guess(x_t, t) - x_t) / left
