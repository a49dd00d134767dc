"""How the two autoencoders are trained, of picture and of sound: their batches, and their loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from . import checkpoints
from .audio import SoundAutoencoder, SoundConfig, sound_loss
from .autoencoder import GROUP, Autoencoder, AutoencoderConfig, autoencoder_loss
from .distributed import world_size
from .errors import CheckpointError, MinividError
from .paint import background
from .pool import UNSEEN, seeds_for, taught
from .presets import Preset
from .train import Recipe, draw_noise, mine
from .world import film, script, sound_of

Tensor = torch.Tensor


# ---------------------------------------------------------------- picture


def crop(video: Tensor, empty: Tensor, centre: Tensor, first: int, cells: int, patch: int):
    """Cut 9 frames from `first` on and a square of cells around centre (B, 2) out of each clip."""
    grid = torch.tensor(video.shape[-2:]) // patch
    corner = (centre * grid - cells / 2).round().long().clamp(min=0)
    corner = torch.minimum(corner, grid - cells) * patch
    cut = [(slice(None), slice(first, first + 9), slice(y, y + cells * patch),
            slice(x, x + cells * patch)) for y, x in corner.tolist()]
    return (torch.stack([v[c] for v, c in zip(video, cut)]),
            torch.stack([e[c] for e, c in zip(empty, cut)]))


class Compression(Recipe):
    """What both autoencoders have in common; every step makes new clips, so nothing is prepared."""

    ema, lr, cooldown = 0.998, 1.5e-3, 0.9
    noise = 0.4  # the most that is added to latents, as a share of their spread
    latents_stay = False

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = self.build().to(device)
        self.batch, self.tokens, self.made_from = preset.batch[self.kind], None, {}

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Nothing is prepared: every step makes new clips."""

    def keep_latents(self) -> None:
        """Train the decoder alone, so that whatever has learnt these latents can still be used.

        With less noise: here it is to forgive errors, not to keep the encoder from hiding things.
        """
        self.latents_stay, self.noise = True, 0.15
        self.model.encoder.requires_grad_(False)

    def finish(self) -> None:
        """Measure the scale of the latents once, on clips of its own."""
        if not self.latents_stay:
            self.model.measure_scale(self.clips(UNSEEN // 2 + torch.arange(256)))

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.model.config)


class AutoencoderRecipe(Compression):
    """Clips through the bottleneck and back; mostly cut around an actor, since that is the art."""

    kind = "autoencoder"

    def build(self) -> Autoencoder:
        """The network, untrained."""
        return Autoencoder(self.preset.autoencoder)

    def clips(self, seeds: Tensor) -> Tensor:
        """What is seen in the clips with these seeds (B,): (B, 3, F, H, W)"""
        return film(seeds, self.preset.fmt, taught(self.preset), self.device, sound=False).video

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The autoencoder's loss on new clips of its own, a scalar."""
        whole = step % 8 == 7  # now and then a whole film, of any aspect
        fmt, patch = self.preset.fmt, self.preset.autoencoder.patch
        if whole:
            fmt = self.preset.format(*self.preset.aspects[step // 8 % len(self.preset.aspects)])
        batch = max(world_size(), self.batch // 4) if whole else self.batch
        clip = film(mine(seeds_for(step, self.batch, self.seed)[:batch]), fmt, taught(self.preset),
                    self.device, sound=False)
        video, place = clip.video, clip.truth.place.to(self.device)
        empty = background(fmt, self.device, weather=False)[place] * 2 - 1
        if not whole:
            first = GROUP * int(torch.randint((fmt.frames - 9) // GROUP + 1, (), generator=dice))
            actor = clip.truth.position[:, 0, first + 4].float() + 0.5
            wander = mine(torch.rand(batch, 2, generator=dice) - 0.5) * 0.4
            cells = min(5, fmt.side // patch)
            video, empty = crop(video, empty, actor + wander, first, cells, patch)
        frames, height, width = video.shape[2:]
        shape = (1 + (frames - 1) // GROUP, height // patch, width // patch)
        fresh = draw_noise((batch, self.preset.autoencoder.channels, *shape), dice, self.device)
        strength = torch.linspace(0, self.noise, batch).view(-1, 1, 1, 1, 1)  # none to the most
        fresh, strength = (mine(x).to(self.device) for x in (fresh, strength))
        return autoencoder_loss(model, video, empty, fresh, strength)


def load_autoencoder(path, device="cpu") -> Autoencoder:
    """The autoencoder of a checkpoint, ready for use. Raises `CheckpointError` as `load` does."""
    return load(path, "autoencoder", lambda **config: Autoencoder(AutoencoderConfig(**config)),
                device)


def load(path, kind: str, build: Callable[..., nn.Module], device="cpu") -> nn.Module:
    """Build a network from the configuration in a checkpoint, and give it its weights.

    Raises `CheckpointError` for a file that is damaged, of another kind, or of another minivid.
    """
    tensors, meta = checkpoints.load(path, kind)
    try:
        config = {k: tuple(v) if isinstance(v, list) else v for k, v in meta["config"].items()}
        model = build(**config)
        model.load_state_dict({n: x.float() for n, x in tensors.items()})
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is of another version of minivid, or was altered: its "
                              f"configuration does not fit ({str(error)[:120]}). Train it again, "
                              "or restore it with `git checkout`.") from error
    return model.to(device).eval()


# ---------------------------------------------------------------- sound


class SoundRecipe(Compression):
    """Sounds through their bottleneck and back."""

    kind = "sound"

    def build(self) -> SoundAutoencoder:
        """The network, untrained. Raises `MinividError` where films are silent."""
        if self.preset.sound is None:
            raise MinividError(f"The preset {self.preset.name} makes silent films: there is no "
                               "sound to train.")
        return SoundAutoencoder(self.preset.sound)

    def clips(self, seeds: Tensor) -> Tensor:
        """What is heard in the clips with these seeds (B,): (B, S)"""
        fmt = self.preset.fmt
        return sound_of(script(seeds, fmt, taught(self.preset))[1], seeds, fmt).to(self.device)

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The loss on new sounds of its own, a scalar."""
        audio = self.clips(mine(seeds_for(step, self.batch, self.seed)))
        columns = self.model.columns(audio)
        groups = columns.shape[-1] // self.preset.sound.group
        fresh = draw_noise((self.batch, self.preset.sound.channels, groups), dice, self.device)
        strength = torch.linspace(0, self.noise, self.batch).view(-1, 1, 1)  # none to the most
        fresh, strength = (mine(x).to(self.device) for x in (fresh, strength))
        return sound_loss(model, columns, fresh, strength)


def load_ear(path, device="cpu") -> SoundAutoencoder:
    """The sound's autoencoder of a checkpoint, ready for use. Raises `CheckpointError` as `load`
    does."""
    return load(path, "sound", lambda **config: SoundAutoencoder(SoundConfig(**config)), device)
