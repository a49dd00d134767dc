"""Every command says what it does, does it, and says in one line what it cannot do."""

import argparse
import gc
import inspect
import json
import os
import platform
import shlex
import signal
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import empty_data, hardly_trained

from minivid import (
    advice,
    bench,
    checkpoints,
    cli,
    decode,
    doctor,
    evaluate,
    films,
    generate,
    grammar,
    media,
    presets,
    runs,
    show,
    sync,
    verify,
)
from minivid.errors import MinividError
from minivid.paint import ClipFormat
from minivid.recipes import RECIPES
from minivid.verify import Part
from minivid.world import Knobs, film


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A data folder with networks that know nothing: their films are mud, but films."""
    preset = presets.PRESETS["laptop"]
    with pytest.MonkeyPatch.context() as patch:
        folder = empty_data(tmp_path_factory.mktemp("data"), patch)
        for name in preset.networks:
            network = RECIPES[name](preset, 0, "cpu")
            path = folder / "checkpoints" / f"{name}-laptop.safetensors"
            checkpoints.save(path, network.model.state_dict(),
                             {"kind": name, "config": network.config()})
            built_on = {n: checkpoints.manifest()[f"{n}-laptop"]["sha256"]
                        for n in checkpoints.BUILT_ON[name] if n in preset.networks}
            checkpoints.record(name, "laptop", path, built_on=built_on)
    return folder


@pytest.fixture
def here(untrained, tmp_path, monkeypatch):
    """An empty folder to work in, with the untrained networks at hand."""
    monkeypatch.setenv("MINIVID_DATA", str(untrained))
    monkeypatch.setenv("MINIVID_PRESET", "laptop")
    monkeypatch.setenv("MINIVID_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fails(capsys, *argv, code=2):
    """The one line on stderr of a command that must fail."""
    try:
        assert cli.main(list(argv)) == code
    except SystemExit as stop:
        assert stop.code == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("minivid: ")
    return lines[-1]


def test_make_writes_a_film_and_the_way_to_it(here, capsys):
    command = ["make", "a red ball moves right", "--steps", "2", "--strip", "strip.png"]
    assert cli.main(command) == 0 and gc.isenabled()
    said = capsys.readouterr().out
    assert "wrote film.mp4: 48x48 pixels, 17 frames, 2 seconds, seed 0" in said
    assert "wrote strip.png: the way from noise to film\n" in said
    assert "unreadable" in said and "it took " in said
    video, fps, audio, _ = decode.read_film("film.mp4")
    assert video.shape == (1, 3, 17, 48, 48) and fps == 8
    assert Image.open("strip.png").width > 800
    first = (here / "film.mp4").read_bytes()
    assert cli.main(command[:-2]) == 0  # the next one has a name of its own
    assert (here / "film-2.mp4").read_bytes() == first == (here / "film.mp4").read_bytes()
    assert cli.main([*command[:-2], "--seed", "1"]) == 0
    assert (here / "film-3.mp4").read_bytes() != first


def test_the_strip_shows_the_clock_of_what_is_made_not_of_what_is_given(here, monkeypatch):
    shown = []
    strip_of = films.strip_of

    def looked_at(machine, moments, fmt, prompt):
        monkeypatch.setattr(show, "strip", lambda rows, alt, above, labels: shown.extend(labels))
        strip_of(machine, moments, fmt, prompt)
        return Image.new("RGB", (8, 8))

    monkeypatch.setattr(films, "strip_of", looked_at)
    Image.new("RGB", (48, 48), "white").save("begin.png")
    assert cli.main(shlex.split("make 'a ball' --steps 4 --from begin.png --strip s.png")) == 0
    assert shown[0] == "t = 0.00" and shown[-1] == "t = 1.00" and shown == sorted(set(shown))


def test_a_gpu_without_networks_of_its_own_uses_the_laptops(here, monkeypatch):
    monkeypatch.delenv("MINIVID_PRESET")
    monkeypatch.setattr(presets, "best_device", lambda device=None: torch.device("cuda"))
    assert presets.choose().name == "gpu" and presets.choose_trained().name == "laptop"
    assert presets.choose_trained("gpu").name == "gpu"  # who asks for it is told what is missing


@pytest.mark.parametrize("score, chosen", [(None, "gpu"), (0.95, "gpu"), (0.46, "laptop")])
def test_a_gpu_uses_networks_of_its_own_unless_they_are_known_to_be_poor(monkeypatch, score,
                                                                         chosen):
    monkeypatch.delenv("MINIVID_PRESET", raising=False)
    monkeypatch.setattr(presets, "best_device", lambda device=None: torch.device("cuda"))
    rows = {"seen, one actor": {"together": score}}
    entry = {} if score is None else {"scores": {"groups": rows}}
    monkeypatch.setattr(checkpoints, "manifest", lambda: {"transformer-gpu": entry})
    assert presets.choose_trained().name == chosen
    assert presets.choose_trained("gpu").name == "gpu"


def test_make_says_who_does_not_fit(here, capsys):
    prompt = "a red ball bounces and a blue box stands still and a green cat grows"
    assert cli.main(["make", prompt, "--steps", "1"]) == 0
    assert "only two actors" in capsys.readouterr().err
    assert cli.main(["make", prompt.rpartition(" and ")[0], "--steps", "1"]) == 0
    assert "only two actors" not in capsys.readouterr().err
    long = "there is a small red ball that moves up slowly and there is a blue box that moves down "
    assert cli.main(["make", long + "quickly in the rain", "--steps", "1"]) == 0
    assert "20 words at most; passed over: in the rain" in capsys.readouterr().err


@pytest.mark.parametrize("prompt, spare", [
    ("a red ball, a blue box bounces", "'blue', 'box'"),
    ("a large ball rides a bicycle", "'large'"),
    ("a red ball moves left in the rain", None), ("a small red ball moves slowly up", None),
    ("a red ball bounces circles", "'circles'"), ("a ball behind a wall", None),
    ("there is something that moves", "'moves'"), ("a red ring standing still", None),
    ("a box bouncing by day and a red cat stands still", None), ("a ball riding a bicycle", None),
    ("a star quickly grows at night by day", "'quickly', 'night'"), ("red circles", None),
    ("a face says ma", "'ma'"), ("a face says ma mi mo la", "'la'"), ("a face says ma mi", None)])
def test_make_says_which_words_fit_nowhere(here, capsys, prompt, spare):
    assert cli.main(["make", prompt, "--steps", "1"]) == 0
    told = capsys.readouterr().err
    assert (f"not checked: {spare} (" in told) if spare else ("not checked" not in told)


def test_make_reads_the_film_as_it_was_written(here, capsys, monkeypatch):
    write = media.write_film
    monkeypatch.setattr(media, "write_film", lambda path, video, *rest: write(
        path, torch.zeros_like(video), *rest))  # grey: another film than the one in memory
    seen = []
    read = verify.read
    monkeypatch.setattr(verify, "read", lambda video, fps, **sound:
                        seen.append(video) or read(video, fps, **sound))
    assert cli.main(["make", "a ball", "--steps", "1"]) == 0
    assert seen[-1].shape == (1, 3, 17, 48, 48) and seen[-1].abs().max() < 0.03


def test_make_honours_size_length_and_picture(here, capsys):
    Image.new("RGB", (120, 100), (250, 20, 20)).save("red.png")
    assert cli.main(["make", "a red ball bounces", "--steps", "1", "--size", "72x48", "--seconds",
                     "1", "--guidance", "1", "--from", "red.png", "-o", "a/b.mp4"]) == 0
    told = capsys.readouterr()
    assert "red.png: read at 120x100, cropped in the middle to 120x80, resized to 72x48" in told.err
    video = decode.read_film("a/b.mp4")[0]
    assert video.shape == (1, 3, 9, 48, 72)
    pixels = media.to_bytes(video[0].movedim(1, 0))
    assert np.abs(pixels[0].astype(int) - (250, 20, 20)).max() <= 6
    assert np.abs(pixels[8].astype(int) - (250, 20, 20)).mean() > 20  # the rest was made


def test_make_goes_on_where_a_film_is_longer_than_a_stretch(here, capsys):
    assert cli.main(["make", "a red ball bounces", "--steps", "1", "--seconds", "3", "--strip",
                     "s.png"]) == 0
    assert "noise to film of its first 2 seconds" in capsys.readouterr().out
    assert decode.read_film("film.mp4")[0].shape[2] == 25


@pytest.mark.parametrize("prompt, seconds, over", [
    ("a cat rides a bicycle", 3, "'rides a bicycle'"), ("a cat rides a bicycle", 2, None),
    ("a ball bounces", 3, None), ("a ball", 3, None),
    ("a ball bounces and a box moves up", 3, "'moves up'")])
def test_make_says_what_does_not_last(here, capsys, prompt, seconds, over):
    assert cli.main(["make", prompt, "--steps", "1", "--seconds", str(seconds)]) == 0
    told = capsys.readouterr().err
    assert ("beyond 2 seconds" in told) == bool(over) and (over or "") in told


def test_make_passes_over_words_it_does_not_know(here, capsys):
    assert cli.main(["make", "a red bal bounces", "--steps", "1"]) == 0
    told = capsys.readouterr()
    assert told.err.splitlines()[0].endswith("passed over; nearest: ball")
    assert "minivid: 'bal' is not a word of this world" in told.err
    assert "    passed over: bal\n" in told.out
    assert "    try: minivid make 'a red ball bouncing'\n" in told.out


def test_make_says_what_is_unlike_all_that_was_learnt_from(here, capsys):
    prompt = "a large red ball moves left and a blue box bounces"
    for flags, said in (([], ""), (["--size", "84x48"], ""), (["--size", "96x48"], "up to 84"),
                        (["--size", "24x24"], "whose short side is 48 pixels")):
        assert cli.main(["make", prompt, "--steps", "1", *flags]) == 0
        told = capsys.readouterr().err
        assert "never learnt of two actors, so it may not come right: 'moves left', 'large'" in told
        assert said in told and ("may not come right\n" in told) == bool(said)
    assert cli.main(["make", "a large red ball moves left", "--steps", "1"]) == 0
    assert "come right" not in capsys.readouterr().err


def test_words_are_those_that_the_networks_were_taught():
    vocabulary = tuple(word for word in grammar.VOCABULARY if word not in ("face", "says"))
    said = list(advice.remarks("a red face sayz", vocabulary))
    assert said[0].startswith("'face' is not a word these networks were taught")
    assert said[1].startswith("'sayz' is not a word of this world") and "says" not in said[1]
    assert "says" in " ".join(advice.remarks("a red face sayz", grammar.VOCABULARY))


@pytest.mark.parametrize("prompt, told", [
    ("the ball is red and bounces", "of one, say: a red ball bouncing"),
    ("a red ball and a blue box bouncing", ": a red ball bouncing and a blue box bouncing"),
    ("a red and blue ball at night", "as two, one without a name (red): give it one"),
    ("a red ball and a blue box", "for each what it does: stands still, moves up, moves down"),
    ("a red ball bounces and a blue box", "for each what it does"),
    ("a red ball bounces and a blue box stands still", ""), ("at night and in the rain", ""),
    ("something bounces and a red ball bounces", ""), ("a red ball bounces", "")])
def test_an_and_that_was_never_learnt_so_is_remarked_on(prompt, told):
    said = advice.misjoined(prompt, grammar.actors_in(prompt))
    assert told in said and bool(told) == bool(said)
    assert said in "".join(advice.remarks(prompt, grammar.VOCABULARY))


def test_make_says_how_to_go_on_after_a_film_that_is_not_as_asked(here, capsys, monkeypatch):
    assert cli.main(["make", "a red ball bounces", "--steps", "1"]) == 0
    assert "not as asked; what may help: more --steps\n" in capsys.readouterr().out
    monkeypatch.setattr(verify, "parts", lambda reading, caption: [Part("all together", True)])
    for right in (True, False):
        heard = [Part("pitch", True), Part("ambience", right)]
        monkeypatch.setattr(sync, "parts", lambda *about, heard=heard: heard)
        assert cli.main(["make", "a red ball bounces", "--steps", "1"]) == 0
        assert ("not as asked" not in capsys.readouterr().out) == right


@pytest.mark.parametrize("given, seen, heard, says", [
    ({}, "", "", ""), ({"video_from": "a.mp4"}, "", "", ""),
    ({}, "action", "", "another --seed"),
    ({"video_from": "a.mp4"}, "no switches", "", "lies in a.mp4, as it was made to fit: does it "
     "suit the sentence?"),
    ({"video_from": "a.mp4"}, "actor", "pitch", "suit the sentence?"),
    ({"video_from": "a.mp4"}, "", "pitch", "another --seed"),
    ({"audio_from": "a.wav"}, "", "pitch", "another colour has another note"),
    ({"audio_from": "a.wav"}, "", "ambience", "suit the sentence?"),
    ({"audio_from": "a.wav"}, "", "hits", "or the sound may not suit the sentence"),
    ({"audio_from": "a.wav"}, "place", "", "another --seed"),
    ({"prompt": "a ball and a large cat"}, "size", "", "help: another sentence, see above"),
    ({"prompt": "a red and blue ball"}, "count", "", "help: another sentence, see above"),
    ({"prompt": "a blak ball"}, "", "hits", "help: another --seed"),
    ({"prompt": "a bleu ball"}, "colour", "", "help: another sentence, see above"),
    ({"steps": 8, "guidance": 30}, "actor", "", "help: more --steps, a --guidance near 3"),
    ({"steps": 64}, "actor", "", "help: another --seed"),
    ({"picture": "a.png"}, "action", "", "may not suit the action"),
    ({"picture": "a.png"}, "colour", "", "may not suit the sentence"),
    ({"picture": "a.png"}, "", "hits", "another --seed")])
def test_make_says_what_may_help(given, seen, heard, says):
    usual = {"prompt": "a ball", "steps": None, "guidance": None, "picture": None,
             "video_from": None, "audio_from": None}
    args = argparse.Namespace(**usual | given)
    told = [{name} - {""} for name in (seen, heard)]
    hint = advice.what_may_help(args, *told, [])
    assert hint.endswith(says) and bool(hint) == bool(says)
    shorter = advice.what_may_help(args, *told, ["moves up"])
    assert ("--seconds" in shorter) == ("what may help" in hint and bool(seen))
    unlike = advice.what_may_help(args, *told, [], "others may not come right")
    assert ("--size" in unlike) == ("what may help" in hint)


def test_make_says_when_a_picture_is_not_of_this_world(here, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save("strange.png")
    Image.fromarray(media.to_bytes(film([0], sound=False).video[0, :, 0])).save("ours.png")
    for name in ("strange", "ours"):
        assert cli.main(["make", "a ball", "--steps", "1", "--from", f"{name}.png"]) == 0
        told = capsys.readouterr().err
        assert ("strange.png: not a picture of this world" in told) == (name == "strange")


@pytest.fixture(scope="module")
def sounding(tmp_path_factory):
    """A data folder with tiny networks that make sound, if not much else."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("sounding")
        hardly_trained(folder, patch)
    return folder


@pytest.fixture
def heard(sounding, here, monkeypatch):
    """An empty folder to work in, with the tiny networks at hand."""
    monkeypatch.setenv("MINIVID_DATA", str(sounding))
    monkeypatch.setenv("MINIVID_PRESET", "tiny")
    return here


def test_films_sound_and_what_is_given_is_kept(heard, capsys):
    assert cli.main(["make", "a red ball bounces", "--steps", "1", "--strip", "s.png"]) == 0
    said = capsys.readouterr().out
    assert "what it hears:\n" in said and "ambience" not in said
    video, _, audio, rate = decode.read_film("film.mp4")
    assert audio.shape == (1, 8000) and rate == 8000
    command = ["make", "a red ball bounces by day", "--steps", "1"]
    assert cli.main([*command, "--video-from", "film.mp4", "-o", "sound.mp4"]) == 0
    told = capsys.readouterr()
    assert "film.mp4: read at 24x24, 8 frames a second" in told.err
    assert "asked by day, sounds" in told.out
    again, _, other, _ = decode.read_film("sound.mp4")
    assert (again - video).abs().mean() < 0.02 and not torch.allclose(other, audio, atol=1e-3)
    clip = film([3], ClipFormat(24, 24, 9), Knobs(actions=("bounces",)))
    media.write_film("real.mp4", clip.video, 8, clip.audio, 8000)
    assert cli.main([*command, "--audio-from", "real.mp4", "-o", "picture.mp4"]) == 0
    told = capsys.readouterr().err
    assert "real.mp4: 1 second of sound" in told and "no hit" not in told
    media.write_film("quiet.mp4", clip.video, 8, 0.01 * clip.audio, 8000)
    assert cli.main([*command, "--audio-from", "quiet.mp4", "-o", "other.mp4"]) == 0
    assert "quiet.mp4: no hit and no syllable of this world is heard" in capsys.readouterr().err
    other, _, sound, _ = decode.read_film("picture.mp4")
    assert torch.corrcoef(torch.cat([sound, clip.audio]))[0, 1] > 0.95
    assert (other - clip.video).abs().mean() > 0.05


@pytest.mark.parametrize("size, flags, made", [
    ((36, 24), "", (36, 24)), ((36, 24), "--size 24x24", (24, 24)), ((30, 24), "", (36, 24)),
    ((96, 96), "", (24, 24)), ((72, 72), "", (72, 72)), ((36, 12), "", (36, 24))])
def test_sound_is_made_for_a_film_in_its_own_size(heard, capsys, size, flags, made):
    clip = film([3], ClipFormat(size[1], size[0], 5), sound=False)
    media.write_film("given.mp4", clip.video, 8)
    assert cli.main(["make", "a ball", "--steps", "1", "--video-from", "given.mp4", *flags.split(),
                     "-o", "made.mp4"]) == 0
    assert decode.read_film("made.mp4")[0].shape[-2:] == made[::-1]
    told = capsys.readouterr().err
    assert ("cropped" in told or "resized" in told) == (made != size)


def test_sound_is_made_as_long_as_its_film(heard, capsys):
    for frames, fps, left in ((9, 8, 9), (5, 8, 5), (30, 30, 9), (17, 30, 5)):
        picture = film([3], ClipFormat(24, 24, 1), sound=False).video
        media.write_film("given.mp4", picture.expand(-1, -1, frames, -1, -1), fps)
        assert cli.main(["make", "a ball", "--steps", "1", "--video-from", "given.mp4",
                         "-o", "made.mp4", "--force"]) == 0
        video, _, audio, rate = decode.read_film("made.mp4")
        assert video.shape[2] == left and audio.shape[1] / rate == (left - 1) / 8
    assert "keep time with" in capsys.readouterr().err  # nobody bounces in it


def test_only_mp4_holds_sound(heard, capsys):
    assert cli.main(["make", "a red ball", "--steps", "1", "-o", "a.gif"]) == 0
    assert "only .mp4 holds sound: it is left out of a.gif" in capsys.readouterr().err
    assert (heard / "a.gif").is_file()


@pytest.mark.parametrize("argv, says", [
    ("--video-from none.mp4", "no film at none.mp4"),
    ("--video-from text.mp4", "cut short or holds no film"),
    ("--video-from short.mp4", "too short"),
    ("--audio-from text.mp4", "cut short or holds no sound"),
    ("--audio-from silent.mp4", "no sound track"),
    ("--audio-from none.wav", "no sound at none.wav"),
    ("--audio-from silent.mp4 --video-from silent.mp4", "one of --from"),
    ("--video-from silent.mp4 --seconds 9", "1 seconds at most"),
    ("--video-from silent.mp4 --strip s.png", "there is no --strip"),
    ("--video-from silent.mp4 -o x.gif", "x.gif cannot hold it"),
    ("--from none.png", "no picture at none.png"),
])
def test_what_cannot_be_used_is_said_in_one_line(heard, capsys, argv, says):
    (heard / "text.mp4").write_text("no film")
    clip = film([3], ClipFormat(24, 24, 9), sound=False)
    media.write_film("silent.mp4", clip.video, 8)
    media.write_film("short.mp4", clip.video[:, :, :2], 8)
    assert says in fails(capsys, "make", "a ball", "--steps", "1", "-o", "x.mp4", *argv.split())
    assert not (heard / "x.mp4").exists()


def test_silent_networks_say_so(here, capsys, monkeypatch):
    silent = replace(presets.PRESETS["laptop"], sound=None)
    monkeypatch.setitem(presets.PRESETS, "laptop", silent)
    media.write_film(here / "x.mp4", film([3], ClipFormat(24, 24, 9), sound=False).video, 8)
    for flag in ("--video-from", "--audio-from"):
        assert "make silent films" in fails(capsys, "make", "a ball", flag, "x.mp4")


@pytest.mark.parametrize("argv, says", [
    (["make"], "required: PROMPT"),
    (["make", ""], "empty"),
    (["make", "a", "red", "ball"], "needs quotes"),
    (["make", "a red ball", "--sede", "3"], "--sede 3 (did you mean --seed?). Try `minivid make"),
    (["make", "a red ball", "--sedes=3"], "(did you mean --seed?)"),
    (["make", "a ball", "--qqqq"], "arguments: --qqqq. Try"),
    (["make", "3 кота"], "No word of the prompt"),
    (["make", "a bal bouncs"], "Perhaps ball, for 'bal'?"),
    (["make", "a ball", "--seed", "-1"], "whole number from 0 to 2^40"),
    (["make", "a ball", "-o", "a.png", "--strip", "a.png"], "cannot both be a.png"),
    (["train", "text", "--resume", "--minutes", "3"], "no --warm, --decoder, --minutes"),
    (["train", "text", "--decoder"], "no decoder in text"),
    (["train", "text", "--batch", "0"], "above 0"),
    (["bench", "--speedrun", "--ingredients"], "one at a time"),
    (["make", "qqqq"], "No word of the prompt"),
    (["make", "a ball", "-o", "a.avi"], ".mp4 or .gif"),
    (["make", "a ball", "-o", "there.mp4"], "exists already"),
    (["make", "a ball", "--strip", "there.mp4"], ".png"),
    (["make", "a ball", "-o", "there.mp4/film.mp4", "--steps", "1"], "Cannot write"),
    (["make", "a ball", "--size", "big"], "WIDTHxHEIGHT"),
    (["make", "a ball", "--size", "4x4"], "each side must be"),
    (["make", "a ball", "--size=-48x48"], "each side must be"),
    (["make", "a ball", "--size", "480x480"], "more than 4096"),
    (["make", "a ball", "--size", "50x48"], "multiples of 12"),
    (["train", "text", "--minutes", "3", "--steps", "4"], "not by both"),
    (["make", "a ball", "--seconds", "nan"], "needs a number"),
    (["make", "a ball", "--seconds", "1e9"], "can last 512 seconds"),
    (["app", "--port", "99999"], "up to 65535"),
    (["make", "a ball", "--seconds", "60", "--size", "336x336"], "can last 27 seconds"),
    (["make", "a ball", "--steps", "0"], "above 0"),
    (["make", "a ball", "--steps", "1001"], "up to 1000"),
    (["make", "a ball", "--steps", "2.5"], "whole number"),
    (["make", "a ball", "--guidance", "x"], "needs a number"),
    (["make", "a ball", "--guidance", "nan"], "guidance: needs"),
    (["make", "a ball", "--from", "none.png"], "no picture at none.png"),
    (["make", "a ball", "--from", "there.mp4"], "no picture"),
    (["make", "a ball", "--preset", "huge"], "no preset"),
    (["make", "a ball", "--preset", "gpu"], "minivid train autoencoder --preset gpu"),
    (["train", "nothing"], "nothing called"),
    (["train", "text", "--resume"], "Nothing to resume"),
    (["train", "text", "--minutes", "-1"], "above 0"),
    (["dance"], "invalid choice"),
    ([], "COMMAND"),
])
def test_what_cannot_be_done_is_said_in_one_line(here, capsys, argv, says):
    (here / "there.mp4").write_bytes(b"the old one")
    assert says in fails(capsys, *argv)
    assert (here / "there.mp4").read_bytes() == b"the old one"
    assert sorted(p.name for p in here.iterdir()) == ["there.mp4"]


def test_a_place_that_cannot_be_written_is_found_out_before_any_work(here, capsys, monkeypatch):
    monkeypatch.setattr(generate.Machine, "load", lambda *args: pytest.fail("it began to work"))
    (here / "file").write_text("in the way")
    nowhere = ["-o /proc/film.mp4"] * os.path.isdir("/proc/self")  # even for root
    for flags in ("-o file/film.mp4", "-o film.mp4 --strip file/strip.png", *nowhere):
        assert "choose a file in a folder" in fails(capsys, "make", "a ball", *flags.split())


def test_force_replaces_what_is_there(here):
    (here / "a.gif").write_bytes(b"the old one")
    assert cli.main(["make", "a ball", "--steps", "1", "-o", "a.gif", "--force"]) == 0
    assert (here / "a.gif").read_bytes().startswith(b"GIF8")


def test_train_passes_everything_on(here, monkeypatch):
    asked = inspect.signature(runs.train)
    called = []
    monkeypatch.setattr(runs, "train", lambda *args, **options: called.append(
        asked.bind(*args, **options).arguments))
    assert cli.main(["train", "text"]) == 0
    assert cli.main(shlex.split("train text --preset gpu --minutes 3 --steps 9 --seed 2 --resume "
                                "--warm --decoder --out x.safetensors --batch 7 --clips 99")) == 0
    assert called[0] == {"name": "text", "preset": None, "minutes": None, "steps": None, "seed": 0,
                         "resume": False, "warm": False, "decoder": False, "out": None,
                         "batch": None, "clips": None}
    assert called[1] == {"name": "text", "preset": "gpu", "minutes": 3.0, "steps": 9, "seed": 2,
                         "resume": True, "warm": True, "decoder": True,
                         "out": Path("x.safetensors"), "batch": 7, "clips": 99}


def test_a_panel_for_a_network_says_what_others_open(here, capsys, monkeypatch):
    served = []
    monkeypatch.setattr("minivid.app.serve", lambda *args: served.append(args))
    assert cli.main(["app", "--no-browser"]) == 0
    alone = capsys.readouterr().out
    assert "http://localhost:8866" in alone and platform.node() not in alone
    assert cli.main(shlex.split("app --address 0.0.0.0 --port 9000 --sessions 8")) == 0
    assert f"http://{platform.node()}:9000" in capsys.readouterr().out
    assert served == [(8866, 4, "127.0.0.1", False), (9000, 8, "0.0.0.0", True)]


def test_a_port_that_is_taken_is_named(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port} of 127.0.0.1" in fails(capsys, "app", "--port", str(port))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such request")
def test_a_request_to_end_is_an_interrupt(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert "Stopped" in fails(capsys, "doctor", code=130)


def test_an_interrupt_says_how_to_go_on(here, capsys, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", interrupted)
    assert "Run the same command" in fails(capsys, "train", "text", code=130)
    runs.in_progress("text", "laptop").parent.mkdir()
    runs.in_progress("text", "laptop").write_bytes(b"half")
    os.utime(runs.in_progress("text", "laptop"), (1, 1))  # an older training's
    assert "Run the same command" in fails(capsys, "train", "text", code=130)

    def saved_and_interrupted(*args, **options):
        os.utime(runs.in_progress("text", "laptop"), (time.time() + 1,) * 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", saved_and_interrupted)
    line = fails(capsys, "train", "text", code=130)
    assert line.endswith("minivid train text --preset laptop --resume")
    line = fails(capsys, "train", "text", "--out", "t.safetensors", code=130)
    assert line.endswith("--resume, which will write the --out you named")


def test_a_missing_package_is_named(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "minivid.doctor", raising=False)
    monkeypatch.delattr("minivid.doctor", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "package torch is missing" in fails(capsys, "doctor")


def test_a_full_gpu_says_what_to_shrink_and_other_faults_are_not_hidden(capsys, monkeypatch):
    def fault(error):
        def examine():
            raise error
        monkeypatch.setattr(doctor, "examine", examine)

    fault(torch.OutOfMemoryError("CUDA out of memory"))
    assert "--preset laptop" in fails(capsys, "doctor", code=1)
    fault(ZeroDivisionError("a mistake of ours"))
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])


def test_evaluate_and_bench_print_tables_or_json(here, capsys, monkeypatch):
    def scores(machine, n, k, tick, notes, say):
        say("row")
        return {"asked": [n, k], "of": checkpoints.digests("laptop")}

    monkeypatch.setattr(evaluate, "evaluate", scores)
    monkeypatch.setattr(evaluate, "table", lambda scores: f"a table of {scores['asked']}")
    assert cli.main(["evaluate"]) == 0
    told = capsys.readouterr()
    assert told.out == "a table of [100, 1]\n" and told.err == "minivid: row\n"
    assert cli.main(["evaluate", "--prompts", "7", "--seeds", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asked"] == [7, 3]
    assert "scores" not in checkpoints.manifest()["transformer-laptop"]
    assert cli.main(["evaluate", "--record"]) == 0
    known = checkpoints.manifest()
    scores = known["transformer-laptop"]["scores"]
    assert scores["asked"] == [100, 1]
    assert scores["of"]["text"] == known["text-laptop"]["sha256"]
    monkeypatch.setattr(evaluate, "evaluate", lambda *asked, say: {"of": "others", "asked": [9, 9]})
    assert cli.main(["evaluate", "--record"]) == 2
    assert "nothing is recorded" in capsys.readouterr().err
    assert checkpoints.manifest() == known
    monkeypatch.setattr(bench, "bench", lambda machine, say: {"preset": machine.preset.name})
    monkeypatch.setattr(bench, "table", lambda figures: f"a table of {figures}")
    assert cli.main(["bench"]) == 0
    assert capsys.readouterr().out == "a table of {'preset': 'laptop'}\n"
    monkeypatch.setattr(bench, "speedrun",
                        lambda minutes, preset, say: say("done") or {"minutes": minutes})
    assert cli.main(["bench", "--speedrun", "--minutes", "2", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"minutes": 2} and told.err == "minivid: done\n"


@pytest.mark.parametrize("damage, says", [
    (lambda data: data[:-10], "is not the file that the manifest knows"),
    (lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], "is not the file"),
    (lambda data: None, "is gone"),
])
def test_a_damaged_checkpoint_gets_one_line(here, untrained, capsys, damage, says):
    path = untrained / "checkpoints" / "transformer-laptop.safetensors"
    whole = path.read_bytes()
    path.unlink() if damage(whole) is None else path.write_bytes(damage(whole))
    try:
        line = fails(capsys, "make", "a ball", "--steps", "1")
        assert path.name in line and says in line
        assert not (here / "film.mp4").exists()
    finally:
        path.write_bytes(whole)


def test_doctor_finds_nothing_wrong_or_counts_what_is(here, capsys, monkeypatch):
    findings = [doctor.Finding("sun", "shines")]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out == "sun          shines\n\nEverything is in order.\n"
    findings += [doctor.Finding("roof", "leaks", "Mend it."),
                 doctor.Finding("door", "?", "Shut it.")]
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("2 things are wrong:\n1. Mend it.\n2. Shut it.\n")


def test_doctor_looks_at_this_computer(here, monkeypatch):
    named = {finding.name: finding for finding in doctor.examine()}
    assert set(named) == {"version", "packages", "torch", "device", "preset", "checkpoints",
                          "disk", "films"}
    assert named["packages"].wrong is None and named["films"].wrong is None
    assert torch.__version__ in named["torch"].fact
    assert "whole" in named["checkpoints"].fact and named["checkpoints"].wrong is None
    monkeypatch.setenv("MINIVID_PRESET", "huge")
    assert "MINIVID_PRESET" in doctor.preset().wrong


def test_doctor_notices_what_is_missing(here, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "einops" else name)
    assert doctor.packages().fact == "einops missing" and doctor.packages().wrong
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    assert "disk" in doctor.disk().wrong
    monkeypatch.setattr(doctor, "system_memory", lambda: (2**29, 2**34))
    assert "memory" in doctor.device().wrong or torch.cuda.is_available()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "manifest.json").write_text("{}")
    monkeypatch.setenv("MINIVID_DATA", str(tmp_path))
    assert "minivid train autoencoder" in doctor.trained().wrong


def test_doctor_notices_a_damaged_checkpoint(here, monkeypatch):
    monkeypatch.setattr(checkpoints, "sha256", lambda path: "another")
    assert "git checkout data/checkpoints" in doctor.trained().wrong


@pytest.mark.parametrize("chip, built, runs", [
    ((8, 6), "sm_80 sm_90", True), ((7, 0), "sm_75 sm_80", False), ((6, 1), "sm_75", False),
    ((9, 0), "sm_80 sm_90a", True), ((10, 0), "sm_80 compute_90", True), ((12, 0), "sm_90", False)])
def test_doctor_knows_which_chips_a_build_runs_on(chip, built, runs):
    assert doctor.runs_on(chip, built.split()) is runs


def test_every_command_and_flag_has_help_and_an_example_that_works(capsys):
    for run, _, what, example in cli.COMMANDS:
        with pytest.raises(SystemExit) as stop:
            cli.main([run.__name__, "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert stop.value.code == 0 and f"example: {example}" in told
        assert f"{what[0].upper()}{what[1:]}." in told
        program, *argv = shlex.split(example)
        assert program == "minivid" and cli.parser().parse_args(argv).run is run

        flags = []
        cli.COMMANDS[[c[0] for c in cli.COMMANDS].index(run)][1](
            lambda *names, **options: flags.append((names, options)))
        for names, options in flags:
            assert len(options["help"]) > 10 and all(name in told or name == "prompt" or
                                                     name == "name" for name in names)


def test_the_help_says_the_defaults(capsys):
    with pytest.raises(SystemExit):
        cli.main(["make", "--help"])
    told, fmt = " ".join(capsys.readouterr().out.split()), presets.PRESETS["laptop"].fmt
    for flag, default in (("steps", generate.STEPS), ("guidance", f"{generate.GUIDANCE:g}"),
                          ("seconds", f"{fmt.seconds:g}")):
        assert f"(default: {default})" in told.rpartition(f"--{flag} ")[2].partition(" --")[0]
    assert f"{fmt.width}x{fmt.height} on a laptop" in told


def test_help_and_readme_say_what_lasts_and_where_sound_may_come_from(capsys):
    with pytest.raises(SystemExit):
        cli.main(["make", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| `minivid make"))
    for text in (told.rpartition("--seconds ")[2].partition(" --")[0],
                 row.partition("--seconds 6")[2].partition("--strip")[0]):
        assert all(action in text for action in grammar.LASTING)
    assert "film" in told.rpartition("--audio-from ")[2].partition(" --")[0]
    assert "that of a film" in row.partition("--audio-from")[2]


def test_errors_meant_for_users_are_of_one_kind(capsys, monkeypatch):
    def examine():
        raise MinividError("Two\nlines.")

    monkeypatch.setattr(doctor, "examine", examine)
    assert fails(capsys, "doctor") == "minivid: Two lines."
