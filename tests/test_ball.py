"""A ball's film and tone tell the same moments; the judge finds none where no ball bounces."""

import pytest
import torch

from minivid.ball import FORMAT, agreement, balls, contacts, draw, flight, heights, read
from minivid.hear import find_hits
from minivid.sync import pooled

REAL = balls(range(64))


def apart(times, others):
    """Seconds between the moments of two lists of clips, those near the film's ends left out."""
    inside = [[t for t in row if 0.05 < t < FORMAT.seconds - 0.05] for row in times]
    return [min((abs(t - o) for o in found), default=9.0)
            for row, found in zip(inside, others) for t in row]


def test_seeds_give_the_same_clips_in_any_batch():
    some = balls(torch.tensor([5, 0]))
    assert torch.equal(some.video, REAL.video[[5, 0]])
    assert torch.allclose(some.audio, REAL.audio[[5, 0]]) and some.hits == [REAL.hits[5],
                                                                            REAL.hits[0]]


def test_a_contact_is_where_the_height_is_nought():
    top = torch.tensor([2.5, 4.0], dtype=torch.float64)
    phase = torch.tensor([0.25, 0.0], dtype=torch.float64)
    assert contacts(top, phase)[0][0] == pytest.approx(0.75 * float(flight(top)[0]))
    assert contacts(top, phase)[1][0] == pytest.approx(float(flight(top)[1]))
    assert heights(top, phase)[1, 0] == 0 and heights(top, phase + 0.5)[1, 0] == 4


def test_the_judge_finds_the_moments_in_the_picture():
    off = apart(REAL.hits, read(REAL.video))
    assert len(off) > 200 and max(off) < 0.004 and sum(off) / len(off) < 0.001


def test_the_tones_are_at_the_moments_of_contact():
    heard = [[at for at, *_ in row] for row in find_hits(REAL.audio, FORMAT.sample_rate)]
    off = apart(REAL.hits, heard)
    assert sum(x < 0.005 for x in off) / len(off) > 0.98
    assert sum(map(len, heard)) <= sum(map(len, REAL.hits)) + 1


def test_a_film_begun_half_a_second_later_is_read_as_earlier():
    top, phase = (torch.tensor([x], dtype=torch.float64) for x in (4.0, 0.3))
    later = (phase + 0.5 / flight(top)) % 1
    first, second = (read(draw(heights(top, p), torch.tensor([4.0])))[0] for p in (phase, later))
    sooner = [t - 0.5 for t in first if t > 0.55]
    assert len(sooner) == 2
    assert second[: len(sooner)] == pytest.approx(sooner, abs=0.01)


def test_noise_stillness_and_exchanged_frames_are_no_bouncing_ball():
    noise = torch.randn(REAL.video.shape, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(FORMAT.frames, generator=torch.Generator().manual_seed(1))
    still = REAL.video[:, :, :1].expand_as(REAL.video)
    for film in (noise, still, -torch.ones_like(still)):
        assert not any(read(film))
    assert sum(map(bool, read(REAL.video[:, :, order]))) < 6


def test_agreement_is_whole_for_real_films_and_chance_for_exchanged_sounds():
    real = pooled(agreement(REAL.video, REAL.audio))
    assert real["f1"] > 0.99 and abs(real["offset_ms"]) < 2 and real["abs_offset_ms"] < 2
    assert pooled(agreement(REAL.video, REAL.audio.roll(1, 0)))["f1"] < 0.4
    assert pooled(agreement(REAL.video, torch.zeros_like(REAL.audio)))["f1"] == 0
    still = REAL.video[:, :, :1].expand_as(REAL.video)
    assert not any(film.seen for film in agreement(still, REAL.audio))


def test_a_sound_that_comes_late_is_read_as_late():
    late = torch.cat([torch.zeros(64, 240), REAL.audio[:, :-240]], 1)  # 30 ms
    found = pooled(agreement(REAL.video, late))
    assert found["offset_ms"] == pytest.approx(30, abs=2)
    assert found["abs_offset_ms"] == pytest.approx(30, abs=2)
