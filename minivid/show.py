"""Pictures for the notebooks: strips from noise to video, films, sound as a score, claims.

Everything shown has a text that says what is seen, and holds no HTML unless it has sound: stored
outputs then compare equal, and an animated PNG plays in a notebook and stands still elsewhere.
"""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from minivid import media
from minivid.claims import Claim
from minivid.errors import MinividError
from minivid.hear import spectrum

WIDTH = 960                 # pixels: a notebook's column
MARGIN, GAP = 8, 2          # around a picture, and between the parts of it
FONT = 14
INK, PALE = (30, 30, 30), (110, 110, 110)
MOST_BYTES = 150_000        # what is larger than this is stored in fewer colours


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

    def html(self) -> str:
        """A player with the film and its sound inside the page; nothing is fetched."""
        sound = self.audio.detach().cpu().numpy().reshape(-1)
        film = base64.b64encode(media.mp4(self.frames, self.fps, sound, self.sample_rate)).decode()
        return (f'<video controls loop width="{min(WIDTH, self.frames.shape[2])}" '
                f'aria-label="{escape(self.alt)}" src="data:video/mp4;base64,{film}"></video>')

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, about = super()._repr_mimebundle_()
        return (data if self.audio is None else {**data, "text/html": self.html()}), about


def strip(rows: Sequence[Tensor], alt: str, above: Sequence[Tensor] | None = None,
          labels: Sequence[str] | None = None, columns: int | None = None,
          titles: tuple[str, str] = ("what the network believes the clean video is",
                                     "x_t, on its way from noise to video"),
          each: str = "frame") -> Picture:
    """From noise to video in one picture: a row for each step, a column for some of the frames.

    `rows` and `above` are videos (3, F, H, W) or (1, 3, F, H, W) in [-1, 1], one a step; `above`
    stands over them (the guesses); `labels` are words for each row, such as "t = 0.25". Without
    `columns` there are 9 frames, or 5 where 9 would be small. `each` names a column.
    """
    panels = [(titles[0], above), (titles[1], rows)] if above is not None else [("", rows)]
    panels = [(title, [_video(row) for row in part]) for title, part in panels]
    labels = [""] * len(rows) if labels is None else list(labels)
    if not len(labels) == len(rows) == len(panels[0][1]):
        raise MinividError(f"{len(rows)} rows need as many labels, and as many rows above them.")
    left = MARGIN + max(map(_wide, labels)) + (MARGIN if any(labels) else 0)
    frames, height, width, _ = panels[0][1][0].shape
    room = WIDTH - left - MARGIN
    columns = columns or (9 if _scale(9 * width, room) > 1 else 5)
    chosen = np.unique(np.linspace(0, frames - 1, min(columns, frames)).round().astype(int))
    scale = _scale(len(chosen) * (width + 1), room)
    line, right, down = FONT + 8, width * scale + GAP, height * scale + GAP
    paper, draw = _paper(left + len(chosen) * right - GAP + MARGIN, 2 * MARGIN + sum(
        (2 if title else 1) * line + len(part) * down for title, part in panels))
    top = MARGIN // 2
    for title, part in panels:
        draw.text((left, top), title, INK, _font())
        top += line if title else 0
        for column, frame in enumerate(chosen):
            draw.text((left + column * right, top), f"{each} {frame}", PALE, _font())
        top += line
        for label, row in zip(labels, part):
            draw.text((MARGIN, top + (down - line) // 2), label, INK, _font())
            for column, frame in enumerate(chosen):
                cell = Image.fromarray(media.enlarge(row[frame], scale))
                paper.paste(cell, (left + column * right, top))
            top += down
    return Picture(paper, alt)


def grid(pictures: Tensor | Sequence[Tensor], alt: str, labels: Sequence[str] | None = None,
         across: int = 8, rows: Sequence[str] = ()) -> Picture:
    """Pictures (B, 3 or 1, H, W) in [-1, 1] side by side, `across` in a row, labels below.

    `rows` are names for the rows, written to their left.
    """
    left = max(map(_wide, rows)) + MARGIN if rows else 0
    cells = tile([p[:, None] for p in pictures], labels, across, WIDTH - left)[0]
    if not rows:
        return Picture(Image.fromarray(cells), alt)
    if len(rows) != -(-len(pictures) // across):
        raise MinividError(f"{len(pictures)} pictures, {across} in a row, need "
                           f"{-(-len(pictures) // across)} names of rows, not {len(rows)}.")
    height, width = cells.shape[:2]
    paper, draw = _paper(width + left, height)
    paper.paste(Image.fromarray(cells), (left, 0))
    for row, name in enumerate(rows):
        middle = MARGIN + (row + 0.5) * (height - 2 * MARGIN) / len(rows)
        draw.text((MARGIN, middle), name, INK, _font(), anchor="lm")
    return Picture(paper, alt)


def score(clips: Sequence[tuple[Tensor, Tensor, Sequence[float], Sequence[float]]], fps: float,
          rate: int, alt: str, labels: Sequence[str] | None = None) -> Picture:
    """Picture and sound on one clock, as a musical score: frames above, their sound below.

    A clip is its video (3 or 1, F, H, W), its audio (S,) at `rate` Hz, and the seconds at which
    something is seen (circles) and heard (triangles). Of the sound, time runs to the right, pitch
    upward to 4000 Hz; what is loud is dark. `labels` stand to the left of each clip.
    """
    labels = [""] * len(clips) if labels is None else list(labels)
    left = MARGIN + max([_wide("seen"), *map(_wide, labels)]) + MARGIN
    films = [_video(video) for video, *_ in clips]
    most, height, width, _ = films[0].shape
    pace = (WIDTH - left - MARGIN) / most  # pixels from one frame to the next
    each = -(-width // int(pace)) if width > pace else 1  # every so many frames is shown
    scale = _scale(width, int(pace * each))
    tall, line = 56, FONT + 2
    down = height * scale + 2 * line + tall + 2 * MARGIN
    paper, draw = _paper(WIDTH, MARGIN + len(clips) * down + line)
    for n, (film, label, (_, audio, seen, heard)) in enumerate(zip(films, labels, clips)):
        top = MARGIN + n * down
        draw.text((MARGIN, top), label, INK, _font())
        for frame in range(0, len(film), each):
            cell = Image.fromarray(media.enlarge(film[frame], scale))
            paper.paste(cell, (round(left + (frame + 0.5) * pace - cell.width / 2), top))
        top += height * scale + 2
        for word, times, mark in (("seen", seen, _circle), ("heard", heard, _triangle)):
            draw.text((MARGIN, top), word, PALE, _font())
            for at in times:
                mark(draw, left + (at * fps + 0.5) * pace, top + line / 2)
            top += line
        sound = _spectrogram(audio, rate).resize((round(len(audio) / rate * fps * pace), tall))
        paper.paste(sound, (round(left + 0.5 * pace), top))
    for second in range(int((most - 1) / fps) + 1):
        draw.text((left + (second * fps + 0.5) * pace, MARGIN + len(clips) * down),
                  f"{second} s", PALE, _font(), anchor="ma")
    return Picture(paper, alt)


def _circle(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=(0, 90, 200), width=2)


def _triangle(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.polygon([(x - 5, y + 5), (x + 5, y + 5), (x, y - 5)], fill=(200, 60, 0))


def _spectrogram(audio: Tensor, rate: int) -> Image.Image:
    """How loud each pitch (low below) is at each moment of audio (S,): dark for loud."""
    audio = audio.detach().cpu()
    beyond = audio.flip(0)[: rate // 20]  # a mirror: cut off sharply, the end would click
    power = spectrum(torch.cat([audio, beyond])[None], rate, 0.004)[0][0]  # (T, K)
    power = power[: len(audio) * 250 // rate].T.flip(0)
    loud = (power.clamp(min=1e-9).log10() + 8) / 5  # from 0 to 1 over 50 dB
    return Image.fromarray(((1 - loud.clamp(0, 1)) * 255).byte().numpy())


def play(videos: Tensor | Sequence[Tensor], fps: float, alt: str,
         labels: Sequence[str] | None = None, across: int = 4, audio: Tensor | None = None,
         sample_rate: int | None = None) -> Film:
    """Films (3, F, H, W) playing together, `across` in a row, labels below; audio (1, S) is heard.

    `videos` may be one video (3, F, H, W), or a batch (B, 3, F, H, W), or a list of them.
    """
    videos = [videos] if isinstance(videos, Tensor) and videos.ndim == 4 else list(videos)
    return Film(tile(videos, labels, across), fps, alt, audio, sample_rate)


def tile(videos: Sequence[Tensor], labels: Sequence[str] | None = None,
         across: int = 4, room: int = WIDTH) -> np.ndarray:
    """Videos (3, F, H, W) in [-1, 1], all of one size, as frames (F, h, w, 3) on white paper.

    They are enlarged as far as `across` of them fit into `room` pixels.
    """
    films = [_video(video) for video in videos]
    if len({film.shape for film in films}) != 1:
        raise MinividError("Films shown together need one size and length. "
                           f"These are {sorted({film.shape[:3] for film in films})}.")
    across = min(across, len(films))
    count, height, width = films[0].shape[:3]
    scale = min(_scale(across * width, room - MARGIN * 2 - GAP * across), max(1, 288 // height))
    line = FONT + 8 if labels is not None else 0
    right, down = width * scale + GAP, height * scale + GAP + line
    paper, draw = _paper(MARGIN * 2 + across * right - GAP,
                         MARGIN * 2 + -(-len(films) // across) * down - GAP)
    corners = [(MARGIN + i % across * right, MARGIN + i // across * down)
               for i in range(len(films))]
    for (x, y), label in zip(corners, labels or []):
        draw.text((x, y + height * scale + 3), _fit(label, width * scale), INK, _font())
    frames = np.repeat(np.asarray(paper)[None], count, axis=0)
    for film, (x, y) in zip(films, corners):
        frames[:, y:y + height * scale, x:x + width * scale] = media.enlarge(film, scale)
    return frames


def claims(rows: Sequence[Claim]) -> Picture:
    """Print each claim with its verdict, and return the table of what was measured.

    The printed lines come out the same each time, or say NO; figures that vary from computer to
    computer stand in the picture only: measured, needed, floor (chance) and ceiling (perfect).
    """
    print("\n".join(claim.line() for claim in rows))
    heads = ("claim", "verdict", "figure", "measured", "needed", "floor", "ceiling", "it stands")
    spans = (290, 130, 150, 92, 96, 70, 70, 62)
    cells = [heads] + [
        (f"{claim.number}. {claim.text}", f"{claim.verdict} ({claim.grounds})",
         claim.figure if claim.holds else "-", claim.said(claim.measured), claim.holds or "-",
         claim.said(claim.floor), claim.said(claim.ceiling), claim.outcome())
        for claim in rows]
    lines = [[_wrap(text, span - MARGIN) for text, span in zip(row, spans)] for row in cells]
    heights = [(FONT + 4) * max(map(len, row)) + MARGIN for row in lines]
    paper, draw = _paper(sum(spans) + MARGIN, sum(heights) + MARGIN)
    top = MARGIN // 2
    for row, height in zip(lines, heights):
        left = MARGIN
        for text, span in zip(row, spans):
            colour = PALE if row is lines[0] else INK
            draw.text((left, top + 2), "\n".join(text), colour, _font(), spacing=4)
            left += span
        top += height
        draw.line((MARGIN, top - 1, left - MARGIN, top - 1), (200, 200, 200))
    numbers = ", ".join(str(claim.number) for claim in rows)
    return Picture(paper, f"Table of what was measured for claim {numbers}: the figure, the value "
                          "needed, its floor and its ceiling.")


def _wrap(text: str, width: int) -> list[str]:
    """The words of a text in lines of at most `width` pixels, where the words allow it."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _wide(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _video(video: Tensor) -> np.ndarray:
    """A video (3 or 1, F, H, W), with or without a batch of one, as bytes (F, H, W, 3)."""
    video = video[0] if video.ndim == 5 else video
    if video.ndim != 4 or video.shape[0] not in (1, 3):
        raise MinividError(f"A video to show is (3, F, H, W), not {tuple(video.shape)}.")
    return media.to_bytes(video.expand(3, -1, -1, -1).movedim(1, 0))


def _scale(pixels: int, room: int) -> int:
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


def _paper(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """White paper of that size, and the pen for it."""
    paper = Image.new("RGB", (width, height), "white")
    return paper, ImageDraw.Draw(paper)


def _font(size: int = FONT) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow: the same everywhere."""
    return ImageFont.load_default(size)


def _wide(text: str) -> int:
    """Pixels that a line of text takes."""
    return int(_font().getlength(text)) + 1


def _fit(text: str, width: int) -> str:
    """The text, cut short with … where it is wider than `width` pixels."""
    if _wide(text) <= width:
        return text
    while text and _wide(text + "…") > width:
        text = text[:-1]
    return text + "…"
