"""Guidance, on a model that says plainly what it was asked."""

from dataclasses import dataclass, replace

import pytest
import torch

from minivid.exercises import best, log_odds
from minivid.flow import IdealDenoiser, add_noise
from minivid.guidance import Guided, Steered
from minivid.sampling import sample


@dataclass(frozen=True)
class Words:
    """As much of a condition as guidance needs: text, its mask, and something else per sample."""

    text: torch.Tensor
    text_mask: torch.Tensor
    place: torch.Tensor | None = None

    def without(self, what):
        assert what == "text"
        return replace(self, text_mask=torch.zeros_like(self.text_mask))


class Model:
    """velocity = x_t + t + what the unmasked words add up to; counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, x_t, t, given=None):
        self.calls.append(len(x_t))
        t = t.reshape(t.shape + (1,) * (x_t.ndim - t.ndim))
        said = 0 if given is None else (given.text * given.text_mask).sum(1)[:, None, None]
        return x_t + t + said


X_T = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
GIVEN = Words(torch.tensor([[1.0, 2], [3, 4], [5, 6]]), torch.ones(3, 2, dtype=torch.bool))
ASKED = torch.tensor([3.0, 7, 11])[:, None, None]
HALF = torch.full((3,), 0.5)


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0, 3.0, -1.0])
def test_guidance_is_the_line_through_both_answers(scale):
    model = Model()
    velocity = Guided(model, scale)(X_T, HALF, GIVEN)
    assert torch.allclose(velocity, X_T + 0.5 + scale * ASKED, atol=1e-5)
    assert model.calls == [6]  # one pass over both halves


def test_scale_1_is_off_exactly_and_asks_once():
    model = Model()
    assert torch.equal(Guided(model, 1.0)(X_T, HALF, GIVEN), Model()(X_T, HALF, GIVEN))
    assert model.calls == [3]


def test_nothing_given_is_nothing_to_push_towards():
    model = Model()
    assert torch.equal(Guided(model, 4.0)(X_T, HALF), Model()(X_T, HALF))
    assert model.calls == [3]


def test_scale_per_sample():
    scale = torch.tensor([1.0, 2.0, 0.0])
    velocity = Guided(Model(), scale)(X_T, HALF, GIVEN)
    assert torch.allclose(velocity, X_T + 0.5 + scale[:, None, None] * ASKED)
    assert torch.equal(velocity[0], Model()(X_T, HALF, GIVEN)[0])


def test_scale_per_token_with_either_t():
    scale = torch.tensor([[1.0, 2.0, 3.0, 0.0]]).expand(3, 4)
    expected = X_T + 0.5 + scale[..., None] * ASKED
    assert torch.allclose(Guided(Model(), scale)(X_T, HALF, GIVEN), expected)
    per_token = HALF[:, None].expand(3, 4)
    assert torch.allclose(Guided(Model(), scale)(X_T, per_token, GIVEN), expected)
    per_sample = torch.tensor([1.0, 2.0, 0.0])
    velocity = Guided(Model(), per_sample)(X_T, per_token, GIVEN)
    assert torch.allclose(velocity, X_T + 0.5 + per_sample[:, None, None] * ASKED)


def test_outside_its_interval_guidance_is_off():
    model = Model()
    guided = Guided(model, 3.0, interval=(0.2, 0.8))
    t = torch.tensor([0.1, 0.5, 0.9])
    velocity = guided(X_T, t, GIVEN)
    scale = torch.tensor([1.0, 3.0, 1.0])[:, None, None]
    assert torch.allclose(velocity, X_T + t[:, None, None] + scale * ASKED, atol=1e-5)
    assert model.calls == [6]
    early = torch.full((3,), 0.1)
    assert torch.equal(guided(X_T, early, GIVEN), Model()(X_T, early, GIVEN))
    assert model.calls == [6, 3]  # no sample inside: one pass


def test_what_is_hidden_stays_hidden_outside_the_interval():
    for scale in (0.0, 0.5):
        velocity = Guided(Model(), scale, interval=(0.2, 0.4))(X_T, HALF, GIVEN)
        assert torch.allclose(velocity, X_T + 0.5 + scale * ASKED)


def test_every_tensor_of_the_condition_is_doubled():
    class Watch(Model):
        def __call__(self, x_t, t, given=None):
            self.given = given
            return super().__call__(x_t, t, given)

    model = Watch()
    Guided(model, 2.0)(X_T, HALF, replace(GIVEN, place=torch.arange(3)))
    assert model.given.place.tolist() == [0, 1, 2, 0, 1, 2]
    assert model.given.text.shape == (6, 2)
    assert model.given.text_mask.sum(1).tolist() == [2, 2, 2, 0, 0, 0]


def test_what_cannot_share_a_batch_is_refused():
    @dataclass(frozen=True)
    class Flagged:
        alone: bool = False

        def without(self, what):
            return Flagged(alone=True)

    with pytest.raises(TypeError, match="in one batch"):
        Guided(lambda x, t, given: x, 2.0)(X_T, HALF, Flagged())


# ---------------------------------------------------------------- steering by a slope


CLASSES = torch.tensor([[-2, 0.5], [-1, -1], [1, 1], [2, -0.5], [1.5, 0]], dtype=torch.float64)
WANTED = torch.tensor([False, False, True, True, True])


def log_fit(x_t, t):
    """The exact log of how likely x_t comes from one of the points wanted."""
    return IdealDenoiser(CLASSES).odds(x_t, t)[:, WANTED].sum(1).log()


@pytest.mark.parametrize("level", [0.15, 0.4, 0.6, 0.8])
def test_steering_by_the_true_odds_is_the_conditional_denoiser(level):
    noise = torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
    t = torch.full((60,), level, dtype=torch.float64)
    x_t = add_noise(CLASSES.repeat(12, 1), noise, t)
    steered = Steered(IdealDenoiser(CLASSES), log_fit)(x_t, t)
    assert torch.allclose(steered, IdealDenoiser(CLASSES[WANTED])(x_t, t), atol=1e-6)


def test_steering_harder_goes_further_and_0_is_off():
    x_t, t = CLASSES + 0.5, torch.full((5,), 0.4, dtype=torch.float64)
    free, one, three = (Steered(IdealDenoiser(CLASSES), log_fit, scale)(x_t, t)
                        for scale in (0.0, 1.0, 3.0))
    assert torch.equal(free, IdealDenoiser(CLASSES)(x_t, t))
    assert torch.allclose(three - free, 3 * (one - free), atol=1e-4)


def test_steering_takes_the_text_from_the_model_and_is_finite_at_pure_noise():
    asked = []

    def model(x_t, t, given=None):
        asked.append(given.text_mask.any())
        return x_t

    with torch.no_grad():  # as in a sampler
        steered = Steered(model, lambda x_t, t: x_t.sum((1, 2)))(X_T, torch.zeros(3), GIVEN)
    assert not any(asked) and torch.allclose(steered, X_T + 1 / Steered.least)


# ---------------------------------------------------------------- guidance where all is known


def bells(x_t, t, given):
    """Two bells about -1 and 1, 0.7 wide, in closed form; where words are heard: that about 1."""
    odds = torch.stack([log_odds(x_t, t, mean) for mean in (-1, 1)]).softmax(0)
    odds = torch.where(given.text_mask.any(1), torch.tensor([[0.0], [1.0]]), odds)
    guess = odds[0] * best(x_t, t, -1) + odds[1] * best(x_t, t, 1)
    return (guess - x_t) / (1 - t)


def test_more_guidance_is_obeyed_better_and_varies_less():
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(3))
    asked = Words(torch.ones(4000, 1), torch.ones(4000, 1, dtype=torch.bool))
    ends = [sample(Guided(bells, scale), noise, asked, steps=48) for scale in (0.0, 1.0, 2.0, 4.0)]
    obeyed = [(end > 0).float().mean().item() for end in ends]
    wide = [end.std().item() for end in ends]
    assert obeyed[0] == pytest.approx(0.5, abs=0.03) and wide[0] == pytest.approx(1.22, abs=0.05)
    assert obeyed[1] == pytest.approx(0.923, abs=0.02) and wide[1] == pytest.approx(0.7, abs=0.04)
    assert ends[1].mean() == pytest.approx(1, abs=0.05)
    assert obeyed == sorted(obeyed) and wide == sorted(wide, reverse=True)
    assert obeyed[3] > 0.97 and wide[3] < 0.6
