"""A lesson comes back as it was, and what was made of it is not lost."""

import subprocess

import pytest

from minivid.errors import MinividError
from minivid.reset import reset


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "project" / "course"
    folder.mkdir(parents=True)
    for name in ("01_noise.ipynb", "08_sound.ipynb", "glossary.md"):
        (folder / name).write_bytes(f"{name}\n\u00e9".encode())
    for command in (["init", "-q"], ["add", "."],
                    ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "begin"]):
        subprocess.run(["git", *command], cwd=folder.parent, check=True)
    return folder


def test_a_changed_lesson_is_set_aside_and_comes_back(course):
    path = course / "08_sound.ipynb"
    original = path.read_bytes()
    path.write_text("mine")
    told = reset("8", course)
    assert path.read_bytes() == original
    (kept,) = (course / "set_aside").iterdir()
    assert kept.read_text() == "mine" and kept.name.startswith("08_sound 20") and kept.name in told
    assert len(list(course.glob("*.ipynb"))) == 2


def test_an_unchanged_lesson_is_left_alone_and_a_lost_one_returns(course):
    assert "nothing to do" in reset("01", course) and not (course / "set_aside").exists()
    (course / "01_noise.ipynb").unlink()
    assert "again" in reset("01", course) and (course / "01_noise.ipynb").is_file()
    assert not (course / "set_aside").exists()


def test_what_cannot_be_is_said(course, tmp_path, monkeypatch):
    with pytest.raises(MinividError, match="no lesson 7; there are 01, 08"):
        reset("7", course)
    with pytest.raises(MinividError, match="Clone the project"):
        reset("8", tmp_path / "nowhere")
    (tmp_path / "plain").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(MinividError, match="kept by git"):
        reset("8", tmp_path / "plain")
