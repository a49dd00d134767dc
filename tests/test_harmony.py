"""Figures of how sound fits picture: perfect for real clips, chance for exchanged ones."""

import json
from dataclasses import replace

import pytest
import torch
from tiny import TINY, hardly_trained

from minivid import harmony
from minivid.batches import make_all, read_films
from minivid.paint import ClipFormat
from minivid.world import film


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield hardly_trained(tmp_path_factory.mktemp("data"), patch)


def test_real_clips_fit_and_with_exchanged_sounds_they_do_not():
    fmt = ClipFormat()
    for knobs in (harmony.BOUNCING, harmony.SPEAKING):
        clips = film(torch.arange(24), fmt, knobs)
        readings = read_films(clips.video, fmt, clips.audio)
        fit = harmony.figures(readings, clips.caption, fmt)
        wrong = harmony.figures(harmony.exchanged(readings), clips.caption, fmt)
        assert fit["place"] == 1 and wrong["place"] < 0.6
        if knobs is harmony.BOUNCING:
            assert fit["f1"] >= 0.98 and abs(fit["offset_ms"]) < 3 and fit["pitch"] == 1
            assert wrong["f1"] < 0.6 and wrong["pitch"] < 0.7
        else:
            assert fit["syllables"] >= 0.95 and fit["lips"] > 0.95 and abs(fit["lag_ms"]) <= 10
            assert wrong["syllables"] < 0.2 and wrong["lips"] < 0.7


def test_the_floor_of_a_few_clips_may_be_of_several_exchanges(machine, monkeypatch):
    monkeypatch.setattr(harmony, "figures",
                        lambda readings, captions, fmt: [(id(r.heard), c)
                                                         for r, c in zip(readings, captions)])
    row = harmony.row(machine, harmony.BOUNCING, 4, [0], (), TINY.fmt, exchanges=3, steps=1)
    heard, captions = zip(*row["made"])
    assert row["floor"] == [(heard[(n + by) % 4], captions[n]) for by in (1, 2, 3)
                            for n in range(4)]


def test_a_sound_that_comes_late_reads_late():
    fmt = ClipFormat()
    clips = film(torch.arange(16), fmt, harmony.BOUNCING)
    late = replace(clips, audio=torch.nn.functional.pad(clips.audio, (240, 0))[:, :16000])
    on_time, after = (harmony.figures(read_films(c.video, fmt, c.audio), c.caption, fmt)
                      for c in (clips, late))
    assert after["offset_ms"] - on_time["offset_ms"] == pytest.approx(30, abs=1)


def test_what_is_given_stays_and_the_rest_is_made(machine):
    real = film(torch.arange(3), TINY.fmt, harmony.BOUNCING)
    for given, kept, made in (("beginning", "video", "audio"), ("audio", "audio", "video")):
        clip = make_all(machine, real.caption, 0, TINY.fmt, **{given: getattr(real, kept)}, steps=1)
        assert torch.equal(getattr(clip, kept), getattr(real, kept))
        assert not torch.equal(getattr(clip, made), getattr(real, made))


def test_a_row_is_the_same_whether_read_in_parts_or_all_at_once(machine, monkeypatch):
    def make(machine, prompts, seed, fmt, tick):
        noise.extend((prompt, seed + n) for n, prompt in enumerate(prompts))
        return film(torch.arange(len(prompts)), fmt)

    def counted(readings, captions, fmt):
        return len(readings), captions

    monkeypatch.setattr(harmony, "make_all", make)
    monkeypatch.setattr(harmony, "figures", counted)
    asked, made, rows = [machine, harmony.BOUNCING, 5, [0, 1], (), TINY.fmt], [], []
    for part in (64, 2):
        noise = []
        monkeypatch.setattr(harmony, "PART", part)
        rows.append(harmony.row(*asked))
        made.append(noise)
    assert rows[0] == rows[1] and made[0] == made[1]
    assert rows[0]["made"][0] == len(made[0]) == 10 and rows[0]["real"][0] == 5


def test_a_row_holds_floor_and_ceilings_even_for_mud(machine):
    rows = {name: harmony.row(machine, n=3, seeds=[0, 1], fmt=TINY.fmt, steps=1, **asked)
            for name, asked in harmony.rows().items() if "bounces" in name}
    assert json.loads(json.dumps(rows)) == rows
    for parts in rows.values():
        assert parts["asked"] == {"prompts": 3, "seeds": 2} and parts["real"]["f1"] == 1
    text = harmony.table(rows)
    assert "bounces, picture for a sound: floor" in text and "hits F1" in text
