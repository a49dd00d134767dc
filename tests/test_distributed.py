"""Alone, nothing changes; two processes get the gradient that one would get of both batches."""

import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from minivid import distributed

PROCESS = """
import torch
from torch import nn
from minivid import distributed


def main():  # all of it is let go of before Python ends
    distributed.init_from_env()
    torch.manual_seed(0)
    model = distributed.wrap(nn.Linear(3, 2))
    x = torch.arange(12.0).reshape(2, 2, 3)[distributed.rank()]
    loss = model(x).square().mean()
    loss.backward()
    mean = distributed.all_mean(loss)
    if distributed.main_process():
        print([*model.module.weight.grad.flatten().tolist(), mean.item()])
    distributed.leave()


main()
"""


def test_alone_nothing_changes(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    model, x = nn.Linear(3, 2), torch.randn(2, 2)
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.main_process() and distributed.wrap(model) is model
    assert distributed.all_mean(x) is x
    distributed.init_from_env()
    assert not torch.distributed.is_initialized()
    distributed.leave()


def test_the_environment_says_who_we_are(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (distributed.rank(), distributed.world_size()) == (3, 4)
    assert not distributed.main_process()


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo")
def test_two_processes_train_as_one(tmp_path):
    (tmp_path / "process.py").write_text(PROCESS)
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    run = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(tmp_path / "process.py")], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": root, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    loss = model(torch.arange(12.0).reshape(4, 3)).square().mean()
    loss.backward()
    expected = torch.tensor([*model.weight.grad.flatten().tolist(), loss.item()])
    assert torch.allclose(torch.tensor(json.loads(run.stdout)), expected, rtol=1e-4)
