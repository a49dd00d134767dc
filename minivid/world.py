"""The world the clips are filmed in: from a seed to a clip, its caption, and the whole truth.

Every draw is an integer hash of (seed, field), so a seed gives the same truth and caption on
every machine, in a batch of any size. Pixels are drawn by `paint`, words chosen by `grammar`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch

from . import grammar as g
from .errors import FormatError
from .paint import FLOOR, SADDLE, WHEEL, ClipFormat, Scene, paint

Tensor = torch.Tensor
STILL, LEFT, RIGHT, UP, DOWN, BOUNCES, CIRCLES, GROWS, SHRINKS, RIDES, PASSES = range(11)
CASTS = ("any", "one", "two")
SPLITS = ("train", "pairs", "triples", "all")


@dataclass(frozen=True)
class Knobs:
    """What a lesson may turn: how much captions tell, how many distinct clips, and so on."""

    split: str = "train"  # "train", "pairs" or "triples" never seen in training, "all"
    cast: str = "any"  # "any" (a quarter have two actors), "one", "two"
    richness: float = 1.0  # 1: captions as in training; 0: they tell nothing ("something")
    distinct: int | None = None  # that many different clips, again and again
    hidden: float = 0.0  # seconds more behind the wall (needs a wide enough frame)
    actions: tuple[str, ...] = g.ACTIONS
    phrasings: str = "train"  # or "held out"
    style: str = "flat"  # or "ink"


@dataclass
class Truth:
    """All that is so in B clips. Lengths in short sides of the frame from its centre, as (y, x).

    shape, colour, action, size, speed: (B, 2) indices into grammar's lists, -1 for none;
    place (B,); position, radius (B, 2, F, 2); visible (B, 2, F) in [0, 1], the share not hidden;
    events: for each clip the seconds at which an actor hits the ground; scene: what was drawn.
    """

    shape: Tensor
    colour: Tensor
    action: Tensor
    size: Tensor
    speed: Tensor
    place: Tensor
    position: Tensor
    radius: Tensor
    visible: Tensor
    events: list[list[float]]
    scene: Scene

    def describe(self, b: int) -> g.Description:
        """Clip b in words, everything told."""
        def word(words, i):
            return words[i] if i >= 0 else None

        actors = tuple(
            g.Actor(g.SHAPES[self.shape[b, a]], g.COLOURS[self.colour[b, a]],
                    g.ACTIONS[self.action[b, a]], word(g.SIZES, int(self.size[b, a])),
                    word(g.SPEEDS, int(self.speed[b, a])))
            for a in range(2) if self.shape[b, a] >= 0
        )
        return g.Description(actors, g.PLACES[self.place[b]])


@dataclass
class Clip:
    """B clips: video (B, 3, F, H, W) in [-1, 1], audio (B, S) or None, captions, truth or None."""

    video: Tensor
    audio: Tensor | None
    caption: list[str]
    truth: Truth | None
    fps: int = 8


# ---------------------------------------------------------------- dice


class Dice:
    """Numbers that depend on nothing but (seed, field): splitmix-like, in 32-bit integers."""

    def __init__(self, seeds: Tensor):
        self.seeds = seeds.to(torch.int64).cpu()

    def integers(self, field: int, rounds: int = 1) -> Tensor:
        """(B, rounds) in [0, 2^32)"""
        z = (self.seeds[:, None] & 0xFFFFFFFF) * 0x9E3779B1 + (self.seeds[:, None] >> 32)
        z = z + field * 0x85EBCA77 + torch.arange(rounds) * 0xC2B2AE3D
        for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97), (15, 0x21F0AAAD)):
            z = z & 0xFFFFFFFF
            z = ((z ^ (z >> shift)) * factor) & 0xFFFFFFFF
        return z ^ (z >> 16)

    def uniform(self, field: int, low: Tensor | float = 0.0, high: Tensor | float = 1.0) -> Tensor:
        """(B,) in [low, high)"""
        return low + (high - low) * (self.integers(field)[:, 0].double() / 2**32)

    def choice(self, field: int, n: int, rounds: int = 1) -> Tensor:
        """(B, rounds) in {0, ..., n-1}"""
        return self.integers(field, rounds) * n >> 32


# ---------------------------------------------------------------- who does what, where


def _novel_tables() -> tuple[Tensor, Tensor, Tensor]:
    """Held-out (colour, shape), (shape, action) and (shape, action, place) as tables of bool."""
    dressed = torch.zeros(6, 6, dtype=torch.bool)
    doing = torch.zeros(6, 11, dtype=torch.bool)
    triple = torch.zeros(6, 11, 4, dtype=torch.bool)
    for one, other in g.HELD_OUT_PAIRS:
        if one in g.COLOURS:
            dressed[g.COLOURS.index(one), g.SHAPES.index(other)] = True
        else:
            doing[g.SHAPES.index(one), g.ACTIONS.index(other)] = True
    for s, a, p in g.HELD_OUT_TRIPLES:
        triple[g.SHAPES.index(s), g.ACTIONS.index(a), g.PLACES.index(p)] = True
    return dressed, doing, triple


DRESSED, ACTING, TRIPLE = _novel_tables()


def _cast(dice: Dice, knobs: Knobs) -> dict[str, Tensor]:
    """Draw actors and places: of many independent draws the first one that the split allows."""
    rounds = 32 if knobs.split in ("train", "all") else 256
    doing = [g.ACTIONS.index(a) for a in knobs.actions]
    two = dice.integers(0)[:, 0] < 2**30 if knobs.cast == "any" else \
        torch.full((len(dice.seeds),), knobs.cast == "two")
    paired = [a for a in doing if g.ACTIONS[a] in g.PAIRED]
    if knobs.cast != "one" and not paired:
        raise FormatError(f"Two actors can only be among: {', '.join(g.PAIRED)}.")
    place = dice.choice(1, 4, rounds)
    draw = {"place": place}
    for i in range(2):
        shape, colour = dice.choice(10 + i, 6, rounds), dice.choice(20 + i, 6, rounds)
        alone = torch.tensor(doing)[dice.choice(30 + i, len(doing), rounds)]
        if paired:
            inlane = torch.tensor(paired)[dice.choice(40 + i, len(paired), rounds)]
            alone = torch.where(two[:, None], inlane, alone)
        draw |= {f"shape{i}": shape, f"colour{i}": colour, f"action{i}": alone}
    pair = [DRESSED[draw[f"colour{i}"], draw[f"shape{i}"]]
            | ACTING[draw[f"shape{i}"], draw[f"action{i}"]] for i in range(2)]
    triple = [TRIPLE[draw[f"shape{i}"], draw[f"action{i}"], place] for i in range(2)]
    both = two[:, None]
    ok = {
        "all": torch.ones_like(both),
        "train": ~(pair[0] | triple[0]) & ~(both & (pair[1] | triple[1])),
        "pairs": (pair[0] | both & pair[1]) & ~(triple[0] | both & triple[1]),
        "triples": (triple[0] | both & triple[1]) & ~(pair[0] | both & pair[1]),
    }[knobs.split] & ~(both & (draw["colour0"] == draw["colour1"]))
    if not ok.any(1).all():
        raise FormatError(f"No {knobs.split!r} combinations with the actions {knobs.actions}.")
    first = ok.byte().argmax(1, keepdim=True)
    out = {name: value.gather(1, first)[:, 0] for name, value in draw.items()}
    for name in ("shape1", "colour1", "action1"):
        out[name] = torch.where(two, out[name], -1)
    return out | {"two": two}


# ---------------------------------------------------------------- how it moves


def _between(dice: Dice, field: int, centre: Tensor | float, reach: Tensor) -> Tensor:
    """Uniform in centre +- reach, or the centre where there is no room."""
    return centre + (2 * dice.uniform(field) - 1) * reach.clamp(min=0)


def _film_actor(dice: Dice, i: int, cast: dict, fmt: ClipFormat, knobs: Knobs) -> dict:
    """One actor's size, speed, track and events over the frames, for all actions at once."""
    t = fmt.times()[None]  # (1, F)
    hy, hx = fmt.half
    act, two, k = cast[f"action{i}"], cast["two"], 100 + 40 * i
    def u(n, low=0.0, high=1.0):
        return dice.uniform(k + n, low, high)

    small = two | (act == RIDES) | (act == PASSES)
    large = ~small & (dice.integers(k)[:, 0] >= 2**31)
    r = torch.where(large, u(1, 0.212, 0.228), u(1, 0.160, 0.172))
    r = torch.where((act == PASSES), u(1, 0.136, 0.140), r)
    quick = dice.integers(k + 2)[:, 0] >= 2**31
    moves = (act >= LEFT) & (act <= DOWN)

    # still, and where a moving actor comes to rest or starts
    room_y, room_x = hy - r - 0.02, torch.where(two, 0.03, hx - r - 0.02)
    lane = torch.where(two, (0.25 if i else -0.25) * 2 * hx, 0.0)
    far = torch.where(quick, u(3, 0.36, 0.50), u(3, 0.21, 0.34))
    speed = torch.where(quick, u(4, 0.50, 0.64), u(4, 0.16, 0.22))
    across, along = (act == LEFT) | (act == RIGHT), (act == UP) | (act == DOWN)
    circling = (act == CIRCLES).double() * u(5, 0.17, 0.22)
    growing = torch.where(act == GROWS, 1.0, 0.0) + torch.where(act == SHRINKS, 1.0, 0.0)
    spare = far.clamp(max=2 * room_y.clamp(min=0)) / 2
    y0 = _between(dice, k + 6, 0.0, room_y - along * spare - circling - growing * 0.09)
    x0 = _between(dice, k + 7, lane, room_x - across * far / 2 - circling - growing * 0.09)
    gone = (speed[:, None] * t).minimum(far[:, None]) - far[:, None] / 2  # (B, F)
    sign = torch.where((act == RIGHT) | (act == DOWN), 1.0, -1.0)[:, None]
    y = y0[:, None] + along[:, None] * sign * gone
    x = x0[:, None] + across[:, None] * sign * gone
    ry = r[:, None].expand(-1, fmt.frames).clone()

    # circles
    turn = torch.where(dice.integers(k + 8)[:, 0] >= 2**31, 1.0, -1.0) * 2 * torch.pi
    angle = (turn / u(9, 1.5, 2.1))[:, None] * t + u(10, 0, 2 * torch.pi)[:, None]
    y, x = y + circling[:, None] * angle.sin(), x + circling[:, None] * angle.cos()

    # grows, shrinks: from a small radius to a big one within the clip
    rise = (t / u(11, 1.3, 1.8)[:, None]).clamp(max=1)
    big, little = u(12, 0.20, 0.225)[:, None], u(13, 0.09, 0.11)[:, None]
    size = little + (big - little) * torch.where((act == GROWS)[:, None], rise, 1 - rise)
    ry = torch.where(growing[:, None] > 0, size, ry)
    rx = ry.clone()

    # bounces: parabolas between hits of the ground, a squash around each
    period = u(14, 0.85, 1.08)
    phase = t / period[:, None] + u(15)[:, None]
    beat = phase - phase.floor()
    height = (0.33 * (period / 1.08) ** 2)[:, None] * 4 * beat * (1 - beat)
    late = (torch.minimum(beat, 1 - beat) * period[:, None] / 0.08) ** 2
    squash = torch.exp(-late)
    bounce = (act == BOUNCES)[:, None]
    ry = torch.where(bounce, ry * (1 - 0.35 * squash), ry)
    rx = torch.where(bounce, rx * (1 + 0.25 * squash), rx)
    y = torch.where(bounce, hy - FLOOR - height - ry, y)
    hits = [[] if a != BOUNCES else
            [h for n in range(1, int(fmt.seconds / p) + 3) if 0 <= (h := (n - f) * p) < fmt.seconds]
            for a, p, f in zip(act.tolist(), period.tolist(), u(15).tolist())]

    # rides: to one side, and back again at the edge in a long film
    way = torch.where(dice.integers(k + 16)[:, 0] >= 2**31, 1.0, -1.0)
    span, v = 2 * hx - 2 * (WHEEL + 0.13), u(17, 0.18, 0.25)
    begin = u(18) * (span - 2 * v).clamp(min=0)
    reach = (begin[:, None] + v[:, None] * t) % (2 * span) if span > 0 else 0 * t
    reach = (torch.minimum(reach, 2 * span - reach) - span / 2) * way[:, None]
    wheels = hy - 0.04 - u(19, 0.0, 2 * hy - 0.05 - SADDLE - 0.345)
    rides = (act == RIDES)[:, None]
    y = torch.where(rides, (wheels - SADDLE - r)[:, None], y)
    x = torch.where(rides, reach, x)
    saddle = torch.where(rides, (wheels - SADDLE)[:, None], torch.nan)

    # passes behind a wall: wholly hidden for four frames of an eighth of a second, or more
    v = u(20, 0.355, 0.375)
    width = 2 * r + v * (0.525 + knobs.hidden)
    edge = torch.stack([-width / 2, width / 2], 1) + u(21, -0.01, 0.01)[:, None]
    begin = width / 2 + r - 0.025 + u(22, 0, 0.01)
    walk = ((v[:, None] * t - begin[:, None]).minimum(begin[:, None])) * way[:, None]
    passes = (act == PASSES)[:, None]
    x = torch.where(passes, walk, x)
    wall = torch.where(passes, edge, torch.nan)
    seen = torch.where(passes, clear_share(x, rx, wall), 1.0)
    named_size = torch.isin(act, torch.tensor([g.ACTIONS.index(a) for a in g.SIZED])) & ~two
    return {
        "size": torch.where(named_size, large.long(), -1),
        "speed": torch.where(moves, quick.long(), -1),
        "position": torch.stack([y, x], -1), "radius": torch.stack([ry, rx], -1),
        "visible": seen, "events": hits, "wall": wall,
        "saddle": torch.stack([saddle.expand_as(x), x + saddle * 0], -1),
    }


def clear_share(x: Tensor, rx: Tensor, wall: Tensor) -> Tensor:
    """Share of an actor's width that stands clear of a wall: x, rx (B, F), wall (B, 2) -> (B, F)"""
    overlap = torch.minimum(x + rx, wall[:, 1:]) - torch.maximum(x - rx, wall[:, :1])
    return 1 - (overlap / (2 * rx)).clamp(0, 1)


# ---------------------------------------------------------------- how it is told


def _caption(full: g.Description, dice: list[float], knobs: Knobs) -> str:
    """Choose a phrasing, and which words to leave out."""
    drop = [d > knobs.richness * (1 - p) for d, p in zip(dice, (0.15, 0.1, 0.3, 0.2, 0.1, 0.04))]
    actors = tuple(
        replace(actor,
                colour=None if drop[0] and len(full.actors) == 1 else actor.colour,
                shape=None if drop[1] and len(full.actors) == 1 else actor.shape,
                size=None if drop[2] else actor.size, speed=None if drop[3] else actor.speed,
                action=None if drop[5] and len(full.actors) == 1 else actor.action)
        for actor in full.actors
    )
    told = g.Description(actors, None if drop[4] else full.place)
    phrasings = g.PHRASINGS_FOR_TWO if len(actors) == 2 else \
        g.PHRASINGS if knobs.phrasings == "train" else g.HELD_OUT_PHRASINGS
    return g.say(told, phrasings[int(dice[6] * len(phrasings))])


# ---------------------------------------------------------------- the film


def script(seeds: Tensor, fmt: ClipFormat = ClipFormat(), knobs: Knobs = Knobs()):
    """Everything but the pixels: (captions, Truth) of the clips with these seeds (B,)."""
    seeds = torch.as_tensor(seeds)
    dice = Dice(seeds % knobs.distinct if knobs.distinct else seeds)
    cast = _cast(dice, knobs)
    one, two = (_film_actor(dice, i, cast, fmt, knobs) for i in range(2))
    both = {n: torch.stack([one[n], two[n]], 1) for n in
            ("size", "speed", "position", "radius", "visible")}
    who = {n: torch.stack([cast[n + "0"], cast[n + "1"]], 1) for n in ("shape", "colour", "action")}
    both["visible"] = both["visible"] * (who["shape"] >= 0)[:, :, None]
    both["size"][who["shape"] < 0] = both["speed"][who["shape"] < 0] = -1
    scene = Scene(who["shape"], who["colour"], cast["place"], both["position"], both["radius"],
                  one["saddle"], one["wall"])
    events = [sorted(a + (b if t else [])) for a, b, t in
              zip(one["events"], two["events"], cast["two"].tolist())]
    truth = Truth(**who, **both, place=cast["place"], events=events, scene=scene)
    dice = torch.stack([dice.uniform(300 + n) for n in range(7)], 1).tolist()
    return [_caption(truth.describe(b), dice[b], knobs) for b in range(len(seeds))], truth


def film(seeds: Tensor | list[int], fmt: ClipFormat = ClipFormat(), knobs: Knobs = Knobs(),
         device: str | torch.device = "cpu") -> Clip:
    """Film the clips with these seeds (B,): video, caption and truth, the same on every machine."""
    captions, truth = script(seeds, fmt, knobs)
    scene = Scene(*(getattr(truth.scene, f.name).to(device) for f in fields(Scene)))
    return Clip(paint(scene, fmt, knobs.style), None, captions, truth, fmt.fps)
