"""The shipped machine makes what is asked: films obey, sound as they look, and go on.

Few films each, so the bounds lie some three standard deviations below the scores on record: they
notice broken weights, a broken sampler or a broken packing. The scores themselves: the manifest.
"""

import csv
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean

import pytest
import torch

from minivid import checkpoints, evaluate, harmony, ingredients, ladder, presets
from minivid import grammar as g
from minivid.generate import Machine
from minivid.world import Knobs

pytestmark = pytest.mark.shipped
ROOT = Path(__file__).resolve().parents[1]
FMT = presets.PRESETS["laptop"].fmt


@pytest.fixture(scope="module")
def machine():
    return Machine.load("laptop", "cpu")


@pytest.fixture(scope="module")
def obeyed(machine):
    """Share of 24 prompts that were never trained on, everything right together, and of others."""
    prompts, _ = evaluate.prompts_for(Knobs(cast="one"), 24, FMT, start=1 << 23)
    made = evaluate.make_all(machine, prompts, 5, FMT)
    readings = evaluate.read_films(made.video, FMT)
    wrong = evaluate.obeyed(readings, prompts[1:] + prompts[:1])["together"]
    return evaluate.obeyed(readings, prompts)["together"], wrong


def test_prompts_are_obeyed_and_others_are_not(obeyed):
    right, wrong = obeyed
    assert right >= 0.8 and wrong <= 0.1


def test_the_scores_on_record_are_those_of_these_weights():
    scores = checkpoints.manifest()["transformer-laptop"]["scores"]
    assert scores["of"] == checkpoints.digests("laptop")


def test_what_holds_on_record_goes_on_holding():
    """The aims that are met; what falls short stands in the README."""
    scores = checkpoints.manifest()["transformer-laptop"]["scores"]
    rows = scores["groups"]
    made = {name: row["together"] for name, row in rows.items()}
    square, wide = made["seen, one actor"], made["held-out aspect 60x48"]
    assert square >= 0.94 and made["held-out aspect 48x60"] >= 0.91
    assert made["behind a wall, unnamed"] >= 0.951 and made["held-out phrasings"] >= 0.923
    assert made["from a picture"] >= 0.933 and made["continued"] >= 0.98
    assert wide >= 0.9 and square - wide <= 0.05
    assert made["never-seen pairs"] >= 0.895 and made["never-seen triples"] >= 0.95
    assert made["seen, two actors"] >= 0.95 and rows["seen, two actors"]["swapped"] <= 0.02
    assert scores["article"]["together"] >= 0.9
    lasting = made["actions that last"]
    assert lasting >= 0.97 and lasting - made["actions that last, thrice as long"] <= 0.06
    assert all(row["prompts"] >= 500 and row["seeds"] >= 3 for row in rows.values())
    assert max(row["floor"] for row in rows.values()) <= 0.02
    assert min(rows["seen, one actor"]["spread"].values()) >= 0.7
    assert min(row["real"] for row in rows.values()) >= 0.995
    sound = scores["sound"]
    assert all(row["asked"]["prompts"] >= 500 and row["asked"]["seeds"] >= 3
               for row in sound.values())
    bounces = [sound[f"bounces, {way}"] for way in harmony.WAYS]
    assert all(row["real"]["f1"] >= 0.99 and row["autoencoders"]["f1"] >= 0.97
               and row["floor"]["f1"] <= 0.2 for row in bounces)
    ways = [row["made"] for row in bounces]
    assert ways[0]["f1"] >= 0.95 and min(made["f1"] for made in ways) >= 0.94
    assert all(abs(made["offset_ms"]) <= 10 and made["abs_offset_ms"] <= 25
               and made["pitch"] >= 0.95 and made["place"] >= 0.95 for made in ways)
    faces = sound["faces"]["made"]
    assert faces["syllables"] >= 0.95 and faces["lips"] >= 0.93 and abs(faces["lag_ms"]) <= 40
    assert sound["faces"]["autoencoders"]["syllables"] >= 0.97


def test_the_readme_says_what_was_measured():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert evaluate.table(checkpoints.manifest()["transformer-laptop"]["scores"]) in readme
    with open(ROOT / "data" / "ingredients.csv", encoding="utf-8") as file:
        rows = [{**row, "loss": float(row["loss"])} for row in csv.DictReader(file)]
    assert ingredients.table(rows) in readme
    rows = ladder.stored(ROOT / "data" / "ladder.csv")
    assert ladder.table(rows) in readme
    assert {(row["rung"], row["seed"]) for row in rows} == set(product(ladder.LADDER, range(3)))


@pytest.mark.parametrize("way", harmony.WAYS)
def test_bounces_are_heard_when_they_are_seen(machine, way):
    row = harmony.row(machine, harmony.BOUNCING, 16, [5], harmony.WAYS[way], FMT)
    made, chance = row["made"], row["floor"]["f1"]
    assert made["f1"] >= 0.75 and chance <= 0.4 and made["pitch"] >= 0.8 and made["place"] >= 0.9
    assert abs(made["offset_ms"]) <= 12 and made["abs_offset_ms"] <= 30


def test_faces_say_what_they_are_asked(machine):
    row = harmony.row(machine, harmony.SPEAKING, 16, [5], (), FMT)
    made, chance = row["made"], row["floor"]
    assert made["syllables"] >= 0.65 and chance["syllables"] <= 0.2
    assert made["lips"] >= 0.8 and abs(made["lag_ms"]) <= 40


def test_a_cat_rides_a_bicycle_in_the_rain(machine):
    assert evaluate.same_prompt(machine, evaluate.ARTICLE, 10, FMT) >= 0.8


@pytest.mark.parametrize("frames", [1, 9])
def test_a_film_begins_with_a_picture_or_goes_on(machine, frames):
    row = evaluate.group(machine, Knobs(cast="one"), 12, [3], FMT, begin=frames)
    assert row["together"] >= 0.7


def test_a_film_three_times_as_long_still_obeys(machine):
    prompts, _ = evaluate.prompts_for(Knobs(cast="one", actions=g.LASTING), 5, FMT, start=1 << 21)
    long = evaluate.make_long(machine, prompts, 17, replace(FMT, frames=49)).video
    for video in (long[:, :, :17], long):
        readings = evaluate.verify.read(video, FMT.fps)
        assert evaluate.obeyed(readings, prompts)["together"] >= 0.4


def test_who_goes_behind_a_wall_comes_out_again(machine):
    prompts = [f"something passing behind a wall {place}" for place in g.PLACES] * 3
    made = evaluate.make_all(machine, prompts, 11, FMT).video
    readings = evaluate.verify.read(made, FMT.fps)
    assert evaluate.obeyed(readings, prompts)["together"] >= 0.8


def test_seeds_give_different_films(machine):
    made = evaluate.make_all(machine, ["a red ball stands still"] * 10, 3, FMT)
    places = [r.position[0].mean(0) for r in evaluate.verify.read(made.video, FMT.fps)
              if len(r.position)]
    assert len(places) >= 9 and mean(torch.stack(places).std(0).tolist()) > 0.05
