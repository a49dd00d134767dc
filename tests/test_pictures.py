"""The pictures are what was asked for, and the judge reads them, and nothing else."""

import torch
from torch.nn import functional as F

from minivid.grammar import COLOURS, SHAPES
from minivid.pictures import DRAWN, PAINTED, colour_name, pictures, read

REAL = pictures(range(10**6, 10**6 + 96))


def test_seeds_give_the_same_pictures_in_any_batch():
    some = pictures(torch.tensor([10**6 + 5, 10**6]))
    assert torch.equal(some.pixels, REAL.pixels[[5, 0]]) and some.caption(1) == REAL.caption(0)
    assert len({REAL.caption(b) for b in range(96)}) == len(DRAWN) * len(PAINTED)


def test_real_pictures_are_read_as_asked():
    seen = read(REAL.pixels)
    assert seen.share() == 1 and seen.unexplained.max() < 0.03
    assert torch.equal(seen.shape, REAL.shape) and torch.equal(seen.colour, REAL.colour)


def test_a_little_noise_is_forgiven():
    noise = torch.randn(REAL.pixels.shape, generator=torch.Generator().manual_seed(0))
    seen = read(REAL.pixels + 0.1 * noise)
    assert seen.share() == 1 and torch.equal(seen.shape, REAL.shape)


def test_what_is_no_picture_is_unreadable():
    noise = torch.randn(REAL.pixels.shape, generator=torch.Generator().manual_seed(0))
    mean = REAL.pixels.mean(0, keepdim=True)
    halves = torch.cat([REAL.pixels[:48, :, :8], REAL.pixels[48:, :, 8:]], 2)
    odd = (REAL.shape[:48] != REAL.shape[48:]) & (REAL.colour[:48] != REAL.colour[48:])
    assert read(noise).share() == 0 and read(mean).share() == 0
    assert read(halves[odd]).share() == 0 and read(-REAL.pixels).share() == 0
    blurred = F.avg_pool2d(REAL.pixels, 7, 1, 3, count_include_pad=False)
    assert read(blurred).share() < 0.1
    assert read(noise).caption(0) == "unreadable"


def test_colours_are_named_by_hue():
    bright = torch.tensor([[0.9, 0.2, 0.2], [0.1, 0.3, 0.9], [0.95, 0.8, 0.2], [0.6, 0.2, 0.8]])
    assert [COLOURS[c] for c in colour_name(bright)] == ["red", "blue", "yellow", "purple"]
    between = torch.tensor([[0.9, 0.5, 0.1], [0.5, 0.5, 0.5], [0.2, 0.0, 0.0]])
    assert colour_name(between).tolist() == [-1, -1, -1]  # orange, grey, nearly black


def test_red_painted_blue_is_read_as_blue():
    red = REAL.colour == COLOURS.index("red")
    swapped = read(REAL.pixels[red].flip(1))
    found = {COLOURS[c] for c in swapped.colour if c >= 0}
    assert found <= {"blue"} and set(SHAPES) >= set(DRAWN)
