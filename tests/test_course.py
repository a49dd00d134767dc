"""The lessons as they are stored: executed in order, within budget, claims tied to cells."""

import base64
import csv
import io
import re
import weakref
from pathlib import Path

import mutants
import nbformat
import pytest
import torch
from PIL import Image

from minivid import course, presets
from minivid.errors import MinividError

COURSE = Path(__file__).resolve().parents[1] / "course"
LESSONS = sorted(COURSE.glob("*.ipynb"))
BUDGET = {"cells": 45, "words": 1500, "lines": 15, "ignored": 1}


def load(path):
    return nbformat.read(path, as_version=4)


def code(lesson):
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(out.get("text", "") for out in cell.outputs if out.output_type == "stream")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_stored_as_it_ran(path):
    lesson = load(path)
    assert [c.execution_count for c in code(lesson)] == list(range(1, len(code(lesson)) + 1))
    assert "widgets" not in lesson.metadata and lesson.metadata.kernelspec.name == "python3"
    assert path.stat().st_size < 2_000_000
    outputs = [out for cell in code(lesson) for out in cell.outputs]
    assert not [out for out in outputs if out.output_type == "error"]
    assert not [out for out in outputs if out.get("name") == "stderr"]
    for out in outputs:
        if "image/png" in out.get("data", {}):
            assert out.metadata["image/png"]["alt"].strip()
            picture = Image.open(io.BytesIO(base64.b64decode(out.data["image/png"])))
            picture.load()
            assert picture.width >= 48
    assert sum(bool(printed(cell)) for cell in code(lesson)) >= 10
    assert ": NO" not in "".join(map(printed, code(lesson)))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_keeps_its_budget(path):
    lesson = load(path)
    prose = [cell.source for cell in lesson.cells if cell.cell_type == "markdown"]
    assert len(lesson.cells) <= BUDGET["cells"]
    assert sum(len(text.split()) for text in prose) <= BUDGET["words"]
    assert max(len(cell.source.splitlines()) for cell in code(lesson)) <= BUDGET["lines"]
    tags = [tag for cell in code(lesson) for tag in cell.metadata.get("tags", [])]
    assert sum(tag.startswith("nbval") for tag in tags) <= BUDGET["ignored"]
    assert not re.search(r"!\[\s*\]", "".join(prose))


def test_each_claim_has_its_cell_and_its_verdict():
    lessons = {path.stem[:2]: load(path) for path in LESSONS}
    rows = list(csv.DictReader((COURSE / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) >= 8
    for row in rows:
        cells = [c for c in code(lessons[row["lesson"]])
                 if row["tag"] in c.metadata.get("tags", [])]  # fmt: skip
        assert len(cells) == 1, row
        text = printed(cells[0])
        told = re.search(rf"claim {row['claim']}: .*\n  verdict: (.*) \(.*\n  (.*)", text)
        assert told and told[1] == row["verdict"], row
        assert re.fullmatch(rf"{re.escape(row['figure'])} .*: yes" if row["figure"]
                            else "nothing measured", told[2]), row
        assert bool(row["figure"]) == (row["verdict"] != "not testable here"), row


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_path_and_the_sheet_for_teachers_have_every_lesson(path):
    title = load(path).cells[0].source.splitlines()[0].removeprefix("# ")
    assert f"| [{title}]({path.name}) |" in (COURSE / "README.md").read_text(encoding="utf-8")
    assert f"\n### {title}" in (COURSE / "TEACHING.md").read_text(encoding="utf-8")
    minutes = re.search(r"banner\(.*minutes=([\d.]+)", "".join(c.source for c in code(load(path))))
    row = next(line for line in (COURSE / "README.md").read_text(encoding="utf-8").splitlines()
               if path.name in line)
    assert f"| {minutes[1]} min |" in row


def test_the_example_before_the_first_lesson_learns():
    text = (COURSE / "README.md").read_text(encoding="utf-8")
    (example,), room = re.findall(r"```python\n(.*?)```", text, flags=re.S), {}
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        exec(example, room)
    assert (room["model"].weigh.weight - torch.tensor([3.0, -2.0])).abs().max() <= 0.05


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_glossary_has_what_a_lesson_marks(path):
    glossary = (COURSE / "glossary.md").read_text(encoding="utf-8").lower()
    known = " ".join(re.findall(r"^- \*\*(.*?)\*\*", glossary, flags=re.M))
    prose = [c.source for c in load(path).cells if c.cell_type == "markdown"]
    terms = {term.lower() for text in prose for term in
             re.findall(r"\*\*([A-Za-z][a-z ]+)\*\*", re.sub(r"```.*?```", "", text, flags=re.S))}
    assert len(terms) >= 6
    assert [term for term in sorted(terms) if term not in known] == []


# ---------------------------------------------------------------- memory of a GPU


def test_a_full_gpu_gives_its_memory_back_and_says_what_to_do(capsys, monkeypatch):
    handlers, held, freed = [], [], []

    class Shell:
        def set_custom_exc(self, kinds, handler):
            handlers.append((kinds, handler))

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(held[0]() is None))
    course.give_memory_back(Shell())
    (kinds, handler), = handlers
    assert kinds == (torch.OutOfMemoryError,)

    def greedy():
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("full")

    try:
        greedy()
    except torch.OutOfMemoryError as error:
        handler(Shell(), type(error), error, error.__traceback__, tb_offset=None)
    assert freed == [True]  # nothing held it any more when the cache was emptied
    assert "smaller batch" in capsys.readouterr().out


def test_a_class_shares_a_gpu(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction",
                        lambda share, device: shares.append((share, device)))
    presets.best_device()
    assert shares == []
    monkeypatch.setenv("MINIVID_GPU_FRACTION", "0.25")
    presets.best_device()
    presets.best_device("cuda:1")
    presets.best_device("cpu")
    assert shares == [(0.25, None), (0.25, 1)]  # torch takes a number, or None for the first
    for wrong in ("a quarter", "0", "2"):
        monkeypatch.setenv("MINIVID_GPU_FRACTION", wrong)
        with pytest.raises(MinividError, match=f"0.25, not '{wrong}'"):
            presets.best_device()


def test_what_mutants_change_still_stands_where_they_look_for_it():
    for name, (lesson, changes) in (mutants.FAULTS | mutants.HARMLESS).items():
        assert (mutants.ROOT / lesson).is_file()
        for file, old, new in changes:
            assert old in (mutants.ROOT / file).read_text(encoding="utf-8"), (name, old)
            assert old != new, name
