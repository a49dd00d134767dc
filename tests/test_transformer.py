"""The transformer honours the contract: addresses, kinds, masks and a noise level per token."""

import copy
from dataclasses import replace

import pytest
import torch

from minivid.layers import PICTURE, SOUND, Attention, Condition, Layout, Rotary, attend, rotate
from minivid.paint import ClipFormat
from minivid.tokens import Packing
from minivid.transformer import Transformer, TransformerConfig


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    net = Transformer(TransformerConfig(dim=12, text_width=16, depth=2)).eval()
    for p in net.parameters():  # nothing is zero, so that every path shows
        p.data = p.data + 0.1 * torch.randn_like(p)
    return net


def given_for(packing, batch=2, words=5):
    torch.manual_seed(1)
    mask = torch.ones(batch, words, dtype=torch.bool)
    return Condition(torch.randn(batch, words, 16), mask, packing.layout(batch))


PACKING = Packing(ClipFormat(24, 24, 9), dim=12)
SOUNDING = Packing(ClipFormat(24, 24, 9), dim=12, sound=6)


def tokens(packing, batch=2):
    return torch.randn(batch, packing.pictures + packing.sound, 12)


def test_velocity_has_the_shape_of_x_t_and_an_untrained_network_says_zero():
    fresh = Transformer(TransformerConfig(dim=12, text_width=16, depth=1))
    x = tokens(PACKING)
    velocity = fresh(x, torch.tensor([0.2, 0.8]), given_for(PACKING))
    assert velocity.shape == x.shape and not velocity.any()


def test_t_per_token_equals_t_per_sample_when_all_agree(model):
    x, given = tokens(PACKING), given_for(PACKING)
    t = torch.tensor([0.3, 0.9])
    assert torch.allclose(model(x, t, given), model(x, t[:, None].expand(-1, 12), given), atol=1e-5)


def test_the_layout_of_one_clip_does_for_all(model):
    x, given, t = tokens(SOUNDING), given_for(SOUNDING), torch.tensor([0.3, 0.9])
    for each in (given, given.without("sound")):
        shared = replace(each, layout=SOUNDING.layout(1))
        assert torch.allclose(model(x, t, each), model(x, t, shared), atol=1e-5)
    assert given.layout.heard and not PACKING.layout(2).heard
    assert SOUNDING.layout(1) is SOUNDING.layout(1)  # made once


def test_one_tokens_t_reaches_the_others(model):
    x, given, t = tokens(PACKING), given_for(PACKING), torch.full((2, 12), 0.5)
    other = t.clone()
    other[:, 0] = 1.0
    change = (model(x, t, given) - model(x, other, given)).abs().amax((0, 2))
    assert (change > 1e-5).all()


def test_permuting_tokens_with_their_addresses_permutes_the_output(model):
    x, given, t = tokens(SOUNDING), given_for(SOUNDING), torch.full((2,), 0.4)
    order = torch.randperm(x.shape[1])
    lay = given.layout
    moved = replace(given, layout=Layout(lay.positions[:, order], lay.kind[:, order], lay.extent))
    out = model(x, t, given)
    assert torch.allclose(model(x[:, order], t, moved), out[:, order], atol=1e-4)
    assert not torch.allclose(model(x[:, order], t, given), out[:, order], atol=1e-2)


def test_without_text_only_the_null_row_is_read(model):
    x, given, t = tokens(PACKING), given_for(PACKING), torch.full((2,), 0.4)
    other = replace(given, text=torch.randn_like(given.text))
    assert not torch.allclose(model(x, t, given), model(x, t, other), atol=1e-3)
    assert torch.equal(model(x, t, given.without("text")), model(x, t, other.without("text")))


def test_padding_words_change_nothing(model):
    x, given, t = tokens(PACKING), given_for(PACKING), torch.full((2,), 0.4)
    longer = replace(given, text=torch.cat([given.text, torch.randn(2, 3, 16)], 1),
                     text_mask=torch.cat([given.text_mask, torch.zeros(2, 3).bool()], 1))
    assert torch.allclose(model(x, t, given), model(x, t, longer), atol=1e-5)


def test_without_sound_no_kind_sees_another(model):
    x, given, t = tokens(SOUNDING), given_for(SOUNDING), torch.full((2,), 0.4)
    n = SOUNDING.pictures
    louder = x.clone()
    louder[:, n:] += 1
    assert not torch.allclose(model(x, t, given)[:, :n], model(louder, t, given)[:, :n], atol=1e-3)
    apart = given.without("sound")
    assert torch.allclose(model(x, t, apart)[:, :n], model(louder, t, apart)[:, :n], atol=1e-5)


def test_kinds_have_matrices_of_their_own(model):
    x, given, t = tokens(SOUNDING), given_for(SOUNDING), torch.full((2,), 0.4)
    all_pictures = replace(given, layout=replace(given.layout, kind=given.layout.kind * 0))
    assert not torch.allclose(model(x, t, given), model(x, t, all_pictures), atol=1e-2)


@pytest.mark.parametrize("kind", [PICTURE, SOUND])
def test_each_token_is_told_its_kind(model, kind):
    x, given, t = tokens(SOUNDING), given_for(SOUNDING).without("sound"), torch.full((2,), 0.4)
    other = copy.deepcopy(model)
    other.kind.data[kind] += torch.linspace(-1, 1, other.kind.shape[1])
    moved = (other(x, t, given) - model(x, t, given)).abs().amax((0, 2)) > 1e-4
    assert torch.equal(moved, given.layout.kind[0] == kind)


def test_walls_are_seen_though_distances_between_tokens_stay(model):
    x, given, t = tokens(PACKING), given_for(PACKING), torch.full((2,), 0.4)
    lay = given.layout
    shifted = replace(given, layout=replace(lay, positions=lay.positions + 0.1))
    assert not torch.allclose(model(x, t, given), model(x, t, shifted), atol=1e-3)


def test_the_centre_is_seen_however_far_the_edges_are():
    net = Transformer(TransformerConfig(dim=16, text_width=32, depth=1))
    with torch.no_grad():
        net.walls.weight[:, : 6 * 12] = 0  # distances to start, end and edges
    small, wide = (Packing(ClipFormat(24, width, 5), dim=16).layout(1) for width in (24, 72))
    across = small.positions[0, :, 1:], wide.positions[0, :, 1:]
    here, there = net.address(small)[0], net.address(wide)[0]
    for n, place in enumerate(across[0]):
        same = (across[1] == place).all(1)
        assert same.any() and torch.allclose(there[same], here[n].expand_as(there[same]), atol=1e-6)
    assert (here[0] - here[1]).abs().max() > 0.01  # the left patch and the right one


@pytest.mark.parametrize("reach, alike", [(0.375, True), (None, False)])
def test_an_edge_is_felt_within_its_reach(reach, alike):
    net = Transformer(TransformerConfig(dim=16, text_width=32, depth=1, reach=reach))
    five, seven = (Packing(ClipFormat(48, 12 * n, 5), dim=16).layout(1) for n in (5, 7))
    here, there = (net.address(x)[0].unflatten(0, (2, 4, -1)) for x in (five, seven))
    # rows of five and of seven patches have the same ones in the middle
    assert torch.allclose(here[:, :, 1:4], there[:, :, 2:5], atol=1e-6) == alike
    off = (here[:, :, [0, 4]] - there[:, :, [1, 5]]).abs().amax((0, 1, 3))
    assert off.min() > 0.01  # next to the edge of one frame, not of the other


def test_angles_are_not_rounded_under_autocast():
    rotary, where = Rotary((0.8, 25.0, 4)), torch.tensor([[[1.8125], [1.7]]])
    with torch.autocast("cpu", torch.bfloat16):
        turned = rotary(where)
    assert all(torch.equal(a, b) for a, b in zip(turned, rotary(where)))


def test_rotation_makes_scores_depend_on_distance_alone():
    rotary = Rotary((0.5, 9.0, 4))
    q, k = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def scored(a, b):
        turn = [rotary(torch.tensor([[[float(p)]]])) for p in (a, b)]
        return (rotate(q, turn[0]) * rotate(k, turn[1])).sum()

    assert torch.allclose(scored(0.2, 1.0), scored(5.2, 6.0), atol=1e-4)
    assert not torch.allclose(scored(0.2, 1.0), scored(0.2, 1.3), atol=1e-2)


@pytest.mark.parametrize("masked", [False, True])
def test_attending_agrees_with_torchs_own(masked):
    q, k, v = torch.randn(2, 3, 5, 8), torch.randn(2, 3, 7, 8), torch.randn(2, 3, 7, 8)
    mask = (torch.arange(7) < torch.tensor([[7], [4]]))[:, None, None] if masked else None
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    assert torch.allclose(attend(q, k, v, mask), theirs, atol=1e-6)
    with torch.no_grad():  # where another kernel may do it
        assert torch.allclose(attend(q, k, v, mask), theirs, atol=1e-6)


def test_attention_is_that_of_normed_queries_and_keys():
    torch.manual_seed(0)
    layer = Attention(16, 2)
    torch.nn.init.normal_(layer.out.weight)
    x = torch.randn(2, 5, 16)
    q, (k, v) = layer.query(x), layer.key_value(x).chunk(2, -1)

    def heads(y):
        return y.unflatten(-1, (2, 8)).transpose(1, 2)

    def unit(y):
        y = y - y.mean(-1, keepdim=True)
        return y / (y.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()

    weight = (unit(heads(q)) @ unit(heads(k)).mT * 2 / 8**0.5).softmax(-1)
    expected = layer.out((weight @ heads(v)).transpose(1, 2).flatten(2))
    assert torch.allclose(layer(x), expected, atol=1e-5)
