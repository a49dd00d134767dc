"""Lesson 00: a sentence never shown, and what a frame takes."""

from __future__ import annotations

from collections.abc import Callable

import torch

from minivid import grammar as g
from minivid.checks import Wrong, answer_of, exercise, first_of
from minivid.errors import PromptError


@exercise
def new_sentence(function: Callable) -> str | None:
    """new_sentence(): what can be said in this world, and was never shown in training."""
    sentence = answer_of(function)
    if not isinstance(sentence, str):
        raise Wrong(f"it should return a sentence, not a {type(sentence).__name__}")
    try:
        unknown = g.words_of(sentence)[1]
    except PromptError as problem:
        return str(problem)
    if unknown:
        return f"this world has no word {next(iter(unknown))!r}"
    told = g.parse(sentence)
    if not told.actors or told.actors[0].shape is None:
        return "say who is in it: a ball, a box, ..."
    first = told.actors[0]
    if (first.shape, first.action, told.place) == ("cat", "rides a bicycle", "in the rain"):
        return "that is the one of above; there are more"
    if not any(g.novelty(actor, told.place) for actor in told.actors):
        return "films of that were shown in training; data/README.md says what was kept from it"
    return None


@exercise
def joules_a_frame(function: Callable) -> str | None:
    """joules_a_frame(systems): from rows of the table to {system: joules for each frame}."""
    rows = [{"system": "one", "joules": "300", "frames": "60", "steps": "50", "seconds": "7"},
            {"system": "two", "joules": "90", "frames": "9", "steps": "25", "seconds": "3"}]
    answer = answer_of(function, rows)
    if not isinstance(answer, dict) or set(answer) != {"one", "two"}:
        raise Wrong("it should return a dict with a number for each system, by its name")
    faults = {"that is for each step; a film has frames, and each takes all steps": (6, 3.6),
              "upside down: that is frames for each joule": (0.2, 0.1),
              "that is for each second of waiting, so watts": (300 / 7, 30)}
    found = torch.tensor([float(answer["one"]), float(answer["two"])])
    faults = {hint: torch.tensor(wrong) for hint, wrong in faults.items()}
    return first_of(found, torch.tensor([5.0, 10.0]), faults, "divide joules by frames")
