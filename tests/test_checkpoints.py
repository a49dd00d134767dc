"""Checkpoints come back exactly, and say so when they cannot."""

import errno
import json
import os

import pytest
import torch
from safetensors.torch import save_file
from tiny import TINY, empty_data

from minivid import checkpoints
from minivid.errors import CheckpointError
from minivid.generate import Machine
from minivid.recipes import RECIPES, load_link


def some_tensors(seed=0):
    make = torch.Generator().manual_seed(seed)
    return {"w": torch.randn(4, 3, generator=make), "b": torch.randn(3, generator=make).bfloat16(),
            "step": torch.tensor(7), "none": torch.zeros(0, 2)}


@pytest.fixture
def data(tmp_path, monkeypatch):
    return empty_data(tmp_path, monkeypatch) / "checkpoints"


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    path, meta = tmp_path / "new" / "a.safetensors", {"kind": "text", "words": ["a", "ü"]}
    sha = checkpoints.save(path, some_tensors(), meta)
    assert sha == checkpoints.sha256(path)
    tensors, back = checkpoints.load(path, kind="text")
    assert {k: back[k] for k in meta} == meta
    for name, x in some_tensors().items():
        assert tensors[name].dtype == x.dtype and torch.equal(tensors[name], x)
    assert checkpoints.save(tmp_path / "b", some_tensors(), meta) == sha  # same in, same file


def test_transposed_and_shared_tensors_can_be_saved(tmp_path):
    w = torch.arange(6.0).reshape(2, 3)
    checkpoints.save(tmp_path / "a", {"w": w.T, "again": w}, {"kind": "text"})
    tensors, _ = checkpoints.load(tmp_path / "a")
    assert torch.equal(tensors["w"], w.T) and torch.equal(tensors["again"], w)


def flip_a_byte(data):
    return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]


@pytest.mark.parametrize("damage, says", [
    (lambda data: data[:-10], "cut short"),
    (lambda data: data[:5], "cut short"),
    (lambda data: b"", "cut short"),
    (lambda data: b"version https://git-lfs.github.com/spec/v1\n", "no safetensors"),
    (flip_a_byte, "checksum"),
])
def test_damage_is_noticed(tmp_path, damage, says):
    path = tmp_path / "a.safetensors"
    checkpoints.save(path, some_tensors(), {"kind": "text"})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match=says) as caught:
        checkpoints.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_altered_configuration_is_noticed(data):
    recipe = RECIPES["text"](TINY, 0, "cpu")
    path = data / "text-tiny.safetensors"
    for config in ({"depth": 9}, {"depth": "two"}, {"deep": 1}, {"vocabulary": ["a"]}):
        checkpoints.save(path, recipe.model.state_dict(),
                         {"kind": "text", "config": {**recipe.config(), **config}})
        with pytest.raises(CheckpointError, match="was altered"):
            load_link(path)
    checkpoints.save(path, recipe.model.state_dict(), {"kind": "text", "config": recipe.config()})
    checkpoints.record("text", "tiny", path)
    assert load_link(checkpoints.find("text", "tiny"))
    path.write_bytes(path.read_bytes().replace(b'\\"ball\\"', b'\\"bell\\"', 1))
    with pytest.raises(CheckpointError, match="not the file that the manifest knows"):
        checkpoints.find("text", "tiny")


def test_foreign_missing_and_other_kinds_are_refused(tmp_path):
    save_file(some_tensors(), tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="not written by minivid"):
        checkpoints.load(tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="There is no checkpoint at"):
        checkpoints.load(tmp_path / "missing")
    checkpoints.save(tmp_path / "a", some_tensors(), {"kind": "text"})
    with pytest.raises(CheckpointError, match="holds a text, but a transformer"):
        checkpoints.load(tmp_path / "a", kind="transformer")
    with pytest.raises(CheckpointError, match="kind"):
        checkpoints.save(tmp_path / "b", some_tensors(), {})


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch, function):
    path = tmp_path / "a.safetensors"
    checkpoints.save(path, some_tensors(0), {"kind": "text"})
    before = path.read_bytes()

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(CheckpointError, match="disk is full. The file that was there is untouched"):
        checkpoints.save(path, some_tensors(1), {"kind": "text"})
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(tmp_path / "a", some_tensors(), {"kind": "text"})
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "a.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match="Cannot write"):
            checkpoints.save(place, some_tensors(), {"kind": "text"})
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("text", ["[]", "null", "3", '{"text-laptop": {}}', '{"a": []}', "{"])
def test_a_manifest_that_is_none_gets_a_clear_error(data, text):
    (data / "manifest.json").write_text(text)
    for ask in (checkpoints.manifest, checkpoints.verify_manifest,
                lambda: checkpoints.find("text", "laptop")):
        with pytest.raises(CheckpointError, match="Restore it with"):
            ask()


@pytest.mark.parametrize("header", ["[]", "null", '{"format": "minivid", "checksum": ""}'])
def test_a_header_that_says_nothing_gets_a_clear_error(tmp_path, header):
    save_file(some_tensors(), tmp_path / "x.safetensors", {"minivid": header})
    with pytest.raises(CheckpointError, match="not written by minivid"):
        checkpoints.load(tmp_path / "x.safetensors", "text")


def test_the_manifest_knows_its_files(data):
    path = data / "text-laptop.safetensors"
    checkpoints.save(path, some_tensors(), {"kind": "text"})
    assert checkpoints.verify_manifest() == [
        "text-laptop.safetensors lies there, but the manifest does not know it"]
    checkpoints.record("text", "laptop", path, seed=3, command="minivid train text")
    assert checkpoints.find("text", "laptop") == path and checkpoints.verify_manifest() == []
    entry = json.loads((data / "manifest.json").read_text())["text-laptop"]
    assert (entry["seed"], entry["kind"], entry["bytes"]) == (3, "text", path.stat().st_size)
    checkpoints.annotate("text", "laptop", scores={"together": 0.5})
    annotated = checkpoints.manifest()["text-laptop"]
    assert annotated == {**entry, "scores": {"together": 0.5}}
    for wrong in (checkpoints.find, checkpoints.annotate):
        with pytest.raises(CheckpointError, match="minivid train text --preset gpu"):
            wrong("text", "gpu")
    checkpoints.save(path, some_tensors(1), {"kind": "text"})
    assert "not the file that was recorded" in checkpoints.verify_manifest()[0]
    path.unlink()
    assert checkpoints.verify_manifest() == ["text-laptop: text-laptop.safetensors is gone"]
    with pytest.raises(CheckpointError, match="is gone"):
        checkpoints.find("text", "laptop")


def test_networks_trained_on_others_than_those_here_are_named(data):
    for name, on in (("autoencoder", ()), ("text", ("autoencoder",))):
        path = data / f"{name}-laptop.safetensors"
        checkpoints.save(path, some_tensors(), {"kind": name})
        built_on = {n: checkpoints.manifest()[f"{n}-laptop"]["sha256"] for n in on}
        checkpoints.record(name, "laptop", path, built_on=built_on)
    assert checkpoints.misfits("laptop") == []
    path = data / "autoencoder-laptop.safetensors"
    checkpoints.save(path, some_tensors(1), {"kind": "autoencoder"})
    checkpoints.record("autoencoder", "laptop", path)
    (line,) = checkpoints.misfits("laptop")
    assert "another autoencoder" in line and "minivid train text --preset laptop" in line
    assert checkpoints.misfits("gpu") == []
    with pytest.raises(CheckpointError, match="minivid train text"):
        Machine.load("laptop", "cpu")


def test_a_wrong_data_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIVID_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="MINIVID_DATA"):
        checkpoints.manifest()


def test_the_shipped_checkpoints_are_those_recorded():
    assert checkpoints.verify_manifest() == []
    entries = checkpoints.manifest().values()
    assert sum(e["bytes"] for e in entries if e["preset"] == "laptop") < 20e6
    for name, entry in checkpoints.manifest().items():
        path = checkpoints.data_dir() / "checkpoints" / entry["file"]
        checkpoints.load(path, kind=entry["kind"])
        assert entry.keys() >= {"config", "command", "seed", "wall_seconds", "hardware", "preset",
                                "sha256", "bytes"}, name
