"""What an actor does: from dice to its size and track, frame by frame, for all actions at once.

Lengths are in short sides of the frame from its centre, as (y, x); times in seconds. Each function
knows one kind of motion and answers for every clip; `act` takes from each what is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import torch

from . import grammar as g
from .dice import Dice
from .paint import FLOOR, SADDLE, WHEEL, ClipFormat

Tensor = torch.Tensor
ROUND = 2.0  # seconds that a circle takes
TURN = 0.145  # way of a bicycle between two ticks
HIDDEN = 0.41  # seconds that a passer-by is behind a wall, all of it: 4 frames of 8 a second


@dataclass(frozen=True)
class Role:
    """Actor `i` (0 or 1) of B clips: its action (B,), and whether it is one of two (B,)."""

    dice: Dice
    i: int
    action: Tensor
    two: Tensor
    fmt: ClipFormat

    @property
    def t(self) -> Tensor:
        """Seconds of the frames: (1, F)"""
        return self.fmt.times()[None]

    def does(self, *actions: int) -> Tensor:
        """Whether it does one of these: (B,)"""
        return torch.isin(self.action, torch.tensor(actions))

    def u(self, n: int, low: Tensor | float = 0.0, high: Tensor | float = 1.0) -> Tensor:
        """Its own number n, uniform in [low, high): (B,)"""
        return self.dice.uniform(100 + 40 * self.i + n, low, high)

    def coin(self, n: int) -> Tensor:
        """Its own coin n: (B,) of bool"""
        return self.dice.integers(100 + 40 * self.i + n)[:, 0] >= 2**31

    def between(self, n: int, centre: Tensor | float, reach: Tensor) -> Tensor:
        """Uniform in centre +- reach, or the centre where there is no room: (B,)"""
        return centre + (2 * self.u(n) - 1) * reach.clamp(min=0)


def size(role: Role) -> tuple[Tensor, Tensor]:
    """Radius (B,), and whether that is large (B,)."""
    large = ~(role.two | role.does(g.RIDES, g.PASSES, g.SAYS)) & role.coin(0)
    r = torch.where(large, role.u(1, 0.212, 0.228), role.u(1, 0.160, 0.172))
    r = torch.where(role.does(g.SAYS), role.u(1, 0.28, 0.29), r)
    return torch.where(role.does(g.PASSES), role.u(1, 0.1365, 0.139), r), large


def place_and_move(role: Role, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stands still, moves and comes to rest, or circles: y, x (B, F), and whether quickly (B,)."""
    hy, hx = role.fmt.half
    quick = role.coin(2)
    across, along = role.does(g.LEFT, g.RIGHT), role.does(g.UP, g.DOWN)
    room_y, room_x = hy - r - 0.02, torch.where(role.two, 0.03, hx - r - 0.02)
    lane = torch.where(role.two, (0.25 if role.i else -0.25) * 2 * hx, 0.0)
    far = torch.where(quick, role.u(3, 0.36, 0.50), role.u(3, 0.21, 0.34))
    speed = torch.where(quick, role.u(4, 0.44, 0.56), role.u(4, 0.16, 0.22))
    arm = role.does(g.CIRCLES).double() * role.u(5, 0.15, 0.165)
    taken = arm + role.does(g.GROWS, g.SHRINKS).double() * 0.09
    spare = far.clamp(max=2 * room_y.clamp(min=0)) / 2
    y0 = role.between(6, 0.0, room_y - along * spare - taken)
    x0 = role.between(7, lane, room_x - across * far / 2 - taken)
    gone = (speed[:, None] * role.t).minimum(far[:, None]) - far[:, None] / 2  # (B, F)
    gone = torch.where(role.does(g.RIGHT, g.DOWN), 1.0, -1.0)[:, None] * gone
    turn = torch.where(role.coin(8), 1.0, -1.0) * 2 * torch.pi
    quarter = (4 * role.u(10)).floor() * torch.pi / 2  # it sets out at the side, above or below
    angle = turn[:, None] / ROUND * role.t + quarter[:, None]
    y = y0[:, None] + along[:, None] * gone + arm[:, None] * angle.sin()
    return y, x0[:, None] + across[:, None] * gone + arm[:, None] * angle.cos(), quick


def grow(role: Role, r: Tensor) -> Tensor:
    """Radius over the frames (B, F): between a small and a big one where it grows or shrinks."""
    rise = (role.t / role.u(11, 1.3, 1.8)[:, None]).clamp(max=1)
    big, little = role.u(12, 0.205, 0.23)[:, None], role.u(13, 0.11, 0.13)[:, None]
    rise = torch.where(role.does(g.GROWS)[:, None], rise, 1 - rise)
    return torch.where(role.does(g.GROWS, g.SHRINKS)[:, None], little + (big - little) * rise,
                       r[:, None])


def bounce(role: Role, r: Tensor) -> tuple[Tensor, Tensor, Tensor, list[list[float]]]:
    """Parabolas between hits of the ground, with a squash around each: y and radius down and
    across, of one with radius r, all (B, F); and the seconds of the hits."""
    period, start = role.u(14, 0.85, 1.08), role.u(15)
    phase = role.t / period[:, None] + start[:, None]
    beat = phase - phase.floor()
    height = (0.27 * (period / 1.08) ** 2)[:, None] * 4 * beat * (1 - beat)
    late = (torch.minimum(beat, 1 - beat) * period[:, None] / 0.11) ** 2
    squash = torch.exp(-late)
    down, across = r * (1 - 0.30 * squash), r * (1 + 0.22 * squash)
    end = role.fmt.seconds
    hits = [[h for n in range(1, int(end / p) + 3) if 0 <= (h := (n - s) * p) < end]
            for p, s in zip(period.tolist(), start.tolist())]
    return role.fmt.half[0] - FLOOR - height - down, down, across, hits


def ride(role: Role) -> tuple[Tensor, Tensor, list[list[float]]]:
    """To one side, and back again at the edge in a long film: top of the saddle (B,), x (B, F);
    and the seconds at which the chain ticks, always at the same places of the way."""
    hy, hx = role.fmt.half
    span, v, end = 2 * hx - 2 * (WHEEL + 0.13), role.u(17, 0.18, 0.25), role.fmt.seconds
    begin = role.u(18) * (span - 2 * v).clamp(min=0)
    reach = (begin[:, None] + v[:, None] * role.t) % (2 * span) if span > 0 else 0 * role.t
    ticks = [[(n * TURN - b) / s for n in range(ceil(b / TURN), int((b + s * end) / TURN) + 1)]
             for b, s in zip(begin.tolist(), v.tolist())]
    wheels = hy - 0.04 - role.u(19, 0.0, 2 * hy - 0.05 - SADDLE - 0.345)
    return wheels - SADDLE, (torch.minimum(reach, 2 * span - reach) - span / 2) * way(role), ticks


def pass_behind(role: Role, r: Tensor, hidden: float) -> tuple[Tensor, Tensor]:
    """From one side of a wall to the other, wholly hidden for HIDDEN and `hidden` seconds more:
    x (B, F), and the wall's edges (B, 2). It sets out just clear of the wall, and comes to rest
    as far beyond it."""
    gap = role.u(20, 0.004, 0.008)
    v = (2 * r + gap) / 0.735  # gone behind a moment before frame 6 of 8 a second
    half = r + v * (HIDDEN + hidden) / 2
    begin = (half + r + gap)[:, None]
    return (v[:, None] * role.t - begin).minimum(begin) * way(role), torch.stack([-half, half], 1)


def way(role: Role) -> Tensor:
    """Which way a rider or a passer-by goes: 1 to the right, -1 to the left, (B, 1)"""
    return torch.where(role.coin(16), 1.0, -1.0)[:, None]


def clear_share(x: Tensor, rx: Tensor, wall: Tensor) -> Tensor:
    """Share of an actor's width that stands clear of a wall: x, rx (B, F), wall (B, 2) -> (B, F)"""
    overlap = torch.minimum(x + rx, wall[:, 1:]) - torch.maximum(x - rx, wall[:, :1])
    return 1 - (overlap / (2 * rx)).clamp(0, 1)


def act(role: Role, hidden: float = 0.0) -> dict:
    """Everything about one actor: size and speed (B,) as indices, -1 for none; position, radius
    (B, F, 2); visible (B, F); events and ticks, for each clip the seconds of hits of the ground and
    of a bicycle's ticks; wall (B, 2); saddle (B, F, 2).
    """
    r, large = size(role)
    y, x, quick = place_and_move(role, r)
    ry = rx = grow(role, r)
    bounces, rides, passes = (role.does(a)[:, None] for a in (g.BOUNCES, g.RIDES, g.PASSES))
    fall, down, across, hits = bounce(role, ry)
    y, ry, rx = (torch.where(bounces, a, b) for a, b in ((fall, y), (down, ry), (across, rx)))
    top, along, ticks = ride(role)
    y = torch.where(rides, (top - r)[:, None], y)
    x = torch.where(rides, along, x)
    saddle = torch.where(rides, top[:, None], torch.nan)
    walk, wall = pass_behind(role, r, hidden)
    x = torch.where(passes, walk, x)
    wall = torch.where(passes, wall, torch.nan)
    sized = role.does(*(g.ACTIONS.index(a) for a in g.SIZED)) & ~role.two
    moves = role.does(g.LEFT, g.RIGHT, g.UP, g.DOWN)
    return {
        "size": torch.where(sized, large.long(), -1),
        "speed": torch.where(moves, quick.long(), -1),
        "position": torch.stack([y, x], -1), "radius": torch.stack([ry, rx], -1),
        "visible": torch.where(passes, clear_share(x, rx, wall), 1.0),
        "events": [h if does else [] for h, does in zip(hits, bounces[:, 0].tolist())],
        "ticks": [h if does else [] for h, does in zip(ticks, rides[:, 0].tolist())],
        "wall": wall, "saddle": torch.stack([saddle.expand_as(x), x + saddle * 0], -1),
    }
