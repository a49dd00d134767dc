"""The table of scores is whole, whatever the machine is worth, and its parts mean what they say."""

import json
from functools import partial

import pytest
import torch
from tiny import TINY, hardly_trained

from minivid import batches, evaluate, variety
from minivid import grammar as g
from minivid.pool import taught
from minivid.world import Knobs, film


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield hardly_trained(tmp_path_factory.mktemp("data"), patch)


def test_the_whole_table_comes_out_even_for_mud(machine, monkeypatch):
    for module, name in ((batches, "generate"), (evaluate, "extend")):
        # mud takes few steps
        monkeypatch.setattr(module, name, partial(getattr(module, name), steps=2))
    monkeypatch.setattr(evaluate, "TIMES", 2)
    ticks, said = [], []
    scores = evaluate.evaluate(machine, prompts=2, seeds=1, tick=ticks.append, say=said.append)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert sum(ticks) == 2 * (len(evaluate.rows(machine)) + len(evaluate.harmony.rows()) + 1)
    for n, name in enumerate((*scores["groups"], *scores["sound"]), 1):
        assert said[n - 1] == f"{n} of {len(said) - 1} rows: {name}"
    text = evaluate.table(scores)
    for name in ("seen, two actors", "never-seen triples", "aspect 48x24", evaluate.ARTICLE):
        assert name in text
    assert scores["groups"]["seen, one actor"]["together"] < 0.5
    assert scores["sound"].keys() == evaluate.harmony.rows().keys() and "faces: floor" in text


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
    assert variety.spread(readings, readings) == {"y": 1.0, "x": 1.0, "size": 1.0}
    still = evaluate.verify.read(film([5] * 8, fmt, Knobs(cast="one")).video)
    assert max(variety.spread(still, readings).values()) < 0.01
    assert variety.spread(readings[:1], readings) is None


def test_a_training_clip_is_its_own_nearest(machine):
    clips = film(torch.arange(8), TINY.fmt, taught(TINY)).video
    far, which = variety.nearest(clips, TINY)
    assert torch.allclose(far, torch.zeros(8), atol=1e-3) and which.tolist() == list(range(8))


def test_the_floor_of_real_clips_is_low_and_their_ceiling_high():
    fmt = evaluate.ClipFormat()
    prompts, seeds = evaluate.prompts_for(Knobs(cast="one"), 48, fmt)
    readings = evaluate.read_films(film(seeds, fmt, Knobs(cast="one")).video, fmt)
    assert evaluate.obeyed(readings, prompts)["together"] >= 0.97
    assert evaluate.obeyed(readings, prompts[1:] + prompts[:1])["together"] <= 0.1
    assert all(g.parse(prompt).actors for prompt in prompts)


def test_films_are_begun_with_clips_of_their_own_prompts(machine):
    def make(machine, prompts, seed, fmt, tick, beginning):
        return evaluate.Clip(beginning, None, prompts, None, fmt.fps)

    fmt = evaluate.ClipFormat()
    row = evaluate.group(machine, Knobs(cast="one"), 16, [0], fmt, make=make, begin=fmt.frames)
    assert row["together"] == 1 and row["floor"] <= 0.2  # the whole clip is given


def test_an_evaluation_that_is_broken_off_goes_on_where_it_was(machine, monkeypatch, tmp_path):
    for module, name in ((batches, "generate"), (evaluate, "extend")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), steps=1))
    monkeypatch.setattr(evaluate, "TIMES", 2)
    notes, measured = tmp_path / "scores.json", []
    group = evaluate.group

    def until_two(*args, **options):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(group(*args, **options))
        return measured[-1]

    some = dict(list(evaluate.rows(machine).items())[:4])
    monkeypatch.setattr(evaluate, "rows", lambda machine: some)
    faces = {"faces": evaluate.harmony.rows()["faces"]}
    monkeypatch.setattr(evaluate.harmony, "rows", lambda: faces)
    monkeypatch.setattr(evaluate, "group", until_two)
    with pytest.raises(KeyboardInterrupt):
        evaluate.evaluate(machine, 2, 1, notes=notes)
    assert len(json.loads(notes.read_text())["groups"]) == 2
    rest = []
    monkeypatch.setattr(evaluate, "group", lambda *a, **o: rest.append(group(*a, **o)) or rest[-1])
    said = []
    whole = evaluate.evaluate(machine, 2, 1, notes=notes, say=said.append)
    assert ["measured before" in line for line in said] == [True] * 2 + [False] * (len(said) - 2)
    assert len(rest) == len(whole["groups"]) - 2
    assert list(whole["groups"].values())[:2] == [evaluate.without_nan(row) for row in measured]
    assert evaluate.noted(notes, {**whole, "asked": [3, 1], "groups": {}}) is None
    notes.write_text('{"groups": ')
    assert evaluate.noted(notes, {}) is None
