"""From what happens to what is heard: struck tones, weather, a bicycle's tick, a voice.

A sound is a formula of time, so a hit falls where it happens, between two samples too; weather is
a stretch of one fixed noise. A seed gives the same waveform on every machine, to rounding.
Seconds count from the first frame; sample n is at (n + 1/2) / rate.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from .dice import Dice

Tensor = torch.Tensor
NOTES = (523.0, 659.0, 784.0, 988.0, 1175.0, 1480.0)  # Hz, by colour: three or four semitones apart
PARTIALS = ((1.0, 0.25, 0.16), (2.0, 0.09, 0.07), (3.01, 0.04, 0.04))  # ratio, loud, decay in s
SWELL, RING = 0.002, 0.6  # seconds in which a struck tone is there, and in which it has died away
LOUD = (0.003, 0.03, 0.04, 0.045)  # by place: day, night, rain, snow; root mean square
CRICKET, CHIRP = 3200.0, 0.5  # Hz, seconds between chirps
TICK = 2200.0  # Hz, of a bicycle
NOISE = 1 << 17  # samples of the noise that weather is cut from


def lay(out: Tensor, clip: Tensor, seconds: Tensor, rate: int, length: float, wave) -> None:
    """Add wave(t), t (E, n) the seconds since each of E events, to out (B, S) in place.

    clip, seconds (E,): where and when they are; length: how many seconds they last.
    """
    if not len(clip):
        return
    first = (seconds * rate - 0.5).ceil().long()  # the first sample at or after the event
    at = first[:, None] + torch.arange(round(length * rate))  # (E, n) sample numbers
    t = (at + 0.5).double() / rate - seconds[:, None]
    inside = (at >= 0) & (at < out.shape[1])
    flat = clip[:, None] * out.shape[1] + at.clamp(0, out.shape[1] - 1)
    out.view(-1).index_add_(0, flat.flatten(), (wave(t).float() * inside).flatten())


def strike(t: Tensor, hertz: Tensor) -> Tensor:
    """A struck bar of (E,) Hz, t (E, n) seconds after the hit: partials that die away."""
    angle = 2 * torch.pi * hertz[:, None] * t
    ring = sum(loud * torch.exp(-t / decay) * (ratio * angle).sin()
               for ratio, loud, decay in PARTIALS)
    return (1 - torch.exp(-t / (SWELL / 3))) * ring


def tick(t: Tensor) -> Tensor:
    """A click of some milliseconds."""
    return 0.12 * torch.exp(-t / 0.003) * (2 * torch.pi * TICK * t).sin()


@lru_cache(maxsize=4)
def weather(rate: int) -> Tensor:
    """Noise of unit loudness for rain (hiss) and snow (wind), to cut stretches from: (2, NOISE)"""
    dice = Dice(torch.arange(NOISE))
    white = sum(dice.uniform(900 + n, -1.0, 1.0) for n in range(3))  # nearly a bell curve
    pitch = torch.fft.rfftfreq(NOISE, 1 / rate, dtype=torch.float64)
    hiss = pitch / (pitch + 1500)  # bright
    howl = (pitch > 40) / (1 + (pitch / 300) ** 2)  # dull
    shaped = torch.fft.irfft(torch.fft.rfft(white) * torch.stack([hiss, howl]), NOISE)
    return (shaped / shaped.std(1, keepdim=True)).float()


def ambience(place: Tensor, dice: Dice, samples: int, rate: int) -> Tensor:
    """What places (B,) sound like: a breath by day, crickets at night, rain, wind: (B, S)"""
    hiss, howl = weather(rate)
    t = (torch.arange(samples) + 0.5) / rate
    cut = dice.choice(850, NOISE)  # (B, 1)
    sway, chirp = dice.uniform(851)[:, None], dice.uniform(852)[:, None]  # (B, 1) phases
    out = torch.empty(len(place), samples)
    for p, loud in enumerate(LOUD):
        rows = place == p
        if p == 1:
            age = ((t / CHIRP + chirp[rows]) % 1 * CHIRP).float()  # seconds since a chirp began
            trill = (age < 0.12) * (2 * torch.pi * 25 * age).sin().clamp(min=0)
            out[rows] = loud * 4 * trill * (2 * torch.pi * CRICKET * age).sin()
            continue
        noise = (hiss if p == 2 else howl)[(cut[rows] + torch.arange(samples)) % NOISE]
        gust = 1 + 0.5 * (2 * torch.pi * (0.5 * t + sway[rows])).sin() if p == 3 else 1.0
        out[rows] = (loud * noise * gust).float()
    return out
