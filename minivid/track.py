"""From areas to things: where each actor and bicycle is in every frame.

Lengths are in short sides of the frame from its centre, as (y, x), as in the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from . import paint as p
from . import shapes
from .pixels import BIKE, Pixels

Tensor = torch.Tensor
SMALLEST = 0.010  # area in short sides squared: less is no actor
FACE = 0.134  # deviation in short sides: only a face is larger
ONLY_FACES = torch.arange(len(p.DRAW)) == len(p.DRAW) - 1
SHAPELESS = 0.12  # misfit of a blob that is none of the shapes (real ones stay below 0.02)
FACELESS = 0.05  # of one as large as a face that is none


@dataclass
class Actors:
    """R actors in all clips: clip (R,) which they are in, shape and colour (R,) the nearest ones,
    shapely (R,) whether it is that shape at all, position, radius (R, F, 2), visible (R, F),
    missing (R, F) where one should be seen and is not, switches (R,) how often shape or colour
    change; lips (R, F) the area of a face's open mouth, as a share of the face's.
    """

    clip: Tensor
    shape: Tensor
    shapely: Tensor
    colour: Tensor
    position: Tensor
    radius: Tensor
    visible: Tensor
    missing: Tensor
    switches: Tensor
    lips: Tensor


@dataclass
class Blobs:
    """The coloured area of each of R actors: clip (R,); mask (R, F, H, W); area (R, F), centre and
    deviation (R, F, 2); votes (R, F, 6) for each colour; patch (R, F, GRID**2); is_face (R,), for
    then all but the mask is of the area with its mouth shut."""

    clip: Tensor
    mask: Tensor
    area: Tensor
    centre: Tensor
    deviation: Tensor
    votes: Tensor
    patch: Tensor
    is_face: Tensor


# ---------------------------------------------------------------- one or two


def count_and_cut(mask: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """How many actors (B,), and the column that parts two of them (B, F): mask (B, F, H, W)."""
    profile = mask.sum(2)  # (B, F, W)
    left = profile.cumsum(-1)
    total = left[..., -1:]
    least = SMALLEST * side**2
    gap = (profile < 0.8) & (left > least) & (total - left > least)
    x = torch.arange(mask.shape[-1]) + 0.5
    away = (x - mask.shape[-1] / 2).abs() + torch.where(gap, 0.0, 1e4)
    cut = x[away.argmin(-1)]  # (B, F) the gap next to the middle
    parted, there = gap.any(-1), total[..., 0] > least
    two = (parted.sum(1) > 0.5 * there.sum(1)) & parted.any(1)
    usual = torch.where(parted, cut, torch.nan).nanmedian(1, keepdim=True).values
    return there.any(1).long() + two, torch.where(parted, cut, usual)


def find_blobs(seen: Pixels, walls: Tensor) -> Blobs:
    """The coloured areas outside walls, from left to right where there are two."""
    frames, height, width = seen.alpha.shape[1:]
    side = min(height, width)
    x = torch.arange(width) + 0.5
    at = (x - width / 2) / side
    mask = seen.alpha * (seen.cls < BIKE)
    behind = (at > walls[:, :1]) & (at < walls[:, 1:])  # (B, W), False where there is no wall
    mask.masked_fill_(behind[:, None, None], 0)
    count, cut = count_and_cut(mask, side)
    which = torch.stack([count > 0, count > 1], 1).nonzero()  # (R, 2) clip and left or right
    clip, right = which.unbind(1)
    mask = mask[clip]  # (R, F, H, W)
    pair = (count[clip] == 2).nonzero()[:, 0]
    left = x < cut[clip[pair]][..., None]  # (n, F, W)
    mask[pair] *= (left ^ right[pair].bool()[:, None, None])[:, :, None]
    flat = mask.flatten(0, 1)
    area, centre, deviation = shapes.locate(flat)
    large = deviation.prod(-1).sqrt().unflatten(0, (-1, frames)).median(1).values
    is_face = (large > FACE) & walls[clip, 0].isnan()
    if is_face.any():
        shut = is_face.repeat_interleave(frames)
        flat = flat.clone()
        flat[shut] = mouth_shut(mask[is_face]).flatten(0, 1)
        area[shut], centre[shut], deviation[shut] = shapes.locate(flat[shut])
    patch = shapes.patches(flat, centre, deviation)
    cls = seen.cls[clip]
    votes = torch.stack([(mask * (cls == k)).sum((2, 3)) for k in range(6)], -1)
    area, centre, deviation, patch = (
        v.unflatten(0, (-1, frames)) for v in (area, centre, deviation, patch)
    )
    return Blobs(clip, mask, area, centre, deviation, votes, patch, is_face)


def mouth_shut(mask: Tensor) -> Tensor:
    """Faces with what was ever covered within four frames around: mask (n, F, H, W) alike.

    No vowel lasts that long, so a mouth is filled up, while eyes stay holes.
    """
    over = F.max_pool1d(mask.permute(0, 2, 3, 1).flatten(0, 2)[:, None], 9, 1, 4)
    return over.view(*mask.shape[:1], *mask.shape[2:], -1).permute(0, 3, 1, 2)


# ---------------------------------------------------------------- who they are


def find_actors(seen: Pixels, walls: Tensor) -> Actors:
    """Every actor of every clip, from left to right."""
    blobs = find_blobs(seen, walls)
    walled = ~walls[blobs.clip, :1].isnan()  # (R, 1)
    visible = blobs.area > 0.6 * SMALLEST
    whole, share = visible.clone(), torch.ones_like(blobs.area)
    beside = walled[:, 0].nonzero()[:, 0].tolist()
    for row in beside:
        whole[row], share[row] = _shown(
            blobs.mask[row], blobs.area[row], blobs.centre[row], walls[blobs.clip[row]]
        )
    visible = torch.where(walled, (blobs.area > 0.3 * SMALLEST) & (share > 0.08), visible)
    # where most of the area of the frames around is lost, the actor is
    visible &= walled | (blobs.area > 0.4 * F.max_pool1d(blobs.area[:, None], 5, 1, 2)[:, 0])

    colour = (blobs.votes * visible[..., None]).sum(1).argmax(-1)
    mean = (blobs.patch * whole[..., None]).sum(1) / whole.sum(1).clamp(1)[:, None]
    misfit = shapes.misfit(mean)
    misfit = torch.where(blobs.is_face[:, None] == ONLY_FACES, misfit, 9.0)
    misfit, shape = misfit.min(1)
    position, radius = shapes.geometry(shape, blobs.centre, blobs.deviation)
    other = _other_shape(blobs, shape, radius, whole, walled)
    other |= _other_colour(blobs.votes, colour) & (share > 0.6)  # slivers mix with the wall
    missing = ~visible
    for row in beside:
        _look_past_wall(walls[blobs.clip[row]], int(shape[row]), share[row], whole[row],
                        position[row], radius[row], visible[row], missing[row])
    shapely = misfit < torch.where(blobs.is_face, FACELESS, SHAPELESS)
    return Actors(blobs.clip, shape, shapely, colour, position, radius, visible,
                  missing, _changes(other & visible), lips(blobs, radius))


def lips(blobs: Blobs, radius: Tensor) -> Tensor:
    """How far a face's mouth is open in each frame, as a share of the face's area: (R, F)

    radius (R, F, 2). Counted is what is open there only now and then.
    """
    out = torch.zeros(radius.shape[:2])
    rows = blobs.is_face
    if rows.any():
        mask = blobs.mask[rows]
        side = min(mask.shape[-2:])
        disc = torch.pi * radius[rows].prod(-1).median(1, keepdim=True).values * side**2
        out[rows] = (mouth_shut(mask) - mask).sum((2, 3)) / disc
    return out


def _other_colour(votes: Tensor, colour: Tensor) -> Tensor:
    """Frames with clearly another colour than `colour` (R,), or much of another: (R, F)"""
    own = votes.gather(-1, colour[:, None, None].expand(-1, votes.shape[1], 1))[..., 0]
    return (votes.amax(-1) > 1.5 * own) | (own < 0.6 * votes.sum(-1))


def _other_shape(blobs: Blobs, shape: Tensor, radius: Tensor, whole: Tensor,
                 walled: Tensor) -> Tensor:
    """Frames with clearly another shape than `shape` (R,), over five frames at a time: (R, F)"""
    frames = whole.shape[1]
    weight = whole[:, None].float()
    near = F.avg_pool1d(blobs.patch.mT * weight, 5, 1, 2)
    near = near / F.avg_pool1d(weight, 5, 1, 2).clamp(0.1)
    misfit = shapes.misfit(near.mT.flatten(0, 1)).unflatten(0, (-1, frames))  # (R, F, 7)
    misfit = torch.where(blobs.is_face[:, None, None] == ONLY_FACES, misfit, 9.0)
    mine = misfit.gather(-1, shape[:, None, None].expand(-1, frames, 1))[..., 0]
    upright = radius[..., 0] / radius[..., 1]  # a bounce makes them flat, nothing makes them tall
    odd = (upright > 1.4 + 0.2 * walled) | (upright < 0.36)
    odd |= blobs.is_face[:, None] & (mine > FACELESS)
    return whole & ((mine > 1.5 * misfit.amin(-1) + 0.02) | odd)


def _changes(other: Tensor) -> Tensor:
    """How often a yes/no sequence (n, F) changes: at least 1 where it is ever yes."""
    return (other[:, 1:] ^ other[:, :-1]).sum(1).maximum(other.any(1).long())


# ---------------------------------------------------------------- beside a wall


def _shown(mask: Tensor, area: Tensor, centre: Tensor, wall: Tensor) -> tuple[Tensor, Tensor]:
    """In which frames an actor is clear of a wall, and what share of it shows in all: (F,), (F,)

    All shapes are as wide as high, so one is clear when its width is what its height ever was.
    """
    height, width = mask.shape[-2:]
    side = min(height, width)
    x = (torch.arange(width) - width / 2) / side  # left edges of the columns
    column, line = mask.sum(1) > 1.5, mask.sum(2) > 1.5  # (F, W), (F, H)
    left = centre[:, 1] < wall.mean()
    first = torch.where(column, x, 9.0).amin(1)
    last = torch.where(column, x + 1 / side, -9.0).amax(1)
    wide = torch.where(left, wall[0] - first, last - wall[1]).clamp(min=0)
    whole = (area > 0) & (wide > 0.9 * wide.amax().minimum(line.sum(1).amax() / side))
    if not whole.any():
        whole = area >= area.amax()
    sides = [area[whole & s] if (whole & s).any() else area[whole] for s in (~left, left)]
    return whole, area / torch.stack([s.amax() for s in sides])[left.long()]


def _look_past_wall(wall: Tensor, shape: int, share: Tensor, whole: Tensor, position: Tensor,
                    radius: Tensor, visible: Tensor, missing: Tensor) -> None:
    """Complete, in place, the track of an actor that a wall hides in part: all (F, ...).

    The share of its area that is seen tells how far it has gone behind the wall.
    """
    size, y = radius[whole].mean(0), position[whole, 0].mean()
    depth = shapes.depth_of_share(shape, share) * size[1]
    left = position[:, 1] < wall.mean()
    x = torch.where(left, wall[0] - depth, wall[1] + depth)
    x = torch.where(share > 0.93, position[:, 1], x)
    t = torch.arange(len(x))
    at = t[visible]
    if len(at) > 1:  # between two sightings it went straight on; after the last, on as before
        k = torch.searchsorted(at, t).clamp(1, len(at) - 1)
        before, after = at[k - 1], at[k]
        gone = x[before] + (x[after] - x[before]) * (t - before) / (after - before)
        late = at[at > at[-1] - 4]
        if len(late) > 1:
            pace = (x[late[-1]] - x[late[0]]) / (late[-1] - late[0])
            gone = torch.where(t > at[-1], x[at[-1]] + pace * (t - at[-1]), gone)
        x = torch.where(visible, x, gone)
    overlap = (x + size[1]).minimum(wall[1]) - (x - size[1]).maximum(wall[0])
    missing &= overlap < 1.3 * size[1]
    position[:, 0].copy_(torch.where(visible & (share > 0.5), position[:, 0], y))
    position[:, 1].copy_(x)
    radius.copy_(size.expand_as(radius))


# ---------------------------------------------------------------- bicycles


def find_bicycles(seen: Pixels) -> Tensor:
    """Top of the bicycle in each frame: (B, F, 2), NaN where there is none."""
    b, frames, height, width = seen.alpha.shape
    side = min(height, width)
    y, x = p.ClipFormat(height, width).grid()
    mask = seen.alpha * (seen.cls == BIKE)
    saddle = torch.full((b, frames, 2), torch.nan)
    much = (mask.sum((2, 3)) > 0.015 * side**2).float().mean(1) > 0.3
    for clip in much.nonzero()[:, 0].tolist():
        _, centre, _ = shapes.locate(mask[clip])
        top = centre - torch.tensor([0.6 * p.SADDLE, 0.0])
        _, middle, _ = shapes.locate(p.bicycle_coverage(top, y, x, side))
        top = top + centre - middle  # of which the drawn one has the same centroid
        cover = p.bicycle_coverage(top, y, x, side)
        both, either = torch.minimum(cover, mask[clip]), torch.maximum(cover, mask[clip])
        alike = both.sum((1, 2)) / either.sum((1, 2)) > 0.4
        saddle[clip] = top.masked_fill(~alike[:, None], torch.nan)
    return saddle
