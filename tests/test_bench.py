"""Speeds are of all parts and plausible; a speedrun leaves nothing behind."""

import os

import pytest
import torch
from tiny import TINY, hardly_trained

from minivid import bench, checkpoints, cost, presets


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return hardly_trained(tmp_path, monkeypatch)


def test_every_part_is_timed_beside_what_the_computer_can_do(machine, monkeypatch):
    monkeypatch.setattr(bench, "cold", lambda preset: 2.0)
    rates, said = iter((5e11, 1e12, 1e12, 5e11)), []  # disturbed at first, then at last
    monkeypatch.setattr(cost, "matmul_rate", lambda *about: next(rates))
    figures = bench.bench(machine, repeats=1, say=said.append)
    assert set(figures["parts"]) < set(said)
    assert figures["matmul_flops_per_second"] == {"float32": 1e12, "training": 1e12}
    for part in ("world", "verifier", "encode", "decode", "encode sound", "decode sound", "sample",
                 "film file", "training step"):
        rows = [row for name, row in figures["parts"].items() if name.startswith(part)]
        assert rows and all(row["seconds"] > 0 for row in rows), part
        assert all(row["share_of_matmul"] == row["flops"] / row["seconds"] / 1e12 for row in rows)
    for name in ("encode, a clip", "decode, a clip", "training step, transformer (batch 8)"):
        assert figures["parts"][name]["flops"] > 1e5
    assert "from cold process to film" in (text := bench.table(figures)) and "2000.0 ms" in text
    assert figures["threads"] == torch.get_num_threads() and "preset tiny, cpu" in text


def test_training_steps_that_are_timed_and_counted_have_the_same_batch(machine):
    for name, step, batch in bench._training_steps(machine):
        flops = {cost.count_flops(step) for _ in range(3)}
        assert len(flops) == 1 and batch == TINY.batch[name], name


def test_a_cold_start_is_the_whole_command(monkeypatch):
    commands = []
    monkeypatch.setattr(bench.subprocess, "run", lambda argv, **options: commands.append(argv))
    assert 0 <= bench.cold("laptop", repeats=2) < 1
    assert len(commands) == 3 and commands[0][1:4] == ["-m", "minivid", "make"]


def test_a_speedrun_trains_everything_and_touches_nothing(machine, monkeypatch):
    before, manifest = dict(os.environ), checkpoints.manifest()
    told = []
    train, asked = bench.train, []
    monkeypatch.setattr(bench, "train", lambda name, size, *rest, **options:
                        asked.append(size) or train(name, size, *rest, **options))
    figures = bench.speedrun(0.02, prompts=4, preset="tiny", say=told.append)
    assert dict(os.environ) == before and checkpoints.manifest() == manifest
    assert asked == [presets.hurried(TINY)] * 3
    assert figures["minutes"] > 0 and 0 <= figures["together"] <= 1
    assert sum(line.startswith("wrote") for line in told) == 3 and "of 4 prompts" in told[-1]
