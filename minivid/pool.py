"""Which clips are trained on, and clips encoded once: what text and transformer learn from."""

from __future__ import annotations

import os
from dataclasses import replace

import torch
from torch.utils.data import DataLoader, Dataset

from . import grammar as g
from .audio import SoundAutoencoder
from .autoencoder import Autoencoder
from .paint import ClipFormat
from .presets import Preset
from .train import autocast
from .world import Clip, Knobs, painted, staged

Tensor = torch.Tensor
UNSEEN = 1 << 40  # seeds from here on are never trained on
# What is hardest to learn is shown more often than what is easy.
HARDER = {g.CIRCLES: 5, g.PASSES: 5, g.BOUNCES: 2, g.RIDES: 2, g.SHRINKS: 2}
TAUGHT = Knobs(actions=tuple(a for n, a in enumerate(g.WORDLESS) for _ in range(HARDER.get(n, 1))))
HEARD = (g.ACTIONS[g.SAYS],) * 6 + (g.ACTIONS[g.BOUNCES],) * 4  # more often where there is sound


def taught(preset: Preset) -> Knobs:
    """Of what kind the clips are that a preset's networks learn from: faces speak only where it can
    be heard."""
    actions = TAUGHT.actions + HEARD if preset.sound else TAUGHT.actions
    return replace(TAUGHT, cast=preset.cast, actions=actions)


def first_seed(seed: int) -> int:
    """The first clip seed of a training with that seed: with seeds below 2^16, trainings share no
    clips."""
    return (seed * 7_919 << 24) % UNSEEN


def seeds_for(step: int, batch: int, seed: int) -> Tensor:
    """Clip seeds of a step: a function of seed, step and place in the batch, all below UNSEEN."""
    return first_seed(seed) + step * batch + torch.arange(batch)


class Stages(Dataset):
    """Clips with these seeds (n,), 64 at a time, all but their pixels."""

    def __init__(self, seeds: Tensor, fmt: ClipFormat, knobs: Knobs, sound: bool):
        self.parts, self.kind = seeds.split(64), (fmt, knobs, sound)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, n: int) -> Clip:
        return staged(self.parts[n], *self.kind)


class Pool:
    """Clips as tokens with their captions, encoded once; their sound too where `ear` is given.

    The clips are of the kind `knobs`, or as the preset's networks are taught.
    """

    def __init__(self, autoencoder: Autoencoder, ear: SoundAutoencoder | None, preset: Preset,
                 fmt: ClipFormat, seeds: Tensor, device, progress=None,
                 knobs: Knobs | None = None):
        self.packing, tokens, self.captions = preset.packing(fmt, ear is not None), [], []
        knobs = knobs or taught(preset)
        stages = Stages(seeds, fmt, knobs, sound=ear is not None)
        # a GPU paints and encodes faster than one process writes scripts and sounds for it
        helpers = min(len(stages), os.cpu_count()) if torch.device(device).type == "cuda" else 0
        for stage in DataLoader(stages, batch_size=None, num_workers=helpers):
            clip = painted(stage, fmt, knobs.style, device)
            with torch.no_grad(), autocast(device):
                latents = autoencoder.encode(clip.video)
                sound = ear.encode(clip.audio) if ear else None
            tokens.append(self.packing.pack(latents, sound).to(torch.float16))
            self.captions += clip.caption
            if progress:
                progress(len(clip.caption))
        self.tokens = torch.cat(tokens)  # (n, N, D)

    def __len__(self) -> int:
        return len(self.captions)


def pools(preset: Preset, autoencoder: Autoencoder, ear: SoundAutoencoder | None, seed: int, device,
          size: int, progress=None) -> list[Pool]:
    """One pool an aspect: half of the clips in the first, the rest shared among the others."""
    aspects = preset.aspects
    sizes = [size] if len(aspects) == 1 else \
        [size // 2] + [size // 2 // (len(aspects) - 1)] * (len(aspects) - 1)
    start, out = first_seed(seed), []
    for (height, width), n in zip(aspects, sizes):
        seeds = start + torch.arange(n)
        out.append(Pool(autoencoder, ear, preset, preset.format(height, width), seeds, device,
                        progress))
        start += n
    return out


def aspect_of(pools: list[Pool], step: int) -> Pool:
    """Half of the steps take the first aspect, the other half the others in turn."""
    odd = step % 2 == 1 and len(pools) > 1
    return pools[1 + step // 2 % (len(pools) - 1)] if odd else pools[0]


def draw(pools: list[Pool], step: int, batch: int, dice: torch.Generator) -> tuple[Pool, Tensor]:
    """The pool of a step, and some of its rows at random, (batch,)."""
    pool = aspect_of(pools, step)
    return pool, torch.randint(len(pool), (batch,), generator=dice)
