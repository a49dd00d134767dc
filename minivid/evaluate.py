"""How good the machine is: prompts obeyed, each figure beside its floor and its ceiling."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean

import torch

from . import checkpoints, cost, files, harmony, variety, verify
from . import grammar as g
from .autoencoder import GROUP
from .batches import BATCH, PART, make_all, read_films, through_the_autoencoders
from .errors import MinividError
from .generate import MEMORY, Machine, extend
from .paint import ClipFormat
from .pool import UNSEEN
from .world import Clip, Knobs, film, script

Tensor = torch.Tensor
ARTICLE = "a cat riding a bicycle in the rain"
TIMES = 50  # that it is filmed


def prompts_for(knobs: Knobs, n: int, fmt: ClipFormat, start: int = 0) -> tuple[list[str], Tensor]:
    """n captions of clips that were never trained on, and the seeds (n,) of those clips.

    Of never-seen pairs and triples those are taken whose caption names them: one that leaves out a
    word of a pair asks for nothing new.
    """
    seeds = UNSEEN + start + torch.arange(2 * n + 32)  # a fifth leaves it out
    captions = script(seeds, fmt, knobs)[0]
    new = {"pairs": "pair", "triples": "triple"}.get(knobs.split)
    named = [b for b, caption in enumerate(captions) if new is None or new in novelties(caption)]
    return [captions[b] for b in named[:n]], seeds[named[:n]]


def novelties(caption: str) -> set[str | None]:
    """What a caption names that is never shown in training: "pair", "triple" or None by actor."""
    told = g.parse(caption)
    return {g.novelty(actor, told.place) for actor in told.actors}


def obeyed(readings: list, captions: list[str]) -> dict[str, float]:
    """Shares of clips: everything right together, and part by part."""
    scores = verify.score(readings, captions)
    out = {"together": scores.rate(), "swapped": mean(scores.swapped)}
    return out | {part: scores.rate(part) for part in verify.PARTS}


def ceilings(machine: Machine, knobs: Knobs, seeds: Tensor, prompts: list[str],
             in_full: list[str], fmt: ClipFormat) -> tuple[dict[str, float], list]:
    """Scores of real clips, as they are and through the autoencoder; and what is read in them.

    Held against their prompts, and "in full" against all that is so.
    """
    row = {}
    for name, copy in (("autoencoder", lambda video:
                        through_the_autoencoders(machine, fmt, video)[0]),
                       ("real", lambda video: video)):
        real = (film(part, fmt, knobs, sound=False).video for part in seeds.split(PART))
        readings = [reading for video in real for reading in read_films(copy(video), fmt)]
        row[name] = obeyed(readings, prompts)["together"]
        row[f"{name}, in full"] = obeyed(readings, in_full)["together"]
    return row, readings


def group(machine: Machine, knobs: Knobs, n: int, seeds: list[int], fmt: ClipFormat, tick=None,
          make: Callable = make_all, tell: Callable[[g.Description], str] | None = None,
          begin: int = 0, more: Callable[[Tensor, list, list], dict] | None = None) -> dict:
    """One row of the table: made clips, with real ones as ceiling and wrong captions as floor.

    `tell` says otherwise what happens in a clip; then no caption is wrong, and the floor are films
    whose second half is another's. `begin`: so many frames of the real clip are given. `more`
    measures more on the first seed: from its video (n, 3, F, H, W), and the readings of made and
    of real clips.
    """
    prompts, clip_seeds = prompts_for(knobs, n, fmt)
    truth = script(clip_seeds, fmt, knobs)[1]
    told = [truth.describe(b) for b in range(n)]
    if tell:
        prompts = [tell(description) for description in told]
    row, real = ceilings(machine, knobs, clip_seeds, prompts, [g.say(d) for d in told], fmt)
    runs, floors = [], []
    for seed in seeds:
        readings, joined, kept = [], [], []
        for at in range(0, n, PART):
            asked, place = prompts[at : at + PART], truth.place[at : at + PART]
            given = {}
            if begin:
                whole = film(clip_seeds[at : at + PART], fmt, knobs, sound=False).video
                given["beginning"] = whole[:, :, :begin]
            video = make(machine, asked, seed * 100_003 + at, fmt, tick, **given).video
            readings += read_films(video, fmt)
            joined += read_films(halves_exchanged(video, place), fmt) if tell else []
            kept += [video] if more and seed == seeds[0] else []
        runs.append(obeyed(readings, prompts))
        wrong = (joined, prompts) if tell else (readings, prompts[1:] + prompts[:1])
        floors.append(obeyed(*wrong)["together"])
        if kept:
            row |= more(torch.cat(kept), readings, real)
    row |= {part: mean(run[part] for run in runs) for part in runs[0]}
    return row | {"prompts": n, "seeds": len(seeds), "floor": mean(floors),
                  "each": [run["together"] for run in runs]}


def halves_exchanged(video: Tensor, place: Tensor) -> Tensor:
    """Films (B, 3, F, H, W), each with another's second half, mostly of the same place (B,)."""
    order, half = place.argsort(stable=True), video.shape[2] // 2
    other = torch.empty_like(video)
    other[order] = video[order.roll(1)]
    return torch.cat([video[:, :, :half], other[:, :, half:]], 2)


# ---------------------------------------------------------------- special questions


def same_prompt(machine: Machine, prompt: str, n: int, fmt: ClipFormat, tick=None) -> float:
    """Share of n seeds in which a single prompt is obeyed."""
    made = make_all(machine, [prompt] * n, 7, fmt, tick)
    return obeyed(read_films(made.video, fmt), [prompt] * n)["together"]


def unnamed(told: g.Description) -> str:
    """The sentence for a clip that names neither colour nor shape."""
    return g.say(g.Description((g.Actor(action=told.actors[0].action),), told.place))


def make_long(machine: Machine, prompts: list[str], seed: int, fmt: ClipFormat,
              tick=None) -> Clip:
    """As `make_all`, for films longer than the preset's: each is continued again and again."""
    short = make_all(machine, prompts, seed, replace(fmt, frames=machine.preset.fmt.frames), tick)
    parts = [Clip(short.video[at : at + BATCH], None, prompts[at : at + BATCH], None, fmt.fps)
             for at in range(0, len(prompts), BATCH)]
    long = [extend(machine, part, fmt.frames, seed + 50_000 + n) for n, part in enumerate(parts)]
    return Clip(torch.cat([clip.video for clip in long]), None, prompts, None, fmt.fps)


# ---------------------------------------------------------------- the table


def evaluate(machine: Machine, prompts: int = 100, seeds: int = 1,
             tick: Callable[[int], None] | None = None, notes: Path | None = None,
             say: Callable[[str], None] = lambda line: None) -> dict:
    """The whole table, as plain numbers: see `table` for how it is read.

    What is measured is written down in the file `notes` at once, and not measured again when an
    evaluation of the same networks, prompts and seeds was broken off.
    """
    which, of = list(range(seeds)), checkpoints.digests(machine.preset.name)
    usual = {"n": max(2, prompts), "seeds": which, "fmt": machine.preset.fmt, "tick": tick}
    scores = {"preset": machine.preset.name, "of": of, "asked": [prompts, seeds], "groups": {}}
    scores = noted(notes, scores) or scores
    if machine.ear:
        scores.setdefault("sound", {})
    asked = [("groups", name, partial(group, machine, **usual | special))
             for name, special in rows(machine).items()]
    asked += [("sound", name, partial(harmony.row, machine, **usual | special))
              for name, special in harmony.rows().items() if machine.ear]
    for n, (part, name, measure) in enumerate(asked, 1):
        done = name in scores[part]
        say(f"{n} of {len(asked)} rows: {name}" + ", measured before" * done)
        if not done:
            scores[part][name] = without_nan(measure())
            write_down(notes, scores)
    say(f"{TIMES} films of {ARTICLE!r}")
    scores["article"] = {"prompt": ARTICLE, "seeds": TIMES,
                         "together": same_prompt(machine, ARTICLE, TIMES, machine.preset.fmt, tick)}
    return scores | {"peak_memory_bytes": cost.peak_memory(machine.device)}


def rows(machine: Machine) -> dict[str, dict]:
    """What is asked in each row of the table, as arguments of `group`."""
    preset, fmt = machine.preset, machine.preset.fmt
    alone, lasting = Knobs(cast="one"), Knobs(cast="one", actions=g.LASTING)
    behind = Knobs(cast="one", actions=(g.ACTIONS[g.PASSES],))
    continued = min(MEMORY, fmt.frames - GROUP)
    return {
        "seen, one actor": {"knobs": alone, "more": partial(variety.measure, preset)},
        "seen, two actors": {"knobs": Knobs(cast="two")},
        "never-seen pairs": {"knobs": Knobs(cast="one", split="pairs")},
        "never-seen triples": {"knobs": Knobs(cast="one", split="triples")},
    } | {
        f"held-out aspect {width}x{height}":
            {"knobs": alone, "fmt": replace(fmt, height=height, width=width)}
        for height, width in preset.held_out
    } | {
        "held-out phrasings": {"knobs": Knobs(cast="one", phrasings="held out")},
        "behind a wall, unnamed": {"knobs": behind, "tell": unnamed},
        "from a picture": {"knobs": alone, "begin": 1},
        "continued": {"knobs": alone, "begin": continued},
        "actions that last": {"knobs": lasting},
        "actions that last, thrice as long":
            {"knobs": lasting, "fmt": replace(fmt, frames=3 * (fmt.frames - 1) + 1),
             "make": make_long},
    }


def noted(notes: Path | None, asked: dict) -> dict | None:
    """Scores written down by an evaluation that was broken off and asked the same, or None."""
    try:
        before = json.loads(notes.read_text(encoding="utf-8")) if notes else {}
    except (OSError, ValueError):  # none, or a damaged one
        return None
    same = isinstance(before, dict) and \
        {k: v for k, v in before.items() if k != "sound"} | {"groups": {}} == asked
    return before if same else None


def write_down(notes: Path | None, scores: dict) -> None:
    """Keep what is measured so far, if there is a place for it."""
    if notes:
        try:
            files.write_whole(notes, json.dumps(scores).encode(), MinividError)
        except MinividError:
            pass  # the evaluation goes on without


def without_nan(x):
    """The same with None for every NaN (a share of nothing), which JSON does not know."""
    if isinstance(x, dict):
        return {key: without_nan(value) for key, value in x.items()}
    return None if isinstance(x, float) and x != x else x


def table(scores: dict) -> str:
    """The scores in words and columns."""
    head = "all that is asked, together"
    lines = [f"{head:36}{'made':>7}{'floor':>7}{'autoenc.':>9}{'real':>7}"]
    for name, row in scores["groups"].items():
        lines.append(f"{name:36}{row['together']:7.1%}{row['floor']:7.1%}{row['autoencoder']:9.1%}"
                     f"{row['real']:7.1%}   {row['prompts']} prompts x {row['seeds']}"
                     f" seed{'s' if row['seeds'] > 1 else ''}")
    full = [mean(row[f"{name}, in full"] for row in scores["groups"].values())
            for name in ("autoencoder", "real")]
    lines.append(f"{'asked for everything, mean':50}{full[0]:9.1%}{full[1]:7.1%}")
    article = scores["article"]
    lines.append(f"{article['prompt']!r}: {article['together']:.0%} of {article['seeds']} seeds")
    two, one = scores["groups"]["seen, two actors"], scores["groups"]["seen, one actor"]
    lines.append(f"two actors, colours swapped: {two['swapped']:.1%}")
    wide, near = one["spread"], one["nearest training clip"]
    lines.append("spread over real clips': " + (", ".join(f"{k} {v:.2f}" for k, v in wide.items())
                                                if wide else "too few films to tell"))
    lines.append(f"distance to the nearest clip of the last training: {near['made']:.3f}, of real "
                 f"clips never trained on {near['real, unseen']:.3f}")
    if scores["peak_memory_bytes"]:
        lines.append(f"peak memory: {scores['peak_memory_bytes'] / 2**30:.1f} GiB")
    if "sound" in scores:
        lines += ["", harmony.table(scores["sound"])]
    return "\n".join(lines)
