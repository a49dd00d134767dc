"""Sound to latents and back: 15 times fewer numbers, on the clock of the film.

A waveform becomes a log spectrogram (how loud each pitch is at each moment), and a small network
squeezes ten columns of it, a sixteenth of a second, into one latent. The way back ends with
loudness alone; Griffin and Lim's algorithm (1984; the faster one of Perraudin et al., 2013) finds a
waveform that is as loud.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from .distributed import all_mean
from .errors import FormatError

Tensor = torch.Tensor
QUIET = 3e-4  # loudness added before the logarithm: what is much softer is all the same
ROUNDS = 16  # of Griffin and Lim's


@dataclass(frozen=True)
class SoundConfig:
    """Sizes of the sound's autoencoder; widths in channels."""

    channels: int = 33  # in a latent, which stands for `group * hop` samples: 500
    width: int = 192  # of the blocks on the latents' clock
    fine_width: int = 96  # of the blocks on the spectrogram's
    depth: tuple[int, int, int] = (2, 1, 2)  # blocks: fine, encoder, decoder
    window: int = 256  # samples of a column of the spectrogram
    hop: int = 50  # samples from one column to the next
    group: int = 10  # columns in a latent

    @property
    def bins(self) -> int:
        return self.window // 2 + 1

    @property
    def samples(self) -> int:
        """Of sound in a latent."""
        return self.hop * self.group


# ---------------------------------------------------------------- waveform and spectrogram


def stft(audio: Tensor, c: SoundConfig) -> Tensor:
    """Waveform (B, S) to its complex spectrogram (B, K, S / hop): column n is around hop n."""
    edge = (c.window - c.hop) // 2
    padded = F.pad(audio, (edge, edge + 1))
    return torch.stft(padded, c.window, c.hop, window=_window(c, audio.device), center=False,
                      return_complex=True)[..., : audio.shape[-1] // c.hop] / (c.window / 4)


def istft(spectrum: Tensor, c: SoundConfig) -> Tensor:
    """The waveform (B, S) whose spectrogram is nearest to this one (B, K, S / hop)."""
    window, edge = _window(c, spectrum.device), (c.window - c.hop) // 2
    columns = torch.fft.irfft(spectrum.transpose(1, 2) * (c.window / 4), c.window) * window
    n = spectrum.shape[-1]
    length = (n - 1) * c.hop + c.window

    def overlap(x: Tensor) -> Tensor:  # (B, n, window) -> (B, length)
        return F.fold(x.transpose(1, 2), (1, length), (1, c.window), stride=(1, c.hop))[:, 0, 0]

    weight = overlap((window**2).expand(1, n, -1)).clamp(min=1e-3)
    return (overlap(columns) / weight)[:, edge : edge + n * c.hop]


def _window(c: SoundConfig, device) -> Tensor:
    return torch.hann_window(c.window, device=device)


def first_phases(loud: Tensor, c: SoundConfig) -> Tensor:
    """Phases (B, K, n) that run on from column to column at the pitch which the loudness shows.

    A bin beside a peak leans towards it, and so tells how high the peak is (Pruša et al., "A
    noniterative method for reconstruction of phase from STFT magnitude", 2017, equation 17).
    """
    log = (loud + 1e-7).log()
    lean = F.pad(log[:, 2:] - log[:, :-2], (0, 0, 1, 1)) / 2
    spread = 0.25645 * c.window**2  # of the bell curve most like a Hann window
    bins = torch.arange(c.bins, device=loud.device)[:, None]
    turn = 2 * torch.pi * c.hop / c.window * bins + c.hop * c.window / spread * lean
    turn = (turn[..., 1:] + turn[..., :-1]) / 2
    return torch.pi * bins + F.pad(turn.cumsum(-1), (1, 0))


def griffin_lim(loud: Tensor, c: SoundConfig, rounds: int = ROUNDS) -> Tensor:
    """A waveform (B, S) whose spectrogram is as loud as `loud` (B, K, S / hop).

    From phases to a waveform, of whose spectrogram the phases are kept, and again, each time a
    little further than that.
    """
    turn = torch.polar(torch.ones_like(loud), first_phases(loud, c))
    before = torch.zeros_like(turn)
    for _ in range(rounds):
        now = stft(istft(loud * turn, c), c)
        ahead = now + 0.99 / 1.99 * (now - before)
        turn, before = ahead / ahead.abs().clamp(min=1e-9), now
    return istft(loud * turn, c)


def join(before: Tensor, after: Tensor, fade: int = 160) -> Tensor:
    """Sounds (B, S) and (B, S') that begin alike, S <= S': the first as far as it goes, then the
    other; over the last `fade` samples the one turns into the other, so that nothing clicks."""
    at = before.shape[-1]
    if at == after.shape[-1]:
        return before
    fade = min(fade, at)
    share = F.pad(torch.linspace(0, 1, fade, device=after.device), (at - fade, 0))
    return torch.cat([before * (1 - share) + after[..., :at] * share, after[..., at:]], -1)


# ---------------------------------------------------------------- the network


class Conv(nn.Module):
    """A convolution in time whose weight is kept as a matrix (out, in k), the shape that Muon
    takes: (B, in, n) -> (B, out, n)"""

    def __init__(self, inside: int, out: int, size: int = 1, zero: bool = False):
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.randn(out, inside * size) / (inside * size) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(out))
        if zero:
            nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, self.weight.unflatten(1, (-1, self.size)), self.bias,
                        padding=self.size // 2)


class Block(nn.Module):
    """Look at `size` neighbours in time, add what was seen: (B, C, n) alike"""

    def __init__(self, width: int, size: int):
        super().__init__()
        self.near, self.out = Conv(width, 2 * width, size), Conv(2 * width, width, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(F.silu(self.near(x)))


class SoundAutoencoder(nn.Module):
    """`encode`: waveform -> latents of about unit spread; `decode`: back again.

    A latent knows a sixteenth of a second and hardly more, so the beginning of a sound encodes
    like the whole; the decoder looks at neighbouring latents, so that no seams are heard.
    """

    hidden = (".near.", ".out.")  # matrices for Muon

    def __init__(self, config: SoundConfig = SoundConfig()):
        super().__init__()
        self.config = c = config
        fine, encoder, decoder = c.depth
        self.encoder = nn.Sequential(
            Conv(c.bins, c.fine_width), *[Block(c.fine_width, 5) for _ in range(fine)],
            Columns(c.group), Conv(c.group * c.fine_width, c.width),
            *[Block(c.width, 1) for _ in range(encoder)], Conv(c.width, c.channels),
        )
        self.decoder = nn.Sequential(
            Conv(c.channels, c.width), *[Block(c.width, 3) for _ in range(decoder)],
            Conv(c.width, c.group * c.fine_width), Columns(1 / c.group),
            *[Block(c.fine_width, 5) for _ in range(fine)], Conv(c.fine_width, c.bins),
        )
        self.register_buffer("mean", torch.zeros(c.channels, 1))
        self.register_buffer("scale", torch.ones(c.channels, 1))

    def columns(self, audio: Tensor) -> Tensor:
        """What the network sees of a waveform (B, S): the logarithm of loudness, (B, K, n)

        Raises `FormatError` where S is no multiple of the samples in a latent.
        """
        if audio.shape[-1] % self.config.samples or not audio.shape[-1]:
            raise FormatError(f"A sound of {audio.shape[-1]} samples cannot be encoded: the number "
                              f"must be a multiple of {self.config.samples}.")
        with torch.autocast(audio.device.type, enabled=False):
            return ((stft(audio.float(), self.config).abs() + QUIET).log() + 5) / 2.5

    def forward(self, columns: Tensor, noise: Tensor, strength: float | Tensor) -> Tensor:
        """Columns there and back, with noise (as the latents) of a share of their spread added
        between."""
        raw = self.encoder(columns)
        seen = raw.float()  # with its gradient: or else to grow would seem to outgrow the noise
        mean, square = (all_mean(x.mean((0, 2), keepdim=True)) for x in (seen, seen**2))
        spread = (square - mean**2).clamp(min=1e-12).sqrt()
        return self.decoder(raw + strength * spread * noise)

    def encode(self, audio: Tensor) -> Tensor:
        """audio (B, S) in [-1, 1] -> latents (B, C, S / samples)"""
        return (self.encoder(self.columns(audio)) - self.mean) / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, s) -> audio (B, S), clamped to [-1, 1]"""
        columns = self.decoder(latents * self.scale + self.mean).float()
        loud = ((columns * 2.5 - 5).clamp(max=2).exp() - QUIET).clamp(min=0)
        with torch.autocast(latents.device.type, enabled=False):
            return griffin_lim(loud, self.config).clamp(-1, 1)

    @torch.no_grad()
    def measure_scale(self, audio: Tensor) -> None:
        """Set mean and spread of the latents from sounds (B, S)."""
        raw = self.encoder(self.columns(audio)).float()
        self.mean.copy_(raw.mean((0, 2))[:, None])
        self.scale.copy_(raw.std((0, 2))[:, None])


class Columns(nn.Module):
    """Neighbouring columns become channels of one, (B, C, n) -> (B, C g, n / g), or with 1 / g
    channels become columns again."""

    def __init__(self, group: float):
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        if self.group > 1:
            return rearrange(x, "b c (n g) -> b (g c) n", g=int(self.group))
        return rearrange(x, "b (g c) n -> b c (n g)", g=round(1 / self.group))


def sound_loss(model: nn.Module, columns: Tensor, noise: Tensor, strength: float | Tensor = 0.1,
               events: float = 6.0) -> Tensor:
    """Mean absolute error of columns (B, K, n), with more weight where it is loud.

    noise as the latents: some of it, of that strength for all or (B, 1, 1) for each, teaches the
    decoder to forgive a denoiser's small errors.
    """
    loud = (columns * 2.5 - 5).exp()
    weight = 1 + events * (loud / 0.03).clamp(max=1)
    error = (model(columns, noise, strength).float() - columns).abs()
    return (error * weight).mean()
