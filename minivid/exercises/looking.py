"""Lesson 06: a look-up by hand, turning by the place, and tokens in another order."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from minivid.checks import Wrong, answer_of, draw, exercise, first_of, same
from minivid.layers import Rotary
from minivid.text import Block

Tensor = torch.Tensor


@exercise
def word_before(function: Callable) -> str | None:
    """word_before(keys): queries (N, d) with which each of N words looks at the one before it.

    keys (N, d) are of norm 1, each at right angles to all others; the first word looks at itself.
    """
    for n in (6, 9):
        keys = torch.linalg.qr(draw(12, 12, seed=n)).Q[:n]
        queries = answer_of(function, keys)
        same(queries, keys)  # is it a tensor of that shape?
        shares = (queries.float() @ keys.T / 12**0.5).softmax(-1)
        before = torch.cat([keys[:1], keys[:-1]])
        found = shares.argmax(1)
        if torch.equal(found, (before @ keys.T).argmax(1)):
            least = shares.amax(1).min().item()
            if least < 0.989:  # 99%, as 32 bits count
                return (f"each looks at the right one, but too softly, with {least:.1%} of its "
                        "attention: make the queries longer")
            continue
        rest = torch.arange(1, n)
        if torch.equal(found[rest], rest - 1):
            return "right but for the first word: nothing stands before it, so it looks at itself"
        if torch.equal(found[:-1], rest):
            return "they look at the word after; the one before has the key of the row above"
        if torch.equal(found, torch.arange(n)):
            return "each looks at itself: its query is its own key; take the key of the one before"
        return "a query finds the key that it is most like: take the key of the word before"
    return None


@exercise
def turned(function: Callable) -> str | None:
    """turned(x, places, rates): rotary positions: pairs of channels of x (N, d), each turned.

    places (N,), rates (d / 2,): pair k, of channels k and k + d / 2, turns by places * rates[k].
    """
    x, places = draw(7, 6, seed=1), torch.tensor([2.0, 5, 3, 9, 0, 4, 7])
    rates = torch.tensor([0.1, 0.5, 2.0])
    a, b = x.chunk(2, 1)
    angle = places[:, None] * rates
    cos, sin = angle.cos(), angle.sin()
    new_a, new_b = a * cos - b * sin, a * sin + b * cos
    truth = torch.cat([new_a, new_b], 1)
    by_row = torch.arange(7.0)[:, None] * rates
    twos = torch.stack([x[:, ::2] * cos - x[:, 1::2] * sin, x[:, ::2] * sin + x[:, 1::2] * cos], 2)
    faults = {
        "that turns the other way round": torch.cat([a * cos + b * sin, b * cos - a * sin], 1),
        "one sign is wrong: a * cos - b * sin, and a * sin + b * cos":
            torch.cat([a * cos + b * sin, a * sin + b * cos], 1),
        "the second half gets a * sin + b * cos":
            torch.cat([a * cos - b * sin, a * sin - b * cos], 1),
        "pairs are channels k and k + d / 2 here (neighbours would do as well, but not the same)":
            twos.flatten(1),
        "the halves come one after the other again: torch.cat, not one of each in turn":
            torch.stack([new_a, new_b], 2).flatten(1),
        "the second half needs the old a, before it was turned: keep it":
            torch.cat([new_a, new_a * sin + b * cos], 1),
        "that counts the rows: the places are given, and need not be 0, 1, 2, ...": torch.cat(
            [a * by_row.cos() - b * by_row.sin(), a * by_row.sin() + b * by_row.cos()], 1),
        "a wave is added: that tells places too, but scores then depend on more than the distance":
            x + torch.cat([cos, sin], 1),
        "that stretches: both channels of a pair go into each of the new ones":
            torch.cat([a * cos, b * sin], 1),
        "all turn at one rate: each pair has its own": torch.cat(
            [a * cos[:, :1] - b * sin[:, :1], a * sin[:, :1] + b * cos[:, :1]], 1),
        "nothing is turned yet": x,
    }  # fmt: skip
    return first_of(answer_of(function, x.clone(), places, rates), truth, faults,
                    "the angle is places[:, None] * rates, (N, d / 2); turn the first half of the "
                    "channels against the second")


class Trunk(nn.Module):
    """Two layers, with rotary positions: network(x, places, mask), of (B, N, 16) and (B, N, 1)."""

    def __init__(self):
        super().__init__()
        self.rotary = Rotary((0.5, 2.0, 4))
        self.blocks = nn.ModuleList(Block(16, 2) for _ in range(2))
        dice = torch.Generator().manual_seed(0)
        for p in self.parameters():
            nn.init.normal_(p, 0, 0.4, generator=dice)

    def forward(self, x: Tensor, places: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, self.rotary(places), mask)
        return x


@exercise
def other_order(function: Callable) -> str | None:
    """other_order(network, x, places, mask, order): ask with the tokens in another order, and give
    the answer in the old one, so that it is as if nothing had been shuffled.

    x (B, N, d), places (B, N, 1), mask (B, 1, N, N); order (N,): token order[n] comes as n-th.
    """
    network, asked = Trunk(), []
    x, places = draw(2, 7, 16, seed=2), torch.arange(7.0)[None, :, None].expand(2, 7, 1)
    mask = torch.ones(7, 7, dtype=torch.bool).tril().expand(2, 1, 7, 7)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    back = order.argsort()

    def watched(x: Tensor, places: Tensor, mask: Tensor | None = None) -> Tensor:
        asked.append(x)
        if mask is not None and mask.shape != (2, 1, 7, 7):
            raise Wrong(f"the mask that you hand on is {tuple(mask.shape)}, not (2, 1, 7, 7): "
                        "mask[:, :, order, order] picks single places; take rows, then columns")
        return network(x, places, mask)

    with torch.no_grad():
        answer = answer_of(function, watched, x, places, mask, order)
        rows, moved, seen = x[:, order], places[:, order], mask[:, :, order][..., order]
        done = network(rows, moved, seen)
        faults = {
            "the answer is still in the new order: bring it back": done,
            "bring it back with the inverse order, order.argsort()": done[:, order],
            "the places must travel with their tokens": network(rows, places, seen)[:, back],
            "the mask must travel too, on both of its last axes":
                network(rows, moved, mask)[:, back],
            "the mask must travel on both of its last axes: who looks, and at whom":
                network(rows, moved, mask[:, :, order])[:, back],
            "on both axes: the mask's rows, who looks, must travel too":
                network(rows, moved, mask[..., order])[:, back],
            "tokens travel; their places and the mask must travel with them":
                network(rows, places, mask)[:, back],
            "the tokens themselves were not shuffled": network(x, moved, seen)[:, back],
            "hand the mask on, shuffled too": network(rows, moved)[:, back],
        }  # fmt: skip
        fault = first_of(answer, network(x, places, mask), faults,
                         "shuffle tokens, places and mask alike, ask once, and undo the order")
    if fault is None and not all(torch.equal(x_asked, rows) for x_asked in asked):
        return "that is the answer without any shuffling: ask with x[:, order] only"
    return fault
