"""From pixels to things: place, coloured areas, and where each actor, bicycle and wall is.

Everything a clip can hold is known (`paint`), so every pixel is explained as a background, a
colour laid over it with some alpha, or neither. Lengths are in short sides of the frame from its
centre, as (y, x), as in the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F

from . import paint as p

Tensor = torch.Tensor
BIKE, WALL = 6, 7  # classes of pixels after the six colours of actors
STRANGE = 0.18  # distance in RGB (0 to 1 each) at which a pixel is no longer what it should be
SMALLEST = 0.010  # area in short sides squared: less is no actor
DROP = torch.tensor([0.74, 0.99])  # grey of rain drops and snow flakes


@dataclass
class Pixels:
    """What each pixel of B clips is: place (B,); cls (B, F, H, W) the colour over the background,
    alpha (B, F, H, W) how much of it; off (B, F, H, W) distance of the pixel from the background.
    """

    place: Tensor
    cls: Tensor
    alpha: Tensor
    off: Tensor


@lru_cache(maxsize=16)
def _colours(height: int, width: int, device: str) -> tuple[Tensor, ...]:
    """Per place: the bare place (4, 3, H, W), what stars, drops and flakes add (4, 3, H, W), and
    what the eight colours add to it (4, 8, 3, H, W), drops apart."""
    fmt = p.ClipFormat(height, width, 1)
    empty = p.background(fmt, device, weather=False)[:, :, 0]
    drop = p.background(fmt, device)[:, :, 0] - empty
    drop[2:] = DROP.to(device)[:, None, None, None] - empty[2:]
    light = p.LIGHT.to(device)[:, None, None]
    paints = torch.cat([p.PALETTE.to(device) * light, p.BICYCLE.to(device)[:, None],
                        p.WALL.to(device) * light], 1)  # (4, 8, 3)
    added = paints[..., None, None] - empty[:, None]
    return empty, drop, _without(added, drop[:, None], 2)


def _without(added: Tensor, drop: Tensor, dim: int) -> Tensor:
    """Take away as much of a drop as explains `added` best."""
    share = (added * drop).sum(dim, keepdim=True) / (drop * drop).sum(dim, keepdim=True).clamp(1e-6)
    return added - share.clamp(0, 1) * drop


def explain(video: Tensor) -> Pixels:
    """Which place, and which colour lies over it where: video (B, 3, F, H, W) in [-1, 1]."""
    empty, drop, colours = _colours(*video.shape[-2:], str(video.device))
    few = (video[:, :, :: max(1, video.shape[2] // 4)] + 1) / 2
    fit = []
    for e, d in zip(empty, drop):
        off = _without(few - e[:, None], d[:, None], 1) if d.any() else few - e[:, None]
        fit.append(off.square_().sum(1).clamp_(max=STRANGE**2).mean((1, 2, 3)))
    place = torch.stack(fit, 1).argmin(1)  # (B,)

    off = ((video + 1) / 2).sub_(empty[place][:, :, None])  # (B, 3, F, H, W)
    wet = (place > 0).nonzero()[:, 0]
    if len(wet):
        off[wet] = _without(off[wet], drop[place[wet]][:, :, None], 1)
    best = torch.zeros_like(off[:, 0])
    alpha, cls = torch.zeros_like(best), torch.zeros_like(best, dtype=torch.uint8)
    for k in range(8):  # alpha explains best: the largest drop of the squared distance
        add = colours[:, k][place][:, :, None]  # (B, 3, 1, H, W)
        size = add.square().sum(1)
        along = (
            (off[:, 0] * add[:, 0]).addcmul_(off[:, 1], add[:, 1]).addcmul_(off[:, 2], add[:, 2])
        )
        a = (along / size).clamp_(0, 1)
        gain = along.mul_(2).sub_(a * size).mul_(a)
        better = gain > best
        best = torch.where(better, gain, best)
        alpha = torch.where(better, a, alpha)
        cls.masked_fill_(better, k)
    off = off.square_().sum(1).sqrt_()
    return Pixels(place, cls, alpha.mul_(off > 0.16), off)


# ---------------------------------------------------------------- walls


def find_walls(seen: Pixels, side: int) -> Tensor:
    """Left and right edge of a wall in each clip: (B, 2) in short sides, NaN for none."""
    width = seen.cls.shape[-1]
    share = (seen.alpha * (seen.cls == WALL)).mean((1, 2))  # (B, W)
    wall = torch.full((len(share), 2), torch.nan, device=share.device)
    for b in (share > 0.75).any(1).nonzero()[:, 0].tolist():
        solid = (share[b] > 0.75).tolist()
        first, last = solid.index(True), width - 1 - solid[::-1].index(True)
        if last - first + 1 < 0.1 * side or sum(solid) < 0.9 * (last - first + 1):
            continue
        left = first - (share[b, first - 1] if first else 0)
        right = last + 1 + (share[b, last + 1] if last + 1 < width else 0)
        wall[b] = torch.stack([torch.as_tensor(left), torch.as_tensor(right)]) / side
    return wall - width / side / 2


# ---------------------------------------------------------------- where the actors are


def count_and_cut(mask: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """How many actors (B,), and the column that parts two of them (B, F): mask (B, F, H, W)."""
    profile = mask.sum(2)  # (B, F, W)
    left = profile.cumsum(-1)
    total = left[..., -1:]
    least = SMALLEST * side**2
    gap = (profile < 0.8) & (left > least) & (total - left > least)
    x = torch.arange(mask.shape[-1], device=mask.device) + 0.5
    away = (x - mask.shape[-1] / 2).abs() + torch.where(gap, 0.0, 1e4)
    cut = x[away.argmin(-1)]  # (B, F)
    parted, there = gap.any(-1), total[..., 0] > least
    two = (parted.sum(1) > 0.5 * there.sum(1)) & (parted.sum(1) > 0)
    usual = torch.where(parted, cut, torch.nan).nanmedian(1, keepdim=True).values
    return there.any(1).long() + two, torch.where(parted, cut, usual)


def _within(y: Tensor, centre: Tensor, half: Tensor, side: int) -> Tensor:
    """Soft windows times powers 0 to 2 of y - centre: y (H,), centre and half (n,) -> (n, H, 3)"""
    d = y - centre[:, None]
    w = ((half[:, None] - d.abs()) * side + 0.5).clamp_(0, 1)
    return torch.stack([w, w * d, w * d * d], -1)


def moments(mask: Tensor, centre: Tensor, half: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Area (n,), centroid (n, 2) and standard deviation (n, 2) of masks (n, H, W) in windows."""
    height, width = mask.shape[-2:]
    y = (torch.arange(height, device=mask.device) + 0.5 - height / 2) / side
    x = (torch.arange(width, device=mask.device) + 0.5 - width / 2) / side
    along = torch.bmm(mask, _within(x, centre[:, 1], half[:, 1], side))  # (n, H, 3)
    m = torch.bmm(_within(y, centre[:, 0], half[:, 0], side).mT, along)  # (n, 3, 3)
    area = m[:, 0, 0].clamp(min=1e-6)
    mean = torch.stack([m[:, 1, 0], m[:, 0, 1]], -1) / area[:, None]
    var = torch.stack([m[:, 2, 0], m[:, 0, 2]], -1) / area[:, None] - mean**2
    return m[:, 0, 0] / side**2, centre + mean, var.clamp(min=(0.3 / side) ** 2).sqrt()


def locate(mask: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The main blob of each mask (n, H, W): its area (n,), centroid (n, 2), deviation (n, 2)."""
    height, width = mask.shape[-2:]
    size = 2 * round(0.11 * side) + 1
    pooled = F.avg_pool2d(mask[:, None], (size, 1), 1, (size // 2, 0))
    pooled = F.avg_pool2d(pooled, (1, size), 1, (0, size // 2))[:, 0].flatten(1)
    top = pooled.argmax(1)
    centre = (
        torch.stack([top // width + 0.5 - height / 2, top % width + 0.5 - width / 2], -1) / side
    )
    half = torch.full_like(centre, 0.27)
    for _ in range(4):
        area, centre, deviation = moments(mask, centre, half, side)
        half = (2.75 * deviation + 1.5 / side).clamp(max=0.3)
    return area, centre, deviation


# ---------------------------------------------------------------- which shape

GRID, REACH = 24, 2.7  # samples and extent, in standard deviations, of the normalised patch


def patches(mask: Tensor, centre: Tensor, deviation: Tensor, side: int) -> Tensor:
    """Masks (n, H, W) moved to their centroid and scaled to their deviation: (n, GRID**2)"""
    u = torch.linspace(-REACH, REACH, GRID, device=mask.device)
    half = torch.tensor(mask.shape[-2:], device=mask.device) / side / 2
    y = (centre[:, :1] + deviation[:, :1] * u) / half[0]  # (n, GRID)
    x = (centre[:, 1:] + deviation[:, 1:] * u) / half[1]
    grid = torch.stack([x[:, None, :].expand(-1, GRID, -1), y[:, :, None].expand(-1, -1, GRID)], -1)
    return F.grid_sample(mask[:, None], grid, align_corners=False)[:, 0].flatten(1)


@lru_cache(maxsize=4)
def _templates(device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Patches of every shape at several sharpnesses, by the same road as those of a film.

    Returns patches (6, levels, GRID**2), and per shape of radius 1 its deviation (6, 2) and
    centroid (6, 2).
    """
    fmt = p.ClipFormat(64, 64)
    y, x = fmt.grid(device)
    shift = torch.tensor([[0.0, 0.0], [0.3, 0.6], [0.7, 0.2], [0.5, 0.9]], device=device) / 64
    levels, sizes, middles = [], [], []
    for radius in (12, 9, 6.3, 4):  # in pixels
        sharp = torch.stack([
            p.coverage(s, shift, torch.full_like(shift, radius / 64), y, x, 64) for s in range(6)
        ])  # (6, 4, 64, 64)
        for cover in (sharp, _blur(sharp, 0.8), _blur(sharp, 1.5), _rounded(sharp, radius / 4)):
            found = [locate(c, 64) for c in cover]
            levels.append(torch.stack([patches(c, *f[1:], 64).mean(0)
                                       for c, f in zip(cover, found)]))
            if not sizes:  # the sharpest and largest are the measure
                sizes = [f[2].mean(0) * 64 / radius for f in found]
                middles = [(f[1] - shift).mean(0) * 64 / radius for f in found]
    return torch.stack(levels, 1), torch.stack(sizes), torch.stack(middles)


def _rounded(cover: Tensor, sigma: float) -> Tensor:
    """Corners and gaps filled in, as networks tend to draw: blurred, then made sharp again."""
    return ((_blur(cover, sigma) - 0.5) * sigma + 0.5).clamp(0, 1)


def _blur(pictures: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (..., H, W) by `sigma` pixels."""
    reach = max(1, round(3 * sigma))
    k = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=pictures.device) / sigma) ** 2)
    k = (k / k.sum())[None, None, None]
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    flat = F.conv2d(F.pad(flat, (reach, reach, 0, 0), mode="replicate"), k)
    flat = F.conv2d(F.pad(flat, (0, 0, reach, reach), mode="replicate"), k.mT)
    return flat.view_as(pictures)


def shape_misfit(patch: Tensor) -> Tensor:
    """How far patches (n, GRID**2) are from each shape, 0 for the same: (n, 6)"""
    templates, _, _ = _templates(str(patch.device))
    flat = templates.flatten(0, 1)  # (6 * levels, GRID**2)
    d = patch.square().sum(1, keepdim=True) - 2 * patch @ flat.mT + flat.square().sum(1)
    d = d / flat.square().sum(1)
    return d.unflatten(1, (6, -1)).amin(-1).clamp(min=0)


def shape_geometry(shape: Tensor, centre: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor]:
    """Position and radius, both (n, F, 2), of shapes (n,) with these centroids and deviations."""
    _, sizes, middles = _templates(str(centre.device))
    radius = deviation / sizes[shape][:, None]
    return centre - radius * middles[shape][:, None], radius


# ---------------------------------------------------------------- actors


@dataclass
class Actors:
    """R actors in all clips: clip (R,) which they are in, shape and colour (R,), position, radius
    (R, F, 2), visible (R, F), missing (R, F) where one should be seen and is not, switches (R,)
    how often shape or colour change, side (R,) -1, 1 or 0: none, left or right of a wall at first.
    """

    clip: Tensor
    shape: Tensor
    colour: Tensor
    position: Tensor
    radius: Tensor
    visible: Tensor
    missing: Tensor
    switches: Tensor


def find_actors(seen: Pixels, walls: Tensor, side: int) -> Actors:
    """Every actor of every clip, from left to right."""
    b, frames, height, width = seen.alpha.shape
    x = (torch.arange(width, device=walls.device) + 0.5 - width / 2) / side
    mask = seen.alpha * (seen.cls < BIKE)
    behind = (x > walls[:, :1]) & (x < walls[:, 1:])  # (B, W), False where there is no wall
    mask.masked_fill_(behind[:, None, None], 0)
    count, cut = count_and_cut(mask, side)
    clip = torch.cat([(count > i).nonzero()[:, 0] for i in range(2)])
    second = torch.arange(len(clip), device=clip.device) >= (count > 0).sum()
    clip, order = clip.sort(stable=True)
    second = second[order]
    mask = mask[clip]  # (R, F, H, W)
    for row in (count[clip] == 2).nonzero()[:, 0].tolist():
        left = torch.arange(width, device=x.device) + 0.5 < cut[clip[row]][:, None]
        mask[row] *= (left ^ second[row])[:, None]
    area, centre, deviation = (
        v.unflatten(0, (-1, frames)) for v in locate(mask.flatten(0, 1), side)
    )

    votes = torch.stack([(mask * (seen.cls[clip] == k)).sum((2, 3)) for k in range(6)], -1)
    visible = area > 0.6 * SMALLEST
    flat = (v.flatten(0, 1) for v in (mask, centre, deviation))
    patch = patches(*flat, side).unflatten(0, (-1, frames))  # (R, F, GRID**2)
    walled = ~walls[clip, :1].isnan()  # (R, 1)
    whole, share = visible.clone(), torch.ones_like(area)
    for row in walled[:, 0].nonzero()[:, 0].tolist():
        whole[row], share[row] = _shown(mask[row], area[row], centre[row], walls[clip[row]], side)
    colour = (votes * visible[..., None]).sum(1).argmax(-1)
    mean = (patch * whole[..., None]).sum(1) / whole.sum(1).clamp(1)[:, None]
    shape = shape_misfit(mean).argmin(1)
    position, radius = shape_geometry(shape, centre, deviation)
    _, sizes, _ = _templates(str(centre.device))
    visible = torch.where(walled, (area > 0.3 * SMALLEST) & (share > 0.08), visible)
    missing = ~visible
    for row in walled[:, 0].nonzero()[:, 0].tolist():
        _look_past_wall(walls[clip[row]], int(shape[row]), share[row], whole[row],
                        position[row], radius[row], visible[row], missing[row])
    # local loss of most of the area is a loss of the actor
    around = F.max_pool1d(area[:, None], 5, 1, 2)[:, 0]
    faint = ~walled & (area < 0.4 * around)
    visible &= ~faint
    missing |= faint

    own = votes.gather(-1, colour[:, None, None].expand(-1, frames, 1))[..., 0]
    other = (votes.amax(-1) > 1.5 * own) | (own < 0.6 * votes.sum(-1))
    other &= share > 0.35  # slivers beside a wall mix with its colour
    weight = whole[:, None].float()
    near = F.avg_pool1d(patch.mT * weight, 5, 1, 2) / F.avg_pool1d(weight, 5, 1, 2).clamp(0.1)
    misfit = shape_misfit(near.mT.flatten(0, 1)).unflatten(0, (-1, frames))  # (R, F, 6)
    mine = misfit.gather(-1, shape[:, None, None].expand(-1, frames, 1))[..., 0]
    other |= whole & (mine > 1.5 * misfit.amin(-1) + 0.02)
    upright = deviation[..., 0] * sizes[shape][:, 1:] / (deviation[..., 1] * sizes[shape][:, :1])
    other |= whole & ((upright > 1.4 + 0.2 * walled) | (upright < 0.36))  # a squash makes it flat
    return Actors(
        clip, shape, colour, position, radius, visible, missing, _changes(other & visible)
    )


def _changes(other: Tensor) -> Tensor:
    """How often a yes/no sequence (n, F) changes: at least 1 where it is ever yes."""
    return (other[:, 1:] ^ other[:, :-1]).sum(1).maximum(other.any(1).long())


@lru_cache(maxsize=1)
def _cumulative() -> Tensor:
    """Share of each shape's area left of u, for u from -1.2 to 1.2: (6, 97)"""
    u = (torch.arange(241) - 120) / 100
    area = torch.stack([(draw(u[None].clone(), u[:, None].clone()) < 0).float() for draw in p.DRAW])
    share = area.sum(1).cumsum(-1)
    return share / share[:, -1:]


def _shown(mask, area, centre, wall, side) -> tuple[Tensor, Tensor]:
    """In which frames an actor is clear of a wall, and what share of it shows in all: (F,), (F,)

    All shapes are as wide as high, so one is clear when its width is what its height ever was.
    """
    width = mask.shape[-1]
    x = (torch.arange(width, device=mask.device) - width / 2) / side  # left edges of the columns
    column, line = mask.sum(1) > 1.5, mask.sum(2) > 1.5  # (F, W), (F, H)
    left = centre[:, 1] < wall.mean()
    first = torch.where(column, x, 9.0).amin(1)
    last = torch.where(column, x + 1 / side, -9.0).amax(1)
    wide = torch.where(left, wall[0] - first, last - wall[1]).clamp(min=0)
    whole = area > 0
    whole &= wide > 0.8 * wide.amax().minimum(line.sum(1).amax() / side)
    full = torch.stack([area[whole & (left == s)].amax() if (whole & (left == s)).any()
                        else area[whole].amax() for s in (False, True)])
    return whole, area / full[left.long()]


def _look_past_wall(wall, shape, share, whole, position, radius, visible, missing) -> None:
    """Complete, in place, the track of an actor that a wall hides in part: all (F, ...).

    The part of its area that is seen tells how far it has gone behind the wall.
    """
    size, y = radius[whole].mean(0), position[whole, 0].mean()
    table = _cumulative()[shape]
    depth = (torch.searchsorted(table, share.clamp(0.01, 0.99)) - 120) / 100 * size[1]
    left = position[:, 1] < wall.mean()
    x = torch.where(left, wall[0] - depth, wall[1] + depth)
    x = torch.where(share > 0.93, position[:, 1], x)
    t = torch.arange(len(x))
    at = t[visible]
    if len(at) > 1:  # between two sightings it went straight on; outside them, on as before
        k = torch.searchsorted(at, t).clamp(1, len(at) - 1)
        before, after = at[k - 1], at[k]
        gone = x[before] + (x[after] - x[before]) * (t - before) / (after - before)
        close = at[(at - at[-1]).abs() < 4]
        if len(close) > 1:
            pace = (x[close[-1]] - x[close[0]]) / (close[-1] - close[0])
            gone = torch.where(t > at[-1], x[at[-1]] + pace * (t - at[-1]), gone)
        x = torch.where(visible, x, gone)
    overlap = (x + size[1]).minimum(wall[1]) - (x - size[1]).maximum(wall[0])
    missing &= overlap < 1.3 * size[1]
    position[:, 0].copy_(torch.where(visible & (share > 0.5), position[:, 0], y))
    position[:, 1].copy_(x)
    radius.copy_(size.expand_as(radius))


# ---------------------------------------------------------------- bicycles


def find_bicycles(seen: Pixels, side: int) -> Tensor:
    """Top of the bicycle in each frame: (B, F, 2), NaN where there is none."""
    b, frames, height, width = seen.alpha.shape
    mask = seen.alpha * (seen.cls == BIKE)
    saddle = torch.full((b, frames, 2), torch.nan, device=mask.device)
    much = (mask.sum((2, 3)) > 0.015 * side**2).float().mean(1) > 0.3
    for clip in much.nonzero()[:, 0].tolist():
        _, centre, _ = locate(mask[clip], side)
        fmt = p.ClipFormat(max(8, height), max(8, width))
        y, x = fmt.grid(mask.device)
        top = centre - torch.tensor([0.6 * p.SADDLE, 0.0])
        cover = p.bicycle_coverage(top, y, x, side)
        _, middle, _ = locate(cover, side)
        top = top + centre - middle
        cover = p.bicycle_coverage(top, y, x, side)
        alike = torch.minimum(cover, mask[clip]).sum((1, 2)) / torch.maximum(cover, mask[clip]).sum(
            (1, 2)
        )
        saddle[clip] = top.masked_fill(~(alike > 0.4)[:, None], torch.nan)
    return saddle


# ---------------------------------------------------------------- what is left over


def unexplained(video: Tensor, seen: Pixels, actors: Actors, saddle: Tensor, walls: Tensor,
                side: int) -> Tensor:
    """Area in each frame, in short sides squared, that nothing found accounts for: (B, F)"""
    b, frames, height, width = seen.off.shape
    y, x = p.ClipFormat(height, width).grid(video.device)
    left = seen.off > STRANGE
    spoilt = torch.zeros_like(left)
    clear = ~((x >= walls[:, :1] - 1.2 / side) & (x <= walls[:, 1:] + 1.2 / side))  # (B, W)
    position = actors.position.masked_fill(actors.missing[..., None], 9.0)  # out of the picture
    for s in range(6):
        rows = (actors.shape == s).nonzero()[:, 0]
        if len(rows):
            cover = p.coverage(s, position[rows], actors.radius[rows], y, x, side)
            wide, core = _widen(cover, side), 1 - _widen(1 - cover, side)
            for row, over, within in zip(rows.tolist(), wide, core):
                clip, colour = actors.clip[row], actors.colour[row]
                left[clip] &= over < 0.3
                wrong = (seen.cls[clip] != colour) | (seen.alpha[clip] < 0.6)
                spoilt[clip] |= (within > 0.9) & wrong & clear[clip]
    for clip in (~saddle[:, :, 0].isnan()).any(1).nonzero()[:, 0].tolist():
        cover = p.bicycle_coverage(saddle[clip].nan_to_num(9.0), y, x, side)
        left[clip] &= _widen(cover, side) < 0.3
    for clip in (~walls[:, 0].isnan()).nonzero()[:, 0].tolist():
        near = ((x > walls[clip, 0] - 1.2 / side) & (x < walls[clip, 1] + 1.2 / side))[0]
        inside = ((x > walls[clip, 0] + 1.2 / side) & (x < walls[clip, 1] - 1.2 / side))[0]
        paint = (p.WALL.to(video.device) * p.LIGHT[seen.place[clip]])[:, None, None, None]
        wrong = ((video[clip] + 1) / 2 - paint).square().sum(0) > STRANGE**2  # (F, H, W)
        left[clip] = torch.where(near, wrong & inside, left[clip])
    return (left | spoilt).sum((2, 3)) / side**2


def _widen(cover: Tensor, side: int) -> Tensor:
    """Coverage (n, F, H, W) or (F, H, W) made wider by two pixels of a 48x48 film all around."""
    reach = max(1, round(side / 24))
    wide = F.max_pool2d(cover, (2 * reach + 1, 1), 1, (reach, 0))
    return F.max_pool2d(wide, (1, 2 * reach + 1), 1, (0, reach))
