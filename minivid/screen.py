"""Where a film is seen: on its way, then playing, moment by moment, and what it is and took."""

from __future__ import annotations

import base64
import io
from html import escape

import ipywidgets as w
import torch
from PIL import Image

from . import films, show, takes
from .cost import Bill
from .generate import Machine
from .page import as_bytes
from .sampling import Step
from .takes import Take, Wish
from .verify import Part

TALL = 96            # pixels of a frame on its way
FEW, SEVERAL = 5, 9  # frames shown of a film on its way, and of a moment looked at again


class Screen(w.VBox):
    """Shows a film of `machine`; empty until there is one."""

    def __init__(self, machine: Machine):
        self.machine, self.take = machine, None
        self.on_the_way, self.player, self.reading = w.HTML(), w.HTML(), w.HTML()
        self.frames, self.bill = w.HTML(), w.HTML()
        self.step = w.BoundedIntText(0, min=0, max=1, description="Step")
        # the field beside it does the same by keyboard, and tells a screen reader what it is
        self.scrub = w.IntSlider(0, 0, 1, readout=False, tabbable=False,
                                 layout=w.Layout(width="50%"))
        w.link((self.step, "max"), (self.scrub, "max"))
        w.link((self.step, "value"), (self.scrub, "value"))
        self.step.observe(lambda change: self.show_step(), "value")
        self.film = w.VBox([
            w.HBox([self.player, self.reading], layout=w.Layout(flex_flow="row wrap")),
            w.HBox([self.step, self.scrub]), self.frames, self.bill])
        self.film.layout.display = "none"
        super().__init__([self.on_the_way, self.film])

    def show_moment(self, moment: Step, wish: Wish) -> None:
        """A film on its way: where it is, and what the network believes it will be."""
        now, guess = self._pictures(moment, wish)
        self.on_the_way.value = row(now, "x_t, on its way from noise to film") + \
            row(guess, "what the network believes the film to be")

    def show_take(self, take: Take) -> None:
        """A film that was made."""
        self.take = take
        alt = f"The film that was made of: {take.wish.prompt}"
        film = show.play(take.clip.video[0], take.clip.fps, alt, audio=take.clip.audio,
                         sample_rate=take.wish.fmt.sample_rate)
        self.player.value = picture(film.png(), alt) if take.clip.audio is None \
            else film.html(autoplay=True)
        self.reading.value = ticks("What the verifier reads in it", take.seen) + (
            ticks("What it hears", take.heard) if take.heard else "")
        self.step.max = len(take.moments) - 1
        self.step.value = self.step.max
        self.show_step()
        self.show_bill(take.bill)

    def show_step(self) -> None:
        """The frames of one moment, as they were and as they were believed to become."""
        moment = self.take.moments[self.step.value]
        now, guess = self._pictures(moment, self.take.wish)
        t = films.of_the_picture(moment, self.machine.preset.packing(self.take.wish.fmt))
        about = f"step {self.step.value}, t = {t:.2f}"
        self.frames.value = row(now, f"x_t at {about}", SEVERAL) + \
            row(guess, f"what the network believed at {about}", SEVERAL)

    def show_bill(self, bill: Bill) -> None:
        """What it took, beside a large system."""
        self.bill.value = f"<p>It took {bill.words()}. {escape(takes.beside(bill), quote=False)}"

    def _pictures(self, moment: Step, wish: Wish) -> torch.Tensor:
        """x_t and the guess of a moment, as two videos (2, 3, F, H, W)."""
        packing = self.machine.preset.packing(wish.fmt)
        return self.machine.to_video(torch.cat([moment.x_t, moment.guess]), packing)


def picture(png: bytes, alt: str, height: int | None = None) -> str:
    """An `<img>` of PNG bytes; `height` in pixels enlarges it without blur."""
    style = f'style="height:{height}px;image-rendering:pixelated" ' if height else ""
    data = base64.b64encode(png).decode()
    return f'<img {style}alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def row(video: torch.Tensor, title: str, frames: int = FEW) -> str:
    """Some frames of a video (3, F, H, W) side by side, with a title."""
    pixels = as_bytes(video)
    chosen = pixels[torch.linspace(0, len(pixels) - 1, min(frames, len(pixels))).round().int()]
    buffer = io.BytesIO()
    Image.fromarray(chosen.transpose(1, 0, 2, 3).reshape(chosen.shape[1], -1, 3)) \
        .save(buffer, "PNG", compress_level=1)  # quickly: there may be ten a second
    shown = picture(buffer.getvalue(), f"{len(chosen)} frames: {title}", TALL)
    return f'<figure style="margin:4px 0"><figcaption>{title}</figcaption>{shown}</figure>'


def ticks(title: str, parts: list[Part]) -> str:
    """Parts as a list: a tick and "right", or a cross and "not right", before each."""
    items = "".join(f"<li>{'&#10003; right' if part.right else '&#10007; not right'}: "
                    f"<b>{escape(part.name)}</b> {escape(part.words)}</li>" for part in parts)
    return (f'<div style="margin:0 1em;line-height:1.4"><b>{title}</b>'
            f'<ul style="list-style:none;padding:0;margin:0 0 1em">{items}</ul></div>')
