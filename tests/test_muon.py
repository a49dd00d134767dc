"""Muon against the closed form of what it does, and against PyTorch's own."""

import pytest
import torch

from minivid.muon import Muon, orthogonal
from minivid.train import optimizers_for


def matrices(*shapes):
    dice = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=dice)) for shape in shapes]


@pytest.mark.parametrize("shape", [(3, 20, 30), (3, 30, 20), (3, 16, 16)])
def test_every_direction_is_kept_and_becomes_as_long_as_the_others(shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 7
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    turned = u.mT @ orthogonal(x) @ v.mT
    long = turned.diagonal(dim1=1, dim2=2)
    assert (turned - torch.diag_embed(long)).abs().max() < 1e-3, "the directions are those of x"
    told = s > s.amax(1, keepdim=True) / 100  # what is far shorter than the rest takes more rounds
    assert 0.65 < long[told].min() and long[told].max() < 1.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_steps_are_those_of_pytorch(dtype):
    ours, theirs = matrices((8, 24), (24, 8), (8, 24)), matrices((8, 24), (24, 8), (8, 24))
    start = [p.detach().clone() for p in ours]
    mine = Muon(ours, lr=0.01, weight_decay=0.1, dtype=dtype)
    reference = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        for p, q in zip(ours, theirs):
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
            q.grad = p.grad.clone()
        mine.step()
        reference.step()
    for p, q, was in zip(ours, theirs, start):
        moved = (q - was).norm()
        assert moved > 0.05 and (p - q).norm() < 0.03 * moved  # theirs is rounded to bfloat16


def test_a_matrix_without_a_gradient_stays_and_anything_else_is_refused():
    still, moving = matrices((4, 6), (4, 6))
    before = still.detach().clone()
    moving.grad = torch.ones(4, 6)
    Muon([still, moving]).step()
    assert torch.equal(still, before) and not torch.equal(moving, before)
    with pytest.raises(ValueError, match=r"matrices only, not \(3,\)"):
        Muon(matrices((3,)))


def test_products_are_in_bfloat16_only_where_that_is_fast(monkeypatch):
    model = torch.nn.Linear(4, 4)
    model.hidden = ("weight",)
    for fast, dtype in ((False, torch.float32), (True, torch.bfloat16)):
        monkeypatch.setattr("minivid.train.low_precision", lambda device, fast=fast: fast)
        assert optimizers_for(model, 1e-3)[1].dtype == dtype
