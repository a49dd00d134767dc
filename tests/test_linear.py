"""The linear autoencoder: blocks come back in place, and no patterns lose less than its own."""

import pytest
import torch

from minivid.errors import FormatError
from minivid.linear import LinearAutoencoder, joined, patches


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("count, frames, side", [(8, 4, 2), (9, 4, 4), (1, 4, 2), (5, 1, 8)])
def test_blocks_come_back_in_their_places(count, frames, side):
    video = draw(2, 3, count, 8, 16)
    blocks = patches(video, frames, side)
    assert blocks.shape == (2, -(-count // frames), 8 // side, 16 // side, 3 * frames * side**2)
    assert torch.equal(joined(blocks, frames, side, count), video)


def test_a_block_is_its_frames_and_pixels_and_the_first_frame_fills_its_own():
    video = draw(1, 3, 5, 4, 4)
    blocks = patches(video, 4, 2).unflatten(-1, (4, 3, 2, 2))  # frames, colours, rows, columns
    assert torch.equal(blocks[0, 1, 1, 0], video[0, :, 1:, 2:, :2].transpose(0, 1))
    assert torch.equal(blocks[0, 0, 1, 0], video[0, :, :1, 2:, :2].transpose(0, 1).expand(4, -1, -1,
                                                                                        -1))


def test_blocks_that_do_not_fill_the_film_are_refused():
    for video, frames, side in ((draw(1, 3, 7, 8, 8), 4, 2), (draw(1, 3, 8, 8, 8), 4, 3)):
        with pytest.raises(FormatError, match="do not make whole blocks"):
            patches(video, frames, side)


def test_films_of_a_few_patterns_need_a_few_numbers():
    shares = 0.1 * draw(6, 4, 2, 2, 2, seed=1)  # B, C, f, h, w
    patterns = torch.linalg.qr(draw(48, 4, seed=2))[0].T  # four that stand upright
    video = joined(shares.movedim(1, -1) @ patterns, 4, 2, 8)
    linear = LinearAutoencoder(video, 4, 4, 2)
    latents = linear.encode(video)
    assert latents.shape == shares.shape
    assert linear.decode(latents[:, :, :1]).shape == (6, 3, 4, 4, 4)
    assert torch.allclose(linear.decode(latents), video, atol=1e-5)
    assert (linear.decode(latents[:, :3]) - video).abs().max() > 0.01


def test_the_error_is_what_the_left_out_patterns_held():
    video = 0.2 * draw(20, 3, 8, 4, 4, seed=3) * torch.linspace(0, 1, 4)  # clearer to the right
    whole = LinearAutoencoder(video, 96, 4, 4)
    variance = whole.encode(video).square().mean((0, 2, 3, 4))  # of each pattern, sorted
    assert (variance[1:] <= variance[:-1] + 1e-6).all()
    for kept in (5, 40):
        left = whole.decode(whole.encode(video)[:, :kept]) - video
        expected = variance[kept:].sum() / 192  # numbers in a block
        assert torch.allclose(left.square().mean(), expected, rtol=1e-3)
        any_other = torch.linalg.qr(draw(192, kept, seed=4))[0]
        rows = patches(video, 4, 4).flatten(0, 3)
        worse = rows - rows.mean(0)
        worse = worse - worse @ any_other @ any_other.T
        assert worse.square().mean() > left.square().mean()


def test_films_of_another_length_than_those_it_was_fitted_to():
    linear = LinearAutoencoder(0.1 * draw(8, 3, 9, 4, 4, seed=5), 48, 4, 2)  # 48: all there is
    for count in (1, 5, 17):
        video = 0.1 * draw(2, 3, count, 4, 4, seed=6)
        assert linear.encode(video).shape == (2, 48, 1 + count // 4, 2, 2)
        assert torch.allclose(linear.decode(linear.encode(video)), video, atol=1e-4)
