"""The samplers, on flows whose end is known in closed form."""

from functools import partial

import pytest
import torch

from minivid.errors import MinividError
from minivid.flow import IdealDenoiser, add_noise, clean_guess, go_back, spread
from minivid.sampling import churn, euler, heun, sample, times


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


MEAN, WIDTH = 2.0, 0.3


def gaussian_velocity(x_t, t, given=None):
    """The exact velocity when the data are one Gaussian; it ends at MEAN + WIDTH * noise.

    x_t is normal with mean t MEAN and variance (1 - t)^2 + t^2 WIDTH^2, so the road through x_t
    is MEAN plus the slope of that spread, times how many spreads away from the mean x_t is.
    """
    t = spread(t, x_t)
    variance = (1 - t) ** 2 + (t * WIDTH) ** 2
    return MEAN + (t * WIDTH**2 - (1 - t)) / variance * (x_t - t * MEAN)


def worst_error(method, steps):
    noise = draw(64, 3).double()
    end = sample(gaussian_velocity, noise, steps=steps, method=method)
    return (end - (MEAN + WIDTH * noise)).abs().max().item()


def test_times_run_from_0_to_1():
    assert times(4).tolist() == [0, 0.25, 0.5, 0.75, 1]
    dwelling = times(4, shift=3.0)
    assert dwelling[0] == 0 and dwelling[-1] == 1 and dwelling[2] == 0.25
    with pytest.raises(MinividError, match="at least 1 step"):
        times(0)


def test_euler_halves_its_error_with_twice_the_steps():
    errors = [worst_error("euler", steps) for steps in (40, 80, 160)]
    assert errors[2] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.25)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.15)


def test_heun_quarters_its_error_with_twice_the_steps():
    errors = [worst_error("heun", steps) for steps in (40, 80, 160)]
    assert errors[2] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, abs=0.6)
    assert errors[1] / errors[2] == pytest.approx(4, abs=0.4)


def test_heun_asks_twice_a_step_but_once_in_the_last():
    calls = []

    def model(x_t, t, given):
        calls.append(t[0].item())
        return gaussian_velocity(x_t, t)

    sample(model, draw(2, 3), steps=4, method="heun")
    assert calls == [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize("method", [euler, heun])
def test_every_step_is_shown(method):
    noise = draw(5, 3)
    steps = list(method(gaussian_velocity, noise, steps=6))
    assert [step.t[0].item() for step in steps] == pytest.approx([n / 6 for n in range(7)])
    assert all(step.t.shape == (5,) for step in steps)
    assert torch.equal(steps[0].x_t, noise)
    for step in steps[:-1]:
        velocity = gaussian_velocity(step.x_t, step.t)
        assert torch.equal(step.guess, clean_guess(step.x_t, velocity, step.t))
    assert torch.equal(steps[-1].guess, steps[-1].x_t) and (steps[-1].t == 1).all()


@pytest.mark.parametrize("method", ["euler", "heun", "churn"])
def test_with_one_point_one_step_is_enough(method):
    point = draw(1, 3, seed=1)
    end = sample(IdealDenoiser(point), draw(8, 3), steps=1, method=method)
    assert torch.allclose(end, point.expand(8, 3), atol=1e-5)


@pytest.mark.parametrize("method", ["euler", "heun", "churn"])
def test_ideal_paths_end_on_the_points(method):
    points = draw(6, 4, seed=2) * 2
    end = sample(IdealDenoiser(points), draw(32, 4), steps=64, method=method)
    nearest = torch.cdist(end, points).min(1)
    assert nearest.values.max() < 0.02
    assert len(nearest.indices.unique()) > 3


@pytest.mark.parametrize("method", [euler, heun, churn, partial(churn, back=3)])
def test_what_starts_clean_is_kept_bit_for_bit(method):
    start = torch.tensor([[1.0, 0.0, 1.0, 0.4]]).expand(3, 4)
    noise = draw(3, 4, 2) * 1e3

    def model(x_t, t, given):
        return torch.where(spread(t, x_t) == 1, torch.inf, gaussian_velocity(x_t, t))

    seen = []
    for step in method(model, noise, steps=7, start=start):
        assert torch.equal(step.x_t[:, [0, 2]], noise[:, [0, 2]])
        assert (step.t[:, [0, 2]] == 1).all()
        seen.append(step.t[0, 3].item())
    clock = [n / 7 for n in range(8)]
    if method not in (euler, heun):
        back = getattr(method, "keywords", {"back": 1})["back"]
        clock = [n / 7 * (n / (n + 1)) ** back for n in range(7)] + [1]
    assert seen == pytest.approx([0.4 + 0.6 * s for s in clock])
    assert not torch.equal(step.x_t[:, 1], noise[:, 1])


def test_starting_half_way_ends_where_the_whole_road_ends():
    noise = draw(16, 3)
    half = torch.full((16,), 0.5)
    clean = MEAN + WIDTH * draw(16, 3, seed=3)
    late = sample(gaussian_velocity, add_noise(clean, noise, half), steps=200, start=half)
    x, t = add_noise(clean, noise, half), 0.5
    spread_then = ((1 - t) ** 2 + (t * WIDTH) ** 2) ** 0.5
    assert torch.allclose(late, MEAN + WIDTH * (x - t * MEAN) / spread_then, atol=0.02)


def test_pace_leads_or_lags_and_both_arrive():
    pace = torch.tensor([[0.5, 1.0, 2.0]]).expand(4, 3)
    steps = list(euler(gaussian_velocity, draw(4, 3, 2), steps=4, pace=pace))
    assert torch.allclose(steps[1].t[0], torch.tensor([0.5, 0.25, 0.0625]))
    assert (steps[0].t == 0).all() and (steps[-1].t == 1).all()


def test_start_per_sample_with_pace_per_token():
    start, pace = torch.tensor([1.0, 0.5]), torch.tensor([[0.5, 1.0], [0.5, 1.0]])
    steps = list(euler(gaussian_velocity, draw(2, 2, 3), steps=4, start=start, pace=pace))
    assert torch.allclose(steps[1].t, torch.tensor([[1.0, 1.0], [0.75, 0.625]]))


def test_one_t_per_sample_is_the_same_t_for_each_token():
    noise = draw(4, 6, 2)
    per_sample = sample(gaussian_velocity, noise, steps=5)
    per_token = sample(gaussian_velocity, noise, steps=5, start=torch.zeros(4, 6))
    assert torch.equal(per_sample, per_token)


def test_what_is_given_reaches_the_model_and_nothing_is_learnt():
    weight = torch.ones(3, requires_grad=True)
    end = sample(lambda x, t, given: given * weight - x, draw(2, 3), given=5.0, steps=3)
    assert not end.requires_grad
    assert torch.allclose(sample(lambda x, t, given: given - x, draw(2, 3), 5.0, steps=3), end)


def test_unknown_method_is_a_clear_error():
    with pytest.raises(MinividError, match="euler, heun, churn, not 'magic'"):
        sample(gaussian_velocity, draw(2, 3), method="magic")


def test_going_back_is_as_if_more_noise_had_been_mixed_in():
    clean, t, earlier = 3 * draw(1, 4).double(), torch.tensor([0.8]), torch.tensor([0.3])
    clean = clean.expand(50_000, 4)
    t, earlier = (x.expand(50_000).double() for x in (t, earlier))
    x_t = add_noise(clean, draw(50_000, 4, seed=1).double(), t)
    back = go_back(x_t, t, earlier, draw(50_000, 4, seed=2).double())
    assert torch.allclose(back.mean(0), 0.3 * clean[0], atol=0.02)
    assert torch.allclose(back.std(0), torch.full((4,), 0.7).double(), atol=0.01)
    assert torch.equal(go_back(x_t, t, t, x_t), x_t), "to where it is: nothing changes"
    assert torch.equal(go_back(x_t, 0 * t, 0 * t, clean), x_t), "noise stays as it is"


@pytest.mark.parametrize("back", [1, 3])
def test_churn_comes_to_the_same_places_as_often(back):
    """The exact flow of a Gaussian gives that Gaussian, whatever is undone on the way."""
    end = sample(gaussian_velocity, draw(20_000, 1).double(), steps=800, method="churn",
                 fresh=iter_noise(20_000, 1), back=back)
    assert float(end.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(end.std()) == pytest.approx(WIDTH, rel=0.03)
    again = sample(gaussian_velocity, draw(20_000, 1).double(), steps=200)
    assert torch.corrcoef(torch.cat([end, again], 1).T)[0, 1] < 0.5, "decided anew on the way"


def iter_noise(*shape):
    dice = torch.Generator().manual_seed(9)
    return lambda: torch.randn(shape, generator=dice).double()


def test_churn_mends_what_a_faulty_model_has_spoilt():
    """A model that is wrong early on, when nearly all is noise, and right from there."""
    def model(x_t, t, given):
        return gaussian_velocity(x_t, t) + 3 * (spread(t, x_t) < 0.3)

    right = draw(20_000, 1).double()
    ends = [sample(model, right, steps=50, **how) for how in (
        {"method": "euler"}, {"method": "churn"}, {"method": "churn", "back": 3})]
    off = [(end.mean() - MEAN).abs() for end in ends]
    assert off[1] < 0.5 * off[0] and off[2] < 0.5 * off[1]
