"""A little world for the whole machine: two things, three colours, five actions, by day or night.

All things are large, all that move do so quickly, and a film is nine frames long: small enough that
a diffusion transformer learns it, from nothing, in a minute or two on a laptop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import mean

import torch
from torch import nn

from . import grammar as g
from . import steady, verify
from .flow import flow_loss, sample_t
from .generate import Machine
from .guidance import Guided
from .layers import Condition
from .paint import ClipFormat
from .pool import UNSEEN, Pool
from .presets import Preset
from .sampling import Step, churn
from .tokens import Packing
from .train import Training
from .world import Clip, Knobs, film, script

Tensor = torch.Tensor
KNOBS = Knobs(split="all", cast="one", shapes=("ball", "box"), colours=("red", "yellow", "blue"),
              actions=("stands still", *g.MOVES), places=("by day", "at night"))
SIDE, FRAMES = 48, 9
BATCH, LR, EMA = 32, 1e-2, 0.99
SHIFT, GUIDANCE, STEPS = 1.5, 2.0, 24
SUDDEN = 0.1  # of all that light can change, 2


def size_of(preset: Preset) -> Preset:
    """The sizes of the little machine: silent, small films of nine frames, and two blocks, which
    feel the edges from anywhere."""
    fmt = replace(preset.fmt, height=SIDE, width=SIDE, frames=FRAMES)
    return replace(preset, fmt=fmt, aspects=preset.aspects[:1], sound=None, cast="one",
                   transformer=replace(preset.transformer, depth=2, reach=None))


def machine(whole: Machine) -> Machine:
    """The autoencoder and the words of a trained machine, for the little world's films."""
    return replace(whole, preset=size_of(whole.preset), ear=None)


def seeds(n: int, fmt: ClipFormat, first: int = 0) -> Tensor:
    """n seeds, from `first` on, of clips whose thing is large and, if it moves, quick: (n,)"""
    some = first + torch.arange(5 * n + 64)  # three in ten are
    truth = script(some, fmt, KNOBS)[1]
    return some[(truth.size[:, 0] > 0) & (truth.speed[:, 0] != 0)][:n]


def unseen(n: int, fmt: ClipFormat) -> Clip:
    """n clips that are never trained on, without sound."""
    return film(seeds(n, fmt, UNSEEN), fmt, KNOBS, sound=False)


# ---------------------------------------------------------------- to learn from


@dataclass
class Clips:
    """Clips as tokens (n, N, D) with their captions: text (n, L, E) and its mask (n, L)."""

    tokens: Tensor
    text: Tensor
    mask: Tensor
    packing: Packing

    def some(self, rows: Tensor, heard: Tensor | bool = True) -> tuple[Tensor, Condition]:
        """The clean tokens of some rows (B,), and what the network is given of them: the words
        only where `heard` (B,)."""
        mask = self.mask[rows] & torch.as_tensor(heard).reshape(-1, 1)
        given = Condition(self.text[rows], mask, self.packing.layout(len(rows)))
        return self.tokens[rows].float(), given


@torch.no_grad()
def encoded(machine: Machine, which: Tensor, fmt: ClipFormat) -> Clips:
    """The clips with these seeds (n,), encoded once by the machine's autoencoder and words."""
    pool = Pool(machine.autoencoder, None, machine.preset, fmt, which, machine.device, knobs=KNOBS)
    text, mask = machine.link.encode(pool.captions)
    longest = int(mask.sum(1).max())
    return Clips(pool.tokens, text[:, :longest], mask[:, :longest], pool.packing)


def loss(model, clips: Clips, dice: torch.Generator, batch: int = BATCH) -> Tensor:
    """Diffusion: the flow loss on some clips, one in ten of them without its words."""
    rows = torch.randint(len(clips.tokens), (batch,), generator=dice)
    clean, given = clips.some(rows, torch.rand(batch, generator=dice) >= 0.1)
    t = sample_t(batch, dice, shift=SHIFT)
    return flow_loss(model, clean, given, t, generator=dice)


def learn(net: nn.Module, loss: Callable, steps: int, seed: int = 0, lr: float = LR,
          at: tuple[int, ...] = (), look: Callable = print) -> tuple[nn.Module, float]:
    """Train `net` by `loss(net, dice)`: one with its averaged weights, and the loss at the end.

    After the steps `at`, look(step, best) is called with the weights averaged until then.
    """
    best, losses = deepcopy(net), []
    training = Training(net, lambda model, step, dice: loss(model, dice), steps, lr, seed, EMA)
    for now in training.fit():
        losses.append(now.loss)
        if now.step in (*at, steps):
            best.load_state_dict(training.best())
        if now.step in at:
            look(now.step, best)
    return best, mean(losses[-50:])


# ---------------------------------------------------------------- to judge by


def walk(machine: Machine, net, prompts: list[str], packing: Packing, seed: int = 7,
         steps: int = STEPS, scale: float = GUIDANCE) -> Iterator[Step]:
    """From noise to the tokens of these prompts' films, made by `net`: each moment."""
    dice = torch.Generator().manual_seed(seed)

    def noise() -> Tensor:
        return torch.randn(len(prompts), packing.pictures, packing.dim, generator=dice)

    given = machine.condition(prompts, packing)
    return churn(Guided(net, scale), noise(), given, steps, shift=SHIFT, fresh=noise)


@torch.no_grad()
def films(machine: Machine, net, prompts: list[str], packing: Packing, **options) -> Tensor:
    """The films at the end of the `walk`, in pixels: (B, 3, F, H, W)"""
    *_, last = walk(machine, net, prompts, packing, **options)
    return machine.to_video(last.x_t, packing)


def as_asked(video: Tensor, prompts: list[str], fps: float = 8) -> list[int]:
    """Which films (B, 3, F, H, W) have all that their prompts name, and nothing else."""
    right = verify.score(verify.read(video, fps), prompts).together
    return [row for row, ok in enumerate(right) if ok]


def measure(video: Tensor, prompts: list[str], fps: float = 8) -> dict[str, float]:
    """How good films (B, 3, F, H, W) are, held against their prompts, each from 0 to 1.

    "as asked": films with all that is named, and nothing else; "kept": one thing in every frame,
    that never changes shape or colour; "smooth": smoothness of the way, of films that are to move
    and keep their thing; "light": films whose light does not change suddenly.
    """
    readings = verify.read(video, fps)
    kept = [len(r.position) == 1 and r.presence == 1 and r.switches == 0 for r in readings]
    ways = [r.position for r, whole, prompt in zip(readings, kept, prompts)
            if whole and "mov" in prompt]
    smooth = steady.smoothness(torch.cat(ways)).mean().item() if ways else float("nan")
    light = video.flatten(3).median(-1).values  # (B, 3, F): most of a picture is background
    sudden = light.diff(dim=2).abs().amax((1, 2)) > SUDDEN
    return {"as asked": verify.score(readings, prompts).rate(), "kept": mean(map(float, kept)),
            "smooth": smooth, "light": 1 - sudden.float().mean().item()}
