"""Balls to be lost: as wide and as fast as said, and how much of them is left."""

import torch

from minivid.paint import background
from minivid.probe import FORMAT, balls, left, one_thing

EMPTY = background(FORMAT)[0] * 2 - 1


def test_balls_are_as_wide_as_said():
    for pixels in (4, 9):
        away = (balls(pixels) - EMPTY).abs().amax((1, 2))  # (B, 48, 48), the same in all frames
        area = (away / away.amax((1, 2), keepdim=True)).sum((1, 2))
        assert ((area / (torch.pi * pixels**2 / 4) - 1).abs() < 0.15).all()


def test_balls_are_as_fast_as_said_and_half_way_near_the_middle():
    away = (balls(8, 2) - EMPTY).abs().sum(1)[:, 6:11]  # (B, 5, 48, 48)
    y, x = FORMAT.grid()
    spot = torch.stack([(away * part).sum((2, 3)) / away.sum((2, 3)) for part in (y, x)], -1) * 48
    steps = spot.diff(dim=1)
    assert (steps.norm(dim=-1) - 2).abs().max() < 0.1
    assert (steps - steps[:, :1]).abs().max() < 0.1 and spot[:, 2].abs().max() < 5.5
    assert (balls(8).diff(dim=2) == 0).all()
    assert torch.equal(balls(8, 2), balls(8, 2))


def test_what_is_left_of_them():
    video = balls(6)
    assert left(video, video) == 1
    assert abs(left(video, EMPTY.expand_as(video))) < 1e-6
    assert abs(left(video, (video + EMPTY) / 2) - 0.5) < 1e-5
    assert left(video, video.flip(0)) < 0.5  # another ball, elsewhere


def test_one_thing_and_nothing_else():
    video = balls(14, count=4)
    assert one_thing(video) == 1
    assert one_thing(EMPTY.expand_as(video)) == 0
    many, mirrored = balls(10), balls(10).flip(4)
    apart = ~((many != EMPTY) & (mirrored != EMPTY)).flatten(1).any(1)
    assert apart.sum() > 5 and one_thing(((many + mirrored) / 2)[apart]) == 0  # two ghosts
    assert one_thing(torch.cat([video, EMPTY.expand_as(video)])) == 0.5
