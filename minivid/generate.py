"""A sentence to a film: readable top to bottom.

Noise tokens are drawn, the guided transformer's velocity is followed from t = 0 to 1, the clean
tokens are put back into latents, and the autoencoder's decoder makes them pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from . import checkpoints
from .autoencoder import GROUP, Autoencoder
from .errors import CheckpointError, FormatError
from .guidance import Guided
from .layers import Condition
from .paint import ClipFormat
from .presets import Preset, best_device, choose_trained
from .recipes import load_autoencoder, load_link, load_transformer
from .sampling import Step, churn, sampler
from .text import Link
from .tokens import Packing
from .train import autocast
from .transformer import Transformer
from .world import Clip

Tensor = torch.Tensor
METHOD, STEPS, GUIDANCE = "churn", 32, 2.0
INTERVAL, SHIFT = (0.0, 1.0), 1.5
MEMORY = 9  # frames that a film is continued from


@dataclass
class Machine:
    """The three trained networks together, and the sizes they were made for."""

    autoencoder: Autoencoder
    link: Link
    transformer: Transformer
    preset: Preset
    device: torch.device

    @staticmethod
    def load(preset: str | None = None, device: str | torch.device | None = None) -> Machine:
        """From the shipped checkpoints.

        Raises `CheckpointError` if one is missing or damaged, or was trained with others.
        """
        device = best_device(device)
        size = choose_trained(preset, device)
        if misfit := checkpoints.misfits(size.name):
            raise CheckpointError("; then ".join(misfit))
        path = {n: checkpoints.find(n, size.name) for n in ("autoencoder", "text", "transformer")}
        return Machine(load_autoencoder(path["autoencoder"], device),
                       load_link(path["text"], device),
                       load_transformer(path["transformer"], device), size, device)

    def model(self, guidance: float, interval: tuple[float, float] = INTERVAL):
        """The transformer under guidance; scale 1 is the transformer itself.

        Its products are as in training: in bfloat16 where that is fast.
        """
        def velocity(x_t: Tensor, t: Tensor, given: Condition) -> Tensor:
            with autocast(self.device):
                return self.transformer(x_t, t, given).to(x_t.dtype)

        return Guided(velocity, guidance, interval)

    @torch.no_grad()
    def condition(self, prompts: list[str], packing: Packing) -> Condition:
        """What the network is given for these prompts."""
        text, mask = self.link.encode(prompts)
        return Condition(text, mask, packing.layout(len(prompts), self.device))

    @torch.no_grad()
    def to_tokens(self, video: Tensor, packing: Packing) -> Tensor:
        """Encode clips (B, 3, F, H, W) and pack them: (B, N, D)"""
        return packing.pack(self.autoencoder.encode(video.to(self.device)))

    @torch.no_grad()
    def to_video(self, tokens: Tensor, packing: Packing) -> Tensor:
        """Unpack tokens and decode them: (B, 3, F, H, W) in [-1, 1]"""
        latents, _ = packing.unpack(tokens, self.autoencoder.config.channels)
        return self.autoencoder.decode(latents).cpu()


def noises(seeds: list[int], packing: Packing) -> Iterator[Tensor]:
    """Noise tokens (B, N, D), again and again; each row depends on its own seed alone.

    The first are where sampling begins.
    """
    shape = (packing.pictures + packing.sound, packing.dim)
    dice = [torch.Generator().manual_seed(s) for s in seeds]
    while True:
        yield torch.stack([torch.randn(shape, generator=g) for g in dice])


def emerge(machine: Machine, prompts: list[str], seeds: list[int], fmt: ClipFormat | None = None,
           steps: int = STEPS, guidance: float = GUIDANCE, beginning: Tensor | None = None,
           noise: Tensor | None = None, method: str = METHOD,
           interval: tuple[float, float] = INTERVAL) -> Iterator[Step]:
    """The moments of sampling, as tokens (B, N, D): noise first, clean last.

    `beginning` (B, 3, 1 + 4k, H, W) holds frames that are given: a picture, or the end of a film.
    """
    packing, walk = machine.preset.packing(fmt), sampler(method)
    draws = noises(seeds, packing)
    first = next(draws)
    if walk is churn:
        walk = partial(churn, fresh=lambda: next(draws).to(machine.device))
    x = first if noise is None else noise
    x, start = x.to(machine.device), torch.zeros(len(x), x.shape[1], device=machine.device)
    if beginning is not None:
        x, start = hold(machine, x, start, beginning, packing)
    given = machine.condition(prompts, packing)
    yield from walk(machine.model(guidance, interval), x, given, steps, start=start, shift=SHIFT)


def hold(machine: Machine, x: Tensor, start: Tensor, beginning: Tensor, packing: Packing):
    """Put given frames (B, 3, 1 + 4k, H, W) in place of the first noise, at t = 1."""
    frames, size = beginning.shape[2], tuple(beginning.shape[-2:])
    if size != (packing.fmt.height, packing.fmt.width) or frames % GROUP != 1:
        raise FormatError(f"A film cannot begin with {frames} frames of {size[1]}x{size[0]}: it "
                          f"needs 1, 5, 9, ... of {packing.fmt.width}x{packing.fmt.height}.")
    if frames >= packing.fmt.frames:
        raise FormatError(f"Nothing is left to make: {frames} of {packing.fmt.frames} are given.")
    held = ClipFormat(packing.fmt.height, packing.fmt.width, frames, packing.fmt.fps)
    tokens = machine.to_tokens(beginning, machine.preset.packing(held))
    n = tokens.shape[1]
    given = torch.ones_like(start[:, :n])
    return torch.cat([tokens, x[:, n:]], 1), torch.cat([given, start[:, n:]], 1)


def generate(machine: Machine, prompts: str | list[str], seed: int = 0, steps: int = STEPS,
             guidance: float = GUIDANCE, fmt: ClipFormat | None = None,
             noise: Tensor | None = None, picture: Tensor | None = None,
             beginning: Tensor | None = None, method: str = METHOD,
             interval: tuple[float, float] = INTERVAL,
             on_step: Callable[[int, Step], None] | None = None) -> Clip:
    """Make films from sentences: prompt b from noise of seed + b.

    fmt: size and length (the preset's by default); noise (B, N, D): to hold it instead of
    drawing it; picture (3, H, W) or (B, 3, H, W): frame 0; beginning (B, 3, 1 + 4k, H, W): the
    first frames; on_step(n, step): called at each step. Raises `PromptError` for a prompt that
    says nothing known, `FormatError` for sizes that cannot be.
    """
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if picture is not None:
        beginning = picture.reshape(-1, 3, 1, *picture.shape[-2:])
        beginning = beginning.expand(len(prompts), -1, -1, -1, -1)
    seeds = [seed + n for n in range(len(prompts))]
    for n, step in enumerate(emerge(machine, prompts, seeds, fmt, steps, guidance, beginning,
                                    noise, method, interval)):
        if on_step:
            on_step(n, step)
    fmt = fmt or machine.preset.fmt
    video = machine.to_video(step.x_t, machine.preset.packing(fmt))
    if beginning is not None:
        video[:, :, : beginning.shape[2]] = beginning
    return Clip(video, None, prompts, None, fmt.fps)


def extend(machine: Machine, clip: Clip, frames: int, seed: int = 0, **options) -> Clip:
    """Continue clips to at least that many frames: the end of each stretch begins the next.

    The last frames are given, the rest of a stretch is made, again and again.
    """
    video = clip.video
    height, width = video.shape[-2:]
    stretch = ClipFormat(height, width, machine.preset.fmt.frames, clip.fps)
    while video.shape[2] < frames:
        seed += len(clip.caption)
        held = min(MEMORY, stretch.frames - GROUP, 1 + (video.shape[2] - 1) // GROUP * GROUP)
        more = generate(machine, clip.caption, seed, fmt=stretch, beginning=video[:, :, -held:],
                        **options)
        video = torch.cat([video, more.video[:, :, held:]], 2)
    return Clip(video[:, :, :frames], None, clip.caption, None, clip.fps)
