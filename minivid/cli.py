"""The command line: make a film, train, evaluate, measure speed, look the computer over."""

import argparse
import atexit
import gc
import json
import os
import platform
import signal
import sys
import threading
import time

from minivid import __version__
from minivid.arguments import (
    Parser,
    app_flags,
    bench_flags,
    evaluate_flags,
    make_flags,
    note,
    reset_flags,
    train_flags,
)
from minivid.errors import MinividError
from minivid.films import make


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
        if run not in (reset, doctor):
            command.add_argument("--preset", metavar="NAME", help="laptop or gpu (default: what "
                                 "fits this computer, or MINIVID_PRESET)")
    return top


def train(args: argparse.Namespace) -> int:
    """`minivid train`: see `runs.train`."""
    from minivid import runs

    runs.train(args.name, args.preset, args.minutes, args.steps, args.seed, resume=args.resume,
               warm=args.warm, decoder=args.decoder, out=args.out, batch=args.batch,
               clips=args.clips)
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
        scores = judge.evaluate(machine, args.prompts, args.seeds, bar.update, notes,
                                say=lambda line: bar.write(f"minivid: {line}", sys.stderr))
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
    if args.ingredients + args.speedrun + args.ladder > 1:
        raise MinividError("Ask for --ingredients, --ladder or --speedrun, one at a time.")
    if args.ingredients:
        from minivid import ingredients

        rows = ingredients.compare(preset=args.preset, say=say)
        print(json.dumps(rows, indent=1) if args.json else ingredients.table(rows))
        ingredients.record(rows)
        return 0
    if args.ladder:
        from minivid import ladder

        for row in ladder.climb(preset=args.preset):
            say(f"{row['rung']}, seed {row['seed']}: {row['as asked']:.0%} as asked after "
                f"{row['seconds']:.0f} s")
        rows = ladder.stored()
        print(json.dumps(rows, indent=1) if args.json else ladder.table(rows))
        return 0
    if args.speedrun:
        figures = stopwatch.speedrun(args.minutes, preset=args.preset, say=say)
    else:
        figures = stopwatch.bench(Machine.load(args.preset), say=note)
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


def app(args: argparse.Namespace) -> int:
    """`minivid app`: the playground in a browser, until it is interrupted."""
    from minivid.app import check_free, serve
    from minivid.generate import Machine

    Machine.load(args.preset)  # what is missing is said here, not in each page
    if args.preset:
        os.environ["MINIVID_PRESET"] = args.preset
    check_free(args.port, args.address)
    print(f"The panel is at http://localhost:{args.port} (Ctrl-C ends it).", flush=True)
    if args.address not in ("127.0.0.1", "localhost", "::1"):
        print(f"Others open http://{platform.node()}:{args.port} (or this computer's address in "
              "place of its name); a firewall here has to let them.", flush=True)
    serve(args.port, args.sessions, args.address, not args.no_browser)
    return 0


def reset(args: argparse.Namespace) -> int:
    """`minivid reset`: a lesson as it was."""
    from minivid import reset as back

    print(back.reset(args.lesson))
    return 0


COMMANDS = (  # what runs it, its flags, what it does, an example
    (make, make_flags, "make a film from a sentence",
     'minivid make "a cat riding a bicycle in the rain" --strip strip.png'),
    (train, train_flags, "train one of the networks and enter it in the list of checkpoints",
     "minivid train transformer --minutes 60"),
    (evaluate, evaluate_flags, "score films made from prompts, beside what is possible and what "
     "chance gives", "minivid evaluate --prompts 64 --seeds 3"),
    (bench, bench_flags, "measure how fast this computer makes and learns films",
     "minivid bench --json"),
    (app, app_flags, "serve the panel that makes films as a page of its own, for a class",
     "minivid app --sessions 8"),
    (reset, reset_flags, "bring a lesson back as it was, and keep what you made of it",
     "minivid reset 08"),
    (doctor, lambda add: None, "look this computer over and say what is missing",
     "minivid doctor"),
)


def how_to_go_on(args: argparse.Namespace, begin: float) -> str:
    """What to do after an interrupt: a training keeps its state, an evaluation its finished rows.

    A state from before `begin`, in seconds as `time.time`, is of another training.
    """
    if args.command == "train":
        from minivid import presets, runs

        size = presets.choose(args.preset).name
        state = runs.in_progress(args.name, size)
        if state.is_file() and (args.resume or state.stat().st_mtime >= begin):
            place = ", which will write the --out you named" if args.out else ""
            return f"Go on with: minivid train {args.name} --preset {size} --resume{place}"
    if args.command == "evaluate":
        return "Finished rows of the table are kept: run the same command to go on."
    return "Nothing was kept. Run the same command to start again."


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 2 for what the user can mend, 130 if interrupted."""
    args, begin = parser().parse_args(argv), time.time()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a request to end: as Ctrl-C
    atexit.register(gc.freeze)  # to look for garbage once more as Python ends takes half a second
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
