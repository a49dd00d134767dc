"""How well made sound and picture fit: hits, pitch, place, syllables, lips; floor and ceiling."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from . import grammar as g
from . import media, sync, verify
from .generate import Machine, generate
from .paint import ClipFormat
from .pool import UNSEEN
from .world import Clip, Knobs, film

Tensor = torch.Tensor
BATCH = 16  # films made together
BOUNCING = Knobs(actions=(g.ACTIONS[g.BOUNCES],))
SPEAKING = Knobs(cast="one", actions=(g.ACTIONS[g.SAYS],))
# what is made, for what is given of the real clip
WAYS = {"both at once": (), "sound for a picture": ("beginning",),
        "picture for a sound": ("audio",)}


def through_a_file(clip: Clip, fmt: ClipFormat) -> list[verify.Reading]:
    """What is seen and heard in clips as they come back from files as `minivid make` writes."""

    def one(n: int) -> tuple[Tensor, Tensor]:
        path = Path(folder) / f"{n}.mp4"
        media.write_film(path, clip.video[n], fmt.fps, clip.audio[n], fmt.sample_rate)
        video, _, audio, _ = media.read_film(path)
        return video, audio

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as threads:
        films, sounds = zip(*threads.map(one, range(len(clip.video))))
    return verify.read(torch.cat(films), fmt.fps, audio=torch.cat(sounds), rate=fmt.sample_rate)


def figures(readings: list[verify.Reading], captions: list[str], fmt: ClipFormat) -> dict:
    """How picture and sound of these clips fit each other, and the sound its caption."""
    pairs = [sync.compare(r, r.heard, fmt.fps, fmt.seconds) for r in readings]
    return sync.pooled(pairs) | sync.told(readings, captions)


def exchanged(readings: list[verify.Reading]) -> list[verify.Reading]:
    """The same clips, each with the sound of the next: what chance alone makes fit."""
    heard = [reading.heard for reading in readings]
    return [replace(r, heard=h) for r, h in zip(readings, heard[1:] + heard[:1])]


def make(machine: Machine, real: Clip, seed: int, given: tuple[str, ...], fmt: ClipFormat,
         tick: Callable[[int], None] | None = None, **options) -> Clip:
    """Films for the captions of real clips, of which "beginning" (all frames) or "audio" is
    given."""
    videos, sounds = [], []
    for at in range(0, len(real.caption), BATCH):
        part = slice(at, at + BATCH)
        parts = {"beginning": real.video[part], "audio": real.audio[part]}
        made = generate(machine, real.caption[part], seed + at, fmt=fmt,
                        **{name: parts[name] for name in given}, **options)
        videos.append(made.video)
        sounds.append(made.audio)
        if tick:
            tick(len(made.video))
    return Clip(torch.cat(videos), torch.cat(sounds), real.caption, None, fmt.fps)


def through_the_autoencoders(machine: Machine, clip: Clip, fmt: ClipFormat) -> Clip:
    """Clips encoded and decoded again, picture and sound."""
    packing, videos, sounds = machine.preset.packing(fmt), [], []
    for video, audio in zip(clip.video.split(BATCH), clip.audio.split(BATCH)):
        tokens = machine.to_tokens(video, packing, audio)
        videos.append(machine.to_video(tokens, packing))
        sounds.append(machine.to_audio(tokens, packing))
    return Clip(torch.cat(videos), torch.cat(sounds), clip.caption, None, clip.fps)


def row(machine: Machine, knobs: Knobs, n: int, seeds: list[int], given: tuple[str, ...],
        fmt: ClipFormat, tick=None, **options) -> dict[str, dict]:
    """Figures of made clips, of the same with exchanged sounds (floor), and of real ones, through
    the autoencoders too (ceilings): {"made": {...}, "floor": ..., "autoencoders": ..., "real": ...}
    """
    real = film(UNSEEN + (1 << 21) + torch.arange(n), fmt, knobs)
    copies = {"autoencoders": through_the_autoencoders(machine, real, fmt), "real": real}
    out = {name: figures(through_a_file(copy, fmt), real.caption, fmt)
           for name, copy in copies.items()}
    made = []
    for seed in seeds:
        clip = make(machine, real, seed * 100_003, given, fmt, tick, **options)
        made += through_a_file(clip, fmt)
    captions = real.caption * len(seeds)
    return {"made": figures(made, captions, fmt), "floor": figures(exchanged(made), captions, fmt),
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
            lines.append(f"{name + ': ' + part:44}" + "".join(f"{cell:>11}" for cell in cells))
    return "\n".join(lines)
