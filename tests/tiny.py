"""A preset small enough for tests, and a training with it that `torchrun` can start."""

import sys
from pathlib import Path

import torch

from minivid import budget, checkpoints, distributed, presets, runs, train
from minivid.audio import SoundConfig
from minivid.autoencoder import AutoencoderConfig
from minivid.generate import Machine
from minivid.paint import ClipFormat
from minivid.recipes import RECIPES
from minivid.train import Training
from minivid.transformer import TransformerConfig

TINY = presets.Preset(
    "tiny",
    ClipFormat(24, 24, 9, 8),
    aspects=((24, 24), (24, 36), (36, 24)),
    held_out=((24, 48), (48, 24)),
    autoencoder=AutoencoderConfig(4, 16, 16, 8),
    transformer=TransformerConfig(dim=16, text_width=32, depth=1),
    sound=SoundConfig(channels=8, width=16, fine_width=8, depth=(1, 1, 1)),
    pool=64,
    batch={"autoencoder": 8, "sound": 8, "text": 8, "transformer": 8},
)
presets.PRESETS["tiny"] = TINY
train.low_precision = lambda device: False  # so that results can be compared closely


def empty_data(folder, patch):
    """Make `folder` the place of checkpoints and of unfinished trainings, with none in it yet.

    Training is on the CPU then: only there it is the same each time.
    """
    patch.setattr(torch.cuda, "is_available", lambda: False)
    patch.setenv("CUDA_VISIBLE_DEVICES", "")  # in other processes
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "manifest.json").write_text("{}")
    patch.setenv("MINIVID_DATA", str(folder))
    patch.setenv("MINIVID_RUNS", str(folder / "runs"))
    return folder


def hardly_trained(folder, patch) -> Machine:
    """The tiny machine after two steps: its films are mud."""
    empty_data(folder, patch)
    for name in TINY.networks:
        runs.train(name, "tiny", steps=2, say=lambda line: None)
    return Machine.load("tiny", "cpu")


def training(name: str, steps: int, device="cpu") -> Training:
    """A training of the tiny network `name`, its batches prepared."""
    recipe = RECIPES[name](TINY, 0, device)
    recipe.prepare()
    return Training(recipe.model, recipe.loss, steps, recipe.lr, 0, recipe.ema,
                    cooldown=recipe.cooldown)


def main(folder: str, *names: str) -> None:
    device = distributed.init_from_env()
    steps = torch.tensor(float(budget.steps_in(RECIPES["autoencoder"](TINY, 0, device),
                                               1.0 + distributed.rank())))
    assert distributed.all_mean(steps) == steps, "minutes become as many steps in every process"

    def keep(recipe, run, path, *about, **more):  # not rounded to 16 bits
        checkpoints.save(path, run.best(), {"kind": "tiny"})
        print("kept")

    runs.keep = keep
    leave, distributed.leave = distributed.leave, lambda: None  # one group for all trainings
    for name in names:
        runs.train(name, "tiny", steps=6, out=Path(folder) / f"{name}-two.safetensors")
    leave()


if __name__ == "__main__":  # torchrun tests/tiny.py FOLDER NAME ...
    main(*sys.argv[1:])
