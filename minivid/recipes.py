"""How text encoder and transformer are trained, and the list of all recipes: batches and losses."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import asdict, replace

import torch
from torch import nn

from . import checkpoints
from .compression import AutoencoderRecipe, SoundRecipe, load, load_autoencoder, load_ear
from .errors import CheckpointError
from .flow import flow_loss, sample_t
from .layers import SOUND, Condition
from .pool import Pool, aspect_of, draw, first_seed, pools
from .presets import Preset
from .text import (
    Link,
    TextConfig,
    company_loss,
    contrast_loss,
    near_miss,
    neighbour_loss,
    tokenize,
)
from .tokens import Packing
from .train import Recipe, draw_noise, fused, mine
from .transformer import Transformer, TransformerConfig

Tensor = torch.Tensor


def below(preset: Preset, *names: str) -> tuple[dict, dict]:
    """Where the networks are that another is built on, and the sha256 of each for the manifest."""
    paths = {name: checkpoints.find(name, preset.name) for name in names}
    if misfits := checkpoints.misfits(preset.name, names):
        raise CheckpointError("; then ".join(misfits))
    return paths, {"built_on": {name: checkpoints.sha256(path) for name, path in paths.items()}}


# ---------------------------------------------------------------- text


class TextRecipe(Recipe):
    """Captions find their clips; among the wrong ones are near misses.

    Whoever goes on from a shipped encoder stays near its vectors: others have learnt to read them.
    """

    kind, ema, lr, cooldown = "text", 0.99, 3e-3, 0.4
    anchored = True
    company, near = 20.0, 5.0  # weights of a word's leaning on its company, and of straying

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = Link(preset.text).to(device)
        self.batch, self.tokens = preset.batch[self.kind], None
        self.known = None

    def go_on(self) -> None:
        """The weights are a shipped encoder's: remember how it reads."""
        self.known = deepcopy(self.model.encoder).requires_grad_(False)

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Encode `size` clips. Raises `CheckpointError` where there is no autoencoder."""
        path, self.made_from = below(self.preset, "autoencoder")
        autoencoder = load_autoencoder(path["autoencoder"], self.device)
        size = min(size or self.preset.pool, 64 * self.batch)
        self.made_from["clips"] = size
        seeds = first_seed(self.seed) + torch.arange(size)
        self.pool = Pool(autoencoder, None, self.preset, self.preset.fmt, seeds, self.device,
                         progress)

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The contrast of captions, clips and near misses, and what words shall tell of their
        neighbours, and what not: a scalar."""
        # every process takes the whole batch: each clip is told apart from all other captions
        rows = torch.randint(len(self.pool), (self.batch,), generator=dice)
        captions = [self.pool.captions[n] for n in rows.tolist()]
        pick = random.Random(int(torch.randint(2**31, (), generator=dice))).randrange
        wrong = tokenize([near_miss(c, pick) for c in captions]).to(self.device)
        tokens = self.pool.tokens[rows].to(self.device, torch.float32)
        layout = self.pool.packing.layout(len(rows), self.device)
        ids = tokenize(captions).to(self.device)
        loss = contrast_loss(model, tokens, layout, ids, wrong) + neighbour_loss(model.encoder, ids)
        if self.known:
            x, mask = model.encoder(ids)
            loss = loss + self.near * (x - self.known(ids)[0])[mask].square().mean()
        return loss + self.company * company_loss(model.encoder, ids, wrong)

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.preset.text)


def load_link(path, device="cpu") -> Link:
    """Both halves of the link between words and clips. Raises `CheckpointError` as `load` does."""
    return load(path, "text", lambda **config: Link(TextConfig(**config)), device)


# ---------------------------------------------------------------- transformer


SHIFTED = 3  # in every third step patches are cut half a patch further to the left
APART = (1, 2)  # of each five steps, those in which picture and sound have a noise level each


def noise_levels(step: int, packing: Packing, batch: int, dice: torch.Generator,
                 shift: float, kind: str = "logit_normal") -> Tensor:
    """Mostly one noise level for a whole clip (B,); in some steps one for each token (B, N).

    In every fifth step the first one, two or three latent frames are already clean (t = 1), and
    what is heard up to then: so one network also learns to film a picture, and to continue a clip.
    Where there is sound, in two more steps of five picture and sound have a level each, and in half
    of the clips one of them is clean: so it learns to make either for the other. (Levels of whole
    clips are cheaper.)
    """
    t, fmt = sample_t(batch, dice, kind, shift), packing.fmt
    if step % 5 == 4:
        given = torch.randint(4, (batch,), generator=dice)  # half of them: frame 0 alone
        given = given.clamp(1, packing.grid[0] - 1)
        frames = [1 + n * packing.group for n in range(3)]
        clean = torch.stack([packing.beginning(n, (n - 1) * fmt.sample_rate // fmt.fps,
                                               fmt.sample_rate) for n in frames])
        return torch.where(clean[given - 1], 1.0, t[:, None])
    if step % 5 in APART and packing.sound:
        both = torch.stack([t, sample_t(batch, dice, kind, shift)], 1)  # picture's, sound's
        clean = torch.randint(4, (batch, 1), generator=dice) == torch.arange(2)
        return torch.where(clean, 1.0, both)[:, packing.layout(1).kind[0]]
    return t


class TransformerRecipe(Recipe):
    """Noise to tokens: at each step a random noise level, and captions dropped now and then."""

    kind, ema, lr, cooldown = "transformer", 0.995, 5e-3, 0.4
    long = 1500
    drop, shift, levels = 0.1, 1.5, "logit_normal"
    apart = 0.25  # of the clips whose kinds have a level each, those whose kinds are hidden
    loudness = 1.0  # weight of a token of sound, where one of picture has 1

    def __init__(self, preset: Preset, seed: int, device):
        self.preset, self.seed, self.device = preset, seed, device
        torch.manual_seed(seed)
        self.model = Transformer(preset.transformer).to(device)
        self.batch = preset.batch[self.kind]

    def tokens(self, step: int) -> int:
        """How many tokens the batch of that step has."""
        packing = self.cut(aspect_of(self.pools, step), step)
        return self.batch * (packing.pictures + packing.sound)

    def prepare(self, progress=None, size: int | None = None) -> None:
        """Encode `size` clips and their captions. Raises `CheckpointError` where there is no
        autoencoder or text encoder."""
        path, self.made_from = below(self.preset, *self.preset.networks[:-1])
        autoencoder = load_autoencoder(path["autoencoder"], self.device)
        ear = load_ear(path["sound"], self.device) if self.preset.sound else None
        size = size or self.preset.pool
        self.made_from["clips"] = size
        self.pools = pools(self.preset, autoencoder, ear, self.seed, self.device, size, progress)
        self.read(load_link(path["text"], self.device))

    @torch.no_grad()
    def read(self, link: Link) -> None:
        """Encode the captions of all clips."""
        self.text = []
        for pool in self.pools:
            parts = [link.encode(part) for part in _parts(pool.captions, 512)]
            self.text.append(tuple(torch.cat(x) for x in zip(*parts)))

    def cut(self, pool: Pool, step: int) -> Packing:
        """How clips are cut into patches in that step: whatever stands in the middle of a frame is
        cut in two, or not, at any width."""
        shifted = step % SHIFTED == SHIFTED - 1
        return replace(pool.packing, shift=pool.packing.patch // 2 if shifted else 0)

    def loss(self, model: nn.Module, step: int, dice: torch.Generator) -> Tensor:
        """The flow loss on clips of one aspect, a scalar."""
        pool, rows = draw(self.pools, step, self.batch, dice)
        packing = self.cut(pool, step)
        t = noise_levels(step, packing, self.batch, dice, self.shift, self.levels)
        dropped = torch.rand(self.batch, 1, generator=dice) < self.drop
        layout, used = packing.layout(1, self.device), self.preset.used(packing).to(self.device)
        fresh = draw_noise((self.batch, *used.shape), dice, self.device) * used
        apart = self.apart * (step % 5 in APART and layout.heard)
        hidden = mine(torch.rand(self.batch, generator=dice) < apart)
        rows, t, dropped, fresh = (mine(x).to(self.device) for x in (rows, t, dropped, fresh))
        text, mask = (x[rows] for x in self.text[self.pools.index(pool)])
        given = Condition(text, mask & ~dropped, layout, hidden)
        clean = pool.tokens[rows].to(self.device, torch.float32)
        if packing != pool.packing:
            clean = packing.pack(*self.preset.unpack(clean, pool.packing))
        return flow_loss(model, clean, given, t, fresh,
                         torch.where(layout.kind == SOUND, self.loudness, 1.0))

    def fuse(self) -> None:
        """Have the blocks compiled."""
        fused(self.model.blocks)

    def config(self) -> dict:
        """What the network is built from, for the checkpoint."""
        return asdict(self.preset.transformer)


def _parts(items: list, n: int) -> list[list]:
    return [items[i : i + n] for i in range(0, len(items), n)]


def load_transformer(path, device="cpu") -> Transformer:
    """The transformer of a checkpoint, ready for use. Raises `CheckpointError` as `load` does."""
    return load(path, "transformer", lambda **config: Transformer(TransformerConfig(**config)),
                device)


RECIPES = {recipe.kind: recipe for recipe in (AutoencoderRecipe, SoundRecipe, TextRecipe,
                                              TransformerRecipe)}
