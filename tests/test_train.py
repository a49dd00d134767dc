"""Training: resumed equals unbroken, two processes equal one, and nothing is lost."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import TINY, empty_data, training
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils.data import DataLoader

from minivid import (
    budget,
    checkpoints,
    compression,
    ingredients,
    pool,
    presets,
    recipes,
    runs,
    text,
)
from minivid import grammar as g
from minivid.autoencoder import autoencoder_loss
from minivid.errors import CheckpointError, MinividError
from minivid.generate import Machine
from minivid.layers import PICTURE
from minivid.pool import UNSEEN, seeds_for
from minivid.recipes import RECIPES, noise_levels
from minivid.train import Training, draw_noise, fused, optimizers_for, schedule
from minivid.world import film, painted, script, sound_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of its own, where the tiny networks are trained and found."""
    return empty_data(tmp_path, monkeypatch)


def weights(run: Training) -> torch.Tensor:
    return torch.cat([x.flatten().float() for x in run.best().values()])


def quiet(line):
    """Nowhere for a training to tell how far it is."""


def train_all(names, **options):
    for name in names:
        runs.train(name, "tiny", steps=2, say=quiet, **options)


def broken_off(monkeypatch, at, see):
    """Let trainings keep a state after every step, and break off instead of taking that one;
    returns what `see` says of each run before its steps."""
    one_step, seen = Training.one_step, []

    def step(self):
        seen.append(see(self))
        if len(seen) == at:
            raise KeyboardInterrupt
        return one_step(self)

    monkeypatch.setattr(runs, "SAVE_EVERY", 0)
    monkeypatch.setattr(Training, "one_step", step)
    return seen


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_killed_training_resumed_gives_the_weights_of_an_unbroken_one(folder, name):
    train_all(checkpoints.BUILT_ON[name])
    whole = training(name, 12)
    list(whole.fit())
    first = training(name, 12)
    list(first.fit(until=5))
    first.save(folder / "state.safetensors", {"kind": name})
    second = training(name, 12)
    second.load(folder / "state.safetensors", name)
    assert second.step == 5
    list(second.fit())
    assert torch.equal(weights(whole), weights(second))
    assert not torch.equal(weights(whole), weights(first))


def test_two_processes_agree_with_one(folder, monkeypatch):
    train_all(TINY.networks)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("tiny.py")
    told = subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone",
                           "--nproc-per-node", "2", str(script), str(folder),
                           *RECIPES], env=env, check=True, capture_output=True, text=True,
                          timeout=240).stdout
    assert told.count("wrote") == told.count("kept") == len(RECIPES)
    for name in RECIPES:
        assert not runs.in_progress(name, "tiny").exists()
        two, _ = checkpoints.load(folder / f"{name}-two.safetensors", "tiny")
        one = training(name, 6)
        list(one.fit())
        with monkeypatch.context() as patch:
            for module in (recipes, compression):  # what one of two would do by itself
                patch.setattr(module, "mine", lambda x: x[::2])
            alone = training(name, 6)
            list(alone.fit(until=0 if name == "text" else 6))  # text takes whole batches

        mine = dict(zip((name for name, _ in one.model.named_parameters()), one.average))

        def apart(other, mine=mine):
            return sum((x - other[name]).square().sum() for name, x in mine.items()).sqrt()

        assert apart(two) < 0.1 * apart(alone.best()), name


def test_every_network_trains_and_its_loss_falls(folder):
    for name, steps in (("autoencoder", 60), ("sound", 60), ("text", 80), ("transformer", 80)):
        if name in checkpoints.BUILT_ON:
            train_all(checkpoints.BUILT_ON[name])
        losses = [now.loss for now in training(name, steps).fit()]
        assert sum(losses[-10:]) < 0.95 * sum(losses[:10]), name


def test_train_writes_the_checkpoint_and_its_manifest_entry(folder):
    said = []
    path = runs.train("autoencoder", "tiny", steps=3, say=said.append)
    entry = checkpoints.manifest()["autoencoder-tiny"]
    assert path.is_file() and entry["steps"] == 3 and entry["wall_seconds"] > 0
    assert entry["peak_memory_bytes"] > 1e8
    assert checkpoints.verify_manifest() == []
    assert any(line.startswith("step 3/3 | loss ") for line in said)
    assert not runs.in_progress("autoencoder", "tiny").exists()


def test_a_batch_may_be_asked_for_and_stays_when_resumed(folder, monkeypatch):
    rows, loss = [], compression.AutoencoderRecipe.loss

    def watched(self, model, step, dice):
        rows.append(self.batch)
        return loss(self, model, step, dice)

    def interrupted(self):
        os.kill(os.getpid(), signal.SIGINT)
        return one_step(self)

    monkeypatch.setattr(compression.AutoencoderRecipe, "loss", watched)
    whole, _ = checkpoints.load(runs.train("autoencoder", "tiny", steps=2, batch=3, say=quiet))
    assert rows == [3, 3] and checkpoints.manifest()["autoencoder-tiny"]["batch"] == 3
    one_step = Training.one_step
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "one_step", interrupted)
        runs.train("autoencoder", "tiny", steps=2, batch=3, say=quiet)
    with pytest.raises(MinividError, match="no --warm, --decoder, --minutes, --batch"):
        runs.train("autoencoder", "tiny", resume=True, batch=3)
    again, _ = checkpoints.load(runs.train("autoencoder", "tiny", resume=True, say=quiet))
    assert rows == [3] * 4 and checkpoints.manifest()["autoencoder-tiny"]["batch"] == 3
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    runs.train("autoencoder", "tiny", steps=1, say=quiet)
    assert rows[-1] == TINY.batch["autoencoder"] != 3


def test_a_number_of_clips_may_be_asked_for_and_stays_when_resumed(folder, monkeypatch):
    train_all(["autoencoder", "sound"])
    sizes, prepare = [], recipes.TextRecipe.prepare

    def watched(self, progress=None, size=None):
        sizes.append(size)
        prepare(self, progress, size)

    monkeypatch.setattr(recipes.TextRecipe, "prepare", watched)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        broken_off(patch, 2, lambda run: run.step)
        runs.train("text", "tiny", steps=2, clips=20, say=quiet)
    with pytest.raises(MinividError, match="or --clips"):
        runs.train("text", "tiny", resume=True, clips=20)
    runs.train("text", "tiny", resume=True, say=quiet)
    assert sizes == [20, 20] and checkpoints.manifest()["text-tiny"]["clips"] == 20


def test_a_wait_for_clips_says_how_many_there_will_be(folder, monkeypatch):
    said = []
    train_all(["autoencoder", "sound", "text"])
    monkeypatch.setattr(runs, "SAY_EVERY", -1)
    runs.train("transformer", "tiny", steps=1, say=said.append)
    counted = [line for line in said if line.endswith("clips encoded")]
    assert counted and counted[-1] == "64 of 64 clips encoded"


def test_clips_staged_by_other_processes_are_the_same():
    seeds, knobs = torch.arange(100), pool.taught(TINY)
    stages = pool.Stages(seeds, TINY.fmt, knobs, sound=True)
    parts = [painted(stage, TINY.fmt, knobs.style, "cpu")
             for stage in DataLoader(stages, batch_size=None, num_workers=2)]
    whole = film(seeds, TINY.fmt, knobs)
    assert [len(part.caption) for part in parts] == [64, 36]
    assert sum((part.caption for part in parts), []) == whole.caption
    assert torch.equal(torch.cat([part.video for part in parts]), whole.video)
    assert torch.equal(torch.cat([part.audio for part in parts]), whole.audio)
    assert torch.equal(whole.audio, sound_of(whole.truth, seeds, TINY.fmt))


def test_a_gpu_encodes_more_clips_for_each_minute():
    for device, clips in (("cpu", 2048), ("cuda", 16384)):
        device = torch.device(device)
        assert budget.clips_in(4, 10**6, device) == clips
        assert budget.clips_in(0.1, 10**6, device) == 1024
        assert budget.clips_in(0.1, 64, device) == 64
        assert budget.clips_in(4, 2000, device) == budget.clips_in(None, 2000, device) == 2000


def test_noise_is_the_dices_and_a_gpu_draws_its_own():
    def drawn(seed, device="cpu"):
        return draw_noise((3, 5), torch.Generator().manual_seed(seed), device)

    assert torch.equal(drawn(4), torch.randn(3, 5, generator=torch.Generator().manual_seed(4)))
    if torch.cuda.is_available():
        assert drawn(4, "cuda").is_cuda and torch.equal(drawn(4, "cuda"), drawn(4, "cuda"))
        assert not torch.equal(drawn(4, "cuda"), drawn(5, "cuda"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_the_step_end_and_can_be_resumed(folder, monkeypatch, number):
    one_step, steps, out = Training.one_step, [], folder / "mine.safetensors"

    def interrupted(self):
        steps.append(self.step)
        if len(steps) == 3:
            os.kill(os.getpid(), number)
        return one_step(self)

    monkeypatch.setattr(Training, "one_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.train("autoencoder", "tiny", steps=5, seed=3, out=out, say=quiet)
    assert steps == [0, 1, 2] and not out.exists()
    with pytest.raises(MinividError, match="at step 3 already"):
        runs.train("autoencoder", "tiny", steps=3, resume=True)
    monkeypatch.setattr(Training, "one_step", one_step)
    assert runs.train("autoencoder", "tiny", resume=True, say=quiet) == out  # seed 3, too
    resumed, _ = checkpoints.load(out)
    unbroken, _ = checkpoints.load(
        runs.train("autoencoder", "tiny", steps=5, seed=3, out=folder / "whole.safetensors",
                   say=quiet))
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)
    assert checkpoints.manifest() == {}


def test_a_training_killed_between_steps_has_its_last_state(folder, monkeypatch):
    out, steps = folder / "mine.safetensors", broken_off(monkeypatch, 4, lambda run: run.step)
    with pytest.raises(KeyboardInterrupt):
        runs.train("autoencoder", "tiny", steps=5, out=out)
    assert runs.unfinished(runs.in_progress("autoencoder", "tiny"), "autoencoder", "tiny",
                           None)["step"] == 3
    runs.train("autoencoder", "tiny", resume=True)
    assert steps[4:] == [3, 4]
    whole = runs.train("autoencoder", "tiny", steps=5, out=folder / "whole.safetensors")
    (resumed, _), (unbroken, _) = checkpoints.load(out), checkpoints.load(whole)
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)


def test_a_text_encoder_that_goes_on_stays_near_the_one_it_began_from(folder, monkeypatch):
    train_all(["autoencoder", "text"])
    path = folder / "checkpoints" / "text-tiny.safetensors"
    before, begun = recipes.load_link(path), path.read_bytes()
    train_all(["text"], seed=1)
    another = path.read_bytes()

    def put(checkpoint):
        path.write_bytes(checkpoint)
        checkpoints.record("text", "tiny", path, built_on=checkpoints.load(path)[1]["built_on"])

    put(begun)
    ids = text.tokenize(script(torch.arange(64))[0])

    def strayed(name, near):
        """How far its vectors are from what they were, after a training that was broken off."""
        monkeypatch.setattr(recipes.TextRecipe, "near", near)
        out = folder / f"{name}.safetensors"
        broken_off(monkeypatch, 20, lambda run: run.step)
        with pytest.raises(KeyboardInterrupt):
            runs.train("text", "tiny", steps=30, warm=True, out=out, say=quiet)
        put(another)
        with pytest.raises(CheckpointError, match="begun from another text than"):
            runs.train("text", "tiny", resume=True, say=quiet)
        put(begun)
        runs.train("text", "tiny", resume=True, say=quiet)
        whole = folder / "whole.safetensors"
        runs.train("text", "tiny", steps=30, warm=True, out=whole, say=quiet)
        resumed, unbroken = (checkpoints.load(x)[0] for x in (out, whole))
        assert all(torch.equal(resumed[key], unbroken[key]) for key in unbroken)
        after = recipes.load_link(out)
        return (after.encoder(ids)[0] - before.encoder(ids)[0]).square().mean().item()

    assert strayed("near", 500.0) < 0.5 * strayed("far", 0.0)


@pytest.mark.parametrize("name", ["autoencoder", "sound"])
def test_a_decoder_trained_alone_leaves_its_latents_to_those_who_learnt_them(
        folder, monkeypatch, name):
    train_all(["autoencoder", "sound", "text", "transformer"])
    path, digests = folder / "checkpoints" / f"{name}-tiny.safetensors", []
    before = checkpoints.load(path)[0]

    def moved():
        after = checkpoints.load(path)[0]
        return {n.partition(".")[0] for n in before if not torch.equal(before[n], after[n])}

    for seed in (1, 2):
        digests.append(checkpoints.sha256(path))
        runs.train(name, "tiny", steps=4, seed=seed, decoder=True, say=quiet)
        assert moved() == {"decoder"} and checkpoints.misfits("tiny") == []
    assert checkpoints.manifest()[f"{name}-tiny"]["latents_of"] == digests
    Machine.load("tiny", "cpu")
    out = folder / "resumed.safetensors"
    broken_off(monkeypatch, 2, lambda run: run.step)
    with pytest.raises(KeyboardInterrupt):
        runs.train(name, "tiny", steps=4, seed=3, decoder=True, out=out, say=quiet)
    runs.train(name, "tiny", resume=True, say=quiet)
    whole = runs.train(name, "tiny", steps=4, seed=3, decoder=True, say=quiet,
                       out=folder / "w.safetensors")
    (resumed, _), (unbroken, _) = checkpoints.load(out), checkpoints.load(whole)
    assert all(torch.equal(resumed[n], unbroken[n]) for n in unbroken)
    runs.train(name, "tiny", steps=2, warm=True, say=quiet)
    assert "encoder" in moved() and checkpoints.misfits("tiny")


def test_a_disk_that_is_full_for_a_while_does_not_end_a_training(folder, monkeypatch):
    def full(self, path, meta):
        raise CheckpointError("the disk is full")

    said = []
    monkeypatch.setattr(runs, "SAVE_EVERY", 0)
    monkeypatch.setattr(Training, "save", full)
    runs.train("autoencoder", "tiny", steps=3, say=said.append)
    assert said.count("the disk is full") == 3 and "autoencoder-tiny" in checkpoints.manifest()


def test_a_new_training_keeps_the_unfinished_one_aside(folder):
    state = runs.in_progress("autoencoder", "tiny")
    state.parent.mkdir()
    state.write_bytes(b"half")
    aside = state.with_suffix(".previous.safetensors")
    with pytest.raises(CheckpointError):  # not even begun: it stays where it was
        runs.train("text", "tiny", steps=1)
    assert state.read_bytes() == b"half"
    said = []
    runs.train("autoencoder", "tiny", steps=1, say=said.append)
    assert aside.read_bytes() == b"half" and any(f"kept as {aside}" in line for line in said)
    state.write_bytes(b"another")
    runs.train("autoencoder", "tiny", steps=1, say=said.append)
    assert aside.read_bytes() == b"half"
    assert state.with_suffix(".previous1.safetensors").read_bytes() == b"another"


def test_a_place_that_cannot_be_written_is_found_out_before_training(folder, monkeypatch):
    def never(*_):
        raise AssertionError("trained for nothing")

    monkeypatch.setattr(Training, "fit", never)
    for out in (folder, folder / "checkpoints" / "manifest.json" / "mine.safetensors"):
        with pytest.raises(MinividError, match="Cannot write"):
            runs.train("autoencoder", "tiny", steps=1, out=out)
    (folder / "checkpoints" / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="no manifest"):
        runs.train("autoencoder", "tiny", steps=1)


def test_a_training_goes_on_only_upon_the_networks_it_was_begun_on(folder):
    train_all(["autoencoder", "sound"])
    run = training("text", 4)
    built_on = {"autoencoder": checkpoints.manifest()["autoencoder-tiny"]["sha256"]}
    run.save(runs.in_progress("text", "tiny"),
             {"kind": "text", "wall_seconds": 1, "built_on": built_on, "command": "x"})
    runs.train("text", "tiny", resume=True, say=quiet)
    train_all(["autoencoder"], seed=1)
    with pytest.raises(CheckpointError, match="another autoencoder"):
        train_all(["transformer"])
    run.save(runs.in_progress("text", "tiny"),
             {"kind": "text", "wall_seconds": 1, "built_on": built_on, "command": "x"})
    with pytest.raises(MinividError, match="another autoencoder"):
        runs.train("text", "tiny", resume=True)


def test_the_average_follows_the_weights_and_is_of_numbers_alone():
    run = training("autoencoder", 30)
    parameter, hand = next(run.model.parameters()), run.average[0].clone()
    for now in run.fit():
        decay = min(run.ema, now.step / (9 + now.step))  # of the short past at first
        hand = decay * hand + (1 - decay) * parameter.detach()
    assert torch.allclose(run.average[0], hand, atol=1e-6)
    assert not torch.allclose(run.average[0], parameter, atol=1e-4)
    assert not any(x.requires_grad or x.grad_fn for x in run.average)


def test_the_learning_rate_follows_its_schedule_and_gradients_are_clipped(monkeypatch):
    run, norms = training("autoencoder", 20), []
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_",
                        lambda p, most: norms.append(most) or clip(p, most))
    for now in run.fit():
        share = schedule(now.step - 1, 20, run.cooldown)
        assert all(group["lr"] == pytest.approx(share * group["peak"])
                   for optimizer in run.optimizers for group in optimizer.param_groups)
    assert norms == [1.0] * 20


def test_half_of_the_steps_are_of_the_own_aspect_and_pools_share_no_clips(folder):
    train_all(["autoencoder", "sound", "text"])
    recipe = RECIPES["transformer"](TINY, 0, "cpu")
    recipe.prepare()
    sizes = [(p.packing.fmt.height, p.packing.fmt.width) for p in recipe.pools]
    assert sizes == list(TINY.aspects)
    dice = torch.Generator().manual_seed(0)
    drawn = [recipe.pools.index(pool.draw(recipe.pools, n, 4, dice)[0]) for n in range(8)]
    others = len(sizes) - 1
    assert drawn == [0 if n % 2 == 0 else 1 + n // 2 % others for n in range(8)]
    assert recipe.tokens(1) == recipe.batch * recipe.pools[drawn[1]].tokens.shape[1]
    first, second, third = (p.captions for p in recipe.pools)
    assert second != first[: len(second)] and second != third


def test_the_rate_falls_over_the_share_of_steps_that_a_recipe_asks_for():
    model = torch.nn.Linear(2, 2)
    model.hidden = ()
    run = Training(model, lambda m, step, dice: m.weight.sum(), steps=10, cooldown=0.8, ema=0)
    shares = []
    for now in run.fit():
        group = run.optimizers[0].param_groups[0]
        shares.append(group["lr"] / group["peak"])
    assert shares == pytest.approx([1, 1, 1, *(n / 8 for n in range(7, 0, -1))])


def test_the_autoencoder_learns_from_latents_with_no_noise_up_to_the_most(monkeypatch):
    recipe, seen = RECIPES["autoencoder"](TINY, 0, "cpu"), []

    def loss(model, video, empty, noise, strength):
        seen.append((strength.flatten(), len(video)))
        return autoencoder_loss(model, video, empty, noise, strength)

    monkeypatch.setattr(compression, "autoencoder_loss", loss)
    for step in (0, 7):  # cut out around an actor; whole
        recipe.loss(recipe.model, step, torch.Generator().manual_seed(0))
    for strength, clips in seen:
        assert len(strength) == clips and strength[0] == 0 and strength[-1] == recipe.noise


@pytest.mark.parametrize("name", ["autoencoder", "sound"])
def test_latents_gain_nothing_by_growing_against_the_noise(name):
    """Latents twice as large, halved again by the decoder, are the same, and so is their loss."""
    recipe = RECIPES[name](TINY, 0, "cpu")
    recipe.loss(recipe.model, 0, torch.Generator().manual_seed(0)).backward()
    halves = recipe.model.encoder, recipe.model.decoder
    last, first = ([m for m in half.modules() if hasattr(m, "weight")][at]
                   for half, at in zip(halves, (-1, 0)))
    growth = [sum((p.grad * p).sum().item() for p in some)
              for some in ((last.weight, last.bias), (first.weight,))]
    assert abs(growth[1]) > 1e-5 and growth[0] == pytest.approx(growth[1], rel=1e-3)


def test_what_does_not_fit_into_16_bits_keeps_32():
    small, large = torch.tensor([1.0, 6e4]), torch.tensor([1.0, 1e6])
    assert runs.halved(small).dtype == torch.float16
    assert torch.equal(runs.halved(large), large)


def test_a_hurried_training_sees_one_actor_in_one_aspect_and_takes_small_batches(folder):
    hurry = presets.hurried(TINY)
    assert hurry.aspects == TINY.aspects[:1] and hurry.sound is None
    assert hurry.batch == {"autoencoder": 4, "sound": 8, "text": 8, "transformer": 2}
    train_all(["autoencoder"])
    recipe = RECIPES["text"](hurry, 0, "cpu")
    recipe.prepare(size=64)
    assert not any(" and " in caption for caption in recipe.pool.captions)
    assert pool.taught(hurry).cast == "one"
    assert "says" in pool.taught(TINY).actions and "says" not in pool.TAUGHT.actions


def test_fused_blocks_take_the_same_steps_with_one_graph_for_clips_of_any_size(folder):
    train_all(["autoencoder", "sound", "text"])
    losses, graphs = {}, CompileCounterWithBackend("eager")
    for fuse in (False, True):
        recipe = RECIPES["transformer"](TINY, 0, torch.device("cpu"))
        recipe.prepare()
        if fuse:
            fused(recipe.model.blocks, graphs)
        run = Training(recipe.model, recipe.loss, 12, 1e-2, tokens=recipe.tokens)
        counted = float(run.counted_step())  # as it is, whatever comes after is compiled
        losses[fuse] = [counted] + [now.loss for now in run.fit()]
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
    # a level for each clip, for each token, and for each token where kinds are hidden
    assert len(recipe.pools) > 1 and graphs.frame_count == 3


def test_only_long_trainings_are_compiled_for():
    assert budget.worth_compiling(20, None) and not budget.worth_compiling(2, None)
    assert budget.worth_compiling(2, 9000) and not budget.worth_compiling(60, 100)


def test_the_loss_is_looked_at_only_when_it_is_asked_for():
    model = torch.nn.Linear(2, 1)
    model.hidden = ()
    run = Training(model, lambda model, step, dice: model(torch.ones(1, 2)).square().sum(), 3)
    every = list(run.fit())
    assert [now.step for now in every] == [1, 2, 3] and all(now.milliseconds > 0 for now in every)
    assert every[0].loss == float(every[0].lost) > every[2].loss and "loss" in str(every[0])


def test_a_counted_step_is_a_step():
    run = training("autoencoder", 3)
    assert float(run.counted_step()) > 0 and run.step == 1 and run.flops > 1e6


def test_minutes_become_a_number_of_steps_and_leave_the_weights_alone(monkeypatch):
    recipe = RECIPES["autoencoder"](TINY, 0, "cpu")
    before = [p.detach().clone() for p in recipe.model.parameters()]
    moments = iter([100.0, 112.0])  # 24 steps in 12 seconds
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: next(moments)))
    assert budget.steps_in(recipe, 60.0) == 120
    assert all(torch.equal(a, b) for a, b in zip(before, recipe.model.parameters(), strict=True))


@pytest.mark.parametrize("slower, steps", [(1.0, 1000), (2.0, 500), (0.5, 2000), (20.0, 84)])
def test_a_training_by_minutes_ends_in_time_however_fast_its_steps_turn_out(monkeypatch, slower,
                                                                            steps):
    moment = 0.0
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: moment))
    run = SimpleNamespace(step=0, steps=1000, cooldown=0.4, device="cpu")
    deadline, shares = budget.Deadline(1000.0), []
    while run.step < run.steps:
        shares.append(schedule(run.step, run.steps, run.cooldown))
        run.step, moment = run.step + 1, moment + slower
        deadline.keep(run)
    assert abs(run.steps - steps) <= 2
    level = [schedule(step, 10**6, run.cooldown) for step in range(int(0.6 * steps))]
    assert shares[50:len(level)] == level[50:]  # as if that many steps had been asked for
    assert shares[-1] < 0.04 and all(a - b < 0.04 for a, b in zip(shares[50:], shares[51:]))


@pytest.mark.parametrize("begin", [0, 100])
def test_what_disturbs_a_training_for_a_while_costs_no_more_than_that(monkeypatch, begin):
    moment = 0.0
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: moment))
    run = SimpleNamespace(step=0, steps=1000, cooldown=0.4, device="cpu")
    deadline = budget.Deadline(1000.0)
    while run.step < run.steps:
        disturbed = begin <= run.step < begin + 50
        run.step, moment = run.step + 1, moment + (8.0 if disturbed else 1.0)
        deadline.keep(run)
    assert run.steps == pytest.approx(650, abs=8) and moment == pytest.approx(1000, abs=8)


def test_a_training_asked_for_by_minutes_minds_the_clock(folder, monkeypatch):
    def plan(recipe, seconds):
        ticks = itertools.count(time.perf_counter(), 0.2)  # seconds for two steps
        monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
        return 600

    one_step, taken = Training.one_step, []
    monkeypatch.setattr(Training, "one_step", lambda run: taken.append(run.step) or one_step(run))
    monkeypatch.setattr(budget, "AGAIN", 2)
    monkeypatch.setattr(runs, "steps_in", plan)
    told = []
    runs.train("autoencoder", "tiny", minutes=0.1, say=told.append)
    assert "about 600 steps, 0.1 minutes in all" in told
    steps = checkpoints.manifest()["autoencoder-tiny"]["steps"]
    assert 25 < steps < 65 and taken == list(range(steps))  # 3 to 6 seconds are left


def test_what_was_learnt_is_kept_where_it_cannot_be_written(folder, tmp_path, monkeypatch):
    save = checkpoints.save

    def full(path, *rest):
        if path.name == "t.safetensors":
            raise CheckpointError("Cannot write t.")
        return save(path, *rest)

    monkeypatch.setattr(checkpoints, "save", full)
    with pytest.raises(CheckpointError, match="Cannot write t. .* --resume --out FILE"):
        runs.train("autoencoder", "tiny", steps=2, out=tmp_path / "t.safetensors", say=quiet)
    kept = runs.train("autoencoder", "tiny", resume=True, out=tmp_path / "k.safetensors", say=quiet)
    whole = runs.train("autoencoder", "tiny", steps=2, out=tmp_path / "w.safetensors", say=quiet)
    (a, _), (b, _) = (checkpoints.load(path, "autoencoder") for path in (kept, whole))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_wrong_requests_get_one_clear_line(folder, tmp_path):
    with pytest.raises(MinividError, match="autoencoder, sound, text, transformer"):
        runs.train("transformr", "tiny")
    with pytest.raises(MinividError, match="more than 0 minutes"):
        runs.train("autoencoder", "tiny", minutes=-1)
    with pytest.raises(MinividError, match="end its name in .safetensors"):
        runs.train("autoencoder", "tiny", steps=1, out="t.bin")
    with pytest.raises(MinividError, match="Nothing to resume"):
        runs.train("autoencoder", "tiny", resume=True)
    with pytest.raises(CheckpointError, match="minivid train autoencoder"):
        runs.train("text", "tiny", steps=1)
    run = training("autoencoder", 2)
    run.save(tmp_path / "state.safetensors", {"kind": "autoencoder"})
    with pytest.raises(CheckpointError, match="text"):
        run.load(tmp_path / "state.safetensors", "text")


def test_muon_takes_hidden_matrices_and_adamw_the_rest():
    model = RECIPES["transformer"](TINY, 0, "cpu").model
    adamw, muon = optimizers_for(model, 1e-3)
    inside = {id(p) for p in muon.param_groups[0]["params"]}
    names = [n for n, p in model.named_parameters() if id(p) in inside]
    assert names and all(n.startswith("blocks.") and n.endswith("weight") for n in names)
    assert len(inside) + len(adamw.param_groups[0]["params"]) == len(list(model.parameters()))


def test_the_schedule_warms_up_holds_and_cools_down_to_nothing():
    rates = [schedule(step, 1000, 0.4) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / 50) and rates[300] == 1 and rates[1000] == 0
    assert rates[800] == pytest.approx(0.5)


def test_noise_levels_are_shared_but_in_every_fifth_step_a_beginning_is_given():
    for packing in (TINY.packing(), TINY.packing(heard=False)):
        for step in (0, 3, 5, 8):
            t = noise_levels(step, packing, 100, torch.Generator().manual_seed(0), 1.0)
            assert t.shape == (100,) and (t < 1).all()
        t = noise_levels(4, packing, 4000, torch.Generator().manual_seed(0), 1.0)
        clean, seen = t == 1, packing.pictures
        first = packing.beginning(1)
        picture = (clean == first).all(1).float().mean()
        assert clean[:, first].all() and not clean[:, :seen].all(1).any() and 0.45 < picture < 0.55
        assert torch.equal(torch.where(clean, -1.0, t).amax(1), torch.where(clean, 2.0, t).amin(1))
        # 5 frames last half a second, in which half of the sound is heard
        heard = clean[(clean != first).any(1)][:, seen:]
        assert (heard == (torch.arange(packing.sound) < packing.sound // 2)).all()


@pytest.mark.parametrize("step", [1, 2])
def test_where_there_is_sound_it_has_a_level_of_its_own_in_two_of_five_steps(step):
    packing = TINY.packing()
    t = noise_levels(step, packing, 4000, torch.Generator().manual_seed(0), 1.0)
    picture, sound = t[:, : packing.pictures], t[:, packing.pictures :]
    assert all(torch.equal(x, x[:, :1].expand_as(x)) for x in (picture, sound))
    shares = [(x[:, 0] == 1).float().mean() for x in (picture, sound)]
    assert all(0.22 < share < 0.28 for share in shares)
    both = (picture[:, 0] < 1) & (sound[:, 0] < 1)
    assert torch.corrcoef(torch.stack([picture[both, 0], sound[both, 0]]))[0, 1].abs() < 0.05
    silent = noise_levels(step, TINY.packing(heard=False), 9, torch.Generator().manual_seed(0), 1.0)
    assert silent.shape == (9,) and (silent < 1).all()


def test_sound_has_its_weight_fills_up_with_nothing_and_is_hidden_at_times(folder, monkeypatch):
    train_all(["autoencoder", "sound", "text"])
    recipe, seen = RECIPES["transformer"](TINY, 0, "cpu"), []
    recipe.prepare()
    recipe.batch, recipe.loudness = 400, 0.3
    monkeypatch.setattr(recipes, "flow_loss", lambda *what: seen.append(what))
    for step in range(5):
        recipe.loss(recipe.model, step, torch.Generator().manual_seed(0))
    for step, (_, clean, given, _, noise, weight) in enumerate(seen):
        picture = given.layout.kind[0] == PICTURE
        assert (weight[:, picture] == 1).all() and (weight[:, ~picture] == recipe.loudness).all()
        for x in (clean[:, ~picture], noise[:, ~picture]):  # 8 of a token's 16 numbers
            assert x[..., 8:].abs().max() == 0 and x[..., :8].abs().max() > 1
        hidden = given.apart.float().mean()
        assert 0.18 < hidden < 0.32 if step in recipes.APART else hidden == 0


def test_what_is_hardest_is_shown_more_often():
    truth = script(torch.arange(6000), knobs=pool.TAUGHT)[1]
    alone = truth.action[truth.shape[:, 1] < 0, 0]
    shown = alone.bincount(minlength=len(g.ACTIONS)) / len(alone)
    easy = shown[[g.LEFT, g.UP, g.GROWS]].mean()
    often = (shown / easy)[[g.CIRCLES, g.PASSES, g.BOUNCES, g.RIDES, g.SHRINKS]]
    for n, times in zip(often, (5, 5, 2, 2, 2)):  # less what is held out
        assert 0.8 * times <= n <= 1.15 * times


def test_clip_seeds_never_repeat_within_a_training_nor_reach_the_unseen_ones():
    seeds = torch.cat([seeds_for(step, 16, seed=3) for step in range(1000)])
    assert seeds.unique().numel() == seeds.numel() and seeds.max() < UNSEEN


def test_every_ingredient_left_out_changes_the_loss(folder, monkeypatch):
    train_all(["autoencoder", "sound", "text"])
    monkeypatch.setattr(ingredients, "CLIPS", 32)
    monkeypatch.setattr(ingredients, "HELD", 8)
    rows = ingredients.compare(steps=10, seeds=1, preset="tiny", say=quiet)
    assert [row["left out"] for row in rows] == list(ingredients.LEFT_OUT)
    assert len({row["loss"] for row in rows}) == len(rows)
    assert "within" not in ingredients.table(rows)
    ingredients.record(rows)
    assert (folder / "ingredients.csv").read_text().count("\n") == 1 + len(rows)


def test_a_few_steps_more_are_small_ones_also_when_resumed(folder, monkeypatch):
    class Brief(RECIPES["transformer"]):
        long = 40

    train_all(TINY.networks)
    monkeypatch.setitem(RECIPES, "transformer", Brief)
    assert [budget.rate_for(Brief, *asked) for asked in ((10, True), (80, True), (10, False))] == \
        pytest.approx([5e-3 / 4, 5e-3, 5e-3])
    peaks = broken_off(monkeypatch, 3, lambda run: [
        group["peak"] for o in run.optimizers for group in o.param_groups])
    with pytest.raises(KeyboardInterrupt):
        runs.train("transformer", "tiny", steps=4, warm=True, say=quiet)
    runs.train("transformer", "tiny", resume=True, steps=6, say=quiet)
    assert all(peak == pytest.approx([5e-4 / 2, 5e-4]) for peak in peaks) and len(peaks) == 7
    assert checkpoints.manifest()["transformer-tiny"]["rate"] == pytest.approx(5e-4)
