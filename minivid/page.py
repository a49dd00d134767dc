"""What a notebook shows: a picture or a film with words beside it, and the paper to draw it on.

Everything shown has a text that says what is seen, and holds no HTML unless it has sound: stored
outputs then compare equal, and an animated PNG plays in a notebook and stands still elsewhere.
"""

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from minivid import media
from minivid.errors import MinividError

WIDTH = 960                 # pixels: a notebook's column
MARGIN, GAP = 8, 2          # around a picture, and between the parts of it
FONT = 14
INK, PALE = (30, 30, 30), (110, 110, 110)
MOST_BYTES = 100_000        # what is larger than this is stored in fewer colours
PLAYER = 304                # pixels: in a narrower one the buttons are hard to press


class Picture:
    """A still picture that a notebook shows, with the text that stands for it."""

    def __init__(self, image: Image.Image, alt: str):
        self.image, self.alt = image, _required(alt)

    def png(self) -> bytes:
        """The picture as a PNG, in 256 colours where it would be large (noise)."""
        data = _png(self.image)
        return data if len(data) <= MOST_BYTES else _png(self.image.quantize(256))

    def save(self, path: str | Path) -> Path:
        """Write it as .png, .jpg or .gif; raises MediaError where that cannot be."""
        pixels = np.asarray(self.image.convert("RGB"))
        return media.write_picture(path, media.from_bytes(pixels))

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png()).decode()
        return ({"image/png": png, "text/plain": self.alt}, {"image/png": {"alt": self.alt}})

    def __repr__(self) -> str:
        return self.alt


class Film(Picture):
    """A playing film: an animated PNG, and a player beside it where there is sound."""

    def __init__(self, frames: np.ndarray, fps: float, alt: str,
                 audio: Tensor | None = None, sample_rate: int | None = None):
        super().__init__(Image.fromarray(frames[0]), alt)
        self.frames, self.fps, self.audio, self.sample_rate = frames, fps, audio, sample_rate

    def png(self) -> bytes:
        """The film as an animated PNG, without its sound; with fewer colours, 32 levels of red,
        green and blue, where it would be large."""
        data = media.animated_png(self.frames, self.fps)
        if len(data) <= MOST_BYTES:
            return data
        return media.animated_png(self.frames & 0xF8 | self.frames >> 5, self.fps)  # 255 stays 255

    def html(self, autoplay: bool = False) -> str:
        """A player with the film and its sound inside the page; nothing is fetched."""
        sound = self.audio.detach().cpu().numpy().reshape(-1)
        film = base64.b64encode(media.mp4(self.frames, self.fps, sound, self.sample_rate)).decode()
        start = "autoplay " if autoplay else ""
        across = min(WIDTH, max(PLAYER, self.frames.shape[2]))
        return (f'<video controls loop {start}width="{across}" style="image-rendering:pixelated" '
                f'aria-label="{escape(self.alt)}" src="data:video/mp4;base64,{film}"></video>')

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, about = super()._repr_mimebundle_()
        return (data if self.audio is None else {**data, "text/html": self.html()}), about


# ---------------------------------------------------------------- to draw with


def in_lines(text: str, width: int) -> list[str]:
    """The words of a text in lines of at most `width` pixels, where the words allow it."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if wide(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def as_bytes(video: Tensor) -> np.ndarray:
    """A video (3 or 1, F, H, W), with or without a batch of one, as bytes (F, H, W, 3)."""
    video = video[0] if video.ndim == 5 else video
    if video.ndim != 4 or video.shape[0] not in (1, 3):
        raise MinividError(f"A video to show is (3, F, H, W), not {tuple(video.shape)}.")
    return media.to_bytes(video.expand(3, -1, -1, -1).movedim(1, 0))


def times_into(pixels: int, room: int) -> int:
    """How many times `pixels` fit into `room`, at least once and at most eight times."""
    return max(1, min(8, room // pixels))


def _required(alt: str) -> str:
    if not alt or not alt.strip():
        raise MinividError("Say in `alt` what is seen, for those who cannot see it.")
    return alt


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """White paper of that size, and the pen for it."""
    paper = Image.new("RGB", (width, height), "white")
    return paper, ImageDraw.Draw(paper)


def font(size: int = FONT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow: the same everywhere."""
    return ImageFont.load_default(size)


def wide(text: str) -> int:
    """Pixels that a line of text takes."""
    return int(font().getlength(text)) + 1


def shortened(text: str, width: int) -> str:
    """The text, cut short with … where it is wider than `width` pixels."""
    if wide(text) <= width:
        return text
    while text and wide(text + "…") > width:
        text = text[:-1]
    return text + "…"
