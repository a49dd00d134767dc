"""The machine as a panel: choose words, press Make, and watch static become a film with sound.

    Playground()    # in a notebook, or as an app: `minivid app`

All work is done by one thread of its own, so the kernel stays free and films never mix.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path

import ipywidgets as w
import torch

from . import decode, films, fit, takes, variety
from .errors import MediaError, MinividError
from .generate import GUIDANCE, STEPS, Machine
from .pool import taught
from .screen import SEVERAL, Screen, row
from .sentence import Sentence
from .takes import MOST_STEPS, Stopped, Take, Wish
from .world import film

WORDS, PICTURE, GO_ON, SOUND = ("a film from words", "a film from a picture",
                                "go on with this film", "sound for this film")
LENGTHS = (1, 2, 3)  # times the length of one stretch
PAUSE = 0.1          # seconds between two pictures of a film that is being made
PICTURES = 6         # at least so many of them, however fast it goes
LARGEST_FILE = 9_000_000  # bytes: a browser's connection carries no more at once


class Playground(w.VBox):
    """The panel. Everything in it works by keyboard; `machine` is the shipped one by default."""

    def __init__(self, machine: Machine | None = None):
        self.machine = machine or Machine.load()
        self.worker, self.ending = ThreadPoolExecutor(1, "playground"), threading.Event()
        self.job, self.take = None, None
        self.sentence = Sentence(self.machine.link.config.vocabulary)
        self.screen, self.near = Screen(self.machine), w.HTML()
        self.nearest = w.Button(description="nearest clip in training",
                                layout=w.Layout(width="auto", display="none"))
        self.nearest.on_click(lambda button: self.start(self._nearest))
        super().__init__([self.sentence, *self._controls(), self.screen,
                          w.HBox([self.nearest]), self.near])

    def __repr__(self) -> str:
        return "The panel: it works where a notebook runs."

    def _controls(self) -> list[w.Widget]:
        fmt, preset = self.machine.preset.fmt, self.machine.preset
        sizes = [(fmt.height, fmt.width), *preset.aspects[1:3], *preset.held_out]
        self.mode = w.Dropdown(options=[WORDS, PICTURE, GO_ON, *[SOUND] * bool(self.machine.ear)],
                               description="Make")
        self.mode.observe(lambda change: self._offer_upload(), "value")
        self.upload = w.FileUpload(accept="image/*,video/*",
                                   layout=w.Layout(width="auto", display="none"))
        self.seed = w.BoundedIntText(0, min=0, max=2**31, description="Seed")
        self.size = w.Dropdown(options=[(f"{width}x{height}", (height, width))
                                        for height, width in sizes], description="Size")
        self.seconds = w.Dropdown(description="Length", options=[
            (f"{n * fmt.seconds:g} seconds", n * fmt.seconds) for n in LENGTHS])
        # numbers to type rather than sliders: a screen reader is told what a field is
        self.steps = w.BoundedIntText(STEPS, min=1, max=MOST_STEPS, description="Steps")
        self.guidance = w.BoundedFloatText(GUIDANCE, min=0, max=8, step=0.25,
                                           description="Guidance")
        self.make = w.Button(description="Make", button_style="primary")
        self.make.on_click(lambda button: self.start(self._make))
        self.stop = w.Button(description="Stop", disabled=True)
        self.stop.on_click(lambda button: self.ending.set())
        self.progress = w.IntProgress(0, 0, 1, description="Ready", layout=w.Layout(width="60%"))
        self.line = w.HTML()
        return [w.HBox([self.mode, self.upload]), w.HBox([self.seed, self.size, self.seconds]),
                w.HBox([self.steps, self.guidance]),
                w.HBox([self.make, self.stop, self.progress]), self.line]

    def _offer_upload(self) -> None:
        wanted, self.upload.value = self.mode.value in (PICTURE, SOUND), ()
        self.upload.layout.display = None if wanted else "none"
        self.upload.description = ("Choose a picture" if self.mode.value == PICTURE
                                   else "Choose another film") + " (up to 9 MB)"

    # ------------------------------------------------------------ one thing at a time

    def start(self, work: Callable[[], None]) -> None:
        """Have the worker do `work`; while it is at it, further presses do nothing."""
        if self.job and not self.job.done():
            return
        self.ending.clear()
        self.make.disabled = self.nearest.disabled = True
        self.stop.disabled, self.line.value, self.progress.value = False, "", 0
        self.job = self.worker.submit(self._guarded, work)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; whatever goes wrong becomes one clear line, and the panel is ready again."""
        wrong = None
        try:
            work()
        except Stopped:
            wrong = "Stopped. Nothing was kept of it."
        except MinividError as problem:
            wrong = str(problem)
        except torch.OutOfMemoryError:
            wrong = ("The GPU's memory is full. Choose a smaller size or a shorter film, or close "
                     "other notebooks.")
        except Exception as problem:  # a panel has nowhere to show a traceback
            wrong = f"This went wrong: {type(problem).__name__}: {problem}"
        self.screen.on_the_way.value = ""
        self.progress.description = "Ready" if wrong else "Done"
        self._show_film()
        self.make.disabled = self.nearest.disabled = False
        self.stop.disabled = True
        if wrong:  # last: whoever reads it can press Make again
            self._say(wrong)
        if self.machine.device.type == "cuda":
            torch.cuda.empty_cache()  # others may share the GPU

    def _show_film(self, there: bool = True) -> None:
        """Show the film at hand, if there is one, or hide it."""
        shown = None if there and self.take else "none"
        self.screen.film.layout.display = self.nearest.layout.display = shown

    def _say(self, line: str) -> None:
        line = escape(" ".join(line.split()), quote=False)
        self.line.value = f'<div role="alert"><b>&#9888; {line}</b></div>'

    def _go_on(self, n: int = 1) -> None:
        """Count `n` parts of the work as done. Raises `Stopped` if that is wished."""
        if self.ending.is_set():
            raise Stopped
        self.progress.value += n

    # ------------------------------------------------------------ making

    def _make(self) -> None:
        wish, shown_at = self._wish(), 0.0
        seldom = max(1, wish.steps // PICTURES)
        self.progress.max = wish.stretches * (wish.steps + 1)
        self.progress.description = "Making"
        self._show_film(False)

        def on_step(step) -> None:
            nonlocal shown_at
            self._go_on()
            if time.perf_counter() - shown_at >= PAUSE or self.progress.value % seldom == 0:
                self.screen.show_moment(step, wish)
                shown_at = time.perf_counter()

        self.take = takes.make(self.machine, wish, on_step)
        self.stop.disabled, self.near.value = True, ""
        self.screen.show_take(self.take)
        self._show_film()
        self.screen.show_bill(replace(self.take.bill, flops=wish.flops(self.machine)))

    def _wish(self) -> Wish:
        """What the controls say. Raises `MinividError` for what cannot be."""
        self.sentence.understood()
        fmt, frames = films.clip_format(self.machine.preset, self.size.value[::-1],
                                        self.seconds.value)
        wish = Wish(self.sentence.text, fmt, frames, self.seed.value, self.steps.value,
                    self.guidance.value)
        grown = {WORDS: lambda wish: wish, PICTURE: self._from_picture, GO_ON: self._going_on,
                 SOUND: self._sounding}
        return grown[self.mode.value](wish)

    def _from_picture(self, wish: Wish) -> Wish:
        with self._uploaded() as path:
            if path is None:
                raise MediaError("Choose a picture first.")
            picture, done = fit.read_picture(path, wish.fmt.height, wish.fmt.width)
        self._say(f"the picture: {done}")
        return replace(wish, given={"picture": picture})

    def _going_on(self, wish: Wish) -> Wish:
        clip = self._at_hand().clip
        more = clip.video.shape[2] + round(self.seconds.value * clip.fps)
        return replace(wish, clip=replace(clip, caption=[wish.prompt]), frames=more,
                       fmt=self.machine.preset.format(*clip.video.shape[-2:]))

    def _sounding(self, wish: Wish) -> Wish:
        preset = self.machine.preset
        with self._uploaded() as path:
            if path is None:
                video, fps, fmt = self._at_hand().clip.video, self.take.clip.fps, self.take.wish.fmt
                if video.shape[2] > preset.fmt.frames:
                    raise MinividError("Sound is made for films of "
                                       f"{preset.fmt.seconds:g} seconds at most.")
            else:
                video, fps, _, _ = decode.read_film(path, preset.fmt.seconds + 0.5)
                fmt = wish.fmt
        video, done = fit.fit_film(video, fps, fmt.height, fmt.width, preset.fmt.frames, fmt.fps)
        if path:
            self._say(f"the film: {done}")
        fmt = preset.format(fmt.height, fmt.width, video.shape[2])
        return replace(wish, fmt=fmt, frames=fmt.frames, given={"beginning": video})

    def _at_hand(self) -> Take:
        if self.take is None:
            raise MinividError("There is no film yet: make one first.")
        return self.take

    @contextmanager
    def _uploaded(self) -> Iterator[Path | None]:
        """The chosen file as one on disk, for a moment; None where none was chosen."""
        chosen = next(iter(self.upload.value), None)
        if chosen is None:
            yield None
            return
        name = chosen["name"] or "the file"
        if len(chosen["content"]) > LARGEST_FILE:
            raise MediaError(f"{name} is larger than {LARGEST_FILE // 1_000_000} MB.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload"  # a name of ours: theirs may be none for a file
            path.write_bytes(chosen["content"])
            try:
                yield path
            except MediaError as problem:
                raise MediaError(str(problem).replace(str(path), name)) from problem

    def _nearest(self) -> None:
        """Look for the training clip that is most like the film."""
        take, preset = self._at_hand(), self.machine.preset
        self.progress.max = len(variety.trained_on(preset))
        self.progress.description = "Looking"
        if take.wish.fmt != preset.fmt or take.clip.video.shape[2] != preset.fmt.frames:
            raise MinividError(f"Only films of {preset.fmt.width}x{preset.fmt.height} and "
                               f"{preset.fmt.seconds:g} seconds are compared with training clips.")
        far, seed = variety.nearest(take.clip.video, preset, self._go_on)
        clip = film(seed, preset.fmt, taught(preset), sound=False)
        self.near.value = (
            f"<p>Of {self.progress.max:,} training clips the nearest, {float(far):.3f} away (root "
            f"mean square, -1 is black, 1 is white): <i>{escape(clip.caption[0])}</i>"
            + row(take.clip.video[0], "the film that was made", SEVERAL)
            + row(clip.video[0], "the nearest training clip", SEVERAL))
