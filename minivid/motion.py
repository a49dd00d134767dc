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
LARGE = 0.192  # radius in short sides: between "small" and "large"


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


def fit_circle(y: Tensor, x: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Going round at an even pace, over a grid of periods: rms distance (n,), radius (n,) and
    path (n, F) as x + iy."""
    z = torch.complex(x, y)
    omega = 2 * torch.pi / torch.linspace(1.6, 2.8, 25, dtype=t.dtype)
    turn = torch.exp(1j * torch.cat([omega, -omega])[:, None] * t)  # (G, F)
    total, wc = w.sum(1, keepdim=True).clamp(min=1e-6), w.to(z.dtype)
    mean_turn, mean_z = (
        wc @ turn.mT / total,
        (wc * z).sum(1, keepdim=True) / total,
    )  # (n, G), (n, 1)
    along = (wc * z) @ turn.conj().mT / total - mean_z * mean_turn.conj()  # (n, G)
    spread = 1 - mean_turn.abs().square()
    arm = along / spread.clamp(min=1e-6)
    best = (arm.abs().square() * spread).argmax(1, keepdim=True)  # explains most
    arm, mean_turn = arm.gather(1, best), mean_turn.gather(1, best)
    path = mean_z + arm * (turn[best[:, 0]] - mean_turn)
    return _rms((z - path).abs(), w), arm[:, 0].abs(), path


def fit_motion(position: Tensor, radius: Tensor, seen: Tensor, t: Tensor) -> Motion:
    """What actors do that neither ride nor pass behind a wall.

    position, radius (n, F, 2) as (y, x); seen (n, F) bool; t (F,) seconds.
    """
    n, w, t = len(position), seen.double(), t.double()
    if len(t) < 5:  # too short to tell
        unknown = (torch.full((n,), torch.nan) for _ in range(4))
        return Motion(torch.full((n,), -1), *unknown)
    y, x = position.double().unbind(-1)
    rests = torch.linspace(min(0.35, float(t[-1])), min(3.6, float(t[-1])), 48).double()[:, None]
    rest_y, rest_x = (regress(0 * t[None], z, w) for z in (y, x))
    up, across = (regress(t.minimum(rests), z, w) for z in (y, x))  # moves, then rests
    fall, period, phase = fit_bounce(y + radius[..., 0].double(), t, w)
    fall.path = fall.path - radius[..., 0]
    circle, arm, ring = fit_circle(y, x, t, w)

    # stands still, moves across, moves up or down, bounces, circles
    error = torch.stack([
        torch.hypot(rest_y.error, rest_x.error), torch.hypot(rest_y.error, across.error),
        torch.hypot(up.error, rest_x.error), torch.hypot(fall.error, rest_x.error), circle], 1)
    error[:, 1:] += torch.tensor([0.002, 0.002, 0.003, 0.003])  # of equals, the simpler
    error[:, 1] += 9.0 * (across.slope.abs() < 0.09)
    error[:, 2] += 9.0 * (up.slope.abs() < 0.09)
    error[:, 3] += 9.0 * ((fall.slope > -0.1) | (fall.slope < -0.7))
    error[:, 4] += 9.0 * ((arm < 0.08) | (arm > 0.35))
    misfit, best = error.min(1)
    speed = torch.stack([0 * arm, across.slope, up.slope, 0 * arm, 0 * arm], 1)
    speed = speed.gather(1, best[:, None])[:, 0]
    action = torch.tensor([0, 2, 4, 5, 6])[best] - (speed < 0).long()  # left before right, ...

    path_y = torch.stack([rest_y.path, rest_y.path, up.path, fall.path, ring.imag], 1)
    path_x = torch.stack([rest_x.path, across.path, rest_x.path, rest_x.path, ring.real], 1)
    off = position - torch.stack([path_y, path_x], -1)[torch.arange(n), best]  # (n, F, 2)
    jump = (off.diff(dim=1).norm(dim=-1) * w[:, 1:] * w[:, :-1]).amax(1)  # no path explains one
    growth, wobble, steady = fit_growth(radius, t, w)
    action = torch.where((misfit < 0.027) & (jump < 0.065) & steady, action, -1)
    sizing = (growth != 0) & (error[:, 0] < 0.045)
    action = torch.where(sizing, torch.where(growth > 0, g.GROWS, g.SHRINKS), action)
    misfit = torch.where(sizing, torch.hypot(wobble, error[:, 0]), misfit)
    return Motion(action, speed, misfit, period, phase)


def fit_growth(radius: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Growing for a while, then no more: 1, -1 (shrinking) or 0 (neither) (n,), rms distance from
    it (n,), and whether the size stays about the same, but for squashes (n,)."""
    size = radius.double().prod(-1).clamp(min=1e-8).sqrt()
    steady = regress(0 * t[None], size, w).error < 0.025
    line = regress(t.minimum(torch.arange(12, 20)[:, None] / 10), size, w)
    ratio = line.path[:, -1] / line.path[:, 0].clamp(min=0.02)
    way = (ratio > 1.22).long() - (ratio < 1 / 1.22).long()
    return way * (line.error < 0.012), line.error, steady


def passes(x: Tensor, visible: Tensor, wall: tuple[float, float], t: Tensor) -> tuple[bool, float]:
    """Does it go straight at the wall, vanish behind it, and come out beyond, if at all?

    x (F,), visible (F,) bool -> yes or no, and the rms distance from an even pace and a rest.
    """
    at = visible.nonzero()[:, 0]
    if len(t) < 5 or len(at) < 2:
        return False, 0.0
    rests = torch.linspace(0.3 * t[-1], t[-1], 48)[:, None]
    even = regress(t.minimum(rests).double(), x[None].double(), visible[None].double())
    middle = sum(wall) / 2
    beyond = (x[at[0]] - middle) * (x[at[-1]] - middle) < 0
    hidden = (~visible[at[0] :]).any()
    error = float(even.error)
    return bool(hidden and error < 0.03 and (beyond or not visible[-1])), error


def rides(seat: Tensor, saddle: Tensor, t: Tensor) -> bool:
    """Does it sit on the bicycle, and do they go at an even pace (and back again at the edge)?

    seat, saddle (F, 2): bottom of the actor and top of the bicycle, NaN where not seen.
    """
    if len(t) < 5:
        return False
    fps = 1 / (t[1] - t[0])
    apart = (seat - saddle).abs().nanmedian(0).values
    step = (seat[1:, 1] - seat[:-1, 1]).abs()
    pace = (seat[2:, 1] - seat[:-2, 1]).abs() * fps / 2
    moving = (pace > 0.08).float().mean() > 0.8
    return bool((apart < 0.09).all() and moving and step.nan_to_num().max() < 0.25 / fps + 0.04)


def hits(moves: Motion, actor: int, seconds: float) -> list[float]:
    """Times of contact with the ground within a clip, if the actor bounces, from its parabolas."""
    if int(moves.action[actor]) != g.BOUNCES:
        return []
    period, phase = float(moves.period[actor]), float(moves.phase[actor])
    times = [(n - phase) * period for n in range(-1, int(seconds / period) + 3)]
    return [h for h in times if 0 <= h < seconds]
