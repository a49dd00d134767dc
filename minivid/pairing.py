"""Words and pictures in one space, learnt by contrast: each picture must find its own caption.

Two halves, as in CLIP (arXiv 2103.00020): words as a bag, a small convolutional half for pictures.
The loss makes their likeness tell how likely a caption is, seen a picture: among the captions of a
batch while learning (van den Oord et al., arXiv 1807.03748), among any rivals afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minivid.convnet import Conv
from minivid.layers import Condition, norm


class PictureLink(nn.Module):
    """`of_words` and `of_pictures` give vectors of length 1, alike where words fit the picture."""

    hidden = ("eye",)  # the matrices that Muon trains: its convolutions, and the last layer

    def __init__(self, words: int, width: int = 64):
        super().__init__()
        self.bag = nn.Embedding(words, width)  # a vector for each word; 0 is no word
        self.eye = nn.Sequential(  # (B, 3, 16, 16) to (B, 64, 8, 8), (B, 96, 4, 4) and (B, width)
            nn.PixelUnshuffle(2), Conv(12, 64), nn.SiLU(), Conv(64, 64), nn.SiLU(),
            nn.PixelUnshuffle(2), Conv(256, 96), nn.SiLU(),
            nn.Flatten(), nn.Linear(96 * 4 * 4, width))  # fmt: skip
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def of_words(self, words: Tensor) -> Tensor:
        """Captions (B, L) as numbers of words, in any order, to vectors (B, E)."""
        said = (words > 0)[..., None]
        return F.normalize((self.bag(words) * said).sum(1), dim=-1)

    def of_pictures(self, x_t: Tensor) -> Tensor:
        """Pictures (B, 3, 16, 16), at any level of noise, to vectors (B, E)."""
        return F.normalize(self.eye(x_t), dim=-1)

    def forward(self, x_t: Tensor, words: Tensor) -> Tensor:
        """How well each picture fits each caption, sharpened: (B, K) for (B, ...) and (K, L)."""
        return self.sharpness.exp() * self.of_pictures(x_t) @ self.of_words(words).T

    @torch.no_grad()
    def condition(self, words: Tensor) -> Condition:
        """Captions (B, L) as what a network is given: a vector for each word."""
        return Condition(norm(self.bag(words)), words > 0)


def contrast(score: Tensor, words: Tensor) -> Tensor:
    """Each picture must point at its own caption among all, and back: a scalar.

    score (B, B) of a link, words (B, L) of the captions; captions that are alike are no fault.
    """
    alike = (words[:, None] == words).all(-1) & ~torch.eye(len(words), dtype=torch.bool)
    score = score.masked_fill(alike, -torch.inf)
    own = torch.arange(len(words))
    return (F.cross_entropy(score, own) + F.cross_entropy(score.T, own)) / 2


def log_fit(link: PictureLink, words: Tensor, rivals: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of x_t (B, ...) and t: log of how likely `words` (B, L) are, seen x_t, (B,).

    Of all `rivals` (K, L), each as likely as the next before anything is seen.
    """
    own, others = link.of_words(words), link.of_words(rivals)  # (B, E), (K, E)

    def likely(x_t: Tensor, t: Tensor) -> Tensor:
        seen = link.sharpness.exp() * link.of_pictures(x_t)  # (B, E)
        return (seen * own).sum(1) - (seen @ others.T).logsumexp(1)

    return likely
