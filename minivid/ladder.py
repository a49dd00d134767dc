"""What each rung of the ladder brings: take it out, train for as long, count the films as asked.

The whole machine is a diffusion transformer on latents, in the little world; each row of the table
trains it from nothing, but without one thing, in the same time on one computer.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import mean

import torch
from einops import rearrange
from torch import nn

from . import checkpoints, little
from .autoencoder import GROUP, AutoencoderConfig
from .budget import steps_in
from .errors import MinividError
from .files import write_whole
from .flow import velocity_to
from .folded import AHEAD, Folded
from .generate import Machine
from .paint import ClipFormat
from .train import Training
from .transformer import Transformer

Tensor = torch.Tensor
SECONDS, PROMPTS = 60.0, 96
COLUMNS = ("rung", "seed", "seconds", "steps", "as asked", "kept", "wide", "tall")


@dataclass(frozen=True)
class Rung:
    """How a machine is trained: the whole one, unless something is said."""

    clips: int = 3072
    share: float = 1.0  # of the time
    plain: bool = False  # AdamW, the last weights, no distances to the edges
    convolution: bool = False
    pixels: bool = False
    lr: float = little.LR
    formats: tuple[tuple[float, float], ...] = ((1, 1),)  # height and width, in sides of a square


WIDE, TALL = (1, 1.5), (1.5, 1)
LADDER = {
    "the whole machine": Rung(),
    "32 clips, not 3,072": Rung(clips=32),
    "a quarter of the time": Rung(share=0.25),
    "older training, last weights, edges not told": Rung(plain=True, lr=4e-3),
    "a convolution, no transformer": Rung(convolution=True, lr=6e-3),
    "pixels, no latents": Rung(pixels=True),
    "three formats, not squares alone": Rung(formats=((1, 1), WIDE, (1, 1), TALL)),
}


class Pixels(nn.Module):
    """In the autoencoder's place: four frames of pixels lie beside one another, none is lost."""

    config = AutoencoderConfig(channels=432)
    patch = 6

    def encode(self, video: Tensor) -> Tensor:
        """(B, 3, F, H, W) -> (B, 432, f, H/6, W/6), the first frame four times."""
        first = video[:, :, :1].expand(-1, -1, GROUP, -1, -1)
        video = torch.cat([first, video[:, :, 1:]], 2) / 0.6  # spread about 1, as latents have
        return rearrange(video, "b c (f g) (h p) (w q) -> b (c g p q) f h w", g=GROUP,
                         p=self.patch, q=self.patch)

    def decode(self, latents: Tensor) -> Tensor:
        """The inverse, clamped to [-1, 1]."""
        video = rearrange(latents, "b (c g p q) f h w -> b c (f g) (h p) (w q)", g=GROUP,
                          p=self.patch, q=self.patch)
        return (video[:, :, GROUP - 1 :] * 0.6).clamp(-1, 1)


class Guesses(nn.Module):
    """A transformer that answers with its clean guess: many pixels are too much noise to name."""

    hidden = Transformer.hidden

    def __init__(self, net: Transformer):
        super().__init__()
        self.net = net

    def forward(self, x_t: Tensor, t: Tensor, given) -> Tensor:
        return velocity_to(self.net(x_t, t, given).to(x_t.dtype), x_t, t, AHEAD)


def machine_for(rung: Rung, preset: str | None = None) -> Machine:
    """The shipped autoencoder and words, or pixels in latents' place; its transformer is not
    used."""
    machine = little.machine(Machine.load(preset, "cpu"))
    if not rung.pixels:
        return machine
    wide = replace(machine.preset.transformer, dim=4 * Pixels.config.channels)
    return replace(machine, autoencoder=Pixels(), preset=replace(machine.preset, transformer=wide))


def format_of(machine: Machine, shape: tuple[float, float]) -> ClipFormat:
    """The little world's format, so many sides high and wide."""
    height, width = (round(side * little.SIDE) for side in shape)
    return replace(machine.preset.fmt, height=height, width=width)


def learnt_from(rung: Rung, machine: Machine) -> list[little.Clips]:
    """The clips that a rung learns from, encoded; a list for each of its formats."""
    parts, formats = [], list(dict.fromkeys(rung.formats))
    for n, shape in enumerate(formats):
        fmt = format_of(machine, shape)
        which = little.seeds(rung.clips // len(formats), fmt, n << 20)
        parts.append(little.encoded(machine, which, fmt))
    return [parts[formats.index(shape)] for shape in rung.formats]


def network(rung: Rung, machine: Machine, clips: list[little.Clips], seed: int) -> nn.Module:
    """An untrained network for a rung."""
    torch.manual_seed(seed)
    size = machine.preset
    if rung.convolution:
        return Folded(clips[0].packing, size.autoencoder.channels, size.transformer.text_width, 40)
    net = Transformer(size.transformer)
    if rung.plain:
        net.hidden = ()
        nn.init.zeros_(net.walls.weight).requires_grad_(False)
    return Guesses(net) if rung.pixels else net


def train(rung: Rung, machine: Machine, clips: list[little.Clips], seed: int,
          seconds: float) -> tuple[nn.Module, int]:
    """Train a rung's network for about so many seconds: the network, and its steps."""
    recipe = Lesson(network(rung, machine, clips, seed), rung.lr,
                    lambda net, step, dice: little.loss(net, clips[step % len(clips)], dice))
    steps = steps_in(recipe, seconds * rung.share)
    run = Training(recipe.model, recipe.loss, steps, recipe.lr, seed,
                   0 if rung.plain else little.EMA)
    for _now in run.fit():
        pass
    recipe.model.load_state_dict(run.best())
    return recipe.model.eval(), steps


@dataclass
class Lesson:
    """What `steps_in` asks of a recipe."""

    model: nn.Module
    lr: float
    loss: Callable


def judge(machine: Machine, net: nn.Module, prompts: int,
          shape: tuple[float, float] = (1, 1)) -> dict[str, float]:
    """`little.measure` of films of unseen clips' captions, in a format."""
    fmt = format_of(machine, shape)
    asked = little.unseen(prompts, fmt).caption
    video = little.films(machine, net, asked, machine.preset.packing(fmt))
    return little.measure(video, asked)


def climb(seeds: int = 3, seconds: float = SECONDS, prompts: int = PROMPTS,
          preset: str | None = None, path: Path | None = None) -> Iterator[dict]:
    """Train and judge every rung with every seed, yielding its row once it stands in the file.

    What stands there already (data/ladder.csv) is not measured again.
    """
    path = path or checkpoints.data_dir() / "ladder.csv"
    rows = stored(path) if path.is_file() else []
    known = {(row["rung"], row["seed"]) for row in rows}
    for seed, (name, rung) in product(range(seeds), LADDER.items()):
        if (name, seed) in known:
            continue
        machine = machine_for(rung, preset)
        clips, begin = learnt_from(rung, machine), time.perf_counter()
        net, steps = train(rung, machine, clips, seed, seconds)
        took = time.perf_counter() - begin
        found = judge(machine, net, prompts)
        row = {"rung": name, "seed": seed, "seconds": round(took, 1), "steps": steps,
               "as asked": found["as asked"], "kept": found["kept"]}
        row |= {format: judge(machine, net, prompts // 3, shape)["as asked"]
                for format, shape in (("wide", WIDE), ("tall", TALL))}
        rows.append({key: round(x, 4) if isinstance(x, float) else x for key, x in row.items()})
        record(rows, path)
        yield rows[-1]


def stored(path: Path | None = None) -> list[dict]:
    """The rows of data/ladder.csv: rung, seed, seconds, steps, and shares of films."""
    path = path or checkpoints.data_dir() / "ladder.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: value if key == "rung" else int(value) if key in ("seed", "steps")
                 else float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def record(rows: list[dict], path: Path) -> None:
    """Write the rows."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode(), MinividError)


def table(rows: list[dict]) -> str:
    """One line a rung: films as asked, mean, lowest and highest seed; in wide and tall formats."""
    lines = [f"{'films as asked':46}{'mean':>7}{'lowest':>8}{'highest':>9}{'wide':>7}{'tall':>7}"]
    for name in dict.fromkeys(row["rung"] for row in rows):
        mine = [row for row in rows if row["rung"] == name]
        share = [row["as asked"] for row in mine]
        lines.append(f"{name:46}{mean(share):7.0%}{min(share):8.0%}{max(share):9.0%}"
                     f"{mean(row['wide'] for row in mine):7.0%}"
                     f"{mean(row['tall'] for row in mine):7.0%}")
    return "\n".join(lines)
