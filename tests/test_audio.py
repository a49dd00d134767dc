"""Sound to latents and back: the spectrogram, the way back from loudness, and the bottleneck."""

import pytest
import torch

from minivid import audio as a
from minivid import grammar as g
from minivid import hear
from minivid import world as w
from minivid.errors import FormatError

C = a.SoundConfig()
SMALL = a.SoundConfig(channels=12, width=16, fine_width=8)


def sounding(n=32, start=800_000):
    knobs = w.Knobs(split="all", actions=(*g.WORDLESS, *["bounces"] * 8, *["says"] * 8))
    seeds = torch.arange(start, start + n)
    _, truth = w.script(seeds, knobs=knobs)
    return truth, w.sound_of(truth, seeds)


def test_spectrogram_is_torchs_and_comes_back():
    audio = torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    spectrum = a.stft(audio, C)
    assert spectrum.shape == (3, 129, 80)
    window = torch.hann_window(256)
    column = torch.fft.rfft(audio[1, 20 * 50 + 25 - 128 :][:256] * window) / 64
    assert torch.allclose(spectrum[1, :, 20], column, atol=1e-5)
    assert torch.allclose(a.istft(spectrum, C), audio, atol=1e-5)


def test_a_tone_of_amplitude_one_is_as_loud_as_one():
    t = torch.arange(8000) / 8000
    loud = a.stft((2 * torch.pi * 1000 * t).sin()[None], C).abs()
    assert loud[0, 32, 80].item() == pytest.approx(1, rel=0.01)


def test_first_phases_run_on_at_the_pitch_of_a_tone():
    t = (torch.arange(8000) + 0.5) / 8000
    for hertz in (523.0, 1003.0, 2210.0):
        wave = (2 * torch.pi * hertz * t).sin()[None]
        turn = a.first_phases(a.stft(wave, C).abs(), C)[0, round(hertz / 31.25)].diff()
        heard = turn[20:-20].median() / 50 * 8000 / (2 * torch.pi)
        assert heard == pytest.approx(hertz, abs=4)


def test_loudness_alone_brings_back_hits_syllables_and_places():
    truth, audio = sounding()
    back = a.griffin_lim(a.stft(audio, C).abs(), C)
    for before, after in zip(hear.hear(audio), hear.hear(back)):
        assert after.place == before.place and after.says == before.says
        assert len(after.hits) == len(before.hits)
        for one, other in zip(before.hits, after.hits):
            assert one[2] == other[2] and abs(one[0] - other[0]) < 0.012
            assert abs(one[1] / other[1] - 1) < 0.02


def test_shapes_and_number_of_numbers():
    model = a.SoundAutoencoder(SMALL)
    audio = sounding(2)[1]
    latents = model.encode(audio)
    assert latents.shape == (2, 12, 32) and model.decode(latents).shape == audio.shape
    assert audio[0].numel() / (C.channels * 32) >= 15
    with pytest.raises(FormatError, match="multiple of 500"):
        model.encode(audio[:, :777])


def test_the_beginning_encodes_like_the_whole():
    """But for the last latent, whose last columns see a little of what follows."""
    model, audio = a.SoundAutoencoder(SMALL), sounding(2)[1]
    whole, begin = model.encode(audio), model.encode(audio[:, :8000])
    assert torch.allclose(whole[..., :15], begin[..., :15], atol=1e-4)


def test_scale_brings_latents_to_unit_spread():
    model, audio = a.SoundAutoencoder(SMALL), sounding(8)[1]
    model.measure_scale(audio)
    latents = model.encode(audio)
    assert latents.mean((0, 2)).abs().max() < 1e-3
    assert (latents.std((0, 2)) - 1).abs().max() < 0.01


def test_loss_is_nothing_for_a_perfect_copy_and_weighs_what_is_loud():
    model, audio = a.SoundAutoencoder(SMALL), sounding(4)[1]
    columns, noise = model.columns(audio), torch.zeros(4, 12, 32)
    assert a.sound_loss(lambda x, noise, strength: x, columns, noise) == 0
    loud = (columns * 2.5 - 5).exp() > 0.03
    for where, weight in ((loud, 7), ((columns * 2.5 - 5).exp() < 1e-3, 1.1)):
        off = 0.1 * where
        loss = a.sound_loss(lambda x, noise, strength, off=off: x + off, columns, noise)
        mean = loss / off.mean()
        assert mean == pytest.approx(weight, rel=0.1)


def test_a_short_training_lowers_the_loss_by_much():
    torch.manual_seed(0)
    model, audio = a.SoundAutoencoder(SMALL), sounding(16)[1]
    columns, noise = model.columns(audio), torch.zeros(16, 12, 32)
    adam, losses = torch.optim.Adam(model.parameters(), 5e-3), []
    for _ in range(70):
        adam.zero_grad()
        losses.append(a.sound_loss(model, columns, noise))
        losses[-1].backward()
        adam.step()
    assert losses[-1] < 0.6 * losses[0]


def test_sounds_are_joined_without_a_click():
    t = torch.arange(4000) / 8000
    one, other = (torch.sin(2 * torch.pi * 300 * t + phase)[None] for phase in (0.0, 2.0))
    joined = a.join(one[:, :2000], other)
    assert joined.shape == (1, 4000)
    assert torch.equal(joined[:, :1800], one[:, :1800])
    assert torch.equal(joined[:, 2000:], other[:, 2000:])
    assert joined.diff().abs().max() < 1.2 * one.diff().abs().max()
