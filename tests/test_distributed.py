"""Alone, nothing changes; two processes get the gradient that one would get of both batches."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from minivid import distributed

PROCESS = """
import os
import torch
from minivid import distributed


def threads():
    return [open(f"/proc/self/task/{i}/comm").read().strip() for i in os.listdir("/proc/self/task")]


distributed.init_from_env()
torch.manual_seed(distributed.rank())
model = torch.nn.ModuleList([torch.nn.Linear(3, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)])
distributed.share_weights(model)
x = torch.arange(12.0).reshape(2, 2, 3)[distributed.rank()]
y = model[0](x)
mean = distributed.all_mean(y)
loss = (y * mean).mean()
if distributed.main_process():
    loss = loss + model[1](y).mean()  # the other process has no gradient of this layer
loss.backward()
distributed.average_gradients(model)
distributed.leave()
if distributed.main_process():
    torch.save([p.grad for p in model.parameters()], "gradients.pt")
    print(*threads() if os.path.isdir("/proc/self/task") else "")
"""


def test_alone_nothing_changes(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    model, x = nn.Linear(3, 2), torch.randn(2, 3)
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
    assert distributed.main_process() and distributed.all_mean(x) is x
    before = model.weight.clone()
    distributed.share_weights(model)
    model(x).sum().backward()
    gradient = model.weight.grad
    distributed.average_gradients(model)
    assert model.weight.grad is gradient and torch.equal(model.weight, before)
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
         "process.py"], capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    torch.manual_seed(0)
    model = nn.ModuleList([nn.Linear(3, 2), nn.Linear(2, 2), nn.Linear(2, 2)])
    y = model[0](torch.arange(12.0).reshape(2, 2, 3))
    loss = (y * y.mean(0)).mean() + model[1](y[0]).mean() / 2
    loss.backward()
    gradients = torch.load(tmp_path / "gradients.pt")
    for name, weight in model.named_parameters():
        got = gradients.pop(0)
        if weight.grad is None:
            assert got is None, name
        else:
            assert torch.allclose(got, weight.grad, rtol=1e-4, atol=1e-6), name
    assert "gloo" not in run.stdout  # a thread of its own left behind may crash Python as it ends
