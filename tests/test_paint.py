"""Pixels: in range, the same for every size and aspect, and what the scene says they are."""

import math

import pytest
import torch

from minivid import paint as p
from minivid.errors import FormatError

FORMATS = [p.ClipFormat(48, 48), p.ClipFormat(48, 72), p.ClipFormat(72, 48), p.ClipFormat(64, 64)]


def scene(shape=0, colour=0, place=0, at=(0.0, 0.0), radius=0.2, frames=1, wall=None, saddle=None):
    nan = float("nan")
    return p.Scene(
        torch.tensor([[shape]]), torch.tensor([[colour]]), torch.tensor([place]),
        torch.tensor(at).expand(1, 1, frames, 2), torch.full((1, 1, frames, 2), radius),
        torch.tensor(saddle or (nan, nan)).expand(1, frames, 2), torch.tensor([wall or (nan, nan)]),
    )


@pytest.mark.parametrize("fmt", [{"height": 4}, {"width": 513}, {"frames": 0}, {"frames": 16}])
def test_impossible_formats_say_so(fmt):
    with pytest.raises(FormatError, match="must be"):
        p.ClipFormat(**fmt)


def test_times_and_units():
    fmt = p.ClipFormat(48, 72, 17, 8)
    assert fmt.seconds == 2 and fmt.side == 48 and fmt.half == (0.5, 0.75)
    y, x = fmt.grid()
    assert y.shape == (48, 1) and x.shape == (1, 72)
    assert float(x[0, 0]) == pytest.approx(-0.75 + 0.5 / 48)


AREAS = {"ball": math.pi, "box": 3.61, "triangle": 1.995, "star": 1.749, "ring": 2.6389,
         "cat": 3.426}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("shape", range(6))
def test_coverage_has_the_area_of_the_shape(shape, fmt):
    y, x = fmt.grid()
    at, radius = torch.tensor([0.03, -0.02]), torch.tensor([0.2, 0.2])
    cover = p.coverage(shape, at, radius, y, x, fmt.side)
    assert cover.shape == (fmt.height, fmt.width) and cover.min() >= 0 and cover.max() <= 1
    area = float(cover.sum()) / (0.2 * fmt.side) ** 2
    assert area == pytest.approx(AREAS[p.DRAW[shape].__name__], rel=0.03)


@pytest.mark.parametrize("shape", range(6))
def test_shapes_are_symmetric_and_of_unit_radius(shape):
    u = torch.linspace(-1.6, 1.6, 641)
    inside = p.DRAW[shape](u[None].clone(), u[:, None].clone()) < 0
    assert torch.equal(inside, inside.flip(1))
    rows, columns = u[inside.any(1)], u[inside.any(0)]
    assert 0.85 < columns.max() < 1.2 and 0.8 < rows.max() < 1.35 and -1.4 < rows.min() < -0.8


def test_the_middle_of_a_ball_has_its_colour_in_the_light_of_the_place():
    for place in range(4):
        for colour in range(6):
            pixel = p.paint(scene(0, colour, place), p.ClipFormat(frames=1))[0, :, 0, 24, 24]
            want = p.PALETTE[colour] * p.LIGHT[place] * 2 - 1
            assert torch.allclose(pixel, want, atol=1e-5)


def test_the_wall_stands_in_front_and_nobody_is_nowhere():
    fmt = p.ClipFormat(frames=1)
    hidden = p.paint(scene(wall=(-0.25, 0.25)), fmt)
    empty = p.paint(scene(shape=-1, wall=(-0.25, 0.25)), fmt)
    assert torch.allclose(hidden, empty, atol=1e-6)
    assert not torch.equal(p.paint(scene(), fmt), p.paint(scene(shape=-1), fmt))
    bare = p.background(fmt)[0] * 2 - 1
    assert torch.allclose(p.paint(scene(shape=-1), fmt)[0], bare)


def test_a_bicycle_stands_under_its_saddle():
    fmt = p.ClipFormat(frames=1)
    changed = (p.paint(scene(-1, saddle=(0.1, 0.0)), fmt) - p.paint(scene(-1), fmt)).abs()
    rows, columns = changed[0].sum((0, 1, 3)) > 0.1, changed[0].sum((0, 1, 2)) > 0.1
    y, x = fmt.grid()
    assert y[rows].min() == pytest.approx(0.1, abs=0.03)
    assert y[rows].max() == pytest.approx(0.1 + p.SADDLE, abs=0.03)
    assert x[0][columns].max() == pytest.approx(p.WHEELBASE + p.WHEEL, abs=0.03)
    assert 2 * p.WHEEL * 48 >= 8  # wheels of eight pixels at least


@pytest.mark.parametrize("fmt", FORMATS)
def test_backgrounds(fmt):
    places = p.background(fmt)
    assert places.shape == (4, 3, fmt.frames, fmt.height, fmt.width)
    assert places.min() >= 0 and places.max() <= 1
    still, moving = places[:2], places[2:]
    assert torch.equal(still[:, :, 0], still[:, :, 5])
    assert (moving[:, :, 0] - moving[:, :, 1]).abs().amax((1, 2, 3)).min() > 0.1
    # drops fall one gap in half a second: four frames at eight a second
    assert torch.allclose(moving[:, :, 0], moving[:, :, 4], atol=1e-3)
    means = places.mean((2, 3, 4))
    apart = torch.cdist(means, means) + torch.eye(4)
    assert apart.min() > 0.15


def test_colours_are_far_apart():
    assert (torch.cdist(p.PALETTE, p.PALETTE) + torch.eye(6) * 9).min() > 0.45


def test_a_bigger_film_shows_the_same_scene():
    small = p.paint(scene(5, 2, 0, (0.1, 0.05)), p.ClipFormat(48, 48, 1))
    large = p.paint(scene(5, 2, 0, (0.1, 0.05)), p.ClipFormat(144, 144, 1))
    reduced = torch.nn.functional.avg_pool2d(large[:, :, 0], 3)
    assert (reduced - small[:, :, 0]).abs().mean() < 0.01


def test_ink_draws_an_outline():
    fmt = p.ClipFormat(frames=1)
    flat, ink = (p.paint(scene(1, 1), fmt, style)[0, :, 0] for style in ("flat", "ink"))
    assert torch.allclose(flat[:, 24, 24], ink[:, 24, 24], atol=1e-5)
    assert (flat - ink).abs().max() > 0.5
