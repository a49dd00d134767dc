"""The three ways: what each frame can know of the others, and that all keep the contract."""

import torch

from minivid.convnet import ConvConfig, ConvNet
from minivid.flow import IdealDenoiser, flow_loss, velocity_to
from minivid.frames import all_at_once, before, each_alone, from_last, in_turn
from minivid.sampling import sample


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def awake(channels):
    """A network whose zero weights are no longer zero."""
    torch.manual_seed(0)
    net = ConvNet(ConvConfig(channels, 16, 1))
    for weight in net.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return net.eval()


NOISE, T = draw(2, 3, 4, 8, 8), torch.tensor([0.2, 0.7])


def changed(model):
    """Which frames' answers change when the last frame of x_t does."""
    other = NOISE.clone()
    other[:, :, -1] = draw(2, 3, 8, 8, seed=1)
    return ((model(NOISE) - model(other)).abs().amax((0, 1, 3, 4)) > 1e-4).tolist()


def test_alone_no_frame_knows_of_another_and_at_once_each_knows_of_all():
    alone, joint = each_alone(awake(3)), all_at_once(awake(12))
    assert alone(NOISE, T).shape == joint(NOISE, T).shape == NOISE.shape
    assert changed(lambda x: alone(x, T)) == [False, False, False, True]
    assert changed(lambda x: joint(x, T)) == [True] * 4


def test_alone_each_frame_is_the_picture_that_its_noise_gives():
    net = awake(3)
    film = each_alone(net)(NOISE, T)
    for f in range(4):
        frame = NOISE[:, :, f]
        assert torch.allclose(film[:, :, f], velocity_to(net(frame, T), frame, T), atol=1e-4)


def test_at_once_frames_and_colours_come_back_in_their_places():
    asked = []
    model = all_at_once(lambda x, t: asked.append(x) or x + torch.arange(12)[:, None, None])
    guess = NOISE + torch.arange(12.0).view(4, 3).T[..., None, None]  # frame f, colour c: 3 f + c
    assert torch.allclose(model(NOISE, T), velocity_to(guess, NOISE, T))
    assert torch.equal(asked[0][:, 3:6], NOISE[:, :, 1])  # channels 3 to 5: the second frame


def test_at_once_what_is_given_is_passed_on():
    model = all_at_once(lambda x, t, given=None: x if given is None else x + given)
    assert torch.allclose(model(NOISE, T), torch.zeros_like(NOISE), atol=1e-6)
    assert torch.allclose(model(NOISE, T, 2.0), velocity_to(NOISE + 2, NOISE, T))


def test_from_the_last_the_half_of_the_new_frame_is_what_counts():
    last, new = NOISE[:, :, 0], NOISE[:, :, 1]
    model = from_last(lambda x, t: x * torch.arange(6.0)[:, None, None])
    guess = new * torch.arange(3.0, 6.0)[:, None, None]
    assert torch.equal(model(new, T, last), velocity_to(guess, new, T))


def test_in_turn_each_frame_follows_the_one_made_before():
    def model(x_t, t, given):  # straight to the frame before, and 1 more
        return (given + 1 - x_t) / (1 - t)[:, None, None, None]

    film = in_turn(model, NOISE, steps=4)
    assert torch.allclose(film, torch.arange(1.0, 5.0)[:, None, None].expand_as(NOISE), atol=1e-5)
    made = changed(lambda x: in_turn(from_last(awake(6)), x, steps=3))
    assert made == [False, False, False, True]


def test_the_frames_before_the_frames():
    last = before(NOISE)
    assert torch.equal(last[:, :, 1:], NOISE[:, :, :-1]) and (last[:, :, 0] == 0).all()


def test_the_loss_and_the_sampler_take_films_as_they_take_pictures():
    films, noise = draw(5, 3, 4, 8, 8, seed=2), draw(5, 3, 4, 8, 8, seed=3)
    ideal, flat = IdealDenoiser(films), IdealDenoiser(films.transpose(1, 2).flatten(1, 2))
    joint, half = all_at_once(flat.guess), torch.full((5,), 0.5)
    assert torch.allclose(flow_loss(joint, films, t=half, noise=noise),
                          flow_loss(ideal, films, t=half, noise=noise))
    assert torch.cdist(sample(joint, noise).flatten(1), films.flatten(1)).amin(1).max() < 0.01
