"""How good the machine is: prompts obeyed, each figure beside its floor and its ceiling."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean

import torch

from . import checkpoints, media, verify
from . import grammar as g
from .autoencoder import GROUP
from .generate import MEMORY, Machine, extend, generate
from .paint import ClipFormat
from .presets import Preset
from .recipes import TAUGHT, UNSEEN, first_seed
from .world import Clip, Knobs, film, script

Tensor = torch.Tensor
ARTICLE = "a cat riding a bicycle in the rain"
BATCH, PART = 16, 64  # films made together; films made before they are read


def prompts_for(knobs: Knobs, n: int, fmt: ClipFormat, start: int = 0) -> tuple[list[str], Tensor]:
    """n captions that were never trained on, and the seeds (n,) of their clips.

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


def read_films(video: Tensor, fmt: ClipFormat) -> list[verify.Reading]:
    """Read clips as they come back from the film files that `minivid make` writes."""

    def through_a_file(n: int) -> Tensor:
        path = Path(folder) / f"{n}.mp4"
        media.write_film(path, video[n], fmt.fps)
        return media.read_film(path)[0]

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        films = list(threads.map(through_a_file, range(len(video))))
    return verify.read(torch.cat(films), fmt.fps)


def make_all(machine: Machine, prompts: list[str], seed: int, fmt: ClipFormat, tick=None,
             beginning: Tensor | None = None, **options) -> Clip:
    """Generate in batches, one film a prompt."""
    videos = []
    for at in range(0, len(prompts), BATCH):
        begin = None if beginning is None else beginning[at : at + BATCH]
        part = prompts[at : at + BATCH]
        clip = generate(machine, part, seed + at, fmt=fmt, beginning=begin, **options)
        videos.append(clip.video)
        if tick:
            tick(len(part))
    return Clip(torch.cat(videos), None, prompts, None, fmt.fps)


def obeyed(readings: list, captions: list[str]) -> dict[str, float]:
    """Shares of clips: everything right together, and part by part."""
    scores = verify.score(readings, captions)
    out = {"together": scores.rate(), "swapped": mean(scores.swapped)}
    return out | {part: scores.rate(part) for part in verify.PARTS}


def ceilings(machine: Machine, knobs: Knobs, seeds: Tensor, prompts: list[str],
             fmt: ClipFormat) -> tuple[dict[str, float], list]:
    """Scores of real clips, as they are and through the autoencoder; and what is read in them.

    "in full" is where all is asked for, not only what the captions name.
    """
    truth, row = script(seeds, fmt, knobs)[1], {}
    in_full = [g.say(truth.describe(b)) for b in range(len(seeds))]
    for name, copy in (("autoencoder", partial(through_the_autoencoder, machine, fmt)),
                       ("real", lambda video: video)):
        readings = [reading for part in seeds.split(PART)
                    for reading in read_films(copy(film(part, fmt, knobs).video), fmt)]
        row[name] = obeyed(readings, prompts)["together"]
        row[f"{name}, in full"] = obeyed(readings, in_full)["together"]
    return row, readings


def group(machine: Machine, knobs: Knobs, n: int, seeds: list[int], fmt: ClipFormat, tick=None,
          make: Callable = make_all, tell: Callable[[g.Description], str] | None = None,
          keep: bool = False) -> dict:
    """One row of the table: made clips, with real ones as ceiling and wrong captions as floor.

    `tell` says otherwise what happens in a clip; then no caption is wrong, and the floor are films
    whose second half is another's. `keep` adds the "video" (n, 3, F, H, W) of the first seed, and
    the "readings" of made and real clips.
    """
    prompts, clip_seeds = prompts_for(knobs, n, fmt)
    truth = script(clip_seeds, fmt, knobs)[1]
    if tell:
        prompts = [tell(truth.describe(b)) for b in range(n)]
    row, real = ceilings(machine, knobs, clip_seeds, prompts, fmt)
    runs, floors = [], []
    for seed in seeds:
        readings, joined, kept = [], [], []
        for at in range(0, n, PART):
            asked, place = prompts[at : at + PART], truth.place[at : at + PART]
            video = make(machine, asked, seed * 100_003 + at, fmt, tick).video
            readings += read_films(video, fmt)
            joined += read_films(halves_exchanged(video, place), fmt) if tell else []
            kept += [video] if keep and seed == seeds[0] else []
        runs.append(obeyed(readings, prompts))
        wrong = (joined, prompts) if tell else (readings, prompts[1:] + prompts[:1])
        floors.append(obeyed(*wrong)["together"])
        if kept:
            row |= {"video": torch.cat(kept), "readings": (readings, real)}
    row |= {part: mean(run[part] for run in runs) for part in runs[0]}
    return row | {"prompts": n, "seeds": len(seeds), "floor": mean(floors),
                  "each": [run["together"] for run in runs]}


def through_the_autoencoder(machine: Machine, fmt: ClipFormat, video: Tensor) -> Tensor:
    """Clips (B, 3, F, H, W) encoded and decoded again."""
    packing = machine.preset.packing(fmt)
    return torch.cat([machine.to_video(machine.to_tokens(part, packing), packing)
                      for part in video.split(BATCH)])


def halves_exchanged(video: Tensor, place: Tensor) -> Tensor:
    """Films (B, 3, F, H, W), each with another's second half, mostly of the same place (B,)."""
    order, half = place.argsort(stable=True), video.shape[2] // 2
    other = torch.empty_like(video)
    other[order] = video[order.roll(1)]
    return torch.cat([video[:, :, :half], other[:, :, half:]], 2)


def spread(made: list, real: list) -> dict[str, float] | None:
    """Standard deviations of place and size over clips with one actor, as a share of real clips'.

    None where there are hardly any such clips.
    """

    def alone(readings):
        return [(r.position[0].nanmean(0), r.radius[0].nanmean()) for r in readings
                if r.description is not None and len(r.position) == 1]

    def measure(rows):
        place, size = torch.stack([p for p, _ in rows]), torch.stack([s for _, s in rows])
        return place.std(0), size.std()

    if min(len(alone(made)), len(alone(real))) < 2:
        return None
    (place, size), (place0, size0) = measure(alone(made)), measure(alone(real))
    ratio = place / place0
    return {"y": float(ratio[0]), "x": float(ratio[1]), "size": float(size / size0)}


def nearest(video: Tensor, preset: Preset) -> tuple[Tensor, Tensor]:
    """The nearest training clip: root mean square distance of pixels (B,), and its seed (B,).

    Compared on clips made four times smaller, with all clips of the preset's own aspect that its
    last training saw.
    """

    def small(v: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool3d(v[:, :, ::4], (1, 4, 4)).flatten(1)

    fmt, entry = preset.fmt, checkpoints.manifest()[f"transformer-{preset.name}"]
    seeds = first_seed(entry["seed"]) + torch.arange(entry["clips"] // 2)
    trained = torch.cat([small(film(part, fmt, TAUGHT).video) for part in seeds.split(64)])
    mine = small(video)
    far, which = (torch.cdist(mine, trained) / mine.shape[1] ** 0.5).min(1)
    return far, seeds[which]


# ---------------------------------------------------------------- special questions


def same_prompt(machine: Machine, prompt: str, n: int, fmt: ClipFormat, tick=None) -> float:
    """Share of n seeds in which a single prompt is obeyed."""
    made = make_all(machine, [prompt] * n, 7, fmt, tick)
    return obeyed(read_films(made.video, fmt), [prompt] * n)["together"]


def unnamed(told: g.Description) -> str:
    """The sentence for a clip that names neither colour nor shape."""
    return g.say(g.Description((g.Actor(action=told.actors[0].action),), told.place))


def from_beginning(machine: Machine, n: int, frames: int, fmt: ClipFormat, tick=None) -> float:
    """Share obeyed when the first frames of a real clip of the caption are given."""
    knobs = Knobs(cast="one")
    prompts, seeds = prompts_for(knobs, n, fmt, start=1 << 20)
    begin = film(seeds, fmt, knobs).video[:, :, :frames]
    made = make_all(machine, prompts, 13, fmt, tick, begin)
    return obeyed(read_films(made.video, fmt), prompts)["together"]


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
             tick: Callable[[int], None] | None = None) -> dict:
    """The whole table, as plain numbers: see `table` for how it is read."""
    preset, which = machine.preset, list(range(seeds))
    fmt, few = preset.fmt, max(BATCH, prompts // 5)
    alone, lasting = Knobs(cast="one"), Knobs(cast="one", actions=g.LASTING)
    behind = Knobs(cast="one", actions=(g.ACTIONS[g.PASSES],))
    long = replace(fmt, frames=3 * (fmt.frames - 1) + 1)
    groups = {
        "seen, one actor": {"knobs": alone, "keep": True},
        "seen, two actors": {"knobs": Knobs(cast="two")},
        "never-seen pairs": {"knobs": Knobs(cast="one", split="pairs")},
        "never-seen triples": {"knobs": Knobs(cast="one", split="triples")},
        "held-out phrasings": {"knobs": Knobs(cast="one", phrasings="held out"), "n": few},
    } | {
        f"held-out aspect {width}x{height}":
            {"knobs": alone, "fmt": replace(fmt, height=height, width=width)}
        for height, width in preset.held_out
    } | {
        "behind a wall, unnamed": {"knobs": behind, "tell": unnamed},
        "actions that last": {"knobs": lasting, "n": few},
        "actions that last, thrice as long":
            {"knobs": lasting, "n": few, "fmt": long, "seeds": which[:1], "make": make_long},
    }
    usual = {"n": max(2, prompts), "seeds": which, "fmt": fmt, "tick": tick}
    rows = {name: group(machine, **usual | special) for name, special in groups.items()}
    first = rows["seen, one actor"]
    video, first["spread"] = first.pop("video"), spread(*first.pop("readings"))
    unseen = film(UNSEEN + (1 << 22) + torch.arange(len(video)), fmt, alone).video
    return without_nan({
        "preset": preset.name, "groups": rows,
        "article": {"prompt": ARTICLE, "seeds": 50,
                    "together": same_prompt(machine, ARTICLE, 50, fmt, tick)},
        "from a picture": from_beginning(machine, few, 1, fmt, tick),
        "continued": from_beginning(machine, few, min(MEMORY, fmt.frames - GROUP), fmt, tick),
        "nearest training clip": {"made": float(nearest(video, preset)[0].median()),
                                  "real, unseen": float(nearest(unseen, preset)[0].median())},
    })


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
                     f"{row['real']:7.1%}   {row['prompts']} prompts x {row['seeds']} seeds")
    full = [mean(row[f"{name}, in full"] for row in scores["groups"].values())
            for name in ("autoencoder", "real")]
    lines.append(f"{'asked for everything, mean':50}{full[0]:9.1%}{full[1]:7.1%}")
    article = scores["article"]
    lines.append(f"{article['prompt']!r}: {article['together']:.0%} of {article['seeds']} seeds")
    two = scores["groups"]["seen, two actors"]
    lines.append(f"two actors, colours swapped: {two['swapped']:.1%}")
    for name in ("from a picture", "continued"):
        lines.append(f"{name}: {scores[name]:.1%}")
    wide = scores["groups"]["seen, one actor"]["spread"]
    lines.append("spread over real clips': " + (", ".join(f"{k} {v:.2f}" for k, v in wide.items())
                                                if wide else "too few films to tell"))
    near = scores["nearest training clip"]
    lines.append(f"distance to the nearest clip of the last training: {near['made']:.3f}, of real "
                 f"clips never trained on {near['real, unseen']:.3f}")
    return "\n".join(lines)
