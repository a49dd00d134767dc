"""Film, sound and picture files: written so that what is in them can be read back."""

import io
import json
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from minivid.errors import MediaError
from minivid.files import FILM_SUFFIXES, write_whole

SHORT_SIDE = 256        # films are enlarged to at least this: 4:2:0 halves the colours' resolution
SOUND_RATE = 48_000     # Hz inside a film; every player knows it
LARGE = 360             # pixels: films of others with a longer short side are read smaller
MOST_PIXELS = 100_000_000  # of all frames of a film together: more would fill the memory
# What is read, by FFmpeg's names: not playlists, which would open other files.
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,gif,apng,wav,mp3,flac,ogg,aac"
KNOWN = " that can be read (such as mp4, mkv, webm, avi, gif; wav, mp3, flac, ogg, m4a)"
BT709 = 1               # the code for ITU-R BT.709 in ITU-T H.273, for primaries, curve and matrix


def to_bytes(pictures: torch.Tensor) -> np.ndarray:
    """Pixels (..., 3, H, W) in [-1, 1] to bytes (..., H, W, 3), 0 to 255; beyond is clipped."""
    scaled = (pictures.detach().float().cpu().clamp(-1, 1) + 1) * 127.5
    return scaled.round().byte().movedim(-3, -1).contiguous().numpy()


def from_bytes(pixels: np.ndarray) -> torch.Tensor:
    """Bytes (..., H, W, 3) to pixels (..., 3, H, W) in [-1, 1]; undoes `to_bytes`."""
    return torch.from_numpy(np.array(pixels)).float().div(127.5).sub(1).movedim(-1, -3)


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each pixel of (..., H, W, 3) `factor` times both ways: sharp, nothing invented."""
    return pixels.repeat(factor, axis=-3).repeat(factor, axis=-2)


def film_factor(height: int, width: int) -> int:
    """The least even factor that makes the short side SHORT_SIDE pixels or more.

    Even, so that each pixel covers whole 2×2 cells and shares its colour with no neighbour.
    """
    return 2 * -(-SHORT_SIDE // (2 * min(height, width)))


def write_film(path: str | Path, video: torch.Tensor, fps: float,
               audio: torch.Tensor | None = None, sample_rate: int | None = None) -> Path:
    """Write `video` (3, F, H, W) or (1, 3, F, H, W) in [-1, 1] at `fps` frames a second.

    `.mp4` is H.264 (crf 11, 4:2:0, BT.709) with `audio` (S,) or (1, S) in [-1, 1] as MP3; `.gif`,
    `.png` and `.apng` hold the picture alone. Enlarged by `film_factor` in an MP4. The same input
    gives the same bytes. Raises MediaError for an unknown suffix or a place that cannot be
    written; an older file then stays as it was.
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if suffix not in FILM_SUFFIXES:
        raise MediaError(f"Cannot write {path}: end its name in one of {' '.join(FILM_SUFFIXES)}")
    if audio is not None and suffix != ".mp4":
        raise MediaError(f"Cannot write {path}: only .mp4 holds sound. Name it .mp4, or leave "
                         "the sound out.")
    if audio is not None and not sample_rate:
        raise MediaError("Sound needs its sample_rate in Hz.")
    frames = to_bytes(_one(video, 4, "video").movedim(1, 0))                    # (F, H, W, 3)
    if suffix == ".mp4":
        sound = None if audio is None else _one(audio, 1, "audio").detach().float().cpu().numpy()
        data = mp4(frames, fps, sound, sample_rate)
    else:
        data = animated_gif(frames, fps) if suffix == ".gif" else animated_png(frames, fps)
    return write_whole(path, data, MediaError)


def _one(x: torch.Tensor, dims: int, name: str) -> torch.Tensor:
    """`x` without its batch of one, if it has one."""
    if x.ndim == dims + 1 and len(x) == 1:
        return x[0]
    if x.ndim != dims or 0 in x.shape:
        raise MediaError(f"A file holds one {name}, not one of shape {tuple(x.shape)}.")
    return x


def mp4(frames: np.ndarray, fps: float, sound: np.ndarray | None = None,
        rate: int | None = None) -> bytes:
    """Frames (F, H, W, 3) bytes and samples (S,) in [-1, 1] as the bytes of an MP4 file."""
    import av
    from av.video.reformatter import VideoReformatter

    factor = film_factor(*frames.shape[1:3])
    notes = {"minivid": 1, "factor": factor, "sample_rate": rate,
             "samples": None if sound is None else len(sound)}
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        file.metadata["comment"] = json.dumps(notes)
        picture = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        picture.height, picture.width = (factor * side for side in frames.shape[1:3])
        # without mbtree: with it, x264's AVX-512 code gives noise other bytes each time
        picture.pix_fmt = "yuv420p"
        picture.options = {"crf": "11", "preset": "veryfast", "mbtree": "0"}
        context = picture.codec_context
        context.thread_count = 1  # more threads, other bytes
        context.color_primaries = context.color_trc = context.colorspace = BT709
        if sound is not None:  # streams are declared before the first packet
            track = file.add_stream("libmp3lame", rate=SOUND_RATE, layout="mono")
            track.bit_rate = 128_000
        to_yuv = VideoReformatter()  # one for all frames: each takes long to set up
        for pixels in frames:
            frame = to_yuv.reformat(av.VideoFrame.from_ndarray(pixels, format="rgb24"),
                                    format="yuv444p", dst_colorspace="ITU709",
                                    src_color_range="JPEG", dst_color_range="MPEG")
            file.mux(picture.encode(_enlarged(frame, factor)))
        file.mux(picture.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None].clip(-1, 1), format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, 0  # from 0, so that MP3's delay lies before it
            for piece in _resample(frame, SOUND_RATE):
                file.mux(track.encode(piece))
            file.mux(track.encode(None))
    return buffer.getvalue()


def _enlarged(frame, factor: int):
    """A small frame in yuv444p as a large one in yuv420p: each pixel `factor` times both ways, its
    colours half as often. (To convert what is enlarged gives the same, and takes longer.)"""
    import av

    planes = frame.to_ndarray()  # (3, H, W)
    large = [plane.repeat(n, 0).repeat(n, 1) for plane, n in
             zip(planes, (factor, factor // 2, factor // 2))]
    rows = np.concatenate([plane.reshape(-1, large[0].shape[1]) for plane in large])
    return av.VideoFrame.from_ndarray(rows, format="yuv420p")  # (3/2 factor H, factor W)


def _resample(frame, rate: int) -> list:
    """An audio frame as mono float frames at `rate` Hz."""
    import av

    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    return resampler.resample(frame) + resampler.resample(None)


def animated_png(frames: np.ndarray, fps: float) -> bytes:
    """Frames (F, H, W, 3) bytes as an endless animated PNG: every pixel, every frame, exact rates.

    Each row holds its difference to the row above (PNG filter 2): zeros where pixels are enlarged.
    PNG third edition, W3C 2025. Pillow writes these too, sixty times slower for noise.
    """
    def chunk(name: bytes, *fields: bytes) -> bytes:
        data = name + b"".join(fields)
        return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))

    count, height, width, _ = frames.shape
    delay = 1 / Fraction(fps).limit_denominator(1001)  # seconds a frame
    about = struct.pack(">4I2H2B", width, height, 0, 0, delay.numerator, delay.denominator, 0, 0)
    chunks = [b"\x89PNG\r\n\x1a\n",
              chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
              chunk(b"acTL", struct.pack(">II", count, 0))]
    for i, frame in enumerate(frames):
        rows = frame.reshape(height, -1)
        below = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256
        data = zlib.compress(np.insert(below, 0, 2, axis=1).tobytes())
        number = struct.pack(">I", 2 * i)  # of this piece: the first frame has one, others two
        chunks.append(chunk(b"fcTL", struct.pack(">I", max(0, 2 * i - 1)), about))
        chunks.append(chunk(b"fdAT", number, data) if i else chunk(b"IDAT", data))
    return b"".join([*chunks, chunk(b"IEND")])


def animated_gif(frames: np.ndarray, fps: float) -> bytes:
    """Frames (F, H, W, 3) bytes as an endless GIF: 256 colours, and hundredths of a second.

    Frames last unequally where that is needed to keep time.
    """
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    ends = [10 * round(100 * (i + 1) / fps) for i in range(len(frames))]  # milliseconds
    lengths = [end - start for start, end in zip([0, *ends], ends)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=lengths,
                     loop=0, disposal=1)
    return buffer.getvalue()


def read_film(path: str | Path, seconds: float | None = None):
    """Read (video (1, 3, F, H, W) in [-1, 1], fps, audio (1, S) or None, sample_rate or None).

    A film of ours comes back at the size it was made in; another's keeps its size, or is a half, a
    third, ... of it where it is LARGE. Of the picture the first `seconds` are enough, where said.
    Raises MediaError when there is nothing that can be decoded, or more than MOST_PIXELS.
    """
    import av
    from av.video.reformatter import VideoReformatter

    path = Path(path)
    if not path.is_file():
        raise MediaError(f"There is no film at {path}. Check the name.")
    try:
        with _opened(path) as file:
            notes = _notes(file.metadata.get("comment", ""))
            fps, times = file.streams.video[0].average_rate, []
            gif = file.format.name == "gif"  # frames last whole hundredths, now more, now less
            to_rgb = VideoReformatter()  # one for all frames: each takes long to set up
            frames = []
            for frame in file.decode(video=0):
                known = frame.pts is not None
                times.append(frame.pts * frame.time_base if known else len(frames) / fps)
                if seconds is not None and times[-1] - times[0] > seconds:
                    break
                part = 1 if notes else max(1, min(frame.width, frame.height) // LARGE)
                size = {"width": frame.width // part, "height": frame.height // part,
                        "interpolation": "AREA"} if part > 1 else {}
                if (len(frames) + 1) * frame.width * frame.height // part**2 > MOST_PIXELS:
                    raise MediaError(f"{path} is too large to be read at once: cut it, or make its "
                                     "pictures smaller first.")
                frames.append(to_rgb.reformat(frame, format="rgb24", **size).to_ndarray())
            frames, fps = _evenly(frames, times[: len(frames)], None if gif else fps)
            sound, rate = _read_sound(file, notes)
    except PermissionError as problem:
        raise MediaError(f"Cannot read {path}: that is not allowed here.") from problem
    except (av.FFmpegError, IndexError) as problem:
        raise MediaError(f"Cannot read {path}: it is cut short or holds no film{KNOWN}.") \
            from problem
    if not frames or not fps:
        raise MediaError(f"Cannot read {path}: it holds no film.")
    pixels = np.stack(frames)                                                   # (F, H, W, 3)
    height = pixels.shape[1] // notes.get("factor", 1)
    video = _reduce(from_bytes(pixels), height).movedim(1, 0)[None]             # (1, 3, F, H, W)
    return video, int(fps) if fps.denominator == 1 else float(fps), sound, rate


def _evenly(frames: list, times: list[Fraction], fps: Fraction | None) -> tuple[list, Fraction]:
    """Frames that last equally, and how many there are a second: `fps`, as the file has it, unless
    their times say otherwise. Where they last unequally, the one nearest to each moment."""
    lasts = times[-1] - times[0] if frames else 0
    if not lasts:
        return frames, fps
    own = Fraction(len(frames) - 1) / Fraction(lasts)
    moments = [times[0] + n / own for n in range(len(frames))]
    if max(abs(at - time) for at, time in zip(moments, times)) > 0.75 / own:
        clock = np.array(times, dtype=float)
        return [frames[np.abs(clock - float(at)).argmin()] for at in moments], own
    return frames, fps if fps and abs(fps / own - 1) < 0.02 else own


def _opened(path: Path):
    """A film or sound file, opened by PyAV."""
    import av

    return av.open(str(path), container_options={"format_whitelist": CONTAINERS})


def _notes(comment: str) -> dict:
    """What `write_film` noted in the file; empty for the films of others."""
    try:
        notes = json.loads(comment)
    except ValueError:
        return {}
    return notes if isinstance(notes, dict) and "minivid" in notes else {}


def _read_sound(file, notes: dict) -> tuple[torch.Tensor | None, int | None]:
    """The first sound track (1, S), mono, at the rate and length it was written with."""
    import av

    if not file.streams.audio:
        return None, None
    file.seek(0)  # the pictures were read first
    track, pictures = file.streams.audio[0], file.streams.video
    rate = notes.get("sample_rate") or track.rate
    resampler = av.AudioResampler(format="fltp", rate=rate)
    frames = [*file.decode(audio=0), None]  # None asks for what is left
    pieces = [piece.to_ndarray() for frame in frames for piece in resampler.resample(frame)]
    sound = np.concatenate(pieces, axis=1).mean(0, keepdims=True)               # (1, S)
    begin, late = (float((stream.start_time or 0) * stream.time_base)
                   for stream in (pictures[0] if pictures else track, track))
    if late - begin > 0.05:  # less is an encoder's delay, which lies before what is heard
        sound = np.pad(sound, ((0, 0), (round((late - begin) * rate), 0)))
    return torch.from_numpy(sound[:, :notes.get("samples")]), rate


def read_sound(path: str | Path, rate: int) -> torch.Tensor:
    """The first sound track of a sound or film file, mono, at `rate` Hz: (1, S) in [-1, 1].

    Raises MediaError when there is none that can be decoded.
    """
    import av

    path = Path(path)
    if not path.is_file():
        raise MediaError(f"There is no sound at {path}. Check the name.")
    try:
        with _opened(path) as file:
            notes = _notes(file.metadata.get("comment", ""))
            same = notes if notes.get("sample_rate") == rate else {}
            sound = _read_sound(file, {**same, "sample_rate": rate})[0]
    except PermissionError as problem:
        raise MediaError(f"Cannot read {path}: that is not allowed here.") from problem
    except (av.FFmpegError, IndexError, ValueError) as problem:
        raise MediaError(f"Cannot read {path}: it is cut short or holds no sound{KNOWN}.") \
            from problem
    if sound is None or not sound.shape[1]:
        raise MediaError(f"Cannot use {path}: it has no sound track.")
    return sound.clamp(-1, 1)


def _reduce(pictures: torch.Tensor, height: int) -> torch.Tensor:
    """Pictures (F, 3, H, W) at `height` pixels: area averages, an exact undoing of `enlarge`."""
    from torch.nn.functional import interpolate

    if height == pictures.shape[-2]:
        return pictures
    width = max(1, round(pictures.shape[-1] * height / pictures.shape[-2]))
    return interpolate(pictures, (height, width), mode="area")


def write_picture(path: str | Path, picture: torch.Tensor, scale: int = 1) -> Path:
    """Write `picture` (3, H, W) in [-1, 1] as .png, .jpg or .gif, each pixel `scale` times as wide.

    Raises MediaError for an unknown suffix or a place that cannot be written.
    """
    from PIL import Image

    path = Path(path)
    kind = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF"}.get(path.suffix.lower())
    if kind is None:
        raise MediaError(f"Cannot write {path}: end its name in .png, .jpg or .gif")
    pixels = enlarge(to_bytes(_one(picture, 3, "picture")), scale)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return write_whole(path, buffer.getvalue(), MediaError)
