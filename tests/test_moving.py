"""Films are what their truth says, and the judge reads each frame of them, and nothing else."""

import torch

from minivid import steady
from minivid.moving import DRAWN, FAR, FRAMES, LARGE, REACH, SMALL, films, read
from minivid.pictures import PAINTED

REAL = films(range(10**6, 10**6 + 96))
SEEN = read(REAL.video[:48])


def test_seeds_give_the_same_films_in_any_batch():
    some = films(torch.tensor([10**6 + 5, 10**6]))
    assert torch.equal(some.video, REAL.video[[5, 0]]) and some.caption(1) == REAL.caption(0)
    assert some.video.shape == (2, 3, FRAMES, 16, 16)
    assert len({REAL.caption(b) for b in range(96)}) == len(DRAWN) * len(PAINTED)


def test_it_goes_straight_on_along_a_row_or_a_column_and_stays_inside():
    steps = REAL.place[:, 1:] - REAL.place[:, :-1]
    assert torch.allclose(steps, steps[:, :1].expand_as(steps))
    assert torch.allclose(steps.sum(1).norm(dim=1), torch.tensor(FAR).double())
    assert REAL.place.abs().max() <= REACH and REACH + LARGE <= 0.5
    assert SMALL <= REAL.size.min() < 0.17 and 0.27 < REAL.size.max() <= LARGE
    ways = {tuple(way.sign().int().tolist()) for way in (steps.sum(1) * 10).round()}
    assert ways == {(0, 1), (0, -1), (1, 0), (-1, 0)}


def test_each_frame_is_read_as_it_was_painted():
    assert SEEN.readable.all() and SEEN.unexplained.max() < 0.03
    assert (SEEN.shape == REAL.shape[:48, None]).all()
    assert (SEEN.colour == REAL.colour[:48, None]).all()
    assert (SEEN.place - REAL.place[:48]).abs().max() < 0.2 / 16  # a fifth of a pixel
    assert (SEEN.size / REAL.size[:48, None] - 1).abs().max() < 0.05


def test_a_little_noise_is_forgiven_and_what_is_no_film_is_unreadable():
    noise = torch.randn(REAL.video[:16].shape, generator=torch.Generator().manual_seed(0))
    seen = read(REAL.video[:16] + 0.1 * noise)
    assert (seen.shape == REAL.shape[:16, None]).all()
    assert not read(noise).readable.any()
    assert not read(REAL.video.mean(0, keepdim=True)).readable.any()
    assert not read(REAL.video.median(0, keepdim=True).values).readable.any()  # nobody there


def test_two_things_in_one_frame_are_unreadable():
    two = torch.minimum(REAL.video[:48], REAL.video[48:])
    apart = (REAL.place[:48] - REAL.place[48:]).norm(dim=-1) > 0.3
    assert apart.sum() > 50 and read(two).readable[apart].float().mean() < 0.02


def test_real_films_are_steady_to_the_judge():
    assert steady.switches(SEEN.shape, SEEN.colour).sum() == 0
    assert steady.smoothness(SEEN.place).min() > 0.9
    assert steady.drift(SEEN.size).max() < 0.05


def test_the_judge_sees_frames_exchanged_and_things_exchanged():
    order = torch.tensor([3, 7, 0, 5, 2, 6, 1, 4])
    assert steady.smoothness(read(REAL.video[:16, :, order]).place).mean() < -0.2
    mixed = torch.cat([REAL.video[:16, :, :4], REAL.video[16:32, :, 4:]], 2)
    other = (REAL.shape[:16] != REAL.shape[16:32]) | (REAL.colour[:16] != REAL.colour[16:32])
    seen = read(mixed)
    assert torch.allclose(steady.switches(seen.shape, seen.colour), other / 7)
    change = (REAL.size[16:32] / REAL.size[:16] - 1).abs()
    assert (steady.drift(seen.size)[:, 7] - change).abs().max() < 0.05
