"""The autoencoder's shape, causality and scale; what comes through the shipped one."""

import pytest
import torch

from minivid import checkpoints, verify
from minivid.autoencoder import Autoencoder, AutoencoderConfig, autoencoder_loss
from minivid.compression import load_autoencoder
from minivid.errors import FormatError
from minivid.paint import ClipFormat
from minivid.pool import UNSEEN
from minivid.world import Knobs, film


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Autoencoder(AutoencoderConfig(4, 16, 16, 8))
    for p in net.parameters():
        p.data = p.data + 0.05 * torch.randn_like(p)
    return net.eval()


@pytest.mark.parametrize("height, width, frames", [(24, 36, 1), (24, 24, 5), (36, 24, 13)])
def test_shapes_of_any_size(net, height, width, frames):
    latents = net.encode(torch.rand(2, 3, frames, height, width))
    assert latents.shape == (2, 4, 1 + (frames - 1) // 4, height // 6, width // 6)
    assert net.decode(latents).shape == (2, 3, frames, height, width)


def test_at_least_32_times_fewer_numbers():
    video = torch.zeros(1, 3, 17, 48, 48)
    assert video.numel() / Autoencoder().encode(video).numel() >= 32


def test_the_past_never_sees_the_future(net):
    video = torch.rand(1, 3, 13, 24, 24)
    for frame in range(13):
        other = video.clone()
        other[:, :, frame] += 1
        change = (net.encode(video) - net.encode(other)).abs().amax((0, 1, 3, 4))
        own = (frame + 3) // 4  # the latent frame that holds this frame
        assert not change[:own].any() and change[own] > 0


def test_a_picture_encodes_as_the_first_frame_of_a_film(net):
    video = torch.rand(2, 3, 9, 24, 24)
    assert torch.allclose(net.encode(video[:, :, :1]), net.encode(video)[:, :, :1], atol=1e-5)


def test_the_decoder_sees_the_neighbouring_latents(net):
    latents = torch.randn(1, 4, 4, 4, 4)
    other = latents.clone()
    other[:, :, 2] += 1
    change = (net.decode(latents) - net.decode(other)).abs().amax((0, 1, 3, 4))
    assert change[1:5].max() > 0 and change[5:9].max() > 0 and change[9:].max() > 0


def test_latents_have_unit_spread_once_measured(net):
    video = film(torch.arange(16), ClipFormat(24, 24, 5)).video
    net.measure_scale(video)
    latents = net.encode(video)
    assert torch.allclose(latents.mean((0, 2, 3, 4)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(latents.std((0, 2, 3, 4)), torch.ones(4), atol=1e-3)


def test_wrong_sizes_get_a_clear_error(net):
    with pytest.raises(FormatError, match="multiples of 6"):
        net.encode(torch.zeros(1, 3, 5, 25, 24))
    with pytest.raises(FormatError, match="frames"):
        net.encode(torch.zeros(1, 3, 4, 24, 24))


def test_the_loss_counts_an_actor_more_than_the_sky():
    class Same(torch.nn.Module):
        def forward(self, video, noise, strength):
            return torch.zeros_like(video)

    empty = torch.zeros(1, 3, 1, 8, 8)
    video = empty.clone()
    video[..., 2:4, 2:4] = 1.0
    loss = autoencoder_loss(Same(), video, empty, None, 0.0, actors=4.0)
    assert loss.item() == pytest.approx(4 * 5 / 64)


def test_what_comes_through_the_shipped_autoencoder_reads_the_same():
    model = load_autoencoder(checkpoints.find("autoencoder", "laptop"))
    clip = film(UNSEEN + torch.arange(96), knobs=Knobs(split="all"))
    with torch.no_grad():
        through = model.decode(model.encode(clip.video))
    full = [clip.truth.describe(b) for b in range(96)]
    assert verify.score(verify.read(through), full).rate() >= 0.95  # measured: 98.6%
