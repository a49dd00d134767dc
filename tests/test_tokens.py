"""Patches and their addresses: exact inverses, whatever the size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minivid.errors import FormatError
from minivid.layers import PICTURE, SOUND
from minivid.paint import ClipFormat
from minivid.tokens import Packing, patchify, unpatchify


@settings(max_examples=25, deadline=None)
@given(f=st.integers(1, 4), h=st.integers(1, 4), w=st.integers(1, 5), c=st.integers(1, 3),
       p=st.integers(1, 3))
def test_patchify_is_undone_exactly(f, h, w, c, p):
    latents = torch.arange(2 * c * f * h * p * w * p).reshape(2, c, f, h * p, w * p)
    tokens = patchify(latents, p)
    assert tokens.shape == (2, f * h * w, c * p * p)
    assert torch.equal(unpatchify(tokens, (f, h, w), p), latents)


def test_a_patch_holds_its_own_square_and_nothing_else():
    latents = torch.zeros(1, 1, 1, 4, 4)
    latents[0, 0, 0, 2:, :2] = 1  # the lower left patch of four
    assert patchify(latents, 2)[0].sum(1).tolist() == [0, 0, 4, 0]


def test_pack_and_unpack_with_sound_round_trip():
    packing = Packing(ClipFormat(24, 36, 9), dim=40, sound=16)
    latents, sound = torch.randn(3, 10, 3, 4, 6), torch.randn(3, 7, 16)
    tokens = packing.pack(latents, sound)
    assert tokens.shape == (3, packing.pictures + 16, 40)
    again, heard = packing.unpack(tokens, 10, 7)
    assert torch.equal(again, latents) and torch.equal(heard, sound)


def test_positions_are_on_one_clock_in_seconds_and_from_the_centre():
    packing = Packing(ClipFormat(48, 72, 17, 8), sound=32)
    layout = packing.layout(2)
    picture = layout.positions[0, : packing.pictures].view(5, 4, 6, 3)
    assert picture[0, 0, 0].tolist() == [0, -0.375, -0.625]  # first frame, upper left patch
    assert torch.allclose(picture.mean((0, 1, 2))[1:], torch.zeros(2), atol=1e-6)
    # a latent frame stands for four frames: frames 1 to 4 have the middle 2.5 / 8 s
    assert picture[:, 0, 0, 0].tolist() == [0, 0.3125, 0.8125, 1.3125, 1.8125]
    sound = layout.positions[0, packing.pictures :]
    assert sound[:, 1:].abs().max() == 0 and sound[0, 0] == 1 / 32 and sound[-1, 0] == 63 / 32
    assert layout.kind[0].tolist() == [PICTURE] * 120 + [SOUND] * 32
    assert layout.extent[0].tolist() == [2.0, 1.0, 1.5]


def test_the_beginning_is_so_many_frames_and_as_much_sound():
    packing = Packing(ClipFormat(24, 24, 9), sound=16)  # 12 patches, a sixteenth of a second each
    for frames, samples, shown, heard in ((0, 0, 0, 0), (1, 0, 4, 0), (5, 4000, 8, 8),
                                          (9, 0, 12, 0), (0, 8000, 0, 16), (1, 499, 4, 0)):
        want = [n < shown for n in range(12)] + [n < heard for n in range(16)]
        assert packing.beginning(frames, samples, 8000).tolist() == want


def test_what_only_fills_tokens_up_is_told_apart():
    packing = Packing(ClipFormat(24, 24, 5), dim=20, sound=3)
    used = packing.used(4, 7)
    assert used.sum(1).tolist() == [16] * 8 + [7] * 3 and used[0, 15] == 1 and used[0, 16] == 0


@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 4), shift=st.integers(0, 1))
def test_patches_that_are_shifted_hold_the_same_film(width, shift):
    packing = Packing(ClipFormat(24, 12 * width + 12, 5), dim=20, sound=3, shift=shift)
    latents, sound = torch.randn(2, 4, *packing.latents), torch.randn(2, 7, 3)
    tokens, used = packing.pack(latents, sound), packing.used(4, 7)
    again, heard = packing.unpack(tokens, 4, 7)
    assert torch.equal(again, latents) and torch.equal(heard, sound)
    assert all(torch.equal((row != 0).float(), used) for row in tokens)
    # the frame's middle lies on the border of two patches, or within one: the other way round
    place = packing.layout(1).positions[0, : packing.pictures].view(*packing.grid, 3)
    across, cell = place[0, 0, :, 2], 12 / packing.fmt.side
    assert torch.allclose(across.diff(), torch.tensor(cell))
    assert torch.allclose(across[0], torch.tensor((1 - shift) * cell / 2 - packing.fmt.half[1]))


def test_impossible_sizes_get_a_clear_error():
    with pytest.raises(FormatError, match="multiples of 12. Nearest: 72x48."):
        Packing(ClipFormat(50, 70))
    with pytest.raises(FormatError, match="patches"):
        patchify(torch.zeros(1, 1, 1, 5, 4), 2)
