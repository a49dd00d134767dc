"""Someone's picture, film or sound made to fit ours, and what was done to it in words."""

from pathlib import Path

import numpy as np
import torch

from minivid.cost import in_seconds
from minivid.errors import MediaError
from minivid.files import check_readable
from minivid.media import from_bytes

PICTURES = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")  # no format that runs a program


def middle(height: int, width: int, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part of height x width pixels, in the middle, whose sides are as `shape` (height,
    width) has them: its top, left, height and width."""
    scale = min(height / shape[0], width / shape[1])
    high, wide = (max(1, round(side * scale)) for side in shape)
    return (height - high) // 2, (width - wide) // 2, high, wide


def told(before: tuple[int, int], crop: tuple[int, int], after: tuple[int, int]) -> list[str]:
    """That a picture of (height, width) was cropped and resized, where it was."""
    steps = [f"cropped in the middle to {crop[1]}x{crop[0]}"] if crop != before else []
    return steps + ([f"resized to {after[1]}x{after[0]}"] if crop != after else [])


def read_picture(path: str | Path, height: int, width: int) -> tuple[torch.Tensor, str]:
    """Read a picture file as (picture (3, H, W) in [-1, 1], what was done to it in words).

    Of the formats PICTURES: turned upright, laid on white where transparent, cropped in the middle
    to the shape height:width, then resized. Raises MediaError when it cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    check_readable(path, "picture", MediaError)
    try:
        with Image.open(path, formats=PICTURES) as file:
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as problem:
        raise MediaError(f"Cannot read {path}: it is damaged or no picture.") from problem
    except Image.DecompressionBombError as problem:
        raise MediaError(f"{path} has far too many pixels. Make it smaller first.") from problem
    paper = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(paper, picture).convert("RGB")
    before, size = picture.size[::-1], (height, width)
    top, left, high, wide = middle(*before, size)
    picture = picture.crop((left, top, left + wide, top + high))
    picture = picture.resize((width, height), Image.Resampling.BOX if high >= height
                             else Image.Resampling.NEAREST)
    steps = [f"read at {before[1]}x{before[0]}", *told(before, (high, wide), size)]
    return from_bytes(np.asarray(picture)), ", ".join(steps)


def fit_film(video: torch.Tensor, fps: float, height: int, width: int, frames: int,
             rate: float) -> tuple[torch.Tensor, str]:
    """A film (1, 3, F, H, W) at `fps` as (film (1, 3, F', height, width) at `rate`, what was done
    to it in words): cropped in the middle, resized, the frame shown at each moment taken, and cut
    to 1 + 4k frames, `frames` at most.

    Raises MediaError for a film of under five frames at that rate.
    """
    from torch.nn.functional import interpolate

    count, before, size = video.shape[2], tuple(video.shape[-2:]), (height, width)
    last = int((count - 1) / fps * rate + 0.45)  # its frame may come a little later than the film's
    at = (torch.arange(min(frames, last + 1)) / rate * fps).round().clamp(max=count - 1)
    at = at[: 1 + (len(at) - 1) // 4 * 4].long()
    if len(at) < 5:
        raise MediaError(f"That film is too short: it lasts {(count - 1) / fps:.2f} seconds, and "
                         f"{4 / rate:g} are needed.")
    top, left, high, wide = middle(*before, size)
    pictures = video[0].movedim(1, 0)[at][..., top : top + high, left : left + wide]
    if (high, wide) != size:
        pictures = interpolate(pictures, size, mode="area")
    steps = [f"read at {before[1]}x{before[0]}, {float(fps):g} frames a second"]
    steps += told(before, (high, wide), size)
    steps += [f"shown at {rate:g} frames a second"] if fps != rate else []
    used = (len(at) - 1) / rate
    steps += [f"the first {in_seconds(used)} used"] if (count - 1) / fps - used > 0.01 else []
    return pictures.movedim(0, 1)[None].clamp(-1, 1), ", ".join(steps)


def fit_sound(sound: torch.Tensor, samples: int, rate: int) -> tuple[torch.Tensor, str]:
    """A sound (1, S) as (sound (1, samples), what was done to it in words): cut, or filled up with
    silence.

    Raises MediaError for one of under a tenth of a second.
    """
    have = sound.shape[1]
    if have < rate // 10:
        raise MediaError(f"That sound is too short: it lasts {have / rate:.2f} seconds.")
    steps = [f"{in_seconds(have / rate)} of sound, taken as one channel at {rate:,} Hz"]
    if have > samples:
        steps.append(f"the first {samples / rate:g} used")
    elif have < samples:
        steps.append(f"filled up with silence to {samples / rate:g}")
    sound = torch.nn.functional.pad(sound[:, :samples], (0, max(0, samples - have)))
    return sound, ", ".join(steps)
