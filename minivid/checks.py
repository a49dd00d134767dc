"""What the checks of exercises are made of: try what a learner wrote, and say what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps

import torch

Tensor = torch.Tensor


class NotYet(Exception):
    """The learner's function is still empty."""


class Wrong(Exception):
    """What the learner's function gives back cannot be compared: the message says why."""


def answer_of(function: Callable, *arguments: object) -> object:
    """Call what the learner wrote; raises NotYet while it gives nothing back."""
    answer = function(*arguments)
    if answer is None or answer is Ellipsis:
        raise NotYet
    return answer


def model_of(function: Callable, *arguments: object) -> Callable:
    """As `answer_of`, where a model is asked for; raises Wrong for anything else."""
    answer = answer_of(function, *arguments)
    if not callable(answer):
        raise Wrong("return a function velocity(x_t, t, given=None), not its value")
    return answer


def exercise(find_fault: Callable[[Callable], str | None]) -> Callable[[Callable], None]:
    """Make a check from `find_fault(function)`, which returns a hint, or None when all is right.

    The check prints "not yet: ..." for an empty function, "right", or "hint: ..."; it never raises.
    """

    @wraps(find_fault)
    def check(function: Callable) -> None:
        try:
            fault = find_fault(function)
        except NotYet:
            print("not yet: it returns nothing")
            return
        except Wrong as fault_found:
            fault = str(fault_found)
        except Exception as error:  # a learner's code may fail in any way: say how, and go on
            fault = f"your code stopped with {type(error).__name__}: {error}"
            if isinstance(error, RuntimeError) and re.search("shape|size", str(error)):
                fault += "; print the shapes: does one of them lack an axis, or have one too many?"
        print("right" if fault is None else f"hint: {fault}")

    return check


def draw(*shape: int, seed: int) -> Tensor:
    """Numbers from the bell curve, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def same(answer: object, expected: Tensor) -> bool:
    """Whether an answer is the tensor expected; raises Wrong where it cannot be compared."""
    if not isinstance(answer, Tensor):
        raise Wrong(f"it should return a tensor, not a {type(answer).__name__}")
    if answer.shape != expected.shape:
        raise Wrong(f"its shape is {tuple(answer.shape)}, not {tuple(expected.shape)}")
    return torch.allclose(answer.to(expected.dtype), expected, atol=1e-3, equal_nan=True)


def first_of(answer: object, truth: Tensor, faults: dict[str, Tensor],
             otherwise: str) -> str | None:
    """None when right; else the hint of the fault that gives the same answer."""
    if same(answer, truth):
        return None
    return next((hint for hint, wrong in faults.items() if same(answer, wrong)), otherwise)
