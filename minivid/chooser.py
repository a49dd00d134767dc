"""Two sliders over pictures that are already made: nothing is computed as they move.

A page that runs nothing shows no sliders: put `show.grid` of the same pictures beside them.
"""

import base64
from collections.abc import Sequence
from html import escape

import ipywidgets as w
from torch import Tensor

from minivid import show
from minivid.errors import MinividError


class Chooser(w.VBox):
    """Choose a row and a column by slider, and see the pictures that stand there.

    `made` is (R, C, B, 3, H, W) in [-1, 1]; `rows` and `columns` name its first two axes and their
    R and C values, such as ("steps", (1, 2, 4)). `labels` stand below the B pictures, `alt` says
    what is seen. Raises `MinividError` where the counts differ.
    """

    def __init__(self, made: Tensor, rows: tuple[str, Sequence], columns: tuple[str, Sequence],
                 alt: str, labels: Sequence[str] | None = None):
        self.made, self.alt, self.labels = made, alt, labels
        if made.shape[:2] != (len(rows[1]), len(columns[1])):
            raise MinividError(f"{len(rows[1])} x {len(columns[1])} names for pictures of shape "
                               f"{tuple(made.shape)}: the first two axes must be as many.")
        self.sliders = [w.SelectionSlider(options=[(str(value), n) for n, value in
                                                   enumerate(values)],
                                          index=len(values) // 2, description=name, tooltip=name)
                        for name, values in (rows, columns)]
        self.picture = w.HTML()
        for slider in self.sliders:
            slider.observe(self.look, "value")
        self.look()
        super().__init__([*self.sliders, self.picture])

    def look(self, change: object = None) -> None:
        """Show what stands where the sliders are."""
        row, column = (slider.value for slider in self.sliders)
        where = ", ".join(f"{slider.description} {slider.label}" for slider in self.sliders)
        alt = f"{self.alt} {where}."
        picture = show.grid(self.made[row, column].clamp(-1, 1), alt, self.labels)
        data = base64.b64encode(picture.png()).decode()
        self.picture.value = f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return "Two sliders: they work where a notebook runs."
