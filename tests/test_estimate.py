"""Costs worked out agree with costs counted, with hand arithmetic, and with what was published."""

import math
import random

import pytest
import torch
from tiny import TINY

from minivid import cost
from minivid import estimate as e
from minivid.layers import Condition
from minivid.tokens import Packing
from minivid.transformer import Block, Transformer, TransformerConfig

WAN = e.System(14e9, 5120, 40)


def test_tokens_are_those_of_the_papers():
    assert WAN.tokens(81, 480, 832) == 21 * 30 * 52 == 32760
    assert WAN.tokens(81, 720, 1280) == 75600
    assert e.System(1, 1, 1, cell=32, group=8).tokens(121, 512, 768) == 6144  # LTX-2
    assert WAN.tokens(1, 16, 16) == 1 and WAN.tokens(2, 17, 33) == 2 * 2 * 3  # filled up


def test_tokens_are_those_of_our_own_packing():
    for frames, height, width in ((1, 48, 48), (17, 48, 72), (33, 84, 48)):
        packing = Packing(TINY.format(height, width, frames))
        ours = e.System(1, 1, 1, cell=12, group=4)
        assert ours.tokens(frames, height, width) == packing.pictures


def test_a_pass_by_hand():
    # 3 tokens, 100 weights, width 4, 2 layers
    assert e.pass_flops(3, 100, 4, 2) == 2 * 3 * 100 + 2 * (2 * 9 * 4 + 2 * 9 * 4)
    system = e.System(100, 4, 2, passes=2, cell=1, group=1)
    assert system.flops(3, 1, 1, steps=5) == 5 * 2 * e.pass_flops(3, 100, 4, 2)


def test_looking_overtakes_at_six_times_the_width():
    width, layers = 64, 3
    parameters = layers * 12 * width**2
    there = e.overtaking(parameters, width, layers)
    assert there == 6 * width
    assert e.pass_flops(there, parameters, width, layers) == 2 * 2 * parameters * there


def clips(config, packing, words=5):
    dice = torch.Generator().manual_seed(0)
    n = packing.pictures + packing.sound
    given = Condition(torch.randn(1, words, config.text_width, generator=dice),
                      torch.ones(1, words, dtype=torch.bool), packing.layout(1))
    return torch.randn(1, n, config.dim, generator=dice), torch.rand(1, n, generator=dice), given


@pytest.mark.parametrize("depth, frames, sound", [(1, 5, 4), (2, 9, 8), (3, 17, 32)])
def test_our_own_transformer_to_the_last_operation(depth, frames, sound):
    config = TransformerConfig(depth=depth)
    network = Transformer(config)
    packing = Packing(TINY.format(48, 48, frames), dim=config.dim, sound=sound)
    x, t, given = clips(config, packing)
    with torch.no_grad():
        counted = cost.count_flops(lambda: network(x, t, given))
    assert e.exact_flops(network, x.shape[1], words=6) == counted


def test_the_short_rule_is_a_blocks_count_but_for_the_words():
    block, tokens = Block(64, 2, 96), 512
    x, text = torch.zeros(1, tokens, 64), torch.zeros(1, 1, 96)
    with torch.no_grad():
        counted = cost.count_flops(lambda: block(x, torch.zeros(1, 1, 5, 64), None, None, text,
                                                 None))
    assert e.pass_flops(tokens, 12 * 64**2, 64, 1) == pytest.approx(counted, rel=0.01)


def test_published_rows_are_whole_and_say_where_from():
    rows = e.published()
    assert all(all(row.values()) and row["boundary"] and "/" in row["sizes from"] for row in rows)
    ratios = [float(row["joules"]) / e.flops_of(row) * 1e12 for row in rows]
    assert 1.5 < min(ratios) and max(ratios) < 2.4  # picojoules for each operation
    assert e.rates(rows)[0] == sorted(ratios)[2] / 1e12
    assert [e.tokens_of(row) for row in rows] == [17550, 32760, 32760, 44880, 118800]


def test_rows_of_two_boundaries_are_never_mixed():
    rows = e.published()
    other = {**rows[0], "boundary": "graphics card, processor and memory"}
    with pytest.raises(ValueError, match="boundary"):
        e.rates([*rows, other])


def test_an_estimate_follows_its_rates():
    row = {**e.published()[0], "joules": "1000", "seconds": "10"}
    same = e.estimate(e.system_of(row), *e.settings_of(row), rows=[row])
    assert same.joules == pytest.approx(1000) and same.seconds == pytest.approx(10)
    assert same.tokens == 17550 and "17,550 tokens" in same.words()
    here = e.estimate(WAN, 81, 480, 832, hardware="this computer")
    assert here.joules is None and "not measurable here" in here.words()
    assert 1e2 < here.seconds < 1e10


def test_errors_come_from_the_others_alone():
    row = e.published()[0]
    twice = {**row, "system": "twice", "joules": str(2 * float(row["joules"]))}
    found = e.errors([row, twice])
    assert found[row["system"]] == pytest.approx((1.0, 0.0))  # the other took twice as much
    assert found["twice"] == pytest.approx((-0.5, 0.0))
    for by, most in ((e.system_of, 0.35), (e.proportioned, 0.45)):
        assert all(abs(x) < most for both in e.errors(e.published(), by).values() for x in both)


def test_usual_proportions():
    usual = e.System.sized(14e9, passes=1)
    assert usual.width / usual.layers == pytest.approx(128) and usual.passes == 1
    assert 12 * usual.width**2 * usual.layers == pytest.approx(14e9)


@pytest.mark.parametrize("exponent", [-1, 0.5, 1, 2, 3.7])
def test_growth_of_exact_powers(exponent):
    x = [1, 2, 5, 30, 100]
    found, error = e.growth(x, [7 * n**exponent for n in x])
    assert found == pytest.approx(exponent) and error == pytest.approx(0, abs=1e-9)


def test_growth_under_noise_is_as_far_off_as_its_error_says():
    away = []
    for seed in range(300):
        dice = random.Random(seed)
        x = [2**n for n in range(12)]
        y = [3 * n**1.5 * math.exp(dice.gauss(0, 0.2)) for n in x]
        found, error = e.growth(x, y)
        away.append((found - 1.5) / error)
    assert abs(sum(away) / 300) < 0.25  # no lean
    assert 0.55 < sum(abs(z) < 1 for z in away) / 300 < 0.75  # Student's t, 10 degrees: 66%


@pytest.mark.parametrize("x, y", [([1, 2], [1, 2]), ([1, 2, 3], [1, 0, 3])])
def test_growth_needs_three_points_above_0(x, y):
    with pytest.raises(ValueError, match="three or more"):
        e.growth(x, y)


def test_grids_have_their_year_and_source():
    for row in e.table("grids"):
        assert row["year"].isdigit() and row["source"] and 0 < float(row["grams a kWh"]) < 1500


def test_the_calculator_works_without_a_browser():
    from minivid.calculator import Calculator

    panel = Calculator()
    first = panel.estimate()
    said = panel.out.value
    assert "32,760 tokens" in said and "ML.ENERGY" in said and "graphics card alone" in said
    assert f"{first.joules / 1000:,.0f} kJ" in said and "1.1 litres" in said
    panel.guided.value = False
    assert panel.estimate().flops == pytest.approx(first.flops / 2)
    panel.typed["frames"].value = "161"
    assert panel.estimate().tokens == 41 * 30 * 52
    panel.group.value = 8
    assert panel.estimate().tokens == 21 * 30 * 52
    panel.typed["steps"].value = "1"
    assert "e+" not in panel.out.value
    panel.hardware.value = "this computer"
    assert "not measurable here" in panel.out.value
    assert "calculator" in repr(panel)


@pytest.mark.parametrize("field, typed, line", [
    ("frames", "0", "Frames: a whole number from 1 to 10,000; this is for 81."),
    ("frames", "1e9", "Frames: a whole number"), ("frames", "3.7", "Frames: a whole number"),
    ("steps", "", "Steps: a whole number from 1 to 1,000; this is for 50."),
    ("steps", "many", "Steps: a whole number"), ("billions", "-1", "Billion weights: a number"),
    ("billions", "nan", "Billion weights: a number from 0.001 to 1,000; this is for 14."),
])
def test_the_calculator_says_what_it_cannot_read_and_keeps_the_last(field, typed, line):
    from minivid.calculator import Calculator

    panel = Calculator()
    before = panel.estimate()
    assert line not in panel.out.value
    panel.typed[field].value = typed
    assert line in panel.out.value and panel.estimate() == before


def test_the_calculator_takes_a_decimal_comma_and_doubts_what_is_far_away():
    from minivid.calculator import Calculator

    panel = Calculator()
    panel.typed["billions"].value = "1,3"
    assert panel.estimate().flops == pytest.approx(
        e.estimate(e.System.sized(1.3e9), 81, 480, 832).flops)
    assert "guess" not in panel.out.value
    for frames, billions, said in (("1", "0.001", "less than a spoon"),
                                   ("10000", "1000", " years")):
        panel.typed["frames"].value, panel.typed["billions"].value = frames, billions
        assert "A guess, far outside" in panel.out.value and said in panel.out.value
        assert "e+" not in panel.out.value and "e-" not in panel.out.value.split("published")[0]


def test_published_autoencoders_have_sizes_and_sources():
    rows = e.table("latents")
    fewer = {row["system"]: 3 * int(row["frames"]) * int(row["side"]) ** 2 / int(row["channels"])
             for row in rows}
    assert fewer == {"Stable Diffusion 1": 48, "CogVideoX": 48, "HunyuanVideo": 48, "Wan2.1": 48,
                     "Wan2.2-5B": 64, "LTX-Video": 192}
    assert all(row["described in"].startswith("arXiv") and row["sizes from"] for row in rows)
