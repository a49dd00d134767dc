"""A calculator as a panel: frames, size, steps and parameters in; tokens, operations, energy out.

    Calculator()    # in a notebook; as plain functions: minivid.estimate

It holds no figures of its own: all come from `estimate` and the published table.
"""

from __future__ import annotations

from html import escape

import ipywidgets as w

from . import cost
from . import estimate as e

SIZES = ((480, 720), (480, 832), (720, 1280), (768, 1360), (1080, 1920))  # height, width
KETTLE = 4186 * 80  # joules that bring a litre of water from 20 degrees to the boil
COMPRESSION = (("16x16 pixels, 4 frames", 4), ("16x16 pixels, 8 frames", 8))


class Calculator(w.VBox):
    """The panel: each change of a field is worked out at once. It works by keyboard alone."""

    def __init__(self):
        self.rows = e.published()
        wide = {"style": {"description_width": "120px"}}
        self.frames = w.BoundedIntText(81, min=1, max=10_000, description="Frames", **wide)
        self.size = w.Dropdown(options=[(f"{across}x{down}", (down, across))
                                        for down, across in SIZES],
                               value=(480, 832), description="Size", **wide)
        self.steps = w.BoundedIntText(50, min=1, max=1000, description="Steps", **wide)
        self.billions = w.BoundedFloatText(14, min=0.001, max=1000, step=0.1,
                                           description="Billion weights", **wide)
        self.group = w.Dropdown(options=COMPRESSION, description="A token stands for", **wide)
        self.guided = w.Checkbox(True, description="guidance: twice a step")
        self.hardware = w.Dropdown(options=e.HARDWARE, description="Hardware", **wide)
        self.out = w.HTML()
        fields = [self.frames, self.size, self.steps, self.billions, self.group, self.guided,
                  self.hardware]
        for field in fields:
            field.observe(lambda change: self.work_out(), "value")
        super().__init__([*fields, self.out])
        self.work_out()

    def __repr__(self) -> str:
        return "The calculator: it works where a notebook runs."

    def estimate(self) -> e.Estimate:
        """What the fields ask for."""
        system = e.System.sized(self.billions.value * 1e9, passes=2 if self.guided.value else 1,
                                group=self.group.value)
        return e.estimate(system, self.frames.value, *self.size.value, self.steps.value,
                          self.hardware.value, self.rows)

    def work_out(self) -> None:
        """Say it: the estimate, and how far off such estimates are."""
        found = self.estimate()
        if found.joules is None:
            energy = "energy not measurable here"
            off = ("At the most that this processor reaches on products of matrices: a film "
                   "takes longer, and more memory than is here.")
        else:
            digits = ",.0f" if found.joules >= 1e5 else ".3g"
            energy = (f"{found.joules / 1000:{digits}} kJ, as much as boils "
                      f"{found.joules / KETTLE:.2g} litres of water")
            errors = [error for both in e.errors(self.rows, e.proportioned).values()
                      for error in both]
            off = (f"{len(self.rows)} published films, each estimated so from the others, come "
                   f"out {min(errors):+.0%} to {max(errors):+.0%} off. Energy is that of the "
                   f"{self.rows[0]['boundary']}. Source: {self.rows[0]['source']}.")
        self.out.value = (
            f"<b>{found.tokens:,} tokens, {cost.in_words(found.flops)} operations, "
            f"{found.seconds:,.0f} seconds, {escape(energy)}</b><br>{escape(off)}")
