"""From tracks to words: which of the world's motions runs through the places of an actor.

Every motion has few unknowns. Those that enter linearly are solved for, the others (when it
comes to rest, how long a round takes) are tried on a grid; the motion that leaves least wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from . import grammar as g

Tensor = torch.Tensor
QUICK = 0.34  # short sides a second: between "slowly" and "quickly"
LARGE = 0.166  # radius in short sides: between "small" and "large"


@dataclass
class Motion:
    """For n actors: action index (n,), -1 for none of them; speed in short sides a second (n,);
    misfit (n,) root mean square distance from the fitted path; period and phase (n,) of bounces.
    """

    action: Tensor
    speed: Tensor
    misfit: Tensor
    period: Tensor
    phase: Tensor


@dataclass
class Line:
    """Best fits of z = start + slope * feature, of a grid of features: all (n,), path (n, F)."""

    error: Tensor
    slope: Tensor
    path: Tensor
    which: Tensor


def regress(feature: Tensor, z: Tensor, w: Tensor) -> Line:
    """Weighted least squares for every feature (G, F) or (n, G, F) and track z, w (n, F)."""
    if feature.dim() == 2:
        feature = feature.expand(len(z), -1, -1)
    total = w.sum(1, keepdim=True).clamp(min=1e-6)  # (n, 1)
    mean_f = torch.einsum("ngf,nf->ng", feature, w) / total
    mean_z = (w * z).sum(1, keepdim=True) / total
    d, e = feature - mean_f[..., None], z - mean_z
    fe = torch.einsum("ngf,nf->ng", d, w * e)
    ff = torch.einsum("ngf,nf->ng", d * d, w).clamp(min=1e-9)
    slope = fe / ff
    best = (fe * slope).argmax(1, keepdim=True)  # explains most
    slope = slope.gather(1, best)
    d = d.gather(1, best[..., None].expand(-1, -1, d.shape[-1]))[:, 0]
    path = mean_z + slope * d
    return Line(_rms(z - path, w), slope[:, 0], path, best[:, 0])


def _rms(z: Tensor, w: Tensor) -> Tensor:
    return ((w * z * z).sum(1) / w.sum(1).clamp(min=1e-6)).sqrt()


def fit_bounce(bottom: Tensor, t: Tensor, w: Tensor) -> tuple[Line, Tensor, Tensor]:
    """Parabolas between hits of the ground: bottom (n, F) -> fit, period (n,), phase (n,)"""
    period = torch.linspace(0.6, 1.1, 11, dtype=t.dtype).repeat_interleave(12)[None]
    phase = (torch.arange(12, dtype=t.dtype) / 12).repeat(11)[None]
    zoom = torch.linspace(-1, 1, 7, dtype=t.dtype)
    step_period, step_phase = 0.05, 1 / 12
    for _ in range(4):
        beat = (t / period[..., None] + phase[..., None]) % 1  # (n, G, F)
        line = regress((4 * beat * (1 - beat)).expand(len(bottom), -1, -1), bottom, w)
        period = period.expand(len(bottom), -1).gather(1, line.which[:, None])
        phase = phase.expand(len(bottom), -1).gather(1, line.which[:, None])
        best = period[:, 0], phase[:, 0]
        period = period + (zoom * step_period).repeat_interleave(7)
        phase = phase + (zoom * step_phase).repeat(7)
        step_period, step_phase = step_period / 3, step_phase / 3
    return line, *best


def fit_circle(y: Tensor, x: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Going round at an even pace: rms distance (n,) and radius (n,), over a grid of periods."""
    z = torch.complex(x, y)
    omega = 2 * torch.pi / torch.linspace(1.3, 2.4, 23, dtype=t.dtype)
    turn = torch.exp(1j * torch.cat([omega, -omega])[:, None] * t)  # (G, F)
    wc = w.to(z.dtype)
    total = w.sum(1, keepdim=True).clamp(min=1e-6)
    mean_t, mean_z = wc @ turn.mT / total, (wc * z).sum(1, keepdim=True) / total
    tz = (wc * z) @ turn.conj().mT / total - mean_z * mean_t.conj()  # (n, G)
    tt = 1 - mean_t.abs().square()
    a = tz / tt.clamp(min=1e-6)
    spread = (w * (z - mean_z).abs().square()).sum(1, keepdim=True) / total
    error, best = (spread - a.abs().square() * tt).clamp(min=0).min(1)
    return error.sqrt(), a.abs().gather(1, best[:, None])[:, 0]


def fit_motion(position: Tensor, radius: Tensor, seen: Tensor, t: Tensor) -> Motion:
    """What actors do that neither ride nor pass behind a wall.

    position, radius (n, F, 2) as (y, x); seen (n, F) bool; t (F,) seconds.
    """
    w, t = seen.double(), t.double()
    y, x = position.double().unbind(-1)
    size = radius.double().prod(-1).clamp(min=1e-8).sqrt()
    n, seconds = len(y), float(t[-1])
    ends = torch.linspace(min(0.35, seconds), min(2.4, max(seconds, 0.4)), 42, dtype=t.dtype)
    ramp = t.minimum(ends[:, None])  # moves, then rests
    none = torch.full((n,), torch.nan, dtype=t.dtype)
    if len(t) < 3:
        return Motion(torch.full((n,), -1), none, none, none, none)

    def about(z):  # rms about its mean
        return _rms(z - (w * z).sum(1, keepdim=True) / w.sum(1, keepdim=True).clamp(min=1e-6), w)

    still_y, still_x = about(y), about(x)
    up, across = regress(ramp, y, w), regress(ramp, x, w)
    bounce, period, phase = fit_bounce(y + radius[..., 0].double(), t, w)
    round_error, round_radius = fit_circle(y, x, t, w)
    growth = regress(
        t.minimum(t.new_tensor([1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9])[:, None]), size, w
    )
    ratio = growth.path[:, -1] / growth.path[:, 0].clamp(min=0.02)

    hypot = torch.hypot
    error = torch.stack(
        [hypot(still_y, still_x), hypot(still_y, across.error), hypot(up.error, still_x),
         hypot(bounce.error, still_x), round_error], 1)  # fmt: skip
    error[:, 1:] += torch.tensor([0.002, 0.002, 0.003, 0.003])  # of equals, the simpler
    error[:, 3].masked_fill_(~((bounce.slope < -0.1) & (bounce.slope > -0.7)), 1.0)
    error[:, 4].masked_fill_(~((round_radius > 0.08) & (round_radius < 0.35)), 1.0)
    misfit, best = error.min(1)
    speed = torch.where(best == 1, across.slope, torch.where(best == 2, up.slope, 0.0))
    action = torch.tensor([0, 2, 4, 5, 6])[best] - ((best == 1) | (best == 2)) * (speed < 0).long()
    sizing = ((ratio > 1.22) | (ratio < 1 / 1.22)) & (growth.error < 0.02) & (error[:, 0] < 0.045)
    action = torch.where(sizing, torch.where(ratio > 1, 7, 8), action)
    misfit = torch.where(sizing, hypot(growth.error, error[:, 0]), misfit)
    slow = (action >= 1) & (action <= 4) & (speed.abs() < 0.09)
    action = torch.where(slow & (error[:, 0] < 0.04), g.ACTIONS.index("stands still"), action)
    return Motion(torch.where(misfit < 0.03, action, -1), speed, misfit, period, phase)


def hits(period: float, phase: float, seconds: float) -> list[float]:
    """Times of contact with the ground within a clip, from a bounce's period and phase."""
    times = [(n - phase) * period for n in range(-1, int(seconds / period) + 3)]
    return [h for h in times if 0 <= h < seconds]
