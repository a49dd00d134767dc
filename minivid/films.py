"""`minivid make`: from a sentence to a film file, what is in it, and what it took."""

import argparse
import gc
import math
import os
import shlex
import sys
from pathlib import Path

from minivid.arguments import note
from minivid.errors import FormatError, MediaError
from minivid.files import FILM_SUFFIXES, check_readable, check_writable

ROWS = 5  # of the strip from noise to film
MOST_FRAMES, MOST_PIXELS = 4096, 25_000_000  # of a film: to read it back takes up to 80 bytes each
LARGEST = 3  # times the short side that the networks know: sound still fits a film so large


def make(args: argparse.Namespace) -> int:
    """`minivid make`: one film, what the verifier reads in it, and what it took."""
    output = args.output or free_name()
    check_outputs(args, output)
    check_given(args, output)
    gc.disable()  # what is imported stays: to look for garbage in it takes a quarter of a second
    from minivid import advice, cost, generate, grammar
    gc.enable()

    grammar.words_of(args.prompt)  # one that says nothing is an error at once
    machine = generate.Machine.load(args.preset)
    vocabulary = machine.link.config.vocabulary
    for remark in advice.remarks(args.prompt, vocabulary):
        note(remark)
    fmt, frames = clip_format(machine.preset, args.size, args.seconds)
    machine.preset.packing(fmt)  # a size that cannot be is an error before any remark
    if unlike := advice.unlike_those_learnt_from(machine.preset, fmt):
        note(unlike)
    over = advice.fleeting(args.prompt) if frames > fmt.frames else []
    if over:
        note(f"beyond {fmt.seconds:g} seconds {' and '.join(map(repr, over))} may not come right "
             f"(what lasts: {', '.join(grammar.LASTING)})")
    given, fmt = what_is_given(args, machine, fmt, frames)
    if args.video_from is not None:
        frames = fmt.frames  # as long as what there is to make the sound for
    clip, bill, moments = filmed(args, machine, fmt, frames, given)
    write(output, clip, fmt, args.seed)
    if args.strip is not None:
        strip_of(machine, moments, fmt, args.prompt).save(args.strip)
        of = f" of its first {cost.in_seconds(fmt.seconds)}" * (frames > fmt.frames)
        print(f"wrote {args.strip}: the way from noise to film{of}")
    say_what_is_in(output, clip, args, fmt.sample_rate, over, unlike)
    if unknown := grammar.words_of(args.prompt, vocabulary)[1]:
        print(f"    passed over: {', '.join(unknown)}")
        if any(unknown.values()):
            nearer = advice.corrected(args.prompt, unknown)
            print(f"    try: minivid make {shlex.quote(nearer)}")
    print(f"it took {bill.words()}")
    return 0


def filmed(args: argparse.Namespace, machine, fmt, frames: int, given: dict) -> tuple:
    """The clip, the bill of what it took, and the moments on its way out of noise."""
    from minivid import cost, generate

    options = {name: value for name, value in (("steps", args.steps), ("guidance", args.guidance))
               if value is not None}
    moments, begun = [], 0
    stretches = 1 + math.ceil((frames - fmt.frames) / generate.fresh_frames(fmt))

    def keep(n, step):
        moments.append(step)
        tell(n, step)

    def tell(n, step):
        nonlocal begun
        begun += n == 0
        if sys.stderr.isatty():
            of = f" of stretch {begun} of {stretches}" * (stretches > 1)
            print(f"\rstep {n}{of} ", end="\r", file=sys.stderr, flush=True)

    def run():
        clip = generate.generate(machine, args.prompt, args.seed, fmt=fmt, on_step=keep, **given,
                                 **options)
        return generate.extend(machine, clip, frames, args.seed, on_step=tell, **options)

    return *cost.measure(run, machine.device), moments


def write(path: Path, clip, fmt, seed: int) -> None:
    """Write the film, with its sound if the file can hold it, and say what was written."""
    from minivid import cost, media

    holds_sound = path.suffix.lower() == ".mp4"
    if clip.audio is not None and not holds_sound:
        note(f"only .mp4 holds sound: it is left out of {path}")
    media.write_film(path, clip.video, clip.fps, clip.audio if holds_sound else None,
                     fmt.sample_rate)
    frames, factor = clip.video.shape[2], 1
    if holds_sound:
        factor = media.film_factor(fmt.height, fmt.width)
    print(f"wrote {path}: {fmt.width}x{fmt.height} pixels, {frames} frames, "
          f"{cost.in_seconds((frames - 1) / clip.fps)}, seed {seed}"
          + f" (enlarged to {factor * fmt.width}x{factor * fmt.height})" * (factor > 1))


def check_given(args: argparse.Namespace, output: Path) -> None:
    """Raise MediaError before any work is done for what cannot be done with what is given."""
    given = {"picture": args.picture, "film": args.video_from, "sound": args.audio_from}
    given = {what: path for what, path in given.items() if path is not None}
    if len(given) > 1:
        raise MediaError("Give one of --from, --video-from and --audio-from.")
    for what, path in given.items():
        check_readable(path, what, MediaError)
    if args.video_from is not None and output.suffix.lower() != ".mp4":
        raise MediaError(f"With --video-from the sound alone is made, and {output} cannot hold it: "
                         "end its name in .mp4")
    if args.video_from is not None and args.strip is not None:
        raise MediaError("With --video-from no picture comes out of noise: there is no --strip.")


def what_is_in(path: Path, clip, prompt: str, rate: int) -> tuple[list, list]:
    """What the verifier reads in the film that was written, and what it hears, as `verify.Part`s;
    none are heard in a silent film."""
    from minivid import decode, sync, verify

    video, audio = clip.video, None  # an animated PNG holds just that, a GIF nearly
    if path.suffix.lower() == ".mp4":  # is read back
        video, _, audio, _ = decode.read_film(path)
    reading = verify.read(video, clip.fps, audio=audio, rate=rate)[0]
    seconds = (video.shape[2] - 1) / clip.fps
    return (verify.parts(reading, prompt),
            sync.parts(reading, prompt, clip.fps, seconds) if reading.heard else [])


def say_what_is_in(path: Path, clip, args: argparse.Namespace, rate: int, over: list[str],
                   unlike: str) -> None:
    """Print what is read and heard in the film that was written, and what may make it better;
    `over` and `unlike` as for `what_may_help`."""
    from minivid.advice import what_may_help
    from minivid.verify import report

    seen, heard = what_is_in(path, clip, args.prompt, rate)
    print("what the verifier reads in it:", report(seen), sep="\n")
    if heard:
        print("what it hears:", report(heard), sep="\n")
    wrong = ({part.name for part in parts if not part.right} for parts in (seen, heard))
    if hint := what_may_help(args, *wrong, over, unlike):
        print(f"    not as asked; {hint}")


def what_is_given(args, machine, fmt, frames: int) -> tuple[dict, object]:
    """The picture, film or sound that is given, made to fit, as options of `generate`; and the
    format of the film to be made for it. Says what was done to it."""
    from minivid import decode, fit, hear, verify

    path = args.video_from or args.audio_from
    if path is not None and machine.ear is None:
        raise MediaError("These networks make silent films: no --video-from, no --audio-from.")
    if path is not None and frames > fmt.frames:
        raise MediaError(f"With --video-from or --audio-from a film lasts {fmt.seconds:g} seconds "
                         "at most.")
    if args.picture is not None:
        picture, done = fit.read_picture(args.picture, fmt.height, fmt.width)
        note(f"{args.picture}: {done}")
        if verify.read(picture[None, :, None])[0].description is None:
            note(f"{args.picture}: not a picture of this world, so the film may not go on from it")
        return {"picture": picture}, fmt
    if args.video_from is not None:
        video, fps, _, _ = decode.read_film(path, fmt.seconds + 0.5)
        fmt = fmt if args.size else own_size(machine.preset, fmt, video)
        video, done = fit.fit_film(video, fps, fmt.height, fmt.width, fmt.frames, fmt.fps)
        note(f"{path}: {done}")
        seen = verify.read(video, fmt.fps)[0]
        if not (any(seen.events) or len(seen.lips)):
            note(f"{path}: nobody is seen in it who lands or speaks, so the sound has nothing to "
                 "keep time with")
        return {"beginning": video}, machine.preset.format(fmt.height, fmt.width, video.shape[2])
    if args.audio_from is not None:
        sound = decode.read_sound(path, fmt.sample_rate)
        sound, done = fit.fit_sound(sound, round(fmt.seconds * fmt.sample_rate), fmt.sample_rate)
        note(f"{path}: {done}")
        told = hear.hear(sound, fmt.sample_rate)[0]
        if not (told.hits or told.says):
            note(f"{path}: no hit and no syllable of this world is heard in it, so the film has "
                 "nothing to keep time with")
        return {"audio": sound}, fmt
    return {}, fmt


def own_size(preset, fmt, video):
    """The format as it is, but of the film's own size where films of that size can be made, and
    are no smaller than those that the networks know, nor over LARGEST times as large; or else of
    the aspect they know that is most like the film's, so that least of it is cut off."""
    height, width = video.shape[-2:]
    try:
        own = preset.format(height, width, fmt.frames)
        preset.packing(own)
        if 1 <= own.side / preset.fmt.side <= LARGEST:
            return own
    except FormatError:
        pass
    nearest = min(preset.aspects,
                  key=lambda side: abs(math.log(side[1] / side[0] * height / width)))
    return preset.format(*nearest, fmt.frames)


def free_name(folder: str | Path = ".") -> Path:
    """film.mp4, or film-2.mp4, film-3.mp4, ... where that is taken."""
    path, number = Path(folder) / "film.mp4", 1
    while path.exists():
        number += 1
        path = Path(folder) / f"film-{number}.mp4"
    return path


def check_outputs(args: argparse.Namespace, output: Path) -> None:
    """Raise MediaError before any work is done for names that would fail after it."""
    for path, suffixes in ((output, FILM_SUFFIXES), (args.strip, (".png",))):
        if path is not None:
            check_output(path, suffixes, args.force)
    if args.strip is not None and args.strip.resolve() == output.resolve():
        raise MediaError(f"Film and strip cannot both be {output}. Name the strip otherwise.")


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
    most = min(MOST_FRAMES, MOST_PIXELS // max(1, width * height))  # it is read back as a whole
    if frames > most:
        raise FormatError(f"A film of {width}x{height} pixels can last "
                          f"{most // preset.fmt.fps} seconds at most here.")
    return preset.format(height, width, min(frames, preset.fmt.frames)), frames


def strip_of(machine, moments: list, fmt, prompt: str):
    """The way from noise to film: some moments, and what was believed to be clean at each."""
    from minivid import show

    packing, last = machine.preset.packing(fmt), len(moments) - 1
    chosen = sorted({round(i * last / (ROWS - 1)) for i in range(ROWS)})
    x_t, guesses = ([machine.to_video(getattr(moments[i], part), packing) for i in chosen]
                    for part in ("x_t", "guess"))
    labels = [f"t = {of_the_picture(moments[i], packing):.2f}" for i in chosen]
    return show.strip(x_t, f"From noise to film: {prompt}", guesses, labels)


def of_the_picture(moment, packing) -> float:
    """The t of what is made of the picture: given frames stay at 1, and sound may lag."""
    return float(moment.t.reshape(len(moment.t), -1)[:, : packing.pictures].min())
