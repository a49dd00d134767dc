"""Many films: made in batches, read back from files, or put through the autoencoders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from . import decode, media, verify
from .generate import Machine, generate
from .paint import ClipFormat
from .world import Clip

Tensor = torch.Tensor
BATCH = 16  # films made together
PART = 64  # films kept in memory until they are read


def joined(parts: list[Tensor | None]) -> Tensor | None:
    """Batches one after the other; None where films are silent."""
    return None if parts[0] is None else torch.cat(parts)


def make_all(machine: Machine, prompts: list[str], seed: int, fmt: ClipFormat,
             tick: Callable[[int], None] | None = None, beginning: Tensor | None = None,
             audio: Tensor | None = None, **options) -> Clip:
    """One film a prompt; `beginning` and `audio` hold what is given of each, as for `generate`."""
    clips = []
    for at in range(0, len(prompts), BATCH):
        part = slice(at, at + BATCH)
        given = {name: x[part] for name, x in (("beginning", beginning), ("audio", audio))
                 if x is not None}
        clips.append(generate(machine, prompts[part], seed + at, fmt=fmt, **given, **options))
        if tick:
            tick(len(prompts[part]))
    return Clip(torch.cat([clip.video for clip in clips]), joined([clip.audio for clip in clips]),
                prompts, None, fmt.fps)


def read_films(video: Tensor, fmt: ClipFormat, audio: Tensor | None = None) -> list[verify.Reading]:
    """What is seen, and heard if there is sound, in clips as they come back from files such as
    `minivid make` writes."""

    def through_a_file(n: int) -> tuple[Tensor, Tensor | None]:
        path = Path(folder) / f"{n}.mp4"
        media.write_film(path, video[n], fmt.fps, None if audio is None else audio[n],
                         fmt.sample_rate)
        film, _, sound, _ = decode.read_film(path)
        return film, sound

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        films, sounds = zip(*threads.map(through_a_file, range(len(video))))
    return verify.read(torch.cat(films), fmt.fps, audio=joined(sounds), rate=fmt.sample_rate)


def through_the_autoencoders(machine: Machine, fmt: ClipFormat, video: Tensor,
                             audio: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Clips (B, 3, F, H, W), and their sound (B, S) if given, encoded and decoded again."""
    packing, videos, sounds = machine.preset.packing(fmt, audio is not None), [], []
    for at in range(0, len(video), BATCH):
        part = slice(at, at + BATCH)
        tokens = machine.to_tokens(video[part], packing, None if audio is None else audio[part])
        videos.append(machine.to_video(tokens, packing))
        sounds.append(None if audio is None else machine.to_audio(tokens, packing))
    return torch.cat(videos), joined(sounds)
