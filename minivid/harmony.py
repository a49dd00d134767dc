"""How well made sound and picture fit: hits, pitch, place, syllables, lips; floor and ceiling."""

from __future__ import annotations

from dataclasses import replace

import torch

from . import grammar as g
from . import sync, verify
from .batches import PART, make_all, read_films, through_the_autoencoders
from .generate import Machine
from .paint import ClipFormat
from .pool import UNSEEN
from .world import Knobs, film

Tensor = torch.Tensor
BOUNCING = Knobs(actions=(g.ACTIONS[g.BOUNCES],))
SPEAKING = Knobs(cast="one", actions=(g.ACTIONS[g.SAYS],))
# what is made, for what is given of the real clip
WAYS = {"both at once": (), "sound for a picture": ("beginning",),
        "picture for a sound": ("audio",)}


def figures(readings: list[verify.Reading], captions: list[str], fmt: ClipFormat) -> dict:
    """How picture and sound of these clips fit each other, and the sound its caption."""
    pairs = [sync.compare(r, r.heard, fmt.fps, fmt.seconds) for r in readings]
    return sync.pooled(pairs) | sync.told(readings, captions)


def exchanged(readings: list[verify.Reading], by: int = 1) -> list[verify.Reading]:
    """The same clips, each with the sound of the one `by` places on: how much fits by chance."""
    heard = [reading.heard for reading in readings]
    return [replace(r, heard=h) for r, h in zip(readings, heard[by:] + heard[:by])]


def row(machine: Machine, knobs: Knobs, n: int, seeds: list[int], given: tuple[str, ...],
        fmt: ClipFormat, tick=None, exchanges: int = 1, **options) -> dict[str, dict]:
    """Figures of made clips, of the same with exchanged sounds (floor), and of real ones, through
    the autoencoders too (ceilings): {"made": {...}, "floor": ..., "autoencoders": ..., "real": ...}

    Of few clips, let each be tried with the sounds of several others for the floor (`exchanges`).
    """
    parts = (UNSEEN + (1 << 21) + torch.arange(n)).split(PART)
    read, captions = {"autoencoders": [], "real": []}, []
    for part in parts:
        real = film(part, fmt, knobs)
        copy = through_the_autoencoders(machine, fmt, real.video, real.audio)
        read["autoencoders"] += read_films(copy[0], fmt, copy[1])
        read["real"] += read_films(real.video, fmt, real.audio)
        captions += real.caption
    made = []
    for seed in seeds:
        for at, part in enumerate(parts):
            real = film(part, fmt, knobs)
            known = {"beginning": real.video, "audio": real.audio}
            clip = make_all(machine, real.caption, seed * 100_003 + at * PART, fmt, tick,
                            **{name: known[name] for name in given}, **options)
            made += read_films(clip.video, fmt, clip.audio)
    out = {name: figures(readings, captions, fmt) for name, readings in read.items()}
    captions = captions * len(seeds)
    strangers = [reading for by in range(exchanges) for reading in exchanged(made, 1 + by)]
    return {"made": figures(made, captions, fmt),
            "floor": figures(strangers, captions * exchanges, fmt),
            **out, "asked": {"prompts": n, "seeds": len(seeds)}}


def rows() -> dict[str, dict]:
    """What is asked in each row of the table, as arguments of `row`: bounces made in three ways,
    faces, and all that clips with one actor do."""
    bounces = {f"bounces, {way}": {"knobs": BOUNCING, "given": given}
               for way, given in WAYS.items()}
    return bounces | {"faces": {"knobs": SPEAKING, "given": ()},
                      "all actions": {"knobs": Knobs(cast="one"), "given": ()}}


HEADS = {"f1": ("hits F1", "{:.3f}"), "offset_ms": ("mean ms", "{:+.1f}"),
         "abs_offset_ms": ("|ms|", "{:.1f}"), "pitch": ("pitch", "{:.1%}"),
         "place": ("place", "{:.1%}"), "syllables": ("syllables", "{:.1%}"),
         "lips": ("lips", "{:.2f}"), "lag_ms": ("lag ms", "{:+.0f}")}


def table(rows: dict[str, dict]) -> str:
    """The figures in columns; empty where there is nothing of it."""
    lines = [f"{'':44}" + "".join(f"{head:>11}" for head, _ in HEADS.values())]
    for name, parts in rows.items():
        for part in ("made", "floor", "autoencoders", "real"):
            cells = (form.format(parts[part][key]) if parts[part][key] is not None else ""
                     for key, (_, form) in HEADS.items())
            line = f"{name + ': ' + part:44}" + "".join(f"{cell:>11}" for cell in cells)
            lines.append(line.rstrip())
    return "\n".join(lines)
