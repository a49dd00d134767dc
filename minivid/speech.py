"""The voice of the face: when it says its syllables, how its mouth moves, and how that sounds.

A syllable begins with m (lips closed, a hum) or l (lips nearly closed) and goes on as a vowel. Its
sound is a voice with all harmonics of its pitch, each as loud as the formants of what is said let
it be: source and filter, G. Fant, "Acoustic Theory of Speech Production", 1960.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .dice import Dice

Tensor = torch.Tensor
LONGEST = 3  # syllables
# What is said, as in grammar.SYLLABLES: consonant (m, l) and vowel (a, i, o).
CONSONANT, VOWEL = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 0, 1, 2])
MOUTH = torch.tensor([[0.32, 0.40], [0.13, 0.55], [0.30, 0.24],  # a, i, o: half height and width,
                      [0.0, 0.30], [0.10, 0.30]])  # m, l; in radii of the face
FORMANTS = ((730, 1090), (280, 2250), (450, 800), (220,), (360, 1300))  # Hz
LOUD = (0.17, 0.15, 0.17, 0.10, 0.10)  # root mean square
WIDE = 70  # Hz, half the width of a formant
RAMP = 0.12  # seconds that lips take to open or to close


@dataclass
class Speech:
    """What B clips say: said (B, 3) indices of syllables, -1 for none; begin (B,) and pace (B,) in
    seconds, when the first begins and how long each takes; hertz (B,) of the voice."""

    said: Tensor
    begin: Tensor
    pace: Tensor
    hertz: Tensor


def speech(said: Tensor, dice: Dice) -> Speech:
    """When syllables (B, 3) are said, and how high."""
    return Speech(said, dice.uniform(860, 0.08, 0.30), dice.uniform(861, 0.44, 0.54),
                  dice.uniform(862, 110.0, 180.0))


def rise(x: Tensor) -> Tensor:
    """From 0 at 0 smoothly to 1 at 1."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


def articulate(speech: Speech, t: Tensor) -> Tensor:
    """How much of each sound is formed at times t (T,) in seconds: a, i, o, m, l -> (B, 5, T)"""
    out = torch.zeros(len(speech.said), 5, len(t), dtype=torch.float64)
    clip = torch.arange(len(speech.said))
    for n in range(LONGEST):
        pace = speech.pace[:, None]
        age = t - speech.begin[:, None] - n * pace  # (B, T) seconds since the syllable began
        opened = rise((age - 0.06) / RAMP)
        vowel = opened * rise((pace - 0.03 - age) / RAMP)
        consonant = rise(age / 0.03) * (1 - opened)
        there = (speech.said[:, n] >= 0)[:, None]
        what = speech.said[:, n].clamp(min=0)
        out[clip, VOWEL[what]] += vowel * there
        out[clip, 3 + CONSONANT[what]] += consonant * there
    return out


def mouth(speech: Speech, t: Tensor) -> Tensor:
    """Half height and half width of the mouth at times t (T,), in radii of the face: (B, T, 2)

    It is as wide as the sounds it forms, and as high as they are formed.
    """
    formed = articulate(speech, t)  # (B, 5, T)
    height, width = (torch.einsum("bkt,k->bt", formed, size.double()) for size in MOUTH.T)
    return torch.stack([height, width / formed.sum(1).clamp(min=1e-6)], -1)


def timbres(hertz: Tensor, harmonics: Tensor) -> Tensor:
    """How loud each harmonic (K,) of a voice of `hertz` (B,) is in a, i, o, m, l: (B, 5, K)"""
    f = (hertz[:, None] * harmonics)[:, None]  # (B, 1, K)
    rows = [sum((0.6**n) / (1 + ((f - peak) / WIDE) ** 2) for n, peak in enumerate(formants))
            for formants in FORMANTS]
    gain = torch.cat(rows, 1) * (f < 3800)
    return gain * torch.tensor(LOUD)[:, None] / (gain.square().sum(-1, keepdim=True) / 2).sqrt()


def voice(speech: Speech, samples: int, rate: int) -> Tensor:
    """What is heard of it: (B, samples)"""
    t = (torch.arange(samples) + 0.5).double() / rate
    k = torch.arange(1, 36).double()  # harmonics; their phases keep the wave from peaking
    phase = -torch.pi * k * (k - 1) / len(k)
    turn = 2 * torch.pi * speech.hertz[:, None] * t  # (B, S)
    waves = (turn[:, None] * k[:, None] + phase[:, None]).float().sin()  # (B, K, S)
    sounds = timbres(speech.hertz, k).float() @ waves  # (B, 5, S)
    return (sounds * articulate(speech, t).float()).sum(1)
