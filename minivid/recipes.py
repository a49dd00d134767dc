"""How each of the three networks is trained: its batches, its loss, and what is kept of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import nn

from . import checkpoints
from .autoencoder import GROUP, Autoencoder, AutoencoderConfig, autoencoder_loss
from .distributed import world_size
from .errors import CheckpointError
from .flow import flow_loss, sample_t
from .layers import Condition
from .paint import background
from .pool import UNSEEN, aspect_of, draw, pools, seeds_for, taught
from .presets import Preset
from .text import Link, TextConfig, contrast_loss, near_miss, tokenize
from .train import mine
from .transformer import Transformer, TransformerConfig
from .world import film

Tensor = torch.Tensor


def below(preset: Preset, *names: str) -> tuple[dict, dict]:
    """Where the networks are that another is built on, and the sha256 of each for the manifest."""
    paths = {name: checkpoints.find(name, preset.name) for name in names}
    if misfits := checkpoints.misfits(preset.name, names):
        raise CheckpointError("; then ".join(misfits))
    return paths, {"built_on": {name: checkpoints.sha256(path) for name, path in paths.items()}}


# ---------------------------------------------------------------- autoencoder


def crop(video: Tensor, empty: Tensor, centre: Tensor, first: int, cells: int, patch: int):
    """Cut 9 frames from `first` on and a square of cells around centre (B, 2) out of each clip."""
    grid = torch.tensor(video.shape[-2:]) // patch
    corner = (centre * grid - cells / 2).round().long().clamp(min=0)
    corner = torch.minimum(corner, grid - cells) * patch
    cut = [(slice(None), slice(first, first + 9), slice(y, y + cells * patch),
            slice(x, x + cells * patch)) for y, x in corner.tolist()]
    return (torch.stack([v[c] for v, c in zip(video, cut)]),
            torch.stack([e[c] for e, c in zip(empty, cut)]))


class AutoencoderRecipe:
    """Clips through the bottleneck and back; mostly cut around an actor, since that is the art."""

    kind, ema = "autoencoder", 0.998
    lr, cooldown = 1.5e-3, 0.9  # at 4e-3 the loss rises again after some hundred steps
    noise = 0.4  # the most that is added to latents, as a share of their spread

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = Autoencoder(preset.autoencoder).to(device)
        self.batch, self.tokens, self.made_from = preset.batch[self.kind], None, {}

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Nothing is prepared: every step films new clips."""

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
        noise = torch.randn(batch, self.preset.autoencoder.channels, *shape, generator=dice)
        strength = torch.linspace(0, self.noise, batch).view(-1, 1, 1, 1, 1)  # none to the most
        noise, strength = (mine(x).to(self.device) for x in (noise, strength))
        return autoencoder_loss(model, video, empty, noise, strength)

    def finish(self) -> None:
        """Measure the scale of the latents once, on clips of its own."""
        for_scale = film(UNSEEN // 2 + torch.arange(256), self.preset.fmt, taught(self.preset),
                         self.device, sound=False)
        self.model.measure_scale(for_scale.video)

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.preset.autoencoder)


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


# ---------------------------------------------------------------- text


class TextRecipe:
    """Captions find their clips; among the wrong ones are near misses."""

    kind, ema, lr, cooldown = "text", 0.99, 3e-3, 0.4

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = Link(preset.text).to(device)
        self.batch, self.tokens = preset.batch[self.kind], None

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Encode `size` clips. Raises `CheckpointError` where there is no autoencoder."""
        path, self.made_from = below(self.preset, "autoencoder")
        autoencoder = load_autoencoder(path["autoencoder"], self.device)
        size = min(size or self.preset.pool, 64 * self.batch)
        self.made_from["clips"] = size
        self.pool = pools(self.preset, autoencoder, self.seed, self.device, size, progress,
                          self.preset.aspects[:1])[0]

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The contrast of captions, clips and near misses, a scalar."""
        # every process takes the whole batch: each clip is told apart from all other captions
        rows = torch.randint(len(self.pool), (self.batch,), generator=dice)
        captions = [self.pool.captions[n] for n in rows.tolist()]
        pick = random.Random(int(torch.randint(2**31, (), generator=dice))).randrange
        wrong = tokenize([near_miss(c, pick) for c in captions]).to(self.device)
        tokens = self.pool.tokens[rows].to(self.device, torch.float32)
        layout = self.pool.packing.layout(len(rows), self.device)
        return contrast_loss(model, tokens, layout, tokenize(captions).to(self.device), wrong)

    def finish(self) -> None:
        """Nothing is left to do."""

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.preset.text)


def load_link(path, device="cpu") -> Link:
    """Both halves of the link between words and clips. Raises `CheckpointError` as `load` does."""
    return load(path, "text", lambda **config: Link(TextConfig(**config)), device)


# ---------------------------------------------------------------- transformer


def noise_levels(step: int, frame_of: Tensor, batch: int, dice: torch.Generator,
                 shift: float, kind: str = "logit_normal") -> Tensor:
    """Mostly one noise level for a whole clip (B,); in every fifth step one for each token (B, N).

    There the first one, two or three latent frames are already clean (t = 1): so one network also
    learns to film a picture, and to continue a clip. (Levels of whole clips are cheaper.)
    """
    t = sample_t(batch, dice, kind, shift)
    if step % 5 < 4:
        return t
    given = torch.randint(4, (batch, 1), generator=dice)  # half of them: frame 0 alone
    given = given.clamp(1, int(frame_of.max()))
    return torch.where((frame_of >= 0) & (frame_of < given), 1.0, t[:, None])


class TransformerRecipe:
    """Noise to tokens: at each step a random noise level, and captions dropped now and then."""

    kind, ema, lr, cooldown = "transformer", 0.995, 5e-3, 0.4
    drop, shift, levels = 0.1, 1.5, "logit_normal"

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = Transformer(preset.transformer).to(device)
        self.batch = preset.batch[self.kind]

    def tokens(self, step: int) -> int:
        """How many tokens the batch of that step has."""
        return self.batch * aspect_of(self.pools, step).packing.pictures

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Encode `size` clips and their captions. Raises `CheckpointError` where there is no
        autoencoder or text encoder."""
        path, self.made_from = below(self.preset, "autoencoder", "text")
        autoencoder = load_autoencoder(path["autoencoder"], self.device)
        size = size or self.preset.pool
        self.made_from["clips"] = size
        self.pools = pools(self.preset, autoencoder, self.seed, self.device, size, progress)
        self.read(load_link(path["text"], self.device))

    @torch.no_grad()
    def read(self, link: Link) -> None:
        """Encode the captions of all clips."""
        self.text = []
        for pool in self.pools:
            parts = [link.encode(part) for part in _parts(pool.captions, 512)]
            self.text.append(tuple(torch.cat(x) for x in zip(*parts)))

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The flow loss on clips of one aspect, a scalar."""
        pool, rows = draw(self.pools, step, self.batch, dice)
        frame_of = pool.packing.frame_of()
        t = noise_levels(step, frame_of, self.batch, dice, self.shift, self.levels)
        dropped = torch.rand(self.batch, 1, generator=dice) < self.drop
        noise = torch.randn(self.batch, *pool.tokens.shape[1:], generator=dice)
        rows, t, dropped, noise = (mine(x).to(self.device) for x in (rows, t, dropped, noise))
        text, mask = (x[rows] for x in self.text[self.pools.index(pool)])
        given = Condition(text, mask & ~dropped, pool.packing.layout(len(rows), self.device))
        clean = pool.tokens[rows].to(self.device, torch.float32)
        return flow_loss(model, clean, given, t, noise)

    def finish(self) -> None:
        """Nothing is left to do."""

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.preset.transformer)


def _parts(items: list, n: int) -> list[list]:
    return [items[i : i + n] for i in range(0, len(items), n)]


def load_transformer(path, device="cpu") -> Transformer:
    """The transformer of a checkpoint, ready for use. Raises `CheckpointError` as `load` does."""
    return load(path, "transformer", lambda **config: Transformer(TransformerConfig(**config)),
                device)


RECIPES = {recipe.kind: recipe for recipe in (AutoencoderRecipe, TextRecipe, TransformerRecipe)}
