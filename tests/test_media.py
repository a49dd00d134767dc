"""Films, sounds and pictures survive the file, and say so when they cannot."""

import errno
import io
import os
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import EpsImagePlugin, Image

from minivid import decode, fit, media
from minivid.errors import MediaError

COLOURS = torch.tensor([[220, 40, 40], [40, 160, 60], [50, 80, 220], [240, 200, 40],
                        [150, 60, 190], [240, 140, 30], [0, 0, 0], [255, 255, 255]])


def flat(frames=3, height=48, width=48):
    """Squares of 12 pixels in flat colours that move on by one each frame: (1, 3, F, H, W)."""
    rows, columns = torch.arange(height) // 12, torch.arange(width) // 12
    cells = rows[:, None] * 3 + columns                                          # (H, W)
    picture = torch.stack([COLOURS[(cells + f) % len(COLOURS)] for f in range(frames)])
    return media.from_bytes(picture.byte().numpy()).movedim(1, 0)[None]


def discs(frames=9, size=48):
    """A red disc, 12 pixels across, that moves right over grey: (1, 3, F, H, W)."""
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    video = torch.zeros(1, 3, frames, size, size)
    for f in range(frames):
        inside = (6.5 - ((x - 8 - 4 * f).square() + (y - 24).square()).sqrt()).clamp(0, 1)
        video[0, :, f] = inside * torch.tensor([0.8, -0.7, -0.7]).view(3, 1, 1)
    return video


def worst(a, b):
    """The largest difference in steps of 1/255."""
    return float((a - b).abs().max() * 127.5)


@pytest.mark.parametrize("size", [(48, 48), (64, 64), (36, 60), (51, 33), (300, 420)])
@pytest.mark.parametrize("frames", [1, 17])
def test_flat_colours_survive_a_film(tmp_path, size, frames):
    video = flat(frames, *size)
    media.write_film(tmp_path / "a.mp4", video, 8)
    back, fps, audio, rate = decode.read_film(tmp_path / "a.mp4")
    assert back.shape == video.shape and (fps, audio, rate) == (8, None, None)
    assert worst(back, video) <= 6 and (back - video).abs().mean() * 127.5 < 2


def test_shapes_of_12_pixels_survive_a_film(tmp_path):
    video = discs()
    media.write_film(tmp_path / "a.mp4", video[0], 8)
    back = decode.read_film(tmp_path / "a.mp4")[0]
    assert (back - video).abs().mean() * 127.5 < 1.5 and worst(back, video) < 16
    where = torch.arange(48) + 0.5
    for f in range(video.shape[2]):  # where the disc is, to a twentieth of a pixel
        centres = [(x[0, 0, f].clamp(0.1) - 0.1).sum(0) for x in (video, back)]
        centres = [(row * where).sum() / row.sum() for row in centres]
        assert abs(centres[0] - centres[1]) < 0.05


def test_films_are_marked_so_that_players_show_the_same_colours(tmp_path):
    import av

    media.write_film(tmp_path / "a.mp4", flat(), 8)
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.height, context.pix_fmt) == ("h264", 288, "yuv420p")
        assert {context.color_primaries, context.color_trc, context.colorspace} == {1}
        assert context.color_range == 1


@pytest.mark.parametrize("fps", [8, 12.5, 30000 / 1001])
def test_the_rate_is_exact(tmp_path, fps):
    media.write_film(tmp_path / "a.mp4", flat(5), fps)
    assert decode.read_film(tmp_path / "a.mp4")[1] == fps


@pytest.mark.parametrize("noisy", [False, True])
def test_the_same_film_gives_the_same_bytes(noisy):
    frames = np.random.default_rng(0).integers(0, 256, (9, 48, 48, 3)).astype(np.uint8)
    frames = frames if noisy else frames[:, :1, :1].repeat(48, 1).repeat(48, 2)
    sound = np.linspace(-1, 1, 8000, dtype=np.float32)
    assert len({media.mp4(frames, 8, sound, 8000) for _ in range(4)}) == 1


@pytest.mark.parametrize("suffix", [".gif", ".png", ".apng"])
def test_animated_pictures_keep_frames_and_time(tmp_path, suffix):
    video = flat(17)
    media.write_film(tmp_path / f"a{suffix}", video, 8)
    assert (tmp_path / f"a{suffix}").read_bytes()[:4] in (b"GIF8", b"\x89PNG")
    back, fps, _, _ = decode.read_film(tmp_path / f"a{suffix}")
    assert back.shape == video.shape and worst(back, video) < (1 if suffix != ".gif" else 2)
    assert fps == pytest.approx(8, abs=0.03)
    with Image.open(tmp_path / f"a{suffix}") as file:
        times = [file.seek(f) or file.info["duration"] for f in range(file.n_frames)]
    assert sum(times) == pytest.approx(17 * 125, abs=5)


def clicks(rate=8000, at=(0.0, 0.5, 1.0, 1.7)):
    """Two seconds (1, S) with a short struck tone at each time."""
    time = torch.arange(2 * rate) / rate
    sound = torch.zeros(2 * rate)
    for start in at:
        since = (time - start).clamp(min=0)
        sound += (since > 0) * (2 * torch.pi * 600 * since).sin() * (-since * 40).exp() * 0.8
    return sound[None]


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_sound_comes_back_in_time(tmp_path, rate):
    sound = clicks(rate)
    media.write_film(tmp_path / "a.mp4", flat(17), 8, sound, rate)
    video, _, back, back_rate = decode.read_film(tmp_path / "a.mp4")
    assert video.shape[2] == 17 and back_rate == rate and back.shape == sound.shape
    n = 4 * sound.shape[1]
    lags = torch.fft.irfft(torch.fft.rfft(back[0], n) * torch.fft.rfft(sound[0], n).conj(), n)
    lag = int(lags.argmax())
    assert abs(lag if lag < n / 2 else lag - n) <= rate / 4000  # a quarter of a millisecond
    assert (back - sound).square().mean() < 0.01 * sound.square().mean()


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_film(tmp_path, monkeypatch, function):
    (tmp_path / "a.mp4").write_bytes(b"the old one")
    monkeypatch.setattr(os, function, full)
    with pytest.raises(MediaError, match="the disk is full. The file that was there is untouched"):
        media.write_film(tmp_path / "a.mp4", flat(), 8)
    with pytest.raises(MediaError, match="the disk is full. Free"):
        media.write_picture(tmp_path / "b.png", flat()[0, :, 0])
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"the old one"


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaError, match="Cannot write"):
        media.write_film(tmp_path / "file" / "a.mp4", flat(), 8)
    with pytest.raises(MediaError, match=".mp4 .gif"):
        media.write_film(tmp_path / "a.avi", flat(), 8)
    with pytest.raises(MediaError, match="only .mp4 holds sound"):
        media.write_film(tmp_path / "a.gif", flat(), 8, torch.zeros(100), 8000)
    with pytest.raises(MediaError, match="sample_rate"):
        media.write_film(tmp_path / "a.mp4", flat(), 8, torch.zeros(100))
    with pytest.raises(MediaError, match="one video"):
        media.write_film(tmp_path / "a.mp4", flat().repeat(2, 1, 1, 1, 1), 8)
    with pytest.raises(MediaError, match="one video"):
        media.write_film(tmp_path / "a.mp4", torch.zeros(3, 0, 48, 48), 8)
    with pytest.raises(MediaError, match=".jpg"):
        media.write_picture(tmp_path / "a.tiff", flat()[0, :, 0])
    assert os.listdir(tmp_path) == ["file"]


def test_what_cannot_be_read_is_named(tmp_path):
    media.write_film(tmp_path / "a.mp4", flat(), 8)
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.mp4").write_text("not a film")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("cut", "text", "empty"):
        with pytest.raises(MediaError, match="Cannot read"):
            decode.read_film(tmp_path / f"{name}.mp4")
    with pytest.raises(MediaError, match="There is no film at"):
        decode.read_film(tmp_path / "none.mp4")
    (tmp_path / "a.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(MediaError, match="Cannot read"):
        fit.read_picture(tmp_path / "a.png", 48, 48)
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "hole.png")
    data = (tmp_path / "hole.png").read_bytes()
    second = data.index(b"IDAT", data.index(b"IDAT") + 4)
    (tmp_path / "hole.png").write_bytes(data[: second - 4] + bytes(64) + data[second + 60 :])
    with pytest.raises(MediaError, match="Cannot read"):
        fit.read_picture(tmp_path / "hole.png", 48, 48)
    with pytest.raises(MediaError, match="There is no picture at"):
        fit.read_picture(tmp_path / "b.png", 48, 48)


def test_what_may_not_be_read_is_said(tmp_path, monkeypatch):
    media.write_film(tmp_path / "a.mp4", flat(), 8)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for read in (decode.read_film, lambda path: decode.read_sound(path, 8000),
                 lambda path: fit.read_picture(path, 48, 48)):
        with pytest.raises(MediaError, match="you are not allowed to"):
            read(tmp_path / "a.mp4")


def film_of_another(path, size, times, sound_from=None):
    """A film whose frames are as bright as their number, shown at these milliseconds; from that
    second on, if given, with a sound that begins loud."""
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=1000)
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        picture.codec_context.time_base, picture.options = Fraction(1, 1000), {"crf": "0"}
        track = file.add_stream("aac", rate=8000, layout="mono") if sound_from is not None else None
        for number, at in enumerate(times):
            pixels = np.full((size[1], size[0], 3), 5 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        if track:
            frame = av.AudioFrame.from_ndarray(np.full((1, 8192), 0.5, np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, round(sound_from * 8000)
            file.mux(track.encode(frame))
            file.mux(track.encode(None))


def test_a_large_film_is_read_smaller_and_no_further_than_needed(tmp_path):
    film_of_another(tmp_path / "hd.mp4", (1280, 720), range(0, 4000, 100))
    video, fps, _, _ = decode.read_film(tmp_path / "hd.mp4", 1.5)
    assert video.shape == (1, 3, 16, 360, 640) and fps == pytest.approx(10)
    film_of_another(tmp_path / "sd.mp4", (320, 240), range(0, 1000, 100))
    assert decode.read_film(tmp_path / "sd.mp4")[0].shape == (1, 3, 10, 240, 320)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_frames_that_last_unequally_keep_their_time(tmp_path, suffix):
    times = [*range(0, 1000, 100), *range(1000, 2001, 25)]  # ten in the first second, then forty
    film_of_another(tmp_path / f"a{suffix}", (64, 48), times)
    video, fps, _, _ = decode.read_film(tmp_path / f"a{suffix}")
    assert (video.shape[2] - 1) / fps == pytest.approx(2, abs=0.01)
    number = (media.to_bytes(video[0].movedim(1, 0))[:, 24, 32, 0] / 5).round()
    shown = [times[int(n)] / 1000 for n in number]
    assert np.abs(np.array(shown) - np.arange(len(shown)) / fps).max() < 0.07


def test_a_sound_that_begins_late_stays_late(tmp_path):
    film_of_another(tmp_path / "a.mkv", (64, 48), range(0, 2000, 100), sound_from=0.8)
    sound = decode.read_sound(tmp_path / "a.mkv", 8000)[0]
    begins = int((sound > 0.25).nonzero()[0]) / 8000
    assert begins == pytest.approx(0.8, abs=0.15)  # an AAC frame is 0.13 s long here


def test_pictures_come_back(tmp_path):
    picture = flat()[0, :, 0]
    media.write_picture(tmp_path / "a.png", picture, scale=4)
    back, did = fit.read_picture(tmp_path / "a.png", 48, 48)
    assert worst(back, picture) < 0.01 and did == "read at 192x192, resized to 48x48"
    media.write_picture(tmp_path / "a.jpg", picture)
    assert (fit.read_picture(tmp_path / "a.jpg", 48, 48)[0] - picture).abs().mean() < 0.1


def test_pictures_are_cropped_in_the_middle(tmp_path):
    wide = np.full((60, 100, 3), 255, np.uint8)
    wide[:, 20:80] = (255, 0, 0)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    picture, did = fit.read_picture(tmp_path / "wide.png", 30, 30)
    assert did == "read at 100x60, cropped in the middle to 60x60, resized to 30x30"
    assert torch.equal(picture[:, 0, 0], torch.tensor([1.0, -1, -1])) and picture[1].max() == -1
    assert fit.read_picture(tmp_path / "wide.png", 60, 100)[1] == "read at 100x60"


def test_transparent_grey_and_turned_pictures_are_read(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert fit.read_picture(tmp_path / "clear.png", 8, 8)[0].min() == 1  # on white
    Image.new("L", (8, 8), 0).save(tmp_path / "grey.png")
    assert fit.read_picture(tmp_path / "grey.png", 8, 8)[0].shape == (3, 8, 8)
    turned = Image.new("RGB", (8, 4), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me"
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert fit.read_picture(tmp_path / "turned.jpg", 8, 4)[1] == "read at 4x8"


def test_bytes_and_pixels_undo_each_other():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert (media.to_bytes(media.from_bytes(pixels)) == pixels).all()
    beyond = torch.tensor([-3.0, 0.0, 3.0]).view(3, 1, 1)
    assert media.to_bytes(beyond).tolist() == [[[0, 128, 255]]]


def test_an_animated_png_keeps_every_pixel_and_every_frame():
    frames = np.random.default_rng(0).integers(0, 256, (5, 7, 9, 3)).astype(np.uint8)
    frames[3] = frames[2]  # a film may stand still
    with Image.open(io.BytesIO(media.animated_png(frames, 30000 / 1001))) as file:
        assert file.n_frames == 5 and file.info["loop"] == 0
        for i, frame in enumerate(frames):
            file.seek(i)
            assert (np.asarray(file.convert("RGB")) == frame).all()
            assert file.info["duration"] == pytest.approx(1001 / 30)


# ---------------------------------------------------------------- films and sounds of others


def tone(seconds=1.0, rate=8000, hertz=440.0):
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * rate)) / rate)[None]


def wav(path, sound, rate):
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound.T * 32767).short().numpy().tobytes())
    return path


@pytest.mark.parametrize("rate,channels", [(8000, 1), (44100, 2), (16000, 1), (48000, 2)])
def test_sounds_are_read_as_one_channel_at_the_rate_asked_for(tmp_path, rate, channels):
    path = wav(tmp_path / "a.wav", tone(1.5, rate).expand(channels, -1), rate)
    sound = decode.read_sound(path, 8000)
    assert abs(sound.shape[1] - 12000) <= 16 and len(sound) == 1
    middle = slice(2000, 10000)
    assert (sound[:, middle] - tone(1.5)[:, middle]).abs().max() < 0.03


def test_the_sound_of_a_film_of_ours_comes_back_in_step(tmp_path):
    sound = torch.zeros(1, 16000)
    sound[:, 7000:7400] = tone(0.05)
    media.write_film(tmp_path / "a.mp4", flat(17), 8, sound, 8000)
    back = decode.read_sound(tmp_path / "a.mp4", 8000)
    assert back.shape == sound.shape
    lag = [(back.roll(-n, 1) * sound).sum() for n in range(-40, 41)]
    assert int(torch.stack(lag).argmax()) == 40


@pytest.mark.parametrize("content,says", [(None, "There is no sound"), (b"junk", "Cannot read")])
def test_what_is_no_sound_gets_one_line(tmp_path, content, says):
    path = tmp_path / "a.wav"
    if content:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=says):
        decode.read_sound(path, 8000)


def test_a_film_without_sound_says_so(tmp_path):
    media.write_film(tmp_path / "a.mp4", flat(5), 8)
    with pytest.raises(MediaError, match="no sound track"):
        decode.read_sound(tmp_path / "a.mp4", 8000)


def test_films_of_others_are_fitted_and_what_was_done_is_said():
    film = torch.linspace(-1, 1, 100)[None, None, :, None, None].expand(1, 3, -1, 60, 120)
    fitted, words = fit.fit_film(film, 24, 48, 48, 17, 8)
    assert fitted.shape == (1, 3, 17, 48, 48)
    assert torch.allclose(fitted[0, 0, :, 0, 0], film[0, 0, 0:49:3, 0, 0], atol=1e-5)
    assert words == ("read at 120x60, 24 frames a second, cropped in the middle to "
                     "60x60, resized to 48x48, shown at 8 frames a second, "
                     "the first 2 seconds used")
    same, words = fit.fit_film(flat(17), 8, 48, 48, 17, 8)
    assert torch.equal(same, flat(17)) and words == "read at 48x48, 8 frames a second"
    with pytest.raises(MediaError, match="too short"):
        fit.fit_film(flat(4), 8, 48, 48, 17, 8)


@pytest.mark.parametrize("height, width, part", [
    (100, 60, (20, 0, 60, 60)), (60, 100, (0, 20, 60, 60)), (48, 48, (0, 0, 48, 48)),
])  # fmt: skip
def test_pictures_and_films_are_cropped_in_the_middle(tmp_path, height, width, part):
    top, left, high, wide = part
    assert fit.middle(height, width, (48, 48)) == part
    picture = torch.full((3, height, width), -1.0)
    picture[:, top : top + high, left : left + wide] = 1
    media.write_picture(tmp_path / "a.png", picture)
    assert (fit.read_picture(tmp_path / "a.png", 48, 48)[0] == 1).all()
    film = picture[None, :, None].expand(1, 3, 17, height, width)
    assert (fit.fit_film(film, 8, 48, 48, 17, 8)[0] == 1).all()


def test_sounds_are_cut_or_filled_up():
    longer, words = fit.fit_sound(tone(3.0), 16000, 8000)
    assert longer.shape == (1, 16000)
    assert words == "3 seconds of sound, taken as one channel at 8,000 Hz, the first 2 used"
    shorter, words = fit.fit_sound(tone(1.0), 16000, 8000)
    assert (shorter[:, 8000:] == 0).all() and words.endswith("filled up with silence to 2")
    with pytest.raises(MediaError, match="too short"):
        fit.fit_sound(tone(0.05), 16000, 8000)


def test_a_film_too_large_for_the_memory_is_refused(tmp_path, monkeypatch):
    path = media.write_film(tmp_path / "film.mp4", torch.zeros(3, 5, 24, 24), 8)
    monkeypatch.setattr(decode, "MOST_PIXELS", 5 * 24 * 24)
    assert decode.read_film(path)[0].shape == (1, 3, 5, 24, 24)  # counted as it is kept
    monkeypatch.setattr(decode, "MOST_PIXELS", 4 * 24 * 24)
    with pytest.raises(MediaError, match="film.mp4 is too large"):
        decode.read_film(path)


LONG = """
import torch
from minivid import decode, media

def held():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

media.write_film("long.mp4", torch.zeros(3, 401, 48, 48), 8)
before = held()
film = decode.read_film("long.mp4")[0]
assert film.shape == (1, 3, 401, 48, 48)
print(held() - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_to_read_a_long_film_takes_little_memory(printed_by):
    assert float(printed_by(LONG)) < 100  # MiB; as it is stored, enlarged, it has 380 of float32


def test_a_playlist_or_a_program_is_no_film_and_no_picture(tmp_path, monkeypatch):
    media.write_film(tmp_path / "film.mp4", torch.zeros(3, 5, 24, 24), 8)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile film.mp4\n")
    with pytest.raises(MediaError, match="Cannot read .*list.mp4"):
        decode.read_film(tmp_path / "list.mp4")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript",  # as if there were one
                        lambda *about, **more: Image.new("RGB", (9, 9)).im)
    (tmp_path / "p.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(MediaError, match="no picture"):
        fit.read_picture(tmp_path / "p.png", 24, 24)
