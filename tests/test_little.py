"""The little world and its machines: what it holds, how it is judged, and the ladder."""

from dataclasses import replace

import pytest
import torch
from tiny import hardly_trained

from minivid import ladder, little, slices
from minivid.errors import FormatError
from minivid.flow import add_noise, velocity_of
from minivid.folded import AHEAD, Folded
from minivid.layers import Condition
from minivid.paint import ClipFormat
from minivid.pool import UNSEEN
from minivid.presets import PRESETS
from minivid.tokens import Packing
from minivid.world import film, script

FMT = ClipFormat(48, 48, 9, 8)


def test_the_little_world_holds_what_it_says():
    seeds = little.seeds(200, FMT)
    truth = script(seeds, FMT, little.KNOBS)[1]
    one = truth.shape[:, 0], truth.colour[:, 0], truth.action[:, 0], truth.place
    assert [sorted(set(x.tolist())) for x in one] == [[0, 1], [0, 1, 4], [0, 1, 2, 3, 4], [0, 1]]
    assert (truth.size[:, 0] == 1).all() and (truth.shape[:, 1] < 0).all()
    assert set(truth.speed[:, 0].tolist()) == {-1, 1}
    assert len(seeds) == 200 and len(set(seeds.tolist())) == 200
    assert little.seeds(5, FMT, UNSEEN).min() >= UNSEEN > seeds.max()


def test_knobs_choose_things_colours_and_places_and_change_nothing_else():
    chosen = replace(little.KNOBS, colours=("purple",), places=("in the snow",), split="all")
    truth = script(torch.arange(60), FMT, chosen)[1]
    assert set(truth.colour[:, 0].tolist()) == {5} and set(truth.place.tolist()) == {3}
    with pytest.raises(FormatError, match="one or more"):
        replace(chosen, shapes=())
    with pytest.raises(FormatError, match="'pink'"):
        replace(chosen, colours=("pink",))


def test_real_films_are_as_asked_and_broken_ones_are_not():
    clips = little.unseen(24, FMT)
    found = little.measure(clips.video, clips.caption)
    assert found["as asked"] == found["kept"] == found["light"] == 1 and found["smooth"] > 0.8
    other = torch.cat([clips.video[:, :, :5], clips.video.roll(1, 0)[:, :, 5:]], 2)
    spliced = little.measure(other, clips.caption)
    assert spliced["as asked"] <= 0.1 and spliced["kept"] <= 0.5 and spliced["light"] <= 0.8
    shuffled = little.measure(clips.video[:, :, [0, 4, 8, 2, 6, 1, 5, 3, 7]], clips.caption)
    assert shuffled["light"] == 1 and shuffled["smooth"] < 0.2
    wrong = little.measure(clips.video, clips.caption[1:] + clips.caption[:1])
    assert wrong["as asked"] <= 0.2 and wrong["kept"] == 1
    assert little.as_asked(clips.video, clips.caption) == list(range(24))
    swapped = [*clips.caption[1:3], *clips.caption[2:]]
    assert little.as_asked(clips.video, swapped) == [*range(2, 24)]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return little.machine(hardly_trained(tmp_path, monkeypatch))


def some_clips(n=40, packing=None):
    packing = packing or Packing(ClipFormat(24, 24, 9), dim=8)
    dice = torch.Generator().manual_seed(0)
    tokens = torch.randn(n, packing.pictures, 8, generator=dice)
    return little.Clips(tokens, torch.randn(n, 3, 16, generator=dice),
                        torch.ones(n, 3, dtype=torch.bool), packing)


def test_words_are_hidden_where_they_shall_not_be_heard():
    clips = some_clips()
    clean, given = clips.some(torch.tensor([3, 7]), torch.tensor([True, False]))
    assert torch.equal(clean, clips.tokens[[3, 7]]) and torch.equal(given.text, clips.text[[3, 7]])
    assert given.text_mask.tolist() == [[True] * 3, [False] * 3]
    assert given.layout.positions.shape == (2, clips.packing.pictures, 3)


def test_diffusion_hides_a_tenth_of_the_captions_and_draws_a_level_each():
    clips, seen = some_clips(2000), []

    def model(x_t, t, given):
        seen.append((t, given.text_mask.any(1)))
        return torch.zeros_like(x_t)

    little.loss(model, clips, torch.Generator().manual_seed(0), batch=2000)
    (t, heard), = seen
    assert 0.07 < 1 - heard.float().mean() < 0.13
    assert 0 < t.min() < 0.1 and 0.9 < t.max() < 1 and t.median() < 0.45  # mostly near noise


def test_learning_learns_and_looks_on_the_way():
    clips, seen = some_clips(), []

    class Net(torch.nn.Module):
        hidden = ()

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(8))

        def forward(self, x_t, t, given):
            return x_t * 0 + self.weight

    def loss(net, dice):
        return ((net(clips.tokens, None, None) - 1) ** 2).mean()

    net, end = little.learn(Net(), loss, 300, at=(10, 300), look=lambda *a: seen.append(
        (a[0], float(a[1].weight.detach().mean()))))
    assert [step for step, _ in seen] == [10, 300] and seen[0][1] < seen[1][1]
    assert 0.7 < net.weight.mean() < 1.1 and end < 0.1


def test_the_convolution_honours_the_contract_in_any_format():
    for shape in ((24, 24), (24, 48)):
        packing = Packing(ClipFormat(*shape, 9), dim=10)
        net = Folded(Packing(ClipFormat(24, 24, 9), dim=10), 2, 16, width=16)
        for p in net.parameters():
            p.data += 0.1 * torch.randn_like(p)
        x, t = torch.randn(2, packing.pictures, 10), torch.tensor([0.3, 0.9])
        given = Condition(torch.randn(2, 3, 16), torch.ones(2, 3, dtype=torch.bool),
                          packing.layout(2))
        velocity = net(x, t, given)
        assert velocity.shape == x.shape and (velocity[..., 8:] == 0).all()
        other = x.clone()
        other[:, -1] += 1  # the last slab's last patch: all frames of its corner feel it
        moved = (net(other, t, given) - velocity)[0].abs().amax(-1).unflatten(0, packing.grid)
        assert (moved[:, -1, -1] > 0).all()


def test_an_untrained_convolution_says_where_nothing_lies():
    packing = Packing(ClipFormat(24, 24, 9), dim=8)
    net = Folded(packing, 2, 16, width=16)
    given = Condition(torch.zeros(1, 1, 16), torch.zeros(1, 1, dtype=torch.bool), packing.layout(1))
    clean = torch.zeros(1, packing.pictures, 8)
    noise = torch.randn_like(clean)
    for t in (0.0, 0.5, 1 - AHEAD):
        x_t = add_noise(clean, noise, torch.tensor([t]))
        assert torch.allclose(net(x_t, torch.tensor([t]), given), velocity_of(clean, noise),
                              atol=1e-4)


# ---------------------------------------------------------------- the ladder


def test_pixels_in_latents_place_lose_nothing():
    video = film(torch.arange(3), FMT, sound=False).video
    latents = ladder.Pixels().encode(video)
    assert latents.shape == (3, 432, 3, 8, 8)
    assert torch.allclose(ladder.Pixels().decode(latents), video, atol=1e-6)


def test_each_rung_takes_one_thing_out():
    whole = ladder.LADDER["the whole machine"]
    assert whole == ladder.Rung()
    for rung in ladder.LADDER.values():
        changed = {name for name, value in vars(rung).items() if value != getattr(whole, name)}
        assert len(changed - {"lr"}) <= 1


def test_a_ladder_is_climbed_stored_and_gone_on_with(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(little, "SIDE", 24)
    monkeypatch.setattr(little, "size_of", lambda preset: replace(preset, sound=None))
    monkeypatch.setattr(ladder, "WIDE", (1, 2))
    monkeypatch.setattr(ladder, "TALL", (2, 1))
    asked = {"the whole machine": ladder.Rung(clips=12),
             "a convolution, no transformer": ladder.Rung(clips=12, convolution=True),
             "three formats, not squares alone": ladder.Rung(clips=12, formats=((1, 2), (2, 1)))}
    monkeypatch.setattr(ladder, "LADDER", asked)
    path = tmp_path / "ladder.csv"
    first = next(ladder.climb(1, 0.01, 3, "tiny", path))
    assert first == ladder.stored(path)[0] and first["rung"] == "the whole machine"
    more = list(ladder.climb(1, 0.01, 3, "tiny", path))
    assert [row["rung"] for row in more] == list(asked)[1:] and more[-1]["steps"] >= 1
    assert ladder.stored(path) == [first, *more]
    assert list(ladder.climb(1, 0.01, 3, "tiny", path)) == []  # all is there
    assert len(ladder.table(ladder.stored(path)).splitlines()) == 4


# ---------------------------------------------------------------- the block


def test_a_block_shows_every_patch_with_its_first_frame_in_front():
    packing = PRESETS["laptop"].packing(FMT, heard=False)
    video = torch.ones(3, 9, 48, 48)
    video[1:, 1:5] = -1  # red from frame 1 to 4
    picture = slices.block(video, packing, "A block.").image
    colours = {colour: count for count, colour in picture.getcolors(100_000)}
    assert picture.width <= 960 and colours[(255, 0, 0)] > 16 * 30 * 30
