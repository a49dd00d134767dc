"""From areas to shapes: where a blob is, how big, and which of the seven shapes it is.

A blob is moved to its centroid and scaled to its standard deviations, so that the same shape gives
the same small patch wherever it is, however large, and even squashed. The patch is compared with
those of the seven shapes, drawn sharp, blurred and rounded, that took the same road.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F

from . import paint as p

Tensor = torch.Tensor
GRID, REACH = 24, 2.7  # samples and extent, in standard deviations, of the normalised patch


def _window(y: Tensor, centre: Tensor, half: Tensor, side: int) -> Tensor:
    """Soft windows times powers 0 to 2 of y - centre: y (H,), centre and half (n,) -> (n, H, 3)"""
    d = y - centre[:, None]
    w = ((half[:, None] - d.abs()) * side + 0.5).clamp_(0, 1)
    return torch.stack([w, w * d, w * d * d], -1)


def moments(mask: Tensor, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of masks (n, H, W), in windows at centre +- half (n, 2): area in short sides squared (n,),
    centroid (n, 2) and standard deviation (n, 2) in short sides."""
    height, width = mask.shape[-2:]
    side = min(height, width)
    y = (torch.arange(height) + 0.5 - height / 2) / side
    x = (torch.arange(width) + 0.5 - width / 2) / side
    rows = torch.bmm(mask, _window(x, centre[:, 1], half[:, 1], side))  # (n, H, 3)
    m = torch.bmm(_window(y, centre[:, 0], half[:, 0], side).mT, rows)  # (n, 3, 3)
    area = m[:, 0, 0].clamp(min=1e-6)[:, None]
    mean = torch.stack([m[:, 1, 0], m[:, 0, 1]], -1) / area
    var = torch.stack([m[:, 2, 0], m[:, 0, 2]], -1) / area - mean**2
    return m[:, 0, 0] / side**2, centre + mean, var.clamp(min=(0.3 / side) ** 2).sqrt()


def around(picture: Tensor, reach: int) -> Tensor:
    """Sums over the square of pixels up to `reach` away: (..., H, W) -> (..., H, W)"""
    down, across = ((torch.arange(n)[:, None] - torch.arange(n)).abs() <= reach
                    for n in picture.shape[-2:])
    return down.float() @ (picture @ across.float())


def locate(mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The main blob of each mask (n, H, W): its area (n,), centroid (n, 2), deviation (n, 2)."""
    height, width = mask.shape[-2:]
    side = min(height, width)
    top = around(mask, round(0.11 * side)).flatten(1).argmax(1)
    centre = torch.stack([top // width - height / 2, top % width - width / 2], -1)
    centre = (centre + 0.5) / side
    half = torch.full_like(centre, 0.27)
    for _ in range(4):  # from where there is most, to the middle of it
        area, centre, deviation = moments(mask, centre, half)
        half = (2.75 * deviation + 1.5 / side).clamp(max=0.3)
    return area, centre, deviation


def patches(mask: Tensor, centre: Tensor, deviation: Tensor) -> Tensor:
    """Masks (n, H, W) moved to their centroid and scaled to their deviation: (n, GRID**2)"""
    u = torch.linspace(-REACH, REACH, GRID)
    size = torch.tensor(mask.shape[-2:])
    half = size / min(mask.shape[-2:]) / 2
    y = (centre[:, :1] + deviation[:, :1] * u) / half[0]  # (n, GRID)
    x = (centre[:, 1:] + deviation[:, 1:] * u) / half[1]
    grid = torch.stack([x[:, None, :].expand(-1, GRID, -1), y[:, :, None].expand(-1, -1, GRID)], -1)
    return F.grid_sample(mask[:, None], grid, align_corners=False)[:, 0].flatten(1)


def _blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (..., H, W) by `sigma` pixels."""
    reach = max(1, round(3 * sigma))
    k = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    k = (k / k.sum())[None, None, None]
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    flat = F.conv2d(F.pad(flat, (reach, reach, 0, 0), mode="replicate"), k)
    flat = F.conv2d(F.pad(flat, (0, 0, reach, reach), mode="replicate"), k.mT)
    return flat.view_as(pictures)


def _rounded(cover: Tensor, sigma: float) -> Tensor:
    """Corners and gaps filled in, as networks tend to draw: blurred, then made sharp again."""
    return ((_blur(cover, sigma) - 0.5) * sigma + 0.5).clamp(0, 1)


@lru_cache(maxsize=1)
def _templates() -> tuple[Tensor, Tensor, Tensor]:
    """Patches of every shape, drawn in several ways, (7, 16, GRID**2); and of each shape of
    radius 1 the deviation (7, 2) and the centroid (7, 2)."""
    y, x = p.ClipFormat(64, 64).grid()
    shift = torch.tensor([[0.0, 0.0], [0.3, 0.6], [0.7, 0.2], [0.5, 0.9]]) / 64
    levels, sizes, middles = [], [], []
    for radius in (12, 9, 6.3, 4):  # in pixels
        size = torch.full_like(shift, radius / 64)
        sharp = torch.stack([p.coverage(s, shift, size, y, x, 64) for s in range(len(p.DRAW))])
        for cover in (sharp, _blur(sharp, 0.8), _blur(sharp, 1.5), _rounded(sharp, radius / 4)):
            flat = cover.flatten(0, 1)  # (7 * 4, 64, 64)
            _, *where = locate(flat)
            patch, centre, deviation = (x.unflatten(0, cover.shape[:2])
                                        for x in (patches(flat, *where), *where))
            levels.append(patch.mean(1))
            sizes.append(deviation.mean(1) * 64 / radius)
            middles.append((centre - shift).mean(1) * 64 / radius)
    return torch.stack(levels, 1), sizes[0], middles[0]  # the sharpest and largest are the measure


def misfit(patch: Tensor) -> Tensor:
    """How far patches (n, GRID**2) are from each shape, 0 for the same: (n, 7)"""
    flat = _templates()[0].flatten(0, 1)  # (7 * 16, GRID**2)
    size = flat.square().sum(1)
    d = (patch.square().sum(1, keepdim=True) - 2 * patch @ flat.mT + size) / size
    return d.unflatten(1, (len(p.DRAW), -1)).amin(-1).clamp(min=0)


def geometry(shape: Tensor, centre: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Position and radius, both (n, F, 2), of shapes (n,) with these centroids and deviations."""
    _, sizes, middles = _templates()
    radius = deviation / sizes[shape][:, None]
    return centre - radius * middles[shape][:, None], radius


@lru_cache(maxsize=1)
def _shares() -> Tensor:
    """Share of each shape's area left of u = -1.2, -1.19, ... 1.2 radii: (7, 241)"""
    u = (torch.arange(241) - 120) / 100
    area = torch.stack([(draw(u[None].clone(), u[:, None].clone()) < 0).float() for draw in p.DRAW])
    share = area.sum(1).cumsum(-1)
    return share / share[:, -1:]


def depth_of_share(shape: int, share: Tensor) -> Tensor:
    """Where to cut a shape upright so that this share of its area is left of the cut, in radii."""
    return (torch.searchsorted(_shares()[shape], share.clamp(0.01, 0.99)) - 120) / 100
