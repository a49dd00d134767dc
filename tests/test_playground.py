"""The panel without a browser: presses and settings run its callbacks all the same."""

import gc
import re
import threading
import time
import tracemalloc
from datetime import datetime

import pytest
import torch
from tiny import TINY, hardly_trained

from minivid import cost, media, playground, presets, takes, world
from minivid.generate import generate
from minivid.takes import Wish


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield hardly_trained(tmp_path_factory.mktemp("data"), patch)


@pytest.fixture
def panel(machine):
    panel = playground.Playground(machine)
    panel.sentence.field.value, panel.steps.value = "a red ball bounces by day", 2
    yield panel
    panel.worker.shutdown()


def press(panel, button="make"):
    """Press a button and wait for the work that it causes."""
    getattr(panel, button).click()
    if panel.job:
        panel.job.result(60)


def every(widget):
    """A widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def uploaded(path):
    return ({"name": path.name, "type": "", "size": path.stat().st_size,
             "content": memoryview(path.read_bytes()), "last_modified": datetime.now()},)


def test_a_sentence_is_made_with_no_typing(panel):
    buttons = {b.description: b for b in every(panel) if isinstance(b, playground.w.Button)}
    buttons["begin anew"].click()
    assert panel.sentence.text == "" and "empty" in panel.sentence.remarks.value
    for words in ("red", "ball", "moves up", "quickly", "and", "cat", "stands still", "by day"):
        buttons[words].click()
    assert panel.sentence.text == "a red ball moves up quickly and a cat stands still by day"
    assert panel.sentence.remarks.value == ""


def test_unknown_words_are_marked_as_they_are_typed(panel):
    panel.sentence.field.value = "a red bal on the moon"
    assert re.search(r"<mark>.*'bal'.*nearest: ball", panel.sentence.remarks.value)
    assert "'moon'" in panel.sentence.remarks.value
    panel.sentence.field.value = "<b>a red ball</b>"
    assert "<b>" not in panel.sentence.remarks.value


def test_make_shows_the_way_the_film_and_what_is_in_it(panel):
    panel.steps.value, seen = 12, []
    panel.screen.on_the_way.observe(lambda change: seen.append(change["new"]), "value")
    press(panel)
    pictures = [value for value in seen if value]
    assert len(pictures) >= 5 and len(set(pictures)) == len(pictures)
    assert all(value.count("<img") == 2 and "believes" in value for value in pictures)
    assert panel.line.value == "" and panel.progress.value == panel.progress.max == 13
    assert "<video" in panel.screen.player.value and "autoplay" in panel.screen.player.value
    assert re.search(r"&#1000[37]; (right|not right): <b>place", panel.screen.reading.value)
    assert "What it hears" in panel.screen.reading.value
    assert panel.screen.film.layout.display is None
    assert "floating-point operations" in panel.screen.bill.value
    assert "Source: " in panel.screen.bill.value
    assert panel.screen.step.max == 12
    last = panel.screen.frames.value
    panel.screen.step.value = 0
    assert panel.screen.frames.value != last and "t = 0.00" in panel.screen.frames.value
    assert not panel.make.disabled and panel.stop.disabled


def test_the_same_seed_gives_the_film_that_the_library_gives(panel, machine):
    panel.seed.value = 7
    press(panel)
    clip = generate(machine, panel.sentence.text, 7, steps=2)
    assert torch.equal(panel.take.clip.video, clip.video)
    assert torch.equal(panel.take.clip.audio, clip.audio)


def test_stop_ends_it_and_the_panel_is_ready_again(panel, monkeypatch):
    reached, go = threading.Event(), threading.Event()
    shown = panel.screen.show_moment

    def slowly(step, wish):
        shown(step, wish)
        reached.set()
        go.wait(10)

    monkeypatch.setattr(panel.screen, "show_moment", slowly)
    panel.steps.value = 64
    panel.make.click()
    assert reached.wait(30) and panel.make.disabled and not panel.stop.disabled
    ready = []  # when it says so
    panel.line.observe(lambda change: ready.append(not panel.make.disabled), "value")
    panel.stop.click()
    go.set()
    panel.job.result(30)
    assert ready == [True]
    assert "Stopped" in panel.line.value and not panel.make.disabled and panel.stop.disabled
    assert panel.take is None and panel.screen.on_the_way.value == ""
    press(panel)
    assert panel.take is not None and panel.line.value == ""


def test_a_storm_of_clicks_makes_one_film(panel, monkeypatch):
    made, make = [], takes.make

    def one(*arguments):
        made.append(threading.current_thread())
        time.sleep(0.2)
        return make(*arguments)

    monkeypatch.setattr(takes, "make", one)
    for _ in range(20):
        panel.make.click()
        panel.start(panel._make)
    panel.job.result(60)
    assert len(made) == 1 and made[0] is not threading.main_thread()


def test_a_film_begins_with_a_picture_goes_on_and_gets_sound(panel, tmp_path):
    picture = world.film(torch.tensor([3]), TINY.fmt).video[0, :, 0]
    media.write_picture(tmp_path / "p.png", picture)
    panel.mode.value = playground.PICTURE
    assert panel.upload.layout.display is None
    panel.upload.value = uploaded(tmp_path / "p.png")
    press(panel)
    assert (panel.take.clip.video[0, :, 0] - picture).abs().max() < 0.01
    assert "read at 24x24" in panel.line.value
    before = panel.take.clip
    panel.mode.value = playground.GO_ON
    press(panel)
    after = panel.take.clip
    assert after.video.shape[2] == 9 + 8 and torch.equal(after.video[:, :, :9], before.video)
    panel.mode.value = playground.SOUND
    press(panel)
    assert "films of 1 seconds at most" in panel.line.value and panel.take.clip is after
    assert panel.screen.film.layout.display is None  # what there is is shown again
    panel.mode.value = playground.WORDS
    press(panel)
    before, panel.seed.value = panel.take.clip, 5
    panel.mode.value = playground.SOUND
    press(panel)
    assert torch.equal(panel.take.clip.video, before.video)
    assert not torch.equal(panel.take.clip.audio, before.audio)
    media.write_film(tmp_path / "f.mp4", before.video, 8, before.audio, 8000)
    panel.upload.value = uploaded(tmp_path / "f.mp4")
    press(panel)
    assert (panel.take.clip.video - before.video).abs().mean() < 0.05


def test_longer_films_and_other_sizes(panel):
    panel.seconds.value, panel.size.value = 3, (24, 48)
    press(panel)
    assert panel.take.clip.video.shape[2:] == (25, 24, 48) and panel.line.value == ""
    assert panel.progress.value == panel.progress.max


@pytest.mark.parametrize("change, line", [
    ({"sentence": ""}, "empty"),
    ({"sentence": "zzz qqq"}, "No word of the prompt is known"),
    ({"sentence": "ball " * 100}, "300 letters"),
    ({"mode": playground.GO_ON}, "no film yet"),
    ({"mode": playground.SOUND}, "no film yet"),
    ({"mode": playground.PICTURE}, "Choose a picture first"),
])
def test_what_cannot_be_is_said_in_one_line(panel, change, line):
    for name, value in change.items():
        (panel.sentence.field if name == "sentence" else getattr(panel, name)).value = value
    press(panel)
    assert line in panel.line.value and "Traceback" not in panel.line.value
    assert "\n" not in panel.line.value and not panel.make.disabled and panel.take is None


@pytest.mark.parametrize("mode", [playground.PICTURE, playground.SOUND])
def test_a_file_that_is_none_is_named(panel, tmp_path, mode, monkeypatch):
    (tmp_path / "notes.txt").write_text("no picture")
    for name in ("notes.txt", "", "..", "../x", "%03d.mp4"):
        panel.mode.value = mode
        panel.upload.value = ({**uploaded(tmp_path / "notes.txt")[0], "name": name},)
        press(panel)
        assert (name or "the file") in panel.line.value and panel.take is None
        assert "upload" not in panel.line.value and "Error" not in panel.line.value
    monkeypatch.setattr(playground, "LARGEST_FILE", 3)
    press(panel)
    assert "larger than" in panel.line.value


def test_a_crash_inside_is_one_line_too(panel, monkeypatch):
    def broken(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. <b>")

    press(panel)
    monkeypatch.setattr(takes, "make", broken)
    press(panel)
    assert "smaller size" in panel.line.value and not panel.make.disabled
    assert panel.screen.film.layout.display is None  # the film before is shown again
    monkeypatch.setattr(takes, "make", lambda *a: 1 / 0)
    press(panel)
    assert "ZeroDivisionError" in panel.line.value


def test_the_nearest_training_clip_is_one_of_them(panel):
    press(panel, "nearest")
    assert "no film yet" in panel.line.value
    press(panel)
    press(panel, "nearest")
    assert "training clips the nearest" in panel.near.value and panel.near.value.count("<img") == 2


def test_the_bill_counts_what_was_really_done(machine):
    clip = generate(machine, "a red ball", steps=1)
    for frames, more in ((9, {}), (25, {}), (17, {"clip": clip}),
                         (9, {"given": {"audio": clip.audio}})):
        wish = Wish("a red ball", TINY.fmt, frames, steps=5, **more)
        counted = cost.count_flops(lambda: wish.film(machine))
        assert wish.flops(machine) == counted
        steps = []
        takes.make(machine, wish, lambda step: steps.append(step))
        assert len(steps) == wish.stretches * 6


def test_no_wish_is_larger_than_a_press_of_a_button_should_be():
    for change in ({"steps": 65}, {"steps": 0}, {"frames": 69}, {"fmt": TINY.format(96, 96)}):
        with pytest.raises(takes.MinividError):
            Wish(**{"prompt": "a ball", "fmt": TINY.fmt, "frames": 9, **change})


def test_published_bills_have_their_source():
    rows = takes.published()
    assert len(rows) >= 5 and all(all(row.values()) for row in rows)
    assert all(0 < float(row["joules"]) / float(row["seconds"]) < 1000 for row in rows)
    said = takes.beside(cost.Bill(4.67, joules=28.9))
    assert "100 times as long and 10,000 times the energy" in said and "ML.ENERGY" in said


def held():
    """Bytes that Python and all tensors hold now."""
    gc.collect()
    tensors = sum(x.nbytes for x in gc.get_objects() if type(x) is torch.Tensor)
    return tensors + tracemalloc.get_traced_memory()[0]


def test_films_leave_no_memory_behind(panel):
    panel.steps.value = 1
    tracemalloc.start()
    try:
        for _ in range(3):
            press(panel)
        before = held()
        for _ in range(5):
            press(panel)
        assert held() - before < 250_000  # a film's pixels alone take 60,000, its player more
    finally:
        tracemalloc.stop()


def test_every_preset_can_make_what_its_panel_offers():
    for preset in presets.PRESETS.values():
        for height, width in (*preset.aspects[:3], *preset.held_out):
            Wish("a ball", preset.format(height, width), 3 * (preset.fmt.frames - 1) + 1)


def test_a_long_essay_is_refused_before_it_is_read(panel, monkeypatch):
    monkeypatch.setattr("minivid.advice.remarks", lambda *a: 1 / 0)
    panel.sentence.field.value = "unheard " * 10_000
    assert "300 letters" in panel.sentence.remarks.value
