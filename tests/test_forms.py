"""Zips give every byte back, or nothing; film files give a film back that is nearly the same."""

import numpy as np
import torch

from minivid import media
from minivid.forms import flipped, opened, pixels_of, unzipped, zipped
from minivid.probe import balls

FILM = balls(12, 1, count=1)[0]
PIXELS = pixels_of(FILM)


def test_bytes_of_a_film_are_its_pixels():
    assert PIXELS.shape == (17, 48, 48, 3) and PIXELS.dtype == np.uint8
    assert PIXELS[3, 5, 7].tolist() == ((FILM[:, 3, 5, 7] + 1) * 127.5).round().tolist()


def test_a_zip_gives_back_all_or_nothing():
    data = zipped(PIXELS)
    assert unzipped(data) == PIXELS.tobytes() and len(data) < PIXELS.size / 10
    for at in range(40, len(data) - 100, 97):
        assert unzipped(flipped(data, at)) is None
    assert unzipped(b"no zip") is None and unzipped(data[:-60]) is None


def test_a_film_file_gives_back_nearly_the_film():
    data = media.mp4(PIXELS, 8)
    film = opened(data)
    assert film.shape == FILM.shape and 0 < (film - FILM).square().mean() < 0.002
    assert opened(b"no film") is None


def test_one_bit_is_flipped():
    data = bytes(range(10))
    assert flipped(data, 4) == bytes([0, 1, 2, 3, 5, 5, 6, 7, 8, 9])
    assert flipped(flipped(data, 7), 7) == data


def test_a_film_file_with_a_flipped_bit_is_a_film_or_none():
    data = media.mp4(PIXELS, 8)
    film = opened(flipped(data, len(data) // 4))
    assert film is None or (film.isfinite().all() and film.shape[0] == 3
                            and torch.is_tensor(film))
