"""A film drawn as a block of space and time, cut into the patches that become tokens."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from .page import FONT, INK, MARGIN, Picture, as_bytes, blank, font
from .tokens import Packing

LEAN = (0.95, -0.3)  # pixels to the right and down that one frame further back is drawn
SHADE = (0.75, 0.55)  # how bright the top and the side of a patch are


def block(video: Tensor, packing: Packing, alt: str, scale: int = 4, gap: int = 6,
          apart: int = 240) -> Picture:
    """A film (3, F, H, W) as a block: across and down as seen, time going back, to the upper right.

    It is cut where its patches are, `gap` pixels apart, in time `apart`; each patch bears its
    number in the row of tokens.
    """
    frames = as_bytes(video)  # (F, H, W, 3)
    slabs, down, across = packing.grid
    side = packing.cell * scale
    step = [round(apart * lean) for lean in LEAN]  # from a slab of patches to the next
    left, top = MARGIN, 2 * MARGIN - (slabs - 1) * step[1]
    width = left + across * (side + gap) + (slabs - 1) * step[0] + packing.group * scale + MARGIN
    paper, draw = blank(width, top + down * (side + gap) + MARGIN)
    for slab in reversed(range(slabs)):  # what is behind is drawn first
        first = 0 if slab == 0 else 1 + (slab - 1) * packing.group
        long = 1 if slab == 0 else packing.group
        for row in reversed(range(down)):
            for column in range(across):
                cut = frames[first : first + long, row * packing.cell : (row + 1) * packing.cell,
                             column * packing.cell : (column + 1) * packing.cell]
                x = left + column * (side + gap) + slab * step[0]
                y = top + row * (side + gap) + slab * step[1]
                _patch(paper, cut, x, y, scale)
                number = (slab * down + row) * across + column
                draw.text((x + 3, y + 1), str(number), INK, font(FONT - 3),
                          stroke_width=2, stroke_fill="white")
    return Picture(paper, alt)


def _patch(paper: Image.Image, cut: np.ndarray, x: int, y: int, scale: int) -> None:
    """One patch (f, h, w, 3) with its front at (x, y), a top and a right side that lean back."""
    long, high, wide, _ = cut.shape
    front = Image.fromarray(cut[0]).resize((wide * scale, high * scale), Image.NEAREST)
    depth, rise = (round(long * scale * abs(lean)) for lean in LEAN)
    top = Image.fromarray((cut[::-1, 0] * SHADE[0]).astype(np.uint8))  # the last frame is furthest
    _lean(paper, top, (x, y - rise), (wide * scale, rise), (-depth / rise, 0), depth)
    right = Image.fromarray((cut[:, :, -1].swapaxes(0, 1) * SHADE[1]).astype(np.uint8))
    _lean(paper, right, (x + wide * scale, y - rise), (depth, high * scale), (0, -rise / depth),
          rise)
    paper.paste(front, (x, y))


def _lean(paper: Image.Image, face: Image.Image, corner: tuple[int, int], size: tuple[int, int],
          slope: tuple[float, float], room: int) -> None:
    """Paste a face, enlarged to `size` and pushed over by `room` pixels, on the paper."""
    face = face.resize(size, Image.NEAREST).convert("RGBA")
    across, down = size[0] + room * (slope[0] != 0), size[1] + room * (slope[1] != 0)
    shift = (room if slope[0] else 0, room if slope[1] else 0)
    data = (1, -slope[0], -shift[0], -slope[1], 1, -shift[1])
    leaning = face.transform((across, down), Image.AFFINE, data, Image.NEAREST)
    paper.paste(leaning, corner, leaning)
