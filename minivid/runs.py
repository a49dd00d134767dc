"""`minivid train`: from a name and some minutes to a checkpoint in the manifest, resumable."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from . import checkpoints, distributed
from .errors import MinividError
from .presets import best_device, choose
from .recipes import RECIPES
from .train import Training

SAVE_EVERY = 60  # seconds between resumable states
TRIAL = (8, 24)  # steps to warm up, steps to time, when minutes become a number of steps


def hardware(device: torch.device) -> str:
    """What a training ran on, for the manifest."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of a {platform.machine()} CPU"


def in_progress(name: str, preset: str) -> Path:
    """Where an unfinished training is kept: beside nothing that is shipped."""
    return Path(os.environ.get("MINIVID_RUNS", "runs")) / f"{name}-{preset}.safetensors"


def steps_in(recipe, seconds: float) -> int:
    """How many steps fit in that many seconds: a few are tried, on a copy that is thrown away."""
    trial = Training(recipe.model, recipe.loss, 10_000, recipe.lr, ema=0)
    weights = {n: x.clone() for n, x in recipe.model.state_dict().items()}
    for now in trial.fit(TRIAL[0]):
        pass
    begin = time.perf_counter()
    for now in trial.fit(sum(TRIAL)):
        pass
    each = (time.perf_counter() - begin) / TRIAL[1]
    recipe.model.load_state_dict(weights)
    return max(TRIAL[1], int(seconds / each))


def train(name: str, preset: str | None = None, minutes: float | None = None,
          steps: int | None = None, seed: int = 0, resume: bool = False, warm: bool = False,
          out: str | Path | None = None, say: Callable[[str], None] = print) -> Path:  # fmt: skip
    """Train network `name` and enter it in the manifest; returns the checkpoint's path.

    The number of steps is given, or found from the minutes when the training starts; it is kept
    in the resumable state, which is written every minute and on an interrupt. `warm` begins from
    the shipped network's weights instead of from nothing, with a new schedule. With `out` the checkpoint goes there instead and the manifest stays as it is.
    """
    if name not in RECIPES:
        raise MinividError(f"There is nothing called {name!r} to train; there are "
                           f"{', '.join(RECIPES)}.")  # fmt: skip
    if (minutes is not None and minutes <= 0) or (steps is not None and steps < 1):
        raise MinividError("A training needs more than 0 minutes, or at least 1 step.")
    device = distributed.init_from_env()
    size, begin = choose(preset, device), time.perf_counter()
    recipe = RECIPES[name](size, seed, device)
    state = in_progress(name, size.name)
    begun_from = None
    if warm:  # the weights of the shipped network, but a schedule of its own
        shipped = checkpoints.find(name, size.name)
        tensors, _ = checkpoints.load(shipped, name)
        recipe.model.load_state_dict({n: x.float() for n, x in tensors.items()})
        begun_from = checkpoints.manifest()[f"{name}-{size.name}"]
    quiet = not distributed.main_process()
    tell = (lambda line: None) if quiet else say
    tell(f"{name}, preset {size.name}, on {hardware(device)}")
    recipe.prepare(_ticker("clips encoded", tell))
    if resume and not state.is_file():
        raise MinividError(f"Nothing to resume: there is no {state}. Train without --resume.")
    if not steps and not resume:
        spent = time.perf_counter() - begin
        steps = steps_in(recipe, (minutes or size.minutes[name]) * 60 - spent)
    run = Training(recipe.model, recipe.loss, steps or 1, recipe.lr, seed, recipe.ema, recipe.tokens)
    before = 0.0
    if resume:
        before = run.load(state, name).get("wall_seconds", 0.0)
        tell(f"resumed at step {run.step} of {run.steps}")

    def wall() -> float:
        return before + time.perf_counter() - begin

    about = {"kind": name, "preset": size.name, "config": recipe.config()}
    saved = printed = time.perf_counter()
    try:
        for now in run.fit():
            moment = time.perf_counter()
            if now.step in (1, run.steps) or moment - printed > 10:
                tell(str(now))
                printed = moment
            if moment - saved > SAVE_EVERY and not quiet:
                run.save(state, {**about, "wall_seconds": wall()})
                saved = moment
    except KeyboardInterrupt:
        if not quiet:
            run.save(state, {**about, "wall_seconds": wall()})
            tell(f"interrupted at step {run.step}; go on with: minivid train {name} --resume")
        raise
    recipe.model.load_state_dict(run.best())
    recipe.finish()
    path = Path(out) if out else checkpoints.data_dir() / "checkpoints" / f"{name}-{size.name}.safetensors"
    if not quiet:
        half = {n: x.to(torch.float16) for n, x in recipe.model.state_dict().items()}
        checkpoints.save(path, half, about)
        if not out:
            checkpoints.record(name, size.name, path, config=about["config"], seed=run.seed,
                               steps=run.steps, wall_seconds=round(wall(), 1),
                               hardware=hardware(device), command=_command(),
                               begun_from=begun_from)  # fmt: skip
        state.unlink(missing_ok=True)
        tell(f"wrote {path} after {wall() / 60:.1f} minutes")
    distributed.leave()
    return path


def _command() -> str:
    return "minivid " + shlex.join(sys.argv[1:])


def _ticker(what: str, tell: Callable[[str], None]) -> Callable[[int], None]:
    """A counter that speaks up every ten seconds."""
    count, last = 0, time.perf_counter()

    def tick(n: int) -> None:
        nonlocal count, last
        count += n
        if time.perf_counter() - last > 10:
            last = time.perf_counter()
            tell(f"{count} {what}")

    return tick
