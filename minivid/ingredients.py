"""What each ingredient of the transformer's training brings: leave it out, and train again.

A small network, equal steps, several seeds; the measure is its loss on clips it never saw, at
five noise levels, with the same noise for all. Lower is better.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import mean

import torch

from . import checkpoints
from .compression import load_autoencoder, load_ear
from .errors import MinividError
from .files import write_whole
from .flow import flow_loss
from .layers import Condition
from .pool import UNSEEN, Pool
from .presets import best_device, choose_trained
from .recipes import TransformerRecipe, load_link
from .text import Link
from .train import Training, autocast

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
CLIPS, HELD, BATCH = 4096, 256, 32
DEPTH = 2


def _adamw(recipe) -> None:
    recipe.model.hidden = ()


def _last_weights(recipe) -> None:
    recipe.ema = 0


def _uniform(recipe) -> None:
    recipe.levels = "uniform"


def _no_walls(recipe) -> None:
    torch.nn.init.zeros_(recipe.model.walls.weight).requires_grad_(False)


def _one_modulation(recipe) -> None:
    for block in recipe.model.blocks:
        block.own.requires_grad_(False)


def _untrained_words(recipe) -> None:
    torch.manual_seed(1)
    recipe.link = Link(recipe.preset.text).to(recipe.device).eval()


LEFT_OUT: dict[str, Callable] = {  # ingredient: how to do without it
    "nothing left out": lambda recipe: None,
    "Muon (AdamW instead)": _adamw,
    "averaged weights (the last ones instead)": _last_weights,
    "mostly middling noise levels (uniform instead)": _uniform,
    "distances to the walls (none instead)": _no_walls,
    "words learnt by contrast (an untrained encoder instead)": _untrained_words,
    "a modulation of each block's own (one for all instead)": _one_modulation,
}


@torch.no_grad()
def held_out_loss(model, link: Link, pool: Pool, device) -> float:
    """Mean loss on a pool of unseen clips over LEVELS, with fixed noise."""
    text, mask = link.encode(pool.captions)
    given = Condition(text, mask, pool.packing.layout(len(pool), device))
    noise = torch.randn(pool.tokens.shape, generator=torch.Generator().manual_seed(0)).to(device)
    clean = pool.tokens.to(device, torch.float32)
    with autocast(device):
        return mean(float(flow_loss(model, clean, given, torch.full((len(pool),), t, device=device),
                                    noise)) for t in LEVELS)


def compare(steps: int = 400, seeds: int = 3, preset: str | None = None,
            say: Callable[[str], None] = print) -> list[dict]:
    """Train without each ingredient in turn: rows of ingredient, seed, loss and seconds."""
    device = best_device()
    size = choose_trained(preset, device)
    size = replace(size, aspects=size.aspects[:1], batch={**size.batch, "transformer": BATCH},
                   transformer=replace(size.transformer, depth=DEPTH))
    path = {name: checkpoints.find(name, size.name) for name in size.networks[:-1]}
    autoencoder = load_autoencoder(path["autoencoder"], device)
    ear = load_ear(path["sound"], device) if size.sound else None
    link = load_link(path["text"], device)
    held = Pool(autoencoder, ear, size, size.fmt, UNSEEN + torch.arange(HELD), device)
    first = TransformerRecipe(size, 0, device)
    first.prepare(size=CLIPS)
    rows = []
    for name, leave_out in LEFT_OUT.items():
        for seed in range(seeds):
            recipe = TransformerRecipe(size, seed, device)
            recipe.pools, recipe.link = first.pools, link
            leave_out(recipe)
            recipe.read(recipe.link)
            run, begin = Training(recipe.model, recipe.loss, steps, recipe.lr, seed, recipe.ema,
                                  cooldown=recipe.cooldown), time.perf_counter()
            for _now in run.fit():
                pass
            took = time.perf_counter() - begin
            recipe.model.load_state_dict(run.best())
            loss = held_out_loss(recipe.model.eval(), recipe.link, held, device)
            rows.append({"left out": name, "seed": seed, "steps": steps, "loss": round(loss, 5),
                         "seconds": round(took, 1)})
            say(f"{name}, seed {seed}: loss {loss:.4f} after {took:.0f} s")
    return rows


def table(rows: list[dict]) -> str:
    """One line an ingredient: mean loss, lowest and highest seed, and how it compares."""
    names = list(dict.fromkeys(row["left out"] for row in rows))
    losses = {name: [row["loss"] for row in rows if row["left out"] == name] for name in names}
    whole = losses[names[0]]
    lines = [f"{'left out':58}{'loss':>7}{'lowest':>8}{'highest':>8}"]
    for name, values in losses.items():
        line = f"{name:58}{mean(values):7.4f}{min(values):8.4f}{max(values):8.4f}"
        if values is not whole:
            apart = min(values) > max(whole) or max(values) < min(whole)
            change = mean(values) / mean(whole) - 1
            line += f"   {change:+.1%}" + ("" if apart else ", within the seeds' spread")
        lines.append(line)
    return "\n".join(lines)


def record(rows: list[dict]) -> None:
    """Write the rows to data/ingredients.csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = checkpoints.data_dir() / "ingredients.csv"
    write_whole(path, text.getvalue().encode(), MinividError)
