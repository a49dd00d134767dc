"""`minivid make`: from a sentence to a film file, what is in it, and what it took."""

import argparse
import gc
import math
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from minivid.arguments import note
from minivid.errors import FormatError, MediaError
from minivid.files import FILM_SUFFIXES, check_readable, check_writable

ROWS = 5  # of the strip from noise to film
MOST_FRAMES = 4096
LARGEST = 3  # times the short side that the networks know: sound still fits a film so large
FROM_SOUND = {"ambience", "syllables"}  # parts that hang on the sound alone


def make(args: argparse.Namespace) -> int:
    """`minivid make`: one film, what the verifier reads in it, and what it took."""
    output = args.output or free_name()
    for path, suffixes in ((output, FILM_SUFFIXES), (args.strip, (".png",))):
        if path is not None:
            check_output(path, suffixes, args.force)
    check_given(args, output)
    if args.strip is not None and args.strip.resolve() == output.resolve():
        raise MediaError(f"Film and strip cannot both be {output}. Name the strip otherwise.")
    gc.disable()  # what is imported stays: to look for garbage in it takes a quarter of a second
    from minivid import cost, generate, grammar, media
    gc.enable()

    grammar.words_of(args.prompt)  # one that says nothing is an error at once
    machine = generate.Machine.load(args.preset)
    vocabulary = machine.link.config.vocabulary
    for remark in remarks(args.prompt, vocabulary):
        note(remark)
    fmt, frames = clip_format(machine.preset, args.size, args.seconds)
    if remark := unlike_those_learnt_from(machine.preset, fmt):
        note(remark)
    over = grammar.fleeting(args.prompt) if frames > fmt.frames else []
    if over:
        note(f"beyond {fmt.seconds:g} seconds {' and '.join(map(repr, over))} may not come right "
             f"(what lasts: {', '.join(grammar.LASTING)})")
    given, fmt = what_is_given(args, machine, fmt, frames)
    if args.video_from is not None:
        frames = fmt.frames  # as long as what there is to make the sound for
    options = {name: value for name, value in (("steps", args.steps), ("guidance", args.guidance))
               if value is not None}
    moments = []

    def on_step(n, step):
        moments.append(step)
        if sys.stderr.isatty():
            print(f"\rstep {n}", end="\r", file=sys.stderr, flush=True)

    def run():
        clip = generate.generate(machine, args.prompt, args.seed, fmt=fmt, on_step=on_step,
                                 **given, **options)
        return generate.extend(machine, clip, frames, args.seed, **options) \
            if frames > fmt.frames else clip

    clip, bill = cost.measure(run, machine.device)
    sounds = clip.audio is not None and output.suffix.lower() == ".mp4"
    if clip.audio is not None and not sounds:
        note(f"only .mp4 holds sound: it is left out of {output}")
    media.write_film(output, clip.video, clip.fps, clip.audio if sounds else None, fmt.sample_rate)
    length = (clip.video.shape[2] - 1) / clip.fps
    factor = media.film_factor(fmt.height, fmt.width) if output.suffix.lower() == ".mp4" else 1
    print(f"wrote {output}: {fmt.width}x{fmt.height} pixels, {clip.video.shape[2]} frames, "
          f"{cost.in_seconds(length)}, seed {args.seed}"
          + f" (enlarged to {factor * fmt.width}x{factor * fmt.height})" * (factor > 1))
    if args.strip is not None:
        strip_of(machine, moments, fmt, args.prompt).save(args.strip)
        print(f"wrote {args.strip}: the way from noise to film")
    say_what_is_in(output, clip, args, fmt.sample_rate, over)
    if unknown := grammar.words_of(args.prompt, vocabulary)[1]:
        print(f"    but for what was passed over: {', '.join(unknown)}")
        if any(unknown.values()):
            print(f"    try: minivid make {shlex.quote(corrected(args.prompt, unknown))}")
    print(f"it took {bill.words()}")
    return 0


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


def say_what_is_in(path: Path, clip, args: argparse.Namespace, rate: int, over: list[str]) -> None:
    """Print what is read and heard in the film that was written, and what may make it better;
    `over`: what is asked that does not last as long."""
    from minivid.verify import report

    seen, heard = what_is_in(path, clip, args.prompt, rate)
    print("what the verifier reads in it:", report(seen), sep="\n")
    if heard:
        print("what it hears:", report(heard), sep="\n")
    wrong = ({part.name for part in parts if not part.right} for parts in (seen, heard))
    if hint := advice(args, *wrong, over):
        print(f"    not as asked; {hint}")


def advice(args: argparse.Namespace, seen: set[str], heard: set[str], over: list[str]) -> str:
    """What may help a film in which these parts are wrong, "" where there are none; `over`: what
    is asked that does not last as long."""
    from minivid import grammar

    given = seen if args.video_from else heard & FROM_SOUND if args.audio_from else set()
    if not seen | heard:
        return ""
    if seen | heard == given:
        return f"what is wrong lies in {args.video_from or args.audio_from}, as it was made to fit"
    hint = "other noise may do better: give another --seed"
    if grammar.unpaired(args.prompt) and seen:
        hint = "what two actors never do, no --seed may bring"
    if over and seen:
        hint += ", or fewer --seconds"
    if args.picture and seen:
        hint += f"; or the picture may not suit the {'action' if 'action' in seen else 'sentence'}"
    if args.video_from and seen:
        hint += "; or the film may not suit the sentence"
    if args.audio_from and heard:
        hint += "; or the sound may not suit the sentence" + (
            ", in which another colour has another note" if "pitch" in heard else "")
    return hint


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
        yield f"fits nowhere and is not checked: {', '.join(map(repr, spare))} ({why(spare)})"
    if alone := grammar.unpaired(prompt):
        yield ("never learnt of two actors, so it may not come right: "
               f"{', '.join(map(repr, alone))} (what two do: {', '.join(grammar.PAIRED)})")
    if late := known[text.LENGTH:]:
        yield f"a sentence has {text.LENGTH} words at most; passed over: {' '.join(late)}"


def corrected(prompt: str, unknown: dict[str, list[str]]) -> str:
    """The prompt with the nearest known word in the place of each that is unknown, if there is
    one."""
    nearest = {word: near[0] for word, near in unknown.items() if near}
    return re.sub(r"[\w'-]+", lambda m: nearest.get(m[0].lower(), m[0]), prompt)


def unlike_those_learnt_from(preset, fmt) -> str:
    """What to expect of a film whose size is far from all that the networks know, "" of others."""
    long = max(max(aspect) / min(aspect) for aspect in preset.aspects)
    if fmt.side == preset.fmt.side and max(fmt.height, fmt.width) <= long * fmt.side:
        return ""
    return (f"the networks learnt from films whose short side is {preset.fmt.side} pixels, the "
            f"long one up to {round(long * preset.fmt.side)}: others may not come right")


def why(spare: list[str]) -> str:
    """Why there is no place for words in a sentence."""
    from minivid import grammar

    spoken = set(spare) & set(grammar.SYLLABLES)
    reasons = ["only a face says syllables, two or three"] if spoken else []
    if set(spare) - spoken:
        reasons.append("an actor has one shape, colour and action, 'and' stands between two; sizes "
                       "and speeds go with some actions only")
    return "; ".join(reasons)


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
    from minivid.decode import MOST_PIXELS

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
