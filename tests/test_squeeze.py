"""The small autoencoder: shapes, the scale it owns, noise between, and that it can be trained."""

import torch

from minivid.moving import films
from minivid.squeeze import SmallAutoencoder
from minivid.train import optimizers_for


def small(**sizes):
    torch.manual_seed(0)
    return SmallAutoencoder(**sizes)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_latent_stands_for_four_frames_of_eight_by_eight_pixels():
    net, video = small(channels=4), draw(2, 3, 8, 32, 32)
    latents = net.encode(video)
    assert latents.shape == (2, 4, 2, 4, 4) and net.decode(latents).shape == video.shape
    assert video[0].numel() / latents[0].numel() == 192
    assert small(cell=4).encode(draw(2, 3, 8, 16, 16)).shape == (2, 4, 2, 4, 4)
    assert small(channels=1).encode(draw(2, 3, 8, 16, 24)).shape == (2, 1, 2, 2, 3)


def test_it_owns_its_scale():
    net, video = small(), draw(64, 3, 8, 32, 32)
    net.measure_scale(video)
    latents = net.encode(video)
    assert latents.mean((0, 2, 3, 4)).abs().max() < 1e-4
    assert (latents.std((0, 2, 3, 4)) - 1).abs().max() < 1e-4
    raw = net.raw_encode(video)
    assert torch.allclose(net.decode(latents), net.raw_decode(raw).clamp(-1, 1), atol=1e-4)


def test_noise_is_a_share_of_the_spread():
    net, video, noise = small(), draw(8, 3, 8, 32, 32), draw(8, 4, 2, 4, 4, seed=1)
    raw = net.raw_encode(video)
    spread = raw.std((0, 2, 3, 4))[:, None, None, None]
    assert torch.equal(net(video, noise, 0.0), net.raw_decode(raw))
    assert torch.allclose(net(video, noise, 0.5), net.raw_decode(raw + 0.5 * spread * noise))


def test_all_its_matrices_are_muons_and_a_few_steps_teach_it():
    net, video = small(width=16, cell=4), films(range(32)).video
    adam, muon = optimizers_for(net, 2e-2)
    matrices = sum(len(group["params"]) for group in muon.param_groups)
    assert matrices == sum(p.ndim == 2 for p in net.parameters())
    losses = []
    for _ in range(40):
        loss = (net(video, torch.zeros(32, 4, 2, 4, 4), 0.0) - video).abs().mean()
        for optimizer in (adam, muon):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in (adam, muon):
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
