"""The road between noise and clean, held against closed forms."""

import pytest
import torch

from minivid.errors import MinividError
from minivid.flow import (
    IdealDenoiser,
    add_noise,
    clean_guess,
    flow_loss,
    sample_t,
    shifted,
    spread,
    velocity_of,
    velocity_to,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


CLEAN, NOISE = draw(4, 6, 3), draw(4, 6, 3, seed=1)


def test_spread_adds_trailing_axes_only():
    assert spread(torch.zeros(4), CLEAN).shape == (4, 1, 1)
    assert spread(torch.zeros(4, 6), CLEAN).shape == (4, 6, 1)
    assert spread(torch.zeros(4, 6, 3), CLEAN).shape == (4, 6, 3)


def test_the_road_runs_from_noise_at_0_to_clean_at_1():
    assert torch.equal(add_noise(CLEAN, NOISE, torch.zeros(4)), NOISE)
    assert torch.equal(add_noise(CLEAN, NOISE, torch.ones(4)), CLEAN)
    quarter = add_noise(CLEAN, NOISE, torch.full((4,), 0.25))
    assert torch.allclose(quarter, 0.75 * NOISE + 0.25 * CLEAN)


def test_velocity_is_the_change_of_x_t_with_t():
    t, dt = torch.tensor([0.1, 0.3, 0.5, 0.8]), 0.125
    change = add_noise(CLEAN, NOISE, t + dt) - add_noise(CLEAN, NOISE, t)
    assert torch.allclose(change / dt, velocity_of(CLEAN, NOISE), atol=1e-5)


def test_the_true_velocity_guesses_the_clean_signal_from_any_t():
    t = torch.tensor([0.0, 0.2, 0.9, 1.0])
    guess = clean_guess(add_noise(CLEAN, NOISE, t), velocity_of(CLEAN, NOISE), t)
    assert torch.allclose(guess, CLEAN, atol=1e-6)


def test_the_velocity_to_a_guess_is_where_that_guess_comes_from():
    t = torch.tensor([0.0, 0.2, 0.9, 1.0])
    x_t = add_noise(CLEAN, NOISE, t)
    assert torch.allclose(velocity_to(CLEAN, x_t, t)[:3], velocity_of(CLEAN, NOISE)[:3], atol=1e-4)
    back = clean_guess(x_t, velocity_to(NOISE, x_t, t), t)[:3]
    assert torch.allclose(back, NOISE[:3], atol=1e-4)
    assert velocity_to(CLEAN, x_t, t).isfinite().all()  # even at t = 1


def test_each_token_may_have_its_own_t():
    per_token = torch.rand(4, 6, generator=torch.Generator().manual_seed(2))
    mixed = add_noise(CLEAN, NOISE, per_token)
    for b, n in ((0, 0), (3, 5), (1, 4)):
        alone = add_noise(CLEAN[b, n][None], NOISE[b, n][None], per_token[b, n][None])
        assert torch.equal(mixed[b, n], alone[0])


def test_shift_dwells_near_noise_and_keeps_the_ends():
    t = torch.linspace(0, 1, 11)
    assert torch.equal(shifted(t), t)
    bent = shifted(t, 3.0)
    assert bent[0] == 0 and bent[-1] == 1 and (bent.diff() > 0).all()
    assert bent[5] == 0.25  # 0.5 / (0.5 + 3 * 0.5)
    assert torch.allclose(shifted(bent, 1 / 3), t, atol=1e-6)


def test_sample_t_is_middling_with_a_tenth_uniform():
    generator = torch.Generator().manual_seed(0)
    t = sample_t(200_000, generator)
    assert t.shape == (200_000,) and t.min() >= 0 and t.max() <= 1
    # P(t < 0.1): normal below logit(0.1) = -2.197, which is 0.01400, for nine tenths
    assert (t < 0.1).float().mean().item() == pytest.approx(0.9 * 0.014 + 0.1 * 0.1, abs=0.001)
    assert (t > 0.9).float().mean().item() == pytest.approx(0.9 * 0.014 + 0.1 * 0.1, abs=0.001)
    assert t.median().item() == pytest.approx(0.5, abs=0.005)
    uniform = sample_t(200_000, generator, kind="uniform")
    assert (uniform < 0.1).float().mean().item() == pytest.approx(0.1, abs=0.003)
    near_noise = sample_t(200_000, generator, shift=3.0)
    assert near_noise.median().item() == pytest.approx(0.25, abs=0.005)
    with pytest.raises(MinividError, match="cosine"):
        sample_t(4, kind="cosine")


def test_sample_t_repeats_with_its_generator():
    first, again = (sample_t(9, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, again)


def test_loss_of_the_truth_is_zero_and_of_a_wrong_sign_is_four_times_silence():
    t = torch.full((4,), 0.5)
    truth = velocity_of(CLEAN, NOISE)

    def loss(answer):
        return flow_loss(lambda x, t, given: answer, CLEAN, t=t, noise=NOISE).item()

    assert loss(truth) == 0
    assert loss(torch.zeros_like(truth)) == pytest.approx((truth**2).mean().item(), rel=1e-6)
    assert loss(-truth) == pytest.approx(4 * (truth**2).mean().item(), rel=1e-6)


def test_loss_shows_the_network_x_t_its_t_and_what_is_given():
    seen = {}

    def model(x_t, t, given):
        seen.update(x_t=x_t, t=t, given=given)
        return torch.zeros_like(x_t)

    t = torch.tensor([0.1, 0.4, 0.6, 0.9])
    flow_loss(model, CLEAN, "red", t=t, noise=NOISE)
    assert seen["given"] == "red" and torch.equal(seen["t"], t)
    assert torch.equal(seen["x_t"], add_noise(CLEAN, NOISE, t))


def test_loss_counts_only_what_is_not_yet_clean():
    t = torch.tensor([[0.5, 1.0, 0.2, 1.0, 1.0, 0.7]]).expand(4, 6)
    wrong = velocity_of(CLEAN, NOISE) + (t == 1)[..., None] * 100.0
    assert flow_loss(lambda x, t, given: wrong, CLEAN, t=t, noise=NOISE).item() == 0
    off_by_two = velocity_of(CLEAN, NOISE) + (t < 1)[..., None] * 2.0
    loss = flow_loss(lambda x, t, given: off_by_two, CLEAN, t=t, noise=NOISE)
    assert loss.item() == pytest.approx(4, rel=1e-5)  # a mean over what counts, not over all
    all_clean = flow_loss(lambda x, t, given: wrong, CLEAN, t=torch.ones(4), noise=NOISE)
    assert all_clean.item() == 0


def test_loss_weighs_tokens():
    miss = torch.tensor([1.0, 1, 1, 3, 3, 3])[None, :, None]
    weight = torch.tensor([1.0, 1, 1, 0.5, 0.5, 0.5]).expand(4, 6)
    loss = flow_loss(
        lambda x, t, given: velocity_of(CLEAN, NOISE) + miss,
        CLEAN,
        t=torch.full((4,), 0.3),
        noise=NOISE,
        weight=weight,
    )
    assert loss.item() == pytest.approx((3 * 1 + 3 * 0.5 * 9) / (3 + 1.5), rel=1e-5)


def test_one_t_per_sample_is_the_same_t_for_each_token():
    def model(x_t, t, given):
        return torch.sin(3 * x_t) * spread(t, x_t)

    t = torch.tensor([0.1, 0.4, 0.6, 0.9])
    per_sample = flow_loss(model, CLEAN, t=t, noise=NOISE)
    per_token = flow_loss(model, CLEAN, t=t[:, None].expand(4, 6), noise=NOISE)
    assert per_sample.item() == per_token.item()


def posterior_mean(points, x_t, t):
    """Bayes, written out point by point in double precision."""
    points, x_t, t = points.double(), x_t.double(), t.double()
    likely = torch.stack([
        torch.exp(-((x_t - t * p) ** 2).sum() / (2 * (1 - t) ** 2)) for p in points
    ])
    return (likely[:, None] * points).sum(0) / likely.sum()


def test_ideal_denoiser_is_the_posterior_mean():
    points = draw(7, 5, seed=3)
    for t in (0.0, 0.3, 0.6, 0.8):
        x_t = draw(4, 5, seed=4)
        level = torch.full((4,), t)
        expected = torch.stack([posterior_mean(points, x, torch.tensor(t)) for x in x_t])
        ideal = IdealDenoiser(points)
        assert torch.allclose(ideal.guess(x_t, level).double(), expected, atol=1e-5)
        road = clean_guess(x_t, ideal(x_t, level), level)
        assert torch.allclose(road.double(), expected, atol=1e-5)


def test_ideal_denoiser_guesses_the_mean_at_0_and_the_point_near_1():
    points = draw(7, 3, 4, 4, seed=3)
    ideal = IdealDenoiser(points)
    static = draw(2, 3, 4, 4, seed=5)
    mean = points.mean(0).expand(2, 3, 4, 4)
    assert torch.allclose(ideal.guess(static, torch.zeros(2)), mean, atol=1e-6)
    late = torch.full((2,), 0.999)
    x_t = add_noise(points[:2], static, late)
    assert torch.allclose(ideal.guess(x_t, late), points[:2], atol=1e-4)
    assert torch.isfinite(ideal(points[:2], torch.ones(2))).all()


def test_ideal_denoiser_reads_a_clean_token_as_certain():
    points = torch.tensor([[[1.0], [5.0]], [[1.0], [-5.0]], [[-1.0], [7.0]]])  # (3, 2, 1)
    x_t = torch.tensor([[[1.0], [0.0]]])
    guess = IdealDenoiser(points).guess(x_t, torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(guess, torch.tensor([[[1.0], [0.0]]]), atol=1e-5)


def test_no_other_guess_has_a_lower_loss_than_the_ideal():
    points = draw(5, 2, seed=6)
    clean = points[torch.arange(5000) % 5]
    t, noise = torch.full((5000,), 0.5), draw(5000, 2, seed=7)
    ideal = IdealDenoiser(points)
    best = flow_loss(ideal, clean, t=t, noise=noise)
    for other in (lambda v: 0.8 * v, lambda v: 1.2 * v, lambda v: v + 0.2):
        assert best < flow_loss(lambda x, t, g, f=other: f(ideal(x, t)), clean, t=t, noise=noise)
