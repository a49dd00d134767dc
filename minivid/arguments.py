"""What may be typed on the command line: sizes, counts and scales, and errors of one line."""

import argparse
import math


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str):
        self.exit(2, f"minivid: {message}. Try `{self.prog} --help`.\n")


def a_size(text: str) -> tuple[int, int]:
    """"72x48" to (width, height)."""
    try:
        width, height = map(int, text.lower().split("x"))
    except ValueError as problem:
        raise argparse.ArgumentTypeError(
            f"a size is WIDTHxHEIGHT such as 72x48, not {text!r}") from problem
    return width, height


def a_scale(text: str) -> float:
    """Any number that is one."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"needs a number, not {text!r}")
    return number


def above_zero(text: str) -> float:
    """A number above 0."""
    number = a_scale(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"needs a number above 0, not {text!r}")
    return number


def a_seed(text: str) -> int:
    """A whole number from 0 up to 2^40."""
    number = a_scale(text)
    if not (number == int(number) and 0 <= number < 2**40):
        raise argparse.ArgumentTypeError(f"needs a whole number from 0 to 2^40, not {text!r}")
    return int(number)


def count(text: str) -> int:
    """A whole number, 1 or more."""
    number = above_zero(text)
    if number != int(number):
        raise argparse.ArgumentTypeError(f"needs a whole number, not {text!r}")
    return int(number)
