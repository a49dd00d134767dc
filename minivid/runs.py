"""`minivid train`: from a name and some minutes to a checkpoint in the manifest, resumable."""

from __future__ import annotations

import itertools
import os
import platform
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from . import checkpoints, cost, distributed
from .beginning import begin_with
from .budget import TRIAL, Deadline, clips_in, rate_for, steps_in, worth_compiling
from .compression import Compression
from .errors import CheckpointError, MinividError
from .files import check_writable
from .presets import Preset, choose
from .recipes import RECIPES
from .train import Training

SAVE_EVERY, SAY_EVERY = 60, 10  # seconds


def hardware(device: torch.device) -> str:
    """What a training ran on, for the manifest."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of a {platform.machine()} CPU"


def in_progress(name: str, preset: str) -> Path:
    """Where an unfinished training is kept: in runs/, or in the folder MINIVID_RUNS."""
    return Path(os.environ.get("MINIVID_RUNS", "runs")) / f"{name}-{preset}.safetensors"


def train(name: str, preset: str | Preset | None = None, minutes: float | None = None,
          steps: int | None = None, seed: int = 0, resume: bool = False, warm: bool = False,
          decoder: bool = False, out: str | Path | None = None, batch: int | None = None,
          clips: int | None = None, say: Callable[[str], None] = print) -> Path:
    """Train network `name` and enter it in the manifest; returns the checkpoint's path.

    `preset` is the name of one, or one that is not in the list; `batch` is how many clips a step
    learns from, by default the preset's; `clips` is how many there are for text and transformer.

    The number of steps is given, or found from the minutes: when the training starts, and again on
    the way, until its rate begins to fall. It is kept in the resumable state, which is written
    every minute and on an interrupt. With `resume`, seed and the rest are as they were, and steps
    are where it shall end, sooner or later than planned.
    `warm` begins from the shipped network's weights instead of from nothing, with a new schedule;
    `decoder` does so with an autoencoder's decoder alone, and its latents stay as they are.
    With `out` the checkpoint goes there instead, and the manifest stays as it is.
    Raises `MinividError` for an unknown name, no time, nothing to resume, or what contradicts.
    """
    check_request(name, minutes, steps, resume, warm, decoder, batch, clips)
    device, begin = distributed.init_from_env(), time.perf_counter()
    size = preset if isinstance(preset, Preset) else choose(preset, device)
    state = in_progress(name, size.name)
    tell = say if distributed.main_process() else lambda line: None
    before = unfinished(state, name, size.name, steps) if resume else {}
    if resume:
        seed, out, batch = before["seed"], out or before.get("out"), before.get("batch")
    if batch:
        size = replace(size, batch=size.batch | {name: batch})
    path = place_for(name, size.name, out)
    check_writable(state, MinividError)
    recipe = RECIPES[name](size, seed, device)
    tell(f"{name}, preset {size.name}, on {hardware(device)}")
    recipe.prepare(ticker(recipe, tell),
                   before.get("clips") or clips or clips_in(minutes, size.pool, device))
    about = account(recipe, before)
    if device.type == "cuda" and worth_compiling(minutes or size.minutes[name], steps):
        recipe.fuse()
    about |= begin_with(recipe, before, warm, decoder, tell)
    deadline = None
    if not steps and not resume:
        wanted = (minutes or size.minutes[name]) * 60
        steps, deadline = planned(recipe, wanted, time.perf_counter() - begin, tell)
    about["rate"] = before.get("rate") or rate_for(recipe, steps, "begun_from" in about)
    run = in_training(recipe, state, resume, steps, about["rate"], seed, tell)
    begin -= before.get("wall_seconds", 0)
    carry_on(run, state, {**about, "out": str(path.absolute()) if out else None}, begin, tell,
             deadline)
    recipe.model.load_state_dict(run.best())
    recipe.finish()
    if distributed.main_process():
        try:
            keep(recipe, run, path, about, time.perf_counter() - begin, listed=not out)
        except CheckpointError as problem:
            raise CheckpointError(f"{problem} What was learnt is kept: minivid train {name} "
                                  f"--preset {size.name} --resume --out FILE") from problem
        state.unlink(missing_ok=True)
        tell(f"wrote {path} after {(time.perf_counter() - begin) / 60:.1f} minutes")
    distributed.leave()
    return path


def in_training(recipe, state: Path, resume: bool, steps: int | None, rate: float, seed: int,
                tell) -> Training:
    """The recipe's network in training, as `state` has it where it is resumed; otherwise what lies
    there is set aside."""
    run = Training(recipe.model, recipe.loss, steps or 1, rate, seed, recipe.ema, recipe.tokens,
                   recipe.cooldown)
    if resume:
        run.load(state, recipe.kind)
        run.steps = steps or run.steps
        tell(f"resumed at step {run.step} of {run.steps}")
    elif state.is_file() and distributed.main_process():
        tell(f"an unfinished training was there; it is kept as {set_aside(state)}")
    return run


def planned(recipe, wanted: float, spent: float, tell) -> tuple[int, Deadline]:
    """How many steps fit in what is left of the seconds that are wanted, at least in half of them,
    and when they shall end."""
    tell(f"taking {sum(TRIAL)} steps on trial, to see how many fit into the time")
    begin = time.perf_counter()
    seconds = max(wanted - spent, wanted / 2)
    steps, deadline = steps_in(recipe, seconds), Deadline(begin + seconds)
    trial = time.perf_counter() - begin
    least = trial + TRIAL[1] * trial / sum(TRIAL)  # the trial, and the fewest steps
    tell(f"about {steps} steps, {(spent + max(seconds, least)) / 60:.1f} minutes in all")
    return steps, deadline


def check_request(name: str, minutes: float | None, steps: int | None, resume: bool,
                  warm: bool, decoder: bool, batch: int | None, clips: int | None) -> None:
    """Raise `MinividError` for what cannot be trained, before any work is done."""
    if name not in RECIPES:
        raise MinividError(f"There is nothing called {name!r} to train; there are "
                           f"{', '.join(RECIPES)}.")
    if (minutes is not None and minutes <= 0) or (steps is not None and steps < 1):
        raise MinividError("A training needs more than 0 minutes, or at least 1 step.")
    if steps is not None and minutes is not None:
        raise MinividError("Say how long by --minutes or by --steps, not by both.")
    if decoder and not issubclass(RECIPES[name], Compression):
        raise MinividError(f"There is no decoder in {name} to train alone; autoencoder and sound "
                           "have one.")
    if resume and (warm or decoder or minutes is not None or batch is not None
                   or clips is not None):
        raise MinividError("A training that is resumed goes on as it was begun, to the step it was "
                           "to end at: no --warm, --decoder, --minutes, --batch or --clips; "
                           "--steps moves the end. If one was interrupted, go on with `minivid "
                           f"train {name} --resume`, and the --preset it had.")


def place_for(name: str, preset: str, out: str | Path | None) -> Path:
    """Where the checkpoint goes: `out`, or the one in use. Raises `MinividError` where nothing can
    be written, or there is no manifest to enter it in."""
    path = Path(out or checkpoints.data_dir() / "checkpoints" / f"{name}-{preset}.safetensors")
    if path.suffix != ".safetensors":
        raise MinividError(f"Cannot write {path}: end its name in .safetensors")
    if not out:
        checkpoints.manifest()
    check_writable(path, MinividError)
    return path


def account(recipe, before: dict) -> dict:
    """What a training is, for its checkpoint and the manifest; `before` tells of its beginning,
    where it is resumed."""
    commands = [before["command"]] if before else []
    commands.append("minivid " + shlex.join(sys.argv[1:]))
    return {"kind": recipe.kind, "preset": recipe.preset.name, "config": recipe.config(),
            **recipe.made_from, "batch": recipe.batch, "command": " && ".join(commands)}


def unfinished(state: Path, name: str, preset: str, steps: int | None) -> dict:
    """What is known of a training to be resumed. Raises `MinividError` where it cannot be."""
    if not state.is_file():
        raise MinividError(f"Nothing to resume: there is no {state}. Train without --resume.")
    before = checkpoints.load(state, f"training {name}")[1]
    if steps is not None and steps <= before["step"]:
        raise MinividError(f"{state} is at step {before['step']} already: --steps must be more.")
    for below, digest in before.get("built_on", {}).items():
        if digest not in checkpoints.stands_for(below, preset):
            raise MinividError(f"{state} was begun with another {below} than the one here. "
                               "Train without --resume.")
    return before


def set_aside(state: Path) -> Path:
    """Give an unfinished training another name, which none has yet; returns it."""
    names = (state.with_suffix(f".previous{n or ''}.safetensors") for n in itertools.count())
    aside = next(path for path in names if not path.exists())
    os.replace(state, aside)
    return aside


@contextmanager
def interrupts_wait() -> Iterator[list]:
    """Ctrl-C, or a request to end, is put into the list instead: a step in progress ends whole.

    A second one does not wait.
    """
    asked = []

    def remember(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {n: signal.signal(n, remember) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def carry_on(run: Training, state: Path, about: dict, begin: float, tell,
             deadline: Deadline | None = None) -> None:
    """Train to the end; keep a state to resume from, now and then and on an interrupt."""

    def save() -> None:
        if distributed.main_process():
            run.save(state, {**about, "wall_seconds": time.perf_counter() - begin})

    saved = said = time.perf_counter()
    with interrupts_wait() as asked:
        for now in run.fit():
            moment = time.perf_counter()
            if deadline:
                deadline.keep(run)
            if now.step in (1, run.steps) or moment - said > SAY_EVERY:
                tell(str(now))
                said = moment
            # a signal may reach one of several processes a step sooner: all stop together
            stop = distributed.anyone(bool(asked), run.device)
            if stop or now.step == run.steps or moment - saved > SAVE_EVERY:
                try:
                    save()
                except CheckpointError as problem:  # a full disk may have room again later
                    if stop:
                        raise
                    tell(str(problem))
                saved = moment
            if stop:
                raise KeyboardInterrupt


def keep(recipe, run: Training, path: Path, about: dict, seconds: float, listed: bool) -> None:
    """Write the final checkpoint, as 16-bit numbers, and enter it in the manifest."""
    checkpoints.save(path, {n: halved(x) for n, x in recipe.model.state_dict().items()}, about)
    if listed:
        facts = {k: v for k, v in about.items() if k not in ("kind", "preset")}
        checkpoints.record(recipe.kind, about["preset"], path, seed=run.seed, steps=run.steps,
                           wall_seconds=round(seconds, 1), hardware=hardware(run.device),
                           peak_memory_bytes=cost.peak_memory(run.device), **facts)


def halved(x: torch.Tensor) -> torch.Tensor:
    """As 16-bit numbers, where none is too large for them (65504)."""
    half = x.to(torch.float16)
    return half if torch.equal(half.isfinite(), x.isfinite()) else x


def ticker(recipe, tell: Callable[[str], None]) -> Callable[[int], None]:
    """A counter of the clips that a recipe encodes, which speaks up now and then."""
    count, last = 0, time.perf_counter()

    def tick(n: int) -> None:
        nonlocal count, last
        count += n
        if time.perf_counter() - last > SAY_EVERY:
            last = time.perf_counter()
            tell(f"{count} of {recipe.made_from['clips']} clips encoded")

    return tick
