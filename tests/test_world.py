"""The world: a seed gives the same clip everywhere, and nothing held out is ever shown."""

import hashlib
from dataclasses import fields

import pytest
import torch

from minivid import acting
from minivid import grammar as g
from minivid import world as w
from minivid.dice import Dice
from minivid.errors import FormatError
from minivid.paint import ClipFormat

SEEDS = torch.arange(300)
SQUARE, WIDE, TALL = ClipFormat(), ClipFormat(48, 72), ClipFormat(72, 48)
PINS = {
    "truth": "8732e83f23d152c5156d1c154cab0d5515eb37636969541791ed56755721e588",
    "captions": "7849f8634af3919977f62d2cd9fd3cdd729d12d0836cb699d1136c0b3bef02f3",
}


def digest(truth: w.Truth) -> str:
    """Over whole numbers only: ten-thousandths, so the last bit of a sine does not count."""
    h = hashlib.sha256()
    for name in ("shape", "colour", "action", "size", "speed", "place", "position", "radius",
                 "visible"):
        value = getattr(truth, name)
        whole = (value * 1e4).round().long() if value.is_floating_point() else value.long()
        h.update(repr(whole.flatten().tolist()).encode())
    events = [sorted(sum(actors, [])) for actors in truth.events]
    h.update(repr([[round(e * 1e4) for e in times] for times in events]).encode())
    return h.hexdigest()


def test_truth_and_captions_never_change():
    captions, truth = w.script(SEEDS)
    assert hashlib.sha256("\n".join(captions).encode()).hexdigest() == PINS["captions"]
    assert digest(truth) == PINS["truth"]


@pytest.mark.parametrize("seeds", [[5], [5, 900], [7, 5, 3, 2**40 + 1, -4]])
def test_a_seed_gives_the_same_clip_in_any_batch(seeds):
    clip = w.film(torch.tensor(seeds))
    for b, seed in enumerate(seeds):
        alone = w.film([seed])
        assert torch.equal(alone.video[0], clip.video[b]) and alone.caption[0] == clip.caption[b]
        assert torch.equal(alone.truth.position[0], clip.truth.position[b])
        assert alone.truth.events[0] == clip.truth.events[b]


def test_pixels_are_in_range_and_shaped_as_said():
    for fmt in (SQUARE, WIDE, TALL, ClipFormat(64, 64, 33, 16), ClipFormat(32, 32, 1)):
        clip = w.film(torch.arange(24), fmt)
        assert clip.video.shape == (24, 3, fmt.frames, fmt.height, fmt.width)
        assert clip.video.min() >= -1 and clip.video.max() <= 1 and clip.fps == fmt.fps


def test_length_and_shape_of_the_frame_do_not_change_who_does_what():
    _, short = w.script(SEEDS, ClipFormat(frames=9))
    for fmt in (SQUARE, ClipFormat(frames=33), WIDE, TALL):
        captions, truth = w.script(SEEDS, fmt)
        for name in ("shape", "colour", "action", "size", "speed", "place"):
            assert torch.equal(getattr(truth, name), getattr(short, name)), name
        assert captions == w.script(SEEDS)[0]
    _, long = w.script(SEEDS, ClipFormat(frames=33))
    assert torch.allclose(long.position[:, :, :9], short.position)  # a longer film goes on
    _, fast = w.script(SEEDS, ClipFormat(frames=33, fps=16))
    assert torch.allclose(fast.position[:, :, ::2], w.script(SEEDS)[1].position)


@pytest.mark.parametrize("cast", ["one", "two", "any"])
@pytest.mark.parametrize("split", ["train", "pairs", "triples"])
def test_splits_hold_out_what_they_say(split, cast):
    _, truth = w.script(torch.arange(3000), knobs=w.Knobs(split=split, cast=cast))
    expected = {"train": None, "pairs": "pair", "triples": "triple"}[split]
    for b in range(3000):
        d = truth.describe(b)
        found = {g.novelty(a, d.place) for a in d.actors}
        assert found <= {None, expected} and (expected in found), d


def test_the_headline_is_never_in_training():
    knobs = w.Knobs(cast="one", actions=("rides a bicycle",))
    _, truth = w.script(torch.arange(6000), knobs=knobs)
    cats_in_rain = (truth.shape[:, 0] == 5) & (truth.place == 2)
    assert not cats_in_rain.any() and (truth.shape[:, 0] == 5).any() and (truth.place == 2).any()


def test_everything_allowed_happens():
    _, truth = w.script(torch.arange(20000), knobs=w.Knobs(cast="one"))
    seen = {(a, s, p) for a, s, p in
            zip(truth.shape[:, 0].tolist(), truth.action[:, 0].tolist(), truth.place.tolist())}
    allowed = [
        (s, a, p) for s, shape in enumerate(g.SHAPES[:6]) for a, action in enumerate(g.WORDLESS)
        for p, place in enumerate(g.PLACES)
        if g.novelty(g.Actor(shape, None, action), place) is None
    ]
    assert seen == set(allowed)
    told = ((g.COLOURS, truth.colour), (g.SIZES, truth.size), (g.SPEEDS, truth.speed))
    for words, values in told:
        assert set(values[:, 0].tolist()) - {-1} == set(range(len(words)))
    _, truth = w.script(torch.arange(50), knobs=w.Knobs(cast="one", actions=("says",)))
    assert (truth.shape[:, 0] == g.FACE).all()


def test_cast_and_two_colours():
    captions, truth = w.script(torch.arange(4000))
    two = truth.shape[:, 1] >= 0
    assert 0.2 < two.float().mean() < 0.3
    assert (truth.colour[two, 0] != truth.colour[two, 1]).all()
    assert (truth.position[two, 0, :, 1] < truth.position[two, 1, :, 1]).all()  # lanes
    assert all((" and " in c) == bool(t) for c, t in zip(captions, two))


@pytest.mark.parametrize(
    "fmt", [SQUARE, WIDE, TALL, ClipFormat(48, 60), ClipFormat(64, 64, 33, 16)])
def test_actors_are_big_enough_and_stay_in_the_picture(fmt):
    _, truth = w.script(torch.arange(4000), fmt)
    there = truth.shape >= 0
    half = torch.tensor(fmt.half)
    reach = (truth.position.abs() + truth.radius)[there]
    # at most a pixel and a half of 48 is cut off at an edge
    assert (reach <= half + 0.033).all(), (reach - half).amax((0, 1))
    across = 2 * truth.radius.amin((2, 3)) * 48  # pixels of a 48x48 film
    for name, least in (("small", 12), ("large", 18)):
        calm = (truth.size == g.SIZES.index(name)) & (truth.action != g.BOUNCES)
        assert across[calm].min() >= least
    plain = there & ~torch.isin(truth.action, torch.tensor([g.BOUNCES, g.GROWS, g.SHRINKS]))
    assert across[plain].min() >= 12


@pytest.mark.parametrize("fmt", [SQUARE, WIDE, TALL])
def test_behind_the_wall_nobody_is_seen_for_four_frames(fmt):
    knobs = w.Knobs(actions=("passes behind a wall",), cast="one")
    _, truth = w.script(torch.arange(500), fmt, knobs)
    hidden = (truth.visible[:, 0] == 0).sum(1)
    assert hidden.min() >= 4
    assert (truth.visible[:, 0, [0, -2, -1]] == 1).all()  # clear of the wall before and after
    x, rx = truth.position[:, 0, :, 1], truth.radius[:, 0, :, 1]
    share = acting.clear_share(x, rx, truth.scene.wall)
    assert torch.equal(share, truth.visible[:, 0])
    longer = w.script(torch.arange(50), WIDE, w.Knobs(actions=("passes behind a wall",), cast="one",
                                                      hidden=0.25))[1]
    assert (longer.visible[:, 0] < 1e-6).sum(1).min() >= 6


def test_bounces_touch_the_ground_when_they_say():
    knobs = w.Knobs(actions=("bounces",), cast="one")
    _, fine = w.script(torch.arange(100), ClipFormat(frames=2001, fps=1000), knobs)
    bottom = fine.position[:, 0, :, 0] + fine.radius[:, 0, :, 0]
    for b in range(100):
        (events,) = fine.events[b]
        assert 1 <= len(events) <= 3
        for event in events:
            at = round(event * 1000)
            assert bottom[b, at] == pytest.approx(0.5 - 0.06, abs=0.003)
            assert fine.radius[b, 0, at, 0] < fine.radius[b, 0, at, 1]  # squashed


def test_moves_go_where_they_say_and_speeds_are_apart():
    _, truth = w.script(torch.arange(4000), knobs=w.Knobs(actions=g.MOVES, cast="one"))
    gone = (truth.position[:, 0, -1] - truth.position[:, 0, 0])
    pace = (truth.position[:, 0, 1] - truth.position[:, 0, 0]).abs().amax(1) * 8
    signs = {g.LEFT: (0, -1), g.RIGHT: (0, 1), g.UP: (-1, 0), g.DOWN: (1, 0)}
    for action, (sy, sx) in signs.items():
        which = truth.action[:, 0] == action
        along = gone[which] @ torch.tensor([sy, sx], dtype=gone.dtype)
        assert along.min() > 0.2 and (gone[which].abs().amin(1) < 1e-9).all()
    slow, quick = (pace[truth.speed[:, 0] == i] for i in (0, 1))
    assert slow.max() < 0.23 and quick.min() > 0.43


def test_captions_leave_words_out_but_never_lie():
    captions, truth = w.script(torch.arange(2000))
    told = {"shape": 0, "colour": 0, "action": 0, "place": 0}
    for b, caption in enumerate(captions):
        full, said = truth.describe(b), g.parse(caption)
        assert len(full.actors) == len(said.actors)
        for a, s in zip(full.actors, said.actors):
            for f in fields(a):
                assert getattr(s, f.name) in (None, getattr(a, f.name)), caption
            for word in ("shape", "colour", "action"):
                told[word] += getattr(s, word) is not None
        assert said.place in (None, full.place)
        told["place"] += said.place is not None
    assert all(0.6 * 2000 < n < 0.99 * 2500 for n in told.values()), told


def test_knobs():
    only, truth = w.script(SEEDS, knobs=w.Knobs(distinct=7))
    assert len({repr(truth.describe(b)) for b in range(300)}) <= 7 and only[:7] == only[7:14]
    bare, _ = w.script(SEEDS, knobs=w.Knobs(richness=0.0, cast="one"))
    words = set(" ".join(bare).split())
    assert not words & {*g.COLOURS, *g.SPEEDS, *g.SIZES, "rain", "bouncing"}
    held, _ = w.script(SEEDS, knobs=w.Knobs(phrasings="held out", cast="one"))
    trained = w.script(SEEDS, knobs=w.Knobs(cast="one"))[0]
    assert sum(caption in trained for caption in held) <= 10  # alike where no action is told
    with pytest.raises(FormatError):
        w.script(SEEDS, knobs=w.Knobs(cast="two", actions=("circles",)))
    with pytest.raises(FormatError):
        w.script(SEEDS, knobs=w.Knobs(split="pairs", actions=("rides a bicycle",), cast="two"))
    for wrong in ({"cast": "both"}, {"split": "pair"}, {"actions": ("jumps",)}, {"actions": ()},
                  {"phrasings": "test"}, {"style": "inky"}, {"richness": 2.0}):
        with pytest.raises(FormatError, match=next(iter(wrong))):
            w.Knobs(**wrong)


def test_dice_are_even():
    dice = Dice(torch.arange(20000))
    u = dice.uniform(3)
    assert 0 <= u.min() and u.max() < 1 and abs(float(u.mean()) - 0.5) < 0.01
    counts = torch.bincount(dice.choice(4, 6)[:, 0], minlength=6)
    assert (counts / 20000 - 1 / 6).abs().max() < 0.01
    other = Dice(torch.arange(1, 20001))
    both = torch.stack([dice.uniform(3), dice.uniform(4), other.uniform(3)])
    assert (torch.corrcoef(both) - torch.eye(3)).abs().max() < 0.03
