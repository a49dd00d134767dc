"""From sentence to film: noise, formats, given beginnings, and clear errors."""

from dataclasses import replace

import pytest
import torch
from tiny import TINY

from minivid.audio import SoundAutoencoder
from minivid.autoencoder import Autoencoder
from minivid.errors import FormatError, MinividError, PromptError
from minivid.generate import SHIFT, Machine, emerge, extend, generate, hold, noises
from minivid.paint import ClipFormat
from minivid.sampling import times
from minivid.text import Link
from minivid.transformer import Transformer
from minivid.world import film


@pytest.fixture(scope="module")
def machine():
    """An untrained machine, whose weights are all non-zero."""
    torch.manual_seed(0)
    nets = (Autoencoder(TINY.autoencoder), Link(TINY.text), Transformer(TINY.transformer),
            SoundAutoencoder(TINY.sound))
    for net in nets:
        net.eval()
        for p in net.parameters():
            p.data = p.data + 0.05 * torch.randn_like(p)
    return Machine(*nets[:3], TINY, torch.device("cpu"), nets[3])


def test_a_film_has_the_asked_size_and_stays_in_range(machine):
    for fmt in (ClipFormat(24, 24, 9), ClipFormat(24, 36, 5), ClipFormat(36, 24, 1)):
        clip = generate(machine, ["a red ball", "a cat at night"], fmt=fmt, steps=2)
        assert clip.video.shape == (2, 3, fmt.frames, fmt.height, fmt.width)
        assert clip.audio.shape == (2, round(fmt.seconds * 8000))
        assert clip.video.abs().max() <= 1 and clip.caption == ["a red ball", "a cat at night"]


def test_a_seed_gives_one_film_whatever_the_batch(machine):
    both = generate(machine, ["a red ball", "a red ball"], seed=5, steps=3).video
    second = generate(machine, "a red ball", seed=6, steps=3).video
    assert torch.allclose(both[1], second[0], atol=1e-4)
    assert not torch.allclose(both[0], both[1], atol=1e-2)


def test_noise_can_be_held_while_the_prompt_changes(machine):
    noise = next(noises([3], TINY.packing(), TINY.used(TINY.packing())))
    steps = list(emerge(machine, ["a blue box"], [0], steps=2, noise=noise))
    assert torch.equal(steps[0].x_t, noise) and len(steps) == 3


def test_given_frames_are_kept_and_the_rest_is_made(machine):
    real = film(torch.arange(2), TINY.fmt).video
    for frames in (1, 5):
        clip = generate(machine, ["a red ball"] * 2, steps=2, beginning=real[:, :, :frames])
        assert torch.equal(clip.video[:, :, :frames], real[:, :, :frames])
        assert not torch.equal(clip.video[:, :, frames:], real[:, :, frames:])
    picture = generate(machine, "a red ball", steps=2, picture=real[0, :, 0])
    assert torch.equal(picture.video[0, :, 0], real[0, :, 0])


def test_held_tokens_stay_bit_for_bit_through_sampling(machine):
    packing, real = TINY.packing(), film(torch.arange(1), TINY.fmt)
    noise = next(noises([0], packing, TINY.used(packing)))
    assert noise[:, packing.pictures :, 8:].abs().max() == 0  # what only fills tokens up
    for given, kept in (({"beginning": real.video[:, :, :5]}, 2 * 4),
                        ({"beginning": real.video[:, :, :5], "audio": real.audio[:, :4000]}, 16),
                        ({"beginning": real.video}, 3 * 4), ({"audio": real.audio}, 16)):
        held, start = hold(machine, noise, packing, **given)
        assert start.sum() == kept and torch.equal(held[start == 0], noise[start == 0])
        assert not torch.equal(held[start == 1], noise[start == 1])
        *_, last = emerge(machine, ["a red ball"], [0], steps=3, noise=noise, **given)
        assert torch.equal(last.x_t[start == 1], held[start == 1])
        assert not torch.equal(last.x_t[start == 0], held[start == 0])


def test_given_sound_is_kept_and_a_picture_made_for_it(machine):
    real = film(torch.arange(2), TINY.fmt)
    clip = generate(machine, ["a red ball"] * 2, steps=2, audio=real.audio)
    assert torch.equal(clip.audio, real.audio) and not torch.equal(clip.video, real.video)
    clip = generate(machine, ["a red ball"] * 2, steps=2, beginning=real.video)
    assert torch.equal(clip.video, real.video) and clip.audio.shape == real.audio.shape
    clip = generate(machine, ["a red ball"] * 2, steps=2, audio=real.audio[:, :4000])
    assert torch.equal(clip.audio[:, :3800], real.audio[:, :3800])


def test_without_coupling_the_picture_knows_nothing_of_the_sound(machine):
    sounds = film(torch.arange(2), TINY.fmt).audio
    for coupling, same in ((0.0, True), (1.0, False), (2.0, False)):
        one, other = (generate(machine, "a red ball", steps=2, audio=sound[None],
                               coupling=coupling).video for sound in sounds)
        assert torch.allclose(one, other, atol=1e-5) == same


def test_of_many_steps_more_are_undone_before_each(machine):
    for steps, back in ((4, 0.5), (8, 1.0), (24, 3.0), (40, 3.0)):
        clock = [now.t.flatten()[0] for now in emerge(machine, ["a red ball"], [0], steps=steps)]
        plain = times(steps, SHIFT)
        assert clock[2] == pytest.approx(plain[2] * (plain[2] / plain[3]) ** back)


def test_the_sound_lags_behind_the_picture_where_there_is_one_to_wait_for(machine):
    n = TINY.packing().pictures
    for lag in (1.0, 2.0):
        steps = list(emerge(machine, ["a red ball"], [0], steps=4, lag=lag))
        middle = steps[2].t.expand(1, -1) if lag == 2 else steps[2].t[:, None].expand(1, 2 * n)
        assert torch.allclose(middle[0, n:], middle[0, :1] ** lag)
        assert (steps[-1].t == 1).all() and (steps[0].t == 0).all()
    real = film(torch.arange(1), TINY.fmt)
    for beginning, waits in ((real.video, False), (real.video[:, :, :5], True)):
        alike = [list(emerge(machine, ["a red ball"], [0], steps=4, lag=lag, method="euler",
                             beginning=beginning))[2].t[0, -1] for lag in (1.0, 2.0)]
        assert (alike[0] != alike[1]) == waits


@pytest.mark.parametrize("frames", [9, 5, 1])
def test_extend_keeps_the_beginning_and_reaches_the_length(machine, frames):
    clip = generate(machine, "a red ball", steps=2, fmt=ClipFormat(24, 24, frames))
    long = extend(machine, clip, 25, steps=2)
    assert long.audio.shape[1] == 3 * 8000
    kept = max(0, clip.audio.shape[1] - 160)  # then one sound turns into the next
    assert torch.equal(long.audio[:, :kept], clip.audio[:, :kept])
    assert long.video.shape[2] == 25 and torch.equal(long.video[:, :, :frames], clip.video)
    assert long.video.diff(dim=2).abs().amax((1, 3, 4)).min() > 0  # every frame is a new one


def test_bad_requests_get_one_clear_line(machine):
    with pytest.raises(PromptError, match="empty"):
        generate(machine, "", steps=1)
    with pytest.raises(MinividError, match="euler, heun, churn, not 'leap'"):
        generate(machine, "a cat", steps=1, method="leap")
    with pytest.raises(FormatError, match="multiples of 12"):
        generate(machine, "a cat", fmt=ClipFormat(30, 24, 5), steps=1)
    with pytest.raises(FormatError, match="cannot begin with"):
        generate(machine, "a cat", steps=1, picture=torch.zeros(3, 36, 24))
    with pytest.raises(FormatError, match="Nothing is left"):
        generate(machine, "a cat", steps=1, beginning=torch.zeros(1, 3, 9, 24, 24),
                 audio=torch.zeros(1, 8000))
    with pytest.raises(FormatError, match="1 second cannot go with 2 seconds of sound"):
        generate(machine, "a cat", steps=1, audio=torch.zeros(1, 16000))
    with pytest.raises(FormatError, match="silent films"):
        generate(replace(machine, ear=None), "a cat", steps=1, audio=torch.zeros(1, 8000))
