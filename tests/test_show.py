"""What is shown is what was given, has words beside it, and stores the same text each time."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from minivid import decode, media, show
from minivid.errors import MinividError
from minivid.page import PLAYER
from minivid.show import Claim


def some_video(seed=0, frames=17, size=48, channels=3):
    """One colour a frame, so that a cell of a strip tells which frame it is."""
    make = torch.Generator().manual_seed(seed)
    colours = torch.rand(channels, frames, 1, 1, generator=make) * 2 - 1
    return colours.expand(channels, frames, size, size).clone()


def cells(picture):
    """The colours of a picture that fill at least a cell of 40×40 pixels."""
    colours = Image.fromarray(np.asarray(picture.image)).getcolors(1 << 24)
    return {colour for count, colour in colours if count >= 1600} - {(255, 255, 255)}


def colours_of(video, frames):
    return {tuple(int(c) for c in media.to_bytes(video[:, f, :1, :1])[0, 0]) for f in frames}


def test_a_strip_has_a_row_a_step_and_nine_frames():
    rows = [some_video(0), some_video(1)[None]]
    strip = show.strip(rows, "two steps", labels=["t = 0.00", "t = 1.00"])
    assert strip.image.width <= show.WIDTH
    assert cells(strip) == colours_of(some_video(0), range(0, 17, 2)) | colours_of(
        some_video(1), range(0, 17, 2))


def test_the_guesses_stand_above():
    above, rows = [some_video(0)], [some_video(1)]
    strip = show.strip(rows, "a step and its guess", above=above, columns=2)
    pixels = np.asarray(strip.image)
    guess, x_t = (colours_of(v, [0]).pop() for v in (above[0], rows[0]))
    rows_of = [np.flatnonzero((pixels == colour).all(-1).any(1)) for colour in (guess, x_t)]
    assert rows_of[0].max() < rows_of[1].min()


@pytest.mark.parametrize("frames, size, columns", [(1, 16, 1), (5, 48, 5), (33, 64, 5), (8, 32, 8)])
def test_strips_of_other_sizes_fit_the_page(frames, size, columns):
    video = some_video(0, frames, size)
    strip = show.strip([video], "one step", labels=["a long label"])
    assert strip.image.width <= show.WIDTH and len(cells(strip)) == columns


def marks(picture, colour, rows):
    """Where marks of that colour stand in those rows: the middle of each, in pixels."""
    here = (np.asarray(picture.image)[rows] == colour).all(-1).any(0)
    edges = np.flatnonzero(np.diff(np.pad(here, 1).astype(int)))
    return [(first + last - 1) / 2 for first, last in edges.reshape(-1, 2)]


def test_a_score_puts_picture_and_sound_on_one_clock():
    video, audio = some_video(0, 17, 8), torch.zeros(16_000)
    audio[8000:8040] = 0.5 * torch.sin(torch.arange(40) * 2)  # a click at 1 s
    score = show.score([(video, audio, [0.5], [1.0])] * 2, 8, 8000, "two clips", labels=["a", "b"])
    assert score.image.width == show.WIDTH
    top = slice(0, score.image.height // 2)
    pixels = np.asarray(score.image)[top].astype(int)
    frame = [media.to_bytes(video[:, f, :1, :1])[0, 0] for f in (4, 8)]  # at 0.5 s and at 1 s
    at = [np.flatnonzero((pixels == colour).all(-1).any(0)).mean() for colour in frame]
    assert np.mean(marks(score, (0, 90, 200), top)) == pytest.approx(at[0], abs=1.5)
    assert marks(score, (200, 60, 0), top) == pytest.approx([at[1]], abs=1.5)
    grey = (pixels.max(-1) == pixels.min(-1)) & (pixels.min(-1) < 120)  # what is loud
    sound = grey[-70:-20, 100:].any(0)
    assert np.flatnonzero(sound).mean() + 100 == pytest.approx(at[1], abs=4)


def test_a_high_tone_stands_above_a_low_one_in_a_score():
    video, second = some_video(0, 9, 8), torch.arange(8000) / 8000
    rows = []
    for hertz in (500, 3000):
        tone = 0.5 * torch.sin(2 * torch.pi * hertz * second)
        picture = show.score([(video, tone, [], [])], 8, 8000, "a tone")
        dark = np.asarray(picture.image)[-75:-20, 200:600].max(-1) < 60
        rows.append(np.flatnonzero(dark.any(1)).mean())
        quiet = np.asarray(picture.image)[-75:-20].max(-1) >= 60
        assert quiet[:, 600:].mean(0).min() > 0.8  # cut off at the end, it does not seem to click
    assert rows[1] < rows[0] - 20


def test_a_large_film_is_stored_in_fewer_colours_and_keeps_black_and_white():
    make = torch.Generator().manual_seed(0)
    noise = show.play(torch.rand(3, 17, 48, 48, generator=make) * 2 - 1, 8, "noise")
    exact = media.animated_png(noise.frames, 8)
    assert len(noise.png()) < len(exact)
    stored = np.stack([np.asarray(frame.convert("RGB")) for frame in
                       ImageSequence.Iterator(Image.open(io.BytesIO(noise.png())))]).astype(int)
    assert abs(stored - noise.frames).max() < 8 and len(np.unique(stored)) == 32
    assert {0, 255} <= set(np.unique(stored))


def test_large_films_are_thinned_out_in_a_score():
    video = some_video(0, 33, 72)
    score = show.score([(video, torch.zeros(16_000), [], [])], 16, 8000, "a large film")
    assert score.image.width == show.WIDTH and 8 <= len(cells(score)) < 33


def test_noise_is_stored_small_and_flat_pictures_exactly():
    make = torch.Generator().manual_seed(0)
    noise = [torch.randn(3, 17, 48, 48, generator=make) for _ in range(8)]
    assert len(show.strip(noise, "noise").png()) < 400_000
    strip = show.strip([some_video()], "flat")
    back = Image.open(io.BytesIO(strip.png())).convert("RGB")
    assert (np.asarray(back) == np.asarray(strip.image)).all()


def test_a_grid_shows_every_picture_grey_ones_too():
    pictures = [some_video(seed, 1, 16, channels)[:, 0] for seed in range(5) for channels in (3,)]
    assert cells(show.grid(pictures, "five", across=3)) == set().union(
        *(colours_of(p[:, None], [0]) for p in pictures))
    grey = show.grid(torch.zeros(4, 1, 16, 16), "grey", labels=["a", "b", "c", "a longer label"])
    assert cells(grey) == {(128, 128, 128)}


def test_a_film_plays_every_frame_without_html():
    films = [some_video(0), some_video(1)]
    film = show.play(films, 8, "two films", labels=["one", "two"])
    data, about = film._repr_mimebundle_()
    assert data["text/plain"] == repr(film) == about["image/png"]["alt"] == "two films"
    assert set(data) == {"image/png", "text/plain"}
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as file:
        assert (file.n_frames, file.info["duration"], file.info["loop"]) == (17, 125, 0)
        for f in (0, 9, 16):
            file.seek(f)
            frame = show.Picture(file.convert("RGB"), "a frame")
            assert cells(frame) == colours_of(films[0], [f]) | colours_of(films[1], [f])


def test_one_video_a_batch_and_a_list_play_alike():
    video = some_video()
    one = show.play(video, 8, "a film").png()
    for same in (video[None], [video], [video[None]]):
        assert show.play(same, 8, "a film").png() == one


def test_a_film_with_sound_brings_its_own_player(tmp_path):
    sound = torch.sin(torch.arange(16000) / 8)[None]
    film = show.play(some_video(), 8, 'a "tone"', audio=sound, sample_rate=8000)
    html = film._repr_mimebundle_()[0]["text/html"]
    assert html.startswith("<video") and "<source" not in html
    assert 'aria-label="a &quot;tone&quot;"' in html
    small = show.play(some_video()[..., :8, :8], 8, "small", audio=sound, sample_rate=8000)
    assert f'width="{PLAYER}"' in small.html()  # its buttons can still be pressed
    (tmp_path / "a.mp4").write_bytes(base64.b64decode(html.split("base64,")[1].split('"')[0]))
    video, fps, audio, rate = decode.read_film(tmp_path / "a.mp4")
    assert (video.shape[2], fps, rate) == (17, 8, 8000) and audio.shape == sound.shape


def test_what_cannot_be_shown_is_said():
    with pytest.raises(MinividError, match="alt"):
        show.play(some_video(), 8, " ")
    with pytest.raises(MinividError, match="one size and length"):
        show.play([some_video(), some_video(0, 9)], 8, "two")
    with pytest.raises(MinividError, match="not .2, 17"):
        show.play(some_video(channels=2), 8, "odd")
    with pytest.raises(MinividError, match="2 rows need as many labels"):
        show.strip([some_video()] * 2, "two", labels=["one"])


OBEYED = dict(number=1, text="a sentence is enough", verdict="true", grounds="this toy world",
              holds=">= 90%", floor=0.014, ceiling=0.995, figure="prompts obeyed")


def test_the_printed_verdicts_do_not_change_with_the_figures(capsys):
    tables = [show.claims([Claim(measured=value, **OBEYED)]) for value in (0.93, 0.97)]
    assert repr(tables[0]) == repr(tables[1])
    assert (np.asarray(tables[0].image) != np.asarray(tables[1].image)).any()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == lines[3:] == ["claim 1: a sentence is enough",
                                      "  verdict: true (grounds: this toy world)",
                                      "  prompts obeyed >= 90%: yes"]


@pytest.mark.parametrize("value", [0.89, float("nan"), torch.tensor(0.1)])
def test_a_claim_that_falls_says_no(capsys, value):
    show.claims([Claim(measured=value, **OBEYED)])
    assert "prompts obeyed >= 90%: NO" in capsys.readouterr().out


@pytest.mark.parametrize("holds, value, met, said", [
    (">= 0.90", 0.9, True, "0.9"), ("> 0.90", 0.9, False, "0.9"),
    ("< 30 ms", 8.21, True, "8.21 ms"),
    ("<= -1.5", -2, True, "-2"), ("> 1e6 J", 1234567, True, "1,234,567 J"),
    ("< 50%", 0.5, False, "50.0%")])
def test_thresholds_are_compared_in_their_unit(holds, value, met, said):
    claim = Claim(7, "x", "false", "published figures", value, holds)
    assert claim.met() is met and claim.said(value) == said and claim.said(None) == "-"


def test_what_cannot_be_tested_measures_nothing(capsys):
    show.claims([Claim(3, "millions will watch", "not testable here", "published figures")])
    assert capsys.readouterr().out.endswith("(grounds: published figures)\n  nothing measured\n")


@pytest.mark.parametrize("wrong", [dict(verdict="maybe"), dict(grounds="hearsay"),
                                   dict(holds="about 3"), dict(measured=None)])
def test_a_claim_uses_the_words_there_are(wrong):
    with pytest.raises(MinividError, match="Claim 1"):
        Claim(**{"measured": 0.5, **OBEYED, **wrong})


def test_rows_of_a_grid_may_have_names():
    pictures = torch.zeros(6, 3, 8, 8)
    named = show.grid(pictures, "six squares", across=3, rows=("first", "second"))
    plain = show.grid(pictures, "six squares", across=3)
    assert plain.image.width < named.image.width <= show.WIDTH
    with pytest.raises(MinividError, match="need 2 names of rows, not 1"):
        show.grid(pictures, "six squares", across=3, rows=("first",))
