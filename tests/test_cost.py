"""Counts are those done by hand; meters say nothing rather than something wrong."""

import time

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from minivid import cost


def test_a_matrix_product_is_two_operations_a_cell():
    assert cost.count_flops(lambda: torch.ones(3, 5) @ torch.ones(5, 7)) == 2 * 3 * 5 * 7


def test_a_convolution_and_the_way_back_are_counted():
    layer, x = nn.Conv2d(3, 8, 3, padding=1), torch.zeros(2, 3, 10, 10)
    forward = 2 * 2 * 8 * 10 * 10 * 3 * 9
    assert cost.count_flops(lambda: layer(x)) == forward
    # backwards: once for the weights; the input needs no gradient
    assert cost.count_flops(lambda: layer(x).sum().backward()) == 2 * forward


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_counted(masked):
    q = torch.zeros(2, 4, 16, 8)  # (batch, heads, tokens, width)
    mask = torch.ones(16, 16, dtype=torch.bool) if masked else None
    flops = cost.count_flops(lambda: scaled_dot_product_attention(q, q, q, attn_mask=mask))
    assert flops == 2 * (2 * 2 * 4 * 16 * 16 * 8)  # queries by keys, weights by values


def test_the_largest_tensor_of_attention_is_the_table_of_pairs():
    q = torch.zeros(1, 2, 100, 8)
    assert cost.largest_tensor(lambda: (q @ q.mT).softmax(-1) @ q) == 2 * 100 * 100 * 4
    assert cost.largest_tensor(lambda: q.half() + 1) == q.numel() * 2
    assert cost.largest_tensor(lambda: torch.zeros(8, 30).chunk(2)) == 8 * 30 * 4


def test_timed_is_the_median_without_the_first():
    waits = iter([0.2, 0.01, 0.03, 0.02])  # the first warms up
    assert 0.02 <= cost.timed(lambda: time.sleep(next(waits)), repeats=3) < 0.03


def test_rates_and_memory_are_possible_figures():
    assert 1e7 < cost.matmul_rate(size=128) < 1e16
    before = cost.peak_memory()
    held = torch.ones(25_000_000)
    if before is not None:
        assert 1e7 < before and cost.peak_memory() >= max(before, held.nbytes)


@pytest.mark.parametrize("seconds, said", [
    (0.001, "less than 0.01 seconds"), (0.4567, "0.46 seconds"), (467, "467 seconds"),
    (600, "10 minutes"), (7199, "120 minutes"), (7200, "2 hours"), (3 * 86_400, "3 days"),
    (725_910_043, "23 years")])  # fmt: skip
def test_a_time_is_said_in_words(seconds, said):
    assert cost.in_time(seconds) == said


def test_lengths_are_said_in_the_right_number():
    said = [cost.in_seconds(length) for length in (0.5, 1, 1.0, 2.5)]
    assert said == ["0.5 seconds", "1 second", "1 second", "2.5 seconds"]


def test_a_bill_is_said_in_words():
    assert cost.Bill(3.14159).words() == "3.1 seconds, energy not measurable here"
    assert cost.Bill(128.4, 1_400_000_000_000, 1234.5).words() == (
        "128 seconds, 1.4 trillion floating-point operations, 1.23e+03 joules")


@pytest.mark.parametrize("count, words", [
    (999_999, "999,999"), (2_500_000, "2.5 million"), (48e9, "48 billion"),
    (1.2e16, "12 quadrillion"), (3e18, "3 quintillion"), (5e22, "50 sextillion")])
def test_large_numbers_in_words(count, words):
    assert cost.in_words(count) == words


def test_measure_gives_the_result_and_its_time():
    result, bill = cost.measure(lambda: time.sleep(0.02) or "done")
    assert result == "done" and 0.02 <= bill.seconds < 1 and bill.flops is None


def packages(root, *joules):
    for i, used in enumerate(joules):
        folder = root / f"intel-rapl:{i}"
        folder.mkdir(exist_ok=True)
        (folder / "energy_uj").write_text(f"{round(used * 1e6)}\n")
        (folder / "max_energy_range_uj").write_text("1000000000\n")
        (root / f"intel-rapl:{i}:0").mkdir(exist_ok=True)  # a part of the package, not counted


def test_the_processors_counters_are_added_and_may_start_over(tmp_path, monkeypatch):
    read = cost._cpu_counters
    monkeypatch.setattr(cost, "_cpu_counters", lambda device: read(device, str(tmp_path)))
    assert cost.EnergyMeter("cpu").joules() is None  # nothing to read
    packages(tmp_path, 100, 990)
    meter = cost.EnergyMeter("cpu")
    packages(tmp_path, 130, 5)
    assert meter.joules() == pytest.approx(30 + 15)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.joules() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_metered():
    a = torch.ones(4096, 4096, device="cuda")
    _, bill = cost.measure(lambda: [a @ a for _ in range(300)], "cuda")
    assert bill.joules is None or 1 < bill.joules < 2000 * bill.seconds
    assert cost.peak_memory("cuda") >= a.nbytes
