"""The small convolutional denoiser: shapes, what it looks at, and that it can learn."""

import torch

from minivid.convnet import ConvConfig, ConvNet, embed_t
from minivid.flow import IdealDenoiser, flow_loss
from minivid.guidance import Guided
from minivid.layers import Condition

SMALL = ConvConfig(channels=1, width=16, depth=1)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def awake(config=SMALL):
    """A network whose zero weights are no longer zero."""
    torch.manual_seed(0)
    net = ConvNet(config)
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return net


def test_an_untrained_network_stays_where_it_is():
    velocity = ConvNet(ConvConfig(3, 16, 2))(draw(2, 3, 16, 16), torch.rand(2))
    assert velocity.shape == (2, 3, 16, 16) and (velocity == 0).all()


def test_any_even_size_and_either_number_of_channels():
    net = awake()
    assert net(draw(2, 1, 8, 20), torch.rand(2)).shape == (2, 1, 8, 20)
    assert awake(ConvConfig(3, 16, 1))(draw(1, 3, 16, 16), torch.rand(1)).shape == (1, 3, 16, 16)


def test_each_sample_is_read_at_its_own_level():
    net, x_t = awake(), draw(3, 1, 16, 16)
    t = torch.tensor([0.0, 0.5, 1.0])
    together = net(x_t, t)
    for b in range(3):
        alone = net(x_t[b : b + 1], t[b : b + 1])
        assert torch.allclose(together[b], alone[0], atol=1e-4)
    assert not torch.allclose(net(x_t, t.flip(0))[0], together[0], atol=1e-2)


def test_levels_are_told_apart():
    waves = embed_t(torch.linspace(0, 1, 101), 32)
    assert waves.shape == (101, 32)
    apart = torch.cdist(waves, waves) + 10 * torch.eye(101)
    assert apart.min() > 0.1  # even neighbours, 0.01 apart, 0 and 1 too


def test_every_weight_has_its_part_in_the_answer():
    net = awake(ConvConfig(1, 16, 2))
    net(draw(2, 1, 16, 16), torch.rand(2)).square().mean().backward()
    assert all(weight.grad.abs().max() > 0 for weight in net.parameters())


def test_it_learns_what_the_ideal_denoiser_knows():
    torch.manual_seed(0)
    points = torch.sign(draw(4, 1, 8, 8, seed=1))
    clean = points[torch.arange(64) % 4]
    net = ConvNet(SMALL)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    t, noise = torch.linspace(0.05, 0.9, 64), draw(64, 1, 8, 8, seed=2)
    silence = flow_loss(net, clean, t=t, noise=noise).item()
    for _ in range(150):
        optimizer.zero_grad()
        flow_loss(net, clean).backward()
        optimizer.step()
    best = flow_loss(IdealDenoiser(points), clean, t=t, noise=noise).item()
    learned = flow_loss(net, clean, t=t, noise=noise).item()
    assert best < learned < best + 0.35 * (silence - best)


def told(*words, width=5):
    """Sentences of words by number, -1 for none; each word's vector is its own."""
    ids = torch.tensor(words)
    return Condition(draw(9, width, seed=3)[ids], ids >= 0)


def test_words_are_a_bag():
    net, x_t, t = awake(ConvConfig(1, 16, 1, text_width=5)), draw(1, 1, 8, 8), torch.tensor([0.3])
    said = net(x_t, t, told([1, 2, 3]))
    assert torch.allclose(said, net(x_t, t, told([3, 1, 2])), atol=1e-5)  # in any order
    assert torch.allclose(said, net(x_t, t, told([3, -1, 1, -1, 2])), atol=1e-5)
    for other in (told([1, 2, 4]), told([1, 2]), None):
        assert not torch.allclose(said, net(x_t, t, other), atol=1e-3)
    assert torch.equal(net(x_t, t, told([1, 2, 3]).without("text")), net(x_t, t))
    assert torch.equal(awake()(x_t, t, told([1, 2, 3])), awake()(x_t, t))  # one that is told none


def test_guidance_leads_away_from_what_comes_without_words():
    net, x_t, t = awake(ConvConfig(1, 16, 1, text_width=5)), draw(2, 1, 8, 8), torch.rand(2)
    given = told([1, 2], [3, 4])
    alone, led = net(x_t, t), net(x_t, t, given)
    assert torch.allclose(Guided(net, 3.0)(x_t, t, given), alone + 3 * (led - alone), atol=1e-3)
