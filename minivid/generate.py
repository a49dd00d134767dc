"""A sentence to a film: readable top to bottom.

Noise tokens are drawn, the guided transformer's velocity is followed from t = 0 to 1, the clean
tokens are put back into latents, and the autoencoders' decoders make them pictures and sound. What
is given, a picture, the beginning of a film, a whole film or its sound, takes the place of its
tokens, at t = 1 from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from . import checkpoints
from .audio import SoundAutoencoder, join
from .autoencoder import GROUP, Autoencoder
from .compression import load_autoencoder, load_ear
from .cost import in_seconds
from .errors import CheckpointError, FormatError
from .guidance import Guided
from .layers import SOUND, Condition
from .paint import ClipFormat
from .presets import Preset, best_device, choose_trained
from .recipes import load_link, load_transformer
from .sampling import Step, churn, sampler
from .text import Link
from .tokens import Packing
from .train import autocast
from .transformer import Transformer
from .world import Clip

Tensor = torch.Tensor
METHOD, STEPS, GUIDANCE = "churn", 32, 3.0
BACK = 3.0  # four steps forward, three back: much is decided again, and knowing more
INTERVAL, SHIFT = (0.0, 0.5), 2.2  # the words push while it is decided what there is, not later
LAG = 2.0   # when both are made, the sound's t is the picture's squared
MEMORY = 9  # frames that a film is continued from


@dataclass
class Machine:
    """The trained networks together, and the sizes they were made for.

    `ear` turns sound into latents and back; without one, films are silent.
    """

    autoencoder: Autoencoder
    link: Link
    transformer: Transformer
    preset: Preset
    device: torch.device
    ear: SoundAutoencoder | None = None

    @staticmethod
    def load(preset: str | Preset | None = None,
             device: str | torch.device | None = None) -> Machine:
        """From the shipped checkpoints. `preset` is the name of one, or one that is not in the
        list.

        Raises `CheckpointError` if one is missing or damaged, or was trained with others.
        """
        device = best_device(device)
        size = preset if isinstance(preset, Preset) else choose_trained(preset, device)
        if misfit := checkpoints.misfits(size.name):
            raise CheckpointError("; then ".join(misfit))
        path = {n: checkpoints.find(n, size.name) for n in size.networks}
        return Machine(load_autoencoder(path["autoencoder"], device),
                       load_link(path["text"], device),
                       load_transformer(path["transformer"], device), size, device,
                       load_ear(path["sound"], device) if size.sound else None)

    def model(self, guidance: float, interval: tuple[float, float] = INTERVAL,
              coupling: float = 1.0):
        """The transformer under guidance by the words, and of picture and sound by each other
        (`coupling`); scale 1 is the transformer itself, 0 hides them.

        Its products are as in training: in bfloat16 where that is fast.
        """
        def velocity(x_t: Tensor, t: Tensor, given: Condition) -> Tensor:
            with autocast(self.device):
                return self.transformer(x_t, t, given).to(x_t.dtype)

        guided = Guided(velocity, guidance, interval)
        return guided if coupling == 1 else Guided(guided, coupling, interval, "sound")

    @torch.no_grad()
    def condition(self, prompts: list[str], packing: Packing) -> Condition:
        """What the network is given for these prompts."""
        text, mask = self.link.encode(prompts)
        return Condition(text, mask, packing.layout(len(prompts), self.device))

    @torch.no_grad()
    def to_tokens(self, video: Tensor, packing: Packing, audio: Tensor | None = None) -> Tensor:
        """Encode clips (B, 3, F, H, W) and pack them, with their sound (B, S) if given:
        (B, N, D)"""
        sound = None if audio is None else self.ear.encode(audio.to(self.device))
        return packing.pack(self.autoencoder.encode(video.to(self.device)), sound)

    @torch.no_grad()
    def to_video(self, tokens: Tensor, packing: Packing) -> Tensor:
        """Unpack tokens and decode the picture: (B, 3, F, H, W) in [-1, 1]"""
        latents, _ = packing.unpack(tokens, self.autoencoder.config.channels)
        return self.autoencoder.decode(latents).cpu()

    @torch.no_grad()
    def to_audio(self, tokens: Tensor, packing: Packing) -> Tensor | None:
        """Unpack tokens and decode the sound: (B, S) in [-1, 1]; None where films are silent."""
        if self.ear is None:
            return None
        if not packing.sound:  # a single picture lasts no time
            return torch.zeros(len(tokens), 0)
        sound = packing.unpack(tokens, self.autoencoder.config.channels,
                               self.ear.config.channels)[1]
        return self.ear.decode(sound).cpu()


def noises(seeds: list[int], packing: Packing, used: Tensor | float = 1.0) -> Iterator[Tensor]:
    """Noise tokens (B, N, D), again and again; each row depends on its own seed alone.

    The first are where sampling begins. `used` (N, D): 0 for numbers that only fill tokens up.
    """
    shape = (packing.pictures + packing.sound, packing.dim)
    dice = [torch.Generator().manual_seed(s) for s in seeds]
    while True:
        yield torch.stack([torch.randn(shape, generator=g) for g in dice]) * used


def emerge(machine: Machine, prompts: list[str], seeds: list[int], fmt: ClipFormat | None = None,
           steps: int = STEPS, guidance: float = GUIDANCE, beginning: Tensor | None = None,
           noise: Tensor | None = None, method: str = METHOD,
           interval: tuple[float, float] = INTERVAL, audio: Tensor | None = None,
           lag: float = LAG, coupling: float = 1.0) -> Iterator[Step]:
    """The moments of sampling, as tokens (B, N, D): noise first, clean last.

    `beginning` (B, 3, 1 + 4k, H, W) holds frames that are given: a picture, the end of a film, or
    a whole one; `audio` (B, S) sound that is given, from the film's first moment on. With a `lag`
    above 1 the sound clears after the picture, so that it can follow what is decided there; below
    1 before it. For `coupling` see `Machine.model`.
    """
    packing, walk = machine.preset.packing(fmt), sampler(method)
    draws = noises(seeds, packing, machine.preset.used(packing))
    first = next(draws)
    if walk is churn:
        walk = partial(churn, fresh=lambda: next(draws).to(machine.device),
                       back=min(BACK, steps / 8))  # the fewer the steps, the longer each is
    x = (first if noise is None else noise).to(machine.device)
    given = machine.condition(prompts, packing)
    start, pace = torch.zeros(len(x), device=machine.device), None
    if beginning is not None or audio is not None:
        x, start = hold(machine, x, packing, beginning, audio)
    pictures = start if start.ndim == 1 else start[:, : packing.pictures]
    if lag != 1 and packing.sound and (pictures < 1).any():  # else there is no picture to wait for
        pace = torch.where(given.layout.kind == SOUND, lag, 1.0)
    yield from walk(machine.model(guidance, interval, coupling), x, given, steps, start=start,
                    pace=pace, shift=SHIFT)


def hold(machine: Machine, x: Tensor, packing: Packing, beginning: Tensor | None = None,
         audio: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Put given frames (B, 3, 1 + 4k, H, W) and sound (B, S) in place of the first noise x; also
    where each token starts, 1 for what is given (B, N).

    Raises `FormatError` for what does not fit, or leaves nothing to make.
    """
    fmt, frames, samples = packing.fmt, 0, 0
    if audio is not None:
        samples = audio.shape[-1]
        if machine.ear is None:
            raise FormatError("These networks make silent films: no sound can be given.")
        if samples > fmt.seconds * fmt.sample_rate:
            raise FormatError(f"A film of {in_seconds(fmt.seconds)} cannot go with "
                              f"{in_seconds(samples / fmt.sample_rate)} of sound.")
    if beginning is not None:
        frames, size = beginning.shape[2], tuple(beginning.shape[-2:])
        if size != (fmt.height, fmt.width) or frames % GROUP != 1 or frames > fmt.frames:
            raise FormatError(f"A film cannot begin with {frames} frames of {size[1]}x{size[0]}: "
                              f"it needs 1, 5, 9, ... of {fmt.width}x{fmt.height}.")
    given = packing.beginning(frames, samples, fmt.sample_rate).to(x.device)  # (N,)
    if given.all():
        raise FormatError(f"Nothing is left to make: {frames} of {fmt.frames} frames are given.")
    x = x.clone()
    if frames:
        held = ClipFormat(fmt.height, fmt.width, frames, fmt.fps, fmt.sample_rate)
        tokens = machine.to_tokens(beginning, machine.preset.packing(held, heard=False))
        x[:, : tokens.shape[1]] = tokens
    if samples:
        with torch.no_grad():
            sound = machine.ear.encode(audio.to(x.device)).transpose(1, 2)  # (B, s, C)
        x[:, packing.pictures : packing.pictures + sound.shape[1], : sound.shape[2]] = sound
    return x, given.float().expand(len(x), -1)


def generate(machine: Machine, prompts: str | list[str], seed: int = 0, steps: int = STEPS,
             guidance: float = GUIDANCE, fmt: ClipFormat | None = None,
             noise: Tensor | None = None, picture: Tensor | None = None,
             beginning: Tensor | None = None, method: str = METHOD,
             interval: tuple[float, float] = INTERVAL, audio: Tensor | None = None,
             lag: float = LAG, coupling: float = 1.0,
             on_step: Callable[[int, Step], None] | None = None) -> Clip:
    """Make films from sentences: prompt b from noise of seed + b.

    fmt: size and length (the preset's by default); noise (B, N, D): to hold it instead of
    drawing it; picture (3, H, W) or (B, 3, H, W): frame 0; beginning (B, 3, 1 + 4k, H, W): the
    first frames, or all of them to get only the sound; audio (B, S): the first sound, or all of it;
    lag, coupling: see `emerge`; on_step(n, step): called at each step. Raises `PromptError` for a
    prompt that says nothing known, `FormatError` for sizes that cannot be.
    """
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if picture is not None:
        beginning = picture.reshape(-1, 3, 1, *picture.shape[-2:])
        beginning = beginning.expand(len(prompts), -1, -1, -1, -1)
    seeds = [seed + n for n in range(len(prompts))]
    for n, step in enumerate(emerge(machine, prompts, seeds, fmt, steps, guidance, beginning,
                                    noise, method, interval, audio, lag, coupling)):
        if on_step:
            on_step(n, step)
    fmt = fmt or machine.preset.fmt
    packing = machine.preset.packing(fmt)
    video, sound = machine.to_video(step.x_t, packing), machine.to_audio(step.x_t, packing)
    if beginning is not None:
        video[:, :, : beginning.shape[2]] = beginning
    if audio is not None:
        sound = join(audio, sound)
    return Clip(video, sound, prompts, None, fmt.fps)


def fresh_frames(stretch: ClipFormat) -> int:
    """How many frames of a stretch are made, where it goes on from what was before."""
    return max(GROUP, stretch.frames - MEMORY)


def extend(machine: Machine, clip: Clip, frames: int, seed: int = 0, **options) -> Clip:
    """Continue clips to at least that many frames: the end of each stretch begins the next.

    The last frames and what is heard in them are given, the rest of a stretch is made, again and
    again.
    """
    video, audio = clip.video, clip.audio
    height, width = video.shape[-2:]
    stretch = ClipFormat(height, width, machine.preset.fmt.frames, clip.fps)
    second = stretch.sample_rate
    while video.shape[2] < frames:
        seed += len(clip.caption)
        held = min(stretch.frames - fresh_frames(stretch),
                   1 + (video.shape[2] - 1) // GROUP * GROUP)
        known = round((held - 1) / clip.fps * second)
        end = audio[:, audio.shape[1] - known :] if audio is not None and known else None
        more = generate(machine, clip.caption, seed, fmt=stretch, beginning=video[:, :, -held:],
                        audio=end, **options)
        video = torch.cat([video, more.video[:, :, held:]], 2)
        if audio is not None:
            audio = torch.cat([audio[:, : audio.shape[1] - known], more.audio], 1)
    if audio is not None:
        audio = audio[:, : round((frames - 1) / clip.fps * second)]
    return Clip(video[:, :, :frames], audio, clip.caption, None, clip.fps)
