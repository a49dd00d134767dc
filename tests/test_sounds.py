"""What is heard in the world: at the right moment, as high as it should be, never clipped."""

import pytest
import torch

from minivid import grammar as g
from minivid import sounds, speech
from minivid import world as w
from minivid.dice import Dice
from minivid.paint import ClipFormat

EVERYTHING = w.Knobs(split="all", actions=(*g.ACTIONS, "bounces", "bounces", "says"))


def loudness(audio, low, high, rate=8000):
    """Root mean square of a band of (S,)."""
    spectrum = torch.fft.rfft(audio.double())
    f = torch.fft.rfftfreq(len(audio), 1 / rate)
    power = spectrum[(f >= low) & (f < high)].abs().square().sum()
    return float(2 * power / len(audio) ** 2) ** 0.5


def test_a_seed_sounds_the_same_in_any_batch():
    seeds = torch.tensor([7, 5, 3, 2**40 + 1, 11])
    clip = w.film(seeds, knobs=EVERYTHING)
    assert clip.audio.shape == (5, 16000)
    for b, seed in enumerate(seeds.tolist()):
        alone = w.film([seed], knobs=EVERYTHING)
        assert torch.allclose(alone.audio[0], clip.audio[b], atol=1e-5)


def test_a_longer_film_sounds_the_same_at_first():
    knobs = w.Knobs(cast="one", actions=("bounces", "says", "rides a bicycle"))
    short, long = (w.film(torch.arange(24), ClipFormat(frames=n), knobs) for n in (17, 33))
    assert long.audio.shape[1] == 2 * short.audio.shape[1]
    assert torch.allclose(long.audio[:, :16000], short.audio, atol=1e-5)


def test_nothing_is_clipped():
    for start in range(0, 1200, 200):
        seeds = torch.arange(start, start + 200)
        _, truth = w.script(seeds, knobs=EVERYTHING)
        audio = w.sound_of(truth, seeds)
        assert 0.2 < audio.abs().max() < 1 and audio.abs().amax(1).min() > 1e-3


def test_a_hit_begins_between_samples_at_its_moment():
    at = torch.tensor([0.25, 0.25 + 0.5 / 8000], dtype=torch.float64)
    out = torch.zeros(2, 4000)
    sounds.lay(out, torch.arange(2), at, 8000, 0.2, lambda t: t.clamp(min=0))
    first = (out > 0).int().argmax(1).tolist()
    assert first == [2000, 2001]  # samples lie at (n + 1/2) / rate, so at 250.06 ms and 250.19
    assert out[0, 2000] == pytest.approx(0.5 / 8000, rel=1e-3)
    assert out[1, 2001] == pytest.approx(1 / 8000, rel=1e-3)
    assert out[:, :1999].abs().max() == 0


def test_what_lies_over_the_ends_is_cut_off():
    out = torch.zeros(1, 100)
    sounds.lay(out, torch.tensor([0, 0]), torch.tensor([-0.005, 0.0115], dtype=torch.float64), 8000,
               0.01, torch.ones_like)
    assert out.sum() == 40 + 8


def test_bounces_ring_at_the_note_of_the_colour():
    knobs = w.Knobs(split="all", cast="one", actions=("bounces",))
    clip = w.film(torch.arange(60), knobs=knobs)
    for b in range(60):
        note = sounds.NOTES[clip.truth.colour[b, 0]]
        others = [n for n in sounds.NOTES if n != note]
        mine = loudness(clip.audio[b], note - 15, note + 15)
        assert mine > 1.5 * max(loudness(clip.audio[b], n - 15, n + 15) for n in others)


def test_silence_before_the_first_hit():
    knobs = w.Knobs(cast="one", actions=("bounces",))
    clip = w.film(torch.arange(200), knobs=knobs)
    some = 0
    for b, events in enumerate(clip.truth.events):
        first = round(min(events[0]) * 8000)
        if clip.truth.place[b] == 0 and 400 < first < 15000:  # by day hardly anything else is heard
            assert clip.audio[b, : first - 1].abs().max() < 0.03
            assert clip.audio[b, first : first + 200].abs().max() > 0.2
            some += 1
    assert some > 10


def test_places_are_as_loud_as_they_say():
    place = torch.arange(4).repeat_interleave(8)
    audio = sounds.ambience(place, Dice(torch.arange(32)), 16000, 8000)
    loud = audio.square().mean(1).sqrt().view(4, 8)
    for row, expected in zip(loud, sounds.LOUD):
        assert (row / expected - 1).abs().max() < 0.35
    assert loudness(audio[8], 3000, 3400) > 5 * loudness(audio[8], 100, 2500)  # crickets
    assert loudness(audio[16], 2000, 4000) > 1.2 * loudness(audio[16], 0, 2000)  # rain hisses
    assert loudness(audio[24], 0, 600) > 4 * loudness(audio[24], 1200, 4000)  # wind does not


def test_a_bicycle_ticks_at_the_same_places_of_its_way():
    _, truth = w.script(torch.arange(64), knobs=w.Knobs(cast="one", actions=("rides a bicycle",)))
    fine = ClipFormat(frames=201, fps=100)
    _, slow = w.script(torch.arange(64), fine, w.Knobs(cast="one", actions=("rides a bicycle",)))
    for b, ticks in enumerate(truth.ticks):
        assert len(ticks) >= 2 and all(0 <= at <= 2 for at in ticks)
        x = slow.position[b, 0, [round(at * 100) for at in ticks], 1]
        assert (x.diff().abs() - 0.145).abs().max() < 0.006


# ---------------------------------------------------------------- the voice


def spoken(said, n=1):
    said = torch.tensor([said]).expand(n, 3)
    return speech.speech(said, Dice(torch.arange(n)))


def test_lips_are_closed_for_m_and_before_and_after():
    talk = spoken([0, 2, 1], 20)  # ma mo mi
    t = torch.arange(2001).double() / 1000
    mouth = speech.mouth(talk, t)
    assert mouth.shape == (20, 2001, 2)
    for b in range(20):
        begin, pace = float(talk.begin[b]), float(talk.pace[b])
        for n in range(3):
            closed = begin + n * pace + 0.04
            assert mouth[b, round(closed * 1000), 0] < 0.01
        assert mouth[b, t < begin, 0].max() == 0 and mouth[b, t > begin + 3 * pace, 0].max() == 0
    middle = [round(float(talk.begin[0] + (n + 0.55) * talk.pace[0]) * 1000) for n in range(3)]
    for at, vowel in zip(middle, (0, 2, 1)):
        assert torch.allclose(mouth[0, at], speech.MOUTH[vowel].double(), atol=0.01)


def test_lips_stay_a_little_open_for_l():
    talk = spoken([3, -1, -1])
    at = torch.tensor([float(talk.begin) + 0.05], dtype=torch.float64)
    assert speech.mouth(talk, at)[0, 0, 0] == pytest.approx(0.1, abs=0.02)


def test_two_syllables_are_two():
    talk = spoken([0, 0, -1])
    t = torch.arange(2000).double() / 1000
    late = t > float(talk.begin + 2 * talk.pace)
    assert speech.articulate(talk, t)[0, :, late].abs().max() == 0
    assert speech.voice(talk, 16000, 8000)[0, -2000:].abs().max() == 0


@pytest.mark.parametrize("syllable,vowel", [(0, 0), (1, 1), (2, 2)])
def test_a_vowel_is_loudest_at_its_formants(syllable, vowel):
    talk = spoken([syllable, -1, -1])
    begin = float(talk.begin)
    core = speech.voice(talk, 16000, 8000)[0, round((begin + 0.2) * 8000) :][:800]
    rms = core.square().mean().sqrt()
    assert rms == pytest.approx(speech.LOUD[vowel], rel=0.15)
    low, high = speech.FORMANTS[vowel]
    for peak in (low, high):
        assert loudness(core, peak - 150, peak + 150) > 3 * loudness(core, 3000, 3300)


def test_captions_never_say_when():
    knobs = w.Knobs(split="all", cast="one", actions=("says",))
    captions, truth = w.script(torch.arange(400), knobs=knobs)
    for b, caption in enumerate(captions):
        told = g.parse(caption).actors[0]
        if told.says:
            assert told.says == truth.describe(b).actors[0].says
    assert truth.speech.begin.std() > 0.05 and truth.speech.pace.std() > 0.02


def test_sayings_held_out_are_never_said_in_training():
    one = {"cast": "one", "actions": ("says",)}
    _, seen = w.script(torch.arange(6000), knobs=w.Knobs(**one))
    said = {seen.describe(b).actors[0].says for b in range(6000)}
    assert not said & set(g.HELD_OUT_SAYINGS) and len(said) == 216 - 21 + 36
    _, new = w.script(torch.arange(300), knobs=w.Knobs(split="triples", **one))
    assert {new.describe(b).actors[0].says for b in range(300)} <= set(g.HELD_OUT_SAYINGS)


def test_every_note_is_heard_in_training():
    _, truth = w.script(torch.arange(2000), knobs=w.Knobs(actions=("bounces",)))
    assert set(truth.colour[truth.shape >= 0].tolist()) == set(range(6))
