"""Words to vectors, learnt by contrast: a caption must find its own clip among many.

Two halves, as in CLIP (2103.00020): `TextEncoder` turns a caption into one vector a word, and
`ClipEncoder` a clip's tokens into one vector. Among the wrong captions are some that differ in a
single word, or have their colours or syllables swapped, so that the order of words must be
understood (2210.01936).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import nn

from . import grammar as g
from .layers import MLP, Attention, Layout, Linear, Rotary, norm

Tensor = torch.Tensor
SPOKEN = torch.tensor([1 + g.VOCABULARY.index(word) for word in g.SYLLABLES])
TIED = torch.cat([SPOKEN, torch.tensor([1 + g.VOCABULARY.index("and")])])
LENGTH = 20  # words of the longest caption, with room to spare
TRIES = 20   # at a near miss that may be told


def tokenize(captions: list[str], vocabulary: tuple[str, ...] = g.VOCABULARY) -> Tensor:
    """Captions to numbers (B, LENGTH), 0 after the end; unknown words are left out.

    Raises `PromptError` for a prompt in which no word is known.
    """
    number = {word: n + 1 for n, word in enumerate(vocabulary)}
    ids = torch.zeros(len(captions), LENGTH, dtype=torch.long)
    for row, caption in zip(ids, captions):
        known = [number[w] for w in g.words_of(caption)[0] if w in number][:LENGTH]
        row[: len(known)] = torch.tensor(known)
    return ids


@dataclass(frozen=True)
class TextConfig:
    """Words known, and sizes of the text encoder; kept inside its checkpoint."""

    vocabulary: tuple[str, ...] = g.VOCABULARY
    width: int = 96
    depth: int = 2
    clip_dim: int = 44  # numbers in a clip's token

    @property
    def heads(self) -> int:
        return self.width // 32


class Block(nn.Module):
    """Look at the others, then think."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.look, self.think = Attention(width, heads), MLP(width)

    def forward(self, x: Tensor, turn, mask=None) -> Tensor:
        x = x + self.look(norm(x), turn, mask)
        return x + self.think(norm(x))


class TextEncoder(nn.Module):
    """Captions as numbers (B, L) -> a vector for each word (B, L, E), and the mask (B, L)."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.words = nn.Embedding(len(config.vocabulary) + 1, config.width)
        self.rotary = Rotary((0.05, 2.0, config.width // config.heads // 2))
        blocks = [Block(config.width, config.heads) for _ in range(config.depth)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        mask = ids > 0
        order = torch.arange(ids.shape[1], device=ids.device).float()[None, :, None]
        turn, seen = self.rotary(order), mask[:, None, None]
        x = norm(self.words(ids))  # (B, L, E)
        for block in self.blocks:
            x = block(x, turn, seen)
        return norm(x), mask


class ClipEncoder(nn.Module):
    """A clip's picture tokens (B, N, D) with their layout -> one vector (B, E)."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.into = Linear(config.clip_dim, config.width)
        pairs = config.width // config.heads // 2
        self.rotary = Rotary((0.8, 12.0, pairs - 10), (0.8, 14.0, 5), (0.8, 14.0, 5))
        blocks = [Block(config.width, config.heads) for _ in range(config.depth)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, tokens: Tensor, layout: Layout) -> Tensor:
        x, turn = norm(self.into(tokens)), self.rotary(layout.positions)
        for block in self.blocks:
            x = block(x, turn)
        return norm(x).mean(1)


class Link(nn.Module):
    """Both halves in one space: `of_text` and `of_clips` give unit vectors, alike if they fit."""

    hidden = ("blocks.",)  # matrices for Muon

    def __init__(self, config: TextConfig = TextConfig()):
        super().__init__()
        self.config = config
        self.encoder, self.clips = TextEncoder(config), ClipEncoder(config)
        self.text_out = Linear(config.width, config.width)
        self.clip_out = Linear(config.width, config.width)
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def of_text(self, ids: Tensor) -> Tensor:
        """Words (B, L) as ids to one vector of length 1 a caption: (B, E)"""
        x, mask = self.encoder(ids)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return F.normalize(self.text_out(mean), dim=-1)

    def of_clips(self, tokens: Tensor, layout: Layout) -> Tensor:
        """Tokens (B, N, D) to one vector of length 1 a clip: (B, E)"""
        return F.normalize(self.clip_out(self.clips(tokens, layout)), dim=-1)

    def forward(self, tokens: Tensor, layout: Layout, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of clips, made as long as the link is sure, and of captions: both (B, E)"""
        clips = self.of_clips(tokens, layout) * self.sharpness.exp()
        return clips, self.of_text(ids)

    def encode(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Captions -> text (B, L, E) and its mask (B, L), for a `Condition`."""
        ids = tokenize(captions, self.config.vocabulary)
        return self.encoder(ids.to(self.text_out.weight.device))


def contrast_loss(link: Link, tokens: Tensor, layout: Layout, ids: Tensor, wrong: Tensor) -> Tensor:
    """Each clip must point at its caption among all captions and all their near misses, and back.

    tokens (B, N, D), ids (B, L), wrong (B, L): near misses. Captions that are alike are no fault.
    """
    clips, texts = link(tokens, layout, torch.cat([ids, wrong]))
    with torch.autocast(clips.device.type, enabled=False):  # scores differ by little: no rounding
        score = clips.float() @ texts.float().T  # (B, 2B), sharpened already
    same = (torch.cat([ids, wrong])[None] == ids[:, None]).all(-1)  # (B, 2B)
    other = same & ~torch.eye(len(ids), len(texts), dtype=torch.bool, device=ids.device)
    score = score.masked_fill(other, -torch.inf)
    target = torch.arange(len(ids), device=ids.device)
    return (F.cross_entropy(score, target) + F.cross_entropy(score[:, : len(ids)].T, target)) / 2


def neighbour_loss(encoder: TextEncoder, ids: Tensor) -> Tensor:
    """How badly a syllable's vector tells the words before and after it: cross-entropy, a scalar.

    ids (B, L), 0 at the end. The contrast alone may pass over the order of syllables, which is hard
    to see. A vector shifted by a third, and by two thirds, must point at the neighbours' own. Of
    other words nothing of the kind is asked: in a colour never shown with it, a shape would have a
    vector that no training had.
    """
    (x, _), third = encoder(ids), encoder.words.embedding_dim // 3
    said = torch.isin(ids, SPOKEN.to(ids.device))
    if not said.any():
        return x.sum() * 0
    table = norm(encoder.words.weight)  # (V + 1, E); 0 stands for no word
    none = torch.zeros_like(ids[:, :1])
    sides = torch.cat([none, ids[:, :-1]], 1), torch.cat([ids[:, 1:], none], 1)
    losses = [F.cross_entropy((x.roll(n * third, -1)[said] @ table.T).float() / 8, side[said])
              for n, side in enumerate(sides, 1)]
    return sum(losses) / 2


def company_loss(encoder: TextEncoder, ids: Tensor, wrong: Tensor) -> Tensor:
    """How much a word's vector leans on the company it keeps: mean squared difference, a scalar.

    ids and their near misses `wrong`, both (B, L): a word that stands in both should mean the same.
    Else the star of a green star, a colour never shown with it, is like none that was. Sentences
    with syllables or two actors are left out: there a word has to tell whom it is beside.
    """
    (x, mask), (y, _) = encoder(ids), encoder(wrong)
    tied = torch.isin(ids, TIED.to(ids.device)).any(1, keepdim=True)
    shared = (mask & (ids == wrong) & ~tied)[..., None]
    return (((x - y) ** 2) * shared).sum() / (shared.sum() * x.shape[-1]).clamp(min=1)


# ---------------------------------------------------------------- near misses

_ALIKE = (g.COLOURS, g.SHAPES, g.SIZES, g.SPEEDS, g.WAYS,
          ("day", "night"), ("rain", "snow"), g.SYLLABLES)
_KIND = {word: group for group in _ALIKE for word in group}


def near_miss(caption: str, pick) -> str:
    """The caption with two colours or syllables swapped, or one word replaced by another of its
    kind; never one that tells of a combination which training keeps away.

    pick(n) draws an integer below n.
    """
    for _ in range(TRIES):
        wrong = _changed(caption, pick)
        told = g.parse(wrong)
        if not any(g.novelty(actor, told.place) for actor in told.actors):
            return wrong
    return caption  # alike is no fault


def _changed(caption: str, pick) -> str:
    words = caption.split()
    pairs = [(a, b) for group in (g.COLOURS, g.SYLLABLES)
             for a, b in combinations([n for n, w in enumerate(words) if w in group], 2)
             if words[a] != words[b]]
    if pairs and pick(2):
        a, b = pairs[pick(len(pairs))]
        words[a], words[b] = words[b], words[a]
        return " ".join(words)
    places = [n for n, w in enumerate(words) if w in _KIND]
    if places:
        at = places[pick(len(places))]
        others = [w for w in _KIND[words[at]] if w != words[at]]
        words[at] = others[pick(len(others))]
    return " ".join(words)
