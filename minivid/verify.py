"""The judge: reads a clip back into words, tracks and events, and holds it against a caption.

Analysis by synthesis. `pixels` explains every pixel by what the world can hold, `shapes` and
`track` make actors of them, `motion` finds how the world's actors could have moved so; whatever is
left over (`leftover`) counts against the clip. `hear` reads the sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations

import torch

from . import grammar as g
from . import leftover, motion, pixels, track
from .hear import Hearing, hear

Tensor = torch.Tensor
OPEN = 0.03  # share of a face's area that an open mouth takes; that of an i takes 0.07
TOO_MUCH = 0.3  # share of the picture left unexplained at which a clip is called unreadable


@dataclass
class Reading:
    """What is in one clip. Lengths in short sides of the frame from its centre, as (y, x).

    description: all words that could be read, None where the clip is unreadable; a word that
    could not be read is None. position, radius: (A, F, 2), A actors from left to right; visible:
    (A, F) bool; position is NaN where one should be seen and is not. wall: its left and right
    edge. presence: share of the frames in which an actor should be seen and is. extras: frames
    with more in them than the description. switches: how often a shape or colour changes.
    smoothness: mean size of the third difference of the tracks, per frame cubed. residual: root
    mean square distance of the actors from their fitted paths. events: per actor the seconds at
    which it hits the ground, between frames too. lips: (F,) the area of a face's open mouth, as a
    share of the face's; empty where there is none. heard: what `hear` made of the sound, if any.
    """

    description: g.Description | None
    position: Tensor
    radius: Tensor
    visible: Tensor
    wall: tuple[float, float] | None = None
    bicycle: bool = False
    presence: float = 0.0
    extras: int = 0
    switches: int = 0
    smoothness: float = 0.0
    residual: float = 0.0
    events: list[list[float]] = field(default_factory=list)
    lips: Tensor = field(default_factory=lambda: torch.zeros(0))
    heard: Hearing | None = None


def read(video: Tensor, fps: float = 8, chunk: int = 16, audio: Tensor | None = None,
         rate: int = 8000) -> list[Reading]:
    """Read B clips: video (B, 3, F, H, W) in [-1, 1], and if there is one their sound (B, S) at
    `rate` Hz. Any size, aspect and length."""
    with torch.inference_mode():
        parts = video.detach().float().cpu().nan_to_num(9.0).split(chunk)
        readings = [reading for part in parts for reading in _read(part, fps)]
    for reading, heard in zip(readings, [] if audio is None else hear(audio, rate)):
        reading.heard = heard
    return readings


def _read(video: Tensor, fps: float) -> list[Reading]:
    _, _, frames, height, width = video.shape
    side = min(height, width)
    t = torch.arange(frames) / fps
    seen = pixels.explain(video)
    walls = pixels.find_walls(seen)
    actors = track.find_actors(seen, walls)
    saddle = track.find_bicycles(seen)
    left = leftover.unexplained(video, seen, actors, saddle, walls)  # (B, F)
    moves = motion.fit_motion(actors.position, actors.radius, actors.visible, t)
    extras = (left > max(0.0045, 4 / side**2)).sum(1)
    readable = left.mean(1) * side**2 / (height * width) < TOO_MUCH
    riding = (~saddle[..., 0].isnan()).float().mean(1) > 0.7
    readings = []
    for clip, place in enumerate(seen.place.tolist()):
        rows = (actors.clip == clip).nonzero()[:, 0].tolist()
        wall = None if walls[clip, 0].isnan() else tuple(walls[clip].tolist())
        for row in rows:
            if actors.shape[row] == g.FACE:
                says = moves.action[row] == g.STILL and actors.lips[row].amax() > OPEN
                moves.action[row] = g.SAYS if says else -1
            if wall or riding[clip]:
                _beside(actors, moves, row, wall, saddle[clip], t)
        who = tuple(_actor(actors, moves, row) for row in rows)
        missing, visible = actors.missing[rows], actors.visible[rows]
        if riding[clip]:
            missing = missing | saddle[clip, :, 0].isnan()
        should = (missing | visible).sum()
        position = actors.position[rows].masked_fill(actors.missing[rows][..., None], torch.nan)
        jerk = position.diff(n=3, dim=1).norm(dim=-1).nanmean() if frames > 3 else torch.tensor(0.0)
        misfit = moves.misfit[rows].amax() if rows else torch.tensor(0.0)
        readings.append(Reading(
            g.Description(who, g.PLACES[place]) if readable[clip] else None,
            position, actors.radius[rows], visible, wall, bool(riding[clip]),
            presence=float((visible & ~missing).sum() / should) if should else 0.0,
            extras=int(extras[clip]), switches=int(actors.switches[rows].sum()),
            smoothness=float(jerk.nan_to_num()), residual=float(misfit.nan_to_num()),
            events=[motion.hits(moves, row, float(t[-1])) for row in rows],
            lips=next((actors.lips[row] for row in rows if actors.shape[row] == g.FACE), t[:0]),
        ))
    return readings


def _beside(actors: track.Actors, moves: motion.Motion, row: int, wall, saddle: Tensor,
            t: Tensor) -> None:
    """Beside a wall, or on a bicycle, an actor does what these are for, or nothing known."""
    position, visible = actors.position[row], actors.visible[row]
    if wall:
        ok, moves.misfit[row] = motion.passes(position[:, 1], visible, wall, t)
        moves.action[row] = g.PASSES if ok else -1
    else:
        seat = position + actors.radius[row] * torch.tensor([1.0, 0.0])
        ok = motion.rides(seat.masked_fill(~visible[:, None], torch.nan), saddle, t)
        moves.action[row] = g.RIDES if ok else -1


def _actor(actors: track.Actors, moves: motion.Motion, row: int) -> g.Actor:
    """One actor in words."""
    action = int(moves.action[row])
    name = g.ACTIONS[action] if action >= 0 else None
    size = actors.radius[row][actors.visible[row]].prod(-1).sqrt()
    size = float(size.quantile(0.6)) if len(size) else 0.0
    return g.Actor(
        g.SHAPES[actors.shape[row]] if actors.shapely[row] else None,
        g.COLOURS[actors.colour[row]], name,
        g.SIZES[int(size > motion.LARGE)] if name is None or name in g.SIZED else None,
        g.SPEEDS[int(abs(moves.speed[row]) > motion.QUICK)] if name in g.MOVES else None,
    )


# ---------------------------------------------------------------- against a caption

PARTS = ("actor", "colour", "size", "action", "speed", "place", "count",
         "presence", "no extras", "no switches")
_WORDS = {"actor": "shape", **{word: word for word in ("colour", "size", "action", "speed")}}


@dataclass
class Scores:
    """Which parts of each caption came true: parts[name][clip] is True, False, or None where the
    caption does not name it; together[clip]: all that is named, the actors there in every frame
    they should be, and nothing else. swapped: two actors wear each other's colours."""

    parts: dict[str, list[bool | None]]
    together: list[bool]
    swapped: list[bool]

    def rate(self, part: str = "together") -> float:
        """Share of clips in which a part is right, of those in which it is named (NaN: none)."""
        told = [
            x for x in (self.together if part == "together" else self.parts[part]) if x is not None
        ]
        return sum(told) / len(told) if told else float("nan")


def score(readings: list[Reading], captions: list[str | g.Description]) -> Scores:
    """Hold each reading against its caption (or `Description`), part by part and all together.

    Which of two actors is which is not told, so the better assignment counts. In clips of under
    nine frames nobody can be sure what is done, so action and speed are not judged.
    """
    parts, together, swapped = {name: [] for name in PARTS}, [], []
    for reading, caption in zip(readings, captions, strict=True):
        asked = g.parse(caption) if isinstance(caption, str) else caption
        found, swap = _compare(reading, asked)
        for name in PARTS:
            parts[name].append(found[name])
        together.append(all(ok is not False for ok in found.values()))
        swapped.append(swap)
    return Scores(parts, together, swapped)


def _match(asked: g.Actor, got: g.Actor | None) -> dict[str, bool | None]:
    """Word by word: None where not asked for."""
    return {part: None if getattr(asked, word) is None else
            got is not None and getattr(asked, word) == getattr(got, word)
            for part, word in _WORDS.items()}


def _compare(reading: Reading, asked: g.Description) -> tuple[dict[str, bool | None], bool]:
    got = reading.description or g.Description(())
    slots = [*got.actors, *[None] * len(asked.actors)]
    best = max(([_match(a, b) for a, b in zip(asked.actors, order)]
                for order in permutations(slots, len(asked.actors))), key=_right)
    words = best
    found = {part: None if all(w[part] is None for w in words) else
             all(w[part] is not False for w in words) for part in _WORDS}
    if reading.visible.shape[-1] < 9:
        found["action"] = found["speed"] = None
    found["place"] = None if asked.place is None else asked.place == got.place
    found["count"] = len(asked.actors) == len(got.actors)
    found["presence"] = reading.presence == 1 and reading.description is not None
    found["no extras"] = reading.extras == 0 and reading.description is not None
    found["no switches"] = reading.switches == 0 and reading.description is not None
    return found, _swapped(asked.actors, got.actors)


def _right(words: list[dict[str, bool | None]], leave_out: str = "") -> int:
    return sum(ok is True for w in words for part, ok in w.items() if part != leave_out)


def _swapped(asked: tuple[g.Actor, ...], got: tuple[g.Actor, ...]) -> bool:
    """Told apart by everything but colour, do two actors wear each other's colours?"""
    if len(asked) != 2 or len(got) != 2 or asked[0].colour == asked[1].colour:
        return False
    orders = [[_match(a, b) for a, b in zip(asked, order)] for order in (got, got[::-1])]
    kept, crossed = (_right(words, "colour") for words in orders)
    if kept == crossed:
        return False
    order = got if kept > crossed else got[::-1]
    return [a.colour for a in asked] == [a.colour for a in order[::-1]]


@dataclass(frozen=True)
class Part:
    """One part of what is asked of a clip: whether it came true, and what was asked and found."""

    name: str
    right: bool
    words: str = ""


def parts(reading: Reading, caption: str | g.Description) -> list[Part]:
    """What was asked for and what is there, part by part; last whether all of it is right."""
    asked = g.parse(caption) if isinstance(caption, str) else caption
    if reading.description is None:
        return [Part("unreadable", False, "more of the picture is strange than can be explained"),
                Part("picture", False, "all together")]
    found, swap = _compare(reading, asked)
    got = reading.description

    def told(actors, part, otherwise):
        words = [getattr(a, _WORDS[part]) or otherwise for a in actors]
        return " and ".join(words) or "nobody"

    words = {part: f"asked {told(asked.actors, part, 'any')}, "
                   f"found {told(got.actors, part, 'none known')}" for part in _WORDS} | {
        "place": f"asked {asked.place}, found {got.place}",
        "count": f"asked {len(asked.actors)}, found {len(got.actors)}",
        "presence": f"seen in {reading.presence:.0%} of the frames it should be in",
        "no extras": f"{reading.extras} frames with something more in them",
        "no switches": f"shape or colour changes {reading.switches} times",
    }
    out = [Part(part, ok, words[part]) for part, ok in found.items() if ok is not None]
    if swap:
        out.append(Part("own colours", False, "the two actors wear each other's"))
    return [*out, Part("picture", all(part.right for part in out), "all together")]


def report(parts: list[Part]) -> str:
    """Parts in plain words: a line each, "ok" or "x" first."""
    return "\n".join(f"{'ok' if part.right else 'x':<3} {part.name:<12} {part.words}".rstrip()
                     for part in parts)
