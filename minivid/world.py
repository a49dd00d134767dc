"""The world the clips are filmed in: from a seed to a clip, its caption, and the whole truth.

Every draw is an integer hash of (seed, field), so a seed gives the same truth and caption on
every machine, in a batch of any size. `acting` moves the actors, `paint` draws them, `speech` moves
their lips, `sounds` makes it heard, `grammar` has the words.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch

from . import grammar as g
from .acting import Role, act
from .dice import Dice
from .errors import FormatError
from .paint import ClipFormat, Scene, paint
from .sounds import NOTES, RING, ambience, lay, strike, tick
from .speech import Speech, mouth, speech, voice

Tensor = torch.Tensor
KNOWN = {"split": ("train", "pairs", "triples", "all"), "cast": ("any", "one", "two"),
         "shapes": g.SHAPES[: g.FACE], "colours": g.COLOURS, "actions": g.ACTIONS,
         "places": g.PLACES, "phrasings": ("train", "held out"), "style": ("flat", "ink")}


@dataclass(frozen=True)
class Knobs:
    """What a lesson may turn: how much captions tell, how many distinct clips, and so on.

    What stands in `shapes`, `colours`, `actions` or `places` twice is taken twice as often; "says",
    of the face, stands there only if asked for. Raises `FormatError` for values that cannot be.
    """

    split: str = "train"  # "train", "pairs" or "triples" never seen in training, "all"
    cast: str = "any"  # "any" (a quarter have two actors), "one", "two"
    richness: float = 1.0  # 1: captions as in training; 0: they tell nothing ("something")
    distinct: int | None = None  # that many different clips, again and again
    hidden: float = 0.0  # seconds more behind the wall (needs a wide enough frame)
    shapes: tuple[str, ...] = g.SHAPES[: g.FACE]
    colours: tuple[str, ...] = g.COLOURS
    actions: tuple[str, ...] = g.WORDLESS
    places: tuple[str, ...] = g.PLACES
    phrasings: str = "train"  # or "held out"
    style: str = "flat"  # or "ink"

    def __post_init__(self):
        for name, known in KNOWN.items():
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if one not in known:
                    raise FormatError(f"{name} is {one!r}; it can be {', '.join(known)}.")
        lists = (self.shapes, self.colours, self.actions, self.places)
        if not all(lists) or not 0 <= self.richness <= 1:
            raise FormatError("Knobs need one or more shapes, colours, actions and places, and a "
                              "richness from 0 to 1.")


@dataclass
class Truth:
    """All that is so in B clips. Lengths in short sides of the frame from its centre, as (y, x).

    shape, colour, action, size, speed: (B, 2) indices into grammar's lists, -1 for none;
    place (B,); position, radius (B, 2, F, 2); visible (B, 2, F) in [0, 1], the share not hidden;
    events: for each clip and actor the seconds at which it hits the ground; ticks: for each clip
    those of a bicycle; speech: what a face says, and when; scene: what was drawn.
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
    events: list[list[list[float]]]
    ticks: list[list[float]]
    speech: Speech
    scene: Scene

    def describe(self, b: int) -> g.Description:
        """Clip b in words, everything told."""
        def word(words, i):
            return words[i] if i >= 0 else None

        said = tuple(g.SYLLABLES[s] for s in self.speech.said[b].tolist() if s >= 0) or None
        actors = tuple(
            g.Actor(g.SHAPES[self.shape[b, a]], g.COLOURS[self.colour[b, a]],
                    g.ACTIONS[self.action[b, a]], word(g.SIZES, int(self.size[b, a])),
                    word(g.SPEEDS, int(self.speed[b, a])), None if a else said)
            for a in range(2) if self.shape[b, a] >= 0
        )
        return g.Description(actors, g.PLACES[self.place[b]])


@dataclass
class Clip:
    """B clips: video (B, 3, F, H, W) in [-1, 1], audio (B, S) or None, captions, truth or None.

    Without a video they are only staged.
    """

    video: Tensor | None
    audio: Tensor | None
    caption: list[str]
    truth: Truth | None
    fps: int = 8


# ---------------------------------------------------------------- who does what, where


def _novel_tables() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Held-out (colour, shape), (shape, action), (shape, action, place) and three syllables, as
    tables of bool."""
    shapes, actions = len(g.SHAPES), len(g.ACTIONS)
    dressed = torch.zeros(6, shapes, dtype=torch.bool)
    doing = torch.zeros(shapes, actions, dtype=torch.bool)
    triple = torch.zeros(shapes, actions, 4, dtype=torch.bool)
    saying = torch.zeros(6, 6, 6, dtype=torch.bool)
    for one, other in g.HELD_OUT_PAIRS:
        if one in g.COLOURS:
            dressed[g.COLOURS.index(one), g.SHAPES.index(other)] = True
        else:
            doing[g.SHAPES.index(one), g.ACTIONS.index(other)] = True
    for s, a, p in g.HELD_OUT_TRIPLES:
        triple[g.SHAPES.index(s), g.ACTIONS.index(a), g.PLACES.index(p)] = True
    for said in g.HELD_OUT_SAYINGS:
        saying[tuple(g.SYLLABLES.index(s) for s in said)] = True
    return dressed, doing, triple, saying


DRESSED, ACTING, TRIPLE, SAYING = _novel_tables()


def _cast(dice: Dice, knobs: Knobs) -> dict[str, Tensor]:
    """Draw actors and places: of many independent draws the first one that the split allows."""
    rounds = 32 if knobs.split in ("train", "all") else 256

    def one_of(field: int, words: tuple[str, ...], known: tuple[str, ...]) -> Tensor:
        among = torch.tensor([known.index(word) for word in words])
        return among[dice.choice(field, len(words), rounds)]  # (B, rounds)

    two = dice.integers(0)[:, 0] < 2**30 if knobs.cast == "any" else \
        torch.full((len(dice.seeds),), knobs.cast == "two")
    paired = tuple(a for a in knobs.actions if a in g.PAIRED)
    if knobs.cast != "one" and not paired:
        raise FormatError(f"Two actors can only be among: {', '.join(g.PAIRED)}.")
    place = one_of(1, knobs.places, g.PLACES)
    draw = {"place": place}
    for i in range(2):
        shape = one_of(10 + i, knobs.shapes, g.SHAPES)
        colour = one_of(20 + i, knobs.colours, g.COLOURS)
        alone = one_of(30 + i, knobs.actions, g.ACTIONS)
        if paired:
            alone = torch.where(two[:, None], one_of(40 + i, paired, g.ACTIONS), alone)
        shape = torch.where(alone == g.SAYS, g.FACE, shape)
        draw |= {f"shape{i}": shape, f"colour{i}": colour, f"action{i}": alone}
    said = torch.stack([dice.choice(60 + n, 6, rounds) for n in range(3)], -1)  # (B, rounds, 3)
    three = dice.choice(63, 4, rounds) > 0  # or two of them
    pair = [DRESSED[draw[f"colour{i}"], draw[f"shape{i}"]]
            | ACTING[draw[f"shape{i}"], draw[f"action{i}"]] for i in range(2)]
    triple = [TRIPLE[draw[f"shape{i}"], draw[f"action{i}"], place] for i in range(2)]
    speaks = draw["action0"] == g.SAYS
    triple[0] |= speaks & three & SAYING[said.unbind(-1)]
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
    said[..., 2].masked_fill_(~three, -1)
    said = said.masked_fill(~speaks[..., None], -1)
    return out | {"two": two, "said": said[torch.arange(len(said)), first[:, 0]]}


# ---------------------------------------------------------------- how it is told


def _caption(full: g.Description, dice: list[float], knobs: Knobs) -> str:
    """Choose a phrasing, and which words to leave out."""
    drop = [d > knobs.richness * (1 - p) for d, p in zip(dice, (0.15, 0.1, 0.3, 0.2, 0.1, 0.04))]
    actors = tuple(
        replace(actor,
                colour=None if drop[0] and len(full.actors) == 1 else actor.colour,
                shape=None if drop[1] and len(full.actors) == 1 else actor.shape,
                size=None if drop[2] else actor.size, speed=None if drop[3] else actor.speed,
                action=None if drop[5] and len(full.actors) == 1 else actor.action,
                says=None if drop[5] else actor.says)
        for actor in full.actors
    )
    told = g.Description(actors, None if drop[4] else full.place)
    phrasings = g.PHRASINGS_FOR_TWO if len(actors) == 2 else \
        g.PHRASINGS if knobs.phrasings == "train" else g.HELD_OUT_PHRASINGS
    return g.say(told, phrasings[int(dice[6] * len(phrasings))])


# ---------------------------------------------------------------- the film


def script(seeds: Tensor, fmt: ClipFormat = ClipFormat(), knobs: Knobs = Knobs()):
    """Everything but the pixels: (captions, Truth) of the clips with these seeds (B,).

    Raises `FormatError` for knobs that allow no clip.
    """
    seeds = torch.as_tensor(seeds)
    dice = Dice(seeds % knobs.distinct if knobs.distinct else seeds)
    cast = _cast(dice, knobs)
    one, two = (act(Role(dice, i, cast[f"action{i}"], cast["two"], fmt), knobs.hidden)
                for i in range(2))
    both = {n: torch.stack([one[n], two[n]], 1) for n in
            ("size", "speed", "position", "radius", "visible")}
    who = {n: torch.stack([cast[n + "0"], cast[n + "1"]], 1) for n in ("shape", "colour", "action")}
    both["visible"] = both["visible"] * (who["shape"] >= 0)[:, :, None]
    both["size"][who["shape"] < 0] = both["speed"][who["shape"] < 0] = -1
    said = speech(cast["said"], dice)
    scene = Scene(who["shape"], who["colour"], cast["place"], both["position"], both["radius"],
                  one["saddle"], one["wall"], mouth(said, fmt.times()))
    events = [[a, b] if t else [a] for a, b, t in
              zip(one["events"], two["events"], cast["two"].tolist())]
    truth = Truth(**who, **both, place=cast["place"], events=events, ticks=one["ticks"],
                  speech=said, scene=scene)
    dice = torch.stack([dice.uniform(300 + n) for n in range(7)], 1).tolist()
    return [_caption(truth.describe(b), dice[b], knobs) for b in range(len(seeds))], truth


def sound_of(truth: Truth, seeds: Tensor, fmt: ClipFormat = ClipFormat()) -> Tensor:
    """What is heard in clips with these seeds (B,): (B, S) in [-1, 1], on the CPU.

    Struck tones at the moments of contact, as high as the actor's colour says (two in a clip differ
    in it); the place; the ticks of a bicycle; the voice of a face.
    """
    samples, rate = round(fmt.seconds * fmt.sample_rate), fmt.sample_rate
    out = ambience(truth.place, Dice(seeds), samples, rate)
    hits = [(b, at, NOTES[truth.colour[b, a]]) for b, actors in enumerate(truth.events)
            for a, times in enumerate(actors) for at in times]
    ticks = [(b, at) for b, times in enumerate(truth.ticks) for at in times]
    if hits:
        clip, at, hertz = (torch.tensor(x) for x in zip(*hits))
        lay(out, clip, at.double(), rate, RING, lambda t: strike(t, hertz))
    if ticks:
        clip, at = (torch.tensor(x) for x in zip(*ticks))
        lay(out, clip, at.double(), rate, 0.03, tick)
    speaks = truth.speech.said[:, 0] >= 0
    if speaks.any():
        some = Speech(*(getattr(truth.speech, f.name)[speaks] for f in fields(Speech)))
        out[speaks] += voice(some, samples, rate)
    return out


def staged(seeds: Tensor | list[int], fmt: ClipFormat = ClipFormat(), knobs: Knobs = Knobs(),
           sound: bool = True) -> Clip:
    """The clips with these seeds (B,) before they are painted: all but the video, on the CPU."""
    captions, truth = script(seeds, fmt, knobs)
    seeds = torch.as_tensor(seeds)
    seeds = seeds % knobs.distinct if knobs.distinct else seeds
    return Clip(None, sound_of(truth, seeds, fmt) if sound else None, captions, truth, fmt.fps)


def painted(clip: Clip, fmt: ClipFormat, style: str, device: str | torch.device) -> Clip:
    """A staged clip with its video, on the device that paints it."""
    scene = clip.truth.scene
    scene = Scene(*(getattr(scene, f.name).to(device) for f in fields(Scene)))
    audio = None if clip.audio is None else clip.audio.to(device)
    return replace(clip, video=paint(scene, fmt, style), audio=audio)


def film(seeds: Tensor | list[int], fmt: ClipFormat = ClipFormat(), knobs: Knobs = Knobs(),
         device: str | torch.device = "cpu", sound: bool = True) -> Clip:
    """Film the clips with these seeds (B,): video, sound if wanted, caption and truth, the same on
    every machine."""
    return painted(staged(seeds, fmt, knobs, sound), fmt, knobs.style, device)
