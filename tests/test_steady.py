"""The measures of steadiness, against cases whose answer is known."""

import pytest
import torch

from minivid import steady


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_flicker_is_the_share_of_what_could_change():
    black, white = -torch.ones(1, 3, 1, 4, 4), torch.ones(1, 3, 1, 4, 4)
    blinking = torch.cat([black, white, black, white], 2)
    once = torch.cat([black, black, white, white, white], 2)
    assert steady.flicker(blinking) == 1 and steady.flicker(once) == 0.25
    assert steady.flicker(white.expand(1, 3, 4, 4, 4)) == 0


def test_switches_count_steps_at_which_any_kind_changes():
    shape = torch.tensor([[0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]])
    colour = torch.tensor([[2, 2, 2, 2, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]])
    assert steady.switches(shape, colour).tolist() == [0.5, 0, 1, 0.25]


def test_switches_leave_out_what_cannot_be_read():
    shape = torch.tensor([[0, -1, 1, 1, 0], [-1, 0, -1, 0, -1]])
    found = steady.switches(shape, shape)
    assert found[0] == 0.5 and found[1].isnan()  # of two steps one; of none


def test_smoothness_of_known_paths():
    frame = torch.arange(8.0)
    line = torch.stack([0.05 * frame, -0.02 * frame], 1)
    back_and_forth = torch.stack([0.1 * (frame % 2), 0 * frame], 1)
    still = torch.full((8, 2), 0.3)
    unsteady = still + 0.001 * draw(8, 2)
    found = steady.smoothness(torch.stack([line, back_and_forth, still, unsteady]))
    assert found.tolist() == pytest.approx([1, -1, 0, 0], abs=1e-5)


def test_smoothness_by_chance():
    places = draw(4000, 8, 2)
    assert -0.52 < steady.smoothness(places).mean() < -0.42  # unrelated places: about -1/2
    assert steady.smoothness(places.cumsum(1)).mean() == pytest.approx(0, abs=0.03)  # new steps


def test_smoothness_knows_neither_place_nor_size_nor_turn():
    places = draw(20, 8, 2, seed=1)
    turned = places @ torch.tensor([[0.6, 0.8], [-0.8, 0.6]]) * 3 + 5
    assert torch.allclose(steady.smoothness(turned), steady.smoothness(places), atol=1e-4)
    assert torch.allclose(steady.smoothness(places.flip(1)), steady.smoothness(places), atol=1e-5)


def test_smoothness_leaves_out_what_cannot_be_read():
    line = torch.arange(16.0).view(1, 8, 2)
    line[0, 3] = torch.nan
    assert steady.smoothness(line) == 1
    assert steady.smoothness(torch.full((1, 8, 2), torch.nan)) == 0


def test_drift_is_how_far_the_size_is_from_the_first():
    size = torch.tensor([[0.2, 0.2, 0.25, 0.15], [0.1, torch.nan, 0.1, 0.2]])
    found = steady.drift(size)
    assert found[0].tolist() == pytest.approx([0, 0, 0.25, 0.25])
    assert found[1, 1].isnan() and found[1, [0, 2, 3]].tolist() == pytest.approx([0, 0, 1])
