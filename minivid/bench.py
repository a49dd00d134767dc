"""How fast the machine is, part by part, beside the rate that this computer can reach at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import torch

from . import cost, media, verify
from .batches import make_all, read_films
from .evaluate import obeyed, prompts_for
from .generate import GUIDANCE, STEPS, Machine, generate
from .presets import choose, hurried
from .recipes import RECIPES
from .runs import train
from .train import Training, autocast, low_precision
from .world import Knobs, film

BATCH = 16


def bench(machine: Machine, repeats: int = 5,
          say: Callable[[str], None] = lambda line: None) -> dict:
    """Medians of `repeats` runs; FLOPs counted; shares are of the matmul rate, the higher of what
    was measured before and after."""
    device, fmt = machine.device, machine.preset.fmt
    precision = torch.bfloat16 if low_precision(device) else torch.float32
    side = 8192 if device.type == "cuda" else 1024  # large enough to keep it busy

    def rates() -> dict[str, float]:
        say("matrix products")
        return {"float32": cost.matmul_rate(device, torch.float32, side),
                "training": cost.matmul_rate(device, precision, side)}

    rate = rates()
    seeds = torch.arange(BATCH)
    clips = film(seeds, fmt, device=device)
    packing = machine.preset.packing(fmt)
    prompt = ["a red ball bouncing by day"]
    one = generate(machine, prompt)

    @torch.no_grad()
    def encode():
        with autocast(device):
            return machine.autoencoder.encode(clips.video)

    heard = clips.audio if machine.ear else None
    tokens = machine.to_tokens(clips.video, packing, heard)
    parts = {
        "world, a clip": (lambda: film(seeds, fmt, device=device, sound=False), BATCH, "float32"),
        "world, a clip with sound": (lambda: film(seeds, fmt, device=device), BATCH, "float32"),
        "verifier, a clip": (lambda: verify.read(clips.video, fmt.fps), BATCH, "float32"),
        "encode, a clip": (encode, BATCH, "training"),
        "decode, a clip": (lambda: machine.to_video(tokens, packing), BATCH, "float32"),
        f"sample, a clip ({STEPS} steps, guidance {GUIDANCE})":
            (lambda: generate(machine, prompt), 1, "training"),
        f"sample, each of {BATCH} clips":
            (lambda: generate(machine, prompt * BATCH), BATCH, "training"),
        "film file, a clip": (lambda: _write(one), 1, "float32"),
    }
    if machine.ear:
        parts |= {"encode sound, a clip": (torch.no_grad()(lambda: machine.ear.encode(heard)),
                                           BATCH, "float32"),
                  "decode sound, a clip": (lambda: machine.to_audio(tokens, packing), BATCH,
                                           "float32")}
    steps = ((f"training step, {name} (batch {n})", (step, 1, "training"))
             for name, step, n in _training_steps(machine))
    rows, kinds = {}, {}
    for name, (fn, n, kinds[name]) in chain(parts.items(), steps):
        say(name)
        rows[name] = {"seconds": cost.timed(fn, repeats, device) / n,
                      "flops": cost.count_flops(fn, device) / n}
    again = rates()  # other work may have slowed the first
    rate = {kind: max(rate[kind], again[kind]) for kind in rate}
    for name, row in rows.items():
        row["share_of_matmul"] = row["flops"] / row["seconds"] / rate[kinds[name]]
    say("minivid make, cold")
    return {"preset": machine.preset.name, "device": str(device),
            "threads": torch.get_num_threads(),
            "matmul_flops_per_second": rate, "parts": rows,
            "cold_make_seconds": cold(machine.preset.name),
            "peak_memory_bytes": cost.peak_memory(device)}


def _training_steps(machine: Machine):
    """The first step of each training but the text encoder's, again and again: batches of the
    preset's size, its own aspect."""
    for name in machine.preset.networks:
        if name == "text":
            continue
        recipe = RECIPES[name](machine.preset, 0, machine.device)
        recipe.prepare(size=4 * recipe.batch)
        run = Training(recipe.model, recipe.loss, 10_000, recipe.lr)

        def first_step(run=run):
            run.step = 0
            return run.one_step()

        yield recipe.kind, first_step, recipe.batch


def _write(clip) -> None:
    with tempfile.TemporaryDirectory() as folder:
        audio = None if clip.audio is None else clip.audio[0]
        media.write_film(Path(folder) / "film.mp4", clip.video[0], clip.fps, audio, 8000)


def cold(preset: str, repeats: int = 3) -> float:
    """Seconds from starting `minivid make` to its end, the film on disk: the median."""
    def make():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "minivid", "make", "a red ball bouncing by day",
                            "--preset", preset, "-o", str(Path(folder) / "film.mp4")],
                           check=True, capture_output=True)

    return cost.timed(make, repeats, "cpu")


def table(result: dict) -> str:
    """The figures as lines of text."""
    rate = result["matmul_flops_per_second"]
    lines = [f"preset {result['preset']}, {result['device']}, {result['threads']} threads; matrix "
             f"products reach {rate['float32'] / 1e9:.0f} GFLOP/s in float32, "
             f"{rate['training'] / 1e9:.0f} in training's precision"]
    for name, row in result["parts"].items():
        lines.append(f"{name:44}{row['seconds'] * 1e3:10.1f} ms{row['flops'] / 1e9:10.2f} GFLOP"
                     f"{row['share_of_matmul']:8.0%} of matmul")
    name = "minivid make, from cold process to film"
    lines.append(f"{name:44}{result['cold_make_seconds'] * 1e3:10.1f} ms")
    memory = result["peak_memory_bytes"]
    peak = f"{memory / 2**30:.2f} GiB" if memory else "n/a"
    return "\n".join(lines + [f"peak memory {peak}"])


def speedrun(minutes: float = 10, prompts: int = 200, seed: int = 0, preset: str | None = None,
             say: Callable[[str], None] = print) -> dict:
    """From nothing to films in so many minutes on this machine: all networks, then the score.

    Nothing that is shipped is touched: everything goes to a folder that is thrown away.
    """
    share = {"autoencoder": 0.42, "text": 0.05, "transformer": 0.53}
    before = {name: os.environ.get(name) for name in ("MINIVID_DATA", "MINIVID_RUNS")}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "checkpoints").mkdir()
        (Path(folder) / "checkpoints" / "manifest.json").write_text("{}")
        os.environ |= {"MINIVID_DATA": folder, "MINIVID_RUNS": str(Path(folder) / "runs")}
        try:
            begin, size = time.perf_counter(), hurried(choose(preset))
            for name in size.networks:
                train(name, size, minutes * share[name], seed=seed, say=say)
            took = time.perf_counter() - begin
            machine = Machine.load(size)
            captions, _ = prompts_for(Knobs(cast="one"), prompts, machine.preset.fmt)
            made = make_all(machine, captions, 1, machine.preset.fmt)
            score = obeyed(read_films(made.video, machine.preset.fmt), captions)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
    say(f"after {took / 60:.1f} minutes {score['together']:.1%} of {prompts} prompts are obeyed")
    return {"minutes": took / 60, "prompts": prompts, "seed": seed, **score}
