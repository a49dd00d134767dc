"""From where things are to pixels: shapes as distance functions, anti-aliased, at any size.

Lengths are in short sides of the frame and measured from its centre, y downwards: a 48x48 clip
spans -0.5 to 0.5 both ways, a 72x48 one -0.75 to 0.75 in x. So an actor has the same size in
pixels in a wide, a tall and a square film. The distance functions follow I. Quilez,
"2D distance functions".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch

from .errors import FormatError

Tensor = torch.Tensor

PALETTE = torch.tensor(  # red, yellow, green, cyan, blue, purple
    [[225, 45, 45], [250, 215, 50], [40, 165, 75], [50, 205, 215], [45, 85, 225], [165, 60, 200]]
) / 255
LIGHT = torch.tensor([1.0, 0.85, 0.9, 0.96])  # day, night, rain, snow
SKY = torch.tensor([[214, 230, 246], [20, 24, 56], [108, 120, 138], [164, 178, 202]]) / 255
HORIZON = torch.tensor([[240, 240, 236], [38, 40, 84], [128, 138, 150], [190, 200, 216]]) / 255
GROUND = torch.tensor([[170, 178, 140], [28, 46, 44], [84, 92, 88], [240, 243, 248]]) / 255
BICYCLE = torch.tensor([[40, 40, 46], [190, 190, 205], [34, 34, 40], [44, 44, 52]]) / 255
WALL = torch.tensor([150, 104, 78]) / 255
FLOOR = 0.06  # height of the strip of ground
WHEEL, WHEELBASE, SADDLE = 0.092, 0.13, 0.20  # bicycle: radius, half base, height of its top


@dataclass(frozen=True)
class ClipFormat:
    """Size, length and rate of a clip: pixels, frames (1 + 4k), frames and samples a second."""

    height: int = 48
    width: int = 48
    frames: int = 17
    fps: int = 8
    sample_rate: int = 8000

    def __post_init__(self):
        if min(self.height, self.width) < 8 or max(self.height, self.width) > 512:
            raise FormatError(f"A film of {self.width}x{self.height} pixels cannot be made: "
                              "each side must be 8 to 512 pixels.")
        if self.frames < 1 or self.frames % 4 != 1:
            raise FormatError(f"A film of {self.frames} frames cannot be made: "
                              "the number must be 1, 5, 9, 13, 17, ... (1 + 4k).")

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (self.frames - 1) / self.fps

    @property
    def side(self) -> int:
        """The short side in pixels: the unit of length."""
        return min(self.height, self.width)

    @property
    def half(self) -> tuple[float, float]:
        """Half the frame's height and width, in short sides."""
        return self.height / self.side / 2, self.width / self.side / 2

    def times(self) -> Tensor:
        """Seconds of each frame: (F,)"""
        return torch.arange(self.frames, dtype=torch.float64) / self.fps

    def grid(self, device=None) -> tuple[Tensor, Tensor]:
        """Centres of the pixels, in short sides: y (H, 1) and x (1, W)."""
        y = (torch.arange(self.height, device=device) + 0.5) / self.side - self.half[0]
        x = (torch.arange(self.width, device=device) + 0.5) / self.side - self.half[1]
        return y[:, None], x[None, :]


# ---------------------------------------------------------------- shapes, in units of their radius
# Each: u to the right, v down (...) -> signed distance to the outline (...), below 0 inside.


def ball(u: Tensor, v: Tensor) -> Tensor:
    return (u * u + v * v).sqrt_() - 1


def box(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) - 0.95


def triangle(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum((1.9 * u.abs() - 1.05 * v - 1.1025) / 2.1708, v - 0.85)


def star(u: Tensor, v: Tensor) -> Tensor:
    kx, ky = 0.809016994, -0.587785252
    u, v = u.abs() / 1.15, -v / 1.15
    for side in (kx, -kx):  # fold the five arms onto one
        d = 2 * (side * u + ky * v).clamp_(min=0)
        u, v = u - d * side, v - d * ky
    ax, ay = -0.45 * ky, 0.45 * kx - 1
    return (u.abs() * -ay + (v - 1) * ax) * (1.15 / (ax * ax + ay * ay) ** 0.5)


def ring(u: Tensor, v: Tensor) -> Tensor:
    return ((u * u + v * v).sqrt_() - 0.70).abs_() - 0.30


def cat(u: Tensor, v: Tensor) -> Tensor:
    """A cat's head: two pointed ears, two eyes (holes)."""
    u = u.abs()
    head = (u * u * 0.88 + (v - 0.2) ** 2 * 1.35).sqrt_() - 0.93
    ear = torch.maximum(0.93 * (u - 0.98), (-1.6 * u - 0.65 * v - 0.28) / 1.73)
    ear = torch.maximum(ear, (0.5 * u - 0.8 * v - 1.22) / 0.943)
    ear = torch.maximum(ear, v - 0.3)
    eye = ((u - 0.4) ** 2 + (v - 0.12) ** 2).sqrt_() - 0.19
    return torch.maximum(torch.minimum(head, ear), -eye)


def face(u: Tensor, v: Tensor) -> Tensor:
    """A round face with two eyes (holes); its mouth is cut out by `mouth_coverage`."""
    eye = ((u.abs() - 0.38) ** 2 + (v + 0.25) ** 2).sqrt_() - 0.15
    return torch.maximum(ball(u, v), -eye)


DRAW = (ball, box, triangle, star, ring, cat, face)
LIPS = 0.42  # where the middle of a mouth is, in radii below that of the face


def coverage(shape: int, centre: Tensor, radius: Tensor, y: Tensor, x: Tensor, side: int) -> Tensor:
    """How much of each pixel a shape covers: centre, radius (..., 2) as (y, x) -> (..., H, W)"""
    centre, radius = centre[..., None, None], radius[..., None, None].clamp(min=1e-3)
    v = (y - centre[..., 0, :, :]) / radius[..., 0, :, :]  # (..., H, 1)
    u = (x - centre[..., 1, :, :]) / radius[..., 1, :, :]  # (..., 1, W)
    pixels = side * (radius[..., 0, :, :] * radius[..., 1, :, :]).sqrt()
    return (0.5 - DRAW[shape](u, v).mul_(pixels)).clamp_(0, 1)


def mouth_coverage(mouth: Tensor, centre: Tensor, radius: Tensor, y: Tensor, x: Tensor,
                   side: int) -> Tensor:
    """How much of each pixel a mouth lays open: an ellipse of half axes `mouth` (..., 2), in radii
    of the face as (height, width); centre, radius (..., 2) of the face -> (..., H, W)"""
    centre, radius, mouth = (z[..., None, None] for z in (centre, radius, mouth.clamp(min=1e-4)))
    v = (y - centre[..., 0, :, :]) / radius[..., 0, :, :] - LIPS
    u = (x - centre[..., 1, :, :]) / radius[..., 1, :, :]
    tall, wide = mouth[..., 0, :, :], mouth[..., 1, :, :]
    far = (v / tall) ** 2 + (u / wide) ** 2
    steep = 2 * (v**2 / tall**4 + u**2 / wide**4).sqrt().clamp(min=1e-6)
    pixels = side * (radius[..., 0, :, :] * radius[..., 1, :, :]).sqrt()
    half = tall * pixels  # a slit thinner than a pixel lays open only a part of it
    return (0.5 - (far - 1) / steep * pixels).clamp(0, 1) * (2 * half).clamp(max=1)


def bicycle_coverage(saddle: Tensor, y: Tensor, x: Tensor, side: int) -> Tensor:
    """Two wheels and a frame under the saddle: (..., 2) as (y, x) -> (..., H, W)"""
    v = y - saddle[..., 0, None, None] - SADDLE + WHEEL
    u = (x - saddle[..., 1, None, None]).abs()
    wheel = (((u - WHEELBASE) ** 2 + v**2).sqrt() - WHEEL + 0.024).abs() - 0.024
    # the frame: a straight bar from each hub up to the saddle
    up, along = SADDLE - WHEEL, (u / WHEELBASE).clamp(0, 1)
    bar = (v + up * (1 - along)).abs() * (WHEELBASE / (WHEELBASE**2 + up**2) ** 0.5) - 0.020
    bar = torch.maximum(bar, u - WHEELBASE)
    return (0.5 - torch.minimum(wheel, bar) * side).clamp_(0, 1)


# ---------------------------------------------------------------- the place


def _falling(fmt: ClipFormat, y: Tensor, x: Tensor, gap: float, start: float, size) -> Tensor:
    """Drops or flakes, two columns to a quarter of the side, that fall one gap in half a second.

    So films have no seam when one is continued after a multiple of half a second.
    """
    column = torch.floor((x + fmt.half[1]) * 8)
    spot = (column + 0.5) / 8 - fmt.half[1]
    begin = (column % 2) * start * gap  # neighbouring columns are out of step
    fallen = fmt.times().to(y)[:, None, None] * (gap / 0.5)
    down = (y + fmt.half[0] - fallen - begin) % gap - gap / 2  # (F, H, W)
    across = (x - spot) / size[1]
    far = torch.maximum(across.abs(), down.abs() / size[0]) - 1
    return (0.5 - far * size[1] * fmt.side).clamp(0, 1)


@lru_cache(maxsize=16)
def _backgrounds(fmt: ClipFormat, device: str, weather: bool) -> Tensor:
    y, x = fmt.grid(device)
    h = fmt.half[0]
    depth = ((y + h) / (2 * h))[None, None, None]  # (1, 1, 1, H, 1)
    sky, horizon, ground = (c.to(device)[:, :, None, None, None] for c in (SKY, HORIZON, GROUND))
    out = (sky + (horizon - sky) * depth).expand(4, 3, fmt.frames, fmt.height, fmt.width).clone()
    if weather:
        row, column = torch.floor((y + h) * 12), torch.floor((x + fmt.half[1]) * 12)
        starry = ((column * 7 + row * 5 + row * row * 3) % 17 == 0) & (row < 8)
        twinkle = starry & (((y + h) * 12) % 1 < 0.25) & (((x + fmt.half[1]) * 12) % 1 < 0.25)
        out[1] = torch.where(twinkle, torch.tensor(0.72, device=device), out[1])
        rain = _falling(fmt, y, x, 0.5, 0.4, (0.06, 0.012))
        snow = _falling(fmt, y, x, 0.25, 0.5, (0.021, 0.021))
        out[2] += rain * (0.74 - out[2])
        out[3] += snow * (0.99 - out[3])
    out += (0.5 - (h - FLOOR - y) * fmt.side).clamp(0, 1) * (ground - out)
    return out  # (4, 3, F, H, W) in [0, 1]


def background(fmt: ClipFormat, device: str | torch.device = "cpu", weather: bool = True) -> Tensor:
    """The four places with nobody in them: (4, 3, F, H, W) in [0, 1]; without stars, drops and
    flakes if not `weather`."""
    return _backgrounds(fmt, str(device), weather)


# ---------------------------------------------------------------- the picture


@dataclass
class Scene:
    """Where everything is, for B clips of F frames and up to A actors; short sides, as (y, x).

    shape, colour: (B, A) indices, -1 for nobody; place: (B,); centre, radius: (B, A, F, 2);
    saddle: (B, F, 2) top of the bicycle, NaN for none; wall: (B, 2) its left and right edge in x,
    NaN for none; mouth (B, F, 2): half height and width of a face's, in radii.
    """

    shape: Tensor
    colour: Tensor
    place: Tensor
    centre: Tensor
    radius: Tensor
    saddle: Tensor
    wall: Tensor
    mouth: Tensor | None = None  # all are closed


def _blend(video: Tensor, which: Tensor, cover: Tensor, colour: Tensor) -> None:
    """Lay colour (n, 3) over clips `which` (n,) of video in place, by cover (n, F|1, H, W)."""
    under = video[which]  # (n, 3, F, H, W)
    video[which] = under.add_(cover[:, None] * (colour[:, :, None, None, None] - under))


def paint(scene: Scene, fmt: ClipFormat, style: str = "flat") -> Tensor:
    """Draw a scene: (B, 3, F, H, W) in [-1, 1]. Style `"ink"` gives the actors a dark outline."""
    device = scene.place.device
    y, x = fmt.grid(device)
    video = background(fmt, device)[scene.place]  # (B, 3, F, H, W)
    light = LIGHT.to(device)[scene.place][:, None]
    riding = (~scene.saddle[:, 0, 0].isnan()).nonzero()[:, 0]
    if len(riding):
        cover = bicycle_coverage(scene.saddle[riding].float(), y, x, fmt.side)
        _blend(video, riding, cover, BICYCLE.to(device)[scene.place[riding]])
    for a in range(scene.shape.shape[1]):
        for s in range(len(DRAW)):
            who = (scene.shape[:, a] == s).nonzero()[:, 0]
            if not len(who):
                continue
            where, size = scene.centre[who, a].float(), scene.radius[who, a].float()
            cover = coverage(s, where, size, y, x, fmt.side)  # (n, F, H, W)
            if DRAW[s] is face and scene.mouth is not None:
                cover *= 1 - mouth_coverage(scene.mouth[who].float(), where, size, y, x, fmt.side)
            colour = PALETTE.to(device)[scene.colour[who, a]] * light[who]
            if style == "ink":
                _blend(video, who, cover, colour * 0.25)
                cover = coverage(s, where, size * 0.82, y, x, fmt.side)
            _blend(video, who, cover, colour)
    walled = (~scene.wall[:, 0].isnan()).nonzero()[:, 0]
    if len(walled):
        left, right = scene.wall[walled].float()[:, :, None, None].unbind(1)
        cover = (torch.minimum(x - left, right - x) * fmt.side + 0.5).clamp(0, 1)
        cover = cover[:, None].expand(-1, 1, fmt.height, -1)
        _blend(video, walled, cover, WALL.to(device) * light[walled])
    return video.mul_(2).sub_(1)
