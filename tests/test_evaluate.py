"""The table of scores is whole, whatever the machine is worth, and its parts mean what they say."""

import json
from functools import partial

import pytest
import torch
from tiny import TINY

from minivid import checkpoints, evaluate, runs
from minivid import grammar as g
from minivid.generate import Machine
from minivid.recipes import TAUGHT
from minivid.world import Knobs, film


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The tiny machine, hardly trained: its films are mud."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "manifest.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIVID_DATA", str(folder))
        patch.setenv("MINIVID_RUNS", str(folder / "runs"))
        for name in checkpoints.BUILT_ON:
            runs.train(name, "tiny", steps=2, say=lambda line: None)
        yield Machine.load("tiny", "cpu")


def test_the_whole_table_comes_out_even_for_mud(machine, monkeypatch):
    for name in ("generate", "extend"):  # mud takes few steps
        monkeypatch.setattr(evaluate, name, partial(getattr(evaluate, name), steps=2))
    ticks = []
    scores = evaluate.evaluate(machine, prompts=4, seeds=1, tick=ticks.append)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert sum(ticks) > 100
    text = evaluate.table(scores)
    for name in ("seen, two actors", "never-seen triples", "aspect 48x24", evaluate.ARTICLE):
        assert name in text
    assert scores["groups"]["seen, one actor"]["together"] < 0.5


def test_never_seen_prompts_name_what_is_new():
    fmt = evaluate.ClipFormat()
    for split, new in (("pairs", "pair"), ("triples", "triple")):
        prompts, seeds = evaluate.prompts_for(Knobs(cast="one", split=split), 64, fmt)
        assert len(prompts) == len(seeds) == len(set(seeds.tolist())) == 64
        assert all(new in evaluate.novelties(prompt) for prompt in prompts)
        assert film(seeds[:3], fmt, Knobs(cast="one", split=split)).caption == prompts[:3]
    assert evaluate.novelties("a red ball bouncing by day") == {None}
    assert evaluate.novelties("a cat riding a bicycle in the rain") == {"triple"}
    assert evaluate.novelties("a film of a green star and a box that circles") == {"pair"}


def test_the_floor_behind_a_wall_is_another_actor_coming_out():
    fmt, knobs = evaluate.ClipFormat(), Knobs(cast="one", actions=("passes behind a wall",))
    clips = film(torch.arange(48), fmt, knobs)
    told = [evaluate.unnamed(clips.truth.describe(b)) for b in range(48)]
    assert set(told) == {f"something passing behind a wall {place}" for place in g.PLACES}
    joined = evaluate.halves_exchanged(clips.video, clips.truth.place)
    assert torch.equal(joined[:, :, :8], clips.video[:, :, :8])
    assert evaluate.obeyed(evaluate.verify.read(clips.video), told)["together"] == 1
    assert evaluate.obeyed(evaluate.verify.read(joined), told)["together"] <= 0.15


def test_spread_is_one_for_the_same_clips_and_none_where_nothing_is_read():
    fmt = evaluate.ClipFormat()
    readings = evaluate.verify.read(film(torch.arange(24), fmt, Knobs(cast="one")).video)
    assert evaluate.spread(readings, readings) == {"y": 1.0, "x": 1.0, "size": 1.0}
    still = evaluate.verify.read(film([5] * 8, fmt, Knobs(cast="one")).video)
    assert max(evaluate.spread(still, readings).values()) < 0.01
    assert evaluate.spread(readings[:1], readings) is None


def test_a_training_clip_is_its_own_nearest(machine):
    clips = film(torch.arange(8), TINY.fmt, TAUGHT).video
    far, which = evaluate.nearest(clips, TINY)
    assert torch.allclose(far, torch.zeros(8), atol=1e-3) and which.tolist() == list(range(8))


def test_the_floor_of_real_clips_is_low_and_their_ceiling_high():
    fmt = evaluate.ClipFormat()
    prompts, seeds = evaluate.prompts_for(Knobs(cast="one"), 48, fmt)
    readings = evaluate.read_films(film(seeds, fmt, Knobs(cast="one")).video, fmt)
    assert evaluate.obeyed(readings, prompts)["together"] >= 0.97
    assert evaluate.obeyed(readings, prompts[1:] + prompts[:1])["together"] <= 0.1
    assert all(g.parse(prompt).actors for prompt in prompts)


def test_films_are_begun_with_clips_of_their_own_prompts(machine, monkeypatch):
    def make_all(machine, prompts, seed, fmt, tick, beginning):
        return evaluate.Clip(beginning, None, prompts, None, fmt.fps)

    monkeypatch.setattr(evaluate, "make_all", make_all)
    fmt = evaluate.ClipFormat()
    assert evaluate.from_beginning(machine, 16, fmt.frames, fmt) == 1  # the whole clip is given
