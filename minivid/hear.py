"""The ear of the judge: reads a waveform back into hits, the place, and syllables.

A hit is a step of loudness at one of the world's notes that dies away again; a place is known by
how loud its bands of noise are; a syllable by which of the world's five voiced sounds each moment
is most like. All is measured against what `sounds` and `speech` make, never against a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F

from . import grammar as g
from . import speech
from .sounds import CRICKET, NOTES, strike

Tensor = torch.Tensor
STEP = 0.001  # seconds between looks for a hit
WINDOW = 0.032  # seconds that a note is listened to: tells 523 from 659 Hz, and from overtones
HIT = 0.08  # amplitude of a note that counts as a hit; struck ones have 0.25
HOP, BANDS = 0.005, 16  # of the voice: seconds between looks, bands up to half the rate
VOICED = 0.03  # loudness, root mean square, of a voice
BRIEF, RINGS = 0.08, 0.35  # seconds: a vowel lasts at least, a struck tone at most


@dataclass
class Hearing:
    """What is heard in one clip.

    hits: (seconds, Hz, index of the colour that has this note) of each; place: one of
    grammar.PLACES, None where nothing is heard; says: the syllables; lips (T,): the area of the
    mouth that would sound so, as a share of the face's, every HOP seconds from 0.
    """

    hits: list[tuple[float, float, int]]
    place: str | None
    says: tuple[str, ...]
    lips: Tensor


def hear(audio: Tensor, rate: int = 8000) -> list[Hearing]:
    """Read B sounds: audio (B, S) in [-1, 1] at `rate` Hz. Any length."""
    with torch.inference_mode():
        audio = audio.detach().float().cpu().nan_to_num()
        hits, places = find_hits(audio, rate), find_places(audio, rate)
        spoken = find_speech(audio, rate, hits)
        return [Hearing(*row[:2], *row[2]) for row in zip(hits, places, spoken)]


# ---------------------------------------------------------------- struck tones


@lru_cache(maxsize=4)
def _bank(rate: int) -> tuple[Tensor, Tensor]:
    """Windowed waves of each note, to be multiplied with: cosines and sines, each (6, 1, n)"""
    n = round(WINDOW * rate)
    t = (torch.arange(n) - (n - 1) / 2) / rate
    window = torch.hann_window(n, periodic=False)
    angle = 2 * torch.pi * torch.tensor(NOTES)[:, None] * t
    return tuple((2 * window * wave / window.sum())[:, None] for wave in (angle.cos(), angle.sin()))


def amplitudes(audio: Tensor, rate: int) -> Tensor:
    """Complex amplitude of each note every STEP: (B, S) -> (B, 6, T), the first around second 0."""
    n = round(WINDOW * rate)
    padded = F.pad(audio[:, None], (n // 2, n))
    re, im = (F.conv1d(padded, wave, stride=round(STEP * rate)) for wave in _bank(rate))
    return torch.complex(re, -im)


@lru_cache(maxsize=4)
def _early(rate: int) -> float:
    """How much before a hit its step is greatest, in seconds: measured on struck tones."""
    t = (torch.arange(rate) + 0.5).double() / rate - 0.5
    wave = strike(t.clamp(min=0)[None].expand(6, -1), torch.tensor(NOTES)) * (t > 0)
    step = steps(amplitudes(wave.float(), rate).abs())
    return 0.5 - float(torch.stack([_peak(row[n], int(row[n].argmax())) for n, row in
                                    enumerate(step)]).mean()) * STEP


def steps(loud: Tensor) -> Tensor:
    """How much louder each note is just after a moment than just before: (B, 6, T) alike."""
    half = round(WINDOW / STEP / 2)
    padded = F.pad(loud, (half, half))
    return padded[..., 2 * half :] - padded[..., : -2 * half]


def _peak(row: Tensor, at: int) -> Tensor:
    """The top of the parabola through a peak of (T,) and its neighbours, in steps."""
    if not 0 < at < len(row) - 1:
        return torch.tensor(float(at))
    a, b, c = row[at - 1], row[at], row[at + 1]
    return at + 0.5 * (a - c) / (a - 2 * b + c).clamp(max=-1e-9)


def find_hits(audio: Tensor, rate: int) -> list[list[tuple[float, float, int]]]:
    """Of each clip the hits in order of time: (seconds, Hz, note)."""
    waves = amplitudes(audio, rate)
    loud = waves.abs()
    step = steps(loud)  # (B, 6, T)
    half, later = round(WINDOW / STEP / 2), round(0.15 / STEP)
    top = step == F.max_pool1d(step, 61, 1, 30)  # of its note within 30 ms
    rival = F.max_pool1d(step.amax(1, keepdim=True), 61, 1, 30)  # of any note within 30 ms
    padded = F.pad(loud, (0, later))
    after, end = padded[..., half : half + loud.shape[-1]], padded[..., later:]
    dies = end[..., : loud.shape[-1]] < 0.75 * after
    found = top & dies & (step > HIT) & (step > 0.4 * rival) & (step > 0.5 * after)
    out = [[] for _ in audio]
    for b, note, at in found.nonzero().tolist():
        seconds = float(_peak(step[b, note], at)) * STEP + _early(rate)
        if seconds < audio.shape[1] / rate:
            out[b].append((max(0.0, seconds), _pitch(waves[b, note], note, at + half), note))
    return [sorted(hits) for hits in out]


def _pitch(wave: Tensor, note: int, at: int) -> float:
    """Hz of a note from how fast its phase runs, for 8 ms from `at` on: wave (T,) complex."""
    later = min(at + 8, len(wave) - 1)
    if later <= at:
        return NOTES[note]
    gone = 2 * torch.pi * NOTES[note] * (later - at) * STEP
    turn = wave[later] / wave[at] * torch.polar(torch.tensor(1.0), torch.tensor(-gone))
    return NOTES[note] + float(turn.angle()) / (2 * torch.pi * (later - at) * STEP)


# ---------------------------------------------------------------- places


def spectrum(audio: Tensor, rate: int, hop: float) -> tuple[Tensor, Tensor]:
    """Power every `hop` seconds by frequency: (B, T, K), such that a sum over K is the mean square;
    and the frequencies (K,) in Hz."""
    n = round(WINDOW * rate)
    window = torch.hann_window(n)
    frames = F.pad(audio, (n // 2, n)).unfold(1, n, round(hop * rate))  # (B, T, n)
    frames = frames[:, : 1 + int(audio.shape[1] / rate / hop)]
    power = torch.fft.rfft(frames * window).abs().square() * 2 / n / window.square().sum()
    return power, torch.fft.rfftfreq(n, 1 / rate)


def find_places(audio: Tensor, rate: int) -> list[str | None]:
    """Which place each clip sounds like: rain hisses and wind howls also in the pauses of all
    else, crickets sing now and then, and by day there is only a breath of wind."""
    power, f = spectrum(audio, rate, 0.016)

    def loudness(low: float, high: float, share: float) -> Tensor:
        """Root mean square of a band, exceeded in all but a share of the moments: (B,)"""
        band = (f >= low) & (f <= high)
        return power[..., band].sum(-1).quantile(share, 1).sqrt()

    hiss, howl, breath = loudness(3450, 3900, 0.3), loudness(60, 300, 0.15), loudness(60, 300, 0.5)
    sing, rest = (loudness(CRICKET - 110, CRICKET + 110, share) for share in (0.9, 0.3))
    kind = torch.where(hiss > 0.004, 2, torch.where(howl > 0.009, 3, torch.where(
        (sing > 0.008) & (sing > 4 * rest), 1, torch.where(breath > 0.0005, 0, -1))))
    return [g.PLACES[k] if k >= 0 else None for k in kind.tolist()]


# ---------------------------------------------------------------- the voice


@lru_cache(maxsize=4)
def _sounds(rate: int) -> Tensor:
    """Of a, i, o, m, l how strong each band is, for several voices: (5, 8, BANDS) of length 1"""
    hertz = torch.linspace(110, 180, 8).double()
    gain = speech.timbres(hertz, torch.arange(1, 36).double())  # (8, 5, K)
    band = (hertz[:, None] * torch.arange(1, 36) / (rate / 2 / BANDS)).long()  # (8, K)
    power = torch.zeros(8, 5, BANDS + 20, dtype=torch.float64)
    power.scatter_add_(2, band.clamp(max=BANDS)[:, None].expand(-1, 5, -1), gain.square())
    return F.normalize(power[..., :BANDS].sqrt().transpose(0, 1).float(), dim=-1)


def find_speech(audio: Tensor, rate: int, hits: list) -> list[tuple[tuple[str, ...], Tensor]]:
    """Of each clip the syllables, and the mouth's area that would sound so: (T,)

    While a struck tone of `hits` rings, nothing is taken for a voice.
    """
    power, f = spectrum(audio, rate, HOP)
    band = (f / (rate / 2 / BANDS)).long().clamp(max=BANDS - 1)
    bands = torch.zeros(*power.shape[:2], BANDS).index_add_(2, band, power)  # (B, T, BANDS)
    # what is there all the time is no voice
    bands = (bands - 2.5 * bands.quantile(0.12, 1, keepdim=True)).clamp(min=0)
    loud = bands.sum(-1).sqrt()  # (B, T)
    alike = torch.einsum("btk,svk->btsv", F.normalize(bands.sqrt(), dim=-1), _sounds(rate)).amax(-1)
    most, which = alike.max(-1)  # (B, T)
    voiced = (loud > VOICED) & (most > 0.75)
    moment = torch.arange(voiced.shape[1]) * HOP
    for row, struck in zip(voiced, hits):
        for seconds, *_ in struck:
            row &= (moment < seconds - 0.03) | (moment > seconds + RINGS)
    share = (loud[..., None] / torch.tensor(speech.LOUD)).clamp(max=1)  # as if it were each sound
    area = speech.MOUTH.prod(-1)  # of each sound, in radii squared: the share of the face's
    lips = (share * area).gather(-1, which[..., None])[..., 0] * voiced
    says = [_syllables(*row) for row in zip(which, voiced, loud, alike)]
    return [(said, line if said else 0 * line) for said, line in zip(says, lips)]


def _syllables(which: Tensor, voiced: Tensor, loud: Tensor, alike: Tensor) -> tuple[str, ...]:
    """Runs of vowels, each with the consonant before it: which, voiced, loud (T,), alike (T, 5)."""
    vowel = voiced & (which < 3)
    edges = F.pad(vowel.int(), (1, 1)).diff()
    begins, ends = (edges == 1).nonzero()[:, 0].tolist(), (edges == -1).nonzero()[:, 0].tolist()
    runs = []
    for begin, end in zip(begins, ends):
        if runs and begin - runs[-1][1] <= 4:  # a gap of 20 ms or less is none
            runs[-1][1] = end
        else:
            runs.append([begin, end])
    said, last = [], 0
    for begin, end in runs:
        if (end - begin) * HOP < BRIEF:
            continue
        core = slice(begin + (end - begin) // 4, end - (end - begin) // 4)
        sound = (alike[core, :3] * loud[core, None]).sum(0).argmax()
        before = slice(max(last, begin - round(0.1 / HOP)), begin + 2)
        weight = (loud[before] * voiced[before])[:, None]
        hum = (alike[before, 3:] * weight).sum(0).argmax()
        said.append(g.SYLLABLES[int(hum) * 3 + int(sound)])
        last = end
    return tuple(said)
