"""Sliders over pictures that are there already: each place shows its own."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from minivid.chooser import Chooser
from minivid.errors import MinividError

MADE = torch.linspace(-1, 1, 6).view(2, 3, 1, 1, 1, 1).expand(2, 3, 1, 3, 8, 8)


def middle(chooser):
    """The grey in the middle of what is shown, -1 to 1."""
    png = base64.b64decode(chooser.picture.value.split("base64,")[1].split('"')[0])
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    return picture[20, 20, 0] / 127.5 - 1


def test_each_place_shows_its_pictures():
    chooser = Chooser(MADE, ("steps", (1, 8)), ("scale", (0.0, 2.0, 4.0)), "grey")
    for row, steps in enumerate(("1", "8")):
        for column, scale in enumerate(("0.0", "2.0", "4.0")):
            chooser.sliders[0].label, chooser.sliders[1].label = steps, scale
            assert abs(middle(chooser) - MADE[row, column].mean()) < 0.02
            assert f'alt="grey steps {steps}, scale {scale}."' in chooser.picture.value


def test_it_is_told_in_words_and_refuses_too_few_names():
    chooser = Chooser(MADE, ("steps", (1, 8)), ("scale", (0, 2, 4)), "grey")
    assert repr(chooser).startswith("Two sliders")
    with pytest.raises(MinividError, match="3 x 2 names"):
        Chooser(MADE, ("steps", (1, 2, 4)), ("scale", (0, 2)), "grey")
