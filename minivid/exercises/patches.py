"""Lesson 07: a patch's number in the row, cut and join by hand, addresses, and a shuffled row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from minivid.checks import answer_of, draw, exercise, first_of, same
from minivid.layers import Condition
from minivid.paint import ClipFormat
from minivid.tokens import Packing, patchify
from minivid.transformer import Transformer, TransformerConfig

Tensor = torch.Tensor


@exercise
def number_of(function: Callable) -> str | None:
    """number_of(slab, row, column, down, across): a patch's number in the row of tokens."""
    for slab, row, column, down, across in ((0, 1, 2, 3, 5), (2, 1, 0, 3, 5), (1, 2, 3, 4, 6)):
        answer = answer_of(function, slab, row, column, down, across)
        truth = (slab * down + row) * across + column
        faults = {
            "a row of patches is `across` long, and a slab `down` rows high":
                (slab * across + row) * down + column,
            "columns come last: patches side by side are neighbours in the row of tokens":
                (slab * across + column) * down + row,
            "time comes first: all patches of a slab, then the next slab":
                (row * across + column) * 3 + slab,
            "a slab has down * across patches": (slab + row) * across + column,
            "use `down` and `across` as given: slabs are not always of 4 x 4 patches":
                slab * 16 + row * 4 + column,
            "count from 0: before the first patch there is none": truth + 1,
        }
        fault = first_of(torch.tensor(float(answer)), torch.tensor(float(truth)),
                         {hint: torch.tensor(float(wrong)) for hint, wrong in faults.items()},
                         "how many whole slabs come before it, how many whole rows, and how many "
                         "patches in its own row?")
        if fault:
            return fault
    return None


@exercise
def join(function: Callable) -> str | None:
    """join(tokens, f, h, w, p): the latents (B, C, f, h, w) again, cut into patches of p x p."""
    for n, (c, f, h, w, p) in enumerate(((2, 3, 4, 6, 2), (3, 2, 9, 3, 3), (1, 1, 5, 7, 1))):
        latents = draw(2, c, f, h, w, seed=20 + n)
        tokens = patchify(latents, p)
        answer = answer_of(function, tokens, f, h, w, p)
        cells = tokens.view(2, f, h // p, w // p, c, p, p)
        faults = {
            "the numbers lie as in the row of tokens: permute before you reshape":
                tokens.reshape(2, c, f, h, w),
            "a token's numbers are a patch's, not one channel's: permute before you reshape":
                tokens.transpose(1, 2).reshape(latents.shape),
            "those are `cut`'s numbers: going back takes others":
                cells.permute(0, 2, 3, 5, 1, 4, 6).reshape(latents.shape),
            "a patch's numbers are channel, row, column: view(..., C, p, p), not (..., p, p, C)":
                tokens.view(2, f, h // p, w // p, p, p, c).permute(0, 6, 1, 2, 4, 3, 5)
                .reshape(latents.shape),
            "rows and columns inside a patch are exchanged":
                cells.permute(0, 4, 1, 2, 6, 3, 5).reshape(latents.shape),
            "each row of patches goes with the row inside it, each column with the column inside":
                cells.permute(0, 4, 1, 2, 3, 5, 6).reshape(latents.shape),
            "the row inside a patch comes after the row of patches, not before":
                cells.permute(0, 4, 1, 5, 2, 6, 3).reshape(latents.shape),
        }
        fault = first_of(answer, latents, faults,
                         "undo `cut`: view as (B, f, h // p, w // p, C, p, p), permute to "
                         "(B, C, f, h // p, p, w // p, p), reshape")
        if fault:
            return fault
    return None


@exercise
def middles(function: Callable) -> str | None:
    """middles(frames, fps, group): the seconds that each slab's patches have as their address."""
    for frames, fps, group in ((9, 8, 4), (17, 8, 4), (13, 6, 3)):
        answer = answer_of(function, frames, fps, group)
        slabs = torch.arange(1 + (frames - 1) // group)
        packing = Packing(ClipFormat(12, 12, frames, fps), dim=4, group=group)
        truth = packing.layout(1).positions[0, :, 0]
        faults = {
            "those are numbers of slabs, not seconds": slabs,
            "those are numbers of frames: divide by fps": truth * fps,
            "that is when the last frame of each slab is shown: take the middle of its frames":
                slabs * group / fps,
            "that is when the first frame of each slab is shown: take the middle of its frames":
                (slabs * group - group + 1).clamp(min=0) / fps,
            "the first slab is frame 0 alone, at 0 s": (slabs * group - (group - 1) / 2) / fps,
            "use `group` as given, not 4": (slabs * 4 - 1.5).clamp(min=0) / fps,
            "use `group` as given: half of what is left of it is not always 1.5":
                (slabs * group - 1.5).clamp(min=0) / fps,
            "use `fps` as given, not 8": truth * fps / 8,
            "use `group` and `fps` as given, not 4 and 8": (slabs * 4 - 1.5).clamp(min=0) / 8,
            "the first slab is frame 0 alone, so slab 1 begins with frame 1":
                (slabs * group + (group - 1) / 2) / fps,
        }
        fault = first_of(answer, truth, {hint: wrong.float() for hint, wrong in faults.items()},
                         "slab k from 1 on holds the frames (k - 1) * group + 1 to k * group: "
                         "their mean, divided by fps")
        if fault:
            return fault
    return None


@exercise
def reordered(function: Callable) -> str | None:
    """reordered(model, x_t, t, given, order): the velocity, asked with the row in another order.

    Token `order[n]` comes n-th, with its address; the answer is in the old order again.
    """
    packing = Packing(ClipFormat(24, 36, 9), dim=8)
    torch.manual_seed(30)
    net = Transformer(TransformerConfig(dim=8, text_width=16, depth=1)).eval()
    for p in net.parameters():
        p.data += 0.2 * torch.randn_like(p)
    x_t, t = draw(2, packing.pictures, 8, seed=31), torch.full((2,), 0.4)
    given = Condition(draw(2, 3, 16, seed=32), torch.ones(2, 3, dtype=torch.bool),
                      packing.layout(2))
    order = torch.randperm(packing.pictures, generator=torch.Generator().manual_seed(33))
    asked = []

    def model(x: Tensor, time: Tensor, told: Condition) -> Tensor:
        asked.append((x, told))
        with torch.no_grad():
            return net(x, time, told)

    answer = answer_of(function, model, x_t, t, given, order)
    tried = [x for x, _ in asked]  # what the learner asked with
    back = order.argsort()
    plain = model(x_t, t, given)

    def readdressed(order: Tensor) -> Condition:
        positions = given.layout.positions[:, order]
        return replace(given, layout=replace(given.layout, positions=positions))

    moved = readdressed(order)
    faults = {
        "the addresses stayed where they were: they must move with their tokens":
            model(x_t[:, order], t, given)[:, back],
        "only the addresses were moved: the tokens must move with them":
            model(x_t, t, moved)[:, back],
        "neither addresses nor the way back: both must follow the tokens":
            model(x_t[:, order], t, given),
        "the answer is still in the new order: undo it with order.argsort()":
            plain[:, order],
        "that is the order undone, not `order`: token order[n] comes n-th, so x_t[:, order]":
            plain[:, back],
        "the answer is still in the new order, and its addresses go by another: both take `order`":
            model(x_t[:, order], t, readdressed(back)),
        "addresses go by `order` as well: order.argsort() is for the answer alone":
            model(x_t[:, order], t, readdressed(back))[:, back],
        "only the addresses were moved: the tokens must move with them, and the answer back":
            model(x_t, t, moved),
        "that applies the order twice; order.argsort() undoes it": plain[:, order][:, order],
    }
    fault = first_of(answer, plain, faults,
                     "move x_t[:, order] and the layout's positions[:, order]; then undo it")
    if fault is None and any(same(x, x_t) for x in tried):
        return "that asks with the row in its old order: put x_t[:, order] in"
    if fault is None and not all(same(x, x_t[:, order]) for x in tried):
        return "that asks in another order than `order`: put x_t[:, order] in"
    return fault
