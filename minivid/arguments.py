"""What may be typed on the command line: each command's flags, and errors of one line."""

import argparse
import difflib
import math
import sys
from pathlib import Path

MOST_STEPS = 1000  # from noise to film


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def parse_known_args(self, args=None, namespace=None):
        """As argparse's, but what is not known ends it here: each command knows its own flags."""
        known, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}{self.hint(rest)}")
        return known, rest

    def hint(self, rest: list[str]) -> str:
        """What may have been meant by arguments that are not known."""
        flag = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
        if flag is None:
            return " (a sentence of several words needs quotes)"
        near = difflib.get_close_matches(flag, self._option_string_actions, n=1)
        return f" (did you mean {near[0]}?)" if near else ""

    def error(self, message: str):
        self.exit(2, f"minivid: {message}. Try `{self.prog} --help`.\n")


def note(line: str) -> None:
    """A remark, beside the results rather than among them."""
    print(f"minivid: {line}", file=sys.stderr)


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


def port(text: str) -> int:
    """A whole number from 1 to 65535."""
    number = count(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"needs a whole number up to 65535, not {text!r}")
    return number


def steps(text: str) -> int:
    """A whole number from 1 to MOST_STEPS."""
    number = count(text)
    if number > MOST_STEPS:
        raise argparse.ArgumentTypeError(f"needs a whole number up to {MOST_STEPS}, not {text!r}")
    return number


# ---------------------------------------------------------------- the flags of each command


def make_flags(add) -> None:
    """Those of `minivid make`, given to argparse's `add_argument`."""
    add("prompt", metavar="PROMPT", help="what the film shows, in plain words")
    add("-o", "--output", type=Path, metavar="FILE", help="where to write it: .mp4, .gif or .png "
        "(default: film.mp4, film-2.mp4, ...)")
    add("--seed", type=a_seed, default=0, help="which noise to start from (default: 0); another "
        "seed gives another film")
    add("--steps", type=steps, help="steps from noise to film (default: 32); more take longer, a "
        "thousand is the most")
    add("--guidance", type=a_scale, metavar="SCALE", help="how hard the sentence pulls (default: "
        "3): 1 is not extra hard, too much looks burnt")
    add("--size", type=a_size, metavar="WxH", help="pixels, such as 72x48, each side a "
        "multiple of 12 (default: the preset's, 48x48 on a laptop)")
    add("--seconds", type=above_zero, help="length, rounded to what can be made "
        "(default: 2); beyond that best for what stands still, bounces or circles")
    add("--from", dest="picture", type=Path, metavar="PICTURE", help="a picture file that the film "
        "begins with: one of this world, such as a film's first frame")
    add("--video-from", type=Path, metavar="FILM", help="make only the sound, for this film, its "
        "first 2 seconds; it keeps its size where that can be made, or is cropped to fit")
    add("--audio-from", type=Path, metavar="SOUND", help="make only the picture, for the sound of "
        "this file, of sound alone or a film, its first 2 seconds")
    add("--strip", type=Path, metavar="FILE", help="also draw the way from noise to film, as .png")
    add("--force", action="store_true", help="replace files that exist")


def train_flags(add) -> None:
    """Those of `minivid train`, given to argparse's `add_argument`."""
    add("name", metavar="NAME", help="autoencoder, sound, text or transformer; each needs those "
        "before it, and is trained again after them")
    add("--minutes", type=above_zero, help="how long; made into a number of steps when the "
        "training starts (default: the preset's, on a laptop 25 for the autoencoder, 15 for "
        "sound, 2 for text, 60 for the transformer)")
    add("--steps", type=count, help="how many steps, instead of minutes")
    add("--batch", type=count, metavar="CLIPS", help="how many clips each step learns from "
        "(default: the preset's, what suits its device)")
    add("--clips", type=count, help="how many clips text and transformer learn from, encoded once "
        "before the first step (default: what suits the preset and the time)")
    add("--seed", type=a_seed, default=0, help="for weights and batches (default: 0)")
    add("--resume", action="store_true", help="go on with a training that was interrupted; with "
        "--steps, to another end")
    add("--warm", action="store_true", help="begin from the shipped weights instead of from "
        "nothing")
    add("--decoder", action="store_true", help="with autoencoder or sound: go on with the shipped "
        "one's decoder alone, so that what was trained on its latents can still be used")
    add("--out", type=Path, metavar="FILE", help="write the checkpoint there, and leave the one in "
        "use as it is (default: replace it; `git checkout data/checkpoints` brings it back)")


def evaluate_flags(add) -> None:
    """Those of `minivid evaluate`, given to argparse's `add_argument`."""
    add("--prompts", type=count, default=100, metavar="N", help="how many prompts for each "
        "row of the table (default: 100)")
    add("--seeds", type=count, default=1, metavar="K", help="how many films of each (default: 1)")
    add("--record", action="store_true", help="enter the scores beside the transformer's "
        "checkpoint")
    add("--json", action="store_true", help="print the scores as JSON")


def bench_flags(add) -> None:
    """Those of `minivid bench`, given to argparse's `add_argument`."""
    add("--speedrun", action="store_true", help="train everything from nothing, and say how many "
        "prompts are then obeyed")
    add("--ingredients", action="store_true", help="train small networks, each without one "
        "ingredient, with three seeds, and write data/ingredients.csv")
    add("--ladder", action="store_true", help="train small machines, each without one rung, for as "
        "long, with three seeds, and write data/ladder.csv; rows that stand there are kept")
    add("--minutes", type=above_zero, default=10, help="of the speedrun (default: 10)")
    add("--json", action="store_true", help="print the figures as JSON")


def app_flags(add) -> None:
    """Those of `minivid app`."""
    add("--port", type=port, default=8866, help="where it is served, for the address in the "
        "browser (default: 8866)")
    add("--sessions", type=count, default=4, help="how many may use it at once; each takes about "
        "1 GB of memory (default: 4)")
    add("--address", default="127.0.0.1", help="of which network it is served: 0.0.0.0 for a "
        "classroom's (default: 127.0.0.1, this computer alone)")
    add("--no-browser", action="store_true", help="open no browser")


def reset_flags(add) -> None:
    """Those of `minivid reset`."""
    add("lesson", metavar="NN", help="its number, such as 08")
