"""The ear judged: real sounds are read whole, and every fault of a soundtrack is heard."""

import pytest
import torch

from minivid import grammar as g
from minivid import hear, sounds, sync
from minivid import world as w
from minivid.paint import ClipFormat
from minivid.verify import Reading, read

BALL = g.Description((g.Actor("ball", "red", "bounces"),))


def clips(n=64, start=700_000, fmt=ClipFormat(), **knobs):
    return w.film(torch.arange(start, start + n), fmt, w.Knobs(**{"split": "all", **knobs}))


def syncs(readings, heard, seconds=2.0, fps=8):
    return [sync.compare(r, h, fps, seconds) for r, h in zip(readings, heard)]


@pytest.fixture(scope="module")
def bouncing():
    clip = clips(96, actions=("bounces",))
    return clip, read(clip.video, audio=clip.audio)


@pytest.fixture(scope="module")
def speaking():
    clip = clips(48, cast="one", actions=("says",))
    return clip, read(clip.video, audio=clip.audio)


# ---------------------------------------------------------------- the ceiling


def test_hits_are_heard_when_and_as_high_as_they_are(bouncing):
    clip, readings = bouncing
    errors, missed, extra = [], 0, 0
    for b, reading in enumerate(readings):
        truth = [(at, int(clip.truth.colour[b, a])) for a, times in enumerate(clip.truth.events[b])
                 for at in times if at < 1.98]
        hits = [hit for hit in reading.heard.hits if hit[0] < 1.98]
        for at, note in truth:
            near = [hit for hit in hits if hit[2] == note and abs(hit[0] - at) < 0.03]
            missed += not near
            errors += [abs(near[0][0] - at)] if near else []
            assert not near or near[0][1] == pytest.approx(sounds.NOTES[note], rel=0.01)
        extra += max(0, len(hits) - len(truth))
    assert missed <= 0.01 * len(errors) and extra == 0
    errors = torch.tensor(errors)
    assert errors.median() < 0.0005 and errors.quantile(0.95) < 0.005


def test_picture_and_sound_of_real_clips_agree(bouncing):
    clip, readings = bouncing
    figures = sync.pooled(syncs(readings, [r.heard for r in readings]))
    assert figures["f1"] >= 0.99 and figures["pitch"] == 1
    assert abs(figures["offset_ms"]) < 2 and figures["abs_offset_ms"] < 4


def test_syllables_and_lips_of_real_clips_agree(speaking):
    clip, readings = speaking
    for b, reading in enumerate(readings):
        assert reading.heard.says == clip.truth.describe(b).actors[0].says
        assert reading.heard.hits == [] and reading.description.actors[0].action == "says"
    figures = sync.pooled(syncs(readings, [r.heard for r in readings]))
    assert figures["lips"] > 0.97 and abs(figures["lag_ms"]) <= 5 and figures["f1"] is None


def test_every_place_is_heard_whatever_happens_there():
    clip = clips(200, actions=(*g.ACTIONS, "bounces", "says"))
    for b, heard in enumerate(hear.hear(clip.audio)):
        assert heard.place == g.PLACES[clip.truth.place[b]], clip.caption[b]
        if clip.truth.action[b, 0] != g.SAYS:
            assert heard.says == (), clip.caption[b]


def test_other_lengths_and_rates():
    for fmt in (ClipFormat(frames=9), ClipFormat(frames=49), ClipFormat(72, 72, 33, 16),
                ClipFormat(sample_rate=16000)):
        clip = clips(12, fmt=fmt, cast="one", actions=("bounces",))
        readings = read(clip.video, fmt.fps, audio=clip.audio, rate=fmt.sample_rate)
        figures = sync.pooled(syncs(readings, [r.heard for r in readings], fmt.seconds, fmt.fps))
        assert figures["f1"] > 0.95, fmt


# ---------------------------------------------------------------- what must be caught


@pytest.mark.parametrize("samples", [80, 240, -160])
def test_a_shifted_soundtrack_reads_as_shifted(bouncing, samples):
    clip, readings = bouncing
    figures = sync.pooled(syncs(readings, hear.hear(clip.audio.roll(samples, 1))))
    assert figures["offset_ms"] == pytest.approx(samples / 8, abs=1.5)
    assert figures["abs_offset_ms"] == pytest.approx(abs(samples) / 8, abs=1.5)


@pytest.mark.parametrize("samples", [240, -320])
def test_lips_behind_the_voice_read_as_behind(speaking, samples):
    clip, readings = speaking
    figures = sync.pooled(syncs(readings, hear.hear(clip.audio.roll(samples, 1))))
    assert figures["lag_ms"] == pytest.approx(samples / 8, abs=5) and figures["lips"] < 0.95


def test_a_sound_a_frame_late_is_no_longer_a_pair(bouncing):
    clip, readings = bouncing
    late = sync.pooled(syncs(readings, hear.hear(clip.audio.roll(1000, 1))))
    assert late["f1"] < 0.15


def test_exchanged_soundtracks_fall_to_chance(bouncing, speaking):
    _, readings = bouncing
    chance = sync.pooled(syncs(readings, [r.heard for r in readings[1:] + readings[:1]]))
    assert chance["f1"] < 0.25
    _, readings = speaking
    other = [r.heard for r in readings[1:] + readings[:1]]
    assert sync.pooled(syncs(readings, other))["lips"] < 0.75
    right = [a.heard.says == b.says for a, b in zip(readings, other)]
    assert sum(right) <= 2


def test_silence_and_noise_score_nothing(bouncing, speaking):
    dice = torch.Generator().manual_seed(0)
    for clip, readings in (bouncing, speaking):
        for audio in (0 * clip.audio, 0.05 * torch.randn(clip.audio.shape, generator=dice)):
            heard = hear.hear(audio)
            figures = sync.pooled(syncs(readings, heard))
            assert not figures["f1"] and figures["lips"] is None
            assert all(h.says == () and h.hits == [] for h in heard)
    assert {h.place for h in hear.hear(torch.zeros(2, 16000))} == {None}


def test_a_wrong_note_is_a_wrong_pitch(bouncing):
    clip, readings = bouncing
    truth = clip.truth
    truth.colour[:] = (truth.colour + 1) % 6
    audio = w.sound_of(truth, torch.arange(96))
    truth.colour[:] = (truth.colour + 5) % 6
    figures = sync.pooled(syncs(readings, hear.hear(audio)))
    assert figures["f1"] > 0.97 and figures["pitch"] < 0.15


def test_a_missing_and_a_doubled_hit_cost():
    seen = Reading(BALL, *[torch.zeros(0)] * 3, events=[[0.5, 1.5]])
    none = torch.zeros(3)
    one = sync.compare(seen, hear.Hearing([(0.51, 523.0, 0)], None, (), none), 8, 2.0)
    assert sync.pooled([one])["f1"] == pytest.approx(2 / 3)
    three = [(0.51, 523.0, 0), (0.55, 523.0, 0), (1.5, 523.0, 0)]
    assert sync.pooled([sync.compare(seen, hear.Hearing(three, None, (), none), 8, 2.0)])["f1"] \
        == pytest.approx(4 / 5)


def test_events_at_the_very_ends_count_only_in_pairs():
    seen = Reading(BALL, *[torch.zeros(0)] * 3, events=[[0.02, 1.0, 1.98]])
    heard = hear.Hearing([(0.03, 523.0, 0), (1.0, 523.0, 0)], None, (), torch.zeros(3))
    found = sync.compare(seen, heard, 8, 2.0)
    assert (found.seen, found.heard, len(found.offsets)) == (2, 2, 2)


def test_pairs_are_the_nearest_of_the_same_actor_and_used_once():
    def match(seen, heard):
        return sorted(sync.match([(at, "red") for at in seen], heard, 0.06))

    assert match([1.0, 1.05], [(1.04, "red")]) == [(1, 0)]
    assert match([0.2, 0.8], [(0.79, "red"), (0.21, "red"), (0.5, "red")]) == [(0, 1), (1, 0)]
    assert match([1.0], [(1.0, "blue"), (1.03, "red")]) == [(0, 1)]
    assert match([1.0], [(1.0, "blue"), (1.07, "red")]) == [(0, 0)]
    assert match([], [(0.5, "red")]) == []


def test_a_face_may_say_anything_where_no_syllables_are_asked(speaking):
    clip, readings = speaking

    def said_of(reading, caption):
        return {part.name: part.right for part in sync.parts(reading, caption, clip.fps, 2.0)}

    for caption in ("a face", "a face says", "by day", "something says"):
        assert "syllables" not in said_of(readings[0], caption)
    for caption in ("a ball", "a face bounces"):
        assert said_of(readings[0], caption)["syllables"] is False


def test_told_counts_what_captions_name(speaking):
    clip, readings = speaking
    figures = sync.told(readings, clip.caption)
    assert figures == {"place": 1.0, "syllables": 1.0}
    assert sync.told(readings, ["something"] * len(readings)) == {"place": None, "syllables": None}
    wrong = sync.told(readings, ["a face saying ma ma ma in the rain"] * len(readings))
    assert wrong["syllables"] < 0.1 and wrong["place"] < 0.5
