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
TYPED = {  # field: what stands before it, its value at first, the least and the most, its kind
    "frames": ("Frames", 81, 1, 10_000, int),
    "steps": ("Steps", 50, 1, 1000, int),
    "billions": ("Billion weights", 14, 0.001, 1000, float),
}


def number(text: str, least: float, most: float, kind: type) -> float | None:
    """What was typed, as a number of that kind; a decimal comma is one too. None for all else."""
    try:
        value = kind(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if least <= value <= most else None


class Calculator(w.VBox):
    """The panel: each change of a field is worked out at once. It works by keyboard alone."""

    def __init__(self):
        self.rows = e.published()
        wide = {"style": {"description_width": "130px"}, "layout": {"width": "460px"}}
        self.typed = {name: w.Text(str(first), description=told, **wide)
                      for name, (told, first, *_) in TYPED.items()}
        self.last = {name: first for name, (_, first, *_) in TYPED.items()}
        self.size = w.SelectionSlider(options=[(f"{across}x{down}", (down, across))
                                               for down, across in SIZES],
                                      value=(480, 832), description="Size", **wide)
        self.group = w.SelectionSlider(options=COMPRESSION, description="A token stands for",
                                       **wide)
        self.guided = w.Checkbox(True, description="guidance: twice a step")
        self.hardware = w.SelectionSlider(options=e.HARDWARE, description="Hardware", **wide)
        self.out = w.HTML()
        fields = [self.typed["frames"], self.size, self.typed["steps"], self.typed["billions"],
                  self.group, self.guided, self.hardware]
        for field in fields:
            field.observe(lambda change: self.work_out(), "value")
        super().__init__([*fields, self.out])
        self.work_out()

    def __repr__(self) -> str:
        return "The calculator: it works where a notebook runs."

    def misread(self) -> list[str]:
        """Take over the numbers that are typed; a line for each that is none, or out of bounds."""
        lines = []
        for name, (told, _, least, most, kind) in TYPED.items():
            value = number(self.typed[name].value, least, most, kind)
            if value is None:
                whole = "a whole number" if kind is int else "a number"
                lines.append(f"{told}: {whole} from {least:,} to {most:,}; this is for "
                             f"{self.last[name]:,}.")
            else:
                self.last[name] = value
        return lines

    def estimate(self) -> e.Estimate:
        """What the fields ask for."""
        system = e.System.sized(self.last["billions"] * 1e9, passes=2 if self.guided.value else 1,
                                group=self.group.value)
        return e.estimate(system, self.last["frames"], *self.size.value, self.last["steps"],
                          self.hardware.value, self.rows)

    def work_out(self) -> None:
        """Say it: the estimate, how far off such estimates are, and what could not be read."""
        misread, found = self.misread(), self.estimate()
        energy = "energy not measurable here" if found.joules is None else in_kettles(found.joules)
        said = (f"{found.tokens:,} tokens, {cost.in_words(found.flops)} operations, "
                f"{cost.in_time(found.seconds)}, {energy}")
        self.out.value = f"<b>{escape(said)}</b><br>" + "<br>".join(
            escape(line) for line in [*misread, self.doubt(found)])

    def doubt(self, found: e.Estimate) -> str:
        """How far off the estimate may be, and where it comes from."""
        if found.joules is None:
            return ("At the most that this processor reaches on products of matrices: a film "
                    "takes longer, and more memory than is here.")
        errors = [error for both in e.errors(self.rows, e.proportioned).values() for error in both]
        known = [e.flops_of(row) for row in self.rows]
        far = "" if min(known) / 3 <= found.flops <= 3 * max(known) else \
            "A guess, far outside of what was measured. "
        return (f"{far}{len(self.rows)} published films, each estimated so from the others, come "
                f"out {min(errors):+.0%} to {max(errors):+.0%} off. Energy is that of the "
                f"{self.rows[0]['boundary']}. Source: {self.rows[0]['source']}.")


def in_kettles(joules: float) -> str:
    """An energy, and the water from the tap (20 degrees) that it brings to the boil."""
    litres = joules / KETTLE
    water = "less than a spoon" if litres < 0.01 else \
        f"{litres:.2g} litres" if litres < 10 else f"{litres:,.0f} litres"
    amount = f"{joules / 1000:.3g}" if joules < 1e6 else f"{joules / 1000:,.0f}"
    return f"{amount} kJ, as much as boils {water} of water"
