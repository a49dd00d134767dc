"""The two sizes of everything: one for two CPU cores, one for a classroom GPU; the code is one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

import torch

from . import checkpoints
from .audio import SoundConfig
from .autoencoder import AutoencoderConfig
from .errors import MinividError
from .paint import ClipFormat
from .text import TextConfig
from .tokens import Packing
from .transformer import TransformerConfig


@dataclass(frozen=True)
class Preset:
    """Sizes of clips, networks and batches. Aspects are (height, width)."""

    name: str
    fmt: ClipFormat
    aspects: tuple[tuple[int, int], ...]  # trained on, the first one most
    held_out: tuple[tuple[int, int], ...]  # never trained on: one wide, one tall
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    transformer: TransformerConfig = TransformerConfig()
    sound: SoundConfig | None = SoundConfig()  # None: films are silent
    cast: str = "any"  # of the clips trained on: "one" actor, "two", or "any"
    pool: int = 24576  # clips encoded once and trained on again and again
    batch: dict = field(default_factory=lambda: {"autoencoder": 24, "sound": 48, "text": 128,
                                                 "transformer": 64})
    minutes: dict = field(default_factory=lambda: {"autoencoder": 25, "sound": 15, "text": 2,
                                                   "transformer": 60})

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that this preset has, each after those it is built on."""
        return tuple(n for n in checkpoints.BUILT_ON if n != "sound" or self.sound)

    @property
    def text(self) -> TextConfig:
        """Sizes of the text encoder: they follow from the transformer's and the autoencoder's."""
        return TextConfig(width=self.transformer.text_width, clip_dim=self.dim)

    @property
    def channels(self) -> tuple[int, int]:
        """Numbers in a latent of picture and in one of sound."""
        return self.autoencoder.channels, self.sound.channels if self.sound else 0

    @property
    def dim(self) -> int:
        """Numbers in a token."""
        return self.transformer.dim

    def packing(self, fmt: ClipFormat | None = None, heard: bool = True) -> Packing:
        """How clips of a format (this preset's own by default) become tokens; `heard`: their sound
        too, if it has any."""
        fmt, sound = fmt or self.fmt, 0
        if self.sound and heard:
            sound = round(fmt.seconds * fmt.sample_rate / self.sound.samples)
        return Packing(fmt, dim=self.dim, sound=sound)

    def used(self, packing: Packing) -> torch.Tensor:
        """Which numbers of each token mean something, 1, and which only fill it up: (N, D)"""
        return packing.used(*self.channels)

    def unpack(self, tokens: torch.Tensor, packing: Packing) -> tuple:
        """Latents of picture and of sound, None where there is none: see `Packing.unpack`."""
        return packing.unpack(tokens, *self.channels)

    def format(self, height: int, width: int, frames: int | None = None) -> ClipFormat:
        """A format of that size at this preset's rate, and its length unless said otherwise."""
        return ClipFormat(height, width, frames or self.fmt.frames, self.fmt.fps)


PRESETS = {
    "laptop": Preset(
        "laptop",
        ClipFormat(48, 48, 17, 8),
        aspects=((48, 48), (48, 72), (72, 48), (48, 84), (84, 48)),
        held_out=((48, 60), (60, 48)),
        transformer=TransformerConfig(depth=4, reach=0.375),
    ),
    "gpu": Preset(
        "gpu",
        ClipFormat(72, 72, 33, 16),
        aspects=((72, 72), (72, 108), (108, 72)),
        held_out=((72, 96), (96, 72)),
        transformer=TransformerConfig(depth=6),
        pool=65536,
        batch={"autoencoder": 64, "sound": 128, "text": 512, "transformer": 256},
        minutes={"autoencoder": 5, "sound": 3, "text": 1, "transformer": 20},
    ),
}


GOOD_ENOUGH = 0.9  # of one-actor prompts, to be taken without being asked for


def hurried(preset: Preset) -> Preset:
    """The same for a training of minutes, judged on silent films of one actor in the preset's own
    aspect: only such clips, and smaller batches for more steps."""
    batch = preset.batch | {name: preset.batch[name] // part
                            for name, part in (("autoencoder", 2), ("transformer", 3))}
    return replace(preset, aspects=preset.aspects[:1], cast="one", sound=None, batch=batch)


def choose(name: str | None = None, device: str | torch.device | None = None) -> Preset:
    """The preset called `name`, or MINIVID_PRESET's, or the one that fits the device.

    Raises `MinividError` for a name that is none.
    """
    name = name or os.environ.get("MINIVID_PRESET")
    if name is None:
        name = "gpu" if best_device(device).type == "cuda" else "laptop"
    if name not in PRESETS:
        raise MinividError(f"There is no preset {name!r}; there are {' and '.join(PRESETS)}.")
    return PRESETS[name]


def choose_trained(name: str | None = None, device: str | torch.device | None = None) -> Preset:
    """As `choose`; but where nobody asked for a preset, laptop unless that one's networks are here
    and, if they were evaluated, obey at least GOOD_ENOUGH of prompts of one actor."""
    size = choose(name, device)
    asked = name or os.environ.get("MINIVID_PRESET")
    known = checkpoints.manifest().get(f"transformer-{size.name}")
    groups = (known or {}).get("scores", {}).get("groups", {})
    score = groups.get("seen, one actor")
    good = known is not None and (score is None or score["together"] >= GOOD_ENOUGH)
    return size if asked or good else PRESETS["laptop"]


def best_device(device: str | torch.device | None = None) -> torch.device:
    """The device asked for, or a GPU where there is one, or the CPU.

    Of a GPU's memory no more is used than the share MINIVID_GPU_FRACTION, so that a class can have
    one together. Raises `MinividError` where that is no number above 0 and up to 1.
    """
    chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if chosen.type == "cuda" and (share := os.environ.get("MINIVID_GPU_FRACTION")):
        try:
            if not 0 < float(share) <= 1:
                raise ValueError(share)
            torch.cuda.set_per_process_memory_fraction(float(share), chosen.index)
        except ValueError as problem:
            raise MinividError("MINIVID_GPU_FRACTION is a number above 0 and up to 1, such as "
                               f"0.25, not {share!r}.") from problem
    return chosen
