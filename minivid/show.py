"""Pictures for the notebooks: strips from noise to video, films, sound as a score, claims."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from minivid import media
from minivid.claims import Claim
from minivid.errors import MinividError
from minivid.hear import WINDOW, spectrum
from minivid.page import (
    FONT,
    GAP,
    INK,
    MARGIN,
    PALE,
    WIDTH,
    Film,
    Picture,
    as_bytes,
    blank,
    font,
    in_lines,
    shortened,
    times_into,
    wide,
)


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
    panels = [(title, [as_bytes(row) for row in part]) for title, part in panels]
    labels = [""] * len(rows) if labels is None else list(labels)
    if not len(labels) == len(rows) == len(panels[0][1]):
        raise MinividError(f"{len(rows)} rows need as many labels, and as many rows above them.")
    left = MARGIN + max(map(wide, labels)) + (MARGIN if any(labels) else 0)
    frames, height, width, _ = panels[0][1][0].shape
    room = WIDTH - left - MARGIN
    columns = columns or (9 if times_into(9 * width, room) > 1 else 5)
    chosen = np.unique(np.linspace(0, frames - 1, min(columns, frames)).round().astype(int))
    scale = times_into(len(chosen) * (width + 1), room)
    line, right, down = FONT + 8, width * scale + GAP, height * scale + GAP
    paper, draw = blank(left + len(chosen) * right - GAP + MARGIN, 2 * MARGIN + sum(
        (2 if title else 1) * line + len(part) * down for title, part in panels))
    top = MARGIN // 2
    for title, part in panels:
        draw.text((left, top), title, INK, font())
        top += line if title else 0
        for column, frame in enumerate(chosen):
            draw.text((left + column * right, top), f"{each} {frame}", PALE, font())
        top += line
        for label, row in zip(labels, part):
            draw.text((MARGIN, top + (down - line) // 2), label, INK, font())
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
    left = max(map(wide, rows)) + MARGIN if rows else 0
    cells = tile([p[:, None] for p in pictures], labels, across, WIDTH - left)[0]
    if not rows:
        return Picture(Image.fromarray(cells), alt)
    if len(rows) != -(-len(pictures) // across):
        raise MinividError(f"{len(pictures)} pictures, {across} in a row, need "
                           f"{-(-len(pictures) // across)} names of rows, not {len(rows)}.")
    height, width = cells.shape[:2]
    paper, draw = blank(width + left, height)
    paper.paste(Image.fromarray(cells), (left, 0))
    for row, name in enumerate(rows):
        middle = MARGIN + (row + 0.5) * (height - 2 * MARGIN) / len(rows)
        draw.text((MARGIN, middle), name, INK, font(), anchor="lm")
    return Picture(paper, alt)


def score(clips: Sequence[tuple[Tensor, Tensor, Sequence[float], Sequence[float]]], fps: float,
          rate: int, alt: str, labels: Sequence[str] | None = None) -> Picture:
    """Picture and sound on one clock, as a musical score: frames above, their sound below.

    A clip is its video (3 or 1, F, H, W), its audio (S,) at `rate` Hz, and the seconds at which
    something is seen (circles) and heard (triangles). Of the sound, time runs to the right, pitch
    upward to half the rate; what is loud is dark. `labels` stand to the left of each clip.
    """
    labels = [""] * len(clips) if labels is None else list(labels)
    left = MARGIN + max([wide("4000 Hz"), *map(wide, labels)]) + MARGIN
    films = [as_bytes(video) for video, *_ in clips]
    most, height, width, _ = films[0].shape
    pace = (WIDTH - left - MARGIN) / most  # pixels from one frame to the next
    each = -(-width // int(pace)) if width > pace else 1  # every so many frames is shown
    scale = times_into(width, int(pace * each))
    tall, line = 56, FONT + 2
    down = height * scale + 2 * line + tall + 2 * MARGIN
    paper, draw = blank(WIDTH, MARGIN + len(clips) * down + line)
    for n, (film, label, (_, audio, seen, heard)) in enumerate(zip(films, labels, clips)):
        top = MARGIN + n * down
        draw.text((MARGIN, top), label, INK, font())
        for frame in range(0, len(film), each):
            cell = Image.fromarray(media.enlarge(film[frame], scale))
            paper.paste(cell, (round(left + (frame + 0.5) * pace - cell.width / 2), top))
        top += height * scale + 2
        for word, times, mark in (("seen", seen, _circle), ("heard", heard, _triangle)):
            draw.text((MARGIN, top), word, PALE, font())
            for at in times:
                mark(draw, left + (at * fps + 0.5) * pace, top + line / 2)
            top += line
        sound, lasts = _spectrogram(audio, rate)
        sound = sound.resize((round(lasts * fps * pace), tall))
        paper.paste(sound, (round(left + 0.5 * pace), top))
        for pitch, y in ((f"{rate // 2} Hz", top), ("0 Hz", top + tall - line)):
            draw.text((MARGIN, y), pitch, PALE, font())
    for second in range(int((most - 1) / fps) + 1):
        draw.text((left + (second * fps + 0.5) * pace, MARGIN + len(clips) * down),
                  f"{second} s", PALE, font(), anchor="ma")
    return Picture(paper, alt)


def _circle(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=(0, 90, 200), width=2)


def _triangle(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    draw.polygon([(x - 5, y + 5), (x + 5, y + 5), (x, y - 5)], fill=(200, 60, 0))


def _spectrogram(audio: Tensor, rate: int) -> tuple[Image.Image, float]:
    """How loud each pitch (low below) is at each moment of audio (S,), dark for loud; and the
    seconds that it shows: up to half a window from the end, which, cut off, would click."""
    lasts = max(0.004, len(audio) / rate - WINDOW / 2)
    power = spectrum(audio.detach().cpu()[None], rate, 0.004)[0][0]  # (T, K)
    loud = (power[: round(lasts / 0.004)].T.flip(0).clamp(min=1e-9).log10() + 8) / 5  # over 50 dB
    return Image.fromarray(((1 - loud.clamp(0, 1)) * 255).byte().numpy()), lasts


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

    They are enlarged as far as `across` of them fit into `room` pixels; long labels are wrapped.
    """
    films = [as_bytes(video) for video in videos]
    if len({film.shape for film in films}) != 1:
        raise MinividError("Films shown together need one size and length. "
                           f"These are {sorted({film.shape[:3] for film in films})}.")
    across = min(across, len(films))
    count, height, width = films[0].shape[:3]
    scale = min(times_into(across * width, room - MARGIN * 2 - GAP * across), max(1, 288 // height))
    told = [in_lines(label, width * scale - 2 * MARGIN) for label in labels or []]
    line = FONT + 8 + (FONT + 3) * (max(map(len, told), default=1) - 1) if labels is not None else 0
    right, down = width * scale + GAP, height * scale + GAP + line
    paper, draw = blank(MARGIN * 2 + across * right - GAP,
                         MARGIN * 2 + -(-len(films) // across) * down - GAP)
    corners = [(MARGIN + i % across * right, MARGIN + i // across * down)
               for i in range(len(films))]
    for (x, y), lines in zip(corners, told):
        for n, text in enumerate(lines):
            draw.text((x, y + height * scale + 3 + n * (FONT + 3)), shortened(text, width * scale),
                      INK, font())
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
    heads = ("claim", "verdict", "figure", "measured", "needed", "floor", "ceiling",
             "verdict stands")
    spans = (290, 130, 150, 92, 96, 70, 70, 62)
    cells = [heads] + [
        (f"{claim.number}. {claim.text}", f"{claim.verdict} ({claim.grounds})",
         claim.figure if claim.holds else "-", claim.said(claim.measured), claim.holds or "-",
         claim.said(claim.floor), claim.said(claim.ceiling), claim.outcome())
        for claim in rows]
    lines = [[in_lines(text, span - MARGIN) for text, span in zip(row, spans)] for row in cells]
    heights = [(FONT + 4) * max(map(len, row)) + MARGIN for row in lines]
    paper, draw = blank(sum(spans) + MARGIN, sum(heights) + MARGIN)
    top = MARGIN // 2
    for row, height in zip(lines, heights):
        left = MARGIN
        for text, span in zip(row, spans):
            colour = PALE if row is lines[0] else INK
            draw.text((left, top + 2), "\n".join(text), colour, font(), spacing=4)
            left += span
        top += height
        draw.line((MARGIN, top - 1, left - MARGIN, top - 1), (200, 200, 200))
    numbers = ", ".join(str(claim.number) for claim in rows)
    return Picture(paper, f"Table of what was measured for claim {numbers}: the figure, the value "
                          "needed, its floor and its ceiling.")
