"""Do picture and sound agree? Events seen against events heard, lips against the voice.

Offsets are sound minus picture: above 0, the sound comes late. `verify` sees, `hear` hears.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, median

import torch

from . import grammar as g
from .hear import HOP, Hearing
from .verify import Part, Reading

Tensor = torch.Tensor
REACH = 0.3  # seconds that lips and voice are shifted against each other, both ways


@dataclass
class Sync:
    """How picture and sound of one clip agree.

    seen, heard: how many events; offsets: seconds of each pair of them; pitches: whether its note
    is that of the actor; lips: correlation of the mouth as seen and as heard, and lag: seconds at
    which it is greatest (None where nobody speaks).
    """

    seen: int
    heard: int
    offsets: list[float]
    pitches: list[bool]
    lips: float | None = None
    lag: float | None = None


def compare(reading: Reading, hearing: Hearing, fps: float, seconds: float) -> Sync:
    """Hold what is seen and what is heard in a clip of `fps` frames and that many seconds against
    each other: the events of `paired`, whose notes are to be those of the actors, and the lips."""
    actors = reading.description.actors if reading.description else ()
    seen = [(at, actor.colour) for actor, times in zip(actors, reading.events) for at in times]
    heard = [(at, g.COLOURS[note]) for at, _, note in hearing.hits]
    sync = paired(seen, heard, fps, seconds)
    if len(reading.lips) and reading.lips.amax() > 0 and hearing.lips.amax() > 0:
        sync.lips, sync.lag = lip_sync(reading.lips, hearing.lips, fps)
    return sync


def paired(seen: list[tuple], heard: list[tuple], fps: float, seconds: float) -> Sync:
    """Hold events seen and heard, (seconds, what) each, against each other.

    A pair is at most half a frame apart. An event so near to the clip's start or end that its
    partner may lie beyond counts only as one of a pair.
    """
    near = 0.5 / fps
    pairs = match(seen, heard, near)

    def counted(events: list[tuple], partnered: set[int]) -> int:
        return sum(n in partnered or near <= at <= seconds - near
                   for n, (at, _) in enumerate(events))

    return Sync(counted(seen, {i for i, _ in pairs}), counted(heard, {j for _, j in pairs}),
                offsets=[heard[j][0] - seen[i][0] for i, j in pairs],
                pitches=[seen[i][1] == heard[j][1] for i, j in pairs])


def match(seen: list[tuple], heard: list[tuple], near: float) -> list[tuple[int, int]]:
    """Pairs of indices of (seconds, what), at most `near` apart, each used once: of the same
    actor first, then the nearest."""
    pairs, apart = [], sorted((what != other, abs(a - b), i, j) for i, (a, what) in enumerate(seen)
                              for j, (b, other) in enumerate(heard))
    for _, distance, i, j in apart:
        if distance <= near and all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def lip_sync(seen: Tensor, heard: Tensor, fps: float) -> tuple[float, float]:
    """Correlation of a mouth as seen (F,) and as heard (T, every HOP seconds), and the lag in
    seconds at which it is greatest, to a part of a frame."""
    times, lags = torch.arange(len(seen)) / fps, torch.arange(-REACH, REACH + HOP / 2, HOP)
    at = ((times + lags[:, None]) / HOP).round().long()  # (lags, F)
    inside = (at >= 0) & (at < len(heard))
    voice = heard[at.clamp(0, len(heard) - 1)] * inside
    mouth = seen.to(voice).expand_as(voice)
    pairs = torch.stack([voice, mouth], 1)
    pairs = pairs - pairs.mean(-1, keepdim=True)
    product, sizes = pairs.prod(1).sum(-1), pairs.square().sum(-1)
    alike = product / sizes.prod(1).sqrt().clamp(min=1e-9)
    now = alike[len(lags) // 2]
    return float(now), float(lags[alike.argmax()])


def pooled(syncs: list[Sync]) -> dict[str, float | None]:
    """Of many clips, those with events together: F1, signed mean and median absolute offset in
    milliseconds, share of right pitches; and of those with a voice the mean correlation of the
    lips and median lag in milliseconds. None for what there is nothing of."""
    pairs = [1000 * x for sync in syncs for x in sync.offsets]
    pitches = [x for sync in syncs for x in sync.pitches]
    events = sum(sync.seen + sync.heard for sync in syncs)
    spoken = [sync for sync in syncs if sync.lips is not None]
    return {
        "f1": 2 * len(pairs) / events if events else None,
        "offset_ms": mean(pairs) if pairs else None,
        "abs_offset_ms": median(map(abs, pairs)) if pairs else None,
        "pitch": mean(pitches) if pitches else None,
        "lips": mean(sync.lips for sync in spoken) if spoken else None,
        "lag_ms": 1000 * median(sync.lag for sync in spoken) if spoken else None,
    }


def told(readings: list[Reading], captions: list[str]) -> dict[str, float | None]:
    """Shares of clips that sound as their captions say: the place, and the syllables in order.

    None for what no caption names.
    """
    asked = [g.parse(caption) for caption in captions]
    place = [r.heard.place == a.place for r, a in zip(readings, asked) if a.place]
    said = [r.heard.says == a.actors[0].says for r, a in zip(readings, asked) if a.actors[0].says]
    return {"place": mean(place) if place else None, "syllables": mean(said) if said else None}


def parts(reading: Reading, caption: str, fps: float, seconds: float) -> list[Part]:
    """What is heard, part by part, of all that can be said of this clip."""
    heard, asked = reading.heard, g.parse(caption)
    found, out = compare(reading, heard, fps, seconds), []
    if asked.place:
        out.append(Part("ambience", heard.place == asked.place,
                        f"asked {asked.place}, sounds {heard.place or 'like nothing known'}"))
    if found.seen or found.heard:
        apart = [f"{1000 * abs(x):.0f} ms {'after' if x > 0 else 'before'}" for x in found.offsets]
        when = f", the sound {', '.join(apart)} the picture" if apart else ""
        out.append(Part("hits", found.seen == found.heard == len(apart),
                        f"{found.seen} seen, {found.heard} heard{when}"))
    if found.pitches:
        out.append(Part("pitch", all(found.pitches), f"{sum(found.pitches)} of "
                        f"{len(found.pitches)} sound like the actor"))
    who = next((actor for actor in asked.actors if actor.says), asked.actors[0])
    said, free = who.says, {who.shape, who.action} <= {None, "face", "says"}
    if said or heard.says and not free:  # a face that may say anything is never wrong
        words = [" ".join(syllables or ()) or "none" for syllables in (said, heard.says)]
        out.append(Part("syllables", heard.says == (said or ()),
                        f"asked {words[0]}, heard {words[1]}"))
    if found.lips is not None:
        out.append(Part("lips", found.lips > 0.8, f"go with the voice at {found.lips:.2f} of 1"))
    return out
