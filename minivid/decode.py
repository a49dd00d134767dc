"""Film and sound files read: ours as they were made, others by their own clock, none too large."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from minivid.errors import MediaError
from minivid.files import check_readable
from minivid.media import from_bytes

LARGE = 360                # pixels: films of others with a longer short side are read smaller
MOST_PIXELS = 50_000_000   # of all frames of a film together: more would fill the memory
DELAY = 0.05               # seconds: a sound that begins later than its picture by less is in time
# What is read, by FFmpeg's names: not playlists, which would open other files.
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,gif,apng,wav,mp3,flac,ogg,aac"


def read_film(path: str | Path, seconds: float | None = None):
    """Read (video (1, 3, F, H, W) in [-1, 1], fps, audio (1, S) or None, sample_rate or None).

    A film of ours comes back at the size it was made in; another's keeps its size, or is a half, a
    third, ... of it where it is LARGE. Of the picture the first `seconds` are enough, where said.
    Raises MediaError when there is nothing that can be decoded, or more than MOST_PIXELS.
    """
    with _opened(path, "film") as file:
        notes, fps = _notes(file), file.streams.video[0].average_rate
        frames, times = _read_frames(file, notes, seconds, path)
        frames, own = _evenly(frames, times)
        gif = file.format.name == "gif"  # frames last whole hundredths, now more, now less
        if own and (gif or not fps or abs(own / fps - 1) > 0.005):
            fps = own
        sound, rate = _read_sound(file, notes)
    if not frames or not fps:
        raise MediaError(f"Cannot read {path}: it holds no film.")
    video = torch.stack(frames, 1)[None]                                        # (1, 3, F, H, W)
    return video, int(fps) if fps.denominator == 1 else float(fps), sound, rate


def read_sound(path: str | Path, rate: int) -> torch.Tensor:
    """The first sound track of a sound or film file, mono, at `rate` Hz: (1, S) in [-1, 1].

    Raises MediaError when there is none that can be decoded.
    """
    with _opened(path, "sound") as file:
        notes = _notes(file)
        same = notes if notes.get("sample_rate") == rate else {}
        sound = _read_sound(file, {**same, "sample_rate": rate})[0]
    if sound is None or not sound.shape[1]:
        raise MediaError(f"Cannot use {path}: it has no sound track.")
    return sound.clamp(-1, 1)


@contextmanager
def _opened(path: str | Path, what: str) -> Iterator:
    """The file, opened by PyAV; what goes wrong while it is read becomes one line."""
    import av

    check_readable(path, what, MediaError)
    try:
        with av.open(str(path), container_options={"format_whitelist": CONTAINERS}) as file:
            yield file
    except MediaError:
        raise
    except (av.FFmpegError, IndexError, ValueError) as problem:
        raise MediaError(f"Cannot read {path}: it is cut short or holds no {what} that can be read "
                         "(such as mp4, mkv, webm, avi, gif; wav, mp3, flac, ogg, m4a).") \
            from problem


def _read_frames(file, notes: dict, seconds: float | None, path) -> tuple[list, list[Fraction]]:
    """The frames (3, H, W) in [-1, 1], each made as small as it is kept, and when it is shown."""
    from av.video.reformatter import VideoReformatter

    frames, times, rate = [], [], file.streams.video[0].average_rate or 1
    to_rgb = VideoReformatter()  # one for all frames: each takes long to set up
    for frame in file.decode(video=0):
        at = len(frames) / rate if frame.pts is None else frame.pts * frame.time_base
        if seconds is not None and times and at - times[0] > seconds:
            break
        part = 1 if notes else max(1, min(frame.width, frame.height) // LARGE)
        size = {"width": frame.width // part, "height": frame.height // part,
                "interpolation": "AREA"} if part > 1 else {}
        small = part * notes.get("factor", 1)
        if (len(frames) + 1) * (frame.width // small) * (frame.height // small) > MOST_PIXELS:
            raise MediaError(f"{path} is too large to be read at once: cut it, or make its "
                             "pictures smaller first.")
        pixels = to_rgb.reformat(frame, format="rgb24", **size).to_ndarray()
        frames.append(_reduce(pixels, frame.height // small))
        times.append(at)
    return frames, times


def _evenly(frames: list, times: list[Fraction]) -> tuple[list, Fraction | None]:
    """Frames that last equally, and how many there are a second by their times, if these tell:
    where they last unequally, the one nearest to each moment."""
    if not frames or times[-1] == times[0]:
        return frames, None
    fps = Fraction(len(frames) - 1) / (times[-1] - times[0])
    moments = [times[0] + n / fps for n in range(len(frames))]
    if max(abs(at - time) for at, time in zip(moments, times)) <= 0.75 / fps:
        return frames, fps
    clock = np.array(times, dtype=float)
    return [frames[np.abs(clock - float(at)).argmin()] for at in moments], fps


def _notes(file) -> dict:
    """What `write_film` noted in the file; empty for the films of others."""
    try:
        notes = json.loads(file.metadata.get("comment", ""))
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
    if late - begin > DELAY:  # less is an encoder's, and lies before what is heard
        sound = np.pad(sound, ((0, 0), (round((late - begin) * rate), 0)))
    return torch.from_numpy(sound[:, :notes.get("samples")]), rate


def _reduce(pixels: np.ndarray, height: int) -> torch.Tensor:
    """Bytes (H, W, 3) to a picture (3, h, w) in [-1, 1], `height` pixels high: area averages, an
    exact undoing of `enlarge`."""
    from torch.nn.functional import interpolate

    if height == len(pixels):
        return from_bytes(pixels)
    # in NumPy: PyTorch would take new memory for the large picture of each frame
    large = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(127.5) - 1
    width = max(1, round(pixels.shape[1] * height / len(pixels)))
    return interpolate(torch.from_numpy(large)[None], (height, width), mode="area")[0]
