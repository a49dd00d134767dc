"""Films are what their truth says, and the judge reads each frame of them, and nothing else."""

import torch

from minivid import steady
from minivid.moving import (
    DRAWN,
    FAR,
    FRAMES,
    LARGE,
    REACH,
    SMALL,
    WORDS,
    Films,
    as_asked,
    films,
    read,
    way,
    words,
)
from minivid.pictures import PAINTED

REAL = films(range(10**6, 10**6 + 96))
SEEN = read(REAL.video[:48])


def cut(some, part):
    return Films(*(x[part] for x in vars(some).values()))


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


def test_films_as_asked():
    assert as_asked(REAL.video[:48], cut(REAL, slice(48))).all()
    ways = {(0, 1): 0, (1, 0): 1, (0, -1): 2, (-1, 0): 3}  # (y, x): right, down, left, up
    step = (REAL.place[:, 7] - REAL.place[:, 0]).sign() * (
        (REAL.place[:, 7] - REAL.place[:, 0]).abs() > 0.1)
    assert way(REAL.place).tolist() == [ways[tuple(s)] for s in step.int().tolist()]
    assert way(torch.full((2, 8, 2), torch.nan)).tolist() == [-1, -1]
    other = cut(REAL, torch.arange(48).roll(1))
    alike = ((other.shape == REAL.shape[:48]) & (other.colour == REAL.colour[:48])
             & (way(other.place) == way(REAL.place[:48])))
    assert torch.equal(as_asked(REAL.video[:48], other), alike) and alike.float().mean() < 0.2
    for wrong in (REAL.video[:16].flip(2), REAL.video[:16, :, [0, 2, 1, 4, 3, 5, 6, 7]],
                  REAL.video[:16, :, [3] * 8], torch.zeros(16, 3, 8, 16, 16)):
        assert not as_asked(wrong, cut(REAL, slice(16))).any()


def test_larger_films_are_the_same_films_and_read_the_same():
    wide = films(range(10**6, 10**6 + 32), side=32)
    assert wide.video.shape == (32, 3, FRAMES, 32, 32)
    assert torch.equal(wide.place, REAL.place[:32]) and torch.equal(wide.colour, REAL.colour[:32])
    seen = read(wide.video)
    assert seen.readable.all() and (seen.shape == wide.shape[:, None]).all()
    assert (seen.place - wide.place).abs().max() < 0.25 / 16


def test_words_name_shape_colour_and_way():
    given = words(REAL)
    assert given.text.shape == (96, 3, WORDS) and given.text_mask.all()
    ids = given.text.argmax(-1)
    assert torch.equal(ids, torch.stack([REAL.shape, 7 + REAL.colour, 13 + way(REAL.place)], 1))
    assert len(set(map(tuple, ids.tolist()))) == 24 and (given.text.sum(-1) == 1).all()
