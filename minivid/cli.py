"""The command line: make a film, train, evaluate, measure speed, look the computer over."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from minivid import __version__
from minivid.arguments import Parser, bench_flags, evaluate_flags, make_flags, train_flags
from minivid.errors import FormatError, MediaError, MinividError
from minivid.files import FILM_SUFFIXES, check_writable

ROWS = 5  # of the strip from noise to film


def parser() -> argparse.ArgumentParser:
    """Every command and flag, with its help."""
    top = Parser(prog="minivid", description="How AI makes videos, in working parts: a sentence "
                 "becomes a film by clearing noise step by step, on this computer.")
    top.add_argument("--version", action="version", version=f"minivid {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for run, flags, what, example in COMMANDS:
        command = commands.add_parser(run.__name__, help=what, epilog=f"example: {example}",
                                      description=f"{what[0].upper()}{what[1:]}.")
        command.set_defaults(run=run)
        flags(command.add_argument)
        if run is not doctor:
            command.add_argument("--preset", metavar="NAME", help="laptop or gpu (default: what "
                                 "fits this computer, or MINIVID_PRESET)")
    return top


def make(args: argparse.Namespace) -> int:
    """`minivid make`: one film, what the verifier reads in it, and what it took."""
    output = args.output or free_name()
    for path, suffixes in ((output, FILM_SUFFIXES), (args.strip, (".png",))):
        if path is not None:
            check_output(path, suffixes, args.force)
    if args.strip is not None and args.strip.resolve() == output.resolve():
        raise MediaError(f"Film and strip cannot both be {output}. Name the strip otherwise.")
    from minivid import cost, fit, generate, grammar, media, verify

    grammar.words_of(args.prompt)  # one that says nothing is an error at once
    machine = generate.Machine.load(args.preset)
    vocabulary = machine.link.config.vocabulary
    for remark in remarks(args.prompt, vocabulary):
        note(remark)
    fmt, frames = clip_format(machine.preset, args.size, args.seconds)
    picture = None
    if args.picture is not None:
        picture, done = fit.read_picture(args.picture, fmt.height, fmt.width)
        note(f"{args.picture}: {done}")
        if verify.read(picture[None, :, None])[0].description is None:
            note(f"{args.picture}: not a picture of this world, so the film may not go on from it")
    options = {name: value for name, value in (("steps", args.steps), ("guidance", args.guidance))
               if value is not None}
    moments = []

    def on_step(n, step):
        moments.append(step)
        if sys.stderr.isatty():
            print(f"\rstep {n}", end="\r", file=sys.stderr, flush=True)

    def run():
        clip = generate.generate(machine, args.prompt, args.seed, fmt=fmt, picture=picture,
                                 on_step=on_step, **options)
        return generate.extend(machine, clip, frames, args.seed, **options) \
            if frames > fmt.frames else clip

    clip, bill = cost.measure(run, machine.device)
    media.write_film(output, clip.video, clip.fps, clip.audio, fmt.sample_rate)
    length = (clip.video.shape[2] - 1) / clip.fps
    print(f"wrote {output}: {fmt.width}x{fmt.height} pixels, {clip.video.shape[2]} frames, "
          f"{length:g} seconds, seed {args.seed}")
    if args.strip is not None:
        strip_of(machine, moments, fmt, args.prompt).save(args.strip)
        print(f"wrote {args.strip}: the way from noise to film")
    print("what the verifier reads in it:")
    video = clip.video  # an animated PNG holds just that, a GIF nearly; an MP4 is read back
    if output.suffix.lower() == ".mp4":
        video = media.read_film(output)[0]
    report = verify.report(verify.read(video, clip.fps)[0], args.prompt)
    print(report)
    if unknown := grammar.words_of(args.prompt, vocabulary)[1]:
        print(f"    but for what was passed over: {', '.join(unknown)}")
    if not report.endswith("ok  all together"):
        print(f"    not as asked; other noise may do better: --seed {args.seed + 1}")
    print(f"it took {bill.words()}")
    return 0


def remarks(prompt: str, vocabulary: tuple[str, ...]) -> Iterator[str]:
    """What of a prompt is passed over or not checked, and why, where the networks know the words
    of `vocabulary`; raises PromptError as `words_of`."""
    from minivid import grammar, text

    known, unknown = grammar.words_of(prompt, vocabulary)
    for word, near in unknown.items():
        hint = f"; nearest: {', '.join(near)}" if near else ""
        whose = "these networks were taught" if word in grammar.VOCABULARY else "of this world"
        yield f"{word!r} is not a word {whose} and is passed over{hint}"
    if grammar.crowded(prompt):
        yield "only two actors fit into a film: the third and later ones are not checked"
    elif spare := grammar.left_over(prompt):
        yield (f"fits nowhere and is not checked: {', '.join(map(repr, spare))} (an actor has one "
               "shape, colour and action, 'and' stands between two; sizes and speeds go with some "
               "actions only)")
    if late := known[text.LENGTH:]:
        yield f"a sentence has {text.LENGTH} words at most; passed over: {' '.join(late)}"


def free_name(folder: str | Path = ".") -> Path:
    """film.mp4, or film-2.mp4, film-3.mp4, ... where that is taken."""
    path, number = Path(folder) / "film.mp4", 1
    while path.exists():
        number += 1
        path = Path(folder) / f"film-{number}.mp4"
    return path


def check_output(path: Path, suffixes: tuple[str, ...], force: bool) -> None:
    """Raise MediaError before any work is done for a name that would fail after it."""
    if path.suffix.lower() not in suffixes:
        raise MediaError(f"Cannot write {path}: end its name in {' or '.join(suffixes)}")
    if os.path.exists(path) and not force:  # no error where one may not look
        raise MediaError(f"{path} exists already. Choose another name, or replace it with --force.")
    check_writable(path, MediaError)


def clip_format(preset, size: tuple[int, int] | None, seconds: float | None):
    """The format of one stretch, and the frames wanted in all (more than it: continue the film)."""
    width, height = size or (preset.fmt.width, preset.fmt.height)
    frames = preset.fmt.frames if seconds is None else 1 + 4 * max(
        1, round(seconds * preset.fmt.fps / 4))
    if frames > 4096:
        raise FormatError("A film of that length cannot be made here: keep it under some minutes.")
    return preset.format(height, width, min(frames, preset.fmt.frames)), frames


def strip_of(machine, moments: list, fmt, prompt: str):
    """The way from noise to film: some moments, and what was believed to be clean at each."""
    from minivid import show

    packing, last = machine.preset.packing(fmt), len(moments) - 1
    chosen = sorted({round(i * last / (ROWS - 1)) for i in range(ROWS)})
    x_t, guesses = ([machine.to_video(getattr(moments[i], part), packing) for i in chosen]
                    for part in ("x_t", "guess"))
    labels = [f"t = {float(moments[i].t.min()):.2f}" for i in chosen]  # given frames stay at 1
    return show.strip(x_t, f"From noise to film: {prompt}", guesses, labels)


def train(args: argparse.Namespace) -> int:
    """`minivid train`: see `runs.train`."""
    from minivid import runs

    runs.train(args.name, args.preset, args.minutes, args.steps, args.seed, resume=args.resume,
               warm=args.warm, out=args.out)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """`minivid evaluate`: the scores of the whole machine."""
    from tqdm import tqdm

    from minivid import checkpoints, runs
    from minivid import evaluate as judge
    from minivid.generate import Machine

    machine = Machine.load(args.preset)
    size = machine.preset.name
    notes = runs.in_progress("scores", size).with_suffix(".json")
    with tqdm(unit=" films", disable=None, leave=False) as bar:  # None: only at a terminal
        scores = judge.evaluate(machine, args.prompts, args.seeds, bar.update, notes)
    print(json.dumps(scores, indent=1) if args.json else judge.table(scores))
    if args.record:
        if scores["of"] != checkpoints.digests(size):
            raise MinividError("The networks were changed meanwhile: nothing is recorded.")
        checkpoints.annotate("transformer", size, scores=scores)
    notes.unlink(missing_ok=True)
    return 0


def bench(args: argparse.Namespace) -> int:
    """`minivid bench`: the speeds of the whole machine, or what trainings from nothing bring."""
    from minivid import bench as stopwatch
    from minivid.generate import Machine

    say = note if args.json else print
    if args.ingredients and args.speedrun:
        raise MinividError("Ask for --ingredients or for --speedrun, one at a time.")
    if args.ingredients:
        from minivid import ingredients

        rows = ingredients.compare(preset=args.preset, say=say)
        print(json.dumps(rows, indent=1) if args.json else ingredients.table(rows))
        ingredients.record(rows)
        return 0
    if args.speedrun:
        figures = stopwatch.speedrun(args.minutes, preset=args.preset, say=say)
    else:
        figures = stopwatch.bench(Machine.load(args.preset))
    if args.json:
        print(json.dumps(figures, indent=1))
    elif not args.speedrun:
        print(stopwatch.table(figures))
    return 0


def doctor(args: argparse.Namespace) -> int:
    """`minivid doctor`: 0 where everything is in order, else 1."""
    from minivid import doctor as practice

    findings = practice.examine()
    print(practice.report(findings))
    return int(any(finding.wrong for finding in findings))


COMMANDS = (  # what runs it, its flags, what it does, an example
    (make, make_flags, "make a film from a sentence",
     'minivid make "a cat riding a bicycle in the rain" --strip strip.png'),
    (train, train_flags, "train one of the networks and enter it in the list of checkpoints",
     "minivid train transformer --minutes 60"),
    (evaluate, evaluate_flags, "score films made from prompts, beside what is possible and what "
     "chance gives", "minivid evaluate --prompts 64 --seeds 3"),
    (bench, bench_flags, "measure how fast this computer makes and learns films",
     "minivid bench --json"),
    (doctor, lambda add: None, "look this computer over and say what is missing",
     "minivid doctor"),
)


def note(line: str) -> None:
    """A remark, beside the results rather than among them."""
    print(f"minivid: {line}", file=sys.stderr)


def how_to_go_on(args: argparse.Namespace, begin: float) -> str:
    """What to do after an interrupt: a training keeps its state, an evaluation its finished rows.

    A state from before `begin`, in seconds as `time.time`, is of another training.
    """
    if args.command == "train":
        from minivid import presets, runs

        size = presets.choose(args.preset).name
        state = runs.in_progress(args.name, size)
        if state.is_file() and (args.resume or state.stat().st_mtime >= begin):
            return f"Go on with: minivid train {args.name} --preset {size} --resume"
    if args.command == "evaluate":
        return "Finished rows of the table are kept: run the same command to go on."
    return "Nothing was kept. Run the same command to start again."


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 2 for what the user can mend, 130 if interrupted."""
    args, begin = parser().parse_args(argv), time.time()
    try:
        return args.run(args)
    except MinividError as problem:
        note(" ".join(str(problem).split()))
        return 2
    except KeyboardInterrupt:
        note(f"Stopped. {how_to_go_on(args, begin)}")
        return 130
    except ModuleNotFoundError as problem:
        if (problem.name or "minivid").startswith("minivid"):
            raise
        note(f"The package {problem.name} is missing. In the environment you use, run: "
             "pip install -e .")
        return 2
    except Exception as problem:
        if type(problem).__name__ != "OutOfMemoryError":
            raise
        note("The GPU's memory is full. Close other notebooks, or use --preset laptop.")
        return 1
