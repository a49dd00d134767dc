"""Film and picture files, written so that what is in them can be read back: see `decode`."""

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
