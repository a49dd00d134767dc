"""Push the sample towards what was asked for: further from what comes without asking.

    velocity = without + scale * (with - without)                            Guided
    velocity = without + scale * (1 - t) / t * slope of log p(text | x_t)    Steered

Classifier-free guidance: Ho and Salimans, arXiv 2207.12598 (their w is `scale` - 1). Only at
middling noise levels: Kynkäänniemi et al., arXiv 2404.07724. Steering by a second network that
tells how well x_t fits the text: Dhariwal and Nichol, arXiv 2105.05233.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor

from minivid.flow import spread


class Guided:
    """A model asked twice, with and without what is `given`; same call as the model it wraps.

    `scale` 1 is off, 0 ignores what is given, above 1 exaggerates it: a number, or one per sample
    (B,) or token (B, N). Outside `interval` (flow times, 0 is noise) nothing is exaggerated: the
    scale is at most 1.
    `without` names what is taken away: `given.without(...)`.
    """

    def __init__(
        self,
        model: Callable,
        scale: float | Tensor = 3.0,
        interval: tuple[float, float] = (0.0, 1.0),
        without: str = "text",
    ):
        self.model, self.scale, self.interval, self.without = model, scale, interval, without

    def scale_at(self, t: Tensor) -> Tensor:
        """The scale in force at `t`, (B,) or (B, N); at most 1 outside the interval."""
        first, last = self.interval
        scale = torch.as_tensor(self.scale, dtype=t.dtype, device=t.device)
        if scale.ndim == 1 and t.ndim == 2:
            scale = scale[:, None]  # one per sample, for all its tokens
        if scale.ndim == 2 and t.ndim == 1:
            t = t[:, None]
        return torch.where((first <= t) & (t <= last), scale, scale.clamp(max=1))

    def __call__(self, x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        scale = self.scale_at(t)
        if given is None or (scale == 1).all():
            return self.model(x_t, t, given)
        both = joined(given, given.without(self.without))
        velocity = self.model(torch.cat([x_t, x_t]), torch.cat([t, t]), both)
        v_with, v_without = velocity.chunk(2)
        scale = spread(scale, x_t)
        # = v_without + scale * (v_with - v_without), and exactly v_with where the scale is 1
        return v_with + (scale - 1) * (v_with - v_without)


class Steered:
    """A model that is told nothing, pushed the way in which what is asked for becomes likelier.

    `log_fit(x_t, t)` is the log of how likely the text is, seen x_t (B, ...): one each, (B,). From
    x_t = (1 - t) * noise + t * clean follows how much its slope moves the guess of the clean
    signal, by (1 - t)**2 / t (Tweedie's formula), and so the velocity: by (1 - t) / t. At `scale` 1
    that is exact, if `log_fit` is; 0 is off. Same call as the model it wraps.
    """

    least = 0.1  # t is kept above this in (1 - t) / t: from pure noise no slope is to be trusted

    def __init__(self, model: Callable, log_fit: Callable, scale: float = 1.0,
                 without: str = "text"):
        self.model, self.log_fit, self.scale, self.without = model, log_fit, scale, without

    def __call__(self, x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
        velocity = self.model(x_t, t, given and given.without(self.without))
        with torch.enable_grad():
            x_t = x_t.detach().requires_grad_()
            slope, = torch.autograd.grad(self.log_fit(x_t, t).sum(), x_t)
        share = (1 - t) / t.clamp(min=self.least)
        return velocity + self.scale * spread(share, x_t) * slope


def joined(one: object, other: object) -> object:
    """Two conditions as one batch: every tensor of `other` (B, ...) below that of `one`."""
    if isinstance(one, Tensor):
        return torch.cat([one, other])
    if is_dataclass(one):
        pairs = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(one)}
        return type(one)(**{name: joined(*pair) for name, pair in pairs.items()})
    if one != other:
        raise TypeError(f"cannot ask with {one!r} and with {other!r} in one batch")
    return one
