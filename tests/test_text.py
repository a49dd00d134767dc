"""Words: numbers, near misses, the contrast loss, and the shipped link between words and clips."""

import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minivid import checkpoints
from minivid import grammar as g
from minivid.compression import load_autoencoder
from minivid.errors import PromptError
from minivid.layers import Layout, norm
from minivid.pool import UNSEEN, Pool
from minivid.recipes import load_link
from minivid.text import (
    LENGTH,
    TIED,
    Link,
    TextConfig,
    TextEncoder,
    company_loss,
    contrast_loss,
    near_miss,
    neighbour_loss,
    tokenize,
)
from minivid.world import Knobs, script


def test_tokenize_counts_words_from_one_and_fills_up_with_zero():
    ids = tokenize(["a red ball", "A RED, ball!"])
    assert ids.shape == (2, LENGTH) and torch.equal(ids[0], ids[1])
    assert [g.VOCABULARY[n - 1] for n in ids[0, :3]] == ["a", "red", "ball"]
    assert not ids[0, 3:].any()


def test_unknown_words_are_left_out_and_a_prompt_of_nothing_else_is_refused():
    assert torch.equal(tokenize(["a shiny red ball"]), tokenize(["a red ball"]))
    with pytest.raises(PromptError, match="No word"):
        tokenize(["shiny gizmo"])
    with pytest.raises(PromptError, match="empty"):
        tokenize(["  "])


def test_no_caption_is_too_long():
    captions, _ = script(torch.arange(3000), knobs=Knobs(split="all"))
    assert max(len(c.split()) for c in captions) <= LENGTH


SPEAKING = Knobs(cast="one", actions=(g.ACTIONS[g.SAYS],))


@given(st.integers(0, 5000), st.booleans())
def test_a_near_miss_differs_in_a_word_or_in_the_order_of_two(seed, speaks):
    knobs = SPEAKING if speaks else Knobs()
    caption = script(torch.tensor([seed]), knobs=knobs)[0][0]
    wrong = near_miss(caption, random.Random(seed).randrange)
    differ = [(a, b) for a, b in zip(caption.split(), wrong.split(), strict=True) if a != b]
    assert len(differ) in (0, 1, 2)
    if len(differ) == 2:  # swapped colours or syllables
        assert differ[0] == differ[1][::-1]
        assert any(set(differ[0]) <= set(group) for group in (g.COLOURS, g.SYLLABLES))
    known = {*g.COLOURS, *g.SHAPES, *g.SIZES, *g.SPEEDS, *g.SYLLABLES}
    assert differ or not set(caption.split()) & known


def test_what_is_said_in_another_order_is_a_near_miss():
    said = {near_miss("a face says ma lo mi", random.Random(n).randrange) for n in range(60)}
    assert {"a face says lo ma mi", "a face says mi lo ma", "a face says ma mi lo"} < said
    assert "a face says ma lo lo" in said  # or one of them is another
    assert "a face says ma lo la" not in said  # which training never hears


def test_no_near_miss_tells_of_what_training_keeps_away():
    captions, _ = script(torch.arange(2000))
    for n, caption in enumerate(captions):
        told = g.parse(near_miss(caption, random.Random(n).randrange))
        assert not any(g.novelty(actor, told.place) for actor in told.actors), caption
    misses = {near_miss("a red star", random.Random(n).randrange) for n in range(200)}
    assert misses >= {f"a {colour} star" for colour in g.COLOURS if colour not in ("red", "green")}
    assert "a green star" not in misses and "a red ring" not in misses  # nor a pair of shapes


def test_a_word_that_leans_on_its_company_costs_what_it_differs_by():
    def encoder(ids):  # each word's number, and a little of the next
        return (ids + 0.5 * ids.roll(-1, 1))[..., None].float().expand(-1, -1, 3), ids > 0

    ids = torch.tensor([[7, 8, 9, 0], [7, 8, 9, 0]])
    wrong = torch.tensor([[7, 8, 5, 0], [7, 8, 9, 0]])  # 8 leans on 9, by 0.5 * (9 - 5)
    assert not set(ids.flatten().tolist()) & set(TIED.tolist())
    assert company_loss(encoder, ids, wrong).item() == pytest.approx(4 / 5)  # 2 + 3 words shared
    assert company_loss(lambda x: (x[..., None].float(), x > 0), ids, wrong).item() == 0
    for tied in TIED.tolist():  # where two are told of, or syllables said
        ids[0, 0] = wrong[0, 0] = tied
        assert company_loss(encoder, ids, wrong).item() == 0


def test_the_contrast_loss_is_chance_for_equal_scores_and_forgives_equal_captions():
    class Blank(torch.nn.Module):
        def forward(self, tokens, layout, ids):
            return torch.zeros(len(tokens), 4), torch.zeros(len(ids), 4)

    ids = tokenize(["a red ball", "a blue box", "a green cat", "a red ball"])
    wrong = tokenize(["a blue ball", "a red box", "a green box", "a red box"])
    loss = contrast_loss(Blank(), torch.zeros(4, 1, 1), None, ids, wrong)
    among = [7, 8, 8, 7]  # candidates left to each clip when equal captions are no fault
    back = [3, 4, 4, 3]
    expected = (torch.tensor(among).log().mean() + torch.tensor(back).log().mean()) / 2
    assert loss.item() == pytest.approx(expected.item(), abs=1e-5)


class Known(torch.nn.Module):
    """Vectors that tell each word's neighbours, `far` words away: right at 1, nothing at None."""

    def __init__(self, far):
        super().__init__()
        self.words, self.far = torch.nn.Embedding(len(g.VOCABULARY) + 1, 96), far

    def forward(self, ids):
        table, mask = norm(self.words.weight), ids > 0
        if self.far is None:
            return torch.zeros(*ids.shape, 96), mask
        wide, twice = torch.nn.functional.pad(ids, (self.far, self.far)), 2 * self.far
        before, after = table[wide[:, :-twice]], table[wide[:, twice:]]
        return 4 * (before.roll(-32, -1) + after.roll(-64, -1)), mask


def test_the_neighbour_loss_is_chance_for_empty_vectors_and_nought_for_telling_ones():
    torch.manual_seed(0)
    ids = tokenize(["a red ball bounces by day", "a face says ma lo mi"])
    assert neighbour_loss(Known(None), ids).item() == pytest.approx(
        math.log(len(g.VOCABULARY) + 1), abs=1e-4)
    assert neighbour_loss(Known(1), ids) < 0.01 < 5 < neighbour_loss(Known(2), ids)


def test_only_syllables_have_to_tell_their_neighbours():
    torch.manual_seed(0)
    ids = tokenize(["a red ball bounces by day", "a face says ma lo mi"])
    assert neighbour_loss(Known(None), ids[:1]).item() == 0
    encoder = TextEncoder(TextConfig())
    vectors = {}
    encoder.register_forward_hook(lambda module, given, out: vectors.update(x=out[0]))
    moved = torch.autograd.grad(neighbour_loss(encoder, ids), vectors["x"])[0].abs().sum(-1) > 0
    said = torch.zeros_like(moved)
    said[1, 3:6] = True
    assert torch.equal(moved, said)


def test_the_order_of_words_matters_and_padding_does_not():
    torch.manual_seed(0)
    link = Link(TextConfig(width=32, depth=1, clip_dim=8))
    for p in link.parameters():
        p.data = p.data + 0.1 * torch.randn_like(p)
    one, other = tokenize(["a red ball and a blue box", "a blue ball and a red box"])[:, None]
    assert not torch.allclose(link.of_text(one), link.of_text(other), atol=1e-3)
    assert torch.allclose(link.of_text(one), link.of_text(one[:, :8]), atol=1e-5)
    layout = Layout(torch.rand(1, 3, 3), torch.zeros(1, 3).long(), torch.ones(1, 3))
    assert link.of_clips(torch.randn(1, 3, 8), layout).norm().item() == pytest.approx(1, abs=1e-5)


def test_the_shipped_link_finds_the_caption_of_a_clip_it_never_saw():
    from minivid.presets import PRESETS

    preset = PRESETS["laptop"]
    autoencoder = load_autoencoder(checkpoints.find("autoencoder", "laptop"))
    link = load_link(checkpoints.find("text", "laptop"))
    pool = Pool(autoencoder, None, preset, preset.fmt, UNSEEN + torch.arange(64), "cpu")
    with torch.no_grad():
        clips = link.of_clips(pool.tokens.float(), pool.packing.layout(64))
        ids = tokenize(pool.captions, link.config.vocabulary)
        score = clips @ link.of_text(ids).T
    best = score.argmax(1)
    found = (ids[best] == ids).all(1).float().mean()
    assert found >= 0.5  # chance is 1/64
